/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dns/forward_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>

static uint64_t min64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* --- life ------------------------------------------------------------------------------------------------------- */

/* Connections of clients need descriptors, too. */
static unsigned askers_max(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		limit.rlim_cur = 1024;
	return (unsigned)min64(limit.rlim_cur / 4, FORWARD_ASKERS_MAX);
}

int forwards_init(struct dns_worker *w)
{
	struct forwards *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	if (getrandom(f->key, sizeof(f->key), 0) != sizeof(f->key)) {
		free(f);
		return -EIO;
	}
	for (size_t i = 0; i < FORWARD_BUCKETS; i++)
		list_init(&f->buckets[i]);
	f->askers_max = askers_max();
	entropy_init(&f->entropy);
	pool_init(&f->daemon, 0);
	f->daemon.is_daemon = true;
	w->forwards = f;
	return 0;
}

static void ask_free(struct dns_worker *w, struct ask *a)
{
	struct forwards *f = w->forwards;

	queue_leave(w, a);
	timer_cancel(&a->timer);
	list_remove(&a->node);
	if (a->served)
		a->served->n_asked--;
	dns_count_set(w, DNS_forward_pending, --f->n_asks);
	while (!list_is_empty(&a->tries))
		try_end(w, container_of(a->tries.next, struct try, node));
	free(a);
}

static void partial_free(struct dns_worker *w, struct waiter *x)
{
	w->forwards->partial -= x->partial_len;
	free(x->partial);
	x->partial = NULL;
	x->partial_len = 0;
}

void waiter_free(struct dns_worker *w, struct waiter *x)
{
	partial_free(w, x);
	free(x);
}

bool waiter_keep(struct dns_worker *w, struct waiter *x, const uint8_t *partial, size_t len)
{
	struct forwards *f = w->forwards;

	partial_free(w, x);
	x->partial = f->partial + len <= FORWARD_PARTIAL_MAX ? malloc(len) : NULL;
	if (!x->partial)
		return false;
	memcpy(x->partial, partial, len);
	x->partial_len = (uint32_t)len;
	f->partial += len;
	return true;
}

/* The waiters are on `ret`; whatever they ask next is another ask. */
static void ask_end(struct dns_worker *w, struct ask *a, struct list *ret)
{
	list_init(ret);
	list_foreach (it, &a->waiters) {
		list_remove(it);
		list_append(ret, it);
	}
	ask_free(w, a);
}

static void ask_forget(struct dns_worker *w, struct ask *a)
{
	struct list waiters;

	ask_end(w, a, &waiters);
	list_foreach (it, &waiters) {
		struct waiter *x = container_of(it, struct waiter, node);

		list_remove(it);
		later_drop(w, x->later);
		waiter_free(w, x);
	}
}

void forwards_done(struct dns_worker *w)
{
	struct forwards *f = w->forwards;

	if (!f)
		return;
	/* Nobody gets an asker that is given back now. */
	for (size_t i = 0; i < FORWARD_BUCKETS; i++) {
		list_foreach (it, &f->buckets[i])
			queue_leave(w, container_of(it, struct ask, node));
	}
	for (size_t i = 0; i < FORWARD_BUCKETS; i++) {
		list_foreach (it, &f->buckets[i])
			ask_forget(w, container_of(it, struct ask, node));
	}
	pools_done(w);
	free(f);
	w->forwards = NULL;
}

/* --- which server first ----------------------------------------------------------------------------------------- */

static struct order *order_of(struct forwards *f, const struct question *q)
{
	const uint64_t hash = question_list_hash(q, f->key);
	struct order *o = &f->orders[hash % FORWARD_ORDERS];

	if (o->hash != hash)
		*o = (struct order){.hash = hash};
	return o;
}

static uint8_t order_first(struct dns_worker *w, const struct question *q)
{
	struct order *o = order_of(w->forwards, q);

	if (o->first == 0 || w->now_ms < o->again_ms)
		return o->first < q->n_servers ? o->first : 0;
	o->again_ms = w->now_ms + FORWARD_AGAIN_MS; /* one question sees whether it is back */
	return 0;
}

static void order_remember(struct dns_worker *w, const struct question *q, uint8_t server)
{
	struct order *o = order_of(w->forwards, q);

	if (o->first == server)
		return;
	o->first = server;
	o->again_ms = w->now_ms + FORWARD_AGAIN_MS;
}

/* --- what failed a moment ago (RFC 9520) ------------------------------------------------------------------------ */

static struct failed *failed_at(struct forwards *f, uint64_t hash)
{
	return &f->failed[hash % FORWARD_FAILED];
}

