/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/addr.h"

#include <arpa/inet.h>
#include <endian.h>
#include <stdio.h>
#include <string.h>

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* Text of a foreign string in a message. */
#define SHOWN_MAX 80

static struct addr raw_v6(const uint8_t bytes[16])
{
	uint64_t hi, lo;

	memcpy(&hi, bytes, 8);
	memcpy(&lo, bytes + 8, 8);
	return (struct addr){.hi = be64toh(hi), .lo = be64toh(lo), .family = ADDR_V6};
}

static void v6_bytes(const struct addr *a, uint8_t dst[16])
{
	uint64_t hi = htobe64(a->hi), lo = htobe64(a->lo);

	memcpy(dst, &hi, 8);
	memcpy(dst + 8, &lo, 8);
}

struct addr addr_v4(uint32_t host_order)
{
	return (struct addr){.lo = host_order, .family = ADDR_V4};
}

struct addr addr_v6(const uint8_t network_order[16])
{
	struct addr a = raw_v6(network_order);

	if (memcmp(network_order, mapped_prefix, sizeof(mapped_prefix)) == 0)
		return addr_v4((uint32_t)a.lo);
	return a;
}

int addr_cmp(const struct addr *a, const struct addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	if (a->hi != b->hi)
		return a->hi < b->hi ? -1 : 1;
	if (a->lo != b->lo)
		return a->lo < b->lo ? -1 : 1;
	return 0;
}

/* As written: an IPv4-mapped address stays IPv6. */
static int parse_raw(const char *text, struct addr *ret_addr)
{
	struct in_addr v4;
	uint8_t v6[16];

	if (inet_pton(AF_INET, text, &v4) == 1) {
		*ret_addr = addr_v4(ntohl(v4.s_addr));
		return 0;
	}
	if (inet_pton(AF_INET6, text, v6) == 1) {
		*ret_addr = raw_v6(v6);
		return 0;
	}
	return -ERR_INVALID;
}

static bool is_mapped(const struct addr *a)
{
	return a->family == ADDR_V6 && a->hi == 0 && a->lo >> 32 == 0xffff;
}

int addr_parse(const char *text, struct addr *ret_addr)
{
	struct addr a;

	if (parse_raw(text, &a) < 0)
		return -ERR_INVALID;
	*ret_addr = is_mapped(&a) ? addr_v4((uint32_t)a.lo) : a;
	return 0;
}

char *addr_format(const struct addr *a, char dst[ADDR_TEXT_MAX])
{
	const char *done = NULL;

	if (a->family == ADDR_V4) {
		struct in_addr v4 = {.s_addr = htonl((uint32_t)a->lo)};

		done = inet_ntop(AF_INET, &v4, dst, ADDR_TEXT_MAX);
	} else if (a->family == ADDR_V6) {
		uint8_t v6[16];

		v6_bytes(a, v6);
		done = inet_ntop(AF_INET6, v6, dst, ADDR_TEXT_MAX);
	}
	if (!done)
		memcpy(dst, "-", 2);
	return dst;
}

struct addr addr_from_sockaddr(const struct sockaddr_storage *sa, uint16_t *ret_port)
{
	uint16_t port = 0;
	struct addr a = {0};

	if (sa->ss_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, sa, sizeof(in));
		a = addr_v4(ntohl(in.sin_addr.s_addr));
		port = ntohs(in.sin_port);
	} else if (sa->ss_family == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, sa, sizeof(in6));
		a = addr_v6(in6.sin6_addr.s6_addr);
		port = ntohs(in6.sin6_port);
	}
	if (ret_port)
		*ret_port = port;
	return a;
}

socklen_t addr_to_sockaddr(const struct addr *a, uint16_t port, struct sockaddr_storage *ret_sa)
{
	memset(ret_sa, 0, sizeof(*ret_sa));
	if (a->family == ADDR_V4) {
		struct sockaddr_in in = {
			.sin_family = AF_INET,
			.sin_port = htons(port),
			.sin_addr.s_addr = htonl((uint32_t)a->lo),
		};

		memcpy(ret_sa, &in, sizeof(in));
		return sizeof(in);
	}
	if (a->family == ADDR_V6) {
		struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

		v6_bytes(a, in6.sin6_addr.s6_addr);
		memcpy(ret_sa, &in6, sizeof(in6));
		return sizeof(in6);
	}
	return 0;
}

