/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The roles: one process each (gate and dns: one per core each), made by re-executing the binary with --role; the keeper is the parent's
 * fork. See doc/architecture.md.
 */
#pragma once

/* enum, name */
#define ROLES(X)                   \
	X(ROLE_PARENT, "parent")   \
	X(ROLE_CONTROL, "control") \
	X(ROLE_GATE, "gate")       \
	X(ROLE_DNS, "dns")         \
	X(ROLE_NETD, "netd")       \
	X(ROLE_KEEPER, "keeper")

enum role {
#define X(e, name) e,
	ROLES(X)
#undef X
		ROLE_COUNT
};

const char *role_name(enum role r);
int role_find(const char *name); /* -1 if none */

#define GATES_MAX	64
#define DNS_MAX		64
#define ROLE_PARENT_FD	3 /* in a child: the socket to its parent */
#define ROLE_OPTIONS_FD 4 /* in a child: memfd with the parent's struct options */
#define ROLE_LOCK_FD \
	5 /* in a child: the state folder's lock, held open so that it lasts until all are gone */
