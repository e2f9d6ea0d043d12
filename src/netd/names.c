/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "netd/names.h"

#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#define OUTER_DECIMAL_MAX \
	999999999u /* above, "p1a2b-" and the number would be too long for an interface */

static const char *const router_words[] = {
	[ROUTER_NETWORK] = "net", [ROUTER_HUB] = "hub", [ROUTER_SITE] = "site"};

int names_init(struct names *n, const char *prefix, struct err *e)
{
	size_t len = strlen(prefix);
	uint64_t hash = XXH3_64bits(prefix, len);

	if (len == 0 || len > NETD_PREFIX_MAX || prefix[0] < 'a' || prefix[0] > 'z' ||
	    strspn(prefix, "abcdefghijklmnopqrstuvwxyz0123456789-") != len)
		return err_set(
			e, ERR_INVALID, NULL,
			"--netns-prefix: a label of at most %d lower case letters, digits and '-' "
			"is wanted, beginning with a letter",
			NETD_PREFIX_MAX);
	*n = (struct names){0};
	memcpy(n->prefix, prefix, len);
	snprintf(n->tag, sizeof n->tag, "p%04x-", (unsigned int)(hash & 0xffff));
	snprintf(n->alias, sizeof n->alias, "postern:%s", prefix);
	n->group = (uint32_t)(hash >> 33) | 1;
	n->group_going = n->group | 1u << 31;
	return 0;
}

void names_router(const struct names *n, enum tables_router kind, const char *name,
		  char dst[NS_NAME_MAX])
{
	snprintf(dst, NS_NAME_MAX, "%s.%s.%.63s", n->prefix, router_words[kind], name);
}

void names_host(const struct names *n, const char *name, char dst[NS_NAME_MAX])
{
	snprintf(dst, NS_NAME_MAX, "%s.host.%.63s", n->prefix, name);
}

bool names_is_ours(const struct names *n, const char *namespace)
{
	size_t len = strlen(n->prefix);
	const char *rest = namespace + len + 1;

	if (strncmp(namespace, n->prefix, len) != 0 || namespace[len] != '.')
		return false;
	return strncmp(rest, "net.", 4) == 0 || strncmp(rest, "hub.", 4) == 0 ||
	       strncmp(rest, "site.", 5) == 0 || strncmp(rest, "host.", 5) == 0;
}

void names_outer(const struct names *n, uint32_t id, char dst[IFNAMSIZ])
{
	if (id <= OUTER_DECIMAL_MAX)
		snprintf(dst, IFNAMSIZ, "%.6s%u", n->tag, id % (OUTER_DECIMAL_MAX + 1));
	else
		snprintf(dst, IFNAMSIZ, "%.6sx%08x", n->tag, id);
}

const char *names_attached(const struct names *n, const char *alias)
{
	size_t len = strlen(n->alias);

	return strncmp(alias, n->alias, len) == 0 && alias[len] == ':' ? alias + len + 1 : NULL;
}

bool names_has_mark(const struct names *n, const char *alias, uint32_t group)
{
	if (!alias[0])
		return group == n->group;
	return strcmp(alias, n->alias) == 0 || names_attached(n, alias);
}

bool names_is_host(const struct names *n, const char *namespace)
{
	return names_is_ours(n, namespace) &&
	       strncmp(namespace + strlen(n->prefix) + 1, "host.", 5) == 0;
}
