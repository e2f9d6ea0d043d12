/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/document.h"

#include "model/document_int.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

char *document_path(const json_t *documents, char dst[DOCUMENT_PATH_MAX])
{
	snprintf(dst, DOCUMENT_PATH_MAX, "[%zu]", json_array_size(documents));
	return dst;
}

static int json_error(struct err *e, const char *path, const char *text, size_t len, size_t offset,
		      const char *what)
{
	size_t line = 1, column = 1;
	char quoted[200];

	for (size_t i = 0; i < offset && i < len; i++) {
		column = text[i] == '\n' ? 1 : column + 1;
		line += text[i] == '\n';
	}
	return err_set(e, ERR_INVALID, path, "line %zu, column %zu: %s", line, column,
		       str_quote(quoted, sizeof quoted, what, strlen(what)));
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_too_deep(const json_t *v, int depth)
{
	const char *key;
	json_t *item;
	size_t i;

	if (depth > DOCUMENT_DEPTH_MAX)
		return true;
	json_array_foreach(v, i, item) if (is_too_deep(item, depth + 1)) return true;
	json_object_foreach((json_t *)(uintptr_t)v, key,
			    item) if (is_too_deep(item, depth + 1)) return true;
	return false;
}

int document_add(json_t *documents, json_t *take_doc, struct err *e)
{
	char path[DOCUMENT_PATH_MAX];
	size_t n = json_array_size(documents);

	if (!take_doc)
		return err_set(e, ERR_NOMEM, NULL, "out of memory");
	document_path(documents, path);
	if (!json_is_object(take_doc)) {
		json_decref(take_doc);
		return err_set(e, ERR_INVALID, path,
			       "must be an object with the fields kind and name");
	}
	if (n == DOCUMENTS_MAX) {
		json_decref(take_doc);
		return err_set(e, ERR_TOO_LARGE, path,
			       "there are more than %d documents; send them in parts",
			       DOCUMENTS_MAX);
	}
	if (is_too_deep(take_doc, 0)) {
		json_decref(take_doc);
		return err_set(e, ERR_INVALID, path, "is nested more than %d deep",
			       DOCUMENT_DEPTH_MAX);
	}
	if (json_array_append_new(documents, take_doc) < 0)
		return err_set(e, ERR_NOMEM, NULL, "out of memory");
	return 0;
}

/* A document, or an array of documents. */
static int json_take(json_t *documents, json_t *take_value, struct err *e)
{
	int r = 0;

	if (!json_is_array(take_value))
		return document_add(documents, take_value, e);
	for (size_t i = 0; i < json_array_size(take_value) && r == 0; i++)
		r = document_add(documents, json_incref(json_array_get(take_value, i)), e);
	json_decref(take_value);
	return r;
}

/* One value after another. */
static int json_parse(const char *text, size_t len, json_t *documents, struct err *e)
{
	char path[DOCUMENT_PATH_MAX];
	size_t offset = 0;
	int r = 0;

	while (r == 0) {
		json_error_t je = {0};
		json_t *v;

		while (offset < len && is_space(text[offset]))
			offset++;
		if (offset == len)
			return 0;
		v = json_loadb(text + offset, len - offset,
			       JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK, &je);
		/* jansson says nothing at all when a container could not be allocated. */
		if (!v && (!je.text[0] || json_error_code(&je) == json_error_out_of_memory))
			return err_set(e, ERR_NOMEM, NULL, "out of memory");
		if (je.position > 0)
			offset += (size_t)je.position;
		if (!v)
			return json_error(e, document_path(documents, path), text, len, offset,
					  je.text);
		r = json_take(documents, v, e);
	}
	return r;
}

static bool looks_like_json(const char *text, size_t len)
{
	size_t i = 0;

	while (i < len && is_space(text[i]))
		i++;
	return i < len && (text[i] == '{' || text[i] == '[');
}

int document_parse(const char *text, size_t len, enum document_format format,
		   json_t **ret_documents, struct err *e)
{
	json_t *documents;
	int r;

	if (len > DOCUMENT_BYTES_MAX)
		return err_set(e, ERR_TOO_LARGE, NULL, "the text has %zu bytes; the limit is %u",
			       len, DOCUMENT_BYTES_MAX);
	documents = json_array();
	if (!documents)
		return err_set(e, ERR_NOMEM, NULL, "out of memory");
	if (format == DOCUMENT_AUTO)
		format = looks_like_json(text, len) ? DOCUMENT_JSON : DOCUMENT_YAML;
	if (format == DOCUMENT_JSON)
		r = json_parse(text, len, documents, e);
	else
		r = yaml_parse(text, len, documents, e);
	if (r < 0)
		json_decref(documents);
	else
		*ret_documents = documents;
	return r;
}
