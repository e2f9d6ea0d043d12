/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Questions as a whole: what goes out, what the client gets, which server is asked when, equal questions, failures, the end. */
#include "forward_rig.h"

static void test_plain(void **state)
{
	struct asked_query q;
	unsigned c = client_ask("WwW.Else.Test", RR_A);

	assert_int_equal(counted(DNS_forward_pending), 1);
	up_must(0, &q);
	/* RD, one question, one OPT that says 1232, no DO, no option. */
	assert_int_equal(q.p[2], DNS_RD);
	assert_int_equal(q.p[3], 0);
	assert_memory_equal(q.p + q.len - 11, "\0\0\51\4\320\0\0\0\0\0\0", 11);
	say(&q, DNS_NOERROR);
	a_rr("www.else.test", "192.0.2.1");
	a_rr("www.else.test", "192.0.2.2");
	rr(DNS_ADDITIONALS, "evil.test", RR_A, 9, "192.0.2.66");
	rr(DNS_AUTHORITIES, "else.test", RR_NS, 9, "ns.evil.test.");
	a_rr("other.else.test", "192.0.2.66");
	/* In order of sections on the wire, whatever order they were put in: the last one belongs to the answer. */
	said.len = DNS_HEADER_BYTES + question_len(&q);
	memset(said.p + 6, 0, 6);
	a_rr("www.else.test", "192.0.2.1");
	a_rr("other.else.test", "192.0.2.66");
	a_rr("www.else.test", "192.0.2.2");
	rr(DNS_AUTHORITIES, "else.test", RR_NS, 9, "ns.evil.test.");
	rr(DNS_ADDITIONALS, "evil.test", RR_A, 9, "192.0.2.66");
	up_send(0, &q);
	must_tell(c);
	assert_int_equal(got.wire[2], DNS_QR | DNS_RD);
	assert_int_equal(rig_count(&got, KNOT_ANSWER), 2);
	assert_string_equal(rig_text(&got, KNOT_ANSWER, 0), "WwW.Else.Test. A 60 192.0.2.1");
	assert_string_equal(rig_text(&got, KNOT_ANSWER, 1), "WwW.Else.Test. A 60 192.0.2.2");
	assert_int_equal(rig_count(&got, KNOT_AUTHORITY), 0);
	assert_int_equal(rig_count(&got, KNOT_ADDITIONAL), 1); /* the OPT */
	assert_int_equal(counted(DNS_forwarded_total), 1);
	assert_int_equal(counted(DNS_forward_answers_total), 1);
	assert_int_equal(counted(DNS_forward_rejected_total), 0);
	assert_int_equal(counted(DNS_forward_pending), 0);
}

/* Ids, ports and letters differ from question to question. */
static void test_random(void **state)
{
	unsigned ids = 0, ports = 0, capitals = 0;
	struct asked_query q, before = {0};

	for (int i = 0; i < 64; i++) {
		char name[40];

		snprintf(name, sizeof(name), "abcdefghijklmnop%d.else.test", i);
		client_ask(name, RR_A);
		up_must(0, &q);
		ids += memcmp(q.p, before.p, 2) != 0;
		ports += q.from.sin_port != before.from.sin_port;
		for (int k = 13; k < 29; k++)
			capitals += q.p[k] >= 'A' && q.p[k] <= 'Z';
		before = q;
		say(&q, DNS_NOERROR);
		up_send(0, &q);
	}
	assert_true(ids >= 62 && ports >= 62);
	assert_in_range(capitals, 64 * 16 / 3, 64 * 16 * 2 / 3);
	/* One socket was used again and again. */
	assert_int_equal(w.forwards->daemon.n_used, 1);
}

