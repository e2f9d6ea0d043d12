/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Text to values and back: what is read as what, what is refused and where, and that writing YAML loses nothing. */
#include "model/document.h"

#include "model/diff.h"
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

static const struct {
	enum document_format format;
	const char *text, *value;
} good[] = {
	{DOCUMENT_YAML, "", "[]"},
	{DOCUMENT_YAML, "---\n---\n# nothing\n", "[]"},
	{DOCUMENT_YAML, "a: 1\n---\nb: x\n", "[{\"a\":1},{\"b\":\"x\"}]"},
	{DOCUMENT_YAML, "a: [1, -2, 0x10, 1.5, 1e3, .5, 1_0]\n",
	 "[{\"a\":[1,-2,\"0x10\",1.5,1000.0,0.5,\"1_0\"]}]"},
	{DOCUMENT_YAML, "a: [true, False, null, ~, \"true\", 'null', yes, off]\n",
	 "[{\"a\":[true,false,null,null,\"true\",\"null\",\"yes\",\"off\"]}]"},
	{DOCUMENT_YAML, "a:\n", "[{\"a\":null}]"},
	{DOCUMENT_YAML, "1: x\ntrue: y\n", "[{\"1\":\"x\",\"true\":\"y\"}]"},
	{DOCUMENT_YAML, "t: |\n  one\n  two\nf: >-\n  one\n  two\n",
	 "[{\"t\":\"one\\ntwo\\n\",\"f\":\"one two\"}]"},
	{DOCUMENT_JSON, "{\"a\":1} [{\"b\":2},{\"c\":3}]\n", "[{\"a\":1},{\"b\":2},{\"c\":3}]"},
	{DOCUMENT_JSON, " \n", "[]"},
	{DOCUMENT_AUTO, "  {\"a\":1}", "[{\"a\":1}]"},
	{DOCUMENT_AUTO, "a: {b: 1}", "[{\"a\":{\"b\":1}}]"},
};

static void test_good(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		json_t *want = json(good[i].value), *got = NULL;
		struct err e = {0};

		if (document_parse(good[i].text, strlen(good[i].text), good[i].format, &got, &e) <
		    0)
			fail_msg("%s: %s", good[i].text, e.text);
		if (!json_equal(got, want))
			fail_msg("%s gave %s", good[i].text, json_dumps(got, 0));
		json_decref(got);
		json_decref(want);
	}
}

static const struct {
	enum document_format format;
	const char *text, *path, *says;
} bad[] = {
	{DOCUMENT_YAML, "a: &x 1\n", "[0]", "line 1, column 4: anchors"},
	{DOCUMENT_YAML, "a: &x [1]\nb: *x\n", "[0]", "anchors"},
	{DOCUMENT_YAML, "b: *x\n", "[0]", "aliases"},
	{DOCUMENT_YAML, "a: !!str 1\n", "[0]", "tags"},
	{DOCUMENT_YAML, "a: !x {b: 1}\n", "[0]", "tags"},
	{DOCUMENT_YAML, "a: 1\nb: 2\na: 3\n", "[0]",
	 "line 3, column 1: the key \"a\" is there twice"},
	{DOCUMENT_YAML, "<<: {a: 1}\n", "[0]", "merge keys"},
	{DOCUMENT_YAML, "? [a]\n: b\n", "[0]", "a key must be a string"},
	{DOCUMENT_YAML, "a: 9223372036854775808\n", "[0]", "out of range"},
	{DOCUMENT_YAML, "a: 1e999\n", "[0]", "out of range"},
	{DOCUMENT_YAML, "a: [1\n", "[0]", "line 2"},
	{DOCUMENT_YAML, "a: \xff\xfe\n", "[0]", "UTF-8"},
	{DOCUMENT_YAML, "a: 1\n---\n- x\n", "[1]", "must be an object"},
	{DOCUMENT_YAML, "just text\n", "[0]", "must be an object"},
	{DOCUMENT_JSON, "{\"a\":1,\"a\":2}", "[0]", "duplicate"},
	{DOCUMENT_JSON, "{\"a\":1}\n{\"b\":}", "[1]", "line 2, column"},
	{DOCUMENT_JSON, "[{\"a\":1}, 7]", "[1]", "must be an object"},
	{DOCUMENT_JSON, "{\"a\":1e999}", "[0]", "column"},
	{DOCUMENT_JSON, "{\"a\":\"\xff\"}", "[0]", "decode"},
};

static void test_bad(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		json_t *got = NULL;
		struct err e = {0};
		int r = document_parse(bad[i].text, strlen(bad[i].text), bad[i].format, &got, &e);

		if (r != -ERR_INVALID || strcmp(e.path, bad[i].path) != 0 ||
		    !strstr(e.text, bad[i].says))
			fail_msg("%s\ngave %d at '%s': %s", bad[i].text, r, e.path, e.text);
		assert_null(got);
	}
}

static void test_depth(void **state)
{
	static const int depths[] = {10, 100, 1000};
	char text[4096];

	for (size_t i = 0; i < ARRAY_SIZE(depths); i++) {
		int d = depths[i];
		json_t *got = NULL;
		struct err e = {0};
		size_t n = (size_t)snprintf(text, sizeof(text), "{\"a\":");
		memset(text + n, '[', (size_t)d);
		memset(text + n + d, ']', (size_t)d);
		text[n + 2 * (size_t)d] = '}';
		n += 2 * (size_t)d + 1;
		for (int f = DOCUMENT_YAML; f <= DOCUMENT_JSON; f++) {
			int r = document_parse(text, n, (enum document_format)f, &got, &e);
			assert_int_equal(r, d < DOCUMENT_DEPTH_MAX ? 0 : -ERR_INVALID);
			if (!r)
				json_decref(got);
		}
	}
}

