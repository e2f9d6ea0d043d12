/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Random transactions. What is kept of every view, and of the content of every shared zone, is made anew only where the landscape says
 * that a transaction touched it, and must be the same as when everything is derived afresh; no view may have a domain twice.
 */
#include "landscape_rig.h"

#include "base/cleanup.h"
#include "model/cluster_dns.h"
#include "model/view.h"

#include <stdlib.h>

#define STEPS 4000

static uint64_t seed = 4;

static size_t below(size_t n)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (size_t)(seed >> 33) % n;
}

#include "names_random.h"

/* --- what is kept ----------------------------------------------------------------------------------------- */

static const struct addr listener = {.lo = 0xcb007101, .family = ADDR_V4};
static const struct view_public public = {&listener, 1};

/* Text that grows. */
struct text {
	char s[20000];
	size_t n;
};

static void text_add(struct text *t, const char *s)
{
	t->n += (size_t)snprintf(t->s + t->n, sizeof(t->s) - t->n, "%s ", s);
	assert_true(t->n < sizeof(t->s));
}

static int line_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct lines {
	char *all[200];
	size_t n;
};

static int record_line(const struct view_record *record, void *arg)
{
	struct lines *ls = arg;
	struct text t = {0};
	char ttl[16], address[ADDR_TEXT_MAX];
	const char *value = record->set ? record->set->values : NULL;

	text_add(&t, record->name);
	text_add(&t, record_type_text(record->type));
	snprintf(ttl, sizeof(ttl), "%u", record->ttl);
	text_add(&t, ttl);
	text_add(&t, record->owner ? record->owner->name : "user");
	for (size_t i = 0; i < record->n_addresses; i++)
		text_add(&t, addr_format(&record->addresses[i], address));
	for (size_t i = 0; value && i < record->set->n_values; i++, value += strlen(value) + 1)
		text_add(&t, value);
	assert_true(ls->n < ARRAY_SIZE(ls->all));
	ls->all[ls->n++] = strdup(t.s);
	return 0;
}

static void records_text(const struct view_zone *z, struct text *t)
{
	struct lines ls = {0};

	assert_int_equal(view_each_record(z, &public, record_line, &ls), 0);
	qsort(ls.all, ls.n, sizeof(*ls.all), line_cmp);
	for (size_t i = 0; i < ls.n; i++) {
		text_add(t, ls.all[i]);
		free(ls.all[i]);
	}
}

static const char *key_of(const struct object *router, const struct object *owner, char key[200])
{
	snprintf(key, 200, "%s/%s of %s/%s", router ? object_kind_text(router->kind) : "internet",
		 router ? router->name : "", object_kind_text(owner->kind), owner->name);
	return key;
}

/* kept[key] += what is seen of the zone. */
static int zone_keep(const struct view_zone *z, void *arg)
{
	json_t *kept = arg;
	struct text t = {0};
	char key[200], numbers[100];
	const char *before;

	snprintf(numbers, sizeof(numbers), "%d %d %d %u %u", z->kind, z->denial, z->fall_through,
		 z->ttl, z->minimum);
	text_add(&t, z->domain);
	text_add(&t, numbers);
	text_add(&t, z->by ? z->by->name : "-");
	if (z->kind == VIEW_NAME)
		records_text(z, &t);
	before = json_string_value(json_object_get(kept, key_of(z->router, z->owner, key)));
	json_object_set_new(kept, key, json_sprintf("%s%s", before ? before : "", t.s));
	return 0;
}

static void content_keep(json_t *kept, const struct object *owner)
{
	char domain[DNS_NAME_MAX + 1], key[200];
	struct view_zone z;
	struct text t = {0};

	key_of(NULL, owner, key);
	json_object_del(kept, key);
	if (!view_shared_zone(owner, &z, domain))
		return;
	text_add(&t, domain);
	records_text(&z, &t);
	json_object_set_new(kept, key, json_string(t.s));
}

/* --- touched ---------------------------------------------------------------------------------------------- */

struct kept {
	json_t *views, *contents;
	size_t n_touched;
};

static int view_touched(struct object *router, struct object *owner, void *arg)
{
	struct kept *k = arg;
	char key[200];

	k->n_touched++;
	json_object_del(k->views, key_of(router, owner, key));
	return view_each_zone_of(router, owner, &public, zone_keep, k->views);
}

static int content_touched(struct object *owner, void *arg)
{
	content_keep(((struct kept *)arg)->contents, owner);
	return 0;
}

/* --- afresh ----------------------------------------------------------------------------------------------- */

struct deriving {
	struct landscape *l;
	json_t *views, *contents;
};

