/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The private endpoint, and the way back from it. */
#include "explain/path_int.h"

#include <stdio.h>

static bool way_back(struct path *p, const struct endpoint_view *ep, const struct object *network)
{
	char from[ADDR_TEXT_MAX], text[PATH_TEXT_MAX];
	struct way w;

	addr_format(&p->from, from);
	if (network == p->router)
		return true;
	way_find(network, ep->subnet, &p->from, &w);
	if (!way_leads_to(network, ep->subnet, &p->from, p->router)) {
		if (w.kind == WAY_NONE)
			return path_fail(
				p, ep->subnet, PATH_NO_RETURN_ROUTE,
				"subnet \"%s\" of the private endpoint has no route back to "
				"%s",
				ep->subnet->name, from);
		return path_fail(p, ep->subnet, PATH_NO_RETURN_ROUTE,
				 "answers to %s do not come back: %s", from, way_text(&w, text));
	}
	path_ok(p, ep->subnet, "back: %s", way_text(&w, text));
	return true;
}

static bool endpoint_judge(struct path *p, const struct endpoint_view *ep,
			   const struct object *network)
{
	struct admission a;

	if (!way_back(p, ep, network))
		return false;
	p->answer->seen = p->from;
	admit_endpoint(ep, &p->from, &a);
	if (a.admitted)
		return path_reached(p, ep->owner, a.reason, "%s", a.rule);
	return path_fail(p, ep->owner, a.reason, "%s", a.rule);
}

/* Somebody else's address, or nobody's. */
static bool not_ours(struct path *p, const struct object *router, const struct found_endpoint *f)
{
	const struct object *host = router_find_host(router, &p->to);
	char to[ADDR_TEXT_MAX];

	addr_format(&p->to, to);
	if (f->is_found && f->ep.cluster)
		return path_fail(p, router, PATH_NO_ENDPOINT,
				 "%s is a private endpoint of another cluster, \"%s\"", to,
				 f->ep.cluster->name);
	if (host)
		return path_fail(p, router, PATH_NO_ENDPOINT,
				 "%s is host \"%s\", no private endpoint of cluster \"%s\"", to,
				 host->name, p->q->cluster->name);
	return path_fail(p, router, PATH_NO_ENDPOINT, "nobody in %s \"%s\" has %s",
			 kind_words(router->kind), router->name, to);
}

bool path_arrive(struct path *p, const struct object *router)
{
	char to[ADDR_TEXT_MAX];
	struct found_endpoint f;

	admission_endpoint(router, &p->to, &f);
	if (!f.is_found || f.ep.cluster != p->q->cluster)
		return not_ours(p, router, &f);
	snprintf(p->answer->via, sizeof(p->answer->via), "private %s in network %s",
		 addr_format(&p->to, to), router->name);
	return endpoint_judge(p, &f.ep, router);
}
