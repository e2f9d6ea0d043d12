/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wire/proxy_header.h"

#include "wire/cursor.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

#define V1_MAX	      107 /* longest line with its CRLF */
#define V2_HEADER     16
#define V2_ADDRS_V4   12
#define V2_ADDRS_V6   36
#define V2_ADDRS_UNIX 216

enum { V2_LOCAL = 0x20, V2_PROXY = 0x21 };
/* Address family and transport in one byte; any other value has to be refused. */
enum { V2_UNSPEC = 0x00, V2_TCP4 = 0x11, V2_TCP6 = 0x21, V2_UNIX_STREAM = 0x31 };

static const uint8_t v1_start[6] = {'P', 'R', 'O', 'X', 'Y', ' '};
static const uint8_t v2_start[12] = {'\r', '\n', '\r', '\n', 0,	  '\r',
				     '\n', 'Q',	 'U',  'I',  'T', '\n'};

/* Whether what is there of a, at least one byte, could become b. */
static bool may_start(const uint8_t *a, size_t a_len, const void *b, size_t b_len)
{
	return memcmp(a, b, a_len < b_len ? a_len : b_len) == 0;
}

static struct addr take_v4(struct cursor *c)
{
	uint32_t upper = cursor_be16(c);

	return addr_v4(upper << 16 | cursor_be16(c));
}

static struct addr take_v6(struct cursor *c)
{
	const uint8_t *bytes = cursor_take(c, 16);

	return bytes ? addr_v6(bytes) : (struct addr){0};
}

/* The address block of a PROXY command; TLVs behind it are left alone. */
static enum wire_result read_v2_addrs(struct cursor *c, uint8_t kind, struct proxy_header *ret)
{
	switch (kind) {
	case V2_UNSPEC:
		return WIRE_DONE;
	case V2_UNIX_STREAM:
		cursor_take(c, V2_ADDRS_UNIX);
		return c->bad ? WIRE_BAD : WIRE_DONE;
	case V2_TCP4:
		ret->source = take_v4(c);
		ret->destination = take_v4(c);
		break;
	case V2_TCP6:
		ret->source = take_v6(c);
		ret->destination = take_v6(c);
		break;
	default:
		return WIRE_BAD;
	}
	ret->source_port = cursor_be16(c);
	ret->destination_port = cursor_be16(c);
	ret->has_addresses = !c->bad;
	return c->bad ? WIRE_BAD : WIRE_DONE;
}

/* Bytes that the address block of a kind takes at the least; SIZE_MAX if the kind has to be refused. */
static size_t v2_least(uint8_t kind)
{
	switch (kind) {
	case V2_UNSPEC:
		return 0;
	case V2_TCP4:
		return V2_ADDRS_V4;
	case V2_TCP6:
		return V2_ADDRS_V6;
	case V2_UNIX_STREAM:
		return V2_ADDRS_UNIX;
	default:
		return SIZE_MAX;
	}
}

static enum wire_result read_v2(const uint8_t *buf, size_t len, struct proxy_header *ret)
{
	struct cursor c = cursor_of(buf, len), block;
	uint8_t command, kind;
	size_t length;

	if (len > 12 && buf[12] != V2_LOCAL && buf[12] != V2_PROXY)
		return WIRE_BAD;
	/* With LOCAL the rest is to be skipped unseen: the balancer speaks for itself. */
	if (len > 13 && buf[12] == V2_PROXY && v2_least(buf[13]) == SIZE_MAX)
		return WIRE_BAD;
	if (len < V2_HEADER)
		return WIRE_MORE;
	cursor_take(&c, sizeof(v2_start));
	command = cursor_u8(&c);
	kind = cursor_u8(&c);
	length = cursor_be16(&c);
	if (V2_HEADER + length > PROXY_HEADER_MAX)
		return WIRE_BAD;
	if (command == V2_PROXY && length < v2_least(kind))
		return WIRE_BAD;
	if (cursor_left(&c) < length)
		return WIRE_MORE;
	ret->length = V2_HEADER + length;
	block = cursor_sub(&c, length);
	return command == V2_LOCAL ? WIRE_DONE : read_v2_addrs(&block, kind, ret);
}

/* Whether the first word after "PROXY ", as far as it is there, is one of the three. */
static bool is_v1_word(const uint8_t *buf, size_t len)
{
	size_t n = len - sizeof(v1_start);
	const uint8_t *word = buf + sizeof(v1_start);

	return may_start(word, n, "TCP4 ", 5) || may_start(word, n, "TCP6 ", 5) ||
	       may_start(word, n, "UNKNOWN ", 8) || may_start(word, n, "UNKNOWN\r", 8);
}

/* The line's length without CRLF in *ret_line. A line has no control characters. */
static enum wire_result find_v1_end(const uint8_t *buf, size_t len, size_t *ret_line)
{
	size_t max = len < V1_MAX ? len : V1_MAX;

