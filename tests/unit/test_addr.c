/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/addr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

static struct addr must_addr(const char *text)
{
	struct addr a;

	if (addr_parse(text, &a) < 0)
		fail_msg("not an address: %s", text);
	return a;
}

static struct prefix must_prefix(const char *text)
{
	struct prefix p;
	struct err e;

	if (prefix_parse(text, strlen(text), &p, &e) < 0)
		fail_msg("%s: %s", text, e.text);
	return p;
}

static void test_addr_text(void **state)
{
	static const struct {
		const char *in, *out;
	} good[] = {
		{"0.0.0.0", "0.0.0.0"},
		{"255.255.255.255", "255.255.255.255"},
		{"10.1.2.3", "10.1.2.3"},
		{"::", "::"},
		{"::1", "::1"},
		{"2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
		{"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		 "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
		{"::ffff:192.0.2.7", "192.0.2.7"},
		{"::ffff:c000:0207", "192.0.2.7"},
		{"64:ff9b::192.0.2.7", "64:ff9b::c000:207"},
	};
	static const char *const bad[] = {
		"",	     "1.2.3",	     "1.2.3.4.5", "1.2.3.256", "01.2.3.4",
		"0x1.2.3.4", " 1.2.3.4",     "1.2.3.4 ",  "localhost", ":::",
		"1::2::3",   "fe80::1%eth0", "[::1]",	  "12345::",   "1:2:3:4:5:6:7:8:9",
	};
	char text[ADDR_TEXT_MAX];
	struct addr a;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		a = must_addr(good[i].in);
		assert_string_equal(addr_format(&a, text), good[i].out);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		a = addr_v4(7);
		if (addr_parse(bad[i], &a) != -ERR_INVALID)
			fail_msg("accepted: \"%s\"", bad[i]);
		assert_int_equal(a.lo, 7); /* untouched on failure */
	}
	a = (struct addr){0};
	assert_string_equal(addr_format(&a, text), "-");
}

static void test_addr_order(void **state)
{
	static const char *const ascending[] = {"0.0.0.0",	   "9.0.0.0",	  "10.0.0.0",
						"255.255.255.255", "::",	  "::1",
						"2001:db8::",	   "2001:db8::1", "8000::"};

	for (size_t i = 0; i < ARRAY_SIZE(ascending); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(ascending); j++) {
			struct addr a = must_addr(ascending[i]), b = must_addr(ascending[j]);

			assert_int_equal(addr_cmp(&a, &b), i < j ? -1 : i > j);
			assert_int_equal(addr_is_equal(&a, &b), i == j);
		}
	}
}

/* A source that comes through a dual-stack socket is an IPv4 source. */
static void test_sockaddr(void **state)
{
	static const char *const texts[] = {"192.0.2.7", "2001:db8::5"};
	struct sockaddr_storage sa;
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(443)};
	struct addr a, b;
	uint16_t port;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		a = must_addr(texts[i]);
		assert_int_equal(addr_to_sockaddr(&a, 6443, &sa),
				 i == 0 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
		b = addr_from_sockaddr(&sa, &port);
		assert_true(addr_is_equal(&a, &b));
		assert_memory_equal(&a, &b, sizeof(a));
		assert_int_equal(port, 6443);
	}
	assert_int_equal(inet_pton(AF_INET6, "::ffff:192.0.2.7", &in6.sin6_addr), 1);
	memset(&sa, 0, sizeof(sa));
	memcpy(&sa, &in6, sizeof(in6));
	a = must_addr("192.0.2.7");
	b = addr_from_sockaddr(&sa, NULL);
	assert_true(addr_is_equal(&a, &b));

	sa.ss_family = AF_UNIX;
	assert_int_equal(addr_from_sockaddr(&sa, &port).family, ADDR_NONE);
	assert_int_equal(port, 0);
	a = (struct addr){0};
	assert_int_equal(addr_to_sockaddr(&a, 1, &sa), 0);
}

