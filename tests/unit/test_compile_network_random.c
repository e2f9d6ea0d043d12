/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Random landscapes and random changes: what is compiled change by change, or caught up with, is what is compiled from nothing; and
 * routes and sources are those of the oracle (net_oracle.h), asked address by address.
 */
#include "net_oracle.h"
#include "net_random.h"

/* --- the tables against the oracle --------------------------------------------------------------------------------- */

static struct addr some_addr(bool v6)
{
	static const unsigned ends[] = {0, 1, 4, 5, 6, 17, 130, 255};
	const unsigned v = (unsigned)below(NETWORKS + 1), k = (unsigned)below(SUBNETS + 1);
	const unsigned h = ends[below(ARRAY_SIZE(ends))];
	char text[64];
	struct addr a;

	if (v6)
		snprintf(text, sizeof(text), below(8) ? "fd00:%u:0:%u::%x" : "2001:%u:0:%u::%x",
			 below(6) ? v : 0x55, k, h);
	else if (below(5) == 0)
		snprintf(text, sizeof(text), "172.%u.%u.%u", 16 + v % 3, k, h);
	else
		snprintf(text, sizeof(text), "%u.%u.%u.%u", below(8) ? 10 : 8, below(9) ? v : 77, k,
			 h);
	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

struct counts {
	unsigned admitted, refused, routes, steps, denied;
};

static struct counts counts;

/* The longest route of the table, and its NAT. */
static const struct tables_route *table_find(const struct tables_network *n, uint32_t table,
					     const struct addr *d, const struct addr **ret_nat)
{
	const struct tables_route *best = NULL;

	for (uint32_t i = 0; i < n->n_routes; i++) {
		const struct tables_route *r = &n->routes[i];

		if (r->table == table && prefix_contains(&r->to, d) &&
		    (!best || r->to.len > best->to.len))
			best = r;
	}
	*ret_nat = NULL;
	for (uint32_t i = 0; best && i < n->n_nats; i++) {
		if (n->nats[i].table == table && prefix_cmp(&n->nats[i].to, &best->to) == 0)
			*ret_nat = &n->nats[i].address[addr_index(d)];
	}
	return best;
}

static void check_hop(const struct tables_network *n, uint32_t table, const struct addr *d,
		      struct o_hop want)
{
	const struct addr *nat, *want_nat = want.kind == O_NAT ? o_nat(&want, d) : NULL;
	const struct tables_route *r = table_find(n, table, d, &nat);
	char text[ADDR_TEXT_MAX];
	bool same;

