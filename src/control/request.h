/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One HTTP request, as a route's handler sees it: what was asked, who asks, and the ways to answer.
 *
 * A request lives from its first header to the last byte of its answer and is owned by http.c. Handlers run on the one
 * thread and never block; one that needs others first (gates' records, an operation) says so with request_wait_*(), returns,
 * and answers from the function given. Text handed out is borrowed from the request.
 */
#pragma once

#include "control/control_int.h"

#include <microhttpd.h>

#define REQUEST_ARGS_MAX   4
#define REQUEST_WAIT_MAX_S 3600

struct request {
	struct list node; /* in http.requests */
	struct control *control;
	struct MHD_Connection *connection;
	const struct control_route *route; /* NULL: refused already, `answer` is set */
	struct peer peer;
	bool has_peer; /* false on the metrics socket */
	bool is_handled, is_suspended, is_answered;
	bool is_gone;			    /* the caller hung up: a stream ends */
	char *path;			    /* owned copy, cut at its slashes */
	const char *args[REQUEST_ARGS_MAX]; /* what the braces of the route's path took */

	char *body; /* not terminated; NULL if empty */
	size_t body_len, body_cap;
	bool body_refused; /* it is read and forgotten: the answer is an error whatever it says */
	size_t body_forgotten;
	uint64_t received_ns; /* monotonic, when it was in completely */

	struct MHD_Response *answer; /* owned, until it is queued */
	unsigned status;

	/* For the handler: anything, freed with the request. */
	void *state;
	void (*state_free)(void *state);

	/* Waiting for an operation. */
	struct list wait_node; /* in operation.waiters */
	struct loop_timer wait_timer;
	void (*wait_done)(struct request *r);
};

/* --- what was asked --------------------------------------------------------------------------------------- */

const char *request_header(const struct request *r, const char *name); /* NULL if absent */
const char *request_query(const struct request *r, const char *name);  /* NULL if absent */
/* Absent: the fallback. Not "true" or "false", or out of range: -ERR_USAGE with the parameter's name. */
int request_query_bool(const struct request *r, const char *name, bool *ret_value, struct err *e)
	_must_check_;
int request_query_uint(const struct request *r, const char *name, uint64_t max, uint64_t fallback,
		       uint64_t *ret_value, struct err *e) _must_check_;
/* The revision that If-Match ("17") or If-None-Match (*: 0) demands; STORE_ANY if neither is there. */
int request_expect(const struct request *r, uint64_t *ret_expect, struct err *e) _must_check_;
/* The body as documents, by its Content-Type. New reference. */
int request_documents(const struct request *r, json_t **ret_documents, struct err *e) _must_check_;
/* May the caller look at the object of this name? "*": at what belongs to no single object. */
int request_may_view(const struct request *r, const char *name, struct err *e) _must_check_;

/* --- answering -------------------------------------------------------------------------------------------- */

/* body is taken. */
void request_answer_json(struct request *r, unsigned status, json_t *body);
/* The same with one more header. */
void request_answer_json_header(struct request *r, unsigned status, json_t *body,
				const char *header, const char *value);
void request_answer_error(struct request *r, const struct err *e);
/* text is malloc()ed and taken. */
void request_answer_text(struct request *r, unsigned status, const char *type, char *text,
			 size_t len);
/* Any response, for streams; taken. */
void request_answer_response(struct request *r, unsigned status, struct MHD_Response *response);

/* --- waiting ---------------------------------------------------------------------------------------------- */

/* done(r) when the operation has been enforced, or after seconds; at once if it has been, or seconds is 0. */
void request_wait_operation(struct request *r, struct operation *op, uint64_t seconds,
			    void (*done)(struct request *r));
/* Give up waiting: done(r) now. */
void request_wait_end(struct request *r);

/* Rest until request_resume(): for streams with nothing to send, and for http.c. Both may be called in any state. */
void request_suspend(struct request *r);
void request_resume(struct request *r);

/* For http.c: the request ends. */
void request_wait_forget(struct request *r);
