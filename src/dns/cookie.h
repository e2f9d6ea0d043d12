/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Server cookies (RFC 7873, RFC 9018): 16 octets that only we can have made, for this client and its address, not long ago. A client that
 * shows a good one is not spoofed. All processes, and other servers at the same address, share the secrets.
 *
 *	0 version 1   1 zero, 3 octets   4 time, seconds, u32   8 SipHash-2-4 of client cookie, 0..7 and the address
 *
 * Pure: the time is the caller's.
 */
#pragma once

#include "base/addr.h"
#include "base/siphash.h"
#include "dns/query.h"

#define COOKIE_SERVER_BYTES 16
#define COOKIE_LIFE_S	    3600
#define COOKIE_AHEAD_S	    300	 /* a clock of another server may be so far before ours */
#define COOKIE_RENEW_S	    1800 /* older good ones are replaced, younger ones given back */

struct dns_cookies {
	uint8_t secret[SIPHASH_KEY_BYTES];
	uint8_t previous[SIPHASH_KEY_BYTES]; /* still accepted */
	bool has_previous;
};

void cookie_make(const uint8_t secret[SIPHASH_KEY_BYTES], const uint8_t client[DNS_COOKIE_CLIENT],
		 const struct addr *addr, uint32_t now_s, uint8_t dst[COOKIE_SERVER_BYTES]);
/*
 * Judge the cookie of a query (q->cookie_len > 0) and write the server cookie that the answer carries: the same, or a new one. True: the
 * client's was good.
 */
bool cookie_judge(const struct dns_cookies *c, const struct dns_query *q, const struct addr *addr,
		  uint32_t now_s, uint8_t dst[COOKIE_SERVER_BYTES]);
