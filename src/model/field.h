/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fields that several kinds have in common, as checks for their tables (model/schema.h) and as functions that those are
 * made of. `arg` of a check is the struct reading.
 */
#pragma once

#include "model/body.h"

int field_no_memory(struct err *e);
/* Put "[i]" in front of e->path and pass r on. */
int field_under_index(struct err *e, size_t i, int r);

/* "kind" and "name". */
int field_kind(const json_t *v, void *arg, struct err *e);
int field_name(const json_t *v, void *arg, struct err *e);

/* The name of another object. */
int field_ref(const struct reading *rd, enum object_kind kind, const json_t *v,
	      struct object **ret_object, struct err *e);
/* A list item that must be a string naming an object that no earlier item of the list names. */
int field_ref_item(const struct reading *rd, enum object_kind kind, const json_t *list, size_t i,
		   struct object **ret_object, struct err *e);
/* "securityGroups". */
int field_groups(const struct reading *rd, const json_t *list,
		 struct object *groups[NET_GROUPS_MAX], size_t *ret_n, struct err *e);

/* A list of prefixes, none of them twice, no more than max, into *ret_prefixes, which is to be freed also on failure. what: "a subnet
 * has". */
int field_prefixes(const json_t *list, size_t max, const char *what, struct prefix **ret_prefixes,
		   size_t *ret_n, struct err *e);
/* "addressSpace" of a network or site. */
int field_space(const json_t *list, struct prefix spaces[NET_SPACES_MAX], size_t *ret_n,
		struct err *e);
/* "addresses": one or two, of different families. */
int field_addresses(const json_t *list, struct addr addresses[FAMILIES], struct err *e);

/* "routes": automatic (true, the default) or none. */
int field_automatic(const json_t *v, bool *ret_automatic, struct err *e);

/* "routes" of a route table or a hub, longest prefix first. vias: the ways that it knows, ended by a NULL name. */
struct route_way {
	const char *name; /* "natGateway" */
	enum route_via via;
	enum object_kind kind;
};
int field_routes(const struct reading *rd, const json_t *list, const struct route_way *ways,
		 size_t max, const char *what, struct route **ret_routes, size_t *ret_n,
		 struct err *e);
/* Rules of an endpoint: "securityGroups", "ranges", "port". */
void endpoint_rules_init(struct endpoint_rules *rules);
int endpoint_rules_groups(const struct reading *rd, struct endpoint_rules *rules, const json_t *v,
			  struct err *e);
int endpoint_rules_ranges(struct endpoint_rules *rules, const json_t *v, struct err *e);
int endpoint_rules_port(struct endpoint_rules *rules, const json_t *v, struct err *e);
