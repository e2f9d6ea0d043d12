/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The input is what a balancer sends. Properties: each beginning of a header asks for more, each beginning of what is
 * refused is either refused or asks for more; the length lies within the input and within the limit; what was
 * read can be written and read again, to the same addresses.
 */
#include "wire/proxy_header.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The compiler must not take the checks away in a release build. */
#define CHECK(x)                 \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

static void check_header(enum wire_result r, const struct proxy_header *h, size_t len)
{
	if (r != WIRE_DONE) {
		CHECK(h->length == 0 && !h->has_addresses);
		CHECK(r == WIRE_BAD || len < PROXY_HEADER_MAX);
		return;
	}
	CHECK(h->length > 0 && h->length <= len && h->length <= PROXY_HEADER_MAX);
	if (h->has_addresses)
		CHECK(h->source.family != ADDR_NONE && h->destination.family != ADDR_NONE);
	else
		CHECK(h->source.family == ADDR_NONE && h->destination.family == ADDR_NONE);
}

static void check_round_trip(const struct proxy_header *h)
{
	uint8_t dst[PROXY_V2_MAX];
	struct proxy_header again;
	size_t n;

	n = proxy_header_format(dst, &h->source, h->source_port, &h->destination,
				h->destination_port);
	CHECK(n <= sizeof(dst));
	CHECK(proxy_header_read(dst, n, &again) == WIRE_DONE);
	CHECK(again.length == n && again.has_addresses);
	CHECK(addr_is_equal(&again.source, &h->source) &&
	      addr_is_equal(&again.destination, &h->destination));
	CHECK(again.source_port == h->source_port && again.destination_port == h->destination_port);
}

/* The first n bytes alone, in memory that ends with them. */
static enum wire_result read_start(const uint8_t *data, size_t n, struct proxy_header *ret)
{
	uint8_t *copy = malloc(n ? n : 1);
	enum wire_result r;

	CHECK(copy);
	memcpy(copy, data, n);
	r = proxy_header_read(copy, n, ret);
	check_header(r, ret, n);
	free(copy);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxy_header h, part;
	enum wire_result r = proxy_header_read(data, size, &h), last = WIRE_MORE;
	size_t end = r == WIRE_DONE ? h.length : size;

	check_header(r, &h, size);
	if (h.has_addresses)
		check_round_trip(&h);
	/* Once refused is refused for good, and nothing is whole before its end. */
	for (size_t n = 0; n < end && n < 300; n++) {
		enum wire_result now = read_start(data, n, &part);

		CHECK(now != WIRE_DONE);
		CHECK(last != WIRE_BAD || now == WIRE_BAD);
		last = now;
	}
	CHECK(last != WIRE_BAD || r == WIRE_BAD);
	if (r == WIRE_DONE) {
		CHECK(last == WIRE_MORE);
		CHECK(read_start(data, h.length, &part) == WIRE_DONE);
		CHECK(memcmp(&h, &part, sizeof(h)) == 0);
	}
	return 0;
}
