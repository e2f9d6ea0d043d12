/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Explanations of the way from a host to a cluster: each reason with its sentence.
 *
 *	                 internet: public endpoint 192.0.2.1
 *	                     |                |
 *	           +---- igw, nat ----+     site office 172.16.0.0/16
 *	           | network prod     |       |
 *	           | 10.0.0.0/16      |--- hub h ---- network far 10.3.0.0/16
 *	           +------------------+
 *	             | peering near
 *	           network near 10.1.0.0/16 --- peering beyond --- network beyond 10.2.0.0/16
 */
#include "explain/admit.h"
#include "explain/path.h"
#include "landscape_rig.h"

#include <stdio.h>

static const char networks[] =
	"kind: network\nname: prod\naddressSpace: [10.0.0.0/16]\n---\n"
	"kind: network\nname: near\naddressSpace: [10.1.0.0/16]\n---\n"
	"kind: network\nname: beyond\naddressSpace: [10.2.0.0/16]\n---\n"
	"kind: network\nname: far\naddressSpace: [10.3.0.0/16]\n---\n"
	"kind: network\nname: quiet\naddressSpace: [10.4.0.0/16]\n---\n"
	"kind: subnet\nname: quiet-a\nnetwork: quiet\nranges: [10.4.1.0/24]\n---\n"
	"kind: peering\nname: quiet\nnetworks: [prod, quiet]\nroutes: none\n---\n"
	"kind: network\nname: alone\naddressSpace: [10.0.0.0/16]\n---\n"
	"kind: internet-gateway\nname: igw\nnetwork: prod\n---\n"
	"kind: internet-gateway\nname: igw-alone\nnetwork: alone\n---\n"
	"kind: public-address\nname: host-ip\naddresses: [198.51.100.1]\n---\n"
	"kind: public-address\nname: nat-ip\naddresses: [198.51.100.2]\n---\n"
	"kind: public-address\nname: bad-nat-ip\naddresses: [198.51.100.3]\n---\n"
	"kind: public-address\nname: office-ip\naddresses: [198.51.100.4]\n---\n"
	"kind: public-address\nname: alone-ip\naddresses: [198.51.100.5]\n---\n"
	"kind: nat-gateway\nname: nat\nsubnet: front\npublicAddress: nat-ip\n---\n"
	"kind: nat-gateway\nname: bad-nat\nsubnet: inner\npublicAddress: bad-nat-ip\n---\n"
	"kind: nat-gateway\nname: nat-alone\nsubnet: alone-front\npublicAddress: alone-ip\n---\n"
	"kind: route-table\nname: out\nnetwork: prod\nroutes:\n"
	"- {to: 0.0.0.0/0, via: {internetGateway: igw}}\n---\n"
	"kind: route-table\nname: by-nat\nnetwork: prod\nroutes:\n"
	"- {to: 0.0.0.0/0, via: {natGateway: nat}}\n- {to: 10.1.9.0/24, via: {drop: true}}\n---\n"
	"kind: route-table\nname: by-bad-nat\nnetwork: prod\nroutes:\n"
	"- {to: 0.0.0.0/0, via: {natGateway: bad-nat}}\n---\n"
	"kind: route-table\nname: dead-end\nnetwork: prod\nroutes:\n"
	"- {to: 192.0.2.0/24, via: {drop: true}}\n- {to: 10.1.0.0/16, via: {drop: true}}\n---\n"
	"kind: route-table\nname: alone-out\nnetwork: alone\nroutes:\n"
	"- {to: 0.0.0.0/0, via: {internetGateway: igw-alone}}\n---\n"
	"kind: route-table\nname: alone-nat\nnetwork: alone\nroutes:\n"
	"- {to: 0.0.0.0/0, via: {natGateway: nat-alone}}\n---\n"
	"kind: route-table\nname: beyond-near\nnetwork: beyond\nroutes:\n"
	"- {to: 10.0.0.0/8, via: {peering: beyond}}\n---\n"
	"kind: route-table\nname: near-mute\nnetwork: prod\nroutes:\n"
	"- {to: 10.1.2.0/24, via: {drop: true}}\n---\n"
	"kind: subnet\nname: front\nnetwork: prod\nranges: [10.0.0.0/24]\nrouteTable: out\n---\n"
	"kind: subnet\nname: inner\nnetwork: prod\nranges: [10.0.1.0/24]\n---\n"
	"kind: subnet\nname: behind\nnetwork: prod\nranges: [10.0.2.0/24]\nrouteTable: "
	"by-nat\n---\n"
	"kind: subnet\nname: stuck\nnetwork: prod\nranges: [10.0.3.0/24]\nrouteTable: "
	"by-bad-nat\n---\n"
	"kind: subnet\nname: dead\nnetwork: prod\nranges: [10.0.4.0/24]\nrouteTable: "
	"dead-end\n---\n"
	"kind: subnet\nname: mute\nnetwork: prod\nranges: [10.0.5.0/24]\nrouteTable: "
	"near-mute\n---\n"
	"kind: subnet\nname: near-a\nnetwork: near\nranges: [10.1.1.0/24]\n---\n"
	"kind: subnet\nname: near-b\nnetwork: near\nranges: [10.1.2.0/24]\n---\n"
	"kind: subnet\nname: beyond-a\nnetwork: beyond\nranges: [10.2.1.0/24]\nrouteTable: "
	"beyond-near\n---\n"
	"kind: subnet\nname: far-a\nnetwork: far\nranges: [10.3.1.0/24]\n---\n"
	"kind: subnet\nname: alone-front\nnetwork: alone\nranges: [10.0.0.0/24]\nrouteTable: "
	"alone-out\n---\n"
	"kind: subnet\nname: alone-a\nnetwork: alone\nranges: [10.0.9.0/24]\nrouteTable: "
	"alone-nat\n---\n"
	"kind: peering\nname: near\nnetworks: [prod, near]\n---\n"
	"kind: peering\nname: beyond\nnetworks: [near, beyond]\n---\n"
	"kind: hub\nname: h\nattachments: [{network: prod}, {network: far}]\n---\n"
	"kind: site\nname: office\naddressSpace: [172.16.0.0/16]\npublicAddress: office-ip\n"
	"connections: [{hub: h}]\n---\n"
	"kind: site\nname: closed\naddressSpace: [172.17.0.0/16]\n---\n"
	"kind: security-group\nname: api\nnetwork: prod\ningress:\n"
	"- {protocol: tcp, ports: 6443, ranges: [0.0.0.0/0]}\n"
	"- {protocol: tcp, ports: 443, ranges: [10.0.2.0/24, 10.1.0.0/16, 10.3.0.0/16, "
	"172.16.0.0/12]}\n"
	"- {protocol: any, groups: [clients]}\n---\n"
	"kind: security-group\nname: clients\nnetwork: prod\n---\n"
	"kind: security-group\nname: shut\nnetwork: prod\negress: []\n---\n"
	"kind: security-group\nname: narrow\nnetwork: prod\negress:\n"
	"- {protocol: tcp, ports: 443, groups: [api]}\n";

