/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The parent role: opens what needs rights, starts the other roles with their descriptors, starts again what dies. It parses
 * nothing that comes from a network, and of its children only messages (proc/msg.h).
 *
 *	              MSG_READY, or tables of an
 *	              earlier run and no control          SIGTERM        workers gone        netd gone
 *	WAIT_CONTROL ────────────────────────────▶ SERVE ────────▶ STOP_WORKERS ───▶ STOP_NETD ───▶ STOP_CONTROL ───▶ end
 *
 * The workers are the gates and the dns processes. There are no dns processes where nobody could ask them: without networks and
 * without --dns-listen. netd is started by the keeper (proc/keeper.h), when workers are and whenever it died; the rest go on
 * without it. If the keeper dies there is no netd until the daemon is started again: networks stay as they are.
 *
 * Workers never wait for a control that cannot come up (a damaged store, a full disk) if there are tables to serve by.
 */
#pragma once

#include "proc/options.h"

#define PARENT_CONTROL_TRIES   3    /* deaths of control before the workers start without it */
#define PARENT_CONTROL_WAIT_MS 5000 /* or this long without MSG_READY */
#define PARENT_STOP_WORKERS_MS 3000 /* then SIGKILL */
#define PARENT_STOP_NETD_MS    1000
#define PARENT_STOP_CONTROL_MS 2000
#define PARENT_RETRY_MS	       2 /* between tries to hand endpoints to who takes no more of them */
#define PARENT_DEAF_MS	       10000 /* who takes none at all for so long is ended */

/* Runs until SIGTERM or SIGINT; the daemon's exit status. argv as main() got it. */
int parent_main(const struct options *o, char **argv);
