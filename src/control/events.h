/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Events: one JSON object a line, for people who ask what happened and for those who follow along.
 *
 * Two rings, oldest out: `kept` holds the last EVENTS_KEPT for whoever asks later, without the accepted and closed
 * connections, which would push everything else out; `live` holds the last EVENTS_LIVE of all kinds, and each follower has
 * a place in it. A follower that is overtaken by the ring is told how many it lost; nothing else is kept for it, so a
 * slow one costs no memory.
 */
#pragma once

#include "base/list.h"
#include "control/authz.h"
#include "proc/gate_ipc.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct control;
struct compile_change;

#define EVENTS_KEPT 1000
#define EVENTS_LIVE 4096

struct event_line {
	uint32_t refs;
	bool is_accepted; /* also closed: only for those who asked */
	char cluster[64]; /* "" if it belongs to none */
	size_t len;
	char text[]; /* JSON object and newline */
};

struct event_ring {
	struct event_line **line;
	size_t cap;
	uint64_t next; /* number of the next line; those below next - cap are gone */
};

struct event_filter {
	bool accepted;
	char cluster[64]; /* "": all that `peer` may see */
	const struct authz *authz;
	struct peer peer;
};

/* One who follows along. wake() is called when there may be something for it. */
struct follower {
	struct list node;
	struct event_filter filter;
	uint64_t next;
	void (*wake)(struct follower *f);
};

struct events {
	struct event_ring kept, live;
	struct list followers;
	uint64_t total;
};

int events_init(struct events *es, struct err *e) _must_check_;
void events_done(struct events *es);

/* Control's own. What is NULL, 0 or negative where noted is left out. Borrowed. */
struct own_event {
	const char *event;
	struct {
		const char *kind; /* "gate", "dns"; NULL: none */
		uint32_t index;
	} process;
	const char *cluster;
	const char *kind, *name;
	const char *action, *actor;
	const char *reason;
	uint64_t revision, changes;
	double enforced_ms;		/* 0: left out */
	uint64_t judged, cut, draining; /* with enforced_ms */
};
void events_own(struct control *c, const struct own_event *ev);

/* Put a finished event into both rings (accepted ones into `live` only) and wake the followers. */
void events_put(struct events *es, const json_t *event, const char *cluster, bool is_accepted);

/* From a gate, unchecked (events_gate.c). 0 or -EBADMSG. */
int events_on_gate(struct control *c, uint32_t gate, const void *records, size_t n) _must_check_;

/* The last n kept that the filter lets through, as text to be freed by the caller; *ret_len its length. NULL: no memory. */
char *events_last(const struct events *es, const struct event_filter *f, size_t n, size_t *ret_len);

/* Begins with what comes after now. */
void follower_add(struct control *c, struct follower *f);
void follower_remove(struct control *c, struct follower *f);
/*
 * The next line for f: a reference for the caller, NULL if there is none now. *ret_lost: how many it lost before this
 * one, whatever they were.
 */
struct event_line *follower_next(const struct events *es, struct follower *f, uint64_t *ret_lost);
void event_line_unref(struct event_line *l);

/* Does anybody want the accepted and closed connections? */
bool events_want_accepted(const struct events *es);
