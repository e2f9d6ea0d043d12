/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The embedded engine: SQLite with a write-ahead log that is synced at every commit. Layout in sqlite_int.h. */
#include "store/sqlite_int.h"

#include "base/clock.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Nobody else writes; a person with the sqlite3 tool may hold a lock for a moment. */
#define BUSY_MS	   500

#define QUOTED_MAX 160

/* --- what the files share --------------------------------------------------------------------------------- */

int sqlite_error(struct store *s, const char *what, struct err *e)
{
	if ((sqlite3_errcode(s->db) & 0xff) == SQLITE_NOMEM)
		return err_set(e, ERR_NOMEM, NULL, "the store ran out of memory");
	return err_set(e, ERR_UNAVAILABLE, NULL, "the store could not %s: %s", what,
		       sqlite3_errmsg(s->db));
}

void sqlite_release(sqlite3_stmt *st)
{
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
}

int sqlite_run(struct store *s, sqlite3_stmt *st, const char *what, struct err *e)
{
	int r = sqlite3_step(st) == SQLITE_DONE ? 0 : sqlite_error(s, what, e);

	sqlite_release(st);
	return r;
}

void sqlite_bind_text_or_null(sqlite3_stmt *st, int i, const char *text)
{
	/* An unbound parameter is NULL. */
	if (text)
		sqlite3_bind_text(st, i, text, -1, SQLITE_STATIC);
}

static int out_of_memory(struct err *e)
{
	return err_set(e, ERR_NOMEM, NULL, "out of memory");
}

/* --- open and close --------------------------------------------------------------------------------------- */

int store_open(const char *path, struct store **ret_store, struct err *e)
{
	struct store *s = calloc(1, sizeof(*s));
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
		    SQLITE_OPEN_EXRESCODE;
	int r;

	if (!s)
		return out_of_memory(e);
	if (sqlite3_open_v2(path, &s->db, flags, NULL) != SQLITE_OK) {
		r = s->db ? sqlite_error(s, "be opened", e) : out_of_memory(e);
		goto out;
	}
	sqlite3_busy_timeout(s->db, BUSY_MS);
	r = sqlite_set_up(s, path, e);
out:
	if (r < 0)
		store_close(s);
	else
		*ret_store = s;
	return r;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	if (s->is_open)
		store_abort(s);
	for (int i = 0; i < STMT_COUNT; i++)
		sqlite3_finalize(s->stmt[i]);
	sqlite3_close(s->db);
	free(s);
}

uint64_t store_revision(const struct store *s)
{
	return s->meta.revision;
}

const char *store_id(const struct store *s)
{
	return s->id;
}

/* --- transactions ----------------------------------------------------------------------------------------- */

static void transaction_end(struct store *s)
{
	s->is_open = s->is_broken = s->has_changes = false;
	free(s->actor);
	free(s->via);
	s->actor = s->via = NULL;
}

void store_abort(struct store *s)
{
	/* On some errors (disk full, I/O) SQLite has rolled back by itself. */
	if (!sqlite3_get_autocommit(s->db))
		(void)!sqlite_run(s, s->stmt[STMT_ROLLBACK], "roll back", NULL);
	transaction_end(s);
}

int store_begin(struct store *s, const struct store_change_meta *meta, struct err *e)
{
	int r;

	assert(!s->is_open);
	s->actor = strdup(meta->actor ? meta->actor : "");
	s->via = strdup(meta->via ? meta->via : "");
	r = s->actor && s->via ? sqlite_history_settle(s, e) : out_of_memory(e);
	if (r == 0)
		r = sqlite_run(s, s->stmt[STMT_BEGIN], "begin a change", e);
	/* Whatever else has written to the file meanwhile: no revision and no id is given out twice. */
	if (r == 0)
		r = sqlite_meta_read(s, e);
	if (r < 0) {
		store_abort(s);
		return r;
	}
	s->is_open = true;
	s->now_us = clock_wall_us();
	s->next = s->meta;
	s->next.revision++;
	return 0;
}

/*
 * Before each write: the transaction must still be whole. After SQLite has rolled back by itself, a further write would be a
 * transaction of its own.
 */
static int whole_check(struct store *s, struct err *e)
{
	assert(s->is_open);
	if (!s->is_broken && !sqlite3_get_autocommit(s->db))
		return 0;
	return err_set(e, ERR_UNAVAILABLE, NULL,
		       "the change cannot go on, since an earlier part of it could not be stored");
}

/* The object's id and revision; revision 0 if there is none. */
static int object_find(struct store *s, const char *kind, const char *name, uint32_t *ret_id,
		       uint64_t *ret_revision, struct err *e)
{
	sqlite3_stmt *st = s->stmt[STMT_FIND];
	int step, r = 0;

	sqlite_bind_text_or_null(st, 1, kind);
	sqlite_bind_text_or_null(st, 2, name);
	*ret_id = 0;
	*ret_revision = 0;
	step = sqlite3_step(st);
	if (step == SQLITE_ROW) {
		*ret_id = (uint32_t)sqlite3_column_int64(st, 0);
		*ret_revision = (uint64_t)sqlite3_column_int64(st, 1);
	} else if (step != SQLITE_DONE) {
		r = sqlite_error(s, "be read", e);
	}
	sqlite_release(st);
	return r;
}

static int expect_check(const char *kind, const char *name, uint64_t expect, uint64_t found,
			struct err *e)
{
	char quoted[QUOTED_MAX];

