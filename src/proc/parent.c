/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proc/parent.h"
#include "base/clock.h"
#include "base/log.h"
#include "proc/child.h"
#include "proc/listeners.h"
#include "proc/msg.h"
#include "proc/quota_layout.h"
#include "proc/spawn.h"
#include "proc/state_dir.h"
#include "proc/user.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

enum phase { WAIT_CONTROL, SERVE, STOP_GATES, STOP_CONTROL };

/* epoll's data: the signals, then the children */
enum { EVENT_SIGNAL, EVENT_CONTROL, EVENT_GATES };

struct parent {
	struct options o;
	enum phase phase;
	bool a_gate_ran; /* the tables may be in use: control must not begin them anew */
	bool probing;	 /* a test: the first child to end ends all, with its status */
	int exit_status;
	uint64_t phase_ms; /* when the phase began */
	uint32_t n_gates;
	struct spawner spawner;
	struct listeners listeners;
	int counters[GATES_MAX], quota;
	int epoll, signals;
	struct child control, gates[GATES_MAX];
	struct msg msg;
};

static void phase_set(struct parent *p, enum phase phase)
{
	p->phase = phase;
	p->phase_ms = clock_mono_ms();
}

static bool is_stopping(const struct parent *p)
{
	return p->phase >= STOP_GATES;
}

/* --- what children are told --- */

/* A child that cannot take a message is dead, or as good as. */
static void tell(struct child *c, enum msg_type type, const void *body, size_t size, const int *fds)
{
	int ret;

	if (c->link < 0)
		return;
	ret = msg_send(c->link, type, body, size, NULL, 0, fds);
	if (ret == -EAGAIN)
		child_kill(c, "does not read its messages");
	else if (ret)
		child_kill(c, "its link is dead");
}

static void tell_empty(struct child *c, enum msg_type type)
{
	const struct msg_empty empty = {0};

	tell(c, type, &empty, sizeof empty, NULL);
}

static void tell_listener(struct child *c, enum msg_type type, enum listener_kind kind,
			  const struct endpoint *at, int fd)
{
	struct msg_listener body = {.kind = kind};

	if (at) {
		body.addr = at->addr;
		body.port = at->port;
	}
	tell(c, type, &body, sizeof body, &fd);
}

static void tell_control_up(struct parent *p, const struct child *gate, int link)
{
	const struct msg_gate_up body = {.index = gate->index, .pid = gate->pid};

	tell(&p->control, MSG_GATE_UP, &body, sizeof body, (int[]){link, p->counters[gate->index]});
}

static void tell_control_gone(struct parent *p, uint32_t index, pid_t pid)
{
	const struct msg_gate_gone body = {.index = index, .pid = pid};

	tell(&p->control, MSG_GATE_GONE, &body, sizeof body, NULL);
}

/* --- starting --- */

static int watch(struct parent *p, int fd, uint32_t event)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u32 = event};

	return epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &ev);
}

static bool start(struct parent *p, struct child *c, uint32_t event)
{
	if (child_start(c, &p->spawner))
		return false;
	if (watch(p, c->link, event))
		child_kill(c, "cannot watch it");
	return true;
}

static void gate_start(struct parent *p, struct child *g)
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
	tell(g, MSG_START_GATE, &body, sizeof body,
	     (int[]){ends[0], p->counters[g->index], p->quota});
	for (size_t i = 0; i < p->listeners.n_endpoints; i++)
		tell_listener(g, MSG_LISTENER, LISTENER_PUBLIC, &p->listeners.endpoints[i],
			      p->listeners.public[g->index][i]);
	tell_empty(g, MSG_GO_GATE);
	tell_control_up(p, g, ends[1]);
	close(ends[0]);
	close(ends[1]);
}

/* Control was started while the gate ran: both get the ends of a new link. */
static void gate_relink(struct parent *p, struct child *g)
{
	const struct msg_empty empty = {0};
	int ends[2];

	if (!child_is_running(g) || g->link < 0)
		return;
	if (link_pair(ends)) {
		child_kill(g, "no link for it and control");
		return;
	}
	tell(g, MSG_CONTROL_LINK, &empty, sizeof empty, &ends[0]);
	tell_control_up(p, g, ends[1]);
	close(ends[0]);
	close(ends[1]);
}

