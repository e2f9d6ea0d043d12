/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a client is told: chains through servers and zones in turn, what of an answer is taken, loops, and two networks that forward to each other. */
#include "forward_rig.h"

static struct asked_query q;

static void must_be_asked(int i, const char *name)
{
	uint8_t wire[DNAME_MAX];

	up_must(i, &q);
	naive_name(name, NULL, wire);
	assert_true(dname_is_equal(q.p + DNS_HEADER_BYTES, wire));
}

/* Its answer section, line by line. */
static void must_tell_chain(unsigned c, enum dns_rcode rcode, const char *const *lines)
{
	uint16_t n = 0;

	must_tell(c);
	assert_int_equal(got.wire[3] & 15, rcode);
	for (; lines[n]; n++)
		assert_string_equal(rig_text(&got, KNOT_ANSWER, n), lines[n]);
	assert_int_equal(rig_count(&got, KNOT_ANSWER), n);
	assert_int_equal(n_owed, 0);
	for (int i = 0; i < UPS; i++)
		up_nothing(i);
}
#define CHAIN(...) ((const char *const[]){__VA_ARGS__, NULL})

/* All of it from one server, in any order, beside what does not belong to it. */
static void test_given(void **state)
{
	const unsigned c = client_ask("a.else.test", RR_A);

	must_be_asked(0, "a.else.test");
	say(&q, DNS_NOERROR);
	a_rr("c.else.test", "192.0.2.1");
	a_rr("x.else.test", "192.0.2.66");
	cname_rr("b.else.test", "C.else.test.");
	a_rr("b.else.test", "192.0.2.2"); /* beside a CNAME: one who asks for A gets it */
	cname_rr("A.else.test", "b.else.test.");
	up_send(0, &q);
	must_tell_chain(c, DNS_NOERROR,
			CHAIN("a.else.test. CNAME 60 b.else.test.", "b.else.test. A 60 192.0.2.2"));
	const unsigned d = client_ask("d.else.test", RR_A);
	must_be_asked(0, "d.else.test");
	say(&q, DNS_NOERROR);
	a_rr("f.else.test", "192.0.2.1");
	cname_rr("e.else.test", "F.else.test.");
	cname_rr("d.else.test", "e.else.test.");
	up_send(0, &q);
	must_tell_chain(d, DNS_NOERROR,
			CHAIN("d.else.test. CNAME 60 e.else.test.",
			      "e.else.test. CNAME 60 F.else.test.", "F.else.test. A 60 192.0.2.1"));
}

/* Of a name in a linked zone the zone is asked, whatever the server says of it. */
static void test_into_zone(void **state)
{
	unsigned c = client_ask("www.else.test", RR_A);

	must_be_asked(0, "www.else.test");
	say(&q, DNS_NOERROR);
	cname_rr("www.else.test", "in.priv.test.");
	a_rr("in.priv.test", "192.0.2.66");
	up_send(0, &q);
	must_tell_chain(
		c, DNS_NOERROR,
		CHAIN("www.else.test. CNAME 60 in.priv.test.", "in.priv.test. A 60 10.0.0.1"));
	assert_false(got.wire[2] & DNS_AA);
	/* There is no such name in the zone: so be it. */
	c = client_ask("w2.else.test", RR_A);
	must_be_asked(0, "w2.else.test");
	say(&q, DNS_NOERROR);
	cname_rr("w2.else.test", "nope.priv.test.");
	a_rr("nope.priv.test", "192.0.2.66");
	up_send(0, &q);
	must_tell_chain(c, DNS_NXDOMAIN, CHAIN("w2.else.test. CNAME 60 nope.priv.test."));
	assert_int_equal(rig_count(&got, KNOT_AUTHORITY), 1);
}

