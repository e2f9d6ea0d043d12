/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The changes of an update, made in memory and then in the zone's document. Section numbers are those of RFC 2136. */
#include "model/update_int.h"

#include "model/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INDEX_NEW UINT32_MAX

/* --- the sets that are changed -------------------------------------------------------------------------------- */

struct work_value {
	char *text;  /* canonical */
	json_t *was; /* as the document has it, borrowed; NULL: new */
};

struct work_set {
	struct work_set *next; /* of the same name */
	uint16_t type;
	uint32_t ttl, index;
	bool has_changed, has_ttl_changed;
	struct work_value *values;
	size_t n, cap;
};

struct work_name {
	char name[DNS_NAME_MAX + 1];
	struct work_set *sets;
};

struct work {
	const struct update_zone *z;
	struct work_name *names;
	size_t n, cap;
};

static void work_done(struct work *w)
{
	for (size_t i = 0; i < w->n; i++) {
		struct work_set *set = w->names[i].sets;

		while (set) {
			struct work_set *next = set->next;

			for (size_t k = 0; k < set->n; k++)
				free(set->values[k].text);
			free(set->values);
			free(set);
			set = next;
		}
	}
	free(w->names);
}

static int value_add(struct work_set *set, const char *text, json_t *was)
{
	if (set->n == set->cap) {
		const size_t cap = set->cap ? set->cap * 2 : 4;
		struct work_value *grown = reallocarray(set->values, cap, sizeof(*grown));

		if (!grown)
			return -ERR_NOMEM;
		set->values = grown;
		set->cap = cap;
	}
	set->values[set->n] = (struct work_value){strdup(text), was};
	if (!set->values[set->n].text)
		return -ERR_NOMEM;
	set->n++;
	return 0;
}

static struct work_set *set_add(struct work_name *name, uint16_t type, uint32_t ttl, uint32_t index)
{
	struct work_set *set = calloc(1, sizeof(*set));

	if (!set)
		return NULL;
	*set = (struct work_set){.next = name->sets, .type = type, .ttl = ttl, .index = index};
	name->sets = set;
	return set;
}

static int set_load(const struct update_zone *z, struct work_name *name,
		    const struct record_set *from)
{
	const json_t *item = json_array_get(json_object_get(z->doc, "records"), from->index);
	const json_t *values = json_object_get(item, "values");
	struct work_set *set = set_add(name, from->type, from->ttl, from->index);
	const char *at = from->values;
	int r = set ? 0 : -ERR_NOMEM;

	for (uint32_t i = 0; i < from->n_values && r == 0; i++, at += strlen(at) + 1)
		r = value_add(set, at, json_array_get(values, i));
	return r;
}

/* The sets of a name, as they are so far. NULL: no memory. */
static struct work_name *name_get(struct work *w, const char *text)
{
	const struct record_set *sets;
	struct work_name *name;
	size_t n;

	for (size_t i = 0; i < w->n; i++)
		if (strcmp(w->names[i].name, text) == 0)
			return &w->names[i];
	if (w->n == w->cap) {
		const size_t cap = w->cap ? w->cap * 2 : 8;
		struct work_name *grown = reallocarray(w->names, cap, sizeof(*grown));

		if (!grown)
			return NULL;
		w->names = grown;
		w->cap = cap;
	}
	name = &w->names[w->n++];
	name->sets = NULL;
	snprintf(name->name, sizeof(name->name), "%s", text);
	sets = zone_find_sets(w->z->zone, text, &n);
	for (size_t i = 0; i < n; i++)
		if (set_load(w->z, name, &sets[i]) < 0)
			return NULL;
	return name;
}

/* Only of sets that have records: an empty one is none. */
static struct work_set *set_find(const struct work_name *name, uint16_t type)
{
	struct work_set *set = name->sets;

	while (set && (set->type != type || set->n == 0))
		set = set->next;
	return set;
}

static void set_clear(struct work_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		free(set->values[i].text);
	set->has_changed |= set->n > 0;
	set->n = 0;
}

/* --- the changes, made, 3.4.2 ----------------------------------------------------------------------------------- */

static bool has_other_than_cname(const struct work_name *name, bool at_apex)
{
	for (const struct work_set *set = name->sets; set; set = set->next)
		if (set->n > 0 && set->type != RR_CNAME)
			return true;
	return at_apex;
}

/* The set to add to: one that was emptied is used again, so that its place in the document stays. */
static struct work_set *set_for_adding(struct work_name *name, uint16_t type, uint32_t ttl)
{
	struct work_set *set = name->sets;

	while (set && set->type != type)
		set = set->next;
	return set ? set : set_add(name, type, ttl, INDEX_NEW);
}

static int record_add(struct work_name *name, const struct update_record *r, bool at_apex)
{
	char value[RECORD_TEXT_MAX];
	struct work_set *set;

	if (r->type == RR_SOA || (r->type == RR_CNAME ? has_other_than_cname(name, at_apex)
						      : set_find(name, RR_CNAME) != NULL))
		return 0;
	if (!update_value_read(r, value))
		return 0; /* change_permit() has read it */
	set = set_for_adding(name, r->type, r->ttl);
	if (!set)
		return -ERR_NOMEM;
	if (set->ttl != r->ttl) {
		set->ttl = r->ttl;
		set->has_changed = set->has_ttl_changed = true;
	}
	for (size_t i = 0; i < set->n; i++)
		if (strcmp(set->values[i].text, value) == 0)
			return 0;
	if (r->type == RR_CNAME)
		set_clear(set);
	set->has_changed = true;
	return value_add(set, value, NULL);
}

