/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proc/sandbox.h"
#include "base/log.h"
#include "proc/options.h"
#include "proc/sandbox_int.h"
#include "proc/user.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#if SANDBOX_SANITIZER
/* The leak check at exit attaches with ptrace, which no role may. */
static int is_confined;
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
	return is_confined;
}
#endif

static int failed(struct err *e, const char *what)
{
	return err_set(e, ERR_UNAVAILABLE, NULL, "sandbox: %s: %s", what, strerror(errno));
}

/*
 * What the parent keeps, to start children: they begin as root, become other users (SETUID, SETGID), drop the bounding set
 * (SETPCAP) and, until then, open files of the control user (DAC_OVERRIDE, within the folders that Landlock leaves). KILL is for
 * ending them, and for the kernel to end them on the parent's death.
 */
static const unsigned int parent_caps[] = {CAP_SETUID, CAP_SETGID, CAP_SETPCAP, CAP_KILL,
					   CAP_DAC_OVERRIDE};

/* What netd works with, and so what the keeper must have to give it. */
static const unsigned int netd_caps[] = {
	CAP_NET_ADMIN, /* links, addresses, routes, nftables, the sysctls of a namespace, SOCK_DESTROY */
	CAP_SYS_ADMIN, /* to make namespaces, to enter them, and to keep each by a mount in /run/netns */
	CAP_NET_BROADCAST, /* to hear of changes in every namespace by one socket (NETLINK_LISTEN_ALL_NSID) */
	CAP_NET_BIND_SERVICE, /* private endpoints listen on port 443 */
	CAP_DAC_OVERRIDE,     /* /run/netns is root's folder, whoever else uses it */
};

/* And to start netd as another user, and to end it. */
static const unsigned int keeper_caps[] = {CAP_SETUID, CAP_SETGID, CAP_KILL};

static bool is_among(unsigned int cap, const unsigned int *caps, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (caps[i] == cap)
			return true;
	return false;
}

/* For the parent, a user of its own for each child is the only reason to keep any. */
static bool keeps_cap(const struct sandbox *s, unsigned int cap)
{
	bool is_netds = is_among(cap, netd_caps, ARRAY_SIZE(netd_caps));

	if (s->role == ROLE_NETD)
		return is_netds;
	if (s->role == ROLE_KEEPER)
		return is_netds || cap == CAP_SETPCAP ||
		       (s->separate_users && is_among(cap, keeper_caps, ARRAY_SIZE(keeper_caps)));
	return s->role == ROLE_PARENT && s->separate_users &&
	       is_among(cap, parent_caps, ARRAY_SIZE(parent_caps));
}

/* Permitted to this thread: what it has, or may take up. */
static bool has_cap(unsigned int cap)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};

	return !syscall(SYS_capget, &head, data) && data[cap / 32].permitted & (1u << cap % 32);
}

int sandbox_netd_rights(struct err *e)
{
	static const struct {
		unsigned int cap;
		const char *name;
	} needed[] = {{CAP_NET_ADMIN, "CAP_NET_ADMIN"}, {CAP_SYS_ADMIN, "CAP_SYS_ADMIN"}};

	for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
		if (!has_cap(needed[i].cap))
			return err_set(
				e, ERR_UNAVAILABLE, NULL,
				"the daemon was started without %s, which making networks "
				"needs: start it as root, or in a user and network namespace "
				"of its own",
				needed[i].name);
	return 0;
}

/* By prctl and not by libcap-ng, which reads /proc for it: that is out of a child's reach already. */
static int drop_bounding(const struct sandbox *s, struct err *e)
{
	int has;

	for (unsigned int cap = 0; (has = prctl(PR_CAPBSET_READ, cap, 0, 0, 0)) >= 0; cap++)
		if (has && !keeps_cap(s, cap) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0))
			/* Without root there is nothing that a bounding set could hold back. */
			return geteuid() ? 0 : failed(e, "bounding set of capabilities");
	return 0;
}

/* Only what there is: in a user namespace it may be less than root has. Nothing is gained by asking for more. */
static void choose_caps(const struct sandbox *s)
{
	const capng_type_t now = (capng_type_t)(CAPNG_EFFECTIVE | CAPNG_PERMITTED);
	/* Another user than root keeps capabilities over an execve() by the inheritable and ambient sets only. */
	const bool hands_on = s->role == ROLE_KEEPER && geteuid();

	capng_clear(CAPNG_SELECT_CAPS);
	for (unsigned int cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (keeps_cap(s, cap) && has_cap(cap))
			capng_update(CAPNG_ADD, hands_on ? now | CAPNG_INHERITABLE : now, cap);
}

static int drop_caps(const struct sandbox *s, struct err *e)
{
	choose_caps(s);
	if (capng_apply(CAPNG_SELECT_CAPS))
		return failed(e, "capabilities");
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))
		return failed(e, "ambient capabilities");
	for (unsigned int cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (capng_have_capability(CAPNG_INHERITABLE, cap) &&
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0))
			return failed(e, "ambient capabilities");
	return 0;
}

