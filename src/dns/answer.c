/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dns/answer.h"

#include "dns/lookup.h"

#include <string.h>

#define ADDITIONAL_NAMES_MAX 8

/* One answer that is being made. */
struct work {
	const struct dns_view *view;
	struct dns_client *client;
	struct response r;
	const struct dns_name *name; /* that is looked for: the question's, or `target` */
	struct dns_name target;
	size_t owner;			  /* where that name stands in the message */
	size_t owners[DNS_STEPS_MAX + 1]; /* where those before stand */
};

enum next { NEXT_DONE, NEXT_FOLLOW };

static enum next fail(struct work *w, enum dns_rcode rcode, enum dns_ede ede)
{
	w->client->kind = DNS_KIND_ERROR;
	w->r.rcode = (uint16_t)rcode;
	w->r.ede = ede;
	return NEXT_DONE;
}

static enum next no_room(struct work *w)
{
	response_truncate(&w->r, &w->client->query);
	return NEXT_DONE;
}

/* --- the additional section ------------------------------------------------------------------------------------- */

static bool is_among(const struct work *w, const size_t *names, size_t n, size_t name)
{
	for (size_t i = 0; i < n; i++) {
		if (dname_is_equal(w->r.out + names[i], w->r.out + name))
			return true;
	}
	return false;
}

/* The addresses that the zone has for the name at an offset of the message. False: they do not fit. */
static bool addresses_put(struct work *w, const struct zone *z, size_t at)
{
	static const uint16_t types[] = {RR_A, RR_AAAA};
	struct dns_name name;
	struct zone_node node;
	struct zone_rrset set;

	if (at > DNS_POINTER_MAX || !dns_name_read(&name, w->r.out + at, w->r.at - at) ||
	    dname_below(name.wire, name.len, z->apex, z->apex_len) < 0 ||
	    !zone_find(z, name.wire, name.len - (size_t)z->apex_len, &node))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (zone_node_set(&node, types[i], &set) &&
		    !response_put(&w->r, DNS_ADDITIONALS, &set, at, UINT32_MAX))
			return false;
	}
	return true;
}

/* Of the names in a set that was written with its data from an offset on. False: they do not all fit. */
static bool additionals_put(struct work *w, const struct zone *z, const struct zone_rrset *set,
			    size_t data)
{
	const int name_at = rdata_name_at(set->type);
	size_t names[ADDITIONAL_NAMES_MAX], n = 0, at = 0;
	struct zone_rdata rdata;
	uint32_t ttl;

	while (n < ADDITIONAL_NAMES_MAX && zone_rrset_next(set, &at, &rdata, &ttl)) {
		const size_t name = data + (size_t)(rdata.bytes - set->wire) - DNS_RR_HEADER_BYTES +
				    (size_t)name_at;

		if (is_among(w, names, n, name))
			continue;
		names[n++] = name;
		if (!addresses_put(w, z, name))
			return false;
	}
	return true;
}

/* --- what was found in a zone ----------------------------------------------------------------------------------- */

static enum next put_set(struct work *w, const struct zone *z, const struct found *f)
{
	const size_t data = response_put(&w->r, DNS_ANSWERS, &f->set, w->owner, UINT32_MAX);

	w->client->kind = DNS_KIND_DATA;
	if (!data)
		return no_room(w);
	if (f->set.type == RR_NS || f->set.type == RR_MX || f->set.type == RR_SRV)
		(void)additionals_put(w, z, &f->set, data); /* goes without what does not fit */
	return NEXT_DONE;
}

/* The target is looked for next, unless it was already, or enough were. */
static enum next put_cname(struct work *w, const struct found *f)
{
	const size_t data = response_put(&w->r, DNS_ANSWERS, &f->set, w->owner, UINT32_MAX);
	unsigned *steps = &w->client->steps;

	w->client->kind = DNS_KIND_DATA;
	if (!data)
		return no_room(w);
	w->owners[*steps] = w->owner;
	if (++*steps >= DNS_STEPS_MAX || data > DNS_POINTER_MAX ||
	    is_among(w, w->owners, *steps, data) ||
	    !dns_name_read(&w->target, w->r.out + data, w->r.at - data))
		return NEXT_DONE;
	w->name = &w->target;
	w->owner = data;
	return NEXT_FOLLOW;
}

/* Where the message has the name whose SOA it is: the apex, or the one above if there is no such name as the apex. */
static size_t soa_owner(const struct work *w, const struct zone *z)
{
	const size_t apex = w->owner + w->name->len - z->apex_len;

	return z->is_denied && z->apex[0] ? apex + z->apex[0] + 1u : apex;
}

