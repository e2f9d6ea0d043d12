/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Why a connection was let in or not, in words, by src/explain and from the declared documents. What explains a cluster is
 * made when it is first needed and kept in the index until the cluster changes.
 */
#pragma once

#include "base/addr.h"
#include "explain/explain.h"
#include "proc/gate_ipc.h"

struct control;

#define WHY_TEXT_MAX EXPLAIN_RULE_MAX

/* 0, -ERR_NOT_FOUND, -ERR_UNAVAILABLE, -ERR_NOMEM. */
int why_explain(struct control *c, uint32_t cluster, const struct addr *source,
		struct explain_answer *ret_answer, struct err *e) _must_check_;

/*
 * One sentence for what a gate decided, as its event says. The documents are asked only if they agree with it: a gate may still
 * be at an older generation. For what came by a private address the reason alone speaks. Returns dst, "" if there is nothing to say.
 */
char *why_sentence(struct control *c, const struct gate_event *ev, char dst[WHY_TEXT_MAX]);

/* By the index, or by the tables if the store is not there; "" if nobody knows. Returns dst. */
char *control_cluster_name(struct control *c, uint32_t id, char dst[64]);
/* The same of a network, hub or site, by the tables. */
char *control_router_name(struct control *c, uint32_t id, char dst[64]);
