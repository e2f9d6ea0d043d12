/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proc/endpoints.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUCKETS	  4096u
#define CAP_FIRST 64

_Static_assert(GATES_MAX <= 64, "one bit each in a uint64_t");

void endpoints_done(struct endpoints *es)
{
	for (uint32_t i = 0; i < es->n; i++)
		if (es->all[i].fd >= 0)
			close(es->all[i].fd);
	free(es->all);
	free(es->buckets);
	memset(es, 0, sizeof *es);
}

/* --- who is owed what --- */

static bool is_owed(const struct endpoint_socket *s, uint32_t taker)
{
	return taker == ENDPOINTS_NETD ? s->netd : s->gates >> taker & 1;
}

static void owed_set(struct endpoints *es, struct endpoint_socket *s, uint32_t taker, bool owed)
{
	if (is_owed(s, taker) == owed)
		return;
	if (taker == ENDPOINTS_NETD)
		s->netd = owed;
	else
		s->gates ^= (uint64_t)1 << taker;
	es->n_owed[taker] += owed ? 1 : (uint32_t)-1;
}

static void owed_to_gates(struct endpoints *es, struct endpoint_socket *s)
{
	for (uint32_t i = 0; i < GATES_MAX; i++)
		if (es->present >> i & 1)
			owed_set(es, s, i, true);
}

/* --- the hash table --- */

static uint32_t *bucket_of(const struct endpoints *es, const struct msg_endpoint *at)
{
	uint64_t h = at->addr.hi ^ at->addr.lo ^ ((uint64_t)at->network << 32 | at->port);

	h *= 0x9e3779b97f4a7c15u; /* Fibonacci hashing: the upper bits are well mixed */
	return &es->buckets[h >> 32 & (BUCKETS - 1)];
}

static bool is_at(const struct endpoint_socket *s, const struct msg_endpoint *at)
{
	return s->at.network == at->network && s->at.port == at->port &&
	       addr_is_equal(&s->at.addr, &at->addr);
}

static struct endpoint_socket *find(const struct endpoints *es, const struct msg_endpoint *at)
{
	if (!es->buckets)
		return NULL;
	for (uint32_t i = *bucket_of(es, at); i; i = es->all[i - 1].next)
		if (is_at(&es->all[i - 1], at))
			return &es->all[i - 1];
	return NULL;
}

static bool is_used(const struct endpoint_socket *s)
{
	return s->at.addr.family != ADDR_NONE;
}

/* Gone, and everyone knows. */
static void forget_if_told(struct endpoints *es, struct endpoint_socket *s)
{
	uint32_t *link, number = (uint32_t)(s - es->all) + 1;

	if (s->fd >= 0 || s->gates || s->netd)
		return;
	for (link = bucket_of(es, &s->at); *link != number; link = &es->all[*link - 1].next)
		;
	*link = s->next;
	*s = (struct endpoint_socket){.fd = -1, .next = es->unused};
	es->unused = number;
}

static int grow(struct endpoints *es)
{
	uint32_t cap = es->cap ? es->cap * 2 : CAP_FIRST;
	struct endpoint_socket *all;

	if (!es->buckets) {
		es->buckets = calloc(BUCKETS, sizeof *es->buckets);
		if (!es->buckets)
			return -ENOMEM;
	}
	if (es->unused || es->n < es->cap)
		return 0;
	if (es->cap >= ENDPOINTS_MAX)
		return -ENOSPC;
	all = reallocarray(es->all, cap, sizeof *all);
	if (!all)
		return -ENOMEM;
	es->all = all;
	es->cap = cap;
	return 0;
}

/* An empty one in its bucket; grow() has made room. */
static struct endpoint_socket *insert(struct endpoints *es, const struct msg_endpoint *at)
{
	uint32_t number = es->unused, *bucket = bucket_of(es, at);
	struct endpoint_socket *s;

	if (number)
		es->unused = es->all[number - 1].next;
	else
		number = ++es->n;
	s = &es->all[number - 1];
	*s = (struct endpoint_socket){.at = *at, .fd = -1, .next = *bucket};
	*bucket = number;
	return s;
}

/* --- operations --- */

static bool is_sound(const struct msg_endpoint *at)
{
	return (at->addr.family == ADDR_V4 || at->addr.family == ADDR_V6) && at->port >= 1 &&
	       at->port <= 65535;
}

static bool is_listening(int fd)
{
	int yes = 0;
	socklen_t len = sizeof yes;

	return !getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &yes, &len) && yes;
}

int endpoints_open(struct endpoints *es, const struct msg_endpoint *at, int fd)
{
	struct endpoint_socket *s;
	int ret;

	if (!is_sound(at) || !is_listening(fd))
		return -EINVAL;
	s = find(es, at);
	if (!s) {
		ret = grow(es);
		if (ret)
			return ret;
		s = insert(es, at);
	}
	if (s->fd >= 0)
		close(s->fd);
	s->fd = fd;
	owed_set(es, s, ENDPOINTS_NETD, false); /* it knows this one */
	owed_to_gates(es, s);
	return 0;
}

int endpoints_close(struct endpoints *es, const struct msg_endpoint *at)
{
	struct endpoint_socket *s = find(es, at);

	if (!s || s->fd < 0)
		return -ENOENT;
	close(s->fd);
	s->fd = -1;
	owed_set(es, s, ENDPOINTS_NETD, false);
	owed_to_gates(es, s);
	forget_if_told(es, s);
	return 0;
}

void endpoints_begin(struct endpoints *es, uint32_t taker)
{
	assert(taker <= ENDPOINTS_NETD);
	for (uint32_t i = 0; i < es->n; i++)
		owed_set(es, &es->all[i], taker, es->all[i].fd >= 0);
	if (taker < GATES_MAX)
		es->present |= (uint64_t)1 << taker;
}

void endpoints_end(struct endpoints *es, uint32_t taker)
{
	assert(taker <= ENDPOINTS_NETD);
	if (taker < GATES_MAX)
		es->present &= ~((uint64_t)1 << taker);
	for (uint32_t i = 0; i < es->n; i++) {
		if (!is_used(&es->all[i]))
			continue;
		owed_set(es, &es->all[i], taker, false);
		forget_if_told(es, &es->all[i]);
	}
}

const struct endpoint_socket *endpoints_next(struct endpoints *es, uint32_t taker, uint32_t *cursor)
{
	if (!es->n_owed[taker])
		return NULL;
	while (*cursor < es->n) {
		const struct endpoint_socket *s = &es->all[(*cursor)++];

		if (is_owed(s, taker))
			return s;
	}
	return NULL;
}

void endpoints_told(struct endpoints *es, uint32_t taker, const struct endpoint_socket *told)
{
	struct endpoint_socket *s = &es->all[told - es->all];

	owed_set(es, s, taker, false);
	forget_if_told(es, s);
}
