/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/place.h"

#include "control/control_int.h"
#include "model/landscape.h"

#include <stdio.h>

#define PORT_DEFAULT 443
#define NETNS_PREFIX "postern"

static bool is_wildcard(const struct addr *a)
{
	return a->hi == 0 && a->lo == 0;
}

static bool is_listed(const struct addr *list, size_t n, const struct addr *a)
{
	for (size_t i = 0; i < n; i++)
		if (addr_is_equal(&list[i], a))
			return true;
	return false;
}

size_t control_public_addresses(const struct control *c, struct addr *ret_addresses, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < c->options->n_listen && n < max; i++) {
		const struct addr *a = &c->options->listen[i].addr;

		if (!is_wildcard(a) && !is_listed(ret_addresses, n, a))
			ret_addresses[n++] = *a;
	}
	return n;
}

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
		snprintf(dst, NAMESPACE_PATH_MAX, "/run/netns/%s.host.%s", NETNS_PREFIX,
			 host->name);
	return dst;
}
