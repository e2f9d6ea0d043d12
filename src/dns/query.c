/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dns/query.h"

#include "wire/cursor.h"

#include <string.h>

/* --- names ------------------------------------------------------------------------------------------------------ */

/* The ASCII capitals among eight octets become small letters. Exact for every octet. */
static uint64_t fold8(uint64_t x)
{
	const uint64_t ones = 0x0101010101010101u, high = 0x80 * ones, low7 = x & ~high;
	const uint64_t from_a = low7 + (0x80 - 'A') * ones, past_z = low7 + (0x80 - 'Z' - 1) * ones;

	return x | ((from_a & ~past_z & ~x & high) >> 2);
}

size_t dns_name_read(struct dns_name *n, const uint8_t *p, size_t left)
{
	size_t at = 0;
	unsigned labels = 0;

	if (left > DNAME_MAX)
		left = DNAME_MAX;
	for (;; at += p[at] + 1u) {
		if (at >= left || p[at] > DNAME_LABEL)
			return 0;
		n->at[labels] = (uint8_t)at;
		if (p[at] == 0)
			break;
		labels++;
	}
	n->labels = (uint8_t)labels;
	n->len = (uint8_t)(at + 1);
	memcpy(n->wire, p, n->len);
	memset(n->wire + n->len, 0, 8);
	for (size_t i = 0; i < n->len; i += 8) {
		uint64_t word;

		memcpy(&word, n->wire + i, 8);
		word = fold8(word);
		memcpy(n->wire + i, &word, 8);
	}
	return n->len;
}

/* --- the OPT ---------------------------------------------------------------------------------------------------- */

/* False: the option's form is wrong. Of two cookies the first counts (RFC 7873 section 5.2). */
static bool cookie_take(struct dns_query *q, struct cursor *option)
{
	const size_t len = cursor_left(option);
	const uint8_t *p = cursor_take(option, len);

	if (len != DNS_COOKIE_CLIENT && (len < 16 || len > DNS_COOKIE_MAX))
		return false;
	if (q->cookie_len == 0) {
		memcpy(q->cookie, p, len);
		q->cookie_len = (uint8_t)len;
	}
	return true;
}

static bool options_take(struct dns_query *q, struct cursor *c)
{
	while (cursor_left(c) > 0 && !c->bad) {
		const uint16_t code = cursor_be16(c), len = cursor_be16(c);
		struct cursor option = cursor_sub(c, len);

		if (option.bad || (code == EDNS_OPTION_COOKIE && !cookie_take(q, &option)))
			return false;
	}
	return !c->bad;
}

/* Behind its owner and type. */
static enum query_kind opt_take(struct dns_query *q, struct cursor *c)
{
	const uint16_t size = cursor_be16(c);
	const uint8_t *ttl = cursor_take(c, 4);
	struct cursor options = cursor_sub(c, cursor_be16(c));

	if (c->bad || q->has_edns)
		return QUERY_FORMERR;
	q->has_edns = true;
	q->udp_size = size;
	q->has_do = ttl[2] & (EDNS_DO >> 8);
	if (ttl[1] != 0)
		return QUERY_BADVERS;
	return options_take(q, &options) ? QUERY_PLAIN : QUERY_FORMERR;
}

/* --- the records behind the question ---------------------------------------------------------------------------- */

/* Any record that is no OPT: only its frame. A name in it may be compressed. */
static void record_skip(struct cursor *c)
{
	const uint8_t *p;

	do {
		p = cursor_take(c, 1);
		if (p && p[0] >= 0xc0) {
			cursor_take(c, 1);
			break;
		}
		if (p && p[0] > DNAME_LABEL)
			c->bad = true;
		else if (p)
			cursor_take(c, p[0]);
	} while (p && p[0] != 0 && !c->bad);
}

/* One of the additional section. */
static enum query_kind additional_take(struct dns_query *q, struct cursor *c, bool is_last)
{
	const bool is_root = cursor_left(c) > 0 && c->p[0] == 0;
	uint16_t type;

