/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postern/kind_views.h"

#include "postern/fields.h"
#include "postern/text.h"
#include "postern/view.h"

#include <string.h>

/* --- cells ------------------------------------------------------------------------------------------------ */

static char *age_cell(const json_t *o, enum tone *ret_tone)
{
	char age[QUANTITY_MAX];

	return must_dup(since_format(field_text(o, "createdAt", ""), age));
}

static char *on_off_cell(const json_t *o, enum tone *ret_tone)
{
	bool on = field_bool(o, "document.public.enabled", true);

	*ret_tone = on ? TONE_PLAIN : TONE_WARN;
	return must_dup(on ? "on" : "off");
}

static char *ranges_cell(const json_t *o, enum tone *ret_tone)
{
	return ranges_text(field(o, "document"));
}

char *private_text(const json_t *document, enum tone *ret_tone)
{
	const char *kind = field_text(document, "private.kind", "none");
	bool on = field_bool(document, "private.enabled", true);

	if (strcmp(kind, "none") == 0 || on)
		return must_dup(kind);
	*ret_tone = TONE_WARN;
	return must_printf("%s, off", kind);
}

static char *private_cell(const json_t *o, enum tone *ret_tone)
{
	return private_text(field(o, "document"), ret_tone);
}

/* What stands at a path of each element, joined. */
static char *joined(const json_t *list, char *(*text)(const json_t *element))
{
	const json_t *element;
	struct text t;
	size_t i;

	text_open(&t);
	json_array_foreach(list, i, element)
	{
		_cleanup_free_ char *one = text(element);

		fprintf(t.file, "%s%s", i ? "," : "", one);
	}
	if (!json_array_size(list))
		fputc('-', t.file);
	return text_take(&t);
}

/* {"natGateway": "out"} as "natGateway/out" */
static char *target_text(const json_t *via)
{
	const char *key = json_object_iter_key(json_object_iter((json_t *)(uintptr_t)via));
	const char *name = key ? field_text(via, key, NULL) : NULL;

	return name ? must_printf("%s/%s", key, name) : must_dup(key ? key : "?");
}

static char *route_text(const json_t *route)
{
	_cleanup_free_ char *via = target_text(field(route, "via"));

	return must_printf("%s=%s", field_text(route, "to", "?"), via);
}

static char *routes_cell(const json_t *o, enum tone *ret_tone)
{
	return joined(field(o, "document.routes"), route_text);
}

static char *attachment_text(const json_t *attachment)
{
	return must_dup(field_text(attachment, "network", "?"));
}

static char *attached_cell(const json_t *o, enum tone *ret_tone)
{
	return joined(field(o, "document.attachments"), attachment_text);
}

static char *connection_text(const json_t *c)
{
	const char *hub = field_text(c, "hub", NULL);

	return must_printf("%s/%s", hub ? "hub" : "network",
			   hub ? hub : field_text(c, "network", "?"));
}

static char *connected_cell(const json_t *o, enum tone *ret_tone)
{
	return joined(field(o, "document.connections"), connection_text);
}

static char *rules_text(const json_t *rules, const char *absent)
{
	char n[64];

	if (!json_is_array(rules))
		return must_dup(absent);
	return json_array_size(rules)
		       ? must_dup(count_format((long long)json_array_size(rules), "rule", n))
		       : must_dup("nothing");
}

static char *ingress_cell(const json_t *o, enum tone *ret_tone)
{
	return rules_text(field(o, "document.ingress"), "nothing");
}

static char *egress_cell(const json_t *o, enum tone *ret_tone)
{
	return rules_text(field(o, "document.egress"), "everything");
}

static char *where_cell(const json_t *o, enum tone *ret_tone)
{
	const char *subnet = field_text(o, "document.subnet", NULL);

	return subnet ? must_printf("subnet/%s", subnet)
		      : must_printf("site/%s", field_text(o, "document.site", "?"));
}

static char *state_cell(const json_t *o, enum tone *ret_tone)
{
	const char *state = field_text(o, "document.state", "approved");

	*ret_tone = strcmp(state, "approved") == 0  ? TONE_GOOD
		    : strcmp(state, "pending") == 0 ? TONE_WARN
						    : TONE_BAD;
	return must_dup(state);
}

static char *automatic_cell(const json_t *o, enum tone *ret_tone)
{
	return must_dup(field_text(o, "document.routes", "automatic"));
}

static char *delegation_cell(const json_t *o, enum tone *ret_tone)
{
	return must_dup(field_text(o, "document.delegation", "none"));
}

static char *records_cell(const json_t *o, enum tone *ret_tone)
{
	return must_printf("%zu", field_count(o, "document.records"));
}

static char *zone_cell(const json_t *o, enum tone *ret_tone)
{
	const char *zone = field_text(o, "document.zone", NULL);

	return zone ? must_printf("zone/%s", zone)
		    : must_printf("cluster/%s", field_text(o, "document.cluster", "?"));
}

static char *router_cell(const json_t *o, enum tone *ret_tone)
{
	const char *network = field_text(o, "document.network", NULL);

	return network ? must_printf("network/%s", network)
		       : must_printf("site/%s", field_text(o, "document.site", "?"));
}

static char *fall_through_cell(const json_t *o, enum tone *ret_tone)
{
	return must_dup(field_bool(o, "document.fallThrough", false) ? "yes" : "no");
}

/* --- the table -------------------------------------------------------------------------------------------- */

#define NAME                         \
	{                            \
		"NAME", "name", NULL \
	}
#define AGE                           \
	{                             \
		"AGE", NULL, age_cell \
	}
