/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/log.h"
#include "control/control_int.h"
#include "control/why.h"
#include "tables/network.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct options options;
static struct control *c;
static unsigned woken;

static void wake(struct follower *f)
{
	woken++;
}

static int setup(void **state)
{
	struct err e;

	c = calloc(1, sizeof(*c));
	assert_non_null(c);
	memset(&options, 0, sizeof(options));
	c->options = &options;
	c->authz = (struct authz){.options = &options};
	dumps_init(&c->dumps, c);
	gates_init(&c->gates, c, ROLE_GATE);
	gates_init(&c->dns, c, ROLE_DNS);
	woken = 0;
	return index_init(&c->index, &e) < 0 ? -1 : events_init(&c->events, &e);
}

static int teardown(void **state)
{
	events_done(&c->events);
	index_done(&c->index);
	free(c);
	return 0;
}

static void put(const char *name, const char *cluster, bool accepted)
{
	json_t *o = json_pack("{s:s}", "event", name);

	events_put(&c->events, o, cluster, accepted);
	json_decref(o);
}

static struct event_filter filter_of(uint32_t uid, const char *cluster, bool accepted)
{
	struct event_filter f = {.authz = &c->authz, .accepted = accepted, .peer = {.uid = uid}};

	snprintf(f.cluster, sizeof(f.cluster), "%s", cluster);
	return f;
}

static void last_is(const struct event_filter *f, size_t n, const char *want)
{
	size_t len;
	char *text = events_last(&c->events, f, n, &len);

	assert_non_null(text);
	assert_int_equal(len, strlen(want));
	assert_memory_equal(text, want, len);
	free(text);
}

static void test_last_by_filter(void **state)
{
	struct event_filter all = filter_of(0, "", true), a = filter_of(0, "a", false);

	put("one", "a", false);
	put("two", NULL, false);
	put("seen", "a", true); /* never kept */
	put("three", "a", false);
	last_is(&all, 10, "{\"event\":\"one\"}\n{\"event\":\"two\"}\n{\"event\":\"three\"}\n");
	last_is(&all, 1, "{\"event\":\"three\"}\n");
	last_is(&all, 0, "");
	last_is(&a, 2, "{\"event\":\"one\"}\n{\"event\":\"three\"}\n");
}

static void test_only_what_one_may_see(void **state)
{
	struct event_filter f = filter_of(1000, "", false);

	options.n_access = 1;
	options.access[0] =
		(struct access_rule){.subject = ACCESS_UID, .id = 1000, .clusters = "a*"};
	put("one", "a1", false);
	put("two", "b", false);
	put("three", NULL, false); /* of no cluster: needs a rule for all */
	last_is(&f, 10, "{\"event\":\"one\"}\n");
}

static void test_kept_is_bounded(void **state)
{
	struct event_filter all = filter_of(0, "", false);
	size_t len;
	char *text;

	for (int i = 0; i < EVENTS_KEPT + 7; i++)
		put(i < 7 ? "old" : "new", NULL, false);
	text = events_last(&c->events, &all, 2 * EVENTS_KEPT, &len);
	assert_int_equal(len, EVENTS_KEPT * strlen("{\"event\":\"new\"}\n"));
	assert_null(strstr(text, "old"));
	free(text);
}

static void test_follower(void **state)
{
	struct follower f = {.filter = filter_of(0, "a", true), .wake = wake};
	struct event_line *l;
	uint64_t lost;

	put("before", "a", false);
	follower_add(c, &f);
	assert_true(events_want_accepted(&c->events));
	assert_null(follower_next(&c->events, &f, &lost));
	put("other", "b", false);
	put("seen", "a", true);
	assert_int_equal(woken, 2);
	l = follower_next(&c->events, &f, &lost);
	assert_non_null(l);
	assert_int_equal(lost, 0);
	assert_memory_equal(l->text, "{\"event\":\"seen\"}\n", l->len);
	event_line_unref(l);
	assert_null(follower_next(&c->events, &f, &lost));
	follower_remove(c, &f);
	assert_false(events_want_accepted(&c->events));
}

static void test_slow_follower_is_told_what_it_lost(void **state)
{
	struct follower f = {.filter = filter_of(0, "", true), .wake = wake};
	struct event_line *held, *l;
	uint64_t lost, n = 0;

	follower_add(c, &f);
	put("first", NULL, false);
	held = follower_next(&c->events, &f, &lost);
	for (int i = 0; i < EVENTS_LIVE + 5; i++)
		put("x", NULL, true);
	l = follower_next(&c->events, &f, &lost);
	assert_int_equal(lost, 5);
	while (l) {
		n++;
		event_line_unref(l);
		l = follower_next(&c->events, &f, &lost);
		assert_int_equal(lost, 0);
	}
	assert_int_equal(n, EVENTS_LIVE);
	/* Its place in the ring is long taken, the line is still whole. */
	assert_memory_equal(held->text, "{\"event\":\"first\"}\n", held->len);
	event_line_unref(held);
	follower_remove(c, &f);
}

