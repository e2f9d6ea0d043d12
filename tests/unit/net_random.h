/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Random documents of a small world of networks: few names, address spaces that now and then overlap, references to what is
 * there. Many of them are refused, which is a test, too.
 */
#pragma once

#include "compile_net_rig.h"

#define NETWORKS  5
#define SUBNETS	  3
#define TABLES	  2
#define GROUPS	  2
#define HOSTS	  3
#define HUBS	  2
#define SITES	  2
#define CLUSTERS  3
#define ENDPOINTS 4

/* --- documents ---------------------------------------------------------------------------------------------------- */

/* The numbers of the networks' and sites' address spaces: some share one, so that what joins them is often refused. */
static unsigned space[NETWORKS], site_space[SITES];

static inline bool is_there(const struct land *w, const char *kind, const char *name)
{
	return landscape_find(w->l, object_kind_find(kind), name);
}

/* "name" of one that is declared, of n numbered below a prefix; false if none of a few tries is. */
static inline bool pick(const struct land *w, const char *kind, const char *fmt, unsigned a,
			unsigned n, char dst[32])
{
	for (int i = 0; i < 4; i++) {
		const char *const digit = strchr(fmt, '#');
		const char *const second = strchr(digit + 1, '#');

		if (second)
			snprintf(dst, 32, "%.*s%u%.*s%zu", (int)(digit - fmt), fmt, a,
				 (int)(second - digit - 1), digit + 1, below(n));
		else
			snprintf(dst, 32, "%.*s%zu", (int)(digit - fmt), fmt, below(n));
		if (is_there(w, kind, dst))
			return true;
	}
	return false;
}

static inline void say_prefix(struct out *o)
{
	const unsigned v = (unsigned)below(NETWORKS + 1), k = (unsigned)below(SUBNETS + 1);

	switch (below(11)) {
	case 0:
		say(o, "0.0.0.0/0");
		break;
	case 1:
		say(o, "'::/0'");
		break;
	case 2:
		say(o, "10.0.0.0/8");
		break;
	case 3:
		say(o, "'fd00:%u::/48'", v);
		break;
	case 4:
		say(o, "'fd00:%u:0:%u::/64'", v, k);
		break;
	case 5:
		say(o, "172.%u.0.0/16", 16 + v % 3);
		break;
	case 6:
		say(o, "172.%u.1.0/24", 16 + v % 3);
		break;
	case 7:
		say(o, "10.%u.%u.%u/28", v, k, (unsigned)below(2) * 16);
		break;
	case 8:
		say(o, "10.%u.%u.128/25", v, k);
		break;
	case 9:
		say(o, "10.%u.%u.0/24", v, k);
		break;
	default:
		say(o, "10.%u.0.0/16", v);
	}
}

/* "- {to: ..., via: " of a prefix that the list does not have yet. */
static inline bool say_to(struct out *o, size_t list_at)
{
	struct out p = {.len = 0};

	say(&p, "- {to: ");
	say_prefix(&p);
	say(&p, ", via: ");
	if (strstr(o->text + list_at, p.text))
		return false;
	say(o, "%s", p.text);
	return true;
}

static inline void say_table_route(const struct land *w, struct out *o, unsigned net)
{
	char name[32];
	unsigned other = (unsigned)below(NETWORKS);

	switch (below(6)) {
	case 0:
		snprintf(name, sizeof(name), "i%u", net);
		if (is_there(w, "internet-gateway", name)) {
			say(o, "{internetGateway: %s}}\n", name);
			return;
		}
		break;
	case 1:
		snprintf(name, sizeof(name), "nat%u", net);
		if (is_there(w, "nat-gateway", name)) {
			say(o, "{natGateway: %s}}\n", name);
			return;
		}
		break;
	case 2:
		snprintf(name, sizeof(name), "p%u%u", net < other ? net : other,
			 net < other ? other : net);
		if (is_there(w, "peering", name)) {
			say(o, "{peering: %s}}\n", name);
			return;
		}
		break;
	case 3:
		if (pick(w, "hub", "hub#", 0, HUBS, name)) {
			say(o, "{hub: %s}}\n", name);
			return;
		}
		break;
	case 4:
		if (pick(w, "site", "o#", 0, SITES, name)) {
			say(o, "{site: %s}}\n", name);
			return;
		}
		break;
	default:
		break;
	}
	say(o, "{drop: true}}\n");
}

