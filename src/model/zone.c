/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/zone.h"

#include "model/field.h"
#include "model/limits.h"
#include "model/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- zone: its own fields --------------------------------------------------------------------------------- */

static struct declared_zone *zone_of(void *arg)
{
	return ((struct reading *)arg)->body;
}

static int domain_check(const json_t *v, void *arg, struct err *e)
{
	const char *text = json_string_value(v);
	size_t len = json_string_length(v);
	char quoted[64];

	if (len > 1 && text[0] == '*')
		return err_set(
			e, ERR_INVALID, NULL,
			"\"%s\" is a wildcard; give the domain, and the record of name \"*\" in it",
			str_quote(quoted, sizeof(quoted), text, len));
	return dns_name_fold(text, len, false, zone_of(arg)->domain, e);
}

static int visibility_check(const json_t *v, void *arg, struct err *e)
{
	static const char *const words[] = {"private", "public", NULL};
	int r = schema_word(e, v, words);

	if (r >= 0)
		zone_of(arg)->is_public = r == 1;
	return r < 0 ? r : 0;
}

static int ttl_read(const json_t *v, uint32_t *ret_ttl, struct err *e)
{
	int r = schema_integer_in(e, v, 0, DNS_TTL_MAX);

	if (r == 0)
		*ret_ttl = (uint32_t)json_integer_value(v);
	return r;
}

static int ttl_check(const json_t *v, void *arg, struct err *e)
{
	return ttl_read(v, &zone_of(arg)->ttl, e);
}

static int minimum_check(const json_t *v, void *arg, struct err *e)
{
	return ttl_read(v, &zone_of(arg)->minimum, e);
}

/* --- records ---------------------------------------------------------------------------------------------- */

/* While the text grows, and may move, names and values are known by where they are in it. */
struct set_place {
	size_t name, values;
};

struct set_reading {
	struct declared_zone *zone;
	size_t len, cap; /* of zone->text */
	struct record_set *set;
	struct set_place place;
	size_t values_len;
};

static int text_add(struct set_reading *sr, const char *s, size_t *ret_at, struct err *e)
{
	size_t n = strlen(s) + 1;

	if (sr->len + n > sr->cap) {
		size_t cap = (sr->len + n) * 2;
		char *grown = realloc(sr->zone->text, cap);

		if (!grown)
			return field_no_memory(e);
		sr->zone->text = grown;
		sr->cap = cap;
	}
	memcpy(sr->zone->text + sr->len, s, n);
	*ret_at = sr->len;
	sr->len += n;
	return 0;
}

static int set_name_check(const json_t *v, void *arg, struct err *e)
{
	struct set_reading *sr = arg;
	char folded[DNS_NAME_MAX + 1];
	int r = record_name_fold(json_string_value(v), json_string_length(v), sr->zone->domain,
				 folded, e);

	return r < 0 ? r : text_add(sr, folded, &sr->place.name, e);
}

static int set_type_check(const json_t *v, void *arg, struct err *e)
{
	struct set_reading *sr = arg;
	char quoted[32];

	if (strlen(json_string_value(v)) == json_string_length(v))
		sr->set->type = record_type_find(json_string_value(v));
	if (sr->set->type)
		return 0;
	str_quote(quoted, sizeof(quoted), json_string_value(v), json_string_length(v));
	return err_set(e, ERR_INVALID, NULL,
		       "must be one of A, AAAA, CNAME, TXT, MX, SRV, PTR, NS, not \"%s\"%s", quoted,
		       strcmp(quoted, "SOA") ? "" : "; the SOA is made by itself");
}

static int set_ttl_check(const json_t *v, void *arg, struct err *e)
{
	return ttl_read(v, &((struct set_reading *)arg)->set->ttl, e);
}

static bool value_is_there(const struct set_reading *sr, const char *canon, size_t *ret_index)
{
	const char *at = sr->zone->text + sr->place.values;

	for (size_t i = 0; i < sr->set->n_values; i++, at += strlen(at) + 1) {
		*ret_index = i;
		if (strcmp(at, canon) == 0)
			return true;
	}
	return false;
}

