/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One question to one server: what is believed, and what is not; truncation and TCP; malformed answers. */
#include "forward_rig.h"

static struct asked_query q;

static void good(void)
{
	say(&q, DNS_NOERROR);
	a_rr("www.else.test", "192.0.2.1");
}

static unsigned ask(void)
{
	const unsigned c = client_ask("www.else.test", RR_A);

	up_must(0, &q);
	good();
	return c;
}

static void must_accept(unsigned c)
{
	assert_int_equal(n_told, 0);
	good();
	up_send(0, &q);
	must_tell_one(c, "www.else.test. A 60 192.0.2.1");
}

static void test_wrong_id(void **state)
{
	const unsigned c = ask();

	said.p[1] ^= 1;
	up_send(0, &q);
	said.p[0] ^= 128;
	up_send(0, &q);
	assert_int_equal(counted(DNS_forward_rejected_total), 2);
	must_accept(c);
	up_nothing(0);
}

/* The right answer, from another port, and from another address. */
static void test_wrong_source(void **state)
{
	const struct sockaddr_in other = {.sin_family = AF_INET,
					  .sin_port = ups[0].at.sin_port,
					  .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1)};
	const unsigned c = ask();
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	send_from(ups[1].udp, &q);
	assert_int_equal(bind(fd, (const struct sockaddr *)&other, sizeof(other)), 0);
	send_from(fd, &q);
	close(fd);
	must_accept(c);
}

static void test_wrong_question(void **state)
{
	const unsigned c = ask();
	const size_t end = DNS_HEADER_BYTES + question_len(&q);

	said.p[DNS_HEADER_BYTES + 1] = 'x'; /* another name */
	up_send(0, &q);
	good();
	said.p[end - 3] = RR_AAAA;
	up_send(0, &q);
	good();
	said.p[end - 1] = 3; /* class */
	up_send(0, &q);
	good();
	said.p[2] &= (uint8_t)~DNS_QR;
	up_send(0, &q);
	good();
	said.p[2] |= 4 << 3; /* opcode */
	up_send(0, &q);
	good();
	said.p[5] = 0;
	up_send(0, &q);
	assert_int_equal(counted(DNS_forward_rejected_total), 6);
	must_accept(c);
}

/* Once more without capitals, to the same server; the first one's case is of no use any more. */
static void test_case(void **state)
{
	struct asked_query plain;
	unsigned c;

	rig_servers(2, true);
	c = ask();
	for (size_t i = DNS_HEADER_BYTES; i < DNS_HEADER_BYTES + question_len(&q) - 4; i++)
		if (said.p[i] >= 64)
			said.p[i] ^= 0x20;
	up_send(0, &q);
	assert_int_equal(n_told, 0);
	assert_int_equal(counted(DNS_forward_rejected_total), 1);
	up_must(0, &plain);
	up_nothing(1);
	assert_memory_equal(plain.p + DNS_HEADER_BYTES, "\3www\4else\4test", 15);
	assert_true(plain.from.sin_port != q.from.sin_port);
	q = plain;
	must_accept(c);
}

/* So many guesses: what TCP says is believed. */
static void test_guessed(void **state)
{
	struct asked_query tcp;
	const unsigned c = ask();

	for (int i = 0; i < FORWARD_STRANGE_MAX; i++) {
		good();
		said.p[0] ^= (uint8_t)(i + 1);
		up_send(0, &q);
	}
	good();
	send_from(ups[0].udp, &q); /* too late: nobody listens there */
	assert_int_equal(n_told, 0);
	up_must_tcp(0, &tcp);
	assert_int_equal(counted(DNS_forward_tcp_total), 1);
	q = tcp;
	must_accept(c);
}

/* --- TCP -------------------------------------------------------------------------------------------------------- */

static unsigned ask_truncated(void)
{
	const unsigned c = ask();

	said.p[2] |= DNS_TC;
	up_send(0, &q);
	assert_int_equal(n_told, 0);
	up_must_tcp(0, &q);
	return c;
}

