/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Route tables with the automatic routes in them. What an equal prefix means:
 *
 *	a route of the table itself       wins over
 *	a peering, a site's connection    wins over
 *	a hub                             and of two of a kind the peer with the lower id wins
 *
 * both ways alike, since each end of a link decides by the same rule.
 */
#include "compile/router_int.h"

#include <stdlib.h>
#include <string.h>

int route_list_add(struct route_list *l, const struct prefix *to, enum route_rank rank,
		   struct hop hop)
{
	return vec_push(l->items, l->n, {.to = *to, .hop = hop, .rank = (uint8_t)rank});
}

void route_list_done(struct route_list *l)
{
	free(l->items);
	prefix_map_done(&l->map);
	memset(l, 0, sizeof(*l));
}

static uint32_t peer_id(const struct hop *hop)
{
	return hop->peer ? hop->peer->id : 0;
}

static int entry_cmp(const void *a, const void *b)
{
	const struct route_entry *x = a, *y = b;
	int d = prefix_cmp(&x->to, &y->to);

	if (d == 0)
		d = x->rank - y->rank;
	if (d == 0)
		d = (peer_id(&x->hop) > peer_id(&y->hop)) - (peer_id(&x->hop) < peer_id(&y->hop));
	return d;
}

int route_list_settle(struct route_list *l)
{
	_cleanup_free_ struct prefix *prefixes = calloc(l->n ? l->n : 1, sizeof(*prefixes));
	uint32_t n = 0;

	if (!prefixes)
		return -ERR_NOMEM;
	if (l->n > 1)
		qsort(l->items, l->n, sizeof(*l->items), entry_cmp);
	for (uint32_t i = 0; i < l->n; i++) {
		if (n > 0 && prefix_cmp(&l->items[n - 1].to, &l->items[i].to) == 0)
			continue;
		prefixes[n] = l->items[i].to;
		l->items[n++] = l->items[i];
	}
	l->n = n;
	return prefix_map_build(prefixes, n, &l->map);
}

static int spaces_add(struct route_list *l, const struct object *router, enum route_rank rank,
		      const struct object *peer)
{
	const struct hop hop = {.kind = ROUTE_LINK, .peer = peer};
	size_t n = 0;
	const struct prefix *spaces = router_spaces(router, &n);
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = route_list_add(l, &spaces[i], rank, hop);
	return r;
}

/* --- hubs ----------------------------------------------------------------------------------------------------- */

static int hub_link_add(const struct router_link *link, void *arg)
{
	struct hub_routes *h = arg;
	int r = spaces_add(&h->spaces, link->peer, RANK_DIRECT, link->peer);

	return r < 0 ? r : spaces_add(&h->routes, link->peer, RANK_DIRECT, link->peer);
}

static int hub_fill(struct hub_routes *h)
{
	const struct hub *hub = object_hub(h->hub);
	int r = router_each_link(h->hub, hub_link_add, h);

	for (size_t i = 0; i < hub->n_routes && r == 0; i++) {
		const struct route *route = &hub->routes[i];
		struct hop hop = {.kind = ROUTE_DROP};

		if (route->via == VIA_NETWORK || route->via == VIA_SITE)
			hop = (struct hop){.kind = ROUTE_LINK, .peer = route->target};
		r = route_list_add(&h->routes, &route->to, RANK_TABLE, hop);
	}
	if (r == 0)
		r = route_list_settle(&h->spaces);
	return r < 0 ? r : route_list_settle(&h->routes);
}

int hub_routes_get(struct compile_run *run, const struct object *hub,
		   const struct hub_routes **ret_routes)
{
	struct hub_routes *h;

	for (h = run->hubs; h; h = h->next) {
		if (h->hub == hub) {
			*ret_routes = h;
			return 0;
		}
	}
	h = calloc(1, sizeof(*h));
	if (!h)
		return -ERR_NOMEM;
	h->hub = hub;
	h->next = run->hubs;
	run->hubs = h;
	if (hub_fill(h) < 0)
		return -ERR_NOMEM;
	*ret_routes = h;
	return 0;
}

/* --- the list of a table ---------------------------------------------------------------------------------------- */

struct collecting {
	struct compile_run *run;
	const struct object *router;
	struct route_list *list;
};

/* A site has its routes to what it is joined with in any case. */
static bool is_automatic(const struct object *router, const struct router_link *link)
{
	return link->automatic || router->kind == OBJECT_SITE;
}

static int collect_link(const struct router_link *link, void *arg)
{
	struct collecting *c = arg;
	const struct hop hop = {.kind = ROUTE_LINK, .peer = link->peer};
	const struct hub_routes *h;
	int r;

	if (!is_automatic(c->router, link))
		return 0;
	if (link->peer->kind != OBJECT_HUB)
		return spaces_add(c->list, link->peer, RANK_DIRECT, link->peer);
	r = hub_routes_get(c->run, link->peer, &h);
	for (uint32_t i = 0; r == 0 && i < h->spaces.n; i++) {
		if (h->spaces.items[i].hop.peer != c->router)
			r = route_list_add(c->list, &h->spaces.items[i].to, RANK_HUB, hop);
	}
	return r;
}

static struct hop hop_of(const struct object *network, const struct route *route)
{
	const struct peering *p;

