/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the resolver of a network or site does. It answers on
 *
 *	network   base + 2 of each subnet in which hosts can be, in each family
 *	site      base + 2 of its first space of each family
 *	both      168.63.129.16, where there is IPv4 at all
 *
 * and asks servers of the network's own from the lowest address of the server's family, the last one aside: answers would find no
 * way back to it.
 */
#include "model/resolver.h"
#include "compile/names_int.h"
#include "model/space.h"

#include <stdlib.h>
#include <string.h>

#define DNS_PORT 53

static const struct resolver *resolver_of(const struct object *router)
{
	return router->kind == OBJECT_SITE ? &object_site(router)->dns
					   : &object_network(router)->dns;
}

/* --- addresses ------------------------------------------------------------------------------------------------ */

static struct addr everywhere(void)
{
	struct addr a = {0};

	(void)!addr_parse(RESOLVER_EVERYWHERE, &a);
	return a;
}

static int range_add(struct tables_network *n, const struct prefix *range)
{
	if (range->addr.family == ADDR_NONE)
		return 0;
	return vec_push(n->resolvers, n->n_resolvers,
			{.addr = addr_plus(&range->addr, RESOLVER_OFFSET)});
}

static int subnets_add(struct built *b)
{
	int r = 0;

	for (uint32_t i = 0; i < b->subnets.n && r == 0; i++) {
		const struct subnet *s = object_subnet(b->subnets.items[i]);

		for (size_t f = 0; f < FAMILIES && !s->is_delegated && r == 0; f++)
			r = range_add(&b->record, &s->ranges[f]);
	}
	return r;
}

static int spaces_add(struct built *b)
{
	bool done[FAMILIES] = {false};
	int r = 0;

	for (uint32_t i = 0; i < b->record.n_spaces && r == 0; i++) {
		const struct prefix *space = &b->record.spaces[i];

		if (!done[addr_index(&space->addr)])
			r = range_add(&b->record, space);
		done[addr_index(&space->addr)] = true;
	}
	return r;
}

static bool has_v4(const struct tables_network *n)
{
	for (uint32_t i = 0; i < n->n_spaces; i++) {
		if (n->spaces[i].addr.family == ADDR_V4)
			return true;
	}
	return false;
}

static int resolver_cmp(const void *a, const void *b)
{
	const struct tables_resolver *x = a, *y = b;

	return addr_cmp(&x->addr, &y->addr);
}

static void resolvers_sort(struct tables_network *n)
{
	uint32_t kept = 0;

	if (n->n_resolvers > 1)
		qsort(n->resolvers, n->n_resolvers, sizeof(*n->resolvers), resolver_cmp);
	for (uint32_t i = 0; i < n->n_resolvers; i++) {
		if (kept == 0 || resolver_cmp(&n->resolvers[kept - 1], &n->resolvers[i]) != 0)
			n->resolvers[kept++] = n->resolvers[i];
	}
	n->n_resolvers = kept;
}

/* --- who asks --------------------------------------------------------------------------------------------------- */

static bool has_family(const struct addr *servers, size_t n, enum family f)
{
	for (size_t i = 0; i < n; i++) {
		if (addr_index(&servers[i]) == f)
			return true;
	}
	return false;
}

static bool asks(const struct resolver *dns, enum family f)
{
	if (dns->has_servers && has_family(dns->servers, dns->n_servers, f))
		return true;
	for (size_t i = 0; i < dns->n_forwards; i++) {
		if (has_family(dns->forwards[i].servers, dns->forwards[i].n_servers, f))
			return true;
	}
	return false;
}

static void asker_choose(struct tables_network *n, enum family f)
{
	const struct addr not_this = everywhere();

	for (uint32_t i = 0; i < n->n_resolvers; i++) {
		struct tables_resolver *r = &n->resolvers[i];

		if (addr_index(&r->addr) != f || addr_is_equal(&r->addr, &not_this))
			continue;
		r->asks = true;
		return;
	}
}

int resolvers_compile(struct built *b)
{
	const struct resolver *dns = resolver_of(b->router);
	struct tables_network *n = &b->record;
	int r;

	if (!dns->is_enabled)
		return 0;
	r = b->router->kind == OBJECT_SITE ? spaces_add(b) : subnets_add(b);
	if (r == 0 && has_v4(n))
		r = vec_push(n->resolvers, n->n_resolvers, {.addr = everywhere()});
	resolvers_sort(n);
	for (size_t f = 0; f < FAMILIES; f++) {
		if (asks(dns, (enum family)f))
			asker_choose(n, (enum family)f);
	}
	return r;
}

/* --- the view's config ------------------------------------------------------------------------------------------ */

static uint8_t servers_copy(struct view_server dst[VIEW_SERVERS_MAX], const struct addr *servers,
			    size_t n)
{
	_Static_assert(VIEW_SERVERS_MAX >= DNS_SERVERS_MAX, "room for all");
	for (size_t i = 0; i < n; i++)
		dst[i] = (struct view_server){.addr = servers[i], .port = DNS_PORT};
	return (uint8_t)n;
}

struct forwards {
	struct view_forward *items;
	uint8_t (*domains)[DNAME_MAX];
};

static int forwards_make(struct forwards *fs, const struct resolver *dns, struct err *e)
{
	const size_t n = dns->n_forwards ? dns->n_forwards : 1;

	fs->items = calloc(n, sizeof(*fs->items));
	fs->domains = calloc(n, sizeof(*fs->domains));
	if (!fs->items || !fs->domains)
		return err_set(e, ERR_NOMEM, NULL, "out of memory");
	for (size_t i = 0; i < dns->n_forwards; i++) {
		const struct forward *f = &dns->forwards[i];
		struct view_forward *out = &fs->items[i];
		int len = dname_parse(f->domain, strlen(f->domain), NULL, fs->domains[i], e);

		if (len < 0)
			return len;
		dname_fold(fs->domains[i], (size_t)len);
		out->domain = fs->domains[i];
		out->domain_len = (uint8_t)len;
		out->n_servers = servers_copy(out->servers, f->servers, f->n_servers);
	}
	return 0;
}

int view_config_put(struct compile_run *run, const struct object *router, struct err *e)
{
	const struct resolver *dns = resolver_of(router);
	struct view_config v = {.router = router->id,
				.flags = dns->has_servers ? 0 : VIEW_DEFAULT_SERVERS,
				.n_forwards = dns->n_forwards};
	struct forwards fs = {0};
	bool changed;
	int r = forwards_make(&fs, dns, e);

	v.forwards = fs.items;
	if (dns->has_servers)
		v.n_servers = servers_copy(v.servers, dns->servers, dns->n_servers);
	if (r == 0)
		r = tables_put_view(run->tables, &v, &changed, e);
	free(fs.items);
	free(fs.domains);
	return r;
}
