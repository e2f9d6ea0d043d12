/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The landscape: what is linked to what, transactions, and which routers a change touches. */
#include "landscape_rig.h"

#include "base/cleanup.h"

#include <stdlib.h>

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names that a walk tells, sorted. */
struct told {
	char *names[4000];
	size_t n;
};

static int tell(struct object *o, void *arg)
{
	struct told *t = arg;

	t->names[t->n++] = o->name;
	return 0;
}

static int tell_link(const struct router_link *link, void *arg)
{
	static char text[16][160];
	struct told *t = arg;

	snprintf(text[t->n], sizeof(text[0]), "%s/%s:%s", link->peer->name, link->by->name,
		 link->automatic ? "auto" : "none");
	t->names[t->n] = text[t->n];
	t->n++;
	return 0;
}

static int tell_endpoint(const struct endpoint_view *ep, void *arg)
{
	static char text[16][200];
	struct told *t = arg;

	snprintf(text[t->n], sizeof(text[0]), "%s/%s@%s:%s", ep->owner->name, ep->cluster->name,
		 ep->subnet->name, ep->is_enabled ? "on" : "off");
	t->names[t->n] = text[t->n];
	t->n++;
	return 0;
}

static void assert_told(struct told *t, const char *want)
{
	char all[2000] = "";
	size_t used = 0;

	qsort(t->names, t->n, sizeof(char *), by_text);
	for (size_t i = 0; i < t->n; i++)
		used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s", i ? " " : "",
					 t->names[i]);
	assert_string_equal(all, want);
	t->n = 0;
}

static struct object *get(struct landscape *l, enum object_kind kind, const char *name)
{
	struct object *o = landscape_find(l, kind, name);

	if (!o)
		fail_msg("no %s %s", object_kind_text(kind), name);
	return o;
}

static void test_kinds(void **state)
{
	for (size_t k = 0; k < OBJECT_KIND_COUNT; k++)
		assert_int_equal(object_kind_find(object_kind_text((enum object_kind)k)), k);
	assert_int_equal(object_kind_find("networks"), OBJECT_KIND_COUNT);
	assert_int_equal(object_kind_find(""), OBJECT_KIND_COUNT);
}

static void test_links(void **state)
{
	struct landscape *l = world();
	struct told t = {0};

	router_each_link(get(l, OBJECT_NETWORK, "net"), tell_link, &t);
	assert_told(&t, "h/h:auto office/office:auto peer/p:auto");
	router_each_link(get(l, OBJECT_NETWORK, "peer"), tell_link, &t);
	assert_told(&t, "net/p:auto");
	router_each_link(get(l, OBJECT_NETWORK, "spoke"), tell_link, &t);
	assert_told(&t, "h/h:none");
	router_each_link(get(l, OBJECT_HUB, "h"), tell_link, &t);
	assert_told(&t, "net/h:auto office/office:none spoke/h:none");
	router_each_link(get(l, OBJECT_SITE, "office"), tell_link, &t);
	assert_told(&t, "h/office:none net/office:auto");
	router_each_link(get(l, OBJECT_NETWORK, "alone"), tell_link, &t);
	assert_told(&t, "");
	landscape_free(l);
}

static void test_contents(void **state)
{
	struct landscape *l = world();
	struct object *net = get(l, OBJECT_NETWORK, "net"), *office = get(l, OBJECT_SITE, "office");
	struct told t = {0};
	struct addr a;
	size_t n;

	network_each_subnet(net, tell, &t);
	assert_told(&t, "deleg priv pub");
	router_each_host(net, tell, &t);
	assert_told(&t, "a b");
	router_each_host(office, tell, &t);
	assert_told(&t, "printer");
	router_each_host(get(l, OBJECT_HUB, "h"), tell, &t);
	assert_told(&t, "");
	assert_string_equal(network_internet_gateway(net)->name, "igw");
	assert_null(network_internet_gateway(get(l, OBJECT_NETWORK, "peer")));
	router_spaces(net, &n);
	assert_int_equal(n, 2);
	assert_null(router_spaces(get(l, OBJECT_HUB, "h"), &n));
	assert_int_equal(addr_parse("10.0.1.9", &a), 0);
	assert_string_equal(network_find_subnet(net, &a)->name, "priv");
	assert_string_equal(router_find_host(net, &a)->name, "b");
	assert_null(router_find_host(get(l, OBJECT_NETWORK, "alone"), &a));
	assert_int_equal(addr_parse("192.168.0.4", &a), 0);
	assert_string_equal(router_find_host(office, &a)->name, "printer");
	assert_int_equal(addr_parse("10.0.9.9", &a), 0);
	assert_null(network_find_subnet(net, &a));
	landscape_free(l);
}

