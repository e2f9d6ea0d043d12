/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Landlock by its raw calls: the C library has none, and the kernel's header may be older than the kernel.
 * See the kernel's Documentation/userspace-api/landlock.rst.
 */
#include "proc/sandbox_int.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* Rights and the ABI that brought them. */
#define FS_EXECUTE	    (1ull << 0)
#define FS_WRITE_FILE	    (1ull << 1)
#define FS_READ_FILE	    (1ull << 2)
#define FS_READ_DIR	    (1ull << 3)
#define FS_REMOVE_DIR	    (1ull << 4)
#define FS_REMOVE_FILE	    (1ull << 5)
#define FS_MAKE_DIR	    (1ull << 7)
#define FS_MAKE_REG	    (1ull << 8)
#define FS_REFER	    (1ull << 13)
#define FS_TRUNCATE	    (1ull << 14)

#define NET_BIND	    (1ull << 0)
#define NET_CONNECT	    (1ull << 1)
#define SCOPE_ABSTRACT_UNIX (1ull << 0)
#define SCOPE_SIGNAL	    (1ull << 1)

#define READ		    (FS_READ_FILE | FS_READ_DIR)
#define WRITE                                                                                    \
	(FS_WRITE_FILE | FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR | FS_MAKE_REG | FS_REFER | \
	 FS_TRUNCATE)
#define FILE_RIGHTS	       (FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE)

#define CREATE_RULESET_VERSION 1u
#define RULE_PATH_BENEATH      1

struct ruleset {
	uint64_t fs, net, scoped;
};

struct path_beneath {
	uint64_t allowed;
	int32_t fd;
} __attribute__((packed));

int sandbox_landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);

	return abi < 0 ? 0 : (int)abi;
}

/* Everything that this kernel can forbid about files is forbidden unless a rule allows it. */
static uint64_t fs_handled(int abi)
{
	static const uint8_t rights[] = {0, 13, 14, 15, 15, 16}; /* number of rights, by ABI */

	return (1ull << rights[abi < 5 ? abi : 5]) - 1;
}

static struct ruleset ruleset_of(enum role r, int abi)
{
	struct ruleset rs = {.fs = fs_handled(abi)};

	/* Listeners come from outside the sandbox. The gate connects to upstreams, and so must its parent's rules allow. */
	if (abi >= 4)
		rs.net = r == ROLE_CONTROL ? NET_BIND | NET_CONNECT : NET_BIND;
	/* A parent may still signal its children, since their domains lie within its own. */
	if (abi >= 6)
		rs.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
	return rs;
}

static int rule_add(int ruleset, const char *path, uint64_t rights)
{
	_cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);
	struct path_beneath rule = {.allowed = rights, .fd = fd};
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return -errno;
	if (!S_ISDIR(st.st_mode))
		rule.allowed &= FILE_RIGHTS;
	if (syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0))
		return -errno;
	return 0;
}

static int rules_add(int ruleset, const struct sandbox *s, uint64_t handled, const char **ret_what)
{
	uint64_t ro = READ | (s->role == ROLE_PARENT ? FS_EXECUTE : 0);
	int ret;

	for (size_t i = 0; i < ARRAY_SIZE(s->rw_dir); i++) {
		if (!s->rw_dir[i])
			continue;
		ret = rule_add(ruleset, s->rw_dir[i], (READ | WRITE) & handled);
		*ret_what = s->rw_dir[i];
		if (ret)
			return ret;
	}
	for (size_t i = 0; i < ARRAY_SIZE(s->ro_dir); i++) {
		if (!s->ro_dir[i])
			continue;
		ret = rule_add(ruleset, s->ro_dir[i], ro & handled);
		*ret_what = s->ro_dir[i];
		if (ret && ret != -ENOENT)
			return ret;
	}
	return 0;
}

int sandbox_landlock_enter(const struct sandbox *s, const char **ret_what)
{
	int abi = sandbox_landlock_abi(), ret;
	_cleanup_close_ int fd = -1;
	struct ruleset rs;

	*ret_what = "this kernel has no Landlock, or it is off";
	if (!abi)
		return -ENOSYS;
	rs = ruleset_of(s->role, abi);
	fd = (int)syscall(SYS_landlock_create_ruleset, &rs, sizeof rs, 0);
	*ret_what = "Landlock ruleset";
	if (fd < 0)
		return -errno;
	ret = rules_add(fd, s, rs.fs, ret_what);
	if (ret)
		return ret;
	*ret_what = "Landlock restriction";
	return syscall(SYS_landlock_restrict_self, fd, 0) ? -errno : 0;
}
