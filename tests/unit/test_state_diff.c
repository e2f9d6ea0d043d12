/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The difference against a model of the kernel that does what the operations say, in their order: afterwards it is what was wanted, and
 * what is somebody else's is still there. An operation that the kernel would refuse (what is added is there, what is removed is not) fails.
 */
#include "netd/plan.h"
#include "netd/state_diff.h"
#include "records.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SEEDS 40
#define STEPS 8

static struct names names;

static int setup(void **state)
{
	struct err e;

	return names_init(&names, "pt", &e);
}

/* --- the model -------------------------------------------------------------------------------------------- */

static struct ns_link *link_at(struct ns_state *s, const char *name)
{
	for (size_t i = 0; i < s->n_links; i++)
		if (strcmp(s->links[i].name, name) == 0)
			return &s->links[i];
	return NULL;
}

#define REMOVE(array, n, i) ((array)[i] = (array)[--(n)])

static void model_link_gone(struct ns_state *s, const char *name)
{
	struct ns_link *l = link_at(s, name);

	assert_non_null(l);
	REMOVE(s->links, s->n_links, l - s->links);
	for (size_t i = s->n_addrs; i-- > 0;)
		if (strcmp(s->addrs[i].link, name) == 0)
			REMOVE(s->addrs, s->n_addrs, i);
	for (size_t i = s->n_routes; i-- > 0;)
		if (strcmp(s->routes[i].link, name) == 0)
			REMOVE(s->routes, s->n_routes, i);
}

static ssize_t route_at(const struct ns_state *s, const struct ns_route *r)
{
	for (size_t i = 0; i < s->n_routes; i++)
		if (ns_route_key_cmp(&s->routes[i], r) == 0)
			return (ssize_t)i;
	return -1;
}

static void model_route(struct ns_state *s, const struct op *op)
{
	struct ns_route copy = *op->route;
	ssize_t at = route_at(s, &copy);

	copy.is_ours = true;
	if (op->kind == OP_ROUTE_DELETE) {
		assert_true(at >= 0 && s->routes[at].is_ours);
		REMOVE(s->routes, s->n_routes, at);
	} else if (op->kind == OP_ROUTE_REPLACE) {
		assert_true(at >= 0);
		s->routes[at] = copy;
	} else {
		assert_true(at < 0);
		assert_true(!copy.link[0] || link_at(s, copy.link));
		*state_add_route(s) = copy;
	}
}

static void model_addr(struct ns_state *s, const struct op *op)
{
	struct ns_addr copy = *op->addr;
	ssize_t at = -1;

	for (size_t i = 0; i < s->n_addrs; i++)
		if (ns_addr_cmp(&s->addrs[i], &copy) == 0)
			at = (ssize_t)i;
	assert_non_null(link_at(s, copy.link));
	assert_int_equal(at >= 0, op->kind == OP_ADDR_DELETE);
	if (at >= 0)
		REMOVE(s->addrs, s->n_addrs, at);
	else
		*state_add_addr(s) = copy;
}

static void model_rule(struct ns_state *s, const struct op *op)
{
	struct ns_rule copy = *op->rule;
	ssize_t at = -1;

	for (size_t i = 0; i < s->n_rules; i++)
		if (ns_rule_cmp(&s->rules[i], &copy) == 0)
			at = (ssize_t)i;
	assert_int_equal(at >= 0, op->kind == OP_RULE_DELETE);
	if (at >= 0)
		REMOVE(s->rules, s->n_rules, at);
	else
		*state_add_rule(s) = copy;
}

static void model_link(struct ns_state *s, const struct op *op)
{
	struct ns_link copy = *op->link, *l;

	switch (op->kind) {
	case OP_LINK_DELETE:
	case OP_LINK_RETURN:
		assert_true(copy.is_marked);
		assert_int_equal(copy.kind == NS_LINK_ATTACHED, op->kind == OP_LINK_RETURN);
		model_link_gone(s, copy.name);
		break;
	case OP_LINK_SET:
		l = link_at(s, copy.name);
		assert_non_null(l);
		l->is_up = copy.is_up;
		l->has_no_addrgen = copy.has_no_addrgen;
		memcpy(l->alias, copy.alias, sizeof l->alias);
		break;
	default:
		assert_null(link_at(s, copy.name));
		copy.is_up = false;
		copy.is_marked = true;
		copy.alias[0] = '\0';
		*state_add_link(s) = copy;
		break;
	}
}

