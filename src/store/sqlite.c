/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The embedded engine: SQLite with a write-ahead log, synced at every commit.
 *
 *	meta     one row: the store's identity, the last revision, the next id
 *	object   what is declared now
 *	history  every change, with the document after it; trimmed
 *
 * The last revision is kept in memory and written with the transaction that makes it, so that reading it costs nothing.
 */
#include "store/store.h"

#include "base/clock.h"

#include <assert.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define APPLICATION_ID 0x50535452 /* "PSTR" */
#define SCHEMA_VERSION 1
#define BUSY_MS 2000

static const char schema[] =
	"CREATE TABLE meta(one INTEGER PRIMARY KEY CHECK(one = 1), store_id TEXT NOT NULL,"
	" revision INTEGER NOT NULL, next_id INTEGER NOT NULL,"
	" history_bytes INTEGER NOT NULL, history_rows INTEGER NOT NULL) STRICT;"
	"CREATE TABLE object(kind TEXT NOT NULL, name TEXT NOT NULL, id INTEGER NOT NULL UNIQUE,"
	" revision INTEGER NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL,"
	" body TEXT NOT NULL, PRIMARY KEY(kind, name)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE history(seq INTEGER PRIMARY KEY, revision INTEGER NOT NULL, kind TEXT NOT NULL,"
	" name TEXT NOT NULL, id INTEGER NOT NULL, verb TEXT NOT NULL, actor TEXT NOT NULL,"
	" via TEXT NOT NULL, time INTEGER NOT NULL, enforced INTEGER NOT NULL DEFAULT -1, body TEXT) STRICT;"
	"CREATE INDEX history_revision ON history(revision);"
	"CREATE INDEX history_object ON history(kind, name, revision);";

#define STATEMENTS(X)                                                                              \
	X(BEGIN, "BEGIN IMMEDIATE")                                                                \
	X(COMMIT, "COMMIT")                                                                        \
	X(ROLLBACK, "ROLLBACK")                                                                    \
	X(META_GET, "SELECT store_id, revision, next_id, history_bytes, history_rows FROM meta")   \
	X(META_SET, "UPDATE meta SET revision = ?1, next_id = ?2, history_bytes = ?3,"             \
		    " history_rows = ?4")                                                          \
	X(GET, "SELECT kind, name, id, revision, created, updated, body FROM object"               \
	       " WHERE kind = ?1 AND name = ?2")                                                   \
	X(LIST, "SELECT kind, name, id, revision, created, updated, body FROM object"              \
		" WHERE ?1 IS NULL OR kind = ?1 ORDER BY kind, name")                              \
	X(LIST_BARE, "SELECT kind, name, id, revision, created, updated, NULL FROM object"         \
		     " WHERE ?1 IS NULL OR kind = ?1 ORDER BY kind, name")                         \
	X(FIND, "SELECT id, revision FROM object WHERE kind = ?1 AND name = ?2")                   \
	X(INSERT, "INSERT INTO object VALUES(?1, ?2, ?3, ?4, ?5, ?5, ?6)")                         \
	X(UPDATE, "UPDATE object SET revision = ?3, updated = ?4, body = ?5"                       \
		  " WHERE kind = ?1 AND name = ?2")                                                \
	X(DELETE, "DELETE FROM object WHERE kind = ?1 AND name = ?2")                              \
	X(CHANGE, "INSERT INTO history(revision, kind, name, id, verb, actor, via, time, body)"    \
		  " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")                                   \
	X(HISTORY, "SELECT revision, kind, name, id, verb, actor, via, time, enforced, body"       \
		   " FROM history WHERE revision > ?1 AND (?2 IS NULL OR kind = ?2)"               \
		   " AND (?3 IS NULL OR name = ?3) ORDER BY seq LIMIT ?4")                         \
	X(HISTORY_BARE, "SELECT revision, kind, name, id, verb, actor, via, time, enforced, NULL"  \
			" FROM history WHERE revision > ?1 AND (?2 IS NULL OR kind = ?2)"          \
			" AND (?3 IS NULL OR name = ?3) ORDER BY seq LIMIT ?4")                    \
	X(OLDEST, "SELECT revision FROM history ORDER BY seq LIMIT 1")                             \
	X(TRIM_LOOK, "SELECT seq, length(body) FROM history ORDER BY seq")                         \
	X(TRIM, "DELETE FROM history WHERE seq <= ?1")                                             \
	X(ENFORCED, "UPDATE history SET enforced = ?2 WHERE revision = ?1")

