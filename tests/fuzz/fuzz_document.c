/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any text as documents. What is accepted must be writable as YAML that reads back as the same value, differ from itself in
 * nothing, and keep its meaning when it is normalized.
 */
#include "model/cluster.h"
#include "model/diff.h"
#include "model/document.h"
#include "model/kind.h"

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
	if (!kind_of(doc, &kind, &name, &e))
		cluster_try(doc, kind);
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
	json_decref(documents);
	return 0;
}
