/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The control role: owns the store and the tables, speaks the APIs, and completes an operation when every gate has acknowledged
 * its generation.
 *
 * One thread, one epoll loop: the link to the parent, a link to each gate, libmicrohttpd's descriptors, timers.
 */
#pragma once

#include "proc/options.h"

struct request; /* control/request.h */

enum control_right {
	RIGHT_VIEW,   /* look */
	RIGHT_CHANGE, /* declare, alter, delete */
};

/*
 * One method on one path. handle() is called on control's one thread when the body has come in completely and the caller
 * holds `right` on anything at all; it checks the object by name itself (request_may_view()), and answers with one of
 * request_answer_*() now, or later after request_wait_*(). Never both, never twice.
 */
struct control_route {
	const char *method; /* "GET"; also serves HEAD */
	const char *path;   /* "/v1/operations/{id}": a segment in braces takes one segment */
	const char *query;  /* the parameters it knows, separated by spaces; NULL if none */
	enum control_right right;
	bool open; /* also on the metrics socket, where nobody is asked who they are */
	void (*handle)(struct request *r);
};

/*
 * An API is a set of routes; posternd's main hands them in, so that control knows no API by name. The first route whose path
 * matches decides the path; put exact paths before those with braces.
 */
struct control_api {
	const struct control_route *routes;
	size_t n_routes;
};

/* Runs until told to stop; the role's exit status. parent_fd: link to the parent. */
int control_main(const struct options *o, int parent_fd, const struct control_api *apis,
		 size_t n_apis);
