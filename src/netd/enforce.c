/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "netd/netd_int.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- sets of ids ------------------------------------------------------------------------------------------ */

static bool id_add(uint32_t **ids, size_t *n, size_t *cap, uint32_t id)
{
	for (size_t i = 0; i < *n; i++)
		if ((*ids)[i] == id)
			return true;
	if (*n == *cap) {
		size_t more = *cap ? *cap * 2 : 16;
		uint32_t *p = reallocarray(*ids, more, sizeof *p);

		if (!p)
			return false;
		*ids = p;
		*cap = more;
	}
	(*ids)[(*n)++] = id;
	return true;
}

struct ids {
	uint32_t *ids;
	size_t n, cap;
};

static int id_collect(uint32_t id, void *arg)
{
	struct ids *c = arg;

	if (c->n == c->cap) {
		size_t more = c->cap ? c->cap * 2 : 64;
		uint32_t *p = reallocarray(c->ids, more, sizeof *p);

		if (!p)
			return -ERR_NOMEM;
		c->ids = p;
		c->cap = more;
	}
	c->ids[c->n++] = id;
	return 0;
}

static int id_by(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void ids_sort(struct ids *c)
{
	size_t kept = 0;

	if (c->n)
		qsort(c->ids, c->n, sizeof *c->ids, id_by);
	for (size_t i = 0; i < c->n; i++)
		if (!kept || c->ids[kept - 1] != c->ids[i])
			c->ids[kept++] = c->ids[i];
	c->n = kept;
}

/* --- one router ------------------------------------------------------------------------------------------- */

static void failure(struct netd *n, uint32_t id, const struct err *e)
{
	if (!n->reason[0])
		msg_text_put(n->reason, e->text);
	log_event(LOG_WARN, "networks.failed", LF_UINT("router", id), LF_STR("reason", e->text));
	if (!id || !id_add(&n->failed, &n->n_failed, &n->cap_failed, id))
		n->internet_failed = true; /* so that it is not forgotten */
}

struct watching {
	struct netd *netd;
	uint32_t router;
};

static int namespace_watch(const char *name, enum ns_kind kind, void *arg)
{
	const struct watching *w = arg;
	struct err e = {0};
	_cleanup_close_ int fd = netns_open(routers_netns(w->netd->routers), name, false, &e);
	int ret = fd < 0 ? 0 : drift_watch(&w->netd->drift, fd, w->router, kind == NS_ROUTER);

	/* Without it, the round over all routers finds what changed, later. */
	if (ret)
		log_event(LOG_WARN, "drift.deaf", LF_STR("namespace", name),
			  LF_STR("reason", strerror(-ret)));
	return 0;
}

static int router_gone(struct netd *n, uint32_t id, struct routers_report *report, struct err *e)
{
	int ret = sockets_remove(&n->sockets, id, link_tell_endpoint, n);
	int removed = routers_remove(n->routers, id, report, e);

	guests_forget(&n->guests, id);
	if (ret && !removed)
		removed =
			err_set(e, ERR_UNAVAILABLE, NULL,
				"telling the parent of sockets that are gone: %s", strerror(-ret));
	return removed;
}

/* As the tables have it: made, or removed; of ids that are no router's nothing is done. 0, or it has to be tried again. */
static int router_enforce(struct netd *n, struct tables_snapshot *s, uint32_t id, bool audit,
			  struct routers_report *report, struct err *e)
{
	struct tables_network record;
	struct watching w = {n, id};
	char namespace[NS_NAME_MAX];
	int ret = tables_get_network(s, id, &record), listening;

	if (ret == -ERR_NOT_FOUND)
		return routers_has(n->routers, id) ? router_gone(n, id, report, e) : 0;
	if (ret)
		return err_set(e, ERR_UNAVAILABLE, NULL, "the tables of router %u cannot be read",
			       id);
	if (n->lacks[0]) {
		tables_network_done(&record);
		return err_set(e, ERR_UNSUPPORTED, NULL, "%s", n->lacks);
	}
	guests_settle(&n->guests, &record);
	ret = routers_apply(n->routers, &record, audit, report, e);
	names_router(routers_names(n->routers), record.kind, record.name, namespace);
	listening = sockets_apply(&n->sockets, namespace, &record, link_tell_endpoint, n,
				  ret ? NULL : e);
	routers_each_ns(n->routers, id, namespace_watch, &w);
	tables_network_done(&record);
	return ret ? ret : listening;
}

static bool is_in_tables(struct tables_snapshot *s, uint32_t id)
{
	struct tables_network record;
	int ret = tables_get_network(s, id, &record);

	if (!ret)
		tables_network_done(&record);
	return ret != -ERR_NOT_FOUND;
}

/*
 * Those that went before those that came: names and addresses may have moved from one to the other. Of ids that are no router's
 * nothing is left in the list.
 */
static void ids_order(const struct netd *n, struct tables_snapshot *s, struct ids *ids)
{
	size_t gone = 0, kept = 0;

	for (size_t i = 0; i < ids->n; i++) {
		uint32_t id = ids->ids[i];
		bool is_there = is_in_tables(s, id);

		if (!is_there && !routers_has(n->routers, id))
			continue;
		ids->ids[kept++] = id;
		if (!is_there) {
			ids->ids[kept - 1] = ids->ids[gone];
			ids->ids[gone++] = id;
		}
	}
	ids->n = kept;
}

static void ids_enforce(struct netd *n, struct tables_snapshot *s, struct ids *ids, bool audit,
			struct routers_report *report)
{
	ids_order(n, s, ids);
	n->done = 0;
	n->total = (uint32_t)ids->n;
	for (size_t i = 0; i < ids->n; i++) {
		struct err e = {0};

		if (router_enforce(n, s, ids->ids[i], audit, report, &e))
			failure(n, ids->ids[i], &e);
		n->done++;
		link_progress(n);
	}
}

static void returned_add(uint32_t router, void *arg)
{
	/* Without memory, the next look finds it. */
	(void)id_collect(router, arg);
}

/* One router may have given back what another wants. */
static void returned_enforce(struct netd *n, struct tables_snapshot *s,
			     struct routers_report *report)
{
	struct ids ids = {0};

	guests_look_returned(&n->guests, returned_add, &ids);
	ids_sort(&ids);
	if (ids.n)
		ids_enforce(n, s, &ids, true, report);
	free(ids.ids);
}

/* --- a generation ----------------------------------------------------------------------------------------- */

static int known_collect(const struct netd *n, struct ids *ids)
{
	for (uint32_t id = 0; (id = routers_next(n->routers, id)) != 0;)
		if (id_collect(id, ids))
			return -ERR_NOMEM;
	return 0;
}

/* What changed since the generation that was applied, or everything. */
static int changes_collect(struct netd *n, struct tables_snapshot *s, bool *all, struct ids *ids)
{
	int ret = -ERR_NOT_FOUND;

	if (!*all)
		ret = tables_each_change(s, n->generation, id_collect, ids);
	if (ret == -ERR_NOT_FOUND) {
		*all = true;
		ids->n = 0;
		ret = tables_each_network(s, id_collect, ids);
		if (!ret)
			ret = known_collect(n, ids);
	}
	for (size_t i = 0; !ret && i < n->n_failed; i++)
		ret = id_collect(n->failed[i], ids);
	ids_sort(ids);
	return ret;
}

static bool network_is_there(uint32_t network, void *arg)
{
	const struct netd *n = arg;

	return routers_has(n->routers, network);
}

static void leftovers_sweep(struct netd *n, struct routers_report *report)
{
	struct err e = {0};

	if (routers_sweep(n->routers, report, &e))
		failure(n, 0, &e);
	if (sockets_sweep(&n->sockets, network_is_there, link_tell_endpoint, n))
		log_event(LOG_WARN, "endpoint.stale");
}

static void outcome(struct netd *n, const struct routers_report *report)
{
	n->has_failed = n->n_failed || n->internet_failed;
	if (n->has_failed) {
		n->retry_pause_ms = n->retry_pause_ms ? n->retry_pause_ms * 2 : NETD_RETRY_MIN_MS;
		if (n->retry_pause_ms > NETD_RETRY_MAX_MS)
			n->retry_pause_ms = NETD_RETRY_MAX_MS;
		n->retry_due_ms = clock_mono_ms() + n->retry_pause_ms;
	} else {
		n->retry_pause_ms = n->retry_due_ms = 0;
	}
	n->done = n->total = 0;
	link_acknowledge(n, report);
}

void enforce(struct netd *n, bool all)
{
	struct tables_snapshot *s = tables_acquire(n->tables);
	struct routers_report report = {0};
	uint64_t begin = clock_mono_ns();
	struct ids ids = {0};
	struct err e = {0};
	bool every = all || !n->has_applied_all;
	int ret = s ? changes_collect(n, s, &every, &ids) : -ERR_UNAVAILABLE;

	n->reason[0] = '\0';
	n->n_failed = 0;
	n->internet_failed = false;
	if (ret) {
		err_set(&e, ERR_UNAVAILABLE, NULL, "the tables cannot be read");
		n->has_applied_all = false;
		failure(n, 0, &e);
	} else {
		ids_enforce(n, s, &ids, !n->has_applied_all, &report);
		returned_enforce(n, s, &report);
		n->generation = tables_generation(s);
		if (!n->lacks[0] &&
		    routers_apply_internet(n->routers, !n->has_applied_all, &report, &e))
			failure(n, 0, &e);
		if (!n->has_applied_all && !n->lacks[0])
			leftovers_sweep(n, &report);
		n->has_applied_all = true;
	}
	if (s)
		tables_release(s);
	free(ids.ids);
	if (report.n_ops || report.n_cut)
		log_event(LOG_INFO, "networks.applied", LF_UINT("generation", n->generation),
			  LF_UINT("operations", report.n_ops), LF_UINT("cut", report.n_cut),
			  LF_UINT("microseconds", (clock_mono_ns() - begin) / 1000));
	outcome(n, &report);
}

/* --- looking again ---------------------------------------------------------------------------------------- */

static void look_wanted(struct netd *n, uint32_t router, uint64_t due)
{
	if (!router || !id_add(&n->dirty, &n->n_dirty, &n->cap_dirty, router))
		n->internet_dirty = true;
	if (!n->look_due_ms || due < n->look_due_ms)
		n->look_due_ms = due;
}

static void look_soon(uint32_t router, void *arg)
{
	look_wanted(arg, router, clock_mono_ms() + NETD_LOOK_MS);
}

/*
 * A router without its ruleset lets everything pass: if it was not us who changed it, it is looked at now, or as soon as the pause since the
 * last look is over.
 */
static void heard(uint32_t router, uint32_t generation, void *arg)
{
	struct netd *n = arg;

	if (generation && generation != routers_nft_generation(n->routers, router))
		look_wanted(n, router, n->looked_ms + NETD_LOOK_MS);
	else
		look_soon(router, n);
}

struct newer {
	const struct netd *netd;
	struct tables_snapshot *snapshot;
	bool has_router;
};

static int newer_router(uint32_t id, void *arg)
{
	struct newer *w = arg;

	w->has_router = routers_has(w->netd->routers, id) || is_in_tables(w->snapshot, id);
	return w->has_router;
}

/*
 * May routers be looked at as the tables have them? What changed routers since the last bell waits for its own: 0. Of generations that
 * changed none no bell comes: they are passed by, 1. -ERR_NOT_FOUND: what changed is not known any more.
 */
static int may_look(struct netd *n, struct tables_snapshot *s)
{
	struct newer w = {n, s, false};
	int ret = 0;

	if (tables_generation(s) != n->generation)
		ret = tables_each_change(s, n->generation, newer_router, &w);
	if (ret)
		return w.has_router ? 0 : ret;
	n->generation = tables_generation(s);
	return 1;
}

static void router_look(struct netd *n, uint32_t id)
{
	struct tables_snapshot *s = tables_acquire(n->tables);
	struct routers_report report = {0};
	struct err e = {0};
	int may = s ? may_look(n, s) : 0, ret = 0;

	if (may == 1 && routers_has(n->routers, id))
		ret = router_enforce(n, s, id, true, &report, &e);
	if (s)
		tables_release(s);
	if (may == -ERR_NOT_FOUND)
		enforce(n, true);
	else if (may == 0)
		look_soon(id, n); /* once more, soon: its bell may be only for others */
	if (report.n_ops > report.n_renewed)
		log_event(LOG_WARN, "drift.mended", LF_UINT("router", id),
			  LF_STR("first", report.first), LF_UINT("operations", report.n_ops));
	if (ret) {
		failure(n, id, &e);
		outcome(n, &report);
	}
}

static void internet_look(struct netd *n)
{
	struct routers_report report = {0};
	struct err e = {0};

	if (routers_apply_internet(n->routers, true, &report, &e)) {
		failure(n, 0, &e);
		outcome(n, &report);
	}
	if (report.n_ops)
		log_event(LOG_WARN, "drift.mended", LF_UINT("router", 0),
			  LF_STR("first", report.first), LF_UINT("operations", report.n_ops));
}

void enforce_heard(struct netd *n)
{
	if (drift_read(&n->drift, heard, n) == -ENOBUFS) {
		log_event(LOG_WARN, "drift.overflow");
		for (uint32_t id = 0; (id = routers_next(n->routers, id)) != 0;)
			look_soon(id, n);
		look_soon(0, n);
	}
}

static void dirty_look(struct netd *n)
{
	uint32_t *ids = take_ptr(n->dirty);
	size_t count = n->n_dirty;
	bool internet = n->internet_dirty;

	n->n_dirty = n->cap_dirty = 0;
	n->internet_dirty = false;
	n->look_due_ms = 0;
	n->looked_ms = clock_mono_ms();
	for (size_t i = 0; i < count; i++)
		router_look(n, ids[i]);
	if (internet)
		internet_look(n);
	free(ids);
}

static void audit_step(struct netd *n, uint64_t now)
{
	uint64_t pause = NETD_AUDIT_MS / (routers_count(n->routers) + 1);

	n->audit_due_ms = now + (pause < NETD_AUDIT_MIN_MS ? NETD_AUDIT_MIN_MS : pause);
	n->audit_next = routers_next(n->routers, n->audit_next);
	if (n->audit_next)
		router_look(n, n->audit_next);
	else
		internet_look(n);
}

void enforce_due(struct netd *n)
{
	uint64_t now = clock_mono_ms();

	if (!n->is_running)
		return;
	apply_idle();
	if (n->retry_due_ms && now >= n->retry_due_ms)
		enforce(n, false);
	if (n->look_due_ms && now >= n->look_due_ms)
		dirty_look(n);
	if (n->guests.n && now >= n->attach_due_ms) {
		guests_look(&n->guests, look_soon, n);
		n->attach_due_ms = now + NETD_ATTACH_MS;
	}
	if (!n->lacks[0] && now >= n->audit_due_ms)
		audit_step(n, now);
}

int enforce_timeout_ms(const struct netd *n)
{
	uint64_t now = clock_mono_ms(), due = n->audit_due_ms;

	if (!n->is_running)
		return -1;
	if (n->retry_due_ms && n->retry_due_ms < due)
		due = n->retry_due_ms;
	if (n->look_due_ms && n->look_due_ms < due)
		due = n->look_due_ms;
	if (n->guests.n && n->attach_due_ms < due)
		due = n->attach_due_ms;
	return due <= now ? 0 : (int)(due - now);
}

void enforce_done(struct netd *n)
{
	free(n->failed);
	free(n->dirty);
	guests_done(&n->guests);
}
