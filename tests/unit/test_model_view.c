/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What names answer, row by row as TRUTH.md has it, IPv4 and IPv6. Places:
 *
 *	net      the cluster's network (P, N, X, NODE)      pl   peered, the zone is linked (PL)
 *	pu       peered, not linked (PU, PP, H)             u    joined to nothing (U)
 *	e        its own private endpoint (E)               o    on premises (O), linked where a test says so
 *	I        the internet
 */
#include "landscape_rig.h"

#include "base/cleanup.h"
#include "model/cluster_dns.h"
#include "model/names.h"
#include "model/view.h"

#include <stdlib.h>

#define NET(n) "kind: network\nname: " n "\naddressSpace: [10.0.0.0/16, 2001:db8::/48]\n---\n"
#define SUB(s, n) \
	"kind: subnet\nname: " s "\nnetwork: " n "\nranges: [10.0.0.0/24, 2001:db8::/64]\n---\n"
/* clang-format off */
#define PLACES                                                                                \
	NET("net") NET("pl") NET("pu") NET("u") NET("e") SUB("s", "net") SUB("es", "e")       \
	"kind: subnet\nname: s2\nnetwork: net\nranges: [10.0.1.0/24]\n---\n"                  \
	"kind: subnet\nname: deleg\nnetwork: net\nranges: [10.0.2.0/28, 2001:db8:0:2::/64]\n" \
	"delegation: clusters\n---\n"                                                         \
	"kind: site\nname: o\naddressSpace: [192.168.0.0/24]\n"
/* clang-format on */

static const struct addr listeners[] = {
	{.lo = 0xcb007101, .family = ADDR_V4},
	{.hi = UINT64_C(0x20010db8ffff0000), .lo = 1, .family = ADDR_V6}};
static const struct view_public public = {listeners, 2};

#define PUBLIC	"203.0.113.1 2001:db8:ffff::1"
#define PRIVATE "10.0.0.10 2001:db8::10"
#define VIP	"10.0.2.10 2001:db8:0:2::10"
#define AT_E	"10.0.0.77 2001:db8::77"
#define NX	"NX"

#define CLUSTER(fqdn, enabled)                                                               \
	"kind: cluster\nname: prod\nupstreams: [{address: 127.0.0.1}]\npublic: {fqdn: " fqdn \
	", enabled: " enabled "}\n"
#define PLACED(kind, on)                                                                  \
	"private: {kind: " kind ", enabled: " on ", placements: [{subnet: s, addresses: " \
	"[10.0.0.10, \"2001:db8::10\"]}]}\n"
#define INTEGRATED                                                                         \
	"private: {kind: integrated, placements: [{subnet: deleg, addresses: [10.0.2.10, " \
	"\"2001:db8:0:2::10\"]}]}\n"
#define ENDPOINT(more)                                                             \
	"kind: private-endpoint\nname: ep\ncluster: prod\nsubnet: es\naddresses: " \
	"[10.0.0.77, \"2001:db8::77\"]\n" more
#define LINK(name, what, to) "kind: zone-link\nname: " name "\n" what "\n" to "\n"

/* --- asking a view, as a server does ---------------------------------------------------------------------- */

struct asking {
	const char *name;
	char domain[DNS_NAME_MAX + 1]; /* of the best zone so far, "" if none */
	struct view_zone zone;
	char *answer; /* ANSWER_MAX */
	bool is_there;
};

#define ANSWER_MAX 400

static void append(char *dst, const char *text)
{
	size_t n = strlen(dst);

	snprintf(dst + n, ANSWER_MAX - n, "%s%s", n ? " " : "", text);
}

static bool is_in(const char *name, const char *domain)
{
	return strcmp(name, domain) == 0 || dns_name_is_below(name, domain);
}

static int choose(const struct view_zone *z, void *arg)
{
	struct asking *q = arg;

	if (!is_in(q->name, z->domain))
		return 0;
	if (q->domain[0] && (strlen(z->domain) < strlen(q->domain) ||
			     (strlen(z->domain) == strlen(q->domain) && z->kind > q->zone.kind)))
		return 0;
	snprintf(q->domain, sizeof(q->domain), "%s", z->domain);
	q->zone = *z;
	q->zone.domain = q->domain;
	return 0;
}

