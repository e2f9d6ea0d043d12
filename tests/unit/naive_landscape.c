/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "naive_landscape.h"

#include "base/addr.h"

#include <stdio.h>
#include <string.h>

/* --- documents -------------------------------------------------------------------------------------------- */

static const char *str(const json_t *doc, const char *field)
{
	return json_string_value(json_object_get(doc, field));
}

static const json_t *get(const json_t *world, const char *kind, const char *name)
{
	char key[160];

	if (!name)
		return NULL;
	snprintf(key, sizeof(key), "%s/%s", kind, name);
	return json_object_get(world, key);
}

static bool is(const json_t *doc, const char *kind)
{
	return strcmp(str(doc, "kind"), kind) == 0;
}

static bool same(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

/* The list of the field has the string, or (sub) an object that has it as its `sub`. */
static bool list_has(const json_t *list, const char *sub, const char *name)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		if (same(sub ? str(item, sub) : json_string_value(item), name))
			return true;
	}
	return false;
}

#define EACH(world, key, doc) json_object_foreach((json_t *)(uintptr_t)(world), key, doc)

/* --- prefixes --------------------------------------------------------------------------------------------- */

static struct prefix prefix_of(const json_t *item)
{
	struct prefix p = {0};

	if (prefix_parse(json_string_value(item), json_string_length(item), &p, NULL) < 0)
		p.addr.family = ADDR_NONE;
	return p;
}

static bool in_each_other(const struct prefix *a, const struct prefix *b)
{
	return prefix_contains(a, &b->addr) || prefix_contains(b, &a->addr);
}

static bool lists_overlap(const json_t *a, const json_t *b)
{
	const json_t *x, *y;
	size_t i, k;

	json_array_foreach(a, i, x) json_array_foreach(b, k, y)
	{
		struct prefix p = prefix_of(x), q = prefix_of(y);

		if (in_each_other(&p, &q))
			return true;
	}
	return false;
}

/* Some prefix of the list has all of p. */
static bool list_covers(const json_t *list, const struct prefix *p)
{
	const json_t *x;
	size_t i;

	json_array_foreach(list, i, x)
	{
		struct prefix q = prefix_of(x);

		if (q.len <= p->len && prefix_contains(&q, &p->addr))
			return true;
	}
	return false;
}

static bool list_has_family(const json_t *list, int family)
{
	const json_t *x;
	size_t i;

	json_array_foreach(list, i, x) if (prefix_of(x).addr.family == family) return true;
	return false;
}

static const json_t *spaces(const json_t *world, const char *kind, const char *name)
{
	return json_object_get(get(world, kind, name), "addressSpace");
}

static const char *network_of(const json_t *world, const char *subnet)
{
	return str(get(world, "subnet", subnet), "network");
}

static bool delegated(const json_t *world, const char *subnet)
{
	return same(str(get(world, "subnet", subnet), "delegation"), "clusters");
}

/* --- references ------------------------------------------------------------------------------------------- */

static bool approved(const json_t *ep)
{
	return !str(ep, "state") || same(str(ep, "state"), "approved");
}

typedef bool use_fn(const json_t *user, const char *kind, const char *name, void *arg);

static bool route_uses(const json_t *doc, use_fn *fn, void *arg)
{
	static const char *const ways[][2] = {{"internetGateway", "internet-gateway"},
					      {"natGateway", "nat-gateway"},
					      {"peering", "peering"},
					      {"hub", "hub"},
					      {"site", "site"},
					      {"network", "network"}};
	const json_t *route;
	size_t i;

	if (!is(doc, "route-table") && !is(doc, "hub"))
		return true;
	json_array_foreach(json_object_get(doc, "routes"), i, route)
	{
		for (size_t k = 0; k < 6; k++) {
			const char *name = str(json_object_get(route, "via"), ways[k][0]);

			if (name && !fn(doc, ways[k][1], name, arg))
				return false;
		}
	}
	return true;
}

