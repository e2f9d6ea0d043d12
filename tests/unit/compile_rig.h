/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the tests of the compile step share: a store and two environments in a folder of their own for each test, and the
 * oracle: whatever way the tables took, they hold the same records as tables made anew from the whole store.
 */
#pragma once

#include "compile/compile.h"
#include "model/cluster.h"
#include "tables/view_record.h"
#include "tables/zone_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

static char root[64];
static uint64_t rng;

static inline uint64_t rnd(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng * 0x2545f4914f6cdd1du >> 7;
}

static inline size_t below(size_t n)
{
	return (size_t)(rnd() % n);
}

static inline const char *path_of(const char *name)
{
	static char path[2][128];
	static int turn;

	turn ^= 1;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", root, name);
	return path[turn];
}

static const char *const folders[] = {"store", "tables", "fresh"};

static inline int setup(void **state)
{
	(void)state;
	snprintf(root, sizeof(root), "/tmp/test_compile.XXXXXX");
	if (!mkdtemp(root))
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		if (mkdir(path_of(folders[i]), 0700) < 0)
			return -1;
	}
	return 0;
}

static inline void store_erase(void)
{
	static const char *const files[] = {"store/s.db", "store/s.db-wal", "store/s.db-shm"};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		unlink(path_of(files[i]));
}

static inline int teardown(void **state)
{
	(void)state;
	store_erase();
	if (tables_erase(path_of("tables"), NULL) < 0 || tables_erase(path_of("fresh"), NULL) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		if (rmdir(path_of(folders[i])) < 0)
			return -1;
	}
	return rmdir(root);
}

static inline struct tables *must_tables(const char *folder)
{
	struct tables *t = NULL;
	struct err e = {0};

	if (tables_open(path_of(folder), true, &t, &e) < 0)
		fail_msg("tables_open: %s", e.text);
	return t;
}

static inline struct store *must_store(void)
{
	struct store *s = NULL;
	struct err e = {0};

	if (store_open(path_of("store/s.db"), &s, &e) < 0)
		fail_msg("store_open: %s", e.text);
	return s;
}

static inline void must_ok(int r, const struct err *e)
{
	if (r != 0)
		fail_msg("%d: %s %s", r, e->path, e->text);
}

/* --- comparing environments --------------------------------------------------------------------------------- */

/*
 * A zone's key is drawn when it comes, its serial and the ids of zones of names tell which way they came: what is compared is all else.
 */
struct content {
	uint64_t sum; /* over all nodes */
	uint32_t negative_ttl, n;
	uint8_t is_denied, wildcards, delegations;
};

static inline int content_node(const uint8_t *name, size_t len, const struct zone_node *node,
			       void *arg)
{
	struct content *c = arg;
	struct zone_rrset set;
	uint64_t sum = XXH3_64bits(name, len);

	for (size_t i = 0; zone_node_nth(node, i, &set); i++)
		sum = XXH3_64bits_withSeed(set.wire, set.len, sum);
	c->sum += sum;
	c->n++;
	return 0;
}

static inline struct content content_of(const MDB_val *v)
{
	struct content c = {0};
	struct zone z;
	uint8_t *copy = malloc(v->mv_size);

	memcpy(copy, v->mv_data, v->mv_size);
	assert_int_equal(zone_verify(copy, v->mv_size), 0);
	zone_serial_set(copy, v->mv_size, 0);
	assert_int_equal(zone_open(copy, v->mv_size, &z), 0);
	assert_int_equal(zone_each(&z, content_node, &c), 0);
	c.sum = XXH3_64bits_withSeed(z.apex, z.apex_len, c.sum);
	c.negative_ttl = z.negative_ttl;
	c.is_denied = z.is_denied;
	c.wildcards = z.has_wildcards;
	c.delegations = z.has_delegations;
	free(copy);
	return c;
}

static inline bool same_content(const MDB_val *a, const MDB_val *b)
{
	const struct content x = content_of(a), y = content_of(b);

	return x.sum == y.sum && x.n == y.n && x.negative_ttl == y.negative_ttl &&
	       x.is_denied == y.is_denied && x.wildcards == y.wildcards &&
	       x.delegations == y.delegations;
}

static inline MDB_val zone_of(const struct tables *t, uint32_t zone)
{
	MDB_val key = tables_val(&zone, sizeof(zone)), v;

	if (mdb_get(t->snapshot.txn, t->dbi[TABLE_ZONE], &key, &v) != 0)
		fail_msg("a link leads to zone %u, which is not there", zone);
	return v;
}

static inline bool same_link(struct tables *const t[2], const MDB_val *key, const MDB_val *a,
			     const MDB_val *b)
{
	size_t n, n_b;

	assert_int_equal(link_record_decode(key, a, &n), 0);
	assert_int_equal(link_record_decode(key, b, &n_b), 0);
	if (n != n_b)
		return false;
	for (size_t i = 0; i < n; i++) {
		const struct link_entry x = link_record_entry(a, i), y = link_record_entry(b, i);

		if (x.rank != y.rank || x.owner != y.owner || x.flags != y.flags)
			return false;
		if (x.zone < ZONE_NAME_FIRST || x.zone == ZONE_NAME_TOLD) {
			if (x.zone != y.zone)
				return false;
		} else {
			const MDB_val zx = zone_of(t[0], x.zone), zy = zone_of(t[1], y.zone);

			if (!same_content(&zx, &zy))
				return false;
		}
	}
	return true;
}

