/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is known of an object beyond its document: of a cluster what the gates count, of a host where it is, of all what they
 * hold and who refers to them. From the landscape, which is always at the store's revision.
 */
#include "api/native/routes.h"
#include "control/place.h"
#include "model/landscape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT_DEFAULT 6443
#define USED_BY_MAX  1000 /* shown */

/* --- clusters --------------------------------------------------------------------------------------------- */

static const char *upstream_state_text(uint8_t state)
{
	return state == UPSTREAM_UP ? "up" : state == UPSTREAM_DOWN ? "down" : "unknown";
}

/* The document says which upstreams there are; gates count them by position. */
static json_t *upstreams_render(const json_t *declared, const struct cluster_record *rec)
{
	json_t *all = json_array();
	const json_t *up;
	size_t i;

	json_array_foreach(declared, i, up)
	{
		const char *address = json_string_value(json_object_get(up, "address"));
		const json_t *port = json_object_get(up, "port");
		bool known = i < rec->n_upstreams && i < ARRAY_SIZE(rec->upstreams);

		json_array_append_new(
			all,
			json_pack("{s:s, s:I, s:s, s:I, s:I}", "address", address ? address : "",
				  "port", port ? json_integer_value(port) : PORT_DEFAULT, "state",
				  upstream_state_text(known ? rec->upstreams[i].state
							    : UPSTREAM_UNKNOWN),
				  "connections",
				  (json_int_t)(known ? rec->upstreams[i].connections : 0),
				  "failures",
				  (json_int_t)(known ? rec->upstreams[i].failures : 0)));
	}
	return all;
}

static json_t *figures_render(const struct store_object *o, const struct cluster_figures *figures)
{
	static const struct cluster_record none;
	const struct cluster_record *rec = NULL;

	if (o->id < figures->n)
		rec = figures->by_id[o->id];
	if (!rec)
		rec = &none;
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "connections",
			 (json_int_t)rec->connections, "admitted", (json_int_t)rec->admitted,
			 "refused", (json_int_t)rec->refused, "cut", (json_int_t)rec->cut,
			 "bytesUp", (json_int_t)rec->bytes_up, "bytesDown",
			 (json_int_t)rec->bytes_down, "upstreams",
			 upstreams_render(json_object_get(o->body, "upstreams"), rec));
}

static const char *endpoint_state_text(const struct endpoint_view *ep)
{
	static const char *const texts[] = {
		[ENDPOINT_PENDING] = "pending",
		[ENDPOINT_APPROVED] = "approved",
		[ENDPOINT_REJECTED] = "rejected",
		[ENDPOINT_DISCONNECTED] = "disconnected",
	};
	const struct private_endpoint *pe = object_private_endpoint(ep->owner);

	if (ep->is_enabled)
		return "on";
	return pe && pe->state != ENDPOINT_APPROVED ? texts[pe->state] : "off";
}

static int endpoint_render(const struct endpoint_view *ep, void *arg)
{
	const struct object *network = object_router(ep->subnet);
	char address[ADDR_TEXT_MAX], of[OBJECT_NAME_MAX + 32];

	snprintf(of, sizeof(of), "%s/%s", object_kind_text(ep->owner->kind), ep->owner->name);
	for (size_t i = 0; i < FAMILIES; i++) {
		if (ep->addresses[i].family == ADDR_NONE)
			continue;
		json_array_append_new(arg, json_pack("{s:s, s:I, s:s, s:s, s:s, s:s}", "address",
						     addr_format(&ep->addresses[i], address),
						     "port", (json_int_t)ep->rules->port, "network",
						     network ? network->name : "", "subnet",
						     ep->subnet->name, "of", of, "state",
						     endpoint_state_text(ep)));
	}
	return 0;
}

/* --- what a network, a subnet, a site holds ---------------------------------------------------------------- */

static int count_object(struct object *o, void *arg)
{
	(void)o;
	++*(size_t *)arg;
	return 0;
}

static int count_endpoint(const struct endpoint_view *ep, void *arg)
{
	(void)ep;
	++*(size_t *)arg;
	return 0;
}

static void set_count(json_t *status, const char *key, size_t n)
{
	json_object_set_new(status, key, json_integer((json_int_t)n));
}

static void router_status(const struct object *o, json_t *status)
{
	size_t hosts = 0, subnets = 0, endpoints = 0;

	router_each_host(o, count_object, &hosts);
	set_count(status, "hosts", hosts);
	if (o->kind != OBJECT_NETWORK)
		return;
	network_each_subnet(o, count_object, &subnets);
	network_each_endpoint(o, count_endpoint, &endpoints);
	set_count(status, "subnets", subnets);
	set_count(status, "endpoints", endpoints);
}

static size_t used_by_placements(const struct object *subnet, const struct cluster_net *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_placements; i++)
		n += c->placements[i].subnet == subnet &&
		     c->placements[i].addresses[V4].family != ADDR_NONE;
	return n;
}

