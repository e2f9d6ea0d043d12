/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/request.h"

#include "model/document.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- what was asked --------------------------------------------------------------------------------------- */

const char *request_header(const struct request *r, const char *name)
{
	return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

const char *request_query(const struct request *r, const char *name)
{
	return MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND, name);
}

int request_query_bool(const struct request *r, const char *name, bool *ret_value, struct err *e)
{
	const char *value = request_query(r, name);

	if (value && strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
		return err_set(e, ERR_USAGE, name, "query parameter %s must be true or false",
			       name);
	*ret_value = value && strcmp(value, "true") == 0;
	return 0;
}

/* Decimal digits only; false if it is none or over max. */
static bool uint_parse(const char *text, uint64_t max, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
			return false;
	}
	*ret_value = value;
	return value <= max;
}

int request_query_uint(const struct request *r, const char *name, uint64_t max, uint64_t fallback,
		       uint64_t *ret_value, struct err *e)
{
	const char *value = request_query(r, name);

	*ret_value = fallback;
	if (value && !uint_parse(value, max, ret_value))
		return err_set(e, ERR_USAGE, name,
			       "query parameter %s must be a whole number from 0 to %llu", name,
			       (unsigned long long)max);
	return 0;
}

int request_expect(const struct request *r, uint64_t *ret_expect, struct err *e)
{
	const char *match = request_header(r, "If-Match");
	const char *none = request_header(r, "If-None-Match");
	char digits[24];
	size_t len;

	*ret_expect = STORE_ANY;
	if (none) {
		if (match || strcmp(none, "*") != 0)
			return err_set(
				e, ERR_USAGE, NULL,
				"If-None-Match is understood as * alone: create, never replace");
		*ret_expect = 0;
		return 0;
	}
	if (!match)
		return 0;
	len = strlen(match);
	if (len >= 2 && match[0] == '"' && match[len - 1] == '"') {
		match++;
		len -= 2;
	}
	if (len < sizeof(digits)) {
		memcpy(digits, match, len);
		digits[len] = '\0';
		if (uint_parse(digits, STORE_ANY - 1, ret_expect) && *ret_expect > 0)
			return 0;
	}
	return err_set(e, ERR_USAGE, NULL,
		       "If-Match must be a revision as an object's ETag gives it, such as \"17\"");
}

static enum document_format format_of(const char *content_type)
{
	if (!content_type)
		return DOCUMENT_AUTO;
	if (strncasecmp(content_type, "application/json", 16) == 0 ||
	    strncasecmp(content_type, "application/merge-patch+json", 28) == 0)
		return DOCUMENT_JSON;
	if (strcasestr(content_type, "yaml"))
		return DOCUMENT_YAML;
	return DOCUMENT_AUTO;
}

int request_documents(const struct request *r, json_t **ret_documents, struct err *e)
{
	return document_parse(r->body ? r->body : "", r->body_len,
			      format_of(request_header(r, "Content-Type")), ret_documents, e);
}

int request_may_view(const struct request *r, const char *name, struct err *e)
{
	if (!r->has_peer)
		return 0;
	return authz_check(&r->control->authz, &r->peer, RIGHT_VIEW, name, e);
}

/* --- answering -------------------------------------------------------------------------------------------- */

void request_answer_response(struct request *r, unsigned status, struct MHD_Response *response)
{
	if (r->is_answered) {
		if (response)
			MHD_destroy_response(response);
		return;
	}
	r->is_answered = true;
	r->answer = response;
	r->status = status;
	request_resume(r);
}

void request_answer_text(struct request *r, unsigned status, const char *type, char *text,
			 size_t len)
{
	struct MHD_Response *response = NULL;

	if (text) {
		response = MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_FREE);
		if (!response)
			free(text);
	}
	if (response) {
		MHD_add_response_header(response, "Content-Type", type);
		MHD_add_response_header(response, "Cache-Control", "no-store");
	}
	/* No response: http.c closes the connection, there is no memory to say more. */
	request_answer_response(r, status, response);
}

void request_answer_json_header(struct request *r, unsigned status, json_t *body,
				const char *header, const char *value)
{
	size_t len = json_dumpb(body, NULL, 0, JSON_DUMP);
	char *text = len ? malloc(len + 1) : NULL;
	struct MHD_Response *response = NULL;

	if (text) {
		json_dumpb(body, text, len, JSON_DUMP);
		text[len] = '\n';
		response = MHD_create_response_from_buffer(len + 1, text, MHD_RESPMEM_MUST_FREE);
		if (!response)
			free(text);
	}
	json_decref(body);
	if (response) {
		MHD_add_response_header(response, "Content-Type", "application/json");
		MHD_add_response_header(response, "Cache-Control", "no-store");
		if (header)
			MHD_add_response_header(response, header, value);
	}
	request_answer_response(r, status, response);
}

void request_answer_json(struct request *r, unsigned status, json_t *body)
{
	request_answer_json_header(r, status, body, NULL, NULL);
}

/* Texts quote what is foreign; if one does not after all, it must not cost the answer. */
static json_t *string_or_quoted(const char *text, char *buf, size_t cap)
{
	json_t *s = json_string(text);

	return s ? s : json_string(str_quote(buf, cap, text, strlen(text)));
}

void request_answer_error(struct request *r, const struct err *e)
{
	char path[ERR_PATH_MAX * 2], text[ERR_TEXT_MAX * 2];

	request_answer_json(r, (unsigned)err_code_http(e->code),
			    json_pack("{s:{s:s, s:o, s:o}}", "error", "code",
				      err_code_text(e->code), "path",
				      string_or_quoted(e->path, path, sizeof(path)), "message",
				      string_or_quoted(e->text, text, sizeof(text))));
}

/* --- waiting ---------------------------------------------------------------------------------------------- */

void request_suspend(struct request *r)
{
	if (r->is_suspended)
		return;
	r->is_suspended = true;
	MHD_suspend_connection(r->connection);
}

void request_resume(struct request *r)
{
	if (!r->is_suspended)
		return;
	r->is_suspended = false;
	MHD_resume_connection(r->connection);
}

void request_wait_forget(struct request *r)
{
	list_remove(&r->wait_node);
	loop_timer_stop(&r->wait_timer);
}

void request_wait_end(struct request *r)
{
	void (*done)(struct request *) = r->wait_done;

	request_wait_forget(r);
	r->wait_done = NULL;
	if (done)
		done(r);
}

static void wait_timeout(struct loop_timer *t)
{
	request_wait_end(container_of(t, struct request, wait_timer));
}

void request_wait_operation(struct request *r, struct operation *op, uint64_t seconds,
			    void (*done)(struct request *r))
{
	/* What needs a netd that will not come is not waited for. */
	if (!op || op->is_done || seconds == 0 ||
	    (netd_state(&r->control->netd) == NETD_OFF &&
	     netd_is_awaited(&r->control->netd, op->revision))) {
		done(r);
		return;
	}
	r->wait_done = done;
	list_append(&op->waiters, &r->wait_node);
	loop_timer_start(&r->control->loop, &r->wait_timer, seconds * 1000, wait_timeout);
}
