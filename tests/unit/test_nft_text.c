/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rulesets as text. That libnftables takes them, and what they do to packets, is seen in tests/e2e/test_netd.py.
 */
#include "model/net.h"
#include "netd/nft_text.h"
#include "records.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void write_router(const struct tables_network *n, struct text *t)
{
	*t = (struct text){0};
	nft_text_router(n, t);
	assert_false(t->failed);
}

static void has(const struct text *t, const char *line)
{
	if (!strstr(t->s, line))
		fail_msg("'%s' is not in:\n%s", line, t->s);
}

static void has_not(const struct text *t, const char *line)
{
	if (strstr(t->s, line))
		fail_msg("'%s' is in:\n%s", line, t->s);
}

static void test_random_texts_are_balanced_and_the_same_twice(void **state)
{
	for (uint64_t seed = 0; seed < 60; seed++) {
		struct records r;

		records_random(seed, 3, &r);
		for (size_t i = 0; i < r.count; i++) {
			struct text a, b;
			int depth = 0;

			write_router(&r.n[i], &a);
			write_router(&r.n[i], &b);
			assert_string_equal(a.s, b.s);
			assert_true(nft_text_digest(&a) == nft_text_digest(&b));
			for (const char *c = a.s; *c; c++) {
				depth += (*c == '{') - (*c == '}');
				assert_true(depth >= 0);
			}
			assert_int_equal(depth, 0);
			text_done(&a);
			text_done(&b);
		}
		records_done(&r);
	}
}

static void test_no_name_gets_into_the_text(void **state)
{
	static const char evil[] = "x\"; } delete table inet other; table inet y { #";
	struct records r;
	struct text plain, same;

	records_many(1, 2, 443, &r);
	write_router(&r.n[0], &plain);
	snprintf(r.n[0].name, sizeof r.n[0].name, "%s", evil);
	snprintf(r.n[0].hosts[0].name, sizeof r.n[0].hosts[0].name, "%s", evil);
	snprintf(r.n[0].hosts[0].attach_name, sizeof r.n[0].hosts[0].attach_name, "%s", evil);
	snprintf(r.n[0].groups[0].name, sizeof r.n[0].groups[0].name, "%s", evil);
	write_router(&r.n[0], &same);
	assert_string_equal(plain.s, same.s);
	text_done(&plain);
	text_done(&same);
	records_done(&r);
}

static struct prefix prefix(const char *text)
{
	struct prefix p;
	struct err e;

	assert_int_equal(prefix_parse(text, strlen(text), &p, &e), 0);
	return p;
}

static void test_rules_of_groups(void **state)
{
	struct records r;
	struct text t;
	struct prefix p[] = {prefix("10.0.0.0/8"), prefix("10.1.0.0/16"), prefix("192.0.2.0/24"),
			     prefix("fd00::/64")};

	records_many(1, 2, 443, &r);
	free(r.n[0].prefixes);
	r.n[0].prefixes = p;
	r.n[0].n_prefixes = ARRAY_SIZE(p);
	for (int i = 0; i < 3; i++)
		r.n[0].rules[i] = (struct tables_rule){.is_ingress = true,
						       .protocol = PROTOCOL_TCP,
						       .port_first = 80,
						       .port_last = 90,
						       .n_prefixes = 4};
	r.n[0].rules[1].protocol = PROTOCOL_ICMP;
	r.n[0].rules[2].protocol = PROTOCOL_ANY;
	write_router(&r.n[0], &t);
	has(&t, "set rule0_4 {\ntype ipv4_addr\nflags interval\nelements = "
		"{\n10.0.0.0/8,\n192.0.2.0/24\n}\n}\n");
	has(&t, "set rule0_6 {\ntype ipv6_addr\nflags interval\nelements = {\nfd00::/64\n}\n}\n");
	has(&t, "ip saddr @rule0_4 tcp dport 80-90 return\n");
	has(&t, "ip saddr @rule1_4 meta l4proto icmp return\nip6 saddr @rule1_6 meta l4proto "
		"ipv6-icmp return\n");
	has(&t, "ip6 saddr @rule2_6 return\ngoto refuse\n");
	has(&t, "chain out_0 {\nreturn\ngoto refuse\n}\n");
	has(&t, "\"h-1000000\" : jump in_0,\n\"h-1000001\" : jump in_0\n");
	has_not(&t, "in_1");
	text_done(&t);
	/* Everyone needs no set. */
	p[1] = prefix("0.0.0.0/0");
	write_router(&r.n[0], &t);
	has(&t, "meta nfproto ipv4 tcp dport 80-90 return\n");
	has_not(&t, "rule0_4");
	text_done(&t);
	/* Closed: what no rule allows. */
	r.n[0].groups[0].egress_open = false;
	write_router(&r.n[0], &t);
	has(&t, "chain out_0 {\ngoto refuse\n}\n");
	text_done(&t);
	r.n[0].prefixes = NULL;
	records_done(&r);
}

