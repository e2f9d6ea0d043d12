/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The compile step. The oracle: whatever way the tables took, change by change or by catching up after a crash, they
 * hold the same records as tables that are made anew from the whole store.
 */
#include "compile/compile.h"
#include "model/cluster.h"
#include "tables/tables_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char root[64];
static uint64_t rng;

static uint64_t rnd(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng * 0x2545f4914f6cdd1du >> 7;
}

static size_t below(size_t n)
{
	return (size_t)(rnd() % n);
}

static const char *path_of(const char *name)
{
	static char path[2][128];
	static int turn;

	turn ^= 1;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", root, name);
	return path[turn];
}

static const char *const folders[] = {"store", "tables", "fresh"};

static int setup(void **state)
{
	(void)state;
	snprintf(root, sizeof(root), "/tmp/test_compile.XXXXXX");
	if (!mkdtemp(root))
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		if (mkdir(path_of(folders[i]), 0700) < 0)
			return -1;
	}
	return 0;
}

static void store_erase(void)
{
	static const char *const files[] = {"store/s.db", "store/s.db-wal", "store/s.db-shm"};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		unlink(path_of(files[i]));
}

static int teardown(void **state)
{
	(void)state;
	store_erase();
	if (tables_erase(path_of("tables"), NULL) < 0 || tables_erase(path_of("fresh"), NULL) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		if (rmdir(path_of(folders[i])) < 0)
			return -1;
	}
	return rmdir(root);
}

static struct tables *must_tables(const char *folder)
{
	struct tables *t = NULL;
	struct err e = {0};

	if (tables_open(path_of(folder), true, &t, &e) < 0)
		fail_msg("tables_open: %s", e.text);
	return t;
}

static struct store *must_store(void)
{
	struct store *s = NULL;
	struct err e = {0};

	if (store_open(path_of("store/s.db"), &s, &e) < 0)
		fail_msg("store_open: %s", e.text);
	return s;
}

static void must_ok(int r, const struct err *e)
{
	if (r != 0)
		fail_msg("%d: %s %s", r, e->path, e->text);
}

/* --- comparing environments --------------------------------------------------------------------------------- */

static void same_table(struct tables *a, struct tables *b, enum table table)
{
	MDB_cursor *ca, *cb;
	MDB_val ka, va, kb, vb;
	size_t n = 0;

	assert_int_equal(mdb_cursor_open(a->snapshot.txn, a->dbi[table], &ca), 0);
	assert_int_equal(mdb_cursor_open(b->snapshot.txn, b->dbi[table], &cb), 0);
	for (;; n++) {
		int ra = mdb_cursor_get(ca, &ka, &va, MDB_NEXT);
		int rb = mdb_cursor_get(cb, &kb, &vb, MDB_NEXT);

		if (ra != rb)
			fail_msg("table %d: one has %zu records, the other has more", table, n);
		if (ra != 0)
			break;
		if (ka.mv_size != kb.mv_size || memcmp(ka.mv_data, kb.mv_data, ka.mv_size) != 0)
			fail_msg("table %d: record %zu has different keys: %.*s, %.*s", table, n,
				 (int)ka.mv_size, (char *)ka.mv_data, (int)kb.mv_size,
				 (char *)kb.mv_data);
		if (va.mv_size != vb.mv_size || memcmp(va.mv_data, vb.mv_data, va.mv_size) != 0)
			fail_msg("table %d: record %zu has different values", table, n);
	}
	mdb_cursor_close(ca);
	mdb_cursor_close(cb);
}

static void same_tables(struct tables *a, struct tables *b)
{
	struct tables_snapshot *sa = tables_acquire(a), *sb = tables_acquire(b);

	assert_true(sa && sb);
	assert_int_equal(tables_generation(sa), tables_generation(sb));
	assert_string_equal(tables_store_id(sa), tables_store_id(sb));
	for (enum table t = TABLE_NAME; t <= TABLE_RANGES; t++)
		same_table(a, b, t);
	assert_int_equal(tables_verify(sa, NULL), 0);
	assert_int_equal(tables_verify(sb, NULL), 0);
	tables_release(sa);
	tables_release(sb);
}

