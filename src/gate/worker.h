/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What one gate process holds: the event loop, the tables, the clusters it has met, its connections. Private to the gate.
 *
 * One batch = one epoll_wait(): events, then connections that have more to move (run queue), then timers, then the bell, then
 * the next slice of connections to cut, then events out to control. The tables' snapshot is taken at the first look-up of a
 * batch and let go at its end. What is closed during a batch is freed at its end, since later events may still name it.
 */
#pragma once

#include "base/addr.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/timer.h"
#include "gate/pipes.h"
#include "gate/quota.h"
#include "proc/gate_ipc.h"
#include "proc/msg.h"
#include "proc/options.h"
#include "tables/tables.h"
#include "wire/client_hello.h"
#include "wire/proxy_header.h"

#include <assert.h>
#include <stdbool.h>

#define BATCH_EVENTS 256
#define COPY_BYTES   16384 /* one read by copy; a read that fills it turns the direction to splice */
#define ACCEPT_BURST 64	   /* connections taken from one listener per batch */
#define PUMP_BUDGET \
	8 /* reads per direction and turn, so that one bulk stream cannot starve the rest */
#define CUT_SLICE \
	64 /* connections reset per batch, so that a large cut does not stall the others */
#define SETTLE_MS \
	30000 /* age at which an upstream socket gets TCP keepalive: short connections never pay for it */
#define CLIENT_WAIT_MS 100 /* pause before accepting again when descriptors have run out */
#define RESERVED_FDS   64  /* descriptors kept for listeners, links, tables and dumps */
#define HELLO_BUFFER   (PROXY_HEADER_MAX + CLIENT_HELLO_MAX)

/* What epoll hands back: a pointer whose low bits say what it points at. */
enum event_tag { TAG_CLIENT = 0, TAG_UPSTREAM = 1, TAG_SOURCE = 2, TAG_MASK = 3 };

enum timer_kind { TIMER_CONNECTION, TIMER_PROBE, TIMER_ACCEPT };

struct worker;

/* Anything with a descriptor in the event loop that is no connection. */
struct source {
	void (*ready)(struct worker *w, struct source *s, uint32_t events);
	int fd;
};

struct listener {
	struct source source;
	struct addr addr;
	uint16_t port;
};

/* Private addresses on which this gate listens, and those by which open connections came: endpoint.h. */
struct endpoints {
	struct gate_endpoint **slots; /* by network and address, chained */
	uint32_t n_slots;	      /* a power of two; 0: none yet */
	uint32_t n;
	uint32_t n_listening;
	struct gate_endpoint *dead; /* freed at the end of the batch */
};

/* One health check under way, or waiting for its turn. */
struct probe {
	struct source source;
	struct timer timer; /* next check, or the end of the one under way */
	struct list due;    /* in worker.probes_due while waiting for a token */
	bool sent;
};

struct gate_upstream {
	struct addr addr;
	uint16_t port;
	uint8_t index;
	bool gone; /* no longer declared; kept while connections or a probe name it */
	enum upstream_state state;
	uint32_t connections;
	uint32_t failures; /* in a row, of checks and of connections */
	struct probe probe;
	struct gate_cluster *cluster;
	struct list node; /* in gate_cluster.upstreams */
};

/* A server name that open connections of a cluster came by; judged again when the cluster changes. */
struct gate_name {
	struct list node;
	uint32_t refs;
	uint16_t len;
	uint8_t reason; /* REASON_NONE if the name still leads here: set anew by each sweep */
	char text[];
};

struct gate_cluster {
	uint32_t id;
	bool in_tables;
	bool ranges_verified; /* for record.generation */
	struct tables_cluster record;
	struct list upstreams; /* struct gate_upstream */
	struct list connections;
	struct list names;	   /* struct gate_name */
	struct list private_names; /* ... of private connections, which no name let in */
	uint64_t swept;		   /* sweep that judged the connections last */
	uint64_t admitted, refused, cut, bytes_up, bytes_down;
	uint32_t n_connections;
};

/* Bytes that the other side could not take yet: an exact-size block, gone when they are. */
struct leftover {
	uint32_t off, len;
	uint8_t data[];
};

struct side {
	int fd;
	uint8_t readable; /* READABLE_* */
	bool writable, eof,
		shut; /* eof: it will send no more. shut: we have told it that the other will not */
	bool bulk;    /* what comes from this side goes by splice */
	struct pipe *pipe;     /* from this side to the other, while bulk is in flight */
	struct leftover *left; /* from this side to the other */
};
enum { READABLE_NO, READABLE_YES, READABLE_TO_EOF };

/*
 *	PROXY ──▶ HELLO ──judged──▶ CONNECT ──▶ ANSWER ──first byte──▶ OPEN ──▶ DEAD
 *	  │         │                 ▲  └────────┘│ failed: next upstream        ▲
 *	  └─────────┴─refused         └────────────┘                              │
 *	                    any state, forbidden by a change ──▶ DOOMED ──reset───┘
 */