static int answer(const struct view_record *record, void *arg)
{
	struct asking *q = arg;
	char full[DNS_NAME_MAX + 1], text[ADDR_TEXT_MAX];
	const char *value = record->set ? record->set->values : NULL;

	if (strcmp(record_name_full(record->name, q->domain, full), q->name) != 0)
		return 0;
	q->is_there = true;
	for (size_t i = 0; i < record->n_addresses; i++) {
		assert_int_equal(record->addresses[i].family,
				 record->type == RECORD_A ? ADDR_V4 : ADDR_V6);
		append(q->answer, addr_format(&record->addresses[i], text));
	}
	for (size_t i = 0; value && i < record->set->n_values; i++, value += strlen(value) + 1)
		append(q->answer, value);
	return 0;
}

/* In the network's view, then the internet's. */
static const char *ask(const struct landscape *l, const struct object *router, const char *name)
{
	static char text[4][ANSWER_MAX];
	static size_t next;
	char *dst = text[next++ % 4];
	struct asking q = {.name = name, .answer = dst};

	dst[0] = '\0';
	assert_int_equal(view_each_zone(l, router, &public, choose, &q), 0);
	if (q.domain[0]) {
		assert_ptr_equal(q.zone.router, router);
		assert_int_equal(view_each_record(&q.zone, &public, answer, &q), 0);
		if (q.zone.denial != VIEW_GIVEN)
			assert_string_equal(dst, "");
		if (router && q.zone.fall_through && !q.is_there)
			return ask(l, NULL, name);
		return q.is_there ? dst : NX;
	}
	return router ? ask(l, NULL, name) : "elsewhere";
}

static const struct object *place(const struct landscape *l, const char *name)
{
	if (strcmp(name, "I") == 0)
		return NULL;
	return landscape_find(l, strcmp(name, "o") ? OBJECT_NETWORK : OBJECT_SITE, name);
}

/* --- what names_of() says must be the same ---------------------------------------------------------------- */

struct telling {
	const char *name;
	char text[ANSWER_MAX];
};

static int told(const char *name, const struct object *cluster, const struct addr *addresses,
		size_t n, void *arg)
{
	struct telling *t = arg;
	char text[ADDR_TEXT_MAX];

	assert_true(n > 0);
	if (strcmp(name, t->name) != 0)
		return 0;
	assert_string_equal(t->text, "");
	for (size_t i = 0; i < n; i++)
		append(t->text, addr_format(&addresses[i], text));
	return 0;
}

static void assert_name(struct landscape *l, const char *places, const char *name, const char *want)
{
	char copy[100], *at = copy;

	snprintf(copy, sizeof(copy), "%s", places);
	for (const char *p; (p = strsep(&at, " "));) {
		const struct object *router = place(l, p);
		const char *got = ask(l, router, name);
		struct telling t = {.name = name};

		if (strcmp(got, want) != 0)
			fail_msg("%s at %s: %s, not %s", name, p, got, want);
		if (!router)
			continue;
		assert_int_equal(names_of(l, router, listeners, 2, told, &t), 0);
		if (!strcmp(want, NX) || !strcmp(want, "elsewhere"))
			assert_string_equal(t.text, "");
		else if (strcmp(t.text, want) != 0)
			fail_msg("names_of %s at %s: %s, not %s", name, p, t.text, want);
	}
}

static struct landscape *places(const char *more)
{
	struct landscape *l;
	struct err e;

	assert_int_equal(landscape_new(&l, &e), 0);
	must_apply(l, PLACES);
	must_apply(l, more);
	return l;
}

/* --- EKS -------------------------------------------------------------------------------------------------- */

#define EKS	 "abc.gr7.eu-west-1.eks.example"
#define EVERYONE "I net pl pu u o e"

static void test_eks_public_only(void **state)
{
	struct landscape *l = places(CLUSTER(EKS, "true"));

	assert_name(l, EVERYONE, EKS, PUBLIC);
	/* Addresses that are switched off do not count. */
	must_apply(l, CLUSTER(EKS, "true") PLACED("interfaces", "false"));
	assert_name(l, EVERYONE, EKS, PUBLIC);
	landscape_free(l);
}

