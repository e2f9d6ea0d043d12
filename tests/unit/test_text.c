/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postern/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void expect_clean(const char *in, const char *out)
{
	_cleanup_free_ char *clean = text_clean(in);

	assert_string_equal(clean, out);
}

static void test_clean(void **state)
{
	expect_clean("plain ~", "plain ~");
	expect_clean("\x1b[2J\n\x7f", "\\x1b[2J\\x0a\\x7f");
	expect_clean("caf\xc3\xa9 \xe2\x80\xa6 \xf0\x9f\x94\x92",
		     "caf\xc3\xa9 \xe2\x80\xa6 \xf0\x9f\x94\x92");
	expect_clean("\xc2\x9b", "\\xc2\\x9b");			  /* C1: CSI in one character */
	expect_clean("\xc0\xaf", "\\xc0\\xaf");			  /* overlong */
	expect_clean("\xed\xa0\x80", "\\xed\\xa0\\x80");	  /* surrogate */
	expect_clean("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"); /* past the last code point */
	expect_clean("\xe2\x80", "\\xe2\\x80");			  /* cut off */
	expect_clean("\xff", "\\xff");
}

static void test_width(void **state)
{
	assert_int_equal(text_width("caf\xc3\xa9"), 4);
	assert_int_equal(text_fit("caf\xc3\xa9s", 4), 5);
	assert_int_equal(text_fit("abc", 9), 3);
	assert_int_equal(text_fit("\xc3\xa9\xc3\xa9", 1), 2);
}

static void expect_bytes(uint64_t n, const char *text)
{
	char dst[QUANTITY_MAX];

	assert_string_equal(bytes_format(n, dst), text);
}

static void test_bytes(void **state)
{
	expect_bytes(0, "0");
	expect_bytes(1023, "1023 B");
	expect_bytes(1024, "1.0 KiB");
	expect_bytes(1048575, "1.0 MiB"); /* not "1024.0 KiB" */
	expect_bytes(5ull << 30, "5.0 GiB");
	expect_bytes(UINT64_MAX, "16.0 EiB");
}

static void expect_age(int64_t s, const char *text)
{
	char dst[QUANTITY_MAX];

	assert_string_equal(age_format(s, dst), text);
}

static void test_ages(void **state)
{
	expect_age(-5, "0s");
	expect_age(119, "119s");
	expect_age(120, "2m");
	expect_age(7199, "119m");
	expect_age(7200, "2h");
	expect_age(172800, "2d");
	expect_age(86400ll * 4000, "4000d");
	assert_int_equal(time_parse("1970-01-02T00:00:01.500Z"), 86401);
	assert_int_equal(time_parse("yesterday"), -1);
}

static void expect_base64(const char *in, const char *out)
{
	_cleanup_free_ char *s = base64_encode(in, strlen(in));

	assert_string_equal(s, out);
}

/* RFC 4648 section 10. */
static void test_base64(void **state)
{
	expect_base64("", "");
	expect_base64("f", "Zg==");
	expect_base64("fo", "Zm8=");
	expect_base64("foo", "Zm9v");
	expect_base64("foobar", "Zm9vYmFy");
	expect_base64("\xff\xfe\xfd", "//79");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clean),  cmocka_unit_test(test_width),
		cmocka_unit_test(test_bytes),  cmocka_unit_test(test_ages),
		cmocka_unit_test(test_base64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
