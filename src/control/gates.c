/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/gates.h"

#include "base/clock.h"
#include "base/log.h"
#include "control/control_int.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>

const char *gate_state_text(enum gate_state s)
{
	static const char *const text[] = {
		[GATE_GONE] = "gone",
		[GATE_STARTING] = "starting",
		[GATE_UP] = "up",
		[GATE_BEHIND] = "behind",
	};

	return text[s];
}

static const struct gates_kind gate_kind, dns_kind;

void gates_init(struct gates *gs, struct control *c, enum role r)
{
	memset(gs, 0, sizeof(*gs));
	gs->kind = r == ROLE_DNS ? &dns_kind : &gate_kind;
	for (uint32_t i = 0; i < CONTROL_GATES_MAX; i++) {
		gs->gate[i].kind = gs->kind;
		gs->gate[i].source.fd = -1;
		gs->gate[i].control = c;
		gs->gate[i].index = i;
	}
}

static void gate_close_link(struct gate *g)
{
	int fd = g->source.fd;

	loop_remove(&g->control->loop, &g->source);
	if (fd >= 0)
		close(fd);
	if (g->kind == &gate_kind)
		dumps_on_gate_gone(&g->control->dumps, g->index);
}

static void gate_unmap(struct gate *g)
{
	if (g->counters)
		munmap((void *)(uintptr_t)g->counters, g->kind->counters_bytes);
	g->counters = NULL;
}

void gates_done(struct gates *gs)
{
	for (uint32_t i = 0; i < CONTROL_GATES_MAX; i++) {
		gate_close_link(&gs->gate[i]);
		gate_unmap(&gs->gate[i]);
	}
}

enum gate_state gate_state(const struct gate *g, uint64_t generation)
{
	if (!g->is_up)
		return GATE_GONE;
	if (!g->has_greeted)
		return GATE_STARTING;
	return g->generation >= generation ? GATE_UP : GATE_BEHIND;
}

bool gate_is_at(const struct gate *g, uint64_t generation)
{
	return !g->is_up || (g->has_greeted && !g->must_end && g->generation >= generation);
}

uint32_t gates_count_up(const struct gates *gs)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < gs->n; i++)
		n += gs->gate[i].is_up && gs->gate[i].has_greeted;
	return n;
}

bool gates_are_at(const struct gates *gs, uint64_t generation)
{
	for (uint32_t i = 0; i < gs->n; i++)
		if (!gate_is_at(&gs->gate[i], generation))
			return false;
	return true;
}

uint64_t gate_counter_value(const struct gate *g, unsigned int counter)
{
	if (!g->counters)
		return 0;
	return atomic_load_explicit(&g->counters[counter], memory_order_relaxed);
}

/* --- the parent's word ------------------------------------------------------------------------------------ */

/* A gate that could shrink its counters' memory could kill us by SIGBUS: only a sealed one is mapped. */
static int gate_map_counters(struct gate *g, int fd, struct err *e)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);
	void *map;

	if (seals >= 0 && !(seals & F_SEAL_SHRINK) && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0)
		seals |= F_SEAL_SHRINK;
	if (seals < 0 || !(seals & F_SEAL_SHRINK))
		return err_set(e, ERR_INVALID, NULL, "%s %u's counters can be cut short",
			       g->kind->name, g->index);
	if (fstat(fd, &st) < 0 || st.st_size < (off_t)g->kind->counters_bytes)
		return err_set(e, ERR_INVALID, NULL, "%s %u's counters are too small",
			       g->kind->name, g->index);
	map = mmap(NULL, g->kind->counters_bytes, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return err_set(e, ERR_INTERNAL, NULL, "mmap: %s", strerror(errno));
	gate_unmap(g);
	g->counters = map;
	return 0;
}

static void gate_ready(struct source *s, uint32_t events);

static void gate_tell(struct gate *g, const char *event, const char *reason)
{
	events_own(g->control, &(struct own_event){
				       .event = event,
				       .process = {.kind = g->kind->name, .index = g->index},
				       .reason = reason,
			       });
}

static int index_wrong(const struct gates *gs, uint32_t index, struct err *e)
{
	return err_set(e, ERR_INVALID, NULL, "%s index %u is out of range", gs->kind->name, index);
}

int gates_on_up(struct gates *gs, struct msg *m, struct err *e)
{
	const struct msg_gate_up *up = m->body;
	struct gate *g;
	int r;

	if (up->index >= CONTROL_GATES_MAX || (gs->n && up->index >= gs->n))
		return index_wrong(gs, up->index, e);
	g = &gs->gate[up->index];
	gate_close_link(g);
	r = gate_map_counters(g, m->fds[1], e);
	if (r < 0)
		log_event(LOG_WARN, g->kind->log_counters, LF_UINT(g->kind->name, g->index),
			  LF_STR("error", e->text));
	r = loop_add(&g->control->loop, &g->source, m->fds[0], EPOLLIN, gate_ready, e);
	if (r < 0)
		return r;
	take_fd(&m->fds[0]);
	g->pid = up->pid;
	g->is_up = true;
	g->has_greeted = g->must_end = g->bell_wanted = false;
	g->watch_wanted = false;
	g->generation = 0;
	g->waiting_since = clock_mono_ms();
	g->starts++;
	return 0;
}

