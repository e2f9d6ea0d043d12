/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The way from an admitted connection to an upstream: pick one, connect, send what the client sent, wait for the first byte of
 * an answer; on failure or silence the next one. Nothing of the client is read meanwhile, so that all of it is still there
 * for the next try.
 */
#pragma once

#include "gate/worker.h"

/* Begin with the best upstream not tried yet; refuse the connection if there is none. */
void upstream_try(struct worker *w, struct connection *c);
/* The one under way failed, or was silent too long. */
void upstream_next(struct worker *w, struct connection *c);
void upstream_connected(struct worker *w, struct connection *c);
void upstream_answer(struct worker *w, struct connection *c, uint32_t events);
/* The connection has lived long enough to be worth TCP keepalive on the upstream's side. */
void upstream_settle(struct worker *w, struct connection *c);
/* Stop counting c as its upstream's. */
void upstream_leave(struct worker *w, struct connection *c);
