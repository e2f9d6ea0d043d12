/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "netd/apply.h"

#include "netd/apply_messages.h"
#include "netd/netlink.h"
#include "netd/nft_text.h"
#include "netd/read.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <xxhash.h>

#define LINKS_AT_ONCE 256 /* deleted; all in one batch */

struct run {
	const struct apply *apply;
	const char *namespace;
	int fd;
	struct netlink netlink;
	const struct op
		*batch[NETLINK_BATCH_BYTES / NLMSG_HDRLEN]; /* whose message is at which place */
	uint32_t n_batch;
	uint32_t
		n_exist; /* at the beginning of the batch: routes that are there by another link of ours */
	struct message_link link; /* found last */
	bool remade, is_unruled;
	int ret;
	struct err *e;
};

/* The first failure is kept. */
static void failed(struct run *r, const struct op *op, enum err_code code, const char *words)
{
	char text[OP_TEXT_MAX];

	if (r->ret)
		return;
	r->ret = err_set(r->e, code, NULL, "namespace '%s': could not %s: %s",
			 r->namespace[0] ? r->namespace : "of the daemon", op_format(op, text),
			 words);
}

static void failed_errno(struct run *r, const struct op *op, int error, const char *kernel)
{
	char words[NETLINK_WORDS_MAX + 128];

	snprintf(words, sizeof words, "%s%s%s%s", strerror(error), kernel[0] ? " (" : "", kernel,
		 kernel[0] ? ")" : "");
	failed(r, op, ERR_UNAVAILABLE, words);
}

/* --- rulesets and settings -------------------------------------------------------------------------------- */

/*
 * Closing a socket by which a ruleset was replaced waits until the kernel has freed the old one, a grace period of RCU. So the last
 * one stays open until the next is needed, or there is nothing else to do.
 */
static struct nft_ctx *spent;

void apply_idle(void)
{
	if (spent)
		nft_ctx_free(spent);
	spent = NULL;
}

/* The library ends the process if it cannot have its socket: find out first. NULL with words for people. */
static struct nft_ctx *nft_open(char *words, size_t cap)
{
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	struct nft_ctx *nft;

	if (fd < 0) {
		snprintf(words, cap, "netlink socket for nf_tables: %s", strerror(errno));
		return NULL;
	}
	nft = nft_ctx_new(NFT_CTX_DEFAULT);
	if (!nft)
		snprintf(words, cap, "no memory");
	return nft;
}

static int nft_run(const struct text *t, char *words, size_t cap)
{
	struct nft_ctx *nft;
	int ret = -1;

	apply_idle();
	snprintf(words, cap, "no memory");
	nft = t->failed ? NULL : nft_open(words, cap);
	if (!nft)
		return -1;
	if (!nft_ctx_buffer_error(nft) && !nft_ctx_buffer_output(nft)) {
		ret = nft_run_cmd_from_buffer(nft, t->s);
		if (ret) {
			const char *error = nft_ctx_get_error_buffer(nft);

			str_quote(words, cap, error, strcspn(error, "\n"));
		}
	}
	spent = nft;
	return ret;
}

/* Line by line in order, but for elements of sets, which the kernel lists in any. */
static uint64_t listing_digest(const char *text)
{
	uint64_t digest = 0, elements = 0;
	bool in_elements = false;

	for (size_t len; *text; text += len) {
		len = strcspn(text, "\n,{}");
		in_elements = in_elements || (len >= 11 && memmem(text, len, "elements =", 10));
		while (len && *text == ' ') {
			text++;
			len--;
		}
		if (in_elements)
			elements += XXH3_64bits(text, len);
		else
			digest = XXH3_64bits_withSeed(text, len, digest);
		in_elements = in_elements && text[len] != '}';
		len += text[len] != '\0';
	}
	return (digest ^ elements) | 1;
}

uint64_t apply_nft_listing(const struct names *names)
{
	char command[NETD_PREFIX_MAX + 32], words[128];
	struct nft_ctx *nft = nft_open(words, sizeof words);
	uint64_t digest = 0;

	if (!nft)
		return 0;
	snprintf(command, sizeof command, "list table inet %s", names->prefix);
	nft_ctx_output_set_flags(nft, NFT_CTX_OUTPUT_STATELESS | NFT_CTX_OUTPUT_NUMERIC_ALL);
	if (!nft_ctx_buffer_error(nft) && !nft_ctx_buffer_output(nft) &&
	    !nft_run_cmd_from_buffer(nft, command))
		digest = listing_digest(nft_ctx_get_output_buffer(nft));
	nft_ctx_free(nft);
	return digest;
}

