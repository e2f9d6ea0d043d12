/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "netd/nft_text.h"

#include "model/net.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define COMMENT "postern "
#define ND	"icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255"

static const uint8_t families[] = {ADDR_V4, ADDR_V6};

static const char *ip(uint8_t family)
{
	return family == ADDR_V6 ? "ip6" : "ip";
}

static const char *type_of(uint8_t family)
{
	return family == ADDR_V6 ? "ipv6_addr" : "ipv4_addr";
}

/* --- sets ------------------------------------------------------------------------------------------------- */

/* A set or map, its elements being added: the first needs other words before it than the next. */
struct elements {
	struct text *t;
	size_t n;
};

static struct elements elements_begin(struct text *t, const char *what, const char *name,
				      uint8_t family, const char *type, const char *flags)
{
	text_add(t, "%s %s%u {\ntype %s\n%s", what, name, family, type, flags);
	return (struct elements){t, 0};
}

static void element_begin(struct elements *e)
{
	text_add(e->t, "%s", e->n++ ? ",\n" : "elements = {\n");
}

static void elements_end(struct elements *e)
{
	text_add(e->t, "%s}\n", e->n ? "\n}\n" : "");
}

static void element_addr(struct elements *e, const struct addr *a)
{
	char text[ADDR_TEXT_MAX];

	element_begin(e);
	text_add(e->t, "%s", addr_format(a, text));
}

static int prefix_by(const void *a, const void *b)
{
	return prefix_cmp(a, b);
}

/*
 * The prefixes of one family, sorted, none within another (an interval set takes no overlaps). The caller's; NULL if there is
 * no memory.
 */
static struct prefix *prefixes_disjoint(const struct prefix *p, size_t n, uint8_t family,
					size_t *ret_n)
{
	struct prefix *sorted = calloc(n + 1, sizeof *sorted);
	size_t n_sorted = 0, kept = 0;

	if (!sorted)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (p[i].addr.family == family)
			sorted[n_sorted++] = p[i];
	qsort(sorted, n_sorted, sizeof *sorted, prefix_by);
	for (size_t i = 0; i < n_sorted; i++)
		if (!kept || !prefix_contains(&sorted[kept - 1], &sorted[i].addr))
			sorted[kept++] = sorted[i];
	*ret_n = kept;
	return sorted;
}

static void set_of_prefixes(struct text *t, const char *name, uint8_t family,
			    const struct prefix *p, size_t n)
{
	struct elements e;
	char text[PREFIX_TEXT_MAX];

	e = elements_begin(t, "set", name, family, type_of(family), "flags interval\n");
	for (size_t i = 0; i < n; i++) {
		element_begin(&e);
		text_add(t, "%s", prefix_format(&p[i], text));
	}
	elements_end(&e);
}

static void set_spaces(const struct tables_network *n, struct text *t, uint8_t family)
{
	size_t n_spaces = 0;
	struct prefix *spaces = prefixes_disjoint(n->spaces, n->n_spaces, family, &n_spaces);

	if (spaces)
		set_of_prefixes(t, "spaces", family, spaces, n_spaces);
	else
		t->failed = true;
	free(spaces);
}

/* Which addresses a host may send from. */
static void set_members(const struct tables_network *n, struct text *t, uint8_t family)
{
	struct elements e;
	char text[ADDR_TEXT_MAX];

	text_add(t, "set members%u {\ntype ifname . %s\n", family, type_of(family));
	e = (struct elements){t, 0};
	for (uint32_t i = 0; i < n->n_hosts; i++)
		for (int f = 0; f < TABLES_FAMILIES; f++)
			if (n->hosts[i].addresses[f].family == family) {
				element_begin(&e);
				text_add(t, "\"h-%u\" . %s", n->hosts[i].id,
					 addr_format(&n->hosts[i].addresses[f], text));
			}
	elements_end(&e);
}

