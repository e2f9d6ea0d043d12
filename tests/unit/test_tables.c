/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The tables: records, snapshots, changes, random operations against a naive model, disk full, dead readers, damage.
 * A process may open an environment only once, so whoever needs a second opening does it in a child.
 */
#include "base/rangeset.h"
#include "tables/tables_int.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define STORE_ID "0123456789abcdef0123456789abcdef"
#define OTHER_ID "fedcba9876543210fedcba9876543210"

static char dir[64];
static uint64_t rng;

static uint64_t rnd(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng * 0x2545f4914f6cdd1du >> 7;
}

static size_t below(size_t n)
{
	return (size_t)(rnd() % n);
}

static int dir_setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_tables.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int dir_teardown(void **state)
{
	(void)state;
	if (tables_erase(dir, NULL) < 0)
		return -1;
	return rmdir(dir);
}

static struct tables *must_open(bool writer)
{
	struct tables *t = NULL;
	struct err e = {0};

	if (tables_open(dir, writer, &t, &e) < 0)
		fail_msg("tables_open: %s", e.text);
	return t;
}

static struct tables_cluster make_cluster(uint32_t id, uint64_t generation)
{
	struct tables_cluster c = {.id = id,
				   .generation = generation,
				   .public_enabled = true,
				   .health_kind = 1,
				   .n_upstreams = 2,
				   .drain_s = 7,
				   .max_connections = 1000,
				   .max_per_source = 10,
				   .connect_timeout_ms = 5000,
				   .health_interval_ms = 1000,
				   .health_timeout_ms = 500};

	snprintf(c.name, sizeof(c.name), "cluster-%u", id);
	c.upstreams[0] = (struct tables_upstream){addr_v4(0x0a000000u + id), 6443};
	c.upstreams[1] = (struct tables_upstream){{.hi = 1, .lo = id, .family = ADDR_V6}, 443};
	return c;
}

static void put_ranges(struct tables *t, uint32_t id, const struct prefix *p, size_t n)
{
	uint8_t *blob = NULL;
	size_t len = 0;

	assert_int_equal(rangeset_build(p, n, &blob, &len), 0);
	assert_int_equal(tables_put_ranges(t, id, blob, len, NULL), 0);
	free(blob);
}

/* --- the life of an environment ---------------------------------------------------------------------------- */

static void test_open(void **state)
{
	struct tables *t = NULL;
	struct err e = {0};
	struct stat st;
	char path[128];

	assert_int_equal(tables_open(dir, false, &t, &e), -ERR_NOT_FOUND);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_null(t);
	tables_close(must_open(true));
	snprintf(path, sizeof(path), "%s/data.mdb", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);

	t = must_open(false);
	struct tables_snapshot *s = tables_acquire(t);
	assert_non_null(s);
	assert_int_equal(tables_generation(s), 0);
	assert_string_equal(tables_store_id(s), "");
	tables_release(s);
	assert_false(tables_is_erased(t));
	assert_int_equal(tables_erase(dir, NULL), 0);
	assert_true(tables_is_erased(t));
	tables_close(t);
	assert_int_equal(tables_open("/nonexistent/dir", true, &t, &e), -ERR_UNAVAILABLE);
}

static void test_round_trip(void **state)
{
	struct tables *t = must_open(true);
	struct tables_cluster c = make_cluster(3, 41), got;
	struct prefix p;
	struct rangeset set;
	uint32_t id, ids[] = {3};

	assert_int_equal(prefix_parse("10.0.0.0/8", 10, &p, NULL), 0);
	assert_int_equal(tables_begin(t, NULL), 0);
	assert_int_equal(tables_put_cluster(t, &c, NULL), 0);
	assert_false(tables_has_ranges(t, 3));
	put_ranges(t, 3, &p, 1);
	assert_true(tables_has_ranges(t, 3));
	assert_int_equal(tables_put_name(t, "api.example.org", 3, NULL), 0);
	assert_int_equal(tables_commit(t, 41, STORE_ID, ids, 1, NULL), 0);
	tables_close(t);

	t = must_open(false);
	struct tables_snapshot *s = tables_acquire(t);
	assert_non_null(s);
	assert_int_equal(tables_generation(s), 41);
	assert_string_equal(tables_store_id(s), STORE_ID);
	assert_int_equal(tables_find_name(s, "api.example.org", 15, &id), 0);
	assert_int_equal(id, 3);
	assert_int_equal(tables_get_cluster(s, 3, &got), 0);
	assert_memory_equal(&got, &c, sizeof(c));
	assert_int_equal(tables_get_ranges(s, 3, true, &set), 0);
	struct addr in = addr_v4(0x0a010203), out = addr_v4(0x0b010203);
	assert_true(rangeset_contains(&set, &in));
	assert_false(rangeset_contains(&set, &out));

	assert_int_equal(tables_get_cluster(s, 4, &got), -ERR_NOT_FOUND);
	assert_false(got.public_enabled);
	assert_int_equal(tables_get_ranges(s, 4, true, &set), -ERR_NOT_FOUND);
	assert_false(rangeset_contains(&set, &in));
	tables_release(s);
	tables_close(t);
}

