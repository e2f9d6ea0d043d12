/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dns/slow.h"

#include <string.h>

#define SIGNED_BYTES_MIN 300 /* room that an answer needs before its signature to be of any use */

int slow_init(struct dns_worker *w)
{
	int r = transfers_init(w);

	return r < 0 ? r : updates_init(w);
}

void slow_done(struct dns_worker *w)
{
	updates_done(w);
	transfers_done(w);
}

/* Where the query is kept while an answer is written over it. */
static const uint8_t *query_keep(const uint8_t *query, size_t len, const uint8_t *out)
{
	static uint8_t kept[DNS_MESSAGE_MAX];

	if (query != out || len > sizeof(kept))
		return query;
	return memcpy(kept, query, len);
}

size_t slow_answer(struct slow *s, enum dns_rcode rcode, enum dns_ede ede)
{
	size_t n = dns_answer_error(s->client, rcode, ede, s->query, s->out, s->cap);

	if (n == 0 || s->signature.tsig.at == 0 || s->signature.error == TSIG_FORMERR)
		return n;
	return signature_put(&s->signature, s->query, s->out, n, s->cap);
}

/* The zone of the view that the name is in, or of the internet's. 0 also if there is none; -ERR_UNAVAILABLE. */
static int zone_find_for(struct slow *s)
{
	struct dns_view *v = &s->served->view;
	uint32_t flags;
	int r = dns_view_refresh(v);

	if (r < 0 || s->client->query.name.len == 0)
		return r;
	r = dns_view_zone(v, false, &s->client->query.name, &s->zone, &flags);
	if (r == -ERR_NOT_FOUND && s->served->router != VIEW_INTERNET)
		r = dns_view_zone(v, true, &s->client->query.name, &s->zone, &flags);
	return r == -ERR_NOT_FOUND ? 0 : r;
}

static bool name_is_apex(const struct slow *s)
{
	const struct dns_name *name = &s->client->query.name;

	return s->zone.id && !s->zone.is_denied && name->len == s->zone.apex_len &&
	       memcmp(name->wire, s->zone.apex, name->len) == 0;
}

/* A plain question that is signed: answered as if it were not, and signed. */
static size_t question_take(struct slow *s)
{
	static uint8_t plain[DNS_MESSAGE_MAX];
	const size_t room = signature_size(&s->signature);
	const struct dns_query *q = &s->client->query;
	size_t limit = s->cap, n;
	unsigned additionals;

	if (!s->client->is_tcp) {
		size_t may = q->has_edns && q->udp_size > DNS_UDP_PLAIN_MAX ? q->udp_size
									    : DNS_UDP_PLAIN_MAX;

		if (may > DNS_UDP_MAX)
			may = DNS_UDP_MAX;
		limit = limit < may ? limit : may;
	}
	if (limit < room + SIGNED_BYTES_MIN)
		limit = s->cap; /* a long name of a key: rather a little too much than nothing */
	memcpy(plain, s->query, s->signature.tsig.at);
	additionals = ((unsigned)plain[10] << 8 | plain[11]) - 1;
	plain[10] = (uint8_t)(additionals >> 8);
	plain[11] = (uint8_t)additionals;
	s->client->takes = 0;
	n = dns_answer(&s->served->view, plain, s->signature.tsig.at, s->client, s->out,
		       limit - room);
	return n ? signature_put(&s->signature, s->query, s->out, n, s->cap) : 0;
}

static bool is_transfer(const struct dns_query *q)
{
	return q->opcode == DNS_OPCODE_QUERY && (q->type == RR_AXFR || q->type == RR_IXFR);
}

static size_t refused(struct slow *s)
{
	const struct dns_query *q = &s->client->query;

	if (is_transfer(q))
		dns_count(s->w, transfers_refused_total);
	else if (q->opcode == DNS_OPCODE_UPDATE)
		dns_count(s->w, updates_refused_total);
	return slow_answer(s, DNS_REFUSED, is_transfer(q) ? EDE_NO_TRANSFER : EDE_NONE);
}

/* Signed well. */
static size_t signed_take(struct slow *s)
{
	const struct dns_query *q = &s->client->query;
	const uint32_t may = s->signature.key.may;

	switch (q->opcode) {
	case DNS_OPCODE_UPDATE:
		return may & ZONE_KEY_UPDATE ? update_take(s) : refused(s);
	case DNS_OPCODE_QUERY:
		if (!is_transfer(q))
			return question_take(s);
		return may & ZONE_KEY_TRANSFER ? transfer_take(s) : refused(s);
	default:
		return slow_answer(s, DNS_NOTIMP, EDE_NOT_SUPPORTED);
	}
}

/* Is a zone's own name asked for that is the one to be asked? FORMERR, NOTAUTH: no. */
static enum dns_rcode zone_is_asked(const struct slow *s)
{
	const struct dns_query *q = &s->client->query;

	if (q->opcode == DNS_OPCODE_UPDATE) {
		/* RFC 2136 section 3.1 */
		if (q->name.len == 0 || q->type != RR_SOA)
			return DNS_FORMERR;
		if (q->class != RR_CLASS_IN)
			return DNS_NOTAUTH;
	} else if (!is_transfer(q)) {
		return DNS_NOERROR;
	}
	return name_is_apex(s) ? DNS_NOERROR : DNS_NOTAUTH;
}

size_t slow_take(struct dns_worker *w, struct served *served, const struct from *from,
		 struct dns_client *client, const uint8_t *query, size_t len, uint8_t *out,
		 size_t cap)
{
	struct slow s = {
		.w = w,
		.served = served,
		.from = from,
		.client = client,
		.query = query_keep(query, len, out),
		.len = len,
		.out = out,
		.cap = cap,
	};
	enum signature_state state;
	enum dns_rcode asked;

	dns_worker_data(w);
	if (zone_find_for(&s) < 0)
		return dns_answer_error(client, DNS_SERVFAIL, EDE_NOT_READY, s.query, out, cap);
	state = signature_read(&s.signature, w->snapshot, s.zone.id, s.query, len);
	asked = zone_is_asked(&s);
	switch (state) {
	case SIGNATURE_MALFORMED:
		dns_count(w, tsig_failures_total);
		return dns_answer_error(client, DNS_FORMERR, EDE_NONE, s.query, out, cap);
	case SIGNATURE_BAD:
		dns_count(w, tsig_failures_total);
		return slow_answer(&s, DNS_NOTAUTH, EDE_NONE);
	case SIGNATURE_NONE:
		if (client->query.opcode == DNS_OPCODE_NOTIFY)
			return slow_answer(&s, DNS_NOTIMP, EDE_NOT_SUPPORTED);
		return asked == DNS_NOERROR ? refused(&s) : slow_answer(&s, asked, EDE_NONE);
	case SIGNATURE_GOOD:
		break;
	}
	return asked == DNS_NOERROR ? signed_take(&s) : slow_answer(&s, asked, EDE_NONE);
}
