/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Starting a role: the same binary again, with a socket to its parent (ROLE_PARENT_FD), the options (ROLE_OPTIONS_FD), the state
 * folder's lock (ROLE_LOCK_FD), standard error, and no other descriptor. It dies with its parent.
 *
 * The binary is the descriptor that was opened at start, so that an upgrade on disk does not mix versions in one daemon.
 */
#pragma once

#include "base/err.h"
#include "proc/role.h"

#include <stdint.h>
#include <sys/types.h>

struct spawner {
	int exe_fd, options_fd, lock_fd; /* borrowed */
	const char *argv0;		 /* as shown by ps */
};

/* *ret_link is the parent's end and the caller's; every signal that the parent blocks is unblocked. 0 or -ERR_UNAVAILABLE. */
int spawn_role(const struct spawner *s, enum role r, uint32_t gate_index, pid_t *ret_pid,
	       int *ret_link, struct err *e) _must_check_;

/* The same on a link that somebody else has the other end of; `link` is borrowed. 0 or -errno. */
int spawn_on_link(const struct spawner *s, enum role r, uint32_t gate_index, int link,
		  pid_t *ret_pid) _must_check_;

/* Two ends for messages between roles: SOCK_SEQPACKET, non-blocking, CLOEXEC, large buffers. 0 or -errno. */
int link_pair(int ret_ends[2]) _must_check_;
