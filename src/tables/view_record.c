/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The records of views, host byte order, nothing aligned:
 *
 *	link    key     0 u32 id of the router   4 domain in wire form, folded
 *	        value   0 u64 check of the key and of all behind
 *	                8 zones, the one that is asked first: u32 zone id, u32 flags, u32 rank, u32 id of the owner; ..
 *
 *	linked  key     0 u32 id of the router   4 u32 id of the owner
 *	        value   0 u64 check of the key and of all behind
 *	                8 u8 rank, u8 length, domain in wire form, folded; ..
 *
 *	view    0 "PVC1"   4 u32 length of the whole   8 u32 id of the router, as the key   12 u32 flags
 *	config 16 u8 how many label counts   17 u8 servers   18 u16 forwards
 *	       20 u8 labels, u32 how many linked domains have so many, by labels; ..
 *	       .. servers: u8 family, 16 octets of address, u16 port
 *	       .. forwards, by domain: u8 length, domain in wire form, u8 how many servers, servers
 *	       .. u64 XXH3 of all before
 */
#include "tables/view_record.h"
#include "wire/cursor.h"

#include <assert.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#define VIEW_MAGIC	    0x31435650u /* "PVC1" */
#define VIEW_HEADER_BYTES   20
#define SERVER_BYTES	    19
#define CHECK_BYTES	    8
#define LINKED_HEADER_BYTES 2
#define ENTRY_BYTES	    16

/* --- links ---------------------------------------------------------------------------------------------------- */

size_t link_key_encode(uint32_t router, const uint8_t *domain, size_t len,
		       uint8_t dst[LINK_KEY_MAX])
{
	save_u32(dst, router);
	memcpy(dst + 4, domain, len);
	return 4 + len;
}

static bool domain_is_good(const uint8_t *p, size_t len)
{
	if (len == 0 || dname_size(p, len) != len)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (p[i] >= 'A' && p[i] <= 'Z')
			return false;
	}
	return true;
}

int link_entry_cmp(const void *a, const void *b)
{
	const struct link_entry *x = a, *y = b;

	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return (x->owner > y->owner) - (x->owner < y->owner);
}

size_t link_record_size(size_t n)
{
	return CHECK_BYTES + n * ENTRY_BYTES;
}

static uint64_t link_check(const MDB_val *key, const uint8_t *record, size_t len)
{
	return XXH3_64bits_withSeed(key->mv_data, key->mv_size,
				    XXH3_64bits(record + CHECK_BYTES, len - CHECK_BYTES));
}

void link_record_encode(const MDB_val *key, const struct link_entry *entries, size_t n,
			uint8_t *dst)
{
	uint8_t *p = dst + CHECK_BYTES;

	for (size_t i = 0; i < n; i++, p += ENTRY_BYTES) {
		save_u32(p, entries[i].zone);
		save_u32(p + 4, entries[i].flags);
		save_u32(p + 8, entries[i].rank);
		save_u32(p + 12, entries[i].owner);
	}
	save_u64(dst, link_check(key, dst, link_record_size(n)));
}

struct link_entry link_record_entry(const MDB_val *v, size_t i)
{
	const uint8_t *p = (const uint8_t *)v->mv_data + CHECK_BYTES + i * ENTRY_BYTES;

	return (struct link_entry){.zone = load_u32(p),
				   .flags = load_u32(p + 4),
				   .rank = load_u32(p + 8),
				   .owner = load_u32(p + 12)};
}

int link_record_decode(const MDB_val *key, const MDB_val *v, size_t *ret_n)
{
	if (v->mv_size < link_record_size(1) || (v->mv_size - CHECK_BYTES) % ENTRY_BYTES != 0 ||
	    key->mv_size < 5 || key->mv_size > LINK_KEY_MAX ||
	    load_u64(v->mv_data) != link_check(key, v->mv_data, v->mv_size))
		return -ERR_UNAVAILABLE;
	*ret_n = (v->mv_size - CHECK_BYTES) / ENTRY_BYTES;
	return 0;
}

