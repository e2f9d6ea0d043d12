/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * HTTP/1.1 by libmicrohttpd, polled from control's loop: one daemon on the API's Unix socket, where the kernel says who calls,
 * and one on the metrics socket, which serves open routes only.
 *
 * A request whose caller has no right to its route is refused before its body is kept. All bodies together are bounded, and
 * so are the connections of one user, so that nobody without rights can keep the others out.
 */
#pragma once

#include "control/control.h"
#include "control/loop.h"

#define HTTP_CONNECTIONS_MAX  512
#define HTTP_CONNECTIONS_USER 128 /* of one user, root and the daemon's starter excepted */
#define HTTP_METRICS_MAX      32
#define HTTP_IDLE_S	      60
#define HTTP_BODIES_BYTES_MAX (384u << 20) /* of all requests under way */
/* A refused body: announced as longer than this, it is not waited for ... */
#define HTTP_MUCH_BYTES (1u << 20)
/* ... and no more than this of it is read and forgotten before the connection is closed. */
#define HTTP_DISCARD_BYTES (32u << 20)

struct MHD_Daemon;
struct control;

struct http {
	const struct control_api *apis; /* borrowed */
	size_t n_apis;
	struct MHD_Daemon *api, *metrics;
	struct source api_source, metrics_source;
	struct list requests;
	struct list clients; /* connections of the API's daemon */
	size_t body_bytes;
};

void http_init(struct http *h, const struct control_api *apis, size_t n_apis);
/* A listening socket, taken if 0. is_api: the Unix socket; else metrics. */
int http_listen(struct control *c, int fd, bool is_api, struct err *e) _must_check_;
/* At the end of each turn of the loop. */
void http_run(struct control *c);
/* How long the loop may wait, -1: as long as it likes. */
int http_wait_ms(const struct http *h);
/* Once a second: who hung up while waiting? */
void http_tick(struct control *c);
/* Control ends: answer who waits with what there is, and give the answers a moment to go out. */
void http_finish(struct control *c);
