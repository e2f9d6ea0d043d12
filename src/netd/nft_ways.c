/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The ways to the internet: NAT gateways and public addresses of hosts, table by table.
 */
#include "netd/nft_text_int.h"

#include <stdio.h>
#include <stdlib.h>

/* Hosts that have a public address of their own: as a set, and as maps of both directions. */
static void maps_one_to_one(const struct tables_network *n, struct text *t, uint8_t family)
{
	static const struct {
		const char *what, *name;
	} kinds[] = {{"set", "own_public"}, {"map", "public_in"}, {"map", "public_out"}};
	char type[64], text[ADDR_TEXT_MAX];

	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		struct nft_elements e;

		if (k == 0)
			snprintf(type, sizeof type, "%s", nft_type(family));
		else
			snprintf(type, sizeof type, "%s : %s", nft_type(family), nft_type(family));
		e = nft_elements_begin(t, kinds[k].what, kinds[k].name, family, type, "");
		for (uint32_t i = 0; i < n->n_hosts; i++)
			for (int f = 0; f < TABLES_FAMILIES; f++) {
				const struct addr *own = &n->hosts[i].addresses[f];
				const struct addr *public = &n->hosts[i].public[f];

				if (public->family != family || own->family != family)
					continue;
				nft_element_addr(&e, k == 1 ? public : own);
				if (k > 0)
					text_add(t, " : %s",
						 addr_format(k == 1 ? own : public, text));
			}
		nft_elements_end(&e);
	}
}

/* What a table says of a destination on the internet: by a NAT, or by the host's own public address. */
struct way {
	struct prefix to;
	const struct tables_nat *nat; /* NULL: own public address only */
};

/* Longest prefix first; of equal ones the NAT. */
static int way_by(const void *a, const void *b)
{
	const struct way *x = a, *y = b;
	int c = (x->to.len < y->to.len) - (x->to.len > y->to.len);

	if (!c)
		c = prefix_cmp(&x->to, &y->to);
	return c ? c : !x->nat - !y->nat;
}

static struct way *ways_of(const struct tables_network *n, uint32_t table, size_t *ret_n)
{
	struct way *ways = calloc((size_t)n->n_nats + n->n_routes + 1, sizeof *ways);
	size_t n_ways = 0;

	if (!ways)
		return NULL;
	for (uint32_t i = 0; i < n->n_nats; i++)
		if (n->nats[i].table == table)
			ways[n_ways++] = (struct way){n->nats[i].to, &n->nats[i]};
	for (uint32_t i = 0; i < n->n_routes; i++)
		if (n->routes[i].table == table && n->routes[i].kind == ROUTE_UPLINK)
			ways[n_ways++] = (struct way){n->routes[i].to, NULL};
	qsort(ways, n_ways, sizeof *ways, way_by);
	*ret_n = n_ways;
	return ways;
}

/* "ip daddr 10.0.0.0/8", in the words of its family. */
static void match_prefix(struct text *t, const char *side, const struct prefix *p)
{
	char text[PREFIX_TEXT_MAX];

	if (p->len == 0)
		text_add(t, "meta nfproto %s ", p->addr.family == ADDR_V6 ? "ipv6" : "ipv4");
	else
		text_add(t, "%s %s %s ", nft_ip(p->addr.family), side, prefix_format(p, text));
}

static const struct addr *way_address(const struct way *w)
{
	const struct addr *a = w->nat ? &w->nat->address[w->to.addr.family == ADDR_V6] : NULL;

	return a && a->family == w->to.addr.family ? a : NULL;
}

/* Return if a source may leave at all; the ruleset goes on with its groups. */
static void way_allow(struct text *t, const struct way *w)
{
	uint8_t family = w->to.addr.family;

	if (!w->nat) {
		match_prefix(t, "daddr", &w->to);
		text_add(t, "%s saddr @own_public%u return\n", nft_ip(family), family);
	}
	match_prefix(t, "daddr", &w->to);
	text_add(t, "%s\n", way_address(w) ? "return" : "goto refuse");
}

