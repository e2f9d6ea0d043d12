/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A zone as a plain list of records, made at random, and what a name answers in it by the letter of RFC 1034 section 4.3.2 and RFC 4592: no
 * hash, no blob. The tests compare the clever ones with it.
 */
#pragma once

#include "tables/zone.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAIVE_SETS_MAX	 64
#define NAIVE_VALUES_MAX 4

struct naive_set {
	uint8_t owner[DNAME_MAX];
	size_t owner_len;
	uint16_t type;
	uint32_t ttl;
	size_t n;
	uint8_t bytes[NAIVE_VALUES_MAX][96];
	uint16_t len[NAIVE_VALUES_MAX];
};

struct naive_zone {
	uint32_t id;
	uint8_t apex[DNAME_MAX];
	size_t apex_len;
	uint32_t serial, ttl, minimum;
	struct naive_set sets[NAIVE_SETS_MAX];
	size_t n;
};

static uint64_t naive_rng = 1;

static inline uint64_t naive_rnd(void)
{
	naive_rng ^= naive_rng << 13;
	naive_rng ^= naive_rng >> 7;
	naive_rng ^= naive_rng << 17;
	return naive_rng * 0x2545f4914f6cdd1du >> 7;
}

static inline size_t naive_below(size_t n)
{
	return (size_t)(naive_rnd() % n);
}

static inline size_t naive_name(const char *text, const uint8_t *origin, uint8_t dst[DNAME_MAX])
{
	const int n = dname_parse(text, strlen(text), origin, dst, NULL);

	assert(n > 0);
	return (size_t)n;
}

/* Below the apex or it; few names, so that they meet. */
static inline void naive_text(char dst[64], bool stars)
{
	static const char *const labels[] = {"a", "b", "c", "_x", "Www", "*"};
	const size_t depth = naive_below(4);

	snprintf(dst, 64, "@");
	for (size_t i = 0; i < depth; i++) {
		const size_t at = i ? strlen(dst) : 0;

		snprintf(dst + at, 64 - at, "%s%s", i ? "." : "",
			 labels[naive_below(stars && i == 0 ? 6 : 5)]);
	}
}

static inline struct naive_set *naive_find(struct naive_zone *z, const uint8_t *name, uint16_t type)
{
	for (size_t i = 0; i < z->n; i++) {
		if (z->sets[i].type == type && dname_is_equal(z->sets[i].owner, name))
			return &z->sets[i];
	}
	return NULL;
}

static inline bool naive_has_any(struct naive_zone *z, const uint8_t *name)
{
	for (size_t i = 0; i < z->n; i++) {
		if (dname_is_equal(z->sets[i].owner, name))
			return true;
	}
	return false;
}

/* value: in presentation form. False if a rule or the room forbids it. */
static inline bool naive_add(struct naive_zone *z, const char *owner, uint16_t type, uint32_t ttl,
			     const char *value)
{
	uint8_t name[DNAME_MAX], data[RDATA_MAX];
	const size_t name_len = naive_name(owner, z->apex, name);
	const int len = rdata_parse(type, value, strlen(value), z->apex, data, NULL);
	struct naive_set *s = naive_find(z, name, type);

	assert(len > 0 && len <= 96);
	if (!s) {
		if (z->n == NAIVE_SETS_MAX || naive_find(z, name, RR_CNAME) ||
		    (type == RR_CNAME && (naive_has_any(z, name) || name_len == z->apex_len)) ||
		    (type == RR_NS && name[0] == 1 && name[1] == '*'))
			return false;
		s = &z->sets[z->n++];
		*s = (struct naive_set){.owner_len = name_len, .type = type, .ttl = ttl};
		memcpy(s->owner, name, name_len);
	}
	if (s->n == NAIVE_VALUES_MAX || (type == RR_CNAME && s->n > 0))
		return false;
	for (size_t i = 0; i < s->n; i++) {
		if (s->len[i] == len && memcmp(s->bytes[i], data, (size_t)len) == 0)
			return false;
	}
	memcpy(s->bytes[s->n], data, (size_t)len);
	s->len[s->n++] = (uint16_t)len;
	return true;
}

static inline void naive_init(struct naive_zone *z, uint32_t id, const char *apex)
{
	*z = (struct naive_zone){.id = id, .serial = 7, .ttl = 300, .minimum = 30};
	z->apex_len = naive_name(apex, NULL, z->apex);
	dname_fold(z->apex, z->apex_len); /* as in what building makes */
}

static inline void naive_random_record(struct naive_zone *z, bool delegations)
{
	static const uint16_t types[] = {RR_A,	   RR_A,  RR_AAAA, RR_TXT,
					 RR_CNAME, RR_MX, RR_SRV,  RR_NS};
	const uint16_t type = types[naive_below(delegations ? 8 : 7)];
	char owner[64], target[64], value[128];

	naive_text(owner, true);
	naive_text(target, false);
	switch (type) {
	case RR_A:
		snprintf(value, sizeof(value), "10.%u.0.%zu", z->id % 256, naive_below(200));
		break;
	case RR_AAAA:
		snprintf(value, sizeof(value), "fd00::%x:%zx", z->id, naive_below(200));
		break;
	case RR_TXT:
		snprintf(value, sizeof(value), "zone=%u \"%zu\"", z->id, naive_below(9));
		break;
	case RR_MX:
		snprintf(value, sizeof(value), "%zu %s", naive_below(9), target);
		break;
	case RR_SRV:
		snprintf(value, sizeof(value), "0 %zu 443 %s", naive_below(9), target);
		break;
	default:
		snprintf(value, sizeof(value), "%s", target);
		break;
	}
	(void)naive_add(z, owner, type, (uint32_t)naive_below(1000), value);
}

