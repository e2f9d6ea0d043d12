/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Names to tables, by example: the resolver of a router, what its view forwards, which of two zones of one domain is asked while they come and
 * go, serials, ids that change under a name, a zone that cannot be made; and what it costs.
 */
#include "names_ask.h"

#include "model/names.h"
#include "model/view.h"

#include <time.h>

/* --- resolvers -------------------------------------------------------------------------------------------------- */

static void resolvers_are(struct land *w, const char *kind, const char *name, const char *want)
{
	struct tables_network n = get_network(w, kind, name);
	struct out o = {.len = 0};
	char text[ADDR_TEXT_MAX];

	for (uint32_t i = 0; i < n.n_resolvers; i++)
		say(&o, "%s%s ", addr_format(&n.resolvers[i].addr, text),
		    n.resolvers[i].asks ? " asks" : "");
	tables_network_done(&n);
	assert_string_equal(o.text, want);
}

static void config_is(struct land *w, const char *kind, const char *name, const char *want)
{
	struct tables_snapshot *s = tables_acquire(w->t);
	struct out o = {.len = 0};
	char text[DNAME_TEXT_MAX];
	struct view_config v;

	assert_int_equal(tables_get_view(s, id_of(w, kind, name), &v), 0);
	say(&o, "%s", v.flags & VIEW_DEFAULT_SERVERS ? "default" : "own");
	for (unsigned i = 0; i < v.n_servers; i++)
		say(&o, " %s:%u", addr_format(&v.servers[i].addr, text), v.servers[i].port);
	for (size_t i = 0; i < v.n_forwards; i++) {
		say(&o, ", %s", dname_format(v.forwards[i].domain, text));
		for (unsigned k = 0; k < v.forwards[i].n_servers; k++)
			say(&o, " %s", addr_format(&v.forwards[i].servers[k].addr, text));
	}
	tables_view_done(&v);
	tables_release(s);
	assert_string_equal(o.text, want);
}

#define DUAL "10.1.0.0/16, 'fd00:a::/48'"

static void test_resolvers(void **state)
{
	struct land w = land_open();

	land_must(&w,
		  NETWORK("a", DUAL) SUBNET("s1", "a", "10.1.1.0/24, 'fd00:a:0:1::/64'", "")
			  SUBNET("s2", "a", "10.1.2.0/24", "")
				  SUBNET("lent", "a", "10.1.3.0/28", "delegation: clusters\n"),
		  NULL);
	resolvers_are(&w, "network", "a", "10.1.1.2 10.1.2.2 168.63.129.16 fd00:a:0:1::2 ");
	config_is(&w, "network", "a", "default");

	/* Forwarding by the daemon needs no socket here; servers of its own do, in their families. */
	land_must(&w, NETWORK("a", DUAL) "dns: {servers: [10.9.0.1, 10.9.0.2]}\n", NULL);
	resolvers_are(&w, "network", "a", "10.1.1.2 asks 10.1.2.2 168.63.129.16 fd00:a:0:1::2 ");
	assert_true(w.outcome.networks_changed);
	config_is(&w, "network", "a", "own 10.9.0.1:53 10.9.0.2:53");
	land_must(&w,
		  NETWORK("a", DUAL) "dns: {servers: [], forward: [{domain: Corp.Example, "
				     "servers: ['fd00:b::1']}]}\n",
		  NULL);
	resolvers_are(&w, "network", "a", "10.1.1.2 10.1.2.2 168.63.129.16 fd00:a:0:1::2 asks ");
	config_is(&w, "network", "a", "own, corp.example. fd00:b::1");

	/* Which servers they are is nothing to netd. */
	land_must(&w,
		  NETWORK("a", DUAL) "dns: {servers: [], forward: [{domain: corp.example, "
				     "servers: ['fd00:b::2']}]}\n",
		  NULL);
	assert_false(w.outcome.networks_changed);
	config_is(&w, "network", "a", "own, corp.example. fd00:b::2");
	land_must(&w, NETWORK("a", DUAL) "dns: {enabled: false}\n", NULL);
	resolvers_are(&w, "network", "a", "");
	assert_true(w.outcome.networks_changed);

	land_must(&w, "kind: site\nname: o\naddressSpace: [192.168.7.0/24, 172.16.0.0/16]\n", NULL);
	resolvers_are(&w, "site", "o", "168.63.129.16 192.168.7.2 ");
	config_is(&w, "site", "o", "default");
	land_must(&w,
		  "kind: site\nname: o\naddressSpace: [192.168.7.0/24, 172.16.0.0/16]\n"
		  "dns: {servers: [10.9.0.1]}\n",
		  NULL);
	resolvers_are(&w, "site", "o", "168.63.129.16 192.168.7.2 asks ");
	land_must(&w, NETWORK("six", "'fd00:6::/48'") SUBNET("s6", "six", "'fd00:6:0:1::/64'", ""),
		  NULL);
	resolvers_are(&w, "network", "six", "fd00:6:0:1::2 ");
	same_as_fresh_with(w.t, w.l, w.s);
	land_close(&w);
}