static enum next put_negative(struct work *w, const struct zone *z, enum found_kind kind)
{
	struct zone_rrset soa;

	w->client->kind = kind == FOUND_NXDOMAIN ? DNS_KIND_NXDOMAIN : DNS_KIND_NODATA;
	w->r.rcode = kind == FOUND_NXDOMAIN ? DNS_NXDOMAIN : DNS_NOERROR;
	if (!zone_soa(z, &soa))
		return fail(w, DNS_SERVFAIL, EDE_DAMAGED);
	if (!response_put(&w->r, DNS_AUTHORITIES, &soa, soa_owner(w, z), z->negative_ttl))
		return no_room(w);
	return NEXT_DONE;
}

static enum next put_referral(struct work *w, const struct zone *z, const struct found *f)
{
	const size_t data =
		response_put(&w->r, DNS_AUTHORITIES, &f->set, w->owner + f->cut, UINT32_MAX);

	w->client->kind = DNS_KIND_REFERRAL;
	/* Without the addresses in the zone the referral leads nowhere (RFC 9471). */
	if (!data || !additionals_put(w, z, &f->set, data))
		return no_room(w);
	return NEXT_DONE;
}

static enum next put_found(struct work *w, const struct zone *z, const struct found *f)
{
	w->client->zone = z->id;
	if (w->client->steps == 0)
		w->r.is_authoritative = f->kind != FOUND_REFERRAL;
	switch (f->kind) {
	case FOUND_SET:
		return put_set(w, z, f);
	case FOUND_CNAME:
		return put_cname(w, f);
	case FOUND_REFERRAL:
		return put_referral(w, z, f);
	default:
		return put_negative(w, z, f->kind);
	}
}

/* --- where a name is looked for --------------------------------------------------------------------------------- */

/* Whom to ask. */
struct asked {
	const struct view_server *servers;
	uint8_t n;
	bool from_daemon;
};

static struct asked asked_of(const struct dns_view *v)
{
	const struct dns_data *d = v->data;

	if (v->config.view.flags & VIEW_DEFAULT_SERVERS)
		return (struct asked){d->default_servers, d->n_default_servers, true};
	return (struct asked){v->config.view.servers, v->config.view.n_servers, false};
}

/* The name is for others to answer. False: we ask nobody for this client. */
static bool forward(struct work *w, const struct asked *a)
{
	struct dns_client *c = w->client;

	if (a->n == 0 || !(c->query.flags[0] & DNS_RD) || !(c->takes & DNS_TAKES_FORWARD))
		return false;
	c->servers = a->servers;
	c->n_servers = a->n;
	c->from_daemon = a->from_daemon;
	c->outcome = c->steps == 0 ? DNS_FORWARD : DNS_FORWARD_TARGET;
	c->target_at = (uint16_t)w->owner;
	return true;
}

static enum next refuse(struct work *w, bool somebody)
{
	if (w->client->steps > 0)
		return NEXT_DONE; /* the chain so far is an answer */
	if (dns_view_is_told(w->view, w->name))
		return fail(w, DNS_REFUSED, EDE_NOT_LINKED);
	if (w->view->router == VIEW_INTERNET)
		return fail(w, DNS_REFUSED, EDE_NOT_AUTHORITATIVE);
	return fail(w, DNS_REFUSED, somebody ? EDE_NO_RECURSION_ASKED : EDE_NOT_FORWARDED);
}

/* What one zone says. */
struct said {
	struct zone zone;
	struct found found;
};

/* Steps 2 to 5. fell: what a zone said whose link falls through, or NULL. */
static enum next look_further(struct work *w, const struct said *fell)
{
	const struct view_forward *f = dns_view_forward(w->view, w->name);
	const struct asked asked =
		f ? (struct asked){f->servers, f->n_servers, false} : asked_of(w->view);
	struct said s;
	uint32_t flags;
	int r = f ? -ERR_NOT_FOUND : dns_view_zone(w->view, true, w->name, &s.zone, &flags);

	if (r == 0) {
		lookup(&s.zone, w->name, w->client->query.type, &s.found);
		if (s.found.kind == FOUND_NXDOMAIN && !fell && dns_view_is_told(w->view, w->name))
			w->r.ede = EDE_NOT_LINKED_NX;
		return put_found(w, &s.zone, &s.found);
	}
	if (r != -ERR_NOT_FOUND)
		return fail(w, DNS_SERVFAIL, EDE_DAMAGED);
	if (forward(w, &asked))
		return NEXT_DONE;
	return fell ? put_found(w, &fell->zone, &fell->found) : refuse(w, asked.n > 0);
}

