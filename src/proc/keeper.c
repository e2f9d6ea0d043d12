/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proc/keeper.h"
#include "base/log.h"
#include "proc/msg.h"
#include "proc/sandbox.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

struct keeper {
	const struct spawner *spawner;
	int link, signals;
	pid_t netd; /* 0: none */
	struct msg msg;
};

/* A parent that does not take a message of a few bytes is dead, or as good as: end, and netd with us. */
static bool tell(const struct keeper *k, enum msg_type type, const void *body, size_t size)
{
	return msg_send(k->link, type, body, size, NULL, 0, NULL) == 0;
}

static bool on_spawn(struct keeper *k, int netd_link)
{
	struct msg_spawned answer = {0};

	if (k->netd)
		answer.error = EBUSY;
	else
		answer.error = -spawn_on_link(k->spawner, ROLE_NETD, 0, netd_link, &k->netd);
	if (!answer.error)
		answer.pid = k->netd;
	return tell(k, MSG_SPAWNED, &answer, sizeof answer);
}

/* The one that is meant may be gone already, and its number taken by another process. */
static bool on_kill(const struct keeper *k, const struct msg_netd *body)
{
	if (k->netd && body->pid == k->netd)
		kill(k->netd, SIGKILL);
	return true;
}

static bool on_parent(struct keeper *k)
{
	int ret = msg_recv(k->link, ROLE_PARENT, ROLE_KEEPER, &k->msg);
	bool ok;

	if (ret)
		return ret == -EAGAIN;
	ok = k->msg.type == MSG_SPAWN ? on_spawn(k, k->msg.fds[0]) : on_kill(k, k->msg.body);
	msg_done(&k->msg);
	return ok;
}

static bool on_child(struct keeper *k)
{
	struct signalfd_siginfo si;
	struct msg_reaped gone = {0};
	pid_t pid;

	while (read(k->signals, &si, sizeof si) == sizeof si)
		;
	pid = waitpid(-1, &gone.status, WNOHANG);
	if (pid <= 0)
		return true;
	gone.pid = pid;
	k->netd = 0;
	return tell(k, MSG_REAPED, &gone, sizeof gone);
}

static void keep(struct keeper *k)
{
	struct pollfd p[] = {{.fd = k->link, .events = POLLIN},
			     {.fd = k->signals, .events = POLLIN}};

	for (;;) {
		if (poll(p, ARRAY_SIZE(p), -1) < 0)
			continue;
		if (p[1].revents && !on_child(k))
			return;
		if (p[0].revents && !on_parent(k))
			return;
	}
}

/* What the terminal sends to all is for the parent to decide about. */
static int signals_open(void)
{
	static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
	sigset_t set;

	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		signal(ignored[i], SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_SETMASK, &set, NULL);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static _Noreturn void keeper_run(const struct options *o, const struct spawner *s, int link)
{
	static struct keeper keeper; /* large */
	static struct options own;
	struct sandbox box;
	struct err e = {0};
	int ret;

	keeper = (struct keeper){.spawner = s, .link = link, .signals = signals_open()};
	own = *o;
	own.role = ROLE_KEEPER;
	options_probe_for_role(&own);
	prctl(PR_SET_NAME, "postern-keeper", 0, 0, 0);
	log_init(STDERR_FILENO, o->log_format, o->log_level, role_name(ROLE_KEEPER));
	ret = role_sandbox(&own, ROLE_KEEPER, &box, &e);
	if (!ret)
		ret = sandbox_enter(&box, &e);
	if (ret) {
		log_event(LOG_ERROR, "sandbox.failed", LF_STR("reason", e.text));
		_exit(1);
	}
	sandbox_probe(own.probe);
	keep(&keeper);
	if (keeper.netd)
		kill(keeper.netd, SIGKILL);
	_exit(0);
}

int keeper_start(const struct options *o, const struct spawner *s, pid_t *ret_pid, int *ret_link,
		 struct err *e)
{
	int ends[2], ret = link_pair(ends);
	pid_t pid;

	if (ret)
		return err_set(e, ERR_UNAVAILABLE, NULL, "no link: %s", strerror(-ret));
	pid = fork();
	if (!pid) {
		close(ends[0]);
		keeper_run(o, s, ends[1]);
	}
	close(ends[1]);
	if (pid < 0) {
		ret = errno;
		close(ends[0]);
		return err_set(e, ERR_UNAVAILABLE, NULL, "fork: %s", strerror(ret));
	}
	*ret_pid = pid;
	*ret_link = ends[0];
	return 0;
}
