/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Control's landscape, in step with the store: addresses given and kept, what is refused leaves nothing, who is told. */
#include "control/networks.h"

#include "change_rig.h"
#include "model/document.h"
#include "tables/network.h"

static json_t *yaml(const char *text)
{
	struct err e = {0};
	json_t *docs;

	if (document_parse(text, strlen(text), DOCUMENT_YAML, &docs, &e) < 0)
		fail_msg("%s: %s", e.path, e.text);
	return docs;
}

#define NETWORK "kind: network\nname: net\naddressSpace: [10.0.0.0/16]\n---\n"
#define SUBNET	"kind: subnet\nname: sub\nnetwork: net\nranges: [10.0.1.0/24]\n---\n"
#define HOST	"kind: host\nname: one\nsubnet: sub\n---\n"
#define CLUSTER                                                                                    \
	"kind: cluster\nname: prod\nupstreams: [{address: 10.9.9.9}]\npublic: {fqdn: a.example}\n" \
	"private: {kind: interfaces, placements: [{subnet: sub}]}\n---\n"
#define ENDPOINT "kind: private-endpoint\nname: ep\ncluster: prod\nsubnet: sub\n---\n"

static char *stored(const char *kind, const char *name, const char *path)
{
	struct store_object o = {0};
	static char text[200];
	struct err e = {0};

	assert_int_equal(store_get(c->store, kind, name, &o, &e), 0);
	snprintf(text, sizeof(text), "%s",
		 json_string_value(json_array_get(json_object_get(o.body, path), 0))
			 ?: json_string_value(json_object_get(o.body, path)));
	store_object_done(&o);
	return text;
}

static struct object *find(enum object_kind kind, const char *name)
{
	return landscape_find(c->landscape, kind, name);
}

static void test_in_any_order_with_addresses(void **state)
{
	struct tables_snapshot *s;
	struct tables_network n;

	assert_int_equal(apply(&any, yaml(HOST CLUSTER SUBNET NETWORK)), 1);
	assert_string_equal(stored("host", "one", "addresses"), "10.0.1.4");
	assert_int_not_equal(find(OBJECT_HOST, "one")->id, 0);
	/* What the gates and netd read has it, under the ids of the store. */
	s = tables_acquire(c->tables);
	assert_int_equal(tables_get_network(s, find(OBJECT_NETWORK, "net")->id, &n), 0);
	assert_int_equal(n.n_hosts, 1);
	assert_int_equal(n.hosts[0].id, find(OBJECT_HOST, "one")->id);
	assert_int_equal(n.n_endpoints, 1);
	tables_network_done(&n);
	tables_release(s);
	assert_true(netd_is_awaited(&c->netd, 1));
}

static void test_the_same_again_is_no_change(void **state)
{
	assert_int_equal(apply(&any, yaml(NETWORK SUBNET HOST CLUSTER)), 1);
	assert_int_equal(apply(&any, yaml(HOST CLUSTER NETWORK SUBNET)), 1);
	/* One more gets the next address, and the first keeps its own. */
	assert_int_equal(apply(&any, yaml(HOST "kind: host\nname: two\nsubnet: sub\n")), 2);
	assert_string_equal(stored("host", "one", "addresses"), "10.0.1.4");
	assert_string_equal(stored("host", "two", "addresses"), "10.0.1.6");
}

static void test_dry_and_refused_leave_nothing(void **state)
{
	struct change_result res;
	struct err e = {0};

	assert_int_equal(apply_as(&dry, yaml(NETWORK SUBNET HOST), &res, &e), 0);
	assert_int_equal(res.n_changed, 3);
	assert_non_null(json_object_get(res.items[2].after, "addresses")); /* what it would be */
	change_result_done(&res);
	assert_null(find(OBJECT_NETWORK, "net"));
	assert_int_equal(apply_as(&any,
				  yaml(NETWORK SUBNET "kind: host\nname: x\nsubnet: sub\n"
						      "addresses: [10.0.2.9]\n"),
				  &res, &e),
			 -ERR_INVALID);
	assert_string_equal(e.path, "[2].addresses");
	assert_null(find(OBJECT_NETWORK, "net"));
	assert_int_equal(landscape_count(c->landscape, OBJECT_HOST), 0);
	assert_int_equal(store_revision(c->store), 0);
	assert_int_equal(apply(&any, yaml(NETWORK SUBNET HOST)), 1);
}

static void test_in_use_and_all_at_once(void **state)
{
	struct change_result res;
	struct err e = {0};

	assert_int_equal(apply(&any, yaml(NETWORK SUBNET HOST)), 1);
	assert_int_equal(apply_as(&deletes, yaml(SUBNET), &res, &e), -ERR_INVALID);
	assert_non_null(strstr(e.text, "one"));
	assert_non_null(find(OBJECT_SUBNET, "sub"));
	assert_int_equal(apply(&deletes, yaml(NETWORK SUBNET HOST)), 2);
	assert_null(find(OBJECT_NETWORK, "net"));
}

static void test_only_networks_wait_for_netd(void **state)
{
	assert_int_equal(apply(&any, yaml(NETWORK SUBNET CLUSTER)), 1);
	assert_true(netd_is_awaited(&c->netd, 1));
	assert_int_equal(
		apply(&any, yaml("kind: cluster\nname: plain\nupstreams: [{address: 10.1.1.1}]\n"
				 "public: {fqdn: b.example}\n")),
		2);
	assert_false(netd_is_awaited(&c->netd, 2));
}

