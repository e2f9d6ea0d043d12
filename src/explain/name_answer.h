/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a cluster's names answer where a client stands.
 *
 * In a network with a private endpoint of the cluster that is switched on: the addresses there. Elsewhere the public ones; with
 * the public endpoint off, all private ones that are switched on, though not everybody is routed to them.
 */
#pragma once

#include "model/landscape.h"

#define ANSWERS_MAX (2 * NET_PLACEMENTS_MAX * FAMILIES)

struct name_answer {
	struct addr addresses[ANSWERS_MAX];
	size_t n;
	bool is_private;
};

/* router: a network or a site. public_addresses: of the public listeners. */
void name_answer(const struct object *cluster, const struct object *router,
		 const struct addr *public_addresses, size_t n_public,
		 struct name_answer *ret_answer);
/* Each address once; beyond ANSWERS_MAX they are left out. */
void name_answer_add(struct name_answer *a, const struct addr *addr);
