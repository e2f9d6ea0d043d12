/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postern/ranges_edit.h"

#include "base/addr.h"
#include "postern/text.h"

#include <string.h>

int ranges_split(const char *list, const char *option, json_t **ret_ranges, struct err *e)
{
	json_t *ranges = json_array();

	for (const char *p = list;; p++) {
		size_t n = strcspn(p, ",");

		if (n == 0) {
			json_decref(ranges);
			return err_set(e, ERR_USAGE, option,
				       "an empty part in the list; write it as "
				       "203.0.113.0/24,2001:db8::/32");
		}
		json_array_append_new(ranges, json_stringn(p, n));
		p += n;
		if (!*p)
			break;
	}
	*ret_ranges = ranges;
	return 0;
}

static int parse(const json_t *range, const char *option, struct prefix *ret_prefix, struct err *e)
{
	const char *text = json_string_value(range);
	int rc = prefix_parse(text ? text : "", text ? strlen(text) : 0, ret_prefix, e);

	if (rc < 0 && e)
		snprintf(e->path, sizeof e->path, "%s", option);
	return rc;
}

/* Where in ranges the prefix itself stands; SIZE_MAX: nowhere. What cannot be parsed is not it. */
static size_t position(const json_t *ranges, const struct prefix *wanted)
{
	struct prefix p;
	json_t *range;
	size_t i;

	json_array_foreach(ranges, i, range)
	{
		if (parse(range, "", &p, NULL) == 0 && prefix_cmp(&p, wanted) == 0)
			return i;
	}
	return SIZE_MAX;
}

/* The range that still admits all of gone; NULL if none. Borrowed. */
static const char *cover(const json_t *ranges, const struct prefix *gone)
{
	struct prefix p;
	json_t *range;
	size_t i;

	json_array_foreach(ranges, i, range)
	{
		if (parse(range, "", &p, NULL) == 0 && p.addr.family == gone->addr.family &&
		    p.len <= gone->len && prefix_contains(&p, &gone->addr))
			return json_string_value(range);
	}
	return NULL;
}

static int add_all(json_t *ranges, const json_t *add, struct err *e)
{
	struct prefix p;
	json_t *range;
	size_t i;

	json_array_foreach(add, i, range)
	{
		int rc = parse(range, "--add-allow", &p, e);

		if (rc < 0)
			return rc;
		if (position(ranges, &p) == SIZE_MAX)
			json_array_append(ranges, range);
	}
	return 0;
}

static int remove_all(json_t *ranges, const json_t *add, const json_t *remove, char **covered,
		      struct err *e)
{
	struct prefix p;
	json_t *range;
	size_t i;

	json_array_foreach(remove, i, range)
	{
		int rc = parse(range, "--remove-allow", &p, e);
		const char *by;
		size_t at;

		if (rc < 0)
			return rc;
		if (position(add, &p) != SIZE_MAX)
			return err_set(e, ERR_USAGE, "--remove-allow",
				       "%s is to be added, too; which is it?",
				       json_string_value(range));
		at = position(ranges, &p);
		if (at != SIZE_MAX)
			json_array_remove(ranges, at);
		by = cover(ranges, &p);
		if (by && at == SIZE_MAX)
			return err_set(e, ERR_NOT_FOUND, "--remove-allow",
				       "%s is not a range of its own: %s admits it; remove that "
				       "one, and add "
				       "what is to stay",
				       json_string_value(range), by);
		if (by && !*covered)
			*covered = must_printf("%s is still admitted by %s",
					       json_string_value(range), by);
	}
	return 0;
}

int ranges_edit(const json_t *ranges, const json_t *add, const json_t *remove, json_t **ret_ranges,
		char **ret_covered, struct err *e)
{
	json_t *edited = json_copy((json_t *)(uintptr_t)ranges);
	char *covered = NULL;
	int rc = edited ? 0 : err_set(e, ERR_NOMEM, NULL, "out of memory");

	if (rc == 0)
		rc = add_all(edited, add, e);
	if (rc == 0)
		rc = remove_all(edited, add, remove, &covered, e);
	if (rc < 0) {
		json_decref(edited);
		free(covered);
		return rc;
	}
	*ret_ranges = edited;
	*ret_covered = covered;
	return 0;
}
