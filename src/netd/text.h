/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A string that grows: rulesets and states are written into one. The first failure (no memory, TEXT_BYTES_MAX) sticks, so that
 * writers need not check each line; whoever takes the result does.
 */
#pragma once

#include "base/cleanup.h"

#include <stdbool.h>
#include <stddef.h>

#define TEXT_BYTES_MAX ((size_t)64 << 20)

struct text {
	char *s; /* terminated; NULL while empty */
	size_t len, cap;
	bool failed;
};

void text_add(struct text *t, const char *fmt, ...) _printf_(2, 3);
void text_put(struct text *t, const char *s, size_t len);
void text_done(struct text *t);