static void test_endpoints(void **state)
{
	struct landscape *l = world();
	struct told t = {0};

	network_each_endpoint(get(l, OBJECT_NETWORK, "net"), tell_endpoint, &t);
	assert_told(&t, "prod/prod@priv:on prod/prod@pub:on");
	network_each_endpoint(get(l, OBJECT_NETWORK, "alone"), tell_endpoint, &t);
	assert_told(&t, "ep/prod@alone1:on");
	cluster_each_endpoint(get(l, OBJECT_CLUSTER, "prod"), tell_endpoint, &t);
	assert_told(&t, "ep/prod@alone1:on prod/prod@priv:on prod/prod@pub:on");
	must_apply(l, "kind: private-endpoint\nname: ep\ncluster: gone\nsubnet: alone1\nstate: "
		      "rejected\n");
	network_each_endpoint(get(l, OBJECT_NETWORK, "alone"), tell_endpoint, &t);
	assert_told(&t, "ep/gone@alone1:off");
	landscape_free(l);
}

static void test_routers(void **state)
{
	struct landscape *l = world();
	static const struct {
		enum object_kind kind;
		const char *name, *router;
	} of[] = {
		{OBJECT_NETWORK, "net", "net"},
		{OBJECT_SUBNET, "pub", "net"},
		{OBJECT_ROUTE_TABLE, "rt", "net"},
		{OBJECT_INTERNET_GATEWAY, "igw", "net"},
		{OBJECT_NAT_GATEWAY, "nat", "net"},
		{OBJECT_PUBLIC_ADDRESS, "pa1", NULL},
		{OBJECT_PEERING, "p", NULL},
		{OBJECT_HUB, "h", "h"},
		{OBJECT_SITE, "office", "office"},
		{OBJECT_SECURITY_GROUP, "web", "net"},
		{OBJECT_HOST, "a", "net"},
		{OBJECT_HOST, "printer", "office"},
		{OBJECT_PRIVATE_ENDPOINT, "ep", "alone"},
		{OBJECT_CLUSTER, "prod", NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(of); i++) {
		struct object *router = object_router(get(l, of[i].kind, of[i].name));

		if (of[i].router)
			assert_string_equal(router->name, of[i].router);
		else
			assert_null(router);
	}
	landscape_free(l);
}

/* --- what is touched -------------------------------------------------------------------------------------- */

static void assert_touched(const char *yaml, const char *deleted_kind, const char *deleted,
			   const char *want)
{
	struct landscape *l = world();
	json_t *docs = yaml ? documents(yaml) : json_array();
	struct told t = {0};
	struct object *o;
	struct err e;

	landscape_begin(l);
	if (deleted)
		assert_int_equal(landscape_delete(l, object_kind_find(deleted_kind), deleted, &e),
				 0);
	for (size_t i = 0; i < json_array_size(docs); i++)
		assert_int_equal(landscape_put(l, doc_kind(json_array_get(docs, i)), 0,
					       json_array_get(docs, i), &o, &e),
				 0);
	landscape_each_touched(l, tell, &t);
	assert_told(&t, want);
	landscape_each_touched(l, tell, &t);
	assert_told(&t, want);
	landscape_abort(l);
	landscape_each_touched(l, tell, &t);
	assert_told(&t, "");
	json_decref(docs);
	landscape_free(l);
}

static void test_touched(void **state)
{
	assert_touched("kind: security-group\nname: node\nnetwork: net\n", NULL, NULL, "net");
	assert_touched("kind: host\nname: new\nsubnet: peer1\n", NULL, NULL, "peer");
	assert_touched("kind: host\nname: a\nsubnet: peer1\n", NULL, NULL, "net peer");
	assert_touched(NULL, "host", "printer", "office");
	assert_touched("kind: subnet\nname: peer1\nnetwork: peer\nranges: [10.1.8.0/24]\n", NULL,
		       NULL, "net peer");
	/* Through the hub: everyone that it joins. */
	assert_touched("kind: subnet\nname: new\nnetwork: spoke\nranges: [10.2.8.0/24]\n", NULL,
		       NULL, "h net office spoke");
	assert_touched(NULL, "route-table", "rt", "h net office peer spoke");
	/* A link makes routes, and what those lead to is the neighbours' affair. */
	assert_touched(NULL, "peering", "p", "h net office peer spoke");
	assert_touched("kind: peering\nname: p\nnetworks: [peer, alone]\n", NULL, NULL,
		       "alone h net office peer spoke");
	assert_touched("kind: hub\nname: h\nattachments: [{network: alone}]\n", NULL, NULL,
		       "alone h net office peer spoke");
	assert_touched(NULL, "hub", "h", "h net office peer spoke");
	assert_touched("kind: site\nname: office\naddressSpace: [192.168.0.0/24]\n", NULL, NULL,
		       "h net office peer spoke");
	assert_touched(NULL, "site", "office", "h net office peer spoke");
	assert_touched("kind: public-address\nname: pa3\naddresses: [198.51.100.77]\n", NULL, NULL,
		       "office");
	assert_touched(NULL, "cluster", "prod", "alone net");
	assert_touched(NULL, "private-endpoint", "ep", "alone");
	assert_touched("kind: network\nname: new\naddressSpace: [10.7.0.0/16]\n", NULL, NULL,
		       "new");
	assert_touched(NULL, "network", "alone", "alone");
}

/* --- transactions ----------------------------------------------------------------------------------------- */

static void test_abort(void **state)
{
	struct landscape *l = world();
	struct object *net = get(l, OBJECT_NETWORK, "net"), *a = get(l, OBJECT_HOST, "a");
	const void *body = net->body;
	size_t n = net->n_referrers;
	json_t *docs = documents("kind: network\nname: net\naddressSpace: [10.0.0.0/8]\n---\n"
				 "kind: host\nname: a\nsubnet: nowhere\n---\n"
				 "kind: host\nname: new\nsubnet: pub\n");
	struct object *o;
	struct err e;

	landscape_set_id(l, a, 7);
	landscape_begin(l);
	for (size_t i = 0; i < 3; i++)
		for (size_t twice = 0; twice < 2; twice++)
			assert_int_equal(landscape_put(l, doc_kind(json_array_get(docs, i)),
						       100 + (uint32_t)i, json_array_get(docs, i),
						       &o, &e),
					 0);
	assert_int_equal(landscape_delete(l, OBJECT_SUBNET, "pub", &e), 0);
	assert_int_equal(landscape_delete(l, OBJECT_SUBNET, "never", &e), 0);
	assert_int_equal(landscape_delete(l, OBJECT_HOST, "new", &e), 0);
	assert_ptr_not_equal(net->body, body);
	assert_int_equal(a->id, 101);
	landscape_abort(l);
	assert_ptr_equal(net->body, body);
	assert_int_equal(net->n_referrers, n);
	assert_int_equal(a->id, 7);
	assert_null(landscape_find(l, OBJECT_HOST, "new"));
	assert_null(landscape_find(l, OBJECT_SUBNET, "nowhere"));
	assert_int_equal(landscape_count(l, OBJECT_HOST), 3);
	assert_int_equal(get(l, OBJECT_SUBNET, "pub")->n_referrers, 3);
	json_decref(docs);
	landscape_free(l);
}

/* A node lives as long as it is named, and the pointer to it stays good. */
static void test_nodes_live_while_named(void **state)
{
	struct landscape *l = world();
	struct object *prod = get(l, OBJECT_CLUSTER, "prod");
	struct verdict v;
	json_t *none = json_array();

	must_apply(l, "kind: private-endpoint\nname: ep\ncluster: prod\nsubnet: alone1\nstate: "
		      "disconnected\n");
	v = landscape_apply(l, none, "cluster/prod", false);
	assert_int_equal(v.r, 0);
	assert_null(landscape_find(l, OBJECT_CLUSTER, "prod"));
	assert_ptr_equal(object_private_endpoint(get(l, OBJECT_PRIVATE_ENDPOINT, "ep"))->cluster,
			 prod);
	assert_null(prod->body);
	v = landscape_apply(l, none, "private-endpoint/ep", false);
	assert_int_equal(v.r, 0);
	json_decref(none);
	landscape_free(l);
}

static void test_each_stops(void **state)
{
	struct landscape *l = world();
	struct told t = {0};

	assert_int_equal(landscape_each(l, OBJECT_PUBLIC_ADDRESS, tell, &t), 0);
	assert_told(&t, "pa1 pa2 pa3");
	landscape_free(l);
	landscape_free(NULL);
}

/* --- size ------------------------------------------------------------------------------------------------- */

/* A thousand networks with ten hosts each, then a rule of one security group: the second costs nothing of the first. */
static void test_many(void **state)
{
	json_t *docs = json_array();
	struct landscape *l;
	struct told t = {0};
	struct verdict v;
	struct err e;
	char text[64];

	for (int i = 0; i < 1000; i++) {
		char net[16], sub[16], group[16], host[16];

		snprintf(net, sizeof(net), "n%d", i);
		snprintf(sub, sizeof(sub), "s%d", i);
		snprintf(group, sizeof(group), "g%d", i);
		json_array_append_new(docs, json_pack("{ss,ss,s[s]}", "kind", "network", "name",
						      net, "addressSpace", "10.0.0.0/16"));
		json_array_append_new(docs,
				      json_pack("{ss,ss,ss,s[s]}", "kind", "subnet", "name", sub,
						"network", net, "ranges", "10.0.0.0/24"));
		json_array_append_new(docs,
				      json_pack("{ss,ss,ss,s[{ss,s[s]}]}", "kind", "security-group",
						"name", group, "network", net, "ingress",
						"protocol", "tcp", "groups", group));
		for (int k = 0; k < 10; k++) {
			snprintf(host, sizeof(host), "h%d-%d", i, k);
			json_array_append_new(docs, json_pack("{ss,ss,ss,s[s]}", "kind", "host",
							      "name", host, "subnet", sub,
							      "securityGroups", group));
		}
	}
	assert_int_equal(landscape_new(&l, &e), 0);
	v = landscape_apply(l, docs, NULL, false);
	assert_int_equal(v.r, 0);
	assert_int_equal(landscape_count(l, OBJECT_HOST), 10000);
	json_decref(docs);
	docs = documents("kind: security-group\nname: g500\nnetwork: n500\n");
	landscape_begin(l);
	struct object *o;
	assert_int_equal(
		landscape_put(l, OBJECT_SECURITY_GROUP, 0, json_array_get(docs, 0), &o, &e), 0);
	assert_int_equal(landscape_check(l, false, NULL, &e), 0);
	landscape_each_touched(l, tell, &t);
	assert_told(&t, "n500");
	landscape_commit(l);
	json_decref(docs);
	snprintf(text, sizeof(text), "h%d-%d", 999, 9);
	assert_int_equal(object_host(get(l, OBJECT_HOST, text))->addresses[V4].lo, 0x0a00000d);
	landscape_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),	   cmocka_unit_test(test_links),
		cmocka_unit_test(test_contents),   cmocka_unit_test(test_endpoints),
		cmocka_unit_test(test_routers),	   cmocka_unit_test(test_touched),
		cmocka_unit_test(test_abort),	   cmocka_unit_test(test_nodes_live_while_named),
		cmocka_unit_test(test_each_stops), cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