static inline void naive_random(struct naive_zone *z, uint32_t id, const char *apex)
{
	const size_t n = naive_below(30);
	const bool delegations = naive_below(3) == 0;

	naive_init(z, id, apex);
	z->minimum = (uint32_t)naive_below(600);
	for (size_t i = 0; i < n; i++)
		naive_random_record(z, delegations);
}

/* The blob is the caller's. key: any 16 octets. */
static inline uint8_t *naive_build(const struct naive_zone *z, size_t *ret_len)
{
	static const uint8_t key[ZONE_KEY_BYTES] = "0123456789abcde";
	struct zone_rdata rdata[NAIVE_SETS_MAX][NAIVE_VALUES_MAX];
	struct zone_set sets[NAIVE_SETS_MAX];
	const struct zone_source src = {.id = z->id,
					.apex = z->apex,
					.serial = z->serial,
					.ttl = z->ttl,
					.minimum = z->minimum,
					.sets = sets,
					.n_sets = z->n};
	struct err e = {0};
	uint8_t *blob = NULL;

	for (size_t i = 0; i < z->n; i++) {
		const struct naive_set *s = &z->sets[i];

		for (size_t k = 0; k < s->n; k++)
			rdata[i][k] = (struct zone_rdata){s->bytes[k], s->len[k]};
		sets[i] = (struct zone_set){s->owner, s->type, s->ttl, rdata[i], s->n};
	}
	if (zone_build(&src, key, &blob, ret_len, &e) < 0) {
		fprintf(stderr, "%s: %s\n", e.path, e.text);
		abort();
	}
	return blob;
}

/* The SOA and NS that building makes become records of the list, too. Call once, after all others. */
static inline void naive_complete(struct naive_zone *z)
{
	char soa[400];
	struct naive_set *s = &z->sets[z->n];
	size_t n = 0, at;

	if (!naive_find(z, z->apex, RR_NS))
		assert(naive_add(z, "@", RR_NS, z->ttl, "ns"));
	s = &z->sets[z->n++];
	assert(z->n <= NAIVE_SETS_MAX);
	*s = (struct naive_set){.owner_len = z->apex_len, .type = RR_SOA, .ttl = z->ttl, .n = 1};
	memcpy(s->owner, z->apex, z->apex_len);
	n = naive_name("ns", z->apex, (uint8_t *)soa);
	n += naive_name("hostmaster", z->apex, (uint8_t *)soa + n);
	const uint32_t numbers[] = {z->serial, 60, 30, 604800, z->minimum};
	for (at = 0; at < 20; at++)
		soa[n + at] = (char)(numbers[at / 4] >> (24 - 8 * (at % 4)));
	assert(n + 20 <= sizeof(s->bytes[0]));
	memcpy(s->bytes[0], soa, n + 20);
	s->len[0] = (uint16_t)(n + 20);
}

/* --- what a name answers -------------------------------------------------------------------------------------- */

static inline bool naive_is_below(const uint8_t *name, const uint8_t *of)
{
	uint8_t a[DNAME_MAX], b[DNAME_MAX];
	const size_t a_len = dname_size(name, DNAME_MAX), b_len = dname_size(of, DNAME_MAX);

	memcpy(a, name, a_len);
	memcpy(b, of, b_len);
	dname_fold(a, a_len);
	dname_fold(b, b_len);
	return dname_below(a, a_len, b, b_len) >= 0;
}

/* It, or something below it, has records. */
static inline bool naive_exists(struct naive_zone *z, const uint8_t *name)
{
	for (size_t i = 0; i < z->n; i++) {
		if (naive_is_below(z->sets[i].owner, name))
			return true;
	}
	return dname_is_equal(name, z->apex);
}

enum naive_kind { NAIVE_SET, NAIVE_CNAME, NAIVE_NODATA, NAIVE_NXDOMAIN, NAIVE_REFERRAL };

struct naive_answer {
	enum naive_kind kind;
	struct naive_set *set; /* SET, CNAME, REFERRAL (its NS) */
};

/* name is in the zone. The highest cut between the apex and the name decides; DS is asked of the side above a cut. */
static inline struct naive_set *naive_cut(struct naive_zone *z, const uint8_t *name, uint16_t type)
{
	struct naive_set *cut = NULL;

	for (const uint8_t *p = name; !dname_is_equal(p, z->apex); p += *p + 1) {
		struct naive_set *ns = naive_find(z, p, RR_NS);

		if (ns && !(p == name && type == RR_DS))
			cut = ns;
	}
	return cut;
}

static inline struct naive_answer naive_look(struct naive_zone *z, const uint8_t *name,
					     uint16_t type)
{
	struct naive_answer a = {.kind = NAIVE_REFERRAL, .set = naive_cut(z, name, type)};
	uint8_t star[DNAME_MAX + 2] = {1, '*'};
	const uint8_t *at = name;

	if (a.set)
		return a;
	if (!naive_exists(z, name)) {
		do
			at += *at + 1;
		while (!naive_exists(z, at));
		memcpy(star + 2, at, dname_size(at, DNAME_MAX));
		at = star;
		if (!naive_exists(z, star))
			return (struct naive_answer){.kind = NAIVE_NXDOMAIN};
	}
	a = (struct naive_answer){.kind = NAIVE_SET, .set = naive_find(z, at, type)};
	if (!a.set)
		a = (struct naive_answer){.kind = NAIVE_CNAME, .set = naive_find(z, at, RR_CNAME)};
	if (!a.set)
		a.kind = NAIVE_NODATA;
	return a;
}
