/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading a snapshot. tables_acquire() renews one read transaction that lives as long as the handle: no system call,
 * no lock, and the slot in the reader table is kept.
 */
#include "tables/tables_int.h"

#include <assert.h>
#include <string.h>

struct tables_snapshot *tables_acquire(struct tables *t)
{
	struct tables_snapshot *s = &t->snapshot;
	MDB_val key = tables_val("meta", 4), v;

	assert(!s->is_live);
	if (mdb_txn_renew(s->txn) != 0)
		return NULL;
	if (mdb_get(s->txn, t->dbi[TABLE_META], &key, &v) != 0 ||
	    meta_record_decode(&v, &s->meta) < 0) {
		mdb_txn_reset(s->txn);
		return NULL;
	}
	s->is_live = true;
	return s;
}

void tables_release(struct tables_snapshot *s)
{
	if (!s)
		return;
	assert(s->is_live);
	mdb_txn_reset(s->txn);
	s->is_live = false;
}

uint64_t tables_generation(const struct tables_snapshot *s)
{
	return s->meta.generation;
}

uint64_t tables_commit_id(const struct tables_snapshot *s)
{
	return mdb_txn_id(s->txn);
}

const char *tables_store_id(const struct tables_snapshot *s)
{
	return s->meta.store_id;
}

int tables_record_get(struct tables_snapshot *s, enum table table, MDB_val *key, MDB_val *ret_v)
{
	assert(s->is_live);
	int rc = mdb_get(s->txn, s->tables->dbi[table], key, ret_v);

	if (rc == MDB_NOTFOUND)
		return -ERR_NOT_FOUND;
	return rc ? -ERR_UNAVAILABLE : 0;
}

static int name_get(struct tables_snapshot *s, const char *name, size_t len, uint32_t *ret_id)
{
	MDB_val key = tables_val(name, len), v;
	int r = tables_record_get(s, TABLE_NAME, &key, &v);

	return r < 0 ? r : name_record_decode(&key, &v, ret_id);
}

int tables_find_name(struct tables_snapshot *s, const char *name, size_t len, uint32_t *ret_id)
{
	char wildcard[TABLES_NAME_MAX + 1];
	const char *dot;
	size_t rest;
	int r;

	/* A client that asks for a wildcard by its own spelling asks for a name that nobody has. */
	if (len == 0 || len > TABLES_NAME_MAX || name[0] == '*')
		return -ERR_NOT_FOUND;
	r = name_get(s, name, len, ret_id);
	if (r != -ERR_NOT_FOUND)
		return r;
	dot = memchr(name, '.', len);
	if (!dot || dot == name)
		return -ERR_NOT_FOUND;
	rest = len - (size_t)(dot - name);
	wildcard[0] = '*';
	memcpy(wildcard + 1, dot, rest);
	return name_get(s, wildcard, rest + 1, ret_id);
}

int tables_get_cluster(struct tables_snapshot *s, uint32_t id, struct tables_cluster *ret_cluster)
{
	MDB_val key = tables_val(&id, sizeof(id)), v;
	int r = tables_record_get(s, TABLE_CLUSTER, &key, &v);

	if (r < 0) {
		memset(ret_cluster, 0, sizeof(*ret_cluster));
		return r;
	}
	return cluster_record_decode(&v, id, ret_cluster);
}

int tables_get_ranges(struct tables_snapshot *s, uint32_t id, bool verify, struct rangeset *ret_set)
{
	MDB_val key = tables_val(&id, sizeof(id)), v, blob;
	int r;

	memset(ret_set, 0, sizeof(*ret_set));
	r = tables_record_get(s, TABLE_RANGES, &key, &v);
	if (r < 0)
		return r;
	if (ranges_header_decode(id, &v, &blob) < 0 ||
	    (verify && rangeset_verify(blob.mv_data, blob.mv_size) < 0) ||
	    rangeset_open(blob.mv_data, blob.mv_size, ret_set) < 0) {
		memset(ret_set, 0, sizeof(*ret_set));
		return -ERR_UNAVAILABLE;
	}
	return 0;
}

static int id_each(MDB_cursor *cursor, tables_id_fn *cb, void *arg)
{
	MDB_val key, v;
	int r = 0, rc = mdb_cursor_get(cursor, &key, &v, MDB_FIRST);

	while (rc == 0 && r == 0) {
		if (key.mv_size != sizeof(uint32_t))
			return -ERR_UNAVAILABLE;
		r = cb(load_u32(key.mv_data), arg);
		if (r == 0)
			rc = mdb_cursor_get(cursor, &key, &v, MDB_NEXT);
	}
	if (r == 0 && rc != MDB_NOTFOUND)
		r = -ERR_UNAVAILABLE;
	return r;
}

static int change_each(MDB_cursor *cursor, uint64_t after, tables_id_fn *cb, void *arg)
{
	uint64_t from = after + 1;
	MDB_val key = tables_val(&from, sizeof(from)), v;
	int rc = mdb_cursor_get(cursor, &key, &v, MDB_SET_RANGE);

	for (; rc == 0; rc = mdb_cursor_get(cursor, &key, &v, MDB_NEXT)) {
		size_t n;

		if (key.mv_size != sizeof(uint64_t) ||
		    change_record_decode(load_u64(key.mv_data), &v, &n) < 0)
			return -ERR_UNAVAILABLE;
		for (size_t i = 0; i < n; i++) {
			int r = cb(change_record_id(&v, i), arg);

			if (r != 0)
				return r;
		}
	}
	return rc == MDB_NOTFOUND ? 0 : -ERR_UNAVAILABLE;
}

int tables_each_id(struct tables_snapshot *s, enum table table, tables_id_fn *cb, void *arg)
{
	MDB_cursor *cursor;
	int r;

	assert(s->is_live);
	if (mdb_cursor_open(s->txn, s->tables->dbi[table], &cursor) != 0)
		return -ERR_UNAVAILABLE;
	r = id_each(cursor, cb, arg);
	mdb_cursor_close(cursor);
	return r;
}

int tables_each_cluster(struct tables_snapshot *s, tables_id_fn *cb, void *arg)
{
	return tables_each_id(s, TABLE_CLUSTER, cb, arg);
}

int tables_each_change(struct tables_snapshot *s, uint64_t after, tables_id_fn *cb, void *arg)
{
	MDB_cursor *cursor;
	int r;

	assert(s->is_live);
	if (after < s->meta.changes_from || after > s->meta.generation)
		return -ERR_NOT_FOUND;
	if (after == s->meta.generation)
		return 0;
	if (mdb_cursor_open(s->txn, s->tables->dbi[TABLE_CHANGE], &cursor) != 0)
		return -ERR_UNAVAILABLE;
	r = change_each(cursor, after, cb, arg);
	mdb_cursor_close(cursor);
	return r;
}
