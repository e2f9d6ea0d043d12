/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "explain/admit.h"

#include "explain/way.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void say(struct admission *a, enum path_reason reason, const char *fmt, ...) _printf_(3, 4);
static void say(struct admission *a, enum path_reason reason, const char *fmt, ...)
{
	va_list ap;

	a->reason = reason;
	a->admitted = path_reason_is_reached(reason);
	va_start(ap, fmt);
	(void)!vsnprintf(a->rule, sizeof(a->rule), fmt, ap);
	va_end(ap);
}

/* --- members of a group ----------------------------------------------------------------------------------- */

static bool groups_have(struct object *const *groups, size_t n, const struct object *group)
{
	for (size_t i = 0; i < n; i++)
		if (groups[i] == group)
			return true;
	return false;
}

static bool addresses_have(const struct addr *addresses, const struct addr *a)
{
	const struct addr *own = &addresses[addr_index(a)];

	return own->family != ADDR_NONE && addr_is_equal(own, a);
}

/* An endpoint that is switched off is nobody's address. */
static bool endpoint_has(const struct endpoint_rules *rules, const struct object *owner,
			 const struct object *group, const struct addr *a)
{
	struct found_endpoint f;

	return groups_have(rules->groups, rules->n_groups, group) &&
	       admission_endpoint(object_router(group), a, &f) && f.ep.owner == owner &&
	       f.ep.is_enabled;
}

static bool member_has_address(const struct object *o, const struct object *group,
			       const struct addr *a)
{
	const struct host *h = object_host(o);
	const struct private_endpoint *ep = object_private_endpoint(o);
	const struct cluster_net *c = object_cluster_net(o);

	if (h)
		return groups_have(h->groups, h->n_groups, group) &&
		       addresses_have(h->addresses, a);
	if (ep)
		return endpoint_has(&ep->rules, o, group, a);
	return c && endpoint_has(&c->rules, o, group, a);
}

static bool group_has_address(const struct object *group, const struct addr *a)
{
	for (size_t i = 0; i < group->n_referrers; i++)
		if (member_has_address(group->referrers[i], group, a))
			return true;
	return false;
}

/* --- rules ------------------------------------------------------------------------------------------------ */

/* What of a rule has the far end: a range, or the members of a group. */
struct match {
	const struct object *group; /* whose rule it is */
	size_t number;		    /* of the rule, from 1; 0: everything may leave */
	const struct prefix *range;
	const struct object *member_of;
};

static bool rule_matches(const struct group_rule *r, const struct flow *f, struct match *m)
{
	if (r->protocol != PROTOCOL_ANY && r->protocol != f->protocol)
		return false;
	if (f->port < r->port_first || f->port > r->port_last)
		return false;
	for (size_t i = 0; i < r->n_ranges; i++) {
		if (prefix_contains(&r->ranges[i], f->far)) {
			m->range = &r->ranges[i];
			return true;
		}
	}
	for (size_t i = 0; i < r->n_groups; i++) {
		if (group_has_address(r->groups[i], f->far)) {
			m->member_of = r->groups[i];
			return true;
		}
	}
	return false;
}

static bool group_matches(const struct object *group, bool ingress, const struct flow *f,
			  struct match *m)
{
	const struct security_group *g = object_security_group(group);
	const struct group_rule *rules = ingress ? g->ingress : g->egress;
	size_t n = ingress ? g->n_ingress : g->n_egress;

	*m = (struct match){.group = group};
	if (!ingress && g->egress_open)
		return true;
	for (size_t i = 0; i < n; i++) {
		m->number = i + 1;
		if (rule_matches(&rules[i], f, m))
			return true;
	}
	return false;
}

/* security group "a"; security groups "a" and "b"; its 3 security groups */
static const char *groups_text(struct object *const *groups, size_t n, char *dst, size_t cap)
{
	if (n == 1)
		snprintf(dst, cap, "security group \"%s\"", groups[0]->name);
	else if (n == 2)
		snprintf(dst, cap, "security groups \"%s\" and \"%s\"", groups[0]->name,
			 groups[1]->name);
	else
		snprintf(dst, cap, "its %zu security groups", n);
	return dst;
}

