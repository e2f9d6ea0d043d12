/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Base 64, RFC 4648 section 4: with padding, no line ends, no other characters, and one text for the same octets. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define BASE64_TEXT(octets) (((octets) + 2) / 3 * 4 + 1) /* room, with the NUL */

/* Returns dst, which has room for BASE64_TEXT(len). */
char *base64_write(const uint8_t *p, size_t len, char *dst);
/* The number of octets; -1: not base64, or more than cap octets. */
ssize_t base64_read(const char *text, size_t len, uint8_t *dst, size_t cap);
