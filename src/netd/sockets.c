/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "netd/sockets.h"

#include "netd/socket_open.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

#define PORT_DNS 53

void sockets_init(struct sockets *s, const struct options *o, const struct netns *n)
{
	*s = (struct sockets){.options = o, .netns = n, .is_sorted = true};
}

void sockets_done(struct sockets *s)
{
	free(s->known);
	*s = (struct sockets){0};
}

/* --- what is known ---------------------------------------------------------------------------------------- */

#define CMP(a, b) (((a) > (b)) - ((a) < (b)))

/* By all but the namespace. */
static int known_cmp(const struct socket_known *a, const struct socket_known *b)
{
	int c = CMP(a->network, b->network);

	if (!c)
		c = addr_cmp(&a->addr, &b->addr);
	if (!c)
		c = CMP(a->kind, b->kind);
	if (!c)
		c = CMP(a->port, b->port);
	return c ? c : CMP(a->slot, b->slot);
}

static int known_by(const void *a, const void *b)
{
	return known_cmp(a, b);
}

static int known_add(struct sockets *s, size_t at, const struct socket_known *k)
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

/* Sockets come back in the parent's order, thousands of them: they are put in order once, when one is looked for. */
static void known_sort(struct sockets *s)
{
	size_t kept = 0;

	if (s->is_sorted)
		return;
	s->is_sorted = true;
	qsort(s->known, s->n, sizeof *s->known, known_by);
	for (size_t i = 0; i < s->n; i++) {
		if (!kept || known_cmp(&s->known[kept - 1], &s->known[i]) != 0)
			s->known[kept++] = s->known[i];
	}
	s->n = kept;
}

/* Where it is, or would be. */
static size_t place_of(const struct sockets *s, const struct socket_known *k)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (known_cmp(&s->known[middle], k) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int cookie_of(int fd, uint64_t *ret_cookie)
{
	socklen_t len = sizeof *ret_cookie;

	return getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, ret_cookie, &len) ? -errno : 0;
}

int sockets_adopt(struct sockets *s, const struct msg_endpoint *m, int fd)
{
	struct socket_known k = {.network = m->network,
				 .addr = m->addr,
				 .port = (uint16_t)m->port,
				 .slot = (uint16_t)m->slot,
				 .kind = (uint8_t)m->kind};
	int ret = m->kind >= ENDPOINT_KIND_COUNT ? -EINVAL : cookie_of(fd, &k.namespace);

	if (!ret)
		ret = known_add(s, s->n, &k);
	if (!ret)
		s->is_sorted = false;
	return ret;
}

/* --- what is wanted --------------------------------------------------------------------------------------- */

struct wanted {
	struct socket_known *keys; /* sorted */
	size_t n;
};

static void want(struct wanted *w, uint32_t network, const struct addr *a, enum endpoint_kind kind,
		 uint16_t port, uint32_t slots)
{
	for (uint32_t i = 0; i < slots; i++)
		w->keys[w->n++] = (struct socket_known){.network = network,
							.addr = *a,
							.port = port,
							.slot = (uint16_t)i,
							.kind = (uint8_t)kind};
}

/* 0 or -ENOMEM. */
static int wanted_of(const struct sockets *s, const struct tables_network *n,
		     struct wanted *ret_wanted)
{
	const uint32_t udp = s->n_dns * ENDPOINT_ASK_UDP_SLOTS;
	const uint32_t tcp = s->n_dns * ENDPOINT_ASK_TCP_SLOTS;
	struct wanted w = {0};
	size_t most = n->n_endpoints;

	for (uint32_t i = 0; s->n_dns && i < n->n_resolvers; i++)
		most += 2 + (n->resolvers[i].asks ? udp + tcp : 0);
	w.keys = calloc(most + 1, sizeof *w.keys);
	if (!w.keys)
		return -ENOMEM;
	for (uint32_t i = 0; i < n->n_endpoints; i++)
		want(&w, n->id, &n->endpoints[i].addr, ENDPOINT_GATE, n->endpoints[i].port, 1);
	for (uint32_t i = 0; s->n_dns && i < n->n_resolvers; i++) {
		const struct tables_resolver *r = &n->resolvers[i];

		want(&w, n->id, &r->addr, ENDPOINT_DNS_UDP, PORT_DNS, 1);
		want(&w, n->id, &r->addr, ENDPOINT_DNS_TCP, PORT_DNS, 1);
		want(&w, n->id, &r->addr, ENDPOINT_ASK_UDP, 0, r->asks ? udp : 0);
		want(&w, n->id, &r->addr, ENDPOINT_ASK_TCP, 0, r->asks ? tcp : 0);
	}
	qsort(w.keys, w.n, sizeof *w.keys, known_by);
	*ret_wanted = w;
	return 0;
}

