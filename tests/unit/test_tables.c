/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The tables: life cycle, names, snapshots, changes, strictness of the records, and random operations against a naive
 * model.
 */
#include "tables_rig.h"

#include <sys/stat.h>

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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
