/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "netd/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room for len more bytes and the terminator. */
static bool text_reserve(struct text *t, size_t len)
{
	size_t cap = t->cap ? t->cap : 512;
	char *s;

	if (t->failed)
		return false;
	if (t->len + len < t->cap)
		return true;
	while (cap <= t->len + len)
		cap *= 2;
	s = cap > TEXT_BYTES_MAX ? NULL : realloc(t->s, cap);
	if (!s) {
		t->failed = true;
		return false;
	}
	t->s = s;
	t->cap = cap;
	return true;
}

void text_put(struct text *t, const char *s, size_t len)
{
	if (!text_reserve(t, len))
		return;
	memcpy(t->s + t->len, s, len);
	t->len += len;
	t->s[t->len] = '\0';
}

void text_add(struct text *t, const char *fmt, ...)
{
	size_t room = t->cap > t->len ? t->cap - t->len : 0;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(room ? t->s + t->len : NULL, room, fmt, ap);
	va_end(ap);
	if (n < 0 || t->failed) {
		t->failed = true;
		return;
	}
	if ((size_t)n >= room) {
		if (!text_reserve(t, (size_t)n))
			return;
		va_start(ap, fmt);
		vsnprintf(t->s + t->len, t->cap - t->len, fmt, ap);
		va_end(ap);
	}
	t->len += (size_t)n;
}

void text_done(struct text *t)
{
	free(t->s);
	*t = (struct text){0};
}
