/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A network's ways to the internet: route tables, internet gateways, NAT gateways, public addresses. */
#include "model/field.h"
#include "model/limits.h"
#include "model/space.h"

#include <stdlib.h>

/* --- route table ------------------------------------------------------------------------------------------ */

static int table_network_check(const json_t *v, void *arg, struct err *e)
{
	struct reading *rd = arg;

	return field_ref(rd, OBJECT_NETWORK, v, &((struct route_table *)rd->body)->network, e);
}

static int table_routes_check(const json_t *v, void *arg, struct err *e)
{
	static const struct route_way ways[] = {
		{"internetGateway", VIA_INTERNET_GATEWAY, OBJECT_INTERNET_GATEWAY},
		{"natGateway", VIA_NAT_GATEWAY, OBJECT_NAT_GATEWAY},
		{"peering", VIA_PEERING, OBJECT_PEERING},
		{"hub", VIA_HUB, OBJECT_HUB},
		{"site", VIA_SITE, OBJECT_SITE},
		{"drop", VIA_DROP, OBJECT_KIND_COUNT},
		{0},
	};
	struct reading *rd = arg;
	struct route_table *t = rd->body;

	return field_routes(rd, v, ways, limit_get(LIMIT_ROUTES), "a route table has", &t->routes,
			    &t->n_routes, e);
}

static void table_done(void *body)
{
	free(((struct route_table *)body)->routes);
}

static int table_each_ref(const void *body, ref_fn *fn, void *arg)
{
	const struct route_table *t = body;
	int r = fn(&(struct ref){t->network, NULL, "network", 0, REF_NONE}, arg);

	for (size_t i = 0; i < t->n_routes && r == 0; i++) {
		struct ref ref = route_ref(&t->routes[i]);
		if (ref.to)
			r = fn(&ref, arg);
	}
	return r;
}

static const struct schema_field table_fields[] = {
	{"kind", SCHEMA_STRING, true, field_kind},
	{"name", SCHEMA_STRING, true, field_name},
	{"network", SCHEMA_STRING, true, table_network_check},
	{"routes", SCHEMA_LIST, false, table_routes_check},
	{0},
};

const struct body_type route_table_type = {
	.size = sizeof(struct route_table),
	.fields = table_fields,
	.done = table_done,
	.each_ref = table_each_ref,
};

/* --- internet gateway ------------------------------------------------------------------------------------- */

static int gateway_network_check(const json_t *v, void *arg, struct err *e)
{
	struct reading *rd = arg;

	return field_ref(rd, OBJECT_NETWORK, v, &((struct internet_gateway *)rd->body)->network, e);
}

static int gateway_each_ref(const void *body, ref_fn *fn, void *arg)
{
	const struct internet_gateway *g = body;

	return fn(&(struct ref){g->network, NULL, "network", 0, REF_NONE}, arg);
}

static const struct schema_field gateway_fields[] = {
	{"kind", SCHEMA_STRING, true, field_kind},
	{"name", SCHEMA_STRING, true, field_name},
	{"network", SCHEMA_STRING, true, gateway_network_check},
	{0},
};

const struct body_type internet_gateway_type = {
	.size = sizeof(struct internet_gateway),
	.fields = gateway_fields,
	.each_ref = gateway_each_ref,
};

/* --- NAT gateway ------------------------------------------------------------------------------------------ */

static int nat_subnet_check(const json_t *v, void *arg, struct err *e)
{
	struct reading *rd = arg;

	return field_ref(rd, OBJECT_SUBNET, v, &((struct nat_gateway *)rd->body)->subnet, e);
}

static int nat_address_check(const json_t *v, void *arg, struct err *e)
{
	struct reading *rd = arg;

	return field_ref(rd, OBJECT_PUBLIC_ADDRESS, v,
			 &((struct nat_gateway *)rd->body)->public_address, e);
}

static int nat_each_ref(const void *body, ref_fn *fn, void *arg)
{
	const struct nat_gateway *g = body;
	int r = fn(&(struct ref){g->subnet, NULL, "subnet", 0, REF_NONE}, arg);

	if (r == 0)
		r = fn(&(struct ref){g->public_address, NULL, "publicAddress", 0, REF_NONE}, arg);
	return r;
}

static const struct schema_field nat_fields[] = {
	{"kind", SCHEMA_STRING, true, field_kind},
	{"name", SCHEMA_STRING, true, field_name},
	{"subnet", SCHEMA_STRING, true, nat_subnet_check},
	{"publicAddress", SCHEMA_STRING, true, nat_address_check},
	{0},
};

const struct body_type nat_gateway_type = {
	.size = sizeof(struct nat_gateway),
	.fields = nat_fields,
	.each_ref = nat_each_ref,
};

/* --- public address --------------------------------------------------------------------------------------- */

static int addresses_check(const json_t *v, void *arg, struct err *e)
{
	struct public_address *p = ((struct reading *)arg)->body;
	int r = field_addresses(v, p->addresses, e);
	char text[ADDR_TEXT_MAX];

	for (size_t f = 0; f < FAMILIES && r == 0; f++) {
		struct prefix one = {p->addresses[f], f == V4 ? 32 : 128};

		if (one.addr.family != ADDR_NONE && prefix_special(&one))
			r = err_set(e, ERR_INVALID, NULL, "%s is %s: nobody's public address",
				    addr_format(&one.addr, text), prefix_special(&one));
	}
	return r;
}

static const struct schema_field address_fields[] = {
	{"kind", SCHEMA_STRING, true, field_kind},
	{"name", SCHEMA_STRING, true, field_name},
	{"addresses", SCHEMA_LIST, false, addresses_check},
	{0},
};

const struct body_type public_address_type = {
	.size = sizeof(struct public_address),
	.fields = address_fields,
};
