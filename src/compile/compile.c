/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Changes and whole stores to tables, each in one transaction of the tables.
 */
#include "compile/compile_int.h"

#include <stdlib.h>
#include <string.h>

static bool is_cluster(const struct compile_change *change)
{
	const json_t *doc = change->after ? change->after : change->before;
	const char *kind = json_string_value(json_object_get(doc, "kind"));

	return kind && strcmp(kind, "cluster") == 0;
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
static int changes_put(struct tables *t, const struct compile_change *changes, size_t n,
		       uint64_t revision, uint32_t *ids, size_t *ret_n_ids, struct compile_bad *bad,
		       struct err *e)
{
	size_t n_ids = 0;
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		if (is_cluster(&changes[i]))
			r = lost_names_delete(t, &changes[i], e);
	}
	for (size_t i = 0; i < n && r == 0; i++) {
		if (!is_cluster(&changes[i]))
			continue;
		ids[n_ids++] = changes[i].id;
		r = change_put(t, &changes[i], revision, bad, e);
	}
	*ret_n_ids = n_ids;
	return r;
}

int compile_changes(struct tables *t, const struct compile_change *changes, size_t n,
		    uint64_t generation, const char *store_id, struct err *e)
{
	_cleanup_free_ uint32_t *ids = calloc(n ? n : 1, sizeof(*ids));
	struct compile_bad bad = {0};
	size_t n_ids = 0;
	int r;

	if (!ids)
		return err_set(e, ERR_NOMEM, NULL, "out of memory");
	r = tables_begin(t, e);
	if (r < 0)
		return r;
	r = changes_put(t, changes, n, generation, ids, &n_ids, &bad, e);
	if (r < 0) {
		tables_abort(t);
		return r;
	}
	r = tables_commit(t, generation, store_id, ids, n_ids, e);
	if (r == 0)
		compile_report_bad(&bad, e);
	return r;
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

int compile_all(struct tables *t, struct store *s, struct err *e)
{
	struct all all = {.tables = t, .e = e};
	int r = tables_begin(t, e);

	if (r < 0)
		return r;
	r = tables_clear(t, e);
	if (r == 0)
		r = store_list(s, "cluster", true, object_put, &all, e);
	if (r < 0) {
		tables_abort(t);
		return r;
	}
	r = tables_commit(t, store_revision(s), store_id(s), NULL, 0, e);
	if (r == 0)
		compile_report_bad(&all.bad, e);
	return r;
}
