/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Asking all gates for their records: each writes its own into a memfd that it is lent, and says when it is done. A dump is
 * complete when all have answered, or incomplete after DUMP_MS.
 *
 * Gates are less trusted: records are copied out of the memfd before they are looked at (a gate keeps its descriptor),
 * bounded by the file's size, and each is checked; damaged ones are left out and make the dump incomplete.
 */
#pragma once

#include "base/list.h"
#include "control/loop.h"
#include "proc/gate_ipc.h"
#include "proc/msg.h"

#include <stdbool.h>
#include <stdint.h>

struct control;

#define DUMP_MS	       1000
#define DUMP_BYTES_MAX (512u << 20) /* of one gate */

struct dump {
	struct list node;
	struct control *control;
	struct loop_timer timer;
	uint64_t request;
	enum dump_kind kind;
	bool is_incomplete;
	void (*done)(struct dump *d, void *arg);
	void *arg;
	struct {
		int fd; /* -1: not asked, or answered */
		bool is_pending;
		void *records; /* struct connection_record[] or struct cluster_record[] */
		size_t n_records;
	} gate[GATES_MAX];
};

struct dumps {
	struct list active;
	uint64_t next_request;
	struct control *control;
};

void dumps_init(struct dumps *ds, struct control *c);
/*
 * Ask all gates; done(d, arg) is called once, perhaps before this returns. d and its records are valid during that call
 * only. 0, or -ERR_NOMEM and done is never called.
 */
int dumps_start(struct dumps *ds, enum dump_kind kind, void (*done)(struct dump *, void *),
		void *arg, struct err *e) _must_check_;
/* 0 or -EBADMSG: the gate broke the contract. */
int dumps_on_dumped(struct dumps *ds, uint32_t gate, const struct msg_dumped *m) _must_check_;
void dumps_on_gate_gone(struct dumps *ds, uint32_t gate);

/* Is every enum and length in it sound? */
bool connection_record_is_valid(const struct connection_record *r);
bool cluster_record_is_valid(const struct cluster_record *r);

/* The figures of all gates for each cluster, by id. */
struct cluster_figures {
	struct cluster_record **by_id; /* NULL where no gate knows the cluster */
	size_t n;
	bool is_incomplete;
};
/* Add up a DUMP_CLUSTERS. ids at or beyond max_id are left out. 0 or -ERR_NOMEM. */
int cluster_figures_sum(const struct dump *d, size_t max_id, struct cluster_figures *ret_figures)
	_must_check_;
void cluster_figures_done(struct cluster_figures *f);