static void test_truncated(void **state)
{
	uint8_t query[512], wire[DNAME_MAX];
	unsigned c = ask_truncated();

	must_accept(c);
	/* A client by UDP is told of a big one that it is too big; one by TCP gets it all. */
	naive_name("big.else.test", NULL, wire);
	c = client_ask("big.else.test", RR_TXT);
	client_query(999, query, rig_query(query, wire, RR_TXT, DNS_RD), true);
	up_must(0, &q);
	say(&q, DNS_NOERROR);
	said.p[2] |= DNS_TC;
	up_send(0, &q);
	up_must_tcp(0, &q);
	say(&q, DNS_NOERROR);
	for (int i = 0; i < 200; i++) {
		char text[120];

		snprintf(text, sizeof(text), "\"%0100d\"", i);
		rr(DNS_ANSWERS, "big.else.test", RR_TXT, 60, text);
	}
	up_send(0, &q);
	must_tell(c);
	assert_true(got.wire[2] & DNS_TC);
	assert_int_equal(rig_count(&got, KNOT_ANSWER), 0);
	for (unsigned i = 0; i < n_told; i++) {
		if (told[i].client != 999)
			continue;
		assert_false(told[i].wire[2] & DNS_TC);
		assert_int_equal(told[i].wire[7], 200);
		assert_true(told[i].len > 200 * 101);
		return;
	}
	fail_msg("the client by TCP was told nothing");
}

static void test_dribble(void **state)
{
	const unsigned c = ask_truncated();
	const int fd = ups[0].conn;

	good();
	octets_send(fd, (const uint8_t[]){0}, 1);
	octets_send(fd, (const uint8_t[]){(uint8_t)said.len}, 1);
	for (size_t i = 0; i < said.len; i++) {
		assert_int_equal(n_told, 0);
		octets_send(fd, said.p + i, 1);
	}
	run();
	must_tell_one(c, "www.else.test. A 60 192.0.2.1");
}

/* It ends, or breaks, or lies about its length: the next server is asked. */
static void test_tcp_bad(void **state)
{
	for (int how = 0; how < 5; how++) {
		struct asked_query next;
		unsigned c;
		int fd;

		rig_servers(2, true);
		memset(w.forwards->orders, 0, sizeof(w.forwards->orders));
		n_told = 0;
		c = ask_truncated();
		fd = ups[0].conn;
		good();
		switch (how) {
		case 0:
			close(fd);
			ups[0].conn = -1;
			break;
		case 1: { /* reset */
			const struct linger l = {.l_onoff = 1};

			assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l)), 0);
			close(fd);
			ups[0].conn = -1;
			break;
		}
		case 2:
			octets_send(fd, "\0\5hello", 7);
			break;
		case 3: /* half of it */
			octets_send(fd, (const uint8_t[]){0, (uint8_t)said.len}, 2);
			octets_send(fd, said.p, said.len / 2);
			assert_int_equal(shutdown(fd, SHUT_WR), 0);
			break;
		default: /* of another question */
			said.p[1] ^= 1;
			up_send(0, &q);
		}
		run();
		up_must(1, &next);
		q = next;
		assert_int_equal(n_told, 0);
		good();
		up_send(1, &q);
		must_tell_one(c, "www.else.test. A 60 192.0.2.1");
		if (ups[0].conn >= 0)
			close(ups[0].conn);
		ups[0].conn = -1;
		assert_int_equal(w.forwards->n_tcp, 0);
	}
}

/* Nobody listens for TCP. */
static void test_tcp_refused(void **state)
{
	struct asked_query next;
	unsigned c;

	rig_servers(2, true);
	close(ups[0].tcp);
	ups[0].tcp = -1;
	c = ask();
	said.p[2] |= DNS_TC;
	up_send(0, &q);
	run();
	up_must(1, &next);
	q = next;
	good();
	up_send(1, &q);
	must_tell_one(c, "www.else.test. A 60 192.0.2.1");
}

static void test_tcp_silent(void **state)
{
	const unsigned c = ask_truncated();

	pass(FORWARD_BUDGET_MS + 40);
	must_tell_code(c, DNS_SERVFAIL, 22);
	assert_int_equal(w.forwards->n_tcp, 0);
}

