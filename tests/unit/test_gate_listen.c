/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The listening sockets of private addresses: they come and go, many of them, and when there is no room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "endpoint_rig.h"
#include "gate/link.h"

#include <sys/epoll.h>

/* --- listening ---------------------------------------------------------------------------------------------- */

static void link_to_parent(int link[2])
{
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, link), 0);
	assert_int_equal(link_parent(&rig.worker, link[1]), 0);
}

/* Nothing is reported, so that the loop would sleep. */
static void assert_quiet(void)
{
	struct epoll_event ev;

	assert_int_equal(epoll_wait(rig.worker.epoll, &ev, 1, 0), 0);
}

static void test_connections_outlive_their_listener(void **state)
{
	int kept, up;
	uint16_t port = listen_on(NET, endpoint, &kept);
	struct msg_endpoint place = place_of(NET, endpoint, port);
	struct gate_endpoint *e = endpoint_find(&rig.worker, NET, &endpoint);

	declare(endpoint, RIG_CLUSTER, ADMITTED);
	int fd = open_to(host, endpoint, port, &up);
	place.port++; /* what was there before it was given another port */
	endpoint_close(&rig.worker, &place);
	assert_true(e->source.fd >= 0);
	place.port--;
	endpoint_close(&rig.worker, &place);
	assert_int_equal(e->source.fd, -1);
	assert_int_equal(rig.worker.endpoints.n_listening, 0);
	/* The parent still has the socket: what comes to it is not ours to see. */
	int waiting = hello_to(host, endpoint, port, NULL);
	assert_int_equal(rig_reads(waiting), -2);
	assert_quiet();
	assert_int_equal(rig.worker.n_connections, 1);
	assert_true(carries(fd, up));
	/* It comes back as the same, with what waited; the tables go on judging the open one. */
	endpoint_listen(&rig.worker, &place, kept);
	assert_ptr_equal(endpoint_find(&rig.worker, NET, &endpoint), e);
	int up2 = -1;
	RIG_UNTIL(&rig, (up2 = rig_upstream(&rig)) >= 0);
	assert_true(up2 >= 0);
	close_both(waiting, up2);
	endpoint_close(&rig.worker, &place);
	declare_none();
	assert_true(is_cut(fd));
	assert_null(endpoint_find(&rig.worker, NET, &endpoint));
	assert_int_equal(rig.worker.endpoints.n, 0);
	close_both(fd, up);
}

/* Two gates, one socket: each client comes to one of them, and to the other when the first has no room. */
static void test_two_gates_share_a_socket(void **state)
{
	static struct rig other;
	int kept, up, fd[20];
	uint16_t port = listen_on(NET, endpoint, &kept);
	struct msg_endpoint place = place_of(NET, endpoint, port);
	struct rig_endpoint e = {endpoint, RIG_CLUSTER, NULL};

	rig_init(&other);
	rig_declare_endpoints(&other, NET, &e, 1);
	declare(endpoint, RIG_CLUSTER, NULL);
	listeners_start(&other.worker);
	endpoint_listen(&other.worker, &place, kept);
	for (size_t i = 0; i < ARRAY_SIZE(fd); i++) {
		struct rig *first = i % 2 ? &other : &rig;
		uint64_t before = rig_count(first, GATE_accepted_private_total);
		fd[i] = rig_dial(host, endpoint, port);
		RIG_UNTIL(first, rig_count(first, GATE_accepted_private_total) > before);
		rig_turns(i % 2 ? &rig : &other, 1);
	}
	assert_int_equal(rig_count(&rig, GATE_accepted_private_total), 10);
	assert_int_equal(rig_count(&other, GATE_accepted_private_total), 10);
	listeners_pause(&rig.worker);
	int client = rig_dial(host, endpoint, port);
	rig_turns(&rig, 1);
	RIG_UNTIL(&other, rig_count(&other, GATE_accepted_private_total) == 11);
	assert_int_equal(rig_count(&other, GATE_accepted_private_total), 11);
	close(client);
	for (size_t i = 0; i < ARRAY_SIZE(fd); i++)
		close(fd[i]);
	listeners_start(&rig.worker);
	RIG_UNTIL(&rig, !rig.worker.n_connections);
	RIG_UNTIL(&other, !other.worker.n_connections);
	assert_int_equal(rig.worker.n_connections + other.worker.n_connections, 0);
	client = open_to(host, endpoint, port, &up);
	close_both(client, up);
	rig_done(&other);
}

