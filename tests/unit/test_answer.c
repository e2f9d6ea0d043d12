/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The rules of answers, one by one: what a network and the internet are told about one small set of zones, forwarding, chains, sizes, and
 * what happens when the tables are damaged or gone.
 *
 *	zone 1  example.org, linked to network 1            zone 3  corp.example.org, linked to 1, falls through
 *	zone 2  example.org, linked to network 2            zone 4  example.com, public; zone 5 corp.example.org, public
 *	network 1 forwards to 192.0.2.53, fwd.test to 192.0.2.54; network 2 forwards nothing; 3 has nothing
 *	"privatelink.test" is private and may be named
 */
#include "dns_rig.h"

static struct dns_view internet, net1, net2, net3;
static struct rig_answer a;
static struct dns_client client;

static void zones_put(void)
{
	static struct naive_zone z[6];
	static const char *const apexes[] = {"",
					     "example.org",
					     "example.org",
					     "corp.example.org",
					     "example.com",
					     "corp.example.org"};
	static const struct {
		int zone;
		const char *owner;
		uint16_t type;
		const char *value;
	} records[] = {
		{1, "api", RR_A, "10.1.0.1"},
		{1, "api", RR_A, "10.1.0.2"},
		{1, "api", RR_AAAA, "fd00::1"},
		{1, "x.deep.ent", RR_A, "10.1.0.3"},
		{1, "*.wild", RR_TXT, "star"},
		{1, "*.wild", RR_A, "10.1.0.4"},
		{1, "there.wild", RR_A, "10.1.0.5"},
		{1, "sub.*.wild", RR_A, "10.1.0.6"},
		{1, "*.cw", RR_CNAME, "api"},
		{1, "alias", RR_CNAME, "api"},
		{1, "dangling", RR_CNAME, "nope"},
		{1, "loop1", RR_CNAME, "loop2"},
		{1, "loop2", RR_CNAME, "loop1"},
		{1, "self", RR_CNAME, "self"},
		{1, "to-public", RR_CNAME, "www.example.com."},
		{1, "to-none", RR_CNAME, "a.none"},
		{1, "away", RR_CNAME, "www.elsewhere.test."},
		{1, "cut", RR_NS, "ns.cut"},
		{1, "cut", RR_NS, "ns.elsewhere.test."},
		{1, "ns.cut", RR_A, "10.1.0.7"},
		{1, "@", RR_MX, "10 api"},
		{1, "_https._tcp", RR_SRV, "0 0 443 api"},
		{1, "_https._tcp", RR_SRV, "0 0 444 api"},
		{2, "api", RR_A, "10.2.0.1"},
		{3, "in", RR_A, "10.3.0.1"},
		{4, "www", RR_A, "192.0.2.1"},
		{4, "to-private", RR_CNAME, "api.example.org."},
		{5, "out", RR_A, "192.0.2.2"},
	};

	for (uint32_t i = 1; i < 6; i++)
		naive_init(&z[i], i, apexes[i]);
	for (size_t i = 0; i < ARRAY_SIZE(records); i++)
		assert_true(naive_add(&z[records[i].zone], records[i].owner, records[i].type, 60,
				      records[i].value));
	for (int i = 1; i <= 9; i++) {
		char owner[8], target[8];

		snprintf(owner, sizeof(owner), "c%d", i);
		snprintf(target, sizeof(target), "c%d", i + 1);
		assert_true(naive_add(&z[1], owner, RR_CNAME, 60, target));
	}
	for (int i = 1; i < 6; i++)
		rig_put(&z[i]);
	rig_link(1, &z[1], 0);
	rig_link(1, &z[3], VIEW_LINK_FALL_THROUGH);
	rig_link(2, &z[2], 0);
	rig_link(VIEW_INTERNET, &z[4], 0);
	rig_link(VIEW_INTERNET, &z[5], 0);
}

