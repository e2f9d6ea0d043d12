/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the system keeps in zones: beside a user's records, which are in the document. */
#include "api/native/routes.h"
#include "model/record.h"
#include "model/view.h"

#define RECORDS_SHOWN 1000

struct kept {
	const struct request *r;
	json_t *records;
	size_t n; /* also those that are not shown */
};

static int record_keep(const struct view_record *record, void *arg)
{
	struct kept *k = arg;
	json_t *values;
	char text[ADDR_TEXT_MAX];

	if (!record->owner ||
	    !authz_may(&k->r->control->authz, &k->r->peer, RIGHT_VIEW, record->owner->name))
		return 0;
	if (k->n++ >= RECORDS_SHOWN)
		return 0;
	values = json_array();
	for (size_t i = 0; i < record->n_addresses; i++)
		json_array_append_new(values,
				      json_string(addr_format(&record->addresses[i], text)));
	json_array_append_new(k->records,
			      json_pack("{s:s, s:s, s:I, s:o, s:s}", "name", record->name, "type",
					record_type_text(record->type), "ttl",
					(json_int_t)record->ttl, "values", values, "cluster",
					record->owner->name));
	return 0;
}

/* Those of a zone that is the same wherever it is seen. */
static json_t *records_render(const struct request *r, const struct view_zone *zone, size_t *ret_n)
{
	static const struct view_public no_listener; /* of shared zones nothing depends on it */
	struct kept k = {.r = r, .records = json_array()};

	if (view_each_record(zone, &no_listener, record_keep, &k) < 0)
		json_array_clear(k.records);
	*ret_n = k.n;
	return k.records;
}

void zone_status(const struct request *r, const struct object *zone, json_t *status)
{
	char domain[DNS_NAME_MAX + 1];
	struct view_zone shared;
	json_t *records;
	size_t n = 0;

	if (!view_shared_zone(zone, &shared, domain))
		return;
	records = records_render(r, &shared, &n);
	json_object_set_new(status, "systemRecords", records);
}

json_t *cluster_zone_render(const struct request *r, const struct object *cluster)
{
	char domain[DNS_NAME_MAX + 1];
	struct view_zone shared;
	json_t *records;
	size_t n;

	if (!view_shared_zone(cluster, &shared, domain))
		return NULL;
	records = records_render(r, &shared, &n);
	return json_pack("{s:s, s:o}", "domain", domain, "records", records);
}