static void model_apply(struct ns_state *s, const struct ops *ops)
{
	for (size_t i = 0; i < ops->n; i++) {
		const struct op *op = &ops->ops[i];
		char text[OP_TEXT_MAX];

		assert_true(strlen(op_format(op, text)) > 5);
		if (i)
			assert_true(op->kind >= ops->ops[i - 1].kind ||
				    op->kind >= OP_LINK_CREATE ||
				    ops->ops[i - 1].kind == OP_ADDR_ADD);
		switch (op->kind) {
		case OP_SYSCTL:
			*state_add_sysctl(s) = *op->sysctl;
			break;
		case OP_NFT:
		case OP_NFT_REMOVE:
			s->has_nft = op->kind == OP_NFT;
			s->nft_digest = op->nft->nft_digest;
			break;
		case OP_ROUTE_DELETE:
		case OP_ROUTE_ADD:
		case OP_ROUTE_REPLACE:
			model_route(s, op);
			break;
		case OP_ADDR_ADD:
		case OP_ADDR_DELETE:
			model_addr(s, op);
			break;
		case OP_RULE_ADD:
		case OP_RULE_DELETE:
			model_rule(s, op);
			break;
		default:
			model_link(s, op);
			break;
		}
	}
	state_finish(s);
}

/* As it would be read. */
static void state_copy(const struct ns_state *from, struct ns_state *to)
{
	*to = (struct ns_state){.has_nft = from->has_nft, .nft_digest = from->nft_digest};
	for (size_t i = 0; i < from->n_links; i++) {
		struct ns_link *l = state_add_link(to);

		*l = from->links[i];
		l->is_marked = l->kind != NS_LINK_LOOPBACK;
	}
	for (size_t i = 0; i < from->n_addrs; i++)
		*state_add_addr(to) = from->addrs[i];
	for (size_t i = 0; i < from->n_routes; i++) {
		struct ns_route *r = state_add_route(to);

		*r = from->routes[i];
		r->is_ours = true;
	}
	for (size_t i = 0; i < from->n_rules; i++)
		*state_add_rule(to) = from->rules[i];
	for (size_t i = 0; i < from->n_sysctls; i++)
		*state_add_sysctl(to) = from->sysctls[i];
	state_finish(to);
}

static void state_double(const struct ns_state *from, struct ns_state *to)
{
	*to = (struct ns_state){.has_nft = from->has_nft, .nft_digest = from->nft_digest};
	for (size_t i = 0; i < from->n_links; i++)
		*state_add_link(to) = from->links[i];
	for (size_t i = 0; i < from->n_addrs; i++)
		*state_add_addr(to) = from->addrs[i];
	for (size_t i = 0; i < from->n_routes; i++)
		*state_add_route(to) = from->routes[i];
	for (size_t i = 0; i < from->n_rules; i++)
		*state_add_rule(to) = from->rules[i];
	for (size_t i = 0; i < from->n_sysctls; i++)
		*state_add_sysctl(to) = from->sysctls[i];
}

/* --- tests ------------------------------------------------------------------------------------------------ */

static const struct prefix foreign_to = {.addr = {.lo = 0xc0a80000, .family = ADDR_V4}, .len = 16};

static void foreign_add(struct ns_state *s)
{
	struct ns_link *l = state_add_link(s);
	struct ns_route *r;

	snprintf(l->name, sizeof l->name, "theirs");
	l->is_up = true;
	r = state_add_route(s);
	r->to = foreign_to;
	r->table = RT_TABLE_MAIN;
	r->type = RTN_UNICAST;
	snprintf(r->link, sizeof r->link, "theirs");
	state_finish(s);
}

static void foreign_take(struct ns_state *s)
{
	model_link_gone(s, "theirs");
	state_finish(s);
}