static int find(struct tables_snapshot *s, const char *name)
{
	uint32_t id = 0;
	int r = tables_find_name(s, name, strlen(name), &id);

	return r < 0 ? r : (int)id;
}

static void test_names(void **state)
{
	struct tables *t = must_open(true);
	char longest[300];

	assert_int_equal(tables_begin(t, NULL), 0);
	assert_int_equal(tables_put_name(t, "a.example.org", 1, NULL), 0);
	assert_int_equal(tables_put_name(t, "*.example.org", 2, NULL), 0);
	assert_int_equal(tables_put_name(t, "localhost", 3, NULL), 0);
	assert_int_equal(tables_put_name(t, "", 3, NULL), -ERR_INVALID);
	assert_int_equal(tables_commit(t, 1, STORE_ID, NULL, 0, NULL), 0);
	struct tables_snapshot *s = tables_acquire(t);
	assert_int_equal(find(s, "a.example.org"), 1);
	assert_int_equal(find(s, "b.example.org"), 2);
	assert_int_equal(find(s, "example.org"), -ERR_NOT_FOUND);
	assert_int_equal(find(s, "c.b.example.org"), -ERR_NOT_FOUND); /* one label only */
	assert_int_equal(find(s, ".example.org"), -ERR_NOT_FOUND);
	assert_int_equal(find(s, "*.example.org"), -ERR_NOT_FOUND);
	assert_int_equal(find(s, "localhost"), 3);
	assert_int_equal(find(s, ""), -ERR_NOT_FOUND);
	memset(longest, 'a', sizeof(longest));
	longest[299] = '\0';
	assert_int_equal(find(s, longest), -ERR_NOT_FOUND);
	memcpy(longest + 286, ".example.org", 13);
	assert_int_equal(find(s, longest), -ERR_NOT_FOUND);
	assert_int_equal(find(s, longest + 299 - 255), 2);
	tables_release(s);
	tables_close(t);
}

/* A reader in hand sees its snapshot whatever the writer commits; an abort leaves nothing. */
static void test_isolation(void **state)
{
	struct tables *t = must_open(true);

	assert_int_equal(tables_begin(t, NULL), 0);
	assert_int_equal(tables_put_name(t, "one", 1, NULL), 0);
	assert_int_equal(tables_commit(t, 1, STORE_ID, NULL, 0, NULL), 0);
	struct tables_snapshot *s = tables_acquire(t);
	assert_int_equal(tables_begin(t, NULL), 0);
	assert_int_equal(tables_put_name(t, "two", 2, NULL), 0);
	assert_int_equal(tables_delete_name(t, "one", NULL), 0);
	assert_int_equal(find(s, "two"), -ERR_NOT_FOUND);
	assert_int_equal(tables_commit(t, 2, STORE_ID, NULL, 0, NULL), 0);
	assert_int_equal(find(s, "one"), 1);
	assert_int_equal(tables_generation(s), 1);
	tables_release(s);

	assert_int_equal(tables_begin(t, NULL), 0);
	assert_int_equal(tables_put_name(t, "three", 3, NULL), 0);
	tables_abort(t);
	tables_abort(t);
	s = tables_acquire(t);
	assert_int_equal(tables_generation(s), 2);
	assert_int_equal(find(s, "one"), -ERR_NOT_FOUND);
	assert_int_equal(find(s, "two"), 2);
	assert_int_equal(find(s, "three"), -ERR_NOT_FOUND);
	tables_release(s);
	tables_close(t);
}

