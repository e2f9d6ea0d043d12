/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Control's side of the gates and the dns processes, with the test as parent and as these at the other ends of the links:
 *
 *	test ──parent link── control ──gate's, or dns process's, link── test
 */
#include "base/log.h"
#include "control/control_int.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <cmocka.h>

#define N_GATES 2
#define N_DNS	2

static struct options options;
static struct control *c;
static int parent; /* the test's end */
static int link_of[N_GATES], dns_link[N_DNS];
static int counters[N_GATES], dns_counters;
static struct msg in;

static void link_make(int ret_pair[2])
{
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ret_pair), 0);
}

static void parent_unused(struct source *s, uint32_t events)
{
}

static int setup(void **state)
{
	struct err e;
	int pair[2];

	c = calloc(1, sizeof(*c));
	assert_non_null(c);
	c->options = &options;
	c->authz = (struct authz){.options = &options};
	operations_init(&c->operations);
	dumps_init(&c->dumps, c);
	gates_init(&c->gates, c, ROLE_GATE);
	gates_init(&c->dns, c, ROLE_DNS);
	c->gates.n = N_GATES;
	link_make(pair);
	parent = pair[1];
	if (loop_init(&c->loop, &e) < 0 || index_init(&c->index, &e) < 0 ||
	    events_init(&c->events, &e) < 0 ||
	    loop_add(&c->loop, &c->parent, pair[0], EPOLLIN, parent_unused, &e) < 0)
		return -1;
	for (int i = 0; i < N_GATES; i++) {
		link_of[i] = -1;
		counters[i] = memfd_create("counters", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		assert_int_equal(ftruncate(counters[i], sizeof(struct gate_counters)), 0);
		assert_int_equal(fcntl(counters[i], F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
	}
	for (int i = 0; i < N_DNS; i++)
		dns_link[i] = -1;
	dns_counters = memfd_create("counters", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(dns_counters, sizeof(struct dns_counters)), 0);
	assert_int_equal(fcntl(dns_counters, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
	/* As if tables of generation 10 were open and in step. */
	c->tables = (struct tables *)c;
	c->is_in_step = true;
	c->generation = 10;
	return 0;
}

static int teardown(void **state)
{
	close(c->parent.fd);
	gates_done(&c->gates);
	gates_done(&c->dns);
	close(parent);
	close(dns_counters);
	for (int i = 0; i < N_DNS; i++)
		if (dns_link[i] >= 0)
			close(dns_link[i]);
	for (int i = 0; i < N_GATES; i++) {
		close(counters[i]);
		if (link_of[i] >= 0)
			close(link_of[i]);
	}
	operations_done(&c->operations);
	events_done(&c->events);
	index_done(&c->index);
	loop_done(&c->loop);
	free(c);
	return 0;
}

static int dns_up(uint32_t i, int32_t pid)
{
	struct msg_gate_up up = {.index = i, .pid = pid};
	static struct msg m;
	struct err e;
	int pair[2], ret;

	link_make(pair);
	m.type = MSG_DNS_UP;
	m.body = &up;
	m.n_fds = 2;
	m.fds[0] = pair[0];
	m.fds[1] = fcntl(dns_counters, F_DUPFD_CLOEXEC, 0);
	ret = gates_on_up(&c->dns, &m, &e);
	msg_done(&m);
	if (i < N_DNS) {
		if (dns_link[i] >= 0)
			close(dns_link[i]);
		dns_link[i] = pair[1];
	} else {
		close(pair[1]);
	}
	return ret;
}

static void dns_gone(uint32_t i, int32_t pid)
{
	struct msg_gate_gone gone = {.index = i, .pid = pid};
	struct msg m = {.type = MSG_DNS_GONE, .body = &gone};
	struct err e;

	assert_int_equal(gates_on_gone(&c->dns, &m, &e), 0);
}

static void dns_hello(uint32_t i, uint64_t generation)
{
	struct msg_generation h = {.generation = generation};

	assert_int_equal(msg_send_body(dns_link[i], MSG_HELLO_D, &h), 0);
	loop_run_once(&c->loop, 0);
}

static void dns_ack(uint32_t i, uint64_t generation)
{
	struct msg_ack_dns a = {.generation = generation};

	assert_int_equal(msg_send_body(dns_link[i], MSG_ACK_D, &a), 0);
	loop_run_once(&c->loop, 0);
}

static uint64_t dns_bell(uint32_t i)
{
	const struct msg_generation *b;

	if (msg_recv(dns_link[i], ROLE_CONTROL, ROLE_DNS, &in) < 0 || in.type != MSG_BELL_D)
		return 0;
	b = in.body;
	return b->generation;
}

static int gate_up(uint32_t i, int32_t pid)
{
	struct msg_gate_up up = {.index = i, .pid = pid};
	static struct msg m;
	struct err e;
	int pair[2], ret;

	link_make(pair);
	m.type = MSG_GATE_UP;
	m.body = &up;
	m.n_fds = 2;
	m.fds[0] = pair[0];
	m.fds[1] = fcntl(counters[i < N_GATES ? i : 0], F_DUPFD_CLOEXEC, 0);
	ret = gates_on_up(&c->gates, &m, &e);
	msg_done(&m);
	if (i < N_GATES) {
		if (link_of[i] >= 0)
			close(link_of[i]);
		link_of[i] = pair[1];
	} else {
		close(pair[1]);
	}
	return ret;
}

static void gate_gone(uint32_t i, int32_t pid)
{
	struct msg_gate_gone gone = {.index = i, .pid = pid};
	struct msg m = {.type = MSG_GATE_GONE, .body = &gone};
	struct err e;

	assert_int_equal(gates_on_gone(&c->gates, &m, &e), 0);
}

static void hello(uint32_t i, uint64_t generation)
{
	struct msg_generation h = {.generation = generation};

	assert_int_equal(msg_send_body(link_of[i], MSG_HELLO, &h), 0);
	loop_run_once(&c->loop, 0);
}

static void ack(uint32_t i, uint64_t generation, uint64_t cut)
{
	struct msg_ack a = {.generation = generation, .cut = cut};

	assert_int_equal(msg_send_body(link_of[i], MSG_ACK, &a), 0);
	loop_run_once(&c->loop, 0);
}

/* The generation of the bell that came, 0 if none. */
static uint64_t bell(uint32_t i)
{
	const struct msg_generation *b;

	if (msg_recv(link_of[i], ROLE_CONTROL, ROLE_GATE, &in) < 0 || in.type != MSG_BELL)
		return 0;
	b = in.body;
	return b->generation;
}

static int32_t asked_to_end_by(enum msg_type type)
{
	const struct msg_end_gate *end;

	if (msg_recv(parent, ROLE_CONTROL, ROLE_PARENT, &in) < 0)
		return 0;
	assert_int_equal(in.type, type);
	end = in.body;
	return end->pid;
}

/* The pid that the parent is asked to end, 0 if none. */
static int32_t asked_to_end(void)
{
	return asked_to_end_by(MSG_END_GATE);
}

static void both_up(void)
{
	for (uint32_t i = 0; i < N_GATES; i++) {
		assert_int_equal(gate_up(i, 100 + (int32_t)i), 0);
		hello(i, 10);
	}
}

static struct operation *change(uint64_t revision)
{
	struct operation *op = operation_begin(&c->operations, revision, 0, 1);

	c->generation = revision;
	gates_ring(&c->gates);
	gates_ring(&c->dns);
	control_operations_check(c);
	return op;
}

static void test_succeeded_when_all_have_acknowledged(void **state)
{
	struct operation *op;
	uint32_t waiting[GATES_MAX];

	both_up();
	op = change(11);
	assert_int_equal(bell(0), 11);
	assert_int_equal(bell(1), 11);
	ack(0, 11, 2);
	assert_false(op->is_done);
	assert_int_equal(control_waiting_for(&c->gates, 11, waiting), 1);
	assert_int_equal(waiting[0], 1);
	ack(1, 11, 3);
	assert_true(op->is_done);
	assert_int_equal(op->cut, 5);
	assert_true(op->enforced_ns > 0);
	assert_int_equal(asked_to_end(), 0);
}

static void test_one_ack_may_cover_several(void **state)
{
	struct operation *a, *b, *d;

	both_up();
	a = change(11);
	b = change(12);
	ack(0, 12, 0);
	ack(1, 11, 0);
	assert_true(a->is_done);
	assert_false(b->is_done);
	d = change(13);
	ack(1, 13, 0);
	assert_true(b->is_done);
	assert_false(d->is_done);
	ack(0, 11, 0); /* out of date: nothing new, and nothing undone */
	assert_int_equal(c->gates.gate[0].generation, 12);
	assert_false(d->is_done);
	ack(0, 13, 0);
	assert_true(d->is_done);
}

static void test_a_gate_that_is_gone_enforces_nothing_wrong(void **state)
{
	struct operation *op;

	both_up();
	op = change(11);
	ack(0, 11, 0);
	assert_false(op->is_done);
	gate_gone(1, 999); /* not the one that runs */
	assert_false(op->is_done);
	gate_gone(1, 101);
	assert_true(op->is_done);
	/* Back, and not greeted yet: what it enforces is not known. */
	assert_int_equal(gate_up(1, 102), 0);
	op = change(12);
	ack(0, 12, 0);
	assert_false(op->is_done);
	hello(1, 11);
	assert_false(op->is_done);
	assert_int_equal(bell(1), 12);
	ack(1, 12, 0);
	assert_true(op->is_done);
}

static void test_without_gates_it_stays_in_progress(void **state)
{
	struct operation *op = change(11);

	assert_false(op->is_done);
	assert_int_equal(control_waiting_for(&c->gates, 11, NULL), N_GATES);
	assert_int_equal(gate_up(0, 100), 0);
	assert_false(op->is_done);
	hello(0, 11);
	assert_true(op->is_done); /* the other is gone, and will begin with it */
}

static void test_tables_that_lag_hold_it_up(void **state)
{
	struct operation *op;

	both_up();
	op = operation_begin(&c->operations, 11, 0, 1); /* stored, not compiled */
	gate_gone(0, 100);
	control_operations_check(c);
	assert_false(op->is_done);
	gate_gone(1, 101);
	assert_false(op->is_done);
}

static void test_a_hostile_gate_is_ended(void **state)
{
	struct msg_dumped dumped = {.request = 77};

	both_up();
	ack(0, 12, 0); /* a generation that does not exist yet */
	assert_int_equal(asked_to_end(), 100);
	assert_int_equal(c->gates.gate[0].source.fd, -1);
	/* Its word counts no longer, until the parent says it is gone. */
	assert_false(gate_is_at(&c->gates.gate[0], 10));
	gate_gone(0, 100);
	assert_true(gate_is_at(&c->gates.gate[0], 10));

	assert_int_equal(msg_send_body(link_of[1], MSG_DUMPED, &dumped), 0); /* never asked */
	loop_run_once(&c->loop, 0);
	assert_int_equal(asked_to_end(), 101);
	gate_gone(1, 101);

	assert_int_equal(gate_up(0, 103), 0);
	ack(0, 10, 0); /* before hello */
	assert_int_equal(asked_to_end(), 103);
	gate_gone(0, 103);
	assert_int_equal(gate_up(0, 104), 0);
	hello(0, 11); /* the future */
	assert_int_equal(asked_to_end(), 104);
	assert_true(gate_up(N_GATES, 1) < 0);
}

static void test_a_late_gate_is_ended(void **state)
{
	both_up();
	change(11);
	ack(0, 11, 0);
	gates_tick(&c->gates);
	assert_int_equal(asked_to_end(), 0);
	c->gates.gate[1].waiting_since -= GATE_ACK_MS + 1;
	gates_tick(&c->gates);
	assert_int_equal(asked_to_end(), 101);
	gates_tick(&c->gates); /* asked again until it is gone */
	assert_int_equal(asked_to_end(), 101);
	assert_int_equal(c->gates.gate[0].source.fd >= 0, 1);
}

static void test_a_closed_link_is_ended(void **state)
{
	both_up();
	close(link_of[0]);
	link_of[0] = -1;
	loop_run_once(&c->loop, 0);
	assert_int_equal(asked_to_end(), 0); /* mostly it is ending by itself */
	gates_tick(&c->gates);
	assert_int_equal(asked_to_end(), 100); /* it is still there */
	assert_false(gate_is_at(&c->gates.gate[0], 10));
}

static void test_counters_outlive_the_gate(void **state)
{
	struct gate_counters *mine =
		mmap(NULL, sizeof(*mine), PROT_READ | PROT_WRITE, MAP_SHARED, counters[0], 0);

	assert_ptr_not_equal(mine, MAP_FAILED);
	assert_int_equal(gate_counter_value(&c->gates.gate[0], GATE_accepted_total), 0);
	assert_int_equal(gate_up(0, 100), 0);
	atomic_store(&mine->value[GATE_accepted_total], 42);
	assert_int_equal(gate_counter_value(&c->gates.gate[0], GATE_accepted_total), 42);
	gate_gone(0, 100);
	assert_int_equal(gate_counter_value(&c->gates.gate[0], GATE_accepted_total), 42);
	munmap(mine, sizeof(*mine));
}

/* --- dns processes ---------------------------------------------------------------------------------------- */

static void dns_both_up(void)
{
	c->dns.n = N_DNS;
	for (uint32_t i = 0; i < N_DNS; i++) {
		assert_int_equal(dns_up(i, 200 + (int32_t)i), 0);
		dns_hello(i, 10);
	}
}

static void test_succeeded_when_dns_has_acknowledged_too(void **state)
{
	struct operation *op;
	uint32_t waiting[CONTROL_GATES_MAX];

	both_up();
	dns_both_up();
	op = change(11);
	assert_int_equal(dns_bell(0), 11);
	assert_int_equal(dns_bell(1), 11);
	ack(0, 11, 1);
	ack(1, 11, 0);
	dns_ack(0, 11);
	assert_false(op->is_done);
	assert_int_equal(control_waiting_for(&c->gates, 11, NULL), 0);
	assert_int_equal(control_waiting_for(&c->dns, 11, waiting), 1);
	assert_int_equal(waiting[0], 1);
	dns_ack(1, 11);
	assert_true(op->is_done);
	assert_int_equal(op->cut, 1);
	op = change(12);
	dns_ack(0, 12);
	dns_ack(1, 12);
	assert_false(op->is_done); /* and the other way round */
	ack(0, 12, 0);
	ack(1, 12, 0);
	assert_true(op->is_done);
}

static void test_without_any_dns_process_up_it_waits(void **state)
{
	struct operation *op;

	both_up();
	c->dns.n = N_DNS;
	op = change(11);
	ack(0, 11, 0);
	ack(1, 11, 0);
	assert_false(op->is_done);
	assert_int_equal(control_waiting_for(&c->dns, 11, NULL), N_DNS);
	assert_int_equal(dns_up(0, 200), 0);
	dns_hello(0, 11);
	assert_true(op->is_done); /* the other is gone, and will begin with it */
	dns_gone(0, 200);
	op = change(12);
	ack(0, 12, 0);
	ack(1, 12, 0);
	assert_false(op->is_done);
}

static void test_a_hostile_dns_process_is_ended(void **state)
{
	struct msg_ack ack_of_a_gate = {.generation = 10};

	both_up();
	dns_both_up();
	dns_ack(0, 12); /* a generation that does not exist yet */
	assert_int_equal(asked_to_end_by(MSG_END_DNS), 200);
	assert_false(gates_are_at(&c->dns, 10));
	dns_gone(0, 200);
	assert_true(gates_are_at(&c->dns, 10));
	assert_int_equal(msg_send_body(dns_link[1], MSG_ACK, &ack_of_a_gate), 0);
	loop_run_once(&c->loop, 0);
	assert_int_equal(asked_to_end_by(MSG_END_DNS), 201);
	dns_gone(1, 201);
	assert_true(dns_up(N_DNS, 1) < 0);
	/* The gates have nothing to do with it. */
	assert_true(gates_are_at(&c->gates, 10));
	assert_int_equal(gates_count_up(&c->gates), N_GATES);
}

static void test_a_late_dns_process_is_ended(void **state)
{
	both_up();
	dns_both_up();
	change(11);
	dns_ack(0, 11);
	c->dns.gate[1].waiting_since -= GATE_ACK_MS + 1;
	gates_tick(&c->dns);
	assert_int_equal(asked_to_end_by(MSG_END_DNS), 201);
}

/* The memory of its counters is smaller than that of a gate's. */
static void test_counters_of_a_dns_process(void **state)
{
	struct dns_counters *mine =
		mmap(NULL, sizeof(*mine), PROT_READ | PROT_WRITE, MAP_SHARED, dns_counters, 0);

	assert_ptr_not_equal(mine, MAP_FAILED);
	c->dns.n = N_DNS;
	assert_int_equal(dns_up(0, 200), 0);
	assert_non_null(c->dns.gate[0].counters);
	atomic_store(&mine->value[DNS_generation], 42);
	assert_int_equal(gate_counter_value(&c->dns.gate[0], DNS_generation), 42);
	munmap(mine, sizeof(*mine));
}

static void test_events_of_dns_processes(void **state)
{
	const struct event_filter all = {.authz = &c->authz, .peer = {.uid = 0}};
	size_t len = 0;
	char *text;

	dns_both_up();
	dns_gone(1, 201);
	dns_ack(0, 12);
	text = events_last(&c->events, &all, 10, &len);
	assert_non_null(memmem(text, len, "\"event\":\"dns-up\",\"dns\":1",
			       strlen("\"event\":\"dns-up\",\"dns\":1")));
	assert_non_null(memmem(text, len, "\"event\":\"dns-gone\",\"dns\":1",
			       strlen("\"event\":\"dns-gone\",\"dns\":1")));
	assert_non_null(memmem(text, len, "\"event\":\"dns-ended\",\"dns\":0",
			       strlen("\"event\":\"dns-ended\",\"dns\":0")));
	assert_null(memmem(text, len, "\"gate\"", strlen("\"gate\"")));
	free(text);
}

/* --- dumps ------------------------------------------------------------------------------------------------ */

static unsigned dumped;
static bool was_incomplete;
static struct cluster_figures figures;

static void on_dump(struct dump *d, void *arg)
{
	dumped++;
	was_incomplete = d->is_incomplete;
	if (d->kind == DUMP_CLUSTERS)
		assert_int_equal(cluster_figures_sum(d, 100, &figures), 0);
}

/* Take the request at gate i's end, write n records, and say there were `claim`. */
static void dump_answer(uint32_t i, const struct cluster_record *records, size_t n, uint64_t claim)
{
	struct msg_dumped done = {.kind = DUMP_CLUSTERS, .records = claim};
	const struct msg_dump *ask;

	assert_int_equal(msg_recv(link_of[i], ROLE_CONTROL, ROLE_GATE, &in), 0);
	assert_int_equal(in.type, MSG_DUMP);
	ask = in.body;
	done.request = ask->request;
	if (n)
		assert_int_equal(write(in.fds[0], records, n * sizeof(*records)),
				 n * sizeof(*records));
	msg_done(&in);
	assert_int_equal(msg_send_body(link_of[i], MSG_DUMPED, &done), 0);
	loop_run_once(&c->loop, 0);
}

static void dump_begin(void)
{
	struct err e;

	dumped = 0;
	both_up();
	assert_int_equal(dumps_start(&c->dumps, DUMP_CLUSTERS, on_dump, NULL, &e), 0);
	assert_int_equal(dumped, 0);
}

static void test_dump_adds_up(void **state)
{
	struct cluster_record a[2] = {
		{.id = 3,
		 .connections = 2,
		 .bytes_up = 7,
		 .n_upstreams = 2,
		 .upstreams = {{.state = UPSTREAM_DOWN, .failures = 1}, {.state = UPSTREAM_UP}}},
		{.id = 99, .connections = 1},
	};
	struct cluster_record b[2] = {
		{.id = 3,
		 .connections = 5,
		 .bytes_up = 1,
		 .n_upstreams = 2,
		 .upstreams = {{.state = UPSTREAM_UP}, {.state = UPSTREAM_DOWN, .failures = 2}}},
		{.id = 100, .connections = 1}, /* beyond what there is */
	};

	dump_begin();
	dump_answer(0, a, 2, 2);
	assert_int_equal(dumped, 0);
	dump_answer(1, b, 2, 2);
	assert_int_equal(dumped, 1);
	assert_false(was_incomplete);
	assert_int_equal(figures.by_id[3]->connections, 7);
	assert_int_equal(figures.by_id[3]->bytes_up, 8);
	assert_int_equal(figures.by_id[3]->upstreams[0].state, UPSTREAM_UP);
	assert_int_equal(figures.by_id[3]->upstreams[1].failures, 2);
	assert_int_equal(figures.by_id[99]->connections, 1);
	assert_null(figures.by_id[4]);
	cluster_figures_done(&figures);
}

static void test_dump_leaves_out_what_is_damaged(void **state)
{
	struct cluster_record a[2] = {{.id = 3, .n_upstreams = 17}, {.id = 4, .connections = 1}};

	dump_begin();
	dump_answer(0, a, 2, 2);
	dump_answer(1, a, 0, 0);
	assert_int_equal(dumped, 1);
	assert_true(was_incomplete);
	assert_null(figures.by_id[3]);
	assert_int_equal(figures.by_id[4]->connections, 1);
	cluster_figures_done(&figures);
}

/* More records than the file holds: a breach. The dump goes on without it. */
static void test_dump_bounds_records_by_the_file(void **state)
{
	/* One too many; and so many that their size in bytes wraps around to 0. */
	static const uint64_t claims[] = {2, 1ull << 61};
	struct cluster_record a[1] = {{.id = 3, .connections = 1}};

	for (size_t i = 0; i < ARRAY_SIZE(claims); i++) {
		dump_begin();
		dump_answer(0, a, 1, claims[i]);
		assert_int_equal(asked_to_end(), 100);
		dump_answer(1, a, 1, 1);
		assert_int_equal(dumped, 1);
		assert_true(was_incomplete);
		assert_int_equal(figures.by_id[3]->connections, 1);
		cluster_figures_done(&figures);
	}
}

static void test_dump_goes_on_without_a_dead_gate(void **state)
{
	dump_begin();
	dump_answer(0, NULL, 0, 0);
	gate_gone(1, 101);
	assert_int_equal(dumped, 1);
	assert_true(was_incomplete);
	cluster_figures_done(&figures);
}

static void test_dump_ends_in_time(void **state)
{
	dump_begin();
	dump_answer(0, NULL, 0, 0);
	while (!dumped)
		loop_run_once(&c->loop, -1);
	assert_true(was_incomplete);
	cluster_figures_done(&figures);
	/* The late answer is no breach. */
	dump_answer(1, NULL, 0, 0);
	assert_int_equal(asked_to_end(), 0);
	assert_int_equal(dumped, 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_succeeded_when_all_have_acknowledged),
		T(test_one_ack_may_cover_several),
		T(test_a_gate_that_is_gone_enforces_nothing_wrong),
		T(test_without_gates_it_stays_in_progress),
		T(test_tables_that_lag_hold_it_up),
		T(test_a_hostile_gate_is_ended),
		T(test_a_late_gate_is_ended),
		T(test_a_closed_link_is_ended),
		T(test_counters_outlive_the_gate),
		T(test_succeeded_when_dns_has_acknowledged_too),
		T(test_without_any_dns_process_up_it_waits),
		T(test_a_hostile_dns_process_is_ended),
		T(test_a_late_dns_process_is_ended),
		T(test_counters_of_a_dns_process),
		T(test_events_of_dns_processes),
		T(test_dump_adds_up),
		T(test_dump_leaves_out_what_is_damaged),
		T(test_dump_bounds_records_by_the_file),
		T(test_dump_goes_on_without_a_dead_gate),
		T(test_dump_ends_in_time),
	};

	log_init(open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_TEXT, LOG_ERROR, "test");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
