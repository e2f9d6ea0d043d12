/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/update.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "control/change.h"
#include "control/update_read.h"
#include "model/view.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One that waits to be enforced. The process may be another one by then: index and pid say which it was. */
struct waiting {
	struct list node;
	struct loop_timer timer;
	struct control *control;
	uint64_t revision, request;
	uint32_t index;
	int32_t pid;
};

void control_updates_init(struct updates *us)
{
	*us = (struct updates){0};
	list_init(&us->waiting);
}

static void waiting_free(struct waiting *u)
{
	loop_timer_stop(&u->timer);
	list_remove(&u->node);
	u->control->updates.n--;
	free(u);
}

void control_updates_done(struct updates *us)
{
	list_foreach (it, &us->waiting)
		waiting_free(container_of(it, struct waiting, node));
	free(us->seen);
}

/* --- answers ---------------------------------------------------------------------------------------------- */

static void answer(struct control *c, uint32_t index, int32_t pid, uint64_t request, int rcode)
{
	const struct gate *g = &c->dns.gate[index];
	const struct msg_updated m = {.request = request, .rcode = (uint32_t)rcode};

	/* Gone, or its queue is full: its own time limit answers the client. */
	if (g->is_up && g->pid == pid && g->source.fd >= 0)
		(void)!msg_send_body(g->source.fd, MSG_UPDATED, &m);
}

static void waiting_end(struct waiting *u)
{
	answer(u->control, u->index, u->pid, u->request, UPDATE_FINE);
	waiting_free(u);
}

static void waiting_late(struct loop_timer *t)
{
	waiting_end(container_of(t, struct waiting, timer));
}

static bool is_enforced(struct control *c, uint64_t revision)
{
	const struct operation *op = operation_find(&c->operations, revision);

	return !op || op->is_done;
}

void control_updates_check(struct control *c)
{
	if (c->updates.n == 0)
		return;
	list_foreach (it, &c->updates.waiting) {
		struct waiting *u = container_of(it, struct waiting, node);

		if (is_enforced(c, u->revision))
			waiting_end(u);
	}
}

/* Answer when the revision is enforced. */
static void answer_enforced(struct control *c, const struct gate *g, uint64_t request,
			    uint64_t revision)
{
	struct waiting *u;

	if (!revision || is_enforced(c, revision)) {
		answer(c, g->index, g->pid, request, UPDATE_FINE);
		return;
	}
	u = c->updates.n < UPDATES_MAX ? calloc(1, sizeof(*u)) : NULL;
	if (!u) {
		answer(c, g->index, g->pid, request, UPDATE_SERVFAIL);
		return;
	}
	*u = (struct waiting){.control = c,
			      .revision = revision,
			      .request = request,
			      .index = g->index,
			      .pid = g->pid};
	list_append(&c->updates.waiting, &u->node);
	c->updates.n++;
	loop_timer_init(&u->timer);
	loop_timer_start(&c->loop, &u->timer, UPDATE_WAIT_MS, waiting_late);
}

/* --- updates that came before ----------------------------------------------------------------------------- */

static const struct update_seen *seen_find(const struct updates *us, const uint8_t *mac)
{
	const size_t n = us->n_seen < UPDATES_SEEN ? (size_t)us->n_seen : UPDATES_SEEN;

	for (size_t i = 0; i < n; i++)
		if (memcmp(us->seen[i].mac, mac, sizeof(us->seen[i].mac)) == 0)
			return &us->seen[i];
	return NULL;
}

static void seen_add(struct updates *us, const uint8_t *mac, int rcode, uint64_t revision)
{
	struct update_seen *s = &us->seen[us->n_seen++ % UPDATES_SEEN];

	*s = (struct update_seen){.rcode = (uint8_t)rcode, .revision = revision};
	memcpy(s->mac, mac, sizeof(s->mac));
}

static int seen_have(struct updates *us)
{
	if (!us->seen)
		us->seen = calloc(UPDATES_SEEN, sizeof(*us->seen));
	return us->seen ? 0 : -ERR_NOMEM;
}

/* --- the zone and its key --------------------------------------------------------------------------------- */

struct search {
	uint32_t id;
	struct object *found;
};

static int zone_is(struct object *o, void *arg)
{
	struct search *s = arg;

	if (o->id == s->id)
		s->found = o;
	return s->found != NULL;
}

