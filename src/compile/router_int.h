/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside of the compile step: landscape routers (networks, hubs, sites) to records of the tables.
 *
 *	routers.c    which routers are written, within a transaction
 *	network.c    one router to its record
 *	groups.c     security groups to lists of prefixes
 *	routes.c     route tables with the automatic routes in them, and where they lead
 *	endpoint.c   who may come by a private address
 *
 * Names have a header of their own, names_int.h.
 *
 * The order of everything in a record is fixed by ids and addresses, since the landscape walks its objects in no order: the
 * same landscape makes the same bytes.
 *
 * Functions that take no struct err return 0 or -ERR_NOMEM.
 */
#pragma once

#include "base/prefix_set.h"
#include "compile/compile.h"
#include "model/landscape.h"
#include "model/view.h"
#include "tables/network.h"

/* --- arrays that grow: one with n items has room for the next power of two ---------------------------------- */

void *vec_grown(void *items, uint32_t n, size_t item_size); /* NULL: out of memory, items stays */

/* 0 or -ERR_NOMEM. */
#define vec_push(array, n, ...)                                                   \
	({                                                                        \
		__typeof__(array) grown_ = vec_grown(array, n, sizeof(*(array))); \
		if (grown_) {                                                     \
			(array) = grown_;                                         \
			(array)[(n)++] = (__typeof__(*(array)))__VA_ARGS__;       \
		}                                                                 \
		grown_ ? 0 : -ERR_NOMEM;                                          \
	})

struct object_list {
	const struct object **items;
	uint32_t n;
};
/* An object_fn; arg: struct object_list. */
int object_list_add(struct object *o, void *arg);
void object_list_sort(struct object_list *l); /* by id, each once */
/* Index of the object, which must be there. */
uint32_t object_list_index(const struct object_list *l, const struct object *o);
void object_list_done(struct object_list *l);

/* --- routes.c ------------------------------------------------------------------------------------------------ */

/* Where a route leads. */
struct hop {
	uint8_t kind;		   /* enum tables_route_kind */
	const struct object *peer; /* ROUTE_LINK: the router at the other end */
	const struct object *
		nat; /* ROUTE_UPLINK: OBJECT_NAT_GATEWAY or a site's OBJECT_PUBLIC_ADDRESS; NULL: none */
};

/* Of routes with equal prefixes the lowest rank wins, then the lowest id of the peer. */
enum route_rank { RANK_TABLE, RANK_DIRECT, RANK_HUB };

struct route_entry {
	struct prefix to;
	struct hop hop;
	uint8_t rank; /* enum route_rank */
};

struct route_list {
	struct route_entry *items; /* once settled: by prefix_cmp(), each prefix once */
	uint32_t n;
	struct prefix_map map; /* once settled: index for index */
};

int route_list_add(struct route_list *l, const struct prefix *to, enum route_rank rank,
		   struct hop hop) _must_check_;
int route_list_settle(struct route_list *l) _must_check_;
void route_list_done(struct route_list *l);

/* What a hub joins, by address space, and its routes: those and its own. Made once in a run. */
struct hub_routes {
	const struct object *hub;
	struct route_list spaces, routes;
	struct hub_routes *next;
};

struct compile_run;
int hub_routes_get(struct compile_run *run, const struct object *hub,
		   const struct hub_routes **ret_routes) _must_check_;
/* The routes of those sources of a network that use this route table (NULL: none), or of a site. Settled. */
int routes_collect(struct compile_run *run, const struct object *router, const struct object *table,
		   struct route_list *ret_list) _must_check_;
/*
 * Do packets from the sources of `from` that use this route table (NULL: none) arrive at this address of the network `at`? Without
 * making the lists.
 */
int routes_lead_to(struct compile_run *run, const struct object *from, const struct object *table,
		   const struct object *at, const struct addr *a, bool *ret_yes) _must_check_;

/* --- groups.c ------------------------------------------------------------------------------------------------ */

/* The other ends that a rule names: its ranges, and the addresses of the hosts and enabled endpoints that have its groups. Settled. */
int group_rule_prefixes(const struct group_rule *rule, struct prefix_set *ret_set) _must_check_;
/* Groups, rules and prefixes of n, out of the groups that its hosts have. */
int groups_compile(struct tables_network *n, const struct object_list *groups) _must_check_;

/* --- network.c ----------------------------------------------------------------------------------------------- */

/* The routes of one table of a network. */
struct built_table {
	const struct object *table; /* OBJECT_ROUTE_TABLE; NULL: of the subnets that have none */
	struct route_list list;
};

/* One router being compiled. */
struct built {
	struct compile_run *run;
	const struct object *router;
	struct tables_network record; /* its arrays are one each, not in record.memory */
	struct object_list subnets; /* by id; index for index with record.subnets, for a network */
	struct built_table *tables; /* those that a subnet uses */
	uint32_t n_tables;
	struct tables_endpoint_put *puts;
	uint32_t n_puts;
};

/* built_done() also after a failure. */
int built_make(struct compile_run *run, const struct object *router, struct built *ret_built)
	_must_check_;
void built_done(struct built *b);
/* NULL if the subnet is none of this network's. */
const struct route_list *built_routes_of(const struct built *b, const struct object *subnet);

/* --- endpoint.c ---------------------------------------------------------------------------------------------- */

/* puts and record.endpoints, after everything else. */
int endpoints_compile(struct built *b) _must_check_;

/* --- compile.c ----------------------------------------------------------------------------------------------- */

struct compile_bad;
/* A transaction of the tables. After a failure there is nothing to end. l: NULL: no networks. */
int compile_begin(struct compile_run *run, struct tables *t, const struct landscape *l,
		  uint64_t generation, struct compile_bad *bad, struct compile_outcome *ret_outcome,
		  struct err *e) _must_check_;
/* Its end: commit, or abort if r, which came so far, is negative; everything that goes with it. r or the commit's error. */
int compile_commit(struct compile_run *run, int r, const char *store_id,
		   struct compile_outcome *ret_outcome, struct err *e) _must_check_;

/* --- routers.c ----------------------------------------------------------------------------------------------- */

/* One transaction of the tables. */
struct compile_run {
	struct tables *tables;
	uint64_t generation;
	struct view_public public; /* the landscape's */
	struct compile_bad *bad;
	struct hub_routes *hubs;
	uint32_t *ids; /* touched, for tables_commit() */
	uint32_t n_ids;
	bool is_out_of_memory; /* some id is not in ids */
	bool networks_changed;
};

void run_touch(struct compile_run *run, uint32_t id);
/* Write a router, or delete what there is of it if it has no body. */
int run_router(struct compile_run *run, const struct object *router, struct err *e) _must_check_;
int run_router_gone(struct compile_run *run, uint32_t id, struct err *e) _must_check_;
/* Every router of the landscape. */
int run_all_routers(struct compile_run *run, const struct landscape *l, struct err *e) _must_check_;
/* The same where the tables may hold any routers, of any age; those that the landscape does not have go. */
int run_mend_routers(struct compile_run *run, const struct landscape *l, struct err *e)
	_must_check_;
/* Each id of run->ids once; -ERR_NOMEM if one was lost. */
int run_settle_ids(struct compile_run *run, struct err *e) _must_check_;
void run_done(struct compile_run *run);
