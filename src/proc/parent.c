/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proc/parent.h"
#include "base/clock.h"
#include "proc/parent_int.h"
#include "proc/state_dir.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

void parent_phase_set(struct parent *p, enum phase phase)
{
	p->phase = phase;
	p->phase_ms = clock_mono_ms();
}

int parent_watch(struct parent *p, int fd, uint32_t event)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u32 = event};

	return epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &ev);
}

/* --- what happens --- */

static struct child *child_of(struct parent *p, pid_t pid)
{
	if (p->control.pid == pid)
		return &p->control;
	if (p->keeper.pid == pid)
		return &p->keeper;
	workers_foreach (w, &p->gates)
		if (w->pid == pid)
			return w;
	workers_foreach (w, &p->dns)
		if (w->pid == pid)
			return w;
	return NULL;
}

void parent_probe_ended(struct parent *p, int status)
{
	if (!p->probing || parent_is_stopping(p))
		return;
	p->exit_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	parent_stop(p, "the probed role has ended");
}

static void on_child_gone(struct parent *p, struct child *c, int status)
{
	pid_t pid = c->pid;

	child_reaped(c, status, parent_is_stopping(p));
	if (workers_of(p, c))
		worker_gone(p, c, pid);
	parent_probe_ended(p, status);
	if (c->role == ROLE_KEEPER)
		netd_on_keeper_gone(p);
}

static void reap(struct parent *p)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct child *c = child_of(p, pid);

		if (c)
			on_child_gone(p, c, status);
	}
}

