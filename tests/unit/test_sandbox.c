/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Each role in a process of its own: what it must not do ends as the table says, what its work needs goes on working. With
 * root each test runs twice, with and without a user of the role's own; without root the first half is skipped.
 */
#include "base/log.h"
#include "proc/msg.h"
#include "proc/options.h"
#include "proc/sandbox_int.h"
#include "proc/spawn.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include <cmocka.h>

#define TEST_UID 2147480001u

static char dir[64]; /* stands for the state folder */

enum { KILLED, REFUSED, DONE, ABORTED, KILLED_OR_REFUSED, REFUSED_OR_DONE };

/* Where a sanitizer build must allow a call, Landlock is what refuses the act. */
#define NO_CALL (SANDBOX_SANITIZER ? KILLED_OR_REFUSED : KILLED)
#define NO_EXEC (SANDBOX_SANITIZER ? DONE : KILLED)

/* clang-format off */
static const struct {
	const char *act;
	int end[ROLE_COUNT];
} acts[] = {
	/*                   parent           control          gate             dns              netd             keeper */
	{"execve",           {KILLED,          KILLED,          KILLED,          KILLED,          KILLED,          KILLED}},
	{"fork",             {DONE,            KILLED,          KILLED,          KILLED,          KILLED,          DONE}},
	{"open",             {REFUSED,         REFUSED,         NO_CALL,         NO_CALL,         DONE,            DONE}},
	{"create",           {REFUSED,         REFUSED,         NO_CALL,         NO_CALL,         DONE,            DONE}},
	{"ptrace",           {KILLED,          KILLED,          KILLED,          KILLED,          KILLED,          KILLED}},
	{"process-vm",       {KILLED,          KILLED,          KILLED,          KILLED,          KILLED,          KILLED}},
	{"socket",           {DONE,            KILLED,          KILLED,          DONE,            DONE,            DONE}},
	{"socket-raw",       {KILLED,          KILLED,          KILLED,          KILLED,          KILLED,          KILLED}},
	{"socket-packet",    {KILLED,          KILLED,          KILLED,          KILLED,          KILLED,          KILLED}},
	{"socket-netlink",   {KILLED,          KILLED,          KILLED,          KILLED,          DONE,            DONE}},
	{"socket-audit",     {KILLED,          KILLED,          KILLED,          KILLED,          KILLED,          KILLED}},
	{"socket-tcp",       {DONE,            KILLED,          DONE,            DONE,            DONE,            DONE}},
	{"connect-unix",     {KILLED,          KILLED,          KILLED,          KILLED,          KILLED,          KILLED}},
	{"bind",             {KILLED,          KILLED,          KILLED,          KILLED,          REFUSED,         REFUSED}},
	{"listen",           {KILLED,          KILLED,          KILLED,          KILLED,          REFUSED,         REFUSED}},
	{"bpf",              {KILLED,          KILLED,          KILLED,          KILLED,          KILLED,          KILLED}},
	{"mount",            {KILLED,          KILLED,          KILLED,          KILLED,          REFUSED,         REFUSED}},
	{"module",           {KILLED,          KILLED,          KILLED,          KILLED,          KILLED,          KILLED}},
	{"keyctl",           {KILLED,          KILLED,          KILLED,          KILLED,          KILLED,          KILLED}},
	{"perf",             {KILLED,          KILLED,          KILLED,          KILLED,          KILLED,          KILLED}},
	{"io-uring",         {KILLED,          KILLED,          KILLED,          KILLED,          KILLED,          KILLED}},
	{"unshare",          {KILLED,          KILLED,          KILLED,          KILLED,          KILLED,          KILLED}},
	{"netns",            {KILLED,          KILLED,          KILLED,          KILLED,          REFUSED_OR_DONE, REFUSED_OR_DONE}},
	{"mount-namespace",  {KILLED,          KILLED,          KILLED,          KILLED,          KILLED,          KILLED}},
	{"any-namespace",    {KILLED,          KILLED,          KILLED,          KILLED,          KILLED,          KILLED}},
	{"chroot",           {KILLED,          KILLED,          KILLED,          KILLED,          KILLED,          KILLED}},
	{"setuid",           {REFUSED_OR_DONE, KILLED,          KILLED,          KILLED,          KILLED,          REFUSED_OR_DONE}},
	{"kill",             {REFUSED_OR_DONE, KILLED,          KILLED,          KILLED,          KILLED,          REFUSED_OR_DONE}},
	{"mmap-exec",        {DONE,            NO_EXEC,         NO_EXEC,         NO_EXEC,         NO_EXEC,         DONE}},
	{"rlimit",           {KILLED,          KILLED,          KILLED,          KILLED,          KILLED,          KILLED}},
	{"abort",            {ABORTED,         ABORTED,         ABORTED,         ABORTED,         ABORTED,         ABORTED}},
	{"no-such-act",      {-1,              -1,              -1,              -1,              -1,              -1}},
};
/* clang-format on */

