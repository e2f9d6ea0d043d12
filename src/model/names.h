/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the names of clusters answer inside a router's network, as far as this can be known without asking anyone: its view and the
 * internet's (model/view.h, which has the rule), for whoever tells hosts or explains. The form in which they are told is the caller's.
 * A name that leads nowhere, that only a server which the network forwards to could know, or that a user's zone turns into a CNAME, is
 * not told.
 *
 * Pure but for memory.
 */
#pragma once

#include "model/landscape.h"

/* server_name: or the private name. addresses: n > 0 of them, no address twice, only until the call returns. Non-zero stops and is returned. */
typedef int names_fn(const char *server_name, const struct object *cluster,
		     const struct addr *addresses, size_t n, void *arg);

/*
 * Every server name and private name of every cluster that has an answer at the router, wildcards left out: they stand for no one
 * name. In no order of clusters; server names in their document's order, then the private one. 0, what fn returned, or -ERR_NOMEM.
 * router NULL, or without a body: it could not be read from the store, and there are none.
 */
int names_of(const struct landscape *l, const struct object *router,
	     const struct addr *public_addresses, size_t n_public, names_fn *fn, void *arg)
	_must_check_;
