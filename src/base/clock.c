/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/clock.h"

#include <stdio.h>
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

/*
 * Days since 1970 to a Gregorian date. By hand, because gmtime_r() opens the machine's time zone file, which a sandboxed
 * role may not. Years are counted from March, so that the leap day comes last.
 */
static void date_of(uint64_t days, unsigned *ret_year, unsigned *ret_month, unsigned *ret_day)
{
	const uint64_t era_days = 146097; /* 400 years */
	uint64_t z = days + 719468;	  /* since 0000-03-01 */
	uint64_t era = z / era_days, day_of_era = z % era_days;
	uint64_t year =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	uint64_t day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
	uint64_t month = (5 * day_of_year + 2) / 153; /* 0: March */

	*ret_day = (unsigned)(day_of_year - (153 * month + 2) / 5 + 1);
	*ret_month = (unsigned)(month < 10 ? month + 3 : month - 9);
	*ret_year = (unsigned)(year + era * 400 + (month >= 10));
}

char *clock_format(uint64_t wall_us, char dst[CLOCK_TEXT_MAX])
{
	const uint64_t last = 253402300799; /* 9999-12-31T23:59:59Z: RFC 3339 ends there */
	uint64_t s = wall_us / 1000000u < last ? wall_us / 1000000u : last;
	unsigned year, month, day, of_day = (unsigned)(s % 86400);

	date_of(s / 86400, &year, &month, &day);
	(void)snprintf(dst, CLOCK_TEXT_MAX, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", year % 10000,
		       month % 100, day % 100, of_day / 3600 % 24, of_day / 60 % 60, of_day % 60,
		       (unsigned)(wall_us / 1000u % 1000u));
	return dst;
}
