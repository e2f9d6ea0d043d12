/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "gate/cluster.h"

#include "gate/events.h"
#include "gate/health.h"
#include "model/cluster.h"

#include <stdlib.h>
#include <string.h>

/* In a row, before an upstream counts as down; one success brings it back. */
#define FAILURES_DOWN 2

/* Ids are dense; one far beyond what a store can hold is damage, and must not make us allocate. */
#define CLUSTER_ID_MAX (1u << 26)

/* A wildcard lets clients come by any number of names: beyond these, a connection has a copy of its own. */
#define NAMES_SHARED 16

struct gate_cluster *cluster_find(struct worker *w, uint32_t id)
{
	return id < w->n_clusters ? w->clusters[id] : NULL;
}

static struct gate_cluster *cluster_new(struct worker *w, uint32_t id)
{
	if (id > CLUSTER_ID_MAX)
		return NULL;
	if (id >= w->n_clusters) {
		uint32_t n = w->n_clusters ? w->n_clusters : 64;
		while (n <= id)
			n *= 2;
		const size_t entry = sizeof(void *);
		struct gate_cluster **grown = reallocarray(w->clusters, n, entry);
		if (!grown)
			return NULL;
		memset(grown + w->n_clusters, 0, (n - w->n_clusters) * entry);
		w->clusters = grown;
		w->n_clusters = n;
	}
	struct gate_cluster *c = calloc(1, sizeof *c);
	if (!c)
		return NULL;
	c->id = id;
	list_init(&c->upstreams);
	list_init(&c->connections);
	list_init(&c->names);
	list_init(&c->private_names);
	w->clusters[id] = c;
	return c;
}

static void upstream_free(struct worker *w, struct gate_upstream *u)
{
	health_stop(w, u);
	list_remove(&u->node);
	/* Freed at the end of the batch: an event of its probe may still be under way. */
	list_append(&w->dead_upstreams, &u->node);
}

void upstream_release(struct worker *w, struct gate_upstream *u)
{
	if (u->gone && !u->connections)
		upstream_free(w, u);
}

static struct gate_upstream *upstream_find(struct gate_cluster *c, const struct tables_upstream *t)
{
	list_foreach (it, &c->upstreams) {
		struct gate_upstream *u = container_of(it, struct gate_upstream, node);
		if (u->port == t->port && addr_is_equal(&u->addr, &t->addr))
			return u;
	}
	return NULL;
}

/* Make c's upstreams those of the record; one that stays keeps its state and connections. */
static int upstreams_sync(struct worker *w, struct gate_cluster *c)
{
	list_foreach (it, &c->upstreams)
		container_of(it, struct gate_upstream, node)->gone = true;
	for (uint8_t i = 0; i < c->record.n_upstreams; i++) {
		const struct tables_upstream *t = &c->record.upstreams[i];
		struct gate_upstream *u = upstream_find(c, t);
		if (!u) {
			u = calloc(1, sizeof *u);
			if (!u)
				return -ERR_NOMEM;
			u->addr = t->addr;
			u->port = t->port;
			u->cluster = c;
			list_append(&c->upstreams, &u->node);
			health_init(u);
		}
		u->gone = false;
		u->index = i;
		if (c->record.health_kind == HEALTH_NONE)
			u->state = UPSTREAM_UNKNOWN;
		health_start(w, u);
	}
	list_foreach (it, &c->upstreams) {
		struct gate_upstream *u = container_of(it, struct gate_upstream, node);
		if (u->gone)
			health_stop(w, u);
		upstream_release(w, u);
	}
	return 0;
}

static void cluster_gone(struct worker *w, struct gate_cluster *c)
{
	c->in_tables = false;
	c->record.n_upstreams = 0;
	(void)upstreams_sync(w, c);
}

struct gate_cluster *cluster_refresh(struct worker *w, uint32_t id)
{
	struct tables_snapshot *s = worker_snapshot(w);
	struct gate_cluster *c = cluster_find(w, id);
	struct tables_cluster record;
	int r = s ? tables_get_cluster(s, id, &record) : -ERR_UNAVAILABLE;

