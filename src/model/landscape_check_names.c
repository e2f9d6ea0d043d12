/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules of names: zones, their links, what clusters put into zones, what resolvers ask. */
#include "model/landscape_int.h"

#include "model/cluster_dns.h"
#include "model/limits.h"
#include "model/record.h"
#include "model/resolver.h"
#include "model/space.h"
#include "model/zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int no_memory(struct checking *c)
{
	return err_set(c->e, ERR_NOMEM, NULL, "out of memory");
}

static int too_many(struct checking *c, const struct object *blame, const struct object *of,
		    size_t n, const char *what, enum limit limit)
{
	if (n <= limit_get(limit))
		return 0;
	c->blame = blame;
	return err_set(c->e, ERR_TOO_LARGE, NULL, "%s \"%s\" would have %zu %s, the limit is %u",
		       object_kind_text(of->kind), of->name, n, what, limit_get(limit));
}

/* Of two that cannot both be, the one that came last in the transaction. */
static bool came_later(const struct object *a, const struct object *b)
{
	return node_of(a)->change > node_of(b)->change;
}

/* --- what a network or site sees: no domain twice --------------------------------------------------------- */

enum seen_as { SEEN_ZONE, SEEN_NAME };

struct seen {
	enum seen_as as;
	char domain[DNS_NAME_MAX + 1];
	const struct object *owner; /* the zone; the cluster whose zone or private name it is */
	const struct object
		*by; /* what puts it there: a zone-link, a cluster, a private endpoint */
};

struct seeing {
	const struct object *router;
	struct seen *all;
	size_t n, cap, n_links;
};

static struct seen *seen_add(struct seeing *s)
{
	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 16;
		struct seen *grown = reallocarray(s->all, cap, sizeof(*grown));

		if (!grown)
			return NULL;
		s->all = grown;
		s->cap = cap;
	}
	s->all[s->n] = (struct seen){0};
	return &s->all[s->n];
}

static int link_see(struct seeing *s, const struct object *by)
{
	const struct zone_link *link = object_zone_link(by);
	const struct object *owner = link->zone ? link->zone : link->cluster;
	struct seen *seen = seen_add(s);

	s->n_links++;
	if (!seen)
		return -ERR_NOMEM;
	seen->owner = owner;
	seen->by = by;
	if (!owner->body)
		return 0;
	if (link->zone)
		snprintf(seen->domain, sizeof(seen->domain), "%s",
			 object_declared_zone(owner)->domain);
	else if (!cluster_system_domain(owner, seen->domain))
		return 0;
	s->n++;
	return 0;
}

static int endpoint_see(const struct endpoint_view *ep, void *arg)
{
	struct seeing *s = arg;
	struct seen *seen;

	if (!ep->cluster->body)
		return 0;
	seen = seen_add(s);
	if (!seen)
		return -ERR_NOMEM;
	seen->owner = ep->cluster;
	seen->by = ep->owner;
	seen->as = ep->owner == ep->cluster ? SEEN_ZONE : SEEN_NAME;
	if (seen->as == SEEN_NAME && !object_private_endpoint(ep->owner)->has_names)
		return 0;
	if (seen->as == SEEN_NAME ? cluster_private_name(ep->cluster, seen->domain)
				  : cluster_system_domain(ep->cluster, seen->domain))
		s->n++;
	return 0;
}

static int seen_cmp(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;
	int r = (x->as > y->as) - (x->as < y->as);

	if (r == 0)
		r = strcmp(x->domain, y->domain);
	if (r == 0)
		r = ((uintptr_t)x->owner > (uintptr_t)y->owner) -
		    ((uintptr_t)x->owner < (uintptr_t)y->owner);
	return r ? r : (int)x->by->kind - (int)y->by->kind;
}

/* The field of `by` that is to blame. */
static const char *seen_field(const struct seen *s)
{
	if (s->by->kind == OBJECT_ZONE_LINK)
		return s->owner->kind == OBJECT_ZONE ? "zone" : "cluster";
	return s->by->kind == OBJECT_CLUSTER ? "dns.privateFqdn" : "cluster";
}

