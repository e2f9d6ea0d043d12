/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The declared kinds that make up networks, as parsed: what a landscape (model/landscape.h) holds of each object. The documents
 * themselves, as people write them, are described in postern-network(5) and in examples/.
 *
 * An object is a node that lives as long as anything names it; its body is replaced as a whole when the document changes, and
 * is NULL while the object is only named and not declared. References are pointers to nodes, so they stay valid whatever
 * happens to the object that they name; within a landscape that has passed its check every referenced node has a body.
 *
 * All of it is owned by the landscape and read-only outside of it.
 */
#pragma once

#include "base/addr.h"
#include "model/dns.h"
#include "model/name.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NET_SPACES_MAX	   8  /* prefixes of one address space */
#define NET_GROUPS_MAX	   16 /* security groups of one host or endpoint */
#define NET_PLACEMENTS_MAX 16 /* private addresses of one cluster, per family */
#define SUBNET_RESERVED \
	4 /* first addresses of a subnet: network, gateway, resolver, one spare; and the last one */
#define DELEGATED_V4_LENGTH 28 /* a subnet for integrated endpoints is at least that large */

/* Address families as indexes of arrays. */
enum family { V4, V6, FAMILIES };
static inline enum family addr_index(const struct addr *a)
{
	return a->family == ADDR_V6 ? V6 : V4;
}

/*        enum                     kind */
#define OBJECT_KINDS(X)                                \
	X(OBJECT_NETWORK, "network")                   \
	X(OBJECT_SUBNET, "subnet")                     \
	X(OBJECT_ROUTE_TABLE, "route-table")           \
	X(OBJECT_INTERNET_GATEWAY, "internet-gateway") \
	X(OBJECT_NAT_GATEWAY, "nat-gateway")           \
	X(OBJECT_PUBLIC_ADDRESS, "public-address")     \
	X(OBJECT_PEERING, "peering")                   \
	X(OBJECT_HUB, "hub")                           \
	X(OBJECT_SITE, "site")                         \
	X(OBJECT_SECURITY_GROUP, "security-group")     \
	X(OBJECT_HOST, "host")                         \
	X(OBJECT_PRIVATE_ENDPOINT, "private-endpoint") \
	X(OBJECT_CLUSTER, "cluster")                   \
	X(OBJECT_ZONE, "zone")                         \
	X(OBJECT_ZONE_LINK, "zone-link")               \
	X(OBJECT_TSIG_KEY, "tsig-key")

enum object_kind {
#define X(e, name) e,
	OBJECT_KINDS(X)
#undef X
		OBJECT_KIND_COUNT
};

struct object {
	enum object_kind kind;
	uint32_t id; /* in the store; 0 while it is not there yet */
	char name[OBJECT_NAME_MAX + 1];
	const void *
		body; /* struct network, struct subnet, ...: see object_*() below; NULL: not declared */
	/* Every declared object whose body names this one, each once, in no order. */
	struct object **referrers;
	size_t n_referrers;
};

struct network {
	struct prefix spaces[NET_SPACES_MAX];
	size_t n_spaces;
	struct resolver dns;
};

struct subnet {
	struct object *network;
	struct object *route_table; /* NULL: automatic routes only */
	struct prefix
		ranges[FAMILIES]; /* family ADDR_NONE: none of this family; at least one is there */
	bool is_delegated; /* to integrated endpoints of clusters: no hosts, no other endpoints */
};

enum route_via {
	VIA_DROP,
	VIA_INTERNET_GATEWAY,
	VIA_NAT_GATEWAY,
	VIA_PEERING,
	VIA_HUB,
	VIA_SITE,
	VIA_NETWORK
};

struct route {
	struct prefix to;
	enum route_via via;
	struct object *target; /* of the kind that via says; NULL for VIA_DROP */
	uint32_t index;	       /* in the document's list */
};

struct route_table {
	struct object *network;
	struct route *routes; /* longest prefix first; no two equal prefixes */
	size_t n_routes;
};

struct internet_gateway {
	struct object *network;
};

struct nat_gateway {
	struct object *subnet;
	struct object *public_address;
};

struct public_address {
	struct addr addresses[FAMILIES]; /* ADDR_NONE: none; at least one once allocated */
};

struct peering {
	struct object *networks[2];
	bool automatic; /* every route table of either network leads to the other's address space */
};

struct attachment {
	struct object *network;
	bool automatic; /* every route table of the network leads to what else is joined to the hub */
};

struct hub {
	struct attachment *attachments;
	size_t n_attachments;
	struct route *
		routes; /* VIA_NETWORK, VIA_SITE, VIA_DROP; besides the address spaces of what is joined to it */
	size_t n_routes;
};

struct site_connection {
	struct object *to; /* OBJECT_NETWORK or OBJECT_HUB */
	bool automatic;	   /* every route table of the network leads to the site's address space */
};

