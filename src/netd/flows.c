/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "netd/flows.h"

#include "netd/netlink.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TUPLE_BYTES 128
#define PROBE_FROM  0xc0000201 /* 192.0.2.1 and .2, of the documentation */
#define PROBE_TO    0xc0000202

/* What it takes to name a flow to the kernel. */
struct forgotten {
	uint8_t family;
	uint16_t len;
	uint32_t id;
	_Alignas(struct nlattr) char tuple[TUPLE_BYTES]; /* the attribute, as it came */
};

struct finding {
	const struct tables_network *n;
	struct forgotten *forgotten;
	size_t count, cap;
};

struct tuple {
	struct addr from, to;
	uint8_t protocol;
	uint16_t port_from, port_to;
};

static struct addr addr_of(const struct nlattr *a)
{
	uint32_t v4;

	if (mnl_attr_get_payload_len(a) == 16)
		return addr_v6(mnl_attr_get_payload(a));
	if (mnl_attr_get_payload_len(a) != sizeof v4)
		return (struct addr){0};
	memcpy(&v4, mnl_attr_get_payload(a), sizeof v4);
	return addr_v4(ntohl(v4));
}

static void addresses_read(const struct nlattr *nest, struct tuple *t)
{
	const struct nlattr *a;

	netlink_each_nested (a, nest) {
		uint16_t type = mnl_attr_get_type(a);

		if (type == CTA_IP_V4_SRC || type == CTA_IP_V6_SRC)
			t->from = addr_of(a);
		else if (type == CTA_IP_V4_DST || type == CTA_IP_V6_DST)
			t->to = addr_of(a);
	}
}

static void protocol_read(const struct nlattr *nest, struct tuple *t)
{
	const struct nlattr *a;

	netlink_each_nested (a, nest) {
		uint16_t type = mnl_attr_get_type(a);

		if (type == CTA_PROTO_NUM)
			t->protocol = mnl_attr_get_u8(a);
		else if (type == CTA_PROTO_SRC_PORT)
			t->port_from = ntohs(mnl_attr_get_u16(a));
		else if (type == CTA_PROTO_DST_PORT)
			t->port_to = ntohs(mnl_attr_get_u16(a));
	}
}

static void tuple_read(const struct nlattr *nest, struct tuple *t)
{
	const struct nlattr *a;

	netlink_each_nested (a, nest) {
		if (mnl_attr_get_type(a) == CTA_TUPLE_IP)
			addresses_read(a, t);
		else if (mnl_attr_get_type(a) == CTA_TUPLE_PROTO)
			protocol_read(a, t);
	}
}

static struct forgotten *forgotten_add(struct finding *f)
{
	if (f->count == f->cap) {
		size_t more = f->cap ? f->cap * 2 : 64;
		struct forgotten *p = reallocarray(f->forgotten, more, sizeof *p);

		if (!p)
			return NULL;
		f->forgotten = p;
		f->cap = more;
	}
	return &f->forgotten[f->count++];
}

static int flow_take(const struct nlmsghdr *h, void *arg)
{
	const struct nfgenmsg *m = mnl_nlmsg_get_payload(h);
	const struct nlattr *a, *name = NULL;
	struct tuple one = {0}, back = {0};
	struct finding *f = arg;
	struct forgotten *gone;
	uint32_t id = 0;

	netlink_each_attr (a, h, sizeof *m)
		switch (mnl_attr_get_type(a)) {
		case CTA_TUPLE_ORIG:
			tuple_read(a, &one);
			name = a;
			break;
		case CTA_TUPLE_REPLY:
			tuple_read(a, &back);
			break;
		case CTA_ID:
			id = mnl_attr_get_u32(a);
			break;
		default:
			break;
		}
	const struct cut_track t = {.protocol = one.protocol,
				    .source = one.from,
				    .seen = back.to,
				    .called = one.to,
				    .target = back.from,
				    .port = back.port_from};
	if (!name || name->nla_len > TUPLE_BYTES || cut_track_is_allowed(f->n, &t))
		return 0;
	gone = forgotten_add(f);
	if (!gone)
		return -ENOMEM;
	*gone = (struct forgotten){.family = m->nfgen_family, .len = name->nla_len, .id = id};
	memcpy(gone->tuple, name, name->nla_len);
	return 0;
}

