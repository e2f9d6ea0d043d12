/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The least that a UDP server can do: datagrams in by recvmmsg(), out by sendmmsg(), up to 64 at once, marked as answers and nothing else
 * changed. What a name server costs beyond this is its own.
 *
 *	dns_echo ADDRESS:PORT CPU SOCKETS     more than one: at the addresses that follow too, found by epoll
 */
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define BATCH  64
#define OCTETS 1232
#define EVENTS 32

static struct mmsghdr m[BATCH];
static struct iovec iov[BATCH];
static struct sockaddr_in from[BATCH];
static unsigned char bytes[BATCH][OCTETS];

static void prepare(int n)
{
	for (int i = 0; i < n; i++) {
		iov[i] = (struct iovec){bytes[i], OCTETS};
		m[i].msg_hdr = (struct msghdr){.msg_name = &from[i],
					       .msg_namelen = sizeof(from[i]),
					       .msg_iov = &iov[i],
					       .msg_iovlen = 1};
	}
}

/* One batch. flags: whether to wait for it. */
static void echo(int fd, int flags)
{
	static int used = BATCH; /* to be prepared again */

	prepare(used);
	used = recvmmsg(fd, m, BATCH, flags, NULL);
	if (used < 0 && errno != EINTR && errno != EAGAIN)
		load_die("recvmmsg");
	if (used < 0)
		used = 0;
	for (int i = 0; i < used; i++) {
		iov[i].iov_len = m[i].msg_len;
		bytes[i][2] |= 0x80;
	}
	if (used > 0 && sendmmsg(fd, m, (unsigned)used, 0) < 0 && errno != ECONNREFUSED)
		load_die("sendmmsg");
}

static int socket_open(struct sockaddr_in at, uint32_t nth)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	at.sin_addr.s_addr = htonl(ntohl(at.sin_addr.s_addr) + nth);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof(at)))
		load_die("listening socket");
	return fd;
}

int main(int argc, char **argv)
{
	int fd = -1, epoll = epoll_create1(EPOLL_CLOEXEC);
	struct sockaddr_in at;
	uint32_t n_sockets;

	if (argc != 4) {
		(void)fprintf(stderr, "usage: dns_echo ADDRESS:PORT CPU SOCKETS\n");
		return 2;
	}
	at = load_endpoint("address", argv[1]);
	n_sockets = load_number("sockets", argv[3], 1, 250);
	load_process_init((int)load_number("cpu", argv[2], 0, 1023));
	for (uint32_t i = 0; i < n_sockets; i++) {
		struct epoll_event event = {.events = EPOLLIN};

		event.data.fd = fd = socket_open(at, i);
		if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
			load_die("epoll");
	}
	(void)puts("ready");
	(void)fflush(stdout);
	for (;;) {
		struct epoll_event events[EVENTS];
		int n = 0;

		if (n_sockets == 1)
			echo(fd, MSG_WAITFORONE);
		else
			n = epoll_wait(epoll, events, EVENTS, -1);
		for (int i = 0; i < n; i++)
			echo(events[i].data.fd, MSG_DONTWAIT);
	}
}
