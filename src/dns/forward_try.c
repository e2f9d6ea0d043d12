/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dns/forward_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define READS_MAX 16 /* datagrams of one event */

static const uint8_t *question_of(const struct try *t)
{
	return t->query + 2 + DNS_HEADER_BYTES;
}

static uint8_t bit(const struct try *t)
{
	return (uint8_t)(1u << t->server);
}

/* --- life ------------------------------------------------------------------------------------------------------- */

void try_drop(struct try *t)
{
	list_remove(&t->node);
	t->ask->n_open--;
	t->asker->try = NULL;
	free(t->answer);
	free(t);
}

void try_end(struct dns_worker *w, struct try *t)
{
	struct asker *s = t->asker;

	try_drop(t);
	asker_give_back(w, s);
}

static struct try *try_new(struct forwards *f, struct ask *a, struct asker *s, uint8_t server)
{
	struct try *t = calloc(1, sizeof(*t));
	size_t n;

	if (!t)
		return NULL;
	t->ask = a;
	t->asker = s;
	t->server = server;
	t->is_tcp = s->kind == ASKER_TCP;
	t->has_edns = !(a->no_edns & bit(t));
	n = question_write(&a->q, &f->entropy, a->plain_case & bit(t), t->has_edns, t->query + 2);
	if (n == 0) {
		free(t);
		return NULL;
	}
	t->query[0] = (uint8_t)(n >> 8);
	t->query[1] = (uint8_t)n;
	t->query_len = (uint16_t)(2 + n);
	s->try = t;
	list_append(&a->tries, &t->node);
	a->n_open++;
	return t;
}

/* True: it is under way. */
static bool try_send(struct try *t)
{
	const struct view_server *to = &t->ask->q.servers[t->server];
	struct sockaddr_storage sa;
	const socklen_t len = addr_to_sockaddr(&to->addr, to->port, &sa);
	const int fd = t->asker->source.fd;

	if (connect(fd, (const struct sockaddr *)&sa, len) < 0)
		return t->is_tcp && errno == EINPROGRESS;
	return t->is_tcp || send(fd, t->query + 2, t->query_len - 2u, MSG_DONTWAIT) >= 0;
}

/* Not at once to the next server: this may be happening to many, one within the other. */
static void next_soon(struct dns_worker *w, struct ask *a)
{
	if (a->turn >= a->q.n_servers)
		return;
	a->next_ms = w->now_ms;
	ask_timer_set(w, a);
}

void try_begin(struct dns_worker *w, struct ask *a, struct asker *s, uint8_t server)
{
	struct try *t = try_new(w->forwards, a, s, server);

	if (!t) {
		asker_give_back(w, s);
		return;
	}
	dns_count(w, forwarded_total);
	if (t->is_tcp)
		dns_count(w, forward_tcp_total);
	if (try_send(t))
		return;
	try_end(w, t); /* no way there */
	next_soon(w, a);
}

/* --- which server ----------------------------------------------------------------------------------------------- */

static void ask_server(struct dns_worker *w, struct ask *a, uint8_t server, bool is_tcp)
{
	struct asker *s;

	if (a->n_tries >= FORWARD_TRIES_MAX)
		return; /* it waits for what is open, until its time is over */
	while (a->n_open >= FORWARD_OPEN_MAX)
		try_end(w, container_of(a->tries.next, struct try, node));
	s = asker_take(w, a, server, is_tcp);
	if (!s)
		return;
	a->n_tries++;
	try_begin(w, a, s, server);
}

void ask_next(struct dns_worker *w, struct ask *a)
{
	const uint8_t n = a->q.n_servers;

	for (unsigned i = 0; i < n; i++) {
		const uint8_t server = (uint8_t)((a->first + a->turn) % n);

		a->turn = a->turn == UINT8_MAX ? n : (uint8_t)(a->turn + 1);
		if (a->said >> server & 1)
			continue;
		a->next_ms = w->now_ms + FORWARD_NEXT_MS;
		ask_timer_set(w, a);
		if (a->turn < n && pool_lacks(w->forwards, &a->q, server))
			next_soon(w, a);
		else
			ask_server(w, a, server, false);
		return;
	}
	ask_failed(w, a);
}

/* At once, as long as there are some that were not asked; those that were are asked again by the timer. */
static void try_failed(struct dns_worker *w, struct try *t)
{
	struct ask *a = t->ask;

	try_end(w, t);
	if (a->turn < a->q.n_servers)
		ask_next(w, a);
}

static void try_again(struct dns_worker *w, struct try *t, bool is_tcp)
{
	struct ask *a = t->ask;
	const uint8_t server = t->server;

	try_end(w, t);
	ask_server(w, a, server, is_tcp);
}

/* --- answers ---------------------------------------------------------------------------------------------------- */

/* This server cannot answer the question. The others may. */
static void try_said(struct dns_worker *w, struct try *t, uint16_t rcode)
{
	struct ask *a = t->ask;

	a->rcode = a->said == 0 || a->rcode == rcode ? rcode : DNS_SERVFAIL;
	a->said |= bit(t);
	try_end(w, t);
	ask_next(w, a);
}

