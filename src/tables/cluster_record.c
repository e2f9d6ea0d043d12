/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The cluster record, host byte order:
 *
 *	offset  size    what
 *	0       4       magic "PCR1"
 *	4       4       length of the whole record
 *	8       4       cluster id, the same as the key
 *	12      1       flags: 1 public enabled, 2 public open, 4 PROXY protocol v2
 *	13      1       enum health_kind
 *	14      1       n, number of upstreams, 0..16
 *	15      1       length of the name, 1..63
 *	16      8       generation
 *	24      4       drain, seconds
 *	28      4 + 4   most connections, most per source
 *	36      4       connect timeout, milliseconds
 *	40      4 + 4   health interval and timeout, milliseconds
 *	48      64      name, zero padded
 *	112     20 * n  upstreams: u8 family, u8 zero, u16 port, u64 hi, u64 lo
 *	..      8       XXH3 of all bytes before
 *
 * There is one encoding of a cluster: what the encoder would not have written is refused.
 */
#include "tables/tables_int.h"

#include <assert.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#define CLUSTER_MAGIC	 0x31524350u /* "PCR1" */
#define NAME_AT		 48
#define UPSTREAMS_AT	 112
#define UPSTREAM_BYTES	 20
#define HEALTH_KIND_LAST 2

enum { FLAG_ENABLED = 1, FLAG_OPEN = 2, FLAG_PROXY_V2 = 4, FLAG_ALL = 7 };

size_t cluster_record_encode(const struct tables_cluster *c, uint8_t dst[CLUSTER_RECORD_MAX])
{
	const size_t len = UPSTREAMS_AT + c->n_upstreams * (size_t)UPSTREAM_BYTES + 8;
	const size_t name_len = strnlen(c->name, sizeof(c->name));

	assert(c->n_upstreams <= TABLES_UPSTREAMS_MAX && name_len < sizeof(c->name));
	memset(dst, 0, len);
	save_u32(dst, CLUSTER_MAGIC);
	save_u32(dst + 4, (uint32_t)len);
	save_u32(dst + 8, c->id);
	dst[12] = (uint8_t)((c->public_enabled ? FLAG_ENABLED : 0) |
			    (c->public_open ? FLAG_OPEN : 0) | (c->proxy_v2 ? FLAG_PROXY_V2 : 0));
	dst[13] = c->health_kind;
	dst[14] = c->n_upstreams;
	dst[15] = (uint8_t)name_len;
	save_u64(dst + 16, c->generation);
	save_u32(dst + 24, c->drain_s);
	save_u32(dst + 28, c->max_connections);
	save_u32(dst + 32, c->max_per_source);
	save_u32(dst + 36, c->connect_timeout_ms);
	save_u32(dst + 40, c->health_interval_ms);
	save_u32(dst + 44, c->health_timeout_ms);
	memcpy(dst + NAME_AT, c->name, name_len);
	for (size_t i = 0; i < c->n_upstreams; i++) {
		uint8_t *p = dst + UPSTREAMS_AT + i * UPSTREAM_BYTES;

		p[0] = c->upstreams[i].addr.family;
		save_u16(p + 2, c->upstreams[i].port);
		save_u64(p + 4, c->upstreams[i].addr.hi);
		save_u64(p + 12, c->upstreams[i].addr.lo);
	}
	save_u64(dst + len - 8, XXH3_64bits(dst, len - 8));
	return len;
}

static bool frame_is_good(const MDB_val *v, uint32_t id)
{
	const uint8_t *p = v->mv_data;

	if (v->mv_size < UPSTREAMS_AT + 8 || v->mv_size > CLUSTER_RECORD_MAX)
		return false;
	return load_u32(p) == CLUSTER_MAGIC && load_u32(p + 4) == v->mv_size &&
	       load_u32(p + 8) == id && p[14] <= TABLES_UPSTREAMS_MAX &&
	       v->mv_size == UPSTREAMS_AT + p[14] * (size_t)UPSTREAM_BYTES + 8 &&
	       load_u64(p + v->mv_size - 8) == XXH3_64bits(p, v->mv_size - 8);
}

static bool name_is_good(const uint8_t *record)
{
	const size_t len = record[15], room = UPSTREAMS_AT - NAME_AT;

	if (len == 0 || len >= room || memchr(record + NAME_AT, 0, len))
		return false;
	for (size_t i = len; i < room; i++) {
		if (record[NAME_AT + i] != 0)
			return false;
	}
	return true;
}

static bool upstream_decode(const uint8_t *p, struct tables_upstream *u)
{
	u->addr.family = p[0];
	u->port = load_u16(p + 2);
	u->addr.hi = load_u64(p + 4);
	u->addr.lo = load_u64(p + 12);
	if (p[1] != 0 || u->port == 0)
		return false;
	if (p[0] == ADDR_V4)
		return u->addr.hi == 0 && u->addr.lo <= UINT32_MAX;
	return p[0] == ADDR_V6;
}

int cluster_record_decode(const MDB_val *v, uint32_t id, struct tables_cluster *ret_cluster)
{
	const uint8_t *p = v->mv_data;
	struct tables_cluster *c = ret_cluster;

	memset(c, 0, sizeof(*c));
	if (!frame_is_good(v, id) || !name_is_good(p) || (p[12] & ~FLAG_ALL) != 0 ||
	    p[13] > HEALTH_KIND_LAST)
		return -ERR_UNAVAILABLE;
	for (size_t i = 0; i < p[14]; i++) {
		if (!upstream_decode(p + UPSTREAMS_AT + i * UPSTREAM_BYTES, &c->upstreams[i])) {
			memset(c, 0, sizeof(*c));
			return -ERR_UNAVAILABLE;
		}
	}
	c->id = id;
	c->public_enabled = p[12] & FLAG_ENABLED;
	c->public_open = p[12] & FLAG_OPEN;
	c->proxy_v2 = p[12] & FLAG_PROXY_V2;
	c->health_kind = p[13];
	c->n_upstreams = p[14];
	memcpy(c->name, p + NAME_AT, p[15]);
	c->generation = load_u64(p + 16);
	c->drain_s = load_u32(p + 24);
	c->max_connections = load_u32(p + 28);
	c->max_per_source = load_u32(p + 32);
	c->connect_timeout_ms = load_u32(p + 36);
	c->health_interval_ms = load_u32(p + 40);
	c->health_timeout_ms = load_u32(p + 44);
	return 0;
}
