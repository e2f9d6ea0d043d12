/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Random landscapes and random changes: what is compiled of names change by change, or caught up with, is what is compiled from nothing; and
 * whoever asks gets what the model says is seen from there, of every record of every zone, and of every name of every cluster.
 */
#include "names_ask.h"

#include "names_random.h"

#include "explain/name.h"

#include "model/cluster_dns.h"
#include "model/names.h"
#include "model/view.h"

static const struct addr listeners[] = {
	{.lo = 0xcb007101, .family = ADDR_V4},
	{.hi = 0x20010db800000000u, .lo = 0x99, .family = ADDR_V6},
};
static const struct view_public public = {listeners, 2};

static struct {
	unsigned steps, denied, records, hidden, denials, told, names, silent, forwarded, explained;
} counts;

/* --- what is explained is what is answered ---------------------------------------------------------------------- */

static bool is_explained(const struct name_answer *n, const struct asked *a, const char *values)
{
	bool is_chain = false;

	for (size_t i = 0; i < n->n_steps; i++)
		is_chain |= n->steps[i].result == NAME_CNAME;
	switch (n->result) {
	case NAME_DATA:
	case NAME_CNAME:
	case NAME_NODATA:
	case NAME_REFERRAL:
		return a->outcome == DNS_ANSWER && a->rcode == DNS_NOERROR &&
		       strcmp(a->answers, values) == 0;
	case NAME_NXDOMAIN:
		return a->outcome == DNS_ANSWER && a->rcode == DNS_NXDOMAIN;
	case NAME_FORWARDED:
		return a->outcome == DNS_FORWARD || a->outcome == DNS_FORWARD_TARGET;
	case NAME_REFUSED: /* after some of a chain the rest is left out */
		return a->outcome == DNS_ANSWER &&
		       a->rcode == (is_chain ? DNS_NOERROR : DNS_REFUSED);
	default:
		return true; /* no resolver: nobody asks there */
	}
}

static void check_explained(struct land *w, const struct object *router, const char *name,
			    enum record_type type)
{
	static struct name_answer n;
	const struct name_question q = {
		.landscape = w->l, .router = router, .name = name, .type = type, .public = public};
	const struct asked a = ask(w->t, router, name, (uint16_t)type);
	char *all[64], values[ASK_TEXT];

	assert_int_equal(explain_name(&q, &n), 0);
	assert_true(n.n_values < ARRAY_SIZE(all));
	for (size_t i = 0; i < n.n_values; i++)
		all[i] = strdup(n.values[i]);
	ask_join(all, n.n_values, values);
	if (!is_explained(&n, &a, values))
		fail_msg("%s %s in %s: explained %s %s(%s); outcome %d, rcode %d, %s", name,
			 record_type_text(type), router ? router->name : "internet",
			 name_result_text(n.result), values, n.steps[n.n_steps - 1].text, a.outcome,
			 a.rcode, a.answers);
	counts.explained++;
	name_answer_done(&n);
}

/* The name, one beside it, and one below. */
static void check_explanations(struct land *w, const struct object *router, const char *name)
{
	static const enum record_type types[] = {RECORD_A,     RECORD_AAAA, RECORD_TXT,
						 RECORD_CNAME, RECORD_NS,   RECORD_MX};
	const char *rest = strchr(name, '.');
	char other[DNS_NAME_MAX + 8];

	if (below(4))
		return;
	check_explained(w, router, name, types[below(ARRAY_SIZE(types))]);
	snprintf(other, sizeof(other), "zz%s", rest ? rest : "");
	check_explained(w, router, other, types[below(ARRAY_SIZE(types))]);
	if (strlen(name) < DNS_NAME_MAX - 3) {
		snprintf(other, sizeof(other), "yy.%s", name);
		check_explained(w, router, other, types[below(ARRAY_SIZE(types))]);
	}
}

/* --- what a view shows ------------------------------------------------------------------------------------------ */

struct zone_seen {
	char domain[DNS_NAME_MAX + 1];
	struct view_zone zone;
};

struct seen {
	struct land *w;
	const struct object *router;
	struct zone_seen zones[200];
	size_t n;
};