/* Not to what was asked. So many of them are an attempt to guess the id and port: TCP cannot be forged like that (RFC 5452 section 9.1). */
static bool try_strange(struct dns_worker *w, struct try *t)
{
	dns_count(w, forward_rejected_total);
	if (t->is_tcp) {
		try_failed(w, t);
		return true;
	}
	if (++t->strange < FORWARD_STRANGE_MAX)
		return false;
	try_again(w, t, true);
	return true;
}

static void try_answered(struct dns_worker *w, struct try *t, const struct reply *r)
{
	struct ask *a = t->ask;

	if (r->is_truncated && !t->is_tcp) {
		try_again(w, t, true);
	} else if (r->is_truncated || reply_is_referral(r)) {
		dns_count(w, forward_malformed_total);
		try_said(w, t, DNS_SERVFAIL);
	} else if ((r->rcode == DNS_FORMERR || r->rcode == DNS_NOTIMP) && t->has_edns &&
		   !r->has_edns && !a->q.has_do) {
		a->no_edns |= bit(t); /* one who does not know EDNS (RFC 6891 section 7) */
		try_again(w, t, t->is_tcp);
	} else if (r->rcode != DNS_NOERROR && r->rcode != DNS_NXDOMAIN) {
		/* One of more than four bits is between the server and us; cut to four it would be another. */
		try_said(w, t, r->rcode < 16 ? r->rcode : DNS_SERVFAIL);
	} else {
		ask_answered(w, a, t->server, r);
	}
}

/* False: the try goes on. */
static bool try_take(struct dns_worker *w, struct try *t, uint8_t *p, size_t len)
{
	const uint8_t *id = t->query + 2;
	struct reply r;

	switch (reply_read(&r, p, len, (uint16_t)(id[0] << 8 | id[1]), question_of(t),
			   t->ask->q.name_len + 4u)) {
	case REPLY_CASE:
		if (t->ask->plain_case & bit(t))
			return try_strange(w, t);
		dns_count(w, forward_rejected_total);
		t->ask->plain_case |= bit(t);
		try_again(w, t, t->is_tcp);
		return true;
	case REPLY_MALFORMED:
		dns_count(w, forward_malformed_total);
		try_said(w, t, DNS_SERVFAIL);
		return true;
	case REPLY_GOOD:
		/* Names that lean on the question's are not to show our mixture of letters. */
		memcpy(p + DNS_HEADER_BYTES, t->ask->q.name, t->ask->q.name_len);
		try_answered(w, t, &r);
		return true;
	default:
		return try_strange(w, t);
	}
}

/* --- UDP -------------------------------------------------------------------------------------------------------- */

static void udp_read(struct dns_worker *w, struct asker *s)
{
	struct forwards *f = w->forwards;
	struct try *const t = s->try;

	for (int i = 0; i < READS_MAX; i++) {
		const ssize_t n = recv(s->source.fd, f->message, sizeof(f->message), MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			try_failed(w, t); /* nobody is there, ICMP says */
			return;
		}
		if (try_take(w, t, f->message, (size_t)n))
			return;
	}
}

/* --- TCP -------------------------------------------------------------------------------------------------------- */

/* 1: all was sent, 0: later, -1: it failed, as also one does of which no connection came. */
static int tcp_write(struct try *t)
{
	while (t->sent < t->query_len) {
		const ssize_t n = send(t->asker->source.fd, t->query + t->sent,
				       (size_t)t->query_len - t->sent, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN ? 0 : -1;
		t->sent = (uint16_t)(t->sent + n);
	}
	return 1;
}

/* Octets into dst, of which *got are there already. 1: all are, 0: later, -1: it failed or ended. */
static int tcp_fill(int fd, uint8_t *dst, size_t want, uint16_t *got, size_t before)
{
	while (*got < before + want) {
		const size_t have = *got - before;
		const ssize_t n = recv(fd, dst + have, want - have, MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n <= 0)
			return -1;
		*got = (uint16_t)(*got + n);
	}
	return 1;
}

/* An answer of 65534 octets or more would not be counted in 16 bits with its length. */
#define TCP_ANSWER_MAX (UINT16_MAX - 2)

static int tcp_fill_answer(struct try *t, size_t *ret_len)
{
	const int fd = t->asker->source.fd;
	int r = tcp_fill(fd, t->length, 2, &t->got, 0);

	if (r <= 0)
		return r;
	*ret_len = (size_t)t->length[0] << 8 | t->length[1];
	if (*ret_len < DNS_HEADER_BYTES || *ret_len > TCP_ANSWER_MAX)
		return -1;
	if (!t->answer)
		t->answer = malloc(*ret_len);
	return t->answer ? tcp_fill(fd, t->answer, *ret_len, &t->got, 2) : -1;
}

static void tcp_ready(struct dns_worker *w, struct try *t)
{
	size_t len = 0;
	uint8_t *answer;
	int r = tcp_write(t);

	if (r > 0)
		r = tcp_fill_answer(t, &len);
	if (r < 0) {
		try_failed(w, t);
		return;
	}
	if (r == 0)
		return;
	answer = t->answer;
	t->answer = NULL; /* outlives the try */
	(void)try_take(w, t, answer, len);
	free(answer);
}

void asker_ready(struct dns_worker *w, struct source *source, uint32_t events)
{
	struct asker *s = container_of(source, struct asker, source);

	if (s->source.fd < 0 || !s->try)
		return; /* closed, or idle since */
	if (s->kind == ASKER_TCP)
		tcp_ready(w, s->try);
	else
		udp_read(w, s);
}
