/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/space.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct prefix prefix(const char *text)
{
	struct prefix p;
	struct err e = {0};

	if (prefix_parse(text, strlen(text), &p, &e) < 0)
		fail_msg("%s", e.text);
	return p;
}

static struct addr addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static void assert_pair(const char *outer, const char *inner, bool covers, bool overlaps)
{
	struct prefix a = prefix(outer), b = prefix(inner);

	assert_int_equal(prefix_covers(&a, &b), covers);
	assert_int_equal(prefix_overlaps(&a, &b), overlaps);
	assert_int_equal(prefix_overlaps(&b, &a), overlaps);
}

static void test_pairs(void **state)
{
	assert_pair("10.0.0.0/8", "10.1.0.0/16", true, true);
	assert_pair("10.1.0.0/16", "10.0.0.0/8", false, true);
	assert_pair("10.0.0.0/8", "10.0.0.0/8", true, true);
	assert_pair("10.0.0.0/16", "10.1.0.0/16", false, false);
	assert_pair("0.0.0.0/0", "::/0", false, false);
	assert_pair("2001:db8::/32", "2001:db8:ffff::/128", true, true);
	assert_pair("2001:db8::/64", "2001:db8:0:1::/64", false, false);
}

static void assert_last(const char *p, const char *want)
{
	struct prefix range = prefix(p);
	struct addr last = prefix_last(&range);
	char text[ADDR_TEXT_MAX];

	assert_string_equal(addr_format(&last, text), want);
}

static void test_last(void **state)
{
	assert_last("10.0.0.0/24", "10.0.0.255");
	assert_last("0.0.0.0/0", "255.255.255.255");
	assert_last("10.0.0.7", "10.0.0.7");
	assert_last("2001:db8::/64", "2001:db8::ffff:ffff:ffff:ffff");
	assert_last("2001:db8::/48", "2001:db8:0:ffff:ffff:ffff:ffff:ffff");
	assert_last("::/0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
	assert_last("2001:db8::7", "2001:db8::7");
}

static void test_reserved(void **state)
{
	struct prefix p = prefix("10.0.0.0/28"), q = prefix("2001:db8::/64");
	static const char *const reserved[] = {"10.0.0.0", "10.0.0.1", "10.0.0.2", "10.0.0.3",
					       "10.0.0.15"};

	for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
		assert_true(address_is_reserved(&p, (struct addr[]){addr(reserved[i])}));
	assert_false(address_is_reserved(&p, (struct addr[]){addr("10.0.0.4")}));
	assert_false(address_is_reserved(&p, (struct addr[]){addr("10.0.0.14")}));
	assert_true(address_is_reserved(&q, (struct addr[]){addr("2001:db8::3")}));
	assert_false(address_is_reserved(&q, (struct addr[]){addr("2001:db8::4")}));
	assert_int_equal(prefix_usable(&p), 11);
	p = prefix("10.0.0.0/8");
	assert_int_equal(prefix_usable(&p), (1 << 24) - 5);
	p = prefix("10.0.0.0/31");
	assert_int_equal(prefix_usable(&p), 0);
	assert_true(prefix_usable(&q) == UINT64_MAX);
}

static void test_plus(void **state)
{
	struct addr a = addr("2001:db8::ffff:ffff:ffff:ffff"), b = addr_plus(&a, 1);
	char text[ADDR_TEXT_MAX];

	assert_string_equal(addr_format(&b, text), "2001:db8:0:1::");
	a = addr("10.0.0.255");
	b = addr_plus(&a, 2);
	assert_string_equal(addr_format(&b, text), "10.0.1.1");
}

static void test_special(void **state)
{
	struct prefix p = prefix("127.0.0.1"), q = prefix("10.0.0.0/8"), r = prefix("0.0.0.0/0");

	assert_string_equal(prefix_special(&p), "loopback");
	assert_null(prefix_special(&q));
	assert_non_null(prefix_special(&r));
	p = prefix("fe80::1");
	assert_string_equal(prefix_special(&p), "link-local");
	p = prefix("2001:db8::/32");
	assert_null(prefix_special(&p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs),	 cmocka_unit_test(test_last),
		cmocka_unit_test(test_reserved), cmocka_unit_test(test_plus),
		cmocka_unit_test(test_special),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
