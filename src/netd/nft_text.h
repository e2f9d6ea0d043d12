/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The inside of our nftables table, as text for libnftables: of a router, and of the internet's side of all of them.
 *
 *	router      prerouting   a host sends only by its own addresses, nobody else by the router's address space
 *	            prerouting   1:1: public address to host
 *	            prerouting   what goes to the resolver is not tracked
 *	            input        the resolver, for hosts; hosts' groups; then endpoints (address and port) and ICMP only
 *	            output       the resolver's answers are not tracked; whom it asks: hosts' groups
 *	            forward      who may send by which link; hosts' groups, both ends
 *	            postrouting  1:1, NAT gateways
 *	            postrouting  nothing leaves `up` but from a public address of the router
 *	internet    input        from networks only public listeners and ping
 *	            forward      from networks never to private addresses
 *
 * Rules are looked at for each packet in the original direction, so that what is taken away ends open connections too; answers pass, and
 * so do resets, which the ends of a cut connection must see.
 *
 * Nothing but numbers and addresses gets into the text. Pure.
 */
#pragma once

#include "netd/plan.h"

/* The record has been checked by plan_router(). */
void nft_text_router(const struct tables_network *n, struct text *t);
void nft_text_internet(const struct names *names, const struct plan_internet *i, struct text *t);

uint64_t nft_text_digest(const struct text *inside);
/* The one transaction that makes our table this one; its comment holds the digest. */
void nft_text_replace(const struct names *names, const struct ns_state *want, struct text *t);
void nft_text_remove(const struct names *names, struct text *t);
/* The digest in the comment of a table; false if it is none of ours. */
bool nft_text_read_comment(const char *comment, uint64_t *ret_digest);