static const char hosts[] =
	"---\nkind: host\nname: p\nsubnet: front\naddresses: [10.0.0.10]\npublicAddress: "
	"host-ip\n---\n"
	"kind: host\nname: bare\nsubnet: front\naddresses: [10.0.0.11]\n---\n"
	"kind: host\nname: x\nsubnet: inner\naddresses: [10.0.1.10]\n---\n"
	"kind: host\nname: member\nsubnet: inner\naddresses: [10.0.1.11]\nsecurityGroups: "
	"[clients]\n---\n"
	"kind: host\nname: shut\nsubnet: inner\naddresses: [10.0.1.12]\nsecurityGroups: "
	"[shut]\n---\n"
	"kind: host\nname: narrow\nsubnet: behind\naddresses: [10.0.2.12]\nsecurityGroups: "
	"[narrow, shut]\n---\n"
	"kind: host\nname: n\nsubnet: behind\naddresses: [10.0.2.10]\n---\n"
	"kind: host\nname: stuck\nsubnet: stuck\naddresses: [10.0.3.10]\n---\n"
	"kind: host\nname: dead\nsubnet: dead\naddresses: [10.0.4.10]\n---\n"
	"kind: host\nname: pl\nsubnet: near-a\naddresses: [10.1.1.10]\n---\n"
	"kind: host\nname: pl-mute\nsubnet: near-b\naddresses: [10.1.2.10]\n---\n"
	"kind: host\nname: pp\nsubnet: beyond-a\naddresses: [10.2.1.10]\n---\n"
	"kind: host\nname: h\nsubnet: far-a\naddresses: [10.3.1.10]\n---\n"
	"kind: host\nname: q\nsubnet: quiet-a\naddresses: [10.4.1.10]\n---\n"
	"kind: host\nname: u\nsubnet: alone-a\naddresses: [10.0.9.10]\n---\n"
	"kind: host\nname: o\nsite: office\naddresses: [172.16.0.10]\n---\n"
	"kind: host\nname: lost\nsite: closed\naddresses: [172.17.0.10]\n";

