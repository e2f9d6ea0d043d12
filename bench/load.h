/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What load_client and load_server of the benchmark agree upon, and what both need.
 *
 * A connection begins with a true TLS ClientHello, since the proxies between read its server name. Its random carries the
 * command, so the server needs no other channel:
 *
 *	offset in random   0..5     6      7..10            11..14            15..31
 *	                   magic    mode   request bytes    response bytes    filler
 *
 * The server answers the hello before anything else goes on, as TLS does, with bytes that look like a record. A hello without
 * the magic (a health check) gets the same answer and is then listened to until it ends.
 *
 *	mode      after the hello
 *	ping      answer; then for each `request` bytes `response` bytes
 *	bulk      answer; then bytes without end from the server
 *	upload    answer; then bytes without end from the client
 *	short     `response` bytes, which are the answer, and end of file
 *	hold      answer; then silence
 *
 * Both tools are lean (sendfile out, MSG_TRUNC in), so that what stands between them is what is measured. They end with
 * the process that started them.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOAD_ANSWER	 64 /* bytes of the answer to a hello */
#define LOAD_RECORD_TYPE 22 /* first byte of every answer: a handshake record */
#define LOAD_RESPONSE_MAX \
	16384		      /* fits an empty socket buffer: the server never waits to write one */
#define LOAD_RANDOM_OFFSET 11 /* of the random in a ClientHello that fills one record */
#define LOAD_HEAD	   (LOAD_RANDOM_OFFSET + 15) /* enough of a hello to know length and command */
#define LOAD_HELLO_MAX	   512

enum load_mode {
	LOAD_PING = 'p',
	LOAD_BULK = 'b',
	LOAD_UPLOAD = 'u',
	LOAD_SHORT = 's',
	LOAD_HOLD = 'h',
};

struct load_command {
	uint32_t request, response; /* bytes */
	uint8_t mode;		    /* enum load_mode; 0: no command, answer only */
};

/* Write a ClientHello for `name` that carries *c into dst; returns its length. */
size_t load_hello_format(uint8_t dst[LOAD_HELLO_MAX], const char *name,
			 const struct load_command *c);
/* Read the command from a hello's first LOAD_HEAD bytes. Returns the hello's whole length. */
size_t load_hello_read(const uint8_t head[LOAD_HEAD], struct load_command *ret_command);

/* Say what and errno on stderr, exit with 1. The tools have no other way of failing: a bench run is then void. */
_Noreturn void load_die(const char *what);
/* Number in [min, max] from the command line, or exit. */
uint32_t load_number(const char *option, const char *text, uint32_t min, uint32_t max);
/* "a.b.c.d:port" from the command line, or exit. */
struct sockaddr_in load_endpoint(const char *option, const char *text);
/* Stay on one CPU (-1: any), take all descriptors that there are, ignore SIGPIPE, end with the parent. */
void load_process_init(int cpu);
void load_nodelay(int fd);
