/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Random routers for the tests of the tables: every array filled, every index good. network_free() ends one.
 */
#pragma once

#include "tables_rig.h"

static inline struct addr make_addr(bool v6)
{
	struct addr a = addr_v4(0x0a000000u | (uint32_t)below(1 << 24));

	if (v6)
		a = (struct addr){
			.hi = 0xfd00000000000000u | rnd() >> 8, .lo = rnd(), .family = ADDR_V6};
	return a;
}

static inline struct prefix make_prefix(bool v6)
{
	struct prefix p = {.len = (uint8_t)(v6 ? below(129) : below(33))};

	p.addr = make_addr(v6);
	if (!v6)
		p.addr.lo &= ~((1ull << (32 - p.len)) - 1) & UINT32_MAX;
	else if (p.len <= 64)
		p.addr.lo = 0;
	else if (p.len < 128)
		p.addr.lo &= ~((1ull << (128 - p.len)) - 1);
	if (v6 && p.len < 64)
		p.addr.hi = p.len ? p.addr.hi & ~((1ull << (64 - p.len)) - 1) : 0;
	return p;
}

static inline void make_pair(struct addr pair[TABLES_FAMILIES])
{
	for (int f = 0; f < TABLES_FAMILIES; f++) {
		if (below(3))
			pair[f] = make_addr(f == 1);
	}
}

static inline void make_host(struct tables_network *n, uint32_t i)
{
	struct tables_host *h = &n->hosts[i];

	h->id = 100 + 2 * i;
	h->subnet = (uint32_t)below(n->n_subnets);
	make_pair(h->addresses);
	make_pair(h->public);
	h->first_group = (uint32_t)below(n->n_host_groups + 1);
	h->n_groups = (uint32_t)below(n->n_host_groups - h->first_group + 1);
	h->attach = (uint8_t)below(3);
	snprintf(h->name, sizeof(h->name), "h%u", i);
	if (h->attach)
		snprintf(h->attach_name, sizeof(h->attach_name), "theirs-%zu", below(9));
}

static inline void make_items(struct tables_network *n)
{
	for (uint32_t i = 0; i < n->n_spaces; i++)
		n->spaces[i] = make_prefix(below(2));
	for (uint32_t i = 0; i < n->n_subnets; i++) {
		n->subnets[i].id = 10 + i;
		n->subnets[i].table = (uint32_t)below(9);
		n->subnets[i].ranges[0] = make_prefix(false);
		n->subnets[i].ranges[1] = make_prefix(true);
		make_pair(n->subnets[i].gateway);
	}
	for (uint32_t i = 0; i < n->n_links; i++) {
		n->links[i] = (struct tables_link){.peer = 3 * i + (uint32_t)below(3),
						   .peer_kind = (uint8_t)below(3),
						   .kind = (uint8_t)below(3),
						   .peer_name = "peer"};
	}
	for (uint32_t i = 0; i < n->n_routes; i++) {
		n->routes[i].kind = (uint8_t)below(3);
		n->routes[i].table = (uint32_t)below(9);
		n->routes[i].to = make_prefix(below(2));
		if (n->routes[i].kind == ROUTE_LINK)
			n->routes[i].target = (uint32_t)below(n->n_links);
	}
	for (uint32_t i = 0; i < n->n_nats; i++) {
		n->nats[i].table = (uint32_t)below(9);
		n->nats[i].to = make_prefix(below(2));
		make_pair(n->nats[i].address);
	}
	for (uint32_t i = 0; i < n->n_hosts; i++)
		make_host(n, i);
	for (uint32_t i = 0; i < n->n_host_groups; i++)
		n->host_groups[i] = (uint32_t)below(n->n_groups);
	for (uint32_t i = 0; i < n->n_groups; i++) {
		n->groups[i].id = 50 + i;
		n->groups[i].first_rule = (uint32_t)below(n->n_rules + 1);
		n->groups[i].n_rules = (uint32_t)below(n->n_rules - n->groups[i].first_rule + 1);
		n->groups[i].egress_open = below(2);
		snprintf(n->groups[i].name, sizeof(n->groups[i].name), "g%u", i);
	}
	for (uint32_t i = 0; i < n->n_rules; i++) {
		struct tables_rule *r = &n->rules[i];

		r->is_ingress = below(2);
		r->protocol = (uint8_t)below(4);
		r->port_first = (uint16_t)below(1000);
		r->port_last = (uint16_t)(r->port_first + below(60000));
		r->first_prefix = (uint32_t)below(n->n_prefixes + 1);
		r->n_prefixes = (uint32_t)below(n->n_prefixes - r->first_prefix + 1);
	}
	for (uint32_t i = 0; i < n->n_prefixes; i++)
		n->prefixes[i] = make_prefix(below(2));
	for (uint32_t i = 0; i < n->n_endpoints; i++) {
		n->endpoints[i].addr = addr_v4(0x0a000000u + 7 * i);
		n->endpoints[i].port = (uint16_t)(1 + below(65535));
	}
	for (uint32_t i = 0; i < n->n_resolvers; i++)
		n->resolvers[i] = (struct tables_resolver){.addr = addr_v4(0x0a000000u + 5 * i),
							   .asks = below(2)};
}

static inline struct tables_network make_network(uint32_t id, size_t size)
{
	struct tables_network n = {.id = id,
				   .generation = 1 + below(1000),
				   .kind = (uint8_t)below(3),
				   .has_uplink = below(2)};

	snprintf(n.name, sizeof(n.name), "net-%u", id);
#define FILL(array, least)                                 \
	n.n_##array = (uint32_t)(least + below(size + 1)); \
	n.array = calloc(n.n_##array + 1, sizeof(*n.array));
	FILL(spaces, 0)
	FILL(subnets, 1)
	FILL(links, 1)
	FILL(routes, 0)
	FILL(nats, 0)
	FILL(hosts, 0)
	FILL(host_groups, 0)
	FILL(groups, 1)
	FILL(rules, 0)
	FILL(prefixes, 0)
	FILL(endpoints, 0)
	FILL(resolvers, 0)
#undef FILL
	make_items(&n);
	return n;
}

static inline void network_free(struct tables_network *n)
{
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

/* Member by member: what the records do not carry is padding. */
static inline void same_network(const struct tables_network *a, const struct tables_network *b)
{
	assert_int_equal(a->id, b->id);
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->has_uplink, b->has_uplink);
	assert_string_equal(a->name, b->name);
#define SAME(array)                                   \
	assert_int_equal(a->n_##array, b->n_##array); \
	for (uint32_t i = 0; i < a->n_##array; i++)   \
		assert_memory_equal(&a->array[i], &b->array[i], sizeof(a->array[i]));
	SAME(spaces)
	SAME(subnets)
	SAME(links)
	SAME(routes)
	SAME(nats)
	SAME(hosts)
	SAME(host_groups)
	SAME(groups)
	SAME(rules)
	SAME(prefixes)
	SAME(endpoints)
	SAME(resolvers)
#undef SAME
}
