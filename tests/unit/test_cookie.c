/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Server cookies: the vectors of RFC 9018 appendix A, libknot's own, life, secrets, and what is forged. */
#include "dns/cookie.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <libknot/libknot.h>

static const uint8_t secret[16] = {0xe5, 0xe9, 0x73, 0xe5, 0xa6, 0xb2, 0xa4, 0x3f,
				   0x48, 0xe7, 0xdc, 0x84, 0x9e, 0x37, 0xbf, 0xcf};
static const uint8_t client[8] = {0x24, 0x64, 0xc4, 0xab, 0xcf, 0x10, 0xc9, 0x57};

static void test_vectors(void **state)
{
	static const uint8_t want[16] = {0x01, 0x00, 0x00, 0x00, 0x5c, 0xf7, 0x9f, 0x11,
					 0x1f, 0x81, 0x30, 0xc3, 0xee, 0xe2, 0x94, 0x80};
	const struct addr a = addr_v4(0xc6336464); /* 198.51.100.100 */
	uint8_t got[16];

	cookie_make(secret, client, &a, 1559731985, got);
	assert_memory_equal(got, want, 16);
}

/* Another implementation makes the same cookie, for both families. */
static void test_as_libknot(void **state)
{
	static const char *const addrs[] = {"192.0.2.7", "2001:db8::77"};

	for (size_t i = 0; i < ARRAY_SIZE(addrs); i++) {
		struct sockaddr_storage sa;
		knot_edns_cookie_params_t params = {
			.version = 1, .timestamp = 1700000000, .client_addr = &sa};
		knot_edns_cookie_t cc = {.len = 8}, sc;
		struct addr a;
		uint8_t got[16];

		assert_int_equal(addr_parse(addrs[i], &a), 0);
		addr_to_sockaddr(&a, 53, &sa);
		memcpy(params.secret, secret, 16);
		memcpy(cc.data, client, 8);
		assert_int_equal(knot_edns_cookie_server_generate(&sc, &cc, &params), KNOT_EOK);
		cookie_make(secret, client, &a, 1700000000, got);
		assert_int_equal(sc.len, 16);
		assert_memory_equal(sc.data, got, 16);
	}
}

static struct dns_query query_with(const uint8_t server[16])
{
	static struct dns_query q;

	q.cookie_len = 24;
	memcpy(q.cookie, client, 8);
	memcpy(q.cookie + 8, server, 16);
	return q;
}

static void test_life(void **state)
{
	static const struct {
		int64_t age;
		bool good, kept;
	} rows[] = {
		{0, true, true},      {1800, true, true}, {1801, true, false},	{3600, true, false},
		{3601, false, false}, {-300, true, true}, {-301, false, false},
	};
	const struct addr a = addr_v4(0x0a000001), other = addr_v4(0x0a000002);
	const uint32_t now = 5; /* the clock has just wrapped */
	struct dns_cookies c = {0};
	uint8_t server[16], got[16], fresh[16];

	memcpy(c.secret, secret, 16);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cookie_make(secret, client, &a, now - (uint32_t)rows[i].age, server);
		cookie_make(secret, client, &a, now, fresh);
		struct dns_query q = query_with(server);
		assert_int_equal(cookie_judge(&c, &q, &a, now, got), rows[i].good);
		assert_memory_equal(got, rows[i].kept ? server : fresh, 16);
		assert_false(cookie_judge(&c, &q, &other, now, got));
	}
}

static void test_secrets_and_forgeries(void **state)
{
	const struct addr a = addr_v4(0x0a000001);
	struct dns_cookies c = {.has_previous = true};
	uint8_t server[16], fresh[16], got[16];

	memset(c.secret, 7, 16);
	memcpy(c.previous, secret, 16);
	cookie_make(secret, client, &a, 1000, server);
	cookie_make(c.secret, client, &a, 1001, fresh);
	struct dns_query q = query_with(server);
	assert_true(cookie_judge(&c, &q, &a, 1001, got));
	assert_memory_equal(got, fresh, 16); /* good, and replaced by one of the new secret */
	c.has_previous = false;
	assert_false(cookie_judge(&c, &q, &a, 1001, got));
	memcpy(c.secret, secret, 16);
	for (size_t bit = 0; bit < 24 * 8; bit++) {
		q = query_with(server);
		q.cookie[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(cookie_judge(&c, &q, &a, 1001, got));
	}
	q = query_with(server);
	assert_true(cookie_judge(&c, &q, &a, 1001, got));
	q.cookie_len = 23;
	assert_false(cookie_judge(&c, &q, &a, 1001, got));
	q.cookie_len = 8;
	assert_false(cookie_judge(&c, &q, &a, 1001, got));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_as_libknot),
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_secrets_and_forgeries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
