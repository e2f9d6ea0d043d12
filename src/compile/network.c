/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One router of the landscape to its record.
 *
 *	network   a subnet each; tables: those that its subnets use, by the id of the route table, or of the network for the
 *	          subnets that have none
 *	site      its address spaces as subnets: the first IPv4 one with the first IPv6 one, and so on; one table, by the site's id.
 *	          A host is in that of its IPv4 address if it has one. Its gateways are those of the first spaces
 *	hub       no subnets; table 0
 *
 * A route by a NAT gateway holds as far as the gateway's own subnet leads to the internet gateway: where that has
 * longer routes within it, it is cut into routes as long.
 */
#include "compile/names_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A copy that is zero to its end. */
static void name_copy(char dst[64], const char *src)
{
	memcpy(dst, src, strnlen(src, 63));
}

/* --- links -------------------------------------------------------------------------------------------------------- */

static uint8_t router_kind(const struct object *router)
{
	if (router->kind == OBJECT_HUB)
		return ROUTER_HUB;
	return router->kind == OBJECT_SITE ? ROUTER_SITE : ROUTER_NETWORK;
}

static int link_add(const struct router_link *link, void *arg)
{
	struct tables_network *n = arg;
	struct tables_link out = {.peer = link->peer->id, .peer_kind = router_kind(link->peer)};

	if (link->by->kind == OBJECT_HUB)
		out.kind = LINK_HUB;
	else
		out.kind = link->by->kind == OBJECT_SITE ? LINK_SITE : LINK_PEERING;
	name_copy(out.peer_name, link->peer->name);
	return vec_push(n->links, n->n_links, out);
}

static int link_cmp(const void *a, const void *b)
{
	const struct tables_link *x = a, *y = b;

	return (x->peer > y->peer) - (x->peer < y->peer);
}

static int links_compile(struct built *b)
{
	struct tables_network *n = &b->record;
	int r = router_each_link(b->router, link_add, n);

	if (r == 0 && n->n_links > 1)
		qsort(n->links, n->n_links, sizeof(*n->links), link_cmp);
	return r;
}

/* --- routes ------------------------------------------------------------------------------------------------------- */

static const struct addr *addresses_of(const struct object *public_address)
{
	const struct public_address *body = object_public_address(public_address);

	assert(body);
	return body->addresses;
}

static const struct addr *nat_addresses(const struct object *nat)
{
	if (nat->kind == OBJECT_NAT_GATEWAY)
		nat = object_nat_gateway(nat)->public_address;
	return addresses_of(nat);
}

/* What leads nowhere drops. */
static int route_emit(struct built *b, uint32_t table, const struct prefix *to,
		      const struct hop *hop)
{
	struct tables_network *n = &b->record;
	struct tables_route out = {.table = table, .to = *to, .kind = hop->kind};
	struct tables_nat nat = {.table = table, .to = *to};
	int r = 0;

	if (hop->kind == ROUTE_LINK) {
		const struct tables_link key = {.peer = hop->peer->id};
		const struct tables_link *link =
			n->n_links ? bsearch(&key, n->links, n->n_links, sizeof(key), link_cmp)
				   : NULL;

		if (link)
			out.target = (uint32_t)(link - n->links);
		else
			out.kind = ROUTE_DROP;
	}
	if (hop->kind == ROUTE_UPLINK && hop->nat) {
		memcpy(nat.address, nat_addresses(hop->nat), sizeof(nat.address));
		r = vec_push(n->nats, n->n_nats, nat);
	}
	return r < 0 ? r : vec_push(n->routes, n->n_routes, out);
}

static bool leads_to_gateway(const struct route_list *l, size_t i)
{
	return i != PREFIX_MAP_NONE && l->items[i].hop.kind == ROUTE_UPLINK && !l->items[i].hop.nat;
}

/* The route at index i of the list, by a NAT gateway. */
static int nat_routes_emit(struct built *b, uint32_t table, const struct route_list *l, uint32_t i)
{
	static const struct hop drop = {.kind = ROUTE_DROP};
	const struct route_entry *entry = &l->items[i];
	const struct route_list *own =
		built_routes_of(b, object_nat_gateway(entry->hop.nat)->subnet);
	const bool has_family =
		nat_addresses(entry->hop.nat)[addr_index(&entry->to.addr)].family != ADDR_NONE;
	bool good =
		own && has_family && leads_to_gateway(own, prefix_map_find(&own->map, &entry->to));
	int r = route_emit(b, table, &entry->to, good ? &entry->hop : &drop);

	for (uint32_t k = 0; own && has_family && k < own->n && r == 0; k++) {
		const struct prefix *to = &own->items[k].to;

		if (to->len <= entry->to.len || !prefix_is_within(to, &entry->to) ||
		    prefix_map_find(&l->map, to) != i)
			continue;
		good = leads_to_gateway(own, k);
		r = route_emit(b, table, to, good ? &entry->hop : &drop);
	}
	return r;
}

