/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What all changes share: query parameters, the answer, waiting for enforcement. */
#include "api/native/routes.h"
#include "control/secret.h"
#include "model/diff.h"

#include <stdlib.h>

#define WAIT_DEFAULT_S 10

int change_request_take(const struct request *r, struct change_request *ret_req, struct err *e)
{
	struct change_request req = {
		.verb = CHANGE_PUT,
		.is_stream = true,
		.expect = STORE_ANY,
		.peer = &r->peer,
		.via = "native",
		.received_ns = r->received_ns,
	};
	uint64_t wait;
	int ret = request_query_bool(r, "force", &req.force, e);

	if (ret == 0)
		ret = request_query_bool(r, "dryRun", &req.dry_run, e);
	/* Looked at again in change_do(), but a bad one must be refused before anything has changed. */
	if (ret == 0)
		ret = request_query_uint(r, "wait", REQUEST_WAIT_MAX_S, 0, &wait, e);
	if (ret == 0)
		*ret_req = req;
	return ret;
}

json_t *operation_render(const struct control *c, const struct operation *op)
{
	struct operation_waiting w = {0};

	if (!op->is_done) {
		w.n_gates = control_waiting_for(&c->gates, op->revision, w.gates);
		w.n_dns = control_waiting_for(&c->dns, op->revision, w.dns);
		if (netd_is_awaited(&c->netd, op->revision))
			w.netd = netd_waiting_json(&c->netd);
	}
	return operation_json(op, &w);
}

static json_t *item_render(const struct change_item *item)
{
	json_t *before, *after, *diff;

	secret_mask(item, &before, &after);
	diff = item->action == ITEM_UNCHANGED ? json_array() : document_diff(before, after);
	json_decref(before);
	json_decref(after);
	return json_pack("{s:s, s:s, s:s, s:o}", "kind", item->kind->name, "name", item->name,
			 "action", change_action_text(item), "diff", diff);
}

static json_t *result_render(const struct change_result *res)
{
	json_t *changes = json_array();

	for (size_t i = 0; i < res->n_items; i++)
		json_array_append_new(changes, item_render(&res->items[i]));
	return json_pack("{s:b, s:I, s:o, s:n}", "dryRun", res->is_dry_run, "revision",
			 (json_int_t)res->revision, "changes", changes, "operation");
}

/* Kept while waiting. */
struct pending {
	json_t *result;
	uint64_t revision;
};

static void pending_free(void *state)
{
	struct pending *p = state;

	json_decref(p->result);
	free(p);
}

/* The figures are taken now: enforced, or the wait is over. */
static void change_waited(struct request *r)
{
	struct pending *p = r->state;
	const struct operation *op = operation_find(&r->control->operations, p->revision);

	if (op)
		json_object_set_new(p->result, "operation", operation_render(r->control, op));
	request_answer_json(r, op && op->is_done ? 200 : 202, json_incref(p->result));
}

void change_do(struct request *r, const struct change_request *req)
{
	struct change_result res;
	struct pending *p;
	struct err e = {0};
	uint64_t wait;

	if (request_query_uint(r, "wait", REQUEST_WAIT_MAX_S, WAIT_DEFAULT_S, &wait, &e) < 0 ||
	    change_apply(r->control, req, &res, &e) < 0) {
		request_answer_error(r, &e);
		return;
	}
	p = calloc(1, sizeof(*p));
	if (!p) {
		/* Changed, but there is no memory to say so: the connection ends without an answer. */
		change_result_done(&res);
		request_answer_json(r, 500, NULL);
		return;
	}
	p->result = result_render(&res);
	p->revision = res.revision;
	r->state = p;
	r->state_free = pending_free;
	if (res.has_operation)
		request_wait_operation(r, operation_find(&r->control->operations, res.revision),
				       wait, change_waited);
	else
		request_answer_json(r, 200, json_incref(p->result));
	change_result_done(&res);
}