/* --- which zone is asked ---------------------------------------------------------------------------------------- */

static const struct addr listener = {.lo = 0xcb007101, .family = ADDR_V4};

static struct land names_open(void)
{
	struct land w = land_open();

	must_ok(landscape_set_public(w.l, &listener, 1, NULL), NULL);
	return w;
}

static void answer_is(struct land *w, const char *network, const char *name, int rcode,
		      const char *want)
{
	const struct object *router =
		network ? landscape_find(w->l, OBJECT_NETWORK, network) : NULL;
	struct asked a = ask(w->t, router, name, RR_A);

	assert_int_equal(a.outcome, DNS_ANSWER);
	if (a.rcode != rcode || strcmp(a.answers, want) != 0)
		fail_msg("%s in %s: rcode %d, %s", name, network ? network : "internet", a.rcode,
			 a.answers);
}

#define TWO                                  \
	NETWORK("a", "10.1.0.0/16")          \
	NETWORK("b", "10.2.0.0/16")          \
	SUBNET("a1", "a", "10.1.1.0/24", "") \
	SUBNET("b1", "b", "10.2.1.0/24", "")
#define PRIVATE(name, subnet, addr, dns)                                                    \
	"---\nkind: cluster\nname: " name                                                   \
	"\nupstreams: [{address: 10.255.0.5}]\npublic: {fqdn: " name ".example}\nprivate: " \
	"{kind: private-link, placements: [{subnet: " subnet ", addresses: [" addr "]}]}\n" dns
#define ZONE(name, domain, addr)                                                              \
	"---\nkind: zone\nname: " name "\ndomain: " domain "\nvisibility: private\nrecords: " \
	"[{name: '@', type: A, values: [" addr "]}]\n"
#define LINK(name, zone, net) \
	"---\nkind: zone-link\nname: " name "\nzone: " zone "\nnetwork: " net "\n"

/* A zone that is declared hides the name of a cluster, where it is linked and as long as it is. */
static void test_declared_hides_name(void **state)
{
	struct land w = names_open();

	land_must(&w, TWO PRIVATE("k", "a1", "10.1.1.9", ""), NULL);
	answer_is(&w, "a", "k.example", DNS_NOERROR, "10.1.1.9 ");
	answer_is(&w, "b", "k.example", DNS_NOERROR, "203.0.113.1 ");
	answer_is(&w, NULL, "k.example", DNS_NOERROR, "203.0.113.1 ");

	land_must(&w, ZONE("z", "k.example", "9.9.9.9") LINK("l", "z", "a"), NULL);
	answer_is(&w, "a", "k.example", DNS_NOERROR, "9.9.9.9 ");
	answer_is(&w, "b", "k.example", DNS_NOERROR, "203.0.113.1 ");
	/* What is hidden goes on changing. */
	land_must(&w, PRIVATE("k", "a1", "10.1.1.8", ""), NULL);
	answer_is(&w, "a", "k.example", DNS_NOERROR, "9.9.9.9 ");
	same_as_fresh_with(w.t, w.l, w.s);
	land_must(&w, NULL, "zone-link/l");
	answer_is(&w, "a", "k.example", DNS_NOERROR, "10.1.1.8 ");

	land_must(&w, LINK("l", "z", "a"), NULL);
	land_must(&w, NULL, "cluster/k");
	answer_is(&w, "a", "k.example", DNS_NOERROR, "9.9.9.9 ");
	land_must(&w, PRIVATE("k", "a1", "10.1.1.9", ""), NULL);
	answer_is(&w, "a", "k.example", DNS_NOERROR, "9.9.9.9 ");
	/* Domain and link at once. */
	land_must(&w, ZONE("z", "other.example", "9.9.9.9"), NULL);
	answer_is(&w, "a", "k.example", DNS_NOERROR, "10.1.1.9 ");
	answer_is(&w, "a", "other.example", DNS_NOERROR, "9.9.9.9 ");
	same_as_fresh_with(w.t, w.l, w.s);
	land_close(&w);
}

