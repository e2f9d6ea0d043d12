/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * YAML by libyaml's events. A stack of open collections takes the place of recursion; what makes YAML grow or change
 * meaning (anchors, aliases, tags) is refused.
 */
#include "model/document_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct level {
	json_t *value; /* owned until it is put into the level above */
	char *key;     /* mapping: the key whose value comes next, NULL if a key comes next */
	size_t key_len;
};

struct reader {
	yaml_parser_t parser;
	struct level stack[DOCUMENT_DEPTH_MAX + 1];
	int depth;
	json_t *documents;
	struct err *e;
};

static int fault(struct reader *r, const yaml_event_t *ev, const char *text)
{
	char path[DOCUMENT_PATH_MAX];

	return err_set(r->e, ERR_INVALID, document_path(r->documents, path),
		       "line %zu, column %zu: %s", ev->start_mark.line + 1,
		       ev->start_mark.column + 1, text);
}

static bool word_is(const char *text, size_t len, const char *a, const char *b, const char *c)
{
	return (strlen(a) == len && !memcmp(text, a, len)) ||
	       (strlen(b) == len && !memcmp(text, b, len)) ||
	       (strlen(c) == len && !memcmp(text, c, len));
}

/* [-+]? digits, or a float: digits with '.' or exponent. */
static bool looks_like_number(const char *t, size_t len, bool *ret_real)
{
	size_t i = len && (t[0] == '-' || t[0] == '+'), digits = 0;

	*ret_real = false;
	for (; i < len && t[i] >= '0' && t[i] <= '9'; i++)
		digits++;
	if (i < len && t[i] == '.') {
		*ret_real = true;
		for (i++; i < len && t[i] >= '0' && t[i] <= '9'; i++)
			digits++;
	}
	if (!digits)
		return false;
	if (i < len && (t[i] == 'e' || t[i] == 'E')) {
		*ret_real = true;
		i++;
		if (i < len && (t[i] == '-' || t[i] == '+'))
			i++;
		if (i == len)
			return false;
		for (; i < len && t[i] >= '0' && t[i] <= '9'; i++)
			;
	}
	return i == len;
}

/* .inf, -.Inf, .nan: JSON has no such values, and nothing here could mean them. */
static bool is_not_finite(const char *t, size_t len)
{
	if (len && (t[0] == '-' || t[0] == '+')) {
		t++;
		len--;
	}
	return word_is(t, len, ".inf", ".Inf", ".INF") || word_is(t, len, ".nan", ".NaN", ".NAN");
}

json_t *yaml_scalar(const char *text, size_t len, bool *ret_string, const char **ret_fault)
{
	bool is_real;

	*ret_string = false;
	*ret_fault = NULL;
	if (!len || word_is(text, len, "null", "Null", "NULL") || word_is(text, len, "~", "~", "~"))
		return json_null();
	if (word_is(text, len, "true", "True", "TRUE"))
		return json_true();
	if (word_is(text, len, "false", "False", "FALSE"))
		return json_false();
	if (looks_like_number(text, len, &is_real))
		return document_number(text, len, is_real, ret_fault);
	if (is_not_finite(text, len)) {
		*ret_fault =
			"infinity and not-a-number are not allowed; quote it if it is meant as a "
			"string";
		return NULL;
	}
	*ret_string = true;
	return NULL;
}

/* A finished value goes into the collection above, or is a document. */
static int value_put(struct reader *r, const yaml_event_t *ev, json_t *take_value)
{
	if (!take_value)
		return err_set(r->e, ERR_NOMEM, NULL, "out of memory");
	if (!r->depth) {
		/* An empty document is skipped. */
		if (json_is_null(take_value))
			return 0;
		return document_add(r->documents, take_value, r->e);
	}
	struct level *top = &r->stack[r->depth - 1];
	int failed;
	if (json_is_array(top->value)) {
		failed = json_array_append_new(top->value, take_value);
	} else {
		failed = json_object_setn_new(top->value, top->key, top->key_len, take_value);
		free(top->key);
		top->key = NULL;
	}
	return failed ? err_set(r->e, ERR_NOMEM, NULL, "out of memory") : 0;
}

static int key_take(struct reader *r, const yaml_event_t *ev, struct level *top)
{
	const char *key = (const char *)ev->data.scalar.value;
	size_t len = ev->data.scalar.length;
	char text[128], quoted[64];

	if (memchr(key, '\0', len))
		return fault(r, ev, "a key may not contain a NUL character");
	if (json_object_getn(top->value, key, len)) {
		snprintf(text, sizeof text, "the key \"%s\" is there twice",
			 str_quote(quoted, sizeof quoted, key, len));
		return fault(r, ev, text);
	}
	if (ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && len == 2 && !memcmp(key, "<<", 2))
		return fault(r, ev, "merge keys are not allowed; write the fields out");
	top->key = strndup(key, len);
	top->key_len = len;
	return top->key ? 0 : err_set(r->e, ERR_NOMEM, NULL, "out of memory");
}

