/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is seen of names from a network, from a site, and from the internet (router NULL), derived from the landscape. Everything that
 * is seen is a zone, and a view is the list of those that are special to one place. A question asked in a network goes
 *
 *	1. to the zone with the longest matching domain of the network's own view; what it says is final, but for NXDOMAIN of a zone
 *	   that falls through
 *	2. to the conditional forward with the longest matching domain, if the network has one (struct resolver)
 *	3. to the zone with the longest matching domain of the internet's view
 *	4. to the servers that the network forwards to
 *
 * Zones of a view:
 *
 *	VIEW_DECLARED  a zone's document; with it the private names of the clusters that have it as their own zone
 *	VIEW_SYSTEM    the zone that the system keeps for a cluster: its private name
 *	VIEW_NAME      one name of a cluster, "@" of a zone with that very domain
 *
 * What is in a VIEW_DECLARED or VIEW_SYSTEM zone is the same wherever it is seen, so that it can be made once for all views; a
 * VIEW_NAME zone is special to its view. A view has no domain twice but that a VIEW_NAME zone may have the domain of one of the
 * others, which is asked, then: what a user declares hides what the system makes; and that several may be denied the same private name on
 * the internet. Where a private name is another cluster's public name, the latter is asked.
 *
 * Where the names of a cluster lead. "placements" are its addresses while private.enabled, an "endpoint" is an approved private
 * endpoint with `dns`:
 *
 *	public name (fqdn and the other server names; wildcards stand for no one name and are not told)
 *	  in a network with an endpoint              the endpoints there (and placements there, by the rule below)
 *	  dns: {} (EKS): in a network with placements   those there; not of an integrated cluster that is public: nodes know its address
 *	  elsewhere: public                          the public listeners
 *	  elsewhere: not public, dns: {}             every placement: whether it can be reached is for routes and security groups
 *	  elsewhere: not public, publicName true     every placement (AKS)
 *	  elsewhere: not public, publicName false    there is no such name, not even where there is an endpoint (AKS)
 *	private name (zone: system, own)
 *	  in a network with an endpoint              the endpoints there
 *	  where its zone is seen                     every placement. A system zone is seen where placements are, and where it is linked
 *	  elsewhere                                  there is no such name
 *
 * publicName is true where nothing else is said and there is a zone. A network with clusterNames: false has no VIEW_NAME zones: names
 * of clusters lead to where they lead on the internet.
 *
 * Pure but for memory.
 */
#pragma once

#include "model/landscape.h"
#include "model/record.h"

/* Addresses of the public listeners. */
struct view_public {
	const struct addr *addresses;
	size_t n;
};

enum view_zone_kind { VIEW_DECLARED, VIEW_SYSTEM, VIEW_NAME };

/* Why there is no such name, where a VIEW_NAME zone says so for its whole domain. */
enum view_denial {
	VIEW_GIVEN,		/* there is: see the records */
	VIEW_DENIED_OFF,	/* publicName is off, or nothing of the cluster is on */
	VIEW_DENIED_NOT_LINKED, /* a private name, where its zone is not seen */
};

struct view_zone {
	enum view_zone_kind kind;
	enum view_denial denial;
	const struct object *router; /* whose view; NULL: the internet's */
	const struct object *owner;  /* the zone, or the cluster */
	const struct object *by;     /* the zone-link; NULL: it needs none */
	const char *domain;	     /* folded; until the call returns */
	bool fall_through;
	uint32_t ttl, minimum; /* of what is made for it: SOA, NS; of negative answers */
};

struct view_record {
	const char *name; /* within the zone */
	enum record_type type;
	uint32_t ttl;
	const struct object *
		owner; /* the cluster, of a record that the system keeps; NULL: declared by a user */
	const struct record_set *set; /* of a user's: the values */
	const struct addr *addresses; /* of the system's, all of the type's family; none twice */
	size_t n_addresses;
};

/* All but -ERR_NOMEM stop a walk where they are not zero, and are returned. */
typedef int view_zone_fn(const struct view_zone *zone, void *arg);
typedef int view_record_fn(const struct view_record *record, void *arg);

/* Every zone of the view, in no order. router: OBJECT_NETWORK, OBJECT_SITE, NULL. 0, what fn returned, or -ERR_NOMEM. */
int view_each_zone(const struct landscape *l, const struct object *router,
		   const struct view_public *public, view_zone_fn *fn, void *arg) _must_check_;
/* Those of one owner (OBJECT_ZONE, OBJECT_CLUSTER) in the view; none if it is not there, or is gone. */
int view_each_zone_of(const struct object *router, const struct object *owner,
		      const struct view_public *public, view_zone_fn *fn, void *arg) _must_check_;
/*
 * Every record set of the zone: one call per name and type; the system's after the user's. No SOA; NS only where declared. Of a zone
 * that is seen only public names depend on the listeners.
 */
int view_each_record(const struct view_zone *zone, const struct view_public *public,
		     view_record_fn *fn, void *arg) _must_check_;
/* Content that is the same in every view: of OBJECT_ZONE, or of the system's zone of an OBJECT_CLUSTER. false: there is none. */
bool view_shared_zone(const struct object *owner, struct view_zone *ret_zone,
		      char domain[DNS_NAME_MAX + 1]);

/* --- what a transaction may have changed; until commit or abort ------------------------------------------- */

/* Zones (OBJECT_ZONE) and clusters (their system zones) whose content, or keys, may be another. Each once; the body is NULL if it is gone. */
int landscape_each_zone_touched(const struct landscape *l, object_fn *fn, void *arg);
/*
 * Pairs of a view and an owner, of whose zones in the view something may have changed: view_each_zone_of() says what they are now.
 * router NULL: the internet. A pair may come more than once, and of objects that are gone.
 */
typedef int view_touch_fn(struct object *router, struct object *owner, void *arg);
int landscape_each_view_touched(const struct landscape *l, view_touch_fn *fn, void *arg);