struct told {
	const char *name, *address;
	size_t n;
};

static int told_check(const char *name, const struct object *cluster, const struct addr *addresses,
		      size_t n, void *arg)
{
	struct told *t = arg;
	char text[ADDR_TEXT_MAX];

	if (strcmp(name, t->name) != 0)
		return 0;
	assert_int_equal(n, 1);
	assert_string_equal(addr_format(addresses, text), t->address);
	t->n++;
	return 0;
}

/* Hosts are told what the name server answers. */
static void told_is(struct land *w, const char *network, const char *name, const char *address)
{
	struct told t = {name, address, 0};

	assert_int_equal(names_of(w->l, landscape_find(w->l, OBJECT_NETWORK, network), &listener, 1,
				  told_check, &t),
			 0);
	assert_true(t.n > 0);
}

/* A private name never takes another cluster's public name away, not even from those who see nothing of either. */
static void test_public_hides_private_name(void **state)
{
	struct land w = names_open();

	land_must(&w, TWO CLUSTER("victim"), NULL);
	land_must(&w,
		  ZONE("z", "example", "9.9.9.9")
			  PRIVATE("k", "b1", "10.2.1.9",
				  "dns: {zone: own, ownZone: z, privateFqdn: victim.example}\n"),
		  NULL);
	answer_is(&w, NULL, "victim.example", DNS_NOERROR, "203.0.113.1 ");
	answer_is(&w, "a", "victim.example", DNS_NOERROR, "203.0.113.1 ");
	same_as_fresh_with(w.t, w.l, w.s);
	/* With an address of each in one network. */
	land_must(&w, ENDPOINT("theirs", "k", "a1", "10.1.1.20", ""), NULL);
	answer_is(&w, "a", "victim.example", DNS_NOERROR, "10.1.1.20 ");
	land_must(&w, ENDPOINT("ours", "victim", "a1", "10.1.1.10", ""), NULL);
	answer_is(&w, "a", "victim.example", DNS_NOERROR, "10.1.1.10 ");
	told_is(&w, "a", "victim.example", "10.1.1.10");
	same_as_fresh_with(w.t, w.l, w.s);
	land_must(&w, NULL, "private-endpoint/ours");
	answer_is(&w, "a", "victim.example", DNS_NOERROR, "10.1.1.20 ");
	land_must(&w, NULL, "private-endpoint/theirs");
	answer_is(&w, "a", "victim.example", DNS_NOERROR, "203.0.113.1 ");
	land_must(&w, NULL, "cluster/victim");
	answer_is(&w, NULL, "victim.example", DNS_NXDOMAIN, "");
	same_as_fresh_with(w.t, w.l, w.s);
	land_close(&w);
}

/* Two clusters with one private name in zones that do not see each other: either may go first. */
static void test_one_private_name_twice(void **state)
{
	static const char *const orders[][2] = {{"cluster/k1", "cluster/k2"},
						{"cluster/k2", "cluster/k1"}};
	struct land w = names_open();

	land_must(&w, TWO ZONE("z1", "p.test", "9.9.9.1") ZONE("z2", "p.test", "9.9.9.2"), NULL);
	for (size_t i = 0; i < 2; i++) {
		struct asked a;

		land_must(&w,
			  PRIVATE("k1", "a1", "10.1.1.9",
				  "dns: {zone: own, ownZone: z1, privateFqdn: x.p.test}\n")
				  PRIVATE("k2", "b1", "10.2.1.9",
					  "dns: {zone: own, ownZone: z2, privateFqdn: x.p.test}\n"),
			  NULL);
		land_must(&w, NULL, orders[i][0]);
		same_as_fresh_with(w.t, w.l, w.s);
		a = ask(w.t, landscape_find(w.l, OBJECT_NETWORK, "a"), "x.p.test", RR_A);
		assert_int_equal(a.rcode, DNS_NXDOMAIN);
		assert_int_equal(a.ede, 0); /* told that it is not linked */
		land_must(&w, NULL, orders[i][1]);
		same_as_fresh_with(w.t, w.l, w.s);
		a = ask(w.t, landscape_find(w.l, OBJECT_NETWORK, "a"), "x.p.test", RR_A);
		assert_int_equal(a.rcode, DNS_REFUSED);
	}
	land_close(&w);
}

