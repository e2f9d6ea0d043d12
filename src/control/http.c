/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/http.h"

#include "base/clock.h"
#include "base/log.h"
#include "control/request.h"
#include "control/route.h"
#include "model/document.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define POOL_BYTES   (96u << 10) /* of one connection: header fields, and the window for a body */
#define FINISH_MS    200
#define BODY_CAP_MIN 16384

/* A connection to the API socket. */
struct client {
	struct list node;
	struct peer peer;
	bool is_known;
};

void http_init(struct http *h, const struct control_api *apis, size_t n_apis)
{
	memset(h, 0, sizeof(*h));
	h->apis = apis;
	h->n_apis = n_apis;
	h->api_source.fd = h->metrics_source.fd = -1;
	list_init(&h->requests);
	list_init(&h->clients);
}

/* --- a request's life ------------------------------------------------------------------------------------- */

static void request_refuse(struct request *r, const struct err *e)
{
	r->body_refused = true;
	request_answer_error(r, e);
}

static void refuse_method(struct request *r, const char *allow)
{
	r->body_refused = true;
	request_answer_json_header(r, 405,
				   json_pack("{s:{s:s, s:s, s:s}}", "error", "code",
					     err_code_text(ERR_USAGE), "path", "", "message",
					     "this path does not know that method; see Allow"),
				   "Allow", allow);
}

static int body_length_check(const struct request *r, struct err *e)
{
	const char *text = request_header(r, "Content-Length");

	/* libmicrohttpd has parsed it already and refused what is no number. */
	if (text && strtoull(text, NULL, 10) > DOCUMENT_BYTES_MAX)
		return err_set(e, ERR_TOO_LARGE, NULL, "the request's body is over %u bytes",
			       DOCUMENT_BYTES_MAX);
	return 0;
}

static int request_check(struct request *r, const struct control_route *route, struct err *e)
{
	int err;

	if (r->has_peer) {
		err = authz_check(&r->control->authz, &r->peer, route->right, NULL, e);
		if (err < 0)
			return err;
	}
	err = route_check_query(route, r->connection, e);
	return err < 0 ? err : body_length_check(r, e);
}

static void request_route(struct request *r, const char *url, const char *method)
{
	struct route_search s = {.path = url,
				 .method = strcmp(method, "HEAD") == 0 ? "GET" : method};
	struct err e = {0};

	route_find(r->control->http.apis, r->control->http.n_apis, &s);
	if (s.pattern && !r->has_peer && !(s.found && s.found->open))
		s.pattern = NULL; /* on the metrics socket there is nothing else */
	if (!s.pattern) {
		err_set(&e, ERR_NOT_FOUND, NULL, "there is nothing at this path");
		request_refuse(r, &e);
		return;
	}
	if (!s.found) {
		refuse_method(r, s.allow);
		return;
	}
	if (request_check(r, s.found, &e) < 0) {
		request_refuse(r, &e);
		return;
	}
	r->route = s.found;
	route_take_args(s.pattern, r->path, r->args, REQUEST_ARGS_MAX);
}

static struct request *request_new(struct control *c, struct MHD_Connection *connection,
				   const char *url, const char *method, bool is_api)
{
	struct request *r = calloc(1, sizeof(*r));
	const union MHD_ConnectionInfo *info;
	const struct client *client;
	struct err e = {0};

	if (!r)
		return NULL;
	list_init(&r->node);
	list_init(&r->wait_node);
	loop_timer_init(&r->wait_timer);
	r->control = c;
	r->connection = connection;
	r->path = strdup(url);
	r->has_peer = is_api;
	if (!r->path) {
		free(r);
		return NULL;
	}
	list_append(&c->http.requests, &r->node);
	if (!is_api) {
		request_route(r, url, method);
		return r;
	}
	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	client = info ? info->socket_context : NULL;
	if (client && client->is_known) {
		r->peer = client->peer;
		request_route(r, url, method);
	} else {
		err_set(&e, ERR_FORBIDDEN, NULL, "the kernel does not say who calls");
		request_refuse(r, &e);
	}
	return r;
}

static void request_free(struct request *r)
{
	list_remove(&r->node);
	request_wait_forget(r);
	if (r->state_free)
		r->state_free(r->state);
	if (r->answer)
		MHD_destroy_response(r->answer);
	r->control->http.body_bytes -= r->body_cap;
	free(r->body);
	free(r->path);
	free(r);
}

static void body_drop(struct request *r)
{
	r->control->http.body_bytes -= r->body_cap;
	free(r->body);
	r->body = NULL;
	r->body_len = r->body_cap = 0;
}

