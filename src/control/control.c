/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/control.h"

#include "base/clock.h"
#include "base/log.h"
#include "control/control_int.h"
#include "control/request.h"
#include "control/tables_keep.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#define TICK_MS 1000

/* --- operations ------------------------------------------------------------------------------------------- */

uint32_t control_waiting_for(const struct gates *gs, uint64_t revision,
			     uint32_t ret_indexes[CONTROL_GATES_MAX])
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < gs->n; i++) {
		/* With none up there is nobody to enforce it: then it waits for all of them. */
		if (gates_count_up(gs) > 0 && gate_is_at(&gs->gate[i], revision))
			continue;
		if (ret_indexes)
			ret_indexes[n] = i;
		n++;
	}
	return n;
}

static bool gates_have(const struct control *c, uint64_t revision)
{
	return c->tables && c->is_in_step && c->generation >= revision && c->gates.n > 0 &&
	       control_waiting_for(&c->gates, revision, NULL) == 0 &&
	       control_waiting_for(&c->dns, revision, NULL) == 0;
}

static void operation_tell(struct control *c, const struct operation *op)
{
	const int64_t us = op->enforced_ns / 1000; /* what is beyond is noise */
	const double ms = (double)us / 1e3;

	log_event(LOG_INFO, "enforced", LF_UINT("revision", op->revision), LF_DOUBLE("ms", ms),
		  LF_UINT("judged", op->judged), LF_UINT("cut", op->cut),
		  LF_UINT("draining", op->draining));
	events_own(c, &(struct own_event){.event = "enforced",
					  .revision = op->revision,
					  .enforced_ms = ms,
					  .judged = op->judged,
					  .cut = op->cut,
					  .draining = op->draining});
}

static void operation_wake(struct operation *op)
{
	list_foreach (it, &op->waiters)
		request_wait_end(container_of(it, struct request, wait_node));
}

static void operation_enforced(struct control *c, struct operation *op)
{
	operation_finish(&c->operations, op, clock_mono_ns());
	operation_wake(op);
	if (!op->received_ns)
		return; /* from before this process, which has told already or does not know */
	operation_tell(c, op);
	if (c->store)
		store_set_enforced(c->store, op->revision, op->enforced_ns);
}

void control_operations_check(struct control *c)
{
	list_foreach (it, &c->operations.active) {
		struct operation *op = container_of(it, struct operation, node);

		if (!gates_have(c, op->revision))
			break; /* they are in order of revision: no gate has the later ones either */
		if (!netd_is_awaited(&c->netd, op->revision))
			operation_enforced(c, op);
	}
	control_updates_check(c);
	netd_ring(c); /* gates and dns processes may have come to what netd has been waiting for */
}

void control_netd_failed(struct control *c, uint64_t generation)
{
	list_foreach (it, &c->operations.active) {
		struct operation *op = container_of(it, struct operation, node);

		if (op->revision <= generation && netd_is_awaited(&c->netd, op->revision))
			operation_wake(op);
	}
}

void control_on_ack(struct control *c, uint64_t before, const struct msg_ack *ack)
{
	list_foreach (it, &c->operations.active) {
		struct operation *op = container_of(it, struct operation, node);

		if (op->revision <= before || op->revision > ack->generation)
			continue;
		op->judged += ack->judged;
		op->cut += ack->cut;
		op->draining += ack->draining;
	}
}

struct restore {
	uint64_t revision, time_us;
	int64_t enforced_ns;
	bool is_found;
};

static int restore_one(const struct store_change *change, void *arg)
{
	struct restore *r = arg;

	r->is_found = change->revision == r->revision;
	r->time_us = change->time_us;
	r->enforced_ns = change->enforced_ns;
	return 1;
}

struct operation *control_operation(struct control *c, uint64_t revision, struct err *e)
{
	struct operation *op = operation_find(&c->operations, revision);
	struct restore found = {.revision = revision};
	int r;

