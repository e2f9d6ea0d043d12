/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Writing a response behind its question. Record sets of zones are copied as they lie in the tables; their owner is a pointer to where
 * the name stands in the message, at offset 12 or in the data of a record before.
 *
 * Room for the OPT is kept from the beginning, so that the limit that the client gave is kept whatever is written.
 */
#pragma once

#include "dns/cookie.h"
#include "tables/zone.h"

#define DNS_UDP_PLAIN_MAX   512	 /* without EDNS, RFC 1035 */
#define DNS_UDP_MAX	    1232 /* no fragments on any path of today */
#define DNS_MESSAGE_MAX	    65535
#define DNS_POINTER_MAX	    0x3fff
#define DNS_RR_HEADER_BYTES 12 /* its owner is a pointer */

/* Extended DNS Errors, RFC 8914: code and what is said beside it. */
#define DNS_EDES(X)                                                             \
	X(EDE_NONE, 0, NULL)                                                    \
	X(EDE_NOT_LINKED_NX, 0, "zone not linked to this network")              \
	X(EDE_FORWARDED, 0, "as the forwarder answers")                         \
	X(EDE_STALE, 3, "served from the last state that was confirmed")        \
	X(EDE_FAILED_LATELY, 13, "no forwarder answered a moment ago")          \
	X(EDE_NOT_READY, 14, "no zones yet")                                    \
	X(EDE_NOT_LINKED, 18, "zone not linked to this network")                \
	X(EDE_NO_TRANSFER, 18, "no transfer to this address")                   \
	X(EDE_NOT_FORWARDED, 18, "this network forwards no names")              \
	X(EDE_NOT_AUTHORITATIVE, 20, NULL)                                      \
	X(EDE_NO_RECURSION_ASKED, 20, "forwarded only if recursion is desired") \
	X(EDE_NOT_SUPPORTED, 21, NULL)                                          \
	X(EDE_NO_UPSTREAM, 22, "no forwarder answers")                          \
	X(EDE_DAMAGED, 24, "the zone cannot be read")

enum dns_ede {
#define X(name, code, text) name,
	DNS_EDES(X)
#undef X
};

enum dns_section { DNS_ANSWERS, DNS_AUTHORITIES, DNS_ADDITIONALS, DNS_SECTIONS };

struct response {
	uint8_t *out;
	size_t at, limit;  /* what is written, and may be, before the OPT */
	size_t hard_limit; /* with it */
	uint16_t counts[DNS_SECTIONS];
	bool is_truncated, is_authoritative, is_recursive;
	uint16_t rcode; /* enum dns_rcode */
	enum dns_ede ede;
};

/*
 * Begin a response to q in out, where its first q->question_end octets (header and question) are already. has_cookie: the OPT will hold one. False: cap
 * has not even room for an empty one.
 */
bool response_begin(struct response *r, const struct dns_query *q, bool is_tcp, bool has_cookie,
		    uint8_t *out, size_t cap);
/*
 * A set, its owner at offset `owner`. Returns the offset of the first record's data; 0: no room, and nothing is written. ttl: UINT32_MAX, or the
 * one to say instead of the set's.
 */
size_t response_put(struct response *r, enum dns_section section, const struct zone_rrset *set,
		    size_t owner, uint32_t ttl);
/* An answer that does not fit: TC, and the sections empty. */
void response_truncate(struct response *r, const struct dns_query *q);
/* Header and OPT. cookie: NULL, or the client's 8 octets (in q) come back with these 16. Returns the length. */
size_t response_end(struct response *r, const struct dns_query *q, const uint8_t *cookie);
