/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/names.h"

#include "model/cluster_dns.h"
#include "model/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One zone of the router's view. */
struct shown {
	char *domain;
	struct view_zone zone;
};

struct shown_list {
	struct shown *all;
	size_t n, cap;
};

static void shown_done(struct shown_list *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->all[i].domain);
	free(s->all);
}

static int shown_add(const struct view_zone *zone, void *arg)
{
	struct shown_list *s = arg;

	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 16;
		struct shown *grown = reallocarray(s->all, cap, sizeof(*grown));

		if (!grown)
			return -ERR_NOMEM;
		s->all = grown;
		s->cap = cap;
	}
	s->all[s->n] = (struct shown){strdup(zone->domain), *zone};
	if (!s->all[s->n].domain)
		return -ERR_NOMEM;
	s->all[s->n].zone.domain = s->all[s->n].domain;
	s->n++;
	return 0;
}

static bool is_public_name(const struct shown *s)
{
	const struct cluster_net *c = object_cluster_net(s->zone.owner);

	for (size_t i = 0; c && i < c->n_server_names; i++)
		if (strcmp(c->server_names[i], s->domain) == 0)
			return true;
	return false;
}

/* What a user declares comes before what hides behind it, and public names of clusters before the private names of others. */
static int shown_cmp(const void *a, const void *b)
{
	const struct shown *x = a, *y = b;
	int r = strcmp(x->domain, y->domain);

	if (r == 0)
		r = (int)x->zone.kind - (int)y->zone.kind;
	if (r == 0)
		r = (int)is_public_name(y) - (int)is_public_name(x);
	return r ? r
		 : (x->zone.owner->id > y->zone.owner->id) -
			       (x->zone.owner->id < y->zone.owner->id);
}

/* The zone of the longest domain that the name is in. *ret_rest: how much of the name is before it. NULL: none. */
static const struct view_zone *shown_find(const struct shown_list *s, const char *name,
					  size_t *ret_rest)
{
	for (const char *at = name; at; at = strchr(at, '.') ? strchr(at, '.') + 1 : NULL) {
		size_t low = 0, high = s->n;

		while (low < high) {
			size_t mid = low + (high - low) / 2;

			if (strcmp(s->all[mid].domain, at) < 0)
				low = mid + 1;
			else
				high = mid;
		}
		*ret_rest = (size_t)(at - name);
		if (low < s->n && strcmp(s->all[low].domain, at) == 0)
			return &s->all[low].zone;
	}
	return NULL;
}

/* --- answers ---------------------------------------------------------------------------------------------- */

struct answer {
	const char *name; /* within the zone that is asked; "@" */
	bool is_there;	  /* also with other records than addresses, or none */
	const char *
		above; /* the part of the name, from a label on, that is there; NULL: the zone alone is */
	struct addr *addresses;
	size_t n, cap;
};

static int answer_add(struct answer *a, const struct addr *addr)
{
	if (a->n == a->cap) {
		size_t cap = a->cap ? a->cap * 2 : 8;
		struct addr *grown = reallocarray(a->addresses, cap, sizeof(*grown));

		if (!grown)
			return -ERR_NOMEM;
		a->addresses = grown;
		a->cap = cap;
	}
	a->addresses[a->n++] = *addr;
	return 0;
}

/* Names above one that is there are there, too. */
static void above_note(struct answer *a, const char *there)
{
	for (const char *at = a->name; at; at = strchr(at, '.') ? strchr(at, '.') + 1 : NULL) {
		if (strcmp(there, at) != 0 && !dns_name_is_below(there, at))
			continue;
		if (!a->above || at < a->above)
			a->above = at;
		return;
	}
}

static int record_answer(const struct view_record *record, void *arg)
{
	struct answer *a = arg;
	const char *value = record->set ? record->set->values : NULL;
	int r = 0;

	if (strcmp(record->name, a->name) != 0) {
		above_note(a, record->name);
		return 0;
	}
	a->is_there = true;
	for (size_t i = 0; i < record->n_addresses && r == 0; i++)
		r = answer_add(a, &record->addresses[i]);
	if (!value || (record->type != RECORD_A && record->type != RECORD_AAAA))
		return r;
	for (size_t i = 0; i < record->set->n_values && r == 0; i++, value += strlen(value) + 1) {
		struct addr addr;

		if (addr_parse(value, &addr) == 0)
			r = answer_add(a, &addr);
	}
	return r;
}

