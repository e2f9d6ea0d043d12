/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A bounded pool of pipes for splice(2). A pipe is held by one direction of one connection only while bulk data is in
 * flight. The kernel limits pipe memory per user (fs.pipe-user-pages-soft): when a pipe of full size is not to be had, the
 * answer is NULL and the data goes by copy.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define PIPE_BYTES (256 << 10) /* more gains nothing, 64 KiB loses a third: measured */

struct pipe {
	int rd, wr;
	uint32_t held; /* bytes in it */
	struct pipe *next;
};

struct pipes {
	struct pipe *idle;
	uint32_t count, max;
};

void pipes_init(struct pipes *p, uint32_t max);
void pipes_done(
	struct pipes *p); /* idle ones; those in use are their holders' to give back first */
struct pipe *pipes_get(struct pipes *p);
/* Take back. One that still holds bytes is closed: they belonged to a connection that is gone. NULL is fine. */
void pipes_put(struct pipes *p, struct pipe *pipe);
