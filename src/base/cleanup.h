/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Scope-bound clean-up for descriptors and buffers, by the compiler's cleanup attribute.
 *
 *	_cleanup_close_ int fd = open(...);     closed when fd goes out of scope, if >= 0
 *	_cleanup_free_ char *s = strdup(...);   freed when s goes out of scope
 *
 * take_fd() and take_ptr() move the value out of the variable, so that the scope lets go of it.
 */
#pragma once

#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_close_p(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_free_p(void *p)
{
	free(*(void **)p);
}

#define _cleanup_close_	    __attribute__((cleanup(cleanup_close_p)))
#define _cleanup_free_	    __attribute__((cleanup(cleanup_free_p)))
#define _must_check_	    __attribute__((warn_unused_result))
#define _printf_(fmt, args) __attribute__((format(printf, fmt, args)))

static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#define take_ptr(p)                         \
	({                                  \
		__typeof__(p) taken_ = (p); \
		(p) = NULL;                 \
		taken_;                     \
	})

#define ARRAY_SIZE(a)			(sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