static enum next look(struct work *w)
{
	const bool is_internet = w->view->router == VIEW_INTERNET;
	struct said s;
	uint32_t flags;
	int r = dns_view_zone(w->view, false, w->name, &s.zone, &flags);

	if (r == -ERR_NOT_FOUND)
		return is_internet ? refuse(w, false) : look_further(w, NULL);
	if (r < 0)
		return fail(w, DNS_SERVFAIL, EDE_DAMAGED);
	lookup(&s.zone, w->name, w->client->query.type, &s.found);
	if (s.found.kind == FOUND_NXDOMAIN && (flags & VIEW_LINK_FALL_THROUGH) && !is_internet)
		return look_further(w, &s);
	return put_found(w, &s.zone, &s.found);
}

/* --- the whole -------------------------------------------------------------------------------------------------- */

static bool gives_cookie(const struct dns_client *c)
{
	return c->cookies && c->query.cookie_len > 0;
}

static size_t end(struct work *w)
{
	struct dns_client *c = w->client;
	uint8_t cookie[COOKIE_SERVER_BYTES];

	c->answers_end = (uint16_t)w->r.at;
	c->rcode = w->r.rcode;
	c->ede = w->r.ede;
	c->is_truncated = w->r.is_truncated;
	if (!gives_cookie(c))
		return response_end(&w->r, &c->query, NULL);
	c->has_good_cookie = cookie_judge(c->cookies, &c->query, &c->addr, c->now_s, cookie);
	return response_end(&w->r, &c->query, cookie);
}

static bool begin(struct work *w, struct dns_client *c, uint8_t *out, size_t cap)
{
	w->client = c;
	c->outcome = DNS_ANSWER;
	if (response_begin(&w->r, &c->query, c->is_tcp, gives_cookie(c), out, cap))
		return true;
	c->outcome = DNS_DROP;
	return false;
}

static bool is_recursive(const struct dns_view *v)
{
	return v->router != VIEW_INTERNET && (asked_of(v).n > 0 || v->config.view.n_forwards > 0);
}

/* Follow the chain from the name at w->owner. False: the question is for others, nothing is to be written. */
static bool chain(struct work *w)
{
	while (look(w) == NEXT_FOLLOW)
		;
	return w->client->outcome != DNS_FORWARD;
}

static void question_copy(const struct dns_query *q, const uint8_t *query, uint8_t *out)
{
	if (out != query)
		memcpy(out, query, q->question_end);
}

static size_t answer_plain(struct dns_view *v, struct dns_client *c, const uint8_t *query,
			   uint8_t *out, size_t cap)
{
	struct work w;

	if (!begin(&w, c, out, cap))
		return 0;
	w.view = v;
	w.name = &c->query.name;
	w.owner = DNS_HEADER_BYTES;
	question_copy(&c->query, query, out);
	if (dns_view_refresh(v) < 0) {
		fail(&w, DNS_SERVFAIL, EDE_NOT_READY);
	} else {
		w.r.is_recursive = is_recursive(v);
		if (!chain(&w))
			return 0;
	}
	return end(&w);
}

static void client_clear(struct dns_client *c)
{
	c->outcome = DNS_DROP;
	c->kind = DNS_KIND_ERROR;
	c->rcode = 0;
	c->ede = EDE_NONE;
	c->zone = 0;
	c->has_good_cookie = c->is_truncated = false;
	c->steps = 0;
	c->servers = NULL;
	c->n_servers = 0;
	c->from_daemon = false;
	c->target_at = c->answers_end = 0;
}

/* Without a question that can be given back, the answer is a header. */
size_t dns_answer_error(struct dns_client *client, enum dns_rcode rcode, enum dns_ede ede,
			const uint8_t *query, uint8_t *out, size_t cap)
{
	struct work w;

	if (cap < client->query.question_end || !begin(&w, client, out, cap))
		return 0;
	question_copy(&client->query, query, out);
	fail(&w, rcode, ede);
	return end(&w);
}

size_t dns_answer_slip(struct dns_client *client, uint8_t *out, size_t cap)
{
	struct work w;

	if (!begin(&w, client, out, cap))
		return 0;
	w.r.is_truncated = true;
	return end(&w);
}

