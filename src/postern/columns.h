/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A table for people: aligned columns, a title row. On a terminal one elastic column gives way, cut with "...", so that
 * rows keep to one line; piped, nothing is ever cut. Empty cells show "-".
 */
#pragma once

#include "postern/term.h"

#include <stddef.h>

#define COLUMNS_MAX 12

struct columns {
	const char *const *titles; /* borrowed */
	size_t n;		   /* columns */
	size_t elastic;		   /* index of the column that may be cut; n: none */
	struct cell {
		char *text;
		enum tone tone;
	} * cells; /* row by row */
	size_t n_cells, cap;
};

void columns_init(struct columns *c, const char *const *titles, size_t n, size_t elastic);
void columns_done(struct columns *c);
/* The next cell, left to right, row by row. The text is cleaned. */
void columns_add(struct columns *c, enum tone tone, const char *fmt, ...) _printf_(3, 4);
/* Print all rows, each behind `indent` spaces. Rows must be complete. */
void columns_print(const struct columns *c, const struct term *t, size_t indent);
