/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/clock.h"
#include "base/log.h"
#include "dns/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

static struct msg received; /* large; one at a time */

/* --- control ---------------------------------------------------------------------------------------------------- */

static void control_message(struct dns_worker *w, const struct msg *m)
{
	switch (m->type) {
	case MSG_BELL_D:
		w->bell = true;
		if (!w->rung_ns)
			w->rung_ns = clock_mono_ns();
		break;
	case MSG_UPDATED:
		update_done(w, m->body);
		break;
	default:
		break; /* msg_recv() lets nothing else through */
	}
}

static void control_ready(struct dns_worker *w, struct source *s, uint32_t events)
{
	int r;

	while (s->fd >= 0 && (r = msg_recv(s->fd, ROLE_CONTROL, ROLE_DNS, &received)) != -EAGAIN) {
		if (r < 0) {
			/* Control is gone: go on with the tables that are there. */
			log_event(LOG_WARN, "control.gone", LF_INT("error", -r));
			dns_worker_unwatch(w, s);
			w->bell = false;
			w->rung_ns = 0;
			update_done(w, NULL);
			return;
		}
		control_message(w, &received);
		msg_done(&received);
	}
}

void dns_link_hello(struct dns_worker *w)
{
	struct msg_generation at = {.generation = w->generation};

	/* A full queue on a new link means that control is in trouble; it will end us if it misses us. */
	if (w->control.fd >= 0 && msg_send_body(w->control.fd, MSG_HELLO_D, &at) < 0)
		dns_worker_unwatch(w, &w->control);
}

void dns_link_control(struct dns_worker *w, int fd)
{
	if (w->control.fd >= 0) {
		dns_worker_unwatch(w, &w->control);
		update_done(w, NULL);
	}
	w->control = (struct source){.fd = fd, .ready = control_ready};
	w->bell = false;
	w->rung_ns = 0;
	if (dns_worker_watch(w, &w->control, EPOLLIN | EPOLLRDHUP) < 0)
		dns_worker_unwatch(w, &w->control);
	else if (w->tables)
		dns_link_hello(w);
}

void dns_link_acknowledge(struct dns_worker *w)
{
	struct msg_ack_dns ack = {0};

	/* What is read now is what nobody writes any more. */
	if (tables_is_erased(w->tables)) {
		if (!w->was_erased)
			log_event(LOG_WARN, "tables.erased", LF_UINT("generation", w->generation));
		w->was_erased = true;
		w->bell = false;
		return;
	}
	dns_worker_data(w);
	if (w->snapshot)
		w->generation = ack.generation = tables_generation(w->snapshot);
	else
		w->bell = false; /* not acknowledged: control will not call it enforced */
	dns_worker_data_end(w);
	if (!w->bell)
		return;
	dns_count_set(w, DNS_generation, w->generation);
	ack.took_ns = w->rung_ns ? clock_mono_ns() - w->rung_ns : 0;
	if (w->control.fd >= 0 && msg_send_body(w->control.fd, MSG_ACK_D, &ack) < 0)
		return; /* again after the next batch */
	w->bell = false;
	w->rung_ns = 0;
}

/* --- the parent ------------------------------------------------------------------------------------------------- */

static void place_log(const char *what, const struct msg_endpoint *at, int error)
{
	char text[ENDPOINT_TEXT_MAX];

	log_event(LOG_ERROR, what, LF_UINT("network", at->network), LF_UINT("kind", at->kind),
		  LF_STR("address", endpoint_format(&at->addr, (uint16_t)at->port, text)),
		  LF_INT("error", error));
}

static bool place_is_valid(const struct msg_endpoint *at)
{
	const bool asks = at->kind == ENDPOINT_ASK_UDP || at->kind == ENDPOINT_ASK_TCP;
	const bool serves = at->kind == ENDPOINT_DNS_UDP || at->kind == ENDPOINT_DNS_TCP;

	return (asks || serves) && at->network && at->port <= UINT16_MAX &&
	       (at->port > 0) == serves &&
	       (at->addr.family == ADDR_V4 || at->addr.family == ADDR_V6);
}

