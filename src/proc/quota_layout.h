/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Size of the memory in which the gates count connections per cluster and source together. The parent makes it (one memfd for
 * all gates, kept over their restarts) without knowing what is in it; the layout is the gate's (gate/quota.h).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define QUOTA_SLOTS 262144

/* A slot: 8 bytes, then a 4-byte figure per gate, all rounded up to 8. */
static inline size_t quota_slot_bytes(uint32_t n_gates)
{
	return (8 + 4 * (size_t)n_gates + 7) & ~(size_t)7;
}

static inline size_t quota_bytes(uint32_t n_gates)
{
	return QUOTA_SLOTS * quota_slot_bytes(n_gates);
}