static void test_out_of_zone(void **state)
{
	unsigned c = client_ask("Out.priv.test", RR_A);

	must_be_asked(0, "www.else.test");
	say(&q, DNS_NOERROR);
	a_rr("www.else.test", "192.0.2.1");
	up_send(0, &q);
	must_tell_chain(
		c, DNS_NOERROR,
		CHAIN("Out.priv.test. CNAME 60 www.else.test.", "www.else.test. A 60 192.0.2.1"));
	assert_true(got.wire[2] & DNS_AA);
	/* And back into it. */
	c = client_ask("out.priv.test", RR_A);
	must_be_asked(0, "www.else.test");
	say(&q, DNS_NOERROR);
	cname_rr("www.else.test", "back.priv.test.");
	up_send(0, &q);
	must_tell_chain(c, DNS_NOERROR,
			CHAIN("out.priv.test. CNAME 60 www.else.test.",
			      "www.else.test. CNAME 60 back.priv.test.",
			      "back.priv.test. CNAME 60 in.priv.test.",
			      "in.priv.test. A 60 10.0.0.1"));
	/* And out again, by which the same server is asked once more. */
	c = client_ask("w.else.test", RR_AAAA);
	must_be_asked(0, "w.else.test");
	say(&q, DNS_NOERROR);
	cname_rr("w.else.test", "out.priv.test.");
	cname_rr("out.priv.test", "evil.test.");
	rr(DNS_ANSWERS, "www.else.test", RR_AAAA, 60, "2001:db8::66");
	up_send(0, &q);
	must_be_asked(0, "www.else.test");
	say(&q, DNS_NOERROR);
	rr(DNS_ANSWERS, "www.else.test", RR_AAAA, 60, "2001:db8::1");
	up_send(0, &q);
	must_tell_chain(c, DNS_NOERROR,
			CHAIN("w.else.test. CNAME 60 out.priv.test.",
			      "out.priv.test. CNAME 60 www.else.test.",
			      "www.else.test. AAAA 60 2001:db8::1"));
}

/* The target is for other servers. */
static void test_other_servers(void **state)
{
	unsigned c;

	(void)rig_socket(ENDPOINT_ASK_UDP, 0);
	c = client_ask("www.else.test", RR_A);
	must_be_asked(0, "www.else.test");
	say(&q, DNS_NOERROR);
	cname_rr("www.else.test", "x.fwd.test.");
	a_rr("x.fwd.test", "192.0.2.66");
	up_send(0, &q);
	assert_int_equal(n_told, 0);
	must_be_asked(3, "x.fwd.test");
	say(&q, DNS_NOERROR);
	cname_rr("x.fwd.test", "y.else.test.");
	up_send(3, &q);
	must_be_asked(0, "y.else.test");
	say(&q, DNS_NOERROR);
	a_rr("y.else.test", "192.0.2.1");
	up_send(0, &q);
	must_tell_chain(c, DNS_NOERROR,
			CHAIN("www.else.test. CNAME 60 x.fwd.test.",
			      "x.fwd.test. CNAME 60 y.else.test.", "y.else.test. A 60 192.0.2.1"));
	c = client_ask("far.priv.test", RR_A);
	must_be_asked(3, "x.fwd.test");
	say(&q, DNS_NXDOMAIN);
	soa_rr("fwd.test");
	up_send(3, &q);
	must_tell_chain(c, DNS_NXDOMAIN, CHAIN("far.priv.test. CNAME 60 x.fwd.test."));
	assert_string_equal(rig_text(&got, KNOT_AUTHORITY, 0),
			    "fwd.test. SOA 30 ns.test. me.test. 1 2 3 4 0");
}

