/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "gate/link.h"

#include "base/log.h"
#include "gate/accept.h"
#include "gate/dump.h"
#include "gate/endpoint.h"
#include "gate/sweep.h"
#include "proc/msg.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>

static struct msg received; /* large; one at a time */

static void dump_answer(struct worker *w, struct msg *m)
{
	const struct msg_dump *ask = m->body;
	struct msg_dumped answer = {.request = ask->request, .kind = ask->kind};

	answer.error =
		(uint32_t)dump_write(w, (enum dump_kind)ask->kind, m->fds[0], &answer.records);
	if (msg_send_body(w->control.fd, MSG_DUMPED, &answer) < 0)
		log_event(LOG_WARN, "dump.unanswered", LF_UINT("request", ask->request));
}

static void control_message(struct worker *w, struct msg *m)
{
	switch (m->type) {
	case MSG_BELL:
		w->bell = true;
		if (!w->rung_ns)
			w->rung_ns = clock_mono_ns();
		break;
	case MSG_WATCH:
		w->watched = ((const struct msg_watch *)m->body)->accepted;
		break;
	case MSG_DUMP:
		dump_answer(w, m);
		break;
	default:
		break; /* msg_recv() lets nothing else through */
	}
}

static void control_ready(struct worker *w, struct source *s, uint32_t events)
{
	int r;

	while (s->fd >= 0 && (r = msg_recv(s->fd, ROLE_CONTROL, ROLE_GATE, &received)) != -EAGAIN) {
		if (r < 0) {
			/* Control is gone: go on with the tables that are there. */
			log_event(LOG_WARN, "control.gone", LF_INT("error", -r));
			w->watched = false;
			worker_unwatch(w, s);
			return;
		}
		control_message(w, &received);
		msg_done(&received);
	}
}

void link_control(struct worker *w, int fd)
{
	if (w->control.fd >= 0)
		worker_unwatch(w, &w->control);
	w->control = (struct source){.fd = fd, .ready = control_ready};
	w->watched = false;
	if (worker_watch(w, &w->control, EPOLLIN | EPOLLRDHUP) < 0) {
		worker_unwatch(w, &w->control);
		return;
	}
	sweep_hello(w);
}

static void parent_message(struct worker *w, struct msg *m)
{
	switch (m->type) {
	case MSG_STOP_GATE:
		w->stopping = true;
		break;
	case MSG_CONTROL_LINK:
		link_control(w, take_fd(&m->fds[0]));
		break;
	case MSG_ENDPOINT:
		endpoint_listen(w, m->body, take_fd(&m->fds[0]));
		break;
	case MSG_ENDPOINT_GONE:
		endpoint_close(w, m->body);
		break;
	default:
		break; /* what belongs before GO, and says nothing now */
	}
}

/* A message whose descriptor finds no room is lost: let it wait in the queue instead. */
static bool descriptor_is_free(const struct worker *w)
{
	int fd = fcntl(w->epoll, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static void parent_watch(struct worker *w, uint32_t events)
{
	struct epoll_event ev = {.events = events,
				 .data.u64 = (uint64_t)(uintptr_t)&w->parent | TAG_SOURCE};

	(void)epoll_ctl(w->epoll, EPOLL_CTL_MOD, w->parent.fd, &ev);
}

static void parent_ready(struct worker *w, struct source *s, uint32_t events)
{
	int r;

	for (;;) {
		if (!descriptor_is_free(w)) {
			w->parent_waits = true;
			parent_watch(w, 0);
			listeners_rest(w);
			return;
		}
		r = msg_recv(s->fd, ROLE_PARENT, ROLE_GATE, &received);
		if (r == -EAGAIN)
			return;
		if (r < 0) {
			/* Without a parent nobody would restart or stop us. */
			w->stopping = true;
			return;
		}
		parent_message(w, &received);
		msg_done(&received);
	}
}

void link_resume(struct worker *w)
{
	if (!w->parent_waits)
		return;
	w->parent_waits = false;
	parent_watch(w, EPOLLIN | EPOLLRDHUP);
	parent_ready(w, &w->parent, EPOLLIN);
}

int link_parent(struct worker *w, int fd)
{
	w->parent = (struct source){.fd = fd, .ready = parent_ready};
	return worker_watch(w, &w->parent, EPOLLIN | EPOLLRDHUP);
}
