/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Private ways to a cluster: private endpoints, and what a cluster's own document says of networks. */
#include "model/private.h"

#include "model/cluster_dns.h"
#include "model/field.h"
#include "model/limits.h"
#include "model/name.h"

#include <stdlib.h>
#include <string.h>

/* --- private endpoint ------------------------------------------------------------------------------------- */

static struct private_endpoint *endpoint_of(void *arg)
{
	return ((struct reading *)arg)->body;
}

static int cluster_check(const json_t *v, void *arg, struct err *e)
{
	return field_ref(arg, OBJECT_CLUSTER, v, &endpoint_of(arg)->cluster, e);
}

static int subnet_check(const json_t *v, void *arg, struct err *e)
{
	return field_ref(arg, OBJECT_SUBNET, v, &endpoint_of(arg)->subnet, e);
}

static int addresses_check(const json_t *v, void *arg, struct err *e)
{
	return field_addresses(v, endpoint_of(arg)->addresses, e);
}

static int groups_check(const json_t *v, void *arg, struct err *e)
{
	return endpoint_rules_groups(arg, &endpoint_of(arg)->rules, v, e);
}

static int ranges_check(const json_t *v, void *arg, struct err *e)
{
	return endpoint_rules_ranges(&endpoint_of(arg)->rules, v, e);
}

static int port_check(const json_t *v, void *arg, struct err *e)
{
	return endpoint_rules_port(&endpoint_of(arg)->rules, v, e);
}

static int state_check(const json_t *v, void *arg, struct err *e)
{
	static const char *const words[] = {
		[ENDPOINT_PENDING] = "pending",	    [ENDPOINT_APPROVED] = "approved",
		[ENDPOINT_REJECTED] = "rejected",   [ENDPOINT_DISCONNECTED] = "disconnected",
		[ENDPOINT_DISCONNECTED + 1] = NULL,
	};
	int r = schema_word(e, v, words);

	if (r >= 0)
		endpoint_of(arg)->state = (enum endpoint_state)r;
	return r < 0 ? r : 0;
}

static int dns_check(const json_t *v, void *arg, struct err *e)
{
	endpoint_of(arg)->has_names = json_is_true(v);
	return 0;
}

static void endpoint_init(void *body)
{
	struct private_endpoint *ep = body;

	endpoint_rules_init(&ep->rules);
	ep->state = ENDPOINT_APPROVED;
	ep->has_names = true;
}

static void endpoint_done(void *body)
{
	free(((struct private_endpoint *)body)->rules.ranges);
}

static int endpoint_each_ref(const void *body, ref_fn *fn, void *arg)
{
	const struct private_endpoint *ep = body;
	int r = fn(&(struct ref){ep->cluster, NULL, "cluster", 0, REF_NONE}, arg);

	if (r == 0)
		r = fn(&(struct ref){ep->subnet, NULL, "subnet", 0, REF_NONE}, arg);
	for (size_t i = 0; i < ep->rules.n_groups && r == 0; i++)
		r = fn(&(struct ref){ep->rules.groups[i], NULL, "securityGroups", 0, i}, arg);
	return r;
}

static const struct schema_field endpoint_fields[] = {
	{"kind", SCHEMA_STRING, true, field_kind},
	{"name", SCHEMA_STRING, true, field_name},
	{"cluster", SCHEMA_STRING, true, cluster_check},
	{"subnet", SCHEMA_STRING, true, subnet_check},
	{"addresses", SCHEMA_LIST, false, addresses_check},
	{"securityGroups", SCHEMA_LIST, false, groups_check},
	{"ranges", SCHEMA_LIST, false, ranges_check},
	{"port", SCHEMA_INTEGER, false, port_check},
	{"state", SCHEMA_STRING, false, state_check},
	{"dns", SCHEMA_BOOL, false, dns_check},
	{0},
};

const struct body_type private_endpoint_type = {
	.size = sizeof(struct private_endpoint),
	.fields = endpoint_fields,
	.init = endpoint_init,
	.done = endpoint_done,
	.each_ref = endpoint_each_ref,
};

/* --- the section "private" of a cluster ------------------------------------------------------------------- */

static struct cluster_net *cluster_of(void *arg)
{
	return ((struct reading *)arg)->body;
}