/* A generation goes forward, unless everything is made anew. */
static void test_generation_goes_forward(void **state)
{
	struct tables *t = must_open(true);
	struct err e = {0};

	assert_int_equal(tables_begin(t, NULL), 0);
	assert_int_equal(tables_commit(t, 5, STORE_ID, NULL, 0, NULL), 0);
	assert_int_equal(tables_begin(t, NULL), 0);
	assert_int_equal(tables_commit(t, 5, STORE_ID, NULL, 0, &e), -ERR_INTERNAL);
	assert_int_equal(tables_begin(t, NULL), 0);
	assert_int_equal(tables_put_name(t, "x", 1, NULL), 0);
	assert_int_equal(tables_clear(t, NULL), 0);
	assert_int_equal(tables_commit(t, 2, OTHER_ID, NULL, 0, NULL), 0);
	struct tables_snapshot *s = tables_acquire(t);
	assert_int_equal(tables_generation(s), 2);
	assert_string_equal(tables_store_id(s), OTHER_ID);
	assert_int_equal(find(s, "x"), -ERR_NOT_FOUND);
	tables_release(s);
	tables_close(t);
}

/* --- changes ------------------------------------------------------------------------------------------------ */

struct ids {
	size_t n;
	uint64_t sum;
};

static int count_id(uint32_t id, void *arg)
{
	struct ids *ids = arg;

	ids->n++;
	ids->sum += id;
	return 0;
}

static int stop_at(uint32_t id, void *arg)
{
	return id == *(uint32_t *)arg ? 77 : 0;
}

static int changes(struct tables *t, uint64_t after, struct ids *ids)
{
	struct tables_snapshot *s = tables_acquire(t);
	int r;

	memset(ids, 0, sizeof(*ids));
	r = tables_each_change(s, after, count_id, ids);
	tables_release(s);
	return r;
}

static void test_changes(void **state)
{
	struct tables *t = must_open(true);
	struct ids got;
	const uint64_t last = 3 * TABLES_CHANGES_KEPT;

	for (uint64_t g = 3; g <= last; g += 3) {
		uint32_t ids[2] = {(uint32_t)g, 1};

		assert_int_equal(tables_begin(t, NULL), 0);
		assert_int_equal(tables_commit(t, g, STORE_ID, ids, 2, NULL), 0);
	}
	assert_int_equal(changes(t, last, &got), 0);
	assert_int_equal(got.n, 0);
	assert_int_equal(changes(t, last - 1, &got), 0);
	assert_int_equal(got.n, 2);
	assert_int_equal(changes(t, last - 6, &got), 0);
	assert_int_equal(got.n, 4);
	assert_int_equal(got.sum, last + last - 3 + 2);
	assert_int_equal(changes(t, last - TABLES_CHANGES_KEPT, &got), 0);
	assert_int_equal(got.n, 2 * (TABLES_CHANGES_KEPT / 3 + 1));
	assert_int_equal(changes(t, last - TABLES_CHANGES_KEPT - 1, &got), -ERR_NOT_FOUND);
	assert_int_equal(changes(t, last + 1, &got), -ERR_NOT_FOUND);

	uint32_t stop = 1;
	struct tables_snapshot *s = tables_acquire(t);
	assert_int_equal(tables_each_change(s, last - 3, stop_at, &stop), 77);
	tables_release(s);

	assert_int_equal(tables_begin(t, NULL), 0);
	assert_int_equal(tables_clear(t, NULL), 0);
	assert_int_equal(tables_commit(t, last + 5, STORE_ID, NULL, 0, NULL), 0);
	assert_int_equal(changes(t, last, &got), -ERR_NOT_FOUND);
	assert_int_equal(changes(t, last + 5, &got), 0);
	tables_close(t);
	tables_close(must_open(false)); /* the sum of digests holds */
}

/* --- random operations against a naive model --------------------------------------------------------------- */

#define M_IDS	40
#define M_NAMES 60

struct model {
	bool has[M_IDS], has_ranges[M_IDS];
	uint64_t generation_of[M_IDS];
	uint32_t range_net[M_IDS]; /* one /24 */
	int name_id[M_NAMES];	   /* -1: none */
	uint64_t generation;
};

static const char *model_name(size_t i, char dst[32])
{
	snprintf(dst, 32, i % 5 == 0 ? "*.w%zu.example" : "n%zu.example", i);
	return dst;
}

