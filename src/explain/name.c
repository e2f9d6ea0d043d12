/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "explain/name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHAIN_MAX 8 /* CNAMEs that are followed, as dns/answer.h */

static const char *const result_texts[] = {
	[NAME_DATA] = "data",
	[NAME_CNAME] = "cname",
	[NAME_NODATA] = "nodata",
	[NAME_NXDOMAIN] = "nxdomain",
	[NAME_REFERRAL] = "referral",
	[NAME_FALLS_THROUGH] = "falls-through",
	[NAME_FORWARDED] = "forwarded",
	[NAME_REFUSED] = "refused",
	[NAME_NO_RESOLVER] = "no-resolver",
};

const char *name_result_text(enum name_result r)
{
	return result_texts[r];
}

static bool is_in(const char *name, const char *domain)
{
	return strcmp(name, domain) == 0 || dns_name_is_below(name, domain);
}

/* --- the zone that is asked ------------------------------------------------------------------------------- */

struct finding {
	const char *name;
	bool is_found;
	struct view_zone zone;
	char domain[DNS_NAME_MAX + 1];
};

/* What is declared, or kept for a cluster, comes before public names of clusters, and these before private ones. */
static int rank_of(const struct view_zone *zone)
{
	const struct cluster_net *c;

	if (zone->kind != VIEW_NAME)
		return 0;
	c = object_cluster_net(zone->owner);
	for (size_t i = 0; i < c->n_server_names; i++)
		if (strcmp(c->server_names[i], zone->domain) == 0)
			return 1;
	return 2;
}

static bool is_before(const struct view_zone *a, const struct view_zone *b)
{
	int x = rank_of(a), y = rank_of(b);

	return x != y ? x < y : a->owner->id < b->owner->id;
}

/* The longest domain; of several equal ones the first. */
static int zone_consider(const struct view_zone *zone, void *arg)
{
	struct finding *f = arg;
	size_t len = strlen(zone->domain);

	if (!is_in(f->name, zone->domain))
		return 0;
	if (f->is_found &&
	    (len < strlen(f->domain) || (len == strlen(f->domain) && !is_before(zone, &f->zone))))
		return 0;
	f->is_found = true;
	f->zone = *zone;
	memcpy(f->domain, zone->domain, len + 1);
	f->zone.domain = f->domain;
	return 0;
}

/* --- the records in it ------------------------------------------------------------------------------------ */

struct lookup {
	const char *name; /* whole */
	const char *domain;
	enum record_type type;
	char wanted[DNS_NAME_MAX +
		    3]; /* whole name of the owner that answers: the name, or the wildcard */
	bool is_there;	/* the name, or one below it */
	bool has_wanted;
	char encloser[DNS_NAME_MAX + 1];
	char cut[DNS_NAME_MAX + 1]; /* the delegation next to the apex; "": none */
	bool has_cname;
	char target[DNS_NAME_MAX + 1];
	uint32_t ttl;
	char **values;
	size_t n_values;
	const struct object *keeper;
};

/* The part of owner's way to the apex that the name shares with it. */
static const char *shared(const char *owner, const char *name)
{
	for (const char *at = owner; at; at = strchr(at, '.') ? strchr(at, '.') + 1 : NULL)
		if (is_in(name, at))
			return at;
	return "";
}

static int names_look(const struct view_record *record, void *arg)
{
	struct lookup *l = arg;
	char owner[DNS_NAME_MAX + 1];
	const char *common;

	record_name_full(record->name, l->domain, owner);
	if (is_in(owner, l->name))
		l->is_there = true;
	common = shared(owner, l->name);
	if (strlen(common) > strlen(l->encloser))
		snprintf(l->encloser, sizeof(l->encloser), "%s", common);
	if (record->type == RECORD_NS && strcmp(owner, l->domain) != 0 && is_in(l->name, owner) &&
	    (!l->cut[0] || strlen(owner) < strlen(l->cut)))
		snprintf(l->cut, sizeof(l->cut), "%s", owner);
	return 0;
}

