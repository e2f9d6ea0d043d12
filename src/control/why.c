/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/why.h"

#include "control/control_int.h"
#include "model/cluster.h"
#include "tables/network.h"

#include <stdio.h>
#include <string.h>

char *control_cluster_name(struct control *c, uint32_t id, char dst[64])
{
	const struct index_cluster *ic = index_get(&c->index, id);
	struct tables_snapshot *s = NULL;
	struct tables_cluster tc;

	dst[0] = '\0';
	if (ic) {
		snprintf(dst, 64, "%s", ic->name);
		return dst;
	}
	if (!c->store && c->tables)
		s = tables_acquire(c->tables);
	if (!s)
		return dst;
	if (tables_get_cluster(s, id, &tc) == 0)
		snprintf(dst, 64, "%s", tc.name);
	tables_release(s);
	return dst;
}

/* An id keeps its name for ever, so what was once read stays true. */
static struct router_name *router_name_place(struct control *c, uint32_t id)
{
	return &c->router_names[id % ARRAY_SIZE(c->router_names)];
}

char *control_router_name(struct control *c, uint32_t id, char dst[64])
{
	struct router_name *known = router_name_place(c, id);
	struct tables_snapshot *s = NULL;
	struct tables_network n;

	dst[0] = '\0';
	if (id && known->id != id && c->tables)
		s = tables_acquire(c->tables);
	if (s) {
		if (tables_get_network(s, id, &n) == 0) {
			known->id = id;
			snprintf(known->text, sizeof known->text, "%s", n.name);
			tables_network_done(&n);
		}
		tables_release(s);
	}
	if (id && known->id == id)
		snprintf(dst, 64, "%s", known->text);
	return dst;
}

static int explain_make(struct control *c, struct index_cluster *ic, struct err *e)
{
	struct store_object o = {0};
	struct cluster cluster;
	int r = control_store_check(c, e);

	if (r < 0)
		return r;
	r = store_get(c->store, "cluster", ic->name, &o, e);
	if (r < 0)
		return r;
	/* It was accepted, be it by force. */
	r = cluster_from_json(o.body, true, &cluster, e);
	store_object_done(&o);
	if (r < 0)
		return r;
	r = explain_index_new(&cluster, &ic->explain, e);
	cluster_done(&cluster);
	return r;
}

int why_index(struct control *c, uint32_t cluster, const struct explain_index **ret_index,
	      struct err *e)
{
	struct index_cluster *ic = index_get(&c->index, cluster);
	int r;

	if (!ic)
		return err_set(e, ERR_NOT_FOUND, NULL, "there is no such cluster");
	if (!ic->explain) {
		r = explain_make(c, ic, e);
		if (r < 0)
			return r;
	}
	*ret_index = ic->explain;
	return 0;
}

int why_explain(struct control *c, uint32_t cluster, const struct addr *source,
		struct explain_answer *ret_answer, struct err *e)
{
	const struct explain_index *x = NULL;
	int r = why_index(c, cluster, &x, e);

	if (r == 0)
		explain_source(x, source, ret_answer);
	return r;
}

struct private_search {
	uint32_t network;
	const struct addr *address;
	const struct object *found; /* the network */
};

static int private_compare(const struct endpoint_view *ep, void *arg)
{
	struct private_search *s = arg;
	const struct object *network = object_router(ep->subnet);

	if (network->id != s->network ||
	    !addr_is_equal(&ep->addresses[addr_index(s->address)], s->address))
		return 0;
	s->found = network;
	return 1;
}

int why_private(struct control *c, uint32_t cluster, uint32_t network, const struct addr *address,
		const struct addr *source, struct admission *ret_admission, struct err *e)
{
	const struct index_cluster *ic = index_get(&c->index, cluster);
	struct private_search s = {network, address, NULL};
	const struct object *o = NULL;

	if (ic && c->landscape)
		o = landscape_find(c->landscape, OBJECT_CLUSTER, ic->name);
	if (o)
		cluster_each_endpoint(o, private_compare, &s);
	if (!s.found)
		return err_set(e, ERR_NOT_FOUND, NULL, "there is no such private endpoint");
	explain_endpoint(s.found, address, source, ret_admission);
	return 0;
}

static bool is_of_source(enum gate_reason reason)
{
	return reason == REASON_NONE || reason == REASON_RANGES || reason == REASON_PUBLIC_OFF;
}

static bool is_of_private(enum gate_reason reason)
{
	return reason == REASON_NONE || reason == REASON_PRIVATE_OFF ||
	       reason == REASON_NOT_ADMITTED;
}

static void sentence_private(struct control *c, const struct gate_event *ev, char dst[WHY_TEXT_MAX])
{
	struct admission a = {0};

	if (is_of_private(ev->reason) &&
	    why_private(c, ev->cluster, ev->network, &ev->local, &ev->source, &a, NULL) == 0 &&
	    a.admitted == (ev->reason == REASON_NONE))
		snprintf(dst, WHY_TEXT_MAX, "%s", a.rule);
}

static void sentence_public(struct control *c, const struct gate_event *ev, char dst[WHY_TEXT_MAX])
{
	struct explain_answer a = {0};

	if (is_of_source(ev->reason) && why_explain(c, ev->cluster, &ev->source, &a, NULL) == 0 &&
	    a.reached == (ev->reason == REASON_NONE))
		snprintf(dst, WHY_TEXT_MAX, "%s", a.rule);
}

char *why_sentence(struct control *c, const struct gate_event *ev, char dst[WHY_TEXT_MAX])
{
	snprintf(dst, WHY_TEXT_MAX, "%s", gate_reason_sentence(ev->reason));
	if (ev->cluster && ev->network)
		sentence_private(c, ev, dst);
	else if (ev->cluster)
		sentence_public(c, ev, dst);
	return dst;
}