static void set_endpoints(const struct tables_network *n, struct text *t, uint8_t family)
{
	struct elements e;
	char text[ADDR_TEXT_MAX];

	text_add(t, "set endpoints%u {\ntype %s . inet_service\n", family, type_of(family));
	e = (struct elements){t, 0};
	for (uint32_t i = 0; i < n->n_endpoints; i++)
		if (n->endpoints[i].addr.family == family) {
			element_begin(&e);
			text_add(t, "%s . %u", addr_format(&n->endpoints[i].addr, text),
				 n->endpoints[i].port);
		}
	elements_end(&e);
}

static int addr_by(const void *a, const void *b)
{
	return addr_cmp(a, b);
}

/* Every public address of the router, each once: hosts' own and those of NAT gateways. */
static void set_public(const struct tables_network *n, struct text *t, uint8_t family)
{
	size_t n_all = 0, most = ((size_t)n->n_hosts + n->n_nats) * TABLES_FAMILIES;
	struct addr *all = calloc(most + 1, sizeof *all);
	struct elements e;

	if (!all) {
		t->failed = true;
		return;
	}
	for (int f = 0; f < TABLES_FAMILIES; f++) {
		for (uint32_t i = 0; i < n->n_hosts; i++)
			if (n->hosts[i].public[f].family == family)
				all[n_all++] = n->hosts[i].public[f];
		for (uint32_t i = 0; i < n->n_nats; i++)
			if (n->nats[i].address[f].family == family)
				all[n_all++] = n->nats[i].address[f];
	}
	qsort(all, n_all, sizeof *all, addr_by);
	e = elements_begin(t, "set", "public", family, type_of(family), "");
	for (size_t i = 0; i < n_all; i++)
		if (i == 0 || !addr_is_equal(&all[i - 1], &all[i]))
			element_addr(&e, &all[i]);
	elements_end(&e);
	free(all);
}

/* Hosts that have a public address of their own: as a set, and as maps of both directions. */
static void maps_one_to_one(const struct tables_network *n, struct text *t, uint8_t family)
{
	static const struct {
		const char *what, *name;
	} kinds[] = {{"set", "own_public"}, {"map", "public_in"}, {"map", "public_out"}};
	char type[64], text[ADDR_TEXT_MAX];

	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		struct elements e;

		if (k == 0)
			snprintf(type, sizeof type, "%s", type_of(family));
		else
			snprintf(type, sizeof type, "%s : %s", type_of(family), type_of(family));
		e = elements_begin(t, kinds[k].what, kinds[k].name, family, type, "");
		for (uint32_t i = 0; i < n->n_hosts; i++)
			for (int f = 0; f < TABLES_FAMILIES; f++) {
				const struct addr *own = &n->hosts[i].addresses[f];
				const struct addr *public = &n->hosts[i].public[f];

				if (public->family != family || own->family != family)
					continue;
				element_addr(&e, k == 1 ? public : own);
				if (k > 0)
					text_add(t, " : %s",
						 addr_format(k == 1 ? own : public, text));
			}
		elements_end(&e);
	}
}

/* --- the way to the internet, table by table -------------------------------------------------------------- */

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
		text_add(t, "%s %s %s ", ip(p->addr.family), side, prefix_format(p, text));
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
		text_add(t, "%s saddr @own_public%u return\n", ip(family), family);
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
		text_add(t, "snat %s to %s\n", ip(family), addr_format(a, text));
	else if (w->nat)
		text_add(t, "drop\n");
	else
		text_add(t, "snat %s to %s saddr map @public_out%u\n", ip(family), ip(family),
			 family);
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
	struct elements e;

	snprintf(type, sizeof type, "%s : verdict", type_of(family));
	e = elements_begin(t, "map", name, family, type, "flags interval\n");
	for (uint32_t i = 0; i < n->n_subnets; i++)
		for (int f = 0; f < TABLES_FAMILIES; f++)
			if (n->subnets[i].ranges[f].addr.family == family) {
				element_begin(&e);
				text_add(t, "%s : jump %s_%u",
					 prefix_format(&n->subnets[i].ranges[f], text), chain,
					 n->subnets[i].table);
			}
	elements_end(&e);
}