static int value_add(struct set_reading *sr, const json_t *v, struct err *e)
{
	char canon[RECORD_TEXT_MAX];
	size_t at = 0, earlier = 0;
	int r;

	if (!json_is_string(v))
		return schema_wrong_type(e, NULL, SCHEMA_STRING, v);
	r = record_value_canon(sr->set->type, json_string_value(v), json_string_length(v), canon,
			       e);
	if (r < 0)
		return r;
	if (value_is_there(sr, canon, &earlier))
		return err_set(e, ERR_INVALID, NULL, "is the same as item %zu of the list",
			       earlier);
	sr->values_len += strlen(canon) + 1;
	if (sr->values_len > RECORD_SET_MAX)
		return err_set(e, ERR_TOO_LARGE, NULL,
			       "makes the values longer than %d characters together, which no "
			       "answer has room for",
			       RECORD_SET_MAX);
	r = text_add(sr, canon, &at, e);
	if (r == 0 && !sr->set->n_values++)
		sr->place.values = at;
	return r;
}

static int set_values_check(const json_t *v, void *arg, struct err *e)
{
	struct set_reading *sr = arg;
	size_t n = json_array_size(v), max = limit_get(LIMIT_RECORD_VALUES);

	if (n > max)
		return err_set(e, ERR_TOO_LARGE, NULL,
			       "has %zu items; a record set has at most %zu values", n, max);
	if (n < 1)
		return err_set(e, ERR_INVALID, NULL,
			       "must have at least 1 item; leave the whole record out instead");
	if (n > 1 && sr->set->type == RECORD_CNAME)
		return err_set(e, ERR_INVALID, NULL,
			       "must have 1 item, not %zu: a CNAME leads to one name", n);
	for (size_t i = 0; i < n; i++) {
		int r = value_add(sr, json_array_get(v, i), e);
		if (r < 0)
			return field_under_index(e, i, r);
	}
	return 0;
}

static const struct schema_field set_fields[] = {
	{"name", SCHEMA_STRING, true, set_name_check},
	{"type", SCHEMA_STRING, true, set_type_check},
	{"ttl", SCHEMA_INTEGER, false, set_ttl_check},
	{"values", SCHEMA_LIST, true, set_values_check},
	{0},
};

static int set_read(struct set_reading *sr, const json_t *item, struct err *e)
{
	const char *name;
	int r = json_is_object(item) ? schema_check(item, set_fields, sr, e)
				     : schema_wrong_type(e, NULL, SCHEMA_OBJECT, item);

	if (r < 0)
		return r;
	name = sr->zone->text + sr->place.name;
	if (sr->set->type == RECORD_CNAME && strcmp(name, "@") == 0)
		return err_set(e, ERR_INVALID, "type",
			       "CNAME cannot be at the zone itself (\"@\"), where SOA and NS are "
			       "(RFC 1034)");
	if (sr->set->type == RECORD_NS && name[0] == '*')
		return err_set(e, ERR_INVALID, "type", "NS cannot be at a wildcard (RFC 4592)");
	return 0;
}

static int set_cmp(const void *a, const void *b)
{
	const struct record_set *x = a, *y = b;
	int r = strcmp(x->name, y->name);

	if (r == 0)
		r = (x->type > y->type) - (x->type < y->type);
	return r ? r : (x->index > y->index) - (x->index < y->index);
}

/* One set of a name and type, and nothing beside a CNAME. Sorted, so that what clashes is side by side. */
static int sets_clash(const struct declared_zone *z, struct err *e)
{
	for (size_t i = 1; i < z->n_records; i++) {
		const struct record_set *a = &z->records[i - 1], *b = &z->records[i], *cname;

		if (strcmp(a->name, b->name) != 0)
			continue;
		if (a->type == b->type) {
			err_set(e, ERR_INVALID, NULL,
				"%s of \"%s\" is in the list already, as item %u; put all values "
				"of a name and type into one item",
				record_type_text(b->type), b->name, a->index);
			return field_under_index(e, b->index, -ERR_INVALID);
		}
		cname = a->type == RECORD_CNAME ? a : b->type == RECORD_CNAME ? b : NULL;
		if (cname) {
			err_set(e, ERR_INVALID, NULL,
				"is a CNAME of \"%s\", which has other records, too (item %u); a "
				"CNAME stands alone (RFC 1034)",
				cname->name, cname == a ? b->index : a->index);
			return field_under_index(e, cname->index, -ERR_INVALID);
		}
	}
	return 0;
}

