/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/body.h"

#include "model/landscape.h"

#include <stdio.h>
#include <stdlib.h>

static const struct {
	const char *name;
	const struct body_type *type;
} kinds[OBJECT_KIND_COUNT] = {
	[OBJECT_NETWORK] = {"network", &network_type},
	[OBJECT_SUBNET] = {"subnet", &subnet_type},
	[OBJECT_ROUTE_TABLE] = {"route-table", &route_table_type},
	[OBJECT_INTERNET_GATEWAY] = {"internet-gateway", &internet_gateway_type},
	[OBJECT_NAT_GATEWAY] = {"nat-gateway", &nat_gateway_type},
	[OBJECT_PUBLIC_ADDRESS] = {"public-address", &public_address_type},
	[OBJECT_PEERING] = {"peering", &peering_type},
	[OBJECT_HUB] = {"hub", &hub_type},
	[OBJECT_SITE] = {"site", &site_type},
	[OBJECT_SECURITY_GROUP] = {"security-group", &security_group_type},
	[OBJECT_HOST] = {"host", &host_type},
	[OBJECT_PRIVATE_ENDPOINT] = {"private-endpoint", &private_endpoint_type},
	[OBJECT_CLUSTER] = {"cluster", &cluster_net_type},
	[OBJECT_ZONE] = {"zone", &zone_type},
	[OBJECT_ZONE_LINK] = {"zone-link", &zone_link_type},
	[OBJECT_TSIG_KEY] = {"tsig-key", &tsig_key_type},
};

const char *object_kind_text(enum object_kind kind)
{
	return (size_t)kind < OBJECT_KIND_COUNT ? kinds[kind].name : "object";
}

char *ref_path(const struct ref *ref, char dst[REF_PATH_MAX])
{
	char list[32] = "", index[24] = "";

	if (ref->list)
		snprintf(list, sizeof(list), "%s[%zu]%s", ref->list, ref->i, ref->field ? "." : "");
	if (ref->j != REF_NONE)
		snprintf(index, sizeof(index), "[%zu]", ref->j);
	snprintf(dst, REF_PATH_MAX, "%s%s%s", list, ref->field ? ref->field : "", index);
	return dst;
}

int body_parse(enum object_kind kind, const json_t *doc, resolve_fn *resolve, void *resolve_arg,
	       void **ret_body, struct err *e)
{
	const struct body_type *type = kinds[kind].type;
	struct reading rd = {resolve, resolve_arg, kinds[kind].name, NULL};
	int r;

	if (!json_is_object(doc))
		return schema_wrong_type(e, NULL, SCHEMA_OBJECT, doc);
	rd.body = calloc(1, type->size);
	if (!rd.body)
		return err_set(e, ERR_NOMEM, NULL, "out of memory");
	if (type->init)
		type->init(rd.body);
	r = type->is_partial ? schema_check_known(doc, type->fields, &rd, e)
			     : schema_check(doc, type->fields, &rd, e);
	if (r == 0 && type->finish)
		r = type->finish(&rd, doc, e);
	if (r < 0) {
		body_free(kind, rd.body);
		return r;
	}
	*ret_body = rd.body;
	return 0;
}

void body_free(enum object_kind kind, void *body)
{
	if (!body)
		return;
	if (kinds[kind].type->done)
		kinds[kind].type->done(body);
	free(body);
}

int body_each_ref(enum object_kind kind, const void *body, ref_fn *fn, void *arg)
{
	const struct body_type *type = kinds[kind].type;

	return body && type->each_ref ? type->each_ref(body, fn, arg) : 0;
}
