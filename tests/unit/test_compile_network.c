/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Routers and private endpoints out of the landscape, rule by rule, as the tables then have them; what is written and what is left
 * alone; and what it costs. test_compile_network_random.c has the random changes.
 */
#include "compile_net_rig.h"

#include <time.h>

#define NETWORK(name, space) "---\nkind: network\nname: " name "\naddressSpace: [" space "]\n"
#define SUBNET(name, net, range, more) \
	"---\nkind: subnet\nname: " name "\nnetwork: " net "\nranges: [" range "]\n" more
#define TABLE(name, net, routes) \
	"---\nkind: route-table\nname: " name "\nnetwork: " net "\nroutes:\n" routes
#define IGW(name, net)	   "---\nkind: internet-gateway\nname: " name "\nnetwork: " net "\n"
#define PUBLIC(name, addr) "---\nkind: public-address\nname: " name "\naddresses: [" addr "]\n"
#define NAT(name, subnet, addr) \
	"---\nkind: nat-gateway\nname: " name "\nsubnet: " subnet "\npublicAddress: " addr "\n"
#define PEERING(name, a, b, more) \
	"---\nkind: peering\nname: " name "\nnetworks: [" a ", " b "]\n" more
#define GROUP(name, net, rules) \
	"---\nkind: security-group\nname: " name "\nnetwork: " net "\n" rules
#define HOST(name, subnet, addr, more) \
	"---\nkind: host\nname: " name "\nsubnet: " subnet "\naddresses: [" addr "]\n" more
#define CLUSTER(name)                     \
	"---\nkind: cluster\nname: " name \
	"\nupstreams: [{address: 10.255.0.5}]\npublic: {fqdn: " name ".example}\n"
#define ENDPOINT(name, cluster, subnet, addr, more)                                          \
	"---\nkind: private-endpoint\nname: " name "\ncluster: " cluster "\nsubnet: " subnet \
	"\naddresses: [" addr "]\n" more

/* --- routes ------------------------------------------------------------------------------------------------------- */

static void test_subnets_and_tables(void **state)
{
	struct land w = land_open();
	struct tables_network n;

	land_must(&w,
		  NETWORK("a", "10.0.0.0/16, 'fd00:a::/48'") IGW("igw", "a")
			  SUBNET("s1", "a", "10.0.1.0/24, 'fd00:a:0:1::/64'", "routeTable: t\n")
				  SUBNET("s2", "a", "10.0.2.0/24", "")
					  TABLE("t", "a",
						"- {to: 0.0.0.0/0, via: {internetGateway: igw}}\n"
						"- {to: 198.51.100.0/24, via: {drop: true}}\n")
						  TABLE("unused", "a",
							"- {to: 1.0.0.0/8, via: {drop: true}}\n"),
		  NULL);
	routes_are(&w, "network", "a", "t 198.51.100.0/24 drop\nt 0.0.0.0/0 uplink\n");
	n = get_network(&w, "network", "a");
	assert_true(n.has_uplink && n.kind == ROUTER_NETWORK);
	assert_int_equal(n.n_spaces, 2);
	assert_int_equal(n.n_subnets, 2);
	assert_int_equal(n.subnets[0].id, id_of(&w, "subnet", "s1"));
	assert_int_equal(n.subnets[0].table, id_of(&w, "route-table", "t"));
	assert_int_equal(n.subnets[0].gateway[0].lo, 0x0a000101);
	assert_int_equal(n.subnets[0].gateway[1].lo, 1);
	assert_int_equal(n.subnets[0].gateway[1].hi, 0xfd00000a00000001);
	assert_int_equal(n.subnets[1].table, n.id);
	assert_int_equal(n.subnets[1].ranges[1].addr.family, ADDR_NONE);
	assert_int_equal(n.subnets[1].gateway[1].family, ADDR_NONE);
	tables_network_done(&n);
	land_close(&w);
}

