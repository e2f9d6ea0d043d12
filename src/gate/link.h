/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The gate's links to control and parent: what each message makes it do. */
#pragma once

#include "gate/worker.h"

/* Take over the link to control; an older one is closed. Says hello. */
void link_control(struct worker *w, int fd);
int link_parent(struct worker *w, int fd) _must_check_;
/* Take the parent's messages again, if they wait for descriptors. */
void link_resume(struct worker *w);
