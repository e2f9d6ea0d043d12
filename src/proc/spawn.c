/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proc/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#define LINK_BUFFER    (1 << 20)
#define ABOVE_ROLE_FDS 16

int link_pair(int ret_ends[2])
{
	const int size = LINK_BUFFER;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends))
		return -errno;
	for (int i = 0; i < 2; i++)
		/* Past the system's maximum if we may, else up to it: both are enough to work. */
		if (setsockopt(ends[i], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size))
			(void)setsockopt(ends[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	memcpy(ret_ends, ends, sizeof ends);
	return 0;
}

/*
 * The parent alone decides when a role ends, so an interrupt from the terminal, which goes to all of them, is for it only.
 * SIGPIPE stays ignored: splice() knows no MSG_NOSIGNAL.
 */
static void child_signals(void)
{
	static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
	sigset_t none;

	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		signal(ignored[i], SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Moved out of the way first, since a source may lie where another one's target is. */
static int child_fds(const struct spawner *s, int link)
{
	const int sources[] = {link, s->options_fd, s->lock_fd};
	const int targets[] = {ROLE_PARENT_FD, ROLE_OPTIONS_FD, ROLE_LOCK_FD};
	int moved[ARRAY_SIZE(sources)], exe;

	for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
		moved[i] = fcntl(sources[i], F_DUPFD_CLOEXEC, ABOVE_ROLE_FDS);
		if (moved[i] < 0)
			return -1;
	}
	exe = fcntl(s->exe_fd, F_DUPFD_CLOEXEC, ABOVE_ROLE_FDS);
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
		if (dup2(moved[i], targets[i]) < 0)
			return -1;
	/* All of ours are CLOEXEC from birth; this is for what we were born with. */
	if (close_range(ROLE_LOCK_FD + 1, ~0u, CLOSE_RANGE_CLOEXEC))
		return -1;
	return exe;
}

static void child_run(const struct spawner *s, enum role r, uint32_t gate_index, pid_t parent,
		      int link)
{
	static char role[] = "--role", gate[] = "--gate-index";
	char name[16], index[16];
	char *argv[6] = {(char *)(uintptr_t)s->argv0, role, name};
	int exe;

	snprintf(name, sizeof name, "%s", role_name(r));
	if (r == ROLE_GATE) {
		snprintf(index, sizeof index, "%u", gate_index);
		argv[3] = gate;
		argv[4] = index;
	}
	/* If the parent died before it took effect, nobody would ever send it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) || getppid() != parent)
		_exit(127);
	child_signals();
	exe = child_fds(s, link);
	if (exe >= 0)
		execveat(exe, "", argv, environ, AT_EMPTY_PATH);
	dprintf(STDERR_FILENO, "posternd: cannot start %s: %s\n", name, strerror(errno));
	_exit(127);
}

int spawn_on_link(const struct spawner *s, enum role r, uint32_t gate_index, int link,
		  pid_t *ret_pid)
{
	pid_t parent = getpid(), pid = fork();

	if (!pid)
		child_run(s, r, gate_index, parent, link);
	if (pid < 0)
		return -errno;
	*ret_pid = pid;
	return 0;
}

int spawn_role(const struct spawner *s, enum role r, uint32_t gate_index, pid_t *ret_pid,
	       int *ret_link, struct err *e)
{
	int ends[2] = {-1, -1}, ret;

	ret = link_pair(ends);
	if (ret)
		return err_set(e, ERR_UNAVAILABLE, NULL, "no link: %s", strerror(-ret));
	ret = spawn_on_link(s, r, gate_index, ends[1], ret_pid);
	close(ends[1]);
	if (ret) {
		close(ends[0]);
		return err_set(e, ERR_UNAVAILABLE, NULL, "fork: %s", strerror(-ret));
	}
	*ret_link = ends[0];
	return 0;
}
