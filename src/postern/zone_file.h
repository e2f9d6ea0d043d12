/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Zone files (RFC 1035, 5) to documents of kind zone and back, by libzscanner. Text in, text out: the files are the caller's.
 *
 * Of the SOA only the last number, how long it may be remembered that a name is not there, is taken over: the rest is made by the
 * system, as is the NS "ns" of the domain. $INCLUDE, $GENERATE, classes other than IN, and types that zones do not hold are refused.
 */
#pragma once

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define ZONE_FILE_BYTES_MAX (64u << 20)

/* What a file does not say. */
struct zone_file_head {
	const char *name;
	const char *
		domain; /* what names in the file are below, unless it has an $ORIGIN; everything must be in it */
	bool is_public;
};

/*
 * *ret_document has passed the check of its kind. 0, -ERR_INVALID with "line N" as the path and the reason (also of a rule between
 * lines: the one of the record at fault), -ERR_TOO_LARGE, -ERR_NOMEM.
 */
int zone_file_read(const char *text, size_t len, const struct zone_file_head *head,
		   json_t **ret_document, struct err *e) _must_check_;

/*
 * A file with the same records, that other name servers load: SOA and NS are as the system makes them; a comment tells where this NS has
 * no address, which some want of a primary. document is one that the daemon has; serial: its revision. malloc()ed; NULL if it is no zone
 * after all.
 */
char *zone_file_write(const json_t *document, uint32_t serial);
