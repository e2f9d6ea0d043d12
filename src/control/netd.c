/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/netd.h"

#include "base/clock.h"
#include "base/log.h"
#include "control/control_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

const char *netd_state_text(enum netd_state s)
{
	static const char *const text[] = {
		[NETD_OFF] = "off", [NETD_GONE] = "gone",     [NETD_STARTING] = "starting",
		[NETD_UP] = "up",   [NETD_BEHIND] = "behind",
	};

	return text[s];
}

void netd_init(struct netd *n, struct control *c)
{
	*n = (struct netd){.source.fd = -1, .control = c};
}

static void close_link(struct netd *n)
{
	int fd = n->source.fd;

	loop_remove(&n->control->loop, &n->source);
	if (fd >= 0)
		close(fd);
	n->source.fd = -1;
}

void netd_done(struct netd *n)
{
	close_link(n);
	free(n->changed);
	n->changed = NULL;
	n->n_changed = n->cap_changed = 0;
}

/* --- what is known of generations ------------------------------------------------------------------------- */

/* The newest that netd must come to; 0 if there is none. */
static uint64_t wanted(const struct netd *n)
{
	uint64_t newest = n->n_changed ? n->changed[n->n_changed - 1] : 0;

	return newest > n->unknown ? newest : n->unknown;
}

static void changed_forget(struct netd *n)
{
	size_t i = 0;

	while (i < n->n_changed && n->changed[i] <= n->generation)
		i++;
	n->n_changed -= i;
	if (i && n->n_changed)
		memmove(n->changed, n->changed + i, n->n_changed * sizeof(*n->changed));
}

void netd_note_change(struct control *c, uint64_t generation)
{
	struct netd *n = &c->netd;
	size_t cap = n->cap_changed ? n->cap_changed * 2 : 16;
	uint64_t *more;

	if (n->n_changed && n->changed[n->n_changed - 1] >= generation)
		return;
	if (n->n_changed == n->cap_changed) {
		more = reallocarray(n->changed, cap, sizeof(*more));
		if (!more) {
			/* No memory to tell which it was: then all up to it are. */
			netd_note_unknown(c, generation);
			return;
		}
		n->changed = more;
		n->cap_changed = cap;
	}
	n->changed[n->n_changed++] = generation;
}

void netd_note_unknown(struct control *c, uint64_t generation)
{
	if (generation > c->netd.unknown)
		c->netd.unknown = generation;
}

bool netd_is_awaited(const struct netd *n, uint64_t generation)
{
	if (n->generation >= generation)
		return false;
	if (generation <= n->unknown && !n->off[0])
		return true;
	for (size_t i = n->n_changed; i-- > 0 && n->changed[i] >= generation;)
		if (n->changed[i] == generation)
			return true;
	return false;
}

enum netd_state netd_state(const struct netd *n)
{
	if (n->off[0])
		return NETD_OFF;
	if (!n->is_up)
		return NETD_GONE;
	if (!n->has_greeted)
		return NETD_STARTING;
	return n->generation >= wanted(n) ? NETD_UP : NETD_BEHIND;
}

int netd_check(const struct control *c, struct err *e)
{
	const struct netd *n = &c->netd;

	if (n->off[0])
		return err_set(e, ERR_UNAVAILABLE, NULL, "networks cannot be made here: %s",
			       n->off);
	if (n->lacks[0])
		return err_set(e, ERR_UNSUPPORTED, NULL, "networks cannot be made here: %s",
			       n->lacks);
	return 0;
}

static const char *reason_text(const struct netd *n)
{
	return n->off[0] ? n->off : n->reason;
}

json_t *netd_waiting_json(const struct netd *n)
{
	return json_pack("{s:s, s:s, s:I, s:I}", "state", netd_state_text(netd_state(n)), "reason",
			 reason_text(n), "done", (json_int_t)n->done, "total",
			 (json_int_t)n->total);
}

json_t *netd_json(const struct netd *n)
{
	return json_pack("{s:s, s:I, s:I, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "state",
			 netd_state_text(netd_state(n)), "pid", (json_int_t)(n->is_up ? n->pid : 0),
			 "generation", (json_int_t)n->generation, "off", n->off, "lacks", n->lacks,
			 "failure", n->reason, "failuresTotal", (json_int_t)n->failures,
			 "operationsTotal", (json_int_t)n->operations, "cutTotal",
			 (json_int_t)n->cut, "restarts",
			 (json_int_t)(n->starts ? n->starts - 1 : 0), "done", (json_int_t)n->done,
			 "total", (json_int_t)n->total);
}

