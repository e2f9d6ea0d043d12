/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The section "dns" of networks and sites. */
#include "landscape_rig.h"

#include "base/cleanup.h"
#include "model/body.h"
#include "model/limits.h"

#define N "kind: network\nname: n\naddressSpace: [10.0.0.0/16]\n"

static const struct {
	const char *doc, *path, *says;
} bad[] = {
	{N "dns: off\n", "dns", "an object"},
	{N "dns: {enable: false}\n", "dns.enable", "did you mean enabled?"},
	{N "dns: {clusterNames: 1}\n", "dns.clusterNames", "true or false"},
	{N "dns: {servers: [a.b]}\n", "dns.servers[0]", "no IPv4 or IPv6 address"},
	{N "dns: {servers: [0.0.0.0]}\n", "dns.servers[0]", "no IPv4 or IPv6 address"},
	{N "dns: {servers: [168.63.129.16]}\n", "dns.servers[0]", "ask itself for ever"},
	{N "dns: {servers: [\"::ffff:168.63.129.16\"]}\n", "dns.servers[0]", "ask itself for ever"},
	{N "dns: {forward: [{domain: a.b, servers: [168.63.129.16]}]}\n",
	 "dns.forward[0].servers[0]", "ask itself for ever"},
	{N "dns: {servers: [10.0.0.9, \"::1\", 10.0.0.9]}\n", "dns.servers[2]", "as item 0"},
	{N "dns: {forward: [{domain: a.b}]}\n", "dns.forward[0].servers", "is required"},
	{N "dns: {forward: [{domain: a.b, servers: []}]}\n", "dns.forward[0].servers",
	 "at least 1 item"},
	{N "dns: {forward: [{domain: \"*.b\", servers: [10.0.0.9]}]}\n", "dns.forward[0].domain",
	 "wildcard"},
	{N "dns: {forward: [{domain: a.b, servers: [10.0.0.9]}, {domain: A.b., servers: "
	   "[10.0.0.8]}]}\n",
	 "dns.forward[1].domain", "as item 0"},
};

static void test_refusals(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err e = {0};
		json_t *list = NULL;
		int r;

		assert_int_equal(
			document_parse(bad[i].doc, strlen(bad[i].doc), DOCUMENT_YAML, &list, &e),
			0);
		r = kind_find("network")->check(json_array_get(list, 0), false, &e);
		if (r != -ERR_INVALID || strcmp(e.path, bad[i].path) != 0 ||
		    !strstr(e.text, bad[i].says))
			fail_msg("%s\ngave %d at '%s': %s", bad[i].doc, r, e.path, e.text);
		json_decref(list);
	}
}

static void *parse(const char *yaml, enum object_kind kind)
{
	json_t *list = documents(yaml);
	struct err e = {0};
	void *body;

	assert_int_equal(body_parse(kind, json_array_get(list, 0), NULL, NULL, &body, &e), 0);
	json_decref(list);
	return body;
}

static void test_read(void **state)
{
	struct network *n = parse(N, OBJECT_NETWORK);
	struct site *s;

	assert_true(n->dns.is_enabled && n->dns.has_cluster_names);
	assert_false(n->dns.has_servers);
	body_free(OBJECT_NETWORK, n);
	n = parse(N "dns: {clusterNames: false, servers: []}\n", OBJECT_NETWORK);
	assert_true(n->dns.is_enabled && n->dns.has_servers);
	assert_false(n->dns.has_cluster_names);
	assert_int_equal(n->dns.n_servers, 0);
	body_free(OBJECT_NETWORK, n);
	s = parse("kind: site\nname: s\naddressSpace: [10.0.0.0/16]\ndns: {enabled: false, "
		  "servers: [9.9.9.9, \"2620:fe::9\"], forward: [{domain: Corp.Example, servers: "
		  "[10.0.0.7]}]}\n",
		  OBJECT_SITE);
	assert_false(s->dns.is_enabled);
	assert_int_equal(s->dns.n_servers, 2);
	assert_int_equal(s->dns.n_forwards, 1);
	assert_string_equal(s->dns.forwards[0].domain, "corp.example");
	assert_int_equal(s->dns.forwards[0].n_servers, 1);
	body_free(OBJECT_SITE, s);
}

static void test_normalized(void **state)
{
	json_t *list =
		documents(N "dns: {forward: [{domain: Corp.Example., servers: [10.9.9.9]}]}\n");
	json_t *doc = kind_normalize(kind_find("network"), json_array_get(list, 0));
	const json_t *forward = json_object_get(json_object_get(doc, "dns"), "forward");

	assert_string_equal(
		json_string_value(json_object_get(json_array_get(forward, 0), "domain")),
		"corp.example");
	json_decref(doc);
	json_decref(list);
}

static void test_limit(void **state)
{
	json_t *list = NULL;
	struct err e = {0};
	static const char many[] = N "dns: {servers: [1.0.0.1, 1.0.0.2, 1.0.0.3, 1.0.0.4, "
				     "1.0.0.5, 1.0.0.6, 1.0.0.7]}\n";

	assert_int_equal(document_parse(many, strlen(many), DOCUMENT_YAML, &list, &e), 0);
	assert_int_equal(kind_find("network")->check(json_array_get(list, 0), false, &e), 0);
	limit_profile_set(PROFILE_CLOUD);
	assert_int_equal(kind_find("network")->check(json_array_get(list, 0), false, &e),
			 -ERR_TOO_LARGE);
	assert_string_equal(e.path, "dns.servers");
	limit_profile_set(PROFILE_OPEN);
	json_decref(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_normalized),
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
