/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "gate/worker.h"

#include "gate/accept.h"
#include "gate/cluster.h"
#include "gate/connection.h"
#include "gate/endpoint.h"
#include "gate/events.h"
#include "gate/health.h"
#include "gate/link.h"
#include "gate/relay.h"
#include "gate/sweep.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#define PROBE_WAIT_MS 10 /* while checks wait for their turn */

/* With a very low limit half of it serves. */
static uint64_t descriptors_max(const struct options *o)
{
	struct rlimit limit;
	uint64_t reserved = RESERVED_FDS + 2ull * o->pipes_max + PROBES_PER_SECOND;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		limit.rlim_cur = 1024;
	return limit.rlim_cur > 2 * reserved ? limit.rlim_cur - reserved : limit.rlim_cur / 2;
}

void worker_room(struct worker *w)
{
	uint64_t taken = w->endpoints.n_listening, wanted = w->options->max_connections;
	uint64_t room = w->descriptors > taken ? w->descriptors - taken : 0;
	uint64_t max = room / 2 ? room / 2 : 1; /* two descriptors a connection */

	if (wanted && wanted < max)
		max = wanted;
	w->max_connections = max < UINT32_MAX ? (uint32_t)max : UINT32_MAX;
}

int worker_init(struct worker *w, const struct options *o, uint32_t index, uint32_t n_gates,
		struct tables *tables, struct gate_counters *counters, void *quota_map)
{
	memset(w, 0, sizeof *w);
	w->options = o;
	w->index = index;
	w->n_gates = n_gates;
	w->tables = tables;
	w->counters = counters;
	w->parent.fd = w->control.fd = -1;
	list_init(&w->hellos);
	list_init(&w->doomed);
	list_init(&w->probes_due);
	list_init(&w->dead_upstreams);
	w->now_ms = w->probe_refill_ms = clock_mono_ms();
	w->probe_tokens = PROBES_PER_SECOND;
	timers_init(&w->timers, w->now_ms);
	timer_init(&w->accept_again, TIMER_ACCEPT);
	pipes_init(&w->pipes, o->pipes_max);
	quota_init(&w->quota, quota_map, n_gates, index);
	w->descriptors = descriptors_max(o);
	worker_room(w);
	for (int i = 0; i < GATE_COUNTER_COUNT; i++)
		if (gate_counter_is_gauge((enum gate_counter)i))
			count_set(w, (enum gate_counter)i, 0);
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	return w->epoll < 0 ? -errno : 0;
}

static void all_close(struct worker *w)
{
	while (!list_is_empty(&w->hellos))
		connection_close(w, container_of(w->hellos.next, struct connection, node));
	while (!list_is_empty(&w->doomed))
		connection_reset(w, container_of(w->doomed.next, struct connection, node));
	for (uint32_t id = 0; id < w->n_clusters; id++)
		while (w->clusters[id] && !list_is_empty(&w->clusters[id]->connections))
			connection_close(w, container_of(w->clusters[id]->connections.next,
							 struct connection, node));
}

static void upstreams_reap(struct worker *w)
{
	list_foreach (it, &w->dead_upstreams)
		free(container_of(it, struct gate_upstream, node));
	list_init(&w->dead_upstreams);
}

static void run_queue(struct worker *w)
{
	struct connection *c = w->run;

	w->run = NULL;
	while (c) {
		struct connection *next = c->next;
		c->queued = false;
		switch (c->state) {
		case CONN_OPEN:
			switch (relay_run(w, c)) {
			case RELAY_IDLE:
				break;
			case RELAY_MORE:
				connection_queue(w, c);
				break;
			case RELAY_ENDED:
				connection_close(w, c);
				break;
			case RELAY_BROKEN:
				connection_reset(w, c);
				break;
			}
			break;
		case CONN_DEAD:
			c->next = w->dead;
			w->dead = c;
			break;
		default:
			break;
		}
		c = next;
	}
}