static int private_kind_check(const json_t *v, void *arg, struct err *e)
{
	static const char *const words[] = {
		[PRIVATE_NONE] = "none",	 [PRIVATE_INTERFACES] = "interfaces",
		[PRIVATE_LINK] = "private-link", [PRIVATE_INTEGRATED] = "integrated",
		[PRIVATE_INTEGRATED + 1] = NULL,
	};
	int r = schema_word(e, v, words);

	if (r >= 0)
		cluster_of(arg)->kind = (enum private_kind)r;
	return r < 0 ? r : 0;
}

static int private_enabled_check(const json_t *v, void *arg, struct err *e)
{
	cluster_of(arg)->private_enabled = json_is_true(v);
	return 0;
}

struct placement_reading {
	const struct reading *rd;
	struct placement *placement;
};

static int placement_subnet_check(const json_t *v, void *arg, struct err *e)
{
	struct placement_reading *pr = arg;

	return field_ref(pr->rd, OBJECT_SUBNET, v, &pr->placement->subnet, e);
}

static int placement_addresses_check(const json_t *v, void *arg, struct err *e)
{
	return field_addresses(v, ((struct placement_reading *)arg)->placement->addresses, e);
}

static const struct schema_field placement_fields[] = {
	{"subnet", SCHEMA_STRING, true, placement_subnet_check},
	{"addresses", SCHEMA_LIST, false, placement_addresses_check},
	{0},
};

/* One address of a cluster per subnet: the subnet is what tells its placements apart when a document comes again. */
static int placement_once(const json_t *list, size_t i, struct err *e)
{
	const json_t *subnet = json_object_get(json_array_get(list, i), "subnet");

	for (size_t k = 0; k < i; k++)
		if (json_equal(json_object_get(json_array_get(list, k), "subnet"), subnet))
			return err_set(e, ERR_INVALID, "subnet",
				       "\"%s\" has a placement of the cluster already, item %zu",
				       json_string_value(subnet), k);
	return 0;
}

static int placements_check(const json_t *v, void *arg, struct err *e)
{
	struct cluster_net *c = cluster_of(arg);
	size_t n = json_array_size(v), max = limit_get(LIMIT_PLACEMENTS);

	if (n > max || n > NET_PLACEMENTS_MAX)
		return err_set(e, ERR_TOO_LARGE, NULL,
			       "has %zu items; a cluster has at most %zu placements", n, max);
	for (size_t i = 0; i < n; i++) {
		const json_t *item = json_array_get(v, i);
		struct placement_reading pr = {arg, &c->placements[i]};
		int r = json_is_object(item) ? schema_check(item, placement_fields, &pr, e)
					     : schema_wrong_type(e, NULL, SCHEMA_OBJECT, item);
		if (r == 0)
			r = placement_once(v, i, e);
		if (r < 0)
			return field_under_index(e, i, r);
	}
	c->n_placements = n;
	return 0;
}

static int private_groups_check(const json_t *v, void *arg, struct err *e)
{
	return endpoint_rules_groups(arg, &cluster_of(arg)->rules, v, e);
}

static int private_ranges_check(const json_t *v, void *arg, struct err *e)
{
	return endpoint_rules_ranges(&cluster_of(arg)->rules, v, e);
}

static int private_port_check(const json_t *v, void *arg, struct err *e)
{
	return endpoint_rules_port(&cluster_of(arg)->rules, v, e);
}

static const struct schema_field private_fields[] = {
	{"kind", SCHEMA_STRING, false, private_kind_check},
	{"enabled", SCHEMA_BOOL, false, private_enabled_check},
	{"placements", SCHEMA_LIST, false, placements_check},
	{"securityGroups", SCHEMA_LIST, false, private_groups_check},
	{"ranges", SCHEMA_LIST, false, private_ranges_check},
	{"port", SCHEMA_INTEGER, false, private_port_check},
	{0},
};

static int private_check(const json_t *v, void *arg, struct err *e)
{
	const struct cluster_net *c = cluster_of(arg);
	int r = schema_check(v, private_fields, arg, e);

	if (r < 0)
		return r;
	if (c->kind == PRIVATE_NONE && c->n_placements)
		return err_set(e, ERR_INVALID, "placements",
			       "must be empty, since kind is none; say how the addresses are made: "
			       "interfaces, private-link or integrated");
	if (c->kind == PRIVATE_INTEGRATED && c->n_placements > 1)
		return err_set(
			e, ERR_INVALID, "placements",
			"must have 1 item, not %zu: an integrated endpoint is one address in a "
			"delegated subnet",
			c->n_placements);
	return 0;
}

