/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the tests of forwarding share: the worker's own functions replaced by small ones with a clock that the test moves, servers on
 * loopback that say what the test wants, and the answers that clients got.
 *
 *	network 7 asks ups[0..n) by the sockets of a pool, or by the daemon's own, as rig_servers() says
 *	zone 1  priv.test, linked to 7: in A 10.0.0.1, out CNAME www.else.test, far CNAME x.fwd.test
 *	fwd.test is asked of ups[3], by the network's sockets
 */
#pragma once

#include "dns/forward_int.h"
#include "dns_rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#define ROUTER	    7u
#define UPS	    4
#define ANSWERS_MAX 400

static struct dns_worker w;
static struct dns_counters counters;
static struct served served = {.router = ROUTER, .refs = 1};
static unsigned n_owed;
static size_t kept_octets; /* of the last query that is owed an answer */

/* An answer that a client got. */
static struct told {
	unsigned client;
	uint8_t wire[DNS_MESSAGE_MAX];
	size_t len;
} told[ANSWERS_MAX];
static unsigned n_told;

/* --- in the worker's stead -------------------------------------------------------------------------------------- */

int dns_worker_watch(struct dns_worker *worker, struct source *s, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = s};

	return epoll_ctl(worker->epoll, EPOLL_CTL_ADD, s->fd, &ev) < 0 ? -errno : 0;
}

void dns_worker_unwatch(struct dns_worker *worker, struct source *s)
{
	close(s->fd);
	s->fd = -1;
}

void dns_worker_data(struct dns_worker *worker)
{
	if (worker->snapshot)
		return;
	worker->snapshot = tables_acquire(rig_tables);
	dns_data_begin(&rig_data, worker->snapshot);
}

static void data_end(void)
{
	dns_data_end(&rig_data);
	if (w.snapshot)
		tables_release(w.snapshot);
	w.snapshot = NULL;
}

struct later *later_new(struct dns_worker *worker, struct served *s, const struct from *from,
			const struct dns_client *client, const uint8_t *query, size_t len)
{
	struct later *l = malloc(sizeof(*l) + len);

	assert_non_null(l);
	*l = (struct later){.from = *from, .served = s, .client = *client};
	l->client.servers = NULL;
	l->client.n_servers = 0;
	l->query_len = (uint16_t)len;
	l->query = (uint8_t *)(l + 1);
	memcpy(l->query, query, len);
	kept_octets = len;
	n_owed++;
	return l;
}

void later_drop(struct dns_worker *worker, struct later *l)
{
	n_owed--;
	free(l);
}

void later_answer(struct dns_worker *worker, struct later *l, const uint8_t *answer, size_t len)
{
	const struct sockaddr_in *peer = (const struct sockaddr_in *)&l->from.peer;

	if (l->from.socket) {
		(void)sendto(l->from.socket->source.fd, answer, len, 0,
			     (const struct sockaddr *)peer, sizeof(*peer));
	} else {
		assert_true(n_told < ANSWERS_MAX);
		told[n_told].client = ntohs(peer->sin_port);
		told[n_told].len = len;
		memcpy(told[n_told++].wire, answer, len);
	}
	later_drop(worker, l);
}

void later_fail(struct dns_worker *worker, struct later *l, enum dns_rcode rcode, enum dns_ede ede)
{
	uint8_t answer[DNS_UDP_MAX];

	later_answer(worker, l, answer,
		     dns_answer_error(&l->client, rcode, ede, l->query, answer, sizeof(answer)));
}

static inline uint64_t counted(enum dns_counter c)
{
	return atomic_load(&counters.value[c]);
}

static void fired(struct timer *t, void *arg)
{
	forward_timer(arg, t);
}

/* Events, until there are none. */
static inline void run(void)
{
	struct epoll_event events[8];
	int n;

	while ((n = epoll_wait(w.epoll, events, 8, 0)) > 0) {
		for (int i = 0; i < n; i++) {
			struct source *s = events[i].data.ptr;

			if (s->fd >= 0)
				s->ready(&w, s, events[i].events);
		}
		data_end();
	}
}

static inline void pass(uint64_t ms)
{
	for (uint64_t end = w.now_ms + ms; w.now_ms < end;) {
		w.now_ms += end - w.now_ms < 8 ? end - w.now_ms : 8;
		timers_run(&w.timers, w.now_ms, fired, &w);
		data_end();
		run();
	}
}

/* --- servers ---------------------------------------------------------------------------------------------------- */