void worker_done(struct worker *w)
{
	all_close(w);
	run_queue(w);
	connections_reap(w);
	gate_endpoints_done(w);
	clusters_done(w);
	upstreams_reap(w);
	pipes_done(&w->pipes);
	for (size_t i = 0; i < w->n_listeners; i++)
		close(w->listeners[i].source.fd);
	if (w->control.fd >= 0)
		close(w->control.fd);
	if (w->snapshot)
		tables_release(w->snapshot);
	close(w->epoll);
}

int worker_watch(struct worker *w, struct source *s, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.u64 = (uint64_t)(uintptr_t)s | TAG_SOURCE};

	return epoll_ctl(w->epoll, EPOLL_CTL_ADD, s->fd, &ev) < 0 ? -errno : 0;
}

void worker_unwatch(struct worker *w, struct source *s)
{
	close(s->fd);
	s->fd = -1;
}

struct tables_snapshot *worker_snapshot(struct worker *w)
{
	if (!w->snapshot) {
		w->snapshot = tables_acquire(w->tables);
		if (!w->snapshot) {
			count(w, tables_unreadable_total);
			event_tables(w, 0, NULL);
		}
	}
	return w->snapshot;
}

static void snapshot_release(struct worker *w)
{
	if (w->snapshot)
		tables_release(w->snapshot);
	w->snapshot = NULL;
}

static void event_dispatch(struct worker *w, const struct epoll_event *ev)
{
	void *p = (void *)(uintptr_t)(ev->data.u64 & ~(uint64_t)TAG_MASK);
	struct source *s = p;

	switch ((enum event_tag)(ev->data.u64 & TAG_MASK)) {
	case TAG_CLIENT:
		connection_client_ready(w, p, ev->events);
		return;
	case TAG_UPSTREAM:
		connection_upstream_ready(w, p, ev->events);
		return;
	default:
		if (s->fd >= 0) /* closed earlier in this batch */
			s->ready(w, s, ev->events);
		return;
	}
}

static void timer_fired(struct timer *t, void *arg)
{
	struct worker *w = arg;

	switch ((enum timer_kind)t->kind) {
	case TIMER_CONNECTION:
		connection_timer(w, container_of(t, struct connection, timer));
		return;
	case TIMER_PROBE:
		health_timer(w, container_of(container_of(t, struct probe, timer),
					     struct gate_upstream, probe));
		return;
	case TIMER_ACCEPT:
		link_resume(w);
		listeners_start(w);
		return;
	}
}

static int turn_wait(struct worker *w, int timeout_ms)
{
	int wait = timers_wait(&w->timers, w->now_ms);

	if (w->run || w->bell || !list_is_empty(&w->doomed) || w->stopping)
		return 0;
	if (!list_is_empty(&w->probes_due) || w->rung_ns)
		wait = wait < 0 || wait > PROBE_WAIT_MS ? PROBE_WAIT_MS : wait;
	if (timeout_ms >= 0 && (wait < 0 || wait > timeout_ms))
		wait = timeout_ms;
	return wait;
}

void worker_turn(struct worker *w, int timeout_ms)
{
	static struct epoll_event events[BATCH_EVENTS];
	int n = epoll_wait(w->epoll, events, BATCH_EVENTS, turn_wait(w, timeout_ms));

	w->now_ms = clock_mono_ms();
	for (int i = 0; i < n; i++)
		event_dispatch(w, &events[i]);
	run_queue(w);
	timers_run(&w->timers, w->now_ms, timer_fired, w);
	health_run(w);
	snapshot_release(w);
	if (w->bell)
		sweep_begin(w);
	snapshot_release(w);
	sweep_cut(w);
	events_flush(w);
	count_set(w, GATE_pipes, w->pipes.count);
	connections_reap(w);
	endpoints_reap(w);
	upstreams_reap(w);
}
