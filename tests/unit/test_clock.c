/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Our date arithmetic against the C library's, over every day of some centuries and random moments of others. */
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void assert_same(uint64_t seconds, unsigned ms)
{
	char ours[CLOCK_TEXT_MAX], theirs[64];
	time_t t = (time_t)seconds;
	struct tm tm;

	gmtime_r(&t, &tm);
	size_t n = strftime(theirs, sizeof theirs, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(theirs + n, sizeof theirs - n, ".%03uZ", ms);
	assert_string_equal(clock_format(seconds * 1000000 + ms * 1000, ours), theirs);
}

static void test_against_libc(void **state)
{
	for (uint64_t day = 0; day < 200000; day++) /* until 2517 */
		assert_same(day * 86400 + day % 86400, (unsigned)(day % 1000));
	srand(1);
	for (int i = 0; i < 100000; i++)
		assert_same(((uint64_t)rand() << 20 | (uint64_t)rand()) % 253402300799u, 7);
	assert_same(253402300799u, 999);
}

static void test_monotonic(void **state)
{
	uint64_t a = clock_mono_ns(), b = clock_mono_ns();

	assert_true(b >= a);
	assert_in_range(clock_mono_ms(), a / 1000000, a / 1000000 + 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_libc),
		cmocka_unit_test(test_monotonic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
