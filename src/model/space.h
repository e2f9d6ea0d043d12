/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Arithmetic of address spaces: what lies in what, and which addresses of a range hosts may have. Values, pure. */
#pragma once

#include "base/addr.h"

/* Every address of `inner` is in `outer`. */
bool prefix_covers(const struct prefix *outer, const struct prefix *inner);
bool prefix_overlaps(const struct prefix *a, const struct prefix *b);
struct addr prefix_last(const struct prefix *p);
/* a + n, within the family: the caller keeps it inside a prefix. */
struct addr addr_plus(const struct addr *a, uint64_t n);

/* The first SUBNET_RESERVED addresses of p, which has a, and its last one. */
bool address_is_reserved(const struct prefix *p, const struct addr *a);
/* How many are not reserved. UINT64_MAX if more than that. */
uint64_t prefix_usable(const struct prefix *p);

/* "loopback", "multicast", ... if p has addresses that no network may use; NULL if it is fine. */
const char *prefix_special(const struct prefix *p);
