/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Queries by UDP: batches, views, cookies, the rate limit, and what is not answered. */
#include "serve_rig.h"

static uint8_t query[4096], answer[4096];

static int ask(int fd)
{
	must_send(fd, query, query_make(query, 1));
	return last_of(answer, datagram_wait(fd, answer, sizeof(answer)));
}

static void test_each_socket_has_its_view(void **state)
{
	const uint16_t internet = serve_at(0, SOCK_DGRAM, &here);
	const uint16_t network = serve_at(NET, SOCK_DGRAM, &here);
	int a = client(SOCK_DGRAM, internet), b = client(SOCK_DGRAM, network);

	assert_int_equal(COUNT(sockets), 2);
	assert_int_equal(ask(a), 1);
	assert_int_equal(ask(b), 1);
	assert_memory_equal(answer + query_make(query, 1) + 12, "\12\7\0\1", 4);
	assert_int_equal(ask(a), 1);
	assert_memory_equal(answer + query_make(query, 1) + 12, "\12\0\0\1", 4);
	assert_int_equal(COUNT(queries_udp_total), 3);
	assert_int_equal(COUNT(answers_noerror_total), 3);
	close(a);
	close(b);
}

static void test_more_than_a_batch(void **state)
{
	const unsigned n = 3 * DNS_BATCH + 5;
	int fd = client(SOCK_DGRAM, serve_at(0, SOCK_DGRAM, &here));
	bool seen[3 * DNS_BATCH + 5] = {false};

	for (unsigned i = 0; i < n; i++)
		must_send(fd, query, query_make(query, (uint16_t)i));
	for (unsigned i = 0; i < n; i++) {
		const size_t len = datagram_wait(fd, answer, sizeof(answer));
		const unsigned id = (unsigned)answer[0] << 8 | answer[1];

		assert_int_equal(last_of(answer, len), 1);
		assert_true(id < n && !seen[id]);
		seen[id] = true;
	}
	assert_int_equal(COUNT(answers_noerror_total), n);
	close(fd);
}

/* One socket has its queue full, the other a single query: it is answered after one batch of the first at most. */
static void test_flood_starves_nobody(void **state)
{
	int flood = client(SOCK_DGRAM, serve_at(0, SOCK_DGRAM, &here));
	int quiet = client(SOCK_DGRAM, serve_at(NET, SOCK_DGRAM, &here));

	for (unsigned i = 0; i < 2 * DNS_BATCH + 1; i++)
		must_send(flood, query, query_make(query, 1));
	must_send(quiet, query, query_make(query, 1));
	dns_worker_turn(&worker, 0);
	assert_int_equal(COUNT(queries_udp_total), DNS_BATCH + 1);
	assert_true(is_readable(quiet));
	close(flood);
	close(quiet);
}

static void test_what_is_no_query_is_dropped(void **state)
{
	int fd = client(SOCK_DGRAM, serve_at(0, SOCK_DGRAM, &here));

	must_send(fd, "", 0);
	must_send(fd, "short", 5);
	query_make(query, 1);
	query[2] |= DNS_QR;
	must_send(fd, query, query_make(answer, 1));
	memset(query, 0, sizeof(query));
	must_send(fd, query, 4000); /* longer than any that is read */
	UNTIL(COUNT(queries_udp_total) == 4);
	assert_int_equal(COUNT(queries_udp_total), 4);
	assert_int_equal(COUNT(dropped_malformed_total), 4);
	assert_false(is_readable(fd));
	assert_int_equal(ask(fd), 1);
	close(fd);
}

static void test_codes_are_counted(void **state)
{
	static const uint8_t missing[] = "\4none\7example\3org", foreign[] = "\3com";
	int fd = client(SOCK_DGRAM, serve_at(0, SOCK_DGRAM, &here));

	must_send(fd, query, rig_query(query, missing, RR_A, 0));
	datagram_wait(fd, answer, sizeof(answer));
	must_send(fd, query, rig_query(query, foreign, RR_A, 0));
	datagram_wait(fd, answer, sizeof(answer));
	query_make(query, 1);
	query[2] = 6 << 3; /* an opcode of nobody's */
	must_send(fd, query, query_make(answer, 1));
	datagram_wait(fd, answer, sizeof(answer));
	assert_int_equal(COUNT(answers_nxdomain_total), 1);
	assert_int_equal(COUNT(answers_refused_total), 1);
	assert_int_equal(COUNT(answers_other_total), 1);
	close(fd);
}

static void test_truncated(void **state)
{
	static const uint8_t text[] = "\4text\7example\3org";
	int fd = client(SOCK_DGRAM, serve_at(0, SOCK_DGRAM, &here));
	size_t n = rig_query(query, text, RR_TXT, 0);

	must_send(fd, query, n);
	n = datagram_wait(fd, answer, sizeof(answer));
	if (answer[2] & DNS_TC)
		assert_int_equal(COUNT(truncated_total), 1);
	else
		assert_int_equal(COUNT(truncated_total), 0);
	close(fd);
}

/* The answer comes from the address that was asked. */
static void wildcard(const struct addr *any, const struct addr *to, const struct addr *from)
{
	const uint16_t port = serve_at(0, SOCK_DGRAM, any);
	int fd = client_from(SOCK_DGRAM, from, to, port);

	assert_int_equal(ask(fd), 1);
	close(fd);
	unserve_at(0, SOCK_DGRAM, any, port);
}

static void test_wildcard(void **state)
{
	const struct addr any = {.family = ADDR_V4}, any6 = {.family = ADDR_V6};
	const struct addr to = addr_v4(0x7f0a0b0c), from = addr_v4(0x7f020202);
	const struct addr one = {.family = ADDR_V6, .lo = 1};

	wildcard(&any, &to, &from);
	wildcard(&any, &here, &here);
	wildcard(&any6, &one, &one);
	wildcard(&any6, &to, &from); /* a socket of both families */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, serve_setup, serve_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_each_socket_has_its_view),
		TEST(test_more_than_a_batch),
		TEST(test_flood_starves_nobody),
		TEST(test_what_is_no_query_is_dropped),
		TEST(test_codes_are_counted),
		TEST(test_truncated),
		TEST(test_wildcard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
