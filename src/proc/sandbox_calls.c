/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The system calls that each role may make after its set-up. Any other kills the process.
 *
 * A child inherits its parent's filter, so the parent's is the union of its children's and what it takes to start a child;
 * and the keeper's is netd's and the same. What nobody ever needs (ptrace, bpf, kernel modules, keys, perf, other socket
 * families) is in none of them; mounts and namespaces are netd's alone.
 *
 * Calls without a condition on their arguments are answered from the kernel's bitmap without running the filter (Linux 5.11
 * and later), so all that the gate does per byte is free of it: keep conditions off recv, send, splice and epoll.
 */
#include "proc/sandbox_int.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

enum condition {
	ANY,
	NO_EXEC, /* third argument without PROT_EXEC */
	TCP,	 /* socket(AF_INET or AF_INET6, SOCK_STREAM) */
	UDP,	 /* the same, SOCK_DGRAM */
	HARMLESS_FCNTL,
	HARMLESS_IOCTL,
	HARMLESS_PRCTL,
	THREAD,	      /* clone: a thread of this process, not a process */
	NO_NAMESPACE, /* clone: anything but a namespace */
	NOT_THERE,    /* answered with ENOSYS: the C library then does it another way */
	GATE_STAT,    /* of a descriptor, not of a path */
	LIMIT_READ,   /* prlimit64 that only asks */
	NETLINK,      /* socket(AF_NETLINK): routes, nftables, sockets of others */
	LINK_NAMES, /* socket(AF_UNIX, SOCK_DGRAM), and the ioctls that ask it for the number or name of a link */
	NET_ENTER, /* setns: a network namespace */
	NET_NEW,   /* unshare: a network namespace */
};

struct call {
	int number;
	enum condition condition;
};

#define C(name)                     \
	{                           \
		SCMP_SYS(name), ANY \
	}
#define IF(name, condition)               \
	{                                 \
		SCMP_SYS(name), condition \
	}

/* clang-format off */

/* Memory, time, locks, the end: every role. */
static const struct call common[] = {
	C(brk), IF(mmap, NO_EXEC), IF(mprotect, NO_EXEC), C(munmap), C(mremap), C(madvise),
	C(futex), C(sched_yield), C(restart_syscall),
	C(clock_gettime), C(clock_getres), C(clock_nanosleep), C(nanosleep), C(gettimeofday), C(time),
	C(timerfd_create), C(timerfd_settime), C(timerfd_gettime),
	C(getrandom), C(getpid), C(gettid), C(getppid),
	/* abort() and assert() */
	C(rt_sigaction), C(rt_sigprocmask), C(rt_sigreturn), C(sigaltstack), C(tgkill),
	C(exit), C(exit_group),

	C(epoll_create1), C(epoll_ctl), C(epoll_wait), C(epoll_pwait), C(epoll_pwait2),
	C(poll), C(ppoll), C(eventfd2), C(pipe2),
	C(read), C(write), C(readv), C(writev), C(close), C(close_range),
	C(recvfrom), C(recvmsg), C(sendto), C(sendmsg),
	C(accept4), C(shutdown), C(setsockopt), C(getsockopt), C(getsockname), C(getpeername),
	IF(fcntl, HARMLESS_FCNTL), IF(ioctl, HARMLESS_IOCTL),
	/* memfds that were passed: counters, dumps; and the tables' size */
	C(fstat), C(lseek), C(ftruncate), C(pread64), C(pwrite64),
};

static const struct call gate[] = {
	IF(socket, TCP), C(connect),
	C(splice), C(tee),
	C(recvmmsg), C(sendmmsg),
	IF(newfstatat, GATE_STAT), IF(prlimit64, LIMIT_READ),
};

static const struct call dns[] = {
	/* queries and answers in batches; servers that are asked: each from a port that the kernel chooses by connect() */
	C(recvmmsg), C(sendmmsg), IF(socket, UDP), IF(socket, TCP), C(connect),
	IF(newfstatat, GATE_STAT), IF(prlimit64, LIMIT_READ),
};

static const struct call control[] = {
	/* files of the store and the tables; which ones, Landlock says */
	C(openat), C(newfstatat), C(stat), C(lstat), C(statx), C(statfs), C(fstatfs),
	C(access), C(faccessat), C(faccessat2), C(readlink), C(readlinkat), C(getcwd), C(getdents64),
	C(preadv), C(pwritev), C(fsync), C(fdatasync), C(msync), C(sync_file_range),
	C(fallocate), C(fadvise64), C(flock),
	C(mkdir), C(mkdirat), C(rmdir), C(unlink), C(unlinkat), C(rename), C(renameat), C(renameat2),
	C(fchmod), C(fchown), C(umask),
	C(memfd_create),
	/* the HTTP server and its threads */
	C(accept), C(select), C(pselect6), C(sendfile), C(signalfd4),
	IF(clone, THREAD), IF(clone3, NOT_THERE), C(set_robust_list), C(rseq), IF(prctl, HARMLESS_PRCTL),
	C(sched_getaffinity), IF(prlimit64, LIMIT_READ), C(getrlimit), C(sysinfo), C(uname),
	C(getuid), C(geteuid), C(getgid), C(getegid),
};

