/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Model to tables. A change costs what it touches: the compile step is given the documents that changed, with what they
 * were before and are now, and writes only those; of the landscape it writes the routers that the change touched.
 * compile_all() makes the tables from the whole store and the whole landscape.
 *
 *	clusters                 out of their documents
 *	networks, hubs, sites    out of the landscape (model/landscape.h): a network record each, with its private endpoints and the
 *	                         sources that these admit, and its resolver
 *	zones and views          out of the landscape (model/view.h): what is seen of names from each network and site, and from the
 *	                         internet, by way of the landscape's public addresses. The serial of a zone is the generation in which it
 *	                         was last changed
 *
 * Without a landscape (NULL) there are no networks and no names, and what the tables have of them stays, except in compile_all().
 *
 * All run in the control role and leave the commit in the tables as one transaction: readers see all of it or nothing.
 *
 * A stored document that does not pass the schema check (any more) fails nothing: it becomes a cluster that admits nobody.
 * The functions then return 0 all the same, with ERR_INVALID in e->code and a sentence that names the first such
 * cluster and the number of others: for the log. The same holds for a zone that cannot be made; who asks for names in it is told that it is
 * damaged. So hand in an e that is clear.
 */
#pragma once

#include "model/landscape.h"
#include "store/store.h"
#include "tables/tables.h"

struct compile_change { /* of any kind */
	uint32_t id;
	const json_t *before; /* NULL: created */
	const json_t *after;  /* NULL: deleted */
};

/* What a generation changed, besides clusters. NULL where the caller does not care; zero on failure. */
struct compile_outcome {
	bool networks_changed; /* a router's record or an endpoint: there is something for netd to do */
};

/*
 * 0 or the error of the layer that failed; the tables are then as before. l is within the transaction that makes these changes, after
 * landscape_check() and with every id set, before landscape_commit(). A generation that changes nothing in the tables is
 * committed all the same.
 */
int compile_changes(struct tables *t, const struct landscape *l,
		    const struct compile_change *changes, size_t n, uint64_t generation,
		    const char *store_id, struct compile_outcome *ret_outcome, struct err *e)
	_must_check_;

/* The tables become what store and landscape declare, at the store's revision. */
int compile_all(struct tables *t, const struct landscape *l, struct store *s,
		struct compile_outcome *ret_outcome, struct err *e) _must_check_;

/*
 * Bring tables of generation g < store_revision() up to date: incrementally where the history reaches back that far,
 * else compile_all(). Routers are all compiled, and those that differ are written. No-op if equal. Tables of another store id, or
 * ahead of the store, are made anew.
 */
int compile_catch_up(struct tables *t, const struct landscape *l, struct store *s,
		     struct compile_outcome *ret_outcome, struct err *e) _must_check_;
