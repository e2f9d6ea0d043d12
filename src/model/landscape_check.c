/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is checked: every object of the transaction that is still there; the objects that name one of which something has changed that
 * others depend on; and of objects that are gone, that nobody names them.
 */
#include "model/landscape_int.h"

#include "model/limits.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int check_refuse(struct checking *c, const struct object *blame, const char *path, const char *fmt,
		 ...)
{
	char text[ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	c->blame = blame;
	return err_set(c->e, ERR_INVALID, path, "%s", text);
}

char *users_text(const struct object *o, const struct object *but, char dst[USERS_TEXT_MAX])
{
	const struct object *first = NULL;
	size_t n = 0;

	for (size_t i = 0; i < o->n_referrers; i++) {
		if (o->referrers[i] == but)
			continue;
		/* The same one whatever order they came in. */
		if (!first || o->referrers[i]->kind < first->kind ||
		    (o->referrers[i]->kind == first->kind &&
		     strcmp(o->referrers[i]->name, first->name) < 0))
			first = o->referrers[i];
		n++;
	}
	dst[0] = '\0';
	if (n == 1)
		snprintf(dst, USERS_TEXT_MAX, "%s \"%s\"; delete it first",
			 object_kind_text(first->kind), first->name);
	else if (n)
		snprintf(dst, USERS_TEXT_MAX, "%s \"%s\" and %zu more; delete them first",
			 object_kind_text(first->kind), first->name, n - 1);
	return dst;
}

/* --- references ------------------------------------------------------------------------------------------- */

struct ref_checking {
	struct checking *c;
	const struct object *o;
};

static bool may_be_missing(const struct object *o, const struct object *to)
{
	return to->kind == OBJECT_CLUSTER && o->kind == OBJECT_PRIVATE_ENDPOINT &&
	       object_private_endpoint(o)->state != ENDPOINT_APPROVED;
}

static int ref_check(const struct ref *ref, void *arg)
{
	const struct ref_checking *rc = arg;
	char path[REF_PATH_MAX];

	if (ref->to->body || may_be_missing(rc->o, ref->to))
		return 0;
	ref_path(ref, path);
	if (body_before(node_of(ref->to)))
		return check_refuse(rc->c, rc->o, path, "%s \"%s\" is deleted by the same change",
				    object_kind_text(ref->to->kind), ref->to->name);
	return check_refuse(rc->c, rc->o, path,
			    "%s \"%s\" is not declared; declare it in the same change, or before",
			    object_kind_text(ref->to->kind), ref->to->name);
}

static int refs_check(struct checking *c, const struct object *o)
{
	struct ref_checking rc = {c, o};

	return body_each_ref(o->kind, o->body, ref_check, &rc);
}

/* --- objects ---------------------------------------------------------------------------------------------- */

static int object_check(struct checking *c, const struct object *o)
{
	static int (*const checks[OBJECT_KIND_COUNT])(struct checking *, const struct object *) = {
		[OBJECT_NETWORK] = check_router_dns,
		[OBJECT_SUBNET] = check_subnet,
		[OBJECT_ROUTE_TABLE] = check_route_table,
		[OBJECT_INTERNET_GATEWAY] = check_internet_gateway,
		[OBJECT_NAT_GATEWAY] = check_nat_gateway,
		[OBJECT_PUBLIC_ADDRESS] = check_public_address,
		[OBJECT_PEERING] = check_peering,
		[OBJECT_HUB] = check_hub,
		[OBJECT_SITE] = check_site,
		[OBJECT_SECURITY_GROUP] = check_security_group,
		[OBJECT_HOST] = check_host,
		[OBJECT_PRIVATE_ENDPOINT] = check_private_endpoint,
		[OBJECT_CLUSTER] = check_cluster,
		[OBJECT_ZONE] = check_zone,
		[OBJECT_ZONE_LINK] = check_zone_link,
	};
	struct node *n = node_of(o);

	if (n->checked == c->l->checked)
		return 0;
	n->checked = c->l->checked;
	return checks[o->kind] ? checks[o->kind](c, o) : 0;
}

/* --- what others depend on -------------------------------------------------------------------------------- */

static bool spaces_equal(const struct prefix *a, size_t n_a, const struct prefix *b, size_t n_b)
{
	for (size_t i = 0; i < n_a && n_a == n_b; i++)
		if (prefix_cmp(&a[i], &b[i]) != 0)
			return false;
	return n_a == n_b;
}

static bool addresses_equal(const struct addr *a, const struct addr *b)
{
	return addr_is_equal(&a[V4], &b[V4]) && addr_is_equal(&a[V6], &b[V6]);
}

static bool subnet_equal(const struct subnet *a, const struct subnet *b)
{
	return a->network == b->network && a->is_delegated == b->is_delegated &&
	       spaces_equal(a->ranges, FAMILIES, b->ranges, FAMILIES);
}

static bool hub_equal(const struct hub *a, const struct hub *b)
{
	for (size_t i = 0; i < a->n_attachments && a->n_attachments == b->n_attachments; i++)
		if (a->attachments[i].network != b->attachments[i].network)
			return false;
	return a->n_attachments == b->n_attachments;
}

static bool site_equal(const struct site *a, const struct site *b)
{
	if (!spaces_equal(a->spaces, a->n_spaces, b->spaces, b->n_spaces))
		return false;
	for (size_t i = 0; i < a->n_connections && a->n_connections == b->n_connections; i++)
		if (a->connections[i].to != b->connections[i].to)
			return false;
	return a->n_connections == b->n_connections;
}

/* The network that an object of a kind that has one directly is in. */
static struct object *network_of(enum object_kind kind, const void *body)
{
	switch (kind) {
	case OBJECT_SUBNET:
		return ((const struct subnet *)body)->network;
	case OBJECT_ROUTE_TABLE:
		return ((const struct route_table *)body)->network;
	case OBJECT_INTERNET_GATEWAY:
		return ((const struct internet_gateway *)body)->network;
	case OBJECT_SECURITY_GROUP:
		return ((const struct security_group *)body)->network;
	default:
		return NULL;
	}
}

/* The field by which the objects that name this one may no longer be right; NULL if it has not changed. */
static const char *field_changed(enum object_kind kind, const void *before, const void *after)
{
	switch (kind) {
	case OBJECT_NETWORK: {
		const struct network *a = before, *b = after;
		return spaces_equal(a->spaces, a->n_spaces, b->spaces, b->n_spaces)
			       ? NULL
			       : "addressSpace";
	}
	case OBJECT_SUBNET: {
		const struct subnet *a = before, *b = after;
		return subnet_equal(a, b)		    ? NULL
		       : a->is_delegated != b->is_delegated ? "delegation"
							    : "ranges";
	}
	case OBJECT_NAT_GATEWAY: {
		const struct nat_gateway *a = before, *b = after;
		return a->subnet == b->subnet ? NULL : "subnet";
	}
	case OBJECT_PUBLIC_ADDRESS: {
		const struct public_address *a = before, *b = after;
		return addresses_equal(a->addresses, b->addresses) ? NULL : "addresses";
	}
	case OBJECT_PEERING: {
		const struct peering *a = before, *b = after;
		return a->networks[0] == b->networks[0] && a->networks[1] == b->networks[1]
			       ? NULL
			       : "networks";
	}
	case OBJECT_HUB:
		return hub_equal(before, after) ? NULL : "attachments";
	case OBJECT_SITE:
		return site_equal(before, after) ? NULL : "connections";
	case OBJECT_ZONE: {
		const struct declared_zone *a = before, *b = after;
		return strcmp(a->domain, b->domain) != 0 ? "domain"
		       : a->is_public != b->is_public	 ? "visibility"
							 : NULL;
	}
	case OBJECT_TSIG_KEY: {
		const struct tsig_key *a = before, *b = after;
		return strcmp(a->name, b->name) != 0 ? "keyName" : NULL;
	}
	default:
		return NULL;
	}
}

/* An object outside of the transaction that the change of `cause` has made wrong: the cause is to blame. */
static int dependent_refuse(struct checking *c, const struct object *cause, const char *field,
			    const struct object *dependent)
{
	struct err inner;

	c->blame = cause;
	if (!c->e)
		return -ERR_INVALID;
	inner = *c->e;
	return err_set(c->e, inner.code, field, "this would break %s \"%s\" (%s): %.300s",
		       object_kind_text(dependent->kind), dependent->name, inner.path, inner.text);
}

static int dependents_check(struct checking *c, const struct change *change)
{
	const struct object *o = &change->node->o;
	const char *field;

	if (!change->before.body || !o->body)
		return 0;
	field = field_changed(o->kind, change->before.body, o->body);
	for (size_t i = 0; field && i < o->n_referrers; i++) {
		const struct object *dependent = o->referrers[i];
		int r = object_check(c, dependent);

		if (r == -ERR_INVALID && !node_of(dependent)->change)
			return dependent_refuse(c, o, field, dependent);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- changes ---------------------------------------------------------------------------------------------- */

static int moved_check(struct checking *c, const struct change *change)
{
	const struct object *o = &change->node->o;
	char users[USERS_TEXT_MAX];

	if (!change->before.body ||
	    network_of(o->kind, change->before.body) == network_of(o->kind, o->body))
		return 0;
	users_text(o, o, users);
	if (!users[0])
		return 0;
	return check_refuse(c, o, "network",
			    "cannot change, since %s \"%s\" is in use by %s, or declare another %s",
			    object_kind_text(o->kind), o->name, users, object_kind_text(o->kind));
}

static int gone_check(struct checking *c, const struct object *o)
{
	char users[USERS_TEXT_MAX];

	if (o->kind == OBJECT_CLUSTER) {
		for (size_t i = 0; i < o->n_referrers && !c->force; i++) {
			const struct object *ep = o->referrers[i];

			if (ep->kind == OBJECT_PRIVATE_ENDPOINT &&
			    object_private_endpoint(ep)->state == ENDPOINT_APPROVED)
				return check_refuse(c, o, NULL,
						    "cluster \"%s\" is in use by private-endpoint "
						    "\"%s\"; delete "
						    "it first, or pass --force (API: ?force=true)",
						    o->name, ep->name);
		}
		for (size_t i = 0; i < o->n_referrers; i++)
			if (o->referrers[i]->kind == OBJECT_ZONE_LINK)
				return check_refuse(c, o, NULL,
						    "cluster \"%s\" is in use by zone-link "
						    "\"%s\"; delete it first",
						    o->name, o->referrers[i]->name);
		return 0;
	}
	users_text(o, NULL, users);
	return users[0] ? check_refuse(c, o, NULL, "%s \"%s\" is in use by %s",
				       object_kind_text(o->kind), o->name, users)
			: 0;
}

/* A private endpoint that no longer leads to a cluster which has no other way in. */
static int lost_way_check(struct checking *c, const struct change *change)
{
	const struct private_endpoint *was = change->before.body;
	const struct object *cluster;

	if (c->force || change->node->o.kind != OBJECT_PRIVATE_ENDPOINT || !was ||
	    was->state != ENDPOINT_APPROVED)
		return 0;
	cluster = was->cluster;
	if (!cluster->body || cluster_has_way_in(cluster))
		return 0;
	return check_refuse(c, &change->node->o, change->node->o.body ? "state" : NULL,
			    "this would leave no way in to cluster \"%s\": it is its last private "
			    "endpoint, and its public one is off; to cut it off all the same, pass "
			    "--force (API: ?force=true)",
			    cluster->name);
}

static int way_in_check(struct checking *c, const struct object *o)
{
	if (c->force || o->kind != OBJECT_CLUSTER || cluster_has_way_in(o))
		return 0;
	return check_refuse(
		c, o, "public.enabled",
		"false would leave no way in, since there is no private endpoint that is "
		"enabled; to "
		"switch the cluster off all the same, pass --force (API: ?force=true)");
}

static int counts_check(struct checking *c, const struct object *o)
{
	static const struct {
		enum object_kind kind;
		enum limit limit;
	} limits[] = {{OBJECT_NETWORK, LIMIT_NETWORKS},
		      {OBJECT_HOST, LIMIT_HOSTS},
		      {OBJECT_ZONE, LIMIT_ZONES}};

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		size_t n = landscape_count(c->l, limits[i].kind);

		if (o->kind != limits[i].kind || n <= limit_get(limits[i].limit))
			continue;
		c->blame = o;
		return err_set(c->e, ERR_TOO_LARGE, NULL,
			       "this would make %zu %ss, the limit is %u", n,
			       object_kind_text(o->kind), limit_get(limits[i].limit));
	}
	return 0;
}

static int each_change(struct checking *c,
		       int (*check)(struct checking *c, const struct change *change))
{
	int r = 0;

	for (size_t i = 0; i < c->l->n_changes && r == 0; i++)
		r = check(c, &c->l->changes[i]);
	return r;
}

static int change_refs(struct checking *c, const struct change *change)
{
	return change->node->o.body ? refs_check(c, &change->node->o) : 0;
}

static int change_gone(struct checking *c, const struct change *change)
{
	return !change->node->o.body && change->before.body ? gone_check(c, &change->node->o) : 0;
}

static int change_rules(struct checking *c, const struct change *change)
{
	const struct object *o = &change->node->o;
	int r;

	if (!o->body)
		return 0;
	r = moved_check(c, change);
	if (r == 0)
		r = object_check(c, o);
	if (r == 0)
		r = way_in_check(c, o);
	if (r == 0 && !change->before.body)
		r = counts_check(c, o);
	return r;
}

int landscape_check(struct landscape *l, bool force, const struct object **ret_blame, struct err *e)
{
	struct checking c = {.l = l, .force = force, .e = e};
	int r;

	l->checked++;
	/* References first: what follows relies on every body that it looks into being there. */
	r = each_change(&c, change_refs);
	if (r == 0)
		r = each_change(&c, change_gone);
	if (r == 0)
		r = each_change(&c, change_rules);
	if (r == 0)
		r = each_change(&c, dependents_check);
	if (r == 0)
		r = each_change(&c, lost_way_check);
	if (r < 0 && ret_blame)
		*ret_blame = c.blame;
	return r;
}
