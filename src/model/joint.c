/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What joins networks: peerings, hubs, and sites with their connections. */
#include "model/field.h"
#include "model/limits.h"
#include "model/resolver.h"

#include <stdlib.h>
#include <string.h>

/* --- peering ---------------------------------------------------------------------------------------------- */

static int peering_networks_check(const json_t *v, void *arg, struct err *e)
{
	struct reading *rd = arg;
	struct peering *p = rd->body;

	if (json_array_size(v) != 2)
		return err_set(e, ERR_INVALID, NULL, "must have 2 items, not %zu: the two networks",
			       json_array_size(v));
	for (size_t i = 0; i < 2; i++) {
		int r = field_ref_item(rd, OBJECT_NETWORK, v, i, &p->networks[i], e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int peering_routes_check(const json_t *v, void *arg, struct err *e)
{
	return field_automatic(v, &((struct peering *)((struct reading *)arg)->body)->automatic, e);
}

static void peering_init(void *body)
{
	((struct peering *)body)->automatic = true;
}

static int peering_each_ref(const void *body, ref_fn *fn, void *arg)
{
	const struct peering *p = body;
	int r = fn(&(struct ref){p->networks[0], NULL, "networks", 0, 0}, arg);

	return r ? r : fn(&(struct ref){p->networks[1], NULL, "networks", 0, 1}, arg);
}

static const struct schema_field peering_fields[] = {
	{"kind", SCHEMA_STRING, true, field_kind},
	{"name", SCHEMA_STRING, true, field_name},
	{"networks", SCHEMA_LIST, true, peering_networks_check},
	{"routes", SCHEMA_STRING, false, peering_routes_check},
	{0},
};

const struct body_type peering_type = {
	.size = sizeof(struct peering),
	.fields = peering_fields,
	.init = peering_init,
	.each_ref = peering_each_ref,
};

/* --- hub -------------------------------------------------------------------------------------------------- */

struct attachment_reading {
	const struct reading *rd;
	struct attachment *attachment;
};

static int attachment_network_check(const json_t *v, void *arg, struct err *e)
{
	struct attachment_reading *ar = arg;

	return field_ref(ar->rd, OBJECT_NETWORK, v, &ar->attachment->network, e);
}

static int attachment_routes_check(const json_t *v, void *arg, struct err *e)
{
	return field_automatic(v, &((struct attachment_reading *)arg)->attachment->automatic, e);
}

static const struct schema_field attachment_fields[] = {
	{"network", SCHEMA_STRING, true, attachment_network_check},
	{"routes", SCHEMA_STRING, false, attachment_routes_check},
	{0},
};

/* A list of objects that each name something by `field`, no two the same. seen: an object used as a set. */
static int named_once(json_t *seen, const json_t *item, const char *field, size_t i, struct err *e)
{
	const char *name = json_string_value(json_object_get(item, field));
	const json_t *earlier;

	if (!name)
		return 0;
	earlier = json_object_get(seen, name);
	if (earlier)
		return err_set(e, ERR_INVALID, field,
			       "\"%s\" is in the list already, as item %" JSON_INTEGER_FORMAT, name,
			       json_integer_value(earlier));
	if (json_object_set_new(seen, name, json_integer((json_int_t)i)) < 0)
		return field_no_memory(e);
	return 0;
}

static int attachments_read(const struct reading *rd, const json_t *v, json_t *seen, struct err *e)
{
	struct hub *h = rd->body;
	int r = 0;

	for (size_t i = 0; i < h->n_attachments && r == 0; i++) {
		const json_t *item = json_array_get(v, i);
		struct attachment_reading ar = {rd, &h->attachments[i]};

		ar.attachment->automatic = true;
		r = json_is_object(item) ? schema_check(item, attachment_fields, &ar, e)
					 : schema_wrong_type(e, NULL, SCHEMA_OBJECT, item);
		if (r == 0)
			r = named_once(seen, item, "network", i, e);
		if (r < 0)
			field_under_index(e, i, r);
	}
	return r;
}

static int attachments_check(const json_t *v, void *arg, struct err *e)
{
	struct reading *rd = arg;
	struct hub *h = rd->body;
	size_t n = json_array_size(v), max = limit_get(LIMIT_ATTACHMENTS);
	json_t *seen;
	int r;

	if (n > max)
		return err_set(e, ERR_TOO_LARGE, NULL,
			       "has %zu items; a hub has at most %zu attachments", n, max);
	h->attachments = calloc(n ? n : 1, sizeof(*h->attachments));
	seen = json_object();
	if (h->attachments && seen) {
		h->n_attachments = n;
		r = attachments_read(rd, v, seen, e);
	} else {
		r = field_no_memory(e);
	}
	json_decref(seen);
	return r;
}

static int hub_routes_check(const json_t *v, void *arg, struct err *e)
{
	static const struct route_way ways[] = {
		{"network", VIA_NETWORK, OBJECT_NETWORK},
		{"site", VIA_SITE, OBJECT_SITE},
		{"drop", VIA_DROP, OBJECT_KIND_COUNT},
		{0},
	};
	struct reading *rd = arg;
	struct hub *h = rd->body;

	return field_routes(rd, v, ways, limit_get(LIMIT_ROUTES), "a hub has", &h->routes,
			    &h->n_routes, e);
}

static void hub_done(void *body)
{
	struct hub *h = body;

	free(h->attachments);
	free(h->routes);
}

static int hub_each_ref(const void *body, ref_fn *fn, void *arg)
{
	const struct hub *h = body;
	int r = 0;

	for (size_t i = 0; i < h->n_attachments && r == 0; i++)
		r = fn(&(struct ref){h->attachments[i].network, "attachments", "network", i,
				     REF_NONE},
		       arg);
	for (size_t i = 0; i < h->n_routes && r == 0; i++) {
		struct ref ref = route_ref(&h->routes[i]);
		if (ref.to)
			r = fn(&ref, arg);
	}
	return r;
}

static const struct schema_field hub_fields[] = {
	{"kind", SCHEMA_STRING, true, field_kind},
	{"name", SCHEMA_STRING, true, field_name},
	{"attachments", SCHEMA_LIST, false, attachments_check},
	{"routes", SCHEMA_LIST, false, hub_routes_check},
	{0},
};

const struct body_type hub_type = {
	.size = sizeof(struct hub),
	.fields = hub_fields,
	.done = hub_done,
	.each_ref = hub_each_ref,
};

/* --- site ------------------------------------------------------------------------------------------------- */

struct connection_reading {
	const struct reading *rd;
	struct site_connection *connection;
};

static int connection_network_check(const json_t *v, void *arg, struct err *e)
{
	struct connection_reading *cr = arg;

	return field_ref(cr->rd, OBJECT_NETWORK, v, &cr->connection->to, e);
}

static int connection_hub_check(const json_t *v, void *arg, struct err *e)
{
	struct connection_reading *cr = arg;

	return field_ref(cr->rd, OBJECT_HUB, v, &cr->connection->to, e);
}

static int connection_routes_check(const json_t *v, void *arg, struct err *e)
{
	return field_automatic(v, &((struct connection_reading *)arg)->connection->automatic, e);
}

static const struct schema_field connection_fields[] = {
	{"network", SCHEMA_STRING, false, connection_network_check},
	{"hub", SCHEMA_STRING, false, connection_hub_check},
	{"routes", SCHEMA_STRING, false, connection_routes_check},
	{0},
};

static int connection_read(const struct reading *rd, const json_t *item, struct site_connection *c,
			   struct err *e)
{
	struct connection_reading cr = {rd, c};
	int r;

	if (!json_is_object(item))
		return schema_wrong_type(e, NULL, SCHEMA_OBJECT, item);
	c->automatic = true;
	r = schema_check(item, connection_fields, &cr, e);
	if (r == 0 && !json_object_get(item, "network") == !json_object_get(item, "hub"))
		r = err_set(e, ERR_INVALID, NULL, "must have exactly one of network, hub");
	return r;
}

static int connections_read(const struct reading *rd, const json_t *v, json_t *networks,
			    json_t *hubs, struct err *e)
{
	struct site *s = rd->body;
	int r = 0;

	for (size_t i = 0; i < s->n_connections && r == 0; i++) {
		const json_t *item = json_array_get(v, i);

		r = connection_read(rd, item, &s->connections[i], e);
		if (r == 0)
			r = named_once(networks, item, "network", i, e);
		if (r == 0)
			r = named_once(hubs, item, "hub", i, e);
		if (r < 0)
			field_under_index(e, i, r);
	}
	return r;
}

static int connections_check(const json_t *v, void *arg, struct err *e)
{
	struct reading *rd = arg;
	struct site *s = rd->body;
	size_t n = json_array_size(v), max = limit_get(LIMIT_CONNECTIONS);
	json_t *networks, *hubs;
	int r;

	if (n > max)
		return err_set(e, ERR_TOO_LARGE, NULL,
			       "has %zu items; a site has at most %zu connections", n, max);
	s->connections = calloc(n ? n : 1, sizeof(*s->connections));
	networks = json_object();
	hubs = json_object();
	if (s->connections && networks && hubs) {
		s->n_connections = n;
		r = connections_read(rd, v, networks, hubs, e);
	} else {
		r = field_no_memory(e);
	}
	json_decref(networks);
	json_decref(hubs);
	return r;
}

static int site_space_check(const json_t *v, void *arg, struct err *e)
{
	struct site *s = ((struct reading *)arg)->body;

	return field_space(v, s->spaces, &s->n_spaces, e);
}

static int site_address_check(const json_t *v, void *arg, struct err *e)
{
	struct reading *rd = arg;

	return field_ref(rd, OBJECT_PUBLIC_ADDRESS, v, &((struct site *)rd->body)->public_address,
			 e);
}

static int site_dns_check(const json_t *v, void *arg, struct err *e)
{
	return resolver_read(&((struct site *)((struct reading *)arg)->body)->dns, v, e);
}

static void site_init(void *body)
{
	resolver_init(&((struct site *)body)->dns);
}

static void site_done(void *body)
{
	struct site *s = body;

	free(s->connections);
	resolver_done(&s->dns);
}

static int site_each_ref(const void *body, ref_fn *fn, void *arg)
{
	const struct site *s = body;
	int r = 0;

	if (s->public_address)
		r = fn(&(struct ref){s->public_address, NULL, "publicAddress", 0, REF_NONE}, arg);
	for (size_t i = 0; i < s->n_connections && r == 0; i++) {
		struct object *to = s->connections[i].to;
		const char *field = to->kind == OBJECT_HUB ? "hub" : "network";

		r = fn(&(struct ref){to, "connections", field, i, REF_NONE}, arg);
	}
	return r;
}

static const struct schema_field site_fields[] = {
	{"kind", SCHEMA_STRING, true, field_kind},
	{"name", SCHEMA_STRING, true, field_name},
	{"addressSpace", SCHEMA_LIST, true, site_space_check},
	{"publicAddress", SCHEMA_STRING, false, site_address_check},
	{"connections", SCHEMA_LIST, false, connections_check},
	{"dns", SCHEMA_OBJECT, false, site_dns_check},
	{0},
};

const struct body_type site_type = {
	.size = sizeof(struct site),
	.fields = site_fields,
	.init = site_init,
	.done = site_done,
	.each_ref = site_each_ref,
};
