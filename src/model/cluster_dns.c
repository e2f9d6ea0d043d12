/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/cluster_dns.h"

#include "model/field.h"
#include "model/record.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SYSTEM_LABEL ".privatelink."

void cluster_dns_done(struct cluster_dns *dns)
{
	free(dns->private_fqdn);
}

struct dns_reading {
	const struct reading *rd;
	struct cluster_dns *dns;
};

static int zone_check(const json_t *v, void *arg, struct err *e)
{
	static const char *const words[] = {[DNS_ZONE_NONE] = "none",
					    [DNS_ZONE_SYSTEM] = "system",
					    [DNS_ZONE_OWN] = "own",
					    [DNS_ZONE_OWN + 1] = NULL};
	int r = schema_word(e, v, words);

	if (r >= 0)
		((struct dns_reading *)arg)->dns->zone = (enum dns_zone)r;
	return r < 0 ? r : 0;
}

static int own_zone_check(const json_t *v, void *arg, struct err *e)
{
	struct dns_reading *dr = arg;

	return field_ref(dr->rd, OBJECT_ZONE, v, &dr->dns->own_zone, e);
}

static int private_fqdn_check(const json_t *v, void *arg, struct err *e)
{
	struct cluster_dns *dns = ((struct dns_reading *)arg)->dns;
	char folded[DNS_NAME_MAX + 1];
	int r = dns_name_fold(json_string_value(v), json_string_length(v), false, folded, e);

	if (r < 0)
		return r;
	dns->private_fqdn = strdup(folded);
	return dns->private_fqdn ? 0 : field_no_memory(e);
}

static int public_name_check(const json_t *v, void *arg, struct err *e)
{
	((struct dns_reading *)arg)->dns->public_name =
		json_is_true(v) ? PUBLIC_NAME_ON : PUBLIC_NAME_OFF;
	return 0;
}

static const struct schema_field dns_fields[] = {
	{"zone", SCHEMA_STRING, false, zone_check},
	{"ownZone", SCHEMA_STRING, false, own_zone_check},
	{"privateFqdn", SCHEMA_STRING, false, private_fqdn_check},
	{"publicName", SCHEMA_BOOL, false, public_name_check},
	{0},
};

static bool has_labels(const char *name, size_t n)
{
	for (; n > 1; n--) {
		name = strchr(name, '.');
		if (!name)
			return false;
		name++;
	}
	return true;
}

static int section_finish(const struct cluster_dns *dns, const json_t *section, struct err *e)
{
	bool names_own = json_object_get(section, "ownZone") != NULL;

	if (dns->zone == DNS_ZONE_OWN && !names_own)
		return err_set(e, ERR_INVALID, "ownZone",
			       "is required, since zone is own: the name of a private zone");
	if (dns->zone != DNS_ZONE_OWN && names_own)
		return err_set(e, ERR_INVALID, "ownZone", "is for zone: own only");
	if (dns->zone == DNS_ZONE_NONE && dns->private_fqdn)
		return err_set(e, ERR_INVALID, "privateFqdn",
			       "needs a zone that has it; set zone to system or own");
	if (dns->zone == DNS_ZONE_SYSTEM && dns->private_fqdn && !has_labels(dns->private_fqdn, 3))
		return err_set(e, ERR_INVALID, "privateFqdn",
			       "must have at least 3 labels, as in api.prod.example: all but the "
			       "first are the domain of the zone that the system makes");
	return 0;
}

int cluster_dns_read(const struct reading *rd, struct cluster_dns *dns, const json_t *section,
		     struct err *e)
{
	struct dns_reading dr = {rd, dns};
	int r = schema_check(section, dns_fields, &dr, e);

	return r < 0 ? r : section_finish(dns, section, e);
}

/* Rules between the section and the rest. */
static int document_finish(const struct cluster_dns *dns, const json_t *doc, bool force,
			   struct err *e)
{
	const json_t *public = json_object_get(doc, "public");
	const char *fqdn = json_string_value(json_object_get(public, "fqdn"));