static struct object *zone_find_id(struct control *c, uint32_t id)
{
	struct updates *us = &c->updates;
	struct search s = {.id = id};
	struct object *o =
		us->last_id == id ? landscape_find(c->landscape, OBJECT_ZONE, us->last_name) : NULL;

	if (o && o->id == id)
		return o;
	(void)landscape_each(c->landscape, OBJECT_ZONE, zone_is, &s);
	if (s.found) {
		us->last_id = id;
		snprintf(us->last_name, sizeof(us->last_name), "%s", s.found->name);
	}
	return s.found;
}

/* The key of the zone's `update` that the message is signed with, and well. NULL: none. */
static const struct object *key_of(const struct object *zone, const uint8_t *octets,
				   const struct tsig *t)
{
	const struct key_list *list = &object_declared_zone(zone)->update;
	uint8_t name[DNAME_MAX];

	for (size_t i = 0; i < list->n; i++) {
		const struct tsig_key *k = object_tsig_key(list->keys[i]);
		struct tsig_secret secret;

		if (!k || !k->secret_len ||
		    dname_parse(k->name, strlen(k->name), NULL, name, NULL) != t->name_len ||
		    memcmp(name, t->name, t->name_len) != 0)
			continue;
		secret = (struct tsig_secret){name, k->algorithm, k->secret, k->secret_len};
		return tsig_check(octets, t, &secret) == TSIG_FINE ? list->keys[i] : NULL;
	}
	return NULL;
}

/* --- the system's records ----------------------------------------------------------------------------------- */

struct system_sets {
	struct record_set *sets;
	size_t n, cap;
};

static void system_done(struct system_sets *all)
{
	for (size_t i = 0; i < all->n; i++) {
		free((char *)(uintptr_t)all->sets[i].name);
		free((char *)(uintptr_t)all->sets[i].values);
	}
	free(all->sets);
}

static char *addresses_text(const struct view_record *r)
{
	char *text = malloc(r->n_addresses * ADDR_TEXT_MAX + 1), *at = text;

	for (size_t i = 0; at && i < r->n_addresses; i++) {
		addr_format(&r->addresses[i], at);
		at += strlen(at) + 1;
	}
	return text;
}

static int system_add(const struct view_record *r, void *arg)
{
	struct system_sets *all = arg;
	struct record_set set = {
		.type = r->type, .ttl = r->ttl, .n_values = (uint32_t)r->n_addresses};

	if (!r->owner)
		return 0; /* the user's */
	if (all->n == all->cap) {
		const size_t cap = all->cap ? all->cap * 2 : 8;
		struct record_set *grown = reallocarray(all->sets, cap, sizeof(*grown));

		if (!grown)
			return -ERR_NOMEM;
		all->sets = grown;
		all->cap = cap;
	}
	set.name = strdup(r->name);
	set.values = addresses_text(r);
	all->sets[all->n++] = set;
	return set.name && set.values ? 0 : -ERR_NOMEM;
}

/* What clusters have in the zone. */
static int system_read(const struct object *zone, struct system_sets *all)
{
	const struct view_public none = {0};
	char domain[DNS_NAME_MAX + 1];
	struct view_zone v;
	bool has_clusters = false;

	for (size_t i = 0; i < zone->n_referrers; i++)
		has_clusters |= zone->referrers[i]->kind == OBJECT_CLUSTER;
	if (!has_clusters || !view_shared_zone(zone, &v, domain))
		return 0;
	return view_each_record(&v, &none, system_add, all);
}

/* --- the change --------------------------------------------------------------------------------------------- */

/* What the API would say no to, and what just does not work now. */
static int rcode_of(int r)
{
	switch (r) {
	case -ERR_INVALID:
	case -ERR_TOO_LARGE:
	case -ERR_CONFLICT:
	case -ERR_FORBIDDEN:
		return UPDATE_REFUSED;
	default:
		return UPDATE_SERVFAIL;
	}
}