static bool list_uses(const json_t *doc, const json_t *list, const char *sub, const char *kind,
		      use_fn *fn, void *arg)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		const char *name = sub ? str(item, sub) : json_string_value(item);

		if (name && !fn(doc, kind, name, arg))
			return false;
	}
	return true;
}

/* Everything that a document names. */
static bool each_use(const json_t *doc, use_fn *fn, void *arg)
{
	static const char *const direct[][2] = {{"network", "network"},
						{"subnet", "subnet"},
						{"site", "site"},
						{"routeTable", "route-table"},
						{"publicAddress", "public-address"},
						{"cluster", "cluster"}};
	static const char *const ways[] = {"ingress", "egress"};
	const json_t *section = json_object_get(doc, "private"), *rule;
	bool ok = true;
	size_t i;

	for (size_t k = 0; k < 6 && ok; k++)
		if (str(doc, direct[k][0]))
			ok = fn(doc, direct[k][1], str(doc, direct[k][0]), arg);
	for (size_t k = 0; k < 2 && ok; k++)
		json_array_foreach(json_object_get(doc, ways[k]), i, rule) ok =
			ok && list_uses(doc, json_object_get(rule, "groups"), NULL,
					"security-group", fn, arg);
	return ok && route_uses(doc, fn, arg) &&
	       list_uses(doc, json_object_get(doc, "networks"), NULL, "network", fn, arg) &&
	       list_uses(doc, json_object_get(doc, "securityGroups"), NULL, "security-group", fn,
			 arg) &&
	       list_uses(doc, json_object_get(section, "securityGroups"), NULL, "security-group",
			 fn, arg) &&
	       list_uses(doc, json_object_get(section, "placements"), "subnet", "subnet", fn,
			 arg) &&
	       list_uses(doc, json_object_get(doc, "attachments"), "network", "network", fn, arg) &&
	       list_uses(doc, json_object_get(doc, "connections"), "network", "network", fn, arg) &&
	       list_uses(doc, json_object_get(doc, "connections"), "hub", "hub", fn, arg);
}

static bool is_there(const json_t *user, const char *kind, const char *name, void *arg)
{
	return get(arg, kind, name) ||
	       (is(user, "private-endpoint") && !approved(user) && strcmp(kind, "cluster") == 0);
}

struct looking {
	const char *kind, *name;
};

static bool is_other(const json_t *user, const char *kind, const char *name, void *arg)
{
	const struct looking *for_ = arg;

	return strcmp(kind, for_->kind) != 0 || strcmp(name, for_->name) != 0;
}

/* Somebody but itself names it. */
static bool in_use(const json_t *world, const char *kind, const char *name)
{
	struct looking looking = {kind, name};
	const char *key;
	json_t *doc;

	EACH(world, key, doc)
	{
		if (is(doc, kind) && same(str(doc, "name"), name))
			continue;
		if (!each_use(doc, is_other, &looking))
			return true;
	}
	return false;
}

/* --- addresses -------------------------------------------------------------------------------------------- */

/* Somebody else at the place has the address. */
static bool is_taken(const json_t *world, const char *field, const char *place, const char *address,
		     const json_t *own_list)
{
	const char *key;
	json_t *doc, *placement;
	size_t i;

	EACH(world, key, doc)
	{
		const json_t *list = json_object_get(doc, "addresses");

		if (list != own_list && same(str(doc, field), place) &&
		    list_has(list, NULL, address))
			return true;
		if (strcmp(field, "subnet") != 0)
			continue;
		json_array_foreach(json_object_get(json_object_get(doc, "private"), "placements"),
				   i, placement)
		{
			list = json_object_get(placement, "addresses");
			if (list != own_list && same(str(placement, "subnet"), place) &&
			    list_has(list, NULL, address))
				return true;
		}
	}
	return false;
}

static bool is_reserved(const json_t *ranges, const struct addr *a)
{
	const json_t *x;
	size_t i;

	json_array_foreach(ranges, i, x)
	{
		struct prefix p = prefix_of(x);
		uint64_t host = a->lo - p.addr.lo,
			 size = UINT64_C(1) << ((p.addr.family == ADDR_V4 ? 32 : 128) - p.len);

		/* The worlds of the tests have no range of more than 2^32. */
		if (prefix_contains(&p, a))
			return host < 4 || host == size - 1;
	}
	return false;
}

