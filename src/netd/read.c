/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "netd/read.h"

#include "netd/netlink.h"
#include "netd/nft_text.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UDATA_COMMENT 0 /* of a table's NFTA_TABLE_USERDATA: type, length, bytes */
#define SYSCTL_DIR    "/proc/sys/net/"

struct index_name {
	uint32_t index;
	char name[IFNAMSIZ];
};

struct reader {
	const struct names *names;
	struct ns_state *state;
	struct index_name *links; /* by index */
	size_t n_links;
	uint32_t only;	   /* index of the one link that is looked at; 0: every */
	bool wants_marked; /* of routes only those with our mark */
};

/* --- links ------------------------------------------------------------------------------------------------ */

static bool info_is_veth(const struct nlattr *info)
{
	const struct nlattr *a;

	netlink_each_nested (a, info)
		if (mnl_attr_get_type(a) == IFLA_INFO_KIND)
			return strncmp(mnl_attr_get_str(a), "veth", mnl_attr_get_payload_len(a)) ==
			       0;
	return false;
}

static bool spec_has_no_addrgen(const struct nlattr *spec)
{
	const struct nlattr *family, *a;

	netlink_each_nested (family, spec) {
		if (mnl_attr_get_type(family) != AF_INET6)
			continue;
		netlink_each_nested (a, family)
			if (mnl_attr_get_type(a) == IFLA_INET6_ADDR_GEN_MODE)
				return mnl_attr_get_u8(a) == IN6_ADDR_GEN_MODE_NONE;
	}
	return false;
}

static void link_parse(const struct names *names, const struct nlmsghdr *h, struct ns_link *l)
{
	const struct ifinfomsg *m = mnl_nlmsg_get_payload(h);
	const struct nlattr *a;
	uint32_t group = 0;

	l->index = (uint32_t)m->ifi_index;
	l->is_up = m->ifi_flags & IFF_UP;
	netlink_each_attr (a, h, sizeof *m)
		switch (mnl_attr_get_type(a)) {
		case IFLA_IFNAME:
			snprintf(l->name, sizeof l->name, "%s", mnl_attr_get_str(a));
			break;
		case IFLA_IFALIAS:
			snprintf(l->alias, sizeof l->alias, "%s", mnl_attr_get_str(a));
			break;
		case IFLA_GROUP:
			group = mnl_attr_get_u32(a);
			break;
		case IFLA_LINKINFO:
			if (info_is_veth(a))
				l->kind = NS_LINK_VETH;
			break;
		case IFLA_AF_SPEC:
			l->has_no_addrgen = spec_has_no_addrgen(a);
			break;
		default:
			break;
		}
	l->is_marked = names_has_mark(names, l->alias, group);
	if (names_attached(names, l->alias))
		l->kind = NS_LINK_ATTACHED;
	else if (m->ifi_flags & IFF_LOOPBACK)
		l->kind = NS_LINK_LOOPBACK;
}

static int link_take(const struct nlmsghdr *h, void *arg)
{
	struct reader *r = arg;

	if (h->nlmsg_type == RTM_NEWLINK)
		link_parse(r->names, h, state_add_link(r->state));
	return 0;
}

static void links_again(void *arg)
{
	struct reader *r = arg;

	r->state->n_links = 0;
}

static int index_by(const void *a, const void *b)
{
	const struct index_name *x = a, *y = b;

	return (x->index > y->index) - (x->index < y->index);
}

static int links_index(struct reader *r)
{
	r->links = calloc(r->state->n_links + 1, sizeof *r->links);
	if (!r->links)
		return -ENOMEM;
	for (size_t i = 0; i < r->state->n_links; i++) {
		r->links[i].index = r->state->links[i].index;
		memcpy(r->links[i].name, r->state->links[i].name, IFNAMSIZ);
	}
	r->n_links = r->state->n_links;
	qsort(r->links, r->n_links, sizeof *r->links, index_by);
	return 0;
}

static const char *link_name(const struct reader *r, uint32_t index)
{
	struct index_name key = {.index = index};
	const struct index_name *found = bsearch(&key, r->links, r->n_links, sizeof key, index_by);

	return found ? found->name : "?";
}

static struct nlmsghdr *link_request(char *buffer, uint16_t flags)
{
	struct nlmsghdr *h = netlink_message(buffer, RTM_GETLINK, flags, sizeof(struct ifinfomsg));

