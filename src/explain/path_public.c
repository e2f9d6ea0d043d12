/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The way out to the internet, and the public endpoint there. */
#include "explain/path_int.h"

bool path_is_public(const struct path *p, const struct addr *a)
{
	for (size_t i = 0; i < p->q->n_public_addresses; i++)
		if (addr_is_equal(&p->q->public_addresses[i], a))
			return true;
	return false;
}

/* RFC 1918, 6598, 3927, 4193, 4291: never routed on the internet. */
static bool is_private(const struct addr *a)
{
	static const struct prefix ranges[] = {
		{{.family = ADDR_V4, .lo = 0x0a000000}, 8},
		{{.family = ADDR_V4, .lo = 0xac100000}, 12},
		{{.family = ADDR_V4, .lo = 0xc0a80000}, 16},
		{{.family = ADDR_V4, .lo = 0x64400000}, 10},
		{{.family = ADDR_V4, .lo = 0xa9fe0000}, 16},
		{{.family = ADDR_V6, .hi = UINT64_C(0xfc00) << 48}, 7},
		{{.family = ADDR_V6, .hi = UINT64_C(0xfe80) << 48}, 10},
	};

	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
		if (prefix_contains(&ranges[i], a))
			return true;
	return false;
}

static enum path_reason reason_of(enum explain_reason r)
{
	static const enum path_reason reasons[] = {
		[EXPLAIN_PUBLIC_OFF] = PATH_PUBLIC_OFF,
		[EXPLAIN_OPEN] = PATH_OPEN,
		[EXPLAIN_RANGE] = PATH_RANGE,
		[EXPLAIN_NOT_IN_RANGES] = PATH_NOT_IN_RANGES,
		[EXPLAIN_NO_RANGES] = PATH_NO_RANGES,
	};

	return reasons[r];
}

static bool public_judge(struct path *p)
{
	struct explain_answer a;

	explain_source(p->q->public_rules, &p->answer->seen, &a);
	p->answer->range = a.range;
	if (a.reached)
		return path_reached(p, p->q->cluster, reason_of(a.reason), "%s", a.rule);
	return path_fail(p, p->q->cluster, reason_of(a.reason), "%s", a.rule);
}

static bool internet(struct path *p, const struct object *by)
{
	char to[ADDR_TEXT_MAX], seen[ADDR_TEXT_MAX];

	addr_format(&p->to, to);
	if (!path_is_public(p, &p->to) && is_private(&p->to))
		return path_fail(p, by, PATH_NOT_ON_INTERNET,
				 "%s is a private address: the internet has no route to it", to);
	if (!path_is_public(p, &p->to))
		return path_fail(p, by, PATH_NOT_ON_INTERNET,
				 "%s is none of the addresses of the public endpoint", to);
	path_ok(p, by, "the internet sees %s", addr_format(&p->answer->seen, seen));
	return public_judge(p);
}

static const struct addr *public_of(const struct object *public_address, enum family f)
{
	const struct public_address *a =
		public_address ? object_public_address(public_address) : NULL;

	return a && a->addresses[f].family != ADDR_NONE ? &a->addresses[f] : NULL;
}

static const char *family_text(enum family f)
{
	return f == V6 ? "IPv6" : "IPv4";
}

static bool by_internet_gateway(struct path *p, const struct way *w)
{
	enum family f = addr_index(&p->to);
	const struct addr *own = public_of(p->host ? p->host->public_address : NULL, f);

	if (!own)
		return path_fail(p, w->by, PATH_NO_PUBLIC_ADDRESS,
				 "%s has no public %s address, and an internet gateway lets only "
				 "those out that have one",
				 p->who, family_text(f));
	p->answer->seen = *own;
	return internet(p, w->by);
}

static bool by_site(struct path *p, const struct way *w)
{
	enum family f = addr_index(&p->to);
	const struct addr *own = public_of(object_site(w->by)->public_address, f);

	if (!own)
		return path_fail(p, w->by, PATH_NO_PUBLIC_ADDRESS,
				 "site \"%s\" has no public %s address", w->by->name,
				 family_text(f));
	p->answer->seen = *own;
	return internet(p, w->by);
}

static bool by_nat_gateway(struct path *p, const struct way *w)
{
	const struct nat_gateway *nat = object_nat_gateway(w->by);
	enum family f = addr_index(&p->to);
	const struct addr *own = public_of(nat->public_address, f);
	char to[ADDR_TEXT_MAX];
	struct way out;

	way_find(p->router, nat->subnet, &p->to, &out);
	if (out.kind != WAY_INTERNET)
		return path_fail(p, w->by, PATH_NAT_WITHOUT_WAY_OUT,
				 "NAT gateway \"%s\" has no way out: its own subnet \"%s\" has no "
				 "route by an internet gateway to %s",
				 w->by->name, nat->subnet->name, addr_format(&p->to, to));
	if (!own)
		return path_fail(
			p, w->by, PATH_NAT_WITHOUT_WAY_OUT,
			"NAT gateway \"%s\" has no way out: its public address \"%s\" is no "
			"%s address",
			w->by->name, nat->public_address->name, family_text(f));
	p->answer->seen = *own;
	return internet(p, w->by);
}

bool path_go_out(struct path *p, const struct way *w)
{
	if (w->kind == WAY_NAT)
		return by_nat_gateway(p, w);
	return w->by->kind == OBJECT_SITE ? by_site(p, w) : by_internet_gateway(p, w);
}
