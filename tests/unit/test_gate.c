/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The gate's decisions, connection by connection, in one process: see gate_rig.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gate/events.h"
#include "gate_rig.h"

#include <errno.h>
#include <sys/syscall.h>
#include <time.h>

static struct rig rig;
static const struct addr inside = {.family = ADDR_V4, .lo = 0x0a000001};
static const struct addr inside6 = {.family = ADDR_V6, .hi = 0x20010db800000000ull, .lo = 1};
static const struct addr outside = {.family = ADDR_V4, .lo = 0xc0000201};

static int setup(void **state)
{
	rig_init(&rig);
	return 0;
}

static int teardown(void **state)
{
	rig_done(&rig);
	return 0;
}

static int hello_from(struct addr source, const char *name)
{
	uint8_t buf[512];
	int fd = rig_connect(&rig, source);

	rig_send(fd, buf, rig_hello(buf, name));
	rig_turns(&rig, 3);
	return fd;
}

/* An open connection, with the upstream's end. */
static int open_from(struct addr source, const char *name, int *ret_upstream)
{
	uint8_t buf[1024];
	int fd = hello_from(source, name);

	*ret_upstream = rig_upstream(&rig);
	assert_true(*ret_upstream >= 0);
	assert_true(recv(*ret_upstream, buf, sizeof buf, 0) > 100);
	rig_send(*ret_upstream, "answer", 6);
	rig_turns(&rig, 3);
	assert_int_equal(rig_reads(fd), 6);
	return fd;
}

static void declare(struct tables_cluster c, bool deleted)
{
	rig_declare(&rig, &c, deleted);
	rig.worker.bell = true;
	rig_turns(&rig, 2);
}

static void assert_refused(int fd, enum gate_counter counter, uint64_t n)
{
	assert_true(rig_reads(fd) <= 0 && rig_reads(fd) != -2);
	assert_int_equal(rig_upstream(&rig), -1);
	assert_int_equal(rig_count(&rig, counter), n);
	assert_int_equal(rig.worker.n_connections, 0);
	close(fd);
}

static void test_ranges(void **state)
{
	int up;
	int fd = open_from(inside, RIG_NAME, &up);

	close(fd);
	close(up);
	rig_turns(&rig, 3);
	fd = open_from(inside6, RIG_NAME, &up);
	close(fd);
	close(up);
	rig_turns(&rig, 3);
	assert_refused(hello_from(outside, RIG_NAME), GATE_refused_ranges_total, 1);
	assert_int_equal(rig_count(&rig, GATE_upstream_tries_total), 2);
	assert_int_equal(rig_count(&rig, GATE_admitted_total), 2);
}

static void test_refusals(void **state)
{
	struct tables_cluster c = rig_cluster(&rig);
	uint8_t big[CLIENT_HELLO_MAX + 100] = {0x16, 3, 1, 0x40, 0, 1, 0, 0xff, 0xff, 3, 3};
	int fd;

	assert_refused(hello_from(inside, "other.example.org"), GATE_refused_unknown_name_total, 1);
	assert_refused(hello_from(inside, NULL), GATE_refused_no_name_total, 1);
	fd = rig_connect(&rig, inside);
	rig_send(fd, "GET / HTTP/1.1\r\n", 16);
	rig_turns(&rig, 2);
	assert_refused(fd, GATE_refused_not_tls_total, 1);
	fd = rig_connect(&rig, inside);
	rig_send(fd, big, sizeof big);
	rig_turns(&rig, 2);
	assert_refused(fd, GATE_refused_too_large_total, 1);
	c.public_enabled = false;
	declare(c, false);
	assert_refused(hello_from(inside, RIG_NAME), GATE_refused_public_off_total, 1);
	declare(c, true);
	assert_refused(hello_from(inside, RIG_NAME), GATE_refused_unknown_name_total, 2);
}

static void test_public_open(void **state)
{
	struct tables_cluster c = rig_cluster(&rig);
	int up;

	c.public_open = true;
	declare(c, false);
	int fd = open_from(outside, RIG_NAME, &up);
	close(fd);
	close(up);
}

