/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The store by its contract: revisions, compare-and-swap, history, files that are not ours, somebody else at the same file.
 * Random operations and killed processes are in test_store_random.c, failing disks in test_store_faults.c.
 */
#include "base/clock.h"
#include "store_rig.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* --- single rules ----------------------------------------------------------------------------------------- */

static void test_empty_and_reopened(void **state)
{
	struct store *s = rig_open();
	char id[33];

	assert_int_equal(store_revision(s), 0);
	assert_int_equal(strlen(store_id(s)), 32);
	snprintf(id, sizeof(id), "%s", store_id(s));
	store_close(s);
	s = rig_open();
	assert_string_equal(store_id(s), id);
	rig_begin(s);
	assert_int_equal(rig_put(s, "a", 0, 7, NULL), 0);
	assert_int_equal(store_revision(s), 0);
	assert_int_equal(rig_commit(s), 1);
	assert_int_equal(store_revision(s), 1);
	store_close(s);
	s = rig_open();
	assert_int_equal(store_revision(s), 1);
	assert_int_equal(rig_value(s, "a"), 7);
	store_close(s);
	store_close(NULL);
}

static void test_expectations(void **state)
{
	struct store *s = rig_open();

	rig_begin(s);
	assert_int_equal(rig_put(s, "a", 5, 1, NULL), -ERR_CONFLICT);
	assert_int_equal(rig_put(s, "a", 0, 1, NULL), 0);
	assert_int_equal(rig_put(s, "b", STORE_ANY, 1, NULL), 0);
	assert_int_equal(rig_commit(s), 1);
	rig_begin(s);
	assert_int_equal(rig_put(s, "a", 0, 2, NULL), -ERR_CONFLICT);
	assert_int_equal(rig_put(s, "a", 2, 2, NULL), -ERR_CONFLICT);
	assert_int_equal(rig_delete(s, "a", 2), -ERR_CONFLICT);
	assert_int_equal(rig_delete(s, "z", STORE_ANY), -ERR_NOT_FOUND);
	/* A refusal leaves the rest of the transaction as it was. */
	assert_int_equal(rig_put(s, "a", 1, 2, NULL), 0);
	assert_int_equal(rig_delete(s, "b", 1), 0);
	assert_int_equal(rig_commit(s), 2);
	assert_int_equal(rig_value(s, "a"), 2);
	assert_int_equal(rig_value(s, "b"), -1);
	store_close(s);
}

static void test_conflict_names_the_revision(void **state)
{
	struct store *s = rig_open();
	json_t *body = json_object();
	struct err e = {0};
	uint32_t id;

	rig_begin(s);
	assert_int_equal(rig_put(s, "prod", 0, 1, NULL), 0);
	rig_commit(s);
	rig_begin(s);
	assert_int_equal(store_put(s, "cluster", "prod", 41, body, &id, &e), -ERR_CONFLICT);
	assert_non_null(strstr(e.text, "\"prod\" is at revision 1, not at 41"));
	store_abort(s);
	json_decref(body);
	store_close(s);
}

static void test_abort_and_empty_commit(void **state)
{
	struct store *s = rig_open();

	rig_begin(s);
	assert_int_equal(rig_put(s, "a", 0, 1, NULL), 0);
	assert_int_equal(rig_value(s, "a"), 1);
	store_abort(s);
	assert_int_equal(rig_value(s, "a"), -1);
	rig_begin(s);
	assert_int_equal(rig_commit(s), 0);
	/* Closing gives up what has not been committed. */
	rig_begin(s);
	assert_int_equal(rig_put(s, "a", 0, 1, NULL), 0);
	store_close(s);
	s = rig_open();
	assert_int_equal(rig_value(s, "a"), -1);
	assert_int_equal(store_revision(s), 0);
	store_close(s);
}

