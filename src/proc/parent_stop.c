/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The end, in order: gates and dns processes, so that no connection is judged by half a daemon; netd; control, which saw them go. */
#include "base/clock.h"
#include "proc/parent_int.h"

static void stop_workers(struct parent *p, struct workers *ws)
{
	workers_foreach (w, ws)
		if (child_is_running(w))
			child_owe(p, w, OWES_STOP);
}

void parent_stop(struct parent *p, const char *why)
{
	if (parent_is_stopping(p))
		return;
	log_event(LOG_INFO, "daemon.stopping", LF_STR("why", why));
	parent_phase_set(p, STOP_WORKERS);
	stop_workers(p, &p->gates);
	stop_workers(p, &p->dns);
}

static bool one_runs(const struct workers *ws)
{
	for (uint32_t i = 0; i < ws->n; i++)
		if (child_is_running(&ws->child[i]))
			return true;
	return false;
}

static void kill_late(struct child *c)
{
	if (child_is_running(c) && c->link >= 0)
		child_kill(c, "did not stop in time");
}

static void stop_netd(struct parent *p)
{
	parent_phase_set(p, STOP_NETD);
	if (child_is_running(&p->netd))
		child_owe(p, &p->netd, OWES_STOP);
}

static void stop_control(struct parent *p)
{
	parent_phase_set(p, STOP_CONTROL);
	child_tell_empty(&p->control, MSG_STOP_CONTROL);
}

/* The keeper needs no word: it ends with its link, when the parent does, and netd with it. */
bool parent_stop_turn(struct parent *p, uint64_t now)
{
	if (p->phase == STOP_WORKERS && now - p->phase_ms >= PARENT_STOP_WORKERS_MS) {
		workers_foreach (w, &p->gates)
			kill_late(w);
		workers_foreach (w, &p->dns)
			kill_late(w);
	}
	if (p->phase == STOP_WORKERS && !one_runs(&p->gates) && !one_runs(&p->dns))
		stop_netd(p);
	if (p->phase == STOP_NETD && now - p->phase_ms >= PARENT_STOP_NETD_MS)
		kill_late(&p->netd);
	/* Should the keeper not answer any more, nobody would tell of netd's end. */
	if (p->phase == STOP_NETD &&
	    (!netd_is_there(p) || now - p->phase_ms >= 2 * PARENT_STOP_NETD_MS))
		stop_control(p);
	if (p->phase == STOP_CONTROL && now - p->phase_ms >= PARENT_STOP_CONTROL_MS)
		kill_late(&p->control);
	return p->phase == STOP_CONTROL && !child_is_running(&p->control);
}
