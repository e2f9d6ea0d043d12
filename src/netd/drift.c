/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "netd/drift.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/net_namespace.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#define HEARD_BYTES 32768
#define NSID_MAX    (1 << 20) /* namespaces; the kernel numbers them from 0 */

static int groups_join(struct netlink *n, const unsigned int *groups, size_t n_groups)
{
	int fd = mnl_socket_get_fd(n->socket), on = 1;

	if (setsockopt(fd, SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, &on, sizeof on))
		return -errno;
	for (size_t i = 0; i < n_groups; i++)
		if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i],
			       sizeof groups[i]))
			return -errno;
	return fcntl(fd, F_SETFL, O_NONBLOCK) ? -errno : 0;
}

int drift_open(struct drift *d, const struct names *names)
{
	static const unsigned int route[] = {
		RTNLGRP_LINK,	    RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE,
		RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_RULE,	 RTNLGRP_IPV6_RULE};
	static const unsigned int nft[] = {NFNLGRP_NFTABLES};
	int ret;

	*d = (struct drift){.names = names};
	ret = netlink_open(&d->route, NETLINK_ROUTE);
	if (!ret)
		ret = netlink_open(&d->nft, NETLINK_NETFILTER);
	if (!ret)
		ret = netlink_open(&d->ask, NETLINK_ROUTE);
	if (!ret)
		ret = groups_join(&d->route, route, ARRAY_SIZE(route));
	if (!ret)
		ret = groups_join(&d->nft, nft, ARRAY_SIZE(nft));
	if (ret)
		drift_close(d);
	return ret;
}

void drift_close(struct drift *d)
{
	netlink_close(&d->route);
	netlink_close(&d->nft);
	netlink_close(&d->ask);
	free(d->routers);
	*d = (struct drift){0};
}

int drift_route_fd(const struct drift *d)
{
	return d->route.socket ? mnl_socket_get_fd(d->route.socket) : -1;
}

int drift_nft_fd(const struct drift *d)
{
	return d->nft.socket ? mnl_socket_get_fd(d->nft.socket) : -1;
}

/* --- numbers ---------------------------------------------------------------------------------------------- */

static int nsid_take(const struct nlmsghdr *h, void *arg)
{
	const struct nlattr *a;

	netlink_each_attr (a, h, sizeof(struct rtgenmsg))
		if (mnl_attr_get_type(a) == NETNSA_NSID)
			*(int32_t *)arg = (int32_t)mnl_attr_get_u32(a);
	return 0;
}

static int nsid_get(struct drift *d, int fd, int32_t *ret_nsid)
{
	char buffer[256];
	struct nlmsghdr *h = netlink_message(buffer, RTM_GETNSID, 0, sizeof(struct rtgenmsg));

	mnl_attr_put_u32(h, NETNSA_FD, (uint32_t)fd);
	return netlink_ask(&d->ask, h, nsid_take, ret_nsid);
}

static int nsid_assign(struct drift *d, int fd)
{
	char buffer[256];
	struct nlmsghdr *h = netlink_message(buffer, RTM_NEWNSID, 0, sizeof(struct rtgenmsg));
	int ret;

	mnl_attr_put_u32(h, NETNSA_NSID, UINT32_MAX); /* any that is free */
	mnl_attr_put_u32(h, NETNSA_FD, (uint32_t)fd);
	ret = netlink_ask(&d->ask, h, NULL, NULL);
	return ret == -EEXIST ? 0 : ret;
}

int drift_watch(struct drift *d, int fd, uint32_t router)
{
	int32_t nsid = -1;
	int ret = nsid_get(d, fd, &nsid);

	if (!ret && nsid < 0) {
		ret = nsid_assign(d, fd);
		if (!ret)
			ret = nsid_get(d, fd, &nsid);
	}
	if (ret)
		return ret;
	if (nsid < 0 || nsid > NSID_MAX)
		return -ERANGE;
	if ((size_t)nsid >= d->n_routers) {
		size_t more = ((size_t)nsid + 64) * 2;
		uint32_t *p = reallocarray(d->routers, more, sizeof *p);

		if (!p)
			return -ENOMEM;
		memset(p + d->n_routers, 0, (more - d->n_routers) * sizeof *p);
		d->routers = p;
		d->n_routers = more;
	}
	d->routers[nsid] = router;
	return 0;
}

