/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading of what servers answer, octet by octet: names that lead in circles, lengths that lie, every prefix, random bytes. */
#include "dns/reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ID 0xabcd

static const uint8_t question[] = "\3wWw\4test\0\0\1\0"; /* and the string's own zero, replaced */
static uint8_t asked[sizeof(question)];
static uint8_t message[4096];
static size_t len;
static struct reply r;

static int setup(void **state)
{
	memcpy(asked, question, sizeof(asked));
	asked[sizeof(asked) - 1] = RR_CLASS_IN;
	memset(message, 0, sizeof(message));
	memcpy(message, "\253\315\200\200\0\1", 6);
	memcpy(message + DNS_HEADER_BYTES, asked, sizeof(asked));
	len = DNS_HEADER_BYTES + sizeof(asked);
	return 0;
}

/* From a copy of exactly its length, so that a sanitizer sees a step outside. */
static enum reply_kind read_copy(size_t n, uint8_t **ret_copy)
{
	*ret_copy = malloc(n ? n : 1);
	memcpy(*ret_copy, message, n);
	return reply_read(&r, *ret_copy, n, ID, asked, sizeof(asked));
}

static enum reply_kind reading(void)
{
	uint8_t *copy;
	const enum reply_kind k = read_copy(len, &copy);

	free(copy);
	return k;
}

/* owner: as it is to lie there. */
static void record(enum dns_section section, const void *owner, size_t owner_len, uint16_t type,
		   const void *data, size_t data_len)
{
	uint8_t *p = message + len;

	memcpy(p, owner, owner_len);
	p += owner_len;
	memcpy(p,
	       ((const uint8_t[]){(uint8_t)(type >> 8), (uint8_t)type, 0, 1, 0, 0, 0, 60,
				  (uint8_t)(data_len >> 8), (uint8_t)data_len}),
	       10);
	memcpy(p + 10, data, data_len);
	len += owner_len + 10 + data_len;
	message[7 + 2 * section]++;
}
#define RECORD(section, owner, type, data) \
	record(section, owner, sizeof(owner) - 1, type, data, sizeof(data) - 1)

static void test_kinds(void **state)
{
	assert_int_equal(reading(), REPLY_GOOD);
	message[DNS_HEADER_BYTES + 1] ^= 0x20;
	assert_int_equal(reading(), REPLY_CASE);
	message[DNS_HEADER_BYTES + 1] = '7';
	assert_int_equal(reading(), REPLY_STRANGE);
	setup(NULL);
	message[DNS_HEADER_BYTES] = 4; /* the dot is elsewhere */
	assert_int_equal(reading(), REPLY_STRANGE);
	setup(NULL);
	message[len++] = 0;
	assert_int_equal(reading(), REPLY_MALFORMED);
	setup(NULL);
	message[7] = 1;
	assert_int_equal(reading(), REPLY_MALFORMED);
	/* Truncated: the rest does not count. */
	message[2] |= DNS_TC;
	assert_int_equal(reading(), REPLY_GOOD);
	assert_true(r.is_truncated);
	assert_int_equal(r.n[DNS_ANSWERS], 0);
	setup(NULL);
	message[1] ^= 1;
	assert_int_equal(reading(), REPLY_STRANGE);
}

static void test_rcode(void **state)
{
	static const uint8_t opt[] = {0, 0, RR_OPT, 4, 208, 1, 0, 0, 0, 0, 0};

	message[3] = DNS_NXDOMAIN;
	assert_int_equal(reading(), REPLY_GOOD);
	assert_int_equal(r.rcode, DNS_NXDOMAIN);
	assert_false(r.has_edns);
	memcpy(message + len, opt, sizeof(opt));
	len += sizeof(opt);
	message[11] = 1;
	assert_int_equal(reading(), REPLY_GOOD);
	assert_int_equal(r.rcode, 16 + DNS_NXDOMAIN);
	assert_true(r.has_edns);
	memcpy(message + len, opt, sizeof(opt));
	len += sizeof(opt);
	message[11] = 2;
	assert_int_equal(reading(), REPLY_MALFORMED);
}

