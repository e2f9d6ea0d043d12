/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sockets that netd opens in routers' namespaces: what they are like, and which are told to the parent when.
 *
 * In namespaces of its own, with a /run of its own.
 */
#include "netd/socket_open.h"
#include "netd/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define ROUNDS 40

static struct options options = {.keepalive_s = 60, .hello_timeout_ms = 1000};
static struct netns netns;
static bool is_apart;

static struct addr addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static void lo_up(void)
{
	struct ifreq r = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &r), 0);
}

/* A namespace of this name, in which the loopback is up. */
static void namespace_make(const char *name)
{
	char path[64];

	snprintf(path, sizeof path, NETNS_DIR "/%s", name);
	close(open(path, O_CREAT | O_RDONLY | O_CLOEXEC, 0600));
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	lo_up();
	assert_int_equal(mount("/proc/thread-self/ns/net", path, NULL, MS_BIND, NULL), 0);
	netns_leave(&netns);
}

static void namespace_unmake(const char *name)
{
	char path[64];

	snprintf(path, sizeof path, NETNS_DIR "/%s", name);
	assert_int_equal(umount2(path, MNT_DETACH), 0);
	assert_int_equal(unlink(path), 0);
}

static int setup(void **state)
{
	int flags = CLONE_NEWNS | CLONE_NEWNET | (geteuid() ? CLONE_NEWUSER : 0);
	struct err e;

	if (unshare(flags) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("tmpfs", "/run", "tmpfs", 0, NULL)) {
		print_message("no namespaces of its own: %s\n", strerror(errno));
		return 0;
	}
	is_apart = !netns_init(&netns, &e);
	if (is_apart)
		lo_up();
	else
		print_message("%s\n", e.text);
	return 0;
}

#define NEEDS_NAMESPACES \
	if (!is_apart)   \
		skip();

/* --- one socket ------------------------------------------------------------------------------------------- */

static int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof value;

	assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

static struct addr bound_to(int fd, uint16_t *ret_port)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof sa;

	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	return addr_from_sockaddr(&sa, ret_port);
}

static int must_open(enum endpoint_kind kind, const char *at, uint16_t port)
{
	const char *what = "";
	struct addr a = addr(at);
	int fd = socket_open(&options, kind, &a, port, &what);

	if (fd < 0)
		fail_msg("%s: %s: %s", at, what, strerror(-fd));
	return fd;
}

static void check_kind(enum endpoint_kind kind, const char *at, uint16_t port)
{
	const bool is_udp = kind == ENDPOINT_DNS_UDP || kind == ENDPOINT_ASK_UDP;
	const bool asks = kind == ENDPOINT_ASK_UDP || kind == ENDPOINT_ASK_TCP;
	const struct addr a = addr(at);
	const bool v6 = a.family == ADDR_V6;
	int fd = must_open(kind, at, port);
	uint16_t got_port = 1;
	struct addr got = bound_to(fd, &got_port);

	assert_true(addr_is_equal(&got, &a)); /* which nobody has: it may come later */
	assert_int_equal(got_port, port);
	assert_int_equal(option(fd, SOL_SOCKET, SO_TYPE), is_udp ? SOCK_DGRAM : SOCK_STREAM);
	assert_int_equal(option(fd, SOL_SOCKET, SO_ACCEPTCONN), !is_udp && !asks);
	assert_int_equal(option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT), asks);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	if (is_udp) {
		assert_int_equal(v6 ? option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER)
				    : option(fd, IPPROTO_IP, IP_MTU_DISCOVER),
				 v6 ? IPV6_PMTUDISC_OMIT : IP_PMTUDISC_OMIT);
		assert_true(option(fd, SOL_SOCKET, SO_RCVBUF) >= 1 << 17);
	} else {
		assert_int_equal(option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
		assert_int_equal(option(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT) > 0,
				 kind == ENDPOINT_GATE);
	}
	close(fd);
}

static void test_each_kind_is_as_its_user_needs_it(void **state)
{
	static const char *const places[] = {"10.1.0.2", "168.63.129.16", "fd00:1::2"};

	NEEDS_NAMESPACES
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		check_kind(ENDPOINT_GATE, places[i], 6443);
		check_kind(ENDPOINT_DNS_UDP, places[i], 53);
		check_kind(ENDPOINT_DNS_TCP, places[i], 53);
		check_kind(ENDPOINT_ASK_UDP, places[i], 0);
		check_kind(ENDPOINT_ASK_TCP, places[i], 0);
	}
}

