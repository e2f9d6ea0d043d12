/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * IP addresses and prefixes.
 *
 * An address is kept in host order, so that comparing numbers compares addresses. IPv4-mapped IPv6
 * (::ffff:a.b.c.d, RFC 4291 section 2.5.5.2) is always unmapped to IPv4: a client that comes through a
 * dual-stack socket is judged as the IPv4 source that it is.
 *
 * A prefix is canonical: host bits are zero. Parsing refuses host bits and never clears them.
 *
 * Values, no ownership. Any role.
 */
#pragma once

#include "base/err.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum addr_family { ADDR_NONE = 0, ADDR_V4 = 4, ADDR_V6 = 6 };

struct addr {
	uint64_t hi; /* IPv6: upper 64 bits. IPv4: 0 */
	uint64_t lo; /* IPv6: lower 64 bits. IPv4: the address in the lower 32 */
	uint8_t family;
	uint8_t zero[7]; /* so that two equal addresses are equal bytes */
};

struct prefix {
	struct addr addr;
	uint8_t len; /* 0..32 or 0..128 */
};

#define ADDR_TEXT_MAX	  46 /* INET6_ADDRSTRLEN */
#define PREFIX_TEXT_MAX	  50
#define ENDPOINT_TEXT_MAX 56 /* "[addr]:port" */

struct addr addr_v4(uint32_t host_order);
struct addr addr_v6(const uint8_t network_order[16]); /* unmaps */
int addr_cmp(const struct addr *a, const struct addr *b);
static inline bool addr_is_equal(const struct addr *a, const struct addr *b)
{
	return a->family == b->family && a->hi == b->hi && a->lo == b->lo;
}

/* 0.0.0.0 or ::, which stand for every address of a machine. */
static inline bool addr_is_wildcard(const struct addr *a)
{
	return a->family != ADDR_NONE && !a->hi && !a->lo;
}

/* Text to address; IPv6 without brackets or zone. 0 or -ERR_INVALID. */
int addr_parse(const char *text, struct addr *ret_addr) _must_check_;
/* RFC 5952 text. Returns dst. */
char *addr_format(const struct addr *a, char dst[ADDR_TEXT_MAX]);

/* family must be AF_INET or AF_INET6; any other gives ADDR_NONE. *ret_port in host order, may be NULL. */
struct addr addr_from_sockaddr(const struct sockaddr_storage *sa, uint16_t *ret_port);
socklen_t addr_to_sockaddr(const struct addr *a, uint16_t port, struct sockaddr_storage *ret_sa);

/* "10.0.0.1:6443", "[2001:db8::1]:6443". 0 or -ERR_INVALID with a text that says what is wrong. */
int endpoint_parse(const char *text, struct addr *ret_addr, uint16_t *ret_port, struct err *e)
	_must_check_;
char *endpoint_format(const struct addr *a, uint16_t port, char dst[ENDPOINT_TEXT_MAX]);

/*
 * "10.0.0.0/8", "2001:db8::/32"; a bare address is /32 or /128. Refused, each with its own sentence in e:
 * not an address, length missing or out of range, leading zeros, host bits set (the message names the canonical
 * form), white space. 0 or -ERR_INVALID. text need not be terminated beyond len.
 */
int prefix_parse(const char *text, size_t len, struct prefix *ret_prefix, struct err *e)
	_must_check_;
char *prefix_format(const struct prefix *p, char dst[PREFIX_TEXT_MAX]);
bool prefix_contains(const struct prefix *p, const struct addr *a);
/* By family, address, then length: a total order. */
int prefix_cmp(const struct prefix *a, const struct prefix *b);
