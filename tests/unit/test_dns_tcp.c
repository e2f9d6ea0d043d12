/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Queries by TCP (RFC 7766): framing, order, peers that take no answers, streams. */
#include "tcp_rig.h"

/* --- framing ---------------------------------------------------------------------------------------------------- */

static void test_split_anywhere(void **state)
{
	int fd = connected(&here);
	const size_t n = framed(octets, 5);

	for (size_t at = 1; at < n; at++) {
		must_send(fd, octets, at);
		UNTIL(newest()->in.len == at);
		assert_int_equal(newest()->in.len, at);
		must_send(fd, octets + at, n - at);
		assert_answered(fd, 5);
		assert_int_equal(worker.tcps->kept, 0);
	}
	assert_int_equal(COUNT(queries_tcp_total), n - 1);
	close(fd);
}

static void test_octet_by_octet(void **state)
{
	int fd = connected(&here);
	const size_t n = framed(octets, 6);

	for (size_t at = 0; at < n; at++) {
		must_send(fd, octets + at, 1);
		UNTIL(newest()->in.len == at + 1 || is_readable(fd));
	}
	assert_answered(fd, 6);
	close(fd);
}

static void test_pipelined(void **state)
{
	int fd = connected(&here);
	size_t len = 0;
	bool seen[1000] = {false};

	for (unsigned i = 0; i < 1000; i++)
		len += framed(octets + len, (uint16_t)i);
	must_send(fd, octets, len);
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(last_of(answer, read_message(fd)), 1);
		assert_true(answer_id() < 1000 && !seen[answer_id()]);
		seen[answer_id()] = true;
	}
	assert_int_equal(worker.tcps->kept, 0);
	close(fd);
}

/* A query and a part of the next, in all ways. */
static void test_one_and_a_part(void **state)
{
	int fd = connected(&here);
	const size_t n = framed(octets, 1);

	framed(octets + n, 2);
	for (size_t at = 0; at <= n; at++) {
		must_send(fd, octets, n + at);
		assert_answered(fd, 1);
		must_send(fd, octets + n + at, n - at);
		assert_answered(fd, 2);
	}
	close(fd);
}

/* What is no query ends the connection, when what was asked before is answered. */
static void ends_after(const uint8_t *garbage, size_t len)
{
	int fd = connected(&here);
	size_t n = framed(octets, 1);

	n += framed(octets + n, 2);
	memcpy(octets + n, garbage, len);
	n += len;
	n += framed(octets + n, 3); /* has no meaning any more */
	must_send(fd, octets, n);
	assert_answered(fd, 1);
	assert_answered(fd, 2);
	assert_ended(fd);
	close(fd);
}

static void test_no_query(void **state)
{
	uint8_t response[100];
	const size_t n = framed(response, 9);

	ends_after((const uint8_t *)"\0\0", 2);
	ends_after((const uint8_t *)"\0\13elevenoctet", 13);
	response[4] |= DNS_QR;
	ends_after(response, n);
	assert_int_equal(COUNT(dropped_malformed_total), 3);
}

static void test_longest(void **state)
{
	int fd = connected(&here);

	memset(octets, 0, 2 + DNS_MESSAGE_MAX);
	octets[0] = octets[1] = 0xff;
	query_make(octets + 2, 3); /* and zeros behind */
	must_send(fd, octets, 1000);
	UNTIL(newest()->in.len == 1000);
	assert_in_range(worker.tcps->kept, 1000, 2048); /* what came, not what was announced */
	for (size_t at = 1000; at < 2 + DNS_MESSAGE_MAX;) {
		ssize_t n = send(fd, octets + at, 2 + DNS_MESSAGE_MAX - at, MSG_NOSIGNAL);

		turns(1);
		at += n > 0 ? (size_t)n : 0;
	}
	assert_true(read_message(fd) > 0);
	assert_int_equal(rcode_of(answer), DNS_FORMERR);
	assert_int_equal(worker.tcps->kept, 0);
	assert_open(fd);
	close(fd);
}

