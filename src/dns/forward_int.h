/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Forwarding, inside (RFC 5452, RFC 7766, RFC 9520).
 *
 *	waiter   one client's query. Its answer may take several questions, one after another: a chain of CNAMEs
 *	ask      one question to one list of servers, for every waiter that has the same
 *	try      the question sent once to one server: own id, own port, own case of letters
 *	asker    the socket of a try. The daemon's are made as they are needed; those of a network come from netd, bound to an address of
 *	         it. Connected for a try, it has a new random port; disconnected, it has none, and nothing can come
 *	pool     the askers of one network, or of the daemon, and the asks that wait for one
 *
 *	                                 every FORWARD_NEXT_MS; at once where a server says that it cannot
 *	                                       ┌───────────┐
 *	take ──▶ waiter ──▶ ask ──▶ try ◀──────┘           │
 *	            ▲                │ answer       truncated, too many forged: the same by TCP
 *	            │                ▼                     │
 *	            │  chain   every waiter of the ask ◀───┘
 *	            └──────────────  │ no more to ask
 *	                             ▼
 *	                        later_answer()
 *
 * A try that is overtaken stays open while its ask lasts: a slow server is heard all the same. After FORWARD_BUDGET_MS an ask is over;
 * nobody asks the same again for FORWARD_FAILED_MS, twice as long each time, so that two networks that forward to each other come
 * to rest.
 *
 * Files: forward.c waiters, and asks as a whole; forward_try.c tries; forward_pool.c askers; forward_chain.c what a waiter is
 * told; question.c what goes on the wire.
 */
#pragma once

#include "dns/reply.h"
#include "dns/worker.h"

#define FORWARD_ASKS_MAX \
	DNS_LATER_MAX /* at once: each has one who waits, and no network may have all */
#define FORWARD_BUCKETS 4096
#define FORWARD_NEXT_MS 400 /* then another try, of the next server */
#define FORWARD_BUDGET_MS \
	2000 /* for one question; a client waits at most twice as long, for a chain */
#define FORWARD_AGAIN_MS  30000 /* the first server of a list is tried again after so long */
#define FORWARD_OPEN_MAX  5	/* tries of one ask that are open */
#define FORWARD_TRIES_MAX 24	/* ... and in all */
#define FORWARD_STRANGE_MAX \
	8 /* messages that do not match, for one try; then it is closed, and TCP decides */
#define FORWARD_QUEUE_MAX   64	 /* asks that wait for an asker of one network, family and kind */
#define FORWARD_ASKERS_MAX  4096 /* of the daemon, UDP */
#define FORWARD_IDLE_MAX    64	 /* ... of those kept for the next question */
#define FORWARD_SHARE(max)  ((max) - (max) / 4) /* ... questions of one network by them */
#define FORWARD_TCP_MAX	    256			/* tries by TCP, in all */
#define FORWARD_ORDERS	    4096		/* lists of servers whose first is remembered */
#define FORWARD_FAILED	    8192		/* questions whose failure is remembered */
#define FORWARD_FAILED_MS   1000		/* the first time */
#define FORWARD_FAILED_MAX  8000
#define FORWARD_UDP_SIZE    1232	/* what we say that we take */
#define FORWARD_POOLS	    1024	/* buckets */
#define FORWARD_PARTIAL_MAX (32u << 20) /* octets of what was written before, of all who wait */

#define QUESTION_MAX	    (DNAME_MAX + 4)
#define QUERY_MAX	    (DNS_HEADER_BYTES + QUESTION_MAX + 11) /* with an OPT */

/* --- question.c --------------------------------------------------------------------------------------------------- */

/* What is asked, and of whom. Equal ones are asked once. */
struct question {
	uint32_t router;
	uint16_t type;
	bool from_daemon, has_do, has_cd;
	uint8_t n_servers;
	uint8_t name_len;
	struct view_server servers[VIEW_SERVERS_MAX];
	uint8_t name[DNAME_MAX]; /* folded */
};

/* Random octets of the kernel, read in batches. */
struct entropy {
	uint8_t bytes[512];
	size_t used;
};

void entropy_init(struct entropy *e);
/* False: the kernel has none. Nothing is asked, then. */
bool entropy_take(struct entropy *e, void *dst, size_t len) _must_check_;

bool question_is_equal(const struct question *a, const struct question *b);
uint64_t question_hash(const struct question *q, const uint8_t key[SIPHASH_KEY_BYTES]);
/* Of router and servers only. */
uint64_t question_list_hash(const struct question *q, const uint8_t key[SIPHASH_KEY_BYTES]);
bool question_is_of(const struct question *q, uint32_t router, const struct dns_client *c);
/* As it goes out: a new id, and random case unless is_plain. Returns its length; 0: no random octets. */
size_t question_write(const struct question *q, struct entropy *e, bool is_plain, bool has_edns,
		      uint8_t dst[QUERY_MAX]);

/* --- the whole ---------------------------------------------------------------------------------------------------- */

enum asker_kind { ASKER_UDP, ASKER_TCP, ASKER_KINDS };
#define FAMILIES_ASKED 2

struct asker {
	struct source source;
	struct list node;	/* in `idle` or `used` of its side, or nowhere */
	struct asker *next;	/* of its pool; or spare */
	struct pool *pool;	/* NULL: spare */
	struct msg_endpoint at; /* a network's */
	enum asker_kind kind;
	uint8_t family; /* index of a side */
	struct try *try;
};

struct side {
	struct list idle;	     /* struct asker */
	struct list used;	     /* struct asker, those that have tries, the oldest first */
	struct list queue;	     /* struct ask */
	unsigned n, n_idle, n_queue; /* n: of a network: all, idle or not */
};

