/* SPDX-License-Identifier: GPL-3.0-or-later */
/* resolve: what a name is answered, and why. */
#include "postern/command.h"
#include "postern/fields.h"
#include "postern/text.h"

#include <string.h>

/* "host/web" is web. */
static const char *bare(const char *word, const char *kind)
{
	size_t n = strlen(kind);

	return strncmp(word, kind, n) == 0 && word[n] == '/' ? word + n + 1 : word;
}

static int resolve_target(const struct cli *c, struct target *ret_target, struct err *e)
{
	static const char *const places[] = {"host", "network", "site"};
	unsigned given = 0;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		given += args_get(&c->args, places[i]) != NULL;
	if (given > 1)
		return err_set(e, ERR_USAGE, NULL,
			       "one place only: --host, --network or --site; none is the internet");
	target_init(ret_target, "/v1/resolve");
	target_query(ret_target, "name", args_word(&c->args, 0));
	target_query(ret_target, "type", args_get(&c->args, "type"));
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		const char *where = args_get(&c->args, places[i]);

		target_query(ret_target, places[i], where ? bare(where, places[i]) : NULL);
	}
	return 0;
}

static bool is_answer(const char *result)
{
	return strcmp(result, "data") == 0 || strcmp(result, "forwarded") == 0 ||
	       strcmp(result, "referral") == 0 || strcmp(result, "hidden") == 0;
}

static void print_answer(const struct term *t, const json_t *answer)
{
	const char *result = field_text(answer, "result", "?");
	_cleanup_free_ char *name = text_clean(field_text(answer, "name", "?"));
	const json_t *value, *step;
	size_t i;

	fprintf(t->file, "%s %s: ", name, field_text(answer, "type", "?"));
	term_print(t, is_answer(result) ? TONE_GOOD : TONE_BAD, "%s", result);
	fputc('\n', t->file);
	json_array_foreach(field(answer, "values"), i, value)
	{
		const char *text = json_string_value(value);
		_cleanup_free_ char *shown = text_clean(text ? text : "?");

		fprintf(t->file, "  %lld  %s\n", field_int(answer, "ttl", 0), shown);
	}
	json_array_foreach(field(answer, "steps"), i, step)
	{
		_cleanup_free_ char *asked = text_clean(field_text(step, "name", "?"));
		_cleanup_free_ char *text = text_clean(field_text(step, "text", "?"));

		fprintf(t->file, "  %s: %s", asked, text);
		for (size_t k = 0; k < field_count(step, "servers"); k++) {
			const char *server =
				json_string_value(json_array_get(field(step, "servers"), k));

			fprintf(t->file, "%s%s", k ? ", " : ": ", server ? server : "?");
		}
		fputc('\n', t->file);
	}
}

int resolve_run(struct cli *c, struct err *e)
{
	struct answer a = {0};
	struct target t = {0};
	const json_t *answer;
	bool any = false;
	size_t i;
	int rc = resolve_target(c, &t, e);

	if (rc < 0)
		return rc;
	rc = client_get(&c->client, t.text, &a, e);
	target_done(&t);
	if (rc < 0)
		return rc;
	json_array_foreach(field(a.json, "answers"), i, answer) any |=
		is_answer(field_text(answer, "result", "?"));
	if (!cli_emit(c, a.json))
		json_array_foreach(field(a.json, "answers"), i, answer)
			print_answer(&c->out, answer);
	answer_done(&a);
	return any ? 0 : err_code_exit(ERR_NOT_FOUND);
}
