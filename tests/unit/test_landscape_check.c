/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every rule between objects, each by the one change that breaks it: who is blamed, the field, the sentence. */
#include "landscape_rig.h"

#include "base/cleanup.h"

#define P                                                                               \
	"kind: cluster\nname: prod\nupstreams: [{address: 127.0.0.1}]\npublic: {fqdn: " \
	"prod.example.org"
#define PROD	P "}\nprivate: "
#define PRIVATE P ", enabled: false}\nprivate: "
#define NET	"kind: network\nname: net\naddressSpace: "
#define EP	"kind: private-endpoint\nname: ep\n"
#define EP_OFF	"kind: private-endpoint\nname: ep\ncluster: prod\nsubnet: alone1\nstate: rejected\n"
#define GROUP	"kind: security-group\nname: g\nnetwork: "
#define HOST	"kind: host\nname: new\nsubnet: "
#define TABLE	"kind: route-table\nname: t\nnetwork: net\nroutes: "

static const struct {
	const char *text, *deleted, *blame, *path, *says;
} bad[] = {
	/* what is named and not there */
	{"kind: subnet\nname: new\nnetwork: x\nranges: [10.0.9.0/24]\n", NULL, "subnet/new",
	 "network", "network \"x\" is not declared; declare it in the same change, or before"},
	{"kind: host\nname: a\nsubnet: x\n", NULL, "host/a", "subnet", "not declared"},
	{"kind: host\nname: a\nsite: x\n", NULL, "host/a", "site", "site \"x\" is not declared"},
	{HOST "priv\nsecurityGroups: [web, x]\n", NULL, "host/new", "securityGroups[1]",
	 "security-group \"x\" is not declared"},
	{HOST "priv\n", "subnet/priv", "host/new", "subnet", "is deleted by the same change"},
	{TABLE "[{to: 0.0.0.0/0, via: {hub: x}}]\n", NULL, "route-table/t", "routes[0].via.hub",
	 "hub \"x\" is not declared"},
	{"kind: peering\nname: q\nnetworks: [net, x]\n", NULL, "peering/q", "networks[1]",
	 "not declared"},
	{"kind: hub\nname: i\nattachments: [{network: net}, {network: x}]\n", NULL, "hub/i",
	 "attachments[1].network", "not declared"},
	{GROUP "net\negress: [{protocol: any, groups: [web]}, {protocol: any, groups: [web, x]}]\n",
	 NULL, "security-group/g", "egress[1].groups[1]", "not declared"},
	{EP "cluster: x\nsubnet: alone1\n", NULL, "private-endpoint/ep", "cluster",
	 "cluster \"x\" is not declared"},
	{PROD "{kind: interfaces, placements: [{subnet: x}]}\n", NULL, "cluster/prod",
	 "private.placements[0].subnet", "not declared"},

	/* subnets */
	{"kind: subnet\nname: new\nnetwork: net\nranges: [10.5.0.0/24]\n", NULL, "subnet/new",
	 "ranges", "10.5.0.0/24 is outside of the address space of network \"net\" (10.0.0.0/16"},
	{"kind: subnet\nname: new\nnetwork: net\nranges: [10.0.0.0/8]\n", NULL, "subnet/new",
	 "ranges", "outside"},
	{"kind: subnet\nname: new\nnetwork: net\nranges: [10.0.1.0/24]\n", NULL, "subnet/new",
	 "ranges", "10.0.1.0/24 overlaps 10.0.1.0/28 of subnet \"priv\""},
	{"kind: subnet\nname: aaa\nnetwork: net\nranges: [10.0.0.0/20]\n", NULL, "subnet/aaa",
	 "ranges", "overlaps 10.0.0.0/24 of subnet \"pub\""},
	{"kind: subnet\nname: priv\nnetwork: net\nranges: [10.0.0.128/28]\n", NULL, "subnet/priv",
	 "ranges", "overlaps 10.0.0.0/24 of subnet \"pub\""},
	{"kind: subnet\nname: new\nnetwork: peer\nranges: [10.1.9.0/24]\nrouteTable: rt\n", NULL,
	 "subnet/new", "routeTable", "belongs to network \"net\", not to \"peer\""},
	{"kind: subnet\nname: priv\nnetwork: net\nranges: [10.0.3.0/28]\n", NULL, "subnet/priv",
	 "ranges", "this would break host \"b\" (addresses): 10.0.1.9 is outside of subnet"},
	{"kind: subnet\nname: priv\nnetwork: net\nranges: [10.0.1.0/28]\ndelegation: clusters\n",
	 NULL, "subnet/priv", "delegation", "delegated to clusters"},
	{"kind: subnet\nname: priv\nnetwork: peer\nranges: [10.1.3.0/28]\n", NULL, "subnet/priv",
	 "network", "is in use by host \"b\" and 1 more"},
	{"kind: security-group\nname: web\nnetwork: peer\n", NULL, "security-group/web", "network",
	 "is in use by"},
	{NET "[10.0.0.0/24, \"2001:db8::/48\"]\n", NULL, "network/net", "addressSpace",
	 "this would break subnet \""},
	{NET "[10.0.0.0/8, \"2001:db8::/48\"]\n", NULL, "network/net", "addressSpace",
	 "this would break"},

	/* addresses */
	{HOST "priv\naddresses: [10.0.0.9]\n", NULL, "host/new", "addresses",
	 "10.0.0.9 is outside of subnet \"priv\" (10.0.1.0/28)"},
	{HOST "priv\naddresses: [\"2001:db8::9\"]\n", NULL, "host/new", "addresses", "outside"},
	{HOST "priv\naddresses: [10.0.1.3]\n", NULL, "host/new", "addresses",
	 "is reserved in subnet \"priv\": the first 4 addresses of 10.0.1.0/28"},
	{HOST "priv\naddresses: [10.0.1.15]\n", NULL, "host/new", "addresses", "reserved"},
	{HOST "priv\naddresses: [10.0.1.9]\n", NULL, "host/new", "addresses",
	 "10.0.1.9 is taken in subnet \"priv\", by host \"b\""},
	{HOST "priv\naddresses: [10.0.1.4]\n", NULL, "host/new", "addresses",
	 "by cluster \"prod\""},
	{HOST "deleg\n", NULL, "host/new", "subnet", "delegated to clusters"},
	{HOST "peer1\nsecurityGroups: [web]\n", NULL, "host/new", "securityGroups[0]",
	 "security-group \"web\" belongs to network \"net\", not to \"peer\""},
	{HOST "priv\npublicAddress: pa2\n", NULL, "host/new", "publicAddress",
	 "public-address \"pa2\" is in use by host \"a\" already"},
	{HOST "priv\npublicAddress: pa3\n", NULL, "host/new", "publicAddress",
	 "in use by site \"office\""},
	{"kind: public-address\nname: six\naddresses: [\"2001:db8:9::1\"]\n---\n" HOST
	 "priv\npublicAddress: six\n",
	 NULL, "host/new", "publicAddress", "has no IPv4 address, and the host has no other"},
	{HOST "priv\nattach: {namespace: other}\n", NULL, "host/new", "attach.namespace",
	 "attached already, as host \"b\""},
	{"kind: host\nname: new\nsite: office\naddresses: [10.0.0.9]\n", NULL, "host/new",
	 "addresses", "outside of site \"office\" (192.168.0.0/24)"},
	{"kind: site\nname: office\naddressSpace: [192.168.1.0/24]\n"
	 "connections: [{network: net}, {hub: h}]\n",
	 NULL, "site/office", "connections", "this would break host \"printer\""},

	/* public addresses */
	{"kind: public-address\nname: new\naddresses: [198.51.100.9]\n", NULL, "public-address/new",
	 "addresses", "198.51.100.9 belongs to public-address \"pa2\" already"},
	{"kind: public-address\nname: new\naddresses: [192.0.2.1]\n", NULL, "public-address/new",
	 "addresses", "the machine's own"},
	{"kind: public-address\nname: pa1\naddresses: [\"2001:db8:9::1\"]\n---\n"
	 "kind: subnet\nname: pub\nnetwork: net\nranges: [10.0.0.0/24]\nrouteTable: rt\n",
	 "cluster/prod host/a private-endpoint/ep", "public-address/pa1", "addresses",
	 "this would break nat-gateway \"nat\" (publicAddress): public-address \"pa1\" has no "
	 "IPv4"},

	/* gateways and routes */
	{"kind: internet-gateway\nname: igw2\nnetwork: net\n", NULL, "internet-gateway/igw2",
	 "network", "has internet-gateway \"igw\" already"},
	{"kind: nat-gateway\nname: new\nsubnet: deleg\npublicAddress: pa2\n", NULL,
	 "nat-gateway/new", "subnet", "delegated"},
	{"kind: nat-gateway\nname: new\nsubnet: priv\npublicAddress: pa2\n", NULL,
	 "nat-gateway/new", "publicAddress", "in use by host \"a\""},
	{TABLE "[{to: 10.0.128.0/17, via: {drop: true}}]\n", NULL, "route-table/t", "routes[0].to",
	 "inside of the address space of network \"net\""},
	{"kind: route-table\nname: t\nnetwork: peer\nroutes: [{to: 0.0.0.0/0, via: "
	 "{internetGateway: igw}}]\n",
	 NULL, "route-table/t", "routes[0].via.internetGateway", "belongs to another network"},
	{"kind: route-table\nname: t\nnetwork: peer\nroutes: [{to: 0.0.0.0/0, via: {natGateway: "
	 "nat}}]\n",
	 NULL, "route-table/t", "routes[0].via.natGateway", "in a subnet of another network"},
	{"kind: route-table\nname: t\nnetwork: spoke\nroutes: [{to: 0.0.0.0/0, via: {peering: "
	 "p}}]\n",
	 NULL, "route-table/t", "routes[0].via.peering", "does not join this network, \"spoke\""},
	{"kind: route-table\nname: t\nnetwork: peer\nroutes: [{to: 0.0.0.0/0, via: {hub: h}}]\n",
	 NULL, "route-table/t", "routes[0].via.hub", "has no attachment"},
	{"kind: route-table\nname: t\nnetwork: peer\nroutes: [{to: 1.0.0.0/8, via: {drop: true}}, "
	 "{to: 0.0.0.0/0, via: {site: office}}]\n",
	 NULL, "route-table/t", "routes[1].via.site", "has no connection"},
	{"kind: peering\nname: p\nnetworks: [spoke, peer]\n", NULL, "peering/p", "networks",
	 "this would break route-table \"rt\" (routes[1].via.peering)"},
	{"kind: hub\nname: h\nattachments: [{network: spoke}]\n", NULL, "hub/h", "attachments",
	 "this would break route-table \"rt\" (routes[2].via.hub)"},
	{"kind: site\nname: office\naddressSpace: [192.168.0.0/24]\nconnections: [{hub: h}]\n",
	 NULL, "site/office", "connections", "this would break route-table \"rt\""},
	{"kind: site\nname: office\naddressSpace: [192.168.0.0/24]\nconnections: [{network: "
	 "net}]\n",
	 NULL, "site/office", "connections", "this would break hub \"h\" (routes[1].via.site)"},

	/* joined networks */
	{"kind: peering\nname: q\nnetworks: [peer, net]\n", NULL, "peering/q", "networks",
	 "are joined already, by peering \"p\""},
	{"kind: peering\nname: q\nnetworks: [net, alone]\n", NULL, "peering/q", "networks",
	 "network \"net\" (10.0.0.0/16) overlaps network \"alone\" (10.0.0.0/16)"},
	{"kind: hub\nname: i\nattachments: [{network: alone}, {network: peer}, {network: net}]\n",
	 NULL, "hub/i", "attachments[2].network", "overlaps network \"alone\""},
	{"kind: hub\nname: h\nattachments: [{network: net}, {network: spoke}]\nroutes: [{to: "
	 "1.0.0.0/8, via: {network: peer}}]\n",
	 NULL, "hub/h", "routes[0].via.network", "is not joined to the hub: attach it"},
	{"kind: hub\nname: i\nroutes: [{to: 1.0.0.0/8, via: {site: office}}]\n", NULL, "hub/i",
	 "routes[0].via.site", "give the site a connection"},
	{"kind: site\nname: s2\naddressSpace: [10.1.0.0/24]\nconnections: [{network: peer}]\n",
	 NULL, "site/s2", "connections[0].network",
	 "network \"peer\" (10.1.0.0/16) overlaps site \"s2\" (10.1.0.0/24)|site \"s2\""},
	{"kind: site\nname: s2\naddressSpace: [10.77.0.0/24]\nconnections: [{network: alone}, "
	 "{network: net}]\n",
	 NULL, "site/s2", "connections[1].network|connections[0].network", "overlaps"},
	{"kind: site\nname: s2\naddressSpace: [10.2.3.0/24]\nconnections: [{hub: h}]\n", NULL,
	 "site/s2", "connections[0].hub", "overlaps"},
	{"kind: network\nname: spoke\naddressSpace: [192.168.0.0/16]\n", NULL, "network/spoke",
	 "addressSpace", "this would break hub \"h\""},
	{"kind: network\nname: peer\naddressSpace: [10.1.0.0/16, 10.0.0.0/16]\n", NULL,
	 "network/peer", "addressSpace", "this would break peering \"p\""},

	/* groups */
	{GROUP "peer\ningress: [{protocol: any, groups: [web]}]\n", NULL, "security-group/g",
	 "ingress[0].groups[0]", "belongs to network \"net\", not to \"peer\""},

	/* endpoints */
	{EP "cluster: prod\nsubnet: deleg\n", NULL, "private-endpoint/ep", "subnet", "delegated"},
	{EP "cluster: prod\nsubnet: alone1\nsecurityGroups: [web]\n", NULL, "private-endpoint/ep",
	 "securityGroups[0]", "belongs to network \"net\""},
	{EP "cluster: prod\nsubnet: alone1\naddresses: [10.0.0.2]\n", NULL, "private-endpoint/ep",
	 "addresses", "reserved"},
	{PROD "{kind: interfaces, placements: [{subnet: pub}, {subnet: peer1}]}\n", NULL,
	 "cluster/prod", "private.placements[1].subnet", "interfaces are all in one network"},
	{PROD "{kind: integrated, placements: [{subnet: pub}]}\n", NULL, "cluster/prod",
	 "private.placements[0].subnet", "is not delegated"},
	{PROD "{kind: private-link, placements: [{subnet: deleg}]}\n", NULL, "cluster/prod",
	 "private.placements[0].subnet", "delegated to clusters"},
	{PROD "{kind: private-link, placements: [{subnet: pub}, {subnet: peer1}], "
	      "securityGroups: [web]}\n",
	 NULL, "cluster/prod", "private.securityGroups[0]", "belongs to network \"net\""},
	{PROD "{kind: interfaces, placements: [{subnet: pub, addresses: [10.0.1.9]}]}\n", NULL,
	 "cluster/prod", "private.placements[0].addresses", "outside"},

	/* a way in */
	{PRIVATE "{kind: none}\n---\n" EP_OFF, NULL, "cluster/prod", "public.enabled", "no way in"},
	{PRIVATE "{kind: interfaces, enabled: false, placements: [{subnet: pub}]}\n",
	 "private-endpoint/ep", "cluster/prod", "public.enabled", "no way in"},

	/* in use */
	{NULL, "network/alone", "network/alone", "",
	 "network \"alone\" is in use by subnet \"alone1\"; delete it first"},
	{NULL, "network/net", "network/net", "",
	 "network \"net\" is in use by subnet \"deleg\" and 9 more; delete them first"},
	{NULL, "security-group/node", "security-group/node", "",
	 "in use by security-group \"web\""},
	{NULL, "public-address/pa2", "public-address/pa2", "", "in use by host \"a\""},
	{NULL, "route-table/rt", "route-table/rt", "", "in use by subnet \"pub\""},
	{NULL, "peering/p", "peering/p", "", "in use by route-table \"rt\""},
	{NULL, "cluster/prod", "cluster/prod", "", "in use by private-endpoint \"ep\""},
};

