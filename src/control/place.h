/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where on this machine things are: the public listeners, and the kernel namespaces of hosts. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct control;
struct object;
struct addr;

#define NAMESPACE_PATH_MAX 160

/* The port of the public listeners. */
uint16_t control_public_port(const struct control *c);
/* The network namespace of a declared host. NULL if none can be named: it is attached by an interface. Returns dst. */
char *control_host_namespace(const struct control *c, const struct object *host,
			     char dst[NAMESPACE_PATH_MAX]);
/* Where a declared host asks for names: how many, at most one of each family that it has. 0: its network or site has no resolver. */
size_t control_host_resolvers(const struct object *host, struct addr *dst);
