/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dns/response.h"

#include <string.h>

#define OPT_BYTES	    11
#define OPTION_HEADER_BYTES 4
#define COOKIE_OPTION_BYTES (OPTION_HEADER_BYTES + DNS_COOKIE_CLIENT + COOKIE_SERVER_BYTES)

static uint8_t *be16_put(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
	return p + 2;
}

static void be32_put(uint8_t *p, uint32_t v)
{
	be16_put(be16_put(p, v >> 16), v & 0xffff);
}

static size_t size_allowed(const struct dns_query *q, bool is_tcp)
{
	if (is_tcp)
		return DNS_MESSAGE_MAX;
	if (!q->has_edns || q->udp_size < DNS_UDP_PLAIN_MAX)
		return DNS_UDP_PLAIN_MAX;
	return q->udp_size < DNS_UDP_MAX ? q->udp_size : DNS_UDP_MAX;
}

bool response_begin(struct response *r, const struct dns_query *q, bool is_tcp, bool has_cookie,
		    uint8_t *out, size_t cap)
{
	const size_t opt = q->has_edns ? OPT_BYTES + (has_cookie ? COOKIE_OPTION_BYTES : 0) : 0;
	const size_t allowed = size_allowed(q, is_tcp);

	memset(r, 0, sizeof(*r));
	r->out = out;
	r->at = q->question_end;
	r->hard_limit = cap < allowed ? cap : allowed;
	if (r->at + opt > r->hard_limit)
		return false;
	r->limit = r->hard_limit - opt;
	return true;
}

/* The set's records, of which the owner says offset 12, get another owner or TTL. False: the set does not add up. */
static bool records_adapt(uint8_t *p, const struct zone_rrset *set, size_t owner, uint32_t ttl)
{
	size_t at = 0;

	for (unsigned i = 0; i < set->count; i++) {
		if (set->len - at < DNS_RR_HEADER_BYTES)
			return false;
		be16_put(p + at, 0xc000u | (unsigned)owner);
		if (ttl != UINT32_MAX)
			be32_put(p + at + 6, ttl);
		at += DNS_RR_HEADER_BYTES + ((size_t)p[at + 10] << 8 | p[at + 11]);
		if (at > set->len)
			return false;
	}
	return at == set->len;
}

size_t response_put(struct response *r, enum dns_section section, const struct zone_rrset *set,
		    size_t owner, uint32_t ttl)
{
	uint8_t *p = r->out + r->at;
	const size_t data = r->at + DNS_RR_HEADER_BYTES;

	if (set->len > r->limit - r->at || owner > DNS_POINTER_MAX ||
	    set->len < DNS_RR_HEADER_BYTES)
		return 0;
	memcpy(p, set->wire, set->len);
	if ((owner != DNS_HEADER_BYTES || ttl != UINT32_MAX) && !records_adapt(p, set, owner, ttl))
		return 0;
	r->at += set->len;
	r->counts[section] = (uint16_t)(r->counts[section] + set->count);
	return data;
}

void response_truncate(struct response *r, const struct dns_query *q)
{
	r->at = q->question_end;
	memset(r->counts, 0, sizeof(r->counts));
	r->is_truncated = true;
}

/* --- the end ---------------------------------------------------------------------------------------------------- */

static const struct {
	uint16_t code;
	const char *text;
} edes[] = {
#define X(name, code, text) {code, text},
	DNS_EDES(X)
#undef X
};

/* Room for it is not kept: an answer that has none goes without, or without its text. */
static void ede_put(struct response *r)
{
	const char *text = edes[r->ede].text;
	size_t n = text ? strlen(text) : 0;
	uint8_t *p = r->out + r->at;

	if (n > 0 && r->at + OPTION_HEADER_BYTES + 2 + n > r->hard_limit)
		n = 0;
	if (r->at + OPTION_HEADER_BYTES + 2 + n > r->hard_limit)
		return;
	p = be16_put(p, EDNS_OPTION_EDE);
	p = be16_put(p, (unsigned)(2 + n));
	p = be16_put(p, edes[r->ede].code);
	if (n > 0)
		memcpy(p, text, n);
	r->at += OPTION_HEADER_BYTES + 2 + n;
}

static void cookie_put(struct response *r, const struct dns_query *q, const uint8_t *cookie)
{
	uint8_t *p = r->out + r->at;

	p = be16_put(p, EDNS_OPTION_COOKIE);
	p = be16_put(p, DNS_COOKIE_CLIENT + COOKIE_SERVER_BYTES);
	memcpy(p, q->cookie, DNS_COOKIE_CLIENT);
	memcpy(p + DNS_COOKIE_CLIENT, cookie, COOKIE_SERVER_BYTES);
	r->at += COOKIE_OPTION_BYTES;
}

static void opt_put(struct response *r, const struct dns_query *q, const uint8_t *cookie)
{
	uint8_t *p = r->out + r->at;
	size_t options;

	*p++ = 0;
	p = be16_put(p, RR_OPT);
	p = be16_put(p, DNS_UDP_MAX);
	*p++ = (uint8_t)(r->rcode >> 4);
	*p++ = 0; /* version */
	p = be16_put(p, q->has_do ? EDNS_DO : 0);
	r->at += OPT_BYTES;
	options = r->at;
	if (cookie)
		cookie_put(r, q, cookie);
	if (r->ede != EDE_NONE)
		ede_put(r);
	be16_put(p, (unsigned)(r->at - options));
	r->counts[DNS_ADDITIONALS]++;
}

size_t response_end(struct response *r, const struct dns_query *q, const uint8_t *cookie)
{
	uint8_t *p = r->out;

	if (q->has_edns)
		opt_put(r, q, cookie);
	be16_put(p, q->id);
	p[2] = (uint8_t)(DNS_QR | q->opcode << 3 | (q->flags[0] & DNS_RD) |
			 (r->is_authoritative ? DNS_AA : 0) | (r->is_truncated ? DNS_TC : 0));
	p[3] = (uint8_t)((r->is_recursive ? DNS_RA : 0) | (q->flags[1] & DNS_CD) | (r->rcode & 15));
	p = be16_put(p + 4, q->question_end > DNS_HEADER_BYTES);
	for (int i = 0; i < DNS_SECTIONS; i++)
		p = be16_put(p, r->counts[i]);
	return r->at;
}
