/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "netd/socket_open.h"

#include "proc/listeners.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78
#endif

#define DNS_BACKLOG	  1024
#define DNS_RECEIVE_BYTES (1 << 20) /* some thousand queries that wait */

static int set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof value);
}

static bool is_udp(enum endpoint_kind kind)
{
	return kind == ENDPOINT_DNS_UDP || kind == ENDPOINT_ASK_UDP;
}

static int address_options(int fd, bool v6)
{
	if (v6)
		return set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) ||
				       set(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1)
			       ? -1
			       : 0;
	return set(fd, IPPROTO_IP, IP_FREEBIND, 1);
}

/* No forged "packet too big" makes answers go in fragments, which could be forged in turn. */
static int udp_options(int fd, bool v6)
{
	if (v6 ? set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT)
	       : set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT))
		return -1;
	/* More than the machine's usual most, if we may; else that. */
	if (set(fd, SOL_SOCKET, SO_RCVBUFFORCE, DNS_RECEIVE_BYTES))
		(void)!set(fd, SOL_SOCKET, SO_RCVBUF, DNS_RECEIVE_BYTES);
	return 0;
}

static int kind_options(int fd, enum endpoint_kind kind, bool v6, const struct options *o)
{
	switch (kind) {
	case ENDPOINT_GATE:
		return set(fd, SOL_SOCKET, SO_REUSEADDR, 1) ? -1 : listener_options(fd, o);
	case ENDPOINT_DNS_TCP:
		return set(fd, SOL_SOCKET, SO_REUSEADDR, 1) ? -1
							    : set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	case ENDPOINT_DNS_UDP:
		return udp_options(fd, v6);
	case ENDPOINT_ASK_UDP:
		return set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1) ? -1 : udp_options(fd, v6);
	case ENDPOINT_ASK_TCP:
		return set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
			       ? -1
			       : set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	default:
		errno = EINVAL;
		return -1;
	}
}

int socket_open(const struct options *o, enum endpoint_kind kind, const struct addr *a,
		uint16_t port, const char **ret_what)
{
	const bool v6 = a->family == ADDR_V6;
	_cleanup_close_ int fd =
		socket(v6 ? AF_INET6 : AF_INET,
		       (is_udp(kind) ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(a, port, &sa);

	*ret_what = "socket";
	if (fd < 0)
		return -errno;
	*ret_what = "socket options";
	if (address_options(fd, v6) || kind_options(fd, kind, v6, o))
		return -errno;
	*ret_what = "bind";
	if (bind(fd, (struct sockaddr *)&sa, len))
		return -errno;
	*ret_what = "listen";
	if ((kind == ENDPOINT_GATE && listen(fd, LISTEN_BACKLOG)) ||
	    (kind == ENDPOINT_DNS_TCP && listen(fd, DNS_BACKLOG)))
		return -errno;
	return take_fd(&fd);
}
