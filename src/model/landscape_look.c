/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/landscape_int.h"

#include "model/space.h"

#include <string.h>

enum object_kind object_kind_find(const char *kind)
{
	size_t k = 0;

	while (k < OBJECT_KIND_COUNT && strcmp(object_kind_text((enum object_kind)k), kind) != 0)
		k++;
	return (enum object_kind)k;
}

/* --- routers ---------------------------------------------------------------------------------------------- */

static struct object *subnet_network(const struct object *subnet)
{
	return subnet && subnet->body ? object_subnet(subnet)->network : NULL;
}

struct object *object_router(const struct object *o)
{
	if (object_is_router(o))
		return (struct object *)(uintptr_t)o;
	if (!o->body)
		return NULL;
	switch (o->kind) {
	case OBJECT_SUBNET:
		return object_subnet(o)->network;
	case OBJECT_ROUTE_TABLE:
		return object_route_table(o)->network;
	case OBJECT_INTERNET_GATEWAY:
		return object_internet_gateway(o)->network;
	case OBJECT_NAT_GATEWAY:
		return subnet_network(object_nat_gateway(o)->subnet);
	case OBJECT_SECURITY_GROUP:
		return object_security_group(o)->network;
	case OBJECT_HOST:
		return object_host(o)->site ? object_host(o)->site
					    : subnet_network(object_host(o)->subnet);
	case OBJECT_PRIVATE_ENDPOINT:
		return subnet_network(object_private_endpoint(o)->subnet);
	default:
		return NULL;
	}
}

const struct prefix *router_spaces(const struct object *router, size_t *ret_n)
{
	*ret_n = 0;
	if (!router->body)
		return NULL;
	if (router->kind == OBJECT_NETWORK) {
		*ret_n = object_network(router)->n_spaces;
		return object_network(router)->spaces;
	}
	if (router->kind == OBJECT_SITE) {
		*ret_n = object_site(router)->n_spaces;
		return object_site(router)->spaces;
	}
	return NULL;
}

/* The link that `by`, which names the router, makes with it. false if it makes none. */
static bool link_of(const struct object *router, struct object *by, struct router_link *ret_link)
{
	if (by->kind == OBJECT_PEERING) {
		const struct peering *p = object_peering(by);

		*ret_link = (struct router_link){p->networks[p->networks[0] == router], by,
						 p->automatic};
		return true;
	}
	if (by->kind == OBJECT_HUB && router->kind == OBJECT_NETWORK) {
		const struct hub *h = object_hub(by);

		for (size_t i = 0; i < h->n_attachments; i++) {
			if (h->attachments[i].network != router)
				continue;
			*ret_link = (struct router_link){by, by, h->attachments[i].automatic};
			return true;
		}
	}
	if (by->kind == OBJECT_SITE) {
		const struct site *s = object_site(by);

		for (size_t i = 0; i < s->n_connections; i++) {
			if (s->connections[i].to != router)
				continue;
			*ret_link = (struct router_link){by, by, s->connections[i].automatic};
			return true;
		}
	}
	return false;
}

static int own_links(const struct object *router, router_link_fn *fn, void *arg)
{
	const struct hub *h = object_hub(router);
	const struct site *s = object_site(router);
	struct object *by = (struct object *)(uintptr_t)router;
	int r = 0;

	for (size_t i = 0; h && i < h->n_attachments && r == 0; i++)
		if (h->attachments[i].network->body)
			r = fn(&(struct router_link){h->attachments[i].network, by,
						     h->attachments[i].automatic},
			       arg);
	for (size_t i = 0; s && i < s->n_connections && r == 0; i++)
		if (s->connections[i].to->body)
			r = fn(&(struct router_link){s->connections[i].to, by,
						     s->connections[i].automatic},
			       arg);
	return r;
}

int router_each_link(const struct object *router, router_link_fn *fn, void *arg)
{
	int r;

	if (!router->body)
		return 0;
	r = own_links(router, fn, arg);
	for (size_t i = 0; i < router->n_referrers && r == 0; i++) {
		struct router_link link;

		if (link_of(router, router->referrers[i], &link) && link.peer->body)
			r = fn(&link, arg);
	}
	return r;
}

/* --- what is in them -------------------------------------------------------------------------------------- */

int network_each_subnet(const struct object *network, object_fn *fn, void *arg)
{
	int r = 0;

	for (size_t i = 0; i < network->n_referrers && r == 0; i++)
		if (network->referrers[i]->kind == OBJECT_SUBNET)
			r = fn(network->referrers[i], arg);
	return r;
}

