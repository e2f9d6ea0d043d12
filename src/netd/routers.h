/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The routers that netd keeps up in the kernel, and the order in which one is changed:
 *
 *	namespaces that are missing (its own, its hosts', those of routers it is joined with)
 *	ruleset and settings of the router        what is restricted is restricted from here on
 *	connections of its hosts that the record no longer allows are cut, while their way is still there
 *	routes, rules, addresses, links: what goes, what comes; then the hosts, then the internet's side
 *	connections once more (one may have been opened meanwhile)
 *	namespaces that are no longer wanted
 *
 * Each step makes the wanted state out of whatever it finds, so a netd that is killed anywhere and started again does the same as one that
 * was not. Of each namespace the digest of what was last applied is kept: a part that a change does not touch costs nothing.
 *
 * Owned by the role. Not for several threads: the thread goes from namespace to namespace.
 */
#pragma once

#include "netd/apply.h"
#include "netd/plan.h"

struct routers;

/* What has been done. */
struct routers_report {
	uint32_t n_ops;	    /* 0: everything was as it shall be */
	uint32_t n_renewed; /* of n_ops: rulesets of an earlier netd, put anew to be sure of them */
	uint32_t n_cut;
	char first[OP_TEXT_MAX]; /* the first operation */
};

/* listeners are copied. Enters no namespace yet. 0, -ERR_UNAVAILABLE, -ERR_INVALID (prefix), -ERR_NOMEM. */
int routers_new(const char *prefix, const struct plan_listener *listeners, size_t n_listeners,
		struct routers **ret_routers, struct err *e) _must_check_;
void routers_free(struct routers *r); /* the kernel keeps what is there */

/* Called after each namespace that an apply, a removal or the sweep has looked at: they may take long. fn NULL: not. */
typedef void routers_step_fn(void *arg);
void routers_watch(struct routers *r, routers_step_fn *fn, void *arg);

/*
 * Make the router's namespaces what the record says. Read again is what changed since the last time, what failed then, and, with
 * audit, everything. On an error the rest has been done as far as possible, and the parts that failed are tried again next time.
 * The report is added to.
 */
int routers_apply(struct routers *r, const struct tables_network *n, bool audit,
		  struct routers_report *report, struct err *e) _must_check_;
/* The router is no more. Unknown is fine. */
int routers_remove(struct routers *r, uint32_t id, struct routers_report *report, struct err *e)
	_must_check_;
/* The daemon's own namespace, after routers were applied or removed. */
int routers_apply_internet(struct routers *r, bool audit, struct routers_report *report,
			   struct err *e) _must_check_;
/* Remove namespaces of ours that belong to no router that was applied; once, when all were. */
int routers_sweep(struct routers *r, struct routers_report *report, struct err *e) _must_check_;

size_t routers_count(const struct routers *r);
/* By id; 0 if there is none after it. */
uint32_t routers_next(const struct routers *r, uint32_t after);
bool routers_has(const struct routers *r, uint32_t id);
/* Which router a namespace of this name belongs to; 0: none. */
uint32_t routers_find(const struct routers *r, const char *namespace);

const struct names *routers_names(const struct routers *r);
const struct netns *routers_netns(const struct routers *r);
/* Each namespace of a router, by name (not the daemon's own). Non-zero stops. */
typedef int routers_ns_fn(const char *name, enum ns_kind kind, void *arg);
int routers_each_ns(const struct routers *r, uint32_t id, routers_ns_fn *fn, void *arg);
