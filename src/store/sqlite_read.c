/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/sqlite_int.h"

#include <stdlib.h>
#include <string.h>

void store_object_done(struct store_object *o)
{
	if (!o)
		return;
	free(o->kind);
	free(o->name);
	json_decref(o->body);
	*o = (struct store_object){0};
}

int sqlite_body(sqlite3_stmt *st, int column, json_t **ret_body, struct err *e)
{
	json_error_t je = {0};
	json_t *body;

	*ret_body = NULL;
	if (sqlite3_column_type(st, column) == SQLITE_NULL)
		return 0;
	const char *text = (const char *)sqlite3_column_text(st, column);
	if (!text)
		return err_set(e, ERR_NOMEM, NULL, "out of memory");
	body = json_loadb(text, (size_t)sqlite3_column_bytes(st, column),
			  JSON_DECODE_ANY | JSON_ALLOW_NUL, &je);
	if (!body && (!je.text[0] || json_error_code(&je) == json_error_out_of_memory))
		return err_set(e, ERR_NOMEM, NULL, "out of memory");
	if (!body)
		return err_set(e, ERR_UNAVAILABLE, NULL,
			       "the store is damaged: a document in it cannot be read");
	*ret_body = body;
	return 0;
}

static char *column_dup(sqlite3_stmt *st, int column)
{
	const char *text = (const char *)sqlite3_column_text(st, column);

	return text ? strdup(text) : NULL;
}

static int object_read(sqlite3_stmt *st, struct store_object *ret_object, struct err *e)
{
	struct store_object o = {
		.kind = column_dup(st, 0),
		.name = column_dup(st, 1),
		.id = (uint32_t)sqlite3_column_int64(st, 2),
		.revision = (uint64_t)sqlite3_column_int64(st, 3),
		.created_us = (uint64_t)sqlite3_column_int64(st, 4),
		.updated_us = (uint64_t)sqlite3_column_int64(st, 5),
	};
	int r = o.kind && o.name ? sqlite_body(st, 6, &o.body, e)
				 : err_set(e, ERR_NOMEM, NULL, "out of memory");

	if (r < 0)
		store_object_done(&o);
	else
		*ret_object = o;
	return r;
}

int store_get(struct store *s, const char *kind, const char *name, struct store_object *ret_object,
	      struct err *e)
{
	sqlite3_stmt *st = s->stmt[STMT_GET];
	char quoted[160];
	int r;

	sqlite_bind_text_or_null(st, 1, kind);
	sqlite_bind_text_or_null(st, 2, name);
	r = sqlite3_step(st);
	if (r == SQLITE_ROW)
		r = object_read(st, ret_object, e);
	else if (r == SQLITE_DONE)
		r = err_set(e, ERR_NOT_FOUND, NULL, "there is no %s \"%s\"", kind,
			    str_quote(quoted, sizeof(quoted), name, strlen(name)));
	else
		r = sqlite_error(s, "be read", e);
	sqlite_release(st);
	return r;
}

int store_list(struct store *s, const char *kind, bool with_body, store_object_fn *cb, void *arg,
	       struct err *e)
{
	sqlite3_stmt *st = s->stmt[STMT_LIST];
	int r = 0, step = SQLITE_DONE;

	sqlite_bind_text_or_null(st, 1, kind);
	sqlite3_bind_int(st, 2, with_body);
	while (r == 0 && (step = sqlite3_step(st)) == SQLITE_ROW) {
		struct store_object o;

		r = object_read(st, &o, e);
		if (r < 0)
			break;
		r = cb(&o, arg);
		store_object_done(&o);
	}
	if (r == 0 && step != SQLITE_DONE)
		r = sqlite_error(s, "be read", e);
	sqlite_release(st);
	return r;
}
