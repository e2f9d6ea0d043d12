/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Completion for bash, made from the table of commands: one case per command, names of objects asked from the daemon.
 */
#include "model/kind.h"
#include "postern/command.h"

#include <string.h>

static const char head[] =
	"# bash completion for postern: source <(postern completion bash)\n"
	"_postern_names()\n"
	"{\n"
	"\tpostern get \"${1:-cluster}\" 2>/dev/null | awk 'NR > 1 { print $1 }'\n"
	"}\n\n"
	"_postern()\n"
	"{\n"
	"\tlocal cur prev command='' word i words=0 kind='' options='' values='' plain=''\n"
	"\tcur=${COMP_WORDS[COMP_CWORD]}\n"
	"\tprev=${COMP_WORDS[COMP_CWORD - 1]}\n"
	"\tCOMPREPLY=()\n"
	"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	"\t\tword=${COMP_WORDS[i]}\n"
	"\t\tcase $word in\n"
	"\t\t-o | --output | --socket) ((i++)) ;;\n"
	"\t\t-*) ;;\n"
	"\t\t*)\n"
	"\t\t\tif [[ -z $command ]]; then\n"
	"\t\t\t\tcommand=$word\n";

static const char tail[] = "\tif [[ $values == @files ]]; then\n"
			   "\t\tcompopt -o filenames 2>/dev/null\n"
			   "\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
			   "\telif [[ -n $values ]]; then\n"
			   "\t\tmapfile -t COMPREPLY < <(compgen -W \"$values\" -- \"$cur\")\n"
			   "\telif [[ $cur == -* ]]; then\n"
			   "\t\tmapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$cur\")\n"
			   "\telse\n"
			   "\t\tmapfile -t COMPREPLY < <(compgen -W \"$plain\" -- \"$cur\")\n"
			   "\tfi\n"
			   "}\n"
			   "complete -F _postern postern\n";

/* The kind that a word in capitals stands for in help; NULL: none. */
static const char *object_kind(const char *word)
{
	static const struct {
		const char *word, *kind;
	} kinds[] = {{"CLUSTER", "cluster"}, {"NAME", "cluster"}, {"HOST", "host"},
		     {"NETWORK", "network"}, {"SITE", "site"},	  {"ZONE", "zone"}};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		size_t n = strlen(kinds[i].word);

		word += *word == '[';
		if (strncmp(word, kinds[i].word, n) == 0 &&
		    !strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ-", word[n] ? word[n] : ' '))
			return kinds[i].kind;
	}
	return NULL;
}

static void print_names(FILE *f, const struct option_def *o)
{
	for (; o->name; o++) {
		fprintf(f, " --%s", o->name);
		if (o->letter)
			fprintf(f, " -%c", o->letter);
	}
}

static void print_choices(FILE *f, const char *choices)
{
	for (; *choices; choices++)
		fputc(*choices == '|' ? ' ' : *choices, f);
}

/* What follows an option that takes a value. */
static void print_values(FILE *f, const struct option_def *o, const char *indent)
{
	for (; o->name; o++) {
		if (o->kind == OPTION_FLAG)
			continue;
		fprintf(f, "%s--%s", indent, o->name);
		if (o->letter)
			fprintf(f, " | -%c", o->letter);
		fputs(") values='", f);
		if (o->kind == OPTION_FILE)
			fputs("@files' ;;\n", f);
		else if (o->kind == OPTION_OBJECT)
			fprintf(f, "'$(_postern_names %s) ;;\n", object_kind(o->meta));
		else {
			if (o->kind == OPTION_CHOICE)
				print_choices(f, o->meta);
			fputs("' ;;\n", f);
		}
	}
}

