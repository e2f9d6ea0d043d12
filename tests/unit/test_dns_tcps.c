/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Connections as they come and go: who gives way to whom, and what holds when descriptors run out. */
#include "tcp_rig.h"

#include <sys/wait.h>

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
	/* Nor once more, as long as it is us who lets it wait. */
	age_all(&worker.tcps->busy);
	tcps_timer(&worker, &worker.tcps->timer);
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
