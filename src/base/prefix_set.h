/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sets of addresses as lists of prefixes, for whoever computes with them before they become a rangeset: unions by adding,
 * intersections, and what is left of a prefix by a table of longer ones.
 *
 * A settled set is sorted (prefix_cmp) and no prefix of it lies within another. Both families may be in one set.
 *
 * A prefix map answers which of its prefixes is the longest that covers an address or a prefix, as a route table does. Its
 * values are the caller's, by index.
 */
#pragma once

#include "base/addr.h"

#include <stddef.h>

/* Every address of inner is one of outer. */
static inline bool prefix_is_within(const struct prefix *inner, const struct prefix *outer)
{
	return outer->len <= inner->len && prefix_contains(outer, &inner->addr);
}
static inline struct prefix prefix_of_addr(const struct addr *a)
{
	return (struct prefix){.addr = *a, .len = a->family == ADDR_V4 ? 32 : 128};
}

struct prefix_set {
	struct prefix *items;
	size_t n, room;
};

void prefix_set_done(struct prefix_set *s);
/* At the end; the set is settled no more. 0, -ERR_NOMEM. */
int prefix_set_add(struct prefix_set *s, const struct prefix *p) _must_check_;
void prefix_set_settle(struct prefix_set *s);
/* *ret_both, which must be empty, becomes what is in both of the settled sets, and is settled. 0, -ERR_NOMEM; then it is empty. */
int prefix_set_intersect(const struct prefix_set *a, const struct prefix_set *b,
			 struct prefix_set *ret_both) _must_check_;

/* --- the longest that covers ------------------------------------------------------------------------------ */

struct prefix_map {
	struct prefix *prefixes; /* sorted, each once */
	size_t *parents; /* index of the longest other one that covers it; PREFIX_MAP_NONE */
	size_t n;
};

#define PREFIX_MAP_NONE SIZE_MAX

/* prefixes: sorted by prefix_cmp(), no two equal; copied. 0, -ERR_NOMEM. */
int prefix_map_build(const struct prefix *prefixes, size_t n, struct prefix_map *ret_map)
	_must_check_;
void prefix_map_done(struct prefix_map *m);
/* Index of the longest prefix that covers all of p, PREFIX_MAP_NONE if there is none. */
size_t prefix_map_find(const struct prefix_map *m, const struct prefix *p);
/*
 * Cut p into pieces, in order, so that for every address of a piece the same prefix of the map is the longest. fn gets its index or
 * PREFIX_MAP_NONE; what it returns other than 0 stops and is returned.
 */
typedef int prefix_piece_fn(const struct prefix *piece, size_t index, void *arg);
int prefix_map_split(const struct prefix_map *m, const struct prefix *p, prefix_piece_fn *fn,
		     void *arg);
