/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Asking the name server's engine over compiled tables, by name; answers are read by libknot.
 */
#pragma once

#include "compile_net_rig.h"
#include "dns/answer.h"

#include <libknot/libknot.h>

#define ASK_TEXT 20000

struct asked {
	enum dns_outcome outcome;
	int rcode;
	char answers
		[ASK_TEXT]; /* the data of the records of the name and type, sorted, each with a blank behind */
	bool is_cname;
	uint32_t ttl;
	char authority[DNAME_TEXT_MAX]; /* owner of the first record there */
	int ede;			/* -1: none */
};

static struct dns_data ask_data;

static inline int ask_setup(void **state)
{
	return setup(state) < 0 ? -1 : dns_data_init(&ask_data);
}

static inline int ask_teardown(void **state)
{
	dns_data_done(&ask_data);
	return teardown(state);
}

static inline int ask_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static inline void ask_join(char **all, size_t n, char dst[ASK_TEXT])
{
	size_t len = 0;

	qsort(all, n, sizeof(*all), ask_cmp);
	dst[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		len += (size_t)snprintf(dst + len, ASK_TEXT - len, "%s ", all[i]);
		assert_true(len < ASK_TEXT);
		free(all[i]);
	}
}

static inline void ask_read(uint8_t *wire, size_t len, uint16_t type, struct asked *a)
{
	static char text[RDATA_TEXT_MAX];
	knot_pkt_t *pkt = knot_pkt_new(wire, len, NULL);
	const knot_pktsection_t *section;
	const uint8_t *opt;
	char *all[64];
	size_t n = 0;

	assert_int_equal(knot_pkt_parse(pkt, KNOT_PF_NOCANON), KNOT_EOK);
	section = knot_pkt_section(pkt, KNOT_ANSWER);
	for (uint16_t i = 0; i < section->count; i++) {
		const knot_rrset_t *rr = knot_pkt_rr(section, i);

		a->is_cname |= rr->type == RR_CNAME;
		a->ttl = rr->ttl;
		if (rr->type != type)
			continue;
		assert_true(rdata_format(rr->type, rr->rrs.rdata->data, rr->rrs.rdata->len, text) >
			    0);
		assert_true(n < ARRAY_SIZE(all));
		all[n++] = strdup(text);
	}
	ask_join(all, n, a->answers);
	section = knot_pkt_section(pkt, KNOT_AUTHORITY);
	if (section->count)
		(void)dname_format(knot_pkt_rr(section, 0)->owner, a->authority);
	opt = knot_pkt_edns_option(pkt, EDNS_OPTION_EDE);
	if (opt)
		a->ede = knot_edns_opt_get_data((uint8_t *)(uintptr_t)opt)[1];
	knot_pkt_free(pkt);
}

static inline size_t ask_query(uint8_t *p, const char *name, uint16_t type)
{
	static const uint8_t head[DNS_HEADER_BYTES] = {0xab, 0xcd, DNS_RD, 0, 0, 1,
						       0,    0,	   0,	   0, 0, 1};
	static const uint8_t opt[] = {0, 0, RR_OPT, 0x04, 0xd0, 0, 0, 0, 0, 0, 0};
	int n = dname_parse(name, strlen(name), NULL, p + DNS_HEADER_BYTES, NULL);
	uint8_t *at;

	assert_true(n > 0);
	memcpy(p, head, sizeof(head));
	at = p + DNS_HEADER_BYTES + n;
	memcpy(at, ((const uint8_t[]){(uint8_t)(type >> 8), (uint8_t)type, 0, 1}), 4);
	memcpy(at + 4, opt, sizeof(opt));
	return DNS_HEADER_BYTES + (size_t)n + 4 + sizeof(opt);
}

/* router: NULL: the internet. */
static inline struct asked ask(struct tables *t, const struct object *router, const char *name,
			       uint16_t type)
{
	static uint8_t out[DNS_MESSAGE_MAX];
	struct dns_client client = {.is_tcp = true, .takes = DNS_TAKES_FORWARD};
	struct tables_snapshot *s = tables_acquire(t);
	struct asked a = {.ede = -1};
	struct dns_view v;
	uint8_t query[512];
	size_t len = ask_query(query, name, type);

	assert_non_null(s);
	dns_data_begin(&ask_data, s);
	dns_view_init(&v, &ask_data, router ? router->id : VIEW_INTERNET);
	len = dns_answer(&v, query, len, &client, out, sizeof(out));
	a.outcome = client.outcome;
	a.rcode = client.rcode;
	if (len)
		ask_read(out, len, type, &a);
	dns_view_done(&v);
	dns_data_end(&ask_data);
	tables_release(s);
	return a;
}