	mnl_attr_put_u32(h, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	return h;
}

static int link_by_name(struct netlink *n, struct reader *r, const char *name)
{
	char buffer[1024];
	struct nlmsghdr *h = link_request(buffer, 0);

	mnl_attr_put_strz(h, IFLA_IFNAME, name);
	return netlink_ask(n, h, link_take, r);
}

static int links_read(struct netlink *n, struct reader *r, const char *link)
{
	char buffer[1024];
	int ret;

	if (link) {
		ret = link_by_name(n, r, link);
		if (ret == -ENODEV)
			ret = 0; /* it is missing */
		r->only = r->state->n_links ? r->state->links[0].index : 0;
	} else {
		ret = netlink_dump(n, link_request(buffer, 0), link_take, links_again, r);
	}
	return ret ? ret : links_index(r);
}

int read_link(const struct names *names, const char *name, struct ns_link *ret_link)
{
	struct ns_state state = {0};
	struct reader r = {.names = names, .state = &state};
	struct netlink n;
	int ret;

	if (netlink_open(&n, NETLINK_ROUTE))
		return -ERR_UNAVAILABLE;
	ret = link_by_name(&n, &r, name);
	netlink_close(&n);
	if (!ret && state.n_links == 1)
		*ret_link = state.links[0];
	else
		ret = ret == -ENODEV ? -ERR_NOT_FOUND : -ERR_UNAVAILABLE;
	state_done(&state);
	return ret;
}

/* --- addresses, routes, rules ----------------------------------------------------------------------------- */

static struct addr addr_of(int family, const struct nlattr *a)
{
	uint32_t v4;

