/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a name is answered, and why: the zone that decides, wildcards, chains, forwards, and the sentences. */
#include "explain/name.h"

#include "landscape_rig.h"

#include "base/cleanup.h"

#include <stdlib.h>

static const struct addr listeners[] = {{.lo = 0xcb007101, .family = ADDR_V4}};

/* clang-format off */
#define NAMES                                                                                              \
	"kind: network\nname: a\naddressSpace: [10.0.0.0/16]\n"                                             \
	"dns: {servers: [10.0.0.53], forward: [{domain: ad.example, servers: [10.0.0.54]}, "                \
	"{domain: sub.ad.example, servers: [10.0.0.55]}]}\n---\n"                                           \
	"kind: network\nname: b\naddressSpace: [10.0.0.0/16]\ndns: {servers: []}\n---\n"                    \
	"kind: network\nname: c\naddressSpace: [10.0.0.0/16]\n---\n"                                        \
	"kind: network\nname: off\naddressSpace: [10.0.0.0/16]\ndns: {enabled: false}\n---\n"               \
	"kind: subnet\nname: s\nnetwork: a\nranges: [10.0.0.0/24]\n---\n"                                   \
	"kind: zone\nname: corp\ndomain: corp.example\nvisibility: private\nttl: 60\nrecords:\n"            \
	"  - {name: \"@\", type: MX, values: [10 mail.corp.example]}\n"                                     \
	"  - {name: mail, type: A, values: [10.1.0.2, 10.1.0.1]}\n"                                         \
	"  - {name: x.deep, type: A, values: [10.1.0.3]}\n"                                                 \
	"  - {name: \"*.wild\", type: TXT, values: [\"\\\"all\\\"\"]}\n"                                    \
	"  - {name: www, type: CNAME, values: [mail.corp.example]}\n"                                       \
	"  - {name: out, type: CNAME, values: [host.ad.example]}\n"                                         \
	"  - {name: api, type: CNAME, values: [prod.example.org]}\n"                                        \
	"  - {name: loop, type: CNAME, values: [loop.corp.example]}\n"                                      \
	"  - {name: child, type: NS, values: [ns.elsewhere.example]}\n---\n"                                \
	"kind: zone\nname: corp-b\ndomain: corp.example\nvisibility: private\nrecords:\n"                   \
	"  - {name: mail, type: A, values: [10.9.9.9]}\n---\n"                                              \
	"kind: zone\nname: world\ndomain: world.example\nvisibility: public\nrecords:\n"                    \
	"  - {name: www, type: A, values: [192.0.2.80]}\n---\n"                                             \
	"kind: zone-link\nname: la\nzone: corp\nnetwork: a\n---\n"                                          \
	"kind: zone-link\nname: lb\nzone: corp-b\nnetwork: b\nfallThrough: true\n---\n"                     \
	"kind: zone\nname: mine\ndomain: mine.example\nvisibility: private\nrecords:\n"                  \
	"  - {name: www, type: A, values: [10.1.0.4]}\n---\n"                                              \
	"kind: zone-link\nname: lm\nzone: mine\nnetwork: a\n---\n"                                      \
	"kind: cluster\nname: kept\nupstreams: [{address: 127.0.0.1}]\npublic: {fqdn: kept.example.org}\n" \
	"private: {kind: private-link, placements: [{subnet: s, addresses: [10.0.0.11]}]}\n"               \
	"dns: {zone: own, ownZone: mine, privateFqdn: api.mine.example}\n---\n"                           \
	"kind: cluster\nname: prod\nupstreams: [{address: 127.0.0.1}]\npublic: {fqdn: prod.example.org}\n"  \
	"private: {kind: interfaces, placements: [{subnet: s, addresses: [10.0.0.10]}]}\n"
/* clang-format on */

static struct landscape *l;

/* "result values: step (result); step ..." */
static const char *ask(const char *network, const char *name, enum record_type type)
{
	static char all[4000];
	const struct name_question q = {
		.landscape = l,
		.router = network ? landscape_find(l, OBJECT_NETWORK, network) : NULL,
		.name = name,
		.type = type,
		.public = {listeners, 1},
		.has_default_servers = network && strcmp(network, "c") == 0};
	struct name_answer a;
	size_t used;

	assert_int_equal(explain_name(&q, &a), 0);
	assert_true(a.n_steps > 0);
	used = (size_t)snprintf(all, sizeof(all), "%s", name_result_text(a.result));
	for (size_t i = 0; i < a.n_values; i++)
		used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s", i ? "," : " ",
					 a.values[i]);
	for (size_t i = 0; i < a.n_steps; i++)
		used += (size_t)snprintf(all + used, sizeof(all) - used, "; %s %s",
					 name_result_text(a.steps[i].result), a.steps[i].text);
	name_answer_done(&a);
	return all;
}

static int set_up(void **state)
{
	struct err e = {0};

	assert_int_equal(landscape_new(&l, &e), 0);
	must_apply(l, NAMES);
	return 0;
}

static int tear_down(void **state)
{
	landscape_free(l);
	return 0;
}

