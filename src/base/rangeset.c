/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/rangeset.h"

#include <stdlib.h>
#include <string.h>

/* For a hash state on the stack instead of the heap. */
#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

#define HEADER_LEN   24
#define CHECKSUM_AT  16
#define PREFIXES_MAX (UINT32_MAX / 4) /* two boundaries each must fit the counts */

static const uint8_t magic[4] = {'P', 'R', 'S', '1'};

struct header {
	uint8_t magic[4];
	uint32_t n4, n6;
	uint32_t zero;
	uint64_t checksum;
};

_Static_assert(sizeof(struct header) == HEADER_LEN, "the layout in rangeset.h");
_Static_assert(offsetof(struct header, checksum) == CHECKSUM_AT, "the layout in rangeset.h");

/* An IPv4 interval in one word, the start above the last address, so that sorting moves eight bytes. */
typedef uint64_t interval4;

struct prefix6 {
	uint64_t hi, lo;
	uint8_t len;
};

typedef unsigned __int128 u128;

static inline uint32_t load32(const uint8_t *p, size_t i)
{
	uint32_t v;

	memcpy(&v, p + i * sizeof(v), sizeof(v));
	return v;
}

static inline uint64_t load64(const uint8_t *p, size_t i)
{
	uint64_t v;

	memcpy(&v, p + i * sizeof(v), sizeof(v));
	return v;
}

static size_t v6_offset(uint32_t n4)
{
	return HEADER_LEN + ((size_t)n4 * 4 + 7) / 8 * 8;
}

static size_t blob_length(uint32_t n4, uint32_t n6)
{
	return v6_offset(n4) + (size_t)n6 * 16;
}

static uint64_t blob_checksum(const uint8_t *blob, size_t len)
{
	XXH3_state_t state;

	(void)XXH3_64bits_reset(&state);
	(void)XXH3_64bits_update(&state, blob, CHECKSUM_AT);
	(void)XXH3_64bits_update(&state, blob + HEADER_LEN, len - HEADER_LEN);
	return XXH3_64bits_digest(&state);
}

/* Counts of one digit become the places where each value starts. False if all n items share one value. */
static bool digit_places(size_t count[256], size_t n)
{
	size_t place = 0;

	for (unsigned v = 0; v < 256; v++) {
		size_t here = count[v];

		if (here == n)
			return false;
		count[v] = place;
		place += here;
	}
	return true;
}

/* Least significant digit first, by start; returns whichever of the two arrays holds the result. */
static interval4 *sort4(interval4 *a, interval4 *scratch, size_t n)
{
	size_t count[4][256] = {0};

	for (size_t i = 0; i < n; i++) {
		for (unsigned d = 0; d < 4; d++)
			count[d][a[i] >> (32 + 8 * d) & 0xff]++;
	}
	for (unsigned d = 0; d < 4; d++) {
		interval4 *from = a;

		if (!digit_places(count[d], n))
			continue;
		for (size_t i = 0; i < n; i++)
			scratch[count[d][from[i] >> (32 + 8 * d) & 0xff]++] = from[i];
		a = scratch;
		scratch = from;
	}
	return a;
}

static inline unsigned digit6(const struct prefix6 *p, unsigned d)
{
	return (d < 8 ? p->lo >> (8 * d) : p->hi >> (8 * (d - 8))) & 0xff;
}

static struct prefix6 *sort6(struct prefix6 *a, struct prefix6 *scratch, size_t n)
{
	size_t count[16][256] = {0};

	for (size_t i = 0; i < n; i++) {
		for (unsigned d = 0; d < 16; d++)
			count[d][digit6(&a[i], d)]++;
	}
	for (unsigned d = 0; d < 16; d++) {
		struct prefix6 *from = a;

		if (!digit_places(count[d], n))
			continue;
		for (size_t i = 0; i < n; i++)
			scratch[count[d][digit6(&from[i], d)]++] = from[i];
		a = scratch;
		scratch = from;
	}
	return a;
}

/* Sorted intervals into disjoint ones that do not touch, in place; returns how many are left. */
static size_t merge4(interval4 *a, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		/* One past the last address, in 64 bits: it does not wrap. */
		uint64_t end = kept ? (a[kept - 1] & UINT32_MAX) + 1 : 0;

		if (kept && a[i] >> 32 <= end) {
			if ((a[i] & UINT32_MAX) + 1 > end)
				a[kept - 1] =
					(a[kept - 1] & ~(uint64_t)UINT32_MAX) | (a[i] & UINT32_MAX);
		} else {
			a[kept++] = a[i];
		}
	}
	return kept;
}

