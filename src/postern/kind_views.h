/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a table shows of the objects of each kind: one row of columns per kind. A kind without a row has the general columns.
 */
#pragma once

#include "postern/columns.h"

#include <jansson.h>

/* A cell of one object as the API gives it; malloc()ed. *ret_tone is TONE_PLAIN unless set. */
typedef char *view_cell_fn(const json_t *object, enum tone *ret_tone);

struct view_column {
	const char *title;
	const char *path; /* a field shown as it is, lists joined by commas; NULL: see cell */
	view_cell_fn *cell;
};

struct kind_view {
	const char *kind;
	size_t elastic; /* the column that gives way on a narrow terminal */
	struct view_column columns[COLUMNS_MAX];
};

const struct kind_view *kind_view_find(const char *kind);
size_t kind_view_columns(const struct kind_view *v);
/* One row for each of the objects. */
void kind_view_print(const struct kind_view *v, const json_t *objects, const struct term *t);