/* By a NAT gateway only what its own subnet sends to the internet gateway. */
static void test_nat(void **state)
{
	struct land w = land_open();

	land_must(&w,
		  NETWORK("a", "10.0.0.0/16, 'fd00:a::/48'") IGW("igw", "a") SUBNET(
			  "pub", "a", "10.0.1.0/24", "routeTable: public\n")
			  SUBNET("priv", "a", "10.0.2.0/24, 'fd00:a:0:2::/64'",
				 "routeTable: private\n") PUBLIC("p", "192.0.2.9") NAT("nat", "pub",
										       "p")
				  TABLE("public", "a",
					"- {to: 0.0.0.0/0, via: {internetGateway: igw}}\n"
					"- {to: '::/0', via: {internetGateway: igw}}\n")
					  TABLE("private", "a",
						"- {to: 0.0.0.0/0, via: {natGateway: nat}}\n"
						"- {to: '::/0', via: {natGateway: nat}}\n"
						"- {to: 203.0.113.0/24, via: {drop: true}}\n"),
		  NULL);
	/* The gateway has no IPv6 address. */
	routes_are(&w, "network", "a",
		   "public 0.0.0.0/0 uplink\npublic ::/0 uplink\n"
		   "private 203.0.113.0/24 drop\nprivate 0.0.0.0/0 uplink 192.0.2.9\nprivate ::/0 "
		   "drop\n");

	/* Its own subnet does not lead out at all. */
	land_must(&w, TABLE("public", "a", "- {to: 1.0.0.0/8, via: {drop: true}}\n"), NULL);
	routes_are(&w, "network", "a",
		   "public 1.0.0.0/8 drop\n"
		   "private 203.0.113.0/24 drop\nprivate 1.0.0.0/8 drop\nprivate 0.0.0.0/0 drop\n"
		   "private ::/0 drop\n");

	/* In parts: but what the table itself says of a part of it goes before. */
	land_must(&w,
		  TABLE("public", "a",
			"- {to: 8.0.0.0/8, via: {internetGateway: igw}}\n"
			"- {to: 8.8.0.0/16, via: {drop: true}}\n"
			"- {to: 203.0.113.128/25, via: {internetGateway: igw}}\n"),
		  NULL);
	routes_are(
		&w, "network", "a",
		"public 203.0.113.128/25 uplink\npublic 8.8.0.0/16 drop\npublic 8.0.0.0/8 uplink\n"
		"private 203.0.113.0/24 drop\nprivate 8.8.0.0/16 drop\n"
		"private 8.0.0.0/8 uplink 192.0.2.9\nprivate 0.0.0.0/0 drop\nprivate ::/0 drop\n");

	/* One NAT gateway behind another leads nowhere. */
	land_must(&w, TABLE("public", "a", "- {to: 0.0.0.0/0, via: {natGateway: nat}}\n"), NULL);
	routes_are(&w, "network", "a",
		   "public 0.0.0.0/0 drop\nprivate 203.0.113.0/24 drop\nprivate 0.0.0.0/0 drop\n"
		   "private ::/0 drop\n");
	land_close(&w);
}

static void test_peerings(void **state)
{
	struct land w = land_open();
	struct tables_network n;

	land_must(&w,
		  NETWORK("a", "10.1.0.0/16") NETWORK("b", "10.2.0.0/16, 'fd00:b::/48'") NETWORK(
			  "c", "10.3.0.0/16") SUBNET("a1", "a", "10.1.1.0/24", "routeTable: t\n")
			  SUBNET("a2", "a", "10.1.2.0/24", "") SUBNET("c1", "c", "10.3.1.0/24", "")
				  PEERING("ab", "a", "b", "") PEERING("bc", "c", "b",
								      "routes: none\n")
					  TABLE("t", "a",
						"- {to: 10.2.0.0/16, via: {drop: true}}\n"
						"- {to: 10.2.3.0/24, via: {peering: ab}}\n"
						"- {to: 10.3.0.0/16, via: {peering: ab}}\n"),
		  NULL);
	/* An equal prefix of the table itself wins; the network beyond is not in a table that does not name it. */
	routes_are(&w, "network", "a",
		   "a fd00:b::/48 b\na 10.2.0.0/16 b\n"
		   "t fd00:b::/48 b\nt 10.2.3.0/24 b\nt 10.2.0.0/16 drop\nt 10.3.0.0/16 b\n");
	routes_are(&w, "network", "c", "");
	n = get_network(&w, "network", "b");
	assert_int_equal(n.n_links, 2);
	assert_int_equal(n.links[0].kind, LINK_PEERING);
	assert_string_equal(n.links[0].peer_name, "a");
	assert_string_equal(n.links[1].peer_name, "c");
	assert_int_equal(n.links[1].peer_kind, ROUTER_NETWORK);
	assert_false(n.has_uplink);
	tables_network_done(&n);
	land_close(&w);
}

#define HUB_OF_THREE                                                                       \
	NETWORK("a", "10.1.0.0/16")                                                        \
	NETWORK("b", "10.2.0.0/16")                                                        \
	NETWORK("c", "10.3.0.0/16")                                                        \
	SUBNET("a1", "a", "10.1.1.0/24", "")                                               \
	SUBNET("b1", "b", "10.2.1.0/24", "")                                               \
	SUBNET("c1", "c", "10.3.1.0/24", "")                                               \
	"---\nkind: hub\nname: h\nattachments: [{network: a}, {network: b}, {network: c, " \
	"routes: none}]\n"

