/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The network record, host byte order, nothing aligned:
 *
 *	offset  size    what
 *	0       4       magic "PNR1"
 *	4       4       length of the whole record
 *	8       4       id of the router, the same as the key
 *	12      1 + 1   enum tables_router; flags: 1 has an uplink
 *	14      2       zero
 *	16      8       generation
 *	24      12 * 4  how many spaces, subnets, links, routes, nats, hosts, host_groups, groups, rules, prefixes, endpoints, resolvers
 *	72      ..      name, then the arrays in that order, their members as *_fields() below list them
 *	..      8       XXH3 of all bytes before
 *
 *	member          octets
 *	u8 u16 u32      1, 2, 4
 *	bool            1: 0 or 1
 *	text            1 length, then the text without a zero
 *	address         1 family, then 4 octets (IPv4), 16 (IPv6: upper half, lower half) or none
 *	prefix          an address, then 1 length if there is an address
 *	pair            two of them, for IPv4 and IPv6; either may be none
 *
 * One list of members serves measuring, writing and reading, so the three cannot differ. There is one encoding of a router:
 * what the writer would not have written is refused. A reader walks the whole record before it allocates anything.
 */
#include "model/net.h"
#include "tables/tables_int.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#define NETWORK_MAGIC	0x31524e50u /* "PNR1" */
#define GENERATION_AT	16
#define CHECK_BYTES	8
#define RECORD_LEAST	(72 + 2 + CHECK_BYTES)
#define FLAG_HAS_UPLINK 1

/* --- the cursor: what it does to each member is its mode; the error is sticky ------------------------------- */

struct io {
	enum { MEASURE, WRITE, READ } mode;
	uint8_t *dst;	    /* WRITE */
	const uint8_t *src; /* READ */
	size_t at, end;
	bool is_bad;
};

/* A rule of the format: the writer keeps it, the reader refuses what breaks it. */
static void io_must(struct io *io, bool holds)
{
	assert(holds || io->mode == READ);
	if (!holds)
		io->is_bad = true;
}

static void io_bytes(struct io *io, void *p, size_t n)
{
	if (io->mode == MEASURE) {
		io->at += n;
		return;
	}
	io_must(io, n <= io->end - io->at);
	if (io->is_bad) {
		memset(p, 0, n);
		return;
	}
	if (io->mode == WRITE)
		memcpy(io->dst + io->at, p, n);
	else
		memcpy(p, io->src + io->at, n);
	io->at += n;
}

static void io_u8(struct io *io, uint8_t *v, uint8_t last)
{
	io_bytes(io, v, sizeof(*v));
	io_must(io, *v <= last);
}

static void io_u16(struct io *io, uint16_t *v)
{
	io_bytes(io, v, sizeof(*v));
}

static void io_u32(struct io *io, uint32_t *v)
{
	io_bytes(io, v, sizeof(*v));
}

static void io_bool(struct io *io, bool *v)
{
	uint8_t octet = *v;

	io_u8(io, &octet, 1);
	*v = octet == 1;
}

/* Zero behind the text, so that equal ones are equal bytes. */
static void io_text(struct io *io, char text[64], bool may_be_empty)
{
	uint8_t len = io->mode == READ ? 0 : (uint8_t)strnlen(text, 64);

	io_u8(io, &len, 63);
	io_must(io, len > 0 || may_be_empty);
	if (io->is_bad)
		return;
	io_bytes(io, text, len);
	io_must(io, !memchr(text, 0, len));
}

static void io_addr(struct io *io, struct addr *a)
{
	uint32_t v4 = (uint32_t)a->lo;

	io_bytes(io, &a->family, 1);
	switch (a->family) {
	case ADDR_NONE:
		break;
	case ADDR_V4:
		io_u32(io, &v4);
		a->lo = v4;
		break;
	case ADDR_V6:
		io_bytes(io, &a->hi, 8);
		io_bytes(io, &a->lo, 8);
		break;
	default:
		io_must(io, false);
	}
}

