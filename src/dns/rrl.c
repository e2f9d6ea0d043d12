/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dns/rrl.h"

#include <stdlib.h>
#include <string.h>

#define WAYS	 4
#define V4_SHIFT 8	      /* /24 */
#define V6_MASK	 (~0ull << 8) /* /56 of the upper half */

struct bucket {
	uint32_t tag;
	uint32_t slips;	 /* since it was last full enough */
	uint64_t filled; /* ms; when the tokens were last counted */
	uint64_t tokens; /* thousandths */
};

struct rrl {
	uint8_t key[SIPHASH_KEY_BYTES];
	uint64_t rate, burst; /* thousandths: a millisecond brings `rate` */
	uint64_t mask;
	struct bucket buckets[];
};

struct rrl *rrl_new(unsigned rate, unsigned burst_s, size_t sets,
		    const uint8_t key[SIPHASH_KEY_BYTES])
{
	size_t n = 1;
	struct rrl *r;

	while (n < sets && n < (size_t)1 << 24)
		n *= 2;
	r = calloc(1, sizeof(*r) + n * WAYS * sizeof(struct bucket));
	if (!r)
		return NULL;
	memcpy(r->key, key, sizeof(r->key));
	r->rate = rate ? rate : 1;
	r->burst = r->rate * 1000 * (burst_s ? burst_s : 1);
	r->mask = n - 1;
	return r;
}

void rrl_free(struct rrl *r)
{
	free(r);
}

static uint64_t source_hash(const struct rrl *r, const struct addr *a, uint32_t zone, uint8_t kind)
{
	struct {
		uint64_t net;
		uint32_t zone;
		uint8_t family, kind, zero[2];
	} id = {.zone = zone, .family = a->family, .kind = kind};

	id.net = a->family == ADDR_V4 ? a->lo >> V4_SHIFT : a->hi & V6_MASK;
	return siphash13(r->key, &id, sizeof(id));
}

static void bucket_fill(const struct rrl *r, struct bucket *b, uint64_t now_ms)
{
	const uint64_t ms = now_ms > b->filled ? now_ms - b->filled : 0;

	b->tokens = ms >= r->burst / r->rate || b->tokens + ms * r->rate > r->burst
			    ? r->burst
			    : b->tokens + ms * r->rate;
	b->filled = now_ms;
}

/* A bucket that was never used was last filled at 0. */
static struct bucket *bucket_find(struct rrl *r, uint64_t hash, uint64_t now_ms)
{
	struct bucket *set = &r->buckets[(hash & r->mask) * WAYS], *oldest = set;
	const uint32_t tag = (uint32_t)(hash >> 32) | 1;

	for (int i = 0; i < WAYS; i++) {
		if (set[i].tag == tag) {
			bucket_fill(r, &set[i], now_ms);
			return &set[i];
		}
		if (set[i].filled < oldest->filled || (set[i].tag == 0 && oldest->tag != 0))
			oldest = &set[i];
	}
	*oldest = (struct bucket){.tag = tag, .filled = now_ms, .tokens = r->burst};
	return oldest;
}

enum rrl_verdict rrl_judge(struct rrl *r, const struct addr *source, uint32_t zone, uint8_t kind,
			   uint64_t now_ms)
{
	struct bucket *b = bucket_find(r, source_hash(r, source, zone, kind), now_ms);

	if (b->tokens >= 1000) {
		b->tokens -= 1000;
		return RRL_PASS;
	}
	return ++b->slips % RRL_SLIP == 0 ? RRL_TRUNCATE : RRL_DROP;
}
