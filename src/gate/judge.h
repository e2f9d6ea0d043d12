/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The judgement: may this source use this cluster's public endpoint? Asked once before any upstream connection is made, and
 * again for open connections when their cluster changes. What cannot be read admits nobody.
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
	enum gate_reason reason; /* not REASON_NONE: nobody, because of this */
	bool open;		 /* everybody */
	struct rangeset ranges;	 /* else: these */
};
/* The cluster's record must be up to date. */
void judge_begin(struct worker *w, struct gate_cluster *c, struct judgement *ret_judgement);
/* REASON_NONE: admitted. */
enum gate_reason judge_source(const struct judgement *j, const struct addr *source);
