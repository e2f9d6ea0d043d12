/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Random landscapes: who comes to a private endpoint, said by the explanation and by the compiled tables, which are made by
 * other code. Both a host's way, step by step, and the verdict on a bare address must say the same as the tables.
 */
#include "compile_rig.h"
#include "explain/admit.h"
#include "explain/path.h"
#include "model/document.h"
#include "tables/network.h"

#include <time.h>

#define NETWORKS 5
#define SUBNETS	 3 /* of each network */
#define HUBS	 2
#define SITES	 2
#define ROUNDS	 300

/* What is joined to what, so that routes name links that exist. */
struct plan {
	FILE *f;
	int peering[NETWORKS][NETWORKS]; /* number + 1; i < j */
	bool attached[HUBS][NETWORKS], connected[SITES][NETWORKS], site_hub[SITES][HUBS];
	int n_peerings;
};

static const char *automatic(void)
{
	return below(4) ? "automatic" : "none";
}

/* Within 10.0.0.0/8 and 172.16.0.0/12, near what exists. */
static const char *random_prefix(void)
{
	static char text[4][PREFIX_TEXT_MAX];
	static int turn;
	char *dst = text[turn = (turn + 1) % 4];
	size_t n = below(NETWORKS), s = below(SUBNETS + 1);

	switch (below(8)) {
	case 0:
		snprintf(dst, PREFIX_TEXT_MAX, "0.0.0.0/0");
		break;
	case 1:
		snprintf(dst, PREFIX_TEXT_MAX, "10.0.0.0/8");
		break;
	case 2:
		snprintf(dst, PREFIX_TEXT_MAX, "172.%zu.0.0/16", 16 + below(SITES));
		break;
	case 3:
		snprintf(dst, PREFIX_TEXT_MAX, "10.%zu.%zu.%zu/32", n, s, 10 + below(3));
		break;
	case 4:
		snprintf(dst, PREFIX_TEXT_MAX, "10.%zu.0.0/16", n);
		break;
	case 5:
		snprintf(dst, PREFIX_TEXT_MAX, "10.%zu.%zu.0/28", n, s);
		break;
	default:
		snprintf(dst, PREFIX_TEXT_MAX, "10.%zu.%zu.0/24", n, s);
		break;
	}
	return dst;
}

static void put_links(struct plan *p)
{
	for (int i = 0; i < NETWORKS; i++) {
		for (int j = i + 1; j < NETWORKS; j++) {
			if (below(3))
				continue;
			p->peering[i][j] = p->peering[j][i] = ++p->n_peerings;
			fprintf(p->f,
				"---\nkind: peering\nname: p%d\nnetworks: [n%d, n%d]\nroutes: %s\n",
				p->n_peerings, i, j, automatic());
		}
	}
	for (int h = 0; h < HUBS; h++) {
		fprintf(p->f, "---\nkind: hub\nname: h%d\nattachments:\n", h);
		for (int n = 0; n < NETWORKS; n++) {
			p->attached[h][n] = below(2) || n == h;
			if (p->attached[h][n])
				fprintf(p->f, "- {network: n%d, routes: %s}\n", n, automatic());
		}
		for (int s = 0; s < SITES; s++)
			p->site_hub[s][h] = below(3) == 0;
		fprintf(p->f, "routes:\n- {to: 10.250.0.0/16, via: {drop: true}}\n");
		for (int n = 0; n < NETWORKS; n++)
			if (p->attached[h][n] && below(2))
				fprintf(p->f, "- {to: %s, via: {network: n%d}}\n", random_prefix(),
					n);
		if (below(2))
			fprintf(p->f, "- {to: %s, via: {drop: true}}\n", random_prefix());
	}
	for (int s = 0; s < SITES; s++) {
		fprintf(p->f,
			"---\nkind: site\nname: s%d\naddressSpace: [172.%d.0.0/16]\n"
			"connections:\n",
			s, 16 + s);
		for (int n = 0; n < NETWORKS; n++) {
			p->connected[s][n] = below(4) == 0 || n == s;
			if (p->connected[s][n])
				fprintf(p->f, "- {network: n%d, routes: %s}\n", n, automatic());
		}
		for (int h = 0; h < HUBS; h++)
			if (p->site_hub[s][h])
				fprintf(p->f, "- {hub: h%d}\n", h);
	}
}