static const struct object *seen_blame(const struct seen *s)
{
	return came_later(s->owner, s->by) ? s->owner : s->by;
}

static int seen_twice(struct checking *c, const struct object *router, const struct seen *a,
		      const struct seen *b)
{
	const char *where = object_kind_text(router->kind);

	if (came_later(seen_blame(a), seen_blame(b))) {
		const struct seen *t = a;

		a = b;
		b = t;
	}
	if (a->owner == b->owner)
		return check_refuse(c, b->by, seen_field(b),
				    "is linked to %s \"%s\" already, by zone-link \"%s\"", where,
				    router->name, a->by->name);
	if (a->as == SEEN_NAME)
		return check_refuse(c, b->by, seen_field(b),
				    "the private name of cluster \"%s\" is that of cluster \"%s\", "
				    "which has a private endpoint in network \"%s\", too: %s",
				    b->owner->name, a->owner->name, router->name, b->domain);
	return check_refuse(c, seen_blame(b), seen_blame(b) == b->by ? seen_field(b) : NULL,
			    "%s \"%s\" has a zone of domain %s already, %s \"%s\"%s: two of one "
			    "domain cannot answer in one place",
			    where, router->name, b->domain, object_kind_text(a->owner->kind),
			    a->owner->name,
			    a->owner->kind == OBJECT_CLUSTER ? " (zone: system)" : "");
}

static int seeing_check(struct checking *c, struct seeing *s, const struct object *blame)
{
	int r = too_many(c, blame, s->router, s->n_links, "linked zones", LIMIT_ROUTER_ZONES);

	if (r == 0 && s->n)
		qsort(s->all, s->n, sizeof(*s->all), seen_cmp);
	for (size_t i = 1; i < s->n && r == 0; i++) {
		const struct seen *a = &s->all[i - 1], *b = &s->all[i];
		bool are_links = a->by->kind == OBJECT_ZONE_LINK && b->by->kind == OBJECT_ZONE_LINK;

		/* A cluster is in several subnets of a network, and may be linked to it besides. */
		if (a->as == b->as && strcmp(a->domain, b->domain) == 0 &&
		    (a->owner != b->owner || are_links))
			r = seen_twice(c, s->router, a, b);
	}
	return r;
}

/* All that the router sees, once in a transaction. */
static int router_check(struct checking *c, const struct object *router, const struct object *blame)
{
	struct seeing s = {.router = router};
	int r = 0;

	if (!router || !router->body || node_of(router)->swept_names == c->l->checked)
		return 0;
	node_of(router)->swept_names = c->l->checked;
	for (size_t i = 0; i < router->n_referrers && r == 0; i++)
		if (router->referrers[i]->kind == OBJECT_ZONE_LINK)
			r = link_see(&s, router->referrers[i]);
	if (r == 0)
		r = network_each_endpoint(router, endpoint_see, &s);
	r = r < 0 ? no_memory(c) : seeing_check(c, &s, blame);
	free(s.all);
	return r;
}

/* --- what clusters put into their own zone ---------------------------------------------------------------- */

struct put_in {
	char name[DNS_NAME_MAX + 1];
	const struct object *cluster;
};

static int put_in_cmp(const void *a, const void *b)
{
	return strcmp(((const struct put_in *)a)->name, ((const struct put_in *)b)->name);
}

/* A record of the user's where the cluster's are. */
static int record_check(struct checking *c, const struct object *zone, const struct put_in *p)
{
	size_t n;
	const struct record_set *sets = zone_find_sets(object_declared_zone(zone), p->name, &n);

	for (size_t i = 0; i < n; i++) {
		char path[48];

		if (sets[i].type != RECORD_A && sets[i].type != RECORD_AAAA &&
		    sets[i].type != RECORD_CNAME)
			continue;
		if (!node_of(zone)->change)
			return check_refuse(c, p->cluster, "dns.ownZone",
					    "zone \"%s\" has a record of its own at \"%s\" (%s), "
					    "where the cluster's would be; delete it first",
					    zone->name, p->name, record_type_text(sets[i].type));
		snprintf(path, sizeof(path), "records[%u].name", sets[i].index);
		return check_refuse(c, zone, path,
				    "\"%s\" belongs to cluster \"%s\", whose private name it is: "
				    "the system keeps its addresses, which cannot be edited here",
				    p->name, p->cluster->name);
	}
	return 0;
}

