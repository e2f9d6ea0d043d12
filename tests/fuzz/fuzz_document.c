/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any text as documents. What is accepted must be writable as YAML that reads back as the same value, differ from itself in
 * nothing, and keep its meaning when it is normalized. All of a text together is put into a landscape, allocated and checked:
 * whatever it says of that, the landscape must be empty again when the change is given up, and take it anew.
 */
#include "model/cluster.h"
#include "model/diff.h"
#include "model/document.h"
#include "model/kind.h"
#include "model/landscape.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUST(x)                                                                 \
	do {                                                                    \
		if (!(x)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
			abort();                                                \
		}                                                               \
	} while (0)

static void cluster_try(const json_t *doc, const struct kind *kind)
{
	struct cluster c;
	struct err e = {0};
	int r = cluster_from_json(doc, true, &c, &e);

	if (r < 0) {
		MUST(e.code != ERR_NONE && e.text[0]); /* every refusal says why */
		return;
	}
	MUST(c.n_upstreams >= 1 && c.n_server_names >= 1 && c.name[0]);
	cluster_done(&c);
	json_t *normal = kind_normalize(kind, doc);
	MUST(normal);
	MUST(!cluster_from_json(normal, true, &c, &e));
	cluster_done(&c);
	json_decref(normal);
}

/* The kinds of networks: no field of theirs is normalized. */
static void kind_try(const json_t *doc, const struct kind *kind)
{
	struct err e = {0};
	int r = kind->check(doc, true, &e);
	json_t *normal;

	if (r < 0) {
		MUST(e.code != ERR_NONE && e.text[0]);
		return;
	}
	normal = kind_normalize(kind, doc);
	MUST(json_equal(normal, doc));
	json_decref(normal);
}

static const struct prefix pool[] = {{{.lo = 0xcb007100, .family = ADDR_V4}, 30}};

static bool is_good(const json_t *doc)
{
	const struct kind *kind;
	const char *name;
	struct err e;

	return kind_of(doc, &kind, &name, &e) == 0 && kind->check(doc, true, &e) == 0;
}

static bool has_object(const json_t *documents, const json_t *doc)
{
	const json_t *other;
	size_t i;

	json_array_foreach(documents, i, other)
	{
		if (json_equal(json_object_get(other, "kind"), json_object_get(doc, "kind")) &&
		    json_equal(json_object_get(other, "name"), json_object_get(doc, "name")))
			return true;
	}
	return false;
}

/* Every good document of the text, in one change. true if it passes. */
static bool landscape_change(struct landscape *l, json_t *documents)
{
	const struct object *blame = NULL;
	struct err e = {0};
	bool passes = true;
	json_t *doc;
	size_t i;

	landscape_begin(l);
	json_array_foreach(documents, i, doc)
	{
		enum object_kind kind =
			object_kind_find(json_string_value(json_object_get(doc, "kind")));
		struct object *o;

		MUST(landscape_put(l, kind, 0, doc, &o, &e) == 0);
	}
	json_array_foreach(documents, i, doc)
	{
		enum object_kind kind =
			object_kind_find(json_string_value(json_object_get(doc, "kind")));
		const char *name = json_string_value(json_object_get(doc, "name"));

		passes &= landscape_allocate(l, landscape_find(l, kind, name), NULL, doc, &e) == 0;
	}
	if (passes && landscape_check(l, false, &blame, &e) < 0) {
		MUST(e.text[0] && blame);
		passes = false;
	}
	return passes;
}

static void landscape_try(const json_t *documents)
{
	json_t *good = json_array(), *doc;
	struct landscape *l = NULL;
	struct err e;
	size_t i;

	json_array_foreach(documents, i, doc)
	{
		/* The same object twice in one change is refused before it comes to this. */
		if (is_good(doc) && !has_object(good, doc))
			json_array_append_new(good, json_deep_copy(doc));
	}
	MUST(landscape_new(&l, &e) == 0 && landscape_set_pool(l, pool, 1, &e) == 0);
	bool passes = landscape_change(l, good);
	landscape_abort(l);
	for (size_t k = 0; k < OBJECT_KIND_COUNT; k++)
		MUST(landscape_count(l, (enum object_kind)k) == 0);
	if (passes) {
		/* With the addresses that it has been given, and then over itself. */
		MUST(landscape_change(l, good));
		landscape_commit(l);
		MUST(landscape_change(l, good));
		landscape_commit(l);
	}
	json_decref(good);
	landscape_free(l);
}

static void document_try(const json_t *doc)
{
	const struct kind *kind;
	const char *name;
	struct err e = {0};
	json_t *again = NULL, *diff = document_diff(doc, doc);

	MUST(diff && !json_array_size(diff));
	json_decref(diff);
	char *yaml = document_to_yaml(doc);
	MUST(yaml);
	/* An empty object is written as {} and is a document like any other. */
	if (document_parse(yaml, strlen(yaml), DOCUMENT_YAML, &again, &e) < 0) {
		fprintf(stderr, "%s\n%s\n", e.text, yaml);
		abort();
	}
	MUST(json_array_size(again) == 1 && json_equal(json_array_get(again, 0), doc));
	json_decref(again);
	free(yaml);
	if (kind_of(doc, &kind, &name, &e) < 0)
		return;
	if (strcmp(kind->name, "cluster") == 0)
		cluster_try(doc, kind);
	else
		kind_try(doc, kind);
}

/* The reader of JSON is our own. A second opinion on one object, by jansson: accepted alike, and the same value. */
static void json_compare(const char *text, size_t len, const json_t *documents, const struct err *e)
{
	json_t *theirs = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	/* Bounds of ours that jansson does not have. */
	bool is_beyond = strstr(e->text, "too deep") || strstr(e->text, "too long");

	if (!documents)
		MUST(is_beyond || !json_is_object(theirs));
	else if (json_is_object(theirs))
		MUST(json_array_size(documents) == 1 &&
		     json_equal(json_array_get(documents, 0), theirs));
	else if (json_is_array(theirs))
		MUST(json_equal(documents, theirs));
	else if (!theirs)
		/* Several one after another, or none. */
		MUST(json_array_size(documents) != 1 || memchr(text, '[', len));
	json_decref(theirs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	json_t *documents = NULL, *doc;
	struct err e = {0};
	size_t i;

	if (!len)
		return 0;
	enum document_format format = (enum document_format)(data[0] % 3);
	const char *text = (const char *)data + 1;
	int r = document_parse(text, len - 1, format, &documents, &e);
	if (format == DOCUMENT_JSON)
		json_compare(text, len - 1, documents, &e);
	if (r < 0) {
		MUST(e.text[0]);
		return 0;
	}
	json_array_foreach(documents, i, doc) document_try(doc);
	landscape_try(documents);
	json_decref(documents);
	return 0;
}