static bool is_wanted(const struct socket_known *k, const struct wanted *w)
{
	return w->n && bsearch(k, w->keys, w->n, sizeof *w->keys, known_by);
}

/* --- from the one to the other ---------------------------------------------------------------------------- */

/* What is not wanted, or is of a namespace that is no more. */
static int network_prune(struct sockets *s, uint32_t network, uint64_t cookie,
			 const struct wanted *w, sockets_tell_fn *tell, void *arg)
{
	const struct socket_known first = {.network = network};
	size_t at = place_of(s, &first);
	int ret = 0;

	while (at < s->n && s->known[at].network == network) {
		int told;

		if (s->known[at].namespace == cookie && is_wanted(&s->known[at], w)) {
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

static int socket_add(struct sockets *s, uint64_t cookie, const struct socket_known *key,
		      sockets_tell_fn *tell, void *arg, const char **ret_what)
{
	struct socket_known k = *key;
	size_t at = place_of(s, &k);
	_cleanup_close_ int fd = -1;
	int ret;

	if (at < s->n && known_cmp(&s->known[at], &k) == 0)
		return 0;
	k.namespace = cookie;
	fd = socket_open(s->options, k.kind, &k.addr, k.port, ret_what);
	if (fd < 0)
		return fd;
	*ret_what = "handing it over";
	ret = known_add(s, at, &k);
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

/* The thread is in the namespace. */
static int wanted_apply(struct sockets *s, const char *namespace, uint32_t network,
			const struct wanted *w, sockets_tell_fn *tell, void *arg, struct err *e)
{
	char text[ENDPOINT_TEXT_MAX];
	const char *what = "";
	uint64_t cookie = 0;
	int ret = namespace_cookie(&cookie);

	if (!ret)
		ret = network_prune(s, network, cookie, w, tell, arg);
	if (ret)
		ret = err_set(e, ERR_UNAVAILABLE, NULL, "sockets of namespace '%s': %s", namespace,
			      strerror(-ret));
	for (size_t i = 0; i < w->n; i++) {
		const struct socket_known *k = &w->keys[i];
		int added = socket_add(s, cookie, k, tell, arg, &what);

		if (added && !ret)
			ret = err_set(e, ERR_UNAVAILABLE, NULL,
				      "no socket at %s in namespace '%s': %s: %s",
				      endpoint_format(&k->addr, k->port, text), namespace, what,
				      strerror(-added));
	}
	return ret;
}

int sockets_apply(struct sockets *s, const char *namespace, const struct tables_network *n,
		  sockets_tell_fn *tell, void *arg, struct err *e)
{
	_cleanup_close_ int fd = -1;
	struct wanted w;
	int ret;

	known_sort(s);
	fd = netns_open(s->netns, namespace, false, e);
	if (fd < 0)
		return fd;
	if (wanted_of(s, n, &w))
		return err_set(e, ERR_NOMEM, NULL, "no memory for sockets of '%s'", namespace);
	ret = netns_enter(fd);
	if (ret) {
		ret = err_set(e, ERR_UNAVAILABLE, NULL, "entering namespace '%s': %s", namespace,
			      strerror(-ret));
	} else {
		ret = wanted_apply(s, namespace, n->id, &w, tell, arg, e);
		netns_leave(s->netns);
	}
	free(w.keys);
	return ret;
}

int sockets_remove(struct sockets *s, uint32_t network, sockets_tell_fn *tell, void *arg)
{
	const struct wanted nothing = {0};

	known_sort(s);
	return network_prune(s, network, 0, &nothing, tell, arg);
}

int sockets_sweep(struct sockets *s, sockets_network_fn *is_there, sockets_tell_fn *tell, void *arg)
{
	int ret = 0;

	known_sort(s);
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
