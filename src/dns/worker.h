/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One name server process. One thread, one event loop, one snapshot of the tables for each batch of events:
 *
 *	dns.c        set-up, sandbox, the role's life
 *	worker.c     the event loop, views, cookies' secrets, what becomes of a query
 *	link.c       messages of the parent and of control; the bell and its acknowledgement
 *	socket.c     sockets on which queries come
 *	udp.c        batches of datagrams in (recvmmsg) and out (sendmmsg)
 *	tcp.c        connections, RFC 7766
 *	later.c      who gets an answer that comes later
 *	forward.c    forwarding
 *	transfer.c   AXFR; update.c: RFC 2136; signature.c: TSIG
 *
 * What is asked comes by a socket, and a socket is of one view: the router in whose namespace it was made, or the internet. All
 * processes share the sockets on which queries come, so that one that dies or hangs keeps none from being answered.
 *
 * One turn = one epoll_wait(): events, timers, connections that have more to do, then the bell. What is closed during a turn is freed at its
 * end, since later events may still name it.
 *
 * The tables can be erased and made anew under us (tables_is_erased()): nothing is acknowledged any more then; control ends us, and we
 * begin anew.
 */
#pragma once

#include "base/list.h"
#include "base/timer.h"
#include "dns/answer.h"
#include "dns/rrl.h"
#include "proc/dns_ipc.h"
#include "proc/msg.h"
#include "proc/options.h"

#include <sys/socket.h>

#define DNS_EVENTS     32   /* of one turn */
#define DNS_BATCH      64   /* datagrams read at once, from one socket and turn */
#define DNS_LATER_MAX  8192 /* answers that are owed, in all; more queries are dropped */
#define DNS_LATER_VIEW 4096 /* ... in one network */
#define DNS_LATER_EACH 256  /* ... to one source: an IPv4 address, or a /64 */
#define DNS_RETRY_MS   100  /* pause when descriptors or memory have run out */
#define COOKIE_EPOCH_S \
	86400 /* server cookies are made with another secret each day, and good with the one before */

struct dns_worker;

enum dns_timer { DNS_TIMER_TCP, DNS_TIMER_FORWARD, DNS_TIMER_ACCEPT, DNS_TIMER_UPDATE };

/* Anything with a descriptor in the event loop. Not to be freed in the turn in which it was closed. */
struct source {
	void (*ready)(struct dns_worker *w, struct source *s, uint32_t events);
	int fd; /* -1: closed earlier in this batch */
};

/* A router with a socket here, or the internet (router 0). Kept while sockets, connections or owed answers name it. */
struct served {
	uint32_t router;
	uint32_t refs;
	uint32_t n_later; /* answers owed in it */
	uint32_t n_tcp;	  /* connections open in it */
	uint32_t n_asked; /* its questions that are under way by the daemon's own sockets */
	struct dns_view view;
	struct served *next; /* in its bucket */
};

/* A socket on which queries come. It may be closed while answers by it are owed; they are dropped then. */
struct dns_socket {
	struct source source;
	struct list
		node; /* in its bucket of worker.sockets, until closed; in worker.closed when nobody names it */
	struct served *served;
	struct msg_endpoint at; /* network 0: the internet's */
	bool is_tcp;
	bool is_wildcard; /* answers must say from which address they go */
	bool is_watched;  /* in the event loop */
	bool is_calm;	  /* UDP: its last batch was of one datagram */
	uint32_t turn;	  /* UDP: when that was */
	uint32_t refs;	  /* until closed, its own is one */
};

/* Whom a query came from: all that its answer needs. later_new() copies it. */
struct from {
	struct dns_socket *socket; /* UDP; NULL: TCP */
	struct tcp *tcp;	   /* connection */
	struct sockaddr_storage peer;
	socklen_t peer_len;
	struct addr
		local; /* the address it was sent to, where the socket is a wildcard's; else ADDR_NONE */
};

/*
 * An answer that is owed. Whoever makes one ends it once: later_answer() or later_drop(). If the connection or socket goes first, the answer
 * goes nowhere, and nobody needs to know.
 */
struct later {
	struct list node; /* in worker.later */
	struct from from;
	struct served *served;
	struct dns_client
		client; /* as dns_answer() left it, but for `servers`, which was borrowed */
	uint16_t query_len;
	uint8_t *query; /* as it came: behind the struct */
};

