/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The section "dns" of a cluster's document (struct cluster_dns in model/dns.h). */
#pragma once

#include "model/body.h"

void cluster_dns_done(struct cluster_dns *dns);
/* Read the section. */
int cluster_dns_read(const struct reading *rd, struct cluster_dns *dns, const json_t *section,
		     struct err *e) _must_check_;

/*
 * The section's rules, and those between it and the rest of a cluster's document that has passed the check of its fields. force: also
 * names that lead nowhere. 0, -ERR_INVALID, -ERR_NOMEM; e->path is relative to the document.
 */
int cluster_dns_check(const json_t *doc, bool force, struct err *e) _must_check_;

/*
 * The cluster's private name: the declared one, or, `host` and `rest` being the first label and the others of its public name,
 *
 *	zone: system    host.CLUSTER.privatelink.rest
 *	zone: own       host.DOMAIN-OF-THE-ZONE
 *
 * false: it has none (no zone, or nothing that fits into a name can be made).
 */
bool cluster_private_name(const struct object *cluster, char dst[DNS_NAME_MAX + 1]);
/* The domain of the zone that the system keeps for it: the private name without its first label. false: there is no such zone. */
bool cluster_system_domain(const struct object *cluster, char dst[DNS_NAME_MAX + 1]);
/* Its private name within its own zone. false: it has none there. */
bool cluster_own_name(const struct object *cluster, char dst[DNS_NAME_MAX + 1]);
