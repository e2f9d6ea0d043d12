/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Queries by TCP (RFC 7766): framing, order, bounds, who gives way to whom. */
#include "serve_rig.h"

#include <sys/wait.h>

static uint8_t octets[1 << 20], answer[DNS_MESSAGE_MAX];
static uint16_t port;

static int setup(void **state)
{
	if (serve_setup(state) < 0)
		return -1;
	port = serve_at(0, SOCK_STREAM, &here);
	return 0;
}

/* Length and query. */
static size_t framed(uint8_t *p, uint16_t id)
{
	const size_t n = query_make(p + 2, id);

	p[0] = (uint8_t)(n >> 8);
	p[1] = (uint8_t)n;
	return n + 2;
}

/* Read len octets, turned for; how many came until the end. */
static size_t read_all(int fd, uint8_t *p, size_t len)
{
	size_t at = 0;

	while (at < len) {
		ssize_t n;

		UNTIL(is_readable(fd));
		n = recv(fd, p + at, len - at, 0);
		if (n < 0 && errno == EAGAIN)
			fail_msg("only %zu of %zu octets came", at, len);
		if (n <= 0)
			break;
		at += (size_t)n;
	}
	return at;
}

/* One message; its length, 0 at the end. */
static size_t read_message(int fd)
{
	uint8_t length[2];
	size_t n = read_all(fd, length, 2);

	if (n == 0)
		return 0;
	assert_int_equal(n, 2);
	n = (size_t)length[0] << 8 | length[1];
	assert_int_equal(read_all(fd, answer, n), n);
	return n;
}

static unsigned answer_id(void)
{
	return (unsigned)answer[0] << 8 | answer[1];
}

static void assert_answered(int fd, unsigned id)
{
	const size_t n = read_message(fd);

	assert_int_equal(last_of(answer, n), 1);
	assert_int_equal(answer_id(), id);
}

static void assert_open(int fd)
{
	must_send(fd, octets, framed(octets, 77));
	assert_answered(fd, 77);
}

static void assert_ended(int fd)
{
	assert_int_equal(read_message(fd), 0);
}

/* The connection that was taken last. */
static struct tcp *newest(void)
{
	return container_of(worker.tcps->idle.prev, struct tcp, node);
}

static int connected(const struct addr *from)
{
	const uint64_t before = COUNT(tcp_accepted_total);
	int fd = client_from(SOCK_STREAM, from, &here, port);

	UNTIL(COUNT(tcp_accepted_total) > before);
	assert_int_equal(COUNT(tcp_accepted_total), before + 1);
	return fd;
}

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

/* --- answers that come later ------------------------------------------------------------------------------------ */

static struct later *owe(struct tcp *c, uint16_t id)
{
	struct from from = {.tcp = c};
	struct dns_client client = {.addr = c->addr, .is_tcp = true};
	uint8_t query[100];
	const size_t n = query_make(query, id);
	struct later *l;

	from.peer_len = addr_to_sockaddr(&c->addr, c->port, &from.peer);
	dns_worker_data(&worker);
	(void)dns_answer(&c->socket->served->view, query, n, &client, answer, sizeof(answer));
	dns_worker_data_end(&worker);
	l = later_new(&worker, c->socket->served, &from, &client, query, n);
	assert_non_null(l);
	return l;
}

static void pay(struct later *l)
{
	later_fail(&worker, l, DNS_SERVFAIL, EDE_NO_UPSTREAM);
}

static void assert_failed(int fd, unsigned id)
{
	assert_true(read_message(fd) > 0);
	assert_int_equal(rcode_of(answer), DNS_SERVFAIL);
	assert_int_equal(answer_id(), id);
}

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

/* --- who gives way ---------------------------------------------------------------------------------------------- */

static void age_all(struct list *l)
{
	list_foreach (it, l)
		container_of(it, struct tcp, node)->done_ms -= TCP_IDLE_MS + 1;
}

