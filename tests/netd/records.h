/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Records of routers for tests of netd: read from JSON, or made at random from a seed, one step after the other.
 */
#pragma once

#include "tables/network.h"

struct records {
	struct tables_network *n;
	size_t count;
};

/*
 * {"records": [{"id", "kind": "network|hub|site", "name", "uplink", "spaces": [prefix], "links": [{"peer", "kind", "name"}],
 *   "subnets": [{"id", "table", "ranges": [prefix], "gateway": [addr]}], "routes": [{"table", "to", "kind": "drop|uplink|link", "target"}],
 *   "nats": [{"table", "to", "address": [addr]}], "hosts": [{"id", "name", "subnet", "addresses": [addr], "public": [addr], "groups": [index],
 *   "namespace" | "interface"}], "groups": [{"id", "open": bool, "rules": [{"ingress", "protocol", "ports": [first, last], "ranges": [prefix]}]}],
 *   "endpoints": [{"addr", "port"}], "resolvers": [{"addr", "asks": bool}], by address}]}
 * Ends the process on a mistake.
 */
void records_read(const char *path, struct records *ret_records);
/* The landscape of this seed after so many steps; the same arguments give the same records. */
void records_random(uint64_t seed, unsigned int steps, struct records *ret_records);
void records_done(struct records *r);

/* n networks with `hosts` hosts each, an uplink, a NAT, groups, an endpoint, a resolver: for measuring. group_port: of one rule of network number 0. */
void records_many(size_t n, unsigned int hosts, uint16_t group_port, struct records *ret_records);
