/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A change, from documents to a committed revision: checked, compared with what is there, stored, compiled into the tables,
 * and the gates rung. All of it or nothing.
 *
 *	check each ──> landscape ──> names still unique? ──> store (disk) ──> compile ──> bell
 *	      refused: nothing has happened              │  ^^^^^^^^^^^^ from here on the change is declared and will be
 *	                                                 │  enforced, sooner or later, whatever fails
 *	                         dry run, or no difference: ends here
 */
#pragma once

#include "control/control_int.h"

enum change_verb { CHANGE_PUT, CHANGE_DELETE };

struct change_request {
	enum change_verb verb;
	json_t *documents; /* array of objects; borrowed. CHANGE_DELETE: kind and name count */
	bool is_stream;	   /* errors say which document: "[2].public" */
	bool force, dry_run;
	uint64_t
		expect; /* revision that the one object must be at; STORE_ANY, or 0: must not exist */
	const struct peer *peer;
	const char *
		actor; /* NULL: peer is, and must have the right. Else who it is, who has been found to have it */
	const char *via;      /* "native", "update" */
	uint64_t received_ns; /* monotonic, when the request was in */
};

struct change_item {
	const struct kind *kind;
	char name[64];
	enum { ITEM_CREATE, ITEM_UPDATE, ITEM_DELETE, ITEM_UNCHANGED } action;
	uint64_t expect;
	uint32_t id;	/* after the store gave it */
	json_t *before; /* NULL: created */
	json_t *after;	/* NULL: deleted */
};

struct change_result {
	uint64_t revision;	   /* after the change */
	struct change_item *items; /* in the order of the documents */
	size_t n_items, n_changed;
	bool is_dry_run;
	bool has_operation; /* one of this revision is under way, or done */
};

const char *change_action_text(const struct change_item *item);

/* 0; or an error as for people, and nothing has changed. Free with change_result_done() if 0. */
int change_apply(struct control *c, const struct change_request *req,
		 struct change_result *ret_result, struct err *e) _must_check_;
void change_result_done(struct change_result *res);
