/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading a DNS query: header, one question, at most one OPT (RFC 1035 section 4, RFC 6891). Whatever else a message may be is
 * sorted by what has to become of it, so that who answers sees plain questions only.
 *
 *	QUERY_PLAIN    a question of class IN about a type that records can have, or ANY
 *	QUERY_DROP     not to be answered at all: too short for a header, or itself an answer (answering those makes loops)
 *	QUERY_FORMERR  malformed
 *	QUERY_NOTIMP   an opcode or type that nobody serves
 *	QUERY_REFUSED  another class
 *	QUERY_BADVERS  an EDNS version above 0
 *	QUERY_COOKIE   no question, but a cookie: the client wants ours (RFC 7873 section 5.4)
 *	QUERY_SLOW     transfers, NOTIFY, UPDATE, TSIG: for one who knows them. Read as far as the header, and the question if it is good
 *
 * Pure: no I/O, no allocation. Every octet that is read is inside the message.
 */
#pragma once

#include "wire/rdata.h"

#define DNS_HEADER_BYTES  12
#define DNS_COOKIE_CLIENT 8
#define DNS_COOKIE_MAX	  40 /* client's 8, server's 8..32 */

enum dns_opcode { DNS_OPCODE_QUERY = 0, DNS_OPCODE_NOTIFY = 4, DNS_OPCODE_UPDATE = 5 };

enum dns_rcode {
	DNS_NOERROR = 0,
	DNS_FORMERR = 1,
	DNS_SERVFAIL = 2,
	DNS_NXDOMAIN = 3,
	DNS_NOTIMP = 4,
	DNS_REFUSED = 5,
	DNS_NOTAUTH = 9,
	DNS_BADVERS = 16,
};

/* Bits of the header's octets 2 and 3. */
#define DNS_QR		   0x80
#define DNS_AA		   0x04
#define DNS_TC		   0x02
#define DNS_RD		   0x01
#define DNS_RA		   0x80
#define DNS_AD		   0x20
#define DNS_CD		   0x10

#define EDNS_OPTION_COOKIE 10
#define EDNS_OPTION_EDE	   15
#define EDNS_DO		   0x8000

/* A name, folded, with where each of its labels begins. */
struct dns_name {
	uint8_t len, labels;
	uint8_t at[DNAME_LABELS + 1]; /* at[labels]: the root */
	uint8_t wire[DNAME_MAX + 9];  /* zeros behind the name, so that it may be folded in words */
};

/* 0: no good name, or compressed. Else its length. */
size_t dns_name_read(struct dns_name *n, const uint8_t *p, size_t left);

enum query_kind {
	QUERY_PLAIN,
	QUERY_DROP,
	QUERY_FORMERR,
	QUERY_NOTIMP,
	QUERY_REFUSED,
	QUERY_BADVERS,
	QUERY_COOKIE,
	QUERY_SLOW,
};

struct dns_query {
	uint16_t id;
	uint8_t flags[2]; /* octets 2 and 3 of the header */
	uint8_t opcode;
	struct dns_name name;
	uint16_t type, class;
	uint16_t
		question_end; /* offset behind the question; DNS_HEADER_BYTES if there is none that is good */
	bool has_edns, has_do, has_tsig;
	uint16_t udp_size;  /* as the client says; only if has_edns */
	uint8_t cookie_len; /* 0: none, 8, or 16..40 */
	uint8_t cookie[DNS_COOKIE_MAX];
};

/* Whatever it returns but QUERY_DROP, id, flags, opcode and question_end are there, and has_edns if the OPT was read. */
enum query_kind query_read(struct dns_query *q, const uint8_t *p, size_t len);
