/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the landscape's files share.
 *
 *	landscape.c           transactions and their undoing
 *	landscape_node.c      nodes by kind and name, and what links them
 *	landscape_claim.c     which addresses are whose
 *	landscape_look.c      questions
 *	landscape_touch.c     which routers a transaction concerns
 *	landscape_allocate.c  addresses that documents leave open
 *	landscape_check*.c    rules between objects
 *
 * A node is in the table by its kind and name from the first time that something names it until, at the end of a
 * transaction, it has neither a body nor a referrer. An edge is one object that a body names; it knows its place in the
 * target's list of referrers and that list knows the edge, so that either end is found without a search.
 *
 * A change keeps what a node was before the transaction: body, edges and claims go there as they are, and come back from
 * there without a single allocation, so that abort cannot fail.
 */
#pragma once

#include "model/body.h"
#include "model/landscape.h"

struct edge {
	struct node *to;
	size_t at; /* in to->o.referrers */
};

/* "Owner has this address of scope." Several may say so within a transaction; the check lets no two of them stay. */
struct claim {
	struct claim *next; /* in its bucket */
	const void *
		scope; /* a subnet, a site; the landscape itself for public addresses; NULL: an empty slot */
	struct addr addr;
	struct node *owner;
};

/* A body with all that hangs off it. */
struct version {
	void *body;
	struct edge *edges;
	size_t n_edges;
	struct claim *claims; /* a slot per place and family, then one for what a host is attached
			   to, or a public zone's domain */
	size_t n_claims;
};

struct node {
	struct object o; /* first: an object is a node */
	struct landscape *l;
	uint64_t hash;
	struct node *next; /* in its bucket */
	struct version now;
	size_t *referrer_edges; /* for each of o.referrers: which of its edges */
	size_t cap_referrers;
	size_t order;	/* among the declared ones of its kind */
	size_t change;	/* 1 + index of its change; 0: not in this transaction */
	uint64_t stamp; /* scratch of whoever walks */
	uint64_t touched, checked,
		swept,	     /* told, looked at, gone through as a whole in this walk */
		swept_names; /* gone through for the names in it */
	uint64_t touched_near,
		touched_members;    /* told with those joined to it, with those around these */
	struct node *doubtful_next; /* at the end of the transaction: is it still of use? */
	bool is_doubtful;
	struct addr *
		hints; /* of a subnet or site: lowest address of each range that may be free. NULL: not known */
};

struct change {
	struct node *node;
	struct version before;
	uint32_t before_id;
};

struct node_list {
	struct node **items;
	size_t n, cap;
};

struct landscape {
	struct node **buckets;
	size_t n_buckets, n_nodes;
	struct node_list declared[OBJECT_KIND_COUNT];
	struct claim **claim_buckets;
	size_t n_claim_buckets, n_claims;
	struct change *changes;
	size_t n_changes, cap_changes;
	struct node *doubtful;
	uint64_t stamp, touched, checked;
	struct prefix *pool;
	struct addr *pool_hints;
	size_t n_pool;
	struct addr *taken, *public;
	size_t n_taken, n_public;
};

static inline struct node *node_of(const struct object *o)
{
	return (struct node *)(uintptr_t)o;
}

/* The body that a node had before the transaction; its present one if it is not in it. NULL: none. */
static inline const void *body_before(const struct node *n)
{
	return n->change ? n->l->changes[n->change - 1].before.body : n->now.body;
}

/* --- nodes and versions ----------------------------------------------------------------------------------- */

struct node *node_find(const struct landscape *l, enum object_kind kind, const char *name);
/* Made, undeclared, if there is none. NULL: out of memory. */
struct node *node_get(struct landscape *l, enum object_kind kind, const char *name);
void node_free(struct node *n);
/* At the end of a transaction: away with nodes that nothing declares and nothing names. */
void nodes_sweep(struct landscape *l);

/* What version_set() will need: edges of the body, and room for them and the node. 0 or -ERR_NOMEM. */
int edges_make(struct node *n, struct version *v);
int declared_reserve(struct landscape *l, enum object_kind kind);
/* Take the present version out of everything that knows of it; make one, which may be empty, the present. Cannot fail. */
struct version version_take(struct node *n);
void version_set(struct node *n, const struct version *v);
void version_done(enum object_kind kind, struct version *v);

