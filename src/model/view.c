/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/view.h"

#include "model/cluster_dns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- addresses -------------------------------------------------------------------------------------------- */

struct gathering {
	const struct object *network; /* only addresses in it; NULL: anywhere */
	bool has_placements, has_endpoints;
	struct addr *addresses;
	size_t n, cap;
	size_t n_placed; /* the first ones: of placements */
};

static int address_add(struct gathering *g, const struct addr *a)
{
	for (size_t i = 0; i < g->n; i++)
		if (addr_is_equal(&g->addresses[i], a))
			return 0;
	if (g->n == g->cap) {
		size_t cap = g->cap ? g->cap * 2 : 8;
		struct addr *grown = reallocarray(g->addresses, cap, sizeof(*grown));

		if (!grown)
			return -ERR_NOMEM;
		g->addresses = grown;
		g->cap = cap;
	}
	g->addresses[g->n++] = *a;
	return 0;
}

static int endpoint_gather(const struct endpoint_view *ep, void *arg)
{
	struct gathering *g = arg;
	bool is_placement = ep->owner == ep->cluster;
	int r = 0;

	if (!ep->is_enabled || (g->network && object_router(ep->subnet) != g->network))
		return 0;
	if (is_placement ? !g->has_placements
			 : !g->has_endpoints || !object_private_endpoint(ep->owner)->has_names)
		return 0;
	for (size_t f = 0; f < FAMILIES && r == 0; f++)
		if (ep->addresses[f].family != ADDR_NONE)
			r = address_add(g, &ep->addresses[f]);
	if (is_placement)
		g->n_placed = g->n;
	return r;
}

static int by_address(const void *a, const void *b)
{
	return addr_cmp(a, b);
}

/* Placements come in their document's order, then endpoints by address: the same answer, whatever order they were declared in. */
static int endpoints_gather(const struct object *cluster, struct gathering *g)
{
	int r;

	g->n_placed = g->n = 0;
	r = cluster_each_endpoint(cluster, endpoint_gather, g);
	if (r == 0 && g->n > g->n_placed)
		qsort(g->addresses + g->n_placed, g->n - g->n_placed, sizeof(*g->addresses),
		      by_address);
	return r;
}

/* --- where a cluster's names lead ------------------------------------------------------------------------- */

/* As EKS has it: the public name leads to private addresses where they are. */
static bool is_plain(const struct cluster_net *c)
{
	return c->dns.zone == DNS_ZONE_NONE && c->dns.public_name == PUBLIC_NAME_UNSET;
}

static bool public_name_is_off(const struct cluster_net *c)
{
	return !c->public_enabled && c->dns.public_name == PUBLIC_NAME_OFF;
}

/* The addresses of a server name that are special to a network. */
static int gather_here(const struct object *cluster, const struct object *network,
		       bool is_private_name, struct gathering *g)
{
	const struct cluster_net *c = object_cluster_net(cluster);

	g->n = 0;
	if (!is_private_name && public_name_is_off(c))
		return 0;
	g->network = network;
	g->has_endpoints = true;
	g->has_placements = !is_private_name && is_plain(c) &&
			    (c->kind != PRIVATE_INTEGRATED || !c->public_enabled);
	return endpoints_gather(cluster, g);
}

static int gather_placements(const struct object *cluster, struct gathering *g)
{
	g->network = NULL;
	g->has_placements = true;
	g->has_endpoints = false;
	return endpoints_gather(cluster, g);
}

/* The addresses of a server name on the internet. */
static int gather_public(const struct object *cluster, const struct view_public *public,
			 struct gathering *g)
{
	const struct cluster_net *c = object_cluster_net(cluster);
	int r = 0;

	if (!c->public_enabled)
		return public_name_is_off(c) ? 0 : gather_placements(cluster, g);
	for (size_t i = 0; i < public->n && r == 0; i++)
		r = address_add(g, &public->addresses[i]);
	return r;
}