int link_record_check(const MDB_val *key, const MDB_val *v)
{
	const uint8_t *k = key->mv_data;
	struct link_entry before, entry;
	size_t n = 0;
	int r = link_record_decode(key, v, &n);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++, before = entry) {
		entry = link_record_entry(v, i);
		if ((entry.flags & ~VIEW_LINK_FALL_THROUGH) != 0 || entry.rank > VIEW_RANK_LAST ||
		    (i > 0 && link_entry_cmp(&before, &entry) >= 0))
			return -ERR_UNAVAILABLE;
	}
	return domain_is_good(k + 4, key->mv_size - 4) ? 0 : -ERR_UNAVAILABLE;
}

/* --- what an owner has linked ----------------------------------------------------------------------------------- */

void linked_item_make(const uint8_t *domain, uint32_t rank, struct linked_item *ret_item)
{
	const size_t len = dname_size(domain, DNAME_MAX);

	assert(len > 0 && rank <= VIEW_RANK_LAST);
	*ret_item = (struct linked_item){.rank = (uint8_t)rank, .len = (uint8_t)len};
	memcpy(ret_item->domain, domain, len);
	dname_fold(ret_item->domain, len);
}

int linked_item_cmp(const void *a, const void *b)
{
	const struct linked_item *x = a, *y = b;
	int r = x->rank - y->rank;

	if (r == 0)
		r = x->len - y->len;
	return r ? r : memcmp(x->domain, y->domain, x->len);
}

void linked_key_encode(uint32_t router, uint32_t owner, uint8_t dst[LINKED_KEY_BYTES])
{
	save_u32(dst, router);
	save_u32(dst + 4, owner);
}

size_t linked_record_size(const struct linked_item *items, size_t n)
{
	size_t len = CHECK_BYTES;

	for (size_t i = 0; i < n; i++)
		len += LINKED_HEADER_BYTES + items[i].len;
	return len;
}

static uint64_t linked_check(const MDB_val *key, const uint8_t *record, size_t len)
{
	return XXH3_64bits_withSeed(record + CHECK_BYTES, len - CHECK_BYTES,
				    load_u64(key->mv_data));
}

void linked_record_encode(const MDB_val *key, const struct linked_item *items, size_t n,
			  uint8_t *dst)
{
	uint8_t *p = dst + CHECK_BYTES;

	for (size_t i = 0; i < n; i++) {
		*p++ = items[i].rank;
		*p++ = items[i].len;
		memcpy(p, items[i].domain, items[i].len);
		p += items[i].len;
	}
	save_u64(dst, linked_check(key, dst, (size_t)(p - dst)));
}

bool linked_record_next(const MDB_val *v, size_t *at, struct linked_item *ret_item)
{
	const uint8_t *p = v->mv_data;

	if (*at == 0)
		*at = CHECK_BYTES;
	if (v->mv_size < *at + LINKED_HEADER_BYTES)
		return false;
	p += *at;
	if (p[0] > VIEW_RANK_LAST || p[1] > v->mv_size - *at - LINKED_HEADER_BYTES ||
	    !domain_is_good(p + LINKED_HEADER_BYTES, p[1]))
		return false;
	linked_item_make(p + LINKED_HEADER_BYTES, p[0], ret_item);
	*at += LINKED_HEADER_BYTES + p[1];
	return true;
}

int linked_record_check(const MDB_val *key, const MDB_val *v)
{
	struct linked_item item = {0}, before;
	size_t at = 0, n = 0;

	if (key->mv_size != LINKED_KEY_BYTES || v->mv_size < CHECK_BYTES ||
	    load_u64(v->mv_data) != linked_check(key, v->mv_data, v->mv_size))
		return -ERR_UNAVAILABLE;
	for (; before = item, linked_record_next(v, &at, &item); n++) {
		if (n > 0 && linked_item_cmp(&before, &item) >= 0)
			return -ERR_UNAVAILABLE;
	}
	return n > 0 && at == v->mv_size ? 0 : -ERR_UNAVAILABLE;
}

