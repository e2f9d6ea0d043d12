/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Open connections of all gates, each with the rule that admits it. */
#include "api/native/routes.h"
#include "base/clock.h"
#include "control/why.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* More are left out, and the answer says that it is incomplete. */
#define CONNECTIONS_MAX 100000

static const char *state_text(uint8_t state)
{
	static const char *const text[] = {
		[CONNECTION_HELLO] = "hello",
		[CONNECTION_CONNECTING] = "connecting",
		[CONNECTION_OPEN] = "open",
		[CONNECTION_DRAINING] = "draining",
	};

	return text[state];
}

/* The sentence only while it says that the connection may be: a change may be on its way to the gate. */
static json_t *why_render_private(struct control *c, const struct connection_record *rec)
{
	struct admission a = {0};
	bool known = why_private(c, rec->cluster, rec->network, &rec->local, &rec->source, &a,
				 NULL) == 0;

	return json_pack("{s:s, s:s*}", "rule", "private", "text",
			 known && a.admitted ? a.rule : NULL);
}

static json_t *why_render(struct control *c, const struct connection_record *rec)
{
	struct explain_answer a;
	struct err e;
	char range[PREFIX_TEXT_MAX];

	if (rec->state == CONNECTION_DRAINING)
		return json_pack("{s:s}", "rule", "draining");
	if (rec->cluster && rec->network)
		return why_render_private(c, rec);
	if (!rec->cluster || why_explain(c, rec->cluster, &rec->source, &a, &e) < 0)
		return json_pack("{s:s}", "rule", "unknown");
	if (a.reason == EXPLAIN_OPEN)
		return json_pack("{s:s}", "rule", "open");
	if (a.reason == EXPLAIN_RANGE)
		return json_pack("{s:s, s:s}", "rule", "range", "range",
				 prefix_format(&a.range, range));
	return json_pack("{s:s}", "rule", "unknown");
}

static json_t *connection_render(struct control *c, uint32_t gate,
				 const struct connection_record *rec, const char *cluster)
{
	char id[40], source[ADDR_TEXT_MAX], upstream[ENDPOINT_TEXT_MAX], since[CLOCK_TEXT_MAX];
	char via[ADDR_TEXT_MAX], network[64];
	bool has_upstream = rec->upstream.family != ADDR_NONE;
	bool is_private = rec->local.family != ADDR_NONE;

	snprintf(id, sizeof(id), "%u-%" PRIu64, gate, rec->id);
	if (has_upstream)
		endpoint_format(&rec->upstream, rec->upstream_port, upstream);
	if (is_private)
		addr_format(&rec->local, via);
	control_router_name(c, rec->network, network);
	return json_pack(
		"{s:s, s:I, s:s?, s:s, s:I, s:s?, s:s?, s:s?, s:s, s:s, s:I, s:I, s:I, s:o}", "id",
		id, "gate", (json_int_t)gate, "cluster", cluster[0] ? cluster : NULL, "source",
		addr_format(&rec->source, source), "sourcePort", (json_int_t)rec->source_port,
		"via", is_private ? via : NULL, "network", network[0] ? network : NULL, "upstream",
		has_upstream ? upstream : NULL, "state", state_text(rec->state), "since",
		clock_format(rec->since_us, since), "bytesUp", (json_int_t)rec->bytes_up,
		"bytesDown", (json_int_t)rec->bytes_down, "drainLeftMs",
		(json_int_t)rec->drain_left_ms, "why", why_render(c, rec));
}

/* May the caller see it, and did they ask for it? cluster: its name, "" if it has none yet. */
static bool is_wanted(const struct request *r, const char *cluster)
{
	const char *only = request_query(r, "cluster");

	if (only && strcmp(only, cluster) != 0)
		return false;
	return authz_may(&r->control->authz, &r->peer, RIGHT_VIEW, cluster[0] ? cluster : "*");
}

static void connections_answer(struct dump *d, void *arg)
{
	struct request *r = arg;
	json_t *all = json_array(), *body;
	char cluster[64];

	for (uint32_t g = 0; g < GATES_MAX; g++) {
		const struct connection_record *records = d->gate[g].records;

		for (size_t i = 0; i < d->gate[g].n_records; i++) {
			cluster[0] = '\0';
			if (records[i].cluster)
				control_cluster_name(r->control, records[i].cluster, cluster);
			if (!is_wanted(r, cluster))
				continue;
			if (json_array_size(all) >= CONNECTIONS_MAX) {
				d->is_incomplete = true;
				break;
			}
			json_array_append_new(
				all, connection_render(r->control, g, &records[i], cluster));
		}
	}
	body = json_pack("{s:o}", "connections", all);
	if (d->is_incomplete)
		json_object_set_new(body, "incomplete", json_true());
	request_answer_json(r, 200, body);
}

void connections_get(struct request *r)
{
	const char *only = request_query(r, "cluster");
	struct err e = {0};
	char quoted[96];
	int ret = 0;

	if (only)
		ret = request_may_view(r, only, &e);
	if (ret == 0 && only && r->control->store && !index_find(&r->control->index, only))
		ret = err_set(&e, ERR_NOT_FOUND, NULL, "there is no cluster \"%s\"",
			      str_quote(quoted, sizeof(quoted), only, strlen(only)));
	if (ret == 0)
		ret = dumps_start(&r->control->dumps, DUMP_CONNECTIONS, connections_answer, r, &e);
	if (ret < 0)
		request_answer_error(r, &e);
}
