/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What it takes to make a namespace as it is into what it shall be: operations, in the order in which they are safe.
 *
 *	settings and the ruleset first (what is restricted is restricted at once), then what goes, then what comes
 *
 * Nothing without our mark is ever removed: links by alias, addresses and rules by protocol (a reader leaves others out), routes by
 * protocol, and of nftables our own table. In a namespace that we made, a foreign route in the place of a wanted one is replaced; elsewhere
 * adding ours fails and says so.
 *
 * Pure. Both states sorted (state_finish()); operations borrow from them.
 */
#pragma once

#include "netd/state.h"

enum op_kind {
	OP_NFT,	       /* our table becomes this one */
	OP_NFT_REMOVE, /* no table of ours is wanted */
	OP_SYSCTL,
	OP_ROUTE_DELETE,
	OP_RULE_DELETE,
	OP_ADDR_DELETE,
	OP_LINK_RETURN, /* an attached interface, to where it came from */
	OP_LINK_DELETE,
	OP_LINK_CREATE, /* a pair, both ends */
	OP_LINK_TAKE,	/* attach an interface */
	OP_LINK_SET,	/* mark, no automatic addresses, up */
	OP_ADDR_ADD,
	OP_ROUTE_ADD,
	OP_ROUTE_REPLACE,
	OP_RULE_ADD,
	OP_KINDS
};

struct op {
	uint8_t kind; /* enum op_kind */
	union {
		const struct ns_link *link;
		const struct ns_addr *addr;
		const struct ns_route *route;
		const struct ns_rule *rule;
		const struct ns_sysctl *sysctl;
		const struct ns_state *nft;
	};
};

struct ops {
	struct op *ops;
	size_t n, cap;
	bool failed; /* no memory: do nothing of it */
};

/* 0 or -ERR_NOMEM. *ret_ops is the caller's: ops_done(). */
int state_diff(enum ns_kind kind, const struct ns_state *have, const struct ns_state *want,
	       struct ops *ret_ops) _must_check_;
void ops_done(struct ops *o);
/* "route 10.1.0.0/16 table 1005: add", for logs and errors. Returns dst. */
#define OP_TEXT_MAX 192
char *op_format(const struct op *op, char dst[OP_TEXT_MAX]);
