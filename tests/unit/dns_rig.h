/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the tests of the name server share: tables with zones and views in a folder of their own, queries, and answers as libknot reads
 * them.
 */
#pragma once

#include "dns/answer.h"
#include "naive_zone.h"
#include "tables_rig.h"

#include <libknot/libknot.h>

static struct tables *rig_tables;
static struct dns_data rig_data;
static uint64_t rig_generation;

static inline void rig_begin(void)
{
	assert_int_equal(tables_begin(rig_tables, NULL), 0);
}

static inline void rig_commit(void)
{
	assert_int_equal(tables_commit(rig_tables, ++rig_generation, STORE_ID, NULL, 0, NULL), 0);
}

static inline int rig_setup(void **state)
{
	if (dir_setup(state) < 0)
		return -1;
	rig_tables = must_open(true);
	rig_generation = 0;
	return dns_data_init(&rig_data);
}

static inline int rig_teardown(void **state)
{
	dns_data_done(&rig_data);
	tables_close(rig_tables);
	return dir_teardown(state);
}

static inline void rig_put(const struct naive_zone *z)
{
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
	bool changed;

	for (size_t i = 0; i < z->n; i++) {
		const struct naive_set *s = &z->sets[i];

		for (size_t k = 0; k < s->n; k++)
			rdata[i][k] = (struct zone_rdata){s->bytes[k], s->len[k]};
		sets[i] = (struct zone_set){s->owner, s->type, s->ttl, rdata[i], s->n};
	}
	if (tables_put_zone(rig_tables, &src, &changed, &e) < 0)
		fail_msg("%s: %s", e.path, e.text);
}

static inline void rig_link(uint32_t router, const struct naive_zone *z, uint32_t flags)
{
	bool changed;

	assert_int_equal(tables_put_link(rig_tables, router, z->apex, z->id, flags, &changed, NULL),
			 0);
}

/* --- queries ---------------------------------------------------------------------------------------------------- */

/* Header, question; what comes behind is the caller's. Returns the length. */
static inline size_t rig_query(uint8_t *p, const uint8_t *name, uint16_t type, uint8_t flags)
{
	const size_t n = dname_size(name, DNAME_MAX);

	memset(p, 0, DNS_HEADER_BYTES);
	p[0] = 0xab;
	p[1] = 0xcd;
	p[2] = flags;
	p[5] = 1;
	memcpy(p + DNS_HEADER_BYTES, name, n);
	memcpy(p + DNS_HEADER_BYTES + n,
	       ((const uint8_t[]){(uint8_t)(type >> 8), (uint8_t)type, 0, 1}), 4);
	return DNS_HEADER_BYTES + n + 4;
}

static inline size_t rig_opt(uint8_t *p, size_t len, uint16_t size, uint16_t flags,
			     const void *options, size_t options_len)
{
	const uint8_t opt[] = {0,
			       0,
			       RR_OPT,
			       (uint8_t)(size >> 8),
			       (uint8_t)size,
			       0,
			       0,
			       (uint8_t)(flags >> 8),
			       (uint8_t)flags,
			       (uint8_t)(options_len >> 8),
			       (uint8_t)options_len};

	memcpy(p + len, opt, sizeof(opt));
	if (options_len)
		memcpy(p + len + sizeof(opt), options, options_len);
	p[11]++;
	return len + sizeof(opt) + options_len;
}

/* --- answers ---------------------------------------------------------------------------------------------------- */

struct rig_answer {
	uint8_t wire[DNS_MESSAGE_MAX];
	size_t len;
	knot_pkt_t *pkt; /* NULL: nothing was sent */
};

/* In buffers of exactly the right size, so that a sanitizer sees a step outside. */
static inline void rig_ask(struct dns_view *v, const uint8_t *query, size_t len,
			   struct dns_client *client, struct rig_answer *a)
{
	const size_t cap = client->is_tcp ? DNS_MESSAGE_MAX : 4096; /* more than UDP may take */
	uint8_t *in = malloc(len ? len : 1), *out = malloc(cap), *both = malloc(cap);
	struct dns_client again = *client;
	struct tables_snapshot *s = tables_acquire(rig_tables);

	memcpy(in, query, len);
	memcpy(both, query, len < cap ? len : cap);
	dns_data_begin(&rig_data, s);
	a->len = dns_answer(v, in, len, client, out, cap);
	/* The same in place. */
	if (len <= cap) {
		const size_t n = dns_answer(v, both, len, &again, both, cap);

		assert_int_equal(n, a->len);
		assert_int_equal(again.outcome, client->outcome);
		assert_memory_equal(n ? out : in, both, n ? n : len);
	}
	assert_memory_equal(in, query, len);
	dns_data_end(&rig_data);
	tables_release(s);
	memcpy(a->wire, out, a->len);
	a->pkt = NULL;
	if (a->len) {
		a->pkt = knot_pkt_new(a->wire, a->len, NULL);
		int r = knot_pkt_parse(a->pkt, KNOT_PF_NOCANON);
		if (r != KNOT_EOK)
			fail_msg("libknot: %s", knot_strerror(r));
	}
	free(in);
	free(out);
	free(both);
}

static inline void rig_answer_done(struct rig_answer *a)
{
	knot_pkt_free(a->pkt);
	a->pkt = NULL;
}

static inline unsigned rig_count(const struct rig_answer *a, knot_section_t section)
{
	return knot_pkt_section(a->pkt, section)->count;
}

static inline const knot_rrset_t *rig_rr(const struct rig_answer *a, knot_section_t section,
					 uint16_t i)
{
	return knot_pkt_rr(knot_pkt_section(a->pkt, section), i);
}

/* "owner type ttl data", as people write it. */
static inline const char *rig_text(const struct rig_answer *a, knot_section_t section, uint16_t i)
{
	static char text[2000];
	char owner[DNAME_TEXT_MAX], data[RDATA_TEXT_MAX];
	const knot_rrset_t *rr;

	if (i >= rig_count(a, section))
		return "(none)";
	rr = rig_rr(a, section, i);
	if (rdata_format(rr->type, rr->rrs.rdata->data, rr->rrs.rdata->len, data) < 0)
		return "(bad)";
	snprintf(text, sizeof(text), "%s %s %u %.800s", dname_format(rr->owner, owner),
		 rr_type_text(rr->type), rr->ttl, data);
	return text;
}

/* The code of the answer's Extended DNS Error, -1 if it has none. */
static inline int rig_ede(const struct rig_answer *a)
{
	const uint8_t *opt = knot_pkt_edns_option(a->pkt, EDNS_OPTION_EDE);

	return opt ? knot_edns_opt_get_data((uint8_t *)(uintptr_t)opt)[0] << 8 |
			       knot_edns_opt_get_data((uint8_t *)(uintptr_t)opt)[1]
		   : -1;
}
