/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Writing zones and views, within the writer's one transaction (writer.c).
 *
 * The key of a zone's hash is drawn once, when the zone first comes, and kept: so the same records are the same bytes, and a zone that says
 * what it said already is not written.
 */
#include "tables/view_record.h"
#include "tables/zone_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static int no_memory(struct err *e)
{
	return err_set(e, ERR_NOMEM, NULL, "out of memory");
}

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

	return tables_record_delete(t, TABLE_ZONE, &key, e);
}

/* --- the config of a view --------------------------------------------------------------------------------------- */

/* Absent and damaged ones are empty. -ERR_NOMEM. */
static int view_now(struct tables *t, uint32_t router, struct view_config *ret_view,
		    uint32_t counts[VIEW_DEPTHS], struct err *e)
{
	MDB_val key = tables_val(&router, sizeof(router)), v;
	int r = -ERR_UNAVAILABLE;

	if (mdb_get(t->write, t->dbi[TABLE_VIEW_CONFIG], &key, &v) == 0)
		r = view_record_decode(&v, router, ret_view, counts);
	if (r == -ERR_NOMEM)
		return no_memory(e);
	if (r < 0) {
		*ret_view = (struct view_config){.router = router};
		memset(counts, 0, VIEW_DEPTHS * sizeof(*counts));
	}
	return 0;
}

/* *ret_changed is set, never cleared. */
static int view_write(struct tables *t, const struct view_config *v,
		      const uint32_t counts[VIEW_DEPTHS], bool *ret_changed, struct err *e)
{
	MDB_val key = tables_val(&v->router, sizeof(v->router)), record, old;
	const size_t len = view_record_size(v, counts);
	_cleanup_free_ uint8_t *bytes = malloc(len);
	int r;

	if (!bytes)
		return no_memory(e);
	view_record_encode(v, counts, bytes, len);
	if (mdb_get(t->write, t->dbi[TABLE_VIEW_CONFIG], &key, &old) == 0 && old.mv_size == len &&
	    memcmp(old.mv_data, bytes, len) == 0)
		return 0;
	record = tables_val(bytes, len);
	r = tables_record_put(t, TABLE_VIEW_CONFIG, &key, &record, e);
	if (r == 0)
		*ret_changed = true;
	return r;
}

static int forward_cmp(const void *x, const void *y)
{
	const struct view_forward *a = x, *b = y;
	const size_t n = a->domain_len < b->domain_len ? a->domain_len : b->domain_len;
	const int r = memcmp(a->domain, b->domain, n);

	return r ? r : (a->domain_len > b->domain_len) - (a->domain_len < b->domain_len);
}

static int forwards_sort(struct view_forward *f, size_t n, struct err *e)
{
	qsort(f, n, sizeof(*f), forward_cmp);
	for (size_t i = 0; i < n; i++) {
		if (f[i].n_servers == 0 || f[i].n_servers > VIEW_SERVERS_MAX)
			return err_set(e, ERR_INVALID, NULL,
				       "a domain is forwarded to 1 to %d servers",
				       VIEW_SERVERS_MAX);
		if (i > 0 && forward_cmp(&f[i - 1], &f[i]) == 0)
			return err_set(e, ERR_INVALID, NULL, "a domain is forwarded twice");
	}
	return 0;
}

int tables_put_view(struct tables *t, const struct view_config *v, bool *ret_changed, struct err *e)
{
	_cleanup_free_ struct view_forward *sorted = NULL;
	uint32_t counts[VIEW_DEPTHS];
	struct view_config now, want = *v;
	int r;

	assert(t->write && v->flags == 0);
	if (v->n_servers > VIEW_SERVERS_MAX || v->n_forwards > VIEW_FORWARDS_MAX)
		return err_set(e, ERR_TOO_LARGE, NULL,
			       "a network forwards to at most %d servers, and at most %d domains",
			       VIEW_SERVERS_MAX, VIEW_FORWARDS_MAX);
	r = view_now(t, v->router, &now, counts, e);
	if (r < 0)
		return r;
	tables_view_done(&now);
	if (v->n_forwards) {
		sorted = calloc(v->n_forwards, sizeof(*sorted));
		if (!sorted)
			return no_memory(e);
		memcpy(sorted, v->forwards, v->n_forwards * sizeof(*sorted));
		r = forwards_sort(sorted, v->n_forwards, e);
		if (r < 0)
			return r;
	}
	want.forwards = sorted;
	*ret_changed = false;
	return view_write(t, &want, counts, ret_changed, e);
}

