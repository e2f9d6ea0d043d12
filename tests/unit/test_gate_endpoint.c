/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who is admitted by a private address, at first and after changes, and what is told of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "endpoint_rig.h"
#include "gate/dump.h"

/* --- admission ---------------------------------------------------------------------------------------------- */

static void test_any_name_leads_to_its_cluster(void **state)
{
	static const char *const names[] = {NULL, RIG_NAME, "nobody.example.net",
					    "other.example.org"};
	static const uint32_t other = 2;
	uint16_t port = listen_on(NET, endpoint, NULL);
	struct tables_cluster c = rig_cluster(&rig);
	struct err e;
	int up;

	/* The last name is another cluster's, which has no upstream that answers. */
	c.id = other;
	snprintf(c.name, sizeof c.name, "other");
	c.generation = ++rig.generation;
	c.upstreams[0].port = 1;
	assert_int_equal(tables_begin(rig.writer, &e), 0);
	assert_int_equal(tables_put_cluster(rig.writer, &c, &e), 0);
	assert_int_equal(tables_put_name(rig.writer, "other.example.org", other, &e), 0);
	assert_int_equal(tables_commit(rig.writer, rig.generation,
				       "00112233445566778899aabbccddeeff", &other, 1, &e),
			 0);
	declare(endpoint, RIG_CLUSTER, ADMITTED);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		int fd = answer(hello_to(host, endpoint, port, names[i]), &up);
		close_both(fd, up);
	}
	assert_int_equal(rig_count(&rig, GATE_admitted_total), 4);
	assert_int_equal(rig_count(&rig, GATE_accepted_total), 4);
	assert_int_equal(rig_count(&rig, GATE_accepted_private_total), 4);
	assert_true(list_is_empty(&cluster_find(&rig.worker, RIG_CLUSTER)->private_names));
}

static void test_not_admitted(void **state)
{
	uint16_t port = listen_on(NET, endpoint, NULL);
	int up;

	declare(endpoint, RIG_CLUSTER, ADMITTED);
	assert_refused(hello_to(stranger, endpoint, port, RIG_NAME),
		       GATE_refused_not_admitted_total, 1);
	assert_int_equal(rig_count(&rig, GATE_upstream_tries_total), 0);
	/* The public endpoint's state and ranges play no part, here or there. */
	struct tables_cluster c = rig_cluster(&rig);
	c.public_open = true;
	rig_declare(&rig, &c, false);
	ring();
	assert_refused(hello_to(stranger, endpoint, port, RIG_NAME),
		       GATE_refused_not_admitted_total, 2);
	declare(endpoint, RIG_CLUSTER, NULL);
	int fd = open_to(stranger, endpoint, port, &up);
	close_both(fd, up);
}

static void test_off(void **state)
{
	uint16_t port = listen_on(NET, endpoint, NULL);

	assert_refused(hello_to(host, endpoint, port, RIG_NAME), GATE_refused_private_off_total, 1);
	/* The same address in another network is another place. */
	struct rig_endpoint e = {endpoint, RIG_CLUSTER, NULL};
	rig_declare_endpoints(&rig, OTHER_NET, &e, 1);
	ring();
	assert_refused(hello_to(host, endpoint, port, RIG_NAME), GATE_refused_private_off_total, 2);
	/* A cluster that is not there is damage. */
	declare(endpoint, 99, NULL);
	assert_refused(hello_to(host, endpoint, port, RIG_NAME), GATE_refused_tables_total, 1);
}

static void test_damaged_record(void **state)
{
	uint16_t port = listen_on(NET, endpoint, NULL);
	int up;

	declare(endpoint, RIG_CLUSTER, ADMITTED);
	int fd = open_to(host, endpoint, port, &up);
	declare(endpoint, RIG_CLUSTER, "");
	assert_true(is_cut(fd));
	close_both(fd, up);
	assert_refused(hello_to(host, endpoint, port, NULL), GATE_refused_tables_total, 1);
	assert_true(rig_count(&rig, GATE_tables_unreadable_total) >= 2);
	declare(endpoint, RIG_CLUSTER, ADMITTED);
	fd = open_to(host, endpoint, port, &up);
	close_both(fd, up);
}

