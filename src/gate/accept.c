/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "gate/accept.h"

#include "gate/connection.h"
#include "gate/endpoint.h"
#include "gate/events.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

static bool peer_is_trusted(const struct worker *w, const struct addr *peer)
{
	for (size_t i = 0; i < w->options->n_trusted; i++)
		if (prefix_contains(&w->options->trusted[i], peer))
			return true;
	return false;
}

static void client_watch(struct worker *w, struct connection *c)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
				 .data.u64 = (uint64_t)(uintptr_t)c | TAG_CLIENT};

	if (epoll_ctl(w->epoll, EPOLL_CTL_ADD, c->side[0].fd, &ev) < 0)
		connection_reset(w, c);
}

void connection_accept(struct worker *w, int fd, const struct addr *peer, uint16_t port,
		       struct gate_endpoint *endpoint)
{
	struct connection *c = connection_new(w, fd, peer, port);

	count(w, accepted_total);
	if (!c)
		return;
	if (endpoint) {
		/* Balancers are outside of networks; an address in here that equals one of theirs is somebody else's. */
		c->endpoint = endpoint_get(endpoint);
		count(w, accepted_private_total);
	} else if (w->options->n_trusted && peer_is_trusted(w, peer)) {
		c->state = CONN_PROXY;
	}
	/* TCP_DEFER_ACCEPT: it comes with its first bytes, so read them before asking epoll for more. */
	connection_hello(w, c);
	if (c->state != CONN_DEAD)
		client_watch(w, c);
}

/* Room for one more: at the limit, or when half of it is taken by unfinished ClientHellos, the oldest of these gives way. */
static bool room_is_made(struct worker *w)
{
	if (w->n_connections < w->max_connections && w->n_hellos < w->max_connections / 2)
		return true;
	if (list_is_empty(&w->hellos))
		return w->n_connections < w->max_connections;
	struct connection *oldest = container_of(w->hellos.next, struct connection, node);
	connection_refuse(w, oldest, REASON_HELLO_EVICTED, NULL, 0);
	return true;
}

void listeners_rest(struct worker *w)
{
	count(w, descriptors_exhausted_total);
	event_descriptors(w);
	listeners_pause(w);
	timer_set(&w->timers, &w->accept_again, w->now_ms + CLIENT_WAIT_MS);
}

int accept_burst(struct worker *w, int listening_fd, struct gate_endpoint *endpoint)
{
	struct sockaddr_storage sa;

	/* Paused: stop at the first that is still to come of this batch. */
	for (int i = 0; i < ACCEPT_BURST && w->listening; i++) {
		socklen_t len = sizeof sa;
		uint16_t port = 0;
		if (!room_is_made(w)) {
			listeners_rest(w);
			return 0;
		}
		int fd = accept4(listening_fd, (struct sockaddr *)&sa, &len,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0) {
			if (errno == EAGAIN || errno == EWOULDBLOCK)
				return 0;
			if (errno == EINVAL)
				return -EINVAL;
			if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
			    errno == ENOMEM)
				listeners_rest(w);
			continue; /* that connection is gone already; the next may be fine */
		}
		struct addr peer = addr_from_sockaddr(&sa, &port);
		connection_accept(w, fd, &peer, port, endpoint);
	}
	return 0;
}

static void listener_ready(struct worker *w, struct source *s, uint32_t events)
{
	(void)!accept_burst(w, s->fd, NULL);
}

int listener_add(struct worker *w, int fd, const struct addr *addr, uint16_t port)
{
	if (w->n_listeners == LISTENERS_MAX)
		return -ERR_TOO_LARGE;
	w->listeners[w->n_listeners++] = (struct listener){
		.source = {.fd = fd, .ready = listener_ready}, .addr = *addr, .port = port};
	return 0;
}

void listeners_start(struct worker *w)
{
	/* The parent's descriptors come first. */
	if (w->listening || w->stopping || w->parent_waits)
		return;
	w->listening = true;
	for (size_t i = 0; i < w->n_listeners; i++) {
		/* Level-triggered: what a burst leaves behind is reported again. */
		if (worker_watch(w, &w->listeners[i].source, EPOLLIN) < 0) {
			listeners_rest(w);
			return;
		}
	}
	if (endpoints_watch(w) < 0)
		listeners_rest(w);
}

void listeners_pause(struct worker *w)
{
	if (!w->listening)
		return;
	w->listening = false;
	endpoints_unwatch(w);
	for (size_t i = 0; i < w->n_listeners; i++)
		(void)epoll_ctl(w->epoll, EPOLL_CTL_DEL, w->listeners[i].source.fd, NULL);
}