static struct sandbox sandbox_of(enum role r, bool separate)
{
	struct sandbox s = {
		.role = r, .separate_users = separate, .uid = TEST_UID, .gid = TEST_UID};

	if (r == ROLE_CONTROL)
		s.rw_dir[0] = dir;
	if (r == ROLE_PARENT) {
		s.rw_dir[0] = dir;
		s.ro_dir[0] = "/proc/self/exe";
		s.ro_dir[1] = "/usr";
		s.ro_dir[2] = "/lib";
		s.ro_dir[3] = "/lib64";
		s.ro_dir[4] = "/etc/ld.so.cache";
	}
	return s;
}

static void enter_or_exit(enum role r, bool separate)
{
	struct sandbox s = sandbox_of(r, separate);
	struct err e = {0};

	if (sandbox_enter(&s, &e)) {
		dprintf(STDERR_FILENO, "%s\n", e.text);
		_exit(99);
	}
}

static int end_of(pid_t pid)
{
	int status;

	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static bool is_end(int status, int want)
{
	bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
	bool refused = WIFEXITED(status) && WEXITSTATUS(status) == SANDBOX_PROBE_REFUSED;
	bool done = WIFEXITED(status) && WEXITSTATUS(status) == SANDBOX_PROBE_DONE;

	switch (want) {
	case KILLED:
		return killed;
	case REFUSED:
		return refused;
	case DONE:
		return done;
	case KILLED_OR_REFUSED:
		return killed || refused;
	case REFUSED_OR_DONE:
		return refused || done;
	case ABORTED:
		return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
	default:
		return WIFEXITED(status) && WEXITSTATUS(status) == SANDBOX_PROBE_UNKNOWN;
	}
}

static void forbidden(enum role r, bool separate)
{
	for (size_t i = 0; i < ARRAY_SIZE(acts); i++) {
		pid_t pid = fork();
		int status;

		if (!pid) {
			dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
			enter_or_exit(r, separate);
			sandbox_probe(""); /* does nothing */
			sandbox_probe(acts[i].act);
		}
		status = end_of(pid);
		(void)unlink("/tmp/postern-probe");
		if (!is_end(status, acts[i].end[r]))
			fail_msg("%s, %s, separate %d: status 0x%x", role_name(r), acts[i].act,
				 separate, (unsigned int)status);
	}
}

/* Run f in the role's sandbox; it returns the line that failed, 0 if none. */
static void permitted(enum role r, bool separate, int (*f)(void *), void *arg)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		enter_or_exit(r, separate);
		_exit(f(arg) ? 1 : 0);
	}
	status = end_of(pid);
	if (status)
		fail_msg("%s, separate %d: status 0x%x", role_name(r), separate,
			 (unsigned int)status);
}

#define NEED(x)                                                                   \
	do {                                                                      \
		if (!(x)) {                                                       \
			dprintf(STDERR_FILENO, "line %d: %s: %s\n", __LINE__, #x, \
				strerror(errno));                                 \
			return 1;                                                 \
		}                                                                 \
	} while (0)

static int common_work(void)
{
	static struct msg m;
	struct epoll_event ev = {.events = EPOLLIN};
	struct itimerspec soon = {.it_value.tv_nsec = 1};
	int ep = epoll_create1(EPOLL_CLOEXEC), timer = timerfd_create(CLOCK_MONOTONIC, 0);
	char *p = malloc(10 << 20);

	NEED(p);
	p[10000000] = 1;
	p = realloc(p, 20 << 20);
	NEED(p && p[10000000]);
	free(p);
	NEED(ep >= 0 && timer >= 0 && eventfd(0, 0) >= 0);
	NEED(!epoll_ctl(ep, EPOLL_CTL_ADD, timer, &ev));
	NEED(!timerfd_settime(timer, 0, &soon, NULL));
	NEED(epoll_wait(ep, &ev, 1, 5000) == 1);
	log_event(LOG_DEBUG, "sandbox.test", LF_INT("pid", getpid()));
	NEED(m.n_fds == 0);
	return 0;
}