#define CLUSTER(name, on)                                                        \
	"---\nkind: cluster\nname: " name "\nupstreams: [{address: 10.9.9.9}]\n" \
	"public: {fqdn: " name ".example.org, enabled: " on "}\n"

/* clang-format off */
static const char clusters[] =
	CLUSTER("prod", "true")
	"private: {kind: interfaces, placements: [{subnet: inner, addresses: [10.0.1.7]}], securityGroups: [api]}\n"
	CLUSTER("mute", "true")
	"private: {kind: interfaces, placements: [{subnet: mute, addresses: [10.0.5.7]}]}\n"
	CLUSTER("off", "true")
	"private: {kind: interfaces, enabled: false, placements: [{subnet: inner, addresses: [10.0.1.8]}]}\n"
	CLUSTER("ranged", "true")
	"private: {kind: interfaces, ranges: [10.0.2.0/24], placements: [{subnet: inner, addresses: [10.0.1.9]}]}\n"
	CLUSTER("pair", "false")
	"private: {kind: interfaces, placements:\n"
	"  [{subnet: mute, addresses: [10.0.5.8]}, {subnet: inner, addresses: [10.0.1.21]}]}\n"
	CLUSTER("linked", "true") "private: {kind: private-link}\n"
	CLUSTER("quiet", "false") "private: {kind: private-link}\n---\n"
	"kind: private-endpoint\nname: quiet\ncluster: quiet\nsubnet: near-a\naddresses: [10.1.1.9]\n---\n"
	"kind: private-endpoint\nname: waiting\ncluster: linked\nsubnet: near-a\naddresses: [10.1.1.7]\n"
	"state: pending\n---\n"
	"kind: private-endpoint\nname: there\ncluster: linked\nsubnet: near-a\naddresses: [10.1.1.8]\n";
/* clang-format on */

static struct landscape *land;
static const struct addr public_address = {.family = ADDR_V4, .lo = 0xc0000201};

static int setup(void **state)
{
	static char all[sizeof(networks) + sizeof(hosts) + sizeof(clusters)];

	snprintf(all, sizeof(all), "%s%s%s", networks, hosts, clusters);
	assert_int_equal(landscape_new(&land, NULL), 0);
	must_apply(land, all);
	return 0;
}

static int teardown(void **state)
{
	landscape_free(land);
	return 0;
}

/* The public endpoint's ranges; NULL: open. */
static const char *ranges[4];
static bool public_off;

static struct explain_index *public_index(void)
{
	struct prefix list[ARRAY_SIZE(ranges)];
	struct cluster c = {
		.public_enabled = !public_off, .public_open = !ranges[0], .ranges = list};
	struct explain_index *x;

	for (; c.n_ranges < ARRAY_SIZE(ranges) && ranges[c.n_ranges]; c.n_ranges++)
		assert_int_equal(prefix_parse(ranges[c.n_ranges], strlen(ranges[c.n_ranges]),
					      &list[c.n_ranges], NULL),
				 0);
	assert_int_equal(explain_index_new(&c, &x, NULL), 0);
	return x;
}

static struct path_answer ask(const char *host, const char *cluster, const char *address)
{
	struct explain_index *x = public_index();
	struct path_question q = {
		.landscape = land,
		.cluster = landscape_find(land, OBJECT_CLUSTER, cluster),
		.host = landscape_find(land, OBJECT_HOST, host),
		.public_addresses = &public_address,
		.n_public_addresses = 1,
		.public_port = 443,
		.public_rules = x,
	};
	struct path_answer a;

