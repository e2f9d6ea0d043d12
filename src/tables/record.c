/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The small records: meta, name, ranges (the header before the blob), change. Host byte order.
 *
 *	meta    0 "PMT1"   4 u32 schema      8 u64 generation   16 u64 changes_from
 *	       24 u64 digest   32 store id, 40 bytes, zero padded   72 u64 check of 0..71
 *	name    0 u32 id   4 u32 zero        8 u64 check of key and 0..7
 *	ranges  0 u32 id   4 u32 zero        8 u64 check of 0..7 and the blob's first 24 bytes   16 blob
 *	change  0 u64 check of key and ids   8 u32 ids[]
 *
 * The blob's first 24 bytes hold its own checksum, so the ranges' check binds the whole blob to the id.
 */
#include "tables/tables_int.h"

#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#define META_MAGIC 0x31544d50u /* "PMT1" */

void meta_record_encode(const struct meta_record *m, uint8_t dst[META_RECORD_BYTES])
{
	memset(dst, 0, META_RECORD_BYTES);
	save_u32(dst, META_MAGIC);
	save_u32(dst + 4, TABLES_SCHEMA);
	save_u64(dst + 8, m->generation);
	save_u64(dst + 16, m->changes_from);
	save_u64(dst + 24, m->digest);
	memcpy(dst + 32, m->store_id, strnlen(m->store_id, TABLES_STORE_ID_MAX - 1));
	save_u64(dst + 72, XXH3_64bits(dst, 72));
}

int meta_record_decode(const MDB_val *v, struct meta_record *ret_meta)
{
	const uint8_t *p = v->mv_data;

	if (v->mv_size != META_RECORD_BYTES || load_u32(p) != META_MAGIC ||
	    load_u32(p + 4) != TABLES_SCHEMA || load_u64(p + 72) != XXH3_64bits(p, 72) ||
	    p[32 + TABLES_STORE_ID_MAX - 1] != '\0')
		return -ERR_UNAVAILABLE;
	ret_meta->generation = load_u64(p + 8);
	ret_meta->changes_from = load_u64(p + 16);
	ret_meta->digest = load_u64(p + 24);
	memcpy(ret_meta->store_id, p + 32, TABLES_STORE_ID_MAX);
	return 0;
}

static uint64_t name_check(const MDB_val *key, const uint8_t record[NAME_RECORD_BYTES])
{
	return XXH3_64bits_withSeed(key->mv_data, key->mv_size, load_u64(record));
}

void name_record_encode(const MDB_val *key, uint32_t id, uint8_t dst[NAME_RECORD_BYTES])
{
	save_u32(dst, id);
	save_u32(dst + 4, 0);
	save_u64(dst + 8, name_check(key, dst));
}

int name_record_decode(const MDB_val *key, const MDB_val *v, uint32_t *ret_id)
{
	const uint8_t *p = v->mv_data;

	if (v->mv_size != NAME_RECORD_BYTES || load_u32(p + 4) != 0 ||
	    load_u64(p + 8) != name_check(key, p))
		return -ERR_UNAVAILABLE;
	*ret_id = load_u32(p);
	return 0;
}

void ranges_header_encode(uint32_t id, const void *blob, size_t len,
			  uint8_t dst[RANGES_HEADER_BYTES])
{
	save_u32(dst, id);
	save_u32(dst + 4, 0);
	save_u64(dst + 8, XXH3_64bits_withSeed(blob, RANGES_BLOB_MIN, id));
}

int ranges_header_decode(uint32_t id, const MDB_val *v, MDB_val *ret_blob)
{
	const uint8_t *p = v->mv_data;

	if (v->mv_size < RANGES_HEADER_BYTES + RANGES_BLOB_MIN || load_u32(p) != id ||
	    load_u32(p + 4) != 0 ||
	    load_u64(p + 8) != XXH3_64bits_withSeed(p + RANGES_HEADER_BYTES, RANGES_BLOB_MIN, id))
		return -ERR_UNAVAILABLE;
	*ret_blob = tables_val(p + RANGES_HEADER_BYTES, v->mv_size - RANGES_HEADER_BYTES);
	return 0;
}

static uint64_t change_check(uint64_t generation, const uint8_t *record, size_t len)
{
	return XXH3_64bits_withSeed(record + CHANGE_HEADER_BYTES, len - CHANGE_HEADER_BYTES,
				    generation);
}

void change_record_seal(uint64_t generation, uint8_t *record, size_t len)
{
	save_u64(record, change_check(generation, record, len));
}

int change_record_decode(uint64_t generation, const MDB_val *v, size_t *ret_n)
{
	const uint8_t *p = v->mv_data;

	if (v->mv_size < CHANGE_HEADER_BYTES || v->mv_size % sizeof(uint32_t) != 0 ||
	    load_u64(p) != change_check(generation, p, v->mv_size))
		return -ERR_UNAVAILABLE;
	*ret_n = (v->mv_size - CHANGE_HEADER_BYTES) / sizeof(uint32_t);
	return 0;
}

uint32_t change_record_id(const MDB_val *v, size_t i)
{
	const uint8_t *p = v->mv_data;

	return load_u32(p + CHANGE_HEADER_BYTES + i * sizeof(uint32_t));
}

/* Where each record keeps its check value. */
static uint64_t record_check(enum table table, const MDB_val *v)
{
	const uint8_t *p = v->mv_data;
	size_t at = 0;

	if (table == TABLE_NAME || table == TABLE_RANGES || table == TABLE_ZONE ||
	    table == TABLE_ZONE_KEY)
		at = 8;
	else if (table == TABLE_ENDPOINT)
		at = 24;
	else if (table == TABLE_CLUSTER || table == TABLE_NETWORK || table == TABLE_VIEW_CONFIG)
		at = v->mv_size - 8;
	return at + 8 <= v->mv_size ? load_u64(p + at) : 0;
}

uint64_t record_digest(enum table table, const MDB_val *key, const MDB_val *v)
{
	const uint64_t seed = record_check(table, v) + (uint64_t)table * 0x9e3779b97f4a7c15u;

	return XXH3_64bits_withSeed(key->mv_data, key->mv_size, seed);
}