static int scalar_take(struct reader *r, const yaml_event_t *ev)
{
	const char *text = (const char *)ev->data.scalar.value, *why = NULL;
	size_t len = ev->data.scalar.length;
	struct level *top = r->depth ? &r->stack[r->depth - 1] : NULL;
	bool is_string = true;
	json_t *v = NULL;

	if (ev->data.scalar.anchor)
		return fault(r, ev,
			     "anchors are not allowed; write the value out where it is used");
	if (ev->data.scalar.tag)
		return fault(r, ev, "tags are not allowed");
	if (top && json_is_object(top->value) && !top->key)
		return key_take(r, ev, top);
	/* Neither JSON text nor a C string could hold it. */
	if (memchr(text, '\0', len))
		return fault(r, ev, "a string may not contain a NUL character");
	if (ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
		v = yaml_scalar(text, len, &is_string, &why);
	if (why)
		return fault(r, ev, why);
	return value_put(r, ev, is_string ? json_stringn(text, len) : v);
}

static int collection_open(struct reader *r, const yaml_event_t *ev, bool mapping)
{
	const yaml_char_t *anchor =
		mapping ? ev->data.mapping_start.anchor : ev->data.sequence_start.anchor;
	const yaml_char_t *tag = mapping ? ev->data.mapping_start.tag : ev->data.sequence_start.tag;
	struct level *top = r->depth ? &r->stack[r->depth - 1] : NULL;

	if (anchor)
		return fault(r, ev,
			     "anchors are not allowed; write the value out where it is used");
	if (tag)
		return fault(r, ev, "tags are not allowed");
	if (top && json_is_object(top->value) && !top->key)
		return fault(r, ev, "a key must be a string");
	if (r->depth == DOCUMENT_DEPTH_MAX)
		return fault(r, ev, "the document is nested too deep");
	json_t *v = mapping ? json_object() : json_array();
	if (!v)
		return err_set(r->e, ERR_NOMEM, NULL, "out of memory");
	r->stack[r->depth++] = (struct level){.value = v};
	return 0;
}

static int collection_close(struct reader *r, const yaml_event_t *ev)
{
	json_t *v = r->stack[--r->depth].value;

	return value_put(r, ev, v);
}

static int event_take(struct reader *r, const yaml_event_t *ev)
{
	switch (ev->type) {
	case YAML_ALIAS_EVENT:
		return fault(r, ev,
			     "aliases are not allowed; write the value out where it is used");
	case YAML_SCALAR_EVENT:
		return scalar_take(r, ev);
	case YAML_SEQUENCE_START_EVENT:
		return collection_open(r, ev, false);
	case YAML_MAPPING_START_EVENT:
		return collection_open(r, ev, true);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return collection_close(r, ev);
	default:
		return 0;
	}
}

static int parser_fault(struct reader *r)
{
	const yaml_parser_t *p = &r->parser;
	char quoted[160], path[DOCUMENT_PATH_MAX];

	document_path(r->documents, path);
	if (p->error == YAML_MEMORY_ERROR)
		return err_set(r->e, ERR_NOMEM, NULL, "out of memory");
	str_quote(quoted, sizeof quoted, p->problem ? p->problem : "not readable",
		  p->problem ? strlen(p->problem) : 12);
	if (p->error == YAML_READER_ERROR)
		return err_set(r->e, ERR_INVALID, path, "byte %zu: %s (the text must be UTF-8)",
			       p->problem_offset, quoted);
	return err_set(r->e, ERR_INVALID, path, "line %zu, column %zu: %s",
		       p->problem_mark.line + 1, p->problem_mark.column + 1, quoted);
}

int yaml_parse(const char *text, size_t len, json_t *documents, struct err *e)
{
	struct reader r = {.documents = documents, .e = e};
	bool end = false;
	int result = 0;

	if (!yaml_parser_initialize(&r.parser))
		return err_set(e, ERR_NOMEM, NULL, "out of memory");
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
	/* Without this a byte order mark could switch to UTF-16. */
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	while (!end && !result) {
		yaml_event_t ev;
		if (!yaml_parser_parse(&r.parser, &ev)) {
			result = parser_fault(&r);
			break;
		}
		end = ev.type == YAML_STREAM_END_EVENT;
		result = event_take(&r, &ev);
		yaml_event_delete(&ev);
	}
	while (r.depth) {
		struct level *top = &r.stack[--r.depth];
		json_decref(top->value);
		free(top->key);
	}
	yaml_parser_delete(&r.parser);
	return result;
}