static bool prefix_is_canonical(const struct prefix *p)
{
	const uint64_t hi = p->addr.hi, lo = p->addr.lo;

	if (p->addr.family == ADDR_V4)
		return p->len <= 32 && (lo << p->len & UINT32_MAX) == 0;
	if (p->len >= 64)
		return p->len == 128 || (p->len < 128 && lo << (p->len - 64) == 0);
	return lo == 0 && hi << p->len == 0;
}

static void io_prefix(struct io *io, struct prefix *p, bool may_be_none)
{
	io_addr(io, &p->addr);
	if (p->addr.family == ADDR_NONE) {
		io_must(io, may_be_none);
		return;
	}
	io_u8(io, &p->len, 128);
	io_must(io, io->is_bad || prefix_is_canonical(p));
}

static void io_pair_families(struct io *io, const struct addr *v4, const struct addr *v6)
{
	io_must(io, v4->family != ADDR_V6 && v6->family != ADDR_V4);
}

static void io_addr_pair(struct io *io, struct addr pair[TABLES_FAMILIES])
{
	io_addr(io, &pair[0]);
	io_addr(io, &pair[1]);
	io_pair_families(io, &pair[0], &pair[1]);
}

/* n items from the first one on are all among the count. */
static void io_span(struct io *io, uint32_t *first, uint32_t *n, uint32_t count)
{
	io_u32(io, first);
	io_u32(io, n);
	io_must(io, *first <= count && *n <= count - *first);
}

/* --- the members of each array; before: the one before, NULL at the first -------------------------------------- */

static void space_fields(struct io *io, const struct tables_network *n, struct prefix *p,
			 const struct prefix *before)
{
	(void)n;
	(void)before;
	io_prefix(io, p, false);
}

static void subnet_fields(struct io *io, const struct tables_network *n, struct tables_subnet *s,
			  const struct tables_subnet *before)
{
	(void)n;
	(void)before;
	io_u32(io, &s->id);
	io_u32(io, &s->table);
	io_prefix(io, &s->ranges[0], true);
	io_prefix(io, &s->ranges[1], true);
	io_pair_families(io, &s->ranges[0].addr, &s->ranges[1].addr);
	io_addr_pair(io, s->gateway);
}

static void link_fields(struct io *io, const struct tables_network *n, struct tables_link *l,
			const struct tables_link *before)
{
	(void)n;
	io_u32(io, &l->peer);
	io_u8(io, &l->peer_kind, ROUTER_SITE);
	io_u8(io, &l->kind, LINK_SITE);
	io_text(io, l->peer_name, false);
	io_must(io, !before || before->peer < l->peer);
}

static void route_fields(struct io *io, const struct tables_network *n, struct tables_route *r,
			 const struct tables_route *before)
{
	(void)before;
	io_u32(io, &r->table);
	io_u8(io, &r->kind, ROUTE_LINK);
	io_u32(io, &r->target);
	io_prefix(io, &r->to, false);
	io_must(io, r->kind == ROUTE_LINK ? r->target < n->n_links : r->target == 0);
}

static void nat_fields(struct io *io, const struct tables_network *n, struct tables_nat *nat,
		       const struct tables_nat *before)
{
	(void)n;
	(void)before;
	io_u32(io, &nat->table);
	io_prefix(io, &nat->to, false);
	io_addr_pair(io, nat->address);
}

static void host_fields(struct io *io, const struct tables_network *n, struct tables_host *h,
			const struct tables_host *before)
{
	io_u32(io, &h->id);
	io_u32(io, &h->subnet);
	io_must(io, h->subnet < n->n_subnets);
	io_addr_pair(io, h->addresses);
	io_addr_pair(io, h->public);
	io_span(io, &h->first_group, &h->n_groups, n->n_host_groups);
	io_u8(io, &h->attach, ATTACH_INTERFACE);
	io_text(io, h->name, false);
	io_text(io, h->attach_name, h->attach == ATTACH_NONE);
	io_must(io, h->attach != ATTACH_NONE || h->attach_name[0] == '\0');
	io_must(io, !before || before->id < h->id);
}

static void host_group_fields(struct io *io, const struct tables_network *n, uint32_t *group,
			      const uint32_t *before)
{
	(void)before;
	io_u32(io, group);
	io_must(io, *group < n->n_groups);
}

