/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Every limit on declared objects, in one table with two profiles: `open`, the default, and `cloud`, as the clouds
 * document them. The table makes the enum, the values and the manual's section.
 */
#pragma once

#include <stdint.h>

/*        name             open      cloud  what */
#define LIMITS(X)                                                                      \
	X(LIMIT_RANGES, 1000000, 200,                                                  \
	  "authorized ranges of one cluster (AKS: 200; EKS: 40, held by its own API)") \
	X(LIMIT_CLUSTERS, 100000, 5000, "clusters")                                    \
	X(LIMIT_UPSTREAMS, 16, 16, "upstreams of one cluster")                         \
	X(LIMIT_NAMES, 64, 64, "server names of one cluster")

enum limit {
#define X(name, open, cloud, what) name,
	LIMITS(X)
#undef X
		LIMIT_COUNT
};

enum limit_profile { PROFILE_OPEN, PROFILE_CLOUD };

void limit_profile_set(enum limit_profile profile); /* once, at start */
uint32_t limit_get(enum limit limit);
const char *limit_text(enum limit limit);