static const char *place_broken(const json_t *world, const json_t *doc)
{
	const char *field = str(doc, "subnet") ? "subnet" : "site", *place = str(doc, field);
	const json_t *list = json_object_get(doc, "addresses"), *item,
		     *ranges = json_object_get(get(world, field, place),
					       *field == 's' && field[1] == 'u' ? "ranges"
										: "addressSpace");
	size_t i;

	if (json_array_size(list) < 1)
		return "no address";
	json_array_foreach(list, i, item)
	{
		struct prefix one = prefix_of(item);

		if (!list_covers(ranges, &one))
			return "outside";
		if (is_reserved(ranges, &one.addr))
			return "reserved";
		if (is_taken(world, field, place, json_string_value(item), list))
			return "taken";
	}
	return NULL;
}

static bool groups_wrong(const json_t *world, const json_t *list, const char *network)
{
	const json_t *item;
	size_t i;

	json_array_foreach(
		list, i, item) if (!same(str(get(world, "security-group", json_string_value(item)),
					     "network"),
					 network)) return true;
	return false;
}

/* --- kinds ------------------------------------------------------------------------------------------------ */

static const char *subnet_broken(const json_t *world, const json_t *s)
{
	const json_t *range, *ranges = json_object_get(s, "ranges");
	const char *key, *table = str(s, "routeTable");
	json_t *other;
	size_t i;

	json_array_foreach(ranges, i, range)
	{
		struct prefix p = prefix_of(range);

		if (!list_covers(spaces(world, "network", str(s, "network")), &p))
			return "subnet outside";
	}
	EACH(world, key, other)
	{
		if (other != s && is(other, "subnet") &&
		    same(str(other, "network"), str(s, "network")) &&
		    lists_overlap(ranges, json_object_get(other, "ranges")))
			return "subnets overlap";
	}
	if (table && !same(str(get(world, "route-table", table), "network"), str(s, "network")))
		return "another network's table";
	return NULL;
}

static const char *table_broken(const json_t *world, const json_t *t)
{
	const char *network = str(t, "network");
	const json_t *route;
	size_t i;

	json_array_foreach(json_object_get(t, "routes"), i, route)
	{
		struct prefix to = prefix_of(json_object_get(route, "to"));
		const json_t *via = json_object_get(route, "via");
		const char *igw = str(via, "internetGateway"), *nat = str(via, "natGateway"),
			   *peering = str(via, "peering"), *hub = str(via, "hub"),
			   *site = str(via, "site");

		if (list_covers(spaces(world, "network", network), &to))
			return "route inside";
		if (igw && !same(str(get(world, "internet-gateway", igw), "network"), network))
			return "another network's gateway";
		if (nat && !same(network_of(world, str(get(world, "nat-gateway", nat), "subnet")),
				 network))
			return "another network's NAT";
		if (peering &&
		    !list_has(json_object_get(get(world, "peering", peering), "networks"), NULL,
			      network))
			return "not peered";
		if (hub && !list_has(json_object_get(get(world, "hub", hub), "attachments"),
				     "network", network))
			return "not attached";
		if (site && !list_has(json_object_get(get(world, "site", site), "connections"),
				      "network", network))
			return "not connected";
	}
	return NULL;
}

static bool families_met(const json_t *has, const json_t *address)
{
	const json_t *list = json_object_get(address, "addresses");

	return (list_has_family(has, ADDR_V4) && list_has_family(list, ADDR_V4)) ||
	       (list_has_family(has, ADDR_V6) && list_has_family(list, ADDR_V6));
}

static const char *public_broken(const json_t *world, const json_t *doc, const json_t *has)
{
	const char *name = str(doc, "publicAddress"), *key;
	json_t *other;

	if (!name)
		return NULL;
	EACH(world, key, other)
	{
		if (other != doc && same(str(other, "publicAddress"), name))
			return "public address twice";
	}
	return families_met(has, get(world, "public-address", name)) ? NULL : "no family";
}

