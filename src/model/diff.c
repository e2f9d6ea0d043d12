/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/diff.h"

#include "base/cleanup.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static json_t *mutable(const json_t *v)
{
	return (json_t *)(uintptr_t)v;
}

static json_t *or_null(const json_t *v)
{
	return v ? json_incref(mutable(v)) : json_null();
}

static bool is_list_of(const json_t *v, json_type type)
{
	for (size_t i = 0; i < json_array_size(v); i++) {
		if (json_typeof(json_array_get(v, i)) != type)
			return false;
	}
	return json_is_array(v);
}

static int leaf_add(json_t *out, const char *path, const json_t *before, const json_t *after)
{
	return json_array_append_new(out, json_pack("{s:s, s:o, s:o}", "path", path, "before",
						    or_null(before), "after", or_null(after)));
}

/* --- long lists of strings -------------------------------------------------------------------------------- */

static int string_cmp(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The strings of a list, sorted, ended by NULL; borrowed from it. */
static const char **strings_sorted(const json_t *list)
{
	size_t n = json_array_size(list);
	const char **s = calloc(n + 1, sizeof(*s));

	if (!s)
		return NULL;
	for (size_t i = 0; i < n; i++)
		s[i] = json_string_value(json_array_get(list, i));
	qsort(s, n, sizeof(*s), string_cmp);
	return s;
}

/* What is in a and not in b. */
static int only_in(const char *const *a, const char *const *b, json_t *list, json_int_t *ret_count)
{
	json_int_t count = 0;

	for (; *a; a++) {
		while (*b && strcmp(*b, *a) < 0)
			b++;
		if (*b && strcmp(*b, *a) == 0)
			continue;
		if (count++ < DIFF_ITEMS_MAX && json_array_append_new(list, json_string(*a)) < 0)
			return -1;
	}
	*ret_count = count;
	return 0;
}

/* A side that is absent stays null: no list and an empty list are different things. */
static json_t *side(const json_t *list, json_t *items)
{
	return json_incref(list ? items : json_null());
}

static int sets_add(json_t *out, const char *path, const json_t *before, const json_t *after)
{
	const char **b = strings_sorted(before), **a = strings_sorted(after);
	json_t *removed = json_array(), *added = json_array();
	json_int_t n_removed = 0, n_added = 0;
	int r = -1;

	if (a && b && added && removed && only_in(b, a, removed, &n_removed) == 0 &&
	    only_in(a, b, added, &n_added) == 0)
		r = json_array_append_new(out, json_pack("{s:s, s:o, s:o, s:I, s:I}", "path", path,
							 "before", side(before, removed), "after",
							 side(after, added), "removedCount",
							 n_removed, "addedCount", n_added));
	json_decref(removed);
	json_decref(added);
	free(a);
	free(b);
	return r;
}

/* --- the walk --------------------------------------------------------------------------------------------- */

static int values_diff(json_t *out, const char *path, const json_t *before, const json_t *after);

static int member_diff(json_t *out, const char *path, const char *key, const json_t *before,
		       const json_t *after)
{
	_cleanup_free_ char *sub = NULL;

	if (asprintf(&sub, "%s%s%s", path, *path ? "." : "", key) < 0) {
		sub = NULL;
		return -1;
	}
	return values_diff(out, sub, before, after);
}

static int objects_diff(json_t *out, const char *path, const json_t *before, const json_t *after)
{
	const char *key;
	json_t *value;

	json_object_foreach(mutable(before), key, value)
	{
		if (member_diff(out, path, key, value, json_object_get(after, key)) < 0)
			return -1;
	}
	json_object_foreach(mutable(after), key, value)
	{
		if (!json_object_get(before, key) && member_diff(out, path, key, NULL, value) < 0)
			return -1;
	}
	return 0;
}

static int items_diff(json_t *out, const char *path, const json_t *before, const json_t *after)
{
	size_t n = json_array_size(before);

	if (json_array_size(after) > n)
		n = json_array_size(after);
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *sub = NULL;

		if (asprintf(&sub, "%s[%zu]", path, i) < 0) {
			sub = NULL;
			return -1;
		}
		if (values_diff(out, sub, json_array_get(before, i), json_array_get(after, i)) < 0)
			return -1;
	}
	return 0;
}

static int values_diff(json_t *out, const char *path, const json_t *before, const json_t *after)
{
	size_t items = json_array_size(before) + json_array_size(after);

	if (before == after || (before && after && json_equal(before, after)))
		return 0;
	/* An object that appears or goes is shown by its leaves, an empty one as itself. */
	if ((!before || json_is_object(before)) && (!after || json_is_object(after)) &&
	    json_object_size(before) + json_object_size(after) > 0)
		return objects_diff(out, path, before, after);
	if (items > 0 && is_list_of(before, JSON_OBJECT) && is_list_of(after, JSON_OBJECT))
		return items_diff(out, path, before, after);
	if (items > DIFF_ITEMS_MAX && (!before || is_list_of(before, JSON_STRING)) &&
	    (!after || is_list_of(after, JSON_STRING)))
		return sets_add(out, path, before, after);
	return leaf_add(out, path, before, after);
}

json_t *document_diff(const json_t *before, const json_t *after)
{
	json_t *out = json_array();

	if (out && values_diff(out, "", before, after) < 0) {
		json_decref(out);
		return NULL;
	}
	return out;
}
