/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Writing: one transaction at a time. Each put and delete keeps the sum of record digests in t->meta up to date, which
 * the commit writes.
 *
 * An error leaves the transaction open and unusable, except in tables_commit(); the caller aborts.
 */
#include "tables/tables_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int tables_begin(struct tables *t, struct err *e)
{
	MDB_val key = tables_val("meta", 4), v;
	int rc;

	assert(t->is_writer && !t->write);
	rc = mdb_txn_begin(t->env, NULL, 0, &t->write);
	if (rc) {
		t->write = NULL;
		return tables_fail(e, rc, "begin a change of the tables");
	}
	t->is_cleared = false;
	rc = mdb_get(t->write, t->dbi[TABLE_META], &key, &v);
	if (rc || meta_record_decode(&v, &t->meta) < 0) {
		tables_abort(t);
		return err_set(e, ERR_UNAVAILABLE, NULL, "the tables are damaged");
	}
	return 0;
}

void tables_abort(struct tables *t)
{
	if (t->write)
		mdb_txn_abort(t->write);
	t->write = NULL;
}

/* Take the record under key, if there is one, out of the digest. 0 or MDB_NOTFOUND or another LMDB code. */
static int digest_subtract(struct tables *t, enum table table, MDB_val *key)
{
	MDB_val old;
	int rc;

	assert(t->write);
	rc = mdb_get(t->write, t->dbi[table], key, &old);

	if (rc == 0)
		t->meta.digest -= record_digest(table, key, &old);
	return rc;
}

/* The same record once more is not written, so its page stays as it is. */
static bool is_there_already(struct tables *t, enum table table, MDB_val *key, const MDB_val *v)
{
	MDB_val old;

	return mdb_get(t->write, t->dbi[table], key, &old) == 0 && old.mv_size == v->mv_size &&
	       memcmp(old.mv_data, v->mv_data, v->mv_size) == 0;
}

int tables_record_put(struct tables *t, enum table table, MDB_val *key, MDB_val *v, struct err *e)
{
	int rc;

	assert(t->write);
	if (is_there_already(t, table, key, v))
		return 0;
	rc = digest_subtract(t, table, key);
	if (rc && rc != MDB_NOTFOUND)
		return tables_fail(e, rc, "read the tables");
	rc = mdb_put(t->write, t->dbi[table], key, v, 0);
	if (rc)
		return tables_fail(e, rc, "write the tables");
	t->meta.digest += record_digest(table, key, v);
	return 0;
}

int tables_record_delete(struct tables *t, enum table table, MDB_val *key, struct err *e)
{
	int rc;

	assert(t->write);
	rc = digest_subtract(t, table, key);
	if (rc == 0)
		rc = mdb_del(t->write, t->dbi[table], key, NULL);
	if (rc && rc != MDB_NOTFOUND)
		return tables_fail(e, rc, "write the tables");
	return 0;
}

static bool key_begins(const MDB_val *key, const void *prefix, size_t len)
{
	return key->mv_size >= len && (len == 0 || memcmp(key->mv_data, prefix, len) == 0);
}

int tables_records_delete(struct tables *t, enum table table, const void *prefix, size_t len,
			  struct err *e)
{
	MDB_val key = tables_val(prefix, len), v;
	MDB_cursor *cursor;
	int rc;

	assert(t->write);
	rc = mdb_cursor_open(t->write, t->dbi[table], &cursor);
	if (rc)
		return tables_fail(e, rc, "read the tables");
	rc = mdb_cursor_get(cursor, &key, &v, len ? MDB_SET_RANGE : MDB_FIRST);
	while (rc == 0 && key_begins(&key, prefix, len)) {
		t->meta.digest -= record_digest(table, &key, &v);
		rc = mdb_cursor_del(cursor, 0);
		/* Gives the record that moved up. */
		if (rc == 0)
			rc = mdb_cursor_get(cursor, &key, &v, MDB_NEXT);
	}
	mdb_cursor_close(cursor);
	return rc == 0 || rc == MDB_NOTFOUND ? 0 : tables_fail(e, rc, "write the tables");
}

int tables_put_cluster(struct tables *t, const struct tables_cluster *c, struct err *e)
{
	uint8_t record[CLUSTER_RECORD_MAX];
	MDB_val key = tables_val(&c->id, sizeof(c->id));
	MDB_val v = tables_val(record, cluster_record_encode(c, record));

	return tables_record_put(t, TABLE_CLUSTER, &key, &v, e);
}

