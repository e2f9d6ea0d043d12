/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What goes wrong around the tables: readers that die, a full disk, damaged files, another schema. A process may open an
 * environment only once, so whoever needs a second opening does it in a child.
 */
#include "tables_rig.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* --- children ------------------------------------------------------------------------------------------------ */

static int child_wait(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* In strict seccomp mode anything but read, write and exit kills: acquiring and reading makes no system call. */
static void test_reading_makes_no_system_call(void **state)
{
	struct tables *t = must_open(true);
	struct tables_cluster c = make_cluster(1, 1);
	struct prefix p = {.addr = addr_v4(0x0a000000), .len = 8};

	assert_int_equal(tables_begin(t, NULL), 0);
	assert_int_equal(tables_put_cluster(t, &c, NULL), 0);
	put_ranges(t, 1, &p, 1);
	assert_int_equal(tables_put_name(t, "a", 1, NULL), 0);
	assert_int_equal(tables_commit(t, 1, STORE_ID, NULL, 0, NULL), 0);
	tables_close(t);

	pid_t pid = fork();
	if (pid == 0) {
		struct rangeset set;
		int bad = 0;

		t = must_open(false);
		if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) < 0)
			_exit(3);
		for (int i = 0; i < 3; i++) {
			struct tables_snapshot *s = tables_acquire(t);

			bad |= !s || find(s, "a") != 1 || tables_get_cluster(s, 1, &c) < 0 ||
			       tables_get_ranges(s, 1, true, &set) < 0;
			tables_release(s);
		}
		syscall(SYS_exit, bad);
	}
	assert_int_equal(child_wait(pid), 0);
}

static off_t data_size(void)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/data.mdb", dir);
	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

/* A reader that dies with a snapshot in hand does not keep pages for ever. */
static void test_dead_reader_is_forgotten(void **state)
{
	struct prefix many[2000];
	struct tables *t = must_open(true);
	pid_t pid;

	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = (struct prefix){.addr = addr_v4((uint32_t)i << 16), .len = 24};
	assert_int_equal(tables_begin(t, NULL), 0);
	put_ranges(t, 1, many, ARRAY_SIZE(many));
	assert_int_equal(tables_commit(t, 1, STORE_ID, NULL, 0, NULL), 0);
	tables_close(t);
	pid = fork();
	if (pid == 0) {
		t = must_open(false);
		_exit(tables_acquire(t) ? 0 : 1);
	}
	assert_int_equal(child_wait(pid), 0);
	t = must_open(true); /* checks once, but let it be found by the commits, too */
	for (uint64_t g = 2; g < 300; g++) {
		assert_int_equal(tables_begin(t, NULL), 0);
		put_ranges(t, 1, many, ARRAY_SIZE(many));
		assert_int_equal(tables_commit(t, g, STORE_ID, NULL, 0, NULL), 0);
	}
	assert_in_range(data_size(), 1, 1 << 20); /* 300 * 16 kB would be 5 MB */
	tables_close(t);
}

/* The same with a writer that was open all the while, and the reader dying under it. */
static void test_dead_reader_under_a_writer(void **state)
{
	struct prefix many[2000];
	struct tables *t;
	int go[2], ready[2];
	char c;

	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = (struct prefix){.addr = addr_v4((uint32_t)i << 16), .len = 24};
	tables_close(must_open(true));
	assert_int_equal(pipe(go) | pipe(ready), 0);
	pid_t pid = fork();
	if (pid == 0) {
		c = 0;
		if (read(go[0], &c, 1) != 1)
			_exit(1);
		t = must_open(false);
		c = tables_acquire(t) ? 'y' : 'n';
		_exit(write(ready[1], &c, 1) == 1 ? 0 : 1);
	}
	t = must_open(true);
	assert_int_equal(write(go[1], "g", 1), 1);
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(c, 'y');
	assert_int_equal(child_wait(pid), 0);
	for (uint64_t g = 2; g < 300; g++) {
		assert_int_equal(tables_begin(t, NULL), 0);
		put_ranges(t, 1, many, ARRAY_SIZE(many));
		assert_int_equal(tables_commit(t, g, STORE_ID, NULL, 0, NULL), 0);
	}
	assert_in_range(data_size(), 1, 2 << 20);
	tables_close(t);
	close(go[0]);
	close(go[1]);
	close(ready[0]);
	close(ready[1]);
}

