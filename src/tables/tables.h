/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The compiled tables: what the data plane obeys. An LMDB environment; the control role is the only writer, any number
 * of processes read snapshots without locks.
 *
 *	table      key                         value
 *	meta       "meta"                      struct meta_record: schema, generation, store id
 *	name       "api.example.org"           u32 cluster id         (exact server name, folded)
 *	           "*.example.org"             u32 cluster id         (wildcard: one label, RFC 6125)
 *	cluster    u32 id                      cluster record (cluster_record.c draws it)
 *	ranges     u32 id                      rangeset blob (base/rangeset.h); absent if the endpoint is open to all
 *	network    u32 id                      network record   \ tables/network.h
 *	endpoint   network, address            endpoint record  /
 *	zone       u32 id                      zone blob                            \
 *	view       u32 router id, domain       which zones, how linked               |
 *	linked     u32 router id, owner        the domains that the owner has there   > tables/zone.h
 *	view_config  u32 router id             label counts of its zones, forwarders |
 *	zone_key   u32 zone id, name           secret, what it opens                 /
 *	change     u64 generation              u32 ids[]: the clusters and routers that this generation touched
 *
 * Every record carries a check value over its key and content (record.c draws the small ones), compared each time it is
 * read; a rangeset's own checksum when a reader first meets it in a generation. Opening the tables reads all of them
 * and compares their sum with the one in the meta record: a missing record, or an old one that came back, is noticed
 * there. What cannot be read or verified admits nobody.
 *
 * Commits are not synced to disk: the tables are made from the store, and made anew from it when the machine comes up.
 *
 * A reader opens the environment before it enters its sandbox and needs no file access afterwards. Values are
 * borrowed from the snapshot and valid until tables_release().
 */
#pragma once

#include "base/addr.h"
#include "base/err.h"
#include "base/rangeset.h"

#include <stdbool.h>
#include <stdint.h>

#define TABLES_SCHEMA 4
#define TABLES_MAP_BYTES \
	(16ull << 30)		  /* address space, not memory: the file grows as it is filled */
#define TABLES_CHANGES_KEPT  1024 /* generations; a reader further behind judges everything again */
#define TABLES_UPSTREAMS_MAX 16

struct tables;
struct tables_snapshot;

/*
 * dir must exist. Reads everything once, to check it. A reader gets -ERR_NOT_FOUND if there are no tables yet;
 * -ERR_UNAVAILABLE: they cannot be opened, are damaged, or of another TABLES_SCHEMA. A writer that gets -ERR_UNAVAILABLE
 * calls tables_erase(), opens again and compiles everything; nothing is lost, the store has it all.
 *
 * A writer makes an empty environment (generation 0) where there is none. Damaged pages can end the process that
 * reads them; a writer notices that its last two attempts ended so and then returns -ERR_UNAVAILABLE (env.c says how). A
 * process opens the same dir once at a time.
 */
int tables_open(const char *dir, bool writer, struct tables **ret_tables, struct err *e)
	_must_check_;
void tables_close(struct tables *t); /* NULL is fine */
/*
 * Delete the environment's files; for a rebuild from nothing, before tables_open(). Readers that have it open keep what
 * they have and see nothing new, which tables_is_erased() tells them (one fstat()): they must open again.
 */
int tables_erase(const char *dir, struct err *e) _must_check_;
bool tables_is_erased(const struct tables *t);
/*
 * Without reading any page but the meta pages: is the data file as long as these say? False also if there is none. A page that is missing ends the
 * process that reads it. An environment whose last pages were never needed may be shorter, so a false answer is no proof of damage.
 */
bool tables_is_whole(const char *dir);

/* --- reading ---------------------------------------------------------------------------------------------- */

/*
 * Take the newest snapshot. Costs no system call after the first time. One snapshot at a time per struct tables;
 * NULL if it cannot be had (then admit nobody).
 */
struct tables_snapshot *tables_acquire(struct tables *t);
void tables_release(struct tables_snapshot *s);

uint64_t tables_generation(const struct tables_snapshot *s); /* 0: empty */
const char *tables_store_id(const struct tables_snapshot *s);
/*
 * Another one after each commit, whatever its generation. Snapshots of one struct tables with the same number are the same bytes at the same
 * addresses: what was borrowed from one is good in the other.
 */