int tables_put_ranges(struct tables *t, uint32_t id, const void *blob, size_t len, struct err *e)
{
	MDB_val key = tables_val(&id, sizeof(id));
	MDB_val v = {.mv_size = RANGES_HEADER_BYTES + len};
	uint8_t header[RANGES_HEADER_BYTES];
	int rc;

	assert(t->write && len >= RANGES_BLOB_MIN);
	rc = digest_subtract(t, TABLE_RANGES, &key);
	if (rc && rc != MDB_NOTFOUND)
		return tables_fail(e, rc, "read the tables");
	rc = mdb_put(t->write, t->dbi[TABLE_RANGES], &key, &v, MDB_RESERVE);
	if (rc)
		return tables_fail(e, rc, "write the tables");
	ranges_header_encode(id, blob, len, header);
	memcpy(v.mv_data, header, sizeof(header));
	memcpy((uint8_t *)v.mv_data + sizeof(header), blob, len);
	t->meta.digest += record_digest(TABLE_RANGES, &key, &v);
	return 0;
}

bool tables_has_ranges(struct tables *t, uint32_t id)
{
	MDB_val key = tables_val(&id, sizeof(id)), v;

	assert(t->write);
	return mdb_get(t->write, t->dbi[TABLE_RANGES], &key, &v) == 0;
}

int tables_delete_ranges(struct tables *t, uint32_t id, struct err *e)
{
	MDB_val key = tables_val(&id, sizeof(id));

	return tables_record_delete(t, TABLE_RANGES, &key, e);
}

int tables_delete_cluster(struct tables *t, uint32_t id, struct err *e)
{
	MDB_val key = tables_val(&id, sizeof(id));
	int r = tables_delete_ranges(t, id, e);

	return r < 0 ? r : tables_record_delete(t, TABLE_CLUSTER, &key, e);
}

int tables_put_name(struct tables *t, const char *name, uint32_t id, struct err *e)
{
	uint8_t record[NAME_RECORD_BYTES];
	MDB_val key = tables_val(name, strlen(name)), v = tables_val(record, sizeof(record));

	if (key.mv_size == 0 || key.mv_size > TABLES_NAME_MAX)
		return err_set(e, ERR_INVALID, NULL, "a server name has 1 to %d octets",
			       TABLES_NAME_MAX);
	name_record_encode(&key, id, record);
	return tables_record_put(t, TABLE_NAME, &key, &v, e);
}

int tables_delete_name(struct tables *t, const char *name, struct err *e)
{
	MDB_val key = tables_val(name, strlen(name));

	if (key.mv_size == 0 || key.mv_size > TABLES_NAME_MAX)
		return 0;
	return tables_record_delete(t, TABLE_NAME, &key, e);
}

static int id_cmp(const void *a, const void *b)
{
	const uint32_t x = load_u32(a), y = load_u32(b);

	return (x > y) - (x < y);
}

int tables_delete_names_of(struct tables *t, const uint32_t *ids, size_t n_ids, struct err *e)
{
	_cleanup_free_ uint32_t *sorted = NULL;
	MDB_cursor *cursor;
	MDB_val key, v;
	int rc;

	assert(t->write);
	if (n_ids == 0)
		return 0;
	sorted = calloc(n_ids, sizeof(*sorted));
	if (!sorted)
		return err_set(e, ERR_NOMEM, NULL, "out of memory");
	memcpy(sorted, ids, n_ids * sizeof(*ids));
	qsort(sorted, n_ids, sizeof(*sorted), id_cmp);

	rc = mdb_cursor_open(t->write, t->dbi[TABLE_NAME], &cursor);
	if (rc)
		return tables_fail(e, rc, "read the tables");
	while ((rc = mdb_cursor_get(cursor, &key, &v, MDB_NEXT)) == 0) {
		uint32_t id;

		if (name_record_decode(&key, &v, &id) < 0) {
			rc = MDB_CORRUPTED;
			break;
		}
		if (!bsearch(&id, sorted, n_ids, sizeof(*sorted), id_cmp))
			continue;
		t->meta.digest -= record_digest(TABLE_NAME, &key, &v);
		rc = mdb_cursor_del(cursor,
				    0); /* the next MDB_NEXT gives the record that moved up */
		if (rc)
			break;
	}
	mdb_cursor_close(cursor);
	return rc == MDB_NOTFOUND ? 0 : tables_fail(e, rc, "write the tables");
}