/*
 * A decimal number without sign, leading zeros or white space, of at most `digits` digits. -1 if it is not one.
 */
static int32_t parse_decimal(const char *text, size_t len, size_t digits)
{
	int32_t value = 0;

	if (len == 0 || len > digits || (len > 1 && text[0] == '0'))
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		value = value * 10 + (text[i] - '0');
	}
	return value;
}

/* Address part of an endpoint, [start, start + len), and whether it stood in brackets. */
static int endpoint_addr(const char *start, size_t len, bool bracketed, struct addr *ret_addr)
{
	char buf[ADDR_TEXT_MAX];
	struct addr a;

	if (len == 0 || len >= sizeof(buf))
		return -ERR_INVALID;
	memcpy(buf, start, len);
	buf[len] = '\0';
	/* A bracket decides the family as written; a mapped address is written as IPv6. */
	if (parse_raw(buf, &a) < 0 || (a.family == ADDR_V6) != bracketed)
		return -ERR_INVALID;
	return addr_parse(buf, ret_addr);
}

int endpoint_parse(const char *text, struct addr *ret_addr, uint16_t *ret_port, struct err *e)
{
	bool bracketed = text[0] == '[';
	const char *start = bracketed ? text + 1 : text;
	const char *end = bracketed ? strchr(start, ']') : strrchr(text, ':');
	const char *colon = bracketed && end ? end + 1 : end;
	char shown[SHOWN_MAX];
	struct addr a;
	int32_t port;

	str_quote(shown, sizeof(shown), text, strlen(text));
	if (bracketed && !end)
		return err_set(e, ERR_INVALID, NULL, "\"%s\" has a [ without a ]", shown);
	if (!colon || *colon != ':')
		return err_set(e, ERR_INVALID, NULL,
			       "\"%s\" has no port: write ADDRESS:PORT or [IPV6]:PORT", shown);
	if (!bracketed && parse_raw(text, &a) == 0)
		return err_set(e, ERR_INVALID, NULL,
			       "\"%s\" is an IPv6 address without a port: write [%s]:PORT", shown,
			       shown);
	if (endpoint_addr(start, (size_t)(end - start), bracketed, &a) < 0)
		return err_set(e, ERR_INVALID, NULL,
			       "\"%s\" does not start with an IPv4 address, or an IPv6 address in "
			       "brackets; host names are not looked up",
			       shown);
	port = parse_decimal(colon + 1, strlen(colon + 1), 5);
	if (port < 1 || port > 65535)
		return err_set(e, ERR_INVALID, NULL,
			       "\"%s\" has no valid port: it must be a number from 1 to 65535",
			       shown);
	*ret_addr = a;
	*ret_port = (uint16_t)port;
	return 0;
}

char *endpoint_format(const struct addr *a, uint16_t port, char dst[ENDPOINT_TEXT_MAX])
{
	char text[ADDR_TEXT_MAX];
	bool v6 = a->family == ADDR_V6;

	addr_format(a, text);
	(void)snprintf(dst, ENDPOINT_TEXT_MAX, "%s%s%s:%u", v6 ? "[" : "", text, v6 ? "]" : "",
		       (unsigned)port);
	return dst;
}

/* 64 bits of which the first n (0..64) are set. */
static uint64_t mask64(unsigned n)
{
	return n == 0 ? 0 : ~UINT64_C(0) << (64 - n);
}

/* The mask of a prefix length in the same form as an address of that family. */
static struct addr prefix_mask(uint8_t family, unsigned len)
{
	struct addr m = {.family = family};

	if (family == ADDR_V4) {
		m.lo = mask64(len) >> 32;
	} else {
		m.hi = mask64(len < 64 ? len : 64);
		m.lo = mask64(len < 64 ? 0 : len - 64);
	}
	return m;
}

static bool has_space(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] == ' ' || (text[i] >= '\t' && text[i] <= '\r'))
			return true;
	}
	return false;
}