static int zone_see(const struct view_zone *zone, void *arg)
{
	struct seen *s = arg;
	struct zone_seen *z = &s->zones[s->n++];

	assert_true(s->n <= ARRAY_SIZE(s->zones));
	snprintf(z->domain, sizeof(z->domain), "%s", zone->domain);
	z->zone = *zone;
	z->zone.domain = z->domain;
	return 0;
}

static bool is_in(const char *name, const char *domain)
{
	return strcmp(name, domain) == 0 || dns_name_is_below(name, domain);
}

/* What is declared before what is a name, public names before private ones, the older cluster before the younger. */
static int rank_cmp(const struct view_zone *x, const struct view_zone *y)
{
	const struct view_zone *both[] = {x, y};
	int rank[2] = {0, 0};

	for (size_t i = 0; i < 2; i++) {
		const struct cluster_net *c = object_cluster_net(both[i]->owner);

		if (both[i]->kind != VIEW_NAME)
			continue;
		rank[i] = 2;
		for (size_t k = 0; k < c->n_server_names; k++) {
			if (strcmp(c->server_names[k], both[i]->domain) == 0)
				rank[i] = 1;
		}
	}
	if (rank[0] != rank[1])
		return rank[0] - rank[1];
	return x->owner->id < y->owner->id ? -1 : 1;
}

/* The zone that is asked for the name: of the longest domain. */
static const struct zone_seen *zone_asked(const struct seen *s, const char *name)
{
	const struct zone_seen *best = NULL;

	for (size_t i = 0; i < s->n; i++) {
		const struct zone_seen *z = &s->zones[i];
		size_t len = strlen(z->domain);

		if (!is_in(name, z->domain))
			continue;
		if (!best || len > strlen(best->domain) ||
		    (len == strlen(best->domain) && rank_cmp(&z->zone, &best->zone) < 0))
			best = z;
	}
	return best;
}

struct checking {
	const struct seen *s;
	const struct zone_seen *z;
};

/* "sub" of the random zones delegates. */
static bool is_cut(const struct view_record *record)
{
	return record->type == RECORD_NS && strcmp(record->name, "@") != 0;
}

static void values_join(const struct view_record *record, char dst[ASK_TEXT])
{
	const char *value = record->set ? record->set->values : NULL;
	char text[ADDR_TEXT_MAX], *all[64];
	size_t n = 0;

	for (size_t i = 0; i < record->n_addresses; i++)
		all[n++] = strdup(addr_format(&record->addresses[i], text));
	for (size_t i = 0; value && i < record->set->n_values; i++, value += strlen(value) + 1)
		all[n++] = strdup(value);
	ask_join(all, n, dst);
}

static int check_record(const struct view_record *record, void *arg)
{
	const struct checking *c = arg;
	char name[DNS_NAME_MAX + 1], plain[DNS_NAME_MAX + 1], want[ASK_TEXT];
	struct asked a;

	snprintf(plain, sizeof(plain), "%s", record->name);
	if (plain[0] == '*')
		plain[0] = 'q';
	(void)record_name_full(plain, c->z->domain, name);
	check_explanations(c->s->w, c->s->router, name);
	if (is_cut(record) || zone_asked(c->s, name) != c->z) {
		counts.hidden++;
		return 0;
	}
	a = ask(c->s->w->t, c->s->router, name, (uint16_t)record->type);
	values_join(record, want);
	if (a.outcome != DNS_ANSWER || a.rcode != DNS_NOERROR || strcmp(a.answers, want) != 0 ||
	    a.ttl != record->ttl)
		fail_msg("%s %s in %s: wanted %s, got outcome %d, rcode %d, %s (TTL %u)", name,
			 record_type_text(record->type),
			 c->s->router ? c->s->router->name : "internet", want, a.outcome, a.rcode,
			 a.answers, a.ttl);
	counts.records++;
	return 0;
}

/* Nothing at the name nor below it, and who is to blame is the name above. */
static void check_denial(const struct seen *s, const struct zone_seen *z)
{
	char name[DNS_NAME_MAX + 8], parent[DNAME_TEXT_MAX];
	const char *rest = strchr(z->domain, '.');

	snprintf(parent, sizeof(parent), "%s.", rest ? rest + 1 : "");
	for (int i = 0; i < 2; i++) {
		struct asked a;

		snprintf(name, sizeof(name), "%s%s", i ? "below." : "", z->domain);
		if (zone_asked(s, name) != z)
			continue;
		a = ask(s->w->t, s->router, name, i ? RR_TXT : RR_A);
		assert_int_equal(a.rcode, DNS_NXDOMAIN);
		assert_string_equal(a.authority, parent);
		counts.denials++;
	}
}