static void test_hub(void **state)
{
	struct land w = land_open();
	struct tables_network n;

	land_must(&w,
		  HUB_OF_THREE "routes:\n- {to: 10.2.7.0/24, via: {drop: true}}\n"
			       "- {to: 10.3.0.0/16, via: {network: b}}\n"
			       "---\nkind: site\nname: o\naddressSpace: [172.16.0.0/16]\n"
			       "connections: [{hub: h}]\n",
		  NULL);
	routes_are(&w, "hub", "h",
		   "0 10.2.7.0/24 drop\n0 10.1.0.0/16 a\n0 10.2.0.0/16 b\n0 10.3.0.0/16 b\n"
		   "0 172.16.0.0/16 o\n");
	routes_are(&w, "network", "a", "a 10.2.0.0/16 h\na 10.3.0.0/16 h\na 172.16.0.0/16 h\n");
	routes_are(&w, "network", "c", "");
	routes_are(&w, "site", "o", "o 10.1.0.0/16 h\no 10.2.0.0/16 h\no 10.3.0.0/16 h\n");
	n = get_network(&w, "hub", "h");
	assert_int_equal(n.kind, ROUTER_HUB);
	assert_int_equal(n.n_links, 4);
	assert_int_equal(n.links[0].kind, LINK_HUB);
	assert_int_equal(n.links[3].kind, LINK_SITE);
	assert_int_equal(n.links[3].peer_kind, ROUTER_SITE);
	assert_int_equal(n.n_spaces + n.n_subnets + n.n_hosts, 0);
	tables_network_done(&n);

	/* A peering goes before the hub, both ways. */
	land_must(&w, PEERING("ab", "a", "b", ""), NULL);
	routes_are(&w, "network", "a", "a 10.2.0.0/16 b\na 10.3.0.0/16 h\na 172.16.0.0/16 h\n");
	routes_are(&w, "network", "b", "b 10.1.0.0/16 a\nb 10.3.0.0/16 h\nb 172.16.0.0/16 h\n");
	land_close(&w);
}

static void test_site(void **state)
{
	struct land w = land_open();
	struct tables_network n;

	land_must(&w,
		  NETWORK("a", "10.1.0.0/16") SUBNET("a1", "a", "10.1.1.0/24", "")
			  PUBLIC("p", "192.0.2.8") "---\nkind: site\nname: o\n"
						   "addressSpace: [172.16.0.0/16, 'fd00:1::/48', "
						   "172.18.0.0/16, 172.17.0.0/16]\n"
						   "publicAddress: p\nconnections: [{network: a}]\n"
						   "---\nkind: host\nname: h1\nsite: o\naddresses: "
						   "[172.17.0.9, 'fd00:1::9']\n"
						   "---\nkind: host\nname: h2\nsite: o\naddresses: "
						   "['fd00:1::a']\n",
		  NULL);
	routes_are(&w, "site", "o", "o 10.1.0.0/16 a\no 0.0.0.0/0 uplink 192.0.2.8\n");
	routes_are(&w, "network", "a",
		   "a fd00:1::/48 o\na 172.16.0.0/16 o\na 172.17.0.0/16 o\na 172.18.0.0/16 o\n");
	n = get_network(&w, "site", "o");
	assert_true(n.has_uplink && n.kind == ROUTER_SITE);
	assert_int_equal(n.n_subnets, 3);
	assert_int_equal(n.subnets[0].ranges[1].addr.family, ADDR_V6);
	assert_int_equal(n.subnets[2].ranges[0].addr.lo, 0xac110000);
	assert_int_equal(n.subnets[2].ranges[1].addr.family, ADDR_NONE);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(n.subnets[i].table, n.id);
		assert_int_equal(n.subnets[i].gateway[0].lo, 0xac100001);
		assert_int_equal(n.subnets[i].gateway[1].lo, 1);
	}
	assert_int_equal(n.n_hosts, 2);
	assert_int_equal(n.hosts[0].subnet, 2);
	assert_int_equal(n.hosts[1].subnet, 0);
	tables_network_done(&n);
	land_must(&w,
		  "kind: site\nname: o\n"
		  "addressSpace: [172.16.0.0/16, 'fd00:1::/48', 172.18.0.0/16, 172.17.0.0/16]\n"
		  "connections: [{network: a, routes: none}]\n",
		  NULL);
	routes_are(&w, "site", "o", "o 10.1.0.0/16 a\n");
	routes_are(&w, "network", "a", "");
	land_close(&w);
}

/* --- hosts and groups --------------------------------------------------------------------------------------------- */

static void rules_are(const struct tables_network *n, const char *want)
{
	struct out o = {.len = 0};

	for (uint32_t i = 0; i < n->n_groups; i++) {
		const struct tables_group *g = &n->groups[i];

		say(&o, "%s%s\n", g->name, g->egress_open ? " egress-open" : "");
		for (uint32_t k = g->first_rule; k < g->first_rule + g->n_rules; k++) {
			const struct tables_rule *r = &n->rules[k];
			char text[PREFIX_TEXT_MAX];

			say(&o, " %s %u %u-%u", r->is_ingress ? "in" : "out", r->protocol,
			    r->port_first, r->port_last);
			for (uint32_t p = 0; p < r->n_prefixes; p++)
				say(&o, " %s",
				    prefix_format(&n->prefixes[r->first_prefix + p], text));
			say(&o, "\n");
		}
	}
	assert_string_equal(o.text, want);
}

