/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "netd/sockets.h"

#include "proc/listeners.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif
#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78
#endif

void sockets_init(struct sockets *s, const struct options *o, const struct netns *n)
{
	*s = (struct sockets){.options = o, .netns = n};
}

void sockets_done(struct sockets *s)
{
	free(s->known);
	*s = (struct sockets){0};
}

static int known_cmp(const struct socket_known *a, uint32_t network, const struct addr *addr,
		     uint16_t port)
{
	int c = (a->network > network) - (a->network < network);

	if (!c)
		c = addr_cmp(&a->addr, addr);
	return c ? c : (a->port > port) - (a->port < port);
}

/* Where it is, or would be. */
static size_t place_of(const struct sockets *s, uint32_t network, const struct addr *a,
		       uint16_t port)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (known_cmp(&s->known[middle], network, a, port) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_at(const struct sockets *s, size_t at, uint32_t network, const struct addr *a,
		  uint16_t port)
{
	return at < s->n && known_cmp(&s->known[at], network, a, port) == 0;
}

static int known_insert(struct sockets *s, size_t at, const struct socket_known *k)
{
	if (s->n == s->cap) {
		size_t more = s->cap ? s->cap * 2 : 32;
		struct socket_known *p = reallocarray(s->known, more, sizeof *p);

		if (!p)
			return -ENOMEM;
		s->known = p;
		s->cap = more;
	}
	memmove(s->known + at + 1, s->known + at, (s->n - at) * sizeof *s->known);
	s->known[at] = *k;
	s->n++;
	return 0;
}

static void known_drop(struct sockets *s, size_t at)
{
	s->n--;
	memmove(s->known + at, s->known + at + 1, (s->n - at) * sizeof *s->known);
}

static int cookie_of(int fd, uint64_t *ret_cookie)
{
	socklen_t len = sizeof *ret_cookie;

	return getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, ret_cookie, &len) ? -errno : 0;
}

int sockets_adopt(struct sockets *s, uint32_t network, const struct addr *a, uint16_t port, int fd)
{
	struct socket_known k = {.network = network, .addr = *a, .port = port};
	size_t at = place_of(s, network, a, port);
	int ret = cookie_of(fd, &k.namespace);

	if (ret)
		return ret;
	if (is_at(s, at, network, a, port)) {
		s->known[at] = k;
		return 0;
	}
	return known_insert(s, at, &k);
}

static int set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof value);
}

/* The thread is in the namespace. The socket is the caller's. */
static int endpoint_open(const struct options *o, const struct tables_network_endpoint *ep,
			 const char **ret_what)
{
	bool v6 = ep->addr.family == ADDR_V6;
	_cleanup_close_ int fd =
		socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(&ep->addr, ep->port, &sa);

	*ret_what = "socket";
	if (fd < 0)
		return -errno;
	*ret_what = "socket options";
	/* The address may come a moment later, or go for a moment. */
	if (set(fd, SOL_SOCKET, SO_REUSEADDR, 1) ||
	    (v6 &&
	     (set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) || set(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1))) ||
	    (!v6 && set(fd, IPPROTO_IP, IP_FREEBIND, 1)) || listener_options(fd, o))
		return -errno;
	*ret_what = "bind";
	if (bind(fd, (struct sockaddr *)&sa, len))
		return -errno;
	*ret_what = "listen";
	if (listen(fd, LISTEN_BACKLOG))
		return -errno;
	return take_fd(&fd);
}

static bool is_wanted(const struct socket_known *k, const struct tables_network_endpoint *endpoints,
		      size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (k->port == endpoints[i].port && addr_is_equal(&k->addr, &endpoints[i].addr))
			return true;
	return false;
}

/* What is not wanted, or is of a namespace that is no more. */
static int network_prune(struct sockets *s, uint32_t network, uint64_t cookie,
			 const struct tables_network_endpoint *endpoints, size_t n,
			 sockets_tell_fn *tell, void *arg)
{
	struct addr none = {0};
	size_t at = place_of(s, network, &none, 0);
	int ret = 0;

	while (at < s->n && s->known[at].network == network) {
		int told;

		if (s->known[at].namespace == cookie && is_wanted(&s->known[at], endpoints, n)) {
			at++;
			continue;
		}
		told = tell(&s->known[at], -1, arg);
		if (told) {
			ret = ret ? ret : told;
			at++;
		} else {
			known_drop(s, at);
		}
	}
	return ret;
}

static int endpoint_add(struct sockets *s, uint32_t network, uint64_t cookie,
			const struct tables_network_endpoint *ep, sockets_tell_fn *tell, void *arg,
			const char **ret_what)
{
	struct socket_known k = {
		.network = network, .addr = ep->addr, .port = ep->port, .namespace = cookie};
	size_t at = place_of(s, network, &ep->addr, ep->port);
	_cleanup_close_ int fd = -1;
	int ret;

	if (is_at(s, at, network, &ep->addr, ep->port))
		return 0;
	fd = endpoint_open(s->options, ep, ret_what);
	if (fd < 0)
		return fd;
	*ret_what = "handing it over";
	ret = known_insert(s, at, &k);
	if (ret)
		return ret;
	ret = tell(&k, fd, arg);
	if (ret)
		known_drop(s, at);
	return ret;
}

static int namespace_cookie(uint64_t *ret_cookie)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : cookie_of(fd, ret_cookie);
}

int sockets_apply(struct sockets *s, uint32_t network, const char *namespace,
		  const struct tables_network_endpoint *endpoints, size_t n, sockets_tell_fn *tell,
		  void *arg, struct err *e)
{
	_cleanup_close_ int fd = -1;
	char text[ENDPOINT_TEXT_MAX];
	const char *what = "";
	uint64_t cookie = 0;
	int ret;

	fd = netns_open(s->netns, namespace, false, e);
	if (fd < 0)
		return fd;
	ret = netns_enter(fd);
	if (ret)
		return err_set(e, ERR_UNAVAILABLE, NULL, "entering namespace '%s': %s", namespace,
			       strerror(-ret));
	ret = namespace_cookie(&cookie);
	if (!ret)
		ret = network_prune(s, network, cookie, endpoints, n, tell, arg);
	if (ret)
		ret = err_set(e, ERR_UNAVAILABLE, NULL, "sockets of namespace '%s': %s", namespace,
			      strerror(-ret));
	for (size_t i = 0; i < n; i++) {
		int added = endpoint_add(s, network, cookie, &endpoints[i], tell, arg, &what);

		if (added && !ret)
			ret = err_set(e, ERR_UNAVAILABLE, NULL,
				      "cannot listen on %s in namespace '%s': %s: %s",
				      endpoint_format(&endpoints[i].addr, endpoints[i].port, text),
				      namespace, what, strerror(-added));
	}
	netns_leave(s->netns);
	return ret;
}

int sockets_remove(struct sockets *s, uint32_t network, sockets_tell_fn *tell, void *arg)
{
	return network_prune(s, network, 0, NULL, 0, tell, arg);
}

int sockets_sweep(struct sockets *s, sockets_network_fn *is_there, sockets_tell_fn *tell, void *arg)
{
	int ret = 0;

	for (size_t i = 0; i < s->n;) {
		size_t before = s->n;
		int told = 0;

		if (!is_there(s->known[i].network, arg))
			told = sockets_remove(s, s->known[i].network, tell, arg);
		ret = ret ? ret : told;
		if (s->n == before)
			i++;
	}
	return ret;
}
