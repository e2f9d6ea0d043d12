/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A gate in a test's own process: real tables in a temporary folder, a worker that is turned by hand, clients on loopback,
 * one upstream on loopback that the test plays itself. For the fuzz target of a whole connection and for unit tests.
 */
#pragma once

#include "gate/accept.h"
#include "gate/cluster.h"
#include "gate/connection.h"
#include "gate/endpoint.h"
#include "gate/sweep.h"
#include "gate/worker.h"
#include "model/cluster.h"
#include "proc/quota_layout.h"
#include "tables/network.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define RIG_CLUSTER 1
#define RIG_NAME    "rig.example.org"

struct rig {
	char dir[64];
	struct options options;
	struct tables *writer, *reader;
	struct worker worker;
	struct gate_counters counters;
	void *quota;
	int listener; /* the upstream's */
	uint16_t port;
	int front; /* where clients connect */
	uint16_t front_port;
	uint64_t generation;
};

#define RIG_MUST(x)                                                             \
	do {                                                                    \
		if (!(x)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
			abort();                                                \
		}                                                               \
	} while (0)

/* Declare the one cluster anew: on or off, open to 10.0.0.0/8 and 2001:db8::/32, or deleted. */
static inline void rig_declare(struct rig *r, const struct tables_cluster *c, bool deleted)
{
	static const uint32_t id = RIG_CLUSTER;
	struct prefix ranges[2];
	struct tables_cluster copy = *c;
	struct err e;
	uint8_t *blob;
	size_t len;

	RIG_MUST(!prefix_parse("10.0.0.0/8", 10, &ranges[0], &e));
	RIG_MUST(!prefix_parse("2001:db8::/32", 13, &ranges[1], &e));
	RIG_MUST(!rangeset_build(ranges, 2, &blob, &len));
	RIG_MUST(!tables_begin(r->writer, &e));
	copy.id = id;
	copy.generation = ++r->generation;
	snprintf(copy.name, sizeof copy.name, "rig");
	if (deleted) {
		RIG_MUST(!tables_delete_cluster(r->writer, id, &e));
		RIG_MUST(!tables_delete_name(r->writer, RIG_NAME, &e));
	} else {
		RIG_MUST(!tables_put_cluster(r->writer, &copy, &e));
		RIG_MUST(!tables_put_ranges(r->writer, id, blob, len, &e));
		RIG_MUST(!tables_put_name(r->writer, RIG_NAME, id, &e));
	}
	free(blob);
	RIG_MUST(!tables_commit(r->writer, r->generation, "00112233445566778899aabbccddeeff", &id,
				1, &e));
}

static inline struct tables_cluster rig_cluster(const struct rig *r)
{
	struct tables_cluster c;

	memset(&c, 0, sizeof c);
	c.public_enabled = true;
	c.health_kind = HEALTH_NONE;
	c.connect_timeout_ms = 2000;
	c.health_interval_ms = 5000;
	c.health_timeout_ms = 2000;
	c.n_upstreams = 1;
	c.upstreams[0].addr = addr_v4(0x7f000001);
	c.upstreams[0].port = r->port;
	return c;
}

/* What the tables say of a private address. */
struct rig_endpoint {
	struct addr addr;
	uint32_t cluster;
	const char *sources; /* one prefix; NULL: everyone; "": damaged */
};

struct rig_touched {
	uint32_t ids[64];
	size_t n;
};

static inline void rig_touch(uint32_t id, void *arg)
{
	struct rig_touched *t = arg;

	RIG_MUST(t->n < sizeof t->ids / sizeof t->ids[0]);
	t->ids[t->n++] = id;
}

static inline struct tables_endpoint_put rig_endpoint_put(uint32_t network,
							  const struct rig_endpoint *e)
{
	struct tables_endpoint_put put = {
		.endpoint = {.network = network,
			     .addr = e->addr,
			     .port = 443,
			     .cluster = e->cluster,
			     .owner = e->cluster,
			     .open = !e->sources},
	};
	struct prefix range;
	struct err err;
	uint8_t *blob = NULL;

	if (!e->sources)
		return put;
	RIG_MUST(!prefix_parse(*e->sources ? e->sources : "0.0.0.0/0", strlen(e->sources) ?: 9,
			       &range, &err));
	RIG_MUST(!rangeset_build(&range, 1, &blob, &put.sources_len));
	if (!*e->sources)
		blob[put.sources_len - 1] ^= 1; /* only its checksum tells */
	put.sources = blob;
	return put;
}

/* The private addresses of a network are now exactly these (at most 16). The network's own id is among the changes, as control does it. */
static inline void rig_declare_endpoints(struct rig *r, uint32_t network,
					 const struct rig_endpoint *endpoints, size_t n)
{
	struct rig_touched touched = {.ids = {network}, .n = 1};
	struct tables_endpoint_put puts[16];
	struct err e;

	RIG_MUST(n <= 16);
	for (size_t i = 0; i < n; i++)
		puts[i] = rig_endpoint_put(network, &endpoints[i]);
	RIG_MUST(!tables_begin(r->writer, &e));
	RIG_MUST(!tables_put_endpoints(r->writer, network, puts, n, ++r->generation, rig_touch,
				       &touched, &e));
	for (size_t i = 0; i < n; i++)
		free((void *)(uintptr_t)puts[i].sources);
	RIG_MUST(!tables_commit(r->writer, r->generation, "00112233445566778899aabbccddeeff",
				touched.ids, touched.n, &e));
}

