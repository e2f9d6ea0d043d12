/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the tests of TCP share: a listener, framed queries, answers by the message, answers that are owed. */
#pragma once

#include "serve_rig.h"

static uint8_t octets[1 << 20], answer[DNS_MESSAGE_MAX];
static uint16_t port;

static inline int setup(void **state)
{
	if (serve_setup(state) < 0)
		return -1;
	port = serve_at(0, SOCK_STREAM, &here);
	return 0;
}

/* Length and query. */
static inline size_t framed(uint8_t *p, uint16_t id)
{
	const size_t n = query_make(p + 2, id);

	p[0] = (uint8_t)(n >> 8);
	p[1] = (uint8_t)n;
	return n + 2;
}

/* Read len octets, turned for; how many came until the end. */
static inline size_t read_all(int fd, uint8_t *p, size_t len)
{
	size_t at = 0;

	while (at < len) {
		ssize_t n;

		UNTIL(is_readable(fd));
		n = recv(fd, p + at, len - at, 0);
		if (n < 0 && errno == EAGAIN)
			fail_msg("only %zu of %zu octets came", at, len);
		if (n <= 0)
			break;
		at += (size_t)n;
	}
	return at;
}

/* One message; its length, 0 at the end. */
static inline size_t read_message(int fd)
{
	uint8_t length[2];
	size_t n = read_all(fd, length, 2);

	if (n == 0)
		return 0;
	assert_int_equal(n, 2);
	n = (size_t)length[0] << 8 | length[1];
	assert_int_equal(read_all(fd, answer, n), n);
	return n;
}

static inline unsigned answer_id(void)
{
	return (unsigned)answer[0] << 8 | answer[1];
}

static inline void assert_answered(int fd, unsigned id)
{
	const size_t n = read_message(fd);

	assert_int_equal(last_of(answer, n), 1);
	assert_int_equal(answer_id(), id);
}

static inline void assert_open(int fd)
{
	must_send(fd, octets, framed(octets, 77));
	assert_answered(fd, 77);
}

static inline void assert_ended(int fd)
{
	assert_int_equal(read_message(fd), 0);
}

/* The connection that was taken last. */
static inline struct tcp *newest(void)
{
	return container_of(worker.tcps->idle.prev, struct tcp, node);
}

static inline int connected(const struct addr *from)
{
	const uint64_t before = COUNT(tcp_accepted_total);
	int fd = client_from(SOCK_STREAM, from, &here, port);

	UNTIL(COUNT(tcp_accepted_total) > before);
	assert_int_equal(COUNT(tcp_accepted_total), before + 1);
	return fd;
}

static inline struct later *owe(struct tcp *c, uint16_t id)
{
	struct from from = {.tcp = c};
	struct dns_client client = {.addr = c->addr, .is_tcp = true};
	uint8_t query[100];
	const size_t n = query_make(query, id);
	struct later *l;

	from.peer_len = addr_to_sockaddr(&c->addr, c->port, &from.peer);
	dns_worker_data(&worker);
	(void)dns_answer(&c->socket->served->view, query, n, &client, answer, sizeof(answer));
	dns_worker_data_end(&worker);
	l = later_new(&worker, c->socket->served, &from, &client, query, n);
	assert_non_null(l);
	return l;
}

static inline void pay(struct later *l)
{
	later_fail(&worker, l, DNS_SERVFAIL, EDE_NO_UPSTREAM);
}

static inline void assert_failed(int fd, unsigned id)
{
	assert_true(read_message(fd) > 0);
	assert_int_equal(rcode_of(answer), DNS_SERVFAIL);
	assert_int_equal(answer_id(), id);
}
