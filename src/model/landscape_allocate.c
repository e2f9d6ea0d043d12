/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Addresses that documents leave open. The lowest free one is found from a hint per range: below it everything is in use. Both
 * taking and giving back an address keep that true, so that a search goes over each address once, and costs what is used and
 * never what a range could hold.
 */
#include "model/landscape_int.h"

#include "model/space.h"

#include <stdio.h>
#include <string.h>

/* Where addresses come from: the ranges of a subnet, the spaces of a site, the public pool. */
struct source {
	const struct object *where; /* NULL: the pool */
	const struct prefix *ranges;
	struct addr *hints;
	size_t n;
};

static int source_of(struct landscape *l, const struct place *p, struct source *ret_source)
{
	struct source s = {.where = p->where};

	if (!p->where) {
		*ret_source = (struct source){NULL, l->pool, l->pool_hints, l->n_pool};
		return 0;
	}
	if (p->where->kind == OBJECT_SUBNET) {
		s.ranges = object_subnet(p->where)->ranges;
		s.n = FAMILIES;
	} else {
		s.ranges = object_site(p->where)->spaces;
		s.n = object_site(p->where)->n_spaces;
	}
	if (!node_of(p->where)->hints) {
		struct addr *hints = calloc(NET_SPACES_MAX, sizeof(*hints));

		if (!hints)
			return -ERR_NOMEM;
		for (size_t i = 0; i < s.n; i++)
			hints[i] = s.ranges[i].addr;
		node_of(p->where)->hints = hints;
	}
	s.hints = node_of(p->where)->hints;
	*ret_source = s;
	return 0;
}

/* Not for anybody: reserved in a subnet or site; in the pool, what old software takes for the network or everyone. */
static bool is_kept_back(const struct source *s, const struct prefix *range, const struct addr *a)
{
	struct addr last = prefix_last(range);

	if (s->where)
		return address_is_reserved(range, a);
	if (range->len >= (range->addr.family == ADDR_V4 ? 31 : 127))
		return false;
	return addr_is_equal(a, &range->addr) || (a->family == ADDR_V4 && addr_is_equal(a, &last));
}

static bool is_free(const struct landscape *l, const struct source *s, const struct prefix *range,
		    const struct addr *a)
{
	const void *scope = s->where ? (const void *)s->where : (const void *)l;

	return !is_kept_back(s, range, a) && !claim_other(l, scope, a, NULL) &&
	       (s->where || !landscape_is_taken(l, a));
}

/* The hint moves up over what is in use and stays at what is found. */
static bool range_lowest(const struct landscape *l, struct source *s, size_t i,
			 struct addr *ret_addr)
{
	struct addr a = s->hints[i];

	while (prefix_contains(&s->ranges[i], &a)) {
		if (is_free(l, s, &s->ranges[i], &a)) {
			s->hints[i] = a;
			*ret_addr = a;
			return true;
		}
		if (addr_is_equal(
			    &a,
			    &(struct addr){.hi = UINT64_MAX, .lo = UINT64_MAX, .family = ADDR_V6}))
			break;
		a = addr_plus(&a, 1);
	}
	return false;
}

static bool source_has(const struct source *s, enum family f)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->ranges[i].addr.family == (f == V4 ? ADDR_V4 : ADDR_V6))
			return true;
	return false;
}

static bool source_lowest(const struct landscape *l, struct source *s, enum family f,
			  struct addr *ret_addr)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->ranges[i].addr.family == (f == V4 ? ADDR_V4 : ADDR_V6) &&
		    range_lowest(l, s, i, ret_addr))
			return true;
	return false;
}

/* Would the address do, if nobody else had it? */
static bool source_fits(const struct source *s, const struct addr *a)
{
	if (!s->where)
		return true; /* a public address stays what it is when the pool changes */
	for (size_t i = 0; i < s->n; i++)
		if (prefix_contains(&s->ranges[i], a))
			return !address_is_reserved(&s->ranges[i], a);
	return false;
}

/* --- refusing --------------------------------------------------------------------------------------------- */

