/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The gate role: accepts, reads the ClientHello, judges, connects upstream, forwards bytes. One single-threaded process per
 * core. It never ends TLS, opens no file, and keeps nothing for an idle connection but a small struct.
 */
#pragma once

#include "proc/options.h"

/* Runs until told to stop; the role's exit status. parent_fd: link to the parent. */
int gate_main(const struct options *o, int parent_fd);
