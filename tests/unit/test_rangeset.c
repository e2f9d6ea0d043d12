/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The set against a scan over the prefixes: same answers for random sets of both families, asked at random
 * addresses and, as that is where mistakes are, at both sides of each boundary.
 */
#include "base/clock.h"
#include "base/rangeset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <xxhash.h>

#define ROUNDS	     1500
#define PREFIXES_MAX 64
#define MILLION	     1000000

/* xorshift64*: the same sequence everywhere. */
static uint64_t rng;

static uint64_t next_random(void)
{
	rng ^= rng >> 12;
	rng ^= rng << 25;
	rng ^= rng >> 27;
	return rng * UINT64_C(2685821657736338717);
}

static uint64_t mask64(unsigned n)
{
	return n == 0 ? 0 : n >= 64 ? UINT64_MAX : ~(UINT64_MAX >> n);
}

static void cut_host_bits(struct prefix *p)
{
	if (p->addr.family == ADDR_V4) {
		p->addr.lo &= mask64(32u + p->len) & UINT32_MAX;
	} else {
		p->addr.hi &= mask64(p->len);
		p->addr.lo &= p->len < 64 ? 0 : mask64(p->len - 64u);
	}
}

/* Few distinct upper bits, so that prefixes nest and touch; often close to 0 or to the last address. */
static struct prefix random_prefix(void)
{
	static const uint64_t tops[] = {0, UINT64_MAX, UINT64_C(0x20010db8) << 32};
	bool v6 = next_random() & 1;
	struct prefix p = {.addr.family = v6 ? ADDR_V6 : ADDR_V4};
	unsigned width = v6 ? 128 : 32;
	uint64_t top = tops[next_random() % 3];

	/* Long prefixes mostly, or nearly every set would be everything; but /0 now and then. */
	p.len = (uint8_t)(next_random() % 64 == 0 ? next_random() % (width + 1)
						  : width - next_random() % 12);
	p.addr.hi = v6 ? top ^ next_random() % 3 : 0;
	p.addr.lo = (next_random() % 2 ? top : 0) ^ next_random() % 4096;
	if (!v6)
		p.addr.lo &= UINT32_MAX;
	cut_host_bits(&p);
	return p;
}

static struct addr step(struct addr a, int by)
{
	if (a.family == ADDR_V4) {
		a.lo = (uint32_t)(a.lo + (uint64_t)by);
	} else if (by > 0) {
		a.hi += ++a.lo == 0;
	} else if (by < 0) {
		a.hi -= a.lo-- == 0;
	}
	return a;
}

static struct addr last_of(const struct prefix *p)
{
	struct addr a = p->addr;

	if (a.family == ADDR_V4) {
		a.lo |= (uint64_t)UINT32_MAX >> p->len;
	} else {
		a.hi |= ~mask64(p->len);
		a.lo |= p->len < 64 ? UINT64_MAX : ~mask64(p->len - 64u);
	}
	return a;
}

static bool naive_contains(const struct prefix *prefixes, size_t n, const struct addr *a)
{
	for (size_t i = 0; i < n; i++) {
		if (prefix_contains(&prefixes[i], a))
			return true;
	}
	return false;
}

static void ask(const struct rangeset *s, const struct prefix *prefixes, size_t n, struct addr a)
{
	char text[ADDR_TEXT_MAX];

	if (rangeset_contains(s, &a) != naive_contains(prefixes, n, &a))
		fail_msg("rng %#llx, %zu prefixes: wrong at %s", (unsigned long long)rng, n,
			 addr_format(&a, text));
}

static void compare(const struct prefix *prefixes, size_t n)
{
	uint8_t *blob = NULL, *unaligned;
	struct rangeset s;
	size_t len;

	assert_int_equal(rangeset_build(prefixes, n, &blob, &len), 0);
	/* As it may lie in the tables, with the end of the memory right behind it. */
	unaligned = malloc(len + 1);
	assert_non_null(unaligned);
	memcpy(unaligned + 1, blob, len);
	assert_int_equal(rangeset_verify(unaligned + 1, len), 0);
	assert_int_equal(rangeset_open(unaligned + 1, len, &s), 0);

	for (size_t i = 0; i < n; i++) {
		for (int by = -1; by <= 1; by++) {
			ask(&s, prefixes, n, step(prefixes[i].addr, by));
			ask(&s, prefixes, n, step(last_of(&prefixes[i]), by));
		}
	}
	for (unsigned i = 0; i < 16; i++)
		ask(&s, prefixes, n, random_prefix().addr);
	ask(&s, prefixes, n, addr_v4(0));
	ask(&s, prefixes, n, addr_v4(UINT32_MAX));
	ask(&s, prefixes, n, (struct addr){.family = ADDR_V6});
	ask(&s, prefixes, n, (struct addr){UINT64_MAX, UINT64_MAX, ADDR_V6, {0}});
	free(unaligned);
	free(blob);
}

