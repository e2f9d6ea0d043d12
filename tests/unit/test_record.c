/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records: names within a zone, and values by type in their one canonical form. */
#include "model/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LABEL_63 "a23456789012345678901234567890123456789012345678901234567890123"

static void test_types(void **state)
{
	static const char *const texts[] = {"A", "NS", "CNAME", "PTR", "MX", "TXT", "AAAA", "SRV"};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_string_equal(record_type_text(record_type_find(texts[i])), texts[i]);
	assert_int_equal(record_type_find("aaaa"), RECORD_AAAA);
	assert_int_equal(record_type_find("SOA"), 0);
	assert_int_equal(record_type_find(""), 0);
	assert_string_equal(record_type_text((enum record_type)0), "?");
}

static const struct {
	const char *name, *want, *says;
} names[] = {
	{"@", "@", NULL},
	{"", "@", NULL},
	{"*", "*", NULL},
	{"API", "api", NULL},
	{"a.b", "a.b", NULL},
	{"*.a", "*.a", NULL},
	{"_sip._tcp", "_sip._tcp", NULL},
	{"example", "example", NULL},
	{"a.", NULL, "within its zone"},
	{"example.org", NULL, "write \"@\" for the zone itself"},
	{"a.example.org", NULL, "leave out the \".example.org\""},
	{"a..b", NULL, "no DNS name"},
	{"a.*", NULL, "no DNS name"},
	{"-a", NULL, "no DNS name"},
	{"a b", NULL, "no DNS name"},
	{"10.0.0.1", NULL, "is an address"},
	{LABEL_63 "." LABEL_63 "." LABEL_63 ".a2345678901234567890123456789012345678901234567890",
	 NULL, "too long"},
};

static void test_names(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char dst[DNS_NAME_MAX + 1] = "untouched";
		struct err e = {0};
		int r = record_name_fold(names[i].name, strlen(names[i].name), "example.org", dst,
					 &e);

		if (names[i].want ? r != 0 || strcmp(dst, names[i].want) != 0
				  : r != -ERR_INVALID || !strstr(e.text, names[i].says))
			fail_msg("%s gave %d %s: %s", names[i].name, r, dst, e.text);
	}
}

static void test_full(void **state)
{
	char dst[DNS_NAME_MAX + 1];

	assert_string_equal(record_name_full("@", "a.b", dst), "a.b");
	assert_string_equal(record_name_full("*", "a.b", dst), "*.a.b");
	assert_string_equal(record_name_full("x.y", "a.b", dst), "x.y.a.b");
	assert_true(dns_name_is_below("x.a.b", "a.b"));
	assert_false(dns_name_is_below("a.b", "a.b"));
	assert_false(dns_name_is_below("xa.b", "a.b"));
	assert_false(dns_name_is_below(".a.b", "a.b.c"));
	assert_false(dns_name_is_below("b", "a.b"));
}

static const struct {
	enum record_type type;
	const char *value, *want, *says;
} values[] = {
	{RECORD_A, "10.0.0.1", "10.0.0.1", NULL},
	{RECORD_A, "10.0.0.01", NULL, "an IPv4 address"},
	{RECORD_A, "::1", NULL, "an IPv4 address"},
	{RECORD_A, "", NULL, "an IPv4 address"},
	{RECORD_A, "10.0.0.0/24", NULL, "an IPv4 address"},
	{RECORD_AAAA, "2001:DB8:0:0::1", "2001:db8::1", NULL},
	{RECORD_AAAA, "10.0.0.1", NULL, "an IPv6 address"},
	{RECORD_CNAME, "WWW.Example.org.", "www.example.org.", NULL},
	{RECORD_CNAME, "WWW.Example.org", "www.example.org.", NULL},
	{RECORD_CNAME, "www", NULL, "one label only"},
	{RECORD_CNAME, "www.", "www.", NULL},
	{RECORD_CNAME, "10.0.0.1", NULL, "addresses are values of A and AAAA"},
	{RECORD_CNAME, "*.a.b", NULL, "is a wildcard; a value leads to one name"},
	{RECORD_MX, "5 *.a.b", NULL, "make the record's own name a wildcard"},
	{RECORD_NS, "*.", NULL, "is a wildcard; a value leads to one name"},
	{RECORD_PTR, "*x.a.b", NULL, "no DNS name"},
	{RECORD_CNAME, "a.b c", NULL, "one domain name"},
	{RECORD_CNAME, "a\\.b.c", NULL, "no DNS name"},
	{RECORD_CNAME, ".", NULL, "must be a DNS name"},
	{RECORD_CNAME, "", NULL, "one domain name"},
	{RECORD_NS, "ns.a.b", "ns.a.b.", NULL},
	{RECORD_PTR, "h_1.a.b.", "h_1.a.b.", NULL},
	{RECORD_MX, "10 Mail.a.b", "10 mail.a.b.", NULL},
	{RECORD_MX, "\t007  mail.a.b ", "7 mail.a.b.", NULL},
	{RECORD_MX, "5 mail", NULL, "one label only"},
	{RECORD_MX, "5 mail. ", "5 mail.", NULL},
	{RECORD_MX, "0 .", "0 .", NULL},
	{RECORD_MX, "mail.a.b", NULL, "a preference and a domain name"},
	{RECORD_MX, "65536 mail.a.b", NULL, "at most 65535"},
	{RECORD_MX, "10 10.0.0.1", NULL, "is an address"},
	{RECORD_SRV, "0 5 443 api.a.b", "0 5 443 api.a.b.", NULL},
	{RECORD_SRV, "0 0 0 .", "0 0 0 .", NULL},
	{RECORD_SRV, "0 5 api.a.b", NULL, "priority, weight, port"},
	{RECORD_TXT, "word", "\"word\"", NULL},
	{RECORD_TXT, "two words", "\"two\" \"words\"", NULL},
	{RECORD_TXT, "\"two words\"  \"\"", "\"two words\" \"\"", NULL},
	{RECORD_TXT, "\"a\\\"b\\\\c\\065\\007\"", "\"a\\\"b\\\\cA\\007\"", NULL},
	{RECORD_TXT, "\xc3\xa4", "\"\\195\\164\"", NULL},
	{RECORD_TXT, "", NULL, "strings"},
	{RECORD_TXT, "\"open", NULL, "not closed"},
	{RECORD_TXT, "a\\256", NULL, "\\256"},
};

static void test_values(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		char dst[RECORD_TEXT_MAX] = "", again[RECORD_TEXT_MAX];
		struct err e = {0};
		int r = record_value_canon(values[i].type, values[i].value, strlen(values[i].value),
					   dst, &e);

		if (values[i].want ? r != 0 || strcmp(dst, values[i].want) != 0
				   : r != -ERR_INVALID || !strstr(e.text, values[i].says))
			fail_msg("%s gave %d %s: %s", values[i].value, r, dst, e.text);
		/* The canonical form of a canonical form is itself. */
		if (!values[i].want)
			continue;
		assert_int_equal(record_value_canon(values[i].type, dst, strlen(dst), again, &e),
				 0);
		assert_string_equal(dst, again);
	}
}

static void test_zero_character(void **state)
{
	char dst[RECORD_TEXT_MAX];
	struct err e = {0};

	assert_int_equal(record_value_canon(RECORD_TXT, "a\0b", 3, dst, &e), -ERR_INVALID);
	assert_non_null(strstr(e.text, "zero character"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types),	       cmocka_unit_test(test_names),
		cmocka_unit_test(test_full),	       cmocka_unit_test(test_values),
		cmocka_unit_test(test_zero_character),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
