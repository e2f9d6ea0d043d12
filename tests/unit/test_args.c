/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postern/args.h"

#include "postern/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int parse(struct args *a, struct err *e, const char *const *words)
{
	static char copies[16][32];
	char *argv[16] = {copies[0]};
	int argc = 1;

	for (; words[argc - 1]; argc++) {
		snprintf(copies[argc], sizeof copies[argc], "%s", words[argc - 1]);
		argv[argc] = copies[argc];
	}
	return args_parse(argc, argv, a, e);
}

#define PARSE(a, e, ...) parse((a), (e), (const char *const[]){__VA_ARGS__, NULL})

static void test_forms_of_options(void **state)
{
	struct args a;
	struct err e;
	const char *values[4];

	assert_int_equal(PARSE(&a, &e, "apply", "-f", "a", "--file=b", "-fc", "--file", "-"), 0);
	assert_int_equal(args_all(&a, "file", values, 4), 4);
	assert_string_equal(values[0], "a");
	assert_string_equal(values[1], "b");
	assert_string_equal(values[2], "c");
	assert_string_equal(values[3], "-");
	assert_string_equal(args_get(&a, "file"), "-");
	assert_int_equal(args_all(&a, "file", values, 2), 2);
	assert_false(args_has(&a, "force"));
}

/* -f is a flag of one command and takes a value in another. */
static void test_letters_belong_to_their_command(void **state)
{
	struct args a;
	struct err e;

	assert_int_equal(PARSE(&a, &e, "events", "-f", "--last", "3"), 0);
	assert_true(args_has(&a, "follow"));
	assert_string_equal(args_get(&a, "last"), "3");
	assert_int_equal(PARSE(&a, &e, "events", "-fx"), -ERR_USAGE);
	assert_int_equal(PARSE(&a, &e, "-f", "x", "apply"), -ERR_USAGE);
}

static void test_words(void **state)
{
	struct args a;
	struct err e;

	assert_int_equal(PARSE(&a, &e, "-o", "json", "cluster", "set", "--force", "prod"), 0);
	assert_string_equal(a.command->name, "cluster set");
	assert_string_equal(args_word(&a, 0), "prod");
	assert_null(args_word(&a, 1));
	assert_int_equal(PARSE(&a, &e, "explain", "--", "-prod", "--x"), 0);
	assert_string_equal(args_word(&a, 0), "-prod");
	assert_string_equal(args_word(&a, 1), "--x");
	assert_int_equal(PARSE(&a, &e, "operation"), -ERR_USAGE);
	assert_int_equal(PARSE(&a, &e, "explain", "--help"), 0);
}

static void test_objects(void **state)
{
	const struct kind *kind;
	const char *name;
	struct args a;
	struct err e;

	assert_int_equal(PARSE(&a, &e, "get", "clusters"), 0);
	assert_int_equal(args_object(&a, &kind, &name, &e), 0);
	assert_null(name);
	assert_int_equal(PARSE(&a, &e, "get", "cluster/prod"), 0);
	assert_int_equal(args_object(&a, &kind, &name, &e), 0);
	assert_string_equal(name, "prod");
	assert_int_equal(PARSE(&a, &e, "get", "cluster/prod", "x"), 0);
	assert_int_equal(args_object(&a, &kind, &name, &e), -ERR_USAGE);
	assert_int_equal(PARSE(&a, &e, "get", "cluster/"), 0);
	assert_int_equal(args_object(&a, &kind, &name, &e), -ERR_USAGE);
}

/* Each row of the table must be usable: parsed, with every one of its options. */
static void test_table_is_consistent(void **state)
{
	for (size_t i = 0; command_at(i); i++) {
		const struct command *c = command_at(i);
		size_t n = 0;

		assert_ptr_equal(command_find(c->name), c);
		assert_non_null(c->run);
		assert_true(*c->summary && *c->about && *c->examples);
		assert_true(c->summary[strlen(c->summary) - 1] != '.');
		assert_true(c->about[strlen(c->about) - 1] == '.');
		assert_true(c->examples[strlen(c->examples) - 1] == '\n');
		assert_true(c->min_words <= c->max_words);
		for (const struct option_def *o = c->options; o->name; o++, n++) {
			assert_true((o->kind == OPTION_FLAG) == !o->meta);
			for (const struct option_def *g = global_options(); g->name; g++)
				assert_true(strcmp(o->name, g->name) != 0 &&
					    (!o->letter || o->letter != g->letter));
		}
		assert_true(n < COMMAND_OPTIONS_MAX);
	}
}

static size_t min3(size_t a, size_t b, size_t c)
{
	return a < b ? (a < c ? a : c) : (b < c ? b : c);
}

/* The definition, written down. */
static size_t naive_distance(const char *a, size_t la, const char *b, size_t lb)
{
	size_t d;

	if (!la || !lb)
		return la + lb;
	d = min3(naive_distance(a, la - 1, b, lb) + 1, naive_distance(a, la, b, lb - 1) + 1,
		 naive_distance(a, la - 1, b, lb - 1) + (a[la - 1] != b[lb - 1]));
	if (la > 1 && lb > 1 && a[la - 1] == b[lb - 2] && a[la - 2] == b[lb - 1]) {
		size_t swapped = naive_distance(a, la - 2, b, lb - 2) + 1;

		d = swapped < d ? swapped : d;
	}
	return d;
}

static void test_edit_distance_against_its_definition(void **state)
{
	uint32_t seed = 12345;

	for (int round = 0; round < 2000; round++) {
		char word[2][7];

		for (int w = 0; w < 2; w++) {
			size_t len;

			seed = seed * 1664525 + 1013904223;
			len = (seed >> 16) % 6;
			for (size_t i = 0; i < len; i++) {
				seed = seed * 1664525 + 1013904223;
				word[w][i] = (char)('a' + (seed >> 16) % 3);
			}
			word[w][len] = '\0';
		}
		if (edit_distance(word[0], word[1]) !=
		    naive_distance(word[0], strlen(word[0]), word[1], strlen(word[1])))
			fail_msg("round %d: \"%s\" \"%s\"", round, word[0], word[1]);
	}
}

static void test_nearness(void **state)
{
	char longer[200];

	memset(longer, 'x', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	assert_true(nearness("aply", "apply") < SIZE_MAX);
	assert_true(nearness("desc", "describe") < SIZE_MAX);
	assert_true(nearness("apply", "check") == SIZE_MAX);
	assert_true(nearness("x", "a") == SIZE_MAX);
	assert_true(nearness("", "a") == SIZE_MAX);
	assert_true(nearness(longer, "apply") == SIZE_MAX); /* longer than the matrix */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms_of_options),
		cmocka_unit_test(test_letters_belong_to_their_command),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_objects),
		cmocka_unit_test(test_table_is_consistent),
		cmocka_unit_test(test_edit_distance_against_its_definition),
		cmocka_unit_test(test_nearness),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
