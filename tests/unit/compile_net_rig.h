/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A store, a landscape and tables that go together, changed by documents as control does it; and what the tables then say of a
 * router, as text.
 */
#pragma once

#include "compile_rig.h"
#include "landscape_rig.h"

/* --- documents ---------------------------------------------------------------------------------------------------- */

#define NETWORK(name, space) "---\nkind: network\nname: " name "\naddressSpace: [" space "]\n"
#define SUBNET(name, net, range, more) \
	"---\nkind: subnet\nname: " name "\nnetwork: " net "\nranges: [" range "]\n" more
#define TABLE(name, net, routes) \
	"---\nkind: route-table\nname: " name "\nnetwork: " net "\nroutes:\n" routes
#define IGW(name, net)	   "---\nkind: internet-gateway\nname: " name "\nnetwork: " net "\n"
#define PUBLIC(name, addr) "---\nkind: public-address\nname: " name "\naddresses: [" addr "]\n"
#define NAT(name, subnet, addr) \
	"---\nkind: nat-gateway\nname: " name "\nsubnet: " subnet "\npublicAddress: " addr "\n"
#define PEERING(name, a, b, more) \
	"---\nkind: peering\nname: " name "\nnetworks: [" a ", " b "]\n" more
#define GROUP(name, net, rules) \
	"---\nkind: security-group\nname: " name "\nnetwork: " net "\n" rules
#define HOST(name, subnet, addr, more) \
	"---\nkind: host\nname: " name "\nsubnet: " subnet "\naddresses: [" addr "]\n" more
#define CLUSTER(name)                     \
	"---\nkind: cluster\nname: " name \
	"\nupstreams: [{address: 10.255.0.5}]\npublic: {fqdn: " name ".example}\n"
#define ENDPOINT(name, cluster, subnet, addr, more)                                          \
	"---\nkind: private-endpoint\nname: " name "\ncluster: " cluster "\nsubnet: " subnet \
	"\naddresses: [" addr "]\n" more

#define HUB_OF_THREE                                                                       \
	NETWORK("a", "10.1.0.0/16")                                                        \
	NETWORK("b", "10.2.0.0/16")                                                        \
	NETWORK("c", "10.3.0.0/16")                                                        \
	SUBNET("a1", "a", "10.1.1.0/24", "")                                               \
	SUBNET("b1", "b", "10.2.1.0/24", "")                                               \
	SUBNET("c1", "c", "10.3.1.0/24", "")                                               \
	"---\nkind: hub\nname: h\nattachments: [{network: a}, {network: b}, {network: c, " \
	"routes: none}]\n"

#define E_ADDRS "10.1.1.9, 'fd00:a:0:1::9'"
#define ONE_ENDPOINT(more)                                     \
	NETWORK("a", "10.1.0.0/16, 'fd00:a::/48'")             \
	SUBNET("s", "a", "10.1.1.0/24, 'fd00:a:0:1::/64'", "") \
	CLUSTER("k")                                           \
	ENDPOINT("e", "k", "s", E_ADDRS, more)
#define ALL_V4 "10.1.0.0-10.1.255.255"
#define ALL_V6 "fd00:a::-fd00:a:0:ffff:ffff:ffff:ffff:ffff"

/* --- changes ------------------------------------------------------------------------------------------------------ */

struct land {
	struct store *s;
	struct tables *t;
	struct landscape *l;
	struct compile_outcome outcome; /* of the last change */
};

static inline struct land land_open(void)
{
	struct land w = {.s = must_store(), .t = must_tables("tables")};
	struct prefix public;
	struct err e = {0};

	must_ok(landscape_new(&w.l, &e), &e);
	assert_int_equal(prefix_parse("192.0.2.0/24", 12, &public, NULL), 0);
	must_ok(landscape_set_pool(w.l, &public, 1, &e), &e);
	return w;
}

static inline void land_close(struct land *w)
{
	landscape_free(w->l);
	tables_close(w->t);
	store_close(w->s);
}

struct land_step {
	struct compile_change changes[64];
	size_t n;
};

static inline struct compile_change *step_add(struct land *w, struct land_step *step,
					      const char *kind, const char *name)
{
	struct compile_change *c = &step->changes[step->n++];
	struct store_object o;

	assert_true(step->n <= ARRAY_SIZE(step->changes));
	*c = (struct compile_change){0};
	if (store_get(w->s, kind, name, &o, NULL) == 0) {
		c->id = o.id;
		c->before = json_incref(o.body);
		store_object_done(&o);
	}
	return c;
}

