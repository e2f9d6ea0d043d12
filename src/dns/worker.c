/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dns/worker.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

#define SERVED_FIRST 64
#define RRL_SETS     16384 /* 1.5 MiB */
#define RRL_BURST_S  1
#define COMPLAINT_MS 1000 /* one line for all that come in that time */
#define UNTOLD_MS    10	  /* while control does not take an acknowledgement */

/* --- views ------------------------------------------------------------------------------------------------------ */

static uint32_t served_slot(uint32_t router, uint32_t buckets)
{
	return (uint32_t)(router * 0x9e3779b97f4a7c15u >> 32) & (buckets - 1);
}

static int served_grow(struct dns_worker *w)
{
	const uint32_t n = w->served_buckets ? w->served_buckets * 2 : SERVED_FIRST;
	struct served **grown;

	if (w->n_served < w->served_buckets)
		return 0;
	grown = calloc(n, sizeof(struct served *));
	if (!grown)
		return -ENOMEM;
	for (uint32_t i = 0; i < w->served_buckets; i++)
		for (struct served *s = w->served[i], *next; s; s = next) {
			const uint32_t slot = served_slot(s->router, n);

			next = s->next;
			s->next = grown[slot];
			grown[slot] = s;
		}
	free(w->served);
	w->served = grown;
	w->served_buckets = n;
	return 0;
}

static struct served *served_new(struct dns_worker *w, uint32_t router)
{
	struct served *s = served_grow(w) < 0 ? NULL : calloc(1, sizeof(*s));
	struct served **bucket;

	if (!s)
		return NULL;
	s->router = router;
	dns_view_init(&s->view, &w->data, router);
	bucket = &w->served[served_slot(router, w->served_buckets)];
	s->next = *bucket;
	*bucket = s;
	w->n_served++;
	return s;
}

struct served *served_get(struct dns_worker *w, uint32_t router)
{
	struct served *s = NULL;

	if (w->served_buckets)
		s = w->served[served_slot(router, w->served_buckets)];
	while (s && s->router != router)
		s = s->next;
	if (!s)
		s = served_new(w, router);
	if (s)
		s->refs++;
	return s;
}

void served_put(struct dns_worker *w, struct served *s)
{
	struct served **p;

	if (!s || --s->refs > 0)
		return;
	p = &w->served[served_slot(s->router, w->served_buckets)];
	while (*p != s)
		p = &(*p)->next;
	*p = s->next;
	w->n_served--;
	dns_view_done(&s->view);
	free(s);
}

/* --- life ------------------------------------------------------------------------------------------------------- */

uint64_t dns_source_hash(const struct dns_worker *w, uint32_t router, const struct addr *addr)
{
	const struct {
		uint64_t net;
		uint32_t router, family;
	} id = {addr->family == ADDR_V4 ? addr->lo : addr->hi, router, addr->family};

	return siphash13(w->source_key, &id, sizeof(id));
}

static int keys_init(struct dns_worker *w)
{
	uint8_t key[SIPHASH_KEY_BYTES];

	if (getrandom(key, sizeof(key), 0) != sizeof(key) ||
	    getrandom(w->source_key, sizeof(w->source_key), 0) != sizeof(w->source_key))
		return -EIO;
	if (w->options->dns_rate == 0)
		return 0;
	w->rrl = rrl_new(w->options->dns_rate, RRL_BURST_S, RRL_SETS, key);
	return w->rrl ? 0 : -ENOMEM;
}

static void clock_look(struct dns_worker *w)
{
	w->now_ms = clock_mono_ms();
	w->now_s = (uint32_t)(clock_wall_us() / 1000000);
}

/* Of --dns-forward, for networks that name none. */
static void servers_init(struct dns_worker *w)
{
	const struct options *o = w->options;

	for (size_t i = 0; i < o->n_dns_forward; i++)
		w->data.default_servers[i] =
			(struct view_server){o->dns_forward[i].addr, o->dns_forward[i].port};
	w->data.n_default_servers = (uint8_t)o->n_dns_forward;
}

int dns_worker_init(struct dns_worker *w, const struct options *o,
		    const struct msg_start_dns *start, struct dns_counters *counters)
{
	int r;

	memset(w, 0, sizeof(*w));
	w->options = o;
	w->index = start->index;
	w->n_dns = start->n_dns;
	w->counters = counters;
	w->parent.fd = w->control.fd = -1;
	memcpy(w->cookie_key, start->cookie_key, sizeof(w->cookie_key));
	w->cookie_epoch = UINT64_MAX;
	clock_look(w);
	timers_init(&w->timers, w->now_ms);
	timer_init(&w->retry, DNS_TIMER_ACCEPT);
	for (int i = 0; i < DNS_COUNTER_COUNT; i++)
		if (dns_counter_is_gauge((enum dns_counter)i))
			dns_count_set(w, (enum dns_counter)i, 0);
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (w->epoll < 0)
		return -errno;
	if (dns_data_init(&w->data) < 0)
		return -ENOMEM;
	servers_init(w);
	r = keys_init(w);
	if (r == 0)
		r = laters_init(w);
	if (r == 0)
		r = dns_sockets_init(w);
	if (r == 0)
		r = tcps_init(w);
	if (r == 0)
		r = forwards_init(w);
	return r < 0 ? r : slow_init(w);
}