/* The address in front of the slash, as written. */
static int prefix_addr(const char *text, size_t len, struct addr *ret_addr)
{
	char buf[ADDR_TEXT_MAX];

	if (len == 0 || len >= sizeof(buf) || memchr(text, '\0', len))
		return -ERR_INVALID;
	memcpy(buf, text, len);
	buf[len] = '\0';
	return parse_raw(buf, ret_addr);
}

/* The length behind the slash; `shown` is the whole for the message. */
static int prefix_length(const char *text, size_t len, int32_t max, const char *shown,
			 int32_t *ret_bits, struct err *e)
{
	int32_t bits;

	if (len == 0)
		return err_set(e, ERR_INVALID, NULL, "\"%s\" has no prefix length after the /",
			       shown);
	if (len > 1 && text[0] == '0')
		return err_set(e, ERR_INVALID, NULL,
			       "\"%s\" has a prefix length with a leading zero", shown);
	bits = parse_decimal(text, len, 3);
	if (bits < 0 || bits > max)
		return err_set(e, ERR_INVALID, NULL,
			       "\"%s\" has a wrong prefix length: it must be a number from 0 to %d",
			       shown, (int)max);
	*ret_bits = bits;
	return 0;
}

/* Host bits are most often a typing mistake; the message has to name what would be right. */
static int refuse_host_bits(const struct addr *a, const struct addr *mask, int32_t bits,
			    const char *shown, struct err *e)
{
	struct prefix p = {
		.addr = {.hi = a->hi & mask->hi, .lo = a->lo & mask->lo, .family = a->family},
		.len = (uint8_t)bits,
	};
	char canonical[PREFIX_TEXT_MAX];

	return err_set(e, ERR_INVALID, NULL,
		       "\"%s\" has host bits set: did you mean %s, or a longer prefix?", shown,
		       prefix_format(&p, canonical));
}

int prefix_parse(const char *text, size_t len, struct prefix *ret_prefix, struct err *e)
{
	const char *slash = memchr(text, '/', len);
	size_t addr_len = slash ? (size_t)(slash - text) : len;
	char shown[SHOWN_MAX];
	struct addr a, mask;
	int32_t bits, max;
	int r;

	str_quote(shown, sizeof(shown), text, len);
	if (has_space(text, len))
		return err_set(e, ERR_INVALID, NULL, "\"%s\" contains white space", shown);
	if (prefix_addr(text, addr_len, &a) < 0)
		return err_set(e, ERR_INVALID, NULL,
			       "\"%s\" is not an IPv4 or IPv6 prefix: write it like 203.0.113.0/24 "
			       "or 2001:db8::/32",
			       shown);
	bits = max = a.family == ADDR_V4 ? 32 : 128;
	if (slash) {
		r = prefix_length(slash + 1, len - addr_len - 1, max, shown, &bits, e);
		if (r < 0)
			return r;
	}
	mask = prefix_mask(a.family, (unsigned)bits);
	if ((a.hi & ~mask.hi) || (a.lo & ~mask.lo & (max == 32 ? UINT32_MAX : UINT64_MAX)))
		return refuse_host_bits(&a, &mask, bits, shown, e);
	/* Without host bits a mapped prefix has at least 96 bits: the ffff would be among them. */
	if (is_mapped(&a)) {
		a = addr_v4((uint32_t)a.lo);
		bits -= 96;
	}
	*ret_prefix = (struct prefix){.addr = a, .len = (uint8_t)bits};
	return 0;
}

char *prefix_format(const struct prefix *p, char dst[PREFIX_TEXT_MAX])
{
	char text[ADDR_TEXT_MAX];

	addr_format(&p->addr, text);
	(void)snprintf(dst, PREFIX_TEXT_MAX, "%s/%u", text, (unsigned)p->len);
	return dst;
}

bool prefix_contains(const struct prefix *p, const struct addr *a)
{
	struct addr mask = prefix_mask(p->addr.family, p->len);

	return a->family == p->addr.family && p->addr.family != ADDR_NONE &&
	       ((a->hi ^ p->addr.hi) & mask.hi) == 0 && ((a->lo ^ p->addr.lo) & mask.lo) == 0;
}

int prefix_cmp(const struct prefix *a, const struct prefix *b)
{
	int r = addr_cmp(&a->addr, &b->addr);

	return r != 0 ? r : (a->len > b->len) - (a->len < b->len);
}
