/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The list of routers (routers.c), for those who change them (routers_apply.c).
 */
#pragma once

#include "netd/routers.h"

/* A namespace as it was last applied. */
struct known_ns {
	char *name;	 /* "" the daemon's own */
	uint64_t digest; /* 0: not known to be right */
	/* Of the ruleset: the kernel's number of the last change by anybody when it was right, and what it then looked like; 0: not
	 * known. */
	uint32_t nft_generation;
	uint64_t nft_listing;
	uint8_t kind;
	bool goes;
};

struct router {
	uint32_t id;
	bool has_v4, has_v6; /* public addresses */
	struct known_ns *ns;
	size_t n_ns;
};

struct routers {
	struct names names;
	struct netns netns;
	struct apply apply;
	struct router **routers; /* by id */
	size_t n, cap;
	struct plan_listener *listeners;
	size_t n_listeners;
	struct known_ns internet;
	routers_step_fn *step;
	void *step_arg;
};

/* NULL if unknown. */
struct router *routers_router(const struct routers *r, uint32_t id);
/* Known or new; NULL: no memory. */
struct router *routers_router_make(struct routers *r, uint32_t id);
void routers_forget(struct routers *r, uint32_t id);
void routers_known_free(struct known_ns *ns, size_t n);
