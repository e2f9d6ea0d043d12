/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules of addresses: private ones at their place, public ones and who uses them, and what hosts are attached to. */
#include "model/landscape_int.h"

#include "model/space.h"

#include <stdio.h>

/* The range of the place that has the address; NULL if none. */
static const struct prefix *range_of(const struct object *where, const struct addr *a)
{
	const struct subnet *subnet = object_subnet(where);
	const struct site *site = object_site(where);

	if (subnet)
		return prefix_contains(&subnet->ranges[addr_index(a)], a)
			       ? &subnet->ranges[addr_index(a)]
			       : NULL;
	for (size_t i = 0; i < site->n_spaces; i++)
		if (prefix_contains(&site->spaces[i], a))
			return &site->spaces[i];
	return NULL;
}

/* "10.0.0.0/24, 2001:db8::/64" */
static char *ranges_text(const struct object *where, char dst[2 * PREFIX_TEXT_MAX + 4])
{
	const struct subnet *subnet = object_subnet(where);
	const struct prefix *ranges = subnet ? subnet->ranges : object_site(where)->spaces;
	size_t n = subnet ? FAMILIES : object_site(where)->n_spaces, used = 0;
	char text[PREFIX_TEXT_MAX];

	dst[0] = '\0';
	for (size_t i = 0; i < n && i < 2; i++)
		if (ranges[i].addr.family != ADDR_NONE)
			used += (size_t)snprintf(dst + used, 2 * PREFIX_TEXT_MAX + 4 - used, "%s%s",
						 used ? ", " : "", prefix_format(&ranges[i], text));
	return dst;
}

static int address_check(struct checking *c, const struct object *o, const struct place *p,
			 const struct addr *a, const char *path)
{
	const struct prefix *range = range_of(p->where, a);
	const char *kind = object_kind_text(p->where->kind), *name = p->where->name;
	char text[ADDR_TEXT_MAX], ranges[2 * PREFIX_TEXT_MAX + 4];
	const struct node *rival;

	addr_format(a, text);
	if (!range)
		return check_refuse(c, o, path, "%s is outside of %s \"%s\" (%s)", text, kind, name,
				    ranges_text(p->where, ranges));
	if (address_is_reserved(range, a))
		return check_refuse(c, o, path,
				    "%s is reserved in %s \"%s\": the first %d addresses of %s are "
				    "(network, "
				    "gateway, resolver, one spare), and the last one",
				    text, kind, name, SUBNET_RESERVED,
				    prefix_format(range, ranges));
	rival = claim_other(c->l, p->where, a, node_of(o));
	if (rival)
		return check_refuse(
			c, o, path,
			"%s is taken in %s \"%s\", by %s \"%s\"; name another one, or none "
			"to have one allocated",
			text, kind, name, object_kind_text(rival->o.kind), rival->o.name);
	return 0;
}

int check_place(struct checking *c, const struct object *o, const struct place *p, const char *path)
{
	int r = 0;

	if (p->addresses[V4].family == ADDR_NONE && p->addresses[V6].family == ADDR_NONE)
		return check_refuse(c, o, path, "must have an address of %s \"%s\"",
				    object_kind_text(p->where->kind), p->where->name);
	for (size_t f = 0; f < FAMILIES && r == 0; f++)
		if (p->addresses[f].family != ADDR_NONE)
			r = address_check(c, o, p, &p->addresses[f], path);
	return r;
}

/* --- public addresses ------------------------------------------------------------------------------------- */

int check_public_address(struct checking *c, const struct object *o)
{
	const struct public_address *p = object_public_address(o);
	char text[ADDR_TEXT_MAX];

	if (p->addresses[V4].family == ADDR_NONE && p->addresses[V6].family == ADDR_NONE)
		return check_refuse(c, o, "addresses", "must have an address");
	for (size_t f = 0; f < FAMILIES; f++) {
		const struct addr *a = &p->addresses[f];
		const struct node *rival;

		if (a->family == ADDR_NONE)
			continue;
		if (landscape_is_taken(c->l, a))
			return check_refuse(c, o, "addresses",
					    "%s is the machine's own: a public listener has it",
					    addr_format(a, text));
		rival = claim_other(c->l, c->l, a, node_of(o));
		if (rival)
			return check_refuse(c, o, "addresses",
					    "%s belongs to public-address \"%s\" already",
					    addr_format(a, text), rival->o.name);
	}
	return 0;
}

int check_public_use(struct checking *c, const struct object *o, const struct object *address,
		     const bool has[FAMILIES], const char *what)
{
	const struct public_address *p = object_public_address(address);
	bool is_common = false;

	for (size_t i = 0; i < address->n_referrers; i++) {
		const struct object *other = address->referrers[i];

		if (other != o)
			return check_refuse(
				c, o, "publicAddress",
				"public-address \"%s\" is in use by %s \"%s\" already; it "
				"serves one object",
				address->name, object_kind_text(other->kind), other->name);
	}
	for (size_t f = 0; f < FAMILIES; f++)
		is_common |= has[f] && p->addresses[f].family != ADDR_NONE;
	if (is_common)
		return 0;
	return check_refuse(c, o, "publicAddress",
			    "public-address \"%s\" has no %s address, and %s has no other",
			    address->name, has[V4] ? "IPv4" : "IPv6", what);
}

/* --- groups ----------------------------------------------------------------------------------------------- */

int check_groups(struct checking *c, const struct object *o, struct object *const *groups, size_t n,
		 const struct object *network, const char *path)
{
	for (size_t i = 0; i < n; i++) {
		const struct object *own = object_security_group(groups[i])->network;
		char at[64];

		if (own == network)
			continue;
		snprintf(at, sizeof(at), "%s[%zu]", path, i);
		return check_refuse(
			c, o, at, "security-group \"%s\" belongs to network \"%s\", not to \"%s\"",
			groups[i]->name, own->name, network->name);
	}
	return 0;
}