static void becomes(enum ns_kind kind, struct ns_state *have, const struct ns_state *want)
{
	struct text is = {0}, shall = {0};
	struct ns_state before;
	struct ops ops;

	/* Operations point into what they were found in. */
	state_double(have, &before);
	assert_int_equal(state_diff(kind, &before, want, &ops), 0);
	model_apply(have, &ops);
	ops_done(&ops);
	state_done(&before);
	assert_int_equal(state_diff(kind, have, want, &ops), 0);
	assert_int_equal(ops.n, 0);
	ops_done(&ops);
	foreign_take(have);
	state_write(have, &is);
	state_write(want, &shall);
	assert_string_equal(is.s ? is.s : "", shall.s ? shall.s : "");
	text_done(&is);
	text_done(&shall);
}

static void test_random_states_become_each_other(void **state)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct ns_state have = {0};

		*state_add_link(&have) = (struct ns_link){.name = "lo", .kind = NS_LINK_LOOPBACK};
		for (unsigned int step = 0; step < STEPS; step++) {
			struct records r;
			struct plan p;
			struct err e;

			records_random(seed, step, &r);
			if (r.count && r.n[0].id == 1) {
				foreign_add(&have);
				assert_int_equal(plan_router(&names, &r.n[0], &p, &e), 0);
				becomes(NS_ROUTER, &have, &p.ns[0].state);
				state_done(&have);
				state_copy(&p.ns[0].state, &have);
				plan_done(&p);
			}
			records_done(&r);
		}
		state_done(&have);
	}
}

static void test_nothing_is_left(void **state)
{
	struct ns_state have, want = {0};
	struct records r;
	struct plan p;
	struct err e;

	records_many(1, 3, 443, &r);
	assert_int_equal(plan_router(&names, &r.n[0], &p, &e), 0);
	state_copy(&p.ns[0].state, &have);
	foreign_add(&have);
	/* The loopback is everybody's, and settings stay. */
	*state_add_link(&want) = *link_at(&p.ns[0].state, "lo");
	for (size_t i = 0; i < have.n_sysctls; i++)
		*state_add_sysctl(&want) = have.sysctls[i];
	state_finish(&want);
	becomes(NS_ROUTER, &have, &want);
	state_done(&have);
	state_done(&want);
	plan_done(&p);
	records_done(&r);
}

static void test_a_foreign_route_in_our_place(void **state)
{
	struct ns_state have = {0}, want = {0};
	struct ns_route *r = state_add_route(&have);
	struct ops ops;

	r->to = foreign_to;
	r->type = RTN_UNREACHABLE;
	*state_add_route(&want) = *r;
	assert_int_equal(state_diff(NS_ROUTER, &have, &want, &ops), 0);
	assert_int_equal(ops.n, 1);
	assert_int_equal(ops.ops[0].kind, OP_ROUTE_REPLACE);
	ops_done(&ops);
	/* Elsewhere the kernel will say that it is there. */
	assert_int_equal(state_diff(NS_OWN, &have, &want, &ops), 0);
	assert_int_equal(ops.n, 1);
	assert_int_equal(ops.ops[0].kind, OP_ROUTE_ADD);
	ops_done(&ops);
	state_done(&have);
	state_done(&want);
}

static void test_a_mark_that_a_host_forged(void **state)
{
	struct ns_state have = {0}, want = {0};
	struct ops ops;

	*state_add_link(&have) = (struct ns_link){.name = "evil",
						  .kind = NS_LINK_ATTACHED,
						  .alias = "postern:pt:eth0",
						  .is_marked = true};
	assert_int_equal(state_diff(NS_HOST, &have, &want, &ops), 0);
	assert_int_equal(ops.n, 1);
	assert_int_equal(ops.ops[0].kind, OP_LINK_DELETE);
	ops_done(&ops);
	assert_int_equal(state_diff(NS_ROUTER, &have, &want, &ops), 0);
	assert_int_equal(ops.n, 1);
	assert_int_equal(ops.ops[0].kind, OP_LINK_RETURN);
	ops_done(&ops);
	state_done(&have);
}

