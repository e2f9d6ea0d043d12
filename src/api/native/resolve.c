/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How a question for a name is answered on a host, in a network or on the internet, and why. */
#include "api/native/routes.h"
#include "explain/name.h"
#include "model/name.h"
#include "model/record.h"

#include <stdio.h>
#include <string.h>

#define PUBLIC_MAX 64
#define TYPES_MAX  2

struct resolving {
	const char *place; /* "host", "network", "site"; NULL: the internet */
	const char *where; /* its name */
	const struct object *router;
	char name[DNS_NAME_MAX + 1];
	enum record_type types[TYPES_MAX];
	size_t n_types;
};

static int place_find(const struct request *r, struct resolving *ask, struct err *e)
{
	static const enum object_kind kinds[] = {OBJECT_HOST, OBJECT_NETWORK, OBJECT_SITE};
	const struct object *o;
	char quoted[96];

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const char *where = request_query(r, object_kind_text(kinds[i]));

		if (!where)
			continue;
		if (ask->place)
			return err_set(e, ERR_USAGE, object_kind_text(kinds[i]),
				       "one place only: a host, a network or a site; none is the "
				       "internet");
		ask->place = object_kind_text(kinds[i]);
		ask->where = where;
		if (request_may_view(r, where, e) < 0)
			return -ERR_FORBIDDEN;
		o = landscape_find(r->control->landscape, kinds[i], where);
		if (!o)
			return err_set(e, ERR_NOT_FOUND, NULL, "there is no %s \"%s\"", ask->place,
				       str_quote(quoted, sizeof(quoted), where, strlen(where)));
		ask->router = object_router(o);
		if (!ask->router)
			return err_set(e, ERR_UNAVAILABLE, NULL,
				       "the subnet of %s \"%s\" could not be read", ask->place,
				       str_quote(quoted, sizeof(quoted), where, strlen(where)));
	}
	return 0;
}

static int question_read(const struct request *r, struct resolving *ask, struct err *e)
{
	const char *name = request_query(r, "name"), *type = request_query(r, "type");
	int ret;

	if (!name)
		return err_set(e, ERR_USAGE, "name", "query parameter name is needed");
	ret = dns_name_fold(name, strlen(name), false, ask->name, e);
	if (ret < 0) {
		err_under(e, "name");
		return ret;
	}
	ask->types[0] = RECORD_A;
	ask->types[1] = RECORD_AAAA;
	ask->n_types = 2;
	if (!type)
		return 0;
	ask->types[0] = record_type_find(type);
	ask->n_types = 1;
	if (!ask->types[0])
		return err_set(
			e, ERR_USAGE, "type",
			"no type that a zone may hold: A, AAAA, CNAME, MX, NS, PTR, SRV, TXT");
	return 0;
}

static int resolving_take(const struct request *r, struct resolving *ask, struct err *e)
{
	int ret = control_store_check(r->control, e);

	if (ret < 0)
		return ret;
	if (!r->control->landscape)
		return err_set(e, ERR_UNAVAILABLE, NULL, "the networks have not been read yet");
	ret = question_read(r, ask, e);
	return ret < 0 ? ret : place_find(r, ask, e);
}

/* --- the answer ------------------------------------------------------------------------------------------- */

static bool may_see(const struct request *r, const struct object *o)
{
	return !o || authz_may(&r->control->authz, &r->peer, RIGHT_VIEW, o->name);
}

static bool may_see_step(const struct request *r, const struct name_step *s)
{
	return may_see(r, s->owner) && may_see(r, s->by) && may_see(r, s->keeper);
}

static void set_object(json_t *step, const char *key, const struct object *o)
{
	char text[OBJECT_NAME_MAX + 32];

	if (!o)
		return;
	snprintf(text, sizeof(text), "%s/%s", object_kind_text(o->kind), o->name);
	json_object_set_new(step, key, json_string(text));
}

static json_t *servers_render(const struct options *o, const struct name_step *s)
{
	json_t *all = json_array();
	char text[ENDPOINT_TEXT_MAX];

	for (size_t i = 0; !s->servers && i < o->n_dns_forward; i++)
		json_array_append_new(all,
				      json_string(endpoint_format(&o->dns_forward[i].addr,
								  o->dns_forward[i].port, text)));

	for (size_t i = 0; s->servers && i < s->n_servers; i++)
		json_array_append_new(all, json_string(addr_format(&s->servers[i], text)));
	return all;
}

static json_t *step_render(const struct request *r, const struct name_step *s)
{
	json_t *step = json_pack("{s:s, s:s, s:s}", "name", s->name, "result",
				 name_result_text(s->result), "text", s->text);

	if (s->domain[0])
		json_object_set_new(step, "domain", json_string(s->domain));
	set_object(step, "of", s->owner);
	set_object(step, "by", s->by);
	if (s->result == NAME_FORWARDED)
		json_object_set_new(step, "servers", servers_render(r->control->options, s));
	return step;
}

/* What the caller may not look at is said to be there, and no more. */
static json_t *hidden_render(const struct name_step *s)
{
	return json_pack("{s:s, s:s, s:s}", "name", s->name, "result", "hidden", "text",
			 "an object that you may not view decides");
}

static json_t *answer_render(const struct request *r, const struct resolving *ask,
			     enum record_type type, const struct name_answer *a)
{
	json_t *steps = json_array(), *values = json_array();
	bool is_hidden = false;

	for (size_t i = 0; i < a->n_steps && !is_hidden; i++) {
		is_hidden = !may_see_step(r, &a->steps[i]);
		json_array_append_new(steps, is_hidden ? hidden_render(&a->steps[i])
						       : step_render(r, &a->steps[i]));
	}
	for (size_t i = 0; i < a->n_values && !is_hidden; i++)
		json_array_append_new(values, json_string(a->values[i]));
	return json_pack("{s:s, s:s, s:s, s:I, s:o, s:o}", "name", ask->name, "type",
			 record_type_text(type), "result",
			 is_hidden ? "hidden" : name_result_text(a->result), "ttl",
			 (json_int_t)(is_hidden ? 0 : a->ttl), "values", values, "steps", steps);
}

static int answers_make(const struct request *r, const struct resolving *ask, json_t *answers)
{
	struct addr public[PUBLIC_MAX];
	struct name_question q = {.landscape = r->control->landscape,
				  .router = ask->router,
				  .name = ask->name,
				  .public = {public, 0},
				  .has_default_servers = r->control->options->n_dns_forward > 0};
	static struct name_answer a; /* large, and there is one thread */
	int ret = 0;

	q.public.n = options_public_addresses(r->control->options, public);
	for (size_t i = 0; i < ask->n_types && ret == 0; i++) {
		q.type = ask->types[i];
		ret = explain_name(&q, &a);
		if (ret == 0)
			json_array_append_new(answers, answer_render(r, ask, q.type, &a));
		if (ret == 0)
			name_answer_done(&a);
	}
	return ret;
}

void resolve_get(struct request *r)
{
	struct resolving ask = {0};
	json_t *answers, *whole;
	struct err e = {0};

	if (resolving_take(r, &ask, &e) < 0) {
		request_answer_error(r, &e);
		return;
	}
	answers = json_array();
	if (answers_make(r, &ask, answers) < 0) {
		json_decref(answers);
		err_set(&e, ERR_NOMEM, NULL, "out of memory");
		request_answer_error(r, &e);
		return;
	}
	whole = json_pack("{s:o}", "answers", answers);
	if (ask.place)
		json_object_set_new(whole, ask.place, json_string(ask.where));
	request_answer_json(r, 200, whole);
}