static inline void step_free(struct land_step *step)
{
	for (size_t i = 0; i < step->n; i++)
		json_decref((json_t *)(uintptr_t)step->changes[i].before);
}

/* landscape_put() and landscape_delete() of everything, then the landscape's own say. */
static inline struct verdict step_try(struct land *w, struct land_step *step, json_t *docs,
				      const char *deleted)
{
	const struct object *blame = NULL;
	struct verdict v = {0};
	const size_t n = json_array_size(docs);
	size_t first;
	char kind[64], name[64];
	struct object *o;
	int used;

	for (; deleted && sscanf(deleted, " %63[^/]/%63s%n", kind, name, &used) == 2;
	     deleted += used) {
		(void)step_add(w, step, kind, name);
		assert_int_equal(landscape_delete(w->l, object_kind_find(kind), name, &v.e), 0);
	}
	first = step->n;
	for (size_t i = 0; i < n; i++) {
		const json_t *doc = json_array_get(docs, i);
		struct compile_change *c =
			step_add(w, step, object_kind_text(doc_kind(doc)), doc_name(doc));

		c->after = doc;
		v.r = landscape_put(w->l, doc_kind(doc), c->id, doc, &o, &v.e);
		if (v.r < 0)
			fail_msg("%s: %s", v.e.path, v.e.text);
	}
	for (size_t i = 0; i < n && v.r == 0; i++) {
		json_t *doc = json_array_get(docs, i);

		o = landscape_find(w->l, doc_kind(doc), doc_name(doc));
		v.r = landscape_allocate(w->l, o, step->changes[first + i].before, doc, &v.e);
	}
	if (v.r == 0)
		v.r = landscape_check(w->l, true, &blame, &v.e);
	return v;
}

static inline uint64_t step_store(struct land *w, struct land_step *step)
{
	const struct store_change_meta meta = {"test", "test"};
	struct err e = {0};
	uint64_t revision;

	must_ok(store_begin(w->s, &meta, &e), &e);
	for (size_t i = 0; i < step->n; i++) {
		struct compile_change *c = &step->changes[i];
		const json_t *doc = c->after ? c->after : c->before;
		const char *kind = object_kind_text(doc_kind(doc)), *name = doc_name(doc);

		if (c->after) {
			must_ok(store_put(w->s, kind, name, STORE_ANY, doc, &c->id, &e), &e);
			landscape_set_id(w->l, landscape_find(w->l, doc_kind(doc), name), c->id);
		} else {
			must_ok(store_delete(w->s, kind, name, STORE_ANY, &c->id, &e), &e);
		}
	}
	must_ok(store_commit(w->s, &revision, &e), &e);
	return revision;
}

/* deleted: "kind/name kind/name". Without `compiled` the tables fall behind. */
static inline struct verdict land_change(struct land *w, json_t *docs, const char *deleted,
					 bool compiled)
{
	struct land_step step = {.n = 0};
	struct verdict v;
	uint64_t revision;

	landscape_begin(w->l);
	v = step_try(w, &step, docs, deleted);
	if (v.r < 0) {
		landscape_abort(w->l);
		step_free(&step);
		return v;
	}
	revision = step_store(w, &step);
	if (compiled)
		must_ok(compile_changes(w->t, w->l, step.changes, step.n, revision, store_id(w->s),
					&w->outcome, &v.e),
			&v.e);
	assert_int_equal(v.e.code, ERR_NONE);
	landscape_commit(w->l);
	step_free(&step);
	return v;
}

static inline void land_must(struct land *w, const char *yaml, const char *deleted)
{
	json_t *docs = yaml ? documents(yaml) : json_array();
	struct verdict v = land_change(w, docs, deleted, true);

	if (v.r < 0)
		fail_msg("%s\n%s: %s", yaml ? yaml : deleted, v.e.path, v.e.text);
	json_decref(docs);
}

/* --- what the tables say ------------------------------------------------------------------------------------------ */

static inline uint32_t id_of(const struct land *w, const char *kind, const char *name)
{
	struct object *o = landscape_find(w->l, object_kind_find(kind), name);

	assert_non_null(o);
	return o->id;
}

