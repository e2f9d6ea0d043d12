/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Bringing open connections under a new generation of the tables: judge those of the clusters that changed, stop moving bytes of
 * what is forbidden at once, reset it slice by slice, and acknowledge the generation when the last one is reset.
 */
#pragma once

#include "gate/worker.h"

/* The bell has rung: judge by the newest tables. Must be called without a snapshot held. */
void sweep_begin(struct worker *w);
/* Reset the next slice of what is forbidden; acknowledge when none is left. */
void sweep_cut(struct worker *w);
/* Tell control where we stand, on a new link. */
void sweep_hello(struct worker *w);
