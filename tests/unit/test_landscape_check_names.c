/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules of names between objects. */
#include "landscape_rig.h"

#include "base/cleanup.h"
#include "model/limits.h"

/* Two networks with a cluster each, zones of either sort, links. */
#define NAMES                                                                               \
	"kind: network\nname: n\naddressSpace: [10.0.0.0/16]\n---\n"                        \
	"kind: subnet\nname: s\nnetwork: n\nranges: [10.0.0.0/24]\n---\n"                   \
	"kind: network\nname: m\naddressSpace: [10.1.0.0/16]\n---\n"                        \
	"kind: subnet\nname: t\nnetwork: m\nranges: [10.1.0.0/24]\n---\n"                   \
	"kind: site\nname: office\naddressSpace: [192.168.0.0/24]\n---\n"                   \
	"kind: zone\nname: pub\ndomain: example.org\nvisibility: public\n---\n"             \
	"kind: zone\nname: corp\ndomain: corp.example\nvisibility: private\nrecords:\n"     \
	"  - {name: www, type: A, values: [10.0.0.80]}\n"                                   \
	"  - {name: api, type: TXT, values: [mine]}\n---\n"                                 \
	"kind: zone\nname: corp2\ndomain: corp.example\nvisibility: private\n---\n"         \
	"kind: zone-link\nname: corp-n\nzone: corp\nnetwork: n\n---\n"                      \
	"kind: zone-link\nname: corp2-m\nzone: corp2\nnetwork: m\n---\n" OWN "---\n" SYSTEM \
	"---\nkind: zone-link\nname: sys-m\ncluster: sys\nnetwork: m\n"
#define CLUSTER(name, fqdn, subnet)                                                              \
	"kind: cluster\nname: " name "\nupstreams: [{address: 127.0.0.1}]\npublic: {fqdn: " fqdn \
	"}\nprivate: {kind: private-link, placements: [{subnet: " subnet "}]}\n"
#define OWN		   CLUSTER("own", "api.example.net", "s") "dns: {zone: own, ownZone: corp}\n"
#define SYSTEM		   CLUSTER("sys", "api.example.com", "s") "dns: {zone: system}\n"
#define ZONE(name, domain) "kind: zone\nname: " name "\ndomain: " domain "\nvisibility: private\n"
#define EP(name, cluster, subnet) \
	"kind: private-endpoint\nname: " name "\ncluster: " cluster "\nsubnet: " subnet "\n"

