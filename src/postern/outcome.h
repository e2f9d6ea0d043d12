/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the daemon answers to a change, for people and as an exit status. */
#pragma once

#include "postern/command.h"

#define EXIT_WOULD_CHANGE 10 /* check --exit-code */

/*
 * Send a change and print its outcome. The target gets force and wait from the options. 0; the exit status of ERR_TIMEOUT:
 * accepted, not yet enforced; -ERR_x.
 */
int change_send(struct cli *c, struct target *t, struct request *r, struct err *e) _must_check_;

/* The lines of a RESULT. Returns the exit status. */
int result_print(struct cli *c, const json_t *result);
/* The diff of a dry run. Returns how many objects would change. */
size_t dry_run_print(struct cli *c, const json_t *result);
/* "enforced in 1.9 ms on 2 gates, 1 connection cut", malloc()ed. */
char *operation_text(struct cli *c, const json_t *op);
bool operation_is_done(const json_t *op);
