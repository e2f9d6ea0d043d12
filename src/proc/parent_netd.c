/* SPDX-License-Identifier: GPL-3.0-or-later */
/* netd, started by the keeper on the parent's word, and the sockets that it opens. */
#include "base/clock.h"
#include "proc/parent_int.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* --- what control is told --- */

static void tell_control(struct parent *p, enum msg_type type, pid_t pid, const int *link)
{
	const struct msg_netd body = {.pid = pid};

	child_tell(&p->control, type, &body, sizeof body, link);
}

static void tell_control_off(struct parent *p)
{
	struct msg_netd_off body;

	memcpy(body.reason, p->netd_off, sizeof body.reason);
	child_tell(&p->control, MSG_NETD_OFF, &body, sizeof body, NULL);
}

void netd_tell_control(struct parent *p)
{
	if (p->netd_off[0])
		tell_control_off(p);
	else if (child_is_running(&p->netd) && p->netd.link >= 0)
		child_owe(p, &p->netd, OWES_RELINK);
}

int netd_relink(struct parent *p)
{
	const struct msg_empty empty = {0};
	int ends[2], ret;

	if (link_pair(ends)) {
		child_kill(&p->netd, "no link for it and control");
		return -EPIPE;
	}
	ret = child_send(&p->netd, MSG_CONTROL_LINK_N, &empty, sizeof empty, &ends[0]);
	if (!ret)
		tell_control(p, MSG_NETD_UP, p->netd.pid, &ends[1]);
	close(ends[0]);
	close(ends[1]);
	return ret;
}

/* --- its life --- */

bool netd_is_there(const struct parent *p)
{
	return p->netd_spawning || child_is_running(&p->netd);
}

bool netd_is_due(const struct parent *p, uint64_t now)
{
	return !p->netd_off[0] && !netd_is_there(p) && now >= p->netd.due_ms;
}

static void spawn_failed(struct parent *p, int error)
{
	p->netd_spawning = false;
	if (p->netd.link >= 0)
		close(p->netd.link);
	p->netd.link = -1;
	child_unstartable(&p->netd, strerror(error));
}

void netd_start(struct parent *p)
{
	const struct msg_empty empty = {0};
	int ends[2], ret = link_pair(ends);

	p->netd.started_ms = clock_mono_ms();
	p->netd.keeper = &p->keeper;
	if (ret) {
		spawn_failed(p, -ret);
		return;
	}
	p->netd.link = ends[0];
	p->netd_spawning = true;
	/* A queue of two messages that is full: the keeper hangs. Its end is the end of netd, so that is left to the operator. */
	ret = child_send(&p->keeper, MSG_SPAWN, &empty, sizeof empty, &ends[1]);
	close(ends[1]);
	if (ret)
		spawn_failed(p, -ret);
}

static int tell_start(struct parent *p, int control_link)
{
	struct msg_public public[LISTENERS_MAX] = {0};
	const struct msg_start_netd start = {.n_dns = p->dns.n};
	size_t n = p->listeners.n_endpoints;

	for (size_t i = 0; i < n; i++) {
		public[i].addr = p->listeners.endpoints[i].addr;
		public[i].port = p->listeners.endpoints[i].port;
	}
	return msg_send(p->netd.link, MSG_START_NETD, &start, sizeof start, public, n,
			&control_link);
}

static void netd_begin(struct parent *p)
{
	int ends[2];

	if (parent_watch(p, p->netd.link, EVENT_NETD) || link_pair(ends)) {
		child_kill(&p->netd, "no link for it and control, or none to watch");
		return;
	}
	if (tell_start(p, ends[0]))
		child_kill(&p->netd, "its link is dead");
	tell_control(p, MSG_NETD_UP, p->netd.pid, &ends[1]);
	close(ends[0]);
	close(ends[1]);
	endpoints_begin(&p->endpoints, ENDPOINTS_NETD);
	child_owe(p, &p->netd, OWES_GO);
}

static void on_spawned(struct parent *p, const struct msg_spawned *m)
{
	if (!p->netd_spawning)
		return;
	if (m->pid <= 0) {
		spawn_failed(p, m->error);
		return;
	}
	p->netd_spawning = false;
	p->netd.pid = m->pid;
	log_event(LOG_INFO, "role.started", LF_STR("role", role_name(ROLE_NETD)),
		  LF_UINT("index", 0), LF_INT("pid", m->pid));
	if (parent_is_stopping(p))
		child_owe(p, &p->netd, OWES_STOP);
	else
		netd_begin(p);
}

static void netd_gone(struct parent *p, int status)
{
	pid_t pid = p->netd.pid;

	child_reaped(&p->netd, status, parent_is_stopping(p));
	endpoints_end(&p->endpoints, ENDPOINTS_NETD);
	tell_control(p, MSG_NETD_GONE, pid, NULL);
	parent_probe_ended(p, status);
}

void netd_on_keeper_msg(struct parent *p, const struct msg *m)
{
	const struct msg_reaped *gone = m->body;

	if (m->type == MSG_SPAWNED)
		on_spawned(p, m->body);
	else if (child_is_running(&p->netd) && gone->pid == p->netd.pid)
		netd_gone(p, gone->status);
}

/* The networks stay as they are, and so do the endpoints: only changes are no longer made. */
void netd_on_keeper_gone(struct parent *p)
{
	if (parent_is_stopping(p) || p->netd_off[0])
		return;
	msg_text_put(p->netd_off,
		     "the keeper, which starts netd, has ended and cannot be started again by a "
		     "daemon that runs; networks stay as they are: restart the service");
	log_event(LOG_ERROR, "networks.off", LF_STR("why", p->netd_off));
	if (p->netd_spawning)
		spawn_failed(p, ECHILD);
	if (child_is_running(&p->netd))
		netd_gone(p, SIGKILL); /* by the death signal */
	tell_control_off(p);
}

/* --- what it says --- */

int netd_on_msg(struct parent *p, struct msg *m)
{
	int ret = 0;

	if (m->type == MSG_ENDPOINT_OPEN) {
		ret = endpoints_open(&p->endpoints, m->body, m->fds[0]);
		if (!ret)
			take_fd(&m->fds[0]);
	} else if (endpoints_close(&p->endpoints, m->body)) {
		return 0; /* twice: the more gone */
	}
	if (ret == -ENOSPC || ret == -ENOMEM) {
		log_event(LOG_ERROR, "endpoint.lost", LF_STR("why", strerror(-ret)));
		return 0;
	}
	return ret;
}
