/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Changes against a real store and real tables, without gates: all or nothing, and what a naive model says. */
#include "change_rig.h"

#include "control/tables_stamp.h"

#include <sys/resource.h>

static json_t *cluster_of(const char *name, const char *fqdn, int drain)
{
	return json_pack("{s:s, s:s, s:[{s:s}], s:{s:s}, s:i}", "kind", "cluster", "name", name,
			 "upstreams", "address", "10.0.0.1", "public", "fqdn", fqdn, "drain",
			 drain);
}

static void test_create_update_delete(void **state)
{
	struct change_result res;
	struct err e = {0};

	assert_int_equal(
		apply_as(&any, json_pack("[o]", cluster_of("a", "a.example", 0)), &res, &e), 0);
	assert_int_equal(res.items[0].action, ITEM_CREATE);
	assert_true(res.has_operation);
	assert_int_equal(res.revision, 1);
	change_result_done(&res);
	assert_int_equal(c->generation, 1);
	assert_non_null(operation_find(&c->operations, 1));
	assert_string_equal(index_find_server(&c->index, "a.example")->name, "a");

	assert_int_equal(apply(&any, json_pack("[o]", cluster_of("a", "b.example", 5))), 2);
	assert_null(index_find_server(&c->index, "a.example"));
	assert_string_equal(index_find_server(&c->index, "b.example")->name, "a");

	assert_int_equal(apply(&deletes, json_pack("[o]", cluster_of("a", "b.example", 5))), 3);
	assert_null(index_find_server(&c->index, "b.example"));
	assert_null(index_find(&c->index, "a"));
	assert_int_equal(c->index.n_clusters, 0);
	assert_int_equal(apply(&deletes, json_pack("[o]", cluster_of("a", "b.example", 5))),
			 -ERR_NOT_FOUND);
	assert_int_equal(store_revision(c->store), 3);
	assert_int_equal(c->generation, 3);
}

static void test_no_difference_is_no_revision(void **state)
{
	struct change_result res;
	struct err e = {0};

	assert_int_equal(apply(&any, json_pack("[o]", cluster_of("a", "a.example", 0))), 1);
	assert_int_equal(
		apply_as(&any, json_pack("[o]", cluster_of("a", "a.example", 0)), &res, &e), 0);
	assert_int_equal(res.items[0].action, ITEM_UNCHANGED);
	assert_int_equal(res.revision, 1);
	assert_false(res.has_operation);
	change_result_done(&res);
	/* In a stream the others still change. */
	assert_int_equal(apply(&any, json_pack("[oo]", cluster_of("a", "a.example", 0),
					       cluster_of("b", "b.example", 0))),
			 2);
}

static void test_dry_run_changes_nothing(void **state)
{
	struct change_result res;
	struct err e = {0};

	assert_int_equal(
		apply_as(&dry, json_pack("[o]", cluster_of("a", "a.example", 0)), &res, &e), 0);
	assert_int_equal(res.items[0].action, ITEM_CREATE);
	assert_true(res.is_dry_run);
	assert_false(res.has_operation);
	change_result_done(&res);
	assert_int_equal(store_revision(c->store), 0);
	assert_int_equal(c->index.n_clusters, 0);
}

static void test_expected_revision(void **state)
{
	struct change_request at = any;
	struct change_result res;
	struct err e = {0};

	at.expect = 0;
	assert_int_equal(apply(&at, json_pack("[o]", cluster_of("a", "a.example", 0))), 1);
	assert_int_equal(apply_as(&at, json_pack("[o]", cluster_of("a", "a.example", 1)), &res, &e),
			 -ERR_CONFLICT);
	assert_non_null(strstr(e.text, "exists already, at revision 1"));
	at.expect = 1;
	assert_int_equal(apply(&at, json_pack("[o]", cluster_of("a", "a.example", 1))), 2);
	assert_int_equal(apply(&at, json_pack("[o]", cluster_of("a", "a.example", 2))),
			 -ERR_CONFLICT);
	assert_int_equal(apply_as(&at, json_pack("[o]", cluster_of("n", "n.example", 0)), &res, &e),
			 -ERR_CONFLICT);
	assert_non_null(strstr(e.text, "does not exist"));
	/* Also where nothing would change: the caller has seen something else. */
	assert_int_equal(apply(&at, json_pack("[o]", cluster_of("a", "a.example", 1))),
			 -ERR_CONFLICT);
	at.verb = CHANGE_DELETE;
	assert_int_equal(apply(&at, json_pack("[o]", cluster_of("a", "a.example", 1))),
			 -ERR_CONFLICT);
}