	if (family == AF_INET6 && mnl_attr_get_payload_len(a) == 16)
		return addr_v6(mnl_attr_get_payload(a));
	if (family == AF_INET && mnl_attr_get_payload_len(a) == 4) {
		memcpy(&v4, mnl_attr_get_payload(a), sizeof v4);
		return addr_v4(ntohl(v4));
	}
	return (struct addr){0};
}

static struct addr any_of(int family)
{
	return (struct addr){.family = family == AF_INET6 ? ADDR_V6 : ADDR_V4};
}

static int addr_take(const struct nlmsghdr *h, void *arg)
{
	const struct ifaddrmsg *m = mnl_nlmsg_get_payload(h);
	struct reader *r = arg;
	struct ns_addr *s;
	struct addr local = {0}, address = {0};
	const struct nlattr *a;
	uint8_t protocol = 0;

	if (h->nlmsg_type != RTM_NEWADDR || (m->ifa_family != AF_INET && m->ifa_family != AF_INET6))
		return 0;
	netlink_each_attr (a, h, sizeof *m) {
		if (mnl_attr_get_type(a) == IFA_LOCAL)
			local = addr_of(m->ifa_family, a);
		else if (mnl_attr_get_type(a) == IFA_ADDRESS)
			address = addr_of(m->ifa_family, a);
		else if (mnl_attr_get_type(a) == IFA_PROTO)
			protocol = mnl_attr_get_u8(a);
	}
	if (protocol != NETD_PROTOCOL || (r->only && m->ifa_index != r->only))
		return 0;
	s = state_add_addr(r->state);
	s->addr = local.family == ADDR_NONE ? address : local;
	s->len = m->ifa_prefixlen;
	snprintf(s->link, sizeof s->link, "%s", link_name(r, m->ifa_index));
	return 0;
}

static void addrs_again(void *arg)
{
	struct reader *r = arg;

	r->state->n_addrs = 0;
}

static int route_take(const struct nlmsghdr *h, void *arg)
{
	const struct rtmsg *m = mnl_nlmsg_get_payload(h);
	struct reader *r = arg;
	struct ns_route route = {.type = m->rtm_type,
				 .table = m->rtm_table,
				 .is_ours = m->rtm_protocol == NETD_PROTOCOL,
				 .to = {.addr = any_of(m->rtm_family), .len = m->rtm_dst_len}};
	const struct nlattr *a;
	uint32_t link = 0;

	if (h->nlmsg_type != RTM_NEWROUTE || (m->rtm_flags & RTM_F_CLONED))
		return 0;
	netlink_each_attr (a, h, sizeof *m)
		switch (mnl_attr_get_type(a)) {
		case RTA_DST:
			route.to.addr = addr_of(m->rtm_family, a);
			break;
		case RTA_TABLE:
			route.table = mnl_attr_get_u32(a);
			break;
		case RTA_PRIORITY:
			route.metric = mnl_attr_get_u32(a);
			break;
		case RTA_GATEWAY:
			route.via = addr_of(m->rtm_family, a);
			break;
		case RTA_VIA: /* IPv4 by an IPv6 next hop */
			if (mnl_attr_get_payload_len(a) == sizeof(struct rtvia) + 16)
				route.via = addr_v6((const uint8_t *)mnl_attr_get_payload(a) +
						    sizeof(struct rtvia));
			break;
		case RTA_OIF:
			link = mnl_attr_get_u32(a);
			break;
		default:
			break;
		}
	if (route.table == RT_TABLE_LOCAL || (r->wants_marked && !route.is_ours) ||
	    (r->only && link != r->only))
		return 0;
	if (link && route.type == RTN_UNICAST)
		snprintf(route.link, sizeof route.link, "%s", link_name(r, link));
	*state_add_route(r->state) = route;
	return 0;
}

static void routes_again(void *arg)
{
	struct reader *r = arg;

	r->state->n_routes = 0;
}

static int rule_take(const struct nlmsghdr *h, void *arg)
{
	const struct fib_rule_hdr *m = mnl_nlmsg_get_payload(h);
	struct reader *r = arg;
	struct ns_rule rule = {.family = m->family == AF_INET6 ? ADDR_V6 : ADDR_V4,
			       .table = m->table};
	const struct nlattr *a;
	uint8_t protocol = 0;

	if (h->nlmsg_type != RTM_NEWRULE)
		return 0;
	netlink_each_attr (a, h, sizeof *m)
		switch (mnl_attr_get_type(a)) {
		case FRA_SRC:
			rule.from =
				(struct prefix){.addr = addr_of(m->family, a), .len = m->src_len};
			break;
		case FRA_PRIORITY:
			rule.pref = mnl_attr_get_u32(a);
			break;
		case FRA_TABLE:
			rule.table = mnl_attr_get_u32(a);
			break;
		case FRA_PROTOCOL:
			protocol = mnl_attr_get_u8(a);
			break;
		default:
			break;
		}
	if (protocol == NETD_PROTOCOL)
		*state_add_rule(r->state) = rule;
	return 0;
}

static void rules_again(void *arg)
{
	struct reader *r = arg;

	r->state->n_rules = 0;
}

static int addrs_read(struct netlink *n, struct reader *r)
{
	char buffer[1024];
	struct nlmsghdr *h = netlink_message(buffer, RTM_GETADDR, 0, sizeof(struct ifaddrmsg));
	struct ifaddrmsg *m = mnl_nlmsg_get_payload(h);

	m->ifa_index = r->only;
	return netlink_dump(n, h, addr_take, addrs_again, r);
}

static int routes_read(struct netlink *n, struct reader *r)
{
	static const uint8_t families[] = {AF_INET, AF_INET6};
	struct ns_state all = {0}, *whole = r->state;
	char buffer[1024];
	int ret = 0;

	/* Each family by itself, since a dump that is disturbed begins again. */
	for (size_t f = 0; !ret && f < ARRAY_SIZE(families); f++) {
		struct nlmsghdr *h = netlink_message(buffer, RTM_GETROUTE, 0, sizeof(struct rtmsg));
		struct rtmsg *m = mnl_nlmsg_get_payload(h);

		m->rtm_family = families[f];
		if (r->wants_marked)
			m->rtm_protocol = NETD_PROTOCOL;
		if (r->only)
			mnl_attr_put_u32(h, RTA_OIF, r->only);
		r->state = &all;
		all.n_routes = 0;
		ret = netlink_dump(n, h, route_take, routes_again, r);
		r->state = whole;
		for (size_t i = 0; !ret && i < all.n_routes; i++)
			*state_add_route(whole) = all.routes[i];
	}
	whole->failed = whole->failed || all.failed;
	state_done(&all);
	return ret;
}

static int rules_read(struct netlink *n, struct reader *r)
{
	char buffer[1024];
	struct nlmsghdr *h = netlink_message(buffer, RTM_GETRULE, 0, sizeof(struct fib_rule_hdr));

	return netlink_dump(n, h, rule_take, rules_again, r);
}

/* --- settings and ruleset --------------------------------------------------------------------------------- */

static void sysctls_read(struct reader *r, const struct ns_state *want)
{
	for (size_t i = 0; i < want->n_sysctls; i++) {
		struct ns_sysctl *s;
		char path[128];
		_cleanup_close_ int fd = -1;
		ssize_t len;

		snprintf(path, sizeof path, SYSCTL_DIR "%s", want->sysctls[i].path);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue; /* setting it will say what is wrong */
		s = state_add_sysctl(r->state);
		s->path = want->sysctls[i].path;
		len = read(fd, s->value, sizeof s->value - 1);
		s->value[len > 0 ? strcspn(s->value, "\n") : 0] = '\0';
	}
}

static void userdata_read(struct ns_state *s, const uint8_t *bytes, size_t len)
{
	char comment[64];

	while (len >= 2 && (size_t)bytes[1] + 2 <= len) {
		if (bytes[0] == UDATA_COMMENT && bytes[1] && bytes[1] < sizeof comment) {
			memcpy(comment, bytes + 2, bytes[1]);
			comment[bytes[1]] = '\0';
			if (!nft_text_read_comment(comment, &s->nft_digest))
				s->nft_digest = 0;
		}
		len -= (size_t)bytes[1] + 2;
		bytes += (size_t)bytes[1] + 2;
	}
}

static int table_take(const struct nlmsghdr *h, void *arg)
{
	struct reader *r = arg;
	const struct nlattr *a;

	r->state->has_nft = true;
	netlink_each_attr (a, h, sizeof(struct nfgenmsg))
		if (mnl_attr_get_type(a) == NFTA_TABLE_USERDATA)
			userdata_read(r->state, mnl_attr_get_payload(a),
				      mnl_attr_get_payload_len(a));
	return 0;
}

static struct nlmsghdr *nft_message(char *buffer, uint16_t type, uint8_t family)
{
	struct nlmsghdr *h = netlink_message(buffer, (uint16_t)((NFNL_SUBSYS_NFTABLES << 8) | type),
					     0, sizeof(struct nfgenmsg));
	struct nfgenmsg *m = mnl_nlmsg_get_payload(h);

