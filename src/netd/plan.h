/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The plan: what the kernel shall be like for one router (tables/network.h), namespace by namespace.
 *
 *	   daemon's own namespace ("the internet")
 *	      p1a2b-5  169.254.254.1, fe80::1      routes to the router's public addresses
 *	         │
 *	      up       169.254.254.2, fe80::2      only if it has a way to the internet
 *	   ┌──┴──────────────── router ────────────────────────────────────────────────────────┐
 *	   │ lo       addresses of endpoints and of the resolver                               │
 *	   │ main     hosts by their links; unreachable for the rest of the address space      │
 *	   │ N + 1000 routes of table N, asked for what comes from the subnets that name it    │
 *	   └──┬───────────────────────────────────────────────────┬────────────────────────────┘
 *	      h-7      gateway's address, fe80::1                 to-6    fe80::1 or fe80::2, for both families
 *	      │                                                   │       (the router with the lower id has ::1)
 *	      eth0     the host's address, fe80::2                to-5
 *	   host                                                another router
 *
 * Pure: no I/O, no state kept between calls.
 */
#pragma once

#include "netd/state.h"

#define PLAN_TABLE_OFFSET \
	1000 /* kernel table of tables_route.table; a hub's table 0 counts as its id */
#define PLAN_PREF_MAIN	  100 /* first what is local to the router, whatever routes say */
#define PLAN_PREF_TABLES  1000
#define PLAN_METRIC_V6	  1024
#define PLAN_METRIC_GUEST 2048 /* in an attached namespace, behind what somebody else has set */

/* The part of a plan that one namespace gets. */
struct plan_ns {
	uint8_t kind;		/* enum ns_kind */
	uint32_t host;		/* id, for NS_HOST and NS_ATTACHED */
	char link[IFNAMSIZ];	/* NS_ATTACHED, NS_OWN: the link that bounds what is ours there */
	char name[NS_NAME_MAX]; /* "": the daemon's own */
	struct ns_state state;
};

/* The router itself first, then its hosts; the daemon's own namespace last, if the router has a way to the internet. */
struct plan {
	struct plan_ns *ns;
	size_t n_ns;
};

/* A name of an interface or namespace that can be attached: no path, no option, no line. */
bool plan_name_is_safe(const char *name);

/*
 * 0; -ERR_INVALID: the record contradicts itself (an index out of bounds, a name that could lead elsewhere); -ERR_NOMEM. *ret_plan is
 * the caller's, to be given to plan_done().
 */
int plan_router(const struct names *names, const struct tables_network *n, struct plan *ret_plan,
		struct err *e) _must_check_;
void plan_done(struct plan *p);

/* The internet's side of all routers together. */
struct plan_listener {
	struct addr addr; /* all zeros: every address of its family */
	uint16_t port;
};
struct plan_internet {
	bool has_v4, has_v6; /* public addresses of routers of this family: packets are forwarded */
	const struct plan_listener *listeners;
	size_t n_listeners;
};
int plan_internet(const struct names *names, const struct plan_internet *i,
		  struct ns_state *ret_state, struct err *e) _must_check_;
