/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The judgement: may this source use this cluster's public endpoint, or this private address? Asked once before any upstream
 * connection is made, and again for open connections when their cluster changes. What cannot be read admits nobody.
 */
#pragma once

#include "gate/worker.h"

/*
 * Name to cluster, by this batch's tables, with the cluster's record brought up to date. REASON_NONE and *ret_cluster; or
 * REASON_UNKNOWN_NAME, REASON_TABLES.
 */
enum gate_reason judge_name(struct worker *w, const char *name, size_t len,
			    struct gate_cluster **ret_cluster);

/* What a cluster says of sources, read once for any number of them. Valid until the batch's snapshot is let go. */
struct judgement {
	enum gate_reason reason;  /* not REASON_NONE: nobody, because of this */
	enum gate_reason outside; /* what those hear who are not in the ranges */
	bool open;		  /* everybody */
	struct rangeset ranges;	  /* else: these */
};
/* The cluster's record must be up to date. */
void judge_begin(struct worker *w, struct gate_cluster *c, struct judgement *ret_judgement);
/*
 * The cluster that a private address leads to, its record brought up to date, and whom it admits. REASON_NONE; or
 * REASON_PRIVATE_OFF, REASON_TABLES, which is then also ret_judgement->reason.
 */
enum gate_reason judge_endpoint(struct worker *w, struct gate_endpoint *e,
				struct gate_cluster **ret_cluster, struct judgement *ret_judgement);
/* REASON_NONE: admitted. */
enum gate_reason judge_source(const struct judgement *j, const struct addr *source);
