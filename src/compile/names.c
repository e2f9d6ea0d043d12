/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which zones and links are written. Content that many views share is written once, for its owner; then, for each pair of a view and an
 * owner, what the view shows of the owner: the tables know what it was before, so only that is looked at.
 */
#include "compile/compile_int.h"
#include "compile/names_int.h"

#include <stdlib.h>
#include <string.h>

static int no_memory(struct err *e)
{
	return err_set(e, ERR_NOMEM, NULL, "out of memory");
}

static uint32_t view_id(const struct object *router)
{
	return router ? router->id : VIEW_INTERNET;
}

/* --- content ---------------------------------------------------------------------------------------------------- */

struct walk {
	struct compile_run *run;
	struct err *e;
};

static int content_put(struct object *owner, void *arg)
{
	const struct walk *w = arg;
	char domain[DNS_NAME_MAX + 1];
	struct view_zone zone;

	if (owner->id == 0)
		return 0;
	if (!view_shared_zone(owner, &zone, domain))
		return tables_delete_zone(w->run->tables, owner->id, w->e);
	return zone_put(w->run, &zone, owner->id, w->e);
}

/* --- what a view shows of an owner ------------------------------------------------------------------------------ */

struct shown {
	uint8_t domain[DNAME_MAX];
	struct view_link link; /* but for its domain, which moves */
	bool is_told;
};

struct showing {
	struct compile_run *run;
	struct err *e;
	struct shown *items;
	uint32_t n;
	bool is_bad; /* e says why */
};

static bool is_server_name(const struct cluster_net *c, const char *name)
{
	for (size_t i = 0; i < c->n_server_names; i++) {
		if (strcmp(c->server_names[i], name) == 0)
			return true;
	}
	return false;
}

static enum view_rank rank_of(const struct view_zone *zone)
{
	if (zone->kind != VIEW_NAME)
		return VIEW_RANK_ZONE;
	return is_server_name(object_cluster_net(zone->owner), zone->domain)
		       ? VIEW_RANK_NAME
		       : VIEW_RANK_PRIVATE_NAME;
}

static int name_put(const struct showing *s, const struct view_zone *zone, struct view_link *link)
{
	struct tables *t = s->run->tables;
	int r = tables_find_link(t, view_id(zone->router), zone->owner->id, link, &link->zone,
				 s->e);

	if (r == 0 && link->zone == 0)
		r = tables_new_name_zone(t, &link->zone, s->e);
	return r < 0 ? r : zone_put(s->run, zone, link->zone, s->e);
}

static int show(const struct view_zone *zone, void *arg)
{
	struct showing *s = arg;
	struct shown item = {.is_told = zone->denial == VIEW_DENIED_NOT_LINKED};
	struct view_link *link = &item.link;
	int r = dname_parse(zone->domain, strlen(zone->domain), NULL, item.domain, s->e);

	*link = (struct view_link){.domain = item.domain,
				   .zone = zone->owner->id,
				   .flags = zone->fall_through ? VIEW_LINK_FALL_THROUGH : 0,
				   .rank = rank_of(zone)};
	if (r > 0)
		r = zone->kind == VIEW_NAME ? name_put(s, zone, link) : 0;
	s->is_bad = r < 0;
	return r < 0 ? r : vec_push(s->items, s->n, item);
}

static int links_put(const struct showing *s, uint32_t router, uint32_t owner, bool told)
{
	_cleanup_free_ struct view_link *links = calloc(s->n + 1, sizeof(*links));
	size_t n = 0;
	bool changed;

	if (!links)
		return no_memory(s->e);
	for (uint32_t i = 0; i < s->n; i++) {
		const struct shown *item = &s->items[i];

		if (told && !item->is_told)
			continue;
		links[n] = item->link;
		links[n].domain = item->domain;
		if (told)
			links[n].zone = ZONE_NAME_TOLD;
		n++;
	}
	return tables_put_links(s->run->tables, router, owner, links, n, &changed, s->e);
}

