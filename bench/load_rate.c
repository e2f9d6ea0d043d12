/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A fixed number of connections kept busy, and what was done in a window of time with the CPU time it took others.
 *
 *	CONNECTING ──writable──▶ HELLO ──answered──▶ BUSY
 *	     ▲                     │  short: end of file, all bytes there
 *	     └───────── next ──────┘
 *
 * The window opens when all connections are busy (short: after a run-up) and closes by time. With a total, it closes when so
 * many connections have ended, well or badly. A connection without any progress for STUCK_MS is lost: closed and
 * counted.
 */
#include "load_account.h"
#include "load_client.h"

#include "base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS	     256
#define RUN_UP_MS    150
#define ALL_BUSY_MS  20000 /* longest wait for all connections to be busy */
#define STUCK_MS     10000
#define SINK_CHUNK   (4U << 20)
#define UPLOAD_CHUNK (256U << 10)

enum flow_state { FLOW_OFF, FLOW_CONNECTING, FLOW_HELLO, FLOW_BUSY };

struct flow {
	int fd;
	uint32_t nth; /* of all connections ever begun: picks name and source */
	uint32_t got; /* bytes of the answer or response under way */
	enum flow_state state;
	uint64_t moved_ms; /* last progress */
};

static struct rate {
	const struct load_options *o;
	enum load_mode mode;
	int epoll;
	struct flow *flows;
	uint32_t begun, ended, n_busy, n_open;
	uint64_t units, bytes, errors, lost;
	uint64_t now_ms;
	bool window;
	struct account start;
	char congestion[16];
	uint8_t scratch[UPLOAD_CHUNK];
} rate;

static void flow_watch(struct flow *f, int how, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = f};

	if (epoll_ctl(rate.epoll, how, f->fd, &event))
		load_die("epoll_ctl");
}

static void flow_begin(struct flow *f)
{
	if (rate.o->total && rate.begun == rate.o->total) {
		f->state = FLOW_OFF;
		return;
	}
	f->nth = rate.begun++;
	f->got = 0;
	f->state = FLOW_CONNECTING;
	f->moved_ms = rate.now_ms;
	f->fd = load_connect(rate.o, f->nth);
	rate.n_open++;
	flow_watch(f, EPOLL_CTL_ADD, EPOLLOUT);
}

/* Only short connections are followed by the next; any other that ends is a loss for the rest of the run. */
static void flow_end(struct flow *f)
{
	close(f->fd);
	if (f->state == FLOW_BUSY)
		rate.n_busy--;
	f->state = FLOW_OFF;
	rate.n_open--;
	rate.ended++;
	if (rate.mode == LOAD_SHORT)
		flow_begin(f);
}

static void flow_fail(struct flow *f, uint64_t *counter)
{
	*counter += 1;
	flow_end(f);
}

static bool flow_hello(struct flow *f)
{
	const struct load_command command = {
		.mode = (uint8_t)rate.mode,
		.request = rate.o->request,
		.response = rate.o->response,
	};
	uint8_t hello[LOAD_HELLO_MAX];
	socklen_t len = sizeof(int);
	char name[254];
	int e = 0;
	size_t n;

	if (getsockopt(f->fd, SOL_SOCKET, SO_ERROR, &e, &len) || e)
		return false;
	len = sizeof(rate.congestion);
	if (!rate.congestion[0] &&
	    getsockopt(f->fd, IPPROTO_TCP, TCP_CONGESTION, rate.congestion, &len))
		load_die("TCP_CONGESTION");
	load_name(rate.o, f->nth, name);
	n = load_hello_format(hello, name, &command);
	f->state = FLOW_HELLO;
	flow_watch(f, EPOLL_CTL_MOD, EPOLLIN);
	return send(f->fd, hello, n, MSG_NOSIGNAL) == (ssize_t)n;
}

static bool flow_request(struct flow *f)
{
	f->got = 0;
	return send(f->fd, rate.scratch, rate.o->request, MSG_NOSIGNAL) == (ssize_t)rate.o->request;
}

/* The whole answer is there: go on to what the mode is about. `got` may count bytes beyond it. */
static bool flow_answered(struct flow *f)
{
	f->state = FLOW_BUSY;
	rate.n_busy++;
	if (rate.mode == LOAD_UPLOAD)
		flow_watch(f, EPOLL_CTL_MOD, EPOLLOUT);
	return rate.mode != LOAD_PING || flow_request(f);
}

static bool flow_upload(struct flow *f)
{
	ssize_t n = send(f->fd, rate.scratch, sizeof(rate.scratch), MSG_NOSIGNAL);

	if (n > 0)
		rate.bytes += (uint64_t)n;
	return n > 0 || errno == EAGAIN;
}

static void flow_end_of_file(struct flow *f)
{
	if (rate.mode == LOAD_SHORT && f->got == rate.o->response) {
		rate.units++;
		flow_end(f);
	} else {
		flow_fail(f, &rate.errors);
	}
}