	assert(fqdn);
	if (dns->zone != DNS_ZONE_NONE && !dns->private_fqdn && !has_labels(fqdn, 2))
		return err_set(e, ERR_INVALID, "privateFqdn",
			       "is required, since \"%s\", the public name, has one label only and "
			       "no private name can be made of it",
			       fqdn);
	if (dns->zone == DNS_ZONE_SYSTEM && !dns->private_fqdn &&
	    strlen(fqdn) + strlen(SYSTEM_LABEL) + json_string_length(json_object_get(doc, "name")) >
		    DNS_NAME_MAX)
		return err_set(e, ERR_INVALID, "privateFqdn",
			       "is required, since the public name is so long that no private "
			       "name can be made of it");
	if (!force && dns->zone == DNS_ZONE_NONE && dns->public_name == PUBLIC_NAME_OFF &&
	    json_is_false(json_object_get(public, "enabled")))
		return err_set(e, ERR_INVALID, "publicName",
			       "false would leave the cluster without any name, since zone is "
			       "none and public.enabled is false; set zone to system or own, or "
			       "publicName to true; to have it so all the same, pass --force (API: "
			       "?force=true)");
	return 0;
}

int cluster_dns_check(const json_t *doc, bool force, struct err *e)
{
	const json_t *section = json_object_get(doc, "dns");
	struct reading rd = {.kind = "cluster"};
	struct cluster_dns dns = {0};
	int r = section ? cluster_dns_read(&rd, &dns, section, e) : 0;

	if (r == 0)
		r = document_finish(&dns, doc, force, e);
	cluster_dns_done(&dns);
	if (r < 0)
		err_under(e, "dns");
	return r;
}

/* --- private names ---------------------------------------------------------------------------------------- */

bool cluster_private_name(const struct object *cluster, char dst[DNS_NAME_MAX + 1])
{
	const struct cluster_net *c = object_cluster_net(cluster);
	const char *fqdn = c->n_server_names ? c->server_names[0] : "";
	int host = (int)strcspn(fqdn, "."), n = -1;

	if (c->dns.zone == DNS_ZONE_NONE)
		return false;
	if (c->dns.private_fqdn)
		n = snprintf(dst, DNS_NAME_MAX + 1, "%s", c->dns.private_fqdn);
	else if (c->dns.zone == DNS_ZONE_OWN && c->dns.own_zone->body)
		n = snprintf(dst, DNS_NAME_MAX + 1, "%.*s.%s", host, fqdn,
			     object_declared_zone(c->dns.own_zone)->domain);
	else if (c->dns.zone == DNS_ZONE_SYSTEM && fqdn[host])
		n = snprintf(dst, DNS_NAME_MAX + 1, "%.*s.%s" SYSTEM_LABEL "%s", host, fqdn,
			     cluster->name, fqdn + host + 1);
	return n > 0 && n <= DNS_NAME_MAX;
}

bool cluster_system_domain(const struct object *cluster, char dst[DNS_NAME_MAX + 1])
{
	const struct cluster_net *c = object_cluster_net(cluster);
	char name[DNS_NAME_MAX + 1];

	if (c->dns.zone != DNS_ZONE_SYSTEM || !cluster_private_name(cluster, name))
		return false;
	snprintf(dst, DNS_NAME_MAX + 1, "%s", name + strcspn(name, ".") + 1);
	return true;
}

bool cluster_own_name(const struct object *cluster, char dst[DNS_NAME_MAX + 1])
{
	const struct cluster_net *c = object_cluster_net(cluster);
	const struct declared_zone *zone;
	char name[DNS_NAME_MAX + 1];

	if (c->dns.zone != DNS_ZONE_OWN || !cluster_private_name(cluster, name))
		return false;
	zone = object_declared_zone(c->dns.own_zone);
	if (!zone || !dns_name_is_below(name, zone->domain))
		return false;
	snprintf(dst, DNS_NAME_MAX + 1, "%.*s", (int)(strlen(name) - strlen(zone->domain) - 1),
		 name);
	return true;
}
