/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Errors that a person will read: a code that programs act on, the path of the field in the input
 * that caused it, and a sentence that names the rule and the way out.
 *
 * Functions that can fail for a person's sake take a `struct err *` as their last parameter (NULL is
 * allowed: the caller does not care) and return the negative code. The innermost function that knows
 * what went wrong fills it; callers pass it on and do not overwrite it. Each facade maps it once to its
 * own shape; the HTTP status and the CLI's exit code come from the one table in err.c.
 *
 * Any role, any thread; nothing here blocks or allocates.
 */
#pragma once

#include "base/cleanup.h"

#include <stddef.h>

/*      enum               text            HTTP  exit                                      */
#define ERR_CODES(X)                                                                           \
	X(ERR_NONE, "ok", 200, 0)                                                              \
	X(ERR_INTERNAL, "internal", 500, 1) /* our own mistake */                              \
	X(ERR_USAGE, "usage", 400, 2)	    /* the command line or request line */             \
	X(ERR_NOT_FOUND, "not-found", 404, 3)                                                  \
	X(ERR_CONFLICT, "conflict", 409, 4) /* revision moved on, or name taken */             \
	X(ERR_FORBIDDEN, "forbidden", 403, 5)                                                  \
	X(ERR_UNAVAILABLE, "unavailable", 503, 6) /* daemon, store or disk not there */        \
	X(ERR_INVALID, "invalid", 422, 7)	  /* the document breaks a rule */             \
	X(ERR_TIMEOUT, "timeout", 504, 8)	  /* accepted, but not yet enforced */         \
	X(ERR_TOO_LARGE, "too-large", 413, 7)	  /* a named limit was hit */                  \
	X(ERR_UNSUPPORTED, "unsupported", 422, 7) /* known, but not built into this version */ \
	X(ERR_NOMEM, "out-of-memory", 503, 6)

enum err_code {
#define X(e, text, http, exit) e,
	ERR_CODES(X)
#undef X
};

#define ERR_PATH_MAX 160
#define ERR_TEXT_MAX 480

struct err {
	enum err_code code;
	char path[ERR_PATH_MAX]; /* "clusters[2].public.ranges[0]", "" if no field is to blame */
	char text[ERR_TEXT_MAX]; /* one sentence, no newline; foreign strings quoted and escaped */
};

/* Fill *e (if not NULL) and return -code, so that `return err_set(...)` reads well. path may be NULL. */
int err_set(struct err *e, enum err_code code, const char *path, const char *fmt, ...)
	_printf_(4, 5);

/* Put "prefix" in front of e->path: "ranges[0]" under "public" becomes "public.ranges[0]". */
void err_under(struct err *e, const char *prefix);

const char *err_code_text(enum err_code code);
enum err_code err_code_from_text(const char *text); /* ERR_INTERNAL if unknown */
int err_code_http(enum err_code code);
int err_code_exit(enum err_code code);

/*
 * Write a foreign string into dst for a message or log line: printable ASCII as it is, everything else as
 * \xNN, cut with "..." at cap. Always terminated. Returns dst.
 */
char *str_quote(char *dst, size_t cap, const char *src, size_t len);
