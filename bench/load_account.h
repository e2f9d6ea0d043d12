/* SPDX-License-Identifier: GPL-3.0-or-later */
/* CPU time, so far: of the processes under test, of our own, of the whole machine. What was used in a window is the difference of two. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct account {
	uint64_t watched_ns, server_ns, own_ns, machine_ns, at_ns;
};

/* watched: under test, all threads; server: one of ours, 0 if there is none. Those that are gone count nothing. */
struct account account_now(const uint32_t *watched, size_t n_watched, uint32_t server);
/* Processors kept busy by others. */
double account_foreign(const struct account *begin, const struct account *end);