static void test_negative(void **state)
{
	struct asked_query q;
	unsigned c = client_ask("nope.else.test", RR_A);

	up_must(0, &q);
	say(&q, DNS_NXDOMAIN);
	soa_rr("other.test"); /* not of this name's zone */
	soa_rr("else.test");
	up_send(0, &q);
	must_tell(c);
	assert_int_equal(got.wire[3] & 15, DNS_NXDOMAIN);
	assert_int_equal(rig_count(&got, KNOT_ANSWER), 0);
	assert_int_equal(rig_count(&got, KNOT_AUTHORITY), 1);
	assert_string_equal(rig_text(&got, KNOT_AUTHORITY, 0),
			    "else.test. SOA 30 ns.test. me.test. 1 2 3 4 0");
	c = client_ask("nope.else.test", RR_AAAA);
	up_must(0, &q);
	say(&q, DNS_NOERROR);
	soa_rr("else.test");
	up_send(0, &q);
	must_tell(c);
	assert_int_equal(got.wire[3] & 15, DNS_NOERROR);
	assert_int_equal(rig_count(&got, KNOT_AUTHORITY), 1);
}

/* A server that is silent is overtaken after 400 ms, and the next one is remembered; the first one gets another chance later. */
static void test_next_server(void **state)
{
	struct asked_query q;
	unsigned c;

	rig_servers(2, true);
	c = client_ask("a.else.test", RR_A);
	up_must(0, &q);
	up_nothing(1);
	pass(390);
	up_nothing(1);
	pass(50);
	up_must(1, &q);
	say(&q, DNS_NOERROR);
	a_rr("a.else.test", "192.0.2.1");
	up_send(1, &q);
	must_tell_one(c, "a.else.test. A 60 192.0.2.1");
	for (int i = 0; i < 3; i++) {
		client_ask("b.else.test", RR_A);
		up_nothing(0);
		up_must(1, &q);
		say(&q, DNS_NOERROR);
		up_send(1, &q);
	}
	pass(FORWARD_AGAIN_MS);
	c = client_ask("c.else.test", RR_A);
	up_must(0, &q);
	up_nothing(1);
	client_ask("d.else.test", RR_A); /* one probe at a time */
	up_nothing(0);
	say(&q, DNS_NOERROR);
	up_send(0, &q);
	must_tell(c);
	client_ask("e.else.test", RR_A);
	up_must(0, &q);
	say(&q, DNS_NOERROR);
	up_send(0, &q);
}

/* Slow is not dead: a try that was overtaken is still heard. */
static void test_slow(void **state)
{
	struct asked_query q, second;
	unsigned c = client_ask("a.else.test", RR_A);

	up_must(0, &q);
	pass(450);
	up_must(0, &second);
	assert_true(q.from.sin_port != second.from.sin_port);
	assert_memory_not_equal(q.p, second.p, q.len);
	say(&q, DNS_NOERROR);
	a_rr("a.else.test", "192.0.2.1");
	up_send(0, &q);
	must_tell_one(c, "a.else.test. A 60 192.0.2.1");
}

static void test_silence(void **state)
{
	struct asked_query q;
	unsigned c, n = 0;

	rig_servers(3, true);
	c = client_ask("a.else.test", RR_A);
	pass(FORWARD_BUDGET_MS - 10);
	assert_int_equal(n_told, 0);
	pass(50);
	must_tell_code(c, DNS_SERVFAIL, 22);
	for (int i = 0; i < 3; i++)
		while (up_asked(i, &q))
			n++;
	assert_int_equal(n, 5);
	assert_int_equal(counted(DNS_forward_failures_total), 1);
	assert_int_equal(counted(DNS_forward_pending), 0);
	/* Not asked again for a moment, each time for longer; another name is. */
	must_tell_code(client_ask("a.else.test", RR_A), DNS_SERVFAIL, 13);
	client_ask("b.else.test", RR_A);
	up_must(0, &q);
	pass(FORWARD_FAILED_MS);
	c = client_ask("a.else.test", RR_A);
	up_must(0, &q);
	pass(FORWARD_BUDGET_MS + 40);
	must_tell_code(c, DNS_SERVFAIL, 22);
	pass(FORWARD_FAILED_MS + 100);
	must_tell_code(client_ask("a.else.test", RR_A), DNS_SERVFAIL, 13);
	pass(FORWARD_FAILED_MS);
	c = client_ask("a.else.test", RR_A);
	while (up_asked(0, &q))
		;
	say(&q, DNS_NOERROR);
	a_rr("a.else.test", "192.0.2.1");
	up_send(0, &q);
	must_tell_one(c, "a.else.test. A 60 192.0.2.1");
	/* After an answer, a failure is the first one again. */
	c = client_ask("a.else.test", RR_A);
	pass(FORWARD_BUDGET_MS + 40);
	must_tell_code(c, DNS_SERVFAIL, 22);
	while (up_asked(0, &q))
		;
	pass(FORWARD_FAILED_MS + 40);
	client_ask("a.else.test", RR_A);
	up_must(0, &q);
}

