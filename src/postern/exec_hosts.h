/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The hosts file that a command on a host sees. Pure. */
#pragma once

#include <jansson.h>

/*
 * The lines of the machine's own file that are about the machine itself (loopback, ip6-...), then one line for each address
 * of each of names, an answer of /v1/hosts/HOST/names. A name or address that has no place in a hosts file is left out.
 * malloc()ed.
 */
char *exec_hosts(const char *own, const json_t *names);
