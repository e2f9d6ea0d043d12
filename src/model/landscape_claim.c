/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/landscape_int.h"

#include "model/space.h"

#include <string.h>
#include <xxhash.h>

/* --- places ----------------------------------------------------------------------------------------------- */

size_t body_places(enum object_kind kind, const void *body)
{
	if (!body)
		return 0;
	switch (kind) {
	case OBJECT_HOST:
	case OBJECT_PRIVATE_ENDPOINT:
	case OBJECT_PUBLIC_ADDRESS:
		return 1;
	case OBJECT_CLUSTER:
		return ((const struct cluster_net *)body)->n_placements;
	default:
		return 0;
	}
}

struct place body_place(enum object_kind kind, const void *body, size_t i)
{
	/* The landscape owns the bodies, and fills in what they leave open. */
	void *own = (void *)(uintptr_t)body;

	switch (kind) {
	case OBJECT_HOST: {
		struct host *h = own;
		return (struct place){h->subnet ? h->subnet : h->site, h->addresses};
	}
	case OBJECT_PRIVATE_ENDPOINT: {
		struct private_endpoint *ep = own;
		return (struct place){ep->subnet, ep->addresses};
	}
	case OBJECT_CLUSTER: {
		struct placement *p = &((struct cluster_net *)own)->placements[i];
		return (struct place){p->subnet, p->addresses};
	}
	default:
		return (struct place){NULL, ((struct public_address *)own)->addresses};
	}
}

const void *place_scope(const struct landscape *l, const struct place *p)
{
	return p->where ? (const void *)p->where : (const void *)l;
}

/* --- the table -------------------------------------------------------------------------------------------- */

const char attach_scope[1], domain_scope[1];

static struct claim **bucket_of(const struct landscape *l, const void *scope, const struct addr *a)
{
	struct {
		uint64_t scope, hi, lo, family;
	} key = {(uintptr_t)scope, a->hi, a->lo, a->family};

	return &l->claim_buckets[XXH3_64bits(&key, sizeof(key)) & (l->n_claim_buckets - 1)];
}

/* Without memory the chains are longer, and that is all. */
static void claims_spread(struct landscape *l)
{
	size_t n_old = l->n_claim_buckets;
	struct claim **old = l->claim_buckets;
	struct claim **grown = calloc(n_old * 2, sizeof(struct claim *));

	if (!grown)
		return;
	l->claim_buckets = grown;
	l->n_claim_buckets = n_old * 2;
	for (size_t i = 0; i < n_old; i++) {
		for (struct claim *c = old[i], *next; c; c = next) {
			struct claim **bucket = bucket_of(l, c->scope, &c->addr);

			next = c->next;
			c->next = *bucket;
			*bucket = c;
		}
	}
	free(old);
}

/* Where the lowest free address of each range is looked for first. NULL: not known. */
static struct addr *hints_of(const struct landscape *l, const void *scope,
			     const struct prefix **ret_ranges, size_t *ret_n)
{
	const struct object *o = scope;

	if (scope == attach_scope || scope == domain_scope)
		return NULL;
	if (scope == l) {
		*ret_ranges = l->pool;
		*ret_n = l->n_pool;
		return l->pool_hints;
	}
	if (!node_of(o)->hints)
		return NULL;
	if (o->kind == OBJECT_SUBNET) {
		*ret_ranges = object_subnet(o)->ranges;
		*ret_n = FAMILIES;
	} else {
		*ret_ranges = object_site(o)->spaces;
		*ret_n = object_site(o)->n_spaces;
	}
	return node_of(o)->hints;
}

static void claim_insert(struct landscape *l, struct claim *c)
{
	struct claim **bucket;

	if (l->n_claims >= l->n_claim_buckets)
		claims_spread(l);
	bucket = bucket_of(l, c->scope, &c->addr);
	c->next = *bucket;
	*bucket = c;
	l->n_claims++;
}

