/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dns/tcp_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>

/* --- blocks ----------------------------------------------------------------------------------------------------- */

void tcp_octets_free(struct dns_worker *w, struct octets *o)
{
	w->tcps->kept -= o->cap;
	free(o->p);
	*o = (struct octets){0};
}

/* The first from `it` on of those that keep octets, but for c; NULL: there is none. */
static struct tcp *keeper_from(const struct list *end, struct list *it, const struct tcp *c)
{
	for (; it != end; it = it->next) {
		struct tcp *other = container_of(it, struct tcp, node);

		if (other != c && other->in.cap + other->out.cap + other->held.cap > 0)
			return other;
	}
	return NULL;
}

/* Who has done nothing for the longest time gives his octets up: those of a query that is not whole, or of answers that he does not take. */
static bool kept_make_room(struct dns_worker *w, const struct tcp *c, size_t n)
{
	struct tcps *t = w->tcps;
	struct list *idle = t->idle.next, *busy = t->busy.next;

	while (t->kept + n > TCP_KEPT_MAX) {
		struct tcp *of_idle = keeper_from(&t->idle, idle, c);
		struct tcp *of_busy = keeper_from(&t->busy, busy, c);

		idle = of_idle ? &of_idle->node : &t->idle;
		busy = of_busy ? &of_busy->node : &t->busy;
		if (of_idle && (!of_busy || of_idle->done_ms <= of_busy->done_ms)) {
			idle = idle->next;
			tcp_close(w, of_idle);
		} else if (of_busy) {
			busy = busy->next;
			tcp_close(w, of_busy);
		} else {
			return false;
		}
	}
	return true;
}

/* Room for n more behind what is there. */
static int octets_grow(struct dns_worker *w, struct tcp *c, struct octets *o, size_t n)
{
	size_t cap = o->cap ? o->cap : 64;
	uint8_t *grown;

	if (o->at > 0) {
		memmove(o->p, o->p + o->at, o->len - o->at);
		o->len -= o->at;
		o->at = 0;
	}
	while (cap < o->len + n)
		cap *= 2;
	if (cap == o->cap)
		return 0;
	if (!kept_make_room(w, c, cap - o->cap))
		return -ENOBUFS;
	grown = realloc(o->p, cap);
	if (!grown)
		return -ENOMEM;
	w->tcps->kept += cap - o->cap;
	o->p = grown;
	o->cap = (uint32_t)cap;
	return 0;
}

static int octets_append(struct dns_worker *w, struct tcp *c, struct octets *o, const uint8_t *p,
			 size_t n)
{
	int r = n ? octets_grow(w, c, o, n) : 0;

	if (r < 0)
		return r;
	if (n)
		memcpy(o->p + o->len, p, n);
	o->len += (uint32_t)n;
	return 0;
}

static void octets_take(struct dns_worker *w, struct octets *o, size_t n)
{
	o->at += (uint32_t)n;
	if (o->at == o->len)
		tcp_octets_free(w, o);
}

static size_t octets_left(const struct octets *o)
{
	return o->len - o->at;
}

/* --- what epoll is asked for ------------------------------------------------------------------------------------ */

/* May another query be taken? */
static bool may_take(const struct tcp *c)
{
	return !c->stream && c->refs < TCP_OWED_MAX && octets_left(&c->out) <= TCP_OUT_MAX;
}

static void watch(struct dns_worker *w, struct tcp *c)
{
	const uint32_t events =
		(!c->ended && may_take(c) ? EPOLLIN : 0) | (c->out.len > 0 ? EPOLLOUT : 0);
	struct epoll_event ev = {.events = events, .data.ptr = &c->source};

	if (events == c->events)
		return;
	c->events = events;
	if (epoll_ctl(w->epoll, EPOLL_CTL_MOD, c->source.fd, &ev) < 0)
		tcp_close(w, c);
}

/* --- out -------------------------------------------------------------------------------------------------------- */

