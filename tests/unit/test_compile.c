/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The compile step, property by property, and what it costs. test_compile_random.c has the random operations.
 */
#include "compile_rig.h"

#include <time.h>

/* --- single properties -------------------------------------------------------------------------------------- */

static json_t *doc_parse(const char *text)
{
	json_error_t error;
	json_t *doc = json_loads(text, 0, &error);

	if (!doc)
		fail_msg("%s", error.text);
	return doc;
}

#define DOC(name, more)                          \
	"{\"kind\":\"cluster\",\"name\":\"" name \
	"\",\"upstreams\":[{\"address\":\"10.0.0.5\"}]," more "}"

static uint64_t put_one(struct store *s, const char *name, const json_t *doc, uint32_t *ret_id)
{
	const struct store_change_meta meta = {"test", "test"};
	struct err e = {0};
	uint64_t revision;

	must_ok(store_begin(s, &meta, &e), &e);
	must_ok(store_put(s, "cluster", name, STORE_ANY, doc, ret_id, &e), &e);
	must_ok(store_commit(s, &revision, &e), &e);
	return revision;
}

static int find(struct tables *t, const char *name)
{
	struct tables_snapshot *s = tables_acquire(t);
	uint32_t id = 0;
	int r = tables_find_name(s, name, strlen(name), &id);

	tables_release(s);
	return r < 0 ? r : (int)id;
}

static bool admits(struct tables *t, uint32_t id, const char *source)
{
	struct tables_snapshot *s = tables_acquire(t);
	struct tables_cluster c;
	struct rangeset set;
	struct addr a;
	bool yes = false;

	assert_int_equal(addr_parse(source, &a), 0);
	if (tables_get_cluster(s, id, &c) == 0 && c.public_enabled)
		yes = c.public_open ||
		      (tables_get_ranges(s, id, true, &set) == 0 && rangeset_contains(&set, &a));
	tables_release(s);
	return yes;
}

/* Every field arrives. */
static void test_fields(void **state)
{
	json_t *doc = doc_parse(
		DOC("prod", "\"public\":{\"fqdn\":\"A.Example.org\",\"names\":[\"*.b.example\"],"
			    "\"ranges\":[\"10.0.0.0/8\",\"2001:db8::/32\"]},\"drain\":9,"
			    "\"limits\":{\"connections\":5,\"connectionsPerSource\":2},"
			    "\"health\":{\"kind\":\"tcp\",\"interval\":1.5,\"timeout\":0.5},"
			    "\"connectTimeout\":3,\"proxyProtocol\":\"v2\""));
	struct compile_change change = {.id = 4, .after = doc};
	struct tables *t = must_tables("tables");
	struct tables_cluster c;
	struct err e = {0};

	must_ok(compile_changes(t, NULL, &change, 1, 17, "abc", NULL, &e), &e);
	assert_int_equal(e.code, ERR_NONE);
	assert_int_equal(find(t, "a.example.org"), 4);
	assert_int_equal(find(t, "x.b.example"), 4);
	assert_true(admits(t, 4, "10.1.2.3"));
	assert_true(admits(t, 4, "2001:db8::1"));
	assert_false(admits(t, 4, "11.1.2.3"));
	struct tables_snapshot *s = tables_acquire(t);
	assert_int_equal(tables_generation(s), 17);
	assert_int_equal(tables_get_cluster(s, 4, &c), 0);
	tables_release(s);
	assert_string_equal(c.name, "prod");
	assert_int_equal(c.generation, 17);
	assert_int_equal(c.drain_s, 9);
	assert_int_equal(c.max_connections, 5);
	assert_int_equal(c.max_per_source, 2);
	assert_int_equal(c.health_kind, HEALTH_TCP);
	assert_int_equal(c.health_interval_ms, 1500);
	assert_int_equal(c.health_timeout_ms, 500);
	assert_int_equal(c.connect_timeout_ms, 3000);
	assert_true(c.proxy_v2);
	assert_int_equal(c.n_upstreams, 1);
	assert_int_equal(c.upstreams[0].port, 6443);
	assert_int_equal(c.upstreams[0].addr.lo, 0x0a000005);

	change = (struct compile_change){.id = 4, .before = doc};
	must_ok(compile_changes(t, NULL, &change, 1, 18, "abc", NULL, &e), &e);
	assert_int_equal(find(t, "a.example.org"), -ERR_NOT_FOUND);
	assert_int_equal(find(t, "x.b.example"), -ERR_NOT_FOUND);
	assert_false(admits(t, 4, "10.1.2.3"));
	json_decref(doc);
	tables_close(t);
}

