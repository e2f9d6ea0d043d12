/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The resolver's addresses: reached by the router's own hosts by port 53, whatever their groups say, and by nobody else.
 *
 * What hosts ask, and what they are told, is not tracked: each question would be a flow of its own, kept for half a minute, and a host that
 * asks much would fill the table that the flows of all others need. Nothing is lost by it: a question is judged by itself, and an answer
 * leaves by no chain. What the resolver asks others is tracked as any flow is, since only answers may come in, and it may be translated.
 */
#include "netd/nft_text_int.h"

#define DNS "meta l4proto { tcp, udp } th "

static void set_resolvers(const struct tables_network *n, struct text *t, uint8_t family)
{
	struct nft_elements e =
		nft_elements_begin(t, "set", "resolvers", family, nft_type(family), "");

	for (uint32_t i = 0; i < n->n_resolvers; i++)
		if (n->resolvers[i].addr.family == family)
			nft_element_addr(&e, &n->resolvers[i].addr);
	nft_elements_end(&e);
}

static const char untracked_chains[] =
	"chain asked {\n"
	"type filter hook prerouting priority raw; policy accept;\n" DNS
	"dport 53 iifname \"h-*\" jump untracked_to\n"
	"}\n"
	"chain untracked_to {\n"
	"ip daddr @resolvers4 notrack\n"
	"ip6 daddr @resolvers6 notrack\n"
	"}\n"
	"chain answering {\n"
	"type filter hook output priority raw; policy accept;\n" DNS
	"sport 53 jump untracked_from\n"
	"}\n"
	"chain untracked_from {\n"
	"ip saddr @resolvers4 notrack\n"
	"ip6 saddr @resolvers6 notrack\n"
	"}\n";

static const char naming_chain[] =
	"chain naming {\n" DNS
	"dport 53 iifname \"h-*\" ip saddr @spaces4 ip daddr @resolvers4 accept\n" DNS
	"dport 53 iifname \"h-*\" ip6 saddr @spaces6 ip6 daddr @resolvers6 accept\n"
	"}\n";

/* A host of the router's own that is asked is behind no forward chain. */
static const char asking_chains[] = "chain asking {\n"
				    "type filter hook output priority filter; policy accept;\n" DNS
				    "dport 53 jump from_resolver\n"
				    "}\n"
				    "chain from_resolver {\n"
				    "ip saddr @resolvers4 goto to_server\n"
				    "ip6 saddr @resolvers6 goto to_server\n"
				    "}\n"
				    "chain to_server {\n"
				    "jump settled\n"
				    "oifname vmap @ingress_of\n"
				    "}\n";

static bool asks(const struct tables_network *n)
{
	for (uint32_t i = 0; i < n->n_resolvers; i++)
		if (n->resolvers[i].asks)
			return true;
	return false;
}

void nft_resolvers(const struct tables_network *n, struct text *t)
{
	if (!n->n_resolvers) {
		text_add(t, "chain naming {\n}\n");
		return;
	}
	for (size_t f = 0; f < ARRAY_SIZE(nft_families); f++)
		set_resolvers(n, t, nft_families[f]);
	text_add(t, "%s%s%s", untracked_chains, naming_chain, asks(n) ? asking_chains : "");
}
