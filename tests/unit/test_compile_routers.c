/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which routers are written and who is told, what is left alone, and what it costs. test_compile_network_random.c has the random
 * changes.
 */
#include "compile_net_rig.h"

#include <time.h>

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

/* Gone and there again in one change, with another id: the old one leaves nothing behind. */
static void test_same_name_another_id(void **state)
{
	struct land w = land_open();
	json_t *docs = documents(NETWORK("b", "10.2.0.0/16"));
	struct compile_change changes[2] = {0};
	struct tables_snapshot *s;
	struct tables_network n;
	struct object *o;
	struct err e = {0};
	uint32_t old;

	land_must(&w, NETWORK("b", "10.2.0.0/16"), NULL);
	old = id_of(&w, "network", "b");
	changes[0] = (struct compile_change){.id = old, .before = json_array_get(docs, 0)};
	changes[1] = (struct compile_change){.id = old + 50, .after = json_array_get(docs, 0)};
	landscape_begin(w.l);
	must_ok(landscape_delete(w.l, OBJECT_NETWORK, "b", &e), &e);
	must_ok(landscape_put(w.l, OBJECT_NETWORK, old + 50, changes[1].after, &o, &e), &e);
	must_ok(compile_changes(w.t, w.l, changes, 2, 9, store_id(w.s), NULL, &e), &e);
	landscape_commit(w.l);
	s = tables_acquire(w.t);
	assert_int_equal(tables_get_network(s, old, &n), -ERR_NOT_FOUND);
	assert_int_equal(tables_get_network(s, old + 50, &n), 0);
	tables_network_done(&n);
	tables_release(s);
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

/* The worst case: everyone is joined by one hub, each with an endpoint, so that one new subnet concerns them all. */
static void hub_of_many(struct land *w, int n)
{
	json_t *attachments = json_array(), *hub;
	struct object *o;
	struct err e = {0};
	char yaml[1024];

	for (int i = 0; i < n; i++) {
		const int a = i / 256, b = i % 256;
		int len = snprintf(
			yaml, sizeof(yaml),
			"---\nkind: network\nname: n%d\naddressSpace: [10.%d.%d.0/24]\n"
			"---\nkind: subnet\nname: s%d\nnetwork: n%d\nranges: [10.%d.%d.0/26]\n"
			"---\nkind: private-endpoint\nname: e%d\ncluster: k\nsubnet: s%d\n"
			"addresses: [10.%d.%d.5]\n",
			i, a, b, i, i, a, b, i, i, a, b);

		cost_put(w, yaml, (size_t)len, 100u * (uint32_t)i + 100);
		snprintf(yaml, sizeof(yaml), "n%d", i);
		json_array_append_new(attachments, json_pack("{s:s}", "network", yaml));
	}
	hub = json_pack("{s:s, s:s, s:o}", "kind", "hub", "name", "h", "attachments", attachments);
	must_ok(landscape_put(w->l, OBJECT_HUB, 2, hub, &o, &e), &e);
	json_decref(hub);
}

static void test_cost_of_a_hub(void **state)
{
	const char *networks = getenv("NETWORKS");
	const int n = networks ? (int)strtol(networks, NULL, 10) : 100;
	static const char cluster[] = CLUSTER("k");
	static const char subnet[] =
		"kind: subnet\nname: new\nnetwork: n0\nranges: [10.0.0.64/26]\n";
	struct land w = land_open();
	struct err e = {0};
	double start;

	landscape_begin(w.l);
	cost_put(&w, cluster, strlen(cluster), 1);
	hub_of_many(&w, n);
	must_ok(landscape_check(w.l, false, NULL, &e), &e);
	landscape_commit(w.l);
	start = cpu_ms();
	must_ok(compile_all(w.t, w.l, w.s, NULL, &e), &e);
	print_message("compile_all, %d networks at one hub: %.1f ms CPU\n", n, cpu_ms() - start);
	landscape_begin(w.l);
	cost_put(&w, subnet, strlen(subnet), 3);
	must_ok(landscape_check(w.l, false, NULL, &e), &e);
	start = cpu_ms();
	must_ok(compile_changes(w.t, w.l, NULL, 0, 1, store_id(w.s), NULL, &e), &e);
	print_message("compile_changes of one subnet: %.1f ms CPU\n", cpu_ms() - start);
	landscape_commit(w.l);
	land_close(&w);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_what_is_touched),      T(test_catch_up), T(test_failure_changes_nothing),
		T(test_same_name_another_id), T(test_cost),	T(test_cost_of_a_hub),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
