/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postern/ranges_edit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static json_t *list(const char *text)
{
	json_t *l = json_loads(text, 0, NULL);

	assert_non_null(l);
	return l;
}

/* The result as JSON text, or the code. covered: part of the text expected, NULL: none. */
static void expect(const char *ranges, const char *add, const char *remove, int code,
		   const char *result, const char *covered_by)
{
	json_t *r = list(ranges), *a = list(add), *d = list(remove), *edited = NULL;
	_cleanup_free_ char *covered = NULL, *text = NULL;
	struct err e = {0};

	assert_int_equal(ranges_edit(r, a, d, &edited, &covered, &e), code);
	if (code == 0) {
		text = json_dumps(edited, JSON_COMPACT);
		assert_string_equal(text, result);
		assert_int_equal(covered_by != NULL, covered != NULL);
		if (covered_by)
			assert_non_null(strstr(covered, covered_by));
	} else {
		assert_null(edited);
		assert_true(*e.text != '\0');
	}
	json_decref(edited);
	json_decref(r);
	json_decref(a);
	json_decref(d);
}

static void test_adding(void **state)
{
	expect("[\"10.0.0.0/8\"]", "[\"::1\"]", "[]", 0, "[\"10.0.0.0/8\",\"::1\"]", NULL);
	expect("[\"192.0.2.7\"]", "[\"192.0.2.7/32\"]", "[]", 0, "[\"192.0.2.7\"]", NULL);
	expect("[]", "[\"::1\",\"::1/128\"]", "[]", 0, "[\"::1\"]", NULL);
	expect("[]", "[\"10.0.0.1/8\"]", "[]", -ERR_INVALID, NULL, NULL);
	expect("[]", "[7]", "[]", -ERR_INVALID, NULL, NULL);
}

static void test_removing(void **state)
{
	expect("[\"10.0.0.0/8\",\"::1\"]", "[]", "[\"10.0.0.0/8\"]", 0, "[\"::1\"]", NULL);
	expect("[\"::/0\"]", "[]", "[\"0.0.0.0/0\"]", 0, "[\"::/0\"]", NULL);
	expect("[\"10.0.0.0/8\"]", "[]", "[\"10.1.0.0/16\"]", -ERR_NOT_FOUND, NULL, NULL);
	expect("[\"10.1.0.0/16\"]", "[]", "[\"10.0.0.0/8\"]", 0, "[\"10.1.0.0/16\"]", NULL);
	expect("[\"10.0.0.0/8\",\"10.1.0.0/16\"]", "[]", "[\"10.1.0.0/16\"]", 0, "[\"10.0.0.0/8\"]",
	       "10.1.0.0/16 is still admitted by 10.0.0.0/8");
	expect("[]", "[\"10.0.0.0/8\"]", "[\"10.0.0.0/8\"]", -ERR_USAGE, NULL, NULL);
	expect("[]", "[]", "[\"x\"]", -ERR_INVALID, NULL, NULL);
}

static void test_splitting(void **state)
{
	json_t *l = NULL;
	struct err e;

	assert_int_equal(ranges_split("a,b", "--allow", &l, &e), 0);
	assert_int_equal(json_array_size(l), 2);
	assert_string_equal(json_string_value(json_array_get(l, 1)), "b");
	json_decref(l);
	assert_int_equal(ranges_split("", "--allow", &l, &e), -ERR_USAGE);
	assert_int_equal(ranges_split("a,", "--allow", &l, &e), -ERR_USAGE);
	assert_int_equal(ranges_split(",a", "--allow", &l, &e), -ERR_USAGE);
	assert_string_equal(e.path, "--allow");
}

/* Random edits against a bit per /30 of one small network. */
static void test_random_edits(void **state)
{
	uint32_t seed = 99;
	json_t *ranges = json_array();
	bool model[64] = {false};

	for (int round = 0; round < 500; round++) {
		json_t *change = json_array(), *none = json_array(), *edited = NULL;
		_cleanup_free_ char *covered = NULL;
		char text[32];
		bool add;
		size_t at, n = 0;

		seed = seed * 1664525 + 1013904223;
		at = (seed >> 16) % 64;
		add = seed >> 31;
		snprintf(text, sizeof text, "192.0.2.%zu/30", at * 4);
		json_array_append_new(change, json_string(text));
		assert_int_equal(ranges_edit(ranges, add ? change : none, add ? none : change,
					     &edited, &covered, NULL),
				 0);
		model[at] = add;
		for (size_t i = 0; i < 64; i++)
			n += model[i];
		if (json_array_size(edited) != n)
			fail_msg("round %d: %zu ranges, not %zu", round, json_array_size(edited),
				 n);
		json_decref(ranges);
		ranges = edited;
		json_decref(change);
		json_decref(none);
	}
	json_decref(ranges);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_adding),
		cmocka_unit_test(test_removing),
		cmocka_unit_test(test_splitting),
		cmocka_unit_test(test_random_edits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