static void test_short(void **state)
{
	unsigned c = client_ask("a.else.test", RR_A);

	must_be_asked(0, "a.else.test");
	say(&q, DNS_NOERROR);
	cname_rr("a.else.test", "b.else.test.");
	up_send(0, &q);
	must_be_asked(0, "b.else.test");
	say(&q, DNS_NOERROR);
	up_send(0, &q);
	must_tell_chain(c, DNS_NOERROR, CHAIN("a.else.test. CNAME 60 b.else.test."));
	/* With a SOA it is an answer, not one that stops short. */
	c = client_ask("c.else.test", RR_A);
	must_be_asked(0, "c.else.test");
	say(&q, DNS_NOERROR);
	cname_rr("c.else.test", "d.else.test.");
	soa_rr("else.test");
	up_send(0, &q);
	must_tell_chain(c, DNS_NOERROR, CHAIN("c.else.test. CNAME 60 d.else.test."));
	assert_int_equal(rig_count(&got, KNOT_AUTHORITY), 1);
	/* The code is of the last name. */
	c = client_ask("e.else.test", RR_A);
	must_be_asked(0, "e.else.test");
	say(&q, DNS_NXDOMAIN);
	cname_rr("e.else.test", "f.else.test.");
	up_send(0, &q);
	must_tell_chain(c, DNS_NXDOMAIN, CHAIN("e.else.test. CNAME 60 f.else.test."));
	/* No answer for the rest: none for the whole. */
	c = client_ask("out.priv.test", RR_A);
	pass(FORWARD_BUDGET_MS + 40);
	must_tell_code(c, DNS_SERVFAIL, 22);
}

static void test_loop(void **state)
{
	const unsigned c = client_ask("a.else.test", RR_A);
	unsigned d, n = 0;

	must_be_asked(0, "a.else.test");
	say(&q, DNS_NOERROR);
	cname_rr("a.else.test", "b.else.test.");
	cname_rr("b.else.test", "A.else.test.");
	up_send(0, &q);
	must_tell_chain(
		c, DNS_NOERROR,
		CHAIN("a.else.test. CNAME 60 b.else.test.", "b.else.test. CNAME 60 A.else.test."));
	/* One step with each question: it ends after so many. */
	d = client_ask("c0.else.test", RR_A);
	for (; up_asked(0, &q); n++) {
		char owner[20], target[20];

		snprintf(owner, sizeof(owner), "c%u.else.test", n);
		snprintf(target, sizeof(target), "c%u.else.test.", n + 1);
		say(&q, DNS_NOERROR);
		cname_rr(owner, target);
		up_send(0, &q);
	}
	assert_int_equal(n, DNS_STEPS_MAX);
	must_tell(d);
	assert_int_equal(rig_count(&got, KNOT_ANSWER), DNS_STEPS_MAX);
}

/* Each step has its time; when the chain's is over, nothing more is asked. */
static void test_late(void **state)
{
	const unsigned c = client_ask("c0.else.test", RR_A);

	for (unsigned i = 0; i < 2; i++) {
		char owner[20], target[20];

		snprintf(owner, sizeof(owner), "c%u.else.test", i);
		snprintf(target, sizeof(target), "c%u.else.test.", i + 1);
		assert_int_equal(n_told, 0);
		must_be_asked(0, owner);
		pass(FORWARD_BUDGET_MS * 3 / 4);
		while (up_asked(0, &q)) /* the last one is open for certain */
			;
		say(&q, DNS_NOERROR);
		cname_rr(owner, target);
		up_send(0, &q);
	}
	up_nothing(0);
	must_tell_code(c, DNS_SERVFAIL, 22);
}

static void test_long(void **state)
{
	const unsigned c = client_ask("c0.else.test", RR_A);

	must_be_asked(0, "c0.else.test");
	say(&q, DNS_NOERROR);
	for (unsigned i = 0; i < 12; i++) {
		char owner[20], target[20];

		snprintf(owner, sizeof(owner), "c%u.else.test", i);
		snprintf(target, sizeof(target), "c%u.else.test.", i + 1);
		cname_rr(owner, target);
	}
	a_rr("c12.else.test", "192.0.2.1");
	up_send(0, &q);
	must_tell(c);
	assert_int_equal(rig_count(&got, KNOT_ANSWER), DNS_STEPS_MAX);
	up_nothing(0);
}

