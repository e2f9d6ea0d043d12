/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The walk over a whole snapshot: each record is decoded, and the sum of all must be the one in the meta record.
 */
#include "tables/tables_int.h"
#include "tables/view_record.h"
#include "tables/zone_int.h"

static int ranges_verify(uint32_t id, const MDB_val *v)
{
	MDB_val blob;
	int r = ranges_header_decode(id, v, &blob);

	if (r < 0)
		return r;
	return rangeset_verify(blob.mv_data, blob.mv_size) < 0 ? -ERR_UNAVAILABLE : 0;
}

static int endpoint_verify(const MDB_val *key, const MDB_val *v)
{
	struct tables_endpoint ep;
	MDB_val blob;
	int r = endpoint_record_decode(key, v, &ep, &blob);

	if (r < 0 || ep.open)
		return r;
	return rangeset_verify(blob.mv_data, blob.mv_size) < 0 ? -ERR_UNAVAILABLE : 0;
}

/* 0: any. */
static size_t key_size(enum table table)
{
	if (table == TABLE_NAME || table == TABLE_VIEW || table == TABLE_ZONE_KEY)
		return 0;
	if (table == TABLE_ENDPOINT)
		return ENDPOINT_KEY_BYTES;
	if (table == TABLE_LINKED)
		return LINKED_KEY_BYTES;
	return table == TABLE_CHANGE ? sizeof(uint64_t) : sizeof(uint32_t);
}

static int zone_record_verify(uint32_t id, const MDB_val *v)
{
	struct zone z;

	if (zone_verify(v->mv_data, v->mv_size) < 0 || zone_open(v->mv_data, v->mv_size, &z) < 0)
		return -ERR_UNAVAILABLE;
	return z.id == id ? 0 : -ERR_UNAVAILABLE;
}

static int record_verify(enum table table, const MDB_val *key, const MDB_val *v)
{
	struct tables_cluster c;
	uint32_t id;
	size_t n;

	if (key_size(table) != 0 && key->mv_size != key_size(table))
		return -ERR_UNAVAILABLE;
	switch (table) {
	case TABLE_NAME:
		return name_record_decode(key, v, &id);
	case TABLE_CLUSTER:
		return cluster_record_decode(v, load_u32(key->mv_data), &c);
	case TABLE_RANGES:
		return ranges_verify(load_u32(key->mv_data), v);
	case TABLE_NETWORK:
		return network_record_check(v, load_u32(key->mv_data));
	case TABLE_ENDPOINT:
		return endpoint_verify(key, v);
	case TABLE_ZONE:
		return zone_record_verify(load_u32(key->mv_data), v);
	case TABLE_VIEW:
		return link_record_check(key, v);
	case TABLE_LINKED:
		return linked_record_check(key, v);
	case TABLE_ZONE_KEY:
		return zone_key_check(key, v);
	case TABLE_VIEW_CONFIG:
		return view_record_check(v, load_u32(key->mv_data));
	case TABLE_CHANGE:
		return change_record_decode(load_u64(key->mv_data), v, &n);
	default:
		return -ERR_INTERNAL;
	}
}

/* Damaged branch pages can lead in circles: no more records are read than the table says it has. */
static int table_verify(struct tables_snapshot *s, enum table table, uint64_t *digest)
{
	const MDB_dbi dbi = s->tables->dbi[table];
	MDB_cursor *cursor;
	MDB_stat stat;
	MDB_val key, v;
	size_t n = 0;
	int r = 0, rc;

	if (mdb_stat(s->txn, dbi, &stat) != 0 || mdb_cursor_open(s->txn, dbi, &cursor) != 0)
		return -ERR_UNAVAILABLE;
	while (r == 0 && (rc = mdb_cursor_get(cursor, &key, &v, MDB_NEXT)) == 0) {
		if (++n > stat.ms_entries)
			r = -ERR_UNAVAILABLE;
		else
			r = record_verify(table, &key, &v);
		if (r == 0)
			*digest += record_digest(table, &key, &v);
	}
	if (r == 0 && (rc != MDB_NOTFOUND || n != stat.ms_entries))
		r = -ERR_UNAVAILABLE;
	mdb_cursor_close(cursor);
	return r;
}

int tables_verify(struct tables_snapshot *s, struct err *e)
{
	uint64_t digest = 0;

	for (int table = TABLE_NAME; table < TABLE_COUNT; table++) {
		int r = table_verify(s, (enum table)table, &digest);

		if (r < 0)
			return err_set(e, ERR_UNAVAILABLE, NULL, "the tables are damaged");
	}
	if (digest != s->meta.digest)
		return err_set(e, ERR_UNAVAILABLE, NULL, "the tables are damaged");
	return 0;
}
