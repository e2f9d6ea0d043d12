/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Text to documents and back: what each format accepts and refuses and where it says the fault is; random values through
 * both formats; every allocation failing once.
 */
#include "model/document.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static json_t *parse_as(const char *text, enum document_format format)
{
	struct err e = {0};
	json_t *documents = NULL;

	if (document_parse(text, strlen(text), format, &documents, &e) < 0)
		fail_msg("%s\nrefused: %s: %s", text, e.path, e.text);
	return documents;
}

static json_t *json(const char *text)
{
	json_t *v = json_loads(text, JSON_DECODE_ANY, NULL);

	if (!v)
		fail_msg("the test's own JSON is wrong: %s", text);
	return v;
}

/* text gives the documents that the JSON array want describes. */
static void check_gives(const char *text, enum document_format format, const char *want)
{
	json_t *got = parse_as(text, format), *wanted = json(want);
	char *shown = json_dumps(got, 0);

	if (!json_equal(got, wanted))
		fail_msg("%s\ngives %s\nnot   %s", text, shown, want);
	free(shown);
	json_decref(got);
	json_decref(wanted);
}

static void check_refused_len(const char *text, size_t len, enum document_format format,
			      const char *path, const char *why)
{
	struct err e = {0};
	json_t *documents = NULL;
	int r = document_parse(text, len, format, &documents, &e);

	assert_null(documents);
	if (r != -ERR_INVALID || strcmp(e.path, path) != 0 || !strstr(e.text, why))
		fail_msg("%s\nanswered %d \"%s\": \"%s\", not \"%s\": \"%s\"", text, r, e.path,
			 e.text, path, why);
}

static void check_refused(const char *text, enum document_format format, const char *path,
			  const char *why)
{
	check_refused_len(text, strlen(text), format, path, why);
}

/* --- YAML ------------------------------------------------------------------------------------------------- */

