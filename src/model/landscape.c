/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/landscape_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_FIRST 64

static int no_memory(struct err *e)
{
	return err_set(e, ERR_NOMEM, NULL, "out of memory");
}

/* --- changes ----------------------------------------------------------------------------------------------- */

/* The node's change in this transaction, so that it can be undone. */
static int change_reserve(struct landscape *l)
{
	size_t cap = l->cap_changes ? l->cap_changes * 2 : 16;
	struct change *grown;

	if (l->n_changes < l->cap_changes)
		return 0;
	grown = reallocarray(l->changes, cap, sizeof(*grown));
	if (!grown)
		return -ERR_NOMEM;
	l->changes = grown;
	l->cap_changes = cap;
	return 0;
}

/* Replace the node's version; the first one of the transaction is kept, others were never seen. */
static void node_change(struct node *n, const struct version *after)
{
	struct landscape *l = n->l;
	uint32_t id = n->o.id;
	struct version before = version_take(n);

	if (n->change) {
		version_done(n->o.kind, &before);
	} else {
		l->changes[l->n_changes++] = (struct change){n, before, id};
		n->change = l->n_changes;
	}
	version_set(n, after);
}

/* --- life ------------------------------------------------------------------------------------------------- */

int landscape_new(struct landscape **ret_landscape, struct err *e)
{
	struct landscape *l = calloc(1, sizeof(*l));

	if (l) {
		l->n_buckets = l->n_claim_buckets = BUCKETS_FIRST;
		l->buckets = calloc(l->n_buckets, sizeof(struct node *));
		l->claim_buckets = calloc(l->n_claim_buckets, sizeof(struct claim *));
	}
	if (!l || !l->buckets || !l->claim_buckets) {
		landscape_free(l);
		return no_memory(e);
	}
	*ret_landscape = l;
	return 0;
}

void landscape_free(struct landscape *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n_changes; i++)
		version_done(l->changes[i].node->o.kind, &l->changes[i].before);
	for (size_t i = 0; l->buckets && i < l->n_buckets; i++) {
		for (struct node *n = l->buckets[i], *next; n; n = next) {
			next = n->next;
			node_free(n);
		}
	}
	for (size_t i = 0; i < OBJECT_KIND_COUNT; i++)
		free(l->declared[i].items);
	free(l->buckets);
	free(l->claim_buckets);
	free(l->changes);
	free(l->pool);
	free(l->pool_hints);
	free(l->taken);
	free(l->public);
	free(l);
}

int landscape_set_pool(struct landscape *l, const struct prefix *pool, size_t n, struct err *e)
{
	struct prefix *copy = calloc(n ? n : 1, sizeof(*copy));
	struct addr *hints = calloc(n ? n : 1, sizeof(*hints));

	if (!copy || !hints) {
		free(copy);
		free(hints);
		return no_memory(e);
	}
	for (size_t i = 0; i < n; i++) {
		copy[i] = pool[i];
		hints[i] = pool[i].addr;
	}
	free(l->pool);
	free(l->pool_hints);
	l->pool = copy;
	l->pool_hints = hints;
	l->n_pool = n;
	return 0;
}

static int addresses_set(struct addr **dst, size_t *ret_n, const struct addr *from, size_t n,
			 struct err *e)
{
	struct addr *copy = calloc(n ? n : 1, sizeof(*copy));

	if (!copy)
		return no_memory(e);
	for (size_t i = 0; i < n; i++)
		copy[i] = from[i];
	free(*dst);
	*dst = copy;
	*ret_n = n;
	return 0;
}

int landscape_set_taken(struct landscape *l, const struct addr *taken, size_t n, struct err *e)
{
	return addresses_set(&l->taken, &l->n_taken, taken, n, e);
}

int landscape_set_public(struct landscape *l, const struct addr *public, size_t n, struct err *e)
{
	return addresses_set(&l->public, &l->n_public, public, n, e);
}

const struct addr *landscape_public(const struct landscape *l, size_t *ret_n)
{
	*ret_n = l->n_public;
	return l->public;
}

/* --- transactions ----------------------------------------------------------------------------------------- */

static struct object *name_resolve(void *arg, enum object_kind kind, const char *name)
{
	struct node *n = node_get(arg, kind, name);

	return n ? &n->o : NULL;
}

void landscape_begin(struct landscape *l)
{
	assert(l->n_changes == 0);
}

