/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The API server of the benchmark: takes connections and does what the ClientHello's random says (load.h).
 *
 *	load_server ADDRESS:PORT [CPU]
 *
 * One thread, level-triggered. Says "ready" when it listens.
 */
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS	     256
#define ACCEPT_BURST 64
#define BULK_CHUNK   (1U << 20)
#define SINK_CHUNK   (4U << 20)

struct session {
	int fd;
	uint32_t have;	     /* bytes of head */
	uint32_t hello_left; /* bytes of the hello after head that are still to come */
	uint32_t got;	     /* bytes of a request that is not complete */
	bool answered;
	struct load_command command;
	uint8_t head[LOAD_HEAD];
};

static struct {
	int epoll, listener, bulk_file;
	struct session *sessions; /* by descriptor */
	uint8_t response[LOAD_RESPONSE_MAX];
	uint8_t scratch[LOAD_RESPONSE_MAX * 4];
} server;

static void session_watch(struct session *s, int how, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = s->fd};

	if (epoll_ctl(server.epoll, how, s->fd, &event))
		load_die("epoll_ctl");
}

/* False if the connection is broken; what does not fit at once counts as broken, the client then tells. */
static bool session_send(struct session *s, uint32_t len)
{
	return send(s->fd, server.response, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static bool session_answer(struct session *s)
{
	s->answered = true;
	switch (s->command.mode) {
	case LOAD_SHORT:
		return session_send(s, s->command.response) && !shutdown(s->fd, SHUT_WR);
	case LOAD_BULK:
		session_watch(s, EPOLL_CTL_MOD, EPOLLOUT);
		return session_send(s, LOAD_ANSWER);
	default:
		return session_send(s, LOAD_ANSWER);
	}
}

static bool command_is_valid(const struct load_command *c)
{
	if (c->response > LOAD_RESPONSE_MAX || (c->mode == LOAD_PING && !c->request))
		return false;
	return c->mode != LOAD_SHORT || c->response >= LOAD_ANSWER;
}

/* Take what belongs to the hello from the front of data; returns how much, or -1 if nothing sensible came. */
static ssize_t session_hello(struct session *s, const uint8_t *data, size_t len)
{
	size_t used = 0, rest;

	if (s->have < LOAD_HEAD) {
		used = LOAD_HEAD - s->have < len ? LOAD_HEAD - s->have : len;
		memcpy(s->head + s->have, data, used);
		s->have += (uint32_t)used;
		if (s->have < LOAD_HEAD)
			return (ssize_t)used;
		rest = load_hello_read(s->head, &s->command);
		if (rest < LOAD_HEAD || !command_is_valid(&s->command))
			return -1;
		s->hello_left = (uint32_t)(rest - LOAD_HEAD);
	}
	rest = len - used < s->hello_left ? len - used : s->hello_left;
	s->hello_left -= (uint32_t)rest;
	return (ssize_t)(used + rest);
}

static bool session_take(struct session *s, const uint8_t *data, size_t len)
{
	if (!s->answered) {
		ssize_t used = session_hello(s, data, len);

		if (used < 0)
			return false;
		len -= (size_t)used;
		if (s->have < LOAD_HEAD || s->hello_left)
			return true;
		if (!session_answer(s))
			return false;
	}
	if (s->command.mode != LOAD_PING)
		return true;
	s->got += (uint32_t)len;
	for (; s->got >= s->command.request; s->got -= s->command.request)
		if (!session_send(s, s->command.response))
			return false;
	return true;
}

static bool session_event(struct session *s, uint32_t events)
{
	bool sink = s->answered && s->command.mode == LOAD_UPLOAD;
	off_t start = 0;
	ssize_t n;

	if (s->answered && s->command.mode == LOAD_BULK)
		n = sendfile(s->fd, server.bulk_file, &start, BULK_CHUNK);
	else
		n = sink ? recv(s->fd, NULL, SINK_CHUNK, MSG_TRUNC)
			 : recv(s->fd, server.scratch, sizeof(server.scratch), 0);
	if (n < 0)
		return errno == EAGAIN && !(events & (EPOLLERR | EPOLLHUP));
	if (n == 0)
		return false;
	return sink || (events & EPOLLOUT) || session_take(s, server.scratch, (size_t)n);
}

static void server_accept(void)
{
	for (int i = 0; i < ACCEPT_BURST; i++) {
		int fd = accept4(server.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		struct session *s;

		if (fd < 0)
			return;
		s = &server.sessions[fd];
		*s = (struct session){.fd = fd};
		session_watch(s, EPOLL_CTL_ADD, EPOLLIN);
	}
}

static void server_listen(const struct sockaddr_in *where)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
	struct rlimit limit;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)))
		load_die("socket");
	load_nodelay(fd); /* inherited by what is accepted */
	if (bind(fd, (const struct sockaddr *)where, sizeof(*where)) || listen(fd, 65535))
		load_die("listen");
	server.listener = fd;
	server.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (server.epoll < 0 || epoll_ctl(server.epoll, EPOLL_CTL_ADD, fd, &event))
		load_die("epoll");
	if (getrlimit(RLIMIT_NOFILE, &limit))
		load_die("getrlimit");
	server.sessions = calloc(limit.rlim_cur, sizeof(*server.sessions));
	if (!server.sessions)
		load_die("calloc");
}

static void server_data(void)
{
	static const uint8_t record[5] = {LOAD_RECORD_TYPE, 3, 3, 0, LOAD_ANSWER - 5};

	memset(server.response, 0x20, sizeof(server.response));
	memcpy(server.response, record, sizeof(record));
	server.bulk_file = memfd_create("bulk", MFD_CLOEXEC);
	if (server.bulk_file < 0)
		load_die("memfd_create");
	for (size_t done = 0; done < BULK_CHUNK; done += sizeof(server.response))
		if (write(server.bulk_file, server.response, sizeof(server.response)) !=
		    sizeof(server.response))
			load_die("memfd write");
}

int main(int argc, char **argv)
{
	struct epoll_event events[EVENTS];
	struct sockaddr_in where;

	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: load_server ADDRESS:PORT [CPU]\n");
		return 2;
	}
	where = load_endpoint("ADDRESS:PORT", argv[1]);
	load_process_init(argc > 2 ? (int)load_number("CPU", argv[2], 0, 1023) : -1);
	server_data();
	server_listen(&where);
	puts("ready");
	fflush(stdout);
	for (;;) {
		int n = epoll_wait(server.epoll, events, EVENTS, -1);

		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;

			if (fd == server.listener)
				server_accept();
			else if (!session_event(&server.sessions[fd], events[i].events))
				close(fd);
		}
	}
}
