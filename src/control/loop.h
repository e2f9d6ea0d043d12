/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Control's event loop: epoll sources and a handful of timers, all on one thread. Sources and timers are embedded in what
 * they belong to, which must outlive them or remove them first.
 */
#pragma once

#include "base/err.h"
#include "base/list.h"

#include <stdint.h>

struct source {
	int fd; /* borrowed; -1: not in the loop */
	uint32_t events;
	void (*ready)(struct source *s, uint32_t events);
};

struct loop_timer {
	struct list node;
	uint64_t due_ms; /* monotonic */
	void (*fired)(struct loop_timer *t);
};

struct loop {
	int epoll_fd;
	struct list timers; /* unsorted: there are as many as waiting requests, which is few */
};

int loop_init(struct loop *l, struct err *e) _must_check_;
void loop_done(struct loop *l);

int loop_add(struct loop *l, struct source *s, int fd, uint32_t events,
	     void (*ready)(struct source *, uint32_t), struct err *e) _must_check_;
void loop_set_events(struct loop *l, struct source *s, uint32_t events);
/* Before the descriptor is closed. Harmless if s is not in the loop. */
void loop_remove(struct loop *l, struct source *s);

void loop_timer_init(struct loop_timer *t);
void loop_timer_start(struct loop *l, struct loop_timer *t, uint64_t ms,
		      void (*fired)(struct loop_timer *));
void loop_timer_stop(struct loop_timer *t);

/* Wait at most max_ms (-1: until something happens), then call whoever is ready or due. */
void loop_run_once(struct loop *l, int max_ms);