static void on_signals(struct parent *p)
{
	struct signalfd_siginfo si;

	while (read(p->signals, &si, sizeof si) == sizeof si) {
		if (si.ssi_signo == SIGCHLD)
			reap(p);
		else if (si.ssi_signo == SIGHUP)
			log_event(LOG_INFO, "signal.ignored", LF_STR("signal", "HUP"));
		else
			parent_stop(p, si.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT");
	}
}

/* The one it means may be gone already, and its number taken by another process. */
static void end_if_is(struct child *c, pid_t pid)
{
	if (pid > 0 && c->pid == pid)
		child_kill(c, "control asked for it");
}

static void on_control_msg(struct parent *p, const struct msg *m)
{
	const struct msg_end_gate *end = m->body;
	const struct msg_netd *netd = m->body;

	if (m->type == MSG_END_NETD)
		end_if_is(&p->netd, netd->pid);
	else if (m->type == MSG_END_GATE && end->index < p->gates.n)
		end_if_is(&p->gates.child[end->index], end->pid);
	else if (m->type == MSG_END_DNS && end->index < p->dns.n)
		end_if_is(&p->dns.child[end->index], end->pid);
	else if (m->type == MSG_READY && p->phase == WAIT_CONTROL)
		workers_start(p);
}

/* 0, or it broke the contract. Workers have nothing to say to the parent. */
static int on_msg(struct parent *p, struct child *c, struct msg *m)
{
	int ret = 0;

	if (c->role == ROLE_CONTROL)
		on_control_msg(p, m);
	else if (c->role == ROLE_KEEPER)
		netd_on_keeper_msg(p, m);
	else if (c->role == ROLE_NETD)
		ret = netd_on_msg(p, m);
	return ret;
}

static void on_link(struct parent *p, struct child *c)
{
	while (c->link >= 0) {
		int ret = msg_recv(c->link, c->role, ROLE_PARENT, &p->msg);

		if (ret == -EAGAIN)
			return;
		if (ret == -EPIPE) {
			/* It is ending; SIGCHLD or the keeper will tell how. Should it live on without a link, it is of no use. */
			child_end(c);
			return;
		}
		if (!ret) {
			ret = on_msg(p, c, &p->msg);
			msg_done(&p->msg);
		}
		if (ret) {
			child_kill(c, ret == -EMFILE
					      ? "there is no room for the descriptors it sends"
					      : "broke the contract of messages");
			return;
		}
	}
}

static void on_event(struct parent *p, uint32_t event)
{
	if (event == EVENT_SIGNAL)
		on_signals(p);
	else if (event == EVENT_CONTROL)
		on_link(p, &p->control);
	else if (event == EVENT_KEEPER)
		on_link(p, &p->keeper);
	else if (event == EVENT_NETD)
		on_link(p, &p->netd);
	else if (event - EVENT_GATES < p->gates.n)
		on_link(p, &p->gates.child[event - EVENT_GATES]);
	else if (event - EVENT_DNS < p->dns.n)
		on_link(p, &p->dns.child[event - EVENT_DNS]);
}

/* Control does not come up: serve by what an earlier run left, or give up where there never was anything. */
static void control_missing(struct parent *p, uint64_t now)
{
	bool failed = p->control.deaths >= PARENT_CONTROL_TRIES;

	if (!failed && now - p->phase_ms < PARENT_CONTROL_WAIT_MS)
		return;
	if (state_dir_has_tables(p->o.state_dir)) {
		log_event(LOG_ERROR, "control.missing",
			  LF_STR("so", "the gates start with the tables of an earlier run"));
		workers_start(p);
	} else if (failed) {
		log_event(LOG_ERROR, "control.missing",
			  LF_STR("so", "there are no tables of an earlier run: giving up"));
		p->exit_status = 1;
		parent_stop(p, "control does not start");
	}
}

static void workers_start_due(struct parent *p, struct workers *ws, uint64_t now)
{
	workers_foreach (w, ws)
		if (!child_is_running(w) && now >= w->due_ms)
			worker_start(p, w);
}

static void start_due(struct parent *p, uint64_t now)
{
	if (!child_is_running(&p->control) && now >= p->control.due_ms)
		control_start(p);
	if (p->phase != SERVE)
		return;
	workers_start_due(p, &p->gates, now);
	workers_start_due(p, &p->dns, now);
	if (netd_is_due(p, now))
		netd_start(p);
}

static uint64_t due_first(const struct workers *ws, uint64_t until)
{
	for (uint32_t i = 0; i < ws->n; i++)
		if (!child_is_running(&ws->child[i]) && ws->child[i].due_ms < until)
			until = ws->child[i].due_ms;
	return until;
}

/* Until something has to be done without an event, at most. */
static int wait_ms(const struct parent *p, uint64_t now)
{
	uint64_t until = now + 60000;

	if (p->phase != SERVE)
		return 100;
	if (!child_is_running(&p->control) && p->control.due_ms < until)
		until = p->control.due_ms;
	until = due_first(&p->dns, due_first(&p->gates, until));
	if (!p->netd_off[0] && !netd_is_there(p) && p->netd.due_ms < until)
		until = p->netd.due_ms;
	return until > now ? (int)(until - now) : 0;
}

static void run(struct parent *p)
{
	struct epoll_event ev[16];

	reap(p); /* the keeper may have ended before its signal was waited for */
	for (;;) {
		uint64_t now = clock_mono_ms();
		int n, wait;

		if (parent_is_stopping(p)) {
			if (parent_stop_turn(p, now))
				return;
		} else {
			start_due(p, now);
			if (p->phase == WAIT_CONTROL)
				control_missing(p, now);
		}
		wait = wait_ms(p, clock_mono_ms());
		if (owed_flush(p) && wait > PARENT_RETRY_MS)
			wait = PARENT_RETRY_MS;
		n = epoll_wait(p->epoll, ev, ARRAY_SIZE(ev), wait);
		for (int i = 0; i < n; i++)
			on_event(p, ev[i].data.u32);
	}
}

/* --- life --- */

static void log_listeners(const struct parent *p)
{
	const struct listeners *l = &p->listeners;
	char text[ENDPOINT_TEXT_MAX];

	for (size_t i = 0; i < l->n_endpoints; i++)
		log_event(LOG_INFO, "listener.open", LF_STR("for", "clients"),
			  LF_STR("address", endpoint_format(&l->endpoints[i].addr,
							    l->endpoints[i].port, text)));
	for (size_t i = 0; i < l->n_dns; i++)
		log_event(LOG_INFO, "listener.open", LF_STR("for", "dns"),
			  LF_STR("address",
				 endpoint_format(&l->dns[i].at.addr, l->dns[i].at.port, text)));
	log_event(LOG_INFO, "daemon.started", LF_STR("version", POSTERN_VERSION),
		  LF_UINT("gates", p->gates.n), LF_UINT("dns", p->dns.n),
		  LF_STR("state", p->o.state_dir), LF_STR("socket", p->o.socket_path));
}

int parent_main(const struct options *o, char **argv)
{
	static struct parent parent; /* large; all descriptors end with the process */
	struct parent *p = &parent;
	struct err e = {0};

	p->o = *o;
	p->probing = o->probe[0];
	if (parent_set_up(p, argv, &e)) {
		log_event(LOG_ERROR, "daemon.refused", LF_STR("why", e.text));
		if (p->listeners.api > 0)
			(void)unlink(o->socket_path);
		return err_code_exit(e.code);
	}
	options_probe_for_role(&p->o);
	sandbox_probe(p->o.probe);
	log_listeners(p);
	parent_phase_set(p, WAIT_CONTROL);
	run(p);
	(void)unlink(o->socket_path);
	log_event(LOG_INFO, "daemon.stopped");
	return p->exit_status;
}