	assert_non_null(q.host);
	assert_non_null(q.cluster);
	if (address && strcmp(address, "public") == 0) {
		q.by = PATH_PUBLIC;
	} else if (address) {
		q.by = PATH_BY_ADDRESS;
		assert_int_equal(addr_parse(address, &q.address), 0);
	}
	assert_int_equal(explain_path(&q, &a, NULL), 0);
	explain_index_free(x);
	return a;
}

/* Asked for one address: reason, sentence, and that the last step is the one that decides. */
static void says(const char *host, const char *cluster, const char *address, const char *reason,
		 const char *rule)
{
	struct path_answer a = ask(host, cluster, address);

	if (strcmp(path_reason_text(a.reason), reason) != 0 || strcmp(a.rule, rule) != 0)
		fail_msg("%s to %s %s: %s: %s\n   and not %s: %s", host, cluster, address,
			 path_reason_text(a.reason), a.rule, reason, rule);
	assert_int_equal(a.reached, path_reason_is_reached(a.reason));
	assert_true(a.n_steps > 0);
	for (size_t i = 0; i + 1 < a.n_steps; i++)
		assert_true(a.steps[i].ok);
	assert_int_equal(a.steps[a.n_steps - 1].ok, a.reached);
	assert_string_equal(a.steps[a.n_steps - 1].text, a.rule);
	path_answer_done(&a);
}

static void test_out_to_the_public_endpoint(void **state)
{
	ranges[0] = "198.51.100.1/32";
	ranges[1] = "198.51.100.4/32";
	says("p", "prod", "public", "range",
	     "198.51.100.1 is in 198.51.100.1/32, one of 2 authorized ranges");
	says("o", "prod", "public", "range",
	     "198.51.100.4 is in 198.51.100.4/32, one of 2 authorized ranges");
	says("n", "prod", "public", "not-in-ranges",
	     "198.51.100.2 is in none of the 2 authorized ranges");
	ranges[0] = NULL;
	says("n", "prod", "public", "open", "the public endpoint is open to every source");
	public_off = true;
	says("n", "prod", "public", "public-off", "the public endpoint is off");
	public_off = false;
	says("bare", "prod", "public", "no-public-address",
	     "host \"bare\" has no public IPv4 address, and an internet gateway lets only those "
	     "out that have one");
	says("x", "prod", "public", "no-route",
	     "subnet \"inner\" has no route to 192.0.2.1: it has no route table, and no automatic "
	     "route leads there");
	says("pp", "prod", "public", "no-route",
	     "subnet \"beyond-a\" has no route to 192.0.2.1: neither its route table "
	     "\"beyond-near\" nor an automatic "
	     "route leads there");
	says("stuck", "prod", "public", "nat-without-way-out",
	     "NAT gateway \"bad-nat\" has no way out: its own subnet \"inner\" has no route by an "
	     "internet gateway to 192.0.2.1");
	says("dead", "prod", "public", "route-drop",
	     "route 192.0.2.0/24 of route table \"dead-end\" says drop");
	says("lost", "prod", "public", "no-route",
	     "site \"closed\" has no route to 192.0.2.1: nothing that it is connected to has it, "
	     "and it has no public "
	     "address");
}