static void test_a_name_leads_to_one_cluster(void **state)
{
	struct change_result res;
	struct err e = {0};

	assert_int_equal(apply(&any, json_pack("[o]", cluster_of("a", "x.example", 0))), 1);
	assert_int_equal(apply_as(&any,
				  json_pack("[oo]", cluster_of("c", "c.example", 0),
					    cluster_of("b", "x.example", 0)),
				  &res, &e),
			 -ERR_CONFLICT);
	assert_non_null(strstr(e.text, "\"x.example\""));
	assert_non_null(strstr(e.text, "\"a\""));
	assert_string_equal(e.path, "[1].public");
	assert_null(index_find(&c->index, "c"));
	/* Within one stream too ... */
	assert_int_equal(apply(&any, json_pack("[oo]", cluster_of("b", "y.example", 0),
					       cluster_of("c", "y.example", 0))),
			 -ERR_CONFLICT);
	/* ... and one change may hand a name over, even both ways. */
	assert_int_equal(apply(&any, json_pack("[oo]", cluster_of("a", "y.example", 0),
					       cluster_of("b", "x.example", 0))),
			 2);
	assert_int_equal(apply(&any, json_pack("[oo]", cluster_of("a", "x.example", 0),
					       cluster_of("b", "y.example", 0))),
			 3);
	assert_string_equal(index_find_server(&c->index, "x.example")->name, "a");
	assert_string_equal(index_find_server(&c->index, "y.example")->name, "b");
}

/* The index by itself: deleting a cluster does not take a name that has moved on. */
static void test_a_name_that_moved_on_stays(void **state)
{
	json_t *a = cluster_of("a", "x.example", 0), *b = cluster_of("b", "x.example", 0);
	struct err e;

	assert_int_equal(index_put(&c->index, 70, a, &e), 0);
	assert_int_equal(index_put(&c->index, 71, b, &e), 0);
	index_delete(&c->index, 70);
	assert_ptr_equal(index_find_server(&c->index, "x.example"), index_get(&c->index, 71));
	assert_null(index_get(&c->index, 70));
	assert_null(index_get(&c->index, UINT32_MAX));
	json_decref(a);
	json_decref(b);
}

static void test_all_or_nothing(void **state)
{
	struct change_result res;
	struct err e = {0};

	assert_int_equal(apply_as(&any,
				  json_pack("[oo]", cluster_of("a", "a.example", 0),
					    cluster_of("b", "b.example", -1)),
				  &res, &e),
			 -ERR_INVALID);
	assert_string_equal(e.path, "[1].drain");
	assert_int_equal(apply_as(&any,
				  json_pack("[oo]", cluster_of("a", "a.example", 0),
					    cluster_of("a", "b.example", 0)),
				  &res, &e),
			 -ERR_INVALID); /* twice */
	assert_int_equal(apply(&any, json_array()), -ERR_INVALID);
	assert_int_equal(store_revision(c->store), 0);
	assert_int_equal(c->index.n_clusters, 0);
	assert_null(operation_find(&c->operations, 1));
}

static void test_each_document_needs_the_right(void **state)
{
	struct peer p = {.uid = 1000, .gid = 1000};
	struct change_request req = any;

	req.peer = &p;
	options.n_access = 1;
	options.access[0] = (struct access_rule){
		.subject = ACCESS_UID, .id = 1000, .may_change = true, .clusters = "a*"};
	assert_int_equal(apply(&req, json_pack("[oo]", cluster_of("a1", "a.example", 0),
					       cluster_of("b", "b.example", 0))),
			 -ERR_FORBIDDEN);
	assert_int_equal(store_revision(c->store), 0);
	assert_int_equal(apply(&req, json_pack("[o]", cluster_of("a1", "a.example", 0))), 1);
	req.verb = CHANGE_DELETE;
	options.access[0].may_change = false;
	assert_int_equal(apply(&req, json_pack("[o]", cluster_of("a1", "a.example", 0))),
			 -ERR_FORBIDDEN);
}

