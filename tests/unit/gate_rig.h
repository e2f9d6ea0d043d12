/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A gate in a test's own process: real tables in a temporary folder, a worker that is turned by hand, clients on loopback,
 * one upstream on loopback that the test plays itself. For the fuzz target of a whole connection and for unit tests.
 */
#pragma once

#include "gate/accept.h"
#include "gate/cluster.h"
#include "gate/connection.h"
#include "gate/sweep.h"
#include "gate/worker.h"
#include "model/cluster.h"
#include "proc/quota_layout.h"

#include <fcntl.h>
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

static inline int rig_listen(uint16_t *ret_port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)};
	socklen_t len = sizeof sa;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	RIG_MUST(fd >= 0 && !bind(fd, (struct sockaddr *)&sa, sizeof sa));
	RIG_MUST(!listen(fd, 1000));
	RIG_MUST(!getsockname(fd, (struct sockaddr *)&sa, &len));
	*ret_port = ntohs(sa.sin_port);
	return fd;
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

/* A client whose source is taken to be addr: our end of the connection is returned, the other is the gate's. */
static inline int rig_connect(struct rig *r, struct addr addr)
{
	struct sockaddr_in sa = {.sin_family = AF_INET,
				 .sin_port = htons(r->front_port),
				 .sin_addr.s_addr = htonl(0x7f000001)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	RIG_MUST(fd >= 0 && !connect(fd, (struct sockaddr *)&sa, sizeof sa));
	RIG_MUST(!fcntl(fd, F_SETFL, O_NONBLOCK));
	int accepted = accept4(r->front, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	RIG_MUST(accepted >= 0);
	connection_accept(&r->worker, accepted, &addr, 40000);
	return fd;
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

static inline uint64_t rig_count(const struct rig *r, enum gate_counter c)
{
	return atomic_load(&r->counters.value[c]);
}