static void put_route(struct plan *p, int n)
{
	int other = (int)below(NETWORKS);
	int h = (int)below(HUBS), s = (int)below(SITES);
	const char *to = random_prefix();

	switch (below(4)) {
	case 0:
		fprintf(p->f, "- {to: %s, via: {drop: true}}\n", to);
		break;
	case 1:
		if (p->peering[n][other])
			fprintf(p->f, "- {to: %s, via: {peering: p%d}}\n", to,
				p->peering[n][other]);
		break;
	case 2:
		if (p->attached[h][n])
			fprintf(p->f, "- {to: %s, via: {hub: h%d}}\n", to, h);
		break;
	default:
		if (p->connected[s][n])
			fprintf(p->f, "- {to: %s, via: {site: s%d}}\n", to, s);
		break;
	}
}

static void put_subnets(struct plan *p, int n)
{
	for (int s = 0; s < SUBNETS; s++) {
		bool table = below(3) > 0;

		if (table) {
			fprintf(p->f,
				"---\nkind: route-table\nname: t%d-%d\nnetwork: n%d\nroutes:\n", n,
				s, n);
			/* Never empty: a list. Its prefix is nobody's. */
			fprintf(p->f, "- {to: 10.251.0.0/16, via: {drop: true}}\n");
			for (size_t i = below(3); i > 0; i--)
				put_route(p, n);
		}
		fprintf(p->f,
			"---\nkind: subnet\nname: n%d-%d\nnetwork: n%d\nranges: [10.%d.%d.0/24]\n",
			n, s, n, n, s);
		if (table)
			fprintf(p->f, "routeTable: t%d-%d\n", n, s);
		for (int i = 0; i < 2; i++)
			fprintf(p->f,
				"---\nkind: host\nname: h%d-%d-%d\nsubnet: n%d-%d\n"
				"addresses: [10.%d.%d.%d]\n",
				n, s, i, n, s, n, s, 10 + i);
	}
}

static void put_groups(struct plan *p, int n)
{
	for (int g = 0; g < 2; g++) {
		fprintf(p->f, "---\nkind: security-group\nname: g%d-%d\nnetwork: n%d\ningress:\n",
			n, g, n);
		fprintf(p->f, "- {protocol: udp, ranges: [0.0.0.0/0]}\n");
		for (size_t i = below(3); i > 0; i--)
			fprintf(p->f, "- {protocol: %s, ports: %s, ranges: [%s]}\n", "tcp",
				below(3) ? "443" : "8000-8100", random_prefix());
		if (below(4) == 0)
			fprintf(p->f, "- {protocol: any, groups: [g%d-%d]}\n", n, 1 - g);
	}
	fprintf(p->f,
		"---\nkind: host\nname: member%d\nsubnet: n%d-0\naddresses: [10.%d.0.12]\n"
		"securityGroups: [g%d-%zu]\n",
		n, n, n, n, below(2));
}

static void put_rules(struct plan *p, int n, const char *indent)
{
	if (below(2))
		fprintf(p->f, "%ssecurityGroups: [g%d-%zu]\n", indent, n, below(2));
	if (below(3) == 0)
		fprintf(p->f, "%sranges: [%s, 10.240.0.0/16]\n", indent, random_prefix());
}

static void put_endpoints(struct plan *p, int n)
{
	fprintf(p->f,
		"---\nkind: cluster\nname: c%d\nupstreams: [{address: 10.9.9.9}]\n"
		"public: {fqdn: c%d.example}\nprivate:\n  kind: interfaces\n  enabled: %s\n"
		"  placements:\n  - {subnet: n%d-%zu}\n",
		n, n, below(6) ? "true" : "false", n, below(SUBNETS));
	put_rules(p, n, "  ");
	fprintf(p->f,
		"---\nkind: private-endpoint\nname: e%d\ncluster: shared\nsubnet: n%d-%zu\nstate: "
		"%s\n",
		n, n, below(SUBNETS), below(5) ? "approved" : "pending");
	put_rules(p, n, "");
}

