/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Updates (RFC 2136). Who signed is known here; control looks again, changes the zone, and says what became of it when it is enforced. Until
 * then the update waits here, for no longer than UPDATE_WAIT_MS. One that is sent again meanwhile waits as the first one.
 */
#include "base/log.h"
#include "dns/slow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define UPDATES_MAX    64
#define UPDATE_WAIT_MS 30000 /* control answers sooner */
#define RCODE_LAST     10    /* NOTZONE */

struct updates {
	struct list waiting;
	uint64_t last; /* number of a request */
	unsigned n;
};

struct waiting {
	struct list node;
	struct timer timer;
	uint64_t request;
	struct later *later;
	struct signature signature;
};

int updates_init(struct dns_worker *w)
{
	w->updates = calloc(1, sizeof(*w->updates));
	if (!w->updates)
		return -ENOMEM;
	list_init(&w->updates->waiting);
	return 0;
}

static void waiting_free(struct dns_worker *w, struct waiting *u)
{
	timer_cancel(&u->timer);
	list_remove(&u->node);
	w->updates->n--;
	explicit_bzero(&u->signature, sizeof(u->signature));
	free(u);
}

void updates_done(struct dns_worker *w)
{
	if (!w->updates)
		return;
	while (!list_is_empty(&w->updates->waiting)) {
		struct waiting *u = container_of(w->updates->waiting.next, struct waiting, node);

		later_drop(w, u->later);
		waiting_free(w, u);
	}
	free(w->updates);
	w->updates = NULL;
}

/* --- what came of it ---------------------------------------------------------------------------------------------- */

static void waiting_end(struct dns_worker *w, struct waiting *u, uint32_t rcode)
{
	static uint8_t answer[2048]; /* a question, an OPT, and a TSIG */
	struct later *l = u->later;
	size_t n = dns_answer_error(&l->client, (enum dns_rcode)rcode, EDE_NONE, l->query, answer,
				    sizeof(answer));

	if (rcode == DNS_NOERROR)
		dns_count(w, updates_total);
	else
		dns_count(w, updates_refused_total);
	if (n > 0)
		n = signature_put(&u->signature, l->query, answer, n, sizeof(answer));
	if (n > 0)
		later_answer(w, l, answer, n);
	else
		later_drop(w, l);
	waiting_free(w, u);
}

void update_done(struct dns_worker *w, const struct msg_updated *m)
{
	list_foreach (it, &w->updates->waiting) {
		struct waiting *u = container_of(it, struct waiting, node);

		if (!m)
			waiting_end(w, u, DNS_SERVFAIL);
		else if (u->request == m->request)
			return waiting_end(w, u, m->rcode <= RCODE_LAST ? m->rcode : DNS_SERVFAIL);
	}
}

void update_timer(struct dns_worker *w, struct timer *t)
{
	waiting_end(w, container_of(t, struct waiting, timer), DNS_SERVFAIL);
}

/* --- what is asked -------------------------------------------------------------------------------------------------- */

static bool is_waiting(const struct slow *s)
{
	list_foreach (it, &s->w->updates->waiting) {
		const struct waiting *u = container_of(it, struct waiting, node);

		if (u->signature.chain.mac_len == s->signature.chain.mac_len &&
		    memcmp(u->signature.chain.mac, s->signature.chain.mac,
			   s->signature.chain.mac_len) == 0)
			return true;
	}
	return false;
}

static int update_send(struct slow *s, uint64_t request)
{
	static struct msg_octets octets[MSG_UPDATE_OCTETS_MAX / sizeof(struct msg_octets)];
	const size_t n = (s->len + sizeof(*octets) - 1) / sizeof(*octets);
	const struct msg_update update = {
		.request = request,
		.len = (uint32_t)s->len,
		.zone = s->zone.id,
		.router = s->served->router,
	};

	if (n == 0 || s->w->control.fd < 0)
		return -EPIPE;
	memset(&octets[n - 1], 0, sizeof(*octets));
	memcpy(octets, s->query, s->len);
	return msg_send(s->w->control.fd, MSG_UPDATE, &update, sizeof(update), octets, n, NULL);
}

static struct waiting *waiting_new(struct slow *s)
{
	struct updates *us = s->w->updates;
	struct waiting *u = us->n < UPDATES_MAX ? calloc(1, sizeof(*u)) : NULL;

	if (!u)
		return NULL;
	u->later = later_new(s->w, s->served, s->from, s->client, s->query, s->len);
	if (!u->later) {
		free(u);
		return NULL;
	}
	u->request = ++us->last;
	u->signature = s->signature;
	timer_init(&u->timer, DNS_TIMER_UPDATE);
	list_append(&us->waiting, &u->node);
	us->n++;
	return u;
}

size_t update_take(struct slow *s)
{
	struct waiting *u;

	if (is_waiting(s))
		return 0;
	if (s->len > MSG_UPDATE_OCTETS_MAX)
		return slow_answer(s, DNS_REFUSED, EDE_NONE);
	u = waiting_new(s);
	if (!u)
		return slow_answer(s, DNS_SERVFAIL, EDE_NONE);
	if (update_send(s, u->request) < 0) {
		later_drop(s->w, u->later);
		waiting_free(s->w, u);
		return slow_answer(s, DNS_SERVFAIL, EDE_NONE);
	}
	timer_set(&s->w->timers, &u->timer, s->w->now_ms + UPDATE_WAIT_MS);
	return 0;
}