static void nft_apply(struct run *r, const struct op *op)
{
	struct text t = {0};
	char words[256];

	if (op->kind == OP_NFT)
		nft_text_replace(r->apply->names, op->nft, &t);
	else
		nft_text_remove(r->apply->names, &t);
	if (nft_run(&t, words, sizeof words)) {
		failed(r, op, ERR_UNAVAILABLE, words);
		r->is_unruled = true;
	}
	text_done(&t);
}

int apply_nft_remove(const struct names *names, struct err *e)
{
	struct text t = {0};
	char words[256];
	int ret = 0;

	nft_text_remove(names, &t);
	if (nft_run(&t, words, sizeof words))
		ret = err_set(e, ERR_UNAVAILABLE, NULL,
			      "could not remove the nftables table '%s': %s", names->prefix, words);
	text_done(&t);
	return ret;
}

static bool sysctl_write(const struct ns_sysctl *s)
{
	size_t len = strlen(s->value);
	char path[128];
	_cleanup_close_ int fd = -1;

	snprintf(path, sizeof path, "/proc/sys/net/%s", s->path);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd >= 0 && write(fd, s->value, len) == (ssize_t)len;
}

/* Forwarding comes after the ruleset, or not at all. */
static void sysctl_apply(struct run *r, const struct op *op)
{
	if (!r->is_unruled && !sysctl_write(op->sysctl))
		failed_errno(r, op, errno, "");
}

void apply_forwarding_stop(void)
{
	static const struct ns_sysctl off[] = {{"ipv4/ip_forward", "0"},
					       {"ipv6/conf/all/forwarding", "0"}};

	/* Where one cannot be written, it could not be set either. */
	for (size_t i = 0; i < ARRAY_SIZE(off); i++)
		(void)!sysctl_write(&off[i]);
}

/* --- links ------------------------------------------------------------------------------------------------ */

/* A netlink socket of the daemon's own namespace; the thread is back in fd afterwards. */
static int own_open(const struct apply *a, int fd, struct netlink *n)
{
	int ret;

	netns_leave(a->netns);
	ret = netlink_open(n, NETLINK_ROUTE);
	if (netns_enter(fd)) {
		/* The namespace is open: this cannot fail but for want of rights, which we had a moment ago. */
		netlink_close(n);
		return -EPERM;
	}
	return ret;
}

/* The other end's place is taken by an end of ours whose pair is no longer the wanted one. */
static bool stale_end_removed(struct run *r, int peer_fd, const char *name)
{
	char buffer[1024];
	struct netlink n = {0};
	struct ns_link l;
	bool removed = false;

	if (netns_enter(peer_fd))
		return false;
	if (!read_link(r->apply->names, name, &l) && l.is_marked && l.kind == NS_LINK_VETH &&
	    !netlink_open(&n, NETLINK_ROUTE)) {
		removed = !netlink_ask(&n, message_link_delete(buffer, l.index), NULL, NULL);
		netlink_close(&n);
	}
	if (netns_enter(r->fd))
		netns_leave(r->apply->netns);
	return removed;
}

static void link_create(struct run *r, const struct op *op)
{
	const struct ns_link *l = op->link;
	char buffer[1024];
	_cleanup_close_ int opened = -1;
	int peer = r->apply->netns->own, ret;
	struct err e = {0};

	if (l->peer_ns[0]) {
		opened = netns_open(r->apply->netns, l->peer_ns, false, &e);
		if (opened < 0) {
			failed(r, op, (enum err_code) - opened, e.text);
			return;
		}
		peer = opened;
	}
	ret = netlink_ask(&r->netlink, message_link_create(buffer, r->apply->names, l, peer), NULL,
			  NULL);
	if (ret == -EEXIST && stale_end_removed(r, peer, l->peer_name))
		ret = netlink_ask(&r->netlink,
				  message_link_create(buffer, r->apply->names, l, peer), NULL,
				  NULL);
	if (ret)
		failed_errno(r, op, -ret, r->netlink.words);
	else
		r->remade = true;
}

