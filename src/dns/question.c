/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dns/forward_int.h"

#include <string.h>
#include <sys/random.h>

/* --- random octets ---------------------------------------------------------------------------------------------- */

void entropy_init(struct entropy *e)
{
	e->used = sizeof(e->bytes);
}

bool entropy_take(struct entropy *e, void *dst, size_t len)
{
	if (len > sizeof(e->bytes) - e->used) {
		/* Up to 256 octets at once never come in part (getrandom(2)). */
		for (size_t i = 0; i < sizeof(e->bytes); i += 256) {
			if (getrandom(e->bytes + i, 256, 0) != 256)
				return false;
		}
		e->used = 0;
	}
	memcpy(dst, e->bytes + e->used, len);
	memset(e->bytes + e->used, 0, len);
	e->used += len;
	return true;
}

/* --- equal ones ------------------------------------------------------------------------------------------------- */

static bool servers_are_equal(const struct view_server *a, const struct view_server *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!addr_is_equal(&a[i].addr, &b[i].addr) || a[i].port != b[i].port)
			return false;
	}
	return true;
}

bool question_is_equal(const struct question *a, const struct question *b)
{
	return a->router == b->router && a->type == b->type && a->from_daemon == b->from_daemon &&
	       a->has_do == b->has_do && a->has_cd == b->has_cd && a->n_servers == b->n_servers &&
	       a->name_len == b->name_len && memcmp(a->name, b->name, a->name_len) == 0 &&
	       servers_are_equal(a->servers, b->servers, a->n_servers);
}

bool question_is_of(const struct question *q, uint32_t router, const struct dns_client *c)
{
	return q->router == router && q->from_daemon == c->from_daemon &&
	       q->n_servers == c->n_servers &&
	       servers_are_equal(q->servers, c->servers, q->n_servers);
}

#define LIST_BYTES (5 + VIEW_SERVERS_MAX * (sizeof(struct addr) + sizeof(uint16_t)))

static size_t list_write(const struct question *q, uint8_t *p)
{
	size_t n = 0;

	memcpy(p, &q->router, sizeof(q->router));
	n += sizeof(q->router);
	p[n++] = q->from_daemon;
	for (size_t i = 0; i < q->n_servers; i++) {
		memcpy(p + n, &q->servers[i].addr, sizeof(struct addr));
		n += sizeof(struct addr);
		memcpy(p + n, &q->servers[i].port, sizeof(uint16_t));
		n += sizeof(uint16_t);
	}
	return n;
}

uint64_t question_list_hash(const struct question *q, const uint8_t key[SIPHASH_KEY_BYTES])
{
	uint8_t bytes[LIST_BYTES];

	return siphash13(key, bytes, list_write(q, bytes));
}

uint64_t question_hash(const struct question *q, const uint8_t key[SIPHASH_KEY_BYTES])
{
	uint8_t bytes[LIST_BYTES + DNAME_MAX + 4];
	size_t n = list_write(q, bytes);

	memcpy(bytes + n, &q->type, sizeof(q->type));
	n += sizeof(q->type);
	bytes[n++] = q->has_do;
	bytes[n++] = q->has_cd;
	memcpy(bytes + n, q->name, q->name_len);
	return siphash13(key, bytes, n + q->name_len);
}

/* --- on the wire ------------------------------------------------------------------------------------------------ */

/* Letters are small in the folded name; every second one, at random, becomes a capital. */
static void case_mix(uint8_t *name, size_t len, const uint8_t *random)
{
	for (size_t i = 0; i < len; i++) {
		if (name[i] >= 'a' && name[i] <= 'z' && (random[i / 8] >> i % 8 & 1))
			name[i] ^= 0x20;
	}
}

size_t question_write(const struct question *q, struct entropy *e, bool is_plain, bool has_edns,
		      uint8_t dst[QUERY_MAX])
{
	static const uint8_t opt[] = {0, 0, RR_OPT, FORWARD_UDP_SIZE >> 8, FORWARD_UDP_SIZE & 255};
	uint8_t random[2 + DNAME_MAX / 8 + 1], *p = dst + DNS_HEADER_BYTES;

	if (!entropy_take(e, random, sizeof(random)))
		return 0;
	memset(dst, 0, DNS_HEADER_BYTES);
	memcpy(dst, random, 2);
	dst[2] = DNS_RD;
	dst[3] = q->has_cd ? DNS_CD : 0;
	dst[5] = 1;
	dst[11] = has_edns;
	memcpy(p, q->name, q->name_len);
	if (!is_plain)
		case_mix(p, q->name_len, random + 2);
	p += q->name_len;
	*p++ = (uint8_t)(q->type >> 8);
	*p++ = (uint8_t)q->type;
	*p++ = 0;
	*p++ = RR_CLASS_IN;
	if (!has_edns)
		return (size_t)(p - dst);
	memcpy(p, opt, sizeof(opt));
	p += sizeof(opt);
	memset(p, 0, 6); /* rcode, version, flags, no options */
	p[2] = q->has_do ? EDNS_DO >> 8 : 0;
	return (size_t)(p + 6 - dst);
}
