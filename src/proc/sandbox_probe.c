/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a role must not be able to do, done. Raw system calls where the C library would check or translate first.
 */
#include "proc/sandbox.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

static long act_execve(void)
{
	char *const argv[] = {(char[]){"true"}, NULL};

	return execve("/bin/true", argv, argv + 1);
}

static long act_fork(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	return pid;
}

static long act_open(void)
{
	return open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

static long act_create(void)
{
	return open("/tmp/postern-probe", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

static long act_ptrace(void)
{
	return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

static long act_process_vm(void)
{
	return syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0);
}

static long act_socket(void)
{
	return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

static long act_socket_raw(void)
{
	return socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_TCP);
}

static long act_socket_packet(void)
{
	return socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
}

static long act_socket_netlink(void)
{
	return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
}

static long act_socket_audit(void)
{
	return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 9 /* NETLINK_AUDIT */);
}

static long act_socket_tcp(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static long act_connect_unix(void)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX, .sun_path = "/run/dbus/system_bus_socket"};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd < 0 ? fd : connect(fd, (struct sockaddr *)&sa, sizeof sa);
}

static long act_bind(void)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};

	return bind(0, (struct sockaddr *)&sa, sizeof sa);
}

static long act_listen(void)
{
	return listen(0, 1);
}

static long act_bpf(void)
{
	return syscall(SYS_bpf, 0, NULL, 0);
}

/* Onto nothing, so that a role that may mount has not done it. */
static long act_mount(void)
{
	return mount("none", "/nonexistent/postern", "tmpfs", 0, NULL);
}

static long act_netns(void)
{
	return syscall(SYS_unshare, 0x40000000 /* CLONE_NEWNET */);
}

static long act_mount_namespace(void)
{
	return syscall(SYS_setns, 0, 0x00020000 /* CLONE_NEWNS */);
}

static long act_any_namespace(void)
{
	return syscall(SYS_setns, 0, 0);
}

static long act_module(void)
{
	return syscall(SYS_init_module, NULL, 0, "");
}

static long act_keyctl(void)
{
	return syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);
}

static long act_perf(void)
{
	return syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0);
}

static long act_io_uring(void)
{
	return syscall(SYS_io_uring_setup, 1, NULL);
}

static long act_unshare(void)
{
	return syscall(SYS_unshare, 0x10000000 /* CLONE_NEWUSER */);
}

static long act_chroot(void)
{
	return chroot("/");
}

static long act_setuid(void)
{
	return syscall(SYS_setresuid, 0, 0, 0);
}

static long act_kill(void)
{
	return kill(getppid(), 0);
}

static long act_mmap_exec(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? -1 : 0;
}

static long act_rlimit(void)
{
	return syscall(SYS_setrlimit, 4 /* RLIMIT_CORE */, NULL);
}

static long act_abort(void)
{
	abort();
}

static const struct {
	const char *name;
	long (*act)(void);
} acts[] = {
	{"execve", act_execve},
	{"fork", act_fork},
	{"open", act_open},
	{"create", act_create},
	{"ptrace", act_ptrace},
	{"process-vm", act_process_vm},
	{"socket", act_socket},
	{"socket-raw", act_socket_raw},
	{"socket-packet", act_socket_packet},
	{"socket-netlink", act_socket_netlink},
	{"socket-audit", act_socket_audit},
	{"socket-tcp", act_socket_tcp},
	{"connect-unix", act_connect_unix},
	{"bind", act_bind},
	{"listen", act_listen},
	{"bpf", act_bpf},
	{"mount", act_mount},
	{"module", act_module},
	{"keyctl", act_keyctl},
	{"perf", act_perf},
	{"io-uring", act_io_uring},
	{"unshare", act_unshare},
	{"netns", act_netns},
	{"mount-namespace", act_mount_namespace},
	{"any-namespace", act_any_namespace},
	{"chroot", act_chroot},
	{"setuid", act_setuid},
	{"kill", act_kill},
	{"mmap-exec", act_mmap_exec},
	{"rlimit", act_rlimit},
	{"abort", act_abort}, /* allowed: an assertion must end in SIGABRT */
};

void sandbox_probe(const char *act)
{
	if (!act[0])
		return;
	for (size_t i = 0; i < ARRAY_SIZE(acts); i++) {
		if (strcmp(acts[i].name, act))
			continue;
		if (acts[i].act() >= 0) {
			dprintf(STDERR_FILENO, "probe %s: done\n", act);
			_exit(SANDBOX_PROBE_DONE);
		}
		dprintf(STDERR_FILENO, "probe %s: errno %d (%s)\n", act, errno, strerror(errno));
		_exit(SANDBOX_PROBE_REFUSED);
	}
	dprintf(STDERR_FILENO, "probe %s: no such act\n", act);
	_exit(SANDBOX_PROBE_UNKNOWN);
}
