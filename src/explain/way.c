/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "explain/way.h"

struct search {
	const struct object *router; /* whose routes are looked at */
	const struct addr *to;
	struct way best; /* WAY_NONE: nothing yet */
};

bool router_has_address(const struct object *router, const struct addr *a, struct prefix *ret_space)
{
	size_t n = 0;
	const struct prefix *spaces = router_spaces(router, &n);

	for (size_t i = 0; i < n; i++) {
		if (!prefix_contains(&spaces[i], a))
			continue;
		if (ret_space)
			*ret_space = spaces[i];
		return true;
	}
	return false;
}

/* Of two equal prefixes: what a table says, then a direct link, then a hub; of the same the older router. */
static int rank(const struct way *w)
{
	return w->table ? 0 : w->peer && w->peer->kind == OBJECT_HUB ? 2 : 1;
}

static bool is_before(const struct way *a, const struct way *b)
{
	if (rank(a) != rank(b))
		return rank(a) < rank(b);
	return a->peer && b->peer && a->peer->id < b->peer->id;
}

static void offer(struct search *s, const struct way *w)
{
	if (!prefix_contains(&w->to, s->to))
		return;
	if (s->best.kind == WAY_NONE || w->to.len > s->best.to.len ||
	    (w->to.len == s->best.to.len && is_before(w, &s->best)))
		s->best = *w;
}

static void offer_spaces(struct search *s, const struct object *of, struct way w)
{
	size_t n = 0;
	const struct prefix *spaces = router_spaces(of, &n);

	for (size_t i = 0; i < n; i++) {
		w.to = spaces[i];
		offer(s, &w);
	}
}

static const struct object *peering_other(const struct object *peering,
					  const struct object *network)
{
	const struct peering *p = object_peering(peering);

	return p->networks[0] == network ? p->networks[1] : p->networks[0];
}

static void offer_declared(struct search *s, const struct object *table, const struct route *r)
{
	struct way w = {.kind = WAY_LINK, .to = r->to, .table = table, .by = r->target};

	switch (r->via) {
	case VIA_DROP:
		w.kind = WAY_DROP;
		break;
	case VIA_INTERNET_GATEWAY:
		w.kind = WAY_INTERNET;
		break;
	case VIA_NAT_GATEWAY:
		w.kind = WAY_NAT;
		break;
	case VIA_PEERING:
		w.peer = peering_other(r->target, s->router);
		break;
	case VIA_HUB:
	case VIA_SITE:
	case VIA_NETWORK:
		w.peer = r->target;
		break;
	}
	offer(s, &w);
}

static void offer_table(struct search *s, const struct object *subnet)
{
	const struct object *o = subnet ? object_subnet(subnet)->route_table : NULL;
	const struct route_table *table = o ? object_route_table(o) : NULL;

	for (size_t i = 0; table && i < table->n_routes; i++)
		offer_declared(s, o, &table->routes[i]);
}

/* Behind a hub: what else is joined to it. */
struct behind {
	struct search *search;
	struct way way;
};

static int offer_behind(const struct router_link *link, void *arg)
{
	struct behind *b = arg;

	if (link->peer != b->search->router)
		offer_spaces(b->search, link->peer, b->way);
	return 0;
}

static int offer_link(const struct router_link *link, void *arg)
{
	struct search *s = arg;
	struct behind b = {s, {.kind = WAY_LINK, .by = link->by, .peer = link->peer}};

	/* A site always has routes to what it is connected to. */
	if (s->router->kind == OBJECT_NETWORK && !link->automatic)
		return 0;
	if (link->peer->kind == OBJECT_HUB)
		router_each_link(link->peer, offer_behind, &b);
	else
		offer_spaces(s, link->peer, b.way);
	return 0;
}

static int offer_joined(const struct router_link *link, void *arg)
{
	struct search *s = arg;
	struct way w = {.kind = WAY_LINK, .by = link->by, .peer = link->peer};

	offer_spaces(s, link->peer, w);
	return 0;
}

static void search_hub(struct search *s)
{
	const struct hub *hub = object_hub(s->router);

	for (size_t i = 0; i < hub->n_routes; i++)
		offer_declared(s, s->router, &hub->routes[i]);
	router_each_link(s->router, offer_joined, s);
}

static void search_site(struct search *s)
{
	const struct site *site = object_site(s->router);

	router_each_link(s->router, offer_link, s);
	if (s->best.kind == WAY_NONE && site->public_address)
		s->best = (struct way){.kind = WAY_INTERNET,
				       .to = {.addr.family = s->to->family},
				       .by = s->router};
}

void way_find(const struct object *router, const struct object *subnet, const struct addr *to,
	      struct way *ret_way)
{
	struct search s = {.router = router, .to = to};

	if (router_has_address(router, to, &s.best.to)) {
		s.best.kind = WAY_LOCAL;
	} else if (router->kind == OBJECT_HUB) {
		search_hub(&s);
	} else if (router->kind == OBJECT_SITE) {
		search_site(&s);
	} else {
		offer_table(&s, subnet);
		router_each_link(router, offer_link, &s);
	}
	*ret_way = s.best;
}

void way_follow(const struct object *from, const struct way *link, const struct addr *to,
		struct passage *ret_passage)
{
	struct passage p = {.last = link->peer};

	if (link->peer->kind == OBJECT_HUB) {
		p.hub = link->peer;
		way_find(p.hub, NULL, to, &p.at_hub);
		if (p.at_hub.kind == WAY_LINK)
			p.last = p.at_hub.peer;
	}
	if (p.last != from && p.last->kind != OBJECT_HUB && router_has_address(p.last, to, NULL))
		p.end = p.last;
	*ret_passage = p;
}

bool way_leads_to(const struct object *router, const struct object *subnet, const struct addr *to,
		  const struct object *wanted)
{
	struct passage p;
	struct way w;

	way_find(router, subnet, to, &w);
	if (w.kind == WAY_LOCAL)
		return router == wanted;
	if (w.kind != WAY_LINK)
		return false;
	way_follow(router, &w, to, &p);
	return p.end == wanted;
}