/* --- serials, ids ----------------------------------------------------------------------------------------------- */

static uint32_t serial_of(struct land *w, const char *zone)
{
	struct tables_snapshot *s = tables_acquire(w->t);
	struct zone z;

	assert_int_equal(tables_get_zone(s, id_of(w, "zone", zone), true, &z), 0);
	tables_release(s);
	return z.serial;
}

/* The generation in which the zone was last another one, whatever else has changed, also when tables are mended. */
static void test_serial(void **state)
{
	struct land w = names_open();
	struct err e = {0};
	uint32_t serial;
	json_t *docs;

	land_must(&w, TWO ZONE("z", "z.test", "9.9.9.9"), NULL);
	serial = serial_of(&w, "z");
	assert_int_equal(serial, store_revision(w.s));
	land_must(&w, LINK("l", "z", "a"), NULL);
	land_must(&w, ZONE("y", "y.test", "9.9.9.9"), NULL);
	assert_int_equal(serial_of(&w, "z"), serial);
	land_must(&w, ZONE("z", "z.test", "9.9.9.8"), NULL);
	assert_int_equal(serial_of(&w, "z"), store_revision(w.s));
	serial = serial_of(&w, "z");

	docs = documents(ZONE("y", "y.test", "9.9.9.7"));
	(void)land_change(&w, docs, NULL, false);
	json_decref(docs);
	must_ok(compile_catch_up(w.t, w.l, w.s, NULL, &e), &e);
	assert_int_equal(serial_of(&w, "z"), serial);
	assert_int_equal(serial_of(&w, "y"), store_revision(w.s));
	answer_is(&w, "a", "z.test", DNS_NOERROR, "9.9.9.8 ");
	same_as_fresh_with(w.t, w.l, w.s);

	/* Deleted while the tables were behind. */
	docs = json_array();
	(void)land_change(&w, docs, "zone-link/l zone/z", false);
	json_decref(docs);
	must_ok(compile_catch_up(w.t, w.l, w.s, NULL, &e), &e);
	answer_is(&w, "a", "z.test", DNS_REFUSED, "");
	same_as_fresh_with(w.t, w.l, w.s);
	land_close(&w);
}

/* Deleted and declared again by one change, each under the id that it gets: nothing is left of the old ones. */
static void test_same_name_another_id(void **state)
{
	static const char yaml[] = ZONE("z", "z.test", "9.9.9.9") LINK("l", "z", "a")
		PRIVATE("k", "a1", "10.1.1.9", "dns: {zone: system}\n") NETWORK("a", "10.1.0.0/16");
	struct compile_change changes[4] = {{0}};
	const struct object *blame;
	struct land w = names_open();
	struct err e = {0};
	struct object *o;
	json_t *docs = documents(yaml);

	land_must(&w, TWO, NULL);
	land_must(&w, yaml, NULL);
	landscape_begin(w.l);
	for (size_t i = 0; i < 4; i++) {
		const json_t *doc = json_array_get(docs, i);

		o = landscape_find(w.l, doc_kind(doc), doc_name(doc));
		changes[i] = (struct compile_change){.id = o->id, .before = doc};
		must_ok(landscape_delete(w.l, doc_kind(doc), doc_name(doc), &e), &e);
		must_ok(landscape_put(w.l, doc_kind(doc), 0, doc, &o, &e), &e);
		landscape_set_id(w.l, o, 900 + (uint32_t)i);
	}
	must_ok(landscape_check(w.l, true, &blame, &e), &e);
	must_ok(compile_changes(w.t, w.l, changes, 4, 90, store_id(w.s), NULL, &e), &e);
	landscape_commit(w.l);
	answer_is(&w, "a", "z.test", DNS_NOERROR, "9.9.9.9 ");
	answer_is(&w, "a", "k.k.privatelink.example", DNS_NOERROR, "10.1.1.9 ");

	/* From nothing, at the same generation. */
	struct tables *fresh = must_tables("fresh");
	landscape_begin(w.l);
	must_ok(compile_all(fresh, w.l, w.s, NULL, &e), &e);
	landscape_commit(w.l);
	struct tables_snapshot *a = tables_acquire(w.t), *b = tables_acquire(fresh);

	for (enum table t = TABLE_ZONE; t <= TABLE_ZONE_KEY; t++)
		same_table(w.t, fresh, t);
	assert_int_equal(count_name_zones(w.t), count_name_zones(fresh));
	tables_release(a);
	tables_release(b);
	tables_close(fresh);
	json_decref(docs);
	land_close(&w);
}