static int exhausted(const struct source *s, enum family f, struct err *e)
{
	char text[PREFIX_TEXT_MAX] = "", count[32] = "all";
	uint64_t usable = 0;
	int family = f == V4 ? 4 : 6;

	for (size_t i = 0; i < s->n; i++) {
		if (s->ranges[i].addr.family != (f == V4 ? ADDR_V4 : ADDR_V6))
			continue;
		if (!text[0])
			prefix_format(&s->ranges[i], text);
		usable += prefix_usable(&s->ranges[i]);
	}
	if (!s->where)
		return err_set(
			e, ERR_INVALID, "addresses",
			"no IPv%d address of the daemon's public pool is free; delete public "
			"addresses, "
			"name one here, or give the daemon a larger --public-pool",
			family);
	snprintf(count, sizeof(count), "%llu", (unsigned long long)usable);
	return err_set(
		e, ERR_INVALID, "addresses",
		"%s \"%s\" (%s) has no free IPv%d address: all %s of them are in use, besides "
		"the reserved first %d and the last",
		object_kind_text(s->where->kind), s->where->name, text, family, count,
		SUBNET_RESERVED);
}

/* --- filling in ------------------------------------------------------------------------------------------- */

/* Which families the document itself names. */
static void addresses_named(const json_t *list, bool ret_named[FAMILIES])
{
	ret_named[V4] = ret_named[V6] = false;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *text = json_string_value(json_array_get(list, i));
		struct addr a;

		if (text && addr_parse(text, &a) == 0)
			ret_named[addr_index(&a)] = true;
	}
}

/* The address of that family in a list, as it is written there; NULL if there is none. */
static json_t *address_item(const json_t *list, enum family f)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *text = json_string_value(json_array_get(list, i));
		struct addr a;

		if (text && addr_parse(text, &a) == 0 && addr_index(&a) == f)
			return json_array_get(list, i);
	}
	return NULL;
}

static bool item_is(const json_t *item, const struct addr *a)
{
	struct addr found;

	return json_string_value(item) && addr_parse(json_string_value(item), &found) == 0 &&
	       addr_is_equal(&found, a);
}

/* The address in the words of the document, else in those of the one before it, else in our own. */
static json_t *address_text(const struct addr *a, enum family f, const json_t *list,
			    const json_t *before)
{
	json_t *item = address_item(list, f);
	char text[ADDR_TEXT_MAX];

	if (!item_is(item, a))
		item = address_item(before, f);
	return item_is(item, a) ? json_incref(item) : json_string(addr_format(a, text));
}

/* Both lists have the same addresses, maybe in another order. */
static bool addresses_same(const json_t *list, const json_t *other)
{
	return json_array_size(list) == json_array_size(other) &&
	       json_equal(address_item(list, V4), address_item(other, V4)) ==
		       !!address_item(list, V4) &&
	       json_equal(address_item(list, V6), address_item(other, V6)) ==
		       !!address_item(list, V6);
}

static int addresses_write(json_t *doc, const struct addr addresses[FAMILIES], const json_t *before)
{
	const json_t *list = json_object_get(doc, "addresses");
	json_t *made = json_array();

	for (size_t f = 0; f < FAMILIES && made; f++) {
		if (addresses[f].family == ADDR_NONE)
			continue;
		if (json_array_append_new(
			    made, address_text(&addresses[f], (enum family)f, list, before)) < 0) {
			json_decref(made);
			made = NULL;
		}
	}
	if (made && before && addresses_same(made, before)) {
		json_decref(made);
		made = json_deep_copy(before);
	}
	return made && json_object_set_new(doc, "addresses", made) == 0 ? 0 : -ERR_NOMEM;
}

/* The address that `before` has for the same place, if the object has none by now. */
static void address_recall(const struct source *s, struct node *n, size_t i, enum family f,
			   const json_t *before)
{
	struct place p = body_place(n->o.kind, n->now.body, i);
	const json_t *item = address_item(before, f);
	struct addr a;

	if (p.addresses[f].family != ADDR_NONE || !item ||
	    addr_parse(json_string_value(item), &a) < 0 || !source_fits(s, &a))
		return;
	claim_take(n, i, f, &a);
}