uint64_t tables_commit_id(const struct tables_snapshot *s);

/* name folded, without trailing dot, not a wildcard's own spelling. The exact name wins over the wildcard. -ERR_NOT_FOUND, -ERR_UNAVAILABLE. */
int tables_find_name(struct tables_snapshot *s, const char *name, size_t len, uint32_t *ret_id)
	_must_check_;

struct tables_upstream {
	struct addr addr;
	uint16_t port;
};

struct tables_cluster {
	uint32_t id;
	uint64_t generation; /* in which this cluster was last changed: its revision in the store */
	char name[64];
	bool public_enabled;
	bool public_open; /* no ranges record: every source */
	bool proxy_v2;
	uint8_t health_kind; /* enum health_kind */
	uint8_t n_upstreams;
	uint32_t drain_s;
	uint32_t max_connections, max_per_source;
	uint32_t connect_timeout_ms, health_interval_ms, health_timeout_ms;
	struct tables_upstream upstreams[TABLES_UPSTREAMS_MAX];
};

/*
 * Decoded and verified into the caller's struct, which is zero (it admits nobody) on failure. -ERR_NOT_FOUND,
 * -ERR_UNAVAILABLE (damaged).
 */
int tables_get_cluster(struct tables_snapshot *s, uint32_t id, struct tables_cluster *ret_cluster)
	_must_check_;
/*
 * verify: check the whole blob (do it once per cluster and generation). Borrowed until tables_release().
 * -ERR_NOT_FOUND, -ERR_UNAVAILABLE (damaged); *ret_set is then the empty set.
 */
int tables_get_ranges(struct tables_snapshot *s, uint32_t id, bool verify, struct rangeset *ret_set)
	_must_check_;

typedef int tables_id_fn(uint32_t id, void *arg);
/* Every cluster, by id. cb returns non-zero to stop, which is returned. */
int tables_each_cluster(struct tables_snapshot *s, tables_id_fn *cb, void *arg) _must_check_;
/*
 * The clusters and routers touched by generations > after; an id may come more than once. -ERR_NOT_FOUND if the changes no longer
 * reach back that far: then take every cluster as touched.
 */
int tables_each_change(struct tables_snapshot *s, uint64_t after, tables_id_fn *cb, void *arg)
	_must_check_;

/* --- writing: control only -------------------------------------------------------------------------------- */

/*
 * One transaction at a time. Each call returns 0, -ERR_UNAVAILABLE (disk full, damaged) or -ERR_NOMEM; after an error the
 * caller aborts. Readers keep what they have until a commit succeeds.
 */
int tables_begin(struct tables *t, struct err *e) _must_check_;
int tables_put_cluster(struct tables *t, const struct tables_cluster *c, struct err *e)
	_must_check_;
int tables_put_ranges(struct tables *t, uint32_t id, const void *blob, size_t len, struct err *e)
	_must_check_;
bool tables_has_ranges(struct tables *t, uint32_t id); /* as the transaction sees it */
int tables_delete_ranges(struct tables *t, uint32_t id, struct err *e)
	_must_check_; /* absent is fine */
int tables_delete_cluster(struct tables *t, uint32_t id, struct err *e)
	_must_check_; /* and its ranges */
int tables_put_name(struct tables *t, const char *name, uint32_t id, struct err *e) _must_check_;
int tables_delete_name(struct tables *t, const char *name, struct err *e)
	_must_check_; /* absent is fine */
/* Every name that leads to one of ids. Reads all names. */
int tables_delete_names_of(struct tables *t, const uint32_t *ids, size_t n_ids, struct err *e)
	_must_check_;
/* Everything but meta; for a rebuild within one transaction. */
int tables_clear(struct tables *t, struct err *e) _must_check_;
/*
 * Visible to readers at once and as a whole. generation: greater than the last one, or any after tables_clear(), which
 * counts as a change of everything. ids: the clusters and routers touched. On failure the transaction has been aborted.
 */
int tables_commit(struct tables *t, uint64_t generation, const char *store_id, const uint32_t *ids,
		  size_t n_ids, struct err *e) _must_check_;
void tables_abort(struct tables *t); /* no transaction is fine */
