/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dns/reply.h"

#include "wire/cursor.h"

#include <string.h>

#define RR_RRSIG    46
#define RR_NSEC	    47
#define RR_NSEC3    50
#define RECORD_TAIL 10 /* type, class, TTL, length */

static unsigned be16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static void be16_put(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* --- names ------------------------------------------------------------------------------------------------------ */

/*
 * The name at `at`, uncompressed into dst. Nothing from `limit` on is read; with each pointer that becomes where the part began that it
 * ends, so that all lead strictly back. *ret_end: behind the name as it lies there. Returns its length, 0 if it is none.
 */
static size_t name_expand(const uint8_t *p, size_t limit, size_t at, uint8_t dst[DNAME_MAX],
			  size_t *ret_end)
{
	size_t begin = at, n = 0;
	bool jumped = false;

	for (;;) {
		size_t label;

		if (at >= limit)
			return 0;
		label = p[at];
		if (label >= 0xc0) {
			if (limit - at < 2)
				return 0;
			if (!jumped)
				*ret_end = at + 2;
			jumped = true;
			limit = begin;
			at = be16(p + at) & DNS_POINTER_MAX;
			if (at < DNS_HEADER_BYTES)
				return 0;
			begin = at;
			continue;
		}
		if (label > DNAME_LABEL || label + 1 > limit - at || n + label + 1 > DNAME_MAX)
			return 0;
		memcpy(dst + n, p + at, label + 1);
		n += label + 1;
		at += label + 1;
		if (label == 0)
			break;
	}
	if (!jumped)
		*ret_end = at;
	return n;
}

/* --- data ------------------------------------------------------------------------------------------------------- */

/*
 * Types in whose data names may be compressed, by those who made them before RFC 3597 said otherwise (section 4 there): octets before the
 * names, how many names, octets behind.
 */
static const struct layout {
	uint8_t type, before, names, behind;
} layouts[] = {
	{RR_NS, 0, 1, 0},	   {3, 0, 1, 0} /* MD */,  {4, 0, 1, 0} /* MF */,
	{RR_CNAME, 0, 1, 0},	   {RR_SOA, 0, 2, 20},	   {7, 0, 1, 0} /* MB */,
	{8, 0, 1, 0} /* MG */,	   {9, 0, 1, 0} /* MR */,  {RR_PTR, 0, 1, 0},
	{14, 0, 2, 0} /* MINFO */, {RR_MX, 2, 1, 0},	   {17, 0, 2, 0} /* RP */,
	{18, 2, 1, 0} /* AFSDB */, {21, 2, 1, 0} /* RT */, {26, 2, 2, 0} /* PX */,
	{RR_SRV, 6, 1, 0},	   {36, 2, 1, 0} /* KX */, {39, 0, 1, 0} /* DNAME */,
};

static const struct layout *layout_of(uint16_t type)
{
	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
		if (layouts[i].type == type)
			return &layouts[i];
	}
	return NULL;
}

/* Into dst, or nowhere if it is NULL. -1: malformed, or no room. */
static ssize_t data_expand(const uint8_t *p, const struct layout *l, size_t at, size_t end,
			   uint8_t *dst, size_t cap)
{
	size_t n = l->before;

	if (end - at < l->before || (dst && cap < n))
		return -1;
	if (dst)
		memcpy(dst, p + at, n);
	at += n;
	for (unsigned i = 0; i < l->names; i++) {
		uint8_t name[DNAME_MAX];
		const size_t len = name_expand(p, end, at, name, &at);

		if (len == 0 || (dst && cap - n < len))
			return -1;
		if (dst)
			memcpy(dst + n, name, len);
		n += len;
	}
	if (end - at != l->behind || (dst && cap - n < l->behind))
		return -1;
	if (dst)
		memcpy(dst + n, p + at, l->behind);
	return (ssize_t)(n + l->behind);
}

ssize_t reply_data(const struct reply *r, const struct reply_record *record, uint8_t *dst,
		   size_t cap)
{
	const struct layout *l = layout_of(record->type);

	if (l)
		return data_expand(r->p, l, record->data_at,
				   (size_t)record->data_at + record->data_len, dst, cap);
	if (record->data_len > cap)
		return -1;
	memcpy(dst, r->p + record->data_at, record->data_len);
	return record->data_len;
}

/* --- records ---------------------------------------------------------------------------------------------------- */

