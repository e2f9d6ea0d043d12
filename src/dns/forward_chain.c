/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a client is told: the records that a server gave for the name that is looked for, and as long as that is a CNAME, what comes next. Where the target
 * leads is for the client's view to say, each time: it may be a name of a zone that is linked there, of which whatever the server
 * says is not believed, or of other servers.
 */
#include "dns/forward_int.h"

#include <stdlib.h>
#include <string.h>

struct chain {
	struct dns_worker *w;
	struct waiter *x;
	struct dns_client *client;
	const struct question *q;
	const struct reply *r;
	struct reply_copy copy;
	uint8_t name[DNAME_MAX];	  /* that is looked for */
	size_t owners[DNS_STEPS_MAX + 1]; /* where the names so far stand */
	unsigned n_owners;
};

static void be16_put(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static unsigned be16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* Header, question and what was answered before, in the worker's buffer. */
static void begin(struct chain *c)
{
	const struct dns_client *client = c->client;
	const struct later *l = c->x->later;
	const bool is_first = !c->x->partial;
	uint8_t *out = c->w->forwards->out;

	c->copy = (struct reply_copy){.out = out, .cap = DNS_MESSAGE_MAX};
	c->copy.at = is_first ? client->query.question_end : client->answers_end;
	c->copy.owner = is_first ? DNS_HEADER_BYTES : client->target_at;
	memcpy(out, is_first ? l->query : c->x->partial, c->copy.at);
	if (is_first) {
		out[2] = 0; /* not authoritative */
		be16_put(out + 6, 0);
	}
	be16_put(out + 8, 0);
	be16_put(out + 10, 0);
	memcpy(c->name, c->q->name, c->q->name_len);
	c->owners[c->n_owners++] = c->copy.owner;
}

static void tell(struct chain *c, size_t len)
{
	if (len > 0)
		later_answer(c->w, c->x->later, c->copy.out, len);
	else
		later_drop(c->w, c->x->later);
	waiter_free(c->w, c->x);
}

/* The answer is whole. authorities: records behind those of the answer section. */
static void finish(struct chain *c, enum dns_rcode rcode, unsigned authorities)
{
	uint8_t *out = c->copy.out;

	be16_put(out + 8, authorities);
	tell(c, dns_answer_finish(c->client, rcode, EDE_NONE, out,
				  c->copy.is_full ? SIZE_MAX : c->copy.at, c->copy.cap));
}

/* What was copied is of the answer section. */
static void answers_count(struct chain *c)
{
	be16_put(c->copy.out + 6, be16(c->copy.out + 6) + c->copy.n);
	c->copy.n = 0;
}

/* Somebody else is to be asked, or the same once more. */
static void ask_on(struct chain *c)
{
	if (!waiter_keep(c->w, c->x, c->copy.out, c->client->answers_end)) {
		waiter_fail(c->w, c->x, DNS_SERVFAIL, EDE_NO_UPSTREAM);
		return;
	}
	waiter_ask(c->w, c->x);
}

static bool is_loop(const struct chain *c, size_t target)
{
	for (unsigned i = 0; i < c->n_owners; i++) {
		if (dname_is_equal(c->copy.out + c->owners[i], c->copy.out + target))
			return true;
	}
	return false;
}

/*
 * The CNAME's target is at an offset of what is written. True: what the same server said of it counts. False: c is done with.
 */
static bool follow(struct chain *c, size_t target)
{
	struct dns_client *client = c->client;
	const size_t end = c->copy.at;
	size_t n;

	client->steps++;
	answers_count(c);
	if (client->steps >= DNS_STEPS_MAX || c->n_owners > DNS_STEPS_MAX || is_loop(c, target) ||
	    target > DNS_POINTER_MAX) {
		finish(c, DNS_NOERROR, 0);
		return false;
	}
	dns_worker_data(c->w);
	client->target_at = (uint16_t)target;
	n = dns_answer_resume(&c->x->later->served->view, client, c->copy.out, end, c->copy.cap);
	if (client->outcome != DNS_FORWARD_TARGET) {
		tell(c, n);
		return false;
	}
	if (client->target_at != target || client->answers_end != end ||
	    !question_is_of(c->q, c->q->router, client)) {
		ask_on(c);
		return false;
	}
	c->copy.owner = target;
	c->owners[c->n_owners++] = target;
	memcpy(c->name, c->copy.out + target, dname_size(c->copy.out + target, end - target));
	return true;
}

/* The server has no record for the name, at which its own chain ends. */
static void negative(struct chain *c)
{
	const bool has_soa = reply_put_soa(c->r, c->name, c->q->has_do, &c->copy);

	if (c->n_owners > 1 && !has_soa && c->r->rcode == DNS_NOERROR)
		ask_on(c); /* it stops short */
	else
		finish(c, (enum dns_rcode)c->r->rcode, c->copy.n);
}

void waiter_answer(struct dns_worker *w, struct waiter *x, const struct question *q,
		   const struct reply *r)
{
	struct chain c = {.w = w, .x = x, .client = &x->later->client, .q = q, .r = r};
	size_t target;

	begin(&c);
	do {
		if (reply_put_answers(r, c.name, q->type, q->has_do, &c.copy)) {
			answers_count(&c);
			finish(&c, DNS_NOERROR, 0);
			return;
		}
		target = reply_put_cname(r, c.name, q->has_do, &c.copy);
		if (c.copy.is_full) {
			finish(&c, DNS_NOERROR, 0);
			return;
		}
		if (target == 0) {
			negative(&c);
			return;
		}
	} while (follow(&c, target));
}
