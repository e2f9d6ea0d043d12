/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "records.h"

#include "model/net.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((noreturn)) static void die(const char *what)
{
	fprintf(stderr, "records: %s\n", what);
	exit(2);
}

/* A new zeroed entry at the end of an array. */
#define ADD(array, n)                                                              \
	({                                                                         \
		(array) = reallocarray((array), (size_t)(n) + 1, sizeof *(array)); \
		if (!(array))                                                      \
			die("no memory");                                          \
		memset(&(array)[n], 0, sizeof *(array));                           \
		&(array)[(n)++];                                                   \
	})

void records_done(struct records *r)
{
	for (size_t i = 0; i < r->count; i++) {
		struct tables_network *n = &r->n[i];

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
	}
	free(r->n);
	*r = (struct records){0};
}

static struct prefix prefix_of(const char *text)
{
	struct prefix p;
	struct err e;

	if (!text || prefix_parse(text, strlen(text), &p, &e))
		die(text ? text : "a prefix is missing");
	return p;
}

static void addr_into(struct addr pair[TABLES_FAMILIES], const char *text)
{
	struct addr a;

	if (!text || addr_parse(text, &a))
		die(text ? text : "an address is missing");
	pair[addr_index(&a)] = a;
}

/* --- JSON ------------------------------------------------------------------------------------------------- */

static uint32_t number(const json_t *o, const char *key)
{
	return (uint32_t)json_integer_value(json_object_get(o, key));
}

static void name_copy(char dst[64], const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	snprintf(dst, 64, "%s", s ? s : "");
}

static uint8_t word(const json_t *o, const char *key, const char *words)
{
	const char *s = json_string_value(json_object_get(o, key)), *at = words;
	uint8_t i = 0;

	for (; s && *at; i++, at += strlen(at) + 1)
		if (strcmp(at, s) == 0)
			return i;
	if (s)
		die(s);
	return 0;
}

static void addrs_into(struct addr pair[TABLES_FAMILIES], const json_t *list)
{
	size_t i;
	json_t *v;

	json_array_foreach(list, i, v) addr_into(pair, json_string_value(v));
}

#define KINDS "network\0hub\0site\0"

static void rule_read(struct tables_network *n, const json_t *o)
{
	struct tables_rule *r = ADD(n->rules, n->n_rules);
	json_t *v, *ports = json_object_get(o, "ports");
	size_t i;

	r->is_ingress = json_is_true(json_object_get(o, "ingress"));
	r->protocol = word(o, "protocol", "any\0tcp\0udp\0icmp\0");
	r->port_first = (uint16_t)(ports ? json_integer_value(json_array_get(ports, 0)) : 0);
	r->port_last = (uint16_t)(ports ? json_integer_value(json_array_get(ports, 1)) : 65535);
	r->first_prefix = n->n_prefixes;
	json_array_foreach(json_object_get(o, "ranges"), i, v) * ADD(n->prefixes, n->n_prefixes) =
		prefix_of(json_string_value(v));
	r->n_prefixes = n->n_prefixes - r->first_prefix;
}

static void host_read(struct tables_network *n, const json_t *o)
{
	struct tables_host *h = ADD(n->hosts, n->n_hosts);
	json_t *v;
	size_t i;

	h->id = number(o, "id");
	h->subnet = number(o, "subnet");
	name_copy(h->name, o, "name");
	addrs_into(h->addresses, json_object_get(o, "addresses"));
	addrs_into(h->public, json_object_get(o, "public"));
	h->first_group = n->n_host_groups;
	json_array_foreach(json_object_get(o, "groups"), i, v) *
		ADD(n->host_groups, n->n_host_groups) = (uint32_t)json_integer_value(v);
	h->n_groups = n->n_host_groups - h->first_group;
	if (json_object_get(o, "namespace")) {
		h->attach = ATTACH_NAMESPACE;
		name_copy(h->attach_name, o, "namespace");
	} else if (json_object_get(o, "interface")) {
		h->attach = ATTACH_INTERFACE;
		name_copy(h->attach_name, o, "interface");
	}
}

static void subnet_read(struct tables_network *n, const json_t *o)
{
	struct tables_subnet *s = ADD(n->subnets, n->n_subnets);
	json_t *v;
	size_t i;

	s->id = number(o, "id");
	s->table = number(o, "table");
	addrs_into(s->gateway, json_object_get(o, "gateway"));
	json_array_foreach(json_object_get(o, "ranges"), i, v)
	{
		struct prefix p = prefix_of(json_string_value(v));

		s->ranges[addr_index(&p.addr)] = p;
	}
}

