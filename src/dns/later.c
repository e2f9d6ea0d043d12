/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dns/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SOURCE_SLOTS 16384u

int laters_init(struct dns_worker *w)
{
	list_init(&w->later);
	w->later_by_source = calloc(SOURCE_SLOTS, sizeof(*w->later_by_source));
	return w->later_by_source ? 0 : -ENOMEM;
}

void laters_done(struct dns_worker *w)
{
	if (!w->later_by_source)
		return;
	while (!list_is_empty(&w->later))
		later_drop(w, container_of(w->later.next, struct later, node));
	free(w->later_by_source);
}

static uint16_t *source_count(struct dns_worker *w, uint32_t router, const struct addr *addr)
{
	return &w->later_by_source[dns_source_hash(w, router, addr) % SOURCE_SLOTS];
}

static struct later *later_copy(struct served *s, const struct from *from,
				const struct dns_client *client, const uint8_t *query, size_t len)
{
	struct later *l = malloc(sizeof(*l) + len);

	if (!l)
		return NULL;
	list_init(&l->node);
	l->from = *from;
	l->served = s;
	l->client = *client;
	l->client.servers = NULL;
	l->client.n_servers = 0;
	l->query_len = (uint16_t)len;
	l->query = (uint8_t *)(l + 1);
	memcpy(l->query, query, len);
	return l;
}

struct later *later_new(struct dns_worker *w, struct served *s, const struct from *from,
			const struct dns_client *client, const uint8_t *query, size_t len)
{
	uint16_t *count = source_count(w, s->router, &client->addr);
	struct later *l = NULL;

	if (w->n_later < DNS_LATER_MAX && s->n_later < DNS_LATER_VIEW && *count < DNS_LATER_EACH &&
	    len <= UINT16_MAX)
		l = later_copy(s, from, client, query, len);
	if (!l) {
		dns_count(w, dropped_busy_total);
		return NULL;
	}
	list_append(&w->later, &l->node);
	w->n_later++;
	s->n_later++;
	++*count;
	s->refs++;
	if (from->tcp)
		tcp_ref(from->tcp);
	else
		dns_socket_get(from->socket);
	return l;
}

void later_drop(struct dns_worker *w, struct later *l)
{
	list_remove(&l->node);
	w->n_later--;
	l->served->n_later--;
	--*source_count(w, l->served->router, &l->client.addr);
	if (l->from.tcp)
		tcp_put(w, l->from.tcp);
	else
		dns_socket_put(w, l->from.socket);
	served_put(w, l->served);
	free(l);
}

void later_answer(struct dns_worker *w, struct later *l, const uint8_t *answer, size_t len)
{
	dns_worker_count(w, &l->client);
	if (l->from.tcp)
		(void)tcp_send(w, l->from.tcp, answer, len);
	else
		udp_send(w, &l->from, answer, len);
	later_drop(w, l);
}

void later_fail(struct dns_worker *w, struct later *l, enum dns_rcode rcode, enum dns_ede ede)
{
	uint8_t answer[DNS_UDP_MAX];
	const size_t len =
		dns_answer_error(&l->client, rcode, ede, l->query, answer, sizeof(answer));

	if (len > 0)
		later_answer(w, l, answer, len);
	else
		later_drop(w, l);
}
