/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Networks and endpoints in the tables: there and back, kept where nothing changed, replaced as a whole per network, told to the
 * right clusters; and what is damaged admits nobody.
 */
#include "network_rig.h"

struct touched {
	uint32_t ids[32];
	size_t n;
};

static void touch(uint32_t cluster, void *arg)
{
	struct touched *t = arg;

	assert_true(t->n < ARRAY_SIZE(t->ids));
	t->ids[t->n++] = cluster;
}

static bool was_touched(const struct touched *t, uint32_t cluster)
{
	for (size_t i = 0; i < t->n; i++) {
		if (t->ids[i] == cluster)
			return true;
	}
	return false;
}

static struct tables_endpoint_put make_put(uint32_t network, const char *addr, uint32_t cluster,
					   const char *source)
{
	struct tables_endpoint_put put = {.endpoint = {.network = network,
						       .port = 443,
						       .cluster = cluster,
						       .owner = cluster + 100,
						       .open = !source}};
	struct prefix p;
	uint8_t *blob;

	assert_int_equal(addr_parse(addr, &put.endpoint.addr), 0);
	if (source) {
		assert_int_equal(prefix_parse(source, strlen(source), &p, NULL), 0);
		assert_int_equal(rangeset_build(&p, 1, &blob, &put.sources_len), 0);
		put.sources = blob;
	}
	return put;
}

static void puts_free(struct tables_endpoint_put *puts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		union {
			const void *in;
			void *out;
		} u = {.in = puts[i].sources};

		free(u.out);
	}
}

static struct touched put_endpoints(struct tables *t, uint32_t network,
				    const struct tables_endpoint_put *puts, size_t n,
				    uint64_t generation)
{
	struct touched touched = {0};

	assert_int_equal(tables_begin(t, NULL), 0);
	assert_int_equal(
		tables_put_endpoints(t, network, puts, n, generation, touch, &touched, NULL), 0);
	assert_int_equal(tables_commit(t, generation, STORE_ID, NULL, 0, NULL), 0);
	return touched;
}

/* The generation in which the endpoint changed last, or the error. */
static int get(struct tables *t, uint32_t network, const char *addr)
{
	struct tables_snapshot *s = tables_acquire(t);
	struct tables_endpoint ep;
	struct rangeset set;
	struct addr a;
	int r;

	assert_int_equal(addr_parse(addr, &a), 0);
	r = tables_get_endpoint(s, network, &a, true, &ep, &set);
	if (r == 0) {
		assert_int_equal(ep.network, network);
		assert_true(addr_is_equal(&ep.addr, &a));
	} else {
		assert_false(ep.open);
		assert_int_equal(set.n4 + set.n6, 0);
	}
	assert_int_equal(tables_verify(s, NULL), 0);
	tables_release(s);
	return r < 0 ? r : (int)ep.generation;
}

static bool admits(struct tables *t, uint32_t network, const char *addr, const char *source)
{
	struct tables_snapshot *s = tables_acquire(t);
	struct tables_endpoint ep;
	struct rangeset set;
	struct addr a, from;
	bool yes;

	assert_int_equal(addr_parse(addr, &a) | addr_parse(source, &from), 0);
	yes = tables_get_endpoint(s, network, &a, false, &ep, &set) == 0 &&
	      (ep.open || rangeset_contains(&set, &from));
	tables_release(s);
	return yes;
}

/* --- networks --------------------------------------------------------------------------------------------------- */

static bool put_network(struct tables *t, const struct tables_network *n, uint64_t generation)
{
	bool changed = false;

	assert_int_equal(tables_begin(t, NULL), 0);
	assert_int_equal(tables_put_network(t, n, generation, &changed, NULL), 0);
	assert_int_equal(tables_commit(t, generation, STORE_ID, &n->id, changed, NULL), 0);
	return changed;
}

static uint64_t generation_of(struct tables *t, const struct tables_network *n)
{
	struct tables_snapshot *s = tables_acquire(t);
	struct tables_network got;
	uint64_t generation;

	assert_int_equal(tables_verify(s, NULL), 0);
	assert_int_equal(tables_get_network(s, n->id, &got), 0);
	same_network(n, &got);
	generation = got.generation;
	tables_network_done(&got);
	tables_release(s);
	return generation;
}

