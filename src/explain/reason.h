/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The one word for why a client on a host reaches a cluster or does not.
 */
#pragma once

#include "model/net.h"

#include <stdbool.h>

#define PATH_TEXT_MAX 400

/*      enum                   text               reached */
#define PATH_REASONS(X)                                                                            \
	X(PATH_PRIVATE, "private", true)	/* a private endpoint admits it */                 \
	X(PATH_OPEN, "open", true)		/* the public endpoint is open to every source */  \
	X(PATH_RANGE, "range", true)		/* in an authorized range */                       \
	X(PATH_PUBLIC_OFF, "public-off", false) /* the public endpoint is off */                   \
	X(PATH_NOT_IN_RANGES, "not-in-ranges", false)                                              \
	X(PATH_NO_RANGES, "no-ranges", false)	    /* the list of authorized ranges is empty */   \
	X(PATH_NO_NAME, "no-name", false)	    /* the name answers nothing there */           \
	X(PATH_NO_SOURCE, "no-source", false)	    /* no address of the destination's family */   \
	X(PATH_EGRESS_GROUP, "egress-group", false) /* the host's groups do not let it out */      \
	X(PATH_NO_ROUTE, "no-route", false)                                                        \
	X(PATH_ROUTE_DROP, "route-drop", false) /* a route says drop */                            \
	X(PATH_NOT_TRANSITIVE, "not-transitive",                                                   \
	  false) /* only a hub passes on what came by a link */                                    \
	X(PATH_NO_PUBLIC_ADDRESS, "no-public-address", false) /* an internet gateway refuses it */ \
	X(PATH_NAT_WITHOUT_WAY_OUT, "nat-without-way-out", false)                                  \
	X(PATH_NOT_ON_INTERNET, "not-on-internet", false) /* nobody out there has the address */   \
	X(PATH_NO_RETURN_ROUTE, "no-return-route",                                                 \
	  false)				  /* the endpoint's subnet has no way back */      \
	X(PATH_NO_ENDPOINT, "no-endpoint", false) /* the address does not lead to the cluster */   \
	X(PATH_PRIVATE_OFF, "private-off", false)                                                  \
	X(PATH_NOT_APPROVED, "not-approved", false)                                                \
	X(PATH_INGRESS_GROUP, "ingress-group", false)                                              \
	X(PATH_ENDPOINT_RANGES, "endpoint-ranges", false)

enum path_reason {
#define X(name, text, reached) name,
	PATH_REASONS(X)
#undef X
};

/* "route table", "NAT gateway": an object's kind in a sentence. */
const char *kind_words(enum object_kind kind);

const char *path_reason_text(enum path_reason reason);
bool path_reason_is_reached(enum path_reason reason);
