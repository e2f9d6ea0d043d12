/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/log.h"
#include "dns/tcp_int.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

int tcps_init(struct dns_worker *w)
{
	struct rlimit limit;
	struct tcps *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		limit.rlim_cur = 1024;
	t->descriptors = limit.rlim_cur;
	list_init(&t->idle);
	list_init(&t->busy);
	list_init(&t->run);
	list_init(&t->dead);
	timer_init(&t->timer, DNS_TIMER_TCP);
	w->tcps = t;
	return 0;
}

/* --- sources ---------------------------------------------------------------------------------------------------- */

static struct tcp_source *source_get(struct dns_worker *w, uint32_t router, const struct addr *addr)
{
	const uint64_t hash = dns_source_hash(w, router, addr);
	struct tcp_source **bucket = &w->tcps->sources[hash % TCP_SOURCES], *s;

	for (s = *bucket; s; s = s->next) {
		if (s->hash == hash)
			return s;
	}
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->hash = hash;
	list_init(&s->connections);
	s->next = *bucket;
	*bucket = s;
	return s;
}

/* If it has no connections. */
static void source_release(struct dns_worker *w, struct tcp_source *s)
{
	struct tcp_source **p = &w->tcps->sources[s->hash % TCP_SOURCES];

	if (s->n > 0)
		return;
	while (*p != s)
		p = &(*p)->next;
	*p = s->next;
	free(s);
}

/* --- life ------------------------------------------------------------------------------------------------------- */

void tcp_touch(struct dns_worker *w, struct tcp *c)
{
	struct tcps *t = w->tcps;

	c->done_ms = w->now_ms;
	c->is_among_busy = tcp_is_busy(c);
	list_remove(&c->node);
	list_append(c->is_among_busy ? &t->busy : &t->idle, &c->node);
	list_remove(&c->by_source);
	list_append(&c->of->connections, &c->by_source);
}

void tcp_queue(struct dns_worker *w, struct tcp *c)
{
	if (c->source.fd >= 0 && list_is_empty(&c->run))
		list_append(&w->tcps->run, &c->run);
}

static struct tcp *tcp_new(struct dns_worker *w, struct dns_socket *s, struct tcp_source *of,
			   const struct addr *addr, uint16_t port, int fd)
{
	struct tcp *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->source = (struct source){.ready = tcp_ready, .fd = fd};
	c->events = EPOLLIN;
	if (dns_worker_watch(w, &c->source, c->events) < 0) {
		free(c);
		return NULL;
	}
	list_init(&c->node);
	list_init(&c->by_source);
	list_init(&c->run);
	c->socket = s;
	dns_socket_get(s);
	c->addr = *addr;
	c->port = port;
	c->of = of;
	of->n++;
	s->served->n_tcp++;
	w->tcps->n++;
	dns_count_set(w, DNS_tcp_connections, w->tcps->n);
	tcp_touch(w, c);
	if (!timer_is_set(&w->tcps->timer))
		timer_set(&w->timers, &w->tcps->timer, w->now_ms + TCP_SWEEP_MS);
	return c;
}

void tcp_close(struct dns_worker *w, struct tcp *c)
{
	struct tcp_stream *stream = c->stream;

	if (c->source.fd < 0)
		return;
	dns_worker_unwatch(w, &c->source);
	list_remove(&c->node);
	list_remove(&c->by_source);
	list_remove(&c->run);
	c->of->n--;
	source_release(w, c->of);
	c->of = NULL;
	c->socket->served->n_tcp--;
	w->tcps->n--;
	dns_count_set(w, DNS_tcp_connections, w->tcps->n);
	tcp_octets_free(w, &c->out);
	tcp_octets_free(w, &c->held);
	/* A query in them may be under way; they no longer count. */
	w->tcps->kept -= c->in.cap;
	c->in.cap = 0;
	c->stream = NULL;
	if (c->refs == 0)
		list_append(&w->tcps->dead, &c->node);
	if (stream)
		stream->end(w, stream);
}

void tcp_ref(struct tcp *c)
{
	c->refs++;
}

void tcp_put(struct dns_worker *w, struct tcp *c)
{
	assert(c->refs > 0);
	c->refs--;
	if (c->source.fd >= 0)
		tcp_queue(w, c);
	else if (c->refs == 0)
		list_append(&w->tcps->dead, &c->node);
}

void tcps_reap(struct dns_worker *w)
{
	while (!list_is_empty(&w->tcps->dead)) {
		struct tcp *c = container_of(w->tcps->dead.next, struct tcp, node);

		list_remove(&c->node);
		tcp_octets_free(w, &c->in);
		dns_socket_put(w, c->socket);
		free(c);
	}
}

static void list_close(struct dns_worker *w, struct list *l)
{
	while (!list_is_empty(l))
		tcp_close(w, container_of(l->next, struct tcp, node));
}

void tcps_close_all(struct dns_worker *w)
{
	if (!w->tcps)
		return;
	list_close(w, &w->tcps->idle);
	list_close(w, &w->tcps->busy);
}

void tcps_done(struct dns_worker *w)
{
	if (!w->tcps)
		return;
	tcps_reap(w);
	timer_cancel(&w->tcps->timer);
	free(w->tcps);
	w->tcps = NULL;
}

void tcps_close_of(struct dns_worker *w, const struct dns_socket *s)
{
	struct list *lists[2];

	if (!w->tcps)
		return;
	lists[0] = &w->tcps->idle;
	lists[1] = &w->tcps->busy;
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		list_foreach (it, lists[i]) {
			struct tcp *c = container_of(it, struct tcp, node);

			if (c->socket == s)
				tcp_close(w, c);
		}
}