/* router NULL: the internet; what that denies because it is not linked is what others may be told. */
static int pair_put(struct compile_run *run, const struct object *router,
		    const struct object *owner, struct err *e)
{
	struct showing s = {.run = run, .e = e};
	int r;

	if (owner->id == 0 || (router && router->id == 0))
		return 0;
	r = view_each_zone_of(router, owner, &run->public, show, &s);
	if (r == -ERR_NOMEM && !s.is_bad)
		r = no_memory(e);
	if (r == 0)
		r = links_put(&s, view_id(router), owner->id, false);
	if (r == 0 && !router)
		r = links_put(&s, VIEW_TOLD, owner->id, true);
	free(s.items);
	return r;
}

/* --- a whole view ----------------------------------------------------------------------------------------------- */

static int owner_add(const struct view_zone *zone, void *arg)
{
	struct object_list *owners = arg;

	/* The zones of an owner come one after another. */
	if (owners->n > 0 && owners->items[owners->n - 1] == zone->owner)
		return 0;
	return object_list_add((struct object *)(uintptr_t)zone->owner, owners);
}

static int view_put(struct compile_run *run, const struct landscape *l, const struct object *router,
		    struct err *e)
{
	struct object_list owners = {0};
	int r = view_each_zone(l, router, &run->public, owner_add, &owners);

	if (r < 0)
		r = no_memory(e);
	object_list_sort(&owners);
	for (uint32_t i = 0; i < owners.n && r == 0; i++)
		r = pair_put(run, router, owners.items[i], e);
	object_list_done(&owners);
	return r;
}

struct views {
	struct compile_run *run;
	const struct landscape *l;
	struct err *e;
};

static int router_view_put(struct object *router, void *arg)
{
	const struct views *v = arg;

	return view_put(v->run, v->l, router, v->e);
}

int names_all(struct compile_run *run, const struct landscape *l, struct err *e)
{
	struct walk w = {run, e};
	struct views v = {run, l, e};
	int r = landscape_each(l, OBJECT_ZONE, content_put, &w);

	if (r == 0)
		r = landscape_each(l, OBJECT_CLUSTER, content_put, &w);
	if (r == 0)
		r = landscape_each(l, OBJECT_NETWORK, router_view_put, &v);
	if (r == 0)
		r = landscape_each(l, OBJECT_SITE, router_view_put, &v);
	return r < 0 ? r : view_put(run, l, NULL, e);
}

/* --- tables of any age ------------------------------------------------------------------------------------------ */

struct ids {
	uint32_t *ids;
	uint32_t n;
};

static int id_add(uint32_t id, void *arg)
{
	struct ids *l = arg;

	return vec_push(l->ids, l->n, id);
}

static int owner_id_add(struct object *owner, void *arg)
{
	return id_add(owner->id, arg);
}