static void internet_ways(const struct tables_network *n, struct text *t)
{
	for (uint32_t i = 0; i < n->n_subnets; i++)
		if (table_is_first(n, i))
			table_ways(n, t, n->subnets[i].table);
	for (size_t f = 0; f < ARRAY_SIZE(families); f++) {
		maps_of_tables(n, t, "enter", "enter", families[f]);
		maps_of_tables(n, t, "leave", "leave", families[f]);
		maps_of_tables(n, t, "nat", "nat", families[f]);
		maps_one_to_one(n, t, families[f]);
	}
}

/* --- security groups -------------------------------------------------------------------------------------- */

/* The set of a rule's other end; one that is everyone needs none. */
static bool is_everyone(const struct prefix *p, size_t n)
{
	return n == 1 && p->len == 0;
}

static void rule_ports(struct text *t, const struct tables_rule *r, uint8_t family)
{
	const char *name = r->protocol == PROTOCOL_TCP ? "tcp" : "udp";

	if (r->protocol == PROTOCOL_ICMP)
		text_add(t, "meta l4proto %s ", family == ADDR_V6 ? "ipv6-icmp" : "icmp");
	else if (r->protocol == PROTOCOL_ANY)
		return;
	else if (r->port_first == 0 && r->port_last == UINT16_MAX)
		text_add(t, "meta l4proto %s ", name);
	else if (r->port_first == r->port_last)
		text_add(t, "%s dport %u ", name, r->port_first);
	else
		text_add(t, "%s dport %u-%u ", name, r->port_first, r->port_last);
}

/* Which rules have which set is known by the rule's number, so that several chains can use one set. */
static void rule_sets(const struct tables_network *n, struct text *t, uint32_t rule)
{
	const struct tables_rule *r = &n->rules[rule];

	for (size_t f = 0; f < ARRAY_SIZE(families); f++) {
		char name[24];
		size_t n_prefixes = 0;
		struct prefix *p = prefixes_disjoint(n->prefixes + r->first_prefix, r->n_prefixes,
						     families[f], &n_prefixes);

		if (!p) {
			t->failed = true;
			return;
		}
		snprintf(name, sizeof name, "rule%u_", rule);
		if (n_prefixes && !is_everyone(p, n_prefixes))
			set_of_prefixes(t, name, families[f], p, n_prefixes);
		free(p);
	}
}

static void rule_line(const struct tables_network *n, struct text *t, uint32_t rule, uint8_t family)
{
	const struct tables_rule *r = &n->rules[rule];
	const struct prefix *p = n->prefixes + r->first_prefix;
	bool any = false, all = false;

	for (uint32_t i = 0; i < r->n_prefixes; i++) {
		any = any || p[i].addr.family == family;
		all = all || (p[i].addr.family == family && p[i].len == 0);
	}
	if (!any)
		return;
	if (all)
		text_add(t, "meta nfproto %s ", family == ADDR_V6 ? "ipv6" : "ipv4");
	else
		text_add(t, "%s %s @rule%u_%u ", ip(family), r->is_ingress ? "saddr" : "daddr",
			 rule, family);
	rule_ports(t, r, family);
	text_add(t, "return\n");
}

/* Returns where a rule allows the packet, else refuses. */
static void groups_chain(const struct tables_network *n, struct text *t, const uint32_t *groups,
			 uint32_t n_groups, bool is_ingress, uint32_t number)
{
	text_add(t, "chain %s_%u {\n", is_ingress ? "in" : "out", number);
	for (uint32_t g = 0; g < n_groups; g++) {
		const struct tables_group *group = &n->groups[groups[g]];

		if (!is_ingress && group->egress_open) {
			text_add(t, "return\n");
			break;
		}
		for (uint32_t i = group->first_rule; i < group->first_rule + group->n_rules; i++)
			if (n->rules[i].is_ingress == is_ingress)
				for (size_t f = 0; f < ARRAY_SIZE(families); f++)
					rule_line(n, t, i, families[f]);
	}
	text_add(t, "goto refuse\n}\n");
}

