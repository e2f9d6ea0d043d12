/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every rule that a document of the kinds of networks must keep by itself: the field and the sentence. */
#include "model/body.h"

#include "base/cleanup.h"
#include "model/document.h"
#include "model/kind.h"
#include "model/landscape.h"
#include "model/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NET	"kind: network\nname: a\n"
#define SUB	"kind: subnet\nname: a\nnetwork: n\n"
#define TABLE	"kind: route-table\nname: a\nnetwork: n\n"
#define PUBLIC	"kind: public-address\nname: a\n"
#define PEERING "kind: peering\nname: a\n"
#define HUB	"kind: hub\nname: a\n"
#define SITE	"kind: site\nname: a\naddressSpace: [10.0.0.0/16]\n"
#define GROUP	"kind: security-group\nname: a\nnetwork: n\n"
#define RULE	"kind: security-group\nname: a\nnetwork: n\ningress:\n- "
#define HOST	"kind: host\nname: a\n"
#define IN	"kind: host\nname: a\nsubnet: s\n"
#define EP	"kind: private-endpoint\nname: a\ncluster: c\nsubnet: s\n"
#define CLUSTER \
	"kind: cluster\nname: a\nupstreams: [{address: 10.0.0.1}]\npublic: {fqdn: a.b}\nprivate: "
#define TEN	 "aaaaaaaaaa"
#define LABEL_64 TEN TEN TEN TEN TEN TEN "aaaa"
#define LONG_300 LABEL_64 LABEL_64 LABEL_64 LABEL_64 TEN TEN TEN TEN "aaaa"

static json_t *yaml(const char *text)
{
	json_t *list = NULL, *doc;
	struct err e = {0};

	if (document_parse(text, strlen(text), DOCUMENT_YAML, &list, &e) < 0)
		fail_msg("%s: %s", text, e.text);
	assert_int_equal(json_array_size(list), 1);
	doc = json_incref(json_array_get(list, 0));
	json_decref(list);
	return doc;
}

static int check(const json_t *doc, struct err *e)
{
	return kind_find(json_string_value(json_object_get(doc, "kind")))->check(doc, false, e);
}