static int id_cmp(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Of the last snapshot: the transaction has not touched any yet. */
static int stored_zones(struct tables *t, struct ids *ret_ids, struct err *e)
{
	struct tables_snapshot *s = tables_acquire(t);
	int r;

	if (!s)
		return err_set(e, ERR_UNAVAILABLE, NULL, "the tables cannot be read");
	r = tables_each_zone(s, id_add, ret_ids);
	tables_release(s);
	if (r == -ERR_NOMEM)
		return no_memory(e);
	return r < 0 ? err_set(e, ERR_UNAVAILABLE, NULL, "the tables cannot be read") : 0;
}

static int owner_ids(const struct landscape *l, struct ids *ret_ids, struct err *e)
{
	int r = landscape_each(l, OBJECT_ZONE, owner_id_add, ret_ids);

	if (r == 0)
		r = landscape_each(l, OBJECT_CLUSTER, owner_id_add, ret_ids);
	if (r == 0 && ret_ids->n > 1)
		qsort(ret_ids->ids, ret_ids->n, sizeof(*ret_ids->ids), id_cmp);
	return r < 0 ? no_memory(e) : 0;
}

int names_clear(struct compile_run *run, const struct landscape *l, struct err *e)
{
	struct ids stored = {0}, owners = {0};
	int r = stored_zones(run->tables, &stored, e);

	if (r == 0)
		r = owner_ids(l, &owners, e);
	if (r == 0)
		r = tables_clear_views(run->tables, e);
	for (uint32_t i = 0; i < stored.n && r == 0; i++) {
		if (!owners.n ||
		    !bsearch(&stored.ids[i], owners.ids, owners.n, sizeof(*owners.ids), id_cmp))
			r = tables_delete_zone(run->tables, stored.ids[i], e);
	}
	free(stored.ids);
	free(owners.ids);
	return r;
}

/* --- a change --------------------------------------------------------------------------------------------------- */

struct pair {
	const struct object *router, *owner;
};

struct pairs {
	struct pair *items;
	uint32_t n;
};

static int pair_add(struct object *router, struct object *owner, void *arg)
{
	struct pairs *ps = arg;

	return vec_push(ps->items, ps->n, {router, owner});
}

static uint32_t id_of(const struct object *o)
{
	return o ? o->id : 0;
}

/* By ids, so that the order is one of the landscape and not of memory; what has none yet is not put anyway. */
static int pair_cmp(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;
	int r = (id_of(x->router) > id_of(y->router)) - (id_of(x->router) < id_of(y->router));

	return r ? r : (x->owner->id > y->owner->id) - (x->owner->id < y->owner->id);
}

static int pairs_put(struct compile_run *run, struct pairs *ps, struct err *e)
{
	int r = 0;

	if (ps->n > 1)
		qsort(ps->items, ps->n, sizeof(*ps->items), pair_cmp);
	for (uint32_t i = 0; i < ps->n && r == 0; i++) {
		if (i == 0 || pair_cmp(&ps->items[i - 1], &ps->items[i]) != 0)
			r = pair_put(run, ps->items[i].router, ps->items[i].owner, e);
	}
	return r;
}

/* What an object that is gone may have left under its id, if another one has its name now. */
static int replaced_clear(struct compile_run *run, const struct pairs *ps, const struct object *now,
			  uint32_t id, struct err *e)
{
	const struct showing nothing = {.run = run, .e = e};
	int r = tables_delete_zone(run->tables, id, e);

	for (uint32_t i = 0; i < ps->n && r == 0; i++) {
		if (ps->items[i].owner != now)
			continue;
		r = links_put(&nothing, id_of(ps->items[i].router), id, false);
		if (r == 0)
			r = links_put(&nothing, VIEW_TOLD, id, true);
	}
	return r;
}

static int replaced_put(struct compile_run *run, const struct landscape *l, const struct pairs *ps,
			const struct compile_change *change, struct err *e)
{
	const char *kind_text = json_string_value(json_object_get(change->before, "kind"));
	const char *name = json_string_value(json_object_get(change->before, "name"));
	const enum object_kind kind = kind_text ? object_kind_find(kind_text) : OBJECT_KIND_COUNT;
	const struct object *now = NULL;

	if (kind != OBJECT_KIND_COUNT && name)
		now = landscape_find(l, kind, name);
	if (!now || now->id == change->id)
		return 0;
	if (kind == OBJECT_ZONE || kind == OBJECT_CLUSTER)
		return replaced_clear(run, ps, now, change->id, e);
	return kind == OBJECT_NETWORK || kind == OBJECT_SITE ? view_put(run, l, now, e) : 0;
}

int names_change(struct compile_run *run, const struct landscape *l,
		 const struct compile_change *changes, size_t n, struct err *e)
{
	struct walk w = {run, e};
	struct pairs pairs = {0};
	int r = landscape_each_zone_touched(l, content_put, &w);

	if (r == 0 && landscape_each_view_touched(l, pair_add, &pairs) < 0)
		r = no_memory(e);
	if (r == 0)
		r = pairs_put(run, &pairs, e);
	for (size_t i = 0; i < n && r == 0; i++) {
		if (!changes[i].after)
			r = replaced_put(run, l, &pairs, &changes[i], e);
	}
	free(pairs.items);
	return r;
}
