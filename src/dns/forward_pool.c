/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sockets to ask with. One that no try has is connected to nobody: it has no port, and nothing in it. */
#include "dns/forward_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define DRAIN_MAX      4096 /* more than a receive buffer holds */
#define OVERTAKEN_LOOK 64

static unsigned family_of(const struct addr *a)
{
	return a->family == ADDR_V6;
}

/* --- askers ----------------------------------------------------------------------------------------------------- */

/* Octets of closed ones are kept: an event of this batch may still name one. */
static struct asker *asker_new(struct forwards *f)
{
	struct asker *s = f->spare;

	if (s)
		f->spare = s->next;
	else
		s = malloc(sizeof(*s));
	if (!s)
		return NULL;
	memset(s, 0, sizeof(*s));
	s->source.ready = asker_ready;
	s->source.fd = -1;
	list_init(&s->node);
	return s;
}

static void asker_disconnect(struct asker *s)
{
	const struct sockaddr none = {.sa_family = AF_UNSPEC};
	socklen_t len = sizeof(int);
	uint8_t octet;
	int error;

	(void)connect(s->source.fd, &none, sizeof(none));
	if (s->kind == ASKER_TCP) {
		/* It would be the next connection's. */
		(void)getsockopt(s->source.fd, SOL_SOCKET, SO_ERROR, &error, &len);
		return;
	}
	/* What came before it had no port any more is not for the next try. Nothing comes now. */
	for (int i = 0; i < DRAIN_MAX; i++) {
		if (recv(s->source.fd, &octet, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN)
			return;
	}
}

static void asker_close(struct dns_worker *w, struct asker *s)
{
	struct pool *p = s->pool;

	list_remove(&s->node);
	if (s->source.fd >= 0) {
		/* The parent has the same socket: its port is given up, and epoll's entry does not go with our descriptor. */
		asker_disconnect(s);
		(void)epoll_ctl(w->epoll, EPOLL_CTL_DEL, s->source.fd, NULL);
		dns_worker_unwatch(w, &s->source);
	}
	if (p && p->is_daemon && s->kind == ASKER_UDP)
		p->n_used--;
	else if (p && p->is_daemon)
		w->forwards->n_tcp--;
	s->pool = NULL;
	s->next = w->forwards->spare;
	w->forwards->spare = s;
}

/* By TCP each edge is told once, so that one that is idle is not told all the time that it is. */
static bool asker_watch(struct dns_worker *w, struct asker *s, int fd)
{
	s->source.fd = fd;
	if (dns_worker_watch(w, &s->source,
			     s->kind == ASKER_UDP ? EPOLLIN : EPOLLIN | EPOLLOUT | EPOLLET) == 0)
		return true;
	close(fd);
	s->source.fd = -1;
	return false;
}

static struct asker *daemon_asker_new(struct dns_worker *w, unsigned family, enum asker_kind kind)
{
	struct forwards *f = w->forwards;
	struct asker *s;
	int fd;

	if (kind == ASKER_UDP ? f->daemon.n_used >= f->askers_max : f->n_tcp >= FORWARD_TCP_MAX)
		return NULL;
	fd = socket(family ? AF_INET6 : AF_INET,
		    (kind == ASKER_UDP ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC,
		    0);
	if (fd < 0)
		return NULL;
	s = asker_new(f);
	if (!s) {
		close(fd);
		return NULL;
	}
	s->kind = kind;
	s->family = (uint8_t)family;
	if (!asker_watch(w, s, fd)) {
		asker_close(w, s);
		return NULL;
	}
	s->pool = &f->daemon;
	*(kind == ASKER_UDP ? &f->daemon.n_used : &f->n_tcp) += 1;
	return s;
}

/* --- pools ------------------------------------------------------------------------------------------------------ */

void pool_init(struct pool *p, uint32_t router)
{
	*p = (struct pool){.router = router};
	for (unsigned i = 0; i < FAMILIES_ASKED; i++) {
		for (unsigned k = 0; k < ASKER_KINDS; k++) {
			list_init(&p->sides[i][k].idle);
			list_init(&p->sides[i][k].used);
			list_init(&p->sides[i][k].queue);
		}
	}
}

static struct pool **pool_find(struct forwards *f, uint32_t router)
{
	struct pool **p = &f->pools[router % FORWARD_POOLS];

	while (*p && (*p)->router != router)
		p = &(*p)->next;
	return p;
}

static struct pool *pool_get(struct forwards *f, uint32_t router)
{
	struct pool **p = pool_find(f, router);

	struct pool *made = *p;

	if (made)
		return made;
	made = malloc(sizeof(*made));
	if (made)
		pool_init(made, router);
	*p = made;
	return made;
}

static void pool_drop_unused(struct forwards *f, struct pool *p)
{
	struct pool **at = pool_find(f, p->router);

	if (p->is_daemon || p->askers || *at != p)
		return;
	for (unsigned i = 0; i < FAMILIES_ASKED; i++) {
		for (unsigned k = 0; k < ASKER_KINDS; k++) {
			if (p->sides[i][k].n_queue > 0)
				return;
		}
	}
	*at = p->next;
	free(p);
}

static void pool_done(struct dns_worker *w, struct pool *p)
{
	for (unsigned i = 0; i < FAMILIES_ASKED; i++) {
		for (unsigned k = 0; k < ASKER_KINDS; k++) {
			list_foreach (it, &p->sides[i][k].idle)
				asker_close(w, container_of(it, struct asker, node));
		}
	}
}

void pools_done(struct dns_worker *w)
{
	struct forwards *f = w->forwards;

	pool_done(w, &f->daemon);
	for (size_t i = 0; i < FORWARD_POOLS; i++) {
		for (struct pool *p = f->pools[i], *next; p; p = next) {
			next = p->next;
			pool_done(w, p);
			free(p);
		}
	}
	for (struct asker *s = f->spare, *next; s; s = next) {
		next = s->next;
		free(s);
	}
}

/* --- who asks next ---------------------------------------------------------------------------------------------- */

static void queue_join(struct ask *a, struct side *side, uint8_t server, bool is_tcp)
{
	if (a->side || side->n_queue >= FORWARD_QUEUE_MAX)
		return; /* its timer tries again */
	a->side = side;
	a->queued_server = server;
	a->queued_tcp = is_tcp;
	list_append(&side->queue, &a->queued);
	side->n_queue++;
}

void queue_leave(struct dns_worker *w, struct ask *a)
{
	struct pool *p;

	if (!a->side)
		return;
	list_remove(&a->queued);
	a->side->n_queue--;
	a->side = NULL;
	p = a->q.from_daemon ? NULL : *pool_find(w->forwards, a->q.router);
	if (p)
		pool_drop_unused(w->forwards, p);
}

static struct asker *used_put(struct side *side, struct asker *s)
{
	list_remove(&s->node);
	list_append(&side->used, &s->node);
	return s;
}

/* The asker that was idle, and is no longer. */
static struct asker *idle_take(struct side *side)
{
	struct asker *s;

	if (list_is_empty(&side->idle))
		return NULL;
	s = container_of(side->idle.prev, struct asker, node);
	list_remove(&s->node);
	side->n_idle--;
	return s;
}

/* One whose ask has a later try, among those that are used for the longest time. */
static struct asker *overtaken_find(const struct side *side)
{
	unsigned n = 0;

	list_foreach (it, &side->used) {
		struct asker *s = container_of(it, struct asker, node);

		if (n++ == OVERTAKEN_LOOK)
			break;
		if (s->try && s->try->ask->n_open > 1 && s->try->ask->tries.prev != &s->try->node)
			return s;
	}
	return NULL;
}

/*
 * The daemon's sockets of both families share their places: one of the other family gives its own up if it is idle, or if it was tried in vain
 * and this family has none of these.
 */
static struct asker *daemon_asker_get(struct dns_worker *w, unsigned family, enum asker_kind kind)
{
	struct side *other = &w->forwards->daemon.sides[!family][kind];
	struct asker *s = daemon_asker_new(w, family, kind);

	if (s)
		return s;
	s = idle_take(other);
	if (!s && !overtaken_find(&w->forwards->daemon.sides[family][kind]))
		s = overtaken_find(other);
	if (!s)
		return NULL;
	if (s->try)
		try_drop(s->try);
	asker_close(w, s);
	return daemon_asker_new(w, family, kind);
}

static struct asker *own_find(const struct ask *a, unsigned family, enum asker_kind kind)
{
	list_foreach (it, &a->tries) {
		struct asker *s = container_of(it, struct try, node)->asker;

		if (s->family == family && s->kind == kind)
			return s;
	}
	return NULL;
}

bool pool_lacks(struct forwards *f, const struct question *q, uint8_t server)
{
	const struct pool *p = q->from_daemon ? &f->daemon : *pool_find(f, q->router);

	return !p ||
	       (!p->is_daemon && p->sides[family_of(&q->servers[server].addr)][ASKER_UDP].n == 0);
}

struct asker *asker_take(struct dns_worker *w, struct ask *a, uint8_t server, bool is_tcp)
{
	struct forwards *f = w->forwards;
	struct pool *p = a->q.from_daemon ? &f->daemon : pool_get(f, a->q.router);
	const unsigned family = family_of(&a->q.servers[server].addr);
	const enum asker_kind kind = is_tcp ? ASKER_TCP : ASKER_UDP;
	struct side *side;
	struct asker *s;

	if (!p)
		return NULL;
	side = &p->sides[family][kind];
	s = idle_take(side);
	if (!s && p->is_daemon)
		s = daemon_asker_get(w, family, kind);
	if (s)
		return used_put(side, s);
	s = overtaken_find(side);
	if (!s)
		s = own_find(a, family, kind);
	if (s && side->n_queue == 0) {
		try_drop(s->try);
		asker_disconnect(s);
		return used_put(side, s);
	}
	/* Who waits goes before who asks once more. */
	queue_join(a, side, server, is_tcp);
	if (s)
		try_end(w, s->try);
	return NULL;
}

/* Who waits longest gets it. */
static void queue_serve(struct dns_worker *w, struct side *side, struct asker *s)
{
	struct ask *a = container_of(side->queue.next, struct ask, queued);
	const uint8_t server = a->queued_server;

	used_put(side, s);
	queue_leave(w, a);
	a->next_ms = w->now_ms + FORWARD_NEXT_MS;
	ask_timer_set(w, a);
	a->n_tries++;
	try_begin(w, a, s, server);
}

void asker_give_back(struct dns_worker *w, struct asker *s)
{
	struct pool *p = s->pool;
	const unsigned family = s->family;
	const enum asker_kind kind = s->kind;
	struct side *side = &p->sides[family][kind], *other = &p->sides[!family][kind];

	list_remove(&s->node);
	asker_disconnect(s);
	if (side->n_queue > 0) {
		queue_serve(w, side, s);
	} else if (p->is_daemon &&
		   (kind == ASKER_TCP || side->n_idle >= FORWARD_IDLE_MAX || other->n_queue > 0)) {
		asker_close(w, s);
		s = other->n_queue > 0 ? daemon_asker_new(w, !family, kind) : NULL;
		if (s)
			queue_serve(w, other, s);
	} else {
		list_append(&side->idle, &s->node);
		side->n_idle++;
	}
}

/* --- those of networks ------------------------------------------------------------------------------------------ */

static bool is_at(const struct msg_endpoint *a, const struct msg_endpoint *b)
{
	return a->network == b->network && a->kind == b->kind && a->slot == b->slot &&
	       addr_is_equal(&a->addr, &b->addr);
}

void forward_socket_gone(struct dns_worker *w, const struct msg_endpoint *at)
{
	struct pool *p = *pool_find(w->forwards, at->network);
	struct asker **link, *s;
	struct try *t;

	if (!p)
		return;
	for (link = &p->askers; *link && !is_at(&(*link)->at, at); link = &(*link)->next)
		;
	s = *link;
	if (!s)
		return;
	*link = s->next;
	t = s->try;
	p->sides[s->family][s->kind].n--;
	if (!t)
		p->sides[s->family][s->kind].n_idle--;
	asker_close(w, s);
	if (t) {
		struct ask *a = t->ask;

		try_drop(t);
		ask_next(w, a);
	}
	pool_drop_unused(w->forwards, p);
}

void forward_socket(struct dns_worker *w, const struct msg_endpoint *at, int fd)
{
	struct pool *p;
	struct asker *s;

	forward_socket_gone(w, at); /* it replaces the one that there was */
	p = pool_get(w->forwards, at->network);
	s = p ? asker_new(w->forwards) : NULL;
	if (!s) {
		close(fd);
		return;
	}
	s->at = *at;
	s->kind = at->kind == ENDPOINT_ASK_TCP ? ASKER_TCP : ASKER_UDP;
	s->family = (uint8_t)family_of(&at->addr);
	if (!asker_watch(w, s, fd)) {
		asker_close(w, s);
		pool_drop_unused(w->forwards, p);
		return;
	}
	s->pool = p;
	s->next = p->askers;
	p->askers = s;
	p->sides[s->family][s->kind].n++;
	asker_give_back(w, s);
}
