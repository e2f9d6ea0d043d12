/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "gate/gate.h"

#include "base/log.h"
#include "gate/accept.h"
#include "gate/cluster.h"
#include "gate/endpoint.h"
#include "gate/link.h"
#include "gate/worker.h"
#include "proc/msg.h"
#include "proc/quota_layout.h"
#include "proc/sandbox.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static struct worker worker;
static struct msg received;

/* What the parent hands over before the gate may begin. */
struct gate_setup {
	uint32_t index, n_gates;
	int control_fd, counters_fd, quota_fd;
	bool started, go;
	/* What was said of private addresses, in that order. */
	struct setup_endpoint {
		struct msg_endpoint place;
		int fd; /* -1: gone */
	} * endpoints;
	size_t n_endpoints;
};

static int message_wait(int fd, struct msg *ret_msg)
{
	for (;;) {
		int r = msg_recv(fd, ROLE_PARENT, ROLE_GATE, ret_msg);
		if (r != -EAGAIN)
			return r;
		struct pollfd p = {.fd = fd, .events = POLLIN};
		if (poll(&p, 1, -1) < 0 && errno != EINTR)
			return -errno;
	}
}

static int endpoint_keep(struct gate_setup *s, const struct msg_endpoint *place, int fd)
{
	/* Grown by doubling: there may be thousands. */
	if ((s->n_endpoints & (s->n_endpoints - 1)) == 0) {
		size_t n = s->n_endpoints ? s->n_endpoints * 2 : 1;
		void *grown = reallocarray(s->endpoints, n, sizeof *s->endpoints);
		if (!grown) {
			if (fd >= 0)
				close(fd);
			return -ENOMEM;
		}
		s->endpoints = grown;
	}
	s->endpoints[s->n_endpoints++] = (struct setup_endpoint){*place, fd};
	return 0;
}

static void endpoints_give(struct gate_setup *s, struct worker *w)
{
	for (size_t i = 0; i < s->n_endpoints; i++) {
		if (s->endpoints[i].fd >= 0)
			endpoint_listen(w, &s->endpoints[i].place, s->endpoints[i].fd);
		else
			endpoint_close(w, &s->endpoints[i].place);
	}
	free(s->endpoints);
	s->endpoints = NULL;
	s->n_endpoints = 0;
}

/* Listeners are kept here until there is a worker to have them. */
struct setup_listener {
	int fd;
	struct addr addr;
	uint16_t port;
};

static int setup_receive(int parent_fd, struct gate_setup *s, struct setup_listener *listeners,
			 size_t *n_listeners)
{
	while (!s->go) {
		int r = message_wait(parent_fd, &received);
		if (r < 0)
			return r;
		switch (received.type) {
		case MSG_START_GATE: {
			const struct msg_start_gate *b = received.body;
			s->index = b->index;
			s->n_gates = b->n_gates;
			s->control_fd = take_fd(&received.fds[0]);
			s->counters_fd = take_fd(&received.fds[1]);
			s->quota_fd = take_fd(&received.fds[2]);
			s->started = true;
			break;
		}
		case MSG_LISTENER: {
			const struct msg_listener *b = received.body;
			if (*n_listeners == LISTENERS_MAX)
				return -E2BIG;
			listeners[(*n_listeners)++] = (struct setup_listener){
				take_fd(&received.fds[0]), b->addr, (uint16_t)b->port};
			break;
		}
		case MSG_ENDPOINT:
			r = endpoint_keep(s, received.body, take_fd(&received.fds[0]));
			break;
		case MSG_ENDPOINT_GONE:
			r = endpoint_keep(s, received.body, -1);
			break;
		case MSG_CONTROL_LINK:
			close(s->control_fd);
			s->control_fd = take_fd(&received.fds[0]);
			break;
		case MSG_STOP_GATE:
			return -ECANCELED;
		case MSG_GO_GATE:
			s->go = true;
			break;
		default:
			break;
		}
		msg_done(&received);
		if (r < 0)
			return r;
	}
	return s->started && s->n_gates && s->n_gates <= GATES_MAX && s->index < s->n_gates
		       ? 0
		       : -EPROTO;
}

static void *memory_map(int fd, size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	close(fd);
	return p == MAP_FAILED ? NULL : p;
}

static int tables_get(const struct options *o, struct tables **ret_tables)
{
	char dir[PATH_MAX + 16];
	struct err e = {0};

	snprintf(dir, sizeof dir, "%s/tables", o->state_dir);
	int r = tables_open(dir, false, ret_tables, &e);
	if (r < 0)
		log_event(LOG_ERROR, "tables.unavailable", LF_STR("reason", e.text));
	return r;
}

static int rights_drop(const struct options *o)
{
	struct sandbox sandbox;
	struct err e = {0};

	if (role_sandbox(o, ROLE_GATE, &sandbox, &e) < 0 || sandbox_enter(&sandbox, &e) < 0) {
		log_event(LOG_ERROR, "sandbox.failed", LF_STR("reason", e.text));
		return -1;
	}
	if (o->probe[0])
		sandbox_probe(o->probe);
	return 0;
}

static void serve(struct worker *w, int control_fd)
{
	struct tables_snapshot *s = worker_snapshot(w);

	if (s) {
		w->generation = w->acked = tables_generation(s);
		count_set(w, GATE_generation, w->generation);
	}
	clusters_load(w);
	if (w->snapshot)
		tables_release(w->snapshot);
	w->snapshot = NULL;
	link_control(w, control_fd);
	listeners_start(w);
	log_event(LOG_INFO, "gate.serving", LF_UINT("generation", w->generation),
		  LF_UINT("max_connections", w->max_connections));
	while (!w->stopping)
		worker_turn(w, -1);
	log_event(LOG_INFO, "gate.stopping", LF_UINT("connections", w->n_connections));
}

int gate_main(const struct options *o, int parent_fd)
{
	struct gate_setup setup = {.control_fd = -1, .counters_fd = -1, .quota_fd = -1};
	struct setup_listener listeners[LISTENERS_MAX];
	struct tables *tables = NULL;
	size_t n_listeners = 0;
	char role[16];

	int r = setup_receive(parent_fd, &setup, listeners, &n_listeners);
	if (r < 0) {
		if (r != -ECANCELED)
			log_event(LOG_ERROR, "gate.setup", LF_INT("error", -r));
		return r == -ECANCELED ? 0 : 1;
	}
	snprintf(role, sizeof role, "gate %u", setup.index);
	log_init(STDERR_FILENO, o->log_format, o->log_level, role);
	void *counters = memory_map(setup.counters_fd, sizeof(struct gate_counters));
	void *quota = memory_map(setup.quota_fd, quota_bytes(setup.n_gates));
	if (!counters || !quota) {
		log_event(LOG_ERROR, "gate.memory", LF_INT("error", errno));
		return 1;
	}
	if (tables_get(o, &tables) < 0 || rights_drop(o) < 0)
		return 1;
	if (worker_init(&worker, o, setup.index, setup.n_gates, tables, counters, quota) < 0 ||
	    link_parent(&worker, parent_fd) < 0)
		return 1;
	for (size_t i = 0; i < n_listeners; i++)
		if (listener_add(&worker, listeners[i].fd, &listeners[i].addr, listeners[i].port) <
		    0)
			return 1;
	endpoints_give(&setup, &worker);
	serve(&worker, setup.control_fd);
	worker_done(&worker);
	tables_close(tables);
	return 0;
}
