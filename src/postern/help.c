/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postern/help.h"

#include "model/kind.h"
#include "postern/text.h"

#include <string.h>

static void heading(const struct term *t, const char *text)
{
	fputc('\n', t->file);
	term_print(t, TONE_BOLD, "%s:", text);
	fputc('\n', t->file);
}

static void list_commands(const struct term *t)
{
	const char *group = "";

	for (size_t i = 0; command_at(i); i++) {
		const struct command *c = command_at(i);

		if (strcmp(group, c->group) != 0)
			heading(t, c->group);
		group = c->group;
		fprintf(t->file, "  %-13s %s\n", c->name, c->summary);
	}
}

static void list_options(const struct term *t, const struct option_def *o)
{
	size_t width = 0;

	for (const struct option_def *p = o; p->name; p++) {
		size_t w = strlen(p->name) + (p->meta ? strlen(p->meta) + 1 : 0);

		width = w > width ? w : width;
	}
	for (; o->name; o++) {
		_cleanup_free_ char *left =
			must_printf("%s%s%s", o->name, o->meta ? " " : "", o->meta ? o->meta : "");
		char letter[5] = "    ";

		if (o->letter)
			snprintf(letter, sizeof letter, "-%c, ", o->letter);
		fprintf(t->file, "  %s--%-*s  %s\n", letter, (int)width, left, o->help);
	}
}

void help_overview(const struct term *t)
{
	fputs("postern: access to Kubernetes API servers, declared and enforced\n", t->file);
	heading(t, "Usage");
	fputs("  postern [--socket PATH] [-o table|json|yaml] COMMAND ...\n", t->file);
	heading(t, "First steps");
	fputs("  cat > prod.yaml <<END                      a cluster, as a document\n"
	      "  kind: cluster\n"
	      "  name: prod\n"
	      "  upstreams:\n"
	      "    - address: 10.0.0.5\n"
	      "  public:\n"
	      "    fqdn: prod.k8s.example.org\n"
	      "    ranges: [203.0.113.0/24]\n"
	      "  END\n"
	      "  postern check -f prod.yaml                 what would change\n"
	      "  postern apply -f prod.yaml                 enforced when it comes back\n"
	      "  postern explain prod 203.0.113.9           can this source get in, and why\n"
	      "  postern cluster set prod --add-allow 198.51.100.7\n"
	      "  postern kubeconfig prod > prod.kubeconfig\n"
	      "  postern events -f                          who is refused, and by which rule\n"
	      "  postern exec web -- kubectl get ns         as from a declared host\n",
	      t->file);
	list_commands(t);
	heading(t, "Options of every command");
	list_options(t, global_options());
	heading(t, "Exit status");
	fputs("  0 done    1 our own mistake    2 usage          3 not found    4 conflict\n"
	      "  5 not permitted    6 daemon unavailable    7 invalid document    8 not yet "
	      "enforced\n",
	      t->file);
	fputs("\n\"postern help COMMAND\" says more; so do postern(1), postern-cluster(5), "
	      "postern-network(5) and postern-dns(5).\n",
	      t->file);
}

static const char *value_of(const struct option_def *o)
{
	return o->meta ? o->meta : "";
}

static void usage(const struct term *t, const struct command *c)
{
	size_t column = (size_t)fprintf(t->file, "  postern %s", c->name), indent = column + 1;

	if (*c->words)
		column += (size_t)fprintf(t->file, " %s", c->words);
	if (c->has_rest)
		column += (size_t)fprintf(t->file, " [--] COMMAND...");
	for (const struct option_def *o = c->options; o->name; o++) {
		_cleanup_free_ char *item = o->letter
						    ? must_printf("[-%c%s%s]", o->letter,
								  o->meta ? " " : "", value_of(o))
						    : must_printf("[--%s%s%s]", o->name,
								  o->meta ? " " : "", value_of(o));

		if (column + 1 + strlen(item) > 96) {
			fprintf(t->file, "\n%*s", (int)indent - 1, "");
			column = indent - 1;
		}
		column += (size_t)fprintf(t->file, " %s", item);
	}
	fputc('\n', t->file);
}

static void list_kinds(const struct term *t)
{
	heading(t, "Kinds");
	for (size_t i = 0; kind_at(i); i++)
		fprintf(t->file, "  %s (%s)\n", kind_at(i)->name, kind_at(i)->plural);
}

void help_command(const struct term *t, const struct command *c)
{
	fprintf(t->file, "%s.\n", c->summary);
	heading(t, "Usage");
	usage(t, c);
	fprintf(t->file, "\n%s\n", c->about);
	if (strstr(c->words, "KIND"))
		list_kinds(t);
	if (c->options[0].name) {
		heading(t, "Options");
		list_options(t, c->options);
	}
	heading(t, "Examples");
	fputs(c->examples, t->file);
	fputs("\n\"postern help\" lists the options of every command.\n", t->file);
}

int help_run(struct cli *c, struct err *e)
{
	const char *first = args_word(&c->args, 0), *second = args_word(&c->args, 1);
	_cleanup_free_ char *name = NULL;
	const struct command *command;
	struct args ignored;

	if (!first) {
		help_overview(&c->out);
		return 0;
	}
	name = second ? must_printf("%s %s", first, second) : must_dup(first);
	command = command_find(name);
	for (size_t i = 0; !command && !second && command_at(i); i++) {
		/* "help cluster": the first command of that group */
		if (strncmp(command_at(i)->name, first, strlen(first)) == 0 &&
		    command_at(i)->name[strlen(first)] == ' ')
			command = command_at(i);
	}
	if (!command) {
		char *argv[] = {name, name, NULL};

		return args_parse(2, argv, &ignored, e); /* for its suggestion */
	}
	help_command(&c->out, command);
	return 0;
}
