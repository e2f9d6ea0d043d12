/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "gate/health.h"

#include "gate/cluster.h"
#include "model/cluster.h"
#include "wire/client_hello.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>

/* PROXY protocol v2, command LOCAL, no addresses: "this is the balancer itself". */
static const uint8_t proxy_local[16] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51,
					0x55, 0x49, 0x54, 0x0a, 0x20, 0x00, 0x00, 0x00};

static struct gate_upstream *upstream_of(struct source *s)
{
	return container_of(container_of(s, struct probe, source), struct gate_upstream, probe);
}

/* The next check: never exactly at the interval, so that checks of many upstreams spread out. */
static void probe_schedule(struct worker *w, struct gate_upstream *u, uint32_t in_ms)
{
	uint32_t jitter;

	if (getrandom(&jitter, sizeof jitter, GRND_NONBLOCK) != sizeof jitter)
		jitter = 0;
	timer_set(&w->timers, &u->probe.timer, w->now_ms + in_ms + jitter % (in_ms / 10 + 1));
}

void health_init(struct gate_upstream *u)
{
	u->probe.source.fd = -1;
	timer_init(&u->probe.timer, TIMER_PROBE);
	list_init(&u->probe.due);
}

static bool probe_is_active(const struct gate_upstream *u)
{
	return u->probe.source.fd >= 0 || timer_is_set(&u->probe.timer) ||
	       !list_is_empty(&u->probe.due);
}

void health_start(struct worker *w, struct gate_upstream *u)
{
	if (u->cluster->record.health_kind == HEALTH_NONE) {
		health_stop(w, u);
		return;
	}
	if (!probe_is_active(u))
		list_append(&w->probes_due, &u->probe.due);
}

void health_soon(struct worker *w, struct gate_upstream *u)
{
	if (u->probe.source.fd >= 0 || !list_is_empty(&u->probe.due))
		return;
	timer_cancel(&u->probe.timer);
	health_start(w, u);
}

void health_stop(struct worker *w, struct gate_upstream *u)
{
	list_remove(&u->probe.due);
	timer_cancel(&u->probe.timer);
	if (u->probe.source.fd >= 0)
		worker_unwatch(w, &u->probe.source);
}

static void probe_end(struct worker *w, struct gate_upstream *u, bool ok)
{
	struct linger reset = {.l_onoff = 1};

	if (u->probe.source.fd >= 0) {
		/* Leave no TIME_WAIT behind: checks come for ever. */
		(void)setsockopt(u->probe.source.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
		worker_unwatch(w, &u->probe.source);
	}
	probe_schedule(w, u, u->cluster->record.health_interval_ms);
	if (ok) {
		upstream_ok(w, u);
	} else {
		count(w, health_failures_total);
		upstream_failed(w, u);
	}
}

static int probe_send(struct gate_upstream *u)
{
	uint8_t out[sizeof proxy_local + 512], random[32];
	size_t len = 0;

	if (getrandom(random, sizeof random, GRND_NONBLOCK) != (ssize_t)sizeof random)
		return -1;
	if (u->cluster->record.proxy_v2) {
		memcpy(out, proxy_local, sizeof proxy_local);
		len = sizeof proxy_local;
	}
	size_t hello = client_hello_format(out + len, sizeof out - len, NULL, random);
	if (!hello)
		return -1;
	len += hello;
	/* The first bytes of a connection always fit into the send buffer. */
	return send(u->probe.source.fd, out, len, MSG_NOSIGNAL) == (ssize_t)len ? 0 : -1;
}

static void probe_ready(struct worker *w, struct source *s, uint32_t events)
{
	struct gate_upstream *u = upstream_of(s);
	uint8_t first;

	if (u->probe.sent && events & EPOLLIN) {
		ssize_t n = recv(s->fd, &first, 1, 0);
		/* A handshake record or an alert: either way it speaks TLS. */
		probe_end(w, u, n == 1 && (first == 0x16 || first == 0x15));
		return;
	}
	if (events & (EPOLLERR | EPOLLHUP)) {
		probe_end(w, u, false);
		return;
	}
	if (u->probe.sent || !(events & EPOLLOUT))
		return;
	if (u->cluster->record.health_kind == HEALTH_TCP) {
		probe_end(w, u, true);
		return;
	}
	u->probe.sent = true;
	if (probe_send(u) < 0)
		probe_end(w, u, false);
}

static void probe_start(struct worker *w, struct gate_upstream *u)
{
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(&u->addr, u->port, &sa);
	int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		/* Our own shortage says nothing about the upstream. */
		probe_schedule(w, u, u->cluster->record.health_interval_ms);
		return;
	}
	count(w, health_checks_total);
	u->probe.sent = false;
	u->probe.source = (struct source){.fd = fd, .ready = probe_ready};
	timer_set(&w->timers, &u->probe.timer, w->now_ms + u->cluster->record.health_timeout_ms);
	if ((connect(fd, (struct sockaddr *)&sa, len) < 0 && errno != EINPROGRESS) ||
	    worker_watch(w, &u->probe.source, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET) < 0)
		probe_end(w, u, false);
}

void health_timer(struct worker *w, struct gate_upstream *u)
{
	if (u->probe.source.fd >= 0)
		probe_end(w, u, false); /* no answer in time */
	else
		list_append(&w->probes_due, &u->probe.due);
}

void health_run(struct worker *w)
{
	if (list_is_empty(&w->probes_due))
		return;
	uint64_t earned = (w->now_ms - w->probe_refill_ms) * PROBES_PER_SECOND / 1000;
	if (earned) {
		w->probe_refill_ms = w->now_ms;
		w->probe_tokens = (uint32_t)(earned + w->probe_tokens);
		if (w->probe_tokens > PROBES_PER_SECOND)
			w->probe_tokens = PROBES_PER_SECOND;
	}
	while (w->probe_tokens && !list_is_empty(&w->probes_due)) {
		struct probe *p = container_of(w->probes_due.next, struct probe, due);
		list_remove(&p->due);
		w->probe_tokens--;
		probe_start(w, container_of(p, struct gate_upstream, probe));
	}
}
