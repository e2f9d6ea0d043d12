/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "netd/cut.h"

#include "model/net.h"
#include "netd/netlink.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <stdlib.h>
#include <string.h>

#define PORT_DNS	 53
#define TCP_STATES	 12 /* TCP_ESTABLISHED .. TCP_NEW_SYN_RECV, which the headers do not number */
#define TCP_TIME_WAIT	 6
#define TCP_CLOSE	 7
#define TCP_LISTEN	 10
#define CONNECTED_STATES (((1u << (TCP_STATES + 1)) - 2) & ~(1u << TCP_TIME_WAIT | 1u << TCP_CLOSE))

/* --- judging: pure ---------------------------------------------------------------------------------------- */

static bool host_has(const struct tables_host *h, const struct addr *a)
{
	return addr_is_equal(&h->addresses[0], a) || addr_is_equal(&h->addresses[1], a);
}

static bool is_local(const struct tables_network *n, const struct addr *a)
{
	for (uint32_t i = 0; i < n->n_spaces; i++)
		if (prefix_contains(&n->spaces[i], a))
			return true;
	return false;
}

static const struct tables_resolver *resolver_at(const struct tables_network *n,
						 const struct addr *a)
{
	for (uint32_t i = 0; i < n->n_resolvers; i++)
		if (addr_is_equal(&n->resolvers[i].addr, a))
			return &n->resolvers[i];
	return NULL;
}

static bool local_is_there(const struct tables_network *n, const struct cut_flow *f)
{
	const struct tables_resolver *r = resolver_at(n, &f->remote);

	if (r && r->asks && f->local_port == PORT_DNS)
		return true;
	for (uint32_t i = 0; i < n->n_endpoints; i++)
		if (n->endpoints[i].port == f->remote_port &&
		    addr_is_equal(&n->endpoints[i].addr, &f->remote))
			return true;
	for (uint32_t i = 0; i < n->n_hosts; i++)
		if (host_has(&n->hosts[i], &f->remote))
			return true;
	return false;
}

static const struct tables_route *route_find(const struct tables_network *n, uint32_t table,
					     const struct addr *a)
{
	const struct tables_route *best = NULL;

	for (uint32_t i = 0; i < n->n_routes; i++) {
		const struct tables_route *r = &n->routes[i];

		if (r->table == table && prefix_contains(&r->to, a) &&
		    (!best || r->to.len > best->to.len))
			best = r;
	}
	return best;
}

/* By its own public address, or by a NAT of its table. */
static bool may_leave(const struct tables_network *n, uint32_t table, const struct tables_host *h,
		      const struct addr *to)
{
	int family = addr_index(to);

	if (h->public[family].family != ADDR_NONE)
		return true;
	for (uint32_t i = 0; i < n->n_nats; i++)
		if (n->nats[i].table == table && prefix_contains(&n->nats[i].to, to) &&
		    n->nats[i].address[family].family != ADDR_NONE)
			return true;
	return false;
}

static bool is_routed(const struct tables_network *n, const struct tables_host *h,
		      const struct cut_flow *f)
{
	uint32_t table = n->subnets[h->subnet].table;
	const struct tables_route *r;

	if (is_local(n, &f->remote))
		return local_is_there(n, f);
	r = route_find(n, table, &f->remote);
	if (!r || r->kind == ROUTE_DROP)
		return false;
	return r->kind != ROUTE_UPLINK || may_leave(n, table, h, &f->remote);
}

/* What is asked of a group: the other end, and by which protocol (enum protocol) to which port. */
struct wish {
	const struct addr *other;
	uint8_t protocol;
	uint16_t port;
};

static bool rule_allows(const struct tables_network *n, const struct tables_rule *r,
			const struct wish *w)
{
	if (r->protocol != PROTOCOL_ANY &&
	    (r->protocol != w->protocol ||
	     (w->protocol != PROTOCOL_ICMP && (w->port < r->port_first || w->port > r->port_last))))
		return false;
	for (uint32_t i = 0; i < r->n_prefixes; i++)
		if (prefix_contains(&n->prefixes[r->first_prefix + i], w->other))
			return true;
	return false;
}

static bool groups_allow(const struct tables_network *n, const struct tables_host *h, bool ingress,
			 const struct wish *w)
{
	for (uint32_t g = 0; g < h->n_groups; g++) {
		const struct tables_group *group = &n->groups[n->host_groups[h->first_group + g]];

		if (!ingress && group->egress_open)
			return true;
		for (uint32_t i = group->first_rule; i < group->first_rule + group->n_rules; i++)
			if (n->rules[i].is_ingress == ingress && rule_allows(n, &n->rules[i], w))
				return true;
	}
	return h->n_groups == 0;
}