/* doc takes the place of what the store has at that revision. *ret_revision 0: nothing was different. */
static int document_put(struct control *c, const struct object *key, json_t *doc, uint64_t revision,
			uint64_t *ret_revision)
{
	char actor[ACTOR_TEXT_MAX];
	json_t *documents = json_pack("[O]", doc);
	struct change_request req = {
		.verb = CHANGE_PUT,
		.documents = documents,
		.expect = revision,
		.actor = actor,
		.via = "update",
		.received_ns = clock_mono_ns(),
	};
	struct change_result res;
	struct err e = {0};
	int r;

	snprintf(actor, sizeof(actor), "tsig-key:%s", key->name);
	r = documents ? change_apply(c, &req, &res, &e) : -ERR_NOMEM;
	json_decref(documents);
	if (r < 0) {
		log_event(LOG_WARN, "update.refused", LF_STR("key", key->name),
			  LF_STR("path", e.path), LF_STR("error", e.text));
		return rcode_of(r);
	}
	*ret_revision = res.has_operation ? res.revision : 0;
	change_result_done(&res);
	return UPDATE_FINE;
}

static int update_change(struct control *c, const struct object *zone, const struct object *key,
			 const struct update *u, uint64_t *ret_revision)
{
	struct system_sets system = {0};
	struct store_object stored = {0};
	json_t *doc = NULL;
	struct err e = {0};
	int r = store_get(c->store, "zone", zone->name, &stored, &e);

	if (r == 0)
		r = system_read(zone, &system);
	if (r == 0) {
		const struct update_zone z = {
			.zone = object_declared_zone(zone),
			.doc = stored.body,
			.system = system.sets,
			.n_system = system.n,
			.serial = (uint32_t)stored.revision,
		};

		r = update_make(&z, u, &doc);
	}
	if (r == UPDATE_FINE && doc)
		r = document_put(c, key, doc, stored.revision, ret_revision);
	json_decref(doc);
	system_done(&system);
	store_object_done(&stored);
	return r < 0 ? UPDATE_SERVFAIL : r;
}

/* --- the message -------------------------------------------------------------------------------------------- */

static bool zone_is_named(const struct object *zone, const struct update_message *m)
{
	const struct declared_zone *z = object_declared_zone(zone);
	uint8_t apex[DNAME_MAX];

	return z && m->zone_type == RR_SOA && m->zone_class == RR_CLASS_IN &&
	       dname_parse(z->domain, strlen(z->domain), NULL, apex, NULL) > 0 &&
	       dname_is_equal(apex, m->zone);
}

static int update_do(struct control *c, const struct object *zone, const struct object *key,
		     const uint8_t *octets, size_t len, uint64_t *ret_revision)
{
	struct update_message m;
	struct err e;
	int r = update_message_read(octets, len, &m);

	if (r < 0)
		return r == -ERR_INVALID ? UPDATE_FORMERR : UPDATE_SERVFAIL;
	if (!zone_is_named(zone, &m))
		r = UPDATE_NOTAUTH;
	else if (control_store_check(c, &e) < 0)
		r = UPDATE_SERVFAIL;
	else
		r = update_change(c, zone, key, &m.update, ret_revision);
	update_message_done(&m);
	return r;
}

int update_on_msg(struct control *c, struct gate *g, const struct msg *m)
{
	const struct msg_update *u = m->body;
	const size_t room = m->n_records * sizeof(struct msg_octets);
	const uint8_t *octets = m->records;
	const struct object *zone, *key;
	const struct update_seen *seen;
	uint64_t revision = 0;
	struct tsig t;
	int rcode;

	if (u->len == 0 || u->len > room || room - u->len >= sizeof(struct msg_octets))
		return -EBADMSG;
	if (!c->landscape || seen_have(&c->updates) < 0) {
		answer(c, g->index, g->pid, u->request, UPDATE_SERVFAIL);
		return 0;
	}
	zone = zone_find_id(c, u->zone);
	key = zone && tsig_find(octets, u->len, &t) == 0 ? key_of(zone, octets, &t) : NULL;
	if (!key) {
		/* The process saw it otherwise: the key has just gone, or the process is not what it was. */
		answer(c, g->index, g->pid, u->request, UPDATE_REFUSED);
		return 0;
	}
	seen = seen_find(&c->updates, octets + t.mac_at);
	if (seen) {
		rcode = seen->rcode;
		revision = seen->revision;
	} else {
		rcode = c->updates.n < UPDATES_MAX
				? update_do(c, zone, key, octets, u->len, &revision)
				: UPDATE_SERVFAIL;
		/* What did not work may work when it is tried again. */
		if (rcode != UPDATE_SERVFAIL)
			seen_add(&c->updates, octets + t.mac_at, rcode, revision);
	}
	if (rcode == UPDATE_FINE)
		answer_enforced(c, g, u->request, revision);
	else
		answer(c, g->index, g->pid, u->request, rcode);
	return 0;
}
