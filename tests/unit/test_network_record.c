/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The network record: there and back, every octet counts, every index is checked, and nothing is allocated for what is not there.
 */
#include "network_rig.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

struct record {
	uint8_t *bytes;
	size_t len;
};

static struct record encode(const struct tables_network *n, uint64_t generation)
{
	struct record r = {.len = network_record_size(n)};

	r.bytes = malloc(r.len);
	assert_non_null(r.bytes);
	network_record_encode(n, generation, r.bytes, r.len);
	return r;
}

static int decode(const struct record *r, uint32_t id, struct tables_network *ret)
{
	MDB_val v = tables_val(r->bytes, r->len);
	int check = network_record_check(&v, id), decoded = network_record_decode(&v, id, ret);

	assert_int_equal(check, decoded);
	return decoded;
}

static int judge(const struct record *r, uint32_t id)
{
	struct tables_network n;
	int d = decode(r, id, &n);

	tables_network_done(&n);
	return d;
}

static void seal(struct record *r)
{
	save_u32(r->bytes + 4, (uint32_t)r->len);
	save_u64(r->bytes + r->len - 8, XXH3_64bits(r->bytes, r->len - 8));
}

static void test_round_trip(void **state)
{
	rng = 11;
	for (int i = 0; i < 300; i++) {
		struct tables_network n = make_network(1 + (uint32_t)i, below(12)), got;
		struct record r = encode(&n, 77);

		assert_int_equal(decode(&r, n.id, &got), 0);
		same_network(&n, &got);
		assert_int_equal(got.generation, 77);
		tables_network_done(&got);
		assert_null(got.hosts);
		assert_int_equal(judge(&r, n.id + 1), -ERR_UNAVAILABLE);
		free(r.bytes);
		network_free(&n);
	}
}

/* A router with nothing in it, and the longest names. */
static void test_least_and_longest(void **state)
{
	struct tables_network n = {.id = 9, .kind = ROUTER_HUB, .name = "h"}, got;
	struct record r = encode(&n, 1);

	assert_int_equal(decode(&r, 9, &got), 0);
	same_network(&n, &got);
	tables_network_done(&got);
	free(r.bytes);
	memset(n.name, 'x', 63);
	r = encode(&n, 1);
	assert_int_equal(decode(&r, 9, &got), 0);
	assert_int_equal(strlen(got.name), 63);
	tables_network_done(&got);
	free(r.bytes);
}

/* As it lies on disk: one octet that differs, one that is missing or too many, is noticed. */
static void test_every_octet_counts(void **state)
{
	struct tables_network n;
	struct record r;

	rng = 12;
	n = make_network(5, 6);
	r = encode(&n, 1);
	for (size_t at = 0; at < r.len; at++) {
		const uint8_t was = r.bytes[at];

		r.bytes[at] ^= (uint8_t)(1u << below(8));
		assert_int_equal(judge(&r, 5), -ERR_UNAVAILABLE);
		r.bytes[at] = was;
	}
	for (size_t len = 0; len < r.len; len++)
		assert_int_equal(judge(&(struct record){r.bytes, len}, 5), -ERR_UNAVAILABLE);
	assert_int_equal(judge(&r, 5), 0);
	free(r.bytes);
	network_free(&n);
}

/*
 * With the check value put right, any other octets are either refused or are the encoding of another router: what is accepted
 * encodes to the same bytes.
 */
static void test_one_encoding(void **state)
{
	int accepted = 0, refused = 0;

	rng = 13;
	for (int i = 0; i < 20000; i++) {
		struct tables_network n = make_network(5, 3), got;
		struct record r = encode(&n, 1), again;

		for (size_t k = 1 + below(3); k > 0; k--)
			r.bytes[12 + below(r.len - 20)] = (uint8_t)(below(3) ? below(9) : rnd());
		seal(&r);
		if (decode(&r, 5, &got) == 0) {
			accepted++;
			again = encode(&got, got.generation);
			assert_int_equal(again.len, r.len);
			assert_memory_equal(again.bytes, r.bytes, r.len);
			free(again.bytes);
			tables_network_done(&got);
		} else {
			refused++;
		}
		free(r.bytes);
		network_free(&n);
	}
	print_message("%d accepted, %d refused\n", accepted, refused);
	assert_true(accepted > 100 && refused > 100);
}

/* A number of items is believed only as far as the record goes: nothing is allocated for it. */
static void test_counts_without_items(void **state)
{
	struct tables_network n = {.id = 9, .name = "n"}, got;
	struct record r = encode(&n, 1);

	for (size_t at = 24; at < 72; at += 4) {
		save_u32(r.bytes + at, UINT32_MAX);
		seal(&r);
		assert_int_equal(decode(&r, 9, &got), -ERR_UNAVAILABLE);
		assert_null(got.memory);
		save_u32(r.bytes + at, 0);
	}
	free(r.bytes);
}

