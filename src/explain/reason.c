/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "explain/reason.h"

#include "base/cleanup.h"

#include <stddef.h>

const char *path_reason_text(enum path_reason reason)
{
	static const char *const texts[] = {
#define X(name, text, reached) [name] = (text),
		PATH_REASONS(X)
#undef X
	};

	return (size_t)reason < ARRAY_SIZE(texts) ? texts[reason] : "unknown";
}

bool path_reason_is_reached(enum path_reason reason)
{
	static const bool reached_by[] = {
#define X(name, text, reached) [name] = (reached),
		PATH_REASONS(X)
#undef X
	};

	return (size_t)reason < ARRAY_SIZE(reached_by) && reached_by[reason];
}