	for (size_t i = 0; i < max; i++) {
		if (buf[i] >= 0x20 && buf[i] <= 0x7e)
			continue;
		if (buf[i] != '\r' || i + 1 == V1_MAX)
			return WIRE_BAD;
		if (i + 1 == len)
			return WIRE_MORE;
		*ret_line = i;
		return buf[i + 1] == '\n' ? WIRE_DONE : WIRE_BAD;
	}
	return len < V1_MAX ? WIRE_MORE : WIRE_BAD;
}

/* The bytes up to the next space or the end, terminated in dst; false if there are none or too many. */
static bool take_word(struct cursor *c, char *dst, size_t cap)
{
	size_t n = 0;

	while (cursor_left(c) > 0) {
		char byte = (char)cursor_u8(c);

		if (byte == ' ')
			break;
		if (n + 1 >= cap)
			return false;
		dst[n++] = byte;
	}
	dst[n] = '\0';
	return n > 0;
}

static bool take_v1_addr(struct cursor *c, bool v6, struct addr *ret_addr)
{
	char text[ADDR_TEXT_MAX];

	if (!take_word(c, text, sizeof(text)) || (strchr(text, ':') != NULL) != v6)
		return false;
	return addr_parse(text, ret_addr) == 0;
}

static bool take_v1_port(struct cursor *c, uint16_t *ret_port)
{
	uint32_t port = 0;
	char text[6];

	if (!take_word(c, text, sizeof(text)) || (text[0] == '0' && text[1] != '\0'))
		return false;
	for (const char *s = text; *s; s++) {
		if (*s < '0' || *s > '9')
			return false;
		port = port * 10 + (uint32_t)(*s - '0');
	}
	*ret_port = (uint16_t)port;
	return port <= UINT16_MAX;
}

static enum wire_result read_v1(const uint8_t *buf, size_t len, struct proxy_header *ret)
{
	enum wire_result r;
	struct cursor c;
	char word[8];
	size_t line;
	bool v6;

	if (len > sizeof(v1_start) && !is_v1_word(buf, len))
		return WIRE_BAD;
	r = find_v1_end(buf, len, &line);
	if (r != WIRE_DONE)
		return r;
	ret->length = line + 2;
	c = cursor_of(buf, line);
	cursor_take(&c, sizeof(v1_start));
	if (!take_word(&c, word, sizeof(word)))
		return WIRE_BAD;
	if (strcmp(word, "UNKNOWN") == 0)
		return WIRE_DONE; /* whatever else stands in the line does not count */
	v6 = strcmp(word, "TCP6") == 0;
	if (!take_v1_addr(&c, v6, &ret->source) || !take_v1_addr(&c, v6, &ret->destination) ||
	    !take_v1_port(&c, &ret->source_port) || !take_v1_port(&c, &ret->destination_port))
		return WIRE_BAD;
	/* A space at the very end was taken together with the last port. */
	if (cursor_left(&c) != 0 || buf[line - 1] == ' ')
		return WIRE_BAD;
	ret->has_addresses = true;
	return WIRE_DONE;
}

enum wire_result proxy_header_read(const uint8_t *buf, size_t len, struct proxy_header *ret)
{
	enum wire_result r = WIRE_BAD;

	memset(ret, 0, sizeof(*ret));
	if (len == 0)
		return WIRE_MORE;
	if (may_start(buf, len, v2_start, sizeof(v2_start)))
		r = read_v2(buf, len, ret);
	else if (may_start(buf, len, v1_start, sizeof(v1_start)))
		r = read_v1(buf, len, ret);
	if (r != WIRE_DONE)
		memset(ret, 0, sizeof(*ret));
	return r;
}

static uint8_t *put_be16(uint8_t *dst, uint16_t value)
{
	dst[0] = (uint8_t)(value >> 8);
	dst[1] = (uint8_t)value;
	return dst + 2;
}

static uint8_t *put_addr(uint8_t *dst, const struct addr *a, bool v6)
{
	uint64_t hi, lo;
	uint32_t v4;

	if (!v6) {
		v4 = htobe32((uint32_t)a->lo);
		memcpy(dst, &v4, 4);
		return dst + 4;
	}
	hi = htobe64(a->hi);
	lo = htobe64(a->family == ADDR_V4 ? UINT64_C(0xffff) << 32 | a->lo : a->lo);
	memcpy(dst, &hi, 8);
	memcpy(dst + 8, &lo, 8);
	return dst + 16;
}

size_t proxy_header_format(uint8_t dst[PROXY_V2_MAX], const struct addr *source,
			   uint16_t source_port, const struct addr *destination,
			   uint16_t destination_port)
{
	bool v6 = source->family == ADDR_V6 || destination->family == ADDR_V6;
	uint8_t *p = dst;

	assert(source->family != ADDR_NONE && destination->family != ADDR_NONE);
	memcpy(p, v2_start, sizeof(v2_start));
	p += sizeof(v2_start);
	*p++ = V2_PROXY;
	*p++ = v6 ? V2_TCP6 : V2_TCP4;
	p = put_be16(p, v6 ? V2_ADDRS_V6 : V2_ADDRS_V4);
	p = put_addr(p, source, v6);
	p = put_addr(p, destination, v6);
	p = put_be16(p, source_port);
	p = put_be16(p, destination_port);
	return (size_t)(p - dst);
}