static void test_the_longest_way_decides(void **state)
{
	struct tables_subnet subnet = {.id = 1, .table = 7, .ranges[0] = prefix("10.0.0.0/24")};
	struct tables_route routes[] = {
		{.table = 7, .kind = ROUTE_UPLINK, .to = prefix("0.0.0.0/0")},
		{.table = 7, .kind = ROUTE_UPLINK, .to = prefix("192.0.2.0/24")},
		{.table = 7, .kind = ROUTE_UPLINK, .to = prefix("192.0.2.128/25")}};
	struct tables_nat nats[] = {
		{.table = 7, .to = prefix("0.0.0.0/0"), .address[0] = {.lo = 1, .family = ADDR_V4}},
		{.table = 7,
		 .to = prefix("192.0.2.128/25"),
		 .address[0] = {.lo = 2, .family = ADDR_V4}}};
	struct tables_network n = {.id = 1,
				   .name = "n",
				   .has_uplink = true,
				   .subnets = &subnet,
				   .n_subnets = 1,
				   .routes = routes,
				   .n_routes = 3,
				   .nats = nats,
				   .n_nats = 2};
	struct text t;

	write_router(&n, &t);
	has(&t, "chain nat_7 {\n"
		"ip daddr 192.0.2.128/25 snat ip to 0.0.0.2\n"
		"ip daddr 192.0.2.128/25 snat ip to ip saddr map @public_out4\n"
		"ip daddr 192.0.2.0/24 snat ip to ip saddr map @public_out4\n"
		"meta nfproto ipv4 snat ip to 0.0.0.1\n");
	has(&t, "chain leave_7 {\nip daddr 192.0.2.128/25 return\n");
	has(&t, "ip daddr 192.0.2.0/24 ip saddr @own_public4 return\nip daddr 192.0.2.0/24 goto "
		"refuse\n"
		"meta nfproto ipv4 return\n");
	has(&t, "10.0.0.0/24 : jump nat_7");
	text_done(&t);
}

static void test_resolvers(void **state)
{
	struct records r;
	struct text t;

	records_many(1, 1, 443, &r);
	r.n[0].n_resolvers = 0;
	write_router(&r.n[0], &t);
	has(&t, "chain naming {\n}\n");
	has_not(&t, "resolvers4");
	has_not(&t, "notrack");
	text_done(&t);
	r.n[0].n_resolvers = 1;
	r.n[0].resolvers[0].addr = addr_v4(0x0a000002);
	write_router(&r.n[0], &t);
	has(&t, "set resolvers4 {\ntype ipv4_addr\nelements = {\n10.0.0.2\n}\n}\n");
	has(&t, "set resolvers6 {\ntype ipv6_addr\n}\n");
	has(&t, "dport 53 iifname \"h-*\" ip saddr @spaces4 ip daddr @resolvers4 accept\n");
	/* Before what groups say of hosts, and before what is known of flows. */
	assert_true(strstr(t.s, "jump naming") <
		    strstr(t.s, "jump settled\niifname vmap @egress_of"));
	has_not(&t, "chain asking");
	text_done(&t);
	r.n[0].resolvers[0].asks = true;
	write_router(&r.n[0], &t);
	has(&t, "chain to_server {\njump settled\noifname vmap @ingress_of\n}\n");
	text_done(&t);
	records_done(&r);
}

static void test_the_internet_knows_listeners_only(void **state)
{
	const struct plan_listener listeners[] = {{addr_v4(0xc0000201), 443},
						  {{.family = ADDR_V4}, 6443},
						  {{.family = ADDR_V6}, 6444}};
	const struct plan_internet in = {.has_v4 = true, .listeners = listeners, .n_listeners = 3};
	struct names names;
	struct text t = {0}, whole = {0};
	struct ns_state s;
	struct err e;
	uint64_t digest = 0;
	char comment[64];

	assert_int_equal(names_init(&names, "pt", &e), 0);
	nft_text_internet(&names, &in, &t);
	has(&t, "set listeners4 {\ntype ipv4_addr . inet_service\nelements = {\n192.0.2.1 . "
		"443\n}\n}\n");
	has(&t, "set ports4 {\ntype inet_service\nelements = {\n6443\n}\n}\n");
	has(&t, "set ports6 {\ntype inet_service\nelements = {\n6444\n}\n}\n");
	has(&t, names.tag);
	text_done(&t);
	assert_int_equal(plan_internet(&names, &in, &s, &e), 0);
	nft_text_replace(&names, &s, &whole);
	assert_int_equal(
		strncmp(whole.s,
			"add table inet pt\ndelete table inet pt\ntable inet pt {\ncomment \"", 64),
		0);
	memcpy(comment, whole.s + 64, 24);
	comment[24] = '\0';
	assert_true(nft_text_read_comment(comment, &digest));
	assert_true(digest == s.nft_digest);
	assert_false(nft_text_read_comment("somebody's", &digest));
	assert_false(nft_text_read_comment("postern 12x", &digest));
	text_done(&whole);
	state_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_texts_are_balanced_and_the_same_twice),
		cmocka_unit_test(test_no_name_gets_into_the_text),
		cmocka_unit_test(test_rules_of_groups),
		cmocka_unit_test(test_the_longest_way_decides),
		cmocka_unit_test(test_resolvers),
		cmocka_unit_test(test_the_internet_knows_listeners_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
