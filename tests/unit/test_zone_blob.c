/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Zone blobs: random zones against a list of records, what building refuses, a big zone, and damage: a blob that is not what
 * was built does not verify, and nothing that reads it leaves it or goes on for ever.
 */
#include "naive_zone.h"
#include "tables/zone_int.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char *const apexes[] = {".", "org", "Example.org", "a.b.c.example.net"};

/* --- against the list ------------------------------------------------------------------------------------------- */

static void same_set(const struct zone_rrset *got, const struct naive_set *want)
{
	struct zone_rdata rdata;
	size_t at = 0, n = 0;
	uint32_t ttl;

	assert_int_equal(got->count, want->n);
	for (; zone_rrset_next(got, &at, &rdata, &ttl); n++) {
		assert_int_equal(ttl, want->ttl);
		assert_int_equal(rdata.len, want->len[n]);
		assert_memory_equal(rdata.bytes, want->bytes[n], rdata.len);
	}
	assert_int_equal(n, want->n);
	assert_int_equal(at, got->len);
}

static void same_name(const struct zone *blob, struct naive_zone *z, const uint8_t *name)
{
	uint8_t folded[DNAME_MAX];
	const size_t len = dname_size(name, DNAME_MAX);
	struct zone_node node;
	size_t n_sets = 0;

	memcpy(folded, name, len);
	dname_fold(folded, len);
	const bool found = zone_find(blob, folded, len - z->apex_len, &node);
	assert_int_equal(found, naive_exists(z, name));
	if (!found)
		return;
	for (uint16_t type = 0; type < 60; type++) {
		struct naive_set *want = naive_find(z, name, type);
		struct zone_rrset got;

		assert_int_equal(zone_node_set(&node, type, &got), want != NULL);
		if (!want)
			continue;
		same_set(&got, want);
		assert_true(zone_node_nth(&node, n_sets++, &got));
		assert_int_equal(got.type, type);
	}
	assert_int_equal(n_sets, node.n_sets);
	assert_int_equal(node.is_delegation,
			 len > z->apex_len && naive_find(z, name, RR_NS) != NULL);
}

static int count_node(const uint8_t *relative, size_t len, const struct zone_node *node, void *arg)
{
	(*(size_t *)arg)++;
	return 0;
}

static void test_random(void **state)
{
	for (uint32_t round = 0; round < 1500; round++) {
		struct naive_zone z;
		struct zone_rrset soa;
		struct zone blob;
		size_t len, nodes = 0;

		naive_rng = round * 77 + 1;
		naive_random(&z, round, apexes[naive_below(4)]);
		uint8_t *bytes = naive_build(&z, &len);
		naive_complete(&z);
		assert_int_equal(zone_verify(bytes, len), 0);
		assert_int_equal(zone_open(bytes, len, &blob), 0);
		assert_int_equal(blob.id, round);
		assert_int_equal(blob.serial, 7);
		assert_int_equal(blob.negative_ttl, z.minimum < z.ttl ? z.minimum : z.ttl);
		assert_true(zone_soa(&blob, &soa));
		same_set(&soa, naive_find(&z, z.apex, RR_SOA));
		assert_int_equal(zone_each(&blob, count_node, &nodes), 0);
		assert_int_equal(nodes, load_u32(bytes + ZONE_NODES_AT));
		for (size_t i = 0; i < z.n; i++)
			same_name(&blob, &z, z.sets[i].owner);
		for (int i = 0; i < 60; i++) {
			uint8_t name[DNAME_MAX];
			char text[64];

			naive_text(text, true);
			naive_name(text, z.apex, name);
			same_name(&blob, &z, name);
		}
		zone_serial_set(bytes, len, 4000000000u);
		assert_int_equal(zone_verify(bytes, len), 0);
		assert_int_equal(zone_open(bytes, len, &blob), 0);
		assert_int_equal(blob.serial, 4000000000u);
		free(bytes);
	}
}

