/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A change's "diff" (path, before, after) for people. */
#pragma once

#include "postern/term.h"

#include <jansson.h>

/* One indented line per field, lists by their elements: "  ~ public.ranges: + 198.51.100.0/24  - 203.0.113.0/24". */
void diff_print(const struct term *t, const json_t *diff);
