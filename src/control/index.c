/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/index.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int index_init(struct index *x, struct err *e)
{
	memset(x, 0, sizeof(*x));
	x->by_name = json_object();
	x->by_server = json_object();
	if (!x->by_name || !x->by_server) {
		index_done(x);
		return err_set(e, ERR_NOMEM, NULL, "out of memory");
	}
	return 0;
}

static void index_cluster_free(struct index_cluster *ic)
{
	if (!ic)
		return;
	json_decref(ic->server_names);
	explain_index_free(ic->explain);
	free(ic);
}

static void index_clear(struct index *x)
{
	for (size_t i = 0; i < x->cap; i++)
		index_cluster_free(x->clusters[i]);
	free(x->clusters);
	x->clusters = NULL;
	x->cap = x->n_clusters = 0;
	json_object_clear(x->by_name);
	json_object_clear(x->by_server);
}

void index_done(struct index *x)
{
	index_clear(x);
	json_decref(x->by_name);
	json_decref(x->by_server);
	memset(x, 0, sizeof(*x));
}

json_t *cluster_server_names(const json_t *doc)
{
	const json_t *public = json_object_get(doc, "public");
	json_t *fqdn = json_object_get(public, "fqdn");
	json_t *names = json_object_get(public, "names");
	json_t *all = json_array();

	if (json_is_string(fqdn))
		json_array_append(all, fqdn);
	if (json_is_array(names))
		json_array_extend(all, names);
	return all;
}

struct index_cluster *index_get(const struct index *x, uint32_t id)
{
	return id < x->cap ? x->clusters[id] : NULL;
}

static struct index_cluster *index_by(const struct index *x, const json_t *map, const char *key)
{
	const json_t *id = json_object_get(map, key);

	return id ? index_get(x, (uint32_t)json_integer_value(id)) : NULL;
}

struct index_cluster *index_find(const struct index *x, const char *name)
{
	return index_by(x, x->by_name, name);
}

struct index_cluster *index_find_server(const struct index *x, const char *server_name)
{
	return index_by(x, x->by_server, server_name);
}

void index_delete(struct index *x, uint32_t id)
{
	struct index_cluster *ic = index_get(x, id);
	const json_t *name;
	size_t i;

	if (!ic)
		return;
	json_array_foreach(ic->server_names, i, name)
	{
		const struct index_cluster *owner = index_find_server(x, json_string_value(name));

		/* Within one change the name may have moved on to another cluster already. */
		if (owner == ic)
			json_object_del(x->by_server, json_string_value(name));
	}
	if (index_find(x, ic->name) == ic)
		json_object_del(x->by_name, ic->name);
	x->clusters[id] = NULL;
	x->n_clusters--;
	index_cluster_free(ic);
}

static int index_grow(struct index *x, uint32_t id)
{
	size_t cap = x->cap ? x->cap : 64;
	struct index_cluster **clusters;

	while (cap <= id)
		cap *= 2;
	if (cap == x->cap)
		return 0;
	clusters = reallocarray(x->clusters, cap, sizeof(struct index_cluster *));
	if (!clusters)
		return -ERR_NOMEM;
	memset(clusters + x->cap, 0, (cap - x->cap) * sizeof(struct index_cluster *));
	x->clusters = clusters;
	x->cap = cap;
	return 0;
}

int index_put(struct index *x, uint32_t id, const json_t *doc, struct err *e)
{
	const char *name = json_string_value(json_object_get(doc, "name"));
	struct index_cluster *ic = calloc(1, sizeof(*ic));
	const json_t *server;
	size_t i;

	if (!ic || index_grow(x, id) < 0) {
		free(ic);
		return err_set(e, ERR_NOMEM, NULL, "out of memory");
	}
	index_delete(x, id);
	ic->id = id;
	snprintf(ic->name, sizeof(ic->name), "%s", name ? name : "");
	ic->server_names = cluster_server_names(doc);
	x->clusters[id] = ic;
	x->n_clusters++;
	json_object_set_new(x->by_name, ic->name, json_integer(id));
	json_array_foreach(ic->server_names, i, server)
		json_object_set_new(x->by_server, json_string_value(server), json_integer(id));
	return 0;
}

struct load_state {
	struct index *x;
	struct err *e;
};

static int load_one(const struct store_object *o, void *arg)
{
	struct load_state *st = arg;

	return index_put(st->x, o->id, o->body, st->e);
}

int index_load(struct index *x, struct store *s, struct err *e)
{
	struct load_state st = {x, e};

	index_clear(x);
	return store_list(s, "cluster", true, load_one, &st, e);
}