static int list_emit(struct built *b, uint32_t table, const struct route_list *l)
{
	int r = 0;

	for (uint32_t i = 0; i < l->n && r == 0; i++) {
		const struct hop *hop = &l->items[i].hop;

		if (hop->nat && hop->nat->kind == OBJECT_NAT_GATEWAY)
			r = nat_routes_emit(b, table, l, i);
		else
			r = route_emit(b, table, &l->items[i].to, hop);
	}
	return r;
}

/* Tables by id, in each the longest first. */
static int to_cmp(uint32_t table_a, const struct prefix *a, uint32_t table_b,
		  const struct prefix *b)
{
	if (table_a != table_b)
		return table_a < table_b ? -1 : 1;
	if (a->len != b->len)
		return b->len - a->len;
	return prefix_cmp(a, b);
}

static int route_cmp(const void *a, const void *b)
{
	const struct tables_route *x = a, *y = b;

	return to_cmp(x->table, &x->to, y->table, &y->to);
}

static int nat_cmp(const void *a, const void *b)
{
	const struct tables_nat *x = a, *y = b;

	return to_cmp(x->table, &x->to, y->table, &y->to);
}

static void routes_sort(struct tables_network *n)
{
	if (n->n_routes > 1)
		qsort(n->routes, n->n_routes, sizeof(*n->routes), route_cmp);
	if (n->n_nats > 1)
		qsort(n->nats, n->n_nats, sizeof(*n->nats), nat_cmp);
}

/* --- subnets ------------------------------------------------------------------------------------------------------ */

/* The address after the prefix's own; no subnet is so small that it has none. */
static struct addr gateway_of(const struct prefix *p)
{
	struct addr a = p->addr;

	if (a.family != ADDR_NONE)
		a.lo |= 1;
	return a;
}

static uint32_t table_id(const struct built *b, const struct object *table)
{
	return table ? table->id : b->router->id;
}

static int table_use(struct built *b, const struct object *table)
{
	for (uint32_t i = 0; i < b->n_tables; i++) {
		if (b->tables[i].table == table)
			return 0;
	}
	if (vec_push(b->tables, b->n_tables, {.table = table}) < 0)
		return -ERR_NOMEM;
	return routes_collect(b->run, b->router, table, &b->tables[b->n_tables - 1].list);
}

const struct route_list *built_routes_of(const struct built *b, const struct object *subnet)
{
	const struct subnet *body = object_subnet(subnet);

	if (body->network != b->router)
		return NULL;
	for (uint32_t i = 0; i < b->n_tables; i++) {
		if (b->tables[i].table == body->route_table)
			return &b->tables[i].list;
	}
	return NULL;
}

static int subnets_compile(struct built *b)
{
	struct tables_network *n = &b->record;
	int r = network_each_subnet(b->router, object_list_add, &b->subnets);

	object_list_sort(&b->subnets);
	for (uint32_t i = 0; i < b->subnets.n && r == 0; i++) {
		const struct subnet *body = object_subnet(b->subnets.items[i]);
		struct tables_subnet out = {.id = b->subnets.items[i]->id,
					    .table = table_id(b, body->route_table)};

		for (int f = 0; f < FAMILIES; f++) {
			out.ranges[f] = body->ranges[f];
			out.gateway[f] = gateway_of(&body->ranges[f]);
		}
		r = table_use(b, body->route_table);
		if (r == 0)
			r = vec_push(n->subnets, n->n_subnets, out);
	}
	for (uint32_t i = 0; i < b->n_tables && r == 0; i++)
		r = list_emit(b, table_id(b, b->tables[i].table), &b->tables[i].list);
	return r;
}

/* --- sites and hubs ----------------------------------------------------------------------------------------------- */

/* The k-th address space of the family; NULL. */
static const struct prefix *space_of(const struct object *site, int family, uint32_t k)
{
	size_t n = 0;
	const struct prefix *spaces = router_spaces(site, &n);

	for (size_t i = 0; i < n; i++) {
		if ((int)addr_index(&spaces[i].addr) == family && k-- == 0)
			return &spaces[i];
	}
	return NULL;
}

static int site_compile(struct built *b)
{
	struct tables_network *n = &b->record;
	struct route_list list = {0};
	const struct prefix *p, *pair[FAMILIES];
	int r = 0;

	for (uint32_t i = 0; r == 0; i++) {
		struct tables_subnet out = {.id = b->router->id, .table = b->router->id};

		for (int f = 0; f < FAMILIES; f++) {
			pair[f] = space_of(b->router, f, i);
			if (pair[f])
				out.ranges[f] = *pair[f];
			p = space_of(b->router, f, 0);
			if (p)
				out.gateway[f] = gateway_of(p);
		}
		if (!pair[V4] && !pair[V6])
			break;
		r = vec_push(n->subnets, n->n_subnets, out);
	}
	if (r == 0)
		r = routes_collect(b->run, b->router, NULL, &list);
	if (r == 0)
		r = list_emit(b, b->router->id, &list);
	route_list_done(&list);
	return r;
}

