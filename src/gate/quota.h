/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Counting connections against limits, over all gates: per cluster, and per source and cluster.
 *
 * The table lies in memory that the parent shares with all gates (proc/quota_layout.h). A slot is a tag (keyed hash of what is
 * counted) and one counter per gate; a gate writes its own column only, so when it dies its successor clears that column and
 * nothing leaks. A slot whose counters are all zero is free. Tags live in small buckets, claimed by compare-and-swap: no lock
 * that a killed process could leave behind. Two gates that take the last place at the same moment may both succeed.
 *
 * When a bucket is full the limit cannot be checked, and the connection is refused (QUOTA_FULL).
 */
#pragma once

#include "base/addr.h"

#include <stddef.h>
#include <stdint.h>

#define QUOTA_NONE UINT32_MAX /* no slot held */

struct quota {
	uint8_t *base; /* borrowed mapping */
	size_t stride;
	uint32_t n_gates, self;
	uint64_t secret;
};

enum quota_result { QUOTA_OK, QUOTA_LIMIT, QUOTA_FULL };

/* map: quota_bytes(n_gates) of shared memory. Clears this gate's column. */
void quota_init(struct quota *q, void *map, uint32_t n_gates, uint32_t self);

/*
 * Take a place under the limit (> 0) for a cluster, or for a source of it (source not NULL) in a network (0: the internet),
 * as two networks may use the same addresses. *ret_slot is given back with quota_put().
 */
enum quota_result quota_get(struct quota *q, uint32_t cluster, uint32_t network,
			    const struct addr *source, uint32_t limit, uint32_t *ret_slot);
void quota_put(struct quota *q, uint32_t slot); /* QUOTA_NONE is fine */