static void control_start(struct parent *p)
{
	const struct msg_go_control go = {.cold = !p->a_gate_ran, .n_gates = p->n_gates};

	if (!start(p, &p->control, EVENT_CONTROL))
		return;
	tell_listener(&p->control, MSG_LISTENER_C, LISTENER_API, NULL, p->listeners.api);
	if (p->listeners.metrics >= 0)
		tell_listener(&p->control, MSG_LISTENER_C, LISTENER_METRICS, &p->o.metrics,
			      p->listeners.metrics);
	tell(&p->control, MSG_GO_CONTROL, &go, sizeof go, NULL);
	for (uint32_t i = 0; i < p->n_gates; i++)
		gate_relink(p, &p->gates[i]);
}

static void gates_start(struct parent *p)
{
	phase_set(p, SERVE);
	for (uint32_t i = 0; i < p->n_gates; i++)
		gate_start(p, &p->gates[i]);
}

/* --- stopping --- */

static void stop(struct parent *p, const char *why)
{
	if (is_stopping(p))
		return;
	log_event(LOG_INFO, "daemon.stopping", LF_STR("why", why));
	phase_set(p, STOP_GATES);
	for (uint32_t i = 0; i < p->n_gates; i++)
		if (child_is_running(&p->gates[i]))
			tell_empty(&p->gates[i], MSG_STOP_GATE);
}

static bool a_gate_runs(const struct parent *p)
{
	for (uint32_t i = 0; i < p->n_gates; i++)
		if (child_is_running(&p->gates[i]))
			return true;
	return false;
}

static void kill_late(struct child *c)
{
	if (child_is_running(c) && c->link >= 0)
		child_kill(c, "did not stop in time");
}

/* Is all over? */
static bool stop_turn(struct parent *p, uint64_t now)
{
	if (p->phase == STOP_GATES && now - p->phase_ms >= PARENT_STOP_GATES_MS)
		for (uint32_t i = 0; i < p->n_gates; i++)
			kill_late(&p->gates[i]);
	if (p->phase == STOP_GATES && !a_gate_runs(p)) {
		phase_set(p, STOP_CONTROL);
		tell_empty(&p->control, MSG_STOP_CONTROL);
	}
	if (p->phase == STOP_CONTROL && now >= p->phase_ms + PARENT_STOP_MS - PARENT_STOP_GATES_MS)
		kill_late(&p->control);
	return p->phase == STOP_CONTROL && !child_is_running(&p->control);
}

/* --- what happens --- */

static struct child *child_of(struct parent *p, pid_t pid)
{
	if (p->control.pid == pid)
		return &p->control;
	for (uint32_t i = 0; i < p->n_gates; i++)
		if (p->gates[i].pid == pid)
			return &p->gates[i];
	return NULL;
}

static void on_child_gone(struct parent *p, struct child *c, int status)
{
	pid_t pid = c->pid;

	child_reaped(c, status, is_stopping(p));
	if (c->role == ROLE_GATE)
		tell_control_gone(p, c->index, pid);
	if (p->probing && !is_stopping(p)) {
		p->exit_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
		stop(p, "the probed role has ended");
	}
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
			stop(p, si.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT");
	}
}

static void on_control_msg(struct parent *p, const struct msg *m)
{
	const struct msg_end_gate *end = m->body;

	if (m->type == MSG_READY) {
		if (p->phase == WAIT_CONTROL)
			gates_start(p);
		return;
	}
	assert(m->type == MSG_END_GATE); /* msg_recv() lets nothing else through */
	/* The one it means may be gone already, and its number taken by another process. */
	if (end->index < p->n_gates && end->pid > 0 && p->gates[end->index].pid == end->pid)
		child_kill(&p->gates[end->index], "control asked for it");
}

static void on_link(struct parent *p, struct child *c)
{
	while (c->link >= 0) {
		int ret = msg_recv(c->link, c->role, ROLE_PARENT, &p->msg);

		if (ret == -EAGAIN)
			return;
		if (ret == -EPIPE) {
			/* It is ending; SIGCHLD will tell how. Should it live on without a link, it is of no use. */
			close(c->link);
			c->link = -1;
			kill(c->pid, SIGKILL);
			return;
		}
		if (ret) {
			child_kill(c, "broke the contract of messages");
			return;
		}
		on_control_msg(p, &p->msg);
		msg_done(&p->msg);
	}
}