static int hub_compile(struct built *b)
{
	const struct hub_routes *h;
	int r = hub_routes_get(b->run, b->router, &h);

	return r < 0 ? r : list_emit(b, 0, &h->routes);
}

/* --- hosts -------------------------------------------------------------------------------------------------------- */

static uint32_t site_subnet(const struct tables_network *n, const struct host *h)
{
	const int family = h->addresses[V4].family != ADDR_NONE ? V4 : V6;

	for (uint32_t i = 0; i < n->n_subnets; i++) {
		const struct prefix *p = &n->subnets[i].ranges[family];

		if (p->addr.family != ADDR_NONE && prefix_contains(p, &h->addresses[family]))
			return i;
	}
	return 0;
}

static int host_compile(struct built *b, const struct object *o, const struct object_list *groups)
{
	struct tables_network *n = &b->record;
	const struct host *h = object_host(o);
	struct tables_host out = {.id = o->id,
				  .attach = (uint8_t)h->attach,
				  .first_group = n->n_host_groups,
				  .n_groups = (uint32_t)h->n_groups};
	int r = 0;

	if (h->subnet)
		out.subnet = object_list_index(&b->subnets, h->subnet);
	else
		out.subnet = site_subnet(n, h);
	memcpy(out.addresses, h->addresses, sizeof(out.addresses));
	if (h->public_address)
		memcpy(out.public, addresses_of(h->public_address), sizeof(out.public));
	name_copy(out.name, o->name);
	name_copy(out.attach_name, h->attach_name);
	for (size_t i = 0; i < h->n_groups && r == 0; i++)
		r = vec_push(n->host_groups, n->n_host_groups,
			     object_list_index(groups, h->groups[i]));
	return r < 0 ? r : vec_push(n->hosts, n->n_hosts, out);
}

static int groups_in_use(const struct object_list *hosts, struct object_list *groups)
{
	int r = 0;

	for (uint32_t i = 0; i < hosts->n; i++) {
		const struct host *h = object_host(hosts->items[i]);

		for (size_t k = 0; k < h->n_groups && r == 0; k++)
			r = object_list_add(h->groups[k], groups);
	}
	object_list_sort(groups);
	return r;
}

static int hosts_compile(struct built *b)
{
	struct object_list hosts = {0}, groups = {0};
	int r = router_each_host(b->router, object_list_add, &hosts);

	object_list_sort(&hosts);
	if (r == 0)
		r = groups_in_use(&hosts, &groups);
	for (uint32_t i = 0; i < hosts.n && r == 0; i++)
		r = host_compile(b, hosts.items[i], &groups);
	if (r == 0)
		r = groups_compile(&b->record, &groups);
	object_list_done(&hosts);
	object_list_done(&groups);
	return r;
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

static int spaces_compile(struct built *b)
{
	size_t n = 0;
	const struct prefix *spaces = router_spaces(b->router, &n);
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = vec_push(b->record.spaces, b->record.n_spaces, spaces[i]);
	return r;
}

static bool has_uplink(const struct object *router)
{
	if (router->kind == OBJECT_SITE)
		return object_site(router)->public_address;
	return router->kind == OBJECT_NETWORK && network_internet_gateway(router);
}

int built_make(struct compile_run *run, const struct object *router, struct built *ret_built)
{
	struct built *b = ret_built;
	int r;

	*b = (struct built){.run = run, .router = router};
	b->record.id = router->id;
	b->record.kind = router_kind(router);
	b->record.has_uplink = has_uplink(router);
	name_copy(b->record.name, router->name);
	r = spaces_compile(b);
	if (r == 0)
		r = links_compile(b);
	if (r == 0 && router->kind == OBJECT_NETWORK)
		r = subnets_compile(b);
	else if (r == 0)
		r = router->kind == OBJECT_SITE ? site_compile(b) : hub_compile(b);
	routes_sort(&b->record);
	if (r == 0 && router->kind != OBJECT_HUB)
		r = hosts_compile(b);
	if (r == 0 && router->kind != OBJECT_HUB)
		r = resolvers_compile(b);
	if (r == 0 && router->kind == OBJECT_NETWORK)
		r = endpoints_compile(b);
	return r;
}

static void puts_free(struct built *b)
{
	for (uint32_t i = 0; i < b->n_puts; i++) {
		union {
			const void *in;
			void *out;
		} u = {.in = b->puts[i].sources};

		free(u.out);
	}
	free(b->puts);
}

void built_done(struct built *b)
{
	struct tables_network *n = &b->record;

	for (uint32_t i = 0; i < b->n_tables; i++)
		route_list_done(&b->tables[i].list);
	free(b->tables);
	puts_free(b);
	object_list_done(&b->subnets);
	free(n->spaces);
	free(n->subnets);
	free(n->links);
	free(n->routes);
	free(n->nats);
	free(n->hosts);
	free(n->host_groups);
	free(n->groups);
	free(n->rules);
	free(n->prefixes);
	free(n->endpoints);
	free(n->resolvers);
	memset(b, 0, sizeof(*b));
}
