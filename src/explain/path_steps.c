/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The steps of an explanation as sentences. */
#include "explain/path_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((format(printf, 4, 0))) static struct path_step *
step_add(struct path *p, const struct object *where, bool ok, const char *fmt, va_list ap)
{
	struct path_answer *a = p->answer;
	struct path_step *s = realloc(a->steps, (a->n_steps + 1) * sizeof(*s));

	if (!s) {
		p->nomem = true;
		return NULL;
	}
	a->steps = s;
	s += a->n_steps++;
	s->ok = ok;
	if (where)
		snprintf(s->where, sizeof(s->where), "%s \"%s\"", kind_words(where->kind),
			 where->name);
	else
		snprintf(s->where, sizeof(s->where), "%s", p->who);
	(void)!vsnprintf(s->text, sizeof(s->text), fmt, ap);
	return s;
}

void path_ok(struct path *p, const struct object *where, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	step_add(p, where, true, fmt, ap);
	va_end(ap);
}

static void verdict(struct path *p, enum path_reason reason, const struct path_step *s)
{
	struct path_answer *a = p->answer;

	a->reason = reason;
	a->reached = path_reason_is_reached(reason);
	a->address = p->to;
	if (s)
		memcpy(a->rule, s->text, sizeof(a->rule));
}

bool path_fail(struct path *p, const struct object *where, enum path_reason reason, const char *fmt,
	       ...)
{
	va_list ap;

	va_start(ap, fmt);
	verdict(p, reason, step_add(p, where, false, fmt, ap));
	va_end(ap);
	return false;
}

bool path_reached(struct path *p, const struct object *where, enum path_reason reason,
		  const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	verdict(p, reason, step_add(p, where, true, fmt, ap));
	va_end(ap);
	return true;
}

static const char *by_text(const struct way *w, char *dst, size_t cap)
{
	if (w->kind == WAY_DROP)
		snprintf(dst, cap, "says drop");
	else if (w->kind == WAY_LINK && w->by && w->by != w->peer)
		snprintf(dst, cap, "leads by %s \"%s\" to %s \"%s\"", kind_words(w->by->kind),
			 w->by->name, kind_words(w->peer->kind), w->peer->name);
	else if (w->kind == WAY_LINK)
		snprintf(dst, cap, "leads to %s \"%s\"", kind_words(w->peer->kind), w->peer->name);
	else
		snprintf(dst, cap, "leads to %s \"%s\"", kind_words(w->by->kind), w->by->name);
	return dst;
}

char *way_text(const struct way *w, char dst[PATH_TEXT_MAX])
{
	char to[PREFIX_TEXT_MAX], by[200];

	prefix_format(&w->to, to);
	by_text(w, by, sizeof(by));
	if (w->table)
		snprintf(dst, PATH_TEXT_MAX, "route %s of %s \"%s\" %s", to,
			 kind_words(w->table->kind), w->table->name, by);
	else
		snprintf(dst, PATH_TEXT_MAX, "automatic route %s %s", to, by);
	return dst;
}