enum statement {
#define X(e, sql) STMT_##e,
	STATEMENTS(X)
#undef X
		STMT_COUNT
};

static const char *const statement_sql[] = {
#define X(e, sql) [STMT_##e] = sql,
	STATEMENTS(X)
#undef X
};

struct store {
	sqlite3 *db;
	sqlite3_stmt *stmt[STMT_COUNT];
	char id[33];
	uint64_t revision;
	uint32_t next_id;
	uint64_t history_bytes, history_rows;

	/* The transaction under way. */
	bool open;
	char *actor, *via;
	uint64_t now_us;
	uint32_t tx_next_id;
	uint64_t tx_bytes, tx_rows;
};

/* --- small things ----------------------------------------------------------------------------------------- */

static int db_error(struct store *s, const char *what, struct err *e)
{
	int code = sqlite3_errcode(s->db);

	if (code == SQLITE_NOMEM)
		return err_set(e, ERR_NOMEM, NULL, "the store ran out of memory");
	return err_set(e, ERR_UNAVAILABLE, NULL, "the store could not %s: %s", what,
		       sqlite3_errmsg(s->db));
}

/* A statement ready to be bound; prepared at its first use. */
static sqlite3_stmt *stmt_get(struct store *s, enum statement which)
{
	sqlite3_stmt **st = &s->stmt[which];

	if (!*st && sqlite3_prepare_v3(s->db, statement_sql[which], -1, SQLITE_PREPARE_PERSISTENT, st,
				       NULL) != SQLITE_OK)
		return NULL;
	return *st;
}

static void stmt_done(sqlite3_stmt *st)
{
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
}

/* Run a statement that gives no rows. */
static int stmt_run(struct store *s, sqlite3_stmt *st, const char *what, struct err *e)
{
	int r = sqlite3_step(st);

	if (r != SQLITE_DONE) {
		db_error(s, what, e);
		stmt_done(st);
		return -ERR_UNAVAILABLE;
	}
	stmt_done(st);
	return 0;
}

static int run(struct store *s, enum statement which, const char *what, struct err *e)
{
	sqlite3_stmt *st = stmt_get(s, which);

	if (!st)
		return db_error(s, what, e);
	return stmt_run(s, st, what, e);
}

static void bind_text(sqlite3_stmt *st, int i, const char *text)
{
	if (text)
		sqlite3_bind_text(st, i, text, -1, SQLITE_STATIC);
	else
		sqlite3_bind_null(st, i);
}

static void bind_u64(sqlite3_stmt *st, int i, uint64_t v)
{
	sqlite3_bind_int64(st, i, (sqlite3_int64)v);
}

static const char *column_text(sqlite3_stmt *st, int i)
{
	return (const char *)sqlite3_column_text(st, i);
}

static uint64_t column_u64(sqlite3_stmt *st, int i)
{
	return (uint64_t)sqlite3_column_int64(st, i);
}

/* --- open and close --------------------------------------------------------------------------------------- */

static int exec(struct store *s, const char *sql, const char *what, struct err *e)
{
	if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return db_error(s, what, e);
	return 0;
}

static int pragma_get(struct store *s, const char *sql, int64_t *ret_value, struct err *e)
{
	sqlite3_stmt *st;

	if (sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) != SQLITE_OK)
		return db_error(s, "be read", e);
	int r = sqlite3_step(st);
	if (r == SQLITE_ROW)
		*ret_value = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return r == SQLITE_ROW ? 0 : db_error(s, "be read", e);
}

