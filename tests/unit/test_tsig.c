/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TSIG: what is signed here is checked here, and by libknot as a client does; every octet of a message and of its signature counts; old and
 * truncated ones are refused; whatever the bytes, nothing outside of them is read.
 */
#include "wire/tsig.h"

#include "base/cleanup.h"
#include "wire/rdata.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <libdnssec/tsig.h>
#include <libknot/libknot.h>

#define SECRET "0123456789abcdef0123456789abcdef"

static const uint8_t key_name[] = "\3key\7example";

static struct tsig_secret key_of(enum tsig_algorithm a)
{
	return (struct tsig_secret){key_name, a, (const uint8_t *)SECRET, 32};
}

/* A question about example.org SOA. */
static const uint8_t plain[] = {0x12, 0x34, 0,	 0,   0,   1, 0,   0,	0,   0, 0, 0, 7, 'e', 'x',
				'a',  'm',  'p', 'l', 'e', 3, 'o', 'r', 'g', 0, 0, 6, 0, 1};

static size_t signed_query(uint8_t *message, size_t cap, enum tsig_algorithm a)
{
	struct tsig_secret key = key_of(a);
	struct tsig_chain chain;
	size_t len;

	memcpy(message, plain, sizeof(plain));
	tsig_chain_begin(&chain, NULL, NULL);
	len = tsig_sign(message, sizeof(plain), cap, &key, &chain, TSIG_FINE, 0);
	assert_true(len > sizeof(plain) && len <= sizeof(plain) + tsig_size(&key));
	return len;
}

static void test_there_and_back(void **state)
{
	for (enum tsig_algorithm a = 0; a < TSIG_ALGORITHM_COUNT; a++) {
		struct tsig_secret key = key_of(a), other = key;
		uint8_t message[512];
		size_t len = signed_query(message, sizeof(message), a);
		struct tsig t;

		assert_int_equal(tsig_find(message, len, &t), 0);
		assert_int_equal(t.at, sizeof(plain));
		assert_int_equal(t.algorithm, a);
		assert_int_equal(t.name_len, sizeof(key_name));
		assert_memory_equal(t.name, key_name, sizeof(key_name));
		assert_int_equal(tsig_check(message, &t, &key), TSIG_FINE);
		other.secret = (const uint8_t *)"another secret, as long as that.";
		assert_int_equal(tsig_check(message, &t, &other), TSIG_BADSIG);
		other = key;
		other.name = (const uint8_t *)"\3kez\7example";
		assert_int_equal(tsig_check(message, &t, &other), TSIG_BADKEY);
		other = key;
		other.algorithm = (a + 1) % TSIG_ALGORITHM_COUNT;
		assert_int_equal(tsig_check(message, &t, &other), TSIG_BADKEY);
	}
}

static void test_every_octet_counts(void **state)
{
	struct tsig_secret key = key_of(TSIG_HMAC_SHA256);
	uint8_t message[512];
	size_t len = signed_query(message, sizeof(message), TSIG_HMAC_SHA256);
	struct tsig t;

	for (size_t i = 0; i < len; i++) {
		message[i] ^= 1;
		/* The id on the way may be another than the one that was signed. */
		if (i > 1 && tsig_find(message, len, &t) == 0 &&
		    tsig_check(message, &t, &key) == TSIG_FINE)
			fail_msg("octet %zu of %zu", i, len);
		message[i] ^= 1;
	}
	assert_int_equal(tsig_find(message, len, &t), 0);
	assert_int_equal(tsig_check(message, &t, &key), TSIG_FINE);
}

/* Signed by hand, at any time and with as much of the MAC as wanted. */
static size_t query_of(uint8_t *message, int64_t ago, size_t mac_len, const char *owner,
		       uint16_t fudge)
{
	static const uint8_t algorithm[] = "\013hmac-sha256";
	const uint64_t at = (uint64_t)((int64_t)time(NULL) - ago);
	uint8_t timers[8], rest[] = {0, 0, 0, 0}, mac[64];
	uint8_t class_ttl[] = {0, 255, 0, 0, 0, 0};
	dnssec_binary_t secret = {.size = 32, .data = (uint8_t *)(uintptr_t)SECRET};
	dnssec_tsig_ctx_t *ctx;
	uint8_t *p = message + sizeof(plain);

	for (int i = 0; i < 6; i++)
		timers[i] = (uint8_t)(at >> (40 - 8 * i));
	timers[6] = (uint8_t)(fudge >> 8);
	timers[7] = (uint8_t)fudge;
	memcpy(message, plain, sizeof(plain));
	assert_int_equal(dnssec_tsig_new(&ctx, DNSSEC_TSIG_HMAC_SHA256, &secret), 0);
#define ADD(bytes, n)                                                                            \
	assert_int_equal(                                                                        \
		dnssec_tsig_add(ctx, &(dnssec_binary_t){.size = (n),                             \
							.data = (uint8_t *)(uintptr_t)(bytes)}), \
		0)
	ADD(message, sizeof(plain));
	ADD(key_name, sizeof(key_name));
	ADD(class_ttl, 6);
	ADD(algorithm, sizeof(algorithm));
	ADD(timers, 8);
	ADD(rest, 4);
#undef ADD
	assert_int_equal(dnssec_tsig_write(ctx, mac), 0);
	dnssec_tsig_free(ctx);
	message[11] = 1;
	memcpy(p, owner, strlen(owner) + 1);
	p += strlen(owner) + 1;
	*p++ = 0;
	*p++ = 250;
	memcpy(p, class_ttl, 6);
	p += 6;
	*p++ = 0;
	*p++ = (uint8_t)(sizeof(algorithm) + 8 + 2 + mac_len + 6);
	memcpy(p, algorithm, sizeof(algorithm));
	p += sizeof(algorithm);
	memcpy(p, timers, 8);
	p += 8;
	*p++ = 0;
	*p++ = (uint8_t)mac_len;
	memcpy(p, mac, mac_len);
	p += mac_len;
	*p++ = 0x12;
	*p++ = 0x34;
	memset(p, 0, 4);
	return (size_t)(p + 4 - message);
}