/* --- what the landscape keeps of a cluster ---------------------------------------------------------------- */

static int public_enabled_check(const json_t *v, void *arg, struct err *e)
{
	cluster_of(arg)->public_enabled = json_is_true(v);
	return 0;
}

static int server_name_add(struct cluster_net *c, const json_t *v, struct err *e)
{
	char folded[DNS_NAME_MAX + 1];
	char **grown;
	int r;

	if (!json_is_string(v))
		return schema_wrong_type(e, NULL, SCHEMA_STRING, v);
	r = dns_name_fold(json_string_value(v), json_string_length(v), true, folded, e);
	if (r < 0)
		return r;
	grown = reallocarray(c->server_names, c->n_server_names + 1, sizeof(*grown));
	if (!grown)
		return field_no_memory(e);
	c->server_names = grown;
	grown[c->n_server_names] = strdup(folded);
	if (!grown[c->n_server_names])
		return field_no_memory(e);
	c->n_server_names++;
	return 0;
}

static int fqdn_check(const json_t *v, void *arg, struct err *e)
{
	return server_name_add(cluster_of(arg), v, e);
}

static int names_check(const json_t *v, void *arg, struct err *e)
{
	for (size_t i = 0; i < json_array_size(v); i++) {
		int r = server_name_add(cluster_of(arg), json_array_get(v, i), e);
		if (r < 0)
			return field_under_index(e, i, r);
	}
	return 0;
}

static const struct schema_field public_fields[] = {
	{"enabled", SCHEMA_BOOL, false, public_enabled_check},
	{"fqdn", SCHEMA_STRING, true, fqdn_check},
	{"names", SCHEMA_LIST, false, names_check},
	{0},
};

static int public_check(const json_t *v, void *arg, struct err *e)
{
	return schema_check_known(v, public_fields, arg, e);
}

static int cluster_dns_section(const json_t *v, void *arg, struct err *e)
{
	return cluster_dns_read(arg, &cluster_of(arg)->dns, v, e);
}

static void cluster_init(void *body)
{
	struct cluster_net *c = body;

	c->public_enabled = true;
	c->private_enabled = true;
	endpoint_rules_init(&c->rules);
}

static void cluster_net_done(void *body)
{
	struct cluster_net *c = body;

	for (size_t i = 0; i < c->n_server_names; i++)
		free(c->server_names[i]);
	free(c->server_names);
	free(c->rules.ranges);
	cluster_dns_done(&c->dns);
}

static int cluster_each_ref(const void *body, ref_fn *fn, void *arg)
{
	const struct cluster_net *c = body;
	int r = 0;

	for (size_t i = 0; i < c->n_placements && r == 0; i++)
		r = fn(&(struct ref){c->placements[i].subnet, "private.placements", "subnet", i,
				     REF_NONE},
		       arg);
	for (size_t i = 0; i < c->rules.n_groups && r == 0; i++)
		r = fn(&(struct ref){c->rules.groups[i], NULL, "private.securityGroups", 0, i},
		       arg);
	if (r == 0 && c->dns.own_zone)
		r = fn(&(struct ref){c->dns.own_zone, NULL, "dns.ownZone", 0, REF_NONE}, arg);
	return r;
}

static const struct schema_field cluster_fields[] = {
	{"public", SCHEMA_OBJECT, true, public_check},
	{"private", SCHEMA_OBJECT, false, private_check},
	{"dns", SCHEMA_OBJECT, false, cluster_dns_section},
	{0},
};

const struct body_type cluster_net_type = {
	.size = sizeof(struct cluster_net),
	.fields = cluster_fields,
	.is_partial = true,
	.init = cluster_init,
	.done = cluster_net_done,
	.each_ref = cluster_each_ref,
};

int private_section_check(const json_t *section, struct err *e)
{
	struct cluster_net c = {0};
	struct reading rd = {.kind = "cluster", .body = &c};
	int r;

	cluster_init(&c);
	r = private_check(section, &rd, e);
	cluster_net_done(&c);
	return r;
}
