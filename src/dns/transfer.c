/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dns/worker.h"

int slow_init(struct dns_worker *w)
{
	w->updates = NULL;
	w->transfers = NULL;
	return 0;
}

void slow_done(struct dns_worker *w)
{
}

size_t slow_take(struct dns_worker *w, struct served *s, const struct from *from,
		 struct dns_client *client, const uint8_t *query, size_t len, uint8_t *out,
		 size_t cap)
{
	const struct dns_query *q = &client->query;

	if (q->opcode != DNS_OPCODE_QUERY)
		return dns_answer_error(client, DNS_NOTIMP, EDE_NOT_SUPPORTED, query, out, cap);
	if (q->type == RR_AXFR || q->type == RR_IXFR)
		return dns_answer_error(client, DNS_REFUSED, EDE_NO_TRANSFER, query, out, cap);
	return dns_answer_error(client, DNS_NOTAUTH, EDE_NOT_SUPPORTED, query, out, cap);
}

void update_done(struct dns_worker *w, const struct msg_updated *m)
{
}

void update_timer(struct dns_worker *w, struct timer *t)
{
}
