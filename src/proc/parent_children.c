/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Starting control and the gates, and what they are told. */
#include "base/clock.h"
#include "proc/parent_int.h"

#include <errno.h>
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

static void tell_control_up(struct parent *p, const struct child *gate, int link)
{
	const struct msg_gate_up body = {.index = gate->index, .pid = gate->pid};

	child_tell(&p->control, MSG_GATE_UP, &body, sizeof body,
		   (int[]){link, p->counters[gate->index]});
}

void gate_gone(struct parent *p, const struct child *g, pid_t pid)
{
	const struct msg_gate_gone body = {.index = g->index, .pid = pid};

	endpoints_end(&p->endpoints, g->index);
	child_tell(&p->control, MSG_GATE_GONE, &body, sizeof body, NULL);
}

/* --- what is owed --- */

/* Control was started while the gate ran: both get the ends of a new link. */
static int gate_relink(struct parent *p, struct child *g)
{
	const struct msg_empty empty = {0};
	int ends[2], ret;

	if (link_pair(ends)) {
		child_kill(g, "no link for it and control");
		return -EPIPE;
	}
	ret = child_send(g, MSG_CONTROL_LINK, &empty, sizeof empty, &ends[0]);
	if (!ret)
		tell_control_up(p, g, ends[1]);
	close(ends[0]);
	close(ends[1]);
	return ret;
}

static uint32_t taker_of(const struct child *c)
{
	return c->role == ROLE_NETD ? ENDPOINTS_NETD : c->index;
}

static int endpoints_flush(struct parent *p, struct child *c)
{
	const struct endpoint_socket *s;
	uint32_t cursor = 0;

	while ((s = endpoints_next(&p->endpoints, taker_of(c), &cursor))) {
		enum msg_type type = c->role == ROLE_NETD ? MSG_ENDPOINT_BACK
				     : s->fd >= 0	  ? MSG_ENDPOINT
							  : MSG_ENDPOINT_GONE;
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
	const bool is_netd = c->role == ROLE_NETD;
	const struct msg_empty empty = {0};

	if (what == OWES_RELINK)
		return is_netd ? netd_relink(p) : gate_relink(p, c);
	if (what == OWES_GO)
		return child_send(c, is_netd ? MSG_GO_NETD : MSG_GO_GATE, &empty, sizeof empty,
				  NULL);
	return child_send(c, is_netd ? MSG_STOP_NETD : MSG_STOP_GATE, &empty, sizeof empty, NULL);
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

	for (uint32_t i = 0; i < p->n_gates; i++)
		left |= flush_turn(p, &p->gates[i], now);
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

void gate_start(struct parent *p, struct child *g)
{
	const struct msg_start_gate body = {.index = g->index, .n_gates = p->n_gates};
	int ends[2];

	if (!start(p, g, EVENT_GATES + g->index))
		return;
	if (link_pair(ends)) {
		child_kill(g, "no link for it and control");
		return;
	}
	p->a_gate_ran = true;
	child_tell(g, MSG_START_GATE, &body, sizeof body,
		   (int[]){ends[0], p->counters[g->index], p->quota});
	for (size_t i = 0; i < p->listeners.n_endpoints; i++)
		tell_listener(g, MSG_LISTENER, LISTENER_PUBLIC, &p->listeners.endpoints[i],
			      p->listeners.public[g->index][i]);
	tell_control_up(p, g, ends[1]);
	close(ends[0]);
	close(ends[1]);
	endpoints_begin(&p->endpoints, g->index);
	child_owe(p, g, OWES_GO);
}

void control_start(struct parent *p)
{
	const struct msg_go_control go = {.cold = !p->a_gate_ran, .n_gates = p->n_gates};

	if (!start(p, &p->control, EVENT_CONTROL))
		return;
	tell_listener(&p->control, MSG_LISTENER_C, LISTENER_API, NULL, p->listeners.api);
	if (p->listeners.metrics >= 0)
		tell_listener(&p->control, MSG_LISTENER_C, LISTENER_METRICS, &p->o.metrics,
			      p->listeners.metrics);
	child_tell(&p->control, MSG_GO_CONTROL, &go, sizeof go, NULL);
	for (uint32_t i = 0; i < p->n_gates; i++)
		if (child_is_running(&p->gates[i]) && p->gates[i].link >= 0)
			child_owe(p, &p->gates[i], OWES_RELINK);
	netd_tell_control(p);
}

void gates_start(struct parent *p)
{
	parent_phase_set(p, SERVE);
	for (uint32_t i = 0; i < p->n_gates; i++)
		gate_start(p, &p->gates[i]);
}
