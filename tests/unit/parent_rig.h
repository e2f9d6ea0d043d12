/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The real parent as a daemon of its own, with the stand-ins of parent_roles.h, and what it and they say, line by line. */
#pragma once

#include "parent_roles.h"

static char dir[64], text[65536];
static size_t text_len, text_read;

struct daemon {
	pid_t pid;
	int out;
};

static inline void without_sys_admin(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data))
		_exit(99);
	for (int i = 0; i < 2; i++)
		data[i].inheritable = 0;
	data[0].permitted &= ~(1u << CAP_SYS_ADMIN);
	data[0].effective = data[0].permitted;
	if (syscall(SYS_capset, &head, data))
		_exit(99);
}

static pid_t started[2]; /* to end what a failed test leaves */

static inline struct daemon start(const char *what, const char *extra)
{
	char state[96], socket[96];
	struct daemon d;
	int p[2];

	snprintf(state, sizeof state, "%s/state", dir);
	snprintf(socket, sizeof socket, "%s/run/api.sock", dir);
	memset(text, 0, sizeof text);
	text_len = text_read = 0;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	d.pid = fork();
	if (!d.pid) {
		char *argv[24] = {(char *)(uintptr_t) "posternd"};
		int argc = 1;

#define ARG(s) argv[argc++] = (char *)(uintptr_t)(s)
		ARG("--state-dir"), ARG(state), ARG("--socket"), ARG(socket);
		ARG("--listen=127.0.0.1:1"), ARG("--metrics=127.0.0.1:1"), ARG("--gates=2");
		ARG("--user-control=2147480001"), ARG("--user-gate=2147480002");
		ARG("--user-netd=2147480003"), ARG("--user-dns=2147480004"), ARG("--dns=2");
		if (geteuid())
			ARG("--no-separate-users");
		if (extra)
			ARG(extra);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (!strcmp(what, "no-rights"))
			without_sys_admin();
		setenv("POSTERN_TEST", what, 1);
		dup2(p[1], STDERR_FILENO);
		_exit(role_main(argc, argv));
	}
	started[started[0] != 0] = d.pid;
	close(p[1]);
	d.out = p[0];
	return d;
}

/* The next line that has `part`; lines before it are passed over. Fails if none comes. */
static inline const char *expect(struct daemon *d, const char *part)
{
	static char line[1024];

	for (;;) {
		char *newline = memchr(text + text_read, '\n', text_len - text_read);
		struct pollfd p = {.fd = d->out, .events = POLLIN};
		ssize_t n = 0;

		if (newline) {
			snprintf(line, sizeof line, "%.*s", (int)(newline - text - (long)text_read),
				 text + text_read);
			text_read = (size_t)(newline - text) + 1;
			if (strstr(line, part))
				return line;
			continue;
		}
		if (poll(&p, 1, WAIT_MS) == 1)
			n = read(d->out, text + text_len, sizeof text - text_len);
		if (n <= 0) {
			kill(d->pid, SIGKILL);
			fail_msg("no \"%s\" in:\n%.*s", part, (int)text_len, text);
		}
		text_len += (size_t)n;
	}
}

/* A line that may have come before those that were expected last: who tells of a thing tells it when he is told. */
static inline const char *expect_anywhere(struct daemon *d, const char *part)
{
	const size_t at = text_read;
	const char *line;

	text_read = 0;
	line = expect(d, part);
	if (text_read < at)
		text_read = at;
	return line;
}

static inline int ended(struct daemon *d)
{
	int status;

	assert_int_equal(waitpid(d->pid, &status, 0), d->pid);
	started[started[0] != d->pid] = 0;
	close(d->out);
	return status;
}

/* The end of the output comes when the last process that could write to it is gone. */
static inline bool all_gone(struct daemon *d)
{
	char bytes[4096];
	struct pollfd p = {.fd = d->out, .events = POLLIN};

	while (poll(&p, 1, WAIT_MS) == 1)
		if (read(d->out, bytes, sizeof bytes) == 0)
			return true;
	return false;
}

static inline void expect_serving(struct daemon *d)
{
	expect(d, "@serving");
}

static inline void stop(struct daemon *d)
{
	char path[96];

	kill(d->pid, SIGTERM);
	expect(d, "@control stops");
	assert_int_equal(ended(d), 0);
	snprintf(path, sizeof path, "%s/run/api.sock", dir);
	assert_int_equal(access(path, F_OK), -1);
}

static inline void needs_rights(void)
{
	struct err e;

	if (sandbox_netd_rights(&e)) {
		print_message("skipped: needs CAP_NET_ADMIN and CAP_SYS_ADMIN\n");
		skip();
	}
}

static inline int leftovers_end(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(started); i++)
		if (started[i]) {
			kill(started[i], SIGKILL);
			waitpid(started[i], NULL, 0);
			started[i] = 0;
		}
	return 0;
}

static inline int dir_make(void **state)
{
	snprintf(dir, sizeof dir, "/tmp/postern-test-XXXXXX");
	return mkdtemp(dir) && !chmod(dir, 0755) ? 0 : -1;
}

static inline int dir_remove(void **state)
{
	static const char *const names[] = {
		"state/store", "state/tables", "state/lock", "state", "run/api.sock", "run", ""};
	char path[128];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		(void)remove(path);
	}
	return 0;
}

/* The tests' main(): without an end of its own it is one of the roles. */
#define TEST(name) cmocka_unit_test_teardown(name, leftovers_end)