static void routing_read(struct tables_network *n, const json_t *o)
{
	json_t *v;
	size_t i;

	json_array_foreach(json_object_get(o, "links"), i, v)
	{
		struct tables_link *l = ADD(n->links, n->n_links);

		l->peer = number(v, "peer");
		l->peer_kind = word(v, "kind", KINDS);
		name_copy(l->peer_name, v, "name");
	}
	json_array_foreach(json_object_get(o, "routes"), i, v)
	{
		struct tables_route *r = ADD(n->routes, n->n_routes);

		r->table = number(v, "table");
		r->target = number(v, "target");
		r->to = prefix_of(json_string_value(json_object_get(v, "to")));
		r->kind = word(v, "kind", "drop\0uplink\0link\0");
	}
	json_array_foreach(json_object_get(o, "nats"), i, v)
	{
		struct tables_nat *t = ADD(n->nats, n->n_nats);

		t->table = number(v, "table");
		t->to = prefix_of(json_string_value(json_object_get(v, "to")));
		addrs_into(t->address, json_object_get(v, "address"));
	}
}

static void record_read(struct tables_network *n, const json_t *o)
{
	json_t *v, *w;
	size_t i, j;

	n->id = number(o, "id");
	n->kind = word(o, "kind", KINDS);
	n->has_uplink = json_is_true(json_object_get(o, "uplink"));
	name_copy(n->name, o, "name");
	json_array_foreach(json_object_get(o, "spaces"), i, v) * ADD(n->spaces, n->n_spaces) =
		prefix_of(json_string_value(v));
	routing_read(n, o);
	json_array_foreach(json_object_get(o, "subnets"), i, v) subnet_read(n, v);
	json_array_foreach(json_object_get(o, "groups"), i, v)
	{
		struct tables_group *g = ADD(n->groups, n->n_groups);

		g->id = number(v, "id");
		g->egress_open = json_is_true(json_object_get(v, "open"));
		snprintf(g->name, sizeof g->name, "group%u", g->id);
		g->first_rule = n->n_rules;
		json_array_foreach(json_object_get(v, "rules"), j, w) rule_read(n, w);
		g->n_rules = n->n_rules - g->first_rule;
	}
	json_array_foreach(json_object_get(o, "hosts"), i, v) host_read(n, v);
	json_array_foreach(json_object_get(o, "endpoints"), i, v)
	{
		struct addr pair[TABLES_FAMILIES] = {0};
		struct tables_network_endpoint *ep = ADD(n->endpoints, n->n_endpoints);

		addr_into(pair, json_string_value(json_object_get(v, "addr")));
		ep->addr = pair[0].family ? pair[0] : pair[1];
		ep->port = (uint16_t)number(v, "port");
	}
	json_array_foreach(json_object_get(o, "resolvers"), i, v)
	{
		struct addr pair[TABLES_FAMILIES] = {0};
		struct tables_resolver *r = ADD(n->resolvers, n->n_resolvers);

		addr_into(pair, json_string_value(json_object_get(v, "addr")));
		r->addr = pair[0].family ? pair[0] : pair[1];
		r->asks = json_is_true(json_object_get(v, "asks"));
	}
}

void records_read(const char *path, struct records *ret_records)
{
	json_error_t error;
	json_t *o = json_load_file(path, 0, &error), *v;
	size_t i;

	*ret_records = (struct records){0};
	if (!o)
		die(error.text);
	json_array_foreach(json_object_get(o, "records"), i, v)
		record_read(ADD(ret_records->n, ret_records->count), v);
	json_decref(o);
}

/* --- at random -------------------------------------------------------------------------------------------- */

/*
 * Five routers, three networks (ids 1, 2, 3), a hub (4), a site (5), each there or not; all that is in them is drawn anew from a number that a
 * step changes for one of them, so that successive landscapes have most in common.
 */
#define RANDOM_ROUTERS 5

struct world {
	uint64_t drawn[RANDOM_ROUTERS]; /* 0: the router is not there */
	uint32_t joined;		/* bit per pair */
};

