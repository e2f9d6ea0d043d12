/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "netd/netd_int.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

void link_hello(struct netd *n)
{
	struct msg_hello_netd body = {.generation = n->acknowledged};

	msg_text_put(body.lacks, n->lacks);
	if (n->control >= 0 && msg_send_body(n->control, MSG_HELLO_N, &body) < 0)
		log_event(LOG_WARN, "control.unheard", LF_STR("what", "hello"));
}

void link_acknowledge(struct netd *n, const struct routers_report *report)
{
	struct msg_ack_netd body = {.generation = n->generation,
				    .operations = report->n_ops,
				    .cut = report->n_cut,
				    .failed = n->has_failed};

	n->acknowledged = n->has_failed ? n->acknowledged : n->generation;
	if (n->rung_ns)
		body.took_ns = clock_mono_ns() - n->rung_ns;
	n->rung_ns = 0;
	msg_text_put(body.reason, n->has_failed ? n->reason : "");
	if (n->control >= 0 && msg_send_body(n->control, MSG_ACK_N, &body) < 0)
		log_event(LOG_WARN, "control.unheard", LF_STR("what", "acknowledgement"));
}

void link_progress(void *arg)
{
	struct netd *n = arg;
	const struct msg_progress_netd body = {.done = n->done, .total = n->total};
	uint64_t now = clock_mono_ms();

	if (now < n->progress_due_ms || n->control < 0)
		return;
	n->progress_due_ms = now + NETD_PROGRESS_MS;
	/* A full queue: control has enough to read. */
	(void)!msg_send_body(n->control, MSG_PROGRESS_N, &body);
}

int link_tell_endpoint(const struct socket_known *s, int fd, void *arg)
{
	const struct netd *n = arg;
	const struct msg_endpoint body = {.network = s->network,
					  .port = s->port,
					  .kind = s->kind,
					  .slot = s->slot,
					  .addr = s->addr};
	enum msg_type type = fd >= 0 ? MSG_ENDPOINT_OPEN : MSG_ENDPOINT_CLOSE;
	uint64_t until = clock_mono_ms() + NETD_SEND_MS;
	int ret;

	/* The parent does little else than empty this queue. */
	while ((ret = msg_send(n->parent, type, &body, sizeof body, NULL, 0,
			       fd >= 0 ? &fd : NULL)) == -EAGAIN &&
	       clock_mono_ms() < until) {
		struct pollfd p = {.fd = n->parent, .events = POLLOUT};

		(void)poll(&p, 1, 10);
	}
	return ret;
}

static void control_take(struct netd *n)
{
	if (n->control >= 0)
		close(n->control);
	n->control = take_fd(&n->msg.fds[0]);
	if (n->is_running)
		link_hello(n);
}

static void start_take(struct netd *n)
{
	const struct msg_start_netd *start = n->msg.body;
	const struct msg_public *p = n->msg.records;

	n->sockets.n_dns = start->n_dns < DNS_MAX ? start->n_dns : DNS_MAX;
	for (uint32_t i = 0; i < n->msg.n_records && n->n_listeners < NETD_PUBLIC_MAX; i++)
		n->listeners[n->n_listeners++] =
			(struct plan_listener){p[i].addr, (uint16_t)p[i].port};
}

/* A socket that the parent kept from an earlier netd. Which of them are wanted shows when their network is applied. */
static void endpoint_back(struct netd *n)
{
	const struct msg_endpoint *b = n->msg.body;
	int ret = sockets_adopt(&n->sockets, b, n->msg.fds[0]);

	if (ret)
		log_event(LOG_WARN, "endpoint.lost", LF_UINT("network", b->network),
			  LF_STR("reason", strerror(-ret)));
}

static int parent_said(struct netd *n)
{
	switch (n->msg.type) {
	case MSG_START_NETD:
		start_take(n);
		control_take(n);
		return 0;
	case MSG_CONTROL_LINK_N:
		control_take(n);
		return 0;
	case MSG_ENDPOINT_BACK:
		endpoint_back(n);
		return 0;
	case MSG_GO_NETD:
		return netd_begin(n);
	case MSG_STOP_NETD:
		n->is_stopping = true;
		return 0;
	default:
		return 0;
	}
}

static void control_said(struct netd *n)
{
	const struct msg_generation *bell = n->msg.body;
	const struct routers_report nothing = {0};

	n->rung_ns = clock_mono_ns();
	if (n->acknowledged >= bell->generation && bell->generation)
		link_acknowledge(n, &nothing);
	else
		enforce(n, false);
}

int link_read(struct netd *n)
{
	int r = msg_recv(n->parent, ROLE_PARENT, ROLE_NETD, &n->msg);

	if (r == 0) {
		r = parent_said(n);
		msg_done(&n->msg);
	}
	/* Without a parent there is no business. */
	if (r && r != -EAGAIN)
		return r;
	if (n->control < 0 || !n->is_running)
		return 0;
	r = msg_recv(n->control, ROLE_CONTROL, ROLE_NETD, &n->msg);
	if (r == 0) {
		control_said(n);
		msg_done(&n->msg);
	} else if (r != -EAGAIN) {
		/* Control is gone for a while: what is there stays, and is kept up. */
		close(n->control);
		n->control = -1;
	}
	return 0;
}
