/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Building a zone blob (zone.h draws it): the sets are sorted by name and type, every name on the way to the apex becomes a node, and
 * the nodes are written one after another behind the slots.
 */
#include "tables/zone_int.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#define PROBES_MAX 32 /* more, and another key is tried */
#define KEYS_MAX   16 /* that failed, and the slots are doubled */

/* Secondaries are not told of changes: they ask often. */
#define SOA_REFRESH 60
#define SOA_RETRY   30
#define SOA_EXPIRE  604800

/* A set with its name relative to the apex, folded. */
struct item {
	const struct zone_set *set;
	uint8_t len;
	uint8_t name[DNAME_MAX];
};

struct node {
	const uint8_t *name; /* in an item's name */
	uint8_t len;
	size_t first, n; /* of the items */
	uint32_t at;	 /* in the blob */
};

struct build {
	const struct zone_source *src;
	struct err *e;
	uint8_t apex[DNAME_MAX];
	size_t apex_len;
	struct item *items;
	const struct item **sorted;
	size_t n_items;
	struct node *nodes; /* by name */
	size_t n_nodes;
	uint32_t n_slots;
	uint8_t key[ZONE_KEY_BYTES];
	uint8_t *blob;
	size_t len;
	/* What is made for the apex. */
	uint8_t soa[2 * DNAME_MAX + 20], ns[DNAME_MAX];
	struct zone_rdata soa_rdata, ns_rdata;
	struct zone_set made[2];
};

static int no_memory(struct err *e)
{
	return err_set(e, ERR_NOMEM, NULL, "out of memory");
}

/* --- the sets ------------------------------------------------------------------------------------------------- */

static int set_fail(const struct build *b, const struct zone_set *set, const char *text)
{
	char path[32], name[DNAME_TEXT_MAX];
	const char *type = rr_type_text(set->type);

	if (set < b->src->sets || set >= b->src->sets + b->src->n_sets)
		return err_set(b->e, ERR_INVALID, NULL, "the zone's own records: %s", text);
	(void)snprintf(path, sizeof(path), "records[%zu]", (size_t)(set - b->src->sets));
	return err_set(b->e, ERR_INVALID, path, "%.200s %s: %s", dname_format(set->owner, name),
		       type ? type : "?", text);
}

static size_t set_wire_len(const struct zone_set *set)
{
	size_t len = 0;

	for (size_t i = 0; i < set->n; i++)
		len += RR_HEADER_BYTES + set->rdata[i].len;
	return len;
}

static bool has_twice(const struct zone_set *set)
{
	for (size_t i = 1; i < set->n; i++) {
		for (size_t k = 0; k < i; k++) {
			if (set->rdata[i].len == set->rdata[k].len &&
			    memcmp(set->rdata[i].bytes, set->rdata[k].bytes, set->rdata[i].len) ==
				    0)
				return true;
		}
	}
	return false;
}

static int set_check(const struct build *b, const struct zone_set *set)
{
	if (set->n == 0)
		return set_fail(b, set, "a record set has at least one value");
	if (set->ttl > ZONE_TTL_MAX)
		return set_fail(b, set, "a TTL is at most 2147483647");
	for (size_t i = 0; i < set->n; i++) {
		if (!rdata_is_good(set->type, set->rdata[i].bytes, set->rdata[i].len))
			return set_fail(b, set, "the value is not what this type wants");
	}
	if (set->n > UINT16_MAX || set_wire_len(set) > ZONE_SET_BYTES_MAX)
		return set_fail(b, set, "the values do not fit into one message");
	if (has_twice(set))
		return set_fail(b, set, "a value is there twice");
	if (set->type == RR_CNAME && set->n > 1)
		return set_fail(b, set, "a CNAME has one value");
	return 0;
}