struct dns_worker {
	const struct options *options;
	uint32_t index, n_dns;
	int epoll;
	struct source parent, control; /* links; control.fd is -1 while control is away */
	bool go;		       /* the parent has said all that belongs before */
	bool stopping;
	bool bell;	       /* rung, and not acknowledged yet */
	bool parent_waits;     /* messages of the parent, for descriptors to take theirs */
	struct tables *tables; /* NULL: not serving yet */
	struct tables_snapshot *snapshot; /* this batch's, or NULL */
	bool has_data;			  /* this batch's snapshot was asked for */
	bool was_erased;		  /* the tables; said once */
	uint64_t generation;		  /* acknowledged */
	uint64_t rung_ns; /* when the bell came that is not acknowledged yet; 0: none */
	struct dns_data data;
	struct served **served; /* buckets by router */
	uint32_t n_served, served_buckets;
	struct list *sockets; /* struct dns_socket, in buckets by place */
	struct list closed;
	uint32_t n_sockets;
	struct timer retry; /* DNS_TIMER_ACCEPT: what found no room is tried again */
	uint8_t cookie_key[SIPHASH_KEY_BYTES];
	uint64_t cookie_epoch;
	struct dns_cookies cookies;
	struct rrl *rrl; /* NULL: not limited */
	struct list later;
	uint32_t n_later;
	uint8_t source_key[SIPHASH_KEY_BYTES]; /* of tables by source: addresses are strangers' */
	uint16_t *later_by_source;   /* counts; sources that meet in one share its limit */
	struct tcps *tcps;	     /* tcp.c */
	struct forwards *forwards;   /* forward.c */
	struct updates *updates;     /* update.c */
	struct transfers *transfers; /* transfer.c */
	struct timers timers;
	uint64_t now_ms;
	uint32_t now_s;		/* since 1970 */
	uint32_t turns;		/* of the event loop, so far */
	uint64_t complained_ms; /* of a malformed query, last */
	struct dns_counters *counters;
};

static inline void dns_count_add(struct dns_worker *w, enum dns_counter c, uint64_t n)
{
	/* One writer: a plain load and store, no locked instruction. */
	uint64_t v = atomic_load_explicit(&w->counters->value[c], memory_order_relaxed);

	atomic_store_explicit(&w->counters->value[c], v + n, memory_order_relaxed);
}

static inline void dns_count_set(struct dns_worker *w, enum dns_counter c, uint64_t v)
{
	atomic_store_explicit(&w->counters->value[c], v, memory_order_relaxed);
}

#define dns_count(w, name) dns_count_add((w), DNS_##name, 1)

/* --- worker.c ------------------------------------------------------------------------------------------------ */

/* Sockets and messages can be taken from then on; nothing is answered before dns_worker_serve(). */
int dns_worker_init(struct dns_worker *w, const struct options *o,
		    const struct msg_start_dns *start, struct dns_counters *counters) _must_check_;
void dns_worker_serve(struct dns_worker *w, struct tables *tables); /* borrowed */
void dns_worker_done(struct dns_worker *w);
/* One batch; waits at most timeout_ms (-1: until something happens). */
void dns_worker_turn(struct dns_worker *w, int timeout_ms);
int dns_worker_watch(struct dns_worker *w, struct source *s, uint32_t events) _must_check_;
void dns_worker_unwatch(struct dns_worker *w, struct source *s); /* and close */
/*
 * The data of this batch: data.snapshot is this batch's from here on (NULL: it cannot be had, and who asks is answered SERVFAIL), until
 * the batch ends. Cheap when called again.
 */
void dns_worker_data(struct dns_worker *w);
/* The snapshot is let go; the next dns_worker_data() takes a new one. */
void dns_worker_data_end(struct dns_worker *w);
/* The view of a router: one more reference. NULL: no memory. */
struct served *served_get(struct dns_worker *w, uint32_t router);
void served_put(struct dns_worker *w, struct served *s); /* NULL is fine */

/*
 * One query, from its octets to what becomes of it: answered into out, dropped (0), or taken by forward.c, transfer or update, which
 * answer later (0). Counts. out has cap octets and may be query.
 */
size_t dns_worker_query(struct dns_worker *w, struct served *s, const struct from *from,
			bool is_tcp, const uint8_t *query, size_t len, uint8_t *out, size_t cap);
/* An answer goes out. */
void dns_worker_count(struct dns_worker *w, const struct dns_client *client);
/* Descriptors have run out, or memory: try again soon. */
void dns_worker_retry(struct dns_worker *w);
/* A number for the source of a query, alike for all of an IPv4 address or a /64 in one network. */
uint64_t dns_source_hash(const struct dns_worker *w, uint32_t router, const struct addr *addr);

/* --- link.c -------------------------------------------------------------------------------------------------- */

int dns_link_parent(struct dns_worker *w, int fd) _must_check_; /* fd is borrowed */
/* fd is taken, and replaces the link that there was. */
void dns_link_control(struct dns_worker *w, int fd);
/* Say to control where we are. */
void dns_link_hello(struct dns_worker *w);
/* Look for messages, whatever epoll has said. */
void dns_link_look(struct dns_worker *w);
/* What the parent sent waited for a descriptor. */
void dns_link_resume(struct dns_worker *w);
/* The bell was rung: no answer is made of an older snapshot any more. Between batches. */
void dns_link_acknowledge(struct dns_worker *w);

/* --- later.c ------------------------------------------------------------------------------------------------- */

/* Copies all. NULL: too many are waiting, in all or of this source, or no memory; counted, and the query is to be dropped. */
struct later *later_new(struct dns_worker *w, struct served *s, const struct from *from,
			const struct dns_client *client, const uint8_t *query, size_t len);
