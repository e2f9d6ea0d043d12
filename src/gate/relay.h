/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Moving bytes between the two sides of an open connection.
 *
 * By copy through the worker's buffer as long as reads are small; a read that fills the buffer turns that direction to
 * splice(2) through a pooled pipe, and a small read turns it back. Back-pressure: a side is read only while the other takes
 * what is read; what it did not take is kept in an exact-size block (copy) or in the pipe (splice), and nothing more is read.
 * End of stream on one side is passed on as shutdown() once everything before it is delivered; the other direction goes on.
 */
#pragma once

#include "gate/worker.h"

enum relay_result {
	RELAY_IDLE,   /* waits for an event */
	RELAY_MORE,   /* budget used up: run again */
	RELAY_ENDED,  /* both directions have ended and are delivered: close */
	RELAY_BROKEN, /* a side failed: reset the other */
};

enum relay_result relay_run(struct worker *w, struct connection *c);
/* Deliver the leftover of direction `from`. 0; -EAGAIN: some is still left; other -errno: the other side failed. */
int relay_flush(struct connection *c, int from) _must_check_;
/* Send bytes that are not the client's (PROXY header) or were kept (ClientHello); what does not fit becomes the leftover of
   direction `from`. 0, or -errno if the other side failed. */
int relay_send(struct connection *c, int from, const void *data, size_t len) _must_check_;
/* Give back pipes and leftovers. */
void relay_done(struct worker *w, struct connection *c);
