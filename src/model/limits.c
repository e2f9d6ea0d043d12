/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/limits.h"

static const struct {
	uint32_t value[2];
	const char *what;
} limits[LIMIT_COUNT] = {
#define X(name, open, cloud, what) [name] = {{open, cloud}, what},
	LIMITS(X)
#undef X
};

static enum limit_profile current = PROFILE_OPEN;

void limit_profile_set(enum limit_profile profile)
{
	current = profile;
}

uint32_t limit_get(enum limit limit)
{
	return limits[limit].value[current];
}

const char *limit_text(enum limit limit)
{
	return limits[limit].what;
}
