/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/landscape_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* --- nodes ------------------------------------------------------------------------------------------------ */

static uint64_t node_hash(enum object_kind kind, const char *name)
{
	return XXH3_64bits_withSeed(name, strlen(name), (uint64_t)kind);
}

struct node *node_find(const struct landscape *l, enum object_kind kind, const char *name)
{
	uint64_t hash = node_hash(kind, name);

	for (struct node *n = l->buckets[hash & (l->n_buckets - 1)]; n; n = n->next)
		if (n->hash == hash && n->o.kind == kind && strcmp(n->o.name, name) == 0)
			return n;
	return NULL;
}

/* Twice as many buckets. Without memory the chains are longer, and that is all. */
static void nodes_spread(struct landscape *l)
{
	size_t n_grown = l->n_buckets * 2;
	struct node **grown = calloc(n_grown, sizeof(struct node *));

	if (!grown)
		return;
	for (size_t i = 0; i < l->n_buckets; i++) {
		for (struct node *n = l->buckets[i], *next; n; n = next) {
			next = n->next;
			n->next = grown[n->hash & (n_grown - 1)];
			grown[n->hash & (n_grown - 1)] = n;
		}
	}
	free(l->buckets);
	l->buckets = grown;
	l->n_buckets = n_grown;
}

/* Whether the node is still of use is asked when the transaction ends. */
static void node_doubt(struct node *n)
{
	if (n->is_doubtful)
		return;
	n->is_doubtful = true;
	n->doubtful_next = n->l->doubtful;
	n->l->doubtful = n;
}

struct node *node_get(struct landscape *l, enum object_kind kind, const char *name)
{
	struct node *n = node_find(l, kind, name);
	struct node **bucket;

	if (n)
		return n;
	n = calloc(1, sizeof(*n));
	if (!n)
		return NULL;
	if (l->n_nodes >= l->n_buckets)
		nodes_spread(l);
	n->l = l;
	n->o.kind = kind;
	n->hash = node_hash(kind, name);
	snprintf(n->o.name, sizeof(n->o.name), "%s", name);
	bucket = &l->buckets[n->hash & (l->n_buckets - 1)];
	n->next = *bucket;
	*bucket = n;
	l->n_nodes++;
	node_doubt(n);
	return n;
}

void version_done(enum object_kind kind, struct version *v)
{
	body_free(kind, v->body);
	free(v->edges);
	free(v->claims);
	memset(v, 0, sizeof(*v));
}

void node_free(struct node *n)
{
	version_done(n->o.kind, &n->now);
	free(n->o.referrers);
	free(n->referrer_edges);
	free(n->hints);
	free(n);
}

static void node_remove(struct node *n)
{
	struct landscape *l = n->l;
	struct node **at = &l->buckets[n->hash & (l->n_buckets - 1)];

	while (*at != n)
		at = &(*at)->next;
	*at = n->next;
	l->n_nodes--;
	node_free(n);
}

/* At the end of a transaction: nodes that nothing declares and nothing names. */
void nodes_sweep(struct landscape *l)
{
	struct node *n = l->doubtful;

	l->doubtful = NULL;
	while (n) {
		struct node *next = n->doubtful_next;

		n->is_doubtful = false;
		if (!n->now.body) {
			n->o.id = 0;
			if (!n->o.n_referrers)
				node_remove(n);
		}
		n = next;
	}
}

/* --- edges ------------------------------------------------------------------------------------------------ */

static int referrers_reserve(struct node *n)
{
	size_t cap = n->cap_referrers ? n->cap_referrers * 2 : 4;
	struct object **referrers;
	size_t *edges;

	if (n->o.n_referrers < n->cap_referrers)
		return 0;
	referrers = reallocarray(n->o.referrers, cap, sizeof(struct object *));
	if (!referrers)
		return -ERR_NOMEM;
	n->o.referrers = referrers;
	edges = reallocarray(n->referrer_edges, cap, sizeof(*edges));
	if (!edges)
		return -ERR_NOMEM;
	n->referrer_edges = edges;
	n->cap_referrers = cap;
	return 0;
}

