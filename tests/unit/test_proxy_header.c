/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wire/proxy_header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define V2 "\r\n\r\n\0\r\nQUIT\n"

/* On the heap with the exact length, so that a sanitizer sees a read behind the end. */
static enum wire_result read_exact(const void *p, size_t len, struct proxy_header *ret)
{
	uint8_t *copy = malloc(len ? len : 1);
	enum wire_result r;

	assert_non_null(copy);
	memcpy(copy, p, len);
	r = proxy_header_read(copy, len, ret);
	free(copy);
	return r;
}

/* p[0..len) is a whole header: every part of it asks for more, and what follows does not count. */
static struct proxy_header must_read(const void *p, size_t len)
{
	struct proxy_header h, again;
	uint8_t more[400];

	for (size_t n = 0; n < len; n++) {
		if (read_exact(p, n, &h) != WIRE_MORE)
			fail_msg("not WIRE_MORE at %zu of %zu", n, len);
		assert_int_equal(h.length, 0);
	}
	assert_int_equal(read_exact(p, len, &h), WIRE_DONE);
	assert_int_equal(h.length, len);
	assert_true(len + 5 <= sizeof(more));
	memcpy(more, p, len);
	memcpy(more + len, "\x16\x03\x01\r\n", 5);
	assert_int_equal(read_exact(more, len + 5, &again), WIRE_DONE);
	assert_memory_equal(&h, &again, sizeof(h));
	return h;
}

/* Bad with the last byte at the latest, and bad it stays; `at` is where it has to be known. */
static void must_refuse(const void *p, size_t len, size_t at)
{
	struct proxy_header h;

	for (size_t n = 0; n <= len; n++) {
		enum wire_result r = read_exact(p, n, &h);

		if (r != (n < at ? WIRE_MORE : WIRE_BAD))
			fail_msg("\"%.*s\": %d after %zu bytes", (int)len, (const char *)p, (int)r,
				 n);
		assert_false(h.has_addresses);
	}
}

static void expect(const struct proxy_header *h, const char *source, const char *destination)
{
	char text[ENDPOINT_TEXT_MAX];

	assert_true(h->has_addresses);
	assert_string_equal(endpoint_format(&h->source, h->source_port, text), source);
	assert_string_equal(endpoint_format(&h->destination, h->destination_port, text),
			    destination);
}

static struct proxy_header must_read_text(const char *line)
{
	return must_read(line, strlen(line));
}

static void test_v1(void **state)
{
	struct proxy_header h;

	h = must_read_text("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n");
	expect(&h, "192.0.2.1:56324", "198.51.100.2:443");
	h = must_read_text("PROXY TCP6 2001:db8::1 2001:db8::2 0 65535\r\n");
	expect(&h, "[2001:db8::1]:0", "[2001:db8::2]:65535");
	h = must_read_text("PROXY TCP6 ::ffff:192.0.2.1 ::ffff:192.0.2.2 1 2\r\n");
	expect(&h, "192.0.2.1:1", "192.0.2.2:2");
	/* The longest that the specification knows of. */
	h = must_read_text("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
			   "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n");
	assert_int_equal(h.source.lo, UINT64_MAX);

	h = must_read_text("PROXY UNKNOWN\r\n");
	assert_false(h.has_addresses);
	h = must_read_text("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
			   "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n");
	assert_int_equal(h.length, 107);
	assert_false(h.has_addresses);
}

static void refuse_text(const char *line, size_t at)
{
	must_refuse(line, strlen(line), at);
}

static void test_v1_refused(void **state)
{
	static const char *const lines[] = {
		"PROXY TCP4 192.0.2.1 198.51.100.2 56324\r\n",
		"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443 1\r\n",
		"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443 \r\n",
		"PROXY TCP4  192.0.2.1 198.51.100.2 56324 443\r\n",
		"PROXY TCP4 192.0.2.1 198.51.100.2  56324 443\r\n",
		"PROXY TCP4 192.0.2.1 198.51.100.2 056324 443\r\n",
		"PROXY TCP4 192.0.2.1 198.51.100.2 1 0443\r\n",
		"PROXY TCP4 192.0.2.1 198.51.100.2 65536 443\r\n",
		"PROXY TCP4 192.0.2.1 198.51.100.2 99999 443\r\n",
		"PROXY TCP4 192.0.2.1 198.51.100.2 1 655360\r\n",
		"PROXY TCP4 192.0.2.1 198.51.100.2 +1 443\r\n",
		"PROXY TCP4 192.0.2.1 198.51.100.2 1 -1\r\n",
		"PROXY TCP4 192.0.2.256 198.51.100.2 1 1\r\n",
		"PROXY TCP4 192.0.2.1/32 198.51.100.2 1 1\r\n",
		"PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
		"PROXY TCP4 ::ffff:192.0.2.1 ::ffff:192.0.2.1 1 2\r\n",
		"PROXY TCP6 192.0.2.1 198.51.100.2 1 2\r\n",
		"PROXY TCP6 2001:db8::1%eth0 2001:db8::2 1 2\r\n",
		"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 2001:db8::2 1 2\r\n",
		"PROXY TCP4 \r\n",
	};
	char big[200];

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		refuse_text(lines[i], strlen(lines[i]));
	/* Known before the end of the line. */
	refuse_text("PROXZ", 5);
	refuse_text("PROXY\r", 6);
	refuse_text("proxy TCP4", 1);
	refuse_text("PROXY UDP4 ", 8);
	refuse_text("PROXY TCP5 ", 10);
	refuse_text("PROXY TCP4\r\n", 11);
	refuse_text("PROXY UNKNOWNX", 14);
	refuse_text("PROXY  TCP4", 7);
	refuse_text("PROXY TCP4 1\n", 13);
	refuse_text("PROXY TCP4 1\r1", 14);
	refuse_text("PROXY TCP4 1\t", 13);
	refuse_text("PROXY UNKNOWN \x80", 15);
	must_refuse("PROXY UNKNOWN \0\r\n", 17, 15);
	refuse_text("\x16\x03\x01", 1);
	refuse_text("GET /", 1);

	/* A line without end is refused with its 107th byte, and so is one whose CR is that byte. */
	memset(big, 'x', sizeof(big));
	memcpy(big, "PROXY UNKNOWN ", 14);
	must_refuse(big, 150, 107);
	big[106] = '\r';
	must_refuse(big, 107, 107);
}

