/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who may come by a private address, rule by rule.
 */
#include "compile_net_rig.h"

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

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_endpoint_rules),
		T(test_endpoint_states),
		T(test_endpoint_peered),
		T(test_endpoint_behind_hub_and_site),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
