/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Landscapes for tests: documents as short YAML, changes as one call. */
#pragma once

#include "model/document.h"
#include "model/kind.h"
#include "model/landscape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* A landscape with one of everything. */
#define WORLD                                                                                      \
	"kind: network\nname: net\naddressSpace: [10.0.0.0/16, 2001:db8::/48]\n---\n"              \
	"kind: subnet\nname: pub\nnetwork: net\nranges: [10.0.0.0/24, 2001:db8::/64]\n"            \
	"routeTable: rt\n---\n"                                                                    \
	"kind: subnet\nname: priv\nnetwork: net\nranges: [10.0.1.0/28]\n---\n"                     \
	"kind: subnet\nname: deleg\nnetwork: net\nranges: [10.0.2.0/28]\ndelegation: clusters\n"   \
	"---\n"                                                                                    \
	"kind: internet-gateway\nname: igw\nnetwork: net\n---\n"                                   \
	"kind: public-address\nname: pa1\n---\n"                                                   \
	"kind: public-address\nname: pa2\naddresses: [198.51.100.9]\n---\n"                        \
	"kind: public-address\nname: pa3\n---\n"                                                   \
	"kind: nat-gateway\nname: nat\nsubnet: pub\npublicAddress: pa1\n---\n"                     \
	"kind: route-table\nname: rt\nnetwork: net\nroutes:\n"                                     \
	"  - {to: 0.0.0.0/0, via: {internetGateway: igw}}\n"                                       \
	"  - {to: 10.1.0.0/16, via: {peering: p}}\n"                                               \
	"  - {to: 10.2.0.0/16, via: {hub: h}}\n"                                                   \
	"  - {to: 192.168.0.0/16, via: {site: office}}\n"                                          \
	"  - {to: 10.9.0.0/16, via: {drop: true}}\n"                                               \
	"  - {to: 203.0.113.0/24, via: {natGateway: nat}}\n---\n"                                  \
	"kind: network\nname: peer\naddressSpace: [10.1.0.0/16]\n---\n"                            \
	"kind: network\nname: spoke\naddressSpace: [10.2.0.0/16]\n---\n"                           \
	"kind: network\nname: alone\naddressSpace: [10.0.0.0/16]\n---\n"                           \
	"kind: subnet\nname: peer1\nnetwork: peer\nranges: [10.1.0.0/24]\n---\n"                   \
	"kind: subnet\nname: alone1\nnetwork: alone\nranges: [10.0.0.0/24]\n---\n"                 \
	"kind: peering\nname: p\nnetworks: [net, peer]\n---\n"                                     \
	"kind: hub\nname: h\nattachments: [{network: net}, {network: spoke, routes: none}]\n"      \
	"routes: [{to: 172.16.0.0/12, via: {network: spoke}}, {to: 192.168.0.0/16, via: {site: "   \
	"office}}]\n---\n"                                                                         \
	"kind: site\nname: office\naddressSpace: [192.168.0.0/24]\npublicAddress: pa3\n"           \
	"connections: [{network: net}, {hub: h, routes: none}]\n---\n"                             \
	"kind: security-group\nname: web\nnetwork: net\n"                                          \
	"ingress: [{protocol: tcp, ports: 443, groups: [web, node]}]\n---\n"                       \
	"kind: security-group\nname: node\nnetwork: net\negress: []\n---\n"                        \
	"kind: host\nname: a\nsubnet: pub\nsecurityGroups: [web, node]\npublicAddress: pa2\n---\n" \
	"kind: host\nname: b\nsubnet: priv\naddresses: [10.0.1.9]\n"                               \
	"attach: {namespace: other}\n---\n"                                                        \
	"kind: host\nname: printer\nsite: office\n---\n"                                           \
	"kind: cluster\nname: prod\nupstreams: [{address: 127.0.0.1}]\n"                           \
	"public: {fqdn: prod.example.org, names: [\"*.w.example\", alt.example.org]}\n"            \
	"private: {kind: interfaces, placements: [{subnet: pub}, {subnet: priv}], "                \
	"securityGroups: [web]}\n---\n"                                                            \
	"kind: private-endpoint\nname: ep\ncluster: prod\nsubnet: alone1\n"