static const struct {
	const char *text, *path, *says;
} bad[] = {
	{NET, "addressSpace", "required"},
	{NET "addressSpace: []\n", "addressSpace", "1 to 8 items, not 0"},
	{NET "addressSpace: 10.0.0.0/8\n", "addressSpace", "a list"},
	{NET "addressSpace: [7]\n", "addressSpace[0]", "a string"},
	{NET "addressSpace: [10.0.0.1/8]\n", "addressSpace[0]", "host bits"},
	{NET "addressSpace: [10.0.0.0/16, 10.0.0.0/16]\n", "addressSpace[1]", "overlaps"},
	{NET "addressSpace: [10.0.0.0/16, 10.0.4.0/24]\n", "addressSpace[1]",
	 "overlaps 10.0.0.0/16, item 0"},
	{NET "addressSpace: [0.0.0.0/8]\n", "addressSpace[0]", "this network"},
	{NET "addressSpace: [0.0.0.0/0]\n", "addressSpace[0]", "no network may use"},
	{NET "addressSpace: [127.0.0.0/8]\n", "addressSpace[0]", "loopback"},
	{NET "addressSpace: [169.254.0.0/16]\n", "addressSpace[0]", "link-local"},
	{NET "addressSpace: [239.0.0.0/8]\n", "addressSpace[0]", "multicast"},
	{NET "addressSpace: [240.0.0.0/8]\n", "addressSpace[0]", "reserved"},
	{NET "addressSpace: [\"fe80::/64\"]\n", "addressSpace[0]", "link-local"},
	{NET "addressSpace: [\"ff00::/32\"]\n", "addressSpace[0]", "multicast"},
	{NET "addressSpace: [\"::/32\"]\n", "addressSpace[0]", "reserved"},
	{NET "addressSpace: [10.0.0.0/7]\n", "addressSpace[0]", "/8 to /28"},
	{NET "addressSpace: [10.0.0.0/29]\n", "addressSpace[0]", "/8 to /28"},
	{NET "addressSpace: [\"2001:db8::/31\"]\n", "addressSpace[0]", "/32 to /64"},
	{NET "addressSpace: [\"2001:db8::/65\"]\n", "addressSpace[0]", "/32 to /64"},
	{NET "addressSpace: [1.0.0.0/24,2.0.0.0/24,3.0.0.0/24,4.0.0.0/24,5.0.0.0/24,6.0.0.0/24,"
	     "7.0.0.0/24,8.0.0.0/24,9.0.0.0/24]\n",
	 "addressSpace", "1 to 8 items, not 9"},
	{NET "addressSpace: [10.0.0.0/8]\nadressSpace: []\n", "adressSpace",
	 "did you mean addressSpace?"},
	{"kind: network\nname: \"../x\"\naddressSpace: [10.0.0.0/8]\n", "name", "RFC 1123"},
	{"kind: network\nname: " LONG_300 "\naddressSpace: [10.0.0.0/8]\n", "name",
	 "1 to 63 characters, not 300"},

	{SUB, "ranges", "required"},
	{"kind: subnet\nname: a\nranges: [10.0.0.0/24]\n", "network", "required"},
	{"kind: subnet\nname: a\nnetwork: \"../x\"\nranges: [10.0.0.0/24]\n", "network",
	 "RFC 1123"},
	{"kind: subnet\nname: a\nnetwork: \"a b\"\nranges: [10.0.0.0/24]\n", "network", "RFC 1123"},
	{"kind: subnet\nname: a\nnetwork: " LONG_300 "\nranges: [10.0.0.0/24]\n", "network",
	 "1 to 63 characters, not 300"},
	{SUB "ranges: []\n", "ranges", "1 or 2 items, not 0"},
	{SUB "ranges: [10.0.0.0/24, 10.0.1.0/24]\n", "ranges[1]", "second IPv4 range"},
	{SUB "ranges: [10.0.0.0/24, 10.0.0.0/24]\n", "ranges[1]", "already, as item 0"},
	{SUB "ranges: [10.0.0.0/24, 10.0.1.0/24, 10.0.2.0/24]\n", "ranges", "at most 2 ranges"},
	{SUB "ranges: [10.0.0.0/29]\n", "ranges[0]", "at least a /28"},
	{SUB "ranges: [\"2001:db8::/125\"]\n", "ranges[0]", "/48 to /124"},
	{SUB "ranges: [\"2001:db8::/47\"]\n", "ranges[0]", "host bits|/48 to /124"},
	{SUB "ranges: [10.0.0.0/24]\nrouteTable: X\n", "routeTable", "RFC 1123"},
	{SUB "ranges: [10.0.0.0/24]\ndelegation: hosts\n", "delegation",
	 "must be one of none, clusters"},
	{SUB "ranges: [\"2001:db8::/64\"]\ndelegation: clusters\n", "ranges",
	 "an IPv4 range of at least a /28"},

	{TABLE "routes: [7]\n", "routes[0]", "an object"},
	{TABLE "routes: [{to: 0.0.0.0/0}]\n", "routes[0].via", "required"},
	{TABLE "routes: [{via: {drop: true}}]\n", "routes[0].to", "required"},
	{TABLE "routes: [{to: 10.0.0.1/8, via: {drop: true}}]\n", "routes[0].to", "host bits"},
	{TABLE "routes: [{to: 127.0.0.0/8, via: {drop: true}}]\n", "routes[0].to", "loopback"},
	{TABLE "routes: [{to: 0.0.0.0/0, via: {}}]\n", "routes[0].via",
	 "exactly one of internetGateway, natGateway, peering, hub, site, drop, not 0"},
	{TABLE "routes: [{to: 0.0.0.0/0, via: {hub: h, site: s}}]\n", "routes[0].via", "not 2"},
	{TABLE "routes: [{to: 0.0.0.0/0, via: {network: n}}]\n", "routes[0].via.network",
	 "not a field here"},
	{TABLE "routes: [{to: 0.0.0.0/0, via: {drop: false}}]\n", "routes[0].via.drop",
	 "must be true"},
	{TABLE "routes: [{to: 0.0.0.0/0, via: {hub: 7}}]\n", "routes[0].via.hub", "a string"},
	{TABLE "routes: [{to: 0.0.0.0/0, via: {hub: A}}]\n", "routes[0].via.hub", "RFC 1123"},
	{TABLE "routes: [{to: 10.0.0.0/8, via: {hub: h}}, {to: 0.0.0.0/0, via: {hub: h}}, "
	       "{to: 10.0.0.0/8, via: {drop: true}}]\n",
	 "routes[2].to", "a route already, item 0"},

	{"kind: internet-gateway\nname: a\n", "network", "required"},
	{"kind: nat-gateway\nname: a\nsubnet: s\n", "publicAddress", "required"},
	{"kind: nat-gateway\nname: a\npublicAddress: p\n", "subnet", "required"},

	{PUBLIC "addresses: []\n", "addresses", "leave the field out"},
	{PUBLIC "addresses: [198.51.100.0/24]\n", "addresses[0]", "no IPv4 or IPv6 address"},
	{PUBLIC "addresses: [198.51.100.1, 198.51.100.2]\n", "addresses[1]",
	 "a second IPv4 address"},
	{PUBLIC "addresses: [127.0.0.1]\n", "addresses", "127.0.0.1 is loopback"},
	{PUBLIC "addresses: [\"::1\"]\n", "addresses", "reserved"},

	{PEERING, "networks", "required"},
	{PEERING "networks: [a]\n", "networks", "2 items, not 1"},
	{PEERING "networks: [a, a]\n", "networks[1]", "already, as item 0"},
	{PEERING "networks: [a, 7]\n", "networks[1]", "a string"},
	{PEERING "networks: [a, b]\nroutes: [x]\n", "routes", "a string"},
	{PEERING "networks: [a, b]\nroutes: maybe\n", "routes", "one of automatic, none"},

	{HUB "attachments: [a]\n", "attachments[0]", "an object"},
	{HUB "attachments: [{}]\n", "attachments[0].network", "required"},
	{HUB "attachments: [{network: a}, {network: b}, {network: a}]\n", "attachments[2].network",
	 "already, as item 0"},
	{HUB "attachments: [{network: a, routes: yes}]\n", "attachments[0].routes",
	 "one of automatic, none"},
	{HUB "routes: [{to: 10.0.0.0/8, via: {hub: h}}]\n", "routes[0].via.hub",
	 "not a field here"},

	{"kind: site\nname: a\n", "addressSpace", "required"},
	{SITE "connections: [{}]\n", "connections[0]", "exactly one of network, hub"},
	{SITE "connections: [{network: n, hub: h}]\n", "connections[0]",
	 "exactly one of network, hub"},
	{SITE "connections: [{network: n}, {hub: n}, {network: n}]\n", "connections[2].network",
	 "already, as item 0"},
	{SITE "connections: [{hub: n}, {hub: n}]\n", "connections[1].hub", "already, as item 0"},
	{SITE "publicAddress: \"a/b\"\n", "publicAddress", "RFC 1123"},

	{"kind: security-group\nname: a\n", "network", "required"},
	{GROUP "ingress: {}\n", "ingress", "a list"},
	{RULE "7\n", "ingress[0]", "an object"},
	{RULE "{ranges: [10.0.0.0/8]}\n", "ingress[0].protocol", "required"},
	{RULE "{protocol: sctp, ranges: [10.0.0.0/8]}\n", "ingress[0].protocol",
	 "one of any, tcp, udp, icmp"},
	{RULE "{protocol: tcp}\n", "ingress[0]", "must name the other end"},
	{RULE "{protocol: tcp, ranges: [], groups: []}\n", "ingress[0]", "must name the other end"},
	{RULE "{protocol: icmp, ports: 1, ranges: [10.0.0.0/8]}\n", "ingress[0].ports",
	 "only tcp and udp have ports, not icmp"},
	{RULE "{protocol: any, ports: 1, ranges: [10.0.0.0/8]}\n", "ingress[0].ports", "not any"},
	{RULE "{protocol: tcp, ports: 0, ranges: [10.0.0.0/8]}\n", "ingress[0].ports",
	 "1 to 65535, not 0"},
	{RULE "{protocol: tcp, ports: 65536, ranges: [10.0.0.0/8]}\n", "ingress[0].ports", "65535"},
	{RULE "{protocol: tcp, ports: \"\", ranges: [10.0.0.0/8]}\n", "ingress[0].ports",
	 "is no port"},
	{RULE "{protocol: tcp, ports: \"80-\", ranges: [10.0.0.0/8]}\n", "ingress[0].ports",
	 "is no port"},
	{RULE "{protocol: tcp, ports: \"1-2-3\", ranges: [10.0.0.0/8]}\n", "ingress[0].ports",
	 "is no port"},
	{RULE "{protocol: tcp, ports: \"080\", ranges: [10.0.0.0/8]}\n", "ingress[0].ports",
	 "is no port"},
	{RULE "{protocol: tcp, ports: \"1-65536\", ranges: [10.0.0.0/8]}\n", "ingress[0].ports",
	 "is no port"},
	{RULE "{protocol: tcp, ports: \"90-80\", ranges: [10.0.0.0/8]}\n", "ingress[0].ports",
	 "ends before it begins"},
	{RULE "{protocol: tcp, ports: [80], ranges: [10.0.0.0/8]}\n", "ingress[0].ports",
	 "must be a port (443) or a range"},
	{RULE "{protocol: tcp, ranges: [10.0.0.0/8, 10.1.0.1/16]}\n", "ingress[0].ranges[1]",
	 "host bits"},
	{RULE "{protocol: tcp, groups: [a, a]}\n", "ingress[0].groups[1]", "already, as item 0"},
	{GROUP "egress: [{protocol: tcp, groups: [A]}]\n", "egress[0].groups[0]", "RFC 1123"},

	{HOST, "subnet", "is required, unless the host is at a site"},
	{HOST "subnet: s\nsite: o\n", "site", "not both"},
	{HOST "site: o\nsecurityGroups: []\n", "securityGroups", "belong to networks"},
	{HOST "site: o\npublicAddress: p\n", "publicAddress", "set the publicAddress of the site"},
	{IN "addresses: [10.0.0.1, x]\n", "addresses[1]", "\"x\" is no IPv4"},
	{IN "addresses: [10.0.0.1, 10.0.0.2]\n", "addresses[1]", "second IPv4"},
	{IN "securityGroups: [a, b, a]\n", "securityGroups[2]", "already, as item 0"},
	{IN "securityGroups: [a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q]\n", "securityGroups",
	 "at most 16 security groups"},
	{IN "attach: {interface: lo}\n", "attach.interface", "loopback"},
	{IN "attach: {namespace: postern.net.shop}\n", "attach.namespace", "posternd makes itself"},
	{IN "attach: {namespace: other-1.host.a}\n", "attach.namespace", "posternd makes itself"},
	{IN "attach: {}\n", "attach", "exactly one of namespace, interface"},
	{IN "attach: {namespace: a, interface: b}\n", "attach",
	 "exactly one of namespace, interface"},
	{IN "attach: {namespace: \"../x\"}\n", "attach.namespace", "must consist of"},
	{IN "attach: {namespace: \"..\"}\n", "attach.namespace", "must not begin with '.'"},
	{IN "attach: {namespace: \"-x\"}\n", "attach.namespace", "must not begin with '-'"},
	{IN "attach: {namespace: \"a/b\"}\n", "attach.namespace", "must consist of"},
	{IN "attach: {namespace: \"a b\"}\n", "attach.namespace", "must consist of"},
	{IN "attach: {namespace: \"\"}\n", "attach.namespace", "1 to 63 characters, not 0"},
	{IN "attach: {namespace: " LONG_300 "}\n", "attach.namespace", "not 300"},
	{IN "attach: {interface: abcdefghijklmnop}\n", "attach.interface", "1 to 15"},
	{IN "attach: {interface: \"eth0:1\"}\n", "attach.interface", "must consist of"},

	{"kind: private-endpoint\nname: a\nsubnet: s\n", "cluster", "required"},
	{"kind: private-endpoint\nname: a\ncluster: c\n", "subnet", "required"},
	{EP "state: open\n", "state", "one of pending, approved, rejected, disconnected"},
	{EP "port: 0\n", "port", "1 to 65535"},
	{EP "ranges: [10.0.0.1/8]\n", "ranges[0]", "host bits"},
	{EP "ranges: [10.0.0.0/8, 10.0.0.0/8]\n", "ranges[1]", "already, as item 0"},

	{CLUSTER "{kind: magic}\n", "private.kind",
	 "one of none, interfaces, private-link, integrated"},
	{CLUSTER "{placements: [{subnet: s}]}\n", "private.placements",
	 "must be empty, since kind is none"},
	{CLUSTER "{kind: interfaces, placements: [{}]}\n", "private.placements[0].subnet",
	 "required"},
	{CLUSTER "{kind: interfaces, placements: [s]}\n", "private.placements[0]", "an object"},
	{CLUSTER "{kind: interfaces, placements: [{subnet: s}, {subnet: s}]}\n",
	 "private.placements[1].subnet", "a placement of the cluster already, item 0"},
	{CLUSTER "{kind: interfaces, placements: [{subnet: s, addresses: []}]}\n",
	 "private.placements[0].addresses", "leave the field out"},
	{CLUSTER "{kind: integrated, placements: [{subnet: s}, {subnet: t}]}\n",
	 "private.placements", "1 item, not 2"},
	{CLUSTER "{enabled: 1}\n", "private.enabled", "true or false"},
	{CLUSTER "{port: 65536}\n", "private.port", "65535"},
	{CLUSTER "{ranges: [10.0.0.1/8]}\n", "private.ranges[0]", "host bits"},
	{CLUSTER "{securityGroups: [A]}\n", "private.securityGroups[0]", "RFC 1123"},
};