static int item_make(struct build *b, const struct zone_set *set)
{
	struct item *item = &b->items[b->n_items];
	const size_t len = dname_size(set->owner, DNAME_MAX);
	uint8_t name[DNAME_MAX];
	int below, r;

	assert(len > 0);
	memcpy(name, set->owner, len);
	dname_fold(name, len);
	below = dname_below(name, len, b->apex, b->apex_len);
	if (below < 0)
		return set_fail(b, set, "the name is not inside the zone");
	r = set_check(b, set);
	if (r < 0)
		return r;
	if (set->type == RR_SOA && set != &b->made[0])
		return set_fail(b, set, "the SOA is made by the system");
	if (set->type == RR_NS && below >= 2 && name[0] == 1 && name[1] == '*')
		return set_fail(b, set, "a wildcard delegates nothing");
	item->set = set;
	item->len = (uint8_t)below;
	memcpy(item->name, name, (size_t)below);
	b->sorted[b->n_items++] = item;
	return 0;
}

static int name_cmp(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	const int r = memcmp(a, b, a_len < b_len ? a_len : b_len);

	return r ? r : (a_len > b_len) - (a_len < b_len);
}

static int item_cmp(const void *x, const void *y)
{
	const struct item *const *a = x, *const *b = y;
	const int r = name_cmp((*a)->name, (*a)->len, (*b)->name, (*b)->len);

	return r ? r : ((*a)->set->type > (*b)->set->type) - ((*a)->set->type < (*b)->set->type);
}

static int neighbours_check(const struct build *b)
{
	for (size_t i = 1; i < b->n_items; i++) {
		const struct item *x = b->sorted[i - 1], *y = b->sorted[i];

		if (name_cmp(x->name, x->len, y->name, y->len) != 0)
			continue;
		/* Of the two, the later in the source is to blame, and never what is made. */
		if (x->set->type == y->set->type)
			return set_fail(b, x->set > y->set ? x->set : y->set,
					"this name has a record set of this type already");
		if (x->set->type == RR_CNAME || y->set->type == RR_CNAME)
			return set_fail(
				b, x->set->type == RR_CNAME ? x->set : y->set,
				"a CNAME stands alone at its name, and never at the zone's own");
	}
	return 0;
}

/* --- what is made --------------------------------------------------------------------------------------------- */

static uint8_t *be32_put(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
	return p + 4;
}

/* "label.<apex>", or the apex itself if that would be too long. Where there is no such name as the apex: the one above. */
static uint8_t *name_under(const struct build *b, uint8_t *p, const char *label)
{
	const size_t up = b->src->is_denied && b->apex[0] ? b->apex[0] + 1u : 0;
	const size_t n = strlen(label), len = b->apex_len - up;

	if (len + n + 1 <= DNAME_MAX) {
		*p++ = (uint8_t)n;
		memcpy(p, label, n);
		p += n;
	}
	memcpy(p, b->apex + up, len);
	return p + len;
}

static void soa_make(struct build *b)
{
	uint8_t *p = name_under(b, b->soa, "ns");

	p = name_under(b, p, "hostmaster");
	p = be32_put(p, b->src->serial);
	p = be32_put(p, SOA_REFRESH);
	p = be32_put(p, SOA_RETRY);
	p = be32_put(p, SOA_EXPIRE);
	p = be32_put(p, b->src->minimum);
	b->soa_rdata = (struct zone_rdata){b->soa, (uint16_t)(p - b->soa)};
	b->made[0] = (struct zone_set){b->apex, RR_SOA, b->src->ttl, &b->soa_rdata, 1};
	p = name_under(b, b->ns, "ns");
	b->ns_rdata = (struct zone_rdata){b->ns, (uint16_t)(p - b->ns)};
	b->made[1] = (struct zone_set){b->apex, RR_NS, b->src->ttl, &b->ns_rdata, 1};
}

