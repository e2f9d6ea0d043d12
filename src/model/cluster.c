/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/cluster.h"

#include "model/cluster_dns.h"
#include "model/field.h"
#include "model/limits.h"
#include "model/name.h"
#include "model/private.h"
#include "model/schema.h"
#include "model/zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_PORT	   6443
#define DEFAULT_CONNECT_S  5
#define DEFAULT_INTERVAL_S 5
#define DEFAULT_TIMEOUT_S  2
#define DRAIN_MAX_S	   86400
#define SECONDS_MIN	   0.1
#define SECONDS_MAX	   3600
#define CA_MAX		   65536

/* What the field checks fill. */
struct parse {
	struct cluster *c;
};

void cluster_done(struct cluster *c)
{
	if (!c)
		return;
	free(c->ranges);
	for (size_t i = 0; i < c->n_server_names; i++)
		free(c->server_names[i]);
	free(c->server_names);
	free(c->ca_pem);
	*c = (struct cluster){0};
}

/* --- name, upstreams -------------------------------------------------------------------------------------- */

static int kind_check(const json_t *v, void *arg, struct err *e)
{
	if (strcmp(json_string_value(v), "cluster"))
		return err_set(e, ERR_INVALID, NULL, "must be cluster");
	return 0;
}

static int name_check(const json_t *v, void *arg, struct err *e)
{
	struct parse *p = arg;
	int r = object_name_check(json_string_value(v), json_string_length(v), e);

	if (!r)
		snprintf(p->c->name, sizeof p->c->name, "%s", json_string_value(v));
	return r;
}

static int address_check(const json_t *v, void *arg, struct err *e)
{
	struct upstream *u = arg;
	char quoted[64];

	if (strlen(json_string_value(v)) == json_string_length(v) &&
	    !addr_parse(json_string_value(v), &u->addr))
		return 0;
	return err_set(
		e, ERR_INVALID, NULL,
		"\"%s\" is no IP address; an upstream is named by its IPv4 or IPv6 address, since "
		"the gate "
		"asks no name server",
		str_quote(quoted, sizeof quoted, json_string_value(v), json_string_length(v)));
}

static int port_check(const json_t *v, void *arg, struct err *e)
{
	struct upstream *u = arg;
	int r = schema_integer_in(e, v, 1, 65535);

	if (!r)
		u->port = (uint16_t)json_integer_value(v);
	return r;
}

static const struct schema_field upstream_fields[] = {
	{"address", SCHEMA_STRING, true, address_check},
	{"port", SCHEMA_INTEGER, false, port_check},
	{0},
};

static int upstream_add(struct cluster *c, size_t i, const json_t *item, struct err *e)
{
	struct upstream *u = &c->upstreams[i];
	char text[ENDPOINT_TEXT_MAX];

	if (!json_is_object(item))
		return schema_wrong_type(e, NULL, SCHEMA_OBJECT, item);
	u->port = DEFAULT_PORT;
	int r = schema_check(item, upstream_fields, u, e);
	if (r < 0)
		return r;
	for (size_t j = 0; j < i; j++)
		if (addr_is_equal(&u->addr, &c->upstreams[j].addr) &&
		    u->port == c->upstreams[j].port)
			return err_set(e, ERR_INVALID, NULL,
				       "%s is in the list already, as item %zu",
				       endpoint_format(&u->addr, u->port, text), j);
	return 0;
}

static int upstreams_check(const json_t *v, void *arg, struct err *e)
{
	struct cluster *c = ((struct parse *)arg)->c;
	size_t n = json_array_size(v);

	if (n > limit_get(LIMIT_UPSTREAMS) || n > UPSTREAMS_MAX)
		return err_set(e, ERR_TOO_LARGE, NULL,
			       "has %zu items; a cluster has at most %u upstreams", n,
			       limit_get(LIMIT_UPSTREAMS));
	if (n < 1)
		return err_set(e, ERR_INVALID, NULL, "must have 1 to %u items, not %zu",
			       limit_get(LIMIT_UPSTREAMS), n);
	for (size_t i = 0; i < n; i++) {
		int r = upstream_add(c, i, json_array_get(v, i), e);
		if (r < 0)
			return field_under_index(e, i, r);
	}
	c->n_upstreams = n;
	return 0;
}

/* --- public ----------------------------------------------------------------------------------------------- */

static int server_name_add(struct cluster *c, const json_t *v, bool wildcard, struct err *e)
{
	char folded[DNS_NAME_MAX + 1];
	int r = dns_name_fold(json_string_value(v), json_string_length(v), wildcard, folded, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < c->n_server_names; i++)
		if (!strcmp(c->server_names[i], folded))
			return err_set(e, ERR_INVALID, NULL,
				       "\"%s\" is one of the cluster's names already", folded);
	char **grown = reallocarray(c->server_names, c->n_server_names + 1, sizeof *grown);
	if (!grown)
		return field_no_memory(e);
	c->server_names = grown;
	grown[c->n_server_names] = strdup(folded);
	if (!grown[c->n_server_names])
		return field_no_memory(e);
	c->n_server_names++;
	return 0;
}

