/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A zone goes out by TCP (RFC 5936): SOA, every record, SOA, in messages of up to 16 KiB, each signed. It is copied when it is asked for,
 * so that it is one version whatever changes meanwhile; so few are under way at a time.
 *
 * Offsets within 16 KiB can all be pointed at: the question stands in each message, and names are written below it.
 */
#include "base/log.h"
#include "dns/slow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TRANSFERS_MAX	 4 /* at a time */
#define TRANSFER_MESSAGE 16384
#define SOA_NUMBERS	 20 /* behind the two names: serial and four times */
#define QUESTION_OWNER	 (0xc000 | DNS_HEADER_BYTES)

struct transfers {
	unsigned n;
};

struct transfer {
	struct tcp_stream stream;
	struct signature signature;
	uint8_t *query; /* copies, of the question and its signature, and of the zone */
	uint8_t *blob;
	struct zone zone;
	uint16_t question_end;
	/* Where it is: */
	enum { AT_FIRST_SOA, AT_NODES, AT_LAST_SOA, AT_END } at;
	uint32_t slot; /* of the node, or the next one */
	bool has_node;
	const uint8_t *relative;
	size_t relative_len, set_index, set_at;
	struct zone_node node;
	uint64_t records;
};

/* A message as it is written. */
struct page {
	uint8_t *out;
	size_t at, limit;
	uint16_t owner; /* pointer to the node's name in it; 0: not written yet */
	unsigned records;
};

int transfers_init(struct dns_worker *w)
{
	w->transfers = calloc(1, sizeof(*w->transfers));
	return w->transfers ? 0 : -ENOMEM;
}

void transfers_done(struct dns_worker *w)
{
	free(w->transfers);
	w->transfers = NULL;
}

/* --- messages --------------------------------------------------------------------------------------------------- */

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

static struct page page_begin(const struct transfer *t, uint8_t *out, size_t cap)
{
	struct page p = {.out = out, .at = t->question_end};
	const size_t limit = cap < TRANSFER_MESSAGE ? cap : TRANSFER_MESSAGE;

	p.limit = limit - signature_size(&t->signature);
	memcpy(out, t->query, t->question_end);
	out[2] = (uint8_t)(DNS_QR | DNS_AA | (t->query[2] & DNS_RD));
	out[3] = 0;
	put16(out + 8, 0);
	put16(out + 10, 0);
	return p;
}

static size_t page_end(struct transfer *t, struct page *p, size_t cap)
{
	put16(p->out + 6, p->records);
	t->records += p->records;
	return signature_put(&t->signature, t->query, p->out, p->at, cap);
}

/* False: no room. relative: the owner below the question's name, len octets. */
static bool record_put(struct page *p, const uint8_t *relative, size_t len, uint16_t type,
		       uint32_t ttl, const struct zone_rdata *rdata)
{
	const size_t owner = p->owner ? 2 : len + 2;
	uint8_t *out = p->out + p->at;

	if (owner + 10 + rdata->len > p->limit - p->at || p->records == UINT16_MAX)
		return false;
	if (p->owner) {
		put16(out, p->owner);
	} else {
		memcpy(out, relative, len);
		put16(out + len, QUESTION_OWNER);
		p->owner = (uint16_t)(0xc000 | p->at);
	}
	out += owner;
	put16(out, type);
	put16(out + 2, RR_CLASS_IN);
	put32(out + 4, ttl);
	put16(out + 8, rdata->len);
	memcpy(out + 10, rdata->bytes, rdata->len);
	p->at += owner + 10 + rdata->len;
	p->records++;
	return true;
}

static bool soa_put(const struct transfer *t, struct page *p)
{
	struct zone_rrset soa;
	struct zone_rdata rdata;
	size_t at = 0;
	uint32_t ttl;

	p->owner = QUESTION_OWNER;
	return zone_soa(&t->zone, &soa) && zone_rrset_next(&soa, &at, &rdata, &ttl) &&
	       record_put(p, NULL, 0, RR_SOA, ttl, &rdata);
}

/* --- the walk --------------------------------------------------------------------------------------------------- */

/* The rest of the node's records. False: the page is full. */
static bool node_put(struct transfer *t, struct page *p)
{
	struct zone_rrset set;

	for (; zone_node_nth(&t->node, t->set_index, &set); t->set_index++, t->set_at = 0) {
		struct zone_rdata rdata;
		uint32_t ttl;

		if (set.type == RR_SOA)
			continue;
		for (size_t at = t->set_at; zone_rrset_next(&set, &at, &rdata, &ttl);
		     t->set_at = at)
			if (!record_put(p, t->relative, t->relative_len, set.type, ttl, &rdata))
				return false;
	}
	return true;
}

static int node_next(struct transfer *t)
{
	t->set_index = t->set_at = 0;
	return zone_next(&t->zone, &t->slot, &t->relative, &t->relative_len, &t->node);
}

