/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Hearing of changes in all namespaces of routers and hosts, whoever makes them: two sockets in the daemon's own namespace that
 * get what any namespace with a number there (nsid) announces.
 *
 * What is heard says which router to look at, not what is wrong. Our own changes are heard as well: looking then finds everything as it shall be,
 * and changes nothing, so that it ends there.
 */
#pragma once

#include "netd/netlink.h"
#include "netd/netns.h"

struct drift_place {
	uint32_t router; /* 0: none of ours */
	bool is_ruled;	 /* it has a ruleset of ours */
};

struct drift {
	const struct names *names;
	struct netlink route, nft;  /* to be polled */
	struct netlink ask;	    /* for numbers */
	struct drift_place *places; /* by nsid */
	size_t n_places;
	bool own_touched; /* our ruleset in the daemon's own namespace, in a transaction that is being told */
};

/* The thread is in the daemon's own namespace, as in all calls below. 0 or -errno. */
int drift_open(struct drift *d, const struct names *names) _must_check_;
void drift_close(struct drift *d);
int drift_route_fd(const struct drift *d);
int drift_nft_fd(const struct drift *d);

/* Listen to the namespace `fd`, of this router; is_ruled: it is the router itself. 0 or -errno. */
int drift_watch(struct drift *d, int fd, uint32_t router, bool is_ruled) _must_check_;
/*
 * All that has been heard: heard() is called for each message, with the id of a router, or 0 for the ruleset of the internet's side.
 * generation: the number that rulesets have from a change of them on, where ours is one of them; 0: of another change. 0, or
 * -ENOBUFS: more was said than could be heard; any router may have changed.
 */
typedef void drift_heard_fn(uint32_t router, uint32_t generation, void *arg);
int drift_read(struct drift *d, drift_heard_fn *heard, void *arg) _must_check_;