/* Names that do not end, lead forward, to themselves, into the header, are too long, or stop at the message's end. */
static void test_names(void **state)
{
	static const struct {
		const char *owner;
		size_t n;
	} bad[] = {
		{"\300\32", 2},	   /* itself: the record begins at 26 */
		{"\1a\300\32", 4}, /* by way of a label */
		{"\300\34", 2},	   /* forward */
		{"\300\0", 2},	   /* the header */
		{"\300\13", 2},	   {"\377\377", 2},
		{"\100a\0", 3}, /* label types that never were */
		{"\200a\0", 3},
	};
	uint8_t long_name[300];

	assert_int_equal(len, 26);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		setup(NULL);
		record(DNS_ANSWERS, bad[i].owner, bad[i].n, RR_A, "\1\2\3\4", 4);
		assert_int_equal(reading(), REPLY_MALFORMED);
		/* The same in data, where names are looked at. */
		setup(NULL);
		record(DNS_ANSWERS, "\300\14", 2, RR_CNAME, bad[i].owner, bad[i].n);
		if (i > 2)
			assert_int_equal(reading(), REPLY_MALFORMED);
	}
	/* Two that lead to each other: the later one leads back, the earlier one forward. */
	setup(NULL);
	RECORD(DNS_ANSWERS, "\300\14", RR_CNAME, "\1a\300\52");
	RECORD(DNS_ANSWERS, "\1b\300\46", RR_A, "\1\2\3\4");
	assert_int_equal(reading(), REPLY_MALFORMED);
	/* 255 octets are a name, 256 are not. */
	for (size_t extra = 0; extra < 2; extra++) {
		size_t n = 0;

		setup(NULL);
		for (; n < 242; n += 2)
			memcpy(long_name + n, "\1a", 2);
		memcpy(long_name + n, extra ? "\3aaa" : "\2aa", 3 + extra);
		n += 3 + extra;
		memcpy(long_name + n, "\300\14", 2); /* 10 octets more */
		record(DNS_ANSWERS, long_name, n + 2, RR_A, "\1\2\3\4", 4);
		assert_int_equal(reading(), extra ? REPLY_MALFORMED : REPLY_GOOD);
	}
	/* A name whose end is only in the message, not in its data. */
	setup(NULL);
	RECORD(DNS_ANSWERS, "\300\14", RR_CNAME, "\1a");
	RECORD(DNS_ANSWERS, "\0", RR_A, "\1\2\3\4");
	assert_int_equal(reading(), REPLY_MALFORMED);
}

static void test_data(void **state)
{
	static const struct {
		uint16_t type;
		const char *data;
		size_t n;
		bool good;
	} data[] = {
		{RR_CNAME, "\300\14", 2, true},
		{RR_CNAME, "\300\14x", 3, false},
		{RR_CNAME, "", 0, false},
		{RR_MX, "\0\1\300\14", 4, true},
		{RR_MX, "\0", 1, false},
		{RR_MX, "\0\1", 2, false},
		{RR_SRV, "\0\1\0\1\0\1\0", 7, true},
		{RR_SRV, "\0\1\0\1\0\1", 6, false},
		{RR_SOA, "\0\0abcdefghijabcdefghij", 22, true},
		{RR_SOA, "\0\0abcdefghijabcdefghi", 21, false},
		{RR_SOA, "\0\0abcdefghijabcdefghijx", 23, false},
		{17, "\300\14\300\14", 4, true},
		{17, "\300\14", 2, false},
		{99, "", 0, true},
		{99, "\300\377", 2, true},
		{RR_A, "\1", 1, true}, /* the client's to judge */
	};

	for (size_t i = 0; i < ARRAY_SIZE(data); i++) {
		setup(NULL);
		record(DNS_ANSWERS, "\300\14", 2, data[i].type, data[i].data, data[i].n);
		assert_int_equal(reading(), data[i].good ? REPLY_GOOD : REPLY_MALFORMED);
	}
	setup(NULL);
	RECORD(DNS_ANSWERS, "\300\14", RR_A, "\1\2\3\4");
	message[len - 5]++; /* one octet more than there is */
	assert_int_equal(reading(), REPLY_MALFORMED);
	setup(NULL);
	RECORD(DNS_ANSWERS, "\0", RR_OPT, "");
	assert_int_equal(reading(), REPLY_MALFORMED);
}

/* --- copying ---------------------------------------------------------------------------------------------------- */

static const uint8_t www[] = "\3www\4test";

static void good(void)
{
	setup(NULL);
	RECORD(DNS_ANSWERS, "\300\14", RR_CNAME, "\1b\300\20");
	RECORD(DNS_ANSWERS, "\1B\4teST\0", RR_A, "\1\2\3\4");
	RECORD(DNS_ANSWERS, "\1B\4teST\0", 46, "\0\1sig");
	RECORD(DNS_AUTHORITIES, "\4test\0", RR_SOA, "\300\14\300\20abcdefghijabcdefghij");
	RECORD(DNS_AUTHORITIES, "\1x\300\20", 47, "\1x\0");
	RECORD(DNS_AUTHORITIES, "\3net\0", 47, "\1x\0");
	RECORD(DNS_ADDITIONALS, "\2ns\300\20", RR_A, "\1\2\3\4");
}