static int port_by(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(uint16_t));
}

static size_t distinct(uint16_t *ports, size_t n)
{
	size_t kept = 0;

	qsort(ports, n, sizeof *ports, port_by);
	for (size_t i = 0; i < n; i++)
		kept += i == 0 || ports[i] != ports[i - 1];
	return kept;
}

/* By one socket again and again, to the same server, as the dns role does. */
static void check_ports(enum endpoint_kind kind, enum endpoint_kind server_kind, const char *from,
			const char *to)
{
	const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
	struct addr source = addr(from), target = addr(to), got;
	int server = must_open(server_kind, to, 53), fd = must_open(kind, from, 0);
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(&target, 53, &sa);
	uint16_t ports[ROUNDS], none;

	for (size_t i = 0; i < ROUNDS; i++) {
		assert_true(!connect(fd, (struct sockaddr *)&sa, len) || errno == EINPROGRESS);
		got = bound_to(fd, &ports[i]);
		assert_true(addr_is_equal(&got, &source));
		assert_true(ports[i] > 1023);
		assert_int_equal(connect(fd, &nobody, sizeof nobody), 0);
		got = bound_to(fd, &none);
		assert_true(addr_is_equal(&got, &source));
		/* A TCP socket goes on saying which it had, though it has it no more. */
		if (kind == ENDPOINT_ASK_UDP)
			assert_int_equal(none, 0);
	}
	assert_true(distinct(ports, ROUNDS) > ROUNDS / 2);
	close(fd);
	close(server);
}

static void test_who_asks_gets_a_new_port_each_time_and_keeps_the_address(void **state)
{
	NEEDS_NAMESPACES
	check_ports(ENDPOINT_ASK_UDP, ENDPOINT_DNS_UDP, "127.0.0.5", "127.0.0.1");
	check_ports(ENDPOINT_ASK_TCP, ENDPOINT_DNS_TCP, "127.0.0.5", "127.0.0.1");
	check_ports(ENDPOINT_ASK_UDP, ENDPOINT_DNS_UDP, "::1", "::1");
	check_ports(ENDPOINT_ASK_TCP, ENDPOINT_DNS_TCP, "::1", "::1");
}

/* --- all of a router's ------------------------------------------------------------------------------------ */

/* What the parent has. */
static struct msg_endpoint has[256];
static int fds[256];
static size_t n_has, n_told;
static bool is_deaf;

static bool is_same(const struct msg_endpoint *m, const struct socket_known *k)
{
	return m->network == k->network && addr_is_equal(&m->addr, &k->addr) &&
	       m->port == k->port && m->kind == k->kind && m->slot == k->slot;
}

static int told(const struct socket_known *k, int fd, void *arg)
{
	size_t at = 0;

	if (is_deaf)
		return -EAGAIN;
	n_told++;
	while (at < n_has && !is_same(&has[at], k))
		at++;
	assert_int_equal(at < n_has, fd < 0); /* nothing twice, nothing unknown */
	if (fd >= 0) {
		has[n_has] = (struct msg_endpoint){k->network, k->port, k->kind, k->slot, k->addr};
		fds[n_has++] = dup(fd);
		return 0;
	}
	close(fds[at]);
	has[at] = has[--n_has];
	fds[at] = fds[n_has];
	return 0;
}

static size_t count(uint32_t network, enum endpoint_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < n_has; i++)
		n += has[i].network == network && has[i].kind == kind;
	return n;
}

static void check_counts(uint32_t network, size_t gate, size_t dns, size_t ask_udp, size_t ask_tcp)
{
	assert_int_equal(count(network, ENDPOINT_GATE), gate);
	assert_int_equal(count(network, ENDPOINT_DNS_UDP), dns);
	assert_int_equal(count(network, ENDPOINT_DNS_TCP), dns);
	assert_int_equal(count(network, ENDPOINT_ASK_UDP), ask_udp);
	assert_int_equal(count(network, ENDPOINT_ASK_TCP), ask_tcp);
}

static struct tables_network_endpoint endpoint;
static struct tables_resolver resolvers[4];
static struct tables_network record;