static void test_endpoint(void **state)
{
	static const struct {
		const char *in, *says; /* says: NULL if good, else a part of the message */
	} cases[] = {
		{"10.0.0.1:6443", NULL},
		{"[2001:db8::1]:6443", NULL},
		{"[::]:1", NULL},
		{"0.0.0.0:65535", NULL},
		{"10.0.0.1", "no port"},
		{"10.0.0.1:", "from 1 to 65535"},
		{"10.0.0.1:0", "from 1 to 65535"},
		{"10.0.0.1:65536", "from 1 to 65535"},
		{"10.0.0.1:0443", "from 1 to 65535"},
		{"10.0.0.1:44x", "from 1 to 65535"},
		{"10.0.0.1:+44", "from 1 to 65535"},
		{"10.0.0.1: 44", "from 1 to 65535"},
		{"2001:db8::1", "without a port: write [2001:db8::1]:PORT"},
		{"2001:db8::1:zz", "in brackets"},
		{"[2001:db8::1]", "no port"},
		{"[2001:db8::1]6443", "no port"},
		{"[2001:db8::1:6443", "[ without a ]"},
		{"[10.0.0.1]:6443", "in brackets"},
		{"host:6443", "host names are not looked up"},
		{":6443", "does not start with"},
		{"[]:6443", "does not start with"},
		{"", "no port"},
	};
	char text[ENDPOINT_TEXT_MAX];
	struct addr a;
	uint16_t port;
	struct err e;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int r = endpoint_parse(cases[i].in, &a, &port, &e);

		if (!cases[i].says) {
			assert_int_equal(r, 0);
			assert_string_equal(endpoint_format(&a, port, text), cases[i].in);
		} else if (r != -ERR_INVALID || !strstr(e.text, cases[i].says)) {
			fail_msg("%s: %d, %s", cases[i].in, r, r < 0 ? e.text : "accepted");
		}
	}
	assert_int_equal(endpoint_parse("[::ffff:10.0.0.1]:80", &a, &port, &e), 0);
	assert_string_equal(endpoint_format(&a, port, text), "10.0.0.1:80");
}

static void test_prefix_good(void **state)
{
	static const struct {
		const char *in, *out;
	} good[] = {
		{"0.0.0.0/0", "0.0.0.0/0"},
		{"10.0.0.0/8", "10.0.0.0/8"},
		{"203.0.113.7", "203.0.113.7/32"},
		{"255.255.255.255/32", "255.255.255.255/32"},
		{"::/0", "::/0"},
		{"2001:db8::/32", "2001:db8::/32"},
		{"2001:db8:0:0:8000::/65", "2001:db8:0:0:8000::/65"},
		{"2001:db8::1", "2001:db8::1/128"},
		{"::ffff:10.0.0.0/104", "10.0.0.0/8"},
		{"::ffff:0:0/96", "0.0.0.0/0"},
		{"::ffff:10.0.0.1", "10.0.0.1/32"},
	};
	char text[PREFIX_TEXT_MAX];
	struct prefix p;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		p = must_prefix(good[i].in);
		assert_string_equal(prefix_format(&p, text), good[i].out);
	}
	/* Not terminated: what follows the length does not count. */
	assert_int_equal(prefix_parse("10.0.0.0/8 and more", 10, &p, NULL), 0);
	assert_string_equal(prefix_format(&p, text), "10.0.0.0/8");
}

