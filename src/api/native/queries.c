/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What can be asked about the whole: status, operations, history. */
#include "api/native/routes.h"
#include "base/clock.h"
#include "control/secret.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HISTORY_LIMIT_DEFAULT 100
#define HISTORY_LIMIT_MAX     10000

/* --- status ----------------------------------------------------------------------------------------------- */

static json_t *gate_render(const struct control *c, const struct gate *g)
{
	return json_pack("{s:I, s:I, s:s, s:I, s:I, s:I, s:I}", "index", (json_int_t)g->index,
			 "pid", (json_int_t)(g->is_up ? g->pid : 0), "state",
			 gate_state_text(gate_state(g, c->generation)), "generation",
			 (json_int_t)g->generation, "connections",
			 (json_int_t)(g->is_up ? gate_counter_value(g, GATE_connections) : 0),
			 "acceptedTotal", (json_int_t)gate_counter_value(g, GATE_accepted_total),
			 "restarts", (json_int_t)(g->starts ? g->starts - 1 : 0));
}

static json_t *dns_render(const struct control *c, const struct gate *d)
{
	uint64_t queries = gate_counter_value(d, DNS_queries_udp_total) +
			   gate_counter_value(d, DNS_queries_tcp_total);

	return json_pack("{s:I, s:I, s:s, s:I, s:I, s:I}", "index", (json_int_t)d->index, "pid",
			 (json_int_t)(d->is_up ? d->pid : 0), "state",
			 gate_state_text(gate_state(d, c->generation)), "generation",
			 (json_int_t)d->generation, "queriesTotal", (json_int_t)queries, "restarts",
			 (json_int_t)(d->starts ? d->starts - 1 : 0));
}

static json_t *endpoints_render(const struct endpoint *endpoints, size_t n)
{
	json_t *all = json_array();
	char text[ENDPOINT_TEXT_MAX];

	for (size_t i = 0; i < n; i++)
		json_array_append_new(all, json_string(endpoint_format(&endpoints[i].addr,
								       endpoints[i].port, text)));
	return all;
}

void status_get(struct request *r)
{
	const struct control *c = r->control;
	const struct options *o = c->options;
	json_t *gates = json_array(), *dns = json_array();
	uint64_t connections = 0;
	char started[CLOCK_TEXT_MAX];

	for (uint32_t i = 0; i < c->gates.n; i++) {
		const struct gate *g = &c->gates.gate[i];

		json_array_append_new(gates, gate_render(c, g));
		connections += g->is_up ? gate_counter_value(g, GATE_connections) : 0;
	}
	for (uint32_t i = 0; i < c->dns.n; i++)
		json_array_append_new(dns, dns_render(c, &c->dns.gate[i]));
	request_answer_json(
		r, 200,
		json_pack("{s:s, s:s?, s:I, s:I, s:s, s:s, s:s, s:s, s:o, s:o, s:I, s:I, s:I, s:o, "
			  "s:o, "
			  "s:o}",
			  "version", POSTERN_VERSION, "storeId",
			  c->store ? store_id(c->store) : NULL, "revision",
			  (json_int_t)(c->store ? store_revision(c->store) : c->generation),
			  "generation", (json_int_t)c->generation, "store",
			  c->store_reason[0] ? c->store_reason : "ok", "tables",
			  c->tables_reason[0] ? c->tables_reason : "ok", "startedAt",
			  clock_format(c->started_us, started), "profile",
			  o->profile == PROFILE_CLOUD ? "cloud" : "open", "listeners",
			  endpoints_render(o->listen, o->n_listen), "dnsListeners",
			  endpoints_render(o->dns_listen, o->n_dns_listen), "clusters",
			  (json_int_t)c->index.n_clusters, "connections", (json_int_t)connections,
			  "operationsInProgress", (json_int_t)c->operations.n_active, "gates",
			  gates, "dns", dns, "netd", netd_json(&c->netd)));
}

/* --- operations ------------------------------------------------------------------------------------------- */

static int id_parse(const char *text, uint64_t *ret_id, struct err *e)
{
	char *end;

	*ret_id = strtoull(text, &end, 10);
	if (text[0] < '1' || text[0] > '9' || *end || strlen(text) > 19)
		return err_set(e, ERR_NOT_FOUND, NULL, "an operation's id is a revision's number");
	return 0;
}

static void operation_answer(struct request *r)
{
	struct err e = {0};
	uint64_t id;
	const struct operation *op = NULL;

	if (id_parse(r->args[0], &id, &e) == 0)
		op = control_operation(r->control, id, &e);
	if (op)
		request_answer_json(r, 200, operation_render(r->control, op));
	else
		request_answer_error(r, &e);
}

