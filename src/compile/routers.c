/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which routers are written: those that a change touched, or all.
 */
#include "compile/names_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void *vec_grown(void *items, uint32_t n, size_t item_size)
{
	if ((n & (n - 1)) != 0) /* between two powers of two: there is room */
		return items;
	if (n > UINT32_MAX / 2)
		return NULL;
	return reallocarray(items, n ? 2 * (size_t)n : 1, item_size);
}

/* --- lists of objects --------------------------------------------------------------------------------------------- */

int object_list_add(struct object *o, void *arg)
{
	struct object_list *l = arg;
	const struct object **items = vec_grown(l->items, l->n, sizeof(const struct object *));

	if (!items)
		return -ERR_NOMEM;
	l->items = items;
	l->items[l->n++] = o;
	return 0;
}

static int object_cmp(const void *a, const void *b)
{
	const struct object *const *x = a, *const *y = b;

	return ((*x)->id > (*y)->id) - ((*x)->id < (*y)->id);
}

void object_list_sort(struct object_list *l)
{
	uint32_t n = 0;

	if (l->n > 1)
		qsort(l->items, l->n, sizeof(const struct object *), object_cmp);
	for (uint32_t i = 0; i < l->n; i++) {
		if (n == 0 || l->items[n - 1] != l->items[i])
			l->items[n++] = l->items[i];
	}
	l->n = n;
}

uint32_t object_list_index(const struct object_list *l, const struct object *o)
{
	const struct object **at =
		l->n ? bsearch(&o, l->items, l->n, sizeof(const struct object *), object_cmp)
		     : NULL;

	assert(at);
	return (uint32_t)(at - l->items);
}

void object_list_done(struct object_list *l)
{
	free(l->items);
	memset(l, 0, sizeof(*l));
}

/* --- ids ---------------------------------------------------------------------------------------------------------- */

void run_touch(struct compile_run *run, uint32_t id)
{
	if (vec_push(run->ids, run->n_ids, id) < 0)
		run->is_out_of_memory = true;
}

static int id_cmp(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int run_settle_ids(struct compile_run *run, struct err *e)
{
	uint32_t n = 0;

	if (run->is_out_of_memory)
		return err_set(e, ERR_NOMEM, NULL, "out of memory");
	if (run->n_ids > 1)
		qsort(run->ids, run->n_ids, sizeof(*run->ids), id_cmp);
	for (uint32_t i = 0; i < run->n_ids; i++) {
		if (n == 0 || run->ids[n - 1] != run->ids[i])
			run->ids[n++] = run->ids[i];
	}
	run->n_ids = n;
	return 0;
}

void run_done(struct compile_run *run)
{
	while (run->hubs) {
		struct hub_routes *h = run->hubs;

		run->hubs = h->next;
		route_list_done(&h->spaces);
		route_list_done(&h->routes);
		free(h);
	}
	free(run->ids);
	memset(run, 0, sizeof(*run));
}

/* --- routers ------------------------------------------------------------------------------------------------------ */

/* An endpoint came, went or changed. */
static void cluster_touched(uint32_t cluster, void *arg)
{
	struct compile_run *run = arg;

	run_touch(run, cluster);
	run->networks_changed = true;
}

static void router_touched(struct compile_run *run, uint32_t id)
{
	run_touch(run, id);
	run->networks_changed = true;
}

int run_router_gone(struct compile_run *run, uint32_t id, struct err *e)
{
	int r = tables_delete_network(run->tables, id, cluster_touched, run, e);

	router_touched(run, id);
	return r < 0 ? r : tables_delete_view(run->tables, id, e);
}

static int built_put(struct compile_run *run, const struct built *b, struct err *e)
{
	bool changed = false;
	int r = tables_put_network(run->tables, &b->record, run->generation, &changed, e);

	if (r == 0 && changed)
		router_touched(run, b->record.id);
	if (r == 0)
		r = tables_put_endpoints(run->tables, b->record.id, b->puts, b->n_puts,
					 run->generation, cluster_touched, run, e);
	return r;
}

int run_router(struct compile_run *run, const struct object *router, struct err *e)
{
	struct built b;
	int r;

	if (!router->body)
		return router->id ? run_router_gone(run, router->id, e) : 0;
	r = built_make(run, router, &b);
	if (r < 0)
		r = err_set(e, ERR_NOMEM, NULL, "out of memory");
	else
		r = built_put(run, &b, e);
	built_done(&b);
	if (r == 0 && router->kind != OBJECT_HUB)
		r = view_config_put(run, router, e);
	return r;
}

struct walk {
	struct compile_run *run;
	struct err *e;
};

static int router_put(struct object *router, void *arg)
{
	struct walk *w = arg;

	return run_router(w->run, router, w->e);
}

int run_all_routers(struct compile_run *run, const struct landscape *l, struct err *e)
{
	static const enum object_kind kinds[] = {OBJECT_NETWORK, OBJECT_HUB, OBJECT_SITE};
	struct walk w = {.run = run, .e = e};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(kinds) && r == 0; i++)
		r = landscape_each(l, kinds[i], router_put, &w);
	return r;
}

struct ids {
	uint32_t *ids;
	uint32_t n;
};

static int id_add(uint32_t id, void *arg)
{
	struct ids *l = arg;

	return vec_push(l->ids, l->n, id);
}

static int router_id_add(struct object *router, void *arg)
{
	return id_add(router->id, arg);
}

static int declared_ids(const struct landscape *l, struct ids *ret_ids)
{
	int r = landscape_each(l, OBJECT_NETWORK, router_id_add, ret_ids);

	if (r == 0)
		r = landscape_each(l, OBJECT_HUB, router_id_add, ret_ids);
	if (r == 0)
		r = landscape_each(l, OBJECT_SITE, router_id_add, ret_ids);
	if (r == 0 && ret_ids->n > 1)
		qsort(ret_ids->ids, ret_ids->n, sizeof(*ret_ids->ids), id_cmp);
	return r;
}

/* As the last snapshot has them: the transaction has not touched any yet. */
static int stored_ids(struct tables *t, struct ids *ret_ids)
{
	struct tables_snapshot *s = tables_acquire(t);
	int r;

	if (!s)
		return -ERR_UNAVAILABLE;
	r = tables_each_network(s, id_add, ret_ids);
	tables_release(s);
	return r;
}

int run_mend_routers(struct compile_run *run, const struct landscape *l, struct err *e)
{
	struct ids stored = {0}, declared = {0};
	int r = stored_ids(run->tables, &stored);

	if (r == 0)
		r = declared_ids(l, &declared);
	if (r == -ERR_NOMEM)
		err_set(e, ERR_NOMEM, NULL, "out of memory");
	else if (r < 0)
		err_set(e, ERR_UNAVAILABLE, NULL, "the tables cannot be read");
	for (uint32_t i = 0; i < stored.n && r == 0; i++) {
		if (!declared.n || !bsearch(&stored.ids[i], declared.ids, declared.n,
					    sizeof(*declared.ids), id_cmp))
			r = run_router_gone(run, stored.ids[i], e);
	}
	if (r == 0)
		r = run_all_routers(run, l, e);
	free(stored.ids);
	free(declared.ids);
	return r;
}
