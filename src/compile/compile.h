/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Model to tables. A change costs what it touches: the compile step is given the documents that changed, with what they
 * were before and are now, and writes only those. compile_all() makes the tables from the whole store.
 *
 * All run in the control role and leave the commit in the tables as one transaction: readers see all of it or nothing.
 *
 * A stored document that does not pass the schema check (any more) fails nothing: it becomes a cluster that admits nobody.
 * The functions then return 0 all the same, with ERR_INVALID in e->code and a sentence that names the first such
 * cluster and the number of others: for the log. So hand in an e that is clear.
 */
#pragma once

#include "store/store.h"
#include "tables/tables.h"

struct compile_change {
	uint32_t id;
	const json_t *before; /* NULL: created */
	const json_t *after;  /* NULL: deleted */
};

/* 0 or the error of the layer that failed; the tables are then as before. Only kind "cluster" reaches the tables. */
int compile_changes(struct tables *t, const struct compile_change *changes, size_t n,
		    uint64_t generation, const char *store_id, struct err *e) _must_check_;

/* The tables become what the store declares, at the store's revision. */
int compile_all(struct tables *t, struct store *s, struct err *e) _must_check_;

/*
 * Bring tables of generation g < store_revision() up to date: incrementally where the history reaches back that far,
 * else compile_all(). No-op if equal. Tables of another store id, or ahead of the store, are made anew.
 */
int compile_catch_up(struct tables *t, struct store *s, struct err *e) _must_check_;
