/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Section numbers are those of RFC 2136. */
#include "model/update_int.h"

#include "base/cleanup.h"
#include "model/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- names and values --------------------------------------------------------------------------------------- */

/* The first n octets of a name in wire form, as text. False: a character that names in documents do not have. */
static bool labels_text(const uint8_t *wire, size_t n, char *dst)
{
	for (size_t i = 0; i < n; i += wire[i] + 1u) {
		if (i)
			*dst++ = '.';
		for (size_t k = 1; k <= wire[i]; k++) {
			const char c = (char)wire[i + k];

			if (c <= ' ' || c > '~' || c == '.' || c == '@' || c == '\\')
				return false;
			*dst++ = c;
		}
	}
	*dst = '\0';
	return true;
}

/* False: not in the zone. */
bool update_owner_read(const struct declared_zone *z, const uint8_t *wire,
		       struct update_owner *ret_owner)
{
	uint8_t apex[DNAME_MAX], name[DNAME_MAX];
	char text[DNAME_TEXT_MAX];
	const size_t len = dname_size(wire, DNAME_MAX);
	const int apex_len = dname_parse(z->domain, strlen(z->domain), NULL, apex, NULL);
	int below;

	if (len == 0 || apex_len < 0)
		return false;
	memcpy(name, wire, len);
	dname_fold(name, len);
	below = dname_below(name, len, apex, (size_t)apex_len);
	if (below < 0)
		return false;
	if (below == 0)
		snprintf(ret_owner->name, sizeof(ret_owner->name), "@");
	else if (!labels_text(name, (size_t)below, text) ||
		 record_name_fold(text, strlen(text), z->domain, ret_owner->name, NULL) < 0)
		ret_owner->name[0] = '\0';
	return true;
}

/* 0: none that documents have. */
static enum record_type type_of(uint16_t type)
{
	const char *text = rr_type_text(type);

	return text ? record_type_find(text) : 0;
}

/* The value as documents have it. False: it cannot be said there. */
bool update_value_read(const struct update_record *r, char dst[RECORD_TEXT_MAX])
{
	char text[RDATA_TEXT_MAX];
	const enum record_type type = type_of(r->type);
	const int len = type ? rdata_format(r->type, r->rdata, r->rdata_len, text) : -1;

	return len >= 0 && record_value_canon(type, text, (size_t)len, dst, NULL) == 0;
}

/* Types that are no record's (3.2.5, 3.4.1.2). */
static bool type_is_meta(uint16_t type)
{
	return (type >= 128 && type <= RR_ANY) || type == RR_OPT || type == 0;
}

/* --- prerequisites, 3.2 -------------------------------------------------------------------------------------- */

static const struct record_set *declared_set(const struct update_zone *z, const char *name,
					     uint16_t type)
{
	size_t n;
	const struct record_set *set = zone_find_sets(z->zone, name, &n);

	for (size_t i = 0; i < n; i++)
		if (set[i].type == type)
			return &set[i];
	return NULL;
}

static const struct record_set *system_set(const struct update_zone *z, const char *name,
					   uint16_t type)
{
	for (size_t i = 0; i < z->n_system; i++)
		if ((type == RR_ANY || z->system[i].type == type) &&
		    strcmp(z->system[i].name, name) == 0)
			return &z->system[i];
	return NULL;
}

static bool set_is_there(const struct update_zone *z, const struct update_owner *o, uint16_t type)
{
	if (owner_is_apex(o) && (type == RR_SOA || type == RR_NS))
		return true;
	return o->name[0] && (declared_set(z, o->name, type) || system_set(z, o->name, type));
}

static bool name_is_there(const struct update_zone *z, const struct update_owner *o)
{
	size_t n;

	if (owner_is_apex(o))
		return true;
	return o->name[0] &&
	       (zone_find_sets(z->zone, o->name, &n) || system_set(z, o->name, RR_ANY));
}

static bool set_has(const struct record_set *set, const char *value)
{
	const char *at = set->values;

	for (uint32_t i = 0; i < set->n_values; i++, at += strlen(at) + 1)
		if (strcmp(at, value) == 0)
			return true;
	return false;
}

/* 3.2.3: the set that these prerequisites say it is. Called for the first of them. */
static bool set_is_equal(const struct update_zone *z, const struct update *u, size_t first,
			 const struct update_owner *o)
{
	const uint16_t type = u->prerequisites[first].type;
	const struct record_set *set = declared_set(z, o->name, type);
	struct record_set made = {.n_values = 1};
	char value[RECORD_TEXT_MAX], ns[DNS_NAME_MAX + 8], made_value[RECORD_TEXT_MAX];
	uint32_t n = 0;

	if (!set)
		set = system_set(z, o->name, type);
	if (!set && owner_is_apex(o) && type == RR_NS) {
		snprintf(ns, sizeof(ns), "ns.%s.", z->zone->domain);
		if (record_value_canon(RECORD_NS, ns, strlen(ns), made_value, NULL) < 0)
			return false;
		made.values = made_value;
		set = &made;
	}
	if (!set)
		return false;
	for (size_t i = first; i < u->n_prerequisites; i++) {
		const struct update_record *r = &u->prerequisites[i];
		bool is_again = false;

		if (r->class != RR_CLASS_IN || r->type != type ||
		    !dname_is_equal(r->owner, u->prerequisites[first].owner))
			continue;
		if (!update_value_read(r, value) || !set_has(set, value))
			return false;
		for (size_t k = first; k < i && !is_again; k++) {
			const struct update_record *b = &u->prerequisites[k];

			is_again = b->class == RR_CLASS_IN && b->type == type &&
				   b->rdata_len == r->rdata_len &&
				   dname_is_equal(b->owner, r->owner) &&
				   memcmp(b->rdata, r->rdata, r->rdata_len) == 0;
		}
		n += !is_again;
	}
	return n == set->n_values;
}