/* --- hearing ---------------------------------------------------------------------------------------------- */

/* The router whose link to the internet this is; 0: none. */
static uint32_t outer_router(const struct drift *d, const char *link)
{
	size_t len = strlen(d->names->tag);

	if (strncmp(link, d->names->tag, len) != 0)
		return 0;
	return link[len] == 'x' ? (uint32_t)strtoul(link + len + 1, NULL, 16)
				: (uint32_t)strtoul(link + len, NULL, 10);
}

static uint32_t index_router(const struct drift *d, uint32_t index)
{
	char name[IFNAMSIZ];

	return index && if_indextoname(index, name) ? outer_router(d, name) : 0;
}

/* In the daemon's own namespace most of what happens is none of our business. */
static uint32_t own_router(const struct drift *d, const struct nlmsghdr *h)
{
	const struct nlattr *a;

	switch (h->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		netlink_each_attr (a, h, sizeof(struct ifinfomsg))
			if (mnl_attr_get_type(a) == IFLA_IFNAME)
				return outer_router(d, mnl_attr_get_str(a));
		return 0;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return index_router(
			d, ((const struct ifaddrmsg *)mnl_nlmsg_get_payload(h))->ifa_index);
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		netlink_each_attr (a, h, sizeof(struct rtmsg))
			if (mnl_attr_get_type(a) == RTA_OIF)
				return index_router(d, mnl_attr_get_u32(a));
		return 0;
	default:
		return 0;
	}
}

static bool is_own_table(const struct drift *d, const struct nlmsghdr *h)
{
	const struct nlattr *a;

	if (NFNL_SUBSYS_ID(h->nlmsg_type) != NFNL_SUBSYS_NFTABLES ||
	    NFNL_MSG_TYPE(h->nlmsg_type) == NFT_MSG_NEWGEN)
		return false;
	/* The table is the first attribute of every message but that of the generation. */
	netlink_each_attr (a, h, sizeof(struct nfgenmsg))
		if (mnl_attr_get_type(a) == NFTA_TABLE_NAME)
			return strncmp(mnl_attr_get_payload(a), d->names->prefix,
				       mnl_attr_get_payload_len(a)) == 0;
	return false;
}

static int32_t message_nsid(struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
		if (c->cmsg_level == SOL_NETLINK && c->cmsg_type == NETLINK_LISTEN_ALL_NSID) {
			int32_t nsid;

			memcpy(&nsid, CMSG_DATA(c), sizeof nsid);
			return nsid;
		}
	return -1;
}

static void datagram_heard(const struct drift *d, const char *bytes, ssize_t len, int32_t nsid,
			   bool is_nft, drift_heard_fn *heard, void *arg)
{
	const struct nlmsghdr *h = (const void *)bytes;
	int left = (int)len;

	if (nsid >= 0) {
		if ((size_t)nsid < d->n_routers && d->routers[nsid])
			heard(d->routers[nsid], arg);
		return;
	}
	for (; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
		uint32_t router = is_nft ? 0 : own_router(d, h);

		if (router || (is_nft && is_own_table(d, h)))
			heard(router, arg);
	}
}

static int socket_read(const struct drift *d, int fd, bool is_nft, drift_heard_fn *heard, void *arg)
{
	_cleanup_free_ char *bytes = malloc(HEARD_BYTES);
	int ret = 0;

	if (!bytes)
		return -ENOBUFS;
	for (;;) {
		_Alignas(struct cmsghdr) char control[128];
		struct iovec v = {bytes, HEARD_BYTES};
		struct msghdr m = {.msg_iov = &v,
				   .msg_iovlen = 1,
				   .msg_control = control,
				   .msg_controllen = sizeof control};
		ssize_t len = recvmsg(fd, &m, 0);

		if (len >= 0)
			datagram_heard(d, bytes, len, message_nsid(&m), is_nft, heard, arg);
		else if (errno == ENOBUFS)
			ret = -ENOBUFS;
		else if (errno != EINTR)
			return ret;
	}
}

int drift_read(struct drift *d, drift_heard_fn *heard, void *arg)
{
	int route = socket_read(d, drift_route_fd(d), false, heard, arg);
	int nft = socket_read(d, drift_nft_fd(d), true, heard, arg);

	return route ? route : nft;
}
