/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wire/dname.h"

#include <string.h>

/* A name that is being written; a label's length octet is at `label` and filled in at its end. */
struct builder {
	uint8_t *dst;
	size_t at, label;
};

static int too_long(struct err *e)
{
	return err_set(e, ERR_INVALID, NULL, "a domain name has at most %d octets", DNAME_MAX);
}

static int octet_add(struct builder *b, uint8_t octet, struct err *e)
{
	if (b->at - b->label > DNAME_LABEL)
		return err_set(e, ERR_INVALID, NULL,
			       "a label of a domain name has at most %d octets", DNAME_LABEL);
	if (b->at >= DNAME_MAX - 1)
		return too_long(e);
	b->dst[b->at++] = octet;
	return 0;
}

static int label_end(struct builder *b, struct err *e)
{
	if (b->at - b->label == 1)
		return err_set(e, ERR_INVALID, NULL, "a domain name has an empty label");
	if (b->at >= DNAME_MAX)
		return too_long(e);
	b->dst[b->label] = (uint8_t)(b->at - b->label - 1);
	b->label = b->at++;
	return 0;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* After a backslash. Returns how many characters it took. */
static int escape_read(const char *p, size_t left, uint8_t *ret_octet, struct err *e)
{
	int value;

	if (left >= 1 && !is_digit(p[0])) {
		*ret_octet = (uint8_t)p[0];
		return 1;
	}
	if (left < 3 || !is_digit(p[1]) || !is_digit(p[2]))
		return err_set(e, ERR_INVALID, NULL,
			       "a backslash is followed by three digits or by another character");
	value = (p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0');
	if (value > 255)
		return err_set(e, ERR_INVALID, NULL, "\\%d is no octet: at most \\255", value);
	*ret_octet = (uint8_t)value;
	return 3;
}

static int labels_read(struct builder *b, const char *text, size_t len, struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < len && r >= 0; i++) {
		uint8_t octet = (uint8_t)text[i];

		if (octet == '.') {
			r = label_end(b, e);
			continue;
		}
		if (octet <= ' ' || octet == 127)
			return err_set(
				e, ERR_INVALID, NULL,
				"a domain name has no white space; write \\%03d for the octet",
				octet);
		if (octet == '\\') {
			r = escape_read(text + i + 1, len - i - 1, &octet, e);
			if (r < 0)
				return r;
			i += (size_t)r;
		}
		r = octet_add(b, octet, e);
	}
	return r < 0 ? r : 0;
}

static int origin_add(struct builder *b, const uint8_t *origin, struct err *e)
{
	const size_t n = dname_size(origin, DNAME_MAX);

	if (b->label + n > DNAME_MAX)
		return too_long(e);
	memcpy(b->dst + b->label, origin, n);
	return (int)(b->label + n);
}

int dname_parse(const char *text, size_t len, const uint8_t *origin, uint8_t dst[DNAME_MAX],
		struct err *e)
{
	struct builder b = {.dst = dst, .at = 1};
	int r;

	if (len == 0)
		return err_set(e, ERR_INVALID, NULL, "a domain name is not empty");
	if (len == 1 && text[0] == '.') {
		dst[0] = 0;
		return 1;
	}
	if (len == 1 && text[0] == '@' && origin)
		return origin_add(&b, origin, e);
	r = labels_read(&b, text, len, e);
	if (r < 0)
		return r;
	if (b.at - b.label > 1) { /* no dot at the end */
		r = label_end(&b, e);
		if (r < 0)
			return r;
		if (origin)
			return origin_add(&b, origin, e);
	}
	dst[b.label] = 0;
	return (int)b.label + 1;
}

static char *octet_format(uint8_t octet, char *dst)
{
	if (octet <= ' ' || octet >= 127) {
		*dst++ = '\\';
		*dst++ = (char)('0' + octet / 100);
		*dst++ = (char)('0' + octet / 10 % 10);
		*dst++ = (char)('0' + octet % 10);
		return dst;
	}
	if (strchr(".\\\"();@$", octet))
		*dst++ = '\\';
	*dst++ = (char)octet;
	return dst;
}

char *dname_format(const uint8_t *wire, char dst[DNAME_TEXT_MAX])
{
	char *p = dst;

	if (*wire == 0)
		*p++ = '.';
	while (*wire) {
		for (unsigned i = 1; i <= *wire; i++)
			p = octet_format(wire[i], p);
		*p++ = '.';
		wire += *wire + 1;
	}
	*p = '\0';
	return dst;
}

size_t dname_size(const uint8_t *p, size_t left)
{
	size_t at = 0;

	if (left > DNAME_MAX)
		left = DNAME_MAX;
	while (at < left) {
		if (p[at] == 0)
			return at + 1;
		if (p[at] > DNAME_LABEL)
			return 0;
		at += p[at] + 1u;
	}
	return 0;
}

unsigned dname_labels(const uint8_t *wire)
{
	unsigned n = 0;

	for (; *wire; wire += *wire + 1)
		n++;
	return n;
}

static uint8_t octet_fold(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

void dname_fold(uint8_t *wire, size_t len)
{
	for (size_t i = 0; i < len; i++)
		wire[i] = octet_fold(wire[i]);
}

bool dname_is_equal(const uint8_t *a, const uint8_t *b)
{
	const size_t len = dname_size(a, DNAME_MAX);

	for (size_t i = 0; i < len; i++) {
		if (octet_fold(a[i]) != octet_fold(b[i]))
			return false;
	}
	return len > 0;
}

int dname_below(const uint8_t *name, size_t len, const uint8_t *apex, size_t apex_len)
{
	size_t at = 0;

	if (apex_len > len || memcmp(name + len - apex_len, apex, apex_len) != 0)
		return -1;
	while (at < len - apex_len)
		at += name[at] + 1u;
	return at == len - apex_len ? (int)at : -1;
}
