/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The keys of zones (RFC 8945), host byte order:
 *
 *	key     0 u32 id of the zone   4 name of the key in wire form, folded
 *	value   0 u8 algorithm   1 u8 length of the secret   2 u16 zero   4 u32 what the bearer may
 *	        8 u64 check of the key and of all else   16 secret
 */
#include "tables/zone_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#define KEY_MAX		   (4 + DNAME_MAX)
#define HEADER_BYTES	   16
#define CHECK_AT	   8
#define RECORD_MAX	   (HEADER_BYTES + TSIG_SECRET_MAX)
#define ZONE_KEY_MAY_KNOWN (ZONE_KEY_TRANSFER | ZONE_KEY_UPDATE)

static uint64_t check_of(const MDB_val *key, const uint8_t *record, size_t len)
{
	const uint64_t of_secret =
		XXH3_64bits_withSeed(record + HEADER_BYTES, len - HEADER_BYTES, load_u64(record));

	return XXH3_64bits_withSeed(key->mv_data, key->mv_size, of_secret);
}

static size_t key_encode(uint32_t zone, const uint8_t *name, size_t len, uint8_t dst[KEY_MAX])
{
	save_u32(dst, zone);
	memcpy(dst + 4, name, len);
	return 4 + len;
}

static size_t record_encode(const MDB_val *key, const struct zone_key *k, uint8_t dst[RECORD_MAX])
{
	const size_t len = HEADER_BYTES + k->secret_len;

	assert(k->algorithm < TSIG_ALGORITHM_COUNT && k->secret_len <= TSIG_SECRET_MAX);
	assert((k->may & ~ZONE_KEY_MAY_KNOWN) == 0);
	memset(dst, 0, HEADER_BYTES);
	dst[0] = k->algorithm;
	dst[1] = k->secret_len;
	save_u32(dst + 4, k->may);
	memcpy(dst + HEADER_BYTES, k->secret, k->secret_len);
	save_u64(dst + CHECK_AT, check_of(key, dst, len));
	return len;
}

static int record_decode(const MDB_val *key, const MDB_val *v, struct zone_key *ret_key)
{
	const uint8_t *k = key->mv_data, *p = v->mv_data;
	uint8_t folded[DNAME_MAX];

	memset(ret_key, 0, sizeof(*ret_key));
	if (key->mv_size < 5 || key->mv_size > KEY_MAX ||
	    dname_size(k + 4, key->mv_size - 4) != key->mv_size - 4 || v->mv_size < HEADER_BYTES ||
	    v->mv_size > RECORD_MAX || load_u64(p + CHECK_AT) != check_of(key, p, v->mv_size) ||
	    p[0] >= TSIG_ALGORITHM_COUNT || p[1] != v->mv_size - HEADER_BYTES ||
	    load_u16(p + 2) != 0 || (load_u32(p + 4) & ~ZONE_KEY_MAY_KNOWN) != 0)
		return -ERR_UNAVAILABLE;
	memcpy(folded, k + 4, key->mv_size - 4);
	dname_fold(folded, key->mv_size - 4);
	if (memcmp(folded, k + 4, key->mv_size - 4) != 0)
		return -ERR_UNAVAILABLE;
	memcpy(ret_key->name, folded, key->mv_size - 4);
	ret_key->name_len = (uint8_t)(key->mv_size - 4);
	ret_key->algorithm = p[0];
	ret_key->secret_len = p[1];
	ret_key->may = load_u32(p + 4);
	memcpy(ret_key->secret, p + HEADER_BYTES, p[1]);
	return 0;
}

int zone_key_check(const MDB_val *key, const MDB_val *v)
{
	struct zone_key k;
	int r = record_decode(key, v, &k);

	explicit_bzero(&k, sizeof(k));
	return r;
}

int tables_get_zone_key(struct tables_snapshot *s, uint32_t zone, const uint8_t *name, size_t len,
			struct zone_key *ret_key)
{
	uint8_t bytes[KEY_MAX];
	MDB_val key, v;
	int r;

	memset(ret_key, 0, sizeof(*ret_key));
	assert(len <= DNAME_MAX);
	key = tables_val(bytes, key_encode(zone, name, len, bytes));
	r = tables_record_get(s, TABLE_ZONE_KEY, &key, &v);
	return r < 0 ? r : record_decode(&key, &v, ret_key);
}

/* --- writing ---------------------------------------------------------------------------------------------------- */

static bool is_among(const MDB_val *key, const struct zone_key *keys, size_t n)
{
	const uint8_t *k = key->mv_data;

	for (size_t i = 0; i < n; i++) {
		if (key->mv_size == 4u + keys[i].name_len &&
		    memcmp(k + 4, keys[i].name, keys[i].name_len) == 0)
			return true;
	}
	return false;
}

static int others_delete(struct tables *t, MDB_cursor *cursor, uint32_t zone,
			 const struct zone_key *keys, size_t n)
{
	MDB_val key = tables_val(&zone, sizeof(zone)), v;
	int rc = mdb_cursor_get(cursor, &key, &v, MDB_SET_RANGE);

	for (; rc == 0 && key.mv_size >= sizeof(zone) && load_u32(key.mv_data) == zone;
	     rc = mdb_cursor_get(cursor, &key, &v, MDB_NEXT)) {
		if (is_among(&key, keys, n))
			continue;
		t->meta.digest -= record_digest(TABLE_ZONE_KEY, &key, &v);
		rc = mdb_cursor_del(cursor, 0); /* the next one moves up */
		if (rc)
			return rc;
	}
	return rc == MDB_NOTFOUND ? 0 : rc;
}

int tables_put_zone_keys(struct tables *t, uint32_t zone, const struct zone_key *keys, size_t n,
			 struct err *e)
{
	MDB_cursor *cursor;
	int r = 0, rc;

	assert(t->write);
	rc = mdb_cursor_open(t->write, t->dbi[TABLE_ZONE_KEY], &cursor);
	if (rc)
		return tables_fail(e, rc, "read the tables");
	rc = others_delete(t, cursor, zone, keys, n);
	mdb_cursor_close(cursor);
	if (rc)
		return tables_fail(e, rc, "write the tables");
	for (size_t i = 0; i < n && r == 0; i++) {
		uint8_t key_bytes[KEY_MAX], record[RECORD_MAX];
		MDB_val key, v;

		assert(keys[i].name_len <= DNAME_MAX &&
		       dname_size(keys[i].name, keys[i].name_len) == keys[i].name_len);
		key = tables_val(key_bytes,
				 key_encode(zone, keys[i].name, keys[i].name_len, key_bytes));
		v = tables_val(record, record_encode(&key, &keys[i], record));
		r = tables_record_put(t, TABLE_ZONE_KEY, &key, &v, e);
		explicit_bzero(record, sizeof(record));
	}
	return r;
}