static void test_eks_both(void **state)
{
	struct landscape *l = places(CLUSTER(EKS, "true") PLACED("interfaces", "true"));

	assert_name(l, "I", EKS, PUBLIC);
	assert_name(l, "net", EKS, PRIVATE);
	assert_name(l, "pl pu o u", EKS, PUBLIC);
	/* P, N, X when the VPC has DNS support or DNS hostnames off. */
	must_apply(l, "kind: network\nname: net\naddressSpace: [10.0.0.0/16, 2001:db8::/48]\ndns: "
		      "{clusterNames: false}\n");
	assert_name(l, "net", EKS, PUBLIC);
	landscape_free(l);
}

static void test_eks_private_only(void **state)
{
	struct landscape *l = places(CLUSTER(EKS, "false") PLACED("interfaces", "true"));

	assert_name(l, "I u", EKS, PRIVATE);
	assert_name(l, "net pl pu o", EKS, PRIVATE);
	/* A private endpoint in another network registers the name there, and there only. */
	must_apply(l, ENDPOINT(""));
	assert_name(l, "e", EKS, AT_E);
	assert_name(l, "I net pl pu u o", EKS, PRIVATE);
	must_apply(l, ENDPOINT("dns: false\n"));
	assert_name(l, EVERYONE, EKS, PRIVATE);
	must_apply(l, ENDPOINT("state: pending\n"));
	assert_name(l, EVERYONE, EKS, PRIVATE);
	landscape_free(l);
}

/* Both off, by force: the name is known not to be there. */
static void test_eks_none(void **state)
{
	struct landscape *l = places(ENDPOINT("state: pending\n---\n") CLUSTER(EKS, "true"));
	json_t *docs = documents(CLUSTER(EKS, "false") PLACED("interfaces", "false"));

	assert_int_equal(landscape_apply(l, docs, NULL, true).r, 0);
	assert_name(l, EVERYONE, EKS, NX);
	json_decref(docs);
	landscape_free(l);
}

/* --- AKS -------------------------------------------------------------------------------------------------- */

#define AKS	    "aks1-abc.hcp.westeurope.azmk8s.example"
#define AKS_PRIVATE "aks1-abc.guid.privatelink.westeurope.azmk8s.example"
#define SYSTEM(public_name) \
	"dns: {zone: system, privateFqdn: " AKS_PRIVATE ", publicName: " public_name "}\n"
#define LINKED "---\n" LINK("pl", "cluster: prod", "network: pl")

static void test_aks_public(void **state)
{
	struct landscape *l = places(CLUSTER(AKS, "true"));

	assert_name(l, EVERYONE, AKS, PUBLIC);
	landscape_free(l);
}

static void test_aks_system_zone(void **state)
{
	struct landscape *l =
		places(CLUSTER(AKS, "false") PLACED("private-link", "true") SYSTEM("true") LINKED);

	assert_name(l, "net pl", AKS_PRIVATE, PRIVATE);
	assert_name(l, "pu u I o", AKS_PRIVATE, NX);
	assert_name(l, "I net pl pu u o", AKS, PRIVATE);
	/* H, O: as PL if the zone is linked. */
	must_apply(l, LINK("o", "cluster: prod", "site: o"));
	assert_name(l, "o", AKS_PRIVATE, PRIVATE);
	/* E: its own record, for the endpoint in its own network. */
	must_apply(l, ENDPOINT(""));
	assert_name(l, "e", AKS_PRIVATE, AT_E);
	assert_name(l, "e", AKS, AT_E);
	assert_name(l, "net pl", AKS_PRIVATE, PRIVATE);
	/* The endpoint's network is linked besides: its own record is nearer. */
	must_apply(l, LINK("e", "cluster: prod", "network: e"));
	assert_name(l, "e", AKS_PRIVATE, AT_E);
	/* Without a record of its own it sees the zone, or nothing. */
	must_apply(l, ENDPOINT("dns: false\n"));
	assert_name(l, "e", AKS_PRIVATE, PRIVATE);
	landscape_free(l);
}