static void test_time_and_truncation(void **state)
{
	static const struct {
		int64_t ago;
		size_t mac_len;
		const char *owner;
		uint16_t fudge;
		enum tsig_error error;
	} cases[] = {
		{0, 32, "\3key\7example", 300, TSIG_FINE},
		{0, 32, "\3KEY\7exAMPLE", 300, TSIG_FINE},
		{290, 32, "\3key\7example", 300, TSIG_FINE},
		{-290, 32, "\3key\7example", 300, TSIG_FINE},
		{310, 32, "\3key\7example", 300, TSIG_BADTIME},
		{-310, 32, "\3key\7example", 300, TSIG_BADTIME},
		{86400, 32, "\3key\7example", 300, TSIG_BADTIME},
		{20, 32, "\3key\7example", 10, TSIG_BADTIME},	   /* the client wants it sooner */
		{4000, 32, "\3key\7example", 65535, TSIG_BADTIME}, /* ... or later than we do */
		{0, 31, "\3key\7example", 300, TSIG_BADTRUNC},
		{0, 16, "\3key\7example", 300, TSIG_BADTRUNC},
		{0, 15, "\3key\7example", 300, TSIG_FORMERR},
		{0, 1, "\3key\7example", 300, TSIG_FORMERR},
		{0, 33, "\3key\7example", 300, TSIG_FORMERR},
		{0, 0, "\3key\7example", 300, TSIG_BADSIG},
		{0, 32, "\3kee\7example", 300, TSIG_BADKEY},
	};
	struct tsig_secret key = key_of(TSIG_HMAC_SHA256);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t message[512];
		size_t len = query_of(message, cases[i].ago, cases[i].mac_len, cases[i].owner,
				      cases[i].fudge);
		struct tsig t;

		assert_int_equal(tsig_find(message, len, &t), 0);
		if (tsig_check(message, &t, &key) != cases[i].error)
			fail_msg("case %zu: %d", i, tsig_check(message, &t, &key));
	}
}

/* A proxy that changed the id: the original one, in the TSIG, was signed. */
static void test_original_id(void **state)
{
	struct tsig_secret key = key_of(TSIG_HMAC_SHA256);
	uint8_t message[512];
	size_t len = query_of(message, 0, 32, "\3key\7example", 300);
	struct tsig t;

	message[0] = 0x77;
	assert_int_equal(tsig_find(message, len, &t), 0);
	assert_int_equal(tsig_check(message, &t, &key), TSIG_FINE);
}

/* The client's side of an answer, by libknot. */
static int client_check(uint8_t *wire, size_t len, const uint8_t *mac, size_t mac_len, bool next,
			uint16_t *ret_error)
{
	knot_tsig_key_t key = {DNSSEC_TSIG_HMAC_SHA384,
			       (knot_dname_t *)(uintptr_t)key_name,
			       {.size = 32, .data = (uint8_t *)(uintptr_t)SECRET}};
	knot_pkt_t *pkt = knot_pkt_new(wire, (uint16_t)len, NULL);
	int r = knot_pkt_parse(pkt, 0);

	assert_int_equal(r, 0);
	assert_non_null(pkt->tsig_rr);
	*ret_error = knot_tsig_rdata_error(pkt->tsig_rr);
	r = next ? knot_tsig_client_check_next(pkt->tsig_rr, pkt->wire, pkt->size, mac, mac_len,
					       &key, 0)
		 : knot_tsig_client_check(pkt->tsig_rr, pkt->wire, pkt->size, mac, mac_len, &key,
					  0);
	knot_pkt_free(pkt);
	return r;
}

