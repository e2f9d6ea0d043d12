/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The landscape: every declared object that concerns networks, parsed and linked (model/net.h), with the rules that hold
 * between objects. One in memory of the control role, filled from the store at start and moved along by each change.
 *
 * A change is a transaction:
 *
 *	landscape_begin
 *	  landscape_put, landscape_delete       any number, in any order: references may point ahead
 *	  landscape_allocate                    for each object put whose document leaves addresses open
 *	  landscape_check                       every rule that the change can have broken
 *	landscape_commit  or  landscape_abort   (back to what it was, to the last pointer)
 *
 * A check costs what the change touches, not what exists. A "router" below is a network, a hub or a site: what gets a kernel
 * namespace with routes of its own.
 *
 * Pure but for memory. Not for several threads.
 */
#pragma once

#include "base/err.h"
#include "model/net.h"

#include <jansson.h>

struct landscape;

int landscape_new(struct landscape **ret_landscape, struct err *e) _must_check_;
void landscape_free(struct landscape *l); /* NULL is fine */

/* --- looking ---------------------------------------------------------------------------------------------- */

/* "host" etc. OBJECT_KIND_COUNT if this is no kind that a landscape holds. */
enum object_kind object_kind_find(const char *kind);
const char *object_kind_text(enum object_kind kind);

/* Declared objects only. NULL if there is none. */
struct object *landscape_find(const struct landscape *l, enum object_kind kind, const char *name);
size_t landscape_count(const struct landscape *l, enum object_kind kind);
/* fn returns non-zero to stop, which is returned. In no order. */
typedef int object_fn(struct object *o, void *arg);
int landscape_each(const struct landscape *l, enum object_kind kind, object_fn *fn, void *arg);

/* The router that o belongs to, or is; NULL for a cluster, a peering, a public address, a zone or its link. */
struct object *object_router(const struct object *o);
static inline bool object_is_router(const struct object *o)
{
	return o->kind == OBJECT_NETWORK || o->kind == OBJECT_HUB || o->kind == OBJECT_SITE;
}
/* A router's address space; a hub has none. */
const struct prefix *router_spaces(const struct object *router, size_t *ret_n);

/* What joins two routers. */
struct router_link {
	struct object *peer; /* the router at the other end */
	struct object *by;   /* the peering, hub or site whose document says so */
	bool automatic; /* routes to what lies behind it are in every route table of a network at this end */
};
typedef int router_link_fn(const struct router_link *link, void *arg);
/* Every link of a router, each peer once. Non-zero stops. */
int router_each_link(const struct object *router, router_link_fn *fn, void *arg);

int network_each_subnet(const struct object *network, object_fn *fn, void *arg);
/* Hosts in the subnets of a network, or at a site. */
int router_each_host(const struct object *router, object_fn *fn, void *arg);
/* NULL if the network has none. */
struct object *network_internet_gateway(const struct object *network);
/* The subnet of the network that has the address; NULL if none. */
struct object *network_find_subnet(const struct object *network, const struct addr *a);
/* The host of the router that has the private address; NULL if none. */
struct object *router_find_host(const struct object *router, const struct addr *a);

/* The public zone of that domain, folded; NULL if there is none. */
struct object *landscape_find_public_zone(const struct landscape *l, const char *domain);

/* A private address that leads to a cluster: a placement of the cluster, or a private endpoint. */
struct endpoint_view {
	struct object *owner;	/* OBJECT_CLUSTER or OBJECT_PRIVATE_ENDPOINT */
	struct object *cluster; /* whose upstreams it leads to */
	struct object *subnet;
	const struct addr *addresses; /* [FAMILIES] */
	const struct endpoint_rules *rules;
	bool is_enabled; /* switched on, and approved */
};
typedef int endpoint_fn(const struct endpoint_view *ep, void *arg);
/* Also those that are switched off or not approved. Non-zero stops. */
int network_each_endpoint(const struct object *network, endpoint_fn *fn, void *arg);
int cluster_each_endpoint(const struct object *cluster, endpoint_fn *fn, void *arg);

/* --- changing --------------------------------------------------------------------------------------------- */

/* Addresses from which public addresses are allocated; default: none. Before any object is put. */
int landscape_set_pool(struct landscape *l, const struct prefix *pool, size_t n, struct err *e)
	_must_check_;
/* Addresses that are the machine's own (public listeners): no object may have them. */
int landscape_set_taken(struct landscape *l, const struct addr *taken, size_t n, struct err *e)
	_must_check_;

/* Addresses at which the internet finds the public listeners; default: none. They concern nothing but names (model/view.h). */
int landscape_set_public(struct landscape *l, const struct addr *public, size_t n, struct err *e)
	_must_check_;
const struct addr *landscape_public(const struct landscape *l, size_t *ret_n);

void landscape_begin(struct landscape *l);
/*
 * doc has passed its kind's own check (model/kind.h) and is of the object's final form but for addresses left open. id: 0 if
 * the store has not given one yet. Addresses that doc leaves open stay as the object has them at the same place, until
 * landscape_allocate() decides. 0, -ERR_NOMEM; -ERR_INVALID where the document does not parse after all.
 */
int landscape_put(struct landscape *l, enum object_kind kind, uint32_t id, const json_t *doc,
		  struct object **ret_object, struct err *e) _must_check_;
/* No such object is fine. */
int landscape_delete(struct landscape *l, enum object_kind kind, const char *name, struct err *e)
	_must_check_;
/*
 * Fill in the addresses that doc, o's document as put in this transaction, leaves open: those that `before` (its stored
 * document, NULL if new) has for the same place, if they still fit and are free; else the lowest free ones of the subnet, site or pool.
 * After every put and delete of the transaction. doc is changed in place. 0, -ERR_INVALID (no address is left: which subnet, how many it has), -ERR_NOMEM.
 */
int landscape_allocate(struct landscape *l, struct object *o, const json_t *before, json_t *doc,
		       struct err *e) _must_check_;
/*
 * Every rule between objects: references lead to declared objects of the right network, address spaces do not overlap where
 * they must not, addresses are inside, free and not reserved, nothing that is in use is gone. On failure *ret_blame is the
 * object of the transaction that is at fault (NULL: none of them alone), and e->path is relative to its document ("" for one
 * that is deleted). A limit that is hit gives -ERR_TOO_LARGE, anything else -ERR_INVALID.
 *
 * force lets through a cluster without a way in, and the deletion of a cluster that approved private endpoints name: these stay
 * declared as they are, lead nowhere (endpoint_view.is_enabled is false), and lead to a cluster of that name when there is one
 * again. A caller that wants them disconnected puts them so in the same transaction.
 */
int landscape_check(struct landscape *l, bool force, const struct object **ret_blame, struct err *e)
	_must_check_;
/*
 * Routers whose compiled form (records of the network and of the endpoints in it) the transaction may have changed: their
 * own change and that of what they are joined with. router->body is NULL if it is gone. Until commit or abort.
 */
int landscape_each_touched(const struct landscape *l, object_fn *fn, void *arg);
/* The store has given o its id. */
void landscape_set_id(struct landscape *l, struct object *o, uint32_t id);
void landscape_commit(struct landscape *l);
void landscape_abort(struct landscape *l);