#define HOSTS_AND_GROUPS                                                                      \
	NETWORK("a", "10.1.0.0/16, 'fd00:a::/48'")                                            \
	SUBNET("s", "a", "10.1.1.0/24, 'fd00:a:0:1::/64'", "")                                \
	SUBNET("d", "a", "10.1.2.0/24", "")                                                   \
	PUBLIC("p", "192.0.2.7")                                                              \
	GROUP("web", "a",                                                                     \
	      "ingress:\n- {protocol: tcp, ports: 8000-8100, ranges: [0.0.0.0/0]}\n"          \
	      "- {protocol: icmp, groups: [web, db]}\n- {protocol: any, groups: [nobody]}\n") \
	GROUP("db", "a",                                                                      \
	      "ingress:\n- {protocol: tcp, ports: 5432, groups: [web], "                      \
	      "ranges: [10.1.1.0/28, 10.1.1.4/32]}\n"                                         \
	      "egress:\n- {protocol: any, groups: [api]}\n")                                  \
	GROUP("api", "a", "egress: []\n")                                                     \
	GROUP("nobody", "a", "")                                                              \
	HOST("h1", "s", "10.1.1.10, 'fd00:a:0:1::10'",                                        \
	     "securityGroups: [web, db]\npublicAddress: p\n")                                 \
	HOST("h2", "s", "10.1.1.20, 'fd00:a:0:1::11'",                                        \
	     "securityGroups: [db]\nattach: {namespace: theirs}\n")                           \
	HOST("h3", "d", "10.1.2.20", "")                                                      \
	CLUSTER("k")                                                                          \
	ENDPOINT("e", "k", "d", "10.1.2.9", "securityGroups: [api]\n")                        \
	ENDPOINT("e2", "k", "d", "10.1.2.10", "securityGroups: [api]\nstate: pending\n")

static void hosts_are(const struct tables_network *n, const char *want)
{
	struct out o = {.len = 0};

	for (uint32_t i = 0; i < n->n_hosts; i++) {
		const struct tables_host *h = &n->hosts[i];

		say(&o, "%s %u", h->name, h->subnet);
		say_pair(&o, h->addresses);
		say(&o, " public");
		say_pair(&o, h->public);
		say(&o, " groups");
		for (uint32_t k = h->first_group; k < h->first_group + h->n_groups; k++)
			say(&o, " %s", n->groups[n->host_groups[k]].name);
		say(&o, " attach %u %s\n", h->attach, h->attach_name);
	}
	assert_string_equal(o.text, want);
}

static void test_hosts_and_groups(void **state)
{
	struct land w = land_open();
	struct tables_network n;

	land_must(&w, HOSTS_AND_GROUPS, NULL);
	n = get_network(&w, "network", "a");
	hosts_are(&n, "h1 0 10.1.1.10 fd00:a:0:1::10 public 192.0.2.7 groups web db attach 0 \n"
		      "h2 0 10.1.1.20 fd00:a:0:1::11 public groups db attach 1 theirs\n"
		      "h3 1 10.1.2.20 public groups attach 0 \n");
	/* Only groups that a host has; a range once; nobody's rule left out; the endpoint that is approved. */
	rules_are(&n,
		  "web egress-open\n"
		  " in 1 8000-8100 0.0.0.0/0\n"
		  " in 3 0-65535 10.1.1.10/32 10.1.1.20/32 fd00:a:0:1::10/128 fd00:a:0:1::11/128\n"
		  "db\n"
		  " in 1 5432-5432 10.1.1.0/28 fd00:a:0:1::10/128\n"
		  " out 0 0-65535 10.1.2.9/32\n");
	assert_int_equal(n.n_endpoints, 1);
	assert_int_equal(n.endpoints[0].addr.lo, 0x0a010209);
	assert_int_equal(n.endpoints[0].port, 443);
	tables_network_done(&n);

	/* Groups follow who has them. */
	land_must(&w, ENDPOINT("e2", "k", "d", "10.1.2.10", "securityGroups: [api]\n"), "host/h1");
	n = get_network(&w, "network", "a");
	rules_are(&n, "db\n in 1 5432-5432 10.1.1.0/28\n out 0 0-65535 10.1.2.9/32 10.1.2.10/32\n");
	tables_network_done(&n);
	land_close(&w);
}

/* --- endpoints ---------------------------------------------------------------------------------------------------- */

#define E_ADDRS "10.1.1.9, 'fd00:a:0:1::9'"
#define ONE_ENDPOINT(more)                                     \
	NETWORK("a", "10.1.0.0/16, 'fd00:a::/48'")             \
	SUBNET("s", "a", "10.1.1.0/24, 'fd00:a:0:1::/64'", "") \
	CLUSTER("k")                                           \
	ENDPOINT("e", "k", "s", E_ADDRS, more)
#define ALL_V4 "10.1.0.0-10.1.255.255"
#define ALL_V6 "fd00:a::-fd00:a:0:ffff:ffff:ffff:ffff:ffff"

