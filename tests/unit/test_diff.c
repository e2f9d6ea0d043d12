/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Differences: leaf by leaf, lists of objects item by item, long lists by what came and went. */
#include "base/cleanup.h"
#include "model/diff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static json_t *json(const char *text)
{
	json_t *v = json_loads(text, JSON_DECODE_ANY, NULL);

	if (!v)
		fail_msg("no JSON: %s", text);
	return v;
}

static void test_diff(void **state)
{
	static const char *const cases[][3] = {
		{"{\"a\":1}", "{\"a\":1}", "[]"},
		{"{\"a\":1}", "{\"a\":2}", "[{\"path\":\"a\",\"before\":1,\"after\":2}]"},
		{"{\"a\":{\"b\":1}}", "{\"a\":{}}",
		 "[{\"path\":\"a.b\",\"before\":1,\"after\":null}]"},
		{"{}", "{\"a\":{\"b\":[1]}}", "[{\"path\":\"a.b\",\"before\":null,\"after\":[1]}]"},
		{"{\"r\":[\"x\",\"y\"]}", "{\"r\":[\"z\",\"y\"]}",
		 "[{\"path\":\"r\",\"before\":[\"x\",\"y\"],\"after\":[\"z\",\"y\"]}]"},
		{"{\"r\":[\"x\",\"y\"]}", "{\"r\":[\"y\",\"x\"]}",
		 "[{\"path\":\"r\",\"before\":[\"x\",\"y\"],\"after\":[\"y\",\"x\"]}]"},
		{"{\"u\":[{\"p\":1,\"q\":2},{\"p\":3}]}", "{\"u\":[{\"p\":9,\"q\":2}]}",
		 "[{\"path\":\"u[0].p\",\"before\":1,\"after\":9},"
		 "{\"path\":\"u[1].p\",\"before\":3,\"after\":null}]"},
		{"{\"u\":[1]}", "{\"u\":[{\"p\":1}]}",
		 "[{\"path\":\"u\",\"before\":[1],\"after\":[{\"p\":1}]}]"},
		{"{\"r\":[]}", "{}", "[{\"path\":\"r\",\"before\":[],\"after\":null}]"},
		{"{\"a\":null}", "{}", "[{\"path\":\"a\",\"before\":null,\"after\":null}]"},
		{"{\"a\":{}}", "{}", "[{\"path\":\"a\",\"before\":{},\"after\":null}]"},
		{"{\"a\":{\"b\":1}}", "{\"a\":[1]}",
		 "[{\"path\":\"a\",\"before\":{\"b\":1},\"after\":[1]}]"},
		{"{\"r\":[\"x\"]}", "{}", "[{\"path\":\"r\",\"before\":[\"x\"],\"after\":null}]"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		json_t *a = json(cases[i][0]), *b = json(cases[i][1]), *want = json(cases[i][2]);
		json_t *got = document_diff(a, b);

		if (!json_equal(got, want))
			fail_msg("case %zu gave %s", i, json_dumps(got, 0));
		json_decref(a);
		json_decref(b);
		json_decref(want);
		json_decref(got);
	}
}

static void test_diff_of_many(void **state)
{
	json_t *a = json("{\"r\":[]}"), *b = json("{\"r\":[]}");
	char text[16];

	for (int i = 0; i < 250; i++) {
		snprintf(text, sizeof(text), "n%d", i);
		json_array_append_new(json_object_get(b, "r"), json_string(text));
	}
	json_t *got = document_diff(a, b), *one = json_array_get(got, 0);
	assert_int_equal(json_array_size(json_object_get(one, "after")), DIFF_ITEMS_MAX);
	assert_int_equal(json_integer_value(json_object_get(one, "addedCount")), 250);
	json_decref(got);
	json_decref(a);
	json_decref(b);
}

static json_t *numbered(int from, int to)
{
	json_t *list = json_array();
	char text[16];

	for (int i = from; i < to; i++) {
		snprintf(text, sizeof(text), "n%03d", i);
		json_array_append_new(list, json_string(text));
	}
	return json_pack("{s:o}", "r", list);
}

static void check_counts(json_t *take_before, json_t *take_after, int removed, int added)
{
	json_t *got = document_diff(take_before, take_after), *one = json_array_get(got, 0);

	assert_int_equal(json_array_size(got), 1);
	assert_int_equal(json_integer_value(json_object_get(one, "removedCount")), removed);
	assert_int_equal(json_integer_value(json_object_get(one, "addedCount")), added);
	assert_int_equal(json_array_size(json_object_get(one, "before")),
			 removed < DIFF_ITEMS_MAX ? removed : DIFF_ITEMS_MAX);
	assert_int_equal(json_array_size(json_object_get(one, "after")),
			 added < DIFF_ITEMS_MAX ? added : DIFF_ITEMS_MAX);
	/* No list and an empty list are different things. */
	assert_int_equal(json_is_null(json_object_get(one, "before")),
			 !json_object_get(take_before, "r"));
	assert_int_equal(json_is_null(json_object_get(one, "after")),
			 !json_object_get(take_after, "r"));
	json_decref(got);
	json_decref(take_before);
	json_decref(take_after);
}

static void test_long_lists(void **state)
{
	check_counts(numbered(0, 300), numbered(3, 302), 3, 2);
	check_counts(numbered(0, 300), numbered(0, 0), 300, 0);
	check_counts(numbered(0, 300), json_object(), 300, 0);
	check_counts(json_object(), numbered(0, 101), 0, 101);
}

/* Both lists together decide, and exactly so many are still shown whole. */
static void test_bound(void **state)
{
	json_t *a = numbered(0, DIFF_ITEMS_MAX / 2), *b = numbered(1, DIFF_ITEMS_MAX / 2 + 1);
	json_t *got = document_diff(a, b), *one = json_array_get(got, 0);

	assert_null(json_object_get(one, "addedCount"));
	assert_int_equal(json_array_size(json_object_get(one, "before")), DIFF_ITEMS_MAX / 2);
	json_decref(got);
	json_decref(a);
	json_decref(b);
	check_counts(numbered(0, DIFF_ITEMS_MAX / 2), numbered(1, DIFF_ITEMS_MAX / 2 + 2), 1, 2);
}

static void test_order_and_repetition(void **state)
{
	json_t *a = numbered(0, 150), *b = numbered(0, 150), *c = numbered(0, 150);
	json_t *a_list = json_object_get(a, "r"), *b_list = json_object_get(b, "r");

	json_array_set(b_list, 0, json_array_get(a_list, 1));
	json_array_set(b_list, 1, json_array_get(a_list, 0));
	json_array_append_new(json_object_get(c, "r"), json_string("n007"));
	check_counts(json_incref(a), b, 0, 0);
	check_counts(a, c, 0, 0);
}

/* Either document may be missing altogether: that is how a creation and a deletion are shown. */
static void test_whole_documents(void **state)
{
	json_t *doc = json("{\"a\":{\"b\":1},\"c\":[]}");
	json_t *want = json("[{\"path\":\"a.b\",\"before\":null,\"after\":1},"
			    "{\"path\":\"c\",\"before\":null,\"after\":[]}]");
	json_t *got = document_diff(NULL, doc);

	assert_true(json_equal(got, want));
	json_decref(got);
	got = document_diff(doc, NULL);
	assert_int_equal(json_array_size(got), 2);
	assert_true(json_is_null(json_object_get(json_array_get(got, 0), "after")));
	json_decref(got);
	json_decref(want);
	json_decref(doc);
}

/* --- random documents ------------------------------------------------------------------------------------- */

static uint64_t rng;

static unsigned below(unsigned n)
{
	rng = rng * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(rng >> 33) % n;
}

static json_t *random_value(int depth)
{
	static const char *const keys[] = {"a", "b", "c", "d"};
	json_t *v;

	switch (below(depth > 3 ? 3 : 6)) {
	case 0:
		return json_integer(below(3));
	case 1:
		return json_boolean(below(2));
	case 2:
		return json_string(keys[below(4)]);
	case 3:
		v = json_array();
		for (unsigned n = below(4); n; n--)
			json_array_append_new(v, random_value(depth + 1));
		return v;
	default:
		v = json_object();
		for (unsigned n = below(4); n; n--)
			json_object_set_new(v, keys[below(4)], random_value(depth + 1));
		return v;
	}
}

/* In every entry the two sides differ. */
static void check_entries(const json_t *diff, unsigned seed)
{
	json_t *entry;
	size_t i;

	json_array_foreach(diff, i, entry)
	{
		if (json_equal(json_object_get(entry, "before"), json_object_get(entry, "after")))
			fail_msg("seed %u: nothing differs in entry %zu", seed, i);
	}
}

static void test_empty_exactly_if_equal(void **state)
{
	unsigned n_equal = 0;

	for (unsigned seed = 1; seed <= 20000; seed++) {
		json_t *a, *b, *diff;
		bool is_equal;

		rng = seed;
		a = json_pack("{s:o}", "v", random_value(0));
		b = json_pack("{s:o}", "v", random_value(0));
		is_equal = json_equal(a, b);
		diff = document_diff(a, b);
		if ((json_array_size(diff) == 0) != is_equal)
			fail_msg("seed %u", seed);
		check_entries(diff, seed);
		n_equal += is_equal;
		json_decref(diff);
		json_decref(a);
		json_decref(b);
	}
	assert_in_range(n_equal, 100, 19000);
}

/* --- memory ----------------------------------------------------------------------------------------------- */

static long allocations_left;

static void *scarce_malloc(size_t size)
{
	return allocations_left-- > 0 ? malloc(size) : NULL;
}

static void test_out_of_memory(void **state)
{
	json_t *a = numbered(0, 60), *b = numbered(3, 70), *got = NULL;
	long n;

	json_object_set_new(a, "u", json("[{\"p\":1}]"));
	json_object_set_new(b, "u", json("[{\"p\":{\"q\":2}},{}]"));
	for (n = 0; !got && n < 1000; n++) {
		json_set_alloc_funcs(scarce_malloc, free);
		allocations_left = n;
		got = document_diff(a, b);
		json_set_alloc_funcs(malloc, free);
	}
	assert_in_range(n, 10, 999);
	json_decref(a);
	json_decref(b);
	json_decref(got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_diff),
		cmocka_unit_test(test_diff_of_many),
		cmocka_unit_test(test_long_lists),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_order_and_repetition),
		cmocka_unit_test(test_whole_documents),
		cmocka_unit_test(test_empty_exactly_if_equal),
		cmocka_unit_test(test_out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
