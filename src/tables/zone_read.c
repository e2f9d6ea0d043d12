/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading a zone blob in place, and the walk that checks one (zone.h draws it). Offsets come from the blob and are compared with its length
 * before each use.
 */
#include "tables/zone_int.h"

#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#define RR_OWNER 0xc0, 0x0c /* pointer to the question */

/* The head's own check value, which covers this one, is left out. */
uint64_t zone_whole_check(const uint8_t *blob, size_t len)
{
	const uint64_t head = XXH3_64bits_withSeed(blob + ZONE_ID_AT,
						   ZONE_HEAD_CHECK_AT - ZONE_ID_AT, load_u64(blob));

	return XXH3_64bits_withSeed(blob + ZONE_HEADER_BYTES, len - ZONE_HEADER_BYTES, head);
}

uint32_t zone_head_check(const uint8_t *blob)
{
	const uint64_t head = XXH3_64bits(blob, ZONE_HEAD_CHECK_AT);

	return (uint32_t)XXH3_64bits_withSeed(blob + ZONE_HEADER_BYTES, blob[ZONE_APEX_LEN_AT],
					      head);
}

uint64_t zone_check(const struct zone *z)
{
	return load_u64(z->blob + ZONE_CHECK_AT);
}

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)be16(p) << 16 | be16(p + 2);
}

int zone_open(const void *blob, size_t len, struct zone *ret_zone)
{
	const uint8_t *p = blob;
	struct zone z = {.blob = p, .len = (uint32_t)len};

	memset(ret_zone, 0, sizeof(*ret_zone));
	if (len < ZONE_HEADER_BYTES || len > ZONE_BLOB_MAX || load_u32(p) != ZONE_MAGIC ||
	    load_u32(p + ZONE_LEN_AT) != len)
		return -ERR_UNAVAILABLE;
	z.apex_len = p[ZONE_APEX_LEN_AT];
	z.slots_at = (uint32_t)zone_slots_offset(z.apex_len);
	z.n_slots = load_u32(p + ZONE_SLOTS_AT);
	if (z.slots_at > len || zone_head_check(p) != load_u32(p + ZONE_HEAD_CHECK_AT) ||
	    z.n_slots == 0 || (z.n_slots & (z.n_slots - 1)) != 0 ||
	    z.n_slots > (len - z.slots_at) / SLOT_BYTES)
		return -ERR_UNAVAILABLE;
	z.id = load_u32(p + ZONE_ID_AT);
	z.serial = load_u32(p + ZONE_SERIAL_AT);
	z.negative_ttl = load_u32(p + ZONE_NEGATIVE_TTL_AT);
	z.soa_at = load_u32(p + ZONE_SOA_AT);
	z.apex = p + ZONE_HEADER_BYTES;
	z.apex_labels = p[ZONE_APEX_LABELS_AT];
	z.probes = p[ZONE_PROBES_AT];
	z.has_wildcards = p[ZONE_FLAGS_AT] & ZONE_FLAG_WILDCARDS;
	z.has_delegations = p[ZONE_FLAGS_AT] & ZONE_FLAG_DELEGATIONS;
	z.is_denied = p[ZONE_FLAGS_AT] & ZONE_FLAG_DENIED;
	*ret_zone = z;
	return 0;
}

/* The node at an offset; its name goes to *ret_name, ret_node->sets[-len]. False if it does not lie inside the blob. */
static bool node_open(const struct zone *z, uint32_t at, const uint8_t **ret_name, size_t *ret_len,
		      struct zone_node *ret_node)
{
	const uint8_t *p;

	if (at > z->len - NODE_HEADER_BYTES)
		return false;
	p = z->blob + at;
	if (p[0] > z->len - NODE_HEADER_BYTES - at)
		return false;
	*ret_name = p + NODE_HEADER_BYTES;
	*ret_len = p[0];
	*ret_node = (struct zone_node){
		.sets = p + NODE_HEADER_BYTES + p[0],
		.left = z->len - at - NODE_HEADER_BYTES - p[0],
		.n_sets = load_u16(p + 2),
		.is_delegation = p[1] & NODE_FLAG_DELEGATION,
	};
	return true;
}

bool zone_find(const struct zone *z, const uint8_t *relative, size_t len,
	       struct zone_node *ret_node)
{
	const uint64_t hash = zone_hash(z->blob + ZONE_KEY_AT, relative, len);
	const uint8_t *slots = z->blob + z->slots_at, *name;
	const uint32_t tag = (uint32_t)(hash >> 32), mask = z->n_slots - 1;
	size_t name_len;

