/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses that documents leave open: the lowest that is free, and from then on the same ones. */
#include "landscape_rig.h"

#include "base/cleanup.h"

static struct landscape *empty(void)
{
	struct landscape *l;
	struct err e;

	assert_int_equal(landscape_new(&l, &e), 0);
	return l;
}

/* Put doc over before (NULL: new) and allocate; the addresses that it then says, as "a b". */
static char *reapply(struct landscape *l, const char *yaml, const json_t *before, json_t **ret_doc)
{
	static char text[800];
	json_t *docs = documents(yaml), *doc = json_array_get(docs, 0), *list;
	struct object *o;
	struct err e = {0};
	size_t used = 0;

	landscape_begin(l);
	assert_int_equal(landscape_put(l, doc_kind(doc), 0, doc, &o, &e), 0);
	if (landscape_allocate(l, o, before, doc, &e) < 0 ||
	    landscape_check(l, false, NULL, &e) < 0) {
		landscape_abort(l);
		snprintf(text, sizeof(text), "%s: %s", e.path, e.text);
		json_decref(docs);
		return text;
	}
	landscape_commit(l);
	list = json_object_get(doc, "addresses");
	text[0] = '\0';
	for (size_t i = 0; i < json_array_size(list); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i ? " " : "",
					 json_string_value(json_array_get(list, i)));
	if (ret_doc)
		*ret_doc = json_incref(doc);
	json_decref(docs);
	return text;
}

#define DUAL                                                                                 \
	"kind: network\nname: n\naddressSpace: [10.0.0.0/16, \"2001:db8::/48\"]\n---\n"      \
	"kind: subnet\nname: s\nnetwork: n\nranges: [10.0.0.0/28, \"2001:db8::/64\"]\n---\n" \
	"kind: subnet\nname: t\nnetwork: n\nranges: [10.0.1.0/24]\n"

static void test_lowest(void **state)
{
	struct landscape *l = empty();

	must_apply(l, DUAL);
	assert_string_equal(reapply(l, "kind: host\nname: a\nsubnet: s\n", NULL, NULL),
			    "10.0.0.4 2001:db8::4");
	assert_string_equal(reapply(l, "kind: host\nname: b\nsubnet: s\n", NULL, NULL),
			    "10.0.0.5 2001:db8::5");
	/* One family of its own choice, the other allocated. */
	assert_string_equal(
		reapply(l, "kind: host\nname: c\nsubnet: s\naddresses: [10.0.0.6]\n", NULL, NULL),
		"10.0.0.6 2001:db8::6");
	assert_string_equal(
		reapply(l, "kind: host\nname: d\nsubnet: s\naddresses: [\"2001:db8::7\"]\n", NULL,
			NULL),
		"10.0.0.7 2001:db8::7");
	/* What was chosen is stepped over. */
	assert_string_equal(reapply(l, "kind: host\nname: e\nsubnet: s\n", NULL, NULL),
			    "10.0.0.8 2001:db8::8");
	landscape_free(l);
}

/* The same document again, without addresses, has the same as before: also in other words, and in another order. */
static void test_stable(void **state)
{
	struct landscape *l = empty();
	json_t *before, *again, *docs;
	struct verdict v;

	must_apply(l, DUAL);
	reapply(l, "kind: host\nname: a\nsubnet: s\n", NULL, NULL);
	reapply(l, "kind: host\nname: b\nsubnet: s\naddresses: [\"2001:DB8::0:9\", 10.0.0.9]\n",
		NULL, &before);
	docs = json_array();
	v = landscape_apply(l, docs, "host/a", false);
	assert_int_equal(v.r, 0);
	reapply(l, "kind: host\nname: b\nsubnet: s\n", before, &again);
	assert_true(json_equal(json_object_get(before, "addresses"),
			       json_object_get(again, "addresses")));
	/* Somewhere else it is given others. */
	assert_string_equal(reapply(l, "kind: host\nname: b\nsubnet: t\n", before, NULL),
			    "10.0.1.4");
	json_decref(before);
	json_decref(again);
	json_decref(docs);
	landscape_free(l);
}