static void say_matched(const struct match *m, bool ingress, const char *far, struct admission *a)
{
	const char *verb = ingress ? "is admitted by ingress" : "may be reached by egress";
	char range[PREFIX_TEXT_MAX];

	if (m->number == 0)
		say(a, PATH_PRIVATE, "security group \"%s\" lets everything out", m->group->name);
	else if (m->range)
		say(a, PATH_PRIVATE, "%s %s rule %zu of security group \"%s\" (%s)", far, verb,
		    m->number, m->group->name, prefix_format(m->range, range));
	else
		say(a, PATH_PRIVATE,
		    "%s %s rule %zu of security group \"%s\" (members of security group \"%s\")",
		    far, verb, m->number, m->group->name, m->member_of->name);
}

static const char *protocol_text(enum protocol p)
{
	static const char *const texts[] = {
		[PROTOCOL_ANY] = "any protocol",
		[PROTOCOL_TCP] = "tcp",
		[PROTOCOL_UDP] = "udp",
		[PROTOCOL_ICMP] = "icmp",
	};

	return texts[p];
}

static void admit_groups(struct object *const *groups, size_t n, bool ingress, const struct flow *f,
			 struct admission *a)
{
	char far[ADDR_TEXT_MAX], all[160];
	struct match m;

	addr_format(f->far, far);
	for (size_t i = 0; i < n; i++) {
		if (group_matches(groups[i], ingress, f, &m)) {
			say_matched(&m, ingress, far, a);
			return;
		}
	}
	groups_text(groups, n, all, sizeof(all));
	if (n == 0)
		say(a, PATH_PRIVATE, "no security group refuses anything");
	else if (ingress)
		say(a, PATH_INGRESS_GROUP, "no ingress rule of %s admits %s to %s port %u", all,
		    far, protocol_text(f->protocol), f->port);
	else
		say(a, PATH_EGRESS_GROUP, "no egress rule of %s allows %s, %s port %u", all, far,
		    protocol_text(f->protocol), f->port);
}

void admit_egress(struct object *const *groups, size_t n_groups, const struct flow *f,
		  struct admission *ret_admission)
{
	admit_groups(groups, n_groups, false, f, ret_admission);
}

void admit_ingress(struct object *const *groups, size_t n_groups, const struct flow *f,
		   struct admission *ret_admission)
{
	admit_groups(groups, n_groups, true, f, ret_admission);
}

/* --- endpoints -------------------------------------------------------------------------------------------- */

static int endpoint_compare(const struct endpoint_view *ep, void *arg)
{
	struct found_endpoint *f = arg;

	if (!addresses_have(ep->addresses, f->address))
		return 0;
	f->ep = *ep;
	f->is_found = true;
	return 1;
}

bool admission_endpoint(const struct object *network, const struct addr *address,
			struct found_endpoint *ret_found)
{
	*ret_found = (struct found_endpoint){.address = address};
	if (network->kind == OBJECT_NETWORK)
		network_each_endpoint(network, endpoint_compare, ret_found);
	return ret_found->is_found;
}

static const char *state_text(enum endpoint_state s)
{
	static const char *const texts[] = {
		[ENDPOINT_PENDING] = "still pending: its cluster's owner has not approved it",
		[ENDPOINT_APPROVED] = "approved",
		[ENDPOINT_REJECTED] = "rejected by its cluster's owner",
		[ENDPOINT_DISCONNECTED] = "disconnected by its cluster's owner",
	};

	return texts[s];
}

static void say_disabled(const struct endpoint_view *ep, struct admission *a)
{
	const struct private_endpoint *pe = object_private_endpoint(ep->owner);

	if (pe && pe->state != ENDPOINT_APPROVED)
		say(a, PATH_NOT_APPROVED, "private endpoint \"%s\" is %s", ep->owner->name,
		    state_text(pe->state));
	else
		say(a, PATH_PRIVATE_OFF, "private access to cluster \"%s\" is switched off",
		    ep->cluster ? ep->cluster->name : "?");
}

/* private endpoint "x"; the private endpoint of cluster "y" */
static const char *endpoint_words(const struct endpoint_view *ep, char *dst, size_t cap)
{
	snprintf(dst, cap, "%sprivate endpoint %s\"%s\"",
		 ep->owner->kind == OBJECT_CLUSTER ? "the " : "",
		 ep->owner->kind == OBJECT_CLUSTER ? "of cluster " : "", ep->owner->name);
	return dst;
}

static void admit_ranges(const struct endpoint_view *ep, const struct addr *source,
			 struct admission *a)
{
	const struct endpoint_rules *r = ep->rules;
	char src[ADDR_TEXT_MAX], range[PREFIX_TEXT_MAX], words[128];