static void test_servfail(void **state)
{
	struct asked_query q;
	unsigned c;

	rig_servers(3, true);
	c = client_ask("a.else.test", RR_A);
	up_must(0, &q);
	say(&q, DNS_SERVFAIL);
	up_send(0, &q);
	up_must(1, &q); /* at once */
	say(&q, DNS_REFUSED);
	up_send(1, &q);
	up_must(2, &q);
	say(&q, DNS_NOERROR);
	a_rr("a.else.test", "192.0.2.1");
	up_send(2, &q);
	must_tell_one(c, "a.else.test. A 60 192.0.2.1");

	rig_servers(2, true);
	c = client_ask("b.else.test", RR_A);
	for (int i = 0; i < 2; i++) {
		up_must(i, &q);
		say(&q, DNS_REFUSED);
		up_send(i, &q);
	}
	must_tell_code(c, DNS_REFUSED, 0);
	must_tell_code(client_ask("b.else.test", RR_A), DNS_REFUSED, 13);
	/* A referral is of no use to a client. */
	c = client_ask("c.else.test", RR_A);
	up_must(0, &q);
	say(&q, DNS_NOERROR);
	rr(DNS_AUTHORITIES, "test", RR_NS, 60, "ns.test.");
	up_send(0, &q);
	up_must(1, &q);
	say(&q, DNS_NXDOMAIN);
	up_send(1, &q);
	must_tell(c);
	assert_int_equal(got.wire[3] & 15, DNS_NXDOMAIN);
	/* One that said it cannot is not asked again. */
	c = client_ask("d.else.test", RR_A);
	up_must(1, &q);
	say(&q, DNS_SERVFAIL);
	up_send(1, &q);
	pass(FORWARD_BUDGET_MS + 40);
	up_nothing(1);
	must_tell_code(c, DNS_SERVFAIL, 22);
}

/*
 * A code of more than four bits is between the server and us (RFC 6891 section 6.1.3). Its lower bits are another code: who speaks no EDNS would
 * read BADVERS as "no such records".
 */
static void test_extended_rcode(void **state)
{
	uint8_t query[512], wire[DNAME_MAX];
	struct asked_query q;
	size_t len;

	naive_name("a.else.test", NULL, wire);
	len = rig_query(query, wire, RR_A, DNS_RD);
	query[0] = 0;
	query[1] = 1;
	client_query(1, query, len, false);
	up_must(0, &q);
	say(&q, DNS_NOERROR);
	said.len = rig_opt(said.p, said.len, 1232, 0, NULL, 0);
	said.p[said.len - 6] = DNS_BADVERS >> 4;
	up_send(0, &q);
	must_tell_code(1, DNS_SERVFAIL, -1);
}