static int name_ask(const struct view_zone *zone, const struct view_public *public,
		    const char *name, struct answer *a)
{
	int r;

	a->n = 0;
	a->is_there = strcmp(name, "@") == 0;
	a->above = NULL;
	a->name = name;
	r = view_each_record(zone, public, record_answer, a);
	a->is_there = a->is_there || a->above == name;
	return r;
}

/* The name, or else the wildcard of the closest name above it that is there (RFC 4592). */
static int zone_ask(const struct view_zone *zone, const struct view_public *public,
		    const char *name, struct answer *a)
{
	char star[DNS_NAME_MAX + 3];
	int r = name_ask(zone, public, name, a);

	if (r < 0 || a->is_there)
		return r;
	snprintf(star, sizeof(star), "*%s%s", a->above ? "." : "", a->above ? a->above : "");
	r = name_ask(zone, public, star, a);
	a->name = a->above = NULL;
	return r;
}

/* --- names ------------------------------------------------------------------------------------------------ */

struct telling {
	const struct landscape *l;
	const struct resolver *resolver;
	struct view_public public;
	names_fn *fn;
	void *arg;
	struct shown_list here;
	struct answer answer; /* its memory is used again for each name */
};

static bool is_forwarded(const struct telling *t, const char *name)
{
	for (size_t i = 0; i < t->resolver->n_forwards; i++) {
		const char *domain = t->resolver->forwards[i].domain;

		if (strcmp(name, domain) == 0 || dns_name_is_below(name, domain))
			return true;
	}
	return false;
}

struct asking {
	struct telling *t;
	const char *name;
};

static int public_ask(const struct view_zone *zone, void *arg)
{
	const struct asking *q = arg;

	if (strcmp(zone->domain, q->name) != 0)
		return 0;
	return zone_ask(zone, &q->t->public, "@", &q->t->answer);
}

/* By the internet's view: the cluster's own zone of the name, unless a user has declared one. */
static int name_ask_public(struct telling *t, const struct object *cluster, const char *name)
{
	const struct object *declared = landscape_find_public_zone(t->l, name);
	struct asking q = {t, name};

	t->answer.n = 0;
	return view_each_zone_of(NULL, declared ? declared : cluster, &t->public, public_ask, &q);
}

static int name_tell(struct telling *t, const struct object *cluster, const char *name)
{
	size_t rest;
	const struct view_zone *zone = shown_find(&t->here, name, &rest);
	char within[DNS_NAME_MAX + 1];
	int r = 0;

	if (zone) {
		snprintf(within, sizeof(within), "%.*s", (int)(rest ? rest - 1 : 1),
			 rest ? name : "@");
		r = zone_ask(zone, &t->public, within, &t->answer);
	}
	if (r == 0 && (!zone || (zone->fall_through && !t->answer.is_there))) {
		if (is_forwarded(t, name))
			return 0;
		r = name_ask_public(t, cluster, name);
	}
	if (r == 0 && t->answer.n)
		r = t->fn(name, cluster, t->answer.addresses, t->answer.n, t->arg);
	return r;
}

static int cluster_tell(struct object *cluster, void *arg)
{
	struct telling *t = arg;
	const struct cluster_net *c = object_cluster_net(cluster);
	char name[DNS_NAME_MAX + 1];
	bool is_told = !cluster_private_name(cluster, name);
	int r = 0;

	for (size_t i = 0; i < c->n_server_names && r == 0; i++) {
		if (c->server_names[i][0] == '*')
			continue;
		is_told = is_told || strcmp(c->server_names[i], name) == 0;
		r = name_tell(t, cluster, c->server_names[i]);
	}
	return r == 0 && !is_told ? name_tell(t, cluster, name) : r;
}

int names_of(const struct landscape *l, const struct object *router,
	     const struct addr *public_addresses, size_t n_public, names_fn *fn, void *arg)
{
	static const struct resolver nothing;
	struct telling t = {.l = l,
			    .resolver = &nothing,
			    .public = {public_addresses, n_public},
			    .fn = fn,
			    .arg = arg};
	int r;

	if (!router || !router->body)
		return 0;
	if (router->kind == OBJECT_NETWORK)
		t.resolver = &object_network(router)->dns;
	else if (router->kind == OBJECT_SITE)
		t.resolver = &object_site(router)->dns;
	r = view_each_zone(l, router, &t.public, shown_add, &t.here);
	if (r == 0 && t.here.n)
		qsort(t.here.all, t.here.n, sizeof(*t.here.all), shown_cmp);
	if (r == 0)
		r = landscape_each(l, OBJECT_CLUSTER, cluster_tell, &t);
	shown_done(&t.here);
	free(t.answer.addresses);
	return r;
}