	record_skip(c);
	type = cursor_be16(c);
	if (type == RR_OPT)
		return is_root ? opt_take(q, c) : QUERY_FORMERR;
	cursor_take(c, 6);
	cursor_take(c, cursor_be16(c));
	if (c->bad || type != RR_TSIG || !is_last)
		return QUERY_FORMERR;
	q->has_tsig = true;
	return QUERY_SLOW;
}

static enum query_kind additionals_take(struct dns_query *q, struct cursor *c, unsigned n)
{
	enum query_kind kind = QUERY_PLAIN;

	for (unsigned i = 0; i < n; i++) {
		const enum query_kind k = additional_take(q, c, i == n - 1);

		if (k == QUERY_FORMERR || c->bad)
			return QUERY_FORMERR;
		if (kind != QUERY_BADVERS && k != QUERY_PLAIN)
			kind = k;
	}
	return cursor_left(c) > 0 ? QUERY_FORMERR : kind;
}

/* --- the whole -------------------------------------------------------------------------------------------------- */

static bool question_take(struct dns_query *q, struct cursor *c, const uint8_t *message)
{
	const size_t n = dns_name_read(&q->name, c->p, cursor_left(c));

	if (n == 0)
		return false;
	cursor_take(c, n);
	q->type = cursor_be16(c);
	q->class = cursor_be16(c);
	if (c->bad)
		return false;
	q->question_end = (uint16_t)(c->p - message);
	return true;
}

static enum query_kind question_judge(const struct dns_query *q)
{
	if (q->class != RR_CLASS_IN)
		return QUERY_REFUSED;
	switch (q->type) {
	case RR_OPT:
	case 0:
		return QUERY_FORMERR;
	case RR_AXFR:
	case RR_IXFR:
		return QUERY_SLOW;
	case RR_TKEY:
	case RR_TSIG:
	case RR_MAILA:
	case RR_MAILB:
		return QUERY_NOTIMP;
	default:
		return QUERY_PLAIN;
	}
}

static unsigned be16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* IXFR brings its SOA in the authority section (RFC 1995 section 3); the rest of such a query is not looked at here. */
static enum query_kind sections_judge(struct dns_query *q, struct cursor *c, const uint8_t *p)
{
	enum query_kind kind, judged;

	if (q->type == RR_IXFR && be16(p + 6) == 0 && be16(p + 8) == 1)
		return QUERY_SLOW;
	if (be16(p + 6) != 0 || be16(p + 8) != 0)
		return QUERY_FORMERR;
	kind = additionals_take(q, c, be16(p + 10));
	if (kind != QUERY_PLAIN && kind != QUERY_SLOW)
		return kind;
	judged = question_judge(q);
	return judged == QUERY_PLAIN ? kind : judged;
}

enum query_kind query_read(struct dns_query *q, const uint8_t *p, size_t len)
{
	struct cursor c = cursor_of(p, len);

	q->has_edns = q->has_do = q->has_tsig = false;
	q->cookie_len = 0;
	q->name.len = 0;
	q->type = q->class = q->udp_size = 0;
	q->question_end = DNS_HEADER_BYTES;
	if (len < DNS_HEADER_BYTES || (p[2] & DNS_QR))
		return QUERY_DROP;
	cursor_take(&c, DNS_HEADER_BYTES);
	q->id = (uint16_t)be16(p);
	q->flags[0] = p[2];
	q->flags[1] = p[3];
	q->opcode = p[2] >> 3 & 15;
	if (q->opcode == DNS_OPCODE_NOTIFY || q->opcode == DNS_OPCODE_UPDATE) {
		if (be16(p + 4) == 1)
			(void)question_take(q, &c, p);
		return QUERY_SLOW;
	}
	if (q->opcode != DNS_OPCODE_QUERY)
		return QUERY_NOTIMP;
	if (be16(p + 4) == 0) {
		if (be16(p + 6) || be16(p + 8) || be16(p + 10) != 1 ||
		    additionals_take(q, &c, 1) != QUERY_PLAIN || q->cookie_len == 0)
			return QUERY_FORMERR;
		return QUERY_COOKIE;
	}
	if (be16(p + 4) != 1 || !question_take(q, &c, p))
		return QUERY_FORMERR;
	return sections_judge(q, &c, p);
}