static char *landscape_text(void)
{
	char *text = NULL;
	size_t len = 0;
	struct plan p = {.f = open_memstream(&text, &len)};

	fprintf(p.f, "kind: cluster\nname: shared\nupstreams: [{address: 10.9.9.9}]\n"
		     "public: {fqdn: shared.example}\nprivate: {kind: private-link}\n");
	for (int n = 0; n < NETWORKS; n++)
		fprintf(p.f, "---\nkind: network\nname: n%d\naddressSpace: [10.%d.0.0/16]\n", n, n);
	put_links(&p);
	for (int n = 0; n < NETWORKS; n++) {
		put_subnets(&p, n);
		put_groups(&p, n);
		put_endpoints(&p, n);
	}
	for (int s = 0; s < SITES; s++)
		fprintf(p.f, "---\nkind: host\nname: hs%d\nsite: s%d\naddresses: [172.%d.0.10]\n",
			s, s, 16 + s);
	fclose(p.f);
	return text;
}

/* A destination twice in a table, or within the table's own network: what would be refused. */
static bool route_is_bad(const json_t *doc, const json_t *routes, size_t at)
{
	const char *to = json_string_value(json_object_get(json_array_get(routes, at), "to"));
	const char *network = json_string_value(json_object_get(doc, "network"));
	char own[16] = "10.x.";

	own[3] = network ? network[1] : 'x';
	if (strncmp(to, own, 5) == 0)
		return true;
	for (size_t i = 0; i < at; i++)
		if (!strcmp(json_string_value(json_object_get(json_array_get(routes, i), "to")),
			    to))
			return true;
	return false;
}

static void routes_weed(json_t *docs)
{
	json_t *doc, *routes;
	size_t i;

	json_array_foreach(docs, i, doc)
	{
		routes = json_object_get(doc, "routes");
		for (size_t k = json_array_size(routes); k-- > 0;)
			if (route_is_bad(doc, routes, k))
				json_array_remove(routes, k);
	}
}

/* False: the text breaks a rule between objects (a route inside the network's own space), try another. */
static bool landscape_load(struct landscape *l, json_t *docs, struct tables *t)
{
	const struct object *blame;
	struct err e = {0};
	struct object *o;
	const json_t *doc;
	size_t i;

	landscape_begin(l);
	json_array_foreach(docs, i, doc)
	{
		const char *kind = json_string_value(json_object_get(doc, "kind"));

		if (landscape_put(l, object_kind_find(kind), (uint32_t)i + 1, doc, &o, &e) < 0)
			fail_msg("%s: %s", e.path, e.text);
	}
	json_array_foreach(docs, i, doc)
	{
		o = landscape_find(
			l, object_kind_find(json_string_value(json_object_get(doc, "kind"))),
			json_string_value(json_object_get(doc, "name")));
		if (landscape_allocate(l, o, NULL, json_array_get(docs, i), &e) < 0)
			fail_msg("%s: %s", e.path, e.text);
	}
	if (landscape_check(l, false, &blame, &e) < 0) {
		landscape_abort(l);
		return false;
	}
	must_ok(compile_changes(t, l, NULL, 0, 1, "0123456789abcdef0123456789abcdef", NULL, &e),
		&e);
	landscape_commit(l);
	return true;
}

/* --- comparing ------------------------------------------------------------------------------------------------ */

struct check {
	const struct landscape *land;
	struct tables_snapshot *s;
	const struct explain_index *public_rules;
	char *text; /* the landscape's, to show */
	const struct object *network;
	const struct endpoint_view *ep;
	struct tables_endpoint compiled;
	struct rangeset sources;
	bool is_compiled;
	size_t n_asked, n_admitted;
};

static bool compiled_admits(const struct check *k, const struct addr *source)
{
	return k->is_compiled && (k->compiled.open || rangeset_contains(&k->sources, source));
}

/* cmocka cuts messages. */
static void show(const struct check *k)
{
	puts(k->text);
	fflush(stdout);
}

static void check_address(struct check *k, const struct addr *source)
{
	char text[ADDR_TEXT_MAX];
	struct admission a;

	explain_endpoint(k->network, &k->ep->addresses[V4], source, &a);
	k->n_asked++;
	k->n_admitted += a.admitted;
	if (a.admitted != compiled_admits(k, source)) {
		show(k);
		fail_msg("%s to %s/%s in %s: the tables say %d, and the explanation: %s",
			 addr_format(source, text), object_kind_text(k->ep->owner->kind),
			 k->ep->owner->name, k->network->name, !a.admitted, a.rule);
	}
}