static uint64_t draw(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

static uint32_t below(uint64_t *state, uint32_t n)
{
	return (uint32_t)(draw(state) % n);
}

static struct addr v4_of(uint32_t a)
{
	return addr_v4(a);
}

static struct addr v6_of(uint32_t net, uint32_t low)
{
	return (struct addr){.hi = 0xfd00000000000000 | net, .lo = low, .family = ADDR_V6};
}

static struct prefix prefix_make(struct addr a, uint8_t len)
{
	struct prefix p = {.addr = a, .len = len};

	return p;
}

static const uint8_t random_kinds[RANDOM_ROUTERS] = {ROUTER_NETWORK, ROUTER_NETWORK, ROUTER_NETWORK,
						     ROUTER_HUB, ROUTER_SITE};

static void random_prefixes(struct tables_network *n, struct tables_rule *r, uint64_t *s)
{
	static const char *const some[] = {"0.0.0.0/0",	  "10.1.0.0/16",     "10.1.0.0/24",
					   "10.2.0.5/32", "fd00:0:0:1::/64", "::/0",
					   "192.0.2.0/24"};

	r->first_prefix = n->n_prefixes;
	for (uint32_t i = 1 + below(s, 4); i > 0; i--)
		*ADD(n->prefixes, n->n_prefixes) = prefix_of(some[below(s, ARRAY_SIZE(some))]);
	r->n_prefixes = n->n_prefixes - r->first_prefix;
}

static void random_groups(struct tables_network *n, uint64_t *s)
{
	for (uint32_t g = below(s, 4); g > 0; g--) {
		struct tables_group *group = ADD(n->groups, n->n_groups);

		group->id = n->n_groups;
		group->egress_open = below(s, 2);
		group->first_rule = n->n_rules;
		for (uint32_t i = below(s, 4); i > 0; i--) {
			struct tables_rule *r = ADD(n->rules, n->n_rules);

			r->is_ingress = below(s, 2);
			r->protocol = (uint8_t)below(s, 4);
			r->port_last = 65535;
			if (below(s, 2) &&
			    (r->protocol == PROTOCOL_TCP || r->protocol == PROTOCOL_UDP)) {
				r->port_first = (uint16_t)(1 + below(s, 1000));
				r->port_last = (uint16_t)(r->port_first + below(s, 2) * 100);
			}
			random_prefixes(n, r, s);
		}
		group->n_rules = n->n_rules - group->first_rule;
	}
}

static void random_subnet(struct tables_network *n, uint32_t number, uint64_t *s)
{
	struct tables_subnet *subnet = ADD(n->subnets, n->n_subnets);
	uint32_t base = 0x0a000000 | n->id << 16 | number << 8;

	subnet->id = n->id * 100 + number;
	subnet->table = below(s, 2) ? n->id : n->id * 100 + 50 + number;
	subnet->ranges[0] = prefix_make(v4_of(base), 24);
	subnet->gateway[0] = v4_of(base + 1);
	if (below(s, 2)) {
		subnet->ranges[1] = prefix_make((struct addr){.hi = 0xfd00000000000000 | n->id,
							      .lo = (uint64_t)number << 32,
							      .family = ADDR_V6},
						96);
		subnet->gateway[1] = subnet->ranges[1].addr;
		subnet->gateway[1].lo |= 1;
	}
}

static void random_hosts(struct tables_network *n, uint64_t *s)
{
	for (uint32_t i = below(s, 4); i > 0; i--) {
		struct tables_host *h = ADD(n->hosts, n->n_hosts);
		struct tables_subnet *subnet;

		h->id = n->id * 1000 + i;
		h->subnet = below(s, n->n_subnets);
		subnet = &n->subnets[h->subnet];
		snprintf(h->name, sizeof h->name, "h%u-%u", n->id, i);
		h->addresses[0] = v4_of((uint32_t)subnet->ranges[0].addr.lo + 9 + i);
		if (subnet->ranges[1].addr.family) {
			h->addresses[1] = subnet->ranges[1].addr;
			h->addresses[1].lo |= 9 + i;
		}
		if (n->has_uplink && n->kind == ROUTER_NETWORK && below(s, 2))
			h->public[0] = v4_of(0xcb007100 + n->id * 16 + i);
		h->first_group = n->n_host_groups;
		for (uint32_t g = 0; g < n->n_groups; g++)
			if (below(s, 2))
				*ADD(n->host_groups, n->n_host_groups) = g;
		h->n_groups = n->n_host_groups - h->first_group;
	}
}

static void random_routes(struct tables_network *n, uint64_t *s)
{
	for (uint32_t i = 0; i < n->n_subnets; i++) {
		uint32_t table = n->subnets[i].table;
		struct tables_route *r;

		if (n->has_uplink && below(s, 2)) {
			r = ADD(n->routes, n->n_routes);
			r->table = table;
			r->kind = ROUTE_UPLINK;
			r->to = prefix_of(below(s, 2) ? "0.0.0.0/0" : "198.51.100.0/24");
			if (below(s, 2)) {
				struct tables_nat *t = ADD(n->nats, n->n_nats);

				t->table = table;
				t->to = r->to;
				t->address[0] = v4_of(0xcb0071f0 + n->id);
			}
		}
		if (below(s, 2)) {
			r = ADD(n->routes, n->n_routes);
			r->table = table;
			r->kind = ROUTE_DROP;
			r->to = prefix_of(below(s, 2) ? "198.18.0.0/15" : "2001:db8:bad::/48");
		}
	}
}

static int resolver_by(const void *a, const void *b)
{
	const struct tables_resolver *x = a, *y = b;

	return addr_cmp(&x->addr, &y->addr);
}

/* base + 2 of each subnet, and the one that is everywhere. */
static void resolvers_add(struct tables_network *n, bool asks)
{
	for (uint32_t i = 0; i < n->n_subnets; i++)
		for (int f = 0; f < TABLES_FAMILIES; f++) {
			struct addr a = n->subnets[i].ranges[f].addr;

			a.lo |= 2;
			if (a.family)
				*ADD(n->resolvers, n->n_resolvers) =
					(struct tables_resolver){.addr = a, .asks = asks && i == 0};
		}
	ADD(n->resolvers, n->n_resolvers)->addr = v4_of(0xa83f8110);
	qsort(n->resolvers, n->n_resolvers, sizeof *n->resolvers, resolver_by);
}

/* Routes by every link, in every table. */
static void random_links(struct tables_network *n, const struct world *w)
{
	for (uint32_t peer = 1; peer <= RANDOM_ROUTERS; peer++) {
		uint32_t low = n->id < peer ? n->id : peer, high = n->id < peer ? peer : n->id;
		struct tables_link *l;

		if (peer == n->id || !w->drawn[peer - 1] || !(w->joined >> (low * 5 + high) & 1))
			continue;
		l = ADD(n->links, n->n_links);
		l->peer = peer;
		l->peer_kind = random_kinds[peer - 1];
		snprintf(l->peer_name, sizeof l->peer_name, "r%u", peer);
		for (uint32_t i = 0; i < (n->kind == ROUTER_HUB ? 1 : n->n_subnets); i++) {
			struct tables_route *r = ADD(n->routes, n->n_routes);

			r->table = n->kind == ROUTER_HUB ? 0 : n->subnets[i].table;
			r->kind = ROUTE_LINK;
			r->target = n->n_links - 1;
			r->to = prefix_make(v4_of(0x0a000000 | peer << 16), 16);
			r = ADD(n->routes, n->n_routes);
			r->table = n->kind == ROUTER_HUB ? 0 : n->subnets[i].table;
			r->kind = ROUTE_LINK;
			r->target = n->n_links - 1;
			r->to = prefix_make(v6_of(peer, 0), 64);
		}
	}
}

static int route_by(const void *a, const void *b)
{
	const struct tables_route *x = a, *y = b;

	if (x->table != y->table)
		return x->table < y->table ? -1 : 1;
	return prefix_cmp(&x->to, &y->to);
}

/* A table has a prefix once. */
static void routes_unique(struct tables_network *n)
{
	uint32_t kept = 0;

	if (n->n_routes)
		qsort(n->routes, n->n_routes, sizeof *n->routes, route_by);
	for (uint32_t i = 0; i < n->n_routes; i++)
		if (!kept || route_by(&n->routes[kept - 1], &n->routes[i]) != 0)
			n->routes[kept++] = n->routes[i];
	n->n_routes = kept;
}

static void random_record(struct tables_network *n, uint32_t id, const struct world *w)
{
	uint64_t s = w->drawn[id - 1];

	n->id = id;
	n->kind = random_kinds[id - 1];
	snprintf(n->name, sizeof n->name, "r%u", id);
	if (n->kind != ROUTER_HUB) {
		n->has_uplink = below(&s, 2);
		*ADD(n->spaces, n->n_spaces) = prefix_make(v4_of(0x0a000000 | id << 16), 16);
		*ADD(n->spaces, n->n_spaces) = prefix_make(v6_of(id, 0), 64);
		for (uint32_t i = 0; i < (n->kind == ROUTER_SITE ? 1 : 1 + below(&s, 3)); i++)
			random_subnet(n, i, &s);
		random_groups(n, &s);
		if (n->kind == ROUTER_SITE)
			n->n_groups = 0;
		random_hosts(n, &s);
		random_routes(n, &s);
		for (uint32_t i = below(&s, 3); i > 0; i--) {
			struct tables_network_endpoint *ep = ADD(n->endpoints, n->n_endpoints);

			ep->addr = v4_of((uint32_t)n->subnets[0].ranges[0].addr.lo + 100 + i);
			ep->port = 443;
		}
		if (below(&s, 3))
			resolvers_add(n, below(&s, 2));
	}
	random_links(n, w);
	routes_unique(n);
}

void records_random(uint64_t seed, unsigned int steps, struct records *ret_records)
{
	struct world w = {0};
	uint64_t s = seed;

	*ret_records = (struct records){0};
	for (uint32_t i = 0; i < RANDOM_ROUTERS; i++)
		w.drawn[i] = draw(&s) | 1;
	w.joined = (uint32_t)draw(&s);
	for (unsigned int i = 0; i < steps; i++) {
		if (below(&s, 4) == 0)
			w.joined ^= 1u << below(&s, 32);
		else
			w.drawn[below(&s, RANDOM_ROUTERS)] = below(&s, 5) ? draw(&s) | 1 : 0;
	}
	for (uint32_t id = 1; id <= RANDOM_ROUTERS; id++)
		if (w.drawn[id - 1])
			random_record(ADD(ret_records->n, ret_records->count), id, &w);
}

/* --- many ------------------------------------------------------------------------------------------------- */

static void many_groups(struct tables_network *n, uint16_t port)
{
	struct tables_group *g = ADD(n->groups, n->n_groups);

	g->id = n->id;
	g->egress_open = true;
	for (uint16_t i = 0; i < 3; i++) {
		struct tables_rule *r = ADD(n->rules, n->n_rules);

		r->is_ingress = true;
		r->protocol = PROTOCOL_TCP;
		r->port_first = r->port_last = i ? (uint16_t)(8000 + i) : port;
		r->first_prefix = n->n_prefixes;
		*ADD(n->prefixes, n->n_prefixes) = prefix_of("10.0.0.0/8");
		*ADD(n->prefixes, n->n_prefixes) = prefix_of("192.0.2.0/24");
		r->n_prefixes = 2;
	}
	g->n_rules = 3;
}

void records_many(size_t count, unsigned int hosts, uint16_t group_port,
		  struct records *ret_records)
{
	*ret_records = (struct records){0};
	for (size_t i = 0; i < count; i++) {
		struct tables_network *n = ADD(ret_records->n, ret_records->count);
		uint64_t s = 2 * i + 2;
		struct tables_route *r;
		struct tables_nat *t;
		struct tables_network_endpoint *ep;

		n->id = (uint32_t)i + 1;
		n->has_uplink = true;
		snprintf(n->name, sizeof n->name, "many%zu", i);
		*ADD(n->spaces, n->n_spaces) = prefix_of("10.0.0.0/16");
		random_subnet(n, 0, &s);
		n->subnets[0].ranges[0] = prefix_of("10.0.0.0/24");
		n->subnets[0].gateway[0] = v4_of(0x0a000001);
		n->subnets[0].table = n->id;
		many_groups(n, i == 0 ? group_port : 443);
		for (unsigned int h = 0; h < hosts; h++) {
			struct tables_host *host = ADD(n->hosts, n->n_hosts);

			host->id = 1000000 + (uint32_t)i * 1000 + h;
			host->addresses[0] = v4_of(0x0a000010 + h);
			host->first_group = n->n_host_groups;
			*ADD(n->host_groups, n->n_host_groups) = 0;
			host->n_groups = 1;
			snprintf(host->name, sizeof host->name, "many%zu-%u", i, h);
		}
		r = ADD(n->routes, n->n_routes);
		r->table = n->id;
		r->kind = ROUTE_UPLINK;
		r->to = prefix_of("0.0.0.0/0");
		t = ADD(n->nats, n->n_nats);
		t->table = n->id;
		t->to = r->to;
		t->address[0] = v4_of(0xc6120000 + (uint32_t)i);
		ep = ADD(n->endpoints, n->n_endpoints);
		ep->addr = v4_of(0x0a000064);
		ep->port = 443;
		resolvers_add(n, false);
	}
}
