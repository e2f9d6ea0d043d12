/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "netd/netns.h"

#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define OWN_PATH   "/proc/thread-self/ns/net"
#define PATH_BYTES (sizeof NETNS_DIR + NS_NAME_MAX + 2)

static int folder_make(struct err *e)
{
	if (mkdir(NETNS_DIR, 0755) && errno != EEXIST)
		return err_set(e, ERR_UNAVAILABLE, NULL, NETNS_DIR ": %s", strerror(errno));
	/* Shared, so that other mount namespaces see ours come and go; that needs a mount point. */
	if (!mount("", NETNS_DIR, "none", MS_SHARED | MS_REC, NULL))
		return 0;
	if (errno == EINVAL && !mount(NETNS_DIR, NETNS_DIR, "none", MS_BIND | MS_REC, NULL) &&
	    !mount("", NETNS_DIR, "none", MS_SHARED | MS_REC, NULL))
		return 0;
	return err_set(e, ERR_UNAVAILABLE, NULL, "mounting " NETNS_DIR ": %s", strerror(errno));
}

int netns_open_current(void)
{
	return open(OWN_PATH, O_RDONLY | O_CLOEXEC);
}

int netns_init(struct netns *n, struct err *e)
{
	n->own = netns_open_current();
	if (n->own < 0)
		return err_set(e, ERR_UNAVAILABLE, NULL, OWN_PATH ": %s", strerror(errno));
	return folder_make(e);
}

void netns_done(struct netns *n)
{
	cleanup_close_p(&n->own);
	n->own = -1;
}

int netns_enter(int fd)
{
	return setns(fd, CLONE_NEWNET) ? -errno : 0;
}

void netns_leave(const struct netns *n)
{
	if (!setns(n->own, CLONE_NEWNET))
		return;
	log_event(LOG_ERROR, "namespace.lost", LF_STR("reason", strerror(errno)));
	abort();
}

static bool is_namespace(int fd)
{
	struct statfs fs;

	return !fstatfs(fd, &fs) && fs.f_type == NSFS_MAGIC;
}

/* A fresh namespace, mounted on the file. */
static int namespace_mount(const struct netns *n, const char *path)
{
	int ret = 0;

	if (unshare(CLONE_NEWNET))
		return -errno;
	if (mount(OWN_PATH, path, "none", MS_BIND, NULL))
		ret = -errno;
	netns_leave(n);
	return ret;
}

static int path_of(const char *name, char path[PATH_BYTES], struct err *e)
{
	if (!name[0] || strlen(name) >= NS_NAME_MAX || strchr(name, '/') || name[0] == '.')
		return err_set(e, ERR_INVALID, NULL, "no name of a namespace");
	snprintf(path, PATH_BYTES, NETNS_DIR "/%s", name);
	return 0;
}

static int name_open(const char *path)
{
	return open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

int netns_open(const struct netns *n, const char *name, bool create, struct err *e)
{
	char path[PATH_BYTES];
	_cleanup_close_ int fd = -1;
	int ret = path_of(name, path, e);

	if (ret)
		return ret;
	fd = name_open(path);
	if (fd >= 0 && is_namespace(fd))
		return take_fd(&fd);
	if (!create)
		return err_set(e, ERR_NOT_FOUND, NULL,
			       "there is no network namespace '%s' in " NETNS_DIR, name);
	if (fd < 0) {
		fd = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0444);
		if (fd < 0)
			return err_set(e, ERR_UNAVAILABLE, NULL, "%s: %s", path, strerror(errno));
	}
	ret = namespace_mount(n, path);
	if (ret)
		return err_set(e, ERR_UNAVAILABLE, NULL, "making the network namespace '%s': %s",
			       name, strerror(-ret));
	close(fd);
	fd = name_open(path);
	if (fd < 0 || !is_namespace(fd))
		return err_set(e, ERR_UNAVAILABLE, NULL, "%s: what was mounted is not there", path);
	return take_fd(&fd);
}

bool netns_is(const char *name, dev_t dev, ino_t ino)
{
	char path[PATH_BYTES];
	struct stat st;

	return !path_of(name, path, NULL) && !lstat(path, &st) && st.st_dev == dev &&
	       st.st_ino == ino;
}

int netns_delete(const char *name, struct err *e)
{
	char path[PATH_BYTES];
	int ret = path_of(name, path, e);

	if (ret)
		return ret;
	/* More than one may lie above each other. */
	while (!umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW))
		;
	if (unlink(path) && errno != ENOENT)
		return err_set(e, ERR_UNAVAILABLE, NULL, "removing the network namespace '%s': %s",
			       name, strerror(errno));
	return 0;
}

int netns_each(const struct names *names, netns_fn *fn, void *arg)
{
	DIR *dir = opendir(NETNS_DIR);
	struct dirent *d;
	int ret = 0;

	if (!dir)
		return 0;
	while (!ret && (d = readdir(dir)) != NULL)
		if (names_is_ours(names, d->d_name))
			ret = fn(d->d_name, arg);
	closedir(dir);
	return ret;
}