/* --- what cannot be made ---------------------------------------------------------------------------------------- */

/* Past the check, as a document that an older version took: it is told, everything else is compiled, and who asks is told, too. */
static void test_zone_that_cannot_be_made(void **state)
{
	json_t *docs;
	struct land w = names_open();
	struct err e = {0};
	struct object *o;
	struct asked a;

	land_must(&w, TWO ZONE("z", "example", "9.9.9.9") LINK("l", "z", "a"), NULL);
	docs = documents(PRIVATE("k", "a1", "10.1.1.9", "dns: {zone: own, ownZone: z}\n")
				 ZONE("y", "y.test", "9.9.9.9") LINK("ly", "y", "a"));
	json_array_append_new(docs,
			      json_pack("{ss,ss,ss,ss,s[{ss,ss,s[s]}]}", "kind", "zone", "name",
					"z", "domain", "example", "visibility", "private",
					"records", "name", "k", "type", "A", "values", "9.9.9.8"));
	landscape_begin(w.l);
	for (size_t i = 0; i < json_array_size(docs); i++) {
		json_t *doc = json_array_get(docs, i);

		must_ok(landscape_put(w.l, doc_kind(doc),
				      i < 3 ? 900 + (uint32_t)i : id_of(&w, "zone", "z"), doc, &o,
				      &e),
			&e);
	}
	must_ok(compile_changes(w.t, w.l, NULL, 0, 90, store_id(w.s), NULL, &e), NULL);
	landscape_commit(w.l);
	assert_int_equal(e.code, ERR_INVALID);
	assert_non_null(strstr(e.text, "zone \"example\" cannot be made"));
	assert_non_null(strstr(e.text, "has a record set of this type already"));
	a = ask(w.t, landscape_find(w.l, OBJECT_NETWORK, "a"), "www.example", RR_A);
	assert_int_equal(a.rcode, DNS_SERVFAIL);
	answer_is(&w, "a", "y.test", DNS_NOERROR, "9.9.9.9 ");
	json_decref(docs);
	land_close(&w);
}

/* --- cost ------------------------------------------------------------------------------------------------------- */

static double cpu_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static size_t cost_of(const char *variable, size_t otherwise)
{
	const char *text = getenv(variable);

	return text ? (size_t)strtoul(text, NULL, 10) : otherwise;
}

static void cost_put(struct land *w, json_t *doc, uint32_t id)
{
	struct object *o;
	struct err e = {0};

	assert_non_null(doc);
	must_ok(landscape_put(w->l, doc_kind(doc), id, doc, &o, &e), &e);
	json_decref(doc);
}

static json_t *cost_cluster(size_t i, bool enabled)
{
	return json_pack("{ss,so,s[{ss}],s{so,sb}}", "kind", "cluster", "name",
			 json_sprintf("c%zu", i), "upstreams", "address", "10.255.0.5", "public",
			 "fqdn", json_sprintf("c%zu.k8s.example", i), "enabled", enabled);
}

static json_t *cost_zone(size_t i, size_t n_records, const char *value)
{
	json_t *records = json_array();

	for (size_t k = 0; k < n_records; k++)
		json_array_append_new(records,
				      json_pack("{so,ss,s[s]}", "name", json_sprintf("host-%zu", k),
						"type", "A", "values", k ? "10.0.0.1" : value));
	return json_pack("{ss,so,so,ss,so}", "kind", "zone", "name", json_sprintf("z%zu", i),
			 "domain", json_sprintf("z%zu.internal.example", i), "visibility",
			 "private", "records", records);
}