/* says: one of its parts, separated by '|'. */
static bool says_one(const char *text, const char *says)
{
	char part[200];

	for (;;) {
		size_t len = strcspn(says, "|");

		snprintf(part, sizeof(part), "%.*s", (int)len, says);
		if (strstr(text, part))
			return true;
		if (!says[len])
			return false;
		says += len + 1;
	}
}

static void test_refusals(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		json_t *doc = yaml(bad[i].text);
		struct err e = {0};
		int r = check(doc, &e);

		if (r >= 0 || strcmp(e.path, bad[i].path) != 0 || !says_one(e.text, bad[i].says))
			fail_msg("%s\ngave %d at '%s': %s", bad[i].text, r, e.path, e.text);
		json_decref(doc);
	}
}

static const char *const good[] = {
	NET "addressSpace: [10.0.0.0/8, 192.168.0.0/28, \"2001:db8::/32\", \"fd00:0:0:1::/64\"]\n",
	SUB "ranges: [10.0.0.0/8]\n",
	SUB "ranges: [\"2001:db8::/48\", 10.0.0.0/28]\nrouteTable: r\ndelegation: clusters\n",
	SUB "ranges: [\"2001:db8::/124\"]\ndelegation: none\n",
	TABLE,
	TABLE "routes: []\n",
	TABLE "routes: [{to: 0.0.0.0/0, via: {internetGateway: g}}, {to: \"::/0\", via: "
	      "{natGateway: g}}]\n",
	PUBLIC,
	PUBLIC "addresses: [\"2001:db8::1\", 198.51.100.1]\n",
	PEERING "networks: [a, b]\nroutes: none\n",
	HUB,
	HUB "attachments: []\nroutes: [{to: 10.0.0.0/8, via: {site: s}}]\n",
	SITE,
	SITE "connections: [{network: n}, {hub: n, routes: none}]\n",
	GROUP,
	GROUP "ingress: []\negress: []\n",
	RULE "{protocol: tcp, ports: 443, ranges: [0.0.0.0/0]}\n",
	RULE "{protocol: udp, ports: \"53\", groups: [a]}\n",
	RULE "{protocol: tcp, ports: \"1-65535\", groups: [a], ranges: [\"::/0\"]}\n",
	IN "attach: {interface: abcdefghijklmno}\n",
	IN "attach: {namespace: " TEN TEN TEN TEN TEN TEN "aaa}\n",
	IN "addresses: [10.0.0.9]\nsecurityGroups: [a]\npublicAddress: p\n",
	HOST "site: o\naddresses: [10.0.0.9]\nattach: {namespace: A_b.c-d}\n",
	EP,
	EP "state: pending\nport: 6443\nranges: []\nsecurityGroups: [a]\naddresses: [10.0.0.9]\n",
	CLUSTER "{kind: integrated, enabled: false, placements: [{subnet: s}], port: 65535}\n",
	CLUSTER "{kind: private-link, placements: []}\n",
};

