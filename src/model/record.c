/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/record.h"

#include "base/addr.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define QUOTED_MAX 64

/* --- types ------------------------------------------------------------------------------------------------ */

static const struct {
	enum record_type type;
	const char *text;
} types[] = {
#define X(e, text, code) {e, text},
	RECORD_TYPES(X)
#undef X
};

enum record_type record_type_find(const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (!strcasecmp(types[i].text, text))
			return types[i].type;
	return (enum record_type)0;
}

const char *record_type_text(enum record_type type)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (types[i].type == type)
			return types[i].text;
	return "?";
}

/* --- names ------------------------------------------------------------------------------------------------ */

bool dns_name_is_below(const char *name, const char *domain)
{
	size_t n = strlen(name), d = strlen(domain);

	return n > d + 1 && name[n - d - 1] == '.' && strcmp(name + n - d, domain) == 0;
}

char *record_name_full(const char *name, const char *domain, char *dst)
{
	if (strcmp(name, "@") == 0)
		snprintf(dst, DNS_NAME_MAX + 1, "%s", domain);
	else
		snprintf(dst, DNS_NAME_MAX + 1, "%s.%s", name, domain);
	return dst;
}

static int name_is_whole(const char *quoted, const char *domain, struct err *e)
{
	return err_set(e, ERR_INVALID, NULL,
		       "\"%s\" is a whole name; a record's name is within its zone: leave out the "
		       "\".%s\" at its end, and write \"@\" for the zone itself",
		       quoted, domain);
}

int record_name_fold(const char *name, size_t len, const char *domain, char dst[DNS_NAME_MAX + 1],
		     struct err *e)
{
	char quoted[QUOTED_MAX], folded[DNS_NAME_MAX + 1];
	int r;

	str_quote(quoted, sizeof(quoted), name, len);
	if (len == 0 || (len == 1 && (name[0] == '@' || name[0] == '*'))) {
		snprintf(dst, DNS_NAME_MAX + 1, "%s", len && name[0] == '*' ? "*" : "@");
		return 0;
	}
	if (name[len - 1] == '.')
		return name_is_whole(quoted, domain, e);
	r = dns_name_fold(name, len, true, folded, e);
	if (r < 0)
		return r;
	if (strcmp(folded, domain) == 0 || dns_name_is_below(folded, domain))
		return name_is_whole(quoted, domain, e);
	if (strlen(folded) + 1 + strlen(domain) > DNS_NAME_MAX)
		return err_set(e, ERR_INVALID, NULL,
			       "\"%s\" is too long: with the domain a name has at most %d characters",
			       quoted, DNS_NAME_MAX);
	snprintf(dst, DNS_NAME_MAX + 1, "%s", folded);
	return 0;
}

/* A name that a value leads to. */
static int target_fold(const char *name, size_t len, bool may_be_root, char *dst, struct err *e)
{
	char quoted[QUOTED_MAX], text[DNS_NAME_MAX + 3];
	struct addr a;

	str_quote(quoted, sizeof(quoted), name, len);
	if (len == 1 && name[0] == '.' && may_be_root) {
		snprintf(dst, DNS_NAME_MAX + 1, ".");
		return 0;
	}
	if (len < sizeof(text)) {
		memcpy(text, name, len);
		text[len] = '\0';
		if (addr_parse(text, &a) == 0)
			return err_set(e, ERR_INVALID, NULL,
				       "\"%s\" is an address where a name must be; addresses are "
				       "values of A and AAAA",
				       quoted);
	}
	if (len && !memchr(name, '.', len))
		return err_set(e, ERR_INVALID, NULL,
			       "\"%s\" has one label only; names in values are whole: write the "
			       "domain behind it, or a dot at its end if this is all of it",
			       quoted);
	return dns_name_fold(name, len, false, dst, e);
}

/* --- values ----------------------------------------------------------------------------------------------- */

/* A value gone through word by word. */
struct words {
	const char *at, *end;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool word_next(struct words *w, const char **ret_word, size_t *ret_len)
{
	while (w->at < w->end && is_blank(*w->at))
		w->at++;
	*ret_word = w->at;
	while (w->at < w->end && !is_blank(*w->at))
		w->at++;
	*ret_len = (size_t)(w->at - *ret_word);
	return *ret_len > 0;
}

static int address_canon(enum record_type type, const char *value, size_t len, char *dst,
			 struct err *e)
{
	uint8_t family = type == RECORD_A ? ADDR_V4 : ADDR_V6;
	char quoted[QUOTED_MAX], text[ADDR_TEXT_MAX];
	struct addr a;

