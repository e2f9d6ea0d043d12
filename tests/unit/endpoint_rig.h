/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Private endpoints of a gate in a test's own process, with real clients on loopback: 127.1.x.x are addresses of endpoints,
 * 127.2.0.x and 127.3.0.x hosts in the network, of which the first are admitted unless a test says otherwise. See gate_rig.h.
 */
#pragma once

#include "gate_rig.h"

#include <sys/resource.h>

#define NET	  7
#define OTHER_NET 8
#define ADMITTED  "127.2.0.0/16"

static struct rig rig;
static const struct addr endpoint = {.family = ADDR_V4, .lo = 0x7f010001};
static const struct addr second = {.family = ADDR_V4, .lo = 0x7f010002};
static const struct addr host = {.family = ADDR_V4, .lo = 0x7f020001};
static const struct addr stranger = {.family = ADDR_V4, .lo = 0x7f030001};
static const struct addr inside = {.family = ADDR_V4, .lo = 0x0a000001};

static struct rlimit descriptors;

static inline int setup(void **state)
{
	struct tables_cluster c;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &descriptors), 0);
	rig_init(&rig);
	/* Everything by a private address must work while the public endpoint is off. */
	c = rig_cluster(&rig);
	c.public_enabled = false;
	rig_declare(&rig, &c, false);
	listeners_start(&rig.worker);
	return 0;
}

static inline int teardown(void **state)
{
	rig_done(&rig);
	return setrlimit(RLIMIT_NOFILE, &descriptors);
}

static inline void ring(void)
{
	rig.worker.bell = true;
	rig_turns(&rig, 2);
}

static inline void declare(struct addr addr, uint32_t cluster, const char *sources)
{
	struct rig_endpoint e = {addr, cluster, sources};

	rig_declare_endpoints(&rig, NET, &e, 1);
	ring();
}

static inline void declare_none(void)
{
	rig_declare_endpoints(&rig, NET, NULL, 0);
	ring();
}

static inline struct msg_endpoint place_of(uint32_t network, struct addr addr, uint16_t port)
{
	return (struct msg_endpoint){.network = network, .addr = addr, .port = port};
}

/* The gate listens; *ret_kept is the parent's own descriptor of the same socket. Returns the port. */
static inline uint16_t listen_on(uint32_t network, struct addr addr, int *ret_kept)
{
	uint16_t port;
	int fd = rig_listen_at(addr, &port);
	struct msg_endpoint place = place_of(network, addr, port);

	if (ret_kept)
		*ret_kept = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	endpoint_listen(&rig.worker, &place, fd);
	return port;
}

static inline int hello_to(struct addr from, struct addr to, uint16_t port, const char *name)
{
	uint8_t buf[512];
	int fd = rig_dial(from, to, port);

	rig_send(fd, buf, rig_hello(buf, name));
	rig_turns(&rig, 4);
	return fd;
}

static inline int answer(int fd, int *ret_upstream)
{
	uint8_t buf[1024];
	int n = -2;

	RIG_UNTIL(&rig, (*ret_upstream = rig_upstream(&rig)) >= 0);
	assert_true(*ret_upstream >= 0);
	RIG_UNTIL(&rig, recv(*ret_upstream, buf, sizeof buf, 0) > 100);
	rig_send(*ret_upstream, "answer", 6);
	RIG_UNTIL(&rig, (n = rig_reads(fd)) != -2);
	assert_int_equal(n, 6);
	return fd;
}

/* An open connection from a host, with the upstream's end. */
static inline int open_to(struct addr from, struct addr to, uint16_t port, int *ret_upstream)
{
	return answer(hello_to(from, to, port, NULL), ret_upstream);
}

static inline bool is_cut(int fd)
{
	int r = -2;

	RIG_UNTIL(&rig, (r = rig_reads(fd)) != -2);
	return r == -1 || r == 0;
}

static inline bool carries(int fd, int upstream)
{
	uint8_t buf[16];
	ssize_t n = -1;

	if (rig_reads(fd) != -2)
		return false;
	rig_send(fd, "ping", 4);
	RIG_UNTIL(&rig, (n = recv(upstream, buf, sizeof buf, 0)) >= 0);
	return n == 4;
}

static inline void close_both(int fd, int upstream)
{
	bool is_open = rig_reads(fd) == -2;
	uint32_t left = rig.worker.n_connections - is_open;

	close(fd);
	close(upstream);
	RIG_UNTIL(&rig, rig.worker.n_connections <= left);
}

static inline void assert_refused(int fd, enum gate_counter counter, uint64_t n)
{
	assert_true(is_cut(fd));
	assert_int_equal(rig_upstream(&rig), -1);
	assert_int_equal(rig_count(&rig, counter), n);
	RIG_UNTIL(&rig, !rig.worker.n_connections);
	assert_int_equal(rig.worker.n_connections, 0);
	close(fd);
}
