/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dns/dns.h"

#include "base/log.h"
#include "dns/worker.h"
#include "proc/sandbox.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static struct dns_worker worker;
static struct msg received;

static int message_wait(int fd, struct msg *ret_msg)
{
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int r = msg_recv(fd, ROLE_PARENT, ROLE_DNS, ret_msg);

		if (r != -EAGAIN)
			return r;
		if (poll(&p, 1, -1) < 0 && errno != EINTR)
			return -errno;
	}
}

static int start(struct dns_worker *w, const struct options *o, struct msg *m)
{
	static char role[16];
	const struct msg_start_dns *b = m->body;
	const int counters_fd = take_fd(&m->fds[1]);
	void *counters = mmap(NULL, sizeof(struct dns_counters), PROT_READ | PROT_WRITE, MAP_SHARED,
			      counters_fd, 0);
	int r;

	close(counters_fd);
	if (counters == MAP_FAILED)
		return -errno;
	if (b->n_dns == 0 || b->n_dns > DNS_MAX || b->index >= b->n_dns)
		return -EPROTO;
	(void)snprintf(role, sizeof(role), "dns %u", b->index);
	log_init(STDERR_FILENO, o->log_format, o->log_level, role);
	r = dns_worker_init(w, o, b, counters);
	if (r == 0)
		dns_link_control(w, take_fd(&m->fds[0]));
	return r;
}

/* Who we are is the first that the parent says. 0; -ECANCELED: that we are to stop. */
static int started(struct dns_worker *w, const struct options *o, int parent_fd)
{
	int r = message_wait(parent_fd, &received);

	if (r < 0)
		return r;
	if (received.type == MSG_START_DNS)
		r = start(w, o, &received);
	else
		r = received.type == MSG_STOP_DNS ? -ECANCELED : -EPROTO;
	msg_done(&received);
	return r < 0 ? r : dns_link_parent(w, parent_fd);
}

static int tables_get(const struct options *o, struct tables **ret_tables)
{
	char dir[PATH_MAX + 16];
	struct err e = {0};
	int r;

	(void)snprintf(dir, sizeof(dir), "%s/tables", o->state_dir);
	r = tables_open(dir, false, ret_tables, &e);
	if (r < 0)
		log_event(LOG_ERROR, "tables.unavailable", LF_STR("reason", e.text));
	return r;
}

static int rights_drop(const struct options *o)
{
	struct sandbox sandbox;
	struct err e = {0};

	if (role_sandbox(o, ROLE_DNS, &sandbox, &e) < 0 || sandbox_enter(&sandbox, &e) < 0) {
		log_event(LOG_ERROR, "sandbox.failed", LF_STR("reason", e.text));
		return -1;
	}
	if (o->probe[0])
		sandbox_probe(o->probe);
	return 0;
}

static void serve(struct dns_worker *w, struct tables *tables)
{
	dns_worker_serve(w, tables);
	log_event(LOG_INFO, "dns.serving", LF_UINT("generation", w->generation),
		  LF_UINT("sockets", w->n_sockets));
	while (!w->stopping)
		dns_worker_turn(w, -1);
	log_event(LOG_INFO, "dns.stopping", LF_UINT("sockets", w->n_sockets));
}

int dns_main(const struct options *o, int parent_fd)
{
	struct dns_worker *w = &worker;
	struct tables *tables = NULL;
	int r = started(w, o, parent_fd);

	if (r < 0) {
		if (r != -ECANCELED)
			log_event(LOG_ERROR, "dns.setup", LF_INT("error", -r));
		return r == -ECANCELED ? 0 : 1;
	}
	/* Sockets are taken, and not watched yet. */
	while (!w->go && !w->stopping)
		dns_worker_turn(w, -1);
	if (!w->stopping) {
		if (tables_get(o, &tables) < 0 || rights_drop(o) < 0)
			return 1;
		serve(w, tables);
	}
	dns_worker_done(w);
	tables_close(tables);
	return 0;
}
