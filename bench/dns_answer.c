/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What one answer costs, without sockets: ZONES zones of 10 records (SOA, NS, TXT, 6 A, 1 CNAME), random names (80 % a hit, 10 % NODATA, 10 %
 * NXDOMAIN), each packet as it would come.
 *
 *	dns_answer [ZONES [NETWORKS [ROUNDS]]]     10000, 1: every zone linked to it; 1000000 answers
 *
 * Prints one JSON object: nanoseconds of CPU for reading the query, for the look-ups in LMDB, for the whole answer, with EDNS and with a cookie;
 * what the tables take; how long they took to make and to open.
 */
#include "dns/answer.h"
#include "dns_zones.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define BATCH	    64
#define QUERIES	    131072 /* made before the clock runs, taken in turn */
#define QUERY_BYTES 160

static unsigned n_zones = 10000, n_networks = 1, n_rounds = 1000000;
static struct tables *tables;
static struct dns_data data_of;
static struct dns_view *views;
static char dir[] = "/tmp/dns_answer.XXXXXX";
static uint64_t rng = 88172645463325252u;

static unsigned below(unsigned n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (unsigned)((rng >> 11) % n);
}

static double cpu(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static size_t query_write(uint8_t *p, bool edns, bool cookie, unsigned *ret_network)
{
	const unsigned zone = below(n_zones), what = below(10);
	uint8_t apex[DNAME_MAX];
	const size_t n = bench_apex(zone, apex);
	size_t len = 12;

	*ret_network = zone % n_networks;
	memset(p, 0, 12);
	p[2] = DNS_RD;
	p[5] = 1;
	p[11] = edns;
	p[len++] = 2;
	p[len++] = what == 9 ? 'x' : 'c';
	p[len++] = (uint8_t)('1' + below(6));
	memcpy(p + len, apex, n);
	len += n;
	memcpy(p + len, what == 8 ? "\0\x1c\0\1" : "\0\1\0\1", 4);
	len += 4;
	if (edns) {
		memcpy(p + len, "\0\0\x29\4\xd0\0\0\0\0\0\0", 11);
		len += 11;
	}
	if (cookie) {
		p[len - 1] = 12;
		memcpy(p + len,
		       "\0\x0a\0\x08"
		       "abcdefgh",
		       12);
		len += 12;
	}
	return len;
}

static struct query {
	uint8_t len;
	unsigned network;
	uint8_t bytes[QUERY_BYTES];
} * queries;

static void queries_make(bool edns, bool cookie)
{
	for (unsigned i = 0; i < QUERIES; i++)
		queries[i].len =
			(uint8_t)query_write(queries[i].bytes, edns, cookie, &queries[i].network);
}

enum what { WRITE, READ, LOOK_UP, ANSWER };

/* The snapshot is taken anew for each batch, as a worker does. Seconds for n_rounds. */
static double run(enum what what)
{
	static const struct dns_cookies cookies = {.secret = "0123456789abcde"};
	static struct dns_client client = {
		.now_s = 1000, .takes = DNS_TAKES_FORWARD, .cookies = &cookies};
	static uint8_t buffer[DNS_UDP_MAX];
	const double begin = cpu();

	client.addr = addr_v4(0x0a000001);
	for (unsigned i = 0; i < n_rounds; i += BATCH) {
		struct tables_snapshot *s = tables_acquire(tables);

		dns_data_begin(&data_of, s);
		for (unsigned k = 0; k < BATCH; k++) {
			const struct query *q = &queries[(i + k) % QUERIES];
			const size_t len = q->len;
			struct dns_view *v = &views[q->network];
			struct zone z;
			uint32_t flags;

			memcpy(buffer, q->bytes, sizeof(q->bytes));
			if (what == WRITE)
				__asm__ volatile("" : : "r"(buffer) : "memory");
			if (what == READ || what == LOOK_UP)
				(void)query_read(&client.query, buffer, len);
			if (what == LOOK_UP &&
			    (dns_view_refresh(v) < 0 ||
			     dns_view_zone(v, false, &client.query.name, &z, &flags) < 0))
				exit(1);
			if (what == ANSWER &&
			    (!dns_answer(v, buffer, len, &client, buffer, sizeof(buffer)) ||
			     (client.rcode != DNS_NOERROR && client.rcode != DNS_NXDOMAIN)))
				exit(1);
		}
		dns_data_end(&data_of);
		tables_release(s);
	}
	return cpu() - begin;
}

static double median(enum what what)
{
	double t[5];

	for (int i = 0; i < 5; i++) {
		const double now = run(what);
		int at = i;

		for (; at > 0 && t[at - 1] > now; at--)
			t[at] = t[at - 1];
		t[at] = now;
	}
	return t[2] / n_rounds * 1e9;
}

static unsigned number(const char *text, unsigned otherwise)
{
	return text ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
	double begin = cpu(), made, opened, written, read, find, answer;
	char path[64];
	struct stat st;
	struct err e;

	n_zones = number(argc > 1 ? argv[1] : NULL, n_zones);
	n_networks = number(argc > 2 ? argv[2] : NULL, n_networks);
	n_rounds = number(argc > 3 ? argv[3] : NULL, n_rounds);
	if (!mkdtemp(dir) || n_zones == 0 || n_networks == 0 || n_rounds == 0)
		return 2;
	bench_must(tables_open(dir, true, &tables, &e), &e);
	bench_must(tables_begin(tables, &e), &e);
	for (unsigned i = 0; i < n_zones; i++)
		bench_zone_put(tables, i, 1 + i % n_networks);
	bench_must(tables_commit(tables, 1, "", NULL, 0, &e), &e);
	made = cpu() - begin;
	tables_close(tables);
	begin = cpu();
	bench_must(tables_open(dir, false, &tables, &e), &e);
	opened = cpu() - begin;
	(void)snprintf(path, sizeof(path), "%s/data.mdb", dir);
	if (stat(path, &st) < 0 || dns_data_init(&data_of) < 0)
		return 1;
	views = calloc(n_networks, sizeof(*views));
	if (!views)
		return 1;
	for (unsigned i = 0; i < n_networks; i++)
		dns_view_init(&views[i], &data_of, i + 1);
	queries = calloc(QUERIES, sizeof(*queries));
	if (!queries)
		return 1;
	queries_make(true, false);
	written = median(WRITE);
	read = median(READ) - written;
	find = median(LOOK_UP) - written;
	answer = median(ANSWER) - written;
	queries_make(true, true);
	(void)printf("{\"zones\": %u, \"networks\": %u, \"read_ns\": %.0f, "
		     "\"read_and_find_zone_ns\": %.0f, "
		     "\"answer_ns\": %.0f, \"answer_cookie_ns\": %.0f, \"tables_mb\": %.1f, "
		     "\"make_s\": %.2f, \"open_s\": %.2f}\n",
		     n_zones, n_networks, read, find, answer, median(ANSWER) - written,
		     (double)st.st_size / 1e6, made, opened);
	free(queries);
	for (unsigned i = 0; i < n_networks; i++)
		dns_view_done(&views[i]);
	free(views);
	dns_data_done(&data_of);
	tables_close(tables);
	bench_must(tables_erase(dir, &e), &e);
	return rmdir(dir);
}