/* --- zones of a view -------------------------------------------------------------------------------------- */

struct walk {
	const struct object *router;
	const struct view_public *public;
	view_zone_fn *fn;
	void *arg;
};

bool view_shared_zone(const struct object *owner, struct view_zone *ret_zone,
		      char domain[DNS_NAME_MAX + 1])
{
	const struct declared_zone *z = object_declared_zone(owner);

	if (!owner->body)
		return false;
	*ret_zone = (struct view_zone){.owner = owner, .domain = domain};
	if (z) {
		snprintf(domain, DNS_NAME_MAX + 1, "%s", z->domain);
		ret_zone->kind = VIEW_DECLARED;
		ret_zone->ttl = z->ttl;
		ret_zone->minimum = z->minimum;
		return true;
	}
	ret_zone->kind = VIEW_SYSTEM;
	ret_zone->ttl = DNS_CLUSTER_TTL;
	ret_zone->minimum = DNS_NEGATIVE_TTL;
	return owner->kind == OBJECT_CLUSTER && cluster_system_domain(owner, domain);
}

/* The link that shows the owner's zone to the router. NULL: none. */
static const struct object *link_find(const struct object *owner, const struct object *router)
{
	for (size_t i = 0; i < owner->n_referrers; i++) {
		const struct zone_link *link = object_zone_link(owner->referrers[i]);

		if (link && link->router == router)
			return owner->referrers[i];
	}
	return NULL;
}

static bool has_placement_in(const struct object *cluster, const struct object *network)
{
	const struct cluster_net *c = object_cluster_net(cluster);

	for (size_t i = 0; i < c->n_placements; i++)
		if (object_router(c->placements[i].subnet) == network)
			return true;
	return false;
}

static int shared_show(const struct walk *w, const struct object *owner, const struct object *by)
{
	char domain[DNS_NAME_MAX + 1];
	struct view_zone z;

	if (!view_shared_zone(owner, &z, domain))
		return 0;
	z.router = w->router;
	z.by = by;
	z.fall_through = by && object_zone_link(by)->fall_through;
	return w->fn(&z, w->arg);
}

static int name_show(const struct walk *w, const struct object *cluster, const char *name,
		     enum view_denial denial)
{
	return w->fn(&(struct view_zone){.kind = VIEW_NAME,
					 .denial = denial,
					 .router = w->router,
					 .owner = cluster,
					 .domain = name,
					 .ttl = DNS_CLUSTER_TTL,
					 .minimum = DNS_NEGATIVE_TTL},
		     w->arg);
}

static bool is_server_name(const struct cluster_net *c, const char *name)
{
	for (size_t i = 0; i < c->n_server_names; i++)
		if (strcmp(c->server_names[i], name) == 0)
			return true;
	return false;
}

static int server_names_show(const struct walk *w, const struct object *cluster,
			     enum view_denial denial)
{
	const struct cluster_net *c = object_cluster_net(cluster);
	int r = 0;

	for (size_t i = 0; i < c->n_server_names && r == 0; i++)
		if (c->server_names[i][0] != '*')
			r = name_show(w, cluster, c->server_names[i], denial);
	return r;
}

/* On the internet every name of a cluster is known, if only not to be there. */
static int cluster_show_public(const struct walk *w, const struct object *cluster)
{
	struct gathering g = {0};
	char name[DNS_NAME_MAX + 1];
	int r = gather_public(cluster, w->public, &g);

	if (r == 0)
		r = server_names_show(w, cluster, g.n ? VIEW_GIVEN : VIEW_DENIED_OFF);
	if (r == 0 && cluster_private_name(cluster, name) &&
	    !is_server_name(object_cluster_net(cluster), name))
		r = name_show(w, cluster, name, VIEW_DENIED_NOT_LINKED);
	free(g.addresses);
	return r;
}

