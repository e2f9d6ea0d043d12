/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/kind.h"

#include "model/body.h"
#include "model/cluster.h"
#include "model/name.h"
#include "model/resolver.h"
#include "model/schema.h"
#include "model/tsig_key.h"
#include "model/zone.h"

#include <stdio.h>
#include <string.h>

static int cluster_check(const json_t *doc, bool force, struct err *e)
{
	struct cluster c;
	int r = cluster_from_json(doc, force, &c, e);

	if (!r)
		cluster_done(&c);
	return r;
}

/* The kinds of networks need no more than their reader, without a landscape to look names up in. */
#define NET_KIND_CHECK(fn, kind)                                            \
	static int fn##_check(const json_t *doc, bool force, struct err *e) \
	{                                                                   \
		void *body;                                                 \
		int r = body_parse(kind, doc, NULL, NULL, &body, e);        \
                                                                            \
		if (r == 0)                                                 \
			body_free(kind, body);                              \
		return r;                                                   \
	}
NET_KIND_CHECK(network, OBJECT_NETWORK)
NET_KIND_CHECK(subnet, OBJECT_SUBNET)
NET_KIND_CHECK(route_table, OBJECT_ROUTE_TABLE)
NET_KIND_CHECK(internet_gateway, OBJECT_INTERNET_GATEWAY)
NET_KIND_CHECK(nat_gateway, OBJECT_NAT_GATEWAY)
NET_KIND_CHECK(public_address, OBJECT_PUBLIC_ADDRESS)
NET_KIND_CHECK(peering, OBJECT_PEERING)
NET_KIND_CHECK(hub, OBJECT_HUB)
NET_KIND_CHECK(site, OBJECT_SITE)
NET_KIND_CHECK(security_group, OBJECT_SECURITY_GROUP)
NET_KIND_CHECK(host, OBJECT_HOST)
NET_KIND_CHECK(private_endpoint, OBJECT_PRIVATE_ENDPOINT)
NET_KIND_CHECK(zone, OBJECT_ZONE)
NET_KIND_CHECK(zone_link, OBJECT_ZONE_LINK)
NET_KIND_CHECK(tsig_key, OBJECT_TSIG_KEY)
#undef NET_KIND_CHECK

static const struct kind kinds[] = {
	{"cluster", "clusters", cluster_check, cluster_fold_names},
	{"network", "networks", network_check, resolver_fold_names},
	{"subnet", "subnets", subnet_check, NULL},
	{"route-table", "route-tables", route_table_check, NULL},
	{"internet-gateway", "internet-gateways", internet_gateway_check, NULL},
	{"nat-gateway", "nat-gateways", nat_gateway_check, NULL},
	{"public-address", "public-addresses", public_address_check, NULL},
	{"peering", "peerings", peering_check, NULL},
	{"hub", "hubs", hub_check, NULL},
	{"site", "sites", site_check, resolver_fold_names},
	{"security-group", "security-groups", security_group_check, NULL},
	{"host", "hosts", host_check, NULL},
	{"private-endpoint", "private-endpoints", private_endpoint_check, NULL},
	{"zone", "zones", zone_check, zone_fold_names},
	{"zone-link", "zone-links", zone_link_check, NULL},
	{"tsig-key", "tsig-keys", tsig_key_check, tsig_key_fold_names, "secret"},
};

const struct kind *kind_find(const char *name_or_plural)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kinds[i].name, name_or_plural) ||
		    !strcmp(kinds[i].plural, name_or_plural))
			return &kinds[i];
	return NULL;
}

const struct kind *kind_at(size_t i)
{
	return i < ARRAY_SIZE(kinds) ? &kinds[i] : NULL;
}

#define KINDS_TEXT_MAX 320 /* fits into a message with the rest of the sentence */

static int kind_unknown(const json_t *kind, struct err *e)
{
	char all[KINDS_TEXT_MAX] = "", quoted[64];
	size_t used = 0;

	for (size_t i = 0; i < ARRAY_SIZE(kinds) && used < sizeof(all); i++)
		used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s", i ? ", " : "",
					 kinds[i].name);
	str_quote(quoted, sizeof(quoted), json_string_value(kind), json_string_length(kind));
	return err_set(e, ERR_INVALID, "kind", "\"%s\" is not a kind; the kinds are: %s", quoted,
		       all);
}

/* Exactly the kind's name: the plural is for URLs. */
static const struct kind *kind_named(const json_t *kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strlen(kinds[i].name) == json_string_length(kind) &&
		    strcmp(kinds[i].name, json_string_value(kind)) == 0)
			return &kinds[i];
	}
	return NULL;
}

int kind_of(const json_t *doc, const struct kind **ret_kind, const char **ret_name, struct err *e)
{
	static const struct schema_field fields[] = {
		{"kind", SCHEMA_STRING, true, NULL},
		{"name", SCHEMA_STRING, true, NULL},
		{0},
	};
	const json_t *kind = json_object_get(doc, "kind"), *name = json_object_get(doc, "name");
	const struct kind *found;
	int r;

	if (!json_is_object(doc))
		return schema_wrong_type(e, NULL, SCHEMA_OBJECT, doc);
	r = schema_check_known(doc, fields, NULL, e);
	if (r < 0)
		return r;
	found = kind_named(kind);
	if (!found)
		return kind_unknown(kind, e);
	r = object_name_check(json_string_value(name), json_string_length(name), e);
	if (r < 0) {
		err_under(e, "name");
		return r;
	}
	*ret_kind = found;
	*ret_name = json_string_value(name);
	return 0;
}

json_t *kind_public(const struct kind *k, const json_t *doc)
{
	json_t *copy;

	if (!doc)
		return NULL;
	if (!k || !k->secret || !json_object_get(doc, k->secret))
		return json_incref((json_t *)(uintptr_t)doc);
	copy = json_copy((json_t *)(uintptr_t)doc);
	if (copy)
		json_object_del(copy, k->secret);
	return copy;
}

json_t *kind_normalize(const struct kind *k, const json_t *doc)
{
	json_t *copy = json_deep_copy(doc);

	if (copy && k->normalize && k->normalize(copy) < 0) {
		json_decref(copy);
		return NULL;
	}
	return copy;
}
