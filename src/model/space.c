/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/space.h"

#include "model/net.h"

bool prefix_covers(const struct prefix *outer, const struct prefix *inner)
{
	return outer->len <= inner->len && prefix_contains(outer, &inner->addr);
}

bool prefix_overlaps(const struct prefix *a, const struct prefix *b)
{
	return a->len < b->len ? prefix_contains(a, &b->addr) : prefix_contains(b, &a->addr);
}

/* The lower n (0..64) bits. */
static uint64_t ones(unsigned n)
{
	return n == 0 ? 0 : ~UINT64_C(0) >> (64 - n);
}

struct addr prefix_last(const struct prefix *p)
{
	unsigned host_bits = (p->addr.family == ADDR_V4 ? 32 : 128) - p->len;
	struct addr last = p->addr;

	last.lo |= ones(host_bits < 64 ? host_bits : 64);
	if (host_bits > 64)
		last.hi |= ones(host_bits - 64);
	return last;
}

struct addr addr_plus(const struct addr *a, uint64_t n)
{
	struct addr sum = *a;

	sum.lo += n;
	if (a->family == ADDR_V6 && sum.lo < n)
		sum.hi++;
	return sum;
}

bool address_is_reserved(const struct prefix *p, const struct addr *a)
{
	struct addr last = prefix_last(p), first_free = addr_plus(&p->addr, SUBNET_RESERVED);

	return addr_cmp(a, &first_free) < 0 || addr_is_equal(a, &last);
}

uint64_t prefix_usable(const struct prefix *p)
{
	unsigned host_bits = (p->addr.family == ADDR_V4 ? 32 : 128) - p->len;

	if (host_bits >= 64)
		return UINT64_MAX;
	return ones(host_bits) < SUBNET_RESERVED ? 0 : ones(host_bits) - SUBNET_RESERVED;
}

const char *prefix_special(const struct prefix *p)
{
	static const struct {
		struct prefix prefix;
		const char *what;
	} special[] = {
		{{{.family = ADDR_V4, .lo = 0}, 8}, "\"this network\" (0.0.0.0/8)"},
		{{{.family = ADDR_V4, .lo = 0x7f000000}, 8}, "loopback"},
		{{{.family = ADDR_V4, .lo = 0xa9fe0000}, 16}, "link-local"},
		{{{.family = ADDR_V4, .lo = 0xe0000000}, 4}, "multicast"},
		{{{.family = ADDR_V4, .lo = 0xf0000000}, 4}, "reserved"},
		{{{.family = ADDR_V6}, 8}, "reserved (::/8)"},
		{{{.family = ADDR_V6, .hi = UINT64_C(0xfe80) << 48}, 10}, "link-local"},
		{{{.family = ADDR_V6, .hi = UINT64_C(0xff00) << 48}, 8}, "multicast"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(special); i++)
		if (special[i].prefix.addr.family == p->addr.family &&
		    prefix_overlaps(&special[i].prefix, p))
			return special[i].what;
	return NULL;
}
