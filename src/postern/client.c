/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postern/client.h"

#include "postern/fields.h"
#include "postern/text.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>
#include <sys/un.h>

#define ANSWER_TIMEOUT_S 30 /* beyond request.wait_s */
#define LINE_BYTES_MAX	 (1u << 20)

/* One exchange. Body bytes are collected, or given out line by line while the status is 200. */
struct exchange {
	CURL *curl;
	struct curl_slist *headers;
	char *data;
	size_t len, cap, max;
	char etag[40];
	client_line_fn *cb;
	void *arg;
	int stopped;
	bool overflow;
	char why[CURL_ERROR_SIZE];
};

void answer_done(struct answer *a)
{
	json_decref(a->json);
	*a = (struct answer){0};
}

static bool body_grow(struct exchange *x, size_t n)
{
	if (n > x->max - x->len) {
		x->overflow = true;
		return false;
	}
	if (x->len + n + 1 > x->cap) {
		x->cap = (x->len + n + 1) * 2;
		x->data = must_resize(x->data, x->cap);
	}
	return true;
}

/* Hand out the complete lines in the buffer and keep the rest. */
static bool lines_give(struct exchange *x)
{
	char *start = x->data, *end = x->data + x->len, *nl;

	while (!x->stopped && (nl = memchr(start, '\n', (size_t)(end - start)))) {
		*nl = '\0';
		x->stopped = x->cb(start, (size_t)(nl - start), x->arg);
		start = nl + 1;
	}
	x->len = (size_t)(end - start);
	memmove(x->data, start, x->len);
	return !x->stopped;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;
	long status = 0;

	if (!body_grow(x, n))
		return 0;
	memcpy(x->data + x->len, data, n);
	x->len += n;
	curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &status);
	if (x->cb && status == 200 && !lines_give(x))
		return 0;
	return n;
}

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;
	static const char name[] = "etag:";
	const char *start, *end;

	if (n <= sizeof name || strncasecmp(data, name, sizeof name - 1) != 0)
		return n;
	start = memchr(data, '"', n);
	end = start ? memchr(start + 1, '"', n - (size_t)(start + 1 - data)) : NULL;
	if (end && (size_t)(end - start - 1) < sizeof x->etag)
		snprintf(x->etag, sizeof x->etag, "%.*s", (int)(end - start - 1), start + 1);
	return n;
}

static void header_add(struct exchange *x, const char *name, const char *value)
{
	_cleanup_free_ char *line = must_printf(value ? "%s: %s" : "%s:", name, value);

	x->headers = curl_slist_append(x->headers, line);
}

static void exchange_done(struct exchange *x)
{
	curl_slist_free_all(x->headers);
	if (x->curl)
		curl_easy_cleanup(x->curl);
	free(x->data);
}

static int exchange_init(struct exchange *x, const struct client *c, const struct request *r,
			 struct err *e)
{
	_cleanup_free_ char *url = must_printf("http://localhost%s", r->target);