static int items_make(struct build *b)
{
	bool has_ns = false;
	int r;

	b->items = calloc(b->src->n_sets + 2, sizeof(*b->items));
	b->sorted = calloc(b->src->n_sets + 2, sizeof(const struct item *));
	if (!b->items || !b->sorted)
		return no_memory(b->e);
	soa_make(b);
	r = item_make(b, &b->made[0]);
	for (size_t i = 0; i < b->src->n_sets && r == 0; i++) {
		r = item_make(b, &b->src->sets[i]);
		if (r == 0 && b->src->sets[i].type == RR_NS)
			has_ns |= b->items[b->n_items - 1].len == 0;
	}
	if (r == 0 && !has_ns && !b->src->is_denied)
		r = item_make(b, &b->made[1]);
	if (r < 0)
		return r;
	qsort(b->sorted, b->n_items, sizeof(const struct item *), item_cmp);
	return neighbours_check(b);
}

/* --- nodes ---------------------------------------------------------------------------------------------------- */

static int node_cmp(const void *x, const void *y)
{
	const struct node *a = x, *b = y;

	return name_cmp(a->name, a->len, b->name, b->len);
}

/* Each name and all above it, as often as they come. */
static size_t names_list(const struct build *b, struct node *nodes)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n_items; i++) {
		const struct item *item = b->sorted[i];

		for (size_t at = 0;; at += item->name[at] + 1u) {
			if (nodes)
				nodes[n] = (struct node){.name = item->name + at,
							 .len = (uint8_t)(item->len - at)};
			n++;
			if (at == item->len)
				break;
		}
	}
	return n;
}

/* Both lists are in one order. */
static void nodes_fill(struct build *b)
{
	size_t item = 0;

	for (size_t i = 0; i < b->n_nodes; i++) {
		struct node *n = &b->nodes[i];

		n->first = item;
		while (item < b->n_items &&
		       name_cmp(b->sorted[item]->name, b->sorted[item]->len, n->name, n->len) == 0)
			item++;
		n->n = item - n->first;
	}
	assert(item == b->n_items);
}

static int nodes_make(struct build *b)
{
	const size_t all = names_list(b, NULL);
	size_t n = 0;

	assert(all > 0);
	b->nodes = calloc(all, sizeof(*b->nodes));
	if (!b->nodes)
		return no_memory(b->e);
	names_list(b, b->nodes);
	qsort(b->nodes, all, sizeof(*b->nodes), node_cmp);
	for (size_t i = 0; i < all; i++) {
		if (n == 0 || node_cmp(&b->nodes[n - 1], &b->nodes[i]) != 0)
			b->nodes[n++] = b->nodes[i];
	}
	b->n_nodes = n;
	nodes_fill(b);
	return 0;
}

/* --- slots ---------------------------------------------------------------------------------------------------- */

/* Slots for every node under the key; how many finding one looks at, 0 if too many. slots: zero before. */
static unsigned slots_fill(const struct build *b, uint8_t *slots)
{
	const uint32_t mask = b->n_slots - 1;
	unsigned most = 0;

	for (size_t i = 0; i < b->n_nodes; i++) {
		const uint64_t hash = zone_hash(b->key, b->nodes[i].name, b->nodes[i].len);
		uint8_t *slot;
		unsigned n = 0;

		do {
			if (n == PROBES_MAX)
				return 0;
			slot = slots + (size_t)(((uint32_t)hash + n++) & mask) * SLOT_BYTES;
		} while (load_u32(slot + 4) != 0);
		save_u32(slot, (uint32_t)(hash >> 32));
		save_u32(slot + 4, (uint32_t)i + 1); /* the offset comes when it is known */
		if (n > most)
			most = n;
	}
	return most;
}

