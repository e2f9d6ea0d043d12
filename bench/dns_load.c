/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dns_blast.h"
#include "load_account.h"

#include "base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define BATCH	  64
#define SLOTS	  2048 /* of ids that may be out on one socket: a power of two */
#define EVENTS	  64
#define ANSWER	  1232
#define LOST_MS	  500 /* a query that old will not be answered any more */
#define SWEEP_MS  100
#define LINE_MAX_ 300

struct query {
	uint16_t len;
	uint8_t *bytes;
};

/* What is asked of one target, in this order, over and over. */
struct script {
	struct query *queries;
	size_t n, room;
	size_t next;
};

struct slot {
	uint32_t sent_ms;
	uint16_t id;
	bool out;
};

struct client {
	int fd;
	struct script *script;
	uint32_t out, window;
	uint16_t id; /* of the last query */
	struct slot slots[SLOTS];
};

static struct load {
	const struct blast_options *o;
	int epoll;
	struct script *scripts;
	struct client *clients;
	size_t n_clients;
	uint64_t answers, lost, strange, rcodes[16], octets;
	uint64_t began_ms;
	uint32_t now_ms; /* since then */
	struct account start;
	uint8_t in[BATCH][ANSWER], out[BATCH][BLAST_QUERY_MAX];
} load;

static void script_add(struct script *s, const char *name, uint16_t type)
{
	uint8_t bytes[BLAST_QUERY_MAX];
	struct query *q;

	if (s->n == s->room) {
		s->room = s->room ? 2 * s->room : 1024;
		s->queries = realloc(s->queries, s->room * sizeof(*s->queries));
		if (!s->queries)
			load_die("queries");
	}
	q = &s->queries[s->n++];
	q->len = (uint16_t)blast_query(name, type, bytes);
	q->bytes = malloc(q->len);
	if (!q->bytes)
		load_die("queries");
	memcpy(q->bytes, bytes, q->len);
}

static void scripts_read(void)
{
	FILE *f = fopen(load.o->queries, "re");
	char line[LINE_MAX_];

	if (!f)
		load_die(load.o->queries);
	while (fgets(line, sizeof(line), f)) {
		char *save, *target = strtok_r(line, " \n", &save),
			    *name = strtok_r(NULL, " \n", &save),
			    *type = strtok_r(NULL, " \n", &save);

		if (!type) {
			(void)fprintf(stderr, "%s: TARGET NAME TYPE is wanted\n", load.o->queries);
			exit(2);
		}
		script_add(&load.scripts[load_number("target", target, 0,
						     (uint32_t)load.o->n_targets - 1)],
			   name, (uint16_t)load_number("type", type, 1, UINT16_MAX));
	}
	(void)fclose(f);
}

static void clients_open(void)
{
	const struct blast_options *o = load.o;
	size_t n = 0;

	load.n_clients = o->n_targets * o->sockets;
	load.clients = calloc(load.n_clients, sizeof(*load.clients));
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!load.clients || load.epoll < 0)
		load_die("set-up");
	for (size_t i = 0; i < load.n_clients; i++) {
		struct script *s = &load.scripts[i % o->n_targets];
		struct client *c = &load.clients[n];
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};

		if (!s->n)
			continue;
		c->fd = blast_socket(o->targets[i % o->n_targets]);
		c->script = s;
		n++;
		if (epoll_ctl(load.epoll, EPOLL_CTL_ADD, c->fd, &event))
			load_die("epoll_ctl");
	}
	load.n_clients = n;
	for (size_t i = 0; i < n; i++) {
		load.clients[i].window = (uint32_t)(o->window / n + (i < o->window % n ? 1 : 0));
		if (load.clients[i].window > SLOTS / 2)
			load.clients[i].window = SLOTS / 2;
	}
}

static const struct query *script_next(struct script *s)
{
	if (s->next == s->n) {
		if (load.o->once)
			return NULL;
		s->next = 0;
	}
	return &s->queries[s->next++];
}

/* The next id whose slot is free: there are more slots than a window has queries. */
static struct slot *slot_take(struct client *c)
{
	struct slot *s;

	do
		s = &c->slots[++c->id % SLOTS];
	while (s->out);
	*s = (struct slot){.sent_ms = load.now_ms, .id = c->id, .out = true};
	c->out++;
	return s;
}

