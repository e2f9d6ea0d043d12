/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Text to documents: YAML (a stream of documents) or JSON (an object, an array of objects, or objects one after another)
 * becomes a jansson array of objects, in order. YAML is read by libyaml's events, without aliases, anchors or tags
 * and with bounded depth, so that a small text cannot become a large value. Duplicate keys are refused in both.
 *
 * YAML scalars follow the core schema (YAML 1.2): null, true, false, decimal integers and floats; everything else, and
 * everything quoted, is a string. An empty YAML document is skipped.
 */
#pragma once

#include "base/err.h"

#include <jansson.h>

#define DOCUMENT_DEPTH_MAX 32
#define DOCUMENT_BYTES_MAX (128u << 20)
#define DOCUMENTS_MAX	   100000

enum document_format { DOCUMENT_AUTO, DOCUMENT_YAML, DOCUMENT_JSON };

/*
 * 0 and a new reference in *ret_documents, or -ERR_INVALID with line and column in the text (path is the document's index,
 * "[2]"), -ERR_TOO_LARGE, -ERR_NOMEM.
 */
int document_parse(const char *text, size_t len, enum document_format format,
		   json_t **ret_documents, struct err *e) _must_check_;

/* value as block-style YAML, a malloc()ed string that ends in a newline. NULL if out of memory. */
char *document_to_yaml(const json_t *value);