/* t holds what compile_all() makes of the store. */
static void same_as_fresh(struct tables *t, struct store *s)
{
	struct tables *fresh = must_tables("fresh");
	struct err e = {0};

	must_ok(compile_all(fresh, s, &e), &e);
	same_tables(t, fresh);
	tables_close(fresh);
}

/* --- documents ---------------------------------------------------------------------------------------------- */

#define CLUSTERS 12
#define NAMES	 24

struct world {
	struct store *s;
	struct tables *t;
	json_t *docs[CLUSTERS]; /* as in the store, NULL: none */
	int owner[NAMES];	/* which cluster claims the server name, -1: none */
};

static json_t *ranges_make(size_t n)
{
	json_t *ranges = json_array();
	uint32_t net = (uint32_t)below(1000);

	for (size_t i = 0; i < n; i++) {
		char text[PREFIX_TEXT_MAX];
		uint32_t a = net + (uint32_t)i * 3;

		if (i % 4 == 3)
			snprintf(text, sizeof(text), "2001:db8:%x::/48", a & 0xffff);
		else
			snprintf(text, sizeof(text), "10.%u.%u.0/24", a >> 8 & 255, a & 255);
		json_array_append_new(ranges, json_string(text));
	}
	return ranges;
}

static json_t *names_make(struct world *w, int cluster)
{
	json_t *names = json_array();
	char name[64];

	for (int i = 0; i < NAMES; i++) {
		if (w->owner[i] == cluster && below(3) == 0)
			w->owner[i] = -1;
		else if (w->owner[i] < 0 && below(6) == 0)
			w->owner[i] = cluster;
		if (w->owner[i] != cluster)
			continue;
		snprintf(name, sizeof(name), i % 3 ? "n%d.example" : "*.w%d.example", i);
		json_array_append_new(names, json_string(name));
	}
	return names;
}

static json_t *doc_make(struct world *w, int cluster)
{
	char name[32], fqdn[64];
	json_t *pub, *doc;

	snprintf(name, sizeof(name), "c%d", cluster);
	snprintf(fqdn, sizeof(fqdn), "c%d-%zu.k8s.example", cluster, below(2));
	pub = json_pack("{s:s, s:b, s:o}", "fqdn", fqdn, "enabled", (int)(below(6) != 0), "names",
			names_make(w, cluster));
	if (below(4) != 0)
		json_object_set_new(pub, "ranges", ranges_make(below(2) ? below(4) : below(400)));
	doc = json_pack("{s:s, s:s, s:[{s:s, s:i}], s:o, s:i}", "kind", "cluster", "name", name,
			"upstreams", "address", below(2) ? "10.0.0.5" : "fd00::5", "port",
			1 + (int)below(65535), "public", pub, "drain", (int)below(3));
	assert_non_null(doc);
	return doc;
}

/* The former document with other settings, but for its ranges and names. */
static json_t *doc_tweak(const json_t *before)
{
	json_t *doc = json_deep_copy(before);

	json_object_set_new(doc, "drain", json_integer((json_int_t)below(100)));
	if (below(3) == 0)
		json_object_set_new(json_object_get(doc, "public"), "ranges",
				    ranges_make(below(5)));
	return doc;
}

/* What no check lets in, but what an older version may have left in the store. */
static void doc_spoil(json_t *doc)
{
	json_t *ranges = json_object_get(json_object_get(doc, "public"), "ranges");

	switch (below(3)) {
	case 0:
		json_object_set_new(doc, "drain", json_string("never"));
		break;
	case 1:
		json_object_set_new(doc, "unheardOf", json_true());
		break;
	default:
		if (ranges)
			json_array_append_new(ranges, json_string("10.0.0.1/8"));
		else
			json_object_del(doc, "public");
	}
}

static void owner_drop(struct world *w, int cluster)
{
	for (int i = 0; i < NAMES; i++) {
		if (w->owner[i] == cluster)
			w->owner[i] = -1;
	}
}