/* Those who wait for one question have chains of their own. */
static void test_merged(void **state)
{
	const unsigned a = client_ask("www.else.test", RR_A), b = client_ask("out.priv.test", RR_A);

	must_be_asked(0, "www.else.test");
	up_nothing(0);
	say(&q, DNS_NOERROR);
	cname_rr("www.else.test", "in.priv.test.");
	up_send(0, &q);
	must_tell_chain(
		a, DNS_NOERROR,
		CHAIN("www.else.test. CNAME 60 in.priv.test.", "in.priv.test. A 60 10.0.0.1"));
	must_tell_chain(b, DNS_NOERROR,
			CHAIN("out.priv.test. CNAME 60 www.else.test.",
			      "www.else.test. CNAME 60 in.priv.test.",
			      "in.priv.test. A 60 10.0.0.1"));
}

/* Names in data come without compression, other data as it is; a TTL with its top bit is 0. */
static void test_data(void **state)
{
	static const uint8_t records[] = "\300\14\0\17\0\1\377\0\0\1\0\11\0\12\4mail\300\14"
					 "\300\14\0\17\0\1\0\0\0\5\0\4\0\24\300\53";
	unsigned c = client_ask("else.test", RR_MX);

	must_be_asked(0, "else.test");
	say(&q, DNS_NOERROR);
	assert_int_equal(said.len, 27);
	memcpy(said.p + said.len, records, sizeof(records) - 1);
	said.p[said.len + sizeof(records) - 2] = 41; /* "mail" */
	said.len += sizeof(records) - 1;
	said.p[7] = 2;
	up_send(0, &q);
	must_tell(c);
	assert_string_equal(rig_text(&got, KNOT_ANSWER, 0), "else.test. MX 0 10 mail.else.test.");
	assert_string_equal(rig_text(&got, KNOT_ANSWER, 1), "else.test. MX 5 20 mail.else.test.");
	c = client_ask("b.test", 65280);
	must_be_asked(0, "b.test");
	say(&q, DNS_NOERROR);
	memcpy(said.p + said.len, "\300\14\377\0\0\1\0\0\0\5\0\4\300\14\300\14", 16);
	said.len += 16;
	said.p[7] = 1;
	up_send(0, &q);
	must_tell(c);
	assert_int_equal(rig_count(&got, KNOT_ANSWER), 1);
	assert_memory_equal(rig_rr(&got, KNOT_ANSWER, 0)->rrs.rdata->data, "\300\14\300\14", 4);
}

/* --- two networks that forward to each other -------------------------------------------------------------------- */

static struct served others[2] = {{.router = 21, .refs = 1}, {.router = 22, .refs = 1}};
static struct dns_socket resolvers[2];
static unsigned n_queries;

/* A query to one of the two resolvers. */
static void resolver_ready(struct dns_worker *worker, struct source *s, uint32_t events)
{
	const int i = s == &resolvers[0].source ? 0 : 1;
	struct from from = {.socket = &resolvers[i], .peer_len = sizeof(from.peer)};
	struct dns_client client = {.addr = addr_v4(INADDR_LOOPBACK), .takes = DNS_TAKES_FORWARD};
	uint8_t query[1500], out[DNS_UDP_MAX];
	const ssize_t len = recvfrom(s->fd, query, sizeof(query), MSG_DONTWAIT,
				     (struct sockaddr *)&from.peer, &from.peer_len);
	size_t n;

	if (len < 0)
		return;
	n_queries++;
	dns_worker_data(worker);
	n = dns_answer(&others[i].view, query, (size_t)len, &client, out, sizeof(out));
	assert_int_equal(client.outcome, DNS_FORWARD);
	forward_take(worker, &others[i], &from, &client, query, (size_t)len, out, n);
}

