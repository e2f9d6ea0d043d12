/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RFC 7396 by its own examples, and what is borrowed stays as it was. */
#include "base/cleanup.h"
#include "model/merge_patch.h"

#include <setjmp.h>
#include <stdarg.h>
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

/* The examples of RFC 7396, appendix A. */
static void test_merge_patch(void **state)
{
	static const char *const cases[][3] = {
		{"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
		{"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
		{"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
		{"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
		{"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
		{"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
		{"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}",
		 "{\"a\":{\"b\":\"d\"}}"},
		{"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
		{"[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]"},
		{"{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]"},
		{"{\"a\":\"foo\"}", "null", "null"},
		{"{\"a\":\"foo\"}", "\"bar\"", "\"bar\""},
		{"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
		{"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
		{"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		json_t *target = json(cases[i][0]), *patch = json(cases[i][1]),
		       *want = json(cases[i][2]);
		json_t *before = json_deep_copy(target), *got = document_merge_patch(target, patch);

		if (!json_equal(got, want))
			fail_msg("case %zu gave %s", i, json_dumps(got, JSON_ENCODE_ANY));
		assert_true(json_equal(target, before)); /* borrowed, not changed */
		json_decref(target);
		json_decref(patch);
		json_decref(want);
		json_decref(before);
		json_decref(got);
	}
}

/* A patch alone makes an object: nulls in it mean nothing and leave nothing. */
static void test_no_target(void **state)
{
	json_t *patch = json("{\"a\":{\"b\":null,\"c\":1},\"d\":null}"),
	       *want = json("{\"a\":{\"c\":1}}");
	json_t *got = document_merge_patch(NULL, patch);

	assert_true(json_equal(got, want));
	json_decref(got);
	json_decref(want);
	json_decref(patch);
}

static void check(const char *target_text, const char *patch_text, const char *want)
{
	json_t *target = json(target_text), *patch = json(patch_text);
	json_t *got = document_merge_patch(target, patch);
	_cleanup_free_ char *text = json_dumps(got, JSON_COMPACT);

	assert_string_equal(text, want);
	json_decref(target);
	json_decref(patch);
	json_decref(got);
}

static void test_beyond_the_examples(void **state)
{
	check("{\"a\":1}", "{}", "{\"a\":1}");
	/* A null within a list is a value: lists are replaced as they are. */
	check("{}", "{\"a\":[null,{\"b\":null}]}", "{\"a\":[null,{\"b\":null}]}");
	/* Open to all again, and open to nobody. */
	check("{\"p\":{\"r\":[\"x\"],\"f\":1}}", "{\"p\":{\"r\":null}}", "{\"p\":{\"f\":1}}");
	check("{\"p\":{\"r\":[\"x\"],\"f\":1}}", "{\"p\":{\"r\":[]}}",
	      "{\"p\":{\"r\":[],\"f\":1}}");
	/* A field keeps its place, so that what is shown stays as people wrote it. */
	check("{\"k\":0,\"a\":{\"x\":1},\"z\":2}", "{\"new\":0,\"z\":3,\"a\":{\"x\":4}}",
	      "{\"k\":0,\"a\":{\"x\":4},\"z\":3,\"new\":0}");
}

static long allocations_left;

static void *scarce_malloc(size_t size)
{
	return allocations_left-- > 0 ? malloc(size) : NULL;
}

static void test_out_of_memory(void **state)
{
	json_t *target = json("{\"a\":{\"b\":[1,2],\"c\":\"d\"},\"e\":\"f\"}");
	json_t *patch = json("{\"a\":{\"b\":{\"x\":[\"y\"]}},\"g\":{\"h\":null,\"i\":\"j\"}}");
	json_t *got = NULL;
	long n;

	for (n = 0; !got && n < 1000; n++) {
		json_set_alloc_funcs(scarce_malloc, free);
		allocations_left = n;
		got = document_merge_patch(target, patch);
		json_set_alloc_funcs(malloc, free);
	}
	assert_in_range(n, 10, 999);
	json_decref(target);
	json_decref(patch);
	json_decref(got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_merge_patch),
		cmocka_unit_test(test_no_target),
		cmocka_unit_test(test_beyond_the_examples),
		cmocka_unit_test(test_out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