static void test_another_socket_takes_the_place(void **state)
{
	int kept, up;
	uint16_t old = listen_on(NET, endpoint, &kept), port = listen_on(NET, endpoint, NULL);

	assert_int_equal(rig.worker.endpoints.n, 1);
	assert_int_equal(rig.worker.endpoints.n_listening, 1);
	declare(endpoint, RIG_CLUSTER, NULL);
	int fd = open_to(host, endpoint, port, &up);
	close_both(fd, up);
	/* The old one is open elsewhere, and no longer in our event loop. */
	fd = hello_to(host, endpoint, old, NULL);
	assert_int_equal(rig_reads(fd), -2);
	assert_int_equal(rig.worker.n_connections, 0);
	assert_quiet();
	close(fd);
	close(kept);
}

/* In one batch: the parent takes the address back, and a client has come to it. */
static void test_closed_with_an_event_under_way(void **state)
{
	int kept, link[2];
	uint16_t port = listen_on(NET, endpoint, &kept);
	struct msg_endpoint place = place_of(NET, endpoint, port);

	link_to_parent(link);
	assert_int_equal(msg_send_body(link[0], MSG_ENDPOINT_GONE, &place), 0);
	int fd = rig_dial(host, endpoint, port);
	rig_turns(&rig, 1);
	assert_null(endpoint_find(&rig.worker, NET, &endpoint));
	assert_int_equal(rig_count(&rig, GATE_accepted_total), 0);
	assert_quiet();
	close(fd);
	close(kept);
	close(link[0]);
}

static void test_ended_in_its_network(void **state)
{
	int kept;
	uint16_t port = listen_on(NET, endpoint, &kept);

	assert_true(port);
	assert_int_equal(shutdown(kept, SHUT_RDWR), 0);
	RIG_UNTIL(&rig, !endpoint_find(&rig.worker, NET, &endpoint));
	assert_null(endpoint_find(&rig.worker, NET, &endpoint));
	assert_int_equal(rig_count(&rig, GATE_private_listeners), 0);
	assert_quiet();
	close(kept);
}

static void test_senseless_places(void **state)
{
	struct msg_endpoint bad[] = {place_of(0, endpoint, 443), place_of(NET, endpoint, 0),
				     place_of(NET, (struct addr){0}, 443),
				     place_of(NET, endpoint, 443)};
	struct msg_endpoint nobody = place_of(NET, second, 443);
	uint16_t port;

	bad[3].port = 70000;
	endpoint_close(&rig.worker, &nobody);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		int fd = rig_listen_at(endpoint, &port);
		endpoint_listen(&rig.worker, &bad[i], fd);
		assert_int_equal(fcntl(fd, F_GETFD), -1);
	}
	assert_int_equal(rig.worker.endpoints.n, 0);
}

static void test_many(void **state)
{
	static uint16_t port[5000];
	struct rlimit l = descriptors;
	uint32_t n = ARRAY_SIZE(port);

	l.rlim_cur = l.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &l), 0);
	if (l.rlim_cur < n + 1000u)
		n = (uint32_t)l.rlim_cur / 2;
	uint64_t room = rig.worker.descriptors = 2 * n;
	for (uint32_t i = 0; i < n; i++)
		port[i] = listen_on(NET + i % 3, addr_v4(0x7f010001 + i), NULL);
	assert_int_equal(rig.worker.endpoints.n_listening, n);
	assert_int_equal(rig.worker.max_connections, (room - n) / 2);
	assert_true(rig.worker.endpoints.n_slots < 4 * n);
	for (uint32_t i = 0; i < n; i += 997) {
		struct addr a = addr_v4(0x7f010001 + i);
		struct rig_endpoint e = {a, RIG_CLUSTER, ADMITTED};
		int up;
		rig_declare_endpoints(&rig, NET + i % 3, &e, 1);
		int fd = open_to(host, a, port[i], &up);
		close_both(fd, up);
	}
	for (uint32_t i = 0; i < n; i += 2) {
		struct msg_endpoint place = place_of(NET + i % 3, addr_v4(0x7f010001 + i), port[i]);
		endpoint_close(&rig.worker, &place);
	}
	rig_turns(&rig, 1);
	assert_int_equal(rig.worker.endpoints.n, n / 2);
	for (uint32_t i = 0; i < n; i++) {
		struct addr a = addr_v4(0x7f010001 + i);
		assert_int_equal(!endpoint_find(&rig.worker, NET + i % 3, &a), i % 2 == 0);
	}
}