static void sets_delete(struct work_name *name, uint16_t type, bool at_apex)
{
	for (struct work_set *set = name->sets; set; set = set->next)
		if ((type == RR_ANY || set->type == type) && !(at_apex && set->type == RR_NS))
			set_clear(set);
}

static void record_delete(struct work_name *name, const struct update_record *r, bool at_apex)
{
	struct work_set *set = set_find(name, r->type);
	char value[RECORD_TEXT_MAX];

	if (!set || !update_value_read(r, value) || (at_apex && r->type == RR_NS && set->n == 1))
		return;
	for (size_t i = 0; i < set->n; i++) {
		if (strcmp(set->values[i].text, value) != 0)
			continue;
		free(set->values[i].text);
		memmove(&set->values[i], &set->values[i + 1],
			(set->n - i - 1) * sizeof(*set->values));
		set->n--;
		set->has_changed = true;
		return;
	}
}

static int change_make(struct work *w, const struct update_record *r)
{
	struct work_name *name;
	struct update_owner o;
	bool at_apex;

	if (!update_owner_read(w->z->zone, r->owner, &o) || !o.name[0])
		return 0;
	name = name_get(w, o.name);
	if (!name)
		return -ERR_NOMEM;
	at_apex = owner_is_apex(&o);
	if (r->class == RR_CLASS_IN)
		return record_add(name, r, at_apex);
	if (r->class == CLASS_ANY)
		sets_delete(name, r->type, at_apex);
	else
		record_delete(name, r, at_apex);
	return 0;
}

/* --- back into the document ------------------------------------------------------------------------------------- */

static json_t *set_item(const struct work *w, const struct work_name *name,
			const struct work_set *set, const json_t *was)
{
	json_t *item = was ? json_copy((json_t *)(uintptr_t)was) : json_object();
	json_t *values = json_array();
	int r = item && values ? 0 : -1;

	if (r == 0 && !was)
		r = json_object_set_new(item, "name", json_string(name->name)) |
		    json_object_set_new(item, "type",
					json_string(record_type_text((enum record_type)set->type)));
	for (size_t i = 0; i < set->n && r == 0; i++)
		r = set->values[i].was
			    ? json_array_append(values, set->values[i].was)
			    : json_array_append_new(values, json_string(set->values[i].text));
	if (r == 0 && (!was || set->has_ttl_changed)) {
		json_object_del(item, "ttl");
		if (set->ttl != w->z->zone->ttl)
			r = json_object_set_new(item, "ttl", json_integer(set->ttl));
	}
	if (r == 0)
		r = json_object_set(item, "values", values);
	json_decref(values);
	if (r == 0)
		return item;
	json_decref(item);
	return NULL;
}

/* One set into the list: null where it is gone. Returns 1: something is different. */
static int set_write(const struct work *w, const struct work_name *name, const struct work_set *set,
		     json_t *records)
{
	const bool is_new = set->index == INDEX_NEW;
	json_t *item;

	if (!set->has_changed || (is_new && set->n == 0))
		return 0;
	if (set->n == 0)
		return json_array_set_new(records, set->index, json_null()) < 0 ? -ERR_NOMEM : 1;
	item = set_item(w, name, set, is_new ? NULL : json_array_get(records, set->index));
	if (!item || (is_new ? json_array_append_new(records, item)
			     : json_array_set_new(records, set->index, item)) < 0)
		return -ERR_NOMEM;
	return 1;
}

static int document_make(const struct work *w, json_t **ret_doc)
{
	json_t *doc = json_copy((json_t *)(uintptr_t)w->z->doc), *kept = json_array();
	const json_t *had = json_object_get(w->z->doc, "records"), *item;
	json_t *records = had ? json_copy((json_t *)(uintptr_t)had) : json_array();
	int r = doc && kept && records ? 0 : -ERR_NOMEM;
	bool has_changed = false;
	size_t i;

	for (size_t n = 0; n < w->n && r >= 0; n++)
		for (struct work_set *set = w->names[n].sets; set && r >= 0; set = set->next) {
			r = set_write(w, &w->names[n], set, records);
			has_changed |= r == 1;
		}
	json_array_foreach(records, i, item)
	{
		if (r >= 0 && !json_is_null(item) &&
		    json_array_append(kept, (json_t *)(uintptr_t)item) < 0)
			r = -ERR_NOMEM;
	}
	if (r >= 0 && json_object_set(doc, "records", kept) < 0)
		r = -ERR_NOMEM;
	json_decref(records);
	json_decref(kept);
	if (r >= 0 && has_changed)
		*ret_doc = doc;
	else
		json_decref(doc);
	return r < 0 ? r : 0;
}

int update_work(const struct update_zone *z, const struct update *u, json_t **ret_doc)
{
	struct work w = {.z = z};
	int r = 0;

	for (size_t i = 0; i < u->n_changes && r == 0; i++)
		r = change_make(&w, &u->changes[i]);
	if (r == 0 && w.n)
		r = document_make(&w, ret_doc);
	work_done(&w);
	return r;
}
