/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * JSON (RFC 8259), strictly, into jansson's values. Not by jansson's own reader: when that cannot grow its buffer it loses
 * characters and goes on, so that a document could come out as another one.
 *
 * Bounded recursion. Strings are valid UTF-8 without NUL, integers fit 64 bits, numbers are finite, keys are unique.
 */
#include "base/cleanup.h"
#include "model/document_int.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct reader {
	const char *text, *at, *end;
	json_t *documents;
	struct err *e;
};

/* --- faults ----------------------------------------------------------------------------------------------- */

static int fault(const struct reader *r, const char *what)
{
	char path[DOCUMENT_PATH_MAX];
	size_t line = 1, column = 1;

	for (const char *c = r->text; c < r->at; c++) {
		column = *c == '\n' ? 1 : column + 1;
		line += *c == '\n';
	}
	return err_set(r->e, ERR_INVALID, document_path(r->documents, path),
		       "line %zu, column %zu: %s", line, column, what);
}

/* What stands here is not what may stand here. */
static int unexpected(const struct reader *r, const char *want)
{
	char what[128], found[32];

	str_quote(found, sizeof(found), r->at, r->at < r->end);
	if (r->at == r->end)
		snprintf(what, sizeof(what), "%s is missing at the end of the text", want);
	else
		snprintf(what, sizeof(what), "\"%s\" stands where %s must be", found, want);
	return fault(r, what);
}

static int out_of_memory(const struct reader *r)
{
	return err_set(r->e, ERR_NOMEM, NULL, "out of memory");
}

/* --- small steps ------------------------------------------------------------------------------------------ */

static void space_skip(struct reader *r)
{
	while (r->at < r->end &&
	       (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r'))
		r->at++;
}

/* Is c the next character after white space? Then it is taken. */
static bool take(struct reader *r, char c)
{
	space_skip(r);
	if (r->at == r->end || *r->at != c)
		return false;
	r->at++;
	return true;
}

static size_t digits_skip(struct reader *r)
{
	const char *start = r->at;

	while (r->at < r->end && *r->at >= '0' && *r->at <= '9')
		r->at++;
	return (size_t)(r->at - start);
}

/* --- strings ---------------------------------------------------------------------------------------------- */

/* The length of the well-formed UTF-8 sequence at s, 0 if it is none (RFC 3629: no overlong forms, no surrogates). */
static size_t utf8_len(const char *s, const char *end)
{
	const uint8_t *b = (const uint8_t *)s;
	size_t n = b[0] < 0x80 ? 1 : b[0] < 0xc2 ? 0 : b[0] < 0xe0 ? 2 : b[0] < 0xf0 ? 3 : 4;

	if (n == 0 || b[0] > 0xf4 || (size_t)(end - s) < n)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((b[i] & 0xc0) != 0x80)
			return 0;
	}
	if ((b[0] == 0xe0 && b[1] < 0xa0) || (b[0] == 0xed && b[1] > 0x9f) ||
	    (b[0] == 0xf0 && b[1] < 0x90) || (b[0] == 0xf4 && b[1] > 0x8f))
		return 0;
	return n;
}

static char *utf8_put(char *dst, uint32_t c)
{
	if (c < 0x80) {
		*dst++ = (char)c;
	} else if (c < 0x800) {
		*dst++ = (char)(0xc0 | c >> 6);
		*dst++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*dst++ = (char)(0xe0 | c >> 12);
		*dst++ = (char)(0x80 | (c >> 6 & 0x3f));
		*dst++ = (char)(0x80 | (c & 0x3f));
	} else {
		*dst++ = (char)(0xf0 | c >> 18);
		*dst++ = (char)(0x80 | (c >> 12 & 0x3f));
		*dst++ = (char)(0x80 | (c >> 6 & 0x3f));
		*dst++ = (char)(0x80 | (c & 0x3f));
	}
	return dst;
}

/* Four hexadecimal digits, -1 if they are not. */
static int32_t hex4_take(struct reader *r)
{
	int32_t value = 0;

	if (r->end - r->at < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char c = r->at[i];

		value <<= 4;
		if (c >= '0' && c <= '9')
			value |= c - '0';
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			value |= (c | 32) - 'a' + 10;
		else
			return -1;
	}
	r->at += 4;
	return value;
}

/* What follows "\u": one unit, or two that make one character. */
static int unicode_take(struct reader *r, uint32_t *ret_char)
{
	int32_t high = hex4_take(r), low;

	if (high < 0)
		return fault(r, "\\u needs four hexadecimal digits");
	if (high == 0)
		return fault(r, "a string may not contain \\u0000, the NUL character");
	*ret_char = (uint32_t)high;
	if (high < 0xd800 || high > 0xdfff)
		return 0;
	if (high > 0xdbff || r->end - r->at < 6 || r->at[0] != '\\' || r->at[1] != 'u')
		return fault(r, "half of a surrogate pair stands alone");
	r->at += 2;
	low = hex4_take(r);
	if (low < 0xdc00 || low > 0xdfff)
		return fault(r, "half of a surrogate pair stands alone");
	*ret_char = 0x10000 + (((uint32_t)high & 0x3ff) << 10) + ((uint32_t)low & 0x3ff);
	return 0;
}

/* What follows a backslash. Never longer than its source. */
static int escape_take(struct reader *r, char **dst)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *found;
	uint32_t c = 0;
	int result;

	if (r->at < r->end && *r->at == 'u') {
		r->at++;
		result = unicode_take(r, &c);
		if (result == 0)
			*dst = utf8_put(*dst, c);
		return result;
	}
	found = r->at < r->end ? memchr(from, *r->at, sizeof(from) - 1) : NULL;
	if (!found)
		return unexpected(r, "one of \"\\/bfnrtu after a backslash");
	r->at++;
	*(*dst)++ = to[found - from];
	return 0;
}

