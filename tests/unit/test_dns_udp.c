/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Queries by UDP: batches, views, cookies, the rate limit, and what is not answered. */
#include "serve_rig.h"

#include <sys/epoll.h>

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

/* A socket that had one datagram is read by one; when there are more, in batches from the next turn on. */
static void test_one_then_many(void **state)
{
	int fd = client(SOCK_DGRAM, serve_at(0, SOCK_DGRAM, &here));
	uint64_t before;

	assert_int_equal(ask(fd), 1);
	dns_worker_turn(&worker, 0);
	before = COUNT(queries_udp_total);
	for (unsigned i = 0; i < DNS_BATCH + 2; i++)
		must_send(fd, query, query_make(query, (uint16_t)i));
	dns_worker_turn(&worker, 0);
	assert_int_equal(COUNT(queries_udp_total), before + 1);
	dns_worker_turn(&worker, 0);
	assert_int_equal(COUNT(queries_udp_total), before + 1 + DNS_BATCH);
	dns_worker_turn(&worker, 0);
	assert_int_equal(COUNT(queries_udp_total), before + 2 + DNS_BATCH);
	for (unsigned i = 0; i < DNS_BATCH + 2; i++)
		assert_int_equal(last_of(answer, datagram_wait(fd, answer, sizeof(answer))), 1);
	/* By one again, and what is no query is dropped there too. */
	for (size_t len = 0; len <= 4000; len += 4000) {
		dns_worker_turn(&worker, 0);
		must_send(fd, query, len);
		dns_worker_turn(&worker, 0);
	}
	assert_int_equal(COUNT(dropped_malformed_total), 2);
	dns_worker_turn(&worker, 0);
	assert_int_equal(ask(fd), 1);
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
	static const uint8_t text[] = "\4text\7example\3org", long_text[] = "\4long\7example\3org";
	int fd = client(SOCK_DGRAM, serve_at(0, SOCK_DGRAM, &here));
	size_t n = rig_query(query, text, RR_TXT, 0);

	must_send(fd, query, n);
	n = datagram_wait(fd, answer, sizeof(answer));
	assert_false(answer[2] & DNS_TC);
	assert_int_equal(COUNT(truncated_total), 0);
	n = rig_query(query, long_text, RR_TXT, 0);
	must_send(fd, query, n);
	n = datagram_wait(fd, answer, sizeof(answer));
	assert_true(answer[2] & DNS_TC);
	assert_int_equal(COUNT(truncated_total), 1);
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

/* --- answers that come later ------------------------------------------------------------------------------------ */

static struct later *owe(struct dns_socket *s, int fd, const struct addr *local)
{
	struct dns_client client = {.addr = here};
	struct from from = {.socket = s};
	const size_t n = query_make(query, 3);
	struct later *l;

	from.peer_len = sizeof(from.peer);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&from.peer, &from.peer_len), 0);
	if (local)
		from.local = *local;
	(void)query_read(&client.query, query, n);
	l = later_new(&worker, s->served, &from, &client, query, n);
	assert_non_null(l);
	return l;
}

static struct dns_socket *the_socket(void)
{
	for (size_t i = 0; i < 4096; i++) {
		if (!list_is_empty(&worker.sockets[i]))
			return container_of(worker.sockets[i].next, struct dns_socket, node);
	}
	return NULL;
}

/* Other processes, and the parent, have the same open file: what comes to it is none of ours any more. */
static void test_closed_while_others_have_it(void **state)
{
	const uint16_t port = serve_at(0, SOCK_DGRAM, &here);
	int fd = client(SOCK_DGRAM, port),
	    copy = fcntl(the_socket()->source.fd, F_DUPFD_CLOEXEC, 0);
	struct epoll_event event;

	assert_true(copy >= 0);
	assert_int_equal(ask(fd), 1);
	unserve_at(0, SOCK_DGRAM, &here, port);
	must_send(fd, query, query_make(query, 1));
	assert_true(is_readable(copy));
	assert_int_equal(epoll_wait(worker.epoll, &event, 1, 0), 0);
	turns(2);
	assert_int_equal(COUNT(queries_udp_total), 1);
	close(fd);
	close(copy);
}

