/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/field.h"

#include "model/limits.h"
#include "model/name.h"
#include "model/space.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPACE_V4_SHORTEST 8
#define SPACE_V4_LONGEST  28
#define SPACE_V6_SHORTEST 32
#define SPACE_V6_LONGEST  64

int field_no_memory(struct err *e)
{
	return err_set(e, ERR_NOMEM, NULL, "out of memory");
}

int field_under_index(struct err *e, size_t i, int r)
{
	char index[24];

	snprintf(index, sizeof(index), "[%zu]", i);
	err_under(e, index);
	return r;
}

int field_kind(const json_t *v, void *arg, struct err *e)
{
	const struct reading *rd = arg;

	if (strlen(rd->kind) != json_string_length(v) ||
	    strcmp(json_string_value(v), rd->kind) != 0)
		return err_set(e, ERR_INVALID, NULL, "must be %s", rd->kind);
	return 0;
}

int field_name(const json_t *v, void *arg, struct err *e)
{
	return object_name_check(json_string_value(v), json_string_length(v), e);
}

/* --- references ------------------------------------------------------------------------------------------- */

int field_ref(const struct reading *rd, enum object_kind kind, const json_t *v,
	      struct object **ret_object, struct err *e)
{
	int r;

	if (!json_is_string(v))
		return schema_wrong_type(e, NULL, SCHEMA_STRING, v);
	r = object_name_check(json_string_value(v), json_string_length(v), e);
	if (r < 0 || !rd->resolve)
		return r;
	*ret_object = rd->resolve(rd->resolve_arg, kind, json_string_value(v));
	return *ret_object ? 0 : field_no_memory(e);
}

int field_ref_item(const struct reading *rd, enum object_kind kind, const json_t *list, size_t i,
		   struct object **ret_object, struct err *e)
{
	const json_t *item = json_array_get(list, i);
	int r = field_ref(rd, kind, item, ret_object, e);

	for (size_t k = 0; k < i && r == 0; k++)
		if (json_equal(json_array_get(list, k), item))
			r = err_set(e, ERR_INVALID, NULL,
				    "\"%s\" is in the list already, as item %zu",
				    json_string_value(item), k);
	return r < 0 ? field_under_index(e, i, r) : 0;
}

int field_groups(const struct reading *rd, const json_t *list,
		 struct object *groups[NET_GROUPS_MAX], size_t *ret_n, struct err *e)
{
	size_t n = json_array_size(list), max = limit_get(LIMIT_GROUPS_EACH);

	if (n > max || n > NET_GROUPS_MAX)
		return err_set(e, ERR_TOO_LARGE, NULL,
			       "has %zu items; a host or endpoint has at most %zu security groups",
			       n, max);
	for (size_t i = 0; i < n; i++) {
		int r = field_ref_item(rd, OBJECT_SECURITY_GROUP, list, i, &groups[i], e);
		if (r < 0)
			return r;
	}
	*ret_n = n;
	return 0;
}

/* --- prefixes and addresses ------------------------------------------------------------------------------- */

struct numbered_prefix {
	struct prefix prefix;
	size_t index;
};

static int numbered_cmp(const void *a, const void *b)
{
	const struct numbered_prefix *x = a, *y = b;
	int r = prefix_cmp(&x->prefix, &y->prefix);

	return r ? r : (x->index > y->index) - (x->index < y->index);
}

/* The first item, in the list's order, that repeats an earlier one. */
static int repeated_check(const struct prefix *prefixes, size_t n, struct err *e)
{
	size_t first = SIZE_MAX, earlier = 0;
	char text[PREFIX_TEXT_MAX];

	_cleanup_free_ struct numbered_prefix *sorted = calloc(n ? n : 1, sizeof(*sorted));
	if (!sorted)
		return field_no_memory(e);
	for (size_t i = 0; i < n; i++)
		sorted[i] = (struct numbered_prefix){prefixes[i], i};
	qsort(sorted, n, sizeof(*sorted), numbered_cmp);
	for (size_t i = 1; i < n; i++) {
		if (prefix_cmp(&sorted[i - 1].prefix, &sorted[i].prefix) != 0 ||
		    sorted[i].index >= first)
			continue;
		first = sorted[i].index;
		earlier = sorted[i - 1].index;
	}
	if (first == SIZE_MAX)
		return 0;
	err_set(e, ERR_INVALID, NULL, "%s is in the list already, as item %zu",
		prefix_format(&prefixes[first], text), earlier);
	return field_under_index(e, first, -ERR_INVALID);
}

static int prefix_item(const json_t *list, size_t i, struct prefix *ret_prefix, struct err *e)
{
	const json_t *item = json_array_get(list, i);
	int r = json_is_string(item) ? prefix_parse(json_string_value(item),
						    json_string_length(item), ret_prefix, e)
				     : schema_wrong_type(e, NULL, SCHEMA_STRING, item);

	return r < 0 ? field_under_index(e, i, r) : 0;
}

