/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which routers a transaction concerns. Most changes stay within their own router. What its neighbours see of a router, and,
 * through a hub, the neighbours of that, is its address space, its subnets and its routes. A link, and the address space at the other
 * end of it, make routes: so what changes those of a router concerns the neighbours of that, too.
 */
#include "model/landscape_int.h"

struct touching {
	struct landscape *l;
	object_fn *fn;
	void *arg;
};

/* Told once of each. */
static int touch_one(const struct touching *t, struct object *router)
{
	struct node *n;

	if (!router)
		return 0;
	n = node_of(router);
	if (n->touched == t->l->touched || (!router->body && !body_before(n)))
		return 0;
	n->touched = t->l->touched;
	return t->fn(router, t->arg);
}

static int touch_peer(const struct router_link *link, void *arg)
{
	return touch_one(arg, link->peer);
}

/* The router, and everyone that is joined to it. */
static int touch_near(struct touching *t, struct object *router)
{
	struct node *n = node_of(router);
	int r = touch_one(t, router);

	if (r != 0 || n->touched_near == t->l->touched)
		return r;
	n->touched_near = t->l->touched;
	return router_each_link(router, touch_peer, t);
}

static int touch_behind(const struct router_link *link, void *arg)
{
	return link->peer->kind == OBJECT_HUB ? touch_near(arg, link->peer)
					      : touch_one(arg, link->peer);
}

/* The router, everyone that is joined to it, and everyone that is by a hub. */
static int touch_far(struct touching *t, struct object *router)
{
	int r;

	if (!router)
		return 0;
	r = touch_one(t, router);
	return r ? r : router_each_link(router, touch_behind, t);
}

static int touch_member(const struct router_link *link, void *arg)
{
	return touch_far(arg, link->peer);
}

/* Whose routes have changed, as far as a link to this one makes them: it, or, if it is a hub, all that it joins. */
static int touch_routes(struct touching *t, struct object *router)
{
	struct node *n = node_of(router);
	int r;

	if (router->kind != OBJECT_HUB)
		return touch_far(t, router);
	r = touch_near(t, router);
	if (r != 0 || n->touched_members == t->l->touched)
		return r;
	n->touched_members = t->l->touched;
	return router_each_link(router, touch_member, t);
}

static int touch_routes_of_peer(const struct router_link *link, void *arg)
{
	return touch_routes(arg, link->peer);
}

/* Its address space makes routes at the other end of each link. */
static int touch_space(struct touching *t, struct object *router)
{
	int r = touch_far(t, router);

	return r ? r : router_each_link(router, touch_routes_of_peer, t);
}

static int touch_hub(struct touching *t, struct object *o, const struct hub *h)
{
	int r = touch_routes(t, o);

	for (size_t i = 0; i < h->n_attachments && r == 0; i++)
		r = touch_far(t, h->attachments[i].network);
	return r;
}

static int touch_site(struct touching *t, struct object *o, const struct site *s)
{
	int r = touch_one(t, o);

	for (size_t i = 0; i < s->n_connections && r == 0; i++)
		r = touch_routes(t, s->connections[i].to);
	return r;
}

static int touch_users(struct touching *t, const struct object *o)
{
	int r = 0;

	for (size_t i = 0; i < o->n_referrers && r == 0; i++)
		r = touch_one(t, object_router(o->referrers[i]));
	return r;
}

static int touch_cluster(struct touching *t, const struct object *o, const struct cluster_net *c)
{
	int r = touch_users(t, o);

	for (size_t i = 0; i < c->n_placements && r == 0; i++)
		r = touch_one(t, object_router(c->placements[i].subnet));
	return r;
}

/* One side, before or after, of the change of one object. */
static int touch_version(struct touching *t, struct object *o, const void *body)
{
	struct object as = {.kind = o->kind, .body = body};

	if (!body)
		return 0;
	switch (o->kind) {
	case OBJECT_NETWORK:
		return touch_space(t, o);
	case OBJECT_SUBNET:
	case OBJECT_ROUTE_TABLE:
		return touch_far(t, object_router(&as));
	case OBJECT_PEERING: {
		const struct peering *p = body;
		int r = touch_far(t, p->networks[0]);

		return r ? r : touch_far(t, p->networks[1]);
	}
	case OBJECT_HUB:
		return touch_hub(t, o, body);
	case OBJECT_SITE:
		return touch_site(t, o, body);
	case OBJECT_CLUSTER:
		return touch_cluster(t, o, body);
	case OBJECT_PUBLIC_ADDRESS:
		return touch_users(t, o);
	default:
		return touch_one(t, object_router(&as));
	}
}

int landscape_each_touched(const struct landscape *l, object_fn *fn, void *arg)
{
	struct touching t = {(struct landscape *)(uintptr_t)l, fn, arg};
	int r = 0;

	t.l->touched++;
	for (size_t i = 0; i < l->n_changes && r == 0; i++) {
		struct change *change = &l->changes[i];

		r = touch_version(&t, &change->node->o, change->before.body);
		if (r == 0)
			r = touch_version(&t, &change->node->o, change->node->o.body);
	}
	return r;
}
