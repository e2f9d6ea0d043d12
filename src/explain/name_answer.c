/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "explain/name_answer.h"

void name_answer_add(struct name_answer *a, const struct addr *addr)
{
	if (addr->family == ADDR_NONE || a->n == ARRAY_SIZE(a->addresses))
		return;
	for (size_t i = 0; i < a->n; i++)
		if (addr_is_equal(&a->addresses[i], addr))
			return;
	a->addresses[a->n++] = *addr;
}

struct search {
	const struct object *router; /* NULL: any */
	struct name_answer *answer;
};

static int endpoint_add(const struct endpoint_view *ep, void *arg)
{
	struct search *s = arg;

	if (!ep->is_enabled || (s->router && object_router(ep->subnet) != s->router))
		return 0;
	for (size_t i = 0; i < FAMILIES; i++)
		name_answer_add(s->answer, &ep->addresses[i]);
	return 0;
}

void name_answer(const struct object *cluster, const struct object *router,
		 const struct addr *public_addresses, size_t n_public,
		 struct name_answer *ret_answer)
{
	struct search s = {router, ret_answer};

	*ret_answer = (struct name_answer){.is_private = true};
	cluster_each_endpoint(cluster, endpoint_add, &s);
	if (ret_answer->n)
		return;
	if (!object_cluster_net(cluster)->public_enabled) {
		s.router = NULL;
		cluster_each_endpoint(cluster, endpoint_add, &s);
		return;
	}
	ret_answer->is_private = false;
	for (size_t i = 0; i < n_public; i++)
		name_answer_add(ret_answer, &public_addresses[i]);
}