static struct object some_object;

static struct object *resolve(void *arg, enum object_kind kind, const char *name)
{
	some_object.kind = kind;
	return &some_object;
}

static struct object *resolve_nothing(void *arg, enum object_kind kind, const char *name)
{
	return NULL;
}

static void test_accepted(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		json_t *doc = yaml(good[i]);
		struct err e = {0};

		if (check(doc, &e) < 0)
			fail_msg("%s\nwas refused at '%s': %s", good[i], e.path, e.text);
		json_decref(doc);
	}
}

static void *parse(const char *text, enum object_kind kind)
{
	json_t *doc = yaml(text);
	struct err e = {0};
	void *body = NULL;

	if (body_parse(kind, doc, resolve, NULL, &body, &e) < 0)
		fail_msg("%s: %s: %s", text, e.path, e.text);
	json_decref(doc);
	return body;
}

static void test_defaults(void **state)
{
	struct peering *p = parse(PEERING "networks: [a, b]\n", OBJECT_PEERING);
	struct hub *h = parse(HUB "attachments: [{network: a}]\n", OBJECT_HUB);
	struct site *s = parse(SITE "connections: [{network: a}]\n", OBJECT_SITE);
	struct security_group *g = parse(GROUP, OBJECT_SECURITY_GROUP);
	struct private_endpoint *ep = parse(EP, OBJECT_PRIVATE_ENDPOINT);
	struct cluster_net *c = parse(CLUSTER "{}\n", OBJECT_CLUSTER);

	assert_true(p->automatic && h->attachments[0].automatic && s->connections[0].automatic);
	assert_true(g->egress_open && !g->n_ingress);
	assert_true(ep->rules.open && ep->rules.port == 443 && ep->state == ENDPOINT_APPROVED);
	assert_true(c->private_enabled && c->public_enabled && c->rules.open &&
		    c->rules.port == 443 && c->kind == PRIVATE_NONE);
	assert_int_equal(c->n_server_names, 1);
	body_free(OBJECT_PEERING, p);
	body_free(OBJECT_HUB, h);
	body_free(OBJECT_SITE, s);
	body_free(OBJECT_SECURITY_GROUP, g);
	body_free(OBJECT_PRIVATE_ENDPOINT, ep);
	body_free(OBJECT_CLUSTER, c);
}

