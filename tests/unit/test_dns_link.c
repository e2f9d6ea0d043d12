/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parent and control say to a name server process, and what it says to control. */
#include "serve_rig.h"

static uint8_t query[512], answer[DNS_MESSAGE_MAX];
static uint16_t port;
static int fd;

static int setup(void **state)
{
	if (serve_setup(state) < 0)
		return -1;
	port = serve_at(0, SOCK_DGRAM, &here);
	fd = client(SOCK_DGRAM, port);
	return 0;
}

static int teardown(void **state)
{
	close(fd);
	return serve_teardown(state);
}

static void ask_nothing_yet(void)
{
	must_send(fd, query, query_make(query, 1));
}

static int answered(void)
{
	return last_of(answer, datagram_wait(fd, answer, sizeof(answer)));
}

static int ask(void)
{
	ask_nothing_yet();
	return answered();
}

static void parent_tells(enum msg_type type, const void *body, size_t size, const int *fds)
{
	assert_int_equal(msg_send(parent_link, type, body, size, NULL, 0, fds), 0);
}

/* --- the bell --------------------------------------------------------------------------------------------------- */

static void test_hello_says_where_we_are(void **state)
{
	const struct msg_generation *hello = told(MSG_HELLO_D);

	assert_int_equal(hello->generation, rig_generation);
	assert_int_equal(COUNT(generation), rig_generation);
	assert_true(told_nothing());
}

static void test_bell_is_acknowledged(void **state)
{
	const struct msg_ack_dns *ack;

	(void)told(MSG_HELLO_D);
	assert_int_equal(ask(), 1);
	zone_publish(2);
	bell_ring();
	ack = told(MSG_ACK_D);
	assert_int_equal(ack->generation, rig_generation);
	assert_true(ack->took_ns > 0);
	assert_int_equal(COUNT(generation), rig_generation);
	assert_int_equal(ask(), 2);
	assert_true(told_nothing());
	/* One that was seen already is acknowledged again. */
	bell_ring();
	ack = told(MSG_ACK_D);
	assert_int_equal(ack->generation, rig_generation);
}

/* Queries and bell come in one batch: what is answered after the acknowledgement was sent is never older. */
static void test_nothing_older_after_the_acknowledgement(void **state)
{
	(void)told(MSG_HELLO_D);
	for (unsigned i = 2; i < 200; i++) {
		bool acknowledged = false;

		for (int k = 0; k < 3; k++)
			ask_nothing_yet();
		zone_publish(i);
		bell_ring();
		ask_nothing_yet();
		for (int k = 0; k < 100 && !acknowledged; k++) {
			dns_worker_turn(&worker, 1);
			acknowledged = msg_recv(control_link, ROLE_DNS, ROLE_CONTROL, &said) == 0;
		}
		assert_true(acknowledged);
		assert_int_equal(((const struct msg_ack_dns *)said.body)->generation,
				 rig_generation);
		UNTIL(COUNT(queries_udp_total) == (i - 1) * 4);
		while (is_readable(fd))
			assert_true(recv(fd, answer, sizeof(answer), 0) > 0);
		ask_nothing_yet();
		assert_int_equal(answered(), (int)i);
		atomic_store(&counters.value[DNS_queries_udp_total], (i - 1) * 4);
	}
}

/* So many others are to be served that control's turn would be long in coming: it is looked for. */
static void test_bell_among_many(void **state)
{
	static int others[3 * DNS_EVENTS];

	(void)told(MSG_HELLO_D);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		others[i] = client(SOCK_DGRAM, serve_at((uint32_t)i + 100, SOCK_DGRAM, &here));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		must_send(others[i], query, query_make(query, 1));
	zone_publish(3);
	bell_ring();
	dns_worker_turn(&worker, 0);
	assert_int_equal(msg_recv(control_link, ROLE_DNS, ROLE_CONTROL, &said), 0);
	assert_int_equal(said.type, MSG_ACK_D);
	assert_int_equal(COUNT(queries_udp_total), DNS_EVENTS);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		close(others[i]);
}

/* An acknowledgement that control has no room for comes when it has. */
static void test_control_is_slow(void **state)
{
	const struct msg_generation at = {.generation = 1};
	unsigned n = 0;

	(void)told(MSG_HELLO_D);
	while (msg_send_body(worker.control.fd, MSG_HELLO_D, &at) == 0)
		n++;
	zone_publish(4);
	bell_ring();
	turns(3);
	assert_true(worker.bell);
	assert_int_equal(ask(), 4);
	while (n-- > 0)
		(void)told(MSG_HELLO_D);
	(void)told(MSG_ACK_D);
	assert_false(worker.bell);
}