struct gate_work {
	int listener, lock, memory, link;
	struct sockaddr_in at;
};

static int gate_work(void *arg)
{
	const struct gate_work *w = arg;
	struct flock lock = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = getpid(), .l_len = 1};
	struct msg_ack ack = {.generation = 1};
	struct rlimit limit;
	struct stat st;
	int client, server, p[2], one = 1;
	char text[8];

	NEED(!common_work());
	client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	NEED(client >= 0);
	NEED(!connect(client, (const struct sockaddr *)&w->at, sizeof w->at) ||
	     errno == EINPROGRESS);
	server = accept4(w->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	NEED(server >= 0);
	NEED(!setsockopt(client, IPPROTO_TCP, 1, &one, sizeof one));
	NEED(send(client, "hello", 5, MSG_NOSIGNAL) == 5);
	NEED(!pipe2(p, O_NONBLOCK | O_CLOEXEC));
	NEED(fcntl(p[0], F_SETPIPE_SZ, 65536) == 65536);
	NEED(poll(&(struct pollfd){.fd = server, .events = POLLIN}, 1, 5000) == 1);
	NEED(splice(server, NULL, p[1], NULL, 65536, SPLICE_F_MOVE | SPLICE_F_NONBLOCK) == 5);
	NEED(read(p[0], text, sizeof text) == 5 && !memcmp(text, "hello", 5));
	NEED(!shutdown(client, SHUT_WR));
	NEED(socket(AF_INET6, SOCK_STREAM, IPPROTO_TCP) >= 0 || errno == EAFNOSUPPORT);
	NEED(!fcntl(w->lock, F_SETLK, &lock)); /* as LMDB's readers do */
	NEED(!fstat(w->memory, &st) && !ftruncate(w->memory, 4096));
	NEED(pwrite(w->memory, "x", 1, 4000) == 1);
	NEED(mmap(NULL, 4096, PROT_READ, MAP_SHARED, w->memory, 0) != MAP_FAILED);
	NEED(!msg_send_body(w->link, MSG_ACK, &ack));
	NEED(!getrlimit(RLIMIT_NOFILE, &limit));
	return 0;
}

static void gate_works(bool separate)
{
	struct gate_work w = {.at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}}};
	socklen_t len = sizeof w.at;
	char path[96];
	int ends[2];

	snprintf(path, sizeof path, "%s/lock.mdb", dir);
	w.listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(w.listener, (struct sockaddr *)&w.at, len), 0);
	assert_int_equal(listen(w.listener, 8), 0);
	assert_int_equal(getsockname(w.listener, (struct sockaddr *)&w.at, &len), 0);
	w.lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	w.memory = memfd_create("test", MFD_CLOEXEC);
	assert_int_equal(link_pair(ends), 0);
	w.link = ends[0];
	permitted(ROLE_GATE, separate, gate_work, &w);
	unlink(path);
	close(w.listener);
	close(w.lock);
	close(w.memory);
	close(ends[0]);
	close(ends[1]);
}

/* A question to a server from a port that the kernel chooses anew, and an answer, in batches; queries by a socket it was given. */
static int dns_work(void *arg)
{
	const struct gate_work *w = arg;
	struct sockaddr_in at = w->at, mine = {0};
	struct sockaddr none = {.sa_family = AF_UNSPEC};
	struct iovec io = {.iov_base = "q", .iov_len = 1};
	struct mmsghdr m = {.msg_hdr = {.msg_iov = &io, .msg_iovlen = 1}};
	struct msg_ack_dns ack = {.generation = 1};
	socklen_t len = sizeof mine;
	char text[4];
	int asking;

	NEED(!common_work());
	asking = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	NEED(asking >= 0 && !connect(asking, (struct sockaddr *)&at, sizeof at));
	NEED(sendmmsg(asking, &m, 1, 0) == 1);
	NEED(poll(&(struct pollfd){.fd = w->listener, .events = POLLIN}, 1, 5000) == 1);
	io.iov_base = text;
	m.msg_hdr.msg_name = &mine;
	m.msg_hdr.msg_namelen = sizeof mine;
	NEED(recvmmsg(w->listener, &m, 1, MSG_DONTWAIT, NULL) == 1 && text[0] == 'q');
	NEED(sendmmsg(w->listener, &m, 1, 0) == 1);
	NEED(recv(asking, text, sizeof text, 0) == 1);
	NEED(!connect(asking, &none, sizeof none));
	NEED(!getsockname(asking, (struct sockaddr *)&mine, &len) && mine.sin_port == 0);
	NEED(socket(AF_INET6, SOCK_DGRAM, IPPROTO_UDP) >= 0 || errno == EAFNOSUPPORT);
	NEED(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0) >= 0);
	NEED(mmap(NULL, 4096, PROT_READ, MAP_SHARED, w->memory, 0) != MAP_FAILED);
	NEED(!msg_send_body(w->link, MSG_ACK_D, &ack));
	return 0;
}

