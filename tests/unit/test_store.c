/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The store by its contract: revisions, compare-and-swap, history, files that are not ours; random operations against a naive
 * model; a process that is killed while it commits. Failing disks are in test_store_faults.c.
 */
#include "base/clock.h"
#include "store_rig.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
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
	json_t *body = json_pack("{s:s#, s:f, s:f, s:I, s:n, s:[], s:{}, s:s}", "nul", "a\0b", 3, "f",
				 0.1, "whole", 5.0, "big", (json_int_t)INT64_MIN, "null", "list",
				 "object", "utf8", "\xc3\xa4\xf0\x9f\x9a\xaa");
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
		snprintf(t->text + used, sizeof(t->text) - used, "%" PRIu64 ":%s:%s:%d ", c->revision,
			 c->verb, c->name,
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
	enum { ROUNDS = 6, PER_ROUND = STORE_HISTORY_ROWS / 5 };
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
	assert_int_equal(t.n, STORE_HISTORY_ROWS);
	assert_int_equal(t.first, 2);
	assert_int_equal(t.last, ROUNDS);
	assert_true(gap);
	assert_int_equal(store_history(s, 1, NULL, NULL, 1, false, told_add, &t, &gap, &e), 0);
	assert_false(gap);
	store_close(s);
}

/* --- files that are not ours ------------------------------------------------------------------------------ */

static void sql(const char *text)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(rig_path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

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

/* --- random operations against a naive model -------------------------------------------------------------- */

#define MODEL_NAMES 8

struct model_object {
	uint64_t revision; /* 0: not there */
	int value;
	uint32_t id;
};

struct model {
	struct model_object objects[MODEL_NAMES];
	uint64_t revision;
	uint32_t last_id;
	size_t history_n;
	char history[400000]; /* as told_add() writes it */
};

static unsigned seed;

static unsigned pick(unsigned n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 16) % n;
}

static void model_note(struct model *m, const char *verb, const char *name, int value)
{
	size_t used = strlen(m->history);

	snprintf(m->history + used, sizeof(m->history) - used, "%" PRIu64 ":%s:%s:%d ",
		 m->revision + 1, verb, name, value);
	m->history_n++;
}

static uint64_t pick_expect(const struct model_object *o)
{
	switch (pick(5)) {
	case 0:
		return STORE_ANY;
	case 1:
		return 0;
	case 2:
		return pick(30);
	default:
		return o->revision;
	}
}

static void random_put(struct store *s, struct model *m, unsigned which)
{
	struct model_object *o = &m->objects[which];
	uint64_t expect = pick_expect(o);
	bool fits = expect == STORE_ANY || expect == o->revision;
	char name[8];
	uint32_t id;
	int value = (int)pick(100000);

	snprintf(name, sizeof(name), "n%u", which);
	assert_int_equal(rig_put(s, name, expect, value, &id), fits ? 0 : -ERR_CONFLICT);
	if (!fits)
		return;
	model_note(m, o->revision ? "update" : "create", name, value);
	if (!o->revision) {
		assert_true(id > m->last_id);
		m->last_id = o->id = id;
	}
	assert_int_equal(id, o->id);
	o->revision = m->revision + 1;
	o->value = value;
}

static void random_delete(struct store *s, struct model *m, unsigned which)
{
	struct model_object *o = &m->objects[which];
	uint64_t expect = pick_expect(o);
	bool fits = expect == STORE_ANY || expect == o->revision;
	char name[8];

	snprintf(name, sizeof(name), "n%u", which);
	assert_int_equal(rig_delete(s, name, expect),
			 !o->revision ? -ERR_NOT_FOUND : fits ? 0 : -ERR_CONFLICT);
	if (!o->revision || !fits)
		return;
	model_note(m, "delete", name, 0);
	o->revision = 0;
}

struct compare {
	const struct model *m;
	unsigned n;
};

static int compare_one(const struct store_object *so, void *arg)
{
	struct compare *c = arg;
	const struct model_object *o = &c->m->objects[so->name[1] - '0'];

	assert_int_equal(so->revision, o->revision);
	assert_int_equal(so->id, o->id);
	assert_int_equal(json_integer_value(json_object_get(so->body, "value")), o->value);
	c->n++;
	return 0;
}

static void model_compare(struct store *s, const struct model *m)
{
	struct compare c = {.m = m};
	struct err e = {0};
	unsigned want = 0;

	for (unsigned i = 0; i < MODEL_NAMES; i++)
		want += m->objects[i].revision != 0;
	assert_int_equal(store_list(s, "cluster", true, compare_one, &c, &e), 0);
	assert_int_equal(c.n, want);
	assert_int_equal(store_revision(s), m->revision);
}

struct walk {
	const char *at;
	size_t n;
};

