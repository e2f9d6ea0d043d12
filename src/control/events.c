/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/events.h"

#include "base/clock.h"
#include "control/control_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- lines and rings -------------------------------------------------------------------------------------- */

static struct event_line *line_new(const json_t *event, const char *cluster, bool is_accepted)
{
	size_t len = json_dumpb(event, NULL, 0, JSON_DUMP);
	struct event_line *l = malloc(sizeof(*l) + len + 1);

	if (!l)
		return NULL;
	l->refs = 1;
	l->is_accepted = is_accepted;
	snprintf(l->cluster, sizeof(l->cluster), "%s", cluster ? cluster : "");
	json_dumpb(event, l->text, len, JSON_DUMP);
	l->text[len] = '\n';
	l->len = len + 1;
	return l;
}

void event_line_unref(struct event_line *l)
{
	if (l && --l->refs == 0)
		free(l);
}

static void ring_put(struct event_ring *ring, struct event_line *l)
{
	struct event_line **slot = &ring->line[ring->next++ % ring->cap];

	event_line_unref(*slot);
	*slot = l;
	l->refs++;
}

static uint64_t ring_first(const struct event_ring *ring)
{
	return ring->next > ring->cap ? ring->next - ring->cap : 0;
}

static struct event_line *ring_at(const struct event_ring *ring, uint64_t i)
{
	return ring->line[i % ring->cap];
}

static void ring_done(struct event_ring *ring)
{
	for (size_t i = 0; ring->line && i < ring->cap; i++)
		event_line_unref(ring->line[i]);
	free(ring->line);
	ring->line = NULL;
}

int events_init(struct events *es, struct err *e)
{
	memset(es, 0, sizeof(*es));
	list_init(&es->followers);
	es->kept.cap = EVENTS_KEPT;
	es->live.cap = EVENTS_LIVE;
	es->kept.line = calloc(EVENTS_KEPT, sizeof(struct event_line *));
	es->live.line = calloc(EVENTS_LIVE, sizeof(struct event_line *));
	if (es->kept.line && es->live.line)
		return 0;
	events_done(es);
	return err_set(e, ERR_NOMEM, NULL, "out of memory");
}

void events_done(struct events *es)
{
	ring_done(&es->kept);
	ring_done(&es->live);
}

void events_put(struct events *es, const json_t *event, const char *cluster, bool is_accepted)
{
	struct event_line *l = line_new(event, cluster, is_accepted);

	if (!l)
		return;
	es->total++;
	if (!is_accepted)
		ring_put(&es->kept, l);
	ring_put(&es->live, l);
	event_line_unref(l);
	list_foreach (it, &es->followers) {
		struct follower *f = container_of(it, struct follower, node);

		f->wake(f);
	}
}

/* --- control's own ---------------------------------------------------------------------------------------- */

static void set_str(json_t *o, const char *key, const char *value)
{
	if (value)
		json_object_set_new(o, key, json_string(value));
}

static void set_uint(json_t *o, const char *key, uint64_t value)
{
	if (value)
		json_object_set_new(o, key, json_integer((json_int_t)value));
}

void events_own(struct control *c, const struct own_event *ev)
{
	char at[CLOCK_TEXT_MAX];
	json_t *o = json_object();

	set_str(o, "time", clock_format(clock_wall_us(), at));
	set_str(o, "event", ev->event);
	if (ev->process.kind)
		json_object_set_new(o, ev->process.kind, json_integer(ev->process.index));
	set_str(o, "cluster", ev->cluster);
	set_str(o, "kind", ev->kind);
	set_str(o, "name", ev->name);
	set_str(o, "action", ev->action);
	set_str(o, "actor", ev->actor);
	set_str(o, "reason", ev->reason);
	set_uint(o, "revision", ev->revision);
	set_uint(o, "changes", ev->changes);
	if (ev->enforced_ms > 0) {
		json_object_set_new(o, "enforcedMs", json_real(ev->enforced_ms));
		json_object_set_new(o, "judged", json_integer((json_int_t)ev->judged));
		json_object_set_new(o, "cut", json_integer((json_int_t)ev->cut));
		json_object_set_new(o, "draining", json_integer((json_int_t)ev->draining));
	}
	events_put(&c->events, o, ev->cluster, false);
	json_decref(o);
}

/* --- asking and following --------------------------------------------------------------------------------- */

static bool filter_passes(const struct event_filter *f, const struct event_line *l)
{
	if (l->is_accepted && !f->accepted)
		return false;
	if (f->cluster[0] && strcmp(f->cluster, l->cluster) != 0)
		return false;
	return authz_may(f->authz, &f->peer, RIGHT_VIEW, l->cluster[0] ? l->cluster : "*");
}

char *events_last(const struct events *es, const struct event_filter *f, size_t n, size_t *ret_len)
{
	const struct event_ring *ring = &es->kept;
	uint64_t first = ring->next, oldest = ring_first(ring);
	size_t total = 0, at = 0;
	char *text;

	while (first > oldest && n > 0) {
		const struct event_line *l = ring_at(ring, --first);

		if (!filter_passes(f, l))
			continue;
		total += l->len;
		n--;
	}
	text = malloc(total + 1);
	if (!text)
		return NULL;
	for (uint64_t i = first; i < ring->next; i++) {
		const struct event_line *l = ring_at(ring, i);

		if (!filter_passes(f, l))
			continue;
		memcpy(text + at, l->text, l->len);
		at += l->len;
	}
	*ret_len = total;
	return text;
}

bool events_want_accepted(const struct events *es)
{
	list_foreach (it, &es->followers) {
		const struct follower *f = container_of(it, struct follower, node);

		if (f->filter.accepted)
			return true;
	}
	return false;
}

void follower_add(struct control *c, struct follower *f)
{
	bool wanted = events_want_accepted(&c->events);

	f->next = c->events.live.next;
	list_append(&c->events.followers, &f->node);
	if (events_want_accepted(&c->events) != wanted)
		gates_watch(&c->gates);
}

void follower_remove(struct control *c, struct follower *f)
{
	bool wanted = events_want_accepted(&c->events);

	list_remove(&f->node);
	if (events_want_accepted(&c->events) != wanted)
		gates_watch(&c->gates);
}

struct event_line *follower_next(const struct events *es, struct follower *f, uint64_t *ret_lost)
{
	uint64_t oldest = ring_first(&es->live);

	*ret_lost = 0;
	if (f->next < oldest) {
		*ret_lost = oldest - f->next;
		f->next = oldest;
	}
	while (f->next < es->live.next) {
		struct event_line *l = ring_at(&es->live, f->next++);

		if (!filter_passes(&f->filter, l))
			continue;
		l->refs++;
		return l;
	}
	return NULL;
}
