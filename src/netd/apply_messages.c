/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "netd/apply_messages.h"

#include "netd/netlink.h"

#include <endian.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/veth.h>
#include <stdio.h>
#include <string.h>

/* --- links ------------------------------------------------------------------------------------------------ */

static struct nlmsghdr *link_message(char *buffer, uint16_t type, uint16_t flags, uint32_t index)
{
	struct nlmsghdr *h = netlink_message(buffer, type, flags, sizeof(struct ifinfomsg));
	struct ifinfomsg *m = mnl_nlmsg_get_payload(h);

	m->ifi_index = (int)index;
	return h;
}

struct nlmsghdr *message_link_create(char *buffer, const struct names *names,
				     const struct ns_link *l, int peer_ns)
{
	struct nlmsghdr *h = link_message(buffer, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
	struct nlattr *info, *data, *peer;

	mnl_attr_put_strz(h, IFLA_IFNAME, l->name);
	mnl_attr_put_u32(h, IFLA_GROUP, names->group);
	info = mnl_attr_nest_start(h, IFLA_LINKINFO);
	mnl_attr_put_strz(h, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(h, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(h, VETH_INFO_PEER);
	memset(mnl_nlmsg_put_extra_header(h, sizeof(struct ifinfomsg)), 0,
	       sizeof(struct ifinfomsg));
	mnl_attr_put_strz(h, IFLA_IFNAME, l->peer_name);
	mnl_attr_put_u32(h, IFLA_GROUP, names->group);
	mnl_attr_put_u32(h, IFLA_NET_NS_FD, (uint32_t)peer_ns);
	mnl_attr_nest_end(h, peer);
	mnl_attr_nest_end(h, data);
	mnl_attr_nest_end(h, info);
	return h;
}

struct nlmsghdr *message_link_delete(char *buffer, uint32_t index)
{
	return link_message(buffer, RTM_DELLINK, 0, index);
}

struct nlmsghdr *message_link_group(char *buffer, uint32_t index, uint32_t group)
{
	struct nlmsghdr *h = link_message(buffer, RTM_SETLINK, 0, index);

	mnl_attr_put_u32(h, IFLA_GROUP, group);
	return h;
}

struct nlmsghdr *message_group_delete(char *buffer, uint32_t group)
{
	struct nlmsghdr *h = link_message(buffer, RTM_DELLINK, 0, 0);

	mnl_attr_put_u32(h, IFLA_GROUP, group);
	return h;
}

struct nlmsghdr *message_link_alias(char *buffer, uint32_t index, const char *alias)
{
	struct nlmsghdr *h = link_message(buffer, RTM_SETLINK, 0, index);

	mnl_attr_put(h, IFLA_IFALIAS, strlen(alias), alias);
	return h;
}

struct nlmsghdr *message_link_move(char *buffer, uint32_t index, int ns, const char *name)
{
	struct nlmsghdr *h = link_message(buffer, RTM_SETLINK, 0, index);

	mnl_attr_put_u32(h, IFLA_NET_NS_FD, (uint32_t)ns);
	mnl_attr_put_strz(h, IFLA_IFNAME, name);
	return h;
}

struct nlmsghdr *message_link_mark(char *buffer, const struct ns_link *l)
{
	struct nlmsghdr *h = link_message(buffer, RTM_SETLINK, 0, 0);
	struct nlattr *spec, *family;

	mnl_attr_put_strz(h, IFLA_IFNAME, l->name);
	mnl_attr_put(h, IFLA_IFALIAS, strlen(l->alias), l->alias);
	spec = mnl_attr_nest_start(h, IFLA_AF_SPEC);
	family = mnl_attr_nest_start(h, AF_INET6);
	mnl_attr_put_u8(h, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(h, family);
	mnl_attr_nest_end(h, spec);
	return h;
}

struct nlmsghdr *message_link_up(char *buffer, const struct ns_link *l)
{
	struct nlmsghdr *h = link_message(buffer, RTM_SETLINK, 0, 0);
	struct ifinfomsg *m = mnl_nlmsg_get_payload(h);

	m->ifi_flags = l->is_up ? IFF_UP : 0;
	m->ifi_change = IFF_UP;
	mnl_attr_put_strz(h, IFLA_IFNAME, l->name);
	return h;
}

/* --- addresses, routes, rules ----------------------------------------------------------------------------- */

static uint8_t family_of(uint8_t family)
{
	return family == ADDR_V6 ? AF_INET6 : AF_INET;
}

static void put_addr(struct nlmsghdr *h, uint16_t type, const struct addr *a)
{
	uint64_t halves[2] = {htobe64(a->hi), htobe64(a->lo)};
	uint32_t v4 = htobe32((uint32_t)a->lo);

	if (a->family == ADDR_V6)
		mnl_attr_put(h, type, sizeof halves, halves);
	else
		mnl_attr_put(h, type, sizeof v4, &v4);
}

/* A next hop of another family: IPv4 by IPv6. */
static void put_via(struct nlmsghdr *h, const struct addr *a)
{
	struct {
		uint16_t family;
		uint8_t bytes[16];
	} via = {.family = AF_INET6};
	uint64_t halves[2] = {htobe64(a->hi), htobe64(a->lo)};

	memcpy(via.bytes, halves, sizeof via.bytes);
	mnl_attr_put(h, RTA_VIA, sizeof via, &via);
}

static uint32_t link_index(struct message_link *link, const char *name)
{
	if (strcmp(link->name, name) != 0 || !link->index) {
		snprintf(link->name, sizeof link->name, "%s", name);
		link->index = if_nametoindex(name);
	}
	return link->index;
}

static struct nlmsghdr *addr_message(char *buffer, const struct op *op, struct message_link *link)
{
	const struct ns_addr *a = op->addr;
	bool adding = op->kind == OP_ADDR_ADD;
	struct nlmsghdr *h = netlink_message(buffer, adding ? RTM_NEWADDR : RTM_DELADDR,
					     adding ? NLM_F_CREATE | NLM_F_REPLACE : 0,
					     sizeof(struct ifaddrmsg));
	struct ifaddrmsg *m = mnl_nlmsg_get_payload(h);

	m->ifa_index = link_index(link, a->link);
	if (!m->ifa_index)
		return NULL;
	m->ifa_family = family_of(a->addr.family);
	m->ifa_prefixlen = a->len;
	m->ifa_scope = a->is_link_scope ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	if (a->addr.family == ADDR_V6)
		m->ifa_flags = IFA_F_NODAD;
	put_addr(h, IFA_LOCAL, &a->addr);
	put_addr(h, IFA_ADDRESS, &a->addr);
	if (adding)
		mnl_attr_put_u8(h, IFA_PROTO, NETD_PROTOCOL);
	return h;
}

struct nlmsghdr *message_route_look(char *buffer, const struct prefix *to)
{
	struct nlmsghdr *h = netlink_message(buffer, RTM_GETROUTE, 0, sizeof(struct rtmsg));
	struct rtmsg *m = mnl_nlmsg_get_payload(h);

	m->rtm_family = family_of(to->addr.family);
	m->rtm_dst_len = to->len;
	m->rtm_flags = RTM_F_FIB_MATCH;
	put_addr(h, RTA_DST, &to->addr);
	return h;
}

static struct nlmsghdr *route_message(char *buffer, const struct op *op, struct message_link *link)
{
	const struct ns_route *r = op->route;
	uint16_t flags = op->kind == OP_ROUTE_REPLACE ? NLM_F_CREATE | NLM_F_REPLACE
			 : op->kind == OP_ROUTE_ADD   ? NLM_F_CREATE | NLM_F_EXCL
						      : 0;
	struct nlmsghdr *h =
		netlink_message(buffer, op->kind == OP_ROUTE_DELETE ? RTM_DELROUTE : RTM_NEWROUTE,
				flags, sizeof(struct rtmsg));
	struct rtmsg *m = mnl_nlmsg_get_payload(h);
	uint32_t index = 0;

	m->rtm_family = family_of(r->to.addr.family);
	m->rtm_dst_len = r->to.len;
	m->rtm_table = r->table < 256 ? (uint8_t)r->table : RT_TABLE_UNSPEC;
	m->rtm_protocol = NETD_PROTOCOL;
	m->rtm_type = r->type;
	m->rtm_scope = RT_SCOPE_UNIVERSE;
	if (op->kind == OP_ROUTE_DELETE)
		m->rtm_scope = RT_SCOPE_NOWHERE;
	else if (r->type == RTN_UNICAST && r->via.family == ADDR_NONE &&
		 r->to.addr.family == ADDR_V4)
		m->rtm_scope = RT_SCOPE_LINK;
	mnl_attr_put_u32(h, RTA_TABLE, r->table);
	if (r->to.len)
		put_addr(h, RTA_DST, &r->to.addr);
	if (r->metric)
		mnl_attr_put_u32(h, RTA_PRIORITY, r->metric);
	if (r->link[0]) {
		index = link_index(link, r->link);
		if (!index)
			return NULL;
		mnl_attr_put_u32(h, RTA_OIF, index);
	}
	if (r->via.family != ADDR_NONE)
		m->rtm_flags = RTNH_F_ONLINK;
	if (r->via.family == r->to.addr.family)
		put_addr(h, RTA_GATEWAY, &r->via);
	else if (r->via.family != ADDR_NONE)
		put_via(h, &r->via);
	return h;
}

static struct nlmsghdr *rule_message(char *buffer, const struct op *op)
{
	const struct ns_rule *r = op->rule;
	bool adding = op->kind == OP_RULE_ADD;
	struct nlmsghdr *h = netlink_message(buffer, adding ? RTM_NEWRULE : RTM_DELRULE,
					     adding ? NLM_F_CREATE | NLM_F_EXCL : 0,
					     sizeof(struct fib_rule_hdr));
	struct fib_rule_hdr *m = mnl_nlmsg_get_payload(h);

	m->family = family_of(r->family);
	m->action = FR_ACT_TO_TBL;
	m->table = r->table < 256 ? (uint8_t)r->table : RT_TABLE_UNSPEC;
	mnl_attr_put_u32(h, FRA_TABLE, r->table);
	mnl_attr_put_u32(h, FRA_PRIORITY, r->pref);
	mnl_attr_put_u8(h, FRA_PROTOCOL, NETD_PROTOCOL);
	if (r->from.addr.family != ADDR_NONE && r->from.len) {
		m->src_len = r->from.len;
		put_addr(h, FRA_SRC, &r->from.addr);
	}
	return h;
}

struct nlmsghdr *message_for(char *buffer, const struct op *op, struct message_link *link)
{
	switch (op->kind) {
	case OP_ADDR_ADD:
	case OP_ADDR_DELETE:
		return addr_message(buffer, op, link);
	case OP_RULE_ADD:
	case OP_RULE_DELETE:
		return rule_message(buffer, op);
	default:
		return route_message(buffer, op, link);
	}
}