static void test_the_zone_that_decides(void **state)
{
	assert_string_equal(ask("a", "mail.corp.example", RECORD_A),
			    "data 10.1.0.1,10.1.0.2; data zone \"corp\" (corp.example), linked by "
			    "zone-link \"la\" has A of it");
	assert_string_equal(ask("b", "mail.corp.example", RECORD_A),
			    "data 10.9.9.9; data zone \"corp-b\" (corp.example), linked by "
			    "zone-link \"lb\" has A of it");
	assert_string_equal(ask("a", "mail.corp.example", RECORD_AAAA),
			    "nodata; nodata zone \"corp\" (corp.example), linked by zone-link "
			    "\"la\" has the name, but no AAAA");
	assert_string_equal(ask("a", "no.corp.example", RECORD_A),
			    "nxdomain; nxdomain zone \"corp\" (corp.example), linked by zone-link "
			    "\"la\" does not have the name, and nobody else is asked");
	assert_string_equal(ask(NULL, "mail.corp.example", RECORD_A),
			    "refused; refused no zone has the name, and nothing is forwarded for "
			    "the internet");
	assert_string_equal(ask("off", "mail.corp.example", RECORD_A),
			    "no-resolver; no-resolver network \"off\" has no resolver: dns.enabled "
			    "is false");
}

static void test_within_a_zone(void **state)
{
	assert_non_null(strstr(ask("a", "deep.corp.example", RECORD_A), "nodata"));
	assert_non_null(strstr(ask("a", "a.b.wild.corp.example", RECORD_TXT), "by a wildcard"));
	assert_non_null(strstr(ask("a", "a.wild.corp.example", RECORD_A), "nodata"));
	assert_non_null(strstr(ask("a", "wild.corp.example", RECORD_TXT), "nodata"));
	assert_non_null(strstr(ask("a", "x.child.corp.example", RECORD_A),
			       "leaves child.corp.example to other servers"));
	assert_non_null(strstr(ask("a", "corp.example", RECORD_MX), "data 10 mail.corp.example"));
	assert_non_null(strstr(ask("a", "corp.example", RECORD_NS), "data ns.corp.example."));
	assert_non_null(strstr(ask("a", "xcorp.example", RECORD_A), "forwarded"));
}

static void test_chains(void **state)
{
	assert_non_null(strstr(ask("a", "www.corp.example", RECORD_A), "data 10.1.0.1,10.1.0.2; "
								       "cname"));
	assert_non_null(strstr(ask("a", "www.corp.example", RECORD_CNAME), "data mail.corp.exam"));
	/* The name of a cluster leads to private addresses where they are. */
	assert_non_null(strstr(ask("a", "api.corp.example", RECORD_A), "data 10.0.0.10; cname"));
	assert_non_null(strstr(ask("c", "prod.example.org", RECORD_A),
			       "data 203.0.113.1; data a "
			       "name of cluster \"prod\" on "
			       "the internet"));
	assert_non_null(strstr(ask("a", "loop.corp.example", RECORD_A), "cname; cname"));
	assert_non_null(strstr(ask("a", "out.corp.example", RECORD_A), "forwards ad.example"));
}

/* Of the first step: the cluster by which the name is in somebody's zone. "": none. */
static const char *keeper(const char *name, enum record_type type)
{
	const struct name_question q = {.landscape = l,
					.router = landscape_find(l, OBJECT_NETWORK, "a"),
					.name = name,
					.type = type,
					.public = {listeners, 1}};
	const struct object *o;
	struct name_answer a;

	assert_int_equal(explain_name(&q, &a), 0);
	o = a.steps[0].keeper;
	name_answer_done(&a);
	return o ? o->name : "";
}

/* Who may view the zone may not view each cluster of which something is in it. */
static void test_keepers(void **state)
{
	assert_non_null(strstr(ask("a", "api.mine.example", RECORD_A), "data 10.0.0.11; "));
	assert_string_equal(keeper("api.mine.example", RECORD_A), "kept");
	assert_string_equal(keeper("api.mine.example", RECORD_TXT), "kept");
	assert_string_equal(keeper("www.mine.example", RECORD_A), "");
	assert_string_equal(keeper("no.mine.example", RECORD_A), "");
}

/* What the store has and cannot be read is left out of the landscape: of such a network nothing can be said. */
static void test_network_that_is_not_there(void **state)
{
	json_t *docs =
		documents("kind: subnet\nname: lost\nnetwork: gone\nranges: [10.8.0.0/24]\n");
	struct name_question q = {.name = "mail.corp.example", .type = RECORD_A};
	struct name_answer a;
	struct object *o;
	struct err e;

	landscape_begin(l);
	assert_int_equal(landscape_put(l, OBJECT_SUBNET, 90, json_array_get(docs, 0), &o, &e), 0);
	landscape_commit(l);
	json_decref(docs);
	q.landscape = l;
	q.router = object_router(o);
	assert_non_null(q.router);
	assert_int_equal(explain_name(&q, &a), 0);
	assert_int_equal(a.result, NAME_NO_RESOLVER);
	assert_string_equal(a.steps[0].text, "network \"gone\" could not be read");
	name_answer_done(&a);
}

static void test_elsewhere(void **state)
{
	assert_non_null(strstr(ask("a", "x.sub.ad.example", RECORD_A), "forwards sub.ad.example"));
	assert_non_null(strstr(ask("a", "www.world.example", RECORD_A), "data 192.0.2.80; data "
									"zone \"world\" "
									"(world.example), public"));
	assert_non_null(strstr(ask("a", "nobody.example", RECORD_A), "servers of the network"));
	assert_non_null(strstr(ask("b", "nobody.example", RECORD_A),
			       "refused; refused no zone has the name, and the network forwards "
			       "nothing (dns.servers is empty)"));
	assert_non_null(strstr(ask("b", "no.corp.example", RECORD_A), "nxdomain; falls-through"));
	assert_non_null(strstr(ask("c", "nobody.example", RECORD_A), "--dns-forward"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_zone_that_decides),
		cmocka_unit_test(test_within_a_zone),
		cmocka_unit_test(test_chains),
		cmocka_unit_test(test_keepers),
		cmocka_unit_test(test_elsewhere),
		cmocka_unit_test(test_network_that_is_not_there),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