int gates_on_gone(struct gates *gs, const struct msg *m, struct err *e)
{
	const struct msg_gate_gone *gone = m->body;
	struct gate *g;

	if (gone->index >= CONTROL_GATES_MAX)
		return index_wrong(gs, gone->index, e);
	g = &gs->gate[gone->index];
	if (!g->is_up || g->pid != gone->pid)
		return 0; /* that one has been replaced already */
	gate_close_link(g);
	g->is_up = g->has_greeted = g->must_end = false;
	log_event(LOG_WARN, g->kind->log_gone, LF_UINT(g->kind->name, g->index),
		  LF_INT("pid", g->pid));
	gate_tell(g, g->kind->event_gone, NULL);
	control_operations_check(g->control);
	return 0;
}

/* --- to a gate -------------------------------------------------------------------------------------------- */

static void gate_ask_end(struct gate *g)
{
	struct msg_end_gate end = {.index = g->index, .pid = g->pid};

	/* A full queue: asked again at the next tick. */
	if (g->control->parent.fd >= 0)
		(void)!msg_send_body(g->control->parent.fd, g->kind->end, &end);
}

void gate_end(struct gate *g, const char *why)
{
	if (!g->is_up || g->must_end)
		return;
	g->must_end = true;
	gate_close_link(g);
	/* A link that only closed is mostly a gate that is ending by itself: the tick asks if it is still there then. */
	if (!why)
		return;
	gate_ask_end(g);
	log_event(LOG_ERROR, g->kind->log_end, LF_UINT(g->kind->name, g->index),
		  LF_INT("pid", g->pid), LF_STR("reason", why));
	gate_tell(g, g->kind->event_ended, why);
}

void gates_end_all(struct gates *gs, const char *why)
{
	for (uint32_t i = 0; i < gs->n; i++)
		gate_end(&gs->gate[i], why);
}

/* What is owed to the gate: again later if its queue is full. */
static void gate_flush(struct gate *g)
{
	struct msg_generation bell = {.generation = g->control->generation};
	struct msg_watch watch = {.accepted = events_want_accepted(&g->control->events)};

	if (g->source.fd < 0)
		return;
	if (g->bell_wanted && msg_send_body(g->source.fd, g->kind->bell, &bell) == 0)
		g->bell_wanted = false;
	if (g->watch_wanted && msg_send_body(g->source.fd, MSG_WATCH, &watch) == 0)
		g->watch_wanted = false;
	/* A dead link shows as EPOLLHUP; a full one as EPOLLOUT when it is no longer full. */
	loop_set_events(&g->control->loop, &g->source,
			EPOLLIN | (g->bell_wanted || g->watch_wanted ? EPOLLOUT : 0));
}

static void gate_ring(struct gate *g)
{
	if (!g->is_up || !g->has_greeted || g->generation >= g->control->generation)
		return;
	if (!g->waiting_since)
		g->waiting_since = clock_mono_ms();
	g->bell_wanted = true;
	gate_flush(g);
}

void gates_ring(struct gates *gs)
{
	for (uint32_t i = 0; i < gs->n; i++)
		gate_ring(&gs->gate[i]);
}

void gates_watch(struct gates *gs)
{
	for (uint32_t i = 0; i < gs->n; i++) {
		gs->gate[i].watch_wanted = gs->gate[i].has_greeted;
		gate_flush(&gs->gate[i]);
	}
}

int gate_send_dump(struct gate *g, uint64_t request, enum dump_kind kind, int fd)
{
	struct msg_dump dump = {.request = request, .kind = kind};

	if (g->source.fd < 0 || !g->has_greeted)
		return -ENOTCONN;
	return msg_send(g->source.fd, MSG_DUMP, &dump, sizeof(dump), NULL, 0, &fd);
}

void gates_tick(struct gates *gs)
{
	uint64_t now = clock_mono_ms();

	for (uint32_t i = 0; i < gs->n; i++) {
		struct gate *g = &gs->gate[i];

		if (!g->is_up)
			continue;
		if (g->must_end) {
			gate_ask_end(g);
			continue;
		}
		gate_flush(g);
		if (!g->has_greeted && now - g->waiting_since > GATE_HELLO_MS)
			gate_end(g, "it has not said hello in time");
		else if (g->has_greeted && g->waiting_since && now - g->waiting_since > GATE_ACK_MS)
			gate_end(g, "it has not acknowledged a change in time");
	}
}