/* The same source and key make the same bytes; another key other ones. */
static void test_is_the_same_again(void **state)
{
	struct naive_zone z;
	size_t len, again_len;

	naive_rng = 5;
	naive_random(&z, 1, "example.org");
	uint8_t *blob = naive_build(&z, &len), *again = naive_build(&z, &again_len);
	assert_int_equal(len, again_len);
	assert_memory_equal(blob, again, len);
	free(blob);
	free(again);
}

/* There is but the SOA, whose names are those of the domain above; and no other flag goes with it. */
static void denied_is(const char *name, const char *above)
{
	static const uint8_t key[ZONE_KEY_BYTES];
	uint8_t apex[DNAME_MAX], *blob;
	char want[100], text[RDATA_TEXT_MAX];
	struct zone_rdata rdata;
	struct zone_rrset soa;
	struct zone z;
	size_t len, at = 0, nodes = 0;
	uint32_t ttl;

	naive_name(name, NULL, apex);
	const struct zone_source src = {
		.id = 1, .apex = apex, .serial = 9, .ttl = 300, .minimum = 30, .is_denied = true};
	assert_int_equal(zone_build(&src, key, &blob, &len, NULL), 0);
	assert_int_equal(zone_verify(blob, len), 0);
	assert_int_equal(zone_open(blob, len, &z), 0);
	assert_true(z.is_denied);
	assert_int_equal(zone_each(&z, count_node, &nodes), 0);
	assert_int_equal(nodes, 1);
	assert_true(zone_soa(&z, &soa) && zone_rrset_next(&soa, &at, &rdata, &ttl));
	assert_true(rdata_format(RR_SOA, rdata.bytes, rdata.len, text) > 0);
	snprintf(want, sizeof(want), "ns.%s hostmaster.%s 9 ", above, above);
	assert_memory_equal(text, want, strlen(want));
	blob[ZONE_FLAGS_AT] |= ZONE_FLAG_WILDCARDS;
	zone_seal(blob, len);
	assert_int_equal(zone_verify(blob, len), -ERR_UNAVAILABLE);
	free(blob);
}

static void test_denied(void **state)
{
	denied_is("api.example.org", "example.org.");
	denied_is("org", "");
	denied_is(".", "");
}

#define BIG 25000

static void test_big(void **state)
{
	static struct zone_set sets[BIG];
	static uint8_t owners[BIG][40];
	static const uint8_t key[ZONE_KEY_BYTES], address[4] = {10, 0, 0, 1};
	const struct zone_rdata rdata = {address, 4};
	uint8_t apex[DNAME_MAX], *blob;
	struct zone z;
	struct zone_node node;
	size_t len;

	naive_name("example.org", NULL, apex);
	for (int i = 0; i < BIG; i++) {
		uint8_t name[DNAME_MAX];
		char text[32];

		snprintf(text, sizeof(text), "host-%d.rack%d", i, i % 50);
		memcpy(owners[i], name, naive_name(text, apex, name));
		sets[i] = (struct zone_set){owners[i], RR_A, 60, &rdata, 1};
	}
	const struct zone_source src = {
		.id = 1, .apex = apex, .ttl = 300, .minimum = 30, .sets = sets, .n_sets = BIG};
	assert_int_equal(zone_build(&src, key, &blob, &len, NULL), 0);
	assert_int_equal(zone_verify(blob, len), 0);
	assert_int_equal(zone_open(blob, len, &z), 0);
	assert_in_range(z.probes, 1, 32);
	print_message("%d record sets: %zu bytes, at most %u probes\n", BIG, len, z.probes);
	for (int i = 0; i < BIG; i++) {
		assert_true(zone_find(&z, owners[i], dname_size(owners[i], 40) - 13, &node));
		assert_int_equal(node.n_sets, 1);
	}
	assert_true(zone_find(&z, (const uint8_t *)"\5rack7", 6, &node));
	assert_int_equal(node.n_sets, 0);
	free(blob);
}

