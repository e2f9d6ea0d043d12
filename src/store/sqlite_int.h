/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Private to the SQLite engine: its statements, and the state of one store. The life cycle and transactions are in sqlite.c,
 * the opening checks in sqlite_open.c, looking things up in sqlite_read.c, past changes in sqlite_history.c.
 *
 *	meta     one row: the store's identity, the last revision, the next id, how much history there is
 *	object   what is declared now
 *	history  every change, with the document after it; trimmed by whole revisions
 *
 * The meta row is written by every transaction and kept in memory, so that reading it costs nothing.
 */
#pragma once

#include "store/store.h"

#include <sqlite3.h>

#define SQLITE_STATEMENTS(X)                                                                     \
	X(BEGIN, "BEGIN IMMEDIATE")                                                              \
	X(COMMIT, "COMMIT")                                                                      \
	X(ROLLBACK, "ROLLBACK")                                                                  \
	X(META_GET, "SELECT store_id, revision, next_id, history_after, history_rows,"           \
		    " history_bytes FROM meta")                                                  \
	X(META_SET, "UPDATE meta SET revision = ?1, next_id = ?2, history_after = ?3,"           \
		    " history_rows = ?4, history_bytes = ?5")                                    \
	X(GET, "SELECT kind, name, id, revision, created, updated, body FROM object"             \
	       " WHERE kind = ?1 AND name = ?2")                                                 \
	X(LIST, "SELECT kind, name, id, revision, created, updated, CASE WHEN ?2 THEN body END"  \
		" FROM object WHERE ?1 IS NULL OR kind = ?1 ORDER BY kind, name")                \
	X(FIND, "SELECT id, revision FROM object WHERE kind = ?1 AND name = ?2")                 \
	X(INSERT, "INSERT INTO object VALUES(?1, ?2, ?3, ?4, ?5, ?5, ?6)")                       \
	X(UPDATE, "UPDATE object SET revision = ?3, updated = ?4, body = ?5"                     \
		  " WHERE kind = ?1 AND name = ?2")                                              \
	X(DELETE, "DELETE FROM object WHERE kind = ?1 AND name = ?2")                            \
	X(CHANGE, "INSERT INTO history(revision, kind, name, id, verb, actor, via, time, bytes," \
		  " body) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")                      \
	X(HISTORY, "SELECT revision, kind, name, id, verb, actor, via, time, enforced,"          \
		   " CASE WHEN ?5 THEN body END FROM history"                                    \
		   " WHERE revision > ?1 AND (?2 IS NULL OR kind = ?2)"                          \
		   " AND (?3 IS NULL OR name = ?3) ORDER BY revision, seq LIMIT ?4")             \
	X(HISTORY_OF, "SELECT revision, kind, name, id, verb, actor, via, time, enforced,"       \
		      " CASE WHEN ?5 THEN body END FROM history"                                 \
		      " WHERE kind = ?2 AND name = ?3 AND revision > ?1 ORDER BY revision, seq"  \
		      " LIMIT ?4")                                                               \
	X(TRIM_LOOK, "SELECT revision, bytes FROM history ORDER BY seq")                         \
	X(TRIM, "DELETE FROM history WHERE revision <= ?1")                                      \
	X(ENFORCED, "UPDATE history SET enforced = ?2 WHERE revision = ?1")

enum sqlite_statement {
#define X(e, sql) STMT_##e,
	SQLITE_STATEMENTS(X)
#undef X
		STMT_COUNT
};

/* The meta row without the identity. */
struct store_meta {
	uint64_t revision;
	uint64_t next_id;
	uint64_t history_after; /* the last revision that the history no longer has */
	uint64_t history_rows, history_bytes;
};

struct store {
	sqlite3 *db;
	sqlite3_stmt *stmt[STMT_COUNT];
	char id[33];
	struct store_meta meta; /* as committed */
	bool is_relaxed;	/* commits are not synced at the moment */

	/* The transaction under way. */
	bool is_open;
	bool is_broken; /* a write failed half-way: nothing of it may be committed */
	bool has_changes;
	struct store_meta next; /* becomes meta if it is committed */
	uint64_t now_us;
	char *actor, *via;
};

/* --- sqlite.c: what the files share ----------------------------------------------------------------------- */

/* SQLite's last error as ours; what completes "the store could not ...". */
int sqlite_error(struct store *s, const char *what, struct err *e);
/* Run a bound statement that gives no rows, and unbind it. */
int sqlite_run(struct store *s, sqlite3_stmt *st, const char *what, struct err *e) _must_check_;
/* Done with a statement: let go of what it reads and of what was bound. */
void sqlite_release(sqlite3_stmt *st);
void sqlite_bind_text_or_null(sqlite3_stmt *st, int i, const char *text);

/* --- sqlite_open.c ---------------------------------------------------------------------------------------- */

/* Everything that has to hold before the first write: whose file it is, its schema, its settings, its sanity. */
int sqlite_set_up(struct store *s, const char *path, struct err *e) _must_check_;
/* The meta row into s. */
int sqlite_meta_read(struct store *s, struct err *e) _must_check_;

/* --- sqlite_read.c ---------------------------------------------------------------------------------------- */

/* The document in a column, NULL if the column is. New reference. */
int sqlite_body(sqlite3_stmt *st, int column, json_t **ret_body, struct err *e) _must_check_;

/* --- sqlite_history.c ------------------------------------------------------------------------------------- */

/* Add one change to the history of the transaction under way; body is the document's text, NULL for a delete. */
int sqlite_history_add(struct store *s, const char *kind, const char *name, uint32_t id,
		       const char *verb, const char *body, struct err *e) _must_check_;
/* Oldest first, until the history is within its bounds again; part of the commit. */
int sqlite_history_trim(struct store *s, struct err *e) _must_check_;
/* Before a transaction whose commit must be synced: undo what store_set_enforced() relaxes. */
int sqlite_history_settle(struct store *s, struct err *e) _must_check_;
