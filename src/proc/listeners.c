/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proc/listeners.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define PUBLIC	"--listen"
#define METRICS "--metrics"

/* option, and the transport where it has more than one */
static int failed(struct err *e, const char *option, const struct endpoint *p, const char *what)
{
	const char *way_out = "";
	char text[ENDPOINT_TEXT_MAX];

	if (errno == EACCES)
		way_out = ": a port below 1024 needs root or CAP_NET_BIND_SERVICE";
	if (errno == EADDRINUSE)
		way_out = ": another program has it; give another address or port";
	if (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)
		way_out = ": this machine has no such address; give another one";
	if (errno == ENOENT)
		way_out = ": the kernel does not know this --congestion";
	return err_set(e, ERR_UNAVAILABLE, NULL, "%s: cannot listen on %s: %s: %s%s", option,
		       endpoint_format(&p->addr, p->port, text), what, strerror(errno), way_out);
}

static int set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof value);
}

static int socket_make(const struct addr *a, int type)
{
	int family = a->family == ADDR_V6 ? AF_INET6 : AF_INET;
	int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd >= 0 && family == AF_INET6 && set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) {
		close(fd);
		return -1;
	}
	return fd;
}

static int tcp_socket(const struct addr *a)
{
	int fd = socket_make(a, SOCK_STREAM);

	if (fd >= 0 && set(fd, SOL_SOCKET, SO_REUSEADDR, 1)) {
		close(fd);
		return -1;
	}
	return fd;
}

static int bind_at(int fd, const struct endpoint *p)
{
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(&p->addr, p->port, &sa);

	return bind(fd, (struct sockaddr *)&sa, len);
}

/* *p gets the port that the kernel chose if it is 0. */
static int port_read(int fd, struct endpoint *p)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof sa;

	if (getsockname(fd, (struct sockaddr *)&sa, &len))
		return -1;
	addr_from_sockaddr(&sa, &p->port);
	return 0;
}

/*
 * With SO_REUSEPORT a second daemon of the same user would silently get a share of our connections, and we of its: so first bind
 * without it, which fails if anyone listens there.
 */
static int nobody_has(const struct endpoint *p, struct err *e)
{
	_cleanup_close_ int fd = tcp_socket(&p->addr);

	if (fd < 0)
		return failed(e, PUBLIC, p, "socket");
	if (bind_at(fd, p))
		return failed(e, PUBLIC, p, "bind");
	return 0;
}

int listener_options(int fd, const struct options *o)
{
	/* Gates see a connection when its first bytes are there; the kernel counts in seconds. */
	int defer = (int)((o->hello_timeout_ms + 999) / 1000);

	if (set(fd, IPPROTO_TCP, TCP_NODELAY, 1) || set(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, defer) ||
	    set(fd, SOL_SOCKET, SO_KEEPALIVE, 1) ||
	    set(fd, IPPROTO_TCP, TCP_KEEPIDLE, (int)o->keepalive_s) ||
	    set(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S) ||
	    set(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT))
		return -1;
	if (o->congestion[0] && setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, o->congestion,
					   (socklen_t)strlen(o->congestion)))
		return -1;
	return 0;
}

static int public_open(const struct options *o, struct endpoint *p, struct err *e)
{
	_cleanup_close_ int fd = tcp_socket(&p->addr);

	if (fd < 0)
		return failed(e, PUBLIC, p, "socket");
	if (set(fd, SOL_SOCKET, SO_REUSEPORT, 1) || listener_options(fd, o))
		return failed(e, PUBLIC, p, "socket options");
	if (bind_at(fd, p))
		return failed(e, PUBLIC, p, "bind");
	if (listen(fd, LISTEN_BACKLOG) || port_read(fd, p))
		return failed(e, PUBLIC, p, "listen");
	return take_fd(&fd);
}

/* --- name server --- */

/* Neither SO_REUSEADDR, by which two programs could have one UDP port, nor SO_REUSEPORT: who comes second is refused. */
static int dns_udp_open(struct endpoint *p, struct err *e)
{
	static const char option[] = "--dns-listen (UDP)";
	_cleanup_close_ int fd = socket_make(&p->addr, SOCK_DGRAM);

	if (fd < 0)
		return failed(e, option, p, "socket");
	if (p->addr.family == ADDR_V6 ? set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT)
				      : set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT))
		return failed(e, option, p, "socket options");
	/* Past the system's maximum if we may, else up to it: it is for bursts. */
	if (set(fd, SOL_SOCKET, SO_RCVBUFFORCE, DNS_RCVBUF))
		(void)set(fd, SOL_SOCKET, SO_RCVBUF, DNS_RCVBUF);
	if (bind_at(fd, p) || port_read(fd, p))
		return failed(e, option, p, "bind");
	return take_fd(&fd);
}

static int dns_tcp_open(const struct endpoint *p, struct err *e)
{
	static const char option[] = "--dns-listen (TCP)";
	_cleanup_close_ int fd = tcp_socket(&p->addr);

	if (fd < 0)
		return failed(e, option, p, "socket");
	if (set(fd, IPPROTO_TCP, TCP_NODELAY, 1))
		return failed(e, option, p, "socket options");
	if (bind_at(fd, p))
		return failed(e, option, p, "bind");
	if (listen(fd, DNS_BACKLOG))
		return failed(e, option, p, "listen");
	return take_fd(&fd);
}

