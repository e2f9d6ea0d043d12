/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Writing zones, within the writer's one transaction (writer.c).
 *
 * The key of a zone's hash is drawn once, when the zone first comes, and kept: so the same records are the same bytes, and a zone that says
 * what it said already is not written.
 */
#include "tables/zone_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* --- zones ------------------------------------------------------------------------------------------------------ */

/* Building moves a key on if it does not suit, so the one kept suits. */
static int key_choose(const struct zone *old, uint8_t key[ZONE_KEY_BYTES], struct err *e)
{
	if (old->blob) {
		memcpy(key, old->blob + ZONE_KEY_AT, ZONE_KEY_BYTES);
		return 0;
	}
	if (getrandom(key, ZONE_KEY_BYTES, 0) != ZONE_KEY_BYTES)
		return err_set(e, ERR_UNAVAILABLE, NULL, "no random numbers can be had");
	return 0;
}

int tables_put_zone(struct tables *t, const struct zone_source *src, bool *ret_changed,
		    struct err *e)
{
	MDB_val key = tables_val(&src->id, sizeof(src->id)), v, had;
	struct zone_source as_before = *src;
	uint8_t hash_key[ZONE_KEY_BYTES];
	_cleanup_free_ uint8_t *blob = NULL;
	struct zone old = {0};
	size_t len;
	int r;

	assert(t->write);
	if (mdb_get(t->write, t->dbi[TABLE_ZONE], &key, &had) == 0 &&
	    zone_open(had.mv_data, had.mv_size, &old) == 0)
		as_before.serial = old.serial;
	r = key_choose(&old, hash_key, e);
	if (r == 0)
		r = zone_build(&as_before, hash_key, &blob, &len, e);
	if (r != 0)
		return r;
	if (old.blob && had.mv_size == len && memcmp(had.mv_data, blob, len) == 0) {
		*ret_changed = false;
		return 0;
	}
	zone_serial_set(blob, len, src->serial);
	v = tables_val(blob, len);
	r = tables_record_put(t, TABLE_ZONE, &key, &v, e);
	if (r == 0)
		*ret_changed = true;
	return r;
}

int tables_delete_zone(struct tables *t, uint32_t id, struct err *e)
{
	MDB_val key = tables_val(&id, sizeof(id));
	int r = tables_put_zone_keys(t, id, NULL, 0, e);

	return r < 0 ? r : tables_record_delete(t, TABLE_ZONE, &key, e);
}

/* --- zones of names ------------------------------------------------------------------------------------------- */

/* The first id from ZONE_NAME_FIRST on that is free: only when the last one has been used. */
static int gap_find(MDB_cursor *cursor, uint32_t *ret_id)
{
	uint32_t id = ZONE_NAME_FIRST;
	MDB_val key = tables_val(&id, sizeof(id)), v;
	int rc = mdb_cursor_get(cursor, &key, &v, MDB_SET_RANGE);

	for (; rc == 0 && load_u32(key.mv_data) == id && id < ZONE_NAME_LAST; id++)
		rc = mdb_cursor_get(cursor, &key, &v, MDB_NEXT);
	*ret_id = id;
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static int id_after_last(MDB_cursor *cursor, uint32_t *ret_id)
{
	MDB_val key, v;
	int rc = mdb_cursor_get(cursor, &key, &v, MDB_LAST);
	uint32_t last = rc ? 0 : load_u32(key.mv_data);

	if (rc && rc != MDB_NOTFOUND)
		return rc;
	if (last >= ZONE_NAME_LAST)
		return gap_find(cursor, ret_id);
	*ret_id = last < ZONE_NAME_FIRST ? ZONE_NAME_FIRST : last + 1;
	return 0;
}

int tables_new_name_zone(struct tables *t, uint32_t *ret_id, struct err *e)
{
	MDB_cursor *cursor;
	int rc;

	assert(t->write);
	rc = mdb_cursor_open(t->write, t->dbi[TABLE_ZONE], &cursor);
	if (rc)
		return tables_fail(e, rc, "read the tables");
	rc = id_after_last(cursor, ret_id);
	mdb_cursor_close(cursor);
	return rc ? tables_fail(e, rc, "read the tables") : 0;
}

int tables_delete_name_zones(struct tables *t, struct err *e)
{
	const uint32_t first = ZONE_NAME_FIRST;
	MDB_val key = tables_val(&first, sizeof(first)), v;
	MDB_cursor *cursor;
	int rc = mdb_cursor_open(t->write, t->dbi[TABLE_ZONE], &cursor);

	if (rc)
		return tables_fail(e, rc, "read the tables");
	rc = mdb_cursor_get(cursor, &key, &v, MDB_SET_RANGE);
	while (rc == 0) {
		t->meta.digest -= record_digest(TABLE_ZONE, &key, &v);
		rc = mdb_cursor_del(cursor, 0);
		/* Gives the record that moved up. */
		if (rc == 0)
			rc = mdb_cursor_get(cursor, &key, &v, MDB_NEXT);
	}
	mdb_cursor_close(cursor);
	return rc == MDB_NOTFOUND ? 0 : tables_fail(e, rc, "write the tables");
}
