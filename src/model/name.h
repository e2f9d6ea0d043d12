/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names: of objects (RFC 1123 labels) and of servers (DNS names, RFC 1035, with an optional wildcard as first label). */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define OBJECT_NAME_MAX 63
#define DNS_NAME_MAX	253

/* 1..63 of a-z, 0-9 and '-', beginning and ending with a letter or digit. */
int object_name_check(const char *name, size_t len, struct err *e) _must_check_;
/*
 * Fold to lower case and drop one trailing dot into dst. Labels of 1..63 letters, digits, '-' and '_' (not at the ends), at most 253
 * bytes, no IP address. wildcard: "*." may come first.
 */
int dns_name_fold(const char *name, size_t len, bool wildcard, char dst[DNS_NAME_MAX + 1],
		  struct err *e) _must_check_;
