/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/networks.h"

#include "base/log.h"
#include "control/netd.h"
#include "model/kind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- loading ---------------------------------------------------------------------------------------------- */

struct load {
	struct landscape *l;
	size_t n_bad;
	struct err *e;
};

static int load_one(const struct store_object *o, void *arg)
{
	struct load *load = arg;
	enum object_kind kind = object_kind_find(o->kind);
	struct object *object;
	struct err e = {0};
	int r;

	if (kind == OBJECT_KIND_COUNT)
		return 0;
	r = landscape_put(load->l, kind, o->id, o->body, &object, &e);
	if (r == -ERR_NOMEM)
		return err_set(load->e, ERR_NOMEM, NULL, "out of memory");
	if (r < 0) {
		load->n_bad++;
		log_event(LOG_ERROR, "network.unreadable", LF_STR("kind", o->kind),
			  LF_STR("name", o->name), LF_STR("path", e.path), LF_STR("error", e.text));
	}
	return 0;
}

static int landscape_of(const struct options *o, struct landscape **ret_landscape, struct err *e)
{
	struct addr taken[LISTENERS_MAX], public[PUBLIC_MAX];
	size_t n = 0;
	int r = landscape_new(ret_landscape, e);

	for (size_t i = 0; i < o->n_listen; i++)
		if (o->listen[i].addr.hi || o->listen[i].addr.lo)
			taken[n++] = o->listen[i].addr;
	if (r == 0)
		r = landscape_set_taken(*ret_landscape, taken, n, e);
	if (r == 0)
		r = landscape_set_public(*ret_landscape, public,
					 options_public_addresses(o, public), e);
	if (r == 0)
		r = landscape_set_pool(*ret_landscape, o->public_pool, o->n_public_pool, e);
	return r;
}

int networks_load(const struct options *o, struct store *s, struct landscape **ret_landscape,
		  struct err *e)
{
	struct load load = {.e = e};
	int r = landscape_of(o, &load.l, e);

	if (r == 0) {
		landscape_begin(load.l);
		r = store_list(s, NULL, true, load_one, &load, e);
		if (r == 0)
			landscape_commit(load.l);
		else
			landscape_abort(load.l);
	}
	if (r < 0)
		landscape_free(load.l);
	else
		*ret_landscape = load.l;
	return r;
}

/* --- a change --------------------------------------------------------------------------------------------- */

static enum object_kind kind_of_item(const struct change_item *item)
{
	return object_kind_find(item->kind->name);
}

static int blame_item(const struct change_request *req, size_t i, int r, struct err *e)
{
	char under[24];

	snprintf(under, sizeof(under), "[%zu]", i);
	if (req->is_stream)
		err_under(e, under);
	return r;
}

static int blame_object(const struct change_request *req, const struct change_result *res,
			const struct object *o, int r, struct err *e)
{
	for (size_t i = 0; o && i < res->n_items; i++)
		if (kind_of_item(&res->items[i]) == o->kind &&
		    strcmp(res->items[i].name, o->name) == 0)
			return blame_item(req, i, r, e);
	return r;
}

/* Does what this document declares become something in the kernel? */
static bool needs_netd(const struct change_item *item)
{
	const json_t *private = json_object_get(item->after, "private");
	const char *kind = json_string_value(json_object_get(private, "kind"));

	if (!item->after || item->action == ITEM_UNCHANGED)
		return false;
	switch (kind_of_item(item)) {
	case OBJECT_CLUSTER:
		return kind && strcmp(kind, "none") != 0;
	case OBJECT_ZONE:
	case OBJECT_ZONE_LINK:
	case OBJECT_TSIG_KEY:
		return false;
	default:
		return true;
	}
}

/* Of a section "dns": is it one that asks for nothing? */
static bool is_without_dns(enum object_kind kind, const json_t *dns)
{
	const char *zone = json_string_value(json_object_get(dns, "zone"));

	if (json_object_size(dns) == 0)
		return true;
	if (kind == OBJECT_CLUSTER)
		return json_object_size(dns) == 1 && zone && strcmp(zone, "none") == 0;
	return json_is_false(json_object_get(dns, "enabled"));
}

/*
 * Is there somebody to tell the names that this document declares? A section that was there before keeps nobody from changing
 * the rest of its document.
 */
static int dns_check(const struct control *c, const struct change_item *item, struct err *e)
{
	static const char way_out[] =
		"this daemon has none: start it with --dns-listen, or with networks";
	const enum object_kind kind = kind_of_item(item);
	const json_t *dns = json_object_get(item->after, "dns");

	if (c->dns.n || !item->after || item->action == ITEM_UNCHANGED)
		return 0;
	if (kind == OBJECT_ZONE || kind == OBJECT_ZONE_LINK)
		return err_set(e, ERR_UNAVAILABLE, "kind", "a %s needs the name server, and %s",
			       item->kind->name, way_out);
	if (is_without_dns(kind, dns) || json_equal(dns, json_object_get(item->before, "dns")))
		return 0;
	return err_set(e, ERR_UNAVAILABLE, "dns",
		       "names other than the default ones need the name server, and %s; or leave "
		       "the section out",
		       way_out);
}

static int item_put(struct control *c, struct change_item *item, struct object **ret_object,
		    struct err *e)
{
	enum object_kind kind = kind_of_item(item);