static void dns_works(bool separate)
{
	struct gate_work w = {.at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}}};
	socklen_t len = sizeof w.at;
	int ends[2];

	w.listener = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(bind(w.listener, (struct sockaddr *)&w.at, len), 0);
	assert_int_equal(getsockname(w.listener, (struct sockaddr *)&w.at, &len), 0);
	w.memory = memfd_create("test", MFD_CLOEXEC);
	assert_int_equal(ftruncate(w.memory, 4096), 0);
	assert_int_equal(link_pair(ends), 0);
	w.link = ends[0];
	permitted(ROLE_DNS, separate, dns_work, &w);
	close(w.listener);
	close(w.memory);
	close(ends[0]);
	close(ends[1]);
}

static void *thread(void *arg)
{
	*(int *)arg = 1;
	return NULL;
}

static int control_work(void *arg)
{
	char a[96], b[96], text[4] = "";
	pthread_t t;
	int fd, ran = 0;
	DIR *d;

	snprintf(a, sizeof a, "%s/a", dir);
	snprintf(b, sizeof b, "%s/b", dir);
	NEED(!common_work());
	fd = open(a, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	NEED(fd >= 0);
	NEED(pwrite(fd, "abc", 3, 0) == 3 && !fsync(fd) && !fdatasync(fd) && !ftruncate(fd, 2));
	NEED(!fallocate(fd, 0, 0, 4096) && !flock(fd, LOCK_EX));
	NEED(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED);
	NEED(!rename(a, b));
	NEED(pread(fd, text, 2, 0) == 2 && !strcmp(text, "ab"));
	d = opendir(dir);
	NEED(d && readdir(d));
	closedir(d);
	NEED(!unlink(b));
	NEED(memfd_create("dump", MFD_CLOEXEC) >= 0);
	NEED(!pthread_create(&t, NULL, thread, &ran) && !pthread_join(t, NULL) && ran);
	/* Beyond its folders, reading and writing are refused without ado. */
	NEED(open("/etc/passwd", O_RDONLY) < 0 && errno == EACCES);
	NEED(open("/tmp/postern-test-x", O_WRONLY | O_CREAT, 0600) < 0 && errno == EACCES);
	return 0;
}

struct starter_work {
	int exe;
	enum role child;
	bool separate;
};

static int starter_work(void *arg)
{
	const struct starter_work *w = arg;
	struct spawner s = {.exe_fd = w->exe, .options_fd = 0, .lock_fd = 0, .argv0 = "true"};
	struct err e = {0};
	int status, link;
	pid_t pid;

	NEED(!common_work());
	NEED(!spawn_role(&s, w->child, 3, &pid, &link, &e));
	NEED(waitpid(pid, &status, 0) == pid);
	NEED(status == 0);
	close(link);
	/* A child's sandbox within its starter's, which can still end it. */
	pid = fork();
	NEED(pid >= 0);
	if (!pid) {
		enter_or_exit(w->child, geteuid() == 0 && w->separate);
		for (;;)
			poll(NULL, 0, 1000);
	}
	NEED(poll(NULL, 0, 100) == 0);
	NEED(!kill(pid, SIGKILL));
	NEED(waitpid(pid, &status, 0) == pid);
	NEED(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	return 0;
}

static void starter_works(enum role r, enum role child, bool separate)
{
	struct starter_work w = {.exe = open("/bin/true", O_RDONLY | O_CLOEXEC),
				 .child = child,
				 .separate = separate};

	assert_true(w.exe >= 0);
	permitted(r, separate, starter_work, &w);
	close(w.exe);
}

/* A namespace of its own, kept by a mount on a file, entered again, listened in, and forgotten. */
static int netd_work(void *arg)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(443)};
	char path[96];
	int home, ns, fd, listener;
	pthread_t t;
	int ran = 0;

	snprintf(path, sizeof path, "%s/ns", dir);
	NEED(!common_work());
	NEED(!pthread_create(&t, NULL, thread, &ran) && !pthread_join(t, NULL) && ran);
	NEED(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG) >= 0);
	NEED(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER) >= 0);
	NEED(if_nametoindex("lo") > 0);
	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	NEED(home >= 0);
	fd = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0);
	NEED(fd >= 0);
	close(fd);
	NEED(!unshare(CLONE_NEWNET));
	NEED(!mount("/proc/self/ns/net", path, NULL, MS_BIND, NULL));
	NEED(!setns(home, CLONE_NEWNET));
	ns = open(path, O_RDONLY | O_CLOEXEC);
	NEED(ns >= 0 && !setns(ns, CLONE_NEWNET));
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	NEED(fd >= 0 &&
	     !setsockopt(fd, SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, &(int){1}, sizeof(int)));
	fd = open("/proc/sys/net/ipv4/ip_forward", O_WRONLY | O_CLOEXEC);
	NEED(fd >= 0 && write(fd, "1", 1) == 1);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	NEED(listener >= 0 && !bind(listener, (struct sockaddr *)&at, sizeof at) &&
	     !listen(listener, 1));
	listener = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	NEED(listener >= 0 && !bind(listener, (struct sockaddr *)&at, sizeof at));
	NEED(!setns(home, CLONE_NEWNET));
	NEED(!umount2(path, MNT_DETACH) && !unlink(path));
	return 0;
}

