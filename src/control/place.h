/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where on this machine things are: the public listeners, and the kernel namespaces of hosts. */
#pragma once

#include <stdint.h>

struct control;
struct object;

#define NAMESPACE_PATH_MAX 160

/* The port of the public listeners. */
uint16_t control_public_port(const struct control *c);
/* The network namespace of a declared host. NULL if none can be named: it is attached by an interface. Returns dst. */
char *control_host_namespace(const struct control *c, const struct object *host,
			     char dst[NAMESPACE_PATH_MAX]);
