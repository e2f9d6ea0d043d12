/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a name and type are in one zone: RFC 1034 section 4.3.2 step 3, RFC 4592. Borrowed from the zone's blob.
 */
#pragma once

#include "dns/query.h"
#include "tables/zone.h"

enum found_kind { FOUND_SET, FOUND_CNAME, FOUND_NODATA, FOUND_NXDOMAIN, FOUND_REFERRAL };

struct found {
	enum found_kind kind;
	struct zone_rrset set; /* SET, CNAME; REFERRAL: the NS of the cut */
	uint8_t cut;	       /* REFERRAL: offset of the cut in the name */
};

/* name must be in the zone. type ANY: the first set of all. */
void lookup(const struct zone *z, const struct dns_name *name, uint16_t type,
	    struct found *ret_found);
