/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postern/command.h"
#include "postern/help.h"
#include "postern/text.h"

#include <curl/curl.h>
#include <string.h>

static const char *socket_path(const struct args *a)
{
	const char *given = args_get(a, "socket"), *env = getenv("POSTERN_SOCKET");

	return given ? given : env && *env ? env : SOCKET_DEFAULT;
}

static enum output output_kind(const struct args *a)
{
	const char *o = args_get(a, "output");

	return !o || strcmp(o, "table") == 0 ? OUTPUT_TABLE
	       : strcmp(o, "json") == 0	     ? OUTPUT_JSON
					     : OUTPUT_YAML;
}

static void complain(const struct err *e)
{
	_cleanup_free_ char *path =
		text_clean(e->path); /* may hold a file's name; the text is clean */
	struct term t;

	term_init(&t, stderr);
	term_print(&t, TONE_BAD, "error:");
	fprintf(stderr, " %s%s%s\n", path, *path ? ": " : "", e->text);
}

static int run(struct cli *c, struct err *e)
{
	if (args_has(&c->args, "version")) {
		fprintf(c->out.file, "postern %s\n", POSTERN_VERSION);
		return 0;
	}
	if (!c->args.command) {
		help_overview(&c->out);
		return 0;
	}
	if (args_has(&c->args, "help")) {
		help_command(&c->out, c->args.command);
		return 0;
	}
	return c->args.command->run(c, e);
}

int main(int argc, char **argv)
{
	struct cli c = {0};
	struct err e = {0};
	int rc;

	term_init(&c.out, stdout);
	rc = args_parse(argc, argv, &c.args, &e);
	if (rc == 0) {
		c.client.socket_path = socket_path(&c.args);
		c.output = output_kind(&c.args);
		curl_global_init(CURL_GLOBAL_DEFAULT);
		rc = run(&c, &e);
		curl_global_cleanup();
	}
	if (fflush(stdout) != 0 && rc >= 0)
		rc = err_set(&e, ERR_INTERNAL, "standard output", "cannot be written to");
	if (rc < 0)
		complain(&e);
	return rc < 0 ? err_code_exit((enum err_code) - rc) : rc;
}
