/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/sqlite_int.h"

#include <string.h>

/* What a row costs besides its document, so that deletes count too. */
#define ROW_BYTES 128

int sqlite_history_add(struct store *s, const char *kind, const char *name, uint32_t id,
		       const char *verb, const char *body, struct err *e)
{
	sqlite3_stmt *st = s->stmt[STMT_CHANGE];
	size_t bytes = ROW_BYTES + (body ? strlen(body) : 0);

	sqlite3_bind_int64(st, 1, (sqlite3_int64)s->next.revision);
	sqlite_bind_text_or_null(st, 2, kind);
	sqlite_bind_text_or_null(st, 3, name);
	sqlite3_bind_int64(st, 4, id);
	sqlite_bind_text_or_null(st, 5, verb);
	sqlite_bind_text_or_null(st, 6, s->actor);
	sqlite_bind_text_or_null(st, 7, s->via);
	sqlite3_bind_int64(st, 8, (sqlite3_int64)s->now_us);
	sqlite3_bind_int64(st, 9, (sqlite3_int64)bytes);
	sqlite_bind_text_or_null(st, 10, body);
	s->next.history_rows++;
	s->next.history_bytes += bytes;
	return sqlite_run(s, st, "write", e);
}

static bool is_too_long(const struct store_meta *m)
{
	return m->history_rows > STORE_HISTORY_ROWS || m->history_bytes > STORE_HISTORY_BYTES;
}

/* Whole revisions, so that what is left can be told exactly by one number. */
int sqlite_history_trim(struct store *s, struct err *e)
{
	sqlite3_stmt *st = s->stmt[STMT_TRIM_LOOK];
	struct store_meta *m = &s->next;
	int step = SQLITE_DONE;

	if (!is_too_long(m))
		return 0;
	while ((step = sqlite3_step(st)) == SQLITE_ROW) {
		uint64_t revision = (uint64_t)sqlite3_column_int64(st, 0);

		if (revision != m->history_after && !is_too_long(m))
			break;
		m->history_after = revision;
		m->history_rows--;
		m->history_bytes -= (uint64_t)sqlite3_column_int64(st, 1);
	}
	if (step != SQLITE_ROW && step != SQLITE_DONE) {
		int r = sqlite_error(s, "trim its history", e);

		sqlite_release(st);
		return r;
	}
	sqlite_release(st);
	st = s->stmt[STMT_TRIM];
	sqlite3_bind_int64(st, 1, (sqlite3_int64)m->history_after);
	return sqlite_run(s, st, "trim its history", e);
}

static int change_read(sqlite3_stmt *st, store_change_fn *cb, void *arg, struct err *e)
{
	struct store_change c = {
		.revision = (uint64_t)sqlite3_column_int64(st, 0),
		.kind = (const char *)sqlite3_column_text(st, 1),
		.name = (const char *)sqlite3_column_text(st, 2),
		.id = (uint32_t)sqlite3_column_int64(st, 3),
		.verb = (const char *)sqlite3_column_text(st, 4),
		.actor = (const char *)sqlite3_column_text(st, 5),
		.via = (const char *)sqlite3_column_text(st, 6),
		.time_us = (uint64_t)sqlite3_column_int64(st, 7),
		.enforced_ns = sqlite3_column_int64(st, 8),
	};
	json_t *body = NULL;
	int r;

	if (!c.kind || !c.name || !c.verb || !c.actor || !c.via)
		return err_set(e, ERR_NOMEM, NULL, "out of memory");
	r = sqlite_body(st, 9, &body, e);
	if (r < 0)
		return r;
	c.body = body;
	r = cb(&c, arg);
	json_decref(body);
	return r;
}

int store_history(struct store *s, uint64_t after, const char *kind, const char *name,
		  uint32_t limit, bool with_body, store_change_fn *cb, void *arg, bool *ret_gap,
		  struct err *e)
{
	sqlite3_stmt *st = s->stmt[kind && name ? STMT_HISTORY_OF : STMT_HISTORY];
	int r = 0, step = SQLITE_DONE;

	if (ret_gap)
		*ret_gap = after < s->meta.history_after;
	/* Past every revision there is nothing, and SQLite's integers are signed. */
	if (after > INT64_MAX)
		return 0;
	sqlite3_bind_int64(st, 1, (sqlite3_int64)after);
	sqlite_bind_text_or_null(st, 2, kind);
	sqlite_bind_text_or_null(st, 3, name);
	sqlite3_bind_int64(st, 4, limit ? (sqlite3_int64)limit : -1);
	sqlite3_bind_int(st, 5, with_body);
	while (r == 0 && (step = sqlite3_step(st)) == SQLITE_ROW)
		r = change_read(st, cb, arg, e);
	if (r == 0 && step != SQLITE_DONE)
		r = sqlite_error(s, "be read", e);
	sqlite_release(st);
	return r;
}

int sqlite_history_settle(struct store *s, struct err *e)
{
	if (!s->is_relaxed)
		return 0;
	if (sqlite3_exec(s->db, "PRAGMA synchronous = FULL", NULL, NULL, NULL) != SQLITE_OK)
		return sqlite_error(s, "begin a change", e);
	s->is_relaxed = false;
	return 0;
}

void store_set_enforced(struct store *s, uint64_t revision, int64_t enforced_ns)
{
	sqlite3_stmt *st = s->stmt[STMT_ENFORCED];

	if (s->is_open || revision > INT64_MAX)
		return;
	/* A figure is not worth a sync: it gets to the disk with the next change. */
	s->is_relaxed = true;
	(void)sqlite3_exec(s->db, "PRAGMA synchronous = NORMAL", NULL, NULL, NULL);
	sqlite3_bind_int64(st, 1, (sqlite3_int64)revision);
	sqlite3_bind_int64(st, 2, enforced_ns);
	(void)!sqlite_run(s, st, "write", NULL);
	/* Should this fail, the next change tries again before it begins. */
	(void)!sqlite_history_settle(s, NULL);
}
