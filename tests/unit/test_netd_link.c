/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Control's side of netd, with the test as parent, as one gate, and as netd at the other ends of the links:
 *
 *	test ──parent link── control ──gate link, netd link── test
 */
#include "base/log.h"
#include "control/control_int.h"
#include "control/request.h"

#include <errno.h>
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

static struct options options;
static struct control *c;
static int parent, gate, netd; /* the test's ends */
static struct msg in;

static void link_make(int ret_pair[2])
{
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ret_pair), 0);
}

static void parent_unused(struct source *s, uint32_t events)
{
}

static void gate_up(void)
{
	struct msg_gate_up up = {.index = 0, .pid = 100};
	struct msg_generation at = {.generation = c->generation};
	static struct msg m;
	struct err e;
	int pair[2];

	link_make(pair);
	gate = pair[1];
	m.type = MSG_GATE_UP;
	m.body = &up;
	m.n_fds = 2;
	m.fds[0] = pair[0];
	m.fds[1] = memfd_create("counters", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(m.fds[1], sizeof(struct gate_counters)), 0);
	assert_int_equal(fcntl(m.fds[1], F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
	assert_int_equal(gates_on_up(&c->gates, &m, &e), 0);
	msg_done(&m);
	assert_int_equal(msg_send_body(gate, MSG_HELLO, &at), 0);
	loop_run_once(&c->loop, 0);
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
	netd_init(&c->netd, c);
	c->gates.n = 1;
	link_make(pair);
	parent = pair[1];
	netd = -1;
	if (loop_init(&c->loop, &e) < 0 || index_init(&c->index, &e) < 0 ||
	    events_init(&c->events, &e) < 0 ||
	    loop_add(&c->loop, &c->parent, pair[0], EPOLLIN, parent_unused, &e) < 0)
		return -1;
	/* As if tables of generation 10 were open and in step. */
	c->tables = (struct tables *)c;
	c->is_in_step = true;
	c->generation = 10;
	gate_up();
	return 0;
}

static int teardown(void **state)
{
	close(c->parent.fd);
	gates_done(&c->gates);
	netd_done(&c->netd);
	close(parent);
	close(gate);
	if (netd >= 0)
		close(netd);
	operations_done(&c->operations);
	events_done(&c->events);
	index_done(&c->index);
	loop_done(&c->loop);
	free(c);
	return 0;
}

static void netd_start(int32_t pid)
{
	struct msg_netd up = {.pid = pid};
	static struct msg m;
	struct err e;
	int pair[2];

	link_make(pair);
	if (netd >= 0)
		close(netd);
	netd = pair[1];
	m.type = MSG_NETD_UP;
	m.body = &up;
	m.n_fds = 1;
	m.fds[0] = pair[0];
	assert_int_equal(netd_on_up(&c->netd, &m, &e), 0);
	msg_done(&m);
}

static void netd_is_gone(int32_t pid)
{
	struct msg_netd gone = {.pid = pid};
	struct msg m = {.type = MSG_NETD_GONE, .body = &gone};

	netd_on_gone(&c->netd, &m);
}

static void netd_off(const char *why)
{
	struct msg_netd_off off;
	struct msg m = {.type = MSG_NETD_OFF, .body = &off};
	struct err e;

	msg_text_put(off.reason, why);
	assert_int_equal(netd_on_off(&c->netd, &m, &e), 0);
}

static void hello(uint64_t generation, const char *lacks)
{
	struct msg_hello_netd h = {.generation = generation};

	msg_text_put(h.lacks, lacks);
	assert_int_equal(msg_send_body(netd, MSG_HELLO_N, &h), 0);
	loop_run_once(&c->loop, 0);
}

static void ack(uint64_t generation, const char *why_failed)
{
	struct msg_ack_netd a = {.generation = generation,
				 .failed = why_failed != NULL,
				 .operations = 3,
				 .cut = 1,
				 .took_ns = 5};

	msg_text_put(a.reason, why_failed ? why_failed : "");
	assert_int_equal(msg_send_body(netd, MSG_ACK_N, &a), 0);
	loop_run_once(&c->loop, 0);
}

static void gate_ack(uint64_t generation)
{
	struct msg_ack a = {.generation = generation};

	assert_int_equal(msg_send_body(gate, MSG_ACK, &a), 0);
	loop_run_once(&c->loop, 0);
}

/* The generation of the bell that came to netd, 0 if none. */
static uint64_t bell(void)
{
	const struct msg_generation *b;

	if (msg_recv(netd, ROLE_CONTROL, ROLE_NETD, &in) < 0)
		return 0;
	assert_int_equal(in.type, MSG_BELL_N);
	b = in.body;
	return b->generation;
}

/* The pid that the parent is asked to end, 0 if none. */
static int32_t asked_to_end(void)
{
	const struct msg_netd *end;

	if (msg_recv(parent, ROLE_CONTROL, ROLE_PARENT, &in) < 0)
		return 0;
	assert_int_equal(in.type, MSG_END_NETD);
	end = in.body;
	return end->pid;
}

static struct operation *change(uint64_t revision, bool networks)
{
	struct operation *op = operation_begin(&c->operations, revision, 0, 1);

	if (networks)
		netd_note_change(c, revision);
	c->generation = revision;
	gates_ring(&c->gates);
	control_operations_check(c);
	return op;
}

static void up_and_at(uint64_t generation)
{
	netd_start(7);
	hello(generation, "");
	assert_int_equal(netd_state(&c->netd), NETD_UP);
}

static void gates_first_then_netd(void **state)
{
	struct operation *op;

	up_and_at(10);
	op = change(11, true);
	assert_int_equal(netd_state(&c->netd), NETD_BEHIND);
	assert_int_equal(bell(), 0); /* not before the gates */
	gate_ack(11);
	assert_false(op->is_done);
	assert_int_equal(bell(), 11);
	assert_int_equal(bell(), 0); /* once */
	ack(11, NULL);
	assert_true(op->is_done);
	assert_int_equal(netd_state(&c->netd), NETD_UP);
	assert_int_equal(c->netd.operations, 3);
	assert_int_equal(c->netd.cut, 1);
}

/* A name ceases to be told before its address goes. */
static void names_first_then_netd(void **state)
{
	struct gate *dns = &c->dns.gate[0];
	struct operation *op;

	c->dns.n = 1;
	dns->is_up = dns->has_greeted = true;
	dns->generation = 10;
	up_and_at(10);
	op = change(11, true);
	gate_ack(11);
	assert_int_equal(bell(), 0); /* not before the name server */
	dns->generation = 11;
	control_operations_check(c);
	assert_int_equal(bell(), 11);
	assert_false(op->is_done);
	ack(11, NULL);
	assert_true(op->is_done);
}

static void others_never_wait(void **state)
{
	struct operation *networks, *plain, *later;

	up_and_at(10);
	networks = change(11, true);
	plain = change(12, false);
	gate_ack(12);
	assert_true(plain->is_done);
	assert_false(networks->is_done);
	later = change(13, true);
	assert_int_equal(bell(), 11);
	gate_ack(13);
	assert_int_equal(bell(), 13);
	ack(13, NULL); /* a later one counts */
	assert_true(networks->is_done);
	assert_true(later->is_done);
}

static void one_that_is_ahead_of_the_bell_counts(void **state)
{
	struct operation *op;

	up_and_at(10);
	op = change(11, true);
	ack(11, NULL);		   /* it read the tables by itself */
	assert_false(op->is_done); /* the gate is not there */
	gate_ack(11);
	assert_true(op->is_done);
	assert_int_equal(bell(), 0);
}

static int n_waited;

static void waited(struct request *r)
{
	n_waited++;
}

static void waits(struct request *r, struct operation *op)
{
	memset(r, 0, sizeof(*r));
	r->control = c;
	list_init(&r->wait_node);
	loop_timer_init(&r->wait_timer);
	request_wait_operation(r, op, 3600, waited);
}

static void a_failure_answers_who_waits_and_is_tried_again(void **state)
{
	struct operation *networks, *plain;
	struct request first, second;
	json_t *o;

	up_and_at(10);
	n_waited = 0;
	networks = change(11, true);
	plain = change(12, false);
	waits(&first, networks);
	waits(&second, plain);
	gate_ack(11);
	assert_int_equal(bell(), 11);
	ack(11, "host \"a\": no such namespace");
	assert_int_equal(n_waited, 1);
	assert_false(networks->is_done);
	assert_int_equal(netd_state(&c->netd), NETD_BEHIND);
	o = netd_waiting_json(&c->netd);
	assert_string_equal(json_string_value(json_object_get(o, "state")), "behind");
	assert_string_equal(json_string_value(json_object_get(o, "reason")),
			    "host \"a\": no such namespace");
	json_decref(o);
	c->netd.waiting_since = 0;
	ack(11, "host \"a\": no such namespace"); /* again: counted */
	assert_int_equal(c->netd.failures, 2);
	assert_int_equal(bell(), 0); /* it tries without being asked */
	ack(11, NULL);
	assert_true(networks->is_done);
	assert_string_equal(c->netd.reason, "");
	gate_ack(12);
	assert_int_equal(n_waited, 2);
}

static void what_nobody_knows_is_awaited(void **state)
{
	struct operation *op;

	netd_note_unknown(c, 10);
	op = operation_restore(&c->operations, 9, 0, -1);
	control_operations_check(c);
	assert_false(op->is_done);
	netd_start(7);
	hello(0, "");
	assert_int_equal(netd_state(&c->netd), NETD_BEHIND);
	assert_int_equal(bell(), 10);
	ack(10, NULL);
	assert_true(op->is_done);
}

static void without_netd_nothing_unknown_is_awaited(void **state)
{
	struct operation *old, *networks;
	struct request r;
	struct err e = {0};

	netd_note_unknown(c, 10);
	old = operation_restore(&c->operations, 9, 0, -1);
	networks = change(11, true);
	gate_ack(11);
	n_waited = 0;
	waits(&r, networks);
	assert_int_equal(netd_check(c, &e), 0);
	netd_off("started with --networks off");
	assert_true(old->is_done);
	assert_false(networks->is_done);
	assert_int_equal(n_waited, 1);
	waits(&r, networks); /* nothing to wait for */
	assert_int_equal(n_waited, 2);
	assert_int_equal(netd_check(c, &e), -ERR_UNAVAILABLE);
	assert_non_null(strstr(e.text, "started with --networks off"));
	assert_int_equal(netd_state(&c->netd), NETD_OFF);
}

static void what_the_kernel_lacks_is_told(void **state)
{
	struct err e = {0};
	json_t *o;

	netd_start(7);
	hello(10, "veth\n\xff");
	assert_int_equal(netd_check(c, &e), -ERR_UNSUPPORTED);
	assert_non_null(strstr(e.text, "here: veth\\x0a\\xff"));
	o = netd_json(&c->netd);
	assert_non_null(o); /* whatever bytes it sends */
	assert_string_equal(json_string_value(json_object_get(o, "lacks")), "veth\\x0a\\xff");
	json_decref(o);
	netd_is_gone(7);
	netd_start(8);
	hello(10, "");
	assert_int_equal(netd_check(c, &e), 0);
}

static void one_that_died_is_rung_again(void **state)
{
	struct operation *op;

	up_and_at(10);
	op = change(11, true);
	gate_ack(11);
	assert_int_equal(bell(), 11);
	netd_is_gone(7);
	assert_int_equal(netd_state(&c->netd), NETD_GONE);
	assert_false(op->is_done);
	netd_start(8);
	assert_int_equal(netd_state(&c->netd), NETD_STARTING);
	netd_is_gone(7); /* old news */
	assert_int_equal(netd_state(&c->netd), NETD_STARTING);
	hello(10, "");
	assert_int_equal(bell(), 11);
	netd_is_gone(8);
	netd_start(9);
	hello(11, ""); /* it had come to it before it said hello */
	assert_true(op->is_done);
	assert_int_equal(bell(), 0);
	assert_int_equal(c->netd.starts, 3);
}

static void who_is_late_is_ended(void **state)
{
	netd_start(7);
	netd_tick(&c->netd);
	assert_int_equal(asked_to_end(), 0);
	c->netd.waiting_since -= NETD_HELLO_MS + 1;
	netd_tick(&c->netd);
	assert_int_equal(asked_to_end(), 7);
	netd_tick(&c->netd); /* until it is gone */
	assert_int_equal(asked_to_end(), 7);
	netd_is_gone(7);
	netd_tick(&c->netd);
	assert_int_equal(asked_to_end(), 0);
	netd_start(8);
	hello(10, "");
	change(11, true);
	gate_ack(11);
	assert_int_equal(bell(), 11);
	netd_tick(&c->netd);
	assert_int_equal(asked_to_end(), 0);
	c->netd.waiting_since -= NETD_ACK_MS + 1;
	netd_tick(&c->netd);
	assert_int_equal(asked_to_end(), 8);
}

static void progress(uint32_t done, uint32_t total)
{
	const struct msg_progress_netd p = {done, total};

	assert_int_equal(msg_send_body(netd, MSG_PROGRESS_N, &p), 0);
	loop_run_once(&c->loop, 0);
}

/* As long as it says that it goes on, it may take as long as it takes. */
static void who_is_at_work_is_not_late(void **state)
{
	json_t *waiting;

	up_and_at(10);
	change(11, true);
	gate_ack(11);
	assert_int_equal(bell(), 11);
	for (uint32_t i = 0; i < 5; i++) {
		c->netd.waiting_since -= NETD_ACK_MS - 1000;
		progress(i, 1000);
		netd_tick(&c->netd);
		assert_int_equal(asked_to_end(), 0);
	}
	waiting = netd_waiting_json(&c->netd);
	assert_int_equal(json_integer_value(json_object_get(waiting, "done")), 4);
	assert_int_equal(json_integer_value(json_object_get(waiting, "total")), 1000);
	json_decref(waiting);
	c->netd.waiting_since -= NETD_ACK_MS + 1; /* then it says no more */
	netd_tick(&c->netd);
	assert_int_equal(asked_to_end(), 7);
	netd_is_gone(7);
	netd_start(8);
	hello(11, "");
	assert_int_equal(c->netd.total, 0);
	progress(1, 2); /* by itself: nothing is owed */
	assert_int_equal(c->netd.waiting_since, 0);
	progress(3, 2);
	assert_int_equal(asked_to_end(), 8);
}

static void who_breaks_the_contract_is_ended(void **state)
{
	struct msg_ack_netd odd = {.generation = 10, .failed = 2};
	struct msg_hello_netd endless;

	up_and_at(10);
	hello(10, ""); /* twice */
	assert_int_equal(asked_to_end(), 7);
	netd_is_gone(7);
	netd_start(8);
	ack(10, NULL); /* before hello */
	assert_int_equal(asked_to_end(), 8);
	netd_is_gone(8);
	netd_start(9);
	hello(11, ""); /* what is not there yet */
	assert_int_equal(asked_to_end(), 9);
	netd_is_gone(9);
	netd_start(10);
	hello(10, "");
	ack(11, NULL);
	assert_int_equal(asked_to_end(), 10);
	netd_is_gone(10);
	netd_start(11);
	hello(10, "");
	assert_int_equal(msg_send_body(netd, MSG_ACK_N, &odd), 0);
	loop_run_once(&c->loop, 0);
	assert_int_equal(asked_to_end(), 11);
	netd_is_gone(11);
	netd_start(12);
	memset(&endless, 'x', sizeof(endless));
	endless.generation = 10;
	assert_int_equal(msg_send_body(netd, MSG_HELLO_N, &endless), 0);
	loop_run_once(&c->loop, 0);
	assert_int_equal(asked_to_end(), 12);
	netd_is_gone(12);
	netd_start(13);
	hello(10, "");
	ack(10, ""); /* failed, and does not say why */
	assert_int_equal(asked_to_end(), 13);
}

/* Thousands of changes while it is gone: each is known, and all are forgotten when it has come along. */
static void many_changes_while_it_is_gone(void **state)
{
	struct operation *first = change(11, true), *op = NULL;

	for (uint64_t g = 12; g <= 1011; g++)
		op = change(g, g % 2 == 0);
	gate_ack(1011);
	assert_true(op->is_done);
	assert_false(first->is_done);
	assert_int_equal(c->netd.n_changed, 501);
	netd_start(7);
	hello(500, "");
	assert_true(first->is_done);
	assert_int_equal(bell(), 1010);
	ack(1010, NULL);
	assert_int_equal(c->netd.n_changed, 0);
	assert_int_equal(c->operations.n_active, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(gates_first_then_netd),
		TEST(names_first_then_netd),
		TEST(others_never_wait),
		TEST(one_that_is_ahead_of_the_bell_counts),
		TEST(a_failure_answers_who_waits_and_is_tried_again),
		TEST(what_nobody_knows_is_awaited),
		TEST(without_netd_nothing_unknown_is_awaited),
		TEST(what_the_kernel_lacks_is_told),
		TEST(one_that_died_is_rung_again),
		TEST(who_is_late_is_ended),
		TEST(who_is_at_work_is_not_late),
		TEST(who_breaks_the_contract_is_ended),
		TEST(many_changes_while_it_is_gone),
	};

	log_init(STDERR_FILENO, LOG_TEXT, LOG_ERROR, "test");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
