/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "gate/pipes.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

void pipes_init(struct pipes *p, uint32_t max)
{
	*p = (struct pipes){.max = max};
}

static void pipe_close(struct pipes *p, struct pipe *pipe)
{
	close(pipe->rd);
	close(pipe->wr);
	free(pipe);
	p->count--;
}

void pipes_done(struct pipes *p)
{
	while (p->idle) {
		struct pipe *next = p->idle->next;
		pipe_close(p, p->idle);
		p->idle = next;
	}
}

static struct pipe *pipe_open(void)
{
	struct pipe *pipe = calloc(1, sizeof *pipe);
	int fd[2];

	if (!pipe)
		return NULL;
	if (pipe2(fd, O_NONBLOCK | O_CLOEXEC) < 0) {
		free(pipe);
		return NULL;
	}
	/* A pipe of the default size would be slower than the copy that it replaces. */
	if (fcntl(fd[1], F_SETPIPE_SZ, PIPE_BYTES) < PIPE_BYTES) {
		close(fd[0]);
		close(fd[1]);
		free(pipe);
		return NULL;
	}
	pipe->rd = fd[0];
	pipe->wr = fd[1];
	return pipe;
}

struct pipe *pipes_get(struct pipes *p)
{
	struct pipe *pipe = p->idle;

	if (pipe) {
		p->idle = pipe->next;
		return pipe;
	}
	if (p->count >= p->max)
		return NULL;
	pipe = pipe_open();
	if (pipe)
		p->count++;
	return pipe;
}

void pipes_put(struct pipes *p, struct pipe *pipe)
{
	if (!pipe)
		return;
	if (pipe->held) {
		pipe_close(p, pipe);
		return;
	}
	pipe->next = p->idle;
	p->idle = pipe;
}
