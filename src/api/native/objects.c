/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Objects of any kind by their URL: /v1/PLURAL and /v1/PLURAL/NAME. */
#include "api/native/routes.h"
#include "base/clock.h"
#include "control/secret.h"
#include "model/merge_patch.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int kind_take(const struct request *r, const struct kind **ret_kind, struct err *e)
{
	const struct kind *k = kind_find(r->args[0]);

	/* "/v1/cluster" is not a second address for "/v1/clusters". */
	if (!k || strcmp(k->plural, r->args[0]) != 0) {
		err_set(e, ERR_NOT_FOUND, NULL, "there is nothing at this path");
		return -ERR_NOT_FOUND;
	}
	*ret_kind = k;
	return 0;
}

/* --- rendering -------------------------------------------------------------------------------------------- */

json_t *object_render(const struct request *r, const struct store_object *o,
		      const struct cluster_figures *figures)
{
	char created[CLOCK_TEXT_MAX], updated[CLOCK_TEXT_MAX];
	json_t *status = object_status(r, o, figures);
	json_t *object =
		json_pack("{s:s, s:s, s:I, s:I, s:s, s:s, s:o}", "kind", o->kind, "name", o->name,
			  "id", (json_int_t)o->id, "revision", (json_int_t)o->revision, "createdAt",
			  clock_format(o->created_us, created), "updatedAt",
			  clock_format(o->updated_us, updated), "document",
			  secret_hide(r, o->kind, o->name, o->body));

	if (status)
		json_object_set_new(object, "status", status);
	if (figures && figures->is_incomplete)
		json_object_set_new(object, "incomplete", json_true());
	return object;
}

/* --- reading ---------------------------------------------------------------------------------------------- */

struct listing {
	const struct request *r;
	const struct cluster_figures *figures; /* NULL: of a kind that has none */
	json_t *items;
};

static int list_one(const struct store_object *o, void *arg)
{
	struct listing *l = arg;

	/* What the caller may not see is not there. */
	if (authz_may(&l->r->control->authz, &l->r->peer, RIGHT_VIEW, o->name))
		json_array_append_new(l->items, object_render(l->r, o, l->figures));
	return 0;
}

static void list_send(struct request *r, const struct cluster_figures *figures)
{
	struct control *c = r->control;
	struct listing l = {r, figures, json_array()};
	struct err e = {0};
	json_t *body;

	if (control_store_check(c, &e) < 0 ||
	    store_list(c->store, kind_find(r->args[0])->name, true, list_one, &l, &e) < 0) {
		request_answer_error(r, &e);
		json_decref(l.items);
		return;
	}
	body = json_pack("{s:I, s:o}", "revision", (json_int_t)store_revision(c->store), "items",
			 l.items);
	if (figures && figures->is_incomplete)
		json_object_set_new(body, "incomplete", json_true());
	request_answer_json(r, 200, body);
}

static void get_send(struct request *r, const struct cluster_figures *figures)
{
	struct control *c = r->control;
	struct store_object o = {0};
	struct err e = {0};
	char etag[32];

	if (control_store_check(c, &e) < 0 ||
	    store_get(c->store, kind_find(r->args[0])->name, r->args[1], &o, &e) < 0) {
		request_answer_error(r, &e);
		return;
	}
	snprintf(etag, sizeof(etag), "\"%" PRIu64 "\"", o.revision);
	request_answer_json_header(r, 200, object_render(r, &o, figures), "ETag", etag);
	store_object_done(&o);
}

typedef void send_fn(struct request *r, const struct cluster_figures *figures);

static void dumped(struct dump *d, struct request *r, send_fn *send)
{
	struct cluster_figures figures = {0};
	struct err e = {0};

	if (cluster_figures_sum(d, r->control->index.cap, &figures) < 0) {
		err_set(&e, ERR_NOMEM, NULL, "out of memory");
		request_answer_error(r, &e);
	} else {
		send(r, &figures);
	}
	cluster_figures_done(&figures);
}

static void list_dumped(struct dump *d, void *arg)
{
	dumped(d, arg, list_send);
}

static void get_dumped(struct dump *d, void *arg)
{
	dumped(d, arg, get_send);
}

/* Only of clusters the gates have figures: for other kinds nobody waits for them. */
static int ask_or_send(struct request *r, const struct kind *kind,
		       void (*asked)(struct dump *, void *), send_fn *send, struct err *e)
{
	if (strcmp(kind->name, "cluster") == 0)
		return dumps_start(&r->control->dumps, DUMP_CLUSTERS, asked, r, e);
	send(r, NULL);
	return 0;
}

void objects_list(struct request *r)
{
	const struct kind *kind;
	struct err e = {0};

	if (kind_take(r, &kind, &e) < 0 || control_store_check(r->control, &e) < 0 ||
	    ask_or_send(r, kind, list_dumped, list_send, &e) < 0)
		request_answer_error(r, &e);
}

