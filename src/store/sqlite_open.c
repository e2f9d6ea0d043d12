/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is asked of a file before it is used. All of it is cheap: SQLite's own check of every page takes minutes on a large
 * store, while a restart must not.
 */
#include "store/sqlite_int.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define APPLICATION_ID 0x50535452 /* "PSTR" */
#define SCHEMA_VERSION 1

static const char schema[] =
	"CREATE TABLE meta(one INTEGER PRIMARY KEY CHECK(one = 1), store_id TEXT NOT NULL,"
	" revision INTEGER NOT NULL, next_id INTEGER NOT NULL, history_after INTEGER NOT NULL,"
	" history_rows INTEGER NOT NULL, history_bytes INTEGER NOT NULL) STRICT;"
	"CREATE TABLE object(kind TEXT NOT NULL, name TEXT NOT NULL, id INTEGER NOT NULL UNIQUE,"
	" revision INTEGER NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL,"
	" body TEXT NOT NULL, PRIMARY KEY(kind, name)) STRICT;"
	"CREATE TABLE history(seq INTEGER PRIMARY KEY, revision INTEGER NOT NULL,"
	" kind TEXT NOT NULL, name TEXT NOT NULL, id INTEGER NOT NULL, verb TEXT NOT NULL,"
	" actor TEXT NOT NULL, via TEXT NOT NULL, time INTEGER NOT NULL,"
	" enforced INTEGER NOT NULL DEFAULT -1, bytes INTEGER NOT NULL, body TEXT) STRICT;"
	"CREATE INDEX history_revision ON history(revision);"
	"CREATE INDEX history_object ON history(kind, name, revision);";

static const char *const statement_sql[STMT_COUNT] = {
#define X(e, sql) [STMT_##e] = sql,
	SQLITE_STATEMENTS(X)
#undef X
};

static int exec(struct store *s, const char *sql, const char *what, struct err *e)
{
	if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return sqlite_error(s, what, e);
	return 0;
}

static int number_get(struct store *s, const char *sql, int64_t *ret_value, struct err *e)
{
	sqlite3_stmt *st = NULL;
	int r = 0;

	if (sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) != SQLITE_OK)
		return sqlite_error(s, "be read", e);
	if (sqlite3_step(st) == SQLITE_ROW)
		*ret_value = sqlite3_column_int64(st, 0);
	else
		r = sqlite_error(s, "be read", e);
	sqlite3_finalize(st);
	return r;
}

