/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static uint64_t now_ns(clockid_t id)
{
	struct timespec ts;

	/* Cannot fail: both clocks exist on every Linux, and ts is writable. */
	(void)clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t clock_mono_ns(void)
{
	return now_ns(CLOCK_MONOTONIC);
}

uint64_t clock_mono_ms(void)
{
	return now_ns(CLOCK_MONOTONIC) / 1000000u;
}

uint64_t clock_wall_us(void)
{
	return now_ns(CLOCK_REALTIME) / 1000u;
}

char *clock_format(uint64_t wall_us, char dst[CLOCK_TEXT_MAX])
{
	const time_t last = 253402300799; /* 9999-12-31T23:59:59Z: RFC 3339 ends there */
	uint64_t seconds = wall_us / 1000000u;
	time_t t = seconds < (uint64_t)last ? (time_t)seconds : last;
	unsigned ms = (unsigned)(wall_us / 1000u % 1000u);
	struct tm tm;
	size_t n;

	(void)gmtime_r(&t, &tm);
	n = strftime(dst, CLOCK_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(dst + n, CLOCK_TEXT_MAX - n, ".%03uZ", ms);
	return dst;
}
