/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Security groups: a chain for each list of groups that hosts have, and maps from the hosts' links to them.
 */
#include "netd/nft_text_int.h"

#include "model/net.h"

#include <stdio.h>
#include <stdlib.h>

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

	for (size_t f = 0; f < ARRAY_SIZE(nft_families); f++) {
		char name[24];
		size_t n_prefixes = 0;
		struct prefix *p = nft_prefixes_disjoint(
			n->prefixes + r->first_prefix, r->n_prefixes, nft_families[f], &n_prefixes);

		if (!p) {
			t->failed = true;
			return;
		}
		snprintf(name, sizeof name, "rule%u_", rule);
		if (n_prefixes && !is_everyone(p, n_prefixes))
			nft_set_of_prefixes(t, name, nft_families[f], p, n_prefixes);
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
		text_add(t, "%s %s @rule%u_%u ", nft_ip(family), r->is_ingress ? "saddr" : "daddr",
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
				for (size_t f = 0; f < ARRAY_SIZE(nft_families); f++)
					rule_line(n, t, i, nft_families[f]);
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
	struct nft_elements e = {t, 0};

	text_add(t, "map %s {\ntype ifname : verdict\n", is_ingress ? "ingress_of" : "egress_of");
	for (uint32_t i = 0; i < n_hosts; i++) {
		nft_element_begin(&e);
		text_add(t, "\"h-%u\" : jump %s_%u", n->hosts[hosts[i]].id,
			 is_ingress ? "in" : "out", chains[i]);
	}
	nft_elements_end(&e);
}

void nft_groups(const struct tables_network *n, struct text *t)
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