static void test_networks(void **state)
{
	struct tables *t = must_open(true);
	struct tables_network a, b, big;

	rng = 21;
	a = make_network(7, 5);
	b = make_network(8, 5);
	big = make_network(9, 20000);
	assert_true(put_network(t, &a, 1));
	assert_true(put_network(t, &b, 2));
	assert_false(put_network(t, &a, 3));
	assert_int_equal(generation_of(t, &a), 1);
	a.has_uplink = !a.has_uplink;
	assert_true(put_network(t, &a, 4));
	assert_int_equal(generation_of(t, &a), 4);
	assert_int_equal(generation_of(t, &b), 2);
	assert_true(put_network(t, &big, 5));
	assert_false(put_network(t, &big, 6));
	assert_int_equal(generation_of(t, &big), 5);
	tables_close(t);
	t = must_open(true);
	assert_int_equal(generation_of(t, &a), 4);
	assert_int_equal(generation_of(t, &big), 5);
	tables_close(t);
	network_free(&a);
	network_free(&b);
	network_free(&big);
}

static int sum_id(uint32_t id, void *arg)
{
	*(uint64_t *)arg = *(uint64_t *)arg * 100 + id;
	return 0;
}

static void test_each_and_delete(void **state)
{
	struct tables *t = must_open(true);
	struct tables_endpoint_put puts[] = {make_put(11, "10.0.0.5", 1, NULL),
					     make_put(11, "fd00::5", 2, "10.0.0.0/8")};
	struct touched touched = {0};
	struct tables_snapshot *s;
	struct tables_network n;
	uint64_t seen = 0;

	rng = 22;
	for (uint32_t id = 12; id >= 10; id--) {
		n = make_network(id, 3);
		put_network(t, &n, 13 - id);
		network_free(&n);
	}
	(void)put_endpoints(t, 11, puts, 2, 5);
	s = tables_acquire(t);
	assert_int_equal(tables_each_network(s, sum_id, &seen), 0);
	assert_int_equal(seen, 101112);
	tables_release(s);

	assert_int_equal(tables_begin(t, NULL), 0);
	assert_int_equal(tables_delete_network(t, 11, touch, &touched, NULL), 0);
	assert_int_equal(tables_delete_network(t, 99, touch, &touched, NULL), 0);
	assert_int_equal(tables_commit(t, 6, STORE_ID, NULL, 0, NULL), 0);
	assert_int_equal(touched.n, 2);
	assert_true(was_touched(&touched, 1) && was_touched(&touched, 2));
	assert_int_equal(get(t, 11, "10.0.0.5"), -ERR_NOT_FOUND);
	s = tables_acquire(t);
	assert_int_equal(tables_get_network(s, 11, &n), -ERR_NOT_FOUND);
	assert_null(n.hosts);
	seen = 0;
	assert_int_equal(tables_each_network(s, sum_id, &seen), 0);
	assert_int_equal(seen, 1012);
	tables_release(s);

	assert_int_equal(tables_begin(t, NULL), 0);
	assert_int_equal(tables_clear(t, NULL), 0);
	assert_int_equal(tables_commit(t, 7, STORE_ID, NULL, 0, NULL), 0);
	s = tables_acquire(t);
	seen = 0;
	assert_int_equal(tables_each_network(s, sum_id, &seen), 0);
	assert_int_equal(seen, 0);
	assert_int_equal(tables_verify(s, NULL), 0);
	tables_release(s);
	puts_free(puts, 2);
	tables_close(t);
}

/* --- endpoints -------------------------------------------------------------------------------------------------- */

