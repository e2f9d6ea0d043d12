/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A SQLite VFS that fails on demand, between SQLite and the real one. Everything that changes a file (write, sync, truncate,
 * delete) counts as one step; the step after `countdown` further ones fails.
 *
 *	FAULT_ONCE     that step fails, the later ones work: a full disk that was cleaned up, a glitch
 *	FAULT_TORN     the same, but half of a write gets through
 *	FAULT_DEAD     that step and all after it fail: the disk is gone
 *
 * It also remembers what each file held when it was last synced, so that faulty_power_loss() can take away all the rest.
 * Register it as the default with faulty_install(); NULL-named opens then go through it. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum fault_mode { FAULT_ONCE, FAULT_TORN, FAULT_DEAD };

void faulty_install(void);

/* Let `countdown` steps pass, then fail with SQLite's error code. A negative countdown: never. */
void faulty_arm(long countdown, enum fault_mode mode, int code);
bool faulty_has_struck(void);

/* Put every file back to what it was at its last sync; the files must be closed. */
void faulty_power_loss(void);
/* Forget the images: the next scenario has other files. */
void faulty_forget(void);