	if (len < sizeof(text)) {
		memcpy(text, value, len);
		text[len] = '\0';
		if (addr_parse(text, &a) == 0 && a.family == family) {
			addr_format(&a, dst);
			return 0;
		}
	}
	return err_set(e, ERR_INVALID, NULL, "\"%s\" is no IPv%d address, as the value of %s is",
		       str_quote(quoted, sizeof(quoted), value, len), family == ADDR_V4 ? 4 : 6,
		       record_type_text(type));
}

static int number_read(struct words *w, uint32_t *ret_number)
{
	const char *word;
	uint32_t v = 0;
	size_t len;

	if (!word_next(w, &word, &len) || len > 5)
		return -ERR_INVALID;
	for (size_t i = 0; i < len; i++) {
		if (word[i] < '0' || word[i] > '9')
			return -ERR_INVALID;
		v = v * 10 + (uint32_t)(word[i] - '0');
	}
	*ret_number = v;
	return v > UINT16_MAX ? -ERR_INVALID : 0;
}

/* Numbers, then a name: MX, SRV. form: how it is to be written. */
static int numbered_canon(size_t n_numbers, const char *form, const char *value, size_t len,
			  char *dst, struct err *e)
{
	struct words w = {value, value + len};
	char quoted[QUOTED_MAX];
	const char *word, *more;
	size_t word_len, more_len, used = 0;
	uint32_t number;

	for (size_t i = 0; i < n_numbers; i++) {
		if (number_read(&w, &number) < 0)
			goto malformed;
		used += (size_t)snprintf(dst + used, RECORD_TEXT_MAX - used, "%u ", number);
	}
	if (!word_next(&w, &word, &word_len) || word_next(&w, &more, &more_len))
		goto malformed;
	return target_fold(word, word_len, true, dst + used, e);
malformed:
	return err_set(e, ERR_INVALID, NULL, "\"%s\" must be %s, with numbers from 0 to 65535",
		       str_quote(quoted, sizeof(quoted), value, len), form);
}

/* One byte of a TXT value, behind a backslash or not. -1: no such escape. */
static int txt_byte(struct words *w)
{
	int v = 0;

	if (*w->at != '\\')
		return (unsigned char)*w->at++;
	w->at++;
	if (w->at == w->end)
		return -1;
	if (*w->at < '0' || *w->at > '9')
		return (unsigned char)*w->at++;
	for (size_t i = 0; i < 3; i++) {
		if (w->at == w->end || *w->at < '0' || *w->at > '9')
			return -1;
		v = v * 10 + *w->at++ - '0';
	}
	return v > UINT8_MAX ? -1 : v;
}

static size_t txt_put(char *dst, size_t used, int byte)
{
	if (byte == '"' || byte == '\\')
		return used + (size_t)snprintf(dst + used, RECORD_TEXT_MAX - used, "\\%c", byte);
	if (byte >= ' ' && byte < 0x7f)
		return used + (size_t)snprintf(dst + used, RECORD_TEXT_MAX - used, "%c", byte);
	return used + (size_t)snprintf(dst + used, RECORD_TEXT_MAX - used, "\\%03d", byte);
}

/* One string of a TXT value, in quotes or up to the next blank. NULL, or what is wrong with it. */
static const char *txt_string(struct words *w, char *dst, size_t *used)
{
	bool is_quoted = *w->at == '"';
	size_t n = 0;
	int byte;

	w->at += is_quoted;
	*used += (size_t)snprintf(dst + *used, RECORD_TEXT_MAX - *used, "%s\"", *used ? " " : "");
	while (w->at < w->end && (is_quoted ? *w->at != '"' : !is_blank(*w->at))) {
		if (!is_quoted && *w->at == '"')
			return "has a quote within a word; write \\\" for a quote";
		byte = txt_byte(w);
		if (byte < 0)
			return "has a backslash that is not followed by a character or by a number "
			       "from 000 to 255";
		if (++n > TXT_STRING_MAX)
			return "has a string of more than 255 bytes; split it: \"...\" \"...\"";
		*used = txt_put(dst, *used, byte);
	}
	*used += (size_t)snprintf(dst + *used, RECORD_TEXT_MAX - *used, "\"");
	if (!is_quoted)
		return NULL;
	if (w->at == w->end)
		return "has a quote that is not closed";
	w->at++;
	return w->at < w->end && !is_blank(*w->at) ? "needs a blank between its strings" : NULL;
}

static int txt_canon(const char *value, size_t len, char *dst, struct err *e)
{
	struct words w = {value, value + len};
	char quoted[QUOTED_MAX];
	const char *wrong = NULL;
	size_t used = 0;

	while (!wrong) {
		while (w.at < w.end && is_blank(*w.at))
			w.at++;
		if (w.at == w.end)
			break;
		wrong = txt_string(&w, dst, &used);
	}
	if (!wrong && !used)
		wrong = "has no string; write \"\" for an empty one";
	return wrong ? err_set(e, ERR_INVALID, NULL, "\"%s\" %s",
			       str_quote(quoted, sizeof(quoted), value, len), wrong)
		     : 0;
}

int record_value_canon(enum record_type type, const char *value, size_t len,
		       char dst[RECORD_TEXT_MAX], struct err *e)
{
	if (len > RECORD_VALUE_MAX || memchr(value, '\0', len))
		return err_set(e, ERR_INVALID, NULL, "must be text of at most %d characters",
			       RECORD_VALUE_MAX);
	switch (type) {
	case RECORD_A:
	case RECORD_AAAA:
		return address_canon(type, value, len, dst, e);
	case RECORD_MX:
		return numbered_canon(1, "PREFERENCE NAME, as \"10 mail.example.org\"", value, len,
				      dst, e);
	case RECORD_SRV:
		return numbered_canon(
			3, "PRIORITY WEIGHT PORT NAME, as \"0 5 443 api.example.org\"", value, len,
			dst, e);
	case RECORD_TXT:
		return txt_canon(value, len, dst, e);
	default:
		return target_fold(value, len, false, dst, e);
	}
}
