/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A name server process and one client on loopback, who sends arbitrary octets. The first octet says how: bit 0 by TCP (else one datagram), bit 1
 * in a network (else the internet), bit 2 half-closes at the end, the others in how many octets at a time. What comes back is no more
 * than one answer for each query, each answer has the id of a query and QR, and nothing is kept when the client is gone.
 */
#include "dns/tcp_int.h"
#include "dns/worker.h"
#include "wire/rdata.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x)                                                                             \
	do {                                                                                \
		if (!(x)) {                                                                 \
			(void)fprintf(stderr, "line %d: %s does not hold\n", __LINE__, #x); \
			abort();                                                            \
		}                                                                           \
	} while (0)

#define NETWORK	   1u
#define PATIENCE   2000
#define INPUT_MOST 20000

static struct dns_worker worker;
static struct options options;
static struct dns_counters counters;
static struct tables *writer, *reader;
static char dir[] = "/tmp/fuzz_dns_serve.XXXXXX";
static uint16_t ports[2][2]; /* by router, by TCP */
static const struct addr here = {.family = ADDR_V4, .lo = 0x7f000001};

static void at_end(void)
{
	dns_worker_done(&worker);
	tables_close(reader);
	tables_close(writer);
	if (tables_erase(dir, NULL) == 0)
		(void)rmdir(dir);
}

static void zone_put(uint32_t id, uint32_t router)
{
	static uint8_t apex[] = "\3org", owner[] = "\3api\3org", alias[] = "\1x\3org";
	static const uint8_t address[] = {10, 0, 0, 1}, target[] = "\3api\3org";
	const struct zone_rdata a = {address, sizeof(address)}, c = {target, sizeof(target)};
	const struct zone_set sets[] = {{owner, RR_A, 60, &a, 1}, {alias, RR_CNAME, 60, &c, 1}};
	const struct zone_source src = {
		.id = id, .apex = apex, .ttl = 300, .minimum = 30, .sets = sets, .n_sets = 2};
	bool changed;

	MUST(tables_put_zone(writer, &src, &changed, NULL) == 0);
	MUST(tables_put_link(writer, router, apex, id, 0, &changed, NULL) == 0);
}

static void serve(uint32_t router, bool is_tcp)
{
	struct msg_endpoint at = {.network = router, .addr = here};
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(&here, 0, &sa);
	const int type = is_tcp ? SOCK_STREAM : SOCK_DGRAM;
	int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	MUST(fd >= 0 && bind(fd, (struct sockaddr *)&sa, len) == 0);
	MUST(!is_tcp || listen(fd, 10) == 0);
	len = sizeof(sa);
	MUST(getsockname(fd, (struct sockaddr *)&sa, &len) == 0);
	(void)addr_from_sockaddr(&sa, &ports[router][is_tcp]);
	at.port = ports[router][is_tcp];
	MUST(dns_socket_open(&worker, &at, is_tcp, fd) == 0);
}

static void set_up(void)
{
	const struct msg_start_dns start = {.n_dns = 1};

	MUST(mkdtemp(dir));
	MUST(tables_open(dir, true, &writer, NULL) == 0);
	MUST(tables_begin(writer, NULL) == 0);
	zone_put(1, 0);
	zone_put(2, NETWORK);
	MUST(tables_commit(writer, 1, "", NULL, 0, NULL) == 0);
	MUST(tables_open(dir, false, &reader, NULL) == 0);
	MUST(dns_worker_init(&worker, &options, &start, &counters) == 0);
	for (uint32_t router = 0; router <= NETWORK; router++) {
		serve(router, false);
		serve(router, true);
	}
	dns_worker_serve(&worker, reader);
	MUST(atexit(at_end) == 0);
}

static int dial(uint32_t router, bool is_tcp)
{
	const struct linger at_once = {.l_onoff = 1};
	struct sockaddr_storage sa;
	const socklen_t len = addr_to_sockaddr(&here, ports[router][is_tcp], &sa);
	int fd = socket(AF_INET, (is_tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);

	MUST(fd >= 0 && connect(fd, (struct sockaddr *)&sa, len) == 0);
	/* No port is left in TIME-WAIT. */
	if (is_tcp)
		MUST(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) == 0);
	MUST(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	return fd;
}

static uint64_t counted(enum dns_counter c)
{
	return atomic_load(&counters.value[c]);
}

static void datagram(int fd, const uint8_t *data, size_t size)
{
	const uint64_t before = counted(DNS_queries_udp_total);
	uint8_t answer[4096];
	ssize_t n;

	MUST(send(fd, data, size, 0) == (ssize_t)size);
	for (int i = 0; i < PATIENCE && counted(DNS_queries_udp_total) == before; i++)
		dns_worker_turn(&worker, 1);
	MUST(counted(DNS_queries_udp_total) == before + 1);
	n = recv(fd, answer, sizeof(answer), 0);
	if (n < 0)
		return;
	MUST(n >= DNS_HEADER_BYTES && n <= DNS_UDP_MAX && (answer[2] & DNS_QR) && size >= 2 &&
	     memcmp(answer, data, 2) == 0);
	MUST(recv(fd, answer, sizeof(answer), 0) < 0);
}

/* Whole answers that came so far are counted and checked; the rest stays. */
static size_t answers_take(uint8_t *p, size_t len, uint64_t *n)
{
	size_t at = 0;

	while (len - at >= 2) {
		const size_t size = (size_t)p[at] << 8 | p[at + 1];

		if (len - at < 2 + size)
			break;
		MUST(size >= DNS_HEADER_BYTES && (p[at + 4] & DNS_QR));
		at += 2 + size;
		++*n;
	}
	memmove(p, p + at, len - at);
	return len - at;
}

static void stream(int fd, const uint8_t *data, size_t size, size_t step, bool half_close)
{
	const uint64_t before = counted(DNS_queries_tcp_total);
	static uint8_t in[4 * (2 + DNS_MESSAGE_MAX)];
	uint64_t answers = 0;
	size_t have = 0;
	bool sent = false;
	ssize_t n = -1;

	for (int quiet = 0; quiet < 4 && n != 0;) {
		const size_t piece = size < step ? size : step;

		n = piece ? send(fd, data, piece, MSG_NOSIGNAL) : 0;
		quiet = n > 0 ? 0 : quiet + 1;
		data += n > 0 ? n : 0;
		size -= n > 0 ? (size_t)n : 0;
		if (size == 0 && half_close && !sent)
			(void)shutdown(fd, SHUT_WR);
		sent = size == 0;
		dns_worker_turn(&worker, 0);
		n = recv(fd, in + have, sizeof(in) - have, 0);
		have += n > 0 ? (size_t)n : 0;
		if (n > 0)
			quiet = 0;
		have = answers_take(in, have, &answers);
	}
	MUST(answers <= counted(DNS_queries_tcp_total) - before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0 || size > INPUT_MOST)
		return 0;
	if (!writer)
		set_up();
	const bool is_tcp = data[0] & 1;
	const uint32_t router = data[0] >> 1 & 1;
	int fd = dial(router, is_tcp);

	if (is_tcp)
		stream(fd, data + 1, size - 1, data[0] >> 3 ? data[0] >> 3 : SIZE_MAX, data[0] & 4);
	else
		datagram(fd, data + 1, size - 1);
	close(fd);
	for (int i = 0; i < PATIENCE && counted(DNS_tcp_connections); i++)
		dns_worker_turn(&worker, 1);
	MUST(counted(DNS_tcp_connections) == 0 && worker.tcps->kept == 0);
	return 0;
}