static inline size_t count_name_zones(const struct tables *t)
{
	const uint32_t first = ZONE_NAME_FIRST;
	MDB_val key = tables_val(&first, sizeof(first)), v;
	MDB_cursor *c;
	size_t n = 0;

	assert_int_equal(mdb_cursor_open(t->snapshot.txn, t->dbi[TABLE_ZONE], &c), 0);
	for (int r = mdb_cursor_get(c, &key, &v, MDB_SET_RANGE); r == 0;
	     r = mdb_cursor_get(c, &key, &v, MDB_NEXT))
		n++;
	mdb_cursor_close(c);
	return n;
}

/* Of networks and endpoints the generation, and so the check value, tells which way they came. */
static inline bool same_value(enum table table, const MDB_val *a, const MDB_val *b)
{
	const uint8_t *x = a->mv_data, *y = b->mv_data;
	const size_t n = a->mv_size;

	if (n != b->mv_size)
		return false;
	if (table == TABLE_NETWORK)
		return memcmp(x, y, 16) == 0 && memcmp(x + 24, y + 24, n - 24 - 8) == 0;
	if (table == TABLE_ENDPOINT)
		return memcmp(x, y, 8) == 0 && memcmp(x + 16, y + 16, 8) == 0 &&
		       memcmp(x + 32, y + 32, n - 32) == 0;
	return memcmp(x, y, n) == 0;
}

static inline void same_table(struct tables *a, struct tables *b, enum table table)
{
	MDB_cursor *ca, *cb;
	MDB_val ka, va, kb, vb;
	size_t n = 0;

	assert_int_equal(mdb_cursor_open(a->snapshot.txn, a->dbi[table], &ca), 0);
	assert_int_equal(mdb_cursor_open(b->snapshot.txn, b->dbi[table], &cb), 0);
	for (;; n++) {
		int ra = mdb_cursor_get(ca, &ka, &va, MDB_NEXT);
		int rb = mdb_cursor_get(cb, &kb, &vb, MDB_NEXT);

		if (table == TABLE_ZONE) { /* those of names: through their links */
			ra = ra == 0 && load_u32(ka.mv_data) >= ZONE_NAME_FIRST ? MDB_NOTFOUND : ra;
			rb = rb == 0 && load_u32(kb.mv_data) >= ZONE_NAME_FIRST ? MDB_NOTFOUND : rb;
		}
		if (ra != rb)
			fail_msg("table %d: one has %zu records, the other has more", table, n);
		if (ra != 0)
			break;
		if (ka.mv_size != kb.mv_size || memcmp(ka.mv_data, kb.mv_data, ka.mv_size) != 0)
			fail_msg("table %d: record %zu has different keys: %.*s, %.*s", table, n,
				 (int)ka.mv_size, (char *)ka.mv_data, (int)kb.mv_size,
				 (char *)kb.mv_data);
		if (table == TABLE_ZONE ? !same_content(&va, &vb)
		    : table == TABLE_VIEW
			    ? !same_link((struct tables *const[]){a, b}, &ka, &va, &vb)
			    : !same_value(table, &va, &vb))
			fail_msg("table %d: record %zu has different values", table, n);
	}
	mdb_cursor_close(ca);
	mdb_cursor_close(cb);
}

static inline void same_tables(struct tables *a, struct tables *b)
{
	struct tables_snapshot *sa = tables_acquire(a), *sb = tables_acquire(b);

	assert_true(sa && sb);
	assert_int_equal(tables_generation(sa), tables_generation(sb));
	assert_string_equal(tables_store_id(sa), tables_store_id(sb));
	for (enum table t = TABLE_NAME; t < TABLE_CHANGE; t++)
		same_table(a, b, t);
	assert_int_equal(count_name_zones(a), count_name_zones(b));
	assert_int_equal(tables_verify(sa, NULL), 0);
	assert_int_equal(tables_verify(sb, NULL), 0);
	tables_release(sa);
	tables_release(sb);
}

/* t holds what compile_all() makes of the store and the landscape. */
static inline void same_as_fresh_with(struct tables *t, const struct landscape *l, struct store *s)
{
	struct tables *fresh = must_tables("fresh");
	struct err e = {0};

	must_ok(compile_all(fresh, l, s, NULL, &e), &e);
	same_tables(t, fresh);
	tables_close(fresh);
}

static inline void same_as_fresh(struct tables *t, struct store *s)
{
	same_as_fresh_with(t, NULL, s);
}

static inline json_t *ranges_make(size_t n)
{
	json_t *ranges = json_array();
	uint32_t net = (uint32_t)below(1000);

	for (size_t i = 0; i < n; i++) {
		char text[PREFIX_TEXT_MAX];
		uint32_t a = net + (uint32_t)i * 3;

		if (i % 4 == 3)
			snprintf(text, sizeof(text), "2001:db8:%x::/48", a & 0xffff);
		else
			snprintf(text, sizeof(text), "10.%u.%u.0/24", a >> 8 & 255, a & 255);
		json_array_append_new(ranges, json_string(text));
	}
	return ranges;
}
