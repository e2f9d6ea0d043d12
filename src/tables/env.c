/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The environment: open, close, erase.
 *
 * Everything that needs the file system or a lock happens in tables_open(), a reader's slot in LMDB's reader table
 * included, so that a role can drop its rights right after.
 *
 * LMDB trusts its pages: damaged ones can end the process that reads them. So a writer leaves a mark, the file
 * "checking", while it reads everything, one octet per attempt. Whoever finds as many octets as CHECKS_MAX knows that
 * the tables end whoever opens them. One death is not enough to conclude so: it may have come from elsewhere.
 */
#include "tables/tables_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_LEN_MAX 4096
#define CHECKS_MAX   2
#define DATA_FILE    "data.mdb"
#define LOCK_FILE    "lock.mdb"
#define MARK_FILE    "checking"

static const struct {
	const char *name;
	unsigned flags;
} table_defs[TABLE_COUNT] = {
	[TABLE_META] = {"meta", 0},
	[TABLE_NAME] = {"name", 0},
	[TABLE_CLUSTER] = {"cluster", MDB_INTEGERKEY},
	[TABLE_RANGES] = {"ranges", MDB_INTEGERKEY},
	[TABLE_NETWORK] = {"network", MDB_INTEGERKEY},
	[TABLE_ENDPOINT] = {"endpoint", 0},
	[TABLE_ZONE] = {"zone", MDB_INTEGERKEY},
	[TABLE_VIEW] = {"view", 0},
	[TABLE_LINKED] = {"linked", 0},
	[TABLE_VIEW_CONFIG] = {"view_config", MDB_INTEGERKEY},
	[TABLE_ZONE_KEY] = {"zone_key", 0},
	[TABLE_CHANGE] = {"change", MDB_INTEGERKEY},
};

int tables_fail(struct err *e, int rc, const char *what)
{
	enum err_code code = ERR_UNAVAILABLE;

	if (rc == ENOMEM)
		code = ERR_NOMEM;
	return err_set(e, code, NULL, "cannot %s: %s", what, mdb_strerror(rc));
}

static int file_path(char dst[PATH_LEN_MAX], const char *dir, const char *file, struct err *e)
{
	int n = snprintf(dst, PATH_LEN_MAX, "%s/%s", dir, file);

	if (n < 0 || n >= PATH_LEN_MAX)
		return err_set(e, ERR_UNAVAILABLE, NULL, "the path of the tables is too long");
	return 0;
}

/* 0 if dir holds a data file with anything in it. */
static int data_file_find(const char *dir, struct err *e)
{
	char path[PATH_LEN_MAX];
	struct stat st;
	int r = file_path(path, dir, DATA_FILE, e);

	if (r < 0)
		return r;
	if (stat(path, &st) < 0) {
		if (errno != ENOENT)
			return tables_fail(e, errno, "look for the tables");
		st.st_size = 0;
	}
	return st.st_size > 0 ? 0 : err_set(e, ERR_NOT_FOUND, NULL, "there are no tables yet");
}

static int env_open(struct tables *t, const char *dir, struct err *e)
{
	const unsigned flags =
		MDB_NOSYNC | MDB_NOMETASYNC | MDB_NOTLS | (t->is_writer ? 0 : MDB_RDONLY);
	int rc = mdb_env_create(&t->env);

	if (rc)
		return tables_fail(e, rc, "make an environment for the tables");
	if ((rc = mdb_env_set_mapsize(t->env, TABLES_MAP_BYTES)) ||
	    (rc = mdb_env_set_maxdbs(t->env, TABLE_COUNT)) ||
	    (rc = mdb_env_set_maxreaders(t->env, TABLES_READERS_MAX)) ||
	    (rc = mdb_env_open(t->env, dir, flags, 0600)))
		return tables_fail(e, rc, "open the tables");
	return 0;
}

/* A new environment gets its tables and a meta record of generation 0, so that readers can open it at once. */
static int meta_create(struct tables *t, MDB_txn *txn)
{
	const struct meta_record empty = {0};
	uint8_t record[META_RECORD_BYTES];
	MDB_val key = tables_val("meta", 4), v = tables_val(record, sizeof(record));
	int rc;

	meta_record_encode(&empty, record);
	rc = mdb_put(txn, t->dbi[TABLE_META], &key, &v, MDB_NOOVERWRITE);
	return rc == MDB_KEYEXIST ? 0 : rc;
}

