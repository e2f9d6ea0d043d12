/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Why a source does or does not reach a cluster's public endpoint, said from the declared state alone: the same verdict
 * that the gate reaches from the compiled tables, by other code.
 *
 * The index is built once from a struct cluster and answers any number of sources. It holds copies and keeps no
 * pointer into the cluster. Pure but for memory; any role.
 */
#pragma once

#include "base/addr.h"
#include "model/cluster.h"

#include <stdbool.h>

/*      enum                   text             reached */
#define EXPLAIN_REASONS(X)                                                                       \
	X(EXPLAIN_PUBLIC_OFF, "public-off", false)	 /* the public endpoint is off */        \
	X(EXPLAIN_OPEN, "open", true)			 /* open to every source */              \
	X(EXPLAIN_RANGE, "range", true)			 /* in an authorized range */            \
	X(EXPLAIN_NOT_IN_RANGES, "not-in-ranges", false) /* there are ranges, and none has it */ \
	X(EXPLAIN_NO_RANGES, "no-ranges", false)	 /* the list of ranges is empty: nobody */

enum explain_reason {
#define X(name, text, reached) name,
	EXPLAIN_REASONS(X)
#undef X
};

const char *explain_reason_text(enum explain_reason reason);

#define EXPLAIN_RULE_MAX 192

struct explain_answer {
	bool reached;
	enum explain_reason reason;
	struct prefix
		range; /* EXPLAIN_RANGE: the longest declared range with the source; else zero */
	char rule[EXPLAIN_RULE_MAX]; /* one sentence for people, no full stop */
};

struct explain_index;

/* 0 or -ERR_NOMEM. Memory: 32 bytes a range. */
int explain_index_new(const struct cluster *c, struct explain_index **ret_index, struct err *e)
	_must_check_;
void explain_index_free(struct explain_index *x); /* NULL is fine */

/*
 * A binary search for each prefix length that occurs, longest first. A source of no family (ADDR_NONE) is in no range.
 */
void explain_source(const struct explain_index *x, const struct addr *source,
		    struct explain_answer *ret_answer);