	*ret_object = NULL;
	if (kind == OBJECT_KIND_COUNT || item->action == ITEM_UNCHANGED)
		return 0;
	if (item->action == ITEM_DELETE)
		return landscape_delete(c->landscape, kind, item->name, e);
	return landscape_put(c->landscape, kind, item->id, item->after, ret_object, e);
}

static int item_allocate(struct control *c, struct change_item *item, struct object *o,
			 struct err *e)
{
	int r = o ? landscape_allocate(c->landscape, o, item->before, item->after, e) : 0;

	if (r == 0 && item->action == ITEM_UPDATE && json_equal(item->before, item->after))
		item->action = ITEM_UNCHANGED;
	if (r == 0 && needs_netd(item))
		r = netd_check(c, e);
	if (r == 0)
		r = dns_check(c, item, e);
	return r;
}

static int items_into_landscape(struct control *c, const struct change_request *req,
				struct change_result *res, struct err *e)
{
	_cleanup_free_ struct object **objects = calloc(res->n_items, sizeof(struct object *));
	int r = 0;

	if (!objects)
		return err_set(e, ERR_NOMEM, NULL, "out of memory");
	for (size_t i = 0; i < res->n_items && r == 0; i++) {
		r = item_put(c, &res->items[i], &objects[i], e);
		if (r < 0)
			return blame_item(req, i, r, e);
	}
	/* Only now, when every subnet and every address that somebody chose is known. */
	for (size_t i = 0; i < res->n_items && r == 0; i++) {
		r = item_allocate(c, &res->items[i], objects[i], e);
		if (r < 0)
			return blame_item(req, i, r, e);
	}
	return r;
}

/* --- a cluster that goes by force leaves its private endpoints disconnected --------------------------------- */

struct orphans {
	struct control *c;
	struct change_result *res;
	struct err *e;
};

static bool is_in_change(const struct change_result *res, const struct object *o)
{
	for (size_t i = 0; i < res->n_items; i++)
		if (kind_of_item(&res->items[i]) == o->kind &&
		    strcmp(res->items[i].name, o->name) == 0)
			return true;
	return false;
}

static int orphan_add(struct orphans *os, const struct object *o)
{
	struct change_item *items =
		reallocarray(os->res->items, os->res->n_items + 1, sizeof(*items));
	struct change_item item = {.kind = kind_find(object_kind_text(o->kind)),
				   .action = ITEM_UPDATE};
	struct store_object stored = {0};
	int r;

	if (!items)
		return err_set(os->e, ERR_NOMEM, NULL, "out of memory");
	os->res->items = items;
	snprintf(item.name, sizeof(item.name), "%s", o->name);
	r = store_get(os->c->store, item.kind->name, item.name, &stored, os->e);
	if (r < 0)
		return r;
	item.expect = stored.revision;
	item.id = stored.id;
	item.before = json_incref(stored.body);
	item.after = json_deep_copy(stored.body);
	store_object_done(&stored);
	items[os->res->n_items++] = item;
	if (!item.after ||
	    json_object_set_new(item.after, "state", json_string("disconnected")) < 0)
		return err_set(os->e, ERR_NOMEM, NULL, "out of memory");
	return 0;
}

static int orphans_add(struct orphans *os, const struct change_item *item)
{
	const struct object *cluster = landscape_find(os->c->landscape, OBJECT_CLUSTER, item->name);
	int r = 0;

	for (size_t i = 0; cluster && i < cluster->n_referrers && r == 0; i++) {
		const struct object *o = cluster->referrers[i];
		const struct private_endpoint *pe = object_private_endpoint(o);

		if (pe && pe->state == ENDPOINT_APPROVED && !is_in_change(os->res, o))
			r = orphan_add(os, o);
	}
	return r;
}

static int clusters_disconnect(struct control *c, const struct change_request *req,
			       struct change_result *res, struct err *e)
{
	struct orphans os = {c, res, e};
	const size_t n = res->n_items;
	int r = 0;

	if (req->verb != CHANGE_DELETE || !req->force)
		return 0;
	for (size_t i = 0; i < n && r == 0; i++) {
		const struct change_item item = res->items[i]; /* the list moves as it grows */

		if (kind_of_item(&item) == OBJECT_CLUSTER)
			r = orphans_add(&os, &item);
	}
	return r;
}

int networks_prepare(struct control *c, const struct change_request *req, struct change_result *res,
		     struct err *e)
{
	const struct object *blame = NULL;
	int r;

	landscape_begin(c->landscape);
	r = clusters_disconnect(c, req, res, e);
	if (r == 0)
		r = items_into_landscape(c, req, res, e);
	if (r < 0)
		return r;
	r = landscape_check(c->landscape, req->force, &blame, e);
	return r < 0 ? blame_object(req, res, blame, r, e) : 0;
}

void networks_undo(struct control *c)
{
	landscape_abort(c->landscape);
}

void networks_stored(struct control *c, const struct change_result *res)
{
	for (size_t i = 0; i < res->n_items; i++) {
		const struct change_item *item = &res->items[i];
		enum object_kind kind = kind_of_item(item);
		struct object *o;

		if (kind == OBJECT_KIND_COUNT || item->action != ITEM_CREATE)
			continue;
		o = landscape_find(c->landscape, kind, item->name);
		if (o)
			landscape_set_id(c->landscape, o, item->id);
	}
}

void networks_done(struct control *c)
{
	landscape_commit(c->landscape);
}