/* Groups and ranges must both agree, on the own port and by TCP. */
static void test_endpoint_rules(void **state)
{
	struct land w = land_open();

	land_must(&w, ONE_ENDPOINT(""), NULL);
	sources_are(&w, "a", "10.1.1.9", ALL_V4);
	sources_are(&w, "a", "fd00:a:0:1::9", ALL_V6);

	land_must(&w,
		  ENDPOINT("e", "k", "s", E_ADDRS,
			   "ranges: [10.1.2.0/24, 10.0.0.0/24, 10.1.3.0/24, 10.1.2.8/32]\n"),
		  NULL);
	sources_are(&w, "a", "10.1.1.9", "10.1.2.0-10.1.3.255");
	sources_are(&w, "a", "fd00:a:0:1::9", "");

	/* No ranges is not the same as an empty list. */
	land_must(&w, ENDPOINT("e", "k", "s", E_ADDRS, "ranges: []\n"), NULL);
	sources_are(&w, "a", "10.1.1.9", "");

	land_must(&w,
		  GROUP("g1", "a",
			"ingress:\n- {protocol: tcp, ports: 443, ranges: [10.1.2.0/24]}\n"
			"- {protocol: tcp, ports: 400-500, groups: [g2]}\n"
			"- {protocol: udp, ranges: [10.1.3.0/24]}\n"
			"- {protocol: icmp, ranges: [10.1.4.0/24]}\n"
			"- {protocol: tcp, ports: 444, ranges: [10.1.5.0/24]}\n")
			  GROUP("g2", "a",
				"ingress:\n- {protocol: any, ranges: [10.1.6.0/24, 10.9.0.0/16]}\n"
				"egress:\n- {protocol: any, ranges: [10.1.7.0/24]}\n")
				  HOST("h", "s", "10.1.1.20, 'fd00:a:0:1::20'",
				       "securityGroups: [g2]\n") ENDPOINT("e", "k", "s", E_ADDRS,
									  "securityGroups: [g1]\n"),
		  NULL);
	sources_are(&w, "a", "10.1.1.9", "10.1.1.20-10.1.1.20 10.1.2.0-10.1.2.255");
	sources_are(&w, "a", "fd00:a:0:1::9", "fd00:a:0:1::20-fd00:a:0:1::20");
	land_must(&w, ENDPOINT("e", "k", "s", E_ADDRS, "securityGroups: [g1, g2]\nport: 444\n"),
		  NULL);
	sources_are(&w, "a", "10.1.1.9",
		    "10.1.1.9-10.1.1.9 10.1.1.20-10.1.1.20 10.1.5.0-10.1.6.255");
	land_must(&w,
		  ENDPOINT("e", "k", "s", E_ADDRS,
			   "securityGroups: [g1, g2]\nranges: [10.1.6.128/25, 10.1.1.0/24]\n"),
		  NULL);
	sources_are(&w, "a", "10.1.1.9",
		    "10.1.1.9-10.1.1.9 10.1.1.20-10.1.1.20 10.1.6.128-10.1.6.255");
	/* A group without rules lets nobody in. */
	land_must(&w,
		  GROUP("g1", "a", "") ENDPOINT("e", "k", "s", E_ADDRS, "securityGroups: [g1]\n"),
		  NULL);
	sources_are(&w, "a", "10.1.1.9", "");
	land_close(&w);
}

static void test_endpoint_states(void **state)
{
	struct land w = land_open();
	struct tables_network n;

	land_must(&w, ONE_ENDPOINT("state: pending\n"), NULL);
	sources_are(&w, "a", "10.1.1.9", "-");
	n = get_network(&w, "network", "a");
	assert_int_equal(n.n_endpoints, 0);
	tables_network_done(&n);
	land_must(&w, ENDPOINT("e", "k", "s", E_ADDRS, ""), NULL);
	sources_are(&w, "a", "10.1.1.9", ALL_V4);
	assert_true(w.outcome.networks_changed);
	land_must(&w, ENDPOINT("e", "k", "s", E_ADDRS, "state: disconnected\n"), NULL);
	sources_are(&w, "a", "10.1.1.9", "-");
	assert_true(w.outcome.networks_changed);

	/* A cluster's own placements, switched off and on. */
	land_must(&w,
		  CLUSTER("m") "private: {kind: interfaces, placements: [{subnet: s, addresses: "
			       "[10.1.1.30, 'fd00:a:0:1::30']}], port: 6443, ranges: "
			       "[10.1.1.0/28]}\n",
		  NULL);
	sources_are(&w, "a", "10.1.1.30", "10.1.1.0-10.1.1.15");
	n = get_network(&w, "network", "a");
	assert_int_equal(n.n_endpoints, 2);
	assert_int_equal(n.endpoints[0].port, 6443);
	tables_network_done(&n);
	land_must(
		&w,
		CLUSTER("m") "private: {kind: interfaces, enabled: false, placements: [{subnet: s, "
			     "addresses: [10.1.1.30, 'fd00:a:0:1::30']}]}\n",
		NULL);
	sources_are(&w, "a", "10.1.1.30", "-");
	land_close(&w);
}

