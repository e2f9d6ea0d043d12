/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dns/view.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define VERIFIED_SLOTS 16384u /* 128 KiB; zones that meet in one are verified again */

int dns_data_init(struct dns_data *d)
{
	memset(d, 0, sizeof(*d));
	d->verified = calloc(VERIFIED_SLOTS, sizeof(*d->verified));
	return d->verified ? 0 : -ERR_NOMEM;
}

void dns_data_done(struct dns_data *d)
{
	free(d->verified);
	tables_view_done(&d->internet.view);
	tables_view_done(&d->told.view);
	memset(d, 0, sizeof(*d));
}

void dns_data_begin(struct dns_data *d, struct tables_snapshot *s)
{
	d->snapshot = s;
	d->generation = s ? tables_generation(s) : 0;
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

	if (c->is_known && c->generation == d->generation)
		return 0;
	tables_view_done(&c->view);
	r = tables_get_view(d->snapshot, router, &c->view);
	c->is_known = r == 0 || r == -ERR_NOT_FOUND;
	c->generation = d->generation;
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

/* From the longest suffix to the root; only where some domain has so many labels. */
static int link_find(const struct dns_data *d, const struct view_config *c, uint32_t router,
		     const struct dns_name *name, unsigned *ret_label, uint32_t *ret_zone,
		     uint32_t *ret_flags)
{
	for (unsigned i = 0; i <= name->labels; i++) {
		int r;

		if (!view_has_depth(c, name->labels - i))
			continue;
		r = tables_get_link(d->snapshot, router, name->wire + name->at[i],
				    name->len - (size_t)name->at[i], ret_zone, ret_flags);
		*ret_label = i;
		if (r != -ERR_NOT_FOUND)
			return r;
	}
	return -ERR_NOT_FOUND;
}

int dns_view_zone(const struct dns_view *v, bool internet, const struct dns_name *name,
		  struct zone *ret_zone, uint32_t *ret_flags)
{
	const struct view_config *c = internet ? &v->data->internet.view : &v->config.view;
	unsigned label;
	uint32_t id;
	size_t len;
	int r = link_find(v->data, c, internet ? VIEW_INTERNET : v->router, name, &label, &id,
			  ret_flags);

	if (r == 0)
		r = zone_get(v->data, id, ret_zone);
	if (r < 0)
		return r;
	/* The link and the zone say the same. */
	len = name->len - (size_t)name->at[label];
	if (ret_zone->apex_len != len ||
	    memcmp(ret_zone->apex, name->wire + name->at[label], len) != 0)
		return -ERR_UNAVAILABLE;
	return 0;
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
	uint32_t zone, flags;
	unsigned label;

	return v->router != VIEW_INTERNET &&
	       link_find(v->data, &v->data->told.view, VIEW_TOLD, name, &label, &zone, &flags) == 0;
}
