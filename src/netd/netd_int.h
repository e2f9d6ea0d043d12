/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The netd role's state, private to netd.c, link.c, enforce.c.
 *
 *	             MSG_GO_NETD                       bell of a newer generation
 *	(set-up) ──────────────────▶ all of the tables ◀──────────────────────────┐
 *	                             applied, else tried again after a pause ─────┘
 *
 * Meanwhile: what drift.h hears makes a router be looked at again, and one after the other is, heard or not.
 */
#pragma once

#include "netd/drift.h"
#include "netd/probe.h"
#include "netd/routers.h"
#include "netd/sockets.h"
#include "proc/msg.h"
#include "tables/tables.h"

#define NETD_LOOK_MS \
	100 /* from hearing of a change to looking, so that several are looked at once */
#define NETD_RETRY_MIN_MS 500 /* pause before what failed is tried again, doubled each time */
#define NETD_RETRY_MAX_MS 30000
#define NETD_AUDIT_MS \
	300000 /* every router is looked at within this time, but never more than ... */
#define NETD_AUDIT_MIN_MS   250	 /* ... one in this */
#define NETD_CLAIM_MS	    5000 /* patience with another that has our names, and ... */
#define NETD_CLAIM_PAUSE_MS 50	 /* ... from one try to the next */
#define NETD_PUBLIC_MAX	    64	 /* public listeners */
#define NETD_PROGRESS_MS    1000 /* pause between words of progress to control */
#define NETD_SEND_MS	    5000 /* patience with the parent's queue */

struct netd {
	int claim; /* held while the namespaces by our prefix are ours */
	const struct options *options;
	int parent, control;
	bool is_running, is_stopping;
	struct plan_listener listeners[NETD_PUBLIC_MAX];
	size_t n_listeners;
	char lacks[PROBE_TEXT_MAX];

	struct tables *tables;
	struct routers *routers;
	struct sockets sockets;
	struct drift drift;
	bool has_applied_all;
	uint64_t generation;   /* applied, but for what failed, or without anything for us */
	uint64_t acknowledged; /* 0: none yet in this process */
	bool has_failed;       /* the acknowledged one */

	/* Routers that could not be made what they shall be. */
	uint32_t *failed;
	size_t n_failed, cap_failed;
	bool internet_failed;
	char reason[MSG_TEXT_MAX];
	uint64_t retry_due_ms, retry_pause_ms;

	/* Routers to be looked at, because something was heard. */
	uint32_t *dirty;
	size_t n_dirty, cap_dirty;
	bool internet_dirty;
	uint64_t look_due_ms; /* 0: none */

	uint32_t audit_next; /* id after which the next one is looked at */
	uint64_t audit_due_ms;

	/* How far enforce() is; total 0 where it is not at work. */
	uint32_t done, total;
	uint64_t progress_due_ms;

	uint64_t rung_ns;
	struct msg msg; /* large; one at a time */
};

/* --- link.c ----------------------------------------------------------------------------------------------- */

/* What lies in the links. 0; else the role must end. */
int link_read(struct netd *n) _must_check_;
void link_hello(struct netd *n);
/* What has been done since the bell, or since it failed. */
void link_acknowledge(struct netd *n, const struct routers_report *report);
/* Called often: control hears at most once in NETD_PROGRESS_MS that work goes on. arg is the struct netd. */
routers_step_fn link_progress;
/* Sockets of endpoints, to the parent. */
sockets_tell_fn link_tell_endpoint;

/* --- enforce.c -------------------------------------------------------------------------------------------- */

/* The newest tables into the kernel. all: whatever the generation. */
void enforce(struct netd *n, bool all);
/* What is due: to be tried again, looked at, gone round. */
void enforce_due(struct netd *n);
/* Until the next of it, for poll(). */
int enforce_timeout_ms(const struct netd *n);
void enforce_heard(struct netd *n);
void enforce_done(struct netd *n);

/* --- netd.c ----------------------------------------------------------------------------------------------- */

/* The parent said go. 0; else the role must end. */
int netd_begin(struct netd *n) _must_check_;
