/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Landscapes for tests: documents as short YAML, changes as one call. */
#pragma once

#include "model/document.h"
#include "model/kind.h"
#include "model/landscape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* Documents of a stream, as the store keeps them: checked and normalized. */
static inline json_t *documents(const char *yaml)
{
	json_t *list = NULL;
	struct err e = {0};
	const struct kind *kind;
	const char *name;

	if (document_parse(yaml, strlen(yaml), DOCUMENT_YAML, &list, &e) < 0)
		fail_msg("%s: %s", yaml, e.text);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *doc = json_array_get(list, i);

		if (kind_of(doc, &kind, &name, &e) < 0 || kind->check(doc, true, &e) < 0)
			fail_msg("%s\n%s: %s", yaml, e.path, e.text);
	}
	return list;
}

static inline enum object_kind doc_kind(const json_t *doc)
{
	return object_kind_find(json_string_value(json_object_get(doc, "kind")));
}

static inline const char *doc_name(const json_t *doc)
{
	return json_string_value(json_object_get(doc, "name"));
}

/* What a change said. */
struct verdict {
	int r;
	struct err e;
	char blame[160]; /* "host/a", "" if none */
};

/*
 * Put every document of the stream, having deleted every object of the other ("kind/name kind/name"), allocate, check; commit if all
 * is well, abort if not. The documents are left with their addresses filled in.
 */
static inline struct verdict landscape_apply(struct landscape *l, json_t *docs, const char *deleted,
					     bool force)
{
	struct verdict v = {0};
	const struct object *blame = NULL;
	struct object *o;
	char kind[64], name[64];
	int used;

	landscape_begin(l);
	for (; deleted && sscanf(deleted, " %63[^/]/%63s%n", kind, name, &used) == 2;
	     deleted += used)
		assert_int_equal(landscape_delete(l, object_kind_find(kind), name, &v.e), 0);
	for (size_t i = 0; i < json_array_size(docs) && v.r == 0; i++) {
		const json_t *doc = json_array_get(docs, i);

		v.r = landscape_put(l, doc_kind(doc), 0, doc, &o, &v.e);
		if (v.r < 0)
			fail_msg("%s: %s", v.e.path, v.e.text);
	}
	for (size_t i = 0; i < json_array_size(docs) && v.r == 0; i++) {
		json_t *doc = json_array_get(docs, i);

		o = landscape_find(l, doc_kind(doc), doc_name(doc));
		v.r = landscape_allocate(l, o, NULL, doc, &v.e);
		blame = v.r < 0 ? o : NULL;
	}
	if (v.r == 0)
		v.r = landscape_check(l, force, &blame, &v.e);
	if (blame)
		snprintf(v.blame, sizeof(v.blame), "%s/%s", object_kind_text(blame->kind),
			 blame->name);
	if (v.r < 0)
		landscape_abort(l);
	else
		landscape_commit(l);
	return v;
}

static inline void must_apply(struct landscape *l, const char *yaml)
{
	json_t *docs = documents(yaml);
	struct verdict v = landscape_apply(l, docs, NULL, false);

	if (v.r < 0)
		fail_msg("%s\n%s: %s: %s", yaml, v.blame, v.e.path, v.e.text);
	json_decref(docs);
}
