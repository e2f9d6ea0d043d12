/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The declared kinds: found by name, told from a document with the field that is wrong, and what normalizing changes. */
#include "model/kind.h"

#include "base/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LABEL_63 "a23456789012345678901234567890123456789012345678901234567890123"

static json_t *json(const char *text)
{
	json_t *v = json_loads(text, JSON_DECODE_ANY, NULL);

	if (!v)
		fail_msg("no JSON: %s", text);
	return v;
}

static void test_every_kind_is_whole(void **state)
{
	size_t n = 0;

	for (const struct kind *k; (k = kind_at(n)); n++) {
		assert_non_null(k->check);
		assert_ptr_equal(kind_find(k->name), k);
		assert_ptr_equal(kind_find(k->plural), k);
		assert_string_not_equal(k->name, k->plural);
	}
	assert_in_range(n, 1, 100);
	assert_null(kind_at(n + 1));
	assert_ptr_equal(kind_find("clusters"), kind_find("cluster"));
	assert_null(kind_find("Cluster"));
	assert_null(kind_find(""));
	assert_null(kind_find("clusterss"));
}

static const struct {
	const char *doc, *path, *says;
} bad[] = {
	{"[]", "", "must be an object, not a list"},
	{"null", "", "must be an object"},
	{"{}", "kind", "is required: a string"},
	{"{\"name\":\"a\"}", "kind", "is required"},
	{"{\"kind\":7,\"name\":\"a\"}", "kind", "a string, not the integer 7"},
	{"{\"kind\":null,\"name\":\"a\"}", "kind", "nothing (null)"},
	{"{\"kind\":\"bastion\",\"name\":\"a\"}", "kind",
	 "\"bastion\" is not a kind; the kinds are: cluster, network, subnet"},
	{"{\"kind\":\"bastion\",\"name\":\"a\"}", "kind", "host, private-endpoint"},
	{"{\"kind\":\"clusters\",\"name\":\"a\"}", "kind", "not a kind"},
	{"{\"kind\":\"Cluster\",\"name\":\"a\"}", "kind", "not a kind"},
	{"{\"kind\":\"\",\"name\":\"a\"}", "kind", "not a kind"},
	{"{\"kind\":\"cluster\\n\",\"name\":\"a\"}", "kind", "\\x0a"},
	{"{\"kind\":\"cluster\"}", "name", "is required: a string"},
	{"{\"kind\":\"cluster\",\"name\":true}", "name", "a string, not true"},
	{"{\"kind\":\"cluster\",\"name\":\"\"}", "name", "1 to 63 characters, not 0"},
	{"{\"kind\":\"cluster\",\"name\":\"" LABEL_63 "4\"}", "name", "1 to 63 characters, not 64"},
	{"{\"kind\":\"cluster\",\"name\":\"-a\"}", "name", "RFC 1123"},
	{"{\"kind\":\"cluster\",\"name\":\"a-\"}", "name", "RFC 1123"},
	{"{\"kind\":\"cluster\",\"name\":\"a.b\"}", "name", "RFC 1123"},
	{"{\"kind\":\"cluster\",\"name\":\"a_b\"}", "name", "RFC 1123"},
	{"{\"kind\":\"cluster\",\"name\":\"Prod\"}", "name", "\"Prod\" must consist of a-z"},
	{"{\"kind\":\"cluster\",\"name\":\"../x\"}", "name", "RFC 1123"},
	{"{\"kind\":\"cluster\",\"name\":\"\\u00e4\"}", "name", "\\xc3\\xa4"},
};

static void test_refusals(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		json_t *doc = json(bad[i].doc);
		const struct kind *kind = NULL;
		const char *name = NULL;
		struct err e = {0};
		int r = kind_of(doc, &kind, &name, &e);

		if (r != -ERR_INVALID || strcmp(e.path, bad[i].path) != 0 ||
		    !strstr(e.text, bad[i].says))
			fail_msg("%s gave %d at \"%s\": %s", bad[i].doc, r, e.path, e.text);
		assert_true(!kind && !name);
		json_decref(doc);
	}
}

