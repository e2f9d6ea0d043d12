/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postern/term.h"

#include "postern/text.h"

#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>

static bool colour_is_wanted(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return !(no && *no) && term && strcmp(term, "dumb") != 0;
}

void term_init(struct term *t, FILE *file)
{
	struct winsize size;

	*t = (struct term){.file = file, .is_tty = isatty(fileno(file))};
	if (!t->is_tty)
		return;
	t->colour = colour_is_wanted();
	t->width = ioctl(fileno(file), TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
}

void term_print(const struct term *t, enum tone tone, const char *fmt, ...)
{
	static const char *const codes[] = {
		[TONE_PLAIN] = "", [TONE_GOOD] = "32", [TONE_WARN] = "33",
		[TONE_BAD] = "31", [TONE_DIM] = "2",   [TONE_BOLD] = "1",
	};
	bool coloured = t->colour && tone != TONE_PLAIN;
	va_list ap;

	if (coloured)
		fprintf(t->file, "\x1b[%sm", codes[tone]);
	va_start(ap, fmt);
	vfprintf(t->file, fmt, ap);
	va_end(ap);
	if (coloured)
		fputs("\x1b[0m", t->file);
}

void note(const char *fmt, ...)
{
	_cleanup_free_ char *raw = NULL, *clean = NULL;
	struct term t;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&raw, fmt, ap) < 0)
		raw = NULL;
	va_end(ap);
	if (!raw)
		return;
	clean = text_clean(raw);
	term_init(&t, stderr);
	term_print(&t, TONE_WARN, "note:");
	fprintf(stderr, " %s\n", clean);
}
