/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Time. Everything that waits or measures uses the monotonic clock, so that a jump of the wall clock neither
 * ends nor prolongs anything; the wall clock is only for showing to people.
 */
#pragma once

#include <stdint.h>

uint64_t clock_mono_ns(void);
uint64_t clock_mono_ms(void);
uint64_t clock_wall_us(void); /* microseconds since 1970, UTC */

#define CLOCK_TEXT_MAX 32
/* RFC 3339, UTC, milliseconds: "2026-01-02T03:04:05.678Z". Returns dst. */
char *clock_format(uint64_t wall_us, char dst[CLOCK_TEXT_MAX]);