/* *ret_slots is the caller's. Two names with one hash under every key would need a broken SipHash. */
static int slots_make(struct build *b, uint8_t **ret_slots, unsigned *ret_probes)
{
	for (b->n_slots = 4; b->n_slots < b->n_nodes * 2; b->n_slots *= 2)
		;
	for (;; b->n_slots *= 2) {
		uint8_t *slots = malloc((size_t)b->n_slots * SLOT_BYTES);

		if (!slots) {
			(void)no_memory(b->e);
			return -ERR_NOMEM;
		}
		for (int i = 0; i < KEYS_MAX; i++) {
			memset(slots, 0, (size_t)b->n_slots * SLOT_BYTES);
			*ret_probes = slots_fill(b, slots);
			if (*ret_probes > 0) {
				*ret_slots = slots;
				return 0;
			}
			save_u64(b->key, load_u64(b->key) + 1);
		}
		free(slots);
	}
}

/* --- writing -------------------------------------------------------------------------------------------------- */

static uint8_t *be16_put(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
	return p + 2;
}

static uint8_t *set_write(uint8_t *p, const struct zone_set *set)
{
	save_u16(p, set->type);
	save_u16(p + 2, (uint16_t)set->n);
	save_u32(p + 4, (uint32_t)set_wire_len(set));
	p += SET_HEADER_BYTES;
	for (size_t i = 0; i < set->n; i++) {
		p = be16_put(p, 0xc00c);
		p = be16_put(p, set->type);
		p = be16_put(p, RR_CLASS_IN);
		p = be32_put(p, set->ttl);
		p = be16_put(p, set->rdata[i].len);
		memcpy(p, set->rdata[i].bytes, set->rdata[i].len);
		p += set->rdata[i].len;
	}
	return p;
}

static bool node_is_delegation(const struct build *b, const struct node *n)
{
	for (size_t i = 0; i < n->n && n->len > 0; i++) {
		if (b->sorted[n->first + i]->set->type == RR_NS)
			return true;
	}
	return false;
}

static uint8_t *node_write(struct build *b, struct node *n, uint8_t *p)
{
	const bool delegation = node_is_delegation(b, n);

	n->at = (uint32_t)(p - b->blob);
	p[0] = n->len;
	p[1] = delegation ? NODE_FLAG_DELEGATION : 0;
	save_u16(p + 2, (uint16_t)n->n);
	memcpy(p + NODE_HEADER_BYTES, n->name, n->len);
	p += NODE_HEADER_BYTES + n->len;
	for (size_t i = 0; i < n->n; i++) {
		const struct zone_set *set = b->sorted[n->first + i]->set;

		if (set == &b->made[0])
			save_u32(b->blob + ZONE_SOA_AT, (uint32_t)(p - b->blob));
		p = set_write(p, set);
	}
	if (delegation)
		b->blob[ZONE_FLAGS_AT] |= ZONE_FLAG_DELEGATIONS;
	if (n->len >= 2 && n->name[0] == 1 && n->name[1] == '*')
		b->blob[ZONE_FLAGS_AT] |= ZONE_FLAG_WILDCARDS;
	return p;
}

static size_t blob_size(const struct build *b)
{
	size_t len = zone_slots_offset(b->apex_len) + (size_t)b->n_slots * SLOT_BYTES;

	for (size_t i = 0; i < b->n_nodes; i++)
		len += NODE_HEADER_BYTES + b->nodes[i].len;
	for (size_t i = 0; i < b->n_items; i++)
		len += SET_HEADER_BYTES + set_wire_len(b->sorted[i]->set);
	return len;
}

static void header_write(struct build *b, unsigned probes)
{
	const struct zone_source *src = b->src;
	uint8_t *p = b->blob;

	save_u32(p, ZONE_MAGIC);
	save_u32(p + ZONE_LEN_AT, (uint32_t)b->len);
	save_u32(p + ZONE_ID_AT, src->id);
	save_u32(p + ZONE_SERIAL_AT, src->serial);
	memcpy(p + ZONE_KEY_AT, b->key, ZONE_KEY_BYTES);
	save_u32(p + ZONE_NEGATIVE_TTL_AT, src->ttl < src->minimum ? src->ttl : src->minimum);
	save_u32(p + ZONE_NODES_AT, (uint32_t)b->n_nodes);
	save_u32(p + ZONE_SLOTS_AT, b->n_slots);
	p[ZONE_APEX_LEN_AT] = (uint8_t)b->apex_len;
	p[ZONE_APEX_LABELS_AT] = (uint8_t)dname_labels(b->apex);
	p[ZONE_FLAGS_AT] = src->is_denied ? ZONE_FLAG_DENIED : 0;
	p[ZONE_PROBES_AT] = (uint8_t)probes;
	memcpy(p + ZONE_HEADER_BYTES, b->apex, b->apex_len);
}