static void group_fields(struct io *io, const struct tables_network *n, struct tables_group *g,
			 const struct tables_group *before)
{
	(void)before;
	io_u32(io, &g->id);
	io_span(io, &g->first_rule, &g->n_rules, n->n_rules);
	io_bool(io, &g->egress_open);
	io_text(io, g->name, false);
}

static void rule_fields(struct io *io, const struct tables_network *n, struct tables_rule *r,
			const struct tables_rule *before)
{
	(void)before;
	io_bool(io, &r->is_ingress);
	io_u8(io, &r->protocol, PROTOCOL_ICMP);
	io_u16(io, &r->port_first);
	io_u16(io, &r->port_last);
	io_must(io, r->port_first <= r->port_last);
	io_span(io, &r->first_prefix, &r->n_prefixes, n->n_prefixes);
}

static void endpoint_fields(struct io *io, const struct tables_network *n,
			    struct tables_network_endpoint *ep,
			    const struct tables_network_endpoint *before)
{
	(void)n;
	io_addr(io, &ep->addr);
	io_u16(io, &ep->port);
	io_must(io, ep->addr.family != ADDR_NONE && ep->port != 0);
	io_must(io, !before || addr_cmp(&before->addr, &ep->addr) < 0);
}

static void resolver_fields(struct io *io, const struct tables_network *n,
			    struct tables_resolver *r, const struct tables_resolver *before)
{
	(void)n;
	io_addr(io, &r->addr);
	io_bool(io, &r->asks);
	io_must(io, r->addr.family != ADDR_NONE);
	io_must(io, !before || addr_cmp(&before->addr, &r->addr) < 0);
}

/* --- the whole ------------------------------------------------------------------------------------------------- */

/*      type                             array        count          members */
#define ARRAYS(X)                                                                  \
	X(struct prefix, spaces, n_spaces, space_fields)                           \
	X(struct tables_subnet, subnets, n_subnets, subnet_fields)                 \
	X(struct tables_link, links, n_links, link_fields)                         \
	X(struct tables_route, routes, n_routes, route_fields)                     \
	X(struct tables_nat, nats, n_nats, nat_fields)                             \
	X(struct tables_host, hosts, n_hosts, host_fields)                         \
	X(uint32_t, host_groups, n_host_groups, host_group_fields)                 \
	X(struct tables_group, groups, n_groups, group_fields)                     \
	X(struct tables_rule, rules, n_rules, rule_fields)                         \
	X(struct prefix, prefixes, n_prefixes, space_fields)                       \
	X(struct tables_network_endpoint, endpoints, n_endpoints, endpoint_fields) \
	X(struct tables_resolver, resolvers, n_resolvers, resolver_fields)

static void head_fields(struct io *io, struct tables_network *n, uint32_t len)
{
	uint32_t magic = NETWORK_MAGIC, len_there = len;
	uint8_t flags = n->has_uplink ? FLAG_HAS_UPLINK : 0;
	uint16_t zero = 0;

	io_u32(io, &magic);
	io_u32(io, &len_there);
	io_u32(io, &n->id);
	io_u8(io, &n->kind, ROUTER_SITE);
	io_u8(io, &flags, FLAG_HAS_UPLINK);
	io_u16(io, &zero);
	io_bytes(io, &n->generation, sizeof(n->generation));
#define X(type, array, count, fields) io_u32(io, &n->count);
	ARRAYS(X)
#undef X
	io_must(io, magic == NETWORK_MAGIC && len_there == len && zero == 0);
	io_text(io, n->name, false);
	n->has_uplink = flags & FLAG_HAS_UPLINK;
}

/* Arrays that are not there when reading are checked all the same. Each item has an octet at least, so this ends. */
#define X(type, array, count, fields)                                            \
	static void array##_items(struct io *io, const struct tables_network *n) \
	{                                                                        \
		type item, before;                                               \
                                                                                 \
		for (uint32_t i = 0; i < n->count && !io->is_bad; i++) {         \
			memset(&item, 0, sizeof(item));                          \
			if (io->mode != READ)                                    \
				item = n->array[i];                              \
			fields(io, n, &item, i > 0 ? &before : NULL);            \
			if (io->mode == READ && n->array)                        \
				n->array[i] = item;                              \
			before = item;                                           \
		}                                                                \
	}