static void test_half_close(void **state)
{
	int fd = connected(&here);
	size_t len = 0;

	for (unsigned i = 0; i < 3; i++)
		len += framed(octets + len, (uint16_t)i);
	must_send(fd, octets, len + 7); /* and a part of something */
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_answered(fd, i);
	assert_ended(fd);
	assert_int_equal(COUNT(tcp_connections), 0);
	close(fd);
}

static void test_reset(void **state)
{
	const struct linger at_once = {.l_onoff = 1};
	int fd = connected(&here);

	must_send(fd, octets, 5);
	UNTIL(newest()->in.len == 5);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
	close(fd);
	UNTIL(COUNT(tcp_connections) == 0);
	assert_int_equal(COUNT(tcp_connections), 0);
	assert_int_equal(worker.tcps->kept, 0);
}

/* Whatever is sent, somebody else is answered. */
static void test_random_octets(void **state)
{
	int good = connected(&here);

	rng = 4711;
	for (unsigned i = 0; i < 300; i++) {
		int fd = connected(&here);
		size_t len = 0;

		for (unsigned k = 0; k < 20; k++) {
			size_t n = framed(octets + len, (uint16_t)rnd());

			for (unsigned j = 0; j < below(4); j++)
				octets[len + below(n)] = (uint8_t)rnd();
			len += n;
		}
		(void)send(fd, octets, len, MSG_NOSIGNAL);
		turns(2);
		if (i % 2)
			assert_int_equal(shutdown(fd, SHUT_WR), 0);
		turns(2);
		close(fd);
		assert_open(good);
	}
	UNTIL(COUNT(tcp_connections) == 1);
	assert_int_equal(COUNT(tcp_connections), 1);
	assert_int_equal(worker.tcps->kept, 0);
	close(good);
}

/* --- a peer that does not take its answers ---------------------------------------------------------------------- */

static void test_slow_reader(void **state)
{
	static const uint8_t text[] = "\4text\7example\3org";
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_storage sa;
	const socklen_t sa_len = addr_to_sockaddr(&here, port, &sa);
	uint8_t query[100];
	size_t n, at = 0, sent = 0, wanted = 100000, read = 0;

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){4096}, sizeof(int)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &(int){4096}, sizeof(int)), 0);
	(void)connect(fd, (struct sockaddr *)&sa, sa_len);
	UNTIL(COUNT(tcp_accepted_total) == 1);
	n = rig_query(query + 2, text, RR_TXT, 0);
	query[0] = 0;
	query[1] = (uint8_t)n;
	/* Until it is not listened to any more. */
	for (unsigned quiet = 0; quiet < 200 && sent < wanted;) {
		const ssize_t taken = send(fd, query + at, n + 2 - at, MSG_NOSIGNAL);

		quiet = taken > 0 ? 0 : quiet + 1;
		at += taken > 0 ? (size_t)taken : 0;
		if (at == n + 2) {
			sent++;
			at = 0;
		}
		turns(1);
		assert_true(worker.tcps->kept <= 4 * (TCP_OUT_MAX + DNS_MESSAGE_MAX));
	}
	assert_true(sent < wanted);
	assert_true(COUNT(queries_tcp_total) < sent);
	for (; read < sent; read++) {
		assert_true(read_message(fd) > 300);
		assert_int_equal(rcode_of(answer), DNS_NOERROR);
	}
	assert_int_equal(COUNT(queries_tcp_total), sent);
	must_send(fd, query + at, n + 2 - at);
	assert_true(read_message(fd) > 300);
	assert_open(fd);
	assert_int_equal(worker.tcps->kept, 0);
	close(fd);
}

