/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/place.h"

#include "control/control_int.h"
#include "model/landscape.h"

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