static enum dns_kind kind_of(enum dns_rcode rcode, bool has_answers)
{
	if (rcode == DNS_NXDOMAIN)
		return DNS_KIND_NXDOMAIN;
	if (rcode != DNS_NOERROR)
		return DNS_KIND_ERROR;
	return has_answers ? DNS_KIND_DATA : DNS_KIND_NODATA;
}

size_t dns_answer_finish(struct dns_client *client, enum dns_rcode rcode, enum dns_ede ede,
			 uint8_t *out, size_t at, size_t cap)
{
	struct work w;

	if (!begin(&w, client, out, cap))
		return 0;
	w.r.rcode = (uint16_t)rcode;
	w.r.ede = ede;
	/* Whose name the question's is, says the AA of what is there already. */
	w.r.is_authoritative = out[2] & DNS_AA;
	w.r.is_recursive = true;
	w.r.counts[DNS_ANSWERS] = (uint16_t)(out[6] << 8 | out[7]);
	w.r.counts[DNS_AUTHORITIES] = (uint16_t)(out[8] << 8 | out[9]);
	client->kind = kind_of(rcode, w.r.counts[DNS_ANSWERS] > 0);
	if (at < client->query.question_end || at > w.r.limit)
		no_room(&w);
	else
		w.r.at = at;
	return end(&w);
}

/* What nobody took. */
static size_t answer_slow(struct dns_client *c, const uint8_t *query, uint8_t *out, size_t cap)
{
	const struct dns_query *q = &c->query;

	if (c->takes & DNS_TAKES_SLOW) {
		c->outcome = DNS_SLOW;
		return 0;
	}
	if (q->opcode != DNS_OPCODE_QUERY)
		return dns_answer_error(c, DNS_NOTIMP, EDE_NOT_SUPPORTED, query, out, cap);
	if (q->type == RR_AXFR || q->type == RR_IXFR)
		return dns_answer_error(c, DNS_REFUSED, EDE_NO_TRANSFER, query, out, cap);
	return dns_answer_error(c, DNS_NOTAUTH, EDE_NOT_SUPPORTED, query, out, cap);
}

size_t dns_answer(struct dns_view *v, const uint8_t *query, size_t len, struct dns_client *client,
		  uint8_t *out, size_t cap)
{
	const enum query_kind kind = query_read(&client->query, query, len);

	client_clear(client);
	switch (kind) {
	case QUERY_PLAIN:
		return answer_plain(v, client, query, out, cap);
	case QUERY_DROP:
		return 0;
	case QUERY_SLOW:
		return answer_slow(client, query, out, cap);
	case QUERY_NOTIMP:
		return dns_answer_error(client, DNS_NOTIMP, EDE_NOT_SUPPORTED, query, out, cap);
	case QUERY_REFUSED:
		return dns_answer_error(client, DNS_REFUSED, EDE_NOT_SUPPORTED, query, out, cap);
	case QUERY_BADVERS:
		return dns_answer_error(client, DNS_BADVERS, EDE_NONE, query, out, cap);
	case QUERY_COOKIE:
		return dns_answer_error(client, DNS_NOERROR, EDE_NONE, query, out, cap);
	case QUERY_FORMERR:
		client->query.cookie_len = 0;
		return dns_answer_error(client, DNS_FORMERR, EDE_NONE, query, out, cap);
	}
	return 0;
}

size_t dns_answer_resume(struct dns_view *v, struct dns_client *client, uint8_t *out,
			 size_t answers_end, size_t cap)
{
	const uint16_t answers = (uint16_t)(out[6] << 8 | out[7]);
	struct work w;

	if (!begin(&w, client, out, cap))
		return 0;
	w.view = v;
	w.name = &w.target;
	w.owner = client->target_at;
	w.r.is_authoritative = out[2] & DNS_AA;
	w.r.counts[DNS_ANSWERS] = answers;
	if (answers_end > w.r.limit || client->target_at >= answers_end) {
		no_room(&w);
		return end(&w);
	}
	w.r.at = answers_end;
	/* Where the names before stand is not known here: a loop ends when enough steps were made. */
	for (size_t i = 0; i < ARRAY_SIZE(w.owners); i++)
		w.owners[i] = DNS_HEADER_BYTES;
	if (client->steps == 0)
		client->steps = 1;
	if (dns_view_refresh(v) < 0 ||
	    !dns_name_read(&w.target, out + client->target_at, answers_end - client->target_at)) {
		fail(&w, DNS_SERVFAIL, EDE_NOT_READY);
	} else {
		w.r.is_recursive = is_recursive(v);
		if (client->steps < DNS_STEPS_MAX)
			(void)chain(&w);
	}
	return end(&w);
}
