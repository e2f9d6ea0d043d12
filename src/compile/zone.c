/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A zone of a view to a zone of the tables: names and values into wire form. */
#include "compile/compile_int.h"
#include "compile/names_int.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Octets, by offset: they move as they grow. */
struct octets {
	uint8_t *p;
	size_t n, cap;
};

static int octets_add(struct octets *o, const void *bytes, size_t n, size_t *ret_at)
{
	if (n > o->cap - o->n) {
		const size_t cap = o->cap ? 2 * o->cap : 4 * RDATA_MAX;
		uint8_t *grown = realloc(o->p, cap);

		assert(n <= RDATA_MAX);
		if (!grown)
			return -ERR_NOMEM;
		o->p = grown;
		o->cap = cap;
	}
	memcpy(o->p + o->n, bytes, n);
	*ret_at = o->n;
	o->n += n;
	return 0;
}

/* A set and a value, their octets by offset. */
struct set {
	size_t owner;
	uint32_t ttl, first, n; /* of the values */
	uint16_t type;
};

struct value {
	size_t at;
	uint16_t len;
};

struct making {
	const struct view_zone *zone;
	uint8_t apex[DNAME_MAX];
	struct octets octets;
	struct set *sets;
	struct value *values;
	uint32_t n_sets, n_values;
	struct err *why; /* of what is not good */
};

static void making_done(struct making *m)
{
	free(m->octets.p);
	free(m->sets);
	free(m->values);
}

static int value_add(struct making *m, const void *bytes, size_t len)
{
	size_t at;
	int r = octets_add(&m->octets, bytes, len, &at);

	return r < 0 ? r : vec_push(m->values, m->n_values, {.at = at, .len = (uint16_t)len});
}

static int texts_add(struct making *m, const struct view_record *record)
{
	const char *text = record->set->values;
	uint8_t rdata[RDATA_MAX];
	int r = 0;

	for (uint32_t i = 0; i < record->set->n_values && r == 0; i++) {
		const size_t len = strlen(text);
		int n = rdata_parse((uint16_t)record->type, text, len, NULL, rdata, m->why);

		r = n < 0 ? n : value_add(m, rdata, (size_t)n);
		text += len + 1;
	}
	return r;
}

static size_t address_octets(const struct addr *a, uint8_t dst[16])
{
	const size_t n = a->family == ADDR_V4 ? 4 : 16;
	const uint64_t words[] = {a->hi, a->lo};

	for (size_t i = 0; i < n; i++) {
		const size_t at = 16 - n + i; /* IPv4: the end of the lower half */

		dst[i] = (uint8_t)(words[at / 8] >> (56 - 8 * (at % 8)));
	}
	return n;
}

static int addresses_add(struct making *m, const struct view_record *record)
{
	uint8_t octets[16];
	int r = 0;

	for (size_t i = 0; i < record->n_addresses && r == 0; i++)
		r = value_add(m, octets, address_octets(&record->addresses[i], octets));
	return r;
}

static int record_add(const struct view_record *record, void *arg)
{
	struct making *m = arg;
	struct set set = {.ttl = record->ttl, .first = m->n_values, .type = (uint16_t)record->type};
	uint8_t owner[DNAME_MAX];
	int r = dname_parse(record->name, strlen(record->name), m->apex, owner, m->why);

	if (r > 0)
		r = octets_add(&m->octets, owner, (size_t)r, &set.owner);
	if (r == 0)
		r = record->set ? texts_add(m, record) : addresses_add(m, record);
	if (r < 0)
		return r;
	set.n = m->n_values - set.first;
	return vec_push(m->sets, m->n_sets, set);
}

