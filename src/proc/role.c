/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proc/role.h"

#include <string.h>

static const char *const names[ROLE_COUNT] = {
#define X(e, name) [e] = name,
	ROLES(X)
#undef X
};

const char *role_name(enum role r)
{
	return (unsigned int)r < ROLE_COUNT ? names[r] : "?";
}

int role_find(const char *name)
{
	for (int i = 0; i < ROLE_COUNT; i++)
		if (!strcmp(names[i], name))
			return i;
	return -1;
}