/* Only those whose subnet leads to the endpoint and who are answered. */
static void test_endpoint_peered(void **state)
{
	struct land w = land_open();

	land_must(&w,
		  ONE_ENDPOINT("") NETWORK("b", "10.2.0.0/16") NETWORK("c", "10.3.0.0/16")
			  SUBNET("b1", "b", "10.2.1.0/24", "") SUBNET("b2", "b", "10.2.2.0/24", "")
				  SUBNET("c1", "c", "10.3.1.0/24", "") PEERING("ab", "a", "b", "")
					  PEERING("bc", "b", "c", ""),
		  NULL);
	/* Subnets, not spaces; not the network beyond. */
	sources_are(&w, "a", "10.1.1.9", ALL_V4 " 10.2.1.0-10.2.2.255");
	sources_are(&w, "a", "fd00:a:0:1::9", ALL_V6);

	/* One subnet of the other side leads elsewhere with part of the way. */
	land_must(&w,
		  TABLE("tb", "b", "- {to: 10.1.1.8/31, via: {drop: true}}\n")
			  SUBNET("b2", "b", "10.2.2.0/24", "routeTable: tb\n"),
		  NULL);
	sources_are(&w, "a", "10.1.1.9", ALL_V4 " 10.2.1.0-10.2.1.255");

	/* The endpoint's subnet answers part of the other. */
	land_must(&w,
		  TABLE("ta", "a",
			"- {to: 10.2.1.64/26, via: {drop: true}}\n"
			"- {to: 10.2.1.96/28, via: {peering: ab}}\n")
			  SUBNET("s", "a", "10.1.1.0/24, 'fd00:a:0:1::/64'", "routeTable: ta\n"),
		  NULL);
	sources_are(&w, "a", "10.1.1.9",
		    ALL_V4 " 10.2.1.0-10.2.1.63 10.2.1.96-10.2.1.111 10.2.1.128-10.2.1.255");

	/* Without automatic routes there must be one on each side. */
	land_must(&w, PEERING("ab", "a", "b", "routes: none\n"), NULL);
	sources_are(&w, "a", "10.1.1.9", ALL_V4);
	land_must(&w,
		  TABLE("tb", "b", "- {to: 10.1.0.0/16, via: {peering: ab}}\n")
			  TABLE("ta", "a", "- {to: 10.2.2.128/25, via: {peering: ab}}\n"),
		  NULL);
	sources_are(&w, "a", "10.1.1.9", ALL_V4 " 10.2.2.128-10.2.2.255");
	land_must(&w, NULL, "peering/bc");
	assert_true(w.outcome.networks_changed);
	land_close(&w);
}

static void test_endpoint_behind_hub_and_site(void **state)
{
	struct land w = land_open();

	land_must(&w,
		  HUB_OF_THREE CLUSTER("k")
			  ENDPOINT("e", "k", "a1", "10.1.1.9",
				   "") "---\nkind: site\nname: o\naddressSpace: "
				       "[172.16.0.0/16]\nconnections: [{hub: h}]\n"
				       "---\nkind: site\nname: p\naddressSpace: "
				       "[172.17.0.0/16]\nconnections: [{network: a}]\n"
				       "---\nkind: site\nname: q\naddressSpace: "
				       "[172.18.0.0/16]\nconnections: [{network: b}]\n",
		  NULL);
	/* c is joined, but has no routes of its own. */
	sources_are(&w, "a", "10.1.1.9", ALL_V4 " 10.2.1.0-10.2.1.255 172.16.0.0-172.17.255.255");
	/* The hub drops one way: to part of b, and to the endpoint's part of a. */
	land_must(&w,
		  "kind: hub\nname: h\nattachments: [{network: a}, {network: b}, {network: c}]\n"
		  "routes: [{to: 10.2.1.0/25, via: {drop: true}}, {to: 10.3.1.0/26, via: {network: "
		  "b}}]\n",
		  NULL);
	sources_are(&w, "a", "10.1.1.9",
		    ALL_V4 " 10.2.1.128-10.2.1.255 10.3.1.64-10.3.1.255 172.16.0.0-172.17.255.255");
	land_must(&w,
		  "kind: hub\nname: h\nattachments: [{network: a}, {network: b}, {network: c}]\n"
		  "routes: [{to: 10.1.1.8/30, via: {drop: true}}]\n",
		  NULL);
	sources_are(&w, "a", "10.1.1.9", ALL_V4 " 172.17.0.0-172.17.255.255");
	land_close(&w);
}

/* --- what is written ---------------------------------------------------------------------------------------------- */

struct id_counts {
	uint32_t ids[64];
	size_t n;
};

static int count_id(uint32_t id, void *arg)
{
	struct id_counts *c = arg;

	assert_true(c->n < ARRAY_SIZE(c->ids));
	c->ids[c->n++] = id;
	return 0;
}

/* The last generation touched exactly these, each once. */
static void touched_are(struct land *w, const uint32_t *ids, size_t n)
{
	struct tables_snapshot *s = tables_acquire(w->t);
	struct id_counts got = {.n = 0};

	assert_int_equal(tables_generation(s), store_revision(w->s));
	assert_int_equal(tables_each_change(s, tables_generation(s) - 1, count_id, &got), 0);
	tables_release(s);
	assert_int_equal(got.n, n);
	for (size_t i = 0; i < n; i++) {
		size_t times = 0;

		for (size_t k = 0; k < got.n; k++)
			times += got.ids[k] == ids[i];
		assert_int_equal(times, 1);
	}
}

static uint64_t generation_of(struct land *w, const char *kind, const char *name)
{
	struct tables_network n = get_network(w, kind, name);
	uint64_t generation = n.generation;

	tables_network_done(&n);
	return generation;
}