static void test_copy(void **state)
{
	uint8_t out[512], *copy;
	struct reply_copy c = {.out = out, .cap = sizeof(out), .owner = DNS_HEADER_BYTES};
	static const uint8_t b[] = "\1b\4test";
	size_t target, at;

	good();
	assert_int_equal(read_copy(len, &copy), REPLY_GOOD);
	assert_false(reply_put_answers(&r, www, RR_A, false, &c));
	assert_int_equal(c.n, 0);
	target = reply_put_cname(&r, www, false, &c);
	assert_int_equal(target, 12);
	assert_memory_equal(out, "\300\14\0\5\0\1\0\0\0\74\0\10\1b\4test\0", 20);
	assert_int_equal(c.at, 20);
	c.owner = target;
	assert_true(reply_put_answers(&r, b, RR_A, false, &c));
	assert_int_equal(c.n, 2);
	assert_memory_equal(out + 20, "\300\14\0\1\0\1\0\0\0\74\0\4\1\2\3\4", 16);
	assert_true(reply_put_answers(&r, b, RR_A, true, &c)); /* and the signature */
	assert_int_equal(c.n, 4);
	at = c.at;
	assert_true(reply_put_soa(&r, b, false, &c));
	assert_int_equal(c.n, 5);
	/* Its owner is the name's own end; its names are whole. */
	assert_memory_equal(out + at, "\300\16\0\6\0\1\0\0\0\74\0\44\3wWw\4test\0\4test\0abc",
			    12 + 19);
	assert_true(reply_put_soa(&r, b, true, &c)); /* and its proof, not that of another zone */
	assert_int_equal(c.n, 7);
	assert_false(reply_put_soa(&r, (const uint8_t *)"\1b\3net", false, &c));
	assert_false(reply_is_referral(&r));
	free(copy);
	/* No room, at every size: nothing behind the end is touched. */
	assert_int_equal(read_copy(len, &copy), REPLY_GOOD);
	for (size_t total = 512, cap = 512; cap < 513; cap--) {
		uint8_t *small = malloc(cap ? cap : 1);
		struct reply_copy s = {.out = small, .cap = cap, .owner = 12};

		(void)reply_put_cname(&r, www, true, &s);
		(void)reply_put_answers(&r, b, RR_ANY, true, &s);
		(void)reply_put_soa(&r, b, true, &s);
		assert_true(s.at <= cap);
		assert_int_equal(s.is_full, cap < total);
		total = cap == 512 ? s.at : total;
		free(small);
	}
	free(copy);
}

static void test_referral(void **state)
{
	RECORD(DNS_AUTHORITIES, "\4test\0", RR_NS, "\2ns\300\20");
	assert_int_equal(reading(), REPLY_GOOD);
	setup(NULL);
	uint8_t *copy;

	RECORD(DNS_AUTHORITIES, "\4test\0", RR_NS, "\2ns\300\20");
	assert_int_equal(read_copy(len, &copy), REPLY_GOOD);
	assert_true(reply_is_referral(&r));
	free(copy);
	RECORD(DNS_AUTHORITIES, "\4test\0", RR_SOA, "\0\0abcdefghijabcdefghij");
	assert_int_equal(read_copy(len, &copy), REPLY_GOOD);
	assert_false(reply_is_referral(&r));
	free(copy);
}

/* --- whatever the bytes are ------------------------------------------------------------------------------------- */

static void use(size_t n)
{
	uint8_t out[600], *copy;
	struct reply_copy c = {.out = out, .cap = sizeof(out), .owner = DNS_HEADER_BYTES};

	if (read_copy(n, &copy) == REPLY_GOOD) {
		(void)reply_put_cname(&r, www, true, &c);
		(void)reply_put_answers(&r, www, RR_ANY, true, &c);
		(void)reply_put_soa(&r, www, true, &c);
		(void)reply_is_referral(&r);
		assert_true(c.at <= sizeof(out));
	}
	free(copy);
}

static void test_prefixes(void **state)
{
	good();
	for (size_t n = 0; n < len; n++) {
		uint8_t *copy;

		assert_int_equal(read_copy(n, &copy), n < DNS_HEADER_BYTES + sizeof(asked)
							      ? REPLY_STRANGE
							      : REPLY_MALFORMED);
		free(copy);
	}
	assert_int_equal(reading(), REPLY_GOOD);
}

static void test_mutations(void **state)
{
	srandom(7);
	for (int i = 0; i < 100000; i++) {
		good();
		for (long n = 1 + random() % 4; n > 0; n--)
			message[25 + (size_t)random() % (len - 25)] = (uint8_t)random();
		if (random() % 4 == 0)
			message[7 + 2 * (random() % 3)] = (uint8_t)random();
		use(len - (random() % 8 == 0 ? (size_t)random() % 40 : 0));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_kinds, setup),
		cmocka_unit_test_setup(test_rcode, setup),
		cmocka_unit_test_setup(test_names, setup),
		cmocka_unit_test_setup(test_data, setup),
		cmocka_unit_test_setup(test_copy, setup),
		cmocka_unit_test_setup(test_referral, setup),
		cmocka_unit_test_setup(test_prefixes, setup),
		cmocka_unit_test_setup(test_mutations, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