static int names_show_here(const struct walk *w, const struct object *cluster)
{
	struct gathering g = {0};
	char name[DNS_NAME_MAX + 1];
	int r = gather_here(cluster, w->router, false, &g);
	bool has_servers = g.n > 0;

	if (r == 0 && has_servers)
		r = server_names_show(w, cluster, VIEW_GIVEN);
	if (r == 0)
		r = gather_here(cluster, w->router, true, &g);
	if (r == 0 && g.n && cluster_private_name(cluster, name) &&
	    !(has_servers && is_server_name(object_cluster_net(cluster), name)))
		r = name_show(w, cluster, name, VIEW_GIVEN);
	free(g.addresses);
	return r;
}

static int cluster_show(const struct walk *w, const struct object *cluster)
{
	const struct network *n = object_network(w->router);
	const struct object *by;
	int r = 0;

	if (object_cluster_net(cluster)->dns.zone == DNS_ZONE_SYSTEM) {
		by = link_find(cluster, w->router);
		if (by || has_placement_in(cluster, w->router))
			r = shared_show(w, cluster, by);
	}
	return r == 0 && n && n->dns.has_cluster_names ? names_show_here(w, cluster) : r;
}

static int owner_show(const struct walk *w, const struct object *owner)
{
	const struct object *by;

	if (!owner->body || (w->router && !w->router->body))
		return 0;
	if (owner->kind == OBJECT_CLUSTER)
		return w->router ? cluster_show(w, owner) : cluster_show_public(w, owner);
	if (object_declared_zone(owner)->is_public)
		return w->router ? 0 : shared_show(w, owner, NULL);
	by = w->router ? link_find(owner, w->router) : NULL;
	return by ? shared_show(w, owner, by) : 0;
}

int view_each_zone_of(const struct object *router, const struct object *owner,
		      const struct view_public *public, view_zone_fn *fn, void *arg)
{
	const struct walk w = {router, public, fn, arg};

	return owner_show(&w, owner);
}

/* --- whole views ------------------------------------------------------------------------------------------ */

static int each_owner(struct object *o, void *arg)
{
	return owner_show(arg, o);
}

/* The clusters of which something is in a network; each once, in the end. */
struct residents {
	const struct object **all;
	size_t n, cap;
};

static int resident_add(struct residents *rs, const struct object *cluster)
{
	if (rs->n == rs->cap) {
		size_t cap = rs->cap ? rs->cap * 2 : 16;
		const struct object **grown = reallocarray(rs->all, cap, sizeof(struct object *));

		if (!grown)
			return -ERR_NOMEM;
		rs->all = grown;
		rs->cap = cap;
	}
	rs->all[rs->n++] = cluster;
	return 0;
}

static int endpoint_reside(const struct endpoint_view *ep, void *arg)
{
	return resident_add(arg, ep->cluster);
}

static int by_pointer(const void *a, const void *b)
{
	uintptr_t x = (uintptr_t) * (const struct object *const *)a,
		  y = (uintptr_t) * (const struct object *const *)b;

	return (x > y) - (x < y);
}

static int residents_find(const struct object *router, struct residents *rs)
{
	int r = network_each_endpoint(router, endpoint_reside, rs);

	for (size_t i = 0; i < router->n_referrers && r == 0; i++) {
		const struct zone_link *link = object_zone_link(router->referrers[i]);

		if (link)
			r = resident_add(rs, link->cluster ? link->cluster : link->zone);
	}
	if (r == 0 && rs->n)
		qsort(rs->all, rs->n, sizeof(struct object *), by_pointer);
	return r;
}

int view_each_zone(const struct landscape *l, const struct object *router,
		   const struct view_public *public, view_zone_fn *fn, void *arg)
{
	struct walk w = {router, public, fn, arg};
	struct residents rs = {0};
	int r;

	if (!router) {
		r = landscape_each(l, OBJECT_ZONE, each_owner, &w);
		return r ? r : landscape_each(l, OBJECT_CLUSTER, each_owner, &w);
	}
	r = residents_find(router, &rs);
	for (size_t i = 0; i < rs.n && r == 0; i++)
		if (!i || rs.all[i] != rs.all[i - 1])
			r = owner_show(&w, rs.all[i]);
	free(rs.all);
	return r;
}