static void test_erased_tables(void **state)
{
	(void)told(MSG_HELLO_D);
	assert_int_equal(ask(), 1);
	assert_int_equal(tables_erase(dir, NULL), 0);
	bell_ring();
	assert_true(told_nothing());
	assert_int_equal(ask(), 1); /* from what there was */
	tables_close(rig_tables);
	rig_tables = must_open(true);
}

/* --- control ---------------------------------------------------------------------------------------------------- */

static void test_control_gone_and_back(void **state)
{
	int link[2];

	(void)told(MSG_HELLO_D);
	close(control_link);
	UNTIL(worker.control.fd < 0);
	assert_int_equal(worker.control.fd, -1);
	zone_publish(5);
	assert_int_equal(ask(), 5);
	links_make(link);
	parent_tells(MSG_CONTROL_LINK_D, &none, sizeof(none), &link[1]);
	close(link[1]);
	control_link = link[0];
	(void)told(MSG_HELLO_D);
	bell_ring();
	assert_int_equal(((const struct msg_ack_dns *)told(MSG_ACK_D))->generation, rig_generation);
}

static void test_control_breaks_the_contract(void **state)
{
	(void)told(MSG_HELLO_D);
	must_send(control_link, "nonsense", 8);
	UNTIL(worker.control.fd < 0);
	assert_int_equal(worker.control.fd, -1);
	assert_false(worker.stopping);
	assert_int_equal(ask(), 1);
}

/* --- the parent ------------------------------------------------------------------------------------------------- */

static void test_parent_gone(void **state)
{
	shutdown(parent_link, SHUT_RDWR);
	UNTIL(worker.stopping);
	assert_true(worker.stopping);
}

