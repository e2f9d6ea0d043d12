/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Random zones, networks and links. Every answer, as libknot reads it, is what the records say by the letter of the rules
 * (naive_zone.h), and no answer in a network ever holds data of a zone that is neither linked to it nor public.
 */
#include "dns_rig.h"

#define ZONES	12
#define ROUTERS 4 /* 0 is the internet */

static const char *const apexes[] = {"org",	      "example.org",   "Example.org",
				     "a.example.org", "b.example.org", "a.b.example.org",
				     "net",	      "example.net"};

struct world {
	struct naive_zone zones[ZONES];
	struct naive_zone *linked[ROUTERS][ZONES];
	uint32_t flags[ROUTERS][ZONES];
	size_t n[ROUTERS];
};

static struct world world;

/* --- the world -------------------------------------------------------------------------------------------------- */

static void link_maybe(uint32_t router, struct naive_zone *z)
{
	const uint32_t flags = naive_below(4) == 0 && router ? VIEW_LINK_FALL_THROUGH : 0;

	for (size_t i = 0; i < world.n[router]; i++) {
		if (dname_is_equal(world.linked[router][i]->apex, z->apex))
			return;
	}
	world.flags[router][world.n[router]] = flags;
	world.linked[router][world.n[router]++] = z;
	rig_link(router, z, flags);
}

static void cross_links_add(struct naive_zone *z)
{
	/* CNAMEs and MX that lead from zone to zone. */
	for (int i = 0; i < 4; i++) {
		char owner[64], target[64], value[160], apex[DNAME_TEXT_MAX];

		naive_text(owner, true);
		naive_text(target, false);
		snprintf(value, sizeof(value), "%s%s%s", strcmp(target, "@") ? target : "",
			 strcmp(target, "@") ? "." : "",
			 dname_format(world.zones[naive_below(ZONES)].apex, apex));
		(void)naive_add(z, owner, RR_CNAME, 60, value);
	}
}

static void world_make(void)
{
	memset(world.n, 0, sizeof(world.n));
	rig_begin();
	assert_int_equal(tables_clear(rig_tables, NULL), 0);
	for (uint32_t i = 0; i < ZONES; i++)
		naive_random(&world.zones[i], i + 1, apexes[naive_below(ARRAY_SIZE(apexes))]);
	for (uint32_t i = 0; i < ZONES; i++) {
		struct naive_zone *z = &world.zones[i];

		if (z->n > 50)
			z->n = 50;
		cross_links_add(z);
		rig_put(z);
		naive_complete(z);
	}
	for (int i = 0; i < 24; i++)
		link_maybe((uint32_t)naive_below(ROUTERS), &world.zones[naive_below(ZONES)]);
	rig_commit();
}

/* --- the naive answer ------------------------------------------------------------------------------------------- */

#define RRS_MAX 200

struct rr {
	uint8_t owner[DNAME_MAX];
	uint16_t type;
	uint32_t ttl;
	const uint8_t *data;
	uint16_t len;
};

struct want {
	struct rr rrs[3][RRS_MAX];
	size_t n[3];
	unsigned rcode;
	bool aa, refused;
};

static struct naive_zone *zone_of(uint32_t router, const uint8_t *name, uint32_t *flags)
{
	struct naive_zone *best = NULL;

	for (size_t i = 0; i < world.n[router]; i++) {
		struct naive_zone *z = world.linked[router][i];

		if (naive_is_below(name, z->apex) && (!best || z->apex_len > best->apex_len)) {
			best = z;
			*flags = world.flags[router][i];
		}
	}
	return best;
}

static void want_set(struct want *w, int section, const struct naive_set *s, const uint8_t *owner,
		     uint32_t ttl)
{
	for (size_t i = 0; i < s->n; i++) {
		struct rr *rr = &w->rrs[section][w->n[section]++];

		assert_true(w->n[section] < RRS_MAX);
		memcpy(rr->owner, owner, dname_size(owner, DNAME_MAX));
		rr->type = s->type;
		rr->ttl = ttl;
		rr->data = s->bytes[i];
		rr->len = s->len[i];
	}
}

static void want_addresses(struct want *w, struct naive_zone *z, const struct naive_set *s)
{
	const int at = rdata_name_at(s->type);

	if (s->type != RR_NS && s->type != RR_MX && s->type != RR_SRV)
		return;
	for (size_t i = 0; i < s->n; i++) {
		const uint8_t *name = s->bytes[i] + at;
		struct naive_set *a = naive_find(z, name, RR_A),
				 *aaaa = naive_find(z, name, RR_AAAA);
		bool before = false;

		for (size_t k = 0; k < i; k++)
			before |= dname_is_equal(s->bytes[k] + at, name);
		if (before)
			continue;
		if (a)
			want_set(w, 2, a, name, a->ttl);
		if (aaaa)
			want_set(w, 2, aaaa, name, aaaa->ttl);
	}
}