static uint64_t rng;

static size_t below(size_t n)
{
	rng = rng * 6364136223846793005u + 1442695040888963407u;
	return (size_t)(rng >> 33) % n;
}

static json_t *random_string(void)
{
	static const char *const parts[] = {"a",
					    "B",
					    "0",
					    "1",
					    "-",
					    ".",
					    ":",
					    " ",
					    "#",
					    "\n",
					    "\t",
					    "'",
					    "\"",
					    "\\",
					    "{",
					    "]",
					    ",",
					    "&",
					    "*",
					    "!",
					    "|",
					    ">",
					    "%",
					    "@",
					    "`",
					    "~",
					    "true",
					    "null",
					    "1e5",
					    "\xc3\xa9",
					    "\xe2\x82\xac",
					    "\x01",
					    "\x7f",
					    "?",
					    "- ",
					    ": ",
					    "---",
					    "...",
					    "=",
					    "<<",
					    "\r",
					    "\xc2\x85",
					    "\xe2\x80\xa8",
					    "\xef\xbb\xbf"};
	char text[64] = "";

	for (size_t n = below(6); n; n--)
		strncat(text, parts[below(ARRAY_SIZE(parts))], sizeof(text) - strlen(text) - 1);
	json_t *s = json_string(text);
	return s ? s : json_string("cut inside a character");
}

static json_t *random_value(int depth)
{
	json_t *v;

	switch (below(depth > 4 ? 6 : 9)) {
	case 0:
		return json_integer((json_int_t)(below(2) ? below(1000) : (size_t)-below(1000)));
	case 1:
		return json_real((double)below(100000) / 7);
	case 2:
		return below(3) ? json_boolean(below(2)) : json_null();
	case 3:
	case 4:
	case 5:
		return random_string();
	case 6:
		v = json_array();
		for (size_t n = below(4); n; n--)
			json_array_append_new(v, random_value(depth + 1));
		return v;
	default:
		v = json_object();
		for (size_t n = below(4); n; n--) {
			json_t *key = random_string();
			json_object_set_new(v, json_string_value(key), random_value(depth + 1));
			json_decref(key);
		}
		return v;
	}
}

static void test_yaml_round_trip(void **state)
{
	for (uint64_t seed = 1; seed <= 20000; seed++) {
		rng = seed;
		json_t *doc = json_object(), *got = NULL;
		struct err e = {0};
		json_object_set_new(doc, "v", random_value(0));
		json_object_set_new(doc, "pem",
				    json_string("-----BEGIN X-----\nabc=\n-----END X-----\n"));
		char *text = document_to_yaml(doc);
		if (document_parse(text, strlen(text), DOCUMENT_YAML, &got, &e) < 0)
			fail_msg("seed %d: %s\n%s", (int)seed, e.text, text);
		if (json_array_size(got) != 1 || !json_equal(json_array_get(got, 0), doc))
			fail_msg("seed %d: %s\ngave %s", (int)seed, text, json_dumps(got, 0));
		free(text);
		json_decref(got);
		json_decref(doc);
	}
}

static void test_yaml_looks(void **state)
{
	json_t *doc = json("{\"kind\":\"cluster\",\"l\":[{\"a\":\"1.2.3.4\",\"b\":1},\"x y\",[]],"
			   "\"s\":\"off\",\"t\":\"true\",\"pem\":\"a\\nb\\n\",\"e\":{}}");
	char *text = document_to_yaml(doc);

	assert_string_equal(text,
			    "kind: cluster\nl:\n  - a: 1.2.3.4\n    b: 1\n  - \"x y\"\n  - []\n"
			    "s: \"off\"\nt: \"true\"\npem: |\n  a\n  b\ne: {}\n");
	free(text);
	json_decref(doc);
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

/* --- the n-th allocation fails ------------------------------------------------------------------------------ */

static long allocations_left;

static void *failing_malloc(size_t size)
{
	return allocations_left-- > 0 ? malloc(size) : NULL;
}

static void test_out_of_memory(void **state)
{
	static const char *const text[] = {
		"a: [1, {b: c, d: [true, null, 1.5]}]\n---\nx: \"y\"\n",
		"{\"a\":[1,{\"b\":\"c\",\"d\":[true,null,1.5]}]} {\"x\":\"y\"}",
	};

	for (int f = 0; f < 2; f++) {
		long n = 0;
		int r = -1;
		for (; r < 0 && n < 1000; n++) {
			json_t *got = NULL;
			struct err e = {0};
			json_set_alloc_funcs(failing_malloc, free);
			allocations_left = n;
			r = document_parse(text[f], strlen(text[f]), DOCUMENT_AUTO, &got, &e);
			allocations_left = 1000;
			if (r < 0)
				assert_true(e.text[0] && !got);
			json_decref(got);
			json_set_alloc_funcs(malloc, free);
		}
		assert_int_equal(r, 0);
		assert_true(n > 10);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),	      cmocka_unit_test(test_bad),
		cmocka_unit_test(test_depth),	      cmocka_unit_test(test_yaml_round_trip),
		cmocka_unit_test(test_yaml_looks),    cmocka_unit_test(test_merge_patch),
		cmocka_unit_test(test_diff),	      cmocka_unit_test(test_diff_of_many),
		cmocka_unit_test(test_out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
