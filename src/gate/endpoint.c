/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "gate/endpoint.h"

#include "base/log.h"
#include "gate/accept.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <xxhash.h>

#define SLOTS_FIRST 64

static uint32_t place_slot(const struct endpoints *es, uint32_t network, const struct addr *addr)
{
	struct {
		struct addr addr;
		uint64_t network;
	} key;

	memset(&key, 0, sizeof key);
	key.addr = *addr;
	key.network = network;
	return (uint32_t)XXH3_64bits(&key, sizeof key) & (es->n_slots - 1);
}

static void slot_add(struct endpoints *es, struct gate_endpoint *e)
{
	uint32_t slot = place_slot(es, e->network, &e->addr);

	e->next = es->slots[slot];
	es->slots[slot] = e;
}

static void slot_remove(struct endpoints *es, struct gate_endpoint *e)
{
	struct gate_endpoint **p = &es->slots[place_slot(es, e->network, &e->addr)];

	while (*p != e)
		p = &(*p)->next;
	*p = e->next;
}

/* Room for one more, at most one in a slot on average. */
static int slots_grow(struct endpoints *es)
{
	struct endpoints grown = *es;

	if (es->n < es->n_slots)
		return 0;
	grown.n_slots = es->n_slots ? es->n_slots * 2 : SLOTS_FIRST;
	grown.slots = calloc(grown.n_slots, sizeof(struct gate_endpoint *));
	if (!grown.slots)
		return -ENOMEM;
	for (uint32_t i = 0; i < es->n_slots; i++)
		for (struct gate_endpoint *e = es->slots[i], *next; e; e = next) {
			next = e->next;
			slot_add(&grown, e);
		}
	free(es->slots);
	*es = grown;
	return 0;
}

struct gate_endpoint *endpoint_find(const struct worker *w, uint32_t network,
				    const struct addr *addr)
{
	const struct endpoints *es = &w->endpoints;
	struct gate_endpoint *e = NULL;

	if (es->n_slots)
		e = es->slots[place_slot(es, network, addr)];
	while (e && (e->network != network || !addr_is_equal(&e->addr, addr)))
		e = e->next;
	return e;
}

/* --- listening -------------------------------------------------------------------------------------------- */

static int endpoint_watch(struct worker *w, struct gate_endpoint *e)
{
	int r = 0;

	if (!e->watched && e->source.fd >= 0)
		r = worker_watch(w, &e->source, EPOLLIN | EPOLLEXCLUSIVE);
	e->watched = e->source.fd >= 0 && r == 0;
	return r;
}

static void endpoint_unwatch(struct worker *w, struct gate_endpoint *e)
{
	if (e->watched)
		(void)epoll_ctl(w->epoll, EPOLL_CTL_DEL, e->source.fd, NULL);
	e->watched = false;
}

static void socket_close(struct worker *w, struct gate_endpoint *e)
{
	if (e->source.fd < 0)
		return;
	endpoint_unwatch(w, e);
	worker_unwatch(w, &e->source);
	w->endpoints.n_listening--;
	count_set(w, GATE_private_listeners, w->endpoints.n_listening);
	worker_room(w);
}

static void endpoint_release(struct worker *w, struct gate_endpoint *e)
{
	if (e->source.fd >= 0 || e->connections)
		return;
	/* An event of its socket may still be to come in this batch. */
	slot_remove(&w->endpoints, e);
	w->endpoints.n--;
	e->next = w->endpoints.dead;
	w->endpoints.dead = e;
}

void endpoint_put(struct worker *w, struct gate_endpoint *e)
{
	e->connections--;
	endpoint_release(w, e);
}

static void endpoint_log(enum log_level level, const char *what, const struct gate_endpoint *e,
			 int error)
{
	char text[ENDPOINT_TEXT_MAX];

	const struct log_field fields[] = {
		LF_STR("address", endpoint_format(&e->addr, e->port, text)),
		LF_UINT("network", e->network),
		LF_INT("error", error),
		LF_END,
	};
	log_event_(level, what, fields);
}