static void test_hello_timeout(void **state)
{
	int fd = rig_connect(&rig, inside);

	rig_send(fd, "\x16\x03\x01", 3);
	rig_turns(&rig, 2);
	assert_int_equal(rig.worker.n_hellos, 1);
	/* The rest comes too late: its deadline is moved to now instead of waiting for it. */
	struct connection *c = container_of(rig.worker.hellos.next, struct connection, node);
	timer_set(&rig.worker.timers, &c->timer, 0);
	usleep(2 * TIMER_TICK_MS * 1000);
	rig_turns(&rig, 1);
	assert_refused(fd, GATE_refused_hello_timeout_total, 1);
}

static void test_change_cuts_only_what_it_forbids(void **state)
{
	struct tables_cluster c = rig_cluster(&rig);
	int up[2];
	int fd = open_from(inside, RIG_NAME, &up[0]);

	declare(c, false); /* nothing changes for it */
	assert_int_equal(rig_reads(fd), -2);
	assert_int_equal(rig_count(&rig, GATE_judged_total), 1);
	assert_int_equal(rig_count(&rig, GATE_cut_total), 0);
	c.public_enabled = false;
	declare(c, false);
	assert_true(rig_reads(fd) <= 0 && rig_reads(fd) != -2);
	assert_int_equal(rig_count(&rig, GATE_cut_total), 1);
	close(fd);
	close(up[0]);
}

static void test_change_while_connecting(void **state)
{
	struct tables_cluster c = rig_cluster(&rig);
	int fd = hello_from(inside, RIG_NAME); /* upstream has not answered */

	c.public_enabled = false;
	c.drain_s = 100; /* drain is for open connections */
	declare(c, false);
	assert_true(rig_reads(fd) <= 0 && rig_reads(fd) != -2);
	assert_int_equal(rig.worker.n_connections, 0);
	close(fd);
	close(rig_upstream(&rig));
}

static void test_name_moves_to_another_cluster(void **state)
{
	uint32_t ids[2] = {RIG_CLUSTER, 2};
	struct tables_cluster c = rig_cluster(&rig);
	struct err e;
	int up;
	int fd = open_from(inside, RIG_NAME, &up);

	c.id = 2;
	c.public_open = true;
	c.generation = ++rig.generation;
	assert_int_equal(tables_begin(rig.writer, &e), 0);
	assert_int_equal(tables_put_cluster(rig.writer, &c, &e), 0);
	assert_int_equal(tables_put_name(rig.writer, RIG_NAME, 2, &e), 0);
	assert_int_equal(tables_commit(rig.writer, rig.generation,
				       "00112233445566778899aabbccddeeff", ids, 2, &e),
			 0);
	rig.worker.bell = true;
	rig_turns(&rig, 2);
	assert_true(rig_reads(fd) <= 0 && rig_reads(fd) != -2);
	assert_int_equal(rig_count(&rig, GATE_cut_total), 1);
	close(fd);
	close(up);
}

static void test_drain(void **state)
{
	struct tables_cluster c = rig_cluster(&rig);
	int up;
	int fd = open_from(inside, RIG_NAME, &up);

	c.public_enabled = false;
	c.drain_s = 1000;
	declare(c, false);
	assert_int_equal(rig_reads(fd), -2);
	assert_int_equal(rig_count(&rig, GATE_draining), 1);
	c.public_enabled = true;
	declare(c, false); /* allowed again: the time is forgotten */
	assert_int_equal(rig_count(&rig, GATE_draining), 0);
	c.public_enabled = false;
	c.drain_s = 0;
	declare(c, false);
	assert_true(rig_reads(fd) <= 0 && rig_reads(fd) != -2);
	close(fd);
	close(up);
}