/* The next line of the model's history must say the same. */
static int walk_one(const struct store_change *c, void *arg)
{
	struct told t = {0};
	struct walk *w = arg;

	told_add(c, &t);
	if (strncmp(w->at, t.text, strlen(t.text)) != 0)
		fail_msg("history says %s, the model %.40s", t.text, w->at);
	w->at += strlen(t.text);
	w->n++;
	return 0;
}

static void random_transaction(struct store *s, struct model *m, struct model *spare)
{
	size_t before = m->history_n;

	*spare = *m;
	rig_begin(s);
	for (unsigned i = pick(6); i > 0; i--) {
		unsigned which = pick(MODEL_NAMES);

		if (pick(3))
			random_put(s, m, which);
		else
			random_delete(s, m, which);
	}
	if (pick(4) == 0) {
		store_abort(s);
		*m = *spare;
		return;
	}
	m->revision += m->history_n > before;
	assert_int_equal(rig_commit(s), m->revision);
}

static void test_against_model(void **state)
{
	struct model *m = calloc(2, sizeof(*m));

	assert_non_null(m);
	for (unsigned round = 1; round <= 6; round++) {
		struct walk w;
		struct err e = {0};
		struct store *s = rig_open();

		seed = round;
		print_message("seed %u\n", seed);
		memset(m, 0, sizeof(*m));
		for (int i = 0; i < 150; i++) {
			random_transaction(s, m, m + 1);
			if (pick(15) == 0) {
				store_close(s);
				s = rig_open();
			}
			if (pick(4) == 0)
				model_compare(s, m);
		}
		model_compare(s, m);
		w = (struct walk){.at = m->history};
		assert_int_equal(store_history(s, 0, NULL, NULL, 0, true, walk_one, &w, NULL, &e), 0);
		assert_int_equal(w.n, m->history_n);
		store_close(s);
		assert_int_equal(rig_teardown(NULL), 0);
		assert_int_equal(rig_setup(NULL), 0);
	}
	free(m);
}

/* --- a process that dies while it commits ----------------------------------------------------------------- */

/* Commit for ever; each revision goes into the pipe once the store has said that it is safe. */
static _Noreturn void commit_loop(int fd)
{
	struct store *s = NULL;
	struct err e = {0};

	if (store_open(rig_path, &s, &e) < 0)
		_exit(1);
	for (;;) {
		uint64_t revision = 0;
		int value = (int)store_revision(s) + 1;

		if (store_begin(s, &rig_meta, &e) < 0 || rig_put(s, "a", STORE_ANY, value, NULL) < 0 ||
		    rig_put(s, "b", STORE_ANY, value, NULL) < 0 ||
		    store_commit(s, &revision, &e) < 0 ||
		    write(fd, &revision, sizeof(revision)) != sizeof(revision))
			_exit(1);
	}
}

static uint64_t last_acknowledged(int fd, uint64_t last)
{
	uint64_t revision;

	while (read(fd, &revision, sizeof(revision)) == sizeof(revision))
		last = revision;
	return last;
}

static void test_kill_while_committing(void **state)
{
	uint64_t acknowledged = 0, start = clock_mono_ms();
	int round;

	store_close(rig_open());
	for (round = 0; round < 30 && clock_mono_ms() - start < 15000; round++) {
		int fds[2], status;
		struct store *s;
		pid_t pid;

		assert_int_equal(pipe(fds), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			close(fds[0]);
			commit_loop(fds[1]);
		}
		close(fds[1]);
		/* Let it get to work, then strike somewhere within a commit. */
		(void)poll(&(struct pollfd){.fd = fds[0], .events = POLLIN}, 1, 5000);
		usleep((useconds_t)pick(30000));
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		acknowledged = last_acknowledged(fds[0], acknowledged);
		close(fds[0]);
		s = rig_open();
		/* At most the one commit that had not been answered yet may be there too. */
		assert_in_range(store_revision(s), acknowledged, acknowledged + 1);
		acknowledged = store_revision(s);
		assert_int_equal(rig_value(s, "a"), acknowledged ? (int)acknowledged : -1);
		assert_int_equal(rig_value(s, "b"), rig_value(s, "a"));
		store_close(s);
	}
	print_message("%d rounds, %" PRIu64 " revisions\n", round, acknowledged);
	assert_true(acknowledged > 0);
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
	return json_pack("{s:s, s:s, s:{s:s, s:o}}", "kind", "cluster", "name", name, "public", "fqdn",
			 name, "ranges", list);
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
	print_message("10000 objects of 50 ranges: %" PRIu64 " ms; one small commit: %.2f ms\n", bulk,
		      (double)small / 100);
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
		T(test_foreign_files_are_refused_and_kept),
		T(test_damage_is_refused),
		T(test_damaged_document_is_refused),
		T(test_against_model),
		T(test_kill_while_committing),
		T(test_speed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