/* One family at one place: what it has if that is still good, else the lowest. */
static int address_fill(struct node *n, struct source *s, size_t i, enum family f,
			const json_t *before, struct err *e)
{
	struct place p = body_place(n->o.kind, n->now.body, i);
	struct addr a;

	address_recall(s, n, i, f, before);
	if (p.addresses[f].family != ADDR_NONE) {
		if (source_fits(s, &p.addresses[f]) &&
		    !claim_other(n->l, place_scope(n->l, &p), &p.addresses[f], n))
			return 0;
		claim_drop(n, i, f);
	}
	if (!source_has(s, f))
		return 0;
	if (!source_lowest(n->l, s, f, &a))
		return exhausted(s, f, e);
	claim_take(n, i, f, &a);
	return 0;
}

/* An object with addresses of its own choice at a place of the internet gets no other ones. */
static bool is_open(const struct place *p, const bool named[FAMILIES], enum family f)
{
	return p->where ? !named[f] : !named[V4] && !named[V6];
}

static int place_allocate(struct node *n, size_t i, const json_t *before, json_t *doc,
			  struct err *e)
{
	struct place p = body_place(n->o.kind, n->now.body, i);
	bool named[FAMILIES], has_open = false;
	struct source s;
	int r = 0;

	if (p.where && !p.where->body)
		return 0; /* the check says that it is not declared */
	if (source_of(n->l, &p, &s) < 0)
		return err_set(e, ERR_NOMEM, NULL, "out of memory");
	addresses_named(json_object_get(doc, "addresses"), named);
	if (!p.where && !named[V4] && !named[V6] && !s.n && !before &&
	    p.addresses[V4].family == ADDR_NONE && p.addresses[V6].family == ADDR_NONE)
		return err_set(
			e, ERR_INVALID, "addresses",
			"is required, since the daemon has no --public-pool to allocate from");
	for (size_t f = 0; f < FAMILIES && r == 0; f++) {
		if (!is_open(&p, named, (enum family)f))
			continue;
		r = address_fill(n, &s, i, (enum family)f, before, e);
		has_open |= p.addresses[f].family != ADDR_NONE;
	}
	if (r < 0 || !has_open)
		return r;
	return addresses_write(doc, p.addresses, before) < 0
		       ? err_set(e, ERR_NOMEM, NULL, "out of memory")
		       : 0;
}

/* --- the parts of documents that have addresses ----------------------------------------------------------- */

static bool same_text(const json_t *a, const json_t *b, const char *field)
{
	const json_t *x = json_object_get(a, field), *y = json_object_get(b, field);

	return (!x && !y) || json_equal(x, y);
}

/* "addresses" of the former document, if it was at the same place. */
static const json_t *before_of(const json_t *before, const json_t *doc)
{
	if (!before || !same_text(before, doc, "subnet") || !same_text(before, doc, "site"))
		return NULL;
	return json_object_get(before, "addresses");
}

static json_t *placements_of(const json_t *doc)
{
	return json_object_get(json_object_get(doc, "private"), "placements");
}

static int placement_allocate(struct node *n, size_t i, const json_t *before, json_t *doc,
			      struct err *e)
{
	json_t *placement = json_array_get(placements_of(doc), i);
	const json_t *was = NULL, *list = placements_of(before);
	char path[48];
	int r;

	for (size_t k = 0; k < json_array_size(list) && !was; k++)
		was = before_of(json_array_get(list, k), placement);
	r = place_allocate(n, i, was, placement, e);
	snprintf(path, sizeof(path), "private.placements[%zu]", i);
	if (r < 0)
		err_under(e, path);
	return r;
}

int landscape_allocate(struct landscape *l, struct object *o, const json_t *before, json_t *doc,
		       struct err *e)
{
	struct node *n = node_of(o);
	size_t n_places = body_places(o->kind, n->now.body);
	int r = 0;

	if (n_places && o->kind != OBJECT_CLUSTER)
		return place_allocate(n, 0, before_of(before, doc), doc, e);
	for (size_t i = 0; i < n_places && r == 0; i++)
		r = placement_allocate(n, i, before, doc, e);
	return r;
}
