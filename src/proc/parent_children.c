/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Starting control and the workers, and what they are told. */
#include "base/clock.h"
#include "proc/parent_int.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* --- telling --- */

int child_send(struct child *c, enum msg_type type, const void *body, size_t size, const int *fds)
{
	int ret;

	if (c->link < 0)
		return -EPIPE;
	ret = msg_send(c->link, type, body, size, NULL, 0, fds);
	if (ret && ret != -EAGAIN)
		child_kill(c, "its link is dead");
	return ret;
}

void child_tell(struct child *c, enum msg_type type, const void *body, size_t size, const int *fds)
{
	if (child_send(c, type, body, size, fds) == -EAGAIN)
		child_kill(c, "does not read its messages");
}

void child_tell_empty(struct child *c, enum msg_type type)
{
	const struct msg_empty empty = {0};

	child_tell(c, type, &empty, sizeof empty, NULL);
}

static void tell_listener(struct child *c, enum msg_type type, enum listener_kind kind,
			  const struct endpoint *at, int fd)
{
	struct msg_listener body = {.kind = kind};

	if (at) {
		body.addr = at->addr;
		body.port = at->port;
	}
	child_tell(c, type, &body, sizeof body, &fd);
}

/* --- workers, and netd, by kind --- */

/* What they are told by, and control of them. 0 where there is no such message: MSG_START_GATE is none of these. */
static const struct talk {
	enum msg_type listener, go, stop, relink, endpoint, endpoint_gone;
	enum msg_type up, gone;
} talks[ROLE_COUNT] = {
	[ROLE_GATE] = {MSG_LISTENER, MSG_GO_GATE, MSG_STOP_GATE, MSG_CONTROL_LINK, MSG_ENDPOINT,
		       MSG_ENDPOINT_GONE, MSG_GATE_UP, MSG_GATE_GONE},
	[ROLE_DNS] = {MSG_LISTENER_D, MSG_GO_DNS, MSG_STOP_DNS, MSG_CONTROL_LINK_D, MSG_ENDPOINT_D,
		      MSG_ENDPOINT_GONE_D, MSG_DNS_UP, MSG_DNS_GONE},
	[ROLE_NETD] = {.go = MSG_GO_NETD, .stop = MSG_STOP_NETD, .endpoint = MSG_ENDPOINT_BACK},
};

static const struct talk *talk_of(const struct child *c)
{
	return &talks[c->role];
}

struct workers *workers_of(struct parent *p, const struct child *c)
{
	return c->role == ROLE_GATE ? &p->gates : c->role == ROLE_DNS ? &p->dns : NULL;
}

static uint32_t taker_of(const struct child *c)
{
	return c->role == ROLE_NETD  ? ENDPOINTS_NETD
	       : c->role == ROLE_DNS ? ENDPOINTS_DNS + c->index
				     : c->index;
}

static void tell_control_up(struct parent *p, const struct child *w, int link)
{
	const struct msg_gate_up body = {.index = w->index, .pid = w->pid};

	child_tell(&p->control, talk_of(w)->up, &body, sizeof body,
		   (int[]){link, workers_of(p, w)->counters[w->index]});
}

void worker_gone(struct parent *p, const struct child *w, pid_t pid)
{
	const struct msg_gate_gone body = {.index = w->index, .pid = pid};

	endpoints_end(&p->endpoints, taker_of(w));
	child_tell(&p->control, talk_of(w)->gone, &body, sizeof body, NULL);
}

/* --- what is owed --- */

/* Control was started while the worker ran: both get the ends of a new link. */
static int worker_relink(struct parent *p, struct child *w)
{
	const struct msg_empty empty = {0};
	int ends[2], ret;

	if (link_pair(ends)) {
		child_kill(w, "no link for it and control");
		return -EPIPE;
	}
	ret = child_send(w, talk_of(w)->relink, &empty, sizeof empty, &ends[0]);
	if (!ret)
		tell_control_up(p, w, ends[1]);
	close(ends[0]);
	close(ends[1]);
	return ret;
}

static int endpoints_flush(struct parent *p, struct child *c)
{
	const struct talk *t = talk_of(c);
	const struct endpoint_socket *s;
	uint32_t cursor = 0;

	while ((s = endpoints_next(&p->endpoints, taker_of(c), &cursor))) {
		/* netd is owed none that is gone */
		enum msg_type type = s->fd >= 0 ? t->endpoint : t->endpoint_gone;
		int ret = child_send(c, type, &s->at, sizeof s->at, &s->fd);

		if (ret)
			return ret;
		endpoints_told(&p->endpoints, taker_of(c), s);
		c->stuck_ms = 0;
	}
	return 0;
}

static int send_owed(struct parent *p, struct child *c, unsigned int what)
{
	const struct msg_empty empty = {0};

	if (what == OWES_RELINK)
		return c->role == ROLE_NETD ? netd_relink(p) : worker_relink(p, c);
	return child_send(c, what == OWES_GO ? talk_of(c)->go : talk_of(c)->stop, &empty,
			  sizeof empty, NULL);
}

