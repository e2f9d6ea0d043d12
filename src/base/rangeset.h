/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A set of addresses as sorted boundaries: the form in which authorized ranges lie in the tables.
 *
 * Prefixes are merged into disjoint intervals [start, end); starts and ends alternate in one sorted array, and
 * an address is inside if the number of boundaries <= it is odd. An end past the last address is left out,
 * so "everything" is the single boundary 0 and "nothing" is an empty array.
 *
 *	offset  size     what (host byte order: the tables never leave the machine)
 *	0       4        magic "PRS1"
 *	4       4        n4, number of IPv4 boundaries
 *	8       4        n6, number of IPv6 boundaries
 *	12      4        zero
 *	16      8        XXH3 of bytes 0..15 and 24..end
 *	24      4 * n4   IPv4 boundaries
 *	..      0 or 4   zero, to a multiple of 8
 *	..      8 * n6   IPv6 boundaries, upper halves
 *	..      8 * n6   IPv6 boundaries, lower halves
 *
 * A blob is read in place and may lie unaligned. rangeset_verify() is for bytes that came from disk and costs
 * a pass over them; rangeset_open() checks lengths only and is what the gate calls for each connection.
 * A set that cannot be opened contains nothing.
 */
#pragma once

#include "base/addr.h"

#include <stddef.h>

struct rangeset {
	const uint8_t *v4;    /* borrowed, n4 * 4 bytes */
	const uint8_t *v6_hi; /* borrowed, n6 * 8 bytes */
	const uint8_t *v6_lo; /* borrowed, n6 * 8 bytes */
	uint32_t n4, n6;
};

/*
 * Merge n prefixes (any order, overlaps and duplicates allowed) into a blob. *ret_blob is malloc()ed and the caller's.
 * Radix sort: 10^6 prefixes in tens of milliseconds. 0, -ERR_NOMEM.
 */
int rangeset_build(const struct prefix *prefixes, size_t n, uint8_t **ret_blob, size_t *ret_len)
	_must_check_;

/* Lengths and magic. 0 or -ERR_INVALID, and then *ret_set is the empty set. */
int rangeset_open(const void *blob, size_t len, struct rangeset *ret_set) _must_check_;

/* Everything: lengths, checksum, strict order. 0 or -ERR_INVALID. */
int rangeset_verify(const void *blob, size_t len) _must_check_;

bool rangeset_contains(const struct rangeset *set, const struct addr *a);