/* What is given back is the lowest again. */
static void test_given_back(void **state)
{
	struct landscape *l = empty();
	json_t *none = json_array();
	char text[64];

	must_apply(l, DUAL);
	for (int i = 0; i < 5; i++) {
		snprintf(text, sizeof(text), "kind: host\nname: h%d\nsubnet: t\n", i);
		reapply(l, text, NULL, NULL);
	}
	assert_int_equal(landscape_apply(l, none, "host/h1", false).r, 0);
	assert_int_equal(landscape_apply(l, none, "host/h3", false).r, 0);
	assert_string_equal(reapply(l, "kind: host\nname: x\nsubnet: t\n", NULL, NULL), "10.0.1.5");
	assert_string_equal(reapply(l, "kind: host\nname: y\nsubnet: t\n", NULL, NULL), "10.0.1.7");
	assert_string_equal(reapply(l, "kind: host\nname: z\nsubnet: t\n", NULL, NULL), "10.0.1.9");
	json_decref(none);
	landscape_free(l);
}

/* In one stream nobody is given what another one has and does not mention. */
static void test_not_anothers(void **state)
{
	struct landscape *l = empty();
	json_t *docs;

	must_apply(l, DUAL);
	must_apply(l, "kind: host\nname: a\nsubnet: t\n---\nkind: host\nname: b\nsubnet: t\n");
	docs = documents(
		"kind: host\nname: new\nsubnet: t\n---\nkind: host\nname: b\nsubnet: t\n---\n"
		"kind: host\nname: a\nsubnet: t\n");
	assert_int_equal(landscape_apply(l, docs, NULL, false).r, 0);
	assert_string_equal(json_string_value(json_array_get(
				    json_object_get(json_array_get(docs, 0), "addresses"), 0)),
			    "10.0.1.6");
	assert_string_equal(json_string_value(json_array_get(
				    json_object_get(json_array_get(docs, 2), "addresses"), 0)),
			    "10.0.1.4");
	json_decref(docs);
	/* But who asks for it by name has it, and the other one another. */
	docs = documents("kind: host\nname: a\nsubnet: t\n---\nkind: host\nname: b\nsubnet: t\n"
			 "addresses: [10.0.1.4]\n");
	assert_int_equal(landscape_apply(l, docs, NULL, false).r, 0);
	assert_string_equal(json_string_value(json_array_get(
				    json_object_get(json_array_get(docs, 0), "addresses"), 0)),
			    "10.0.1.5");
	json_decref(docs);
	landscape_free(l);
}

static void test_exhausted(void **state)
{
	struct landscape *l = empty();
	char text[64];

	must_apply(l, "kind: network\nname: n\naddressSpace: [10.0.0.0/16]\n---\n"
		      "kind: subnet\nname: s\nnetwork: n\nranges: [10.0.0.0/28]\n");
	for (int i = 0; i < 11; i++) {
		snprintf(text, sizeof(text), "kind: host\nname: h%d\nsubnet: s\n", i);
		reapply(l, text, NULL, NULL);
	}
	assert_string_equal(
		reapply(l, "kind: host\nname: x\nsubnet: s\n", NULL, NULL),
		"addresses: subnet \"s\" (10.0.0.0/28) has no free IPv4 address: all 11 "
		"of them are in use, besides the reserved first 4 and the last");
	landscape_free(l);
}

static void test_site(void **state)
{
	struct landscape *l = empty();

	must_apply(l, "kind: site\nname: o\naddressSpace: [192.168.0.0/28, 10.0.0.0/24]\n");
	for (int i = 0; i < 11; i++) {
		char text[64], want[16];

		snprintf(text, sizeof(text), "kind: host\nname: h%d\nsite: o\n", i);
		snprintf(want, sizeof(want), "192.168.0.%d", 4 + i);
		assert_string_equal(reapply(l, text, NULL, NULL), want);
	}
	assert_string_equal(reapply(l, "kind: host\nname: x\nsite: o\n", NULL, NULL), "10.0.0.4");
	landscape_free(l);
}

