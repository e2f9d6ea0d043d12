/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "gate/events.h"

#include "gate/endpoint.h"
#include "proc/msg.h"

#include <string.h>

/* A zeroed event to fill in; NULL if it is not wanted or over the limit of its kind and reason. */
static struct gate_event *event_new(struct worker *w, enum gate_event_kind kind,
				    enum gate_reason reason)
{
	struct event_limit *l = &w->limits[kind][reason];
	uint32_t suppressed = 0;

	if (!gate_event_is_always(kind)) {
		if (!w->watched)
			return NULL;
	} else {
		if (w->now_ms - l->window_ms >= EVENT_WINDOW_MS) {
			l->window_ms = w->now_ms;
			l->count = 0;
		}
		if (l->count >= EVENT_BURST) {
			l->suppressed++;
			count(w, events_suppressed_total);
			return NULL;
		}
		l->count++;
		suppressed = l->suppressed;
		l->suppressed = 0;
	}
	if (w->n_events == EVENT_BATCH)
		events_flush(w);
	struct gate_event *e = &w->events[w->n_events++];
	memset(e, 0, sizeof *e);
	e->wall_us = clock_wall_us();
	e->kind = (uint8_t)kind;
	e->reason = (uint8_t)reason;
	e->suppressed = suppressed;
	return e;
}

static void event_way(struct gate_event *e, const struct gate_endpoint *endpoint)
{
	if (!endpoint)
		return;
	e->local = endpoint->addr;
	e->network = endpoint->network;
}

void event_connection(struct worker *w, enum gate_event_kind kind, const struct connection *c,
		      enum gate_reason reason, const char *name, size_t name_len)
{
	struct gate_event *e = event_new(w, kind, reason);

	if (!e)
		return;
	e->connection = c->id;
	e->source = c->source;
	e->source_port = c->source_port;
	e->cluster = c->cluster ? c->cluster->id : 0;
	event_way(e, c->endpoint);
	if (c->upstream) {
		e->peer = c->upstream->addr;
		e->peer_port = c->upstream->port;
	}
	e->bytes_up = c->bytes[0];
	e->bytes_down = c->bytes[1];
	e->duration_ms = w->now_ms - c->since_ms;
	if (name) {
		e->name_len = (uint8_t)(name_len < sizeof e->name ? name_len : sizeof e->name);
		memcpy(e->name, name, e->name_len);
	}
}

void event_upstream(struct worker *w, enum gate_event_kind kind, const struct gate_upstream *u)
{
	struct gate_event *e = event_new(w, kind, REASON_NONE);

	if (!e)
		return;
	e->cluster = u->cluster->id;
	e->peer = u->addr;
	e->peer_port = u->port;
}

void event_tables(struct worker *w, uint32_t cluster, const struct gate_endpoint *endpoint)
{
	struct gate_event *e = event_new(w, GATE_EVENT_TABLES, REASON_TABLES);

	if (!e)
		return;
	e->cluster = cluster;
	event_way(e, endpoint);
}

void event_descriptors(struct worker *w)
{
	(void)event_new(w, GATE_EVENT_DESCRIPTORS, REASON_NONE);
}

void events_flush(struct worker *w)
{
	static const struct msg_empty none;

	if (!w->n_events)
		return;
	if (w->control.fd < 0 || msg_send(w->control.fd, MSG_EVENTS, &none, sizeof none, w->events,
					  w->n_events, NULL) < 0)
		count_add(w, GATE_events_lost_total, w->n_events);
	w->n_events = 0;
}
