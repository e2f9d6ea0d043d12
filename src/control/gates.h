/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Control's side of the gates, and of the dns processes, which are the same to it but for their messages (struct gates_kind):
 * their links, which generation each enforces, the bell, and their counters.
 *
 *	GONE ──GATE_UP──> STARTING ──HELLO──> UP ──bell──> BEHIND ──ACK──> UP
 *	 ^                    │                │              │
 *	 └─────GATE_GONE──────┴────────────────┴──────────────┘ not acknowledged in time: MSG_END_GATE
 *
 * They are less trusted than control: whatever one says is checked, and one that breaks the contract is ended. "Gate" below is
 * either kind, where nothing else is said.
 */
#pragma once

#include "control/loop.h"
#include "proc/dns_ipc.h"
#include "proc/gate_ipc.h"
#include "proc/msg.h"

#include <stdbool.h>
#include <stdint.h>

struct control;

#define GATE_ACK_MS \
	10000 /* from bell to acknowledgement; longer: the gate is ended, and its connections with it */
#define GATE_HELLO_MS 30000 /* from start to hello */

enum gate_state { GATE_GONE, GATE_STARTING, GATE_UP, GATE_BEHIND };
const char *gate_state_text(enum gate_state s);

struct gate;

/* What differs between gates and dns processes. */
struct gates_kind {
	enum role role;
	const char *name; /* in events, log lines and metrics */
	const char *event_up, *event_gone, *event_ended;
	const char *log_up, *log_gone, *log_end, *log_counters;
	enum msg_type bell, end;
	size_t counters_bytes;
	int (*on_msg)(struct gate *g, const struct msg *m); /* 0, -EBADMSG */
};

struct gate {
	const struct gates_kind *kind;
	struct source source; /* link, -1 while there is none */
	struct control *control;
	uint32_t index;
	int32_t pid;
	bool is_up;	  /* GATE_UP came and no GATE_GONE since */
	bool has_greeted; /* HELLO came */
	bool must_end;	  /* the parent is to end it; asked again until it is gone */
	bool bell_wanted; /* could not be sent yet: the link's queue is full */
	bool watch_wanted;
	uint64_t generation;	/* enforces this one */
	uint64_t waiting_since; /* monotonic ms: oldest thing that it still owes us */
	uint32_t starts;
	const _Atomic uint64_t *counters; /* mapped read-only; NULL before the first start */
};

#define CONTROL_GATES_MAX 64
_Static_assert(GATES_MAX <= CONTROL_GATES_MAX && DNS_MAX <= CONTROL_GATES_MAX, "room for either");

struct gates {
	const struct gates_kind *kind;
	struct gate gate[CONTROL_GATES_MAX];
	uint32_t
		n; /* as the parent said; indexes are below it. Of dns processes it may be 0: there is no name server */
};

/* r: ROLE_GATE or ROLE_DNS */
void gates_init(struct gates *gs, struct control *c, enum role r);
void gates_done(struct gates *gs);

/* From the parent. m's descriptors are taken. 0, -ERR_INVALID: the parent broke the contract. */
int gates_on_up(struct gates *gs, struct msg *m, struct err *e) _must_check_;
int gates_on_gone(struct gates *gs, const struct msg *m, struct err *e) _must_check_;

enum gate_state gate_state(const struct gate *g, uint64_t generation);
/* Does it enforce generation, or is it gone and will begin with it? */
bool gate_is_at(const struct gate *g, uint64_t generation);
uint32_t gates_count_up(const struct gates *gs);
/* Every one enforces it, or is gone: then it has no connections, and will begin with the newest tables. */
bool gates_are_at(const struct gates *gs, uint64_t generation);
/* counter: enum gate_counter, or enum dns_counter. 0 if the gate has never been up. */
uint64_t gate_counter_value(const struct gate *g, unsigned int counter);

/* The tables have moved on: tell everyone. */
void gates_ring(struct gates *gs);
/* Accepted and closed connections are wanted, or no longer. Gates only. */
void gates_watch(struct gates *gs);
/* Once a second: what could not be sent, and who is late. */
void gates_tick(struct gates *gs);
/* End this gate: it does not answer or broke the contract. why is for the log and the events, NULL: say nothing. */
void gate_end(struct gate *g, const char *why);
void gates_end_all(struct gates *gs, const char *why);
/* Gates only. 0 or -errno; the caller's own failure, the gate may be well. */
int gate_send_dump(struct gate *g, uint64_t request, enum dump_kind kind, int fd) _must_check_;