static void test_prefix_refused(void **state)
{
	static const struct {
		const char *in, *says;
	} bad[] = {
		{"", "not an IPv4 or IPv6 prefix"},
		{"/8", "not an IPv4 or IPv6 prefix"},
		{"example.org/8", "not an IPv4 or IPv6 prefix"},
		{"10.0.0/8", "not an IPv4 or IPv6 prefix"},
		{"010.0.0.0/8", "not an IPv4 or IPv6 prefix"},
		{"fe80::1%eth0/64", "not an IPv4 or IPv6 prefix"},
		{"10.0.0.0/", "no prefix length"},
		{"10.0.0.0/08", "leading zero"},
		{"10.0.0.0/00", "leading zero"},
		{"10.0.0.0/33", "from 0 to 32"},
		{"10.0.0.0/-1", "from 0 to 32"},
		{"10.0.0.0/+8", "from 0 to 32"},
		{"10.0.0.0/8/8", "from 0 to 32"},
		{"10.0.0.0/255.0.0.0", "from 0 to 32"},
		{"10.0.0.0/4294967304", "from 0 to 32"},
		{"::/129", "from 0 to 128"},
		{"10.1.2.3/8", "10.0.0.0/8"},
		{"10.0.0.1/0", "0.0.0.0/0"},
		{"255.255.255.255/31", "255.255.255.254/31"},
		{"2001:db8::1/64", "2001:db8::/64"},
		{"2001:db8::1/127", "2001:db8::/127"},
		{"::ffff:0:0/80", "::/80"},
		{"::ffff:0:0/95", "host bits"},
		{"::ffff:10.0.0.1/104", "host bits"},
		{" 10.0.0.0/8", "white space"},
		{"10.0.0.0/8\n", "white space"},
		{"10.0.0.0 /8", "white space"},
	};
	struct prefix p = must_prefix("10.0.0.0/8");
	struct err e;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		int r = prefix_parse(bad[i].in, strlen(bad[i].in), &p, &e);

		if (r != -ERR_INVALID || !strstr(e.text, bad[i].says))
			fail_msg("%s: %d, %s", bad[i].in, r, r < 0 ? e.text : "accepted");
		assert_int_equal(p.len, 8);
	}
	assert_int_equal(prefix_parse("10.0.0.0\0/8", 11, &p, &e), -ERR_INVALID);
	assert_non_null(strstr(e.text, "\\x00"));
	assert_int_equal(prefix_parse("10.0.0.0/\0", 10, &p, &e), -ERR_INVALID);
}

/* Bit by bit, the way a person would compare. */
static bool naive_contains(const struct prefix *p, const struct addr *a)
{
	unsigned width = p->addr.family == ADDR_V4 ? 32 : 128;

	if (p->addr.family != a->family)
		return false;
	for (unsigned bit = 0; bit < p->len; bit++) {
		unsigned at = width - 1 - bit; /* from the lowest bit */
		uint64_t x = at < 64 ? p->addr.lo >> at : p->addr.hi >> (at - 64);
		uint64_t y = at < 64 ? a->lo >> at : a->hi >> (at - 64);

		if ((x ^ y) & 1)
			return false;
	}
	return true;
}

static void test_prefix_contains(void **state)
{
	struct prefix p = {.addr = addr_v4(0), .len = 0};
	struct addr a = {0};

	assert_false(prefix_contains(&p, &a));
	p.addr.family = ADDR_NONE;
	assert_false(prefix_contains(&p, &a));

	srandom(1);
	for (unsigned round = 0; round < 20000; round++) {
		bool v6 = random() & 1;
		unsigned width = v6 ? 128 : 32, flip = (unsigned)random() % width;

		p = (struct prefix){.addr.family = v6 ? ADDR_V6 : ADDR_V4};
		p.addr.lo = (uint32_t)random() ^ (uint32_t)random() << 16;
		if (v6) {
			p.addr.hi = (uint64_t)random() << 33 ^ (uint64_t)random();
			p.addr.lo ^= (uint64_t)random() << 33;
		}
		p.len = (uint8_t)((unsigned)random() % (width + 1));
		a = p.addr;
		if (flip < 64)
			a.lo ^= UINT64_C(1) << flip;
		else
			a.hi ^= UINT64_C(1) << (flip - 64);
		if (prefix_contains(&p, &a) != naive_contains(&p, &a))
			fail_msg("seed 1, round %u: width %u, len %u, bit %u", round, width, p.len,
				 flip);
	}
}

static void test_prefix_order(void **state)
{
	static const char *const ascending[] = {"0.0.0.0/0",   "10.0.0.0/8", "10.0.0.0/9",
						"10.0.0.0/32", "11.0.0.0/8", "::/0",
						"::/1"};

	for (size_t i = 0; i < ARRAY_SIZE(ascending); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(ascending); j++) {
			struct prefix a = must_prefix(ascending[i]), b = must_prefix(ascending[j]);

			assert_int_equal(prefix_cmp(&a, &b), i < j ? -1 : i > j);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addr_text),	cmocka_unit_test(test_addr_order),
		cmocka_unit_test(test_sockaddr),	cmocka_unit_test(test_endpoint),
		cmocka_unit_test(test_prefix_good),	cmocka_unit_test(test_prefix_refused),
		cmocka_unit_test(test_prefix_contains), cmocka_unit_test(test_prefix_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