static int setup(void **state)
{
	static const uint8_t fwd[] = "\3fwd\4test", told[] = "\13privatelink\4test";
	struct view_forward forward = {.domain = fwd,
				       .domain_len = sizeof(fwd),
				       .n_servers = 1,
				       .servers = {{addr_v4(0xc0000236), 53}}};
	struct view_config v = {.router = 1,
				.n_servers = 1,
				.servers = {{addr_v4(0xc0000235), 53}},
				.forwards = &forward,
				.n_forwards = 1};
	bool changed;

	if (rig_setup(state) < 0)
		return -1;
	rig_begin();
	zones_put();
	assert_int_equal(tables_put_view(rig_tables, &v, &changed, NULL), 0);
	assert_int_equal(tables_put_link(rig_tables, VIEW_TOLD, told, 0, 0, &changed, NULL), 0);
	rig_commit();
	dns_view_init(&internet, &rig_data, VIEW_INTERNET);
	dns_view_init(&net1, &rig_data, 1);
	dns_view_init(&net2, &rig_data, 2);
	dns_view_init(&net3, &rig_data, 3);
	return 0;
}

static int teardown(void **state)
{
	rig_answer_done(&a);
	dns_view_done(&internet);
	dns_view_done(&net1);
	dns_view_done(&net2);
	dns_view_done(&net3);
	return rig_teardown(state);
}

/* With RD, an OPT, and by one who forwards, unless told otherwise. */
static void ask_as(struct dns_view *v, const char *text, uint16_t type, uint8_t flags,
		   unsigned takes)
{
	uint8_t name[DNAME_MAX], query[400];
	size_t len;

	rig_answer_done(&a);
	naive_name(text, NULL, name);
	len = rig_opt(query, rig_query(query, name, type, flags), 1232, 0, NULL, 0);
	client = (struct dns_client){.addr = addr_v4(0x0a000001), .takes = takes};
	rig_ask(v, query, len, &client, &a);
}

static void ask(struct dns_view *v, const char *text, uint16_t type)
{
	ask_as(v, text, type, DNS_RD, DNS_TAKES_FORWARD);
}

static void expect(unsigned rcode, bool aa, unsigned an, unsigned ns, unsigned ar)
{
	assert_int_equal(client.outcome, DNS_ANSWER);
	assert_int_equal(client.rcode, rcode);
	assert_int_equal(knot_wire_get_rcode(a.wire), rcode & 15);
	assert_int_equal(!!knot_wire_get_aa(a.wire), aa);
	assert_int_equal(rig_count(&a, KNOT_ANSWER), an);
	assert_int_equal(rig_count(&a, KNOT_AUTHORITY), ns);
	assert_int_equal(rig_count(&a, KNOT_ADDITIONAL), ar + 1); /* the OPT */
}

static void expect_text(knot_section_t section, uint16_t i, const char *text)
{
	assert_string_equal(rig_text(&a, section, i), text);
}

#define SOA "ns.example.org. hostmaster.example.org. 7 60 30 604800 30"

static void test_data_and_negatives(void **state)
{
	ask(&net1, "API.example.org", RR_A);
	expect(0, true, 2, 0, 0);
	expect_text(KNOT_ANSWER, 0, "API.example.org. A 60 10.1.0.1"); /* the case comes back */
	assert_int_equal(client.zone, 1);
	ask(&net1, "api.example.org", RR_TXT);
	expect(0, true, 0, 1, 0);
	expect_text(KNOT_AUTHORITY, 0, "example.org. SOA 30 " SOA); /* TTL: min(300, 30) */
	assert_int_equal(client.kind, DNS_KIND_NODATA);
	ask(&net1, "nope.api.example.org", RR_A);
	expect(3, true, 0, 1, 0);
	assert_int_equal(client.kind, DNS_KIND_NXDOMAIN);
	ask(&net1, "example.org", RR_SOA);
	expect(0, true, 1, 0, 0);
	expect_text(KNOT_ANSWER, 0, "example.org. SOA 300 " SOA);
	ask(&net1, "example.org", RR_NS);
	expect(0, true, 1, 0, 0);
	expect_text(KNOT_ANSWER, 0, "example.org. NS 300 ns.example.org.");
	ask(&net1, "api.example.org", RR_ANY); /* one set */
	expect(0, true, 2, 0, 0);
}

