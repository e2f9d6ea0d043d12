/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "gate/connection.h"

#include "gate/cluster.h"
#include "gate/endpoint.h"
#include "gate/events.h"
#include "gate/judge.h"
#include "gate/relay.h"
#include "gate/upstream.h"
#include "wire/proxy_header.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define EVENTS_BROKEN (EPOLLERR | EPOLLHUP)

struct connection *connection_new(struct worker *w, int fd, const struct addr *peer, uint16_t port)
{
	struct connection *c = aligned_alloc(_Alignof(struct connection), sizeof *c);

	if (!c) {
		close(fd);
		return NULL;
	}
	memset(c, 0, sizeof *c);
	timer_init(&c->timer, TIMER_CONNECTION);
	list_init(&c->node);
	c->id = ++w->next_id;
	c->since_ms = w->now_ms;
	c->source = *peer;
	c->source_port = port;
	c->side[0].fd = fd;
	c->side[0].writable = true;
	c->side[1].fd = -1;
	c->quota_cluster = c->quota_source = QUOTA_NONE;
	c->state = CONN_HELLO;
	list_append(&w->hellos, &c->node);
	count_set(w, GATE_connections, ++w->n_connections);
	count_set(w, GATE_hellos_pending, ++w->n_hellos);
	timer_set(&w->timers, &c->timer, w->now_ms + w->options->hello_timeout_ms);
	return c;
}

/* --- the end --------------------------------------------------------------------------------------------- */

static void hello_left(struct worker *w, struct connection *c)
{
	list_remove(&c->node);
	count_set(w, GATE_hellos_pending, --w->n_hellos);
}

