/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Finding the route for a request, in the tables that the APIs hand in.
 */
#pragma once

#include "control/control.h"

#include <microhttpd.h>

#define ALLOW_MAX 64

struct route_search {
	const char *path, *method; /* asked for; borrowed */
	const char *pattern;	   /* of the first route that matches the path, NULL: none does */
	const struct control_route *found; /* of that pattern and the method, NULL: none */
	char allow[ALLOW_MAX];		   /* the methods that the pattern knows, for Allow */
};

void route_find(const struct control_api *apis, size_t n_apis, struct route_search *s);

/* Cut path, which matches, at its slashes; to ret_args what the pattern's braces took, at most max. */
void route_take_args(const char *pattern, char *path, const char **ret_args, size_t max);

/* Does the route know all query parameters, and has each a value? 0 or -ERR_USAGE. */
int route_check_query(const struct control_route *route, struct MHD_Connection *connection,
		      struct err *e) _must_check_;