static void test_ids_are_never_reused(void **state)
{
	struct store *s = rig_open();
	uint32_t a, b, again;

	rig_begin(s);
	assert_int_equal(rig_put(s, "a", 0, 1, &a), 0);
	assert_int_equal(rig_put(s, "b", 0, 1, &b), 0);
	assert_int_not_equal(a, b);
	rig_commit(s);
	rig_begin(s);
	assert_int_equal(rig_put(s, "a", 1, 2, &again), 0);
	assert_int_equal(again, a);
	assert_int_equal(rig_delete(s, "b", STORE_ANY), 0);
	rig_commit(s);
	store_close(s);
	s = rig_open();
	rig_begin(s);
	assert_int_equal(rig_put(s, "b", 0, 1, &again), 0);
	assert_true(again > b);
	rig_commit(s);
	store_close(s);
}

static void test_every_value_comes_back(void **state)
{
	struct store *s = rig_open();
	json_t *body = json_pack("{s:s#, s:f, s:f, s:I, s:n, s:[], s:{}, s:s}", "nul", "a\0b", 3,
				 "f", 0.1, "whole", 5.0, "big", (json_int_t)INT64_MIN, "null",
				 "list", "object", "utf8", "\xc3\xa4\xf0\x9f\x9a\xaa");
	struct store_object o;
	struct err e = {0};
	uint32_t id;

	assert_non_null(body);
	rig_begin(s);
	assert_int_equal(store_put(s, "cluster", "v", 0, body, &id, &e), 0);
	rig_commit(s);
	assert_int_equal(store_get(s, "cluster", "v", &o, &e), 0);
	assert_true(json_equal(o.body, body));
	assert_string_equal(o.kind, "cluster");
	assert_string_equal(o.name, "v");
	assert_int_equal(o.id, id);
	assert_int_equal(o.revision, 1);
	assert_true(o.created_us > 0 && o.updated_us == o.created_us);
	store_object_done(&o);
	json_decref(body);
	store_close(s);
}

struct names {
	char text[256];
	int stop_after;
	bool has_body;
};

static int names_add(const struct store_object *o, void *arg)
{
	struct names *n = arg;
	size_t used = strlen(n->text);

	snprintf(n->text + used, sizeof(n->text) - used, "%s/%s ", o->kind, o->name);
	n->has_body = o->body != NULL;
	return n->stop_after && --n->stop_after == 0 ? 77 : 0;
}

static void test_list(void **state)
{
	struct store *s = rig_open();
	json_t *body = json_object();
	struct names all = {0}, one = {0}, first = {.stop_after = 1};
	struct err e = {0};
	uint32_t id;

	rig_begin(s);
	assert_int_equal(rig_put(s, "b", 0, 1, NULL), 0);
	assert_int_equal(rig_put(s, "a", 0, 1, NULL), 0);
	assert_int_equal(store_put(s, "bastion", "z", 0, body, &id, &e), 0);
	rig_commit(s);
	assert_int_equal(store_list(s, NULL, true, names_add, &all, &e), 0);
	assert_string_equal(all.text, "bastion/z cluster/a cluster/b ");
	assert_true(all.has_body);
	assert_int_equal(store_list(s, "cluster", false, names_add, &one, &e), 0);
	assert_string_equal(one.text, "cluster/a cluster/b ");
	assert_false(one.has_body);
	assert_int_equal(store_list(s, NULL, false, names_add, &first, &e), 77);
	assert_string_equal(first.text, "bastion/z ");
	json_decref(body);
	store_close(s);
}

