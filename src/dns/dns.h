/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The name server role. doc/architecture.md says what it is for; worker.h draws its parts. */
#pragma once

#include "proc/options.h"

/* Set up from the parent's messages, enter the sandbox, serve until told to stop or the parent is gone. The exit status. */
int dns_main(const struct options *o, int parent_fd);
