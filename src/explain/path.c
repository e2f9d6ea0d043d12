/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "explain/path.h"

#include "explain/path_int.h"
#include "model/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TARGETS_MAX (2 * NET_PLACEMENTS_MAX * FAMILIES)

/* What the client would try, in order. */
struct targets {
	struct addr addresses[TARGETS_MAX];
	size_t n;
	char name[256]; /* that answered with them; "": none was asked for */
};

void path_answer_done(struct path_answer *a)
{
	free(a->steps);
	*a = (struct path_answer){0};
}

/* --- one address ------------------------------------------------------------------------------------------ */

static bool find_source(struct path *p)
{
	enum family f = addr_index(&p->to);
	char to[ADDR_TEXT_MAX];

	p->from = p->addresses[f];
	if (p->from.family != ADDR_NONE)
		return true;
	return path_fail(p, NULL, PATH_NO_SOURCE, "%s has no %s address, and %s is one", p->who,
			 f == V6 ? "IPv6" : "IPv4", addr_format(&p->to, to));
}

struct port_search {
	const struct addr *address;
	uint16_t port; /* 0: it is none of the cluster's */
};

static int port_compare(const struct endpoint_view *ep, void *arg)
{
	struct port_search *s = arg;
	const struct addr *own = &ep->addresses[addr_index(s->address)];

	if (own->family == ADDR_NONE || !addr_is_equal(own, s->address))
		return 0;
	s->port = ep->rules->port;
	return 1;
}

static uint16_t port_of(const struct path *p)
{
	struct port_search s = {&p->to, 0};

	if (!path_is_public(p, &p->to))
		cluster_each_endpoint(p->q->cluster, port_compare, &s);
	return s.port ? s.port : p->q->public_port;
}

static bool leave_host(struct path *p)
{
	const struct flow f = {PROTOCOL_TCP, port_of(p), &p->to};
	struct admission a;

	if (!p->host || p->host->n_groups == 0)
		return true;
	admit_egress((struct object *const *)p->host->groups, p->host->n_groups, &f, &a);
	if (!a.admitted)
		return path_fail(p, NULL, PATH_EGRESS_GROUP, "%s", a.rule);
	path_ok(p, NULL, "%s", a.rule);
	return true;
}

static bool no_route(struct path *p)
{
	const struct object *table = p->subnet ? object_subnet(p->subnet)->route_table : NULL;
	char to[ADDR_TEXT_MAX];

	addr_format(&p->to, to);
	if (p->router->kind == OBJECT_SITE)
		return path_fail(p, p->router, PATH_NO_ROUTE,
				 "site \"%s\" has no route to %s: nothing that it is connected to "
				 "has it, and it has no public address",
				 p->router->name, to);
	if (!p->subnet)
		return path_fail(p, p->router, PATH_NO_ROUTE,
				 "no automatic route of network \"%s\" leads to %s",
				 p->router->name, to);
	if (!table)
		return path_fail(p, p->subnet, PATH_NO_ROUTE,
				 "subnet \"%s\" has no route to %s: it has no route table, and no "
				 "automatic route leads there",
				 p->subnet->name, to);
	return path_fail(p, p->subnet, PATH_NO_ROUTE,
			 "subnet \"%s\" has no route to %s: neither its route table \"%s\" nor an "
			 "automatic route leads there",
			 p->subnet->name, to, table->name);
}

/* What came by the last link cannot go on from there. */
static bool lost(struct path *p, const struct passage *pass)
{
	char to[ADDR_TEXT_MAX], text[PATH_TEXT_MAX];

	addr_format(&p->to, to);
	if (pass->hub && pass->at_hub.kind == WAY_NONE)
		return path_fail(p, pass->hub, PATH_NO_ROUTE, "hub \"%s\" has no route to %s",
				 pass->hub->name, to);
	if (pass->hub && pass->at_hub.kind == WAY_DROP)
		return path_fail(p, pass->hub, PATH_ROUTE_DROP, "%s",
				 way_text(&pass->at_hub, text));
	return path_fail(p, pass->last, PATH_NOT_TRANSITIVE,
			 "%s is not in %s \"%s\", and what comes in by a link is not passed on: "
			 "only a hub does that",
			 to, kind_words(pass->last->kind), pass->last->name);
}

static bool go_link(struct path *p, const struct way *w)
{
	char text[PATH_TEXT_MAX];
	struct passage pass;

	way_follow(p->router, w, &p->to, &pass);
	if (pass.hub && pass.at_hub.kind == WAY_LINK)
		path_ok(p, pass.hub, "%s", way_text(&pass.at_hub, text));
	return pass.end ? path_arrive(p, pass.end) : lost(p, &pass);
}

static bool go(struct path *p)
{
	const struct object *at = p->subnet ? p->subnet : p->router;
	char text[PATH_TEXT_MAX], to[ADDR_TEXT_MAX];
	struct way w;

	way_find(p->router, p->subnet, &p->to, &w);
	switch (w.kind) {
	case WAY_NONE:
		return no_route(p);
	case WAY_LOCAL:
		path_ok(p, at, "%s is in %s \"%s\" itself", addr_format(&p->to, to),
			kind_words(p->router->kind), p->router->name);
		return path_arrive(p, p->router);
	case WAY_DROP:
		return path_fail(p, at, PATH_ROUTE_DROP, "%s", way_text(&w, text));
	case WAY_LINK:
		path_ok(p, at, "%s", way_text(&w, text));
		return go_link(p, &w);
	case WAY_INTERNET:
	case WAY_NAT:
		if (w.by == p->router)
			path_ok(p, at, "it leaves by the site's own way to the internet");
		else
			path_ok(p, at, "%s", way_text(&w, text));
		return path_go_out(p, &w);
	}
	return false;
}