/* --- places: where a body has addresses ------------------------------------------------------------------- */

struct place {
	struct object *where;	/* subnet or site; NULL: the internet */
	struct addr *addresses; /* [FAMILIES], in the body */
};
size_t body_places(enum object_kind kind, const void *body);
struct place body_place(enum object_kind kind, const void *body, size_t i);

/* --- claims ----------------------------------------------------------------------------------------------- */

/* The slots for a body. 0 or -ERR_NOMEM. */
int claims_make(struct node *n, struct version *v);
void claims_add(struct landscape *l, struct version *v);
void claims_remove(struct landscape *l, struct version *v);
/* Fill and empty the slot of one address of the present body. */
void claim_take(struct node *n, size_t place, enum family f, const struct addr *a);
void claim_drop(struct node *n, size_t place, enum family f);
/* Who else than `but` (NULL: anyone) claims the address. NULL: nobody. */
struct node *claim_other(const struct landscape *l, const void *scope, const struct addr *a,
			 const struct node *but);
const void *place_scope(const struct landscape *l, const struct place *p);
bool landscape_is_taken(const struct landscape *l, const struct addr *a);
/* What a host is attached to, as an address that only equal names share. */
struct addr attach_key(const struct host *h);
/* The domain of a public zone, likewise. */
struct addr domain_key(const char *domain);
extern const char attach_scope[1], domain_scope[1];

/* --- checks ----------------------------------------------------------------------------------------------- */

struct checking {
	struct landscape *l;
	bool force;
	const struct object *blame;
	struct err *e;
};

/* A sentence for a person, about the named object. */
int check_refuse(struct checking *c, const struct object *blame, const char *path, const char *fmt,
		 ...) _printf_(4, 5);
/* The text of the users of o, without `but`, for "in use by ...": the first and how many more. */
#define USERS_TEXT_MAX 200
char *users_text(const struct object *o, const struct object *but, char dst[USERS_TEXT_MAX]);

/* Each kind's rules, on a declared object of it. */
int check_subnet(struct checking *c, const struct object *o);
int check_route_table(struct checking *c, const struct object *o);
int check_internet_gateway(struct checking *c, const struct object *o);
int check_nat_gateway(struct checking *c, const struct object *o);
int check_public_address(struct checking *c, const struct object *o);
int check_peering(struct checking *c, const struct object *o);
int check_hub(struct checking *c, const struct object *o);
int check_site(struct checking *c, const struct object *o);
int check_security_group(struct checking *c, const struct object *o);
int check_host(struct checking *c, const struct object *o);
int check_private_endpoint(struct checking *c, const struct object *o);
int check_cluster(struct checking *c, const struct object *o);
int check_zone(struct checking *c, const struct object *o);
int check_zone_link(struct checking *c, const struct object *o);
int check_router_dns(struct checking *c, const struct object *o); /* a network or site */

/* landscape_check_address.c: the addresses of o at one place; path is the field that has them. */
int check_place(struct checking *c, const struct object *o, const struct place *p,
		const char *path);
/* A public address that o uses: nobody else does, and it has a family of those that o has. */
int check_public_use(struct checking *c, const struct object *o, const struct object *address,
		     const bool has[FAMILIES], const char *what);
/* Security groups of o belong to the network. */
int check_groups(struct checking *c, const struct object *o, struct object *const *groups, size_t n,
		 const struct object *network, const char *path);

/* landscape_check_cluster.c: a cluster that can be reached by nothing, unless forced. */
bool cluster_has_way_in(const struct object *cluster);

/* landscape_check_join.c: no two of what a hub or site joins have addresses in common. */
int check_joined(struct checking *c, const struct object *o);

/* landscape_check_names.c: what a cluster, a private endpoint and a subnet have to do with names. */
int check_cluster_names(struct checking *c, const struct object *o);
int check_endpoint_names(struct checking *c, const struct object *o);
int check_subnet_resolver(struct checking *c, const struct object *o);