void zone_seal(uint8_t *blob, size_t len)
{
	save_u64(blob + ZONE_CHECK_AT, zone_whole_check(blob, len));
	save_u32(blob + ZONE_HEAD_CHECK_AT, zone_head_check(blob));
}

static int blob_write(struct build *b)
{
	uint8_t *slots = NULL, *p, *to;
	unsigned probes = 0;
	int r = slots_make(b, &slots, &probes);

	if (r != 0)
		return r;
	b->len = blob_size(b);
	if (b->len > ZONE_BLOB_MAX) {
		free(slots);
		return err_set(b->e, ERR_TOO_LARGE, NULL, "a zone takes at most %u bytes",
			       ZONE_BLOB_MAX);
	}
	b->blob = calloc(1, b->len);
	if (!b->blob) {
		free(slots);
		return no_memory(b->e);
	}
	header_write(b, probes);
	to = b->blob + zone_slots_offset(b->apex_len);
	p = to + (size_t)b->n_slots * SLOT_BYTES;
	for (size_t i = 0; i < b->n_nodes; i++)
		p = node_write(b, &b->nodes[i], p);
	assert(p == b->blob + b->len);
	for (size_t i = 0; i < b->n_slots; i++) {
		const uint32_t node = load_u32(slots + i * SLOT_BYTES + 4);

		if (node > 0)
			save_u32(slots + i * SLOT_BYTES + 4, b->nodes[node - 1].at);
	}
	memcpy(to, slots, (size_t)b->n_slots * SLOT_BYTES);
	free(slots);
	zone_seal(b->blob, b->len);
	return 0;
}

int zone_build(const struct zone_source *src, const uint8_t key[ZONE_KEY_BYTES], uint8_t **ret_blob,
	       size_t *ret_len, struct err *e)
{
	struct build b = {.src = src, .e = e, .apex_len = dname_size(src->apex, DNAME_MAX)};
	int r;

	assert(b.apex_len > 0 && src->ttl <= ZONE_TTL_MAX && src->minimum <= ZONE_TTL_MAX);
	assert(!src->is_denied || src->n_sets == 0);
	if (src->n_sets > ZONE_SETS_MAX)
		return err_set(e, ERR_TOO_LARGE, "records", "a zone has at most %u record sets",
			       ZONE_SETS_MAX);
	memcpy(b.apex, src->apex, b.apex_len);
	dname_fold(b.apex, b.apex_len);
	memcpy(b.key, key, sizeof(b.key));
	r = items_make(&b);
	if (r == 0)
		r = nodes_make(&b);
	if (r == 0)
		r = blob_write(&b);
	free(b.items);
	free(b.sorted);
	free(b.nodes);
	if (r != 0)
		return r;
	*ret_blob = b.blob;
	*ret_len = b.len;
	return 0;
}

/* The serial stands in the header and behind the two names of the SOA. */
void zone_serial_set(uint8_t *blob, size_t len, uint32_t serial)
{
	uint8_t *soa = blob + load_u32(blob + ZONE_SOA_AT) + SET_HEADER_BYTES + RR_HEADER_BYTES;

	soa += dname_size(soa, DNAME_MAX);
	soa += dname_size(soa, DNAME_MAX);
	be32_put(soa, serial);
	save_u32(blob + ZONE_SERIAL_AT, serial);
	zone_seal(blob, len);
}
