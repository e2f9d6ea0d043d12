/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Why a connection was let in or not, in words, by src/explain and from the declared documents. What explains a cluster is
 * made when it is first needed and kept in the index until the cluster changes.
 */
#pragma once

#include "base/addr.h"
#include "explain/admit.h"
#include "explain/explain.h"
#include "proc/gate_ipc.h"

struct control;

#define WHY_TEXT_MAX PATH_TEXT_MAX

/* 0, -ERR_NOT_FOUND, -ERR_UNAVAILABLE, -ERR_NOMEM. */
int why_explain(struct control *c, uint32_t cluster, const struct addr *source,
		struct explain_answer *ret_answer, struct err *e) _must_check_;

/* What explains the cluster: borrowed until it changes. Errors as above. */
int why_index(struct control *c, uint32_t cluster, const struct explain_index **ret_index,
	      struct err *e) _must_check_;

/*
 * Does the private endpoint at an address of a network (by its id) that leads to the cluster admit the source, and by which
 * rule? -ERR_NOT_FOUND: nothing such is declared.
 */
int why_private(struct control *c, uint32_t cluster, uint32_t network, const struct addr *address,
		const struct addr *source, struct admission *ret_admission, struct err *e)
	_must_check_;

/*
 * One sentence for what a gate decided, as its event says. The documents are asked only if they agree with it: a gate may still
 * be at an older generation. Returns dst, "" if there is nothing to say.
 */
char *why_sentence(struct control *c, const struct gate_event *ev, char dst[WHY_TEXT_MAX]);

/* By the index, or by the tables if the store is not there; "" if nobody knows. Returns dst. */
char *control_cluster_name(struct control *c, uint32_t id, char dst[64]);
/* The same of a network, hub or site, by the tables. */
char *control_router_name(struct control *c, uint32_t id, char dst[64]);
