/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "netd/state_diff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct op *op_add(struct ops *o, enum op_kind kind)
{
	static struct op thrown_away;

	if (o->n == o->cap) {
		size_t more = o->cap ? o->cap * 2 : 16;
		struct op *p = reallocarray(o->ops, more, sizeof *p);

		if (!p) {
			o->failed = true;
			return &thrown_away;
		}
		o->ops = p;
		o->cap = more;
	}
	o->ops[o->n] = (struct op){.kind = (uint8_t)kind};
	return &o->ops[o->n++];
}

/* --- links ------------------------------------------------------------------------------------------------ */

static const struct ns_link *link_find(const struct ns_state *s, const char *name)
{
	size_t low = 0, high = s->n_links;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int c = strcmp(name, s->links[middle].name);

		if (c == 0)
			return &s->links[middle];
		if (c < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* An interface of another name, or a pair instead of an interface: it has to go before the wanted one can come. */
static bool link_is_another(const struct ns_link *have, const struct ns_link *want)
{
	if (want->kind == NS_LINK_ATTACHED || have->kind == NS_LINK_ATTACHED)
		return have->kind != want->kind || strcmp(have->alias, want->alias) != 0;
	return have->kind != want->kind;
}

/* Will what is on this link be gone with it? */
static bool link_goes(const struct ns_state *have, const struct ns_state *want, const char *name)
{
	const struct ns_link *h = link_find(have, name), *w = link_find(want, name);

	return !h || (h->is_marked && (!w || link_is_another(h, w)));
}

/*
 * An interface that we took from the daemon's namespace is in a router, and goes back. In a host's namespace nothing of that mark is ours:
 * who is root there made it, and must not choose what appears in the daemon's.
 */
static void links_remove(enum ns_kind kind, const struct ns_state *have,
			 const struct ns_state *want, struct ops *o)
{
	for (size_t i = 0; i < have->n_links; i++) {
		const struct ns_link *h = &have->links[i];

		if (h->is_marked && link_goes(have, want, h->name))
			op_add(o, h->kind == NS_LINK_ATTACHED && kind != NS_HOST ? OP_LINK_RETURN
										 : OP_LINK_DELETE)
				->link = h;
	}
}

static void links_make(const struct ns_state *have, const struct ns_state *want, struct ops *o)
{
	for (size_t i = 0; i < want->n_links; i++) {
		const struct ns_link *w = &want->links[i];
		const struct ns_link *h = link_find(have, w->name);
		bool is_new = !h || (h->is_marked && link_is_another(h, w));

		if (is_new && w->kind != NS_LINK_LOOPBACK)
			op_add(o, w->kind == NS_LINK_ATTACHED ? OP_LINK_TAKE : OP_LINK_CREATE)
				->link = w;
		if (is_new || h->is_up != w->is_up || strcmp(h->alias, w->alias) != 0 ||
		    (w->has_no_addrgen && !h->has_no_addrgen))
			op_add(o, OP_LINK_SET)->link = w;
	}
}

/* --- addresses, routes, rules: both sides are sorted --------------------------------------------------------- */

enum addrs_pass { ADDRS_OF_LINKS_THAT_STAY, ADDRS_GOING, ADDRS_OF_NEW_LINKS };

static void addr_new(const struct ns_state *have, const struct ns_state *want,
		     const struct ns_addr *a, enum addrs_pass pass, struct ops *o)
{
	bool stays = !link_goes(have, want, a->link);

	if (pass == (stays ? ADDRS_OF_LINKS_THAT_STAY : ADDRS_OF_NEW_LINKS))
		op_add(o, OP_ADDR_ADD)->addr = a;
}

/* New ones come before the old ones go: with a link's last IPv4 address the kernel takes away its routes. */
static void addrs_diff(const struct ns_state *have, const struct ns_state *want,
		       enum addrs_pass pass, struct ops *o)
{
	size_t h = 0, w = 0;

	while (h < have->n_addrs || w < want->n_addrs) {
		int c;

		/* Those on a link that goes are no longer there. */
		if (h < have->n_addrs && link_goes(have, want, have->addrs[h].link)) {
			h++;
			continue;
		}
		c = h == have->n_addrs	 ? 1
		    : w == want->n_addrs ? -1
					 : ns_addr_cmp(&have->addrs[h], &want->addrs[w]);
		if (c < 0 && pass == ADDRS_GOING)
			op_add(o, OP_ADDR_DELETE)->addr = &have->addrs[h];
		if (c > 0)
			addr_new(have, want, &want->addrs[w], pass, o);
		h += c <= 0;
		w += c >= 0;
	}
}

static bool route_goes(const struct ns_state *have, const struct ns_state *want,
		       const struct ns_route *r)
{
	return r->link[0] && link_goes(have, want, r->link);
}

static void routes_diff(enum ns_kind kind, const struct ns_state *have, const struct ns_state *want,
			bool removing, struct ops *o)
{
	bool may_replace = kind == NS_ROUTER || kind == NS_HOST;
	size_t h = 0, w = 0;

	while (h < have->n_routes || w < want->n_routes) {
		const struct ns_route *is = h < have->n_routes ? &have->routes[h] : NULL;
		const struct ns_route *shall = w < want->n_routes ? &want->routes[w] : NULL;
		int c;

		if (is && route_goes(have, want, is)) {
			h++;
			continue;
		}
		c = !is ? 1 : !shall ? -1 : ns_route_key_cmp(is, shall);
		if (c < 0 && removing && is->is_ours)
			op_add(o, OP_ROUTE_DELETE)->route = is;
		if (c > 0 && !removing)
			op_add(o, OP_ROUTE_ADD)->route = shall;
		if (c == 0 && !removing && (!is->is_ours || !ns_route_is_equal(is, shall)))
			op_add(o, is->is_ours || may_replace ? OP_ROUTE_REPLACE : OP_ROUTE_ADD)
				->route = shall;
		h += c <= 0;
		w += c >= 0;
	}
}

static void rules_diff(const struct ns_state *have, const struct ns_state *want, bool removing,
		       struct ops *o)
{
	size_t h = 0, w = 0;

	while (h < have->n_rules || w < want->n_rules) {
		int c = h == have->n_rules   ? 1
			: w == want->n_rules ? -1
					     : ns_rule_cmp(&have->rules[h], &want->rules[w]);

		if (c < 0 && removing)
			op_add(o, OP_RULE_DELETE)->rule = &have->rules[h];
		if (c > 0 && !removing)
			op_add(o, OP_RULE_ADD)->rule = &want->rules[w];
		h += c <= 0;
		w += c >= 0;
	}
}

static void sysctls_diff(const struct ns_state *have, const struct ns_state *want, struct ops *o)
{
	for (size_t i = 0; i < want->n_sysctls; i++) {
		bool is_set = false;

		for (size_t k = 0; k < have->n_sysctls && !is_set; k++)
			is_set = strcmp(have->sysctls[k].path, want->sysctls[i].path) == 0 &&
				 strcmp(have->sysctls[k].value, want->sysctls[i].value) == 0;
		if (!is_set)
			op_add(o, OP_SYSCTL)->sysctl = &want->sysctls[i];
	}
}

int state_diff(enum ns_kind kind, const struct ns_state *have, const struct ns_state *want,
	       struct ops *ret_ops)
{
	struct ops o = {0};

	/* Nothing is forwarded before the ruleset is there. */
	if (want->has_nft && (!have->has_nft || have->nft_digest != want->nft_digest))
		op_add(&o, OP_NFT)->nft = want;
	if (!want->has_nft && have->has_nft)
		op_add(&o, OP_NFT_REMOVE)->nft = have;
	sysctls_diff(have, want, &o);
	routes_diff(kind, have, want, true, &o);
	rules_diff(have, want, true, &o);
	addrs_diff(have, want, ADDRS_OF_LINKS_THAT_STAY, &o);
	addrs_diff(have, want, ADDRS_GOING, &o);
	links_remove(kind, have, want, &o);
	links_make(have, want, &o);
	addrs_diff(have, want, ADDRS_OF_NEW_LINKS, &o);
	routes_diff(kind, have, want, false, &o);
	rules_diff(have, want, false, &o);
	if (o.failed) {
		ops_done(&o);
		return -ERR_NOMEM;
	}
	*ret_ops = o;
	return 0;
}

void ops_done(struct ops *o)
{
	free(o->ops);
	*o = (struct ops){0};
}

static const char *const op_words[OP_KINDS] = {[OP_SYSCTL] = "set",
					       [OP_NFT] = "replace",
					       [OP_NFT_REMOVE] = "remove",
					       [OP_ROUTE_DELETE] = "remove",
					       [OP_RULE_DELETE] = "remove",
					       [OP_ADDR_DELETE] = "remove",
					       [OP_LINK_RETURN] = "give back",
					       [OP_LINK_DELETE] = "remove",
					       [OP_LINK_CREATE] = "make",
					       [OP_LINK_TAKE] = "attach",
					       [OP_LINK_SET] = "set up",
					       [OP_ADDR_ADD] = "add",
					       [OP_ROUTE_ADD] = "add",
					       [OP_ROUTE_REPLACE] = "replace",
					       [OP_RULE_ADD] = "add"};

char *op_format(const struct op *op, char dst[OP_TEXT_MAX])
{
	const char *word = op_words[op->kind];
	char text[PREFIX_TEXT_MAX];

	switch (op->kind) {
	case OP_SYSCTL:
		snprintf(dst, OP_TEXT_MAX, "%s net/%s to %s", word, op->sysctl->path,
			 op->sysctl->value);
		break;
	case OP_NFT:
	case OP_NFT_REMOVE:
		snprintf(dst, OP_TEXT_MAX, "%s the nftables table", word);
		break;
	case OP_ROUTE_DELETE:
	case OP_ROUTE_ADD:
	case OP_ROUTE_REPLACE:
		snprintf(dst, OP_TEXT_MAX, "%s the route to %s in table %u%s%s", word,
			 prefix_format(&op->route->to, text), op->route->table,
			 op->route->link[0] ? " by " : "", op->route->link);
		break;
	case OP_RULE_DELETE:
	case OP_RULE_ADD:
		snprintf(dst, OP_TEXT_MAX, "%s the IPv%u rule %u from %s to table %u", word,
			 op->rule->family, op->rule->pref,
			 op->rule->from.addr.family == ADDR_NONE
				 ? "everyone"
				 : prefix_format(&op->rule->from, text),
			 op->rule->table);
		break;
	case OP_ADDR_DELETE:
	case OP_ADDR_ADD:
		snprintf(dst, OP_TEXT_MAX, "%s the address %s on %s", word,
			 addr_format(&op->addr->addr, text), op->addr->link);
		break;
	default:
		snprintf(dst, OP_TEXT_MAX, "%s the interface %s", word, op->link->name);
		break;
	}
	return dst;
}
