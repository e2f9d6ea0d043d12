/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tables that are behind the store, because the process ended between the store's commit and the tables': the history
 * says what is missing. Of each cluster only the newest change counts; what it was before is not looked at, so all its
 * names go and those of the new document come. Routers and views are made of many objects, so all of them are compiled; what differs
 * is written. Zones keep their serial while they are the same.
 */
#include "compile/compile_int.h"
#include "compile/names_int.h"

#include <stdlib.h>
#include <string.h>

#define MISSED_MAX 4096 /* more changes than that: compile everything */

struct missed {
	uint32_t id;
	uint64_t revision;
	json_t *body; /* owned; NULL: deleted */
};

struct missed_list {
	struct missed *items;
	size_t n, cap;
	bool is_unusable;
};

static void list_done(struct missed_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		json_decref(l->items[i].body);
	free(l->items);
}

static int list_add(const struct store_change *c, void *arg)
{
	struct missed_list *l = arg;

	if (!c->body && strcmp(c->verb, "delete") != 0) {
		l->is_unusable = true;
		return 0;
	}
	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 64;
		struct missed *items = reallocarray(l->items, cap, sizeof(*items));

		if (!items)
			return -ERR_NOMEM;
		l->items = items;
		l->cap = cap;
	}
	l->items[l->n++] = (struct missed){c->id, c->revision, json_incref(unconst(c->body))};
	return 0;
}

/* By id, the newest first. */
static int missed_cmp(const void *a, const void *b)
{
	const struct missed *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return (x->revision < y->revision) - (x->revision > y->revision);
}

/* Keep the newest of each id. */
static void list_reduce(struct missed_list *l)
{
	size_t n = 0;

	if (l->n == 0)
		return;
	qsort(l->items, l->n, sizeof(*l->items), missed_cmp);
	for (size_t i = 0; i < l->n; i++) {
		if (n > 0 && l->items[n - 1].id == l->items[i].id)
			json_decref(l->items[i].body);
		else
			l->items[n++] = l->items[i];
	}
	l->n = n;
}

static int list_put(struct compile_run *run, const struct missed_list *l, struct compile_bad *bad,
		    struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < l->n; i++)
		run_touch(run, l->items[i].id);
	if (!run->is_out_of_memory)
		r = tables_delete_names_of(run->tables, run->ids, run->n_ids, e);
	for (size_t i = 0; i < l->n && r == 0; i++) {
		const struct missed *m = &l->items[i];
		const struct compile_put put = {
			.id = m->id, .revision = m->revision, .doc = m->body};

		r = m->body ? compile_put_cluster(run->tables, &put, bad, e)
			    : tables_delete_cluster(run->tables, m->id, e);
	}
	return r;
}

/* What a catch-up works with. */
struct catching {
	struct tables *tables;
	const struct landscape *landscape;
	struct store *store;
	struct compile_outcome *outcome;
};

static int landscape_compile(struct compile_run *run, const struct landscape *l, struct err *e)
{
	int r = names_clear(run, l, e);

	if (r == 0)
		r = run_mend_routers(run, l, e);
	return r < 0 ? r : names_all(run, l, e);
}

static int list_compile(const struct catching *c, const struct missed_list *l, struct err *e)
{
	struct compile_bad bad = {0};
	struct compile_run run;
	int r = compile_begin(&run, c->tables, c->landscape, store_revision(c->store), &bad,
			      c->outcome, e);

	if (r < 0)
		return r;
	r = list_put(&run, l, &bad, e);
	if (r == 0 && c->landscape)
		r = landscape_compile(&run, c->landscape, e);
	return compile_commit(&run, r, store_id(c->store), c->outcome, e);
}

static int from_history(const struct catching *c, uint64_t after, struct err *e)
{
	struct missed_list list = {0};
	bool gap = false;
	int r = store_history(c->store, after, "cluster", NULL, MISSED_MAX + 1, true, list_add,
			      &list, &gap, e);

	if (r == -ERR_NOMEM) {
		r = err_set(e, ERR_NOMEM, NULL, "out of memory");
		goto out;
	}
	if (r < 0)
		goto out;
	if (gap || list.is_unusable || list.n > MISSED_MAX) {
		r = compile_all(c->tables, c->landscape, c->store, c->outcome, e);
		goto out;
	}
	list_reduce(&list);
	r = list_compile(c, &list, e);
out:
	list_done(&list);
	return r;
}

int compile_catch_up(struct tables *t, const struct landscape *l, struct store *s,
		     struct compile_outcome *ret_outcome, struct err *e)
{
	const struct catching c = {.tables = t, .landscape = l, .store = s, .outcome = ret_outcome};
	struct tables_snapshot *snapshot = tables_acquire(t);
	uint64_t generation;
	bool is_ours;

	if (ret_outcome)
		*ret_outcome = (struct compile_outcome){0};
	if (!snapshot)
		return err_set(e, ERR_UNAVAILABLE, NULL, "the tables cannot be read");
	generation = tables_generation(snapshot);
	is_ours = strcmp(tables_store_id(snapshot), store_id(s)) == 0;
	tables_release(snapshot);
	if (is_ours && generation == store_revision(s))
		return 0;
	if (!is_ours || generation > store_revision(s))
		return compile_all(t, l, s, ret_outcome, e);
	return from_history(&c, generation, e);
}
