/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which open connections a record still allows. */
#include "model/net.h"
#include "netd/cut.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <netinet/in.h>

static struct prefix prefix(const char *text)
{
	struct prefix p;
	struct err e;

	assert_int_equal(prefix_parse(text, strlen(text), &p, &e), 0);
	return p;
}

static struct addr addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

/* One network: host 1 (10.1.0.10, group 0), host 2 (10.1.1.10, no group, another table); endpoint 10.1.9.9:443. */
struct world {
	struct prefix space, prefixes[2];
	struct tables_subnet subnets[2];
	struct tables_host hosts[2];
	struct tables_route routes[3];
	struct tables_nat nat;
	struct tables_group group;
	struct tables_rule rules[2];
	uint32_t host_groups[1];
	struct tables_network_endpoint endpoint;
	struct tables_network n;
};

static void world_init(struct world *w)
{
	*w = (struct world){
		.space = prefix("10.1.0.0/16"),
		.prefixes = {prefix("10.1.1.0/24"), prefix("0.0.0.0/0")},
		.subnets = {{.table = 1, .ranges[0] = prefix("10.1.0.0/24")},
			    {.table = 2, .ranges[0] = prefix("10.1.1.0/24")}},
		.hosts = {{.id = 1, .subnet = 0, .addresses[0] = addr("10.1.0.10"), .n_groups = 1},
			  {.id = 2, .subnet = 1, .addresses[0] = addr("10.1.1.10")}},
		.routes = {{.table = 1, .kind = ROUTE_UPLINK, .to = prefix("0.0.0.0/0")},
			   {.table = 1, .kind = ROUTE_DROP, .to = prefix("198.51.100.0/24")},
			   {.table = 1, .kind = ROUTE_LINK, .to = prefix("10.2.0.0/16")}},
		.nat = {.table = 1,
			.to = prefix("203.0.113.0/24"),
			.address[0] = addr("192.0.2.9")},
		.group = {.n_rules = 2},
		.rules = {{.is_ingress = true,
			   .protocol = PROTOCOL_TCP,
			   .port_first = 80,
			   .port_last = 80,
			   .n_prefixes = 1},
			  {.protocol = PROTOCOL_ANY,
			   .port_last = 65535,
			   .first_prefix = 1,
			   .n_prefixes = 1}},
		.endpoint = {addr("10.1.9.9"), 443},
	};
	w->n = (struct tables_network){.spaces = &w->space,
				       .n_spaces = 1,
				       .subnets = w->subnets,
				       .n_subnets = 2,
				       .hosts = w->hosts,
				       .n_hosts = 2,
				       .routes = w->routes,
				       .n_routes = 3,
				       .nats = &w->nat,
				       .n_nats = 1,
				       .groups = &w->group,
				       .n_groups = 1,
				       .rules = w->rules,
				       .n_rules = 2,
				       .prefixes = w->prefixes,
				       .n_prefixes = 2,
				       .host_groups = w->host_groups,
				       .n_host_groups = 1,
				       .endpoints = &w->endpoint,
				       .n_endpoints = 1};
}

static bool allowed(const struct world *w, int host, const char *local, uint16_t lport,
		    const char *remote, uint16_t rport, bool listened)
{
	struct cut_flow f = {.local = addr(local),
			     .remote = addr(remote),
			     .local_port = lport,
			     .remote_port = rport,
			     .is_listened = listened};

	return cut_is_allowed(&w->n, &w->hosts[host], &f);
}

static void test_who_opened_it_decides_which_rules(void **state)
{
	struct world w;

	world_init(&w);
	assert_true(allowed(&w, 0, "10.1.0.10", 80, "10.1.1.10", 5000, true));
	assert_false(allowed(&w, 0, "10.1.0.10", 81, "10.1.1.10", 5000, true));
	/* Nobody listens: it may have gone out, which everything may. */
	assert_true(allowed(&w, 0, "10.1.0.10", 81, "10.1.1.10", 5000, false));
	w.rules[1].protocol = PROTOCOL_UDP;
	assert_false(allowed(&w, 0, "10.1.0.10", 81, "10.1.1.10", 5000, false));
	/* It may have come in, to a listener that is closed by now. */
	assert_true(allowed(&w, 0, "10.1.0.10", 80, "10.1.1.10", 5000, false));
	w.group.egress_open = true;
	assert_true(allowed(&w, 0, "10.1.0.10", 81, "10.1.1.10", 5000, false));
	assert_false(allowed(&w, 0, "10.1.0.10", 81, "10.1.1.10", 5000, true));
	/* No group: nothing is refused. */
	assert_true(allowed(&w, 1, "10.1.1.10", 81, "10.1.0.10", 5000, true));
}

