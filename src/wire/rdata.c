/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wire/rdata.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define STRING_MAX 255

static const struct type_def {
	uint16_t type;
	int8_t n_numbers; /* u16 fields before the name; -1: not of that form */
	const char *text, *wants;
} defs[] = {
	{RR_A, -1, "A", "an IPv4 address: 192.0.2.1"},
	{RR_AAAA, -1, "AAAA", "an IPv6 address: 2001:db8::1"},
	{RR_CNAME, 0, "CNAME", "one domain name: api.example.org"},
	{RR_NS, 0, "NS", "one domain name: ns.example.org"},
	{RR_PTR, 0, "PTR", "one domain name: host.example.org"},
	{RR_MX, 1, "MX", "a preference and a domain name: 10 mail.example.org"},
	{RR_SRV, 3, "SRV", "priority, weight, port and a domain name: 0 5 443 api.example.org"},
	{RR_TXT, -1, "TXT", "strings: \"one\" \"another\""},
	{RR_SOA, -1, "SOA", NULL},
};

static const struct type_def *def_find(uint16_t type)
{
	for (size_t i = 0; i < ARRAY_SIZE(defs); i++) {
		if (defs[i].type == type)
			return &defs[i];
	}
	return NULL;
}

uint16_t rr_type_parse(const char *text, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(defs); i++) {
		if (strlen(defs[i].text) == len && strncasecmp(defs[i].text, text, len) == 0)
			return defs[i].type;
	}
	return 0;
}

const char *rr_type_text(uint16_t type)
{
	const struct type_def *def = def_find(type);

	return def ? def->text : NULL;
}

int rdata_name_at(uint16_t type)
{
	const struct type_def *def = def_find(type);

	return def && def->n_numbers >= 0 ? def->n_numbers * 2 : -1;
}

/* --- text to wire ------------------------------------------------------------------------------------------- */

struct source {
	const struct type_def *def;
	const char *p, *end, *whole;
	const uint8_t *origin;
	struct err *e;
};