static void cost_all(struct land *w, const char *what)
{
	struct err e = {0};
	double start = cpu_ms();

	must_ok(compile_all(w->t, w->l, w->s, NULL, &e), &e);
	print_message("%s: compile_all %.1f ms CPU\n", what, cpu_ms() - start);
}

/* Each put is a change of its own. */
static void cost_change(struct land *w, const char *what, json_t *(*make)(size_t i), uint32_t id)
{
	static uint64_t generation = 1000;
	const size_t rounds = 20;
	double spent = 0;
	struct err e = {0};

	for (size_t i = 0; i < rounds; i++) {
		double start;

		landscape_begin(w->l);
		cost_put(w, make(i), id);
		start = cpu_ms();
		must_ok(compile_changes(w->t, w->l, NULL, 0, generation++, store_id(w->s), NULL,
					&e),
			&e);
		spent += cpu_ms() - start;
		landscape_commit(w->l);
	}
	print_message("%s: compile_changes %.3f ms CPU\n", what, spent / (double)rounds);
}

static json_t *one_cluster(size_t i)
{
	return cost_cluster(1, i % 2);
}

static void test_cost_clusters(void **state)
{
	const size_t n = cost_of("CLUSTERS", 1000);
	struct land w = names_open();
	char what[64];

	landscape_begin(w.l);
	for (size_t i = 0; i < n; i++)
		cost_put(&w, cost_cluster(i, true), 100 + (uint32_t)i);
	snprintf(what, sizeof(what), "%zu clusters, names on the internet", n);
	cost_all(&w, what);
	landscape_commit(w.l);
	cost_change(&w, "one of them", one_cluster, 101);
	land_close(&w);
}

static json_t *one_link(size_t i)
{
	return json_pack("{ss,ss,ss,ss,sb}", "kind", "zone-link", "name", "l1-1", "zone", "z1",
			 "network", "n1", "fallThrough", i % 2);
}

static void test_cost_networks(void **state)
{
	const size_t n = cost_of("NETWORKS", 20), zones = 50;
	struct land w = names_open();
	uint32_t id = 100;
	char what[64];

	landscape_begin(w.l);
	for (size_t k = 0; k < zones; k++)
		cost_put(&w, cost_zone(k, 10, "10.0.0.1"), id++);
	for (size_t i = 0; i < n; i++)
		cost_put(&w,
			 json_pack("{ss,so,s[s]}", "kind", "network", "name",
				   json_sprintf("n%zu", i), "addressSpace", "10.0.0.0/16"),
			 id++);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < zones; k++)
			cost_put(&w,
				 json_pack("{ss,so,so,so}", "kind", "zone-link", "name",
					   json_sprintf("l%zu-%zu", i, k), "zone",
					   json_sprintf("z%zu", k), "network",
					   json_sprintf("n%zu", i)),
				 id++);
	snprintf(what, sizeof(what), "%zu networks with %zu zones each", n, zones);
	cost_all(&w, what);
	landscape_commit(w.l);
	cost_change(&w, "one link", one_link, 100 + (uint32_t)(zones + n + zones + 1));
	land_close(&w);
}

static json_t *one_zone(size_t i)
{
	return cost_zone(1, 10, i % 2 ? "10.0.0.2" : "10.0.0.3");
}

static size_t big = 2500;

static json_t *big_zone(size_t i)
{
	return cost_zone(1, big, i % 2 ? "10.0.0.2" : "10.0.0.3");
}

static void test_cost_zones(void **state)
{
	const size_t n = cost_of("ZONES", 1000);
	struct land w = names_open();
	char what[64];

	big = cost_of("RECORDS", big);
	landscape_begin(w.l);
	for (size_t i = 0; i < n; i++)
		cost_put(&w, cost_zone(i, 10, "10.0.0.1"), 100 + (uint32_t)i);
	snprintf(what, sizeof(what), "%zu zones of 10 record sets", n);
	cost_all(&w, what);
	landscape_commit(w.l);
	cost_change(&w, "one of them", one_zone, 101);
	snprintf(what, sizeof(what), "one record in a zone of %zu record sets", big);
	cost_change(&w, what, big_zone, 101);
	land_close(&w);
}