/* Is there an earlier prerequisite about the same set? */
static bool is_first_of_set(const struct update *u, size_t i)
{
	const struct update_record *r = &u->prerequisites[i];

	for (size_t k = 0; k < i; k++)
		if (u->prerequisites[k].class == RR_CLASS_IN &&
		    u->prerequisites[k].type == r->type &&
		    dname_is_equal(u->prerequisites[k].owner, r->owner))
			return false;
	return true;
}

static int presence_judge(const struct update_zone *z, const struct update_record *r,
			  const struct update_owner *o)
{
	const bool is_any = r->type == RR_ANY;
	const bool is_there = is_any ? name_is_there(z, o) : set_is_there(z, o, r->type);

	if (r->rdata_len != 0 || (!is_any && type_is_meta(r->type)))
		return UPDATE_FORMERR;
	if (r->class == CLASS_ANY)
		return is_there ? UPDATE_FINE : is_any ? UPDATE_NXDOMAIN : UPDATE_NXRRSET;
	return !is_there ? UPDATE_FINE : is_any ? UPDATE_YXDOMAIN : UPDATE_YXRRSET;
}

static int prerequisites_judge(const struct update_zone *z, const struct update *u)
{
	struct update_owner o;

	for (size_t i = 0; i < u->n_prerequisites; i++) {
		const struct update_record *r = &u->prerequisites[i];
		int rcode = UPDATE_FINE;

		if (r->ttl != 0)
			return UPDATE_FORMERR;
		if (!update_owner_read(z->zone, r->owner, &o))
			return UPDATE_NOTZONE;
		if (r->class == CLASS_ANY || r->class == CLASS_NONE)
			rcode = presence_judge(z, r, &o);
		else if (r->class != RR_CLASS_IN || type_is_meta(r->type))
			rcode = UPDATE_FORMERR;
		if (rcode != UPDATE_FINE)
			return rcode;
	}
	for (size_t i = 0; i < u->n_prerequisites; i++) {
		const struct update_record *r = &u->prerequisites[i];

		if (r->class != RR_CLASS_IN || !is_first_of_set(u, i) ||
		    !update_owner_read(z->zone, r->owner, &o))
			continue;
		if (!o.name[0] || !set_is_equal(z, u, i, &o))
			return UPDATE_NXRRSET;
	}
	return UPDATE_FINE;
}

/* --- the changes, looked at before any is made, 3.3 and 3.4.1 -------------------------------------------------- */

static int change_judge(const struct update_zone *z, const struct update_record *r)
{
	struct update_owner o;

	if (!update_owner_read(z->zone, r->owner, &o))
		return UPDATE_NOTZONE;
	switch (r->class) {
	case RR_CLASS_IN:
		return type_is_meta(r->type) ? UPDATE_FORMERR : UPDATE_FINE;
	case CLASS_ANY:
		if (r->ttl != 0 || r->rdata_len != 0 ||
		    (r->type != RR_ANY && type_is_meta(r->type)))
			return UPDATE_FORMERR;
		return UPDATE_FINE;
	case CLASS_NONE:
		return r->ttl != 0 || type_is_meta(r->type) ? UPDATE_FORMERR : UPDATE_FINE;
	default:
		return UPDATE_FORMERR;
	}
}

static bool soa_is_newer(const struct update_zone *z, const struct update_record *r)
{
	size_t at = dname_size(r->rdata, r->rdata_len);
	const size_t second = at ? dname_size(r->rdata + at, r->rdata_len - at) : 0;
	uint32_t serial;

	at += second;
	if (!second || r->rdata_len - at < 4)
		return false;
	serial = (uint32_t)r->rdata[at] << 24 | (uint32_t)r->rdata[at + 1] << 16 |
		 (uint32_t)r->rdata[at + 2] << 8 | r->rdata[at + 3];
	return serial != z->serial && serial - z->serial < 0x80000000u; /* RFC 1982 */
}

static int change_permit(const struct update_zone *z, const struct update_record *r)
{
	struct update_owner o;
	char value[RECORD_TEXT_MAX];

	if (!update_owner_read(z->zone, r->owner, &o))
		return UPDATE_NOTZONE;
	if (o.name[0] && system_set(z, o.name, RR_ANY))
		return UPDATE_REFUSED;
	if (r->class != RR_CLASS_IN)
		return UPDATE_FINE;
	if (r->type == RR_SOA)
		return soa_is_newer(z, r) ? UPDATE_REFUSED : UPDATE_FINE;
	return o.name[0] && update_value_read(r, value) ? UPDATE_FINE : UPDATE_REFUSED;
}

static int changes_judge(const struct update_zone *z, const struct update *u)
{
	int rcode = UPDATE_FINE;

	for (size_t i = 0; i < u->n_changes && rcode == UPDATE_FINE; i++)
		rcode = change_judge(z, &u->changes[i]);
	for (size_t i = 0; i < u->n_changes && rcode == UPDATE_FINE; i++)
		rcode = change_permit(z, &u->changes[i]);
	return rcode;
}

int update_make(const struct update_zone *z, const struct update *u, json_t **ret_doc)
{
	int r = prerequisites_judge(z, u);

	*ret_doc = NULL;
	if (r == UPDATE_FINE)
		r = changes_judge(z, u);
	return r == UPDATE_FINE ? update_work(z, u, ret_doc) : r;
}
