/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The declared state: objects with revisions, compare-and-swap, and the history of changes. One header, several engines;
 * sqlite.c is the embedded one.
 *
 * One global revision counts committed transactions: all objects written by one transaction carry the same revision, and
 * the compiled tables' generation is the revision they were compiled from. A transaction that has been committed is on
 * disk (fsync) when store_commit() returns.
 *
 * Only the control role opens a store, and calls block on the disk. json_t results are new references.
 */
#pragma once

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct store;

struct store_object {
	char *kind;
	char *name;
	uint32_t id;	   /* from 1, never used twice: names the object in the tables */
	uint64_t revision; /* of its last change */
	uint64_t created_us, updated_us; /* wall clock */
	json_t *body; /* the whole document, kind and name included; NULL if not asked for */
};
void store_object_done(struct store_object *o);

/*
 * Open or create. path is a file in a folder of its own (WAL and shm lie beside it). Refuses a database of another
 * application or a newer schema. -ERR_UNAVAILABLE with the reason (disk full, read-only, corrupt), -ERR_NOMEM.
 */
int store_open(const char *path, struct store **ret_store, struct err *e) _must_check_;
void store_close(struct store *s);

/* The revision of the last committed transaction, 0 for an empty store; read from memory. */
uint64_t store_revision(const struct store *s);
/* Random identity of this store (32 hex digits), made at creation: tables compiled from another store are not ours. */
const char *store_id(const struct store *s);

/* -ERR_NOT_FOUND, -ERR_UNAVAILABLE. */
int store_get(struct store *s, const char *kind, const char *name, struct store_object *ret_object,
	      struct err *e) _must_check_;
/*
 * Every object of a kind (NULL: all), by kind and name. cb returns non-zero to stop, which is returned; it may call
 * store_get(), but not list, put or delete.
 */
typedef int store_object_fn(const struct store_object *o, void *arg);
int store_list(struct store *s, const char *kind, bool with_body, store_object_fn *cb, void *arg,
	       struct err *e) _must_check_;

/* --- transactions: begin, any number of puts and deletes, then commit or abort ---------------------------- */

struct store_change_meta {
	const char *actor; /* who: "uid:0(root)" */
	const char *via;   /* by which door: "native" */
};

int store_begin(struct store *s, const struct store_change_meta *meta, struct err *e) _must_check_;

#define STORE_ANY UINT64_MAX /* expected revision: whatever is there, or nothing */
/*
 * Create (expect 0), replace (expect the revision seen), or either (STORE_ANY). -ERR_CONFLICT if the object is at another
 * revision (the text says which), or exists though expect is 0, or does not though expect is not. *ret_id is the id.
 */
int store_put(struct store *s, const char *kind, const char *name, uint64_t expect,
	      const json_t *body, uint32_t *ret_id, struct err *e) _must_check_;
/* -ERR_NOT_FOUND, -ERR_CONFLICT. */
int store_delete(struct store *s, const char *kind, const char *name, uint64_t expect,
		 uint32_t *ret_id, struct err *e) _must_check_;

/*
 * All or nothing; on failure the transaction has been aborted. -ERR_UNAVAILABLE (disk full, I/O; also if an earlier put or
 * delete failed that way and the caller went on). Without any change in it, nothing is written and *ret_revision is the last
 * one. After a failure what was asked may still turn up when the store is opened again, if the machine stops right then:
 * the log had been written but not confirmed.
 */
int store_commit(struct store *s, uint64_t *ret_revision, struct err *e) _must_check_;
void store_abort(struct store *s);

/* --- history -------------------------------------------------------------------------------------------- */

struct store_change {
	uint64_t revision;
	const char *kind, *name;
	uint32_t id;
	const char *verb; /* "create" "update" "delete" */
	const char *actor, *via;
	uint64_t time_us;
	int64_t enforced_ns; /* accepted to acknowledged by all; -1 if not (yet) known */
	/* After the change, NULL for delete or when not asked for; borrowed for the call. */
	const json_t *body;
};
typedef int store_change_fn(const struct store_change *c, void *arg);

/*
 * Changes with revision > after, oldest first, at most limit (0: all that are kept). name NULL: of all objects. If the
 * history no longer reaches back to `after`, *ret_gap is true (ret_gap may be NULL).
 */
int store_history(struct store *s, uint64_t after, const char *kind, const char *name,
		  uint32_t limit, bool with_body, store_change_fn *cb, void *arg, bool *ret_gap,
		  struct err *e) _must_check_;

/* Note how long the enforcement of a revision took; best effort, a failure only loses the figure. */
void store_set_enforced(struct store *s, uint64_t revision, int64_t enforced_ns);

/* The history is trimmed, oldest first, beyond these. */
#define STORE_HISTORY_ROWS  100000
#define STORE_HISTORY_BYTES (256u << 20)