int field_prefixes(const json_t *list, size_t max, const char *what, struct prefix **ret_prefixes,
		   size_t *ret_n, struct err *e)
{
	size_t n = json_array_size(list);
	int r;

	if (n > max)
		return err_set(e, ERR_TOO_LARGE, NULL, "has %zu items; %s at most %zu ranges", n,
			       what, max);
	*ret_prefixes = calloc(n ? n : 1, sizeof(**ret_prefixes));
	if (!*ret_prefixes)
		return field_no_memory(e);
	for (size_t i = 0; i < n; i++) {
		r = prefix_item(list, i, &(*ret_prefixes)[i], e);
		if (r < 0)
			return r;
	}
	*ret_n = n;
	return repeated_check(*ret_prefixes, n, e);
}

static int space_item_check(const struct prefix *p, struct err *e)
{
	bool is_v4 = p->addr.family == ADDR_V4;
	int shortest = is_v4 ? SPACE_V4_SHORTEST : SPACE_V6_SHORTEST;
	int longest = is_v4 ? SPACE_V4_LONGEST : SPACE_V6_LONGEST;
	const char *special = prefix_special(p);
	char text[PREFIX_TEXT_MAX];

	prefix_format(p, text);
	if (special)
		return err_set(e, ERR_INVALID, NULL,
			       "%s has addresses that are %s, which no network may use", text,
			       special);
	if (p->len < shortest || p->len > longest)
		return err_set(
			e, ERR_INVALID, NULL,
			"%s must have a length from /%d to /%d, as every IPv%d address space", text,
			shortest, longest, is_v4 ? 4 : 6);
	return 0;
}

int field_space(const json_t *list, struct prefix spaces[NET_SPACES_MAX], size_t *ret_n,
		struct err *e)
{
	size_t n = json_array_size(list);
	char text[PREFIX_TEXT_MAX], other[PREFIX_TEXT_MAX];

	if (n < 1 || n > NET_SPACES_MAX)
		return err_set(e, n ? ERR_TOO_LARGE : ERR_INVALID, NULL,
			       "must have 1 to %d items, not %zu", NET_SPACES_MAX, n);
	for (size_t i = 0; i < n; i++) {
		int r = prefix_item(list, i, &spaces[i], e);
		if (r < 0)
			return r;
		r = space_item_check(&spaces[i], e);
		for (size_t k = 0; k < i && r == 0; k++)
			if (prefix_overlaps(&spaces[i], &spaces[k]))
				r = err_set(e, ERR_INVALID, NULL,
					    "%s overlaps %s, item %zu of the list",
					    prefix_format(&spaces[i], text),
					    prefix_format(&spaces[k], other), k);
		if (r < 0)
			return field_under_index(e, i, r);
	}
	*ret_n = n;
	return 0;
}

static int address_item(const json_t *item, struct addr addresses[FAMILIES], struct err *e)
{
	char quoted[64];
	struct addr a;

	if (!json_is_string(item))
		return schema_wrong_type(e, NULL, SCHEMA_STRING, item);
	if (strlen(json_string_value(item)) != json_string_length(item) ||
	    addr_parse(json_string_value(item), &a) < 0)
		return err_set(e, ERR_INVALID, NULL, "\"%s\" is no IPv4 or IPv6 address",
			       str_quote(quoted, sizeof(quoted), json_string_value(item),
					 json_string_length(item)));
	if (addresses[addr_index(&a)].family != ADDR_NONE)
		return err_set(e, ERR_INVALID, NULL,
			       "\"%s\" is a second IPv%d address; there is at most one per family",
			       json_string_value(item), (int)a.family);
	addresses[addr_index(&a)] = a;
	return 0;
}

int field_addresses(const json_t *list, struct addr addresses[FAMILIES], struct err *e)
{
	size_t n = json_array_size(list);

	if (n < 1)
		return err_set(
			e, ERR_INVALID, NULL,
			"must have 1 or 2 items, not 0; leave the field out to have addresses "
			"allocated");
	for (size_t i = 0; i < n; i++) {
		int r = address_item(json_array_get(list, i), addresses, e);
		if (r < 0)
			return field_under_index(e, i, r);
	}
	return 0;
}

int field_automatic(const json_t *v, bool *ret_automatic, struct err *e)
{
	static const char *const words[] = {"automatic", "none", NULL};
	int r = schema_word(e, v, words);

	if (r >= 0)
		*ret_automatic = r == 0;
	return r < 0 ? r : 0;
}

/* --- rules of an endpoint --------------------------------------------------------------------------------- */

#define ENDPOINT_PORT 443

void endpoint_rules_init(struct endpoint_rules *rules)
{
	rules->open = true;
	rules->port = ENDPOINT_PORT;
}

int endpoint_rules_groups(const struct reading *rd, struct endpoint_rules *rules, const json_t *v,
			  struct err *e)
{
	return field_groups(rd, v, rules->groups, &rules->n_groups, e);
}

int endpoint_rules_ranges(struct endpoint_rules *rules, const json_t *v, struct err *e)
{
	rules->open = false;
	return field_prefixes(v, limit_get(LIMIT_RANGES), "an endpoint has", &rules->ranges,
			      &rules->n_ranges, e);
}

int endpoint_rules_port(struct endpoint_rules *rules, const json_t *v, struct err *e)
{
	int r = schema_integer_in(e, v, 1, 65535);

	if (r == 0)
		rules->port = (uint16_t)json_integer_value(v);
	return r;
}
