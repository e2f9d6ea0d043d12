/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Many quiet connections, and when each of them is cut; one connection after the other, and when the first is refused.
 */
#include "load_client.h"

#include "base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define EVENTS	    256
#define OPENING_MAX 128 /* connections on their way at a time: fewer than any listener's backlog */
#define OPENING_MS  60000

enum held_state { HELD_CONNECTING, HELD_HELLO, HELD_UP, HELD_CUT };

struct held {
	int fd;
	uint32_t nth;
	enum held_state state;
};

static struct {
	const struct load_options *o;
	int epoll;
	struct held *held;
	uint32_t begun, up, failed, cut, resets;
	uint64_t first_ns, last_ns;
	bool told_to_stop;
	uint8_t scratch[4096];
} hold;

static void held_watch(struct held *h, int how, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = h};

	if (epoll_ctl(hold.epoll, how, h->fd, &event))
		load_die("epoll_ctl");
}

static void held_begin(struct held *h)
{
	h->nth = hold.begun++;
	h->state = HELD_CONNECTING;
	h->fd = load_connect(hold.o, h->nth);
	held_watch(h, EPOLL_CTL_ADD, EPOLLOUT);
}

static bool send_hello(const struct load_options *o, int fd, uint32_t nth)
{
	const struct load_command command = {.mode = LOAD_HOLD};
	uint8_t hello[LOAD_HELLO_MAX];
	char name[254];
	size_t n;

	load_name(o, nth, name);
	n = load_hello_format(hello, name, &command);
	return send(fd, hello, n, MSG_NOSIGNAL) == (ssize_t)n;
}

static void held_end(struct held *h, bool reset)
{
	close(h->fd);
	if (h->state == HELD_UP) {
		hold.last_ns = clock_mono_ns();
		if (!hold.cut++)
			hold.first_ns = hold.last_ns;
		hold.resets += reset;
	} else {
		hold.failed++;
	}
	h->state = HELD_CUT;
}

static void held_event(struct held *h)
{
	ssize_t n;

	if (h->state == HELD_CUT)
		return;
	if (h->state == HELD_CONNECTING) {
		h->state = HELD_HELLO;
		held_watch(h, EPOLL_CTL_MOD, EPOLLIN);
		if (!send_hello(hold.o, h->fd, h->nth))
			held_end(h, true);
		return;
	}
	n = recv(h->fd, hold.scratch, sizeof(hold.scratch), 0);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		held_end(h, n < 0);
	} else if (h->state == HELD_HELLO) {
		h->state = HELD_UP;
		hold.up++;
	}
}

static void hold_turn(void)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(hold.epoll, events, EVENTS, 100);

	for (int i = 0; i < n; i++) {
		if (events[i].data.ptr)
			held_event(events[i].data.ptr);
		else
			hold.told_to_stop = true;
	}
}

int load_hold(const struct load_options *o)
{
	struct epoll_event input = {.events = EPOLLIN};
	uint64_t end_ms = clock_mono_ms() + OPENING_MS;

	hold.o = o;
	hold.epoll = epoll_create1(EPOLL_CLOEXEC);
	hold.held = calloc(o->connections, sizeof(*hold.held));
	if (hold.epoll < 0 || !hold.held)
		load_die("set-up");
	while (hold.up + hold.failed < o->connections && clock_mono_ms() < end_ms) {
		while (hold.begun < o->connections &&
		       hold.begun - hold.up - hold.failed < OPENING_MAX)
			held_begin(&hold.held[hold.begun]);
		hold_turn();
	}
	printf("{\"up\":%u,\"failed\":%u}\n", hold.up, hold.failed);
	fflush(stdout);
	/* Standard input may be a file, which cannot be waited for and needs not be. */
	if (epoll_ctl(hold.epoll, EPOLL_CTL_ADD, STDIN_FILENO, &input) && errno != EPERM)
		load_die("standard input");
	end_ms = clock_mono_ms() + o->milliseconds;
	while (hold.cut < hold.up && !hold.told_to_stop && clock_mono_ms() < end_ms)
		hold_turn();
	printf("{\"up\":%u,\"cut\":%u,\"resets\":%u,\"first_ns\":%" PRIu64 ",\"last_ns\":%" PRIu64
	       "}\n",
	       hold.up, hold.cut, hold.resets, hold.first_ns, hold.last_ns);
	return 0;
}

/* One connection, waited for: did the server's answer come? */
static bool probe_once(const struct load_options *o, uint32_t nth)
{
	const struct timeval patience = {.tv_sec = 2};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint8_t answer[LOAD_ANSWER];
	bool served;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)))
		load_die("socket");
	load_nodelay(fd);
	served = !connect(fd, (const struct sockaddr *)&o->to, sizeof(o->to)) &&
		 send_hello(o, fd, nth) && recv(fd, answer, sizeof(answer), 0) > 0 &&
		 answer[0] == LOAD_RECORD_TYPE;
	close(fd);
	return served;
}

int load_probe(const struct load_options *o, bool until_served)
{
	const struct timespec nobody = {.tv_nsec = 1000000},
			      pause = {.tv_nsec = o->pause_us * 1000L};
	uint64_t end_ms = clock_mono_ms() + o->milliseconds, started_ns = 0;
	uint32_t attempts = 0;
	bool served = false, found = false;

	while (!found && clock_mono_ms() < end_ms) {
		started_ns = clock_mono_ns();
		served = probe_once(o, attempts);
		found = served == until_served;
		if (!attempts++ && !until_served && served) {
			puts("{\"served\":true}");
			fflush(stdout);
		}
		if (!found && !served)
			nanosleep(&nobody, NULL); /* nobody listens yet: do not spin */
		else if (!found && o->pause_us)
			nanosleep(&pause, NULL);
	}
	printf("{\"found\":%s,\"attempts\":%u,\"started_ns\":%" PRIu64 ",\"ended_ns\":%" PRIu64
	       "}\n",
	       found ? "true" : "false", attempts, started_ns, clock_mono_ns());
	return 0;
}
