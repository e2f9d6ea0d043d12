/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Variants of flags, opcodes and EDNS, each with its expected answer (after ISC's EDNS compliance tester), over UDP and, where it makes no
 * difference, TCP. All ask the zone's own name unless they say otherwise.
 */
#include "dns_rig.h"

static struct dns_view internet;
static const uint8_t secret[16] = "fifteen octets.";
static const uint8_t zone_name[] = "\7example\3org";

static int setup(void **state)
{
	static struct naive_zone z;

	if (rig_setup(state) < 0)
		return -1;
	naive_init(&z, 1, "example.org");
	rig_begin();
	rig_put(&z);
	rig_link(VIEW_INTERNET, &z, 0);
	rig_commit();
	dns_view_init(&internet, &rig_data, VIEW_INTERNET);
	return 0;
}

static int teardown(void **state)
{
	dns_view_done(&internet);
	return rig_teardown(state);
}

enum extra { NO_OPT, OPT, TWO_OPTS, HEADER_ONLY, TWO_QUESTIONS, SHORT };

/* What the answer has. */
enum {
	NONE = 1 << 0, /* no answer at all */
	DATA = 1 << 1, /* NOERROR with an answer */
	SOA = 1 << 2,  /* in the authority section */
	EDNS = 1 << 3, /* version 0 */
	DO = 1 << 4,
	COOKIE = 1 << 5, /* the client's, and a server's of 16 octets */
	NOT_AA = 1 << 6,
	RD = 1 << 7,
	CD = 1 << 8,
	NO_QUESTION = 1 << 9,
};

static const struct variant {
	const char *name;
	uint16_t type, class;
	uint8_t flags2, flags3;
	enum extra extra;
	uint16_t size;
	uint8_t version;
	uint16_t edns_flags;
	const char *options;
	size_t options_len;
	unsigned rcode, want;
} variants[] = {
	{"dns", RR_SOA, 1, .want = DATA},
	{"aa", RR_SOA, 1, DNS_AA, .want = DATA},
	{"ad", RR_SOA, 1, 0, DNS_AD, .want = DATA},
	{"cd", RR_SOA, 1, 0, DNS_CD, .want = DATA | CD},
	{"ra", RR_SOA, 1, 0, DNS_RA, .want = DATA},
	{"rd", RR_SOA, 1, DNS_RD, .want = DATA | RD},
	{"tc", RR_SOA, 1, DNS_TC, .want = DATA},
	{"zflag", RR_SOA, 1, 0, 0x40, .want = DATA},
	{"opcode2", RR_SOA, 1, 2 << 3, .rcode = DNS_NOTIMP, .want = NOT_AA | NO_QUESTION},
	{"type666", 666, 1, .want = SOA},
	{"edns", RR_SOA, 1, .extra = OPT, .size = 1232, .want = DATA | EDNS},
	{"edns1", RR_SOA, 1, .extra = OPT, .size = 1232, .version = 1, .rcode = DNS_BADVERS,
	 .want = EDNS | NOT_AA},
	{"ednsopt", RR_SOA, 1, .extra = OPT, .size = 1232, .options = "\0\x64\0\0",
	 .options_len = 4, .want = DATA | EDNS},
	{"edns1opt", RR_SOA, 1, .extra = OPT, .size = 1232, .version = 1, .options = "\0\x64\0\0",
	 .options_len = 4, .rcode = DNS_BADVERS, .want = EDNS | NOT_AA},
	{"ednsflags", RR_SOA, 1, .extra = OPT, .size = 1232, .edns_flags = 0x0080,
	 .want = DATA | EDNS},
	{"do", RR_SOA, 1, .extra = OPT, .size = 1232, .edns_flags = EDNS_DO,
	 .want = DATA | EDNS | DO},
	{"edns512", RR_SOA, 1, .extra = OPT, .size = 512, .want = DATA | EDNS},
	{"edns0size", RR_SOA, 1, .extra = OPT, .size = 0, .want = DATA | EDNS},
	{"cookie", RR_SOA, 1, .extra = OPT, .size = 1232,
	 .options = "\0\x0a\0\x08"
		    "12345678",
	 .options_len = 12, .want = DATA | EDNS | COOKIE},
	{"cookie-bad", RR_SOA, 1, .extra = OPT, .size = 1232,
	 .options = "\0\x0a\0\3"
		    "123",
	 .options_len = 7, .rcode = DNS_FORMERR, .want = EDNS | NOT_AA},
	{"nsid", RR_SOA, 1, .extra = OPT, .size = 1232, .options = "\0\3\0\0", .options_len = 4,
	 .want = DATA | EDNS},
	{"ecs", RR_SOA, 1, .extra = OPT, .size = 1232, .options = "\0\x08\0\7\0\1\x18\0\x0a\0\0",
	 .options_len = 11, .want = DATA | EDNS},
	{"two-opt", RR_SOA, 1, .extra = TWO_OPTS, .size = 1232, .rcode = DNS_FORMERR,
	 .want = EDNS | NOT_AA},
	{"qdcount0", .extra = HEADER_ONLY, .rcode = DNS_FORMERR, .want = NOT_AA | NO_QUESTION},
	{"qdcount2", RR_SOA, 1, .extra = TWO_QUESTIONS, .rcode = DNS_FORMERR,
	 .want = NOT_AA | NO_QUESTION},
	{"class CH", RR_SOA, 3, .rcode = DNS_REFUSED, .want = NOT_AA},
	{"case kept", RR_SOA, 1, .want = DATA},
	{"nxdomain", RR_A, 1, .rcode = DNS_NXDOMAIN, .want = SOA},
	{"any", RR_ANY, 1, .want = DATA},
	{"axfr-udp", RR_AXFR, 1, .rcode = DNS_REFUSED, .want = NOT_AA},
	{"response", RR_SOA, 1, DNS_QR, .want = NONE},
	{"short", .extra = SHORT, .want = NONE},
};

static size_t variant_write(const struct variant *v, uint8_t *p)
{
	uint8_t name[DNAME_MAX];
	size_t len;

	if (v->extra == SHORT) {
		memcpy(p, "\1\2\3", 3);
		return 3;
	}
	naive_name(v->rcode == DNS_NXDOMAIN	  ? "nope.example.org"
		   : strcmp(v->name, "case kept") ? "example.org"
						  : "ExaMple.oRg",
		   NULL, name);
	len = rig_query(p, name, v->type, v->flags2);
	p[3] = v->flags3;
	p[len - 1] = (uint8_t)v->class;
	switch (v->extra) {
	case HEADER_ONLY:
		p[5] = 0;
		return DNS_HEADER_BYTES;
	case TWO_QUESTIONS:
		p[5] = 2;
		memcpy(p + len, p + DNS_HEADER_BYTES, len - DNS_HEADER_BYTES);
		return 2 * len - DNS_HEADER_BYTES;
	case TWO_OPTS:
		len = rig_opt(p, len, v->size, 0, NULL, 0);
		return rig_opt(p, len, v->size, 0, NULL, 0);
	case OPT:
		p[len + 6] = 0;
		rig_opt(p, len, v->size, v->edns_flags, v->options, v->options_len);
		p[len + 6] = v->version;
		return len + 11 + v->options_len;
	default:
		return len;
	}
}

static void opt_check(const struct variant *v, struct rig_answer *a)
{
	const uint8_t *cookie;

	assert_int_equal(knot_pkt_has_edns(a->pkt), (v->want & EDNS) != 0);
	if (!(v->want & EDNS))
		return;
	assert_int_equal(knot_edns_get_version(a->pkt->opt_rr), 0);
	assert_int_equal(knot_edns_get_payload(a->pkt->opt_rr), 1232);
	/* RFC 6891: of the flags only DO comes back; extended rcode and version are the TTL's upper half. */
	assert_int_equal(a->pkt->opt_rr->ttl & 0xffff, v->want & DO ? EDNS_DO : 0);
	cookie = knot_pkt_edns_option(a->pkt, EDNS_OPTION_COOKIE);
	assert_int_equal(cookie != NULL, (v->want & COOKIE) != 0);
	if (cookie) {
		assert_int_equal(cookie[3], 24);
		assert_memory_equal(cookie + 4, v->options + 4, 8);
	}
	/* No option that was not asked for, but for the extended error. */
	assert_null(knot_pkt_edns_option(a->pkt, 100));
	assert_null(knot_pkt_edns_option(a->pkt, 3));
	assert_null(knot_pkt_edns_option(a->pkt, 8));
}

static void answer_check(const struct variant *v, const uint8_t *query, struct rig_answer *a)
{
	const uint8_t *w = a->wire;
	const bool has_question = !(v->want & NO_QUESTION);

	assert_memory_equal(w, query, 2);
	assert_true(knot_wire_get_qr(w));
	assert_int_equal(knot_wire_get_opcode(w), query[2] >> 3 & 15);
	assert_int_equal(knot_pkt_ext_rcode(a->pkt), v->rcode);
	assert_int_equal(!!knot_wire_get_aa(w), !(v->want & NOT_AA));
	assert_int_equal(!!knot_wire_get_rd(w), (v->want & RD) != 0);
	assert_int_equal(!!knot_wire_get_cd(w), (v->want & CD) != 0);
	assert_false(knot_wire_get_tc(w) || knot_wire_get_ra(w) || knot_wire_get_ad(w) ||
		     knot_wire_get_z(w));
	assert_int_equal(knot_wire_get_qdcount(w), has_question);
	if (has_question)
		assert_memory_equal(w + 12, query + 12, dname_size(query + 12, 255) + 4);
	assert_int_equal(rig_count(a, KNOT_ANSWER) > 0, (v->want & DATA) != 0);
	assert_int_equal(rig_count(a, KNOT_AUTHORITY), (v->want & SOA) != 0);
	assert_true(a->len <= 512);
	opt_check(v, a);
}

static void test_variants(void **state)
{
	static struct rig_answer a;
	struct dns_cookies cookies = {0};
	size_t n = 0;

	memcpy(cookies.secret, secret, sizeof(secret));
	for (size_t i = 0; i < 2 * ARRAY_SIZE(variants); i++, n++) {
		const struct variant *v = &variants[i / 2];
		struct dns_client c = {
			.addr = addr_v4(7), .is_tcp = i % 2, .now_s = 1000, .cookies = &cookies};
		uint8_t query[600];
		const size_t len = variant_write(v, query);

		print_message("%s%s\n", v->name, c.is_tcp ? " (TCP)" : "");
		rig_ask(&internet, query, len, &c, &a);
		if (v->want & NONE)
			assert_int_equal(a.len, 0);
		else
			answer_check(v, query, &a);
		rig_answer_done(&a);
	}
	assert_int_equal(n, 64);
}

/* The cookie that we gave is good the next time, from the same address only; it costs no room that was not kept. */
static void test_cookie_comes_back(void **state)
{
	static struct rig_answer a;
	struct dns_cookies cookies = {0};
	struct dns_client c = {.addr = addr_v4(7), .now_s = 1000, .cookies = &cookies};
	uint8_t query[600], option[28] = "\0\x0a\0\x08"
					 "12345678";
	size_t len = rig_opt(query, rig_query(query, zone_name, RR_SOA, 0), 1232, 0, option, 12);

	memcpy(cookies.secret, secret, sizeof(secret));
	rig_ask(&internet, query, len, &c, &a);
	assert_false(c.has_good_cookie);
	memcpy(option, knot_pkt_edns_option(a.pkt, EDNS_OPTION_COOKIE), 28);
	rig_answer_done(&a);
	len = rig_opt(query, rig_query(query, zone_name, RR_SOA, 0), 1232, 0, option, 28);
	c.now_s = 1100;
	rig_ask(&internet, query, len, &c, &a);
	assert_true(c.has_good_cookie);
	assert_memory_equal(knot_pkt_edns_option(a.pkt, EDNS_OPTION_COOKIE), option, 28);
	rig_answer_done(&a);
	c.addr = addr_v4(8);
	rig_ask(&internet, query, len, &c, &a);
	assert_false(c.has_good_cookie);
	rig_answer_done(&a);
	/* No question, only a cookie (RFC 7873 section 5.4). */
	option[3] = 8;
	memset(query, 0, 12);
	len = rig_opt(query, 12, 1232, 0, option, 12);
	rig_ask(&internet, query, len, &c, &a);
	assert_int_equal(knot_wire_get_qdcount(a.wire), 0);
	assert_int_equal(c.rcode, DNS_NOERROR);
	assert_non_null(knot_pkt_edns_option(a.pkt, EDNS_OPTION_COOKIE));
	rig_answer_done(&a);
}

/* What is odd goes to who takes it, and nothing is written. */
static void test_slow(void **state)
{
	static struct rig_answer a;
	uint8_t query[600];
	struct dns_client c = {.is_tcp = true, .takes = DNS_TAKES_SLOW};
	size_t len = rig_query(query, zone_name, RR_AXFR, 0);

	rig_ask(&internet, query, len, &c, &a);
	assert_int_equal(c.outcome, DNS_SLOW);
	assert_int_equal(a.len, 0);
	assert_int_equal(c.query.type, RR_AXFR);
	memcpy(query + rig_query(query, zone_name, RR_SOA, 0), "\1k\0\0\xfa\0\xff\0\0\0\0\0\2ab",
	       15);
	query[11] = 1;
	len = 12 + sizeof(zone_name) + 4 + 15;
	rig_ask(&internet, query, len, &c, &a);
	assert_int_equal(c.outcome, DNS_SLOW);
	assert_true(c.query.has_tsig);
	c.takes = 0;
	rig_ask(&internet, query, len, &c, &a);
	assert_int_equal(c.rcode, DNS_NOTAUTH);
	rig_answer_done(&a);
	len = rig_query(query, zone_name, RR_SOA, DNS_OPCODE_UPDATE << 3);
	rig_ask(&internet, query, len, &c, &a);
	assert_int_equal(c.rcode, DNS_NOTIMP);
	rig_answer_done(&a);
}

static void test_slip_and_error(void **state)
{
	static struct rig_answer a;
	struct dns_client c = {.addr = addr_v4(1)};
	uint8_t query[600], out[DNS_UDP_MAX];
	size_t len = rig_opt(query, rig_query(query, zone_name, RR_SOA, DNS_RD), 1232, 0, NULL, 0),
	       n;

	rig_ask(&internet, query, len, &c, &a);
	memcpy(out, a.wire, a.len);
	n = dns_answer_slip(&c, out, sizeof(out));
	assert_int_equal(n, len);
	assert_true(c.is_truncated && knot_wire_get_tc(out) && knot_wire_get_ancount(out) == 0);
	rig_answer_done(&a);
	n = dns_answer_error(&c, DNS_SERVFAIL, EDE_NO_UPSTREAM, query, out, sizeof(out));
	a.pkt = knot_pkt_new(out, n, NULL);
	assert_int_equal(knot_pkt_parse(a.pkt, 0), KNOT_EOK);
	assert_int_equal(knot_wire_get_rcode(out), DNS_SERVFAIL);
	assert_int_equal(rig_ede(&a), 22);
	assert_true(knot_wire_get_rd(out));
	rig_answer_done(&a);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_variants),
		T(test_cookie_comes_back),
		T(test_slow),
		T(test_slip_and_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
