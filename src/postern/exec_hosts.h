/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The hosts file that a command on a host sees. Pure. */
#pragma once

/*
 * The lines of the machine's own file that are about the machine itself (loopback, ip6-...): other names are for the network's resolver to
 * tell. malloc()ed.
 */
char *exec_hosts(const char *own);
