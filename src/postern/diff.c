/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postern/diff.h"

#include "postern/fields.h"
#include "postern/text.h"

#include <string.h>

#define INLINE_MAX    4	 /* elements of a list that share the line with their field */
#define TTY_ITEMS_MAX 40 /* elements shown on a terminal; piped, all are */
#define VALUE_MAX     72 /* longest value shown on a terminal */

struct item {
	char *text;
	size_t seen; /* position in its list: keeps the order as written */
};

struct items {
	struct item *v;
	size_t n;
};

static int by_text(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	int c = strcmp(x->text, y->text);

	return c ? c : (x->seen > y->seen) - (x->seen < y->seen);
}

static int by_seen(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	return (x->seen > y->seen) - (x->seen < y->seen);
}

static struct items items_of(const json_t *list)
{
	struct items it = {.n = json_array_size(list)};

	it.v = must_alloc(it.n * sizeof *it.v);
	for (size_t i = 0; i < it.n; i++) {
		_cleanup_free_ char *raw = value_format(json_array_get(list, i));

		it.v[i] = (struct item){text_clean(raw), i};
	}
	qsort(it.v, it.n, sizeof *it.v, by_text);
	return it;
}

static void items_free(struct items *it)
{
	for (size_t i = 0; i < it->n; i++)
		free(it->v[i].text);
	free(it->v);
}

/* Both sorted: take out what is in both, then put the rest back in its written order. */
static void items_subtract(struct items *a, struct items *b)
{
	size_t i = 0, j = 0, na = 0, nb = 0;

	while (i < a->n || j < b->n) {
		int c = i == a->n ? 1 : j == b->n ? -1 : strcmp(a->v[i].text, b->v[j].text);

		if (c < 0) {
			a->v[na++] = a->v[i++];
		} else if (c > 0) {
			b->v[nb++] = b->v[j++];
		} else {
			free(a->v[i++].text);
			free(b->v[j++].text);
		}
	}
	a->n = na;
	b->n = nb;
	qsort(a->v, na, sizeof *a->v, by_seen);
	qsort(b->v, nb, sizeof *b->v, by_seen);
}

static void items_print(const struct term *t, const struct items *it, char sign, bool in_line,
			bool first)
{
	size_t shown = t->is_tty && it->n > TTY_ITEMS_MAX ? TTY_ITEMS_MAX : it->n;
	enum tone tone = sign == '+' ? TONE_GOOD : TONE_BAD;

	for (size_t i = 0; i < shown; i++) {
		fputs(in_line ? (first && i == 0 ? " " : "  ") : "\n      ", t->file);
		term_print(t, tone, "%c %s", sign, it->v[i].text);
	}
	if (shown < it->n)
		fprintf(t->file, "\n      %c %zu more (-o json shows all)", sign, it->n - shown);
}

static void list_print(const struct term *t, const json_t *before, const json_t *after)
{
	struct items gone = items_of(before), come = items_of(after);
	bool in_line;

	items_subtract(&gone, &come);
	in_line = gone.n + come.n <= INLINE_MAX;
	if (gone.n + come.n == 0)
		fputs(json_array_size(after) ? " the same, in another order" : " []", t->file);
	items_print(t, &come, '+', in_line, true);
	items_print(t, &gone, '-', in_line, come.n == 0);
	items_free(&gone);
	items_free(&come);
}

static char *scalar(const struct term *t, const json_t *v)
{
	_cleanup_free_ char *raw = value_format(v), *clean = text_clean(raw);

	if (t->is_tty && text_width(clean) > VALUE_MAX)
		return must_printf("%.*s...", (int)text_fit(clean, VALUE_MAX), clean);
	return take_ptr(clean);
}

static void field_print(const struct term *t, const json_t *d)
{
	const json_t *before = field(d, "before"), *after = field(d, "after");
	bool had = before && !json_is_null(before), has = after && !json_is_null(after);
	char sign = had && has ? '~' : has ? '+' : '-';
	_cleanup_free_ char *path = text_clean(field_text(d, "path", "")), *a = NULL, *b = NULL;

	fputs("  ", t->file);
	term_print(t, sign == '~' ? TONE_WARN : sign == '+' ? TONE_GOOD : TONE_BAD, "%c", sign);
	fprintf(t->file, " %s:", *path ? path : "(all)");
	if ((json_is_array(before) || !had) && (json_is_array(after) || !has)) {
		list_print(t, before, after);
	} else {
		a = scalar(t, before);
		b = scalar(t, after);
		fprintf(t->file, " %s%s%s", had ? a : "", had && has ? " -> " : "", has ? b : "");
	}
	fputc('\n', t->file);
}

void diff_print(const struct term *t, const json_t *diff)
{
	size_t i;
	json_t *d;

	json_array_foreach(diff, i, d) field_print(t, d);
}
