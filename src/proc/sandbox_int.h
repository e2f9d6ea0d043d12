/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The two halves of the sandbox that are lists, private to sandbox*.c.
 */
#pragma once

#include "proc/sandbox.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANDBOX_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define SANDBOX_SANITIZER 1
#endif
#endif
#ifndef SANDBOX_SANITIZER
#define SANDBOX_SANITIZER 0
#endif

/* Install the filter of the role's system calls. 0 or -errno. */
int sandbox_calls_enter(enum role r) _must_check_;
/* Confine files, network and scope as far as this kernel can. 0 or -errno; *ret_what says where (static). */
int sandbox_landlock_enter(const struct sandbox *s, const char **ret_what) _must_check_;
