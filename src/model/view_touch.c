/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which zones' content, and what in which views, a transaction concerns: model/view.h says what depends on what. */
#include "model/landscape_int.h"

#include "model/view.h"

/* --- content ---------------------------------------------------------------------------------------------- */

struct telling {
	struct landscape *l;
	object_fn *object;
	view_touch_fn *view;
	void *arg;
};

static int zone_tell(const struct telling *t, struct object *o)
{
	struct node *n = node_of(o);

	if (n->touched == t->l->touched)
		return 0;
	n->touched = t->l->touched;
	return t->object(o, t->arg);
}

/* A zone's keys are made of what the objects say that it names. */
static int key_touch(const struct telling *t, const struct object *key)
{
	int r = 0;

	for (size_t i = 0; i < key->n_referrers && r == 0; i++)
		r = zone_tell(t, key->referrers[i]);
	return r;
}

static int content_touch(const struct telling *t, struct object *o, const void *body)
{
	const struct cluster_net *c = body;

	if (body && o->kind == OBJECT_TSIG_KEY)
		return key_touch(t, o);
	if (!body || (o->kind != OBJECT_ZONE && o->kind != OBJECT_CLUSTER))
		return 0;
	if (o->kind == OBJECT_ZONE || c->dns.zone == DNS_ZONE_SYSTEM)
		return zone_tell(t, o);
	return c->dns.own_zone ? zone_tell(t, c->dns.own_zone) : 0;
}

int landscape_each_zone_touched(const struct landscape *l, object_fn *fn, void *arg)
{
	struct telling t = {.l = (struct landscape *)(uintptr_t)l, .object = fn, .arg = arg};
	int r = 0;

	t.l->touched++;
	for (size_t i = 0; i < l->n_changes && r == 0; i++) {
		struct change *change = &l->changes[i];
		struct object *o = &change->node->o;

		r = content_touch(&t, o, change->before.body);
		if (r == 0)
			r = content_touch(&t, o, o->body);
	}
	return r;
}

/* --- views ------------------------------------------------------------------------------------------------ */

/* In the network that the subnet is in, and in the one that it was in. */
static int subnet_touch(const struct telling *t, const struct object *subnet, struct object *owner)
{
	const struct subnet *now = subnet->body, *before = body_before(node_of(subnet));
	int r = now ? t->view(now->network, owner, t->arg) : 0;

	if (r == 0 && before && (!now || before->network != now->network))
		r = t->view(before->network, owner, t->arg);
	return r;
}

/* Where private endpoints and links show the owner. */
static int users_touch(const struct telling *t, struct object *owner)
{
	int r = 0;

	for (size_t i = 0; i < owner->n_referrers && r == 0; i++) {
		struct object *by = owner->referrers[i];
		const struct private_endpoint *ep = object_private_endpoint(by);
		const struct zone_link *link = object_zone_link(by);

		if (ep)
			r = subnet_touch(t, ep->subnet, owner);
		else if (link)
			r = t->view(link->router, owner, t->arg);
	}
	return r;
}

static int cluster_touch(const struct telling *t, struct object *o, const struct cluster_net *c)
{
	int r = t->view(NULL, o, t->arg);

	for (size_t i = 0; i < c->n_placements && r == 0; i++)
		r = subnet_touch(t, c->placements[i].subnet, o);
	return r ? r : users_touch(t, o);
}

/* The private names of the clusters that have it as their own end in its domain. */
static int zone_touch(const struct telling *t, struct object *o, const struct declared_zone *z)
{
	int r = z->is_public ? t->view(NULL, o, t->arg) : 0;

	if (r == 0)
		r = users_touch(t, o);
	for (size_t i = 0; i < o->n_referrers && r == 0; i++) {
		struct object *by = o->referrers[i];

		if (by->kind != OBJECT_CLUSTER)
			continue;
		r = t->view(NULL, by, t->arg);
		if (r == 0)
			r = users_touch(t, by);
	}
	return r;
}

static int resident_touch(const struct endpoint_view *ep, void *arg)
{
	const struct telling *t = arg;

	return subnet_touch(t, ep->subnet, ep->cluster);
}

static int network_touch(struct telling *t, const struct change *change)
{
	const struct network *before = change->before.body, *after = change->node->o.body;

	if (before && after && before->dns.has_cluster_names == after->dns.has_cluster_names)
		return 0;
	return network_each_endpoint(&change->node->o, resident_touch, t);
}

static int version_touch(const struct telling *t, struct object *o, const void *body)
{
	if (!body)
		return 0;
	switch (o->kind) {
	case OBJECT_CLUSTER:
		return cluster_touch(t, o, body);
	case OBJECT_ZONE:
		return zone_touch(t, o, body);
	case OBJECT_ZONE_LINK: {
		const struct zone_link *link = body;
		return t->view(link->router, link->zone ? link->zone : link->cluster, t->arg);
	}
	case OBJECT_PRIVATE_ENDPOINT: {
		const struct private_endpoint *ep = body;
		return subnet_touch(t, ep->subnet, ep->cluster);
	}
	default:
		return 0;
	}
}

int landscape_each_view_touched(const struct landscape *l, view_touch_fn *fn, void *arg)
{
	struct telling t = {.l = (struct landscape *)(uintptr_t)l, .view = fn, .arg = arg};
	int r = 0;

	for (size_t i = 0; i < l->n_changes && r == 0; i++) {
		struct change *change = &l->changes[i];
		struct object *o = &change->node->o;

		if (o->kind == OBJECT_NETWORK)
			r = network_touch(&t, change);
		if (r == 0)
			r = version_touch(&t, o, change->before.body);
		if (r == 0)
			r = version_touch(&t, o, o->body);
	}
	return r;
}