	if (r < 0) {
		if (r != -ERR_NOT_FOUND) {
			count(w, tables_unreadable_total);
			event_tables(w, id, NULL);
		}
		/* Not there: upstreams are let go. Damaged: they stay for the connections that are open. */
		if (c && r == -ERR_NOT_FOUND)
			cluster_gone(w, c);
		return NULL;
	}
	if (!c)
		c = cluster_new(w, id);
	if (!c)
		return NULL;
	if (c->in_tables && c->record.generation == record.generation)
		return c;
	c->record = record;
	c->in_tables = true;
	c->ranges_verified = false;
	if (upstreams_sync(w, c) < 0) {
		c->in_tables = false; /* look again the next time */
		return NULL;
	}
	return c;
}

static int load_one(uint32_t id, void *arg)
{
	(void)cluster_refresh(arg, id);
	return 0;
}

void clusters_load(struct worker *w)
{
	struct tables_snapshot *s = worker_snapshot(w);

	if (s && tables_each_cluster(s, load_one, w) < 0)
		count(w, tables_unreadable_total);
}

void clusters_done(struct worker *w)
{
	for (uint32_t id = 0; id < w->n_clusters; id++) {
		struct gate_cluster *c = w->clusters[id];
		if (!c)
			continue;
		assert(list_is_empty(&c->connections) && list_is_empty(&c->names) &&
		       list_is_empty(&c->private_names));
		list_foreach (it, &c->upstreams)
			upstream_free(w, container_of(it, struct gate_upstream, node));
		free(c);
	}
	free(w->clusters);
	w->clusters = NULL;
	w->n_clusters = 0;
}

struct gate_name *cluster_name_get(struct list *names, const char *name, size_t len)
{
	int looked = 0;

	list_foreach (it, names) {
		struct gate_name *n = container_of(it, struct gate_name, node);
		if (looked++ == NAMES_SHARED)
			break;
		if (n->len == len && !memcmp(n->text, name, len)) {
			n->refs++;
			return n;
		}
	}
	struct gate_name *n = malloc(sizeof *n + len + 1);
	if (!n)
		return NULL;
	n->refs = 1;
	n->len = (uint16_t)len;
	memcpy(n->text, name, len);
	n->text[len] = '\0';
	list_init(&n->node);
	list_append(names, &n->node);
	return n;
}

void cluster_name_put(struct gate_name *n)
{
	if (n && !--n->refs) {
		list_remove(&n->node);
		free(n);
	}
}

static bool upstream_is_better(const struct gate_upstream *a, const struct gate_upstream *b)
{
	static const uint8_t rank[] = {
		[UPSTREAM_UP] = 0, [UPSTREAM_UNKNOWN] = 1, [UPSTREAM_DOWN] = 2};

	if (rank[a->state] != rank[b->state])
		return rank[a->state] < rank[b->state];
	return a->connections < b->connections;
}

struct gate_upstream *cluster_pick(struct gate_cluster *c, uint16_t tried)
{
	struct gate_upstream *best = NULL;

	list_foreach (it, &c->upstreams) {
		struct gate_upstream *u = container_of(it, struct gate_upstream, node);
		if (u->gone || tried >> u->index & 1)
			continue;
		if (!best || upstream_is_better(u, best))
			best = u;
	}
	/* To the end of the list, so that equals take turns. */
	if (best) {
		list_remove(&best->node);
		list_append(&c->upstreams, &best->node);
	}
	return best;
}

void upstream_ok(struct worker *w, struct gate_upstream *u)
{
	bool was_down = u->state == UPSTREAM_DOWN;

	u->failures = 0;
	if (u->cluster->record.health_kind == HEALTH_NONE)
		return;
	u->state = UPSTREAM_UP;
	if (was_down)
		event_upstream(w, GATE_EVENT_UPSTREAM_UP, u);
}

void upstream_failed(struct worker *w, struct gate_upstream *u)
{
	u->failures++;
	if (u->cluster->record.health_kind == HEALTH_NONE || u->gone)
		return;
	if (u->state != UPSTREAM_DOWN && u->failures >= FAILURES_DOWN) {
		u->state = UPSTREAM_DOWN;
		event_upstream(w, GATE_EVENT_UPSTREAM_DOWN, u);
	} else if (u->state != UPSTREAM_DOWN) {
		health_soon(w, u);
	}
}