/* An answer of several messages, each signed. */
static void test_stream(void **state)
{
	struct tsig_secret key = key_of(TSIG_HMAC_SHA384);
	uint8_t request[512], message[512], mac[TSIG_MAC_MAX];
	size_t len = signed_query(request, sizeof(request), TSIG_HMAC_SHA384), mac_len;
	struct tsig_chain chain;
	struct tsig t;
	uint16_t error;

	assert_int_equal(tsig_find(request, len, &t), 0);
	tsig_chain_begin(&chain, request, &t);
	for (int i = 0; i < 3; i++) {
		memcpy(mac, chain.mac, sizeof(mac));
		mac_len = chain.mac_len;
		memcpy(message, plain, sizeof(plain));
		message[2] = 0x84;
		message[3] = (uint8_t)0;
		len = tsig_sign(message, sizeof(plain), sizeof(message), &key, &chain, TSIG_FINE,
				0);
		assert_true(len > 0);
		assert_int_equal(client_check(message, len, mac, mac_len, i > 0, &error), 0);
		assert_int_equal(error, 0);
	}
}

static void test_errors(void **state)
{
	struct tsig_secret key = key_of(TSIG_HMAC_SHA384);
	uint8_t request[512], message[512];
	size_t request_len = signed_query(request, sizeof(request), TSIG_HMAC_SHA384), len;
	struct tsig_chain chain;
	struct tsig t, said;
	uint16_t error;

	assert_int_equal(tsig_find(request, request_len, &t), 0);
	memcpy(message, plain, sizeof(plain));
	message[2] = 0x84;
	message[3] = 9;
	len = tsig_put_error(message, sizeof(plain), sizeof(message), request, &t, TSIG_BADKEY);
	assert_true(len > 0);
	assert_int_equal(tsig_find(message, len, &said), 0);
	assert_int_equal(said.mac_len, 0);
	assert_memory_equal(said.name, key_name, sizeof(key_name));
	assert_int_equal(
		tsig_put_error(message, sizeof(plain), sizeof(plain) + 8, request, &t, TSIG_BADKEY),
		0);
	/* BADTIME is signed, at the time of the client. */
	memcpy(message, plain, sizeof(plain));
	message[2] = 0x84;
	message[3] = 9;
	tsig_chain_begin(&chain, request, &t);
	len = tsig_sign(message, sizeof(plain), sizeof(message), &key, &chain, TSIG_BADTIME,
			t.time_signed);
	assert_true(len > 0);
	assert_int_equal(client_check(message, len, request + t.mac_at, t.mac_len, false, &error),
			 0);
	assert_int_equal(error, TSIG_BADTIME);
	tsig_chain_begin(&chain, request, &t);
	assert_int_equal(
		tsig_sign(message, sizeof(plain), sizeof(plain) + 10, &key, &chain, TSIG_FINE, 0),
		0);
}

static void test_form(void **state)
{
	uint8_t message[600];
	struct tsig t;
	size_t len = query_of(message, 0, 32, "\3key\7example", 300);

	assert_int_equal(tsig_find(plain, sizeof(plain), &t), -ERR_NOT_FOUND);
	assert_int_equal(tsig_find(plain, 5, &t), -ERR_INVALID);
	for (size_t n = 0; n < len; n++)
		assert_int_equal(tsig_find(message, n, &t), -ERR_INVALID);
	message[len] = 0; /* something behind it */
	assert_int_equal(tsig_find(message, len + 1, &t), -ERR_INVALID);
	/* Twice: the first is not the last record. */
	memcpy(message + len, message + sizeof(plain), len - sizeof(plain));
	message[11] = 2;
	assert_int_equal(tsig_find(message, 2 * len - sizeof(plain), &t), -ERR_INVALID);
	/* A name that leads to itself, or ahead. */
	len = query_of(message, 0, 32, "\3key\7example", 300);
	memmove(message + sizeof(plain) + 2, message + sizeof(plain) + 13,
		len - sizeof(plain) - 13);
	message[sizeof(plain)] = 0xc0;
	message[sizeof(plain) + 1] = (uint8_t)sizeof(plain);
	assert_int_equal(tsig_find(message, len - 11, &t), -ERR_INVALID);
	message[sizeof(plain) + 1] = 12; /* the question's */
	assert_int_equal(tsig_find(message, len - 11, &t), 0);
	assert_memory_equal(t.name, "\7example\3org", 13);
}

static void test_any_bytes(void **state)
{
	struct tsig_secret key = key_of(TSIG_HMAC_SHA256);
	unsigned seed = 1;

	for (int i = 0; i < 20000; i++) {
		uint8_t good[512];
		size_t len = query_of(good, 0, 32, "\3key\7example", 300);
		size_t cut = rand_r(&seed) % 4 ? len : rand_r(&seed) % len;
		uint8_t *exact = malloc(cut ? cut : 1);
		struct tsig t;

		for (int k = rand_r(&seed) % 4; k >= 0; k--)
			good[(unsigned)rand_r(&seed) % len] = (uint8_t)rand_r(&seed);
		memcpy(exact, good, cut);
		if (tsig_find(exact, cut, &t) == 0)
			(void)tsig_check(exact, &t, &key);
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_every_octet_counts),
		cmocka_unit_test(test_time_and_truncation),
		cmocka_unit_test(test_original_id),
		cmocka_unit_test(test_stream),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_any_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
