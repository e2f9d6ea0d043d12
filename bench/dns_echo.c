/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The least that a UDP server can do: datagrams in by recvmmsg(), out by sendmmsg(), up to 64 at once, marked as answers and nothing else
 * changed. What a name server costs beyond this is its own.
 *
 *	dns_echo ADDRESS:PORT [CPU]
 */
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#define BATCH  64
#define OCTETS 1232

static struct mmsghdr m[BATCH];
static struct iovec iov[BATCH];
static struct sockaddr_in from[BATCH];
static unsigned char bytes[BATCH][OCTETS];

int main(int argc, char **argv)
{
	struct sockaddr_in at;
	int fd;

	if (argc < 2 || argc > 3) {
		(void)fprintf(stderr, "usage: dns_echo ADDRESS:PORT [CPU]\n");
		return 2;
	}
	at = load_endpoint("address", argv[1]);
	load_process_init(argc > 2 ? (int)load_number("cpu", argv[2], 0, 1023) : -1);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof(at)))
		load_die(argv[1]);
	(void)puts("ready");
	(void)fflush(stdout);
	for (;;) {
		int n;

		for (int i = 0; i < BATCH; i++) {
			iov[i] = (struct iovec){bytes[i], OCTETS};
			m[i].msg_hdr = (struct msghdr){.msg_name = &from[i],
						       .msg_namelen = sizeof(from[i]),
						       .msg_iov = &iov[i],
						       .msg_iovlen = 1};
		}
		n = recvmmsg(fd, m, BATCH, MSG_WAITFORONE, NULL);
		if (n < 0 && errno != EINTR)
			load_die("recvmmsg");
		for (int i = 0; i < n; i++) {
			iov[i].iov_len = m[i].msg_len;
			bytes[i][2] |= 0x80;
		}
		if (n > 0 && sendmmsg(fd, m, (unsigned)n, 0) < 0 && errno != ECONNREFUSED)
			load_die("sendmmsg");
	}
}
