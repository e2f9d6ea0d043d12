/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "netd/nft_text.h"

#include "netd/nft_text_int.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define COMMENT "postern "
#define ND	"icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255"

/* --- a router --------------------------------------------------------------------------------------------- */

static void set_spaces(const struct tables_network *n, struct text *t, uint8_t family)
{
	size_t n_spaces = 0;
	struct prefix *spaces = nft_prefixes_disjoint(n->spaces, n->n_spaces, family, &n_spaces);

	if (spaces)
		nft_set_of_prefixes(t, "spaces", family, spaces, n_spaces);
	else
		t->failed = true;
	free(spaces);
}

/* Which addresses a host may send from. */
static void set_members(const struct tables_network *n, struct text *t, uint8_t family)
{
	struct nft_elements e;
	char text[ADDR_TEXT_MAX];

	text_add(t, "set members%u {\ntype ifname . %s\n", family, nft_type(family));
	e = (struct nft_elements){t, 0};
	for (uint32_t i = 0; i < n->n_hosts; i++)
		for (int f = 0; f < TABLES_FAMILIES; f++)
			if (n->hosts[i].addresses[f].family == family) {
				nft_element_begin(&e);
				text_add(t, "\"h-%u\" . %s", n->hosts[i].id,
					 addr_format(&n->hosts[i].addresses[f], text));
			}
	nft_elements_end(&e);
}

static void set_endpoints(const struct tables_network *n, struct text *t, uint8_t family)
{
	struct nft_elements e;
	char text[ADDR_TEXT_MAX];

	text_add(t, "set endpoints%u {\ntype %s . inet_service\n", family, nft_type(family));
	e = (struct nft_elements){t, 0};
	for (uint32_t i = 0; i < n->n_endpoints; i++)
		if (n->endpoints[i].addr.family == family) {
			nft_element_begin(&e);
			text_add(t, "%s . %u", addr_format(&n->endpoints[i].addr, text),
				 n->endpoints[i].port);
		}
	nft_elements_end(&e);
}

static int addr_by(const void *a, const void *b)
{
	return addr_cmp(a, b);
}

/* Every public address of the router, each once: hosts' own and those of NAT gateways. */
static void set_public(const struct tables_network *n, struct text *t, uint8_t family)
{
	size_t n_all = 0, most = ((size_t)n->n_hosts + n->n_nats) * TABLES_FAMILIES;
	struct addr *all = calloc(most + 1, sizeof *all);
	struct nft_elements e;

	if (!all) {
		t->failed = true;
		return;
	}
	for (int f = 0; f < TABLES_FAMILIES; f++) {
		for (uint32_t i = 0; i < n->n_hosts; i++)
			if (n->hosts[i].public[f].family == family)
				all[n_all++] = n->hosts[i].public[f];
		for (uint32_t i = 0; i < n->n_nats; i++)
			if (n->nats[i].address[f].family == family)
				all[n_all++] = n->nats[i].address[f];
	}
	qsort(all, n_all, sizeof *all, addr_by);
	e = nft_elements_begin(t, "set", "public", family, nft_type(family), "");
	for (size_t i = 0; i < n_all; i++)
		if (i == 0 || !addr_is_equal(&all[i - 1], &all[i]))
			nft_element_addr(&e, &all[i]);
	nft_elements_end(&e);
	free(all);
}

/* --- chains ----------------------------------------------------------------------------------------------- */

/* Also of the internet's side. */
static const char refuse_chains[] = "chain refuse {\n"
				    "meta l4proto tcp reject with tcp reset\n"
				    "reject with icmpx admin-prohibited\n"
				    "}\n"
				    "chain settled {\n"
				    "ct direction reply ct state established,related accept\n"
				    "ct state related meta l4proto { icmp, ipv6-icmp } accept\n"
				    "tcp flags & rst == rst ct state established accept\n"
				    "}\n";

