/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Every limit on declared objects, in one table with two profiles: `open`, the default, and `cloud`, as the clouds
 * document them. The table makes the enum, the values and the manual's section.
 */
#pragma once

#include <stdint.h>

/*        name             open      cloud  what */
#define LIMITS(X)                                                                                \
	X(LIMIT_RANGES, 1000000, 200,                                                            \
	  "authorized ranges of one cluster (AKS: 200; EKS: 40, held by its own API)")           \
	X(LIMIT_CLUSTERS, 100000, 5000, "clusters")                                              \
	X(LIMIT_UPSTREAMS, 16, 16, "upstreams of one cluster")                                   \
	X(LIMIT_NAMES, 64, 64, "server names of one cluster")                                    \
	X(LIMIT_NETWORKS, 100000, 1000, "networks (Azure: 1,000 of a subscription)")             \
	X(LIMIT_SUBNETS, 10000, 200, "subnets of one network (AWS)")                             \
	X(LIMIT_ROUTES, 10000, 50, "routes of one route table or hub (AWS)")                     \
	X(LIMIT_RULES, 1000, 60, "rules of one security group in each direction (AWS)")          \
	X(LIMIT_RULE_RANGES, 10000, 60, "ranges of one rule of a security group")                \
	X(LIMIT_GROUP_RANGES, 10000, 1000,                                                       \
	  "ranges of all rules of one security group (AWS: 1,000 rules of one interface; "       \
	  "Azure: 4,000)")                                                                       \
	X(LIMIT_RULE_GROUPS, 64, 60, "groups that one rule of a security group names")           \
	X(LIMIT_GROUPS_EACH, 16, 5, "security groups of one host or endpoint (AWS)")             \
	X(LIMIT_PEERINGS, 10000, 125, "peerings of one network (AWS, raised as far as it goes)") \
	X(LIMIT_ATTACHMENTS, 100000, 5000, "attachments of one hub (AWS)")                       \
	X(LIMIT_CONNECTIONS, 10000, 50, "connections of one site (AWS: 50 VPN connections)")     \
	X(LIMIT_PLACEMENTS, 16, 16, "placements of one cluster")                                 \
	X(LIMIT_HOSTS, 1000000, 65536, "hosts of one network or site (Azure)")                   \
	X(LIMIT_ZONES, 1000000, 1000, "zones (Azure: 1,000 private ones of a subscription)")     \
	X(LIMIT_RECORD_SETS, 1000000, 25000, "record sets of one zone (Azure)")                  \
	X(LIMIT_RECORD_VALUES, 1000, 20, "records of one set (Azure)")                           \
	X(LIMIT_ZONE_LINKS, 100000, 1000, "links of one zone (Azure)")                           \
	X(LIMIT_ZONE_KEYS, 64, 64, "keys in one list of a zone")                                 \
	X(LIMIT_ROUTER_ZONES, 100000, 1000, "zones linked to one network or site (Azure)")       \
	X(LIMIT_FORWARDS, 64, 64, "conditional forwards of one network or site")                 \
	X(LIMIT_SERVERS, 8, 6, "name servers of one network, site or conditional forward (Azure)")

enum limit {
#define X(name, open, cloud, what) name,
	LIMITS(X)
#undef X
		LIMIT_COUNT
};

enum limit_profile { PROFILE_OPEN, PROFILE_CLOUD };

void limit_profile_set(enum limit_profile profile); /* once, at start */
uint32_t limit_get(enum limit limit);
const char *limit_text(enum limit limit);
