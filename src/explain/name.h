/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a question for a name is answered on a host, and why: looked up in the declared landscape as the name server looks it up in
 * the tables (dns/answer.h), and said in sentences. A step for each zone or list of servers that is asked, CNAMEs followed.
 *
 * Pure but for memory. The landscape has passed its check, but for what could not be read from the store; nothing of it is kept.
 */
#pragma once

#include "model/view.h"

#define NAME_STEPS_MAX 24
#define NAME_TEXT_MAX  1024

/* What a step, or the whole, comes to. */
enum name_result {
	NAME_DATA,
	NAME_CNAME, /* of a step: go on with the target; of the whole: the chain is too long, or a loop */
	NAME_NODATA, /* the name is there, with other records */
	NAME_NXDOMAIN,
	NAME_REFERRAL,	    /* below a name that others serve */
	NAME_FALLS_THROUGH, /* NXDOMAIN, and the link says to ask elsewhere */
	NAME_FORWARDED,	    /* servers are asked, whose answer nobody here knows */
	NAME_REFUSED,
	NAME_NO_RESOLVER, /* the network's resolver is off */
};
const char *name_result_text(enum name_result r);

struct name_step {
	char name[DNS_NAME_MAX + 1]; /* that is asked for */
	enum name_result result;
	const struct object *
		owner; /* the zone, or the cluster that the system keeps the zone for; NULL: servers */
	const struct object *by; /* the zone-link; NULL: none needed, or servers */
	const struct object *
		keeper; /* the cluster whose addresses the system keeps under the name; NULL: none */
	char domain[DNS_NAME_MAX +
		    1];		    /* of the zone, or of the conditional forward; "": the rest */
	const struct addr *servers; /* NAME_FORWARDED; NULL: those of the daemon */
	size_t n_servers;
	char text[NAME_TEXT_MAX]; /* one sentence, no full stop */
};

struct name_answer {
	enum name_result result;
	uint32_t ttl;
	char **values; /* presentation form, sorted */
	size_t n_values;
	struct name_step steps[NAME_STEPS_MAX];
	size_t n_steps;
};

struct name_question {
	const struct landscape *landscape;
	const struct object *
		router; /* OBJECT_NETWORK, OBJECT_SITE; NULL: on the internet, where nothing is forwarded */
	const char *name; /* folded, no dot at the end */
	enum record_type type;
	struct view_public public;
	bool has_default_servers; /* the daemon has servers, for networks that name none */
};

/* 0 or -ERR_NOMEM. Free with name_answer_done() if 0. What it points to is the landscape's. */
int explain_name(const struct name_question *q, struct name_answer *ret_answer) _must_check_;
void name_answer_done(struct name_answer *a);
