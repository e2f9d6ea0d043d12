/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/base64.h"

#include <string.h>

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_write(const uint8_t *p, size_t len, char *dst)
{
	char *out = dst;

	for (size_t i = 0; i < len; i += 3) {
		const size_t n = len - i < 3 ? len - i : 3;
		uint32_t bits = 0;

		for (size_t k = 0; k < 3; k++)
			bits = bits << 8 | (k < n ? p[i + k] : 0);
		for (size_t k = 0; k < 4; k++)
			*out++ = k <= n ? letters[bits >> (18 - 6 * k) & 63] : '=';
	}
	*out = '\0';
	return dst;
}

static int letter_value(char c)
{
	const char *at = c ? strchr(letters, c) : NULL;

	return at ? (int)(at - letters) : -1;
}

ssize_t base64_read(const char *text, size_t len, uint8_t *dst, size_t cap)
{
	size_t n = 0, pad = 0;

	if (len % 4 != 0)
		return -1;
	while (pad < 2 && pad < len && text[len - 1 - pad] == '=')
		pad++;
	for (size_t i = 0; i < len; i += 4) {
		const size_t octets = i + 4 == len ? 3 - pad : 3;
		uint32_t bits = 0;

		for (size_t k = 0; k < 4; k++) {
			const int v = k <= octets ? letter_value(text[i + k]) : 0;

			if (v < 0)
				return -1;
			bits = bits << 6 | (uint32_t)v;
		}
		/* Bits that no octet has: another text for the same octets. */
		if (n + octets > cap || (bits & ((1u << 8 * (3 - octets)) - 1)))
			return -1;
		for (size_t k = 0; k < octets; k++)
			dst[n++] = (uint8_t)(bits >> (16 - 8 * k));
	}
	return (ssize_t)n;
}
