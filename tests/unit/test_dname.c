/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Domain names: text to wire and back, what is refused, suffixes at labels. */
#include "wire/dname.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t origin[] = "\7example\3org";

static void test_parse(void **state)
{
	static const struct {
		const char *text;
		bool below;
		const char *again; /* NULL: refused */
	} rows[] = {
		{"example.org", false, "example.org."},
		{"example.org.", false, "example.org."},
		{".", false, "."},
		{".", true, "."},
		{"@", true, "example.org."},
		{"@", false, "\\@."},
		{"a.b", true, "a.b.example.org."},
		{"a.b.", true, "a.b."},
		{"*", true, "*.example.org."},
		{"WwW", true, "WwW.example.org."},
		{"a\\.b", false, "a\\.b."},
		{"a\\032b\\255", false, "a\\032b\\255."},
		{"a\\", false, NULL},
		{"a\\25", false, NULL},
		{"a\\256", false, NULL},
		{"", true, NULL},
		{"..", false, NULL},
		{".a", false, NULL},
		{"a..b", false, NULL},
		{"a b", false, NULL},
		{"a\tb", false, NULL},
		{"012345678901234567890123456789012345678901234567890123456789012", false,
		 "012345678901234567890123456789012345678901234567890123456789012."},
		{"0123456789012345678901234567890123456789012345678901234567890123", false, NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t wire[DNAME_MAX];
		char text[DNAME_TEXT_MAX];
		struct err e = {0};
		int n = dname_parse(rows[i].text, strlen(rows[i].text),
				    rows[i].below ? origin : NULL, wire, &e);

		if (!rows[i].again) {
			assert_int_equal(n, -ERR_INVALID);
			assert_int_not_equal(e.text[0], 0);
			continue;
		}
		if (n < 0)
			fail_msg("%s: %s", rows[i].text, e.text);
		assert_int_equal(dname_size(wire, (size_t)n), n);
		assert_string_equal(dname_format(wire, text), rows[i].again);
	}
}

/* 255 octets fit, 256 do not; with an origin as without. */
static void test_longest(void **state)
{
	char text[300];
	uint8_t wire[DNAME_MAX];

	for (size_t len = 230; len < 270; len++) {
		for (size_t i = 0; i < len; i++)
			text[i] = i % 50 == 49 ? '.' : 'a';
		if (text[len - 1] == '.')
			continue;
		int n = dname_parse(text, len, NULL, wire, NULL);
		int m = dname_parse(text, len, origin, wire, NULL);

		assert_int_equal(n, len + 2 <= 255 ? (int)len + 2 : -ERR_INVALID);
		assert_int_equal(m, len + 14 <= 255 ? (int)len + 14 : -ERR_INVALID);
	}
}

static void test_size(void **state)
{
	uint8_t long_name[400];

	assert_int_equal(dname_size(origin, sizeof(origin)), 13);
	for (size_t left = 0; left < 13; left++)
		assert_int_equal(dname_size(origin, left), 0);
	assert_int_equal(dname_size((const uint8_t *)"\xc0\x0c", 2), 0);
	assert_int_equal(dname_size((const uint8_t *)"\x40", 1), 0);
	memset(long_name, 1, sizeof(long_name));
	assert_int_equal(dname_size(long_name, sizeof(long_name)), 0);
	long_name[254] = 0;
	assert_int_equal(dname_size(long_name, sizeof(long_name)), 255);
	assert_int_equal(dname_labels(long_name), 127);
}

static void test_below(void **state)
{
	static const uint8_t deep[] = "\1a\1b\7example\3org", not_at_label[] = "\11x\7example\3org";
	static const uint8_t upper[] = "\7EXAMPLE\3Org", other[] = "\7example\3com";

	assert_int_equal(dname_below(origin, 13, origin, 13), 0);
	assert_int_equal(dname_below(deep, 17, origin, 13), 4);
	assert_int_equal(dname_below(origin, 13, deep, 17), -1);
	assert_int_equal(dname_below(not_at_label, 15, origin, 13), -1);
	assert_int_equal(dname_below(deep, 17, deep + 16, 1), 16);
	assert_true(dname_is_equal(origin, upper));
	assert_false(dname_is_equal(origin, other));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_below),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
