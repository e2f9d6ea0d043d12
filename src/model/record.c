/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/record.h"

#include "base/addr.h"

#include <stdio.h>
#include <string.h>

#define QUOTED_MAX 64

/* --- types ------------------------------------------------------------------------------------------------ */

enum record_type record_type_find(const char *text)
{
	uint16_t type = rr_type_parse(text, strlen(text));

	return type == RR_SOA ? (enum record_type)0 : (enum record_type)type;
}

const char *record_type_text(enum record_type type)
{
	const char *text = rr_type_text(type);

	return text ? text : "?";
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
		return err_set(
			e, ERR_INVALID, NULL,
			"\"%s\" is too long: with the domain a name has at most %d characters",
			quoted, DNS_NAME_MAX);
	snprintf(dst, DNS_NAME_MAX + 1, "%s", folded);
	return 0;
}

/* --- values ----------------------------------------------------------------------------------------------- */

/* The name that a value leads to. has_dot: it was written with a dot at its end. */
static int target_check(enum record_type type, const uint8_t *name, bool has_dot, struct err *e)
{
	char text[DNAME_TEXT_MAX], folded[DNS_NAME_MAX + 1], quoted[QUOTED_MAX];
	struct addr a;
	size_t len;

	dname_format(name, text);
	len = strlen(text);
	if (strcmp(text, ".") == 0 && (type == RECORD_MX || type == RECORD_SRV))
		return 0;
	text[len - (len > 1)] = '\0';
	str_quote(quoted, sizeof(quoted), text, strlen(text));
	if (addr_parse(text, &a) == 0)
		return err_set(e, ERR_INVALID, NULL,
			       "\"%s\" is an address where a name must be; addresses are values of "
			       "A and AAAA",
			       quoted);
	if (dname_labels(name) == 1 && !has_dot)
		return err_set(e, ERR_INVALID, NULL,
			       "\"%s\" has one label only; names in values are whole: write the "
			       "domain behind it, or a dot at its end if this is all of it",
			       quoted);
	if (text[0] == '*' && (text[1] == '.' || !text[1]))
		return err_set(e, ERR_INVALID, NULL,
			       "\"%s\" is a wildcard; a value leads to one name: give one, and "
			       "where many names shall lead there, make the record's own name a "
			       "wildcard",
			       quoted);
	return dns_name_fold(text, strlen(text), false, folded, e);
}

int record_value_canon(enum record_type type, const char *value, size_t len,
		       char dst[RECORD_TEXT_MAX], struct err *e)
{
	uint8_t wire[RDATA_MAX];
	int at = rdata_name_at(type), n, r;

	if (memchr(value, '\0', len))
		return err_set(e, ERR_INVALID, NULL, "has a zero character");
	n = rdata_parse(type, value, len, NULL, wire, e);
	if (n < 0)
		return n;
	if (at >= 0) {
		while (len && (value[len - 1] == ' ' || value[len - 1] == '\t'))
			len--;
		r = target_check(type, wire + at, len && value[len - 1] == '.', e);
		if (r < 0)
			return r;
		dname_fold(wire + at, (size_t)(n - at));
	}
	return rdata_format(type, wire, (size_t)n, dst) < 0
		       ? err_set(e, ERR_INVALID, NULL, "cannot be written as it was read")
		       : 0;
}
