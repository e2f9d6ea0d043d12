/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Zone files: what becomes of each form, the line and reason of each mistake, and there and back again. */
#include "postern/zone_file.h"

#include "base/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct zone_file_head head = {"corp", "Corp.Example.", false};

static json_t *read_file(const char *text)
{
	json_t *doc = NULL;
	struct err e = {0};

	if (zone_file_read(text, strlen(text), &head, &doc, &e) < 0)
		fail_msg("%s\n%s: %s", text, e.path, e.text);
	return doc;
}

static void assert_document(const json_t *doc, const char *want)
{
	char *text = json_dumps(doc, JSON_COMPACT | JSON_SORT_KEYS);
	json_t *wanted = json_loads(want, 0, NULL);

	assert_non_null(wanted);
	if (!json_equal(doc, wanted))
		fail_msg("%s", text);
	free(text);
	json_decref(wanted);
}

#define HEAD                                                                                     \
	"\"kind\": \"zone\", \"name\": \"corp\", \"domain\": \"corp.example\", \"visibility\": " \
	"\"private\""

static void test_read(void **state)
{
	json_t *doc = read_file("$TTL 1h\n"
				"@ IN SOA ns.corp.example. admin.corp.example. (\n"
				"   2024010101 ; serial\n"
				"   7200 3600 1209600 60 )\n"
				"  IN NS ns\n"
				"; a comment\n"
				"Www  A 10.0.0.1\n"
				"     A 10.0.0.2\n"
				"www  A 10.0.0.1 ; again\n"
				"     30 AAAA 2001:DB8::1\n"
				"*.apps CNAME www\n"
				"ext CNAME www.example.org.\n"
				"@ MX 10 mail\n"
				"@ TXT \"v=spf1 -all\" two\n"
				"_https._tcp SRV 0 5 443 www\n"
				"$ORIGIN sub.corp.example.\n"
				"a A 10.0.0.3");

	assert_document(
		doc,
		"{" HEAD ", \"ttl\": 3600, \"minimum\": 60, \"records\": ["
		"{\"name\": \"www\", \"type\": \"A\", \"values\": [\"10.0.0.1\", \"10.0.0.2\"]},"
		"{\"name\": \"www\", \"type\": \"AAAA\", \"ttl\": 30, \"values\": "
		"[\"2001:db8::1\"]},"
		"{\"name\": \"*.apps\", \"type\": \"CNAME\", \"values\": [\"www.corp.example.\"]},"
		"{\"name\": \"ext\", \"type\": \"CNAME\", \"values\": [\"www.example.org.\"]},"
		"{\"name\": \"@\", \"type\": \"MX\", \"values\": [\"10 mail.corp.example.\"]},"
		"{\"name\": \"@\", \"type\": \"TXT\", \"values\": [\"\\\"v=spf1 -all\\\" "
		"\\\"two\\\"\"]},"
		"{\"name\": \"_https._tcp\", \"type\": \"SRV\", \"values\": [\"0 5 443 "
		"www.corp.example.\"]},"
		"{\"name\": \"a.sub\", \"type\": \"A\", \"values\": [\"10.0.0.3\"]}]}");
	json_decref(doc);
	doc = read_file("");
	assert_document(doc, "{" HEAD ", \"records\": []}");
	json_decref(doc);
	/* Another NS is the user's. */
	doc = read_file("@ NS ns\n@ NS ns2.example.org.\n");
	assert_document(doc, "{" HEAD ", \"records\": [{\"name\": \"@\", \"type\": \"NS\", "
			     "\"values\": [\"ns.corp.example.\", \"ns2.example.org.\"]}]}");
	json_decref(doc);
}

static const struct {
	const char *text, *path, *says;
} bad[] = {
	{"www A 10.0.0.1\nwww A 10.0.0\n", "line 2", "IPv4"},
	{"\n\nwww A\n", "line 3", ""},
	{"www FOO x\n", "line 1", ""},
	{"www A 10.0.0.1\n\n; comment\nx HINFO a b\n", "line 4", "none that a zone holds"},
	{"www A 10.0.0.1\na.other.example. A 10.0.0.1\n", "line 2",
	 "not in the domain corp.example"},
	{"xcorp.example. A 10.0.0.1\n", "line 1", "not in the domain"},
	{"@ A 10.0.0.1\n$INCLUDE /etc/passwd\n", "line 2", "not followed"},
	{"www CH A 10.0.0.1\n", "line 1", ""},
	{"www 300 A 10.0.0.1\nb A 10.0.0.1\nwww 60 A 10.0.0.2\n", "line 3", "one TTL"},
	{"www A 10.0.0.1\nb A 10.0.0.1\nwww CNAME b\n", "line 3", "stands alone"},
	{"@ CNAME b\n", "line 1", "cannot be at the zone itself"},
	{"b A 10.0.0.1\n\nwww CNAME b\nwww CNAME c\n", "line 3", "one name"},
	{"a\\.b A 10.0.0.1\n", "line 1", "no DNS name"},
	{"a!b A 10.0.0.1\n", "line 1", "invalid domain name character"},
	{"sub SOA ns admin 1 2 3 4 5\n", "line 1", "a file has one zone"},
	{"www CNAME 10.0.0.1.\n", "line 1", "is an address"},
	{"a TXT (\n \"x\"\n \"y\"\n", "line ", "unclosed"},
};