static u128 first6(const struct prefix6 *p)
{
	return (u128)p->hi << 64 | p->lo;
}

static u128 last6(const struct prefix6 *p)
{
	return p->len == 0 ? ~(u128)0 : first6(p) | (((u128)1 << (128 - p->len)) - 1);
}

/* The merged interval that begins with prefix *i of the sorted ones; *i moves behind it. False at the end. */
static bool next6(const struct prefix6 *a, size_t n, size_t *i, u128 *ret_first, u128 *ret_last)
{
	u128 last;

	if (*i >= n)
		return false;
	*ret_first = first6(&a[*i]);
	last = last6(&a[*i]);
	while (++*i < n && (last == ~(u128)0 || first6(&a[*i]) <= last + 1)) {
		u128 further = last6(&a[*i]);

		last = further > last ? further : last;
	}
	*ret_last = last;
	return true;
}

static uint32_t count_boundaries4(const interval4 *a, size_t n)
{
	return n == 0 ? 0 : (uint32_t)(2 * n - ((uint32_t)a[n - 1] == UINT32_MAX));
}

static uint32_t count_boundaries6(const struct prefix6 *a, size_t n)
{
	u128 first, last = 0;
	uint32_t count = 0;
	size_t i = 0;

	while (next6(a, n, &i, &first, &last))
		count += last == ~(u128)0 ? 1 : 2;
	return count;
}

static void write4(uint8_t *dst, const interval4 *a, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t first = (uint32_t)(a[i] >> 32), end = (uint32_t)a[i] + 1;

		memcpy(dst + i * 8, &first, 4);
		if (end != 0)
			memcpy(dst + i * 8 + 4, &end, 4);
	}
}

static void write_boundary6(uint8_t *dst, uint32_t n6, uint32_t at, u128 value)
{
	uint64_t hi = (uint64_t)(value >> 64), lo = (uint64_t)value;

	memcpy(dst + (size_t)at * 8, &hi, 8);
	memcpy(dst + (size_t)n6 * 8 + (size_t)at * 8, &lo, 8);
}

static void write6(uint8_t *dst, uint32_t n6, const struct prefix6 *a, size_t n)
{
	uint32_t at = 0;
	u128 first, last;
	size_t i = 0;

	while (next6(a, n, &i, &first, &last)) {
		write_boundary6(dst, n6, at++, first);
		if (last != ~(u128)0)
			write_boundary6(dst, n6, at++, last + 1);
	}
}

/* Working memory of one build: both halves of each pair are as long as the family has prefixes. */
struct work {
	interval4 *v4, *v4_scratch;
	struct prefix6 *v6, *v6_scratch;
	size_t n4, n6;
};

static int work_alloc(struct work *w, const struct prefix *prefixes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		w->n4 += prefixes[i].addr.family == ADDR_V4;
		w->n6 += prefixes[i].addr.family == ADDR_V6;
	}
	w->v4 = calloc(w->n4 + 1, sizeof(*w->v4));
	w->v4_scratch = calloc(w->n4 + 1, sizeof(*w->v4));
	w->v6 = calloc(w->n6 + 1, sizeof(*w->v6));
	w->v6_scratch = calloc(w->n6 + 1, sizeof(*w->v6));
	return w->v4 && w->v4_scratch && w->v6 && w->v6_scratch ? 0 : -ERR_NOMEM;
}

static void work_free(struct work *w)
{
	free(w->v4);
	free(w->v4_scratch);
	free(w->v6);
	free(w->v6_scratch);
}

static void work_fill(struct work *w, const struct prefix *prefixes, size_t n)
{
	size_t i4 = 0, i6 = 0;

	for (size_t i = 0; i < n; i++) {
		const struct prefix *p = &prefixes[i];

		if (p->addr.family == ADDR_V4) {
			/* In 64 bits: a shift of 32 bits by 32 would be undefined. */
			uint64_t host = (uint64_t)UINT32_MAX >> p->len;

			w->v4[i4++] = p->addr.lo << 32 | p->addr.lo | host;
		} else if (p->addr.family == ADDR_V6) {
			w->v6[i6++] = (struct prefix6){p->addr.hi, p->addr.lo, p->len};
		}
	}
}