static void test_yaml_scalars(void **state)
{
	static const char *const pairs[][2] = {
		{"null", "null"},
		{"~", "null"},
		{"", "null"},
		{"true", "true"},
		{"False", "false"},
		{"12", "12"},
		{"-0", "0"},
		{"+7", "7"},
		{"010", "10"},
		{"1.5", "1.5"},
		{".5", "0.5"},
		{"5.", "5.0"},
		{"1e3", "1000.0"},
		{"off", "\"off\""},
		{"yes", "\"yes\""},
		{"0x1F", "\"0x1F\""},
		{"1_000", "\"1_000\""},
		{"2026-01-02", "\"2026-01-02\""},
		{"12:30", "\"12:30\""},
		{"\"12\"", "\"12\""},
		{"'true'", "\"true\""},
		{"\"\"", "\"\""},
		{"10.0.0.0/8", "\"10.0.0.0/8\""},
		{"1e", "\"1e\""},
		{"-", "[null]"},
		{".", "\".\""},
		{"9223372036854775807", "9223372036854775807"},
		{"-9223372036854775808", "-9223372036854775808"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		char text[80], want[80];

		snprintf(text, sizeof(text), "v:\n  %s\n", pairs[i][0]);
		snprintf(want, sizeof(want), "[{\"v\": %s}]", pairs[i][1]);
		check_gives(text, DOCUMENT_YAML, want);
	}
}

static void test_yaml_structure(void **state)
{
	check_gives("", DOCUMENT_YAML, "[]");
	check_gives("# only a comment\n", DOCUMENT_YAML, "[]");
	check_gives("---\n---\n...\n", DOCUMENT_YAML, "[]");
	check_gives("---\na: 1\n---\n\n---\nb: [1, {c: x}]\n", DOCUMENT_YAML,
		    "[{\"a\": 1}, {\"b\": [1, {\"c\": \"x\"}]}]");
	check_gives("%YAML 1.1\n---\na: 1\n", DOCUMENT_YAML, "[{\"a\": 1}]");
	check_gives("a: |\n  one\n  two\nb: >-\n  x\n  y\n", DOCUMENT_YAML,
		    "[{\"a\": \"one\\ntwo\\n\", \"b\": \"x y\"}]");
	check_gives("\xef\xbb\xbf"
		    "a: \xc3\xa4\n",
		    DOCUMENT_YAML, "[{\"a\": \"\xc3\xa4\"}]");
	check_gives("1: x\ntrue: y\n", DOCUMENT_YAML, "[{\"1\": \"x\", \"true\": \"y\"}]");
	check_gives("a:\n", DOCUMENT_YAML, "[{\"a\": null}]");
	check_gives("a: [1, -2, 0x10, 1.5, 1e3, .5, 1_0]\n", DOCUMENT_YAML,
		    "[{\"a\": [1, -2, \"0x10\", 1.5, 1000.0, 0.5, \"1_0\"]}]");
	check_gives("a: [False, null, 'null', yes]\n", DOCUMENT_YAML,
		    "[{\"a\": [false, null, \"null\", \"yes\"]}]");
	check_gives("{\"a\": [1, 2]}\n", DOCUMENT_YAML, "[{\"a\": [1, 2]}]");
}

static void test_yaml_refusals(void **state)
{
	static const char *const cases[][3] = {
		{"a: &x 1\n", "[0]", "line 1, column 4: anchors are not allowed"},
		{"a: *x\n", "[0]", "aliases are not allowed"},
		{"a: &x [1]\n", "[0]", "anchors are not allowed"},
		{"a: !!str 1\n", "[0]", "tags are not allowed"},
		{"a: !mine {b: 1}\n", "[0]", "tags are not allowed"},
		{"<<: {a: 1}\n", "[0]", "merge keys are not allowed"},
		{"a: 1\nb: 2\na: 3\n", "[0]", "line 3, column 1: the key \"a\" is there twice"},
		{"a: {b: 1, \"b\": 2}\n", "[0]", "twice"},
		{"a: 1\n---\nb: 1\nb: 2\n", "[1]", "line 4, column 1"},
		{"[a]: 1\n", "[0]", "a key must be a string"},
		{"? {a: 1}\n: 1\n", "[0]", "a key must be a string"},
		{"a: 9223372036854775808\n", "[0]", "out of range"},
		{"a: 1e999\n", "[0]", "out of range"},
		{"a: .inf\n", "[0]", "not-a-number are not allowed"},
		{"a: -.Inf\n", "[0]", "not-a-number are not allowed"},
		{"a: .NaN\n", "[0]", "not-a-number are not allowed"},
		{"a: \"x\\0y\"\n", "[0]", "NUL"},
		{"\"x\\0y\": 1\n", "[0]", "NUL"},
		{"a: b: c\n", "[0]", "line 1, column 5"},
		{"a: [1, 2\n", "[0]", "line 2, column 1"},
		{"a:\n\t- b\n", "[0]", "line 2, column 1"},
		{"- a\n- b\n", "[0]", "must be an object"},
		{"word\n", "[0]", "must be an object"},
		{"a: 1\n---\n7\n", "[1]", "must be an object"},
		{"a: \xff\n", "[0]", "must be UTF-8"},
		{"a: \xc0\xaf\n", "[0]", "must be UTF-8"},
		{"a: \xed\xa0\x80\n", "[0]", "must be UTF-8"},
		{"a: \x01\n", "[0]", "must be UTF-8"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check_refused(cases[i][0], DOCUMENT_YAML, cases[i][1], cases[i][2]);
	check_refused_len("a: b\0c\n", 7, DOCUMENT_YAML, "[0]", "control characters");
	check_refused_len("\xff\xfe"
			  "a\0:\0 \0b\0",
			  10, DOCUMENT_YAML, "[0]", "UTF-8");
}

/* --- JSON ------------------------------------------------------------------------------------------------- */

static void test_json(void **state)
{
	check_gives("{\"a\": 1}", DOCUMENT_AUTO, "[{\"a\": 1}]");
	check_gives(" \n[{\"a\": 1}, {\"b\": 2}]\n", DOCUMENT_AUTO, "[{\"a\": 1}, {\"b\": 2}]");
	check_gives("{\"a\": 1}\n{\"b\": 2}{\"c\": 3}\n", DOCUMENT_AUTO,
		    "[{\"a\": 1}, {\"b\": 2}, {\"c\": 3}]");
	check_gives("{\"a\":1} [{\"b\":2},{\"c\":3}]\n", DOCUMENT_JSON,
		    "[{\"a\":1},{\"b\":2},{\"c\":3}]");
	check_gives("{\"a\": [-0, 0.5e-1, 1E2, true, false, null, \"\"]}", DOCUMENT_JSON,
		    "[{\"a\": [0, 0.05, 100.0, true, false, null, \"\"]}]");
	check_gives("{\"a\": \"\\u00e4\\ud83d\\udeaa\\/\\b\\f\\n\\r\\t\\\"\\\\\"}", DOCUMENT_JSON,
		    "[{\"a\": \"\xc3\xa4\xf0\x9f\x9a\xaa/\\b\\f\\n\\r\\t\\\"\\\\\"}]");
	check_gives("[]", DOCUMENT_JSON, "[]");
	check_gives("", DOCUMENT_JSON, "[]");
	check_gives("a: 1", DOCUMENT_AUTO, "[{\"a\": 1}]");
}

static void test_json_refusals(void **state)
{
	static const char *const cases[][3] = {
		{"{\"a\": 1, \"a\": 2}", "[0]", "the key \"a\" is there twice"},
		{"{\"a\": 1, \"\\u0061\": 2}", "[0]", "the key \"a\" is there twice"},
		{"{\"a\": 1}\n{\"b\": }", "[1]", "line 2, column 7: \"}\" stands where a value"},
		{"{\"a\": 9223372036854775808}", "[0]",
		 "line 1, column 7: the number is out of range"},
		{"{\"a\": -9223372036854775809}", "[0]", "out of range"},
		{"{\"a\": 1e999}", "[0]", "out of range"},
		{"{\"a\": NaN}", "[0]", "line 1, column 7"},
		{"{\"a\": -Infinity}", "[0]", "a digit"},
		{"{\"a\": \"\\u0000\"}", "[0]", "\\u0000"},
		{"{\"a\": \"\xff\"}", "[0]", "line 1, column 8: the text is not UTF-8"},
		{"{\"a\": \"\xc0\xaf\"}", "[0]", "UTF-8"},
		{"{\"a\": \"\xed\xa0\x80\"}", "[0]", "UTF-8"},
		{"{\"a\": \"\xf4\x90\x80\x80\"}", "[0]", "UTF-8"},
		{"{\"a\": \"\xe2\x82", "[0]", "UTF-8"},
		{"{\"a\": \"\\ud83d\"}", "[0]", "surrogate"},
		{"{\"a\": \"\\ud83d\\u0041\"}", "[0]", "surrogate"},
		{"{\"a\": \"\\udeaa\"}", "[0]", "surrogate"},
		{"{\"a\": \"\\u12g4\"}", "[0]", "four hexadecimal"},
		{"{\"a\": \"\\x\"}", "[0]", "after a backslash"},
		{"{\"a\": \"\n\"}", "[0]", "control character"},
		{"{\"a\": 01}", "[0]", "begin with 0"},
		{"{\"a\": -}", "[0]", "a digit"},
		{"{\"a\": 1.}", "[0]", "a digit"},
		{"{\"a\": 1e+}", "[0]", "a digit"},
		{"{\"a\": .5}", "[0]", "a value"},
		{"{\"a\": +1}", "[0]", "a value"},
		{"{\"a\": truth}", "[0]", "a value"},
		{"{\"a\": nul", "[0]", "a value"},
		{"{a: 1}", "[0]", "a key in double quotes"},
		{"{\"a\" 1}", "[0]", "the : after a key"},
		{"{\"a\": 1,}", "[0]", "a key in double quotes"},
		{"{\"a\": [1,]}", "[0]", "a value"},
		{"{\"a\": [1 2]}", "[0]", "a , or the ]"},
		{"[{},]", "[1]", "a value"},
		{"[{} {}]", "[1]", "a , or the ]"},
		{"[{}", "[1]", "missing at the end"},
		{"[1]", "[0]", "must be an object"},
		{"[{}, [{}]]", "[1]", "must be an object"},
		{"[{\"a\":1}, 7]", "[1]", "must be an object"},
		{"{} x", "[1]", "\"x\" stands where a value"},
		{"{\"a\": 1", "[0]", "missing at the end"},
		{"{\"a\": \"b", "[0]", "missing at the end"},
		{"{\"a\": \"b\\", "[0]", "missing at the end"},
		{"{} // no", "[1]", "a value"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check_refused(cases[i][0], DOCUMENT_JSON, cases[i][1], cases[i][2]);
}

/* --- bounds ----------------------------------------------------------------------------------------------- */

static void nest(char *dst, int depth)
{
	static const char head[] = {'{', '"', 'a', '"', ':'};
	char *p = dst + sizeof(head);

	memcpy(dst, head, sizeof(head));
	for (int i = 1; i < depth; i++)
		*p++ = '[';
	for (int i = 1; i < depth; i++)
		*p++ = ']';
	memcpy(p, "}", 2);
}

static void test_depth(void **state)
{
	char text[40000];

	nest(text, DOCUMENT_DEPTH_MAX);
	json_decref(parse_as(text, DOCUMENT_JSON));
	json_decref(parse_as(text, DOCUMENT_YAML));
	nest(text, DOCUMENT_DEPTH_MAX + 1);
	check_refused(text, DOCUMENT_JSON, "[0]", "deep");
	check_refused(text, DOCUMENT_YAML, "[0]", "deep");
	nest(text, 19000);
	check_refused(text, DOCUMENT_JSON, "[0]", "deep");
	check_refused(text, DOCUMENT_YAML, "[0]", "deep");
}

static void test_count(void **state)
{
	size_t len = 3 * (DOCUMENTS_MAX + 1);
	_cleanup_free_ char *text = malloc(len);
	json_t *documents = NULL;
	struct err e = {0};

	assert_non_null(text);
	for (size_t i = 0; i < len; i += 3)
		memcpy(text + i, "{} ", 3);
	assert_int_equal(document_parse(text, len - 3, DOCUMENT_JSON, &documents, &e), 0);
	assert_int_equal(json_array_size(documents), DOCUMENTS_MAX);
	json_decref(documents);
	assert_int_equal(document_parse(text, len, DOCUMENT_JSON, &documents, &e), -ERR_TOO_LARGE);
	assert_int_equal(
		document_parse("", (size_t)DOCUMENT_BYTES_MAX + 1, DOCUMENT_AUTO, &documents, &e),
		-ERR_TOO_LARGE);
}

/* --- writing ---------------------------------------------------------------------------------------------- */

static void check_written(const char *value, const char *want)
{
	json_t *v = json(value);
	char *text = document_to_yaml(v);

	assert_string_equal(text, want);
	free(text);
	json_decref(v);
}

static void test_written_form(void **state)
{
	check_written("{\"kind\": \"cluster\", \"list\": [\"10.0.0.0/8\", \"2001:db8::/32\", "
		      "\"fd00::1\"]}",
		      "kind: cluster\nlist:\n  - 10.0.0.0/8\n  - 2001:db8::/32\n  - fd00::1\n");
	check_written("{\"a\": [{\"b\": 1, \"c\": {\"d\": true}}, []], \"e\": {}}",
		      "a:\n  - b: 1\n    c:\n      d: true\n  - []\ne: {}\n");
	check_written("{\"pem\": \"-----BEGIN-----\\nMII=\\n-----END-----\\n\"}",
		      "pem: |\n  -----BEGIN-----\n  MII=\n  -----END-----\n");
	check_written("{\"p\": \"off\", \"t\": \"12:30\", \"n\": \"1\", \"e\": \"\", \"z\": null}",
		      "p: \"off\"\nt: \"12:30\"\n\"n\": \"1\"\ne: \"\"\nz: null\n");
	check_written("{\"f\": 0.1, \"g\": 5.0, \"h\": 1e300, \"s\": \"*.x: y\"}",
		      "f: 0.1\ng: 5.0\nh: 1e+300\ns: \"*.x: y\"\n");
	check_written("[]", "[]\n");
	check_written("\"a\\nb\\n\"", "|\n  a\n  b\n");
}

static void check_round_trip(json_t *object)
{
	char *yaml = document_to_yaml(object), *text = json_dumps(object, JSON_COMPACT);
	json_t *documents = NULL;
	struct err e = {0};

	assert_non_null(yaml);
	if (document_parse(yaml, strlen(yaml), DOCUMENT_YAML, &documents, &e) < 0)
		fail_msg("%s\nas YAML\n%s\nis refused: %s", text, yaml, e.text);
	if (!json_equal(json_array_get(documents, 0), object))
		fail_msg("%s\nas YAML\n%s\nreads back as something else", text, yaml);
	json_decref(documents);
	assert_int_equal(document_parse(text, strlen(text), DOCUMENT_AUTO, &documents, &e), 0);
	assert_true(json_equal(json_array_get(documents, 0), object));
	json_decref(documents);
	free(yaml);
	free(text);
}

/* Readers look for the colon of a key only so far ahead. */
static void test_long_keys(void **state)
{
	char key[5000];

	for (size_t len = 100; len < sizeof(key); len += 700) {
		json_t *object;

		memset(key, 'k', len);
		key[len] = '\0';
		object = json_pack("{s:[{s:i, s:{s:s}}], s:s}", "list", key, 1, "b", key, "x", key,
				   "one\ntwo\n");
		check_round_trip(object);
		json_decref(object);
	}
}

static unsigned seed;

static unsigned pick(unsigned n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 12) % n;
}

/* What readers of YAML stumble over, one after another. */
static json_t *random_string(void)
{
	static const char *const pieces[] = {
		"a",
		"-",
		":",
		" ",
		"#",
		"\n",
		"\t",
		"\"",
		"'",
		"\\",
		"{",
		"}",
		"[",
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
		"?",
		"0",
		"1",
		".",
		"e",
		"~",
		"null",
		"true",
		"off",
		"=",
		"<<",
		"---",
		"...",
		"\r",
		"\x7f",
		"\x01",
		"/",
		"\n\n",
		"0x",
		"+",
		": ",
		"\xc2\x85",
		"\xc3\xa4",
		"\xe2\x80\xa8",
		"\xef\xbb\xbf",
		"\xef\xbf\xbe",
		"\xc2\x80",
		"\xf0\x9f\x9a\xaa",
		"line\n",
		"10.0.0.1",
		"inf",
		"nan",
		"\xef\xbf\xbf",
		"- ",
		"? ",
	};
	char text[800];
	size_t used = 0, n = pick(20) == 0 ? 150 : pick(6);

	text[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		const char *piece = pieces[pick(ARRAY_SIZE(pieces))];

		memcpy(text + used, piece, strlen(piece) + 1);
		used += strlen(piece);
	}
	return json_string(text);
}

static json_t *random_value(int depth);

static json_t *random_object(int depth)
{
	json_t *object = json_object();

	for (unsigned i = pick(4); i > 0; i--) {
		json_t *key = random_string();

		json_object_set_new(object, json_string_value(key), random_value(depth - 1));
		json_decref(key);
	}
	return object;
}

static json_t *random_value(int depth)
{
	json_t *list;

	switch (pick(depth > 0 ? 10 : 7)) {
	case 0:
		return json_integer((json_int_t)((uint64_t)pick(1u << 20) << pick(44)) *
				    (pick(2) ? 1 : -1));
	case 1:
		return json_real(((double)pick(1u << 20) - 500000) /
				 (double)(1 + (uint64_t)pick(1u << 20) * pick(1u << 20)));
	case 2:
		return pick(2) ? json_true() : json_false();
	case 3:
		return json_null();
	case 4:
	case 5:
	case 6:
		return random_string();
	case 7:
	case 8:
		return random_object(depth);
	default:
		list = json_array();
		for (unsigned i = pick(4); i > 0; i--)
			json_array_append_new(list, random_value(depth - 1));
		return list;
	}
}

static void test_random_round_trips(void **state)
{
	for (unsigned i = 1; i <= 20000; i++) {
		json_t *object;

		seed = i;
		object = random_object(4);
		check_round_trip(object);
		json_decref(object);
	}
}

/* --- memory ----------------------------------------------------------------------------------------------- */

static long until_failure;
static bool has_failed;

static void *failing_malloc(size_t n)
{
	if (until_failure-- == 0) {
		has_failed = true;
		return NULL;
	}
	return malloc(n);
}

/* Fail each allocation of jansson's in turn: an answer, never a crash, never another document than was written. */
static void every_allocation(const char *text, enum document_format format)
{
	json_t *want = parse_as(text, format);
	long n = 0;

	json_set_alloc_funcs(failing_malloc, free);
	do {
		json_t *documents = NULL;
		struct err e = {0};
		int r;

		has_failed = false;
		until_failure = n++;
		r = document_parse(text, strlen(text), format, &documents, &e);
		until_failure = -1;
		if (has_failed && r == 0 && !json_equal(documents, want))
			fail_msg("allocation %ld failed unseen, and the document is another",
				 n - 1);
		if (!has_failed)
			assert_int_equal(r, 0);
		if (r < 0)
			assert_int_equal(r, -ERR_NOMEM);
		json_decref(documents);
	} while (has_failed);
	json_set_alloc_funcs(malloc, free);
	json_decref(want);
	assert_true(n > 8);
}

static void test_out_of_memory(void **state)
{
	every_allocation(
		"kind: cluster\nname: a\nlist:\n  - address: a rather long string that needs room\n"
		"    port: 6443\n  - [1.5, true, null]\n---\nkind: other\na: {b: {c: {d: x}}}\n",
		DOCUMENT_YAML);
	every_allocation(
		"[{\"kind\": \"cluster\", \"name\": \"a rather long string that needs room to be "
		"kept "
		"while it is read, more than once\", \"list\": [1, 1.5, true, null, \"x\", {}]}]",
		DOCUMENT_JSON);
	every_allocation("{\"a key so long that the buffer must grow for it\": {\"b\": "
			 "1234567890123456789}} {}",
			 DOCUMENT_JSON);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_yaml_scalars),  cmocka_unit_test(test_yaml_structure),
		cmocka_unit_test(test_yaml_refusals), cmocka_unit_test(test_json),
		cmocka_unit_test(test_json_refusals), cmocka_unit_test(test_depth),
		cmocka_unit_test(test_count),	      cmocka_unit_test(test_written_form),
		cmocka_unit_test(test_long_keys),     cmocka_unit_test(test_random_round_trips),
		cmocka_unit_test(test_out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
