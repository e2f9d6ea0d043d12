/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proc/endpoints.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUCKETS	  4096u
#define CAP_FIRST 64

_Static_assert(GATES_MAX <= 64 && DNS_MAX <= 64, "one bit each in a uint64_t");

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

static bool is_gates(const struct endpoint_socket *s)
{
	return s->at.kind == ENDPOINT_GATE;
}

static bool is_to_ask(const struct msg_endpoint *at)
{
	return at->kind == ENDPOINT_ASK_UDP || at->kind == ENDPOINT_ASK_TCP;
}

/* The taker's bit in a word of its kind's. 0: the socket is not for that kind. */
static uint64_t bit_of(const struct endpoint_socket *s, uint32_t taker)
{
	bool is_gate = taker < ENDPOINTS_DNS;

	if (is_gate != is_gates(s))
		return 0;
	return (uint64_t)1 << (is_gate ? taker : taker - ENDPOINTS_DNS);
}

static bool is_for(const struct endpoints *es, const struct endpoint_socket *s, uint32_t taker)
{
	if (taker == ENDPOINTS_NETD)
		return true;
	if (is_to_ask(&s->at))
		return es->n_dns && taker == ENDPOINTS_DNS + s->at.slot % es->n_dns;
	return bit_of(s, taker);
}

static bool is_owed(const struct endpoint_socket *s, uint32_t taker)
{
	return taker == ENDPOINTS_NETD ? s->netd : s->workers & bit_of(s, taker);
}

static void owed_set(struct endpoints *es, struct endpoint_socket *s, uint32_t taker, bool owed)
{
	if (is_owed(s, taker) == owed)
		return;
	if (taker == ENDPOINTS_NETD)
		s->netd = owed;
	else
		s->workers ^= bit_of(s, taker);
	es->n_owed[taker] += owed ? 1 : (uint32_t)-1;
}

static void owed_to_workers(struct endpoints *es, struct endpoint_socket *s)
{
	const uint32_t first = is_gates(s) ? 0 : ENDPOINTS_DNS;
	const uint64_t present = is_gates(s) ? es->gates : es->dns;

	for (uint32_t i = 0; i < 64 && present >> i; i++)
		if (present >> i & 1 && is_for(es, s, first + i))
			owed_set(es, s, first + i, true);
}

/* --- the hash table --- */

static uint32_t *bucket_of(const struct endpoints *es, const struct msg_endpoint *at)
{
	uint64_t h = at->addr.hi ^ at->addr.lo ^ ((uint64_t)at->network << 32 | at->port) ^
		     ((uint64_t)at->kind << 48 | (uint64_t)at->slot << 16);

	h *= 0x9e3779b97f4a7c15u; /* Fibonacci hashing: the upper bits are well mixed */
	return &es->buckets[h >> 32 & (BUCKETS - 1)];
}

static bool is_at(const struct endpoint_socket *s, const struct msg_endpoint *at)
{
	return s->at.network == at->network && s->at.port == at->port && s->at.kind == at->kind &&
	       s->at.slot == at->slot && addr_is_equal(&s->at.addr, &at->addr);
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

	if (s->fd >= 0 || s->workers || s->netd)
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

static uint32_t slots_of(const struct msg_endpoint *at)
{
	return at->kind == ENDPOINT_ASK_UDP   ? DNS_MAX * ENDPOINT_ASK_UDP_SLOTS
	       : at->kind == ENDPOINT_ASK_TCP ? DNS_MAX * ENDPOINT_ASK_TCP_SLOTS
					      : 1;
}

static bool is_sound(const struct msg_endpoint *at)
{
	if (at->kind >= ENDPOINT_KIND_COUNT || at->slot >= slots_of(at))
		return false;
	if (is_to_ask(at) ? at->port != 0 : at->port < 1 || at->port > 65535)
		return false;
	return at->addr.family == ADDR_V4 || at->addr.family == ADDR_V6;
}

static bool has_option(int fd, int option, int want)
{
	int value = -1;
	socklen_t len = sizeof value;

	return !getsockopt(fd, SOL_SOCKET, option, &value, &len) && value == want;
}

/* What netd hands over is given on to processes that trust what they get. */
static bool is_socket_of(int fd, const struct msg_endpoint *at)
{
	const bool is_udp = at->kind == ENDPOINT_DNS_UDP || at->kind == ENDPOINT_ASK_UDP;
	const bool listens = at->kind == ENDPOINT_GATE || at->kind == ENDPOINT_DNS_TCP;

	return has_option(fd, SO_DOMAIN, at->addr.family == ADDR_V6 ? AF_INET6 : AF_INET) &&
	       has_option(fd, SO_PROTOCOL, is_udp ? IPPROTO_UDP : IPPROTO_TCP) &&
	       has_option(fd, SO_ACCEPTCONN, listens);
}

int endpoints_open(struct endpoints *es, const struct msg_endpoint *at, int fd)
{
	struct endpoint_socket *s;
	int ret;

	if (!is_sound(at) || !is_socket_of(fd, at))
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
	owed_to_workers(es, s);
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
	owed_to_workers(es, s);
	forget_if_told(es, s);
	return 0;
}

static void present_set(struct endpoints *es, uint32_t taker, bool is_present)
{
	uint64_t *word = taker < ENDPOINTS_DNS ? &es->gates : &es->dns;
	uint64_t bit = (uint64_t)1 << (taker < ENDPOINTS_DNS ? taker : taker - ENDPOINTS_DNS) % 64;

	assert(taker <= ENDPOINTS_NETD);
	if (taker != ENDPOINTS_NETD) /* it makes the changes, and need not be told of them */
		*word = is_present ? *word | bit : *word & ~bit;
}

void endpoints_begin(struct endpoints *es, uint32_t taker)
{
	present_set(es, taker, true);
	for (uint32_t i = 0; i < es->n; i++) {
		struct endpoint_socket *s = &es->all[i];

		owed_set(es, s, taker, s->fd >= 0 && is_for(es, s, taker));
	}
}

void endpoints_end(struct endpoints *es, uint32_t taker)
{
	present_set(es, taker, false);
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