int rangeset_build(const struct prefix *prefixes, size_t n, uint8_t **ret_blob, size_t *ret_len)
{
	struct header h = {0};
	struct work w = {0};
	interval4 *sorted4;
	struct prefix6 *sorted6;
	uint8_t *blob = NULL;
	size_t merged4, len;
	int r = -ERR_NOMEM;

	if (n > PREFIXES_MAX)
		return -ERR_NOMEM;
	if (work_alloc(&w, prefixes, n) < 0)
		goto out;
	work_fill(&w, prefixes, n);
	sorted4 = sort4(w.v4, w.v4_scratch, w.n4);
	sorted6 = sort6(w.v6, w.v6_scratch, w.n6);
	merged4 = merge4(sorted4, w.n4);

	memcpy(h.magic, magic, sizeof(magic));
	h.n4 = count_boundaries4(sorted4, merged4);
	h.n6 = count_boundaries6(sorted6, w.n6);
	len = blob_length(h.n4, h.n6);
	blob = calloc(1, len);
	if (!blob)
		goto out;
	memcpy(blob, &h, sizeof(h));
	write4(blob + HEADER_LEN, sorted4, merged4);
	write6(blob + v6_offset(h.n4), h.n6, sorted6, w.n6);
	h.checksum = blob_checksum(blob, len);
	memcpy(blob, &h, sizeof(h));
	*ret_blob = blob;
	*ret_len = len;
	r = 0;
out:
	work_free(&w);
	return r;
}

int rangeset_open(const void *blob, size_t len, struct rangeset *ret_set)
{
	struct header h;

	memset(ret_set, 0, sizeof(*ret_set));
	if (len < HEADER_LEN)
		return -ERR_INVALID;
	memcpy(&h, blob, sizeof(h));
	if (memcmp(h.magic, magic, sizeof(magic)) != 0 || h.zero != 0 ||
	    len != blob_length(h.n4, h.n6))
		return -ERR_INVALID;
	ret_set->v4 = (const uint8_t *)blob + HEADER_LEN;
	ret_set->v6_hi = (const uint8_t *)blob + v6_offset(h.n4);
	ret_set->v6_lo = ret_set->v6_hi + (size_t)h.n6 * 8;
	ret_set->n4 = h.n4;
	ret_set->n6 = h.n6;
	return 0;
}

static bool is_ordered(const struct rangeset *s)
{
	for (size_t i = 1; i < s->n4; i++) {
		if (load32(s->v4, i - 1) >= load32(s->v4, i))
			return false;
	}
	for (size_t i = 1; i < s->n6; i++) {
		uint64_t hi = load64(s->v6_hi, i - 1), next_hi = load64(s->v6_hi, i);

		if (hi > next_hi)
			return false;
		if (hi == next_hi && load64(s->v6_lo, i - 1) >= load64(s->v6_lo, i))
			return false;
	}
	return true;
}

int rangeset_verify(const void *blob, size_t len)
{
	struct rangeset s;
	struct header h;

	if (rangeset_open(blob, len, &s) < 0)
		return -ERR_INVALID;
	memcpy(&h, blob, sizeof(h));
	if (blob_checksum(blob, len) != h.checksum || !is_ordered(&s))
		return -ERR_INVALID;
	return 0;
}

/*
 * The number of boundaries <= the address, by halving without a branch on the data: a lookup in a large set
 * would mispredict every other one.
 */
static size_t rank4(const struct rangeset *s, uint32_t x)
{
	size_t base = 0, n = s->n4;

	if (n == 0)
		return 0;
	while (n > 1) {
		size_t half = n / 2;

		base += half & -(size_t)(load32(s->v4, base + half - 1) <= x);
		n -= half;
	}
	return base + (load32(s->v4, base) <= x);
}

static inline bool is_at_most6(const struct rangeset *s, size_t i, const struct addr *x)
{
	uint64_t hi = load64(s->v6_hi, i), lo = load64(s->v6_lo, i);

	return (hi < x->hi) | ((hi == x->hi) & (lo <= x->lo));
}

static size_t rank6(const struct rangeset *s, const struct addr *x)
{
	size_t base = 0, n = s->n6;

	if (n == 0)
		return 0;
	while (n > 1) {
		size_t half = n / 2;

		base += half & -(size_t)is_at_most6(s, base + half - 1, x);
		n -= half;
	}
	return base + is_at_most6(s, base, x);
}

bool rangeset_contains(const struct rangeset *set, const struct addr *a)
{
	if (a->family == ADDR_V4)
		return rank4(set, (uint32_t)a->lo) & 1;
	if (a->family == ADDR_V6)
		return rank6(set, a) & 1;
	return false;
}
