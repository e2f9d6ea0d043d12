/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/change.h"

#include "base/clock.h"
#include "base/log.h"
#include "compile/compile.h"
#include "control/networks.h"
#include "control/secret.h"
#include "control/tables_keep.h"
#include "model/kind.h"
#include "model/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More changed objects than this in one change: one event for all of them, so that they do not push out the rest. */
#define EVENTS_PER_CHANGE 16

const char *change_action_text(const struct change_item *item)
{
	static const char *const text[] = {
		[ITEM_CREATE] = "create",
		[ITEM_UPDATE] = "update",
		[ITEM_DELETE] = "delete",
		[ITEM_UNCHANGED] = "unchanged",
	};

	return text[item->action];
}

void change_result_done(struct change_result *res)
{
	for (size_t i = 0; i < res->n_items; i++) {
		json_decref(res->items[i].before);
		json_decref(res->items[i].after);
	}
	free(res->items);
	memset(res, 0, sizeof(*res));
}

/* --- checking --------------------------------------------------------------------------------------------- */

static int expect_failed(const struct change_item *item, uint64_t expect, uint64_t at,
			 struct err *e)
{
	if (expect == 0)
		return err_set(e, ERR_CONFLICT, NULL, "%s \"%s\" exists already, at revision %llu",
			       item->kind->name, item->name, (unsigned long long)at);
	if (at == 0)
		return err_set(
			e, ERR_CONFLICT, NULL,
			"%s \"%s\" does not exist, and this change expects it at revision %llu",
			item->kind->name, item->name, (unsigned long long)expect);
	return err_set(e, ERR_CONFLICT, NULL,
		       "%s \"%s\" is at revision %llu, not at %llu as this change expects; "
		       "read it again and decide anew",
		       item->kind->name, item->name, (unsigned long long)at,
		       (unsigned long long)expect);
}

/* What is there now, and is it at the revision that the caller expects? */
static int item_load(struct control *c, const struct change_request *req, struct change_item *item,
		     struct err *e)
{
	struct store_object o = {0};
	int r = store_get(c->store, item->kind->name, item->name, &o, e);
	uint64_t at = 0;

	if (r == 0) {
		at = o.revision;
		item->before = json_incref(o.body);
		item->id = o.id;
		store_object_done(&o);
	} else if (r != -ERR_NOT_FOUND) {
		return r;
	} else if (req->verb == CHANGE_DELETE) {
		return err_set(e, ERR_NOT_FOUND, NULL, "there is no %s \"%s\"", item->kind->name,
			       item->name);
	}
	if (req->expect != STORE_ANY && req->expect != at)
		return expect_failed(item, req->expect, at, e);
	item->expect = at;
	return 0;
}

static int item_prepare(struct control *c, const struct change_request *req, const json_t *doc,
			struct change_item *item, struct err *e)
{
	const char *name;
	int r = kind_of(doc, &item->kind, &name, e);

	if (r < 0)
		return r;
	snprintf(item->name, sizeof(item->name), "%s", name);
	r = req->actor ? 0 : authz_check(&c->authz, req->peer, RIGHT_CHANGE, item->name, e);
	if (r < 0)
		return r;
	if (req->verb == CHANGE_PUT) {
		r = item->kind->check(doc, req->force, e);
		if (r < 0)
			return r;
		item->after = kind_normalize(item->kind, doc);
		if (!item->after)
			return err_set(e, ERR_NOMEM, NULL, "out of memory");
	}
	r = item_load(c, req, item, e);
	if (r == 0)
		r = secret_fill(item, e);
	if (r < 0)
		return r;
	if (!item->after)
		item->action = ITEM_DELETE;
	else if (!item->before)
		item->action = ITEM_CREATE;
	else
		item->action = json_equal(item->before, item->after) ? ITEM_UNCHANGED : ITEM_UPDATE;
	return 0;
}

/* The same object twice in one stream: which of them is meant? */
static int seen_check(json_t *seen, const struct change_item *item, struct err *e)
{
	char key[128];

	snprintf(key, sizeof(key), "%s/%s", item->kind->name, item->name);
	if (json_object_get(seen, key))
		return err_set(e, ERR_INVALID, "name", "%s \"%s\" comes twice in this stream",
			       item->kind->name, item->name);
	json_object_set_new(seen, key, json_true());
	return 0;
}

static int items_prepare(struct control *c, const struct change_request *req,
			 struct change_result *res, struct err *e)
{
	json_t *seen = json_object();
	const json_t *doc;
	char under[24];
	size_t i;
	int r = 0;