static int enabled_check(const json_t *v, void *arg, struct err *e)
{
	((struct parse *)arg)->c->public_enabled = json_is_true(v);
	return 0;
}

static int fqdn_check(const json_t *v, void *arg, struct err *e)
{
	return server_name_add(((struct parse *)arg)->c, v, false, e);
}

static int names_check(const json_t *v, void *arg, struct err *e)
{
	struct cluster *c = ((struct parse *)arg)->c;
	size_t n = json_array_size(v), max = limit_get(LIMIT_NAMES) - 1;

	if (n > max)
		return err_set(e, ERR_TOO_LARGE, NULL,
			       "has %zu items; a cluster has at most %zu besides its fqdn", n, max);
	for (size_t i = 0; i < n; i++) {
		const json_t *item = json_array_get(v, i);
		int r = json_is_string(item) ? server_name_add(c, item, true, e)
					     : schema_wrong_type(e, NULL, SCHEMA_STRING, item);
		if (r < 0)
			return field_under_index(e, i, r);
	}
	return 0;
}

static int ranges_check(const json_t *v, void *arg, struct err *e)
{
	struct cluster *c = ((struct parse *)arg)->c;

	c->public_open = false;
	return field_prefixes(v, limit_get(LIMIT_RANGES), "a cluster has", &c->ranges, &c->n_ranges,
			      e);
}

static const struct schema_field public_fields[] = {
	{"enabled", SCHEMA_BOOL, false, enabled_check},
	{"fqdn", SCHEMA_STRING, true, fqdn_check},
	{"names", SCHEMA_LIST, false, names_check},
	{"ranges", SCHEMA_LIST, false, ranges_check},
	{0},
};

static int public_check(const json_t *v, void *arg, struct err *e)
{
	return schema_check(v, public_fields, arg, e);
}

/* --- settings that this version knows but does not enforce: only their "off" is accepted ------------------ */

static int command_enabled_check(const json_t *v, void *arg, struct err *e)
{
	if (json_is_false(v))
		return 0;
	return err_set(e, ERR_UNSUPPORTED, NULL,
		       "run command is not built into this version; only false is accepted");
}

static const struct schema_field command_fields[] = {
	{"enabled", SCHEMA_BOOL, false, command_enabled_check},
	{0},
};

static int command_check(const json_t *v, void *arg, struct err *e)
{
	return schema_check(v, command_fields, arg, e);
}

/* --- the rest --------------------------------------------------------------------------------------------- */

static int drain_check(const json_t *v, void *arg, struct err *e)
{
	int r = schema_integer_in(e, v, 0, DRAIN_MAX_S);

	if (!r)
		((struct parse *)arg)->c->drain_s = (uint32_t)json_integer_value(v);
	return r;
}

static int limit_of(const json_t *v, uint32_t *ret_limit, struct err *e)
{
	int r = schema_integer_in(e, v, 0, INT32_MAX);

	if (!r)
		*ret_limit = (uint32_t)json_integer_value(v);
	return r;
}

static int max_connections_check(const json_t *v, void *arg, struct err *e)
{
	return limit_of(v, &((struct parse *)arg)->c->max_connections, e);
}

static int max_per_source_check(const json_t *v, void *arg, struct err *e)
{
	return limit_of(v, &((struct parse *)arg)->c->max_per_source, e);
}

static const struct schema_field limits_fields[] = {
	{"connections", SCHEMA_INTEGER, false, max_connections_check},
	{"connectionsPerSource", SCHEMA_INTEGER, false, max_per_source_check},
	{0},
};

static int limits_check(const json_t *v, void *arg, struct err *e)
{
	return schema_check(v, limits_fields, arg, e);
}

static int seconds_of(const json_t *v, uint32_t *ret_ms, struct err *e)
{
	double s = json_number_value(v);

	if (!(s >= SECONDS_MIN && s <= SECONDS_MAX))
		return err_set(e, ERR_INVALID, NULL, "must be from %g to %d seconds, not %g",
			       SECONDS_MIN, SECONDS_MAX, s);
	*ret_ms = (uint32_t)(s * 1000 + 0.5);
	return 0;
}

static int health_kind_check(const json_t *v, void *arg, struct err *e)
{
	static const char *const words[] = {
		[HEALTH_TLS] = "tls", [HEALTH_TCP] = "tcp", [HEALTH_NONE] = "none", NULL};
	int r = schema_word(e, v, words);

	if (r >= 0)
		((struct parse *)arg)->c->health_kind = (enum health_kind)r;
	return r < 0 ? r : 0;
}

static int interval_check(const json_t *v, void *arg, struct err *e)
{
	return seconds_of(v, &((struct parse *)arg)->c->health_interval_ms, e);
}

static int timeout_check(const json_t *v, void *arg, struct err *e)
{
	return seconds_of(v, &((struct parse *)arg)->c->health_timeout_ms, e);
}

static const struct schema_field health_fields[] = {
	{"kind", SCHEMA_STRING, false, health_kind_check},
	{"interval", SCHEMA_NUMBER, false, interval_check},
	{"timeout", SCHEMA_NUMBER, false, timeout_check},
	{0},
};