ARRAYS(X)
#undef X

static void all_items(struct io *io, const struct tables_network *n)
{
#define X(type, array, count, fields) array##_items(io, n);
	ARRAYS(X)
#undef X
}

size_t network_record_size(const struct tables_network *n)
{
	struct tables_network copy = *n;
	struct io io = {.mode = MEASURE};

	head_fields(&io, &copy, 0);
	all_items(&io, n);
	return io.at + CHECK_BYTES;
}

void network_record_encode(const struct tables_network *n, uint64_t generation, uint8_t *dst,
			   size_t len)
{
	struct tables_network copy = *n;
	struct io io = {.mode = WRITE, .dst = dst, .end = len - CHECK_BYTES};

	assert(len >= RECORD_LEAST && len <= NETWORK_RECORD_MAX);
	copy.generation = generation;
	head_fields(&io, &copy, (uint32_t)len);
	all_items(&io, n);
	assert(io.at == io.end);
	save_u64(dst + len - CHECK_BYTES, XXH3_64bits(dst, len - CHECK_BYTES));
}

uint64_t network_record_generation(const MDB_val *v)
{
	const uint8_t *p = v->mv_data;

	return v->mv_size >= RECORD_LEAST ? load_u64(p + GENERATION_AT) : 0;
}

static struct io reader(const MDB_val *v)
{
	return (struct io){.mode = READ, .src = v->mv_data, .end = v->mv_size - CHECK_BYTES};
}

/* Everything but the arrays goes to *ret_network; these are checked. */
static int record_walk(const MDB_val *v, uint32_t id, struct tables_network *ret_network)
{
	const uint8_t *p = v->mv_data;
	struct io io;

	memset(ret_network, 0, sizeof(*ret_network));
	if (v->mv_size < RECORD_LEAST || v->mv_size > NETWORK_RECORD_MAX)
		return -ERR_UNAVAILABLE;
	if (load_u64(p + v->mv_size - CHECK_BYTES) != XXH3_64bits(p, v->mv_size - CHECK_BYTES))
		return -ERR_UNAVAILABLE;
	io = reader(v);
	head_fields(&io, ret_network, (uint32_t)v->mv_size);
	all_items(&io, ret_network);
	if (io.is_bad || io.at != io.end || ret_network->id != id)
		return -ERR_UNAVAILABLE;
	return 0;
}

int network_record_check(const MDB_val *v, uint32_t id)
{
	struct tables_network n;

	return record_walk(v, id, &n);
}

/* Each array begins at a multiple of this, which suits them all. */
static size_t place(size_t *total, size_t item, uint32_t count)
{
	const size_t align = _Alignof(max_align_t), at = *total;

	*total += (item * count + align - 1) / align * align;
	return at;
}

static int arrays_alloc(struct tables_network *n)
{
	size_t total = 0;
	uint8_t *memory;

#define X(type, array, count, fields) \
	const size_t array##_at = place(&total, sizeof(type), n->count);
	ARRAYS(X)
#undef X
	memory = calloc(1, total ? total : 1);
	if (!memory)
		return -ERR_NOMEM;
	n->memory = memory;
#define X(type, array, count, fields) n->array = (type *)(void *)(memory + array##_at);
	ARRAYS(X)
#undef X
	return 0;
}

int network_record_decode(const MDB_val *v, uint32_t id, struct tables_network *ret_network)
{
	struct tables_network n;
	struct io io;
	int r = record_walk(v, id, &n);

	if (r == 0)
		r = arrays_alloc(&n);
	if (r < 0) {
		memset(ret_network, 0, sizeof(*ret_network));
		return r;
	}
	io = reader(v);
	head_fields(&io, &n, (uint32_t)v->mv_size);
	all_items(&io, &n);
	*ret_network = n;
	return 0;
}

void tables_network_done(struct tables_network *n)
{
	free(n->memory);
	memset(n, 0, sizeof(*n));
}