/* Equal questions are asked once; those that differ in what counts are not equal. */
static void test_merge(void **state)
{
	struct asked_query q;
	unsigned first = 0;

	for (int i = 0; i < 100; i++) {
		unsigned c = client_ask(i % 2 ? "A.else.TEST" : "a.else.test", RR_A);

		first = first ? first : c;
	}
	up_must(0, &q);
	up_nothing(0);
	assert_int_equal(counted(DNS_forward_merged_total), 99);
	assert_int_equal(counted(DNS_forward_pending), 1);
	client_ask("a.else.test", RR_AAAA);
	say(&q, DNS_NOERROR);
	a_rr("a.else.test", "192.0.2.1");
	up_send(0, &q);
	for (unsigned i = 0; i < 100; i++)
		must_tell_one(first + i, i % 2 ? "A.else.TEST. A 60 192.0.2.1"
					       : "a.else.test. A 60 192.0.2.1");
	up_must(0, &q);
	assert_int_equal(counted(DNS_forward_pending), 1);
}

static void test_flags(void **state)
{
	static const uint8_t cookie[12] = {0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8};
	static const uint8_t subnet[12] = {0, 8, 0, 8, 0, 1, 32, 0, 192, 0, 2, 1};
	uint8_t query[512], wire[DNAME_MAX];
	struct asked_query q, r;
	size_t len, end;

	naive_name("a.else.test", NULL, wire);
	len = end = rig_query(query, wire, RR_A, DNS_RD);
	query[0] = 0;
	query[1] = 1;
	len = rig_opt(query, len, 4096, EDNS_DO, cookie, sizeof(cookie));
	client_query(1, query, len, false);
	query[3] |= DNS_CD;
	query[1] = 2;
	query[11] = 0;
	len = rig_opt(query, end, 4096, 0, subnet, sizeof(subnet));
	client_query(2, query, len, false);
	query[1] = 3;
	query[2] |= DNS_AA;
	query[3] = DNS_AD;
	query[11] = 0;
	client_query(3, query, end, false);
	/* DO and CD go on; AD, cookie and the client's subnet do not. */
	up_must(0, &q);
	assert_memory_equal(q.p + q.len - 11, "\0\0\51\4\320\0\0\200\0\0\0", 11);
	assert_int_equal(q.p[3], 0);
	up_must(0, &r);
	assert_memory_equal(r.p + r.len - 11, "\0\0\51\4\320\0\0\0\0\0\0", 11);
	assert_int_equal(r.p[3], DNS_CD);
	up_must(0, &r);
	assert_memory_equal(r.p + r.len - 11, "\0\0\51\4\320\0\0\0\0\0\0", 11);
	assert_int_equal(r.p[3], 0);
	say(&r, DNS_NOERROR);
	a_rr("a.else.test", "192.0.2.1");
	up_send(0, &r);
	must_tell_one(3, "a.else.test. A 60 192.0.2.1");
	assert_false(knot_pkt_has_edns(got.pkt));
	assert_int_equal(got.wire[2],
			 DNS_QR | DNS_RD); /* what a client says of authority is not ours */
	say(&q, DNS_NOERROR);
	a_rr("a.else.test", "192.0.2.1");
	up_send(0, &q);
	must_tell_one(1, "a.else.test. A 60 192.0.2.1");
	assert_true(knot_pkt_has_dnssec(got.pkt));
	assert_int_equal(n_told, 2);
}

/* Without RD nothing is asked. */
static void test_no_recursion(void **state)
{
	uint8_t query[512], wire[DNAME_MAX];

	naive_name("a.else.test", NULL, wire);
	client_query(1, query, rig_query(query, wire, RR_A, 0), false);
	up_nothing(0);
	assert_int_equal(told[0].wire[3] & 15, DNS_REFUSED);
}

/* Nobody listens: told by ICMP, not waited for. */
static void test_refused_port(void **state)
{
	struct asked_query q;
	unsigned c;

	rig_servers(2, true);
	close(ups[0].udp);
	c = client_ask("a.else.test", RR_A);
	run();
	up_must(1, &q);
	say(&q, DNS_NOERROR);
	a_rr("a.else.test", "192.0.2.1");
	up_send(1, &q);
	must_tell_one(c, "a.else.test. A 60 192.0.2.1");
	ups[0].udp = -1;
}

