/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Changes and whole stores to tables, each in one transaction of the tables.
 */
#include "compile/compile_int.h"
#include "compile/names_int.h"

#include <stdlib.h>
#include <string.h>

/* OBJECT_KIND_COUNT: none that the tables know. */
static enum object_kind kind_of(const struct compile_change *change)
{
	const json_t *doc = change->after ? change->after : change->before;
	const char *kind = json_string_value(json_object_get(doc, "kind"));

	return kind ? object_kind_find(kind) : OBJECT_KIND_COUNT;
}

static bool is_cluster(const struct compile_change *change)
{
	return kind_of(change) == OBJECT_CLUSTER;
}

static bool is_router(const struct compile_change *change)
{
	const struct object o = {.kind = kind_of(change)};

	return object_is_router(&o);
}

static bool has_name(const struct cluster *c, const char *name)
{
	for (size_t i = 0; i < c->n_server_names; i++) {
		if (strcmp(c->server_names[i], name) == 0)
			return true;
	}
	return false;
}

/* The names that the cluster had and has no more. What had no valid document may have any. */
static int lost_names_delete(struct tables *t, const struct compile_change *change, struct err *e)
{
	struct cluster before = {0}, after = {0};
	int r;

	if (!change->before)
		return 0;
	r = compile_parse(change->before, true, &before, NULL);
	if (r < 0)
		return r == -ERR_NOMEM ? err_set(e, ERR_NOMEM, NULL, "out of memory")
				       : tables_delete_names_of(t, &change->id, 1, e);
	if (change->after && compile_parse(change->after, true, &after, NULL) == -ERR_NOMEM)
		r = err_set(e, ERR_NOMEM, NULL, "out of memory");
	for (size_t i = 0; i < before.n_server_names && r == 0; i++) {
		if (!has_name(&after, before.server_names[i]))
			r = tables_delete_name(t, before.server_names[i], e);
	}
	cluster_done(&before);
	cluster_done(&after);
	return r;
}

static int change_put(struct tables *t, const struct compile_change *change, uint64_t revision,
		      struct compile_bad *bad, struct err *e)
{
	const struct compile_put put = {
		.id = change->id,
		.revision = revision,
		.doc = change->after,
		.before = change->before,
	};

	if (!change->after)
		return tables_delete_cluster(t, change->id, e);
	return compile_put_cluster(t, &put, bad, e);
}

/* All lost names go before any is put, so that a name can move from one cluster to another. */
static int clusters_put(struct compile_run *run, const struct compile_change *changes, size_t n,
			struct compile_bad *bad, struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		if (is_cluster(&changes[i]))
			r = lost_names_delete(run->tables, &changes[i], e);
	}
	for (size_t i = 0; i < n && r == 0; i++) {
		if (!is_cluster(&changes[i]))
			continue;
		run_touch(run, changes[i].id);
		r = change_put(run->tables, &changes[i], run->generation, bad, e);
	}
	return r;
}

struct touched {
	struct compile_run *run;
	struct err *e;
};

static int router_put(struct object *router, void *arg)
{
	struct touched *touched = arg;

	return run_router(touched->run, router, touched->e);
}

/* What is gone goes by its id first: an object of its name may be there again, with another. */
static int routers_put(struct compile_run *run, const struct landscape *l,
		       const struct compile_change *changes, size_t n, struct err *e)
{
	struct touched touched = {.run = run, .e = e};
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		if (!changes[i].after && is_router(&changes[i]))
			r = run_router_gone(run, changes[i].id, e);
	}
	return r < 0 ? r : landscape_each_touched(l, router_put, &touched);
}

int compile_commit(struct compile_run *run, int r, const char *store_id,
		   struct compile_outcome *ret_outcome, struct err *e)
{
	if (r == 0)
		r = run_settle_ids(run, e);
	if (r < 0)
		tables_abort(run->tables);
	else
		r = tables_commit(run->tables, run->generation, store_id, run->ids, run->n_ids, e);
	if (ret_outcome)
		*ret_outcome = (struct compile_outcome){.networks_changed =
								r == 0 && run->networks_changed};
	if (r == 0)
		compile_report_bad(run->bad, e);
	run_done(run);
	return r;
}

int compile_begin(struct compile_run *run, struct tables *t, const struct landscape *l,
		  uint64_t generation, struct compile_bad *bad, struct compile_outcome *ret_outcome,
		  struct err *e)
{
	*run = (struct compile_run){.tables = t, .generation = generation, .bad = bad};
	if (l)
		run->public.addresses = landscape_public(l, &run->public.n);
	if (ret_outcome)
		*ret_outcome = (struct compile_outcome){0};
	return tables_begin(t, e);
}

int compile_changes(struct tables *t, const struct landscape *l,
		    const struct compile_change *changes, size_t n, uint64_t generation,
		    const char *store_id, struct compile_outcome *ret_outcome, struct err *e)
{
	struct compile_bad bad = {0};
	struct compile_run run;
	int r = compile_begin(&run, t, l, generation, &bad, ret_outcome, e);

	if (r < 0)
		return r;
	r = clusters_put(&run, changes, n, &bad, e);
	if (r == 0 && l)
		r = routers_put(&run, l, changes, n, e);
	if (r == 0 && l)
		r = names_change(&run, l, changes, n, e);
	return compile_commit(&run, r, store_id, ret_outcome, e);
}

struct all {
	struct tables *tables;
	struct compile_bad bad;
	struct err *e;
};

static int object_put(const struct store_object *o, void *arg)
{
	struct all *all = arg;
	const struct compile_put put = {.id = o->id, .revision = o->revision, .doc = o->body};

	return compile_put_cluster(all->tables, &put, &all->bad, all->e);
}

int compile_all(struct tables *t, const struct landscape *l, struct store *s,
		struct compile_outcome *ret_outcome, struct err *e)
{
	struct all all = {.tables = t, .e = e};
	struct compile_run run;
	int r = compile_begin(&run, t, l, store_revision(s), &all.bad, ret_outcome, e);

	if (r < 0)
		return r;
	/* Also if no router is left: there may have been some. */
	run.networks_changed = true;
	r = tables_clear(t, e);
	if (r == 0)
		r = store_list(s, "cluster", true, object_put, &all, e);
	if (r == 0 && l)
		r = run_all_routers(&run, l, e);
	if (r == 0 && l)
		r = names_all(&run, l, e);
	return compile_commit(&run, r, store_id(s), ret_outcome, e);
}