/* Returns the offset behind it, 0 if it is malformed. */
static size_t record_read(const uint8_t *p, size_t len, size_t at, struct reply_record *ret)
{
	size_t n = name_expand(p, len, at, ret->owner, &at);

	if (n == 0 || len - at < RECORD_TAIL)
		return 0;
	ret->owner_len = (uint8_t)n;
	ret->type = (uint16_t)be16(p + at);
	ret->class = (uint16_t)be16(p + at + 2);
	ret->ttl = (uint32_t)be16(p + at + 4) << 16 | be16(p + at + 6);
	ret->data_len = (uint16_t)be16(p + at + 8);
	at += RECORD_TAIL;
	if (ret->data_len > len - at)
		return 0;
	ret->data_at = (uint16_t)at;
	return at + ret->data_len;
}

bool reply_next(const struct reply *r, enum dns_section section, unsigned *i, size_t *at,
		struct reply_record *ret)
{
	size_t next;

	if (*i >= r->n[section])
		return false;
	next = record_read(r->p, r->len, *at, ret);
	if (next == 0)
		return false;
	(*i)++;
	*at = next;
	return true;
}

/* --- the whole -------------------------------------------------------------------------------------------------- */

static bool is_record_good(const uint8_t *p, const struct reply_record *record)
{
	const struct layout *l = layout_of(record->type);

	if (!l || record->class != RR_CLASS_IN)
		return true;
	return data_expand(p, l, record->data_at, (size_t)record->data_at + record->data_len, NULL,
			   0) >= 0;
}

/* False: two OPTs, or one that is not the root's. */
static bool opt_take(struct reply *r, const struct reply_record *record)
{
	if (record->type != RR_OPT)
		return true;
	if (r->has_edns || record->owner_len != 1)
		return false;
	r->has_edns = true;
	r->rcode = (uint16_t)(r->rcode | record->ttl >> 24 << 4);
	return true;
}

static bool sections_read(struct reply *r, size_t at)
{
	struct reply_record record;

	for (unsigned s = 0; s < DNS_SECTIONS; s++) {
		r->at[s] = (uint16_t)at;
		for (unsigned i = 0; i < r->n[s]; i++) {
			at = record_read(r->p, r->len, at, &record);
			if (at == 0 || !is_record_good(r->p, &record))
				return false;
			if (record.type == RR_OPT &&
			    (s != DNS_ADDITIONALS || !opt_take(r, &record)))
				return false;
		}
	}
	return at == r->len;
}

/* Letters may differ in case; the last four octets are type and class. */
static bool is_question_alike(const uint8_t *a, const uint8_t *b, size_t len)
{
	return dname_size(a, len - 4) == len - 4 && dname_is_equal(a, b) &&
	       memcmp(a + len - 4, b + len - 4, 4) == 0;
}

enum reply_kind reply_read(struct reply *r, const uint8_t *p, size_t len, uint16_t id,
			   const uint8_t *question, size_t question_len)
{
	if (len < DNS_HEADER_BYTES + question_len || len > DNS_MESSAGE_MAX || be16(p) != id ||
	    !(p[2] & DNS_QR) || (p[2] >> 3 & 15) != DNS_OPCODE_QUERY || be16(p + 4) != 1)
		return REPLY_STRANGE;
	if (memcmp(p + DNS_HEADER_BYTES, question, question_len) != 0)
		return is_question_alike(p + DNS_HEADER_BYTES, question, question_len)
			       ? REPLY_CASE
			       : REPLY_STRANGE;
	*r = (struct reply){.p = p, .len = len, .rcode = p[3] & 15, .is_truncated = p[2] & DNS_TC};
	for (unsigned s = 0; s < DNS_SECTIONS; s++)
		r->n[s] = (uint16_t)be16(p + 6 + 2 * s);
	if (r->is_truncated) {
		memset(r->n, 0, sizeof(r->n));
		return REPLY_GOOD;
	}
	return sections_read(r, DNS_HEADER_BYTES + question_len) ? REPLY_GOOD : REPLY_MALFORMED;
}

/* --- copying ---------------------------------------------------------------------------------------------------- */

/* Its owner is the name at `owner` of out, or written out if no pointer reaches there. Returns the offset of the data, 0: no room. */
static size_t record_put(const struct reply *r, const struct reply_record *record, size_t owner,
			 struct reply_copy *c)
{
	uint8_t *const p = c->out;
	const uint32_t ttl = record->ttl > INT32_MAX ? 0 : record->ttl; /* RFC 2181 section 8 */
	const size_t n = owner && owner <= DNS_POINTER_MAX ? 2 : record->owner_len;
	size_t at = c->at;
	ssize_t len;