/* Documents of a stream, as the store keeps them: checked and normalized. */
static inline json_t *documents(const char *yaml)
{
	json_t *list = NULL;
	struct err e = {0};
	const struct kind *kind;
	const char *name;

	if (document_parse(yaml, strlen(yaml), DOCUMENT_YAML, &list, &e) < 0)
		fail_msg("%s: %s", yaml, e.text);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *doc = json_array_get(list, i);

		if (kind_of(doc, &kind, &name, &e) < 0 || kind->check(doc, true, &e) < 0)
			fail_msg("%s\n%s: %s", yaml, e.path, e.text);
	}
	return list;
}

static inline enum object_kind doc_kind(const json_t *doc)
{
	return object_kind_find(json_string_value(json_object_get(doc, "kind")));
}

static inline const char *doc_name(const json_t *doc)
{
	return json_string_value(json_object_get(doc, "name"));
}

/* What a change said. */
struct verdict {
	int r;
	struct err e;
	char blame[160]; /* "host/a", "" if none */
};

/*
 * Put every document of the stream, having deleted every object of the other ("kind/name kind/name"), allocate, check; commit if all
 * is well, abort if not. The documents are left with their addresses filled in.
 */
static inline struct verdict landscape_apply(struct landscape *l, json_t *docs, const char *deleted,
					     bool force)
{
	struct verdict v = {0};
	const struct object *blame = NULL;
	struct object *o;
	char kind[64], name[64];
	int used;

	landscape_begin(l);
	for (; deleted && sscanf(deleted, " %63[^/]/%63s%n", kind, name, &used) == 2;
	     deleted += used)
		assert_int_equal(landscape_delete(l, object_kind_find(kind), name, &v.e), 0);
	for (size_t i = 0; i < json_array_size(docs) && v.r == 0; i++) {
		const json_t *doc = json_array_get(docs, i);

		v.r = landscape_put(l, doc_kind(doc), 0, doc, &o, &v.e);
		if (v.r < 0)
			fail_msg("%s: %s", v.e.path, v.e.text);
	}
	for (size_t i = 0; i < json_array_size(docs) && v.r == 0; i++) {
		json_t *doc = json_array_get(docs, i);

		o = landscape_find(l, doc_kind(doc), doc_name(doc));
		v.r = landscape_allocate(l, o, NULL, doc, &v.e);
		blame = v.r < 0 ? o : NULL;
	}
	if (v.r == 0)
		v.r = landscape_check(l, force, &blame, &v.e);
	if (blame)
		snprintf(v.blame, sizeof(v.blame), "%s/%s", object_kind_text(blame->kind),
			 blame->name);
	if (v.r < 0)
		landscape_abort(l);
	else
		landscape_commit(l);
	return v;
}

static inline void must_apply(struct landscape *l, const char *yaml)
{
	json_t *docs = documents(yaml);
	struct verdict v = landscape_apply(l, docs, NULL, false);

	if (v.r < 0)
		fail_msg("%s\n%s: %s: %s", yaml, v.blame, v.e.path, v.e.text);
	json_decref(docs);
}

static const struct prefix pool[] = {
	{{.lo = 0xcb007100, .family = ADDR_V4}, 24},
	{{.hi = UINT64_C(0x20010db8ffff0000), .family = ADDR_V6}, 64},
};

static inline struct landscape *world(void)
{
	struct landscape *l;
	struct err e;

	assert_int_equal(landscape_new(&l, &e), 0);
	assert_int_equal(landscape_set_pool(l, pool, 2, &e), 0);
	must_apply(l, WORLD);
	return l;
}
