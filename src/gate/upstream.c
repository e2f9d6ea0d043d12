/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "gate/upstream.h"

#include "gate/cluster.h"
#include "gate/connection.h"
#include "gate/events.h"
#include "gate/relay.h"
#include "wire/proxy_header.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define KEEPALIVE_PROBES 4

void upstream_leave(struct worker *w, struct connection *c)
{
	struct gate_upstream *u = c->upstream;

	if (!u)
		return;
	c->upstream = NULL;
	u->connections--;
	upstream_release(w, u);
}

static int upstream_socket(struct worker *w, const struct sockaddr_storage *sa, socklen_t len)
{
	const char *congestion = w->options->congestion;
	_cleanup_close_ int fd =
		socket(sa->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0)
		return -errno;
	if (*congestion && setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion,
				      (socklen_t)strlen(congestion)) < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)sa, len) < 0 && errno != EINPROGRESS)
		return -errno;
	return take_fd(&fd);
}

static int upstream_connect(struct worker *w, struct connection *c, struct gate_upstream *u)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
				 .data.u64 = (uint64_t)(uintptr_t)c | TAG_UPSTREAM};
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(&u->addr, u->port, &sa);
	_cleanup_close_ int fd = upstream_socket(w, &sa, len);

	if (fd < 0)
		return fd;
	if (epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
		return -errno;
	c->side[1] = (struct side){.fd = take_fd(&fd)};
	c->state = CONN_CONNECT;
	timer_set(&w->timers, &c->timer, w->now_ms + c->cluster->record.connect_timeout_ms);
	return 0;
}

void upstream_try(struct worker *w, struct connection *c)
{
	struct gate_upstream *u;

	while ((u = cluster_pick(c->cluster, c->tried))) {
		c->tried |= (uint16_t)(1u << u->index);
		count(w, upstream_tries_total);
		int r = upstream_connect(w, c, u);
		if (!r) {
			c->upstream = u;
			u->connections++;
			return;
		}
		count(w, upstream_failures_total);
		/* A shortage of our own says nothing about the upstream. */
		if (r == -EMFILE || r == -ENFILE || r == -ENOBUFS || r == -ENOMEM) {
			count(w, descriptors_exhausted_total);
			event_descriptors(w);
			break;
		}
		upstream_failed(w, u);
	}
	connection_refuse(w, c, REASON_NO_UPSTREAM, c->name->text, c->name->len);
}

void upstream_next(struct worker *w, struct connection *c)
{
	struct gate_upstream *u = c->upstream;

	count(w, upstream_failures_total);
	upstream_failed(w, u);
	upstream_leave(w, c);
	close(c->side[1].fd);
	c->side[1].fd = -1;
	relay_done(w, c);
	upstream_try(w, c);
}

/* PROXY v2 in front of the client's first bytes, in one send. */
static int first_bytes_send(struct worker *w, struct connection *c)
{
	struct hello_buffer *h = c->hello;
	struct sockaddr_storage sa;
	socklen_t sa_len = sizeof sa;
	uint16_t port;

	if (!c->cluster->record.proxy_v2)
		return relay_send(c, 0, h->data, h->len);
	if (getsockname(c->side[0].fd, (struct sockaddr *)&sa, &sa_len) < 0)
		return -errno;
	struct addr own = addr_from_sockaddr(&sa, &port);
	size_t len = proxy_header_format(w->buffer, &c->source, c->source_port, &own, port);
	int r = relay_send(c, 0, w->buffer, len);
	if (r < 0 || c->side[0].left)
		return r < 0 ? r : -ENOBUFS; /* 52 bytes into an empty buffer always fit */
	return relay_send(c, 0, h->data, h->len);
}

void upstream_connected(struct worker *w, struct connection *c)
{
	c->side[1].writable = true;
	c->state = CONN_ANSWER;
	if (first_bytes_send(w, c) < 0)
		upstream_next(w, c);
}

/* The first bytes are there: from now on this upstream and no other. */
static void upstream_opened(struct worker *w, struct connection *c, size_t len)
{
	c->bytes[0] += c->hello->len;
	count_add(w, GATE_bytes_up_total, c->hello->len);
	free(c->hello);
	c->hello = NULL;
	c->state = CONN_OPEN;
	upstream_ok(w, c->upstream);
	c->cluster->admitted++;
	count(w, admitted_total);
	timer_set(&w->timers, &c->timer, w->now_ms + SETTLE_MS);
	event_connection(w, GATE_EVENT_ACCEPTED, c, REASON_NONE, c->name->text, c->name->len);
	c->bytes[1] += len;
	count_add(w, GATE_bytes_down_total, len);
	if (relay_send(c, 1, w->buffer, len) < 0)
		connection_reset(w, c);
	else
		connection_queue(w, c);
}

void upstream_answer(struct worker *w, struct connection *c, uint32_t events)
{
	if (events & EPOLLERR) {
		upstream_next(w, c);
		return;
	}
	if (c->side[1].writable && c->side[0].left) {
		int r = relay_flush(c, 0);
		if (r < 0 && r != -EAGAIN) {
			upstream_next(w, c);
			return;
		}
	}
	if (!c->side[1].readable)
		return;
	ssize_t n = recv(c->side[1].fd, w->buffer, COPY_BYTES, 0);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
		c->side[1].readable = READABLE_NO;
		return;
	}
	if (n <= 0) {
		upstream_next(w, c);
		return;
	}
	if (n < COPY_BYTES && c->side[1].readable == READABLE_YES)
		c->side[1].readable = READABLE_NO;
	upstream_opened(w, c, (size_t)n);
}

void upstream_settle(struct worker *w, struct connection *c)
{
	int on = 1, idle = (int)w->options->keepalive_s, interval = idle / KEEPALIVE_PROBES + 1,
	    probes = KEEPALIVE_PROBES, fd = c->side[1].fd;

	if (!idle)
		return;
	/* Best effort: without it a dead upstream is noticed at the next byte sent. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}
