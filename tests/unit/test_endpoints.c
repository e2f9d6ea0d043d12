/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The store of endpoints' sockets against a naive model: takers that come and go, slow and fast, and at the end each knows what
 * is open and nothing else.
 */
#include "proc/endpoints.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define KEYS   40
#define TAKERS 5 /* four gates and netd */

static struct endpoints es;

static struct msg_endpoint key(uint32_t i)
{
	return (struct msg_endpoint){
		.network = i % 3, .port = 1 + i, .addr = addr_v4(0x0a000000u + i / 2)};
}

static int listening(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static int open_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 512; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void only_listening_sockets_at_an_address(void **state)
{
	struct msg_endpoint at = key(1), bad;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(endpoints_open(&es, &at, fd), -EINVAL);
	close(fd);
	fd = listening();
	bad = at, bad.port = 0;
	assert_int_equal(endpoints_open(&es, &bad, fd), -EINVAL);
	bad = at, bad.port = 65536;
	assert_int_equal(endpoints_open(&es, &bad, fd), -EINVAL);
	bad = at, bad.addr.family = ADDR_NONE;
	assert_int_equal(endpoints_open(&es, &bad, fd), -EINVAL);
	assert_int_equal(endpoints_close(&es, &at), -ENOENT);
	assert_int_equal(endpoints_open(&es, &at, fd), 0);
	assert_int_equal(endpoints_close(&es, &at), 0);
	assert_int_equal(endpoints_close(&es, &at), -ENOENT);
	assert_int_equal(fcntl(fd, F_GETFD), -1); /* it was the store's, and is closed */
	endpoints_done(&es);
}

/* What a taker believes: by key, the socket it was told of last, -1 if none. */
struct belief {
	bool there;
	int fd[KEYS];
};

static uint32_t taker_of(int i)
{
	return i == TAKERS - 1 ? ENDPOINTS_NETD : (uint32_t)i;
}

static void tell_some(struct belief *b, uint32_t taker, unsigned int most)
{
	const struct endpoint_socket *s;
	uint32_t cursor = 0;

	while (most-- && (s = endpoints_next(&es, taker, &cursor))) {
		b->fd[s->at.port - 1] = s->fd;
		endpoints_told(&es, taker, s);
	}
}

static void come_or_go(struct belief *b, uint32_t taker)
{
	b->there = !b->there;
	for (int k = 0; k < KEYS; k++)
		b->fd[k] = -1;
	if (b->there)
		endpoints_begin(&es, taker);
	else
		endpoints_end(&es, taker);
}

static void everyone_knows_what_is_open(void **state)
{
	static struct belief belief[TAKERS];
	int truth[KEYS], before = open_fds();

	srandom(7);
	for (int k = 0; k < KEYS; k++)
		truth[k] = -1;
	for (int step = 0; step < 60000; step++) {
		uint32_t k = (uint32_t)random() % KEYS;
		int t = (int)(random() % TAKERS);
		struct msg_endpoint at = key(k);

		switch (random() % 8) {
		case 0:
		case 1:
			truth[k] = listening();
			assert_int_equal(endpoints_open(&es, &at, truth[k]), 0);
			/* netd has opened it itself. */
			belief[TAKERS - 1].fd[k] = truth[k];
			break;
		case 2:
			assert_int_equal(endpoints_close(&es, &at), truth[k] < 0 ? -ENOENT : 0);
			truth[k] = belief[TAKERS - 1].fd[k] = -1;
			break;
		case 3:
			if (random() % 8 == 0)
				come_or_go(&belief[t], taker_of(t));
			break;
		default:
			if (belief[t].there)
				tell_some(&belief[t], taker_of(t), (unsigned int)random() % 6);
		}
		if (step % 97)
			continue;
		for (t = 0; t < TAKERS; t++) {
			if (!belief[t].there)
				continue;
			tell_some(&belief[t], taker_of(t), KEYS * 2);
			assert_false(endpoints_are_owed(&es, taker_of(t)));
			assert_memory_equal(belief[t].fd, truth, sizeof truth);
		}
	}
	assert_true(es.n <= KEYS); /* what is gone is used again */
	endpoints_done(&es);
	assert_int_equal(open_fds(), before);
}

/* A gate that takes nothing while sockets come and go a million times costs no more than there are keys. */
static void a_slow_taker_costs_nothing(void **state)
{
	endpoints_begin(&es, 3);
	for (uint32_t i = 0; i < 20000; i++) {
		struct msg_endpoint at = key(i % KEYS);

		assert_int_equal(endpoints_open(&es, &at, listening()), 0);
		assert_int_equal(endpoints_close(&es, &at), 0);
	}
	assert_true(es.n <= KEYS);
	endpoints_end(&es, 3);
	for (uint32_t i = 0; i < es.n; i++)
		assert_int_equal(es.all[i].at.addr.family, ADDR_NONE);
	endpoints_done(&es);
}

static void there_is_a_limit(void **state)
{
	struct msg_endpoint at = {.network = 1, .port = 443};
	int fd = listening();

	for (uint32_t i = 0; i < ENDPOINTS_MAX; i++) {
		at.addr = addr_v4(i);
		/* One socket for all: only the marks count here. */
		assert_int_equal(endpoints_open(&es, &at, fd), 0);
	}
	at.addr = addr_v4(ENDPOINTS_MAX);
	assert_int_equal(endpoints_open(&es, &at, fd), -ENOSPC);
	for (uint32_t i = 1; i < es.n; i++)
		es.all[i].fd = -1;
	endpoints_done(&es);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_listening_sockets_at_an_address),
		cmocka_unit_test(everyone_knows_what_is_open),
		cmocka_unit_test(a_slow_taker_costs_nothing),
		cmocka_unit_test(there_is_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
