/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/name.h"

#include "base/addr.h"

#include <string.h>

#define LABEL_MAX 63

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

int object_name_check(const char *name, size_t len, struct err *e)
{
	char quoted[80];

	if (len < 1 || len > OBJECT_NAME_MAX)
		return err_set(e, ERR_INVALID, NULL, "must have 1 to %d characters, not %zu",
			       OBJECT_NAME_MAX, len);
	for (size_t i = 0; i < len; i++) {
		if (is_alnum(name[i]) || (name[i] == '-' && i && i + 1 < len))
			continue;
		return err_set(e, ERR_INVALID, NULL,
			       "\"%s\" must consist of a-z, 0-9 and '-', and begin and end with a "
			       "letter or "
			       "digit (RFC 1123)",
			       str_quote(quoted, sizeof quoted, name, len));
	}
	return 0;
}

static bool label_is_good(const char *label, size_t len)
{
	if (len < 1 || len > LABEL_MAX || label[0] == '-' || label[len - 1] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_alnum(label[i]) && label[i] != '-' && label[i] != '_')
			return false;
	return true;
}

static bool labels_are_good(const char *name)
{
	for (;;) {
		size_t len = strcspn(name, ".");
		if (!label_is_good(name, len))
			return false;
		if (!name[len])
			return true;
		name += len + 1;
	}
}

int dns_name_fold(const char *name, size_t len, bool wildcard, char dst[DNS_NAME_MAX + 1],
		  struct err *e)
{
	char quoted[80];
	struct addr addr;

	str_quote(quoted, sizeof quoted, name, len);
	if (len && name[len - 1] == '.')
		len--;
	if (len < 1 || len > DNS_NAME_MAX || memchr(name, '\0', len))
		return err_set(e, ERR_INVALID, NULL, "must be a DNS name of 1 to %d characters",
			       DNS_NAME_MAX);
	for (size_t i = 0; i < len; i++)
		dst[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] + 32) : name[i];
	dst[len] = '\0';
	bool is_wildcard = !strncmp(dst, "*.", 2);
	if (is_wildcard && !wildcard)
		return err_set(e, ERR_INVALID, NULL,
			       "\"%s\" is a wildcard; this field takes one name, put wildcards "
			       "into public.names",
			       quoted);
	if (!addr_parse(dst, &addr))
		return err_set(e, ERR_INVALID, NULL,
			       "\"%s\" is an address; TLS clients send no server name for "
			       "addresses, give a DNS name",
			       quoted);
	if (!labels_are_good(is_wildcard ? dst + 2 : dst))
		return err_set(e, ERR_INVALID, NULL,
			       "\"%s\" is no DNS name: labels of 1 to 63 letters, digits, '-' or "
			       "'_', joined by "
			       "dots%s",
			       quoted,
			       wildcard ? ", with \"*\" as the whole first label at the most" : "");
	return 0;
}