/* What the child below did wrong is its exit code. */
static int disk_full_child(void)
{
	struct rlimit limit = {256 << 10, RLIM_INFINITY};
	struct prefix many[500];
	struct tables *t = must_open(true);
	struct err e = {0};
	uint64_t g = 1;
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = (struct prefix){.addr = addr_v4((uint32_t)i << 16), .len = 24};
	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
		return 1;
	for (; g < 1000 && r == 0; g++) {
		uint8_t *blob;
		size_t len;

		if (tables_begin(t, NULL) < 0 ||
		    rangeset_build(many, ARRAY_SIZE(many), &blob, &len) < 0)
			return 2;
		r = tables_put_ranges(t, (uint32_t)g, blob, len, &e);
		free(blob);
		if (r < 0)
			tables_abort(t);
		else
			r = tables_commit(t, g, STORE_ID, NULL, 0, &e);
	}
	g -= 2; /* the last that was committed */
	if (r != -ERR_UNAVAILABLE || e.code != ERR_UNAVAILABLE || g < 5 || g > 990)
		return 3;
	/* Readers are unaffected, and what was committed is whole. */
	struct tables_snapshot *s = tables_acquire(t);
	if (!s || tables_generation(s) != g || tables_verify(s, NULL) < 0)
		return 4;
	tables_release(s);
	/* When there is room again, the writer goes on. */
	limit.rlim_cur = RLIM_INFINITY;
	if (setrlimit(RLIMIT_FSIZE, &limit) < 0 || tables_begin(t, NULL) < 0)
		return 5;
	if (tables_put_name(t, "x", 1, NULL) < 0 ||
	    tables_commit(t, g + 1, STORE_ID, NULL, 0, NULL) < 0)
		return 6;
	tables_close(t);
	return 0;
}

static void test_disk_full(void **state)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(disk_full_child());
	assert_int_equal(child_wait(pid), 0);
	struct tables *t = must_open(false);
	struct tables_snapshot *s = tables_acquire(t);
	assert_int_equal(find(s, "x"), 1);
	tables_release(s);
	tables_close(t);
}

/* --- damage ---------------------------------------------------------------------------------------------------- */

#define D_CLUSTERS 24
#define D_RANGES   40

/* The truth that the damaged tables must not contradict. */
struct truth {
	bool open, enabled;
	uint32_t nets[D_RANGES]; /* /20s */
	uint32_t id;
};

static struct truth truths[D_CLUSTERS];

static void touch_none(uint32_t cluster, void *arg)
{
	(void)cluster;
	(void)arg;
}

/* The same sources come by a private address, one in a network for each cluster. */
static struct addr endpoint_of(size_t i)
{
	return addr_v4(0x0a630000u + (uint32_t)i);
}

static void endpoint_write(struct tables *t, size_t i, const struct prefix *p, uint64_t generation)
{
	struct tables_endpoint_put put = {.endpoint = {.network = truths[i].id,
						       .addr = endpoint_of(i),
						       .port = 443,
						       .cluster = truths[i].id,
						       .open = truths[i].open}};
	const size_t n = truths[i].enabled ? 1 : 0;
	uint8_t *blob = NULL;

	if (!truths[i].open)
		assert_int_equal(rangeset_build(p, D_RANGES, &blob, &put.sources_len), 0);
	put.sources = blob;
	assert_int_equal(
		tables_put_endpoints(t, truths[i].id, &put, n, generation, touch_none, NULL, NULL),
		0);
	free(blob);
}

