/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading zones and views in a snapshot. */
#include "tables/tables_int.h"
#include "tables/view_record.h"
#include "tables/zone.h"

#include <string.h>

int tables_get_zone(struct tables_snapshot *s, uint32_t id, bool verify, struct zone *ret_zone)
{
	MDB_val key = tables_val(&id, sizeof(id)), v;
	int r;

	memset(ret_zone, 0, sizeof(*ret_zone));
	r = tables_record_get(s, TABLE_ZONE, &key, &v);
	if (r < 0)
		return r;
	if ((verify && zone_verify(v.mv_data, v.mv_size) < 0) ||
	    zone_open(v.mv_data, v.mv_size, ret_zone) < 0 || ret_zone->id != id) {
		memset(ret_zone, 0, sizeof(*ret_zone));
		return -ERR_UNAVAILABLE;
	}
	return 0;
}

int tables_get_link(struct tables_snapshot *s, uint32_t router, const uint8_t *domain, size_t len,
		    uint32_t *ret_zone, uint32_t *ret_flags)
{
	uint8_t bytes[LINK_KEY_MAX];
	MDB_val key = tables_val(bytes, link_key_encode(router, domain, len, bytes)), v;
	int r = tables_record_get(s, TABLE_VIEW, &key, &v);

	struct link_entry first;
	size_t n;

	if (r == 0)
		r = link_record_decode(&key, &v, &n);
	if (r < 0)
		return r;
	first = link_record_entry(&v, 0);
	*ret_zone = first.zone;
	*ret_flags = first.flags;
	return 0;
}

int tables_get_view(struct tables_snapshot *s, uint32_t router, struct view_config *ret_view)
{
	MDB_val key = tables_val(&router, sizeof(router)), v;
	uint32_t counts[VIEW_DEPTHS];
	int r = tables_record_get(s, TABLE_VIEW_CONFIG, &key, &v);

	if (r < 0) {
		memset(ret_view, 0, sizeof(*ret_view));
		return r;
	}
	return view_record_decode(&v, router, ret_view, counts);
}

int tables_each_zone(struct tables_snapshot *s, tables_id_fn *cb, void *arg)
{
	return tables_each_id(s, TABLE_ZONE, cb, arg);
}

int tables_each_view(struct tables_snapshot *s, tables_id_fn *cb, void *arg)
{
	return tables_each_id(s, TABLE_VIEW_CONFIG, cb, arg);
}

static int link_each(MDB_cursor *cursor, uint32_t router, tables_link_fn *cb, void *arg)
{
	MDB_val key = tables_val(&router, sizeof(router)), v;
	int r = 0, rc = mdb_cursor_get(cursor, &key, &v, MDB_SET_RANGE);

	for (; rc == 0 && r == 0; rc = mdb_cursor_get(cursor, &key, &v, MDB_NEXT)) {
		const uint8_t *k = key.mv_data;
		struct link_entry first;
		size_t n;

		if (key.mv_size < 4 || load_u32(k) != router)
			return 0;
		if (link_record_decode(&key, &v, &n) < 0)
			return -ERR_UNAVAILABLE;
		first = link_record_entry(&v, 0);
		r = cb(k + 4, key.mv_size - 4, first.zone, first.flags, arg);
		if (r != 0)
			return r;
	}
	return rc == MDB_NOTFOUND ? 0 : -ERR_UNAVAILABLE;
}

int tables_each_link(struct tables_snapshot *s, uint32_t router, tables_link_fn *cb, void *arg)
{
	MDB_cursor *cursor;
	int r;

	if (mdb_cursor_open(s->txn, s->tables->dbi[TABLE_VIEW], &cursor) != 0)
		return -ERR_UNAVAILABLE;
	r = link_each(cursor, router, cb, arg);
	mdb_cursor_close(cursor);
	return r;
}