static const char hub_chains[] = "chain entering {\n"
				 "type filter hook input priority filter; policy drop;\n"
				 "meta l4proto { icmp, ipv6-icmp } accept\n"
				 "goto refuse\n"
				 "}\n"
				 "chain passing {\n"
				 "type filter hook forward priority filter; policy drop;\n"
				 "iifname \"to-*\" oifname \"to-*\" accept\n"
				 "goto refuse\n"
				 "}\n";

static const char router_chains[] =
	"chain guarding {\n"
	"type filter hook prerouting priority raw; policy accept;\n"
	"iifname \"h-*\" goto from_host\n"
	"iifname { \"up\", \"to-*\" } goto from_outside\n"
	"}\n"
	"chain from_host {\n" ND " accept\n"
	"iifname . ip saddr @members4 accept\n"
	"iifname . ip6 saddr @members6 accept\n"
	"drop\n"
	"}\n"
	"chain from_outside {\n" ND " accept\n"
	"ip saddr @spaces4 drop\n"
	"ip6 saddr @spaces6 drop\n"
	"ip6 saddr fe80::/10 drop\n"
	"}\n"
	"chain entering {\n"
	"type filter hook input priority filter; policy drop;\n"
	"iifname \"lo\" accept\n" ND " accept\n"
	"jump naming\n"
	"jump settled\n"
	"iifname vmap @egress_of\n"
	"meta l4proto { icmp, ipv6-icmp } accept\n"
	"iifname != \"up\" ip daddr . tcp dport @endpoints4 accept\n"
	"iifname != \"up\" ip6 daddr . tcp dport @endpoints6 accept\n"
	"goto refuse\n"
	"}\n"
	"chain passing {\n"
	"type filter hook forward priority filter; policy drop;\n"
	"icmpv6 type { 133-137 } drop\n"
	"jump settled\n"
	"iifname { \"up\", \"to-*\" } oifname != \"h-*\" goto refuse\n"
	"iifname \"up\" ct status & dnat == 0 goto refuse\n"
	"iifname \"up\" ip daddr vmap @enter4\n"
	"iifname \"up\" ip6 daddr vmap @enter6\n"
	"oifname \"up\" ip saddr vmap @leave4\n"
	"oifname \"up\" ip6 saddr vmap @leave6\n"
	"iifname vmap @egress_of\n"
	"oifname vmap @ingress_of\n"
	"accept\n"
	"}\n"
	"chain arriving {\n"
	"type nat hook prerouting priority dstnat; policy accept;\n"
	"iifname \"up\" dnat ip to ip daddr map @public_in4\n"
	"iifname \"up\" dnat ip6 to ip6 daddr map @public_in6\n"
	"}\n"
	"chain leaving {\n"
	"type nat hook postrouting priority srcnat; policy accept;\n"
	"oifname \"up\" ip saddr vmap @nat4\n"
	"oifname \"up\" ip6 saddr vmap @nat6\n"
	"}\n"
	"chain parting {\n"
	"type filter hook postrouting priority srcnat + 10; policy accept;\n"
	"oifname \"up\" goto to_internet\n"
	"}\n"
	"chain to_internet {\n" ND " accept\n"
	"ip saddr @public4 accept\n"
	"ip6 saddr @public6 accept\n"
	"drop\n"
	"}\n";

void nft_text_router(const struct tables_network *n, struct text *t)
{
	text_add(t, "%s", refuse_chains);
	if (n->kind == ROUTER_HUB) {
		text_add(t, "%s", hub_chains);
		return;
	}
	for (size_t f = 0; f < ARRAY_SIZE(nft_families); f++) {
		set_spaces(n, t, nft_families[f]);
		set_members(n, t, nft_families[f]);
		set_endpoints(n, t, nft_families[f]);
		set_public(n, t, nft_families[f]);
	}
	nft_ways(n, t);
	nft_groups(n, t);
	nft_resolvers(n, t);
	text_add(t, "%s", router_chains);
}

