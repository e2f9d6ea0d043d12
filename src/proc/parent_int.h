/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The parent's one object and what its files do on it, private to parent*.c:
 *
 *	parent.c            the loop, and what happens
 *	parent_set_up.c     before the sandbox
 *	parent_children.c   starting control and the workers, telling them
 *	parent_netd.c       netd, by way of the keeper, and the endpoints' sockets
 *	parent_stop.c       the end
 */
#pragma once

#include "base/log.h"
#include "proc/child.h"
#include "proc/endpoints.h"
#include "proc/listeners.h"
#include "proc/msg.h"
#include "proc/parent.h"

#include <stdbool.h>
#include <stdint.h>

enum phase { WAIT_CONTROL, SERVE, STOP_WORKERS, STOP_NETD, STOP_CONTROL };

#define WORKERS_MAX 64
_Static_assert(GATES_MAX <= WORKERS_MAX && DNS_MAX <= WORKERS_MAX, "room for either");

/* epoll's data: the signals, then the children */
enum {
	EVENT_SIGNAL,
	EVENT_CONTROL,
	EVENT_KEEPER,
	EVENT_NETD,
	EVENT_GATES,
	EVENT_DNS = EVENT_GATES + WORKERS_MAX
};

/* Gates, or dns processes: who serves the clients. To the parent they are alike, but for the messages' types. */
struct workers {
	uint32_t n;
	struct child child[WORKERS_MAX];
	int counters[WORKERS_MAX];
};

struct parent {
	struct options o;
	enum phase phase;
	bool a_worker_ran; /* the tables may be in use: control must not begin them anew */
	bool probing;	   /* a test: the first child to end ends all, with its status */
	int exit_status;
	uint64_t phase_ms; /* when the phase began */
	struct spawner spawner;
	struct listeners listeners;
	int quota;
	uint8_t cookie_key[sizeof((struct msg_start_dns *)0)->cookie_key];
	int epoll, signals;
	struct workers gates, dns;
	struct child control, keeper, netd;
	char netd_off[MSG_TEXT_MAX]; /* why there is no netd and none will come; "": there is one */
	bool netd_spawning; /* MSG_SPAWN is sent and not answered; netd.link is there already */
	struct endpoints endpoints;
	struct msg msg;
};

#define workers_foreach(c, ws) \
	for (struct child *c = (ws)->child, *c##_end = c + (ws)->n; c < c##_end; c++)

static inline bool parent_is_stopping(const struct parent *p)
{
	return p->phase >= STOP_WORKERS;
}

void parent_phase_set(struct parent *p, enum phase phase);
/* 0, or -ERR_* and what has been made is of no use. */
int parent_set_up(struct parent *p, char **argv, struct err *e) _must_check_;
/* A child, or netd, has ended with this status: if its probe was what this daemon was started for, that is the daemon's. */
void parent_probe_ended(struct parent *p, int status);
int parent_watch(struct parent *p, int fd, uint32_t event) _must_check_;

/* --- parent_children.c --- */

/* Send now. 0; -EAGAIN: its queue is full; other: it had no link, or now has none. */
int child_send(struct child *c, enum msg_type type, const void *body, size_t size, const int *fds)
	_must_check_;
/* Send, to a child whose queue cannot be full while it works: one that does not take it is killed. */
void child_tell(struct child *c, enum msg_type type, const void *body, size_t size, const int *fds);
void child_tell_empty(struct child *c, enum msg_type type);
/* It is to be told this as well, when it has taken what is before: the endpoints it is owed, then OWES_GO, and so on. */
void child_owe(struct parent *p, struct child *c, unsigned int what);
/* What is owed to workers and netd, as far as they take it. Are there some that do not? Then again after PARENT_RETRY_MS. */
bool owed_flush(struct parent *p);
/* The workers of its kind. NULL: it is no worker. */
struct workers *workers_of(struct parent *p, const struct child *c);
void worker_start(struct parent *p, struct child *w);
void workers_start(struct parent *p);
void worker_gone(struct parent *p, const struct child *w, pid_t pid);
void control_start(struct parent *p);

/* --- parent_netd.c --- */

void netd_start(struct parent *p);
bool netd_is_due(const struct parent *p, uint64_t now);
bool netd_is_there(const struct parent *p); /* started, or being started */
/* Control was started while netd ran, or is off: tell it. */
void netd_tell_control(struct parent *p);
void netd_on_keeper_msg(struct parent *p, const struct msg *m);
void netd_on_keeper_gone(struct parent *p);
/* 0, or netd broke the contract. */
int netd_on_msg(struct parent *p, struct msg *m) _must_check_;
/* Both get an end of a new link. False: it is dead. -EAGAIN as child_send(). */
int netd_relink(struct parent *p) _must_check_;

/* --- parent_stop.c --- */

void parent_stop(struct parent *p, const char *why);
/* Is all over? */
bool parent_stop_turn(struct parent *p, uint64_t now);