static int puts_check(struct checking *c, const struct object *zone, struct put_in *all, size_t n)
{
	int r = 0;

	if (n)
		qsort(all, n, sizeof(*all), put_in_cmp);
	for (size_t i = 0; i < n && r == 0; i++) {
		const struct object *a = i ? all[i - 1].cluster : NULL, *b = all[i].cluster;

		if (a && strcmp(all[i - 1].name, all[i].name) == 0)
			return check_refuse(c, came_later(a, b) ? a : b, "dns.privateFqdn",
					    "\"%s\" is the private name of cluster \"%s\" in zone "
					    "\"%s\" already; give another one",
					    all[i].name, (came_later(a, b) ? b : a)->name,
					    zone->name);
		r = record_check(c, zone, &all[i]);
	}
	return r;
}

/* Everything that names the zone, once in a transaction. */
static int zone_users_check(struct checking *c, const struct object *zone,
			    const struct object *blame)
{
	_cleanup_free_ struct put_in *all = NULL;
	size_t n = 0, n_links = 0, n_clusters = 0;
	int r;

	if (node_of(zone)->swept_names == c->l->checked)
		return 0;
	node_of(zone)->swept_names = c->l->checked;
	for (size_t i = 0; i < zone->n_referrers; i++) {
		n_links += zone->referrers[i]->kind == OBJECT_ZONE_LINK;
		n_clusters += zone->referrers[i]->kind == OBJECT_CLUSTER;
	}
	r = too_many(c, blame, zone, n_links, "links", LIMIT_ZONE_LINKS);
	if (r < 0 || !n_clusters)
		return r;
	all = calloc(n_clusters, sizeof(*all));
	if (!all)
		return no_memory(c);
	for (size_t i = 0; i < zone->n_referrers; i++) {
		const struct object *o = zone->referrers[i];

		if (o->kind == OBJECT_CLUSTER && cluster_own_name(o, all[n].name))
			all[n++].cluster = o;
	}
	return puts_check(c, zone, all, n);
}

/* --- zones and links -------------------------------------------------------------------------------------- */

static int public_check(struct checking *c, const struct object *o)
{
	const struct declared_zone *z = object_declared_zone(o);
	struct addr key = domain_key(z->domain);
	const struct node *rival = claim_other(c->l, domain_scope, &key, node_of(o));
	char users[USERS_TEXT_MAX];

	if (rival)
		return check_refuse(c, o, "domain",
				    "%s is the domain of zone \"%s\", which is public, too: the "
				    "internet sees one of them only",
				    z->domain, rival->o.name);
	users_text(o, NULL, users);
	return users[0] ? check_refuse(c, o, "visibility",
				       "cannot be public, since the zone is in use by %s (a public "
				       "zone is seen everywhere without a link)",
				       users)
			: 0;
}

/* A message says by its name which key it is signed with: no two of a zone have the same. */
static int key_check(struct checking *c, const struct object *o, const struct object *key,
		     const struct key_list *list, const char *field, size_t i)
{
	const struct tsig_key *k = object_tsig_key(key);
	char path[48];

	for (size_t j = 0; j < list->n; j++) {
		const struct tsig_key *other = object_tsig_key(list->keys[j]);

		/* A zone outside of the transaction may have been read without them. */
		if (list->keys[j] == key || !k || !other || strcmp(other->name, k->name) != 0)
			continue;
		snprintf(path, sizeof(path), "%s[%zu]", field, i);
		return check_refuse(c, o, path,
				    "has the keyName %s, as tsig-key \"%s\" of this zone has; a "
				    "message says by that name which key is meant",
				    k->name, list->keys[j]->name);
	}
	return 0;
}