static int health_check(const json_t *v, void *arg, struct err *e)
{
	return schema_check(v, health_fields, arg, e);
}

static int connect_timeout_check(const json_t *v, void *arg, struct err *e)
{
	return seconds_of(v, &((struct parse *)arg)->c->connect_timeout_ms, e);
}

static int proxy_protocol_check(const json_t *v, void *arg, struct err *e)
{
	static const char *const words[] = {"off", "v2", NULL};
	int r = schema_word(e, v, words);

	if (r >= 0)
		((struct parse *)arg)->c->proxy_v2 = r == 1;
	return r < 0 ? r : 0;
}

static int ca_check(const json_t *v, void *arg, struct err *e)
{
	struct cluster *c = ((struct parse *)arg)->c;
	const char *pem = json_string_value(v);

	if (json_string_length(v) > CA_MAX || strlen(pem) != json_string_length(v))
		return err_set(e, ERR_INVALID, NULL, "must be PEM text of at most %d bytes",
			       CA_MAX);
	if (strstr(pem, "PRIVATE KEY-----"))
		return err_set(
			e, ERR_INVALID, NULL,
			"holds a private key; only certificates belong here, and the key should be "
			"replaced now that it has been copied");
	if (!strstr(pem, "-----BEGIN CERTIFICATE-----") ||
	    !strstr(pem, "-----END CERTIFICATE-----"))
		return err_set(
			e, ERR_INVALID, NULL,
			"must be one or more certificates in PEM (-----BEGIN CERTIFICATE-----)");
	c->ca_pem = strdup(pem);
	return c->ca_pem ? 0 : field_no_memory(e);
}

static int private_check(const json_t *v, void *arg, struct err *e)
{
	return private_section_check(v, e);
}

static const struct schema_field cluster_fields[] = {
	{"kind", SCHEMA_STRING, true, kind_check},
	{"name", SCHEMA_STRING, true, name_check},
	{"upstreams", SCHEMA_LIST, true, upstreams_check},
	{"public", SCHEMA_OBJECT, true, public_check},
	{"private", SCHEMA_OBJECT, false, private_check},
	{"dns", SCHEMA_OBJECT, false, NULL},
	{"command", SCHEMA_OBJECT, false, command_check},
	{"drain", SCHEMA_INTEGER, false, drain_check},
	{"limits", SCHEMA_OBJECT, false, limits_check},
	{"health", SCHEMA_OBJECT, false, health_check},
	{"connectTimeout", SCHEMA_NUMBER, false, connect_timeout_check},
	{"proxyProtocol", SCHEMA_STRING, false, proxy_protocol_check},
	{"certificateAuthority", SCHEMA_STRING, false, ca_check},
	{0},
};

int cluster_from_json(const json_t *doc, bool force, struct cluster *ret_cluster, struct err *e)
{
	struct cluster c = {
		.public_enabled = true,
		.public_open = true,
		.connect_timeout_ms = DEFAULT_CONNECT_S * 1000,
		.health_kind = HEALTH_TLS,
		.health_interval_ms = DEFAULT_INTERVAL_S * 1000,
		.health_timeout_ms = DEFAULT_TIMEOUT_S * 1000,
	};
	struct parse p = {.c = &c};
	int r = json_is_object(doc) ? schema_check(doc, cluster_fields, &p, e)
				    : schema_wrong_type(e, NULL, SCHEMA_OBJECT, doc);

	if (r == 0)
		r = cluster_dns_check(doc, force, e);
	if (r < 0) {
		cluster_done(&c);
		return r;
	}
	*ret_cluster = c;
	return 0;
}

const char *cluster_shared_name(const struct cluster *a, const struct cluster *b)
{
	for (size_t i = 0; i < a->n_server_names; i++)
		for (size_t j = 0; j < b->n_server_names; j++)
			if (!strcmp(a->server_names[i], b->server_names[j]))
				return a->server_names[i];
	return NULL;
}

/* Fold v into *ret_folded, NULL if it is no name: then the schema check has something to say about it. */
static int name_folded(const json_t *v, json_t **ret_folded)
{
	char folded[DNS_NAME_MAX + 1];

	*ret_folded = NULL;
	if (!json_is_string(v) ||
	    dns_name_fold(json_string_value(v), json_string_length(v), true, folded, NULL) < 0)
		return 0;
	*ret_folded = json_string(folded);
	return *ret_folded ? 0 : -ERR_NOMEM;
}

int cluster_fold_names(json_t *doc)
{
	json_t *public = json_object_get(doc, "public");
	json_t *names = json_object_get(public, "names"), *folded;
	json_t *dns = json_object_get(doc, "dns");

	if (json_fold_name(dns, "privateFqdn") < 0 ||
	    name_folded(json_object_get(public, "fqdn"), &folded) < 0 ||
	    (folded && json_object_set_new(public, "fqdn", folded) < 0))
		return -ERR_NOMEM;
	for (size_t i = 0; i < json_array_size(names); i++) {
		if (name_folded(json_array_get(names, i), &folded) < 0 ||
		    (folded && json_array_set_new(names, i, folded) < 0))
			return -ERR_NOMEM;
	}
	return 0;
}