static void test_parent_gone_and_no_descriptors(void **state)
{
	static int spare[4096];
	struct rlimit old, low;
	unsigned n = 0;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = (struct rlimit){256, old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	while (n < 4096 && (spare[n] = fcntl(control_link, F_DUPFD_CLOEXEC, 0)) >= 0)
		n++;
	shutdown(parent_link, SHUT_RDWR);
	turns(3);
	assert_true(worker.stopping);
	while (n > 0)
		close(spare[--n]);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
}

static void test_parent_breaks_the_contract(void **state)
{
	must_send(parent_link, "nonsense", 8);
	UNTIL(worker.stopping);
	assert_true(worker.stopping);
}

static void test_told_to_stop(void **state)
{
	parent_tells(MSG_STOP_DNS, &none, sizeof(none), NULL);
	UNTIL(worker.stopping);
	assert_true(worker.stopping);
}

static uint16_t parent_opens(uint32_t kind, uint32_t network, uint32_t slot)
{
	const bool asks = kind == ENDPOINT_ASK_UDP || kind == ENDPOINT_ASK_TCP;
	struct msg_endpoint at = {.kind = kind, .network = network, .addr = here, .slot = slot};
	uint16_t opened;
	int s = socket_at(kind == ENDPOINT_DNS_TCP ? SOCK_STREAM : SOCK_DGRAM, &here, &opened);

	at.port = asks ? 0 : opened;
	parent_tells(MSG_ENDPOINT_D, &at, sizeof(at), &s);
	close(s);
	return opened;
}

static void test_endpoints(void **state)
{
	const uint16_t udp = parent_opens(ENDPOINT_DNS_UDP, NET, 0);
	const uint16_t tcp = parent_opens(ENDPOINT_DNS_TCP, NET, 0);
	struct msg_endpoint at = {
		.kind = ENDPOINT_DNS_UDP, .network = NET, .addr = here, .port = udp};
	int u = client(SOCK_DGRAM, udp), t = client(SOCK_STREAM, tcp);
	size_t n = query_make(query + 2, 1);

	must_send(u, query + 2, n);
	n = datagram_wait(u, answer, sizeof(answer));
	assert_memory_equal(answer + n - 4, "\12\7\0\1", 4);
	n = query_make(query + 2, 1);
	query[0] = 0;
	query[1] = (uint8_t)n;
	must_send(t, query, n + 2);
	n = datagram_wait(t, answer, sizeof(answer));
	assert_memory_equal(answer + n - 4, "\12\7\0\1", 4);
	assert_int_equal(COUNT(sockets), 3);
	parent_tells(MSG_ENDPOINT_GONE_D, &at, sizeof(at), NULL);
	UNTIL(COUNT(sockets) == 2);
	assert_int_equal(COUNT(sockets), 2);
	at.kind = ENDPOINT_DNS_TCP;
	at.port = tcp;
	parent_tells(MSG_ENDPOINT_GONE_D, &at, sizeof(at), NULL);
	UNTIL(COUNT(tcp_connections) == 0);
	assert_int_equal(recv(t, answer, 1, 0), 0);
	parent_tells(MSG_ENDPOINT_GONE_D, &at, sizeof(at), NULL); /* once more does no harm */
	turns(2);
	assert_int_equal(COUNT(sockets), 1);
	assert_int_equal(worker.n_served, 1);
	close(u);
	close(t);
}

/* A socket in the place of another: that one is served, the other closed. */
static void test_endpoint_anew(void **state)
{
	struct msg_endpoint at = {.kind = ENDPOINT_DNS_UDP, .network = NET, .addr = here};
	uint16_t first = parent_opens(ENDPOINT_DNS_UDP, NET, 0), second;
	int s = socket_at(SOCK_DGRAM, &here, &second), c;

	at.port = first;
	parent_tells(MSG_ENDPOINT_D, &at, sizeof(at), &s);
	close(s);
	UNTIL(COUNT(sockets) == 2);
	c = client(SOCK_DGRAM, second);
	must_send(c, query, query_make(query, 1));
	assert_true(datagram_wait(c, answer, sizeof(answer)) > 0);
	assert_int_equal(COUNT(sockets), 2);
	close(c);
}

static void test_senseless_endpoints(void **state)
{
	(void)parent_opens(ENDPOINT_GATE, NET, 0);
	(void)parent_opens(ENDPOINT_KIND_COUNT, NET, 0);
	(void)parent_opens(ENDPOINT_DNS_UDP, 0, 0);
	(void)parent_opens(ENDPOINT_ASK_UDP, NET, 5);
	turns(3);
	assert_int_equal(COUNT(sockets), 1);
	assert_int_equal(ask(), 1);
}

static void test_listeners(void **state)
{
	struct msg_listener l = {.kind = LISTENER_DNS_UDP, .addr = here};
	uint16_t opened;
	int s = socket_at(SOCK_DGRAM, &here, &opened), c;

	l.port = opened;
	parent_tells(MSG_LISTENER_D, &l, sizeof(l), &s);
	l.kind = LISTENER_API;
	parent_tells(MSG_LISTENER_D, &l, sizeof(l), &s);
	close(s);
	c = client(SOCK_DGRAM, opened);
	must_send(c, query, query_make(query, 1));
	assert_int_equal(last_of(answer, datagram_wait(c, answer, sizeof(answer))), 1);
	assert_int_equal(COUNT(sockets), 2);
	close(c);
}

/* No descriptor for the socket that comes: an idle connection makes room, or it waits. */
static void test_endpoint_without_descriptors(void **state)
{
	static int spare[4096];
	const uint16_t tcp = serve_at(0, SOCK_STREAM, &here);
	int idle = client(SOCK_STREAM, tcp);
	struct rlimit old, low;
	unsigned n = 0;

	UNTIL(COUNT(tcp_connections) == 1);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = (struct rlimit){256, old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	(void)parent_opens(ENDPOINT_DNS_UDP, NET, 0);
	(void)parent_opens(ENDPOINT_DNS_UDP, NET + 1, 0);
	while (n < 4096 && (spare[n] = fcntl(parent_link, F_DUPFD_CLOEXEC, 0)) >= 0)
		n++;
	turns(3);
	assert_int_equal(COUNT(tcp_connections), 0);
	assert_int_equal(COUNT(sockets), 3);
	assert_true(worker.parent_waits);
	assert_int_equal(ask(), 1);
	while (n > 0)
		close(spare[--n]);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	UNTIL(COUNT(sockets) == 4);
	assert_int_equal(COUNT(sockets), 4);
	assert_false(worker.parent_waits);
	close(idle);
}

/* --- without tables --------------------------------------------------------------------------------------------- */

static void test_no_snapshot(void **state)
{
	struct tables *kept = worker.tables;

	(void)told(MSG_HELLO_D);
	worker.tables = NULL;
	ask_nothing_yet();
	assert_true(datagram_wait(fd, answer, sizeof(answer)) > 0);
	assert_int_equal(rcode_of(answer), DNS_SERVFAIL);
	assert_int_equal(COUNT(tables_unreadable_total), 1);
	worker.tables = kept;
	assert_int_equal(ask(), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_hello_says_where_we_are),
		TEST(test_bell_is_acknowledged),
		TEST(test_nothing_older_after_the_acknowledgement),
		TEST(test_bell_among_many),
		TEST(test_control_is_slow),
		TEST(test_erased_tables),
		TEST(test_control_gone_and_back),
		TEST(test_control_breaks_the_contract),
		TEST(test_parent_gone),
		TEST(test_parent_gone_and_no_descriptors),
		TEST(test_parent_breaks_the_contract),
		TEST(test_told_to_stop),
		TEST(test_endpoints),
		TEST(test_endpoint_anew),
		TEST(test_senseless_endpoints),
		TEST(test_listeners),
		TEST(test_endpoint_without_descriptors),
		TEST(test_no_snapshot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