	if (op)
		return op;
	if (control_store_check(c, e) < 0)
		return NULL;
	if (revision > 0 && revision <= store_revision(c->store)) {
		r = store_history(c->store, revision - 1, NULL, NULL, 1, false, restore_one, &found,
				  NULL, e);
		if (r < 0)
			return NULL;
	}
	if (!found.is_found) {
		err_set(e, ERR_NOT_FOUND, NULL, "there is no operation %llu, or it is forgotten",
			(unsigned long long)revision);
		return NULL;
	}
	op = operation_restore(&c->operations, revision, found.time_us, found.enforced_ns);
	if (!op) {
		err_set(e, ERR_NOMEM, NULL, "out of memory");
		return NULL;
	}
	control_operations_check(c);
	return op;
}

/* --- the parent ------------------------------------------------------------------------------------------- */

static int on_listener(struct control *c, struct msg *m, struct err *e)
{
	const struct msg_listener *l = m->body;
	int r;

	if (l->kind != LISTENER_API && l->kind != LISTENER_METRICS)
		return err_set(e, ERR_INVALID, NULL, "control has no use for listener kind %u",
			       l->kind);
	r = http_listen(c, m->fds[0], l->kind == LISTENER_API, e);
	if (r == 0)
		take_fd(&m->fds[0]);
	return r;
}

static int on_go(struct control *c, const struct msg_go_control *go, struct err *e)
{
	if (c->has_go || go->n_gates == 0 || go->n_gates > GATES_MAX || go->n_dns > DNS_MAX)
		return err_set(e, ERR_INVALID, NULL, "%u gates, %u dns processes", go->n_gates,
			       go->n_dns);
	c->has_go = true;
	c->is_cold = go->cold;
	c->gates.n = go->n_gates;
	c->dns.n = go->n_dns;
	return 0;
}

static int on_parent_msg(struct control *c, struct msg *m, struct err *e)
{
	switch (m->type) {
	case MSG_LISTENER_C:
		return on_listener(c, m, e);
	case MSG_GO_CONTROL:
		return on_go(c, m->body, e);
	case MSG_GATE_UP:
		return gates_on_up(&c->gates, m, e);
	case MSG_GATE_GONE:
		return gates_on_gone(&c->gates, m, e);
	case MSG_DNS_UP:
		return gates_on_up(&c->dns, m, e);
	case MSG_DNS_GONE:
		return gates_on_gone(&c->dns, m, e);
	case MSG_NETD_UP:
		return netd_on_up(&c->netd, m, e);
	case MSG_NETD_GONE:
		netd_on_gone(&c->netd, m);
		return 0;
	case MSG_NETD_OFF:
		return netd_on_off(&c->netd, m, e);
	case MSG_STOP_CONTROL:
		c->is_stopping = true;
		return 0;
	default:
		return err_set(e, ERR_INVALID, NULL, "unexpected %s", msg_type_name(m->type));
	}
}

static void parent_ready(struct source *s, uint32_t events)
{
	struct control *c = container_of(s, struct control, parent);
	static struct msg m; /* large, and there is one thread */
	struct err e = {0};
	int r;

	for (;;) {
		r = msg_recv(s->fd, ROLE_PARENT, ROLE_CONTROL, &m);
		if (r == -EAGAIN || r == -EWOULDBLOCK)
			return;
		if (r < 0)
			break;
		r = on_parent_msg(c, &m, &e);
		msg_done(&m);
		if (r < 0) {
			log_event(LOG_ERROR, "control.parent", LF_STR("error", e.text));
			break;
		}
		if (c->is_stopping)
			return;
	}
	/* Without its parent, or at odds with it, control has no business. */
	c->is_stopping = true;
}

/* A full queue: at the next tick. */
void control_ready_send(struct control *c)
{
	struct msg_empty empty = {0};

	if (!c->is_ready || c->is_ready_sent)
		return;
	c->is_ready_sent = msg_send_body(c->parent.fd, MSG_READY, &empty) == 0;
}

/* --- life ------------------------------------------------------------------------------------------------- */

static void tick(struct loop_timer *t)
{
	struct control *c = container_of(t, struct control, tick);

	loop_timer_start(&c->loop, t, TICK_MS, tick);
	tables_keep_tick(c);
	control_ready_send(c);
	gates_tick(&c->gates);
	gates_tick(&c->dns);
	netd_tick(&c->netd);
	http_tick(c);
}