static void test_empty_non_terminals(void **state)
{
	ask(&net1, "ent.example.org", RR_A);
	expect(0, true, 0, 1, 0);
	ask(&net1, "deep.ent.example.org", RR_ANY);
	expect(0, true, 0, 1, 0);
	ask(&net1, "y.deep.ent.example.org", RR_A);
	expect(3, true, 0, 1, 0);
}

static void test_wildcards(void **state)
{
	ask(&net1, "any.thing.wild.example.org", RR_A); /* several labels */
	expect(0, true, 1, 0, 0);
	expect_text(KNOT_ANSWER, 0, "any.thing.wild.example.org. A 60 10.1.0.4");
	ask(&net1, "x.wild.example.org", RR_AAAA);
	expect(0, true, 0, 1, 0);
	ask(&net1, "there.wild.example.org", RR_TXT); /* exists: no wildcard */
	expect(0, true, 0, 1, 0);
	ask(&net1, "x.there.wild.example.org", RR_A); /* its closest encloser has no wildcard */
	expect(3, true, 0, 1, 0);
	ask(&net1, "*.wild.example.org", RR_A); /* the name itself */
	expect(0, true, 1, 0, 0);
	ask(&net1, "x.*.wild.example.org",
	    RR_A); /* RFC 4592 section 2.2.1: "*" is an encloser like any other */
	expect(3, true, 0, 1, 0);
	ask(&net1, "wild.example.org", RR_A);
	expect(0, true, 0, 1, 0);
	ask(&net1, "x.cw.example.org", RR_A);
	expect(0, true, 3, 0, 0);
	expect_text(KNOT_ANSWER, 0, "x.cw.example.org. CNAME 60 api.example.org.");
}

static void test_chains(void **state)
{
	ask(&net1, "alias.example.org", RR_A);
	expect(0, true, 3, 0, 0);
	expect_text(KNOT_ANSWER, 1, "api.example.org. A 60 10.1.0.1");
	ask(&net1, "alias.example.org", RR_CNAME);
	expect(0, true, 1, 0, 0);
	ask(&net1, "alias.example.org", RR_ANY);
	expect(0, true, 1, 0, 0);
	ask(&net1, "alias.example.org", RR_TXT); /* NODATA of the target */
	expect(0, true, 1, 1, 0);
	ask(&net1, "dangling.example.org", RR_A); /* RFC 6604: the rcode is that of the last name */
	expect(3, true, 1, 1, 0);
	ask(&net1, "loop1.example.org", RR_A);
	expect(0, true, 2, 0, 0);
	ask(&net1, "self.example.org", RR_A);
	expect(0, true, 1, 0, 0);
	ask(&net1, "c1.example.org", RR_A); /* at most 8 */
	expect(0, true, 8, 0, 0);
	ask(&net1, "to-public.example.org", RR_A);
	expect(0, true, 2, 0, 0);
	expect_text(KNOT_ANSWER, 1, "www.example.com. A 60 192.0.2.1");
	ask(&net1, "to-private.example.com",
	    RR_A); /* a public name leads into what this network sees */
	expect(0, true, 3, 0, 0);
	ask(&net2, "to-private.example.com", RR_A);
	expect(0, true, 2, 0, 0);
	expect_text(KNOT_ANSWER, 1, "api.example.org. A 60 10.2.0.1");
	ask(&internet, "to-private.example.com", RR_A);
	expect(0, true, 1, 0, 0);
}

static void test_delegations(void **state)
{
	ask(&net1, "a.b.cut.example.org", RR_A);
	expect(0, false, 0, 2, 1);
	expect_text(KNOT_AUTHORITY, 0, "cut.example.org. NS 60 ns.cut.example.org.");
	expect_text(KNOT_ADDITIONAL, 0, "ns.cut.example.org. A 60 10.1.0.7");
	assert_int_equal(client.kind, DNS_KIND_REFERRAL);
	ask(&net1, "cut.example.org", RR_NS);
	expect(0, false, 0, 2, 1);
	ask(&net1, "cut.example.org", RR_DS); /* asked of the side above */
	expect(0, true, 0, 1, 0);
	ask(&net1, "ns.cut.example.org", RR_A); /* glue is not ours to answer */
	expect(0, false, 0, 2, 1);
}

