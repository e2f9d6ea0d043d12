/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Why a host can, or can't, reach a cluster's API server: followed step by step through the declared landscape, as a packet
 * would go, and said in sentences.
 *
 *	name ── source ── egress groups ── route ─┬─ local ───────────────┬─ return route ── endpoint: on, groups, ranges
 *	                                          ├─ link, hub ── link ───┘
 *	                                          └─ internet or NAT gateway ── public endpoint: on, ranges
 *
 * A name with several addresses is tried address by address, as clients do: reached if any is.
 *
 * Pure but for memory. The landscape has passed its check; nothing of it is kept.
 */
#pragma once

#include "explain/explain.h"
#include "explain/reason.h"
#include "model/landscape.h"

#define PATH_WHERE_MAX 160

struct path_question {
	const struct landscape *landscape;
	const struct object *cluster;

	/* Where from: a host; or, for a machine that is no host, the network or site that it is in and its address. */
	const struct object *host;
	const struct object *router;
	struct addr source;

	/* What for: one address; all the public ones; all of the cluster's private ones; or what the name answers there. */
	enum { PATH_BY_NAME, PATH_BY_ADDRESS, PATH_PUBLIC, PATH_ALL_PRIVATE } by;
	struct addr address;

	const struct addr *public_addresses; /* of the public listeners */
	size_t n_public_addresses;
	uint16_t public_port;			  /* of the public listeners */
	const struct explain_index *public_rules; /* of the cluster */
};

struct path_step {
	char where[PATH_WHERE_MAX]; /* host "web" */
	bool ok;
	char text[PATH_TEXT_MAX];
};

struct path_answer {
	bool reached;
	enum path_reason reason;
	struct addr address; /* that decided; ADDR_NONE: there was none to try */
	struct addr seen; /* the source that the endpoint sees; ADDR_NONE: it did not come so far */
	struct prefix range;	  /* PATH_RANGE: the longest authorized range with it; else zero */
	char via[PATH_WHERE_MAX]; /* "public", "private 10.0.1.7 in network prod"; "" if not known */
	char rule[PATH_TEXT_MAX]; /* one sentence for people, no full stop */
	struct path_step *steps;  /* of all addresses that were tried, in order */
	size_t n_steps;
};

/* 0 or -ERR_NOMEM. Free with path_answer_done() if 0. */
int explain_path(const struct path_question *q, struct path_answer *ret_answer, struct err *e)
	_must_check_;
void path_answer_done(struct path_answer *a);
