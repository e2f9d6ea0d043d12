/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A landscape from YAML, for tests: every document as it would come from the store, addresses included. */
#pragma once

#include "model/document.h"
#include "model/landscape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static inline void rig_put(struct landscape *l, const char *yaml)
{
	struct object *objects[256];
	const struct object *blame;
	struct err e = {0};
	json_t *docs, *doc;
	size_t i;

	if (document_parse(yaml, strlen(yaml), DOCUMENT_YAML, &docs, &e) < 0)
		fail_msg("%s: %s", e.path, e.text);
	landscape_begin(l);
	json_array_foreach(docs, i, doc)
	{
		enum object_kind kind =
			object_kind_find(json_string_value(json_object_get(doc, "kind")));

		assert_true(i < ARRAY_SIZE(objects));
		assert_int_not_equal(kind, OBJECT_KIND_COUNT);
		if (landscape_put(l, kind, (uint32_t)i + 1, doc, &objects[i], &e) < 0)
			fail_msg("document %zu: %s: %s", i, e.path, e.text);
	}
	json_array_foreach(docs, i, doc)
	{
		if (landscape_allocate(l, objects[i], NULL, doc, &e) < 0)
			fail_msg("document %zu: %s: %s", i, e.path, e.text);
	}
	if (landscape_check(l, true, &blame, &e) < 0)
		fail_msg("%s: %s: %s", blame ? blame->name : "?", e.path, e.text);
	landscape_commit(l);
	json_decref(docs);
}

static inline struct landscape *rig_landscape(const char *yaml)
{
	struct landscape *l;
	struct err e = {0};

	assert_int_equal(landscape_new(&l, &e), 0);
	rig_put(l, yaml);
	return l;
}