/* What somebody with the sqlite3 tool could do. */
static void sql(const char *text)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(rig_path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* --- history ---------------------------------------------------------------------------------------------- */

struct told {
	char text[512];
	unsigned n;
	uint64_t first, last;
};

static int told_add(const struct store_change *c, void *arg)
{
	struct told *t = arg;
	size_t used = strlen(t->text);

	if (t->n++ == 0)
		t->first = c->revision;
	t->last = c->revision;
	if (used + 40 < sizeof(t->text))
		snprintf(t->text + used, sizeof(t->text) - used, "%" PRIu64 ":%s:%s:%d ",
			 c->revision, c->verb, c->name,
			 (int)json_integer_value(json_object_get(c->body, "value")));
	assert_string_equal(c->actor, "uid:0(root)");
	assert_string_equal(c->via, "native");
	assert_true(c->time_us > 0);
	return 0;
}

static int enforced_of(const struct store_change *c, void *arg)
{
	*(int64_t *)arg = c->enforced_ns;
	return 0;
}

static void check_history(struct store *s, uint64_t after, const char *name, uint32_t limit,
			  bool with_body, const char *want)
{
	struct told t = {0};
	struct err e = {0};
	bool gap = true;

	assert_int_equal(store_history(s, after, name ? "cluster" : NULL, name, limit, with_body,
				       told_add, &t, &gap, &e),
			 0);
	assert_string_equal(t.text, want);
	assert_false(gap);
}

static void test_history(void **state)
{
	struct store *s = rig_open();
	struct err e = {0};
	int64_t ns = 0;

	rig_begin(s);
	assert_int_equal(rig_put(s, "a", 0, 1, NULL), 0);
	assert_int_equal(rig_put(s, "b", 0, 2, NULL), 0);
	rig_commit(s);
	rig_begin(s);
	assert_int_equal(rig_put(s, "a", 1, 3, NULL), 0);
	rig_commit(s);
	rig_begin(s);
	assert_int_equal(rig_delete(s, "a", 2), 0);
	rig_commit(s);
	check_history(s, 0, NULL, 0, true, "1:create:a:1 1:create:b:2 2:update:a:3 3:delete:a:0 ");
	check_history(s, 1, NULL, 0, true, "2:update:a:3 3:delete:a:0 ");
	check_history(s, 0, "a", 0, true, "1:create:a:1 2:update:a:3 3:delete:a:0 ");
	check_history(s, 0, "a", 2, false, "1:create:a:0 2:update:a:0 ");
	check_history(s, 3, NULL, 0, true, "");
	check_history(s, UINT64_MAX, NULL, 0, true, "");
	assert_int_equal(store_history(s, 1, NULL, NULL, 1, false, enforced_of, &ns, NULL, &e), 0);
	assert_int_equal(ns, -1);
	store_set_enforced(s, 2, 1234567);
	store_set_enforced(s, 999, 1);
	store_close(s);
	s = rig_open();
	assert_int_equal(store_history(s, 1, NULL, NULL, 1, false, enforced_of, &ns, NULL, &e), 0);
	assert_int_equal(ns, 1234567);
	store_close(s);
}

/* Past its bounds the history loses whole revisions, and says so to who asks for what is gone. */
static void test_history_is_trimmed(void **state)
{
	enum { ROUNDS = 6, PER_ROUND = STORE_HISTORY_ROWS / 5 + 7 };
	struct store *s = rig_open();
	struct told t = {0};
	struct err e = {0};
	bool gap;

	for (int round = 0; round < ROUNDS; round++) {
		rig_begin(s);
		for (int i = 0; i < PER_ROUND; i++)
			assert_int_equal(rig_put(s, "a", STORE_ANY, i, NULL), 0);
		assert_int_equal(rig_commit(s), round + 1);
	}
	store_close(s);
	s = rig_open();
	assert_int_equal(store_history(s, 0, NULL, NULL, 0, false, told_add, &t, &gap, &e), 0);
	/* The bound is passed within revision 2, which goes as a whole. */
	assert_int_equal(t.n, 4 * PER_ROUND);
	assert_int_equal(t.first, 3);
	assert_int_equal(t.last, ROUNDS);
	assert_true(gap);
	assert_int_equal(store_history(s, 1, NULL, NULL, 1, false, told_add, &t, &gap, &e), 0);
	assert_true(gap);
	assert_int_equal(store_history(s, 2, NULL, NULL, 1, false, told_add, &t, &gap, &e), 0);
	assert_false(gap);
	store_close(s);
	/* The counters in the file are those of what is left: the constraint fails otherwise. */
	sql("CREATE TEMP TABLE zero(x CHECK(x = 0));"
	    "INSERT INTO zero SELECT history_rows - (SELECT count(*) FROM history) FROM meta;"
	    "INSERT INTO zero SELECT history_bytes - (SELECT sum(bytes) FROM history) FROM meta");
}

/* The same by size. The counter is set close to its bound instead of writing so much. */
static void test_history_is_trimmed_by_bytes(void **state)
{
	struct store *s = rig_open();
	struct told t = {0};
	struct err e = {0};
	char text[100];
	bool gap;

	for (int i = 0; i < 3; i++) {
		rig_begin(s);
		assert_int_equal(rig_put(s, "a", STORE_ANY, i, NULL), 0);
		rig_commit(s);
	}
	store_close(s);
	snprintf(text, sizeof(text), "UPDATE meta SET history_bytes = %u", STORE_HISTORY_BYTES);
	sql(text);
	s = rig_open();
	rig_begin(s);
	assert_int_equal(rig_put(s, "a", STORE_ANY, 3, NULL), 0);
	rig_commit(s);
	/* As many bytes went as came: one revision. */
	assert_int_equal(store_history(s, 0, NULL, NULL, 0, false, told_add, &t, &gap, &e), 0);
	assert_true(gap);
	assert_int_equal(t.first, 2);
	assert_int_equal(t.n, 3);
	check_history(s, 1, NULL, 1, true, "2:update:a:1 ");
	store_close(s);
}

/* --- files that are not ours ------------------------------------------------------------------------------ */

static void check_refused(const char *why)
{
	struct store *s = NULL;
	struct err e = {0};

	assert_int_equal(store_open(rig_path, &s, &e), -ERR_UNAVAILABLE);
	assert_null(s);
	if (!strstr(e.text, why))
		fail_msg("\"%s\" does not say \"%s\"", e.text, why);
}

static void test_foreign_files_are_refused_and_kept(void **state)
{
	struct stat before, after;
	FILE *f;

	sql("CREATE TABLE theirs(x); INSERT INTO theirs VALUES(1)");
	assert_int_equal(stat(rig_path, &before), 0);
	check_refused("another application");
	assert_int_equal(stat(rig_path, &after), 0);
	assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
	sql("PRAGMA application_id = 77; DROP TABLE theirs");
	check_refused("another application");
	assert_int_equal(remove(rig_path), 0);
	f = fopen(rig_path, "we");
	assert_non_null(f);
	for (int i = 0; i < 1000; i++)
		fputs("this is no database\n", f);
	fclose(f);
	check_refused("not a database");
	assert_int_equal(remove(rig_path), 0);
	assert_int_equal(mkdir(rig_path, 0700), 0);
	check_refused("unable to open");
}

static void test_damage_is_refused(void **state)
{
	struct store *s = rig_open();

	rig_begin(s);
	assert_int_equal(rig_put(s, "a", 0, 1, NULL), 0);
	rig_commit(s);
	store_close(s);
	sql("PRAGMA user_version = 2");
	check_refused("run the version that wrote it");
	sql("PRAGMA user_version = 1; UPDATE meta SET next_id = 1");
	check_refused("past the last one");
	sql("UPDATE meta SET next_id = 9, revision = 0");
	check_refused("past its last revision");
	sql("UPDATE meta SET revision = 1, store_id = 'x'");
	check_refused("identity");
	sql("DELETE FROM meta");
	check_refused("identity");
	sql("DROP TABLE history");
	check_refused("history");
}

static void test_damaged_document_is_refused(void **state)
{
	struct store *s = rig_open();
	struct store_object o;
	struct err e = {0};

	rig_begin(s);
	assert_int_equal(rig_put(s, "a", 0, 1, NULL), 0);
	rig_commit(s);
	store_close(s);
	sql("UPDATE object SET body = substr(body, 1, 9)");
	s = rig_open();
	assert_int_equal(store_get(s, "cluster", "a", &o, &e), -ERR_UNAVAILABLE);
	assert_non_null(strstr(e.text, "damaged"));
	store_close(s);
}

/* --- somebody else at the same file ----------------------------------------------------------------------- */

/* Another process in the middle of a change, which it commits once *ret_release is closed. */
static pid_t lock_holder(int *ret_release)
{
	int ready[2], release[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(release), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct store *s = NULL;
		struct err e = {0};

		close(release[1]);
		if (store_open(rig_path, &s, &e) < 0 || store_begin(s, &rig_meta, &e) < 0 ||
		    rig_put(s, "theirs", 0, 1, NULL) < 0 || write(ready[1], "r", 1) != 1)
			_exit(1);
		(void)!read(release[0], &c, 1);
		_exit(store_commit(s, &(uint64_t){0}, &e) < 0);
	}
	close(ready[1]);
	close(release[0]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	*ret_release = release[1];
	return pid;
}

/*
 * Unavailable, soon, and not for longer than it lasts. What the other one committed is then seen: neither its revision nor
 * its object's number is given out again.
 */
static void test_another_process_writes(void **state)
{
	struct store *s = rig_open();
	struct err e = {0};
	int release, status;
	uint64_t start;
	uint32_t id;
	pid_t pid;

	rig_begin(s);
	assert_int_equal(rig_put(s, "ours", 0, 1, NULL), 0);
	assert_int_equal(rig_commit(s), 1);
	pid = lock_holder(&release);
	start = clock_mono_ms();
	assert_int_equal(store_begin(s, &rig_meta, &e), -ERR_UNAVAILABLE);
	assert_in_range(clock_mono_ms() - start, 0, 5000);
	assert_non_null(strstr(e.text, "locked"));
	/* Reading goes on, and shows nothing that is not committed. */
	assert_int_equal(rig_value(s, "ours"), 1);
	assert_int_equal(rig_value(s, "theirs"), -1);
	close(release);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	rig_begin(s);
	assert_int_equal(rig_put(s, "ours", 1, 2, NULL), 0);
	assert_int_equal(rig_put(s, "new", 0, 3, &id), 0);
	assert_int_equal(id, 3);
	assert_int_equal(rig_commit(s), 3);
	check_history(s, 0, NULL, 0, true,
		      "1:create:ours:1 2:create:theirs:1 3:update:ours:2 3:create:new:3 ");
	store_close(s);
}

/* --- speed ------------------------------------------------------------------------------------------------ */

static json_t *big_cluster(const char *name, int ranges)
{
	json_t *list = json_array();
	char text[40];

	for (int i = 0; i < ranges; i++) {
		snprintf(text, sizeof(text), "10.%d.%d.0/24", i / 256, i % 256);
		json_array_append_new(list, json_string(text));
	}
	return json_pack("{s:s, s:s, s:{s:s, s:o}}", "kind", "cluster", "name", name, "public",
			 "fqdn", name, "ranges", list);
}

/* The bounds are ten times what is expected, so that only a wrong approach is caught, not a slow machine. */
static void test_speed(void **state)
{
	struct store *s = rig_open();
	struct err e = {0};
	uint64_t start = clock_mono_ms(), bulk, small;
	uint32_t id;

	rig_begin(s);
	for (int i = 0; i < 10000; i++) {
		char name[16];
		json_t *body;

		snprintf(name, sizeof(name), "c%d", i);
		body = big_cluster(name, 50);
		assert_int_equal(store_put(s, "cluster", name, 0, body, &id, &e), 0);
		json_decref(body);
	}
	rig_commit(s);
	bulk = clock_mono_ms() - start;
	start = clock_mono_ms();
	for (int i = 0; i < 100; i++) {
		rig_begin(s);
		assert_int_equal(rig_put(s, "small", STORE_ANY, i, NULL), 0);
		rig_commit(s);
	}
	small = clock_mono_ms() - start;
	print_message("10000 objects of 50 ranges: %" PRIu64 " ms; one small commit: %.2f ms\n",
		      bulk, (double)small / 100);
	assert_true(bulk < 15000);
	store_close(s);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(test_empty_and_reopened),
		T(test_expectations),
		T(test_conflict_names_the_revision),
		T(test_abort_and_empty_commit),
		T(test_ids_are_never_reused),
		T(test_every_value_comes_back),
		T(test_list),
		T(test_history),
		T(test_history_is_trimmed),
		T(test_history_is_trimmed_by_bytes),
		T(test_foreign_files_are_refused_and_kept),
		T(test_damage_is_refused),
		T(test_damaged_document_is_refused),
		T(test_another_process_writes),
		T(test_speed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
