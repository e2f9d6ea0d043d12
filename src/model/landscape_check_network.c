/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules of what is in a network: subnets, gateways, route tables, security groups, hosts. */
#include "model/landscape_int.h"

#include "model/limits.h"
#include "model/space.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- subnets ---------------------------------------------------------------------------------------------- */

struct owned_prefix {
	struct prefix prefix;
	const struct object *owner;
};

static int owned_cmp(const void *a, const void *b)
{
	const struct owned_prefix *x = a, *y = b;

	return prefix_cmp(&x->prefix, &y->prefix);
}

/* The subnets' ranges of one family pair that overlap; of the two the one that came last in the transaction is to blame. */
static int subnets_overlap(struct checking *c, const struct owned_prefix *a,
			   const struct owned_prefix *b)
{
	char text[PREFIX_TEXT_MAX], other[PREFIX_TEXT_MAX];

	if (node_of(a->owner)->change > node_of(b->owner)->change) {
		const struct owned_prefix *t = a;

		a = b;
		b = t;
	}
	return check_refuse(
		c, b->owner, "ranges", "%s overlaps %s of subnet \"%s\" in the same network",
		prefix_format(&b->prefix, text), prefix_format(&a->prefix, other), a->owner->name);
}

/* All subnets of a network at once: in order, an overlap is one with the neighbour. */
static int subnets_check(struct checking *c, const struct object *network)
{
	_cleanup_free_ struct owned_prefix *all =
		calloc(network->n_referrers * FAMILIES + 1, sizeof(*all));
	size_t n = 0, n_subnets = 0;

	if (!all)
		return err_set(c->e, ERR_NOMEM, NULL, "out of memory");
	for (size_t i = 0; i < network->n_referrers; i++) {
		const struct subnet *s = object_subnet(network->referrers[i]);

		n_subnets += s != NULL;
		for (size_t f = 0; s && f < FAMILIES; f++)
			if (s->ranges[f].addr.family != ADDR_NONE)
				all[n++] =
					(struct owned_prefix){s->ranges[f], network->referrers[i]};
	}
	if (n_subnets > limit_get(LIMIT_SUBNETS))
		return err_set(c->e, ERR_TOO_LARGE, "network",
			       "network \"%s\" would have %zu subnets, the limit is %u",
			       network->name, n_subnets, limit_get(LIMIT_SUBNETS));
	qsort(all, n, sizeof(*all), owned_cmp);
	for (size_t i = 1; i < n; i++)
		if (prefix_overlaps(&all[i - 1].prefix, &all[i].prefix))
			return subnets_overlap(c, &all[i - 1], &all[i]);
	return 0;
}

static bool space_covers(const struct object *network, const struct prefix *p)
{
	const struct network *n = object_network(network);

	for (size_t i = 0; i < n->n_spaces; i++)
		if (prefix_covers(&n->spaces[i], p))
			return true;
	return false;
}

static int range_check(struct checking *c, const struct object *o, const struct prefix *range)
{
	const struct object *network = object_subnet(o)->network;
	const struct network *n = object_network(network);
	char text[PREFIX_TEXT_MAX], space[PREFIX_TEXT_MAX];

	if (range->addr.family == ADDR_NONE || space_covers(network, range))
		return 0;
	return check_refuse(c, o, "ranges",
			    "%s is outside of the address space of network \"%s\" (%s%s)",
			    prefix_format(range, text), network->name,
			    prefix_format(&n->spaces[0], space), n->n_spaces > 1 ? ", ..." : "");
}

int check_subnet(struct checking *c, const struct object *o)
{
	const struct subnet *s = object_subnet(o);
	int r = 0;

	for (size_t f = 0; f < FAMILIES && r == 0; f++)
		r = range_check(c, o, &s->ranges[f]);
	if (r == 0 && s->route_table && object_route_table(s->route_table)->network != s->network)
		r = check_refuse(c, o, "routeTable",
				 "route-table \"%s\" belongs to network \"%s\", not to \"%s\"",
				 s->route_table->name,
				 object_route_table(s->route_table)->network->name,
				 s->network->name);
	if (r == 0)
		r = check_subnet_resolver(c, o);
	if (r < 0 || node_of(s->network)->swept == c->l->checked)
		return r;
	node_of(s->network)->swept = c->l->checked;
	c->blame = o;
	return subnets_check(c, s->network);
}

/* --- gateways --------------------------------------------------------------------------------------------- */

int check_internet_gateway(struct checking *c, const struct object *o)
{
	const struct object *network = object_internet_gateway(o)->network;

	for (size_t i = 0; i < network->n_referrers; i++) {
		const struct object *other = network->referrers[i];

		if (other->kind == OBJECT_INTERNET_GATEWAY && other != o)
			return check_refuse(c, o, "network",
					    "network \"%s\" has internet-gateway \"%s\" already; a "
					    "network has at most one",
					    network->name, other->name);
	}
	return 0;
}

static int delegated_refuse(struct checking *c, const struct object *o, const struct object *subnet,
			    const char *path)
{
	return check_refuse(c, o, path,
			    "subnet \"%s\" is delegated to clusters: it holds integrated endpoints "
			    "and nothing else",
			    subnet->name);
}