static void truth_write(struct tables *t, size_t i, uint64_t generation)
{
	struct tables_cluster c = make_cluster(truths[i].id, generation);
	struct prefix p[D_RANGES];
	char name[32];

	c.public_open = truths[i].open;
	c.public_enabled = truths[i].enabled;
	assert_int_equal(tables_put_cluster(t, &c, NULL), 0);
	snprintf(name, sizeof(name), "c%zu.example", i);
	assert_int_equal(tables_put_name(t, name, c.id, NULL), 0);
	for (size_t k = 0; k < D_RANGES; k++) {
		truths[i].nets[k] = (uint32_t)rnd() & 0x3ffff000u;
		p[k] = (struct prefix){.addr = addr_v4(truths[i].nets[k]), .len = 20};
	}
	if (!c.public_open)
		put_ranges(t, c.id, p, D_RANGES);
	endpoint_write(t, i, p, generation);
}

/* Several generations, so that the file holds old pages that were valid once. */
static void truths_make(void)
{
	struct tables *t = must_open(true);

	rng = 77;
	for (uint64_t g = 1; g <= 60; g++) {
		assert_int_equal(tables_begin(t, NULL), 0);
		for (size_t i = 0; i < D_CLUSTERS; i++) {
			if (g > 1 && below(D_CLUSTERS) > 1)
				continue;
			truths[i].id = (uint32_t)i + 1;
			truths[i].enabled = i % 7 != 0;
			truths[i].open = i % 9 == 1;
			truth_write(t, i, g);
		}
		uint32_t ids[] = {(uint32_t)g};
		assert_int_equal(tables_commit(t, g, STORE_ID, ids, 1, NULL), 0);
	}
	tables_close(t);
}

static bool truth_admits(size_t i, uint32_t a)
{
	if (!truths[i].enabled)
		return false;
	for (size_t k = 0; k < D_RANGES; k++) {
		if ((a & 0xfffff000u) == truths[i].nets[k])
			return true;
	}
	return truths[i].open;
}

enum { CHILD_RIGHT = 0, CHILD_REFUSED = 10, CHILD_WRONG = 42 };

static int judge(struct tables_snapshot *s, size_t i, uint32_t a, bool *ret_admitted)
{
	struct addr source = addr_v4(a);
	struct tables_cluster c = {.public_enabled = false};
	struct rangeset set;
	uint32_t id;
	char name[32];
	int r;

	*ret_admitted = false;
	snprintf(name, sizeof(name), "c%zu.example", i);
	r = tables_find_name(s, name, strlen(name), &id);
	if (r == 0)
		r = tables_get_cluster(s, id, &c);
	if (r < 0 || !c.public_enabled)
		return r;
	if (c.public_open) {
		*ret_admitted = true;
		return 0;
	}
	r = tables_get_ranges(s, id, true, &set);
	*ret_admitted = rangeset_contains(&set, &source);
	return r;
}

static int judge_private(struct tables_snapshot *s, size_t i, uint32_t a, bool *ret_admitted)
{
	struct addr source = addr_v4(a), at = endpoint_of(i);
	struct tables_endpoint ep;
	struct rangeset set;
	int r = tables_get_endpoint(s, truths[i].id, &at, true, &ep, &set);

	*ret_admitted = ep.open || rangeset_contains(&set, &source);
	return r == -ERR_NOT_FOUND && !truths[i].enabled ? 0 : r;
}

static int judge_all(struct tables *t)
{
	struct tables_snapshot *s = tables_acquire(t);
	int worst = CHILD_RIGHT;

	if (!s)
		return CHILD_REFUSED;
	for (size_t i = 0; i < D_CLUSTERS; i++) {
		for (size_t k = 0; k < 40; k++) {
			const size_t of = k < 20 ? i : below(D_CLUSTERS);
			const uint32_t a = truths[of].nets[below(D_RANGES)] + (uint32_t)below(4096);
			bool admitted;

			if ((k % 2 ? judge_private : judge)(s, i, a, &admitted) < 0)
				worst = CHILD_REFUSED;
			if (admitted && !truth_admits(i, a)) {
				fprintf(stderr, "cluster %zu admits %08x\n", i, a);
				return CHILD_WRONG;
			}
			if (!admitted && truth_admits(i, a))
				worst = CHILD_REFUSED;
		}
	}
	tables_release(s);
	return worst;
}