static void test_v2(void **state)
{
	struct proxy_header h;

	h = must_read(V2 "\x21\x11\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb", 28);
	expect(&h, "192.0.2.1:56324", "198.51.100.2:443");
	h = must_read(V2 "\x21\x21\x00\x24"
			 "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
			 "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\2\x00\x01\x00\x02",
		      52);
	expect(&h, "[2001:db8::1]:1", "192.0.2.2:2");
	/* TLVs, not looked at. */
	h = must_read(V2 "\x21\x11\x00\x10\xc0\x00\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb\4\0\1a",
		      32);
	expect(&h, "192.0.2.1:56324", "198.51.100.2:443");

	assert_false(must_read(V2 "\x20\x00\x00\x00", 16).has_addresses);
	assert_false(must_read(V2 "\x20\x11\x00\x0c"
				  "aaaabbbbccdd",
			       28)
			     .has_addresses);
	assert_false(must_read(V2 "\x20\x99\x00\x01x", 17).has_addresses);
	assert_false(must_read(V2 "\x21\x00\x00\x00", 16).has_addresses);
	assert_false(must_read(V2 "\x21\x00\x00\x03xyz", 19).has_addresses);
}

static void test_v2_unix(void **state)
{
	uint8_t header[16 + 216] = V2 "\x21\x31\x00\xd8";

	assert_false(must_read(header, sizeof(header)).has_addresses);
	header[15]--;
	must_refuse(header, sizeof(header), 16);
}

static void test_v2_refused(void **state)
{
	uint8_t header[PROXY_HEADER_MAX + 1] = V2 "\x20\x00";
	struct proxy_header h;

	must_refuse(V2 "\x11\x11\x00\x0c", 16, 13); /* version */
	must_refuse(V2 "\x31\x11\x00\x0c", 16, 13);
	must_refuse(V2 "\x22\x11\x00\x0c", 16, 13); /* command */
	must_refuse(V2 "\x21\x12\x00\x0c", 16, 14); /* UDP */
	must_refuse(V2 "\x21\x22\x00\x24", 16, 14);
	must_refuse(V2 "\x21\x32\x00\xd8", 16, 14);
	must_refuse(V2 "\x21\x10\x00\x0c", 16, 14);
	must_refuse(V2 "\x21\x01\x00\x0c", 16, 14);
	must_refuse(V2 "\x21\x41\x00\x0c", 16, 14);
	must_refuse(V2 "\x21\x11\x00\x0b", 16, 16); /* too short for its addresses */
	must_refuse(V2 "\x21\x21\x00\x23", 16, 16);
	must_refuse("\r\n\r\n\0\r\nQUIT\r", 12, 12);
	must_refuse("\r\n\r\n\r", 5, 5);
	must_refuse("\r\n\r\nGET", 7, 5);

	/* The longest that is read, and one more. */
	header[14] = (PROXY_HEADER_MAX - 16) >> 8;
	header[15] = (PROXY_HEADER_MAX - 16) & 0xff;
	assert_int_equal(proxy_header_read(header, PROXY_HEADER_MAX - 1, &h), WIRE_MORE);
	assert_int_equal(proxy_header_read(header, PROXY_HEADER_MAX, &h), WIRE_DONE);
	assert_int_equal(h.length, PROXY_HEADER_MAX);
	header[15]++;
	assert_int_equal(proxy_header_read(header, 16, &h), WIRE_BAD);
}

/* What we write, byte by byte, and that we read it back. */
static void test_format(void **state)
{
	static const char *const texts[] = {"192.0.2.1:56324", "198.51.100.2:443",
					    "[2001:db8::1]:1", "[::]:65535", "0.0.0.0:2"};
	size_t count = sizeof(texts) / sizeof(texts[0]);

	for (size_t i = 0; i < count * count; i++) {
		const char *from = texts[i / count], *to = texts[i % count];
		uint8_t dst[PROXY_V2_MAX];
		struct addr source, destination;
		uint16_t source_port, destination_port;
		struct proxy_header h;
		size_t n;

		assert_int_equal(endpoint_parse(from, &source, &source_port, NULL), 0);
		assert_int_equal(endpoint_parse(to, &destination, &destination_port, NULL), 0);
		n = proxy_header_format(dst, &source, source_port, &destination, destination_port);
		assert_int_equal(n, from[0] == '[' || to[0] == '[' ? 52 : 28);
		h = must_read(dst, n);
		expect(&h, from, to);
		if (i == 1)
			assert_memory_equal(dst,
					    V2 "\x21\x11\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x02"
					       "\xdc\x04\x01\xbb",
					    28);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_v1),	   cmocka_unit_test(test_v1_refused),
		cmocka_unit_test(test_v2),	   cmocka_unit_test(test_v2_unix),
		cmocka_unit_test(test_v2_refused), cmocka_unit_test(test_format),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
