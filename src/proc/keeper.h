/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The keeper: starts netd, and says how it ended. A fork of the parent from before its sandbox, because netd must mount, which
 * the parent's Landlock forbids to all that comes from it, and because the parent must not hold netd's rights.
 *
 *	parent ──MSG_SPAWN + netd's end of a link, MSG_KILL──▶ keeper ──fork, execveat──▶ netd
 *	       ◀──MSG_SPAWNED, MSG_REAPED───────────────────
 *
 * It has one netd at most, reads nothing but these messages, and opens nothing. It ends with its parent (end of the link, and
 * the death signal, which Landlock holds back on a kernel where it covers signals), and netd ends with it. It is not started
 * again, since a parent in its sandbox cannot.
 */
#pragma once

#include "proc/options.h"
#include "proc/spawn.h"

/*
 * Before the parent's sandbox, with no descriptor open that netd must not have. *ret_link is the parent's end. Returns in the
 * parent only; 0 or -ERR_UNAVAILABLE.
 */
int keeper_start(const struct options *o, const struct spawner *s, pid_t *ret_pid, int *ret_link,
		 struct err *e) _must_check_;
