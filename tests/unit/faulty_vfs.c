/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "faulty_vfs.h"

#include <assert.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define IMAGES_MAX 8

/* What a file held at its last sync. */
struct image {
	char *path;
	void *data;
	size_t size;
};

struct faulty_file {
	sqlite3_file base;
	struct image *image; /* NULL for a file that is not followed */
	sqlite3_file *real;
};

static struct {
	sqlite3_vfs vfs, *real;
	sqlite3_io_methods methods;
	long countdown;
	enum fault_mode mode;
	int code;
	bool has_struck;
	struct image images[IMAGES_MAX];
	size_t n_images;
} shim;

static sqlite3_file *real_of(sqlite3_file *f)
{
	return ((struct faulty_file *)f)->real;
}

/* Does this step fail? */
static bool strikes(void)
{
	if (shim.has_struck)
		return shim.mode == FAULT_DEAD;
	if (shim.countdown < 0 || shim.countdown-- > 0)
		return false;
	shim.has_struck = true;
	return true;
}

static void image_take(struct image *image)
{
	struct stat st;
	int fd = open(image->path, O_RDONLY | O_CLOEXEC);

	assert(fd >= 0 && fstat(fd, &st) == 0);
	free(image->data);
	image->size = (size_t)st.st_size;
	image->data = malloc(image->size + 1);
	assert(image->data && read(fd, image->data, image->size) == (ssize_t)image->size);
	close(fd);
}

static struct image *image_of(const char *path)
{
	struct image *image;

	for (size_t i = 0; i < shim.n_images; i++) {
		if (strcmp(shim.images[i].path, path) == 0)
			return &shim.images[i];
	}
	assert(shim.n_images < IMAGES_MAX);
	image = &shim.images[shim.n_images++];
	*image = (struct image){.path = strdup(path)};
	return image;
}

static int faulty_close(sqlite3_file *f)
{
	int r = real_of(f)->pMethods->xClose(real_of(f));

	free(real_of(f));
	return r;
}

static int faulty_read(sqlite3_file *f, void *dst, int n, sqlite3_int64 at)
{
	return real_of(f)->pMethods->xRead(real_of(f), dst, n, at);
}

static int faulty_write(sqlite3_file *f, const void *src, int n, sqlite3_int64 at)
{
	const sqlite3_io_methods *m = real_of(f)->pMethods;

	if (!strikes())
		return m->xWrite(real_of(f), src, n, at);
	if (shim.mode == FAULT_TORN)
		(void)m->xWrite(real_of(f), src, n / 2, at);
	return shim.code;
}

static int faulty_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	return strikes() ? SQLITE_IOERR_TRUNCATE
			 : real_of(f)->pMethods->xTruncate(real_of(f), size);
}

static int faulty_sync(sqlite3_file *f, int flags)
{
	struct image *image = ((struct faulty_file *)f)->image;
	int r;

	if (strikes())
		return shim.code == SQLITE_FULL ? SQLITE_FULL : SQLITE_IOERR_FSYNC;
	r = real_of(f)->pMethods->xSync(real_of(f), flags);
	if (r == SQLITE_OK && image)
		image_take(image);
	return r;
}

static int faulty_size(sqlite3_file *f, sqlite3_int64 *ret_size)
{
	return real_of(f)->pMethods->xFileSize(real_of(f), ret_size);
}

static int faulty_lock(sqlite3_file *f, int level)
{
	return real_of(f)->pMethods->xLock(real_of(f), level);
}

static int faulty_unlock(sqlite3_file *f, int level)
{
	return real_of(f)->pMethods->xUnlock(real_of(f), level);
}

static int faulty_is_reserved(sqlite3_file *f, int *ret_is)
{
	return real_of(f)->pMethods->xCheckReservedLock(real_of(f), ret_is);
}

static int faulty_control(sqlite3_file *f, int op, void *arg)
{
	return real_of(f)->pMethods->xFileControl(real_of(f), op, arg);
}

static int faulty_sector(sqlite3_file *f)
{
	return real_of(f)->pMethods->xSectorSize(real_of(f));
}

static int faulty_device(sqlite3_file *f)
{
	return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

static int faulty_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **ret_p)
{
	return real_of(f)->pMethods->xShmMap(real_of(f), page, size, extend, ret_p);
}

static int faulty_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
	return real_of(f)->pMethods->xShmLock(real_of(f), offset, n, flags);
}

static void faulty_shm_barrier(sqlite3_file *f)
{
	real_of(f)->pMethods->xShmBarrier(real_of(f));
}

static int faulty_shm_unmap(sqlite3_file *f, int is_delete)
{
	return real_of(f)->pMethods->xShmUnmap(real_of(f), is_delete);
}

static int faulty_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags,
		       int *ret_flags)
{
	struct faulty_file *ff = (struct faulty_file *)f;
	bool is_followed = name && flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL);
	int r;

	*ff = (struct faulty_file){.real = calloc(1, (size_t)shim.real->szOsFile)};
	assert(ff->real);
	r = shim.real->xOpen(shim.real, name, ff->real, flags, ret_flags);
	if (r != SQLITE_OK) {
		free(ff->real);
		return r;
	}
	if (is_followed) {
		ff->image = image_of(name);
		/* What is there before the first sync of ours had been synced by who wrote it. */
		if (!ff->image->data)
			image_take(ff->image);
	}
	ff->base.pMethods = &shim.methods;
	return SQLITE_OK;
}

static int faulty_delete(sqlite3_vfs *vfs, const char *name, int sync_dir)
{
	if (strikes())
		return SQLITE_IOERR_DELETE;
	/* As if it had been synced: it must not come back. */
	for (size_t i = 0; i < shim.n_images; i++) {
		if (strcmp(shim.images[i].path, name) == 0)
			shim.images[i].size = 0;
	}
	return shim.real->xDelete(shim.real, name, sync_dir);
}

void faulty_install(void)
{
	shim.real = sqlite3_vfs_find(NULL);
	shim.vfs = *shim.real;
	shim.vfs.zName = "faulty";
	shim.vfs.pNext = NULL;
	shim.vfs.szOsFile = sizeof(struct faulty_file);
	shim.vfs.xOpen = faulty_open;
	shim.vfs.xDelete = faulty_delete;
	shim.methods = (sqlite3_io_methods){
		2,
		faulty_close,
		faulty_read,
		faulty_write,
		faulty_truncate,
		faulty_sync,
		faulty_size,
		faulty_lock,
		faulty_unlock,
		faulty_is_reserved,
		faulty_control,
		faulty_sector,
		faulty_device,
		faulty_shm_map,
		faulty_shm_lock,
		faulty_shm_barrier,
		faulty_shm_unmap,
		NULL,
		NULL,
	};
	shim.countdown = -1;
	assert(sqlite3_vfs_register(&shim.vfs, 1) == SQLITE_OK);
}

void faulty_arm(long countdown, enum fault_mode mode, int code)
{
	shim.countdown = countdown;
	shim.mode = mode;
	shim.code = code;
	shim.has_struck = false;
}

bool faulty_has_struck(void)
{
	return shim.has_struck;
}

void faulty_power_loss(void)
{
	for (size_t i = 0; i < shim.n_images; i++) {
		struct image *image = &shim.images[i];
		int fd = open(image->path, O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0600);

		assert(fd >= 0 && write(fd, image->data, image->size) == (ssize_t)image->size);
		close(fd);
	}
}

void faulty_forget(void)
{
	for (size_t i = 0; i < shim.n_images; i++) {
		free(shim.images[i].path);
		free(shim.images[i].data);
	}
	shim.n_images = 0;
}
