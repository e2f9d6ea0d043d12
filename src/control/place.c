/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/place.h"

#include "control/control_int.h"
#include "model/landscape.h"
#include "model/resolver.h"
#include "model/space.h"

#include <stdio.h>

#define PORT_DEFAULT 443

uint16_t control_public_port(const struct control *c)
{
	return c->options->n_listen ? c->options->listen[0].port : PORT_DEFAULT;
}

char *control_host_namespace(const struct control *c, const struct object *host,
			     char dst[NAMESPACE_PATH_MAX])
{
	const struct host *h = object_host(host);

	if (h->attach == ATTACH_INTERFACE)
		return NULL;
	if (h->attach == ATTACH_NAMESPACE)
		snprintf(dst, NAMESPACE_PATH_MAX, "/run/netns/%s", h->attach_name);
	else
		snprintf(dst, NAMESPACE_PATH_MAX, "/run/netns/%s.host.%s", c->options->netns_prefix,
			 host->name);
	return dst;
}

/* The range at whose beginning its resolver is. NULL: none in this family. */
static const struct prefix *resolver_range(const struct object *host, enum family f)
{
	const struct host *h = object_host(host);
	const struct prefix *spaces;
	size_t n;

	if (h->addresses[f].family == ADDR_NONE)
		return NULL;
	if (h->subnet)
		return &object_subnet(h->subnet)->ranges[f];
	spaces = router_spaces(object_router(host), &n);
	for (size_t i = 0; i < n; i++)
		if (addr_index(&spaces[i].addr) == f)
			return &spaces[i];
	return NULL;
}

size_t control_host_resolvers(const struct object *host, struct addr *dst)
{
	const struct object *router = object_router(host);
	const struct resolver *r = !router			 ? NULL
				   : router->kind == OBJECT_SITE ? &object_site(router)->dns
								 : &object_network(router)->dns;
	size_t n = 0;

	for (int f = 0; r && r->is_enabled && f < FAMILIES; f++) {
		const struct prefix *range = resolver_range(host, (enum family)f);

		if (range && range->addr.family != ADDR_NONE)
			dst[n++] = addr_plus(&range->addr, RESOLVER_OFFSET);
	}
	return n;
}