/* Each index that leads out of its array, and each order that does not hold. The encoder would not write them, so by offset. */
static void refuses_u32(const struct tables_network *n, uint32_t good, uint32_t bad)
{
	struct record r = encode(n, 1);
	size_t at = r.len, found = 0;

	for (size_t i = 72; i + 12 <= r.len; i++) {
		if (load_u32(r.bytes + i) == good) {
			at = i;
			found++;
		}
	}
	assert_int_equal(found, 1);
	save_u32(r.bytes + at, bad);
	seal(&r);
	assert_int_equal(judge(&r, n->id), -ERR_UNAVAILABLE);
	save_u32(r.bytes + at, good);
	seal(&r);
	assert_int_equal(judge(&r, n->id), 0);
	free(r.bytes);
}

#define MARK 0xabcdef42u

static void test_order(void **state)
{
	struct tables_host hosts[] = {{.id = 5, .name = "a"}, {.id = MARK, .name = "b"}};
	struct tables_link links[] = {{.peer = 5, .peer_name = "a"},
				      {.peer = MARK, .peer_name = "b"}};
	struct tables_network_endpoint endpoints[] = {{addr_v4(5), 1}, {addr_v4(MARK), 1}};
	struct tables_resolver resolvers[] = {{.addr = addr_v4(5)}, {.addr = addr_v4(MARK)}};
	struct tables_subnet subnet = {.id = 1};
	struct tables_network n = {.id = 9, .name = "n", .subnets = &subnet, .n_subnets = 1};

	n.hosts = hosts;
	n.n_hosts = 2;
	refuses_u32(&n, MARK, 5);
	refuses_u32(&n, MARK, 4);
	n.n_hosts = 0;
	n.links = links;
	n.n_links = 2;
	refuses_u32(&n, MARK, 5);
	n.n_links = 0;
	n.endpoints = endpoints;
	n.n_endpoints = 2;
	refuses_u32(&n, MARK, 5);
	refuses_u32(&n, MARK, 4);
	n.n_endpoints = 0;
	n.resolvers = resolvers;
	n.n_resolvers = 2;
	refuses_u32(&n, MARK, 5);
	refuses_u32(&n, MARK, 4);
}

/* 40 of an array that an index leads into: the last one is good, the next one is not. */
static void test_indexes(void **state)
{
	enum { MANY = 0x142 };
	static struct tables_subnet subnets[MANY];
	static struct tables_group groups[MANY];
	static struct tables_rule rules[MANY];
	static struct tables_link links[MANY];
	static struct prefix prefixes[MANY];
	static uint32_t host_groups[MANY];
	struct tables_host host = {.id = 1, .name = "a", .subnet = MANY - 1};
	struct tables_route route = {
		.kind = ROUTE_LINK, .target = MANY - 1, .to.addr.family = ADDR_V4};
	struct tables_network n = {.id = 9, .name = "n"};

	for (uint32_t i = 0; i < MANY; i++) {
		links[i] = (struct tables_link){.peer = i + 0x01010101u * 9, .peer_name = "p"};
		groups[i].name[0] = 'g';
		prefixes[i].addr.family = ADDR_V4;
	}
	n.subnets = subnets;
	n.hosts = &host;
	n.n_subnets = MANY;
	n.n_hosts = 1;
	refuses_u32(&n, MANY - 1, MANY);
	host.subnet = 0;
	n.groups = groups;
	n.n_groups = MANY;
	n.host_groups = host_groups;
	n.n_host_groups = MANY;
	host_groups[7] = MANY - 1;
	refuses_u32(&n, MANY - 1, MANY);
	host_groups[7] = 0;
	host.first_group = MANY - 1;
	host.n_groups = 1;
	refuses_u32(&n, MANY - 1, MANY);
	refuses_u32(&n, MANY - 1, UINT32_MAX);
	host.first_group = host.n_groups = 0;
	n.n_hosts = 0;
	n.rules = rules;
	n.n_rules = MANY;
	groups[7].n_rules = MANY;
	refuses_u32(&n, MANY, MANY + 1);
	groups[7].n_rules = 0;
	n.n_groups = n.n_host_groups = 0;
	n.prefixes = prefixes;
	n.n_prefixes = MANY;
	rules[7].n_prefixes = MANY;
	refuses_u32(&n, MANY, MANY + 1);
	n.n_prefixes = n.n_rules = 0;
	n.links = links;
	n.n_links = MANY;
	n.routes = &route;
	n.n_routes = 1;
	refuses_u32(&n, MANY - 1, MANY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_least_and_longest),
		cmocka_unit_test(test_every_octet_counts),
		cmocka_unit_test(test_one_encoding),
		cmocka_unit_test(test_counts_without_items),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_indexes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