static void model_op(struct model *m, struct tables *t)
{
	const uint32_t id = (uint32_t)below(M_IDS);
	const size_t n = below(M_NAMES);
	char name[32];

	switch (below(7)) {
	case 0: {
		struct tables_cluster c = make_cluster(id, m->generation);

		assert_int_equal(tables_put_cluster(t, &c, NULL), 0);
		m->has[id] = true;
		m->generation_of[id] = m->generation;
		break;
	}
	case 1: {
		struct prefix p = {.addr = addr_v4((uint32_t)below(1u << 24) << 8), .len = 24};

		put_ranges(t, id, &p, 1);
		m->has_ranges[id] = true;
		m->range_net[id] = (uint32_t)p.addr.lo;
		break;
	}
	case 2:
		assert_int_equal(tables_delete_ranges(t, id, NULL), 0);
		m->has_ranges[id] = false;
		break;
	case 3:
		assert_int_equal(tables_delete_cluster(t, id, NULL), 0);
		m->has[id] = m->has_ranges[id] = false;
		break;
	case 4:
		assert_int_equal(tables_put_name(t, model_name(n, name), id, NULL), 0);
		m->name_id[n] = (int)id;
		break;
	case 5:
		assert_int_equal(tables_delete_name(t, model_name(n, name), NULL), 0);
		m->name_id[n] = -1;
		break;
	default: {
		uint32_t ids[3] = {id, (uint32_t)below(M_IDS), (uint32_t)below(M_IDS)};

		assert_int_equal(tables_delete_names_of(t, ids, 3, NULL), 0);
		for (size_t i = 0; i < M_NAMES; i++) {
			for (size_t k = 0; k < 3; k++) {
				if (m->name_id[i] == (int)ids[k])
					m->name_id[i] = -1;
			}
		}
	}
	}
}

static void model_compare(const struct model *m, struct tables *t)
{
	struct tables_snapshot *s = tables_acquire(t);
	struct ids ids = {0};
	size_t n = 0;

	assert_non_null(s);
	assert_int_equal(tables_generation(s), m->generation);
	for (uint32_t id = 0; id < M_IDS; id++) {
		struct tables_cluster c;
		struct rangeset set;

		assert_int_equal(tables_get_cluster(s, id, &c), m->has[id] ? 0 : -ERR_NOT_FOUND);
		assert_int_equal(c.generation, m->has[id] ? m->generation_of[id] : 0);
		n += m->has[id];
		assert_int_equal(tables_get_ranges(s, id, true, &set),
				 m->has_ranges[id] ? 0 : -ERR_NOT_FOUND);
		for (uint32_t k = 0; k < 3; k++) { /* before, inside, after */
			struct addr a = addr_v4(m->range_net[id] - 1 + k * 200);

			assert_int_equal(rangeset_contains(&set, &a), m->has_ranges[id] && k == 1);
		}
	}
	for (size_t i = 0; i < M_NAMES; i++) {
		char name[32];

		model_name(i, name);
		if (name[0] == '*')
			name[0] = 'x';
		assert_int_equal(find(s, name), m->name_id[i] < 0 ? -ERR_NOT_FOUND : m->name_id[i]);
	}
	assert_int_equal(tables_each_cluster(s, count_id, &ids), 0);
	assert_int_equal(ids.n, n);
	assert_int_equal(tables_verify(s, NULL), 0);
	tables_release(s);
}

static void model_clear(struct model *m)
{
	memset(m->has, 0, sizeof(m->has));
	memset(m->has_ranges, 0, sizeof(m->has_ranges));
	for (size_t i = 0; i < M_NAMES; i++)
		m->name_id[i] = -1;
}

static void random_run(uint64_t seed)
{
	struct model m = {0}, before;
	struct tables *t = must_open(true);

	rng = seed;
	model_clear(&m);
	for (int step = 0; step < 300; step++) {
		before = m;
		m.generation += 1 + below(3);
		assert_int_equal(tables_begin(t, NULL), 0);
		if (below(50) == 0) {
			assert_int_equal(tables_clear(t, NULL), 0);
			model_clear(&m);
		}
		for (size_t k = below(12); k > 0; k--)
			model_op(&m, t);
		if (below(6) == 0) {
			tables_abort(t);
			m = before;
		} else {
			assert_int_equal(tables_commit(t, m.generation, STORE_ID, NULL, 0, NULL),
					 0);
		}
		if (below(40) == 0) {
			tables_close(t);
			t = must_open(true);
		}
		model_compare(&m, t);
	}
	tables_close(t);
	assert_int_equal(tables_erase(dir, NULL), 0);
}

static void test_random_operations(void **state)
{
	for (uint64_t seed = 1; seed <= 6; seed++) {
		print_message("seed %llu\n", (unsigned long long)seed);
		random_run(seed * 0x9e3779b97f4a7c15u);
	}
}

