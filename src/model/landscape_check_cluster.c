/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules of private ways to a cluster. */
#include "model/landscape_int.h"

#include <stdio.h>

bool cluster_has_way_in(const struct object *cluster)
{
	const struct cluster_net *c = object_cluster_net(cluster);

	if (c->public_enabled || (c->private_enabled && c->n_placements))
		return true;
	for (size_t i = 0; i < cluster->n_referrers; i++) {
		const struct private_endpoint *ep = object_private_endpoint(cluster->referrers[i]);

		if (ep && ep->state == ENDPOINT_APPROVED)
			return true;
	}
	return false;
}

int check_private_endpoint(struct checking *c, const struct object *o)
{
	const struct private_endpoint *ep = object_private_endpoint(o);
	struct place p = body_place(OBJECT_PRIVATE_ENDPOINT, ep, 0);
	int r;

	if (object_subnet(ep->subnet)->is_delegated)
		return check_refuse(c, o, "subnet",
				    "subnet \"%s\" is delegated to clusters: it holds integrated "
				    "endpoints and nothing else",
				    ep->subnet->name);
	r = check_place(c, o, &p, "addresses");
	if (r == 0)
		r = check_groups(c, o, ep->rules.groups, ep->rules.n_groups,
				 object_subnet(ep->subnet)->network, "securityGroups");
	return r ? r : check_endpoint_names(c, o);
}

static int delegation_check(struct checking *c, const struct object *o, size_t i)
{
	const struct cluster_net *cn = object_cluster_net(o);
	const struct object *subnet = cn->placements[i].subnet;
	bool is_delegated = object_subnet(subnet)->is_delegated;
	char path[48];

	snprintf(path, sizeof(path), "private.placements[%zu].subnet", i);
	if (cn->kind == PRIVATE_INTEGRATED && !is_delegated)
		return check_refuse(
			c, o, path,
			"subnet \"%s\" is not delegated: an integrated endpoint needs a "
			"subnet with delegation: clusters",
			subnet->name);
	if (cn->kind != PRIVATE_INTEGRATED && is_delegated)
		return check_refuse(c, o, path,
				    "subnet \"%s\" is delegated to clusters: it holds integrated "
				    "endpoints and nothing else",
				    subnet->name);
	return 0;
}

static int placement_check(struct checking *c, const struct object *o, size_t i)
{
	const struct cluster_net *cn = object_cluster_net(o);
	const struct object *network = object_subnet(cn->placements[i].subnet)->network,
			    *first = object_subnet(cn->placements[0].subnet)->network;
	struct place p = body_place(OBJECT_CLUSTER, cn, i);
	char path[64];
	int r = delegation_check(c, o, i);

	if (r < 0)
		return r;
	if (cn->kind == PRIVATE_INTERFACES && network != first) {
		snprintf(path, sizeof(path), "private.placements[%zu].subnet", i);
		return check_refuse(
			c, o, path,
			"subnet \"%s\" is in network \"%s\", the first placement in \"%s\": "
			"interfaces are all in one network",
			p.where->name, network->name, first->name);
	}
	snprintf(path, sizeof(path), "private.placements[%zu].addresses", i);
	r = check_place(c, o, &p, path);
	return r ? r
		 : check_groups(c, o, cn->rules.groups, cn->rules.n_groups, network,
				"private.securityGroups");
}

int check_cluster(struct checking *c, const struct object *o)
{
	int r = 0;

	for (size_t i = 0; i < object_cluster_net(o)->n_placements && r == 0; i++)
		r = placement_check(c, o, i);
	return r ? r : check_cluster_names(c, o);
}
