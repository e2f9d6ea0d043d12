/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/names.h"

#include <stdlib.h>

struct answer {
	const struct object *network; /* only addresses in it; NULL: anywhere */
	bool placements_only;
	struct addr *addresses;
	size_t n, cap;
};

static int answer_add(struct answer *a, const struct addr *addr)
{
	for (size_t i = 0; i < a->n; i++)
		if (addr_is_equal(&a->addresses[i], addr))
			return 0;
	if (a->n == a->cap) {
		size_t cap = a->cap ? a->cap * 2 : 8;
		struct addr *grown = reallocarray(a->addresses, cap, sizeof(*grown));

		if (!grown)
			return -ERR_NOMEM;
		a->addresses = grown;
		a->cap = cap;
	}
	a->addresses[a->n++] = *addr;
	return 0;
}

/* A virtual address beside a public endpoint is used by address: the name stays public. */
static bool has_no_name(const struct endpoint_view *ep)
{
	const struct cluster_net *c = object_cluster_net(ep->cluster);

	return ep->owner == ep->cluster && c->kind == PRIVATE_INTEGRATED && c->public_enabled;
}

static int endpoint_add(const struct endpoint_view *ep, void *arg)
{
	struct answer *a = arg;
	int r = 0;

	if (!ep->is_enabled || has_no_name(ep) ||
	    (a->network && object_router(ep->subnet) != a->network) ||
	    (a->placements_only && ep->owner != ep->cluster))
		return 0;
	for (size_t f = 0; f < FAMILIES && r == 0; f++)
		if (ep->addresses[f].family != ADDR_NONE)
			r = answer_add(a, &ep->addresses[f]);
	return r;
}

struct telling {
	const struct object *router;
	const struct addr *public_addresses;
	size_t n_public;
	names_fn *fn;
	void *arg;
	struct answer answer; /* its memory is used again for each cluster */
};

/* The cluster's private addresses here, or else anywhere. */
static int answer_collect(struct telling *t, const struct object *cluster, bool is_here)
{
	t->answer.n = 0;
	t->answer.network = is_here ? t->router : NULL;
	t->answer.placements_only = !is_here;
	return cluster_each_endpoint(cluster, endpoint_add, &t->answer);
}

static int cluster_tell(struct object *cluster, void *arg)
{
	struct telling *t = arg;
	const struct cluster_net *c = object_cluster_net(cluster);
	const struct addr *addresses;
	size_t n;
	int r = answer_collect(t, cluster, true);

	if (r == 0 && !t->answer.n && !c->public_enabled)
		r = answer_collect(t, cluster, false);
	if (r < 0)
		return r;
	n = t->answer.n;
	addresses = t->answer.addresses;
	if (!n && c->public_enabled) {
		n = t->n_public;
		addresses = t->public_addresses;
	}
	for (size_t i = 0; n && i < c->n_server_names && r == 0; i++)
		if (c->server_names[i][0] != '*')
			r = t->fn(c->server_names[i], cluster, addresses, n, t->arg);
	return r;
}

int names_of(const struct landscape *l, const struct object *router,
	     const struct addr *public_addresses, size_t n_public, names_fn *fn, void *arg)
{
	struct telling t = {router, public_addresses, n_public, fn, arg, {0}};
	int r = landscape_each(l, OBJECT_CLUSTER, cluster_tell, &t);

	free(t.answer.addresses);
	return r;
}
