/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keeping store and tables open and in step: at start, after each change, and once a second for as long as something is
 * not as it should be. The data plane goes on from the tables it has meanwhile.
 *
 *	cold start        tables are made anew from the store (they may be from before a crash of the machine)
 *	warm start        tables are brought up to the store's revision; if they cannot be read they are made anew and
 *	                  all gates are ended, so that they open the new ones
 *	store not there   tables stay as they are
 */
#pragma once

#include "compile/compile.h"
#include "control/control_int.h"

/* Once, in the sandbox. Afterwards c->is_ready says if there are tables for the gates to begin with. */
void tables_keep_start(struct control *c);
/* Once a second. */
void tables_keep_tick(struct control *c);
/*
 * A revision has been committed to the store: bring it to the tables and ring the bell. A failure is logged and mended
 * by the tick. changes: what it changed, n of them.
 */
void tables_keep_change(struct control *c, const struct compile_change *changes, size_t n,
			uint64_t revision);
