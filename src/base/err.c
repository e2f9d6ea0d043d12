/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/err.h"

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *text;
	int http;
	int exit;
} codes[] = {
#define X(e, t, h, x) [e] = {t, h, x},
	ERR_CODES(X)
#undef X
};

/*
 * A message ends up in a terminal, a log line and a JSON string. Whatever a caller forgot to quote, and a
 * multi-byte character that was cut in half, must not break any of them.
 */
static void make_printable(char *s)
{
	for (; *s; s++) {
		if (*s < 0x20 || *s > 0x7e)
			*s = *s == '\n' || *s == '\t' ? ' ' : '?';
	}
}

/* snprintf() or vsnprintf() returned n for dst: show that something is missing. */
static void mark_cut(char *dst, size_t cap, int n)
{
	if (n >= 0 && (size_t)n >= cap)
		memcpy(dst + cap - 4, "...", 4);
}

int err_set(struct err *e, enum err_code code, const char *path, const char *fmt, ...)
{
	va_list args;
	int n;

	assert(code > ERR_NONE && (size_t)code < ARRAY_SIZE(codes));
	if (!e)
		return -(int)code;
	e->code = code;

	n = snprintf(e->path, sizeof(e->path), "%s", path ? path : "");
	mark_cut(e->path, sizeof(e->path), n);
	make_printable(e->path);

	va_start(args, fmt);
	n = vsnprintf(e->text, sizeof(e->text), fmt, args);
	va_end(args);
	if (n < 0)
		e->text[0] = '\0';
	mark_cut(e->text, sizeof(e->text), n);
	make_printable(e->text);
	return -(int)code;
}

void err_under(struct err *e, const char *prefix)
{
	char path[ERR_PATH_MAX];
	bool dot;
	int n;

	if (!e || !prefix || !prefix[0])
		return;
	/* An index belongs to the name before it: "ranges" and "[0]" make "ranges[0]". */
	dot = e->path[0] && e->path[0] != '[';
	n = snprintf(path, sizeof(path), "%s%s%s", prefix, dot ? "." : "", e->path);
	mark_cut(path, sizeof(path), n);
	make_printable(path);
	memcpy(e->path, path, sizeof(path));
}

const char *err_code_text(enum err_code code)
{
	return (size_t)code < ARRAY_SIZE(codes) ? codes[code].text : codes[ERR_INTERNAL].text;
}

enum err_code err_code_from_text(const char *text)
{
	for (size_t i = 0; text && i < ARRAY_SIZE(codes); i++) {
		if (strcmp(text, codes[i].text) == 0)
			return (enum err_code)i;
	}
	return ERR_INTERNAL;
}

int err_code_http(enum err_code code)
{
	return codes[(size_t)code < ARRAY_SIZE(codes) ? code : ERR_INTERNAL].http;
}

int err_code_exit(enum err_code code)
{
	return codes[(size_t)code < ARRAY_SIZE(codes) ? code : ERR_INTERNAL].exit;
}

/* One byte of a foreign string as it is shown; returns how many characters of dst are used. */
static size_t quote_byte(char dst[4], uint8_t byte)
{
	static const char hex[] = "0123456789abcdef";

	if (byte >= 0x20 && byte <= 0x7e) {
		dst[0] = (char)byte;
		return 1;
	}
	dst[0] = '\\';
	dst[1] = 'x';
	dst[2] = hex[byte >> 4];
	dst[3] = hex[byte & 15];
	return 4;
}

char *str_quote(char *dst, size_t cap, const char *src, size_t len)
{
	size_t used = 0, fits = 0; /* fits: how much may stay if "..." has to follow */
	char one[4];

	if (cap == 0)
		return dst;
	for (size_t i = 0; i < len; i++) {
		size_t n = quote_byte(one, (uint8_t)src[i]);

		if (used + n >= cap) {
			size_t dots = cap - 1 - fits < 3 ? cap - 1 - fits : 3;

			memset(dst + fits, '.', dots);
			dst[fits + dots] = '\0';
			return dst;
		}
		memcpy(dst + used, one, n);
		used += n;
		if (used + 3 < cap)
			fits = used;
	}
	dst[used] = '\0';
	return dst;
}
