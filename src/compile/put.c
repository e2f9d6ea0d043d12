/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One document to records.
 */
#include "compile/compile_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *ranges_of(const json_t *doc)
{
	return json_object_get(json_object_get(doc, "public"), "ranges");
}

/*
 * The document without its ranges, which can be a million, for when they are not needed. The other values are shared with
 * doc. New reference, NULL if out of memory.
 */
static json_t *without_ranges(const json_t *doc)
{
	json_t *copy = json_object(), *pub = NULL, *value;
	const char *key;

	if (!copy)
		return NULL;
	for (void *it = json_object_iter(unconst(doc)); it;
	     it = json_object_iter_next(unconst(doc), it)) {
		key = json_object_iter_key(it);
		value = json_object_iter_value(it);
		if (strcmp(key, "public") == 0 && json_is_object(value))
			value = pub = json_copy(value);
		else
			json_incref(value);
		if (!value || json_object_set_new(copy, key, value) < 0) {
			json_decref(copy);
			return NULL;
		}
	}
	if (pub)
		(void)json_object_del(pub, "ranges");
	return copy;
}

int compile_parse(const json_t *doc, bool lean, struct cluster *ret_cluster, struct err *e)
{
	const bool open = !ranges_of(doc);
	json_t *copy = NULL;
	int r;

	if (lean && !open) {
		copy = without_ranges(doc);
		if (!copy)
			return err_set(e, ERR_NOMEM, NULL, "out of memory");
	}
	r = cluster_from_json(copy ? copy : doc, true, ret_cluster, e);
	if (r == 0)
		ret_cluster->public_open = open;
	json_decref(copy);
	return r;
}

static struct tables_cluster record_of(const struct cluster *c, uint32_t id, uint64_t revision)
{
	struct tables_cluster rec = {
		.id = id,
		.generation = revision,
		.public_enabled = c->public_enabled,
		.public_open = c->public_open,
		.proxy_v2 = c->proxy_v2,
		.health_kind = (uint8_t)c->health_kind,
		.n_upstreams = (uint8_t)c->n_upstreams,
		.drain_s = c->drain_s,
		.max_connections = c->max_connections,
		.max_per_source = c->max_per_source,
		.connect_timeout_ms = c->connect_timeout_ms,
		.health_interval_ms = c->health_interval_ms,
		.health_timeout_ms = c->health_timeout_ms,
	};

	_Static_assert(UPSTREAMS_MAX <= TABLES_UPSTREAMS_MAX, "every upstream has a place");
	_Static_assert(sizeof(rec.name) >= sizeof(c->name), "every name has a place");
	memcpy(rec.name, c->name, strnlen(c->name, sizeof(rec.name) - 1));
	for (size_t i = 0; i < c->n_upstreams; i++) {
		rec.upstreams[i].addr = c->upstreams[i].addr;
		rec.upstreams[i].port = c->upstreams[i].port;
	}
	return rec;
}

static int ranges_put(struct tables *t, uint32_t id, const struct cluster *c, struct err *e)
{
	_cleanup_free_ uint8_t *blob = NULL;
	size_t len;

	if (c->public_open)
		return tables_delete_ranges(t, id, e);
	if (rangeset_build(c->ranges, c->n_ranges, &blob, &len) < 0)
		return err_set(e, ERR_NOMEM, NULL, "out of memory");
	return tables_put_ranges(t, id, blob, len, e);
}

void compile_note_bad(struct compile_bad_list *bad, const char *name, const struct err *why)
{
	if (bad->n++ > 0)
		return;
	str_quote(bad->name, sizeof(bad->name), name, strlen(name));
	bad->first = *why;
}

/* A document that does not pass the check: known by name, reached by nobody. */
static int bad_put(struct tables *t, const struct compile_put *put, struct compile_bad *bad,
		   const struct err *why, struct err *e)
{
	const char *name = json_string_value(json_object_get(put->doc, "name"));
	struct tables_cluster rec = {.id = put->id, .generation = put->revision};
	int r;

	if (!name || !*name)
		name = "unnamed";
	compile_note_bad(&bad->clusters, name, why);
	snprintf(rec.name, sizeof(rec.name), "%s", name);
	r = tables_delete_names_of(t, &put->id, 1, e);
	if (r == 0)
		r = tables_delete_ranges(t, put->id, e);
	return r < 0 ? r : tables_put_cluster(t, &rec, e);
}

/* The ranges that the tables have are those of the document. */
static bool ranges_are_unchanged(struct tables *t, const struct compile_put *put)
{
	json_t *before = put->before ? ranges_of(put->before) : NULL;
	json_t *after = ranges_of(put->doc);

	return before && after && tables_has_ranges(t, put->id) && json_equal(before, after);
}

int compile_put_cluster(struct tables *t, const struct compile_put *put, struct compile_bad *bad,
			struct err *e)
{
	const bool keep_ranges = ranges_are_unchanged(t, put);
	struct cluster c = {0};
	struct tables_cluster rec;
	struct err why = {0};
	int r = compile_parse(put->doc, keep_ranges, &c, &why);

	if (r == -ERR_NOMEM)
		return err_set(e, ERR_NOMEM, NULL, "out of memory");
	if (r < 0)
		return bad_put(t, put, bad, &why, e);
	rec = record_of(&c, put->id, put->revision);
	r = tables_put_cluster(t, &rec, e);
	if (r == 0 && !keep_ranges)
		r = ranges_put(t, put->id, &c, e);
	for (size_t i = 0; i < c.n_server_names && r == 0; i++)
		r = tables_put_name(t, c.server_names[i], put->id, e);
	cluster_done(&c);
	return r;
}

void compile_report_bad(const struct compile_bad *bad, struct err *e)
{
	if (bad->clusters.n == 1)
		err_set(e, ERR_INVALID, bad->clusters.first.path,
			"the stored document of cluster \"%s\" is not valid, so it admits nobody: "
			"%s",
			bad->clusters.name, bad->clusters.first.text);
	else if (bad->clusters.n > 1)
		err_set(e, ERR_INVALID, bad->clusters.first.path,
			"the stored documents of cluster \"%s\" and of %zu more are not valid, so "
			"they admit nobody: %s",
			bad->clusters.name, bad->clusters.n - 1, bad->clusters.first.text);
	else if (bad->zones.n > 0)
		err_set(e, ERR_INVALID, bad->zones.first.path,
			"the zone \"%s\" cannot be made, nor can %zu others, so nobody gets an "
			"answer from it: %s",
			bad->zones.name, bad->zones.n - 1, bad->zones.first.text);
}
