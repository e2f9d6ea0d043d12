/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Random documents, random transactions, some given up: after each the landscape must say the same as the naive rules
 * (naive_landscape.h) did, be the same as one made of the surviving documents at once, or be what it was before to the last pointer.
 */
#include "landscape_rig.h"

#include "naive_landscape.h"

#include "base/cleanup.h"

#include <stdlib.h>

#define STEPS 6000

static uint64_t seed;

static size_t below(size_t n)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (size_t)(seed >> 33) % n;
}

/* --- documents -------------------------------------------------------------------------------------------- */

static json_t *name_of(const char *stem, size_t n)
{
	return json_sprintf("%s%zu", stem, below(n));
}

static void set(json_t *doc, const char *field, json_t *value)
{
	json_object_set_new(doc, field, value);
}

static json_t *one_of(const char *const *items, size_t n)
{
	return json_string(items[below(n)]);
}

static json_t *list_of(json_t *a, json_t *b)
{
	json_t *list = json_array();

	json_array_append_new(list, a);
	if (b && !json_equal(a, b))
		json_array_append_new(list, b);
	else
		json_decref(b);
	return list;
}

static const char *const net_spaces[] = {"10.0.0.0/16", "10.1.0.0/16", "10.2.0.0/16",
					 "10.3.0.0/16", "10.0.0.0/20", "10.2.0.0/15"};

static void network_fill(json_t *d)
{
	json_t *list = list_of(one_of(net_spaces, below(4) ? 4 : 6), NULL);

	if (below(3) == 0)
		json_array_append_new(list, json_string("2001:db8::/48"));
	set(d, "addressSpace", list);
}

static void subnet_fill(json_t *d)
{
	json_t *list = json_array();
	size_t net = below(4);

	set(d, "network", json_sprintf("n%zu", net));
	json_array_append_new(list, json_sprintf("10.%zu.%zu.%zu/28", below(5) ? net : below(4),
						 below(6) ? below(3) : 80, below(3) * 16));
	if (below(5) == 0)
		json_array_append_new(list, json_sprintf("2001:db8:0:%zu::/112", below(3)));
	set(d, "ranges", list);
	if (below(3) == 0)
		set(d, "routeTable", name_of("r", 4));
	if (below(5) == 0)
		set(d, "delegation", json_string("clusters"));
}

static json_t *via_make(bool of_hub)
{
	static const char *const ways[][2] = {{"internetGateway", "i"},
					      {"natGateway", "t"},
					      {"peering", "p"},
					      {"hub", "u"},
					      {"site", "o"},
					      {"network", "n"}};
	size_t way = of_hub ? 4 + below(2) : below(5);
	json_t *via = json_object();

	if (below(6) == 0)
		set(via, "drop", json_true());
	else
		set(via, ways[way][0], name_of(ways[way][1], 3));
	return via;
}

static void routes_fill(json_t *d, bool of_hub)
{
	static const char *const to[] = {"0.0.0.0/0", "10.0.0.0/8", "10.3.0.0/17", "::/0"};
	json_t *list = json_array();
	size_t first = below(4), n = below(3);

	for (size_t i = 0; i < n; i++) {
		json_t *route = json_object();

		set(route, "to", json_string(to[(first + i) % 4]));
		set(route, "via", via_make(of_hub));
		json_array_append_new(list, route);
	}
	set(d, "routes", list);
}

static void table_fill(json_t *d)
{
	set(d, "network", name_of("n", 4));
	routes_fill(d, false);
}

static void gateway_fill(json_t *d)
{
	set(d, "network", name_of("n", 4));
}

static void nat_fill(json_t *d)
{
	set(d, "subnet", name_of("s", 6));
	set(d, "publicAddress", name_of("a", 5));
}

static void address_fill(json_t *d)
{
	if (below(3) == 0)
		set(d, "addresses", list_of(json_sprintf("203.0.113.%zu", below(6)), NULL));
	else if (below(5) == 0)
		set(d, "addresses", list_of(json_sprintf("2001:db8:7::%zu", below(6)), NULL));
}

