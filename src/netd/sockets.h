/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sockets at private addresses, opened inside their router's namespace and given away: the parent keeps them (socket_open.h). Here is
 * remembered which there are, and of which namespace each is (SO_NETNS_COOKIE): a namespace that was made anew under its old name needs
 * new ones.
 *
 * No descriptor is kept.
 */
#pragma once

#include "netd/netns.h"
#include "proc/msg.h"
#include "proc/options.h"
#include "tables/network.h"

struct socket_known {
	uint32_t network; /* id of the router */
	struct addr addr;
	uint16_t port, slot;
	uint8_t kind;	    /* enum endpoint_kind */
	uint64_t namespace; /* cookie */
};

struct sockets {
	const struct options *options;
	const struct netns *netns;
	uint32_t n_dns;		    /* dns processes; 0: nobody would answer */
	struct socket_known *known; /* by network, address, kind, port, slot, once is_sorted */
	size_t n, cap;
	bool is_sorted;
};

/* fd: a new socket, borrowed; -1: the one told before is no longer wanted. 0, or -errno: could not be told, it counts as not done. */
typedef int sockets_tell_fn(const struct socket_known *s, int fd, void *arg);

void sockets_init(struct sockets *s, const struct options *o, const struct netns *n);
void sockets_done(struct sockets *s);
/* One that an earlier netd opened is given back; fd is borrowed. 0 or -errno: it is no such socket. */
int sockets_adopt(struct sockets *s, const struct msg_endpoint *m, int fd) _must_check_;
/*
 * The sockets of a router are those of its endpoints and resolvers in this record, in this namespace. Goes on after an error, which is the
 * first.
 */
int sockets_apply(struct sockets *s, const char *namespace, const struct tables_network *n,
		  sockets_tell_fn *tell, void *arg, struct err *e) _must_check_;
/* The network is no more. */
int sockets_remove(struct sockets *s, uint32_t network, sockets_tell_fn *tell, void *arg)
	_must_check_;
/* Of networks for which is_there says no, after a start. */
typedef bool sockets_network_fn(uint32_t network, void *arg);
int sockets_sweep(struct sockets *s, sockets_network_fn *is_there, sockets_tell_fn *tell, void *arg)
	_must_check_;
