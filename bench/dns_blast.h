/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The client of the name server's benchmark. Each way prints one JSON object on a line; times are CLOCK_MONOTONIC nanoseconds.
 *
 *	load    a closed loop: `window` queries are out at any time, over all sockets. Datagrams go out and come in in batches. What was
 *	        done in the window of time, and the CPU time that it took others
 *	until   one query after the other until the answer has a given A record
 *
 * A target is ADDRESS:PORT, or ADDRESS:PORT@FILE, FILE the network namespace in which the client stands.
 */
#pragma once

#include "load.h"

#define BLAST_WATCHED_MAX 16
#define BLAST_QUERY_MAX	  300 /* header, name, type and class, OPT */

struct blast_options {
	char **targets;
	size_t n_targets;
	const char *
		queries; /* load: file with a line "TARGET NAME TYPE" for each: TARGET is a number from 0, TYPE one too */
	uint32_t window;
	uint32_t sockets;      /* for each target */
	uint32_t milliseconds; /* length of the window, or the longest time to wait */
	uint32_t run_up;       /* load: milliseconds before the window opens */
	bool once;	       /* load: each query once, the window is all the time that takes */
	const char *name, *address; /* until */
	uint32_t pause_us;	    /* until: between an answer and the next query */
	uint32_t watched[BLAST_WATCHED_MAX];
	size_t n_watched;
	uint32_t server;
};

/* A socket connected to the target, in its namespace. Exits where none can be had. */
int blast_socket(const char *target);
/* EDNS with 1232 octets, recursion desired. Returns the length; exits if the name is none. The id is 0. */
size_t blast_query(const char *name, uint16_t type, uint8_t dst[BLAST_QUERY_MAX]);

int blast_load(const struct blast_options *o);
int blast_until(const struct blast_options *o);
