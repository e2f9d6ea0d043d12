/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which rule lets a packet pass: security groups of hosts and endpoints, ranges of an endpoint, and whether a source is
 * routed to an endpoint and back. Each answer is a verdict and the sentence that names the rule.
 *
 * Pure; nothing is allocated. The landscape has passed its check.
 */
#pragma once

#include "base/addr.h"
#include "explain/reason.h"
#include "model/landscape.h"

struct admission {
	bool admitted;
	enum path_reason reason;
	char rule[PATH_TEXT_MAX]; /* one sentence for people, no full stop */
};

/* A flow as rules see it; the far end is the one that has not got the groups. */
struct flow {
	enum protocol protocol;
	uint16_t port; /* of the destination */
	const struct addr *far;
};

/* Does any rule of any of the groups allow it? No group: yes. */
void admit_egress(struct object *const *groups, size_t n_groups, const struct flow *f,
		  struct admission *ret_admission);
void admit_ingress(struct object *const *groups, size_t n_groups, const struct flow *f,
		   struct admission *ret_admission);

/* What an endpoint itself says to a source that is routed: switched on, its groups, its ranges. */
void admit_endpoint(const struct endpoint_view *ep, const struct addr *source,
		    struct admission *ret_admission);

/*
 * All of it for a connection to an address of a network: is there an endpoint, does it admit the source, is the source
 * routed both ways. This is what a gate enforces; what the source's own groups say is not asked.
 */
void explain_endpoint(const struct object *network, const struct addr *address,
		      const struct addr *source, struct admission *ret_admission);

struct found_endpoint {
	const struct addr *address; /* looked for */
	bool is_found;
	struct endpoint_view ep;
};
/* The endpoint at an address of a network. */
bool admission_endpoint(const struct object *network, const struct addr *address,
			struct found_endpoint *ret_found);