static inline void make_network(const struct land *w, struct out *o)
{
	const unsigned i = (unsigned)below(NETWORKS);
	char name[32];

	snprintf(name, sizeof(name), "n%u", i);
	if (!is_there(w, "network", name))
		space[i] = below(3) ? i : (unsigned)below(NETWORKS);
	say(o, "kind: network\nname: n%u\naddressSpace: [10.%u.0.0/16%s", i, space[i],
	    below(5) ? "" : ", 10.77.0.0/24");
	say(o, ", 'fd00:%u::/48']\n", space[i]);
}

static inline void make_subnet(const struct land *w, struct out *o)
{
	const unsigned i = (unsigned)below(NETWORKS), k = (unsigned)below(SUBNETS);
	char table[32];

	say(o, "kind: subnet\nname: s%u-%u\nnetwork: n%u\nranges: [10.%u.%u.0/24", i, k, i,
	    space[i], k);
	if (k != 2)
		say(o, ", 'fd00:%u:0:%u::/64'", space[i], k);
	say(o, "]\n");
	if (below(3) && pick(w, "route-table", "t#-#", i, TABLES, table))
		say(o, "routeTable: %s\n", table);
}

static inline void make_table(const struct land *w, struct out *o)
{
	const unsigned i = (unsigned)below(NETWORKS);
	size_t at;

	say(o, "kind: route-table\nname: t%u-%zu\nnetwork: n%u\nroutes:\n", i, below(TABLES), i);
	at = o->len;
	for (size_t n = 1 + below(5); n > 0; n--) {
		if (say_to(o, at))
			say_table_route(w, o, i);
	}
}

static inline void make_gateway(const struct land *w, struct out *o)
{
	const unsigned i = (unsigned)below(NETWORKS);
	char subnet[32], address[32];

	if (below(2)) {
		say(o, "kind: internet-gateway\nname: i%u\nnetwork: n%u\n", i, i);
	} else if (below(2)) {
		say(o, "kind: public-address\nname: pub%u\naddresses: [192.0.2.%u", i, 100 + i);
		say(o, "%s]\n", below(2) ? ", '2001:db8::1'" : "");
	} else if (pick(w, "subnet", "s#-#", i, SUBNETS, subnet) &&
		   pick(w, "public-address", "pub#", 0, NETWORKS, address)) {
		say(o, "kind: nat-gateway\nname: nat%u\nsubnet: %s\npublicAddress: %s\n", i, subnet,
		    address);
	}
}

static inline void make_peering(struct out *o)
{
	const unsigned i = (unsigned)below(NETWORKS - 1),
		       k = i + 1 + (unsigned)below(NETWORKS - 1 - i);

	say(o, "kind: peering\nname: p%u%u\nnetworks: [n%u, n%u]\n%s", i, k, i, k,
	    below(3) ? "" : "routes: none\n");
}

static inline void make_hub(const struct land *w, struct out *o)
{
	unsigned first = NETWORKS;
	size_t at;

	say(o, "kind: hub\nname: hub%zu\nattachments:\n", below(HUBS));
	for (unsigned i = 0; i < NETWORKS; i++) {
		char name[32];

		snprintf(name, sizeof(name), "n%u", i);
		if (below(2) && is_there(w, "network", name)) {
			say(o, "- {network: %s%s}\n", name, below(4) ? "" : ", routes: none");
			first = i;
		}
	}
	if (first == NETWORKS)
		say(o, "- {network: n0}\n");
	say(o, "routes:\n");
	at = o->len;
	for (size_t n = 1 + below(3); n > 0; n--) {
		if (!say_to(o, at))
			continue;
		if (below(2) && first < NETWORKS)
			say(o, "{network: n%u}}\n", first);
		else
			say(o, "{drop: true}}\n");
	}
}

static inline void make_site(const struct land *w, struct out *o)
{
	const unsigned i = (unsigned)below(SITES);
	char name[32];

	snprintf(name, sizeof(name), "o%u", i);
	if (!is_there(w, "site", name))
		site_space[i] = below(4) ? i : 0;
	say(o, "kind: site\nname: o%u\naddressSpace: [172.%u.0.0/16", i, 16 + site_space[i]);
	say(o, "%s]\n", below(2) ? ", 'fd00:55::/48'" : "");
	if (below(3) == 0 && pick(w, "public-address", "pub#", 0, NETWORKS, name))
		say(o, "publicAddress: %s\n", name);
	say(o, "connections:\n");
	if (below(2) && pick(w, "hub", "hub#", 0, HUBS, name))
		say(o, "- {hub: %s%s}\n", name, below(3) ? "" : ", routes: none");
	if (pick(w, "network", "n#", 0, NETWORKS, name))
		say(o, "- {network: %s%s}\n", name, below(3) ? "" : ", routes: none");
	else
		say(o, "- {network: n0}\n");
}

