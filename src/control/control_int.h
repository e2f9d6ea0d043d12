/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The control role's one object. Everything in src/control and the APIs above works on it, on one thread.
 */
#pragma once

#include "control/authz.h"
#include "control/control.h"
#include "control/dump.h"
#include "control/events.h"
#include "control/gates.h"
#include "control/http.h"
#include "control/index.h"
#include "control/loop.h"
#include "control/netd.h"
#include "control/operation.h"
#include "control/update.h"
#include "model/landscape.h"
#include "store/store.h"
#include "tables/tables.h"

#include <limits.h>

struct control {
	const struct options *options;
	struct loop loop;
	struct source parent;
	struct loop_timer tick;
	uint64_t started_us; /* wall clock */
	bool has_go, is_cold, is_stopping;

	char store_path[PATH_MAX], tables_dir[PATH_MAX];
	struct store *store;		 /* NULL: cannot be opened now */
	char store_reason[ERR_TEXT_MAX]; /* why the store does not work; "" if it does */
	struct tables *tables;		 /* NULL: cannot be opened now */
	char tables_reason
		[ERR_TEXT_MAX]; /* why the tables lag behind the store; "" if they do not */
	bool is_in_step;     /* the tables have been compared with this store since it was opened */
	uint64_t generation; /* of the tables, as gates see them */
	bool is_ready,
		is_ready_sent; /* there are tables: gates may start; the parent has been told */

	struct authz authz;
	struct index index;
	struct landscape *landscape; /* NULL only while there has been no store yet */
	struct gates gates, dns;
	struct netd netd;
	struct operations operations;
	struct updates updates;
	struct events events;
	struct dumps dumps;
	struct http http;

	struct router_name {
		uint32_t id; /* 0: none */
		char text[64];
	} router_names[64]; /* those that were asked for last: control_router_name() */
};

/* The parent is told that gates and name servers may start, if they may. */
void control_ready_send(struct control *c);
/* How many of these, gates or dns processes, must acknowledge and have not; their indexes to ret_indexes if not NULL. */
uint32_t control_waiting_for(const struct gates *gs, uint64_t revision,
			     uint32_t ret_indexes[CONTROL_GATES_MAX]);
/* Something that operations wait for has come about: finish those that are enforced. */
void control_operations_check(struct control *c);
/* netd cannot do this generation, for now: who waits for an operation up to it that needs netd is answered. */
void control_netd_failed(struct control *c, uint64_t generation);
/* A gate acknowledged: add its figures to the operations that it did not enforce before. */
void control_on_ack(struct control *c, uint64_t before, const struct msg_ack *ack);
/* Where its operation stands. Restored from the history if need be. NULL: -ERR_NOT_FOUND, -ERR_UNAVAILABLE. */
struct operation *control_operation(struct control *c, uint64_t revision, struct err *e);

/* The store works, or does not (reason), as an operation on it has just shown. */
void control_store_up(struct control *c);
void control_store_down(struct control *c, const char *reason);
/* 0, or -ERR_UNAVAILABLE with the reason: for whoever needs the store. */
int control_store_check(const struct control *c, struct err *e) _must_check_;