/* Parts of queries have taken all memory: who has kept his for the longest time gives way, he alone, idle or not. */
static void test_parts_give_way(void **state)
{
	const size_t n = framed(octets, 1);
	struct later *owed = NULL;
	struct tcp *first = NULL;
	int fds[3], third;
	size_t full;

	for (int busy = 0; busy < 2; busy++) {
		for (int i = 0; i < 3; i++) {
			fds[i] = connected(&here);
			if (i == 0)
				first = newest();
			if (i == 0 && busy)
				owed = owe(first, 1);
			must_send(fds[i], octets, n - 1);
			turns(5);
		}
		first->done_ms--; /* this may all be within one */
		full = TCP_KEPT_MAX - worker.tcps->kept;
		worker.tcps->kept += full;
		third = connected(&here);
		must_send(third, octets, n - 1);
		turns(5);
		worker.tcps->kept -= full;
		assert_ended(fds[0]);
		must_send(third, octets + n - 1, 1);
		assert_answered(third, 1);
		for (int i = 1; i < 3; i++) {
			must_send(fds[i], octets + n - 1, 1);
			assert_answered(fds[i], 1);
		}
		if (busy)
			pay(owed);
		for (int i = 0; i < 3; i++)
			close(fds[i]);
		close(third);
		turns(5);
		assert_int_equal(worker.tcps->kept, 0);
	}
}

/* --- answers that come later ------------------------------------------------------------------------------------ */

static void test_later_in_the_order_of_answers(void **state)
{
	int fd = connected(&here);
	struct later *a = owe(newest(), 1), *b = owe(newest(), 2);

	assert_open(fd); /* others do not wait for them */
	pay(b);
	assert_failed(fd, 2);
	pay(a);
	assert_failed(fd, 1);
	assert_int_equal(worker.n_later, 0);
	assert_int_equal(COUNT(answers_servfail_total), 2);
	close(fd);
}

static void test_half_close_waits_for_what_is_owed(void **state)
{
	int fd = connected(&here);
	struct later *a = owe(newest(), 1);

	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	turns(5);
	assert_int_equal(COUNT(tcp_connections), 1);
	pay(a);
	assert_failed(fd, 1);
	assert_ended(fd);
	close(fd);
}

static void test_gone_before_its_answer(void **state)
{
	int fd = connected(&here);
	struct tcp *c = newest();
	struct later *a = owe(c, 1), *b = owe(c, 2), *d;

	close(fd);
	turns(5);
	d = owe(c, 3); /* not seen yet, or only half closed */
	tcp_close(&worker, c);
	turns(5);
	assert_int_equal(COUNT(tcp_connections), 0);
	pay(a);
	turns(1);
	later_drop(&worker, b);
	pay(d);
	turns(1);
	assert_int_equal(worker.n_later, 0);
}

static void test_listener_gone_before_its_answer(void **state)
{
	int fd = connected(&here);
	struct later *a = owe(newest(), 1);

	unserve_at(0, SOCK_STREAM, &here, port);
	assert_ended(fd);
	pay(a);
	turns(1);
	assert_int_equal(COUNT(sockets), 0);
	close(fd);
}

/* No more is read while many answers are owed. */
static void test_many_owed(void **state)
{
	int fd = connected(&here);
	struct later *owed[TCP_OWED_MAX];

	for (unsigned i = 0; i < TCP_OWED_MAX; i++)
		owed[i] = owe(newest(), (uint16_t)i);
	must_send(fd, octets, framed(octets, 500));
	turns(20);
	assert_int_equal(COUNT(queries_tcp_total), 0);
	pay(owed[0]);
	assert_failed(fd, 0);
	assert_answered(fd, 500);
	for (unsigned i = 1; i < TCP_OWED_MAX; i++)
		pay(owed[i]);
	for (unsigned i = 1; i < TCP_OWED_MAX; i++)
		assert_failed(fd, i);
	close(fd);
}

