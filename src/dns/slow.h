/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Queries that are no plain ones:
 *
 *	slow.c       which zone is meant, who signed; signed questions; everything else is sorted to
 *	transfer.c   AXFR, and IXFR, which is answered as AXFR
 *	update.c     UPDATE, which control does
 */
#pragma once

#include "dns/signature.h"
#include "dns/worker.h"

struct slow {
	struct dns_worker *w;
	struct served *served;
	const struct from *from;
	struct dns_client *client;
	const uint8_t *query; /* not where the answer goes */
	size_t len;
	uint8_t *out;
	size_t cap;
	struct zone zone; /* id 0: there is none */
	struct signature signature;
};

/* An answer without records, signed if the query is. */
size_t slow_answer(struct slow *s, enum dns_rcode rcode, enum dns_ede ede);

int transfers_init(struct dns_worker *w) _must_check_;
void transfers_done(struct dns_worker *w);
/* The signature is good for the zone, and the zone's very domain is asked for. */
size_t transfer_take(struct slow *s);

int updates_init(struct dns_worker *w) _must_check_;
void updates_done(struct dns_worker *w);
/* The same. */
size_t update_take(struct slow *s);
