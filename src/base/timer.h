/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Timers: a wheel of slots, each a list. Setting and cancelling touch one list; nothing is allocated. A timer
 * fires at most one tick late and never early. Deadlines beyond one turn of the wheel stay in their slot until their turn.
 *
 * A timer is embedded in what it belongs to, and cancelled before that is freed. Callbacks may set and cancel any timer.
 */
#pragma once

#include "base/list.h"

#include <stdint.h>

#define TIMER_TICK_MS 32
#define TIMER_SLOTS   512

struct timer {
	struct list node;
	uint64_t deadline_ms : 56; /* monotonic */
	uint64_t kind : 8;	   /* the owner's: what the timer is embedded in */
};

struct timers {
	struct list slot[TIMER_SLOTS];
	uint64_t busy[TIMER_SLOTS / 64]; /* a bit per slot that may hold something */
	uint64_t tick;			 /* every tick before this one has been run */
};

typedef void timer_fn(struct timer *t, void *arg);

void timers_init(struct timers *w, uint64_t now_ms);
void timer_init(struct timer *t, uint8_t kind);
/* Replaces an earlier deadline. */
void timer_set(struct timers *w, struct timer *t, uint64_t deadline_ms);
void timer_cancel(struct timer *t);
static inline int timer_is_set(const struct timer *t)
{
	return !list_is_empty(&t->node);
}
/* Milliseconds until something may be due, -1 if no timer is set: epoll_wait()'s timeout. */
int timers_wait(const struct timers *w, uint64_t now_ms);
/* Call fn for every timer that is due; it is no longer set by then. */
void timers_run(struct timers *w, uint64_t now_ms, timer_fn *fn, void *arg);
