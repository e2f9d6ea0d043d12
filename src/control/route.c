/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/route.h"

#include <stdio.h>
#include <string.h>

/* One segment of a pattern against one of a path; both end at '/' or '\0'. */
static bool segment_matches(const char *pattern, size_t plen, const char *path, size_t len)
{
	if (plen > 2 && pattern[0] == '{')
		return len > 0;
	return plen == len && memcmp(pattern, path, len) == 0;
}

static bool path_matches(const char *pattern, const char *path)
{
	while (*pattern == '/' && *path == '/') {
		size_t plen = strcspn(++pattern, "/"), len = strcspn(++path, "/");

		if (!segment_matches(pattern, plen, path, len))
			return false;
		pattern += plen;
		path += len;
	}
	return !*pattern && !*path;
}

void route_take_args(const char *pattern, char *path, const char **ret_args, size_t max)
{
	size_t n = 0;

	while (*pattern == '/') {
		size_t plen = strcspn(++pattern, "/"), len = strcspn(++path, "/");
		bool last = path[len] == '\0';

		path[len] = '\0';
		if (pattern[0] == '{' && n < max)
			ret_args[n++] = path;
		pattern += plen;
		path += len;
		if (last)
			break;
	}
}

static void route_consider(struct route_search *s, const struct control_route *route)
{
	size_t len = strlen(s->allow);

	if (!s->pattern && path_matches(route->path, s->path))
		s->pattern = route->path;
	if (!s->pattern || strcmp(route->path, s->pattern) != 0)
		return;
	snprintf(s->allow + len, sizeof(s->allow) - len, "%s%s", len ? ", " : "", route->method);
	if (strcmp(route->method, s->method) == 0)
		s->found = route;
}

void route_find(const struct control_api *apis, size_t n_apis, struct route_search *s)
{
	for (size_t i = 0; i < n_apis; i++)
		for (size_t k = 0; k < apis[i].n_routes; k++)
			route_consider(s, &apis[i].routes[k]);
}

struct query_check {
	const char *known;
	struct err *e;
	int r;
};

static bool word_is_in(const char *words, const char *word)
{
	size_t len = strlen(word);

	while (words && *words) {
		size_t n = strcspn(words, " ");

		if (n == len && memcmp(words, word, n) == 0)
			return true;
		words += n + (words[n] == ' ');
	}
	return false;
}

static enum MHD_Result query_check_one(void *cls, enum MHD_ValueKind kind, const char *key,
				       const char *value)
{
	struct query_check *q = cls;
	char quoted[96];

	if (value && word_is_in(q->known, key))
		return MHD_YES;
	str_quote(quoted, sizeof(quoted), key, strlen(key));
	q->r = value ? err_set(q->e, ERR_USAGE, NULL, "there is no query parameter \"%s\" here%s%s",
			       quoted, q->known ? "; known are: " : "", q->known ? q->known : "")
		     : err_set(q->e, ERR_USAGE, NULL, "query parameter \"%s\" has no value",
			       quoted);
	return MHD_NO;
}

int route_check_query(const struct control_route *route, struct MHD_Connection *connection,
		      struct err *e)
{
	struct query_check q = {.known = route->query, .e = e};

	MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, query_check_one, &q);
	return q.r;
}
