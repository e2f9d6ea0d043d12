/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "netd/guests.h"

#include "base/log.h"
#include "model/net.h"
#include "netd/plan.h"
#include "netd/read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void guests_init(struct guests *a, const struct names *names, const struct netns *netns)
{
	*a = (struct guests){.names = names, .netns = netns};
}

void guests_done(struct guests *a)
{
	free(a->list);
	*a = (struct guests){0};
}

/* --- the list --------------------------------------------------------------------------------------------- */

static size_t place_of(const struct guests *a, uint32_t router, uint32_t host)
{
	size_t low = 0, high = a->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct guest *x = &a->list[middle];

		if (x->router < router || (x->router == router && x->host < host))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* NULL: no memory. One that is new counts as there, so that only its absence is told. */
static struct guest *guest_make(struct guests *a, uint32_t router, const struct tables_host *h)
{
	size_t at = place_of(a, router, h->id);
	struct guest *x = a->list + at;

	if (at == a->n || x->router != router || x->host != h->id) {
		if (a->n == a->cap) {
			size_t more = a->cap ? a->cap * 2 : 16;
			struct guest *p = reallocarray(a->list, more, sizeof *p);

			if (!p)
				return NULL;
			a->list = p;
			a->cap = more;
		}
		x = a->list + at;
		memmove(x + 1, x, (a->n - at) * sizeof *x);
		a->n++;
		*x = (struct guest){.router = router, .host = h->id, .is_there = true};
	}
	x->kind = h->attach;
	snprintf(x->name, sizeof x->name, "%s", h->attach_name);
	return x;
}

static void undeclared_drop(struct guests *a, uint32_t router)
{
	size_t kept = place_of(a, router, 0), n = a->n;

	for (size_t i = kept; i < n; i++)
		if (a->list[i].router != router || a->list[i].is_declared)
			a->list[kept++] = a->list[i];
	a->n = kept;
}

static void undeclare(struct guests *a, uint32_t router)
{
	for (size_t i = place_of(a, router, 0); i < a->n && a->list[i].router == router; i++)
		a->list[i].is_declared = false;
}

/* --- looking ---------------------------------------------------------------------------------------------- */

static bool namespace_is_there(const struct guests *a, const char *name, struct stat *ret_st)
{
	struct err e = {0};
	_cleanup_close_ int fd = netns_open(a->netns, name, false, &e);

	return fd >= 0 && !fstat(fd, ret_st);
}

static bool is_taken(const struct guests *a, const struct ns_link *l, const char *name)
{
	const char *was = names_attached(a->names, l->alias);

	return l->kind == NS_LINK_ATTACHED && was && strcmp(was, name) == 0;
}

/* Nobody's but its owner's; or marked already, on its way from or to a router. */
static bool interface_is_here(const struct guests *a, const char *name)
{
	struct ns_link l;

	return !read_link(a->names, name, &l) && (!l.is_marked || is_taken(a, &l, name));
}

/* The thread is in the router. */
static bool interface_is_taken(const struct guests *a, uint32_t host, const char *name)
{
	char link[IFNAMSIZ];
	struct ns_link l;

	snprintf(link, sizeof link, "h-%u", host);
	return !read_link(a->names, link, &l) && is_taken(a, &l, name);
}

static void state_set(struct guest *x, const struct tables_host *h, bool is_there)
{
	const char *what = x->kind == ATTACH_NAMESPACE ? "namespace" : "interface";

	if (x->is_there != is_there)
		log_event(is_there ? LOG_INFO : LOG_WARN,
			  is_there ? "host.attached" : "host.absent", LF_STR("host", h->name),
			  LF_UINT("router", x->router), LF_STR(what, x->name));
	x->is_there = is_there;
}

/* A name that no plan takes is left in the record, for the plan to say so. */
static bool is_attached(const struct tables_host *h, enum attach_kind kind)
{
	return h->attach == kind && plan_name_is_safe(h->attach_name);
}

static void namespaces_settle(struct guests *a, struct tables_network *record)
{
	for (uint32_t i = 0; i < record->n_hosts; i++) {
		const struct tables_host *h = &record->hosts[i];
		struct guest *x;
		struct stat st = {0};
		bool is_there;

		if (!is_attached(h, ATTACH_NAMESPACE) || !(x = guest_make(a, record->id, h)))
			continue;
		is_there = namespace_is_there(a, x->name, &st);
		x->is_declared = true;
		x->dev = st.st_dev;
		x->ino = st.st_ino;
		state_set(x, h, is_there);
	}
}

/* Those that the router has, then those that it could take. The router may not be there yet. */
static void interfaces_settle(struct guests *a, struct tables_network *record)
{
	_cleanup_close_ int fd = -1;
	bool has_any = false, is_inside;
	char router[NS_NAME_MAX];
	struct err e = {0};

	for (uint32_t i = 0; i < record->n_hosts; i++) {
		struct guest *x;

		if (!is_attached(&record->hosts[i], ATTACH_INTERFACE) ||
		    !(x = guest_make(a, record->id, &record->hosts[i])))
			continue;
		x->is_taken = false;
		x->is_declared = has_any = true;
	}
	if (!has_any)
		return;
	names_router(a->names, record->kind, record->name, router);
	fd = netns_open(a->netns, router, false, &e);
	is_inside = fd >= 0 && !netns_enter(fd);
	for (size_t i = place_of(a, record->id, 0);
	     is_inside && i < a->n && a->list[i].router == record->id; i++)
		if (a->list[i].kind == ATTACH_INTERFACE)
			a->list[i].is_taken =
				interface_is_taken(a, a->list[i].host, a->list[i].name);
	if (is_inside)
		netns_leave(a->netns);
	for (uint32_t i = 0; i < record->n_hosts; i++) {
		const struct tables_host *h = &record->hosts[i];
		size_t at = place_of(a, record->id, h->id);
		struct guest *x = a->list + at;

		if (is_attached(h, ATTACH_INTERFACE) && at < a->n && x->router == record->id &&
		    x->host == h->id)
			state_set(x, h, x->is_taken || interface_is_here(a, x->name));
	}
}

static void absent_take_out(const struct guests *a, struct tables_network *record)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < record->n_hosts; i++) {
		size_t at = place_of(a, record->id, record->hosts[i].id);
		bool is_absent = at < a->n && a->list[at].router == record->id &&
				 a->list[at].host == record->hosts[i].id && !a->list[at].is_there;

		if (!is_absent)
			record->hosts[kept++] = record->hosts[i];
	}
	record->n_hosts = kept;
}