static void test_gate_events_are_checked_and_quoted(void **state)
{
	struct event_filter all = filter_of(0, "", false);
	struct gate_event ev = {.kind = GATE_EVENT_REFUSED,
				.reason = REASON_UNKNOWN_NAME,
				.source = addr_v4(0x0a000001),
				.source_port = 7,
				.wall_us = UINT64_MAX,
				.name_len = 6};
	struct gate_event bad[5];
	json_t *o;
	size_t len;
	char *text;

	memcpy(ev.name, "a\"\n\xff\x1b", 6);
	assert_int_equal(events_on_gate(c, 2, &ev, 1), 0);
	text = events_last(&c->events, &all, 1, &len);
	o = json_loadb(text, len, 0, NULL);
	assert_non_null(o);
	assert_string_equal(json_string_value(json_object_get(o, "event")), "refused");
	assert_string_equal(json_string_value(json_object_get(o, "reason")), "unknown-name");
	assert_string_equal(json_string_value(json_object_get(o, "source")), "10.0.0.1");
	assert_int_equal(json_integer_value(json_object_get(o, "gate")), 2);
	for (const char *p = json_string_value(json_object_get(o, "serverName")); *p; p++)
		assert_in_range(*p, 0x20, 0x7e);
	json_decref(o);
	free(text);

	for (size_t i = 0; i < 5; i++)
		bad[i] = ev;
	bad[0].kind = GATE_EVENT_COUNT;
	bad[1].reason = GATE_REASON_COUNT;
	bad[2].name_len = GATE_EVENT_NAME_MAX + 1;
	bad[3].source.family = 5;
	bad[4].local.family = 5;
	for (size_t i = 0; i < 5; i++)
		assert_true(events_on_gate(c, 0, &bad[i], 1) < 0);
}

static void network_put(struct tables *t, uint32_t id, const char *name)
{
	struct tables_network n = {.id = id};
	bool changed;

	snprintf(n.name, sizeof n.name, "%s", name);
	assert_int_equal(tables_begin(t, NULL), 0);
	assert_int_equal(tables_put_network(t, &n, 1, &changed, NULL), 0);
	assert_int_equal(tables_commit(t, 1, "00112233445566778899aabbccddeeff", &id, 1, NULL), 0);
}

/* By which address of which network; and why, from the reason alone. */
static void test_private_events_name_the_way(void **state)
{
	char dir[] = "/tmp/test_events.XXXXXX", name[64];
	struct event_filter all = filter_of(0, "", false);
	struct gate_event ev[2] = {{.kind = GATE_EVENT_REFUSED,
				    .reason = REASON_NOT_ADMITTED,
				    .source = addr_v4(0x0a000001),
				    .local = addr_v4(0x0a000107),
				    .network = 70,
				    .cluster = 3}};
	size_t len;

	assert_non_null(mkdtemp(dir));
	assert_int_equal(tables_open(dir, true, &c->tables, NULL), 0);
	network_put(c->tables, 70, "prod");
	ev[1] = ev[0];
	ev[1].network =
		70 + ARRAY_SIZE(c->router_names); /* not there, and kept in the same place */
	assert_int_equal(events_on_gate(c, 0, ev, 2), 0);
	assert_int_equal(events_on_gate(c, 0, ev, 1), 0);
	char *text = events_last(&c->events, &all, 3, &len);
	for (int i = 0; i < 3; i++) {
		json_t *o = json_loadb(text, len, JSON_DISABLE_EOF_CHECK, NULL);
		assert_non_null(o);
		assert_string_equal(json_string_value(json_object_get(o, "via")), "10.0.1.7");
		assert_string_equal(json_string_value(json_object_get(o, "reason")),
				    "not-admitted");
		assert_string_equal(json_string_value(json_object_get(o, "rule")),
				    gate_reason_sentence(REASON_NOT_ADMITTED));
		if (i == 1)
			assert_null(json_object_get(o, "network"));
		else
			assert_string_equal(json_string_value(json_object_get(o, "network")),
					    "prod");
		json_decref(o);
		len -= (size_t)(strchr(text, '\n') + 1 - text);
		memmove(text, strchr(text, '\n') + 1, len);
	}
	free(text);
	assert_string_equal(control_router_name(c, 0, name), "");
	tables_close(c->tables);
	c->tables = NULL;
	assert_string_equal(control_router_name(c, 70, name), "prod");
	assert_int_equal(tables_erase(dir, NULL), 0);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_last_by_filter, setup, teardown),
		cmocka_unit_test_setup_teardown(test_only_what_one_may_see, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kept_is_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_follower, setup, teardown),
		cmocka_unit_test_setup_teardown(test_slow_follower_is_told_what_it_lost, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_gate_events_are_checked_and_quoted, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_private_events_name_the_way, setup, teardown),
	};

	log_init(open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_TEXT, LOG_ERROR, "test");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