static void test_idle_ones_end(void **state)
{
	int a = connected(&here), b = connected(&here), slow;
	struct later *l = owe(newest(), 1);

	turns(2);
	slow = connected(&here);
	must_send(slow, octets, 1); /* a query that never gets whole */
	UNTIL(newest()->in.len == 1);
	assert_int_equal(worker.tcps->n, 3);
	age_all(&worker.tcps->idle);
	age_all(&worker.tcps->busy);
	tcps_timer(&worker, &worker.tcps->timer);
	assert_ended(a);
	assert_ended(slow);
	assert_int_equal(worker.tcps->n, 1);
	pay(l);
	assert_failed(b, 1);
	assert_open(b);
	close(a);
	close(b);
	close(slow);
}

static void test_the_more_the_sooner(void **state)
{
	int fds[10];

	worker.tcps->descriptors = 48; /* twelve connections, ten in one network */
	for (int i = 0; i < 10; i++)
		fds[i] = connected(&here);
	list_foreach (it, &worker.tcps->idle)
		container_of(it, struct tcp, node)->done_ms -= 4 * TCP_IDLE_LEAST + 1;
	tcps_timer(&worker, &worker.tcps->timer);
	/* The first goes, with the room that it leaves the next may stay longer. */
	assert_ended(fds[0]);
	assert_int_equal(worker.tcps->n, 9);
	for (int i = 0; i < 10; i++)
		close(fds[i]);
}

static void test_oldest_idle_gives_way(void **state)
{
	int fds[10], more;
	struct later *l;

	worker.tcps->descriptors = 48; /* ten connections in one network */
	fds[0] = connected(&here);
	l = owe(newest(), 1);
	for (int i = 1; i < 10; i++)
		fds[i] = connected(&here);
	assert_open(fds[1]); /* the newest now */
	more = connected(&here);
	assert_ended(fds[2]);
	assert_open(more);
	assert_open(fds[1]);
	pay(l);
	assert_failed(fds[0], 1);
	assert_int_equal(worker.tcps->n, 10);
	for (int i = 0; i < 10; i++)
		close(fds[i]);
	close(more);
}

static void test_nobody_gives_way(void **state)
{
	struct later *owed[10];
	int fds[10], more;

	worker.tcps->descriptors = 48; /* ten connections in one network */
	for (int i = 0; i < 10; i++) {
		fds[i] = connected(&here);
		owed[i] = owe(newest(), 1);
		turns(1);
	}
	more = client(SOCK_STREAM, port);
	assert_ended(more);
	assert_int_equal(COUNT(tcp_refused_total), 1);
	for (int i = 0; i < 10; i++) {
		pay(owed[i]);
		close(fds[i]);
	}
	close(more);
}

static void test_a_source_gives_way_to_itself(void **state)
{
	const struct addr greedy = addr_v4(0x7f000101);
	static int fds[TCP_EACH];
	int first = connected(&here), more;

	for (unsigned i = 0; i < TCP_EACH; i++)
		fds[i] = connected(&greedy);
	assert_int_equal(worker.tcps->n, TCP_EACH + 1);
	more = connected(&greedy);
	assert_ended(fds[0]);
	assert_int_equal(worker.tcps->n, TCP_EACH + 1);
	assert_open(more);
	assert_open(first);
	for (unsigned i = 0; i < TCP_EACH; i++)
		close(fds[i]);
	close(first);
	close(more);
}

#define IDLE_EACH    200
#define IDLE_SOURCES 50

/* Has them as long as the pipe is open: a process of its own, since it takes as many descriptors as the server. */
static _Noreturn void idle_clients(int until)
{
	char c;

	for (unsigned i = 0; i < IDLE_EACH * IDLE_SOURCES; i++) {
		const struct addr from = addr_v4(0x7f000200 + i / IDLE_EACH);
		struct sockaddr_storage sa;
		socklen_t len = addr_to_sockaddr(&from, 0, &sa);
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (fd < 0 || bind(fd, (struct sockaddr *)&sa, len) < 0)
			_exit(1);
		len = addr_to_sockaddr(&here, port, &sa);
		if (connect(fd, (struct sockaddr *)&sa, len) < 0)
			_exit(1);
	}
	_exit(read(until, &c, 1) == 0 ? 0 : 1);
}

