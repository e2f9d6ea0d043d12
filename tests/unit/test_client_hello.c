/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/cleanup.h"
#include "wire/client_hello.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BYTES_MAX (1 << 17)

/* Bytes under construction, and messages cut into records. */
struct bytes {
	uint8_t data[BYTES_MAX];
	size_t len;
};

static void put(struct bytes *b, const void *p, size_t n)
{
	assert_true(n <= sizeof(b->data) - b->len);
	memcpy(b->data + b->len, p, n);
	b->len += n;
}

static void put_u8(struct bytes *b, unsigned v)
{
	put(b, &(uint8_t){(uint8_t)v}, 1);
}

static void put_be16(struct bytes *b, size_t v)
{
	put_u8(b, (unsigned)(v >> 8));
	put_u8(b, (unsigned)v & 0xff);
}

static void put_fill(struct bytes *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		put_u8(b, (unsigned)i * 7 & 0xff);
}

static void put_ext(struct bytes *b, unsigned type, const void *p, size_t n)
{
	put_be16(b, type);
	put_be16(b, n);
	put(b, p, n);
}

static void put_sni_of(struct bytes *b, unsigned name_type, const void *name, size_t n)
{
	put_be16(b, 0);
	put_be16(b, n + 5);
	put_be16(b, n + 3);
	put_u8(b, name_type);
	put_be16(b, n);
	put(b, name, n);
}

static void put_sni(struct bytes *b, const char *name)
{
	put_sni_of(b, 0, name, strlen(name));
}

/* A handshake message around extensions; ext NULL: no extensions block at all. */
static void make_message(struct bytes *msg, const struct bytes *ext)
{
	size_t body = 2 + 32 + 1 + 32 + 2 + 6 + 2 + (ext ? 2 + ext->len : 0);

	msg->len = 0;
	put_u8(msg, 1);
	put_u8(msg, (unsigned)(body >> 16));
	put_be16(msg, body & 0xffff);
	put_be16(msg, 0x0303);
	put_fill(msg, 32);
	put_u8(msg, 32);
	put_fill(msg, 32);
	put_be16(msg, 6);
	put_be16(msg, 0x8a8a); /* GREASE */
	put_be16(msg, 0x1301);
	put_be16(msg, 0xc02f);
	put_u8(msg, 1);
	put_u8(msg, 0);
	if (ext) {
		put_be16(msg, ext->len);
		put(msg, ext->data, ext->len);
	}
}

static void make_records(struct bytes *wire, const struct bytes *msg, size_t record)
{
	wire->len = 0;
	for (size_t at = 0; at < msg->len; at += record) {
		size_t n = msg->len - at < record ? msg->len - at : record;

		put_u8(wire, 22);
		put_be16(wire, 0x0301);
		put_be16(wire, n);
		put(wire, msg->data + at, n);
	}
}

static struct bytes ext, msg, wire;

static enum wire_result read_once(const uint8_t *p, size_t len, struct client_hello_result *ret)
{
	/* On the heap with the exact length, so that a sanitizer sees a read behind the end. */
	uint8_t *copy = malloc(len ? len : 1);
	struct client_hello st = {0};
	enum wire_result r;

	assert_non_null(copy);
	memcpy(copy, p, len);
	r = client_hello_read(&st, copy, len, ret);
	free(copy);
	return r;
}

static void expect_name(const char *name)
{
	struct client_hello_result res;
	enum wire_result r = read_once(wire.data, wire.len, &res);

	if (r != WIRE_DONE || strcmp(res.name, name) != 0 || res.name_len != strlen(name))
		fail_msg("result %d, fault %d, name \"%s\" instead of \"%s\"", (int)r,
			 (int)res.fault, res.name, name);
	assert_int_equal(res.fault, CLIENT_HELLO_OK);
}

