/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "gate/quota.h"

#include "proc/quota_layout.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>
#include <xxhash.h>

#define BUCKET_SLOTS 8

static _Atomic uint64_t *slot_tag(const struct quota *q, uint32_t slot)
{
	return (_Atomic uint64_t *)(void *)(q->base + (size_t)slot * q->stride);
}

static _Atomic uint32_t *slot_count(const struct quota *q, uint32_t slot, uint32_t gate)
{
	return (_Atomic uint32_t *)(void *)(q->base + (size_t)slot * q->stride + 8 +
					    4 * (size_t)gate);
}

static uint64_t slot_sum(const struct quota *q, uint32_t slot)
{
	uint64_t sum = 0;

	for (uint32_t g = 0; g < q->n_gates; g++)
		sum += atomic_load(slot_count(q, slot, g));
	return sum;
}

void quota_init(struct quota *q, void *map, uint32_t n_gates, uint32_t self)
{
	*q = (struct quota){
		.base = map, .stride = quota_slot_bytes(n_gates), .n_gates = n_gates, .self = self};
	/* Slot 0 counts nothing: its tag is the secret, which the first gate to come puts there for all. */
	uint64_t none = 0, secret;
	if (getrandom(&secret, sizeof secret, 0) == sizeof secret && secret)
		atomic_compare_exchange_strong(slot_tag(q, 0), &none, secret);
	q->secret = atomic_load(slot_tag(q, 0));
	for (uint32_t s = 1; s < QUOTA_SLOTS; s++) {
		_Atomic uint32_t *count = slot_count(q, s, self);
		/* Look before writing: untouched pages of the mapping stay untouched. */
		if (atomic_load_explicit(count, memory_order_relaxed))
			atomic_store(count, 0);
	}
}

static uint64_t quota_tag(const struct quota *q, uint32_t cluster, uint32_t network,
			  const struct addr *source)
{
	struct {
		struct addr source;
		uint32_t cluster, network;
	} key;

	memset(&key, 0, sizeof key);
	if (source)
		key.source = *source;
	key.cluster = cluster;
	key.network = network;
	uint64_t tag = XXH3_64bits_withSeed(&key, sizeof key, q->secret);
	return tag ? tag : 1;
}

/* Count ourselves into a slot, unless it has been given to another tag meanwhile. */
static int slot_enter(struct quota *q, uint32_t slot, uint64_t tag)
{
	atomic_fetch_add(slot_count(q, slot, q->self), 1);
	if (atomic_load(slot_tag(q, slot)) == tag)
		return 1;
	quota_put(q, slot);
	return 0;
}

static uint32_t bucket_find(struct quota *q, uint32_t first, uint64_t tag)
{
	for (uint32_t s = first; s < first + BUCKET_SLOTS; s++)
		if (s && atomic_load(slot_tag(q, s)) == tag && slot_enter(q, s, tag))
			return s;
	for (uint32_t s = first; s < first + BUCKET_SLOTS; s++) {
		uint64_t old = atomic_load(slot_tag(q, s));
		if (!s || slot_sum(q, s))
			continue;
		if (atomic_compare_exchange_strong(slot_tag(q, s), &old, tag) &&
		    slot_enter(q, s, tag))
			return s;
	}
	return QUOTA_NONE;
}

enum quota_result quota_get(struct quota *q, uint32_t cluster, uint32_t network,
			    const struct addr *source, uint32_t limit, uint32_t *ret_slot)
{
	uint64_t tag = quota_tag(q, cluster, network, source);
	uint32_t first = (uint32_t)(tag >> 20) % (QUOTA_SLOTS / BUCKET_SLOTS) * BUCKET_SLOTS;
	uint32_t slot = bucket_find(q, first, tag);

	if (slot == QUOTA_NONE)
		return QUOTA_FULL;
	if (slot_sum(q, slot) > limit) {
		quota_put(q, slot);
		return QUOTA_LIMIT;
	}
	*ret_slot = slot;
	return QUOTA_OK;
}

void quota_put(struct quota *q, uint32_t slot)
{
	if (slot != QUOTA_NONE)
		atomic_fetch_sub(slot_count(q, slot, q->self), 1);
}
