/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Response-rate limiting, for names that the whole world may ask: who spoofs a victim's address cannot make us flood it. Answers that are
 * alike (source /24 or /56, zone, kind of answer) share a bucket of tokens. When it is empty, every second answer is truncated, so that a
 * real client comes by TCP (slip 2), and the others are not sent.
 *
 * Not for clients that showed a good cookie, nor for TCP: the caller does not ask then.
 *
 * The table has a fixed size and a random key; sets of four buckets, in which the one that was idle longest gives way. So a flood from many
 * sources costs precision, never memory. Pure: the clock is the caller's. One thread.
 */
#pragma once

#include "base/addr.h"
#include "base/siphash.h"

#include <stddef.h>

#define RRL_SLIP 2

enum rrl_verdict { RRL_PASS, RRL_TRUNCATE, RRL_DROP };

struct rrl;

/*
 * rate: answers a second and bucket, at least 1; burst: so many seconds' worth may come at once. sets: rounded up to a power of two. NULL: no
 * memory.
 */
struct rrl *rrl_new(unsigned rate, unsigned burst_s, size_t sets,
		    const uint8_t key[SIPHASH_KEY_BYTES]);
void rrl_free(struct rrl *r); /* NULL is fine */
/* kind: enum dns_kind, or any small number. now_ms never goes back. */
enum rrl_verdict rrl_judge(struct rrl *r, const struct addr *source, uint32_t zone, uint8_t kind,
			   uint64_t now_ms);