static const uint32_t *groups_of(const struct tables_network *n, const struct tables_host *h)
{
	return n->host_groups + h->first_group;
}

static int host_by_groups(const void *a, const void *b, void *arg)
{
	const struct tables_network *n = arg;
	const struct tables_host *x = &n->hosts[*(const uint32_t *)a];
	const struct tables_host *y = &n->hosts[*(const uint32_t *)b];

	if (x->n_groups != y->n_groups)
		return x->n_groups < y->n_groups ? -1 : 1;
	for (uint32_t i = 0; i < x->n_groups; i++)
		if (groups_of(n, x)[i] != groups_of(n, y)[i])
			return groups_of(n, x)[i] < groups_of(n, y)[i] ? -1 : 1;
	return 0;
}

/*
 * Hosts with the same groups share a chain. hosts gets the indexes of the hosts that have groups, those with the same ones side by side;
 * chains the number of each one's chain.
 */
static uint32_t hosts_grouped(const struct tables_network *n, uint32_t *hosts, uint32_t *chains)
{
	uint32_t n_hosts = 0, chain = 0;
	const void *record = n;

	for (uint32_t i = 0; i < n->n_hosts; i++)
		if (n->hosts[i].n_groups)
			hosts[n_hosts++] = i;
	qsort_r(hosts, n_hosts, sizeof *hosts, host_by_groups, (void *)(uintptr_t)record);
	for (uint32_t i = 0; i < n_hosts; i++) {
		if (i && host_by_groups(&hosts[i - 1], &hosts[i], (void *)(uintptr_t)record) != 0)
			chain++;
		chains[i] = chain;
	}
	return n_hosts;
}

static void groups_map(const struct tables_network *n, struct text *t, const uint32_t *hosts,
		       const uint32_t *chains, uint32_t n_hosts, bool is_ingress)
{
	struct elements e = {t, 0};

	text_add(t, "map %s {\ntype ifname : verdict\n", is_ingress ? "ingress_of" : "egress_of");
	for (uint32_t i = 0; i < n_hosts; i++) {
		element_begin(&e);
		text_add(t, "\"h-%u\" : jump %s_%u", n->hosts[hosts[i]].id,
			 is_ingress ? "in" : "out", chains[i]);
	}
	elements_end(&e);
}

static void security_groups(const struct tables_network *n, struct text *t)
{
	uint32_t *hosts = calloc((size_t)n->n_hosts + 1, sizeof *hosts);
	uint32_t *chains = calloc((size_t)n->n_hosts + 1, sizeof *chains);
	uint32_t n_hosts;

	if (!hosts || !chains) {
		t->failed = true;
		goto out;
	}
	for (uint32_t i = 0; i < n->n_rules; i++)
		rule_sets(n, t, i);
	n_hosts = hosts_grouped(n, hosts, chains);
	for (uint32_t i = 0; i < n_hosts; i++) {
		const struct tables_host *h = &n->hosts[hosts[i]];

		if (i && chains[i] == chains[i - 1])
			continue;
		groups_chain(n, t, groups_of(n, h), h->n_groups, true, chains[i]);
		groups_chain(n, t, groups_of(n, h), h->n_groups, false, chains[i]);
	}
	groups_map(n, t, hosts, chains, n_hosts, true);
	groups_map(n, t, hosts, chains, n_hosts, false);
out:
	free(hosts);
	free(chains);
}

/* --- chains ----------------------------------------------------------------------------------------------- */

/* Also of the internet's side. */
static const char refuse_chains[] = "chain refuse {\n"
				    "meta l4proto tcp reject with tcp reset\n"
				    "reject with icmpx admin-prohibited\n"
				    "}\n"
				    "chain settled {\n"
				    "ct direction reply ct state established,related accept\n"
				    "ct state related meta l4proto { icmp, ipv6-icmp } accept\n"
				    "tcp flags & rst == rst ct state established accept\n"
				    "}\n";

