/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Plans of random landscapes hold together: what is said at one end of a link fits what is said at the other, routes and addresses
 * are on links that are there. Records that contradict themselves, or would lead elsewhere, are refused.
 */
#include "model/net.h"
#include "netd/plan.h"
#include "records.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SEEDS 60

static struct names names;

static int setup(void **state)
{
	struct err e;

	return names_init(&names, "pt", &e);
}

static const struct ns_link *link_in(const struct ns_state *s, const char *name)
{
	for (size_t i = 0; i < s->n_links; i++)
		if (strcmp(s->links[i].name, name) == 0)
			return &s->links[i];
	return NULL;
}

static const struct plan_ns *ns_in(const struct plan *plans, size_t n, const char *name,
				   const char *link)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < plans[i].n_ns; j++)
			if (strcmp(plans[i].ns[j].name, name) == 0 &&
			    link_in(&plans[i].ns[j].state, link))
				return &plans[i].ns[j];
	return NULL;
}

static void check_state(const struct plan *plans, size_t n, const struct plan_ns *p)
{
	for (size_t i = 0; i < p->state.n_links; i++) {
		const struct ns_link *l = &p->state.links[i], *back;
		const struct plan_ns *peer;

		if (l->kind != NS_LINK_VETH)
			continue;
		assert_string_equal(l->alias, "postern:pt");
		peer = ns_in(plans, n, l->peer_ns, l->peer_name);
		assert_non_null(peer);
		back = link_in(&peer->state, l->peer_name);
		assert_string_equal(back->peer_ns, p->name);
		assert_string_equal(back->peer_name, l->name);
	}
	for (size_t i = 0; i < p->state.n_addrs; i++)
		assert_non_null(link_in(&p->state, p->state.addrs[i].link));
	for (size_t i = 0; i < p->state.n_routes; i++) {
		const struct ns_route *r = &p->state.routes[i];

		assert_int_equal(r->type == RTN_UNREACHABLE, !r->link[0]);
		if (r->link[0])
			assert_non_null(link_in(&p->state, r->link));
		if (i)
			assert_true(ns_route_key_cmp(r - 1, r) < 0);
	}
}

static void test_random_plans_fit_together(void **state)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct records r;
		struct plan plans[8] = {0};
		struct err e;

		records_random(seed, (unsigned int)seed % 10, &r);
		for (size_t i = 0; i < r.count; i++)
			assert_int_equal(plan_router(&names, &r.n[i], &plans[i], &e), 0);
		for (size_t i = 0; i < r.count; i++)
			for (size_t j = 0; j < plans[i].n_ns; j++)
				check_state(plans, r.count, &plans[i].ns[j]);
		for (size_t i = 0; i < r.count; i++)
			plan_done(&plans[i]);
		records_done(&r);
	}
}

static void test_the_same_record_gives_the_same_plan(void **state)
{
	struct records r;
	struct plan a, b;
	struct err e;

	records_many(1, 10, 443, &r);
	assert_int_equal(plan_router(&names, &r.n[0], &a, &e), 0);
	assert_int_equal(plan_router(&names, &r.n[0], &b, &e), 0);
	assert_int_equal(a.n_ns, 12);
	for (size_t i = 0; i < a.n_ns; i++)
		assert_true(state_digest(&a.ns[i].state) == state_digest(&b.ns[i].state));
	plan_done(&b);
	/* One rule: only the router's ruleset. */
	r.n[0].rules[0].port_first = 1;
	assert_int_equal(plan_router(&names, &r.n[0], &b, &e), 0);
	assert_true(a.ns[0].state.nft_digest != b.ns[0].state.nft_digest);
	for (size_t i = 1; i < a.n_ns; i++)
		assert_true(state_digest(&a.ns[i].state) == state_digest(&b.ns[i].state));
	plan_done(&a);
	plan_done(&b);
	records_done(&r);
}

