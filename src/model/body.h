/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The bodies of model/net.h: read from documents, freed, and walked by their references. One table entry per kind, each in
 * the file of its noun (network.c, host.c, ...).
 *
 * The same reader serves the schema check of a document by itself, where names of other objects are checked for their form
 * alone, and the landscape, which turns them into nodes.
 *
 * Pure but for memory.
 */
#pragma once

#include "model/net.h"
#include "model/schema.h"

/* The node of that kind and name, made if there is none. NULL: out of memory. */
typedef struct object *resolve_fn(void *arg, enum object_kind kind, const char *name);

/* What a document is read into. Each field's check gets it as its argument. */
struct reading {
	resolve_fn *resolve; /* NULL: references stay NULL pointers */
	void *resolve_arg;
	const char *kind; /* that the document must be of */
	void *body;
};

/* One reference of a body, and where the document has it: "list[i].field[j]", parts left out where they are NULL or REF_NONE. */
struct ref {
	struct object *to;
	const char *list, *field;
	size_t i, j;
};
#define REF_NONE     SIZE_MAX
#define REF_PATH_MAX 64
char *ref_path(const struct ref *ref, char dst[REF_PATH_MAX]);

typedef int ref_fn(const struct ref *ref, void *arg);

/* The reference of a route, whose target is there. */
struct ref route_ref(const struct route *route);

struct body_type {
	size_t size;
	const struct schema_field *fields;
	bool is_partial;	  /* other fields of the document are somebody else's */
	void (*init)(void *body); /* defaults that are not zero; may be NULL */
	/* Rules between fields, after all of them have been read. May be NULL. */
	int (*finish)(struct reading *rd, const json_t *doc, struct err *e);
	void (*done)(void *body); /* what it points at; may be NULL */
	int (*each_ref)(const void *body, ref_fn *fn, void *arg); /* non-zero stops; may be NULL */
};

extern const struct body_type network_type, subnet_type, route_table_type, internet_gateway_type,
	nat_gateway_type, public_address_type, peering_type, hub_type, site_type,
	security_group_type, host_type, private_endpoint_type, cluster_net_type, zone_type,
	zone_link_type, tsig_key_type;

/*
 * Read doc. *ret_body is freed with body_free(). 0, -ERR_INVALID, -ERR_TOO_LARGE, -ERR_NOMEM; e->path is relative to the
 * document.
 */
int body_parse(enum object_kind kind, const json_t *doc, resolve_fn *resolve, void *resolve_arg,
	       void **ret_body, struct err *e) _must_check_;
void body_free(enum object_kind kind, void *body); /* NULL is fine */
/* Every reference, also where the same object is named again. Non-zero stops and is returned. */
int body_each_ref(enum object_kind kind, const void *body, ref_fn *fn, void *arg);