/* In a mount namespace of its own: what it mounts is gone with it. */
static void netd_works(bool separate)
{
	pid_t pid;
	int status;

	if (geteuid()) {
		print_message("netd's work: not tested without root\n");
		return;
	}
	pid = fork();
	if (!pid) {
		if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
			_exit(98);
		enter_or_exit(ROLE_NETD, separate);
		_exit(netd_work(NULL) ? 1 : 0);
	}
	status = end_of(pid);
	if (status)
		fail_msg("netd, separate %d: status 0x%x", separate, (unsigned int)status);
}

/* A line of /proc/PID/FILE that begins with key, without it and white space. */
static const char *proc_line(pid_t pid, const char *file, const char *key)
{
	static char line[256];
	char path[64];
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof line, f))
		if (!strncmp(line, key, strlen(key))) {
			fclose(f);
			line[strcspn(line, "\n")] = 0;
			return line + strlen(key) + strspn(line + strlen(key), " \t");
		}
	fclose(f);
	fail_msg("no %s in %s", key, path);
	return NULL;
}

/* A child in the role's sandbox that waits to be killed; the reading end of a pipe that it holds open. */
static pid_t waiting(enum role r, bool separate, int *ret_alive)
{
	int p[2];
	char c;
	pid_t pid;

	assert_int_equal(pipe(p), 0);
	pid = fork();
	if (!pid) {
		const gid_t group = 4711;

		close(p[0]);
		/* There must be something to drop. */
		if (!geteuid() && setgroups(1, &group))
			_exit(99);
		enter_or_exit(r, separate);
		(void)!write(p[1], "x", 1);
		for (;;)
			poll(NULL, 0, 1000);
	}
	close(p[1]);
	assert_int_equal(read(p[0], &c, 1), 1);
	*ret_alive = p[0];
	return pid;
}

/*
 * Of root's. netd: DAC_OVERRIDE 1, NET_BIND_SERVICE 10, NET_BROADCAST 11, NET_ADMIN 12, SYS_ADMIN 21. The keeper: the same, and
 * SETPCAP 8 and, to start another user's process and end it, KILL 5, SETGID 6, SETUID 7.
 */
static const char *caps_of(enum role r, bool separate)
{
	if (geteuid() || r == ROLE_CONTROL || r == ROLE_GATE || r == ROLE_DNS)
		return "0000000000000000";
	if (r == ROLE_NETD)
		return "0000000000201c02";
	return separate ? "0000000000201de2" : "0000000000201d02";
}