static void check_view(struct land *w, const struct object *router)
{
	static struct seen s;

	s.w = w;
	s.router = router;
	s.n = 0;
	assert_int_equal(view_each_zone(w->l, router, &public, zone_see, &s), 0);
	for (size_t i = 0; i < s.n; i++) {
		struct checking c = {&s, &s.zones[i]};

		if (s.zones[i].zone.denial == VIEW_GIVEN)
			assert_int_equal(
				view_each_record(&s.zones[i].zone, &public, check_record, &c), 0);
		else
			check_denial(&s, &s.zones[i]);
	}
}

/* --- names of clusters ------------------------------------------------------------------------------------------ */

struct name_told {
	char name[DNS_NAME_MAX + 1];
	char addresses[ASK_TEXT / 10];
};

struct told {
	struct name_told all[64];
	size_t n;
};

static int name_tell(const char *name, const struct object *cluster, const struct addr *addresses,
		     size_t n, void *arg)
{
	struct told *t = arg;
	char text[ADDR_TEXT_MAX], *all[64], joined[ASK_TEXT];

	assert_true(t->n < ARRAY_SIZE(t->all) && n < ARRAY_SIZE(all));
	for (size_t i = 0; i < n; i++)
		all[i] = strdup(addr_format(&addresses[i], text));
	ask_join(all, n, joined);
	snprintf(t->all[t->n].name, sizeof(t->all[t->n].name), "%s", name);
	snprintf(t->all[t->n++].addresses, sizeof(t->all[0].addresses), "%.1900s", joined);
	return 0;
}

/* Both families together, sorted. */
static void addresses_ask(struct land *w, const struct object *router, const char *name,
			  char dst[ASK_TEXT], struct asked *ret_v4)
{
	struct asked v6 = ask(w->t, router, name, RR_AAAA);
	char *all[64], both[2 * ASK_TEXT], *save = NULL;
	size_t n = 0;

	*ret_v4 = ask(w->t, router, name, RR_A);
	snprintf(both, sizeof(both), "%s%s", ret_v4->answers, v6.answers);
	for (char *p = strtok_r(both, " ", &save); p; p = strtok_r(NULL, " ", &save))
		all[n++] = strdup(p);
	ask_join(all, n, dst);
}

static void check_name(struct land *w, const struct object *router, const struct told *t,
		       const char *name)
{
	const char *want = "";
	char got[ASK_TEXT];
	struct asked a;

	for (size_t i = 0; i < t->n; i++) {
		if (strcmp(t->all[i].name, name) == 0)
			want = t->all[i].addresses;
	}
	addresses_ask(w, router, name, got, &a);
	check_explanations(w, router, name);
	counts.told += a.ede == 0;
	if (*want)
		counts.names++;
	else if (a.outcome == DNS_FORWARD || a.outcome == DNS_FORWARD_TARGET)
		counts.forwarded++;
	else
		counts.silent++;
	if (!a.is_cname && strcmp(got, want) != 0)
		fail_msg("%s at %s: wanted %s, got %s, outcome %d, rcode %d", name, router->name,
			 want, got, a.outcome, a.rcode);
}

struct asking {
	struct land *w;
	const struct object *router;
	struct told *told;
};

static int check_cluster(struct object *cluster, void *arg)
{
	const struct asking *a = arg;
	const struct cluster_net *c = object_cluster_net(cluster);
	char name[DNS_NAME_MAX + 1];

	for (size_t i = 0; i < c->n_server_names; i++)
		check_name(a->w, a->router, a->told, c->server_names[i]);
	if (cluster_private_name(cluster, name))
		check_name(a->w, a->router, a->told, name);
	return 0;
}

static int check_router(struct object *router, void *arg)
{
	static struct told told;
	struct land *w = arg;
	struct asking a = {w, router, &told};

	check_view(w, router);
	told.n = 0;
	assert_int_equal(names_of(w->l, router, listeners, 2, name_tell, &told), 0);
	return landscape_each(w->l, OBJECT_CLUSTER, check_cluster, &a);
}

