/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The store under what nobody wrote down beforehand: random operations against a naive model, and a process that is killed
 * while it commits.
 */
#include "base/clock.h"
#include "store_rig.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

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
	char history[400000]; /* as change_say() writes it */
};

static unsigned seed;

static unsigned pick(unsigned n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 16) % n;
}

static void change_say(char *dst, size_t cap, uint64_t revision, const char *verb, const char *name,
		       int value)
{
	snprintf(dst, cap, "%" PRIu64 ":%s:%s:%d ", revision, verb, name, value);
}

static void model_note(struct model *m, const char *verb, const char *name, int value)
{
	size_t used = strlen(m->history);

	change_say(m->history + used, sizeof(m->history) - used, m->revision + 1, verb, name,
		   value);
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
	assert_int_equal(rig_delete(s, name, expect), !o->revision ? -ERR_NOT_FOUND
						      : fits	   ? 0
								   : -ERR_CONFLICT);
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

/* The next words of the model's history must say the same. */
static int walk_one(const struct store_change *c, void *arg)
{
	struct walk *w = arg;
	char text[80];

	change_say(text, sizeof(text), c->revision, c->verb, c->name,
		   (int)json_integer_value(json_object_get(c->body, "value")));
	if (strncmp(w->at, text, strlen(text)) != 0)
		fail_msg("history says %s, the model %.40s", text, w->at);
	w->at += strlen(text);
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
		assert_int_equal(store_history(s, 0, NULL, NULL, 0, true, walk_one, &w, NULL, &e),
				 0);
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

		if (store_begin(s, &rig_meta, &e) < 0 ||
		    rig_put(s, "a", STORE_ANY, value, NULL) < 0 ||
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

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(test_against_model),
		T(test_kill_while_committing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