int tables_clear(struct tables *t, struct err *e)
{
	assert(t->write);
	for (int table = TABLE_NAME; table < TABLE_COUNT; table++) {
		int rc = mdb_drop(t->write, t->dbi[table], 0);

		if (rc)
			return tables_fail(e, rc, "clear the tables");
	}
	t->meta.digest = 0;
	t->is_cleared = true;
	return 0;
}

static int change_put(struct tables *t, uint64_t generation, const uint32_t *ids, size_t n_ids,
		      struct err *e)
{
	const size_t len = CHANGE_HEADER_BYTES + n_ids * sizeof(*ids);
	_cleanup_free_ uint8_t *record = malloc(len);
	MDB_val key = tables_val(&generation, sizeof(generation)), v = tables_val(record, len);

	if (!record)
		return err_set(e, ERR_NOMEM, NULL, "out of memory");
	memcpy(record + CHANGE_HEADER_BYTES, ids, n_ids * sizeof(*ids));
	change_record_seal(generation, record, len);
	return tables_record_put(t, TABLE_CHANGE, &key, &v, e);
}

static int changes_trim(struct tables *t, uint64_t upto, struct err *e)
{
	MDB_cursor *cursor;
	MDB_val key, v;
	int rc = mdb_cursor_open(t->write, t->dbi[TABLE_CHANGE], &cursor);

	if (rc)
		return tables_fail(e, rc, "read the tables");
	while ((rc = mdb_cursor_get(cursor, &key, &v, MDB_FIRST)) == 0 &&
	       load_u64(key.mv_data) <= upto) {
		t->meta.digest -= record_digest(TABLE_CHANGE, &key, &v);
		rc = mdb_cursor_del(cursor, 0);
		if (rc)
			break;
	}
	mdb_cursor_close(cursor);
	if (rc && rc != MDB_NOTFOUND)
		return tables_fail(e, rc, "write the tables");
	if (t->meta.changes_from < upto)
		t->meta.changes_from = upto;
	return 0;
}

static int changes_note(struct tables *t, uint64_t generation, const uint32_t *ids, size_t n_ids,
			struct err *e)
{
	int r = 0;

	if (t->is_cleared) {
		t->meta.changes_from = generation; /* everything has changed: no list */
		return 0;
	}
	if (n_ids > 0)
		r = change_put(t, generation, ids, n_ids, e);
	if (r == 0 && generation > TABLES_CHANGES_KEPT)
		r = changes_trim(t, generation - TABLES_CHANGES_KEPT, e);
	return r;
}

static int meta_put(struct tables *t, uint64_t generation, const char *store_id, struct err *e)
{
	uint8_t record[META_RECORD_BYTES];
	MDB_val key = tables_val("meta", 4), v = tables_val(record, sizeof(record));
	int rc;

	t->meta.generation = generation;
	memset(t->meta.store_id, 0, sizeof(t->meta.store_id));
	memcpy(t->meta.store_id, store_id, strlen(store_id));
	meta_record_encode(&t->meta, record);
	rc = mdb_put(t->write, t->dbi[TABLE_META], &key, &v, 0);
	return rc ? tables_fail(e, rc, "write the tables") : 0;
}

int tables_commit(struct tables *t, uint64_t generation, const char *store_id, const uint32_t *ids,
		  size_t n_ids, struct err *e)
{
	int r, rc;

	assert(t->write && strlen(store_id) < TABLES_STORE_ID_MAX);
	if (!t->is_cleared && generation <= t->meta.generation)
		r = err_set(e, ERR_INTERNAL, NULL, "the tables are at generation %llu already",
			    (unsigned long long)t->meta.generation);
	else
		r = changes_note(t, generation, ids, n_ids, e);
	if (r == 0)
		r = meta_put(t, generation, store_id, e);
	if (r < 0) {
		tables_abort(t);
		return r;
	}
	rc = mdb_txn_commit(t->write); /* frees the transaction, whatever it returns */
	t->write = NULL;
	if (rc)
		return tables_fail(e, rc, "write the tables");
	/* A reader that died with a snapshot in hand would keep old pages from being used again. */
	if (++t->commits % TABLES_READER_CHECK_EVERY == 0)
		(void)mdb_reader_check(t->env, NULL);
	return 0;
}