	if (want.kind == O_NAT && !want_nat)
		want.kind = object_is_router(want.target) ? O_NONE : O_DROP;
	/* A site has no route where its address is of the other family. */
	if (want.kind == O_DROP && !r && n->kind == ROUTER_SITE)
		return;
	switch (want.kind) {
	case O_NONE:
		same = !r;
		break;
	case O_DROP:
		same = r && r->kind == ROUTE_DROP && !nat;
		break;
	case O_LINK:
		same = r && r->kind == ROUTE_LINK && n->links[r->target].peer == want.target->id;
		break;
	case O_GATEWAY:
		same = r && r->kind == ROUTE_UPLINK && !nat;
		break;
	default:
		same = r && r->kind == ROUTE_UPLINK && nat && addr_is_equal(nat, want_nat);
	}
	if (!same)
		fail_msg("%s, table %u, to %s: wanted %d, got %d", n->name, table,
			 addr_format(d, text), want.kind, r ? r->kind : -1);
	counts.routes++;
}

static int check_subnet_routes(struct object *o, void *arg)
{
	const struct tables_network *n = arg;
	const struct subnet *s = object_subnet(o);
	uint32_t table = s->route_table ? s->route_table->id : n->id;

	for (int i = 0; i < 30; i++) {
		const struct addr d = some_addr(below(3) == 0);

		if (!o_has(s->network, &d, NULL))
			check_hop(n, table, &d, o_route(s->network, s, &d));
	}
	return 0;
}

static int check_router(struct object *o, void *arg)
{
	struct land *w = arg;
	struct tables_network n = get_network(w, object_kind_text(o->kind), o->name);

	if (o->kind == OBJECT_NETWORK)
		(void)network_each_subnet(o, check_subnet_routes, &n);
	for (int i = 0; o->kind != OBJECT_NETWORK && i < 30; i++) {
		const struct addr d = some_addr(below(3) == 0);

		if (o->kind == OBJECT_HUB)
			check_hop(&n, 0, &d, o_hub(o, &d));
		else if (!o_has(o, &d, NULL))
			check_hop(&n, n.id, &d, o_route(o, NULL, &d));
	}
	tables_network_done(&n);
	return 0;
}

struct at {
	struct land *w;
	struct object *network;
	struct tables_snapshot *s;
};

static void check_source(const struct at *at, const struct endpoint_view *ep, const struct addr *e,
			 const struct addr *x)
{
	const bool want = o_admits(at->w->l, at->network, ep, e, x);
	char text[2][ADDR_TEXT_MAX];
	struct tables_endpoint got;
	struct rangeset set;
	bool yes = false;
	int r = tables_get_endpoint(at->s, at->network->id, e, true, &got, &set);

	assert_int_equal(r, ep->is_enabled ? 0 : -ERR_NOT_FOUND);
	if (r == 0) {
		yes = got.open || rangeset_contains(&set, x);
		assert_int_equal(got.port, ep->rules->port);
		assert_int_equal(got.cluster, ep->cluster->id);
		assert_int_equal(got.owner, ep->owner->id);
	}
	if (yes != want)
		fail_msg("%s of %s, from %s: %s", addr_format(e, text[0]), at->network->name,
			 addr_format(x, text[1]), yes ? "admitted" : "refused");
	if (yes)
		counts.admitted++;
	else
		counts.refused++;
}

static int check_endpoint(const struct endpoint_view *ep, void *arg)
{
	for (int f = 0; f < FAMILIES; f++) {
		for (int i = 0; ep->addresses[f].family != ADDR_NONE && i < 40; i++) {
			const struct addr x = some_addr(f == V6);

			check_source(arg, ep, &ep->addresses[f], &x);
		}
	}
	return 0;
}

static int check_endpoints(struct object *network, void *arg)
{
	struct land *w = arg;
	struct at at = {.w = w, .network = network, .s = tables_acquire(w->t)};

	assert_non_null(at.s);
	(void)network_each_endpoint(network, check_endpoint, &at);
	tables_release(at.s);
	return 0;
}

static void check_all(struct land *w)
{
	static const enum object_kind routers[] = {OBJECT_NETWORK, OBJECT_HUB, OBJECT_SITE};

	same_as_fresh_with(w->t, w->l, w->s);
	for (size_t i = 0; i < ARRAY_SIZE(routers); i++)
		(void)landscape_each(w->l, routers[i], check_router, w);
	(void)landscape_each(w->l, OBJECT_NETWORK, check_endpoints, w);
}

/* --- steps -------------------------------------------------------------------------------------------------------- */

static int nth_object(struct object *o, void *arg)
{
	struct object **found = arg;

	*found = o;
	return below(3) == 0;
}

/* Each object at most once in a step: what is put cannot be deleted by it as well. */
static bool is_in(const json_t *docs, const char *kind, const char *name)
{
	for (size_t i = 0; i < json_array_size(docs); i++) {
		const json_t *doc = json_array_get(docs, i);

		if (strcmp(doc_name(doc), name) == 0 &&
		    strcmp(object_kind_text(doc_kind(doc)), kind) == 0)
			return true;
	}
	return false;
}

static json_t *some_docs(const struct land *w)
{
	json_t *docs = json_array();

	for (size_t n = 1 + below(3); n > 0; n--) {
		struct out o = {.len = 0};
		json_t *made;

		make_one(w, &o);
		if (o.len == 0)
			continue;
		made = documents(o.text);
		if (!is_in(docs, object_kind_text(doc_kind(json_array_get(made, 0))),
			   doc_name(json_array_get(made, 0))))
			json_array_extend(docs, made);
		json_decref(made);
	}
	return docs;
}

static void some_deleted(const struct land *w, const json_t *docs, struct out *o)
{
	struct object *found = NULL;

	if (below(3))
		return;
	(void)landscape_each(w->l, (enum object_kind)below(OBJECT_KIND_COUNT), nth_object, &found);
	if (found && !is_in(docs, object_kind_text(found->kind), found->name))
		say(o, "%s/%s", object_kind_text(found->kind), found->name);
}

static void random_step(struct land *w, bool compiled)
{
	json_t *docs = some_docs(w);
	struct out deleted = {.len = 0};
	struct verdict v;

	some_deleted(w, docs, &deleted);
	if (json_array_size(docs) > 0 || deleted.len > 0) {
		v = land_change(w, docs, deleted.text, compiled);
		counts.steps += v.r == 0;
		counts.denied += v.r != 0;
		if (getenv("SHOW_DENIED") && v.r != 0)
			print_message("%s: %s\n", v.e.path, v.e.text);
	}
	json_decref(docs);
}

static void random_run(uint64_t seed, int steps)
{
	struct land w = land_open();
	struct err e = {0};

	rng = seed;
	for (unsigned i = 0; i < NETWORKS; i++) {
		struct out o = {.len = 0};

		space[i] = below(2) ? i : (unsigned)below(NETWORKS);
		say(&o, "kind: network\nname: n%u\naddressSpace: [10.%u.0.0/16, 'fd00:%u::/48']\n",
		    i, space[i], space[i]);
		land_must(&w, o.text, NULL);
	}
	for (int i = 0; i < steps; i++) {
		if (below(8) == 0) { /* ended between the store's commit and the tables' */
			for (size_t n = 1 + below(3); n > 0; n--)
				random_step(&w, false);
			must_ok(compile_catch_up(w.t, w.l, w.s, NULL, &e), &e);
		} else {
			random_step(&w, true);
		}
		check_all(&w);
	}
	land_close(&w);
	store_erase();
	assert_int_equal(tables_erase(path_of("tables"), NULL), 0);
	assert_int_equal(tables_erase(path_of("fresh"), NULL), 0);
}

static void test_random_changes(void **state)
{
	const char *text = getenv("NET_SEEDS");
	const uint64_t seeds = text ? (uint64_t)strtoul(text, NULL, 10) : 6;

	for (uint64_t seed = 1; seed <= seeds; seed++) {
		print_message("seed %llu\n", (unsigned long long)seed);
		random_run(seed * 0x9e3779b97f4a7c15u, 250);
	}
	print_message("%u changes, %u denied; %u routes; %u sources admitted, %u refused\n",
		      counts.steps, counts.denied, counts.routes, counts.admitted, counts.refused);
	assert_true(counts.admitted > 1000 && counts.refused > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_random_changes, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
