/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Every socket on which the daemon listens, opened once by the parent and passed to the roles, again and again when they are
 * restarted: a client that has been queued meanwhile is not lost.
 *
 * Each gate has its own socket per public address (SO_REUSEPORT: the kernel spreads new connections over them). Options set here
 * are inherited by the accepted sockets.
 *
 * The dns processes share one UDP and one TCP socket per address of theirs, so that none that dies or hangs keeps questions of
 * its own. Datagrams go out whatever somebody says of the path's MTU, and are never fragmented here (RFC 9715).
 */
#pragma once

#include "base/err.h"
#include "proc/options.h"

#define LISTEN_BACKLOG	     65535
#define KEEPALIVE_INTERVAL_S 10
#define KEEPALIVE_COUNT	     6
#define DNS_BACKLOG	     1024
#define DNS_RCVBUF	     (1 << 20) /* as far as the system allows */
#define DNS_PORT_TRIES	     32 /* to find a port that is free by both UDP and TCP, where any will do */

struct dns_listener {
	struct endpoint at; /* with the port that port 0 became, the same for both */
	int udp, tcp;
};

struct listeners {
	struct endpoint endpoints[LISTENERS_MAX]; /* with the ports that port 0 became */
	int public[GATES_MAX][LISTENERS_MAX];
	size_t n_gates, n_endpoints;
	struct dns_listener dns[LISTENERS_MAX];
	size_t n_dns;
	int api;     /* mode 0666: who may do what is decided by the peer's credentials */
	int metrics; /* -1: off */
};

/* 0, or -ERR_UNAVAILABLE with a text that names the address; nothing is open then. */
int listeners_open(const struct options *o, size_t n_gates, struct listeners *ret_listeners,
		   struct err *e) _must_check_;
void listeners_close(struct listeners *l);

/* What a connection to a cluster inherits from the socket that listens, public or private. 0, or -1 with errno. */
int listener_options(int fd, const struct options *o) _must_check_;
