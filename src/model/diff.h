/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What changes between two documents, for people and programs. Pure. */
#pragma once

#include <jansson.h>

/* A list of strings longer than this is shown by what came and went, and by no more than this many of each. */
#define DIFF_ITEMS_MAX 100

/*
 * A list of {"path", "before", "after"}, one for each leaf that differs ("public.ranges", "upstreams[0].port"), null
 * for a side that is absent. Two lists are compared item by item if they hold objects, as a whole otherwise.
 *
 * Of two long lists of strings, "before" has only what is not in after, "after" only what is not in before, each cut
 * at DIFF_ITEMS_MAX, and still null if that side has no list at all; "removedCount" and "addedCount" are then there too
 * and count all of them. Both 0: the order differs, or how often something is repeated.
 *
 * Either document may be NULL: all of the other is then added or removed. New reference, NULL if out of memory.
 */
json_t *document_diff(const json_t *before, const json_t *after);
