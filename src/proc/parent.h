/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The parent role: opens what needs rights, starts the other roles with their descriptors, starts again what dies. It parses
 * nothing that comes from a network, and of its children only messages (proc/msg.h).
 *
 *	                 MSG_READY, or tables of an
 *	                 earlier run and no control            SIGTERM            gates gone        control gone
 *	WAIT_CONTROL ───────────────────────────────▶ SERVE ───────────▶ STOP_GATES ─────▶ STOP_CONTROL ─────▶ end
 *
 * Gates never wait for a control that cannot come up (a damaged store, a full disk) if there are tables to serve by.
 */
#pragma once

#include "proc/options.h"

#define PARENT_CONTROL_TRIES   3    /* deaths of control before the gates start without it */
#define PARENT_CONTROL_WAIT_MS 5000 /* or this long without MSG_READY */
#define PARENT_STOP_GATES_MS   3000
#define PARENT_STOP_MS	       5000 /* gates and control together; then SIGKILL */

/* Runs until SIGTERM or SIGINT; the daemon's exit status. argv as main() got it. */
int parent_main(const struct options *o, char **argv);