/* The characters up to the closing quote into dst, which has room for all of them. */
static int characters_take(struct reader *r, char *dst, size_t *ret_len)
{
	char *start = dst;

	while (r->at < r->end && *r->at != '"') {
		size_t n = utf8_len(r->at, r->end);
		int result;

		if (n == 0)
			return fault(r, "the text is not UTF-8 here");
		if ((uint8_t)*r->at < 0x20)
			return fault(r, "a control character in a string must be escaped");
		if (*r->at != '\\') {
			memcpy(dst, r->at, n);
			dst += n;
			r->at += n;
			continue;
		}
		r->at++;
		result = escape_take(r, &dst);
		if (result < 0)
			return result;
	}
	if (r->at == r->end)
		return unexpected(r, "the \" that ends a string");
	r->at++;
	*ret_len = (size_t)(dst - start);
	return 0;
}

/* The source of a string up to its closing quote: at least as long as the string. */
static size_t source_len(const struct reader *r)
{
	const char *c = r->at;

	while (c < r->end && *c != '"')
		c += *c == '\\' && r->end - c > 1 ? 2 : 1;
	return (size_t)(c - r->at);
}

/* The opening quote has been taken. *ret_text is malloc()ed. */
static int string_take(struct reader *r, char **ret_text, size_t *ret_len)
{
	_cleanup_free_ char *text = malloc(source_len(r) + 1);
	int result;

	if (!text)
		return out_of_memory(r);
	result = characters_take(r, text, ret_len);
	if (result < 0)
		return result;
	text[*ret_len] = '\0';
	*ret_text = take_ptr(text);
	return 0;
}

/* --- values ----------------------------------------------------------------------------------------------- */

static int value_take(struct reader *r, int depth, json_t **ret_value);

static int string_value(struct reader *r, json_t **ret_value)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	int result = string_take(r, &text, &len);

	if (result < 0)
		return result;
	*ret_value = json_stringn_nocheck(text, len);
	return *ret_value ? 0 : out_of_memory(r);
}

static int number_value(struct reader *r, json_t **ret_value)
{
	const char *start = r->at, *why = NULL;
	bool is_real = false;
	size_t whole;

	r->at += *r->at == '-';
	whole = digits_skip(r);
	if (whole == 0)
		return unexpected(r, "a digit");
	if (whole > 1 && r->at[-(ptrdiff_t)whole] == '0') {
		r->at -= whole;
		return fault(r, "a number may not begin with 0");
	}
	if (r->at < r->end && *r->at == '.') {
		is_real = true;
		r->at++;
		if (digits_skip(r) == 0)
			return unexpected(r, "a digit");
	}
	if (r->at < r->end && (*r->at | 32) == 'e') {
		is_real = true;
		r->at++;
		r->at += r->at < r->end && (*r->at == '-' || *r->at == '+');
		if (digits_skip(r) == 0)
			return unexpected(r, "a digit");
	}
	*ret_value = document_number(start, (size_t)(r->at - start), is_real, &why);
	if (*ret_value)
		return 0;
	r->at = start;
	return why ? fault(r, why) : out_of_memory(r);
}