/* --- one transaction of the store --------------------------------------------------------------------------- */

struct step {
	struct compile_change changes[CLUSTERS + 1];
	size_t n;
};

static void one_object(struct world *w, struct step *step, int cluster)
{
	json_t *before = w->docs[cluster], *after = NULL;
	struct compile_change *change = &step->changes[step->n++];
	struct err e = {0};
	char name[32];

	snprintf(name, sizeof(name), "c%d", cluster);
	if (before && below(5) == 0) {
		owner_drop(w, cluster);
		must_ok(store_delete(w->s, "cluster", name, STORE_ANY, &change->id, &e), &e);
	} else {
		after = before && below(2) ? doc_tweak(before) : doc_make(w, cluster);
		if (below(15) == 0)
			doc_spoil(after);
		must_ok(store_put(w->s, "cluster", name, STORE_ANY, after, &change->id, &e), &e);
	}
	change->before = before;
	change->after = after;
	w->docs[cluster] = after;
}

/* Another kind comes along now and then; the tables do not care. */
static void other_kind(struct world *w, struct step *step)
{
	struct compile_change *change = &step->changes[step->n++];
	struct err e = {0};

	change->before = NULL;
	change->after = json_pack("{s:s, s:s}", "kind", "other", "name", "o");
	must_ok(store_put(w->s, "other", "o", STORE_ANY, change->after, &change->id, &e), &e);
}

static uint64_t store_step(struct world *w, struct step *step)
{
	const struct store_change_meta meta = {"test", "test"};
	bool done[CLUSTERS] = {0};
	struct err e = {0};
	uint64_t revision;

	memset(step, 0, sizeof(*step));
	must_ok(store_begin(w->s, &meta, &e), &e);
	for (size_t k = 1 + below(4); k > 0; k--) {
		int cluster = (int)below(CLUSTERS);

		if (!done[cluster])
			one_object(w, step, cluster);
		done[cluster] = true;
	}
	if (below(10) == 0)
		other_kind(w, step);
	must_ok(store_commit(w->s, &revision, &e), &e);
	return revision;
}

static void step_done(struct step *step)
{
	for (size_t i = 0; i < step->n; i++) {
		const json_t *docs[] = {step->changes[i].before, step->changes[i].after};
		const char *kind = json_string_value(json_object_get(docs[1], "kind"));

		/* What is there now stays in the world. */
		json_decref((json_t *)(uintptr_t)docs[0]);
		if (kind && strcmp(kind, "other") == 0)
			json_decref((json_t *)(uintptr_t)docs[1]);
	}
}

static void reopen(struct world *w)
{
	tables_close(w->t);
	store_close(w->s);
	w->s = must_store();
	w->t = must_tables("tables");
}

static void random_run(uint64_t seed, int steps)
{
	struct world w = {.s = must_store(), .t = must_tables("tables")};
	int missed = 0;

	rng = seed;
	for (int i = 0; i < NAMES; i++)
		w.owner[i] = -1;
	for (int i = 0; i < steps; i++) {
		struct step step;
		struct err e = {0};
		uint64_t revision = store_step(&w, &step);

		if (below(4) == 0) {
			missed++; /* ended between the store's commit and the tables' */
			if (below(3) == 0)
				reopen(&w);
		} else if (missed > 0) {
			must_ok(compile_catch_up(w.t, w.s, &e), &e);
			missed = 0;
		} else {
			must_ok(compile_changes(w.t, step.changes, step.n, revision, store_id(w.s),
						&e),
				&e);
		}
		step_done(&step);
		if (missed == 0)
			same_as_fresh(w.t, w.s);
	}
	for (int i = 0; i < CLUSTERS; i++)
		json_decref(w.docs[i]);
	tables_close(w.t);
	store_close(w.s);
	store_erase();
	assert_int_equal(tables_erase(path_of("tables"), NULL), 0);
	assert_int_equal(tables_erase(path_of("fresh"), NULL), 0);
}