static void test_later_limits(void **state)
{
	static struct later *owed[DNS_LATER_EACH];
	struct dns_client stranger = {.addr = addr_v4(0x0a000001)};
	struct from from = {0};
	struct later *l;
	int fd = connected(&here);

	from.tcp = newest();
	for (unsigned i = 0; i < DNS_LATER_EACH; i++)
		owed[i] = owe(from.tcp, (uint16_t)i);
	stranger.addr = here;
	l = later_new(&worker, from.tcp->socket->served, &from, &stranger, octets, 20);
	assert_null(l);
	assert_int_equal(COUNT(dropped_busy_total), 1);
	/* Another source is not concerned. */
	stranger.addr = addr_v4(0x0a000001);
	l = later_new(&worker, from.tcp->socket->served, &from, &stranger, octets, 20);
	assert_non_null(l);
	later_drop(&worker, l);
	for (unsigned i = 0; i < DNS_LATER_EACH; i++)
		later_drop(&worker, owed[i]);
	close(fd);
}

/* --- streams ---------------------------------------------------------------------------------------------------- */

struct test_stream {
	struct tcp_stream stream;
	unsigned left, ended;
	size_t size;
};

static size_t stream_more(struct dns_worker *w, struct tcp_stream *s, uint8_t *out, size_t cap)
{
	struct test_stream *t = container_of(s, struct test_stream, stream);

	assert_true(t->size <= cap);
	if (t->left == 0)
		return 0;
	memset(out, (int)(t->left & 0xff), t->size);
	t->left--;
	return t->size;
}

static void stream_ended(struct dns_worker *w, struct tcp_stream *s)
{
	container_of(s, struct test_stream, stream)->ended++;
}

static void test_stream(void **state)
{
	struct test_stream s = {{stream_more, stream_ended}, .left = 100, .size = DNS_MESSAGE_MAX};
	struct test_stream second = s;
	int fd = connected(&here);
	struct tcp *c = newest();
	struct later *a = owe(c, 9);

	assert_true(tcp_stream(&worker, c, &s.stream));
	assert_false(tcp_stream(&worker, c, &second.stream));
	must_send(fd, octets, framed(octets, 8));
	for (unsigned i = 100; i > 0; i--) {
		if (i == 50)
			pay(a); /* nothing else is sent meanwhile */
		assert_int_equal(read_message(fd), DNS_MESSAGE_MAX);
		assert_int_equal(answer[0], i);
		assert_int_equal(answer[DNS_MESSAGE_MAX - 1], i);
	}
	assert_failed(fd, 9);
	assert_answered(fd, 8);
	assert_int_equal(s.ended, 1);
	assert_int_equal(worker.tcps->kept, 0);
	close(fd);
}

static void test_stream_is_told_of_the_end(void **state)
{
	struct test_stream s = {{stream_more, stream_ended}, .left = 1000, .size = 60000};
	int fd = connected(&here);

	assert_true(tcp_stream(&worker, newest(), &s.stream));
	turns(5);
	assert_int_equal(s.ended, 0);
	close(fd);
	UNTIL(s.ended);
	assert_int_equal(s.ended, 1);
	assert_true(s.left > 0);
	turns(1);
	assert_int_equal(worker.tcps->kept, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, serve_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_split_anywhere),
		TEST(test_octet_by_octet),
		TEST(test_pipelined),
		TEST(test_one_and_a_part),
		TEST(test_no_query),
		TEST(test_longest),
		TEST(test_half_close),
		TEST(test_reset),
		TEST(test_random_octets),
		TEST(test_slow_reader),
		TEST(test_parts_give_way),
		TEST(test_later_in_the_order_of_answers),
		TEST(test_half_close_waits_for_what_is_owed),
		TEST(test_gone_before_its_answer),
		TEST(test_listener_gone_before_its_answer),
		TEST(test_many_owed),
		TEST(test_later_limits),
		TEST(test_stream),
		TEST(test_stream_is_told_of_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