static void test_additional(void **state)
{
	ask(&net1, "example.org", RR_MX);
	expect(0, true, 1, 0, 3);
	expect_text(KNOT_ADDITIONAL, 0, "api.example.org. A 60 10.1.0.1");
	ask(&net1, "_https._tcp.example.org", RR_SRV); /* one target, once */
	expect(0, true, 2, 0, 3);
}

static void test_views(void **state)
{
	ask(&net2, "api.example.org", RR_A);
	expect(0, true, 1, 0, 0);
	expect_text(KNOT_ANSWER, 0, "api.example.org. A 60 10.2.0.1");
	ask(&net2, "www.example.com", RR_A); /* the internet's zones are everyone's */
	expect(0, true, 1, 0, 0);
	ask(&net3, "www.example.com", RR_A);
	expect(0, true, 1, 0, 0);
	ask(&internet, "api.example.org", RR_A); /* RFC 8914: not authoritative */
	expect(5, false, 0, 0, 0);
	assert_int_equal(rig_ede(&a), 20);
	assert_false(knot_wire_get_ra(a.wire));
	ask(&net3, "api.example.org", RR_A);
	expect(5, false, 0, 0, 0);
	assert_int_equal(rig_ede(&a), 18);
	assert_int_equal(client.ede, EDE_NOT_FORWARDED);
	ask(&net2, "x.privatelink.test", RR_A);
	expect(5, false, 0, 0, 0);
	assert_int_equal(client.ede, EDE_NOT_LINKED);
	ask(&internet, "x.privatelink.test", RR_A); /* the internet is told nothing of it */
	assert_int_equal(client.ede, EDE_NOT_AUTHORITATIVE);
}

static void test_fall_through(void **state)
{
	ask(&net1, "in.corp.example.org", RR_A); /* the longest suffix wins */
	expect(0, true, 1, 0, 0);
	expect_text(KNOT_ANSWER, 0, "in.corp.example.org. A 60 10.3.0.1");
	ask(&net1, "in.corp.example.org", RR_AAAA); /* NODATA does not fall through */
	expect(0, true, 0, 1, 0);
	ask(&net1, "out.corp.example.org", RR_A);
	expect(0, true, 1, 0, 0);
	expect_text(KNOT_ANSWER, 0, "out.corp.example.org. A 60 192.0.2.2");
	ask(&net1, "neither.corp.example.org", RR_A); /* the public zone's word is the last */
	expect(3, true, 0, 1, 0);
	assert_int_equal(client.zone, 5);
	ask(&net1, "neither.example.org", RR_A); /* this link does not fall through */
	expect(3, true, 0, 1, 0);
}

static void expect_forward(enum dns_outcome outcome, uint32_t server)
{
	assert_int_equal(client.outcome, outcome);
	assert_int_equal(client.n_servers, 1);
	assert_int_equal(client.servers[0].addr.lo, server);
}

static void test_forward(void **state)
{
	char text[DNAME_TEXT_MAX];

	ask(&net1, "www.elsewhere.test", RR_A);
	expect_forward(DNS_FORWARD, 0xc0000235);
	assert_int_equal(a.len, 0);
	assert_string_equal(dname_format(client.query.name.wire, text), "www.elsewhere.test.");
	ask(&net1, "a.b.fwd.test", RR_A);
	expect_forward(DNS_FORWARD, 0xc0000236);
	ask(&net1, "xfwd.test", RR_A);
	expect_forward(DNS_FORWARD, 0xc0000235);
	ask_as(&net1, "www.elsewhere.test", RR_A, 0,
	       DNS_TAKES_FORWARD); /* recursion is not desired */
	expect(5, false, 0, 0, 0);
	assert_int_equal(client.ede, EDE_NO_RECURSION_ASKED);
	assert_int_equal(rig_ede(&a), 20);
	ask_as(&net1, "www.elsewhere.test", RR_A, DNS_RD, 0);
	expect(5, false, 0, 0, 0);
	ask(&net1, "away.example.org", RR_A);
	expect_forward(DNS_FORWARD_TARGET, 0xc0000235);
	assert_string_equal(dname_format(a.wire + client.target_at, text), "www.elsewhere.test.");
	assert_int_equal(rig_count(&a, KNOT_ANSWER), 1);
	assert_true(knot_wire_get_ra(a.wire) && knot_wire_get_rd(a.wire));
	ask_as(&net1, "away.example.org", RR_A, 0, DNS_TAKES_FORWARD);
	expect(0, true, 1, 0, 0);
}