static const struct call netd[] = {
	/* the kernel's networks; and the C library's if_nametoindex() and back */
	IF(socket, NETLINK), C(bind), C(sendmmsg), C(recvmmsg), IF(socket, LINK_NAMES), IF(ioctl, LINK_NAMES),
	/* listeners of private endpoints and of resolver addresses, and what servers are asked by */
	IF(socket, TCP), C(listen), IF(socket, UDP),
	/* namespaces, each kept by a mount on a file in /run/netns */
	IF(setns, NET_ENTER), IF(unshare, NET_NEW), C(mount), C(umount2),
	/* those files, /proc/sys/net, and what libnftables reads (/etc/iproute2, /usr/share, /etc/services) */
	C(openat), C(newfstatat), C(stat), C(lstat), C(statx), C(statfs), C(fstatfs),
	C(access), C(faccessat), C(faccessat2), C(readlink), C(readlinkat), C(getcwd), C(getdents64),
	C(mkdir), C(mkdirat), C(rmdir), C(unlink), C(unlinkat), C(rename), C(renameat), C(renameat2),
	C(fchmod), C(fsync), C(umask),
	/* libnftables waits by select() */
	C(select), C(pselect6), C(sysinfo), C(uname), C(getuid), C(geteuid), C(getgid), C(getegid),
	IF(clone, THREAD), IF(clone3, NOT_THERE), C(set_robust_list), C(rseq), IF(prctl, HARMLESS_PRCTL),
	C(sched_getaffinity), IF(prlimit64, LIMIT_READ), C(getrlimit),
};

/* Parent and keeper. */
static const struct call starter[] = {
	/* to start a child, as a process ... */
	IF(clone, NO_NAMESPACE), IF(clone3, NOT_THERE), C(execveat), C(dup), C(dup2), C(dup3),
	C(socketpair), C(set_tid_address), C(arch_prctl), C(mmap), C(mprotect), C(set_robust_list), C(rseq),
	/* ... which then takes its own rights away ... */
	C(setgroups), C(setresgid), C(setresuid), C(getresuid), C(getresgid), C(capget), C(capset),
	C(prctl), C(seccomp),
	/* ... to watch over it, and to end it */
	C(wait4), C(waitid), C(kill), C(prlimit64), C(setpriority), C(sched_setaffinity),
};

static const struct call parent[] = {
	C(landlock_create_ruleset), C(landlock_add_rule), C(landlock_restrict_self),
};

#if SANDBOX_SANITIZER
/* To print a report; the files it names are still closed to it by Landlock. */
static const struct call sanitizer[] = {
	C(openat), C(open), C(readlink), C(readlinkat), C(newfstatat), C(stat), C(access), C(mmap),
	C(mprotect), C(getrlimit), C(prlimit64), C(prctl), C(ioctl), C(sched_getaffinity), C(dup), C(getuid),
	C(geteuid), C(uname), C(getcwd), C(set_robust_list), C(rseq), C(getdents64),
};
#endif

/* clang-format on */

static const int fcntls[] = {
	F_GETFD,  F_SETFD,	   F_GETFL,	 F_SETFL,      F_GETLK,	    F_SETLK,
	F_SETLKW, F_DUPFD_CLOEXEC, F_SETPIPE_SZ, F_GETPIPE_SZ, F_ADD_SEALS, F_GET_SEALS,
};

/* TCGETS is how the C library asks whether it writes to a terminal, as for the text of a failed assertion. */
static const unsigned long ioctls[] = {FIONBIO, FIONREAD, TCGETS};

#define NAMESPACES                                                                     \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
	 CLONE_NEWPID | CLONE_NEWNET)

/* Upper halves of int arguments are the caller's whim. */
#define INT_IS(arg, value) SCMP_CMP(arg, SCMP_CMP_MASKED_EQ, 0xffffffffu, (uint32_t)(value))

static int allow_inet(scmp_filter_ctx f, int socket_type, int protocol)
{
	const int families[] = {AF_INET, AF_INET6}, protocols[] = {0, protocol};
	const uint32_t type = ~(uint32_t)(SOCK_NONBLOCK | SOCK_CLOEXEC);
	int ret = 0;

	for (size_t i = 0; !ret && i < ARRAY_SIZE(families); i++)
		for (size_t j = 0; !ret && j < ARRAY_SIZE(protocols); j++)
			ret = seccomp_rule_add(
				f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 3, INT_IS(0, families[i]),
				SCMP_CMP(1, SCMP_CMP_MASKED_EQ, type, (uint64_t)socket_type),
				INT_IS(2, protocols[j]));
	return ret;
}

static int allow_netlink(scmp_filter_ctx f)
{
	static const int protocols[] = {NETLINK_ROUTE, NETLINK_NETFILTER, NETLINK_SOCK_DIAG};
	int ret = 0;

	for (size_t i = 0; !ret && i < ARRAY_SIZE(protocols); i++)
		ret = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
				       INT_IS(0, AF_NETLINK), INT_IS(2, protocols[i]));
	return ret;
}

