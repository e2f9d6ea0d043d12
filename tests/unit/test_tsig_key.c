/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keys as documents, who names them, and what a change of one concerns. */
#include "landscape_rig.h"

#include "base/cleanup.h"
#include "model/body.h"
#include "model/tsig_key.h"
#include "model/view.h"

#define K	"kind: tsig-key\nname: k\n"
#define S16	"MDEyMzQ1Njc4OWFiY2RlZg==" /* 0123456789abcdef */
#define Z(name) "kind: zone\nname: " name "\ndomain: " name ".example\nvisibility: private\n"

static const struct {
	const char *doc, *path, *says;
} bad[] = {
	{K "secret: \"\"\n", "secret", "base64 of 16 to 64 octets"},
	{K "secret: MDEyMzQ1Njc4OWFiY2Rl\n", "secret", "16 to 64"},
	{K "secret: not base64 at all....\n", "secret", "leave it out"},
	{K "secret: 5\n", "secret", "a string"},
	{K "algorithm: hmac-md5\n", "algorithm", "one of hmac-sha256, hmac-sha384, hmac-sha512"},
	{K "keyName: \"*.a\"\n", "keyName", "wildcard"},
	{K "keyName: \"a..b\"\n", "keyName", "DNS name"},
	{K "key: x\n", "key", "is not a field here"},
	{Z("z") "transfer: k\n", "transfer", "a list"},
	{Z("z") "transfer: [K]\n", "transfer[0]", "RFC 1123"},
	{Z("z") "update: [a, b, a]\n", "update[2]", "item 0"},
};

static void test_refusals(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err e = {0};
		const struct kind *kind;
		const char *name;
		json_t *list = NULL;
		int r;

		assert_int_equal(
			document_parse(bad[i].doc, strlen(bad[i].doc), DOCUMENT_YAML, &list, &e),
			0);
		assert_int_equal(kind_of(json_array_get(list, 0), &kind, &name, &e), 0);
		r = kind->check(json_array_get(list, 0), false, &e);
		if (r >= 0 || strcmp(e.path, bad[i].path) != 0 || !strstr(e.text, bad[i].says))
			fail_msg("%s\ngave %d at '%s': %s", bad[i].doc, r, e.path, e.text);
		/* A secret that is wrong is a secret all the same. */
		assert_null(strstr(e.text, "not base64 at all"));
		json_decref(list);
	}
}

static void test_read(void **state)
{
	json_t *list = documents(K "---\n" K "keyName: Relay.Example.ORG.\nalgorithm: hmac-sha512\n"
				   "secret: " S16 "\n");
	struct tsig_key *k;
	struct err e;
	void *body;

	assert_int_equal(
		body_parse(OBJECT_TSIG_KEY, json_array_get(list, 0), NULL, NULL, &body, &e), 0);
	k = body;
	assert_string_equal(k->name, "k");
	assert_int_equal(k->algorithm, TSIG_HMAC_SHA256);
	assert_int_equal(k->secret_len, 0);
	body_free(OBJECT_TSIG_KEY, body);
	assert_int_equal(
		body_parse(OBJECT_TSIG_KEY, json_array_get(list, 1), NULL, NULL, &body, &e), 0);
	k = body;
	assert_string_equal(k->name, "relay.example.org");
	assert_string_equal(tsig_algorithm_text(k->algorithm), "hmac-sha512");
	assert_int_equal(k->secret_len, 16);
	assert_memory_equal(k->secret, "0123456789abcdef", 16);
	body_free(OBJECT_TSIG_KEY, body);
	json_decref(list);
}

/* Those who may only look see the document, not the secret; the stored one is left alone. */
static void test_public(void **state)
{
	json_t *list = documents(K "secret: " S16 "\n---\n" Z("z"));
	const json_t *key = json_array_get(list, 0), *zone = json_array_get(list, 1);
	json_t *shown = kind_public(kind_find("tsig-key"), key);

	assert_null(json_object_get(shown, "secret"));
	assert_string_equal(json_string_value(json_object_get(shown, "name")), "k");
	assert_non_null(json_object_get(key, "secret"));
	json_decref(shown);
	shown = kind_public(kind_find("zone"), zone);
	assert_true(json_equal(shown, (json_t *)(uintptr_t)zone));
	json_decref(shown);
	assert_null(kind_public(kind_find("tsig-key"), NULL));
	json_decref(list);
}

static const struct {
	const char *yaml, *deleted, *blame, *path, *says;
} wrong[] = {
	{Z("z") "transfer: [none]\n", NULL, "zone/z", "transfer[0]",
	 "tsig-key \"none\" is not declared"},
	{NULL, "tsig-key/a", "tsig-key/a", "", "in use by zone \"one\""},
	{Z("z") "transfer: [a, b]\nupdate: [same]\n", NULL, "zone/z", "update[0]",
	 "has the keyName a, as tsig-key \"a\""},
	{"kind: tsig-key\nname: b\nkeyName: A\n", NULL, "tsig-key/b", "keyName",
	 "would break zone \"one\""},
};

#define WORLD_OF_KEYS                                                                              \
	"kind: tsig-key\nname: a\n---\nkind: tsig-key\nname: b\n---\n"                             \
	"kind: tsig-key\nname: same\nkeyName: a\n---\n"                                            \
	"kind: tsig-key\nname: idle\n---\n" Z("one") "transfer: [a]\nupdate: [a, b]\n"             \
						     "---\n" Z("two") "transfer: [same]\n---\n" Z( \
							     "three")

static void test_references(void **state)
{
	struct landscape *l;
	struct err e;

	assert_int_equal(landscape_new(&l, &e), 0);
	must_apply(l, WORLD_OF_KEYS);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		json_t *docs = wrong[i].yaml ? documents(wrong[i].yaml) : json_array();
		struct verdict v = landscape_apply(l, docs, wrong[i].deleted, true);

		if (v.r != -ERR_INVALID || strcmp(v.blame, wrong[i].blame) != 0 ||
		    strcmp(v.e.path, wrong[i].path) != 0 || !strstr(v.e.text, wrong[i].says))
			fail_msg("%s %s\ngave %d, %s at '%s': %s", wrong[i].yaml, wrong[i].deleted,
				 v.r, v.blame, v.e.path, v.e.text);
		json_decref(docs);
	}
	landscape_free(l);
}

#define TOUCHED_MAX 256

static int note_zone(struct object *o, void *arg)
{
	char *text = arg;
	const size_t used = strlen(text);

	snprintf(text + used, TOUCHED_MAX - used, "%s ", o->name);
	return 0;
}

/* A key's secret changes: the zones that name it are compiled anew, and no other. */
static void test_touch(void **state)
{
	json_t *docs = documents("kind: tsig-key\nname: a\nsecret: " S16 "\n");
	char touched[TOUCHED_MAX] = "";
	struct landscape *l;
	struct object *o;
	struct err e;

	assert_int_equal(landscape_new(&l, &e), 0);
	must_apply(l, WORLD_OF_KEYS);
	landscape_begin(l);
	assert_int_equal(landscape_put(l, OBJECT_TSIG_KEY, 0, json_array_get(docs, 0), &o, &e), 0);
	assert_int_equal(landscape_check(l, false, NULL, &e), 0);
	assert_int_equal(landscape_each_zone_touched(l, note_zone, touched), 0);
	assert_string_equal(touched, "one ");
	landscape_commit(l);
	json_decref(docs);
	landscape_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusals), cmocka_unit_test(test_read),
		cmocka_unit_test(test_public),	 cmocka_unit_test(test_references),
		cmocka_unit_test(test_touch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
