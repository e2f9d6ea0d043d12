/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/tables_keep.h"

#include "base/log.h"
#include "control/networks.h"
#include "control/tables_stamp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* --- the store -------------------------------------------------------------------------------------------- */

void control_store_down(struct control *c, const char *reason)
{
	if (c->store_reason[0])
		return;
	snprintf(c->store_reason, sizeof(c->store_reason), "%s", reason);
	log_event(LOG_ERROR, "store.unavailable", LF_STR("reason", reason));
	events_own(c, &(struct own_event){.event = "store-unavailable", .reason = reason});
}

void control_store_up(struct control *c)
{
	if (!c->store_reason[0])
		return;
	c->store_reason[0] = '\0';
	log_event(LOG_INFO, "store.available", LF_UINT("revision", store_revision(c->store)));
	events_own(c, &(struct own_event){.event = "store-available",
					  .revision = store_revision(c->store)});
}

int control_store_check(const struct control *c, struct err *e)
{
	if (c->store)
		return 0;
	return err_set(e, ERR_UNAVAILABLE, NULL,
		       "the store is not available, nothing can be changed until it is; "
		       "what is enforced stays enforced: %s",
		       c->store_reason);
}

static int store_file_open(struct control *c, struct store **ret_store)
{
	struct err e = {0};
	int r = store_open(c->store_path, ret_store, &e);

	if (r < 0)
		control_store_down(c, e.text);
	return r;
}

/* s is taken. */
static int store_load(struct control *c, struct store *s)
{
	struct landscape *l = NULL;
	struct err e = {0};
	int r = index_load(&c->index, s, &e);

	if (r == 0)
		r = networks_load(c->options, s, &l, &e);
	if (r < 0) {
		store_close(s);
		control_store_down(c, e.text);
		return r;
	}
	landscape_free(c->landscape);
	c->landscape = l;
	c->store = s;
	c->is_in_step = false;
	control_store_up(c);
	log_event(LOG_INFO, "store.open", LF_UINT("revision", store_revision(s)),
		  LF_UINT("clusters", c->index.n_clusters));
	return 0;
}

static int store_try(struct control *c)
{
	struct store *s;
	int r = store_file_open(c, &s);

	return r < 0 ? r : store_load(c, s);
}

/* --- the tables ------------------------------------------------------------------------------------------- */

static void tables_failed(struct control *c, const char *what, const struct err *e)
{
	log_event(LOG_ERROR, what, LF_STR("error", e->text));
	snprintf(c->tables_reason, sizeof(c->tables_reason), "%s", e->text);
}

/* Compiled, but for what e tells of, if of anything. */
static void tables_noted(const struct err *e)
{
	if (e->code != ERR_NONE)
		log_event(LOG_ERROR, "tables.incomplete", LF_STR("error", e->text));
}

/* The tables are at generation now, for everybody to see. */
static void tables_moved(struct control *c, uint64_t generation)
{
	c->tables_reason[0] = '\0';
	c->is_in_step = true;
	c->generation = generation;
	gates_ring(&c->gates);
	gates_ring(&c->dns);
	control_operations_check(c);
}

/* -ERR_UNAVAILABLE: they cannot be opened, or no snapshot can be had. */
static int tables_try(struct control *c, struct err *e)
{
	struct tables_snapshot *s;
	struct tables *t;
	int r = tables_open(c->tables_dir, true, &t, e);

	if (r < 0)
		return r;
	s = tables_acquire(t);
	if (!s) {
		tables_close(t);
		return err_set(e, ERR_UNAVAILABLE, NULL, "the tables cannot be read");
	}
	c->generation = tables_generation(s);
	tables_release(s);
	/* Of what was compiled before this process nobody knows what changed networks. */
	netd_note_unknown(c, c->generation);
	c->tables = t;
	return 0;
}

/* From nothing. On failure there are no tables, and the tick tries again. */
static int tables_rebuild(struct control *c, struct err *e)
{
	int r;

	tables_close(c->tables);
	c->tables = NULL;
	c->generation = 0;
	tables_stamp_remove(c);
	r = tables_erase(c->tables_dir, e);
	if (r == 0)
		r = tables_try(c, e);
	if (r == 0) {
		*e = (struct err){0}; /* opening says that there were none */
		r = compile_all(c->tables, c->landscape, c->store, NULL, e);
	}
	if (r < 0) {
		tables_failed(c, "tables.rebuild", e);
		return r;
	}
	tables_noted(e);
	netd_note_unknown(c, store_revision(c->store));
	tables_stamp_write(c);
	tables_moved(c, store_revision(c->store));
	log_event(LOG_INFO, "tables.rebuilt", LF_UINT("generation", c->generation));
	events_own(c, &(struct own_event){.event = "tables-rebuilt", .revision = c->generation});
	return 0;
}

/* Made from another store, or from what this one has lost: gates that run on them must not go on counting from there. */
static bool tables_are_foreign(const struct control *c, const struct store *store)
{
	struct tables_snapshot *s = tables_acquire(c->tables);
	bool foreign = false;

	if (!s)
		return false;
	if (tables_generation(s) > 0)
		foreign = strcmp(tables_store_id(s), store_id(store)) != 0 ||
			  tables_generation(s) > store_revision(store);
	tables_release(s);
	return foreign;
}