	if (c->is_full || c->cap - at < n + RECORD_TAIL) {
		c->is_full = true;
		return 0;
	}
	if (n == 2 && owner)
		be16_put(p + at, 0xc000u | (unsigned)owner);
	else
		memcpy(p + at, record->owner, n);
	at += n;
	be16_put(p + at, record->type);
	be16_put(p + at + 2, record->class);
	be16_put(p + at + 4, ttl >> 16);
	be16_put(p + at + 6, ttl & 0xffff);
	at += RECORD_TAIL;
	len = reply_data(r, record, p + at, c->cap - at);
	if (len < 0 || len > UINT16_MAX || c->n == UINT16_MAX) {
		c->is_full = true;
		return 0;
	}
	be16_put(p + at - 2, (unsigned)len);
	c->at = at + (size_t)len;
	c->n++;
	return at;
}

static bool covers(const struct reply *r, const struct reply_record *record, uint16_t type)
{
	return record->type == RR_RRSIG && record->data_len >= 2 &&
	       be16(r->p + record->data_at) == type;
}

static bool is_of(const struct reply_record *record, const uint8_t *name)
{
	return record->class == RR_CLASS_IN && dname_is_equal(record->owner, name);
}

bool reply_put_answers(const struct reply *r, const uint8_t *name, uint16_t type, bool is_signed,
		       struct reply_copy *c)
{
	struct reply_record record;
	size_t at = r->at[DNS_ANSWERS];
	unsigned i = 0;
	bool any = false;

	while (reply_next(r, DNS_ANSWERS, &i, &at, &record)) {
		const bool is_type = record.type == type || type == RR_ANY;

		if (!is_of(&record, name) || !(is_type || (is_signed && covers(r, &record, type))))
			continue;
		any = any || is_type;
		record_put(r, &record, c->owner, c);
	}
	return any;
}

static bool cname_find(const struct reply *r, const uint8_t *name, struct reply_record *ret)
{
	size_t at = r->at[DNS_ANSWERS];
	unsigned i = 0;

	while (reply_next(r, DNS_ANSWERS, &i, &at, ret)) {
		if (ret->type == RR_CNAME && is_of(ret, name))
			return true;
	}
	return false;
}

size_t reply_put_cname(const struct reply *r, const uint8_t *name, bool is_signed,
		       struct reply_copy *c)
{
	struct reply_record record;
	size_t at = r->at[DNS_ANSWERS], data;
	unsigned i = 0;

	if (!cname_find(r, name, &record))
		return 0;
	data = record_put(r, &record, c->owner, c);
	while (is_signed && reply_next(r, DNS_ANSWERS, &i, &at, &record)) {
		if (is_of(&record, name) && covers(r, &record, RR_CNAME))
			record_put(r, &record, c->owner, c);
	}
	return data;
}

/* Whether `name` is apex or below; how many octets are before it, in *ret_before. */
static bool is_below(const uint8_t *name, const uint8_t *apex, size_t *ret_before)
{
	const size_t n = dname_size(name, DNAME_MAX), m = dname_size(apex, DNAME_MAX);
	size_t at = 0;

	while (n - at > m)
		at += name[at] + 1u;
	*ret_before = at;
	return n - at == m && dname_is_equal(name + at, apex);
}

static bool is_proof(uint16_t type)
{
	return type == RR_NSEC || type == RR_NSEC3 || type == RR_RRSIG;
}

bool reply_put_soa(const struct reply *r, const uint8_t *name, bool is_signed, struct reply_copy *c)
{
	struct reply_record soa, record;
	size_t at = r->at[DNS_AUTHORITIES], before;
	unsigned i = 0;

	do {
		if (!reply_next(r, DNS_AUTHORITIES, &i, &at, &soa))
			return false;
	} while (soa.type != RR_SOA || soa.class != RR_CLASS_IN ||
		 !is_below(name, soa.owner, &before));
	record_put(r, &soa, c->owner + before, c);
	at = r->at[DNS_AUTHORITIES];
	i = 0;
	while (is_signed && reply_next(r, DNS_AUTHORITIES, &i, &at, &record)) {
		if (is_proof(record.type) && record.class == RR_CLASS_IN &&
		    is_below(record.owner, soa.owner, &before))
			record_put(r, &record, 0, c);
	}
	return true;
}

bool reply_is_referral(const struct reply *r)
{
	struct reply_record record;
	size_t at = r->at[DNS_AUTHORITIES];
	unsigned i = 0;
	bool any = false;

	if (r->rcode != DNS_NOERROR || r->n[DNS_ANSWERS] > 0)
		return false;
	while (reply_next(r, DNS_AUTHORITIES, &i, &at, &record)) {
		if (record.type == RR_SOA)
			return false;
		any = any || record.type == RR_NS;
	}
	return any;
}