/* It goes into JSON, logs and terminals, whatever it is. */
static void text_take(char dst[MSG_TEXT_MAX], const char *text)
{
	str_quote(dst, MSG_TEXT_MAX, text, strlen(text));
}

/* --- the parent's word ------------------------------------------------------------------------------------ */

static void link_ready(struct source *s, uint32_t events);

int netd_on_up(struct netd *n, struct msg *m, struct err *e)
{
	const struct msg_netd *up = m->body;
	int r;

	close_link(n);
	r = loop_add(&n->control->loop, &n->source, m->fds[0], EPOLLIN, link_ready, e);
	if (r < 0)
		return r;
	take_fd(&m->fds[0]);
	n->pid = up->pid;
	n->is_up = true;
	n->has_greeted = n->must_end = false;
	n->generation = n->rung = 0;
	n->done = n->total = 0;
	n->waiting_since = clock_mono_ms();
	n->starts++;
	return 0;
}

void netd_on_gone(struct netd *n, const struct msg *m)
{
	const struct msg_netd *gone = m->body;

	if (!n->is_up || n->pid != gone->pid)
		return; /* that one has been replaced already */
	close_link(n);
	n->is_up = n->has_greeted = n->must_end = false;
	n->waiting_since = 0;
	log_event(LOG_WARN, "netd.gone", LF_INT("pid", n->pid));
	events_own(n->control, &(struct own_event){.event = "netd-gone"});
}

int netd_on_off(struct netd *n, const struct msg *m, struct err *e)
{
	const struct msg_netd_off *body = m->body;

	if (!msg_text_is_sound(body->reason) || !body->reason[0])
		return err_set(e, ERR_INVALID, NULL, "netd is off for a reason that is no text");
	text_take(n->off, body->reason);
	close_link(n);
	n->is_up = n->has_greeted = false;
	events_own(n->control, &(struct own_event){.event = "netd-off", .reason = n->off});
	control_operations_check(n->control); /* what is not known is not waited for any more */
	control_netd_failed(n->control, UINT64_MAX);
	return 0;
}

/* --- to netd ---------------------------------------------------------------------------------------------- */

static void ask_end(struct netd *n)
{
	const struct msg_netd end = {.pid = n->pid};

	/* A full queue: asked again at the next tick. */
	if (n->control->parent.fd >= 0)
		(void)!msg_send_body(n->control->parent.fd, MSG_END_NETD, &end);
}

void netd_end(struct netd *n, const char *why)
{
	if (!n->is_up || n->must_end)
		return;
	n->must_end = true;
	close_link(n);
	if (!why)
		return;
	ask_end(n);
	log_event(LOG_ERROR, "netd.end", LF_INT("pid", n->pid), LF_STR("reason", why));
	events_own(n->control, &(struct own_event){.event = "netd-ended", .reason = why});
}

void netd_ring(struct control *c)
{
	struct netd *n = &c->netd;
	const struct msg_generation bell = {.generation = wanted(n)};

	if (n->source.fd < 0 || !n->has_greeted || bell.generation <= n->generation ||
	    bell.generation <= n->rung || bell.generation > c->generation ||
	    !gates_are_at(&c->gates, bell.generation) || !gates_are_at(&c->dns, bell.generation))
		return;
	/* A dead link shows as EPOLLHUP; a full one is tried again by the tick. */
	if (msg_send_body(n->source.fd, MSG_BELL_N, &bell) != 0)
		return;
	n->rung = bell.generation;
	if (!n->waiting_since)
		n->waiting_since = clock_mono_ms();
}

void netd_tick(struct netd *n)
{
	uint64_t now = clock_mono_ms();

	if (!n->is_up)
		return;
	if (n->must_end) {
		ask_end(n);
		return;
	}
	netd_ring(n->control);
	if (!n->waiting_since)
		return;
	if (!n->has_greeted && now - n->waiting_since > NETD_HELLO_MS)
		netd_end(n, "it has not said hello in time");
	else if (n->has_greeted && now - n->waiting_since > NETD_ACK_MS)
		netd_end(n, "it has not acknowledged a change in time");
}