static void test_endpoints_are_replaced(void **state)
{
	struct tables *t = must_open(true);
	struct tables_endpoint_put one[] = {make_put(1, "10.0.0.5", 21, NULL),
					    make_put(1, "10.0.0.6", 22, "10.1.0.0/16"),
					    make_put(1, "fd00::5", 23, "fd00::/16")};
	struct tables_endpoint_put other[] = {make_put(2, "10.0.0.5", 24, NULL)};
	struct tables_endpoint_put next[] = {make_put(1, "10.0.0.6", 22, "10.1.0.0/16"),
					     make_put(1, "10.0.0.5", 25, NULL),
					     make_put(1, "10.0.0.4", 26, "10.0.0.0/8")};
	struct touched touched = put_endpoints(t, 1, one, 3, 1);

	assert_int_equal(touched.n, 3);
	touched = put_endpoints(t, 2, other, 1, 2);
	assert_int_equal(touched.n, 1);
	assert_true(admits(t, 1, "10.0.0.5", "203.0.113.1"));
	assert_true(admits(t, 1, "10.0.0.6", "10.1.2.3"));
	assert_false(admits(t, 1, "10.0.0.6", "10.2.2.3"));
	assert_true(admits(t, 1, "fd00::5", "fd00::9"));
	assert_false(admits(t, 2, "10.0.0.6", "10.1.2.3"));

	touched = put_endpoints(t, 1, one, 3, 3); /* the same once more */
	assert_int_equal(touched.n, 0);
	assert_int_equal(get(t, 1, "10.0.0.6"), 1);

	touched = put_endpoints(t, 1, next, 3, 4);
	assert_true(was_touched(&touched, 21) &&
		    was_touched(&touched, 25)); /* from one to the other */
	assert_true(was_touched(&touched, 23)); /* went */
	assert_true(was_touched(&touched, 26)); /* came */
	assert_false(was_touched(&touched, 22) || was_touched(&touched, 24));
	assert_int_equal(get(t, 1, "10.0.0.6"), 1);
	assert_int_equal(get(t, 1, "10.0.0.5"), 4);
	assert_int_equal(get(t, 1, "fd00::5"), -ERR_NOT_FOUND);
	assert_int_equal(get(t, 2, "10.0.0.5"), 2);

	next[0].endpoint.port = 8443;
	touched = put_endpoints(t, 1, next, 3, 5);
	assert_true(touched.n > 0 && touched.ids[0] == 22 && !was_touched(&touched, 26));
	touched = put_endpoints(t, 1, NULL, 0, 6);
	assert_true(was_touched(&touched, 22) && was_touched(&touched, 25) &&
		    was_touched(&touched, 26));
	assert_int_equal(get(t, 1, "10.0.0.4"), -ERR_NOT_FOUND);
	assert_int_equal(get(t, 2, "10.0.0.5"), 2);
	puts_free(one, 3);
	puts_free(other, 1);
	puts_free(next, 3);
	tables_close(t);
}

/* Two at one address are refused, whatever their order. */
static void test_one_address_once(void **state)
{
	struct tables *t = must_open(true);
	struct tables_endpoint_put puts[] = {make_put(1, "10.0.0.5", 21, NULL),
					     make_put(1, "10.0.0.6", 22, NULL),
					     make_put(1, "10.0.0.5", 23, NULL)};
	struct touched touched = {0};

	assert_int_equal(tables_begin(t, NULL), 0);
	assert_int_equal(tables_put_endpoints(t, 1, puts, 3, 1, touch, &touched, NULL),
			 -ERR_INTERNAL);
	tables_abort(t);
	tables_close(t);
}

/* Random replacements in a few networks against a plain list. */
#define M_NETWORKS 3
#define M_ADDRS	   12

static void test_random_replacements(void **state)
{
	uint32_t cluster[M_NETWORKS][M_ADDRS] = {0}; /* 0: none */
	struct tables *t = must_open(true);

	rng = 23;
	for (uint64_t g = 1; g <= 300; g++) {
		const uint32_t network = (uint32_t)below(M_NETWORKS);
		struct tables_endpoint_put puts[M_ADDRS];
		struct touched touched, expected = {0};
		char addr[32];
		size_t n = 0;

		for (uint32_t i = 0; i < M_ADDRS; i++) {
			const uint32_t was = cluster[network][i];
			const uint32_t now = below(3) ? was : (uint32_t)below(4);

			snprintf(addr, sizeof(addr), i % 2 ? "10.0.0.%u" : "fd00::%u", i);
			if (now)
				puts[n++] = make_put(network, addr, now,
						     now == 1 ? NULL : "10.0.0.0/8");
			if (was != now && was)
				touch(was, &expected);
			if (was != now && now)
				touch(now, &expected);
			cluster[network][i] = now;
		}
		touched = put_endpoints(t, network, puts, n, g);
		for (uint32_t c = 1; c < 4; c++)
			assert_int_equal(was_touched(&touched, c), was_touched(&expected, c));
		puts_free(puts, n);
		for (uint32_t k = 0; k < M_NETWORKS; k++) {
			for (uint32_t i = 0; i < M_ADDRS; i++) {
				snprintf(addr, sizeof(addr), i % 2 ? "10.0.0.%u" : "fd00::%u", i);
				assert_int_equal(get(t, k, addr) > 0, cluster[k][i] != 0);
			}
		}
	}
	tables_close(t);
}

