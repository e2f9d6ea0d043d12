/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Listeners: taking connections, and not taking them when there is no room. A listener that is paused loses nothing: what
 * arrives waits in the kernel's queue.
 */
#pragma once

#include "gate/worker.h"

/* Takes fd. -ERR_TOO_LARGE past LISTENERS_MAX. */
int listener_add(struct worker *w, int fd, const struct addr *addr, uint16_t port) _must_check_;
void listeners_start(struct worker *w);
void listeners_pause(struct worker *w);
/* Take over an accepted, non-blocking client socket. */
void connection_accept(struct worker *w, int fd, const struct addr *peer, uint16_t port);