	if (strlen(c->socket_path) >= sizeof((struct sockaddr_un *)0)->sun_path)
		return err_set(e, ERR_USAGE, "--socket",
			       "the path is longer than a Unix socket's may be; use a shorter one");
	x->curl = curl_easy_init();
	if (!x->curl)
		return err_set(e, ERR_NOMEM, NULL, "out of memory");
	if (r->content_type)
		header_add(x, "Content-Type", r->content_type);
	if (r->if_match) {
		_cleanup_free_ char *quoted = must_printf("\"%s\"", r->if_match);

		header_add(x, "If-Match", quoted);
	}
	header_add(x, "Expect", NULL); /* the body is wanted at once, however long */
	curl_easy_setopt(x->curl, CURLOPT_URL, url);
	curl_easy_setopt(x->curl, CURLOPT_UNIX_SOCKET_PATH, c->socket_path);
	curl_easy_setopt(x->curl, CURLOPT_PROXY, "");
	curl_easy_setopt(x->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(x->curl, CURLOPT_USERAGENT, "postern/" POSTERN_VERSION);
	curl_easy_setopt(x->curl, CURLOPT_ERRORBUFFER, x->why);
	curl_easy_setopt(x->curl, CURLOPT_HTTPHEADER, x->headers);
	curl_easy_setopt(x->curl, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(x->curl, CURLOPT_HEADERDATA, x);
	curl_easy_setopt(x->curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(x->curl, CURLOPT_WRITEDATA, x);
	if (r->content_type) {
		curl_easy_setopt(x->curl, CURLOPT_POSTFIELDS, r->body);
		curl_easy_setopt(x->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_len);
	}
	curl_easy_setopt(x->curl, CURLOPT_CUSTOMREQUEST, r->method);
	if (!x->cb)
		curl_easy_setopt(x->curl, CURLOPT_TIMEOUT_MS,
				 (long)((r->wait_s + ANSWER_TIMEOUT_S) * 1000));
	return 0;
}

static int unreachable(const char *socket_path, int error, struct err *e)
{
	if (error == EACCES || error == EPERM)
		return err_set(
			e, ERR_FORBIDDEN, socket_path,
			"permission denied; run as a user that the daemon admits, or have yours "
			"admitted: posternd --access user:NAME=change|view");
	return err_set(
		e, ERR_UNAVAILABLE, socket_path,
		"cannot reach the daemon (%s); start it (systemctl start posternd), or name its "
		"socket with --socket PATH or POSTERN_SOCKET",
		error ? strerror(error) : "no answer");
}

/* Nothing usable came: say what happened and, for a change, that it may have been made all the same. */
static int broken_off(const struct client *c, const struct exchange *x, const struct request *r,
		      CURLcode code, struct err *e)
{
	bool changes = strcmp(r->method, "GET") != 0;
	long error = 0;

	if (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST) {
		curl_easy_getinfo(x->curl, CURLINFO_OS_ERRNO, &error);
		return unreachable(c->socket_path, (int)error, e);
	}
	if (x->overflow)
		return err_set(e, ERR_TOO_LARGE, c->socket_path,
			       "the answer is larger than %zu bytes", x->max);
	return err_set(e, ERR_UNAVAILABLE, c->socket_path, "%s%s",
		       code == CURLE_OPERATION_TIMEDOUT ? "the daemon did not answer in time"
		       : *x->why			? x->why
							: curl_easy_strerror(code),
		       changes ? "; the change may have been accepted all the same: look with "
				 "\"postern history\""
			       : "; look at it with \"postern status\"");
}

static enum err_code code_from_http(long status)
{
#define X(code, text, http, exit) \
	if (status == (http))     \
		return code;
	ERR_CODES(X)
#undef X
	return ERR_INTERNAL;
}

/* The API's error body, or its lack, as an err. */
static int refused(long status, const json_t *json, struct err *e)
{
	const char *code = field_text(json, "error.code", NULL);
	const char *path = field_text(json, "error.path", "");
	const char *message = field_text(json, "error.message", NULL);

	if (!message)
		return err_set(e, code_from_http(status), NULL,
			       "the daemon answered HTTP %ld without saying why", status);
	return err_set(e, code ? err_code_from_text(code) : code_from_http(status), path, "%s",
		       message);
}

static int exchange_run(const struct client *c, const struct request *r, struct exchange *x,
			long *ret_status, struct err *e)
{
	CURLcode code;
	int rc = exchange_init(x, c, r, e);

	if (rc < 0)
		return rc;
	code = curl_easy_perform(x->curl);
	if (x->stopped)
		return 0;
	if (code != CURLE_OK)
		return broken_off(c, x, r, code, e);
	curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, ret_status);
	return 0;
}

int client_call(const struct client *c, const struct request *r, struct answer *ret_answer,
		struct err *e)
{
	struct exchange x = {.max = ANSWER_BYTES_MAX};
	json_t *json = NULL;
	json_error_t why;
	long status = 0;
	int rc = exchange_run(c, r, &x, &status, e);

	if (rc < 0)
		goto out;
	json = json_loadb(x.data ? x.data : "", x.len, 0, &why);
	if (status >= 300 || status < 200) {
		rc = refused(status, json, e);
		goto out;
	}
	if (!json) {
		rc = err_set(e, ERR_INTERNAL, c->socket_path,
			     "the answer (HTTP %ld) is not JSON; is this the socket of posternd?",
			     status);
		goto out;
	}
	*ret_answer = (struct answer){.status = status, .json = take_ptr(json)};
	snprintf(ret_answer->etag, sizeof ret_answer->etag, "%s", x.etag);
	rc = 0;
out:
	json_decref(json);
	exchange_done(&x);
	return rc;
}

int client_get(const struct client *c, const char *target, struct answer *ret_answer, struct err *e)
{
	return client_call(c, &(struct request){.method = "GET", .target = target}, ret_answer, e);
}

int client_lines(const struct client *c, const char *target, client_line_fn *cb, void *arg,
		 struct err *e)
{
	struct exchange x = {.max = LINE_BYTES_MAX, .cb = cb, .arg = arg};
	struct request r = {.method = "GET", .target = target};
	json_t *json = NULL;
	long status = 0;
	int rc = exchange_run(c, &r, &x, &status, e);

	if (rc == 0 && x.stopped) {
		rc = x.stopped;
	} else if (rc == 0 && status != 200) {
		json = json_loadb(x.data ? x.data : "", x.len, 0, NULL);
		rc = refused(status, json, e);
	} else if (rc == 0 && x.len) {
		x.data[x.len] = '\0'; /* a last line without its newline */
		rc = cb(x.data, x.len, arg);
	}
	json_decref(json);
	exchange_done(&x);
	return rc;
}

static void append_encoded(FILE *f, const char *s)
{
	for (; *s; s++) {
		unsigned char ch = (unsigned char)*s;

		if ((ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'z') ||
		    (ch >= 'A' && ch <= 'Z') || strchr("-._~", ch))
			fputc(ch, f);
		else
			fprintf(f, "%%%02X", ch);
	}
}

void target_init(struct target *t, const char *path)
{
	*t = (struct target){.text = must_dup(path)};
}

static void target_append(struct target *t, const char *before, const char *key, const char *value)
{
	struct text grown;

	text_open(&grown);
	fprintf(grown.file, "%s%s%s", t->text, before, key);
	append_encoded(grown.file, value);
	free(t->text);
	t->text = text_take(&grown);
}

void target_segment(struct target *t, const char *segment)
{
	target_append(t, "/", "", segment);
}

void target_query(struct target *t, const char *key, const char *value)
{
	_cleanup_free_ char *key_is = NULL;

	if (!value)
		return;
	key_is = must_printf("%s=", key);
	target_append(t, t->has_query ? "&" : "?", key_is, value);
	t->has_query = true;
}

void target_done(struct target *t)
{
	free(t->text);
	*t = (struct target){0};
}