static int value_add(struct lookup *l, const char *value)
{
	char **grown = reallocarray(l->values, l->n_values + 1, sizeof(char *));

	if (!grown)
		return -ERR_NOMEM;
	l->values = grown;
	l->values[l->n_values] = strdup(value);
	if (!l->values[l->n_values])
		return -ERR_NOMEM;
	l->n_values++;
	return 0;
}

static int values_add(struct lookup *l, const struct view_record *record)
{
	const char *value = record->set ? record->set->values : NULL;
	char text[ADDR_TEXT_MAX];
	int r = 0;

	l->ttl = record->ttl;
	for (size_t i = 0; i < record->n_addresses && r == 0; i++)
		r = value_add(l, addr_format(&record->addresses[i], text));
	for (size_t i = 0; value && i < record->set->n_values && r == 0;
	     i++, value += strlen(value) + 1)
		r = value_add(l, value);
	return r;
}

static int records_take(const struct view_record *record, void *arg)
{
	struct lookup *l = arg;
	char owner[DNS_NAME_MAX + 1];

	record_name_full(record->name, l->domain, owner);
	if (strcmp(owner, l->wanted) != 0)
		return 0;
	l->has_wanted = true;
	if (record->owner)
		l->keeper = record->owner;
	if (record->type == l->type)
		return values_add(l, record);
	if (record->type == RECORD_CNAME && record->set) {
		l->has_cname = true;
		snprintf(l->target, sizeof(l->target), "%s", record->set->values);
		if (l->target[0] && l->target[strlen(l->target) - 1] == '.')
			l->target[strlen(l->target) - 1] = '\0';
	}
	return 0;
}