static void refused(struct tables_network *n, const char *words)
{
	struct plan p;
	struct err e = {0};

	assert_int_equal(plan_router(&names, n, &p, &e), -ERR_INVALID);
	assert_non_null(strstr(e.text, words));
}

static void test_damaged_records_are_refused(void **state)
{
	struct records r;
	struct tables_network *n;

	records_many(1, 2, 443, &r);
	n = &r.n[0];
#define WITH(field, value, words)                  \
	do {                                       \
		__typeof__(field) kept_ = (field); \
		(field) = (value);                 \
		refused(n, words);                 \
		(field) = kept_;                   \
	} while (0)
	WITH(n->kind, 3, "kind");
	WITH(n->hosts[1].subnet, 1, "subnet");
	WITH(n->hosts[1].first_group, 3, "groups");
	WITH(n->hosts[1].n_groups, UINT32_MAX, "groups");
	WITH(n->host_groups[0], 1, "group");
	WITH(n->groups[0].n_rules, 4, "rules");
	WITH(n->groups[0].first_rule, UINT32_MAX, "rules");
	WITH(n->rules[2].first_prefix, UINT32_MAX, "ranges");
	WITH(n->rules[2].n_prefixes, 3, "ranges");
	WITH(n->routes[0].kind, ROUTE_LINK, "link");
	WITH(n->resolvers[0].addr.family, ADDR_NONE, "resolver");
	WITH(n->resolvers[0].addr.family, 5, "resolver");
	records_done(&r);
}

static bool has_addr(const struct ns_state *s, const char *text, bool is_link_scope)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	for (size_t i = 0; i < s->n_addrs; i++)
		if (addr_is_equal(&s->addrs[i].addr, &a))
			return strcmp(s->addrs[i].link, "lo") == 0 &&
			       s->addrs[i].len == (a.family == ADDR_V6 ? 128 : 32) &&
			       s->addrs[i].is_link_scope == is_link_scope;
	return false;
}

static size_t routes_to(const struct ns_state *s, const char *text)
{
	struct addr a;
	size_t n = 0;

	assert_int_equal(addr_parse(text, &a), 0);
	for (size_t i = 0; i < s->n_routes; i++)
		n += addr_is_equal(&s->routes[i].to.addr, &a) && s->routes[i].to.len == 32 &&
		     s->routes[i].metric == PLAN_METRIC_GUEST;
	return n;
}

static void test_resolver_addresses_are_the_routers_own(void **state)
{
	struct tables_resolver resolvers[] = {
		{{.lo = 0x0a000002, .family = ADDR_V4}, true},
		{{.lo = 0xa83f8110, .family = ADDR_V4}, false},
		{{.hi = 0xfd00000000000000, .lo = 2, .family = ADDR_V6}, true}};
	struct records r;
	struct tables_network *n;
	struct prefix spaces[2];
	struct plan p;
	struct err e;

	records_many(1, 2, 443, &r);
	n = &r.n[0];
	free(n->spaces);
	free(n->resolvers);
	assert_int_equal(prefix_parse("10.0.0.0/16", 11, &spaces[0], &e), 0);
	assert_int_equal(prefix_parse("fd00::/48", 9, &spaces[1], &e), 0);
	n->spaces = spaces;
	n->n_spaces = 2;
	n->resolvers = resolvers;
	n->n_resolvers = 3;
	n->hosts[1].attach = ATTACH_NAMESPACE;
	snprintf(n->hosts[1].attach_name, sizeof n->hosts[1].attach_name, "theirs");
	assert_int_equal(plan_router(&names, n, &p, &e), 0);
	assert_true(has_addr(&p.ns[0].state, "10.0.0.2", false));
	assert_true(has_addr(&p.ns[0].state, "fd00::2", false));
	assert_true(has_addr(&p.ns[0].state, "168.63.129.16", true));
	/* A host of ours leaves by its gateway anyway; in a namespace of somebody else's the default route may be another. */
	assert_int_equal(p.ns[1].kind, NS_HOST);
	assert_int_equal(routes_to(&p.ns[1].state, "168.63.129.16"), 0);
	assert_int_equal(p.ns[2].kind, NS_ATTACHED);
	assert_int_equal(routes_to(&p.ns[2].state, "168.63.129.16"), 1);
	assert_int_equal(routes_to(&p.ns[2].state, "10.0.0.2"), 0);
	plan_done(&p);
	n->spaces = NULL;
	n->resolvers = NULL;
	records_done(&r);
}