static int check_host(struct object *host, void *arg)
{
	struct check *k = arg;
	const struct host *h = object_host(host);
	struct path_question q = {.landscape = k->land,
				  .cluster = k->ep->cluster,
				  .host = host,
				  .by = PATH_BY_ADDRESS,
				  .address = k->ep->addresses[V4],
				  .public_port = 443,
				  .public_rules = k->public_rules};
	struct path_answer a;

	check_address(k, &h->addresses[V4]);
	assert_int_equal(explain_path(&q, &a, NULL), 0);
	if (a.reached != compiled_admits(k, &h->addresses[V4])) {
		show(k);
		fail_msg("%s to %s/%s in %s: the tables say %d, and the way: %s", host->name,
			 object_kind_text(k->ep->owner->kind), k->ep->owner->name, k->network->name,
			 !a.reached, a.rule);
	}
	path_answer_done(&a);
	return 0;
}

static int check_endpoint(const struct endpoint_view *ep, void *arg)
{
	struct check *k = arg;
	int r;

	k->ep = ep;
	r = tables_get_endpoint(k->s, k->network->id, &ep->addresses[V4], true, &k->compiled,
				&k->sources);
	assert_true(r == 0 || r == -ERR_NOT_FOUND);
	k->is_compiled = r == 0;
	assert_int_equal(k->is_compiled, ep->is_enabled);
	landscape_each(k->land, OBJECT_HOST, check_host, k);
	for (int i = 0; i < 30; i++) {
		struct addr a =
			addr_v4(below(4) ? 0x0a000000u | (uint32_t)(below(NETWORKS + 1) << 16) |
						   (uint32_t)(below(SUBNETS + 1) << 8) |
						   (uint32_t)below(256)
					 : 0xac100000u + (uint32_t)below(3 << 16));

		check_address(k, &a);
	}
	return 0;
}

static int check_network(struct object *network, void *arg)
{
	struct check *k = arg;

	k->network = network;
	return network_each_endpoint(network, check_endpoint, k);
}

static struct explain_index *public_rules(void)
{
	struct cluster c = {.public_enabled = true, .public_open = true};
	struct explain_index *x;

	assert_int_equal(explain_index_new(&c, &x, NULL), 0);
	return x;
}

static bool round_try(struct check *total)
{
	struct tables *t = must_tables("tables");
	struct check k = {.public_rules = public_rules()};
	char *text = landscape_text();
	struct landscape *l;
	json_t *docs;
	bool ok;

	if (document_parse(text, strlen(text), DOCUMENT_YAML, &docs, NULL) < 0)
		fail_msg("%s", text);
	routes_weed(docs);
	assert_int_equal(landscape_new(&l, NULL), 0);
	ok = landscape_load(l, docs, t);
	if (ok) {
		k.land = l;
		k.text = json_dumps(docs, JSON_COMPACT);
		k.s = tables_acquire(t);
		landscape_each(l, OBJECT_NETWORK, check_network, &k);
		tables_release(k.s);
		free(k.text);
		total->n_asked += k.n_asked;
		total->n_admitted += k.n_admitted;
	}
	json_decref(docs);
	landscape_free(l);
	free(text);
	explain_index_free((struct explain_index *)(uintptr_t)k.public_rules);
	tables_close(t);
	assert_int_equal(tables_erase(path_of("tables"), NULL), 0);
	return ok;
}

static void test_random_landscapes(void **state)
{
	const char *seed = getenv("SEED");
	struct check total = {0};
	int done = 0, tried = 0;

	rng = seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL) << 20 | 1;
	print_message("seed %llu\n", (unsigned long long)rng);
	for (; done < ROUNDS && tried < ROUNDS * 20; tried++)
		done += round_try(&total);
	print_message("%d landscapes of %d tried, %zu questions, %zu admitted\n", done, tried,
		      total.n_asked, total.n_admitted);
	assert_int_equal(done, ROUNDS);
	/* Neither verdict is rare. */
	assert_true(total.n_admitted > total.n_asked / 20);
	assert_true(total.n_admitted < total.n_asked / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_random_landscapes, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