/* False: the page is full, or the copy is damaged, which it was not when it was made. */
static bool nodes_put(struct transfer *t, struct page *p)
{
	for (;;) {
		if (!t->has_node) {
			const int r = node_next(t);

			if (r <= 0)
				return r == 0;
			t->has_node = true;
		}
		p->owner = t->relative_len == 0 ? QUESTION_OWNER : 0;
		if (!node_put(t, p))
			return false;
		t->has_node = false;
	}
}

static size_t more(struct dns_worker *w, struct tcp_stream *s, uint8_t *out, size_t cap)
{
	struct transfer *t = container_of(s, struct transfer, stream);
	struct page p;

	if (t->at == AT_END)
		return 0;
	p = page_begin(t, out, cap);
	if (t->at == AT_FIRST_SOA && soa_put(t, &p))
		t->at = AT_NODES;
	if (t->at == AT_NODES && nodes_put(t, &p))
		t->at = AT_LAST_SOA;
	if (t->at == AT_LAST_SOA && soa_put(t, &p))
		t->at = AT_END;
	return p.records ? page_end(t, &p, cap) : 0;
}

static void transfer_free(struct dns_worker *w, struct transfer *t)
{
	w->transfers->n--;
	explicit_bzero(&t->signature, sizeof(t->signature));
	free(t->query);
	free(t->blob);
	free(t);
}

static void end(struct dns_worker *w, struct tcp_stream *s)
{
	struct transfer *t = container_of(s, struct transfer, stream);

	if (t->at == AT_END)
		dns_count(w, transfers_total);
	log_event(t->at == AT_END ? LOG_INFO : LOG_WARN,
		  t->at == AT_END ? "transfer.done" : "transfer.broken",
		  LF_UINT("zone", t->zone.id), LF_UINT("serial", t->zone.serial),
		  LF_UINT("records", t->records));
	transfer_free(w, t);
}

static struct transfer *transfer_new(struct slow *s)
{
	struct transfer *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	s->w->transfers->n++;
	t->stream = (struct tcp_stream){.more = more, .end = end};
	t->signature = s->signature;
	t->question_end = s->client->query.question_end;
	t->query = malloc(s->len);
	t->blob = malloc(s->zone.len);
	if (!t->query || !t->blob) {
		transfer_free(s->w, t);
		return NULL;
	}
	memcpy(t->query, s->query, s->len);
	memcpy(t->blob, s->zone.blob, s->zone.len);
	if (zone_open(t->blob, s->zone.len, &t->zone) < 0) {
		transfer_free(s->w, t);
		return NULL;
	}
	return t;
}

/* --- what is asked ---------------------------------------------------------------------------------------------- */

/* The serial that who asks for IXFR has, RFC 1995 section 3. False: none is said. */
static bool serial_read(const struct slow *s, uint32_t *ret_serial)
{
	const uint8_t *p = s->query + s->client->query.question_end;
	const uint8_t *end_at = s->query + s->signature.tsig.at;

	if (s->query[9] != 1 || end_at - p < SOA_NUMBERS)
		return false;
	/* It is the authority section's one record; an OPT may be behind it, so its own length counts. */
	while (p < end_at && *p && *p < 0xc0)
		p += *p + 1;
	p += p < end_at && *p ? 2 : 1;
	if (end_at - p < 10 || (p[0] << 8 | p[1]) != RR_SOA ||
	    end_at - p - 10 < (p[8] << 8 | p[9]) || (p[8] << 8 | p[9]) < SOA_NUMBERS)
		return false;
	p += 10 + (p[8] << 8 | p[9]) - SOA_NUMBERS;
	*ret_serial = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
	return true;
}

/* Only the SOA: "you have it already", or by UDP, "come by TCP if you have not" (RFC 1995 section 2). */
static size_t soa_answer(struct slow *s)
{
	struct transfer t = {
		.signature = s->signature,
		.query = (uint8_t *)(uintptr_t)s->query,
		.question_end = s->client->query.question_end,
		.zone = s->zone,
	};
	struct page p = page_begin(&t, s->out, s->cap);
	const size_t n = soa_put(&t, &p) ? page_end(&t, &p, s->cap) : 0;

	s->client->rcode = DNS_NOERROR;
	return n;
}

static bool has_it_already(const struct slow *s)
{
	uint32_t serial;

	/* RFC 1982: ours is not greater. */
	return s->client->query.type == RR_IXFR && serial_read(s, &serial) &&
	       (serial == s->zone.serial || serial - s->zone.serial < 0x80000000u);
}

size_t transfer_take(struct slow *s)
{
	struct transfer *t;

	if (s->client->query.type == RR_IXFR && (!s->client->is_tcp || has_it_already(s)))
		return soa_answer(s);
	if (!s->client->is_tcp)
		return slow_answer(s, DNS_FORMERR, EDE_NOT_SUPPORTED);
	t = s->w->transfers->n < TRANSFERS_MAX ? transfer_new(s) : NULL;
	if (t && tcp_stream(s->w, s->from->tcp, &t->stream))
		return 0;
	if (t)
		transfer_free(s->w, t);
	dns_count(s->w, transfers_refused_total);
	return slow_answer(s, DNS_SERVFAIL, EDE_NONE);
}