#define REVISION                             \
	{                                    \
		"REVISION", "revision", NULL \
	}
/* The secret is in no table. */
static char *key_name_cell(const json_t *o, enum tone *ret_tone)
{
	return must_dup(field_text(o, "document.keyName", field_text(o, "name", "?")));
}

static char *algorithm_cell(const json_t *o, enum tone *ret_tone)
{
	return must_dup(field_text(o, "document.algorithm", "hmac-sha256"));
}

#define HOSTS                                 \
	{                                     \
		"HOSTS", "status.hosts", NULL \
	}
#define USED_BY                                  \
	{                                        \
		"USED BY", "status.usedBy", NULL \
	}

/* clang-format off */
static const struct kind_view views[] = {
	{"cluster", 2, {NAME, {"PUBLIC", NULL, on_off_cell}, {"RANGES", NULL, ranges_cell}, {"PRIVATE", NULL, private_cell},
		{"UPSTREAMS", NULL, upstreams_text}, {"CONNECTIONS", "status.connections", NULL}, REVISION, AGE}},
	{"network", 1, {NAME, {"SPACE", "document.addressSpace", NULL}, {"SUBNETS", "status.subnets", NULL}, HOSTS,
		{"ENDPOINTS", "status.endpoints", NULL}, AGE}},
	{"subnet", 2, {NAME, {"NETWORK", "document.network", NULL}, {"RANGES", "document.ranges", NULL},
		{"ROUTE TABLE", "document.routeTable", NULL}, {"DELEGATION", NULL, delegation_cell}, HOSTS,
		{"FREE", "status.freeAddresses", NULL}, AGE}},
	{"route-table", 2, {NAME, {"NETWORK", "document.network", NULL}, {"ROUTES", NULL, routes_cell}, USED_BY, AGE}},
	{"internet-gateway", 1, {NAME, {"NETWORK", "document.network", NULL}, AGE}},
	{"nat-gateway", 1, {NAME, {"SUBNET", "document.subnet", NULL}, {"PUBLIC ADDRESS", "document.publicAddress", NULL},
		AGE}},
	{"public-address", 1, {NAME, {"ADDRESSES", "document.addresses", NULL}, USED_BY, AGE}},
	{"peering", 1, {NAME, {"NETWORKS", "document.networks", NULL}, {"ROUTES", NULL, automatic_cell}, AGE}},
	{"hub", 1, {NAME, {"ATTACHED", NULL, attached_cell}, {"ROUTES", NULL, routes_cell}, AGE}},
	{"site", 1, {NAME, {"SPACE", "document.addressSpace", NULL}, {"CONNECTED", NULL, connected_cell},
		{"PUBLIC ADDRESS", "document.publicAddress", NULL}, HOSTS, AGE}},
	{"security-group", 4, {NAME, {"NETWORK", "document.network", NULL}, {"INGRESS", NULL, ingress_cell},
		{"EGRESS", NULL, egress_cell}, USED_BY, AGE}},
	{"host", 3, {NAME, {"WHERE", NULL, where_cell}, {"ADDRESSES", "document.addresses", NULL},
		{"GROUPS", "document.securityGroups", NULL}, {"PUBLIC", "document.publicAddress", NULL}, AGE}},
	{"private-endpoint", 5, {NAME, {"CLUSTER", "document.cluster", NULL}, {"SUBNET", "document.subnet", NULL},
		{"ADDRESSES", "document.addresses", NULL}, {"STATE", NULL, state_cell},
		{"GROUPS", "document.securityGroups", NULL}, AGE}},
	{"zone", 1, {NAME, {"DOMAIN", "document.domain", NULL}, {"VISIBILITY", "document.visibility", NULL},
		{"RECORDS", NULL, records_cell}, USED_BY, AGE}},
	{"zone-link", 1, {NAME, {"ZONE", NULL, zone_cell}, {"WHERE", NULL, router_cell},
		{"FALL THROUGH", NULL, fall_through_cell}, AGE}},
	{"tsig-key", 1, {NAME, {"KEY NAME", NULL, key_name_cell}, {"ALGORITHM", NULL, algorithm_cell}, USED_BY, AGE}},
	{NULL, 0, {NAME, REVISION, AGE}},
};
/* clang-format on */

const struct kind_view *kind_view_find(const char *kind)
{
	size_t i = 0;

	while (views[i].kind && strcmp(views[i].kind, kind) != 0)
		i++;
	return &views[i];
}

size_t kind_view_columns(const struct kind_view *v)
{
	size_t n = 0;

	while (n < COLUMNS_MAX && v->columns[n].title)
		n++;
	return n;
}

static void cell_add(struct columns *t, const struct view_column *c, const json_t *o)
{
	enum tone tone = TONE_PLAIN;
	_cleanup_free_ char *text = NULL;

	if (c->cell)
		text = c->cell(o, &tone);
	else if (json_is_array(field(o, c->path)))
		text = joined(field(o, c->path), value_format);
	else
		text = value_format(field(o, c->path));
	columns_add(t, tone, "%s", *text ? text : "-");
}

void kind_view_print(const struct kind_view *v, const json_t *objects, const struct term *t)
{
	const char *titles[COLUMNS_MAX];
	size_t n = kind_view_columns(v), i;
	const json_t *o;
	struct columns c;

	for (i = 0; i < n; i++)
		titles[i] = v->columns[i].title;
	columns_init(&c, titles, n, v->elastic);
	json_array_foreach(objects, i, o)
	{
		for (size_t k = 0; k < n; k++)
			cell_add(&c, &v->columns[k], o);
	}
	columns_print(&c, t, 0);
	columns_done(&c);
}
