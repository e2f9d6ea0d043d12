/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Private addresses: the listening sockets that netd opened inside the networks' namespaces, by network and address. What
 * comes by one belongs to the cluster that the tables name for it (judge_endpoint()).
 *
 * A socket is shared by all gates and by the parent, which keeps it over our restarts. So it is watched with EPOLLEXCLUSIVE,
 * to wake one gate for a client, and taken out of the event loop by hand: closing our descriptor does not close the socket.
 *
 *	       MSG_ENDPOINT              MSG_ENDPOINT_GONE
 *	(none) ────────────▶ LISTENING ───────────────────▶ CLOSED ──last connection ends──▶ (none)
 *	                        ▲                              │
 *	                        └───────── MSG_ENDPOINT ───────┘
 *
 * Which addresses are listened on says nothing of who is admitted: open connections outlive their listener as long as the
 * tables admit them, and what comes by a listener that the tables do not know is refused.
 */
#pragma once

#include "gate/judge.h"
#include "gate/worker.h"

struct gate_endpoint {
	struct source source;	    /* fd -1: closed */
	struct gate_endpoint *next; /* in its slot, or among the dead */
	uint32_t network;	    /* id of the router */
	uint32_t connections;	    /* that came by it and are open */
	struct addr addr;
	uint16_t port;
	bool watched; /* in the event loop */
	uint64_t
		verified; /* generation of the record whose set of sources has been checked; 0: none */

	uint64_t swept; /* sweep in which the two below were read, and are valid */
	struct gate_cluster *leads_to;
	struct judgement judgement;
};

/*
 * Listen on a place by the socket, which it takes. A socket that is there for the place is replaced: what waits in the old
 * one's queue is the other gates', or lost with it. A body that makes no sense is logged and left.
 */
void endpoint_listen(struct worker *w, const struct msg_endpoint *place, int fd);
/* Listen no more. An unknown place is fine; so is one that has been given another port since. */
void endpoint_close(struct worker *w, const struct msg_endpoint *place);
/* NULL if there is none, listening or named by connections. */
struct gate_endpoint *endpoint_find(const struct worker *w, uint32_t network,
				    const struct addr *addr);

/* One more connection, one less. */
static inline struct gate_endpoint *endpoint_get(struct gate_endpoint *e)
{
	e->connections++;
	return e;
}
void endpoint_put(struct worker *w, struct gate_endpoint *e);

/* Into the event loop with all that listen, and out of it. watch: -errno: not all are. */
int endpoints_watch(struct worker *w) _must_check_;
void endpoints_unwatch(struct worker *w);
/* Free what nobody names any more: at the end of a batch. */
void endpoints_reap(struct worker *w);
void gate_endpoints_done(struct worker *w);
