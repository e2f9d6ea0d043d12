/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Random documents of everything that names depend on. The includer has below(n).
 */
#pragma once

#include "landscape_rig.h"

static void set(json_t *doc, const char *field, json_t *value)
{
	json_object_set_new(doc, field, value);
}

static json_t *name_of(const char *stem, size_t n)
{
	return json_sprintf("%s%zu", stem, below(n));
}

/* --- documents -------------------------------------------------------------------------------------------- */

static const char *const domains[] = {"a.example", "b.example", "p.a.example", "c0.a.example",
				      "x.c0.privatelink.a.example"};

static json_t *servers_make(void)
{
	static const char *const servers[] = {"192.0.2.53", "2001:db8:ffff::53", "10.0.7.9"};
	const size_t n = below(3), first = below(3);
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_string(servers[(first + i) % 3]));
	return list;
}

static void resolver_fill(json_t *d, bool is_network)
{
	json_t *dns = json_object(), *forwards = json_array();

	if (is_network && below(3) == 0)
		set(dns, "clusterNames", json_boolean(below(2)));
	if (below(4) == 0)
		set(dns, "enabled", json_boolean(below(2)));
	if (below(2))
		set(dns, "servers", servers_make());
	for (size_t i = 0; i < 3; i++) {
		json_t *servers = servers_make();

		if (below(3) == 0 && json_array_size(servers))
			json_array_append_new(forwards,
					      json_pack("{ss,sO}", "domain",
							i == 2 ? "fwd.example" : domains[i + 1],
							"servers", servers));
		json_decref(servers);
	}
	set(dns, "forward", forwards);
	set(d, "dns", dns);
}

static void network_fill(json_t *d)
{
	set(d, "addressSpace", json_pack("[ss]", "10.0.0.0/16", "2001:db8::/48"));
	if (below(2))
		resolver_fill(d, true);
}

static void site_fill(json_t *d)
{
	set(d, "addressSpace", json_pack("[s]", "192.168.0.0/24"));
	if (below(2))
		resolver_fill(d, false);
}

static void subnet_fill(json_t *d)
{
	set(d, "network", name_of("n", 3));
	set(d, "ranges",
	    json_pack("[oo]", json_sprintf("10.0.%zu.0/24", below(8)),
		      json_sprintf("2001:db8:0:%zu::/64", below(8))));
}

/* Every set once, whatever the others are; some do not go together, and the document is refused. */
static void records_fill(json_t *records)
{
	static const struct {
		const char *name, *type, *values[2];
	} sets[] = {
		{"www", "A", {"1.1.1.1", "2.2.2.2"}},
		{"x", "A", {"1.1.1.1", "3.3.3.3"}},
		{"@", "AAAA", {"2001:db8::1", "2001:db8::2"}},
		{"*", "TXT", {"\"a\"", "\"b\" \"c\""}},
		{"@", "MX", {"10 x.b.example.", "20 www.a.example."}},
		{"a.b", "CNAME", {"www.a.example.", NULL}},
		{"sub", "NS", {"x.b.example.", "ns.elsewhere.example."}},
		{"*.w", "A", {"4.4.4.4", "5.5.5.5"}},
	};

	for (size_t i = 0; i < sizeof(sets) / sizeof(*sets); i++) {
		json_t *values = json_array();

		if (below(3))
			goto next;
		json_array_append_new(values, json_string(sets[i].values[0]));
		if (sets[i].values[1] && below(2))
			json_array_append_new(values, json_string(sets[i].values[1]));
		json_array_append_new(records, json_pack("{ss,ss,sO}", "name", sets[i].name, "type",
							 sets[i].type, "values", values));
	next:
		json_decref(values);
	}
}

static void zone_fill(json_t *d)
{
	json_t *records = json_array();

	set(d, "domain", json_string(domains[below(5)]));
	set(d, "visibility", json_string(below(3) ? "private" : "public"));
	records_fill(records);
	set(d, "records", records);
}

static void zone_link_fill(json_t *d)
{
	if (below(3))
		set(d, "zone", name_of("z", 4));
	else
		set(d, "cluster", name_of("c", 4));
	if (below(4))
		set(d, "network", name_of("n", 3));
	else
		set(d, "site", name_of("o", 1));
	if (below(2))
		set(d, "fallThrough", json_true());
}

static void dns_fill(json_t *d)
{
	static const char *const hosts[] = {"x", "www", "c0", "c1"};
	json_t *dns = json_object();
	size_t zone = below(3);

	if (zone == 1)
		set(dns, "zone", json_string("system"));
	if (zone == 2) {
		set(dns, "zone", json_string("own"));
		set(dns, "ownZone", name_of("z", 4));
	}
	if (zone && below(3) == 0)
		set(dns, "privateFqdn", json_sprintf("%s.%s", hosts[below(4)], domains[below(5)]));
	if (below(2))
		set(dns, "publicName", json_boolean(below(2)));
	set(d, "dns", dns);
}

static void cluster_fill(json_t *d)
{
	static const char *const kinds[] = {"interfaces", "private-link"};
	json_t *private = json_object(), *placements = json_array();
	size_t n = below(3), first = below(5);

	set(d, "upstreams", json_pack("[{ss}]", "address", "127.0.0.1"));
	set(d, "public",
	    json_pack("{so,sb,s[o]}", "fqdn",
		      json_sprintf("%s.a.example", json_string_value(json_object_get(d, "name"))),
		      "enabled", below(2), "names",
		      json_sprintf("alt.%s.b.example",
				   json_string_value(json_object_get(d, "name")))));
	for (size_t i = 0; i < n; i++)
		json_array_append_new(placements, json_pack("{so}", "subnet",
							    json_sprintf("s%zu", (first + i) % 5)));
	set(private, "kind", json_string(kinds[below(2)]));
	set(private, "enabled", json_boolean(below(4)));
	set(private, "placements", placements);
	set(d, "private", private);
	if (below(3))
		dns_fill(d);
}

static void endpoint_fill(json_t *d)
{
	set(d, "cluster", name_of("c", 4));
	set(d, "subnet", name_of("s", 5));
	if (below(3) == 0)
		set(d, "dns", json_boolean(below(2)));
	if (below(4) == 0)
		set(d, "state", json_string("pending"));
}

static const struct {
	enum object_kind kind;
	const char *stem;
	size_t n;
	void (*fill)(json_t *d);
} sorts[] = {
	{OBJECT_NETWORK, "n", 3, network_fill},
	{OBJECT_SITE, "o", 1, site_fill},
	{OBJECT_SUBNET, "s", 5, subnet_fill},
	{OBJECT_ZONE, "z", 4, zone_fill},
	{OBJECT_ZONE_LINK, "l", 5, zone_link_fill},
	{OBJECT_CLUSTER, "c", 4, cluster_fill},
	{OBJECT_PRIVATE_ENDPOINT, "e", 4, endpoint_fill},
};

static json_t *random_doc(size_t sort)
{
	json_t *doc = json_pack("{ss,so}", "kind", object_kind_text(sorts[sort].kind), "name",
				name_of(sorts[sort].stem, sorts[sort].n));
	struct err e = {0};

	sorts[sort].fill(doc);
	/* Some combinations are refused by themselves. */
	if (kind_find(object_kind_text(sorts[sort].kind))->check(doc, true, &e) < 0) {
		json_decref(doc);
		return NULL;
	}
	return doc;
}