static void link_take(struct run *r, const struct op *op)
{
	const char *name = names_attached(r->apply->names, op->link->alias);
	struct netlink own = {0};
	struct ns_link l = {0};
	char buffer[1024], words[96];
	int ret;

	netns_leave(r->apply->netns);
	ret = read_link(r->apply->names, name, &l);
	if (netns_enter(r->fd) || (ret && ret != -ERR_NOT_FOUND)) {
		failed(r, op, ERR_UNAVAILABLE, "the daemon's namespace cannot be read");
		return;
	}
	if (ret || (l.is_marked && strcmp(l.alias, op->link->alias) != 0)) {
		snprintf(words, sizeof words,
			 ret ? "there is no interface '%s' on this machine"
			     : "the interface '%s' is one of postern's own",
			 name);
		failed(r, op, ERR_NOT_FOUND, words);
		return;
	}
	ret = own_open(r->apply, r->fd, &own);
	if (!ret)
		ret = netlink_ask(&own, message_link_alias(buffer, l.index, op->link->alias), NULL,
				  NULL);
	if (!ret)
		ret = netlink_ask(&own, message_link_move(buffer, l.index, r->fd, op->link->name),
				  NULL, NULL);
	if (ret)
		failed_errno(r, op, -ret, own.words);
	netlink_close(&own);
}

int apply_link_return(const struct apply *a, int fd, const struct ns_link *l)
{
	const char *name = names_attached(a->names, l->alias);
	struct netlink here = {0}, own = {0};
	struct ns_link there;
	char buffer[1024];
	int ret = netlink_open(&here, NETLINK_ROUTE);

	if (!ret)
		ret = netlink_ask(&here, message_link_move(buffer, l->index, a->netns->own, name),
				  NULL, NULL);
	netlink_close(&here);
	if (ret)
		return ret;
	/* Its mark goes last: were we killed before, the sweep at the next start would know it by that. */
	ret = own_open(a, fd, &own);
	if (ret)
		return ret;
	netns_leave(a->netns);
	if (!read_link(a->names, name, &there))
		ret = netlink_ask(&own, message_link_alias(buffer, there.index, ""), NULL, NULL);
	netlink_close(&own);
	return netns_enter(fd) ? -EPERM : ret;
}

void apply_links_sweep(const struct apply *a)
{
	struct ns_state want = {0}, have = {0};
	struct netlink n = {0};
	char buffer[1024];

	/* As of a router, so that every link is read. */
	if (read_state(a->names, NS_HOST, NULL, &want, &have, NULL))
		return;
	if (!netlink_open(&n, NETLINK_ROUTE))
		for (size_t i = 0; i < have.n_links; i++)
			if (have.links[i].kind == NS_LINK_ATTACHED)
				(void)!netlink_ask(
					&n, message_link_alias(buffer, have.links[i].index, ""),
					NULL, NULL);
	netlink_close(&n);
	state_done(&have);
}

/* --- what goes in batches --------------------------------------------------------------------------------- */

static bool is_fine(const struct op *op, int error)
{
	switch (op->kind) {
	case OP_ROUTE_DELETE:
	case OP_RULE_DELETE:
	case OP_ADDR_DELETE:
	case OP_LINK_DELETE:
		return error == ENOENT || error == ESRCH || error == EADDRNOTAVAIL ||
		       error == ENODEV || error == ENXIO;
	case OP_RULE_ADD:
		return error == EEXIST;
	default:
		return false;
	}
}

static void batch_failed(uint32_t position, int error, void *arg)
{
	struct run *r = arg;
	const struct op *op = r->batch[position];

	/* In the daemon's namespace a public address may still lead to the router that had it before. */
	if (op->kind == OP_ROUTE_ADD && error == EEXIST && !r->namespace[0])
		r->batch[r->n_exist++] = op;
	else if (!is_fine(op, error))
		failed_errno(r, op, error, r->netlink.words);
}

struct standing {
	const struct op *op;
	const struct names *names;
	bool is_ours;
};

static int standing_take(const struct nlmsghdr *h, void *arg)
{
	const struct rtmsg *m = mnl_nlmsg_get_payload(h);
	struct standing *s = arg;
	const struct nlattr *a;
	char link[IFNAMSIZ];

	if (h->nlmsg_type != RTM_NEWROUTE || m->rtm_protocol != NETD_PROTOCOL ||
	    m->rtm_dst_len != s->op->route->to.len)
		return 0;
	netlink_each_attr (a, h, sizeof *m)
		if (mnl_attr_get_type(a) == RTA_OIF)
			s->is_ours = if_indextoname(mnl_attr_get_u32(a), link) &&
				     strncmp(link, s->names->tag, strlen(s->names->tag)) == 0;
	return 0;
}

/* Ours by another link: it is where this one comes from. Anybody else's stays. */
static void route_move(struct run *r, const struct op *op)
{
	const struct op replacing = {.kind = OP_ROUTE_REPLACE, .route = op->route};
	struct standing s = {op, r->apply->names, false};
	char buffer[1024];
	int ret = netlink_ask(&r->netlink, message_route_look(buffer, &op->route->to),
			      standing_take, &s);

	if (!ret && s.is_ours)
		ret = netlink_ask(&r->netlink, message_for(buffer, &replacing, &r->link), NULL,
				  NULL);
	else
		ret = -EEXIST;
	if (ret)
		failed_errno(r, op, -ret, "");
}

