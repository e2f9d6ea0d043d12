/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Security groups: a rule that names groups is a rule about the addresses of those who have them.
 */
#include "compile/router_int.h"

#include <string.h>

static int addrs_add(struct prefix_set *set, const struct addr addrs[FAMILIES])
{
	int r = 0;

	for (int f = 0; f < FAMILIES && r == 0; f++) {
		const struct prefix p = prefix_of_addr(&addrs[f]);

		if (addrs[f].family != ADDR_NONE)
			r = prefix_set_add(set, &p);
	}
	return r;
}

static bool has_group(struct object *const *groups, size_t n, const struct object *group)
{
	for (size_t i = 0; i < n; i++) {
		if (groups[i] == group)
			return true;
	}
	return false;
}

static int cluster_add(const struct cluster_net *c, const struct object *group,
		       struct prefix_set *set)
{
	int r = 0;

	if (!c->private_enabled || !has_group(c->rules.groups, c->rules.n_groups, group))
		return 0;
	for (size_t i = 0; i < c->n_placements && r == 0; i++)
		r = addrs_add(set, c->placements[i].addresses);
	return r;
}

/* Who names a group in a rule is among its referrers, too, and has none of its addresses. */
static int member_add(const struct object *o, const struct object *group, struct prefix_set *set)
{
	const struct private_endpoint *ep;
	const struct host *h;

	switch (o->kind) {
	case OBJECT_HOST:
		h = object_host(o);
		return has_group(h->groups, h->n_groups, group) ? addrs_add(set, h->addresses) : 0;
	case OBJECT_PRIVATE_ENDPOINT:
		ep = object_private_endpoint(o);
		return ep->state == ENDPOINT_APPROVED && ep->cluster->body &&
				       has_group(ep->rules.groups, ep->rules.n_groups, group)
			       ? addrs_add(set, ep->addresses)
			       : 0;
	case OBJECT_CLUSTER:
		return cluster_add(object_cluster_net(o), group, set);
	default:
		return 0;
	}
}

int group_rule_prefixes(const struct group_rule *rule, struct prefix_set *ret_set)
{
	int r = 0;

	for (size_t i = 0; i < rule->n_ranges && r == 0; i++)
		r = prefix_set_add(ret_set, &rule->ranges[i]);
	for (size_t i = 0; i < rule->n_groups; i++) {
		const struct object *group = rule->groups[i];

		for (size_t k = 0; k < group->n_referrers && r == 0; k++)
			r = member_add(group->referrers[k], group, ret_set);
	}
	prefix_set_settle(ret_set);
	return r;
}

/* A rule about nobody is left out. */
static int rule_compile(struct tables_network *n, const struct group_rule *rule, bool is_ingress)
{
	struct tables_rule out = {.is_ingress = is_ingress,
				  .protocol = (uint8_t)rule->protocol,
				  .port_first = rule->port_first,
				  .port_last = rule->port_last,
				  .first_prefix = n->n_prefixes};
	struct prefix_set set = {0};
	int r = group_rule_prefixes(rule, &set);

	for (size_t i = 0; i < set.n && r == 0; i++)
		r = vec_push(n->prefixes, n->n_prefixes, set.items[i]);
	out.n_prefixes = n->n_prefixes - out.first_prefix;
	if (r == 0 && out.n_prefixes > 0)
		r = vec_push(n->rules, n->n_rules, out);
	prefix_set_done(&set);
	return r;
}

static int group_compile(struct tables_network *n, const struct object *o)
{
	const struct security_group *g = object_security_group(o);
	struct tables_group out = {
		.id = o->id, .first_rule = n->n_rules, .egress_open = g->egress_open};
	int r = 0;

	memcpy(out.name, o->name, strnlen(o->name, sizeof(out.name) - 1));
	for (size_t i = 0; i < g->n_ingress && r == 0; i++)
		r = rule_compile(n, &g->ingress[i], true);
	for (size_t i = 0; i < g->n_egress && r == 0; i++)
		r = rule_compile(n, &g->egress[i], false);
	out.n_rules = n->n_rules - out.first_rule;
	return r < 0 ? r : vec_push(n->groups, n->n_groups, out);
}

int groups_compile(struct tables_network *n, const struct object_list *groups)
{
	int r = 0;

	for (uint32_t i = 0; i < groups->n && r == 0; i++)
		r = group_compile(n, groups->items[i]);
	return r;
}
