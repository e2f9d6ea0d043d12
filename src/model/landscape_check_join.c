/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules of what is joined: peerings, hubs, sites. No two routers that are joined have addresses in common, nor have two that a hub or
 * a site joins. */
#include "model/landscape_int.h"

#include "model/limits.h"
#include "model/space.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct member_space {
	struct prefix prefix;
	const struct object *member;
};

struct members {
	struct member_space *spaces;
	size_t n, cap;
};

static int members_add(struct members *m, const struct object *member)
{
	size_t n;
	const struct prefix *spaces = router_spaces(member, &n);

	for (size_t i = 0; i < n; i++) {
		if (m->n == m->cap) {
			size_t cap = m->cap ? m->cap * 2 : 16;
			struct member_space *grown = reallocarray(m->spaces, cap, sizeof(*grown));

			if (!grown)
				return -ERR_NOMEM;
			m->spaces = grown;
			m->cap = cap;
		}
		m->spaces[m->n++] = (struct member_space){spaces[i], member};
	}
	return 0;
}

static int member_add_link(const struct router_link *link, void *arg)
{
	return members_add(arg, link->peer);
}

static int space_cmp(const void *a, const void *b)
{
	const struct member_space *x = a, *y = b;

	return prefix_cmp(&x->prefix, &y->prefix);
}

/* Where o's document names the member. */
static char *member_path(const struct object *o, const struct object *member, char dst[48])
{
	const struct hub *h = object_hub(o);
	const struct site *s = object_site(o);

	dst[0] = '\0';
	for (size_t i = 0; h && i < h->n_attachments; i++)
		if (h->attachments[i].network == member)
			snprintf(dst, 48, "attachments[%zu].network", i);
	for (size_t i = 0; s && i < s->n_connections; i++)
		if (s->connections[i].to == member)
			snprintf(dst, 48, "connections[%zu].network", i);
	return dst;
}

static int members_overlap(struct checking *c, const struct object *o, const struct member_space *a,
			   const struct member_space *b)
{
	char path[48], text[PREFIX_TEXT_MAX], other[PREFIX_TEXT_MAX];

	/* The one that the document names, of two the one that is in the transaction. */
	member_path(o, b->member, path);
	if (!path[0] ||
	    (node_of(a->member)->change && member_path(o, a->member, path)[0] == '\0')) {
		const struct member_space *t = a;

		a = b;
		b = t;
		member_path(o, b->member, path);
	}
	return check_refuse(c, o, path[0] ? path : "addressSpace",
			    "%s \"%s\" (%s) overlaps %s \"%s\" (%s), and %s \"%s\" would join them",
			    object_kind_text(b->member->kind), b->member->name,
			    prefix_format(&b->prefix, text), object_kind_text(a->member->kind),
			    a->member->name, prefix_format(&a->prefix, other),
			    object_kind_text(o->kind), o->name);
}

static int members_check(struct checking *c, const struct object *o, struct members *m)
{
	const struct member_space *widest = NULL;

	if (m->n)
		qsort(m->spaces, m->n, sizeof(*m->spaces), space_cmp);
	/* In order, a prefix comes after those that it is in. */
	for (size_t i = 0; i < m->n; i++) {
		if (widest && prefix_overlaps(&widest->prefix, &m->spaces[i].prefix))
			return members_overlap(c, o, widest, &m->spaces[i]);
		widest = &m->spaces[i];
	}
	return 0;
}

int check_joined(struct checking *c, const struct object *o)
{
	struct members m = {0};
	int r;

	if (node_of(o)->swept == c->l->checked)
		return 0;
	node_of(o)->swept = c->l->checked;
	r = members_add(&m, o);
	if (r == 0)
		r = router_each_link(o, member_add_link, &m);
	r = r < 0 ? err_set(c->e, ERR_NOMEM, NULL, "out of memory") : members_check(c, o, &m);
	free(m.spaces);
	return r;
}

/* --- peerings --------------------------------------------------------------------------------------------- */

static bool same_pair(const struct peering *a, const struct peering *b)
{
	return (a->networks[0] == b->networks[0] && a->networks[1] == b->networks[1]) ||
	       (a->networks[0] == b->networks[1] && a->networks[1] == b->networks[0]);
}

