/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * HTTP to the daemon over its Unix socket. One request at a time, a fresh connection each, no proxy from the environment.
 *
 * What the API refuses becomes a struct err with the API's own code, path and text. What never reached it is
 * -ERR_UNAVAILABLE (nobody there, no answer in time) or -ERR_FORBIDDEN (the socket's permissions), both with a text that
 * names the socket and the way out.
 */
#pragma once

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>

#define SOCKET_DEFAULT	 "/run/postern/api.sock"
#define ANSWER_BYTES_MAX (512u << 20)

struct client {
	const char *socket_path; /* borrowed */
};

struct request {
	const char *method;
	const char *target;	  /* "/v1/clusters/prod?force=true" */
	const char *content_type; /* NULL: no body */
	const char *body;
	size_t body_len;
	const char *if_match; /* a revision, without quotes; NULL: none */
	double wait_s; /* how long the daemon may take over it, beyond what any request may */
};

struct answer {
	long status;   /* HTTP */
	json_t *json;  /* owned */
	char etag[40]; /* a revision, without quotes; "" if none */
};
void answer_done(struct answer *a);

/* The answer's body must be JSON. */
int client_call(const struct client *c, const struct request *r, struct answer *ret_answer,
		struct err *e) _must_check_;
int client_get(const struct client *c, const char *target, struct answer *ret_answer, struct err *e)
	_must_check_;

/* GET a stream of lines; cb gets each without its newline and may end the stream by a non-zero value, which is returned. */
typedef int client_line_fn(const char *line, size_t len, void *arg);
int client_lines(const struct client *c, const char *target, client_line_fn *cb, void *arg,
		 struct err *e) _must_check_;

/* --- building a target: parts are percent-encoded, keys are not. NULL values are left out. ------------------ */

struct target {
	char *text; /* owned */
	bool has_query;
};
void target_init(struct target *t, const char *path);
void target_segment(struct target *t, const char *segment);
void target_query(struct target *t, const char *key, const char *value);
void target_done(struct target *t);
