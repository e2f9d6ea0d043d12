/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A name server process in a test's own process: real tables, a worker that is turned by hand, sockets on loopback, and the test as its
 * parent and its control.
 */
#pragma once

#include "base/clock.h"
#include "dns/tcp_int.h"
#include "dns/worker.h"
#include "dns_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define NET 7 /* a router */

static struct dns_worker worker;
static struct options options;
static struct dns_counters counters;
static struct tables *reader;
static struct msg said;
static int parent_link, control_link; /* the test's ends */
static const struct msg_empty none;
static struct naive_zone zone, other;
static const uint8_t host_name[] = "\4host\7example\3org";
static const struct addr here = {.family = ADDR_V4, .lo = 0x7f000001};

static inline void links_make(int link[2])
{
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, link), 0);
}

/* host.example.org is 10.0.0.<last>; text has much text, and long more than UDP takes. */
static inline void zone_publish(unsigned last)
{
	char value[200];

	naive_init(&zone, 1, "example.org");
	snprintf(value, sizeof(value), "10.0.0.%u", last);
	naive_add(&zone, "host", RR_A, 60, value);
	for (unsigned i = 0; i < 4; i++) {
		snprintf(value, sizeof(value), "%u%080u", i, i);
		naive_add(&zone, "text", RR_TXT, 60, value);
	}
	snprintf(value, sizeof(value), "%060u", 0);
	naive_add(&zone, "long", RR_CNAME, 60, value);
	naive_add(&zone, value, RR_CNAME, 60, "text");
	rig_begin();
	rig_put(&zone);
	rig_link(VIEW_INTERNET, &zone, 0);
	rig_commit();
}

/* The same name in a network: 10.7.0.1. Of the network's other names others know. */
static inline void network_publish(void)
{
	const struct view_config view = {
		.router = NET, .n_servers = 1, .servers = {{addr_v4(0x7f000009), 53}}};
	bool changed;

	naive_init(&other, 2, "example.org");
	naive_add(&other, "host", RR_A, 60, "10.7.0.1");
	rig_begin();
	assert_int_equal(tables_put_view(rig_tables, &view, &changed, NULL), 0);
	rig_put(&other);
	rig_link(NET, &other, 0);
	rig_commit();
}

static inline void worker_start(void)
{
	const struct msg_start_dns start = {.n_dns = 1, .cookie_key = "fifteen octets."};
	int parent[2], control[2];

	memset(&counters, 0, sizeof(counters));
	links_make(parent);
	links_make(control);
	parent_link = parent[0];
	control_link = control[0];
	assert_int_equal(dns_worker_init(&worker, &options, &start, &counters), 0);
	assert_int_equal(dns_link_parent(&worker, parent[1]), 0);
	dns_link_control(&worker, control[1]);
}

static inline int serve_setup(void **state)
{
	options = (struct options){0};
	if (rig_setup(state) < 0)
		return -1;
	zone_publish(1);
	network_publish();
	reader = must_open(false);
	worker_start();
	dns_worker_serve(&worker, reader);
	return 0;
}

static inline int serve_teardown(void **state)
{
	const int link = worker.parent.fd;

	dns_worker_done(&worker);
	close(link);
	close(parent_link);
	close(control_link);
	tables_close(reader);
	return rig_teardown(state);
}

static inline void turns(int n)
{
	while (n--)
		dns_worker_turn(&worker, 0);
}

/* Turn until it is so, less long than an idle connection may last; what never comes about fails the assertion that follows. */
#define UNTIL(condition)                                          \
	do {                                                      \
		for (int i_ = 0; i_ < 5000 && !(condition); i_++) \
			dns_worker_turn(&worker, 1);              \
	} while (0)

static inline uint64_t counted(enum dns_counter c)
{
	return atomic_load(&counters.value[c]);
}
#define COUNT(name) counted(DNS_##name)

/* --- sockets ---------------------------------------------------------------------------------------------------- */

static inline int socket_at(int type, const struct addr *addr, uint16_t *ret_port)
{
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(addr, 0, &sa);
	int fd = socket(sa.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
	assert_true(type == SOCK_DGRAM || listen(fd, 4096) == 0);
	len = sizeof(sa);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	(void)addr_from_sockaddr(&sa, ret_port);
	return fd;
}

/* A socket of ours in a router, 0: of the internet. Returns its port. */
static inline uint16_t serve_at(uint32_t router, int type, const struct addr *addr)
{
	struct msg_endpoint at = {.network = router, .addr = *addr};
	uint16_t port;
	int fd = socket_at(type, addr, &port);

	at.port = port;
	assert_int_equal(dns_socket_open(&worker, &at, type == SOCK_STREAM, fd), 0);
	return port;
}

static inline void unserve_at(uint32_t router, int type, const struct addr *addr, uint16_t port)
{
	const struct msg_endpoint at = {.network = router, .addr = *addr, .port = port};

	dns_socket_close(&worker, &at, type == SOCK_STREAM);
}

/* A client's, connected. */
static inline int client_from(int type, const struct addr *from, const struct addr *to,
			      uint16_t port)
{
	struct sockaddr_storage sa;
	uint16_t own;
	socklen_t len;
	int fd = type == SOCK_DGRAM ? socket_at(type, from, &own) : -1;

	if (fd < 0) {
		len = addr_to_sockaddr(from, 0, &sa);
		fd = socket(sa.ss_family, type | SOCK_CLOEXEC, 0);
		assert_true(fd >= 0);
		assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	}
	len = addr_to_sockaddr(to, port, &sa);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, len), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}

static inline int client(int type, uint16_t port)
{
	return client_from(type, &here, &here, port);
}

static inline void must_send(int fd, const void *p, size_t len)
{
	assert_int_equal(send(fd, p, len, MSG_NOSIGNAL), len);
}

static inline bool is_readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

/* The answer to a datagram, turned for; 0: none came in a while. */
static inline size_t datagram_wait(int fd, uint8_t *answer, size_t cap)
{
	ssize_t n;

	UNTIL(is_readable(fd));
	n = recv(fd, answer, cap, 0);
	assert_true(n > 0);
	return (size_t)n;
}

/* Ask for host.example.org, A, with an id. Returns the length. */
static inline size_t query_make(uint8_t *p, uint16_t id)
{
	size_t n = rig_query(p, host_name, RR_A, DNS_RD);

	p[0] = (uint8_t)(id >> 8);
	p[1] = (uint8_t)id;
	return n;
}

/* The last octet of the address in the answer, which has one record and no OPT. */
static inline int last_of(const uint8_t *answer, size_t len)
{
	assert_true(len > DNS_HEADER_BYTES && answer[7] == 1 && answer[11] == 0);
	return answer[len - 1];
}

static inline int rcode_of(const uint8_t *answer)
{
	return answer[3] & 15;
}

/* --- control ---------------------------------------------------------------------------------------------------- */

static inline void bell_ring(void)
{
	const struct msg_generation at = {.generation = rig_generation};

	assert_int_equal(msg_send_body(control_link, MSG_BELL_D, &at), 0);
}

/* The next message to control is there, and of this type. */
static inline const void *told(enum msg_type type)
{
	int r = -EAGAIN;

	UNTIL((r = msg_recv(control_link, ROLE_DNS, ROLE_CONTROL, &said)) != -EAGAIN);
	assert_int_equal(r, 0);
	assert_int_equal(said.type, type);
	return said.body;
}

static inline bool told_nothing(void)
{
	turns(3);
	return msg_recv(control_link, ROLE_DNS, ROLE_CONTROL, &said) == -EAGAIN;
}
