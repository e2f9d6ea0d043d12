/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "netd/netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_BYTES  32768
#define DUMP_TRIES    8
#define MESSAGE_ROOM  1024 /* in a batch, for the next message */
#define SOCKET_BUFFER (4 << 20)

int netlink_open(struct netlink *n, int bus)
{
	int on = 1, size = SOCKET_BUFFER, fd;

	*n = (struct netlink){0};
	n->socket = mnl_socket_open2(bus, SOCK_CLOEXEC);
	if (!n->socket)
		return -errno;
	if (mnl_socket_bind(n->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		goto fail;
	n->port = mnl_socket_get_portid(n->socket);
	fd = mnl_socket_get_fd(n->socket);
	/* Comforts; older kernels and other families do without. */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
	return 0;
fail:
	on = -errno;
	netlink_close(n);
	return on;
}

void netlink_close(struct netlink *n)
{
	if (n->socket)
		mnl_socket_close(n->socket);
	free(n->batch);
	*n = (struct netlink){0};
}

struct nlmsghdr *netlink_message(void *buffer, uint16_t type, uint16_t flags, size_t size)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(buffer);

	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST | flags;
	memset(mnl_nlmsg_put_extra_header(h, size), 0, size);
	return h;
}

/* The sentence that came along with an error. */
static void words_take(struct netlink *n, const struct nlmsghdr *h)
{
	size_t skip = sizeof(struct nlmsgerr);
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(h);
	const struct nlattr *a;

	n->words[0] = '\0';
	if (!(h->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(h->nlmsg_flags & NLM_F_CAPPED))
		skip += error->msg.nlmsg_len - sizeof error->msg;
	if (skip > mnl_nlmsg_get_payload_len(h))
		return;
	netlink_each_attr (a, h, MNL_ALIGN(skip))
		if (mnl_attr_get_type(a) == NLMSGERR_ATTR_MSG)
			str_quote(n->words, sizeof n->words, mnl_attr_get_payload(a),
				  strnlen(mnl_attr_get_payload(a), mnl_attr_get_payload_len(a)));
}

static int send_all(struct netlink *n, const void *bytes, size_t len)
{
	return mnl_socket_sendto(n->socket, bytes, len) < 0 ? -errno : 0;
}

/* --- dumps ------------------------------------------------------------------------------------------------ */

/* One datagram of an answer. 1: more to come, 0: done, else -errno. */
static int answer_step(struct netlink *n, const char *bytes, ssize_t len, uint32_t seq,
		       netlink_fn *fn, void *arg, bool *disturbed)
{
	const struct nlmsghdr *h = (const void *)bytes;
	int left = (int)len;

	for (; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
		int r;

		if (h->nlmsg_seq != seq)
			continue; /* the rest of an answer that was given up */
		if (h->nlmsg_flags & NLM_F_DUMP_INTR)
			*disturbed = true;
		if (h->nlmsg_type == NLMSG_DONE)
			return 0;
		if (h->nlmsg_type == NLMSG_ERROR) {
			const struct nlmsgerr *error = mnl_nlmsg_get_payload(h);

			words_take(n, h);
			return error->error;
		}
		r = fn ? fn(h, arg) : 0;
		if (r < 0)
			return r;
	}
	return 1;
}

static int answer_read(struct netlink *n, uint32_t seq, netlink_fn *fn, void *arg, bool *disturbed)
{
	_cleanup_free_ char *buffer = malloc(ANSWER_BYTES);
	int r = 1;

	if (!buffer)
		return -ENOMEM;
	while (r > 0) {
		ssize_t len = mnl_socket_recvfrom(n->socket, buffer, ANSWER_BYTES);

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return -errno;
		r = answer_step(n, buffer, len, seq, fn, arg, disturbed);
	}
	return r;
}

int netlink_dump(struct netlink *n, struct nlmsghdr *request, netlink_fn *fn,
		 netlink_again_fn *again, void *arg)
{
	for (int i = 0; i < DUMP_TRIES; i++) {
		bool disturbed = false;
		int r;

		request->nlmsg_flags |= NLM_F_REQUEST | NLM_F_DUMP;
		request->nlmsg_seq = ++n->seq;
		r = send_all(n, request, request->nlmsg_len);
		if (!r)
			r = answer_read(n, n->seq, fn, arg, &disturbed);
		if (r || !disturbed)
			return r;
		again(arg);
	}
	return -EAGAIN;
}

int netlink_ask(struct netlink *n, struct nlmsghdr *request, netlink_fn *fn, void *arg)
{
	bool disturbed = false;
	int r;

	request->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	request->nlmsg_seq = ++n->seq;
	r = send_all(n, request, request->nlmsg_len);
	return r ? r : answer_read(n, n->seq, fn, arg, &disturbed);
}

/* --- batches ---------------------------------------------------------------------------------------------- */

int netlink_put(struct netlink *n, struct nlmsghdr *message, bool *ret_full)
{
	size_t len = MNL_ALIGN(message->nlmsg_len);

	if (!n->batch) {
		n->batch = calloc(1, NETLINK_BATCH_BYTES);
		if (!n->batch)
			return -ENOMEM;
	}
	if (len > NETLINK_BATCH_BYTES - n->batch_len)
		return -EMSGSIZE;
	message->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	message->nlmsg_seq = ++n->seq;
	if (n->batch_n++ == 0)
		n->batch_first = message->nlmsg_seq;
	memcpy(n->batch + n->batch_len, message, message->nlmsg_len);
	n->batch_len += len;
	*ret_full = NETLINK_BATCH_BYTES - n->batch_len < MESSAGE_ROOM;
	return 0;
}

int netlink_send(struct netlink *n, netlink_failed_fn *fn, void *arg)
{
	uint32_t first = n->batch_first, count = n->batch_n;
	bool disturbed = false;
	int r;

	if (count == 0)
		return 0;
	r = send_all(n, n->batch, n->batch_len);
	n->batch_len = 0;
	n->batch_n = 0;
	if (r)
		return r;
	for (uint32_t i = 0; i < count; i++) {
		n->words[0] = '\0';
		r = answer_read(n, first + i, NULL, NULL, &disturbed);
		if (r)
			fn(i, -r, arg);
	}
	return 0;
}