static void side_close(struct side *side, bool reset)
{
	struct linger abort = {.l_onoff = 1};

	if (side->fd < 0)
		return;
	if (reset)
		(void)setsockopt(side->fd, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
	close(side->fd);
	side->fd = -1;
}

static void cluster_left(struct worker *w, struct connection *c)
{
	struct gate_cluster *cluster = c->cluster;

	if (c->drain_until_ms)
		count_add(w, GATE_draining, UINT64_MAX); /* one less */
	upstream_leave(w, c);
	cluster_name_put(c->name);
	quota_put(&w->quota, c->quota_cluster);
	quota_put(&w->quota, c->quota_source);
	cluster->n_connections--;
	cluster->bytes_up += c->bytes[0];
	cluster->bytes_down += c->bytes[1];
	list_remove(&c->node);
}

static void connection_end(struct worker *w, struct connection *c, bool reset)
{
	if (c->state == CONN_DEAD)
		return;
	if (c->state == CONN_OPEN)
		event_connection(w, GATE_EVENT_CLOSED, c, REASON_NONE, c->name->text, c->name->len);
	if (c->state <= CONN_HELLO)
		hello_left(w, c);
	timer_cancel(&c->timer);
	relay_done(w, c);
	free(c->hello);
	c->hello = NULL;
	if (c->cluster)
		cluster_left(w, c);
	side_close(&c->side[0], reset);
	side_close(&c->side[1], reset);
	if (c->endpoint)
		endpoint_put(w, c->endpoint);
	c->endpoint = NULL;
	c->state = CONN_DEAD;
	count_set(w, GATE_connections, --w->n_connections);
	/* Still in the run queue: it is reaped when the queue has let go of it. */
	if (!c->queued) {
		c->next = w->dead;
		w->dead = c;
	}
}

void connection_close(struct worker *w, struct connection *c)
{
	connection_end(w, c, false);
}

void connection_reset(struct worker *w, struct connection *c)
{
	connection_end(w, c, true);
}

void connection_refuse(struct worker *w, struct connection *c, enum gate_reason reason,
		       const char *name, size_t name_len)
{
	count_add(w, gate_reason_counter(reason), 1);
	if (c->cluster)
		c->cluster->refused++;
	event_connection(w, GATE_EVENT_REFUSED, c, reason, name, name_len);
	connection_end(w, c, true);
}

void connection_doom(struct worker *w, struct connection *c, enum gate_reason reason)
{
	timer_cancel(&c->timer);
	list_remove(&c->node);
	list_append(&w->doomed, &c->node);
	c->state = CONN_DOOMED;
	c->reason = (uint8_t)reason;
}

void connections_reap(struct worker *w)
{
	while (w->dead) {
		struct connection *c = w->dead;
		w->dead = c->next;
		free(c);
	}
}

void connection_queue(struct worker *w, struct connection *c)
{
	if (c->queued)
		return;
	c->queued = true;
	c->next = w->run;
	w->run = c;
}

/* --- the ClientHello -------------------------------------------------------------------------------------- */

static struct hello_buffer *hello_append(struct connection *c, const uint8_t *data, size_t len)
{
	struct hello_buffer *h = c->hello;
	size_t have = h ? h->len : 0;

	h = realloc(h, sizeof *h + have + len);
	if (!h)
		return NULL;
	if (!c->hello)
		memset(h, 0, sizeof *h);
	memcpy(h->data + have, data, len);
	h->len = (uint32_t)(have + len);
	c->hello = h;
	return h;
}

/* Limits come last: they are taken only for a connection that is otherwise admitted. */
static enum gate_reason limits_take(struct worker *w, struct connection *c)
{
	const struct tables_cluster *r = &c->cluster->record;
	enum quota_result q = QUOTA_OK;

	if (r->max_connections) {
		q = quota_get(&w->quota, r->id, 0, NULL, r->max_connections, &c->quota_cluster);
		if (q == QUOTA_LIMIT)
			return REASON_CLUSTER_LIMIT;
	}
	if (q == QUOTA_OK && r->max_per_source) {
		q = quota_get(&w->quota, r->id, c->endpoint ? c->endpoint->network : 0, &c->source,
			      r->max_per_source, &c->quota_source);
		if (q == QUOTA_LIMIT)
			return REASON_SOURCE_LIMIT;
	}
	return q == QUOTA_FULL ? REASON_QUOTA_FULL : REASON_NONE;
}

/* The cluster that it wants, by its name or by the private address, and what that says of sources. */
static enum gate_reason way_find(struct worker *w, const struct connection *c, const char *name,
				 size_t len, struct gate_cluster **ret_cluster,
				 struct judgement *ret_judgement)
{
	enum gate_reason reason;

	if (c->endpoint)
		return judge_endpoint(w, c->endpoint, ret_cluster, ret_judgement);
	if (!len)
		return REASON_NO_NAME;
	reason = judge_name(w, name, len, ret_cluster);
	if (reason == REASON_NONE)
		judge_begin(w, *ret_cluster, ret_judgement);
	return reason;
}

/* The ClientHello is there: judge, and only then look for an upstream. */
static void hello_judge(struct worker *w, struct connection *c, const char *name, size_t len)
{
	struct gate_cluster *cluster = NULL;
	struct judgement judgement;
	enum gate_reason reason = way_find(w, c, name, len, &cluster, &judgement);

	if (reason != REASON_NONE) {
		connection_refuse(w, c, reason, len ? name : NULL, len);
		return;
	}
	reason = judge_source(&judgement, &c->source);
	c->name = cluster_name_get(c->endpoint ? &cluster->private_names : &cluster->names, name,
				   len);
	if (!c->name)
		reason = REASON_TABLES;
	/* From here on it is the cluster's, and any end of it is counted there. */
	hello_left(w, c);
	c->state = CONN_CONNECT;
	c->cluster = cluster;
	cluster->n_connections++;
	list_append(&cluster->connections, &c->node);
	if (reason == REASON_NONE)
		reason = limits_take(w, c);
	if (reason != REASON_NONE)
		connection_refuse(w, c, reason, name, len);
	else
		upstream_try(w, c);
}

/* More bytes before the judgement. True: go on with the ClientHello. */
static bool proxy_header_take(struct worker *w, struct connection *c)
{
	struct hello_buffer *h = c->hello;
	struct proxy_header header;

	switch (proxy_header_read(h->data, h->len, &header)) {
	case WIRE_MORE:
		return false;
	case WIRE_BAD:
		connection_refuse(w, c, REASON_PROXY_HEADER, NULL, 0);
		return false;
	case WIRE_DONE:
		break;
	}
	if (header.has_addresses) {
		c->source = header.source;
		c->source_port = header.source_port;
	}
	/* The header is for us; what follows is the client's. */
	h->len -= (uint32_t)header.length;
	memmove(h->data, h->data + header.length, h->len);
	c->state = CONN_HELLO;
	return h->len > 0;
}

static void hello_take(struct worker *w, struct connection *c)
{
	static const enum gate_reason reason[] = {
		[CLIENT_HELLO_OK] = REASON_MALFORMED,
		[CLIENT_HELLO_NOT_TLS] = REASON_NOT_TLS,
		[CLIENT_HELLO_MALFORMED] = REASON_MALFORMED,
		[CLIENT_HELLO_TOO_LARGE] = REASON_TOO_LARGE,
	};
	struct client_hello_result hello;

	if (c->state == CONN_PROXY && !proxy_header_take(w, c))
		return;
	switch (client_hello_read(&c->hello->parse, c->hello->data, c->hello->len, &hello)) {
	case WIRE_MORE:
		if (c->hello->len >= CLIENT_HELLO_MAX)
			connection_refuse(w, c, REASON_TOO_LARGE, NULL, 0);
		return;
	case WIRE_BAD:
		connection_refuse(w, c, reason[hello.fault], NULL, 0);
		return;
	case WIRE_DONE:
		break;
	}
	hello_judge(w, c, hello.name, hello.name_len);
}

void connection_hello(struct worker *w, struct connection *c)
{
	while (c->state <= CONN_HELLO) {
		size_t most = c->state == CONN_PROXY ? HELLO_BUFFER : CLIENT_HELLO_MAX;
		size_t have = c->hello ? c->hello->len : 0;
		assert(have < most);
		ssize_t n = recv(c->side[0].fd, w->buffer, most - have, 0);
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			c->side[0].readable = READABLE_NO;
			return;
		}
		if (n <= 0 || !hello_append(c, w->buffer, (size_t)n)) {
			count(w, client_gone_total);
			connection_close(w, c);
			return;
		}
		/* A short read has emptied the socket. */
		if ((size_t)n < most - have && c->side[0].readable != READABLE_TO_EOF)
			c->side[0].readable = READABLE_NO;
		hello_take(w, c);
		if (c->state <= CONN_HELLO && !c->side[0].readable)
			return;
	}
}