void dns_worker_serve(struct dns_worker *w, struct tables *tables)
{
	w->tables = tables;
	dns_worker_data(w);
	if (w->snapshot)
		w->generation = tables_generation(w->snapshot);
	dns_worker_data_end(w);
	dns_count_set(w, DNS_generation, w->generation);
	dns_sockets_watch(w);
	dns_link_hello(w);
}

void dns_worker_done(struct dns_worker *w)
{
	/* Streams and answers that are owed name connections, these name sockets, and all of them views. */
	tcps_close_all(w);
	slow_done(w);
	forwards_done(w);
	laters_done(w);
	tcps_done(w);
	dns_sockets_done(w);
	dns_worker_data_end(w);
	free(w->served);
	rrl_free(w->rrl);
	dns_data_done(&w->data);
	if (w->control.fd >= 0)
		close(w->control.fd);
	close(w->epoll);
}

int dns_worker_watch(struct dns_worker *w, struct source *s, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = s};

	return epoll_ctl(w->epoll, EPOLL_CTL_ADD, s->fd, &ev) < 0 ? -errno : 0;
}

void dns_worker_unwatch(struct dns_worker *w, struct source *s)
{
	close(s->fd);
	s->fd = -1;
}

void dns_worker_retry(struct dns_worker *w)
{
	if (!timer_is_set(&w->retry))
		timer_set(&w->timers, &w->retry, w->now_ms + DNS_RETRY_MS);
}

/* --- the data of a batch ---------------------------------------------------------------------------------------- */

void dns_worker_data(struct dns_worker *w)
{
	if (w->has_data)
		return;
	w->has_data = true;
	w->snapshot = w->tables ? tables_acquire(w->tables) : NULL;
	if (!w->snapshot) {
		dns_count(w, tables_unreadable_total);
		log_event(LOG_ERROR, "tables.unreadable");
	}
	dns_data_begin(&w->data, w->snapshot);
}

void dns_worker_data_end(struct dns_worker *w)
{
	if (!w->has_data)
		return;
	dns_data_end(&w->data);
	if (w->snapshot)
		tables_release(w->snapshot);
	w->snapshot = NULL;
	w->has_data = false;
}

/* --- cookies ---------------------------------------------------------------------------------------------------- */

static void secret_make(const struct dns_worker *w, uint64_t epoch,
			uint8_t secret[SIPHASH_KEY_BYTES])
{
	for (uint64_t half = 0; half < 2; half++) {
		const uint64_t input[2] = {htole64(epoch), htole64(half)};
		const uint64_t hash = htole64(siphash24(w->cookie_key, input, sizeof(input)));

		memcpy(secret + 8 * half, &hash, 8);
	}
}

static void cookies_look(struct dns_worker *w)
{
	const uint64_t epoch = w->now_s / COOKIE_EPOCH_S;

	if (epoch == w->cookie_epoch)
		return;
	w->cookie_epoch = epoch;
	secret_make(w, epoch, w->cookies.secret);
	secret_make(w, epoch - 1, w->cookies.previous);
	w->cookies.has_previous = true;
}

/* --- queries ---------------------------------------------------------------------------------------------------- */

void dns_worker_count(struct dns_worker *w, const struct dns_client *client)
{
	switch (client->rcode) {
	case DNS_NOERROR:
		dns_count(w, answers_noerror_total);
		break;
	case DNS_NXDOMAIN:
		dns_count(w, answers_nxdomain_total);
		break;
	case DNS_REFUSED:
		dns_count(w, answers_refused_total);
		break;
	case DNS_SERVFAIL:
		dns_count(w, answers_servfail_total);
		if (client->ede == EDE_DAMAGED)
			dns_count(w, tables_unreadable_total);
		break;
	default:
		dns_count(w, answers_other_total);
		break;
	}
	if (client->is_truncated && !client->is_tcp)
		dns_count(w, truncated_total);
}

/* An answer of n octets is in out. What goes to one whose address may not be its own is limited. */
static size_t rate_limit(struct dns_worker *w, struct dns_client *c, uint8_t *out, size_t n,
			 size_t cap)
{
	enum rrl_verdict v;

	if (!w->rrl || c->is_tcp || c->has_good_cookie)
		return n;
	v = rrl_judge(w->rrl, &c->addr, c->zone, (uint8_t)c->kind, w->now_ms);
	if (v == RRL_PASS)
		return n;
	/* What is signed, or has a rule of its own, cannot be cut. */
	if (v == RRL_TRUNCATE && c->outcome == DNS_ANSWER) {
		dns_count(w, slipped_rate_total);
		return dns_answer_slip(c, out, cap);
	}
	dns_count(w, dropped_rate_total);
	return 0;
}

