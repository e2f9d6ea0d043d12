/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dns/view.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define VERIFIED_SLOTS 131072u /* 1 MiB; zones that meet in one are verified again */
#define CACHE_SLOTS    262144u /* 8 MiB; memory as they are used */

/* What a domain in a view is linked to, as of a commit. Half a cache line. */
struct dns_cached {
	uint64_t hash;
	const uint8_t *blob; /* verified; NULL: not linked */
	uint32_t len;
	uint32_t router;
	uint32_t commit; /* lower half; 0: empty */
	uint32_t flags;
};

int dns_data_init(struct dns_data *d)
{
	memset(d, 0, sizeof(*d));
	if (getrandom(d->key, sizeof(d->key), 0) != sizeof(d->key))
		return -ERR_UNAVAILABLE;
	d->verified = calloc(VERIFIED_SLOTS, sizeof(*d->verified));
	d->cache = calloc(CACHE_SLOTS, sizeof(*d->cache));
	if (d->verified && d->cache)
		return 0;
	dns_data_done(d);
	return -ERR_NOMEM;
}

void dns_data_done(struct dns_data *d)
{
	free(d->verified);
	free(d->cache);
	tables_view_done(&d->internet.view);
	tables_view_done(&d->told.view);
	memset(d, 0, sizeof(*d));
}

void dns_data_begin(struct dns_data *d, struct tables_snapshot *s)
{
	/* Of generation 0 there is nothing in it yet: whatever it lacks may be declared. */
	d->snapshot = s && tables_generation(s) > 0 ? s : NULL;
	d->commit = s ? tables_commit_id(s) : 0;
}

void dns_data_end(struct dns_data *d)
{
	d->snapshot = NULL;
}

void dns_view_init(struct dns_view *v, struct dns_data *d, uint32_t router)
{
	*v = (struct dns_view){.data = d, .router = router};
}

void dns_view_done(struct dns_view *v)
{
	tables_view_done(&v->config.view);
}

static int config_refresh(struct dns_config *c, const struct dns_data *d, uint32_t router)
{
	int r;

	if (c->is_known && c->commit == d->commit)
		return 0;
	tables_view_done(&c->view);
	r = tables_get_view(d->snapshot, router, &c->view);
	c->is_known = r == 0 || r == -ERR_NOT_FOUND;
	c->commit = d->commit;
	return c->is_known ? 0 : -ERR_UNAVAILABLE;
}

int dns_view_refresh(struct dns_view *v)
{
	struct dns_data *d = v->data;
	int r;

	if (!d->snapshot)
		return -ERR_UNAVAILABLE;
	r = config_refresh(&d->internet, d, VIEW_INTERNET);
	if (r == 0)
		r = config_refresh(&d->told, d, VIEW_TOLD);
	return r < 0 ? r : config_refresh(&v->config, d, v->router);
}

/* Verified once while it stays the same. */
static int zone_get(struct dns_data *d, uint32_t id, struct zone *ret_zone)
{
	uint64_t *seen = &d->verified[id % VERIFIED_SLOTS];
	int r = tables_get_zone(d->snapshot, id, false, ret_zone);

	if (r < 0)
		return -ERR_UNAVAILABLE; /* a link that leads nowhere */
	if (*seen == zone_check(ret_zone))
		return 0;
	if (zone_verify(ret_zone->blob, ret_zone->len) < 0)
		return -ERR_UNAVAILABLE;
	*seen = zone_check(ret_zone);
	return 0;
}

/* As LMDB has it. *ret_zone: zero if the domain is not linked. */
static int link_read(struct dns_data *d, uint32_t router, const uint8_t *domain, size_t len,
		     struct zone *ret_zone, uint32_t *ret_flags)
{
	uint32_t id;
	int r = tables_get_link(d->snapshot, router, domain, len, &id, ret_flags);

	memset(ret_zone, 0, sizeof(*ret_zone));
	if (r == -ERR_NOT_FOUND) {
		*ret_flags = 0;
		return 0;
	}
	if (r == 0)
		r = zone_get(d, id, ret_zone);
	if (r < 0)
		return r;
	/* The link and the zone say the same. */
	if (ret_zone->apex_len != len || memcmp(ret_zone->apex, domain, len) != 0)
		return -ERR_UNAVAILABLE;
	return 0;
}

/* The zone linked under exactly this domain. -ERR_NOT_FOUND, -ERR_UNAVAILABLE. */
static int link_get(struct dns_data *d, uint32_t router, const uint8_t *domain, size_t len,
		    struct zone *ret_zone, uint32_t *ret_flags)
{
	const uint64_t hash = siphash13(d->key, domain, len) ^ router * 0x9e3779b97f4a7c15u;
	struct dns_cached *c = &d->cache[hash % CACHE_SLOTS];
	const uint32_t commit = (uint32_t)d->commit;
	int r;

	if (c->hash == hash && c->router == router && c->commit == commit && commit != 0) {
		*ret_flags = c->flags;
		if (!c->blob)
			return -ERR_NOT_FOUND;
		if (zone_open(c->blob, c->len, ret_zone) == 0 && ret_zone->apex_len == len &&
		    memcmp(ret_zone->apex, domain, len) == 0)
			return 0;
	}
	r = link_read(d, router, domain, len, ret_zone, ret_flags);
	if (r < 0)
		return r;
	*c = (struct dns_cached){.hash = hash,
				 .blob = ret_zone->blob,
				 .len = ret_zone->len,
				 .router = router,
				 .commit = commit,
				 .flags = *ret_flags};
	return ret_zone->blob ? 0 : -ERR_NOT_FOUND;
}

/* From the longest suffix to the root; only where some domain has so many labels. */
int dns_view_zone(const struct dns_view *v, bool internet, const struct dns_name *name,
		  struct zone *ret_zone, uint32_t *ret_flags)
{
	const struct view_config *c = internet ? &v->data->internet.view : &v->config.view;
	const uint32_t router = internet ? VIEW_INTERNET : v->router;

	for (unsigned i = 0; i <= name->labels; i++) {
		int r;

		if (!view_has_depth(c, name->labels - i))
			continue;
		r = link_get(v->data, router, name->wire + name->at[i],
			     name->len - (size_t)name->at[i], ret_zone, ret_flags);
		if (r != -ERR_NOT_FOUND)
			return r;
	}
	return -ERR_NOT_FOUND;
}

const struct view_forward *dns_view_forward(const struct dns_view *v, const struct dns_name *name)
{
	const struct view_config *c = &v->config.view;
	const struct view_forward *best = NULL;

	for (size_t i = 0; i < c->n_forwards; i++) {
		const struct view_forward *f = &c->forwards[i];

		if ((!best || f->domain_len > best->domain_len) &&
		    dname_below(name->wire, name->len, f->domain, f->domain_len) >= 0)
			best = f;
	}
	return best;
}

bool dns_view_is_told(const struct dns_view *v, const struct dns_name *name)
{
	const struct view_config *c = &v->data->told.view;
	uint32_t zone, flags;

	for (unsigned i = 0; i <= name->labels && v->router != VIEW_INTERNET; i++) {
		if (view_has_depth(c, name->labels - i) &&
		    tables_get_link(v->data->snapshot, VIEW_TOLD, name->wire + name->at[i],
				    name->len - (size_t)name->at[i], &zone, &flags) == 0)
			return true;
	}
	return false;
}