static const char *address_broken(const json_t *world, const json_t *p)
{
	const json_t *item;
	const char *key;
	json_t *other;
	size_t i;

	EACH(world, key, other)
	{
		if (other == p || !is(other, "public-address"))
			continue;
		json_array_foreach(
			json_object_get(p, "addresses"), i,
			item) if (list_has(json_object_get(other, "addresses"), NULL,
					   json_string_value(
						   item))) return "public address of another";
	}
	return json_array_size(json_object_get(p, "addresses")) ? NULL : "no address";
}

static const char *peering_broken(const json_t *world, const json_t *p)
{
	const json_t *pair = json_object_get(p, "networks");
	const char *a = json_string_value(json_array_get(pair, 0)),
		   *b = json_string_value(json_array_get(pair, 1)), *key;
	json_t *other;

	EACH(world, key, other)
	{
		const json_t *theirs = json_object_get(other, "networks");

		if (other != p && is(other, "peering") && list_has(theirs, NULL, a) &&
		    list_has(theirs, NULL, b))
			return "peered twice";
	}
	return lists_overlap(spaces(world, "network", a), spaces(world, "network", b))
		       ? "peers overlap"
		       : NULL;
}

static const char *hub_broken(const json_t *world, const json_t *h)
{
	const json_t *attachments = json_object_get(h, "attachments"), *route;
	const json_t *members[64];
	size_t n = 0, i;
	const json_t *item;
	const char *key;
	json_t *doc;

	json_array_foreach(attachments, i, item) members[n++] =
		spaces(world, "network", str(item, "network"));
	EACH(world, key, doc)
	{
		if (is(doc, "site") &&
		    list_has(json_object_get(doc, "connections"), "hub", str(h, "name")))
			members[n++] = json_object_get(doc, "addressSpace");
	}
	for (size_t a = 0; a < n; a++)
		for (size_t b = 0; b < a; b++)
			if (lists_overlap(members[a], members[b]))
				return "hub members overlap";
	json_array_foreach(json_object_get(h, "routes"), i, route)
	{
		const json_t *via = json_object_get(route, "via");
		const char *network = str(via, "network"), *site = str(via, "site");

		if (network && !list_has(attachments, "network", network))
			return "hub routes to what is not attached";
		if (site && !list_has(json_object_get(get(world, "site", site), "connections"),
				      "hub", str(h, "name")))
			return "hub routes to what is not connected";
	}
	return NULL;
}

static const char *site_broken(const json_t *world, const json_t *s)
{
	const json_t *members[64] = {json_object_get(s, "addressSpace")}, *item;
	size_t n = 1, i;

	json_array_foreach(json_object_get(s, "connections"), i, item) if (str(item, "network"))
		members[n++] = spaces(world, "network", str(item, "network"));
	for (size_t a = 0; a < n; a++)
		for (size_t b = 0; b < a; b++)
			if (lists_overlap(members[a], members[b]))
				return "site overlaps";
	return public_broken(world, s, members[0]);
}

static const char *host_broken(const json_t *world, const json_t *h)
{
	const char *subnet = str(h, "subnet"), *r, *key;
	const json_t *attach = json_object_get(h, "attach");
	json_t *other;

	if (subnet && delegated(world, subnet))
		return "host in a delegated subnet";
	if (subnet &&
	    groups_wrong(world, json_object_get(h, "securityGroups"), network_of(world, subnet)))
		return "another network's group";
	r = place_broken(world, h);
	EACH(world, key, other)
	{
		if (attach && other != h && json_equal(attach, json_object_get(other, "attach")))
			return "attached twice";
	}
	return r ? r : public_broken(world, h, json_object_get(h, "addresses"));
}

static const char *endpoint_broken(const json_t *world, const json_t *ep)
{
	if (delegated(world, str(ep, "subnet")))
		return "endpoint in a delegated subnet";
	if (groups_wrong(world, json_object_get(ep, "securityGroups"),
			 network_of(world, str(ep, "subnet"))))
		return "another network's group";
	return place_broken(world, ep);
}

