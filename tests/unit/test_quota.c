/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Limits over several gates that share one table, one of which is killed. */
#include "gate/quota.h"

#include "proc/quota_layout.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define GATES 3

static void *map_new(void)
{
	void *map = mmap(NULL, quota_bytes(GATES), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(map, MAP_FAILED);
	return map;
}

static void test_limit_over_gates(void **state)
{
	void *map = map_new();
	struct quota q[GATES];
	struct addr a = addr_v4(0x0a000001), b = addr_v4(0x0a000002);
	uint32_t slots[10], slot;

	for (uint32_t i = 0; i < GATES; i++)
		quota_init(&q[i], map, GATES, i);
	assert_true(q[0].secret == q[1].secret && q[0].secret);
	for (int i = 0; i < 10; i++)
		assert_int_equal(quota_get(&q[i % GATES], 7, 0, &a, 10, &slots[i]), QUOTA_OK);
	for (uint32_t i = 0; i < GATES; i++)
		assert_int_equal(quota_get(&q[i], 7, 0, &a, 10, &slot), QUOTA_LIMIT);
	/* Another source, another cluster, and the cluster as a whole are counted apart. */
	assert_int_equal(quota_get(&q[0], 7, 0, &b, 10, &slot), QUOTA_OK);
	assert_int_equal(quota_get(&q[0], 8, 0, &a, 10, &slot), QUOTA_OK);
	assert_int_equal(quota_get(&q[0], 7, 3, &a, 1, &slot), QUOTA_OK); /* another network's */
	assert_int_equal(quota_get(&q[0], 7, 3, &a, 1, &slot), QUOTA_LIMIT);
	assert_int_equal(quota_get(&q[0], 7, 0, NULL, 1, &slot), QUOTA_OK);
	assert_int_equal(quota_get(&q[1], 7, 0, NULL, 1, &slot), QUOTA_LIMIT);
	/* One place given back is one place to have. */
	quota_put(&q[4 % GATES], slots[4]);
	assert_int_equal(quota_get(&q[2], 7, 0, &a, 10, &slot), QUOTA_OK);
	assert_int_equal(quota_get(&q[0], 7, 0, &a, 10, &slot), QUOTA_LIMIT);
	munmap(map, quota_bytes(GATES));
}

static void test_dead_gate_leaks_nothing(void **state)
{
	void *map = map_new();
	struct addr a = addr_v4(0x0a000001);
	struct quota q0, q1;
	uint32_t slot;

	quota_init(&q0, map, GATES, 0);
	pid_t pid = fork();
	if (!pid) {
		struct quota child;
		quota_init(&child, map, GATES, 1);
		for (int i = 0; i < 5; i++)
			if (quota_get(&child, 1, 0, &a, 100, &slot) != QUOTA_OK)
				_exit(1);
		kill(getpid(), SIGKILL);
	}
	int status;
	waitpid(pid, &status, 0);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(quota_get(&q0, 1, 0, &a, 5, &slot), QUOTA_LIMIT);
	quota_init(&q1, map, GATES, 1); /* its successor */
	assert_int_equal(quota_get(&q0, 1, 0, &a, 5, &slot), QUOTA_OK);
	munmap(map, quota_bytes(GATES));
}

/* Slots that count nothing are used again: far more sources over time than there are slots. */
static void test_slots_are_reused(void **state)
{
	void *map = map_new();
	struct quota q;
	uint32_t slot;

	quota_init(&q, map, GATES, 0);
	for (uint32_t i = 0; i < 2 * QUOTA_SLOTS; i++) {
		struct addr a = addr_v4(i);
		assert_int_equal(quota_get(&q, 1, 0, &a, 1, &slot), QUOTA_OK);
		quota_put(&q, slot);
	}
	munmap(map, quota_bytes(GATES));
}

static void test_full_refuses(void **state)
{
	void *map = map_new();
	struct quota q;
	uint32_t slot, full = 0;

	quota_init(&q, map, GATES, 0);
	for (uint32_t i = 0; i < 2 * QUOTA_SLOTS; i++) {
		struct addr a = addr_v4(i);
		enum quota_result r = quota_get(&q, 1, 0, &a, 1, &slot);
		assert_true(r == QUOTA_OK || r == QUOTA_FULL);
		full += r == QUOTA_FULL;
	}
	assert_true(full >= QUOTA_SLOTS);
	munmap(map, quota_bytes(GATES));
}

/* Two processes take and give back all the time; at the end nothing is held. */
static void test_concurrent(void **state)
{
	void *map = map_new();
	pid_t pids[GATES];

	for (uint32_t g = 0; g < GATES; g++) {
		pids[g] = fork();
		if (pids[g])
			continue;
		struct quota q;
		uint32_t held[64], n = 0;
		srand(g + 1);
		quota_init(&q, map, GATES, g);
		for (int i = 0; i < 200000; i++) {
			struct addr a = addr_v4((uint32_t)rand() % 1000);
			if (n < 64 && quota_get(&q, 1, 0, &a, 50, &held[n]) == QUOTA_OK)
				n++;
			if (n && rand() % 2)
				quota_put(&q, held[--n]);
		}
		while (n)
			quota_put(&q, held[--n]);
		_exit(0);
	}
	for (int g = 0; g < GATES; g++) {
		int status;
		waitpid(pids[g], &status, 0);
		assert_int_equal(status, 0);
	}
	const uint8_t *base = map;
	for (size_t s = 1; s < QUOTA_SLOTS; s++)
		for (size_t g = 0; g < GATES; g++) {
			const uint32_t *count =
				(const void *)(base + s * quota_slot_bytes(GATES) + 8 + 4 * g);
			assert_int_equal(*count, 0);
		}
	munmap(map, quota_bytes(GATES));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limit_over_gates),
		cmocka_unit_test(test_dead_gate_leaks_nothing),
		cmocka_unit_test(test_slots_are_reused),
		cmocka_unit_test(test_full_refuses),
		cmocka_unit_test(test_concurrent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
