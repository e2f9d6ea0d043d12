/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Explanations: each reason with its sentence, and random clusters against a naive search and against the set of ranges
 * that the gate reads.
 */
#include "base/rangeset.h"
#include "explain/explain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static uint64_t rng;

static uint64_t rnd(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng * 0x2545f4914f6cdd1du >> 7;
}

static struct prefix must_prefix(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(text, strlen(text), &p, NULL), 0);
	return p;
}

static struct explain_answer ask(struct cluster *c, const char *source)
{
	struct explain_index *x;
	struct explain_answer a;
	struct addr addr;

	assert_int_equal(addr_parse(source, &addr), 0);
	assert_int_equal(explain_index_new(c, &x, NULL), 0);
	explain_source(x, &addr, &a);
	explain_index_free(x);
	return a;
}

static void says(struct cluster *c, const char *source, bool reached, const char *reason,
		 const char *rule)
{
	struct explain_answer a = ask(c, source);

	assert_int_equal(a.reached, reached);
	assert_string_equal(explain_reason_text(a.reason), reason);
	assert_string_equal(a.rule, rule);
}

static void test_sentences(void **state)
{
	struct prefix ranges[] = {must_prefix("203.0.113.0/24"), must_prefix("203.0.0.0/16"),
				  must_prefix("2001:db8::/32")};
	struct cluster c = {.public_enabled = true, .ranges = ranges, .n_ranges = 3};
	char text[PREFIX_TEXT_MAX];

	says(&c, "203.0.113.7", true, "range",
	     "203.0.113.7 is in 203.0.113.0/24, one of 3 authorized ranges");
	says(&c, "203.0.1.7", true, "range",
	     "203.0.1.7 is in 203.0.0.0/16, one of 3 authorized ranges");
	says(&c, "2001:db8:1::7", true, "range",
	     "2001:db8:1::7 is in 2001:db8::/32, one of 3 authorized ranges");
	says(&c, "::ffff:203.0.113.7", true, "range",
	     "203.0.113.7 is in 203.0.113.0/24, one of 3 authorized ranges");
	says(&c, "198.51.100.9", false, "not-in-ranges",
	     "198.51.100.9 is in none of the 3 authorized ranges");
	struct explain_answer a = ask(&c, "203.0.113.7");
	assert_string_equal(prefix_format(&a.range, text), "203.0.113.0/24");

	c.n_ranges = 1;
	says(&c, "203.0.113.7", true, "range",
	     "203.0.113.7 is in 203.0.113.0/24, the only authorized range");
	says(&c, "198.51.100.9", false, "not-in-ranges",
	     "198.51.100.9 is not in 203.0.113.0/24, the only authorized range");
	c.n_ranges = 0;
	says(&c, "203.0.113.7", false, "no-ranges",
	     "the list of authorized ranges is empty: no source is authorized");
	c.public_open = true;
	says(&c, "203.0.113.7", true, "open", "the public endpoint is open to every source");
	c.public_enabled = false;
	says(&c, "203.0.113.7", false, "public-off", "the public endpoint is off");
}

/* Off wins over ranges, and a source without an address is in no range, not even in all of them. */
static void test_precedence(void **state)
{
	struct prefix all[] = {must_prefix("0.0.0.0/0"), must_prefix("::/0")};
	struct cluster c = {.public_enabled = true, .ranges = all, .n_ranges = 2};
	struct addr nothing = {0};
	struct explain_index *x;
	struct explain_answer a;

	assert_int_equal(explain_index_new(&c, &x, NULL), 0);
	explain_source(x, &nothing, &a);
	assert_int_equal(a.reason, EXPLAIN_NOT_IN_RANGES);
	assert_false(a.reached);
	explain_index_free(x);
	assert_true(ask(&c, "1.2.3.4").reached);
	assert_true(ask(&c, "ffff::").reached);
	c.public_enabled = false;
	assert_false(ask(&c, "1.2.3.4").reached);
	explain_index_free(NULL);
}

/* --- against the naive search ---------------------------------------------------------------------------------- */

/* Few bits vary, so that ranges nest and sources hit. */
static struct addr random_addr(bool v6)
{
	struct addr a = {0};

	if (!v6)
		return addr_v4(0x0a000000u | (uint32_t)(rnd() & 0x0f0f000fu));
	a.family = ADDR_V6;
	a.hi = 0x20010db800000000u | (rnd() & 0x0f0000ff0000000fu);
	a.lo = rnd() & 0xf0000000000000ffu;
	return a;
}

