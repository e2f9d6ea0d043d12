/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "netd/probe.h"

#include "netd/apply.h"
#include "netd/flows.h"
#include "netd/netlink.h"
#include "netd/plan.h"
#include "netd/read.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

/* A router with something of everything, by itself. */
struct sample {
	struct prefix space;
	struct tables_subnet subnet;
	struct tables_host host;
	struct tables_nat nat;
	struct tables_route routes[2];
	struct tables_group group;
	struct tables_rule rules[2];
	uint32_t host_group;
	struct prefix prefix;
	struct tables_network network;
};

static void sample_init(struct sample *s)
{
	struct addr net = addr_v4(0x0a000000), public = addr_v4(0xc0000201);

	*s = (struct sample){
		.space = {.addr = net, .len = 16},
		.prefix = {.addr = net, .len = 24},
		.subnet = {.id = 1,
			   .table = 1,
			   .ranges[0] = {.addr = net, .len = 24},
			   .gateway[0] = addr_v4(0x0a000001)},
		.host = {.id = 1,
			 .addresses[0] = addr_v4(0x0a000005),
			 .public[0] = public,
			 .n_groups = 1,
			 .name = "probe"},
		.nat = {.table = 1, .to = {.addr = {.family = ADDR_V4}}, .address[0] = public},
		.routes = {{.table = 1, .to = {.addr = {.family = ADDR_V4}}, .kind = ROUTE_UPLINK},
			   {.table = 1, .to = {.addr = {.family = ADDR_V6}}, .kind = ROUTE_DROP}},
		.group = {.id = 1, .n_rules = 2, .name = "probe"},
		.rules = {{.is_ingress = true,
			   .protocol = 1,
			   .port_first = 443,
			   .port_last = 443,
			   .n_prefixes = 1},
			  {.protocol = 3, .port_last = UINT16_MAX, .n_prefixes = 1}},
	};
	s->network = (struct tables_network){.id = 1,
					     .name = "probe",
					     .has_uplink = true,
					     .spaces = &s->space,
					     .n_spaces = 1,
					     .subnets = &s->subnet,
					     .n_subnets = 1,
					     .hosts = &s->host,
					     .n_hosts = 1,
					     .host_groups = &s->host_group,
					     .n_host_groups = 1,
					     .nats = &s->nat,
					     .n_nats = 1,
					     .routes = s->routes,
					     .n_routes = 2,
					     .groups = &s->group,
					     .n_groups = 1,
					     .rules = s->rules,
					     .n_rules = 2,
					     .prefixes = &s->prefix,
					     .n_prefixes = 1};
}

/* What the operations of a kind need. */
static const struct {
	enum op_kind kind;
	const char *what;
} features[] = {
	{OP_SYSCTL, "the network settings in /proc/sys/net (CONFIG_SYSCTL, CONFIG_IPV6)"},
	{OP_NFT, "nf_tables for both families with connection tracking, NAT and reject "
		 "(CONFIG_NF_TABLES_INET, "
		 "CONFIG_NFT_CT, CONFIG_NFT_NAT, CONFIG_NFT_REJECT)"},
	{OP_LINK_CREATE, "virtual Ethernet pairs (CONFIG_VETH)"},
	{OP_LINK_SET, "names and IPv6 settings of interfaces (CONFIG_IPV6)"},
	{OP_ADDR_ADD, "IPv6 (CONFIG_IPV6, not switched off)"},
	{OP_ROUTE_ADD, "IPv4 and IPv6 routes in tables of their own (CONFIG_IP_MULTIPLE_TABLES, "
		       "CONFIG_IPV6_MULTIPLE_TABLES)"},
	{OP_RULE_ADD, "policy routing (CONFIG_IP_MULTIPLE_TABLES, CONFIG_IPV6_MULTIPLE_TABLES)"},
};

static void lacks(char ret_lacks[PROBE_TEXT_MAX], const char *what, const char *why)
{
	snprintf(ret_lacks, PROBE_TEXT_MAX, "this kernel lacks %.160s: %.56s", what, why);
}

/* All of one kind; the thread is in the scratch namespace. */
static bool kind_works(const struct apply *a, int fd, const struct ops *all, enum op_kind kind,
		       struct err *e)
{
	struct ops one = {0};
	bool remade = false, works = true;