static void check_all(struct land *w)
{
	same_as_fresh_with(w->t, w->l, w->s);
	check_view(w, NULL);
	(void)landscape_each(w->l, OBJECT_NETWORK, check_router, w);
	(void)landscape_each(w->l, OBJECT_SITE, check_router, w);
}

/* --- steps ------------------------------------------------------------------------------------------------------ */

static bool has_doc(const json_t *docs, const char *kind, const char *name)
{
	for (size_t i = 0; i < json_array_size(docs); i++) {
		const json_t *doc = json_array_get(docs, i);

		if (strcmp(doc_name(doc), name) == 0 &&
		    strcmp(object_kind_text(doc_kind(doc)), kind) == 0)
			return true;
	}
	return false;
}

static void random_step(struct land *w, bool compiled)
{
	json_t *docs = json_array();
	struct out deleted = {.len = 0};
	struct verdict v;

	for (size_t n = 1 + below(below(10) ? 2 : 12); n > 0; n--) {
		const size_t sort = below(ARRAY_SIZE(sorts));
		json_t *doc = random_doc(sort);
		const char *kind = object_kind_text(sorts[sort].kind);
		char name[32], path[64];

		snprintf(name, sizeof(name), "%s%zu", sorts[sort].stem, below(sorts[sort].n));
		snprintf(path, sizeof(path), "%s/%s", kind, name);
		if (below(4) == 0 && !has_doc(docs, kind, name) && !strstr(deleted.text, path) &&
		    landscape_find(w->l, sorts[sort].kind, name))
			say(&deleted, " %s", path);
		else if (doc && !has_doc(docs, kind, doc_name(doc)) &&
			 (snprintf(path, sizeof(path), "%s/%s", kind, doc_name(doc)),
			  !strstr(deleted.text, path)))
			json_array_append(docs, doc);
		json_decref(doc);
	}
	if (json_array_size(docs) > 0 || deleted.len > 0) {
		v = land_change(w, docs, deleted.text, compiled);
		counts.steps += v.r == 0;
		counts.denied += v.r != 0;
	}
	json_decref(docs);
}

static void random_run(uint64_t seed, int steps)
{
	struct land w = land_open();
	struct err e = {0};

	rng = seed;
	must_ok(landscape_set_public(w.l, listeners, 2, &e), &e);
	for (int i = 0; i < steps; i++) {
		if (below(8) == 0) { /* ended between the store's commit and the tables' */
			for (size_t n = 1 + below(3); n > 0; n--)
				random_step(&w, false);
			must_ok(compile_catch_up(w.t, w.l, w.s, NULL, &e), &e);
		} else {
			random_step(&w, true);
		}
		if (store_revision(w.s) > 0)
			check_all(&w);
	}
	land_close(&w);
	store_erase();
	assert_int_equal(tables_erase(path_of("tables"), NULL), 0);
	assert_int_equal(tables_erase(path_of("fresh"), NULL), 0);
}

static void test_random_changes(void **state)
{
	const char *text = getenv("NAMES_SEEDS");
	const uint64_t seeds = text ? (uint64_t)strtoul(text, NULL, 10) : 4;

	for (uint64_t seed = 1; seed <= seeds; seed++) {
		print_message("seed %llu\n", (unsigned long long)seed);
		dns_data_done(&ask_data);
		assert_int_equal(dns_data_init(&ask_data), 0);
		random_run(seed * 0x9e3779b97f4a7c15u, 400);
	}
	print_message("%u changes, %u denied; %u records, %u hidden; %u denials, %u told; "
		      "%u names lead somewhere, %u nowhere, %u are forwarded; %u explained\n",
		      counts.steps, counts.denied, counts.records, counts.hidden, counts.denials,
		      counts.told, counts.names, counts.silent, counts.forwarded, counts.explained);
	/* A run in which nothing happens tests nothing. */
	assert_true(counts.steps > 300 && counts.records > 1000 && counts.hidden > 50);
	assert_true(counts.denials > 100 && counts.told > 20 && counts.names > 500);
	assert_true(counts.silent > 100 && counts.forwarded > 20 && counts.explained > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_random_changes, ask_setup, ask_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