static void test_what_is_touched(void **state)
{
	struct land w = land_open();
	uint32_t a, b, k;
	uint64_t of_b;

	land_must(&w,
		  ONE_ENDPOINT("") NETWORK("b", "10.2.0.0/16") SUBNET("b1", "b", "10.2.1.0/24", "")
			  GROUP("g", "a", "") HOST("h", "s", "10.1.1.20, 'fd00:a:0:1::20'", ""),
		  NULL);
	a = id_of(&w, "network", "a");
	b = id_of(&w, "network", "b");
	k = id_of(&w, "cluster", "k");
	touched_are(&w, (uint32_t[]){a, b, k}, 3);
	of_b = generation_of(&w, "network", "b");

	/* The record of a; its endpoint's sources stay. */
	land_must(&w, HOST("h", "s", "10.1.1.20, 'fd00:a:0:1::20'", "securityGroups: [g]\n"), NULL);
	touched_are(&w, (uint32_t[]){a}, 1);
	/* The sources alone. */
	land_must(&w, ENDPOINT("e", "k", "s", E_ADDRS, "ranges: [10.1.1.0/24]\n"), NULL);
	touched_are(&w, (uint32_t[]){k}, 1);
	assert_true(w.outcome.networks_changed);
	/* The cluster's own document, and with it nothing else. */
	land_must(&w, CLUSTER("k") "drain: 9\n", NULL);
	touched_are(&w, (uint32_t[]){k}, 1);
	assert_false(w.outcome.networks_changed);
	/* Nothing that the tables have. */
	land_must(&w, GROUP("unused", "a", ""), NULL);
	touched_are(&w, NULL, 0);
	assert_false(w.outcome.networks_changed);
	land_must(&w, TABLE("unused", "a", "- {to: 1.0.0.0/8, via: {drop: true}}\n"), NULL);
	touched_are(&w, NULL, 0);
	assert_int_equal(generation_of(&w, "network", "b"), of_b);
	same_as_fresh_with(w.t, w.l, w.s);
	/* Both ends, the endpoint gains sources. */
	land_must(&w, ENDPOINT("e", "k", "s", E_ADDRS, "") PEERING("ab", "a", "b", ""), NULL);
	touched_are(&w, (uint32_t[]){a, b, k}, 3);
	assert_true(generation_of(&w, "network", "b") > of_b);

	land_must(&w, NULL,
		  "peering/ab private-endpoint/e host/h subnet/s network/a "
		  "security-group/g security-group/unused route-table/unused");
	touched_are(&w, (uint32_t[]){a, b, k}, 3);
	struct tables_snapshot *s = tables_acquire(w.t);
	struct tables_network n;
	assert_int_equal(tables_get_network(s, a, &n), -ERR_NOT_FOUND);
	tables_release(s);
	same_as_fresh_with(w.t, w.l, w.s);
	land_close(&w);
}

/* Tables that fell behind: what differs is written, what is gone goes, the rest stays as it is. */
static void test_catch_up(void **state)
{
	struct land w = land_open();
	json_t *docs = documents(SUBNET("b1", "b", "10.2.1.0/24", "")
					 ENDPOINT("e", "k", "s", E_ADDRS, ""));
	struct compile_outcome outcome;
	struct err e = {0};
	uint32_t b, c, k;
	uint64_t of_a;

	land_must(&w,
		  ONE_ENDPOINT("state: pending\n") NETWORK("b", "10.2.0.0/16")
			  NETWORK("c", "10.3.0.0/16"),
		  NULL);
	b = id_of(&w, "network", "b");
	c = id_of(&w, "network", "c");
	k = id_of(&w, "cluster", "k");
	of_a = generation_of(&w, "network", "a");
	assert_int_equal(land_change(&w, docs, NULL, false).r, 0);
	assert_int_equal(land_change(&w, NULL, "network/c private-endpoint/e", false).r, 0);
	must_ok(compile_catch_up(w.t, w.l, w.s, &outcome, &e), &e);
	assert_true(outcome.networks_changed);
	same_as_fresh_with(w.t, w.l, w.s);
	touched_are(&w, (uint32_t[]){b, c}, 2);
	assert_int_equal(generation_of(&w, "network", "a"), of_a);
	must_ok(compile_catch_up(w.t, w.l, w.s, &outcome, &e), &e);
	assert_false(outcome.networks_changed);

	/* Its endpoint, of which the tables have not heard yet. */
	assert_int_equal(land_change(&w, docs, NULL, false).r, 0);
	must_ok(compile_catch_up(w.t, w.l, w.s, &outcome, &e), &e);
	touched_are(&w, (uint32_t[]){id_of(&w, "network", "a"), k}, 2);
	same_as_fresh_with(w.t, w.l, w.s);
	json_decref(docs);
	land_close(&w);
}

/* A failure leaves tables and landscape as they were. */
static void test_failure_changes_nothing(void **state)
{
	struct land w = land_open();
	struct compile_outcome outcome = {.networks_changed = true};
	json_t *docs = documents(NETWORK("b", "10.2.0.0/16"));
	struct object *o;
	struct err e = {0};

	land_must(&w, ONE_ENDPOINT(""), NULL);
	landscape_begin(w.l);
	must_ok(landscape_put(w.l, OBJECT_NETWORK, 77, json_array_get(docs, 0), &o, &e), &e);
	must_ok(landscape_check(w.l, false, NULL, &e), &e);
	assert_int_equal(compile_changes(w.t, w.l, NULL, 0, store_revision(w.s), store_id(w.s),
					 &outcome, &e),
			 -ERR_INTERNAL);
	assert_false(outcome.networks_changed);
	landscape_abort(w.l);
	same_as_fresh_with(w.t, w.l, w.s);
	land_must(&w, NETWORK("b", "10.2.0.0/16"), NULL);
	json_decref(docs);
	land_close(&w);
}