static void test_without_store_nothing_changes(void **state)
{
	store_close(c->store);
	c->store = NULL;
	control_store_down(c, "gone");
	assert_int_equal(apply(&any, json_pack("[o]", cluster_of("a", "a.example", 0))),
			 -ERR_UNAVAILABLE);
	/* The tick opens it again. */
	tables_keep_tick(c);
	assert_non_null(c->store);
	assert_string_equal(c->store_reason, "");
	assert_int_equal(apply(&any, json_pack("[o]", cluster_of("a", "a.example", 0))), 1);
}

/* Tables that are not known to be the store's are made anew as a whole, whatever the change is. */
static void test_tables_out_of_step(void **state)
{
	struct tables_snapshot *s;
	struct err e = {0};
	uint32_t id;

	assert_int_equal(apply(&any, json_pack("[o]", cluster_of("a", "a.example", 0))), 1);
	assert_int_equal(tables_begin(c->tables, &e), 0);
	assert_int_equal(tables_clear(c->tables, &e), 0);
	assert_int_equal(tables_put_name(c->tables, "stray.example", 99, &e), 0);
	assert_int_equal(tables_commit(c->tables, 1, "another store", NULL, 0, &e), 0);
	c->is_in_step = false;
	assert_int_equal(apply(&any, json_pack("[o]", cluster_of("b", "b.example", 0))), 2);
	assert_true(c->is_in_step);
	s = tables_acquire(c->tables);
	assert_non_null(s);
	assert_int_equal(tables_find_name(s, "stray.example", 13, &id), -ERR_NOT_FOUND);
	assert_int_equal(tables_find_name(s, "a.example", 9, &id), 0);
	assert_int_equal(tables_find_name(s, "b.example", 9, &id), 0);
	tables_release(s);
}

/* Tables that were made anew are not taken for what an older stamp says, even if there can be no newer one. */
static void test_no_stamp_of_before(void **state)
{
	struct rlimit had, none;

	snprintf(options.boot_id, sizeof(options.boot_id), "boot");
	tables_stamp_write(c);
	if (!tables_stamp_is_ours(c))
		skip(); /* built without a build id */
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &had), 0);
	none = (struct rlimit){.rlim_cur = 0, .rlim_max = had.rlim_max};
	c->is_in_step = false;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	tables_keep_tick(c);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &had), 0);
	assert_true(c->is_in_step);
	assert_false(tables_stamp_is_ours(c));
}

/* --- random changes against a naive model ----------------------------------------------------------------- */

#define N_NAMES	  6
#define N_SERVERS 8
#define MAX_DOCS  3

struct naive {
	bool exists;
	int server, drain;
	uint64_t revision;
};

struct step {
	bool is_delete;
	size_t n;
	int name[MAX_DOCS], server[MAX_DOCS], drain[MAX_DOCS];
	uint64_t expect;
};

static struct step step_random(const struct naive *m)
{
	struct step s = {.is_delete = rand() % 4 == 0,
			 .n = 1 + (size_t)rand() % MAX_DOCS,
			 .expect = STORE_ANY};

	for (size_t i = 0; i < s.n; i++) {
		s.name[i] = rand() % N_NAMES;
		s.server[i] = rand() % N_SERVERS;
		s.drain[i] = rand() % 3;
	}
	if (rand() % 5 == 0) {
		s.n = 1;
		s.expect = rand() % 2 ? m[s.name[0]].revision : (uint64_t)rand() % 4;
	}
	return s;
}

static json_t *step_documents(const struct step *s)
{
	json_t *docs = json_array();
	char name[8], server[24];

	for (size_t i = 0; i < s->n; i++) {
		snprintf(name, sizeof(name), "c%d", s->name[i]);
		snprintf(server, sizeof(server), "s%d.example", s->server[i]);
		json_array_append_new(docs, cluster_of(name, server, s->drain[i]));
	}
	return docs;
}