	if (expect == STORE_ANY || expect == found)
		return 0;
	str_quote(quoted, sizeof(quoted), name, strlen(name));
	if (found == 0)
		return err_set(e, ERR_CONFLICT, NULL,
			       "%s \"%s\" does not exist (any more), and revision %" PRIu64
			       " of it was expected; leave the expectation out to create it",
			       kind, quoted, expect);
	if (expect == 0)
		return err_set(e, ERR_CONFLICT, NULL,
			       "%s \"%s\" exists already, at revision %" PRIu64, kind, quoted,
			       found);
	return err_set(e, ERR_CONFLICT, NULL,
		       "%s \"%s\" is at revision %" PRIu64 ", not at %" PRIu64
		       " as this change expects; read it again and decide anew",
		       kind, quoted, found, expect);
}

static int object_insert(struct store *s, const char *kind, const char *name, uint32_t id,
			 const char *body, struct err *e)
{
	sqlite3_stmt *st = s->stmt[STMT_INSERT];

	sqlite_bind_text_or_null(st, 1, kind);
	sqlite_bind_text_or_null(st, 2, name);
	sqlite3_bind_int64(st, 3, id);
	sqlite3_bind_int64(st, 4, (sqlite3_int64)s->next.revision);
	sqlite3_bind_int64(st, 5, (sqlite3_int64)s->now_us);
	sqlite_bind_text_or_null(st, 6, body);
	return sqlite_run(s, st, "write", e);
}

static int object_update(struct store *s, const char *kind, const char *name, const char *body,
			 struct err *e)
{
	sqlite3_stmt *st = s->stmt[STMT_UPDATE];

	sqlite_bind_text_or_null(st, 1, kind);
	sqlite_bind_text_or_null(st, 2, name);
	sqlite3_bind_int64(st, 3, (sqlite3_int64)s->next.revision);
	sqlite3_bind_int64(st, 4, (sqlite3_int64)s->now_us);
	sqlite_bind_text_or_null(st, 5, body);
	return sqlite_run(s, st, "write", e);
}

/* A number that was given out once names one object for ever: it may still lie in some table. */
static int id_take(struct store *s, uint32_t *ret_id, struct err *e)
{
	if (s->next.next_id >= UINT32_MAX)
		return err_set(e, ERR_UNAVAILABLE, NULL,
			       "the store has given out all its numbers for objects; move it away "
			       "and apply the documents again");
	*ret_id = (uint32_t)s->next.next_id++;
	return 0;
}

int store_put(struct store *s, const char *kind, const char *name, uint64_t expect,
	      const json_t *body, uint32_t *ret_id, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	uint64_t found = 0;
	uint32_t id = 0;
	int r = whole_check(s, e);

	if (r == 0)
		r = object_find(s, kind, name, &id, &found, e);
	if (r == 0)
		r = expect_check(kind, name, expect, found, e);
	if (r == 0 && found == 0)
		r = id_take(s, &id, e);
	if (r < 0)
		return r;
	text = json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY);
	if (!text)
		return out_of_memory(e);
	r = found ? object_update(s, kind, name, text, e)
		  : object_insert(s, kind, name, id, text, e);
	if (r == 0)
		r = sqlite_history_add(s, kind, name, id, found ? "update" : "create", text, e);
	if (r < 0) {
		s->is_broken = true;
		return r;
	}
	s->has_changes = true;
	*ret_id = id;
	return 0;
}

int store_delete(struct store *s, const char *kind, const char *name, uint64_t expect,
		 uint32_t *ret_id, struct err *e)
{
	sqlite3_stmt *st = s->stmt[STMT_DELETE];
	char quoted[QUOTED_MAX];
	uint64_t found = 0;
	uint32_t id = 0;
	int r = whole_check(s, e);

	if (r == 0)
		r = object_find(s, kind, name, &id, &found, e);
	if (r == 0 && found == 0)
		r = err_set(e, ERR_NOT_FOUND, NULL, "there is no %s \"%s\"", kind,
			    str_quote(quoted, sizeof(quoted), name, strlen(name)));
	if (r == 0)
		r = expect_check(kind, name, expect, found, e);
	if (r < 0)
		return r;
	sqlite_bind_text_or_null(st, 1, kind);
	sqlite_bind_text_or_null(st, 2, name);
	r = sqlite_run(s, st, "write", e);
	if (r == 0)
		r = sqlite_history_add(s, kind, name, id, "delete", NULL, e);
	if (r < 0) {
		s->is_broken = true;
		return r;
	}
	s->has_changes = true;
	*ret_id = id;
	return 0;
}

static int meta_write(struct store *s, struct err *e)
{
	sqlite3_stmt *st = s->stmt[STMT_META_SET];

	sqlite3_bind_int64(st, 1, (sqlite3_int64)s->next.revision);
	sqlite3_bind_int64(st, 2, (sqlite3_int64)s->next.next_id);
	sqlite3_bind_int64(st, 3, (sqlite3_int64)s->next.history_after);
	sqlite3_bind_int64(st, 4, (sqlite3_int64)s->next.history_rows);
	sqlite3_bind_int64(st, 5, (sqlite3_int64)s->next.history_bytes);
	return sqlite_run(s, st, "write", e);
}

int store_commit(struct store *s, uint64_t *ret_revision, struct err *e)
{
	int r = whole_check(s, e);

	if (r == 0 && !s->has_changes) {
		store_abort(s);
		*ret_revision = s->meta.revision;
		return 0;
	}
	if (r == 0)
		r = sqlite_history_trim(s, e);
	if (r == 0)
		r = meta_write(s, e);
	if (r == 0)
		r = sqlite_run(s, s->stmt[STMT_COMMIT], "commit", e);
	if (r < 0) {
		store_abort(s);
		return r;
	}
	s->meta = s->next;
	transaction_end(s);
	*ret_revision = s->meta.revision;
	return 0;
}
