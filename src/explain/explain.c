/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The ranges lie sorted by family, then length with the longest first, then address. A group is the run of one length.
 * The source, cut to a group's length, is looked for in it; the first group that has it holds the longest range.
 */
#include "explain/explain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUPS_MAX (33 + 129)

struct group {
	size_t first, n;
	uint8_t family, len;
};

struct explain_index {
	bool public_enabled, public_open;
	struct prefix *ranges;
	size_t n_ranges, n_groups;
	struct group groups[GROUPS_MAX];
};

const char *explain_reason_text(enum explain_reason reason)
{
	static const char *const texts[] = {
#define X(name, text, reached) [name] = (text),
		EXPLAIN_REASONS(X)
#undef X
	};

	return (size_t)reason < ARRAY_SIZE(texts) ? texts[reason] : "unknown";
}

static bool reason_is_reached(enum explain_reason reason)
{
	static const bool reached_by[] = {
#define X(name, text, reached) [name] = (reached),
		EXPLAIN_REASONS(X)
#undef X
	};

	return reached_by[reason];
}

static int range_cmp(const void *a, const void *b)
{
	const struct prefix *x = a, *y = b;

	if (x->addr.family != y->addr.family)
		return x->addr.family < y->addr.family ? -1 : 1;
	if (x->len != y->len)
		return x->len > y->len ? -1 : 1;
	return addr_cmp(&x->addr, &y->addr);
}

static void groups_make(struct explain_index *x)
{
	for (size_t i = 0; i < x->n_ranges; i++) {
		const struct prefix *p = &x->ranges[i];
		struct group *g = x->n_groups ? &x->groups[x->n_groups - 1] : NULL;

		if (!g || g->family != p->addr.family || g->len != p->len) {
			g = &x->groups[x->n_groups++];
			*g = (struct group){.first = i, .family = p->addr.family, .len = p->len};
		}
		g->n++;
	}
}

int explain_index_new(const struct cluster *c, struct explain_index **ret_index, struct err *e)
{
	struct explain_index *x = calloc(1, sizeof(*x));

	if (!x)
		return err_set(e, ERR_NOMEM, NULL, "out of memory");
	x->public_enabled = c->public_enabled;
	x->public_open = c->public_open;
	if (!c->public_open && c->n_ranges > 0) {
		x->ranges = calloc(c->n_ranges, sizeof(*x->ranges));
		if (!x->ranges) {
			explain_index_free(x);
			return err_set(e, ERR_NOMEM, NULL, "out of memory");
		}
		memcpy(x->ranges, c->ranges, c->n_ranges * sizeof(*x->ranges));
		x->n_ranges = c->n_ranges;
		qsort(x->ranges, x->n_ranges, sizeof(*x->ranges), range_cmp);
		groups_make(x);
	}
	*ret_index = x;
	return 0;
}

void explain_index_free(struct explain_index *x)
{
	if (!x)
		return;
	free(x->ranges);
	free(x);
}

/* The upper n of 64 bits. */
static uint64_t upper_bits(unsigned n)
{
	return n == 0 ? 0 : UINT64_MAX << (64 - n);
}

static struct prefix cut(const struct addr *a, uint8_t len)
{
	struct prefix p = {.addr = *a, .len = len};

	if (a->family == ADDR_V4) {
		p.addr.lo &= upper_bits(32u + len);
	} else {
		p.addr.hi &= upper_bits(len < 64 ? len : 64);
		p.addr.lo &= upper_bits(len < 64 ? 0 : len - 64u);
	}
	return p;
}

static const struct prefix *range_find(const struct explain_index *x, const struct addr *source)
{
	for (size_t i = 0; i < x->n_groups; i++) {
		const struct group *g = &x->groups[i];
		const struct prefix *found;
		struct prefix wanted;

		if (g->family != source->family)
			continue;
		wanted = cut(source, g->len);
		found = bsearch(&wanted, x->ranges + g->first, g->n, sizeof(wanted), range_cmp);
		if (found)
			return found;
	}
	return NULL;
}

static void rule_range(const struct explain_index *x, const char *source, struct explain_answer *a)
{
	char range[PREFIX_TEXT_MAX];

	prefix_format(&a->range, range);
	if (x->n_ranges == 1)
		snprintf(a->rule, sizeof(a->rule), "%s is in %s, the only authorized range", source,
			 range);
	else
		snprintf(a->rule, sizeof(a->rule), "%s is in %s, one of %zu authorized ranges",
			 source, range, x->n_ranges);
}

static void rule_not_in_ranges(const struct explain_index *x, const char *source,
			       struct explain_answer *a)
{
	char range[PREFIX_TEXT_MAX];

	if (x->n_ranges == 1)
		snprintf(a->rule, sizeof(a->rule), "%s is not in %s, the only authorized range",
			 source, prefix_format(&x->ranges[0], range));
	else
		snprintf(a->rule, sizeof(a->rule), "%s is in none of the %zu authorized ranges",
			 source, x->n_ranges);
}

static void rule_make(const struct explain_index *x, const struct addr *source,
		      struct explain_answer *a)
{
	char text[ADDR_TEXT_MAX] = "a source without an address";

	if (source->family != ADDR_NONE)
		addr_format(source, text);
	switch (a->reason) {
	case EXPLAIN_PUBLIC_OFF:
		snprintf(a->rule, sizeof(a->rule), "the public endpoint is off");
		break;
	case EXPLAIN_OPEN:
		snprintf(a->rule, sizeof(a->rule), "the public endpoint is open to every source");
		break;
	case EXPLAIN_NO_RANGES:
		snprintf(a->rule, sizeof(a->rule),
			 "the list of authorized ranges is empty: no source is authorized");
		break;
	case EXPLAIN_RANGE:
		rule_range(x, text, a);
		break;
	case EXPLAIN_NOT_IN_RANGES:
		rule_not_in_ranges(x, text, a);
		break;
	}
}

void explain_source(const struct explain_index *x, const struct addr *source,
		    struct explain_answer *ret_answer)
{
	struct explain_answer *a = ret_answer;
	const struct prefix *range;

	memset(a, 0, sizeof(*a));
	if (!x->public_enabled) {
		a->reason = EXPLAIN_PUBLIC_OFF;
	} else if (x->public_open) {
		a->reason = EXPLAIN_OPEN;
	} else if (x->n_ranges == 0) {
		a->reason = EXPLAIN_NO_RANGES;
	} else if ((range = range_find(x, source))) {
		a->reason = EXPLAIN_RANGE;
		a->range = *range;
	} else {
		a->reason = EXPLAIN_NOT_IN_RANGES;
	}
	a->reached = reason_is_reached(a->reason);
	rule_make(x, source, a);
}
