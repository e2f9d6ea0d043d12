/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/field.h"

#include <stdio.h>
#include <string.h>

#define INTERFACE_NAME_MAX 15 /* IFNAMSIZ less its end */

static int subnet_check(const json_t *v, void *arg, struct err *e)
{
	struct reading *rd = arg;

	return field_ref(rd, OBJECT_SUBNET, v, &((struct host *)rd->body)->subnet, e);
}

static int site_check(const json_t *v, void *arg, struct err *e)
{
	struct reading *rd = arg;

	return field_ref(rd, OBJECT_SITE, v, &((struct host *)rd->body)->site, e);
}

static int addresses_check(const json_t *v, void *arg, struct err *e)
{
	return field_addresses(v, ((struct host *)((struct reading *)arg)->body)->addresses, e);
}

static int groups_check(const json_t *v, void *arg, struct err *e)
{
	struct reading *rd = arg;
	struct host *h = rd->body;

	return field_groups(rd, v, h->groups, &h->n_groups, e);
}

static int public_address_check(const json_t *v, void *arg, struct err *e)
{
	struct reading *rd = arg;

	return field_ref(rd, OBJECT_PUBLIC_ADDRESS, v, &((struct host *)rd->body)->public_address,
			 e);
}

static bool attach_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '_' || c == '-';
}

/* A name that becomes a path below /run/netns, or an interface: nothing that could lead elsewhere. */
static int attach_name(struct host *h, enum attach_kind kind, size_t max, const json_t *v,
		       struct err *e)
{
	const char *name = json_string_value(v);
	size_t len = json_string_length(v);
	char quoted[80];

	if (len < 1 || len > max)
		return err_set(e, ERR_INVALID, NULL, "must have 1 to %zu characters, not %zu", max,
			       len);
	str_quote(quoted, sizeof(quoted), name, len);
	for (size_t i = 0; i < len; i++)
		if (!attach_char(name[i]))
			return err_set(e, ERR_INVALID, NULL,
				       "\"%s\" must consist of a-z, A-Z, 0-9, '.', '_' and '-'",
				       quoted);
	if (name[0] == '.' || name[0] == '-')
		return err_set(e, ERR_INVALID, NULL, "\"%s\" must not begin with '%c'", quoted,
			       name[0]);
	h->attach = kind;
	snprintf(h->attach_name, sizeof(h->attach_name), "%s", name);
	return 0;
}

/* "PREFIX.net.NAME" and the like: a daemon has made it, whichever (--netns-prefix). */
static bool is_made_by_a_daemon(const char *namespace)
{
	static const char *const words[] = {".net.", ".hub.", ".site.", ".host."};
	const char *dot = strchr(namespace, '.');

	for (size_t i = 0; dot && i < ARRAY_SIZE(words); i++)
		if (strncmp(dot, words[i], strlen(words[i])) == 0)
			return true;
	return false;
}

static int attach_namespace_check(const json_t *v, void *arg, struct err *e)
{
	struct host *h = ((struct reading *)arg)->body;
	int r = attach_name(h, ATTACH_NAMESPACE, ATTACH_NAME_MAX, v, e);

	/* It would join what only peerings, hubs and connections may. */
	if (r == 0 && is_made_by_a_daemon(h->attach_name))
		r = err_set(e, ERR_INVALID, NULL,
			    "\"%s\" is a namespace that posternd makes itself; only others' can be "
			    "attached",
			    h->attach_name);
	return r;
}

static int attach_interface_check(const json_t *v, void *arg, struct err *e)
{
	struct host *h = ((struct reading *)arg)->body;
	int r = attach_name(h, ATTACH_INTERFACE, INTERFACE_NAME_MAX, v, e);

	if (r == 0 && strcmp(h->attach_name, "lo") == 0)
		r = err_set(e, ERR_INVALID, NULL, "the loopback interface cannot be attached");
	return r;
}

static int attach_check(const json_t *v, void *arg, struct err *e)
{
	static const struct schema_field fields[] = {
		{"namespace", SCHEMA_STRING, false, attach_namespace_check},
		{"interface", SCHEMA_STRING, false, attach_interface_check},
		{0},
	};
	int r = schema_check(v, fields, arg, e);

	if (r == 0 && json_object_size(v) != 1)
		r = err_set(e, ERR_INVALID, NULL, "must have exactly one of namespace, interface");
	return r;
}

static int host_finish(struct reading *rd, const json_t *doc, struct err *e)
{
	bool has_subnet = json_object_get(doc, "subnet"), has_site = json_object_get(doc, "site");

	if (has_subnet == has_site)
		return err_set(e, ERR_INVALID, has_site ? "site" : "subnet",
			       has_site ? "a host is in a subnet or at a site, not both"
					: "is required, unless the host is at a site: name either");
	if (has_site && json_object_get(doc, "securityGroups"))
		return err_set(e, ERR_INVALID, "securityGroups",
			       "a host at a site has none: security groups belong to networks");
	if (has_site && json_object_get(doc, "publicAddress"))
		return err_set(e, ERR_INVALID, "publicAddress",
			       "a host at a site has none of its own: set the publicAddress of the "
			       "site");
	return 0;
}

static int host_each_ref(const void *body, ref_fn *fn, void *arg)
{
	const struct host *h = body;
	struct object *place = h->subnet ? h->subnet : h->site;
	int r = fn(&(struct ref){place, NULL, h->subnet ? "subnet" : "site", 0, REF_NONE}, arg);

	for (size_t i = 0; i < h->n_groups && r == 0; i++)
		r = fn(&(struct ref){h->groups[i], NULL, "securityGroups", 0, i}, arg);
	if (r == 0 && h->public_address)
		r = fn(&(struct ref){h->public_address, NULL, "publicAddress", 0, REF_NONE}, arg);
	return r;
}

static const struct schema_field host_fields[] = {
	{"kind", SCHEMA_STRING, true, field_kind},
	{"name", SCHEMA_STRING, true, field_name},
	{"subnet", SCHEMA_STRING, false, subnet_check},
	{"site", SCHEMA_STRING, false, site_check},
	{"addresses", SCHEMA_LIST, false, addresses_check},
	{"securityGroups", SCHEMA_LIST, false, groups_check},
	{"publicAddress", SCHEMA_STRING, false, public_address_check},
	{"attach", SCHEMA_OBJECT, false, attach_check},
	{0},
};

const struct body_type host_type = {
	.size = sizeof(struct host),
	.fields = host_fields,
	.finish = host_finish,
	.each_ref = host_each_ref,
};