bool cut_is_allowed(const struct tables_network *n, const struct tables_host *h,
		    const struct cut_flow *f)
{
	if (!host_has(h, &f->local) || host_has(h, &f->remote))
		return true;
	/* Names are asked whatever the groups say. */
	if (f->remote_port == PORT_DNS && resolver_at(n, &f->remote))
		return true;
	if (!is_routed(n, h, f))
		return false;
	if (groups_allow(n, h, true, &(struct wish){&f->remote, PROTOCOL_TCP, f->local_port}))
		return true;
	return !f->is_listened &&
	       groups_allow(n, h, false, &(struct wish){&f->remote, PROTOCOL_TCP, f->remote_port});
}

static const struct tables_host *host_at(const struct tables_network *n, const struct addr *a)
{
	for (uint32_t i = 0; i < n->n_hosts; i++)
		if (host_has(&n->hosts[i], a))
			return &n->hosts[i];
	return NULL;
}

/* A resolver's own address is like a host's in its subnet, without groups. NULL: it is none, or asks nobody. */
static const struct tables_host *asker_at(const struct tables_network *n, const struct addr *a,
					  struct tables_host *asker)
{
	const struct tables_resolver *r = resolver_at(n, a);
	int f = addr_index(a);

	if (!r || !r->asks)
		return NULL;
	*asker = (struct tables_host){0};
	asker->addresses[f] = *a;
	for (uint32_t i = 0; i < n->n_subnets; i++)
		if (n->subnets[i].ranges[f].addr.family == a->family &&
		    prefix_contains(&n->subnets[i].ranges[f], a)) {
			asker->subnet = i;
			return asker;
		}
	return NULL;
}

/* As whom a host is seen on the internet, at this destination; as the ruleset does it, the longest prefix decides. */
static const struct addr *leaves_as(const struct tables_network *n, const struct tables_host *h,
				    const struct addr *to)
{
	uint32_t table = n->subnets[h->subnet].table;
	const struct tables_route *r = route_find(n, table, to);
	const struct tables_nat *best = NULL;

	for (uint32_t i = 0; i < n->n_nats; i++)
		if (n->nats[i].table == table && prefix_contains(&n->nats[i].to, to) &&
		    (!best || n->nats[i].to.len > best->to.len))
			best = &n->nats[i];
	if (best && (!r || r->to.len <= best->to.len))
		return &best->address[addr_index(to)];
	return &h->public[addr_index(to)];
}

static bool is_translated_so(const struct tables_network *n, const struct cut_track *t,
			     const struct tables_host *from, const struct tables_host *to)
{
	if (!addr_is_equal(&t->called, &t->target) &&
	    (!to || !addr_is_equal(&t->called, &to->public[addr_index(&t->called)])))
		return false;
	return addr_is_equal(&t->source, &t->seen) ||
	       (from && addr_is_equal(&t->seen, leaves_as(n, from, &t->target)));
}

static uint8_t protocol_of(uint8_t ip)
{
	if (ip == IPPROTO_UDP)
		return PROTOCOL_UDP;
	return ip == IPPROTO_ICMP || ip == IPPROTO_ICMPV6 ? PROTOCOL_ICMP : PROTOCOL_ANY;
}

bool cut_track_is_allowed(const struct tables_network *n, const struct cut_track *t)
{
	const struct tables_host *from = host_at(n, &t->source), *to = host_at(n, &t->target);
	const struct cut_flow flow = {.remote = t->target, .remote_port = t->port};
	struct wish out = {&t->target, protocol_of(t->protocol), t->port}, in = out;
	struct tables_host asker;

	in.other = &t->source;
	if (!from)
		from = asker_at(n, &t->source, &asker);
	if (!is_translated_so(n, t, from, to))
		return false;
	if (t->protocol == IPPROTO_TCP)
		return true;
	/* Between others: the router's own, as answers to pings of it. */
	if ((!from && is_local(n, &t->source)) || (!to && is_local(n, &t->target)))
		return out.protocol == PROTOCOL_ICMP;
	if (from && (!is_routed(n, from, &flow) || !groups_allow(n, from, false, &out)))
		return false;
	return !to || groups_allow(n, to, true, &in);
}

/* --- the kernel's sockets --------------------------------------------------------------------------------- */

struct found {
	struct inet_diag_sockid id;
	uint8_t family, state;
};

struct finding {
	struct found *found;
	size_t n, cap;
};

static int socket_take(const struct nlmsghdr *h, void *arg)
{
	const struct inet_diag_msg *m = mnl_nlmsg_get_payload(h);
	struct finding *f = arg;

	if (mnl_nlmsg_get_payload_len(h) < sizeof *m)
		return 0;
	if (f->n == f->cap) {
		size_t more = f->cap ? f->cap * 2 : 64;
		struct found *p = reallocarray(f->found, more, sizeof *p);

		if (!p)
			return -ENOMEM;
		f->found = p;
		f->cap = more;
	}
	f->found[f->n++] = (struct found){m->id, m->idiag_family, m->idiag_state};
	return 0;
}