static void test_accepted(void **state)
{
	static const char *const names[] = {"a", "0", "a-b", "a--b", "9z", LABEL_63};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		/* The rest of the document is not looked at. */
		json_t *doc =
			json_pack("{s:s, s:s, s:i}", "kind", "cluster", "name", names[i], "x", 1);
		const struct kind *kind = NULL;
		const char *name = NULL;
		struct err e = {0};

		assert_int_equal(kind_of(doc, &kind, &name, &e), 0);
		assert_string_equal(kind->name, "cluster");
		assert_string_equal(name, names[i]);
		json_decref(doc);
	}
}

#define RAW                                                                                        \
	"{\"kind\":\"cluster\",\"name\":\"a\",\"upstreams\":[{\"address\":\"10.0.0.5\"}],"         \
	"\"public\":{\"fqdn\":\"Prod.Example.ORG.\",\"names\":[\"*.X.Org\",\"y.org\"]},\"drain\":" \
	"5}"
#define KEPT                                                                                      \
	"{\"kind\":\"cluster\",\"name\":\"a\",\"upstreams\":[{\"address\":\"10.0.0.5\"}],"        \
	"\"public\":{\"fqdn\":\"prod.example.org\",\"names\":[\"*.x.org\",\"y.org\"]},\"drain\":" \
	"5}"

/* Names are folded, in place; no default is filled in, and the caller's document stays as it is. */
static void test_normalize(void **state)
{
	json_t *doc = json(RAW), *again;
	json_t *kept = kind_normalize(kind_find("cluster"), doc);
	_cleanup_free_ char *doc_text = json_dumps(doc, JSON_COMPACT);
	_cleanup_free_ char *kept_text = json_dumps(kept, JSON_COMPACT);

	assert_string_equal(doc_text, RAW);
	assert_string_equal(kept_text, KEPT);
	again = kind_normalize(kind_find("cluster"), kept);
	assert_true(json_equal(again, kept));
	json_decref(doc);
	json_decref(kept);
	json_decref(again);
}

static void test_check_is_the_kinds(void **state)
{
	json_t *doc = json(RAW);
	struct err e = {0};

	assert_int_equal(kind_find("cluster")->check(doc, false, &e), 0);
	/* Whether that leaves a way in depends on other objects: not for a document by itself. */
	json_object_set_new(json_object_get(doc, "public"), "enabled", json_false());
	assert_int_equal(kind_find("cluster")->check(doc, false, &e), 0);
	json_object_set_new(json_object_get(doc, "public"), "enabled", json_integer(1));
	assert_int_equal(kind_find("cluster")->check(doc, true, &e), -ERR_INVALID);
	assert_string_equal(e.path, "public.enabled");
	/* Every other kind has a check that looks at its own fields. */
	for (size_t i = 1; kind_at(i); i++) {
		json_object_set_new(doc, "kind", json_string(kind_at(i)->name));
		assert_int_equal(kind_at(i)->check(doc, true, &e), -ERR_INVALID);
		assert_string_equal(e.path, "upstreams");
	}
	json_decref(doc);
}

static long allocations_left;

static void *scarce_malloc(size_t size)
{
	return allocations_left-- > 0 ? malloc(size) : NULL;
}

static void test_out_of_memory(void **state)
{
	json_t *doc = json(RAW), *got = NULL;
	long n;

	for (n = 0; !got && n < 1000; n++) {
		json_set_alloc_funcs(scarce_malloc, free);
		allocations_left = n;
		got = kind_normalize(kind_find("cluster"), doc);
		json_set_alloc_funcs(malloc, free);
	}
	assert_in_range(n, 10, 999);
	json_decref(doc);
	json_decref(got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_kind_is_whole),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_normalize),
		cmocka_unit_test(test_check_is_the_kinds),
		cmocka_unit_test(test_out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