/* In one transaction: a crash leaves an empty file, which the next start takes for a new store. */
static int create(struct store *s, struct err *e)
{
	uint64_t random[2];
	char sql[256];
	int r;

	sqlite3_randomness(sizeof(random), random);
	snprintf(sql, sizeof(sql),
		 "INSERT INTO meta VALUES(1, '%016" PRIx64 "%016" PRIx64 "', 0, 1, 0, 0, 0);"
		 "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
		 random[0], random[1], APPLICATION_ID, SCHEMA_VERSION);
	r = exec(s, "BEGIN IMMEDIATE", "begin its creation", e);
	if (r == 0)
		r = exec(s, schema, "create its tables", e);
	if (r == 0)
		r = exec(s, sql, "create its tables", e);
	if (r < 0 && !sqlite3_get_autocommit(s->db))
		(void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	return r;
}

/* A file that is not ours is left as it is, so this comes before anything that writes. */
static int whose(struct store *s, const char *path, struct err *e)
{
	int64_t application = 0, version = 0, tables = 0;
	int r = number_get(s, "PRAGMA application_id", &application, e);

	if (r == 0)
		r = number_get(s, "PRAGMA user_version", &version, e);
	if (r == 0)
		r = number_get(s, "SELECT count(*) FROM sqlite_schema", &tables, e);
	if (r < 0)
		return r;
	if (sqlite3_db_readonly(s->db, "main") == 1)
		return err_set(e, ERR_UNAVAILABLE, NULL,
			       "%s is read-only; give the daemon's user the right to write it, or "
			       "mount its file system for writing",
			       path);
	if (application == 0 && version == 0 && tables == 0)
		return create(s, e);
	if (application != APPLICATION_ID)
		return err_set(e, ERR_UNAVAILABLE, NULL,
			       "%s is a database of another application; name another state "
			       "directory, or move the file away",
			       path);
	if (version != SCHEMA_VERSION)
		return err_set(e, ERR_UNAVAILABLE, NULL,
			       "%s has schema %" PRId64
			       " and this version knows schema %d; run the "
			       "version that wrote it, or a newer one",
			       path, version, SCHEMA_VERSION);
	return 0;
}

static int settings(struct store *s, struct err *e)
{
	sqlite3_stmt *st = NULL;
	bool is_wal;

	if (sqlite3_prepare_v2(s->db, "PRAGMA journal_mode = WAL", -1, &st, NULL) != SQLITE_OK)
		return sqlite_error(s, "be set up", e);
	is_wal = sqlite3_step(st) == SQLITE_ROW && sqlite3_column_type(st, 0) == SQLITE_TEXT &&
		 strcmp((const char *)sqlite3_column_text(st, 0), "wal") == 0;
	if (!is_wal) {
		int r = sqlite_error(s, "use a write-ahead log beside it", e);

		sqlite3_finalize(st);
		return r;
	}
	sqlite3_finalize(st);
	/* FULL: the log is synced at every commit. A log that one large change made long is cut again. */
	return exec(s,
		    "PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864;"
		    "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON",
		    "be set up", e);
}

/* Preparing a statement checks that the tables and columns it names are there. */
static int prepare(struct store *s, struct err *e)
{
	for (int i = 0; i < STMT_COUNT; i++) {
		if (sqlite3_prepare_v3(s->db, statement_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
				       &s->stmt[i], NULL) != SQLITE_OK)
			return sqlite_error(s, "be read", e);
	}
	return 0;
}

static int damaged(const char *what, struct err *e)
{
	return err_set(e, ERR_UNAVAILABLE, NULL,
		       "the store is damaged: %s; restore it from a backup, or move it away and "
		       "apply the documents again",
		       what);
}

int sqlite_meta_read(struct store *s, struct err *e)
{
	sqlite3_stmt *st = s->stmt[STMT_META_GET];
	const char *id;
	int r = sqlite3_step(st);

	if (r != SQLITE_ROW) {
		r = r == SQLITE_DONE ? damaged("it has no identity", e)
				     : sqlite_error(s, "be read", e);
		goto out;
	}
	id = (const char *)sqlite3_column_text(st, 0);
	if (!id || strlen(id) != 32 || strspn(id, "0123456789abcdef") != 32) {
		r = damaged("its identity is unreadable", e);
		goto out;
	}
	r = 0;
	memcpy(s->id, id, sizeof(s->id));
	s->meta = (struct store_meta){
		.revision = (uint64_t)sqlite3_column_int64(st, 1),
		.next_id = (uint64_t)sqlite3_column_int64(st, 2),
		.history_after = (uint64_t)sqlite3_column_int64(st, 3),
		.history_rows = (uint64_t)sqlite3_column_int64(st, 4),
		.history_bytes = (uint64_t)sqlite3_column_int64(st, 5),
	};
out:
	sqlite_release(st);
	return r;
}

/* Both maxima are read off the end of an index. */
static int meta_check(struct store *s, struct err *e)
{
	int64_t top_id = 0, top_revision = 0;
	int r = number_get(s, "SELECT coalesce(max(id), 0) FROM object", &top_id, e);

	if (r == 0)
		r = number_get(s, "SELECT coalesce(max(revision), 0) FROM history", &top_revision,
			       e);
	if (r < 0)
		return r;
	if (top_id < 0 || (uint64_t)top_id >= s->meta.next_id || s->meta.next_id > UINT32_MAX)
		return damaged("an object's number is past the last one given out", e);
	if (top_revision < 0 || (uint64_t)top_revision > s->meta.revision ||
	    s->meta.revision > INT64_MAX)
		return damaged("it holds changes past its last revision", e);
	return 0;
}

int sqlite_set_up(struct store *s, const char *path, struct err *e)
{
	int r = whose(s, path, e);

	if (r == 0)
		r = settings(s, e);
	if (r == 0)
		r = prepare(s, e);
	if (r == 0)
		r = sqlite_meta_read(s, e);
	return r == 0 ? meta_check(s, e) : r;
}
