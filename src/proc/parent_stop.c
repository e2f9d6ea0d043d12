/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The end, in order: gates, so that no connection is judged by half a daemon; netd; control, which saw them go. */
#include "base/clock.h"
#include "proc/parent_int.h"

void parent_stop(struct parent *p, const char *why)
{
	if (parent_is_stopping(p))
		return;
	log_event(LOG_INFO, "daemon.stopping", LF_STR("why", why));
	parent_phase_set(p, STOP_GATES);
	for (uint32_t i = 0; i < p->n_gates; i++)
		if (child_is_running(&p->gates[i]))
			child_owe(p, &p->gates[i], OWES_STOP);
}

static bool a_gate_runs(const struct parent *p)
{
	for (uint32_t i = 0; i < p->n_gates; i++)
		if (child_is_running(&p->gates[i]))
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
	if (p->phase == STOP_GATES && now - p->phase_ms >= PARENT_STOP_GATES_MS)
		for (uint32_t i = 0; i < p->n_gates; i++)
			kill_late(&p->gates[i]);
	if (p->phase == STOP_GATES && !a_gate_runs(p))
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