/* A server that goes and comes back within a question's time. */
static void test_restarted(void **state)
{
	const struct sockaddr_in at = ups[0].at;
	struct asked_query q;
	unsigned c;

	close(ups[0].udp);
	c = client_ask("a.else.test", RR_A);
	pass(500);
	ups[0].udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(ups[0].udp, (const struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(n_told, 0);
	pass(410);
	up_must(0, &q);
	say(&q, DNS_NOERROR);
	a_rr("a.else.test", "192.0.2.1");
	up_send(0, &q);
	must_tell_one(c, "a.else.test. A 60 192.0.2.1");
}

static void test_too_many(void **state)
{
	rig_servers(1, false);
	for (unsigned i = 0; i < FORWARD_ASKS_MAX + 3; i++) {
		char name[40];

		snprintf(name, sizeof(name), "n%u.else.test", i);
		client_ask(name, RR_A);
	}
	assert_int_equal(counted(DNS_forward_pending), FORWARD_ASKS_MAX);
	assert_int_equal(counted(DNS_dropped_busy_total), 3);
	assert_int_equal(n_owed, FORWARD_ASKS_MAX);
	assert_int_equal(n_told, 0);
}

/* Of a query that is padded to the utmost no more than the question is kept. */
static void test_padded(void **state)
{
	static const uint8_t padding[60000] = {0, 12, (sizeof(padding) - 4) >> 8,
					       (sizeof(padding) - 4) & 255};
	static uint8_t query[DNS_MESSAGE_MAX];
	uint8_t wire[DNAME_MAX];
	struct asked_query q;
	size_t len;

	naive_name("a.else.test", NULL, wire);
	len = rig_query(query, wire, RR_A, DNS_RD);
	query[0] = 0;
	query[1] = 1;
	len = rig_opt(query, len, 1232, 0, padding, sizeof(padding));
	client_query(1, query, len, true);
	assert_int_equal(n_owed, 1);
	assert_true(kept_octets < 100);
	up_must(0, &q);
	say(&q, DNS_NOERROR);
	a_rr("a.else.test", "192.0.2.1");
	up_send(0, &q);
	must_tell_one(1, "a.else.test. A 60 192.0.2.1");
}

static void ask_n(unsigned i)
{
	char name[40];

	snprintf(name, sizeof(name), "n%u.else.test", i);
	client_ask(name, RR_A);
}

/* One network does not take all of the daemon's sockets. */
static void test_share(void **state)
{
	w.forwards->askers_max = 8;
	for (unsigned i = 0; i < 10; i++)
		ask_n(i);
	assert_int_equal(counted(DNS_forward_pending), FORWARD_SHARE(8));
	assert_int_equal(counted(DNS_dropped_busy_total), 10 - FORWARD_SHARE(8));
	assert_int_equal(served.n_asked, FORWARD_SHARE(8));
	pass(FORWARD_BUDGET_MS + 40);
	assert_int_equal(n_told, FORWARD_SHARE(8));
	assert_int_equal(served.n_asked, 0);
	ask_n(20);
	assert_int_equal(counted(DNS_forward_pending), 1);
}

/* What the daemon tried in vain gives way to a question that has no socket yet. */
static void test_overtaken(void **state)
{
	struct asked_query q;

	w.forwards->askers_max = 3;
	ask_n(0);
	pass(900);
	for (int i = 0; i < 3; i++)
		up_must(0, &q);
	assert_int_equal(w.forwards->daemon.n_used, 3);
	ask_n(1);
	up_must(0, &q);
	ask_n(2);
	up_must(0, &q);
	up_nothing(0);
	assert_int_equal(w.forwards->daemon.n_used, 3);
}

/* There was no place for a socket, and nobody has one who would give it back: it is tried again. */
static void test_no_place(void **state)
{
	struct asked_query q;

	w.forwards->askers_max = 1;
	w.forwards->daemon.n_used = 1;
	ask_n(0);
	w.forwards->daemon.n_used = 0;
	up_nothing(0);
	pass(FORWARD_NEXT_MS + 50);
	up_must(0, &q);
}

static void servers_of(unsigned family)
{
	uint8_t loopback[16] = {[15] = 1};

	rig_data.default_servers[0] =
		family ? (struct view_server){addr_v6(loopback), 9} : rig_server(0);
}

/* Both families share what sockets the daemon may have. */
static void test_families(void **state)
{
	struct asked_query q;

	w.forwards->askers_max = 1;
	ask_n(0);
	up_must(0, &q);
	say(&q, DNS_NXDOMAIN);
	up_send(0, &q);
	assert_int_equal(n_told, 1);
	assert_int_equal(w.forwards->daemon.sides[0][ASKER_UDP].n_idle, 1);
	/* One that is idle gives way. */
	servers_of(1);
	ask_n(1);
	assert_int_equal(counted(DNS_forwarded_total), 2);
	pass(FORWARD_BUDGET_MS + 40);
	/* One that is used is waited for. */
	servers_of(0);
	ask_n(2);
	up_must(0, &q);
	servers_of(1);
	served.n_asked--; /* as if it were of another network */
	ask_n(3);
	served.n_asked++;
	assert_int_equal(w.forwards->daemon.sides[1][ASKER_UDP].n_queue, 1);
	{
		const uint64_t before = counted(DNS_forwarded_total);

		say(&q, DNS_NXDOMAIN);
		up_send(0, &q);
		assert_int_equal(w.forwards->daemon.sides[1][ASKER_UDP].n_queue, 0);
		assert_int_equal(counted(DNS_forwarded_total), before + 1);
	}
	assert_true(w.forwards->daemon.n_used <= 1);
	/* One that was tried in vain gives way, too. */
	pass(FORWARD_BUDGET_MS + 40);
	w.forwards->askers_max = 2;
	servers_of(0);
	ask_n(4);
	pass(450);
	assert_int_equal(w.forwards->daemon.n_used, 2);
	assert_true(list_is_empty(&w.forwards->daemon.sides[1][ASKER_UDP].used));
	servers_of(1);
	ask_n(5);
	assert_false(list_is_empty(&w.forwards->daemon.sides[1][ASKER_UDP].used) &&
		     w.forwards->daemon.sides[1][ASKER_UDP].n_idle == 0);
	assert_int_equal(w.forwards->daemon.sides[1][ASKER_UDP].n_queue, 0);
}

/* The worker ends while questions are under way, by UDP, by TCP, and in a queue. */
static void test_done(void **state)
{
	struct asked_query q;

	client_ask("a.else.test", RR_A);
	client_ask("b.else.test", RR_A);
	client_ask("b.else.test", RR_A);
	client_ask("out.priv.test", RR_A);
	client_ask("x.fwd.test", RR_A); /* there is no socket of the network */
	up_must(0, &q);
	say(&q, DNS_NOERROR);
	said.p[2] |= DNS_TC;
	up_send(0, &q);
	assert_int_equal(n_owed, 5);
	forwards_done(&w);
	assert_int_equal(n_owed, 0);
	assert_int_equal(n_told, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_plain),		T(test_random),	   T(test_negative), T(test_next_server),
		T(test_slow),		T(test_silence),   T(test_servfail), T(test_merge),
		T(test_extended_rcode), T(test_share),	   T(test_padded),   T(test_no_place),
		T(test_overtaken),	T(test_families),  T(test_flags),    T(test_no_recursion),
		T(test_refused_port),	T(test_restarted), T(test_too_many), T(test_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
