/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Operations as rtnetlink messages; private to apply.c. Each is written into the caller's buffer of at least 1 KiB and borrowed from it.
 */
#pragma once

#include "netd/state_diff.h"

#include <libmnl/libmnl.h>

struct nlmsghdr *message_link_create(char *buffer, const struct names *names,
				     const struct ns_link *l, int peer_ns);
struct nlmsghdr *message_link_delete(char *buffer, uint32_t index);
/* Two halves of deleting many at once: each one's group, then all of that group. */
struct nlmsghdr *message_link_group(char *buffer, uint32_t index, uint32_t group);
struct nlmsghdr *message_group_delete(char *buffer, uint32_t group);
struct nlmsghdr *message_link_alias(char *buffer, uint32_t index, const char *alias);
/* Into another namespace, under another name; down, as the kernel does it. */
struct nlmsghdr *message_link_move(char *buffer, uint32_t index, int ns, const char *name);
struct nlmsghdr *message_link_mark(char *buffer, const struct ns_link *l);
struct nlmsghdr *message_link_up(char *buffer, const struct ns_link *l);

/* The number of the link that was asked for last, in the thread's namespace. */
struct message_link {
	char name[IFNAMSIZ];
	uint32_t index;
};
/* For addresses, routes, rules. NULL: the link that it is about is not there. */
struct nlmsghdr *message_for(char *buffer, const struct op *op, struct message_link *link);
/* Which route there is to the first address of a prefix. */
struct nlmsghdr *message_route_look(char *buffer, const struct prefix *to);
