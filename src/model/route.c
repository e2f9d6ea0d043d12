/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Routes, as route tables and hubs have them. */
#include "model/field.h"
#include "model/space.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAYS_MAX 8

struct route_reading {
	const struct reading *rd;
	const struct route_way *ways;
	struct route *route;
};

static int to_check(const json_t *v, void *arg, struct err *e)
{
	struct route *route = ((struct route_reading *)arg)->route;
	char text[PREFIX_TEXT_MAX];
	int r = prefix_parse(json_string_value(v), json_string_length(v), &route->to, e);

	/* A default route has them within; only what is nothing else is a mistake. */
	if (r == 0 && route->to.len >= 4 && prefix_special(&route->to))
		return err_set(e, ERR_INVALID, NULL, "%s has addresses that are %s: never routed",
			       prefix_format(&route->to, text), prefix_special(&route->to));
	return r;
}

static void ways_text(const struct route_way *ways, char *dst, size_t cap)
{
	size_t used = 0;

	dst[0] = '\0';
	for (size_t i = 0; ways[i].name && used < cap; i++)
		used += (size_t)snprintf(dst + used, cap - used, "%s%s", i ? ", " : "",
					 ways[i].name);
}

static int via_one(const struct route_reading *rr, const struct route_way *way, const json_t *v,
		   struct err *e)
{
	rr->route->via = way->via;
	if (way->via != VIA_DROP)
		return field_ref(rr->rd, way->kind, v, &rr->route->target, e);
	if (json_is_true(v))
		return 0;
	return err_set(e, ERR_INVALID, NULL,
		       "must be true; leave the route out to have no such rule");
}

static int via_check(const json_t *v, void *arg, struct err *e)
{
	const struct route_reading *rr = arg;
	struct schema_field fields[WAYS_MAX] = {0};
	char all[160];
	int r;

	for (size_t i = 0; rr->ways[i].name; i++)
		fields[i] = (struct schema_field){.name = rr->ways[i].name, .type = SCHEMA_ANY};
	r = schema_check(v, fields, NULL, e);
	if (r < 0)
		return r;
	ways_text(rr->ways, all, sizeof(all));
	if (json_object_size(v) != 1)
		return err_set(e, ERR_INVALID, NULL, "must have exactly one of %s, not %zu of them",
			       all, json_object_size(v));
	for (size_t i = 0; rr->ways[i].name; i++) {
		const json_t *value = json_object_get(v, rr->ways[i].name);

		if (!value)
			continue;
		r = via_one(rr, &rr->ways[i], value, e);
		if (r < 0)
			err_under(e, rr->ways[i].name);
	}
	return r;
}

static const struct schema_field route_fields[] = {
	{"to", SCHEMA_STRING, true, to_check},
	{"via", SCHEMA_OBJECT, true, via_check},
	{0},
};

/* Longest first, so that the first that has an address decides. */
static int route_cmp(const void *a, const void *b)
{
	const struct route *x = a, *y = b;
	int r;

	if (x->to.len != y->to.len)
		return x->to.len > y->to.len ? -1 : 1;
	r = prefix_cmp(&x->to, &y->to);
	return r ? r : (x->index > y->index) - (x->index < y->index);
}

static int routes_sort(struct route *routes, size_t n, struct err *e)
{
	char text[PREFIX_TEXT_MAX];

	qsort(routes, n, sizeof(*routes), route_cmp);
	for (size_t i = 1; i < n; i++) {
		if (prefix_cmp(&routes[i - 1].to, &routes[i].to) != 0)
			continue;
		err_set(e, ERR_INVALID, "to", "%s has a route already, item %u of the list",
			prefix_format(&routes[i].to, text), routes[i - 1].index);
		return field_under_index(e, routes[i].index, -ERR_INVALID);
	}
	return 0;
}

int field_routes(const struct reading *rd, const json_t *list, const struct route_way *ways,
		 size_t max, const char *what, struct route **ret_routes, size_t *ret_n,
		 struct err *e)
{
	size_t n = json_array_size(list);

	if (n > max)
		return err_set(e, ERR_TOO_LARGE, NULL, "has %zu items; %s at most %zu routes", n,
			       what, max);
	*ret_routes = calloc(n ? n : 1, sizeof(**ret_routes));
	if (!*ret_routes)
		return field_no_memory(e);
	for (size_t i = 0; i < n; i++) {
		const json_t *item = json_array_get(list, i);
		struct route_reading rr = {rd, ways, &(*ret_routes)[i]};
		int r = json_is_object(item) ? schema_check(item, route_fields, &rr, e)
					     : schema_wrong_type(e, NULL, SCHEMA_OBJECT, item);
		if (r < 0)
			return field_under_index(e, i, r);
		rr.route->index = (uint32_t)i;
	}
	*ret_n = n;
	return routes_sort(*ret_routes, n, e);
}

struct ref route_ref(const struct route *route)
{
	static const char *const fields[] = {
		[VIA_DROP] = "via.drop",
		[VIA_INTERNET_GATEWAY] = "via.internetGateway",
		[VIA_NAT_GATEWAY] = "via.natGateway",
		[VIA_PEERING] = "via.peering",
		[VIA_HUB] = "via.hub",
		[VIA_SITE] = "via.site",
		[VIA_NETWORK] = "via.network",
	};

	return (struct ref){route->target, "routes", fields[route->via], route->index, REF_NONE};
}
