/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the readers of the two formats and the writer share. */
#pragma once

#include "model/document.h"

#include <stdbool.h>

/* "[2]" for the document that comes next. */
#define DOCUMENT_PATH_MAX 24
char *document_path(const json_t *documents, char dst[DOCUMENT_PATH_MAX]);

/* Take one document into the list, if it is an object and there is room. The reader has bounded its depth. */
int document_add(json_t *documents, json_t *take_doc, struct err *e) _must_check_;

/* json_read.c */
int json_parse(const char *text, size_t len, json_t *documents, struct err *e) _must_check_;

/* yaml_read.c */
int yaml_parse(const char *text, size_t len, json_t *documents, struct err *e) _must_check_;
/*
 * The value of a plain (unquoted) scalar by the core schema. NULL with *ret_string true if it is a string, NULL with
 * *ret_fault set if it is neither.
 */
json_t *yaml_scalar(const char *text, size_t len, bool *ret_string, const char **ret_fault);

/*
 * A number from text that looks like one. NULL with *ret_fault set if it has no value here (out of range, too long), NULL
 * alone if out of memory.
 */
json_t *document_number(const char *text, size_t len, bool is_real, const char **ret_fault);