static void test_refusals(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		json_t *doc = NULL;
		struct err e = {0};
		int r = zone_file_read(bad[i].text, strlen(bad[i].text), &head, &doc, &e);

		if (r != -ERR_INVALID || doc || strncmp(e.path, bad[i].path, strlen(bad[i].path)) ||
		    !strstr(e.text, bad[i].says) || !e.text[0])
			fail_msg("%s\ngave %d at %s: %s", bad[i].text, r, e.path, e.text);
	}
}

static void test_domain(void **state)
{
	struct zone_file_head wrong = {"corp", "*.example", false};
	json_t *doc = NULL;
	struct err e = {0};

	assert_int_equal(zone_file_read("", 0, &wrong, &doc, &e), -ERR_INVALID);
	assert_string_equal(e.path, "domain");
}

static void test_there_and_back(void **state)
{
	static const char want[] =
		"{" HEAD ", \"ttl\": 60, \"records\": ["
		"{\"name\": \"@\", \"type\": \"TXT\", \"values\": [\"\\\"a;b\\\\\\\"c\\\"\"]},"
		"{\"name\": \"*\", \"type\": \"A\", \"ttl\": 5, \"values\": [\"10.0.0.2\", "
		"\"10.0.0.1\"]},"
		"{\"name\": \"m\", \"type\": \"MX\", \"values\": [\"0 .\"]},"
		"{\"name\": \"p\", \"type\": \"PTR\", \"values\": [\"top.\"]}]}";
	json_t *doc = json_loads(want, 0, NULL), *again;
	char *text = zone_file_write(doc, 7);

	assert_non_null(text);
	assert_non_null(strstr(text, "$ORIGIN corp.example.\n$TTL 60\n"));
	assert_non_null(strstr(text, "SOA\tns hostmaster 7 60 30 604800 30\n"));
	assert_non_null(strstr(text, "; The zone declares no address of \"ns\"."));
	assert_non_null(strstr(text, ".\n@\t60\tIN\tNS\tns\n"));
	again = read_file(text);
	assert_document(again, want);
	json_decref(again);
	free(text);
	json_decref(doc);
	doc = json_pack("{s:s}", "kind", "zone");
	assert_null(zone_file_write(doc, 1));
	json_object_set_new(doc, "domain", json_string("a.b"));
	json_object_set_new(
		doc, "records",
		json_pack("[{s:s,s:s,s:[s]}]", "name", "a", "type", "A", "values", "x"));
	assert_null(zone_file_write(doc, 1));
	json_decref(doc);
}

/* The hint is there if the system's NS is and has no address. */
static void test_hint(void **state)
{
	static const struct {
		const char *records;
		bool is_hinted;
	} cases[] = {
		{"", true},
		{"{\"name\": \"ns\", \"type\": \"TXT\", \"values\": [\"x\"]}", true},
		{"{\"name\": \"www\", \"type\": \"A\", \"values\": [\"10.0.0.1\"]}", true},
		{"{\"name\": \"ns\", \"type\": \"A\", \"values\": [\"10.0.0.1\"]}", false},
		{"{\"name\": \"ns\", \"type\": \"AAAA\", \"values\": [\"::1\"]}", false},
		{"{\"name\": \"@\", \"type\": \"NS\", \"values\": [\"a.b\"]}", false},
		{"{\"name\": \"\", \"type\": \"NS\", \"values\": [\"a.b\"]}", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char document[300];
		json_t *doc;
		char *text;

		snprintf(document, sizeof(document), "{" HEAD ", \"records\": [%s]}",
			 cases[i].records);
		doc = json_loads(document, 0, NULL);
		text = zone_file_write(doc, 7);
		if ((strstr(text, "\n; ") != NULL) != cases[i].is_hinted)
			fail_msg("%s", text);
		free(text);
		json_decref(doc);
	}
}

static void test_many(void **state)
{
	const size_t n = 20000, cap = n * 40;
	char *text = malloc(cap);
	size_t used = 0;
	json_t *doc;

	for (size_t i = 0; i < n; i++)
		used += (size_t)snprintf(text + used, cap - used, "h%zu A 10.0.%zu.%zu\n", i,
					 i / 256, i % 256);
	doc = read_file(text);
	assert_int_equal(json_array_size(json_object_get(doc, "records")), n);
	json_decref(doc);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),   cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_domain), cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_hint),   cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
