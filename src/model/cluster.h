/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The kind "cluster": one Kubernetes control plane, its upstreams and its access settings.
 *
 * Two forms: the document (a jansson object as people write it, see examples/), which is what the store keeps and
 * gives back, and the struct below, which is what the compile step reads. cluster_from_json() is the one schema check:
 * unknown field, wrong type, bad value, each answered with the path of the field and the rule.
 *
 * Pure but for memory. A struct cluster owns everything it points at; free it with cluster_done().
 */
#pragma once

#include "base/addr.h"
#include "base/err.h"

#include <jansson.h>

#define CLUSTER_NAME_MAX 63 /* RFC 1123 label */
#define UPSTREAMS_MAX	 16
#define SERVER_NAMES_MAX 64

enum health_kind { HEALTH_TLS, HEALTH_TCP, HEALTH_NONE };

struct upstream {
	struct addr addr;
	uint16_t port;
};

struct cluster {
	char name[CLUSTER_NAME_MAX + 1];

	struct upstream upstreams[UPSTREAMS_MAX];
	size_t n_upstreams; /* 1..UPSTREAMS_MAX */

	bool public_enabled;
	bool public_open;      /* ranges absent: every source may use the public endpoint */
	struct prefix *ranges; /* public_open false: these, possibly none: then nobody */
	size_t n_ranges;

	/* Names by which the public endpoint is asked for, folded: fqdn first, then "names". A wildcard is "*.rest". */
	char **server_names;
	size_t n_server_names; /* 1..SERVER_NAMES_MAX */

	uint32_t drain_s;	     /* 0: cut at once */
	uint32_t max_connections;    /* 0: no limit */
	uint32_t max_per_source;     /* 0: no limit */
	uint32_t connect_timeout_ms; /* budget for one upstream, connect and first answer */
	enum health_kind health_kind;
	uint32_t health_interval_ms;
	uint32_t health_timeout_ms;
	bool proxy_v2; /* tell the upstream the client's address */
	char *ca_pem;  /* NULL if none; for kubeconfig */
};

void cluster_done(struct cluster *c);

/*
 * Check doc against the schema and every rule that needs no other object; fill *ret_cluster if all holds. force allows
 * what is merely unwise: a cluster without any name. Whether a way in is left depends on private endpoints too, and is judged by
 * landscape_check(). 0, -ERR_INVALID, -ERR_UNSUPPORTED, -ERR_TOO_LARGE, -ERR_NOMEM. e->path is
 * relative to the document ("public.ranges[3]").
 */
int cluster_from_json(const json_t *doc, bool force, struct cluster *ret_cluster, struct err *e)
	_must_check_;

/* Can a's and b's server names be told apart? Returns the first name that both claim, NULL if none (borrowed from a). */
const char *cluster_shared_name(const struct cluster *a, const struct cluster *b);

/* Fold the server names in a document that has passed the check, in place. 0, -ERR_NOMEM. */
int cluster_fold_names(json_t *doc) _must_check_;