/* NULL: it has not, or not lately. */
static const struct failed *failed_find(struct dns_worker *w, uint64_t hash)
{
	const struct failed *x = failed_at(w->forwards, hash);

	return x->hash == hash && w->now_ms < x->until_ms ? x : NULL;
}

/* Again soon after it was forgotten: for longer. */
static void failed_remember(struct dns_worker *w, uint64_t hash, enum dns_rcode rcode)
{
	struct failed *x = failed_at(w->forwards, hash);
	uint64_t for_ms = FORWARD_FAILED_MS;

	if (x->hash == hash && w->now_ms < x->until_ms + FORWARD_BUDGET_MS + x->for_ms)
		for_ms = min64(2ull * x->for_ms, FORWARD_FAILED_MAX);
	*x = (struct failed){hash, w->now_ms + for_ms, (uint32_t)for_ms, (uint16_t)rcode};
}

static void failed_forget(struct dns_worker *w, uint64_t hash)
{
	struct failed *x = failed_at(w->forwards, hash);

	if (x->hash == hash)
		x->hash = 0;
}

/* --- asks ------------------------------------------------------------------------------------------------------- */

static struct list *bucket_of(struct forwards *f, uint64_t hash)
{
	return &f->buckets[hash % FORWARD_BUCKETS];
}

static struct ask *ask_find(struct forwards *f, const struct question *q, uint64_t hash)
{
	list_foreach (it, bucket_of(f, hash)) {
		struct ask *a = container_of(it, struct ask, node);

		if (a->hash == hash && question_is_equal(&a->q, q))
			return a;
	}
	return NULL;
}

/* s: whose question it is. NULL: too many are under way, in all or of it by the daemon's sockets, or no memory. */
static struct ask *ask_new(struct dns_worker *w, struct served *s, const struct question *q,
			   uint64_t hash)
{
	struct forwards *f = w->forwards;
	struct ask *a;

	if (f->n_asks >= FORWARD_ASKS_MAX ||
	    (q->from_daemon && s->n_asked >= FORWARD_SHARE(f->askers_max)))
		return NULL;
	a = calloc(1, sizeof(*a));
	if (!a)
		return NULL;
	if (q->from_daemon) {
		a->served = s;
		s->n_asked++;
	}
	a->q = *q;
	a->hash = hash;
	a->begun_ms = w->now_ms;
	a->rcode = DNS_SERVFAIL;
	a->first = order_first(w, q);
	timer_init(&a->timer, DNS_TIMER_FORWARD);
	list_init(&a->node);
	list_init(&a->waiters);
	list_init(&a->tries);
	list_init(&a->queued);
	list_append(bucket_of(f, hash), &a->node);
	dns_count_set(w, DNS_forward_pending, ++f->n_asks);
	return a;
}

void ask_timer_set(struct dns_worker *w, struct ask *a)
{
	timer_set(&w->timers, &a->timer, min64(a->next_ms, a->begun_ms + FORWARD_BUDGET_MS));
}

void forward_timer(struct dns_worker *w, struct timer *t)
{
	struct ask *a = container_of(t, struct ask, timer);

	if (w->now_ms >= a->begun_ms + FORWARD_BUDGET_MS) {
		ask_failed(w, a);
	} else if (a->side && !list_is_empty(&a->side->used)) {
		/* Its turn has not come. Where none is used, nobody will give one back. */
		a->next_ms = w->now_ms + FORWARD_NEXT_MS;
		ask_timer_set(w, a);
	} else {
		queue_leave(w, a);
		ask_next(w, a);
	}
}

void ask_failed(struct dns_worker *w, struct ask *a)
{
	const bool is_said = a->said == (1u << a->q.n_servers) - 1;
	const enum dns_rcode rcode = is_said ? (enum dns_rcode)a->rcode : DNS_SERVFAIL;
	const bool was_asked = a->n_tries > 0;
	struct list waiters;

	dns_count(w, forward_failures_total);
	if (was_asked)
		failed_remember(w, a->hash, rcode);
	ask_end(w, a, &waiters);
	list_foreach (it, &waiters)
		waiter_fail(w, container_of(it, struct waiter, node), rcode,
			    is_said ? EDE_FORWARDED : EDE_NO_UPSTREAM);
}

void ask_answered(struct dns_worker *w, struct ask *a, uint8_t server, const struct reply *r)
{
	const struct question q = a->q;
	struct list waiters;

	dns_count(w, forward_answers_total);
	order_remember(w, &q, server);
	failed_forget(w, a->hash);
	ask_end(w, a, &waiters);
	list_foreach (it, &waiters) {
		list_remove(it);
		waiter_answer(w, container_of(it, struct waiter, node), &q, r);
	}
}

