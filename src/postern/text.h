/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Strings for people: growing buffers, sizes, ages. The CLI is short-lived: out of memory ends it with the exit
 * code of ERR_NOMEM, which is what the must_ functions do; none of them returns NULL.
 */
#pragma once

#include "base/cleanup.h"

#include <stdint.h>
#include <stdio.h>
#include <time.h>

void *must_alloc(size_t size); /* zeroed */
void *must_resize(void *p, size_t size);
char *must_dup(const char *s);
char *must_printf(const char *fmt, ...) _printf_(1, 2);

/* A string that grows. text_open(), write to ->file, then text_take() gives the malloc()ed string. */
struct text {
	FILE *file;
	char *data;
	size_t len;
};
void text_open(struct text *t);
char *text_take(struct text *t);

/*
 * Foreign text made harmless for a terminal: control characters (C0, DEL, C1) and bytes that are not UTF-8 become \xNN, the
 * rest stays. malloc()ed.
 */
char *text_clean(const char *s);
/* Columns that cleaned text takes: code points, which is right for everything but wide and combining characters. */
size_t text_width(const char *s);
/* Bytes of s that make at most `columns` columns. */
size_t text_fit(const char *s, size_t columns);

#define QUANTITY_MAX 32
char *bytes_format(uint64_t bytes, char dst[QUANTITY_MAX]); /* "0", "812 B", "3.4 MiB" */
char *age_format(int64_t seconds, char dst[QUANTITY_MAX]);  /* "42s", "17m", "5h", "12d" */

/* RFC 3339 to seconds since 1970; -1 if it is not. */
int64_t time_parse(const char *rfc3339);
/* Age of an RFC 3339 time, "-" if it is not one. */
char *since_format(const char *rfc3339, char dst[QUANTITY_MAX]);

/* "1 connection", "2 connections": n with the noun, plural by an s. */
char *count_format(long long n, const char *noun, char dst[64]);

/* Standard base64 with padding, malloc()ed. */
char *base64_encode(const void *data, size_t len);
