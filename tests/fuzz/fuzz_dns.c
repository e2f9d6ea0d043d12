/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The whole path of a packet to the name server: arbitrary bytes as a query, in a small set of zones and views. The first octet says how it
 * comes (view, TCP, what the caller takes); with its top bit, the bytes are an answer whose chain is resumed. An answer is well formed to its last
 * octet, as an independent walk reads it, not longer than the client allows, and is the same in another buffer and in place.
 */
#include "dns/answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x)                                                                             \
	do {                                                                                \
		if (!(x)) {                                                                 \
			(void)fprintf(stderr, "line %d: %s does not hold\n", __LINE__, #x); \
			abort();                                                            \
		}                                                                           \
	} while (0)

#define SETS_MAX 32

static struct tables *tables;
static struct dns_data data_of;
static struct dns_view views[3];
static char dir[] = "/tmp/fuzz_dns.XXXXXX";

/* --- the zones -------------------------------------------------------------------------------------------------- */

static const struct {
	uint32_t zone;
	const char *owner;
	uint16_t type;
	const char *value;
} records[] = {
	{1, "api", RR_A, "10.0.0.1"},	     {1, "api", RR_AAAA, "fd00::1"},
	{1, "*", RR_CNAME, "api"},	     {1, "a.b.c", RR_TXT, "x \"y z\""},
	{1, "*.b.c", RR_A, "10.0.0.2"},	     {1, "cut", RR_NS, "ns.cut"},
	{1, "ns.cut", RR_A, "10.0.0.3"},     {1, "l1", RR_CNAME, "l2"},
	{1, "l2", RR_CNAME, "l1"},	     {1, "out", RR_CNAME, "www.net."},
	{1, "mail", RR_MX, "10 api"},	     {1, "_s._tcp", RR_SRV, "0 0 443 api"},
	{2, "@", RR_A, "192.0.2.1"},	     {2, "www", RR_A, "192.0.2.2"},
	{2, "deep", RR_CNAME, "x.y.z.org."}, {3, "@", RR_TXT, "inner"},
};
/* The last one is denied. */
static const char *const apexes[] = {"", "org", "net", "b.c.org", "no.org"};

static void zone_put(uint32_t id)
{
	static uint8_t owners[SETS_MAX][DNAME_MAX], rdata[SETS_MAX][RDATA_MAX];
	struct zone_rdata values[SETS_MAX];
	struct zone_set sets[SETS_MAX];
	uint8_t apex[DNAME_MAX];
	struct zone_source src = {.id = id,
				  .apex = apex,
				  .ttl = 300,
				  .minimum = 30,
				  .sets = sets,
				  .is_denied = id == 4};
	bool changed;

	MUST(dname_parse(apexes[id], strlen(apexes[id]), NULL, apex, NULL) > 0);
	for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
		const size_t n = src.n_sets;
		int len;

		if (records[i].zone != id)
			continue;
		MUST(dname_parse(records[i].owner, strlen(records[i].owner), apex, owners[n],
				 NULL) > 0);
		len = rdata_parse(records[i].type, records[i].value, strlen(records[i].value), apex,
				  rdata[n], NULL);
		MUST(len > 0);
		values[n] = (struct zone_rdata){rdata[n], (uint16_t)len};
		sets[n] = (struct zone_set){owners[n], records[i].type, 60, &values[n], 1};
		src.n_sets++;
	}
	MUST(tables_put_zone(tables, &src, &changed, NULL) == 0);
	for (uint32_t router = 0; router < 2; router++) {
		if (router == (id == 2 ? 0 : 1))
			MUST(tables_put_link(tables, router, apex, id, id == 3, &changed, NULL) ==
			     0);
	}
}

static void at_end(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(views); i++)
		dns_view_done(&views[i]);
	dns_data_done(&data_of);
	tables_close(tables);
	if (tables_erase(dir, NULL) == 0)
		(void)rmdir(dir);
}

static void set_up(void)
{
	static uint8_t domain[] = "\3fwd\4test";
	struct view_forward f = {.domain = domain,
				 .domain_len = sizeof(domain),
				 .n_servers = 1,
				 .servers = {{addr_v4(2), 53}}};
	const struct view_config v = {.router = 1,
				      .n_servers = 1,
				      .servers = {{addr_v4(1), 53}},
				      .forwards = &f,
				      .n_forwards = 1};
	bool changed;

	MUST(mkdtemp(dir));
	MUST(tables_open(dir, true, &tables, NULL) == 0);
	MUST(tables_begin(tables, NULL) == 0);
	for (uint32_t id = 1; id <= 4; id++)
		zone_put(id);
	MUST(tables_put_view(tables, &v, &changed, NULL) == 0);
	MUST(tables_commit(tables, 1, "", NULL, 0, NULL) == 0);
	MUST(dns_data_init(&data_of) == 0);
	for (uint32_t i = 0; i < ARRAY_SIZE(views); i++)
		dns_view_init(&views[i], &data_of, i);
	MUST(atexit(at_end) == 0);
}

