/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sets of prefixes and maps of prefixes against the plainest loops over them, on a small part of the address space, where
 * every address can be asked.
 */
#include "base/prefix_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t rng = 1;

static uint64_t rnd(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng * 0x2545f4914f6cdd1du >> 7;
}

static size_t below(size_t n)
{
	return (size_t)(rnd() % n);
}

/* The last 8 bits of the family vary, or its first 8 in every fourth run, so that both halves of an IPv6 address are met. */
static unsigned shift6;

static struct addr nth(bool v6, unsigned i)
{
	struct addr a = addr_v4(0x0a000000u + i);

	if (v6) {
		a = (struct addr){.family = ADDR_V6};
		if (shift6 >= 64)
			a.hi = (uint64_t)i << (shift6 - 64);
		else
			a.lo = (uint64_t)i << shift6;
	}
	return a;
}

static struct prefix some(void)
{
	const bool v6 = below(2);
	const unsigned bits = (unsigned)below(9), host = 8 - bits;
	const unsigned fixed = v6 ? 120 - shift6 : 24;

	return (struct prefix){.addr = nth(v6, (unsigned)below(256) >> host << host),
			       .len = (uint8_t)(fixed + bits)};
}

static bool has(const struct prefix *p, size_t n, const struct addr *a)
{
	for (size_t i = 0; i < n; i++) {
		if (prefix_contains(&p[i], a))
			return true;
	}
	return false;
}

static bool is_settled(const struct prefix_set *s)
{
	for (size_t i = 1; i < s->n; i++) {
		if (prefix_cmp(&s->items[i - 1], &s->items[i]) >= 0 ||
		    prefix_is_within(&s->items[i], &s->items[i - 1]))
			return false;
	}
	return true;
}

static struct prefix_set some_set(size_t n)
{
	struct prefix_set s = {0};

	for (size_t i = 0; i < n; i++) {
		struct prefix p = some();

		assert_int_equal(prefix_set_add(&s, &p), 0);
	}
	return s;
}

static void test_sets(void **state)
{
	for (int round = 0; round < 2000; round++) {
		struct prefix_set a, b, raw, both = {0};

		shift6 = (unsigned[]){0, 60, 64, 120}[round % 4];
		a = some_set(below(8));
		b = some_set(below(30));
		raw = some_set(0);
		for (size_t i = 0; i < a.n; i++)
			assert_int_equal(prefix_set_add(&raw, &a.items[i]), 0);
		prefix_set_settle(&a);
		prefix_set_settle(&b);
		assert_true(is_settled(&a) && is_settled(&b));
		assert_int_equal(prefix_set_intersect(&a, &b, &both), 0);
		assert_true(is_settled(&both));
		for (unsigned i = 0; i < 512; i++) {
			struct addr x = nth(i & 1, i >> 1);
			const bool in_a = has(raw.items, raw.n, &x);

			assert_int_equal(has(a.items, a.n, &x), in_a);
			assert_int_equal(has(both.items, both.n, &x),
					 in_a && has(b.items, b.n, &x));
		}
		prefix_set_done(&a);
		prefix_set_done(&b);
		prefix_set_done(&raw);
		prefix_set_done(&both);
	}
}

static size_t find_slowly(const struct prefix_map *m, const struct prefix *p)
{
	size_t best = PREFIX_MAP_NONE;

	for (size_t i = 0; i < m->n; i++) {
		if (prefix_is_within(p, &m->prefixes[i]) &&
		    (best == PREFIX_MAP_NONE || m->prefixes[i].len > m->prefixes[best].len))
			best = i;
	}
	return best;
}

struct pieces {
	const struct prefix_map *map;
	struct prefix_set seen;
};

static int piece(const struct prefix *p, size_t index, void *arg)
{
	struct pieces *pieces = arg;

	for (unsigned i = 0; i < 256; i++) {
		struct addr a = nth(p->addr.family == ADDR_V6, i);
		struct prefix one = prefix_of_addr(&a);

		if (prefix_contains(p, &a))
			assert_int_equal(find_slowly(pieces->map, &one), index);
	}
	return prefix_set_add(&pieces->seen, p);
}

static int stop(const struct prefix *p, size_t index, void *arg)
{
	return 7;
}

static int qsort_cmp(const void *a, const void *b)
{
	return prefix_cmp(a, b);
}

static struct prefix_map some_map(size_t n)
{
	struct prefix_set s = some_set(n);
	struct prefix_map m;
	size_t kept = 0;

	if (s.n > 0)
		if (s.n > 0)
			qsort(s.items, s.n, sizeof(*s.items), qsort_cmp);
	for (size_t i = 0; i < s.n; i++) {
		if (kept == 0 || prefix_cmp(&s.items[kept - 1], &s.items[i]) != 0)
			s.items[kept++] = s.items[i];
	}
	assert_int_equal(prefix_map_build(s.items, kept, &m), 0);
	prefix_set_done(&s);
	return m;
}

static void test_maps(void **state)
{
	for (int round = 0; round < 2000; round++) {
		struct prefix_map m;
		struct pieces pieces = {.map = &m};
		struct prefix p;

		shift6 = (unsigned[]){0, 60, 64, 120}[round % 4];
		m = some_map(below(20));
		p = some();
		assert_int_equal(prefix_map_find(&m, &p), find_slowly(&m, &p));
		assert_int_equal(prefix_map_split(&m, &p, piece, &pieces), 0);
		for (unsigned i = 0; i < 512; i++) {
			struct addr a = nth(i & 1, i >> 1);
			struct prefix one = prefix_of_addr(&a);

			assert_int_equal(prefix_map_find(&m, &one), find_slowly(&m, &one));
			assert_int_equal(has(pieces.seen.items, pieces.seen.n, &a),
					 prefix_contains(&p, &a));
		}
		for (size_t i = 1; i < pieces.seen.n; i++)
			assert_true(prefix_cmp(&pieces.seen.items[i - 1], &pieces.seen.items[i]) <
				    0);
		assert_int_equal(prefix_map_split(&m, &p, stop, NULL), 7);
		prefix_set_done(&pieces.seen);
		prefix_map_done(&m);
	}
}

/* Everything, and single addresses at both ends of it. */
static void test_ends(void **state)
{
	static const char *const texts[] = {
		"0.0.0.0/0", "0.0.0.0", "255.255.255.255",
		"::/0",	     "::",	"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"};
	struct prefix p[ARRAY_SIZE(texts)];
	struct prefix_map m;
	struct pieces pieces = {0};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_int_equal(prefix_parse(texts[i], strlen(texts[i]), &p[i], NULL), 0);
	assert_int_equal(prefix_map_build(p, ARRAY_SIZE(texts), &m), 0);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_int_equal(prefix_map_find(&m, &p[i]), i);
		assert_int_equal(m.parents[i], i % 3 ? i / 3 * 3 : PREFIX_MAP_NONE);
	}
	pieces.map = &m;
	shift6 = 0;
	assert_int_equal(prefix_map_split(&m, &p[0], piece, &pieces), 0);
	assert_int_equal(pieces.seen.n, 2 + 31 + 31);
	assert_int_equal(prefix_map_split(&m, &p[3], piece, &pieces), 0);
	assert_int_equal(pieces.seen.n, 64 + 2 + 127 + 127);
	prefix_set_done(&pieces.seen);
	prefix_map_done(&m);
	assert_int_equal(prefix_map_build(NULL, 0, &m), 0);
	assert_int_equal(prefix_map_find(&m, &p[0]), PREFIX_MAP_NONE);
	prefix_map_done(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sets),
		cmocka_unit_test(test_maps),
		cmocka_unit_test(test_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
