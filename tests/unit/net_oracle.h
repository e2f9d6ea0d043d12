/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where one packet goes and whether one source may come, by looking at every object of a landscape that could matter, one address at
 * a time. Slow, plain, and apart from src/compile/.
 */
#pragma once

#include "base/prefix_set.h"
#include "model/landscape.h"

struct o_links {
	struct router_link items[64];
	size_t n;
};

static inline int o_link_add(const struct router_link *link, void *arg)
{
	struct o_links *l = arg;

	if (l->n == ARRAY_SIZE(l->items))
		return -1;
	l->items[l->n++] = *link;
	return 0;
}

static inline struct o_links o_links_of(const struct object *router)
{
	struct o_links l = {.n = 0};

	if (router_each_link(router, o_link_add, &l) != 0)
		abort();
	return l;
}

static inline bool o_has(const struct object *router, const struct addr *a, int *ret_len)
{
	size_t n;
	const struct prefix *p = router_spaces(router, &n);
	bool yes = false;

	for (size_t i = 0; i < n; i++) {
		if (!prefix_contains(&p[i], a))
			continue;
		yes = true;
		if (ret_len && p[i].len > *ret_len)
			*ret_len = p[i].len;
	}
	return yes;
}

enum o_kind { O_NONE, O_DROP, O_GATEWAY, O_NAT, O_LINK };

/* The best route so far: the longest; then a written one, a direct link, a hub; then the lower id. */
struct o_hop {
	enum o_kind kind;
	int len, rank;
	const struct object *target; /* NAT gateway, public address of a site, or router */
};

static inline void o_better(struct o_hop *best, struct o_hop h)
{
	const bool tie = best->kind != O_NONE && h.len == best->len && h.rank == best->rank;

	if (best->kind == O_NONE || h.len > best->len ||
	    (h.len == best->len && h.rank < best->rank) ||
	    (tie && h.target && best->target && h.target->id < best->target->id))
		*best = h;
}

static inline void o_written(struct o_hop *best, const struct object *router,
			     const struct route *route, const struct addr *d)
{
	struct o_hop h = {.kind = O_LINK, .len = route->to.len, .target = route->target};

	if (!prefix_contains(&route->to, d))
		return;
	if (route->via == VIA_DROP)
		h.kind = O_DROP;
	else if (route->via == VIA_INTERNET_GATEWAY)
		h.kind = O_GATEWAY;
	else if (route->via == VIA_NAT_GATEWAY)
		h.kind = O_NAT;
	else if (route->via == VIA_PEERING)
		h.target = object_peering(route->target)->networks[0] == router
				   ? object_peering(route->target)->networks[1]
				   : object_peering(route->target)->networks[0];
	o_better(best, h);
}

/* In a hub. */
static inline struct o_hop o_hub(const struct object *hub, const struct addr *d)
{
	const struct o_links links = o_links_of(hub);
	struct o_hop best = {.kind = O_NONE};

	for (size_t i = 0; i < object_hub(hub)->n_routes; i++)
		o_written(&best, hub, &object_hub(hub)->routes[i], d);
	for (size_t i = 0; i < links.n; i++) {
		struct o_hop h = {.kind = O_LINK, .rank = 1, .target = links.items[i].peer};

		if (o_has(links.items[i].peer, d, &h.len))
			o_better(&best, h);
	}
	return best;
}

static inline void o_automatic(struct o_hop *best, const struct object *router,
			       const struct router_link *link, const struct addr *d)
{
	struct o_hop h = {.kind = O_LINK, .rank = 1, .target = link->peer};
	struct o_links members;

	if (!link->automatic && router->kind != OBJECT_SITE)
		return;
	if (link->peer->kind != OBJECT_HUB) {
		if (o_has(link->peer, d, &h.len))
			o_better(best, h);
		return;
	}
	h.rank = 2;
	members = o_links_of(link->peer);
	for (size_t i = 0; i < members.n; i++) {
		h.len = 0;
		if (members.items[i].peer != router && o_has(members.items[i].peer, d, &h.len))
			o_better(best, h);
	}
}

/* In a network, for sources of the subnet; in a site (subnet NULL). */
static inline struct o_hop o_route(const struct object *router, const struct subnet *subnet,
				   const struct addr *d)
{
	const struct route_table *t =
		subnet && subnet->route_table ? object_route_table(subnet->route_table) : NULL;
	const struct o_links links = o_links_of(router);
	struct o_hop best = {.kind = O_NONE};

	for (size_t i = 0; t && i < t->n_routes; i++)
		o_written(&best, router, &t->routes[i], d);
	for (size_t i = 0; i < links.n; i++)
		o_automatic(&best, router, &links.items[i], d);
	if (best.kind == O_NONE && router->kind == OBJECT_SITE &&
	    object_site(router)->public_address)
		best = (struct o_hop){.kind = O_NAT, .target = object_site(router)->public_address};
	return best;
}