/* --- cost --------------------------------------------------------------------------------------------------------- */

static double cpu_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static void cost_put(struct land *w, const char *yaml, size_t len, uint32_t id)
{
	json_t *docs = NULL;
	struct object *o;
	struct err e = {0};

	assert_true(len < 4096);
	must_ok(document_parse(yaml, len, DOCUMENT_YAML, &docs, &e), &e);
	for (size_t i = 0; i < json_array_size(docs); i++) {
		json_t *doc = json_array_get(docs, i);

		must_ok(landscape_put(w->l, doc_kind(doc), id + (uint32_t)i, doc, &o, &e), &e);
	}
	json_decref(docs);
}

#define COST_GROUP                                                       \
	"---\nkind: security-group\nname: g%d\nnetwork: n%d\ningress:\n" \
	"- {protocol: tcp, ports: %d, groups: [g%d]}\n- {protocol: icmp, ranges: [0.0.0.0/0]}\n"

/* A network of a subnet with a table, an endpoint, a group and ten hosts that have it. */
static void cost_network(struct land *w, int i)
{
	char yaml[4096];
	size_t n = 0;

#define SAY(...) n += (size_t)snprintf(yaml + n, sizeof(yaml) - n, __VA_ARGS__)
	SAY("---\nkind: network\nname: n%d\naddressSpace: [10.0.0.0/16]\n", i);
	SAY("---\nkind: internet-gateway\nname: i%d\nnetwork: n%d\n", i, i);
	SAY("---\nkind: subnet\nname: s%d\nnetwork: n%d\nranges: [10.0.1.0/24]\nrouteTable: t%d\n",
	    i, i, i);
	SAY("---\nkind: route-table\nname: t%d\nnetwork: n%d\nroutes: [{to: 0.0.0.0/0, via: "
	    "{internetGateway: i%d}}]\n",
	    i, i, i);
	SAY(COST_GROUP, i, i, 443, i);
	SAY("---\nkind: private-endpoint\nname: e%d\ncluster: k\nsubnet: s%d\naddresses: "
	    "[10.0.1.5]\nsecurityGroups: [g%d]\n",
	    i, i, i);
	for (int h = 0; h < 10; h++)
		SAY("---\nkind: host\nname: h%d-%d\nsubnet: s%d\naddresses: [10.0.1.%d]\n"
		    "securityGroups: [g%d]\n",
		    i, h, i, 10 + h, i);
#undef SAY
	cost_put(w, yaml, n, 100u * (uint32_t)i + 100);
}

/* NETWORKS=1000 for the size that the manual speaks of. A change must not depend on the number. */
static void test_cost(void **state)
{
	const char *networks = getenv("NETWORKS");
	const int n = networks ? (int)strtol(networks, NULL, 10) : 200, rounds = 100;
	static const char cluster[] = CLUSTER("k");
	struct land w = land_open();
	struct err e = {0};
	double start, spent = 0;
	uint64_t g = 1;

	landscape_begin(w.l);
	cost_put(&w, cluster, strlen(cluster), 1);
	for (int i = 0; i < n; i++)
		cost_network(&w, i);
	must_ok(landscape_check(w.l, false, NULL, &e), &e);
	landscape_commit(w.l);
	start = cpu_ms();
	must_ok(compile_all(w.t, w.l, w.s, NULL, &e), &e);
	print_message("compile_all, %d networks of 10 hosts: %.1f ms CPU\n", n, cpu_ms() - start);
	for (int i = 0; i < rounds; i++) {
		char yaml[512];
		const int of = i % n;
		int len = snprintf(yaml, sizeof(yaml), COST_GROUP, of, of, 1000 + i, of);

		landscape_begin(w.l);
		cost_put(&w, yaml, (size_t)len, 100u * (uint32_t)of + 104);
		must_ok(landscape_check(w.l, false, NULL, &e), &e);
		start = cpu_ms();
		must_ok(compile_changes(w.t, w.l, NULL, 0, g++, store_id(w.s), &w.outcome, &e), &e);
		spent += cpu_ms() - start;
		assert_true(w.outcome.networks_changed);
		landscape_commit(w.l);
	}
	print_message("compile_changes of one rule: %.3f ms CPU\n", spent / rounds);
	land_close(&w);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_subnets_and_tables),
		T(test_nat),
		T(test_peerings),
		T(test_hub),
		T(test_site),
		T(test_hosts_and_groups),
		T(test_endpoint_rules),
		T(test_endpoint_states),
		T(test_endpoint_peered),
		T(test_endpoint_behind_hub_and_site),
		T(test_what_is_touched),
		T(test_catch_up),
		T(test_failure_changes_nothing),
		T(test_cost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