static void test_without_netd(void **state)
{
	struct change_result res;
	struct err e = {0};

	snprintf(c->netd.off, sizeof(c->netd.off), "they are off");
	assert_int_equal(apply_as(&any, yaml(NETWORK), &res, &e), -ERR_UNAVAILABLE);
	assert_non_null(strstr(e.text, "they are off"));
	assert_int_equal(apply_as(&any, yaml(NETWORK SUBNET CLUSTER), &res, &e), -ERR_UNAVAILABLE);
	assert_int_equal(
		apply(&any, yaml("kind: cluster\nname: plain\nupstreams: [{address: 10.1.1.1}]\n"
				 "public: {fqdn: b.example}\n")),
		1);
}

#define ZONE "kind: zone\nname: z\ndomain: corp.example\nvisibility: public\n---\n"
#define NAMED(dns)                                                           \
	"kind: cluster\nname: plain\nupstreams: [{address: 10.1.1.1}]\n" dns \
	"public: {fqdn: b.example}\n---\n"

static void refused_without_dns(const char *documents, const char *path)
{
	struct change_result res;
	struct err e = {0};

	assert_int_equal(apply_as(&any, yaml(documents), &res, &e), -ERR_UNAVAILABLE);
	assert_non_null(strstr(e.text, "--dns-listen"));
	assert_string_equal(e.path, path);
}

/* Names need somebody who tells them; what is there already can go, and does not keep the rest from being changed. */
static void test_without_a_name_server(void **state)
{
	c->dns.n = 0;
	refused_without_dns(ZONE, "[0].kind");
	refused_without_dns(NAMED("dns: {publicName: true}\n"), "[0].dns");
	refused_without_dns(NAMED("dns: {zone: system}\n"), "[0].dns");
	refused_without_dns(NETWORK "kind: network\nname: two\naddressSpace: [10.2.0.0/16]\n"
				    "dns: {clusterNames: false}\n",
			    "[1].dns");
	assert_int_equal(apply(&any, yaml(NAMED(""))), 1);
	assert_int_equal(apply(&any, yaml(NAMED("dns: {zone: none}\n"))), 2);
	assert_int_equal(apply(&any, yaml("kind: network\nname: net\naddressSpace: [10.0.0.0/16]\n"
					  "dns: {enabled: false}\n")),
			 3);
	c->dns.n = 1;
	assert_int_equal(apply(&any, yaml(ZONE NAMED("dns: {publicName: true}\n"))), 4);
	c->dns.n = 0;
	assert_int_equal(apply(&any, yaml(ZONE)), 4); /* the same again */
	assert_int_equal(
		apply(&any, yaml(NAMED("limits: {connections: 7}\ndns: {publicName: true}\n"))), 5);
	refused_without_dns(NAMED("dns: {publicName: false}\n"), "[0].dns");
	assert_int_equal(apply(&any, yaml(NAMED(""))), 6);
}

static void test_a_cluster_gone_by_force_disconnects(void **state)
{
	const struct change_request by_force = {
		.expect = STORE_ANY, .verb = CHANGE_DELETE, .force = true};
	struct change_result res;
	struct err e = {0};

	assert_int_equal(apply(&any, yaml(NETWORK SUBNET CLUSTER ENDPOINT)), 1);
	assert_int_equal(apply_as(&deletes, yaml(CLUSTER), &res, &e), -ERR_INVALID);
	assert_non_null(strstr(e.text, "ep"));
	assert_int_equal(apply(&by_force, yaml(CLUSTER)), 2);
	assert_string_equal(stored("private-endpoint", "ep", "state"), "disconnected");
	assert_int_equal(object_private_endpoint(find(OBJECT_PRIVATE_ENDPOINT, "ep"))->state,
			 ENDPOINT_DISCONNECTED);
}

static void test_the_last_way_in(void **state)
{
	struct change_result res;
	struct err e = {0};
	const char *off = "kind: cluster\nname: prod\nupstreams: [{address: 10.9.9.9}]\n"
			  "public: {fqdn: a.example, enabled: false}\n---\n";

	assert_int_equal(apply_as(&any, yaml(off), &res, &e), -ERR_INVALID);
	assert_string_equal(e.path, "[0].public.enabled");
	/* A private endpoint is a way in; when it goes, there would be none. */
	assert_int_equal(
		apply(&any, yaml(NETWORK SUBNET "kind: cluster\nname: prod\nupstreams: "
						"[{address: 10.9.9.9}]\npublic: {fqdn: "
						"a.example, enabled: false}\n---\n" ENDPOINT)),
		1);
	assert_int_equal(apply_as(&deletes, yaml(ENDPOINT), &res, &e), -ERR_INVALID);
}

static void test_loaded_from_the_store(void **state)
{
	struct landscape *l;
	struct err e = {0};

	assert_int_equal(apply(&any, yaml(NETWORK SUBNET HOST CLUSTER ENDPOINT)), 1);
	assert_int_equal(networks_load(&options, c->store, &l, &e), 0);
	for (int k = 0; k < OBJECT_KIND_COUNT; k++)
		assert_int_equal(landscape_count(l, (enum object_kind)k),
				 landscape_count(c->landscape, (enum object_kind)k));
	assert_int_equal(landscape_find(l, OBJECT_HOST, "one")->id, find(OBJECT_HOST, "one")->id);
	landscape_free(l);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_in_any_order_with_addresses),
		TEST(test_the_same_again_is_no_change),
		TEST(test_dry_and_refused_leave_nothing),
		TEST(test_in_use_and_all_at_once),
		TEST(test_only_networks_wait_for_netd),
		TEST(test_without_netd),
		TEST(test_without_a_name_server),
		TEST(test_a_cluster_gone_by_force_disconnects),
		TEST(test_the_last_way_in),
		TEST(test_loaded_from_the_store),
	};

	log_init(STDERR_FILENO, LOG_TEXT, LOG_ERROR, "test");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
