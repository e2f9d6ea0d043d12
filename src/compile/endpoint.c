/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who may come by a private address: the sources
 *
 *	that are routed, both ways,
 *	and that an ingress rule of the endpoint's security groups allows to come by TCP to its port, if it has groups,
 *	and that are in its own ranges, if it has some.
 *
 * Routed are the network's own address space, and of each router that is joined, directly or by a hub, the ranges of the subnets
 * (of a site: its spaces) whose routes lead to the address, as far as the endpoint's subnet has routes that lead back.
 */
#include "compile/router_int.h"

#include <stdlib.h>
#include <string.h>

/* --- routed ------------------------------------------------------------------------------------------------------- */

struct routed {
	struct built *built;
	const struct route_list *back; /* of the endpoint's subnet */
	const struct addr *addr;
	const struct object *source;  /* the router whose sources are looked at */
	const struct route_list *hub; /* while a piece is cut by a hub's routes */
	struct prefix_set *set;
};

/* Directly to the source's router. */
static int hub_piece(const struct prefix *piece, size_t index, void *arg)
{
	struct routed *w = arg;
	const struct hop *hop;

	if (index == PREFIX_MAP_NONE)
		return 0;
	hop = &w->hub->items[index].hop;
	return hop->kind == ROUTE_LINK && hop->peer == w->source ? prefix_set_add(w->set, piece)
								 : 0;
}

/* The sources of this piece are answered by one route of the endpoint's subnet. */
static int back_piece(const struct prefix *piece, size_t index, void *arg)
{
	struct routed *w = arg;
	const struct hub_routes *h;
	const struct hop *hop;
	int r;

	if (index == PREFIX_MAP_NONE)
		return 0;
	hop = &w->back->items[index].hop;
	if (hop->kind != ROUTE_LINK)
		return 0;
	if (hop->peer == w->source)
		return prefix_set_add(w->set, piece);
	if (hop->peer->kind != OBJECT_HUB)
		return 0;
	r = hub_routes_get(w->built->run, hop->peer, &h);
	if (r < 0)
		return r;
	w->hub = &h->routes;
	return prefix_map_split(&h->routes.map, piece, hub_piece, w);
}

static int sources_from(struct routed *w, const struct prefix *p, const struct object *table)
{
	bool arrives = false;
	int r;

	if (p->addr.family != w->addr->family)
		return 0;
	r = routes_lead_to(w->built->run, w->source, table, w->built->router, w->addr, &arrives);
	if (r < 0 || !arrives)
		return r;
	return prefix_map_split(&w->back->map, p, back_piece, w);
}

static int subnet_sources(struct object *o, void *arg)
{
	struct routed *w = arg;
	const struct subnet *s = object_subnet(o);

	return sources_from(w, &s->ranges[addr_index(w->addr)], s->route_table);
}

static int spaces_sources(struct routed *w, bool own)
{
	size_t n = 0;
	const struct prefix *spaces = router_spaces(w->source, &n);
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		if (!own)
			r = sources_from(w, &spaces[i], NULL);
		else if (spaces[i].addr.family == w->addr->family)
			r = prefix_set_add(w->set, &spaces[i]);
	}
	return r;
}

/* Which routers are joined, hubs looked through. */
struct joined {
	const struct object *network;
	struct object_list list;
	bool is_through;
};

static int joined_add(const struct router_link *link, void *arg)
{
	struct joined *j = arg;
	int r;

	if (link->peer == j->network)
		return 0;
	if (link->peer->kind != OBJECT_HUB || j->is_through)
		return object_list_add(link->peer, &j->list);
	j->is_through = true;
	r = router_each_link(link->peer, joined_add, j);
	j->is_through = false;
	return r;
}

static int routed_collect(struct routed *w, const struct object_list *joined)
{
	int r;

	w->source = w->built->router;
	r = spaces_sources(w, true);
	for (uint32_t i = 0; i < joined->n && r == 0; i++) {
		w->source = joined->items[i];
		if (w->source->kind == OBJECT_NETWORK)
			r = network_each_subnet(w->source, subnet_sources, w);
		else if (w->source->kind == OBJECT_SITE)
			r = spaces_sources(w, false);
	}
	prefix_set_settle(w->set);
	return r;
}

/* --- allowed ------------------------------------------------------------------------------------------------------ */