	m->nfgen_family = family;
	m->version = NFNETLINK_V0;
	return h;
}

static int nft_read(struct reader *r)
{
	char buffer[1024];
	struct nlmsghdr *h = nft_message(buffer, NFT_MSG_GETTABLE, NFPROTO_INET);
	struct netlink n;
	int ret = netlink_open(&n, NETLINK_NETFILTER);

	if (ret)
		return ret;
	mnl_attr_put_strz(h, NFTA_TABLE_NAME, r->names->prefix);
	ret = netlink_ask(&n, h, table_take, r);
	netlink_close(&n);
	return ret == -ENOENT ? 0 : ret;
}

static int generation_take(const struct nlmsghdr *h, void *arg)
{
	const struct nlattr *a;

	netlink_each_attr (a, h, sizeof(struct nfgenmsg))
		if (mnl_attr_get_type(a) == NFTA_GEN_ID)
			*(uint32_t *)arg = ntohl(mnl_attr_get_u32(a));
	return 0;
}

uint32_t read_nft_generation(void)
{
	char buffer[1024];
	uint32_t generation = 0;
	struct netlink n;

	if (netlink_open(&n, NETLINK_NETFILTER))
		return 0;
	if (netlink_ask(&n, nft_message(buffer, NFT_MSG_GETGEN, AF_UNSPEC), generation_take,
			&generation))
		generation = 0;
	netlink_close(&n);
	return generation;
}

/* --- all of it -------------------------------------------------------------------------------------------- */

static int routing_read(struct netlink *n, struct reader *r, enum ns_kind kind, const char *link,
			const char **ret_what)
{
	int ret;

	*ret_what = "interfaces";
	ret = links_read(n, r, link);
	if (ret || (link && !r->only))
		return ret; /* no link, nothing on it */
	*ret_what = "addresses";
	ret = addrs_read(n, r);
	if (ret)
		return ret;
	*ret_what = "routes";
	ret = routes_read(n, r);
	if (ret || kind != NS_ROUTER)
		return ret;
	*ret_what = "rules";
	return rules_read(n, r);
}

int read_state(const struct names *names, enum ns_kind kind, const char *link,
	       const struct ns_state *want, struct ns_state *ret_state, struct err *e)
{
	struct ns_state state = {0};
	struct reader r = {.names = names, .state = &state, .wants_marked = link != NULL};
	struct netlink n = {0};
	const char *what = "netlink";
	int ret = netlink_open(&n, NETLINK_ROUTE);

	/* Of the daemon's own namespace as a whole only settings and ruleset matter. */
	if (!ret && (kind != NS_OWN || link))
		ret = routing_read(&n, &r, kind, link, &what);
	netlink_close(&n);
	free(r.links);
	if (!ret && (kind == NS_ROUTER || (kind == NS_OWN && !link))) {
		what = "the nftables table";
		ret = nft_read(&r);
	}
	sysctls_read(&r, want);
	state_finish(&state);
	if (!ret && state.failed)
		ret = -ENOMEM;
	if (ret) {
		state_done(&state);
		return err_set(e, ret == -ENOMEM ? ERR_NOMEM : ERR_UNAVAILABLE, NULL,
			       "reading %s: %s", what, strerror(-ret));
	}
	*ret_state = state;
	return 0;
}