static void on_event(struct parent *p, uint32_t event)
{
	if (event == EVENT_SIGNAL)
		on_signals(p);
	else if (event == EVENT_CONTROL)
		on_link(p, &p->control);
	else if (event - EVENT_GATES < p->n_gates)
		on_link(p, &p->gates[event - EVENT_GATES]);
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
		gates_start(p);
	} else if (failed) {
		log_event(LOG_ERROR, "control.missing",
			  LF_STR("so", "there are no tables of an earlier run: giving up"));
		p->exit_status = 1;
		stop(p, "control does not start");
	}
}

static void start_due(struct parent *p, uint64_t now)
{
	if (!child_is_running(&p->control) && now >= p->control.due_ms)
		control_start(p);
	if (p->phase != SERVE)
		return;
	for (uint32_t i = 0; i < p->n_gates; i++)
		if (!child_is_running(&p->gates[i]) && now >= p->gates[i].due_ms)
			gate_start(p, &p->gates[i]);
}

/* Until something has to be done without an event, at most. */
static int wait_ms(const struct parent *p, uint64_t now)
{
	uint64_t until = now + 60000;

	if (p->phase != SERVE)
		return 100;
	if (!child_is_running(&p->control) && p->control.due_ms < until)
		until = p->control.due_ms;
	for (uint32_t i = 0; i < p->n_gates; i++)
		if (!child_is_running(&p->gates[i]) && p->gates[i].due_ms < until)
			until = p->gates[i].due_ms;
	return until > now ? (int)(until - now) : 0;
}

static void run(struct parent *p)
{
	struct epoll_event ev[16];

	for (;;) {
		uint64_t now = clock_mono_ms();
		int n;

		if (is_stopping(p)) {
			if (stop_turn(p, now))
				return;
		} else {
			start_due(p, now);
			if (p->phase == WAIT_CONTROL)
				control_missing(p, now);
		}
		n = epoll_wait(p->epoll, ev, ARRAY_SIZE(ev), wait_ms(p, clock_mono_ms()));
		for (int i = 0; i < n; i++)
			on_event(p, ev[i].data.u32);
	}
}

/* --- set-up --- */

/* Who owns the state and who the roles are, while the system's databases can still be read. */
static int users_find(struct options *o, struct err *e)
{
	struct sandbox s;

	if (o->separate_users && geteuid())
		return err_set(e, ERR_USAGE, NULL,
			       "only root can give each role its own user: start as root, or give "
			       "--no-separate-users");
	for (int r = ROLE_CONTROL; r <= ROLE_GATE; r++) {
		int ret = role_sandbox(o, (enum role)r, &s, e);

		if (ret)
			return ret;
		o->uid[r] = s.uid;
		o->gid[r] = s.gid;
	}
	o->uid[ROLE_PARENT] = geteuid();
	o->gid[ROLE_PARENT] = getegid();
	if (o->separate_users && o->uid[ROLE_CONTROL] == o->uid[ROLE_GATE])
		return err_set(e, ERR_USAGE, NULL,
			       "--user-control and --user-gate must be different users");
	o->ids_known = true;
	return 0;
}

static uint32_t gates_wanted(const struct options *o)
{
	cpu_set_t cpus;
	int n;

	if (o->gates)
		return o->gates;
	n = sched_getaffinity(0, sizeof cpus, &cpus) ? 1 : CPU_COUNT(&cpus);
	return (uint32_t)(n < 1 ? 1 : n > GATES_MAX ? GATES_MAX : n);
}

/* Of fixed size, so that no role can make another's mapping fault by cutting it. */
static int shared_memory(const char *name, size_t size, struct err *e)
{
	_cleanup_close_ int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, (off_t)size) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return err_set(e, ERR_UNAVAILABLE, NULL, "no shared memory for %s: %s", name,
			       strerror(errno));
	return take_fd(&fd);
}

static int memory_make(struct parent *p, struct err *e)
{
	for (uint32_t i = 0; i < p->n_gates; i++) {
		p->counters[i] = shared_memory("counters", sizeof(struct gate_counters), e);
		if (p->counters[i] < 0)
			return p->counters[i];
	}
	p->quota = shared_memory("quota", quota_bytes(p->n_gates), e);
	return p->quota < 0 ? p->quota : 0;
}