static void endpoint_ready(struct worker *w, struct source *s, uint32_t events)
{
	struct gate_endpoint *e = container_of(s, struct gate_endpoint, source);

	if (accept_burst(w, s->fd, e) == 0)
		return;
	/* Somebody in its network ended it: it would be reported for ever. netd opens another. */
	endpoint_log(LOG_WARN, "endpoint.ended", e, 0);
	socket_close(w, e);
	endpoint_release(w, e);
}

static bool place_is_valid(const struct msg_endpoint *place)
{
	return place->network && place->port && place->port <= UINT16_MAX &&
	       (place->addr.family == ADDR_V4 || place->addr.family == ADDR_V6);
}

static struct gate_endpoint *endpoint_new(struct worker *w, const struct msg_endpoint *place)
{
	struct gate_endpoint *e = slots_grow(&w->endpoints) < 0 ? NULL : calloc(1, sizeof *e);

	if (!e)
		return NULL;
	e->source = (struct source){.fd = -1, .ready = endpoint_ready};
	e->network = place->network;
	e->addr = place->addr;
	slot_add(&w->endpoints, e);
	w->endpoints.n++;
	return e;
}

void endpoint_listen(struct worker *w, const struct msg_endpoint *place, int fd)
{
	struct gate_endpoint *e = NULL;

	if (place_is_valid(place)) {
		e = endpoint_find(w, place->network, &place->addr);
		if (!e)
			e = endpoint_new(w, place);
	}
	if (!e) {
		log_event(LOG_ERROR, "endpoint.failed", LF_UINT("network", place->network));
		close(fd);
		return;
	}
	socket_close(w, e);
	e->port = (uint16_t)place->port;
	e->source.fd = fd;
	w->endpoints.n_listening++;
	count_set(w, GATE_private_listeners, w->endpoints.n_listening);
	worker_room(w);
	/* One that cannot be watched now is tried again with all the others. */
	int r = w->listening ? endpoint_watch(w, e) : 0;
	if (r < 0) {
		endpoint_log(LOG_WARN, "endpoint.unwatched", e, -r);
		listeners_rest(w);
	}
}

void endpoint_close(struct worker *w, const struct msg_endpoint *place)
{
	struct gate_endpoint *e = endpoint_find(w, place->network, &place->addr);

	if (!e || e->source.fd < 0 || e->port != place->port)
		return;
	socket_close(w, e);
	endpoint_release(w, e);
}

/* --- all -------------------------------------------------------------------------------------------------- */

int endpoints_watch(struct worker *w)
{
	int ret = 0;

	for (uint32_t i = 0; i < w->endpoints.n_slots; i++)
		for (struct gate_endpoint *e = w->endpoints.slots[i]; e; e = e->next) {
			int r = endpoint_watch(w, e);
			if (r < 0)
				ret = r;
		}
	return ret;
}

void endpoints_unwatch(struct worker *w)
{
	for (uint32_t i = 0; i < w->endpoints.n_slots; i++)
		for (struct gate_endpoint *e = w->endpoints.slots[i]; e; e = e->next)
			endpoint_unwatch(w, e);
}

void endpoints_reap(struct worker *w)
{
	while (w->endpoints.dead) {
		struct gate_endpoint *e = w->endpoints.dead;
		w->endpoints.dead = e->next;
		free(e);
	}
}

void gate_endpoints_done(struct worker *w)
{
	for (uint32_t i = 0; i < w->endpoints.n_slots; i++)
		while (w->endpoints.slots[i]) {
			struct gate_endpoint *e = w->endpoints.slots[i];
			assert(!e->connections);
			w->endpoints.slots[i] = e->next;
			if (e->source.fd >= 0)
				close(e->source.fd);
			free(e);
		}
	free(w->endpoints.slots);
	endpoints_reap(w);
	w->endpoints = (struct endpoints){0};
}