static bool has_way_in(const json_t *world, const json_t *c)
{
	const json_t *section = json_object_get(c, "private");
	const char *key;
	json_t *doc;

	if (!json_is_false(json_object_get(json_object_get(c, "public"), "enabled")) ||
	    (json_array_size(json_object_get(section, "placements")) &&
	     !json_is_false(json_object_get(section, "enabled"))))
		return true;
	EACH(world, key, doc)
	{
		if (is(doc, "private-endpoint") && approved(doc) &&
		    same(str(doc, "cluster"), str(c, "name")))
			return true;
	}
	return false;
}

static const char *cluster_broken(const json_t *world, const json_t *c)
{
	const json_t *section = json_object_get(c, "private"), *p;
	const json_t *list = json_object_get(section, "placements");
	const char *kind = str(section, "kind"),
		   *first = network_of(world, str(json_array_get(list, 0), "subnet"));
	size_t i;

	json_array_foreach(list, i, p)
	{
		const char *network = network_of(world, str(p, "subnet")), *r;

		if (same(kind, "integrated") != delegated(world, str(p, "subnet")))
			return "delegation";
		if (same(kind, "interfaces") && !same(network, first))
			return "placements in two networks";
		if (groups_wrong(world, json_object_get(section, "securityGroups"), network))
			return "another network's group";
		r = place_broken(world, p);
		if (r)
			return r;
	}
	return has_way_in(world, c) ? NULL : "no way in";
}

static const char *group_broken(const json_t *world, const json_t *g)
{
	static const char *const ways[] = {"ingress", "egress"};
	const json_t *rule;
	size_t i;

	for (size_t k = 0; k < 2; k++)
		json_array_foreach(
			json_object_get(g, ways[k]), i,
			rule) if (groups_wrong(world, json_object_get(rule, "groups"),
					       str(g, "network"))) return "another network's group";
	return NULL;
}

static const char *gateway_broken(const json_t *world, const json_t *g)
{
	const char *key;
	json_t *other;

	EACH(world, key, other)
	{
		if (other != g && is(other, "internet-gateway") &&
		    same(str(other, "network"), str(g, "network")))
			return "two gateways";
	}
	return NULL;
}

static const char *nat_broken(const json_t *world, const json_t *g)
{
	const char *subnet = str(g, "subnet");

	if (delegated(world, subnet))
		return "NAT in a delegated subnet";
	return public_broken(world, g, json_object_get(get(world, "subnet", subnet), "ranges"));
}

static const char *doc_broken(const json_t *world, const json_t *doc)
{
	static const struct {
		const char *kind;
		const char *(*broken)(const json_t *, const json_t *);
	} kinds[] = {{"subnet", subnet_broken},
		     {"route-table", table_broken},
		     {"internet-gateway", gateway_broken},
		     {"nat-gateway", nat_broken},
		     {"public-address", address_broken},
		     {"peering", peering_broken},
		     {"hub", hub_broken},
		     {"site", site_broken},
		     {"security-group", group_broken},
		     {"host", host_broken},
		     {"private-endpoint", endpoint_broken},
		     {"cluster", cluster_broken}};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (is(doc, kinds[i].kind))
			return kinds[i].broken(world, doc);
	return NULL;
}

const char *naive_broken(const json_t *world, const json_t *before)
{
	static const char *const fixed[] = {"subnet", "route-table", "internet-gateway",
					    "security-group"};
	const char *key, *r;
	json_t *doc;

	EACH(world, key, doc)
	if (!each_use(doc, is_there, (void *)(uintptr_t)world))
		return "not declared";
	EACH(world, key, doc)
	{
		r = doc_broken(world, doc);
		if (r)
			return r;
	}
	EACH(world, key, doc)
	{
		const json_t *was = json_object_get(before, key);

		for (size_t i = 0; was && i < 4; i++)
			if (is(doc, fixed[i]) && !same(str(was, "network"), str(doc, "network")) &&
			    in_use(world, fixed[i], str(doc, "name")))
				return "moved while in use";
	}
	return NULL;
}
