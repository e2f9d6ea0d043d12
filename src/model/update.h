/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A dynamic update (RFC 2136) of a declared zone: its prerequisites judged, its changes made in the zone's document.
 *
 *	user's records      may be asked about and changed
 *	system's records    may be asked about. A name that has any is refused to be changed (REFUSED)
 *	SOA, apex NS        the SOA is made by the system: deleting it is ignored, and so is an older one; a newer one is REFUSED. The
 *	                    NS at the apex that are declared change by the rules of the RFC; the last of them stays
 *
 * Types that documents cannot say are REFUSED where they are to be added, and are not there otherwise; and so are names.
 *
 * Pure but for memory.
 */
#pragma once

#include "model/zone.h"

enum update_rcode {
	UPDATE_FINE = 0,
	UPDATE_FORMERR = 1,
	UPDATE_SERVFAIL = 2,
	UPDATE_NXDOMAIN = 3,
	UPDATE_NOTIMP = 4,
	UPDATE_REFUSED = 5,
	UPDATE_YXDOMAIN = 6,
	UPDATE_YXRRSET = 7,
	UPDATE_NXRRSET = 8,
	UPDATE_NOTAUTH = 9,
	UPDATE_NOTZONE = 10
};

#define CLASS_NONE 254
#define CLASS_ANY  255

struct update_record {
	const uint8_t *owner; /* wire form, whole, any case */
	uint16_t type, class;
	uint32_t ttl;
	const uint8_t *rdata; /* names in it uncompressed */
	uint16_t rdata_len;
};

struct update {
	const struct update_record *prerequisites, *changes; /* in the order of the message */
	size_t n_prerequisites, n_changes;
};

struct update_zone {
	const struct declared_zone *zone;
	const json_t *doc;		 /* of which zone was read */
	const struct record_set *system; /* in no order; index has no meaning */
	size_t n_system;
	uint32_t serial; /* the SOA's */
};

/*
 * Returns an rcode, or -ERR_NOMEM. UPDATE_FINE: *ret_doc is the document as it is to be, which has yet to pass the check that every
 * document has; NULL if nothing changes. NULL otherwise.
 */
int update_make(const struct update_zone *z, const struct update *u, json_t **ret_doc) _must_check_;