static bool has_any(const struct addr addresses[FAMILIES])
{
	return addresses[V4].family != ADDR_NONE || addresses[V6].family != ADDR_NONE;
}

static void addresses_fill(struct addr addresses[FAMILIES], const struct addr from[FAMILIES])
{
	for (size_t f = 0; f < FAMILIES; f++)
		if (addresses[f].family == ADDR_NONE)
			addresses[f] = from[f];
}

/*
 * What the document leaves open stays as it was, at the same place: nobody else in the transaction can be given an address
 * that its owner only did not mention. landscape_allocate() writes it into the document, or gives it up.
 */
static void addresses_keep(const struct node *n, struct version *v)
{
	size_t n_before = body_places(n->o.kind, n->now.body);

	for (size_t i = 0; i < body_places(n->o.kind, v->body); i++) {
		struct place now = body_place(n->o.kind, v->body, i);

		for (size_t k = 0; k < n_before; k++) {
			struct place was = body_place(n->o.kind, n->now.body, k);

			/* On the internet an object that names one address has chosen to have no other. */
			if (was.where != now.where || (!now.where && has_any(now.addresses)))
				continue;
			addresses_fill(now.addresses, was.addresses);
		}
	}
}

static int version_make(struct node *n, const json_t *doc, struct version *ret_version,
			struct err *e)
{
	struct version v = {0};
	int r = body_parse(n->o.kind, doc, name_resolve, n->l, &v.body, e);

	if (r < 0)
		return r;
	addresses_keep(n, &v);
	if (edges_make(n, &v) < 0 || claims_make(n, &v) < 0 ||
	    declared_reserve(n->l, n->o.kind) < 0 || change_reserve(n->l) < 0) {
		version_done(n->o.kind, &v);
		return no_memory(e);
	}
	*ret_version = v;
	return 0;
}

int landscape_put(struct landscape *l, enum object_kind kind, uint32_t id, const json_t *doc,
		  struct object **ret_object, struct err *e)
{
	const json_t *name = json_object_get(doc, "name");
	struct version v = {0};
	struct node *n;
	int r;

	if (!json_is_string(name) || json_string_length(name) > OBJECT_NAME_MAX)
		return err_set(e, ERR_INVALID, "name", "is required: a string");
	n = node_get(l, kind, json_string_value(name));
	if (!n)
		return no_memory(e);
	r = version_make(n, doc, &v, e);
	if (r < 0)
		return r;
	node_change(n, &v);
	if (id)
		n->o.id = id;
	*ret_object = &n->o;
	return 0;
}

int landscape_delete(struct landscape *l, enum object_kind kind, const char *name, struct err *e)
{
	struct node *n = node_find(l, kind, name);

	if (!n || !n->now.body)
		return 0;
	if (change_reserve(l) < 0)
		return no_memory(e);
	node_change(n, &(struct version){0});
	return 0;
}

void landscape_set_id(struct landscape *l, struct object *o, uint32_t id)
{
	o->id = id;
}

void landscape_commit(struct landscape *l)
{
	for (size_t i = 0; i < l->n_changes; i++) {
		version_done(l->changes[i].node->o.kind, &l->changes[i].before);
		l->changes[i].node->change = 0;
	}
	l->n_changes = 0;
	nodes_sweep(l);
}

void landscape_abort(struct landscape *l)
{
	/* First everything out: then there is room for all that was. */
	for (size_t i = 0; i < l->n_changes; i++) {
		struct node *n = l->changes[i].node;
		struct version v = version_take(n);

		version_done(n->o.kind, &v);
	}
	for (size_t i = 0; i < l->n_changes; i++) {
		struct change *change = &l->changes[i];

		version_set(change->node, &change->before);
		change->node->o.id = change->before_id;
		change->node->change = 0;
	}
	l->n_changes = 0;
	nodes_sweep(l);
}

/* --- finding ---------------------------------------------------------------------------------------------- */

struct object *landscape_find(const struct landscape *l, enum object_kind kind, const char *name)
{
	struct node *n = node_find(l, kind, name);

	return n && n->now.body ? &n->o : NULL;
}

size_t landscape_count(const struct landscape *l, enum object_kind kind)
{
	return l->declared[kind].n;
}

int landscape_each(const struct landscape *l, enum object_kind kind, object_fn *fn, void *arg)
{
	const struct node_list *list = &l->declared[kind];
	int r = 0;

	for (size_t i = 0; i < list->n && r == 0; i++)
		r = fn(&list->items[i]->o, arg);
	return r;
}