/* How many of them the peer took; -errno: it is gone. */
static ssize_t vector_send(struct tcp *c, struct iovec *v, size_t n)
{
	struct msghdr m = {.msg_iov = v, .msg_iovlen = n};
	ssize_t sent;

	do
		sent = sendmsg(c->source.fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
	return sent;
}

/* Send n pieces, or keep what the peer does not take. False: the connection is closed. */
static bool put(struct dns_worker *w, struct tcp *c, const struct iovec *pieces, size_t n)
{
	ssize_t sent = c->out.len ? 0 : vector_send(c, (struct iovec *)(uintptr_t)pieces, n);

	if (sent > 0)
		tcp_touch(w, c);
	for (size_t i = 0; i < n && sent >= 0; i++) {
		const size_t skip =
			(size_t)sent < pieces[i].iov_len ? (size_t)sent : pieces[i].iov_len;

		sent -= (ssize_t)skip;
		if (octets_append(w, c, &c->out, (uint8_t *)pieces[i].iov_base + skip,
				  pieces[i].iov_len - skip) < 0)
			sent = -1;
	}
	if (sent >= 0)
		return true;
	tcp_close(w, c);
	return false;
}

static bool flush(struct dns_worker *w, struct tcp *c)
{
	struct iovec v;
	ssize_t n;

	if (c->out.len == 0)
		return true;
	v = (struct iovec){c->out.p + c->out.at, octets_left(&c->out)};
	n = vector_send(c, &v, 1);
	if (n < 0) {
		tcp_close(w, c);
		return false;
	}
	if (n > 0) {
		octets_take(w, &c->out, (size_t)n);
		tcp_touch(w, c);
	}
	return true;
}

static void length_put(uint8_t p[TCP_LENGTH], size_t len)
{
	p[0] = (uint8_t)(len >> 8);
	p[1] = (uint8_t)len;
}

bool tcp_send(struct dns_worker *w, struct tcp *c, const uint8_t *message, size_t len)
{
	uint8_t length[TCP_LENGTH];
	const struct iovec v[2] = {{length, sizeof(length)}, {(void *)(uintptr_t)message, len}};

	if (c->source.fd < 0 || len > DNS_MESSAGE_MAX)
		return false;
	length_put(length, len);
	if (c->stream) {
		if (octets_append(w, c, &c->held, length, sizeof(length)) == 0 &&
		    octets_append(w, c, &c->held, message, len) == 0)
			return true;
		tcp_close(w, c);
		return false;
	}
	if (!put(w, c, v, 2))
		return false;
	tcp_queue(w, c);
	return true;
}

/* --- streams ---------------------------------------------------------------------------------------------------- */

bool tcp_stream(struct dns_worker *w, struct tcp *c, struct tcp_stream *s)
{
	if (c->stream || c->source.fd < 0)
		return false;
	c->stream = s;
	tcp_queue(w, c);
	return true;
}

/* What was held back meanwhile goes out. False: the connection is closed. */
static bool stream_end(struct dns_worker *w, struct tcp *c)
{
	struct tcp_stream *s = c->stream;
	struct octets held = c->held;
	const struct iovec v = {held.p, held.len};
	bool open = true;

	c->stream = NULL;
	c->held = (struct octets){0};
	s->end(w, s);
	if (held.len && c->source.fd >= 0)
		open = put(w, c, &v, 1);
	tcp_octets_free(w, &held);
	return open && c->source.fd >= 0;
}

/* As much as the peer takes, and no more than a turn's share. */
static bool stream_run(struct dns_worker *w, struct tcp *c)
{
	struct tcps *t = w->tcps;

	for (int i = 0; c->stream && c->out.len == 0; i++) {
		struct iovec v = {t->out, 0};
		size_t n;

		if (i == TCP_READ_BUDGET) {
			tcp_queue(w, c);
			return true;
		}
		n = c->stream->more(w, c->stream, t->out + TCP_LENGTH, DNS_MESSAGE_MAX);
		if (c->source.fd < 0)
			return false;
		if (n == 0)
			return stream_end(w, c);
		length_put(t->out, n);
		v.iov_len = TCP_LENGTH + n;
		if (!put(w, c, &v, 1))
			return false;
	}
	return true;
}

/* --- in --------------------------------------------------------------------------------------------------------- */

/* Answers that were made in one go leave in one go. */
static bool answers_flush(struct dns_worker *w, struct tcp *c)
{
	struct tcps *t = w->tcps;
	const struct iovec v = {t->out, t->out_len};

	t->out_len = 0;
	return v.iov_len == 0 || put(w, c, &v, 1);
}

/* One query. False: the connection is closed. */
static bool query(struct dns_worker *w, struct tcp *c, const uint8_t *p, size_t len)
{
	struct tcps *t = w->tcps;
	struct from from = {.tcp = c};
	size_t n;

	from.peer_len = addr_to_sockaddr(&c->addr, c->port, &from.peer);
	if (t->out_len > TCP_OUT_MAX && !answers_flush(w, c))
		return false;
	n = dns_worker_query(w, c->socket->served, &from, true, p, len,
			     t->out + t->out_len + TCP_LENGTH, DNS_MESSAGE_MAX);
	if (c->source.fd < 0)
		return false;
	if (n > 0) {
		length_put(t->out + t->out_len, n);
		t->out_len += TCP_LENGTH + n;
	}
	return true;
}

/* What is no query has no business here, and what comes behind it has no meaning. */
static bool is_query(const uint8_t *p, size_t len)
{
	return len >= DNS_HEADER_BYTES && !(p[2] & DNS_QR);
}

/* The whole queries of what came. Returns how many octets they are; a connection that was closed has taken all. */
static size_t queries(struct dns_worker *w, struct tcp *c, const uint8_t *p, size_t len)
{
	size_t at = 0;

	w->tcps->out_len = 0;
	while (may_take(c) && len - at >= TCP_LENGTH) {
		const size_t n = (size_t)p[at] << 8 | p[at + 1];

		if (len - at < TCP_LENGTH + n)
			break;
		dns_count(w, queries_tcp_total);
		if (!query(w, c, p + at + TCP_LENGTH, n))
			return len;
		if (!is_query(p + at + TCP_LENGTH, n)) {
			c->ended = true;
			at = len;
			break;
		}
		at += TCP_LENGTH + n;
	}
	if (at > 0)
		tcp_touch(w, c);
	return answers_flush(w, c) ? at : len;
}

/* What is kept may hold whole queries that had to wait. */
static void kept_run(struct dns_worker *w, struct tcp *c)
{
	size_t n;

	if (c->in.len == 0)
		return;
	n = queries(w, c, c->in.p + c->in.at, octets_left(&c->in));
	if (c->source.fd >= 0)
		octets_take(w, &c->in, n);
}

/* Up to the end of the query that is not whole: its length, or what is missing of it. */
static size_t kept_need(const struct octets *in)
{
	const size_t have = octets_left(in);
	const uint8_t *p = in->p + in->at;

	return have < TCP_LENGTH ? TCP_LENGTH - have
				 : TCP_LENGTH + ((size_t)p[0] << 8 | p[1]) - have;
}

/* Where the next octets go: behind what is kept, in steps, so that a length alone takes no memory; else into the buffer of all. */
static uint8_t *room_get(struct dns_worker *w, struct tcp *c, size_t *ret_room)
{
	struct octets *in = &c->in;
	size_t need;

	if (in->len == 0) {
		*ret_room = sizeof(w->tcps->in);
		return w->tcps->in;
	}
	need = kept_need(in);
	if (need > octets_left(in) + 256)
		need = octets_left(in) + 256;
	if (octets_grow(w, c, in, need) < 0)
		return NULL;
	*ret_room = need;
	return in->p + in->len;
}

/* True: there may be more to be read. */
static bool read_once(struct dns_worker *w, struct tcp *c)
{
	const bool kept = c->in.len > 0;
	size_t room = 0, used;
	uint8_t *p = room_get(w, c, &room);
	ssize_t n;

	if (!p) {
		tcp_close(w, c);
		return false;
	}
	n = recv(c->source.fd, p, room, MSG_DONTWAIT);
	if (n < 0) {
		if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
			tcp_close(w, c);
		return false;
	}
	if (n == 0) {
		c->ended = true;
		return false;
	}
	if (kept) {
		c->in.len += (uint32_t)n;
		kept_run(w, c);
		return (size_t)n == room;
	}
	used = queries(w, c, p, (size_t)n);
	if (c->source.fd >= 0 && octets_append(w, c, &c->in, p + used, (size_t)n - used) < 0)
		tcp_close(w, c);
	return (size_t)n == room;
}

/* --- a turn ----------------------------------------------------------------------------------------------------- */

static void input_run(struct dns_worker *w, struct tcp *c)
{
	bool more = true;

	kept_run(w, c);
	for (int i = 0; more && c->source.fd >= 0 && !c->ended && may_take(c); i++) {
		if (i == TCP_READ_BUDGET)
			return; /* epoll will say so again */
		more = read_once(w, c);
	}
}

void tcp_run(struct dns_worker *w, struct tcp *c)
{
	if (c->source.fd < 0 || !flush(w, c) || !stream_run(w, c))
		return;
	input_run(w, c);
	if (c->source.fd < 0)
		return;
	if (c->ended && !tcp_is_busy(c)) {
		tcp_close(w, c);
		return;
	}
	if (c->is_among_busy != tcp_is_busy(c))
		tcp_touch(w, c);
	watch(w, c);
}

void tcp_ready(struct dns_worker *w, struct source *s, uint32_t events)
{
	struct tcp *c = container_of(s, struct tcp, source);

	if (events & (EPOLLERR | EPOLLHUP))
		tcp_close(w, c);
	else
		tcp_run(w, c);
}
