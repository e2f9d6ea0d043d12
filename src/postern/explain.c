/* SPDX-License-Identifier: GPL-3.0-or-later */
/* explain and names: what a source, or a host, meets on its way to a cluster. */
#include "postern/command.h"
#include "postern/fields.h"
#include "postern/text.h"

#include <string.h>

/* "cluster/prod" is prod. */
static const char *bare_name(const char *word, const char *kind)
{
	size_t n = strlen(kind);

	return strncmp(word, kind, n) == 0 && word[n] == '/' ? word + n + 1 : word;
}

static int explain_target(const struct cli *c, const char *cluster, const char *source,
			  struct target *ret_target, struct err *e)
{
	const char *host = args_get(&c->args, "host"), *network = args_get(&c->args, "network");
	const char *address = args_get(&c->args, "address");

	if (!host == !source)
		return err_set(e, ERR_USAGE, NULL,
			       host ? "either a SOURCE on the internet or --host, not both"
				    : "where from? Name a SOURCE on the internet, or --host NAME");
	if (host && network)
		return err_set(e, ERR_USAGE, "--network",
			       "a host is where it is; --network goes with a SOURCE");
	if (address && !host && !network)
		return err_set(e, ERR_USAGE, "--address",
			       "goes with --host or --network: from the internet there is only the "
			       "public endpoint");
	target_init(ret_target, "/v1/explain");
	target_query(ret_target, "cluster", cluster);
	target_query(ret_target, "source", source);
	target_query(ret_target, "host", host ? bare_name(host, "host") : NULL);
	target_query(ret_target, "network", network);
	target_query(ret_target, "address", address);
	return 0;
}

static void print_steps(const struct term *t, const json_t *answer)
{
	const json_t *step;
	size_t i;

	json_array_foreach(field(answer, "steps"), i, step)
	{
		bool ok = field_bool(step, "ok", false);
		_cleanup_free_ char *where = text_clean(field_text(step, "where", "?"));
		_cleanup_free_ char *text = text_clean(field_text(step, "text", "?"));

		fputs("  ", t->file);
		term_print(t, ok ? TONE_GOOD : TONE_BAD, "%s", ok ? "ok" : "NO");
		/* The sentence may name the place itself. */
		if (strncmp(text, where, strlen(where)) == 0)
			fprintf(t->file, "  %s\n", text);
		else
			fprintf(t->file, "  %s: %s\n", where, text);
	}
}

static void print_verdict(const struct term *t, const char *who, const char *cluster,
			  const json_t *answer)
{
	bool reached = field_bool(answer, "reached", false);
	const char *rule =
		field_text(answer, "rule", field_text(answer, "reason", "no reason given"));
	_cleanup_free_ char *rule_shown = text_clean(rule);
	_cleanup_free_ char *via = text_clean(field_text(answer, "via", ""));

	term_print(t, reached ? TONE_GOOD : TONE_BAD, reached ? "yes" : "no");
	fprintf(t->file, ": %s %s cluster/%s", who, reached ? "reaches" : "does not reach",
		cluster);
	if (*via)
		fprintf(t->file, " by %s", via);
	fprintf(t->file, ": %s\n", rule_shown);
}

int explain_run(struct cli *c, struct err *e)
{
	const char *cluster = bare_name(args_word(&c->args, 0), "cluster");
	const char *source = args_word(&c->args, 1), *host = args_get(&c->args, "host");
	_cleanup_free_ char *who = NULL;
	struct answer a = {0};
	struct target t = {0};
	int rc = explain_target(c, cluster, source, &t, e);

	if (rc < 0)
		return rc;
	rc = client_get(&c->client, t.text, &a, e);
	target_done(&t);
	if (rc < 0)
		return rc;
	who = host ? must_printf("host/%s", bare_name(host, "host")) : must_dup(source);
	if (!cli_emit(c, a.json)) {
		print_verdict(&c->out, who, cluster, a.json);
		print_steps(&c->out, a.json);
	}
	answer_done(&a);
	return 0;
}

int names_run(struct cli *c, struct err *e)
{
	struct answer a = {0};
	const json_t *name, *address;
	struct target t;
	size_t i, k;
	int rc;

	target_init(&t, "/v1/hosts");
	target_segment(&t, bare_name(args_word(&c->args, 0), "host"));
	_cleanup_free_ char *path = must_printf("%s/names", t.text);
	target_done(&t);
	rc = client_get(&c->client, path, &a, e);
	if (rc < 0)
		return rc;
	if (!cli_emit(c, a.json)) {
		json_array_foreach(field(a.json, "names"), i, name)
		{
			_cleanup_free_ char *shown = text_clean(field_text(name, "name", "?"));

			json_array_foreach(field(name, "addresses"), k, address) fprintf(
				c->out.file, "%s %s\n",
				json_string_value(address) ? json_string_value(address) : "?",
				shown);
		}
		if (!field_count(a.json, "names"))
			note("no name answers there");
	}
	answer_done(&a);
	return 0;
}