/* Ranges that have not changed are not written: a mark that the test puts in their place stays. */
static void test_unchanged_ranges_are_kept(void **state)
{
	json_t *doc = doc_parse(
		DOC("p", "\"public\":{\"fqdn\":\"p.example\",\"ranges\":[\"10.0.0.0/8\"]}"));
	json_t *after = json_deep_copy(doc);
	const struct prefix mark = {.addr = addr_v4(0x0b000000), .len = 8};
	struct compile_change change = {.id = 1, .after = doc};
	struct tables *t = must_tables("tables");
	struct err e = {0};
	uint8_t *blob;
	size_t len;

	must_ok(compile_changes(t, NULL, &change, 1, 1, "abc", NULL, &e), &e);
	assert_int_equal(rangeset_build(&mark, 1, &blob, &len), 0);
	assert_int_equal(tables_begin(t, NULL), 0);
	assert_int_equal(tables_put_ranges(t, 1, blob, len, NULL), 0);
	assert_int_equal(tables_commit(t, 2, "abc", NULL, 0, NULL), 0);
	free(blob);

	json_object_set_new(after, "drain", json_integer(5));
	change = (struct compile_change){.id = 1, .before = doc, .after = after};
	must_ok(compile_changes(t, NULL, &change, 1, 3, "abc", NULL, &e), &e);
	assert_true(admits(t, 1, "11.0.0.1"));
	json_array_append_new(json_object_get(json_object_get(after, "public"), "ranges"),
			      json_string("12.0.0.0/8"));
	must_ok(compile_changes(t, NULL, &change, 1, 4, "abc", NULL, &e), &e);
	assert_false(admits(t, 1, "11.0.0.1"));
	assert_true(admits(t, 1, "12.0.0.1"));
	json_decref(doc);
	json_decref(after);
	tables_close(t);
}

/* One bad object fails nothing but itself, and is told. */
static void test_bad_document_admits_nobody(void **state)
{
	json_t *good = doc_parse(DOC("good", "\"public\":{\"fqdn\":\"good.example\"}"));
	json_t *bad = doc_parse(DOC("bad", "\"public\":{\"fqdn\":\"bad.example\"},\"drain\":-1"));
	struct store *s = must_store();
	struct tables *t = must_tables("tables");
	struct err e = {0};
	uint32_t good_id, bad_id;

	put_one(s, "bad", bad, &bad_id);
	put_one(s, "good", good, &good_id);
	must_ok(compile_all(t, NULL, s, NULL, &e), &e);
	assert_int_equal(e.code, ERR_INVALID);
	assert_non_null(strstr(e.text, "\"bad\""));
	assert_true(admits(t, good_id, "192.0.2.1"));
	assert_false(admits(t, bad_id, "192.0.2.1"));
	assert_int_equal(find(t, "bad.example"), -ERR_NOT_FOUND);

	/* It becomes good again, by an update. */
	json_t *repaired = json_deep_copy(bad);
	json_object_del(repaired, "drain");
	struct compile_change change = {.id = bad_id, .before = bad, .after = repaired};
	uint64_t revision = put_one(s, "bad", repaired, &bad_id);
	e = (struct err){0};
	must_ok(compile_changes(t, NULL, &change, 1, revision, store_id(s), NULL, &e), &e);
	assert_int_equal(e.code, ERR_NONE);
	assert_true(admits(t, bad_id, "192.0.2.1"));
	assert_int_equal(find(t, "bad.example"), (int)bad_id);
	same_as_fresh(t, s);
	json_decref(good);
	json_decref(bad);
	json_decref(repaired);
	tables_close(t);
	store_close(s);
}

