/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One router out of the landscape, rule by rule, as its record then is: routes, hosts, groups.
 */
#include "compile_net_rig.h"

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

	/* So do the placements of a cluster, as long as it is switched on. */
	land_must(&w,
		  CLUSTER("m") "private: {kind: interfaces, securityGroups: [api], placements: "
			       "[{subnet: d, addresses: [10.1.2.30]}]}\n",
		  NULL);
	n = get_network(&w, "network", "a");
	rules_are(&n,
		  "web egress-open\n"
		  " in 1 8000-8100 0.0.0.0/0\n"
		  " in 3 0-65535 10.1.1.10/32 10.1.1.20/32 fd00:a:0:1::10/128 fd00:a:0:1::11/128\n"
		  "db\n"
		  " in 1 5432-5432 10.1.1.0/28 fd00:a:0:1::10/128\n"
		  " out 0 0-65535 10.1.2.9/32 10.1.2.30/32\n");
	tables_network_done(&n);
	land_must(&w,
		  CLUSTER("m") "private: {kind: interfaces, enabled: false, securityGroups: [api], "
			       "placements: [{subnet: d, addresses: [10.1.2.30]}]}\n",
		  NULL);

	/* Groups follow who has them. */
	land_must(&w, ENDPOINT("e2", "k", "d", "10.1.2.10", "securityGroups: [api]\n"), "host/h1");
	n = get_network(&w, "network", "a");
	rules_are(&n, "db\n in 1 5432-5432 10.1.1.0/28\n out 0 0-65535 10.1.2.9/32 10.1.2.10/32\n");
	tables_network_done(&n);
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