static const char hub_chains[] = "chain entering {\n"
				 "type filter hook input priority filter; policy drop;\n"
				 "meta l4proto { icmp, ipv6-icmp } accept\n"
				 "goto refuse\n"
				 "}\n"
				 "chain passing {\n"
				 "type filter hook forward priority filter; policy drop;\n"
				 "iifname \"to-*\" oifname \"to-*\" accept\n"
				 "goto refuse\n"
				 "}\n";

static const char router_chains[] =
	"chain guarding {\n"
	"type filter hook prerouting priority raw; policy accept;\n"
	"iifname \"h-*\" goto from_host\n"
	"iifname { \"up\", \"to-*\" } goto from_outside\n"
	"}\n"
	"chain from_host {\n" ND " accept\n"
	"iifname . ip saddr @members4 accept\n"
	"iifname . ip6 saddr @members6 accept\n"
	"drop\n"
	"}\n"
	"chain from_outside {\n" ND " accept\n"
	"ip saddr @spaces4 drop\n"
	"ip6 saddr @spaces6 drop\n"
	"ip6 saddr fe80::/10 drop\n"
	"}\n"
	"chain entering {\n"
	"type filter hook input priority filter; policy drop;\n"
	"iifname \"lo\" accept\n" ND " accept\n"
	"jump settled\n"
	"iifname vmap @egress_of\n"
	"meta l4proto { icmp, ipv6-icmp } accept\n"
	"iifname != \"up\" ip daddr . tcp dport @endpoints4 accept\n"
	"iifname != \"up\" ip6 daddr . tcp dport @endpoints6 accept\n"
	"goto refuse\n"
	"}\n"
	"chain passing {\n"
	"type filter hook forward priority filter; policy drop;\n"
	"icmpv6 type { 133-137 } drop\n"
	"jump settled\n"
	"iifname { \"up\", \"to-*\" } oifname != \"h-*\" goto refuse\n"
	"iifname \"up\" ct status & dnat == 0 goto refuse\n"
	"iifname \"up\" ip daddr vmap @enter4\n"
	"iifname \"up\" ip6 daddr vmap @enter6\n"
	"oifname \"up\" ip saddr vmap @leave4\n"
	"oifname \"up\" ip6 saddr vmap @leave6\n"
	"iifname vmap @egress_of\n"
	"oifname vmap @ingress_of\n"
	"accept\n"
	"}\n"
	"chain arriving {\n"
	"type nat hook prerouting priority dstnat; policy accept;\n"
	"iifname \"up\" dnat ip to ip daddr map @public_in4\n"
	"iifname \"up\" dnat ip6 to ip6 daddr map @public_in6\n"
	"}\n"
	"chain leaving {\n"
	"type nat hook postrouting priority srcnat; policy accept;\n"
	"oifname \"up\" ip saddr vmap @nat4\n"
	"oifname \"up\" ip6 saddr vmap @nat6\n"
	"}\n"
	"chain parting {\n"
	"type filter hook postrouting priority srcnat + 10; policy accept;\n"
	"oifname \"up\" goto to_internet\n"
	"}\n"
	"chain to_internet {\n" ND " accept\n"
	"ip saddr @public4 accept\n"
	"ip6 saddr @public6 accept\n"
	"drop\n"
	"}\n";

void nft_text_router(const struct tables_network *n, struct text *t)
{
	text_add(t, "%s", refuse_chains);
	if (n->kind == ROUTER_HUB) {
		text_add(t, "%s", hub_chains);
		return;
	}
	for (size_t f = 0; f < ARRAY_SIZE(families); f++) {
		set_spaces(n, t, families[f]);
		set_members(n, t, families[f]);
		set_endpoints(n, t, families[f]);
		set_public(n, t, families[f]);
	}
	internet_ways(n, t);
	security_groups(n, t);
	text_add(t, "%s", router_chains);
}

