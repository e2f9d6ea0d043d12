/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Hosts that are namespaces or interfaces of somebody else's making, and whether those are there: they come and go as their owner
 * likes. Of one that is away nothing can be reached, so it is left out of what its router shall be, and is no failure.
 *
 *	ABSENT ──namespace of that name in /run/netns, interface in the daemon's namespace (or taken already)──▶ ATTACHED
 *	   ▲                                                                                                        │
 *	   └──────────────────────────── name gone, or leads to another namespace ──────────────────────────────────┘
 *
 * Each change is one line of the log: host.absent, host.attached. Called by the role only; the thread is in the daemon's own namespace.
 */
#pragma once

#include "netd/netns.h"
#include "tables/network.h"

#include <sys/types.h>

struct guest {
	uint32_t router, host;
	uint8_t kind; /* enum attach_kind */
	bool is_there, is_declared;
	bool is_taken; /* an interface that the router has already */
	dev_t dev;     /* of a namespace, which is known again by these */
	ino_t ino;
	char name[64]; /* of the namespace or interface */
};

struct guests {
	const struct names *names;
	const struct netns *netns;
	struct guest *list; /* by router and host */
	size_t n, cap;
};

void guests_init(struct guests *a, const struct names *names, const struct netns *netns);
void guests_done(struct guests *a);

/* Look at those of a router, and take the absent ones out of its record. */
void guests_settle(struct guests *a, struct tables_network *record);
/* The router is no more. */
void guests_forget(struct guests *a, uint32_t router);

/* changed() is told of each router with a host that has come, gone or been exchanged since it was settled, some more than once. */
typedef void guests_fn(uint32_t router, void *arg);
void guests_look(const struct guests *a, guests_fn *changed, void *arg);
/* Only interfaces that were away and are back, as after another router gave them back. */
void guests_look_returned(const struct guests *a, guests_fn *changed, void *arg);
