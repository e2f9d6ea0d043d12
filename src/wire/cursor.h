/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A bounded reader over bytes with a sticky error: reading past the end sets `bad`, and every later read gives 0. A parser
 * reads on in a straight line and asks once, at the end, whether all went well.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cursor {
	const uint8_t *p, *end; /* borrowed */
	bool bad;
};

static inline struct cursor cursor_of(const void *p, size_t len)
{
	return (struct cursor){.p = p, .end = (const uint8_t *)p + len};
}

static inline size_t cursor_left(const struct cursor *c)
{
	return (size_t)(c->end - c->p);
}

/* n bytes, or NULL and bad. */
static inline const uint8_t *cursor_take(struct cursor *c, size_t n)
{
	const uint8_t *p = c->p;

	if (c->bad || n > cursor_left(c)) {
		c->bad = true;
		return NULL;
	}
	c->p += n;
	return p;
}

static inline uint8_t cursor_u8(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 1);

	return p ? p[0] : 0;
}

static inline uint16_t cursor_be16(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 2);

	return p ? (uint16_t)(p[0] << 8 | p[1]) : 0;
}

static inline uint32_t cursor_be24(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 3);

	return p ? (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2] : 0;
}

/* A part of n bytes with its own end; the outer cursor stands behind it. */
static inline struct cursor cursor_sub(struct cursor *c, size_t n)
{
	const uint8_t *p = cursor_take(c, n);

	if (!p)
		return (struct cursor){.p = c->end, .end = c->end, .bad = true};
	return cursor_of(p, n);
}