static void test_each_other(void **state)
{
	const struct sockaddr_in any = {.sin_family = AF_INET,
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct view_config v[2] = {{.router = 21, .n_servers = 2}, {.router = 22, .n_servers = 2}};
	uint8_t query[100], wire[DNAME_MAX];
	int client = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool changed;
	unsigned before;

	assert_int_equal(bind(client, (const struct sockaddr *)&any, sizeof(any)), 0);
	rig_begin();
	for (int i = 0; i < 2; i++) {
		struct sockaddr_in sa = any;
		socklen_t len = sizeof(sa);
		const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

		/* By two addresses, so that a failure of the one leads to the other. */
		sa.sin_addr.s_addr = htonl(INADDR_ANY);
		assert_int_equal(bind(fd, (const struct sockaddr *)&sa, sizeof(sa)), 0);
		assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
		resolvers[i].source.fd = fd;
		resolvers[i].source.ready = resolver_ready;
		assert_int_equal(dns_worker_watch(&w, &resolvers[i].source, EPOLLIN), 0);
		for (uint32_t k = 0; k < 2; k++)
			v[1 - i].servers[k] = (struct view_server){addr_v4(INADDR_LOOPBACK + k),
								   ntohs(sa.sin_port)};
	}
	for (int i = 0; i < 2; i++) {
		assert_int_equal(tables_put_view(rig_tables, &v[i], &changed, NULL), 0);
		dns_view_init(&others[i].view, &rig_data, v[i].router);
		for (uint32_t slot = 0; slot < 8; slot++) {
			const struct msg_endpoint at = {.network = v[i].router,
							.kind = ENDPOINT_ASK_UDP,
							.slot = slot,
							.addr = addr_v4(INADDR_ANY)};

			forward_socket(
				&w, &at,
				socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
		}
	}
	rig_commit();
	naive_name("round.test", NULL, wire);
	{
		struct sockaddr_in to = any;

		to.sin_port = htons(v[1].servers[0].port);
		assert_true(sendto(client, query, rig_query(query, wire, RR_A, DNS_RD), 0,
				   (const struct sockaddr *)&to, sizeof(to)) > 0);
	}
	n_queries = 0;
	run();
	pass(10000);
	before = n_queries;
	assert_in_range(before, 2, 40);
	assert_int_equal(recv(client, query, sizeof(query), MSG_DONTWAIT), 12 + 12 + 4);
	assert_int_equal(query[3] & 15, DNS_SERVFAIL);
	pass(60000);
	assert_int_equal(n_queries, before); /* it is quiet */
	assert_int_equal(n_owed, 0);
	for (int i = 0; i < 2; i++) {
		close(resolvers[i].source.fd);
		dns_view_done(&others[i].view);
	}
	close(client);
}

/* What was written before is kept while others are asked: of all who wait, within a limit. */
static void test_memory(void **state)
{
	unsigned c = client_ask("out.priv.test", RR_A);

	must_be_asked(0, "www.else.test");
	assert_true(w.forwards->partial > 0);
	say(&q, DNS_NOERROR);
	a_rr("www.else.test", "192.0.2.1");
	up_send(0, &q);
	must_tell(c);
	assert_int_equal(w.forwards->partial, 0);
	w.forwards->partial = FORWARD_PARTIAL_MAX;
	must_tell_code(client_ask("out.priv.test", RR_A), DNS_SERVFAIL, 22);
	c = client_ask("a.else.test", RR_A);
	must_be_asked(0, "a.else.test");
	say(&q, DNS_NOERROR);
	cname_rr("a.else.test", "x.fwd.test.");
	up_send(0, &q);
	must_tell_code(c, DNS_SERVFAIL, 22);
	assert_int_equal(w.forwards->partial, FORWARD_PARTIAL_MAX);
	w.forwards->partial = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_given),	T(test_into_zone), T(test_out_of_zone), T(test_other_servers),
		T(test_short),	T(test_loop),	   T(test_late),	T(test_long),
		T(test_merged), T(test_data),	   T(test_each_other),	T(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