/* --- damage ----------------------------------------------------------------------------------------------------- */

static void raw_put(struct tables *t, enum table table, const MDB_val *key, const MDB_val *v)
{
	MDB_val k = *key, val = *v;
	MDB_txn *txn;

	assert_int_equal(mdb_txn_begin(t->env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_put(txn, t->dbi[table], &k, &val, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
}

static MDB_val raw_copy(struct tables *t, enum table table, const MDB_val *key, uint8_t *dst,
			size_t room)
{
	MDB_val k = *key, v;
	MDB_txn *txn;

	assert_int_equal(mdb_txn_begin(t->env, NULL, MDB_RDONLY, &txn), 0);
	assert_int_equal(mdb_get(txn, t->dbi[table], &k, &v), 0);
	assert_true(v.mv_size <= room);
	memcpy(dst, v.mv_data, v.mv_size);
	v.mv_data = dst;
	mdb_txn_abort(txn);
	return v;
}

static int get_damaged(struct tables *t, uint32_t network, const struct addr *a)
{
	struct tables_snapshot *s = tables_acquire(t);
	const struct addr source = addr_v4(0x0a010203);
	struct tables_endpoint ep;
	struct rangeset set;
	int r = tables_get_endpoint(s, network, a, true, &ep, &set);

	assert_int_equal(tables_verify(s, NULL), r == 0 ? 0 : -ERR_UNAVAILABLE);
	assert_int_equal(rangeset_contains(&set, &source), r == 0 && !ep.open);
	assert_true(r == 0 || (!ep.open && ep.cluster == 0 && set.n4 + set.n6 == 0));
	tables_release(s);
	return r;
}

static void damage_endpoint(struct tables *t, uint32_t network, const char *addr)
{
	uint8_t bytes[ENDPOINT_KEY_BYTES], good[256], bad[256];
	MDB_val key = tables_val(bytes, sizeof(bytes)), v, w;
	struct addr a;

	assert_int_equal(addr_parse(addr, &a), 0);
	endpoint_key_encode(network, &a, bytes);
	v = raw_copy(t, TABLE_ENDPOINT, &key, good, sizeof(good));
	assert_int_equal(get_damaged(t, network, &a), 0);
	for (size_t at = 0; at < v.mv_size; at++) {
		memcpy(bad, good, v.mv_size);
		bad[at] ^= (uint8_t)(1u << below(8));
		w = tables_val(bad, v.mv_size);
		raw_put(t, TABLE_ENDPOINT, &key, &w);
		assert_int_equal(get_damaged(t, network, &a), -ERR_UNAVAILABLE);
	}
	for (size_t len = 0; len < v.mv_size; len++) {
		w = tables_val(good, len);
		raw_put(t, TABLE_ENDPOINT, &key, &w);
		assert_int_equal(get_damaged(t, network, &a), -ERR_UNAVAILABLE);
	}
	raw_put(t, TABLE_ENDPOINT, &key, &v);
	assert_int_equal(get_damaged(t, network, &a), 0);
}

static void test_damaged_endpoint_admits_nobody(void **state)
{
	struct tables *t = must_open(true);
	struct tables_endpoint_put puts[] = {make_put(1, "10.0.0.5", 21, NULL),
					     make_put(1, "10.0.0.6", 22, "10.1.0.0/16")};
	uint8_t bytes[ENDPOINT_KEY_BYTES], record[256];
	MDB_val key = tables_val(bytes, sizeof(bytes)), v;
	struct addr a = addr_v4(0x0a000006);

	rng = 24;
	(void)put_endpoints(t, 1, puts, 2, 1);
	damage_endpoint(t, 1, "10.0.0.5");
	damage_endpoint(t, 1, "10.0.0.6");

	/* A whole record under another key: another address, another network. */
	endpoint_key_encode(1, &puts[0].endpoint.addr, bytes);
	v = raw_copy(t, TABLE_ENDPOINT, &key, record, sizeof(record));
	endpoint_key_encode(1, &a, bytes);
	raw_put(t, TABLE_ENDPOINT, &key, &v);
	assert_int_equal(get_damaged(t, 1, &a), -ERR_UNAVAILABLE);
	endpoint_key_encode(2, &puts[0].endpoint.addr, bytes);
	raw_put(t, TABLE_ENDPOINT, &key, &v);
	assert_int_equal(get_damaged(t, 2, &puts[0].endpoint.addr), -ERR_UNAVAILABLE);

	/* A writer mends what it puts anew, and tells its cluster. */
	struct touched touched = put_endpoints(t, 1, puts, 2, 2);
	assert_true(was_touched(&touched, 22));
	assert_true(admits(t, 1, "10.0.0.6", "10.1.2.3"));
	puts_free(puts, 2);
	tables_close(t);
}

/* Good sources, but those of another endpoint; and a good record, but an old one. */
static void test_sources_of_another(void **state)
{
	struct tables *t = must_open(true);
	struct tables_endpoint_put puts[] = {make_put(1, "10.0.0.5", 21, "10.0.0.0/8"),
					     make_put(1, "10.0.0.6", 22, "10.1.0.0/16")};
	struct tables_endpoint_put next[] = {puts[0], make_put(1, "10.0.0.6", 22, "10.2.0.0/16")};
	uint8_t bytes[ENDPOINT_KEY_BYTES], wide[256], narrow[256];
	MDB_val key = tables_val(bytes, sizeof(bytes)), v, w;

	(void)put_endpoints(t, 1, puts, 2, 1);
	endpoint_key_encode(1, &puts[0].endpoint.addr, bytes);
	v = raw_copy(t, TABLE_ENDPOINT, &key, wide, sizeof(wide));
	endpoint_key_encode(1, &puts[1].endpoint.addr, bytes);
	w = raw_copy(t, TABLE_ENDPOINT, &key, narrow, sizeof(narrow));
	assert_int_equal(v.mv_size, w.mv_size);
	(void)put_endpoints(t, 1, next, 2, 2);
	memcpy(wide, narrow, ENDPOINT_RECORD_BYTES);
	raw_put(t, TABLE_ENDPOINT, &key, &v);
	assert_int_equal(get_damaged(t, 1, &puts[1].endpoint.addr), -ERR_UNAVAILABLE);
	raw_put(t, TABLE_ENDPOINT, &key, &w);
	assert_true(admits(t, 1, "10.0.0.6", "10.1.2.3"));
	struct tables_snapshot *s = tables_acquire(t);
	assert_int_equal(tables_verify(s, NULL), -ERR_UNAVAILABLE);
	tables_release(s);
	puts_free(puts, 2);
	puts_free(next + 1, 1);
	tables_close(t);
}

static void test_damaged_network_is_noticed(void **state)
{
	struct tables *t = must_open(true);
	struct tables_network n, got;
	const uint32_t id = 5;
	MDB_val key = tables_val(&id, sizeof(id)), v, w;
	static uint8_t good[1 << 16], bad[1 << 16];

	rng = 25;
	n = make_network(id, 4);
	put_network(t, &n, 1);
	v = raw_copy(t, TABLE_NETWORK, &key, good, sizeof(good));
	for (size_t at = 0; at < v.mv_size; at++) {
		struct tables_snapshot *s;

		memcpy(bad, good, v.mv_size);
		bad[at] ^= (uint8_t)(1u << below(8));
		w = tables_val(bad, v.mv_size);
		raw_put(t, TABLE_NETWORK, &key, &w);
		s = tables_acquire(t);
		assert_int_equal(tables_get_network(s, id, &got), -ERR_UNAVAILABLE);
		assert_null(got.memory);
		assert_int_equal(tables_verify(s, NULL), -ERR_UNAVAILABLE);
		tables_release(s);
	}
	/* An old record that comes back is good by itself; the sum of all says that it is not the one. */
	n.has_uplink = !n.has_uplink;
	put_network(t, &n, 2);
	raw_put(t, TABLE_NETWORK, &key, &v);
	struct tables_snapshot *s = tables_acquire(t);
	assert_int_equal(tables_get_network(s, id, &got), 0);
	tables_network_done(&got);
	assert_int_equal(tables_verify(s, NULL), -ERR_UNAVAILABLE);
	tables_release(s);
	network_free(&n);
	tables_close(t);
}

#define T(f) cmocka_unit_test_setup_teardown(f, dir_setup, dir_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_networks),
		T(test_each_and_delete),
		T(test_endpoints_are_replaced),
		T(test_one_address_once),
		T(test_random_replacements),
		T(test_damaged_endpoint_admits_nobody),
		T(test_sources_of_another),
		T(test_damaged_network_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