static void test_oracle(void **state)
{
	struct prefix prefixes[PREFIXES_MAX];

	rng = 20260101;
	for (unsigned round = 0; round < ROUNDS; round++) {
		size_t n = next_random() % (PREFIXES_MAX + 1);

		for (size_t i = 0; i < n; i++)
			prefixes[i] = random_prefix();
		compare(prefixes, n);
	}
}

static struct prefix must_prefix(const char *text)
{
	struct prefix p;

	if (prefix_parse(text, strlen(text), &p, NULL) < 0)
		fail_msg("%s", text);
	return p;
}

/* How many boundaries the texts make: merging is complete, and the end past the last address is left out. */
static void expect_counts(const char *const *texts, uint32_t n4, uint32_t n6)
{
	struct prefix prefixes[8];
	struct rangeset s;
	uint8_t *blob;
	size_t n = 0, len;

	for (; texts[n]; n++)
		prefixes[n] = must_prefix(texts[n]);
	assert_int_equal(rangeset_build(prefixes, n, &blob, &len), 0);
	assert_int_equal(rangeset_open(blob, len, &s), 0);
	assert_int_equal(s.n4, n4);
	assert_int_equal(s.n6, n6);
	assert_int_equal(len % 8, 0);
	free(blob);
	compare(prefixes, n);
}

