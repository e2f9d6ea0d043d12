/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Records of zones as people write them: the name within the zone, the type, and the value in presentation form (wire/rdata.h),
 * which is brought into one canonical form, in which equal values are equal strings: as rdata_format() writes it, names folded.
 *
 * Names in values are whole names, with or without a dot at the end: nothing is put behind them, other than in a zone file. They
 * consist of letters, digits, '-' and '_'; only MX and SRV may have the root, "no such service" (RFC 7505, 2782).
 *
 * Pure.
 */
#pragma once

#include "base/err.h"
#include "model/dns.h"

#define RECORD_TEXT_MAX RDATA_TEXT_MAX /* of a value's canonical form, with the NUL */
#define RECORD_SET_MAX	60000 /* characters of all values of a set: it must fit into one message */

/* "CNAME". 0: no type that a zone may hold. Case does not matter. */
enum record_type record_type_find(const char *text);
const char *record_type_text(enum record_type type);

/*
 * Fold a name within the zone: "@" (or nothing) for the zone itself, "*" and "*.a" as wildcards, "a.b". -ERR_INVALID also if it is
 * too long below the domain, or ends in the domain or a dot: it is meant to be whole, then.
 */
int record_name_fold(const char *name, size_t len, const char *domain, char dst[DNS_NAME_MAX + 1],
		     struct err *e) _must_check_;
/* The whole name of one within a zone. "@" is the domain. dst has room for DNS_NAME_MAX + 1. */
char *record_name_full(const char *name, const char *domain, char *dst);

/* Check a value; dst gets its canonical form. 0 or -ERR_INVALID. */
int record_value_canon(enum record_type type, const char *value, size_t len,
		       char dst[RECORD_TEXT_MAX], struct err *e) _must_check_;

/* Is name, folded, below the domain, and not the domain itself? */
bool dns_name_is_below(const char *name, const char *domain);
