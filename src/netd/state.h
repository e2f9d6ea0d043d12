/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What matters of one network namespace: as it shall be (plan.h), or as it is (read.h). Two states are compared by state_diff.h.
 *
 * Arrays grow by state_add_*(); the first failure for want of memory sticks in `failed`, so that who fills a state checks once.
 * state_finish() sorts them; from then on two equal states are equal arrays, and equal texts.
 *
 * Values and memory only: no I/O.
 */
#pragma once

#include "netd/names.h"
#include "netd/text.h"

#include <linux/rtnetlink.h>
#include <stdbool.h>

/* Which namespace: that decides what in it may be ours. */
enum ns_kind {
	NS_ROUTER,   /* we made it */
	NS_HOST,     /* we made it */
	NS_ATTACHED, /* somebody else's, in which we have one link */
	NS_OWN, /* the daemon's, in which each router with a way to the internet has one link */
};

enum ns_link_kind {
	NS_LINK_OTHER, /* as it is only */
	NS_LINK_LOOPBACK,
	NS_LINK_VETH,
	NS_LINK_ATTACHED, /* somebody else's interface, for as long as the host is there */
};

struct ns_link {
	char name[IFNAMSIZ];
	uint8_t kind; /* enum ns_link_kind */
	bool is_up;
	bool has_no_addrgen;	  /* no automatic link-local address */
	bool is_marked;		  /* as it is: it has our mark, or the beginning of it */
	char alias[NS_ALIAS_MAX]; /* "" for the loopback */
	char peer_name[IFNAMSIZ]; /* as it shall be, veth: the other end */
	char peer_ns[NS_NAME_MAX];
	uint32_t index; /* as it is */
};

struct ns_addr {
	struct addr addr;
	uint8_t len;
	bool is_link_scope; /* IPv4: not to be chosen as a source for what goes further */
	char link[IFNAMSIZ];
};

struct ns_route {
	struct prefix to;
	uint32_t table, metric;
	uint8_t type; /* RTN_UNICAST, RTN_UNREACHABLE */
	bool is_ours; /* as it is: has our protocol */
	struct addr via;
	char link[IFNAMSIZ]; /* "" if unreachable */
};

struct ns_rule {
	uint32_t pref, table;
	uint8_t family;	    /* enum addr_family */
	struct prefix from; /* family ADDR_NONE: everyone */
};

struct ns_sysctl {
	const char *path; /* below /proc/sys/net/; static */
	char value[16];
};

struct ns_state {
	struct ns_link *links;
	struct ns_addr *addrs;
	struct ns_route *routes;
	struct ns_rule *rules;
	struct ns_sysctl *sysctls;
	size_t n_links, n_addrs, n_routes, n_rules, n_sysctls;
	size_t cap_links, cap_addrs, cap_routes, cap_rules, cap_sysctls;
	bool has_nft;
	uint64_t nft_digest; /* of the text; as it is: what the table's comment says */
	struct text nft;     /* as it shall be: the inside of our table */
	bool failed;
};

/* A new zeroed entry; where there is no memory, one that is thrown away. Valid until the next one is added. */
struct ns_link *state_add_link(struct ns_state *s);
struct ns_addr *state_add_addr(struct ns_state *s);
struct ns_route *state_add_route(struct ns_state *s);
struct ns_rule *state_add_rule(struct ns_state *s);
struct ns_sysctl *state_add_sysctl(struct ns_state *s);
void state_done(struct ns_state *s);

/* Sort; of routes with the same key, and of equal addresses and rules, only the first stays. */
void state_finish(struct ns_state *s);

/* Orders by what identifies an entry. */
int ns_link_cmp(const struct ns_link *a, const struct ns_link *b);
int ns_addr_cmp(const struct ns_addr *a, const struct ns_addr *b);
int ns_route_key_cmp(const struct ns_route *a, const struct ns_route *b);
int ns_rule_cmp(const struct ns_rule *a, const struct ns_rule *b);
bool ns_route_is_equal(const struct ns_route *a, const struct ns_route *b);

/* One line for each entry, for people and for comparing. Where a link's other end is, is left out: a reader cannot tell. */
void state_write(const struct ns_state *s, struct text *t);
/* Of everything, the other ends too. */
uint64_t state_digest(const struct ns_state *s);
