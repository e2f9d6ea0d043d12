/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Zones and links as documents: every mistake in its own words; and what is read. */
#include "landscape_rig.h"

#include "base/cleanup.h"
#include "model/body.h"
#include "model/limits.h"
#include "model/zone.h"

#include <stdlib.h>

#define Z      "kind: zone\nname: z\ndomain: example.org\nvisibility: private\n"
#define R(set) Z "records: [" set "]\n"
#define L      "kind: zone-link\nname: l\n"

static const struct {
	const char *doc, *path, *says;
} bad[] = {
	{"kind: zone\nname: z\ndomain: a.b\n", "visibility", "is required"},
	{"kind: zone\nname: z\nvisibility: private\n", "domain", "is required"},
	{"kind: zone\nname: z\ndomain: \"*.a\"\nvisibility: private\n", "domain",
	 "the record of name \"*\""},
	{"kind: zone\nname: z\ndomain: \".\"\nvisibility: private\n", "domain", "DNS name"},
	{"kind: zone\nname: z\ndomain: a.b\nvisibility: hidden\n", "visibility",
	 "one of private, public"},
	{Z "ttl: -1\n", "ttl", "from 0 to 2147483647"},
	{Z "minimum: 2147483648\n", "minimum", "from 0"},
	{Z "serial: 5\n", "serial", "is not a field here"},
	{R("5"), "records[0]", "an object"},
	{R("{name: a, type: A}"), "records[0].values", "is required"},
	{R("{name: a, type: A, values: []}"), "records[0].values", "leave the whole record out"},
	{R("{name: a, type: A, values: [1]}"), "records[0].values[0]", "a string"},
	{R("{name: a, type: A, values: [\"::1\"]}"), "records[0].values[0]", "an IPv4 address"},
	{R("{name: a, type: AAAA, values: [\"::1\", \"0:0::1\"]}"), "records[0].values[1]",
	 "same as item 0"},
	{R("{name: a, type: SOA, values: [x]}"), "records[0].type", "made by itself"},
	{R("{name: a, type: HINFO, values: [x]}"), "records[0].type", "one of A, AAAA, CNAME"},
	{R("{name: a.example.org, type: A, values: [10.0.0.1]}"), "records[0].name",
	 "within its zone"},
	{R("{name: \"@\", type: CNAME, values: [a.b]}"), "records[0].type",
	 "cannot be at the zone itself"},
	{R("{name: \"*\", type: NS, values: [a.b]}"), "records[0].type", "wildcard"},
	{R("{name: a, type: CNAME, values: [a.b, a.c]}"), "records[0].values", "one name"},
	{R("{name: a, type: A, values: [10.0.0.1]}, {name: b, type: A, values: [10.0.0.1]}, "
	   "{name: A, type: A, values: [10.0.0.2]}"),
	 "records[2]", "already, as item 0"},
	{R("{name: a, type: CNAME, values: [a.b]}, {name: a, type: TXT, values: [x]}"),
	 "records[0]", "stands alone"},
	{R("{name: a, type: A, values: [10.0.0.1]}, {name: a, type: CNAME, values: [a.b]}"),
	 "records[1]", "(item 0)"},
	{L "zone: z\n", "", "exactly one of network, site"},
	{L "zone: z\nnetwork: n\nsite: s\n", "", "exactly one of network, site"},
	{L "network: n\n", "", "exactly one of zone, cluster"},
	{L "zone: z\ncluster: c\nnetwork: n\n", "", "exactly one of zone, cluster"},
	{L "zone: Z\nnetwork: n\n", "zone", "RFC 1123"},
	{L "zone: z\nnetwork: n\nfallThrough: yes\n", "fallThrough", "true or false"},
};

static int check(const char *yaml, struct err *e)
{
	const struct kind *kind;
	const char *name;
	json_t *list = NULL;
	int r;

	assert_int_equal(document_parse(yaml, strlen(yaml), DOCUMENT_YAML, &list, e), 0);
	r = kind_of(json_array_get(list, 0), &kind, &name, e);
	if (r == 0)
		r = kind->check(json_array_get(list, 0), false, e);
	json_decref(list);
	return r;
}

static void test_refusals(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err e = {0};
		int r = check(bad[i].doc, &e);

		if (r != -ERR_INVALID || strcmp(e.path, bad[i].path) != 0 ||
		    !strstr(e.text, bad[i].says))
			fail_msg("%s\ngave %d at '%s': %s", bad[i].doc, r, e.path, e.text);
	}
}

static struct declared_zone *parse(const char *yaml)
{
	json_t *list = documents(yaml);
	struct err e = {0};
	void *body;

	assert_int_equal(body_parse(OBJECT_ZONE, json_array_get(list, 0), NULL, NULL, &body, &e),
			 0);
	json_decref(list);
	return body;
}