static void sockets_again(void *arg)
{
	struct finding *f = arg;

	f->n = 0;
}

static struct nlmsghdr *diag_message(char *buffer, uint16_t type, uint8_t family)
{
	struct nlmsghdr *h = netlink_message(buffer, type, 0, sizeof(struct inet_diag_req_v2));
	struct inet_diag_req_v2 *m = mnl_nlmsg_get_payload(h);

	m->sdiag_family = family;
	m->sdiag_protocol = IPPROTO_TCP;
	m->idiag_states = CONNECTED_STATES;
	return h;
}

/*
 * Both families by the older request, since each dump walks the machine's whole table of connections, whichever namespace they
 * are of.
 */
static int sockets_find(struct netlink *n, struct finding *f)
{
	char buffer[256];
	struct nlmsghdr *h =
		netlink_message(buffer, TCPDIAG_GETSOCK, 0, sizeof(struct inet_diag_req));
	struct inet_diag_req *m = mnl_nlmsg_get_payload(h);

	m->idiag_family = AF_INET;
	m->idiag_states = CONNECTED_STATES;
	return netlink_dump(n, h, socket_take, sockets_again, f);
}

/* The number behind "inuse" in the namespace's file; -1 if it cannot be had. */
static long inuse_read(const char *path, const char *line)
{
	char text[1024] = "";
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	const char *at = len > 0 ? strstr(text, line) : NULL;

	return at ? strtol(at + strlen(line), NULL, 10) : -1;
}

/* No TCP socket at all in the thread's namespace, as for most hosts most of the time: then the dump is saved. */
static bool is_silent(void)
{
	return inuse_read("/proc/thread-self/net/sockstat", "TCP: inuse ") == 0 &&
	       inuse_read("/proc/thread-self/net/sockstat6", "TCP6: inuse ") == 0;
}

static struct addr found_addr(const struct found *f, const __be32 words[4])
{
	uint8_t bytes[16];

	if (f->family == AF_INET)
		return addr_v4(ntohl(words[0]));
	memcpy(bytes, words, sizeof bytes);
	return addr_v6(bytes);
}

static bool is_listened(const struct finding *f, __be16 port)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->found[i].state == TCP_LISTEN && f->found[i].id.idiag_sport == port)
			return true;
	return false;
}

static bool is_loopback(const struct addr *a)
{
	return a->family == ADDR_V4 ? a->lo >> 24 == 127 : a->hi == 0 && a->lo == 1;
}

static bool may_stay(const struct tables_network *n, const struct tables_host *h, enum ns_kind kind,
		     const struct cut_flow *f)
{
	if (kind == NS_HOST && (!h || !host_has(h, &f->local)))
		return is_loopback(&f->local);
	return !h || cut_is_allowed(n, h, f);
}

static int socket_destroy(struct netlink *n, const struct found *f)
{
	char buffer[256];
	struct nlmsghdr *h = diag_message(buffer, SOCK_DESTROY, f->family);
	struct inet_diag_req_v2 *m = mnl_nlmsg_get_payload(h);

	m->id = f->id;
	return netlink_ask(n, h, NULL, NULL);
}

int cut_connections(const struct tables_network *n, const struct tables_host *h, enum ns_kind kind,
		    uint32_t *ret_cut, struct err *e)
{
	struct finding found = {0};
	struct netlink diag;
	int ret;

	if (is_silent())
		return 0;
	ret = netlink_open(&diag, NETLINK_SOCK_DIAG);
	if (!ret)
		ret = sockets_find(&diag, &found);
	for (size_t i = 0; !ret && i < found.n; i++) {
		const struct found *s = &found.found[i];
		struct cut_flow flow = {.local = found_addr(s, s->id.idiag_src),
					.remote = found_addr(s, s->id.idiag_dst),
					.local_port = ntohs(s->id.idiag_sport),
					.remote_port = ntohs(s->id.idiag_dport),
					.is_listened = is_listened(&found, s->id.idiag_sport)};

		if (s->state == TCP_LISTEN || may_stay(n, h, kind, &flow))
			continue;
		ret = socket_destroy(&diag, s);
		if (!ret)
			++*ret_cut;
		else if (ret == -ENOENT)
			ret = 0; /* ended by itself */
	}
	netlink_close(&diag);
	free(found.found);
	return ret ? err_set(e, ERR_UNAVAILABLE, NULL, "ending connections of host '%s': %s",
			     h ? h->name : "", strerror(-ret))
		   : 0;
}
