/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Domain names in wire form (RFC 1035 section 3.1): labels of 1..63 octets, each after its length, then the root's zero octet;
 * 255 octets at the most. Never compressed here.
 *
 * Names compare without regard to the case of ASCII letters. Who compares many folds both sides first and compares octets:
 * lengths are below 64, so folding a whole name as octets leaves them alone.
 *
 * Pure: no I/O, no allocation.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNAME_MAX      255
#define DNAME_LABEL    63
#define DNAME_LABELS   127  /* without the root */
#define DNAME_TEXT_MAX 1024 /* every octet as \DDD, dots, zero */

/*
 * Text to wire form, case kept. "\." is a dot within a label, "\DDD" an octet (RFC 1035 section 5.1). With an origin (wire form),
 * a name without a dot at its end is below it and "@" is it; without one (NULL) every name is absolute. Returns the length;
 * -ERR_INVALID: empty label, label or name too long, bad escape, white space.
 */
int dname_parse(const char *text, size_t len, const uint8_t *origin, uint8_t dst[DNAME_MAX],
		struct err *e) _must_check_;
/* With a dot at the end. wire must be good. Returns dst. */
char *dname_format(const uint8_t *wire, char dst[DNAME_TEXT_MAX]);

/* Length of the name that begins at p, of which at most `left` octets may be read. 0: it is none, or compressed. */
size_t dname_size(const uint8_t *p, size_t left);
/* Without the root. The name must be good. */
unsigned dname_labels(const uint8_t *wire);
/* Fold to lower case in place. */
void dname_fold(uint8_t *wire, size_t len);
bool dname_is_equal(const uint8_t *a, const uint8_t *b); /* both good; case does not count */
/*
 * The number of octets of name before apex, which ends it at a label; 0 if they are equal. -1: it is not below apex. Both good
 * and folded alike.
 */
int dname_below(const uint8_t *name, size_t len, const uint8_t *apex, size_t apex_len);
