/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The sockets in routers' namespaces, as the parent keeps them: netd opened them, those who work with one have a copy, and who is
 * started again gets them again, so that a client that has been queued meanwhile is not lost. Gates are given those of private
 * endpoints, dns processes those on which queries come, and of those to ask with each its own.
 *
 * A taker (a gate, a dns process, or netd) is owed what it has not been told yet: not a queue of messages but a mark on each endpoint, so that
 * however many there are and however slow the taker is, nothing grows, and it is told what holds when it is told.
 *
 *	                      endpoints_open               endpoints_close
 *	(not there) ─────────────────────────▶ open ───────────────────────▶ gone ──every taker told──▶ (not there)
 *	                                        ▲  │ a new socket                │
 *	                                        └──┴───────endpoints_open────────┘
 *
 * Parent only. Sockets are owned here.
 */
#pragma once

#include "proc/msg.h"

#define ENDPOINTS_MAX 65536

/* Takers: a gate is its index, a dns process this and its index. */
#define ENDPOINTS_DNS  GATES_MAX
#define ENDPOINTS_NETD (GATES_MAX + DNS_MAX)

struct endpoint_socket {
	struct msg_endpoint at;
	int fd;		  /* -1: gone, or (network 0 and no family) not in use */
	uint64_t workers; /* owed to these: gates if it is ENDPOINT_GATE, else dns processes */
	bool netd;	  /* owed to netd */
	uint32_t next;	  /* in its bucket, or among the unused; index + 1, 0: the last */
};

struct endpoints {
	uint32_t n_dns; /* dns processes that there are to be: each has its share of the slots */
	struct endpoint_socket *all;
	uint32_t n, cap, unused; /* unused: index + 1 of the first */
	uint32_t *buckets;	 /* index + 1 */
	uint32_t n_owed[ENDPOINTS_NETD + 1];
	uint64_t gates, dns; /* those that are there to be told */
};

/* All zeros is an empty one, of a daemon without dns processes. */
void endpoints_done(struct endpoints *es);

/*
 * fd is taken if 0. -EINVAL: no such kind, an address, port or slot that it cannot have, or fd is no socket of this kind and
 * family; -ENOSPC, -ENOMEM.
 */
int endpoints_open(struct endpoints *es, const struct msg_endpoint *at, int fd) _must_check_;
/* 0, -ENOENT. */
int endpoints_close(struct endpoints *es, const struct msg_endpoint *at) _must_check_;

/* A taker was started: it is owed every open one that is for it, and a gate or dns process each change from now on. */
void endpoints_begin(struct endpoints *es, uint32_t taker);
/* It is gone, and owed nothing. */
void endpoints_end(struct endpoints *es, uint32_t taker);

/* The next that is owed, from *cursor (0 at first) on; NULL if none. Valid until the next call that changes *es. */
const struct endpoint_socket *endpoints_next(struct endpoints *es, uint32_t taker,
					     uint32_t *cursor);
/* The one that endpoints_next() gave has been told. */
void endpoints_told(struct endpoints *es, uint32_t taker, const struct endpoint_socket *s);
static inline bool endpoints_are_owed(const struct endpoints *es, uint32_t taker)
{
	return es->n_owed[taker] > 0;
}