static int meta_create(struct store *s, struct err *e)
{
	uint64_t random[2];
	char sql[256];

	sqlite3_randomness(sizeof random, random);
	snprintf(sql, sizeof sql,
		 "INSERT INTO meta VALUES(1, '%016" PRIx64 "%016" PRIx64 "', 0, 1, 0, 0);"
		 "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
		 random[0], random[1], APPLICATION_ID, SCHEMA_VERSION);
	int r = exec(s, "BEGIN IMMEDIATE", "begin its creation", e);
	if (!r)
		r = exec(s, schema, "create its tables", e);
	if (!r)
		r = exec(s, sql, "create its tables", e);
	if (r < 0 && !sqlite3_get_autocommit(s->db))
		(void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	return r;
}

static int schema_check(struct store *s, const char *path, struct err *e)
{
	int64_t application = 0, version = 0, tables = 0;
	int r = pragma_get(s, "PRAGMA application_id", &application, e);

	if (!r)
		r = pragma_get(s, "PRAGMA user_version", &version, e);
	if (!r)
		r = pragma_get(s, "SELECT count(*) FROM sqlite_schema", &tables, e);
	if (r < 0)
		return r;
	if (!application && !tables)
		return meta_create(s, e);
	if (application != APPLICATION_ID)
		return err_set(e, ERR_UNAVAILABLE, NULL,
			       "%s is a database of another application; name another --state-dir", path);
	if (version != SCHEMA_VERSION)
		return err_set(e, ERR_UNAVAILABLE, NULL,
			       "%s has schema %" PRId64 ", and this version reads schema %d; run the version "
			       "that wrote it, or a newer one", path, version, SCHEMA_VERSION);
	return 0;
}

static int meta_read(struct store *s, struct err *e)
{
	sqlite3_stmt *st = stmt_get(s, STMT_META_GET);

	if (!st)
		return db_error(s, "be read", e);
	if (sqlite3_step(st) != SQLITE_ROW) {
		stmt_done(st);
		return err_set(e, ERR_UNAVAILABLE, NULL, "the store is damaged: it has no identity");
	}
	snprintf(s->id, sizeof s->id, "%s", column_text(st, 0));
	s->revision = column_u64(st, 1);
	s->next_id = (uint32_t)column_u64(st, 2);
	s->history_bytes = column_u64(st, 3);
	s->history_rows = column_u64(st, 4);
	stmt_done(st);
	return 0;
}

int store_open(const char *path, struct store **ret_store, struct err *e)
{
	struct store *s = calloc(1, sizeof *s);
	int r;

	if (!s)
		return err_set(e, ERR_NOMEM, NULL, "out of memory");
	r = sqlite3_open_v2(path, &s->db,
			    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
				    SQLITE_OPEN_EXRESCODE,
			    NULL);
	if (r != SQLITE_OK || !s->db) {
		r = err_set(e, ERR_UNAVAILABLE, NULL, "%s cannot be opened: %s", path,
			    s->db ? sqlite3_errmsg(s->db) : "out of memory");
		goto out;
	}
	sqlite3_busy_timeout(s->db, BUSY_MS);
	/* A file that is not ours is left as it is: look before the first write. */
	r = schema_check(s, path, e);
	if (!r)
		r = exec(s, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
			    " PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;",
			 "be set up", e);
	if (!r)
		r = meta_read(s, e);
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
	if (s->open)
		store_abort(s);
	for (int i = 0; i < STMT_COUNT; i++)
		sqlite3_finalize(s->stmt[i]);
	sqlite3_close(s->db);
	free(s);
}

uint64_t store_revision(const struct store *s)
{
	return s->revision;
}

const char *store_id(const struct store *s)
{
	return s->id;
}

/* --- reading ---------------------------------------------------------------------------------------------- */

void store_object_done(struct store_object *o)
{
	free(o->kind);
	free(o->name);
	json_decref(o->body);
	*o = (struct store_object){0};
}

static int body_load(const char *text, json_t **ret_body, struct err *e)
{
	*ret_body = NULL;
	if (!text)
		return 0;
	*ret_body = json_loads(text, JSON_DECODE_ANY, NULL);
	if (!*ret_body)
		return err_set(e, ERR_UNAVAILABLE, NULL, "the store is damaged: a document is no JSON");
	return 0;
}

static int object_read(sqlite3_stmt *st, struct store_object *o, struct err *e)
{
	*o = (struct store_object){
		.kind = strdup(column_text(st, 0)),
		.name = strdup(column_text(st, 1)),
		.id = (uint32_t)column_u64(st, 2),
		.revision = column_u64(st, 3),
		.created_us = column_u64(st, 4),
		.updated_us = column_u64(st, 5),
	};
	int r = o->kind && o->name ? body_load(column_text(st, 6), &o->body, e)
				   : err_set(e, ERR_NOMEM, NULL, "out of memory");
	if (r < 0)
		store_object_done(o);
	return r;
}

int store_get(struct store *s, const char *kind, const char *name, struct store_object *ret_object,
	      struct err *e)
{
	sqlite3_stmt *st = stmt_get(s, STMT_GET);
	char quoted[160];

	if (!st)
		return db_error(s, "be read", e);
	bind_text(st, 1, kind);
	bind_text(st, 2, name);
	int r = sqlite3_step(st);
	if (r == SQLITE_ROW)
		r = object_read(st, ret_object, e);
	else if (r == SQLITE_DONE)
		r = err_set(e, ERR_NOT_FOUND, NULL, "there is no %s named %s", kind,
			    str_quote(quoted, sizeof quoted, name, strlen(name)));
	else
		r = db_error(s, "be read", e);
	stmt_done(st);
	return r;
}

int store_list(struct store *s, const char *kind, bool with_body, store_object_fn *cb, void *arg,
	       struct err *e)
{
	sqlite3_stmt *st = stmt_get(s, with_body ? STMT_LIST : STMT_LIST_BARE);
	int r = 0, step;

	if (!st)
		return db_error(s, "be read", e);
	bind_text(st, 1, kind);
	while ((step = sqlite3_step(st)) == SQLITE_ROW) {
		struct store_object o;
		r = object_read(st, &o, e);
		if (r < 0)
			break;
		r = cb(&o, arg);
		store_object_done(&o);
		if (r)
			break;
	}
	if (!r && step != SQLITE_DONE)
		r = db_error(s, "be read", e);
	stmt_done(st);
	return r;
}

/* --- transactions ----------------------------------------------------------------------------------------- */

static void transaction_end(struct store *s)
{
	s->open = false;
	free(s->actor);
	free(s->via);
	s->actor = s->via = NULL;
}

void store_abort(struct store *s)
{
	/* SQLite may have rolled back by itself (disk full, I/O error). */
	if (!sqlite3_get_autocommit(s->db))
		(void)run(s, STMT_ROLLBACK, "roll back", NULL);
	transaction_end(s);
}

int store_begin(struct store *s, const struct store_change_meta *meta, struct err *e)
{
	assert(!s->open);
	s->actor = strdup(meta->actor ? meta->actor : "");
	s->via = strdup(meta->via ? meta->via : "");
	int r = s->actor && s->via ? run(s, STMT_BEGIN, "begin a change", e)
				   : err_set(e, ERR_NOMEM, NULL, "out of memory");
	if (r < 0) {
		transaction_end(s);
		return r;
	}
	s->open = true;
	s->now_us = clock_wall_us();
	s->tx_next_id = s->next_id;
	s->tx_bytes = s->history_bytes;
	s->tx_rows = s->history_rows;
	return 0;
}

/* The object's id and revision; revision 0 if there is none. */
static int object_find(struct store *s, const char *kind, const char *name, uint32_t *ret_id,
		       uint64_t *ret_revision, struct err *e)
{
	sqlite3_stmt *st = stmt_get(s, STMT_FIND);
	int r = 0;

	if (!st)
		return db_error(s, "be read", e);
	bind_text(st, 1, kind);
	bind_text(st, 2, name);
	*ret_revision = 0;
	int step = sqlite3_step(st);
	if (step == SQLITE_ROW) {
		*ret_id = (uint32_t)column_u64(st, 0);
		*ret_revision = column_u64(st, 1);
	} else if (step != SQLITE_DONE) {
		r = db_error(s, "be read", e);
	}
	stmt_done(st);
	return r;
}

static int expect_check(const char *kind, const char *name, uint64_t expect, uint64_t found, struct err *e)
{
	if (expect == STORE_ANY || expect == found)
		return 0;
	if (!found)
		return err_set(e, ERR_CONFLICT, NULL,
			       "%s/%s does not exist any more (revision %" PRIu64 " was expected)", kind, name,
			       expect);
	if (!expect)
		return err_set(e, ERR_CONFLICT, NULL, "%s/%s exists already, at revision %" PRIu64, kind,
			       name, found);
	return err_set(e, ERR_CONFLICT, NULL,
		       "%s/%s is at revision %" PRIu64 ", not %" PRIu64
		       ": somebody changed it meanwhile; read it again and repeat the change",
		       kind, name, found, expect);
}

static int change_add(struct store *s, const char *kind, const char *name, uint32_t id, const char *verb,
		      const char *body, struct err *e)
{
	sqlite3_stmt *st = stmt_get(s, STMT_CHANGE);

	if (!st)
		return db_error(s, "write", e);
	bind_u64(st, 1, s->revision + 1);
	bind_text(st, 2, kind);
	bind_text(st, 3, name);
	bind_u64(st, 4, id);
	bind_text(st, 5, verb);
	bind_text(st, 6, s->actor);
	bind_text(st, 7, s->via);
	bind_u64(st, 8, s->now_us);
	bind_text(st, 9, body);
	s->tx_rows++;
	s->tx_bytes += body ? strlen(body) : 0;
	return stmt_run(s, st, "write", e);
}

static int object_insert(struct store *s, const char *kind, const char *name, const char *body,
			 uint32_t *ret_id, struct err *e)
{
	sqlite3_stmt *st = stmt_get(s, STMT_INSERT);

	if (!st)
		return db_error(s, "write", e);
	*ret_id = s->tx_next_id++;
	bind_text(st, 1, kind);
	bind_text(st, 2, name);
	bind_u64(st, 3, *ret_id);
	bind_u64(st, 4, s->revision + 1);
	bind_u64(st, 5, s->now_us);
	bind_text(st, 6, body);
	return stmt_run(s, st, "write", e);
}

static int object_update(struct store *s, const char *kind, const char *name, const char *body, struct err *e)
{
	sqlite3_stmt *st = stmt_get(s, STMT_UPDATE);

	if (!st)
		return db_error(s, "write", e);
	bind_text(st, 1, kind);
	bind_text(st, 2, name);
	bind_u64(st, 3, s->revision + 1);
	bind_u64(st, 4, s->now_us);
	bind_text(st, 5, body);
	return stmt_run(s, st, "write", e);
}

int store_put(struct store *s, const char *kind, const char *name, uint64_t expect, const json_t *body,
	      uint32_t *ret_id, struct err *e)
{
	uint64_t found;
	uint32_t id = 0;

	assert(s->open);
	int r = object_find(s, kind, name, &id, &found, e);
	if (!r)
		r = expect_check(kind, name, expect, found, e);
	if (r < 0)
		return r;
	_cleanup_free_ char *text = json_dumps(body, JSON_COMPACT);
	if (!text)
		return err_set(e, ERR_NOMEM, NULL, "out of memory");
	r = found ? object_update(s, kind, name, text, e) : object_insert(s, kind, name, text, &id, e);
	if (!r)
		r = change_add(s, kind, name, id, found ? "update" : "create", text, e);
	if (!r)
		*ret_id = id;
	return r;
}

int store_delete(struct store *s, const char *kind, const char *name, uint64_t expect, uint32_t *ret_id,
		 struct err *e)
{
	uint64_t found;
	uint32_t id = 0;

	assert(s->open);
	int r = object_find(s, kind, name, &id, &found, e);
	if (!r && !found)
		r = err_set(e, ERR_NOT_FOUND, NULL, "there is no %s named %s", kind, name);
	if (!r)
		r = expect_check(kind, name, expect, found, e);
	if (r < 0)
		return r;
	sqlite3_stmt *st = stmt_get(s, STMT_DELETE);
	if (!st)
		return db_error(s, "write", e);
	bind_text(st, 1, kind);
	bind_text(st, 2, name);
	r = stmt_run(s, st, "write", e);
	if (!r)
		r = change_add(s, kind, name, id, "delete", NULL, e);
	if (!r)
		*ret_id = id;
	return r;
}

/* Oldest first, until the history is within its bounds again. */
static int history_trim(struct store *s, struct err *e)
{
	uint64_t last = 0;

	if (s->tx_rows <= STORE_HISTORY_ROWS && s->tx_bytes <= STORE_HISTORY_BYTES)
		return 0;
	sqlite3_stmt *st = stmt_get(s, STMT_TRIM_LOOK);
	if (!st)
		return db_error(s, "trim its history", e);
	while ((s->tx_rows > STORE_HISTORY_ROWS || s->tx_bytes > STORE_HISTORY_BYTES) &&
	       sqlite3_step(st) == SQLITE_ROW) {
		last = column_u64(st, 0);
		s->tx_rows--;
		s->tx_bytes -= column_u64(st, 1);
	}
	stmt_done(st);
	st = stmt_get(s, STMT_TRIM);
	if (!st)
		return db_error(s, "trim its history", e);
	bind_u64(st, 1, last);
	return stmt_run(s, st, "trim its history", e);
}

int store_commit(struct store *s, uint64_t *ret_revision, struct err *e)
{
	assert(s->open);
	int r = history_trim(s, e);
	sqlite3_stmt *st = r < 0 ? NULL : stmt_get(s, STMT_META_SET);
	if (!r && !st)
		r = db_error(s, "write", e);
	if (!r) {
		bind_u64(st, 1, s->revision + 1);
		bind_u64(st, 2, s->tx_next_id);
		bind_u64(st, 3, s->tx_bytes);
		bind_u64(st, 4, s->tx_rows);
		r = stmt_run(s, st, "write", e);
	}
	if (!r)
		r = run(s, STMT_COMMIT, "commit", e);
	if (r < 0) {
		store_abort(s);
		return r;
	}
	s->revision++;
	s->next_id = s->tx_next_id;
	s->history_bytes = s->tx_bytes;
	s->history_rows = s->tx_rows;
	transaction_end(s);
	*ret_revision = s->revision;
	return 0;
}

/* --- history ---------------------------------------------------------------------------------------------- */

static int gap_look(struct store *s, uint64_t after, bool *ret_gap, struct err *e)
{
	sqlite3_stmt *st = stmt_get(s, STMT_OLDEST);

	if (!st)
		return db_error(s, "be read", e);
	int step = sqlite3_step(st);
	uint64_t oldest = step == SQLITE_ROW ? column_u64(st, 0) : s->revision + 1;
	stmt_done(st);
	/* The oldest revision kept may have lost some of its rows to trimming. */
	bool trimmed = oldest > 1;
	*ret_gap = trimmed && after < oldest && after < s->revision;
	return 0;
}

static int change_read(sqlite3_stmt *st, store_change_fn *cb, void *arg, struct err *e)
{
	struct store_change c = {
		.revision = column_u64(st, 0),
		.kind = column_text(st, 1),
		.name = column_text(st, 2),
		.id = (uint32_t)column_u64(st, 3),
		.verb = column_text(st, 4),
		.actor = column_text(st, 5),
		.via = column_text(st, 6),
		.time_us = column_u64(st, 7),
		.enforced_ns = sqlite3_column_int64(st, 8),
	};
	json_t *body;
	int r = body_load(column_text(st, 9), &body, e);

	if (r < 0)
		return r;
	c.body = body;
	r = cb(&c, arg);
	json_decref(body);
	return r;
}

int store_history(struct store *s, uint64_t after, const char *kind, const char *name, uint32_t limit,
		  bool with_body, store_change_fn *cb, void *arg, bool *ret_gap, struct err *e)
{
	sqlite3_stmt *st = stmt_get(s, with_body ? STMT_HISTORY : STMT_HISTORY_BARE);
	int r = 0, step;

	if (!st)
		return db_error(s, "be read", e);
	if (ret_gap && (r = gap_look(s, after, ret_gap, e)) < 0)
		return r;
	bind_u64(st, 1, after);
	bind_text(st, 2, kind);
	bind_text(st, 3, name);
	sqlite3_bind_int64(st, 4, limit ? (sqlite3_int64)limit : -1);
	while ((step = sqlite3_step(st)) == SQLITE_ROW) {
		r = change_read(st, cb, arg, e);
		if (r)
			break;
	}
	if (!r && step != SQLITE_DONE)
		r = db_error(s, "be read", e);
	stmt_done(st);
	return r;
}

void store_set_enforced(struct store *s, uint64_t revision, int64_t enforced_ns)
{
	sqlite3_stmt *st = stmt_get(s, STMT_ENFORCED);

	if (!st || s->open)
		return;
	/* A figure is not worth a sync to disk: it goes there with the next change. */
	(void)sqlite3_exec(s->db, "PRAGMA synchronous = NORMAL", NULL, NULL, NULL);
	bind_u64(st, 1, revision);
	sqlite3_bind_int64(st, 2, enforced_ns);
	(void)stmt_run(s, st, "write", NULL);
	(void)sqlite3_exec(s->db, "PRAGMA synchronous = FULL", NULL, NULL, NULL);
}
