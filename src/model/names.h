/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the server names of clusters answer inside a router's network: the one place that knows the rule, for whoever tells hosts
 * (a hosts file, a name server). The form in which they are told is the caller's.
 *
 *	the cluster has an enabled private address in this network    the private addresses that it has in this network
 *	else: its public endpoint is enabled                          the addresses of the public listeners
 *	else: it is private only                                      its enabled placements' addresses, wherever they are: whether
 *	                                                              they can be reached is for routes and security groups
 *	else                                                          nothing: the name is not told at all
 *
 * An enabled private address is a placement of the cluster while `private.enabled`, or an approved private endpoint. The virtual
 * address of an integrated cluster counts only while its public endpoint is off: nodes use it by address, and everybody else
 * by the public name, as in AKS. The rest is the rule of EKS; public DNS gives the answers of the second and third row.
 *
 * Pure but for memory.
 */
#pragma once

#include "model/landscape.h"

/* addresses: n > 0 of them, no address twice, only until the call returns. Non-zero stops and is returned. */
typedef int names_fn(const char *server_name, const struct object *cluster,
		     const struct addr *addresses, size_t n, void *arg);

/*
 * Every server name of every cluster that has an answer at the router, wildcards left out: they stand for no one name. In no order of
 * clusters, names in their document's order. 0, what fn returned, or -ERR_NOMEM.
 */
int names_of(const struct landscape *l, const struct object *router,
	     const struct addr *public_addresses, size_t n_public, names_fn *fn, void *arg)
	_must_check_;