/* One of the parts of `any`, separated by '|', is (whole) the text, or is in it. */
static bool has_one(const char *text, const char *any, bool whole)
{
	char part[300];

	for (;;) {
		size_t len = strcspn(any, "|");

		snprintf(part, sizeof(part), "%.*s", (int)len, any);
		if (whole ? strcmp(text, part) == 0 : strstr(text, part) != NULL)
			return true;
		if (!any[len])
			return false;
		any += len + 1;
	}
}

static void test_refusals(void **state)
{
	static const struct addr taken[] = {{.lo = 0xc0000201, .family = ADDR_V4}};
	struct landscape *l = world();
	struct err e;

	assert_int_equal(landscape_set_taken(l, taken, 1, &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		json_t *docs = bad[i].text ? documents(bad[i].text) : json_array();
		struct verdict v = landscape_apply(l, docs, bad[i].deleted, false);

		if (v.r != -ERR_INVALID || strcmp(v.blame, bad[i].blame) != 0 ||
		    !has_one(v.e.path, bad[i].path, true) || !has_one(v.e.text, bad[i].says, false))
			fail_msg("%s- %s\ngave %d, %s at '%s': %s", bad[i].text ? bad[i].text : "",
				 bad[i].deleted ? bad[i].deleted : "", v.r, v.blame, v.e.path,
				 v.e.text);
		json_decref(docs);
	}
	/* Nothing of all that has stayed. */
	must_apply(l, WORLD);
	landscape_free(l);
}

static const struct {
	const char *text, *deleted;
	bool force;
} good[] = {
	{NULL, "private-endpoint/ep cluster/prod", false},
	{NULL, "cluster/prod", true},
	{EP_OFF, "cluster/prod", false},
	{PRIVATE "{kind: none}\n", NULL, false}, /* its private endpoint is a way in */
	{PRIVATE "{kind: none}\n---\n" EP_OFF, NULL, true},
	{PRIVATE "{kind: interfaces, placements: [{subnet: pub}]}\n", "private-endpoint/ep", false},
	{PRIVATE "{kind: interfaces, enabled: false, placements: [{subnet: pub}]}\n", NULL, false},
	{PROD "{kind: integrated, placements: [{subnet: deleg}]}\n", NULL, false},
	{PROD "{kind: private-link, placements: [{subnet: pub}, {subnet: alone1}]}\n", NULL, false},
	/* An address changes hands within one change. */
	{HOST "priv\naddresses: [10.0.1.9]\n---\nkind: host\nname: b\nsubnet: priv\n"
	      "addresses: [10.0.1.10]\n",
	 NULL, false},
	{HOST "priv\naddresses: [10.0.1.9]\n", "host/b", false},
	{"kind: public-address\nname: new\naddresses: [198.51.100.9]\n---\n"
	 "kind: host\nname: a\nsubnet: pub\n",
	 "public-address/pa2", false},
	/* What is in use may go with its users. */
	{NULL, "private-endpoint/ep subnet/alone1 network/alone", false},
	{"kind: subnet\nname: alone1\nnetwork: peer\nranges: [10.1.9.0/24]\n",
	 "private-endpoint/ep", false},
	{"kind: site\nname: s2\naddressSpace: [10.77.0.0/24]\nconnections: [{network: alone}]\n",
	 NULL, false},
	{"kind: peering\nname: q\nnetworks: [peer, alone]\n", NULL, false},
};

static void test_accepted(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct landscape *l = world();
		json_t *docs = good[i].text ? documents(good[i].text) : json_array();
		struct verdict v = landscape_apply(l, docs, good[i].deleted, good[i].force);

		if (v.r < 0)
			fail_msg("%s- %s\ngave %s at '%s': %s", good[i].text ? good[i].text : "",
				 good[i].deleted ? good[i].deleted : "", v.blame, v.e.path,
				 v.e.text);
		json_decref(docs);
		landscape_free(l);
	}
}