static void test_aks_system_zone_public_name_off(void **state)
{
	struct landscape *l = places(CLUSTER(AKS, "false") PLACED("private-link", "true")
					     SYSTEM("false") LINKED "---\n" ENDPOINT(""));

	assert_name(l, "pu I u o", AKS, NX);
	assert_name(l, "pu I u o", AKS_PRIVATE, NX);
	assert_name(l, "net pl", AKS_PRIVATE, PRIVATE);
	assert_name(l, "e", AKS_PRIVATE, AT_E);
	assert_name(l, "net pl e", AKS, NX);
	/* Live, both ways. */
	must_apply(l, CLUSTER(AKS, "false") PLACED("private-link", "true") SYSTEM("true"));
	assert_name(l, "I net pl pu u o", AKS, PRIVATE);
	landscape_free(l);
}

static void test_aks_zone_none(void **state)
{
	struct landscape *l = places(CLUSTER(AKS, "false") PLACED(
		"private-link", "true") "dns: {zone: none, publicName: true}\n");
	const char *wrong = CLUSTER(AKS, "false")
		PLACED("private-link", "true") "dns: {zone: none, publicName: false}\n";
	json_t *docs = documents(wrong);
	struct err e = {0};

	assert_name(l, EVERYONE, AKS, PRIVATE);
	/* The wrong configuration of the documentation's table, unless forced. */
	assert_int_equal(kind_find("cluster")->check(json_array_get(docs, 0), false, &e),
			 -ERR_INVALID);
	assert_string_equal(e.path, "dns.publicName");
	assert_int_equal(kind_find("cluster")->check(json_array_get(docs, 0), true, &e), 0);
	assert_int_equal(landscape_apply(l, docs, NULL, true).r, 0);
	assert_name(l, EVERYONE, AKS, NX);
	json_decref(docs);
	landscape_free(l);
}

#define OWN_ZONE                                                                 \
	"kind: zone\nname: own\ndomain: privatelink.westeurope.azmk8s.example\n" \
	"visibility: private\n"
#define OWN "dns: {zone: own, ownZone: own"

static void test_aks_own_zone(void **state)
{
	struct landscape *l =
		places(OWN_ZONE "---\n" CLUSTER(AKS, "false") PLACED("private-link", "true") OWN
		       "}\n---\n" LINK("net", "zone: own", "network: net") "---\n" LINK(
			       "pl", "zone: own", "network: pl") "---\n" ENDPOINT(""));
	static const char name[] = "aks1-abc.privatelink.westeurope.azmk8s.example";

	assert_name(l, "net pl", name, PRIVATE);
	assert_name(l, "pu u I o", name, NX);
	assert_name(l, "I net pl pu u o", AKS, PRIVATE);
	assert_name(l, "e", name, AT_E);
	/* The links are the user's: not even the cluster's own network sees it without. */
	must_apply(l, LINK("net", "zone: own", "network: pu"));
	assert_name(l, "net", name, NX);
	assert_name(l, "pu", name, PRIVATE);
	/* A subzone; another name within the zone. */
	must_apply(l,
		   "kind: zone\nname: own\ndomain: "
		   "team.privatelink.westeurope.azmk8s.example\nvisibility: private\n---\n" CLUSTER(
			   AKS, "false") PLACED("private-link", "true") OWN
		   ", privateFqdn: a.b.team.privatelink.westeurope.azmk8s.example}\n");
	assert_name(l, "pl", "a.b.team.privatelink.westeurope.azmk8s.example", PRIVATE);
	assert_name(l, "e", "a.b.team.privatelink.westeurope.azmk8s.example", AT_E);
	assert_name(l, "pl I", name, "elsewhere");
	landscape_free(l);
}

/* The private endpoint deleted: the private name is gone; a new one heals it. */
static void test_aks_cut_off(void **state)
{
	struct landscape *l =
		places(CLUSTER(AKS, "false") PLACED("private-link", "true") SYSTEM("true") LINKED);
	json_t *docs =
		documents(CLUSTER(AKS, "false") "private: {kind: private-link}\n" SYSTEM("true"));

	assert_int_equal(landscape_apply(l, docs, NULL, true).r, 0);
	assert_name(l, "net pl pu I", AKS_PRIVATE, NX);
	assert_name(l, EVERYONE, AKS, NX);
	must_apply(l, CLUSTER(AKS, "false") PLACED("private-link", "true") SYSTEM("true"));
	assert_name(l, "net pl", AKS_PRIVATE, PRIVATE);
	json_decref(docs);
	landscape_free(l);
}

