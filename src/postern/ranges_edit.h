/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Authorized ranges as a list, edited one by one. Pure. */
#pragma once

#include "base/err.h"

#include <jansson.h>

/* "a,b,c" to an array of strings, as written; empty parts are refused. New reference. */
int ranges_split(const char *list, const char *option, json_t **ret_ranges, struct err *e)
	_must_check_;

/*
 * A copy of ranges with `add` put at the end and `remove` taken out; both are arrays of strings, NULL for none. Adding what
 * is there already changes nothing. Removing what is not there is -ERR_NOT_FOUND if another range still admits it,
 * since then it would go on being authorized, and nothing otherwise. *ret_covered is a text that names a range that still
 * admits something removed, NULL if none; malloc()ed. -ERR_INVALID for what is no prefix, -ERR_USAGE for a prefix
 * both added and removed.
 */
int ranges_edit(const json_t *ranges, const json_t *add, const json_t *remove, json_t **ret_ranges,
		char **ret_covered, struct err *e) _must_check_;
