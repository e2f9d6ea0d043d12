/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What one network sees of the tables, for the name server: its config, kept from generation to generation while nothing changes, and the
 * zone that a name is looked for in.
 *
 *	struct dns_data    one per process: the snapshot of the batch under way, and what has been verified of it
 *	struct dns_view    one per router that is served: borrowed data, own config
 *
 * For each batch: dns_data_begin() with a snapshot, answers, dns_data_end(). Nothing that was borrowed outlives the batch, but for the
 * cache of links: while no commit comes, a zone that was met is found without asking LMDB. All snapshots must be of the same
 * struct tables; for another one, begin anew with dns_data_init() and dns_view_init().
 * One thread. Nothing blocks; a config is allocated when it changes.
 */
#pragma once

#include "base/siphash.h"
#include "dns/query.h"
#include "tables/zone.h"

struct dns_config {
	uint64_t commit; /* tables_commit_id() of which it is */
	bool is_known;
	struct view_config view; /* router 0 if it has none */
};

struct dns_data {
	struct tables_snapshot
		*snapshot;  /* NULL between batches, or if there is none to answer by */
	uint64_t commit;    /* its tables_commit_id() */
	uint64_t *verified; /* zone_check() of zones that were verified, by id */
	struct dns_cached *cache;
	uint8_t key[SIPHASH_KEY_BYTES]; /* of the cache: names come from strangers */
	struct dns_config internet, told;
	/* For networks that name none (VIEW_DEFAULT_SERVERS). The caller's to set, after dns_data_init(). */
	struct view_server default_servers[VIEW_SERVERS_MAX];
	uint8_t n_default_servers;
};

struct dns_view {
	struct dns_data *data;
	uint32_t router;
	struct dns_config config;
};

/* 0, -ERR_NOMEM or -ERR_UNAVAILABLE (no random numbers). */
int dns_data_init(struct dns_data *d) _must_check_;
void dns_data_done(struct dns_data *d);
/* NULL, or nothing has been compiled yet (generation 0): SERVFAIL to all. */
void dns_data_begin(struct dns_data *d, struct tables_snapshot *s);
void dns_data_end(struct dns_data *d);

void dns_view_init(struct dns_view *v, struct dns_data *d, uint32_t router);
void dns_view_done(struct dns_view *v);
/* The configs are those of the batch's snapshot. -ERR_UNAVAILABLE: there is none, it cannot be read, or nothing has been compiled. */
int dns_view_refresh(struct dns_view *v) _must_check_;

/*
 * The zone linked to this view with the longest domain that the name is in; of the internet's if internet is set. *ret_flags: those of the link.
 * -ERR_NOT_FOUND; -ERR_UNAVAILABLE: damaged. The view must be fresh.
 */
int dns_view_zone(const struct dns_view *v, bool internet, const struct dns_name *name,
		  struct zone *ret_zone, uint32_t *ret_flags) _must_check_;
/* The conditional forward with the longest domain that the name is in, or NULL. */
const struct view_forward *dns_view_forward(const struct dns_view *v, const struct dns_name *name);
/* The name is in a private zone that may be named, and that this view has no link to. */
bool dns_view_is_told(const struct dns_view *v, const struct dns_name *name);
