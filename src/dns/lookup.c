/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dns/lookup.h"

#include <string.h>

/* The highest delegation on the way from the apex to the name. DS is asked of the side above (RFC 4035 section 3.1.4.1). */
static bool cut_find(const struct zone *z, const struct dns_name *name, size_t relative,
		     uint16_t type, struct found *f)
{
	for (int i = name->labels - z->apex_labels - 1; i >= 0; i--) {
		const size_t at = name->at[i];
		struct zone_node node;

		if (!zone_find(z, name->wire + at, relative - at, &node))
			return false; /* nothing is below what does not exist */
		if (!node.is_delegation || (i == 0 && type == RR_DS))
			continue;
		f->kind = FOUND_REFERRAL;
		f->cut = (uint8_t)at;
		return zone_node_set(&node, RR_NS, &f->set);
	}
	return false;
}

/* "*." and the closest name above that exists. The apex does. */
static bool wildcard_find(const struct zone *z, const struct dns_name *name, size_t relative,
			  struct zone_node *ret_node)
{
	uint8_t star[2 + DNAME_MAX] = {1, '*'};

	for (unsigned i = 1; i <= name->labels; i++) {
		const size_t at = name->at[i];

		if (at > relative)
			return false;
		if (!zone_find(z, name->wire + at, relative - at, ret_node))
			continue;
		memcpy(star + 2, name->wire + at, relative - at);
		return zone_find(z, star, 2 + relative - at, ret_node);
	}
	return false;
}

static void node_judge(const struct zone_node *node, uint16_t type, struct found *f)
{
	const bool any = type == RR_ANY;

	if (any ? zone_node_nth(node, 0, &f->set) : zone_node_set(node, type, &f->set))
		f->kind = FOUND_SET;
	else if (zone_node_set(node, RR_CNAME, &f->set))
		f->kind = FOUND_CNAME;
	else
		f->kind = FOUND_NODATA;
}

void lookup(const struct zone *z, const struct dns_name *name, uint16_t type,
	    struct found *ret_found)
{
	const size_t relative = name->len - (size_t)z->apex_len;
	struct zone_node node;

	if (z->is_denied) {
		ret_found->kind = FOUND_NXDOMAIN;
		return;
	}
	if (z->has_delegations && cut_find(z, name, relative, type, ret_found))
		return;
	if (zone_find(z, name->wire, relative, &node) ||
	    (z->has_wildcards && wildcard_find(z, name, relative, &node)))
		node_judge(&node, type, ret_found);
	else
		ret_found->kind = FOUND_NXDOMAIN;
}