/* A name moves from one cluster to another in one change, in either order of the two. */
static void test_name_moves(void **state)
{
	json_t *a = doc_parse(
		DOC("a", "\"public\":{\"fqdn\":\"a.example\",\"names\":[\"x.example\"]}"));
	json_t *b = doc_parse(DOC("b", "\"public\":{\"fqdn\":\"b.example\"}"));
	json_t *a2 = doc_parse(DOC("a", "\"public\":{\"fqdn\":\"a.example\"}"));
	json_t *b2 = doc_parse(
		DOC("b", "\"public\":{\"fqdn\":\"b.example\",\"names\":[\"x.example\"]}"));
	const struct compile_change there[] = {{1, NULL, a}, {2, NULL, b}};
	const struct compile_change move[] = {{1, a, a2}, {2, b, b2}};
	const struct compile_change back[] = {{1, a2, a}, {2, b2, b}};
	struct tables *t = must_tables("tables");
	struct err e = {0};

	must_ok(compile_changes(t, NULL, there, 2, 1, "abc", NULL, &e), &e);
	assert_int_equal(find(t, "x.example"), 1);
	must_ok(compile_changes(t, NULL, move, 2, 2, "abc", NULL, &e), &e);
	assert_int_equal(find(t, "x.example"), 2);
	must_ok(compile_changes(t, NULL, back, 2, 3, "abc", NULL, &e), &e);
	assert_int_equal(find(t, "x.example"), 1);
	json_decref(a);
	json_decref(b);
	json_decref(a2);
	json_decref(b2);
	tables_close(t);
}

/* Catching up: nothing to do, tables ahead of the store, tables of another store, too much to do. */
static void test_catch_up_from_afar(void **state)
{
	json_t *doc = doc_parse(DOC("p", "\"public\":{\"fqdn\":\"p.example\"}"));
	const struct store_change_meta meta = {"test", "test"};
	struct store *s = must_store();
	struct tables *t = must_tables("tables");
	struct err e = {0};
	uint64_t revision;
	uint32_t id;

	must_ok(compile_catch_up(t, NULL, s, NULL, &e), &e); /* empty, but now of this store */
	same_as_fresh(t, s);
	put_one(s, "p", doc, &id);
	must_ok(compile_catch_up(t, NULL, s, NULL, &e), &e);
	must_ok(compile_catch_up(t, NULL, s, NULL, &e), &e);
	same_as_fresh(t, s);

	assert_int_equal(tables_begin(t, NULL), 0);
	assert_int_equal(tables_put_name(t, "stray.example", id, NULL), 0);
	assert_int_equal(tables_commit(t, 1000, store_id(s), NULL, 0, NULL), 0);
	must_ok(compile_catch_up(t, NULL, s, NULL, &e), &e);
	same_as_fresh(t, s);

	assert_int_equal(tables_begin(t, NULL), 0);
	assert_int_equal(tables_clear(t, NULL), 0);
	assert_int_equal(tables_put_name(t, "stray.example", id, NULL), 0);
	assert_int_equal(tables_commit(t, store_revision(s), "another", NULL, 0, NULL), 0);
	must_ok(compile_catch_up(t, NULL, s, NULL, &e), &e);
	same_as_fresh(t, s);

	must_ok(store_begin(s, &meta, &e), &e);
	for (int i = 0; i < 5000; i++) {
		char name[16], fqdn[32];

		snprintf(name, sizeof(name), "m%d", i);
		snprintf(fqdn, sizeof(fqdn), "m%d.example", i);
		json_object_set_new(doc, "name", json_string(name));
		json_object_set_new(json_object_get(doc, "public"), "fqdn", json_string(fqdn));
		must_ok(store_put(s, "cluster", name, 0, doc, &id, &e), &e);
	}
	must_ok(store_commit(s, &revision, &e), &e);
	must_ok(compile_catch_up(t, NULL, s, NULL, &e), &e);
	assert_int_equal(find(t, "m4999.example"), (int)id);
	same_as_fresh(t, s);
	json_decref(doc);
	tables_close(t);
	store_close(s);
}

