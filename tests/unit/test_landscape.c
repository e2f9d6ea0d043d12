/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The landscape: what is linked to what, what is allocated, what a change touches. */
#include "landscape_rig.h"

#define WORLD                                                                                     \
	"kind: network\nname: net\naddressSpace: [10.0.0.0/16, 2001:db8::/48]\n---\n"             \
	"kind: subnet\nname: pub\nnetwork: net\nranges: [10.0.0.0/24, 2001:db8::/64]\n"           \
	"routeTable: rt\n---\n"                                                                   \
	"kind: subnet\nname: priv\nnetwork: net\nranges: [10.0.1.0/28]\n---\n"                    \
	"kind: subnet\nname: deleg\nnetwork: net\nranges: [10.0.2.0/28]\ndelegation: clusters\n"  \
	"---\n"                                                                                   \
	"kind: internet-gateway\nname: igw\nnetwork: net\n---\n"                                  \
	"kind: public-address\nname: pa1\n---\n"                                                  \
	"kind: public-address\nname: pa2\naddresses: [198.51.100.9]\n---\n"                       \
	"kind: public-address\nname: pa3\n---\n"                                                  \
	"kind: nat-gateway\nname: nat\nsubnet: pub\npublicAddress: pa1\n---\n"                    \
	"kind: route-table\nname: rt\nnetwork: net\nroutes:\n"                                    \
	"  - {to: 0.0.0.0/0, via: {internetGateway: igw}}\n"                                      \
	"  - {to: 10.1.0.0/16, via: {peering: p}}\n"                                              \
	"  - {to: 10.2.0.0/16, via: {hub: h}}\n"                                                  \
	"  - {to: 192.168.0.0/16, via: {site: office}}\n"                                         \
	"  - {to: 10.9.0.0/16, via: {drop: true}}\n"                                              \
	"  - {to: 203.0.113.0/24, via: {natGateway: nat}}\n---\n"                                 \
	"kind: network\nname: peer\naddressSpace: [10.1.0.0/16]\n---\n"                           \
	"kind: network\nname: spoke\naddressSpace: [10.2.0.0/16]\n---\n"                          \
	"kind: network\nname: alone\naddressSpace: [10.0.0.0/16]\n---\n"                          \
	"kind: subnet\nname: peer1\nnetwork: peer\nranges: [10.1.0.0/24]\n---\n"                  \
	"kind: subnet\nname: alone1\nnetwork: alone\nranges: [10.0.0.0/24]\n---\n"                \
	"kind: peering\nname: p\nnetworks: [net, peer]\n---\n"                                    \
	"kind: hub\nname: h\nattachments: [{network: net}, {network: spoke, routes: none}]\n"     \
	"routes: [{to: 172.16.0.0/12, via: {network: spoke}}, {to: 192.168.0.0/16, via: {site: " \
	"office}}]\n---\n"                                                                        \
	"kind: site\nname: office\naddressSpace: [192.168.0.0/24]\npublicAddress: pa3\n"          \
	"connections: [{network: net}, {hub: h, routes: none}]\n---\n"                            \
	"kind: security-group\nname: web\nnetwork: net\n"                                         \
	"ingress: [{protocol: tcp, ports: 443, groups: [web, node]}]\n---\n"                      \
	"kind: security-group\nname: node\nnetwork: net\negress: []\n---\n"                       \
	"kind: host\nname: a\nsubnet: pub\nsecurityGroups: [web, node]\npublicAddress: pa2\n---\n" \
	"kind: host\nname: b\nsubnet: priv\naddresses: [10.0.1.9]\n"                              \
	"attach: {namespace: other}\n---\n"                                                       \
	"kind: host\nname: printer\nsite: office\n---\n"                                          \
	"kind: cluster\nname: prod\nupstreams: [{address: 127.0.0.1}]\n"                          \
	"public: {fqdn: prod.example.org, names: [\"*.w.example\", alt.example.org]}\n"           \
	"private: {kind: interfaces, placements: [{subnet: pub}, {subnet: priv}], "               \
	"securityGroups: [web]}\n---\n"                                                           \
	"kind: private-endpoint\nname: ep\ncluster: prod\nsubnet: alone1\n"

static const struct prefix pool[] = {
	{{.lo = 0xcb007100, .family = ADDR_V4}, 24},
	{{.hi = UINT64_C(0x20010db8ffff0000), .family = ADDR_V6}, 64},
};

static struct landscape *world(void)
{
	struct landscape *l;
	struct err e;

	assert_int_equal(landscape_new(&l, &e), 0);
	assert_int_equal(landscape_set_pool(l, pool, 2, &e), 0);
	must_apply(l, WORLD);
	return l;
}

static void test_world(void **state)
{
	struct landscape *l = world();

	assert_int_equal(landscape_count(l, OBJECT_HOST), 3);
	landscape_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_world),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