static void test_pool(void **state)
{
	static const struct prefix small[] = {{{.lo = 0xcb007100, .family = ADDR_V4}, 30}},
				   other[] = {
					   {{.lo = 0xc6336400, .family = ADDR_V4}, 32},
					   {{.hi = UINT64_C(0x20010db800000000), .family = ADDR_V6},
					    64}};
	static const struct addr taken[] = {{.lo = 0xcb007101, .family = ADDR_V4}};
	struct landscape *l = empty();
	json_t *before;
	struct err e;

	assert_non_null(strstr(reapply(l, "kind: public-address\nname: a\n", NULL, NULL),
			       "no --public-pool to allocate from"));
	assert_int_equal(landscape_set_pool(l, small, 1, &e), 0);
	assert_int_equal(landscape_set_taken(l, taken, 1, &e), 0);
	assert_string_equal(reapply(l, "kind: public-address\nname: a\n", NULL, &before),
			    "203.0.113.2");
	assert_non_null(strstr(reapply(l, "kind: public-address\nname: b\n", NULL, NULL),
			       "no IPv4 address of the daemon's public pool is free"));
	/* It keeps its address when the pool is another one. The new family is added. */
	assert_int_equal(landscape_set_pool(l, other, 2, &e), 0);
	assert_string_equal(reapply(l, "kind: public-address\nname: a\n", before, NULL),
			    "203.0.113.2 2001:db8::1");
	assert_string_equal(reapply(l, "kind: public-address\nname: b\n", NULL, NULL),
			    "198.51.100.0 2001:db8::2");
	/* A choice of its own is all that it has. */
	assert_string_equal(
		reapply(l, "kind: public-address\nname: a\naddresses: [192.0.2.7]\n", before, NULL),
		"192.0.2.7");
	json_decref(before);
	landscape_free(l);
}

static void test_placements(void **state)
{
	static const char
		*const first = "kind: cluster\nname: c\nupstreams: [{address: 127.0.0.1}]\n"
			       "public: {fqdn: a.b}\nprivate: {kind: interfaces, "
			       "placements: [{subnet: s}, {subnet: t}]}\n",
		       *const turned = "kind: cluster\nname: c\nupstreams: [{address: "
				       "127.0.0.1}]\npublic: {fqdn: a.b}\nprivate: {kind: "
				       "interfaces, placements: [{subnet: t}, {subnet: s}]}\n";
	struct landscape *l = empty();
	json_t *before, *after, *was, *is;

	must_apply(l, DUAL);
	reapply(l, first, NULL, &before);
	must_apply(l, "kind: host\nname: a\nsubnet: s\n---\nkind: host\nname: b\nsubnet: t\n");
	reapply(l, turned, before, &after);
	was = json_object_get(json_object_get(before, "private"), "placements");
	is = json_object_get(json_object_get(after, "private"), "placements");
	assert_int_equal(json_array_size(json_object_get(json_array_get(was, 0), "addresses")), 2);
	assert_true(json_equal(json_array_get(was, 0), json_array_get(is, 1)));
	assert_true(json_equal(json_array_get(was, 1), json_array_get(is, 0)));
	json_decref(before);
	json_decref(after);
	landscape_free(l);
}

/* An undone change has given nothing away. */
static void test_abort(void **state)
{
	struct landscape *l = empty();
	json_t *docs =
		documents("kind: host\nname: a\nsubnet: t\n---\nkind: host\nname: b\nsubnet: t\n"
			  "---\nkind: host\nname: bad\nsubnet: t\naddresses: [10.9.9.9]\n");

	must_apply(l, DUAL);
	assert_int_equal(landscape_apply(l, docs, NULL, false).r, -ERR_INVALID);
	assert_string_equal(reapply(l, "kind: host\nname: c\nsubnet: t\n", NULL, NULL), "10.0.1.4");
	json_decref(docs);
	landscape_free(l);
}

/* 2^24 addresses cost nothing; 10,000 hosts of them little. */
static void test_large_subnet(void **state)
{
	struct landscape *l = empty();
	json_t *docs = json_array();
	char name[16];

	must_apply(l,
		   "kind: network\nname: n\naddressSpace: [10.0.0.0/8, \"2001:db8::/32\"]\n---\n"
		   "kind: subnet\nname: s\nnetwork: n\nranges: [10.0.0.0/8, \"2001:db8::/48\"]\n");
	for (int i = 0; i < 10000; i++) {
		snprintf(name, sizeof(name), "h%d", i);
		json_array_append_new(
			docs, json_pack("{ss,ss,ss}", "kind", "host", "name", name, "subnet", "s"));
	}
	assert_int_equal(landscape_apply(l, docs, NULL, false).r, 0);
	assert_string_equal(json_string_value(json_array_get(
				    json_object_get(json_array_get(docs, 9999), "addresses"), 0)),
			    "10.0.39.19");
	json_decref(docs);
	landscape_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lowest),	   cmocka_unit_test(test_stable),
		cmocka_unit_test(test_given_back), cmocka_unit_test(test_not_anothers),
		cmocka_unit_test(test_exhausted),  cmocka_unit_test(test_site),
		cmocka_unit_test(test_pool),	   cmocka_unit_test(test_placements),
		cmocka_unit_test(test_abort),	   cmocka_unit_test(test_large_subnet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
