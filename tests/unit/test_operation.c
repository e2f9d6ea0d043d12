/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/operation.h"

#include "base/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct operations os;

static int setup(void **state)
{
	operations_init(&os);
	return 0;
}

static int teardown(void **state)
{
	operations_done(&os);
	return 0;
}

static const char *text_of(const struct operation *op, const char *key)
{
	static char text[64];
	const struct operation_waiting waiting = {
		.gates = {1, 3}, .n_gates = 2, .dns = {2}, .n_dns = 1};
	json_t *o = operation_json(op, &waiting);
	char *dump = json_dumps(json_object_get(o, key), JSON_ENCODE_ANY | JSON_COMPACT);

	snprintf(text, sizeof(text), "%s", dump ? dump : "absent");
	free(dump);
	json_decref(o);
	return text;
}

static void test_life(void **state)
{
	struct operation *op = operation_begin(&os, 17, 1000000, 5000);

	assert_non_null(op);
	assert_ptr_equal(operation_find(&os, 17), op);
	assert_null(operation_find(&os, 16));
	assert_string_equal(text_of(op, "id"), "\"17\"");
	assert_string_equal(text_of(op, "status"), "\"in-progress\"");
	assert_string_equal(text_of(op, "enforcedMs"), "null");
	assert_string_equal(text_of(op, "waitingFor"), "[1,3]");
	assert_string_equal(text_of(op, "waitingForDns"), "[2]");
	assert_string_equal(text_of(op, "waitingForNetd"), "null");
	assert_string_equal(text_of(op, "acceptedAt"), "\"1970-01-01T00:00:01.000Z\"");
	op->cut = 2;
	operation_finish(&os, op, 5000 + 1500000);
	assert_ptr_equal(operation_find(&os, 17), op);
	assert_string_equal(text_of(op, "status"), "\"succeeded\"");
	assert_string_equal(text_of(op, "enforcedMs"), "1.5");
	assert_string_equal(text_of(op, "cut"), "2");
	assert_int_equal(os.n_active, 0);
	assert_int_equal(os.n_done, 1);
}

static void test_histogram(void **state)
{
	static const double seconds[] = {0.0004, 0.0005, 0.003, 11};
	uint64_t total = 0;

	for (size_t i = 0; i < 4; i++)
		operation_finish(&os, operation_begin(&os, i + 1, 0, 1),
				 1 + (uint64_t)(seconds[i] * 1e9));
	assert_int_equal(os.enforced_count, 4);
	assert_int_equal(os.bucket[0], 2); /* le is inclusive */
	assert_int_equal(os.bucket[3], 1);
	assert_int_equal(os.bucket[ENFORCED_BUCKETS - 1], 1);
	for (size_t i = 0; i < ENFORCED_BUCKETS; i++)
		total += os.bucket[i];
	assert_int_equal(total, 4);
	assert_true(os.enforced_sum_s > 11.0039 - 1e-6 && os.enforced_sum_s < 11.0039 + 1e-6);
}

/* Restored ones come between those under way, because they are finished in order; their time does not count. */
static void test_restore_keeps_order(void **state)
{
	uint64_t last = 0;

	operation_begin(&os, 5, 0, 1);
	operation_begin(&os, 9, 0, 1);
	assert_non_null(operation_restore(&os, 7, 0, -1));
	assert_non_null(operation_restore(&os, 2, 0, 4000000));
	assert_non_null(operation_restore(&os, 12, 0, -1));
	list_foreach (it, &os.active) {
		struct operation *op = container_of(it, struct operation, node);

		assert_true(op->revision > last);
		last = op->revision;
	}
	assert_int_equal(last, 12);
	assert_int_equal(os.n_active, 5);
	operation_finish(&os, operation_find(&os, 2), 99);
	assert_string_equal(text_of(operation_find(&os, 2), "enforcedMs"), "4.0");
	operation_finish(&os, operation_find(&os, 7), 99);
	assert_string_equal(text_of(operation_find(&os, 7), "enforcedMs"), "null");
	assert_int_equal(os.enforced_count, 0);
}

static void test_finished_are_bounded_and_active_are_not(void **state)
{
	for (uint64_t i = 1; i <= 3 * OPERATIONS_KEPT; i++)
		operation_begin(&os, i, 0, 1);
	for (uint64_t i = 1; i <= 2 * OPERATIONS_KEPT; i++)
		operation_finish(&os, operation_find(&os, i), 2);
	assert_int_equal(os.n_done, OPERATIONS_KEPT);
	assert_int_equal(os.n_active, OPERATIONS_KEPT);
	assert_null(operation_find(&os, OPERATIONS_KEPT));
	assert_non_null(operation_find(&os, OPERATIONS_KEPT + 1));
	assert_non_null(operation_find(&os, 3 * OPERATIONS_KEPT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_life, setup, teardown),
		cmocka_unit_test_setup_teardown(test_histogram, setup, teardown),
		cmocka_unit_test_setup_teardown(test_restore_keeps_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_finished_are_bounded_and_active_are_not, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