static int zone_keys_check(struct checking *c, const struct object *o)
{
	const struct declared_zone *z = object_declared_zone(o);
	int r = 0;

	for (size_t i = 0; i < z->transfer.n && r == 0; i++)
		r = key_check(c, o, z->transfer.keys[i], &z->transfer, "transfer", i);
	for (size_t i = 0; i < z->update.n && r == 0; i++) {
		r = key_check(c, o, z->update.keys[i], &z->transfer, "update", i);
		if (r == 0)
			r = key_check(c, o, z->update.keys[i], &z->update, "update", i);
	}
	return r;
}

int check_zone(struct checking *c, const struct object *o)
{
	int r = object_declared_zone(o)->is_public ? public_check(c, o) : 0;

	if (r == 0)
		r = zone_keys_check(c, o);
	return r ? r : zone_users_check(c, o, o);
}

int check_zone_link(struct checking *c, const struct object *o)
{
	const struct zone_link *link = object_zone_link(o);
	int r;

	if (link->zone && object_declared_zone(link->zone)->is_public)
		return check_refuse(c, o, "zone",
				    "\"%s\" is public: it is seen everywhere and needs no link; "
				    "link a private zone",
				    link->zone->name);
	if (link->cluster && object_cluster_net(link->cluster)->dns.zone != DNS_ZONE_SYSTEM)
		return check_refuse(c, o, "cluster",
				    "\"%s\" has no zone that the system keeps; set its dns.zone to "
				    "system, or link a zone",
				    link->cluster->name);
	r = link->zone ? zone_users_check(c, link->zone, o) : 0;
	return r ? r : router_check(c, link->router, o);
}

/* --- clusters and private endpoints ----------------------------------------------------------------------- */

static int own_zone_check(struct checking *c, const struct object *o)
{
	const struct object *zone = object_cluster_net(o)->dns.own_zone;
	char name[DNS_NAME_MAX + 1];

	if (object_declared_zone(zone)->is_public)
		return check_refuse(c, o, "dns.ownZone",
				    "zone \"%s\" is public; private names belong into a private "
				    "zone",
				    zone->name);
	if (!cluster_private_name(o, name))
		return check_refuse(c, o, "dns.privateFqdn",
				    "is required: no name that is short enough can be made of the "
				    "public one and the domain of zone \"%s\"",
				    zone->name);
	if (!dns_name_is_below(name, object_declared_zone(zone)->domain))
		return check_refuse(c, o, "dns.privateFqdn",
				    "\"%s\" is not below %s, the domain of zone \"%s\", and could "
				    "not be in it",
				    name, object_declared_zone(zone)->domain, zone->name);
	return zone_users_check(c, zone, o);
}

/* Links of the zone that the system keeps, and whom they show it to. */
static int system_links_check(struct checking *c, const struct object *o)
{
	const struct cluster_net *cn = object_cluster_net(o);
	int r = 0;

	for (size_t i = 0; i < o->n_referrers && r == 0; i++) {
		const struct zone_link *link = object_zone_link(o->referrers[i]);

		if (link && cn->dns.zone != DNS_ZONE_SYSTEM)
			return check_refuse(c, o, "dns.zone",
					    "must stay system, since zone-link \"%s\" links that "
					    "zone; delete it first",
					    o->referrers[i]->name);
		if (link)
			r = router_check(c, link->router, o);
	}
	return r;
}