static bool try_address(struct path *p, const struct addr *to)
{
	p->to = *to;
	p->answer->seen = (struct addr){0};
	p->answer->range = (struct prefix){0};
	p->answer->via[0] = '\0';
	if (path_is_public(p, to))
		snprintf(p->answer->via, sizeof(p->answer->via), "public");
	return find_source(p) && leave_host(p) && go(p);
}

/* --- which addresses --------------------------------------------------------------------------------------- */

static void target_add(struct targets *t, const struct addr *a)
{
	if (a->family == ADDR_NONE || t->n == ARRAY_SIZE(t->addresses))
		return;
	for (size_t i = 0; i < t->n; i++)
		if (addr_is_equal(&t->addresses[i], a))
			return;
	t->addresses[t->n++] = *a;
}

static int target_endpoint(const struct endpoint_view *ep, void *arg)
{
	for (size_t i = 0; i < FAMILIES; i++)
		target_add(arg, &ep->addresses[i]);
	return 0;
}

struct asking {
	const struct object *cluster;
	struct targets *targets;
};

/* The cluster's first name speaks for all of them: they answer alike. */
static int name_answers(const char *server_name, const struct object *cluster,
			const struct addr *addresses, size_t n, void *arg)
{
	struct asking *a = arg;

	if (cluster != a->cluster)
		return 0;
	snprintf(a->targets->name, sizeof(a->targets->name), "%s", server_name);
	for (size_t i = 0; i < n; i++)
		target_add(a->targets, &addresses[i]);
	return 1;
}

static void targets_by_name(struct path *p, struct targets *t)
{
	struct asking a = {p->q->cluster, t};

	if (names_of(p->q->landscape, p->router, p->q->public_addresses, p->q->n_public_addresses,
		     name_answers, &a) < 0)
		p->nomem = true;
}

static void say_names(struct path *p, const struct targets *t)
{
	char all[200] = "", text[ADDR_TEXT_MAX];
	size_t used = 0;

	for (size_t i = 0; i < t->n && used < sizeof(all) - ADDR_TEXT_MAX - 6; i++)
		used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s", i ? ", " : "",
					 addr_format(&t->addresses[i], text));
	path_ok(p, NULL, "%s answers %s here: %s", t->name, all,
		path_is_public(p, &t->addresses[0]) ? "public" : "private");
}

static bool targets_find(struct path *p, struct targets *t)
{
	const struct cluster_net *c = object_cluster_net(p->q->cluster);

	switch (p->q->by) {
	case PATH_BY_ADDRESS:
		target_add(t, &p->q->address);
		return true;
	case PATH_PUBLIC:
		for (size_t i = 0; i < p->q->n_public_addresses; i++)
			target_add(t, &p->q->public_addresses[i]);
		if (t->n == 0)
			path_fail(p, NULL, PATH_NO_NAME,
				  "the public listeners' addresses are not known: posternd "
				  "--public-address names them");
		return t->n > 0;
	case PATH_ALL_PRIVATE:
		cluster_each_endpoint(p->q->cluster, target_endpoint, t);
		if (t->n == 0)
			path_fail(p, p->q->cluster, PATH_NO_ENDPOINT,
				  "cluster \"%s\" has no private endpoint", p->q->cluster->name);
		return t->n > 0;
	case PATH_BY_NAME:
		break;
	}
	targets_by_name(p, t);
	if (t->n == 0)
		return path_fail(p, NULL, PATH_NO_NAME, "%s answers nothing here",
				 c->server_names[0]);
	say_names(p, t);
	return true;
}

/* --- the whole -------------------------------------------------------------------------------------------- */

static void path_init(struct path *p, const struct path_question *q, struct path_answer *a)
{
	char text[ADDR_TEXT_MAX];

	*p = (struct path){.q = q, .answer = a, .router = q->router};
	if (q->host) {
		p->host = object_host(q->host);
		p->router = object_router(q->host);
		p->subnet = p->host->subnet;
		memcpy(p->addresses, p->host->addresses, sizeof(p->addresses));
		snprintf(p->who, sizeof(p->who), "host \"%s\"", q->host->name);
		return;
	}
	p->addresses[addr_index(&q->source)] = q->source;
	if (q->router->kind == OBJECT_NETWORK)
		p->subnet = network_find_subnet(q->router, &q->source);
	snprintf(p->who, sizeof(p->who), "%s in %s \"%s\"", addr_format(&q->source, text),
		 kind_words(q->router->kind), q->router->name);
}

/* What decides is the first address that is reached; if none is, the first that the client can try at all. */
static void try_all(struct path *p, const struct targets *t)
{
	struct path_answer *a = p->answer, first = {0};
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < t->n && !p->nomem; i++) {
		if (t->n > 1)
			path_ok(p, NULL, "%s %s", i ? "next it tries" : "it tries",
				addr_format(&t->addresses[i], text));
		if (try_address(p, &t->addresses[i]))
			return;
		if (i == 0 || first.reason == PATH_NO_SOURCE)
			first = *a;
	}
	first.steps = a->steps;
	first.n_steps = a->n_steps;
	*a = first;
}

int explain_path(const struct path_question *q, struct path_answer *ret_answer, struct err *e)
{
	struct path_answer a = {0};
	struct targets t = {.n = 0};
	struct path p;

	path_init(&p, q, &a);
	if (targets_find(&p, &t))
		try_all(&p, &t);
	if (p.nomem) {
		path_answer_done(&a);
		return err_set(e, ERR_NOMEM, NULL, "out of memory");
	}
	*ret_answer = a;
	return 0;
}
