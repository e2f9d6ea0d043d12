/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of options as --help and as sections of the manual. */
#include "proc/options_int.h"

#include <stdio.h>
#include <string.h>

/* Text in lines of at most 100 columns, all indented by 6. */
static void print_wrapped(const char *text)
{
	while (text[0]) {
		size_t len = strlen(text);

		if (len > 94)
			for (len = 94; len && text[len] != ' ';)
				len--;
		printf("      %.*s\n", (int)len, text);
		text += len + (text[len] == ' ');
	}
}

void options_print_help(void)
{
	printf("Usage: posternd [--NAME VALUE | --NAME=VALUE]...\n\n"
	       "Access to the endpoints of Kubernetes API servers, enforced.\n\n");
	for (size_t i = 0; i < option_table_len; i++) {
		const struct option_row *r = &option_table[i];
		char text[512];

		if (r->flags & OPTION_HIDDEN)
			continue;
		printf("  --%s%s%s\n", r->name, r->metavar ? " " : "",
		       r->metavar ? r->metavar : "");
		snprintf(text, sizeof text, "%s%s%s%s%s", r->help, r->preset ? " (default " : "",
			 r->preset ? r->preset : "", r->preset ? ")" : "",
			 r->flags & OPTION_MANY ? "; may be given more than once" : "");
		print_wrapped(text);
	}
	printf("\nThe file of --config has a line \"NAME VALUE\" for each option, without the "
	       "dashes;\n"
	       "lines that begin with # are comments.\n");
}

/* A dot at the start of a line would be a request to the formatter, a hyphen-minus is to stay one. */
static void print_roff(const char *text)
{
	if (text[0] == '.' || text[0] == '\'')
		fputs("\\&", stdout);
	for (; *text; text++) {
		if (*text == '-')
			fputs("\\-", stdout);
		else if (*text == '\\')
			fputs("\\e", stdout);
		else if (*text == ' ' && text[-1] == '.')
			putchar('\n'); /* a sentence, a line */
		else
			putchar(*text);
	}
}

void options_print_man(void)
{
	printf(".Sh OPTIONS\n.Bl -tag -width Ds\n");
	for (size_t i = 0; i < option_table_len; i++) {
		const struct option_row *r = &option_table[i];

		if (r->flags & OPTION_HIDDEN)
			continue;
		printf(".It Fl \\-%s", r->name);
		if (r->metavar)
			printf(" Ar %s", r->metavar);
		putchar('\n');
		print_roff(r->help);
		printf(".\n");
		if (r->flags & OPTION_MANY)
			printf("May be given more than once.\n");
		if (r->preset)
			printf("Default: %s.\n", r->preset);
	}
	printf(".El\n"
	       ".Sh CONFIGURATION FILE\n"
	       "A line\n.Dq Ar name value\n"
	       "for each option, without the dashes, or the name alone for an option without a "
	       "value.\n"
	       "Lines that begin with\n.Dq #\nand empty lines are ignored.\n"
	       "An option of the command line replaces all that the file says about it.\n");
}
