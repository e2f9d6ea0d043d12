/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The name server's sockets: of one port by UDP and TCP, nobody else's, and named when they cannot be had. */
#include "proc/listeners.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

static struct options o;
static struct listeners l;
static char dir[64];

static int setup(void **state)
{
	memset(&o, 0, sizeof o);
	snprintf(dir, sizeof dir, "/tmp/postern-test-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(o.socket_path, sizeof o.socket_path, "%s/api.sock", dir);
	o.dns_listen[0].addr = addr_v4(INADDR_LOOPBACK);
	o.dns_listen[1].addr = (struct addr){.family = ADDR_V6, .lo = 1};
	o.n_dns_listen = 1;
	return 0;
}

static int teardown(void **state)
{
	listeners_close(&l);
	unlink(o.socket_path);
	return rmdir(dir);
}

static int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof value;

	assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

static uint16_t port_of(int fd)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof sa;
	uint16_t port = 0;

	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	addr_from_sockaddr(&sa, &port);
	return port;
}

static void both_have_one_port(void **state)
{
	struct err e = {0};

	o.n_dns_listen = 2;
	if (listeners_open(&o, 1, &l, &e)) {
		/* A machine without IPv6 has no ::1. */
		assert_non_null(strstr(e.text, "--dns-listen (UDP): cannot listen on [::1]:0"));
		o.n_dns_listen = 1;
		assert_int_equal(listeners_open(&o, 1, &l, &e), 0);
	}
	assert_int_equal(l.n_dns, o.n_dns_listen);
	for (size_t i = 0; i < l.n_dns; i++) {
		const struct dns_listener *d = &l.dns[i];

		assert_true(d->at.port > 0);
		assert_int_equal(port_of(d->udp), d->at.port);
		assert_int_equal(port_of(d->tcp), d->at.port);
		assert_int_equal(option(d->udp, SOL_SOCKET, SO_TYPE), SOCK_DGRAM);
		assert_int_equal(option(d->tcp, SOL_SOCKET, SO_ACCEPTCONN), 1);
		assert_int_equal(option(d->udp, SOL_SOCKET, SO_REUSEPORT), 0);
		assert_int_equal(option(d->udp, SOL_SOCKET, SO_REUSEADDR), 0);
		assert_int_equal(option(d->tcp, SOL_SOCKET, SO_REUSEPORT), 0);
		assert_true(option(d->udp, SOL_SOCKET, SO_RCVBUF) > 0);
	}
	assert_int_equal(option(l.dns[0].udp, IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_OMIT);
	if (l.n_dns == 2) {
		assert_int_equal(option(l.dns[1].udp, IPPROTO_IPV6, IPV6_MTU_DISCOVER),
				 IPV6_PMTUDISC_OMIT);
		assert_int_equal(option(l.dns[1].udp, IPPROTO_IPV6, IPV6_V6ONLY), 1);
	}
}

static int somebody(int type, uint16_t *port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET,
				 .sin_addr = {htonl(INADDR_LOOPBACK)},
				 .sin_port = htons(*port)};
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 1), 0);
	*port = port_of(fd);
	return fd;
}

/* Of the one transport or the other: refused, with the option and the transport, and nothing stays open. */
static void a_port_that_somebody_has_is_refused(void **state)
{
	static const struct {
		int type;
		const char *text;
	} ways[] = {{SOCK_DGRAM, "--dns-listen (UDP): cannot listen on 127.0.0.1:"},
		    {SOCK_STREAM, "--dns-listen (TCP): cannot listen on 127.0.0.1:"}};

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		uint16_t port = 0;
		int fd = somebody(ways[i].type, &port), again;
		struct err e = {0};

		o.dns_listen[0].port = port;
		assert_int_equal(listeners_open(&o, 1, &l, &e), -ERR_UNAVAILABLE);
		assert_non_null(strstr(e.text, ways[i].text));
		assert_non_null(strstr(e.text, "another program has it"));
		assert_int_equal(l.n_dns, 0);
		/* What it opened before it saw is closed. */
		if (ways[i].type == SOCK_STREAM) {
			again = somebody(SOCK_DGRAM, &port);
			close(again);
		}
		close(fd);
	}
}

/* A second daemon with the same address, even of the same user, does not get a share of the questions. */
static void a_second_daemon_is_refused(void **state)
{
	static struct listeners second;
	struct err e = {0};

	assert_int_equal(listeners_open(&o, 1, &l, &e), 0);
	o.dns_listen[0].port = l.dns[0].at.port;
	assert_int_equal(listeners_open(&o, 1, &second, &e), -ERR_UNAVAILABLE);
	assert_non_null(strstr(e.text, "--dns-listen (UDP)"));
}

static void every_option_is_named_by_its_own_name(void **state)
{
	uint16_t port = 0;
	int fd = somebody(SOCK_STREAM, &port);
	struct err e = {0};

	o.listen[0] = (struct endpoint){.addr = addr_v4(INADDR_LOOPBACK), .port = port};
	o.n_listen = 1;
	assert_int_equal(listeners_open(&o, 1, &l, &e), -ERR_UNAVAILABLE);
	assert_non_null(strstr(e.text, "--listen: cannot listen on 127.0.0.1:"));
	o.n_listen = 0;
	o.metrics = o.listen[0];
	assert_int_equal(listeners_open(&o, 1, &l, &e), -ERR_UNAVAILABLE);
	assert_non_null(strstr(e.text, "--metrics: cannot listen on 127.0.0.1:"));
	close(fd);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(both_have_one_port),
		T(a_port_that_somebody_has_is_refused),
		T(a_second_daemon_is_refused),
		T(every_option_is_named_by_its_own_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