/* --- waiters ---------------------------------------------------------------------------------------------------- */

void waiter_fail(struct dns_worker *w, struct waiter *x, enum dns_rcode rcode, enum dns_ede ede)
{
	struct later *l = x->later;
	const size_t end = l->client.query.question_end;
	uint8_t *out = w->forwards->out;
	size_t n;

	list_remove(&x->node);
	memcpy(out, l->query, end);
	memset(out + 2, 0, 2);
	memset(out + 6, 0, 6);
	n = dns_answer_finish(&l->client, rcode, ede, out, end, DNS_MESSAGE_MAX);
	if (n > 0)
		later_answer(w, l, out, n);
	else
		later_drop(w, l);
	waiter_free(w, x);
}

/* The name is at target_at of what was written, or the query's own. */
static void question_of_waiter(const struct waiter *x, struct question *q)
{
	const struct dns_client *c = &x->later->client;

	memset(q, 0, sizeof(*q));
	q->router = x->later->served->router;
	q->type = c->query.type;
	q->from_daemon = c->from_daemon;
	q->has_do = c->query.has_edns && c->query.has_do;
	q->has_cd = c->query.flags[1] & DNS_CD;
	q->n_servers = c->n_servers;
	memcpy(q->servers, c->servers, c->n_servers * sizeof(*c->servers));
	if (x->partial) {
		q->name_len = (uint8_t)dname_size(x->partial + c->target_at,
						  (size_t)c->answers_end - c->target_at);
		memcpy(q->name, x->partial + c->target_at, q->name_len);
		dname_fold(q->name, q->name_len);
	} else {
		q->name_len = c->query.name.len;
		memcpy(q->name, c->query.name.wire, q->name_len);
	}
}

void waiter_ask(struct dns_worker *w, struct waiter *x)
{
	struct forwards *f = w->forwards;
	const struct failed *failed;
	struct question q;
	struct ask *a;
	uint64_t hash;

	question_of_waiter(x, &q);
	if (q.name_len == 0 || q.n_servers == 0) {
		waiter_fail(w, x, DNS_SERVFAIL, EDE_NO_UPSTREAM);
		return;
	}
	x->later->client.servers = NULL; /* were borrowed */
	hash = question_hash(&q, f->key);
	a = ask_find(f, &q, hash);
	if (a) {
		dns_count(w, forward_merged_total);
		list_append(&a->waiters, &x->node);
		return;
	}
	if (w->now_ms - x->begun_ms >= FORWARD_BUDGET_MS) {
		waiter_fail(w, x, DNS_SERVFAIL, EDE_NO_UPSTREAM);
		return;
	}
	failed = failed_find(w, hash);
	if (failed) {
		waiter_fail(w, x, (enum dns_rcode)failed->rcode, EDE_FAILED_LATELY);
		return;
	}
	a = ask_new(w, x->later->served, &q, hash);
	if (!a) {
		dns_count(w, dropped_busy_total);
		later_drop(w, x->later);
		waiter_free(w, x);
		return;
	}
	list_append(&a->waiters, &x->node);
	ask_next(w, a);
}

static bool partial_copy(struct dns_worker *w, struct waiter *x, const uint8_t *partial, size_t len)
{
	const struct dns_client *c = &x->later->client;

	if (c->outcome != DNS_FORWARD_TARGET)
		return true;
	if (c->answers_end > len || c->target_at >= c->answers_end)
		return false;
	return waiter_keep(w, x, partial, c->answers_end);
}

void forward_take(struct dns_worker *w, struct served *s, const struct from *from,
		  const struct dns_client *client, const uint8_t *query, size_t query_len,
		  const uint8_t *partial, size_t len)
{
	/* What is behind the question is no longer needed: by TCP it may be 64 KiB. */
	const size_t kept = client->query.question_end;
	struct later *l = later_new(w, s, from, client, query, query_len < kept ? query_len : kept);
	struct waiter *x;

	if (!l)
		return;
	x = calloc(1, sizeof(*x));
	if (!x) {
		later_drop(w, l);
		return;
	}
	list_init(&x->node);
	x->later = l;
	x->begun_ms = w->now_ms;
	/* What later_new() does not keep, since it is borrowed. */
	l->client.servers = client->servers;
	l->client.n_servers = client->n_servers;
	if (!partial_copy(w, x, partial, len)) {
		waiter_fail(w, x, DNS_SERVFAIL, EDE_NO_UPSTREAM);
		return;
	}
	waiter_ask(w, x);
}