static const struct {
	const char *yaml, *deleted, *blame, *path, *says;
} bad[] = {
	{"kind: zone\nname: x\ndomain: Example.org\nvisibility: public\n", NULL, "zone/x", "domain",
	 "is the domain of zone \"pub\", which is public"},
	{"kind: zone\nname: corp\ndomain: corp.example\nvisibility: public\n", NULL, "zone/corp",
	 "visibility", "in use by cluster \"own\" and 1 more"},
	{"kind: zone-link\nname: x\nzone: pub\nnetwork: n\n", NULL, "zone-link/x", "zone",
	 "seen everywhere and needs no link"},
	{"kind: zone-link\nname: x\nzone: nowhere\nnetwork: n\n", NULL, "zone-link/x", "zone",
	 "not declared"},
	{"kind: zone-link\nname: x\nzone: corp\nsite: nowhere\n", NULL, "zone-link/x", "site",
	 "not declared"},
	{"kind: zone-link\nname: x\ncluster: own\nnetwork: m\n", NULL, "zone-link/x", "cluster",
	 "has no zone that the system keeps"},
	{"kind: zone-link\nname: x\nzone: corp\nnetwork: n\n", NULL, "zone-link/x", "zone",
	 "linked to network \"n\" already, by zone-link \"corp-n\""},
	{"kind: zone-link\nname: x\ncluster: sys\nnetwork: m\n", NULL, "zone-link/x", "cluster",
	 "already, by zone-link \"sys-m\""},
	{"kind: zone-link\nname: x\nzone: corp2\nnetwork: n\n", NULL, "zone-link/x", "zone",
	 "has a zone of domain corp.example already, zone \"corp\""},
	{ZONE("corp3", "corp.other") "---\nkind: zone-link\nname: x\nzone: corp3\nsite: "
				     "office\n---\n" ZONE(
					     "corp4",
					     "corp.other") "---\nkind: zone-link\nname: y\nzone: "
							   "corp4\nsite: office\n",
	 NULL, "zone-link/y", "zone", "site \"office\" has a zone of domain corp.other already"},
	/* A zone that takes the domain of another where both are linked. */
	{ZONE("corp3", "corp.other") "---\nkind: zone-link\nname: x\nzone: corp3\nnetwork: "
				     "m\n---\n" ZONE("corp2", "corp.other"),
	 NULL, "zone/corp2", "", "has a zone of domain corp.other already"},
	/* The system's zones count, too. */
	{ZONE("x", "sys.privatelink.example.com") "---\nkind: zone-link\nname: x\nzone: x\n"
						  "network: n\n",
	 NULL, "zone-link/x", "zone", "cluster \"sys\" (zone: system)"},
	{CLUSTER("two", "b.example.com", "s") "dns: {zone: system, privateFqdn: "
					      "b.sys.privatelink.example.com}\n",
	 NULL, "cluster/two", "dns.privateFqdn",
	 "network \"n\" has a zone of domain sys.privatelink.example.com already"},
	{EP("e", "sys", "t") "---\n" CLUSTER(
		 "two", "b.example.com",
		 "t") "dns: {zone: own, ownZone: privatelink, privateFqdn: "
		      "api.sys.privatelink.example.com}\n"
		      "---\n" ZONE("privatelink", "privatelink.example.com") "---\n" EP("f", "two",
											"t"),
	 NULL, "private-endpoint/f", "cluster",
	 "the private name of cluster \"two\" is that of cluster \"sys\""},
	/* Own zones. */
	{CLUSTER("own", "api.example.net", "s") "dns: {zone: own, ownZone: pub}\n", NULL,
	 "cluster/own", "dns.ownZone", "zone \"pub\" is public"},
	{CLUSTER("own", "api.example.net", "s") "dns: {zone: own, ownZone: none}\n", NULL,
	 "cluster/own", "dns.ownZone", "not declared"},
	{CLUSTER("own", "api.example.net", "s") "dns: {zone: own, ownZone: corp, privateFqdn: "
						"api.corp2.example}\n",
	 NULL, "cluster/own", "dns.privateFqdn", "not below corp.example"},
	{CLUSTER("own", "api.example.net", "s") "dns: {zone: own, ownZone: corp, privateFqdn: "
						"corp.example}\n",
	 NULL, "cluster/own", "dns.privateFqdn", "not below corp.example"},
	{CLUSTER("own", "api.example.net", "s") "dns: {zone: own, ownZone: corp, privateFqdn: "
						"www.corp.example}\n",
	 NULL, "cluster/own", "dns.ownZone", "has a record of its own at \"www\" (A)"},
	{CLUSTER("two", "b.example.com", "t") "dns: {zone: own, ownZone: corp, privateFqdn: "
					      "api.corp.example}\n",
	 NULL, "cluster/two", "dns.privateFqdn",
	 "is the private name of cluster \"own\" in zone \"corp\" already"},
	{ZONE("corp", "corp.example") "records: [{name: b, type: A, values: [10.0.0.1]}, {name: "
				      "api, type: AAAA, values: [\"::9\"]}]\n",
	 NULL, "zone/corp", "records[1].name", "\"api\" belongs to cluster \"own\""},
	{ZONE("corp", "corp.example") "records: [{name: api, type: CNAME, values: [a.b]}]\n", NULL,
	 "zone/corp", "records[0].name", "belongs to cluster \"own\""},
	{CLUSTER("sys", "api.example.com", "s"), NULL, "cluster/sys", "dns.zone",
	 "zone-link \"sys-m\" links that zone"},
	/* What is in use. */
	{NULL, "zone/corp", "zone/corp", "", "in use by cluster \"own\" and 1 more"},
	{NULL, "zone/corp2", "zone/corp2", "", "in use by zone-link \"corp2-m\""},
	{NULL, "cluster/sys", "cluster/sys", "", "in use by zone-link \"sys-m\""},
	{NULL, "subnet/t network/m", "network/m", "", "in use by zone-link \"corp2-m\" and 1 more"},
	/* Resolvers that would ask themselves. */
	{"kind: network\nname: n\naddressSpace: [10.0.0.0/16]\ndns: {servers: [10.0.9.2, "
	 "10.0.0.2]}\n",
	 NULL, "network/n", "dns.servers[1]", "resolver address of network \"n\""},
	{"kind: site\nname: office\naddressSpace: [192.168.0.0/24]\ndns: {forward: [{domain: a.b, "
	 "servers: [192.168.0.2]}]}\n",
	 NULL, "site/office", "dns.forward[0].servers[0]", "resolver address of site \"office\""},
	{"kind: site\nname: office\naddressSpace: [192.168.0.0/24, \"fd00:1::/64\"]\n"
	 "dns: {servers: [\"fd00:1::2\"]}\n",
	 NULL, "site/office", "dns.servers[0]", "resolver address of site \"office\""},
	{"kind: network\nname: n\naddressSpace: [10.0.0.0/16]\ndns: {servers: [10.0.9.2]}\n---\n"
	 "kind: subnet\nname: u\nnetwork: n\nranges: [10.0.9.0/24]\n",
	 NULL, "network/n", "dns.servers[0]", "ask itself"},
};