int check_nat_gateway(struct checking *c, const struct object *o)
{
	const struct nat_gateway *g = object_nat_gateway(o);
	const struct subnet *s = object_subnet(g->subnet);
	const bool has[FAMILIES] = {s->ranges[V4].addr.family != ADDR_NONE,
				    s->ranges[V6].addr.family != ADDR_NONE};
	char what[100];

	if (s->is_delegated)
		return delegated_refuse(c, o, g->subnet, "subnet");
	snprintf(what, sizeof(what), "subnet \"%s\"", g->subnet->name);
	return check_public_use(c, o, g->public_address, has, what);
}

/* --- route tables ----------------------------------------------------------------------------------------- */

static bool hub_has(const struct object *hub, const struct object *network)
{
	const struct hub *h = object_hub(hub);

	for (size_t i = 0; i < h->n_attachments; i++)
		if (h->attachments[i].network == network)
			return true;
	return false;
}

static bool site_has(const struct object *site, const struct object *router)
{
	const struct site *s = object_site(site);

	for (size_t i = 0; i < s->n_connections; i++)
		if (s->connections[i].to == router)
			return true;
	return false;
}

static int target_check(struct checking *c, const struct object *o, const struct route *route,
			const struct object *network)
{
	const struct object *to = route->target;
	struct ref ref = route_ref(route);
	char path[REF_PATH_MAX];
	const char *why = NULL;

	switch (route->via) {
	case VIA_INTERNET_GATEWAY:
		if (object_internet_gateway(to)->network != network)
			why = "belongs to another network";
		break;
	case VIA_NAT_GATEWAY:
		if (object_subnet(object_nat_gateway(to)->subnet)->network != network)
			why = "is in a subnet of another network";
		break;
	case VIA_PEERING:
		if (object_peering(to)->networks[0] != network &&
		    object_peering(to)->networks[1] != network)
			why = "does not join this network";
		break;
	case VIA_HUB:
		if (!hub_has(to, network))
			why = "has no attachment of this network";
		break;
	case VIA_SITE:
		if (!site_has(to, network))
			why = "has no connection to this network";
		break;
	default:
		break;
	}
	if (!why)
		return 0;
	return check_refuse(c, o, ref_path(&ref, path), "%s \"%s\" %s, \"%s\"",
			    object_kind_text(to->kind), to->name, why, network->name);
}

int check_route_table(struct checking *c, const struct object *o)
{
	const struct route_table *t = object_route_table(o);
	char path[REF_PATH_MAX], text[PREFIX_TEXT_MAX];
	int r = 0;

	for (size_t i = 0; i < t->n_routes && r == 0; i++) {
		const struct route *route = &t->routes[i];

		if (space_covers(t->network, &route->to)) {
			snprintf(path, sizeof(path), "routes[%u].to", route->index);
			return check_refuse(c, o, path,
					    "%s is inside of the address space of network \"%s\" "
					    "itself, where delivery is always local",
					    prefix_format(&route->to, text), t->network->name);
		}
		r = target_check(c, o, route, t->network);
	}
	return r;
}

/* --- security groups, hosts ------------------------------------------------------------------------------- */

static int rules_check(struct checking *c, const struct object *o, const struct group_rule *rules,
		       size_t n, const char *list)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		char path[48];

		snprintf(path, sizeof(path), "%s[%zu].groups", list, i);
		r = check_groups(c, o, rules[i].groups, rules[i].n_groups,
				 object_security_group(o)->network, path);
	}
	return r;
}

int check_security_group(struct checking *c, const struct object *o)
{
	const struct security_group *g = object_security_group(o);
	int r = rules_check(c, o, g->ingress, g->n_ingress, "ingress");

	return r ? r : rules_check(c, o, g->egress, g->n_egress, "egress");
}

static int attach_check(struct checking *c, const struct object *o)
{
	const struct host *h = object_host(o);
	struct addr key = attach_key(h);
	const struct node *rival;

	if (h->attach == ATTACH_NONE)
		return 0;
	rival = claim_other(c->l, attach_scope, &key, node_of(o));
	return rival ? check_refuse(c, o,
				    h->attach == ATTACH_NAMESPACE ? "attach.namespace"
								  : "attach.interface",
				    "\"%s\" is attached already, as host \"%s\"", h->attach_name,
				    rival->o.name)
		     : 0;
}

int check_host(struct checking *c, const struct object *o)
{
	const struct host *h = object_host(o);
	struct place p = body_place(OBJECT_HOST, h, 0);
	const bool has[FAMILIES] = {h->addresses[V4].family != ADDR_NONE,
				    h->addresses[V6].family != ADDR_NONE};
	int r;

	if (h->subnet && object_subnet(h->subnet)->is_delegated)
		return delegated_refuse(c, o, h->subnet, "subnet");
	r = check_place(c, o, &p, "addresses");
	if (r == 0 && h->subnet)
		r = check_groups(c, o, h->groups, h->n_groups, object_subnet(h->subnet)->network,
				 "securityGroups");
	if (r == 0 && h->public_address)
		r = check_public_use(c, o, h->public_address, has, "the host");
	return r ? r : attach_check(c, o);
}