static bool is_about(const struct group_rule *rule, uint16_t port)
{
	return (rule->protocol == PROTOCOL_TCP || rule->protocol == PROTOCOL_ANY) &&
	       rule->port_first <= port && port <= rule->port_last;
}

static int group_sources(const struct object *group, uint16_t port, struct prefix_set *set)
{
	const struct security_group *g = object_security_group(group);
	int r = 0;

	for (size_t i = 0; i < g->n_ingress && r == 0; i++) {
		if (is_about(&g->ingress[i], port))
			r = group_rule_prefixes(&g->ingress[i], set);
	}
	return r;
}

/* *set becomes what it has in common with the other, which is used up. */
static int narrow(struct prefix_set *set, struct prefix_set *other)
{
	struct prefix_set both = {0};
	int r;

	prefix_set_settle(other);
	r = prefix_set_intersect(set, other, &both);
	prefix_set_done(set);
	prefix_set_done(other);
	*set = both;
	return r;
}

static int rules_apply(const struct endpoint_rules *rules, struct prefix_set *set)
{
	struct prefix_set allowed = {0};
	int r = 0;

	for (size_t i = 0; i < rules->n_groups && r == 0; i++)
		r = group_sources(rules->groups[i], rules->port, &allowed);
	if (r == 0 && rules->n_groups > 0)
		r = narrow(set, &allowed);
	for (size_t i = 0; !rules->open && i < rules->n_ranges && r == 0; i++)
		r = prefix_set_add(&allowed, &rules->ranges[i]);
	if (r == 0 && !rules->open)
		r = narrow(set, &allowed);
	prefix_set_done(&allowed);
	return r;
}

/* --- the endpoints of a network ------------------------------------------------------------------------------------ */

struct endpoints {
	struct built *built;
	struct object_list joined;
};

static int sources_make(struct endpoints *all, const struct endpoint_view *ep,
			const struct addr *addr, struct tables_endpoint_put *put)
{
	struct prefix_set set = {0};
	struct routed w = {.built = all->built,
			   .back = built_routes_of(all->built, ep->subnet),
			   .addr = addr,
			   .set = &set};
	uint8_t *blob = NULL;
	int r = w.back ? routed_collect(&w, &all->joined) : 0;

	if (r == 0)
		r = rules_apply(ep->rules, &set);
	if (r == 0)
		r = rangeset_build(set.items, set.n, &blob, &put->sources_len);
	put->sources = blob;
	prefix_set_done(&set);
	return r;
}

static int endpoint_add(struct endpoints *all, const struct endpoint_view *ep,
			const struct addr *addr)
{
	struct built *b = all->built;
	struct tables_network *n = &b->record;
	struct tables_endpoint_put put = {.endpoint = {.network = b->router->id,
						       .addr = *addr,
						       .port = ep->rules->port,
						       .cluster = ep->cluster->id,
						       .owner = ep->owner->id}};
	int r = vec_push(n->endpoints, n->n_endpoints, {.addr = *addr, .port = ep->rules->port});

	if (r == 0)
		r = vec_push(b->puts, b->n_puts, put);
	/* In place, so that whatever happens built_done() frees it. */
	return r < 0 ? r : sources_make(all, ep, addr, &b->puts[b->n_puts - 1]);
}

static int view_add(const struct endpoint_view *ep, void *arg)
{
	int r = 0;

	if (!ep->is_enabled || !ep->cluster || !ep->cluster->body)
		return 0;
	for (int f = 0; f < FAMILIES && r == 0; f++) {
		if (ep->addresses[f].family != ADDR_NONE)
			r = endpoint_add(arg, ep, &ep->addresses[f]);
	}
	return r;
}

static int endpoint_cmp(const void *a, const void *b)
{
	const struct tables_network_endpoint *x = a, *y = b;

	return addr_cmp(&x->addr, &y->addr);
}

int endpoints_compile(struct built *b)
{
	struct tables_network *n = &b->record;
	struct joined joined = {.network = b->router};
	struct endpoints all = {.built = b};
	int r = router_each_link(b->router, joined_add, &joined);

	object_list_sort(&joined.list);
	all.joined = joined.list;
	if (r == 0)
		r = network_each_endpoint(b->router, view_add, &all);
	if (n->n_endpoints > 1)
		qsort(n->endpoints, n->n_endpoints, sizeof(*n->endpoints), endpoint_cmp);
	object_list_done(&joined.list);
	return r;
}
