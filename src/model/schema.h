/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The schema check: an object against a table of its fields. Every kind of mistake has its one sentence here, so that it is
 * answered alike wherever it is made: which field, what was found, the rule, the way out.
 */
#pragma once

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>

enum schema_type {
	SCHEMA_STRING,
	SCHEMA_BOOL,
	SCHEMA_INTEGER,
	SCHEMA_NUMBER,
	SCHEMA_OBJECT,
	SCHEMA_LIST,
	SCHEMA_ANY, /* the check decides */
};

struct schema_field {
	const char *name;
	enum schema_type type;
	bool required;
	/* The field's own rules, on a value of the right type; e->path is relative to the field. NULL: none. */
	int (*check)(const json_t *value, void *arg, struct err *e);
};

/* fields ends with a NULL name. Unknown and missing fields, wrong types, then each check in the table's order. */
int schema_check(const json_t *object, const struct schema_field *fields, void *arg, struct err *e)
	_must_check_;

/* The same, but fields that are not in the table are somebody else's. */
int schema_check_known(const json_t *object, const struct schema_field *fields, void *arg,
		       struct err *e) _must_check_;

/* The sentences, for checks that are not in a table. */
int schema_wrong_type(struct err *e, const char *path, enum schema_type want, const json_t *found);
/* An integer within bounds; the sentence names them. */
int schema_integer_in(struct err *e, const json_t *value, json_int_t min, json_int_t max);
/* One of the words, as an index. words ends with NULL. -ERR_INVALID names all of them. */
int schema_word(struct err *e, const json_t *value, const char *const *words);