static void client_fill(struct client *c)
{
	struct mmsghdr m[BATCH];
	struct iovec iov[BATCH];

	while (c->out < c->window) {
		unsigned n = 0;
		int sent;

		for (; n < BATCH && c->out < c->window; n++) {
			const struct query *q = script_next(c->script);

			if (!q)
				break;
			memcpy(load.out[n], q->bytes, q->len);
			slot_take(c);
			load.out[n][0] = (uint8_t)(c->id >> 8);
			load.out[n][1] = (uint8_t)c->id;
			iov[n] = (struct iovec){load.out[n], q->len};
			m[n] = (struct mmsghdr){.msg_hdr = {.msg_iov = &iov[n], .msg_iovlen = 1}};
		}
		if (!n)
			return;
		sent = sendmmsg(c->fd, m, n, 0);
		if (sent < 0 && errno != EAGAIN && errno != ECONNREFUSED)
			load_die("sendmmsg");
		if (sent < (int)n)
			return; /* those are found to be lost */
	}
}

static void answer_take(struct client *c, const uint8_t *p, size_t len)
{
	struct slot *s;
	uint16_t id;

	if (len < 12 || !(p[2] & 0x80)) {
		load.strange++;
		return;
	}
	id = (uint16_t)(p[0] << 8 | p[1]);
	s = &c->slots[id % SLOTS];
	if (!s->out || s->id != id) {
		load.strange++; /* late, or not asked for */
		return;
	}
	s->out = false;
	c->out--;
	load.answers++;
	load.octets += len;
	load.rcodes[p[3] & 15]++;
}

static void client_ready(struct client *c)
{
	struct mmsghdr m[BATCH];
	struct iovec iov[BATCH];
	int n;

	for (int i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){load.in[i], ANSWER};
		m[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &iov[i], .msg_iovlen = 1}};
	}
	n = recvmmsg(c->fd, m, BATCH, MSG_DONTWAIT, NULL);
	if (n < 0 && errno != EAGAIN && errno != ECONNREFUSED)
		load_die("recvmmsg");
	for (int i = 0; i < n; i++)
		answer_take(c, load.in[i], m[i].msg_len);
	client_fill(c);
}

static void lost_sweep(bool all)
{
	for (size_t i = 0; i < load.n_clients; i++) {
		struct client *c = &load.clients[i];

		for (size_t k = 0; c->out && k < SLOTS; k++) {
			struct slot *s = &c->slots[k];

			if (!s->out || (!all && load.now_ms - s->sent_ms < LOST_MS))
				continue;
			s->out = false;
			c->out--;
			load.lost++;
		}
		if (!all)
			client_fill(c);
	}
}

static bool any_out(void)
{
	for (size_t i = 0; i < load.n_clients; i++)
		if (load.clients[i].out)
			return true;
	return false;
}

static void window_open(void)
{
	load.answers = load.lost = load.strange = load.octets = 0;
	memset(load.rcodes, 0, sizeof(load.rcodes));
	load.start = account_now(load.o->watched, load.o->n_watched, load.o->server);
}

static void report(void)
{
	const struct account end = account_now(load.o->watched, load.o->n_watched, load.o->server);
	const double seconds = (double)(end.at_ns - load.start.at_ns) / 1e9;

	(void)printf("{\"answers\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"strange\":%" PRIu64
		     ",\"noerror\":%" PRIu64 ",\"servfail\":%" PRIu64 ",\"nxdomain\":%" PRIu64
		     ",\"refused\":%" PRIu64 ",\"octets\":%" PRIu64 ",\"seconds\":%.4f,\"qps\":%.0f"
		     ",\"cpu_ns\":%" PRIu64 ",\"own_ns\":%" PRIu64 ",\"foreign\":%.3f}\n",
		     load.answers, load.lost, load.strange, load.rcodes[0], load.rcodes[2],
		     load.rcodes[3], load.rcodes[5], load.octets, seconds,
		     (double)load.answers / seconds, end.watched_ns - load.start.watched_ns,
		     end.own_ns - load.start.own_ns, account_foreign(&load.start, &end));
}

/* One turn: what has come is taken, as much is asked again. */
static void turn(void)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(load.epoll, events, EVENTS, SWEEP_MS);

	load.now_ms = (uint32_t)(clock_mono_ms() - load.began_ms);
	for (int i = 0; i < n; i++)
		client_ready(events[i].data.ptr);
}

int blast_load(const struct blast_options *o)
{
	uint32_t swept_ms = 0;
	bool window = false;

	load.o = o;
	load.scripts = calloc(o->n_targets, sizeof(*load.scripts));
	if (!load.scripts)
		load_die("set-up");
	scripts_read();
	clients_open();
	load.began_ms = clock_mono_ms();
	if (o->once) {
		window_open();
		window = true;
	}
	for (size_t i = 0; i < load.n_clients; i++)
		client_fill(&load.clients[i]);
	for (;;) {
		turn();
		if (!window && load.now_ms >= o->run_up) {
			window_open();
			window = true;
		}
		if (o->once ? !any_out() : load.now_ms >= o->run_up + o->milliseconds)
			break;
		if (load.now_ms - swept_ms >= SWEEP_MS) {
			swept_ms = load.now_ms;
			lost_sweep(false);
		}
	}
	report();
	return 0;
}
