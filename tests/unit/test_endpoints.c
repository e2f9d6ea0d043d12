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
#define GATES  3
#define DNS    3
#define TAKERS (GATES + DNS + 1)
#define NETD   (TAKERS - 1)

static struct endpoints es;

/* All kinds; those to ask with by slot. */
static struct msg_endpoint key(uint32_t i)
{
	struct msg_endpoint at = {.network = i % 3,
				  .port = 1 + i,
				  .kind = i % ENDPOINT_KIND_COUNT,
				  .addr = addr_v4(0x0a000000u + i / 2)};

	if (at.kind >= ENDPOINT_ASK_UDP) {
		at.port = 0;
		at.slot = i / ENDPOINT_KIND_COUNT;
	}
	return at;
}

static bool is_key(const struct msg_endpoint *at, uint32_t i)
{
	struct msg_endpoint k = key(i);

	return at->network == k.network && at->port == k.port && at->kind == k.kind &&
	       at->slot == k.slot && addr_is_equal(&at->addr, &k.addr);
}

static int key_of(const struct msg_endpoint *at)
{
	for (uint32_t i = 0; i < KEYS; i++)
		if (is_key(at, i))
			return (int)i;
	fail_msg("an endpoint that nobody opened");
	return -1;
}

static int socket_of(uint32_t kind)
{
	bool is_udp = kind == ENDPOINT_DNS_UDP || kind == ENDPOINT_ASK_UDP;
	int fd = socket(AF_INET, (is_udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	if (kind == ENDPOINT_GATE || kind == ENDPOINT_DNS_TCP)
		assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static int listening(void)
{
	return socket_of(ENDPOINT_GATE);
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
	struct msg_endpoint at = key(0), bad;
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

/* Each kind with the socket of each other kind, and what else is wrong with an address. */
static void only_sockets_of_the_kind_that_is_said(void **state)
{
	struct msg_endpoint bad;

	for (uint32_t kind = 0; kind < ENDPOINT_KIND_COUNT; kind++) {
		const struct msg_endpoint at = key(kind);
		int fd = socket_of(kind), v6 = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

		for (uint32_t other = 0; other < ENDPOINT_KIND_COUNT; other++) {
			bool is_same =
				(other == ENDPOINT_GATE || other == ENDPOINT_DNS_TCP) ==
					(kind == ENDPOINT_GATE || kind == ENDPOINT_DNS_TCP) &&
				(other == ENDPOINT_DNS_UDP || other == ENDPOINT_ASK_UDP) ==
					(kind == ENDPOINT_DNS_UDP || kind == ENDPOINT_ASK_UDP);
			int wrong = socket_of(other);

			if (!is_same)
				assert_int_equal(endpoints_open(&es, &at, wrong), -EINVAL);
			close(wrong);
		}
		assert_int_equal(endpoints_open(&es, &at, v6), -EINVAL);
		close(v6);
		bad = at, bad.kind += ENDPOINT_KIND_COUNT;
		assert_int_equal(endpoints_open(&es, &bad, fd), -EINVAL);
		bad = at, bad.port = bad.port ? 0 : 53;
		assert_int_equal(endpoints_open(&es, &bad, fd), -EINVAL);
		bad = at;
		bad.slot = kind == ENDPOINT_ASK_UDP   ? DNS_MAX * ENDPOINT_ASK_UDP_SLOTS
			   : kind == ENDPOINT_ASK_TCP ? DNS_MAX * ENDPOINT_ASK_TCP_SLOTS
						      : 1;
		assert_int_equal(endpoints_open(&es, &bad, fd), -EINVAL);
		assert_int_equal(endpoints_open(&es, &at, fd), 0);
	}
	endpoints_done(&es);
}

/* What a taker believes: by key, the socket it was told of last, -1 if none. */
struct belief {
	bool there;
	int fd[KEYS];
};

static uint32_t taker_of(int i)
{
	return i == NETD	     ? ENDPOINTS_NETD
	       : (uint32_t)i < GATES ? (uint32_t)i
				     : ENDPOINTS_DNS + (uint32_t)i - GATES;
}

/* Is he ever to hear of it? */
static bool is_his(int taker, uint32_t k)
{
	const struct msg_endpoint at = key(k);

	if (taker == NETD)
		return true;
	if (at.kind == ENDPOINT_GATE || taker < GATES)
		return at.kind == ENDPOINT_GATE && taker < GATES;
	return at.kind < ENDPOINT_ASK_UDP || at.slot % DNS == (uint32_t)(taker - GATES);
}

static void tell_some(struct belief *b, uint32_t taker, unsigned int most)
{
	const struct endpoint_socket *s;
	uint32_t cursor = 0;

	while (most-- && (s = endpoints_next(&es, taker, &cursor))) {
		b->fd[key_of(&s->at)] = s->fd;
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
	es.n_dns = DNS;
	for (int k = 0; k < KEYS; k++)
		truth[k] = -1;
	for (int step = 0; step < 60000; step++) {
		uint32_t k = (uint32_t)random() % KEYS;
		int t = (int)(random() % TAKERS);
		struct msg_endpoint at = key(k);

		switch (random() % 8) {
		case 0:
		case 1:
			truth[k] = socket_of(at.kind);
			assert_int_equal(endpoints_open(&es, &at, truth[k]), 0);
			/* netd has opened it itself. */
			belief[NETD].fd[k] = truth[k];
			break;
		case 2:
			assert_int_equal(endpoints_close(&es, &at), truth[k] < 0 ? -ENOENT : 0);
			truth[k] = belief[NETD].fd[k] = -1;
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
			for (k = 0; k < KEYS; k++)
				assert_int_equal(belief[t].fd[k], is_his(t, k) ? truth[k] : -1);
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
	endpoints_begin(&es, ENDPOINTS_DNS + 1);
	es.n_dns = 2;
	for (uint32_t i = 0; i < 20000; i++) {
		struct msg_endpoint at = key(i % KEYS);

		assert_int_equal(endpoints_open(&es, &at, socket_of(at.kind)), 0);
		assert_int_equal(endpoints_close(&es, &at), 0);
	}
	assert_true(es.n <= KEYS);
	endpoints_end(&es, 3);
	endpoints_end(&es, ENDPOINTS_DNS + 1);
	for (uint32_t i = 0; i < es.n; i++)
		assert_int_equal(es.all[i].at.addr.family, ADDR_NONE);
	endpoints_done(&es);
}

/* Where there are no dns processes nobody is owed theirs, and the last of each kind has his bit. */
static void the_last_ones_and_none(void **state)
{
	const uint32_t gate = GATES_MAX - 1, dns = ENDPOINTS_DNS + DNS_MAX - 1;
	struct msg_endpoint ask = key(ENDPOINT_ASK_UDP), gates = key(ENDPOINT_GATE);

	ask.slot = DNS_MAX - 1;
	endpoints_begin(&es, gate);
	endpoints_begin(&es, dns);
	assert_int_equal(endpoints_open(&es, &ask, socket_of(ask.kind)), 0);
	assert_int_equal(endpoints_open(&es, &gates, socket_of(gates.kind)), 0);
	assert_true(endpoints_are_owed(&es, gate));
	assert_false(endpoints_are_owed(&es, dns));
	endpoints_done(&es);
	es.n_dns = DNS_MAX;
	endpoints_begin(&es, gate);
	endpoints_begin(&es, dns);
	assert_int_equal(endpoints_open(&es, &ask, socket_of(ask.kind)), 0);
	assert_false(endpoints_are_owed(&es, gate));
	assert_true(endpoints_are_owed(&es, dns));
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
		cmocka_unit_test(only_sockets_of_the_kind_that_is_said),
		cmocka_unit_test(the_last_ones_and_none),
		cmocka_unit_test(everyone_knows_what_is_open),
		cmocka_unit_test(a_slow_taker_costs_nothing),
		cmocka_unit_test(there_is_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