static void test_edges(void **state)
{
	expect_counts((const char *[]){NULL}, 0, 0);
	expect_counts((const char *[]){"0.0.0.0/0", NULL}, 1, 0);
	expect_counts((const char *[]){"::/0", NULL}, 0, 1);
	expect_counts((const char *[]){"0.0.0.0/0", "::/0", "10.0.0.0/8", NULL}, 1, 1);
	expect_counts((const char *[]){"0.0.0.0/1", "128.0.0.0/1", NULL}, 1, 0);
	expect_counts((const char *[]){"::/1", "8000::/1", NULL}, 0, 1);
	expect_counts((const char *[]){"0.0.0.0", "255.255.255.255", NULL}, 3, 0);
	expect_counts((const char *[]){"::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL}, 0,
		      3);
	/* Touching, equal, nested: one interval. */
	expect_counts((const char *[]){"10.0.1.0/24", "10.0.0.0/24", NULL}, 2, 0);
	expect_counts((const char *[]){"10.0.0.0/24", "10.0.0.0/24", NULL}, 2, 0);
	expect_counts((const char *[]){"10.0.0.7", "10.0.0.0/24", "10.0.0.0/25", NULL}, 2, 0);
	expect_counts((const char *[]){"2001:db8::/33", "2001:db8:8000::/33", NULL}, 0, 2);
	/* Across the halves of an IPv6 address. */
	expect_counts((const char *[]){"::ffff:ffff:ffff:ffff", "0:0:0:1::", NULL}, 0, 2);
	expect_counts((const char *[]){"10.0.0.0/24", "10.0.2.0/24", "2001:db8::/32", NULL}, 4, 2);
}

/* One family says nothing about the other, and no address is in nothing. */
static void test_families(void **state)
{
	struct prefix all4 = must_prefix("0.0.0.0/0");
	struct addr none = {0}, v6 = {.lo = 1, .family = ADDR_V6}, v4 = addr_v4(1);
	struct rangeset s;
	uint8_t *blob;
	size_t len;

	assert_int_equal(rangeset_build(&all4, 1, &blob, &len), 0);
	assert_int_equal(rangeset_open(blob, len, &s), 0);
	assert_true(rangeset_contains(&s, &v4));
	assert_false(rangeset_contains(&s, &v6));
	assert_false(rangeset_contains(&s, &none));
	free(blob);
}

/* Every single flipped bit and every other length is found. */
static void test_verify(void **state)
{
	struct prefix prefixes[3] = {must_prefix("10.0.0.0/8"), must_prefix("255.255.255.255"),
				     must_prefix("2001:db8::/32")};
	struct addr a = addr_v4(10u << 24);
	struct rangeset s;
	uint8_t *blob;
	size_t len;

	assert_int_equal(rangeset_build(prefixes, 3, &blob, &len), 0);
	assert_int_equal(len, 24 + 3 * 4 + 4 + 2 * 16);
	assert_int_equal(rangeset_verify(blob, len), 0);
	for (size_t bit = 0; bit < len * 8; bit++) {
		blob[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (rangeset_verify(blob, len) != -ERR_INVALID)
			fail_msg("bit %zu", bit);
		blob[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t n = 0; n < len; n++) {
		assert_int_equal(rangeset_verify(blob, n), -ERR_INVALID);
		memset(&s, 0xff, sizeof(s));
		assert_int_equal(rangeset_open(blob, n, &s), -ERR_INVALID);
		assert_false(rangeset_contains(&s, &a));
	}
	blob[0] = 'Q';
	assert_int_equal(rangeset_open(blob, len, &s), -ERR_INVALID);
	assert_false(rangeset_contains(&s, &a));
	/* Counts whose lengths would overflow 32 bits. */
	memset(blob + 4, 0xff, 8);
	blob[0] = 'P';
	assert_int_equal(rangeset_open(blob, len, &s), -ERR_INVALID);
	free(blob);
}

/* Boundaries out of order or twice are refused even under a right checksum: a search in them would be wrong. */
static void test_verify_order(void **state)
{
	static const struct {
		const char *texts[2];
		size_t from, to, width; /* copy one boundary's bytes over another's */
	} cases[] = {
		{{"10.0.0.0/8", "20.0.0.0/8"}, 24, 28, 4},	      /* equal */
		{{"10.0.0.0/8", "20.0.0.0/8"}, 36, 24, 4},	      /* descending */
		{{"2001:db8::/64", "2001:db9::/64"}, 24 + 24, 24, 8}, /* upper half descending */
		{{"::10/128", "::20/128"}, 56, 64, 8},		      /* lower half equal */
		{{"::10/128", "::20/128"}, 56 + 24, 56, 8},	      /* lower half descending */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct prefix prefixes[2] = {must_prefix(cases[i].texts[0]),
					     must_prefix(cases[i].texts[1])};
		uint8_t *blob, *hashed;
		uint64_t sum;
		size_t len;

		assert_int_equal(rangeset_build(prefixes, 2, &blob, &len), 0);
		for (int broken = 0; broken < 2; broken++) {
			if (broken)
				memcpy(blob + cases[i].to, blob + cases[i].from, cases[i].width);
			hashed = malloc(len - 8);
			assert_non_null(hashed);
			memcpy(hashed, blob, 16);
			memcpy(hashed + 16, blob + 24, len - 24);
			sum = XXH3_64bits(hashed, len - 8);
			memcpy(blob + 16, &sum, sizeof(sum));
			free(hashed);
			if (rangeset_verify(blob, len) != (broken ? -ERR_INVALID : 0))
				fail_msg("case %zu, broken %d", i, broken);
		}
		free(blob);
	}
}

/* With both families alternating, no two of them touching. */
static void test_million(void **state)
{
	struct prefix *prefixes = calloc(MILLION, sizeof(*prefixes));
	uint8_t *blob;
	struct rangeset s;
	uint64_t started;
	size_t len;

	assert_non_null(prefixes);
	for (uint32_t i = 0; i < MILLION; i++) {
		/* An odd multiplier modulo 2^20 puts them in no order, each once. */
		uint32_t place = i * 7919u % (1u << 20);

		prefixes[i].addr =
			i % 2 ? (struct addr){.hi = (uint64_t)place << 33, .family = ADDR_V6}
			      : addr_v4(place << 9);
		prefixes[i].len = i % 2 ? 64 : 24;
	}
	started = clock_mono_ns();
	assert_int_equal(rangeset_build(prefixes, MILLION, &blob, &len), 0);
	print_message("built in %.1f ms\n", (double)(clock_mono_ns() - started) / 1e6);
	started = clock_mono_ns();
	assert_int_equal(rangeset_verify(blob, len), 0);
	print_message("verified in %.1f ms\n", (double)(clock_mono_ns() - started) / 1e6);
	assert_int_equal(rangeset_open(blob, len, &s), 0);
	assert_int_equal(s.n4, MILLION);
	assert_int_equal(s.n6, MILLION);
	for (uint32_t i = 0; i < MILLION; i++) {
		struct addr last = last_of(&prefixes[i]), behind = step(last, 1);

		assert_true(rangeset_contains(&s, &prefixes[i].addr));
		assert_true(rangeset_contains(&s, &last));
		assert_false(rangeset_contains(&s, &behind));
	}
	free(blob);
	free(prefixes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_oracle),	     cmocka_unit_test(test_edges),
		cmocka_unit_test(test_families),     cmocka_unit_test(test_verify),
		cmocka_unit_test(test_verify_order), cmocka_unit_test(test_million),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