static void peering_fill(json_t *d)
{
	size_t a = below(4), b = (a + 1 + below(3)) % 4;

	set(d, "networks", list_of(json_sprintf("n%zu", a), json_sprintf("n%zu", b)));
}

static void members_fill(json_t *d, const char *field, bool hubs)
{
	json_t *list = json_array();
	size_t first = below(4), n = below(3);

	for (size_t i = 0; i < n; i++) {
		json_t *member = json_object();

		set(member, "network", json_sprintf("n%zu", (first + i) % 4));
		json_array_append_new(list, member);
	}
	if (hubs && below(2)) {
		json_t *member = json_object();

		set(member, "hub", name_of("u", 3));
		json_array_append_new(list, member);
	}
	set(d, field, list);
}

static void hub_fill(json_t *d)
{
	members_fill(d, "attachments", false);
	if (below(3) == 0)
		routes_fill(d, true);
}

static void site_fill(json_t *d)
{
	static const char *const own[] = {"192.168.0.0/24", "192.168.1.0/24", "172.16.0.0/28",
					  "10.3.0.0/24"};

	set(d, "addressSpace", list_of(one_of(own, 4), NULL));
	members_fill(d, "connections", true);
	if (below(3) == 0)
		set(d, "publicAddress", name_of("a", 5));
}

static json_t *groups_make(void)
{
	return list_of(name_of("g", 4), below(3) ? NULL : name_of("g", 4));
}

static void group_fill(json_t *d)
{
	set(d, "network", name_of("n", 4));
	if (below(2))
		set(d, below(2) ? "ingress" : "egress",
		    json_pack("[{ss,so}]", "protocol", "tcp", "groups", groups_make()));
}

static void host_fill(json_t *d)
{
	if (below(4) == 0) {
		set(d, "site", name_of("o", 3));
	} else {
		set(d, "subnet", name_of("s", 6));
		if (below(3) == 0)
			set(d, "securityGroups", groups_make());
		if (below(4) == 0)
			set(d, "publicAddress", name_of("a", 5));
	}
	if (below(3) == 0)
		set(d, "addresses",
		    list_of(json_sprintf("10.%zu.%zu.%zu", below(4), below(2), below(20)), NULL));
	if (below(5) == 0)
		set(d, "attach", json_pack("{so}", "namespace", name_of("x", 3)));
}

static void endpoint_fill(json_t *d)
{
	static const char *const states[] = {"approved", "pending", "rejected", "disconnected"};

	set(d, "cluster", name_of("c", 3));
	set(d, "subnet", name_of("s", 6));
	if (below(3) == 0)
		set(d, "securityGroups", groups_make());
	if (below(2))
		set(d, "state", one_of(states, 4));
}

static void cluster_fill(json_t *d)
{
	static const char *const kinds[] = {"interfaces", "private-link", "integrated"};
	json_t *section = json_object(), *list = json_array();
	size_t kind = below(3), first = below(6), n = below(3);

	set(d, "upstreams", json_pack("[{ss}]", "address", "127.0.0.1"));
	set(d, "public",
	    json_pack("{ss,sb}", "fqdn", json_string_value(json_object_get(d, "name")), "enabled",
		      (int)below(3) != 0));
	set(section, "kind", json_string(kinds[kind]));
	for (size_t i = 0; i < n && !(kind == 2 && i); i++)
		json_array_append_new(
			list, json_pack("{so}", "subnet", json_sprintf("s%zu", (first + i) % 6)));
	set(section, "placements", list);
	if (below(3) == 0)
		set(section, "enabled", json_boolean(below(2)));
	if (below(3) == 0)
		set(section, "securityGroups", groups_make());
	set(d, "private", section);
}