/* --- a turn ----------------------------------------------------------------------------------------------------- */

bool tcps_has_more(const struct dns_worker *w)
{
	return !list_is_empty(&w->tcps->run);
}

/* Those that queue themselves again are left for the next turn. */
void tcps_run(struct dns_worker *w)
{
	struct list now;

	list_init(&now);
	while (!list_is_empty(&w->tcps->run)) {
		struct list *it = w->tcps->run.next;

		list_remove(it);
		list_append(&now, it);
	}
	while (!list_is_empty(&now)) {
		struct tcp *c = container_of(now.next, struct tcp, run);

		list_remove(&c->run);
		tcp_run(w, c);
	}
}

/* How long one may do nothing: the less the more are open. */
static uint64_t idle_ms(const struct tcps *t, uint32_t max)
{
	const uint32_t half = max / 2 ? max / 2 : 1;
	const uint32_t left = t->n < max ? max - t->n : 0;

	return left >= half
		       ? TCP_IDLE_MS
		       : TCP_IDLE_LEAST + (uint64_t)(TCP_IDLE_MS - TCP_IDLE_LEAST) * left / half;
}

static uint32_t tcps_max(const struct dns_worker *w)
{
	const uint64_t kept = TCP_FDS_KEPT + w->n_sockets, limit = w->tcps->descriptors;
	const uint64_t max = limit > kept + limit / 4 ? limit - kept : limit / 4;

	return max < TCP_MAX ? (uint32_t)max : TCP_MAX;
}

void tcps_timer(struct dns_worker *w, struct timer *timer)
{
	struct tcps *t = w->tcps;
	const uint32_t max = tcps_max(w);

	list_foreach (it, &t->idle) {
		struct tcp *c = container_of(it, struct tcp, node);

		if (w->now_ms - c->done_ms < idle_ms(t, max))
			break;
		/* It may have come to owe answers since. */
		if (tcp_is_busy(c))
			tcp_touch(w, c);
		else
			tcp_close(w, c);
	}
	list_foreach (it, &t->busy) {
		struct tcp *c = container_of(it, struct tcp, node);

		if (w->now_ms - c->done_ms < idle_ms(t, max))
			break;
		/* It is not the peer who lets us wait. */
		if (c->out.len == 0 && tcp_is_busy(c))
			tcp_touch(w, c);
		else
			tcp_close(w, c);
	}
	if (t->n > 0)
		timer_set(&w->timers, timer, w->now_ms + TCP_SWEEP_MS);
}

/* --- taking connections ----------------------------------------------------------------------------------------- */

/* Of one network, or of any (NULL). */
static bool make_room(struct dns_worker *w, const struct served *of)
{
	list_foreach (it, &w->tcps->idle) {
		struct tcp *c = container_of(it, struct tcp, node);

		if (tcp_is_busy(c)) {
			tcp_touch(w, c);
		} else if (!of || c->socket->served == of) {
			tcp_close(w, c);
			return true;
		}
	}
	return false;
}

bool tcps_make_room(struct dns_worker *w)
{
	return make_room(w, NULL);
}

/* The same if there is no place for one more, in all or for one network. */
static bool has_room(struct dns_worker *w, const struct served *s)
{
	const uint32_t max = tcps_max(w);

	if (s->n_tcp >= TCP_SHARE(max) && !make_room(w, s))
		return false;
	return w->tcps->n < max || make_room(w, NULL);
}

/* The same among those of one source. */
static bool source_make_room(struct dns_worker *w, struct tcp_source *s)
{
	if (s->n < TCP_EACH)
		return true;
	list_foreach (it, &s->connections) {
		struct tcp *c = container_of(it, struct tcp, by_source);

		if (tcp_is_busy(c))
			continue;
		tcp_close(w, c);
		return true;
	}
	return false;
}

static void take(struct dns_worker *w, struct dns_socket *s, int fd,
		 const struct sockaddr_storage *sa)
{
	struct tcp_source *of;
	uint16_t port;
	const struct addr addr = addr_from_sockaddr(sa, &port);

	of = has_room(w, s->served) ? source_get(w, s->at.network, &addr) : NULL;
	if (of && source_make_room(w, of) && tcp_new(w, s, of, &addr, port, fd)) {
		dns_count(w, tcp_accepted_total);
		return;
	}
	if (of)
		source_release(w, of);
	dns_count(w, tcp_refused_total);
	close(fd);
}

/* True: go on with the next. */
static bool accept_failed(struct dns_worker *w, struct dns_socket *s, int error)
{
	switch (error) {
	case EAGAIN:
		return false;
	case EINVAL:
		/* Somebody in its network ended it: it would be reported for ever. netd opens another. */
		log_event(LOG_WARN, "endpoint.ended", LF_UINT("network", s->at.network));
		dns_socket_close(w, &s->at, true);
		return false;
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		if (tcps_make_room(w))
			return true;
		log_event(LOG_WARN, "descriptors.exhausted", LF_UINT("connections", w->tcps->n));
		dns_sockets_rest(w);
		return false;
	default:
		return true; /* that connection is gone already; the next may be fine */
	}
}

void tcps_accept(struct dns_worker *w, struct source *source, uint32_t events)
{
	struct dns_socket *s = container_of(source, struct dns_socket, source);

	/* Rested: stop at the first that is still to come of this batch. */
	for (int i = 0; i < TCP_ACCEPT_BURST && s->is_watched; i++) {
		struct sockaddr_storage sa;
		socklen_t len = sizeof(sa);
		int fd = accept4(source->fd, (struct sockaddr *)&sa, &len,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0)
			take(w, s, fd, &sa);
		else if (!accept_failed(w, s, errno))
			return;
	}
}