static int by_text(const void *a, const void *b)
{
	char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

/* *l begins with name, domain, type. */
static int zone_look(const struct view_zone *zone, const struct view_public *public,
		     struct lookup *l, enum name_result *ret_result)
{
	int r;

	snprintf(l->encloser, sizeof(l->encloser), "%s", l->domain);
	l->is_there = strcmp(l->name, l->domain) == 0;
	*ret_result = NAME_NXDOMAIN;
	if (zone->denial != VIEW_GIVEN)
		return 0;
	r = view_each_record(zone, public, names_look, l);
	if (r < 0)
		return r;
	if (l->cut[0]) {
		*ret_result = NAME_REFERRAL;
		return 0;
	}
	if (l->is_there)
		snprintf(l->wanted, sizeof(l->wanted), "%s", l->name);
	else
		snprintf(l->wanted, sizeof(l->wanted), "*.%s", l->encloser);
	r = view_each_record(zone, public, records_take, l);
	if (r < 0)
		return r;
	/* Every zone says who serves it; where nobody has declared that, so does the system. */
	if (!l->n_values && l->type == RECORD_NS && strcmp(l->name, l->domain) == 0) {
		char server[DNS_NAME_MAX + 5];

		l->ttl = zone->ttl;
		snprintf(server, sizeof(server), "ns.%s.", l->domain);
		r = value_add(l, server);
		if (r < 0)
			return r;
	}
	if (l->n_values) {
		*ret_result = NAME_DATA;
		qsort(l->values, l->n_values, sizeof(*l->values), by_text);
	} else if (l->has_cname) {
		*ret_result = NAME_CNAME;
	} else if (l->is_there || l->has_wanted) {
		*ret_result = NAME_NODATA;
	}
	return 0;
}

/* --- sentences -------------------------------------------------------------------------------------------- */

/* "zone "corp" (corp.example), linked by zone-link "a"" */
static void zone_words(const struct view_zone *z, char *dst, size_t size)
{
	char by[OBJECT_NAME_MAX + 40] = "";

	if (z->by)
		snprintf(by, sizeof(by), ", linked by zone-link \"%s\"", z->by->name);
	else if (!z->router && z->kind == VIEW_DECLARED)
		snprintf(by, sizeof(by), ", public");
	if (z->kind == VIEW_DECLARED)
		snprintf(dst, size, "zone \"%s\" (%s)%s", z->owner->name, z->domain, by);
	else if (z->kind == VIEW_SYSTEM)
		snprintf(dst, size, "the zone kept for cluster \"%s\" (%s)%s", z->owner->name,
			 z->domain, by);
	else
		snprintf(dst, size, "a name of cluster \"%s\"%s", z->owner->name,
			 z->router ? " in this network" : " on the internet");
}

static void denial_words(const struct view_zone *z, char *dst, size_t size)
{
	if (z->denial == VIEW_DENIED_NOT_LINKED)
		snprintf(dst, size,
			 "there is no such name: the private zone of cluster \"%s\" is not linked "
			 "to this network",
			 z->owner->name);
	else
		snprintf(dst, size,
			 "there is no such name: the public name of cluster \"%s\" is off while "
			 "its public endpoint is",
			 z->owner->name);
}

static void zone_say(const struct view_zone *z, const struct lookup *l, struct name_step *s)
{
	char words[DNS_NAME_MAX + 2 * OBJECT_NAME_MAX + 80];
	const char *type = record_type_text(l->type);
	size_t n = sizeof(s->text);

	zone_words(z, words, sizeof(words));
	switch (s->result) {
	case NAME_DATA:
		snprintf(s->text, n, "%s has %s of it%s", words, type,
			 l->is_there ? "" : " by a wildcard");
		break;
	case NAME_CNAME:
		snprintf(s->text, n, "%s says that it is %s", words, l->target);
		break;
	case NAME_NODATA:
		snprintf(s->text, n, "%s has the name, but no %s", words, type);
		break;
	case NAME_REFERRAL:
		snprintf(s->text, n, "%s leaves %s to other servers", words, l->cut);
		break;
	case NAME_FALLS_THROUGH:
		snprintf(s->text, n,
			 "%s does not have the name, and its link says to ask elsewhere", words);
		break;
	default:
		if (z->denial != VIEW_GIVEN)
			denial_words(z, s->text, n);
		else
			snprintf(s->text, n, "%s does not have the name, and nobody else is asked",
				 words);
		break;
	}
}

/* --- the question ----------------------------------------------------------------------------------------- */

struct asking {
	const struct name_question *q;
	const struct resolver *resolver; /* NULL: the internet */
	struct name_answer *a;
	char name[DNS_NAME_MAX + 1]; /* as the chain goes on */
};

static struct name_step *step_add(struct asking *k, enum name_result result)
{
	struct name_step *s = &k->a->steps[k->a->n_steps++];

	*s = (struct name_step){.result = result};
	snprintf(s->name, sizeof(s->name), "%s", k->name);
	return s;
}

static void values_move(struct asking *k, struct lookup *l)
{
	k->a->values = l->values;
	k->a->n_values = l->n_values;
	k->a->ttl = l->ttl;
}

/* One zone of a view is asked: *ret_is_final false if there is none, or it falls through. */
static int view_ask(struct asking *k, const struct object *router, bool *ret_is_final)
{
	const struct name_question *q = k->q;
	struct finding f = {.name = k->name};
	struct lookup l = {.name = k->name, .type = q->type};
	struct name_step *s;
	enum name_result result = NAME_NXDOMAIN;
	int r = view_each_zone(q->landscape, router, &q->public, zone_consider, &f);

	*ret_is_final = false;
	if (r < 0 || !f.is_found)
		return r;
	l.domain = f.domain;
	r = zone_look(&f.zone, &q->public, &l, &result);
	if (result == NAME_NXDOMAIN && f.zone.fall_through)
		result = NAME_FALLS_THROUGH;
	s = step_add(k, result);
	s->owner = f.zone.owner;
	s->by = f.zone.by;
	s->keeper = l.keeper;
	memcpy(s->domain, f.domain, sizeof(s->domain));
	zone_say(&f.zone, &l, s);
	values_move(k, &l);
	if (result == NAME_CNAME)
		memcpy(k->name, l.target, sizeof(k->name));
	*ret_is_final = result != NAME_FALLS_THROUGH;
	return r;
}

static bool forward_ask(struct asking *k)
{
	const struct forward *best = NULL;
	struct name_step *s;

	for (size_t i = 0; k->resolver && i < k->resolver->n_forwards; i++) {
		const struct forward *f = &k->resolver->forwards[i];

		if (is_in(k->name, f->domain) &&
		    (!best || strlen(f->domain) > strlen(best->domain)))
			best = f;
	}
	if (!best)
		return false;
	s = step_add(k, NAME_FORWARDED);
	s->servers = best->servers;
	s->n_servers = best->n_servers;
	snprintf(s->domain, sizeof(s->domain), "%s", best->domain);
	snprintf(s->text, sizeof(s->text), "the network forwards %s to servers of its own",
		 best->domain);
	return true;
}

static void rest_ask(struct asking *k)
{
	const struct resolver *resolver = k->resolver;
	bool fell = k->a->n_steps && k->a->steps[k->a->n_steps - 1].result == NAME_FALLS_THROUGH;
	bool by_default = resolver && !resolver->has_servers && k->q->has_default_servers;
	struct name_step *s;

	if (by_default || (resolver && resolver->has_servers && resolver->n_servers)) {
		s = step_add(k, NAME_FORWARDED);
		s->servers = by_default ? NULL : resolver->servers;
		s->n_servers = by_default ? 0 : resolver->n_servers;
		snprintf(s->text, sizeof(s->text), "no zone has the name; the servers %s are asked",
			 by_default ? "of the daemon (--dns-forward)" : "of the network");
		return;
	}
	s = step_add(k, fell ? NAME_NXDOMAIN : NAME_REFUSED);
	snprintf(s->text, sizeof(s->text), "no zone has the name, and %s",
		 !resolver		 ? "nothing is forwarded for the internet"
		 : resolver->has_servers ? "the network forwards nothing (dns.servers is empty)"
					 : "neither the network (dns.servers) nor the daemon "
					   "(--dns-forward) has servers to ask");
}

/* One name, until the answer or the next one of a chain. */
static int name_ask(struct asking *k)
{
	bool is_final = false;
	int r = view_ask(k, k->q->router, &is_final);

	if (r < 0 || is_final)
		return r;
	if (!k->q->router) {
		rest_ask(k);
		return 0;
	}
	if (forward_ask(k))
		return 0;
	r = view_ask(k, NULL, &is_final);
	if (r == 0 && !is_final)
		rest_ask(k);
	return r;
}

static const struct resolver *resolver_of(const struct object *router)
{
	if (!router || !router->body)
		return NULL;
	return router->kind == OBJECT_NETWORK ? &object_network(router)->dns
					      : &object_site(router)->dns;
}

int explain_name(const struct name_question *q, struct name_answer *ret_answer)
{
	struct asking k = {.q = q, .resolver = resolver_of(q->router), .a = ret_answer};
	int r = 0;

	memset(ret_answer, 0, sizeof(*ret_answer));
	snprintf(k.name, sizeof(k.name), "%s", q->name);
	if (q->router && (!k.resolver || !k.resolver->is_enabled)) {
		struct name_step *s = step_add(&k, NAME_NO_RESOLVER);

		snprintf(s->text, sizeof(s->text), "%s \"%s\" %s",
			 object_kind_text(q->router->kind), q->router->name,
			 k.resolver ? "has no resolver: dns.enabled is false"
				    : "could not be read");
		ret_answer->result = NAME_NO_RESOLVER;
		return 0;
	}
	for (size_t links = 0; r == 0 && links <= CHAIN_MAX; links++) {
		r = name_ask(&k);
		if (r == 0)
			ret_answer->result = ret_answer->steps[ret_answer->n_steps - 1].result;
		if (ret_answer->result != NAME_CNAME)
			break;
	}
	if (r < 0)
		name_answer_done(ret_answer);
	return r;
}

void name_answer_done(struct name_answer *a)
{
	for (size_t i = 0; i < a->n_values; i++)
		free(a->values[i]);
	free(a->values);
	*a = (struct name_answer){0};
}
