/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Random transactions of the store, compiled change by change or caught up with after a crash between the store's
 * commit and the tables'.
 */
#include "compile_rig.h"

/* --- documents ---------------------------------------------------------------------------------------------- */

#define CLUSTERS 12
#define NAMES	 24

struct world {
	struct store *s;
	struct tables *t;
	json_t *docs[CLUSTERS]; /* as in the store, NULL: none */
	int owner[NAMES];	/* which cluster claims the server name, -1: none */
};

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
			must_ok(compile_catch_up(w.t, NULL, w.s, NULL, &e), &e);
			missed = 0;
		} else {
			must_ok(compile_changes(w.t, NULL, step.changes, step.n, revision,
						store_id(w.s), NULL, &e),
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_random_changes, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