/* The kernel takes a link's routes away with its last address. */
static void test_an_address_comes_before_the_other_goes(void **state)
{
	struct ns_state have = {0}, want = {0};
	struct ns_state *both[] = {&have, &want};
	struct ops ops;

	for (int i = 0; i < 2; i++) {
		struct ns_addr *a = state_add_addr(both[i]);

		*state_add_link(both[i]) = (struct ns_link){.name = "eth0",
							    .kind = NS_LINK_VETH,
							    .alias = "postern:pt",
							    .is_marked = i == 0,
							    .is_up = true};
		*a = (struct ns_addr){
			.addr = addr_v4(0x0a01000a + (uint32_t)i), .len = 32, .link = "eth0"};
	}
	assert_int_equal(state_diff(NS_HOST, &have, &want, &ops), 0);
	assert_int_equal(ops.n, 2);
	assert_int_equal(ops.ops[0].kind, OP_ADDR_ADD);
	assert_int_equal(ops.ops[1].kind, OP_ADDR_DELETE);
	ops_done(&ops);
	state_done(&have);
	state_done(&want);
}

static void test_the_ruleset_comes_first(void **state)
{
	struct ns_state have = {0};
	struct records r;
	struct plan p;
	struct ops ops;
	struct err e;

	records_many(1, 3, 443, &r);
	assert_int_equal(plan_router(&names, &r.n[0], &p, &e), 0);
	assert_int_equal(state_diff(NS_ROUTER, &have, &p.ns[0].state, &ops), 0);
	assert_int_equal(ops.ops[0].kind, OP_NFT);
	ops_done(&ops);
	plan_done(&p);
	records_done(&r);
}

static void test_an_interface_instead_of_a_pair(void **state)
{
	struct ns_state have = {0}, want = {0};
	struct ns_link *l = state_add_link(&have);
	struct ns_addr *a;
	struct ops ops;

	*l = (struct ns_link){.name = "h-1",
			      .kind = NS_LINK_ATTACHED,
			      .is_marked = true,
			      .is_up = true,
			      .has_no_addrgen = true,
			      .alias = "postern:pt:tap0"};
	*state_add_link(&want) = *l;
	want.links[0].kind = NS_LINK_VETH;
	snprintf(want.links[0].alias, sizeof want.links[0].alias, "postern:pt");
	a = state_add_addr(&have);
	a->addr = addr_v4(1);
	snprintf(a->link, sizeof a->link, "h-1");
	*state_add_addr(&want) = *a;
	assert_int_equal(state_diff(NS_ROUTER, &have, &want, &ops), 0);
	assert_int_equal(ops.n, 4);
	assert_int_equal(ops.ops[0].kind, OP_LINK_RETURN);
	assert_int_equal(ops.ops[1].kind, OP_LINK_CREATE);
	assert_int_equal(ops.ops[2].kind, OP_LINK_SET);
	assert_int_equal(ops.ops[3].kind, OP_ADDR_ADD);
	ops_done(&ops);
	/* Another interface for the same host. */
	want.links[0].kind = NS_LINK_ATTACHED;
	snprintf(want.links[0].alias, sizeof want.links[0].alias, "postern:pt:tap1");
	assert_int_equal(state_diff(NS_ROUTER, &have, &want, &ops), 0);
	assert_int_equal(ops.n, 4);
	assert_int_equal(ops.ops[0].kind, OP_LINK_RETURN);
	assert_int_equal(ops.ops[1].kind, OP_LINK_TAKE);
	ops_done(&ops);
	state_done(&have);
	state_done(&want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_states_become_each_other),
		cmocka_unit_test(test_nothing_is_left),
		cmocka_unit_test(test_a_foreign_route_in_our_place),
		cmocka_unit_test(test_a_mark_that_a_host_forged),
		cmocka_unit_test(test_the_ruleset_comes_first),
		cmocka_unit_test(test_an_address_comes_before_the_other_goes),
		cmocka_unit_test(test_an_interface_instead_of_a_pair),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