/* What the store has and cannot be read is left out of the landscape: a zone goes on without such a key. */
static void test_key_that_is_not_there(void **state)
{
	struct land w = land_open();
	json_t *doc = json_pack("{s:s, s:s, s:s, s:s, s:[s], s:[s]}", "kind", "zone", "name", "z",
				"domain", "z.example", "visibility", "public", "transfer", "gone",
				"update", "gone");
	struct tables_snapshot *s;
	struct object *o;
	struct err e = {0};
	struct zone z;

	landscape_begin(w.l);
	must_ok(landscape_put(w.l, OBJECT_ZONE, 7, doc, &o, &e), &e);
	landscape_commit(w.l);
	must_ok(compile_all(w.t, w.l, w.s, NULL, &e), &e);
	s = tables_acquire(w.t);
	assert_int_equal(tables_get_zone(s, 7, true, &z), 0);
	tables_release(s);
	json_decref(doc);
	land_close(&w);
}

static int told_anything(const char *name, const struct object *cluster,
			 const struct addr *addresses, size_t n, void *arg)
{
	assert_true(n > 0);
	return 0;
}

/* So may each object be that others name. */
static void test_object_that_is_not_there(void **state)
{
	static const char world[] =
		NETWORK("a", DUAL) SUBNET("s", "a", "10.1.1.0/24", "") NETWORK("b", "10.2.0.0/16")
			SUBNET("sb", "b", "10.2.1.0/24",
			       "") "---\nkind: tsig-key\nname: k\n---\n"
				   "kind: zone\nname: z\ndomain: z.example\nvisibility: "
				   "private\ntransfer: [k]\n---\n"
				   "kind: zone-link\nname: zl\nzone: z\nnetwork: a\n---\n"
				   "kind: cluster\nname: sys\nupstreams: [{address: 127.0.0.1}]\n"
				   "public: {fqdn: sys.example.org}\n"
				   "private: {kind: private-link, placements: [{subnet: s, "
				   "addresses: [10.1.1.10]}]}\n"
				   "dns: {zone: system}\n---\n"
				   "kind: zone-link\nname: cl\ncluster: sys\nnetwork: b\n---\n"
				   "kind: cluster\nname: own\nupstreams: [{address: 127.0.0.1}]\n"
				   "public: {fqdn: own.example.org}\n"
				   "private: {kind: private-link, placements: [{subnet: s, "
				   "addresses: [10.1.1.11]}]}\n"
				   "dns: {zone: own, ownZone: z}\n---\n"
				   "kind: private-endpoint\nname: pe\ncluster: own\nsubnet: "
				   "sb\naddresses: [10.2.1.9]\n"
				   "dns: true\nstate: approved\n---\n"
				   "kind: host\nname: h\nsubnet: s\naddresses: [10.1.1.20]\n";
	json_t *docs = documents(world);

	for (size_t left_out = 0; left_out < json_array_size(docs); left_out++) {
		struct land w = land_open();
		struct object *o;
		struct err e = {0};

		landscape_begin(w.l);
		for (size_t i = 0; i < json_array_size(docs); i++) {
			const json_t *doc = json_array_get(docs, i);
			const char *kind = json_string_value(json_object_get(doc, "kind"));

			if (i != left_out)
				must_ok(landscape_put(w.l, object_kind_find(kind), (uint32_t)i + 1,
						      doc, &o, &e),
					&e);
		}
		landscape_commit(w.l);
		must_ok(compile_all(w.t, w.l, w.s, NULL, &e), &e);
		o = landscape_find(w.l, OBJECT_HOST, "h");
		if (o)
			must_ok(names_of(w.l, object_router(o), &listener, 1, told_anything, NULL),
				NULL);
		land_close(&w);
	}
	json_decref(docs);
}

#define T(f) cmocka_unit_test_setup_teardown(f, ask_setup, ask_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_resolvers),
		T(test_declared_hides_name),
		T(test_public_hides_private_name),
		T(test_one_private_name_twice),
		T(test_serial),
		T(test_same_name_another_id),
		T(test_zone_that_cannot_be_made),
		T(test_key_that_is_not_there),
		T(test_object_that_is_not_there),
		T(test_cost_clusters),
		T(test_cost_networks),
		T(test_cost_zones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