/* --- the config: writing --------------------------------------------------------------------------------------- */

size_t view_record_size(const struct view_config *v, const uint32_t counts[VIEW_DEPTHS])
{
	size_t len = VIEW_HEADER_BYTES + v->n_servers * (size_t)SERVER_BYTES + CHECK_BYTES;

	for (unsigned i = 0; i < VIEW_DEPTHS; i++)
		len += counts[i] ? 5 : 0;
	for (size_t i = 0; i < v->n_forwards; i++)
		len += 2u + v->forwards[i].domain_len +
		       v->forwards[i].n_servers * (size_t)SERVER_BYTES;
	return len;
}

static uint8_t *servers_put(uint8_t *p, const struct view_server *s, size_t n)
{
	for (size_t i = 0; i < n; i++, p += SERVER_BYTES) {
		assert(s[i].port && s[i].addr.family != ADDR_NONE);
		p[0] = s[i].addr.family;
		save_u64(p + 1, s[i].addr.hi);
		save_u64(p + 9, s[i].addr.lo);
		save_u16(p + 17, s[i].port);
	}
	return p;
}

void view_record_encode(const struct view_config *v, const uint32_t counts[VIEW_DEPTHS],
			uint8_t *dst, size_t len)
{
	uint8_t *p = dst + VIEW_HEADER_BYTES, n = 0;

	save_u32(dst, VIEW_MAGIC);
	save_u32(dst + 4, (uint32_t)len);
	save_u32(dst + 8, v->router);
	save_u32(dst + 12, v->flags);
	for (unsigned i = 0; i < VIEW_DEPTHS; i++) {
		if (!counts[i])
			continue;
		*p++ = (uint8_t)i;
		save_u32(p, counts[i]);
		p += 4;
		n++;
	}
	dst[16] = n;
	dst[17] = v->n_servers;
	save_u16(dst + 18, (uint16_t)v->n_forwards);
	p = servers_put(p, v->servers, v->n_servers);
	for (size_t i = 0; i < v->n_forwards; i++) {
		const struct view_forward *f = &v->forwards[i];

		*p++ = f->domain_len;
		memcpy(p, f->domain, f->domain_len);
		p += f->domain_len;
		*p++ = f->n_servers;
		p = servers_put(p, f->servers, f->n_servers);
	}
	assert(p == dst + len - CHECK_BYTES);
	save_u64(p, XXH3_64bits(dst, len - CHECK_BYTES));
}

/* --- the config: reading --------------------------------------------------------------------------------------- */

/* Sets c->bad if a server is none. */
static void servers_take(struct cursor *c, struct view_server *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const uint8_t *p = cursor_take(c, SERVER_BYTES);

		if (!p)
			return;
		s[i] = (struct view_server){
			.addr = {.family = p[0], .hi = load_u64(p + 1), .lo = load_u64(p + 9)},
			.port = load_u16(p + 17)};
		if (s[i].port == 0 || (p[0] != ADDR_V6 && (p[0] != ADDR_V4 || s[i].addr.hi ||
							   s[i].addr.lo > UINT32_MAX)))
			c->bad = true;
	}
}

static void counts_take(struct cursor *c, size_t n, uint32_t counts[VIEW_DEPTHS])
{
	int before = -1;

	for (size_t i = 0; i < n; i++) {
		const uint8_t *p = cursor_take(c, 5);

		if (!p)
			return;
		if (p[0] >= VIEW_DEPTHS || p[0] <= before || load_u32(p + 1) == 0) {
			c->bad = true;
			return;
		}
		before = p[0];
		counts[p[0]] = load_u32(p + 1);
	}
}

static bool is_after(const struct view_forward *f, const struct view_forward *before)
{
	const size_t n = f->domain_len < before->domain_len ? f->domain_len : before->domain_len;
	const int r = memcmp(f->domain, before->domain, n);

	return r ? r > 0 : f->domain_len > before->domain_len;
}