static void test_next_upstream(void **state)
{
	struct tables_cluster c = rig_cluster(&rig);
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)};
	socklen_t len = sizeof sa;
	int up, closed = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(closed, (struct sockaddr *)&sa, sizeof sa), 0);
	assert_int_equal(getsockname(closed, (struct sockaddr *)&sa, &len), 0);
	c.n_upstreams = 2;
	c.upstreams[1] = c.upstreams[0];
	c.upstreams[0].port = ntohs(sa.sin_port);
	declare(c, false);
	/* The upstreams take turns, so one of these meets the port where nobody listens first. */
	for (int i = 0; i < 2; i++) {
		int fd = open_from(inside, RIG_NAME, &up);
		close(fd);
		close(up);
		rig_turns(&rig, 3);
	}
	assert_int_equal(rig_count(&rig, GATE_upstream_failures_total), 1);
	assert_int_equal(rig_count(&rig, GATE_admitted_total), 2);
	close(closed);
}

static void test_silent_upstream_gets_no_second_chance(void **state)
{
	int fd = hello_from(inside, RIG_NAME);

	close(rig_upstream(&rig)); /* without an answer; there is no other upstream */
	rig_turns(&rig, 3);
	assert_refused(fd, GATE_refused_no_upstream_total, 1);
}

static void test_limits(void **state)
{
	struct tables_cluster c = rig_cluster(&rig);
	struct addr other = {.family = ADDR_V4, .lo = 0x0a000002};
	int up[3], fd[3];

	c.max_connections = 2;
	c.max_per_source = 1;
	declare(c, false);
	fd[0] = open_from(inside, RIG_NAME, &up[0]);
	int refused = hello_from(inside, RIG_NAME);
	assert_true(rig_reads(refused) <= 0);
	assert_int_equal(rig_count(&rig, GATE_refused_source_limit_total), 1);
	close(refused);
	fd[1] = open_from(other, RIG_NAME, &up[1]);
	refused = hello_from(inside6, RIG_NAME);
	assert_int_equal(rig_count(&rig, GATE_refused_cluster_limit_total), 1);
	close(refused);
	close(fd[0]);
	close(up[0]);
	rig_turns(&rig, 3);
	fd[2] = open_from(inside6, RIG_NAME, &up[2]); /* a place has become free */
	for (int i = 1; i < 3; i++) {
		close(fd[i]);
		close(up[i]);
	}
}

static void test_half_close(void **state)
{
	uint8_t buf[64];
	int up;
	int fd = open_from(inside, RIG_NAME, &up);

	rig_send(fd, "last", 4);
	shutdown(fd, SHUT_WR);
	rig_turns(&rig, 3);
	assert_int_equal(recv(up, buf, sizeof buf, 0), 4);
	assert_int_equal(recv(up, buf, sizeof buf, 0), 0);
	rig_send(up, "still here", 10); /* the other direction goes on */
	rig_turns(&rig, 3);
	assert_int_equal(rig_reads(fd), 10);
	close(up);
	rig_turns(&rig, 3);
	assert_int_equal(rig_reads(fd), 0);
	assert_int_equal(rig.worker.n_connections, 0);
	close(fd);
}

/* Nothing is held for a connection that is quiet: no buffer, no pipe. */
static void test_idle_holds_nothing(void **state)
{
	static uint8_t block[200000];
	int up;
	int fd = open_from(inside, RIG_NAME, &up);
	struct gate_cluster *cluster = cluster_find(&rig.worker, RIG_CLUSTER);
	struct connection *c = container_of(cluster->connections.next, struct connection, node);
	size_t sent = 0, got = 0;

	while (got < 4 * sizeof block) {
		ssize_t n =
			sent < 4 * sizeof block ? send(up, block, sizeof block, MSG_NOSIGNAL) : 0;
		sent += n > 0 ? (size_t)n : 0;
		rig_turns(&rig, 1);
		while ((n = recv(fd, block, sizeof block, 0)) > 0)
			got += (size_t)n;
	}
	assert_true(rig_count(&rig, GATE_spliced_bytes_total) > 0);
	rig_turns(&rig, 3);
	assert_null(c->hello);
	for (int s = 0; s < 2; s++) {
		assert_null(c->side[s].pipe);
		assert_null(c->side[s].left);
	}
	close(fd);
	close(up);
}

