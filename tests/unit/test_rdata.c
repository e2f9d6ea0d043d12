/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Values of records: each type's text to wire and back, and what people get wrong. */
#include "wire/rdata.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t origin[] = "\7example\3org";
static uint8_t wire[RDATA_MAX];
static char text[RDATA_TEXT_MAX];

static void test_there_and_back(void **state)
{
	static const struct {
		uint16_t type;
		const char *in, *again; /* NULL: the same */
		size_t len;
	} rows[] = {
		{RR_A, "192.0.2.1", NULL, 4},
		{RR_A, "  192.0.2.1 ", "192.0.2.1", 4},
		{RR_AAAA, "2001:db8::1", NULL, 16},
		{RR_AAAA, "::ffff:192.0.2.1", NULL, 16},
		{RR_CNAME, "api.example.org", "api.example.org.", 17},
		{RR_NS, "ns.example.org.", NULL, 16},
		{RR_PTR, "h\\.x.example.org.", NULL, 17},
		{RR_MX, "10 mail.example.org.", NULL, 20},
		{RR_MX, "0 .", NULL, 3},
		{RR_SRV, "0 5 65535 api.example.org.", NULL, 23},
		{RR_TXT, "\"a b\" \"c\"", NULL, 6},
		{RR_TXT, "v=spf1 -all", "\"v=spf1\" \"-all\"", 12},
		{RR_TXT, "\"\"", NULL, 1},
		{RR_TXT, "\"q\\\"\\\\\\007\"", NULL, 5},
		{RR_TXT, "a\\ b\\\"", "\"a b\\\"\"", 5},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err e = {0};
		int n = rdata_parse(rows[i].type, rows[i].in, strlen(rows[i].in), NULL, wire, &e);

		if (n < 0)
			fail_msg("%s: %s", rows[i].in, e.text);
		assert_int_equal(n, rows[i].len);
		assert_true(rdata_is_good(rows[i].type, wire, (size_t)n));
		int m = rdata_format(rows[i].type, wire, (size_t)n, text);
		assert_int_equal(m, strlen(text));
		assert_string_equal(text, rows[i].again ? rows[i].again : rows[i].in);
		if (n > 1 && rows[i].type != RR_TXT)
			assert_false(rdata_is_good(rows[i].type, wire, (size_t)n - 1));
	}
}

static void test_relative(void **state)
{
	assert_int_equal(rdata_parse(RR_CNAME, "api", 3, origin, wire, NULL), 17);
	assert_int_equal(rdata_format(RR_CNAME, wire, 17, text), 16);
	assert_string_equal(text, "api.example.org.");
	assert_int_equal(rdata_parse(RR_MX, "1 @", 3, origin, wire, NULL), 15);
}

static void test_refused(void **state)
{
	static const struct {
		uint16_t type;
		const char *in, *says;
	} rows[] = {
		{RR_A, "192.0.2", "IPv4 address"},
		{RR_A, "192.0.2.1 192.0.2.2", "IPv4 address"},
		{RR_A, "", "IPv4 address"},
		{RR_A, "2001:db8::1", "IPv4 address"},
		{RR_AAAA, "192.0.2.1", "IPv6 address"},
		{RR_AAAA, "fe80::1%eth0", "IPv6 address"},
		{RR_CNAME, "a b", "one domain name"},
		{RR_CNAME, "", "one domain name"},
		{RR_CNAME, "a..b", "empty label"},
		{RR_MX, "mail.example.org", "preference"},
		{RR_MX, "10", "preference"},
		{RR_MX, "65536 a", "65535"},
		{RR_MX, "-1 a", "preference"},
		{RR_SRV, "0 5 api", "priority"},
		{RR_SRV, "0 5 443 api x", "priority"},
		{RR_TXT, "", "strings"},
		{RR_TXT, "\"a", "not closed"},
		{RR_TXT, "\"a\"b", "white space"},
		{RR_TXT, "a\"b", "strings"},
		{RR_TXT, "\\999", "octet"},
		{RR_TXT, "\\9", "three digits"},
		{RR_TXT, "a\nb", "one line"},
		{RR_SOA, "a b 1 2 3 4 5", "records have type"},
		{99, "a", "records have type"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err e = {0};
		int n = rdata_parse(rows[i].type, rows[i].in, strlen(rows[i].in), NULL, wire, &e);

		assert_true(n < 0 && n == -(int)e.code);
		if (!strstr(e.text, rows[i].says))
			fail_msg("\"%s\": %s", rows[i].in, e.text);
	}
}

static void test_txt_limits(void **state)
{
	char in[RDATA_MAX * 2];
	struct err e = {0};
	size_t at = 0;

	memset(in, 'x', sizeof(in));
	assert_int_equal(rdata_parse(RR_TXT, in, 255, NULL, wire, &e), 256);
	assert_int_equal(rdata_parse(RR_TXT, in, 256, NULL, wire, &e), -ERR_INVALID);
	assert_non_null(strstr(e.text, "255"));
	for (int i = 0; i < 16; i++, at += 256)
		in[at + 255] = ' ';
	assert_int_equal(rdata_parse(RR_TXT, in, at, NULL, wire, &e), RDATA_MAX);
	assert_int_equal(rdata_parse(RR_TXT, in, at + 1, NULL, wire, &e), -ERR_TOO_LARGE);
	memset(wire, 200, sizeof(wire));
	for (size_t i = 0; i < RDATA_MAX; i += 256)
		wire[i] = 255;
	assert_in_range(rdata_format(RR_TXT, wire, RDATA_MAX, text), RDATA_MAX, RDATA_TEXT_MAX - 1);
	assert_int_equal(rdata_parse(RR_TXT, text, strlen(text), NULL, wire, NULL), RDATA_MAX);
}

static void test_types(void **state)
{
	assert_int_equal(rr_type_parse("aAaA", 4), RR_AAAA);
	assert_int_equal(rr_type_parse("AA", 2), 0);
	assert_string_equal(rr_type_text(RR_SRV), "SRV");
	assert_null(rr_type_text(RR_ANY));
	assert_int_equal(rdata_name_at(RR_SRV), 6);
	assert_int_equal(rdata_name_at(RR_TXT), -1);
	assert_false(rdata_is_good(RR_SOA, (const uint8_t *)"\0\0", 2));
	assert_false(rdata_is_good(RR_TXT, wire, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_relative),
		cmocka_unit_test(test_refused),	       cmocka_unit_test(test_txt_limits),
		cmocka_unit_test(test_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
