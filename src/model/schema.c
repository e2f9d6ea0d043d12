/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/schema.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NAME_MAX_SHOWN 64

static const char *type_text(enum schema_type t)
{
	static const char *const text[] = {
		[SCHEMA_STRING] = "a string",	 [SCHEMA_BOOL] = "true or false",
		[SCHEMA_INTEGER] = "an integer", [SCHEMA_NUMBER] = "a number",
		[SCHEMA_OBJECT] = "an object",	 [SCHEMA_LIST] = "a list",
		[SCHEMA_ANY] = "a value",
	};

	return text[t];
}

static bool type_is(enum schema_type t, const json_t *v)
{
	switch (t) {
	case SCHEMA_STRING:
		return json_is_string(v);
	case SCHEMA_BOOL:
		return json_is_boolean(v);
	case SCHEMA_INTEGER:
		return json_is_integer(v);
	case SCHEMA_NUMBER:
		return json_is_number(v);
	case SCHEMA_OBJECT:
		return json_is_object(v);
	case SCHEMA_LIST:
		return json_is_array(v);
	case SCHEMA_ANY:
		return !json_is_null(v);
	}
	return false;
}

/* What was found, short enough for a message. */
static void value_text(const json_t *v, char *dst, size_t cap)
{
	char quoted[48];

	switch (json_typeof(v)) {
	case JSON_STRING:
		snprintf(dst, cap, "the string \"%s\"",
			 str_quote(quoted, sizeof quoted, json_string_value(v),
				   json_string_length(v)));
		return;
	case JSON_INTEGER:
		snprintf(dst, cap, "the integer %" JSON_INTEGER_FORMAT, json_integer_value(v));
		return;
	case JSON_REAL:
		snprintf(dst, cap, "the number %g", json_real_value(v));
		return;
	case JSON_TRUE:
	case JSON_FALSE:
		snprintf(dst, cap, "%s", json_is_true(v) ? "true" : "false");
		return;
	case JSON_NULL:
		snprintf(dst, cap, "nothing (null)");
		return;
	case JSON_ARRAY:
		snprintf(dst, cap, "a list");
		return;
	case JSON_OBJECT:
		snprintf(dst, cap, "an object");
		return;
	}
}

int schema_wrong_type(struct err *e, const char *path, enum schema_type want, const json_t *found)
{
	char text[96];

	value_text(found, text, sizeof text);
	return err_set(e, ERR_INVALID, path, "must be %s, not %s%s", type_text(want), text,
		       json_is_null(found) ? "; leave the field out instead" : "");
}

/* Edit distance, for "did you mean": field names are short. */
static size_t distance(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b), row[NAME_MAX_SHOWN + 1];

	if (la > NAME_MAX_SHOWN || lb > NAME_MAX_SHOWN)
		return NAME_MAX_SHOWN;
	for (size_t j = 0; j <= lb; j++)
		row[j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t best = diagonal + ((a[i - 1] | 32) != (b[j - 1] | 32));
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diagonal = row[j];
			row[j] = best;
		}
	}
	return row[lb];
}

static int unknown_field(struct err *e, const char *key, size_t key_len,
			 const struct schema_field *fields)
{
	char quoted[NAME_MAX_SHOWN + 1], known[300] = "";
	const char *nearest = NULL;
	size_t best = 3, used = 0;

	str_quote(quoted, sizeof quoted, key, key_len);
	for (const struct schema_field *f = fields; f->name; f++) {
		size_t d = distance(key, f->name);
		if (d < best) {
			best = d;
			nearest = f->name;
		}
		int n = snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "",
				 f->name);
		if (n > 0 && used + (size_t)n < sizeof known)
			used += (size_t)n;
	}
	if (nearest)
		return err_set(e, ERR_INVALID, quoted, "is not a field here; did you mean %s?",
			       nearest);
	return err_set(e, ERR_INVALID, quoted, "is not a field here; the fields are %s", known);
}

static const struct schema_field *field_find(const struct schema_field *fields, const char *key)
{
	for (; fields->name; fields++)
		if (!strcmp(fields->name, key))
			return fields;
	return NULL;
}

/* In the document's order: what is there and should not be, or not like that. */
static int fields_known(const json_t *object, const struct schema_field *fields, struct err *e)
{
	const char *key;
	size_t key_len;
	json_t *value;

	json_object_keylen_foreach((json_t *)(uintptr_t)object, key, key_len, value)
	{
		if (strlen(key) != key_len || !field_find(fields, key))
			return unknown_field(e, key, key_len, fields);
	}
	return 0;
}

int schema_check_known(const json_t *object, const struct schema_field *fields, void *arg,
		       struct err *e)
{
	for (const struct schema_field *f = fields; f->name; f++) {
		const json_t *value = json_object_get(object, f->name);
		int r;

		if (!value && f->required)
			return err_set(e, ERR_INVALID, f->name, "is required: %s",
				       type_text(f->type));
		if (!value)
			continue;
		if (!type_is(f->type, value))
			return schema_wrong_type(e, f->name, f->type, value);
		r = f->check ? f->check(value, arg, e) : 0;
		if (r < 0) {
			err_under(e, f->name);
			return r;
		}
	}
	return 0;
}

int schema_check(const json_t *object, const struct schema_field *fields, void *arg, struct err *e)
{
	int r = fields_known(object, fields, e);

	return r < 0 ? r : schema_check_known(object, fields, arg, e);
}

int schema_integer_in(struct err *e, const json_t *value, json_int_t min, json_int_t max)
{
	json_int_t v = json_integer_value(value);

	if (v >= min && v <= max)
		return 0;
	return err_set(e, ERR_INVALID, NULL,
		       "must be from %" JSON_INTEGER_FORMAT " to %" JSON_INTEGER_FORMAT
		       ", not %" JSON_INTEGER_FORMAT,
		       min, max, v);
}

int schema_word(struct err *e, const json_t *value, const char *const *words)
{
	char all[160] = "", quoted[48];
	size_t used = 0;

	for (int i = 0; words[i]; i++) {
		if (!strcmp(words[i], json_string_value(value)))
			return i;
		int n = snprintf(all + used, sizeof all - used, "%s%s", used ? ", " : "", words[i]);
		if (n > 0 && used + (size_t)n < sizeof all)
			used += (size_t)n;
	}
	return err_set(e, ERR_INVALID, NULL, "must be one of %s, not \"%s\"", all,
		       str_quote(quoted, sizeof quoted, json_string_value(value),
				 json_string_length(value)));
}