/* Send the answer, counted by l->client; by TCP in the order in which answers come. l is freed. */
void later_answer(struct dns_worker *w, struct later *l, const uint8_t *answer, size_t len);
/* The query is answered with an error and no records. l is freed. */
void later_fail(struct dns_worker *w, struct later *l, enum dns_rcode rcode, enum dns_ede ede);
void later_drop(struct dns_worker *w, struct later *l);

int laters_init(struct dns_worker *w) _must_check_;
void laters_done(struct dns_worker *w); /* drops all */

/* --- socket.c -------------------------------------------------------------------------------------------------- */

int dns_sockets_init(struct dns_worker *w) _must_check_;
void dns_sockets_done(struct dns_worker *w);
/* fd is taken, and replaces the socket that was there. -errno: not served, fd closed. */
int dns_socket_open(struct dns_worker *w, const struct msg_endpoint *at, bool is_tcp, int fd)
	_must_check_;
void dns_socket_close(struct dns_worker *w, const struct msg_endpoint *at, bool is_tcp);
void dns_socket_get(struct dns_socket *s);
void dns_socket_put(struct dns_worker *w, struct dns_socket *s); /* a reference less */
/* Those that are not watched yet, if we serve. */
void dns_sockets_watch(struct dns_worker *w);
/* No connections are taken until dns_sockets_watch(). */
void dns_sockets_rest(struct dns_worker *w);
void dns_sockets_reap(struct dns_worker *w);

/* --- udp.c, tcp.c -------------------------------------------------------------------------------------------- */

/* The socket says to which address a datagram came. */
int udp_wildcard(int fd) _must_check_;
void udp_ready(struct dns_worker *w, struct source *s, uint32_t events);
void udp_send(struct dns_worker *w, const struct from *from, const uint8_t *answer, size_t len);

int tcps_init(struct dns_worker *w) _must_check_;
void tcps_close_all(struct dns_worker *w);
void tcps_done(struct dns_worker *w); /* when no answer is owed any more */
/* Connections that have more to do than epoll says; true: some of them are left for the next turn. */
void tcps_run(struct dns_worker *w);
bool tcps_has_more(const struct dns_worker *w);
void tcps_reap(struct dns_worker *w);
/* The connection that was idle longest gives way. False: there is none. */
bool tcps_make_room(struct dns_worker *w);
void tcps_accept(struct dns_worker *w, struct source *s, uint32_t events);
void tcps_timer(struct dns_worker *w, struct timer *t);
/* Every connection that came by this socket ends. */
void tcps_close_of(struct dns_worker *w, const struct dns_socket *s);
/* An answer is owed on this connection: it is read from only while these are few, and closed when its peer has ended it and none is left. */
void tcp_ref(struct tcp *c);
void tcp_put(struct dns_worker *w, struct tcp *c);
/* One message, its length before it. False: the connection is gone, or takes no more. */
bool tcp_send(struct dns_worker *w, struct tcp *c, const uint8_t *message, size_t len);
/*
 * A stream of messages that are made as the connection takes them (a transfer): `more` writes the next one, 0 at the end, which it is told
 * only then or by `end`. Nothing else is sent on the connection meanwhile. False: it has one already.
 */
struct tcp_stream {
	size_t (*more)(struct dns_worker *w, struct tcp_stream *s, uint8_t *out, size_t cap);
	void (*end)(struct dns_worker *w,
		    struct tcp_stream *s); /* finished, or the connection is gone */
};
bool tcp_stream(struct dns_worker *w, struct tcp *c, struct tcp_stream *s);

/* --- forward.c ------------------------------------------------------------------------------------------------- */

int forwards_init(struct dns_worker *w) _must_check_;
void forwards_done(struct dns_worker *w);
/*
 * dns_answer() said DNS_FORWARD or DNS_FORWARD_TARGET: take it over. `partial`, len octets: for FORWARD_TARGET, what was written. It always
 * is answered, now or later (SERVFAIL, dropped if too many wait).
 */
void forward_take(struct dns_worker *w, struct served *s, const struct from *from,
		  const struct dns_client *client, const uint8_t *query, size_t query_len,
		  const uint8_t *partial, size_t len);
/* A socket in the namespace of a router, to ask with; fd is taken. And: it is no more. */
void forward_socket(struct dns_worker *w, const struct msg_endpoint *at, int fd);
void forward_socket_gone(struct dns_worker *w, const struct msg_endpoint *at);
void forward_timer(struct dns_worker *w, struct timer *t);

/* --- transfer.c, update.c ------------------------------------------------------------------------------------ */

int slow_init(struct dns_worker *w) _must_check_;
void slow_done(struct dns_worker *w);
/*
 * dns_answer() said DNS_SLOW: a transfer, NOTIFY, UPDATE, or anything signed. Answers into out, or returns 0 and answers later, or
 * never.
 */
size_t slow_take(struct dns_worker *w, struct served *s, const struct from *from,
		 struct dns_client *client, const uint8_t *query, size_t len, uint8_t *out,
		 size_t cap);
/* Control answered, or is gone (NULL): then what waits for it is answered SERVFAIL. */
void update_done(struct dns_worker *w, const struct msg_updated *m);
void update_timer(struct dns_worker *w, struct timer *t);
