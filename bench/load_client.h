/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The client side of the benchmark's load: what the command line asks for, and the three ways of doing it. Each prints one
 * JSON object on a line for whoever started it and returns the exit status. All times are CLOCK_MONOTONIC nanoseconds, which
 * other processes on the machine can compare with theirs.
 */
#pragma once

#include "load.h"

#define WATCHED_MAX 16

struct load_options {
	struct sockaddr_in to;
	const char *mode; /* first argument */
	const char *name; /* server name; with --names: the part after "cN." */
	uint32_t names;	  /* connections spread over c0.NAME .. c<names-1>.NAME; 0: NAME itself */
	uint32_t connections; /* in parallel */
	uint32_t total;	      /* short: stop after so many; 0: after the time */
	uint32_t request, response;
	uint32_t milliseconds; /* length of the measured window, or the longest time to wait */
	uint32_t pause_us;     /* refused: between two connections */
	uint32_t sources;      /* source addresses 127.0.10.1 and up; 0: the system's choice */
	int cpu;
	uint32_t watched[WATCHED_MAX]; /* processes whose CPU time is reported as cpu_ns */
	uint32_t n_watched;
	uint32_t
		server; /* process of load_server, so that its time is not taken for foreign load */
};

/* A non-blocking socket on its way to o->to, from the nth source. Exits where none can be had. */
int load_connect(const struct load_options *o, uint32_t nth);
/* The name of the nth connection; dst as large as a server name may be. */
void load_name(const struct load_options *o, uint32_t nth, char dst[254]);

/* ping, bulk, upload, short: keep `connections` busy and count what gets done in the window. */
int load_rate(const struct load_options *o, enum load_mode mode);
/*
 * hold: open `connections`, print that they are up, then wait until all of them are cut, standard input ends or the
 * time is over; print when the first and the last were cut.
 */
int load_hold(const struct load_options *o);
/*
 * refused, served: open one connection after the other until the first that is refused, or served. For "refused" prints
 * a line after the first that was served.
 */
int load_probe(const struct load_options *o, bool until_served);