static int dbis_open(struct tables *t, struct err *e)
{
	MDB_txn *txn;
	int rc = mdb_txn_begin(t->env, NULL, t->is_writer ? 0 : MDB_RDONLY, &txn);

	if (rc)
		return tables_fail(e, rc, "read the tables");
	for (size_t i = 0; i < TABLE_COUNT && !rc; i++)
		rc = mdb_dbi_open(txn, table_defs[i].name,
				  table_defs[i].flags | (t->is_writer ? MDB_CREATE : 0),
				  &t->dbi[i]);
	if (!rc && t->is_writer)
		rc = meta_create(t, txn);
	if (rc) {
		mdb_txn_abort(txn);
		if (rc == MDB_NOTFOUND)
			return err_set(e, ERR_NOT_FOUND, NULL, "there are no tables yet");
		return tables_fail(e, rc, "open the tables");
	}
	rc = mdb_txn_commit(txn); /* keeps the handles */
	return rc ? tables_fail(e, rc, "open the tables") : 0;
}

/* Take the reader's slot now and read everything once. */
static int snapshot_prepare(struct tables *t, struct err *e)
{
	struct tables_snapshot *s = &t->snapshot;
	int r, rc = mdb_txn_begin(t->env, NULL, MDB_RDONLY, &s->txn);

	if (rc) {
		s->txn = NULL;
		return tables_fail(e, rc, "read the tables");
	}
	mdb_txn_reset(s->txn);
	if (!tables_acquire(t))
		return err_set(e, ERR_UNAVAILABLE, NULL,
			       "the tables are damaged or of another version of Postern");
	r = tables_verify(s, e);
	tables_release(s);
	return r;
}

static int open_plain(const char *dir, bool writer, struct tables **ret_tables, struct err *e)
{
	struct tables *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return err_set(e, ERR_NOMEM, NULL, "out of memory");
	t->is_writer = writer;
	t->snapshot.tables = t;
	r = env_open(t, dir, e);
	if (r < 0)
		goto out;
	if (writer)
		(void)mdb_reader_check(t->env, NULL);
	r = dbis_open(t, e);
	if (r == 0)
		r = snapshot_prepare(t, e);
out:
	if (r < 0)
		tables_close(t);
	else
		*ret_tables = t;
	return r;
}

/* Best effort, but for the refusal: without room for the mark, the check goes on without. */
static int mark_set(const char *dir, struct err *e)
{
	char path[PATH_LEN_MAX];
	struct stat st;
	int r = file_path(path, dir, MARK_FILE, e);
	_cleanup_close_ int fd = -1;

	if (r < 0)
		return r;
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || fstat(fd, &st) < 0)
		return 0;
	if (st.st_size >= CHECKS_MAX)
		return err_set(e, ERR_UNAVAILABLE, NULL,
			       "the tables are damaged: the process that read them ended %d times",
			       CHECKS_MAX);
	if (write(fd, "x", 1) < 0)
		return 0;
	return 0;
}

static void mark_clear(const char *dir)
{
	char path[PATH_LEN_MAX];

	if (file_path(path, dir, MARK_FILE, NULL) == 0)
		(void)unlink(path);
}

int tables_open(const char *dir, bool writer, struct tables **ret_tables, struct err *e)
{
	int r = data_file_find(dir, e);
	const bool check = r == 0;

	if (r < 0 && (r != -ERR_NOT_FOUND || !writer))
		return r;
	if (writer && check) {
		r = mark_set(dir, e);
		if (r < 0)
			return r;
	}
	r = open_plain(dir, writer, ret_tables, e);
	if (writer && check)
		mark_clear(dir);
	return r;
}

void tables_close(struct tables *t)
{
	if (!t)
		return;
	tables_abort(t);
	if (t->snapshot.txn)
		mdb_txn_abort(t->snapshot.txn);
	if (t->env)
		mdb_env_close(t->env);
	free(t);
}

int tables_erase(const char *dir, struct err *e)
{
	static const char *const files[] = {DATA_FILE, LOCK_FILE, MARK_FILE};
	char path[PATH_LEN_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		int r = file_path(path, dir, files[i], e);

		if (r < 0)
			return r;
		if (unlink(path) < 0 && errno != ENOENT)
			return tables_fail(e, errno, "erase the tables");
	}
	return 0;
}

bool tables_is_whole(const char *dir)
{
	MDB_env *env = NULL;
	MDB_envinfo info;
	MDB_stat stat_of;
	struct stat st;
	bool whole = false;
	int fd;

	if (mdb_env_create(&env))
		return false;
	if (!mdb_env_open(env, dir, MDB_RDONLY | MDB_NOLOCK, 0600) && !mdb_env_info(env, &info) &&
	    !mdb_env_stat(env, &stat_of) && !mdb_env_get_fd(env, &fd) && !fstat(fd, &st))
		whole = (uint64_t)st.st_size >=
			((uint64_t)info.me_last_pgno + 1) * stat_of.ms_psize;
	mdb_env_close(env);
	return whole;
}

bool tables_is_erased(const struct tables *t)
{
	struct stat st;
	int fd;

	return mdb_env_get_fd(t->env, &fd) != 0 || fstat(fd, &st) < 0 || st.st_nlink == 0;
}