/* --- records ---------------------------------------------------------------------------------------------- */

/* One set per family of the addresses. */
static int addresses_tell(const struct object *cluster, const char *name, struct gathering *g,
			  view_record_fn *fn, void *arg)
{
	static const enum record_type types[FAMILIES] = {[V4] = RECORD_A, [V6] = RECORD_AAAA};
	struct addr *of = calloc(g->n ? g->n : 1, sizeof(*of));
	int r = of ? 0 : -ERR_NOMEM;

	for (size_t f = 0; f < FAMILIES && r == 0; f++) {
		size_t n = 0;

		for (size_t i = 0; i < g->n; i++)
			if (addr_index(&g->addresses[i]) == (enum family)f)
				of[n++] = g->addresses[i];
		if (!n)
			continue;
		r = fn(&(struct view_record){.name = name,
					     .type = types[f],
					     .ttl = DNS_CLUSTER_TTL,
					     .owner = cluster,
					     .addresses = of,
					     .n_addresses = n},
		       arg);
	}
	free(of);
	return r;
}

static int private_name_tell(const struct object *cluster, const char *name, view_record_fn *fn,
			     void *arg)
{
	struct gathering g = {0};
	int r = gather_placements(cluster, &g);

	if (r == 0)
		r = addresses_tell(cluster, name, &g, fn, arg);
	free(g.addresses);
	return r;
}

static int declared_tell(const struct object *zone, view_record_fn *fn, void *arg)
{
	const struct declared_zone *z = object_declared_zone(zone);
	char name[DNS_NAME_MAX + 1];
	int r = 0;

	for (size_t i = 0; i < z->n_records && r == 0; i++)
		r = fn(&(struct view_record){.name = z->records[i].name,
					     .type = z->records[i].type,
					     .ttl = z->records[i].ttl,
					     .set = &z->records[i]},
		       arg);
	for (size_t i = 0; i < zone->n_referrers && r == 0; i++) {
		const struct object *o = zone->referrers[i];

		if (o->kind == OBJECT_CLUSTER && cluster_own_name(o, name))
			r = private_name_tell(o, name, fn, arg);
	}
	return r;
}

static int system_tell(const struct object *cluster, view_record_fn *fn, void *arg)
{
	char name[DNS_NAME_MAX + 1];

	if (!cluster_private_name(cluster, name))
		return 0;
	name[strcspn(name, ".")] = '\0';
	return private_name_tell(cluster, name, fn, arg);
}

static int name_tell(const struct view_zone *zone, const struct view_public *public,
		     view_record_fn *fn, void *arg)
{
	struct gathering g = {0};
	int r = 0;

	if (zone->denial == VIEW_GIVEN && !zone->router) {
		r = gather_public(zone->owner, public, &g);
	} else if (zone->denial == VIEW_GIVEN) {
		bool is_server = is_server_name(object_cluster_net(zone->owner), zone->domain);

		if (is_server)
			r = gather_here(zone->owner, zone->router, false, &g);
		if (r == 0 && !g.n)
			r = gather_here(zone->owner, zone->router, true, &g);
	}
	if (r == 0)
		r = addresses_tell(zone->owner, "@", &g, fn, arg);
	free(g.addresses);
	return r;
}

int view_each_record(const struct view_zone *zone, const struct view_public *public,
		     view_record_fn *fn, void *arg)
{
	if (!zone->owner->body)
		return 0;
	if (zone->kind == VIEW_DECLARED)
		return declared_tell(zone->owner, fn, arg);
	if (zone->kind == VIEW_SYSTEM)
		return system_tell(zone->owner, fn, arg);
	return name_tell(zone, public, fn, arg);
}
