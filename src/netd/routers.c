/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "netd/routers_int.h"

#include <stdlib.h>
#include <string.h>

static size_t place_of(const struct routers *r, uint32_t id)
{
	size_t low = 0, high = r->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (r->routers[middle]->id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct router *routers_router(const struct routers *r, uint32_t id)
{
	size_t at = place_of(r, id);

	return at < r->n && r->routers[at]->id == id ? r->routers[at] : NULL;
}

struct router *routers_router_make(struct routers *r, uint32_t id)
{
	size_t at = place_of(r, id);
	struct router *new;

	if (at < r->n && r->routers[at]->id == id)
		return r->routers[at];
	if (r->n == r->cap) {
		size_t more = r->cap ? r->cap * 2 : 64;
		struct router **p = reallocarray(r->routers, more, sizeof(struct router *));

		if (!p)
			return NULL;
		r->routers = p;
		r->cap = more;
	}
	new = calloc(1, sizeof *new);
	if (!new)
		return NULL;
	new->id = id;
	memmove(r->routers + at + 1, r->routers + at, (r->n - at) * sizeof(struct router *));
	r->routers[at] = new;
	r->n++;
	return new;
}

void routers_known_free(struct known_ns *ns, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(ns[i].name);
	free(ns);
}

void routers_forget(struct routers *r, uint32_t id)
{
	size_t at = place_of(r, id);

	if (at == r->n || r->routers[at]->id != id)
		return;
	routers_known_free(r->routers[at]->ns, r->routers[at]->n_ns);
	free(r->routers[at]);
	r->n--;
	memmove(r->routers + at, r->routers + at + 1, (r->n - at) * sizeof(struct router *));
}

int routers_new(const char *prefix, const struct plan_listener *listeners, size_t n_listeners,
		struct routers **ret_routers, struct err *e)
{
	struct routers *r = calloc(1, sizeof *r);
	int ret;

	if (!r)
		return err_set(e, ERR_NOMEM, NULL, "no memory");
	r->netns.own = -1;
	r->listeners = calloc(n_listeners + 1, sizeof *r->listeners);
	ret = r->listeners ? names_init(&r->names, prefix, e)
			   : err_set(e, ERR_NOMEM, NULL, "no memory");
	if (!ret)
		ret = netns_init(&r->netns, e);
	if (ret) {
		routers_free(r);
		return ret;
	}
	if (n_listeners)
		memcpy(r->listeners, listeners, n_listeners * sizeof *listeners);
	r->n_listeners = n_listeners;
	r->apply = (struct apply){&r->names, &r->netns};
	*ret_routers = r;
	return 0;
}

void routers_free(struct routers *r)
{
	if (!r)
		return;
	apply_idle();
	while (r->n)
		routers_forget(r, r->routers[r->n - 1]->id);
	free(r->routers);
	free(r->listeners);
	if (r->netns.own >= 0)
		netns_done(&r->netns);
	free(r);
}

void routers_watch(struct routers *r, routers_step_fn *fn, void *arg)
{
	r->step = fn;
	r->step_arg = arg;
}

/* --- looking ---------------------------------------------------------------------------------------------- */

size_t routers_count(const struct routers *r)
{
	return r->n;
}

uint32_t routers_next(const struct routers *r, uint32_t after)
{
	size_t at = place_of(r, after + 1);

	return at < r->n ? r->routers[at]->id : 0;
}

bool routers_has(const struct routers *r, uint32_t id)
{
	return routers_router(r, id) != NULL;
}

uint32_t routers_find(const struct routers *r, const char *namespace)
{
	for (size_t i = 0; i < r->n; i++)
		for (size_t j = 0; j < r->routers[i]->n_ns; j++)
			if (strcmp(r->routers[i]->ns[j].name, namespace) == 0)
				return r->routers[i]->id;
	return 0;
}

const struct names *routers_names(const struct routers *r)
{
	return &r->names;
}

const struct netns *routers_netns(const struct routers *r)
{
	return &r->netns;
}

int routers_each_ns(const struct routers *r, uint32_t id, routers_ns_fn *fn, void *arg)
{
	const struct router *router = routers_router(r, id);
	int ret = 0;

	for (size_t i = 0; !ret && router && i < router->n_ns; i++)
		if (router->ns[i].name[0])
			ret = fn(router->ns[i].name, router->ns[i].kind, arg);
	return ret;
}