static void test_where_nothing_leads_nothing_stays(void **state)
{
	struct world w;

	world_init(&w);
	w.hosts[0].n_groups = 0;
	assert_true(allowed(&w, 0, "10.1.0.10", 1, "10.1.9.9", 443, false));
	assert_false(allowed(&w, 0, "10.1.0.10", 1, "10.1.9.9", 444, false));
	assert_false(allowed(&w, 0, "10.1.0.10", 1, "10.1.1.11", 80, false));
	assert_true(allowed(&w, 0, "10.1.0.10", 1, "10.2.0.1", 80, false));
	assert_false(allowed(&w, 1, "10.1.1.10", 1, "10.2.0.1", 80, false));
	assert_false(allowed(&w, 0, "10.1.0.10", 1, "198.51.100.1", 80, false));
	assert_true(allowed(&w, 0, "10.1.0.10", 1, "203.0.113.1", 80, false));
	assert_false(allowed(&w, 0, "10.1.0.10", 1, "192.0.2.1", 80, false));
	w.hosts[0].public[0] = addr("192.0.2.77");
	assert_true(allowed(&w, 0, "10.1.0.10", 1, "192.0.2.1", 80, false));
	assert_false(allowed(&w, 0, "10.1.0.10", 1, "fd00::1", 80, false));
}

static void test_what_is_not_ours_to_judge_stays(void **state)
{
	struct world w;

	world_init(&w);
	assert_true(allowed(&w, 0, "127.0.0.1", 81, "127.0.0.1", 5000, true));
	assert_true(allowed(&w, 0, "172.16.0.1", 81, "192.0.2.1", 5000, true));
	assert_true(allowed(&w, 0, "10.1.0.10", 81, "10.1.0.10", 5000, true));
}

static bool kept(const struct world *w, uint8_t protocol, const char *source, const char *seen,
		 const char *called, const char *target, uint16_t port)
{
	struct cut_track t = {protocol, addr(source), addr(seen), addr(called), addr(target), port};

	return cut_track_is_allowed(&w->n, &t);
}

static void test_tracked_flows_by_the_rules_of_both_ends(void **state)
{
	static const char a[] = "10.1.0.10", b[] = "10.1.1.10";
	struct world w;

	world_init(&w);
	w.rules[0].protocol = PROTOCOL_UDP;
	assert_true(kept(&w, IPPROTO_UDP, b, b, a, a, 80));
	assert_false(kept(&w, IPPROTO_UDP, b, b, a, a, 81));
	assert_false(kept(&w, IPPROTO_ICMP, b, b, a, a, 0));
	assert_false(kept(&w, IPPROTO_SCTP, b, b, a, a, 80));
	assert_true(kept(&w, IPPROTO_SCTP, a, a, b, b, 80));
	w.rules[1].protocol = PROTOCOL_TCP;
	assert_false(kept(&w, IPPROTO_UDP, a, a, b, b, 80));
	/* TCP is ended at its ends, so that they hear of it. */
	assert_true(kept(&w, IPPROTO_TCP, a, a, b, b, 80));
	/* A host that is no more; the gateway's pongs. */
	assert_false(kept(&w, IPPROTO_UDP, "10.1.1.11", "10.1.1.11", b, b, 80));
	assert_true(kept(&w, IPPROTO_ICMP, "10.1.1.1", "10.1.1.1", b, b, 0));
	/* No way there any more. */
	assert_false(kept(&w, IPPROTO_UDP, b, b, "10.2.0.1", "10.2.0.1", 80));
}

