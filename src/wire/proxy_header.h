/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The PROXY protocol, versions 1 and 2 (HAProxy's proxy-protocol.txt): how a balancer in front of us tells
 * the address of the client, and how we tell it to an upstream that asks for it.
 *
 * Pure: no I/O, no allocation.
 */
#pragma once

#include "base/addr.h"
#include "wire/client_hello.h"

#define PROXY_HEADER_MAX 4096 /* a v2 header with TLVs that is longer is refused */
#define PROXY_V2_MAX	 52   /* what proxy_header_format() writes at the most */

struct proxy_header {
	size_t length; /* bytes that the header takes; what follows is the client's */
	bool has_addresses; /* false: LOCAL (v2), UNKNOWN (v1) or AF_UNSPEC/UNIX: judge the peer itself */
	struct addr source, destination; /* only if has_addresses */
	uint16_t source_port, destination_port;
};

/* WIRE_BAD at the first byte that rules out both versions. UDP (v2 DGRAM) with addresses is WIRE_BAD. */
enum wire_result proxy_header_read(const uint8_t *buf, size_t len, struct proxy_header *ret);

/* Version 2, PROXY, TCP. Mixed families are written as IPv6, IPv4 mapped. Returns the length. */
size_t proxy_header_format(uint8_t dst[PROXY_V2_MAX], const struct addr *source,
			   uint16_t source_port, const struct addr *destination,
			   uint16_t destination_port);