/* ANY is one set, the lowest type there is: found by asking for each. */
static struct naive_answer look_any(struct naive_zone *z, const uint8_t *name)
{
	struct naive_answer a;

	for (uint16_t type = 1; type < 60; type++) {
		a = naive_look(z, name, type);
		if (a.kind == NAIVE_NXDOMAIN || a.kind == NAIVE_REFERRAL)
			return a;
		if (a.kind != NAIVE_NODATA) {
			a.kind = NAIVE_SET;
			return a;
		}
	}
	return a;
}

static struct naive_answer look(struct naive_zone *z, const uint8_t *name, uint16_t type)
{
	return type == RR_ANY ? look_any(z, name) : naive_look(z, name, type);
}

static void want_make(struct want *w, uint32_t router, const uint8_t *name, uint16_t type)
{
	uint8_t seen[DNS_STEPS_MAX + 1][DNAME_MAX];

	memset(w->n, 0, sizeof(w->n));
	w->rcode = 0;
	w->aa = w->refused = false;
	for (int step = 0; step <= DNS_STEPS_MAX; step++) {
		uint32_t flags = 0, unused;
		struct naive_zone *z = zone_of(router, name, &flags), *public;
		struct naive_answer a;

		if (z)
			a = look(z, name, type);
		if (router && (!z || (a.kind == NAIVE_NXDOMAIN && flags))) {
			public = zone_of(0, name, &unused);
			if (public) {
				z = public;
				a = look(z, name, type);
			}
		}
		if (!z) {
			w->refused = step == 0;
			return;
		}
		if (step == 0)
			w->aa = a.kind != NAIVE_REFERRAL;
		if (a.kind == NAIVE_SET) {
			want_set(w, 0, a.set, name, a.set->ttl);
			want_addresses(w, z, a.set);
			return;
		}
		if (a.kind == NAIVE_REFERRAL) {
			want_set(w, 1, a.set, a.set->owner, a.set->ttl);
			want_addresses(w, z, a.set);
			return;
		}
		if (a.kind != NAIVE_CNAME) {
			w->rcode = a.kind == NAIVE_NXDOMAIN ? 3 : 0;
			want_set(w, 1, naive_find(z, z->apex, RR_SOA), z->apex,
				 z->ttl < z->minimum ? z->ttl : z->minimum);
			return;
		}
		want_set(w, 0, a.set, name, a.set->ttl);
		memcpy(seen[step], name, dname_size(name, DNAME_MAX));
		name = a.set->bytes[0];
		if (step + 1 == DNS_STEPS_MAX)
			return;
		for (int i = 0; i <= step; i++) {
			if (dname_is_equal(seen[i], name))
				return;
		}
	}
}

/* --- comparing -------------------------------------------------------------------------------------------------- */

static bool is_there(const struct rig_answer *a, knot_section_t section, const struct rr *want)
{
	for (uint16_t i = 0; i < rig_count(a, section); i++) {
		const knot_rrset_t *rr = rig_rr(a, section, i);

		if (rr->type == want->type && rr->ttl == want->ttl &&
		    dname_is_equal(rr->owner, want->owner) && rr->rrs.rdata->len == want->len &&
		    memcmp(rr->rrs.rdata->data, want->data, want->len) == 0)
			return true;
	}
	return false;
}

static void same(const struct rig_answer *a, const struct want *w, const uint8_t *name,
		 uint32_t router, uint16_t type)
{
	static const knot_section_t sections[] = {KNOT_ANSWER, KNOT_AUTHORITY, KNOT_ADDITIONAL};
	char text[DNAME_TEXT_MAX];

	if (knot_wire_get_rcode(a->wire) != w->rcode || !knot_wire_get_aa(a->wire) != !w->aa)
		fail_msg("router %u, %s type %u: rcode %u aa %d", router, dname_format(name, text),
			 type, knot_wire_get_rcode(a->wire), knot_wire_get_aa(a->wire));
	for (int s = 0; s < 3; s++) {
		if (rig_count(a, sections[s]) != w->n[s])
			fail_msg("router %u, %s type %u section %d: %u records, not %zu", router,
				 dname_format(name, text), type, s, rig_count(a, sections[s]),
				 w->n[s]);
		for (size_t i = 0; i < w->n[s]; i++) {
			if (!is_there(a, sections[s], &w->rrs[s][i]))
				fail_msg(
					"router %u, %s type %u section %d: record %zu is not there",
					router, dname_format(name, text), type, s, i);
		}
	}
}