/* A network that is not ours, joined by VPN or a line. In a landscape on one machine it has hosts, but no subnets. */
struct site {
	struct prefix spaces[NET_SPACES_MAX];
	size_t n_spaces;
	struct object *
		public_address; /* its own way to the internet: all its hosts appear by it; NULL: none */
	struct site_connection *connections;
	size_t n_connections;
	struct resolver dns;
};

enum protocol { PROTOCOL_ANY, PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_ICMP }; /* ICMP: also ICMPv6 */

struct group_rule {
	enum protocol protocol;
	uint16_t port_first, port_last; /* 0..65535 where there are no ports to name */
	struct prefix *ranges;
	size_t n_ranges;
	struct object **
		groups; /* security groups: the addresses of the hosts and endpoints that have them */
	size_t n_groups;
};

/* Stateful allow rules: what no rule of any group of a host or endpoint allows is refused; answers are always allowed. */
struct security_group {
	struct object *network;
	struct group_rule *ingress, *egress;
	size_t n_ingress, n_egress;
	bool egress_open; /* no egress list: everything may leave */
};

enum attach_kind { ATTACH_NONE, ATTACH_NAMESPACE, ATTACH_INTERFACE };

#define ATTACH_NAME_MAX 63

struct host {
	struct object *subnet; /* NULL: at a site */
	struct object *site;   /* NULL: in a subnet */
	struct addr addresses[FAMILIES];
	struct object *groups[NET_GROUPS_MAX]; /* none: nothing is refused */
	size_t n_groups;
	struct object *public_address; /* one to one; NULL: none. Not at a site */
	enum attach_kind attach;
	char attach_name[ATTACH_NAME_MAX + 1]; /* namespace in /run/netns, or interface */
};

enum endpoint_state {
	ENDPOINT_PENDING,
	ENDPOINT_APPROVED,
	ENDPOINT_REJECTED,
	ENDPOINT_DISCONNECTED
};

/* Who may come by a private address: what of security groups and ranges there is must both agree. */
struct endpoint_rules {
	struct object *groups[NET_GROUPS_MAX]; /* none: every source that is routed */
	size_t n_groups;
	bool open; /* no ranges of its own */
	struct prefix *ranges;
	size_t n_ranges;
	uint16_t port;
};

struct private_endpoint {
	struct object
		*cluster; /* need not be declared (any more) while the state is not approved */
	struct object *subnet;
	struct addr addresses[FAMILIES];
	struct endpoint_rules rules;
	enum endpoint_state state;
	bool has_names; /* the cluster's names lead to it in its own network */
};

enum private_kind { PRIVATE_NONE, PRIVATE_INTERFACES, PRIVATE_LINK, PRIVATE_INTEGRATED };

struct placement {
	struct object *subnet;
	struct addr addresses[FAMILIES];
};

/* What a cluster's document says of networks; the rest of it is struct cluster's (model/cluster.h). */
struct cluster_net {
	enum private_kind kind;
	bool private_enabled; /* false: the addresses stay its own, and nobody is admitted by them */
	struct placement placements[NET_PLACEMENTS_MAX];
	size_t n_placements;
	struct endpoint_rules rules;
	bool public_enabled;
	char **server_names; /* folded; the fqdn first; wildcards among them */
	size_t n_server_names;
	struct cluster_dns dns;
};

/* The body, which must be there and of that kind. */
#define OBJECT_BODY(type, kind_)                                                 \
	static inline const struct type *object_##type(const struct object *o)   \
	{                                                                        \
		return o->kind == (kind_) ? (const struct type *)o->body : NULL; \
	}
OBJECT_BODY(network, OBJECT_NETWORK)
OBJECT_BODY(subnet, OBJECT_SUBNET)
OBJECT_BODY(route_table, OBJECT_ROUTE_TABLE)
OBJECT_BODY(internet_gateway, OBJECT_INTERNET_GATEWAY)
OBJECT_BODY(nat_gateway, OBJECT_NAT_GATEWAY)
OBJECT_BODY(public_address, OBJECT_PUBLIC_ADDRESS)
OBJECT_BODY(peering, OBJECT_PEERING)
OBJECT_BODY(hub, OBJECT_HUB)
OBJECT_BODY(site, OBJECT_SITE)
OBJECT_BODY(security_group, OBJECT_SECURITY_GROUP)
OBJECT_BODY(host, OBJECT_HOST)
OBJECT_BODY(private_endpoint, OBJECT_PRIVATE_ENDPOINT)
OBJECT_BODY(cluster_net, OBJECT_CLUSTER)
OBJECT_BODY(declared_zone, OBJECT_ZONE)
OBJECT_BODY(zone_link, OBJECT_ZONE_LINK)
OBJECT_BODY(tsig_key, OBJECT_TSIG_KEY)
#undef OBJECT_BODY