static void expect_bad(enum client_hello_fault fault)
{
	struct client_hello_result res;
	enum wire_result r = read_once(wire.data, wire.len, &res);

	if (r != WIRE_BAD || res.fault != fault)
		fail_msg("result %d, fault %d instead of %d, name \"%s\"", (int)r, (int)res.fault,
			 (int)fault, res.name);
	assert_int_equal(res.name_len, 0);
	assert_string_equal(res.name, "");
}

static void wrap_ext(void)
{
	make_message(&msg, &ext);
	make_records(&wire, &msg, 16384);
}

static void with_name(const char *name)
{
	ext.len = 0;
	put_ext(&ext, 0x1a1a, "", 0); /* GREASE */
	put_ext(&ext, 23, "", 0);
	put_sni(&ext, name);
	put_ext(&ext, 0xfafa, "\0", 1);
	wrap_ext();
}

static void test_simple(void **state)
{
	with_name("prod.example.org");
	expect_name("prod.example.org");
	with_name("Prod.EXAMPLE.Org.");
	expect_name("prod.example.org");
	with_name("10.0.0.1");
	expect_name("10.0.0.1");
	with_name("x");
	expect_name("x");
	with_name("_a-b_.0-");
	expect_name("_a-b_.0-");

	/* What comes behind the hello's record is not looked at. */
	with_name("prod.example.org");
	put(&wire, "\x14\x03\x03\x00\x01\x01", 6);
	expect_name("prod.example.org");
}

static void test_no_name(void **state)
{
	ext.len = 0;
	wrap_ext();
	expect_name("");
	put_ext(&ext, 43, "\x02\x03\x04", 3);
	wrap_ext();
	expect_name("");
	make_message(&msg, NULL);
	make_records(&wire, &msg, 16384);
	expect_name("");
}

static void test_bad_names(void **state)
{
	static const char *const names[] = {"",	   ".",	  "..",	       ".a",   "a..b",
					    "a..", "a b", "a/b",       "a\n",  "[::1]",
					    "::1", "*.a", "a\xc3\xa4", "a:443"};
	char big[300];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		with_name(names[i]);
		expect_bad(CLIENT_HELLO_MALFORMED);
	}
	ext.len = 0;
	put_sni_of(&ext, 0, "a\0b", 3);
	wrap_ext();
	expect_bad(CLIENT_HELLO_MALFORMED);

	/* 253 bytes are the most, and a trailing dot does not count. */
	memset(big, 'a', sizeof(big));
	for (size_t i = 9; i < sizeof(big); i += 11)
		big[i] = '.';
	big[253] = '\0';
	with_name(big);
	expect_name(big);
	big[252] = 'a';
	memcpy(big + 253, ".", 2);
	with_name(big);
	big[253] = '\0';
	expect_name(big);
	memcpy(big + 253, "a", 2);
	with_name(big);
	expect_bad(CLIENT_HELLO_MALFORMED);
	memcpy(big + 253, "a.", 3);
	with_name(big);
	expect_bad(CLIENT_HELLO_MALFORMED);
}

/* Whatever could make the upstream see another name than we do is refused. */
static void test_bad_lists(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} lists[] = {
		{"", 0},		     /* no list */
		{"\0", 1},		     /* half a length */
		{"\0\0", 2},		     /* empty list */
		{"\0\4\1\0\1a", 6},	     /* unknown type only */
		{"\0\10\0\0\1a\1\0\1b", 10}, /* a name, then an unknown type */
		{"\0\10\1\0\1b\0\0\1a", 10}, /* the other way round */
		{"\0\10\0\0\1a\0\0\1b", 10}, /* two names */
		{"\0\5\0\0\1a", 6},	     /* list longer than the extension */
		{"\0\3\0\0\1a", 6},	     /* shorter */
		{"\0\4\0\0\1a!", 7},	     /* a byte behind the list */
		{"\0\4\0\0\2a", 6},	     /* name longer than the list */
		{"\0\4\0\0\0a", 6},	     /* shorter */
		{"\0\1\0", 3},		     /* type alone */
	};

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		ext.len = 0;
		put_ext(&ext, 0, lists[i].bytes, lists[i].len);
		put_ext(&ext, 23, "", 0);
		wrap_ext();
		expect_bad(CLIENT_HELLO_MALFORMED);
	}
	ext.len = 0;
	put_sni(&ext, "a");
	put_sni(&ext, "a");
	wrap_ext();
	expect_bad(CLIENT_HELLO_MALFORMED);
}