static void test_random_changes(void **state)
{
	for (uint64_t seed = 1; seed <= 4; seed++) {
		print_message("seed %llu\n", (unsigned long long)seed);
		random_run(seed * 0x9e3779b97f4a7c15u, 120);
	}
}

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

	must_ok(compile_changes(t, &change, 1, 17, "abc", &e), &e);
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
	must_ok(compile_changes(t, &change, 1, 18, "abc", &e), &e);
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

	must_ok(compile_changes(t, &change, 1, 1, "abc", &e), &e);
	assert_int_equal(rangeset_build(&mark, 1, &blob, &len), 0);
	assert_int_equal(tables_begin(t, NULL), 0);
	assert_int_equal(tables_put_ranges(t, 1, blob, len, NULL), 0);
	assert_int_equal(tables_commit(t, 2, "abc", NULL, 0, NULL), 0);
	free(blob);

	json_object_set_new(after, "drain", json_integer(5));
	change = (struct compile_change){.id = 1, .before = doc, .after = after};
	must_ok(compile_changes(t, &change, 1, 3, "abc", &e), &e);
	assert_true(admits(t, 1, "11.0.0.1"));
	json_array_append_new(json_object_get(json_object_get(after, "public"), "ranges"),
			      json_string("12.0.0.0/8"));
	must_ok(compile_changes(t, &change, 1, 4, "abc", &e), &e);
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
	must_ok(compile_all(t, s, &e), &e);
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
	must_ok(compile_changes(t, &change, 1, revision, store_id(s), &e), &e);
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

	must_ok(compile_changes(t, there, 2, 1, "abc", &e), &e);
	assert_int_equal(find(t, "x.example"), 1);
	must_ok(compile_changes(t, move, 2, 2, "abc", &e), &e);
	assert_int_equal(find(t, "x.example"), 2);
	must_ok(compile_changes(t, back, 2, 3, "abc", &e), &e);
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

	must_ok(compile_catch_up(t, s, &e), &e); /* empty, but now of this store */
	same_as_fresh(t, s);
	put_one(s, "p", doc, &id);
	must_ok(compile_catch_up(t, s, &e), &e);
	must_ok(compile_catch_up(t, s, &e), &e);
	same_as_fresh(t, s);

	assert_int_equal(tables_begin(t, NULL), 0);
	assert_int_equal(tables_put_name(t, "stray.example", id, NULL), 0);
	assert_int_equal(tables_commit(t, 1000, store_id(s), NULL, 0, NULL), 0);
	must_ok(compile_catch_up(t, s, &e), &e);
	same_as_fresh(t, s);

	assert_int_equal(tables_begin(t, NULL), 0);
	assert_int_equal(tables_clear(t, NULL), 0);
	assert_int_equal(tables_put_name(t, "stray.example", id, NULL), 0);
	assert_int_equal(tables_commit(t, store_revision(s), "another", NULL, 0, NULL), 0);
	must_ok(compile_catch_up(t, s, &e), &e);
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
	must_ok(compile_catch_up(t, s, &e), &e);
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

	must_ok(compile_changes(t, &change, 1, 5, "abc", &e), &e);
	change = (struct compile_change){.id = 1, .before = doc};
	assert_int_equal(compile_changes(t, &change, 1, 5, "abc", &e), -ERR_INTERNAL);
	assert_int_equal(find(t, "p.example"), 1);
	e = (struct err){0};
	must_ok(compile_changes(t, &change, 1, 6, "abc", &e), &e);
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
	must_ok(compile_all(t, s, &e), &e);
	print_message("compile_all, %d clusters of 50 ranges: %.1f ms CPU\n", n, cpu_ms() - start);

	start = cpu_ms();
	for (int i = 0; i < 200; i++) {
		after = json_deep_copy(doc);
		json_object_set_new(json_object_get(after, "public"), "ranges", ranges_make(50));
		struct compile_change change = {.id = id, .before = doc, .after = after};
		must_ok(compile_changes(t, &change, 1, revision + 1 + (uint64_t)i, store_id(s), &e),
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
		T(test_random_changes),
		T(test_cost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
