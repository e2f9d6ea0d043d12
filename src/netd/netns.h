/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Named network namespaces, as `ip netns` has them: a file in /run/netns on which the namespace is mounted.
 *
 * Entering moves the calling thread. Whoever enters leaves again; a thread that cannot come back could do anything in the wrong
 * place, so that ends the process.
 */
#pragma once

#include "netd/names.h"

#include <sys/types.h>

#define NETNS_DIR "/run/netns"

struct netns {
	int own; /* the daemon's own namespace */
};

/* Make the folder, a mount point of its own, where it is missing. 0 or -ERR_UNAVAILABLE. */
int netns_init(struct netns *n, struct err *e) _must_check_;
void netns_done(struct netns *n);

/*
 * The namespace of this name, made if create is set and there is none (or only a file that was to become one). name: a single path
 * element (plan_name_is_safe()). The descriptor, the caller's; -ERR_NOT_FOUND, -ERR_UNAVAILABLE.
 */
int netns_open(const struct netns *n, const char *name, bool create, struct err *e) _must_check_;
/* Does the name lead to this one still? Without opening it. */
bool netns_is(const char *name, dev_t dev, ino_t ino);
/* Absent is fine. Processes in it keep it alive, nameless. */
int netns_delete(const char *name, struct err *e) _must_check_;
/* Every name of ours. fn may delete it. Non-zero stops and is returned. */
typedef int netns_fn(const char *name, void *arg);
int netns_each(const struct names *names, netns_fn *fn, void *arg);

/* The one in which the thread is; -1 with errno. */
int netns_open_current(void);
int netns_enter(int fd) _must_check_; /* 0 or -errno */
void netns_leave(const struct netns *n);