/* Every A, AAAA and TXT record says the id of its zone. */
static void isolated(const struct rig_answer *a, uint32_t router)
{
	static const knot_section_t sections[] = {KNOT_ANSWER, KNOT_AUTHORITY, KNOT_ADDITIONAL};

	for (int s = 0; s < 3; s++) {
		for (uint16_t i = 0; i < rig_count(a, sections[s]); i++) {
			const knot_rrset_t *rr = rig_rr(a, sections[s], i);
			const uint8_t *d = rr->rrs.rdata->data;
			uint32_t id = 0;
			bool may = false;

			if (rr->type == RR_A)
				id = d[1];
			else if (rr->type == RR_AAAA)
				id = d[13];
			else if (rr->type == RR_TXT)
				id = (uint32_t)strtoul((const char *)d + 6, NULL, 10);
			else
				continue;
			for (uint32_t r = 0; r <= router; r += router ? router : 1) {
				for (size_t k = 0; k < world.n[r]; k++)
					may |= world.linked[r][k]->id == id;
			}
			if (!may)
				fail_msg("router %u got data of zone %u", router, id);
		}
	}
}

static void small_answer_check(struct dns_view *v, const uint8_t *query, size_t len,
			       const struct rig_answer *whole)
{
	static struct rig_answer a;
	struct dns_client c = {.addr = addr_v4(1)};

	rig_ask(v, query, len, &c, &a);
	assert_true(a.len <= DNS_UDP_PLAIN_MAX);
	if (whole->len <= DNS_UDP_PLAIN_MAX) {
		assert_int_equal(a.len, whole->len);
		assert_memory_equal(a.wire, whole->wire, a.len);
	} else if (knot_wire_get_tc(a.wire)) {
		assert_int_equal(rig_count(&a, KNOT_ANSWER) + rig_count(&a, KNOT_AUTHORITY) +
					 rig_count(&a, KNOT_ADDITIONAL),
				 0);
	} else { /* only additional records went missing */
		assert_int_equal(rig_count(&a, KNOT_ANSWER), rig_count(whole, KNOT_ANSWER));
		assert_int_equal(rig_count(&a, KNOT_AUTHORITY), rig_count(whole, KNOT_AUTHORITY));
	}
	rig_answer_done(&a);
}

static void question_random(uint8_t name[DNAME_MAX], uint16_t *ret_type)
{
	static const uint16_t types[] = {RR_A,	RR_A,	RR_AAAA, RR_TXT, RR_CNAME, RR_MX, RR_SRV,
					 RR_NS, RR_SOA, RR_ANY,	 RR_DS,	 RR_PTR,   65,	  999};
	const struct naive_zone *z = &world.zones[naive_below(ZONES)];
	char text[64];

	*ret_type = types[naive_below(ARRAY_SIZE(types))];
	if (z->n && naive_below(2)) {
		const struct naive_set *s = &z->sets[naive_below(z->n)];

		memcpy(name, s->owner, s->owner_len);
		return;
	}
	naive_text(text, true);
	naive_name(text, naive_below(9) ? z->apex : (const uint8_t *)"\3com", name);
}

static void test_random(void **state)
{
	static struct rig_answer a;
	static struct want w;
	struct dns_view views[ROUTERS];
	size_t data = 0, negative = 0, refused = 0, referrals = 0, chains = 0;
	const char *rounds = getenv("ANSWER_ROUNDS");
	const int n_rounds = rounds ? (int)strtol(rounds, NULL, 10) : 40;

	for (uint32_t r = 0; r < ROUTERS; r++)
		dns_view_init(&views[r], &rig_data, r);
	naive_rng = 4711;
	for (int round = 0; round < n_rounds; round++) {
		world_make();
		for (int i = 0; i < 500; i++) {
			const uint32_t router = (uint32_t)naive_below(ROUTERS);
			struct dns_client c = {.addr = addr_v4(1), .is_tcp = true};
			uint8_t name[DNAME_MAX], query[400];
			uint16_t type;
			size_t len;

			question_random(name, &type);
			len = rig_query(query, name, type, 0);
			want_make(&w, router, name, type);
			rig_ask(&views[router], query, len, &c, &a);
			assert_int_equal(c.outcome, DNS_ANSWER);
			if (w.refused)
				w.rcode = KNOT_RCODE_REFUSED;
			same(&a, &w, name, router, type);
			isolated(&a, router);
			small_answer_check(&views[router], query, len, &a);
			rig_answer_done(&a);
			data += c.kind == DNS_KIND_DATA;
			negative += c.kind == DNS_KIND_NODATA || c.kind == DNS_KIND_NXDOMAIN;
			referrals += c.kind == DNS_KIND_REFERRAL;
			refused += w.refused;
			chains += c.steps > 1;
		}
	}
	print_message("%zu data, %zu negative, %zu referrals, %zu refused, %zu chains\n", data,
		      negative, referrals, refused, chains);
	assert_true(data && negative && refused && referrals && chains);
	for (uint32_t r = 0; r < ROUTERS; r++)
		dns_view_done(&views[r]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_random, rig_setup, rig_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