/* What a relay does: the upstream's answer is put behind the chain, and its CNAME leads back to what this network sees. */
static void test_resume(void **state)
{
	uint8_t out[DNS_UDP_MAX], query[300], name[DNAME_MAX];
	size_t len, at;
	struct tables_snapshot *s;

	naive_name("away.example.org", NULL, name);
	len = rig_query(query, name, RR_A, DNS_RD);
	client = (struct dns_client){.takes = DNS_TAKES_FORWARD};
	s = tables_acquire(rig_tables);
	dns_data_begin(&rig_data, s);
	len = dns_answer(&net1, query, len, &client, out, sizeof(out));
	assert_int_equal(client.outcome, DNS_FORWARD_TARGET);
	at = client.answers_end;
	assert_int_equal(at, len); /* no OPT */
	const size_t n = dname_size(out + client.target_at, 255);
	memcpy(out + at, out + client.target_at, n);
	memcpy(out + at + n, "\0\5\0\1\0\0\0\x3c\0\x11\3api\7example\3org", 27);
	client.target_at = (uint16_t)(at + n + 10);
	at += n + 27;
	out[7]++;
	len = dns_answer_resume(&net1, &client, out, at, sizeof(out));
	assert_int_equal(client.outcome, DNS_ANSWER);
	dns_data_end(&rig_data);
	tables_release(s);
	rig_answer_done(&a);
	memcpy(a.wire, out, len);
	a.pkt = knot_pkt_new(a.wire, len, NULL);
	assert_int_equal(knot_pkt_parse(a.pkt, 0), KNOT_EOK);
	assert_int_equal(rig_count(&a, KNOT_ANSWER), 4);
	expect_text(KNOT_ANSWER, 3, "api.example.org. A 60 10.1.0.2");
}

/* --- sizes ------------------------------------------------------------------------------------------------------ */

static void size_ask(uint16_t size, bool tcp, const char *text)
{
	uint8_t name[DNAME_MAX], query[400];
	size_t len;

	rig_answer_done(&a);
	naive_name(text, NULL, name);
	len = rig_query(query, name, RR_TXT, 0);
	if (size)
		len = rig_opt(query, len, size, 0, NULL, 0);
	client = (struct dns_client){.is_tcp = tcp};
	rig_ask(&net3, query, len, &client, &a);
}

static void test_truncation(void **state)
{
	static const struct {
		uint16_t size;
		size_t limit;
	} rows[] = {{0, 512},	  {100, 512},	{512, 512},   {1000, 1000},
		    {1232, 1232}, {4096, 1232}, {65535, 1232}};
	static uint8_t strings[3000];
	uint8_t apex[DNAME_MAX], owner[DNAME_MAX];
	struct zone_rdata rdata = {strings, 0};
	struct zone_set set = {owner, RR_TXT, 60, &rdata, 1};
	const struct zone_source src = {
		.id = 9, .apex = apex, .ttl = 300, .minimum = 30, .sets = &set, .n_sets = 1};
	bool changed;

	naive_name("big.test", NULL, apex);
	naive_name("t", apex, owner);
	for (size_t len = 100; len < 1400; len += 7) {
		for (size_t at = 0; at < len; at += 200)
			strings[at] = (uint8_t)((len - at < 200 ? len - at : 200) - 1);
		rdata.len = (uint16_t)len;
		rig_begin();
		assert_int_equal(tables_put_zone(rig_tables, &src, &changed, NULL), 0);
		assert_int_equal(tables_put_link(rig_tables, 3, apex, 9, 0, &changed, NULL), 0);
		rig_commit();
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
			const size_t whole = 12 + 12 + 4 + 12 + len + (rows[i].size ? 11 : 0);

			size_ask(rows[i].size, false, "t.big.test");
			assert_true(a.len <= rows[i].limit);
			assert_int_equal(!!knot_wire_get_tc(a.wire), whole > rows[i].limit);
			assert_int_equal(client.is_truncated, whole > rows[i].limit);
			assert_int_equal(rig_count(&a, KNOT_ANSWER), whole <= rows[i].limit);
			assert_int_equal(rig_count(&a, KNOT_ADDITIONAL), rows[i].size != 0);
		}
		size_ask(0, true, "t.big.test");
		assert_int_equal(rig_count(&a, KNOT_ANSWER), 1);
		assert_false(knot_wire_get_tc(a.wire));
	}
}

