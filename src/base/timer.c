/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/timer.h"

#include "base/cleanup.h"

void timers_init(struct timers *w, uint64_t now_ms)
{
	for (int i = 0; i < TIMER_SLOTS; i++)
		list_init(&w->slot[i]);
	for (int i = 0; i < TIMER_SLOTS / 64; i++)
		w->busy[i] = 0;
	w->tick = now_ms / TIMER_TICK_MS;
}

void timer_init(struct timer *t, uint8_t kind)
{
	list_init(&t->node);
	t->deadline_ms = 0;
	t->kind = kind;
}

void timer_set(struct timers *w, struct timer *t, uint64_t deadline_ms)
{
	/* The tick that begins after the deadline; one that is past goes into the next to be run. */
	uint64_t tick = deadline_ms / TIMER_TICK_MS + 1;

	if (tick < w->tick)
		tick = w->tick;
	timer_cancel(t);
	t->deadline_ms = deadline_ms & (UINT64_MAX >> 8);
	list_append(&w->slot[tick % TIMER_SLOTS], &t->node);
	w->busy[tick % TIMER_SLOTS / 64] |= 1ull << (tick % 64);
}

void timer_cancel(struct timer *t)
{
	list_remove(&t->node);
}

int timers_wait(const struct timers *w, uint64_t now_ms)
{
	for (uint64_t tick = w->tick; tick < w->tick + TIMER_SLOTS; tick++) {
		uint64_t word = w->busy[tick % TIMER_SLOTS / 64] >> (tick % 64);

		if (!word) {
			tick |= 63; /* nothing in the rest of this word */
			continue;
		}
		if (!(word & 1))
			continue;
		uint64_t at = tick * TIMER_TICK_MS;
		return at <= now_ms ? 0 : (int)(at - now_ms);
	}
	return -1;
}

static void slot_run(struct timers *w, uint64_t tick, uint64_t now_ms, timer_fn *fn, void *arg)
{
	size_t i = tick % TIMER_SLOTS;
	struct list due;

	/* Moved aside, so that a callback may set a timer into this very slot. */
	list_init(&due);
	list_foreach (it, &w->slot[i]) {
		struct timer *t = container_of(it, struct timer, node);
		if (t->deadline_ms <= now_ms) {
			list_remove(it);
			list_append(&due, it);
		}
	}
	if (list_is_empty(&w->slot[i]))
		w->busy[i / 64] &= ~(1ull << (i % 64));
	while (!list_is_empty(&due)) {
		struct timer *t = container_of(due.next, struct timer, node);
		list_remove(&t->node);
		fn(t, arg);
	}
}

void timers_run(struct timers *w, uint64_t now_ms, timer_fn *fn, void *arg)
{
	uint64_t now_tick = now_ms / TIMER_TICK_MS;

	/* After a long stop one turn visits every slot. */
	if (now_tick > w->tick + TIMER_SLOTS)
		w->tick = now_tick - TIMER_SLOTS;
	while (w->tick <= now_tick) {
		uint64_t tick = w->tick++;
		if (w->busy[tick % TIMER_SLOTS / 64] >> (tick % 64) & 1)
			slot_run(w, tick, now_ms, fn, arg);
	}
}
