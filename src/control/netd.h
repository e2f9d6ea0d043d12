/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Control's side of netd: its link, which generation the kernel has, the bell, and what operations wait for it.
 *
 *	OFF                no netd, and none will come: see `off`
 *	GONE ──NETD_UP──▶ STARTING ──HELLO──▶ UP ──networks changed──▶ BEHIND ──ACK──▶ UP
 *	 ▲                    │                │                          │ └─ACK that failed: netd tries again
 *	 └─────NETD_GONE──────┴────────────────┴──────────────────────────┘ not a word in time: MSG_END_NETD
 *
 * Only generations that changed networks are netd's business. Their bell is rung when every gate and dns process has
 * acknowledged: gates reset what an endpoint no longer admits, and names cease to be told, before the address and routes go. An operation of such a generation is done when netd has
 * acknowledged it or a later one; all other operations never wait for netd.
 *
 * Which generations changed networks is known of those that this process committed (netd_note_change()). Of older ones it is
 * not, and each is taken for one that did (netd_note_unknown()) unless netd is off.
 */
#pragma once

#include "control/loop.h"
#include "proc/msg.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct control;

#define NETD_ACK_MS   60000 /* without a word, from bell to acknowledgement; longer: it is ended */
#define NETD_HELLO_MS 60000 /* from start to hello */

enum netd_state { NETD_OFF, NETD_GONE, NETD_STARTING, NETD_UP, NETD_BEHIND };
const char *netd_state_text(enum netd_state s);

struct netd {
	struct source source; /* link, -1 while there is none */
	struct control *control;
	int32_t pid;
	bool is_up;		/* NETD_UP came and no NETD_GONE since */
	bool has_greeted;	/* HELLO came */
	bool must_end;		/* the parent is to end it; asked again until it is gone */
	char off[MSG_TEXT_MAX]; /* why there is none and none will come; "": there is one, or will be */
	char lacks[MSG_TEXT_MAX]; /* what the kernel lacks, as the last hello said; "": nothing */
	char reason
		[MSG_TEXT_MAX]; /* why the last acknowledgement was that it failed; "" if it did not */
	uint64_t failed;	/* the generation of that */
	uint64_t generation;	/* what the kernel has */
	uint64_t rung;		/* the newest generation that it has been told of */
	uint64_t waiting_since; /* monotonic ms: oldest thing that it still owes us; 0: nothing */
	uint64_t *changed; /* generations that changed networks, above `generation`, ascending */
	size_t n_changed, cap_changed;
	uint64_t unknown;     /* up to this one nobody knows which did */
	uint32_t done, total; /* routers, of the change that it is at; total 0: not known */
	uint32_t starts;
	uint64_t operations, cut, failures, took_ns; /* sums of what it acknowledged */
};

void netd_init(struct netd *n, struct control *c);
void netd_done(struct netd *n);

/* From the parent. m's descriptors are taken. 0, -ERR_INVALID: the parent broke the contract. */
int netd_on_up(struct netd *n, struct msg *m, struct err *e) _must_check_;
void netd_on_gone(struct netd *n, const struct msg *m);
int netd_on_off(struct netd *n, const struct msg *m, struct err *e) _must_check_;

/* A committed generation changed networks. Before the tables move on to it, so that no operation is done too early. */
void netd_note_change(struct control *c, uint64_t generation);
/* The tables are at this generation, and who changed what until then is not known. */
void netd_note_unknown(struct control *c, uint64_t generation);

enum netd_state netd_state(const struct netd *n);
/* Must an operation of this generation wait for netd still? */
bool netd_is_awaited(const struct netd *n, uint64_t generation);
/* 0, or why documents that need netd are refused, with the way out: -ERR_UNAVAILABLE (off), -ERR_UNSUPPORTED (the kernel). */
int netd_check(const struct control *c, struct err *e) _must_check_;
/*
 * Why it is behind, as an operation says it: {"state", "reason", "done", "total"}; the reason is "" while nothing has failed, the numbers
 * are of the routers it has to look at. New reference.
 */
json_t *netd_waiting_json(const struct netd *n);
/* As the status says it. New reference. */
json_t *netd_json(const struct netd *n);

/* Gates or dns processes have come along, or the tables moved on: ring if it is time to. */
void netd_ring(struct control *c);
/* End it: it does not answer, broke the contract, or has to begin anew. why NULL: its link closed, so that it mostly is ending by itself. */
void netd_end(struct netd *n, const char *why);
/* Once a second: what could not be sent, and whether it is late. */
void netd_tick(struct netd *n);