static int domain_once(const struct view_zone *z, void *arg)
{
	char key[300];

	/* Private names may be anybody's. */
	if (z->kind == VIEW_NAME && cluster_private_name(z->owner, key) &&
	    strcmp(key, z->domain) == 0)
		return 0;
	snprintf(key, sizeof(key), "%s %s", z->domain, z->kind == VIEW_NAME ? "name" : "zone");
	if (json_object_get(arg, key))
		fail_msg("twice in a view: %s", key);
	json_object_set_new(arg, key, json_true());
	return 0;
}

static int router_derive(struct object *router, void *arg)
{
	struct deriving *d = arg;
	json_t *seen = json_object();

	assert_int_equal(view_each_zone(d->l, router, &public, zone_keep, d->views), 0);
	assert_int_equal(view_each_zone(d->l, router, &public, domain_once, seen), 0);
	json_decref(seen);
	return 0;
}

static int owner_derive(struct object *owner, void *arg)
{
	content_keep(((struct deriving *)arg)->contents, owner);
	return 0;
}

static void assert_same(const json_t *kept, const json_t *fresh, const char *what, size_t step)
{
	const char *key;
	json_t *value;

	if (json_equal(kept, fresh))
		return;
	json_object_foreach((json_t *)(uintptr_t)fresh, key, value)
	{
		const char *was = json_string_value(json_object_get(kept, key));

		if (!was || strcmp(was, json_string_value(value)) != 0)
			fail_msg("step %zu: %s %s\nkept  %s\nfresh %s", step, what, key, was,
				 json_string_value(value));
	}
	json_object_foreach((json_t *)(uintptr_t)kept, key, value) if (!json_object_get(fresh, key))
		fail_msg("step %zu: %s %s\nkept  %s, gone", step, what, key,
			 json_string_value(value));
}

static void compare(struct landscape *l, const struct kept *k, size_t step)
{
	struct deriving d = {l, json_object(), json_object()};

	router_derive(NULL, &d);
	landscape_each(l, OBJECT_NETWORK, router_derive, &d);
	landscape_each(l, OBJECT_SITE, router_derive, &d);
	landscape_each(l, OBJECT_ZONE, owner_derive, &d);
	landscape_each(l, OBJECT_CLUSTER, owner_derive, &d);
	assert_same(k->views, d.views, "view", step);
	assert_same(k->contents, d.contents, "content", step);
	json_decref(d.views);
	json_decref(d.contents);
}

/* --- steps ------------------------------------------------------------------------------------------------ */

static void change_one(struct landscape *l, json_t *docs)
{
	size_t sort = below(ARRAY_SIZE(sorts));
	char name[32];
	json_t *doc;
	struct object *o;
	struct err e;

	if (below(4) == 0) {
		snprintf(name, sizeof(name), "%s%zu", sorts[sort].stem, below(sorts[sort].n));
		assert_int_equal(landscape_delete(l, sorts[sort].kind, name, &e), 0);
		return;
	}
	doc = random_doc(sort);
	if (!doc)
		return;
	assert_int_equal(landscape_put(l, sorts[sort].kind, 0, doc, &o, &e), 0);
	json_array_append_new(docs, doc);
}

static bool settle(struct landscape *l, json_t *docs)
{
	const struct object *blame;
	struct err e = {0};

	for (size_t i = 0; i < json_array_size(docs); i++) {
		json_t *doc = json_array_get(docs, i);
		struct object *o = landscape_find(l, doc_kind(doc), doc_name(doc));

		/* Only the last document of an object is what it is. */
		for (size_t k = i + 1; k < json_array_size(docs) && o; k++)
			if (doc_kind(json_array_get(docs, k)) == o->kind &&
			    !strcmp(doc_name(json_array_get(docs, k)), o->name))
				o = NULL;
		if (o && landscape_allocate(l, o, NULL, doc, &e) < 0)
			return false;
	}
	return landscape_check(l, below(2), &blame, &e) == 0;
}

static void test_random(void **state)
{
	struct kept k = {json_object(), json_object(), 0};
	struct landscape *l;
	size_t n_done = 0;
	struct err e;

	assert_int_equal(landscape_new(&l, &e), 0);
	for (size_t step = 0; step < STEPS; step++) {
		json_t *docs = json_array();
		size_t n = 1 + below(below(10) ? 2 : 12);

		landscape_begin(l);
		for (size_t i = 0; i < n; i++)
			change_one(l, docs);
		if (settle(l, docs)) {
			assert_int_equal(landscape_each_view_touched(l, view_touched, &k), 0);
			assert_int_equal(landscape_each_zone_touched(l, content_touched, &k), 0);
			landscape_commit(l);
			n_done++;
			compare(l, &k, step);
		} else {
			landscape_abort(l);
		}
		json_decref(docs);
	}
	/* A test that refuses everything, or touches everything, tests nothing. */
	assert_in_range(n_done, STEPS / 10, STEPS);
	assert_in_range(k.n_touched, STEPS / 10, STEPS * 4);
	json_decref(k.views);
	json_decref(k.contents);
	landscape_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_random)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