/* --- what building refuses -------------------------------------------------------------------------------------- */

static void test_refused(void **state)
{
	static const uint8_t key[ZONE_KEY_BYTES], a4[] = {10, 0, 0, 1}, b4[] = {10, 0, 0, 2};
	const struct zone_rdata one = {a4, 4}, name = {(const uint8_t *)"\1a", 3},
				twice[] = {{a4, 4}, {b4, 4}, {a4, 4}}, bad = {a4, 3},
				names[] = {{(const uint8_t *)"\1a", 3},
					   {(const uint8_t *)"\1b", 3}},
				soa = {(const uint8_t *)"\0\0"
							"01234567890123456789",
				       22};
	const struct {
		const char *owners[2];
		struct zone_set sets[2];
		const char *path, *says;
	} rows[] = {
		{{"a"}, {{NULL, RR_A, 1, NULL, 0}}, "records[0]", "at least one"},
		{{"a"}, {{NULL, RR_A, 0x80000000u, &one, 1}}, "records[0]", "TTL"},
		{{"a"}, {{NULL, RR_A, 1, &bad, 1}}, "records[0]", "not what this type wants"},
		{{"a"}, {{NULL, 99, 1, &one, 1}}, "records[0]", "not what this type wants"},
		{{"a"}, {{NULL, RR_A, 1, twice, 3}}, "records[0]", "twice"},
		{{"a"}, {{NULL, RR_CNAME, 1, names, 2}}, "records[0]", "one value"},
		{{"@"}, {{NULL, RR_CNAME, 1, &name, 1}}, "records[0]", "alone"},
		{{"@"}, {{NULL, RR_SOA, 1, &soa, 1}}, "records[0]", "system"},
		{{"*"}, {{NULL, RR_NS, 1, &name, 1}}, "records[0]", "wildcard"},
		{{"b.example.com."}, {{NULL, RR_A, 1, &one, 1}}, "records[0]", "not inside"},
		{{"xexample.org."}, {{NULL, RR_A, 1, &one, 1}}, "records[0]", "not inside"},
		{{"a", "A"},
		 {{NULL, RR_A, 1, &one, 1}, {NULL, RR_A, 1, &one, 1}},
		 "records[1]",
		 "already"},
		{{"a", "a"},
		 {{NULL, RR_A, 1, &one, 1}, {NULL, RR_CNAME, 1, &name, 1}},
		 "records[1]",
		 "alone"},
		{{"a", "a"},
		 {{NULL, RR_CNAME, 1, &name, 1}, {NULL, RR_A, 1, &one, 1}},
		 "records[0]",
		 "alone"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t apex[DNAME_MAX], owners[2][DNAME_MAX], *blob = NULL;
		struct zone_set sets[2];
		size_t n = 0, len;
		struct err e = {0};

		naive_name("example.org", NULL, apex);
		for (; n < 2 && rows[i].owners[n]; n++) {
			naive_name(rows[i].owners[n], apex, owners[n]);
			sets[n] = rows[i].sets[n];
			sets[n].owner = owners[n];
		}
		const struct zone_source src = {
			.id = 1, .apex = apex, .ttl = 1, .minimum = 1, .sets = sets, .n_sets = n};
		assert_int_equal(zone_build(&src, key, &blob, &len, &e), -ERR_INVALID);
		assert_null(blob);
		assert_string_equal(e.path, rows[i].path);
		if (!strstr(e.text, rows[i].says))
			fail_msg("row %zu: %s", i, e.text);
	}
}

/* --- damage ----------------------------------------------------------------------------------------------------- */

/* Everything that a reader does. */
static void read_all(const uint8_t *bytes, size_t len)
{
	static const uint8_t names[] = "\1a\1b\1c\3_x\3www\1*";
	struct zone z;
	struct zone_node node;
	struct zone_rrset set;
	size_t n = 0;

	if (zone_open(bytes, len, &z) < 0)
		return;
	(void)zone_soa(&z, &set);
	assert_in_range(zone_each(&z, count_node, &n) + ERR_UNAVAILABLE, 0, ERR_UNAVAILABLE);
	for (size_t i = 0; i < sizeof(names) - 2; i++) {
		if (!zone_find(&z, names + i, 2, &node))
			continue;
		for (uint16_t type = 0; type < 40; type++) {
			struct zone_rdata rdata;
			size_t at = 0;
			uint32_t ttl;

			if (!zone_node_set(&node, type, &set))
				continue;
			while (zone_rrset_next(&set, &at, &rdata, &ttl))
				n += rdata.len ? rdata.bytes[rdata.len - 1] : 0;
		}
		(void)zone_node_nth(&node, 1000, &set);
	}
	assert_true(n < 1u << 30);
}

static void test_damage(void **state)
{
	for (uint32_t round = 0; round < 300; round++) {
		struct naive_zone z;
		size_t len;

		naive_rng = round + 100;
		naive_random(&z, round, apexes[round % 4]);
		uint8_t *bytes = naive_build(&z, &len);
		for (int i = 0; i < 60; i++) {
			uint8_t *bad = malloc(len);
			size_t at = naive_below(i % 2 ? len : ZONE_HEADER_BYTES);

			memcpy(bad, bytes, len);
			bad[at] ^= (uint8_t)(1 + naive_below(255));
			assert_int_equal(zone_verify(bad, len), -ERR_UNAVAILABLE);
			read_all(bad, len);
			/* With good check values the walk alone has to notice, or it is a zone like any other. */
			if (at == ZONE_APEX_LEN_AT)
				bad[at] = bytes[at]; /* sealing believes it */
			zone_seal(bad, len);
			assert_in_range(-zone_verify(bad, len), 0, ERR_UNAVAILABLE);
			read_all(bad, len);
			free(bad);
		}
		for (size_t cut = 0; cut < len; cut += 1 + len / 50) {
			uint8_t *part = malloc(cut ? cut : 1);

			memcpy(part, bytes, cut);
			assert_int_equal(zone_verify(part, cut), -ERR_UNAVAILABLE);
			free(part);
		}
		free(bytes);
	}
}

/* Whole sections that disagree, each with good check values: the walk refuses them. */
static void test_walk_refuses(void **state)
{
	static const struct {
		size_t at;
		uint8_t xor ;
	} rows[] = {
		{ZONE_NODES_AT, 1},
		{ZONE_SOA_AT, 1},
		{ZONE_APEX_LABELS_AT, 1},
		{ZONE_FLAGS_AT, 1},
		{ZONE_FLAGS_AT, 2},
		{ZONE_FLAGS_AT, 4},
		{ZONE_KEY_AT, 1},
		{ZONE_APEX_LEN_AT, 1},
		{ZONE_SLOTS_AT, 2},
		{ZONE_HEADER_BYTES, 1},
		{ZONE_HEADER_BYTES + 1, 0x20},
	};
	struct naive_zone z;
	size_t len;

	naive_init(&z, 3, "example.org");
	assert_true(naive_add(&z, "a.b", RR_A, 60, "10.0.0.1"));
	uint8_t *bytes = naive_build(&z, &len);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		bytes[rows[i].at] ^= rows[i].xor ;
		zone_seal(bytes, len);
		if (zone_verify(bytes, len) == 0)
			fail_msg("row %zu verifies", i);
		bytes[rows[i].at] ^= rows[i].xor ;
	}
	zone_seal(bytes, len);
	assert_int_equal(zone_verify(bytes, len), 0);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),	     cmocka_unit_test(test_is_the_same_again),
		cmocka_unit_test(test_denied),	     cmocka_unit_test(test_big),
		cmocka_unit_test(test_refused),	     cmocka_unit_test(test_damage),
		cmocka_unit_test(test_walk_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
