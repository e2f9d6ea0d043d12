/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proc/child.h"
#include "base/clock.h"
#include "base/log.h"
#include "proc/msg.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

void child_init(struct child *c, enum role r, uint32_t index)
{
	*c = (struct child){.role = r, .index = index, .link = -1};
}

static void wait_before_next(struct child *c, uint64_t now)
{
	bool settled = c->started_ms && now - c->started_ms >= CHILD_SETTLED_MS;

	c->deaths++;
	if (settled)
		c->backoff_ms = 0;
	else if (!c->backoff_ms)
		c->backoff_ms = CHILD_BACKOFF_MIN_MS;
	else if (c->backoff_ms < CHILD_BACKOFF_MAX_MS / 2)
		c->backoff_ms *= 2;
	else
		c->backoff_ms = CHILD_BACKOFF_MAX_MS;
	c->due_ms = now + c->backoff_ms;
}

void child_unstartable(struct child *c, const char *why)
{
	log_event(LOG_ERROR, "role.unstartable", LF_STR("role", role_name(c->role)),
		  LF_UINT("index", c->index), LF_STR("why", why));
	wait_before_next(c, c->started_ms);
}

int child_start(struct child *c, const struct spawner *s)
{
	struct err e = {0};
	int ret;

	c->started_ms = clock_mono_ms();
	ret = spawn_role(s, c->role, c->index, &c->pid, &c->link, &e);
	if (ret) {
		child_unstartable(c, e.text);
		return ret;
	}
	log_event(LOG_INFO, "role.started", LF_STR("role", role_name(c->role)),
		  LF_UINT("index", c->index), LF_INT("pid", c->pid));
	return 0;
}

/* Who is not our child is out of our Landlock's reach; the keeper does it. */
void child_end(struct child *c)
{
	const struct msg_netd body = {.pid = c->pid};

	if (c->link >= 0) {
		close(c->link);
		c->link = -1;
	}
	if (!c->pid)
		return;
	if (!c->keeper)
		kill(c->pid, SIGKILL);
	else if (c->keeper->link >= 0)
		(void)!msg_send_body(c->keeper->link, MSG_KILL,
				     &body); /* it ends with its link, too */
}

void child_kill(struct child *c, const char *why)
{
	if (c->pid)
		log_event(LOG_WARN, "role.killed", LF_STR("role", role_name(c->role)),
			  LF_UINT("index", c->index), LF_INT("pid", c->pid), LF_STR("why", why));
	child_end(c);
}

void child_reaped(struct child *c, int status, bool is_expected)
{
	bool by_signal = WIFSIGNALED(status);
	int number = by_signal ? WTERMSIG(status) : WEXITSTATUS(status);
	enum log_level level = is_expected ? LOG_INFO : LOG_WARN;
	uint64_t now = clock_mono_ms();

	/* A forbidden call, or our own mistake: what the operator should report. */
	if (by_signal && (number == SIGSYS || number == SIGABRT || number == SIGSEGV))
		level = LOG_ERROR;
	wait_before_next(c, now);
	log_event(level, "role.gone", LF_STR("role", role_name(c->role)),
		  LF_UINT("index", c->index), LF_INT("pid", c->pid),
		  LF_STR("by", by_signal ? "signal" : "exit"), LF_INT("number", number),
		  LF_STR("signal", by_signal ? sigabbrev_np(number) : NULL),
		  LF_UINT("lived_ms", now - c->started_ms),
		  LF_UINT("again_in_ms", is_expected ? 0 : c->backoff_ms));
	if (c->link >= 0)
		close(c->link);
	c->link = -1;
	c->pid = 0;
	c->owed = 0;
	c->stuck_ms = 0;
}