static void only_what_it_needs_is_left_to_it(enum role r, bool separate)
{
	int alive;
	pid_t pid = waiting(r, separate, &alive);
	char ids[96];

	assert_string_equal(proc_line(pid, "status", "NoNewPrivs:"), "1");
	assert_string_equal(proc_line(pid, "status", "Seccomp:"), "2");
	assert_non_null(strstr(proc_line(pid, "limits", "Max core file size"), "0 "));
	if (separate && r != ROLE_KEEPER) {
		snprintf(ids, sizeof ids, "%u\t%u\t%u\t%u", TEST_UID, TEST_UID, TEST_UID, TEST_UID);
		assert_string_equal(proc_line(pid, "status", "Uid:"), ids);
		assert_string_equal(proc_line(pid, "status", "Gid:"), ids);
		assert_string_equal(proc_line(pid, "status", "Groups:"), "");
	}
	assert_string_equal(proc_line(pid, "status", "CapEff:"), caps_of(r, separate));
	assert_string_equal(proc_line(pid, "status", "CapPrm:"), caps_of(r, separate));
	assert_string_equal(proc_line(pid, "status", "CapAmb:"), "0000000000000000");
	if (!geteuid())
		assert_string_equal(proc_line(pid, "status", "CapBnd:"), caps_of(r, separate));
	kill(pid, SIGKILL);
	end_of(pid);
	close(alive);
}

/* The change of user clears the death signal, and a parent without CAP_KILL could not send it: both are easy to lose. */
static void it_dies_with_its_parent(enum role r, bool separate)
{
	struct pollfd gone;
	int p[2], alive[2];
	pid_t parent;
	char c;

	assert_int_equal(pipe(p), 0);
	assert_int_equal(pipe(alive), 0);
	parent = fork();
	if (!parent) {
		enter_or_exit(r == ROLE_NETD ? ROLE_KEEPER : ROLE_PARENT, separate);
		if (!fork()) {
			enter_or_exit(r, separate);
			(void)!write(p[1], "x", 1);
			for (;;)
				poll(NULL, 0, 1000);
		}
		close(alive[1]);
		for (;;)
			poll(NULL, 0, 1000);
	}
	close(alive[1]);
	assert_int_equal(read(p[0], &c, 1), 1);
	gone = (struct pollfd){.fd = alive[0], .events = POLLIN};
	assert_int_equal(poll(&gone, 1, 50), 0);
	kill(parent, SIGKILL);
	end_of(parent);
	assert_int_equal(poll(&gone, 1, 10000), 1);
	assert_int_equal(read(alive[0], &c, 1), 0);
	close(alive[0]);
	close(p[0]);
	close(p[1]);
}

static void all(bool separate)
{
	assert_int_equal(chown(dir, separate ? TEST_UID : geteuid(), (gid_t)-1), 0);
	for (int r = 0; r < ROLE_COUNT; r++)
		forbidden((enum role)r, separate);
	gate_works(separate);
	dns_works(separate);
	permitted(ROLE_CONTROL, separate, control_work, NULL);
	starter_works(ROLE_PARENT, ROLE_GATE, separate);
	starter_works(ROLE_PARENT, ROLE_DNS, separate);
	starter_works(ROLE_KEEPER, ROLE_NETD, separate);
	netd_works(separate);
	for (int r = ROLE_CONTROL; r < ROLE_COUNT; r++) {
		only_what_it_needs_is_left_to_it((enum role)r, separate);
		if (r != ROLE_KEEPER) /* which is outside of its parent's Landlock: test_parent.c */
			it_dies_with_its_parent((enum role)r, separate);
	}
}

static void with_one_user(void **state)
{
	all(false);
}

static void with_separate_users(void **state)
{
	if (geteuid()) {
		print_message("skipped: needs root\n");
		skip();
	}
	all(true);
}

/* Who starts the daemon without the rights is told which is missing; a child shows it, in a user namespace of its own or not. */
static void rights_for_netd(void **state)
{
	pid_t pid = fork();

	if (!pid) {
		struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
		struct __user_cap_data_struct data[2] = {0};
		struct err e = {0};
		bool ok = geteuid() || !sandbox_netd_rights(&e);

		data[0].permitted = data[0].effective = geteuid() ? 0 : 1u << CAP_NET_ADMIN;
		ok &= !syscall(SYS_capset, &head, data);
		ok &= sandbox_netd_rights(&e) == -ERR_UNAVAILABLE;
		ok &= strstr(e.text, geteuid() ? "CAP_NET_ADMIN" : "CAP_SYS_ADMIN") != NULL;
		_exit(!ok);
	}
	assert_int_equal(end_of(pid), 0);
}