static void subnet_status(const struct object *o, json_t *status)
{
	const struct prefix *range = &object_subnet(o)->ranges[V4];
	size_t hosts = 0, used = SUBNET_RESERVED + 1;

	for (size_t i = 0; i < o->n_referrers; i++) {
		const struct object *by = o->referrers[i];
		const struct host *h = object_host(by);
		const struct private_endpoint *pe = object_private_endpoint(by);
		const struct cluster_net *c = object_cluster_net(by);

		hosts += h != NULL;
		used += h && h->addresses[V4].family != ADDR_NONE;
		used += pe && pe->addresses[V4].family != ADDR_NONE;
		used += c ? used_by_placements(o, c) : 0;
	}
	set_count(status, "hosts", hosts);
	if (range->addr.family == ADDR_V4)
		set_count(status, "freeAddresses", ((size_t)1 << (32 - range->len)) - used);
}

/* --- hosts ------------------------------------------------------------------------------------------------ */

static json_t *addresses_render(const struct addr *addresses)
{
	json_t *all = json_array();
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; addresses && i < FAMILIES; i++)
		if (addresses[i].family != ADDR_NONE)
			json_array_append_new(all, json_string(addr_format(&addresses[i], text)));
	return all;
}

static void host_status(const struct control *c, const struct object *o, json_t *status)
{
	const struct host *h = object_host(o);
	const struct public_address *p =
		h->public_address ? object_public_address(h->public_address) : NULL;
	const struct object *router = object_router(o);
	struct addr resolvers[FAMILIES] = {0};
	char path[NAMESPACE_PATH_MAX];

	(void)control_host_resolvers(o, resolvers);
	/* Of a subnet that could not be read from the store nobody knows where it is. */
	if (router)
		json_object_set_new(status, router->kind == OBJECT_SITE ? "site" : "network",
				    json_string(router->name));
	if (control_host_namespace(c, o, path))
		json_object_set_new(status, "namespace", json_string(path));
	json_object_set_new(status, "addresses", addresses_render(h->addresses));
	json_object_set_new(status, "publicAddresses", addresses_render(p ? p->addresses : NULL));
	json_object_set_new(status, "resolvers", addresses_render(resolvers));
}

/* --- all -------------------------------------------------------------------------------------------------- */

struct referrer {
	const struct object *object;
};

/* Sorted, so that the same state reads the same. What the caller may not see is not there. */
static int referrer_cmp(const void *a, const void *b)
{
	const struct referrer *x = a, *y = b;
	int by_kind = strcmp(object_kind_text(x->object->kind), object_kind_text(y->object->kind));

	return by_kind ? by_kind : strcmp(x->object->name, y->object->name);
}

static json_t *used_by_render(const struct request *r, const struct object *o)
{
	struct referrer *all = calloc(o->n_referrers + 1, sizeof(*all));
	json_t *list = json_array();
	char text[OBJECT_NAME_MAX + 32];

	for (size_t i = 0; all && i < o->n_referrers; i++)
		all[i].object = o->referrers[i];
	if (all)
		qsort(all, o->n_referrers, sizeof(*all), referrer_cmp);
	for (size_t i = 0; all && i < o->n_referrers && json_array_size(list) < USED_BY_MAX; i++) {
		const struct object *by = all[i].object;

		if (!authz_may(&r->control->authz, &r->peer, RIGHT_VIEW, by->name))
			continue;
		snprintf(text, sizeof(text), "%s/%s", object_kind_text(by->kind), by->name);
		json_array_append_new(list, json_string(text));
	}
	free(all);
	return list;
}

static json_t *declared_status(const struct request *r, const struct object *o)
{
	json_t *status = json_object();

	switch (o->kind) {
	case OBJECT_NETWORK:
	case OBJECT_SITE:
		router_status(o, status);
		break;
	case OBJECT_SUBNET:
		subnet_status(o, status);
		break;
	case OBJECT_HOST:
		host_status(r->control, o, status);
		break;
	case OBJECT_ZONE:
		zone_status(r, o, status);
		break;
	default:
		break;
	}
	json_object_set_new(status, "usedBy", used_by_render(r, o));
	return status;
}

json_t *object_status(const struct request *r, const struct store_object *o,
		      const struct cluster_figures *figures)
{
	const struct landscape *l = r->control->landscape;
	enum object_kind kind = object_kind_find(o->kind);
	const struct object *declared = NULL;
	json_t *status, *endpoints, *zone;

	if (l && kind != OBJECT_KIND_COUNT)
		declared = landscape_find(l, kind, o->name);
	if (strcmp(o->kind, "cluster") != 0)
		return declared ? declared_status(r, declared) : NULL;
	if (!figures)
		return NULL;
	status = figures_render(o, figures);
	endpoints = json_array();
	if (declared)
		cluster_each_endpoint(declared, endpoint_render, endpoints);
	json_object_set_new(status, "endpoints", endpoints);
	zone = declared ? cluster_zone_render(r, declared) : NULL;
	if (zone)
		json_object_set_new(status, "zone", zone);
	return status;
}