	json_array_foreach(req->documents, i, doc)
	{
		r = item_prepare(c, req, doc, &res->items[i], e);
		res->n_items = i + 1; /* a half-prepared one is freed too */
		if (r == 0)
			r = seen_check(seen, &res->items[i], e);
		if (r < 0) {
			snprintf(under, sizeof(under), "[%zu]", i);
			if (req->is_stream)
				err_under(e, under);
			break;
		}
	}
	json_decref(seen);
	return r;
}

static size_t items_changed(const struct change_result *res)
{
	size_t n = 0;

	for (size_t i = 0; i < res->n_items; i++)
		n += res->items[i].action != ITEM_UNCHANGED;
	return n;
}

static bool item_is_cluster(const struct change_item *item)
{
	return strcmp(item->kind->name, "cluster") == 0 && item->action != ITEM_UNCHANGED;
}

/* "cluster"s that this change alters or deletes: the names that they had are free. */
static json_t *touched_ids(const struct change_result *res)
{
	json_t *ids = json_object();
	char key[16];

	for (size_t i = 0; i < res->n_items; i++) {
		if (!item_is_cluster(&res->items[i]) || !res->items[i].before)
			continue;
		snprintf(key, sizeof(key), "%u", res->items[i].id);
		json_object_set_new(ids, key, json_true());
	}
	return ids;
}

static int name_claim(struct control *c, json_t *claims, const json_t *touched,
		      const struct change_item *item, const char *server, struct err *e)
{
	const char *rival = json_string_value(json_object_get(claims, server));
	const struct index_cluster *owner = index_find_server(&c->index, server);
	char key[16];

	if (!rival && owner && owner->id != item->id) {
		snprintf(key, sizeof(key), "%u", owner->id);
		if (!json_object_get(touched, key))
			rival = owner->name;
	}
	if (rival && strcmp(rival, item->name) != 0)
		return err_set(e, ERR_CONFLICT, "public",
			       "server name \"%s\" of cluster \"%s\" belongs to cluster \"%s\" "
			       "already; a server name leads to one cluster",
			       server, item->name, rival);
	json_object_set_new(claims, server, json_string(item->name));
	return 0;
}

/* A server name leads to one cluster, over all clusters as they will be after this change. */
static int names_check(struct control *c, const struct change_request *req,
		       const struct change_result *res, struct err *e)
{
	json_t *claims = json_object(), *touched = touched_ids(res);
	int r = 0;

	for (size_t i = 0; i < res->n_items && r == 0; i++) {
		const struct change_item *item = &res->items[i];
		json_t *names;
		const json_t *server;
		size_t k;

		if (!item_is_cluster(item) || !item->after)
			continue;
		names = cluster_server_names(item->after);
		json_array_foreach(names, k, server)
		{
			r = name_claim(c, claims, touched, item, json_string_value(server), e);
			if (r < 0)
				break;
		}
		json_decref(names);
		if (r < 0 && req->is_stream) {
			char under[24];

			snprintf(under, sizeof(under), "[%zu]", i);
			err_under(e, under);
		}
	}
	json_decref(claims);
	json_decref(touched);
	return r;
}

static int limits_check(const struct control *c, const struct change_result *res, struct err *e)
{
	size_t n = c->index.n_clusters, before = n;

	for (size_t i = 0; i < res->n_items; i++) {
		if (!item_is_cluster(&res->items[i]))
			continue;
		n += res->items[i].action == ITEM_CREATE;
		n -= res->items[i].action == ITEM_DELETE;
	}
	if (n > before && n > limit_get(LIMIT_CLUSTERS))
		return err_set(e, ERR_TOO_LARGE, NULL,
			       "this would make %zu clusters, the limit is %u", n,
			       limit_get(LIMIT_CLUSTERS));
	return 0;
}

static const char *change_actor(const struct change_request *req, char dst[ACTOR_TEXT_MAX])
{
	if (!req->actor)
		return authz_actor(req->peer, dst);
	snprintf(dst, ACTOR_TEXT_MAX, "%s", req->actor);
	return dst;
}

/* --- doing ------------------------------------------------------------------------------------------------ */

static int item_store(struct control *c, struct change_item *item, struct err *e)
{
	if (item->action == ITEM_UNCHANGED)
		return 0;
	if (item->action == ITEM_DELETE)
		return store_delete(c->store, item->kind->name, item->name, item->expect, &item->id,
				    e);
	return store_put(c->store, item->kind->name, item->name, item->expect, item->after,
			 &item->id, e);
}