/* Absent and empty are different. */
static void test_empty_lists(void **state)
{
	struct security_group *g = parse(GROUP "egress: []\n", OBJECT_SECURITY_GROUP);
	struct private_endpoint *ep = parse(EP "ranges: []\n", OBJECT_PRIVATE_ENDPOINT);

	assert_true(!g->egress_open && !g->n_egress);
	assert_true(!ep->rules.open && !ep->rules.n_ranges);
	body_free(OBJECT_SECURITY_GROUP, g);
	body_free(OBJECT_PRIVATE_ENDPOINT, ep);
}

static void test_rules(void **state)
{
	struct security_group *g = parse(
		RULE "{protocol: tcp, ports: \"8000-8100\", ranges: [10.0.0.0/8], groups: [x]}\n"
		     "- {protocol: any, ranges: [\"::/0\"]}\n- {protocol: udp, ports: 53, "
		     "groups: [x, y]}\n",
		OBJECT_SECURITY_GROUP);

	assert_int_equal(g->n_ingress, 3);
	assert_true(g->ingress[0].port_first == 8000 && g->ingress[0].port_last == 8100);
	assert_true(g->ingress[0].n_ranges == 1 && g->ingress[0].n_groups == 1);
	assert_true(g->ingress[1].port_first == 0 && g->ingress[1].port_last == 65535);
	assert_true(g->ingress[2].port_first == 53 && g->ingress[2].port_last == 53);
	body_free(OBJECT_SECURITY_GROUP, g);
}

