/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "gate/link.h"

#include "base/log.h"
#include "gate/dump.h"
#include "gate/sweep.h"
#include "proc/msg.h"

#include <errno.h>
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

static void parent_ready(struct worker *w, struct source *s, uint32_t events)
{
	int r;

	while ((r = msg_recv(s->fd, ROLE_PARENT, ROLE_GATE, &received)) != -EAGAIN) {
		if (r < 0) {
			/* Without a parent nobody would restart or stop us. */
			w->stopping = true;
			return;
		}
		if (received.type == MSG_STOP_GATE)
			w->stopping = true;
		else if (received.type == MSG_CONTROL_LINK)
			link_control(w, take_fd(&received.fds[0]));
		msg_done(&received);
	}
}

int link_parent(struct worker *w, int fd)
{
	w->parent = (struct source){.fd = fd, .ready = parent_ready};
	return worker_watch(w, &w->parent, EPOLLIN | EPOLLRDHUP);
}
