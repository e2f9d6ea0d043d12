/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The files by which a command on a host finds the resolver of the host's network. Pure. */
#pragma once

#include <jansson.h>

/* A resolv.conf for status.resolvers of a host; without any, one by which nothing is asked but the machine itself. malloc()ed. */
char *exec_resolv_conf(const json_t *host);
/*
 * The machine's own nsswitch.conf, but host names by hosts file and DNS only: other services are asked by sockets in the file system, and answer
 * for the machine, not for the host. malloc()ed.
 */
char *exec_nsswitch_conf(const char *own);
