/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where a packet goes, read from the declared landscape: which route of a subnet, site or hub matches a destination, and which
 * router a packet that leaves by a link ends at. Written for explanations and by other code than the compile step, so that
 * each can be held against the other.
 *
 * Within a router's own address space everything is local. Elsewhere the longest prefix decides, of what the route table
 * says and of the automatic routes; of two equal prefixes the table's wins, then a direct link, then a hub. What came in by a link goes to the router's own
 * hosts and endpoints only, except at a hub, which passes it on to one other router.
 *
 * Pure; nothing is allocated. The landscape has passed its check. Objects in results are borrowed from it.
 */
#pragma once

#include "model/landscape.h"

enum way_kind {
	WAY_NONE,
	WAY_LOCAL,
	WAY_DROP,
	WAY_LINK,     /* to the router `peer` */
	WAY_INTERNET, /* by an internet gateway, or a site's own public address */
	WAY_NAT,
};

struct way {
	enum way_kind kind;
	struct prefix to;	    /* the route's; WAY_LOCAL: the space. WAY_NONE: unset */
	const struct object *table; /* route table or hub that has the route; NULL: automatic */
	const struct object *by;    /* peering, hub, site or gateway; NULL: WAY_NONE, WAY_LOCAL */
	const struct object *peer;  /* WAY_LINK */
};

/* From a subnet of a network (NULL: from no declared subnet, automatic routes only), a site, or a hub. */
void way_find(const struct object *router, const struct object *subnet, const struct addr *to,
	      struct way *ret_way);

/* What becomes of a packet that leaves `from` by a link. */
struct passage {
	const struct object
		*end; /* the router that has `to` in its own space; NULL: it ends on the way */
	const struct object *last; /* where it ended, in either case */
	const struct object *hub;  /* that it passed, NULL: none */
	struct way at_hub;	   /* hub not NULL */
};
void way_follow(const struct object *from, const struct way *link, const struct addr *to,
		struct passage *ret_passage);

/* Does the router at the other end of the way, whatever is between, have `to` as its own, and is it `wanted`? */
bool way_leads_to(const struct object *router, const struct object *subnet, const struct addr *to,
		  const struct object *wanted);

/* Is the address in the router's own space? *ret_space is the prefix; may be NULL. */
bool router_has_address(const struct object *router, const struct addr *a,
			struct prefix *ret_space);