static void test_private_addresses(void **state)
{
	says("n", "prod", "10.0.1.7", "private",
	     "10.0.2.10 is admitted by ingress rule 2 of security group \"api\" (10.0.2.0/24)");
	says("member", "prod", "10.0.1.7", "private",
	     "10.0.1.11 is admitted by ingress rule 3 of security group \"api\" (members of "
	     "security group "
	     "\"clients\")");
	says("x", "prod", "10.0.1.7", "ingress-group",
	     "no ingress rule of security group \"api\" admits 10.0.1.10 to tcp port 443");
	says("x", "mute", "10.0.5.7", "private",
	     "the private endpoint of cluster \"mute\" has no security group and no ranges: "
	     "whoever is routed to it is "
	     "admitted");
	says("x", "off", "10.0.1.8", "private-off",
	     "private access to cluster \"off\" is switched off");
	says("n", "ranged", "10.0.1.9", "private",
	     "10.0.2.10 is in 10.0.2.0/24, a range of the private endpoint of cluster \"ranged\"");
	says("x", "ranged", "10.0.1.9", "endpoint-ranges",
	     "10.0.1.10 is not in 10.0.2.0/24, the only range of the private endpoint of cluster "
	     "\"ranged\"");
	says("pl", "linked", "10.1.1.7", "not-approved",
	     "private endpoint \"waiting\" is still pending: its cluster's owner has not approved "
	     "it");
	says("x", "prod", "10.0.1.8", "no-endpoint",
	     "10.0.1.8 is a private endpoint of another cluster, \"off\"");
	says("x", "prod", "10.0.2.10", "no-endpoint",
	     "10.0.2.10 is host \"n\", no private endpoint of cluster \"prod\"");
	says("x", "prod", "10.0.2.99", "no-endpoint", "nobody in network \"prod\" has 10.0.2.99");
	says("x", "prod", "fd00::1", "no-source",
	     "host \"x\" has no IPv6 address, and fd00::1 is one");
}

static void test_over_links(void **state)
{
	says("pl", "prod", "10.0.1.7", "private",
	     "10.1.1.10 is admitted by ingress rule 2 of security group \"api\" (10.1.0.0/16)");
	says("h", "prod", "10.0.1.7", "private",
	     "10.3.1.10 is admitted by ingress rule 2 of security group \"api\" (10.3.0.0/16)");
	says("o", "prod", "10.0.1.7", "private",
	     "172.16.0.10 is admitted by ingress rule 2 of security group \"api\" (172.16.0.0/12)");
	says("pp", "prod", "10.0.1.7", "not-transitive",
	     "10.0.1.7 is not in network \"near\", and what comes in by a link is not passed on: "
	     "only a hub does that");
	says("pl-mute", "mute", "10.0.5.7", "no-return-route",
	     "answers to 10.1.2.10 do not come back: route 10.1.2.0/24 of route table "
	     "\"near-mute\" says drop");
	says("pl", "mute", "10.0.5.7", "private",
	     "the private endpoint of cluster \"mute\" has no security group and no ranges: "
	     "whoever is routed to it is "
	     "admitted");
	says("q", "prod", "10.0.1.7", "no-route",
	     "subnet \"quiet-a\" has no route to 10.0.1.7: it has no route table, and no automatic "
	     "route leads there");
	/* Of two equal prefixes the table's wins. */
	says("dead", "linked", "10.1.1.8", "route-drop",
	     "route 10.1.0.0/16 of route table \"dead-end\" says drop");
	/* The same address in another network is somebody else's. */
	says("u", "prod", "10.0.1.7", "no-endpoint", "nobody in network \"alone\" has 10.0.1.7");
	says("u", "linked", "10.1.1.8", "not-on-internet",
	     "10.1.1.8 is a private address: the internet has no route to it");
	says("n", "linked", "10.1.1.8", "private",
	     "private endpoint \"there\" has no security group and no ranges: whoever is routed to "
	     "it is "
	     "admitted");
}

static void test_egress(void **state)
{
	says("shut", "prod", "10.0.1.7", "egress-group",
	     "no egress rule of security group \"shut\" allows 10.0.1.7, tcp port 443");
	says("narrow", "prod", "10.0.1.7", "private",
	     "10.0.2.12 is admitted by ingress rule 2 of security group \"api\" (10.0.2.0/24)");
	says("narrow", "prod", "public", "egress-group",
	     "no egress rule of security groups \"narrow\" and \"shut\" allows 192.0.2.1, tcp port "
	     "443");
}

static void test_by_name(void **state)
{
	struct path_answer a = ask("n", "prod", NULL);

	assert_true(a.reached);
	assert_string_equal(a.via, "private 10.0.1.7 in network prod");
	assert_string_equal(a.steps[0].where, "host \"n\"");
	assert_string_equal(a.steps[0].text, "prod.example.org answers 10.0.1.7 here: private");
	path_answer_done(&a);
	says("n", "quiet", NULL, "no-name", "quiet.example.org answers nothing here");
	says("pl", "quiet", NULL, "private",
	     "private endpoint \"quiet\" has no security group and no ranges: whoever is routed to "
	     "it is "
	     "admitted");
	a = ask("u", "prod", NULL);
	assert_true(a.reached);
	assert_string_equal(a.via, "public");
	assert_string_equal(a.steps[0].text, "prod.example.org answers 192.0.2.1 here: public");
	path_answer_done(&a);
}