static int peerings_check(struct checking *c, const struct object *o, size_t i)
{
	const struct peering *p = object_peering(o);
	const struct object *network = p->networks[i];
	size_t n = 0;

	for (size_t k = 0; k < network->n_referrers; k++) {
		const struct object *other = network->referrers[k];

		if (other->kind != OBJECT_PEERING)
			continue;
		n++;
		if (other != o && same_pair(p, object_peering(other)))
			return check_refuse(
				c, o, "networks",
				"networks \"%s\" and \"%s\" are joined already, by peering "
				"\"%s\"",
				p->networks[0]->name, p->networks[1]->name, other->name);
	}
	if (n <= limit_get(LIMIT_PEERINGS))
		return 0;
	c->blame = o;
	return err_set(c->e, ERR_TOO_LARGE, "networks",
		       "network \"%s\" would have %zu peerings, the limit is %u", network->name, n,
		       limit_get(LIMIT_PEERINGS));
}

int check_peering(struct checking *c, const struct object *o)
{
	const struct peering *p = object_peering(o);
	const struct network *a = object_network(p->networks[0]),
			     *b = object_network(p->networks[1]);
	char text[PREFIX_TEXT_MAX], other[PREFIX_TEXT_MAX];
	int r = 0;

	for (size_t i = 0; i < 2 && r == 0; i++)
		r = peerings_check(c, o, i);
	if (r < 0)
		return r;
	for (size_t i = 0; i < a->n_spaces; i++)
		for (size_t k = 0; k < b->n_spaces; k++)
			if (prefix_overlaps(&a->spaces[i], &b->spaces[k]))
				return check_refuse(
					c, o, "networks",
					"network \"%s\" (%s) overlaps network \"%s\" (%s): no "
					"address could be told from the other's",
					p->networks[0]->name, prefix_format(&a->spaces[i], text),
					p->networks[1]->name, prefix_format(&b->spaces[k], other));
	return 0;
}

/* --- hubs and sites --------------------------------------------------------------------------------------- */

static int hub_routes_check(struct checking *c, const struct object *o)
{
	const struct hub *h = object_hub(o);
	struct landscape *l = c->l;
	char path[REF_PATH_MAX];

	l->stamp++;
	for (size_t i = 0; i < h->n_attachments; i++)
		node_of(h->attachments[i].network)->stamp = l->stamp;
	for (size_t i = 0; i < o->n_referrers; i++) {
		const struct site *s = object_site(o->referrers[i]);

		if (s)
			node_of(o->referrers[i])->stamp = l->stamp;
	}
	for (size_t i = 0; i < h->n_routes; i++) {
		const struct route *route = &h->routes[i];
		struct ref ref = route_ref(route);

		if (!route->target || node_of(route->target)->stamp == l->stamp)
			continue;
		return check_refuse(
			c, o, ref_path(&ref, path), "%s \"%s\" is not joined to the hub: %s",
			object_kind_text(route->target->kind), route->target->name,
			route->via == VIA_SITE ? "give the site a connection to it" : "attach it");
	}
	return 0;
}

int check_hub(struct checking *c, const struct object *o)
{
	int r = check_joined(c, o);

	return r ? r : hub_routes_check(c, o);
}

int check_site(struct checking *c, const struct object *o)
{
	const struct site *s = object_site(o);
	bool has[FAMILIES] = {false, false};
	int r = check_joined(c, o);

	/* What a hub that it is connected to joins, it is now part of. */
	for (size_t i = 0; i < s->n_connections && r == 0; i++) {
		if (s->connections[i].to->kind != OBJECT_HUB)
			continue;
		r = check_joined(c, s->connections[i].to);
		if (r == -ERR_INVALID && c->blame != o && !node_of(c->blame)->change) {
			char path[48];

			snprintf(path, sizeof(path), "connections[%zu].hub", i);
			if (c->e)
				snprintf(c->e->path, sizeof(c->e->path), "%s", path);
			c->blame = o;
		}
	}
	for (size_t i = 0; i < s->n_spaces; i++)
		has[addr_index(&s->spaces[i].addr)] = true;
	if (r == 0 && s->public_address)
		r = check_public_use(c, o, s->public_address, has, "the site");
	return r ? r : check_router_dns(c, o);
}