static int state_make(struct parent *p, struct err *e)
{
	const struct options *o = &p->o;
	uid_t uid = o->uid[ROLE_CONTROL];
	gid_t gid = o->gid[ROLE_CONTROL];
	int ret;

	p->spawner.lock_fd = state_dir_lock(o->state_dir, uid, gid, e);
	if (p->spawner.lock_fd < 0)
		return p->spawner.lock_fd;
	ret = state_dir_prepare(o->state_dir, uid, gid, e);
	if (!ret)
		ret = state_dir_for_socket(o->socket_path, e);
	return ret;
}

static int events_make(struct parent *p, struct err *e)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (p->epoll < 0 || sigprocmask(SIG_BLOCK, &set, NULL))
		return err_set(e, ERR_UNAVAILABLE, NULL, "epoll: %s", strerror(errno));
	p->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (p->signals < 0 || watch(p, p->signals, EVENT_SIGNAL))
		return err_set(e, ERR_UNAVAILABLE, NULL, "signalfd: %s", strerror(errno));
	return 0;
}

static int spawner_make(struct parent *p, char **argv, struct err *e)
{
	p->spawner.argv0 = argv[0] ? argv[0] : "posternd";
	p->spawner.exe_fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (p->spawner.exe_fd < 0)
		return err_set(e, ERR_UNAVAILABLE, NULL, "/proc/self/exe: %s", strerror(errno));
	p->spawner.options_fd = options_to_memfd(&p->o, e);
	return p->spawner.options_fd < 0 ? p->spawner.options_fd : 0;
}

/* Connections are descriptors: all that the starter allows. */
static void limits_raise(void)
{
	struct rlimit l;

	if (!getrlimit(RLIMIT_NOFILE, &l)) {
		l.rlim_cur = l.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &l);
	}
}

static int set_up(struct parent *p, char **argv, struct err *e)
{
	struct sandbox s;
	int ret;

	ret = users_find(&p->o, e);
	if (!ret)
		ret = state_make(p, e);
	if (ret)
		return ret;
	limits_raise();
	p->n_gates = gates_wanted(&p->o);
	child_init(&p->control, ROLE_CONTROL, 0);
	for (uint32_t i = 0; i < p->n_gates; i++)
		child_init(&p->gates[i], ROLE_GATE, i);
	ret = memory_make(p, e);
	if (!ret)
		ret = events_make(p, e);
	if (!ret)
		ret = spawner_make(p, argv, e);
	if (!ret)
		ret = listeners_open(&p->o, p->n_gates, &p->listeners, e);
	if (!ret)
		ret = role_sandbox(&p->o, ROLE_PARENT, &s, e);
	if (!ret)
		ret = sandbox_enter(&s, e);
	return ret;
}

static void log_listeners(const struct parent *p)
{
	char text[ENDPOINT_TEXT_MAX];

	for (size_t i = 0; i < p->listeners.n_endpoints; i++)
		log_event(LOG_INFO, "listener.open",
			  LF_STR("address", endpoint_format(&p->listeners.endpoints[i].addr,
							    p->listeners.endpoints[i].port, text)));
	log_event(LOG_INFO, "daemon.started", LF_STR("version", POSTERN_VERSION),
		  LF_UINT("gates", p->n_gates), LF_STR("state", p->o.state_dir),
		  LF_STR("socket", p->o.socket_path));
}

int parent_main(const struct options *o, char **argv)
{
	static struct parent parent; /* large; all descriptors end with the process */
	struct parent *p = &parent;
	struct err e = {0};

	p->o = *o;
	p->probing = o->probe[0];
	if (set_up(p, argv, &e)) {
		log_event(LOG_ERROR, "daemon.refused", LF_STR("why", e.text));
		if (p->listeners.api > 0)
			(void)unlink(o->socket_path);
		return err_code_exit(e.code);
	}
	options_probe_for_role(&p->o);
	sandbox_probe(p->o.probe);
	log_listeners(p);
	phase_set(p, WAIT_CONTROL);
	run(p);
	(void)unlink(o->socket_path);
	log_event(LOG_INFO, "daemon.stopped");
	return p->exit_status;
}
