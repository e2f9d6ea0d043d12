/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The timer wheel against a naive list: random sets, cancels and jumps of time. */
#include "base/timer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N 200

static struct timers wheel;
static struct timer timers[N];
static uint64_t deadline[N]; /* naive: 0 if not set */
static uint64_t now;
static unsigned fired;

static void on_fire(struct timer *t, void *arg)
{
	size_t i = (size_t)(t - timers);

	assert_true(deadline[i] != 0);
	assert_true(deadline[i] <= now); /* never early */
	deadline[i] = 0;
	fired++;
	/* A callback may set another one, also into the slot that is being run. */
	size_t other = (size_t)rand() % N;
	if (other != i && rand() % 4 == 0) {
		deadline[other] = now + (uint64_t)rand() % 100;
		if (!deadline[other])
			deadline[other] = 1;
		timer_set(&wheel, &timers[other], deadline[other]);
	}
}

static void assert_none_late(void)
{
	for (size_t i = 0; i < N; i++)
		if (deadline[i])
			assert_true(now < deadline[i] + 2 * TIMER_TICK_MS);
}

static void test_oracle(void **state)
{
	for (unsigned seed = 1; seed <= 20; seed++) {
		srand(seed);
		now = 1000000 + seed * 777;
		timers_init(&wheel, now);
		memset(deadline, 0, sizeof deadline);
		fired = 0;
		for (size_t i = 0; i < N; i++)
			timer_init(&timers[i], 0);
		for (int step = 0; step < 5000; step++) {
			size_t i = (size_t)rand() % N;
			switch (rand() % 4) {
			case 0:
			case 1:
				/* Up to three turns of the wheel ahead. */
				deadline[i] =
					now + (uint64_t)rand() % (3 * TIMER_TICK_MS * TIMER_SLOTS);
				timer_set(&wheel, &timers[i], deadline[i]);
				break;
			case 2:
				timer_cancel(&timers[i]);
				deadline[i] = 0;
				break;
			default: {
				int wait = timers_wait(&wheel, now);
				/* Sometimes exactly as long as the wheel says, sometimes a long stop. */
				if (rand() % 2 && wait >= 0)
					now += (uint64_t)wait;
				else
					now += (uint64_t)rand() % (rand() % 10 ? 50 : 50000);
				timers_run(&wheel, now, on_fire, NULL);
				assert_none_late();
			}
			}
		}
		assert_true(fired > 100);
	}
}

static void test_wait(void **state)
{
	struct timer t;

	timers_init(&wheel, 5000);
	timer_init(&t, 0);
	assert_int_equal(timers_wait(&wheel, 5000), -1);
	timer_set(&wheel, &t, 5100);
	int wait = timers_wait(&wheel, 5000);
	assert_in_range(wait, 100, 100 + TIMER_TICK_MS);
	assert_int_equal(timers_wait(&wheel, 6000), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_oracle),
		cmocka_unit_test(test_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
