/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading what a server answered that we asked. Nothing of it is trusted: every offset is checked, and a compressed name leads
 * strictly back, so that it ends (RFC 1035 section 4.1.4). A message whose answer or authority section cannot be read to its end is of no
 * use at all.
 *
 *	REPLY_STRANGE    not to what was asked: another id, another question, no answer
 *	REPLY_CASE       all is equal but the case of the question's letters: either forged, or of a server that does not keep case
 *	REPLY_MALFORMED  to what was asked, and cannot be read
 *	REPLY_GOOD
 *
 * Pure: no I/O, no allocation.
 */
#pragma once

#include "dns/query.h"
#include "dns/response.h"

#include <sys/types.h>

enum reply_kind { REPLY_STRANGE, REPLY_CASE, REPLY_MALFORMED, REPLY_GOOD };

struct reply {
	const uint8_t *p;
	size_t len;
	uint16_t rcode; /* with the upper bits of the OPT */
	bool is_truncated, has_edns;
	uint16_t n[DNS_SECTIONS];
	uint16_t at[DNS_SECTIONS]; /* where each section begins */
};

struct reply_record {
	uint8_t owner[DNAME_MAX]; /* in the server's case */
	uint8_t owner_len;
	uint16_t type, class;
	uint32_t ttl;
	uint16_t data_at, data_len; /* as it lies there, perhaps compressed */
};

/*
 * question: name, type and class as they were asked, in that case. Of a truncated answer the header and question are all that is looked
 * at, since it is asked for again.
 */
enum reply_kind reply_read(struct reply *r, const uint8_t *p, size_t len, uint16_t id,
			   const uint8_t *question, size_t question_len);

/* The next record of a section; *i counts them, *at is where it is, from r->at[section]. Only of REPLY_GOOD. False: there are no more. */
bool reply_next(const struct reply *r, enum dns_section section, unsigned *i, size_t *at,
		struct reply_record *ret);
/* Its data without compression. -1: cap is not enough. */
ssize_t reply_data(const struct reply *r, const struct reply_record *record, uint8_t *dst,
		   size_t cap);

/* Where records are copied to. */
struct reply_copy {
	uint8_t *out;
	size_t at, cap;
	size_t owner; /* where the owner's name stands in out, uncompressed */
	uint16_t n;   /* records that were copied */
	bool is_full; /* one did not fit */
};

/* Those of the answer section of this name (any case) and type (or ANY); with their signatures if signed. True: there are some. */
bool reply_put_answers(const struct reply *r, const uint8_t *name, uint16_t type, bool is_signed,
		       struct reply_copy *c);
/* Its CNAME, one. Returns the offset in out of the target; 0: there is none, or no room for it. */
size_t reply_put_cname(const struct reply *r, const uint8_t *name, bool is_signed,
		       struct reply_copy *c);
/*
 * The SOA of the authority section, of the zone that `name` is in: what makes an answer without records negative. With is_signed also the proofs
 * (NSEC, NSEC3, RRSIG) of that zone. False: there is none.
 */
bool reply_put_soa(const struct reply *r, const uint8_t *name, bool is_signed,
		   struct reply_copy *c);
/* It names servers that know more, and says nothing itself: what one answers who does not look further for us. */
bool reply_is_referral(const struct reply *r);