/* --- the walk over an answer ------------------------------------------------------------------------------------ */

static unsigned be16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* A name at `at`, its pointers leading back. Returns the offset behind it. */
static size_t name_walk(const uint8_t *p, size_t len, size_t at)
{
	size_t end = 0, total = 0;

	for (;;) {
		MUST(at < len);
		if (p[at] >= 0xc0) {
			const size_t to = at + 1 < len ? be16(p + at) & 0x3fff : len;

			MUST(to < at && to >= DNS_HEADER_BYTES);
			end = end ? end : at + 2;
			at = to;
			continue;
		}
		MUST(p[at] <= 63);
		total += p[at] + 1u;
		MUST(total <= 255);
		if (p[at] == 0)
			return end ? end : at + 1;
		at += p[at] + 1u;
	}
}

static void walk(const uint8_t *p, size_t len, bool has_edns)
{
	const unsigned n = be16(p + 6) + be16(p + 8) + be16(p + 10);
	size_t at = DNS_HEADER_BYTES;
	unsigned opts = 0;

	MUST(len >= DNS_HEADER_BYTES && (p[2] & DNS_QR) && be16(p + 4) <= 1);
	if (be16(p + 4))
		at = name_walk(p, len, at) + 4;
	for (unsigned i = 0; i < n; i++) {
		const size_t after = name_walk(p, len, at);
		unsigned type, data_len;

		MUST(after + 10 <= len);
		type = be16(p + after);
		data_len = be16(p + after + 8);
		at = after + 10 + data_len;
		MUST(at <= len);
		opts += type == RR_OPT;
		MUST(type == RR_OPT || rdata_is_good((uint16_t)type, p + after + 10, data_len));
	}
	MUST(at == len && opts == has_edns);
}

/* --- the target ------------------------------------------------------------------------------------------------- */

static void limits_check(const struct dns_client *c, size_t n)
{
	if (n == 0 || c->is_tcp)
		return;
	MUST(n <= DNS_UDP_MAX);
	MUST(n <= DNS_UDP_PLAIN_MAX || (c->query.has_edns && n <= c->query.udp_size));
}

static void answer_check(struct dns_view *v, struct dns_client *c, const uint8_t *query,
			 size_t size)
{
	const size_t cap = c->is_tcp ? DNS_MESSAGE_MAX : DNS_UDP_MAX;
	uint8_t *out = malloc(cap), *both = malloc(cap);
	struct dns_client again = *c;
	size_t n, m;

	MUST(out && both);
	n = dns_answer(v, query, size, c, out, cap);
	MUST((n == 0) ==
	     (c->outcome == DNS_DROP || c->outcome == DNS_FORWARD || c->outcome == DNS_SLOW));
	limits_check(c, n);
	if (n)
		walk(out, n, c->query.has_edns);
	if (size <= cap) {
		memcpy(both, query, size);
		m = dns_answer(v, both, size, &again, both, cap);
		MUST(m == n && memcmp(n ? out : query, both, n ? n : size) == 0);
		if (n == 0 && c->outcome != DNS_DROP) {
			m = dns_answer_error(&again, DNS_SERVFAIL, EDE_NO_UPSTREAM, both, both,
					     cap);
			walk(both, m, again.query.has_edns);
		}
	}
	free(out);
	free(both);
}

/* Whatever an upstream made of the answer section: nothing outside is touched. */
static void resume_check(struct dns_view *v, struct dns_client *c, const uint8_t *bytes,
			 size_t size)
{
	uint8_t out[DNS_UDP_MAX] = {0};
	size_t n = size < sizeof(out) ? size : sizeof(out);

	if (n < DNS_HEADER_BYTES + 4)
		return;
	(void)dns_answer(v, bytes + 2, size - 2, c, out, sizeof(out));
	memcpy(out, bytes, n);
	if (c->query.question_end > n)
		return;
	c->target_at = (uint16_t)be16(bytes);
	c->steps = bytes[2] & 15;
	MUST(dns_answer_resume(v, c, out, n, sizeof(out)) <= sizeof(out));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct dns_cookies cookies = {.secret = "0123456789abcde",
						   .has_previous = true};
	struct dns_client c = {.addr = addr_v4(1), .now_s = 1000};
	struct tables_snapshot *s;
	struct dns_view *v;

	if (size == 0)
		return 0;
	if (!tables)
		set_up();
	v = &views[(data[0] & 3) % ARRAY_SIZE(views)];
	c.is_tcp = data[0] & 4;
	c.takes = data[0] >> 3 & 3;
	c.cookies = data[0] & 32 ? &cookies : NULL;
	s = tables_acquire(tables);
	MUST(s);
	dns_data_begin(&data_of, data[0] & 64 ? NULL : s);
	if (data[0] & 128)
		resume_check(v, &c, data + 1, size - 1);
	else
		answer_check(v, &c, data + 1, size - 1);
	dns_data_end(&data_of);
	tables_release(s);
	return 0;
}
