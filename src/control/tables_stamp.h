/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * By whom the tables were made: a file beside them, which says of what they are besides the store: this boot of the machine (commits are not
 * synced to disk), this build of the program (how it compiles), these options (the listeners' addresses are in names).
 *
 * A daemon that starts and finds its own stamp lets gates and name servers begin by these tables at once, while it reads the store;
 * any other makes them anew first.
 */
#pragma once

#include <stdbool.h>

struct control;

#define TABLES_STAMP_FILE "made-by"

bool tables_stamp_is_ours(const struct control *c);
/* Before the tables are not what the stamp says. */
void tables_stamp_remove(const struct control *c);
/* When they are. A stamp that cannot be written costs the next start its time, nothing else. */
void tables_stamp_write(const struct control *c);