/* Flips go to random places, half of them to where LMDB keeps its structure: page headers and the two meta pages. */
static void flip(uint8_t *bytes, size_t len)
{
	size_t at = below(len);

	switch (below(4)) {
	case 0:
		at = at / 4096 * 4096 + below(160);
		break;
	case 1:
		at = below(2) * 4096 + below(200);
		break;
	default:
		break;
	}
	if (below(2) == 0)
		bytes[at] ^= (uint8_t)(1u << below(8));
	else
		bytes[at] = (uint8_t)rnd();
}

static void file_write(const uint8_t *bytes, size_t len)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/data.mdb", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || pwrite(fd, bytes, len, 0) != (ssize_t)len)
		_exit(1);
	close(fd);
}

/* The test library's handlers would take a dying child for a failed test. */
static void fatal_signals_reset(void)
{
	static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

	for (size_t i = 0; i < ARRAY_SIZE(fatal); i++)
		signal(fatal[i], SIG_DFL);
}

static int damage_child(uint8_t *bytes, size_t len, size_t flips, bool while_open)
{
	struct tables *t = NULL;
	int devnull = open("/dev/null", O_WRONLY | O_CLOEXEC);

	fatal_signals_reset();
	alarm(20);
	if (devnull < 0 || (!getenv("DAMAGE_SHOW") && dup2(devnull, 2) < 0))
		return 1;
	if (while_open && tables_open(dir, false, &t, NULL) < 0)
		return 1;
	for (size_t i = 0; i < flips; i++)
		flip(bytes, len);
	file_write(bytes, len);
	if (!while_open && tables_open(dir, false, &t, NULL) < 0)
		return CHILD_REFUSED;
	return judge_all(t);
}

static void damage_run(bool while_open, int rounds)
{
	int right = 0, refused = 0, died = 0, wrong = 0;
	uint8_t *bytes;
	const size_t len = (size_t)data_size();
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/data.mdb", dir);
	bytes = malloc(len);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0 && read(fd, bytes, len) == (ssize_t)len);
	close(fd);
	for (int round = 0; round < rounds; round++) {
		const size_t flips = 1 + below(30);
		const uint64_t seed = rnd();
		pid_t pid;
		int status;

		snprintf(path, sizeof(path), "%s/lock.mdb", dir);
		unlink(path);
		file_write(bytes, len);
		pid = fork();
		if (pid == 0) {
			rng = seed;
			_exit(damage_child(bytes, len, flips, while_open));
		}
		status = child_wait(pid);
		if (!WIFEXITED(status))
			died++;
		else if (WEXITSTATUS(status) == CHILD_RIGHT)
			right++;
		else if (WEXITSTATUS(status) == CHILD_REFUSED)
			refused++;
		else {
			wrong++;
			print_error("round %d, seed %llx, %zu flips: exit %d\n", round,
				    (unsigned long long)seed, flips, WEXITSTATUS(status));
		}
	}
	file_write(bytes, len);
	free(bytes);
	print_message("%s: %d right, %d refused, %d died, %d wrong\n",
		      while_open ? "damaged while open" : "damaged before open", right, refused,
		      died, wrong);
	assert_int_equal(wrong, 0);
	assert_true(right > 0 && refused > 0);
}

static void test_damage(void **state)
{
	const char *rounds = getenv("DAMAGE_ROUNDS");
	int n = rounds ? (int)strtol(rounds, NULL, 10) : 600;

	truths_make();
	damage_run(false, n);
	damage_run(true, n);
}

static int writer_try(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct tables *t = NULL;

		fatal_signals_reset();
		_exit(-tables_open(dir, true, &t, NULL));
	}
	status = child_wait(pid);
	return WIFEXITED(status) ? -WEXITSTATUS(status) : 1;
}

