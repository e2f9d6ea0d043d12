/* SPDX-License-Identifier: GPL-3.0-or-later */
/* apply, check and delete: documents, or one object's name, to the daemon. */
#include "model/kind.h"
#include "postern/fields.h"
#include "postern/input.h"
#include "postern/outcome.h"
#include "postern/text.h"

#include <string.h>

static int read_input(const struct cli *c, struct input *ret_input, struct err *e)
{
	const char *paths[ARGS_MAX];
	size_t n = args_all(&c->args, "file", paths, ARGS_MAX);

	if (n == 0)
		return err_set(e, ERR_USAGE, "-f",
			       "no document given; name a file or folder, or - for standard input");
	return input_read(paths, n, ret_input, e);
}

static char *as_body(const struct input *in)
{
	char *body = json_dumps(in->documents, JSON_COMPACT);

	return body ? body : must_dup("[]");
}

static int send_documents(struct cli *c, const char *path, struct err *e)
{
	_cleanup_free_ char *body = NULL;
	struct input in = {0};
	struct request r = {.method = "POST", .content_type = "application/json"};
	struct target t = {0};
	int rc = read_input(c, &in, e);

	if (rc < 0)
		return rc;
	body = as_body(&in);
	r.body = body;
	r.body_len = strlen(body);
	target_init(&t, path);
	rc = change_send(c, &t, &r, e);
	if (rc < 0)
		input_locate(&in, e);
	target_done(&t);
	input_done(&in);
	return rc;
}

int apply_run(struct cli *c, struct err *e)
{
	return send_documents(c, "/v1/apply", e);
}

int check_run(struct cli *c, struct err *e)
{
	_cleanup_free_ char *body = NULL;
	struct input in = {0};
	struct request r = {.method = "POST", .content_type = "application/json"};
	struct target t = {0};
	struct answer a = {0};
	int rc = read_input(c, &in, e);
	size_t n;

	if (rc < 0)
		return rc;
	body = as_body(&in);
	target_init(&t, "/v1/apply");
	target_query(&t, "dryRun", "true");
	target_query(&t, "force", args_has(&c->args, "force") ? "true" : NULL);
	r.target = t.text;
	r.body = body;
	r.body_len = strlen(body);
	rc = client_call(&c->client, &r, &a, e);
	if (rc < 0) {
		input_locate(&in, e);
		goto out;
	}
	n = dry_run_print(c, a.json);
	if (!cli_emit(c, a.json) && n == 0)
		fputs("nothing would change\n", c->out.file);
	rc = n && args_has(&c->args, "exit-code") ? EXIT_WOULD_CHANGE : 0;
out:
	answer_done(&a);
	target_done(&t);
	input_done(&in);
	return rc;
}

int delete_run(struct cli *c, struct err *e)
{
	struct request r = {.method = "DELETE"};
	struct target t = {0};
	const struct kind *kind;
	const char *name;
	int rc;

	if (args_has(&c->args, "file") && c->args.n_words)
		return err_set(e, ERR_USAGE, NULL, "either KIND NAME or -f FILE, not both");
	if (args_has(&c->args, "file"))
		return send_documents(c, "/v1/delete", e);
	if (!c->args.n_words)
		return err_set(e, ERR_USAGE, NULL,
			       "nothing to delete; name it by KIND NAME, or documents by -f FILE");
	rc = args_object(&c->args, &kind, &name, e);
	if (rc < 0)
		return rc;
	if (!name)
		return err_set(e, ERR_USAGE, NULL, "no name given; \"postern get %s\" lists them",
			       kind->plural);
	target_init(&t, "/v1");
	target_segment(&t, kind->plural);
	target_segment(&t, name);
	rc = change_send(c, &t, &r, e);
	target_done(&t);
	return rc;
}
