/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Random updates, one after another, against RFC 2136 section 3.2 and 3.4.2.7 taken by the letter on a flat list of records. What the
 * document says afterwards is read as documents are, each time.
 */
#include "update_rig.h"

#include <stdlib.h>

#define FLAT_MAX 512
#define ROUNDS	 6000

struct flat {
	char name[64], value[64]; /* the value as text */
	uint16_t type;
	uint32_t ttl;
};

static struct flat flat[FLAT_MAX];
static size_t n_flat;
static unsigned seed;

static unsigned pick(unsigned n)
{
	return (unsigned)rand_r(&seed) % n;
}

/* --- the naive one --------------------------------------------------------------------------------------------- */

static size_t count(const char *name, int type, int not_type)
{
	size_t n = 0;

	for (size_t i = 0; i < n_flat; i++)
		n += strcmp(flat[i].name, name) == 0 && (type == RR_ANY || flat[i].type == type) &&
		     flat[i].type != not_type;
	return n;
}

static void drop(const char *name, int type, const char *value, bool keep_ns)
{
	size_t kept = 0;

	for (size_t i = 0; i < n_flat; i++)
		if (strcmp(flat[i].name, name) != 0 || (type != RR_ANY && flat[i].type != type) ||
		    (value && strcmp(flat[i].value, value) != 0) ||
		    (keep_ns && flat[i].type == RR_NS))
			flat[kept++] = flat[i];
	n_flat = kept;
}

static void naive_add(const struct flat *rr)
{
	bool is_there = false;

	if (rr->type == RR_CNAME ? count(rr->name, RR_ANY, RR_CNAME) || !strcmp(rr->name, "@")
				 : count(rr->name, RR_CNAME, 0))
		return;
	if (rr->type == RR_CNAME)
		drop(rr->name, RR_CNAME, NULL, false);
	for (size_t i = 0; i < n_flat; i++) {
		if (strcmp(flat[i].name, rr->name) != 0 || flat[i].type != rr->type)
			continue;
		flat[i].ttl = rr->ttl; /* RFC 2181: one TTL for the set */
		is_there |= strcmp(flat[i].value, rr->value) == 0;
	}
	assert_true(n_flat < FLAT_MAX);
	if (!is_there)
		flat[n_flat++] = *rr;
}

/* --- both ------------------------------------------------------------------------------------------------------ */

static const char *const names[] = {"@", "a", "b", "*", "x.b", "*.a"};
static const uint16_t types[] = {RR_A, RR_TXT, RR_CNAME, RR_NS};
static const char *const values[][3] = {
	{"10.0.0.1", "10.0.0.2", "10.0.0.3"},
	{"\"1\"", "\"2\"", "\"three\""},
	{"a.b.", "c.d.", "e.f."},
	{"ns1.b.", "ns2.b.", "ns3.b."},
};

static void whole(char dst[100], const char *name)
{
	snprintf(dst, 100, strcmp(name, "@") ? "%s.example.org" : "%.0sexample.org", name);
}

static void random_change(char *text, size_t room)
{
	const unsigned t = pick(4), v = pick(3), ttl = pick(2) ? 300 : 5;
	struct flat rr = {.type = types[t], .ttl = ttl};
	const bool is_apex =
		snprintf(rr.name, sizeof(rr.name), "%s", names[pick(6)]) == 1 && rr.name[0] == '@';
	char owner[100];

	snprintf(rr.value, sizeof(rr.value), "%s", values[t][v]);
	whole(owner, rr.name);
	switch (pick(6)) {
	case 0: /* all of a name */
		snprintf(text, room, "U ANY 0 %s ANY\n", owner);
		drop(rr.name, RR_ANY, NULL, is_apex);
		return;
	case 1:
		snprintf(text, room, "U ANY 0 %s %s\n", owner, rr_type_text(rr.type));
		if (!is_apex || rr.type != RR_NS)
			drop(rr.name, rr.type, NULL, false);
		return;
	case 2:
		snprintf(text, room, "U NONE 0 %s %s %s\n", owner, rr_type_text(rr.type), rr.value);
		if (!is_apex || rr.type != RR_NS || count(rr.name, RR_NS, 0) > 1)
			drop(rr.name, rr.type, rr.value, false);
		return;
	default:
		if (rr.type == RR_NS && rr.name[0] == '*') /* no document has it */
			rr.type = RR_A, snprintf(rr.value, sizeof(rr.value), "%s", values[0][v]);
		snprintf(text, room, "U IN %u %s %s %s\n", ttl, owner, rr_type_text(rr.type),
			 rr.value);
		naive_add(&rr);
	}
}

/* A prerequisite, and what it is to be answered by the flat list. */
static int random_prerequisite(char *text, size_t room)
{
	const char *name = names[pick(6)];
	const unsigned t = pick(4);
	const bool any = pick(2), is_apex = strcmp(name, "@") == 0;
	const int type = any ? RR_ANY : types[t];
	const bool must = pick(2),
		   is_there = count(name, type, 0) || (is_apex && (any || type == RR_NS));
	char owner[100];

	whole(owner, name);
	snprintf(text, room, "P %s 0 %s %s\n", must ? "ANY" : "NONE", owner,
		 any ? "ANY" : rr_type_text((uint16_t)type));
	if (must)
		return is_there ? 0 : any ? UPDATE_NXDOMAIN : UPDATE_NXRRSET;
	return !is_there ? 0 : any ? UPDATE_YXDOMAIN : UPDATE_YXRRSET;
}