static int sets_read(struct declared_zone *z, const json_t *v, struct set_place *places,
		     struct err *e)
{
	struct set_reading sr = {.zone = z};

	for (size_t i = 0; i < json_array_size(v); i++) {
		int r;

		sr.set = &z->records[i];
		sr.place = (struct set_place){0};
		sr.values_len = 0;
		*sr.set = (struct record_set){.ttl = z->ttl, .index = (uint32_t)i};
		r = set_read(&sr, json_array_get(v, i), e);
		if (r < 0)
			return field_under_index(e, i, r);
		places[i] = sr.place;
	}
	z->n_records = json_array_size(v);
	for (size_t i = 0; i < z->n_records; i++) {
		z->records[i].name = z->text + places[i].name;
		z->records[i].values = z->text + places[i].values;
	}
	return 0;
}

/* After ttl and domain in the table of fields: it needs both. */
static int records_check(const json_t *v, void *arg, struct err *e)
{
	struct declared_zone *z = zone_of(arg);
	size_t n = json_array_size(v), max = limit_get(LIMIT_RECORD_SETS);
	_cleanup_free_ struct set_place *places = calloc(n ? n : 1, sizeof(*places));
	int r;

	if (n > max)
		return err_set(e, ERR_TOO_LARGE, NULL,
			       "has %zu items; a zone has at most %zu record sets", n, max);
	z->records = calloc(n ? n : 1, sizeof(*z->records));
	if (!z->records || !places)
		return field_no_memory(e);
	r = sets_read(z, v, places, e);
	if (r < 0)
		return r;
	qsort(z->records, z->n_records, sizeof(*z->records), set_cmp);
	return sets_clash(z, e);
}