static struct landscape *names_world(void)
{
	struct landscape *l;
	struct err e;

	assert_int_equal(landscape_new(&l, &e), 0);
	must_apply(l, NAMES);
	return l;
}

static void test_refusals(void **state)
{
	struct landscape *l = names_world();

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		json_t *docs = bad[i].yaml ? documents(bad[i].yaml) : json_array();
		struct verdict v = landscape_apply(l, docs, bad[i].deleted, false);

		if (v.r != -ERR_INVALID || strcmp(v.blame, bad[i].blame) != 0 ||
		    strcmp(v.e.path, bad[i].path) != 0 || !strstr(v.e.text, bad[i].says))
			fail_msg("%s %s\ngave %d, %s at '%s': %s", bad[i].yaml, bad[i].deleted, v.r,
				 v.blame, v.e.path, v.e.text);
		json_decref(docs);
	}
	landscape_free(l);
}

static void test_allowed(void **state)
{
	struct landscape *l = names_world();
	json_t *none = json_array();

	/* The same domain in two places, and public besides. */
	must_apply(l, "kind: zone\nname: p2\ndomain: corp.example\nvisibility: public\n");
	/* Where the cluster is, its zone may be linked as well, to say that it falls through. */
	must_apply(l,
		   "kind: zone-link\nname: sys-n\ncluster: sys\nnetwork: n\nfallThrough: true\n");
	/* A text beside the cluster's addresses; the record gone, its name is free. */
	must_apply(l,
		   ZONE("corp", "corp.example") "records: [{name: api, type: TXT, values: [x]}]\n");
	must_apply(l,
		   CLUSTER("own", "api.example.net",
			   "s") "dns: {zone: own, ownZone: corp, privateFqdn: www.corp.example}\n");
	/* Names change places in one change. */
	must_apply(l,
		   CLUSTER("two", "b.example.com",
			   "t") "dns: {zone: own, ownZone: corp, privateFqdn: b.corp.example}\n");
	must_apply(l, CLUSTER("two", "b.example.com",
			      "t") "dns: {zone: own, ownZone: corp, privateFqdn: "
				   "www.corp.example}\n---\n" CLUSTER(
					   "own", "api.example.net",
					   "s") "dns: {zone: own, ownZone: corp, "
						"privateFqdn: b.corp.example}\n");
	/* A server of the network itself that is no resolver; the resolver of another one. */
	must_apply(l, "kind: network\nname: n\naddressSpace: [10.0.0.0/16]\ndns: {servers: "
		      "[10.0.0.9, 10.0.7.2, 10.1.0.2]}\n");
	/* All of a domain moves to the other zone at once. */
	assert_int_equal(landscape_apply(l, none, "zone-link/corp2-m", false).r, 0);
	must_apply(l, "kind: zone-link\nname: corp-m\nzone: corp\nnetwork: m\n");
	assert_int_equal(
		landscape_apply(l, none, "zone-link/sys-m zone-link/sys-n cluster/sys", false).r,
		0);
	json_decref(none);
	landscape_free(l);
}

