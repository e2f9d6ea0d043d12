/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/document.h"

#include "model/document_int.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX 63 /* characters of a number */

char *document_path(const json_t *documents, char dst[DOCUMENT_PATH_MAX])
{
	snprintf(dst, DOCUMENT_PATH_MAX, "[%zu]", json_array_size(documents));
	return dst;
}

json_t *document_number(const char *text, size_t len, bool is_real, const char **ret_fault)
{
	char number[NUMBER_MAX + 1];

	if (len > NUMBER_MAX) {
		*ret_fault = "the number is too long; quote it if it is meant as a string";
		return NULL;
	}
	memcpy(number, text, len);
	number[len] = '\0';
	errno = 0;
	if (is_real) {
		double d = strtod(number, NULL);

		if (isfinite(d))
			return json_real(d);
	} else {
		long long i = strtoll(number, NULL, 10);

		if (errno == 0)
			return json_integer(i);
	}
	*ret_fault = "the number is out of range; quote it if it is meant as a string";
	return NULL;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
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
	if (json_array_append_new(documents, take_doc) < 0)
		return err_set(e, ERR_NOMEM, NULL, "out of memory");
	return 0;
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
