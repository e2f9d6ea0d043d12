/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Operations: a change under way. One per committed revision; its id is the revision.
 *
 *	accepted ──> in-progress ──> succeeded        every gate and dns process enforces the revision, and netd has made it if it
 *	                                              changed networks
 *
 * There is no "failed": what could fail has failed before the commit, and a committed change is enforced sooner or later,
 * because a process that does not come along is ended and a new one begins with the newest tables. What netd cannot make, because
 * the kernel refuses it, stays in progress with the reason, and netd tries again.
 *
 * Operations that are under way are all kept, finished ones up to OPERATIONS_KEPT. An older one, or one from before a
 * restart of control, is restored from the store's history when somebody asks.
 */
#pragma once

#include "base/list.h"
#include "proc/role.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define OPERATIONS_KEPT 1000

struct operation {
	struct list node;
	struct list waiters; /* of struct request: wait_node */
	uint64_t revision;
	uint64_t accepted_us; /* wall clock */
	uint64_t
		received_ns; /* monotonic, when the request was in completely; 0: before this process */
	int64_t enforced_ns; /* -1: not yet, or not known */
	bool is_done;
	uint64_t judged, cut, draining;
};

/* Seconds from acceptance to enforcement, for Prometheus. The last bucket is +Inf. */
#define ENFORCED_BUCKETS 14
struct operations {
	struct list active, done; /* active: by revision */
	size_t n_active, n_done;
	uint64_t bucket[ENFORCED_BUCKETS]; /* not cumulative */
	uint64_t enforced_count;
	double enforced_sum_s;
};
extern const double enforced_bucket_le_s[ENFORCED_BUCKETS - 1];

void operations_init(struct operations *os);
void operations_done(struct operations *os);

/* A new one, in progress. Owned by os; borrowed until the next one begins or finishes. NULL: out of memory. */
struct operation *operation_begin(struct operations *os, uint64_t revision, uint64_t accepted_us,
				  uint64_t received_ns);
/* One that this process does not know, as the history has it; in progress, kept in order of revision. */
struct operation *operation_restore(struct operations *os, uint64_t revision, uint64_t accepted_us,
				    int64_t enforced_ns);
/* NULL if it is not in memory. */
struct operation *operation_find(struct operations *os, uint64_t revision);
/* Everyone enforces it. Its waiters are the caller's to wake. now_ns: monotonic. */
void operation_finish(struct operations *os, struct operation *op, uint64_t now_ns);

/* Nanoseconds as a JSON number of milliseconds, to the microsecond; null if negative (not known). New reference. */
json_t *operation_ms_json(int64_t ns);
/* Flags for every JSON text that goes out: one line, and no 1.2299999999999999. */
#define JSON_DUMP (JSON_COMPACT | JSON_REAL_PRECISION(15))

/* What an operation waits for still: indexes of gates and of dns processes, n of each. */
struct operation_waiting {
	uint32_t gates[GATES_MAX], dns[DNS_MAX];
	size_t n_gates, n_dns;
	json_t *netd; /* what netd says if it is awaited, else NULL */
};

/* The API's form. waiting->netd is taken. New reference. */
json_t *operation_json(const struct operation *op, const struct operation_waiting *waiting);
