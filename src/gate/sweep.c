/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "gate/sweep.h"

#include "gate/cluster.h"
#include "gate/connection.h"
#include "gate/endpoint.h"
#include "gate/events.h"
#include "gate/judge.h"
#include "proc/msg.h"

static void drain_begin(struct worker *w, struct connection *c, enum gate_reason reason)
{
	c->reason = (uint8_t)reason;
	if (c->drain_until_ms)
		return; /* the first change that forbade it set the time */
	c->drain_until_ms = w->now_ms + c->cluster->record.drain_s * 1000ull;
	timer_set(&w->timers, &c->timer, c->drain_until_ms);
	count(w, draining);
}

static void drain_end(struct worker *w, struct connection *c)
{
	if (!c->drain_until_ms)
		return;
	c->drain_until_ms = 0;
	timer_cancel(&c->timer);
	count_add(w, GATE_draining, UINT64_MAX); /* one less */
}

/* The endpoint decides, whatever name was asked for. Its record is read once for all connections of the sweep. */
static enum gate_reason private_judge(struct worker *w, struct connection *c)
{
	struct gate_endpoint *e = c->endpoint;

	if (e->swept != w->sweeps) {
		e->leads_to = NULL;
		(void)judge_endpoint(w, e, &e->leads_to, &e->judgement);
		e->swept = w->sweeps;
	}
	if (e->judgement.reason == REASON_NONE && e->leads_to != c->cluster)
		return REASON_PRIVATE_OFF;
	return judge_source(&e->judgement, &c->source);
}

static void connection_judge(struct worker *w, struct connection *c, const struct judgement *j)
{
	enum gate_reason reason = REASON_NONE;

	if (c->endpoint)
		reason = private_judge(w, c);
	else
		reason = c->name->reason ? (enum gate_reason)c->name->reason
					 : judge_source(j, &c->source);
	w->sweep.judged++;
	count(w, judged_total);
	if (reason == REASON_NONE) {
		drain_end(w, c);
	} else if (c->state == CONN_OPEN && c->cluster->record.drain_s) {
		drain_begin(w, c, reason);
		w->sweep.draining++;
	} else {
		connection_doom(w, c, reason);
		w->sweep.cut++;
	}
}

/* Do the names by which public connections came still lead to this cluster? */
static void names_judge(struct worker *w, struct gate_cluster *c)
{
	list_foreach (it, &c->names) {
		struct gate_name *n = container_of(it, struct gate_name, node);
		struct gate_cluster *now = NULL;
		enum gate_reason reason = judge_name(w, n->text, n->len, &now);
		if (reason == REASON_UNKNOWN_NAME || (reason == REASON_NONE && now != c))
			reason = REASON_DELETED;
		n->reason = (uint8_t)reason;
	}
}

static int cluster_judge(uint32_t id, void *arg)
{
	struct worker *w = arg;
	struct judgement judgement;

	/* Also one never met: its health checks begin. The id of a router is that of no cluster, and nothing comes of it. */
	(void)cluster_refresh(w, id);
	struct gate_cluster *c = cluster_find(w, id);
	/* Several generations, or one with several reasons, may name it. */
	if (!c || c->swept == w->sweeps || list_is_empty(&c->connections))
		return 0;
	c->swept = w->sweeps;
	names_judge(w, c);
	judge_begin(w, c, &judgement);
	list_foreach (it, &c->connections)
		connection_judge(w, container_of(it, struct connection, node), &judgement);
	return 0;
}

static void all_judge(struct worker *w)
{
	clusters_load(w);
	for (uint32_t id = 0; id < w->n_clusters; id++)
		if (w->clusters[id])
			(void)cluster_judge(id, w);
}

void sweep_begin(struct worker *w)
{
	struct tables_snapshot *s;

	w->bell = false;
	w->sweeps++;
	assert(!w->snapshot);
	s = worker_snapshot(w);
	if (!s)
		return; /* not acknowledged: control will not call it enforced */
	uint64_t generation = tables_generation(s);
	if (generation != w->generation) {
		int r = tables_each_change(s, w->generation, cluster_judge, w);
		/* The list of changes does not reach back to us, or cannot be read: take all as changed. */
		if (r < 0)
			all_judge(w);
		w->generation = generation;
		count_set(w, GATE_generation, generation);
	}
}

static void sweep_acknowledge(struct worker *w)
{
	if (w->control.fd < 0 || (w->acked == w->generation && !w->rung_ns))
		return;
	w->sweep.generation = w->generation;
	w->sweep.took_ns = w->rung_ns ? clock_mono_ns() - w->rung_ns : 0;
	if (msg_send_body(w->control.fd, MSG_ACK, &w->sweep) < 0)
		return; /* again after the next batch */
	w->acked = w->generation;
	w->sweep = (struct msg_ack){0};
	w->rung_ns = 0;
}

void sweep_cut(struct worker *w)
{
	for (int i = 0; i < CUT_SLICE && !list_is_empty(&w->doomed); i++) {
		struct connection *c = container_of(w->doomed.next, struct connection, node);
		count(w, cut_total);
		c->cluster->cut++;
		event_connection(w, GATE_EVENT_CUT, c, (enum gate_reason)c->reason, c->name->text,
				 c->name->len);
		connection_reset(w, c);
	}
	if (list_is_empty(&w->doomed))
		sweep_acknowledge(w);
}

void sweep_hello(struct worker *w)
{
	struct msg_generation at = {.generation = w->acked};

	/* A full queue on a new link means that control is in trouble; it will end us if it misses us. */
	if (w->control.fd >= 0 && msg_send_body(w->control.fd, MSG_HELLO, &at) < 0)
		worker_unwatch(w, &w->control);
}