static void endpoint_take(struct dns_worker *w, const struct msg_endpoint *at, int fd)
{
	int r = -EINVAL;

	if (!place_is_valid(at)) {
		close(fd);
	} else if (at->kind == ENDPOINT_DNS_UDP || at->kind == ENDPOINT_DNS_TCP) {
		r = dns_socket_open(w, at, at->kind == ENDPOINT_DNS_TCP, fd);
	} else {
		r = 0;
		if (at->slot % w->n_dns == w->index)
			forward_socket(w, at, fd);
		else
			close(fd);
	}
	if (r < 0)
		place_log("endpoint.failed", at, -r);
}

static void endpoint_gone(struct dns_worker *w, const struct msg_endpoint *at)
{
	if (!place_is_valid(at))
		return;
	if (at->kind == ENDPOINT_DNS_UDP || at->kind == ENDPOINT_DNS_TCP)
		dns_socket_close(w, at, at->kind == ENDPOINT_DNS_TCP);
	else if (at->slot % w->n_dns == w->index)
		forward_socket_gone(w, at);
}

static void listener_take(struct dns_worker *w, const struct msg_listener *l, int fd)
{
	const struct msg_endpoint at = {.addr = l->addr, .port = l->port};
	int r = -EINVAL;

	if (l->kind == LISTENER_DNS_UDP || l->kind == LISTENER_DNS_TCP)
		r = dns_socket_open(w, &at, l->kind == LISTENER_DNS_TCP, fd);
	else
		close(fd);
	if (r < 0)
		place_log("listener.failed", &at, -r);
}

static void parent_message(struct dns_worker *w, struct msg *m)
{
	switch (m->type) {
	case MSG_GO_DNS:
		w->go = true;
		break;
	case MSG_STOP_DNS:
		w->stopping = true;
		break;
	case MSG_CONTROL_LINK_D:
		dns_link_control(w, take_fd(&m->fds[0]));
		break;
	case MSG_LISTENER_D:
		listener_take(w, m->body, take_fd(&m->fds[0]));
		break;
	case MSG_ENDPOINT_D:
		endpoint_take(w, m->body, take_fd(&m->fds[0]));
		break;
	case MSG_ENDPOINT_GONE_D:
		endpoint_gone(w, m->body);
		break;
	default:
		break; /* who we are is known */
	}
}

/* A message whose descriptor finds no room is lost: let it wait in the queue instead. */
static bool descriptor_is_free(const struct dns_worker *w)
{
	int fd = fcntl(w->epoll, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static void parent_watch(struct dns_worker *w, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = &w->parent};

	(void)epoll_ctl(w->epoll, EPOLL_CTL_MOD, w->parent.fd, &ev);
}

static void parent_ready(struct dns_worker *w, struct source *s, uint32_t events)
{
	int r;

	/* Without a parent nobody would restart or stop us. */
	if (events & EPOLLHUP)
		w->stopping = true;
	while (!w->stopping) {
		if (!descriptor_is_free(w) && !tcps_make_room(w)) {
			w->parent_waits = true;
			parent_watch(w, 0);
			dns_sockets_rest(w);
			return;
		}
		r = msg_recv(s->fd, ROLE_PARENT, ROLE_DNS, &received);
		if (r == -EAGAIN)
			return;
		if (r < 0) {
			w->stopping = true;
			return;
		}
		parent_message(w, &received);
		msg_done(&received);
	}
}

void dns_link_resume(struct dns_worker *w)
{
	if (!w->parent_waits)
		return;
	w->parent_waits = false;
	parent_watch(w, EPOLLIN | EPOLLRDHUP);
	parent_ready(w, &w->parent, EPOLLIN);
}

int dns_link_parent(struct dns_worker *w, int fd)
{
	w->parent = (struct source){.fd = fd, .ready = parent_ready};
	return dns_worker_watch(w, &w->parent, EPOLLIN | EPOLLRDHUP);
}

void dns_link_look(struct dns_worker *w)
{
	if (w->control.fd >= 0)
		control_ready(w, &w->control, EPOLLIN);
	if (w->parent.fd >= 0 && !w->parent_waits)
		parent_ready(w, &w->parent, EPOLLIN);
}
