/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The clusters that a gate has met: the decoded record, the upstreams' state, and the connections, so that a change judges
 * only those that it can concern. Kept for the process's life once met (ids are not reused), emptied when deleted.
 */
#pragma once

#include "gate/worker.h"

/* The cluster with its record as in this batch's tables. NULL if it is not there or damaged (counted). */
struct gate_cluster *cluster_refresh(struct worker *w, uint32_t id);
/* NULL if never met. */
struct gate_cluster *cluster_find(struct worker *w, uint32_t id);
/* Every cluster in the tables: at start, so that health checks begin before the first client comes. */
void clusters_load(struct worker *w);
void clusters_done(struct worker *w);

/* A shared copy of the name (empty: none) in a cluster's names or private_names; NULL if out of memory. */
struct gate_name *cluster_name_get(struct list *names, const char *name, size_t len);
void cluster_name_put(struct gate_name *n);

/*
 * The upstream to try next: not in `tried` (a bit per index), up before unknown before down, then the least connections.
 * NULL if all have been tried.
 */
struct gate_upstream *cluster_pick(struct gate_cluster *c, uint16_t tried);
/* Let go of an upstream that is no longer declared, if nothing names it any more. */
void upstream_release(struct worker *w, struct gate_upstream *u);
/* A connection or a check ended well or badly: state changes become events. */
void upstream_ok(struct worker *w, struct gate_upstream *u);
void upstream_failed(struct worker *w, struct gate_upstream *u);
