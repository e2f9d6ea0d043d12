/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "netd/plan.h"

#include "model/net.h"
#include "netd/nft_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNREACHABLE_LINK ""

static const struct addr near_v4[] = {{.lo = 0xa9fefe01, .family = ADDR_V4},
				      {.lo = 0xa9fefe02, .family = ADDR_V4}};
static const struct addr near_v6[] = {{.hi = 0xfe80000000000000, .lo = 1, .family = ADDR_V6},
				      {.hi = 0xfe80000000000000, .lo = 2, .family = ADDR_V6}};

static const struct addr *near(uint8_t family, unsigned int end)
{
	return family == ADDR_V6 ? &near_v6[end] : &near_v4[end];
}

static uint8_t full_length(uint8_t family)
{
	return family == ADDR_V6 ? 128 : 32;
}

bool plan_name_is_safe(const char *name)
{
	size_t len = strnlen(name, ATTACH_NAME_MAX + 1);

	if (len == 0 || len > ATTACH_NAME_MAX || name[0] == '.' || name[0] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (name[i] <= ' ' || name[i] > '~' || strchr("/:%", name[i]))
			return false;
	return true;
}

/* --- pieces ----------------------------------------------------------------------------------------------- */

static struct ns_link *add_link(struct ns_state *s, const char *name, enum ns_link_kind kind,
				const char *alias)
{
	struct ns_link *l = state_add_link(s);

	snprintf(l->name, sizeof l->name, "%s", name);
	snprintf(l->alias, sizeof l->alias, "%s", alias);
	l->kind = kind;
	l->is_up = true;
	l->has_no_addrgen = kind != NS_LINK_LOOPBACK;
	return l;
}

static void add_veth(struct ns_state *s, const struct names *names, const char *name,
		     const char *peer_ns, const char *peer_name)
{
	struct ns_link *l = add_link(s, name, NS_LINK_VETH, names->alias);

	snprintf(l->peer_ns, sizeof l->peer_ns, "%s", peer_ns);
	snprintf(l->peer_name, sizeof l->peer_name, "%s", peer_name);
}

static void add_addr(struct ns_state *s, const struct addr *a, uint8_t len, const char *link)
{
	struct ns_addr *n = state_add_addr(s);

	n->addr = *a;
	n->len = len;
	snprintf(n->link, sizeof n->link, "%s", link);
}

/*
 * The addresses by which the two ends of a link find each other. Between routers IPv4 goes by the IPv6 ones too (RFC 5549): a router with
 * several links would have .1 on one and .2 on another, and the kernel takes no next hop that is an address of its own, by whatever link.
 */
static void add_near(struct ns_state *s, unsigned int end, const char *link)
{
	add_addr(s, &near_v6[end], 64, link);
}

static void add_near_internet(struct ns_state *s, unsigned int end, const char *link)
{
	add_near(s, end, link);
	add_addr(s, &near_v4[end], 32, link);
	s->addrs[s->n_addrs - (s->n_addrs > 0)].is_link_scope = true;
}

static struct ns_route *add_route(struct ns_state *s, const struct prefix *to, uint32_t table,
				  const struct addr *via, const char *link)
{
	struct ns_route *r = state_add_route(s);

	r->to = *to;
	r->table = table;
	r->metric = to->addr.family == ADDR_V6 ? PLAN_METRIC_V6 : 0;
	r->type = link[0] ? RTN_UNICAST : RTN_UNREACHABLE;
	if (via)
		r->via = *via;
	snprintf(r->link, sizeof r->link, "%s", link);
	return r;
}

static struct prefix whole(const struct addr *a)
{
	return (struct prefix){.addr = *a, .len = full_length(a->family)};
}

static void add_rule(struct ns_state *s, uint32_t pref, uint8_t family, const struct prefix *from,
		     uint32_t table)
{
	struct ns_rule *r = state_add_rule(s);

	r->pref = pref;
	r->family = family;
	if (from)
		r->from = *from;
	r->table = table;
}

static void add_sysctl(struct ns_state *s, const char *path, const char *value)
{
	struct ns_sysctl *c = state_add_sysctl(s);

	c->path = path;
	snprintf(c->value, sizeof c->value, "%s", value);
}

/* --- the router ------------------------------------------------------------------------------------------- */

static uint32_t kernel_table(const struct tables_network *n, uint32_t table)
{
	return (table ? table : n->id) + PLAN_TABLE_OFFSET;
}

static void router_spaces(struct ns_state *s, const struct tables_network *n)
{
	for (uint32_t i = 0; i < n->n_spaces; i++)
		add_route(s, &n->spaces[i], RT_TABLE_MAIN, NULL, UNREACHABLE_LINK);
	for (uint32_t i = 0; i < n->n_endpoints; i++)
		add_addr(s, &n->endpoints[i].addr, full_length(n->endpoints[i].addr.family), "lo");
}

static bool is_in_spaces(const struct tables_network *n, const struct addr *a)
{
	for (uint32_t i = 0; i < n->n_spaces; i++)
		if (prefix_contains(&n->spaces[i], a))
			return true;
	return false;
}

static void router_resolvers(struct ns_state *s, const struct tables_network *n)
{
	for (uint32_t i = 0; i < n->n_resolvers; i++) {
		const struct addr *a = &n->resolvers[i].addr;

		add_addr(s, a, full_length(a->family), "lo");
		/* One that others have too: a peer would not believe a word of ours that came from it. */
		if (!is_in_spaces(n, a))
			s->addrs[s->n_addrs - (s->n_addrs > 0)].is_link_scope = true;
	}
}

static void router_routes(struct ns_state *s, const struct tables_network *n)
{
	char link[IFNAMSIZ];

	for (uint32_t i = 0; i < n->n_routes; i++) {
		const struct tables_route *r = &n->routes[i];
		uint32_t table = kernel_table(n, r->table);

		if (r->kind == ROUTE_UPLINK && n->has_uplink) {
			add_route(s, &r->to, table, near(r->to.addr.family, 0), "up");
		} else if (r->kind == ROUTE_LINK) {
			uint32_t peer = n->links[r->target].peer;

			snprintf(link, sizeof link, "to-%u", peer);
			add_route(s, &r->to, table, &near_v6[n->id < peer], link);
		} else {
			add_route(s, &r->to, table, NULL, UNREACHABLE_LINK);
		}
	}
}

static void router_rules(struct ns_state *s, const struct tables_network *n)
{
	static const uint8_t families[] = {ADDR_V4, ADDR_V6};

	for (size_t f = 0; f < ARRAY_SIZE(families); f++) {
		add_rule(s, PLAN_PREF_MAIN, families[f], NULL, RT_TABLE_MAIN);
		if (n->kind == ROUTER_HUB)
			add_rule(s, PLAN_PREF_TABLES, families[f], NULL, kernel_table(n, 0));
	}
	for (uint32_t i = 0; i < n->n_subnets; i++)
		for (int f = 0; f < TABLES_FAMILIES; f++)
			if (n->subnets[i].ranges[f].addr.family != ADDR_NONE)
				add_rule(s, PLAN_PREF_TABLES, n->subnets[i].ranges[f].addr.family,
					 &n->subnets[i].ranges[f],
					 kernel_table(n, n->subnets[i].table));
}

static void router_links(struct ns_state *s, const struct names *names,
			 const struct tables_network *n)
{
	char link[IFNAMSIZ], peer_ns[NS_NAME_MAX], peer_link[IFNAMSIZ];

	add_link(s, "lo", NS_LINK_LOOPBACK, "");
	for (uint32_t i = 0; i < n->n_links; i++) {
		const struct tables_link *l = &n->links[i];

		snprintf(link, sizeof link, "to-%u", l->peer);
		snprintf(peer_link, sizeof peer_link, "to-%u", n->id);
		names_router(names, l->peer_kind, l->peer_name, peer_ns);
		add_veth(s, names, link, peer_ns, peer_link);
		add_near(s, n->id > l->peer, link);
	}
	if (n->has_uplink) {
		names_outer(names, n->id, peer_link);
		add_veth(s, names, "up", "", peer_link);
		add_near_internet(s, 1, "up");
	}
}

static void router_sysctls(struct ns_state *s)
{
	/* Who may send from which address is the ruleset's business. */
	add_sysctl(s, "ipv4/conf/all/rp_filter", "0");
	add_sysctl(s, "ipv4/conf/default/rp_filter", "0");
	/* A new namespace has what the machine's first one has. */
	add_sysctl(s, "ipv4/conf/all/accept_source_route", "0");
	add_sysctl(s, "ipv4/ip_forward", "1");
	add_sysctl(s, "ipv6/conf/all/forwarding", "1");
}

/* --- hosts ------------------------------------------------------------------------------------------------ */

/* In the router: the link to a host, and the host behind it. */
static void host_outside(struct ns_state *s, const struct names *names,
			 const struct tables_network *n, const struct tables_host *h,
			 const char *ns, const char *inner)
{
	const struct tables_subnet *subnet = &n->subnets[h->subnet];
	char link[IFNAMSIZ], alias[NS_ALIAS_MAX];

	snprintf(link, sizeof link, "h-%u", h->id);
	if (h->attach == ATTACH_INTERFACE) {
		snprintf(alias, sizeof alias, "%.*s:%.15s", NS_ALIAS_MAX - IFNAMSIZ - 1,
			 names->alias, h->attach_name);
		add_link(s, link, NS_LINK_ATTACHED, alias);
	} else {
		add_veth(s, names, link, ns, inner);
	}
	for (int f = 0; f < TABLES_FAMILIES; f++) {
		struct prefix to;

		if (h->addresses[f].family == ADDR_NONE)
			continue;
		to = whole(&h->addresses[f]);
		add_route(s, &to, RT_TABLE_MAIN, NULL, link);
		if (subnet->gateway[f].family != ADDR_NONE)
			add_addr(s, &subnet->gateway[f], full_length(subnet->gateway[f].family),
				 link);
	}
	add_addr(s, &near_v6[0], 64, link);
}

static void host_default(struct ns_state *s, const struct tables_network *n, const struct addr *via,
			 bool is_guest, const char *link)
{
	struct prefix all = {.addr = {.family = via->family}};

	if (!is_guest) {
		add_route(s, &all, RT_TABLE_MAIN, via, link);
		return;
	}
	/* What somebody else has set there goes first; the router's own address space and its resolver are reached in any case. */
	add_route(s, &all, RT_TABLE_MAIN, via, link)->metric = PLAN_METRIC_GUEST;
	for (uint32_t i = 0; i < n->n_spaces; i++)
		if (n->spaces[i].addr.family == via->family)
			add_route(s, &n->spaces[i], RT_TABLE_MAIN, via, link)->metric =
				PLAN_METRIC_GUEST;
	for (uint32_t i = 0; i < n->n_resolvers; i++) {
		struct prefix to = whole(&n->resolvers[i].addr);

		if (to.addr.family == via->family && !is_in_spaces(n, &to.addr))
			add_route(s, &to, RT_TABLE_MAIN, via, link)->metric = PLAN_METRIC_GUEST;
	}
}

static void host_inside(struct plan_ns *p, const struct names *names,
			const struct tables_network *n, const struct tables_host *h,
			const char *router)
{
	const struct tables_subnet *subnet = &n->subnets[h->subnet];
	struct ns_state *s = &p->state;
	char outer[IFNAMSIZ];

	if (p->kind == NS_HOST)
		add_link(s, "lo", NS_LINK_LOOPBACK, "");
	snprintf(outer, sizeof outer, "h-%u", h->id);
	add_veth(s, names, p->link, router, outer);
	for (int f = 0; f < TABLES_FAMILIES; f++) {
		if (h->addresses[f].family == ADDR_NONE)
			continue;
		add_addr(s, &h->addresses[f], full_length(h->addresses[f].family), p->link);
		if (subnet->gateway[f].family != ADDR_NONE)
			host_default(s, n, &subnet->gateway[f], p->kind == NS_ATTACHED, p->link);
	}
	add_addr(s, &near_v6[1], 64, p->link);
}

/* *p is the namespace of h, if it has one that we enter. */
static bool host_plan(struct plan_ns *p, struct ns_state *router, const struct names *names,
		      const struct tables_network *n, const struct tables_host *h,
		      const char *router_name)
{
	if (h->attach == ATTACH_INTERFACE) {
		host_outside(router, names, n, h, NULL, NULL);
		return false;
	}
	p->host = h->id;
	if (h->attach == ATTACH_NAMESPACE) {
		p->kind = NS_ATTACHED;
		snprintf(p->name, sizeof p->name, "%s", h->attach_name);
		names_outer(names, h->id, p->link);
	} else {
		p->kind = NS_HOST;
		names_host(names, h->name, p->name);
		snprintf(p->link, sizeof p->link, "eth0");
	}
	host_outside(router, names, n, h, p->name, p->link);
	host_inside(p, names, n, h, router_name);
	return true;
}

/* --- the internet's side ---------------------------------------------------------------------------------- */

static void uplink_plan(struct plan_ns *p, const struct names *names,
			const struct tables_network *n, const char *router)
{
	struct ns_state *s = &p->state;

	p->kind = NS_OWN;
	names_outer(names, n->id, p->link);
	add_veth(s, names, p->link, router, "up");
	add_near_internet(s, 0, p->link);
	for (uint32_t i = 0; i < n->n_hosts; i++)
		for (int f = 0; f < TABLES_FAMILIES; f++)
			if (n->hosts[i].public[f].family != ADDR_NONE) {
				struct prefix to = whole(&n->hosts[i].public[f]);

				add_route(s, &to, RT_TABLE_MAIN, near(to.addr.family, 1), p->link);
			}
	for (uint32_t i = 0; i < n->n_nats; i++)
		for (int f = 0; f < TABLES_FAMILIES; f++)
			if (n->nats[i].address[f].family != ADDR_NONE) {
				struct prefix to = whole(&n->nats[i].address[f]);

				add_route(s, &to, RT_TABLE_MAIN, near(to.addr.family, 1), p->link);
			}
}

int plan_internet(const struct names *names, const struct plan_internet *i,
		  struct ns_state *ret_state, struct err *e)
{
	struct ns_state s = {0};

	if (i->has_v4)
		add_sysctl(&s, "ipv4/ip_forward", "1");
	if (i->has_v6)
		add_sysctl(&s, "ipv6/conf/all/forwarding", "1");
	if (i->has_v4 || i->has_v6) {
		nft_text_internet(names, i, &s.nft);
		s.has_nft = true;
		s.nft_digest = nft_text_digest(&s.nft);
	}
	state_finish(&s);
	if (s.failed || s.nft.failed) {
		state_done(&s);
		return err_set(e, ERR_NOMEM, NULL, "no memory for the plan of the internet's side");
	}
	*ret_state = s;
	return 0;
}

/* --- all of it -------------------------------------------------------------------------------------------- */

#define BAD(e, n, what) \
	err_set((e), ERR_INVALID, NULL, "router '%s': its record is damaged: %s", (n)->name, (what))

static int hosts_check(const struct names *names, const struct tables_network *n, struct err *e)
{
	for (uint32_t i = 0; i < n->n_hosts; i++) {
		const struct tables_host *h = &n->hosts[i];

		if (h->subnet >= n->n_subnets)
			return BAD(e, n, "a host in no subnet");
		if (h->first_group > n->n_host_groups ||
		    h->n_groups > n->n_host_groups - h->first_group)
			return BAD(e, n, "a host's groups");
		if (h->attach == ATTACH_NONE ? !plan_name_is_safe(h->name)
					     : !plan_name_is_safe(h->attach_name))
			return BAD(e, n, "a host's name");
		if (h->attach == ATTACH_NAMESPACE && names_is_ours(names, h->attach_name))
			return BAD(e, n, "a host in a namespace of ours");
		if (h->attach == ATTACH_INTERFACE &&
		    (strlen(h->attach_name) >= IFNAMSIZ || strcmp(h->attach_name, "lo") == 0))
			return err_set(e, ERR_INVALID, NULL,
				       "host '%s': '%s' is no interface that can be attached",
				       h->name, h->attach_name);
	}
	return 0;
}

static int record_check(const struct names *names, const struct tables_network *n, struct err *e)
{
	if (n->kind > ROUTER_SITE || !plan_name_is_safe(n->name))
		return BAD(e, n, "its kind or name");
	for (uint32_t i = 0; i < n->n_links; i++)
		if (n->links[i].peer_kind > ROUTER_SITE ||
		    !plan_name_is_safe(n->links[i].peer_name))
			return BAD(e, n, "a link");
	for (uint32_t i = 0; i < n->n_routes; i++)
		if (n->routes[i].kind == ROUTE_LINK && n->routes[i].target >= n->n_links)
			return BAD(e, n, "a route by no link");
	for (uint32_t i = 0; i < n->n_host_groups; i++)
		if (n->host_groups[i] >= n->n_groups)
			return BAD(e, n, "a group");
	for (uint32_t i = 0; i < n->n_groups; i++)
		if (n->groups[i].first_rule > n->n_rules ||
		    n->groups[i].n_rules > n->n_rules - n->groups[i].first_rule)
			return BAD(e, n, "a group's rules");
	for (uint32_t i = 0; i < n->n_rules; i++)
		if (n->rules[i].first_prefix > n->n_prefixes ||
		    n->rules[i].n_prefixes > n->n_prefixes - n->rules[i].first_prefix)
			return BAD(e, n, "a rule's ranges");
	for (uint32_t i = 0; i < n->n_resolvers; i++)
		if (n->resolvers[i].addr.family != ADDR_V4 &&
		    n->resolvers[i].addr.family != ADDR_V6)
			return BAD(e, n, "a resolver's address");
	return hosts_check(names, n, e);
}

int plan_router(const struct names *names, const struct tables_network *n, struct plan *ret_plan,
		struct err *e)
{
	struct plan p = {0};
	struct ns_state *router;
	bool failed = false;
	int ret = record_check(names, n, e);

	if (ret)
		return ret;
	p.ns = calloc((size_t)n->n_hosts + 2, sizeof *p.ns);
	if (!p.ns)
		return err_set(e, ERR_NOMEM, NULL, "no memory for the plan of '%s'", n->name);
	router = &p.ns[0].state;
	p.ns[0].kind = NS_ROUTER;
	names_router(names, n->kind, n->name, p.ns[0].name);
	p.n_ns = 1;
	router_links(router, names, n);
	router_spaces(router, n);
	router_resolvers(router, n);
	router_routes(router, n);
	router_rules(router, n);
	router_sysctls(router);
	for (uint32_t i = 0; i < n->n_hosts; i++)
		p.n_ns += host_plan(&p.ns[p.n_ns], router, names, n, &n->hosts[i], p.ns[0].name);
	if (n->has_uplink)
		uplink_plan(&p.ns[p.n_ns++], names, n, p.ns[0].name);
	nft_text_router(n, &router->nft);
	router->has_nft = true;
	router->nft_digest = nft_text_digest(&router->nft);
	failed = router->nft.failed;
	for (size_t i = 0; i < p.n_ns; i++) {
		state_finish(&p.ns[i].state);
		failed = failed || p.ns[i].state.failed;
	}
	if (failed) {
		plan_done(&p);
		return err_set(e, ERR_NOMEM, NULL, "no memory for the plan of '%s'", n->name);
	}
	*ret_plan = p;
	return 0;
}

void plan_done(struct plan *p)
{
	for (size_t i = 0; i < p->n_ns; i++)
		state_done(&p->ns[i].state);
	free(p->ns);
	*p = (struct plan){0};
}