#define INTEGRATED_NAME "aks1-abc.guid.private.westeurope.azmk8s.example"
#define INTEGRATED_ZONE "dns: {zone: system, privateFqdn: " INTEGRATED_NAME "}\n"

static void test_aks_integrated(void **state)
{
	struct landscape *l = places(CLUSTER(AKS, "true") INTEGRATED);

	assert_name(l, EVERYONE, AKS, PUBLIC);
	must_apply(l, CLUSTER(AKS, "true") INTEGRATED INTEGRATED_ZONE);
	assert_name(l, EVERYONE, AKS, PUBLIC);
	assert_name(l, "net", INTEGRATED_NAME, VIP);
	/* Public access removed later, as private; and added again. */
	must_apply(l, CLUSTER(AKS, "false") INTEGRATED INTEGRATED_ZONE
		   "---\n" LINK("pl", "cluster: prod", "network: pl"));
	assert_name(l, "net pl", INTEGRATED_NAME, VIP);
	assert_name(l, "pu u I o e", INTEGRATED_NAME, NX);
	assert_name(l, EVERYONE, AKS, VIP);
	must_apply(l, CLUSTER(AKS, "true") INTEGRATED INTEGRATED_ZONE);
	assert_name(l, EVERYONE, AKS, PUBLIC);
	landscape_free(l);
}

/* --- the same for both, and beyond ------------------------------------------------------------------------ */

/* Equal address spaces, zones of one domain with different content, a cluster in each: nothing leaks. */
static void test_no_leaks(void **state)
{
	struct landscape *l = places(
		"kind: zone\nname: z1\ndomain: corp.example\nvisibility: private\nrecords: [{name: "
		"db, type: A, values: [10.0.0.1]}, {name: one, type: A, values: [10.0.0.1]}]\n---\n"
		"kind: zone\nname: z2\ndomain: corp.example\nvisibility: private\nrecords: [{name: "
		"db, type: A, values: [10.0.0.2]}]\n---\n" LINK(
			"a", "zone: z1",
			"network: net") "---\n" LINK("b", "zone: z2",
						     "network: e") "---\n" CLUSTER("prod.corp."
										   "example",
										   "true")
			PLACED("interfaces", "true"));

	assert_string_equal(ask(l, place(l, "net"), "db.corp.example"), "10.0.0.1");
	assert_string_equal(ask(l, place(l, "e"), "db.corp.example"), "10.0.0.2");
	assert_string_equal(ask(l, place(l, "e"), "one.corp.example"), NX);
	assert_string_equal(ask(l, place(l, "u"), "db.corp.example"), "elsewhere");
	assert_string_equal(ask(l, NULL, "db.corp.example"), "elsewhere");
	/* A linked zone is final, also for a public name; unless it falls through. The longer domain wins. */
	assert_name(l, "net", "prod.corp.example", PRIVATE);
	assert_name(l, "e", "prod.corp.example", NX);
	assert_name(l, "u I", "prod.corp.example", PUBLIC);
	must_apply(l, LINK("b", "zone: z2", "network: e\nfallThrough: true"));
	assert_name(l, "e", "prod.corp.example", PUBLIC);
	assert_string_equal(ask(l, place(l, "e"), "db.corp.example"), "10.0.0.2");
	landscape_free(l);
}

/* What a user declares for the very name comes first, and public zones are seen everywhere. */
static void test_declared_first(void **state)
{
	struct landscape *l = places(CLUSTER("prod.corp.example", "true") PLACED(
		"interfaces",
		"true") "---\n"
			"kind: zone\nname: mine\ndomain: prod.corp.example\nvisibility: "
			"private\nrecords: "
			"[{name: \"@\", type: A, values: [10.9.9.9]}]\n---\n" LINK(
				"a", "zone: mine",
				"network: net") "---\n"
						"kind: zone\nname: world\ndomain: "
						"corp.example\nvisibility: public\nrecords: "
						"[{name: www, type: AAAA, values: [\"::9\"]}]\n");

	assert_name(l, "net", "prod.corp.example", "10.9.9.9");
	assert_name(l, "u", "prod.corp.example", PUBLIC);
	assert_string_equal(ask(l, place(l, "net"), "www.corp.example"), "::9");
	assert_string_equal(ask(l, place(l, "o"), "www.corp.example"), "::9");
	assert_string_equal(ask(l, NULL, "www.corp.example"), "::9");
	must_apply(l, "kind: zone\nname: mine2\ndomain: prod.corp.example\nvisibility: public\n"
		      "records: [{name: \"@\", type: A, values: [10.8.8.8]}]\n");
	assert_name(l, "u I", "prod.corp.example", "10.8.8.8");
	landscape_free(l);
}