/* Longest first, and each knows where it was. */
static void test_routes_are_sorted(void **state)
{
	struct route_table *t = parse(TABLE "routes: [{to: 0.0.0.0/0, via: {hub: h}}, "
					    "{to: 10.1.0.0/16, via: {drop: true}}, "
					    "{to: 10.0.0.0/8, via: {site: s}}]\n",
				      OBJECT_ROUTE_TABLE);

	assert_int_equal(t->n_routes, 3);
	assert_true(t->routes[0].to.len == 16 && t->routes[0].index == 1 &&
		    t->routes[0].via == VIA_DROP && !t->routes[0].target);
	assert_true(t->routes[1].to.len == 8 && t->routes[1].index == 2);
	assert_true(t->routes[2].to.len == 0 && t->routes[2].index == 0);
	body_free(OBJECT_ROUTE_TABLE, t);
}

static int collect_path(const struct ref *ref, void *arg)
{
	char *all = arg, path[REF_PATH_MAX];
	size_t used = strlen(all);

	snprintf(all + used, 400 - used, "%s ", ref_path(ref, path));
	return 0;
}

static void assert_refs(enum object_kind kind, const char *text, const char *want)
{
	void *body = parse(text, kind);
	char all[400] = "";

	assert_int_equal(body_each_ref(kind, body, collect_path, all), 0);
	assert_string_equal(all, want);
	body_free(kind, body);
}

