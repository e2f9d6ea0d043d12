/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The role's frame: set-up, sandbox, hello, and an acknowledgement of every bell. It makes nothing yet.
 */
#include "netd/netd.h"

#include "base/log.h"
#include "proc/msg.h"
#include "proc/sandbox.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

struct netd {
	const struct options *options;
	int parent, control;
	bool has_started, is_stopping;
	struct msg msg;
};

static void hello(const struct netd *n)
{
	const struct msg_hello_netd body = {0};

	(void)!msg_send_body(n->control, MSG_HELLO_N, &body);
}

static int rights_drop(const struct options *o)
{
	struct sandbox sandbox;
	struct err e = {0};

	if (role_sandbox(o, ROLE_NETD, &sandbox, &e) < 0 || sandbox_enter(&sandbox, &e) < 0) {
		log_event(LOG_ERROR, "sandbox.failed", LF_STR("reason", e.text));
		return -1;
	}
	sandbox_probe(o->probe);
	return 0;
}

static void control_link(struct netd *n)
{
	if (n->control >= 0)
		close(n->control);
	n->control = take_fd(&n->msg.fds[0]);
	if (n->has_started)
		hello(n);
}

static int on_parent(struct netd *n)
{
	switch (n->msg.type) {
	case MSG_START_NETD:
	case MSG_CONTROL_LINK_N:
		control_link(n);
		return 0;
	case MSG_GO_NETD:
		n->has_started = true;
		if (rights_drop(n->options))
			return -EPERM;
		hello(n);
		return 0;
	case MSG_STOP_NETD:
		n->is_stopping = true;
		return 0;
	default:
		return 0; /* MSG_ENDPOINT_BACK: nothing is wanted, and the copy closed */
	}
}

static void on_control(const struct netd *n)
{
	const struct msg_generation *bell = n->msg.body;
	const struct msg_ack_netd ack = {.generation = bell->generation};

	(void)!msg_send_body(n->control, MSG_ACK_N, &ack);
}

/* Without a parent there is no business; control may be gone for a while. */
static int links_read(struct netd *n)
{
	int r = msg_recv(n->parent, ROLE_PARENT, ROLE_NETD, &n->msg);

	if (r == 0) {
		r = on_parent(n);
		msg_done(&n->msg);
	}
	if (r && r != -EAGAIN)
		return r;
	if (n->control < 0 || !n->has_started)
		return 0;
	r = msg_recv(n->control, ROLE_CONTROL, ROLE_NETD, &n->msg);
	if (r == 0) {
		on_control(n);
		msg_done(&n->msg);
	} else if (r != -EAGAIN) {
		close(n->control);
		n->control = -1;
	}
	return 0;
}

int netd_main(const struct options *o, int parent_fd)
{
	static struct netd netd; /* large */
	int r = 0;

	netd = (struct netd){.options = o, .parent = parent_fd, .control = -1};
	while (!r && !netd.is_stopping) {
		struct pollfd p[] = {
			{.fd = parent_fd, .events = POLLIN},
			{.fd = netd.has_started ? netd.control : -1, .events = POLLIN}};

		if (poll(p, ARRAY_SIZE(p), -1) > 0)
			r = links_read(&netd);
	}
	return r ? EXIT_FAILURE : EXIT_SUCCESS;
}
