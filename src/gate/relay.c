/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "gate/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum step {
	STEP_GO,   /* nothing in the way: read on */
	STEP_WAIT, /* blocked on an event */
	STEP_BROKEN,
	STEP_ENDED, /* this direction is over and delivered */
};

static bool would_block(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK;
}

static int leftover_keep(struct side *from, const uint8_t *data, size_t len)
{
	struct leftover *l = malloc(sizeof *l + len);

	if (!l)
		return -ENOMEM;
	l->off = 0;
	l->len = (uint32_t)len;
	memcpy(l->data, data, len);
	from->left = l;
	return 0;
}

int relay_send(struct connection *c, int from, const void *data, size_t len)
{
	struct side *to = &c->side[!from];
	ssize_t n = send(to->fd, data, len, MSG_NOSIGNAL);

	if (n < 0) {
		if (!would_block())
			return -errno;
		n = 0;
	}
	if ((size_t)n == len)
		return 0;
	to->writable = false;
	return leftover_keep(&c->side[from], (const uint8_t *)data + n, len - (size_t)n);
}

/* Deliver what an earlier read left behind, by whichever way it went. */
static enum step flush_leftover(struct side *from, struct side *to)
{
	struct leftover *l = from->left;

	while (l->off < l->len) {
		ssize_t n = send(to->fd, l->data + l->off, l->len - l->off, MSG_NOSIGNAL);
		if (n < 0) {
			if (!would_block())
				return STEP_BROKEN;
			to->writable = false;
			return STEP_WAIT;
		}
		l->off += (uint32_t)n;
	}
	free(l);
	from->left = NULL;
	return STEP_GO;
}

int relay_flush(struct connection *c, int from)
{
	enum step step =
		c->side[from].left ? flush_leftover(&c->side[from], &c->side[!from]) : STEP_GO;

	if (step == STEP_GO)
		return 0;
	return step == STEP_WAIT ? -EAGAIN : -EPIPE;
}

static enum step flush_pipe(struct side *from, struct side *to)
{
	while (from->pipe->held) {
		ssize_t n = splice(from->pipe->rd, NULL, to->fd, NULL, from->pipe->held,
				   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
		if (n < 0) {
			if (!would_block())
				return STEP_BROKEN;
			to->writable = false;
			return STEP_WAIT;
		}
		if (n == 0)
			return STEP_BROKEN; /* a pipe that we filled cannot be empty */
		from->pipe->held -= (uint32_t)n;
	}
	return STEP_GO;
}

static enum step flush(struct side *from, struct side *to)
{
	enum step step = STEP_GO;

	if (!from->left && !(from->pipe && from->pipe->held))
		return STEP_GO;
	if (!to->writable)
		return STEP_WAIT;
	if (from->left)
		step = flush_leftover(from, to);
	if (step == STEP_GO && from->pipe)
		step = flush_pipe(from, to);
	return step;
}

/* From the socket into the pipe. */
static enum step read_splice(struct worker *w, struct side *from, uint64_t *bytes)
{
	ssize_t n = splice(from->fd, NULL, from->pipe->wr, NULL, PIPE_BYTES,
			   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	if (n < 0) {
		if (!would_block())
			return STEP_BROKEN;
		from->readable = READABLE_NO;
		from->bulk = false;
		return STEP_WAIT;
	}
	if (n == 0) {
		from->eof = true;
		return STEP_GO;
	}
	from->pipe->held = (uint32_t)n;
	*bytes += (uint64_t)n;
	count_add(w, GATE_spliced_bytes_total, (uint64_t)n);
	if (n < COPY_BYTES)
		from->bulk = false;
	return STEP_GO;
}

static enum step read_copy(struct worker *w, struct side *from, struct side *to, uint64_t *bytes)
{
	ssize_t n = recv(from->fd, w->buffer, COPY_BYTES, 0);

	if (n < 0) {
		if (!would_block())
			return STEP_BROKEN;
		from->readable = READABLE_NO;
		return STEP_WAIT;
	}
	if (n == 0) {
		from->eof = true;
		return STEP_GO;
	}
	*bytes += (uint64_t)n;
	from->bulk = n == COPY_BYTES;
	/* A short read has emptied the socket, unless an end of stream is still to be read behind it. */
	if (n < COPY_BYTES && from->readable == READABLE_YES)
		from->readable = READABLE_NO;
	ssize_t sent = send(to->fd, w->buffer, (size_t)n, MSG_NOSIGNAL);
	if (sent < 0) {
		if (!would_block())
			return STEP_BROKEN;
		sent = 0;
	}
	if (sent == n)
		return STEP_GO;
	to->writable = false;
	return leftover_keep(from, w->buffer + sent, (size_t)(n - sent)) < 0 ? STEP_BROKEN
									     : STEP_GO;
}

static void pipe_let_go(struct worker *w, struct side *from)
{
	if (from->pipe && !from->pipe->held) {
		pipes_put(&w->pipes, from->pipe);
		from->pipe = NULL;
	}
}

static bool pipe_is_had(struct worker *w, struct side *from)
{
	if (from->pipe)
		return true;
	from->pipe = pipes_get(&w->pipes);
	if (!from->pipe)
		count(w, pipes_unavailable_total);
	return from->pipe;
}

static enum step pass_eof(struct side *to)
{
	if (!to->shut) {
		to->shut = true;
		/* ENOTCONN: the other side is gone already, and its own event says so. */
		if (shutdown(to->fd, SHUT_WR) < 0 && errno != ENOTCONN)
			return STEP_BROKEN;
	}
	return STEP_ENDED;
}

/* One direction: deliver, pass the end on, read, until blocked or out of budget. *more: stopped by the budget. */
static enum step direction_run(struct worker *w, struct connection *c, int s, bool *more)
{
	struct side *from = &c->side[s], *to = &c->side[!s];

	for (int budget = PUMP_BUDGET;; budget--) {
		enum step step = flush(from, to);
		if (step != STEP_GO)
			return step;
		if (from->eof) {
			/* The last end of stream needs no shutdown(): closing says it. */
			if (from->shut && !to->shut)
				to->shut = true;
			return pass_eof(to);
		}
		if (!from->readable || !to->writable)
			return STEP_WAIT;
		if (budget == 0) {
			*more = true;
			return STEP_WAIT;
		}
		if (from->bulk && pipe_is_had(w, from))
			step = read_splice(w, from, &c->bytes[s]);
		else
			step = read_copy(w, from, to, &c->bytes[s]);
		if (step != STEP_GO)
			return step;
	}
}

enum relay_result relay_run(struct worker *w, struct connection *c)
{
	bool more = false;
	enum step step[2];

	for (int s = 0; s < 2; s++) {
		uint64_t before = c->bytes[s];
		step[s] = direction_run(w, c, s, &more);
		pipe_let_go(w, &c->side[s]);
		if (c->bytes[s] != before)
			count_add(w, s ? GATE_bytes_down_total : GATE_bytes_up_total,
				  c->bytes[s] - before);
		if (step[s] == STEP_BROKEN)
			return RELAY_BROKEN;
	}
	if (step[0] == STEP_ENDED && step[1] == STEP_ENDED)
		return RELAY_ENDED;
	return more ? RELAY_MORE : RELAY_IDLE;
}

void relay_done(struct worker *w, struct connection *c)
{
	for (int s = 0; s < 2; s++) {
		pipes_put(&w->pipes, c->side[s].pipe);
		c->side[s].pipe = NULL;
		free(c->side[s].left);
		c->side[s].left = NULL;
	}
}