/* --- the internet's side ---------------------------------------------------------------------------------- */

static bool is_wildcard(const struct plan_listener *l)
{
	return l->addr.hi == 0 && l->addr.lo == 0;
}

static void set_listeners(const struct plan_internet *in, struct text *t, uint8_t family)
{
	struct elements e;
	char text[ADDR_TEXT_MAX];

	text_add(t, "set listeners%u {\ntype %s . inet_service\n", family, type_of(family));
	e = (struct elements){t, 0};
	for (size_t i = 0; i < in->n_listeners; i++)
		if (in->listeners[i].addr.family == family && !is_wildcard(&in->listeners[i])) {
			element_begin(&e);
			text_add(t, "%s . %u", addr_format(&in->listeners[i].addr, text),
				 in->listeners[i].port);
		}
	elements_end(&e);
	e = elements_begin(t, "set", "ports", family, "inet_service", "");
	for (size_t i = 0; i < in->n_listeners; i++)
		if (in->listeners[i].addr.family == family && is_wildcard(&in->listeners[i])) {
			element_begin(&e);
			text_add(t, "%u", in->listeners[i].port);
		}
	elements_end(&e);
}

void nft_text_internet(const struct names *names, const struct plan_internet *i, struct text *t)
{
	text_add(t, "%s", refuse_chains);
	for (size_t f = 0; f < ARRAY_SIZE(families); f++)
		set_listeners(i, t, families[f]);
	text_add(t,
		 "chain entering {\n"
		 "type filter hook input priority filter; policy accept;\n"
		 "iifname \"%s*\" goto from_networks\n"
		 "}\n"
		 "chain from_networks {\n" ND " accept\n"
		 "jump settled\n"
		 "icmp type echo-request accept\n"
		 "icmpv6 type echo-request accept\n"
		 "ip daddr . tcp dport @listeners4 accept\n"
		 "ip6 daddr . tcp dport @listeners6 accept\n"
		 "meta nfproto ipv4 tcp dport @ports4 accept\n"
		 "meta nfproto ipv6 tcp dport @ports6 accept\n"
		 "goto refuse\n"
		 "}\n"
		 "chain passing {\n"
		 "type filter hook forward priority filter; policy accept;\n"
		 "iifname \"%s*\" goto from_networks_on\n"
		 "}\n"
		 "chain from_networks_on {\n"
		 "jump settled\n"
		 "ip daddr { 0.0.0.0/8, 10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16, "
		 "172.16.0.0/12, 192.168.0.0/16 } goto refuse\n"
		 "ip6 daddr { fc00::/7, fe80::/10 } goto refuse\n"
		 "}\n",
		 names->tag, names->tag);
}

/* --- the whole table -------------------------------------------------------------------------------------- */

uint64_t nft_text_digest(const struct text *inside)
{
	return inside->len ? XXH3_64bits(inside->s, inside->len) : 0;
}

void nft_text_replace(const struct names *names, const struct ns_state *want, struct text *t)
{
	text_add(t,
		 "add table inet %s\ndelete table inet %s\ntable inet %s {\ncomment \"" COMMENT
		 "%016" PRIx64 "\"\n",
		 names->prefix, names->prefix, names->prefix, want->nft_digest);
	text_put(t, want->nft.s ? want->nft.s : "", want->nft.len);
	text_add(t, "}\n");
}

void nft_text_remove(const struct names *names, struct text *t)
{
	text_add(t, "add table inet %s\ndelete table inet %s\n", names->prefix, names->prefix);
}

bool nft_text_read_comment(const char *comment, uint64_t *ret_digest)
{
	char *end;

	if (strncmp(comment, COMMENT, strlen(COMMENT)) != 0)
		return false;
	*ret_digest = strtoull(comment + strlen(COMMENT), &end, 16);
	return *end == '\0';
}