/* -EAGAIN: some is still owed */
static int child_flush(struct parent *p, struct child *c)
{
	static const unsigned int order[] = {OWES_GO, OWES_RELINK, OWES_STOP};
	int ret = endpoints_flush(p, c);

	for (size_t i = 0; i < ARRAY_SIZE(order) && !ret; i++) {
		if (!(c->owed & order[i]))
			continue;
		ret = send_owed(p, c, order[i]);
		if (!ret)
			c->owed &= ~order[i];
	}
	return ret;
}

/* Is it still owed something? One that takes nothing at all for so long does not work. */
static bool flush_turn(struct parent *p, struct child *c, uint64_t now)
{
	if (!child_is_running(c) || c->link < 0 ||
	    (!c->owed && !endpoints_are_owed(&p->endpoints, taker_of(c))))
		return false;
	if (child_flush(p, c) != -EAGAIN) {
		c->stuck_ms = 0;
		return false;
	}
	if (!c->stuck_ms)
		c->stuck_ms = now;
	else if (now - c->stuck_ms >= PARENT_DEAF_MS)
		child_kill(c, "does not read its messages");
	return true;
}

bool owed_flush(struct parent *p)
{
	uint64_t now = clock_mono_ms();
	bool left = flush_turn(p, &p->netd, now);

	workers_foreach (w, &p->gates)
		left |= flush_turn(p, w, now);
	workers_foreach (w, &p->dns)
		left |= flush_turn(p, w, now);
	return left;
}

void child_owe(struct parent *p, struct child *c, unsigned int what)
{
	c->owed |= what;
	(void)flush_turn(p, c, clock_mono_ms());
}

/* --- starting --- */

static bool start(struct parent *p, struct child *c, uint32_t event)
{
	if (child_start(c, &p->spawner))
		return false;
	if (parent_watch(p, c->link, event))
		child_kill(c, "cannot watch it");
	return true;
}

static void gate_tell_start(struct parent *p, struct child *g, int control_link)
{
	const struct msg_start_gate body = {.index = g->index, .n_gates = p->gates.n};

	child_tell(g, MSG_START_GATE, &body, sizeof body,
		   (int[]){control_link, p->gates.counters[g->index], p->quota});
	for (size_t i = 0; i < p->listeners.n_endpoints; i++)
		tell_listener(g, MSG_LISTENER, LISTENER_PUBLIC, &p->listeners.endpoints[i],
			      p->listeners.public[g->index][i]);
}

static void dns_tell_start(struct parent *p, struct child *d, int control_link)
{
	struct msg_start_dns body = {.index = d->index, .n_dns = p->dns.n};

	memcpy(body.cookie_key, p->cookie_key, sizeof body.cookie_key);
	child_tell(d, MSG_START_DNS, &body, sizeof body,
		   (int[]){control_link, p->dns.counters[d->index]});
	for (size_t i = 0; i < p->listeners.n_dns; i++) {
		const struct dns_listener *l = &p->listeners.dns[i];

		tell_listener(d, MSG_LISTENER_D, LISTENER_DNS_UDP, &l->at, l->udp);
		tell_listener(d, MSG_LISTENER_D, LISTENER_DNS_TCP, &l->at, l->tcp);
	}
}

void worker_start(struct parent *p, struct child *w)
{
	const bool is_dns = w->role == ROLE_DNS;
	int ends[2];

	if (!start(p, w, (is_dns ? EVENT_DNS : EVENT_GATES) + w->index))
		return;
	if (link_pair(ends)) {
		child_kill(w, "no link for it and control");
		return;
	}
	p->a_worker_ran = true;
	if (is_dns)
		dns_tell_start(p, w, ends[0]);
	else
		gate_tell_start(p, w, ends[0]);
	tell_control_up(p, w, ends[1]);
	close(ends[0]);
	close(ends[1]);
	endpoints_begin(&p->endpoints, taker_of(w));
	child_owe(p, w, OWES_GO);
}

static void workers_relink(struct parent *p, struct workers *ws)
{
	workers_foreach (w, ws)
		if (child_is_running(w) && w->link >= 0)
			child_owe(p, w, OWES_RELINK);
}

void control_start(struct parent *p)
{
	const struct msg_go_control go = {
		.cold = !p->a_worker_ran, .n_gates = p->gates.n, .n_dns = p->dns.n};

	if (!start(p, &p->control, EVENT_CONTROL))
		return;
	tell_listener(&p->control, MSG_LISTENER_C, LISTENER_API, NULL, p->listeners.api);
	if (p->listeners.metrics >= 0)
		tell_listener(&p->control, MSG_LISTENER_C, LISTENER_METRICS, &p->o.metrics,
			      p->listeners.metrics);
	child_tell(&p->control, MSG_GO_CONTROL, &go, sizeof go, NULL);
	workers_relink(p, &p->gates);
	workers_relink(p, &p->dns);
	netd_tell_control(p);
}

void workers_start(struct parent *p)
{
	parent_phase_set(p, SERVE);
	workers_foreach (w, &p->gates)
		worker_start(p, w);
	workers_foreach (w, &p->dns)
		worker_start(p, w);
}