const struct record_set *zone_find_sets(const struct declared_zone *z, const char *name,
					size_t *ret_n)
{
	size_t low = 0, high = z->n_records;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(z->records[mid].name, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	*ret_n = 0;
	while (low + *ret_n < z->n_records && strcmp(z->records[low + *ret_n].name, name) == 0)
		++*ret_n;
	return *ret_n ? &z->records[low] : NULL;
}

/* --- keys ------------------------------------------------------------------------------------------------- */

static int keys_read(const struct reading *rd, const json_t *v, struct key_list *list,
		     struct err *e)
{
	size_t n = json_array_size(v), max = limit_get(LIMIT_ZONE_KEYS);

	if (n > max)
		return err_set(e, ERR_TOO_LARGE, NULL,
			       "has %zu items; the limit is %zu keys in one list", n, max);
	list->keys = calloc(n ? n : 1, sizeof(struct object *));
	if (!list->keys)
		return field_no_memory(e);
	for (list->n = 0; list->n < n; list->n++) {
		int r = field_ref_item(rd, OBJECT_TSIG_KEY, v, list->n, &list->keys[list->n], e);

		if (r < 0)
			return r;
	}
	return 0;
}

static int transfer_check(const json_t *v, void *arg, struct err *e)
{
	return keys_read(arg, v, &zone_of(arg)->transfer, e);
}

static int update_check(const json_t *v, void *arg, struct err *e)
{
	return keys_read(arg, v, &zone_of(arg)->update, e);
}

static int keys_each(const struct key_list *list, const char *field, ref_fn *fn, void *arg)
{
	int r = 0;

	for (size_t i = 0; i < list->n && r == 0; i++)
		r = fn(&(struct ref){list->keys[i], NULL, field, 0, i}, arg);
	return r;
}

static int zone_each_ref(const void *body, ref_fn *fn, void *arg)
{
	const struct declared_zone *z = body;
	int r = keys_each(&z->transfer, "transfer", fn, arg);

	return r ? r : keys_each(&z->update, "update", fn, arg);
}

/* --- zone ------------------------------------------------------------------------------------------------- */

static void zone_init(void *body)
{
	struct declared_zone *z = body;

	z->ttl = DNS_TTL;
	z->minimum = DNS_NEGATIVE_TTL;
}

static void zone_done(void *body)
{
	struct declared_zone *z = body;

	free(z->records);
	free(z->text);
	free(z->transfer.keys);
	free(z->update.keys);
}

static const struct schema_field zone_fields[] = {
	{"kind", SCHEMA_STRING, true, field_kind},
	{"name", SCHEMA_STRING, true, field_name},
	{"domain", SCHEMA_STRING, true, domain_check},
	{"visibility", SCHEMA_STRING, true, visibility_check},
	{"ttl", SCHEMA_INTEGER, false, ttl_check},
	{"minimum", SCHEMA_INTEGER, false, minimum_check},
	{"records", SCHEMA_LIST, false, records_check},
	{"transfer", SCHEMA_LIST, false, transfer_check},
	{"update", SCHEMA_LIST, false, update_check},
	{0},
};

const struct body_type zone_type = {
	.size = sizeof(struct declared_zone),
	.fields = zone_fields,
	.init = zone_init,
	.done = zone_done,
	.each_ref = zone_each_ref,
};

int json_fold_name(json_t *object, const char *key)
{
	const json_t *v = json_object_get(object, key);
	char folded[DNS_NAME_MAX + 1];

	if (!json_is_string(v) ||
	    dns_name_fold(json_string_value(v), json_string_length(v), true, folded, NULL) < 0)
		return 0;
	return json_object_set_new(object, key, json_string(folded)) < 0 ? -ERR_NOMEM : 0;
}

int zone_fold_names(json_t *doc)
{
	json_t *records = json_object_get(doc, "records");

	for (size_t i = 0; i < json_array_size(records); i++)
		if (json_fold_name(json_array_get(records, i), "name") < 0)
			return -ERR_NOMEM;
	return json_fold_name(doc, "domain");
}

/* --- zone link -------------------------------------------------------------------------------------------- */

static struct zone_link *link_of(void *arg)
{
	return ((struct reading *)arg)->body;
}

static int link_zone_check(const json_t *v, void *arg, struct err *e)
{
	return field_ref(arg, OBJECT_ZONE, v, &link_of(arg)->zone, e);
}

static int link_cluster_check(const json_t *v, void *arg, struct err *e)
{
	return field_ref(arg, OBJECT_CLUSTER, v, &link_of(arg)->cluster, e);
}

static int link_network_check(const json_t *v, void *arg, struct err *e)
{
	return field_ref(arg, OBJECT_NETWORK, v, &link_of(arg)->router, e);
}

static int link_site_check(const json_t *v, void *arg, struct err *e)
{
	return field_ref(arg, OBJECT_SITE, v, &link_of(arg)->router, e);
}

static int fall_through_check(const json_t *v, void *arg, struct err *e)
{
	link_of(arg)->fall_through = json_is_true(v);
	return 0;
}

static int link_finish(struct reading *rd, const json_t *doc, struct err *e)
{
	if (!json_object_get(doc, "zone") == !json_object_get(doc, "cluster"))
		return err_set(e, ERR_INVALID, NULL,
			       "must have exactly one of zone, cluster (the zone that the system "
			       "keeps for it)");
	if (!json_object_get(doc, "network") == !json_object_get(doc, "site"))
		return err_set(e, ERR_INVALID, NULL, "must have exactly one of network, site");
	return 0;
}

static int link_each_ref(const void *body, ref_fn *fn, void *arg)
{
	const struct zone_link *link = body;
	const char *router = link->router->kind == OBJECT_SITE ? "site" : "network";
	int r = link->zone ? fn(&(struct ref){link->zone, NULL, "zone", 0, REF_NONE}, arg)
			   : fn(&(struct ref){link->cluster, NULL, "cluster", 0, REF_NONE}, arg);

	return r ? r : fn(&(struct ref){link->router, NULL, router, 0, REF_NONE}, arg);
}

static const struct schema_field link_fields[] = {
	{"kind", SCHEMA_STRING, true, field_kind},
	{"name", SCHEMA_STRING, true, field_name},
	{"zone", SCHEMA_STRING, false, link_zone_check},
	{"cluster", SCHEMA_STRING, false, link_cluster_check},
	{"network", SCHEMA_STRING, false, link_network_check},
	{"site", SCHEMA_STRING, false, link_site_check},
	{"fallThrough", SCHEMA_BOOL, false, fall_through_check},
	{0},
};

const struct body_type zone_link_type = {
	.size = sizeof(struct zone_link),
	.fields = link_fields,
	.finish = link_finish,
	.each_ref = link_each_ref,
};
