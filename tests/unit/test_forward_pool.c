/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The sockets of a network: shared by all its questions, one at a time; waited for, taken away, replaced. */
#include "forward_rig.h"

static struct asked_query q;

static int setup(void **state)
{
	if (forward_setup(state) < 0)
		return -1;
	rig_servers(1, false);
	return 0;
}

#undef T
#define T(f) cmocka_unit_test_setup_teardown(f, setup, forward_teardown)

static unsigned ask(unsigned i)
{
	char name[40];

	snprintf(name, sizeof(name), "n%u.else.test", i);
	return client_ask(name, RR_A);
}

/* The answer to whatever was asked. */
static void answer(int i)
{
	char name[DNAME_TEXT_MAX];

	say(&q, DNS_NOERROR);
	a_rr(dname_format(q.p + DNS_HEADER_BYTES, name), "192.0.2.1");
	up_send(i, &q);
}

static unsigned asked_all(int i)
{
	unsigned n = 0;

	while (up_asked(i, &q))
		n++;
	return n;
}

static void test_waits(void **state)
{
	const unsigned c = ask(0);

	up_nothing(0);
	pass(1000);
	up_nothing(0);
	assert_int_equal(n_told, 0);
	(void)rig_socket(ENDPOINT_ASK_UDP, 0);
	up_must(0, &q);
	answer(0);
	must_tell(c);
	/* Nothing of what nobody was asked is remembered. */
	ask(1);
	up_must(0, &q);
}

static void test_none(void **state)
{
	unsigned c = ask(0);

	pass(FORWARD_BUDGET_MS + 40);
	must_tell_code(c, DNS_SERVFAIL, 22);
	assert_null(w.forwards->pools[ROUTER]);
	c = ask(0);
	assert_int_equal(n_told, 1); /* it was not asked, so it did not fail */
	pass(FORWARD_BUDGET_MS + 40);
	must_tell_code(c, DNS_SERVFAIL, 22);
}

/* More questions than sockets: in turn, each from a port of its own. */
static void test_exhausted(void **state)
{
	for (uint32_t i = 0; i < 4; i++)
		(void)rig_socket(ENDPOINT_ASK_UDP, i);
	for (unsigned i = 0; i < 10; i++)
		ask(i);
	for (unsigned i = 0; i < 10; i++) {
		up_must(0, &q);
		answer(0);
		assert_int_equal(n_told, i + 1);
	}
	up_nothing(0);
}

/* The queue has an end; who is not in it waits all the same, until its time is over. */
static void test_queue(void **state)
{
	(void)rig_socket(ENDPOINT_ASK_UDP, 0);
	for (unsigned i = 0; i < 100; i++)
		ask(i);
	assert_int_equal(w.forwards->pools[ROUTER]->sides[0][ASKER_UDP].n_queue, FORWARD_QUEUE_MAX);
	assert_int_equal(asked_all(0), 1);
	pass(FORWARD_BUDGET_MS + 100);
	assert_int_equal(n_told, 100);
	assert_int_equal(n_owed, 0);
	assert_int_equal(w.forwards->pools[ROUTER]->sides[0][ASKER_UDP].n_queue, 0);
	assert_int_equal(w.forwards->pools[ROUTER]->sides[0][ASKER_UDP].n_idle, 1);
	while (up_asked(0, &q))
		;
	ask(200);
	up_must(0, &q);
	answer(0);
}

/* A dead server keeps no socket from a question that waits for one: what was tried in vain gives way. */
static void test_overtaken(void **state)
{
	unsigned c;

	for (uint32_t i = 0; i < 3; i++)
		(void)rig_socket(ENDPOINT_ASK_UDP, i);
	ask(0);
	pass(900);
	assert_int_equal(asked_all(0), 3); /* all three are its own */
	c = ask(1);
	up_must(0, &q);
	answer(0);
	must_tell(c);
	/* The last try of a question does not, until the question has another. */
	ask(2);
	ask(3);
	assert_int_equal(asked_all(0), 2);
	c = ask(4);
	up_nothing(0);
	pass(450);
	while (up_asked(0, &q) && memcmp(q.p + DNS_HEADER_BYTES + 1, "n4", 2) != 0 &&
	       memcmp(q.p + DNS_HEADER_BYTES + 1, "N4", 2) != 0)
		;
	answer(0);
	must_tell(c);
}

/* Of two tries of a question the first gives way, whichever socket it has. */
static void test_overtaken_first(void **state)
{
	struct asked_query newest;

	for (uint32_t i = 0; i < 2; i++)
		(void)rig_socket(ENDPOINT_ASK_UDP, i);
	for (unsigned turn = 0; turn < 2; turn++) {
		const unsigned c = ask(10 * turn);

		up_must(0, &q);
		pass(450);
		up_must(0, &newest);
		ask(10 * turn + 1);
		up_must(0, &q);
		answer(0);
		must_tell(c + 1);
		q = newest;
		answer(0);
		must_tell(c);
		assert_int_equal(n_told, 2 * (turn + 1));
	}
	/* Each of the two was the first once. */
	assert_int_equal(w.forwards->pools[ROUTER]->sides[0][ASKER_UDP].n_idle, 2);
}

