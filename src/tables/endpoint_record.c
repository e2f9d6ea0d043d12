/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The endpoint record, host byte order but for the key's address:
 *
 *	key     0 u32 id of the network   4 u8 family   5 address, 16 octets, network order (IPv4: the last 4)
 *	value   0 u32 cluster   4 u32 owner   8 u64 generation   16 u16 port   18 u8 flags: 1 open   19 zero, 5 octets
 *	       24 u64 check of the key, of 0..23 and of the blob's first 24 octets (zero if open)   32 blob, if not open
 *
 * The blob's first 24 octets hold its own checksum, so the check binds the whole blob to the address.
 */
#include "tables/tables_int.h"

#include <assert.h>
#include <endian.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#define PORT_AT	  16
#define FLAGS_AT  18
#define CHECK_AT  24
#define FLAG_OPEN 1

void endpoint_key_encode(uint32_t network, const struct addr *a, uint8_t dst[ENDPOINT_KEY_BYTES])
{
	save_u32(dst, network);
	dst[4] = a->family;
	save_u64(dst + 5, htobe64(a->hi));
	save_u64(dst + 13, htobe64(a->lo));
}

int endpoint_key_decode(const MDB_val *key, uint32_t *ret_network, struct addr *ret_addr)
{
	const uint8_t *p = key->mv_data;
	struct addr a = {0};

	if (key->mv_size != ENDPOINT_KEY_BYTES)
		return -ERR_UNAVAILABLE;
	a.family = p[4];
	a.hi = be64toh(load_u64(p + 5));
	a.lo = be64toh(load_u64(p + 13));
	if (a.family != ADDR_V6 && (a.family != ADDR_V4 || a.hi != 0 || a.lo > UINT32_MAX))
		return -ERR_UNAVAILABLE;
	*ret_network = load_u32(p);
	*ret_addr = a;
	return 0;
}

static uint64_t endpoint_check(const MDB_val *key, const uint8_t *record, const void *blob)
{
	uint8_t bound[ENDPOINT_KEY_BYTES + CHECK_AT + RANGES_BLOB_MIN] = {0};

	memcpy(bound, key->mv_data, ENDPOINT_KEY_BYTES);
	memcpy(bound + ENDPOINT_KEY_BYTES, record, CHECK_AT);
	if (blob)
		memcpy(bound + ENDPOINT_KEY_BYTES + CHECK_AT, blob, RANGES_BLOB_MIN);
	return XXH3_64bits(bound, sizeof(bound));
}

void endpoint_record_encode(const MDB_val *key, const struct tables_endpoint *ep, const void *blob,
			    uint8_t dst[ENDPOINT_RECORD_BYTES])
{
	assert(ep->open == !blob && ep->port != 0);
	memset(dst, 0, ENDPOINT_RECORD_BYTES);
	save_u32(dst, ep->cluster);
	save_u32(dst + 4, ep->owner);
	save_u64(dst + 8, ep->generation);
	save_u16(dst + PORT_AT, ep->port);
	dst[FLAGS_AT] = ep->open ? FLAG_OPEN : 0;
	save_u64(dst + CHECK_AT, endpoint_check(key, dst, blob));
}

static bool frame_is_good(const MDB_val *key, const MDB_val *v)
{
	static const uint8_t zero[CHECK_AT - FLAGS_AT - 1];
	const uint8_t *p = v->mv_data, *blob = NULL;

	if (v->mv_size < ENDPOINT_RECORD_BYTES || (p[FLAGS_AT] & ~FLAG_OPEN) != 0 ||
	    memcmp(p + FLAGS_AT + 1, zero, sizeof(zero)) != 0 || load_u16(p + PORT_AT) == 0)
		return false;
	if (p[FLAGS_AT] & FLAG_OPEN) {
		if (v->mv_size != ENDPOINT_RECORD_BYTES)
			return false;
	} else {
		if (v->mv_size < ENDPOINT_RECORD_BYTES + RANGES_BLOB_MIN)
			return false;
		blob = p + ENDPOINT_RECORD_BYTES;
	}
	return load_u64(p + CHECK_AT) == endpoint_check(key, p, blob);
}

int endpoint_record_decode(const MDB_val *key, const MDB_val *v,
			   struct tables_endpoint *ret_endpoint, MDB_val *ret_blob)
{
	const uint8_t *p = v->mv_data;
	struct tables_endpoint ep = {0};

	memset(ret_endpoint, 0, sizeof(*ret_endpoint));
	*ret_blob = (MDB_val){0};
	if (endpoint_key_decode(key, &ep.network, &ep.addr) < 0 || !frame_is_good(key, v))
		return -ERR_UNAVAILABLE;
	ep.cluster = load_u32(p);
	ep.owner = load_u32(p + 4);
	ep.generation = load_u64(p + 8);
	ep.port = load_u16(p + PORT_AT);
	ep.open = p[FLAGS_AT] & FLAG_OPEN;
	if (!ep.open)
		*ret_blob =
			tables_val(p + ENDPOINT_RECORD_BYTES, v->mv_size - ENDPOINT_RECORD_BYTES);
	*ret_endpoint = ep;
	return 0;
}
