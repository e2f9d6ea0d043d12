/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pieces of a ruleset's text, private to nft_*.c. Names of sets end in the family: members4, members6.
 */
#pragma once

#include "netd/nft_text.h"

extern const uint8_t nft_families[2]; /* ADDR_V4, ADDR_V6 */
const char *nft_ip(uint8_t family);   /* "ip", "ip6" */
const char *nft_type(uint8_t family); /* "ipv4_addr", "ipv6_addr" */

/* A set or map, its elements being added: the first needs other words before it than the next. */
struct nft_elements {
	struct text *t;
	size_t n;
};

struct nft_elements nft_elements_begin(struct text *t, const char *what, const char *name,
				       uint8_t family, const char *type, const char *flags);
void nft_element_begin(struct nft_elements *e);
void nft_element_addr(struct nft_elements *e, const struct addr *a);
void nft_elements_end(struct nft_elements *e);

struct prefix *nft_prefixes_disjoint(const struct prefix *p, size_t n, uint8_t family,
				     size_t *ret_n) _must_check_;
void nft_set_of_prefixes(struct text *t, const char *name, uint8_t family, const struct prefix *p,
			 size_t n);

/* nft_ways.c, nft_groups.c, nft_resolvers.c: sets, maps and chains. */
void nft_ways(const struct tables_network *n, struct text *t);
void nft_groups(const struct tables_network *n, struct text *t);
void nft_resolvers(const struct tables_network *n, struct text *t);
