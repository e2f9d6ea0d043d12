/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TSIG, RFC 8945: the record at the end of a DNS message that says by whom it is, and that proves it. Finding it is done here; what is
 * computed is libknot's.
 *
 * A MAC is taken whole or not at all: truncated ones are refused (BADTRUNC). The clock may differ by TSIG_FUDGE_S, whatever
 * the message says.
 *
 * No I/O but the clock. Everything that is read is inside the message.
 */
#pragma once

#include "wire/dname.h"

#define TSIG_SECRET_MIN 16
#define TSIG_SECRET_MAX 64
#define TSIG_MAC_MAX	64 /* of HMAC-SHA512 */
#define TSIG_FUDGE_S	300
#define TSIG_BYTES_MAX	384 /* at least tsig_size() of any key, and of an error */

enum tsig_algorithm { TSIG_HMAC_SHA256, TSIG_HMAC_SHA384, TSIG_HMAC_SHA512, TSIG_ALGORITHM_COUNT };

/* RFC 8945 section 3. All but TSIG_FINE are answered NOTAUTH; TSIG_FORMERR is none of them, and answered FORMERR. */
enum tsig_error {
	TSIG_FINE = 0,
	TSIG_FORMERR = 1,
	TSIG_BADSIG = 16,
	TSIG_BADKEY = 17,
	TSIG_BADTIME = 18,
	TSIG_BADTRUNC = 22
};

/* A key; everything is borrowed. */
struct tsig_secret {
	const uint8_t *name; /* wire form, folded */
	enum tsig_algorithm algorithm;
	const uint8_t *secret;
	size_t len;
};

/* The record, as it was found. */
struct tsig {
	size_t at;		 /* where it begins: everything before it is what was signed */
	uint8_t name[DNAME_MAX]; /* of the key, folded */
	uint8_t name_len;
	int algorithm; /* enum tsig_algorithm; -1: another */
	uint64_t time_signed;
	size_t rdata_at, rdata_len;
	size_t mac_at, mac_len;
};

/* 0; -ERR_NOT_FOUND: the message's last record is no TSIG; -ERR_INVALID: it is malformed, or not the last. */
int tsig_find(const uint8_t *message, size_t len, struct tsig *ret_tsig) _must_check_;
/* Is the message, in which t was found, by who has the key? TSIG_BADKEY also if the key's name or algorithm is not the one in the message. */
enum tsig_error tsig_check(const uint8_t *message, const struct tsig *t,
			   const struct tsig_secret *key);

/* What is signed continues what came before: first the request's MAC, then that of each message of the answer. */
struct tsig_chain {
	uint8_t mac[TSIG_MAC_MAX];
	size_t mac_len;
	bool has_signed; /* a message of the answer */
};

/* message: the request, in which t was found and checked; or NULL, for a request. */
void tsig_chain_begin(struct tsig_chain *chain, const uint8_t *message, const struct tsig *t);
/*
 * Put a TSIG behind the message of len octets, and count it in its header. error: TSIG_FINE or TSIG_BADTIME, with the time that the request was signed.
 * Returns the new length; 0: cap has no room, or no memory.
 */
size_t tsig_sign(uint8_t *message, size_t len, size_t cap, const struct tsig_secret *key,
		 struct tsig_chain *chain, enum tsig_error error, uint64_t time_signed)
	_must_check_;
/* The same for an error that is told unsigned: request is the message in which t was found. */
size_t tsig_put_error(uint8_t *message, size_t len, size_t cap, const uint8_t *request,
		      const struct tsig *t, enum tsig_error error) _must_check_;
/* The room that tsig_sign() needs at the most. */
size_t tsig_size(const struct tsig_secret *key);