static void test_read(void **state)
{
	struct declared_zone *z =
		parse("kind: zone\nname: z\ndomain: Example.ORG.\nvisibility: public\nttl: 60\n"
		      "records:\n"
		      "  - {name: b, type: A, values: [10.0.0.2, 10.0.0.1]}\n"
		      "  - {name: \"@\", type: TXT, values: [\"x y\"], ttl: 5}\n"
		      "  - {name: B, type: AAAA, values: [\"::2\"]}\n"
		      "  - {name: \"*\", type: CNAME, values: [Www.Example.org.]}\n");
	const struct record_set *set;
	size_t n;

	assert_string_equal(z->domain, "example.org");
	assert_true(z->is_public);
	assert_int_equal(z->minimum, DNS_NEGATIVE_TTL);
	assert_int_equal(z->n_records, 4);
	set = zone_find_sets(z, "b", &n);
	assert_int_equal(n, 2);
	assert_int_equal(set[0].type, RECORD_A);
	assert_int_equal(set[0].ttl, 60);
	assert_int_equal(set[0].n_values, 2);
	assert_string_equal(set[0].values, "10.0.0.2");
	assert_string_equal(set[0].values + strlen(set[0].values) + 1, "10.0.0.1");
	assert_int_equal(set[1].type, RECORD_AAAA);
	assert_int_equal(set[1].index, 2);
	set = zone_find_sets(z, "@", &n);
	assert_int_equal(n, 1);
	assert_int_equal(set->ttl, 5);
	assert_string_equal(set->values, "\"x\" \"y\"");
	assert_string_equal(zone_find_sets(z, "*", &n)->values, "www.example.org.");
	assert_null(zone_find_sets(z, "a", &n));
	assert_int_equal(n, 0);
	assert_null(zone_find_sets(z, "c", &n));
	body_free(OBJECT_ZONE, z);
	z = parse(Z);
	assert_int_equal(z->ttl, DNS_TTL);
	assert_null(zone_find_sets(z, "@", &n));
	body_free(OBJECT_ZONE, z);
}

static void test_normalized(void **state)
{
	json_t *list = documents("kind: zone\nname: z\ndomain: Example.ORG.\nvisibility: private\n"
				 "records: [{name: API, type: A, values: [10.0.0.1]}, {name: "
				 "\"@\", type: TXT, values: [X]}]\n");
	json_t *doc = kind_normalize(kind_find("zone"), json_array_get(list, 0));
	const json_t *records = json_object_get(doc, "records");

	assert_string_equal(json_string_value(json_object_get(doc, "domain")), "example.org");
	assert_string_equal(json_string_value(json_object_get(json_array_get(records, 0), "name")),
			    "api");
	assert_string_equal(json_string_value(json_object_get(json_array_get(records, 1), "name")),
			    "@");
	json_decref(doc);
	json_decref(list);
}

static json_t *big_zone(size_t n_sets, size_t n_values)
{
	json_t *records = json_array(), *values = json_array();

	for (size_t i = 0; i < n_values; i++)
		json_array_append_new(values, json_sprintf("10.0.%zu.%zu", i / 256, i % 256));
	for (size_t i = 0; i < n_sets; i++)
		json_array_append_new(records,
				      json_pack("{s:o,s:s,s:O}", "name", json_sprintf("n%zu", i),
						"type", "A", "values", values));
	json_decref(values);
	return json_pack("{s:s,s:s,s:s,s:s,s:o}", "kind", "zone", "name", "z", "domain", "a.b",
			 "visibility", "private", "records", records);
}

static void assert_size(size_t n_sets, size_t n_values, int want, const char *says)
{
	json_t *doc = big_zone(n_sets, n_values);
	struct err e = {0};

	assert_int_equal(kind_find("zone")->check(doc, false, &e), want);
	if (want)
		assert_non_null(strstr(e.text, says));
	json_decref(doc);
}

static void test_limits(void **state)
{
	assert_size(25001, 1, 0, NULL);
	assert_size(1, 1000, 0, NULL);
	assert_size(1, 1001, -ERR_TOO_LARGE, "at most 1000 values");
	limit_profile_set(PROFILE_CLOUD);
	assert_size(25000, 1, 0, NULL);
	assert_size(25001, 1, -ERR_TOO_LARGE, "at most 25000 record sets");
	assert_size(1, 20, 0, NULL);
	assert_size(1, 21, -ERR_TOO_LARGE, "at most 20 values");
	limit_profile_set(PROFILE_OPEN);
}

/* Many long strings in one set are more than a message holds. */
static void test_set_too_long(void **state)
{
	json_t *values = json_array(), *doc;
	char text[241];
	struct err e = {0};

	memset(text, 'x', sizeof(text) - 1);
	text[240] = '\0';
	for (int i = 0; i < 260; i++)
		json_array_append_new(values, json_sprintf("\"%03d%s\"", i, text));
	doc = json_pack("{s:s,s:s,s:s,s:s,s:[{s:s,s:s,s:o}]}", "kind", "zone", "name", "z",
			"domain", "a.b", "visibility", "private", "records", "name", "t", "type",
			"TXT", "values", values);
	assert_int_equal(kind_find("zone")->check(doc, false, &e), -ERR_TOO_LARGE);
	assert_non_null(strstr(e.text, "no answer has room for"));
	json_decref(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusals),     cmocka_unit_test(test_read),
		cmocka_unit_test(test_normalized),   cmocka_unit_test(test_limits),
		cmocka_unit_test(test_set_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
