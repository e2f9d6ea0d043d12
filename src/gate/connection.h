/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One client connection, from accept to close. worker.h draws its states; relay.h moves its bytes once it is open.
 *
 * Two ways to end one: closing (what is in flight has been delivered; the peers see FIN) and reset (the peers see RST at
 * once). What ends abnormally on one side is reset on the other, so that nobody takes a broken stream for a complete one.
 */
#pragma once

#include "gate/worker.h"

/* A new one around an accepted socket, which it takes. NULL if out of memory: the socket has been closed. */
struct connection *connection_new(struct worker *w, int fd, const struct addr *peer, uint16_t port);

/* The client has sent something, or its socket changed, before there was a judgement. */
void connection_hello(struct worker *w, struct connection *c);
/* Events on either side. */
void connection_client_ready(struct worker *w, struct connection *c, uint32_t events);
void connection_upstream_ready(struct worker *w, struct connection *c, uint32_t events);
void connection_timer(struct worker *w, struct connection *c);

void connection_refuse(struct worker *w, struct connection *c, enum gate_reason reason,
		       const char *name, size_t name_len);
void connection_close(struct worker *w, struct connection *c);
void connection_reset(struct worker *w, struct connection *c);
/* Forbidden by a change: stop moving bytes now; sweep.c resets it within the next batches. */
void connection_doom(struct worker *w, struct connection *c, enum gate_reason reason);
/* Free what was closed in this batch. */
void connections_reap(struct worker *w);
/* Put into the run queue: it has more to move. */
void connection_queue(struct worker *w, struct connection *c);