struct edges_making {
	struct landscape *l;
	struct version *v;
	size_t cap;
};

static int edge_make(const struct ref *ref, void *arg)
{
	struct edges_making *m = arg;
	struct node *to = node_of(ref->to);

	if (to->stamp == m->l->stamp)
		return 0; /* named before by the same body */
	to->stamp = m->l->stamp;
	if (m->v->n_edges == m->cap) {
		size_t cap = m->cap ? m->cap * 2 : 4;
		struct edge *grown = reallocarray(m->v->edges, cap, sizeof(*grown));

		if (!grown)
			return -ERR_NOMEM;
		m->v->edges = grown;
		m->cap = cap;
	}
	m->v->edges[m->v->n_edges++] = (struct edge){.to = to};
	return referrers_reserve(to);
}

int edges_make(struct node *n, struct version *v)
{
	struct edges_making m = {n->l, v, 0};

	n->l->stamp++;
	return body_each_ref(n->o.kind, v->body, edge_make, &m);
}

/* There is room: edges_make() has seen to it, or there was as much before. */
static void edges_add(struct node *n)
{
	for (size_t i = 0; i < n->now.n_edges; i++) {
		struct edge *edge = &n->now.edges[i];
		struct object *to = &edge->to->o;

		edge->at = to->n_referrers++;
		to->referrers[edge->at] = &n->o;
		edge->to->referrer_edges[edge->at] = i;
	}
}

static void edges_remove(struct node *n)
{
	for (size_t i = 0; i < n->now.n_edges; i++) {
		struct edge *edge = &n->now.edges[i];
		struct node *to = edge->to;
		size_t last = --to->o.n_referrers;

		if (edge->at != last) {
			struct node *moved = node_of(to->o.referrers[last]);

			to->o.referrers[edge->at] = &moved->o;
			to->referrer_edges[edge->at] = to->referrer_edges[last];
			moved->now.edges[to->referrer_edges[last]].at = edge->at;
		}
		node_doubt(to);
	}
}

/* --- the list of what is declared ------------------------------------------------------------------------- */

int declared_reserve(struct landscape *l, enum object_kind kind)
{
	struct node_list *list = &l->declared[kind];
	size_t cap = list->cap ? list->cap * 2 : 16;
	struct node **grown;

	if (list->n < list->cap)
		return 0;
	grown = reallocarray(list->items, cap, sizeof(struct node *));
	if (!grown)
		return -ERR_NOMEM;
	list->items = grown;
	list->cap = cap;
	return 0;
}

static void declared_add(struct node *n)
{
	struct node_list *list = &n->l->declared[n->o.kind];

	n->order = list->n;
	list->items[list->n++] = n;
}

static void declared_remove(struct node *n)
{
	struct node_list *list = &n->l->declared[n->o.kind];
	struct node *last = list->items[--list->n];

	list->items[n->order] = last;
	last->order = n->order;
}

/* --- versions --------------------------------------------------------------------------------------------- */

/* Take the present version out of everything that knows of it. */
struct version version_take(struct node *n)
{
	struct version v = n->now;

	if (v.body) {
		edges_remove(n);
		claims_remove(n->l, &v);
		declared_remove(n);
	}
	free(n->hints);
	n->hints = NULL;
	memset(&n->now, 0, sizeof(n->now));
	n->o.body = NULL;
	node_doubt(n);
	return v;
}

/* Make v, which may be empty, the present one. Cannot fail. */
void version_set(struct node *n, const struct version *v)
{
	n->now = *v;
	n->o.body = v->body;
	if (!v->body)
		return;
	edges_add(n);
	claims_add(n->l, &n->now);
	declared_add(n);
}
