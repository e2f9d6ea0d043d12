/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rate limit: rate and burst, slip, what shares a bucket and what does not, a flood of sources. */
#include "dns/rrl.h"

#include "base/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const uint8_t key[16] = "0123456789abcde";

static unsigned passes(struct rrl *r, const struct addr *a, uint32_t zone, uint8_t kind,
		       uint64_t now, unsigned n, unsigned *ret_truncated)
{
	unsigned passed = 0;

	*ret_truncated = 0;
	while (n--) {
		const enum rrl_verdict v = rrl_judge(r, a, zone, kind, now);

		passed += v == RRL_PASS;
		*ret_truncated += v == RRL_TRUNCATE;
	}
	return passed;
}

static void test_rate(void **state)
{
	struct rrl *r = rrl_new(10, 2, 1000, key);
	const struct addr a = addr_v4(0xc0000201);
	unsigned t;

	assert_int_equal(passes(r, &a, 1, 0, 1000, 100, &t), 20);
	assert_int_equal(t, 40); /* every second of the others */
	assert_int_equal(passes(r, &a, 1, 0, 1099, 100, &t), 0);
	assert_int_equal(passes(r, &a, 1, 0, 1100, 100, &t), 1);
	assert_int_equal(passes(r, &a, 1, 0, 2100, 100, &t), 10);
	assert_int_equal(passes(r, &a, 1, 0, 1000000, 100, &t), 20);
	assert_int_equal(passes(r, &a, 1, 0, 999999, 100, &t),
			 0); /* a clock that goes back brings nothing */
	rrl_free(r);
	rrl_free(NULL);
}

static void test_what_is_alike(void **state)
{
	static const struct {
		const char *addr;
		uint32_t zone;
		uint8_t kind;
		bool alike;
	} rows[] = {
		{"192.0.2.255", 1, 0, true},	   {"192.0.3.1", 1, 0, false},
		{"192.0.2.1", 2, 0, false},	   {"192.0.2.1", 1, 1, false},
		{"2001:db8::1", 1, 0, false},	   {"2001:db8:0:ff:1::", 1, 0, true},
		{"2001:db8:0:100::", 1, 0, false},
	};
	struct rrl *r = rrl_new(1, 1, 1000, key);
	struct addr a;
	unsigned t;

	assert_int_equal(addr_parse("192.0.2.1", &a), 0);
	passes(r, &a, 1, 0, 1, 9, &t);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(addr_parse(rows[i].addr, &a), 0);
		assert_int_equal(passes(r, &a, rows[i].zone, rows[i].kind, 1, 9, &t),
				 !rows[i].alike);
	}
	rrl_free(r);
}

/* More sources than buckets: the one that goes on is still limited, and nothing else breaks. */
static void test_flood(void **state)
{
	struct rrl *r = rrl_new(5, 1, 16, key);
	const struct addr victim = addr_v4(0xc0000201);
	unsigned passed = 0, t;

	for (uint32_t i = 0; i < 100000; i++) {
		const struct addr a = addr_v4(i << 8);

		(void)rrl_judge(r, &a, i, 0, i / 100);
		passed += passes(r, &victim, 1, 0, i / 100, 1, &t);
	}
	assert_in_range(passed, 5, 6000); /* 1 s: 5 + 5, were its bucket never taken away */
	rrl_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_what_is_alike),
		cmocka_unit_test(test_flood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
