/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/prefix_set.h"

#include <stdlib.h>
#include <string.h>

void prefix_set_done(struct prefix_set *s)
{
	free(s->items);
	memset(s, 0, sizeof(*s));
}

int prefix_set_add(struct prefix_set *s, const struct prefix *p)
{
	if (s->n == s->room) {
		const size_t room = s->room ? 2 * s->room : 16;
		struct prefix *items = reallocarray(s->items, room, sizeof(*items));

		if (!items)
			return -ERR_NOMEM;
		s->items = items;
		s->room = room;
	}
	s->items[s->n++] = *p;
	return 0;
}

static int item_cmp(const void *a, const void *b)
{
	return prefix_cmp(a, b);
}

/* A prefix sorts directly before those within it. */
void prefix_set_settle(struct prefix_set *s)
{
	size_t n = 0;

	if (s->n > 1)
		qsort(s->items, s->n, sizeof(*s->items), item_cmp);
	for (size_t i = 0; i < s->n; i++) {
		if (n == 0 || !prefix_is_within(&s->items[i], &s->items[n - 1]))
			s->items[n++] = s->items[i];
	}
	s->n = n;
}

int prefix_set_intersect(const struct prefix_set *a, const struct prefix_set *b,
			 struct prefix_set *ret_both)
{
	size_t i = 0, j = 0;
	int r = 0;

	while (i < a->n && j < b->n && r == 0) {
		const struct prefix *x = &a->items[i], *y = &b->items[j];

		if (prefix_is_within(y, x)) {
			r = prefix_set_add(ret_both, y);
			j++;
		} else if (prefix_is_within(x, y)) {
			r = prefix_set_add(ret_both, x);
			i++;
		} else if (prefix_cmp(x, y) < 0) {
			i++;
		} else {
			j++;
		}
	}
	if (r < 0)
		prefix_set_done(ret_both);
	return r;
}

/* --- the longest that covers ------------------------------------------------------------------------------ */

/* From index i upwards, the first that covers p. */
static size_t covering(const struct prefix_map *m, size_t i, const struct prefix *p)
{
	while (i != PREFIX_MAP_NONE && !prefix_is_within(p, &m->prefixes[i]))
		i = m->parents[i];
	return i;
}

int prefix_map_build(const struct prefix *prefixes, size_t n, struct prefix_map *ret_map)
{
	struct prefix_map m = {.n = n};

	if (n > 0) {
		m.prefixes = calloc(n, sizeof(*m.prefixes));
		m.parents = calloc(n, sizeof(*m.parents));
		if (!m.prefixes || !m.parents) {
			prefix_map_done(&m);
			return -ERR_NOMEM;
		}
		memcpy(m.prefixes, prefixes, n * sizeof(*m.prefixes));
	}
	/* What covers a prefix sorts before it, and is the one before it or covers that one too. */
	for (size_t i = 0; i < n; i++)
		m.parents[i] = covering(&m, i > 0 ? i - 1 : PREFIX_MAP_NONE, &m.prefixes[i]);
	*ret_map = m;
	return 0;
}

void prefix_map_done(struct prefix_map *m)
{
	free(m->prefixes);
	free(m->parents);
	memset(m, 0, sizeof(*m));
}

/* How many of the prefixes sort before p or are equal. */
static size_t rank(const struct prefix_map *m, const struct prefix *p)
{
	size_t low = 0, high = m->n;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (prefix_cmp(&m->prefixes[middle], p) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

size_t prefix_map_find(const struct prefix_map *m, const struct prefix *p)
{
	const size_t at = rank(m, p);

	return covering(m, at > 0 ? at - 1 : PREFIX_MAP_NONE, p);
}

/* The half of p whose next bit is this one. */
static struct prefix half(const struct prefix *p, bool upper)
{
	struct prefix h = *p;
	const unsigned bits = p->addr.family == ADDR_V4 ? 32 : 128, bit = bits - ++h.len;

	if (upper && bit < 64)
		h.addr.lo |= 1ull << bit;
	else if (upper)
		h.addr.hi |= 1ull << (bit - 64);
	return h;
}

/* At most as deep as an address has bits. */
int prefix_map_split(const struct prefix_map *m, const struct prefix *p, prefix_piece_fn *fn,
		     void *arg)
{
	const size_t at = rank(m, p);
	struct prefix h;
	int r;

	/* The next one is longer if it is within p at all, and if it is not, none is. */
	if (at == m->n || !prefix_is_within(&m->prefixes[at], p))
		return fn(p, covering(m, at > 0 ? at - 1 : PREFIX_MAP_NONE, p), arg);
	h = half(p, false);
	r = prefix_map_split(m, &h, fn, arg);
	if (r != 0)
		return r;
	h = half(p, true);
	return prefix_map_split(m, &h, fn, arg);
}