/*
 * Gates and dns processes have run, and these tables are empty though the store is not: the files were deleted, and what the readers have
 * open nobody writes any more. An empty table that they do read shows the same, once, before the first change has been compiled.
 */
static bool tables_are_anew(const struct control *c)
{
	return !c->is_cold && !c->is_in_step && c->generation == 0 && store_revision(c->store) > 0;
}

/* Who reads the tables is to open them again. */
static void readers_end(struct control *c, const char *why)
{
	gates_end_all(&c->gates, why);
	gates_end_all(&c->dns, why);
	netd_end(&c->netd, why);
}

static int tables_catch_up(struct control *c, struct err *e)
{
	bool foreign = tables_are_foreign(c, c->store), anew = tables_are_anew(c);
	int r;

	*e = (struct err){0};
	if (tables_stamp_is_ours(c)) {
		r = compile_catch_up(c->tables, c->landscape, c->store, NULL, e);
	} else {
		/* What somebody else made may be of other options, at whatever generation. */
		tables_stamp_remove(c);
		r = compile_all(c->tables, c->landscape, c->store, NULL, e);
	}
	if (r < 0) {
		tables_failed(c, "tables.catch-up", e);
		return r;
	}
	tables_noted(e);
	netd_note_unknown(c, store_revision(c->store));
	tables_stamp_write(c);
	tables_moved(c, store_revision(c->store));
	if (foreign)
		readers_end(c, "the tables were of another store and have been made anew");
	else if (anew)
		readers_end(c, "the tables were gone and have been made anew");
	return 0;
}

/* Gates may begin: with tables that are in step, or that were left by an earlier run, which still are the best there is. */
static void ready_when_usable(struct control *c)
{
	if (c->tables && (c->is_in_step || c->generation > 0))
		c->is_ready = true;
}

/* Gates have run and may be running: what they read is replaced only if it cannot be read. */
static void warm_start(struct control *c, struct err *e)
{
	if (c->tables || tables_try(c, e) == 0) {
		if (c->store)
			(void)!tables_catch_up(c, e);
		return;
	}
	tables_failed(c, "tables.unusable", e);
	if (c->store && tables_rebuild(c, e) == 0)
		readers_end(c, "the tables were unusable and have been made anew");
}

static void cold_start(struct control *c, struct err *e)
{
	if (c->store)
		(void)!tables_rebuild(c, e);
	else if (tables_try(c, e) < 0)
		tables_failed(c, "tables.unusable", e);
}

/*
 * Reading a large store takes seconds. Tables that this very program has made of it since the machine came up are what was enforced last: whoever
 * reads them need not wait.
 */
static void early_start(struct control *c, const struct store *s)
{
	struct err e = {0};

	if (!c->is_cold || !tables_stamp_is_ours(c) || !tables_is_whole(c->tables_dir) ||
	    tables_try(c, &e) < 0)
		return;
	if (c->generation == 0 || tables_are_foreign(c, s)) {
		tables_close(c->tables);
		c->tables = NULL;
		c->generation = 0;
		return;
	}
	c->is_cold = false;
	log_event(LOG_INFO, "tables.kept", LF_UINT("generation", c->generation),
		  LF_UINT("revision", store_revision(s)));
	ready_when_usable(c);
	control_ready_send(c);
}

void tables_keep_start(struct control *c)
{
	struct store *s;
	struct err e = {0};

	if (store_file_open(c, &s) == 0) {
		early_start(c, s);
		(void)!store_load(c, s);
	}
	if (c->is_cold)
		cold_start(c, &e);
	else
		warm_start(c, &e);
	ready_when_usable(c);
}

void tables_keep_tick(struct control *c)
{
	struct err e = {0};

	if (!c->store && store_try(c) < 0)
		return;
	if (!c->is_ready && c->is_cold)
		(void)!tables_rebuild(c, &e);
	else if (!c->tables)
		warm_start(c, &e);
	else if (!c->is_in_step || c->generation != store_revision(c->store))
		(void)!tables_catch_up(c, &e);
	ready_when_usable(c);
}

void tables_keep_change(struct control *c, const struct compile_change *changes, size_t n,
			uint64_t revision)
{
	struct compile_outcome outcome = {0};
	struct err e = {0};
	int r;

	if (!c->tables) {
		err_set(&e, ERR_UNAVAILABLE, NULL, "the tables are not open");
		tables_failed(c, "tables.change", &e);
		return;
	}
	/*
	 * Tables that lag behind must not skip a revision, and those that could not be brought into step may be of anything, at whatever
	 * generation; no memory for the changes leaves n at 0.
	 */
	if (!c->is_in_step || c->generation + 1 != revision || n == 0) {
		(void)!tables_catch_up(c, &e);
		return;
	}
	r = compile_changes(c->tables, c->landscape, changes, n, revision, store_id(c->store),
			    &outcome, &e);
	if (r < 0) {
		tables_failed(c, "tables.change", &e);
		return;
	}
	tables_noted(&e);
	if (outcome.networks_changed)
		netd_note_change(c, revision);
	tables_moved(c, revision);
}