/* --- events ----------------------------------------------------------------------------------------------- */

static void side_events(struct side *side, uint32_t events)
{
	if (events & (EPOLLRDHUP | EPOLLHUP))
		side->readable = READABLE_TO_EOF;
	else if (events & EPOLLIN && side->readable == READABLE_NO)
		side->readable = READABLE_YES;
	if (events & EPOLLOUT)
		side->writable = true;
}

void connection_client_ready(struct worker *w, struct connection *c, uint32_t events)
{
	if (c->state >= CONN_DOOMED)
		return;
	if (events & EPOLLERR) {
		if (c->state <= CONN_HELLO)
			count(w, client_gone_total);
		connection_reset(w, c);
		return;
	}
	side_events(&c->side[0], events);
	if (c->state <= CONN_HELLO) {
		if (c->side[0].readable)
			connection_hello(w, c);
	} else if (c->state == CONN_OPEN) {
		connection_queue(w, c);
	}
}

void connection_upstream_ready(struct worker *w, struct connection *c, uint32_t events)
{
	switch (c->state) {
	case CONN_CONNECT:
		if (events & EVENTS_BROKEN)
			upstream_next(w, c);
		else if (events & EPOLLOUT)
			upstream_connected(w, c);
		if (c->state != CONN_ANSWER)
			return;
		__attribute__((fallthrough));
	case CONN_ANSWER:
		side_events(&c->side[1], events);
		upstream_answer(w, c, events);
		return;
	case CONN_OPEN:
		if (events & EPOLLERR) {
			connection_reset(w, c);
			return;
		}
		side_events(&c->side[1], events);
		connection_queue(w, c);
		return;
	default:
		return;
	}
}

void connection_timer(struct worker *w, struct connection *c)
{
	switch (c->state) {
	case CONN_PROXY:
	case CONN_HELLO:
		connection_refuse(w, c, REASON_HELLO_TIMEOUT, NULL, 0);
		return;
	case CONN_CONNECT:
	case CONN_ANSWER:
		upstream_next(w, c);
		return;
	case CONN_OPEN:
		if (c->drain_until_ms)
			connection_doom(w, c, c->reason);
		else
			upstream_settle(w, c);
		return;
	default:
		return;
	}
}
