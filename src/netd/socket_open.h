/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The sockets that netd opens in a router's namespace for gates and dns processes, by what they are for (enum endpoint_kind).
 *
 *	gate      TCP, listening, as public listeners are
 *	dns       UDP, and TCP, listening, at port 53 of a resolver's address
 *	ask       UDP and TCP, bound to a resolver's address and to no port: the kernel draws one with each connect(), and takes it back
 *	          with connect(AF_UNSPEC), which leaves the address
 *
 * The address need not be there: it may come a moment later, or go for a moment.
 */
#pragma once

#include "proc/msg.h"
#include "proc/options.h"

/*
 * In the thread's namespace. port: 0 for ENDPOINT_ASK_*. The socket is the caller's; or -errno, and *ret_what says what failed (static). options
 * matter for gates' only.
 */
int socket_open(const struct options *o, enum endpoint_kind kind, const struct addr *a,
		uint16_t port, const char **ret_what) _must_check_;
