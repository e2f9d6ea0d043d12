/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Connections by TCP (RFC 7766), private to tcp.c (one connection) and tcps.c (all of them).
 *
 * A connection is read from while few answers wait for its peer to take them (TCP_OUT_MAX octets) and few are owed (TCP_OWED_MAX): whoever
 * asks faster than he listens is not listened to. Queries that came are answered as their answers come. When the peer has ended its half, what was asked is answered,
 * and then the connection ends.
 *
 *	idle   nothing is owed: closed after TCP_IDLE_MS, sooner when many are open, or when another needs its place
 *	busy   answers are owed, or wait for the peer: closed if the peer takes none for TCP_IDLE_MS
 *
 * Both lists are in the order of what was done last. A query that is not whole is nothing that was done.
 *
 * A quiet connection costs its struct and nothing else: what is read goes into one buffer for all, and only what is not whole, or not
 * taken, is kept, in blocks of their own, TCP_KEPT_MAX in all.
 */
#pragma once

#include "dns/worker.h"

#define TCP_MAX		 16384u		     /* connections; fewer if there are few descriptors */
#define TCP_SHARE(max)	 ((max) / 4 * 3 + 1) /* ... of one network, so that others have theirs */
#define TCP_EACH	 256u		     /* ... of one source */
#define TCP_IDLE_MS	 10000
#define TCP_IDLE_LEAST	 1000 /* when all places are taken */
#define TCP_OUT_MAX	 65536u
#define TCP_OWED_MAX	 64u
#define TCP_KEPT_MAX	 (64u << 20)
#define TCP_ACCEPT_BURST 64
#define TCP_READ_BYTES	 16384
#define TCP_READ_BUDGET	 2   /* reads of one connection and turn, or messages of a stream */
#define TCP_SWEEP_MS	 500 /* how often those that did nothing are looked for */
#define TCP_SOURCES	 4096u
#define TCP_FDS_KEPT \
	512 /* descriptors that connections leave to others: links, forwarding, sockets to come */
#define TCP_LENGTH 2

/* Octets that have to wait; at..len. Empty: no memory. */
struct octets {
	uint8_t *p;
	uint32_t at, len, cap;
};

/* A source with connections. */
struct tcp_source {
	struct tcp_source *next; /* in its bucket */
	uint64_t hash;
	uint32_t n;
	struct list connections; /* struct tcp.by_source, as in the list of all */
};

struct tcp {
	struct source source;
	struct list node;      /* tcps.idle or busy; tcps.dead */
	struct list by_source; /* tcp_source.connections */
	struct list run;       /* tcps.run, or in none */
	struct dns_socket *socket;
	struct tcp_source *of;
	struct tcp_stream *stream;
	struct octets in,
		out; /* in: kept until the connection is freed, since a query in it may be under way */
	struct octets held; /* answers, until the stream has ended */
	struct addr addr;
	uint64_t done_ms; /* when something was done last */
	uint32_t events;  /* that epoll is asked for */
	uint32_t refs;
	uint16_t port;
	bool is_among_busy;
	bool ended; /* the peer says no more, or nothing that we would hear */
};

struct tcps {
	struct list idle, busy, run, dead;
	uint32_t n;
	uint64_t descriptors; /* the process's limit */
	uint64_t kept;	      /* octets in blocks */
	struct timer timer;
	struct tcp_source *sources[TCP_SOURCES];
	uint8_t in[TCP_READ_BYTES];
	uint8_t out[2 * (TCP_LENGTH + DNS_MESSAGE_MAX)]; /* answers made in one go */
	size_t out_len;
};

static inline bool tcp_is_busy(const struct tcp *c)
{
	return c->refs > 0 || c->stream || c->out.len > 0;
}

/* tcp.c */
void tcp_ready(struct dns_worker *w, struct source *s, uint32_t events);
void tcp_run(struct dns_worker *w, struct tcp *c);
void tcp_octets_free(struct dns_worker *w, struct octets *o);
/* tcps.c */
void tcp_touch(struct dns_worker *w,
	       struct tcp *c); /* something was done: idle or busy, last of them */
void tcp_queue(struct dns_worker *w, struct tcp *c); /* tcp_run() at the end of the turn */
void tcp_close(struct dns_worker *w, struct tcp *c);
