/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Networks, and their subnets. */
#include "model/field.h"
#include "model/resolver.h"
#include "model/space.h"

#define SUBNET_V4_LONGEST  28
#define SUBNET_V6_SHORTEST 48
#define SUBNET_V6_LONGEST  124

/* --- network ---------------------------------------------------------------------------------------------- */

static int space_check(const json_t *v, void *arg, struct err *e)
{
	struct network *n = ((struct reading *)arg)->body;

	return field_space(v, n->spaces, &n->n_spaces, e);
}

static int network_dns_check(const json_t *v, void *arg, struct err *e)
{
	return resolver_read(&((struct network *)((struct reading *)arg)->body)->dns, v, e);
}

static void network_init(void *body)
{
	resolver_init(&((struct network *)body)->dns);
}

static void network_done(void *body)
{
	resolver_done(&((struct network *)body)->dns);
}

static const struct schema_field network_fields[] = {
	{"kind", SCHEMA_STRING, true, field_kind},
	{"name", SCHEMA_STRING, true, field_name},
	{"addressSpace", SCHEMA_LIST, true, space_check},
	{"dns", SCHEMA_OBJECT, false, network_dns_check},
	{0},
};

const struct body_type network_type = {
	.size = sizeof(struct network),
	.fields = network_fields,
	.init = network_init,
	.done = network_done,
};

/* --- subnet ----------------------------------------------------------------------------------------------- */

static int network_check(const json_t *v, void *arg, struct err *e)
{
	struct reading *rd = arg;

	return field_ref(rd, OBJECT_NETWORK, v, &((struct subnet *)rd->body)->network, e);
}

static int route_table_check(const json_t *v, void *arg, struct err *e)
{
	struct reading *rd = arg;

	return field_ref(rd, OBJECT_ROUTE_TABLE, v, &((struct subnet *)rd->body)->route_table, e);
}

static int range_check(const struct prefix *p, struct prefix ranges[FAMILIES], struct err *e)
{
	bool is_v4 = p->addr.family == ADDR_V4;
	char text[PREFIX_TEXT_MAX];

	prefix_format(p, text);
	if (ranges[addr_index(&p->addr)].addr.family != ADDR_NONE)
		return err_set(e, ERR_INVALID, NULL,
			       "%s is a second IPv%d range; a subnet has at most one per family, "
			       "declare another subnet",
			       text, is_v4 ? 4 : 6);
	if (is_v4 && p->len > SUBNET_V4_LONGEST)
		return err_set(e, ERR_INVALID, NULL,
			       "%s is too small; an IPv4 subnet is at least a /%d", text,
			       SUBNET_V4_LONGEST);
	if (!is_v4 && (p->len < SUBNET_V6_SHORTEST || p->len > SUBNET_V6_LONGEST))
		return err_set(e, ERR_INVALID, NULL,
			       "%s must have a length from /%d to /%d, as every IPv6 subnet", text,
			       SUBNET_V6_SHORTEST, SUBNET_V6_LONGEST);
	ranges[addr_index(&p->addr)] = *p;
	return 0;
}

static int ranges_check(const json_t *v, void *arg, struct err *e)
{
	struct subnet *s = ((struct reading *)arg)->body;
	_cleanup_free_ struct prefix *list = NULL;
	size_t n = 0;
	int r;

	if (json_array_size(v) < 1)
		return err_set(e, ERR_INVALID, NULL, "must have 1 or 2 items, not 0");
	r = field_prefixes(v, FAMILIES, "a subnet has", &list, &n, e);
	for (size_t i = 0; i < n && r == 0; i++) {
		r = range_check(&list[i], s->ranges, e);
		if (r < 0)
			field_under_index(e, i, r);
	}
	return r;
}

static int delegation_check(const json_t *v, void *arg, struct err *e)
{
	static const char *const words[] = {"none", "clusters", NULL};
	int r = schema_word(e, v, words);

	if (r >= 0)
		((struct subnet *)((struct reading *)arg)->body)->is_delegated = r == 1;
	return r < 0 ? r : 0;
}

static int subnet_finish(struct reading *rd, const json_t *doc, struct err *e)
{
	const struct subnet *s = rd->body;
	const struct prefix *v4 = &s->ranges[V4];

	if (s->is_delegated && (v4->addr.family == ADDR_NONE || v4->len > DELEGATED_V4_LENGTH))
		return err_set(e, ERR_INVALID, "ranges",
			       "must have an IPv4 range of at least a /%d, since the subnet is "
			       "delegated to clusters",
			       DELEGATED_V4_LENGTH);
	return 0;
}

static int subnet_each_ref(const void *body, ref_fn *fn, void *arg)
{
	const struct subnet *s = body;
	int r = fn(&(struct ref){s->network, NULL, "network", 0, REF_NONE}, arg);

	if (r == 0 && s->route_table)
		r = fn(&(struct ref){s->route_table, NULL, "routeTable", 0, REF_NONE}, arg);
	return r;
}

static const struct schema_field subnet_fields[] = {
	{"kind", SCHEMA_STRING, true, field_kind},
	{"name", SCHEMA_STRING, true, field_name},
	{"network", SCHEMA_STRING, true, network_check},
	{"ranges", SCHEMA_LIST, true, ranges_check},
	{"routeTable", SCHEMA_STRING, false, route_table_check},
	{"delegation", SCHEMA_STRING, false, delegation_check},
	{0},
};

const struct body_type subnet_type = {
	.size = sizeof(struct subnet),
	.fields = subnet_fields,
	.finish = subnet_finish,
	.each_ref = subnet_each_ref,
};