/* The last private endpoint of a cluster whose public one is off: deleted, or no longer approved. */
static void test_last_way_in(void **state)
{
	struct landscape *l = world();
	json_t *none = json_array(), *off = documents(EP_OFF);
	struct verdict v;

	must_apply(l, PRIVATE "{kind: none}\n");
	v = landscape_apply(l, none, "private-endpoint/ep", false);
	assert_int_equal(v.r, -ERR_INVALID);
	assert_string_equal(v.blame, "private-endpoint/ep");
	assert_non_null(strstr(v.e.text, "no way in to cluster \"prod\""));
	v = landscape_apply(l, off, NULL, false);
	assert_int_equal(v.r, -ERR_INVALID);
	assert_string_equal(v.e.path, "state");
	v = landscape_apply(l, off, NULL, true);
	assert_int_equal(v.r, 0);
	/* It is cut off by now: what it does not concern goes on. */
	must_apply(l, "kind: host\nname: new\nsubnet: pub\n");
	json_decref(none);
	json_decref(off);
	landscape_free(l);
}

/* By force a cluster goes, though an approved endpoint names it: that leads nowhere until the cluster comes back. */
static void test_forced_deletion(void **state)
{
	struct landscape *l = world();
	json_t *none = json_array(), *ep = documents(EP "cluster: prod\nsubnet: alone1\n");
	struct verdict v = landscape_apply(l, none, "cluster/prod", true);

	assert_int_equal(v.r, 0);
	must_apply(l, "kind: host\nname: new\nsubnet: alone1\n");
	v = landscape_apply(l, ep, NULL, false);
	assert_int_equal(v.r, -ERR_INVALID);
	assert_string_equal(v.e.path, "cluster");
	must_apply(l, PROD "{}\n");
	v = landscape_apply(l, ep, NULL, false);
	assert_int_equal(v.r, 0);
	json_decref(none);
	json_decref(ep);
	landscape_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_last_way_in),
		cmocka_unit_test(test_forced_deletion),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
