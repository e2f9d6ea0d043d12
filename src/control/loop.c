/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/loop.h"

#include "base/clock.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#define EVENTS_AT_ONCE 64

int loop_init(struct loop *l, struct err *e)
{
	list_init(&l->timers);
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll_fd < 0)
		return err_set(e, ERR_INTERNAL, NULL, "epoll_create1: %s", strerror(errno));
	return 0;
}

void loop_done(struct loop *l)
{
	if (l->epoll_fd >= 0)
		close(l->epoll_fd);
	l->epoll_fd = -1;
}

int loop_add(struct loop *l, struct source *s, int fd, uint32_t events,
	     void (*ready)(struct source *, uint32_t), struct err *e)
{
	struct epoll_event ev = {.events = events, .data.ptr = s};

	if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0)
		return err_set(e, ERR_INTERNAL, NULL, "epoll_ctl: %s", strerror(errno));
	s->fd = fd;
	s->events = events;
	s->ready = ready;
	return 0;
}

void loop_set_events(struct loop *l, struct source *s, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = s};

	if (s->fd < 0 || s->events == events)
		return;
	if (epoll_ctl(l->epoll_fd, EPOLL_CTL_MOD, s->fd, &ev) == 0)
		s->events = events;
}

void loop_remove(struct loop *l, struct source *s)
{
	if (s->fd < 0)
		return;
	epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, s->fd, NULL);
	s->fd = -1;
}

void loop_timer_init(struct loop_timer *t)
{
	list_init(&t->node);
}

void loop_timer_start(struct loop *l, struct loop_timer *t, uint64_t ms,
		      void (*fired)(struct loop_timer *))
{
	list_remove(&t->node);
	t->due_ms = clock_mono_ms() + ms;
	t->fired = fired;
	list_append(&l->timers, &t->node);
}

void loop_timer_stop(struct loop_timer *t)
{
	list_remove(&t->node);
}

static int timers_wait_ms(const struct loop *l, int max_ms)
{
	uint64_t now = clock_mono_ms();

	list_foreach (it, &l->timers) {
		const struct loop_timer *t = container_of(it, struct loop_timer, node);
		uint64_t left = t->due_ms > now ? t->due_ms - now : 0;

		if (max_ms < 0 || left < (uint64_t)max_ms)
			max_ms = (int)(left > INT32_MAX ? INT32_MAX : left);
	}
	return max_ms;
}

/* What fires may stop any other timer, so begin again after each. */
static void timers_fire(struct loop *l)
{
	uint64_t now = clock_mono_ms();
	struct loop_timer *due;

	do {
		due = NULL;
		list_foreach (it, &l->timers) {
			struct loop_timer *t = container_of(it, struct loop_timer, node);

			if (t->due_ms <= now && !due)
				due = t;
		}
		if (due) {
			list_remove(&due->node);
			due->fired(due);
		}
	} while (due);
}

void loop_run_once(struct loop *l, int max_ms)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	int n = epoll_wait(l->epoll_fd, events, EVENTS_AT_ONCE, timers_wait_ms(l, max_ms));

	for (int i = 0; i < n; i++) {
		struct source *s = events[i].data.ptr;

		/* An earlier one of this batch may have removed it. */
		if (s->fd >= 0)
			s->ready(s, events[i].events);
	}
	timers_fire(l);
}
