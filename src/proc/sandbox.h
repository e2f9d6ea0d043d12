/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Taking rights away from a role, for good: its own user, no capabilities, no_new_privs, Landlock, seccomp. Called once, at
 * the end of a role's set-up, when every file that it needs is open. A forbidden system call kills the process (SIGSYS).
 *
 * netd, and the keeper that starts it, keep the few capabilities which making networks takes, and have no Landlock, which
 * would forbid mount().
 *
 * The list of system calls of each role is in sandbox_calls.c and is meant to be read.
 */
#pragma once

#include "base/err.h"
#include "proc/role.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* REQUIRE: a kernel that lacks a mechanism is refused. BEST_EFFORT: what is there is used, the rest is logged. */
enum sandbox_mode { SANDBOX_REQUIRE, SANDBOX_BEST_EFFORT };

struct sandbox {
	enum role role;
	enum sandbox_mode mode;
	bool separate_users; /* false: all roles stay the caller's user (where setuid is impossible) */
	uid_t uid; /* the role's own user and group, if separate_users; the parent and the keeper stay root */
	gid_t gid;
	const char *rw_dir
		[2]; /* folders in which it may read and write; must exist. NULL where unused. Gate and dns: none */
	const char *ro_dir
		[6]; /* folders or files it may read (parent: and execute), if they exist. Gate and dns: none */
};

/*
 * What role r gets by these options; names of users are looked up unless the parent has done it. The strings belong to *o or
 * are static. 0, or -ERR_USAGE with the way out where a user does not exist.
 */
struct options;
int role_sandbox(const struct options *o, enum role r, struct sandbox *ret_sandbox, struct err *e)
	_must_check_;

/*
 * For good. On failure (-ERR_UNAVAILABLE, the text says which mechanism) the process has lost some rights already and must end.
 * Open what needs rights before; make no thread before, since only the calling one would be confined.
 */
int sandbox_enter(const struct sandbox *s, struct err *e) _must_check_;

/* Has this process what netd must be given? 0, or -ERR_UNAVAILABLE with what is missing and the way out. */
int sandbox_netd_rights(struct err *e) _must_check_;

/* Landlock ABI of this kernel, 0 if there is none. */
int sandbox_landlock_abi(void);

/*
 * Tests (--probe): do the forbidden act and do not return, unless act is "", which does nothing. If the sandbox works the
 * process is killed (SIGSYS), or, where Landlock or the file's owner forbids it, exits with SANDBOX_PROBE_REFUSED and the errno
 * in a line on standard error. An act that succeeds exits with SANDBOX_PROBE_DONE. The acts are listed in sandbox_probe.c.
 */
#define SANDBOX_PROBE_REFUSED 77
#define SANDBOX_PROBE_DONE    78
#define SANDBOX_PROBE_UNKNOWN 79
void sandbox_probe(const char *act);
