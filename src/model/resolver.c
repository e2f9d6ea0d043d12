/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/resolver.h"

#include "model/field.h"
#include "model/limits.h"
#include "model/zone.h"

#include <stdlib.h>
#include <string.h>

void resolver_init(struct resolver *r)
{
	r->is_enabled = true;
	r->has_cluster_names = true;
}

void resolver_done(struct resolver *r)
{
	for (size_t i = 0; i < r->n_forwards; i++)
		free(r->forwards[i].domain);
	free(r->forwards);
}

/* --- servers ---------------------------------------------------------------------------------------------- */

static int server_read(const json_t *v, const struct addr *earlier, size_t n, struct addr *ret,
		       struct err *e)
{
	char quoted[64];
	struct addr a, everywhere;

	if (!json_is_string(v))
		return schema_wrong_type(e, NULL, SCHEMA_STRING, v);
	str_quote(quoted, sizeof(quoted), json_string_value(v), json_string_length(v));
	if (strlen(json_string_value(v)) != json_string_length(v) ||
	    addr_parse(json_string_value(v), &a) < 0 || addr_is_wildcard(&a))
		return err_set(e, ERR_INVALID, NULL,
			       "\"%s\" is no IPv4 or IPv6 address of a name server", quoted);
	/* Also in another spelling, ::ffff:168.63.129.16. */
	if (addr_parse(RESOLVER_EVERYWHERE, &everywhere) == 0 && addr_is_equal(&a, &everywhere))
		return err_set(e, ERR_INVALID, NULL,
			       "%s is the resolver itself, which would ask itself for ever; name "
			       "the server that it is to ask",
			       quoted);
	for (size_t i = 0; i < n; i++)
		if (addr_is_equal(&a, &earlier[i]))
			return err_set(e, ERR_INVALID, NULL,
				       "%s is in the list already, as item %zu", quoted, i);
	*ret = a;
	return 0;
}

static int servers_read(const json_t *list, struct addr servers[DNS_SERVERS_MAX], size_t *ret_n,
			struct err *e)
{
	size_t n = json_array_size(list), max = limit_get(LIMIT_SERVERS);

	if (n > max || n > DNS_SERVERS_MAX)
		return err_set(e, ERR_TOO_LARGE, NULL,
			       "has %zu items; there are at most %zu name servers in a list", n,
			       max);
	for (size_t i = 0; i < n; i++) {
		int r = server_read(json_array_get(list, i), servers, i, &servers[i], e);
		if (r < 0)
			return field_under_index(e, i, r);
	}
	*ret_n = n;
	return 0;
}

/* --- conditional forwards --------------------------------------------------------------------------------- */

static int domain_check(const json_t *v, void *arg, struct err *e)
{
	struct forward *f = arg;
	char folded[DNS_NAME_MAX + 1];
	int r = dns_name_fold(json_string_value(v), json_string_length(v), false, folded, e);

	if (r < 0)
		return r;
	f->domain = strdup(folded);
	return f->domain ? 0 : field_no_memory(e);
}

static int forward_servers_check(const json_t *v, void *arg, struct err *e)
{
	struct forward *f = arg;

	if (!json_array_size(v))
		return err_set(e, ERR_INVALID, NULL,
			       "must have at least 1 item: the servers that know the domain");
	return servers_read(v, f->servers, &f->n_servers, e);
}

static const struct schema_field forward_fields[] = {
	{"domain", SCHEMA_STRING, true, domain_check},
	{"servers", SCHEMA_LIST, true, forward_servers_check},
	{0},
};

static int forward_read(struct resolver *r, const json_t *item, json_t *seen, size_t i,
			struct err *e)
{
	struct forward *f = &r->forwards[i];
	const json_t *earlier;
	int rc = json_is_object(item) ? schema_check(item, forward_fields, f, e)
				      : schema_wrong_type(e, NULL, SCHEMA_OBJECT, item);

	if (rc < 0)
		return rc;
	earlier = json_object_get(seen, f->domain);
	if (earlier)
		return err_set(e, ERR_INVALID, "domain",
			       "\"%s\" is in the list already, as item %" JSON_INTEGER_FORMAT,
			       f->domain, json_integer_value(earlier));
	if (json_object_set_new(seen, f->domain, json_integer((json_int_t)i)) < 0)
		return field_no_memory(e);
	return 0;
}

static int forwards_check(const json_t *v, void *arg, struct err *e)
{
	struct resolver *r = arg;
	size_t n = json_array_size(v), max = limit_get(LIMIT_FORWARDS);
	json_t *seen;
	int rc = 0;

	if (n > max)
		return err_set(e, ERR_TOO_LARGE, NULL,
			       "has %zu items; there are at most %zu conditional forwards", n, max);
	r->forwards = calloc(n ? n : 1, sizeof(*r->forwards));
	seen = json_object();
	if (!r->forwards || !seen) {
		json_decref(seen);
		return field_no_memory(e);
	}
	r->n_forwards = n;
	for (size_t i = 0; i < n && rc == 0; i++) {
		rc = forward_read(r, json_array_get(v, i), seen, i, e);
		if (rc < 0)
			field_under_index(e, i, rc);
	}
	json_decref(seen);
	return rc;
}

/* --- the section ------------------------------------------------------------------------------------------ */

static int enabled_check(const json_t *v, void *arg, struct err *e)
{
	((struct resolver *)arg)->is_enabled = json_is_true(v);
	return 0;
}

static int cluster_names_check(const json_t *v, void *arg, struct err *e)
{
	((struct resolver *)arg)->has_cluster_names = json_is_true(v);
	return 0;
}

static int servers_check(const json_t *v, void *arg, struct err *e)
{
	struct resolver *r = arg;

	r->has_servers = true;
	return servers_read(v, r->servers, &r->n_servers, e);
}

static const struct schema_field resolver_fields[] = {
	{"enabled", SCHEMA_BOOL, false, enabled_check},
	{"clusterNames", SCHEMA_BOOL, false, cluster_names_check},
	{"servers", SCHEMA_LIST, false, servers_check},
	{"forward", SCHEMA_LIST, false, forwards_check},
	{0},
};

int resolver_read(struct resolver *r, const json_t *section, struct err *e)
{
	return schema_check(section, resolver_fields, r, e);
}

int resolver_fold_names(json_t *doc)
{
	json_t *forwards = json_object_get(json_object_get(doc, "dns"), "forward");

	for (size_t i = 0; i < json_array_size(forwards); i++)
		if (json_fold_name(json_array_get(forwards, i), "domain") < 0)
			return -ERR_NOMEM;
	return 0;
}
