/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postern/columns.h"

#include "postern/text.h"

#include <assert.h>
#include <stdarg.h>

#define GAP	    2 /* spaces between columns */
#define ELASTIC_MIN 8 /* an elastic column is not cut below this */

void columns_init(struct columns *c, const char *const *titles, size_t n, size_t elastic)
{
	assert(n <= COLUMNS_MAX);
	*c = (struct columns){.titles = titles, .n = n, .elastic = elastic};
}

void columns_done(struct columns *c)
{
	for (size_t i = 0; i < c->n_cells; i++)
		free(c->cells[i].text);
	free(c->cells);
	*c = (struct columns){0};
}

void columns_add(struct columns *c, enum tone tone, const char *fmt, ...)
{
	_cleanup_free_ char *raw = NULL;
	va_list ap;
	int n;

	if (c->n_cells == c->cap) {
		c->cap = c->cap ? c->cap * 2 : 64;
		c->cells = must_resize(c->cells, c->cap * sizeof *c->cells);
	}
	va_start(ap, fmt);
	n = vasprintf(&raw, fmt, ap);
	va_end(ap);
	c->cells[c->n_cells++] = (struct cell){text_clean(n > 0 ? raw : "-"), tone};
}

static void widths(const struct columns *c, const struct term *t, size_t indent, size_t *width)
{
	size_t total = indent;

	for (size_t i = 0; i < c->n; i++)
		width[i] = text_width(c->titles[i]);
	for (size_t i = 0; i < c->n_cells; i++) {
		size_t w = text_width(c->cells[i].text);

		if (w > width[i % c->n])
			width[i % c->n] = w;
	}
	for (size_t i = 0; i < c->n; i++)
		total += width[i] + (i + 1 < c->n ? GAP : 0);
	if (t->width && total > t->width && c->elastic < c->n) {
		size_t over = total - t->width, *e = &width[c->elastic];

		if (*e > ELASTIC_MIN)
			*e = *e - over > *e || *e - over < ELASTIC_MIN ? ELASTIC_MIN : *e - over;
	}
}

static void cell_print(const struct columns *c, const struct term *t, size_t column,
		       const char *text, enum tone tone, size_t width)
{
	size_t w = text_width(text);

	if (w > width)
		term_print(t, tone, "%.*s...", (int)text_fit(text, width - 3), text);
	else
		term_print(t, tone, "%s", text);
	if (column + 1 == c->n)
		fputc('\n', t->file);
	else
		fprintf(t->file, "%*s", (int)(GAP + (w > width ? 0 : width - w)), "");
}

void columns_print(const struct columns *c, const struct term *t, size_t indent)
{
	size_t width[COLUMNS_MAX];

	assert(c->n_cells % c->n == 0);
	widths(c, t, indent, width);
	for (size_t i = 0; i < c->n; i++) {
		fprintf(t->file, "%*s", i ? 0 : (int)indent, "");
		cell_print(c, t, i, c->titles[i], TONE_BOLD, width[i]);
	}
	for (size_t i = 0; i < c->n_cells; i++) {
		size_t column = i % c->n;

		fprintf(t->file, "%*s", column ? 0 : (int)indent, "");
		cell_print(c, t, column, c->cells[i].text, c->cells[i].tone, width[column]);
	}
}