void guests_settle(struct guests *a, struct tables_network *record)
{
	undeclare(a, record->id);
	namespaces_settle(a, record);
	interfaces_settle(a, record);
	undeclared_drop(a, record->id);
	absent_take_out(a, record);
}

void guests_forget(struct guests *a, uint32_t router)
{
	undeclare(a, router);
	undeclared_drop(a, router);
}

/* An interface that is taken is in a namespace that is listened to: nobody needs to look for it. */
static bool is_changed(const struct guests *a, const struct guest *x)
{
	struct stat st;

	if (x->kind == ATTACH_INTERFACE)
		return !x->is_there && interface_is_here(a, x->name);
	return x->is_there ? !netns_is(x->name, x->dev, x->ino)
			   : namespace_is_there(a, x->name, &st);
}

void guests_look(const struct guests *a, guests_fn *changed, void *arg)
{
	for (size_t i = 0; i < a->n; i++)
		if (is_changed(a, &a->list[i]))
			changed(a->list[i].router, arg);
}

void guests_look_returned(const struct guests *a, guests_fn *changed, void *arg)
{
	for (size_t i = 0; i < a->n; i++)
		if (a->list[i].kind == ATTACH_INTERFACE && is_changed(a, &a->list[i]))
			changed(a->list[i].router, arg);
}