/* The domain stays in the record. */
static void forward_take(struct cursor *c, struct view_forward *f)
{
	f->domain_len = cursor_u8(c);
	f->domain = cursor_take(c, f->domain_len);
	f->n_servers = cursor_u8(c);
	if (c->bad || !domain_is_good(f->domain, f->domain_len) || f->n_servers == 0 ||
	    f->n_servers > VIEW_SERVERS_MAX) {
		c->bad = true;
		return;
	}
	servers_take(c, f->servers, f->n_servers);
}

/* forwards: room for VIEW_FORWARDS_MAX, or NULL. Everything else goes to *v. */
static int record_walk(const uint8_t *p, size_t len, uint32_t router, struct view_config *v,
		       uint32_t counts[VIEW_DEPTHS], struct view_forward *forwards)
{
	struct view_forward f = {0}, before;
	struct cursor c;

	memset(v, 0, sizeof(*v));
	memset(counts, 0, VIEW_DEPTHS * sizeof(*counts));
	if (len < VIEW_HEADER_BYTES + CHECK_BYTES || load_u32(p) != VIEW_MAGIC ||
	    load_u32(p + 4) != len || load_u32(p + 8) != router ||
	    (load_u32(p + 12) & ~VIEW_DEFAULT_SERVERS) != 0 ||
	    (load_u32(p + 12) != 0 && p[17] != 0) || p[17] > VIEW_SERVERS_MAX ||
	    load_u16(p + 18) > VIEW_FORWARDS_MAX ||
	    load_u64(p + len - CHECK_BYTES) != XXH3_64bits(p, len - CHECK_BYTES))
		return -ERR_UNAVAILABLE;
	v->router = router;
	v->flags = load_u32(p + 12);
	v->n_servers = p[17];
	v->n_forwards = load_u16(p + 18);
	c = cursor_of(p + VIEW_HEADER_BYTES, len - VIEW_HEADER_BYTES - CHECK_BYTES);
	counts_take(&c, p[16], counts);
	servers_take(&c, v->servers, v->n_servers);
	for (size_t i = 0; i < v->n_forwards && !c.bad; i++) {
		before = f;
		forward_take(&c, &f);
		if (!c.bad && i > 0 && !is_after(&f, &before))
			c.bad = true;
		if (forwards)
			forwards[i] = f;
	}
	for (unsigned i = 0; i < VIEW_DEPTHS; i++)
		v->depths[i / 64] |= (uint64_t)(counts[i] > 0) << i % 64;
	return c.bad || cursor_left(&c) ? -ERR_UNAVAILABLE : 0;
}

int view_record_check(const MDB_val *value, uint32_t router)
{
	uint32_t counts[VIEW_DEPTHS];
	struct view_config v;

	return record_walk(value->mv_data, value->mv_size, router, &v, counts, NULL);
}

int view_record_decode(const MDB_val *value, uint32_t router, struct view_config *ret_view,
		       uint32_t counts[VIEW_DEPTHS])
{
	struct view_config v;
	uint8_t *memory, *copy;
	int r = record_walk(value->mv_data, value->mv_size, router, &v, counts, NULL);

	memset(ret_view, 0, sizeof(*ret_view));
	if (r < 0)
		return r;
	if (v.n_forwards == 0) {
		*ret_view = v;
		return 0;
	}
	/* The forwards, then a copy of the record, in which their domains lie. */
	memory = malloc(v.n_forwards * sizeof(*v.forwards) + value->mv_size);
	if (!memory)
		return -ERR_NOMEM;
	copy = memory + v.n_forwards * sizeof(*v.forwards);
	memcpy(copy, value->mv_data, value->mv_size);
	r = record_walk(copy, value->mv_size, router, &v, counts,
			(struct view_forward *)(void *)memory);
	if (r < 0) {
		free(memory);
		return r;
	}
	v.forwards = (struct view_forward *)(void *)memory;
	v.memory = memory;
	*ret_view = v;
	return 0;
}

void tables_view_done(struct view_config *v)
{
	free(v->memory);
	memset(v, 0, sizeof(*v));
}