static inline int rig_listen_at(struct addr addr, uint16_t *ret_port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET,
				 .sin_addr.s_addr = htonl((uint32_t)addr.lo)};
	socklen_t len = sizeof sa;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	RIG_MUST(fd >= 0 && !bind(fd, (struct sockaddr *)&sa, sizeof sa));
	RIG_MUST(!listen(fd, 1000));
	RIG_MUST(!getsockname(fd, (struct sockaddr *)&sa, &len));
	*ret_port = ntohs(sa.sin_port);
	return fd;
}

static inline int rig_listen(uint16_t *ret_port)
{
	return rig_listen_at(addr_v4(0x7f000001), ret_port);
}

static inline void rig_init(struct rig *r)
{
	struct err e;

	signal(SIGPIPE,
	       SIG_IGN); /* as the parent leaves it to every role: splice() knows no MSG_NOSIGNAL */
	memset(r, 0, sizeof *r);
	snprintf(r->dir, sizeof r->dir, "/tmp/postern-rig.XXXXXX");
	RIG_MUST(mkdtemp(r->dir));
	r->listener = rig_listen(&r->port);
	r->front = rig_listen(&r->front_port);
	RIG_MUST(!tables_open(r->dir, true, &r->writer, &e));
	struct tables_cluster c = rig_cluster(r);
	rig_declare(r, &c, false);
	RIG_MUST(!tables_open(r->dir, false, &r->reader, &e));
	r->options.hello_timeout_ms = 5000;
	r->options.pipes_max = 8;
	r->options.keepalive_s = 60;
	r->quota = mmap(NULL, quota_bytes(1), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	RIG_MUST(r->quota != MAP_FAILED);
	RIG_MUST(!worker_init(&r->worker, &r->options, 0, 1, r->reader, &r->counters, r->quota));
	r->worker.bell = true;
	worker_turn(&r->worker, 0);
}

static inline void rig_done(struct rig *r)
{
	char path[128];

	worker_done(&r->worker);
	tables_close(r->reader);
	tables_close(r->writer);
	close(r->listener);
	close(r->front);
	munmap(r->quota, quota_bytes(1));
	snprintf(path, sizeof path, "%s/data.mdb", r->dir);
	unlink(path);
	snprintf(path, sizeof path, "%s/lock.mdb", r->dir);
	unlink(path);
	rmdir(r->dir);
}

/*
 * A client whose source is taken to be addr, by a private address (NULL: a public one): our end of the connection is
 * returned, the other is the gate's.
 */
static inline int rig_connect_by(struct rig *r, struct addr addr, struct gate_endpoint *by)
{
	struct sockaddr_in sa = {.sin_family = AF_INET,
				 .sin_port = htons(r->front_port),
				 .sin_addr.s_addr = htonl(0x7f000001)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	RIG_MUST(fd >= 0 && !connect(fd, (struct sockaddr *)&sa, sizeof sa));
	RIG_MUST(!fcntl(fd, F_SETFL, O_NONBLOCK));
	int accepted = accept4(r->front, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	RIG_MUST(accepted >= 0);
	connection_accept(&r->worker, accepted, &addr, 40000, by);
	return fd;
}

static inline int rig_connect(struct rig *r, struct addr addr)
{
	return rig_connect_by(r, addr, NULL);
}

/* A real client of a listening socket, from one loopback address to another. */
static inline int rig_dial(struct addr from, struct addr to, uint16_t port)
{
	struct sockaddr_storage a, b;
	socklen_t a_len = addr_to_sockaddr(&from, 0, &a), b_len = addr_to_sockaddr(&to, port, &b);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	RIG_MUST(fd >= 0 && !bind(fd, (struct sockaddr *)&a, a_len));
	/* What a test sends is there at once. */
	RIG_MUST(!setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
	RIG_MUST(!connect(fd, (struct sockaddr *)&b, b_len));
	RIG_MUST(!fcntl(fd, F_SETFL, O_NONBLOCK));
	return fd;
}

static inline void rig_send(int fd, const void *data, size_t len)
{
	RIG_MUST(send(fd, data, len, MSG_NOSIGNAL) == (ssize_t)len);
}

static inline size_t rig_hello(uint8_t dst[512], const char *name)
{
	static const uint8_t random[32] = {7};

	return client_hello_format(dst, 512, name, random);
}

/* What the client reads: -2 nothing yet, -1 reset, 0 end, else bytes. */
static inline int rig_reads(int fd)
{
	uint8_t buf[64];
	ssize_t n = recv(fd, buf, sizeof buf, 0);

	if (n < 0)
		return errno == EAGAIN ? -2 : -1;
	return (int)n;
}

/* The connection that the gate made to us, -1 if there is none. */
static inline int rig_upstream(struct rig *r)
{
	return accept4(r->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static inline void rig_turns(struct rig *r, int n)
{
	while (n--)
		worker_turn(&r->worker, 0);
}

/* Turn until it is so, as the kernel may deliver late; what never comes about fails the assertion that follows. */
#define RIG_UNTIL(r, condition)                                   \
	do {                                                      \
		for (int i_ = 0; i_ < 5000 && !(condition); i_++) \
			worker_turn(&(r)->worker, 1);             \
	} while (0)

static inline uint64_t rig_count(const struct rig *r, enum gate_counter c)
{
	return atomic_load(&r->counters.value[c]);
}
