/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RFC 4648 section 10, and what is no base64, or another text for the same octets. */
#include "base/base64.h"
#include "base/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *octets, *text;
} vectors[] = {{"", ""},
	       {"f", "Zg=="},
	       {"fo", "Zm8="},
	       {"foo", "Zm9v"},
	       {"foob", "Zm9vYg=="},
	       {"fooba", "Zm9vYmE="},
	       {"foobar", "Zm9vYmFy"}};

static void test_vectors(void **state)
{
	char text[BASE64_TEXT(6)];
	uint8_t octets[6];

	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		const size_t n = strlen(vectors[i].octets);

		base64_write((const uint8_t *)vectors[i].octets, n, text);
		assert_string_equal(text, vectors[i].text);
		assert_int_equal(base64_read(text, strlen(text), octets, n), n);
		assert_memory_equal(octets, vectors[i].octets, n);
		if (n)
			assert_int_equal(base64_read(text, strlen(text), octets, n - 1), -1);
	}
}

static void test_refusals(void **state)
{
	static const char *const bad[] = {
		"Z",	"Zg",	    "Zg=",   "Zg===",  "Zh==", "Zm9=", "====",
		"Z===", "Zg==Zg==", " Zg==", "Zm9v\n", "Zm-v", "Z=g="};
	uint8_t octets[16];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(base64_read(bad[i], strlen(bad[i]), octets, sizeof(octets)), -1);
	assert_int_equal(base64_read("Zm\0v", 4, octets, sizeof(octets)), -1);
}

static void test_every_octet(void **state)
{
	uint8_t in[256], out[256];
	char text[BASE64_TEXT(256)];

	for (size_t i = 0; i < 256; i++)
		in[i] = (uint8_t)(i * 37);
	for (size_t n = 0; n <= 256; n++) {
		base64_write(in, n, text);
		assert_int_equal(base64_read(text, strlen(text), out, sizeof(out)), n);
		assert_memory_equal(in, out, n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_every_octet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