static void flow_read(struct flow *f)
{
	bool sink = f->state == FLOW_BUSY && rate.mode == LOAD_BULK, ok = true;
	ssize_t n = sink ? recv(f->fd, NULL, SINK_CHUNK, MSG_TRUNC)
			 : recv(f->fd, rate.scratch, sizeof(rate.scratch), 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		if (n < 0)
			flow_fail(f, &rate.errors);
		else
			flow_end_of_file(f);
		return;
	}
	f->moved_ms = rate.now_ms;
	rate.bytes += (uint64_t)n;
	if (!f->got && f->state == FLOW_HELLO)
		ok = rate.scratch[0] == LOAD_RECORD_TYPE;
	f->got += (uint32_t)n;
	if (f->state == FLOW_HELLO && rate.mode != LOAD_SHORT && f->got >= LOAD_ANSWER) {
		ok = ok && flow_answered(f);
	} else if (f->state == FLOW_BUSY && rate.mode == LOAD_PING && f->got >= rate.o->response) {
		rate.units++;
		ok = flow_request(f);
	}
	if (!ok)
		flow_fail(f, &rate.errors);
}

static void flow_event(struct flow *f)
{
	if (f->state == FLOW_CONNECTING) {
		if (!flow_hello(f))
			flow_fail(f, &rate.errors);
	} else if (f->state == FLOW_BUSY && rate.mode == LOAD_UPLOAD) {
		f->moved_ms = rate.now_ms;
		if (!flow_upload(f))
			flow_fail(f, &rate.errors);
	} else if (f->state != FLOW_OFF) {
		flow_read(f);
	}
}

static void rate_find_stuck(void)
{
	for (uint32_t i = 0; i < rate.o->connections; i++) {
		struct flow *f = &rate.flows[i];

		if (f->state != FLOW_OFF && f->moved_ms + STUCK_MS < rate.now_ms)
			flow_fail(f, &rate.lost);
	}
}

static void rate_window_open(void)
{
	rate.window = true;
	if (!rate.o->total) /* a total counts from the first connection on */
		rate.units = rate.bytes = 0;
	rate.start = account_now(rate.o->watched, rate.o->n_watched, rate.o->server);
}

static int rate_report(void)
{
	struct account end = account_now(rate.o->watched, rate.o->n_watched, rate.o->server);
	double seconds = (double)(end.at_ns - rate.start.at_ns) / 1e9;
	uint64_t watched = end.watched_ns - rate.start.watched_ns;
	uint64_t server = end.server_ns - rate.start.server_ns;
	uint64_t own = end.own_ns - rate.start.own_ns;

	printf("{\"mode\":\"%s\",\"connections\":%u,\"seconds\":%.4f,\"units\":%" PRIu64
	       ",\"bytes\":%" PRIu64 ",\"errors\":%" PRIu64 ",\"lost\":%" PRIu64
	       ",\"cpu_ns\":%" PRIu64 ",\"ends_cpu_ns\":%" PRIu64
	       ",\"foreign\":%.3f,\"congestion\":\"%.15s\"}\n",
	       rate.o->mode, rate.o->connections, seconds, rate.units, rate.bytes, rate.errors,
	       rate.lost, watched, server + own, account_foreign(&rate.start, &end),
	       rate.congestion);
	return 0;
}

/* True while there is a reason to go on. */
static bool rate_continues(uint64_t begun_ms, uint64_t *end_ms)
{
	uint64_t age = rate.now_ms - begun_ms;
	bool steady = rate.mode == LOAD_SHORT || rate.n_busy == rate.o->connections;

	if (!rate.window && steady && (rate.o->total || age >= RUN_UP_MS)) {
		rate_window_open();
		*end_ms = rate.now_ms + rate.o->milliseconds;
	}
	if (!rate.window)
		return rate.n_open && age < ALL_BUSY_MS;
	return rate.n_open && rate.now_ms < *end_ms;
}

int load_rate(const struct load_options *o, enum load_mode mode)
{
	struct epoll_event events[EVENTS];
	uint64_t begun_ms = clock_mono_ms(), looked_ms = begun_ms, end_ms = 0;

	rate.o = o;
	rate.mode = mode;
	rate.now_ms = begun_ms;
	rate.epoll = epoll_create1(EPOLL_CLOEXEC);
	rate.flows = calloc(o->connections, sizeof(*rate.flows));
	if (rate.epoll < 0 || !rate.flows)
		load_die("set-up");
	for (uint32_t i = 0; i < o->connections; i++)
		flow_begin(&rate.flows[i]);
	while (rate_continues(begun_ms, &end_ms)) {
		int n = epoll_wait(rate.epoll, events, EVENTS, 50);

		rate.now_ms = clock_mono_ms();
		for (int i = 0; i < n; i++)
			flow_event(events[i].data.ptr);
		if (rate.now_ms > looked_ms + 1000) {
			looked_ms = rate.now_ms;
			rate_find_stuck();
		}
	}
	if (!rate.window) {
		fprintf(stderr,
			"load_client: only %u of %u connections came up, %" PRIu64 " errors\n",
			rate.n_busy, o->connections, rate.errors);
		return 3;
	}
	return rate_report();
}