/* What should come of it: the new state to `after`; false: refused. */
static bool naive_apply(const struct step *s, const struct naive *before, struct naive *after,
			uint64_t revision, bool *ret_changed)
{
	memcpy(after, before, sizeof(*before) * N_NAMES);
	*ret_changed = false;
	for (size_t i = 0; i < s->n; i++) {
		struct naive *a = &after[s->name[i]];
		struct naive new = {true, s->server[i], s->drain[i], revision};

		for (size_t k = 0; k < i; k++)
			if (s->name[k] == s->name[i])
				return false;
		if (s->expect != STORE_ANY && s->expect != (a->exists ? a->revision : 0))
			return false;
		if (s->is_delete && !a->exists)
			return false;
		if (s->is_delete)
			*a = (struct naive){0};
		else if (a->exists && a->server == new.server && a->drain == new.drain)
			continue;
		else
			*a = new;
		*ret_changed = true;
	}
	for (int i = 0; i < N_NAMES; i++)
		for (int k = 0; k < i; k++)
			if (after[i].exists && after[k].exists &&
			    after[i].server == after[k].server)
				return false;
	return true;
}

static void state_compare(const struct naive *m)
{
	char name[16], server[24];

	for (int i = 0; i < N_NAMES; i++) {
		struct store_object o = {0};
		struct err e;
		int ret;

		snprintf(name, sizeof(name), "c%d", i);
		ret = store_get(c->store, "cluster", name, &o, &e);
		assert_int_equal(ret, m[i].exists ? 0 : -ERR_NOT_FOUND);
		assert_int_equal(index_find(&c->index, name) != NULL, m[i].exists);
		if (!m[i].exists)
			continue;
		assert_int_equal(o.revision, m[i].revision);
		assert_int_equal(json_integer_value(json_object_get(o.body, "drain")), m[i].drain);
		assert_int_equal(index_find(&c->index, name)->id, o.id);
		store_object_done(&o);
	}
	for (int s = 0; s < N_SERVERS; s++) {
		const struct index_cluster *ic;
		int owner = -1;

		for (int i = 0; i < N_NAMES; i++)
			if (m[i].exists && m[i].server == s)
				owner = i;
		snprintf(server, sizeof(server), "s%d.example", s);
		snprintf(name, sizeof(name), "c%d", owner);
		ic = index_find_server(&c->index, server);
		assert_int_equal(ic != NULL, owner >= 0);
		if (ic)
			assert_string_equal(ic->name, name);
	}
}

static void test_oracle(void **state)
{
	static const unsigned seeds[] = {1, 2, 3};
	struct naive model[N_NAMES] = {0}, after[N_NAMES];
	uint64_t revision = 0;

	for (size_t k = 0; k < ARRAY_SIZE(seeds); k++) {
		srand(seeds[k]);
		for (int i = 0; i < 150; i++) {
			struct step s = step_random(model);
			struct change_request how = {.verb = s.is_delete ? CHANGE_DELETE
									 : CHANGE_PUT,
						     .expect = s.expect};
			bool changed;
			bool ok = naive_apply(&s, model, after, revision + 1, &changed);
			int64_t got = apply(&how, step_documents(&s));

			if (ok != (got >= 0))
				fail_msg("seed %u step %d: %d, wanted %s", seeds[k], i, (int)got,
					 ok ? "success" : "refusal");
			if (ok) {
				revision += changed;
				memcpy(model, after, sizeof(model));
			}
			assert_int_equal(store_revision(c->store), revision);
			assert_int_equal(c->generation, revision);
			state_compare(model);
		}
	}
	/* What is kept incrementally is what the store would give from nothing. */
	assert_int_equal(index_load(&c->index, c->store, NULL), 0);
	state_compare(model);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_create_update_delete),
		T(test_no_difference_is_no_revision),
		T(test_dry_run_changes_nothing),
		T(test_expected_revision),
		T(test_a_name_leads_to_one_cluster),
		T(test_a_name_that_moved_on_stays),
		T(test_all_or_nothing),
		T(test_each_document_needs_the_right),
		T(test_without_store_nothing_changes),
		T(test_tables_out_of_step),
		T(test_no_stamp_of_before),
		T(test_oracle),
	};

	log_init(open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_TEXT, LOG_ERROR, "test");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
