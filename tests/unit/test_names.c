/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What names answer, by where the question is asked and how the cluster is reached. */
#include "model/names.h"

#include "landscape_rig.h"

#include "base/cleanup.h"

static const struct addr public_addresses[] = {{.lo = 0xcb007101, .family = ADDR_V4},
					       {.hi = 1, .lo = 1, .family = ADDR_V6}};

static int collect(const char *name, const struct object *cluster, const struct addr *addresses,
		   size_t n, void *arg)
{
	char *all = arg, text[ADDR_TEXT_MAX];
	size_t used = strlen(all);

	used += (size_t)snprintf(all + used, 1000 - used, "%s", name);
	for (size_t i = 0; i < n; i++)
		used += (size_t)snprintf(all + used, 1000 - used, "%c%s", i ? ',' : '=',
					 addr_format(&addresses[i], text));
	snprintf(all + used, 1000 - used, " ");
	return 0;
}

static int stop(const char *name, const struct object *cluster, const struct addr *addresses,
		size_t n, void *arg)
{
	return 7;
}

static void assert_answers(struct landscape *l, enum object_kind kind, const char *router,
			   const char *want)
{
	char all[1000] = "";

	assert_int_equal(
		names_of(l, landscape_find(l, kind, router), public_addresses, 2, collect, all), 0);
	assert_string_equal(all, want);
}

#define C		"kind: cluster\nname: prod\nupstreams: [{address: 127.0.0.1}]\n"
#define PLACED		"placements: [{subnet: pub, addresses: [10.0.0.10]}, {subnet: priv}]"
#define EVERYWHERE_ELSE "prod.example.org=203.0.113.1,::1:0:0:0:1 "

static void test_both(void **state)
{
	struct landscape *l = world();

	assert_answers(l, OBJECT_NETWORK, "net",
		       "prod.example.org=10.0.0.5,10.0.1.4,2001:db8::5 "
		       "alt.example.org=10.0.0.5,10.0.1.4,2001:db8::5 ");
	assert_answers(l, OBJECT_NETWORK, "alone",
		       "prod.example.org=10.0.0.4 alt.example.org=10.0.0.4 ");
	assert_answers(l, OBJECT_NETWORK, "peer",
		       EVERYWHERE_ELSE "alt.example.org=203.0.113.1,::1:0:0:0:1 ");
	assert_answers(l, OBJECT_SITE, "office",
		       EVERYWHERE_ELSE "alt.example.org=203.0.113.1,::1:0:0:0:1 ");
	assert_int_equal(names_of(l, landscape_find(l, OBJECT_NETWORK, "net"), NULL, 0, stop, NULL),
			 7);
	landscape_free(l);
}

static void test_modes(void **state)
{
	struct landscape *l = world();

	/* Public only, though there are addresses. */
	must_apply(l, C "public: {fqdn: prod.example.org}\nprivate: {kind: interfaces, enabled: "
			"false, " PLACED "}\n");
	assert_answers(l, OBJECT_NETWORK, "net", EVERYWHERE_ELSE);
	assert_answers(l, OBJECT_NETWORK, "alone", "prod.example.org=10.0.0.4 ");
	/* Private only: its placements everywhere; an endpoint of another network only there. */
	must_apply(l, C "public: {fqdn: prod.example.org, enabled: false}\nprivate: {kind: "
			"interfaces, " PLACED "}\n");
	assert_answers(l, OBJECT_NETWORK, "net",
		       "prod.example.org=10.0.0.10,10.0.1.4,2001:db8::5 ");
	assert_answers(l, OBJECT_NETWORK, "peer",
		       "prod.example.org=10.0.0.10,10.0.1.4,2001:db8::5 ");
	assert_answers(l, OBJECT_NETWORK, "alone", "prod.example.org=10.0.0.4 ");
	/* By its endpoint alone: no answer elsewhere. */
	must_apply(l, C "public: {fqdn: prod.example.org, enabled: false}\n");
	assert_answers(l, OBJECT_NETWORK, "peer", "");
	assert_answers(l, OBJECT_NETWORK, "alone", "prod.example.org=10.0.0.4 ");
	/* An endpoint that is not approved answers nothing. */
	must_apply(l, C "public: {fqdn: prod.example.org}\n---\nkind: private-endpoint\nname: ep\n"
			"cluster: prod\nsubnet: alone1\nstate: pending\n");
	assert_answers(l, OBJECT_NETWORK, "alone", EVERYWHERE_ELSE);
	landscape_free(l);
}

static void test_integrated(void **state)
{
	struct landscape *l = world();

	/* Nodes know the address of an integrated cluster by themselves: the name leads them to the public one. */
	must_apply(l, C "public: {fqdn: prod.example.org}\nprivate: {kind: integrated, placements: "
			"[{subnet: deleg, addresses: [10.0.2.4]}]}\n");
	assert_answers(l, OBJECT_NETWORK, "net", EVERYWHERE_ELSE);
	assert_answers(l, OBJECT_NETWORK, "alone", "prod.example.org=10.0.0.4 ");
	must_apply(l, C "public: {fqdn: prod.example.org, enabled: false}\nprivate: {kind: "
			"integrated, placements: [{subnet: deleg, addresses: [10.0.2.4]}]}\n");
	assert_answers(l, OBJECT_NETWORK, "net", "prod.example.org=10.0.2.4 ");
	assert_answers(l, OBJECT_NETWORK, "peer", "prod.example.org=10.0.2.4 ");
	landscape_free(l);
}

#define ZONE(domain, records) \
	"kind: zone\nname: z\ndomain: " domain "\nvisibility: private\nrecords: [" records "]\n"
#define ALT_PUBLIC "alt.example.org=203.0.113.1,::1:0:0:0:1 "

/* A zone that falls through answers for what is there, be it without an address: itself, a name above another, what a wildcard covers. */
static void test_fall_through(void **state)
{
	struct landscape *l = world();

	must_apply(l, ZONE("example.org", "") "---\nkind: zone-link\nname: l\nzone: z\nnetwork: "
					      "peer\nfallThrough: true\n");
	assert_answers(l, OBJECT_NETWORK, "peer", EVERYWHERE_ELSE ALT_PUBLIC);
	must_apply(l, ZONE("example.org", "{name: x.prod, type: A, values: [9.9.9.9]}"));
	assert_answers(l, OBJECT_NETWORK, "peer", ALT_PUBLIC);
	must_apply(l, ZONE("example.org", "{name: '*', type: A, values: [9.9.9.9]}"));
	assert_answers(l, OBJECT_NETWORK, "peer",
		       "prod.example.org=9.9.9.9 alt.example.org=9.9.9.9 ");
	must_apply(l, ZONE("example.org", "{name: '*', type: A, values: [9.9.9.9]}, "
					  "{name: x.prod, type: A, values: [9.9.9.8]}"));
	assert_answers(l, OBJECT_NETWORK, "peer", "alt.example.org=9.9.9.9 ");
	must_apply(l, ZONE("prod.example.org", ""));
	assert_answers(l, OBJECT_NETWORK, "peer", ALT_PUBLIC);
	landscape_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both),
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_integrated),
		cmocka_unit_test(test_fall_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