static int wants(const struct source *s)
{
	char quoted[120];

	return err_set(s->e, ERR_INVALID, NULL, "\"%s\" is no value of type %s, which wants %s",
		       str_quote(quoted, sizeof(quoted), s->whole, (size_t)(s->end - s->whole)),
		       s->def->text, s->def->wants);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

static void space_skip(struct source *s)
{
	while (s->p < s->end && is_space(*s->p))
		s->p++;
}

/* The next word, which ends at white space that no backslash escapes. Empty at the end. */
static const char *word_take(struct source *s, size_t *ret_len)
{
	const char *begin;

	space_skip(s);
	begin = s->p;
	while (s->p < s->end && !is_space(*s->p)) {
		if (*s->p == '\\' && s->end - s->p > 1)
			s->p++;
		s->p++;
	}
	*ret_len = (size_t)(s->p - begin);
	return begin;
}

static int end_must_be(struct source *s)
{
	space_skip(s);
	return s->p == s->end ? 0 : wants(s);
}

static int address_parse(struct source *s, int family, uint8_t *dst)
{
	char text[64];
	size_t len;
	const char *word = word_take(s, &len);

	if (len == 0 || len >= sizeof(text) || end_must_be(s) < 0)
		return wants(s);
	memcpy(text, word, len);
	text[len] = '\0';
	if (inet_pton(family, text, dst) != 1)
		return wants(s);
	return family == AF_INET ? 4 : 16;
}

static int number_parse(struct source *s, uint8_t dst[2])
{
	size_t len;
	const char *word = word_take(s, &len);
	unsigned value = 0;

	if (len == 0 || len > 5)
		return wants(s);
	for (size_t i = 0; i < len; i++) {
		if (word[i] < '0' || word[i] > '9')
			return wants(s);
		value = value * 10 + (unsigned)(word[i] - '0');
	}
	if (value > UINT16_MAX)
		return err_set(s->e, ERR_INVALID, NULL, "%u is too much: at most 65535 in type %s",
			       value, s->def->text);
	dst[0] = (uint8_t)(value >> 8);
	dst[1] = (uint8_t)value;
	return 0;
}

static int named_parse(struct source *s, uint8_t *dst)
{
	size_t at = 0, len;
	const char *word;
	int r;

	for (int i = 0; i < s->def->n_numbers; i++, at += 2) {
		r = number_parse(s, dst + at);
		if (r < 0)
			return r;
	}
	word = word_take(s, &len);
	if (len == 0 || end_must_be(s) < 0)
		return wants(s);
	r = dname_parse(word, len, s->origin, dst + at, s->e);
	return r < 0 ? r : (int)at + r;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* At a backslash: the octet that it and what follows mean. */
static int escape_take(struct source *s, uint8_t *ret_octet)
{
	const char *p = s->p + 1;
	int value;

	if (p < s->end && !is_digit(*p)) {
		*ret_octet = (uint8_t)*p;
		s->p += 2;
		return 0;
	}
	if (s->end - p < 3 || !is_digit(p[1]) || !is_digit(p[2]))
		return err_set(s->e, ERR_INVALID, NULL,
			       "a backslash is followed by three digits or by another character");
	value = (p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0');
	if (value > 255)
		return err_set(s->e, ERR_INVALID, NULL, "\\%d is no octet: at most \\255", value);
	*ret_octet = (uint8_t)value;
	s->p += 4;
	return 0;
}

/* One string, in quotes or not, its length octet at dst[*at]. */
static int string_parse(struct source *s, uint8_t *dst, size_t *at)
{
	const size_t begin = *at;
	const bool quoted = *s->p == '"';
	size_t n = 0;

	if (begin >= RDATA_MAX)
		return err_set(s->e, ERR_TOO_LARGE, NULL, "a value has at most %d octets",
			       RDATA_MAX);
	s->p += quoted;
	while (s->p < s->end && (quoted ? *s->p != '"' : !is_space(*s->p))) {
		uint8_t octet = (uint8_t)*s->p;

		if (octet == '\\') {
			int r = escape_take(s, &octet);

			if (r < 0)
				return r;
		} else if (octet ==
			   '"') { /* not quoted: a quote begins a string, it is not within one */
			return wants(s);
		} else {
			s->p++;
		}
		if (n == STRING_MAX)
			return err_set(s->e, ERR_INVALID, NULL,
				       "a string of type TXT has at most %d octets: write several, "
				       "each in quotes",
				       STRING_MAX);
		if (begin + 1 + n >= RDATA_MAX)
			return err_set(s->e, ERR_TOO_LARGE, NULL, "a value has at most %d octets",
				       RDATA_MAX);
		dst[begin + 1 + n++] = octet;
	}
	if (quoted && s->p++ == s->end)
		return err_set(s->e, ERR_INVALID, NULL, "a quote is not closed");
	if (quoted && s->p < s->end && !is_space(*s->p))
		return err_set(s->e, ERR_INVALID, NULL, "white space follows a closing quote");
	dst[begin] = (uint8_t)n;
	*at = begin + 1 + n;
	return 0;
}

static int strings_parse(struct source *s, uint8_t *dst)
{
	size_t at = 0;

	for (space_skip(s); s->p < s->end; space_skip(s)) {
		int r = string_parse(s, dst, &at);

		if (r < 0)
			return r;
	}
	return at ? (int)at : wants(s);
}

int rdata_parse(uint16_t type, const char *text, size_t len, const uint8_t *origin,
		uint8_t dst[RDATA_MAX], struct err *e)
{
	struct source s = {.def = def_find(type),
			   .p = text,
			   .whole = text,
			   .end = text + len,
			   .origin = origin,
			   .e = e};

	if (!s.def || !s.def->wants)
		return err_set(e, ERR_UNSUPPORTED, NULL,
			       "records have type A, AAAA, CNAME, MX, NS, PTR, SRV or TXT");
	if (memchr(text, '\n', len) || memchr(text, '\r', len))
		return err_set(e, ERR_INVALID, NULL, "a value is one line");
	switch (type) {
	case RR_A:
		return address_parse(&s, AF_INET, dst);
	case RR_AAAA:
		return address_parse(&s, AF_INET6, dst);
	case RR_TXT:
		return strings_parse(&s, dst);
	default:
		return named_parse(&s, dst);
	}
}

/* --- wire to text ------------------------------------------------------------------------------------------- */

static bool strings_are_good(const uint8_t *p, size_t len)
{
	size_t at = 0;

	while (at < len)
		at += p[at] + 1u;
	return len > 0 && at == len;
}

static bool soa_is_good(const uint8_t *p, size_t len)
{
	const size_t mname = dname_size(p, len),
		     rname = mname ? dname_size(p + mname, len - mname) : 0;

	return rname && mname + rname + 20 == len;
}

bool rdata_is_good(uint16_t type, const uint8_t *rdata, size_t len)
{
	const int at = rdata_name_at(type);

	if (len > RDATA_MAX)
		return false;
	if (at >= 0)
		return len > (size_t)at &&
		       dname_size(rdata + at, len - (size_t)at) == len - (size_t)at;
	switch (type) {
	case RR_A:
		return len == 4;
	case RR_AAAA:
		return len == 16;
	case RR_TXT:
		return strings_are_good(rdata, len);
	case RR_SOA:
		return soa_is_good(rdata, len);
	default:
		return false;
	}
}

static char *string_format(const uint8_t *p, char *dst)
{
	*dst++ = '"';
	for (unsigned i = 1; i <= p[0]; i++) {
		if (p[i] < ' ' || p[i] >= 127) {
			*dst++ = '\\';
			*dst++ = (char)('0' + p[i] / 100);
			*dst++ = (char)('0' + p[i] / 10 % 10);
			*dst++ = (char)('0' + p[i] % 10);
			continue;
		}
		if (p[i] == '"' || p[i] == '\\')
			*dst++ = '\\';
		*dst++ = (char)p[i];
	}
	*dst++ = '"';
	return dst;
}

static int strings_format(const uint8_t *p, size_t len, char *dst)
{
	char *to = dst;

	for (size_t at = 0; at < len; at += p[at] + 1u) {
		if (at > 0)
			*to++ = ' ';
		to = string_format(p + at, to);
	}
	*to = '\0';
	return (int)(to - dst);
}

static unsigned u16_at(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static unsigned u32_at(const uint8_t *p)
{
	return u16_at(p) << 16 | u16_at(p + 2);
}

static int named_format(const struct type_def *def, const uint8_t *p, char *dst)
{
	char name[DNAME_TEXT_MAX];
	int n = 0;

	for (int i = 0; i < def->n_numbers; i++)
		n += snprintf(dst + n, 8, "%u ", u16_at(p + i * 2));
	dname_format(p + def->n_numbers * 2, name);
	return n + snprintf(dst + n, DNAME_TEXT_MAX, "%s", name);
}

static int soa_format(const uint8_t *p, char *dst)
{
	char mname[DNAME_TEXT_MAX], rname[DNAME_TEXT_MAX];
	const size_t first = dname_size(p, DNAME_MAX);
	const uint8_t *n = p + first + dname_size(p + first, DNAME_MAX);

	return snprintf(dst, RDATA_TEXT_MAX, "%s %s %u %u %u %u %u", dname_format(p, mname),
			dname_format(p + first, rname), u32_at(n), u32_at(n + 4), u32_at(n + 8),
			u32_at(n + 12), u32_at(n + 16));
}

int rdata_format(uint16_t type, const uint8_t *rdata, size_t len, char dst[RDATA_TEXT_MAX])
{
	if (!rdata_is_good(type, rdata, len))
		return -ERR_INVALID;
	switch (type) {
	case RR_A:
	case RR_AAAA:
		(void)inet_ntop(type == RR_A ? AF_INET : AF_INET6, rdata, dst, INET6_ADDRSTRLEN);
		return (int)strlen(dst);
	case RR_TXT:
		return strings_format(rdata, len, dst);
	case RR_SOA:
		return soa_format(rdata, dst);
	default:
		return named_format(def_find(type), rdata, dst);
	}
}
