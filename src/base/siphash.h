/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SipHash (Aumasson, Bernstein 2012), a keyed hash of short inputs: who does not know the key cannot choose inputs that
 * collide, nor forge a value. siphash24() for what a peer must not forge (DNS cookies, RFC 9018), siphash13() for tables
 * whose keys come from strangers.
 *
 * Pure. Any role.
 */
#pragma once

#include <endian.h>
#include <stddef.h>
#include <stdint.h>

#define SIPHASH_KEY_BYTES 16

struct siphash_state {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t siphash_rotl(uint64_t x, int b)
{
	return x << b | x >> (64 - b);
}

static inline uint64_t siphash_load(const void *p)
{
	uint64_t x;

	__builtin_memcpy(&x, p, sizeof(x));
	return le64toh(x);
}

__attribute__((always_inline)) static inline void siphash_rounds(struct siphash_state *s, int n)
{
	for (int i = 0; i < n; i++) {
		s->v0 += s->v1;
		s->v1 = siphash_rotl(s->v1, 13) ^ s->v0;
		s->v0 = siphash_rotl(s->v0, 32);
		s->v2 += s->v3;
		s->v3 = siphash_rotl(s->v3, 16) ^ s->v2;
		s->v0 += s->v3;
		s->v3 = siphash_rotl(s->v3, 21) ^ s->v0;
		s->v2 += s->v1;
		s->v1 = siphash_rotl(s->v1, 17) ^ s->v2;
		s->v2 = siphash_rotl(s->v2, 32);
	}
}

/* c rounds for each word, d at the end. */
__attribute__((always_inline)) static inline uint64_t
siphash_cd(int c, int d, const uint8_t key[SIPHASH_KEY_BYTES], const void *data, size_t len)
{
	const uint64_t k0 = siphash_load(key), k1 = siphash_load(key + 8);
	struct siphash_state s = {k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du,
				  k0 ^ 0x6c7967656e657261u, k1 ^ 0x7465646279746573u};
	const uint8_t *p = data;
	uint64_t last = (uint64_t)len << 56;

	for (; len >= 8; len -= 8, p += 8) {
		const uint64_t word = siphash_load(p);

		s.v3 ^= word;
		siphash_rounds(&s, c);
		s.v0 ^= word;
	}
	for (size_t i = 0; i < len; i++)
		last |= (uint64_t)p[i] << (8 * i);
	s.v3 ^= last;
	siphash_rounds(&s, c);
	s.v0 ^= last;
	s.v2 ^= 0xff;
	siphash_rounds(&s, d);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

static inline uint64_t siphash24(const uint8_t key[SIPHASH_KEY_BYTES], const void *data, size_t len)
{
	return siphash_cd(2, 4, key, data, len);
}

static inline uint64_t siphash13(const uint8_t key[SIPHASH_KEY_BYTES], const void *data, size_t len)
{
	return siphash_cd(1, 3, key, data, len);
}