/* --- what goes wrong -------------------------------------------------------------------------------------------- */

static void raw_damage(enum table table, MDB_val *key)
{
	uint8_t copy[8192];
	MDB_txn *txn;
	MDB_val v;

	assert_int_equal(mdb_txn_begin(rig_tables->env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_get(txn, rig_tables->dbi[table], key, &v), 0);
	memcpy(copy, v.mv_data, v.mv_size);
	copy[v.mv_size - 1] ^= 1;
	v.mv_data = copy;
	assert_int_equal(mdb_put(txn, rig_tables->dbi[table], key, &v, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
}

static void test_damaged(void **state)
{
	const uint32_t one = 1;
	MDB_val key = tables_val(&one, 4);

	raw_damage(TABLE_ZONE, &key); /* before it is met: a zone is verified once */
	ask(&net1, "api.example.org", RR_A);
	expect(2, false, 0, 0, 0);
	assert_int_equal(rig_ede(&a), 24);
	ask(&net2, "api.example.org", RR_A); /* others are not affected */
	expect(0, true, 1, 0, 0);
	raw_damage(TABLE_VIEW_CONFIG, &key);
	rig_begin();
	rig_commit();
	ask(&net1, "in.corp.example.org", RR_A);
	expect(2, false, 0, 0, 0);
	assert_int_equal(rig_ede(&a), 14);
}

static void test_no_snapshot(void **state)
{
	uint8_t query[300], out[512], name[DNAME_MAX];

	naive_name("a.test", NULL, name);
	dns_data_begin(&rig_data, NULL);
	client = (struct dns_client){.takes = DNS_TAKES_FORWARD};
	const size_t len = rig_query(query, name, RR_A, DNS_RD);
	assert_int_equal(dns_answer(&net1, query, len, &client, out, sizeof(out)), len);
	assert_int_equal(client.rcode, DNS_SERVFAIL);
	for (size_t cap = 0; cap < len; cap++) {
		assert_int_equal(dns_answer(&net1, query, len, &client, out, cap), 0);
		assert_int_equal(client.outcome, DNS_DROP);
	}
	dns_data_end(&rig_data);
}

/* Tables into which nothing has been compiled yet deny nothing and refuse nobody. */
static void test_not_compiled(void **state)
{
	assert_int_equal(rig_setup(state), 0);
	dns_view_init(&internet, &rig_data, VIEW_INTERNET);
	dns_view_init(&net1, &rig_data, 1);
	ask_as(&internet, "www.example.com", RR_A, 0, 0);
	expect(DNS_SERVFAIL, false, 0, 0, 0);
	assert_int_equal(rig_ede(&a), 14);
	ask(&net1, "api.example.org", RR_A);
	expect(DNS_SERVFAIL, false, 0, 0, 0);
	assert_int_equal(rig_ede(&a), 14);
	/* The same process, later. */
	rig_begin();
	zones_put();
	rig_commit();
	ask(&internet, "www.example.com", RR_A);
	expect(DNS_NOERROR, true, 1, 0, 0);
	ask(&net1, "api.example.org", RR_A);
	expect(DNS_NOERROR, true, 2, 0, 0);
	assert_int_equal(teardown(state), 0);
}

/* No such name, nor any below it, whatever is asked; the SOA is that of the name above. At the end of a chain as well. */
static void test_denied(void **state)
{
	static const uint8_t apex[] = "\4none\7example\3org", top[] = "\5nones";
	struct zone_source src = {
		.id = 40, .apex = apex, .ttl = 300, .minimum = 30, .is_denied = true};
	bool changed;

	rig_begin();
	assert_int_equal(tables_put_zone(rig_tables, &src, &changed, NULL), 0);
	assert_int_equal(tables_put_link(rig_tables, 1, apex, 40, 0, &changed, NULL), 0);
	assert_int_equal(
		tables_put_link(rig_tables, 2, apex, 40, VIEW_LINK_FALL_THROUGH, &changed, NULL),
		0);
	src.id = 41;
	src.apex = top;
	assert_int_equal(tables_put_zone(rig_tables, &src, &changed, NULL), 0);
	assert_int_equal(tables_put_link(rig_tables, 1, top, 41, 0, &changed, NULL), 0);
	rig_commit();
	for (uint16_t type = RR_A; type <= RR_ANY; type = (uint16_t)(type + RR_ANY - RR_A)) {
		ask(&net1, "none.example.org", type);
		expect(3, true, 0, 1, 0);
		expect_text(KNOT_AUTHORITY, 0,
			    "example.org. SOA 30 ns.example.org. hostmaster.example.org. 0 60 30 "
			    "604800 30");
	}
	ask(&net1, "none.example.org", RR_SOA);
	expect(3, true, 0, 1, 0);
	ask(&net1, "b.A.none.example.org", RR_TXT);
	expect(3, true, 0, 1, 0);
	expect_text(KNOT_AUTHORITY, 0,
		    "example.org. SOA 30 ns.example.org. hostmaster.example.org. 0 60 30 604800 "
		    "30");
	ask(&net1, "to-none.example.org", RR_A);
	expect(3, true, 1, 1, 0);
	expect_text(KNOT_AUTHORITY, 0,
		    "example.org. SOA 30 ns.example.org. hostmaster.example.org. 0 60 30 604800 "
		    "30");
	ask(&net1, "x.nones", RR_A);
	expect(3, true, 0, 1, 0);
	expect_text(KNOT_AUTHORITY, 0, ". SOA 30 ns. hostmaster. 0 60 30 604800 30");
	ask(&net2, "none.example.org", RR_A); /* falls through, to nobody */
	expect(3, true, 0, 1, 0);
}

/* A change of the tables is seen by the next batch: config, links and zones. */
static void test_change(void **state)
{
	static const uint8_t apex[] = "\7example\3org";
	bool changed;

	ask(&net1, "api.example.org", RR_A);
	expect(0, true, 2, 0, 0);
	rig_begin();
	assert_int_equal(tables_put_link(rig_tables, 1, apex, 2, 0, &changed, NULL), 0);
	rig_commit();
	ask(&net1, "api.example.org", RR_A);
	expect(0, true, 1, 0, 0);
	rig_begin();
	assert_int_equal(tables_delete_link(rig_tables, 1, apex, &changed, NULL), 0);
	rig_commit();
	ask(&net1, "api.example.org", RR_A);
	expect_forward(DNS_FORWARD, 0xc0000235);
	rig_begin();
	assert_int_equal(tables_delete_view(rig_tables, 1, NULL), 0);
	rig_commit();
	ask(&net1, "api.example.org", RR_A);
	expect(5, false, 0, 0, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_data_and_negatives),
		T(test_empty_non_terminals),
		T(test_wildcards),
		T(test_chains),
		T(test_delegations),
		T(test_additional),
		T(test_views),
		T(test_fall_through),
		T(test_forward),
		T(test_resume),
		T(test_truncation),
		T(test_damaged),
		T(test_denied),
		T(test_no_snapshot),
		cmocka_unit_test(test_not_compiled),
		T(test_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