static int body_grow(struct request *r, size_t need, struct err *e)
{
	struct http *h = &r->control->http;
	size_t cap = r->body_cap ? r->body_cap : BODY_CAP_MIN;
	char *body;

	if (need > DOCUMENT_BYTES_MAX)
		return err_set(e, ERR_TOO_LARGE, NULL, "the request's body is over %u bytes",
			       DOCUMENT_BYTES_MAX);
	while (cap < need)
		cap *= 2;
	if (cap == r->body_cap)
		return 0;
	if (h->body_bytes - r->body_cap + cap > HTTP_BODIES_BYTES_MAX)
		return err_set(e, ERR_UNAVAILABLE, NULL,
			       "other large requests are under way; try again in a moment");
	body = realloc(r->body, cap);
	if (!body)
		return err_set(e, ERR_NOMEM, NULL, "out of memory");
	h->body_bytes += cap - r->body_cap;
	r->body = body;
	r->body_cap = cap;
	return 0;
}

static enum MHD_Result body_take(struct request *r, const char *data, size_t len)
{
	struct err e = {0};

	if (!r->body_refused && body_grow(r, r->body_len + len, &e) < 0) {
		body_drop(r);
		request_refuse(r, &e);
	}
	if (r->body_refused) {
		r->body_forgotten += len;
		return r->body_forgotten > HTTP_DISCARD_BYTES ? MHD_NO : MHD_YES;
	}
	memcpy(r->body + r->body_len, data, len);
	r->body_len += len;
	return MHD_YES;
}

static enum MHD_Result answer_queue(struct request *r)
{
	enum MHD_Result ret;

	if (!r->answer)
		return MHD_NO;
	ret = MHD_queue_response(r->connection, r->status, r->answer);
	MHD_destroy_response(r->answer);
	r->answer = NULL;
	return ret;
}

/* A refused caller who waits for "100 Continue", or has much to send, is told at once; others when they have sent. */
static bool is_refused_early(const struct request *r)
{
	const char *length = request_header(r, "Content-Length");

	if (!r->body_refused)
		return false;
	return request_header(r, "Expect") ||
	       (length && strtoull(length, NULL, 10) > HTTP_MUCH_BYTES);
}

/* Called with the headers, then for each piece of the body, then at its end, and once more when resumed. */
static enum MHD_Result access_handler(struct control *c, bool is_api,
				      struct MHD_Connection *connection, const char *url,
				      const char *method, const char *data, size_t *len,
				      void **con_cls)
{
	struct request *r = *con_cls;

	if (!r) {
		r = request_new(c, connection, url, method, is_api);
		*con_cls = r;
		if (!r)
			return MHD_NO;
		return is_refused_early(r) ? answer_queue(r) : MHD_YES;
	}
	if (*len) {
		size_t n = *len;

		*len = 0;
		return body_take(r, data, n);
	}
	if (!r->is_handled && r->route && !r->is_answered) {
		r->is_handled = true;
		r->received_ns = clock_mono_ns();
		r->route->handle(r);
	}
	if (r->is_answered)
		return answer_queue(r);
	request_suspend(r);
	return MHD_YES;
}

static enum MHD_Result access_api(void *cls, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *data,
				  size_t *len, void **con_cls)
{
	return access_handler(cls, true, connection, url, method, data, len, con_cls);
}

static enum MHD_Result access_metrics(void *cls, struct MHD_Connection *connection, const char *url,
				      const char *method, const char *version, const char *data,
				      size_t *len, void **con_cls)
{
	return access_handler(cls, false, connection, url, method, data, len, con_cls);
}

static void completed(void *cls, struct MHD_Connection *connection, void **con_cls,
		      enum MHD_RequestTerminationCode toe)
{
	if (*con_cls)
		request_free(*con_cls);
	*con_cls = NULL;
}

/* --- connections ------------------------------------------------------------------------------------------ */

static bool has_too_many(const struct control *c, const struct peer *p)
{
	size_t n = 0;

	if (p->uid == 0 || p->uid == c->authz.start_uid)
		return false;
	list_foreach (it, &c->http.clients) {
		const struct client *client = container_of(it, struct client, node);

		n += client->is_known && client->peer.uid == p->uid;
	}
	return n > HTTP_CONNECTIONS_USER;
}

static void client_begin(struct control *c, struct MHD_Connection *connection, void **context)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct client *client = calloc(1, sizeof(*client));
	struct err e = {0};

	*context = client;
	if (!client)
		return;
	client->is_known = info && peer_get(info->connect_fd, &client->peer, &e) == 0;
	list_append(&c->http.clients, &client->node);
	if (client->is_known && has_too_many(c, &client->peer)) {
		log_event(LOG_WARN, "api.connections", LF_UINT("uid", client->peer.uid));
		shutdown(info->connect_fd, SHUT_RDWR);
	}
}

