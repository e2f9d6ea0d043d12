/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parent does before its sandbox: users, folders, shared memory, listeners, the keeper. */
#include "proc/dns_ipc.h"
#include "proc/keeper.h"
#include "proc/parent_int.h"
#include "proc/quota_layout.h"
#include "proc/state_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* Where the rights are missing the daemon does all the rest; what needs networks is refused with the reason. */
static void networks_decide(struct parent *p)
{
	struct err e = {0};

	if (p->o.networks == NETWORKS_OFF) {
		msg_text_put(p->netd_off, "the daemon was started with --networks off; start it "
					  "without to have networks");
		return;
	}
	if (!sandbox_netd_rights(&e))
		return;
	p->o.networks = NETWORKS_OFF;
	msg_text_put(p->netd_off, e.text);
	log_event(LOG_WARN, "networks.off", LF_STR("why", e.text));
}

static int users_differ(const struct options *o, enum role a, enum role b, struct err *e)
{
	if (o->uid[a] != o->uid[b])
		return 0;
	return err_set(e, ERR_USAGE, NULL, "--user-%s and --user-%s must be different users",
		       role_name(a), role_name(b));
}

/* Nobody could ask where there are neither networks nor an address for the internet. */
static bool has_dns(const struct options *o)
{
	return o->networks == NETWORKS_ON || o->n_dns_listen;
}

/* Those that have a user of their own; of roles that do not run none is needed. */
static size_t roles_with_user(const struct options *o, enum role ret_roles[ROLE_COUNT])
{
	size_t n = 0;

	ret_roles[n++] = ROLE_CONTROL;
	ret_roles[n++] = ROLE_GATE;
	if (has_dns(o))
		ret_roles[n++] = ROLE_DNS;
	if (o->networks == NETWORKS_ON)
		ret_roles[n++] = ROLE_NETD;
	return n;
}

/* Who owns the state and who the roles are, while the system's databases can still be read. */
static int users_find(struct options *o, struct err *e)
{
	enum role of_their_own[ROLE_COUNT];
	const size_t n = roles_with_user(o, of_their_own);
	struct sandbox s;
	int ret = 0;

	if (o->separate_users && geteuid())
		return err_set(e, ERR_USAGE, NULL,
			       "only root can give each role its own user: start as root, or give "
			       "--no-separate-users");
	for (size_t i = 0; i < n && !ret; i++) {
		enum role r = of_their_own[i];

		ret = role_sandbox(o, r, &s, e);
		if (ret)
			return ret;
		o->uid[r] = s.uid;
		o->gid[r] = s.gid;
		for (size_t k = 0; o->separate_users && k < i && !ret; k++)
			ret = users_differ(o, of_their_own[k], r, e);
	}
	o->uid[ROLE_PARENT] = o->uid[ROLE_KEEPER] = geteuid();
	o->gid[ROLE_PARENT] = o->gid[ROLE_KEEPER] = getegid();
	o->ids_known = true;
	return ret;
}

/* As many as the option says, or one per core. */
static uint32_t workers_wanted(uint32_t option)
{
	cpu_set_t cpus;
	int n;

	if (option)
		return option;
	n = sched_getaffinity(0, sizeof cpus, &cpus) ? 1 : CPU_COUNT(&cpus);
	return (uint32_t)(n < 1 ? 1 : n > WORKERS_MAX ? WORKERS_MAX : n);
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

static int counters_make(struct workers *ws, size_t size, struct err *e)
{
	for (uint32_t i = 0; i < ws->n; i++) {
		ws->counters[i] = shared_memory("counters", size, e);
		if (ws->counters[i] < 0)
			return ws->counters[i];
	}
	return 0;
}

static int memory_make(struct parent *p, struct err *e)
{
	int ret = counters_make(&p->gates, sizeof(struct gate_counters), e);

	if (!ret)
		ret = counters_make(&p->dns, sizeof(struct dns_counters), e);
	if (ret)
		return ret;
	p->quota = shared_memory("quota", quota_bytes(p->gates.n), e);
	if (p->quota < 0)
		return p->quota;
	if (getrandom(p->cookie_key, sizeof p->cookie_key, 0) != sizeof p->cookie_key)
		return err_set(e, ERR_UNAVAILABLE, NULL, "no random numbers: %s", strerror(errno));
	return 0;
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
	if (p->signals < 0 || parent_watch(p, p->signals, EVENT_SIGNAL))
		return err_set(e, ERR_UNAVAILABLE, NULL, "signalfd: %s", strerror(errno));
	if (p->keeper.link >= 0 && parent_watch(p, p->keeper.link, EVENT_KEEPER))
		return err_set(e, ERR_UNAVAILABLE, NULL, "epoll: %s", strerror(errno));
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

static void workers_make(struct workers *ws, enum role r, uint32_t n)
{
	ws->n = n;
	for (uint32_t i = 0; i < n; i++)
		child_init(&ws->child[i], r, i);
}

static void children_make(struct parent *p)
{
	child_init(&p->control, ROLE_CONTROL, 0);
	child_init(&p->keeper, ROLE_KEEPER, 0);
	child_init(&p->netd, ROLE_NETD, 0);
	workers_make(&p->gates, ROLE_GATE, workers_wanted(p->o.gates));
	workers_make(&p->dns, ROLE_DNS, has_dns(&p->o) ? workers_wanted(p->o.dns) : 0);
	p->endpoints.n_dns = p->dns.n;
}

/* Without one, control takes every start for the first since the machine came up. */
static void boot_find(struct options *o)
{
	_cleanup_close_ int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, o->boot_id, sizeof o->boot_id - 1);

	o->boot_id[n > 0 ? n : 0] = '\0';
	o->boot_id[strcspn(o->boot_id, "\n")] = '\0';
}

int parent_set_up(struct parent *p, char **argv, struct err *e)
{
	struct sandbox s;
	int ret;

	networks_decide(p);
	boot_find(&p->o);
	ret = users_find(&p->o, e);
	if (!ret)
		ret = state_make(p, e);
	if (ret)
		return ret;
	limits_raise();
	children_make(p);
	ret = spawner_make(p, argv, e);
	/* Before there is anything open that netd must not have. */
	if (!ret && p->o.networks == NETWORKS_ON)
		ret = keeper_start(&p->o, &p->spawner, &p->keeper.pid, &p->keeper.link, e);
	if (!ret)
		ret = memory_make(p, e);
	if (!ret)
		ret = events_make(p, e);
	if (!ret)
		ret = listeners_open(&p->o, p->gates.n, &p->listeners, e);
	if (!ret)
		ret = role_sandbox(&p->o, ROLE_PARENT, &s, e);
	if (!ret)
		ret = sandbox_enter(&s, e);
	return ret;
}
