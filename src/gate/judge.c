/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "gate/judge.h"

#include "gate/cluster.h"
#include "gate/endpoint.h"
#include "gate/events.h"
#include "tables/network.h"

enum gate_reason judge_name(struct worker *w, const char *name, size_t len,
			    struct gate_cluster **ret_cluster)
{
	struct tables_snapshot *s = worker_snapshot(w);
	uint32_t id;

	if (!s)
		return REASON_TABLES;
	int r = tables_find_name(s, name, len, &id);
	if (r == -ERR_NOT_FOUND)
		return REASON_UNKNOWN_NAME;
	if (r < 0)
		return REASON_TABLES;
	/* A name that leads to no cluster is damage, not an unknown name. */
	*ret_cluster = cluster_refresh(w, id);
	return *ret_cluster ? REASON_NONE : REASON_TABLES;
}

void judge_begin(struct worker *w, struct gate_cluster *c, struct judgement *ret_judgement)
{
	struct tables_snapshot *s = worker_snapshot(w);

	*ret_judgement = (struct judgement){.reason = REASON_TABLES, .outside = REASON_RANGES};
	if (!s || !c->in_tables)
		return;
	if (!c->record.public_enabled) {
		ret_judgement->reason = REASON_PUBLIC_OFF;
		return;
	}
	if (!c->record.public_open) {
		if (tables_get_ranges(s, c->id, !c->ranges_verified, &ret_judgement->ranges) < 0) {
			count(w, tables_unreadable_total);
			event_tables(w, c->id, NULL);
			return;
		}
		c->ranges_verified = true;
	}
	ret_judgement->open = c->record.public_open;
	ret_judgement->reason = REASON_NONE;
}

/* The whole set is checked when it is first met in a generation. */
static int endpoint_read(struct worker *w, struct gate_endpoint *e, struct tables_endpoint *record,
			 struct rangeset *sources)
{
	struct tables_snapshot *s = worker_snapshot(w);

	if (!s)
		return -ERR_UNAVAILABLE; /* counted by worker_snapshot() */
	int r = tables_get_endpoint(s, e->network, &e->addr, false, record, sources);
	if (r == 0 && !record->open && record->generation != e->verified) {
		r = tables_get_endpoint(s, e->network, &e->addr, true, record, sources);
		if (r == 0)
			e->verified = record->generation;
	}
	if (r < 0 && r != -ERR_NOT_FOUND) {
		count(w, tables_unreadable_total);
		event_tables(w, 0, e);
	}
	return r;
}

enum gate_reason judge_endpoint(struct worker *w, struct gate_endpoint *e,
				struct gate_cluster **ret_cluster, struct judgement *ret_judgement)
{
	struct judgement j = {.reason = REASON_TABLES, .outside = REASON_NOT_ADMITTED};
	struct tables_endpoint record;
	struct gate_cluster *c = NULL;
	int r = endpoint_read(w, e, &record, &j.ranges);

	if (r == -ERR_NOT_FOUND)
		j.reason = REASON_PRIVATE_OFF;
	if (r == 0)
		c = cluster_refresh(w, record.cluster);
	if (c) {
		j.reason = REASON_NONE;
		j.open = record.open;
		*ret_cluster = c;
	}
	*ret_judgement = j;
	return j.reason;
}

enum gate_reason judge_source(const struct judgement *j, const struct addr *source)
{
	if (j->reason != REASON_NONE || j->open)
		return j->reason;
	return rangeset_contains(&j->ranges, source) ? REASON_NONE : j->outside;
}
