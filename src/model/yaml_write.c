/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Values as block-style YAML that reads back as the same value. A string goes unquoted only if no reader, of YAML 1.1 or
 * 1.2, takes it for something else; text of several lines is a literal block where it can be.
 */
#include "base/cleanup.h"
#include "model/document_int.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define INDENT 2
#define SIMPLE_KEY_MAX \
	128 /* a longer one is written as "? key": readers look ahead only so far for the colon */

static void indent(FILE *f, int depth)
{
	fprintf(f, "%*s", depth * INDENT, "");
}

/* --- strings ---------------------------------------------------------------------------------------------- */

static bool is_plain_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_' || c == '.' || c == '/' || c == ':';
}

/* Words that are booleans to a reader of YAML 1.1, though not to ours. */
static bool is_old_boolean(const char *s)
{
	static const char *const words[] = {"y", "n", "yes", "no", "on", "off"};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcasecmp(s, words[i]) == 0)
			return true;
	}
	return false;
}

/* After a digit: an IPv4 address or a prefix is a string to everybody; dates, times and octets are not. */
static bool is_address_like(const char *s)
{
	size_t dots = 0;

	for (const char *c = s; *c; c++)
		dots += *c == '.';
	return dots == 3 || strchr(s, '/');
}

static bool is_plain(const char *s, size_t len)
{
	bool is_string;
	const char *why;

	if (len == 0 || memchr("-:./", s[0], 4) || s[len - 1] == ':' || is_old_boolean(s))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!is_plain_char(s[i]))
			return false;
	}
	if (s[0] >= '0' && s[0] <= '9' && !is_address_like(s))
		return false;
	json_decref(yaml_scalar(s, len, &is_string, &why));
	return is_string;
}

/* One character of valid UTF-8; returns its length. */
static size_t utf8_next(const char *s, size_t len, uint32_t *ret_char)
{
	uint8_t first = (uint8_t)s[0];
	size_t n = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	uint32_t c = n == 1 ? first : first & (0x7fu >> n);

	for (size_t i = 1; i < n && i < len; i++)
		c = c << 6 | ((uint8_t)s[i] & 0x3f);
	*ret_char = c;
	return n < len ? n : len;
}

/* Line breaks, and what a YAML stream may not contain as it is (YAML 1.2 section 5.1). */
static bool needs_escape(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 || c == 0xfeff ||
	       c == 0xfffe || c == 0xffff;
}

static void quoted_write(FILE *f, const char *s, size_t len)
{
	uint32_t c;
	size_t n;

	fputc('"', f);
	for (; len; s += n, len -= n) {
		n = utf8_next(s, len, &c);
		if (c == '"' || c == '\\')
			fprintf(f, "\\%c", (char)c);
		else if (c == '\n')
			fputs("\\n", f);
		else if (c == '\t')
			fputs("\\t", f);
		else if (needs_escape(c))
			fprintf(f, c < 0x100 ? "\\x%02x" : "\\u%04x", c);
		else
			fwrite(s, 1, n, f);
	}
	fputc('"', f);
}

static void string_write(FILE *f, const char *s, size_t len)
{
	if (is_plain(s, len))
		fwrite(s, 1, len, f);
	else
		quoted_write(f, s, len);
}

/* Two or more lines of printable ASCII, the last one ended, none empty or beginning with a blank. */
static bool is_literal(const json_t *v)
{
	const char *s = json_string_value(v);
	size_t len = json_string_length(v);

	if (len < 2 || s[len - 1] != '\n' || !memchr(s, '\n', len - 1))
		return false;
	for (size_t i = 0; i < len; i++) {
		bool starts_line = i == 0 || s[i - 1] == '\n';

		if (starts_line && (s[i] == ' ' || s[i] == '\n'))
			return false;
		if (s[i] != '\n' && (s[i] < 0x20 || s[i] > 0x7e))
			return false;
	}
	return true;
}

static void literal_write(FILE *f, const json_t *v, int depth)
{
	const char *s = json_string_value(v), *end = s + json_string_length(v);

	fputs("|\n", f);
	while (s < end) {
		const char *next = (const char *)memchr(s, '\n', (size_t)(end - s)) + 1;

		indent(f, depth);
		fwrite(s, 1, (size_t)(next - s), f);
		s = next;
	}
}

/* --- values ----------------------------------------------------------------------------------------------- */

/* The shortest text that reads back as the same number, and as a real. */
static void real_write(FILE *f, double d)
{
	char text[40];

	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, d);
		if (strtod(text, NULL) == d)
			break;
	}
	fprintf(f, "%s%s", text, strpbrk(text, ".e") ? "" : ".0");
}

static void scalar_write(FILE *f, const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_STRING:
		string_write(f, json_string_value(v), json_string_length(v));
		break;
	case JSON_INTEGER:
		fprintf(f, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
		break;
	case JSON_REAL:
		real_write(f, json_real_value(v));
		break;
	case JSON_TRUE:
		fputs("true", f);
		break;
	case JSON_FALSE:
		fputs("false", f);
		break;
	case JSON_NULL:
		fputs("null", f);
		break;
	case JSON_ARRAY:
		fputs("[]", f);
		break;
	case JSON_OBJECT:
		fputs("{}", f);
		break;
	}
}

static void value_write(FILE *f, const json_t *v, int depth);

/* What follows "key:" or "-". */
static void member_write(FILE *f, const json_t *v, int depth, bool in_list)
{
	if (is_literal(v)) {
		fputc(' ', f);
		literal_write(f, v, depth + 1);
	} else if (json_object_size(v) && in_list) {
		/* The first field stands beside the dash. */
		fputc(' ', f);
		value_write(f, v, depth + 1);
	} else if (json_object_size(v) || json_array_size(v)) {
		fputc('\n', f);
		indent(f, depth + 1);
		value_write(f, v, depth + 1);
	} else {
		fputc(' ', f);
		scalar_write(f, v);
		fputc('\n', f);
	}
}

static void key_write(FILE *f, const char *key, size_t len, int depth)
{
	bool is_long = len > SIMPLE_KEY_MAX;

	if (is_long)
		fputs("? ", f);
	string_write(f, key, len);
	if (is_long) {
		fputc('\n', f);
		indent(f, depth);
	}
	fputc(':', f);
}

static void object_write(FILE *f, json_t *object, int depth)
{
	const char *key;
	json_t *item;
	size_t len;
	bool is_first = true;

	json_object_keylen_foreach(object, key, len, item)
	{
		if (!is_first)
			indent(f, depth);
		is_first = false;
		key_write(f, key, len, depth);
		member_write(f, item, depth, false);
	}
}

/* The indentation of the first line has been written. */
static void value_write(FILE *f, const json_t *v, int depth)
{
	if (json_object_size(v)) {
		object_write(f, (json_t *)(uintptr_t)v, depth);
	} else if (json_array_size(v)) {
		for (size_t i = 0; i < json_array_size(v); i++) {
			if (i)
				indent(f, depth);
			fputc('-', f);
			member_write(f, json_array_get(v, i), depth, true);
		}
	} else {
		scalar_write(f, v);
		fputc('\n', f);
	}
}

char *document_to_yaml(const json_t *value)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	bool is_bad;

	if (!f)
		return NULL;
	if (is_literal(value))
		literal_write(f, value, 1);
	else
		value_write(f, value, 0);
	is_bad = ferror(f) != 0;
	if (fclose(f) != 0 || is_bad) {
		free(text);
		return NULL;
	}
	return text;
}
