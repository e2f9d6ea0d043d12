/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Control's landscape (model/landscape.h): filled from the store when that is opened, and moved along by each change as one
 * transaction together with the store's.
 *
 *	networks_load                                            at start
 *	networks_prepare ──▶ networks_stored ──▶ networks_done    a change that is committed
 *	                └──▶ networks_undo                        one that is refused, dry, or without a difference
 */
#pragma once

#include "control/change.h"

/* A landscape of all that the store declares. What does not parse (any more) is left out, and logged. 0, -ERR_UNAVAILABLE, -ERR_NOMEM. */
int networks_load(const struct options *o, struct store *s, struct landscape **ret_landscape,
		  struct err *e) _must_check_;

/*
 * Bring the items into the landscape, give them the addresses that they leave open (also in their documents), and check
 * every rule between objects. Items' actions are final afterwards. Whatever it returns, a transaction is open: end it.
 */
int networks_prepare(struct control *c, const struct change_request *req, struct change_result *res,
		     struct err *e) _must_check_;
void networks_undo(struct control *c);
/* The store has given the items their ids; the tables can be compiled from the landscape now. */
void networks_stored(struct control *c, const struct change_result *res);
void networks_done(struct control *c);