/* Any number of bytes at first, the rest then: more is asked for, and the answer is the same. */
static void test_split(void **state)
{
	static const size_t record_sizes[] = {16384, 1, 2, 3, 5, 50};
	struct client_hello_result res;

	with_name("prod.example.org");
	for (size_t i = 0; i < ARRAY_SIZE(record_sizes); i++) {
		make_records(&wire, &msg, record_sizes[i]);
		expect_name("prod.example.org");
		for (size_t n = 0; n < wire.len; n++) {
			struct client_hello st = {0};

			assert_int_equal(client_hello_read(&st, wire.data, n, &res), WIRE_MORE);
			assert_int_equal(client_hello_read(&st, wire.data, wire.len, &res),
					 WIRE_DONE);
			assert_string_equal(res.name, "prod.example.org");
		}
	}
}

/* The same dripping in byte by byte, each time in memory of its own that ends where the bytes do. */
static void test_drip(void **state)
{
	static const size_t record_sizes[] = {16384, 1, 4};
	struct client_hello_result res;

	with_name("prod.example.org");
	for (size_t i = 0; i < ARRAY_SIZE(record_sizes); i++) {
		struct client_hello st = {0};

		make_records(&wire, &msg, record_sizes[i]);
		for (size_t n = 1; n <= wire.len; n++) {
			uint8_t *copy = malloc(n);

			assert_non_null(copy);
			memcpy(copy, wire.data, n);
			assert_int_equal(client_hello_read(&st, copy, n, &res),
					 n < wire.len ? WIRE_MORE : WIRE_DONE);
			free(copy);
		}
		assert_string_equal(res.name, "prod.example.org");
	}
}

/* From nearly 16 KiB of extensions to more than fits, in few and in many records. */
static void test_large(void **state)
{
	static uint8_t fill[20000];

	for (size_t i = 0; i < 2; i++) {
		size_t record = i == 0 ? 16384 : 400;
		size_t last_good = 0;

		for (size_t n = 15000; n < 16500; n++) {
			struct client_hello_result res;

			ext.len = 0;
			put_ext(&ext, 21, fill, n);
			put_sni(&ext, "big.example");
			make_message(&msg, &ext);
			make_records(&wire, &msg, record);
			if (wire.len <= CLIENT_HELLO_MAX) {
				expect_name("big.example");
				last_good = wire.len;
				continue;
			}
			expect_bad(CLIENT_HELLO_TOO_LARGE);
			if (i > 0)
				continue; /* how many more headers will come is not known yet */
			/* Known from the headers; no need to wait for the bytes. */
			assert_int_equal(read_once(wire.data, 9, &res), WIRE_BAD);
			assert_int_equal(res.fault, CLIENT_HELLO_TOO_LARGE);
		}
		assert_int_equal(last_good, CLIENT_HELLO_MAX);
	}
	/* One byte per record: the headers count as well. */
	ext.len = 0;
	put_ext(&ext, 21, fill, 3000);
	make_message(&msg, &ext);
	make_records(&wire, &msg, 1);
	expect_bad(CLIENT_HELLO_TOO_LARGE);
	/* A message of 64 KiB and more. */
	wire.len = 0;
	put(&wire, "\x16\x03\x01\x01\x00\x01\x01", 7);
	expect_bad(CLIENT_HELLO_TOO_LARGE);
}