/* A port that the kernel chose for UDP may be somebody's by TCP: then another. */
static int dns_open(struct dns_listener *l, struct err *e)
{
	const struct endpoint wanted = l->at;

	for (int left = wanted.port ? 1 : DNS_PORT_TRIES; left; left--) {
		l->at = wanted;
		l->udp = dns_udp_open(&l->at, e);
		if (l->udp < 0)
			return l->udp;
		l->tcp = dns_tcp_open(&l->at, e);
		if (l->tcp >= 0)
			return 0;
		cleanup_close_p(&l->udp);
		l->udp = -1;
	}
	return l->tcp;
}

static int dns_open_all(const struct options *o, struct listeners *l, struct err *e)
{
	int ret = 0;

	while (!ret && l->n_dns < o->n_dns_listen) {
		struct dns_listener *d = &l->dns[l->n_dns++];

		*d = (struct dns_listener){.at = o->dns_listen[l->n_dns - 1], .udp = -1, .tcp = -1};
		ret = dns_open(d, e);
	}
	return ret;
}

/* --- control --- */

static int metrics_open(const struct endpoint *p, struct err *e)
{
	_cleanup_close_ int fd = tcp_socket(&p->addr);

	if (fd < 0)
		return failed(e, METRICS, p, "socket");
	if (bind_at(fd, p))
		return failed(e, METRICS, p, "bind");
	if (listen(fd, 128))
		return failed(e, METRICS, p, "listen");
	return take_fd(&fd);
}

/* Remove what a killed daemon left, but neither a file that is no socket nor a socket that somebody serves. */
static int stale_remove(const char *path, const struct sockaddr_un *sa, struct err *e)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (lstat(path, &st))
		return errno == ENOENT ? 0
				       : err_set(e, ERR_UNAVAILABLE, NULL, "API socket %s: %s",
						 path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return err_set(e, ERR_UNAVAILABLE, NULL,
			       "API socket %s: there is something else of this name", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set(e, ERR_UNAVAILABLE, NULL, "API socket %s: %s", path,
			       strerror(errno));
	if (!connect(fd, (const struct sockaddr *)sa, sizeof *sa) || errno != ECONNREFUSED)
		return err_set(e, ERR_UNAVAILABLE, NULL,
			       "API socket %s: another program answers on it; give this daemon a "
			       "--socket of its own",
			       path);
	if (unlink(path))
		return err_set(e, ERR_UNAVAILABLE, NULL, "API socket %s: %s", path,
			       strerror(errno));
	return 0;
}

static int api_open(const char *path, struct err *e)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = -1;
	int ret;

	if (strlen(path) >= sizeof sa.sun_path)
		return err_set(e, ERR_USAGE, NULL, "--socket: the path is too long");
	memcpy(sa.sun_path, path, strlen(path) + 1);
	ret = stale_remove(path, &sa, e);
	if (ret)
		return ret;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof sa) || chmod(path, 0666) ||
	    listen(fd, 1024))
		return err_set(e, ERR_UNAVAILABLE, NULL, "API socket %s: %s", path,
			       strerror(errno));
	return take_fd(&fd);
}

static int public_open_all(const struct options *o, size_t n_gates, struct listeners *l,
			   struct err *e)
{
	for (size_t i = 0; i < o->n_listen; i++) {
		int ret = nobody_has(&l->endpoints[i], e);

		if (ret)
			return ret;
		for (size_t g = 0; g < n_gates; g++) {
			l->public[g][i] = public_open(o, &l->endpoints[i], e);
			if (l->public[g][i] < 0)
				return l->public[g][i];
		}
	}
	return 0;
}

int listeners_open(const struct options *o, size_t n_gates, struct listeners *ret_listeners,
		   struct err *e)
{
	struct listeners *l = ret_listeners;
	int ret;

	*l = (struct listeners){
		.n_gates = n_gates, .n_endpoints = o->n_listen, .api = -1, .metrics = -1};
	for (size_t g = 0; g < GATES_MAX; g++)
		for (size_t i = 0; i < LISTENERS_MAX; i++)
			l->public[g][i] = -1;
	memcpy(l->endpoints, o->listen, sizeof l->endpoints);
	ret = public_open_all(o, n_gates, l, e);
	if (!ret)
		ret = dns_open_all(o, l, e);
	if (ret)
		goto out;
	if (o->metrics.addr.family != ADDR_NONE) {
		l->metrics = metrics_open(&o->metrics, e);
		if (l->metrics < 0) {
			ret = l->metrics;
			goto out;
		}
	}
	l->api = api_open(o->socket_path, e);
	if (l->api < 0)
		ret = l->api;
out:
	if (ret)
		listeners_close(l);
	return ret;
}

void listeners_close(struct listeners *l)
{
	for (size_t g = 0; g < l->n_gates; g++)
		for (size_t i = 0; i < l->n_endpoints; i++)
			cleanup_close_p(&l->public[g][i]);
	for (size_t i = 0; i < l->n_dns; i++) {
		cleanup_close_p(&l->dns[i].udp);
		cleanup_close_p(&l->dns[i].tcp);
	}
	cleanup_close_p(&l->metrics);
	cleanup_close_p(&l->api);
	*l = (struct listeners){.api = -1, .metrics = -1};
}