static void batch_send(struct run *r)
{
	const struct op *first = r->n_batch ? r->batch[0] : NULL;
	int ret;

	r->n_exist = 0;
	ret = netlink_send(&r->netlink, batch_failed, r);
	r->n_batch = 0;
	if (ret)
		failed_errno(r, first, -ret, "");
	for (uint32_t i = 0; i < r->n_exist; i++)
		route_move(r, r->batch[i]);
}

static void batch_put(struct run *r, const struct op *op, struct nlmsghdr *h)
{
	bool full = false;
	int ret;

	if (!h) {
		failed_errno(r, op, ENODEV, "");
		return;
	}
	ret = netlink_put(&r->netlink, h, &full);
	if (ret) {
		failed_errno(r, op, -ret, "");
		return;
	}
	r->batch[r->n_batch++] = op;
	if (full)
		batch_send(r);
}

static void link_set(struct run *r, const struct op *op)
{
	char buffer[1024];

	/* Up last: an interface that comes up gives itself an address unless told not to. */
	if (op->link->kind != NS_LINK_LOOPBACK)
		batch_put(r, op, message_link_mark(buffer, op->link));
	batch_put(r, op, message_link_up(buffer, op->link));
}

/*
 * Deleting a link waits until no processor can still see it, some ten milliseconds that the kernel spends once for all that are
 * deleted together. Those are in one batch, which the kernel goes through whatever becomes of us: none stays behind in that group.
 */
static void links_delete(struct run *r, const struct op *ops, size_t n)
{
	char buffer[1024];

	batch_send(r);
	for (size_t i = 0; i < n; i++)
		batch_put(r, &ops[i],
			  n == 1 ? message_link_delete(buffer, ops[i].link->index)
				 : message_link_group(buffer, ops[i].link->index,
						      r->apply->names->group_going));
	if (n > 1)
		batch_put(r, &ops[0], message_group_delete(buffer, r->apply->names->group_going));
	batch_send(r);
}

static size_t links_to_delete(const struct op *ops, size_t n)
{
	size_t found = 0;

	while (found < n && found < LINKS_AT_ONCE && ops[found].kind == OP_LINK_DELETE)
		found++;
	return found;
}

/* Those that need more than a message see to it that what comes before them is done. */
static void op_apply(struct run *r, const struct op *op)
{
	char buffer[1024];
	int ret;

	switch (op->kind) {
	case OP_SYSCTL:
		sysctl_apply(r, op);
		break;
	case OP_NFT:
	case OP_NFT_REMOVE:
		batch_send(r);
		nft_apply(r, op);
		break;
	case OP_LINK_CREATE:
		batch_send(r);
		link_create(r, op);
		break;
	case OP_LINK_TAKE:
		batch_send(r);
		link_take(r, op);
		break;
	case OP_LINK_RETURN:
		batch_send(r);
		ret = apply_link_return(r->apply, r->fd, op->link);
		if (ret)
			failed_errno(r, op, -ret, "");
		break;
	case OP_LINK_SET:
		link_set(r, op);
		break;
	default:
		batch_put(r, op, message_for(buffer, op, &r->link));
		break;
	}
}

int apply_ops(const struct apply *a, const char *namespace, int fd, const struct ops *ops,
	      bool *ret_remade, struct err *e)
{
	struct run *r;
	int ret;

	if (!ops->n)
		return 0;
	r = calloc(1, sizeof *r);
	if (!r)
		return err_set(e, ERR_NOMEM, NULL, "no memory to change namespace '%s'", namespace);
	*r = (struct run){.apply = a, .namespace = namespace, .fd = fd, .e = e};
	ret = netlink_open(&r->netlink, NETLINK_ROUTE);
	if (ret) {
		free(r);
		return err_set(e, ERR_UNAVAILABLE, NULL, "namespace '%s': netlink: %s", namespace,
			       strerror(-ret));
	}
	for (size_t i = 0; i < ops->n;) {
		size_t going = links_to_delete(&ops->ops[i], ops->n - i);

		if (going)
			links_delete(r, &ops->ops[i], going);
		else
			op_apply(r, &ops->ops[i]);
		i += going ? going : 1;
	}
	batch_send(r);
	netlink_close(&r->netlink);
	*ret_remade = *ret_remade || r->remade;
	ret = r->ret;
	free(r);
	return ret;
}