	for (size_t i = 0; works && i < all->n; i++)
		if (all->ops[i].kind == kind) {
			one.ops = &all->ops[i];
			one.n = 1;
			works = !apply_ops(a, "", fd, &one, &remade, e);
		}
	return works;
}

static bool plan_works(const struct apply *a, int fd, char ret_lacks[PROBE_TEXT_MAX])
{
	struct ns_state have = {0}, *want;
	struct sample s;
	struct plan p = {0};
	struct ops ops = {0};
	struct err e = {0};
	bool works = false;

	sample_init(&s);
	if (plan_router(a->names, &s.network, &p, &e))
		goto out;
	want = &p.ns[0].state;
	/* Both ends of each pair here. */
	for (size_t i = 0; i < want->n_links; i++)
		if (want->links[i].kind == NS_LINK_VETH) {
			want->links[i].peer_ns[0] = '\0';
			snprintf(want->links[i].peer_name, IFNAMSIZ, "peer%u",
				 (unsigned int)i & 0xff);
		}
	if (state_diff(NS_ROUTER, &have, want, &ops))
		goto out;
	works = true;
	for (size_t k = 0; works && k < ARRAY_SIZE(features); k++)
		if (!kind_works(a, fd, &ops, features[k].kind, &e)) {
			lacks(ret_lacks, features[k].what, e.text);
			works = false;
		}
	if (works && (read_state(a->names, NS_ROUTER, NULL, want, &have, &e) ||
		      have.n_addrs != want->n_addrs)) {
		lacks(ret_lacks, "addresses that say who set them (Linux 5.18)", e.text);
		works = false;
	}
out:
	if (!works && !ret_lacks[0])
		lacks(ret_lacks, "memory", e.text);
	ops_done(&ops);
	state_done(&have);
	plan_done(&p);
	return works;
}

/* A socket that is not there: a kernel that could end it says so. */
static bool destroy_works(char ret_lacks[PROBE_TEXT_MAX])
{
	char buffer[256];
	struct nlmsghdr *h =
		netlink_message(buffer, SOCK_DESTROY, 0, sizeof(struct inet_diag_req_v2));
	struct inet_diag_req_v2 *m = mnl_nlmsg_get_payload(h);
	struct netlink n;
	int ret;

	m->sdiag_family = AF_INET;
	m->sdiag_protocol = IPPROTO_TCP;
	m->id.idiag_cookie[0] = m->id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	ret = netlink_open(&n, NETLINK_SOCK_DIAG);
	if (!ret)
		ret = netlink_ask(&n, h, NULL, NULL);
	netlink_close(&n);
	if (!ret || ret == -ENOENT)
		return true;
	lacks(ret_lacks, "ending a TCP connection from outside (CONFIG_INET_DIAG_DESTROY)",
	      strerror(-ret));
	return false;
}

static bool cookie_works(char ret_lacks[PROBE_TEXT_MAX])
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint64_t cookie;
	socklen_t len = sizeof cookie;

	if (fd >= 0 && !getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len))
		return true;
	lacks(ret_lacks,
	      "sockets that say which namespace they are of (SO_NETNS_COOKIE, Linux 5.14)",
	      strerror(errno));
	return false;
}

static bool flows_work(char ret_lacks[PROBE_TEXT_MAX])
{
	int ret = flows_probe();

	if (ret)
		lacks(ret_lacks, "listing and ending tracked flows (CONFIG_NF_CT_NETLINK)",
		      strerror(-ret));
	return !ret;
}

void probe_kernel(const struct names *names, const struct netns *n, char ret_lacks[PROBE_TEXT_MAX])
{
	_cleanup_close_ int scratch = -1;
	/* In what is "the daemon's own namespace" for a while, so that both ends of a pair are in it. */
	struct netns here;
	struct apply a = {names, &here};

	ret_lacks[0] = '\0';
	if (unshare(CLONE_NEWNET)) {
		lacks(ret_lacks, "network namespaces (CONFIG_NET_NS), or the right to make them",
		      strerror(errno));
		return;
	}
	scratch = netns_open_current();
	here = (struct netns){.own = scratch};
	if (scratch < 0)
		lacks(ret_lacks, "/proc", strerror(errno));
	else if (plan_works(&a, scratch, ret_lacks) && destroy_works(ret_lacks) &&
		 flows_work(ret_lacks))
		(void)cookie_works(ret_lacks);
	netns_leave(n);
}