	for (uint32_t i = 0; i < z->probes; i++) {
		const uint8_t *slot = slots + (size_t)(((uint32_t)hash + i) & mask) * SLOT_BYTES;
		const uint32_t at = load_u32(slot + 4);

		if (at == 0)
			return false;
		if (load_u32(slot) == tag && node_open(z, at, &name, &name_len, ret_node) &&
		    name_len == len && memcmp(name, relative, len) == 0)
			return true;
	}
	return false;
}

/* The set at p and what follows it. False if it does not lie inside. */
static bool set_open(const uint8_t *p, size_t left, struct zone_rrset *ret_set, size_t *ret_size)
{
	uint32_t len;

	if (left < SET_HEADER_BYTES)
		return false;
	len = load_u32(p + 4);
	if (len > ZONE_SET_BYTES_MAX || len > left - SET_HEADER_BYTES)
		return false;
	*ret_set = (struct zone_rrset){.type = load_u16(p),
				       .count = load_u16(p + 2),
				       .wire = p + SET_HEADER_BYTES,
				       .len = len};
	*ret_size = SET_HEADER_BYTES + len;
	return true;
}

bool zone_node_set(const struct zone_node *node, uint16_t type, struct zone_rrset *ret_set)
{
	const uint8_t *p = node->sets;
	size_t left = node->left, size;

	for (unsigned i = 0; i < node->n_sets; i++, p += size, left -= size) {
		struct zone_rrset set;

		if (!set_open(p, left, &set, &size) || set.type > type)
			return false;
		if (set.type == type) {
			*ret_set = set;
			return true;
		}
	}
	return false;
}

bool zone_node_nth(const struct zone_node *node, size_t n, struct zone_rrset *ret_set)
{
	const uint8_t *p = node->sets;
	size_t left = node->left, size;

	for (size_t i = 0; i < node->n_sets; i++, p += size, left -= size) {
		if (!set_open(p, left, ret_set, &size))
			return false;
		if (i == n)
			return true;
	}
	return false;
}

bool zone_soa(const struct zone *z, struct zone_rrset *ret_set)
{
	size_t size;

	return z->soa_at < z->len &&
	       set_open(z->blob + z->soa_at, z->len - z->soa_at, ret_set, &size) &&
	       ret_set->type == RR_SOA;
}

bool zone_rrset_next(const struct zone_rrset *set, size_t *at, struct zone_rdata *ret_rdata,
		     uint32_t *ret_ttl)
{
	const uint8_t *p = set->wire + *at;
	uint16_t len;

	if (*at >= set->len || set->len - *at < RR_HEADER_BYTES)
		return false;
	len = be16(p + 10);
	if (len > set->len - *at - RR_HEADER_BYTES)
		return false;
	*ret_rdata = (struct zone_rdata){.bytes = p + RR_HEADER_BYTES, .len = len};
	*ret_ttl = be32(p + 6);
	*at += RR_HEADER_BYTES + len;
	return true;
}

int zone_next(const struct zone *z, uint32_t *slot, const uint8_t **ret_relative, size_t *ret_len,
	      struct zone_node *ret_node)
{
	while (*slot < z->n_slots) {
		const uint32_t at =
			load_u32(z->blob + z->slots_at + (size_t)(*slot)++ * SLOT_BYTES + 4);

		if (at != 0)
			return node_open(z, at, ret_relative, ret_len, ret_node) ? 1
										 : -ERR_UNAVAILABLE;
	}
	return 0;
}

int zone_each(const struct zone *z, zone_node_fn *fn, void *arg)
{
	struct zone_node node;
	const uint8_t *name;
	uint32_t slot = 0;
	size_t len;
	int r;

	while ((r = zone_next(z, &slot, &name, &len, &node)) > 0) {
		r = fn(name, len, &node, arg);
		if (r != 0)
			return r;
	}
	return r;
}

/* --- the walk that checks ------------------------------------------------------------------------------------ */