static void test_names_that_lead_elsewhere_are_refused(void **state)
{
	static const char *const bad[] = {"",	".",	"..",  "../x", "a/b", "a b",
					  "-x", "a\nb", "a%d", "a:b",  "\x80"};
	struct records r;
	struct tables_network *n;

	records_many(1, 1, 443, &r);
	n = &r.n[0];
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(n->name, sizeof n->name, "%s", bad[i]);
		refused(n, "name");
		snprintf(n->name, sizeof n->name, "net");
		n->hosts[0].attach = ATTACH_NAMESPACE;
		snprintf(n->hosts[0].attach_name, sizeof n->hosts[0].attach_name, "%s", bad[i]);
		refused(n, "name");
		n->hosts[0].attach = ATTACH_NONE;
	}
	n->hosts[0].attach = ATTACH_NAMESPACE;
	snprintf(n->hosts[0].attach_name, sizeof n->hosts[0].attach_name, "%.32s.net.b",
		 names.prefix);
	refused(n, "a namespace of ours");
	n->hosts[0].attach = ATTACH_INTERFACE;
	snprintf(n->hosts[0].attach_name, sizeof n->hosts[0].attach_name, "lo");
	refused(n, "no interface that can be attached");
	snprintf(n->hosts[0].attach_name, sizeof n->hosts[0].attach_name, "sixteen-letters-");
	refused(n, "no interface that can be attached");
	records_done(&r);
}

static void test_names_of_namespaces_and_links(void **state)
{
	char text[NS_NAME_MAX], link[IFNAMSIZ];
	struct names n;
	struct err e;

	assert_int_equal(names_init(&n, "", &e), -ERR_INVALID);
	assert_int_equal(names_init(&n, "1a", &e), -ERR_INVALID);
	assert_int_equal(names_init(&n, "a;b", &e), -ERR_INVALID);
	assert_int_equal(names_init(&n, "A", &e), -ERR_INVALID);
	names_router(&names, ROUTER_SITE, "berlin", text);
	assert_string_equal(text, "pt.site.berlin");
	assert_true(names_is_ours(&names, text));
	assert_false(names_is_ours(&names, "ptx.net.a"));
	assert_false(names_is_ours(&names, "pt.other.a"));
	assert_false(names_is_ours(&names, "pt"));
	names_outer(&names, 4294967295u, link);
	assert_int_equal(strlen(link), 15);
	names_outer(&names, 999999999, link);
	assert_int_equal(strlen(link), 15);
	assert_true(names_has_mark(&names, "postern:pt", 0));
	assert_true(names_has_mark(&names, "", names.group));
	assert_false(names_has_mark(&names, "", 0));
	assert_false(names_has_mark(&names, "postern:ptx", names.group));
	assert_string_equal(names_attached(&names, "postern:pt:tap0"), "tap0");
	assert_null(names_attached(&names, "postern:pt"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_plans_fit_together),
		cmocka_unit_test(test_the_same_record_gives_the_same_plan),
		cmocka_unit_test(test_damaged_records_are_refused),
		cmocka_unit_test(test_resolver_addresses_are_the_routers_own),
		cmocka_unit_test(test_names_that_lead_elsewhere_are_refused),
		cmocka_unit_test(test_names_of_namespaces_and_links),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
