/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A netlink socket: dumps, requests that are acknowledged, and batches of them. A socket belongs for good to the namespace in
 * which its thread was when it was opened.
 *
 * Blocking: the kernel answers at once. Not for several threads.
 */
#pragma once

#include "base/err.h"

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stdint.h>

#define NETLINK_BATCH_BYTES 32768
#define NETLINK_WORDS_MAX   160

struct netlink {
	struct mnl_socket *socket;
	uint32_t port, seq;
	char words
		[NETLINK_WORDS_MAX]; /* what the kernel said of the last failure beyond its errno; "" if nothing */
	/* A batch under way. */
	char *batch;
	size_t batch_len;
	uint32_t batch_first, batch_n; /* sequence number of its first message; how many */
};

/* bus: NETLINK_ROUTE, NETLINK_NETFILTER, ... 0 or -errno. */
int netlink_open(struct netlink *n, int bus) _must_check_;
void netlink_close(struct netlink *n); /* of a zeroed one is fine */

/* As libmnl's mnl_attr_for_each, which drops const. */
#define netlink_each_attr(a, h, offset)                                                            \
	for ((a) = mnl_nlmsg_get_payload_offset((h), (offset)); mnl_attr_ok(                       \
		     (a), (int)((const char *)mnl_nlmsg_get_payload_tail(h) - (const char *)(a))); \
	     (a) = mnl_attr_next(a))
#define netlink_each_nested(a, nest)                                                      \
	for ((a) = mnl_attr_get_payload(nest);                                            \
	     mnl_attr_ok((a), (int)((const char *)mnl_attr_get_payload(nest) +            \
				    mnl_attr_get_payload_len(nest) - (const char *)(a))); \
	     (a) = mnl_attr_next(a))

/* A message of this type with `size` zeroed bytes of family header, in a buffer of MNL_SOCKET_BUFFER_SIZE. */
struct nlmsghdr *netlink_message(void *buffer, uint16_t type, uint16_t flags, size_t size);

/* fn for each message of the answer; less than 0 stops and is returned. Begins again where the dump was disturbed by a change: then `again` is
 * called first, to drop what was collected. 0 or -errno. */
typedef int netlink_fn(const struct nlmsghdr *h, void *arg);
typedef void netlink_again_fn(void *arg);
int netlink_dump(struct netlink *n, struct nlmsghdr *request, netlink_fn *fn,
		 netlink_again_fn *again, void *arg) _must_check_;
/* One request; fn (may be NULL) gets the answers before the acknowledgement. 0 or -errno. */
int netlink_ask(struct netlink *n, struct nlmsghdr *request, netlink_fn *fn, void *arg)
	_must_check_;

/*
 * Messages that are sent together. netlink_put() copies the message; *ret_full: send before the next one. netlink_send()
 * sends all of it and calls fn with the position in the batch and the errno (0 is not told) of each that failed.
 */
typedef void netlink_failed_fn(uint32_t position, int error, void *arg);
int netlink_put(struct netlink *n, struct nlmsghdr *message, bool *ret_full) _must_check_;
int netlink_send(struct netlink *n, netlink_failed_fn *fn, void *arg) _must_check_;