/* --- links ------------------------------------------------------------------------------------------------------ */

struct link {
	uint8_t domain[DNAME_MAX];
	size_t len;
	uint8_t key_bytes[LINK_KEY_MAX];
	MDB_val key;
};

static void link_init(struct link *l, uint32_t router, const uint8_t *domain)
{
	l->len = dname_size(domain, DNAME_MAX);
	assert(l->len > 0);
	memcpy(l->domain, domain, l->len);
	dname_fold(l->domain, l->len);
	l->key = tables_val(l->key_bytes, link_key_encode(router, l->domain, l->len, l->key_bytes));
}

/* A domain of so many labels came (1) or went (-1), or none did (0: see that there is a config). */
static int depth_count(struct tables *t, uint32_t router, unsigned labels, int by, struct err *e)
{
	uint32_t counts[VIEW_DEPTHS];
	struct view_config now;
	bool changed;
	int r = view_now(t, router, &now, counts, e);

	if (r < 0)
		return r;
	if (by > 0)
		counts[labels]++;
	else if (by < 0 && counts[labels] > 0)
		counts[labels]--;
	r = view_write(t, &now, counts, &changed, e);
	tables_view_done(&now);
	return r;
}

int tables_put_link(struct tables *t, uint32_t router, const uint8_t *domain, uint32_t zone,
		    uint32_t flags, bool *ret_changed, struct err *e)
{
	uint8_t record[LINK_RECORD_BYTES];
	MDB_val v = tables_val(record, sizeof(record)), old;
	struct link l;
	bool is_new;
	int r;

	assert(t->write && (flags & ~VIEW_LINK_FALL_THROUGH) == 0);
	link_init(&l, router, domain);
	link_record_encode(&l.key, zone, flags, record);
	is_new = mdb_get(t->write, t->dbi[TABLE_VIEW], &l.key, &old) != 0;
	if (!is_new && old.mv_size == sizeof(record) &&
	    memcmp(old.mv_data, record, sizeof(record)) == 0) {
		*ret_changed = false;
		return 0;
	}
	r = tables_record_put(t, TABLE_VIEW, &l.key, &v, e);
	if (r == 0 && is_new)
		r = depth_count(t, router, dname_labels(l.domain), 1, e);
	if (r == 0)
		*ret_changed = true;
	return r;
}

int tables_delete_link(struct tables *t, uint32_t router, const uint8_t *domain, bool *ret_changed,
		       struct err *e)
{
	struct link l;
	MDB_val old;
	int r;

	assert(t->write);
	link_init(&l, router, domain);
	if (mdb_get(t->write, t->dbi[TABLE_VIEW], &l.key, &old) != 0) {
		*ret_changed = false;
		return 0;
	}
	r = tables_record_delete(t, TABLE_VIEW, &l.key, e);
	if (r == 0)
		r = depth_count(t, router, dname_labels(l.domain), -1, e);
	if (r == 0)
		*ret_changed = true;
	return r;
}

int tables_delete_view(struct tables *t, uint32_t router, struct err *e)
{
	MDB_val key = tables_val(&router, sizeof(router)), v;
	MDB_cursor *cursor;
	int r = tables_record_delete(t, TABLE_VIEW_CONFIG, &key, e), rc;

	if (r < 0)
		return r;
	rc = mdb_cursor_open(t->write, t->dbi[TABLE_VIEW], &cursor);
	if (rc)
		return tables_fail(e, rc, "read the tables");
	rc = mdb_cursor_get(cursor, &key, &v, MDB_SET_RANGE);
	while (rc == 0 && key.mv_size >= 4 && load_u32(key.mv_data) == router) {
		t->meta.digest -= record_digest(TABLE_VIEW, &key, &v);
		rc = mdb_cursor_del(cursor, 0);
		if (rc == 0)
			rc = mdb_cursor_get(cursor, &key, &v, MDB_NEXT);
	}
	mdb_cursor_close(cursor);
	return rc == 0 || rc == MDB_NOTFOUND ? 0 : tables_fail(e, rc, "write the tables");
}
