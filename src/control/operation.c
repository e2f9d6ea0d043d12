/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/operation.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

const double enforced_bucket_le_s[ENFORCED_BUCKETS - 1] = {
	0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10,
};

void operations_init(struct operations *os)
{
	*os = (struct operations){0};
	list_init(&os->active);
	list_init(&os->done);
}

static void operation_free(struct operation *op)
{
	list_remove(&op->node);
	list_remove(&op->waiters);
	free(op);
}

void operations_done(struct operations *os)
{
	list_foreach (it, &os->active)
		operation_free(container_of(it, struct operation, node));
	list_foreach (it, &os->done)
		operation_free(container_of(it, struct operation, node));
}

struct operation *operation_begin(struct operations *os, uint64_t revision, uint64_t accepted_us,
				  uint64_t received_ns)
{
	struct operation *op = calloc(1, sizeof(*op));

	if (!op)
		return NULL;
	list_init(&op->node);
	list_init(&op->waiters);
	op->revision = revision;
	op->accepted_us = accepted_us;
	op->received_ns = received_ns;
	op->enforced_ns = -1;
	list_append(&os->active, &op->node);
	os->n_active++;
	return op;
}

struct operation *operation_restore(struct operations *os, uint64_t revision, uint64_t accepted_us,
				    int64_t enforced_ns)
{
	struct operation *op = operation_begin(os, revision, accepted_us, 0);
	struct list *before = &os->active;

	if (!op)
		return NULL;
	op->enforced_ns = enforced_ns;
	list_remove(&op->node);
	list_foreach (it, &os->active) {
		if (container_of(it, struct operation, node)->revision > revision) {
			before = it;
			break;
		}
	}
	list_append(before, &op->node); /* before `before` */
	return op;
}

struct operation *operation_find(struct operations *os, uint64_t revision)
{
	list_foreach (it, &os->active) {
		struct operation *op = container_of(it, struct operation, node);

		if (op->revision == revision)
			return op;
	}
	list_foreach (it, &os->done) {
		struct operation *op = container_of(it, struct operation, node);

		if (op->revision == revision)
			return op;
	}
	return NULL;
}

static void enforced_count(struct operations *os, double seconds)
{
	size_t i = 0;

	while (i < ENFORCED_BUCKETS - 1 && seconds > enforced_bucket_le_s[i])
		i++;
	os->bucket[i]++;
	os->enforced_count++;
	os->enforced_sum_s += seconds;
}

void operation_finish(struct operations *os, struct operation *op, uint64_t now_ns)
{
	op->is_done = true;
	if (op->received_ns) {
		op->enforced_ns = (int64_t)(now_ns - op->received_ns);
		enforced_count(os, (double)op->enforced_ns / 1e9);
	}
	list_remove(&op->node);
	os->n_active--;
	list_append(&os->done, &op->node);
	if (++os->n_done <= OPERATIONS_KEPT)
		return;
	operation_free(container_of(os->done.next, struct operation, node));
	os->n_done--;
}

json_t *operation_ms_json(int64_t ns)
{
	const int64_t us = ns / 1000; /* what is beyond is noise */

	return ns >= 0 ? json_real((double)us / 1e3) : json_null();
}

static json_t *indexes_json(const uint32_t *indexes, size_t n)
{
	json_t *all = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(all, json_integer(indexes[i]));
	return all;
}

json_t *operation_json(const struct operation *op, const struct operation_waiting *waiting)
{
	char id[24], at[CLOCK_TEXT_MAX];

	snprintf(id, sizeof(id), "%" PRIu64, op->revision);
	return json_pack("{s:s, s:s, s:I, s:s, s:o, s:I, s:I, s:I, s:o, s:o, s:o}", "id", id,
			 "status", op->is_done ? "succeeded" : "in-progress", "revision",
			 (json_int_t)op->revision, "acceptedAt", clock_format(op->accepted_us, at),
			 "enforcedMs", operation_ms_json(op->enforced_ns), "judged",
			 (json_int_t)op->judged, "cut", (json_int_t)op->cut, "draining",
			 (json_int_t)op->draining, "waitingFor",
			 indexes_json(waiting->gates, waiting->n_gates), "waitingForDns",
			 indexes_json(waiting->dns, waiting->n_dns), "waitingForNetd",
			 waiting->netd ? waiting->netd : json_null());
}