static struct up {
	struct sockaddr_in at;
	int udp, tcp, conn;
} ups[UPS];

/* What a server was asked. */
struct asked_query {
	uint8_t p[1024];
	size_t len;
	struct sockaddr_in from;
	bool is_tcp;
};

static inline void up_open(int i)
{
	const struct timeval patience = {.tv_sec = 20};
	struct up *u = &ups[i];
	socklen_t len = sizeof(u->at);
	const int on = 1;

	u->at.sin_family = AF_INET;
	u->at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	u->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	u->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	u->conn = -1;
	assert_true(u->udp >= 0 && u->tcp >= 0);
	assert_int_equal(setsockopt(u->tcp, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	assert_int_equal(setsockopt(u->udp, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)),
			 0);
	for (int tries = 0; tries < 100; tries++) {
		if (bind(u->tcp, (struct sockaddr *)&u->at, len) == 0 &&
		    getsockname(u->tcp, (struct sockaddr *)&u->at, &len) == 0 &&
		    bind(u->udp, (struct sockaddr *)&u->at, len) == 0)
			break;
		close(u->tcp);
		u->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		u->at.sin_port = 0;
	}
	assert_int_equal(listen(u->tcp, 8), 0);
}

static inline void up_close(int i)
{
	close(ups[i].udp);
	close(ups[i].tcp);
	if (ups[i].conn >= 0)
		close(ups[i].conn);
	ups[i].udp = ups[i].tcp = ups[i].conn = -1;
}

/* False: it was asked nothing. */
static inline bool up_asked(int i, struct asked_query *q)
{
	socklen_t len = sizeof(q->from);
	ssize_t n = recvfrom(ups[i].udp, q->p, sizeof(q->p), MSG_DONTWAIT,
			     (struct sockaddr *)&q->from, &len);

	q->is_tcp = false;
	q->len = n > 0 ? (size_t)n : 0;
	return n > 0;
}

static inline void up_must(int i, struct asked_query *q)
{
	if (!up_asked(i, q))
		fail_msg("server %d was not asked", i);
}

static inline void up_nothing(int i)
{
	struct asked_query q;

	if (up_asked(i, &q))
		fail_msg("server %d was asked", i);
}

static inline void octets_must(int fd, uint8_t *p, size_t n)
{
	for (size_t at = 0; at < n;) {
		const ssize_t got = recv(fd, p + at, n - at, 0);

		assert_true(got > 0);
		at += (size_t)got;
	}
}

/* The query on a new connection, of which the other side may still have to write. */
static inline void up_must_tcp(int i, struct asked_query *q)
{
	const struct timeval patience = {.tv_sec = 20};
	struct pollfd p = {.events = POLLIN};
	uint8_t length[2];

	run();
	ups[i].conn = accept4(ups[i].tcp, NULL, NULL, SOCK_CLOEXEC);
	assert_true(ups[i].conn >= 0);
	assert_int_equal(
		setsockopt(ups[i].conn, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	p.fd = ups[i].conn;
	for (int n = 0; n < 2000 && poll(&p, 1, 10) == 0; n++)
		run();
	octets_must(p.fd, length, 2);
	q->len = (size_t)length[0] << 8 | length[1];
	assert_true(q->len <= sizeof(q->p));
	octets_must(p.fd, q->p, q->len);
	q->is_tcp = true;
}

/* --- what they say ---------------------------------------------------------------------------------------------- */

struct said {
	uint8_t p[DNS_MESSAGE_MAX];
	size_t len;
};
static struct said said;

static inline size_t question_len(const struct asked_query *q)
{
	return dname_size(q->p + DNS_HEADER_BYTES, q->len - DNS_HEADER_BYTES) + 4;
}

static inline void say(const struct asked_query *q, enum dns_rcode rcode)
{
	said.len = DNS_HEADER_BYTES + question_len(q);
	memcpy(said.p, q->p, said.len);
	said.p[2] |= DNS_QR;
	said.p[3] = (uint8_t)(DNS_RA | DNS_AD | rcode);
	memset(said.p + 6, 0, 6);
}

static inline void rr(enum dns_section section, const char *owner, uint16_t type, uint32_t ttl,
		      const char *value)
{
	uint8_t *p = said.p + said.len;
	const size_t n = naive_name(owner, NULL, p);
	const int len = rdata_parse(type, value, strlen(value), NULL, p + n + 10, NULL);

	assert_true(len > 0);
	memcpy(p + n,
	       ((const uint8_t[]){(uint8_t)(type >> 8), (uint8_t)type, 0, 1, (uint8_t)(ttl >> 24),
				  (uint8_t)(ttl >> 16), (uint8_t)(ttl >> 8), (uint8_t)ttl,
				  (uint8_t)(len >> 8), (uint8_t)len}),
	       10);
	said.p[7 + 2 * section]++;
	said.len += n + 10 + (size_t)len;
}

static inline void a_rr(const char *owner, const char *value)
{
	rr(DNS_ANSWERS, owner, RR_A, 60, value);
}

static inline void cname_rr(const char *owner, const char *value)
{
	rr(DNS_ANSWERS, owner, RR_CNAME, 60, value);
}

static inline void soa_rr(const char *owner)
{
	static const uint8_t data[] =
		"\2ns\4test\0\2me\4test\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0";
	uint8_t *p = said.p + said.len;
	const size_t n = naive_name(owner, NULL, p);
	const size_t len =
		sizeof(data); /* the last octet of the minimum is the string's own zero */

	memcpy(p + n, "\0\6\0\1\0\0\0\36\0", 9);
	p[n + 9] = (uint8_t)len;
	memcpy(p + n + 10, data, len);
	said.p[9]++;
	said.len += n + 10 + len;
}

static inline void send_from(int fd, const struct asked_query *q)
{
	assert_int_equal(
		sendto(fd, said.p, said.len, 0, (const struct sockaddr *)&q->from, sizeof(q->from)),
		said.len);
	run();
}

static inline void octets_send(int fd, const void *p, size_t n)
{
	assert_int_equal(send(fd, p, n, MSG_NOSIGNAL), n);
	run();
}

/* What was put together goes out. */
static inline void up_send(int i, const struct asked_query *q)
{
	const uint8_t length[2] = {(uint8_t)(said.len >> 8), (uint8_t)said.len};

	if (!q->is_tcp) {
		send_from(ups[i].udp, q);
		return;
	}
	octets_send(ups[i].conn, length, 2);
	for (size_t at = 0; at < said.len; at += 4096)
		octets_send(ups[i].conn, said.p + at, said.len - at < 4096 ? said.len - at : 4096);
	run();
}

/* --- clients ---------------------------------------------------------------------------------------------------- */

static unsigned n_clients;

static inline void client_query(unsigned id, const uint8_t *query, size_t len, bool is_tcp)
{
	uint8_t out[DNS_MESSAGE_MAX];
	struct sockaddr_in peer = {.sin_family = AF_INET,
				   .sin_port = htons((uint16_t)id),
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct from from = {.peer_len = sizeof(peer)};
	struct dns_client client = {
		.addr = addr_v4(INADDR_LOOPBACK), .is_tcp = is_tcp, .takes = DNS_TAKES_FORWARD};
	size_t n;

	memcpy(&from.peer, &peer, sizeof(peer));
	dns_worker_data(&w);
	n = dns_answer(&served.view, query, len, &client, out, sizeof(out));
	if (client.outcome == DNS_FORWARD || client.outcome == DNS_FORWARD_TARGET) {
		forward_take(&w, &served, &from, &client, query, len, out, n);
	} else {
		assert_true(n_told < ANSWERS_MAX);
		told[n_told] = (struct told){.client = id, .len = n};
		memcpy(told[n_told++].wire, out, n);
	}
	data_end();
	run();
}

/* A question with RD and an OPT. Returns the client's number. */
static inline unsigned client_ask(const char *name, uint16_t type)
{
	uint8_t query[512], wire[DNAME_MAX];
	size_t len;

	naive_name(name, NULL, wire);
	len = rig_query(query, wire, type, DNS_RD);
	len = rig_opt(query, len, 1232, 0, NULL, 0);
	query[0] = (uint8_t)(++n_clients >> 8);
	query[1] = (uint8_t)n_clients;
	client_query(n_clients, query, len, false);
	return n_clients;
}

/* What the client was told, read by libknot; it was told once. */
static struct rig_answer got;

static inline void must_tell(unsigned client)
{
	const struct told *t = NULL;
	int r;

	for (unsigned i = 0; i < n_told; i++) {
		if (told[i].client != client)
			continue;
		assert_null(t);
		t = &told[i];
	}
	if (!t)
		fail_msg("client %u was told nothing", client);
	rig_answer_done(&got);
	memcpy(got.wire, t->wire, t->len);
	got.len = t->len;
	got.pkt = knot_pkt_new(got.wire, got.len, NULL);
	r = knot_pkt_parse(got.pkt, KNOT_PF_NOCANON);
	if (r != KNOT_EOK)
		fail_msg("libknot: %s", knot_strerror(r));
	assert_int_equal(t->wire[0] << 8 | t->wire[1], client);
	assert_true(got.wire[2] & DNS_QR);
	assert_false(got.wire[3] & DNS_AD);
	assert_true(got.wire[3] & DNS_RA);
}

static inline void must_tell_code(unsigned client, enum dns_rcode rcode, int ede)
{
	must_tell(client);
	assert_int_equal(got.wire[3] & 15, rcode);
	assert_int_equal(rig_ede(&got), ede);
	assert_int_equal(rig_count(&got, KNOT_ANSWER), 0);
}

static inline void must_tell_one(unsigned client, const char *text)
{
	must_tell(client);
	assert_int_equal(got.wire[3] & 15, DNS_NOERROR);
	assert_int_equal(rig_count(&got, KNOT_ANSWER), 1);
	assert_string_equal(rig_text(&got, KNOT_ANSWER, 0), text);
}

/* --- the whole -------------------------------------------------------------------------------------------------- */

static inline struct view_server rig_server(int i)
{
	return (struct view_server){addr_v4(INADDR_LOOPBACK), ntohs(ups[i].at.sin_port)};
}

/* The first n servers. */
static inline void rig_servers(int n, bool from_daemon)
{
	static const uint8_t fwd[] = "\3fwd\4test";
	struct view_forward forward = {.domain = fwd,
				       .domain_len = sizeof(fwd),
				       .n_servers = 1,
				       .servers = {rig_server(3)}};
	struct view_config v = {.router = ROUTER,
				.flags = from_daemon ? VIEW_DEFAULT_SERVERS : 0,
				.forwards = &forward,
				.n_forwards = 1};
	struct naive_zone z;
	bool changed;

	for (int i = 0; i < n; i++) {
		rig_data.default_servers[i] = rig_server(i);
		v.servers[i] = rig_server(i);
	}
	rig_data.n_default_servers = (uint8_t)n;
	v.n_servers = from_daemon ? 0 : (uint8_t)n;
	naive_init(&z, 1, "priv.test");
	assert_true(naive_add(&z, "in", RR_A, 60, "10.0.0.1"));
	assert_true(naive_add(&z, "out", RR_CNAME, 60, "www.else.test."));
	assert_true(naive_add(&z, "far", RR_CNAME, 60, "x.fwd.test."));
	assert_true(naive_add(&z, "back", RR_CNAME, 60, "in"));
	rig_begin();
	rig_put(&z);
	rig_link(ROUTER, &z, 0);
	assert_int_equal(tables_put_view(rig_tables, &v, &changed, NULL), 0);
	rig_commit();
}

/* As netd makes them: of an address, of no port. */
static inline struct msg_endpoint rig_socket(enum endpoint_kind kind, uint32_t slot)
{
	const struct msg_endpoint at = {
		.network = ROUTER, .kind = kind, .slot = slot, .addr = addr_v4(INADDR_LOOPBACK)};
	const struct sockaddr_in sa = {.sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const int on = 1;
	int fd = socket(AF_INET,
			(kind == ENDPOINT_ASK_TCP ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK |
				SOCK_CLOEXEC,
			0);

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)), 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&sa, sizeof(sa)), 0);
	forward_socket(&w, &at, fd);
	return at;
}

static inline int forward_setup(void **state)
{
	if (rig_setup(state) < 0)
		return -1;
	memset(&w, 0, sizeof(w));
	memset(&counters, 0, sizeof(counters));
	memset(ups, 0, sizeof(ups));
	w.counters = &counters;
	w.epoll = epoll_create1(EPOLL_CLOEXEC);
	w.now_ms = 1000000;
	n_told = n_clients = 0;
	timers_init(&w.timers, w.now_ms);
	for (int i = 0; i < UPS; i++)
		up_open(i);
	rig_servers(1, true);
	dns_view_init(&served.view, &rig_data, ROUTER);
	return forwards_init(&w);
}

static inline int forward_teardown(void **state)
{
	forwards_done(&w);
	for (int i = 0; i < UPS; i++)
		up_close(i);
	close(w.epoll);
	rig_answer_done(&got);
	dns_view_done(&served.view);
	if (n_owed != 0)
		return -1;
	return rig_teardown(state);
}

#define T(f) cmocka_unit_test_setup_teardown(f, forward_setup, forward_teardown)