static void connection_notify(void *cls, struct MHD_Connection *connection, void **context,
			      enum MHD_ConnectionNotificationCode toe)
{
	struct client *client = *context;

	if (toe == MHD_CONNECTION_NOTIFY_STARTED) {
		client_begin(cls, connection, context);
	} else if (client) {
		list_remove(&client->node);
		free(client);
		*context = NULL;
	}
}

_printf_(2, 0) static void log_mhd(void *cls, const char *fmt, va_list args)
{
	char text[256];

	vsnprintf(text, sizeof(text), fmt, args);
	text[strcspn(text, "\r\n")] = '\0';
	log_event(LOG_DEBUG, "api.http", LF_STR("message", text));
}

/* A zero byte would end the name for us and not for whoever looks at the request: it stays "%00", which no name has. */
static size_t unescape(void *cls, struct MHD_Connection *connection, char *s)
{
	return strstr(s, "%00") ? strlen(s) : MHD_http_unescape(s);
}

/* --- daemons ---------------------------------------------------------------------------------------------- */

static void daemon_ready(struct source *s, uint32_t events)
{
	/* http_run() is called at the end of each turn. */
}

static struct MHD_Daemon *daemon_start(struct control *c, int fd, bool is_api)
{
	unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
	unsigned max = is_api ? HTTP_CONNECTIONS_MAX : HTTP_METRICS_MAX;
	struct MHD_OptionItem options[] = {
		{MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)connection_notify, c},
		{MHD_OPTION_END, 0, NULL},
	};

	if (!is_api)
		options[0].option = MHD_OPTION_END;
	return MHD_start_daemon(
		flags, 0, NULL, NULL, is_api ? access_api : access_metrics, c,
		MHD_OPTION_EXTERNAL_LOGGER, log_mhd, NULL, MHD_OPTION_UNESCAPE_CALLBACK, unescape,
		NULL, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, max,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)HTTP_IDLE_S,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL_BYTES, MHD_OPTION_NOTIFY_COMPLETED,
		completed, NULL, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
}

int http_listen(struct control *c, int fd, bool is_api, struct err *e)
{
	struct http *h = &c->http;
	struct source *source = is_api ? &h->api_source : &h->metrics_source;
	const union MHD_DaemonInfo *info;
	struct MHD_Daemon *d;

	if (is_api ? h->api != NULL : h->metrics != NULL)
		return err_set(e, ERR_INVALID, NULL, "there is such a listener already");
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	d = daemon_start(c, fd, is_api);
	if (!d)
		return err_set(e, ERR_INTERNAL, NULL, "libmicrohttpd does not start: %s",
			       strerror(errno));
	if (is_api)
		h->api = d;
	else
		h->metrics = d;
	info = MHD_get_daemon_info(d, MHD_DAEMON_INFO_EPOLL_FD);
	return loop_add(&c->loop, source, info->epoll_fd, EPOLLIN, daemon_ready, e);
}

void http_run(struct control *c)
{
	if (c->http.api)
		MHD_run(c->http.api);
	if (c->http.metrics)
		MHD_run(c->http.metrics);
}

int http_wait_ms(const struct http *h)
{
	struct MHD_Daemon *const daemons[] = {h->api, h->metrics};
	unsigned long long ms, least = 60000;

	for (size_t i = 0; i < ARRAY_SIZE(daemons); i++)
		if (daemons[i] && MHD_get_timeout(daemons[i], &ms) == MHD_YES && ms < least)
			least = ms;
	return (int)least;
}

/* libmicrohttpd does not watch connections that rest. */
void http_tick(struct control *c)
{
	list_foreach (it, &c->http.requests) {
		struct request *r = container_of(it, struct request, node);
		const union MHD_ConnectionInfo *info;
		struct pollfd p = {.events = 0};

		if (!r->is_suspended)
			continue;
		info = MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
		p.fd = info->connect_fd;
		if (poll(&p, 1, 0) != 1 || !(p.revents & (POLLHUP | POLLERR)))
			continue;
		r->is_gone = true;
		if (r->wait_done)
			request_wait_end(r);
		else if (r->is_answered)
			request_resume(r); /* a stream */
	}
}

void http_finish(struct control *c)
{
	uint64_t until = clock_mono_ms() + FINISH_MS;

	list_foreach (it, &c->http.requests) {
		struct request *r = container_of(it, struct request, node);

		if (r->wait_done)
			request_wait_end(r);
		else
			request_resume(r);
	}
	while (!list_is_empty(&c->http.requests) && clock_mono_ms() < until) {
		http_run(c);
		loop_run_once(&c->loop, 5);
	}
}
