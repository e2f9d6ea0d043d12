/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dns/worker.h"

#include <unistd.h>

int forwards_init(struct dns_worker *w)
{
	w->forwards = NULL;
	return 0;
}

void forwards_done(struct dns_worker *w)
{
}

void forward_take(struct dns_worker *w, struct served *s, const struct from *from,
		  const struct dns_client *client, const uint8_t *query, size_t query_len,
		  const uint8_t *partial, size_t len)
{
	struct later *l = later_new(w, s, from, client, query, query_len);

	if (l)
		later_fail(w, l, DNS_SERVFAIL, EDE_NO_UPSTREAM);
}

void forward_socket(struct dns_worker *w, const struct msg_endpoint *at, int fd)
{
	close(fd);
}

void forward_socket_gone(struct dns_worker *w, const struct msg_endpoint *at)
{
}

void forward_timer(struct dns_worker *w, struct timer *t)
{
}
