/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Read the server name out of a TLS ClientHello (RFC 8446 section 4.1.2, RFC 6066 section 3), which may come in any
 * number of segments and be spread over any number of records (RFC 8446 section 5.1). TLS is not ended
 * here: the bytes are looked at and passed on untouched.
 *
 * The caller keeps all bytes from the first one of the connection on and calls again with more; the small state
 * remembers how far the records have been walked, so a hello that drips in byte by byte costs one pass, not n.
 *
 * Pure: no I/O, no allocation. Not re-entrant (one scratch buffer per process, for putting records together).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum wire_result { WIRE_DONE, WIRE_MORE, WIRE_BAD };

#define CLIENT_HELLO_MAX 16384 /* bytes on the wire, record headers included; more is refused */
#define SERVER_NAME_MAX	 253   /* RFC 1035, without the root dot */

struct client_hello {
	uint32_t next; /* offset of the first record that has not been walked */
	uint32_t have; /* handshake bytes in the records walked */
	uint32_t want; /* 4 + length of the handshake message, 0 if not yet known */
};

/* WIRE_BAD comes with one of these, so that the refusal can say why. */
enum client_hello_fault {
	CLIENT_HELLO_OK,
	CLIENT_HELLO_NOT_TLS, /* first bytes are no TLS handshake record */
	CLIENT_HELLO_MALFORMED, /* lengths that do not add up, empty records, wrong message, bad name */
	CLIENT_HELLO_TOO_LARGE, /* will not fit CLIENT_HELLO_MAX */
};

struct client_hello_result {
	enum client_hello_fault fault;
	uint16_t name_len; /* 0: the hello carries no server name */
	/* ASCII, folded to lower case, one trailing dot removed, terminated. */
	char name[SERVER_NAME_MAX + 1];
};

/*
 * Zero *st before the first call. buf holds all len bytes so far. WIRE_DONE: *ret is filled (name_len 0 if
 * there is no SNI). WIRE_MORE: call again when more has come. WIRE_BAD: ret->fault says why.
 *
 * The headers of the records and of the message are refused at the first byte that makes it certain (a first
 * byte other than 22 is NOT_TLS with len == 1), what is inside as soon as the message is whole; the result does
 * not depend on the pieces in which the bytes came. Nothing may follow the message in its last record.
 *
 * A name is accepted if it is 1..253 bytes of letters, digits, '-', '_' and '.', with no empty label; an SNI
 * list with a name type other than host_name, or with several names, is MALFORMED, and so is a second list.
 */
enum wire_result client_hello_read(struct client_hello *st, const uint8_t *buf, size_t len,
				   struct client_hello_result *ret);

/*
 * Write a plain ClientHello (TLS 1.2 and 1.3, common ciphers) for health checks. It carries no key share, so a
 * TLS 1.3 server answers with a HelloRetryRequest: a handshake record like any other, and all that a health check
 * looks at is the type of the first record. name may be NULL, and is otherwise at most SERVER_NAME_MAX bytes. Returns
 * the length, 0 if cap is too small (512 always suffices) or the name too long. random points to 32 bytes.
 */
size_t client_hello_format(uint8_t *dst, size_t cap, const char *name, const uint8_t random[32]);