/* A change of user clears the death signal: set it again, and see that the parent did not die in between. */
static int drop_user(const struct sandbox *s, struct err *e)
{
	pid_t parent = getppid();

	if (s->separate_users && s->role != ROLE_PARENT && s->role != ROLE_KEEPER) {
		if (setgroups(0, NULL))
			return failed(e, "supplementary groups");
		/* Else the change of user takes them all; drop_caps() leaves what is kept. */
		if (s->role == ROLE_NETD && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0))
			return failed(e, "PR_SET_KEEPCAPS");
		if (setresgid(s->gid, s->gid, s->gid) || setresuid(s->uid, s->uid, s->uid))
			return failed(e, "change of user");
		if (!setresuid((uid_t)-1, 0, (uid_t)-1))
			return err_set(e, ERR_INTERNAL, NULL, "sandbox: could become root again");
		if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0))
			return failed(e, "PR_SET_KEEPCAPS");
	}
	if (s->role == ROLE_PARENT)
		return 0;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))
		return failed(e, "death signal");
	if (getppid() != parent)
		raise(SIGKILL);
	return 0;
}

/* Missing in the kernel: refused, or logged and gone without. */
static int lacks(const struct sandbox *s, const char *mechanism, const char *what, int error,
		 struct err *e)
{
	bool missing = error == -ENOSYS || error == -EOPNOTSUPP || error == -EINVAL;

	if (missing && s->mode == SANDBOX_BEST_EFFORT) {
		log_event(LOG_WARN, "sandbox.partial", LF_STR("lacks", mechanism),
			  LF_STR("why", what), LF_STR("error", strerror(-error)));
		return 0;
	}
	return err_set(e, ERR_UNAVAILABLE, NULL, "sandbox: %s: %s: %s%s", mechanism, what,
		       strerror(-error),
		       missing ? "; --sandbox best-effort goes on without it" : "");
}

/* It forbids mount(), whatever its rules, and all that a child does as well. netd works by mounts; the keeper is its parent. */
static bool has_landlock(enum role r)
{
	return r != ROLE_NETD && r != ROLE_KEEPER;
}

int sandbox_enter(const struct sandbox *s, struct err *e)
{
	const struct rlimit no_core = {0, 0};
	const char *what = NULL;
	int ret;

	ret = drop_bounding(s, e);
	if (!ret)
		ret = drop_user(s, e);
	if (!ret)
		ret = drop_caps(s, e);
	if (ret)
		return ret;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return failed(e, "PR_SET_DUMPABLE");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return failed(e, "no_new_privs");
	ret = has_landlock(s->role) ? sandbox_landlock_enter(s, &what) : 0;
	if (ret)
		ret = lacks(s, "Landlock", what, ret, e);
	if (ret)
		return ret;
	if (setrlimit(RLIMIT_CORE, &no_core))
		return failed(e, "RLIMIT_CORE");
#if SANDBOX_SANITIZER
	is_confined = 1;
#endif
	ret = sandbox_calls_enter(s->role);
	return ret ? lacks(s, "seccomp", "filter of system calls", ret, e) : 0;
}

static const char *role_user(const struct options *o, enum role r)
{
	return r == ROLE_GATE	? o->user_gate
	       : r == ROLE_NETD ? o->user_netd
	       : r == ROLE_DNS	? o->user_dns
				: o->user_control;
}

/* User and group of a role, from the parent's look-up or by our own. */
static int role_ids(const struct options *o, enum role r, struct sandbox *s, struct err *e)
{
	int ret;

	if (o->ids_known) {
		s->uid = o->uid[r];
		s->gid = o->gid[r];
		return 0;
	}
	ret = user_find(role_user(o, r), &s->uid, &s->gid, e);
	if (!ret && !s->uid)
		return err_set(e, ERR_USAGE, NULL,
			       "--user-%s must not be root; --no-separate-users keeps one user for "
			       "all roles",
			       role_name(r));
	return ret;
}

/* Folder of the API's socket, for the parent, which removes it at the end. Static memory. */
static const char *run_dir(const struct options *o)
{
	static char dir[PATH_MAX];
	char *slash;

	snprintf(dir, sizeof dir, "%s", o->socket_path);
	slash = strrchr(dir, '/');
	if (!slash)
		return ".";
	slash[slash == dir] = 0;
	return dir;
}

int role_sandbox(const struct options *o, enum role r, struct sandbox *ret_sandbox, struct err *e)
{
	struct sandbox s = {
		.role = r,
		.mode = o->sandbox,
		.separate_users = o->separate_users,
		.uid = getuid(),
		.gid = getgid(),
	};
	int ret = 0;

	if (s.separate_users && r != ROLE_PARENT && r != ROLE_KEEPER)
		ret = role_ids(o, r, &s, e);
	if (ret)
		return ret;
	if (r == ROLE_CONTROL) {
		s.rw_dir[0] = o->state_dir;
		s.ro_dir[0] = "/dev/urandom"; /* SQLite */
	}
	if (r == ROLE_PARENT) {
		/* What the dynamic loader reads to start a child; and what the children may then use. */
		const char *const ro[] = {"/proc/self/exe",   "/usr",	     "/lib", "/lib64",
					  "/etc/ld.so.cache", "/dev/urandom"};

		s.rw_dir[0] = o->state_dir;
		s.rw_dir[1] = run_dir(o);
		memcpy(s.ro_dir, ro, sizeof ro);
	}
	*ret_sandbox = s;
	return 0;
}