/* The parent keeps five capabilities, and only when it has to make children of other users. */
static void the_parents_capabilities(void **state)
{
	int alive;
	pid_t pid = waiting(ROLE_PARENT, false, &alive);

	assert_string_equal(proc_line(pid, "status", "CapEff:"), "0000000000000000");
	kill(pid, SIGKILL);
	end_of(pid);
	close(alive);
	if (geteuid())
		return;
	pid = waiting(ROLE_PARENT, true, &alive);
	/* DAC_OVERRIDE 1, KILL 5, SETGID 6, SETUID 7, SETPCAP 8 */
	assert_string_equal(proc_line(pid, "status", "CapEff:"), "00000000000001e2");
	assert_string_equal(proc_line(pid, "status", "CapBnd:"), "00000000000001e2");
	kill(pid, SIGKILL);
	end_of(pid);
	close(alive);
}

static void a_missing_folder_is_an_error(void **state)
{
	struct sandbox s = {.role = ROLE_CONTROL, .rw_dir = {"/nonexistent/postern"}};
	pid_t pid = fork();

	if (!pid) {
		struct err e = {0};

		_exit(sandbox_enter(&s, &e) == -ERR_UNAVAILABLE &&
				      strstr(e.text, "/nonexistent/postern")
			      ? 0
			      : 1);
	}
	assert_int_equal(end_of(pid), 0);
}

static void users_of_the_roles(void **state)
{
	static struct options o = {.separate_users = true,
				   .user_control = "2147480001",
				   .user_gate = "postern-nobody-has-this",
				   .state_dir = "/s",
				   .socket_path = "/r/api.sock"};
	struct err e = {0};
	struct sandbox s;

	assert_int_equal(role_sandbox(&o, ROLE_CONTROL, &s, &e), 0);
	assert_int_equal(s.uid, TEST_UID);
	assert_string_equal(s.rw_dir[0], "/s");
	assert_int_equal(role_sandbox(&o, ROLE_GATE, &s, &e), -ERR_USAGE);
	assert_non_null(strstr(e.text, "systemd-sysusers"));
	assert_int_equal(role_sandbox(&o, ROLE_PARENT, &s, &e), 0);
	assert_string_equal(s.rw_dir[1], "/r");
	snprintf(o.user_gate, sizeof o.user_gate, "root");
	assert_int_equal(role_sandbox(&o, ROLE_GATE, &s, &e), -ERR_USAGE);
	assert_non_null(strstr(e.text, "must not be root"));
	snprintf(o.user_dns, sizeof o.user_dns, "2147480004");
	assert_int_equal(role_sandbox(&o, ROLE_DNS, &s, &e), 0);
	assert_int_equal(s.uid, 2147480004u);
	assert_null(s.rw_dir[0]);
	assert_null(s.ro_dir[0]);
	snprintf(o.user_netd, sizeof o.user_netd, "2147480003");
	assert_int_equal(role_sandbox(&o, ROLE_NETD, &s, &e), 0);
	assert_int_equal(s.uid, 2147480003u);
	assert_int_equal(role_sandbox(&o, ROLE_KEEPER, &s, &e), 0);
	assert_int_equal(s.uid, getuid());
	o.ids_known = true;
	o.uid[ROLE_GATE] = 5;
	assert_int_equal(role_sandbox(&o, ROLE_GATE, &s, &e), 0);
	assert_int_equal(s.uid, 5);
	assert_null(s.rw_dir[0]);
	assert_null(s.ro_dir[0]);
}

static int dir_make(void **state)
{
	snprintf(dir, sizeof dir, "/tmp/postern-test-XXXXXX");
	log_init(STDERR_FILENO, LOG_TEXT, LOG_INFO, "test");
	return mkdtemp(dir) && sandbox_landlock_abi() >= 1 ? 0 : -1;
}

static int dir_remove(void **state)
{
	char path[96];

	snprintf(path, sizeof path, "%s/lock.mdb", dir);
	(void)unlink(path);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(with_one_user),
		cmocka_unit_test(with_separate_users),
		cmocka_unit_test(the_parents_capabilities),
		cmocka_unit_test(rights_for_netd),
		cmocka_unit_test(a_missing_folder_is_an_error),
		cmocka_unit_test(users_of_the_roles),
	};

	return cmocka_run_group_tests(tests, dir_make, dir_remove);
}