static void test_references(void **state)
{
	assert_refs(OBJECT_NETWORK, NET "addressSpace: [10.0.0.0/8]\n", "");
	assert_refs(OBJECT_SUBNET, SUB "ranges: [10.0.0.0/8]\nrouteTable: r\n",
		    "network routeTable ");
	assert_refs(OBJECT_ROUTE_TABLE,
		    TABLE "routes: [{to: 0.0.0.0/0, via: {natGateway: h}}, {to: 1.0.0.0/8, via: "
			  "{drop: true}}]\n",
		    "network routes[0].via.natGateway ");
	assert_refs(OBJECT_PEERING, PEERING "networks: [a, b]\n", "networks[0] networks[1] ");
	assert_refs(OBJECT_HUB,
		    HUB "attachments: [{network: a}]\nroutes: [{to: 1.0.0.0/8, via: {site: s}}]\n",
		    "attachments[0].network routes[0].via.site ");
	assert_refs(OBJECT_SITE, SITE "publicAddress: p\nconnections: [{network: a}]\n",
		    "publicAddress connections[0].network ");
	assert_refs(OBJECT_SECURITY_GROUP,
		    RULE
		    "{protocol: tcp, groups: [a, b]}\negress: [{protocol: tcp, groups: [c]}]\n",
		    "network ingress[0].groups[0] ingress[0].groups[1] egress[0].groups[0] ");
	assert_refs(OBJECT_HOST, IN "securityGroups: [a]\npublicAddress: p\n",
		    "subnet securityGroups[0] publicAddress ");
	assert_refs(OBJECT_PRIVATE_ENDPOINT, EP "securityGroups: [a]\n",
		    "cluster subnet securityGroups[0] ");
	assert_refs(OBJECT_CLUSTER,
		    CLUSTER "{kind: interfaces, placements: [{subnet: s}], securityGroups: [a]}\n",
		    "private.placements[0].subnet private.securityGroups[0] ");
}

static void test_no_node(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		json_t *doc = yaml(good[i]);
		enum object_kind kind =
			object_kind_find(json_string_value(json_object_get(doc, "kind")));
		struct err e = {0};
		void *body = NULL;
		int r = body_parse(kind, doc, resolve_nothing, NULL, &body, &e);

		assert_true(r == 0 || r == -ERR_NOMEM);
		body_free(kind, body);
		json_decref(doc);
	}
}

static void test_cloud_limits(void **state)
{
	json_t *doc = yaml(IN "securityGroups: [a, b, c, d, e, f]\n");
	struct err e = {0};

	limit_profile_set(PROFILE_CLOUD);
	assert_int_equal(check(doc, &e), -ERR_TOO_LARGE);
	limit_profile_set(PROFILE_OPEN);
	assert_non_null(strstr(e.text, "at most 5"));
	assert_int_equal(check(doc, &e), 0);
	json_decref(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusals),     cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_defaults),     cmocka_unit_test(test_empty_lists),
		cmocka_unit_test(test_rules),	     cmocka_unit_test(test_routes_are_sorted),
		cmocka_unit_test(test_references),   cmocka_unit_test(test_no_node),
		cmocka_unit_test(test_cloud_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