static void test_reuse(void **state)
{
	struct asked_query first;
	unsigned c;

	(void)rig_socket(ENDPOINT_ASK_UDP, 0);
	ask(0);
	up_must(0, &first);
	q = first;
	answer(0);
	/* Nobody listens at the old port any more. */
	answer(0);
	c = ask(1);
	up_must(0, &q);
	assert_true(first.from.sin_port != q.from.sin_port);
	answer(0);
	must_tell(c);
	assert_int_equal(counted(DNS_forward_rejected_total), 0);
	assert_int_equal(n_told, 2);
}

/* What came to a socket when its question was over is not for the next one. */
static void test_stale(void **state)
{
	struct asked_query first;
	uint8_t later[600];
	size_t later_len;

	(void)rig_socket(ENDPOINT_ASK_UDP, 0);
	ask(0);
	up_must(0, &first);
	say(&first, DNS_NOERROR);
	memcpy(later, said.p, said.len);
	later_len = said.len;
	a_rr("n0.else.test", "192.0.2.1");
	/* Both are there before the first is read. */
	assert_true(sendto(ups[0].udp, said.p, said.len, 0, (const struct sockaddr *)&first.from,
			   sizeof(first.from)) > 0);
	assert_true(sendto(ups[0].udp, later, later_len, 0, (const struct sockaddr *)&first.from,
			   sizeof(first.from)) > 0);
	run();
	assert_int_equal(n_told, 1);
	ask(1);
	assert_int_equal(counted(DNS_forward_rejected_total), 0);
	up_must(0, &q);
	answer(0);
	assert_int_equal(n_told, 2);
}

static void test_gone(void **state)
{
	struct msg_endpoint at = rig_socket(ENDPOINT_ASK_UDP, 0);
	const struct msg_endpoint strange = {.network = 99, .kind = ENDPOINT_ASK_UDP};
	unsigned c = ask(0);

	up_must(0, &q);
	forward_socket_gone(&w, &strange);
	forward_socket_gone(&w, &at);
	answer(0); /* to nobody */
	assert_int_equal(n_told, 0);
	pass(100);
	at = rig_socket(ENDPOINT_ASK_UDP, 0);
	up_must(0, &q);
	answer(0);
	must_tell(c);
	/* Replaced while it asks. */
	c = ask(1);
	up_must(0, &q);
	(void)rig_socket(ENDPOINT_ASK_UDP, 0);
	up_must(0, &q);
	answer(0);
	must_tell(c);
	forward_socket_gone(&w, &at);
	forward_socket_gone(&w, &at);
	assert_null(w.forwards->pools[ROUTER]);
}

/* By TCP, with one socket again and again, also after a connection that was refused. */
static void test_tcp(void **state)
{
	const struct sockaddr_in at = ups[0].at;
	const int on = 1;

	(void)rig_socket(ENDPOINT_ASK_UDP, 0);
	(void)rig_socket(ENDPOINT_ASK_TCP, 0);
	for (unsigned i = 0; i < 6; i++) {
		const unsigned c = ask(i);

		if (i == 3) {
			close(ups[0].tcp);
			ups[0].tcp = -1;
		}
		up_must(0, &q);
		say(&q, DNS_NOERROR);
		said.p[2] |= DNS_TC;
		up_send(0, &q);
		if (i == 3) {
			pass(FORWARD_BUDGET_MS + 40);
			must_tell_code(c, DNS_SERVFAIL, 22);
			while (up_asked(0, &q))
				;
			ups[0].tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
			assert_int_equal(
				setsockopt(ups[0].tcp, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)),
				0);
			assert_int_equal(bind(ups[0].tcp, (const struct sockaddr *)&at, sizeof(at)),
					 0);
			assert_int_equal(listen(ups[0].tcp, 8), 0);
			continue;
		}
		up_must_tcp(0, &q);
		answer(0);
		must_tell(c);
		close(ups[0].conn);
		ups[0].conn = -1;
	}
	assert_int_equal(w.forwards->pools[ROUTER]->sides[0][ASKER_TCP].n_idle, 1);
}

/* A family of which the network has no socket: its servers are passed over. */
static void test_family(void **state)
{
	struct view_config v = {.router = ROUTER, .n_servers = 2};
	uint8_t six[16] = {0x20, 1, 0xd, 0xb8};
	bool changed;
	unsigned c;

	v.servers[0] = (struct view_server){addr_v6(six), 53};
	v.servers[1] = rig_server(0);
	rig_begin();
	assert_int_equal(tables_put_view(rig_tables, &v, &changed, NULL), 0);
	rig_commit();
	(void)rig_socket(ENDPOINT_ASK_UDP, 0);
	c = ask(0);
	pass(100);
	up_must(0, &q);
	answer(0);
	must_tell(c);
	ask(1);
	up_must(0, &q); /* at once: it answered last */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_waits), T(test_none),	  T(test_exhausted),
		T(test_queue), T(test_overtaken), T(test_overtaken_first),
		T(test_reuse), T(test_stale),	  T(test_gone),
		T(test_tcp),   T(test_family),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
