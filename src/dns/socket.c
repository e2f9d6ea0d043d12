/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dns/worker.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define BUCKETS	   4096u
#define SEND_BYTES (128 << 10) /* of answers that a peer does not take, in the kernel */

int dns_sockets_init(struct dns_worker *w)
{
	list_init(&w->closed);
	w->sockets = malloc(BUCKETS * sizeof(*w->sockets));
	if (!w->sockets)
		return -ENOMEM;
	for (size_t i = 0; i < BUCKETS; i++)
		list_init(&w->sockets[i]);
	return 0;
}

/* Places come from our own tables: a plain hash will do. */
static struct list *bucket_of(const struct dns_worker *w, const struct msg_endpoint *at,
			      bool is_tcp)
{
	uint64_t h = at->network;

	h = (h ^ at->addr.lo ^ (uint64_t)at->port << 32 ^ is_tcp) * 0x9e3779b97f4a7c15u;
	h = (h ^ h >> 32 ^ at->addr.hi) * 0x9e3779b97f4a7c15u;
	return &w->sockets[(h >> 32) % BUCKETS];
}

static struct dns_socket *socket_find(const struct dns_worker *w, const struct msg_endpoint *at,
				      bool is_tcp)
{
	list_foreach (it, bucket_of(w, at, is_tcp)) {
		struct dns_socket *s = container_of(it, struct dns_socket, node);

		if (s->is_tcp == is_tcp && s->at.network == at->network && s->at.port == at->port &&
		    addr_is_equal(&s->at.addr, &at->addr))
			return s;
	}
	return NULL;
}

/* --- watching --------------------------------------------------------------------------------------------------- */

static int socket_watch(struct dns_worker *w, struct dns_socket *s)
{
	int r = dns_worker_watch(w, &s->source, EPOLLIN | EPOLLEXCLUSIVE);

	s->is_watched = r == 0;
	return r;
}

void dns_sockets_watch(struct dns_worker *w)
{
	for (size_t i = 0; i < BUCKETS && w->tables; i++)
		list_foreach (it, &w->sockets[i]) {
			struct dns_socket *s = container_of(it, struct dns_socket, node);

			if (!s->is_watched && socket_watch(w, s) < 0)
				dns_worker_retry(w);
		}
}

void dns_sockets_rest(struct dns_worker *w)
{
	for (size_t i = 0; i < BUCKETS; i++)
		list_foreach (it, &w->sockets[i]) {
			struct dns_socket *s = container_of(it, struct dns_socket, node);

			if (!s->is_tcp || !s->is_watched)
				continue;
			(void)epoll_ctl(w->epoll, EPOLL_CTL_DEL, s->source.fd, NULL);
			s->is_watched = false;
		}
	dns_worker_retry(w);
}

/* --- life ------------------------------------------------------------------------------------------------------- */

void dns_socket_get(struct dns_socket *s)
{
	s->refs++;
}

void dns_socket_put(struct dns_worker *w, struct dns_socket *s)
{
	if (--s->refs == 0)
		list_append(&w->closed, &s->node);
}

static void socket_end(struct dns_worker *w, struct dns_socket *s)
{
	list_remove(&s->node);
	w->n_sockets--;
	dns_count_set(w, DNS_sockets, w->n_sockets);
	/* Others have the same open file: closing alone would leave it in the event loop. */
	if (s->is_watched)
		(void)epoll_ctl(w->epoll, EPOLL_CTL_DEL, s->source.fd, NULL);
	dns_worker_unwatch(w, &s->source);
	if (s->is_tcp)
		tcps_close_of(w, s);
	dns_socket_put(w, s);
}

void dns_socket_close(struct dns_worker *w, const struct msg_endpoint *at, bool is_tcp)
{
	struct dns_socket *s = socket_find(w, at, is_tcp);

	if (s)
		socket_end(w, s);
}

static struct dns_socket *socket_new(struct dns_worker *w, const struct msg_endpoint *at,
				     bool is_tcp, int fd)
{
	struct dns_socket *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	list_init(&s->node);
	s->source = (struct source){.ready = is_tcp ? tcps_accept : udp_ready, .fd = fd};
	s->at = *at;
	s->is_tcp = is_tcp;
	s->is_wildcard = !is_tcp && addr_is_wildcard(&at->addr);
	s->refs = 1;
	s->served = served_get(w, at->network);
	if (s->served)
		return s;
	free(s);
	return NULL;
}

int dns_socket_open(struct dns_worker *w, const struct msg_endpoint *at, bool is_tcp, int fd)
{
	struct dns_socket *s;
	int r;

	dns_socket_close(w, at, is_tcp);
	s = socket_new(w, at, is_tcp, fd);
	if (!s) {
		close(fd);
		return -ENOMEM;
	}
	list_append(bucket_of(w, at, is_tcp), &s->node);
	w->n_sockets++;
	dns_count_set(w, DNS_sockets, w->n_sockets);
	/* Connections have it from their listener. */
	if (is_tcp) {
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(const int){1}, sizeof(int));
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &(const int){SEND_BYTES}, sizeof(int));
	}
	r = s->is_wildcard ? udp_wildcard(fd) : 0;
	if (r < 0) {
		socket_end(w, s);
		return r;
	}
	if (w->tables && socket_watch(w, s) < 0)
		dns_worker_retry(w);
	return 0;
}

void dns_sockets_reap(struct dns_worker *w)
{
	while (!list_is_empty(&w->closed)) {
		struct dns_socket *s = container_of(w->closed.next, struct dns_socket, node);

		list_remove(&s->node);
		served_put(w, s->served);
		free(s);
	}
}

void dns_sockets_done(struct dns_worker *w)
{
	for (size_t i = 0; i < BUCKETS && w->sockets; i++)
		while (!list_is_empty(&w->sockets[i]))
			socket_end(w, container_of(w->sockets[i].next, struct dns_socket, node));
	dns_sockets_reap(w);
	free(w->sockets);
}