static bool bit_of(const struct addr *a, unsigned i)
{
	if (a->family == ADDR_V4)
		return a->lo >> (31 - i) & 1;
	return i < 64 ? a->hi >> (63 - i) & 1 : a->lo >> (127 - i) & 1;
}

static void bit_clear(struct addr *a, unsigned i)
{
	if (a->family == ADDR_V4)
		a->lo &= ~(UINT64_C(1) << (31 - i));
	else if (i < 64)
		a->hi &= ~(UINT64_C(1) << (63 - i));
	else
		a->lo &= ~(UINT64_C(1) << (127 - i));
}

static struct prefix random_prefix(void)
{
	const bool v6 = rnd() % 2;
	const unsigned bits = v6 ? 128 : 32;
	struct prefix p = {.addr = random_addr(v6), .len = (uint8_t)(rnd() % (bits + 1))};

	if (rnd() % 4 == 0)
		p.len = (uint8_t)(bits - rnd() % 9);
	for (unsigned i = p.len; i < bits; i++)
		bit_clear(&p.addr, i);
	return p;
}

/* Bit by bit, over all ranges. */
static const struct prefix *naive_find(const struct prefix *p, size_t n, const struct addr *a)
{
	const struct prefix *best = NULL;

	for (size_t i = 0; i < n; i++) {
		unsigned k = 0;

		if (p[i].addr.family != a->family)
			continue;
		while (k < p[i].len && bit_of(&p[i].addr, k) == bit_of(a, k))
			k++;
		if (k == p[i].len && (!best || p[i].len > best->len))
			best = &p[i];
	}
	return best;
}

static void oracle_round(size_t n)
{
	struct prefix ranges[64];
	struct cluster c = {.public_enabled = true, .ranges = ranges, .n_ranges = n};
	struct explain_index *x;
	struct rangeset set;
	uint8_t *blob;
	size_t len;

	for (size_t i = 0; i < n; i++) {
		do
			ranges[i] = random_prefix();
		while (ranges[i].len == 0 && rnd() % 16);
	}
	assert_int_equal(explain_index_new(&c, &x, NULL), 0);
	assert_int_equal(rangeset_build(ranges, n, &blob, &len), 0);
	assert_int_equal(rangeset_open(blob, len, &set), 0);
	for (int k = 0; k < 200; k++) {
		struct addr a = random_addr(rnd() % 2);
		const struct prefix *best;
		struct explain_answer answer;

		if (n > 0 && rnd() % 2) {
			a = ranges[rnd() % n].addr;
			a.lo += rnd() % 4; /* stays within its family: the lower bits are few */
		}
		best = naive_find(ranges, n, &a);
		explain_source(x, &a, &answer);
		assert_int_equal(answer.reached, best != NULL);
		assert_int_equal(answer.reached, rangeset_contains(&set, &a));
		if (best)
			assert_int_equal(prefix_cmp(&answer.range, best), 0);
		else
			assert_int_equal(answer.reason,
					 n ? EXPLAIN_NOT_IN_RANGES : EXPLAIN_NO_RANGES);
	}
	explain_index_free(x);
	free(blob);
}

static void test_oracle(void **state)
{
	for (uint64_t seed = 1; seed <= 300; seed++) {
		if (seed % 100 == 0)
			print_message("seed %llu\n", (unsigned long long)seed);
		rng = seed * 0x9e3779b97f4a7c15u;
		oracle_round(rnd() % 65);
	}
}

static double cpu_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static void test_a_million_ranges(void **state)
{
	const size_t n = 1000000;
	struct cluster c = {.public_enabled = true, .n_ranges = n};
	struct explain_index *x;
	struct explain_answer a;
	double start;

	c.ranges = calloc(n, sizeof(*c.ranges));
	assert_non_null(c.ranges);
	for (size_t i = 0; i < n; i++)
		c.ranges[i] =
			(struct prefix){.addr = addr_v4((uint32_t)(n - i) << 8), .len = 24 + i % 9};
	start = cpu_ms();
	assert_int_equal(explain_index_new(&c, &x, NULL), 0);
	print_message("index of 10^6 ranges: %.0f ms CPU\n", cpu_ms() - start);
	start = cpu_ms();
	for (uint32_t i = 1; i <= 10000; i++) {
		struct addr source = addr_v4(i * 97 << 8);

		explain_source(x, &source, &a);
		assert_true(a.reached);
		assert_int_equal(a.range.addr.lo, source.lo);
	}
	print_message("one answer: %.2f us CPU\n", (cpu_ms() - start) / 10);
	explain_index_free(x);
	free(c.ranges);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sentences),
		cmocka_unit_test(test_precedence),
		cmocka_unit_test(test_oracle),
		cmocka_unit_test(test_a_million_ranges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
