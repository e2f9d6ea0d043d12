/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One role's process as the parent sees it: started, watched, started again.
 *
 *	          child_start            child_reaped
 *	WAITING ──────────────▶ RUNNING ──────────────▶ WAITING (due at once, or after the back-off)
 *
 * A child that lived CHILD_SETTLED_MS is started again at once; one that keeps dying sooner waits twice as long each time.
 */
#pragma once

#include "proc/spawn.h"

#include <stdbool.h>
#include <stdint.h>

#define CHILD_SETTLED_MS     2000
#define CHILD_BACKOFF_MIN_MS 50
#define CHILD_BACKOFF_MAX_MS 5000

enum { OWES_GO = 1, OWES_RELINK = 2, OWES_STOP = 4 };

struct child {
	enum role role;
	uint32_t index;		    /* of a worker */
	pid_t pid;		    /* 0: WAITING */
	int link;		    /* -1: none, or closed because the child broke the contract */
	const struct child *keeper; /* who started it, borrowed; NULL: it is our own child */
	unsigned int owed; /* OWES_*: what it has not been told yet because its queue was full */
	uint64_t stuck_ms; /* monotonic, since when it takes nothing of that; 0: it takes */
	uint32_t backoff_ms, deaths;
	uint64_t started_ms, due_ms; /* monotonic */
};

void child_init(struct child *c, enum role r, uint32_t index);
/* 0; on failure it counts as a death, so that it is tried again after the back-off. */
int child_start(struct child *c, const struct spawner *s) _must_check_;
static inline bool child_is_running(const struct child *c)
{
	return c->pid != 0;
}
/* It could not be started: the same for who is started by other means. */
void child_unstartable(struct child *c, const char *why);
/* It has no link any more, or is to have none: close it and kill what may be left, without a word. */
void child_end(struct child *c);
/* It does not answer or broke the contract. The end shows by SIGCHLD, as any other. */
void child_kill(struct child *c, const char *why);
/* waitpid() gave this status. Logs it and sets due_ms. is_expected: it was told to stop. */
void child_reaped(struct child *c, int status, bool is_expected);