/* The reader and its limits are those of every connection. */
static void test_it_must_be_tls_in_time(void **state)
{
	uint16_t port = listen_on(NET, endpoint, NULL);

	declare(endpoint, RIG_CLUSTER, NULL);
	int fd = rig_dial(host, endpoint, port);
	rig_send(fd, "GET / HTTP/1.1\r\n", 16);
	rig_turns(&rig, 3);
	assert_refused(fd, GATE_refused_not_tls_total, 1);
	fd = rig_dial(host, endpoint, port);
	RIG_UNTIL(&rig, rig.worker.n_hellos);
	assert_int_equal(rig.worker.n_hellos, 1);
	struct connection *c = container_of(rig.worker.hellos.next, struct connection, node);
	timer_set(&rig.worker.timers, &c->timer, 0);
	usleep(2 * TIMER_TICK_MS * 1000);
	rig_turns(&rig, 1);
	assert_refused(fd, GATE_refused_hello_timeout_total, 1);
}

/* An address that equals a balancer's is a host's here: no header is waited for, none is taken. */
static void test_no_proxy_header_is_expected(void **state)
{
	static const char header[] = "PROXY TCP4 127.2.0.9 127.1.0.1 1000 443\r\n";
	uint16_t port = listen_on(NET, endpoint, NULL);
	int up;

	rig.options.n_trusted = 1;
	rig.options.trusted[0] = (struct prefix){.addr = addr_v4(0x7f000000), .len = 8};
	declare(endpoint, RIG_CLUSTER, ADMITTED);
	int fd = open_to(host, endpoint, port, &up);
	close_both(fd, up);
	fd = rig_dial(stranger, endpoint, port);
	rig_send(fd, header, sizeof header - 1);
	rig_turns(&rig, 3);
	assert_refused(fd, GATE_refused_not_tls_total, 1);
}

static void test_proxy_v2_carries_the_private_source(void **state)
{
	uint16_t port = listen_on(NET, endpoint, NULL), client_port;
	struct tables_cluster c = rig_cluster(&rig);
	struct sockaddr_storage sa;
	socklen_t len = sizeof sa;
	struct proxy_header h;
	uint8_t buf[1024];

	c.public_enabled = false;
	c.proxy_v2 = true;
	rig_declare(&rig, &c, false);
	declare(endpoint, RIG_CLUSTER, ADMITTED);
	int fd = hello_to(host, endpoint, port, NULL), up = -1;
	ssize_t n = -1;
	RIG_UNTIL(&rig, (up = rig_upstream(&rig)) >= 0);
	assert_true(up >= 0);
	RIG_UNTIL(&rig, (n = recv(up, buf, sizeof buf, 0)) > 0);
	assert_true(n > 100);
	assert_int_equal(proxy_header_read(buf, (size_t)n, &h), WIRE_DONE);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	addr_from_sockaddr(&sa, &client_port);
	assert_true(addr_is_equal(&h.source, &host) && h.source_port == client_port);
	assert_true(addr_is_equal(&h.destination, &endpoint) && h.destination_port == port);
	close_both(fd, up);
}

/* Hosts of two networks with the same address are two sources; the cluster's own limit is over all. */
static void test_limits(void **state)
{
	uint16_t port = listen_on(NET, endpoint, NULL), port2 = listen_on(OTHER_NET, second, NULL);
	struct rig_endpoint e = {second, RIG_CLUSTER, NULL};
	struct tables_cluster c = rig_cluster(&rig);
	int up[2], fd[2];

	c.max_per_source = 1;
	c.max_connections = 2;
	rig_declare(&rig, &c, false);
	declare(endpoint, RIG_CLUSTER, NULL);
	rig_declare_endpoints(&rig, OTHER_NET, &e, 1);
	fd[0] = open_to(host, endpoint, port, &up[0]);
	int refused = hello_to(host, endpoint, port, NULL);
	assert_true(is_cut(refused));
	assert_int_equal(rig_count(&rig, GATE_refused_source_limit_total), 1);
	close(refused);
	fd[1] = open_to(host, second, port2, &up[1]);
	refused = hello_to(stranger, endpoint, port, NULL);
	assert_true(is_cut(refused));
	assert_int_equal(rig_count(&rig, GATE_refused_cluster_limit_total), 1);
	close(refused);
	close_both(fd[0], up[0]);
	close_both(fd[1], up[1]);
}

