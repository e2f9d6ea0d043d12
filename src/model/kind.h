/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The declared kinds. Every document has a `kind` and a `name`; the rest is its body, which belongs to the kind. A new
 * kind is one more row in kind.c: nothing in the store, the API or the CLI knows kinds by name.
 */
#pragma once

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>

struct kind {
	const char *name;   /* "cluster" */
	const char *plural; /* "clusters": in URLs and messages */
	/* The schema check of one document by itself. */
	int (*check)(const json_t *doc, bool force, struct err *e);
	/* What kind_normalize() does to the kind's own fields, in place. 0, -ERR_NOMEM. */
	int (*normalize)(json_t *doc);
	const char *secret; /* a field that only those see who may change the object; NULL: none */
};

const struct kind *kind_find(const char *name_or_plural); /* NULL if none */
const struct kind *kind_at(size_t i);			  /* NULL past the end */

/* Kind and name of doc, both checked, borrowed from doc. 0 or -ERR_INVALID. */
int kind_of(const json_t *doc, const struct kind **ret_kind, const char **ret_name, struct err *e)
	_must_check_;

/*
 * The document as the store keeps it: defaults are not filled in (an absent list stays absent), names are folded, ranges
 * are left as written (they are canonical already, or were refused). New reference, NULL if out of memory.
 */
json_t *kind_normalize(const struct kind *k, const json_t *doc);
/* The document as those see it who may look only: without the kind's secret. New reference, NULL if doc is, or out of memory. */
json_t *kind_public(const struct kind *k, const json_t *doc);