/* --- the internet's side ---------------------------------------------------------------------------------- */

static bool is_wildcard(const struct plan_listener *l)
{
	return l->addr.hi == 0 && l->addr.lo == 0;
}

static void set_listeners(const struct plan_internet *in, struct text *t, uint8_t family)
{
	struct nft_elements e;
	char text[ADDR_TEXT_MAX];

	text_add(t, "set listeners%u {\ntype %s . inet_service\n", family, nft_type(family));
	e = (struct nft_elements){t, 0};
	for (size_t i = 0; i < in->n_listeners; i++)
		if (in->listeners[i].addr.family == family && !is_wildcard(&in->listeners[i])) {
			nft_element_begin(&e);
			text_add(t, "%s . %u", addr_format(&in->listeners[i].addr, text),
				 in->listeners[i].port);
		}
	nft_elements_end(&e);
	e = nft_elements_begin(t, "set", "ports", family, "inet_service", "");
	for (size_t i = 0; i < in->n_listeners; i++)
		if (in->listeners[i].addr.family == family && is_wildcard(&in->listeners[i])) {
			nft_element_begin(&e);
			text_add(t, "%u", in->listeners[i].port);
		}
	nft_elements_end(&e);
}

void nft_text_internet(const struct names *names, const struct plan_internet *i, struct text *t)
{
	text_add(t, "%s", refuse_chains);
	for (size_t f = 0; f < ARRAY_SIZE(nft_families); f++)
		set_listeners(i, t, nft_families[f]);
	text_add(t,
		 "chain entering {\n"
		 "type filter hook input priority filter; policy accept;\n"
		 "iifname \"%s*\" goto from_networks\n"
		 "}\n"
		 "chain from_networks {\n" ND " accept\n"
		 "jump settled\n"
		 "icmp type echo-request accept\n"
		 "icmpv6 type echo-request accept\n"
		 "ip daddr . tcp dport @listeners4 accept\n"
		 "ip6 daddr . tcp dport @listeners6 accept\n"
		 "meta nfproto ipv4 tcp dport @ports4 accept\n"
		 "meta nfproto ipv6 tcp dport @ports6 accept\n"
		 "goto refuse\n"
		 "}\n"
		 "chain passing {\n"
		 "type filter hook forward priority filter; policy accept;\n"
		 "iifname \"%s*\" goto from_networks_on\n"
		 "}\n"
		 "chain from_networks_on {\n"
		 "jump settled\n"
		 "ip daddr { 0.0.0.0/8, 10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16, "
		 "172.16.0.0/12, 192.168.0.0/16 } goto refuse\n"
		 "ip6 daddr { fc00::/7, fe80::/10 } goto refuse\n"
		 "}\n",
		 names->tag, names->tag);
}

/* --- the whole table -------------------------------------------------------------------------------------- */

uint64_t nft_text_digest(const struct text *inside)
{
	return inside->len ? XXH3_64bits(inside->s, inside->len) : 0;
}

void nft_text_replace(const struct names *names, const struct ns_state *want, struct text *t)
{
	text_add(t,
		 "add table inet %s\ndelete table inet %s\ntable inet %s {\ncomment \"" COMMENT
		 "%016" PRIx64 "\"\n",
		 names->prefix, names->prefix, names->prefix, want->nft_digest);
	text_put(t, want->nft.s ? want->nft.s : "", want->nft.len);
	text_add(t, "}\n");
}

void nft_text_remove(const struct names *names, struct text *t)
{
	text_add(t, "add table inet %s\ndelete table inet %s\n", names->prefix, names->prefix);
}

bool nft_text_read_comment(const char *comment, uint64_t *ret_digest)
{
	char *end;

	if (strncmp(comment, COMMENT, strlen(COMMENT)) != 0)
		return false;
	*ret_digest = strtoull(comment + strlen(COMMENT), &end, 16);
	return *end == '\0';
}
