/* SPDX-License-Identifier: GPL-3.0-or-later */
/* get: objects as a table, as documents, or as the API gives them. */
#include "model/document.h"
#include "model/kind.h"
#include "postern/columns.h"
#include "postern/command.h"
#include "postern/fields.h"
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

/* --- one view per kind; a kind without one has the general columns --------------------------------------- */

static void cluster_row(struct columns *t, const json_t *o)
{
	bool on = field_bool(o, "document.public.enabled", true);
	_cleanup_free_ char *ranges = ranges_text(field(o, "document")), *upstreams;
	char age[QUANTITY_MAX];
	enum tone tone;

	upstreams = upstreams_text(o, &tone);
	columns_add(t, TONE_PLAIN, "%s", field_text(o, "name", "?"));
	columns_add(t, on ? TONE_PLAIN : TONE_WARN, on ? "on" : "off");
	columns_add(t, TONE_PLAIN, "%s", ranges);
	columns_add(t, tone, "%s", upstreams);
	columns_add(t, TONE_PLAIN, "%lld", field_int(o, "status.connections", 0));
	columns_add(t, TONE_PLAIN, "%lld", field_int(o, "revision", 0));
	columns_add(t, TONE_PLAIN, "%s", since_format(field_text(o, "createdAt", ""), age));
}

static void general_row(struct columns *t, const json_t *o)
{
	char age[QUANTITY_MAX];

	columns_add(t, TONE_PLAIN, "%s", field_text(o, "name", "?"));
	columns_add(t, TONE_PLAIN, "%lld", field_int(o, "revision", 0));
	columns_add(t, TONE_PLAIN, "%s", since_format(field_text(o, "createdAt", ""), age));
}

static const char *const cluster_titles[] = {"NAME",	    "PUBLIC",	"RANGES", "UPSTREAMS",
					     "CONNECTIONS", "REVISION", "AGE"};
static const char *const general_titles[] = {"NAME", "REVISION", "AGE"};

static const struct view {
	const char *kind;
	const char *const *titles;
	size_t n, elastic;
	void (*row)(struct columns *t, const json_t *o);
} views[] = {
	{"cluster", cluster_titles, ARRAY_SIZE(cluster_titles), 2, cluster_row},
	{NULL, general_titles, ARRAY_SIZE(general_titles), 0, general_row},
};

static const struct view *view_of(const char *kind)
{
	size_t i = 0;

	while (views[i].kind && strcmp(views[i].kind, kind) != 0)
		i++;
	return &views[i];
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
	const struct view *v = view_of(kind->name);
	struct columns t;
	const json_t *o;
	size_t i;

	if (json_array_size(objects) == 0) {
		note("no %s yet; \"postern help\" shows how to declare one", kind->plural);
		return;
	}
	columns_init(&t, v->titles, v->n, v->elastic);
	json_array_foreach(objects, i, o) v->row(&t, o);
	columns_print(&t, &c->out, 0);
	columns_done(&t);
}

static int get_kind(struct cli *c, const struct kind *kind, const char *name, struct err *e)
{
	struct answer a = {0};
	json_t *objects = NULL;
	struct target t;
	int rc;

	target_init(&t, "/v1");
	target_segment(&t, kind->plural);
	if (name)
		target_segment(&t, name);
	rc = client_get(&c->client, t.text, &a, e);
	target_done(&t);
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

int get_run(struct cli *c, struct err *e)
{
	const struct kind *kind;
	const char *name = NULL;
	int rc = 0;

	if (c->args.n_words) {
		rc = args_object(&c->args, &kind, &name, e);
		return rc < 0 ? rc : get_kind(c, kind, name, e);
	}
	for (size_t i = 0; rc == 0 && (kind = kind_at(i)); i++)
		rc = get_kind(c, kind, NULL, e);
	return rc;
}
