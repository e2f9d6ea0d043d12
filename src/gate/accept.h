/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Listeners: taking connections, and not taking them when there is no room. A listener that is paused loses nothing: what
 * arrives waits in the kernel's queue. What is said here of listeners holds for the private addresses (endpoint.h) as well.
 */
#pragma once

#include "gate/worker.h"

/* Takes fd. -ERR_TOO_LARGE past LISTENERS_MAX. */
int listener_add(struct worker *w, int fd, const struct addr *addr, uint16_t port) _must_check_;
void listeners_start(struct worker *w);
void listeners_pause(struct worker *w);
/* Descriptors have run out: pause, and start again a little later. */
void listeners_rest(struct worker *w);
/*
 * Take what waits at a listening socket, a burst of it; endpoint: the private address that it is, NULL if it is public.
 * 0; -EINVAL: it does not listen any more.
 */
int accept_burst(struct worker *w, int fd, struct gate_endpoint *endpoint) _must_check_;
/* Take over an accepted, non-blocking client socket. */
void connection_accept(struct worker *w, int fd, const struct addr *peer, uint16_t port,
		       struct gate_endpoint *endpoint);