static bool rrset_is_good(const struct zone_rrset *set)
{
	static const uint8_t owner[] = {RR_OWNER};
	struct zone_rdata rdata;
	uint32_t ttl;
	size_t at = 0, n = 0;

	while (at < set->len) {
		const uint8_t *p = set->wire + at;

		if (!zone_rrset_next(set, &at, &rdata, &ttl) ||
		    memcmp(p, owner, sizeof(owner)) != 0 || be16(p + 2) != set->type ||
		    be16(p + 4) != RR_CLASS_IN || ttl > ZONE_TTL_MAX ||
		    !rdata_is_good(set->type, rdata.bytes, rdata.len))
			return false;
		n++;
	}
	return n > 0 && n == set->count;
}

/* *ret_size: all its sets together. */
static bool sets_are_good(const struct zone_node *node, size_t *ret_size)
{
	const uint8_t *p = node->sets;
	size_t left = node->left, size;
	unsigned before = 0;

	for (unsigned i = 0; i < node->n_sets; i++, p += size, left -= size) {
		struct zone_rrset set;

		if (!set_open(p, left, &set, &size) || set.type <= before || !rrset_is_good(&set) ||
		    (set.type == RR_CNAME && node->n_sets != 1))
			return false;
		before = set.type;
	}
	*ret_size = node->left - left;
	return true;
}

static bool name_is_good(const uint8_t *relative, size_t len)
{
	size_t at = 0;

	while (at < len) {
		if (relative[at] == 0 || relative[at] > DNAME_LABEL)
			return false;
		at += relative[at] + 1u;
	}
	return at == len;
}

struct walk {
	const struct zone *z;
	uint32_t nodes;
	size_t bytes, sets;
	bool wildcards, delegations, soa;
};

static int node_check(const uint8_t *name, size_t len, const struct zone_node *node, void *arg)
{
	struct walk *w = arg;
	struct zone_rrset set;
	struct zone_node found;
	size_t size;

	if (!name_is_good(name, len) || len + w->z->apex_len > DNAME_MAX ||
	    !sets_are_good(node, &size) || !zone_find(w->z, name, len, &found) ||
	    found.sets != node->sets ||
	    (len > 0 && !zone_find(w->z, name + name[0] + 1, len - name[0] - 1u, &found)) ||
	    node->is_delegation != (len > 0 && zone_node_set(node, RR_NS, &set)))
		return -ERR_UNAVAILABLE;
	if (zone_node_set(node, RR_SOA, &set)) {
		if (len > 0 || set.count != 1 ||
		    set.wire != w->z->blob + w->z->soa_at + SET_HEADER_BYTES)
			return -ERR_UNAVAILABLE;
		w->soa = true;
	}
	w->wildcards |= len >= 2 && name[0] == 1 && name[1] == '*';
	w->delegations |= node->is_delegation;
	w->nodes++;
	w->sets += node->n_sets;
	w->bytes += NODE_HEADER_BYTES + len + size;
	return 0;
}

/* The nodes fill what is behind the slots: none lies over another, nothing lies between. Where all is denied there is but the SOA. */
static bool walk_is_whole(const struct walk *w)
{
	const struct zone *z = w->z;

	return (!z->is_denied || w->sets == 1) && w->nodes == load_u32(z->blob + ZONE_NODES_AT) &&
	       w->nodes <= z->n_slots / 2 && w->soa && w->wildcards == z->has_wildcards &&
	       w->delegations == z->has_delegations &&
	       z->slots_at + (size_t)z->n_slots * SLOT_BYTES + w->bytes == z->len;
}

int zone_verify(const void *blob, size_t len)
{
	struct zone z;
	struct walk w = {.z = &z};
	uint8_t folded[DNAME_MAX];
	int r = zone_open(blob, len, &z);

	if (r < 0)
		return r;
	if (load_u64(z.blob + ZONE_CHECK_AT) != zone_whole_check(z.blob, z.len) ||
	    dname_size(z.apex, z.apex_len) != z.apex_len || dname_labels(z.apex) != z.apex_labels ||
	    z.probes == 0 || z.negative_ttl > ZONE_TTL_MAX ||
	    (z.blob[ZONE_FLAGS_AT] &
	     ~(ZONE_FLAG_WILDCARDS | ZONE_FLAG_DELEGATIONS | ZONE_FLAG_DENIED)) != 0)
		return -ERR_UNAVAILABLE;
	memcpy(folded, z.apex, z.apex_len);
	dname_fold(folded, z.apex_len);
	if (memcmp(folded, z.apex, z.apex_len) != 0)
		return -ERR_UNAVAILABLE;
	r = zone_each(&z, node_check, &w);
	return r < 0 || !walk_is_whole(&w) ? -ERR_UNAVAILABLE : 0;
}
