/* SPDX-License-Identifier: GPL-3.0-or-later */
/* get: objects as a table, as documents, or as the API gives them. */
#include "model/document.h"
#include "model/kind.h"
#include "postern/command.h"
#include "postern/fields.h"
#include "postern/kind_views.h"
#include "postern/text.h"
#include "postern/view.h"

#include <string.h>

#define RANGES_SHOWN 2

char *ranges_text(const json_t *document)
{
	const json_t *ranges = field(document, "public.ranges"), *range;
	size_t i, n = json_array_size(ranges);
	struct text t;

	if (!json_is_array(ranges))
		return must_dup("all");
	if (n == 0)
		return must_dup("none");
	text_open(&t);
	json_array_foreach(ranges, i, range)
	{
		const char *text = json_string_value(range);

		if (i < RANGES_SHOWN)
			fprintf(t.file, "%s%s", i ? "," : "", text ? text : "?");
	}
	if (n > RANGES_SHOWN)
		fprintf(t.file, " +%zu", n - RANGES_SHOWN);
	return text_take(&t);
}

enum tone upstream_tone(const char *state)
{
	return strcmp(state, "up") == 0	    ? TONE_GOOD
	       : strcmp(state, "down") == 0 ? TONE_BAD
					    : TONE_DIM;
}

char *upstreams_text(const json_t *object, enum tone *ret_tone)
{
	const json_t *upstreams = field(object, "status.upstreams"), *u;
	size_t i, n = json_array_size(upstreams), up = 0, down = 0;

	json_array_foreach(upstreams, i, u)
	{
		up += strcmp(field_text(u, "state", ""), "up") == 0;
		down += strcmp(field_text(u, "state", ""), "down") == 0;
	}
	*ret_tone = !down ? TONE_PLAIN : up ? TONE_WARN : TONE_BAD;
	if (!up && !down)
		return must_printf("%zu unknown",
				   n ? n : field_count(object, "document.upstreams"));
	return must_printf("%zu/%zu up", up, n);
}

/* --- the command ------------------------------------------------------------------------------------------- */

static void print_documents(const struct cli *c, const json_t *objects)
{
	const json_t *o;
	size_t i;

	json_array_foreach(objects, i, o)
	{
		_cleanup_free_ char *yaml = document_to_yaml(field(o, "document"));

		fprintf(c->out.file, "%s%s", json_array_size(objects) > 1 ? "---\n" : "",
			yaml ? yaml : "");
	}
}

static void print_table(const struct cli *c, const struct kind *kind, const json_t *objects)
{
	if (json_array_size(objects) == 0) {
		note("no %s yet; \"postern help\" shows how to declare one", kind->plural);
		return;
	}
	kind_view_print(kind_view_find(kind->name), objects, &c->out);
}

static int get_answer(struct cli *c, const struct kind *kind, const char *name,
		      struct answer *ret_answer, struct err *e)
{
	struct target t;
	int rc;

	target_init(&t, "/v1");
	target_segment(&t, kind->plural);
	if (name)
		target_segment(&t, name);
	rc = client_get(&c->client, t.text, ret_answer, e);
	target_done(&t);
	return rc;
}

static void emit_items(const struct cli *c, json_t *items)
{
	json_t *body = json_pack("{s:O}", "items", items);

	cli_emit(c, body);
	json_decref(body);
}

static int get_kind(struct cli *c, const struct kind *kind, const char *name, struct err *e)
{
	struct answer a = {0};
	json_t *objects = NULL;
	int rc = get_answer(c, kind, name, &a, e);

	if (rc < 0)
		return rc;
	objects = name ? json_pack("[O]", a.json) : json_incref(field(a.json, "items"));
	if (c->output == OUTPUT_YAML)
		print_documents(c, objects);
	else if (!cli_emit(c, a.json))
		print_table(c, kind, objects);
	if (field_bool(a.json, "incomplete", false))
		note("the figures are incomplete: a gate did not answer in time");
	json_decref(objects);
	answer_done(&a);
	return 0;
}

/* Every kind that has objects, each under its own title; as documents they are one stream that can be applied again. */
static int get_all(struct cli *c, struct err *e)
{
	json_t *all = json_array();
	bool incomplete = false;
	const struct kind *kind;
	size_t shown = 0, k;
	int rc = 0;

	for (size_t i = 0; rc == 0 && (kind = kind_at(i)); i++) {
		struct answer a = {0};
		json_t *o;

		rc = get_answer(c, kind, NULL, &a, e);
		if (rc < 0)
			break;
		incomplete |= field_bool(a.json, "incomplete", false);
		json_array_foreach(field(a.json, "items"), k, o) json_array_append(all, o);
		if (c->output == OUTPUT_TABLE && field_count(a.json, "items")) {
			if (shown++)
				fputc('\n', c->out.file);
			fprintf(c->out.file, "%s:\n", kind->plural);
			kind_view_print(kind_view_find(kind->name), field(a.json, "items"),
					&c->out);
		}
		answer_done(&a);
	}
	if (rc == 0 && c->output == OUTPUT_YAML)
		print_documents(c, all);
	else if (rc == 0 && c->output == OUTPUT_JSON)
		emit_items(c, all);
	else if (rc == 0 && !shown)
		note("nothing is declared yet; \"postern help\" shows how to declare a cluster");
	if (incomplete)
		note("the figures are incomplete: a gate did not answer in time");
	json_decref(all);
	return rc;
}

int get_run(struct cli *c, struct err *e)
{
	const char *first = args_word(&c->args, 0), *name = NULL;
	const struct kind *kind;
	int rc;

	if (!first || strcmp(first, "all") == 0) {
		if (args_word(&c->args, 1))
			return err_set(e, ERR_USAGE, NULL, "\"all\" is everything: no name");
		return get_all(c, e);
	}
	rc = args_object(&c->args, &kind, &name, e);
	return rc < 0 ? rc : get_kind(c, kind, name, e);
}