/* --- strictness of the records ------------------------------------------------------------------------------ */

/* Any single flipped bit is noticed in each kind of record, and each record under another key. */
static void test_records_are_strict(void **state)
{
	uint8_t buf[CLUSTER_RECORD_MAX + 8];
	uint8_t *rec = buf + 1; /* unaligned, as LMDB's values can be */
	struct tables_cluster c = make_cluster(9, 1), got;
	size_t len = cluster_record_encode(&c, rec);
	MDB_val v = tables_val(rec, len), key = tables_val("api", 3), other = tables_val("apj", 3);
	struct meta_record m = {.generation = 1, .store_id = STORE_ID}, got_meta;
	uint32_t id;
	size_t n;

	assert_int_equal(cluster_record_decode(&v, 9, &got), 0);
	assert_int_equal(cluster_record_decode(&v, 8, &got), -ERR_UNAVAILABLE);
	for (size_t cut = 0; cut < len; cut++) {
		MDB_val shorter = tables_val(rec, cut);

		assert_int_equal(cluster_record_decode(&shorter, 9, &got), -ERR_UNAVAILABLE);
	}
	for (size_t bit = 0; bit < len * 8; bit++) {
		rec[bit / 8] ^= (uint8_t)(1u << bit % 8);
		memset(&got, 0xff, sizeof(got));
		assert_int_equal(cluster_record_decode(&v, 9, &got), -ERR_UNAVAILABLE);
		assert_false(got.public_enabled);
		rec[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}

	name_record_encode(&key, 9, rec);
	v = tables_val(rec, NAME_RECORD_BYTES);
	assert_int_equal(name_record_decode(&key, &v, &id), 0);
	assert_int_equal(name_record_decode(&other, &v, &id), -ERR_UNAVAILABLE);
	for (size_t bit = 0; bit < NAME_RECORD_BYTES * 8; bit++) {
		rec[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(name_record_decode(&key, &v, &id), -ERR_UNAVAILABLE);
		rec[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}

	meta_record_encode(&m, rec);
	v = tables_val(rec, META_RECORD_BYTES);
	assert_int_equal(meta_record_decode(&v, &got_meta), 0);
	for (size_t bit = 0; bit < META_RECORD_BYTES * 8; bit++) {
		rec[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(meta_record_decode(&v, &got_meta), -ERR_UNAVAILABLE);
		rec[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}

	memset(rec, 1, 16);
	change_record_seal(4, rec, 16);
	v = tables_val(rec, 16);
	assert_int_equal(change_record_decode(4, &v, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(change_record_decode(5, &v, &n), -ERR_UNAVAILABLE);
	rec[9] ^= 1;
	assert_int_equal(change_record_decode(4, &v, &n), -ERR_UNAVAILABLE);
}

/* A valid record under the key of another cluster is refused. */
static void test_ranges_are_bound_to_their_id(void **state)
{
	struct prefix p = {.addr = addr_v4(0x0a000000), .len = 8};
	uint8_t *blob, value[128];
	size_t len;
	MDB_val v, got;

	assert_int_equal(rangeset_build(&p, 1, &blob, &len), 0);
	assert_true(len + RANGES_HEADER_BYTES <= sizeof(value));
	ranges_header_encode(1, blob, len, value);
	memcpy(value + RANGES_HEADER_BYTES, blob, len);
	free(blob);
	v = tables_val(value, RANGES_HEADER_BYTES + len);
	assert_int_equal(ranges_header_decode(1, &v, &got), 0);
	assert_int_equal(got.mv_size, len);
	assert_int_equal(ranges_header_decode(2, &v, &got), -ERR_UNAVAILABLE);
	save_u32(value, 2);
	assert_int_equal(ranges_header_decode(2, &v, &got), -ERR_UNAVAILABLE);
}

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
	struct tables_cluster c;
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

			if (judge(s, i, a, &admitted) < 0)
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
		T(test_open),
		T(test_round_trip),
		T(test_names),
		T(test_isolation),
		T(test_generation_goes_forward),
		T(test_changes),
		T(test_random_operations),
		T(test_records_are_strict),
		T(test_ranges_are_bound_to_their_id),
		T(test_reading_makes_no_system_call),
		T(test_dead_reader_is_forgotten),
		T(test_dead_reader_under_a_writer),
		T(test_disk_full),
		T(test_damage),
		T(test_writer_survives_damage),
		T(test_mark_of_a_check),
		T(test_other_schema_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