enum conn_state {
	CONN_PROXY,   /* by a public listener from a trusted balancer: PROXY header not complete */
	CONN_HELLO,   /* ClientHello not complete */
	CONN_CONNECT, /* judged; TCP handshake with an upstream */
	CONN_ANSWER, /* ClientHello sent, not a byte of answer: another upstream can still be tried */
	CONN_OPEN,
	CONN_DOOMED, /* forbidden: nothing is moved any more, the reset is due */
	CONN_DEAD,   /* descriptors closed; freed at the end of the batch */
};

/* The first bytes of a connection, kept until an upstream has answered them. */
struct hello_buffer {
	struct client_hello parse;
	uint32_t len;
	uint8_t data[];
};

struct connection {
	_Alignas(16) struct timer timer;
	struct list node; /* by state: worker.hellos, gate_cluster.connections, worker.doomed */
	struct connection *next; /* in the run queue or the dead list */
	struct gate_cluster *cluster;
	struct gate_upstream *upstream;
	struct gate_endpoint *endpoint; /* by which it came; NULL: by a public listener */
	struct gate_name *name;
	struct hello_buffer *hello; /* until the first answer */
	struct side side[2];	    /* 0 client, 1 upstream */
	struct addr source;
	uint64_t id, bytes[2];
	uint64_t
		since_ms; /* monotonic, like every time here: a jump of the wall clock moves nothing */
	uint64_t drain_until_ms; /* 0: allowed */
	uint32_t quota_cluster, quota_source;
	uint16_t source_port;
	uint16_t tried; /* upstream indexes tried, a bit each */
	uint8_t state, reason;
	bool queued, in_epoll;
};

/* The figure of the README: what a quiet connection costs us. */
static_assert(sizeof(struct connection) <= 320, "a connection has grown");

struct event_limit {
	uint64_t window_ms;
	uint32_t count, suppressed;
};

#define EVENT_BURST	50   /* of one kind and reason ... */
#define EVENT_WINDOW_MS 1000 /* ... in this time; the rest is counted */
#define EVENT_BATCH	64

struct worker {
	const struct options *options;
	uint32_t index, n_gates;
	int epoll;
	struct source parent, control; /* links; control.fd is -1 while control is away */
	bool parent_waits;	       /* messages of the parent, for descriptors to take theirs */
	struct listener listeners[LISTENERS_MAX];
	size_t n_listeners;
	struct endpoints endpoints;
	bool listening; /* listeners and endpoints are in the event loop */
	bool stopping;
	struct timer accept_again;

	struct tables *tables;
	struct tables_snapshot *snapshot; /* this batch's, or NULL */
	uint64_t generation;		  /* judged: every connection stands by it */
	uint64_t acked;			  /* ... and what it forbids has been reset */
	uint64_t rung_ns;     /* when the bell of a generation not yet acknowledged came; 0: none */
	struct msg_ack sweep; /* figures of the sweep under way */
	uint64_t sweeps;      /* number of the sweep under way */
	bool bell;

	struct gate_cluster **clusters; /* by id; NULL if never met */
	uint32_t n_clusters;		/* length of the array */

	struct list hellos; /* oldest first */
	struct list doomed;
	uint32_t n_connections, n_hellos, max_connections;
	uint64_t descriptors; /* for connections and private addresses */
	struct connection *run, *dead;
	uint64_t next_id;

	struct timers timers;
	uint64_t now_ms;
	struct pipes pipes;
	struct quota quota;
	struct gate_counters *counters;
	struct list probes_due;
	uint32_t probe_tokens;
	uint64_t probe_refill_ms;
	struct list dead_upstreams;

	bool watched; /* somebody wants accepted and closed events too */
	struct gate_event events[EVENT_BATCH];
	uint32_t n_events;
	struct event_limit limits[GATE_EVENT_COUNT][GATE_REASON_COUNT];

	uint8_t buffer[HELLO_BUFFER];
};

static inline void count_add(struct worker *w, enum gate_counter c, uint64_t n)
{
	/* One writer: a plain load and store, no locked instruction. */
	uint64_t v = atomic_load_explicit(&w->counters->value[c], memory_order_relaxed);

	atomic_store_explicit(&w->counters->value[c], v + n, memory_order_relaxed);
}

static inline void count_set(struct worker *w, enum gate_counter c, uint64_t v)
{
	atomic_store_explicit(&w->counters->value[c], v, memory_order_relaxed);
}

#define count(w, name) count_add((w), GATE_##name, 1)

/* worker.c */
int worker_init(struct worker *w, const struct options *o, uint32_t index, uint32_t n_gates,
		struct tables *tables, struct gate_counters *counters, void *quota_map)
	_must_check_;
void worker_done(struct worker *w);
int worker_watch(struct worker *w, struct source *s, uint32_t events) _must_check_;
void worker_unwatch(struct worker *w, struct source *s); /* and close */
/* One batch; waits at most timeout_ms (-1: until something happens). */
void worker_turn(struct worker *w, int timeout_ms);
/* max_connections anew: private addresses take descriptors too. */
void worker_room(struct worker *w);
/* This batch's snapshot of the tables; NULL if it cannot be had. */
struct tables_snapshot *worker_snapshot(struct worker *w);