void objects_get(struct request *r)
{
	const struct kind *kind;
	struct err e = {0};

	if (kind_take(r, &kind, &e) < 0 || request_may_view(r, r->args[1], &e) < 0 ||
	    control_store_check(r->control, &e) < 0 ||
	    ask_or_send(r, kind, get_dumped, get_send, &e) < 0)
		request_answer_error(r, &e);
}

/* --- changing --------------------------------------------------------------------------------------------- */

/* The one document of the body. New reference. */
static int document_take(const struct request *r, json_t **ret_doc, struct err *e)
{
	json_t *docs;
	int ret = request_documents(r, &docs, e);

	if (ret < 0) {
		/* There is one document only: no need to say which. */
		if (strcmp(e->path, "[0]") == 0)
			e->path[0] = '\0';
		return ret;
	}
	if (json_array_size(docs) == 1)
		*ret_doc = json_incref(json_array_get(docs, 0));
	else
		ret = err_set(
			e, ERR_INVALID, NULL,
			"the body must be one document, and is %zu; POST /v1/apply takes many",
			json_array_size(docs));
	json_decref(docs);
	return ret;
}

/* The URL names the object: the document may leave kind and name out, but not say otherwise. */
static int document_is_of_url(const struct request *r, const struct kind *kind, json_t *doc,
			      struct err *e)
{
	const struct {
		const char *key, *value;
	} given[] = {{"kind", kind->name}, {"name", r->args[1]}};

	for (size_t i = 0; i < ARRAY_SIZE(given); i++) {
		const json_t *value = json_object_get(doc, given[i].key);

		if (!value &&
		    json_object_set_new(doc, given[i].key, json_string(given[i].value)) < 0)
			return err_set(e, ERR_NOMEM, NULL, "out of memory");
		if (value && (!json_is_string(value) ||
			      strcmp(json_string_value(value), given[i].value) != 0))
			return err_set(e, ERR_INVALID, given[i].key,
				       "the document's %s is not the one in the URL", given[i].key);
	}
	return 0;
}

/* doc is taken. */
static void object_change(struct request *r, struct change_request *req, json_t *doc)
{
	req->is_stream = false;
	req->documents = json_pack("[o]", doc);
	change_do(r, req);
	json_decref(req->documents);
}

void objects_put(struct request *r)
{
	struct change_request req;
	const struct kind *kind;
	json_t *doc = NULL;
	struct err e = {0};

	if (kind_take(r, &kind, &e) < 0 || change_request_take(r, &req, &e) < 0 ||
	    request_expect(r, &req.expect, &e) < 0 || document_take(r, &doc, &e) < 0 ||
	    document_is_of_url(r, kind, doc, &e) < 0) {
		json_decref(doc);
		request_answer_error(r, &e);
		return;
	}
	object_change(r, &req, doc);
}

static int object_patched(struct request *r, const struct kind *kind, struct change_request *req,
			  json_t **ret_doc, struct err *e)
{
	struct store_object o = {0};
	json_t *patch = NULL;
	int ret = control_store_check(r->control, e);

	if (ret == 0)
		ret = request_may_view(r, r->args[1], e);
	if (ret == 0)
		ret = document_take(r, &patch, e);
	if (ret == 0)
		ret = store_get(r->control->store, kind->name, r->args[1], &o, e);
	if (ret == 0) {
		*ret_doc = document_merge_patch(o.body, patch);
		if (!*ret_doc)
			ret = err_set(e, ERR_NOMEM, NULL, "out of memory");
		else if (req->expect == STORE_ANY)
			req->expect = o.revision;
	}
	store_object_done(&o);
	json_decref(patch);
	return ret;
}

void objects_patch(struct request *r)
{
	struct change_request req;
	const struct kind *kind;
	json_t *doc = NULL;
	struct err e = {0};

	if (kind_take(r, &kind, &e) < 0 || change_request_take(r, &req, &e) < 0 ||
	    request_expect(r, &req.expect, &e) < 0 || object_patched(r, kind, &req, &doc, &e) < 0 ||
	    document_is_of_url(r, kind, doc, &e) < 0) {
		json_decref(doc);
		request_answer_error(r, &e);
		return;
	}
	object_change(r, &req, doc);
}

void objects_delete(struct request *r)
{
	struct change_request req;
	const struct kind *kind;
	struct err e = {0};

	if (kind_take(r, &kind, &e) < 0 || change_request_take(r, &req, &e) < 0 ||
	    request_expect(r, &req.expect, &e) < 0) {
		request_answer_error(r, &e);
		return;
	}
	req.verb = CHANGE_DELETE;
	object_change(r, &req, json_pack("{s:s, s:s}", "kind", kind->name, "name", r->args[1]));
}

static void stream_post(struct request *r, enum change_verb verb)
{
	struct change_request req;
	struct err e = {0};

	if (change_request_take(r, &req, &e) < 0 || request_documents(r, &req.documents, &e) < 0) {
		request_answer_error(r, &e);
		return;
	}
	req.verb = verb;
	change_do(r, &req);
	json_decref(req.documents);
}

void apply_post(struct request *r)
{
	stream_post(r, CHANGE_PUT);
}

void delete_post(struct request *r)
{
	stream_post(r, CHANGE_DELETE);
}