/* One network does not take all: there it is one of its own that gives way. */
static void test_a_network_has_its_share(void **state)
{
	const uint16_t in_network = serve_at(NET, SOCK_STREAM, &here);
	int fds[8], a, b, foreign = client(SOCK_STREAM, in_network);

	worker.tcps->descriptors = 40; /* ten, of which a network may have seven */
	UNTIL(COUNT(tcp_accepted_total) == 1);
	for (int i = 0; i < 7; i++)
		fds[i] = connected(&here);
	assert_int_equal(worker.tcps->n, 8);
	a = connected(&here);
	b = connected(&here);
	assert_ended(fds[0]);
	assert_ended(fds[1]);
	assert_int_equal(worker.tcps->n, 8);
	must_send(foreign, octets, framed(octets, 5));
	assert_answered(foreign, 5);
	for (int i = 0; i < 7; i++)
		close(fds[i]);
	close(a);
	close(b);
	close(foreign);
}

static void test_ten_thousand_idle(void **state)
{
	const struct rlimit more = {16384, 65536};
	struct rlimit now;
	int until[2], fd, status;
	pid_t child;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &now), 0);
	if (now.rlim_cur < more.rlim_cur && setrlimit(RLIMIT_NOFILE, &more) < 0)
		skip();
	worker.tcps->descriptors = 65536;
	assert_int_equal(pipe(until), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(until[1]);
		idle_clients(until[0]);
	}
	close(until[0]);
	for (int i = 0; i < 100000 && COUNT(tcp_accepted_total) < IDLE_EACH * IDLE_SOURCES; i++) {
		dns_worker_turn(&worker, 1);
		timer_cancel(&worker.tcps->timer); /* however long it takes, they are not old */
	}
	assert_int_equal(worker.tcps->n, IDLE_EACH * IDLE_SOURCES);
	assert_int_equal(worker.tcps->kept, 0);
	fd = connected(&here);
	assert_open(fd);
	close(until[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	close(fd);
	UNTIL(COUNT(tcp_connections) == 0);
	assert_int_equal(COUNT(tcp_connections), 0);
}

/* --- descriptors run out ---------------------------------------------------------------------------------------- */

static unsigned fill_descriptors(int *spare, unsigned cap)
{
	unsigned n = 0;

	while (n < cap && (spare[n] = fcntl(parent_link, F_DUPFD_CLOEXEC, 0)) >= 0)
		n++;
	assert_true(n < cap);
	return n;
}

static void test_no_descriptors(void **state)
{
	static int spare[4096];
	struct rlimit old, low;
	int idle = connected(&here), a = client(SOCK_STREAM, port), b;
	unsigned n;

	UNTIL(COUNT(tcp_accepted_total) == 2);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = (struct rlimit){256, old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	b = client(SOCK_STREAM, port);
	n = fill_descriptors(spare, 4096);
	/* One that is idle makes room; then there is none left, and nobody spins. */
	turns(3);
	assert_int_equal(COUNT(tcp_accepted_total), 3);
	assert_ended(idle);
	must_send(b, octets, framed(octets, 1));
	assert_answered(b, 1);
	close(a);
	close(b);
	while (n > 0)
		close(spare[--n]);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	close(idle);
}

static void test_no_descriptors_and_no_idle_one(void **state)
{
	static int spare[4096];
	struct rlimit old, low;
	int fd;
	unsigned n;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = (struct rlimit){256, old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	fd = client(SOCK_STREAM, port);
	n = fill_descriptors(spare, 4096);
	turns(3);
	assert_int_equal(COUNT(tcp_accepted_total), 0);
	assert_true(timer_is_set(&worker.retry));
	while (n > 0)
		close(spare[--n]);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_open(fd);
	close(fd);
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
		TEST(test_later_in_the_order_of_answers),
		TEST(test_half_close_waits_for_what_is_owed),
		TEST(test_gone_before_its_answer),
		TEST(test_listener_gone_before_its_answer),
		TEST(test_many_owed),
		TEST(test_later_limits),
		TEST(test_stream),
		TEST(test_stream_is_told_of_the_end),
		TEST(test_idle_ones_end),
		TEST(test_the_more_the_sooner),
		TEST(test_oldest_idle_gives_way),
		TEST(test_nobody_gives_way),
		TEST(test_a_source_gives_way_to_itself),
		TEST(test_a_network_has_its_share),
		TEST(test_ten_thousand_idle),
		TEST(test_no_descriptors),
		TEST(test_no_descriptors_and_no_idle_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