struct walk {
	object_fn *object;
	endpoint_fn *endpoint;
	void *arg;
};

static int hosts_of(struct object *place, void *arg)
{
	const struct walk *w = arg;
	int r = 0;

	for (size_t i = 0; i < place->n_referrers && r == 0; i++)
		if (place->referrers[i]->kind == OBJECT_HOST)
			r = w->object(place->referrers[i], w->arg);
	return r;
}

int router_each_host(const struct object *router, object_fn *fn, void *arg)
{
	struct walk w = {.object = fn, .arg = arg};

	if (router->kind == OBJECT_SITE)
		return hosts_of((struct object *)(uintptr_t)router, &w);
	return router->kind == OBJECT_NETWORK ? network_each_subnet(router, hosts_of, &w) : 0;
}

struct object *network_internet_gateway(const struct object *network)
{
	for (size_t i = 0; i < network->n_referrers; i++)
		if (network->referrers[i]->kind == OBJECT_INTERNET_GATEWAY)
			return network->referrers[i];
	return NULL;
}

struct object *network_find_subnet(const struct object *network, const struct addr *a)
{
	for (size_t i = 0; i < network->n_referrers; i++) {
		const struct subnet *s = object_subnet(network->referrers[i]);

		if (s && prefix_contains(&s->ranges[addr_index(a)], a))
			return network->referrers[i];
	}
	return NULL;
}

struct object *router_find_host(const struct object *router, const struct addr *a)
{
	const struct object *place = router->kind == OBJECT_NETWORK ? network_find_subnet(router, a)
				     : router->kind == OBJECT_SITE  ? router
								    : NULL;
	struct node *owner = place ? claim_other(node_of(router)->l, place, a, NULL) : NULL;

	return owner && owner->o.kind == OBJECT_HOST ? &owner->o : NULL;
}

struct object *landscape_find_public_zone(const struct landscape *l, const char *domain)
{
	struct addr key = domain_key(domain);
	struct node *n = claim_other(l, domain_scope, &key, NULL);
	const struct declared_zone *zone = n ? object_declared_zone(&n->o) : NULL;

	return zone && strcmp(zone->domain, domain) == 0 ? &n->o : NULL;
}

/* --- endpoints -------------------------------------------------------------------------------------------- */

/* Those of a cluster's placements, in one subnet or (NULL) in all. */
static int placements_each(struct object *cluster, const struct object *subnet, endpoint_fn *fn,
			   void *arg)
{
	const struct cluster_net *c = object_cluster_net(cluster);
	int r = 0;

	for (size_t i = 0; i < c->n_placements && r == 0; i++) {
		const struct placement *p = &c->placements[i];

		if (!subnet || p->subnet == subnet)
			r = fn(&(struct endpoint_view){cluster, cluster, p->subnet, p->addresses,
						       &c->rules, c->private_enabled},
			       arg);
	}
	return r;
}

static int endpoint_one(struct object *o, endpoint_fn *fn, void *arg)
{
	const struct private_endpoint *ep = object_private_endpoint(o);

	return fn(&(struct endpoint_view){o, ep->cluster, ep->subnet, ep->addresses, &ep->rules,
					  ep->state == ENDPOINT_APPROVED && ep->cluster->body},
		  arg);
}

static int endpoints_of(struct object *subnet, void *arg)
{
	const struct walk *w = arg;
	int r = 0;

	for (size_t i = 0; i < subnet->n_referrers && r == 0; i++) {
		struct object *o = subnet->referrers[i];

		if (o->kind == OBJECT_CLUSTER)
			r = placements_each(o, subnet, w->endpoint, w->arg);
		else if (o->kind == OBJECT_PRIVATE_ENDPOINT)
			r = endpoint_one(o, w->endpoint, w->arg);
	}
	return r;
}

int network_each_endpoint(const struct object *network, endpoint_fn *fn, void *arg)
{
	struct walk w = {.endpoint = fn, .arg = arg};

	return network->kind == OBJECT_NETWORK ? network_each_subnet(network, endpoints_of, &w) : 0;
}

int cluster_each_endpoint(const struct object *cluster, endpoint_fn *fn, void *arg)
{
	int r = 0;

	if (cluster->body)
		r = placements_each((struct object *)(uintptr_t)cluster, NULL, fn, arg);
	for (size_t i = 0; i < cluster->n_referrers && r == 0; i++)
		if (cluster->referrers[i]->kind == OBJECT_PRIVATE_ENDPOINT)
			r = endpoint_one(cluster->referrers[i], fn, arg);
	return r;
}