/* --- changes ------------------------------------------------------------------------------------------------ */

static void test_change_cuts_only_what_it_forbids(void **state)
{
	struct rig_endpoint two[] = {{endpoint, RIG_CLUSTER, "127.0.0.0/8"},
				     {second, RIG_CLUSTER, "127.0.0.0/8"}};
	uint16_t port = listen_on(NET, endpoint, NULL), port2 = listen_on(NET, second, NULL);
	struct tables_cluster c = rig_cluster(&rig);
	uint8_t buf[512];
	int fd[4], up[4];

	rig_declare(&rig, &c, false); /* public: from 10/8 */
	rig_declare_endpoints(&rig, NET, two, 2);
	ring();
	fd[0] = open_to(stranger, endpoint, port, &up[0]);
	fd[1] = open_to(host, endpoint, port, &up[1]);
	fd[2] = open_to(stranger, second, port2, &up[2]);
	fd[3] = rig_connect(&rig, inside);
	rig_send(fd[3], buf, rig_hello(buf, RIG_NAME));
	rig_turns(&rig, 3);
	answer(fd[3], &up[3]);

	two[0].sources = ADMITTED;
	rig_declare_endpoints(&rig, NET, two, 2);
	uint64_t judged = rig_count(&rig, GATE_judged_total);
	ring();
	assert_true(is_cut(fd[0]));
	for (int i = 1; i < 4; i++)
		assert_true(carries(fd[i], up[i]));
	assert_int_equal(rig_count(&rig, GATE_cut_total), 1);
	assert_int_equal(rig_count(&rig, GATE_judged_total), judged + 4);

	/* Public off: its connection alone. Its name gone: as well. */
	c.public_enabled = false;
	rig_declare(&rig, &c, false);
	ring();
	assert_true(is_cut(fd[3]));
	assert_true(carries(fd[1], up[1]) && carries(fd[2], up[2]));
	declare_none();
	assert_true(is_cut(fd[1]) && is_cut(fd[2]));
	assert_int_equal(rig_count(&rig, GATE_cut_total), 4);
	for (int i = 0; i < 4; i++)
		close_both(fd[i], up[i]);
}

static void test_endpoint_moves_to_another_cluster(void **state)
{
	static const uint32_t other = 2;
	uint16_t port = listen_on(NET, endpoint, NULL);
	struct tables_cluster c = rig_cluster(&rig);
	struct err e;
	int up;

	declare(endpoint, RIG_CLUSTER, NULL);
	int fd = open_to(host, endpoint, port, &up);
	c.id = other;
	snprintf(c.name, sizeof c.name, "other");
	c.generation = ++rig.generation;
	assert_int_equal(tables_begin(rig.writer, &e), 0);
	assert_int_equal(tables_put_cluster(rig.writer, &c, &e), 0);
	assert_int_equal(tables_commit(rig.writer, rig.generation,
				       "00112233445566778899aabbccddeeff", &other, 1, &e),
			 0);
	ring();
	assert_true(carries(fd, up));
	rig.worker.watched = true;
	declare(endpoint, other, NULL);
	assert_true(is_cut(fd));
	assert_int_equal(rig.worker.events[0].reason, REASON_PRIVATE_OFF);
	assert_int_equal(rig_count(&rig, GATE_cut_total), 1);
	close_both(fd, up);
	fd = open_to(host, endpoint, port, &up);
	assert_int_equal(cluster_find(&rig.worker, other)->n_connections, 1);
	close_both(fd, up);
}

