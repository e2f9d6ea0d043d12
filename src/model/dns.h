/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is declared of names, as parsed: zones and their records, links of zones to networks, what a network's resolver does, what a
 * cluster's document says of its names. Part of model/net.h, whose rules of ownership hold here too; the documents are described in
 * postern-dns(5). What a network sees of all that is in model/view.h.
 */
#pragma once

#include "base/addr.h"
#include "model/name.h"
#include "wire/rdata.h"
#include "wire/tsig.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct object;

#define DNS_TTL		 300	   /* of records that say nothing, unless their zone does */
#define DNS_NEGATIVE_TTL 30	   /* how long it may be remembered that there is no such name */
#define DNS_TTL_MAX	 INT32_MAX /* RFC 2181, 8 */
#define DNS_CLUSTER_TTL	 30	   /* of a cluster's own records: they move when its settings do */

/* Of the records that a zone may hold; the numbers are those of the wire. */
enum record_type {
	RECORD_A = RR_A,
	RECORD_NS = RR_NS,
	RECORD_CNAME = RR_CNAME,
	RECORD_PTR = RR_PTR,
	RECORD_MX = RR_MX,
	RECORD_TXT = RR_TXT,
	RECORD_AAAA = RR_AAAA,
	RECORD_SRV = RR_SRV,
};

/* Every record of one name and type. */
struct record_set {
	const char *name; /* within the zone, folded: "@", "*", "a.b", "*.a" */
	const char *
		values; /* n_values strings in canonical form (model/record.h), each ended by its NUL */
	uint32_t n_values;
	uint32_t ttl;
	uint32_t index; /* in the document's list */
	enum record_type type;
};

/* A secret that a zone's transfers or updates are signed with, RFC 8945. */
struct tsig_key {
	char name[DNS_NAME_MAX + 1]; /* by which messages name it; folded, without the last dot */
	enum tsig_algorithm algorithm;
	uint8_t secret[TSIG_SECRET_MAX];
	uint32_t secret_len; /* 0: the document leaves it to control, which makes one */
};

/* OBJECT_TSIG_KEY, none twice. */
struct key_list {
	struct object **keys;
	size_t n;
};

struct declared_zone {
	char domain[DNS_NAME_MAX + 1]; /* folded, without the last dot */
	bool is_public;
	struct key_list transfer, update;
	uint32_t ttl, minimum;
	struct record_set *records; /* by name, then type; no two alike */
	size_t n_records;
	char *text; /* what the records point into */
};

/* A private zone answers in a network or site: one that is declared, or the one that the system keeps for a cluster. */
struct zone_link {
	struct object *zone;	/* NULL: the system's zone of the cluster */
	struct object *cluster; /* NULL: a declared zone */
	struct object *router;	/* OBJECT_NETWORK or OBJECT_SITE */
	bool fall_through;	/* a name that is not in the zone is asked for elsewhere */
};

#define DNS_SERVERS_MAX 8

struct forward {
	char *domain; /* folded; everything below it, too */
	struct addr servers[DNS_SERVERS_MAX];
	size_t n_servers; /* at least one */
};

/* The section "dns" of a network or site. */
struct resolver {
	bool is_enabled;	/* the resolver's addresses answer at all */
	bool has_cluster_names; /* false: names of clusters answer as on the internet */
	bool has_servers;	/* false: the rest is forwarded to where the daemon forwards it */
	struct addr servers[DNS_SERVERS_MAX];
	size_t n_servers; /* with has_servers: none: nothing is forwarded */
	struct forward *forwards;
	size_t n_forwards;
};

enum dns_zone { DNS_ZONE_NONE, DNS_ZONE_SYSTEM, DNS_ZONE_OWN };
enum public_name { PUBLIC_NAME_UNSET, PUBLIC_NAME_OFF, PUBLIC_NAME_ON };

/* The section "dns" of a cluster. */
struct cluster_dns {
	enum dns_zone zone;
	struct object *own_zone; /* with DNS_ZONE_OWN */
	char *private_fqdn; /* folded; NULL: made from the public one, see view_private_name() */
	enum public_name public_name;
};