static int paths_make(struct control *c, struct err *e)
{
	const char *state = c->options->state_dir;
	char dir[PATH_MAX];
	int n;

	n = snprintf(dir, sizeof(dir), "%s/store", state);
	if (n < 0 || n + 12 >= PATH_MAX)
		return err_set(e, ERR_USAGE, NULL, "the state folder's path is too long");
	snprintf(c->store_path, sizeof(c->store_path), "%.*s/store/postern.db", PATH_MAX - 24,
		 state);
	snprintf(c->tables_dir, sizeof(c->tables_dir), "%.*s/tables", PATH_MAX - 24, state);
	/* They are there already when the parent has made them for our user; a failure shows when they are opened. */
	(void)!mkdir(dir, 0700);
	(void)!mkdir(c->tables_dir, 0755);
	return 0;
}

static int control_init(struct control *c, const struct options *o, int parent_fd,
			const struct control_api *apis, size_t n_apis, struct err *e)
{
	int r;

	c->options = o;
	c->started_us = clock_wall_us();
	c->authz = (struct authz){.options = o, .start_uid = o->owner_uid};
	c->parent.fd = -1;
	loop_timer_init(&c->tick);
	operations_init(&c->operations);
	control_updates_init(&c->updates);
	dumps_init(&c->dumps, c);
	gates_init(&c->gates, c, ROLE_GATE);
	gates_init(&c->dns, c, ROLE_DNS);
	netd_init(&c->netd, c);
	http_init(&c->http, apis, n_apis);
	r = loop_init(&c->loop, e);
	if (r == 0)
		r = index_init(&c->index, e);
	if (r == 0)
		r = events_init(&c->events, e);
	if (r == 0)
		r = loop_add(&c->loop, &c->parent, parent_fd, EPOLLIN, parent_ready, e);
	fcntl(parent_fd, F_SETFL, fcntl(parent_fd, F_GETFL) | O_NONBLOCK);
	return r;
}

static int sandbox_begin(const struct options *o, struct err *e)
{
	struct sandbox s;
	int r = role_sandbox(o, ROLE_CONTROL, &s, e);

	if (r == 0)
		r = sandbox_enter(&s, e);
	if (r == 0 && o->probe[0])
		sandbox_probe(o->probe);
	return r;
}

/*
 * The parent says who we work with before there is work. Gates' links may come meanwhile and are not read yet: what a gate
 * or dns process says is checked against the tables.
 */
static void go_wait(struct control *c)
{
	struct pollfd p = {.fd = c->parent.fd, .events = POLLIN};

	while (!c->has_go && !c->is_stopping)
		if (poll(&p, 1, -1) > 0)
			parent_ready(&c->parent, EPOLLIN);
}

static void control_loop(struct control *c)
{
	loop_timer_start(&c->loop, &c->tick, TICK_MS, tick);
	while (!c->is_stopping) {
		loop_run_once(&c->loop, http_wait_ms(&c->http));
		http_run(c);
	}
	http_finish(c);
}

static int control_run(struct control *c, struct err *e)
{
	int r = sandbox_begin(c->options, e);

	if (r < 0)
		return r;
	r = paths_make(c, e);
	if (r == 0)
		go_wait(c);
	if (r < 0 || c->is_stopping)
		return r;
	tables_keep_start(c);
	control_ready_send(c);
	log_event(LOG_INFO, "control.start", LF_BOOL("cold", c->is_cold),
		  LF_UINT("generation", c->generation), LF_UINT("gates", c->gates.n),
		  LF_UINT("dns", c->dns.n));
	control_loop(c);
	return 0;
}

int control_main(const struct options *o, int parent_fd, const struct control_api *apis,
		 size_t n_apis)
{
	struct control *c = calloc(1, sizeof(*c));
	struct err e = {0};
	int r;

	if (!c)
		return EXIT_FAILURE;
	r = control_init(c, o, parent_fd, apis, n_apis, &e);
	if (r == 0)
		r = control_run(c, &e);
	if (r < 0)
		log_event(LOG_ERROR, "control.failed", LF_STR("error", e.text));
	/* Only what is on disk needs closing; the rest ends with the process, connections that still rest included. */
	store_close(c->store);
	tables_close(c->tables);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
