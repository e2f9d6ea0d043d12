/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How things of ours are called in the kernel, and the mark by which we know them again.
 *
 *	namespace         <prefix>.net.<name>   <prefix>.hub.<name>   <prefix>.site.<name>   <prefix>.host.<name>
 *	in a router       h-<host id>     to-<peer id>     up           lo
 *	in a host         eth0            (attached namespace: p<tag>-<host id>)
 *	daemon's own      p<tag>-<router id>                            tag: 4 hexadecimal digits of XXH3(prefix)
 *	mark of a link    IFALIAS postern:<prefix>; of an attached interface postern:<prefix>:<name that it had>.
 *	                  A link that has just been made, and has no alias yet, is known by its group, XXH3(prefix).
 *	mark of routes, rules, addresses    protocol 196
 *	nftables          table inet <prefix>
 *
 * Pure.
 */
#pragma once

#include "tables/network.h"

#include <net/if.h>

#define NETD_PROTOCOL	196
#define NETD_PREFIX_MAX 63
#define NS_NAME_MAX	160
#define NS_ALIAS_MAX	104

struct names {
	char prefix[NETD_PREFIX_MAX + 1];
	char tag[8];		  /* "p1a2b-" */
	char alias[NS_ALIAS_MAX]; /* "postern:<prefix>" */
	uint32_t group;
	uint32_t group_going; /* of links that are about to be deleted together */
};

/* -ERR_INVALID: no label of lower case letters, digits, '-' that begins with a letter. */
int names_init(struct names *n, const char *prefix, struct err *e) _must_check_;

void names_router(const struct names *n, enum tables_router kind, const char *name,
		  char dst[NS_NAME_MAX]);
void names_host(const struct names *n, const char *name, char dst[NS_NAME_MAX]);
/* Is it that of a host that we made? */
bool names_is_host(const struct names *n, const char *namespace);
/* Is it the name of a namespace that we make? */
bool names_is_ours(const struct names *n, const char *namespace);
/* In the daemon's own namespace, or in an attached one. */
void names_outer(const struct names *n, uint32_t id, char dst[IFNAMSIZ]);
/* The name that an attached interface had, out of its alias; NULL if it is none. */
const char *names_attached(const struct names *n, const char *alias);
bool names_has_mark(const struct names *n, const char *alias, uint32_t group);