/* A name below a conditional forward is the other server's to know. */
static void test_forwarded(void **state)
{
	struct landscape *l = places(CLUSTER(AKS, "false") PLACED("private-link", "true") SYSTEM(
		"true") "---\n"
			"kind: site\nname: o\naddressSpace: [192.168.0.0/24]\ndns: {forward: "
			"[{domain: "
			"guid.privatelink.westeurope.azmk8s.example, servers: [10.0.0.2]}]}\n");
	struct telling t = {.name = AKS_PRIVATE};

	assert_int_equal(names_of(l, place(l, "o"), listeners, 2, told, &t), 0);
	assert_string_equal(t.text, "");
	t.name = AKS;
	assert_int_equal(names_of(l, place(l, "o"), listeners, 2, told, &t), 0);
	assert_string_equal(t.text, PRIVATE);
	landscape_free(l);
}

/* The name that is made where none is given; and names that are in both parts. */
static void test_private_names(void **state)
{
	struct landscape *l = places(CLUSTER("api.example.org", "false") PLACED(
		"private-link", "true") "dns: {zone: system}\n");
	char name[DNS_NAME_MAX + 1];

	assert_name(l, "net", "api.prod.privatelink.example.org", PRIVATE);
	assert_name(l, "u", "api.prod.privatelink.example.org", NX);
	assert_true(cluster_system_domain(landscape_find(l, OBJECT_CLUSTER, "prod"), name));
	assert_string_equal(name, "prod.privatelink.example.org");
	/* One name for all: private where the zone is, else as the public one. */
	must_apply(l,
		   CLUSTER("api.example.org", "true")
			   PLACED("private-link", "true") "dns: {zone: system, privateFqdn: "
							  "api.example.org}\n---\n" ENDPOINT(""));
	assert_name(l, "net", "api.example.org", PRIVATE);
	assert_name(l, "u I o", "api.example.org", PUBLIC);
	assert_name(l, "e", "api.example.org", AT_E);
	landscape_free(l);
}

static int stop_zone(const struct view_zone *z, void *arg)
{
	return 7;
}

static int count_zone(const struct view_zone *z, void *arg)
{
	++*(size_t *)arg;
	return 0;
}

static void test_walks(void **state)
{
	struct landscape *l = places(OWN_ZONE "---\n" CLUSTER(AKS, "false")
					     PLACED("private-link", "true") SYSTEM("true") LINKED);
	struct object *prod = landscape_find(l, OBJECT_CLUSTER, "prod");
	size_t n = 0;

	assert_int_equal(view_each_zone(l, NULL, &public, stop_zone, NULL), 7);
	assert_int_equal(view_each_zone(l, place(l, "net"), &public, stop_zone, NULL), 7);
	assert_int_equal(view_each_zone(l, place(l, "net"), &public, count_zone, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(view_each_zone_of(place(l, "pl"), prod, &public, count_zone, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(view_each_zone_of(place(l, "pu"), prod, &public, count_zone, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(view_each_zone_of(NULL, landscape_find(l, OBJECT_ZONE, "own"), &public,
					   count_zone, &n),
			 0);
	assert_int_equal(n, 2);
	landscape_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_eks_public_only),
		cmocka_unit_test(test_eks_both),
		cmocka_unit_test(test_eks_private_only),
		cmocka_unit_test(test_eks_none),
		cmocka_unit_test(test_aks_public),
		cmocka_unit_test(test_aks_system_zone),
		cmocka_unit_test(test_aks_system_zone_public_name_off),
		cmocka_unit_test(test_aks_zone_none),
		cmocka_unit_test(test_aks_own_zone),
		cmocka_unit_test(test_aks_cut_off),
		cmocka_unit_test(test_aks_integrated),
		cmocka_unit_test(test_no_leaks),
		cmocka_unit_test(test_declared_first),
		cmocka_unit_test(test_forwarded),
		cmocka_unit_test(test_private_names),
		cmocka_unit_test(test_walks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