/* The positional arguments: what may stand at which place follows from the words that help shows. */
static void print_words(FILE *f, const struct command *c)
{
	if (strstr(c->words, "KIND")) {
		fputs("\t\tif ((words == 0)); then plain='", f);
		for (size_t i = 0; kind_at(i); i++)
			fprintf(f, "%s%s", i ? " " : "", kind_at(i)->name);
		if (strcmp(c->name, "get") == 0)
			fputs(" all", f);
		fputs("'; elif ((words == 1)); then plain=$(_postern_names \"$kind\"); fi\n", f);
	} else if (object_kind(c->words)) {
		fprintf(f, "\t\tif ((words == 0)); then plain=$(_postern_names %s); fi\n",
			object_kind(c->words));
	} else if (strstr(c->words, "COMMAND")) {
		fputs("\t\tplain=$commands\n", f);
	} else if (strcmp(c->words, "bash") == 0) {
		fputs("\t\tplain=bash\n", f);
	}
}

static void print_command(FILE *f, const struct command *c)
{
	fprintf(f, "\t'%s')\n\t\toptions+='", c->name);
	print_names(f, c->options);
	fputs("'\n", f);
	print_words(f, c);
	if (c->options[0].name) {
		fputs("\t\tcase $prev in\n", f);
		print_values(f, c->options, "\t\t");
		fputs("\t\tesac\n", f);
	}
	fputs("\t\t;;\n", f);
}

/* No command before the i-th begins with the same word. */
static bool is_new_word(size_t i)
{
	size_t len = strcspn(command_at(i)->name, " ");

	for (size_t k = 0; k < i; k++)
		if (strcspn(command_at(k)->name, " ") == len &&
		    strncmp(command_at(k)->name, command_at(i)->name, len) == 0)
			return false;
	return true;
}

/* First words of two-word commands: "cluster" must be followed by "set". */
static void print_pairs(FILE *f)
{
	for (size_t i = 0; command_at(i); i++) {
		size_t len = strcspn(command_at(i)->name, " ");

		if (!command_at(i)->name[len] || !is_new_word(i))
			continue;
		fprintf(f, "\t%.*s) plain='%s", (int)len, command_at(i)->name,
			command_at(i)->name + len + 1);
		for (size_t k = i + 1; command_at(k); k++)
			if (strncmp(command_at(k)->name, command_at(i)->name, len + 1) == 0)
				fprintf(f, " %s", command_at(k)->name + len + 1);
		fputs("' ;;\n", f);
	}
}

int completion_run(struct cli *c, struct err *e)
{
	FILE *f = c->out.file;

	if (strcmp(args_word(&c->args, 0), "bash") != 0)
		return err_set(e, ERR_USAGE, NULL,
			       "no completion for \"%.40s\"; there is one for bash",
			       args_word(&c->args, 0));
	fputs(head, f);
	fputs("\t\t\telif", f);
	for (size_t i = 0, n = 0; command_at(i); i++) {
		if (strchr(command_at(i)->name, ' '))
			fprintf(f, "%s [[ \"$command $word\" == '%s' ]]", n++ ? " ||" : "",
				command_at(i)->name);
	}
	fputs("; then\n\t\t\t\tcommand+=\" $word\"\n"
	      "\t\t\telse\n\t\t\t\t[[ ${COMP_WORDS[i - 1]} == -* ]] || { ((words++ == 0)) && "
	      "kind=$word; }\n"
	      "\t\t\tfi\n\t\t\t;;\n\t\tesac\n\tdone\n",
	      f);
	fputs("\tlocal commands='", f);
	for (size_t i = 0; command_at(i); i++)
		if (is_new_word(i))
			fprintf(f, "%s%.*s", i ? " " : "", (int)strcspn(command_at(i)->name, " "),
				command_at(i)->name);
	fputs("'\n\toptions='", f);
	print_names(f, global_options());
	fputs("'\n\tcase $prev in\n", f);
	print_values(f, global_options(), "\t");
	fputs("\tesac\n\tcase $command in\n\t'') plain=$commands ;;\n", f);
	print_pairs(f);
	for (size_t i = 0; command_at(i); i++)
		print_command(f, command_at(i));
	fputs("\tesac\n", f);
	fputs(tail, f);
	return 0;
}