static const struct {
	const char *kind, *stem;
	size_t n;
	void (*fill)(json_t *doc);
} makers[] = {
	{"network", "n", 4, network_fill},   {"subnet", "s", 6, subnet_fill},
	{"route-table", "r", 4, table_fill}, {"internet-gateway", "i", 3, gateway_fill},
	{"nat-gateway", "t", 3, nat_fill},   {"public-address", "a", 5, address_fill},
	{"peering", "p", 3, peering_fill},   {"hub", "u", 3, hub_fill},
	{"site", "o", 3, site_fill},	     {"security-group", "g", 4, group_fill},
	{"host", "h", 12, host_fill},	     {"private-endpoint", "e", 4, endpoint_fill},
	{"cluster", "c", 3, cluster_fill},
};

static json_t *doc_make(void)
{
	json_t *doc = json_object();
	size_t i = below(ARRAY_SIZE(makers));
	struct err e = {0};

	set(doc, "kind", json_string(makers[i].kind));
	set(doc, "name", name_of(makers[i].stem, makers[i].n));
	makers[i].fill(doc);
	if (kind_find(makers[i].kind)->check(doc, false, &e) < 0)
		fail_msg("%s: %s", e.path, e.text);
	return doc;
}

static const char *key_of(const json_t *doc)
{
	static char key[160];

	snprintf(key, sizeof(key), "%s/%s", json_string_value(json_object_get(doc, "kind")),
		 doc_name(doc));
	return key;
}

/* --- what a landscape is ---------------------------------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

struct dump {
	FILE *f;
	bool pointers;
};

static void referrers_dump(const struct object *o, FILE *f)
{
	char(*names)[100] = calloc(o->n_referrers + 1, sizeof(*names));

	for (size_t i = 0; i < o->n_referrers; i++)
		snprintf(names[i], sizeof(*names), "%s/%s", object_kind_text(o->referrers[i]->kind),
			 o->referrers[i]->name);
	qsort(names, o->n_referrers, sizeof(*names), by_text);
	for (size_t i = 0; i < o->n_referrers; i++)
		fprintf(f, " %s", names[i]);
	free(names);
}

/* Names, bodies and referrers of everything, in the order of the world's documents. */
static char *dump(struct landscape *l, const json_t *world, bool pointers)
{
	char *text = NULL;
	size_t len, n = 0;
	FILE *f = open_memstream(&text, &len);
	const char *key;
	json_t *doc;

	json_object_foreach((json_t *)(uintptr_t)world, key, doc)
	{
		struct object *o = landscape_find(l, doc_kind(doc), doc_name(doc));

		if (!o)
			fail_msg("%s is gone", key);
		fprintf(f, "%s %p %u:", key, pointers ? o->body : NULL, pointers ? o->id : 0);
		referrers_dump(o, f);
		fprintf(f, "\n");
	}
	for (size_t k = 0; k < OBJECT_KIND_COUNT; k++)
		n += landscape_count(l, (enum object_kind)k);
	assert_int_equal(n, json_object_size(world));
	fclose(f);
	return text;
}

static const struct prefix rig_pool[] = {{{.lo = 0xcb007100, .family = ADDR_V4}, 28}};

static struct landscape *landscape_make(void)
{
	struct landscape *l;
	struct err e;

	assert_int_equal(landscape_new(&l, &e), 0);
	assert_int_equal(landscape_set_pool(l, rig_pool, 1, &e), 0);
	return l;
}

/* One made at once must be as the one with a history, and find nothing wrong. */
static void fresh_compare(struct landscape *l, const json_t *world)
{
	struct landscape *fresh = landscape_make();
	json_t *docs = json_array(), *doc;
	_cleanup_free_ char *with_history = dump(l, world, false);
	struct verdict v;
	const char *key;

	json_object_foreach((json_t *)(uintptr_t)world, key, doc) json_array_append(docs, doc);
	v = landscape_apply(fresh, docs, NULL, false);
	if (v.r < 0)
		fail_msg("a landscape made at once: %s at %s: %s", v.blame, v.e.path, v.e.text);
	_cleanup_free_ char *at_once = dump(fresh, world, false);
	assert_string_equal(with_history, at_once);
	json_decref(docs);
	landscape_free(fresh);
}

