/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Writing views: their configs, and the links in them, within the writer's one transaction (writer.c).
 */
#include "tables/view_record.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static int no_memory(struct err *e)
{
	return err_set(e, ERR_NOMEM, NULL, "out of memory");
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

/* It says what it says where there is none. */
static bool view_is_empty(const struct view_config *v, const uint32_t counts[VIEW_DEPTHS])
{
	for (unsigned i = 0; i < VIEW_DEPTHS; i++) {
		if (counts[i])
			return false;
	}
	return !v->flags && !v->n_servers && !v->n_forwards;
}

static int view_remove(struct tables *t, MDB_val *key, bool *ret_changed, struct err *e)
{
	MDB_val old;

	if (mdb_get(t->write, t->dbi[TABLE_VIEW_CONFIG], key, &old) != 0)
		return 0;
	*ret_changed = true;
	return tables_record_delete(t, TABLE_VIEW_CONFIG, key, e);
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
	if (view_is_empty(v, counts))
		return view_remove(t, &key, ret_changed, e);
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

	assert(t->write && (v->flags & ~VIEW_DEFAULT_SERVERS) == 0);
	assert(v->flags == 0 || v->n_servers == 0);
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

/* --- one link --------------------------------------------------------------------------------------------------- */

struct link {
	uint32_t router;
	uint8_t domain[DNAME_MAX];
	size_t len;
	uint8_t key_bytes[LINK_KEY_MAX];
	MDB_val key;
	bool is_there;
	struct link_entry *entries; /* as they are, and room for one more */
	size_t n;
};

static void link_done(struct link *l)
{
	free(l->entries);
}

/* What there is under the domain. A record that cannot be read is written anew. link_done() also after a failure. */
static int link_get(struct link *l, struct tables *t, uint32_t router, const uint8_t *domain,
		    struct err *e)
{
	MDB_val v;

	memset(l, 0, sizeof(*l));
	l->router = router;
	l->len = dname_size(domain, DNAME_MAX);
	assert(t->write && l->len > 0);
	memcpy(l->domain, domain, l->len);
	dname_fold(l->domain, l->len);
	l->key = tables_val(l->key_bytes, link_key_encode(router, l->domain, l->len, l->key_bytes));
	l->is_there = mdb_get(t->write, t->dbi[TABLE_VIEW], &l->key, &v) == 0;
	if (l->is_there && link_record_decode(&l->key, &v, &l->n) < 0)
		l->n = 0;
	l->entries = calloc(l->n + 1, sizeof(*l->entries));
	if (!l->entries)
		return no_memory(e);
	for (size_t i = 0; i < l->n; i++)
		l->entries[i] = link_record_entry(&v, i);
	return 0;
}

/* A domain of so many labels came (1) or went (-1). */
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
	else if (counts[labels] > 0)
		counts[labels]--;
	r = view_write(t, &now, counts, &changed, e);
	tables_view_done(&now);
	return r;
}

static int link_write(struct link *l, struct tables *t, struct err *e)
{
	_cleanup_free_ uint8_t *bytes = malloc(link_record_size(l->n));
	MDB_val v = tables_val(bytes, link_record_size(l->n));
	int r;

	if (!bytes)
		return no_memory(e);
	link_record_encode(&l->key, l->entries, l->n, bytes);
	r = tables_record_put(t, TABLE_VIEW, &l->key, &v, e);
	return r < 0 || l->is_there ? r : depth_count(t, l->router, dname_labels(l->domain), 1, e);
}

static int link_delete(struct link *l, struct tables *t, struct err *e)
{
	int r = l->is_there ? tables_record_delete(t, TABLE_VIEW, &l->key, e) : 0;

	return r < 0 || !l->is_there ? r
				     : depth_count(t, l->router, dname_labels(l->domain), -1, e);
}

static struct link_entry *link_find(const struct link *l, uint32_t rank, uint32_t owner)
{
	for (size_t i = 0; i < l->n; i++) {
		if (l->entries[i].rank == rank && l->entries[i].owner == owner)
			return &l->entries[i];
	}
	return NULL;
}

/* *ret_changed is set, never cleared. */
static int link_set(struct link *l, struct tables *t, const struct link_entry *want,
		    bool *ret_changed, struct err *e)
{
	struct link_entry *at = link_find(l, want->rank, want->owner);

	assert((want->flags & ~VIEW_LINK_FALL_THROUGH) == 0 && want->rank <= VIEW_RANK_LAST);
	if (at && memcmp(at, want, sizeof(*want)) == 0)
		return 0;
	if (!at)
		at = &l->entries[l->n++];
	*at = *want;
	qsort(l->entries, l->n, sizeof(*l->entries), link_entry_cmp);
	*ret_changed = true;
	return link_write(l, t, e);
}

int tables_put_link(struct tables *t, uint32_t router, const uint8_t *domain, uint32_t zone,
		    uint32_t flags, bool *ret_changed, struct err *e)
{
	const struct link_entry want = {.zone = zone, .flags = flags};
	struct link l;
	int r = link_get(&l, t, router, domain, e);

	*ret_changed = false;
	if (r == 0)
		r = link_set(&l, t, &want, ret_changed, e);
	link_done(&l);
	return r;
}

int tables_delete_link(struct tables *t, uint32_t router, const uint8_t *domain, bool *ret_changed,
		       struct err *e)
{
	struct link l;
	int r = link_get(&l, t, router, domain, e);

	*ret_changed = l.is_there;
	if (r == 0)
		r = link_delete(&l, t, e);
	link_done(&l);
	return r;
}

int tables_find_link(struct tables *t, uint32_t router, uint32_t owner,
		     const struct view_link *link, uint32_t *ret_zone, struct err *e)
{
	const struct link_entry *at;
	struct link l;
	int r = link_get(&l, t, router, link->domain, e);

	if (r == 0) {
		at = link_find(&l, link->rank, owner);
		*ret_zone = at ? at->zone : 0;
	}
	link_done(&l);
	return r;
}

/* --- what an owner has linked ----------------------------------------------------------------------------------- */

/* The links of one owner in one view. */
struct linking {
	struct tables *t;
	uint32_t router, owner;
	bool *changed;
	struct err *e;
};

static int link_put(const struct linking *w, const struct view_link *link)
{
	const struct link_entry want = {
		.zone = link->zone, .flags = link->flags, .rank = link->rank, .owner = w->owner};
	struct link l;
	int r = link_get(&l, w->t, w->router, link->domain, w->e);

	if (r == 0)
		r = link_set(&l, w->t, &want, w->changed, w->e);
	link_done(&l);
	return r;
}

/* The owner has this no more. What others have under the same domain stays. */
static int link_lose(const struct linking *w, const struct linked_item *item)
{
	struct link_entry *at;
	struct link l;
	uint32_t zone = 0;
	int r = link_get(&l, w->t, w->router, item->domain, w->e);

	at = r == 0 ? link_find(&l, item->rank, w->owner) : NULL;
	if (at) {
		zone = at->zone;
		*at = l.entries[--l.n];
		if (l.n > 1)
			qsort(l.entries, l.n, sizeof(*l.entries), link_entry_cmp);
		*w->changed = true;
		r = l.n > 0 ? link_write(&l, w->t, w->e) : link_delete(&l, w->t, w->e);
	}
	if (r == 0 && zone >= ZONE_NAME_FIRST)
		r = tables_delete_zone(w->t, zone, w->e);
	link_done(&l);
	return r;
}

static bool is_among(const struct linked_item *item, const struct linked_item *all, size_t n)
{
	return n && bsearch(item, all, n, sizeof(*all), linked_item_cmp);
}

/* old: a record that lies outside of the tables. */
static int lost_delete(const struct linking *w, const MDB_val *old, const struct linked_item *items,
		       size_t n)
{
	struct linked_item item;
	size_t at = 0;
	int r = 0;

	while (r == 0 && linked_record_next(old, &at, &item)) {
		if (!is_among(&item, items, n))
			r = link_lose(w, &item);
	}
	return r;
}

static int linked_write(const struct linking *w, MDB_val *key, const struct linked_item *items,
			size_t n)
{
	const size_t len = linked_record_size(items, n);
	_cleanup_free_ uint8_t *bytes = malloc(len);
	MDB_val v = tables_val(bytes, len);

	if (n == 0)
		return tables_record_delete(w->t, TABLE_LINKED, key, w->e);
	if (!bytes)
		return no_memory(w->e);
	linked_record_encode(key, items, n, bytes);
	return tables_record_put(w->t, TABLE_LINKED, key, &v, w->e);
}

/* items: what is linked now, by linked_item_cmp(). */
static int linked_put(const struct linking *w, const struct linked_item *items, size_t n)
{
	uint8_t key_bytes[LINKED_KEY_BYTES];
	_cleanup_free_ void *copy = NULL;
	MDB_val key = tables_val(key_bytes, sizeof(key_bytes)), old;
	int r = 0;

	linked_key_encode(w->router, w->owner, key_bytes);
	if (mdb_get(w->t->write, w->t->dbi[TABLE_LINKED], &key, &old) == 0) {
		/* Writing moves records. */
		copy = malloc(old.mv_size);
		if (!copy)
			return no_memory(w->e);
		memcpy(copy, old.mv_data, old.mv_size);
		old = tables_val(copy, old.mv_size);
		if (linked_record_check(&key, &old) < 0)
			return err_set(w->e, ERR_UNAVAILABLE, NULL, "the tables are damaged");
		r = lost_delete(w, &old, items, n);
	}
	return r < 0 ? r : linked_write(w, &key, items, n);
}

int tables_put_links(struct tables *t, uint32_t router, uint32_t owner,
		     const struct view_link *links, size_t n, bool *ret_changed, struct err *e)
{
	const struct linking w = {t, router, owner, ret_changed, e};
	_cleanup_free_ struct linked_item *items = calloc(n ? n : 1, sizeof(*items));
	int r = 0;

	assert(t->write);
	*ret_changed = false;
	if (!items)
		return no_memory(e);
	for (size_t i = 0; i < n && r == 0; i++) {
		linked_item_make(links[i].domain, links[i].rank, &items[i]);
		r = link_put(&w, &links[i]);
	}
	if (n > 1)
		qsort(items, n, sizeof(*items), linked_item_cmp);
	return r < 0 ? r : linked_put(&w, items, n);
}

/* --- whole views ------------------------------------------------------------------------------------------------ */

static int name_zones_delete(struct tables *t, MDB_cursor *cursor, uint32_t router, struct err *e)
{
	MDB_val key = tables_val(&router, sizeof(router)), v;
	int r = 0, rc = mdb_cursor_get(cursor, &key, &v, MDB_SET_RANGE);

	for (; rc == 0 && r == 0; rc = mdb_cursor_get(cursor, &key, &v, MDB_NEXT)) {
		size_t n = 0;

		if (key.mv_size < sizeof(router) || load_u32(key.mv_data) != router)
			return 0;
		if (link_record_decode(&key, &v, &n) < 0)
			continue;
		for (size_t i = 0; i < n && r == 0; i++) {
			const struct link_entry entry = link_record_entry(&v, i);

			if (entry.zone >= ZONE_NAME_FIRST)
				r = tables_delete_zone(t, entry.zone, e);
		}
	}
	return r < 0 || rc == 0 || rc == MDB_NOTFOUND ? r : tables_fail(e, rc, "read the tables");
}

int tables_delete_view(struct tables *t, uint32_t router, struct err *e)
{
	MDB_val key = tables_val(&router, sizeof(router));
	MDB_cursor *cursor;
	int r = tables_record_delete(t, TABLE_VIEW_CONFIG, &key, e), rc;

	if (r < 0)
		return r;
	rc = mdb_cursor_open(t->write, t->dbi[TABLE_VIEW], &cursor);
	if (rc)
		return tables_fail(e, rc, "read the tables");
	r = name_zones_delete(t, cursor, router, e);
	mdb_cursor_close(cursor);
	if (r == 0)
		r = tables_records_delete(t, TABLE_VIEW, &router, sizeof(router), e);
	if (r == 0)
		r = tables_records_delete(t, TABLE_LINKED, &router, sizeof(router), e);
	return r;
}

int tables_clear_views(struct tables *t, struct err *e)
{
	static const enum table tables[] = {TABLE_VIEW, TABLE_LINKED, TABLE_VIEW_CONFIG};
	int r = tables_delete_name_zones(t, e);

	for (size_t i = 0; i < ARRAY_SIZE(tables) && r == 0; i++)
		r = tables_records_delete(t, tables[i], NULL, 0, e);
	return r;
}