static void expect_bad_bytes(const char *p, size_t n, enum client_hello_fault fault)
{
	struct client_hello_result res;

	wire.len = 0;
	put(&wire, p, n);
	expect_bad(fault);
	/* Not before the last byte: until then it could have become a hello. */
	assert_int_equal(read_once(wire.data, n - 1, &res), WIRE_MORE);
}

static void test_first_bytes(void **state)
{
	for (unsigned byte = 0; byte < 256; byte++) {
		struct client_hello_result res;

		wire.len = 0;
		put_u8(&wire, byte);
		if (byte != 22)
			expect_bad(CLIENT_HELLO_NOT_TLS);
		else
			assert_int_equal(read_once(wire.data, 1, &res), WIRE_MORE);
	}
	wire.len = 0;
	put(&wire, "\x15\x03\x01\x00\x02\x02\x28", 7); /* an alert */
	expect_bad(CLIENT_HELLO_NOT_TLS);
	wire.len = 0;
	put(&wire, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27);
	expect_bad(CLIENT_HELLO_NOT_TLS);
	wire.len = 0;
	put(&wire, "\x80\x2e\x01\x03\x01", 5); /* SSL 2 */
	expect_bad(CLIENT_HELLO_NOT_TLS);

	expect_bad_bytes("\x16\x02", 2, CLIENT_HELLO_NOT_TLS);
	expect_bad_bytes("\x16\x03\x01\x00\x00", 5, CLIENT_HELLO_MALFORMED); /* empty record */
	expect_bad_bytes("\x16\x03\x01\x41", 4, CLIENT_HELLO_MALFORMED);
	expect_bad_bytes("\x16\x03\x01\x40\x01", 5, CLIENT_HELLO_MALFORMED);
	expect_bad_bytes("\x16\x03\x01\x40\x00", 5, CLIENT_HELLO_TOO_LARGE);
	expect_bad_bytes("\x16\x03\x01\x00\x50\x02", 6, CLIENT_HELLO_MALFORMED); /* server hello */
	expect_bad_bytes("\x16\x03\x01\x00\x50\x00", 6, CLIENT_HELLO_MALFORMED); /* hello request */
	/* More in the record than the message has. */
	expect_bad_bytes("\x16\x03\x01\x00\x50\x01\x00\x00\x4b", 9, CLIENT_HELLO_MALFORMED);
}

/* The second record is judged as such, however its bytes come, and never read as part of the message. */
static void test_second_record(void **state)
{
	expect_bad_bytes("\x16\x03\x01\x00\x01\x01\x15", 7, CLIENT_HELLO_MALFORMED);
	expect_bad_bytes("\x16\x03\x01\x00\x01\x01\x16\x02", 8, CLIENT_HELLO_MALFORMED);
	expect_bad_bytes("\x16\x03\x01\x00\x01\x01\x16\x03\x01\x00\x00", 11,
			 CLIENT_HELLO_MALFORMED);
	wire.len = 0;
	put(&wire, "\x16\x03\x01\x00\x01\x01\x15\x03\x01\x00\x04\x01\x00\x00", 14);
	expect_bad(CLIENT_HELLO_MALFORMED);
	/* An alert between the two halves of a hello. */
	with_name("a");
	make_records(&wire, &msg, msg.len - 10);
	wire.data[5 + msg.len - 10] = 21;
	expect_bad(CLIENT_HELLO_MALFORMED);
}

/* Each length field of a good hello, one up and one down. */
static void test_bad_lengths(void **state)
{
	static const struct {
		size_t at;
		const char *what;
	} fields[] = {
		{5 + 3, "message"},	      {5 + 38, "session id"},
		{5 + 72, "cipher suites"},    {5 + 79, "compression"},
		{5 + 82, "extensions"},	      {5 + 86, "first extension"},
		{5 + 90, "second extension"}, {5 + 94, "server_name"},
		{5 + 96, "name list"},	      {5 + 99, "name"},
	};
	struct client_hello_result res;

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		for (int by = -1; by <= 1; by += 2) {
			enum wire_result r;

			with_name("prod.example.org");
			wire.data[fields[i].at] = (uint8_t)(wire.data[fields[i].at] + by);
			r = read_once(wire.data, wire.len, &res);
			/* A message one longer is not over yet; all else is known to be wrong. */
			if (r != (i == 0 && by == 1 ? WIRE_MORE : WIRE_BAD))
				fail_msg("%s %+d: %d, \"%s\"", fields[i].what, by, (int)r,
					 res.name);
		}
	}
}

