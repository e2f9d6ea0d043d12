/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dns/cookie.h"

#include <endian.h>
#include <string.h>

static void hash_put(const uint8_t secret[SIPHASH_KEY_BYTES],
		     const uint8_t client[DNS_COOKIE_CLIENT], const struct addr *addr,
		     uint8_t server[COOKIE_SERVER_BYTES])
{
	uint8_t input[DNS_COOKIE_CLIENT + 8 + 16];
	const uint64_t hi = htobe64(addr->hi), lo = htobe64(addr->lo);
	const uint32_t v4 = htobe32((uint32_t)addr->lo);
	uint64_t hash;
	size_t n = 16;

	memcpy(input, client, DNS_COOKIE_CLIENT);
	memcpy(input + DNS_COOKIE_CLIENT, server, 8);
	if (addr->family == ADDR_V4) {
		memcpy(input + n, &v4, 4);
		n += 4;
	} else {
		memcpy(input + n, &hi, 8);
		memcpy(input + n + 8, &lo, 8);
		n += 16;
	}
	hash = htole64(siphash24(secret, input, n));
	memcpy(server + 8, &hash, 8);
}

void cookie_make(const uint8_t secret[SIPHASH_KEY_BYTES], const uint8_t client[DNS_COOKIE_CLIENT],
		 const struct addr *addr, uint32_t now_s, uint8_t dst[COOKIE_SERVER_BYTES])
{
	const uint32_t time = htobe32(now_s);

	memset(dst, 0, COOKIE_SERVER_BYTES);
	dst[0] = 1;
	memcpy(dst + 4, &time, 4);
	hash_put(secret, client, addr, dst);
}

/* In the time that it takes whatever the octets are. */
static bool is_equal(const uint8_t *a, const uint8_t *b, size_t len)
{
	unsigned differ = 0;

	for (size_t i = 0; i < len; i++)
		differ |= a[i] ^ b[i];
	return differ == 0;
}

static bool is_from(const uint8_t secret[SIPHASH_KEY_BYTES], const struct dns_query *q,
		    const struct addr *addr)
{
	const uint8_t *server = q->cookie + DNS_COOKIE_CLIENT;
	uint8_t want[COOKIE_SERVER_BYTES];

	memcpy(want, server, 8);
	hash_put(secret, q->cookie, addr, want);
	return is_equal(server + 8, want + 8, 8);
}

bool cookie_judge(const struct dns_cookies *c, const struct dns_query *q, const struct addr *addr,
		  uint32_t now_s, uint8_t dst[COOKIE_SERVER_BYTES])
{
	const uint8_t *server = q->cookie + DNS_COOKIE_CLIENT;
	bool is_good = false, is_young = false;
	uint32_t time;
	int32_t age; /* serial number arithmetic, RFC 1982 */

	if (q->cookie_len == DNS_COOKIE_CLIENT + COOKIE_SERVER_BYTES && server[0] == 1) {
		memcpy(&time, server + 4, 4);
		age = (int32_t)(now_s - be32toh(time));
		if (age >= -COOKIE_AHEAD_S && age <= COOKIE_LIFE_S) {
			is_good = is_young = is_from(c->secret, q, addr);
			is_young = is_young && age <= COOKIE_RENEW_S;
			if (!is_good && c->has_previous)
				is_good = is_from(c->previous, q, addr);
		}
	}
	if (is_young)
		memcpy(dst, server, COOKIE_SERVER_BYTES);
	else
		cookie_make(c->secret, q->cookie, addr, now_s, dst);
	return is_good;
}