/* Everything has its place now. */
static int source_put(struct compile_run *run, const struct making *m, struct zone_source *src)
{
	_cleanup_free_ struct zone_rdata *values = calloc(m->n_values + 1, sizeof(*values));
	_cleanup_free_ struct zone_set *sets = calloc(m->n_sets + 1, sizeof(*sets));
	bool changed;

	if (!values || !sets)
		return -ERR_NOMEM;
	for (uint32_t i = 0; i < m->n_values; i++)
		values[i] = (struct zone_rdata){m->octets.p + m->values[i].at, m->values[i].len};
	for (uint32_t i = 0; i < m->n_sets; i++) {
		const struct set *s = &m->sets[i];

		sets[i] = (struct zone_set){.owner = m->octets.p + s->owner,
					    .type = s->type,
					    .ttl = s->ttl,
					    .rdata = values + s->first,
					    .n = s->n};
	}
	src->sets = sets;
	src->n_sets = m->n_sets;
	return tables_put_zone(run->tables, src, &changed, m->why);
}

static int zone_make(struct compile_run *run, struct making *m, uint32_t id)
{
	const struct view_zone *zone = m->zone;
	struct zone_source src = {.id = id,
				  .apex = m->apex,
				  .serial = (uint32_t)run->generation,
				  .ttl = zone->ttl,
				  .minimum = zone->minimum,
				  .is_denied = zone->denial != VIEW_GIVEN};
	int r = dname_parse(zone->domain, strlen(zone->domain), NULL, m->apex, m->why);

	if (r < 0)
		return r;
	r = src.is_denied ? 0 : view_each_record(zone, &run->public, record_add, m);
	return r < 0 ? r : source_put(run, m, &src);
}

/* --- keys --------------------------------------------------------------------------------------------------- */

/* Keys of a list that have not come yet, or what those that have may do besides. */
static size_t keys_add(struct zone_key *keys, size_t n, const struct key_list *list, uint32_t may)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct tsig_key *from = object_tsig_key(list->keys[i]);
		struct zone_key key = {.may = may};
		size_t k = 0;
		int len;

		/* Nothing to be checked with: of one that could not be read, or has no secret, which only a damaged store has. */
		if (!from || !from->secret_len)
			continue;
		len = dname_parse(from->name, strlen(from->name), NULL, key.name, NULL);
		if (len < 0)
			continue;
		key.algorithm = (uint8_t)from->algorithm;
		key.name_len = (uint8_t)len;
		key.secret_len = (uint8_t)from->secret_len;
		memcpy(key.secret, from->secret, from->secret_len);
		while (k < n && (keys[k].name_len != key.name_len ||
				 memcmp(keys[k].name, key.name, key.name_len) != 0))
			k++;
		if (k < n)
			keys[k].may |= may;
		else
			keys[n++] = key;
		explicit_bzero(&key, sizeof(key));
	}
	return n;
}

/* The keys that open a zone which somebody declared. */
static int zone_keys_put(struct compile_run *run, const struct object *owner, struct err *e)
{
	const struct declared_zone *z = object_declared_zone(owner);
	const size_t cap = z->transfer.n + z->update.n;
	_cleanup_free_ struct zone_key *keys = calloc(cap ? cap : 1, sizeof(*keys));
	size_t n;
	int r;

	if (!keys)
		return err_set(e, ERR_NOMEM, NULL, "out of memory");
	n = keys_add(keys, 0, &z->transfer, ZONE_KEY_TRANSFER);
	n = keys_add(keys, n, &z->update, ZONE_KEY_UPDATE);
	r = tables_put_zone_keys(run->tables, owner->id, keys, n, e);
	explicit_bzero(keys, cap * sizeof(*keys));
	return r;
}

int zone_put(struct compile_run *run, const struct view_zone *zone, uint32_t id, struct err *e)
{
	struct err why = {0};
	struct making m = {.zone = zone, .why = &why};
	int r = zone_make(run, &m, id);

	making_done(&m);
	if (r < 0 && r != -ERR_NOMEM && r != -ERR_UNAVAILABLE) {
		compile_note_bad(&run->bad->zones, zone->domain, &why);
		return tables_delete_zone(run->tables, id, e);
	}
	if (r == -ERR_NOMEM)
		return err_set(e, ERR_NOMEM, NULL, "out of memory");
	if (r < 0) {
		if (e)
			*e = why;
		return r;
	}
	return zone->kind == VIEW_DECLARED ? zone_keys_put(run, zone->owner, e) : 0;
}