static int items_store(struct control *c, const struct change_request *req,
		       struct change_result *res, struct err *e)
{
	char actor[ACTOR_TEXT_MAX];
	struct store_change_meta meta = {.actor = change_actor(req, actor), .via = req->via};
	int r = store_begin(c->store, &meta, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < res->n_items; i++) {
		r = item_store(c, &res->items[i], e);
		if (r < 0) {
			store_abort(c->store);
			return r;
		}
	}
	return store_commit(c->store, &res->revision, e);
}

/* Old names first: within one change a name may move from one cluster to another. */
static void items_index(struct control *c, const struct change_result *res)
{
	struct err e;

	for (size_t i = 0; i < res->n_items; i++)
		if (item_is_cluster(&res->items[i]) && res->items[i].before)
			index_delete(&c->index, res->items[i].id);
	for (size_t i = 0; i < res->n_items; i++) {
		const struct change_item *item = &res->items[i];

		if (!item_is_cluster(item) || !item->after)
			continue;
		if (index_put(&c->index, item->id, item->after, &e) < 0)
			log_event(LOG_ERROR, "index.put", LF_STR("cluster", item->name),
				  LF_STR("error", e.text));
	}
}

static void items_compile(struct control *c, const struct change_result *res)
{
	struct compile_change *changes = calloc(res->n_items, sizeof(*changes));
	size_t n = 0;

	for (size_t i = 0; changes && i < res->n_items; i++) {
		const struct change_item *item = &res->items[i];

		if (item->action == ITEM_UNCHANGED)
			continue;
		changes[n++] = (struct compile_change){
			.id = item->id, .before = item->before, .after = item->after};
	}
	tables_keep_change(c, changes, changes ? n : 0, res->revision);
	free(changes);
}

static void items_tell(struct control *c, const struct change_request *req,
		       const struct change_result *res)
{
	char actor[ACTOR_TEXT_MAX];

	change_actor(req, actor);
	log_event(LOG_INFO, "change", LF_UINT("revision", res->revision), LF_STR("actor", actor),
		  LF_UINT("objects", res->n_changed), LF_STR("first", res->items[0].name));
	if (res->n_changed > EVENTS_PER_CHANGE) {
		events_own(c, &(struct own_event){.event = "change",
						  .actor = actor,
						  .revision = res->revision,
						  .changes = res->n_changed});
		return;
	}
	for (size_t i = 0; i < res->n_items; i++) {
		const struct change_item *item = &res->items[i];

		if (item->action == ITEM_UNCHANGED)
			continue;
		events_own(c, &(struct own_event){
				      .event = "change",
				      .cluster = item_is_cluster(item) ? item->name : NULL,
				      .kind = item->kind->name,
				      .name = item->name,
				      .action = change_action_text(item),
				      .actor = actor,
				      .revision = res->revision,
			      });
	}
}

static int change_commit(struct control *c, const struct change_request *req,
			 struct change_result *res, struct err *e)
{
	uint64_t accepted_us = clock_wall_us();
	int r = items_store(c, req, res, e);

	if (r < 0) {
		if (r == -ERR_UNAVAILABLE)
			control_store_down(c, e->text);
		return r;
	}
	control_store_up(c);
	/* Out of memory here costs the operation's figures, not the change. */
	(void)operation_begin(&c->operations, res->revision, accepted_us, req->received_ns);
	networks_stored(c, res);
	items_index(c, res);
	items_tell(c, req, res);
	items_compile(c, res);
	networks_done(c);
	res->has_operation = true;
	return 0;
}

static int change_try(struct control *c, const struct change_request *req,
		      struct change_result *res, struct err *e)
{
	int r = networks_prepare(c, req, res, e);

	res->n_changed = items_changed(res);
	if (r == 0)
		r = names_check(c, req, res, e);
	if (r == 0)
		r = limits_check(c, res, e);
	if (r == 0 && res->n_changed && !req->dry_run)
		r = change_commit(c, req, res, e);
	if (!res->has_operation)
		networks_undo(c);
	return r;
}

int change_apply(struct control *c, const struct change_request *req,
		 struct change_result *ret_result, struct err *e)
{
	struct change_result res = {.is_dry_run = req->dry_run};
	size_t n = json_array_size(req->documents);
	int r = control_store_check(c, e);

	if (r < 0)
		return r;
	if (n == 0)
		return err_set(e, ERR_INVALID, NULL, "there is no document in the request");
	res.items = calloc(n, sizeof(*res.items));
	if (!res.items)
		return err_set(e, ERR_NOMEM, NULL, "out of memory");
	res.revision = store_revision(c->store);
	r = items_prepare(c, req, &res, e);
	if (r == 0)
		r = change_try(c, req, &res, e);
	if (r < 0)
		change_result_done(&res);
	else
		*ret_result = res;
	return r;
}