static void test_later(void **state)
{
	const struct addr any = {.family = ADDR_V4}, to = addr_v4(0x7f030303);
	const uint16_t port = serve_at(NET, SOCK_DGRAM, &any);
	int fd = client_from(SOCK_DGRAM, &here, &to, port);
	struct later *l = owe(the_socket(), fd, &to);

	assert_int_equal(ask(fd), 1);
	later_fail(&worker, l, DNS_SERVFAIL, EDE_NO_UPSTREAM);
	assert_true(datagram_wait(fd, answer, sizeof(answer)) > 0);
	assert_int_equal(rcode_of(answer), DNS_SERVFAIL);
	assert_int_equal(answer[1], 3);
	assert_int_equal(worker.n_later, 0);
	close(fd);
}

static void test_socket_gone_before_its_answer(void **state)
{
	const uint16_t port = serve_at(NET, SOCK_DGRAM, &here);
	int fd = client(SOCK_DGRAM, port);
	struct later *l = owe(the_socket(), fd, NULL);

	unserve_at(NET, SOCK_DGRAM, &here, port);
	turns(2);
	assert_int_equal(COUNT(sockets), 0);
	assert_int_equal(worker.n_served, 1); /* its view is kept */
	later_fail(&worker, l, DNS_SERVFAIL, EDE_NO_UPSTREAM);
	turns(1);
	assert_int_equal(worker.n_served, 0);
	assert_false(is_readable(fd));
	close(fd);
}

/* Others are not kept waiting by a network that owes too much. */
static void test_later_limit_of_a_network(void **state)
{
	static struct later *owed[DNS_LATER_VIEW];
	int fd = client(SOCK_DGRAM, serve_at(NET, SOCK_DGRAM, &here));
	struct dns_socket *s = the_socket();
	struct dns_client c = {.addr = here};
	struct from from = {.socket = s};
	struct served *second = served_get(&worker, NET + 1);
	struct later *l;

	for (uint32_t i = 0; i < DNS_LATER_VIEW; i++) {
		c.addr = addr_v4(0x0a000000 + i);
		owed[i] = later_new(&worker, s->served, &from, &c, query, 12);
		assert_non_null(owed[i]);
	}
	c.addr = here;
	assert_null(later_new(&worker, s->served, &from, &c, query, 12));
	l = later_new(&worker, second, &from, &c, query, 12);
	assert_non_null(l);
	later_drop(&worker, l);
	for (uint32_t i = 0; i < DNS_LATER_VIEW; i++)
		later_drop(&worker, owed[i]);
	served_put(&worker, second);
	close(fd);
}

/* --- cookies ---------------------------------------------------------------------------------------------------- */

/* Ask with a cookie; the one in the answer. */
static void cookie_ask(int fd, const void *cookie, size_t len, uint8_t server[COOKIE_SERVER_BYTES])
{
	uint8_t option[4 + DNS_COOKIE_MAX] = {0, EDNS_OPTION_COOKIE, 0, (uint8_t)len};
	size_t n = query_make(query, 1);

	memcpy(option + 4, cookie, len);
	n = rig_opt(query, n, 1232, 0, option, 4 + len);
	must_send(fd, query, n);
	n = datagram_wait(fd, answer, sizeof(answer));
	/* The OPT is the last record, the cookie its only option. */
	assert_memory_equal(answer + n - 28, "\0\12\0\30", 4);
	assert_memory_equal(answer + n - 24, cookie, 8);
	memcpy(server, answer + n - 16, 16);
}

/* As the header says: two SipHashes of the epoch by the key that all processes have. */
static void secret_of(uint64_t epoch, uint8_t secret[16])
{
	for (uint64_t half = 0; half < 2; half++) {
		const uint64_t in[2] = {epoch, half},
			       out = siphash24((const uint8_t *)"fifteen octets.", in, 16);

		memcpy(secret + 8 * half, &out, 8);
	}
}

static void test_cookies_over_epochs(void **state)
{
	int fd = client(SOCK_DGRAM, serve_at(0, SOCK_DGRAM, &here));
	uint8_t cookie[24] = "clients!", secret[16], made[16], again[16];
	uint32_t now_s;
	uint64_t epoch;

	cookie_ask(fd, cookie, 8, cookie + 8);
	now_s = worker.now_s;
	epoch = now_s / COOKIE_EPOCH_S;
	secret_of(epoch, secret);
	cookie_make(secret, cookie, &here, now_s, made);
	assert_memory_equal(cookie + 12, made + 4, 12);
	/* A good one comes back. */
	cookie_ask(fd, cookie, 24, again);
	assert_memory_equal(again, cookie + 8, 16);
	/* One of the epoch before is good, and is replaced. */
	secret_of(epoch - 1, secret);
	assert_memory_equal(worker.cookies.previous, secret, 16);
	cookie_make(secret, cookie, &here, now_s, cookie + 8);
	cookie_ask(fd, cookie, 24, again);
	assert_memory_not_equal(again + 8, cookie + 16, 8);
	close(fd);
}