/* --- from a gate ------------------------------------------------------------------------------------------ */

static int gate_on_hello(struct gate *g, const struct msg_generation *hello)
{
	const struct control *c = g->control;

	if ((c->tables && hello->generation > c->generation) || g->has_greeted)
		return -EBADMSG;
	g->has_greeted = true;
	g->generation = hello->generation;
	g->waiting_since = 0;
	log_event(LOG_INFO, g->kind->log_up, LF_UINT(g->kind->name, g->index),
		  LF_INT("pid", g->pid), LF_UINT("generation", g->generation));
	gate_tell(g, g->kind->event_up, NULL);
	g->watch_wanted = g->kind == &gate_kind && events_want_accepted(&c->events);
	gate_ring(g);
	gate_flush(g);
	control_operations_check(g->control);
	return 0;
}

/* figures: what the change did to its connections; NULL of a dns process, which has none that a change ends. */
static int gate_on_ack(struct gate *g, uint64_t generation, const struct msg_ack *figures)
{
	uint64_t before = g->generation;

	if (!g->has_greeted || (g->control->tables && generation > g->control->generation))
		return -EBADMSG;
	if (generation <= before)
		return 0;
	g->generation = generation;
	/* It comes along; the clock starts again for what is still owed. */
	g->waiting_since = g->generation < g->control->generation ? clock_mono_ms() : 0;
	if (figures)
		control_on_ack(g->control, before, figures);
	control_operations_check(g->control);
	return 0;
}

static int gate_on_msg(struct gate *g, const struct msg *m)
{
	const struct msg_ack *ack = m->body;

	switch (m->type) {
	case MSG_HELLO:
		return gate_on_hello(g, m->body);
	case MSG_ACK:
		return gate_on_ack(g, ack->generation, ack);
	case MSG_EVENTS:
		return events_on_gate(g->control, g->index, m->records, m->n_records);
	case MSG_DUMPED:
		return dumps_on_dumped(&g->control->dumps, g->index, m->body);
	default:
		return -EBADMSG;
	}
}

static int dns_on_msg(struct gate *g, const struct msg *m)
{
	const struct msg_ack_dns *ack = m->body;

	switch (m->type) {
	case MSG_HELLO_D:
		return gate_on_hello(g, m->body);
	case MSG_ACK_D:
		return gate_on_ack(g, ack->generation, NULL);
	case MSG_UPDATE:
		return g->has_greeted ? update_on_msg(g->control, g, m) : -EBADMSG;
	default:
		return -EBADMSG;
	}
}

static const struct gates_kind gate_kind = {
	.role = ROLE_GATE,
	.name = "gate",
	.event_up = "gate-up",
	.event_gone = "gate-gone",
	.event_ended = "gate-ended",
	.log_up = "gate.up",
	.log_gone = "gate.gone",
	.log_end = "gate.end",
	.log_counters = "gate.counters",
	.bell = MSG_BELL,
	.end = MSG_END_GATE,
	.counters_bytes = sizeof(struct gate_counters),
	.on_msg = gate_on_msg,
};

static const struct gates_kind dns_kind = {
	.role = ROLE_DNS,
	.name = "dns",
	.event_up = "dns-up",
	.event_gone = "dns-gone",
	.event_ended = "dns-ended",
	.log_up = "dns.up",
	.log_gone = "dns.gone",
	.log_end = "dns.end",
	.log_counters = "dns.counters",
	.bell = MSG_BELL_D,
	.end = MSG_END_DNS,
	.counters_bytes = sizeof(struct dns_counters),
	.on_msg = dns_on_msg,
};

/* Takes what is there, but not for ever: a talkative gate must not keep the others waiting. */
#define MSGS_AT_ONCE 64

static void gate_ready(struct source *s, uint32_t events)
{
	struct gate *g = container_of(s, struct gate, source);
	static struct msg m; /* large, and there is one thread */
	int r = 0;

	for (int i = 0; i < MSGS_AT_ONCE && r == 0 && s->fd >= 0; i++) {
		r = msg_recv(s->fd, g->kind->role, ROLE_CONTROL, &m);
		if (r < 0)
			break;
		r = g->kind->on_msg(g, &m);
		msg_done(&m);
	}
	if (s->fd < 0)
		return;
	if (r == -EPIPE || (r == -EAGAIN && (events & (EPOLLHUP | EPOLLERR))))
		gate_end(g, NULL); /* it died: the parent's to tell */
	else if (r < 0 && r != -EAGAIN)
		gate_end(g, "it broke the contract between roles");
	else if (events & EPOLLOUT)
		gate_flush(g);
}
