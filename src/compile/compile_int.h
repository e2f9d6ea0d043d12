/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside of the compile step. Everything here runs within a transaction of the tables that the caller began.
 */
#pragma once

#include "compile/compile.h"
#include "model/cluster.h"
#include "model/name.h"

/* What cannot be compiled: how many, and the first of them. */
struct compile_bad_list {
	size_t n;
	char name[4 * DNS_NAME_MAX + 1]; /* quoted */
	struct err first;
};

struct compile_bad {
	struct compile_bad_list clusters; /* whose documents do not pass the schema check */
	struct compile_bad_list zones;
};

struct compile_put {
	uint32_t id;
	uint64_t revision; /* of doc in the store */
	const json_t *doc;
	const json_t *before; /* what the tables were compiled from; NULL: unknown or nothing */
};

/* jansson's readers take no const. */
static inline json_t *unconst(const json_t *doc)
{
	union {
		const json_t *in;
		json_t *out;
	} u = {.in = doc};

	return u.out;
}

/*
 * cluster_from_json() by force; lean: without the ranges, but with public_open as declared. 0 or its errors.
 */
int compile_parse(const json_t *doc, bool lean, struct cluster *ret_cluster, struct err *e)
	_must_check_;

/*
 * Cluster, ranges and names. Names that doc has lost are the caller's to delete. A document that does not pass becomes a
 * record that admits nobody and is noted in bad. 0 or the error of the tables.
 */
int compile_put_cluster(struct tables *t, const struct compile_put *put, struct compile_bad *bad,
			struct err *e) _must_check_;

void compile_note_bad(struct compile_bad_list *bad, const char *name, const struct err *why);
/* Fill e if there is anything to report. */
void compile_report_bad(const struct compile_bad *bad, struct err *e);
