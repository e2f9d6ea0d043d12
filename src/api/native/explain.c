/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Does a client reach a cluster, and by which rule: a source on the internet, a host, or an address in a network that is no
 * host.
 */
#include "api/native/routes.h"
#include "control/place.h"
#include "control/why.h"
#include "explain/path.h"

#include <assert.h>
#include <string.h>

#define PUBLIC_MAX 64

struct asked {
	const char *cluster, *source, *host, *network, *address; /* NULL: not given */
	struct addr source_addr;
	const struct index_cluster *ic;
};

static int addr_take(const char *text, const char *parameter, struct addr *ret_addr, struct err *e)
{
	char quoted[96];

	if (addr_parse(text, ret_addr) < 0)
		return err_set(e, ERR_USAGE, parameter, "\"%s\" is not an IPv4 or IPv6 address",
			       str_quote(quoted, sizeof(quoted), text, strlen(text)));
	return 0;
}

static int not_found(struct err *e, const char *kind, const char *name)
{
	char quoted[96];

	return err_set(e, ERR_NOT_FOUND, NULL, "there is no %s \"%s\"", kind,
		       str_quote(quoted, sizeof(quoted), name, strlen(name)));
}

static int parameters_check(const struct asked *a, struct err *e)
{
	if (!a->cluster)
		return err_set(e, ERR_USAGE, "cluster", "query parameter cluster is needed");
	if (!a->source == !a->host)
		return err_set(e, ERR_USAGE, "source",
			       "where from? Exactly one of the query parameters source and host "
			       "is needed");
	if (a->host && a->network)
		return err_set(e, ERR_USAGE, "network", "a host is where it is");
	if (a->address && !a->host && !a->network)
		return err_set(e, ERR_USAGE, "address",
			       "goes with host or network: from the internet there is only the "
			       "public endpoint");
	return 0;
}

static int asked_take(const struct request *r, struct asked *ret_asked, struct err *e)
{
	struct asked a = {request_query(r, "cluster"),
			  request_query(r, "source"),
			  request_query(r, "host"),
			  request_query(r, "network"),
			  request_query(r, "address"),
			  {0},
			  NULL};
	int ret = parameters_check(&a, e);

	if (ret == 0 && a.source)
		ret = addr_take(a.source, "source", &a.source_addr, e);
	if (ret == 0)
		ret = request_may_view(r, a.cluster, e);
	if (ret == 0 && (a.host || a.network))
		ret = request_may_view(r, a.host ? a.host : a.network, e);
	if (ret == 0)
		ret = control_store_check(r->control, e);
	if (ret < 0)
		return ret;
	a.ic = index_find(&r->control->index, a.cluster);
	if (!a.ic)
		return not_found(e, "cluster", a.cluster);
	*ret_asked = a;
	return 0;
}

/* --- from the internet ------------------------------------------------------------------------------------ */

static void source_answer(struct request *r, const struct asked *asked)
{
	struct explain_answer a = {0};
	struct err e = {0};
	char range[PREFIX_TEXT_MAX];

	assert(asked->ic);
	if (why_explain(r->control, asked->ic->id, &asked->source_addr, &a, &e) < 0) {
		request_answer_error(r, &e);
		return;
	}
	request_answer_json(
		r, 200,
		json_pack("{s:b, s:s, s:s, s:s?}", "reached", a.reached, "reason",
			  explain_reason_text(a.reason), "rule", a.rule, "range",
			  a.reason == EXPLAIN_RANGE ? prefix_format(&a.range, range) : NULL));
}

/* --- from a host, or from within a network ---------------------------------------------------------------- */

static int place_take(const struct control *c, const struct asked *asked, struct path_question *q,
		      struct err *e)
{
	char text[ADDR_TEXT_MAX];

	if (asked->host) {
		q->host = landscape_find(c->landscape, OBJECT_HOST, asked->host);
		return q->host ? 0 : not_found(e, "host", asked->host);
	}
	q->router = landscape_find(c->landscape, OBJECT_NETWORK, asked->network);
	if (!q->router)
		return not_found(e, "network", asked->network);
	q->source = asked->source_addr;
	q->host = router_find_host(q->router, &q->source);
	if (!q->host && !network_find_subnet(q->router, &q->source))
		return err_set(e, ERR_USAGE, "source", "%s is in no subnet of network \"%s\"",
			       addr_format(&q->source, text), asked->network);
	return 0;
}

static int question_take(struct control *c, const struct asked *asked, struct path_question *q,
			 struct err *e)
{
	int ret;

	if (!c->landscape)
		return err_set(e, ERR_UNAVAILABLE, NULL, "the networks have not been read yet");
	q->landscape = c->landscape;
	q->cluster = landscape_find(c->landscape, OBJECT_CLUSTER, asked->cluster);
	if (!q->cluster)
		return not_found(e, "cluster", asked->cluster);
	ret = place_take(c, asked, q, e);
	if (ret < 0)
		return ret;
	if (!asked->address)
		q->by = PATH_BY_NAME;
	else if (strcmp(asked->address, "public") == 0)
		q->by = PATH_PUBLIC;
	else if (strcmp(asked->address, "private") == 0)
		q->by = PATH_ALL_PRIVATE;
	else {
		q->by = PATH_BY_ADDRESS;
		ret = addr_take(asked->address, "address", &q->address, e);
	}
	return ret < 0 ? ret : why_index(c, asked->ic->id, &q->public_rules, e);
}

static json_t *steps_render(const struct path_answer *a)
{
	json_t *all = json_array();

	for (size_t i = 0; i < a->n_steps; i++)
		json_array_append_new(all,
				      json_pack("{s:s, s:b, s:s}", "where", a->steps[i].where, "ok",
						a->steps[i].ok, "text", a->steps[i].text));
	return all;
}

static json_t *path_render(const struct path_answer *a, const struct path_question *q)
{
	char address[ADDR_TEXT_MAX], seen[ADDR_TEXT_MAX], range[PREFIX_TEXT_MAX];

	return json_pack("{s:b, s:s, s:s, s:s?, s:s?, s:s?, s:s?, s:s?, s:o}", "reached",
			 a->reached, "reason", path_reason_text(a->reason), "rule", a->rule,
			 "range", a->reason == PATH_RANGE ? prefix_format(&a->range, range) : NULL,
			 "host", q->host ? q->host->name : NULL, "address",
			 a->address.family ? addr_format(&a->address, address) : NULL, "source",
			 a->seen.family ? addr_format(&a->seen, seen) : NULL, "via",
			 a->via[0] ? a->via : NULL, "steps", steps_render(a));
}

static void path_answer(struct request *r, const struct asked *asked)
{
	struct addr public[PUBLIC_MAX];
	struct path_question q = {.public_addresses = public};
	struct path_answer a = {0};
	struct err e = {0};

	q.n_public_addresses = options_public_addresses(r->control->options, public);
	q.public_port = control_public_port(r->control);
	if (question_take(r->control, asked, &q, &e) < 0 || explain_path(&q, &a, &e) < 0) {
		request_answer_error(r, &e);
		return;
	}
	request_answer_json(r, 200, path_render(&a, &q));
	path_answer_done(&a);
}

void explain_get(struct request *r)
{
	struct asked asked = {0};
	struct err e = {0};

	if (asked_take(r, &asked, &e) < 0)
		request_answer_error(r, &e);
	else if (asked.host || asked.network)
		path_answer(r, &asked);
	else
		source_answer(r, &asked);
}
