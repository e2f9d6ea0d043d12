/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Operations (state_diff.h) into the kernel. The thread is in the namespace that they are for; every namespace that they name exists.
 *
 * One that fails does not keep the others from being done: what restricts comes first, and half of a wanted state is nearer to it than
 * nothing. The first failure is what is told: what was attempted, where, and the kernel's answer.
 */
#pragma once

#include "netd/netns.h"
#include "netd/state_diff.h"

struct apply {
	const struct names *names;
	const struct netns *netns;
};

/*
 * namespace: for messages; fd: of it. *ret_remade: a pair of links was made, so that a namespace at the other end which has been dealt with
 * may have to be looked at again. 0; -ERR_UNAVAILABLE; -ERR_NOT_FOUND: something to be attached is not there.
 */
int apply_ops(const struct apply *a, const char *namespace, int fd, const struct ops *ops,
	      bool *ret_remade, struct err *e) _must_check_;

/* Give back an attached interface that lies in the namespace `fd`, in which the thread is. 0 or -errno. */
int apply_link_return(const struct apply *a, int fd, const struct ns_link *l) _must_check_;
/* Interfaces in the daemon's own namespace that were given back, or were to be attached, and still have our mark. */
void apply_links_sweep(const struct apply *a);
/* Our table out of the namespace in which the thread is. */
int apply_nft_remove(const struct names *names, struct err *e) _must_check_;
/* Nothing goes through the namespace in which the thread is, until it is set otherwise: for one whose ruleset cannot be made. */
void apply_forwarding_stop(void);
/* What our table looks like in the namespace in which the thread is, as a number; 0 if it cannot be had. */
uint64_t apply_nft_listing(const struct names *names);
/* Let go of what was kept to save time; it keeps the namespace of the last ruleset alive. Whenever there is time, and at the end. */
void apply_idle(void);
