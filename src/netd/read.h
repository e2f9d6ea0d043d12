/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The state of a namespace as the kernel has it: all links, and of the rest what has our mark, plus the routes (without mark) in
 * whose place ours might be wanted. The thread is in the namespace (netns_enter()).
 *
 * In an attached namespace and in the daemon's own only one link is looked at, what is on it, and routes with our mark by it: the kernel leaves
 * the others out of its answer, so that a full routing table there costs nothing.
 */
#pragma once

#include "netd/state.h"

/*
 * link: the one that bounds what is looked at, NULL: everything. want: which settings to read, and whether a ruleset of ours matters.
 * 0; -ERR_UNAVAILABLE, -ERR_NOMEM. *ret_state is the caller's.
 */
int read_state(const struct names *names, enum ns_kind kind, const char *link,
	       const struct ns_state *want, struct ns_state *ret_state, struct err *e) _must_check_;

/* A link by name. -ERR_NOT_FOUND. */
int read_link(const struct names *names, const char *name, struct ns_link *ret_link) _must_check_;

/* Number of the last change of any ruleset in this namespace, by whomever; 0 if it cannot be had. */
uint32_t read_nft_generation(void);