/* An error leaves the tables as they were, and usable. */
static void test_failure_changes_nothing(void **state)
{
	json_t *doc = doc_parse(DOC("p", "\"public\":{\"fqdn\":\"p.example\"}"));
	struct compile_change change = {.id = 1, .after = doc};
	struct tables *t = must_tables("tables");
	struct err e = {0};

	must_ok(compile_changes(t, NULL, &change, 1, 5, "abc", NULL, &e), &e);
	change = (struct compile_change){.id = 1, .before = doc};
	assert_int_equal(compile_changes(t, NULL, &change, 1, 5, "abc", NULL, &e), -ERR_INTERNAL);
	assert_int_equal(find(t, "p.example"), 1);
	e = (struct err){0};
	must_ok(compile_changes(t, NULL, &change, 1, 6, "abc", NULL, &e), &e);
	assert_int_equal(find(t, "p.example"), -ERR_NOT_FOUND);
	json_decref(doc);
	tables_close(t);
}

/* --- cost ------------------------------------------------------------------------------------------------------ */

static double cpu_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

/* COMPILE_CLUSTERS=10000 for the size that the manual speaks of. Incremental must not depend on the number. */
static void test_cost(void **state)
{
	const char *clusters = getenv("COMPILE_CLUSTERS");
	const int n = clusters ? (int)strtol(clusters, NULL, 10) : 500;
	const struct store_change_meta meta = {"test", "test"};
	struct store *s = must_store();
	struct tables *t = must_tables("tables");
	json_t *doc = NULL, *after;
	struct err e = {0};
	uint64_t revision;
	uint32_t id = 0;
	double start;

	rng = 5;
	must_ok(store_begin(s, &meta, &e), &e);
	for (int i = 0; i < n; i++) {
		char name[16], fqdn[32];

		snprintf(name, sizeof(name), "m%d", i);
		snprintf(fqdn, sizeof(fqdn), "m%d.example", i);
		json_decref(doc);
		doc = json_pack("{s:s, s:s, s:[{s:s}], s:{s:s, s:o}}", "kind", "cluster", "name",
				name, "upstreams", "address", "10.0.0.5", "public", "fqdn", fqdn,
				"ranges", ranges_make(50));
		must_ok(store_put(s, "cluster", name, 0, doc, &id, &e), &e);
	}
	must_ok(store_commit(s, &revision, &e), &e);
	start = cpu_ms();
	must_ok(compile_all(t, NULL, s, NULL, &e), &e);
	print_message("compile_all, %d clusters of 50 ranges: %.1f ms CPU\n", n, cpu_ms() - start);

	start = cpu_ms();
	for (int i = 0; i < 200; i++) {
		after = json_deep_copy(doc);
		json_object_set_new(json_object_get(after, "public"), "ranges", ranges_make(50));
		struct compile_change change = {.id = id, .before = doc, .after = after};
		must_ok(compile_changes(t, NULL, &change, 1, revision + 1 + (uint64_t)i,
					store_id(s), NULL, &e),
			&e);
		json_decref(doc);
		doc = after;
	}
	start = cpu_ms() - start;
	print_message("compile_changes of one, its 50 ranges replaced: %.3f ms CPU\n", start / 200);
	tables_close(t);
	start = cpu_ms();
	t = must_tables("tables");
	print_message("open and check: %.1f ms CPU\n", cpu_ms() - start);
	json_decref(doc);
	tables_close(t);
	store_close(s);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_fields),
		T(test_unchanged_ranges_are_kept),
		T(test_bad_document_admits_nobody),
		T(test_name_moves),
		T(test_failure_changes_nothing),
		T(test_catch_up_from_afar),
		T(test_cost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
