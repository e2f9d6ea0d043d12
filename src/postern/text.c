/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postern/text.h"

#include "base/base64.h"
#include "base/clock.h"
#include "base/err.h"

#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

static void out_of_memory(void)
{
	fputs("error: out of memory\n", stderr);
	exit(err_code_exit(ERR_NOMEM));
}

void *must_alloc(size_t size)
{
	void *p = calloc(1, size ? size : 1);

	if (!p)
		out_of_memory();
	return p;
}

void *must_resize(void *p, size_t size)
{
	p = realloc(p, size ? size : 1);
	if (!p)
		out_of_memory();
	return p;
}

char *must_dup(const char *s)
{
	char *copy = strdup(s);

	if (!copy)
		out_of_memory();
	return copy;
}

char *must_printf(const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0)
		out_of_memory();
	return s;
}

void text_open(struct text *t)
{
	t->data = NULL;
	t->len = 0;
	t->file = open_memstream(&t->data, &t->len);
	if (!t->file)
		out_of_memory();
}

char *text_take(struct text *t)
{
	if (fclose(t->file) != 0)
		out_of_memory();
	t->file = NULL;
	return take_ptr(t->data);
}

static size_t utf8_sequence(const unsigned char *s)
{
	static const struct {
		unsigned char mask, lead;
		uint32_t min;
	} forms[] = {{0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};

	for (size_t extra = 1; extra <= ARRAY_SIZE(forms); extra++) {
		uint32_t point = s[0] & (unsigned char)~forms[extra - 1].mask;
		size_t i;

		if ((s[0] & forms[extra - 1].mask) != forms[extra - 1].lead)
			continue;
		for (i = 1; i <= extra && (s[i] & 0xc0) == 0x80; i++)
			point = point << 6 | (s[i] & 0x3f);
		/* Overlong forms, surrogates and C1 controls count as broken: a terminal may act on them. */
		if (i <= extra || point < forms[extra - 1].min || point > 0x10ffff ||
		    (point >= 0xd800 && point <= 0xdfff) || (point >= 0x80 && point < 0xa0))
			return 0;
		return extra + 1;
	}
	return 0;
}

char *text_clean(const char *s)
{
	const unsigned char *p = (const unsigned char *)s;
	struct text t;

	text_open(&t);
	while (*p) {
		size_t n = *p >= 0x20 && *p < 0x7f ? 1 : *p >= 0x80 ? utf8_sequence(p) : 0;

		if (n)
			fwrite(p, 1, n, t.file);
		else
			fprintf(t.file, "\\x%02x", *p);
		p += n ? n : 1;
	}
	return text_take(&t);
}

size_t text_width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

size_t text_fit(const char *s, size_t columns)
{
	size_t i, n = 0;

	for (i = 0; s[i]; i++) {
		if (((unsigned char)s[i] & 0xc0) != 0x80 && n++ == columns)
			break;
	}
	return i;
}

char *bytes_format(uint64_t bytes, char dst[QUANTITY_MAX])
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double v = (double)bytes;
	size_t unit = 0;

	if (bytes < 1024) {
		snprintf(dst, QUANTITY_MAX, bytes ? "%u B" : "%u", (unsigned)bytes);
		return dst;
	}
	for (v /= 1024; v >= 1023.95 && unit + 1 < ARRAY_SIZE(units); unit++)
		v /= 1024;
	snprintf(dst, QUANTITY_MAX, "%.1f %s", v, units[unit]);
	return dst;
}

char *age_format(int64_t seconds, char dst[QUANTITY_MAX])
{
	static const struct {
		int64_t below, per;
		char unit;
	} steps[] = {{120, 1, 's'}, {7200, 60, 'm'}, {172800, 3600, 'h'}, {INT64_MAX, 86400, 'd'}};
	size_t i = 0;

	if (seconds < 0)
		seconds = 0; /* our clock and the daemon's are the same; rounding is not */
	while (seconds >= steps[i].below && i + 1 < ARRAY_SIZE(steps))
		i++;
	snprintf(dst, QUANTITY_MAX, "%lld%c", (long long)(seconds / steps[i].per), steps[i].unit);
	return dst;
}

int64_t time_parse(const char *rfc3339)
{
	struct tm tm = {0};

	if (!strptime(rfc3339, "%Y-%m-%dT%H:%M:%S", &tm))
		return -1;
	return (int64_t)timegm(&tm);
}

char *since_format(const char *rfc3339, char dst[QUANTITY_MAX])
{
	int64_t t = time_parse(rfc3339);

	if (t < 0) {
		snprintf(dst, QUANTITY_MAX, "-");
		return dst;
	}
	return age_format((int64_t)(clock_wall_us() / 1000000) - t, dst);
}

char *count_format(long long n, const char *noun, char dst[64])
{
	snprintf(dst, 64, "%lld %s%s", n, noun, n == 1 ? "" : "s");
	return dst;
}

char *base64_encode(const void *data, size_t len)
{
	return base64_write(data, len, must_alloc(BASE64_TEXT(len)));
}