static int allow_second(scmp_filter_ctx f, int number, unsigned long value)
{
	return seccomp_rule_add(f, SCMP_ACT_ALLOW, number, 1, INT_IS(1, value));
}

static int allow_link_names(scmp_filter_ctx f, int number)
{
	if (number == SCMP_SYS(ioctl)) {
		int ret = allow_second(f, number, SIOCGIFINDEX);

		return ret ? ret : allow_second(f, number, SIOCGIFNAME);
	}
	return seccomp_rule_add(
		f, SCMP_ACT_ALLOW, number, 2, INT_IS(0, AF_UNIX),
		SCMP_CMP(1, SCMP_CMP_MASKED_EQ, ~(uint32_t)SOCK_CLOEXEC, SOCK_DGRAM));
}

static int allow_masked(scmp_filter_ctx f, int number, unsigned int arg, uint64_t mask,
			uint64_t value)
{
	return seccomp_rule_add(f, SCMP_ACT_ALLOW, number, 1,
				SCMP_CMP(arg, SCMP_CMP_MASKED_EQ, mask, value));
}

static int allow(scmp_filter_ctx f, const struct call *c)
{
	int ret = 0;

	switch (c->condition) {
	case ANY:
		return seccomp_rule_add(f, SCMP_ACT_ALLOW, c->number, 0);
	case NO_EXEC:
		return allow_masked(f, c->number, 2, PROT_EXEC, 0);
	case TCP:
		return allow_inet(f, SOCK_STREAM, IPPROTO_TCP);
	case UDP:
		return allow_inet(f, SOCK_DGRAM, IPPROTO_UDP);
	case HARMLESS_FCNTL:
		for (size_t i = 0; !ret && i < ARRAY_SIZE(fcntls); i++)
			ret = allow_second(f, c->number, (unsigned long)fcntls[i]);
		return ret;
	case HARMLESS_IOCTL:
		for (size_t i = 0; !ret && i < ARRAY_SIZE(ioctls); i++)
			ret = allow_second(f, c->number, ioctls[i]);
		return ret;
	case HARMLESS_PRCTL:
		return seccomp_rule_add(f, SCMP_ACT_ALLOW, c->number, 1, INT_IS(0, PR_SET_NAME));
	case THREAD:
		return allow_masked(f, c->number, 0, CLONE_THREAD | NAMESPACES, CLONE_THREAD);
	case NO_NAMESPACE:
		return allow_masked(f, c->number, 0, NAMESPACES, 0);
	case NOT_THERE:
		return seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), c->number, 0);
	case GATE_STAT:
		return seccomp_rule_add(f, SCMP_ACT_ALLOW, c->number, 1, INT_IS(3, AT_EMPTY_PATH));
	case NETLINK:
		return allow_netlink(f);
	case LINK_NAMES:
		return allow_link_names(f, c->number);
	case NET_ENTER:
		return allow_second(f, c->number, CLONE_NEWNET);
	case NET_NEW:
		return seccomp_rule_add(f, SCMP_ACT_ALLOW, c->number, 1, INT_IS(0, CLONE_NEWNET));
	case LIMIT_READ:
		return seccomp_rule_add(f, SCMP_ACT_ALLOW, c->number, 1, SCMP_A2(SCMP_CMP_EQ, 0));
	}
	return -EINVAL;
}

/* A row without a condition wins over one with; libseccomp merges them in that sense. */
static int allow_all(scmp_filter_ctx f, const struct call *calls, size_t n)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < n; i++) {
		ret = allow(f, &calls[i]);
		/* a call that this architecture lacks, or one that an earlier row allows as much */
		if (ret == -EDOM || ret == -EEXIST)
			ret = 0;
	}
	return ret;
}

#define TAKE(calls) allow_all(f, (calls), ARRAY_SIZE(calls))

static int add_role(scmp_filter_ctx f, enum role r)
{
	int ret = TAKE(common);

	if (!ret && (r == ROLE_GATE || r == ROLE_PARENT))
		ret = TAKE(gate);
	if (!ret && (r == ROLE_DNS || r == ROLE_PARENT))
		ret = TAKE(dns);
	if (!ret && (r == ROLE_CONTROL || r == ROLE_PARENT))
		ret = TAKE(control);
	if (!ret && (r == ROLE_NETD || r == ROLE_KEEPER))
		ret = TAKE(netd);
	if (!ret && (r == ROLE_PARENT || r == ROLE_KEEPER))
		ret = TAKE(starter);
	if (!ret && r == ROLE_PARENT)
		ret = TAKE(parent);
#if SANDBOX_SANITIZER
	if (!ret)
		ret = TAKE(sanitizer);
#endif
	return ret;
}

int sandbox_calls_enter(enum role r)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int ret;

	if (!f)
		return -ENOMEM;
	/* A foreign architecture's call (32 bits on 64) is none that we make. */
	ret = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (!ret)
		ret = add_role(f, r);
	if (!ret)
		ret = seccomp_load(f);
	seccomp_release(f);
	return ret;
}