static int word_value(struct reader *r, json_t **ret_value)
{
	static const char *const words[] = {"null", "true", "false"};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		size_t len = strlen(words[i]);

		if ((size_t)(r->end - r->at) < len || memcmp(r->at, words[i], len) != 0)
			continue;
		r->at += len;
		*ret_value = i == 0 ? json_null() : json_boolean(i == 1);
		return 0;
	}
	return unexpected(r, "a value");
}

/* One "key": value of an object. */
static int member_take(struct reader *r, int depth, json_t *object)
{
	_cleanup_free_ char *key = NULL;
	json_t *value = NULL;
	size_t len;
	int result;

	if (!take(r, '"'))
		return unexpected(r, "a key in double quotes");
	result = string_take(r, &key, &len);
	if (result < 0)
		return result;
	if (json_object_getn(object, key, len)) {
		char what[128], quoted[64];

		snprintf(what, sizeof(what), "the key \"%s\" is there twice",
			 str_quote(quoted, sizeof(quoted), key, len));
		return fault(r, what);
	}
	if (!take(r, ':'))
		return unexpected(r, "the : after a key");
	result = value_take(r, depth, &value);
	if (result < 0)
		return result;
	return json_object_setn_new_nocheck(object, key, len, value) < 0 ? out_of_memory(r) : 0;
}

static int item_take(struct reader *r, int depth, json_t *list)
{
	json_t *value = NULL;
	int result = value_take(r, depth, &value);

	if (result < 0)
		return result;
	return json_array_append_new(list, value) < 0 ? out_of_memory(r) : 0;
}

/* The opening bracket has been taken; depth counts this collection. */
static int collection_value(struct reader *r, int depth, bool is_object, json_t **ret_value)
{
	json_t *value = is_object ? json_object() : json_array();
	char close = is_object ? '}' : ']';
	bool is_first = true;
	int result = value ? 0 : out_of_memory(r);

	if (result == 0 && depth > DOCUMENT_DEPTH_MAX)
		result = fault(r, "the document is nested too deep");
	while (result == 0 && !take(r, close)) {
		if (!is_first && !take(r, ','))
			result = unexpected(r, is_object ? "a , or the }" : "a , or the ]");
		else if (is_object)
			result = member_take(r, depth, value);
		else
			result = item_take(r, depth, value);
		is_first = false;
	}
	if (result < 0)
		json_decref(value);
	else
		*ret_value = value;
	return result;
}

/* depth: how many collections the value is in. */
static int value_take(struct reader *r, int depth, json_t **ret_value)
{
	if (take(r, '{'))
		return collection_value(r, depth + 1, true, ret_value);
	if (take(r, '['))
		return collection_value(r, depth + 1, false, ret_value);
	if (take(r, '"'))
		return string_value(r, ret_value);
	if (r->at < r->end && (*r->at == '-' || (*r->at >= '0' && *r->at <= '9')))
		return number_value(r, ret_value);
	return word_value(r, ret_value);
}

/* --- documents -------------------------------------------------------------------------------------------- */

static int document_take(struct reader *r)
{
	json_t *doc = NULL;
	int result = value_take(r, 0, &doc);

	return result < 0 ? result : document_add(r->documents, doc, r->e);
}

/* The items of an array are documents; its opening bracket has been taken. */
static int documents_take(struct reader *r)
{
	bool is_first = true;
	int result = 0;

	while (result == 0 && !take(r, ']')) {
		if (!is_first && !take(r, ','))
			return unexpected(r, "a , or the ]");
		result = document_take(r);
		is_first = false;
	}
	return result;
}

int json_parse(const char *text, size_t len, json_t *documents, struct err *e)
{
	struct reader r = {
		.text = text, .at = text, .end = text + len, .documents = documents, .e = e};
	int result = 0;

	space_skip(&r);
	while (result == 0 && r.at < r.end) {
		result = take(&r, '[') ? documents_take(&r) : document_take(&r);
		space_skip(&r);
	}
	return result;
}