void operations_get(struct request *r)
{
	struct operation *op = NULL;
	struct err e = {0};
	uint64_t id, wait;

	if (request_query_uint(r, "wait", REQUEST_WAIT_MAX_S, 0, &wait, &e) == 0 &&
	    id_parse(r->args[0], &id, &e) == 0)
		op = control_operation(r->control, id, &e);
	if (op)
		request_wait_operation(r, op, wait, operation_answer);
	else
		request_answer_error(r, &e);
}

/* --- history ---------------------------------------------------------------------------------------------- */

static json_t *change_render(const struct request *r, const struct store_change *ch)
{
	char time[CLOCK_TEXT_MAX];

	return json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o?}", "revision",
			 (json_int_t)ch->revision, "kind", ch->kind, "name", ch->name, "verb",
			 ch->verb, "actor", ch->actor, "via", ch->via, "time",
			 clock_format(ch->time_us, time), "enforcedMs",
			 operation_ms_json(ch->enforced_ns), "document",
			 secret_hide(r, ch->kind, ch->name, ch->body));
}

struct history {
	const struct request *r;
	json_t *changes; /* NULL: only note where the last ones are */
	uint64_t limit;
	uint64_t *last; /* ring of the revisions of the last `limit` changes */
	uint64_t n;
};

static bool history_may(const struct history *h, const struct store_change *ch)
{
	return authz_may(&h->r->control->authz, &h->r->peer, RIGHT_VIEW, ch->name);
}

static int history_one(const struct store_change *ch, void *arg)
{
	struct history *h = arg;

	if (!history_may(h, ch))
		return 0;
	if (!h->changes) {
		h->last[h->n++ % h->limit] = ch->revision;
		return 0;
	}
	json_array_append_new(h->changes, change_render(h->r, ch));
	return json_array_size(h->changes) >= h->limit;
}

/* Without `after`, the latest are meant: find the revision before them. */
static int history_tail(struct history *h, const char *kind, const char *name, uint64_t *ret_after,
			struct err *e)
{
	int ret;

	*ret_after = 0;
	h->last = calloc(h->limit ? h->limit : 1, sizeof(*h->last));
	if (!h->last)
		return err_set(e, ERR_NOMEM, NULL, "out of memory");
	ret = store_history(h->r->control->store, 0, kind, name, 0, false, history_one, h, NULL, e);
	if (ret == 0 && h->n > h->limit)
		*ret_after = h->last[h->n % h->limit] - 1;
	free(h->last);
	return ret;
}

/* One change may hold more objects than the limit: the oldest of the first revision give way. */
static void history_trim(struct history *h)
{
	while (json_array_size(h->changes) > h->limit)
		json_array_remove(h->changes, 0);
}

static int history_collect(struct request *r, struct history *h, bool *ret_gap, struct err *e)
{
	const char *kind = request_query(r, "kind"), *name = request_query(r, "name");
	bool has_after = request_query(r, "after") != NULL;
	uint64_t after, limit;
	int ret = request_query_uint(r, "after", INT64_MAX, 0, &after, e);

	if (ret == 0)
		ret = request_query_uint(r, "limit", HISTORY_LIMIT_MAX, HISTORY_LIMIT_DEFAULT,
					 &h->limit, e);
	if (ret == 0 && h->limit == 0)
		ret = err_set(e, ERR_USAGE, "limit", "query parameter limit must be at least 1");
	if (ret == 0 && kind && !kind_find(kind))
		ret = err_set(e, ERR_USAGE, "kind", "there is no such kind");
	if (ret == 0 && name)
		ret = request_may_view(r, name, e);
	if (ret == 0)
		ret = control_store_check(r->control, e);
	if (ret == 0 && kind)
		kind = kind_find(kind)->name;
	if (ret == 0 && !has_after)
		ret = history_tail(h, kind, name, &after, e);
	if (ret < 0)
		return ret;
	h->changes = json_array();
	limit = h->limit;
	if (!has_after)
		h->limit = UINT64_MAX; /* to the end, then trimmed from the front */
	ret = store_history(r->control->store, after, kind, name, 0, true, history_one, h, ret_gap,
			    e);
	h->limit = limit;
	history_trim(h);
	return ret < 0 ? ret : 0;
}

void history_get(struct request *r)
{
	struct history h = {.r = r};
	struct err e = {0};
	bool gap = false;
	json_t *body;

	if (history_collect(r, &h, &gap, &e) < 0) {
		json_decref(h.changes);
		request_answer_error(r, &e);
		return;
	}
	body = json_pack("{s:o}", "changes", h.changes);
	if (gap)
		json_object_set_new(body, "incomplete", json_true());
	request_answer_json(r, 200, body);
}
