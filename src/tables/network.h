/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Networks in the compiled tables (tables.h): what netd makes real, and which private addresses lead to which cluster.
 *
 *	table      key                              value
 *	network    u32 id of the router             network record: struct tables_network, encoded (network_record.c draws it)
 *	endpoint   u32 id of the network, family,   endpoint record (32 bytes), then a rangeset blob: the sources that are admitted
 *	           16 bytes of address              (absent if every source is)
 *
 * A router is a network, a hub or a site; each becomes a kernel namespace. Two routers are joined by at most one link. The
 * records are neutral of the kernel: interface names, table numbers and rules are netd's business (netd/plan.h).
 *
 * tables_commit() names the routers and the clusters that a generation touched, by id, in one list.
 */
#pragma once

#include "tables/tables.h"

#define TABLES_FAMILIES 2 /* index 0: IPv4, 1: IPv6; ADDR_NONE where there is none */

enum tables_router { ROUTER_NETWORK, ROUTER_HUB, ROUTER_SITE };
enum tables_link_kind { LINK_PEERING, LINK_HUB, LINK_SITE };

/* The end of a link at this router. Its other end is at the peer, and says the same of us. */
struct tables_link {
	uint32_t peer;
	uint8_t peer_kind; /* enum tables_router */
	uint8_t kind;	   /* enum tables_link_kind */
	char peer_name[64];
};

struct tables_subnet {
	uint32_t id;
	uint32_t table; /* of its routes: tables_route.table */
	struct prefix ranges[TABLES_FAMILIES];
	struct addr gateway[TABLES_FAMILIES]; /* by which its hosts leave */
};

enum tables_route_kind {
	ROUTE_DROP, /* unreachable */
	ROUTE_UPLINK, /* to the internet: a source leaves by its own public address, or by tables_nat */
	ROUTE_LINK, /* to link[target] */
};

/* Routes of one table are for the sources of the subnets that name it; those of a hub (table 0) are for everyone. Within the
 * router's own address space nothing but hosts and endpoints is ever reached, whatever routes say. */
struct tables_route {
	uint32_t table;
	uint32_t target; /* ROUTE_LINK: index in links */
	struct prefix to;
	uint8_t kind;
};

/* Sources of the subnets that use `table`, on their way to `to`, appear by this address. Of several the longest `to` decides, together with
 * ROUTE_UPLINK routes of the same table without a NAT, which let only hosts with public addresses of their own out. */
struct tables_nat {
	uint32_t table;
	struct prefix to;
	struct addr address[TABLES_FAMILIES];
};

struct tables_host {
	uint32_t id;
	uint32_t subnet; /* index in subnets; a site has one for its hosts */
	struct addr addresses[TABLES_FAMILIES];
	struct addr public[TABLES_FAMILIES]; /* one to one, or none */
	uint32_t first_group, n_groups;	     /* in host_groups; none: nothing is refused */
	uint8_t attach;			     /* enum attach_kind */
	char name[64];
	char attach_name[64];
};

struct tables_rule {
	bool is_ingress;
	uint8_t protocol; /* enum protocol of model/net.h */
	uint16_t port_first, port_last;
	uint32_t first_prefix, n_prefixes; /* in prefixes: the other end */
};

struct tables_group {
	uint32_t id;
	uint32_t first_rule, n_rules; /* in rules */
	bool egress_open;
	char name[64];
};

/* A private address on which the gates listen. */
struct tables_network_endpoint {
	struct addr addr;
	uint16_t port;
};

/*
 * The addresses on which the router's resolver answers, UDP and TCP port 53, and to whom: sources within `spaces`. They are the router's own
 * (netd gives them to it); nobody from outside of it reaches them.
 */
struct tables_resolver {
	struct addr addr;
	bool asks; /* names are forwarded to servers of the network's own, from this address; at most one of each family */
};

struct tables_network {
	uint32_t id;
	uint64_t generation; /* in which this record was last changed */
	uint8_t kind;	     /* enum tables_router */
	bool has_uplink;
	char name[64];
	struct prefix *spaces;
	struct tables_subnet *subnets;
	struct tables_link *links; /* by peer */
	struct tables_route *routes;
	struct tables_nat *nats;
	struct tables_host *hosts; /* by id */
	uint32_t *host_groups;	   /* indexes in groups */
	struct tables_group *groups;
	struct tables_rule *rules;
	struct prefix *prefixes;
	struct tables_network_endpoint *endpoints; /* by address */
	struct tables_resolver *resolvers;	   /* by address */
	uint32_t n_spaces, n_subnets, n_links, n_routes, n_nats, n_hosts, n_host_groups, n_groups,
		n_rules, n_prefixes, n_endpoints, n_resolvers;
	void *memory; /* all of the arrays, if tables_get_network() made them */
};

struct tables_endpoint {
	uint32_t network; /* id of the router in whose namespace the address is */
	struct addr addr;
	uint16_t port;
	uint32_t cluster;    /* id */
	uint32_t owner;	     /* id of the cluster or private endpoint that declares it */
	bool open;	     /* every source is admitted */
	uint64_t generation; /* in which this record was last changed */
};

/* --- reading ---------------------------------------------------------------------------------------------- */

/* Decoded and verified; tables_network_done() frees it. -ERR_NOT_FOUND, -ERR_UNAVAILABLE (damaged), -ERR_NOMEM. */
int tables_get_network(struct tables_snapshot *s, uint32_t id, struct tables_network *ret_network)
	_must_check_;
void tables_network_done(struct tables_network *n);
/* Every router, by id. */
int tables_each_network(struct tables_snapshot *s, tables_id_fn *cb, void *arg) _must_check_;

/*
 * The endpoint at an address of a network. *ret_sources is borrowed until tables_release(), and empty if the endpoint is open, or on
 * failure. verify: check the whole blob. -ERR_NOT_FOUND: nothing leads anywhere by this address (any more); -ERR_UNAVAILABLE.
 */
int tables_get_endpoint(struct tables_snapshot *s, uint32_t network, const struct addr *a,
			bool verify, struct tables_endpoint *ret_endpoint,
			struct rangeset *ret_sources) _must_check_;

/* --- writing: control only, within a transaction ---------------------------------------------------------- */

/*
 * Make the record of n->id this one, its generation the given one; *ret_changed false if it says the same already (then the old
 * generation stays). Errors as for the other writers.
 */
int tables_put_network(struct tables *t, const struct tables_network *n, uint64_t generation,
		       bool *ret_changed, struct err *e) _must_check_;
/* The record and every endpoint of the router. Absent is fine. The clusters that had endpoints there are told as below. */
struct tables_endpoint_put {
	struct tables_endpoint endpoint; /* its generation is set by the call */
	const void *sources;		 /* rangeset blob, NULL if open */
	size_t sources_len;
};
typedef void tables_touched_fn(uint32_t cluster, void *arg);
/*
 * The endpoints of this network are now exactly these n, in any order. touched is called for the cluster, old and new, of each that came, went
 * or changed; a cluster may come more than once.
 */
int tables_put_endpoints(struct tables *t, uint32_t network, const struct tables_endpoint_put *puts,
			 size_t n, uint64_t generation, tables_touched_fn *touched, void *arg,
			 struct err *e) _must_check_;
int tables_delete_network(struct tables *t, uint32_t id, tables_touched_fn *touched, void *arg,
			  struct err *e) _must_check_;