static void test_several_addresses(void **state)
{
	struct path_answer a = ask("pl-mute", "pair", NULL);
	char text[ADDR_TEXT_MAX];

	/* The second is reached. */
	assert_true(a.reached);
	assert_string_equal(addr_format(&a.address, text), "10.0.1.21");
	assert_string_equal(a.via, "private 10.0.1.21 in network prod");
	assert_string_equal(a.steps[0].text,
			    "pair.example.org answers 10.0.5.8, 10.0.1.21 here: private");
	assert_string_equal(a.steps[1].text, "it tries 10.0.5.8");
	assert_false(a.steps[3].ok);
	assert_string_equal(a.steps[4].text, "next it tries 10.0.1.21");
	assert_true(a.steps[a.n_steps - 1].ok);
	path_answer_done(&a);
	/* Neither is: the first speaks for both. */
	a = ask("pp", "pair", NULL);
	assert_false(a.reached);
	assert_string_equal(path_reason_text(a.reason), "not-transitive");
	assert_string_equal(addr_format(&a.address, text), "10.0.5.8");
	path_answer_done(&a);
}

static void test_a_machine_that_is_no_host(void **state)
{
	struct explain_index *x = public_index();
	struct path_question q = {
		.landscape = land,
		.cluster = landscape_find(land, OBJECT_CLUSTER, "prod"),
		.router = landscape_find(land, OBJECT_NETWORK, "near"),
		.source = {.family = ADDR_V4, .lo = 0x0a010163},
		.by = PATH_ALL_PRIVATE,
		.public_rules = x,
	};
	struct path_answer a;

	assert_int_equal(explain_path(&q, &a, NULL), 0);
	assert_true(a.reached);
	assert_string_equal(a.steps[0].where, "subnet \"near-a\"");
	assert_string_equal(
		a.rule,
		"10.1.1.99 is admitted by ingress rule 2 of security group \"api\" (10.1.0.0/16)");
	path_answer_done(&a);
	explain_index_free(x);
}

/* What a gate enforces, said of an address, wherever it comes from. */
static void admits(const char *network, const char *address, const char *source, const char *reason,
		   const char *rule)
{
	const struct object *n = landscape_find(land, OBJECT_NETWORK, network);
	struct admission a;
	struct addr to, from;

	assert_int_equal(addr_parse(address, &to), 0);
	assert_int_equal(addr_parse(source, &from), 0);
	explain_endpoint(n, &to, &from, &a);
	assert_string_equal(path_reason_text(a.reason), reason);
	assert_string_equal(a.rule, rule);
	assert_int_equal(a.admitted, strcmp(reason, "private") == 0);
}

static void test_endpoint(void **state)
{
	admits("prod", "10.0.1.7", "10.1.2.200", "private",
	       "10.1.2.200 is admitted by ingress rule 2 of security group \"api\" (10.1.0.0/16)");
	admits("prod", "10.0.5.7", "10.1.2.10", "no-return-route",
	       "subnet \"mute\" of the private endpoint has no route back to 10.1.2.10 in network "
	       "\"near\"");
	admits("prod", "10.0.5.7", "10.2.1.10", "no-route",
	       "10.2.1.10 is neither in network \"prod\" nor in what is joined to it");
	admits("prod", "10.0.5.7", "172.16.3.3", "private",
	       "the private endpoint of cluster \"mute\" has no security group and no ranges: "
	       "whoever is routed to it "
	       "is admitted");
	admits("prod", "10.0.5.99", "172.16.3.3", "no-endpoint",
	       "no private endpoint has 10.0.5.99 in network \"prod\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_out_to_the_public_endpoint),
		cmocka_unit_test(test_private_addresses),
		cmocka_unit_test(test_over_links),
		cmocka_unit_test(test_egress),
		cmocka_unit_test(test_by_name),
		cmocka_unit_test(test_several_addresses),
		cmocka_unit_test(test_a_machine_that_is_no_host),
		cmocka_unit_test(test_endpoint),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
