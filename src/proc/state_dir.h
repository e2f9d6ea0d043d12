/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The state folder: one daemon at a time, owned by the control role's user.
 *
 *	<state>/lock            flock()ed by the parent and, through its descriptor, by every child
 *	<state>/store/          the store's files
 *	<state>/tables/         data.mdb, lock.mdb
 *
 * Parent only, before its sandbox. What lies in the folder belongs to a role that may have been taken over, so no symbolic
 * link in it is followed.
 */
#pragma once

#include "base/err.h"
#include "proc/options.h"

#include <stdbool.h>
#include <sys/types.h>

#define STATE_LOCK_WAIT_MS 2000

/* Make the folder if need be and lock it, waiting for a daemon that is just ending. The descriptor, or -ERR_UNAVAILABLE. */
int state_dir_lock(const char *dir, uid_t uid, gid_t gid, struct err *e) _must_check_;
/* Make the folders of store and tables, and give all to the user. 0 or -ERR_UNAVAILABLE. */
int state_dir_prepare(const char *dir, uid_t uid, gid_t gid, struct err *e) _must_check_;
/* Make the folder that the socket at `path` lies in, for everyone to enter. */
int state_dir_for_socket(const char *path, struct err *e) _must_check_;
/* Are there compiled tables from an earlier run, by which gates can serve? */
bool state_dir_has_tables(const char *dir);