static void test_tracked_flows_by_their_public_addresses(void **state)
{
	static const char a[] = "10.1.0.10", who[] = "203.0.113.7", public[] = "192.0.2.77";
	struct world w;

	world_init(&w);
	w.hosts[0].n_groups = 0;
	for (int i = 0; i < 2; i++) {
		uint8_t protocol = i ? IPPROTO_TCP : IPPROTO_UDP;

		w.hosts[0].public[0] = addr(public);
		assert_true(kept(&w, protocol, who, who, public, a, 80));
		assert_false(kept(&w, protocol, who, who, "192.0.2.78", a, 80));
		assert_false(kept(&w, protocol, who, who, public, "10.1.1.10", 80));
		/* The NAT's prefix is the longer one. */
		assert_true(kept(&w, protocol, a, "192.0.2.9", who, who, 80));
		assert_false(kept(&w, protocol, a, public, who, who, 80));
		assert_true(kept(&w, protocol, a, public, "192.0.2.200", "192.0.2.200", 80));
		w.hosts[0].public[0] = (struct addr){0};
		assert_false(kept(&w, protocol, who, who, public, a, 80));
		assert_false(kept(&w, protocol, a, public, "192.0.2.200", "192.0.2.200", 80));
	}
}

static void test_a_resolver_is_asked_by_all_and_asks_as_its_subnet(void **state)
{
	struct tables_resolver resolvers[] = {{addr("10.1.0.2"), true},
					      {addr("10.1.1.2"), false},
					      {addr("168.63.129.16"), false}};
	struct world w;
	struct cut_track t = {.protocol = IPPROTO_UDP,
			      .source = addr("10.1.0.2"),
			      .seen = addr("10.1.0.2"),
			      .called = addr("10.2.0.1"),
			      .target = addr("10.2.0.1"),
			      .port = 53};

	world_init(&w);
	w.group.n_rules = 1; /* nothing goes out */
	assert_false(allowed(&w, 0, "10.1.0.10", 5000, "10.1.1.2", 53, false));
	assert_false(cut_track_is_allowed(&w.n, &t));
	w.n.resolvers = resolvers;
	w.n.n_resolvers = 3;
	for (int i = 0; i < 3; i++) {
		struct addr a = resolvers[i].addr;
		char text[ADDR_TEXT_MAX];

		assert_true(allowed(&w, 0, "10.1.0.10", 5000, addr_format(&a, text), 53, false));
		assert_false(allowed(&w, 0, "10.1.0.10", 5000, addr_format(&a, text), 54, false));
	}
	/* It asks a host, whose group decides. */
	assert_false(allowed(&w, 0, "10.1.0.10", 53, "10.1.0.2", 5000, true));
	assert_true(allowed(&w, 1, "10.1.1.10", 53, "10.1.0.2", 5000, true));
	assert_false(allowed(&w, 1, "10.1.1.10", 53, "10.1.1.2", 5000, true));
	/* Others, by the routes and the NAT of its subnet. */
	assert_true(cut_track_is_allowed(&w.n, &t));
	t.source = t.seen = addr("10.1.1.2");
	assert_false(cut_track_is_allowed(&w.n, &t));
	t.source = t.seen = addr("10.1.0.2");
	t.called = t.target = addr("203.0.113.1");
	t.seen = addr("192.0.2.9");
	assert_true(cut_track_is_allowed(&w.n, &t));
	t.seen = addr("192.0.2.8");
	assert_false(cut_track_is_allowed(&w.n, &t));
	t.seen = t.source;
	t.called = t.target = addr("10.1.0.10");
	assert_false(cut_track_is_allowed(&w.n, &t));
	t.called = t.target = addr("10.1.1.10");
	assert_true(cut_track_is_allowed(&w.n, &t));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_opened_it_decides_which_rules),
		cmocka_unit_test(test_where_nothing_leads_nothing_stays),
		cmocka_unit_test(test_what_is_not_ours_to_judge_stays),
		cmocka_unit_test(test_tracked_flows_by_the_rules_of_both_ends),
		cmocka_unit_test(test_tracked_flows_by_their_public_addresses),
		cmocka_unit_test(test_a_resolver_is_asked_by_all_and_asks_as_its_subnet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