struct pool {
	struct pool *next; /* in its bucket */
	uint32_t router;
	bool is_daemon;
	struct asker *askers; /* of a network: all */
	unsigned n_used;      /* of the daemon, UDP */
	struct side sides[FAMILIES_ASKED][ASKER_KINDS];
};

struct waiter {
	struct list node; /* in its ask */
	struct later *later;
	uint64_t begun_ms;
	uint8_t *
		partial; /* what was written before, answers_end octets of the client; NULL: nothing */
	uint32_t partial_len;
};

struct
try {
	struct list node; /* in its ask, the oldest first */
	struct ask *ask;
	struct asker *asker;
	uint8_t server; /* index */
	uint8_t strange;
	bool is_tcp, has_edns;
	uint16_t query_len, sent, got; /* TCP: octets, with the length before the message */
	uint8_t length[2];	       /* of its answer */
	uint8_t *answer;
	uint8_t query[2 + QUERY_MAX]; /* its length first */
};

struct ask {
	struct list node; /* in its bucket */
	struct timer timer;
	struct question q;
	uint64_t hash;
	struct served
		*served; /* counts it; kept by those who wait. NULL: by sockets of the network */
	struct list waiters, tries;
	unsigned n_open, n_tries;
	uint64_t begun_ms, next_ms;
	uint8_t first, turn; /* the next server is (first + turn) % n */
	uint8_t plain_case, no_edns,
		said;	/* bits of servers: ask so; it said that it cannot answer */
	uint16_t rcode; /* that those said; SERVFAIL if they differ */
	/* Waiting for an asker: */
	struct list queued;
	struct side *side; /* NULL: it does not wait */
	uint8_t queued_server;
	bool queued_tcp;
};

/* Which of a list of servers answered last. */
struct order {
	uint64_t hash;
	uint64_t again_ms; /* when the first is to be tried again */
	uint8_t first;
};

struct failed {
	uint64_t hash;
	uint64_t until_ms;
	uint32_t for_ms;
	uint16_t rcode;
};

struct forwards {
	struct list buckets[FORWARD_BUCKETS];
	struct order orders[FORWARD_ORDERS];
	struct failed failed[FORWARD_FAILED];
	struct pool *pools[FORWARD_POOLS];
	struct pool daemon;
	struct asker *spare;
	unsigned n_asks, n_tcp;
	size_t partial; /* octets of all */
	unsigned
		askers_max; /* of the daemon, UDP: FORWARD_ASKERS_MAX, or a part of the descriptors that we may have */
	uint8_t key[SIPHASH_KEY_BYTES];
	struct entropy entropy;
	uint8_t message[DNS_MESSAGE_MAX]; /* as it came */
	uint8_t out[DNS_MESSAGE_MAX];	  /* what a waiter is told */
};

/* --- forward.c ---------------------------------------------------------------------------------------------------- */

/* The waiter's next question: what its client says. It is answered now or later. */
void waiter_ask(struct dns_worker *w, struct waiter *x);
/* It is told nothing but this. */
void waiter_fail(struct dns_worker *w, struct waiter *x, enum dns_rcode rcode, enum dns_ede ede);
void waiter_free(struct dns_worker *w, struct waiter *x);
/* What was written is kept, instead of what was kept before. False: there is no memory for it. */
bool waiter_keep(struct dns_worker *w, struct waiter *x, const uint8_t *partial, size_t len)
	_must_check_;

void ask_timer_set(struct dns_worker *w, struct ask *a);
/* Every waiter is told what it makes of the answer. a is freed. */
void ask_answered(struct dns_worker *w, struct ask *a, uint8_t server, const struct reply *r);
/* No server answered, or all said that they cannot. a is freed. */
void ask_failed(struct dns_worker *w, struct ask *a);

/* --- forward_try.c ------------------------------------------------------------------------------------------------ */

/* Ask the next server. a may be freed. */
void ask_next(struct dns_worker *w, struct ask *a);
/* With this asker, which is idle and the ask's to use. Where it cannot be, the ask's timer goes on. */
void try_begin(struct dns_worker *w, struct ask *a, struct asker *s, uint8_t server);
/* It is no more; what becomes of its asker is the caller's. */
void try_drop(struct try *t);
/* The same, and its asker is given back. */
void try_end(struct dns_worker *w, struct try *t);
void asker_ready(struct dns_worker *w, struct source *source, uint32_t events);

/* --- forward_pool.c ----------------------------------------------------------------------------------------------- */

void pool_init(struct pool *p, uint32_t router);
/* Every asker is closed; no ask has one, or waits. */
void pools_done(struct dns_worker *w);
/* The network has no socket of this family at all. */
bool pool_lacks(struct forwards *f, const struct question *q, uint8_t server);
/*
 * For a server of this ask: an idle asker, or one of its own tries, which ends. NULL: there is none now; then the ask waits for one,
 * if its pool has a queue and room in it.
 */
struct asker *asker_take(struct dns_worker *w, struct ask *a, uint8_t server, bool is_tcp);
/* It is idle from here on, or closed; who waits longest gets it. Its try is no more. */
void asker_give_back(struct dns_worker *w, struct asker *s);
/* The ask waits no more. */
void queue_leave(struct dns_worker *w, struct ask *a);

/* --- forward_chain.c ---------------------------------------------------------------------------------------------- */

/* What the waiter makes of an answer to its question q: it is answered, or asks on. x is taken. */
void waiter_answer(struct dns_worker *w, struct waiter *x, const struct question *q,
		   const struct reply *r);