static void flows_again(void *arg)
{
	struct finding *f = arg;

	f->count = 0;
}

static struct nlmsghdr *flow_message(char *buffer, uint16_t type, uint8_t family)
{
	struct nlmsghdr *h =
		netlink_message(buffer, (uint16_t)((NFNL_SUBSYS_CTNETLINK << 8) | type), 0,
				sizeof(struct nfgenmsg));
	struct nfgenmsg *m = mnl_nlmsg_get_payload(h);

	m->nfgen_family = family;
	m->version = NFNETLINK_V0;
	return h;
}

static int flow_forget(struct netlink *n, const struct forgotten *f)
{
	char buffer[512];
	struct nlmsghdr *h = flow_message(buffer, IPCTNL_MSG_CT_DELETE, f->family);
	const struct nlattr *tuple = (const void *)f->tuple;

	mnl_attr_put(h, tuple->nla_type, mnl_attr_get_payload_len(tuple),
		     mnl_attr_get_payload(tuple));
	mnl_attr_put_u32(h, CTA_ID, f->id);
	return netlink_ask(n, h, NULL, NULL);
}

/* For most routers most of the time: then the dump, which walks the whole machine's table, is saved. */
static bool is_silent(void)
{
	_cleanup_close_ int fd =
		open("/proc/sys/net/netfilter/nf_conntrack_count", O_RDONLY | O_CLOEXEC);
	char text[16] = "";

	return fd >= 0 && read(fd, text, sizeof text - 1) > 0 && strtol(text, NULL, 10) == 0;
}

int flows_cut(const struct tables_network *n, uint32_t *ret_cut, struct err *e)
{
	struct finding found = {.n = n};
	struct netlink netlink = {0};
	char buffer[256];
	int ret;

	if (is_silent())
		return 0;
	ret = netlink_open(&netlink, NETLINK_NETFILTER);
	if (!ret)
		ret = netlink_dump(&netlink, flow_message(buffer, IPCTNL_MSG_CT_GET, AF_UNSPEC),
				   flow_take, flows_again, &found);
	for (size_t i = 0; !ret && i < found.count; i++) {
		ret = flow_forget(&netlink, &found.forgotten[i]);
		if (!ret)
			++*ret_cut;
		else if (ret == -ENOENT)
			ret = 0; /* ended by itself */
	}
	netlink_close(&netlink);
	free(found.forgotten);
	return ret ? err_set(e, ERR_UNAVAILABLE, NULL, "ending flows of router '%s': %s", n->name,
			     strerror(-ret))
		   : 0;
}

static int nothing_take(const struct nlmsghdr *h, void *arg)
{
	return 0;
}

static void nothing_again(void *arg)
{
}

int flows_probe(void)
{
	struct netlink netlink = {0};
	char buffer[512];
	struct nlmsghdr *h;
	struct nlattr *tuple, *nest;
	int ret = netlink_open(&netlink, NETLINK_NETFILTER);

	if (!ret)
		ret = netlink_dump(&netlink, flow_message(buffer, IPCTNL_MSG_CT_GET, AF_UNSPEC),
				   nothing_take, nothing_again, NULL);
	h = flow_message(buffer, IPCTNL_MSG_CT_DELETE, AF_INET);
	tuple = mnl_attr_nest_start(h, CTA_TUPLE_ORIG);
	nest = mnl_attr_nest_start(h, CTA_TUPLE_IP);
	mnl_attr_put_u32(h, CTA_IP_V4_SRC, htonl(PROBE_FROM));
	mnl_attr_put_u32(h, CTA_IP_V4_DST, htonl(PROBE_TO));
	mnl_attr_nest_end(h, nest);
	nest = mnl_attr_nest_start(h, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(h, CTA_PROTO_NUM, IPPROTO_UDP);
	mnl_attr_put_u16(h, CTA_PROTO_SRC_PORT, htons(1));
	mnl_attr_put_u16(h, CTA_PROTO_DST_PORT, htons(1));
	mnl_attr_nest_end(h, nest);
	mnl_attr_nest_end(h, tuple);
	if (!ret)
		ret = netlink_ask(&netlink, h, NULL, NULL);
	netlink_close(&netlink);
	return ret == -ENOENT ? 0 : ret;
}
