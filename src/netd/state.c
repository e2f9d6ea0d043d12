/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "netd/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static void *entry_add(void **array, size_t *n, size_t *cap, size_t size, bool *failed)
{
	static _Alignas(16) char thrown_away[512];

	if (*n == *cap) {
		size_t more = *cap ? *cap * 2 : 8;
		void *p = reallocarray(*array, more, size);

		if (!p) {
			*failed = true;
			memset(thrown_away, 0, sizeof thrown_away);
			return thrown_away;
		}
		*array = p;
		*cap = more;
	}
	return memset((char *)*array + (*n)++ * size, 0, size);
}

#define STATE_ADD(noun)                                                                \
	struct ns_##noun *state_add_##noun(struct ns_state *s)                         \
	{                                                                              \
		void *array = s->noun##s;                                              \
		void *entry = entry_add(&array, &s->n_##noun##s, &s->cap_##noun##s,    \
					sizeof *s->noun##s, &s->failed);               \
                                                                                       \
		_Static_assert(sizeof *s->noun##s <= 512, "fits what is thrown away"); \
		s->noun##s = array;                                                    \
		return entry;                                                          \
	}
STATE_ADD(link)
STATE_ADD(addr)
STATE_ADD(route)
STATE_ADD(rule)
STATE_ADD(sysctl)

void state_done(struct ns_state *s)
{
	free(s->links);
	free(s->addrs);
	free(s->routes);
	free(s->rules);
	free(s->sysctls);
	text_done(&s->nft);
	*s = (struct ns_state){0};
}

/* --- order ------------------------------------------------------------------------------------------------ */

#define CMP(a, b) (((a) > (b)) - ((a) < (b)))

int ns_link_cmp(const struct ns_link *a, const struct ns_link *b)
{
	return strcmp(a->name, b->name);
}

int ns_addr_cmp(const struct ns_addr *a, const struct ns_addr *b)
{
	int c = strcmp(a->link, b->link);

	if (c)
		return c;
	c = addr_cmp(&a->addr, &b->addr);
	return c ? c : CMP(a->len, b->len);
}

int ns_route_key_cmp(const struct ns_route *a, const struct ns_route *b)
{
	int c = CMP(a->table, b->table);

	if (c)
		return c;
	c = prefix_cmp(&a->to, &b->to);
	return c ? c : CMP(a->metric, b->metric);
}

bool ns_route_is_equal(const struct ns_route *a, const struct ns_route *b)
{
	return ns_route_key_cmp(a, b) == 0 && a->type == b->type &&
	       addr_is_equal(&a->via, &b->via) && strcmp(a->link, b->link) == 0;
}

int ns_rule_cmp(const struct ns_rule *a, const struct ns_rule *b)
{
	int c = CMP(a->family, b->family);

	if (!c)
		c = CMP(a->pref, b->pref);
	if (!c)
		c = prefix_cmp(&a->from, &b->from);
	return c ? c : CMP(a->table, b->table);
}

static int ns_sysctl_cmp(const struct ns_sysctl *a, const struct ns_sysctl *b)
{
	return strcmp(a->path, b->path);
}

#define BY(noun, order)                                                       \
	static int noun##_by(const void *a, const void *b)                    \
	{                                                                     \
		return order((const struct noun *)a, (const struct noun *)b); \
	}
BY(ns_link, ns_link_cmp)
BY(ns_addr, ns_addr_cmp)
BY(ns_route, ns_route_key_cmp)
BY(ns_rule, ns_rule_cmp)
BY(ns_sysctl, ns_sysctl_cmp)

typedef int order_fn(const void *a, const void *b);

/* Sorted, the first of equals kept. */
static size_t entries_sort(void *array, size_t n, size_t size, order_fn *order)
{
	char *base = array;
	size_t kept = 0;

	if (n < 2)
		return n;
	qsort(array, n, size, order);
	for (size_t i = 0; i < n; i++) {
		if (kept && order(base + (kept - 1) * size, base + i * size) == 0)
			continue;
		if (kept != i)
			memcpy(base + kept * size, base + i * size, size);
		kept++;
	}
	return kept;
}

void state_finish(struct ns_state *s)
{
	s->n_links = entries_sort(s->links, s->n_links, sizeof *s->links, ns_link_by);
	s->n_addrs = entries_sort(s->addrs, s->n_addrs, sizeof *s->addrs, ns_addr_by);
	s->n_routes = entries_sort(s->routes, s->n_routes, sizeof *s->routes, ns_route_by);
	s->n_rules = entries_sort(s->rules, s->n_rules, sizeof *s->rules, ns_rule_by);
	s->n_sysctls = entries_sort(s->sysctls, s->n_sysctls, sizeof *s->sysctls, ns_sysctl_by);
}

/* --- text ------------------------------------------------------------------------------------------------- */

static const char *const link_words[] = {[NS_LINK_OTHER] = "other",
					 [NS_LINK_LOOPBACK] = "loopback",
					 [NS_LINK_VETH] = "veth",
					 [NS_LINK_ATTACHED] = "attached"};

static void route_write(const struct ns_route *r, struct text *t)
{
	char to[PREFIX_TEXT_MAX], via[ADDR_TEXT_MAX];

	text_add(t, "route %u %s metric %u", r->table, prefix_format(&r->to, to), r->metric);
	if (r->type != RTN_UNICAST)
		text_add(t, " unreachable");
	if (r->via.family != ADDR_NONE)
		text_add(t, " via %s", addr_format(&r->via, via));
	if (r->link[0])
		text_add(t, " dev %s", r->link);
	text_put(t, "\n", 1);
}

void state_write(const struct ns_state *s, struct text *t)
{
	char text[PREFIX_TEXT_MAX];

	for (size_t i = 0; i < s->n_links; i++) {
		const struct ns_link *l = &s->links[i];

		text_add(t, "link %s %s %s%s%s\n", l->name, link_words[l->kind],
			 l->is_up ? "up" : "down", l->alias[0] ? " alias " : "", l->alias);
	}
	for (size_t i = 0; i < s->n_addrs; i++)
		text_add(t, "address %s/%u dev %s\n", addr_format(&s->addrs[i].addr, text),
			 s->addrs[i].len, s->addrs[i].link);
	for (size_t i = 0; i < s->n_routes; i++)
		route_write(&s->routes[i], t);
	for (size_t i = 0; i < s->n_rules; i++) {
		const struct ns_rule *r = &s->rules[i];

		text_add(t, "rule ipv%u %u from %s lookup %u\n", r->family, r->pref,
			 r->from.addr.family == ADDR_NONE ? "all" : prefix_format(&r->from, text),
			 r->table);
	}
	for (size_t i = 0; i < s->n_sysctls; i++)
		text_add(t, "sysctl %s %s\n", s->sysctls[i].path, s->sysctls[i].value);
	if (s->has_nft)
		text_add(t, "nft %016llx\n", (unsigned long long)s->nft_digest);
}

uint64_t state_digest(const struct ns_state *s)
{
	struct text t = {0};
	uint64_t digest;

	state_write(s, &t);
	for (size_t i = 0; i < s->n_links; i++)
		text_add(&t, "%s %s\n", s->links[i].peer_ns, s->links[i].peer_name);
	digest = t.failed ? 0 : XXH3_64bits(t.s, t.len);
	text_done(&t);
	return digest;
}