static void test_oldest_hello_gives_way(void **state)
{
	int fd[6];

	rig.worker.max_connections = 8; /* half of it for unfinished hellos */
	for (int i = 0; i < 4; i++)
		fd[i] = rig_connect(&rig, inside);
	assert_int_equal(rig.worker.n_hellos, 4);
	for (int i = 0; i < 4; i++)
		close(fd[i]);
	rig_turns(&rig, 2);
	assert_int_equal(rig_count(&rig, GATE_client_gone_total), 4);
}

/* A record that is damaged admits nobody. */
static void test_damaged_ranges(void **state)
{
	static const uint8_t garbage[64] = "PRS1 but no more than that";
	const uint32_t id = RIG_CLUSTER;
	struct tables_cluster c = rig_cluster(&rig);
	struct err e;

	c.id = id;
	c.generation = ++rig.generation;
	assert_int_equal(tables_begin(rig.writer, &e), 0);
	assert_int_equal(tables_put_cluster(rig.writer, &c, &e), 0);
	assert_int_equal(tables_put_ranges(rig.writer, id, garbage, sizeof garbage, &e), 0);
	assert_int_equal(tables_commit(rig.writer, rig.generation,
				       "00112233445566778899aabbccddeeff", &id, 1, &e),
			 0);
	rig.worker.bell = true;
	rig_turns(&rig, 2);
	assert_refused(hello_from(inside, RIG_NAME), GATE_refused_tables_total, 1);
	assert_true(rig_count(&rig, GATE_tables_unreadable_total) >= 1);
}

/* The wall clock as the gate sees it; the monotonic one is the kernel's. */
static int64_t wall_jump_s;

int clock_gettime(clockid_t id, struct timespec *ts)
{
	long r = syscall(SYS_clock_gettime, id, ts);

	if (!r && id == CLOCK_REALTIME)
		ts->tv_sec += wall_jump_s;
	return (int)r;
}

/* Years forward and back: no timer fires early or late, no connection ends, no duration is wrong. */
static void test_wall_clock_jumps(void **state)
{
	static const int64_t jumps[] = {10 * 365 * 86400ll, -10 * 365 * 86400ll, 3600, -3600, 0};
	struct tables_cluster c = rig_cluster(&rig);
	struct gate_event *e = rig.worker.events;
	int up;

	rig.worker.watched = true;
	c.drain_s = 100;
	declare(c, false);
	int waiting = rig_connect(&rig, inside); /* its hello has 5 seconds */
	int fd = open_from(inside, RIG_NAME, &up);
	c.public_enabled = false;
	declare(c, false); /* draining for 100 seconds */
	uint64_t before = clock_wall_us();
	for (size_t i = 0; i < ARRAY_SIZE(jumps); i++) {
		wall_jump_s = jumps[i];
		rig_turns(&rig, 3);
		usleep(2 * TIMER_TICK_MS * 1000);
		rig_turns(&rig, 3);
		assert_int_equal(rig_reads(fd), -2);
		assert_int_equal(rig_reads(waiting), -2);
		assert_int_equal(rig.worker.n_connections, 2);
		if (!i)
			assert_true(clock_wall_us() - before > 9 * 365 * 86400ull * 1000000);
	}
	wall_jump_s = 10 * 365 * 86400ll;
	event_connection(&rig.worker, GATE_EVENT_CLOSED,
			 container_of(cluster_find(&rig.worker, RIG_CLUSTER)->connections.next,
				      struct connection, node),
			 REASON_NONE, NULL, 0);
	assert_int_equal(rig.worker.n_events, 1);
	assert_in_range(e->duration_ms, 1, 60000);
	wall_jump_s = 0;
	close(fd);
	close(up);
	close(waiting);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_ranges),
		T(test_refusals),
		T(test_public_open),
		T(test_hello_timeout),
		T(test_change_cuts_only_what_it_forbids),
		T(test_change_while_connecting),
		T(test_name_moves_to_another_cluster),
		T(test_drain),
		T(test_next_upstream),
		T(test_silent_upstream_gets_no_second_chance),
		T(test_limits),
		T(test_half_close),
		T(test_idle_holds_nothing),
		T(test_oldest_hello_gives_way),
		T(test_damaged_ranges),
		T(test_wall_clock_jumps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
