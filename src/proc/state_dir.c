/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proc/state_dir.h"
#include "base/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

static int failed(struct err *e, const char *what, const char *path)
{
	return err_set(e, ERR_UNAVAILABLE, NULL, "%s %.300s: %s", what, path, strerror(errno));
}

/* mkdir -p: the last component gets `mode`, missing ones before it 0755. */
static int make_path(const char *path, mode_t mode, struct err *e)
{
	char part[PATH_MAX];

	snprintf(part, sizeof part, "%s", path);
	for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		if (mkdir(part, 0755) && errno != EEXIST)
			return failed(e, "cannot make the folder", part);
		*slash = '/';
	}
	if (mkdir(part, mode) && errno != EEXIST)
		return failed(e, "cannot make the folder", part);
	return 0;
}

static bool is_owned(const struct stat *st, uid_t uid, gid_t gid)
{
	return st->st_uid == uid && st->st_gid == gid;
}

/* Only root can give files away; anyone else must find them his own already, which the first open will tell. */
static int folder_give(int fd, mode_t mode, uid_t uid, gid_t gid)
{
	struct stat st;

	if (fstat(fd, &st))
		return -1;
	if (!geteuid() && !is_owned(&st, uid, gid) && fchown(fd, uid, gid))
		return -1;
	if ((st.st_mode & 07777) != mode && fchmod(fd, mode))
		return -1;
	return 0;
}

static int lock_wait(int fd)
{
	const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
	uint64_t end = clock_mono_ms() + STATE_LOCK_WAIT_MS;

	while (flock(fd, LOCK_EX | LOCK_NB)) {
		if (errno != EWOULDBLOCK || clock_mono_ms() > end)
			return -1;
		nanosleep(&pause, NULL);
	}
	return 0;
}

int state_dir_lock(const char *dir, uid_t uid, gid_t gid, struct err *e)
{
	_cleanup_close_ int dir_fd = -1, fd = -1;
	int ret;

	ret = make_path(dir, 0700, e);
	if (ret)
		return ret;
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return failed(e, "cannot open the state folder", dir);
	fd = openat(dir_fd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return failed(e, "cannot open the lock in the state folder", dir);
	if (lock_wait(fd)) {
		if (errno != EWOULDBLOCK)
			return failed(e, "cannot lock the state folder", dir);
		return err_set(e, ERR_UNAVAILABLE, NULL,
			       "another posternd runs on the state folder %.300s: stop it, or give "
			       "this one a --state-dir of its own",
			       dir);
	}
	if (folder_give(dir_fd, 0700, uid, gid))
		return failed(e, "cannot set owner and mode of the state folder", dir);
	return take_fd(&fd);
}

/* Files of a run with other users. A file with a second name may be somebody else's, and is left alone. */
static int files_give(int dir_fd, uid_t uid, gid_t gid)
{
	struct dirent *d;
	struct stat st;
	int own, ret = 0;
	DIR *dir;

	own = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = own < 0 ? NULL : fdopendir(own);
	if (!dir) {
		if (own >= 0)
			close(own);
		return -1;
	}
	while (!ret && (d = readdir(dir))) {
		int fd = openat(dir_fd, d->d_name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

		if (fd < 0)
			continue;
		if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_nlink == 1 &&
		    !is_owned(&st, uid, gid))
			ret = fchownat(fd, "", uid, gid, AT_EMPTY_PATH);
		close(fd);
	}
	closedir(dir);
	return ret;
}

static int subfolder(int dir_fd, const char *name, uid_t uid, gid_t gid, struct err *e)
{
	_cleanup_close_ int fd = -1;

	if (mkdirat(dir_fd, name, 0700) && errno != EEXIST)
		return failed(e, "cannot make the state folder's", name);
	fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || folder_give(fd, 0700, uid, gid) || (!geteuid() && files_give(fd, uid, gid)))
		return failed(e, "cannot set the owner of the state folder's", name);
	return 0;
}

int state_dir_prepare(const char *dir, uid_t uid, gid_t gid, struct err *e)
{
	_cleanup_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return failed(e, "cannot open the state folder", dir);
	ret = subfolder(fd, "store", uid, gid, e);
	if (!ret)
		ret = subfolder(fd, "tables", uid, gid, e);
	return ret;
}

int state_dir_for_socket(const char *path, struct err *e)
{
	char dir[PATH_MAX];
	char *slash;

	snprintf(dir, sizeof dir, "%s", path);
	slash = strrchr(dir, '/');
	if (!slash || slash == dir)
		return 0;
	*slash = 0;
	return make_path(dir, 0755, e);
}

bool state_dir_has_tables(const char *dir)
{
	char path[PATH_MAX + 32];

	snprintf(path, sizeof path, "%s/tables/data.mdb", dir);
	return !access(path, F_OK);
}