static void way_translate(struct text *t, const struct way *w)
{
	uint8_t family = w->to.addr.family;
	const struct addr *a = way_address(w);
	char text[ADDR_TEXT_MAX];

	match_prefix(t, "daddr", &w->to);
	if (a)
		text_add(t, "snat %s to %s\n", nft_ip(family), addr_format(a, text));
	else if (w->nat)
		text_add(t, "drop\n");
	else
		text_add(t, "snat %s to %s saddr map @public_out%u\n", nft_ip(family),
			 nft_ip(family), family);
}

static int route_by(const void *a, const void *b)
{
	const struct tables_route *const *x = a, *const *y = b;
	int c = ((*x)->to.len < (*y)->to.len) - ((*x)->to.len > (*y)->to.len);

	return c ? c : prefix_cmp(&(*x)->to, &(*y)->to);
}

/* From the internet comes only what an answer would go to by it: nobody there is of a network that is reached by a link. */
static void table_enter(const struct tables_network *n, struct text *t, uint32_t table)
{
	const struct tables_route **routes =
		calloc((size_t)n->n_routes + 1, sizeof(struct tables_route *));
	size_t n_routes = 0;

	if (!routes) {
		t->failed = true;
		return;
	}
	for (uint32_t i = 0; i < n->n_routes; i++)
		if (n->routes[i].table == table)
			routes[n_routes++] = &n->routes[i];
	qsort(routes, n_routes, sizeof(struct tables_route *), route_by);
	text_add(t, "chain enter_%u {\n", table);
	for (size_t i = 0; i < n_routes; i++) {
		match_prefix(t, "saddr", &routes[i]->to);
		text_add(t, "%s\n", routes[i]->kind == ROUTE_UPLINK ? "return" : "goto refuse");
	}
	text_add(t, "goto refuse\n}\n");
	free(routes);
}

static void table_ways(const struct tables_network *n, struct text *t, uint32_t table)
{
	size_t n_ways = 0;
	struct way *ways = ways_of(n, table, &n_ways);

	if (!ways) {
		t->failed = true;
		return;
	}
	table_enter(n, t, table);
	text_add(t, "chain leave_%u {\n", table);
	for (size_t i = 0; i < n_ways; i++)
		way_allow(t, &ways[i]);
	text_add(t, "goto refuse\n}\nchain nat_%u {\n", table);
	for (size_t i = 0; i < n_ways; i++)
		way_translate(t, &ways[i]);
	text_add(t, "}\n");
	free(ways);
}

static bool table_is_first(const struct tables_network *n, uint32_t subnet)
{
	for (uint32_t i = 0; i < subnet; i++)
		if (n->subnets[i].table == n->subnets[subnet].table)
			return false;
	return true;
}

static void maps_of_tables(const struct tables_network *n, struct text *t, const char *name,
			   const char *chain, uint8_t family)
{
	char type[64], text[PREFIX_TEXT_MAX];
	struct nft_elements e;

	snprintf(type, sizeof type, "%s : verdict", nft_type(family));
	e = nft_elements_begin(t, "map", name, family, type, "flags interval\n");
	for (uint32_t i = 0; i < n->n_subnets; i++)
		for (int f = 0; f < TABLES_FAMILIES; f++)
			if (n->subnets[i].ranges[f].addr.family == family) {
				nft_element_begin(&e);
				text_add(t, "%s : jump %s_%u",
					 prefix_format(&n->subnets[i].ranges[f], text), chain,
					 n->subnets[i].table);
			}
	nft_elements_end(&e);
}

void nft_ways(const struct tables_network *n, struct text *t)
{
	for (uint32_t i = 0; i < n->n_subnets; i++)
		if (table_is_first(n, i))
			table_ways(n, t, n->subnets[i].table);
	for (size_t f = 0; f < ARRAY_SIZE(nft_families); f++) {
		maps_of_tables(n, t, "enter", "enter", nft_families[f]);
		maps_of_tables(n, t, "leave", "leave", nft_families[f]);
		maps_of_tables(n, t, "nat", "nat", nft_families[f]);
		maps_one_to_one(n, t, nft_families[f]);
	}
}
