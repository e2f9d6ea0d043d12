/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "netd/nft_text_int.h"

#include <stdlib.h>

const uint8_t nft_families[2] = {ADDR_V4, ADDR_V6};

const char *nft_ip(uint8_t family)
{
	return family == ADDR_V6 ? "ip6" : "ip";
}

const char *nft_type(uint8_t family)
{
	return family == ADDR_V6 ? "ipv6_addr" : "ipv4_addr";
}

struct nft_elements nft_elements_begin(struct text *t, const char *what, const char *name,
				       uint8_t family, const char *type, const char *flags)
{
	text_add(t, "%s %s%u {\ntype %s\n%s", what, name, family, type, flags);
	return (struct nft_elements){t, 0};
}

void nft_element_begin(struct nft_elements *e)
{
	text_add(e->t, "%s", e->n++ ? ",\n" : "elements = {\n");
}

void nft_elements_end(struct nft_elements *e)
{
	text_add(e->t, "%s}\n", e->n ? "\n}\n" : "");
}

void nft_element_addr(struct nft_elements *e, const struct addr *a)
{
	char text[ADDR_TEXT_MAX];

	nft_element_begin(e);
	text_add(e->t, "%s", addr_format(a, text));
}

static int prefix_by(const void *a, const void *b)
{
	return prefix_cmp(a, b);
}

/*
 * The prefixes of one family, sorted, none within another (an interval set takes no overlaps). The caller's; NULL if there is
 * no memory.
 */
struct prefix *nft_prefixes_disjoint(const struct prefix *p, size_t n, uint8_t family,
				     size_t *ret_n)
{
	struct prefix *sorted = calloc(n + 1, sizeof *sorted);
	size_t n_sorted = 0, kept = 0;

	if (!sorted)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (p[i].addr.family == family)
			sorted[n_sorted++] = p[i];
	qsort(sorted, n_sorted, sizeof *sorted, prefix_by);
	for (size_t i = 0; i < n_sorted; i++)
		if (!kept || !prefix_contains(&sorted[kept - 1], &sorted[i].addr))
			sorted[kept++] = sorted[i];
	*ret_n = kept;
	return sorted;
}

void nft_set_of_prefixes(struct text *t, const char *name, uint8_t family, const struct prefix *p,
			 size_t n)
{
	struct nft_elements e;
	char text[PREFIX_TEXT_MAX];

	e = nft_elements_begin(t, "set", name, family, nft_type(family), "flags interval\n");
	for (size_t i = 0; i < n; i++) {
		nft_element_begin(&e);
		text_add(t, "%s", prefix_format(&p[i], text));
	}
	nft_elements_end(&e);
}
