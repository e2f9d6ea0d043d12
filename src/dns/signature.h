/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The TSIG of a query (wire/tsig.h) with the key that the tables have of the zone, and that of its answer. A key is good for the zones
 * that name it, and for no other.
 */
#pragma once

#include "tables/zone.h"

enum signature_state {
	SIGNATURE_NONE,
	SIGNATURE_MALFORMED, /* answered FORMERR, unsigned */
	SIGNATURE_BAD,	     /* answered NOTAUTH, and why in the TSIG */
	SIGNATURE_GOOD
};

struct signature {
	struct tsig tsig;    /* as it was found */
	struct zone_key key; /* may 0: none, or not to be told that there is one */
	enum tsig_error error;
	struct tsig_chain chain; /* what the next message of the answer continues */
};

/* s NULL: there is no snapshot. zone 0: no zone, and so no key. */
enum signature_state signature_read(struct signature *sig, struct tables_snapshot *s, uint32_t zone,
				    const uint8_t *query, size_t len);
/* Room that signature_put() needs. */
size_t signature_size(const struct signature *sig);
/* Sign the message, or say in it what is wrong with the query's signature. Returns the new length; 0: no room, or no memory. */
size_t signature_put(struct signature *sig, const uint8_t *query, uint8_t *message, size_t len,
		     size_t cap) _must_check_;