int check_cluster_names(struct checking *c, const struct object *o)
{
	const struct cluster_net *cn = object_cluster_net(o);
	int r = system_links_check(c, o);

	if (r == 0 && cn->dns.zone == DNS_ZONE_OWN)
		r = own_zone_check(c, o);
	for (size_t i = 0; i < cn->n_placements && r == 0 && cn->dns.zone == DNS_ZONE_SYSTEM; i++)
		r = router_check(c, object_router(cn->placements[i].subnet), o);
	for (size_t i = 0; i < o->n_referrers && r == 0 && cn->dns.zone != DNS_ZONE_NONE; i++)
		if (o->referrers[i]->kind == OBJECT_PRIVATE_ENDPOINT)
			r = router_check(c, object_router(o->referrers[i]), o);
	return r;
}

int check_endpoint_names(struct checking *c, const struct object *o)
{
	return router_check(c, object_router(o), o);
}

/* --- resolvers -------------------------------------------------------------------------------------------- */

static const struct resolver *resolver_of(const struct object *router)
{
	return router->kind == OBJECT_SITE ? &object_site(router)->dns
					   : &object_network(router)->dns;
}

/* Where the resolver of the family's first address space, or of the subnet that has a, is. NULL: nowhere. */
static const struct prefix *resolver_range(const struct object *router, const struct addr *a)
{
	const struct prefix *spaces;
	struct object *subnet;
	size_t n;

	if (router->kind == OBJECT_NETWORK) {
		subnet = network_find_subnet(router, a);
		return subnet ? &object_subnet(subnet)->ranges[addr_index(a)] : NULL;
	}
	spaces = router_spaces(router, &n);
	for (size_t i = 0; i < n; i++)
		if (spaces[i].addr.family == a->family)
			return &spaces[i];
	return NULL;
}

static bool is_resolver(const struct object *router, const struct addr *a)
{
	const struct prefix *range = resolver_range(router, a);
	struct addr own;

	if (!range)
		return false;
	own = addr_plus(&range->addr, RESOLVER_OFFSET);
	return addr_is_equal(&own, a);
}

static int servers_check(struct checking *c, const struct object *o, const struct addr *servers,
			 size_t n, const char *list)
{
	char text[ADDR_TEXT_MAX], path[64];

	for (size_t i = 0; i < n; i++) {
		if (!is_resolver(o, &servers[i]))
			continue;
		snprintf(path, sizeof(path), "%s[%zu]", list, i);
		return check_refuse(c, o, path,
				    "%s is a resolver address of %s \"%s\" itself, which would ask "
				    "itself for ever",
				    addr_format(&servers[i], text), object_kind_text(o->kind),
				    o->name);
	}
	return 0;
}

int check_router_dns(struct checking *c, const struct object *o)
{
	const struct resolver *dns = resolver_of(o);
	int r = servers_check(c, o, dns->servers, dns->n_servers, "dns.servers");

	for (size_t i = 0; i < dns->n_forwards && r == 0; i++) {
		char list[48];

		snprintf(list, sizeof(list), "dns.forward[%zu].servers", i);
		r = servers_check(c, o, dns->forwards[i].servers, dns->forwards[i].n_servers, list);
	}
	return r;
}

static bool has_server(const struct addr *servers, size_t n, const struct addr *a)
{
	for (size_t i = 0; i < n; i++)
		if (addr_is_equal(&servers[i], a))
			return true;
	return false;
}

int check_subnet_resolver(struct checking *c, const struct object *o)
{
	const struct subnet *s = object_subnet(o);
	const struct resolver *dns = resolver_of(s->network);

	for (size_t f = 0; f < FAMILIES; f++) {
		struct addr a = addr_plus(&s->ranges[f].addr, RESOLVER_OFFSET);
		bool is_asked = has_server(dns->servers, dns->n_servers, &a);
		char text[ADDR_TEXT_MAX];

		for (size_t i = 0; i < dns->n_forwards && !is_asked; i++)
			is_asked = has_server(dns->forwards[i].servers, dns->forwards[i].n_servers,
					      &a);
		if (is_asked && s->ranges[f].addr.family != ADDR_NONE)
			return check_refuse(c, o, "ranges",
					    "would make %s a resolver address of network \"%s\", "
					    "which forwards to it (dns)",
					    addr_format(&a, text), s->network->name);
	}
	return 0;
}