static void test_tcp_truncated(void **state)
{
	const unsigned c = ask_truncated();

	good();
	said.p[2] |= DNS_TC;
	up_send(0, &q);
	must_tell_code(c, DNS_SERVFAIL, 0);
	assert_int_equal(counted(DNS_forward_malformed_total), 1);
}

/* --- malformed -------------------------------------------------------------------------------------------------- */

static void test_no_edns(void **state)
{
	const unsigned c = ask();
	struct asked_query plain;

	say(&q, DNS_FORMERR);
	up_send(0, &q);
	up_must(0, &plain);
	assert_int_equal(plain.p[11], 0);
	assert_int_equal(plain.len, q.len - 11);
	q = plain;
	must_accept(c);
}

/* Who wants signatures is not told what came without EDNS: there could be none. */
static void test_no_edns_signed(void **state)
{
	uint8_t query[512], wire[DNAME_MAX];
	size_t len;

	naive_name("www.else.test", NULL, wire);
	len = rig_query(query, wire, RR_A, DNS_RD);
	len = rig_opt(query, len, 1232, EDNS_DO, NULL, 0);
	query[0] = 0;
	query[1] = 1;
	client_query(1, query, len, false);
	up_must(0, &q);
	say(&q, DNS_FORMERR);
	up_send(0, &q);
	up_nothing(0);
	must_tell_code(1, DNS_FORMERR, 0);
}

static void test_malformed(void **state)
{
	struct asked_query next;
	unsigned c;

	rig_servers(2, true);
	c = ask();
	said.len--;
	up_send(0, &q);
	assert_int_equal(counted(DNS_forward_malformed_total), 1);
	up_must(1, &next);
	q = next;
	good();
	up_send(1, &q);
	must_tell_one(c, "www.else.test. A 60 192.0.2.1");
}

/* Questions of which each is answered once, with whatever `spoil` makes of a good answer. */
static void spoiled(unsigned rounds, void (*spoil)(unsigned round))
{
	for (unsigned i = 0; i < rounds; i++) {
		char name[40];
		unsigned c;

		snprintf(name, sizeof(name), "n%u.else.test", i);
		c = client_ask(name, RR_A);
		up_must(0, &q);
		say(&q, DNS_NOERROR);
		cname_rr(name, "b.else.test.");
		a_rr("b.else.test", "192.0.2.1");
		rr(DNS_AUTHORITIES, "else.test", RR_NS, 60, "ns.else.test.");
		soa_rr("else.test");
		rr(DNS_ADDITIONALS, "ns.else.test", RR_A, 60, "192.0.2.9");
		spoil(i);
		up_send(0, &q);
		if (n_told == 0)
			pass(FORWARD_BUDGET_MS + 40);
		run();
		while (n_told == 0) /* a chain that stops short is asked on, once */
			pass(FORWARD_BUDGET_MS + 40);
		must_tell(c);
		n_told = 0;
		while (up_asked(0, &q))
			;
		assert_int_equal(n_owed, 0);
		assert_int_equal(counted(DNS_forward_pending), 0);
	}
}

static void prefix(unsigned round)
{
	if (round < said.len)
		said.len = round;
}

static void test_prefixes(void **state)
{
	spoiled(250, prefix);
}

static void mutate(unsigned round)
{
	for (size_t n = 1 + below(4); n > 0; n--)
		said.p[2 + below(said.len - 2)] = (uint8_t)rnd();
	if (below(8) == 0)
		said.len += below(30);
}

static void test_mutations(void **state)
{
	rng = 20261126;
	spoiled(3000, mutate);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_wrong_id),	T(test_wrong_source),  T(test_wrong_question),
		T(test_case),		T(test_guessed),       T(test_truncated),
		T(test_dribble),	T(test_tcp_bad),       T(test_tcp_refused),
		T(test_tcp_silent),	T(test_tcp_truncated), T(test_no_edns),
		T(test_no_edns_signed), T(test_malformed),     T(test_prefixes),
		T(test_mutations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