static inline void say_groups(const struct land *w, struct out *o, unsigned net, const char *key)
{
	char name[32];

	if (below(3) && pick(w, "security-group", "g#-#", net, GROUPS, name))
		say(o, "%s: [%s]\n", key, name);
}

static inline void make_group(const struct land *w, struct out *o)
{
	static const char *const heads[] = {"protocol: tcp, ports: 443", "protocol: any",
					    "protocol: tcp, ports: 400-500", "protocol: udp",
					    "protocol: tcp"};
	const unsigned i = (unsigned)below(NETWORKS);
	char name[32];

	say(o, "kind: security-group\nname: g%u-%zu\nnetwork: n%u\ningress:\n", i, below(GROUPS),
	    i);
	for (size_t n = 1 + below(3); n > 0; n--) {
		say(o, "- {%s, ranges: [", heads[below(ARRAY_SIZE(heads))]);
		say_prefix(o);
		say(o, "]");
		if (below(2) && pick(w, "security-group", "g#-#", i, GROUPS, name))
			say(o, ", groups: [%s]", name);
		say(o, "}\n");
	}
}

static inline void make_host(const struct land *w, struct out *o)
{
	const unsigned i = (unsigned)below(NETWORKS);
	char place[32], name[32];

	if (below(8) == 0 && pick(w, "site", "o#", 0, SITES, place)) {
		say(o, "kind: host\nname: m%zu\nsite: %s\n", below(HOSTS), place);
		return;
	}
	if (!pick(w, "subnet", "s#-#", i, SUBNETS, place))
		return;
	say(o, "kind: host\nname: m%u-%zu\nsubnet: %s\n", i, below(HOSTS), place);
	say_groups(w, o, i, "securityGroups");
	if (below(4) == 0 && pick(w, "public-address", "pub#", 0, NETWORKS, name))
		say(o, "publicAddress: %s\n", name);
}

/* indent: of the part of the document that has them. */
static inline void say_rules(const struct land *w, struct out *o, unsigned net, const char *indent)
{
	char key[32];

	if (below(3) == 0) {
		say(o, "%sranges: [", indent);
		say_prefix(o);
		say(o, "]\n");
	}
	if (below(4) == 0)
		say(o, "%sport: %u\n", indent, below(2) ? 444 : 8443);
	snprintf(key, sizeof(key), "%ssecurityGroups", indent);
	say_groups(w, o, net, key);
}

static inline void make_endpoint(const struct land *w, struct out *o)
{
	static const char *const states[] = {"approved", "approved", "approved", "pending",
					     "rejected"};
	const unsigned i = (unsigned)below(NETWORKS);
	char subnet[32], cluster[32];

	if (!pick(w, "subnet", "s#-#", i, SUBNETS, subnet) ||
	    !pick(w, "cluster", "c#", 0, CLUSTERS, cluster))
		return;
	say(o, "kind: private-endpoint\nname: e%zu\ncluster: %s\nsubnet: %s\nstate: %s\n",
	    below(ENDPOINTS), cluster, subnet, states[below(ARRAY_SIZE(states))]);
	say_rules(w, o, i, "");
}

static inline void make_cluster(const struct land *w, struct out *o)
{
	const size_t c = below(CLUSTERS);
	const unsigned i = (unsigned)below(NETWORKS);
	char subnet[32];

	say(o, "kind: cluster\nname: c%zu\nupstreams: [{address: 10.255.0.5}]\ndrain: %zu\n", c,
	    below(9));
	say(o, "public: {fqdn: c%zu.example}\n", c);
	if (!pick(w, "subnet", "s#-#", i, SUBNETS, subnet))
		return;
	say(o, "private:\n kind: interfaces\n enabled: %s\n placements: [{subnet: %s}]\n",
	    below(4) ? "true" : "false", subnet);
	say_rules(w, o, i, " ");
}

static inline void make_one(const struct land *w, struct out *o)
{
	switch (below(16)) {
	case 0:
		make_network(w, o);
		break;
	case 1:
	case 2:
		make_subnet(w, o);
		break;
	case 3:
	case 4:
	case 5:
		make_table(w, o);
		break;
	case 6:
		make_gateway(w, o);
		break;
	case 7:
	case 8:
		make_peering(o);
		break;
	case 9:
		make_hub(w, o);
		break;
	case 10:
		make_site(w, o);
		break;
	case 11:
		make_group(w, o);
		break;
	case 12:
	case 13:
		make_host(w, o);
		break;
	case 14:
		make_endpoint(w, o);
		break;
	default:
		make_cluster(w, o);
	}
}
