/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Arbitrary bytes between roles: first byte descriptors, the rest the datagram, checked in every direction. What is accepted has
 * exactly one direction, exactly the size of its type, and goes through a real socket to the same result.
 */
#include "proc/msg.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x)                  \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

/* Apart from msg.c, by the types in the table. */
static const struct {
	enum role from, to;
	size_t body, record, fds;
} kinds[MSG_COUNT] = {
#define X(e, f, t, body, record, fds) [e] = {f, t, sizeof(body), sizeof(record), fds},
	MSGS(X)
#undef X
};

static struct msg received;

static void accepted(const uint8_t *bytes, size_t len, size_t fds, enum role from, enum role to)
{
	struct msg_head head;
	size_t want;

	memcpy(&head, bytes, sizeof head);
	MUST(head.type < MSG_COUNT);
	MUST(kinds[head.type].from == from && kinds[head.type].to == to);
	MUST(kinds[head.type].fds == fds);
	want = 8 + (kinds[head.type].body + 7) / 8 * 8 + head.n_records * kinds[head.type].record;
	MUST(len == want && len <= MSG_BYTES_MAX);
	MUST(head.n_records <= msg_records_max((enum msg_type)head.type));
}

/* Only without descriptors: what a socket carries must be judged as the bytes are. */
static void through_a_socket(const uint8_t *bytes, size_t len, enum role from, enum role to)
{
	int ends[2], want = msg_check(bytes, len, 0, from, to), ret;

	if (!len || len > MSG_BYTES_MAX ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends))
		return;
	MUST(send(ends[0], bytes, len, 0) == (ssize_t)len);
	ret = msg_recv(ends[1], from, to, &received);
	MUST(ret == want);
	if (!ret) {
		/* Every byte that the receiver may look at is there. */
		const uint8_t *body = received.body, *records = received.records;

		MUST(!memcmp(body, bytes + 8, kinds[received.type].body));
		if (received.n_records)
			MUST(records + received.n_records * kinds[received.type].record ==
			     received.bytes + len);
		msg_done(&received);
	}
	close(ends[0]);
	close(ends[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t fds, len;
	int directions = 0;

	if (!size)
		return 0;
	fds = data[0] % (MSG_FDS_MAX + 2);
	data++;
	len = size - 1;
	for (int from = 0; from < ROLE_COUNT; from++)
		for (int to = 0; to < ROLE_COUNT; to++) {
			int ret = msg_check(data, len, fds, (enum role)from, (enum role)to);

			MUST(ret == 0 || ret == -EBADMSG);
			if (!ret) {
				directions++;
				accepted(data, len, fds, (enum role)from, (enum role)to);
			}
			through_a_socket(data, len, (enum role)from, (enum role)to);
		}
	MUST(directions <= 1);
	return 0;
}