/* The whole set, right or not. */
static int random_set(char *text, size_t room)
{
	const char *name = names[1 + pick(5)];
	const unsigned t = pick(4);
	size_t used = 0, said = 0, right = 0;
	char owner[100];

	whole(owner, name);
	text[0] = '\0';
	for (unsigned v = 0; v < 3; v++) {
		bool has = false;

		for (size_t i = 0; i < n_flat; i++)
			has |= !strcmp(flat[i].name, name) && flat[i].type == types[t] &&
			       !strcmp(flat[i].value, values[t][v]);
		if (pick(8) ? !has : has)
			continue;
		used += (size_t)snprintf(text + used, room - used, "P IN 0 %s %s %s\n", owner,
					 rr_type_text(types[t]), values[t][v]);
		said++;
		right += has;
	}
	return !said || (right == said && said == count(name, types[t], 0)) ? 0 : UPDATE_NXRRSET;
}

static size_t flat_of(const struct declared_zone *z, struct flat *dst)
{
	size_t n = 0;

	for (size_t i = 0; i < z->n_records; i++) {
		const struct record_set *set = &z->records[i];
		const char *at = set->values;

		for (uint32_t k = 0; k < set->n_values; k++, at += strlen(at) + 1) {
			assert_true(n < FLAT_MAX);
			dst[n] = (struct flat){.type = set->type, .ttl = set->ttl};
			snprintf(dst[n].name, sizeof(dst[n].name), "%s", set->name);
			snprintf(dst[n++].value, sizeof(dst[0].value), "%s", at);
		}
	}
	return n;
}

static int flat_cmp(const void *a, const void *b)
{
	const struct flat *x = a, *y = b;
	int r = strcmp(x->name, y->name);

	r = r ? r : (x->type > y->type) - (x->type < y->type);
	return r ? r : strcmp(x->value, y->value);
}

static void must_agree(const struct declared_zone *z, const char *update)
{
	static struct flat got[FLAT_MAX];
	const size_t n = flat_of(z, got);

	qsort(got, n, sizeof(*got), flat_cmp);
	qsort(flat, n_flat, sizeof(*flat), flat_cmp);
	for (size_t i = 0; i < n && n == n_flat; i++)
		if (flat_cmp(&got[i], &flat[i]) != 0 || got[i].ttl != flat[i].ttl)
			fail_msg("%s\n%s %d %u %s, not %s %d %u %s", update, got[i].name,
				 got[i].type, got[i].ttl, got[i].value, flat[i].name, flat[i].type,
				 flat[i].ttl, flat[i].value);
	if (n != n_flat)
		fail_msg("%s\n%zu records, not %zu", update, n, n_flat);
}

static int random_update(char *text, size_t room)
{
	static struct flat before[FLAT_MAX];
	const size_t n_before = n_flat;
	size_t used = 0;
	int rcode = 0;

	memcpy(before, flat, sizeof(before));
	text[0] = '\0';
	if (pick(3) == 0)
		rcode = random_prerequisite(text, room);
	used = strlen(text);
	/* Those of values are judged after the others. */
	if (pick(3) == 0) {
		const int of_set = random_set(text + used, room - used);

		rcode = rcode ? rcode : of_set;
	}
	for (unsigned i = pick(6); i > 0; i--) {
		used = strlen(text);
		random_change(text + used, room - used);
	}
	if (rcode) {
		memcpy(flat, before, sizeof(before));
		n_flat = n_before;
	}
	return rcode;
}

static void run(unsigned of)
{
	static struct update_rig rig;
	json_t *doc = json_pack("{s:s, s:s, s:s, s:s}", "kind", "zone", "name", "z", "domain",
				"example.org", "visibility", "private");
	unsigned failed = 0, changed = 0;
	char text[4096];
	struct err e;
	void *body;

	seed = of;
	n_flat = 0;
	assert_int_equal(body_parse(OBJECT_ZONE, doc, NULL, NULL, &body, &e), 0);
	for (int i = 0; i < ROUNDS; i++) {
		struct update_zone z = {.zone = body, .doc = doc};
		const int rcode = random_update(text, sizeof(text));
		json_t *after;
		int r;

		rig_read(&rig, text);
		r = update_make(&z, &rig.update, &after);
		if (r != rcode)
			fail_msg("seed %u, %d:\n%s\ngave %d, not %d", of, i, text, r, rcode);
		failed += rcode != 0;
		if (after) {
			changed++;
			body_free(OBJECT_ZONE, body);
			json_decref(doc);
			doc = after;
			if (body_parse(OBJECT_ZONE, doc, NULL, NULL, &body, &e) < 0)
				fail_msg("seed %u: %s: %s", of, e.path, e.text);
		}
		must_agree(body, text);
	}
	assert_true(failed > ROUNDS / 20 && changed > ROUNDS / 4);
	body_free(OBJECT_ZONE, body);
	json_decref(doc);
}

static void test_random(void **state)
{
	for (unsigned of = 1; of <= 5; of++)
		run(of);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_random)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