/* --- the rate limit --------------------------------------------------------------------------------------------- */

#define RATE 5

static int limited_setup(void **state)
{
	if (serve_setup(state) < 0)
		return -1;
	worker.rrl = rrl_new(RATE, 1, 64, (const uint8_t *)"fifteen octets.");
	return worker.rrl ? 0 : -1;
}

struct tally {
	unsigned whole, cut;
};

/* Ask n times at once; what comes back. */
static struct tally tally(int fd, unsigned n, const void *cookie, size_t cookie_len)
{
	const uint64_t before = COUNT(queries_udp_total);
	struct tally t = {0, 0};
	uint8_t option[4 + DNS_COOKIE_MAX] = {0, EDNS_OPTION_COOKIE, 0, (uint8_t)cookie_len};

	memcpy(option + 4, cookie, cookie_len);
	for (unsigned i = 0; i < n; i++) {
		size_t len = query_make(query, 1);

		if (cookie_len)
			len = rig_opt(query, len, 1232, 0, option, 4 + cookie_len);
		must_send(fd, query, len);
	}
	UNTIL(COUNT(queries_udp_total) == before + n);
	while (is_readable(fd)) {
		assert_true(recv(fd, answer, sizeof(answer), 0) > 0);
		if (answer[2] & DNS_TC)
			t.cut++;
		else
			t.whole++;
	}
	return t;
}

static void test_rate_limit(void **state)
{
	int fd = client(SOCK_DGRAM, serve_at(0, SOCK_DGRAM, &here));
	const struct addr far = addr_v4(0x7f7f0001);
	const uint16_t port = serve_at(0, SOCK_DGRAM, &far);
	int other_net = client_from(SOCK_DGRAM, &far, &far, port);
	struct tally t = tally(fd, 60, "", 0);

	/* A moment may pass, and bring another token or two. */
	assert_in_range(t.whole, RATE, 30);
	assert_in_range(t.cut, 10, 28);
	assert_int_equal(COUNT(slipped_rate_total), t.cut);
	assert_int_equal(COUNT(dropped_rate_total), 60 - t.whole - t.cut);
	/* Who asks from elsewhere is not concerned. */
	t = tally(other_net, RATE, "", 0);
	assert_int_equal(t.whole, RATE);
	close(fd);
	close(other_net);
}

static void test_no_rate_limit_with_a_good_cookie(void **state)
{
	int fd = client(SOCK_DGRAM, serve_at(0, SOCK_DGRAM, &here));
	uint8_t cookie[24] = "clients!";
	struct tally t;

	cookie_ask(fd, cookie, 8, cookie + 8);
	t = tally(fd, 50, cookie, 24);
	assert_int_equal(t.whole, 50);
	cookie[20] ^= 1;
	t = tally(fd, 50, cookie, 24);
	assert_in_range(t.whole, 0, 30);
	close(fd);
}

static void test_no_rate_limit_in_a_network(void **state)
{
	int fd = client(SOCK_DGRAM, serve_at(NET, SOCK_DGRAM, &here));
	const struct tally t = tally(fd, 50, "", 0);

	assert_int_equal(t.whole, 50);
	close(fd);
}

int main(void)
{
#define LIMITED(name) cmocka_unit_test_setup_teardown(name, limited_setup, serve_teardown)
#define TEST(name)    cmocka_unit_test_setup_teardown(name, serve_setup, serve_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_each_socket_has_its_view),
		TEST(test_more_than_a_batch),
		TEST(test_one_then_many),
		TEST(test_flood_starves_nobody),
		TEST(test_what_is_no_query_is_dropped),
		TEST(test_codes_are_counted),
		TEST(test_truncated),
		TEST(test_wildcard),
		TEST(test_closed_while_others_have_it),
		TEST(test_later),
		TEST(test_socket_gone_before_its_answer),
		TEST(test_later_limit_of_a_network),
		TEST(test_cookies_over_epochs),
		LIMITED(test_rate_limit),
		LIMITED(test_no_rate_limit_with_a_good_cookie),
		LIMITED(test_no_rate_limit_in_a_network),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