	switch (route->via) {
	case VIA_INTERNET_GATEWAY:
		return (struct hop){.kind = ROUTE_UPLINK};
	case VIA_NAT_GATEWAY:
		return (struct hop){.kind = ROUTE_UPLINK, .nat = route->target};
	case VIA_PEERING:
		p = object_peering(route->target);
		return (struct hop){.kind = ROUTE_LINK,
				    .peer = p->networks[p->networks[0] == network]};
	case VIA_HUB:
	case VIA_SITE:
	case VIA_NETWORK:
		return (struct hop){.kind = ROUTE_LINK, .peer = route->target};
	default:
		return (struct hop){.kind = ROUTE_DROP};
	}
}

/* The way to the internet of a site that has one, in the families of its address. */
static int site_defaults(const struct object *site, struct route_list *list)
{
	static const struct prefix all[FAMILIES] = {{.addr.family = ADDR_V4},
						    {.addr.family = ADDR_V6}};
	const struct object *address = object_site(site)->public_address;
	const struct hop hop = {.kind = ROUTE_UPLINK, .nat = address};
	int r = 0;

	for (int f = 0; address && f < FAMILIES && r == 0; f++) {
		if (object_public_address(address)->addresses[f].family != ADDR_NONE)
			r = route_list_add(list, &all[f], RANK_TABLE, hop);
	}
	return r;
}

int routes_collect(struct compile_run *run, const struct object *router, const struct object *table,
		   struct route_list *ret_list)
{
	const struct route_table *routes = table ? object_route_table(table) : NULL;
	struct collecting c = {.run = run, .router = router, .list = ret_list};
	int r = router_each_link(router, collect_link, &c);

	for (size_t i = 0; routes && i < routes->n_routes && r == 0; i++)
		r = route_list_add(ret_list, &routes->routes[i].to, RANK_TABLE,
				   hop_of(router, &routes->routes[i]));
	if (r == 0 && router->kind == OBJECT_SITE)
		r = site_defaults(router, ret_list);
	return r < 0 ? r : route_list_settle(ret_list);
}

/* --- one address ------------------------------------------------------------------------------------------------ */

struct search {
	struct compile_run *run;
	const struct object *router;
	const struct addr *to;
	struct route_entry best; /* family ADDR_NONE: none yet */
};

static void consider(struct search *s, const struct prefix *to, enum route_rank rank,
		     struct hop hop)
{
	const struct route_entry entry = {.to = *to, .hop = hop, .rank = (uint8_t)rank};

	if (!prefix_contains(to, s->to))
		return;
	/* All that contain one address differ in length, or are equal. */
	if (s->best.to.addr.family == ADDR_NONE || to->len > s->best.to.len ||
	    (to->len == s->best.to.len && entry_cmp(&entry, &s->best) < 0))
		s->best = entry;
}

static int consider_hub(struct search *s, const struct object *hub)
{
	const struct prefix one = prefix_of_addr(s->to);
	const struct hub_routes *h;
	int r = hub_routes_get(s->run, hub, &h);
	size_t i;

	if (r < 0)
		return r;
	i = prefix_map_find(&h->spaces.map, &one);
	if (i != PREFIX_MAP_NONE && h->spaces.items[i].hop.peer != s->router)
		consider(s, &h->spaces.items[i].to, RANK_HUB,
			 (struct hop){.kind = ROUTE_LINK, .peer = hub});
	return 0;
}

static int consider_link(const struct router_link *link, void *arg)
{
	struct search *s = arg;
	const struct prefix *spaces;
	size_t n = 0;

	if (!is_automatic(s->router, link))
		return 0;
	if (link->peer->kind == OBJECT_HUB)
		return consider_hub(s, link->peer);
	spaces = router_spaces(link->peer, &n);
	for (size_t i = 0; i < n; i++)
		consider(s, &spaces[i], RANK_DIRECT,
			 (struct hop){.kind = ROUTE_LINK, .peer = link->peer});
	return 0;
}

static bool is_own(const struct object *router, const struct addr *a)
{
	size_t n = 0;
	const struct prefix *spaces = router_spaces(router, &n);

	for (size_t i = 0; i < n; i++) {
		if (prefix_contains(&spaces[i], a))
			return true;
	}
	return false;
}

int routes_lead_to(struct compile_run *run, const struct object *from, const struct object *table,
		   const struct object *at, const struct addr *a, bool *ret_yes)
{
	const struct route_table *routes = table ? object_route_table(table) : NULL;
	struct search s = {.run = run, .router = from, .to = a};
	const struct prefix one = prefix_of_addr(a);
	const struct hop *hop = &s.best.hop;
	const struct hub_routes *h;
	int r = router_each_link(from, consider_link, &s);
	size_t i;

	if (r < 0)
		return r;
	for (i = 0; routes && i < routes->n_routes; i++)
		consider(&s, &routes->routes[i].to, RANK_TABLE, hop_of(from, &routes->routes[i]));
	*ret_yes = false;
	if (s.best.to.addr.family == ADDR_NONE || hop->kind != ROUTE_LINK || is_own(from, a))
		return 0;
	if (hop->peer->kind != OBJECT_HUB) {
		*ret_yes = hop->peer == at;
		return 0;
	}
	r = hub_routes_get(run, hop->peer, &h);
	if (r < 0)
		return r;
	i = prefix_map_find(&h->routes.map, &one);
	*ret_yes = i != PREFIX_MAP_NONE && h->routes.items[i].hop.kind == ROUTE_LINK &&
		   h->routes.items[i].hop.peer == at;
	return 0;
}