	addr_format(source, src);
	endpoint_words(ep, words, sizeof(words));
	for (size_t i = 0; i < r->n_ranges; i++) {
		if (prefix_contains(&r->ranges[i], source)) {
			say(a, PATH_PRIVATE, "%s is in %s, a range of %s", src,
			    prefix_format(&r->ranges[i], range), words);
			return;
		}
	}
	if (r->n_ranges == 0)
		say(a, PATH_ENDPOINT_RANGES,
		    "the list of ranges of %s is empty: no source is admitted", words);
	else if (r->n_ranges == 1)
		say(a, PATH_ENDPOINT_RANGES, "%s is not in %s, the only range of %s", src,
		    prefix_format(&r->ranges[0], range), words);
	else
		say(a, PATH_ENDPOINT_RANGES, "%s is in none of the %zu ranges of %s", src,
		    r->n_ranges, words);
}

void admit_endpoint(const struct endpoint_view *ep, const struct addr *source,
		    struct admission *ret_admission)
{
	const struct endpoint_rules *r = ep->rules;
	const struct flow f = {PROTOCOL_TCP, r->port, source};
	struct admission *a = ret_admission, ranges;
	char words[128];

	if (!ep->is_enabled) {
		say_disabled(ep, a);
		return;
	}
	admit_groups(r->groups, r->n_groups, true, &f, a);
	if (!a->admitted)
		return;
	if (!r->open)
		admit_ranges(ep, source, &ranges);
	if (r->n_groups == 0 && r->open)
		say(a, PATH_PRIVATE,
		    "%s has no security group and no ranges: whoever is routed to it is admitted",
		    endpoint_words(ep, words, sizeof(words)));
	else if (!r->open && (r->n_groups == 0 || !ranges.admitted))
		*a = ranges;
}

/* --- routed both ways ------------------------------------------------------------------------------------- */

struct pair {
	const struct object *network, *subnet; /* of the endpoint */
	const struct addr *address, *source;
	bool has_space;		    /* a joined router has the source */
	const struct object *there; /* the last such router */
	bool there_way, back_way;
};

/* True: it is routed both ways. */
static bool pair_try(struct pair *p, const struct object *router)
{
	const struct object *subnet = NULL;

	if (router == p->network || router->kind == OBJECT_HUB ||
	    !router_has_address(router, p->source, NULL))
		return false;
	p->has_space = true;
	p->there = router;
	if (router->kind == OBJECT_NETWORK) {
		subnet = network_find_subnet(router, p->source);
		if (!subnet)
			return false; /* nobody has an address there */
	}
	p->there_way = way_leads_to(router, subnet, p->address, p->network);
	p->back_way = way_leads_to(p->network, p->subnet, p->source, router);
	return p->there_way && p->back_way;
}

static int pair_far(const struct router_link *link, void *arg)
{
	return pair_try(arg, link->peer);
}

static int pair_near(const struct router_link *link, void *arg)
{
	if (link->peer->kind == OBJECT_HUB)
		return router_each_link(link->peer, pair_far, arg);
	return pair_try(arg, link->peer);
}

static void say_not_routed(const struct pair *p, struct admission *a)
{
	char src[ADDR_TEXT_MAX], dst[ADDR_TEXT_MAX];
	const char *kind = p->there ? kind_words(p->there->kind) : "";

	addr_format(p->source, src);
	addr_format(p->address, dst);
	if (!p->has_space)
		say(a, PATH_NO_ROUTE, "%s is neither in network \"%s\" nor in what is joined to it",
		    src, p->network->name);
	else if (!p->there_way)
		say(a, PATH_NO_ROUTE, "%s \"%s\" has no route from %s to %s", kind, p->there->name,
		    src, dst);
	else
		say(a, PATH_NO_RETURN_ROUTE,
		    "subnet \"%s\" of the private endpoint has no route back to %s in %s \"%s\"",
		    p->subnet->name, src, kind, p->there->name);
}

void explain_endpoint(const struct object *network, const struct addr *address,
		      const struct addr *source, struct admission *ret_admission)
{
	char text[ADDR_TEXT_MAX];
	struct found_endpoint f;
	struct pair p;

	if (!admission_endpoint(network, address, &f)) {
		say(ret_admission, PATH_NO_ENDPOINT, "no private endpoint has %s in network \"%s\"",
		    addr_format(address, text), network->name);
		return;
	}
	admit_endpoint(&f.ep, source, ret_admission);
	if (!ret_admission->admitted || router_has_address(network, source, NULL))
		return;
	p = (struct pair){network, f.ep.subnet, address, source, false, NULL, false, false};
	if (!router_each_link(network, pair_near, &p))
		say_not_routed(&p, ret_admission);
}
