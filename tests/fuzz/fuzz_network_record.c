/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Arbitrary bytes as a network record. The input is the record without its check value; length and check are put right first, so
 * that the decoder behind them is what is tested. What is accepted encodes to the same bytes, and what its check accepts is what
 * decoding accepts.
 */
#include "tables/tables_int.h"

#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x)                  \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

/* Every index leads to something, so that whoever walks the arrays need not look again. */
static void indexes(const struct tables_network *n)
{
	for (uint32_t i = 0; i < n->n_routes; i++)
		MUST(n->routes[i].kind != ROUTE_LINK || n->routes[i].target < n->n_links);
	for (uint32_t i = 0; i < n->n_hosts; i++) {
		const struct tables_host *h = &n->hosts[i];

		MUST(h->subnet < n->n_subnets && strnlen(h->name, 64) < 64);
		MUST((uint64_t)h->first_group + h->n_groups <= n->n_host_groups);
		MUST(i == 0 || h[-1].id < h->id);
	}
	for (uint32_t i = 0; i < n->n_host_groups; i++)
		MUST(n->host_groups[i] < n->n_groups);
	for (uint32_t i = 0; i < n->n_groups; i++)
		MUST((uint64_t)n->groups[i].first_rule + n->groups[i].n_rules <= n->n_rules);
	for (uint32_t i = 0; i < n->n_resolvers; i++)
		MUST(n->resolvers[i].addr.family != ADDR_NONE);
	for (uint32_t i = 0; i < n->n_rules; i++)
		MUST((uint64_t)n->rules[i].first_prefix + n->rules[i].n_prefixes <= n->n_prefixes);
}

static void same_again(const struct tables_network *n, const MDB_val *v)
{
	const size_t len = network_record_size(n);
	uint8_t *again = malloc(len);

	MUST(again && len == v->mv_size);
	network_record_encode(n, n->generation, again, len);
	MUST(memcmp(again, v->mv_data, len) == 0);
	free(again);
}

static void judge(const MDB_val *v, uint32_t id)
{
	struct tables_network n;
	int check = network_record_check(v, id), r = network_record_decode(v, id, &n);

	MUST(check == r && (r == 0 || r == -ERR_UNAVAILABLE));
	if (r == 0) {
		indexes(&n);
		same_again(&n, v);
	} else {
		MUST(!n.memory && n.n_hosts == 0 && n.id == 0);
	}
	tables_network_done(&n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const size_t len = size + 8;
	uint8_t *record = calloc(1, len);
	MDB_val v = tables_val(record, len);

	MUST(record);
	if (size)
		memcpy(record, data, size);
	judge(&v, 1); /* as it came: the check value is wrong */
	if (size >= 12) {
		save_u32(record + 4, (uint32_t)len);
		save_u64(record + size, XXH3_64bits(record, size));
		judge(&v, load_u32(record + 8));
		judge(&v, load_u32(record + 8) + 1);
	}
	free(record);
	return 0;
}
