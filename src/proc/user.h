/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Users and groups by name or number, from the system's databases. Parent only, before its sandbox.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

/*
 * A name, or a number, which need not be in the database (its group is then the same number). ret_gid may be NULL.
 * 0 or -ERR_USAGE with a text that names the way out.
 */
int user_find(const char *name, uid_t *ret_uid, gid_t *ret_gid, struct err *e) _must_check_;
int group_find(const char *name, gid_t *ret_gid, struct err *e) _must_check_;