static void test_bad_body(void **state)
{
	with_name("a");
	wire.data[5 + 4] = 2; /* version */
	expect_bad(CLIENT_HELLO_MALFORMED);
	/* A session id of 33 bytes, the rest in order. */
	with_name("a");
	ext.len = 0;
	put(&ext, msg.data, 5 + 34 + 32);
	ext.data[3]++;
	ext.data[38] = 33;
	put_u8(&ext, 0);
	put(&ext, msg.data + 71, msg.len - 71);
	make_records(&wire, &ext, 16384);
	expect_bad(CLIENT_HELLO_MALFORMED);
	/* A byte behind the extensions. */
	with_name("a");
	msg.data[3]++;
	put_u8(&msg, 0);
	make_records(&wire, &msg, 16384);
	expect_bad(CLIENT_HELLO_MALFORMED);
	/* Messages that end within each part. */
	with_name("a");
	for (size_t n = 4; n < msg.len; n++) {
		struct bytes *cut = &ext;
		struct client_hello_result res;
		enum wire_result r;

		cut->len = 0;
		put(cut, msg.data, n);
		cut->data[2] = (uint8_t)((n - 4) >> 8);
		cut->data[3] = (uint8_t)(n - 4);
		make_records(&wire, cut, 16384);
		r = read_once(wire.data, wire.len, &res);
		/* Without any extensions it is a good one again. */
		if (r != (n == 81 ? WIRE_DONE : WIRE_BAD))
			fail_msg("cut at %zu: %d", n, (int)r);
	}
}

static void test_format(void **state)
{
	static const uint8_t random_bytes[32] = {1, 2, 3};
	uint8_t dst[512];
	char big[SERVER_NAME_MAX + 2];
	size_t n, full;

	n = client_hello_format(dst, sizeof(dst), "api.example.org", random_bytes);
	assert_true(n > 0);
	wire.len = 0;
	put(&wire, dst, n);
	expect_name("api.example.org");
	assert_memory_equal(dst + 11, random_bytes, 32);
	full = n;
	for (n = 0; n < full; n++)
		assert_int_equal(client_hello_format(dst, n, "api.example.org", random_bytes), 0);
	assert_int_equal(client_hello_format(dst, full, "api.example.org", random_bytes), full);

	n = client_hello_format(dst, sizeof(dst), NULL, random_bytes);
	assert_true(n > 0 && n < full);
	wire.len = 0;
	put(&wire, dst, n);
	expect_name("");

	memset(big, 'a', sizeof(big));
	big[SERVER_NAME_MAX + 1] = '\0';
	assert_int_equal(client_hello_format(dst, sizeof(dst), big, random_bytes), 0);
	big[SERVER_NAME_MAX] = '\0';
	n = client_hello_format(dst, sizeof(dst), big, random_bytes);
	assert_true(n > 0);
	wire.len = 0;
	put(&wire, dst, n);
	expect_name(big);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_simple),	      cmocka_unit_test(test_no_name),
		cmocka_unit_test(test_bad_names),     cmocka_unit_test(test_bad_lists),
		cmocka_unit_test(test_split),	      cmocka_unit_test(test_drip),
		cmocka_unit_test(test_large),	      cmocka_unit_test(test_first_bytes),
		cmocka_unit_test(test_second_record), cmocka_unit_test(test_bad_lengths),
		cmocka_unit_test(test_bad_body),      cmocka_unit_test(test_format),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
