/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The netd role: makes Linux look like the declared networks.
 */
#pragma once

#include "proc/options.h"

/* Runs until told to stop; the role's exit status. parent_fd: link to the parent. */
int netd_main(const struct options *o, int parent_fd);
