/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_set(void **state)
{
	struct err e = {0};

	assert_int_equal(err_set(&e, ERR_INVALID, "public.ranges[2]", "%s has %d", "it", 3),
			 -ERR_INVALID);
	assert_int_equal(e.code, ERR_INVALID);
	assert_string_equal(e.path, "public.ranges[2]");
	assert_string_equal(e.text, "it has 3");

	assert_int_equal(err_set(&e, ERR_NOMEM, NULL, "none"), -ERR_NOMEM);
	assert_string_equal(e.path, "");
	assert_int_equal(err_set(NULL, ERR_CONFLICT, "x", "nobody listens"), -ERR_CONFLICT);
}

/* What is too long is cut and shows it; what would break a line or JSON does not get through. */
static void test_set_bounds(void **state)
{
	char big[2000];
	struct err e;

	memset(big, 'a', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	assert_int_equal(err_set(&e, ERR_INVALID, big, "%s", big), -ERR_INVALID);
	assert_int_equal(strlen(e.text), ERR_TEXT_MAX - 1);
	assert_string_equal(e.text + ERR_TEXT_MAX - 4, "...");
	assert_int_equal(strlen(e.path), ERR_PATH_MAX - 1);
	assert_string_equal(e.path + ERR_PATH_MAX - 4, "...");

	big[ERR_TEXT_MAX - 1] = '\0';
	assert_int_equal(err_set(&e, ERR_INVALID, NULL, "%s", big), -ERR_INVALID);
	assert_string_equal(e.text, big);

	assert_int_equal(err_set(&e, ERR_INVALID, "a\nb", "x\ny\x1bz\xc3\xa4"), -ERR_INVALID);
	assert_string_equal(e.text, "x y?z??");
	assert_string_equal(e.path, "a b");
}

static void test_under(void **state)
{
	char big[ERR_PATH_MAX + 10];
	struct err e;

	assert_int_equal(err_set(&e, ERR_INVALID, "[0]", "x"), -ERR_INVALID);
	err_under(&e, "ranges");
	assert_string_equal(e.path, "ranges[0]");
	err_under(&e, "public");
	assert_string_equal(e.path, "public.ranges[0]");
	err_under(&e, "[3]");
	assert_string_equal(e.path, "[3].public.ranges[0]");
	err_under(&e, "");
	err_under(&e, NULL);
	err_under(NULL, "x");
	assert_string_equal(e.path, "[3].public.ranges[0]");

	assert_int_equal(err_set(&e, ERR_INVALID, NULL, "x"), -ERR_INVALID);
	err_under(&e, "drain");
	assert_string_equal(e.path, "drain");
	memset(big, 'p', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	err_under(&e, big);
	assert_int_equal(strlen(e.path), ERR_PATH_MAX - 1);
	assert_string_equal(e.path + ERR_PATH_MAX - 4, "...");
}

static void test_codes(void **state)
{
	assert_string_equal(err_code_text(ERR_TOO_LARGE), "too-large");
	assert_int_equal(err_code_http(ERR_CONFLICT), 409);
	assert_int_equal(err_code_exit(ERR_TIMEOUT), 8);
	for (int c = ERR_NONE; c <= ERR_NOMEM; c++)
		assert_int_equal(err_code_from_text(err_code_text((enum err_code)c)), c);
	assert_int_equal(err_code_from_text("no such code"), ERR_INTERNAL);
	assert_int_equal(err_code_from_text(NULL), ERR_INTERNAL);
	assert_int_equal(err_code_http((enum err_code)999), 500);
	assert_int_equal(err_code_exit((enum err_code)999), 1);
	assert_string_equal(err_code_text((enum err_code)999), "internal");
}

static void test_quote(void **state)
{
	char dst[64], fill[65];

	assert_string_equal(str_quote(dst, sizeof(dst), "plain text", 10), "plain text");
	assert_string_equal(str_quote(dst, sizeof(dst), "a\0b\n\xff", 5), "a\\x00b\\x0a\\xff");
	assert_string_equal(str_quote(dst, sizeof(dst), "", 0), "");

	/* An exact fit is not cut; an escape is not cut in half. */
	assert_string_equal(str_quote(dst, 6, "abcde", 5), "abcde");
	assert_string_equal(str_quote(dst, 6, "abcdef", 6), "ab...");
	assert_string_equal(str_quote(dst, 8, "ab\n\n", 4), "ab...");
	assert_string_equal(str_quote(dst, 11, "ab\n\n\n", 5), "ab\\x0a...");

	/* Any length and room: terminated, within the room. */
	for (size_t cap = 0; cap <= 20; cap++) {
		for (size_t len = 0; len <= 20; len++) {
			memset(fill, 0x55, sizeof(fill));
			str_quote(fill, cap,
				  "ab\x01"
				  "cdef\x02\x03gh\"ijklmnopq",
				  len);
			if (cap > 0)
				assert_non_null(memchr(fill, '\0', cap));
			for (size_t i = cap; i < sizeof(fill); i++)
				assert_int_equal(fill[i], 0x55);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set),   cmocka_unit_test(test_set_bounds),
		cmocka_unit_test(test_under), cmocka_unit_test(test_codes),
		cmocka_unit_test(test_quote),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