/* Where the query is kept that an answer is written over, for who needs it afterwards. */
static const uint8_t *query_keep(const struct served *s, const uint8_t *query, size_t len,
				 const uint8_t *out)
{
	static uint8_t kept[4096];

	if (query != out || s->router == VIEW_INTERNET || len > sizeof(kept))
		return query;
	return memcpy(kept, query, len);
}

/* Counters tell how many. */
static void malformed(struct dns_worker *w, const struct served *s, const struct dns_client *c)
{
	char text[ADDR_TEXT_MAX];

	if (w->now_ms - w->complained_ms < COMPLAINT_MS)
		return;
	w->complained_ms = w->now_ms;
	log_event(LOG_INFO, "query.malformed", LF_STR("source", addr_format(&c->addr, text)),
		  LF_UINT("network", s->router), LF_BOOL("tcp", c->is_tcp));
}

size_t dns_worker_query(struct dns_worker *w, struct served *s, const struct from *from,
			bool is_tcp, const uint8_t *query, size_t len, uint8_t *out, size_t cap)
{
	const bool is_internet = s->router == VIEW_INTERNET;
	const uint8_t *kept = query_keep(s, query, len, out);
	struct dns_client client; /* large, and filled in by dns_answer() */
	size_t n;

	client.addr = addr_from_sockaddr(&from->peer, NULL);
	client.is_tcp = is_tcp;
	client.takes = DNS_TAKES_SLOW | (is_internet ? 0 : DNS_TAKES_FORWARD);
	client.now_s = w->now_s;
	client.cookies = &w->cookies;
	dns_worker_data(w);
	n = dns_answer(&s->view, query, len, &client, out, cap);
	switch (client.outcome) {
	case DNS_ANSWER:
		if (client.rcode == DNS_FORMERR)
			malformed(w, s, &client);
		break;
	case DNS_DROP:
		dns_count(w, dropped_malformed_total);
		malformed(w, s, &client);
		return 0;
	case DNS_FORWARD:
		forward_take(w, s, from, &client, query, len, NULL, 0);
		return 0;
	case DNS_FORWARD_TARGET:
		forward_take(w, s, from, &client, kept, len, out, n);
		return 0;
	case DNS_SLOW:
		n = slow_take(w, s, from, &client, query, len, out, cap);
		client.outcome = DNS_SLOW;
		break;
	}
	if (n > 0 && is_internet)
		n = rate_limit(w, &client, out, n, cap);
	if (n > 0)
		dns_worker_count(w, &client);
	return n;
}

/* --- the loop --------------------------------------------------------------------------------------------------- */

static void timer_fired(struct timer *t, void *arg)
{
	struct dns_worker *w = arg;

	switch ((enum dns_timer)t->kind) {
	case DNS_TIMER_TCP:
		tcps_timer(w, t);
		return;
	case DNS_TIMER_FORWARD:
		forward_timer(w, t);
		return;
	case DNS_TIMER_UPDATE:
		update_timer(w, t);
		return;
	case DNS_TIMER_ACCEPT:
		dns_link_resume(w);
		dns_sockets_watch(w);
		return;
	}
}

static int turn_wait(const struct dns_worker *w, int timeout_ms)
{
	int wait = timers_wait(&w->timers, w->now_ms);

	if (w->stopping || tcps_has_more(w))
		return 0;
	if (w->bell && w->tables && (wait < 0 || wait > UNTOLD_MS))
		wait = UNTOLD_MS;
	if (timeout_ms >= 0 && (wait < 0 || wait > timeout_ms))
		wait = timeout_ms;
	return wait;
}

void dns_worker_turn(struct dns_worker *w, int timeout_ms)
{
	struct epoll_event events[DNS_EVENTS];
	int n = epoll_wait(w->epoll, events, DNS_EVENTS, turn_wait(w, timeout_ms));

	w->turns++;
	clock_look(w);
	cookies_look(w);
	for (int i = 0; i < n; i++) {
		struct source *s = events[i].data.ptr;

		if (s->fd >= 0) /* closed earlier in this batch */
			s->ready(w, s, events[i].events);
	}
	/* So much to do that the bell may stand behind many turns of others. */
	if (n == DNS_EVENTS)
		dns_link_look(w);
	timers_run(&w->timers, w->now_ms, timer_fired, w);
	tcps_run(w);
	dns_worker_data_end(w);
	if (w->bell && w->tables)
		dns_link_acknowledge(w);
	tcps_reap(w);
	dns_sockets_reap(w);
}