/* --- no room ------------------------------------------------------------------------------------------------ */

static void test_no_room_for_connections(void **state)
{
	uint16_t port = listen_on(NET, endpoint, NULL);
	uint8_t buf[512];
	int up[2], fd[2];

	declare(endpoint, RIG_CLUSTER, NULL);
	rig.options.max_connections = 1;
	worker_room(&rig.worker);
	fd[0] = open_to(host, endpoint, port, &up[0]);
	fd[1] = rig_dial(host, endpoint, port);
	rig_send(fd[1], buf, rig_hello(buf, NULL));
	RIG_UNTIL(&rig, !rig.worker.listening);
	assert_false(rig.worker.listening);
	assert_false(endpoint_find(&rig.worker, NET, &endpoint)->watched);
	assert_int_equal(rig_count(&rig, GATE_descriptors_exhausted_total), 1);
	/* One that is announced meanwhile waits with the others. */
	listen_on(NET, second, NULL);
	assert_false(endpoint_find(&rig.worker, NET, &second)->watched);
	close_both(fd[0], up[0]);
	answer(fd[1], &up[1]);
	close_both(fd[1], up[1]);
	RIG_UNTIL(&rig, rig.worker.listening);
	assert_true(rig.worker.listening);
	assert_true(endpoint_find(&rig.worker, NET, &second)->watched);
}

/* No descriptor is left: neither clients nor the parent's sockets are lost. */
static void test_no_descriptors(void **state)
{
	int link[2], up, listening;
	uint16_t port = listen_on(NET, endpoint, NULL), port2;
	uint8_t buf[512];

	link_to_parent(link);
	declare(endpoint, RIG_CLUSTER, NULL);
	listening = rig_listen_at(second, &port2);
	int fd = rig_dial(host, endpoint, port);
	rig_send(fd, buf, rig_hello(buf, NULL));
	struct msg_endpoint place = place_of(NET, second, port2);
	assert_int_equal(msg_send(link[0], MSG_ENDPOINT, &place, sizeof place, NULL, 0, &listening),
			 0);
	struct rlimit none = {.rlim_cur = (rlim_t)dup(0), .rlim_max = descriptors.rlim_max};
	close((int)none.rlim_cur);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	RIG_UNTIL(&rig, !rig.worker.listening && rig.worker.parent_waits);
	assert_false(rig.worker.listening);
	assert_true(rig.worker.parent_waits);
	assert_false(rig.worker.stopping);
	assert_int_equal(rig.worker.n_connections, 0);
	/* Two become free, one of which is needed to try: the parent's goes first. */
	none.rlim_cur += 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	RIG_UNTIL(&rig, endpoint_find(&rig.worker, NET, &second));
	assert_non_null(endpoint_find(&rig.worker, NET, &second));
	assert_int_equal(rig.worker.n_connections, 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &descriptors), 0);
	answer(fd, &up);
	assert_false(rig.worker.parent_waits);
	close_both(fd, up);
	close(listening);
	close(link[0]);
}

static void test_messages_of_the_parent(void **state)
{
	int link[2], up;
	uint16_t port;
	int fd = rig_listen_at(endpoint, &port);
	struct msg_endpoint place = place_of(NET, endpoint, port);

	link_to_parent(link);
	declare(endpoint, RIG_CLUSTER, ADMITTED);
	assert_int_equal(msg_send(link[0], MSG_ENDPOINT, &place, sizeof place, NULL, 0, &fd), 0);
	rig_turns(&rig, 1);
	int client = open_to(host, endpoint, port, &up);
	close_both(client, up);
	assert_int_equal(msg_send_body(link[0], MSG_ENDPOINT_GONE, &place), 0);
	rig_turns(&rig, 2);
	assert_null(endpoint_find(&rig.worker, NET, &endpoint));
	close(fd);
	close(link[0]);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_connections_outlive_their_listener),
		T(test_two_gates_share_a_socket),
		T(test_another_socket_takes_the_place),
		T(test_closed_with_an_event_under_way),
		T(test_ended_in_its_network),
		T(test_senseless_places),
		T(test_many),
		T(test_no_room_for_connections),
		T(test_no_descriptors),
		T(test_messages_of_the_parent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