/* A change that makes something wrong that is not in it is itself to blame. */
static void test_dependents(void **state)
{
	struct landscape *l = names_world();
	json_t *docs = documents(ZONE("corp", "corp.other"));
	struct verdict v;

	must_apply(l,
		   CLUSTER("own", "api.example.net",
			   "s") "dns: {zone: own, ownZone: corp, privateFqdn: api.corp.example}\n");
	v = landscape_apply(l, docs, NULL, false);
	assert_int_equal(v.r, -ERR_INVALID);
	assert_string_equal(v.blame, "zone/corp");
	assert_string_equal(v.e.path, "domain");
	assert_non_null(strstr(v.e.text, "break cluster \"own\""));
	json_decref(docs);
	docs = documents("kind: subnet\nname: s9\nnetwork: n\nranges: [10.0.9.0/24]\n");
	must_apply(l, "kind: network\nname: n\naddressSpace: [10.0.0.0/16]\ndns: {servers: "
		      "[10.0.9.2]}\n");
	v = landscape_apply(l, docs, NULL, false);
	assert_int_equal(v.r, -ERR_INVALID);
	assert_string_equal(v.blame, "subnet/s9");
	assert_string_equal(v.e.path, "ranges");
	assert_non_null(strstr(v.e.text, "make 10.0.9.2 a resolver address"));
	json_decref(docs);
	landscape_free(l);
}

static json_t *many(size_t n, const char *kind, bool of_one_zone)
{
	json_t *docs = json_array();

	for (size_t i = 0; i < n; i++) {
		char name[32];

		snprintf(name, sizeof(name), "x%zu", i);
		if (strcmp(kind, "network") == 0)
			json_array_append_new(docs, json_pack("{ss,ss,s[s]}", "kind", kind, "name",
							      name, "addressSpace", "10.0.0.0/16"));
		else if (strcmp(kind, "zone") == 0)
			json_array_append_new(docs,
					      json_pack("{ss,ss,ss,ss}", "kind", kind, "name", name,
							"domain", name, "visibility", "private"));
		else
			json_array_append_new(docs,
					      json_pack("{ss,ss,ss,ss}", "kind", kind, "name", name,
							"zone", of_one_zone ? "corp2" : name,
							"network", of_one_zone ? name : "n"));
	}
	return docs;
}

/* Zones that are read from the store, where one of their keys cannot be, do not stand in the way of the other's change. */
static void test_key_that_is_not_there(void **state)
{
	struct landscape *l = names_world();
	json_t *docs = documents("kind: tsig-key\nname: k\n---\n"
				 "kind: zone\nname: kept\ndomain: kept.example\n"
				 "visibility: private\ntransfer: [k, gone]\nupdate: [gone]\n");
	struct object *o;
	struct err e;

	landscape_begin(l);
	assert_int_equal(landscape_put(l, OBJECT_TSIG_KEY, 50, json_array_get(docs, 0), &o, &e), 0);
	assert_int_equal(landscape_put(l, OBJECT_ZONE, 51, json_array_get(docs, 1), &o, &e), 0);
	landscape_commit(l);
	json_decref(docs);
	must_apply(l, "kind: tsig-key\nname: k\nkeyName: other\n");
	landscape_free(l);
}

static void test_limits(void **state)
{
	struct landscape *l = names_world();
	json_t *networks = many(1001, "network", false), *zones = many(1001, "zone", false),
	       *of_zone = many(1000, "zone-link", true),
	       *of_network = many(1000, "zone-link", false);
	struct verdict v;

	assert_int_equal(landscape_apply(l, networks, NULL, false).r, 0);
	assert_int_equal(landscape_apply(l, zones, NULL, false).r, 0);
	limit_profile_set(PROFILE_CLOUD);
	v = landscape_apply(l, of_zone, NULL, false); /* and corp2-m */
	assert_int_equal(v.r, -ERR_TOO_LARGE);
	assert_non_null(
		strstr(v.e.text, "zone \"corp2\" would have 1001 links, the limit is 1000"));
	v = landscape_apply(l, of_network, NULL, false); /* and corp-n */
	assert_int_equal(v.r, -ERR_TOO_LARGE);
	assert_non_null(strstr(v.e.text, "would have 1001 linked zones, the limit is 1000"));
	json_array_remove(of_zone, 999);
	assert_int_equal(landscape_apply(l, of_zone, NULL, false).r, 0);
	limit_profile_set(PROFILE_OPEN);
	assert_int_equal(landscape_apply(l, of_zone, "zone-link/x1", false).r, 0);
	json_decref(networks);
	json_decref(zones);
	json_decref(of_zone);
	json_decref(of_network);
	landscape_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusals),   cmocka_unit_test(test_allowed),
		cmocka_unit_test(test_dependents), cmocka_unit_test(test_key_that_is_not_there),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