/* --- transactions ----------------------------------------------------------------------------------------- */

struct step {
	json_t *after; /* the world as it would be */
	json_t *puts;  /* documents, in the world too */
	bool is_exhausted;
};

static void step_random(struct landscape *l, struct step *s)
{
	size_t n = 1 + below(4);
	struct object *o;
	struct err e = {0};

	for (size_t i = 0; i < n; i++) {
		json_t *doc = doc_make();

		if (below(4) == 0) {
			assert_int_equal(landscape_delete(l, doc_kind(doc), doc_name(doc), &e), 0);
			json_object_del(s->after, key_of(doc));
		} else {
			if (landscape_put(l, doc_kind(doc), (uint32_t)below(1000), doc, &o, &e) < 0)
				fail_msg("%s: %s", e.path, e.text);
			json_object_set(s->after, key_of(doc), doc);
			json_array_append(s->puts, doc);
		}
		json_decref(doc);
	}
}

static void step_allocate(struct landscape *l, struct step *s, const json_t *before)
{
	struct err e = {0};
	json_t *doc;
	size_t i;

	json_array_foreach(s->puts, i, doc)
	{
		struct object *o = landscape_find(l, doc_kind(doc), doc_name(doc));

		/* Put again or deleted since: not what the landscape has. */
		if (json_object_get(s->after, key_of(doc)) != doc)
			continue;
		if (landscape_allocate(l, o, json_object_get(before, key_of(doc)), doc, &e) < 0)
			s->is_exhausted = true;
	}
}

struct tally {
	size_t accepted, refused, given_up;
};

static json_t *one_step(struct landscape *l, json_t *world, struct tally *t)
{
	_cleanup_free_ char *before = dump(l, world, true);
	struct step s = {json_copy(world), json_array(), false};
	const struct object *blame = NULL;
	const char *broken;
	struct err e = {0};
	int r;

	landscape_begin(l);
	step_random(l, &s);
	step_allocate(l, &s, world);
	r = landscape_check(l, false, &blame, &e);
	broken = naive_broken(s.after, world);
	if (!s.is_exhausted && (r < 0) != (broken != NULL))
		fail_msg("landscape: %s %s: %s; naive: %s\nbefore %s\nputs %s",
			 r < 0 ? "no" : "yes", e.path, e.text, broken ? broken : "yes",
			 json_dumps(world, 0), json_dumps(s.puts, 0));
	if (r < 0)
		assert_true(e.text[0] && blame);
	json_decref(s.puts);
	if (r < 0 || s.is_exhausted || below(5) == 0) {
		landscape_abort(l);
		_cleanup_free_ char *after = dump(l, world, true);
		assert_string_equal(before, after);
		json_decref(s.after);
		t->refused += r < 0;
		t->given_up += r == 0;
		return world;
	}
	landscape_commit(l);
	t->accepted++;
	json_decref(world);
	return s.after;
}

static void test_random(void **state)
{
	struct landscape *l = landscape_make();
	json_t *world = json_object();
	struct tally t = {0};

	seed = 20261125;
	if (getenv("RANDOM_SEED"))
		seed = strtoull(getenv("RANDOM_SEED"), NULL, 10);
	for (int i = 0; i < STEPS; i++) {
		size_t accepted = t.accepted;

		world = one_step(l, world, &t);
		if (t.accepted != accepted && below(4) == 0)
			fresh_compare(l, world);
	}
	printf("%zu accepted, %zu refused, %zu given up, %zu objects at the end\n", t.accepted,
	       t.refused, t.given_up, json_object_size(world));
	assert_true(t.accepted > STEPS / 20 && t.refused > STEPS / 20 && t.given_up > STEPS / 100);
	fresh_compare(l, world);
	json_decref(world);
	landscape_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
