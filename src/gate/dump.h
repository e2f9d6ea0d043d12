/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writing what the gate holds into a memfd that control gave: its connections, or its clusters. */
#pragma once

#include "gate/worker.h"
#include "proc/msg.h"

/* fd is borrowed. 0 or a positive errno; *ret_records is how many were written. */
int dump_write(struct worker *w, enum dump_kind kind, int fd, uint64_t *ret_records);