/* tables_network_done() is the caller's. */
static inline struct tables_network get_network(struct land *w, const char *kind, const char *name)
{
	struct tables_snapshot *s = tables_acquire(w->t);
	struct tables_network n;

	assert_non_null(s);
	assert_int_equal(tables_get_network(s, id_of(w, kind, name), &n), 0);
	assert_string_equal(n.name, name);
	tables_release(s);
	return n;
}

struct out {
	char text[16384];
	size_t len;
};

static inline __attribute__((format(printf, 2, 3))) void say(struct out *o, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	o->len += (size_t)vsnprintf(o->text + o->len, sizeof(o->text) - o->len, fmt, args);
	va_end(args);
	assert_true(o->len < sizeof(o->text));
}

static inline void say_pair(struct out *o, const struct addr pair[TABLES_FAMILIES])
{
	char text[ADDR_TEXT_MAX];

	for (int f = 0; f < TABLES_FAMILIES; f++) {
		if (pair[f].family != ADDR_NONE)
			say(o, " %s", addr_format(&pair[f], text));
	}
}

struct name_of {
	uint32_t id;
	const char *name;
};

static inline int name_of_one(struct object *o, void *arg)
{
	struct name_of *n = arg;

	if (o->id != n->id)
		return 0;
	n->name = o->name;
	return 1;
}

static inline const char *name_of_id(const struct land *w, uint32_t id)
{
	struct name_of n = {.id = id, .name = "0"};

	for (int k = 0; k < OBJECT_KIND_COUNT; k++)
		(void)landscape_each(w->l, (enum object_kind)k, name_of_one, &n);
	return n.name;
}

/* A line for each route: table, prefix, where to; in the order of the record. */
static inline void routes_are(struct land *w, const char *kind, const char *name, const char *want)
{
	struct tables_network n = get_network(w, kind, name);
	struct out o = {.len = 0};

	for (uint32_t i = 0; i < n.n_routes; i++) {
		const struct tables_route *r = &n.routes[i];
		char to[PREFIX_TEXT_MAX];

		say(&o, "%s %s ", name_of_id(w, r->table), prefix_format(&r->to, to));
		if (r->kind == ROUTE_LINK)
			say(&o, "%s", n.links[r->target].peer_name);
		else
			say(&o, "%s", r->kind == ROUTE_DROP ? "drop" : "uplink");
		for (uint32_t k = 0; k < n.n_nats; k++) {
			if (n.nats[k].table == r->table && prefix_cmp(&n.nats[k].to, &r->to) == 0)
				say_pair(&o, n.nats[k].address);
		}
		say(&o, "\n");
	}
	tables_network_done(&n);
	assert_string_equal(o.text, want);
}

/* What may come by the address: intervals. "-": there is no such endpoint. */
static inline void sources_are(struct land *w, const char *network, const char *addr,
			       const char *want)
{
	struct tables_snapshot *s = tables_acquire(w->t);
	struct tables_endpoint ep;
	struct rangeset set;
	struct out o = {.len = 0};
	char text[ADDR_TEXT_MAX];
	struct addr a;
	int r;

	assert_int_equal(addr_parse(addr, &a), 0);
	r = tables_get_endpoint(s, id_of(w, "network", network), &a, true, &ep, &set);
	if (r == -ERR_NOT_FOUND)
		say(&o, "-");
	else
		assert_int_equal(r, 0);
	if (ep.open)
		say(&o, "open");
	for (uint32_t i = 0; i < set.n4; i++) {
		uint32_t v;

		memcpy(&v, set.v4 + (size_t)i * 4, 4);
		a = addr_v4(i % 2 ? v - 1 : v);
		say(&o, "%s%s", i % 2 ? "-" : i ? " " : "", addr_format(&a, text));
	}
	for (uint32_t i = 0; i < set.n6; i++) {
		a = (struct addr){.family = ADDR_V6};
		memcpy(&a.hi, set.v6_hi + (size_t)i * 8, 8);
		memcpy(&a.lo, set.v6_lo + (size_t)i * 8, 8);
		if (i % 2 && a.lo-- == 0)
			a.hi--;
		say(&o, "%s%s", i % 2 ? "-" : i ? " " : "", addr_format(&a, text));
	}
	tables_release(s);
	assert_string_equal(o.text, want);
}