/* --- from netd -------------------------------------------------------------------------------------------- */

static bool is_ahead(const struct control *c, uint64_t generation)
{
	return c->tables && generation > c->generation;
}

static void moved(struct netd *n, uint64_t generation)
{
	n->generation = generation;
	n->failed = 0;
	n->reason[0] = '\0';
	changed_forget(n);
	control_operations_check(n->control);
}

static int on_hello(struct netd *n, const struct msg_hello_netd *hello)
{
	if (n->has_greeted || is_ahead(n->control, hello->generation) ||
	    !msg_text_is_sound(hello->lacks))
		return -EBADMSG;
	n->has_greeted = true;
	n->waiting_since = 0;
	text_take(n->lacks, hello->lacks);
	log_event(n->lacks[0] ? LOG_WARN : LOG_INFO, "netd.up", LF_INT("pid", n->pid),
		  LF_UINT("generation", hello->generation), LF_STR("lacks", n->lacks));
	events_own(n->control, &(struct own_event){.event = "netd-up",
						   .reason = n->lacks[0] ? n->lacks : NULL});
	moved(n, hello->generation);
	netd_ring(n->control);
	return 0;
}

/* Once per reason: netd tries again and again. */
static void failed(struct netd *n, const struct msg_ack_netd *ack)
{
	char reason[MSG_TEXT_MAX];
	bool is_news;

	text_take(reason, ack->reason);
	is_news = n->failed != ack->generation || strcmp(n->reason, reason) != 0;
	n->failures++;
	n->failed = ack->generation;
	memcpy(n->reason, reason, sizeof(n->reason));
	if (is_news) {
		log_event(LOG_ERROR, "netd.failed", LF_UINT("generation", ack->generation),
			  LF_STR("reason", n->reason));
		events_own(n->control, &(struct own_event){.event = "netd-failed",
							   .revision = ack->generation,
							   .reason = n->reason});
	}
	control_netd_failed(n->control, ack->generation);
}

static int on_ack(struct netd *n, const struct msg_ack_netd *ack)
{
	if (!n->has_greeted || is_ahead(n->control, ack->generation) || ack->failed > 1 ||
	    !msg_text_is_sound(ack->reason) || (ack->failed && !ack->reason[0]))
		return -EBADMSG;
	n->operations += ack->operations;
	n->cut += ack->cut;
	n->took_ns += ack->took_ns;
	n->done = n->total = 0;
	/* It comes along; the clock starts again for what is still owed. */
	n->waiting_since = ack->generation < n->rung ? clock_mono_ms() : 0;
	if (ack->failed)
		failed(n, ack);
	else if (ack->generation >= n->generation)
		moved(n, ack->generation);
	return 0;
}

/* Long work is not lateness, whether a bell made it begin or netd did by itself. */
static int on_progress(struct netd *n, const struct msg_progress_netd *p)
{
	if (!n->has_greeted || p->done > p->total)
		return -EBADMSG;
	n->done = p->done;
	n->total = p->total;
	if (n->waiting_since)
		n->waiting_since = clock_mono_ms();
	return 0;
}

static int message(struct netd *n, const struct msg *m)
{
	switch (m->type) {
	case MSG_HELLO_N:
		return on_hello(n, m->body);
	case MSG_PROGRESS_N:
		return on_progress(n, m->body);
	default:
		return on_ack(n, m->body);
	}
}

#define MSGS_AT_ONCE 16

static void link_ready(struct source *s, uint32_t events)
{
	struct netd *n = container_of(s, struct netd, source);
	static struct msg m; /* large, and there is one thread */
	int r = 0;

	for (int i = 0; i < MSGS_AT_ONCE && r == 0 && s->fd >= 0; i++) {
		r = msg_recv(s->fd, ROLE_NETD, ROLE_CONTROL, &m);
		if (r < 0)
			break;
		r = message(n, &m);
		msg_done(&m);
	}
	if (s->fd < 0)
		return;
	if (r == -EPIPE || (r == -EAGAIN && (events & (EPOLLHUP | EPOLLERR))))
		netd_end(n, NULL); /* it died: the parent's to tell */
	else if (r < 0 && r != -EAGAIN)
		netd_end(n, "it broke the contract between roles");
}