/* The address by which a NAT hop leaves; NULL: it does not. */
static inline const struct addr *o_nat(const struct o_hop *h, const struct addr *d)
{
	const struct object *address = h->target;
	const struct addr *a;

	if (address->kind == OBJECT_NAT_GATEWAY) {
		const struct nat_gateway *g = object_nat_gateway(address);
		const struct subnet *own = object_subnet(g->subnet);

		if (o_route(own->network, own, d).kind != O_GATEWAY)
			return NULL;
		address = g->public_address;
	}
	a = &object_public_address(address)->addresses[addr_index(d)];
	return a->family != ADDR_NONE ? a : NULL;
}

/* Does what the sources send arrive at the address of `at`? */
static inline bool o_arrives(const struct object *from, const struct subnet *subnet,
			     const struct addr *d, const struct object *at)
{
	struct o_hop h;

	if (o_has(from, d, NULL))
		return from == at;
	h = o_route(from, subnet, d);
	if (h.kind == O_LINK && h.target->kind == OBJECT_HUB)
		h = o_hub(h.target, d);
	return h.kind == O_LINK && h.target == at && o_has(at, d, NULL);
}

/* --- who may come ------------------------------------------------------------------------------------------------- */

struct o_ask {
	const struct landscape *l;
	const struct endpoint_view *ep;
	const struct addr *e, *x;
	const struct object *network;
	const struct object *group; /* while its members are looked for */
	const struct object *other; /* while its subnets are looked at */
};

static inline bool o_named(struct object *const *groups, size_t n, const struct object *group)
{
	while (n > 0) {
		if (groups[--n] == group)
			return true;
	}
	return false;
}

static inline bool o_is_one(const struct addr *addrs, const struct addr *x)
{
	return addr_is_equal(&addrs[V4], x) || addr_is_equal(&addrs[V6], x);
}

static inline int o_member_host(struct object *o, void *arg)
{
	const struct host *h = object_host(o);
	const struct o_ask *q = arg;

	return o_named(h->groups, h->n_groups, q->group) && o_is_one(h->addresses, q->x);
}

static inline int o_member_endpoint(const struct endpoint_view *ep, void *arg)
{
	const struct o_ask *q = arg;

	return ep->is_enabled && o_named(ep->rules->groups, ep->rules->n_groups, q->group) &&
	       o_is_one(ep->addresses, q->x);
}

static inline int o_member_network(struct object *o, void *arg)
{
	return network_each_endpoint(o, o_member_endpoint, arg);
}

static inline bool o_rule_has(struct o_ask *q, const struct group_rule *rule)
{
	for (size_t i = 0; i < rule->n_ranges; i++) {
		if (prefix_contains(&rule->ranges[i], q->x))
			return true;
	}
	for (size_t i = 0; i < rule->n_groups; i++) {
		q->group = rule->groups[i];
		if (landscape_each(q->l, OBJECT_HOST, o_member_host, q) ||
		    landscape_each(q->l, OBJECT_NETWORK, o_member_network, q))
			return true;
	}
	return false;
}

static inline bool o_groups_allow(struct o_ask *q)
{
	const struct endpoint_rules *rules = q->ep->rules;

	for (size_t i = 0; i < rules->n_groups; i++) {
		const struct security_group *g = object_security_group(rules->groups[i]);

		for (size_t k = 0; k < g->n_ingress; k++) {
			const struct group_rule *r = &g->ingress[k];

			if (r->protocol != PROTOCOL_UDP && r->protocol != PROTOCOL_ICMP &&
			    rules->port >= r->port_first && rules->port <= r->port_last &&
			    o_rule_has(q, r))
				return true;
		}
	}
	return rules->n_groups == 0;
}

static inline bool o_ranges_allow(const struct o_ask *q)
{
	bool yes = q->ep->rules->open;

	for (size_t i = 0; i < q->ep->rules->n_ranges; i++)
		yes |= prefix_contains(&q->ep->rules->ranges[i], q->x);
	return yes;
}

static inline bool o_both_ways(const struct o_ask *q, const struct object *from,
			       const struct subnet *subnet)
{
	return from != q->network && o_arrives(from, subnet, q->e, q->network) &&
	       o_arrives(q->network, object_subnet(q->ep->subnet), q->x, from);
}

static inline int o_from_subnet(struct object *o, void *arg)
{
	const struct o_ask *q = arg;
	const struct subnet *s = object_subnet(o);

	return prefix_contains(&s->ranges[addr_index(q->x)], q->x) && o_both_ways(q, q->other, s);
}

static inline int o_from_network(struct object *o, void *arg)
{
	struct o_ask *q = arg;

	q->other = o;
	return network_each_subnet(o, o_from_subnet, q);
}

static inline int o_from_site(struct object *o, void *arg)
{
	const struct o_ask *q = arg;

	return o_has(o, q->x, NULL) && o_both_ways(q, o, NULL);
}

static inline bool o_admits(const struct landscape *l, const struct object *network,
			    const struct endpoint_view *ep, const struct addr *e,
			    const struct addr *x)
{
	struct o_ask q = {.l = l, .ep = ep, .e = e, .x = x, .network = network};

	if (e->family != x->family || !ep->is_enabled || !o_groups_allow(&q) || !o_ranges_allow(&q))
		return false;
	return o_has(network, x, NULL) || landscape_each(l, OBJECT_NETWORK, o_from_network, &q) ||
	       landscape_each(l, OBJECT_SITE, o_from_site, &q);
}