static void claim_remove(struct landscape *l, struct claim *c)
{
	struct claim **at = bucket_of(l, c->scope, &c->addr);
	const struct prefix *ranges = NULL;
	size_t n = 0;
	struct addr *hints = hints_of(l, c->scope, &ranges, &n);

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	l->n_claims--;
	for (size_t i = 0; hints && i < n; i++)
		if (prefix_contains(&ranges[i], &c->addr) && addr_cmp(&c->addr, &hints[i]) < 0)
			hints[i] = c->addr;
}

/* What there may be only one of, other than an address: its scope, or NULL. */
static const void *single_claim(const struct node *n, const void *body, struct addr *ret_key)
{
	const struct host *h = n->o.kind == OBJECT_HOST ? body : NULL;
	const struct declared_zone *z = n->o.kind == OBJECT_ZONE ? body : NULL;

	if (h && h->attach != ATTACH_NONE) {
		*ret_key = attach_key(h);
		return attach_scope;
	}
	if (z && z->is_public) {
		*ret_key = domain_key(z->domain);
		return domain_scope;
	}
	return NULL;
}

int claims_make(struct node *n, struct version *v)
{
	size_t n_places = body_places(n->o.kind, v->body);
	struct addr key;
	const void *scope = single_claim(n, v->body, &key);

	v->n_claims = n_places * FAMILIES + (scope != NULL);
	if (!v->n_claims)
		return 0;
	v->claims = calloc(v->n_claims, sizeof(*v->claims));
	if (!v->claims)
		return -ERR_NOMEM;
	for (size_t i = 0; i < n_places; i++) {
		struct place p = body_place(n->o.kind, v->body, i);

		for (size_t f = 0; f < FAMILIES; f++)
			if (p.addresses[f].family != ADDR_NONE)
				v->claims[i * FAMILIES + f] = (struct claim){
					NULL, place_scope(n->l, &p), p.addresses[f], n};
	}
	if (scope)
		v->claims[n_places * FAMILIES] = (struct claim){NULL, scope, key, n};
	return 0;
}

void claims_add(struct landscape *l, struct version *v)
{
	for (size_t i = 0; i < v->n_claims; i++)
		if (v->claims[i].scope)
			claim_insert(l, &v->claims[i]);
}

void claims_remove(struct landscape *l, struct version *v)
{
	for (size_t i = 0; i < v->n_claims; i++)
		if (v->claims[i].scope)
			claim_remove(l, &v->claims[i]);
}

void claim_take(struct node *n, size_t place, enum family f, const struct addr *a)
{
	struct place p = body_place(n->o.kind, n->now.body, place);
	struct claim *c = &n->now.claims[place * FAMILIES + f];

	p.addresses[f] = *a;
	*c = (struct claim){NULL, place_scope(n->l, &p), *a, n};
	claim_insert(n->l, c);
}

void claim_drop(struct node *n, size_t place, enum family f)
{
	struct place p = body_place(n->o.kind, n->now.body, place);
	struct claim *c = &n->now.claims[place * FAMILIES + f];

	if (c->scope)
		claim_remove(n->l, c);
	memset(c, 0, sizeof(*c));
	memset(&p.addresses[f], 0, sizeof(p.addresses[f]));
}

struct node *claim_other(const struct landscape *l, const void *scope, const struct addr *a,
			 const struct node *but)
{
	for (const struct claim *c = *bucket_of(l, scope, a); c; c = c->next)
		if (c->scope == scope && addr_is_equal(&c->addr, a) && c->owner != but)
			return c->owner;
	return NULL;
}

bool landscape_is_taken(const struct landscape *l, const struct addr *a)
{
	for (size_t i = 0; i < l->n_taken; i++)
		if (addr_is_equal(&l->taken[i], a))
			return true;
	return false;
}

struct addr attach_key(const struct host *h)
{
	XXH128_hash_t hash = XXH3_128bits(h->attach_name, strlen(h->attach_name));

	return (struct addr){.hi = hash.high64, .lo = hash.low64, .family = (uint8_t)h->attach};
}

struct addr domain_key(const char *domain)
{
	XXH128_hash_t hash = XXH3_128bits(domain, strlen(domain));

	return (struct addr){.hi = hash.high64, .lo = hash.low64, .family = ADDR_V6};
}