static void record_init(uint32_t id)
{
	endpoint = (struct tables_network_endpoint){addr("10.1.0.100"), 6443};
	resolvers[0] = (struct tables_resolver){addr("10.1.0.2"), true};
	resolvers[1] = (struct tables_resolver){addr("10.1.1.2"), false};
	resolvers[2] = (struct tables_resolver){addr("168.63.129.16"), false};
	resolvers[3] = (struct tables_resolver){addr("fd00:1::2"), true};
	record = (struct tables_network){.id = id,
					 .endpoints = &endpoint,
					 .n_endpoints = 1,
					 .resolvers = resolvers,
					 .n_resolvers = 4};
}

/* How many were told. */
static size_t apply(struct sockets *s, const char *namespace)
{
	struct err e = {0};

	n_told = 0;
	if (sockets_apply(s, namespace, &record, told, NULL, &e))
		fail_msg("%s", e.text);
	return n_told;
}

static void test_a_router_has_the_sockets_of_its_record(void **state)
{
	struct sockets s;

	NEEDS_NAMESPACES
	namespace_make("a");
	sockets_init(&s, &options, &netns);
	record_init(1);
	/* Nobody would answer. */
	assert_int_equal(apply(&s, "a"), 1);
	check_counts(1, 1, 0, 0, 0);
	s.n_dns = 3;
	assert_int_equal(apply(&s, "a"), 8 + 2 * 3 * (8 + 2));
	check_counts(1, 1, 4, 48, 12);
	assert_int_equal(apply(&s, "a"), 0);
	/* One address goes, another asks no more. */
	record.n_resolvers = 3;
	resolvers[0].asks = false;
	apply(&s, "a");
	check_counts(1, 1, 3, 0, 0);
	resolvers[1].asks = true;
	assert_int_equal(apply(&s, "a"), 30);
	check_counts(1, 1, 3, 24, 6);
	/* The same name, another namespace. */
	namespace_unmake("a");
	namespace_make("a");
	assert_int_equal(apply(&s, "a"), 2 * 37);
	check_counts(1, 1, 3, 24, 6);
	is_deaf = true;
	assert_int_equal(sockets_remove(&s, 1, told, NULL), -EAGAIN);
	is_deaf = false;
	assert_int_equal(sockets_remove(&s, 1, told, NULL), 0);
	assert_int_equal(n_has, 0);
	sockets_done(&s);
	namespace_unmake("a");
}

static bool is_second(uint32_t network, void *arg)
{
	return network == 2;
}

/* To a new netd, in any order; what it does not want any more goes. */
static void test_what_the_parent_kept_is_taken_back(void **state)
{
	struct sockets s;

	NEEDS_NAMESPACES
	namespace_make("a");
	namespace_make("b");
	sockets_init(&s, &options, &netns);
	s.n_dns = 2;
	record_init(1);
	apply(&s, "a");
	record_init(2);
	apply(&s, "b");
	sockets_done(&s);
	assert_int_equal(n_has, 2 * 49);

	sockets_init(&s, &options, &netns);
	s.n_dns = 1; /* slots of a process that is no more */
	for (size_t i = n_has; i-- > 0;)
		assert_int_equal(sockets_adopt(&s, &has[i * 37 % n_has], fds[i * 37 % n_has]), 0);
	assert_int_equal(sockets_adopt(&s, &has[5], fds[5]), 0);
	assert_int_equal(
		sockets_adopt(&s, &(struct msg_endpoint){.kind = ENDPOINT_KIND_COUNT}, fds[0]),
		-EINVAL);
	assert_int_equal(apply(&s, "b"), 20);
	check_counts(2, 1, 4, 16, 4);
	check_counts(1, 1, 4, 32, 8);
	assert_int_equal(sockets_sweep(&s, is_second, told, NULL), 0);
	check_counts(1, 0, 0, 0, 0);
	check_counts(2, 1, 4, 16, 4);
	assert_int_equal(apply(&s, "b"), 0);
	assert_int_equal(sockets_remove(&s, 2, told, NULL), 0);
	assert_int_equal(n_has, 0);
	sockets_done(&s);
	namespace_unmake("a");
	namespace_unmake("b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_kind_is_as_its_user_needs_it),
		cmocka_unit_test(test_who_asks_gets_a_new_port_each_time_and_keeps_the_address),
		cmocka_unit_test(test_a_router_has_the_sockets_of_its_record),
		cmocka_unit_test(test_what_the_parent_kept_is_taken_back),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