/* Whatever the damage, a writer that is started again and again refuses the tables the third time at the latest. */
static void test_writer_survives_damage(void **state)
{
	const char *fills[] = {"\xa5", "", "\xff"};
	char path[128];

	for (size_t i = 0; i < ARRAY_SIZE(fills); i++) {
		uint8_t junk[4096];
		int fd, r = 0;

		truths_make();
		snprintf(path, sizeof(path), "%s/data.mdb", dir);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		assert_true(fd >= 0);
		memset(junk, fills[i][0], sizeof(junk));
		for (off_t at = 8192; at < data_size(); at += 4096)
			assert_int_equal(pwrite(fd, junk, sizeof(junk), at), sizeof(junk));
		close(fd);
		for (int k = 0; k < 3 && r != -ERR_UNAVAILABLE; k++)
			r = writer_try();
		assert_int_equal(r, -ERR_UNAVAILABLE);
		assert_int_equal(tables_erase(dir, NULL), 0);
		tables_close(must_open(true));
		assert_int_equal(tables_erase(dir, NULL), 0);
	}
}

/* A file that was cut short shows before a page is read that is not there. */
static void test_is_whole(void **state)
{
	char path[128];
	off_t size;

	assert_false(tables_is_whole(dir));
	truths_make();
	size = data_size();
	assert_true(tables_is_whole(dir));
	snprintf(path, sizeof(path), "%s/data.mdb", dir);
	for (off_t left = size - 4096; left > 0; left -= 4096) {
		assert_int_equal(truncate(path, left), 0);
		assert_false(tables_is_whole(dir));
	}
	assert_int_equal(truncate(path, 5000), 0);
	assert_false(tables_is_whole(dir));
	assert_int_equal(truncate(path, 0), 0);
	assert_false(tables_is_whole(dir));
}

/* A writer that was killed once while it checked good tables does not condemn them; twice does. */
static void test_mark_of_a_check(void **state)
{
	char path[128];
	struct tables *t = NULL;
	int fd;

	tables_close(must_open(true));
	snprintf(path, sizeof(path), "%s/checking", dir);
	for (int deaths = 1; deaths <= 2; deaths++) {
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		assert_int_equal(write(fd, "xx", (size_t)deaths), deaths);
		close(fd);
		if (deaths == 1) {
			tables_close(must_open(true));
			assert_int_equal(access(path, F_OK), -1);
		} else {
			assert_int_equal(tables_open(dir, true, &t, NULL), -ERR_UNAVAILABLE);
			assert_int_equal(tables_erase(dir, NULL), 0);
			tables_close(must_open(true));
		}
	}
}

static void raw_meta_put(struct tables *t, const void *bytes, size_t len)
{
	MDB_val key = tables_val("meta", 4), v = tables_val(bytes, len);
	MDB_txn *txn;

	assert_int_equal(mdb_txn_begin(t->env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_put(txn, t->dbi[TABLE_META], &key, &v, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
}

/* Tables of another schema, or whose sum of digests is off, are refused by reader and writer. */
static void test_other_schema_is_refused(void **state)
{
	uint8_t record[META_RECORD_BYTES] = "PMT1\2";
	struct meta_record m = {.generation = 4, .store_id = STORE_ID, .digest = 1};
	struct tables *t = must_open(true);

	raw_meta_put(t, record, sizeof(record));
	assert_null(tables_acquire(t));
	assert_int_equal(tables_begin(t, NULL), -ERR_UNAVAILABLE);
	tables_close(t);
	assert_int_equal(tables_open(dir, false, &t, NULL), -ERR_UNAVAILABLE);
	assert_int_equal(tables_open(dir, true, &t, NULL), -ERR_UNAVAILABLE);

	assert_int_equal(tables_erase(dir, NULL), 0);
	t = must_open(true);
	meta_record_encode(&m, record);
	raw_meta_put(t, record, sizeof(record));
	tables_close(t);
	assert_int_equal(tables_open(dir, false, &t, NULL), -ERR_UNAVAILABLE);
	assert_int_equal(tables_open(dir, true, &t, NULL), -ERR_UNAVAILABLE);
}

#define T(f) cmocka_unit_test_setup_teardown(f, dir_setup, dir_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_reading_makes_no_system_call),
		T(test_dead_reader_is_forgotten),
		T(test_dead_reader_under_a_writer),
		T(test_disk_full),
		T(test_damage),
		T(test_writer_survives_damage),
		T(test_is_whole),
		T(test_mark_of_a_check),
		T(test_other_schema_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
