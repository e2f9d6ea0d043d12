/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An explanation in the making: the question, where the client stands, the steps so far. For path.c, path_steps.c,
 * path_public.c and path_private.c.
 */
#pragma once

#include "explain/admit.h"
#include "explain/path.h"
#include "explain/way.h"

struct path {
	const struct path_question *q;
	struct path_answer
		*answer; /* steps are added; the verdict is of the address that is tried now */
	bool nomem;

	/* The client. */
	char who[PATH_WHERE_MAX];	 /* host "web" */
	const struct object *router;	 /* that it is in */
	const struct object *subnet;	 /* NULL: at a site, or where no subnet is */
	const struct host *host;	 /* NULL: a machine that is no host */
	struct addr addresses[FAMILIES]; /* its own */

	/* The try. */
	struct addr to;
	struct addr from; /* of the same family */
};

/* A step that holds; where is "KIND "NAME"" of the object, or the client if NULL. */
void path_ok(struct path *p, const struct object *where, const char *fmt, ...) _printf_(3, 4);
/* The step that decides against it. Its sentence becomes the rule. False, so that a check may return it. */
bool path_fail(struct path *p, const struct object *where, enum path_reason reason, const char *fmt,
	       ...) _printf_(4, 5);
/* The last step, which decides for it. True. */
bool path_reached(struct path *p, const struct object *where, enum path_reason reason,
		  const char *fmt, ...) _printf_(4, 5);

/* `route 10.0.0.0/8 of route table "r" leads by peering "p" to network "z"` */
char *way_text(const struct way *w, char dst[PATH_TEXT_MAX]);

bool path_is_public(const struct path *p, const struct addr *a);
/* Out to the internet by w, which is WAY_INTERNET or WAY_NAT. */
bool path_go_out(struct path *p, const struct way *w);
/* At the router in whose space the destination is. */
bool path_arrive(struct path *p, const struct object *router);