static void test_drain(void **state)
{
	uint16_t port = listen_on(NET, endpoint, NULL);
	struct tables_cluster c = rig_cluster(&rig);
	int up;

	c.drain_s = 1000;
	rig_declare(&rig, &c, false);
	declare(endpoint, RIG_CLUSTER, NULL);
	int fd = open_to(host, endpoint, port, &up);
	declare_none();
	assert_int_equal(rig_count(&rig, GATE_draining), 1);
	assert_true(carries(fd, up));
	declare(endpoint, RIG_CLUSTER, ADMITTED);
	assert_int_equal(rig_count(&rig, GATE_draining), 0);
	c.drain_s = 0;
	rig_declare(&rig, &c, false);
	declare_none();
	assert_true(is_cut(fd));
	close_both(fd, up);
}

/* A generation that touched a router and no cluster: nothing is judged, met or made. */
static void test_a_router_is_no_cluster(void **state)
{
	static const uint32_t router = 5000000;
	uint16_t port = listen_on(NET, endpoint, NULL);
	struct err e;
	int up;

	declare(endpoint, RIG_CLUSTER, NULL);
	int fd = open_to(host, endpoint, port, &up);
	uint64_t judged = rig_count(&rig, GATE_judged_total);
	uint32_t n_clusters = rig.worker.n_clusters;
	assert_int_equal(tables_begin(rig.writer, &e), 0);
	assert_int_equal(tables_commit(rig.writer, ++rig.generation,
				       "00112233445566778899aabbccddeeff", &router, 1, &e),
			 0);
	ring();
	assert_int_equal(rig.worker.generation, rig.generation);
	assert_int_equal(rig_count(&rig, GATE_judged_total), judged);
	assert_int_equal(rig_count(&rig, GATE_tables_unreadable_total), 0);
	assert_int_equal(rig.worker.n_clusters, n_clusters);
	close_both(fd, up);
}

/* --- events, dumps ------------------------------------------------------------------------------------------ */

static void test_what_is_told(void **state)
{
	uint16_t port = listen_on(NET, endpoint, NULL);
	struct gate_event *e = rig.worker.events;
	struct connection_record record;
	uint64_t n;
	int up;

	rig.worker.watched = true;
	declare(endpoint, RIG_CLUSTER, ADMITTED);
	int fd = open_to(host, endpoint, port, &up);
	int dump = memfd_create("dump", MFD_CLOEXEC);
	assert_int_equal(dump_write(&rig.worker, DUMP_CONNECTIONS, dump, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(pread(dump, &record, sizeof record, 0), sizeof record);
	assert_true(addr_is_equal(&record.local, &endpoint) &&
		    addr_is_equal(&record.source, &host));
	assert_int_equal(record.network, NET);
	assert_int_equal(record.cluster, RIG_CLUSTER);
	close(dump);
	/* Events are flushed at the end of a turn, but stay in the buffer. */
	assert_int_equal(e->kind, GATE_EVENT_ACCEPTED);
	assert_true(addr_is_equal(&e->local, &endpoint) && addr_is_equal(&e->source, &host));
	assert_int_equal(e->network, NET);
	assert_int_equal(e->name_len, 0);
	declare_none();
	assert_int_equal(e->kind, GATE_EVENT_CUT);
	assert_int_equal(e->reason, REASON_PRIVATE_OFF);
	assert_int_equal(e->network, NET);
	close_both(fd, up);
	fd = hello_to(host, endpoint, port, "asked.example.org");
	assert_true(is_cut(fd));
	assert_int_equal(e->kind, GATE_EVENT_REFUSED);
	assert_int_equal(e->cluster, 0);
	assert_memory_equal(e->name, "asked.example.org", 17);
	assert_true(addr_is_equal(&e->local, &endpoint));
	close(fd);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_any_name_leads_to_its_cluster),
		T(test_not_admitted),
		T(test_off),
		T(test_damaged_record),
		T(test_it_must_be_tls_in_time),
		T(test_no_proxy_header_is_expected),
		T(test_proxy_v2_carries_the_private_source),
		T(test_limits),
		T(test_change_cuts_only_what_it_forbids),
		T(test_endpoint_moves_to_another_cluster),
		T(test_drain),
		T(test_a_router_is_no_cluster),
		T(test_what_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
