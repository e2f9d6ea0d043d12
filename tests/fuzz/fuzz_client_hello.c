/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The input is what a peer sends. Properties: the answer and its reason do not depend on how the bytes come; a
 * name, if there is one, is one that a route can have; bytes behind the end of the hello change nothing.
 */
#include "wire/client_hello.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The compiler must not take the checks away in a release build. */
#define CHECK(x)                 \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

static void check_name(const struct client_hello_result *res)
{
	CHECK(res->name_len <= SERVER_NAME_MAX);
	CHECK(res->name[res->name_len] == '\0' && strlen(res->name) == res->name_len);
	for (size_t i = 0; i < res->name_len; i++) {
		char c = res->name[i];

		CHECK((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
		      c == '.');
		CHECK(c != '.' || (i > 0 && i + 1 < res->name_len && res->name[i - 1] != '.'));
	}
}

static void check_result(enum wire_result r, const struct client_hello_result *res,
			 const struct client_hello *st, size_t len)
{
	check_name(res);
	CHECK((r == WIRE_BAD) == (res->fault != CLIENT_HELLO_OK));
	CHECK(r == WIRE_DONE || res->name_len == 0);
	CHECK(r != WIRE_MORE || len < CLIENT_HELLO_MAX);
	CHECK(st->next <= CLIENT_HELLO_MAX);
	CHECK(r != WIRE_DONE || (st->next <= len && st->have == st->want));
}

/* The bytes in pieces of random sizes, each time in memory of its own that ends where they do. */
static enum wire_result read_pieces(const uint8_t *data, size_t size, uint32_t seed, uint32_t most,
				    struct client_hello_result *ret)
{
	enum wire_result r = WIRE_MORE;
	struct client_hello st = {0};
	size_t len = 0;

	while (r == WIRE_MORE && len < size) {
		uint8_t *copy;

		seed = seed * 1664525u + 1013904223u;
		len += 1 + (seed >> 8) % most;
		len = len < size ? len : size;
		copy = malloc(len);
		CHECK(copy);
		memcpy(copy, data, len);
		r = client_hello_read(&st, copy, len, ret);
		check_result(r, ret, &st, len);
		free(copy);
	}
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct client_hello_result res, pieces;
	struct client_hello st = {0};
	enum wire_result r;
	uint32_t seed = (uint32_t)size;

	if (size == 0)
		return 0;
	for (size_t i = 0; i < size && i < 64; i++)
		seed = seed * 31 + data[i];
	r = client_hello_read(&st, data, size, &res);
	check_result(r, &res, &st, size);

	/* Single bytes of a large input are quadratic in copies; larger steps will do there. */
	CHECK(read_pieces(data, size, seed, size < 2000 ? 3 : 2000, &pieces) == r);
	CHECK(memcmp(&res, &pieces, sizeof(res)) == 0);
	CHECK(read_pieces(data, size, seed, 400, &pieces) == r);
	CHECK(memcmp(&res, &pieces, sizeof(res)) == 0);
	if (r == WIRE_DONE) {
		struct client_hello again = {0};

		CHECK(client_hello_read(&again, data, st.next, &pieces) == WIRE_DONE);
		CHECK(memcmp(&res, &pieces, sizeof(res)) == 0);
	}
	return 0;
}
